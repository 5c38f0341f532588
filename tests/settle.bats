# scripts/settle: files in, totals out, and a table that shows that nothing went missing on the way.
setup() {
	load setup
	PATH=$PATH:$BATS_TEST_DIRNAME/../scripts
}

a_day() {
	pay-gen -n 2000 --test 0.01 --network-cancels 0.02 --unconfirmed 0.01 --non-settlement 0.03 --malformed 0.005 \
		--merchants-file merchants.csv --rules rules.csv >day.ndjson
}

@test "a day is settled, and everything adds up" {
	a_day
	run settle -o out --merchants merchants.csv --rules rules.csv --dead-letter - day.ndjson
	echo "$output"
	[ "$status" = 0 ]
	[ "${lines[-1]}" = "Everything adds up." ]
	[[ $output == *"settle.db: base "*" 1850 "* ]]
	[[ $output == *"settle.db: unsettlement "*" 140 "* ]]
	[[ $output == *"settle.db: dead letters, open "*" 10 "* ]]
	[[ $output =~ "tagged: TEST_PAYMENT"\ +20 ]]
	diff <(echo "$output") <(cat out/report)
	[ "$(jq -s 'map(.value.count) | add' out/totals.ndjson)" = 1850 ]
}

@test "a second run counts nothing again" {
	a_day
	settle -q -o out --dead-letter - day.ndjson
	cp out/totals.ndjson first
	run settle -q -o out --dead-letter - day.ndjson
	[ "$status" = 0 ]
	[[ $output == "settle: 10 bad records wait in settle.db (pay-tobase "*", pay-consume "*")" ]]
	cmp first out/totals.ndjson
}

@test "a second file adds to the first" {
	pay-gen -n 100 >one
	pay-gen -n 200 --seed 2 >two
	settle -q -o out one
	settle -q -o out two
	[ "$(jq -s 'map(.value.count) | add' out/totals.ndjson)" = 300 ]
}

@test "a day on which nothing is settled is a day: an empty file, or test payments alone" {
	: >empty
	run settle -o out empty
	echo "$output"
	[ "$status" = 0 ]
	[ "${lines[-1]}" = "Everything adds up." ]
	pay-gen -n 20 --test 1 >tests
	settle -q -o out tests
	[ -e out/totals.ndjson ]
	[ ! -s out/totals.ndjson ]
	pay-gen -n 20 >day
	settle -q -o out day
	[ "$(jq -s 'map(.value.count) | add' out/totals.ndjson)" = 20 ]
}

@test "totals that do not fit leave the totals of the run before as they were" {
	pay-gen -n 20 >day
	settle -q -o out day
	cp out/totals.ndjson before
	for i in 1 2; do
		echo '{"channel":"ONLINE","action":"PAYMENT","data":{"paymentType":"ONLINE","amount":9223372036854775807,"payoutDate":null,"confirmDate":"2025-05-26","merchantNumber":"zz","paymentDate":"2025-05-25T10:00:00","paymentActionType":"PAYMENT","paymentMethodType":"CARD"}}'
	done >wide
	run settle -q -o out wide
	echo "$output"
	[ "$status" = 65 ]
	[[ $output == *"does not fit 64 bits"* ]]
	cmp before out/totals.ndjson
}

@test "a run that stopped at a bad record goes on when it is put aside, each payment once" {
	a_day
	run settle -q -o out day.ndjson
	[ "$status" = 65 ]
	[[ $output == *"day.ndjson"* ]]
	run settle -q -o out --merchants merchants.csv --dead-letter - day.ndjson
	echo "$output"
	[ "$status" = 0 ]
	settle -q -o whole --merchants merchants.csv --dead-letter - day.ndjson
	cmp out/totals.ndjson whole/totals.ndjson
}

@test "the exit status is that of the step that failed, and the others are not blamed" {
	pay-gen -n 10 >day
	run settle -o out missing
	[ "$status" = 66 ]
	echo 'nonsense' >policy.csv
	run settle -o out --policy policy.csv day
	[ "$status" = 78 ]
	[[ $output == *"pay-filter failed (78)"* ]]
	run settle -o out --default-cycle X+1 day
	[ "$status" = 64 ] || [ "$status" = 78 ]
	[[ $output == *"pay-rule failed"* ]]
}

@test "two runs do not overlap" {
	pay-gen -n 10 >day
	mkdir out
	flock out/lock sleep 60 3>&- &
	while flock -n out/lock true; do sleep 0.05; done
	run settle -o out --lock-wait 0.2 day
	[ "$status" = 75 ]
	kill $!
}

@test "a store that lost a record does not pass" {
	pay-gen -n 100 >day
	settle -q -o out day
	sqlite3 out/settle.db 'DELETE FROM base WHERE "offset" = 7'
	run settle -q -o out day
	echo "$output"
	[ "$status" = 70 ]
	[[ $output == *"records in base, and in the totals: 99 is not 100"* ]]
	grep -q "DOES NOT ADD UP" out/report
}

@test "a payment that counts under another merchant than it is kept under does not pass" {
	pay-gen -n 100 >day
	settle -q -o out day
	sqlite3 out/settle.db "UPDATE base SET merchantNumber = 'another' WHERE \"offset\" = 7"
	run settle -q -o out day
	echo "$output"
	[ "$status" = 70 ]
	[[ $output == *"total by total: they differ"* ]]
}

@test "a run that is told to stop commits what came and ends with 75; the next one goes on" {
	mkfifo live
	pay-gen -n 50 >day
	exec 7<>live # it stays open, so that the run does not end by itself
	cat day >&7
	settle -q -o "$PWD/out" live 2>said &
	until sqlite3 -readonly out/totals.db 'SELECT 1 FROM cover' 2>&1 | grep -qx 1; do sleep 0.05; done
	consume=$(LC_ALL=C grep -las "[-]-resume.*$PWD/out/log.db" /proc/[0-9]*/cmdline || true)
	kill -TERM "$(cut -d/ -f3 <<<"$consume")"
	status=0
	wait $! || status=$?
	cat said
	[ "$status" = 75 ]
	grep -q "told to stop" said
	settle -q -o out --as other day
	grep -q "Everything adds up" out/report
}

@test "told to stop before pay-consume has begun, a run ends with 75 and has settled nothing" {
	pay-gen -n 50 >day
	mkdir late
	printf '#!/bin/sh\ncase " $* " in *" --check "*) ;; *) touch started; sleep 1 ;; esac\nexec "%s" "$@"\n' \
		"$(command -v pay-consume)" >late/pay-consume
	chmod +x late/pay-consume
	for shares in 1 2; do
		rm -rf started out
		PATH=$PWD/late:$PATH settle -q -j "$shares" -o out day 2>said 3>&- &
		until [ -e started ]; do sleep 0.05; done
		kill -TERM $!
		status=0
		wait $! || status=$?
		cat said
		[ "$status" = 75 ]
		[ "$(cat said)" = "settle: told to stop before anything came" ]
		settle -q -j "$shares" -o out day
		[ "$(jq -s 'map(.value.count) | add' out/totals.ndjson)" = 50 ]
	done
}

@test "--dedupe-by: a payment under other coordinates is kept as DUPLICATE and not settled, however often it comes" {
	pay-gen -n 300 --seed 1 >monday
	{ pay-gen -n 100 --seed 2 && head -n 40 monday; } >tuesday
	settle -q -o out --dedupe-by merchantNumber,paymentDate,amount monday
	for _ in again and-again; do
		settle -q -o out --dedupe-by merchantNumber,paymentDate,amount --dedupe-days 3 monday tuesday
		[ "$(tail -n 1 out/report)" = "Everything adds up." ]
		[ "$(jq -s 'map(.value.count) | add' out/totals.ndjson)" = 400 ]
		[ "$(sqlite3 out/settle.db 'SELECT reason, count(*) FROM unsettlement')" = "DUPLICATE|40" ]
	done
	run -64 settle -o out --dedupe-days 3 monday
	[[ $output == *"--dedupe-days needs --dedupe-by"* ]]
	run -64 settle -o other -j 2 --dedupe-by amount monday
	[[ $output == *"no share knows the payments of the others"* ]]
}

@test "amounts beyond 64 bits are added exactly" {
	for i in 1 2 3; do
		echo '{"channel":"ONLINE","action":"PAYMENT","data":{"paymentType":"ONLINE","amount":9223372036854775807,"payoutDate":null,"confirmDate":"2025-05-26","merchantNumber":"m'$i'","paymentDate":"2025-05-25T10:00:00","paymentActionType":"PAYMENT","paymentMethodType":"CARD"}}'
	done >day
	run settle -o out day
	echo "$output"
	[ "$status" = 0 ]
	[[ $output == *" 27670116110564327421"* ]]
}

# The kept part of a report.
kept() { sed -n '/^settle.db: base/,/^settle.db: dead/p' "$1/report"; }

@test "-j splits a day, and comes to the same totals and records, also when run again" {
	a_day
	settle -q -o whole --merchants merchants.csv --rules rules.csv --dead-letter - day.ndjson
	for jobs in 2 7; do
		settle -q -j $jobs -o shares$jobs --merchants merchants.csv --rules rules.csv --dead-letter - day.ndjson
		cmp whole/totals.ndjson shares$jobs/totals.ndjson
		diff <(kept whole) <(kept shares$jobs)
		diff <(pay-store -d whole/settle.db --export base) \
			<(for share in $(seq $jobs); do pay-store -d shares$jobs/share-"$share"/settle.db --export base; done)
		[ "$(tail -n 1 shares$jobs/report)" = "Everything adds up." ]
		# once more, in shares that have all
		rm shares$jobs/totals.ndjson
		settle -q -j $jobs -o shares$jobs --merchants merchants.csv --rules rules.csv --dead-letter - day.ndjson
		cmp whole/totals.ndjson shares$jobs/totals.ndjson
	done
}

@test "-j 1 is a run without shares" {
	pay-gen -n 50 >day
	settle -q -j 1 -o out day
	settle -q -o out day
	[ "$(jq -s 'map(.value.count) | add' out/totals.ndjson)" = 50 ]
	[ ! -e out/shares ]
}

@test "-j: many files, some that cannot be split, one without an end of line, empty ones and small ones" {
	pay-gen -n 300 >one
	printf %s "$(pay-gen -n 301 --seed 2)" >two
	pay-gen -n 100 --seed 3 | gzip >three.gz
	pay-gen -n 100 --seed 4 | sed 's/^{/{"_src":"four\/0\/1",/' | awk '{ sub(/0\/1"/, "0/" NR "\"") } 1' >four
	pay-gen -n 2 --seed 5 >five
	: >six
	settle -q -o whole --as 1 --as "2 'ä" one two three.gz four five six
	run settle -j 4 -o shares --as 1 --as "2 'ä" one two three.gz four five six
	echo "$output"
	[ "$status" = 0 ]
	cmp whole/totals.ndjson shares/totals.ndjson
	diff <(kept whole) <(kept shares)
	[[ $output == *"three.gz: not split"*"four: not split"*"six: not split"* ]]
	[ "$(grep -c ^split shares/shares)" = 3 ]
	settle -q -j 4 -o shares six four two --as six --as four --as "2 'ä"
	cmp whole/totals.ndjson shares/totals.ndjson
	[ "$(wc -l <shares/shares)" = 7 ] # each is in the plan once
	run settle -j 4 -o shares missing
	[ "$status" = 66 ]
}

@test "-j: a folder keeps its number of shares, and a file its content" {
	pay-gen -n 200 >day
	settle -q -o one day
	settle -q -j 2 -o two day
	run settle -j 2 -o one day
	[ "$status" = 76 ]
	[[ $output == *"was begun without shares"* ]]
	for jobs in 1 3; do
		run settle -j $jobs -o two day
		[ "$status" = 76 ]
		[[ $output == *"was begun in 2 shares"*"--jobs 2"* ]]
	done
	pay-gen -n 201 >day
	run settle -j 2 -o two day
	[ "$status" = 76 ]
	[[ $output == *"with other content"*"another name"* ]]
	sed -i 's/merchant-1/merchant-2/' day
	run settle -j 2 -o two --as another day
	[ "$status" = 0 ]
	sed -i 's/ONLINE/ONLINE/; 3s/CARD/CASH/; 3s/POINT/PAINT/; 3s/MONEY/MONET/; 3s/PAY"/PAI"/' day
	run settle -j 2 -o two --as another day
	[ "$status" = 76 ]
}

@test "-j: a file that has grown goes on in the last share, and what it was is known packed, too" {
	pay-gen -n 200 >day
	head -n 150 day >grown
	settle -q -j 2 -o two --as day grown
	gzip -c grown >day.gz
	settle -q -j 2 -o two day.gz --as day
	[ "$(jq -s 'map(.value.count) | add' two/totals.ndjson)" = "$(pay-consume grown | pay-tobase | pay-agg | jq -s 'map(.value.count) | add')" ]
	run -76 settle -q -j 2 -o two --as day - <grown
	[[ $output == *"from a regular file"* ]]
	cp day grown
	run -76 settle -q -j 2 -o two --as day grown
	[[ $output == *"--grown"* ]]
	settle -q -j 2 -o two --as day --grown grown
	settle -q -j 2 -o two --as day grown
	settle -q -o one day
	cmp one/totals.ndjson two/totals.ndjson
}

@test "-j: known content under another name is refused before a share begins, whichever has it" {
	pay-gen -n 200 >day
	head -n 1 day >small
	gzip -c day >packed.gz
	gzip -1c day >again.gz
	cp day copy
	cp small little
	for files in 'day copy' 'day packed.gz' 'packed.gz day' 'packed.gz again.gz' 'small little'; do
		rm -rf out both
		read -r first second <<<"$files"
		# shellcheck disable=SC2086 # two files
		run -76 settle -q -j 2 -o both $files
		[[ $output == *"$second: its "*" lines are those of $first"*"nothing was begun"* ]]
		[ ! -e both/share-1/log.db ]
		settle -q -j 2 -o out "$first"
		run -76 settle -q -j 2 -o out "$second"
		[[ $output == *"$second: its "*" lines are those of $first"*"nothing was begun"* ]]
		settle -q -j 2 -o out "$first"
	done
	settle -q -j 2 -o out --twice little
	[ "$(jq -s 'map(.value.count) | add' out/totals.ndjson)" = 2 ]
	settle -q -j 2 -o out small little
	# Files without a payment, as of days off, may be alike.
	echo '{"channel":"ONLINE","action":"FINISH"}' | tee off-1 >off-2
	settle -q -j 2 -o out off-1 off-2
}

@test "-j: a bad record ends all shares, with its status; the next run goes on, each payment once" {
	pay-gen -n 30000 >day
	settle -q -o whole --dead-letter - day
	sed '20001s/^{/{{/' day >bad
	run settle -q -j 3 -o out --as day bad
	echo "$output"
	[ "$status" = 65 ]
	[[ $output == *"day/0/20001"* ]]
	[[ $output == *"share-3: pay-consume failed (65)"* || $output == *"share-2: pay-consume failed (65)"* ]]
	run settle -q -j 3 -o out --dead-letter - --as day bad
	echo "$output"
	[ "$status" = 0 ]
	[ "$(jq -s 'map(.value.count) | add' out/totals.ndjson)" = 29999 ]
	settle -q -o bad1 --dead-letter - --as day bad
	cmp bad1/totals.ndjson out/totals.ndjson
}

@test "a file of another schema is refused before anything is kept of it, other files settle, and the mended one is taken" {
	for jobs in 1 2; do
		seq 300 | jq -c '{id: ., price: 1}' >day
		for _ in 1 2; do
			run -65 settle -o out$jobs -j $jobs --dead-letter - day
			[[ $output == *"day: no line became a payment"*"; nothing was begun" ]]
		done
		pay-gen -n 30 --seed 2 >other
		run -0 settle -o out$jobs -j $jobs --dead-letter - other
		pay-gen -n 50 >day
		run -0 settle -o out$jobs -j $jobs --dead-letter - day
		[ "${lines[-1]}" = "Everything adds up." ]
		[ "$(jq -s 'map(.value.count) | add' out$jobs/totals.ndjson)" = 80 ]
	done
}

@test "a pipe of another schema is refused when it is read, and --correct takes the mended file" {
	run -65 settle -o out --dead-letter - --as day - < <(seq 300 | jq -c '{id: ., price: 1}')
	[[ $output == *"day: no line became a payment"* ]]
	pay-gen -n 50 >day
	run -0 settle -o out --dead-letter - --correct day
	[ "${lines[-1]}" = "Everything adds up." ]
}

@test "-j: a run that is killed goes on in all shares" {
	pay-gen -n 60000 --merchants 50 >day
	settle -q -o whole day
	for delay in 0.3 0.6; do
		setsid settle -q -j 2 -o out day 3>&- 2>/dev/null &
		sleep $delay
		kill -KILL -- -$! || true # it may be done already
		wait $! || true
	done
	settle -q -j 2 -o out day
	cmp whole/totals.ndjson out/totals.ndjson
	diff <(kept whole) <(kept out)
}

@test "-j: told to stop, all shares commit what came and 75 ends the run" {
	pay-gen -n 200000 --merchants 50 >day
	settle -q -j 2 -o out day 2>said 3>&- &
	local process=$!
	for share in 1 2; do # once both have settled something
		until sqlite3 -readonly "out/share-$share/totals.db" 'SELECT 1 FROM cover' 2>&1 | grep -qx 1; do sleep 0.02; done
	done
	kill -TERM "$process"
	status=0
	wait "$process" || status=$?
	cat said
	[ "$status" = 75 ]
	grep -q "told to stop" said
	[ "$(tail -n 1 out/report)" = "Everything adds up." ]
	settle -q -j 2 -o out day
	[ "$(jq -s 'map(.value.count) | add' out/totals.ndjson)" = 200000 ]
}

@test "-j: payments that would count in two shares do not pass" {
	pay-gen -n 100 >day
	pay-consume --plain --as day day >replay
	{
		cat day
		sed 's/"ONLINE",/"ONLINE", /' replay
	} >mixed
	run settle -q -j 2 -o out --as day mixed
	echo "$output"
	[ "$status" = 70 ]
	[[ $output == *"102 messages have their coordinates in two shares"* ]]
}

@test "misuse is 64" {
	pay-gen -n 10 >day
	for wrong in '-o out -j 0 day' '-o out -j x day' '-o out -j 2 --from 3 day' '-o out -j 2 -b x -t t --partitions 1'; do
		# shellcheck disable=SC2086 # options and their arguments
		run settle $wrong
		[ "$status" = 64 ]
	done
	for wrong in '' '-o out' 'day' '-o out --what day' '-o'; do
		# shellcheck disable=SC2086 # options and their arguments
		run settle $wrong
		[ "$status" = 64 ]
	done
}

@test "dead letters of every kind from every stage, in the store or in a file: everything adds up, on a second run too" {
	local seed first
	first=${LETTERS_SEED:-$((RANDOM % 1000000))}
	printf 'merchantNumber\nm-2\n' >merchants.csv
	for ((seed = first; seed < first + ${LETTERS_ROUNDS:-4}; seed++)); do
		echo "LETTERS_SEED=$seed"
		python3 "$BATS_TEST_DIRNAME/settle/letters.py" "$seed" >day
		python3 "$BATS_TEST_DIRNAME/settle/letters.py" "$((seed + 1000000))" >next
		options=(--default-cycle M+1:LAST --reject 'X=if .amount % 7 == 0 then error("no") else false end')
		case $((seed % 4)) in
		0) options+=(--dedupe-by id) ;;
		1) options+=(-j 2) ;;
		2) options+=(--rule-url http://127.0.0.1:9/rule --on-api-error reject) ;;
		3) options+=(--merchants merchants.csv) ;;
		esac
		for letters in - bad.ndjson; do
			rm -rf out
			for _ in 1 2; do
				run -0 settle -o out --dead-letter "$letters" "${options[@]}" day
				echo "$output"
				[ "${lines[-1]}" = "Everything adds up." ]
			done
			run -0 settle -o out --dead-letter "$letters" "${options[@]}" next
			echo "$output"
			[ "${lines[-1]}" = "Everything adds up." ]
		done
	done
}

@test "one cause, one message: what later stages say only because an earlier one ended is not shown" {
	a_day
	for wrong in 5s/CARD/XX/ '7s/^/{/'; do
		sed "$wrong" day.ndjson >bad
		run -65 --separate-stderr settle -q -o out <(head -n 300 bad)
		echo "$stderr"
		[ "${#stderr_lines[@]}" = 2 ]
		[[ ${stderr_lines[0]} == pay-*": bad record: "* ]]
		[[ ${stderr_lines[1]} == "settle: pay-"*" failed (65); "* ]]
	done
	# a stage that says nothing because it is killed
	pay-gen -n 2000 >day
	mkdir late
	printf '#!/bin/sh\nhead -c 1000 >/dev/null; kill -KILL $$\n' >late/pay-filter
	chmod +x late/pay-filter
	PATH=$PWD/late:$PATH run -70 --separate-stderr settle -q -o other day
	echo "$stderr"
	[ "$stderr" = "settle: pay-filter was ended by signal 9" ]
	# one that ends in order, though nobody told it to: then what the next one says is all that is known
	printf '#!/bin/sh\nhead -c 1000 >/dev/null; exit 0\n' >late/pay-filter
	PATH=$PWD/late:$PATH run -65 --separate-stderr settle -q -o third day
	echo "$stderr"
	[ "${#stderr_lines[@]}" = 2 ]
	[[ ${stderr_lines[0]} == "pay-store: standard input: empty, not even a mark came"* ]]
	[[ ${stderr_lines[1]} == "settle: pay-store failed (65); "* ]]
}

@test "what stages say is handed on while they run" {
	mkfifo live
	pay-gen -n 10 >day
	exec 7<>live
	{ cat day && echo nonsense && cat day; } >&7
	# a warning of the first stage: the rest of the run still waits for the pipe
	mkdir late
	printf '#!/bin/sh\necho "pay-rule: something to say" >&2\nexec "%s" "$@"\n' "$(command -v pay-rule)" >late/pay-rule
	chmod +x late/pay-rule
	PATH=$PWD/late:$PATH settle -q -o out --dead-letter - live 2>said 3>&- &
	for _ in {1..200}; do
		! grep -q "something to say" said || break
		sleep 0.05
	done
	grep -q "something to say" said
	kill -TERM $!
	wait $! || [ $? = 75 ]
}

# following OUT: a settle on a pipe that stays open, once it has settled 50 payments; sets settle to its process
following() {
	[ -p live ] || mkfifo live
	pay-gen -n 50 >day
	exec 7<>live
	cat day >&7
	settle -q -o "$PWD/$1" live 2>said 3>&- 7>&- &
	settle=$!
	for _ in {1..200}; do
		! sqlite3 -readonly "$1/totals.db" 'SELECT 1 FROM cover' 2>&1 | grep -qx 1 || return 0
		sleep 0.05
	done
	return 1
}

@test "SIGHUP ends a run in order, as SIGTERM does" {
	following out
	kill -HUP "$settle"
	status=0
	wait "$settle" || status=$?
	cat said
	[ "$status" = 75 ]
	grep -q "told to stop" said
	[ "$(tail -n 1 out/report)" = "Everything adds up." ]
}

@test "a settle that is killed takes its pipeline with it, and the next run has the lock and clears up" {
	following out
	kill -KILL "$settle"
	wait "$settle" || true
	compgen -G 'out/.run-*' >/dev/null
	for _ in {1..200}; do # pay-consume ends in order, and all behind it drain
		! flock -n out/lock true || break
		sleep 0.05
	done
	flock -n out/lock true
	settle -q -o out --as other day
	[ "$(tail -n 1 out/report)" = "Everything adds up." ]
	[ "$(jq -s 'map(.value.count) | add' out/totals.ndjson)" = 100 ]
	[ -z "$(compgen -G 'out/.run-*')" ]
}

@test "-j: a pipe and standard input are opened once and settled whole" {
	pay-gen -n 300 >day
	settle -q -o whole day
	mkfifo pipe
	(cat day >pipe && touch written) 3>&- &
	run -0 timeout 60 settle -q -j 2 -o piped --as day pipe
	echo "$output"
	wait $!
	[ -e written ]
	cmp whole/totals.ndjson piped/totals.ndjson
	timeout 60 settle -q -j 2 -o read - <day
	cmp whole/totals.ndjson read/totals.ndjson
	timeout 60 settle -q -j 3 -o both day <(pay-gen -n 300 --seed 2)
	[ "$(jq -s 'map(.value.count) | add' both/totals.ndjson)" = 600 ]
}

@test "neither POSIXLY_CORRECT, nor TMPDIR, nor ~/.sqliterc, nor a folder with spaces and quotes changes anything" {
	a_day
	settle -q -o whole --default-cycle D+2 --dead-letter - day.ndjson
	mkdir "it's \"a\" folder"
	echo '.mode json' >.sqliterc
	run env HOME="$PWD" POSIXLY_CORRECT=1 TMPDIR="$PWD/it's \"a\" folder" settle -o "o'u \"t" --default-cycle D+2 --dead-letter - day.ndjson
	[ "$status" = 0 ]
	[ "${lines[-1]}" = "Everything adds up." ]
	cmp whole/totals.ndjson "o'u \"t/totals.ndjson"
	env POSIXLY_CORRECT=1 TMPDIR=/nowhere HOME="$PWD" settle -q -j 2 -o shares --default-cycle D+2 --dead-letter - day.ndjson
	cmp whole/totals.ndjson shares/totals.ndjson
	[ -z "$(ls -A "it's \"a\" folder")" ]
}

@test "names are shown without what a terminal would act on" {
	pay-gen -n 300 >$'day\e[31m\u009b'
	: >$'empty\e[31m\u009b'
	run -0 settle -o out -j 2 $'day\e[31m\u009b' $'empty\e[31m\u009b'
	[[ $output == *'empty\x1b[31m\xc2\x9b: not split'* ]]
	[[ $output != *$'\e'* && $output != *$'\u009b'* ]]
	run -0 settle -o out -j 2 $'day\e[31m\u009b'
	pay-gen -n 301 >$'day\e[31m\u009b'
	run -76 settle -o out -j 2 $'day\e[31m\u009b'
	[[ $output == 'pay-consume: day\x1b[31m\xc2\x9b: '*'knows day\x1b[31m\xc2\x9b with other content'* ]]
	[[ $output != *$'\e'* && $output != *$'\u009b'* ]]
	run -64 settle -o out $'--\e[31m'
	[[ $output != *$'\e'* ]]
}

@test "a plan knows its names in every locale" {
	pay-gen -n 300 >tag-ä
	LC_ALL=C.UTF-8 settle -q -j 2 -o out tag-ä
	LC_ALL=C settle -q -j 2 -o out tag-ä
	[ "$(wc -l <out/shares)" = 2 ]
	LC_ALL=C settle -q -j 2 -o other tag-ä
	LC_ALL=C.UTF-8 settle -q -j 2 -o other tag-ä
	[ "$(wc -l <other/shares)" = 2 ]
}

@test "an option that counts once is refused when it is given twice" {
	pay-gen -n 10 >day
	for twice in '-o out -o other' '-p a --policy b' '--merchants=a -m b' '--dead-letter - --dead-letter=x' '-t a --topic a' \
		'-g a -g b' '-b a --brokers b' '--default-cycle D+1 --default-cycle D+1' '-j 2 -j 2' '--lock-wait 1 --lock-wait 2'; do
		# shellcheck disable=SC2086 # options and their arguments
		run -64 settle -o out $twice day
		[[ $output == *": once only"* ]]
	done
	[ ! -e out ]
	settle -q -q -o out -a paymentMethodType=A -a paymentMethodType=B --reject 'A=false' --reject 'B=false' --as a day
}

@test "an unknown option proposes the nearest, and says nothing of what may be a secret" {
	pay-gen -n 10 >day
	for pair in '--dead-leter --dead-letter' '--jbos --jobs' '--default-cycel --default-cycle' '--currancy=a --currency' '--outpt --output'; do
		read -r wrong right <<<"$pair"
		run -64 settle -o out "$wrong" x day
		[ "$output" = "settle: unknown option ${wrong%%=*}; did you mean $right? (see --help)" ]
	done
	run -64 settle -o out --nothing-like-it day
	[ "$output" = "settle: unknown option --nothing-like-it (see --help)" ]
	run -64 settle -o out -zsecret day
	[ "$output" = "settle: unknown option -z (see --help)" ]
	[ ! -e out ]
}

@test "letters of options may stand together, and an argument behind its letter" {
	pay-gen -n 10 >day
	settle -qj2 -oout -apaymentMethodType=GIFT day
	[ -e out/share-2/settle.db ]
}

@test "a folder may have any name" {
	pay-gen -n 10 >day
	for name in .hidden slash/ slash// sub/.; do
		mkdir -p "$name"
		settle -q -o "$name" day
		tail -n 1 "$name/report" | grep -q "^Everything adds up"
	done
	mkdir here
	cd here
	settle -q -o . ../day
	tail -n 1 report | grep -q "^Everything adds up"
}

@test "dead letters do not go into what settle keeps in its folder, by whatever name" {
	pay-gen -n 10 >day
	echo garbage >>day
	for file in lock options dead-letter-files report payouts.csv totals.ndjson shares again/a share-1/settle.db settle.db log.db-wal seen.db; do
		run -73 timeout 60 settle -o out --dead-letter "out/$file" day
		[[ $output == "settle: --dead-letter out/$file: settle keeps this file itself, and it is left as it is"* ]]
		[ -z "$(ls -A out)" ]
	done
	settle -q -o out --dead-letter out/letters day
	[ "$(wc -l <out/letters)" = 1 ]
	ln out/totals.ndjson hard
	ln -s out/lock soft
	ln -s out other
	cp out/totals.ndjson before
	for file in hard soft other/report out/../out/lock; do
		run -73 timeout 60 settle -o out --dead-letter "$file" day
	done
	cmp out/totals.ndjson before
	cd out
	run -73 timeout 60 settle -o . --dead-letter report ../day
}

@test "a folder with files of the names that settle uses is left as it is" {
	pay-gen -n 10 >day
	for file in lock report options payouts.csv totals.ndjson shares dead-letter-files; do
		mkdir mine
		echo mine >mine/$file
		run -73 settle -o mine day
		[[ $output == "settle: mine/$file: no run of settle has made it, and it is left as it is: name another folder" ]]
		[ "$(cat mine/*)" = mine ]
		rm -r mine
	done
	mkdir -p mine/before mine/again
	run -73 settle -o mine --again
	[ -d mine/before ] && [ -d mine/again ]
	# what else is there is nobody's business, and a folder that was restored without its lock is settled on
	mkdir other
	cp day other/day.new
	settle -q -o other other/day.new
	rm other/lock
	settle -q -o other other/day.new
}

@test "a lock on the folder is waited for, which is said with its holder, and its end" {
	pay-gen -n 10 >day
	mkfifo live
	exec 7<>live
	settle -q -o out --as live live 2>first 3>&- 7>&- &
	first=$!
	for ((tries = 0; tries < 2400; tries++)); do
		[ ! -s out/lock ] || break
		sleep 0.05
	done
	settle -q -o out --lock-wait 100 day 2>second 3>&- 7>&- &
	second=$!
	for ((tries = 0; tries < 2400; tries++)); do
		[ ! -s second ] || break
		sleep 0.05
	done
	[ "$(<second)" = "settle: out: another run (process $first) is at work; waiting for its lock, 100 s at most (--lock-wait)" ]
	kill -TERM "$first"
	status=0
	wait "$first" || status=$?
	[ "$status" = 75 ]
	wait "$second"
	grep -qx 'settle: out: has its lock after [0-9]* s' second
}

@test "a signal that reaches all of the pipeline ends it in order, too" {
	pay-gen -n 10 >day
	mkfifo live
	exec 7<>live
	cat day >&7
	setsid settle -o out --dead-letter - --as live live >told 2>&1 3>&- 7>&- &
	for ((tries = 0; tries < 1200; tries++)); do
		[ "$(sqlite3 -readonly out/settle.db 'SELECT count(*) FROM base' 2>/dev/null)" != 10 ] || break
		sleep 0.1
	done
	kill -TERM -- "-$!"
	status=0
	wait "$!" || status=$?
	[ "$status" = 75 ]
	tail -n 1 told | grep -qx 'settle: told to stop; what came is settled, the next run goes on from there'
	grep -q '^Everything adds up' told
	[ "$(grep -c 'No such file' told)" = 0 ]
	[ -s out/totals.ndjson ]
}

@test "payments of which none was settled are said, and a day without payments is not" {
	pay-gen -n 20 --test 1 >tests
	run -0 --separate-stderr settle -q -o out tests
	[ "$stderr" = "settle: nothing settled of 20 payments that came: no base record (TEST_PAYMENT 20)" ]
	[ -z "$output" ]
	run -0 --separate-stderr settle -q -o out tests
	[ -z "$stderr" ]
	pay-gen -n 0 >finish
	run -0 --separate-stderr settle -q -o other finish
	[ -z "$stderr" ]
	# what the report says is not said beside it where both go to one place
	run -0 settle -o third tests
	[ "$(grep -c "nothing settled" <<<"$output")" = 1 ]
	run -0 --separate-stderr settle -o fourth tests
	[[ $stderr == *"nothing settled"* ]]
}

@test "an action that is declared is settled, once the log is pruned too" {
	pay-gen -n 20 | sed 's/"paymentActionType":"[A-Z_]*"/"paymentActionType":"CHARGEBACK"/' >day
	{ cat day && echo '{"channel":"KIOSK","action":"FINISH"}'; } >bad
	run -0 settle -o out -a paymentActionType=CHARGEBACK:- --dead-letter - bad
	[ "${lines[-1]}" = "Everything adds up." ]
	pay-gen -n 20 --seed 2 --date 2025-06-25 >later
	run -0 settle -o out -a paymentActionType=CHARGEBACK:- --dead-letter - later
	[ "${lines[-1]}" = "Everything adds up." ]
	pay-store -d out/log.db --prune-log 1
	[ "$(sqlite3 out/log.db 'SELECT count(*) FROM payment_log')" -lt 30 ]
	run -0 pay-audit -q out
	[ "${lines[-1]}" = "Everything adds up." ]
}
