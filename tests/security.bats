#!/usr/bin/env bats
# What SECURITY.md promises: whose files are used, who may read what is made, what a condition may do, what a terminal
# gets, and how the programs are built.

bats_require_minimum_version 1.5.0

setup() {
	load setup
	bin=$(dirname "$(command -v pay-store)")
}

# base N: N base records
base() {
	local n
	for ((n = 1; n <= $1; n++)); do
		printf '{"_src":"day/0/%d","paymentType":"ONLINE","amount":%d,"payoutDate":null,"confirmDate":"2025-05-21","merchantNumber":"m-%d","paymentDate":"2025-05-19T21:48","paymentActionType":"PAYMENT","paymentMethodType":"CARD"}\n' "$n" "$n" "$n"
	done
}

# public: a folder that everybody may write to, as /tmp, of root; sets it as the present one
public() {
	[ "$(id -u)" = 0 ] || skip "files of another user need root to be made"
	mkdir public
	chmod 1777 public
	cd public || exit
}

@test "whatever the umask, files with payments are the user's alone" {
	umask 0
	base 20 | sed '3s/"amount":3/"amount":1.5/; 4s/m-4/test-4/' >lines
	{
		sleep 0.2
		cat lines
		touch given
		until [ -e seen ]; do sleep 0.05; done
	} | pay-filter --rejects rejects --dead-letter dead --dedupe seen.db --dedupe-by merchantNumber |
		pay-store -d store.db | pay-agg -d totals.db | pay-produce --to totals &
	until [ -e given ] && [ -e store.db-shm ] && [ -e totals.db-shm ]; do sleep 0.05; done
	stat -c '%a %n' ./*.db* >open
	touch seen
	wait $!
	pay-gen -n 10 --rules rules.csv >/dev/null
	stat -c '%a %n' rejects dead totals rules.csv ./*.db* | cat - open | sort -u >modes
	cat modes
	grep -q 'store.db-wal' modes
	grep -q 'store.db-shm' modes
	grep -q 'totals' modes
	run ! grep -v '^600 ' modes
}

@test "settle makes its folder and all in it for its user alone" {
	umask 0
	pay-gen -n 50 --seed 1 >day.ndjson
	PATH=$bin:$PATH "$BATS_TEST_DIRNAME/../scripts/settle" -q -o out day.ndjson
	[ "$(stat -c %a out)" = 700 ]
	[ "$(find out -type f | wc -l)" -gt 5 ]
	[ -z "$(find out -type f ! -perm 600)" ]
}

@test "in a folder that all may write to, another user's link or file is not used" {
	public
	base 3 >../base
	echo mine >../mine
	for stage in "pay-store -d name" "pay-agg -d name" "pay-produce --to name" "pay-filter --rejects name" \
		"pay-tobase --dead-letter name" "pay-filter --dedupe name --dedupe-by merchantNumber" "pay-gen -n 1 --rules name"; do
		echo "$stage"
		ln -s ../mine name
		chown -h 65534 name
		# shellcheck disable=SC2086 # several words
		run -77 $stage <../base
		[[ $output == *"name: a symbolic link of another user (65534), in a folder that everybody may write to: remove it"* ]]
		[ "$(cat ../mine)" = mine ]
		rm name
		case $stage in pay-produce* | pay-gen*) continue ;; esac # these put a new file in its place
		: >name
		chown 65534 name
		# shellcheck disable=SC2086
		run -77 $stage <../base
		[[ $output == *"name: a file of another user (65534)"* ]]
		[ ! -s name ]
		rm name
	done
	# What SQLite keeps beside the file, too.
	pay-store -d store.db ../base >/dev/null
	for companion in store.db-wal store.db-shm store.db-journal; do
		: >"$companion"
		chown 65534 "$companion"
		run -77 pay-store -d store.db ../base
		[[ $output == *"$companion: a file of another user"* ]]
		rm "$companion"
	done
}

@test "there, one's own links and files are used, and root's; elsewhere all links are" {
	public
	base 3 >../base
	ln -s ../elsewhere.db name
	: >../elsewhere.db
	pay-store -d name ../base >/dev/null
	[ -s ../elsewhere.db ]
	echo '{"_src":"day/0/9","_dead":{"stage":"pay-tobase","reason":"old","raw":""}}' >dead
	echo x | pay-tobase --dead-letter dead >/dev/null
	[ "$(wc -l <dead)" = 2 ]
	cd ..
	echo old >target
	ln -s target link
	chown -h 65534 link
	pay-produce --to link base
	[ -L link ]
	grep -q '"merchantNumber":"m-3"' target
}

@test "a condition of --where reads this store and computes, nothing else, and can be stopped" {
	base 20 | pay-store -d store.db >/dev/null
	for bad in "1 in (select 1 from pragma_journal_mode)" "load_extension('/tmp/x.so')" "LOAD_EXTENSION('x', 'y')" \
		"writefile('x', 'y')" "readfile('/etc/passwd') is not null" "edit('x')" "1); attach 'x.db' as x; --" \
		"1); pragma journal_mode=delete; --" "fts3_tokenizer('x')" "fts3_tokenizer('simple', x'0000000000000000')" \
		"(delete from base)" "exists (select 1 from other.base)" "1 in (insert into base default values)"; do
		echo "$bad"
		run -64 pay-store -d store.db --export base --where "$bad"
		[[ $output == *"--where $bad: "* ]]
	done
	[ ! -e x.db ] && [ ! -e x ]
	run -64 pay-store -d store.db --export base --where 'length(zeroblob(200000000)) > amount'
	[[ $output == *"too big"* ]]
	[ "$(pay-store -d store.db --export base --where 'length(zeroblob(100)) > amount' | wc -l)" = 20 ]
	run -124 timeout -s TERM 1 pay-store -d store.db --export base --where \
		'amount = (with recursive c(x) as (select 1 union all select x + 1 from c) select count(*) from c)'
	pay-store -d store.db --verify | grep -q '^base: 20 records, amount 210$'
}

@test "values are bound: text that looks like SQL stays text, in every sink" {
	quote="m'; drop table base; --"
	base 2 | sed "s/m-1/$quote/" >lines
	pay-store -d store.db lines | pay-agg -d totals.db >totals
	cmp <(pay-store -d store.db --export base) lines
	pay-agg -d totals.db --query "merchantNumber=$quote" | grep -qF "$quote"
	pay-filter --dedupe seen.db --dedupe-by merchantNumber lines >same
	cmp same lines
}

@test "what data hold cannot act on a terminal" {
	esc=$'\e' csi=$'\xc2\x9b'
	base 3 | sed "2s/m-2/a\\\\u001b[31m${csi}2J$(printf '\x7f')/; 3s/m-3/café ok/" >lines
	pay-store -d store.db lines >/dev/null
	shown() { script -qec "$1" /dev/null </dev/null | tr -d '\r'; }
	for command in "pay-agg lines" "pay-agg --format csv lines" "pay-filter lines" "pay-store -d store.db --export base"; do
		echo "$command"
		shown "$command" >seen
		run ! grep -qaF -e "$esc" -e "$csi" -e $'\x7f' seen
		grep -qF 'u009b2J\u007f' seen
		grep -qF 'café ok' seen
		$command >file # and a file gets what it is
		grep -qF "${csi}2J" file
	done
	shown "pay-agg --format csv lines" | grep -qF 'a\u001b[31m\u009b2J\u007f,'
	# As JSON it is the same text.
	cmp <(shown "pay-filter lines" | jq -c .) <(jq -c . lines)
	# Messages and tables for people escape everywhere.
	sed 's,day/0/2,d\\u001b[31m\\u009by/0/2,' lines | tail -n 2 >two
	pay-store -d holes.db --allow-gap <two >/dev/null
	printf 'reason,member,test,value\nX,a,is,%s\n' "${esc}[31m" >policy.csv
	pay-filter --policy policy.csv --check >said </dev/null
	grep -qF 'X when a is "\x1b[31m"' said
	run -65 pay-tobase <<<"{\"_src\":\"${csi}31m/0/1\"}"
	[[ $output == *'\xc2\x9b31m/0/1'* ]]
}

@test "secrets of properties and headers are in no message" {
	printf 'sasl.password=hunter2\nsasl.mechanism=PLAIN\nsecurity.protocol=hunter2\n' >properties
	run -78 pay-consume -b 127.0.0.1:1 -t t -F properties
	[[ $output == *"properties:3: property security.protocol cannot have that value"* && $output != *hunter2* ]]
	printf 'sasl.password\0=hunter2\n' >properties
	run -78 pay-produce -b 127.0.0.1:1 -t t -F properties </dev/null
	[[ $output == *"properties:1: a NUL character"* && $output != *hunter2* ]]
	# A line that is none, in any way: nothing behind its first word is shown, nor a word that is no property's.
	while read -r line; do
		printf '%s\n' "$line" >properties
		for command in "pay-consume -b 127.0.0.1:1 -t t -F properties" "pay-produce -b 127.0.0.1:1 -t t -F properties" \
			"pay-rule -b 127.0.0.1:1 --rules-topic t -F properties"; do
			# shellcheck disable=SC2086 # several words
			run -78 timeout 120 $command </dev/null
			echo "$line: $output"
			[[ $output == *"properties:1: "* && $output != *hunter2* && $output != *aHVu* ]]
		done
		run -64 pay-consume -b 127.0.0.1:1 -t t -X "$line"
		[[ $output != *hunter2* && $output != *aHVu* ]]
	done <<-'END'
		sasl.password: hunter2
		sasl.password hunter2
		sasl.password:hunter2
		sasl.password;hunter2
		sasl.password -> hunter2
		sasl.password hunter2=
		sasl.password: hunter2=x
		"sasl.password"="hunter2"
		sasl_password:hunter2
		{"sasl.password":"hunter2"}
		export SASL_PASSWORD=hunter2
		=hunter2
		hunter2
		hunter2=
		aHVudGVyMg==
	END
	printf 'sasl.password: hunter2\n' >properties
	run -78 pay-consume -b 127.0.0.1:1 -t t -F properties
	[[ $output == *"properties:1: sasl.password: not NAME=VALUE"* ]]
	for header in 'Authorization hunter2' 'Authorization\0: hunter2' 'Authorization: hunter2\x01' ': hunter2'; do
		# shellcheck disable=SC2059 # an escape
		printf "$header\n" >headers
		run -78 pay-rule --rule-url http://127.0.0.1:1/ --rule-header headers </dev/null
		[[ $output == *"headers:1: not a header line"* && $output != *hunter2* ]]
	done
	printf 'Authorization: hunter2\n' >headers
	run -75 timeout 60 pay-rule --rule-url 'http://127.0.0.1:1/?token=hunter2' --rule-header headers --api-retries 0 < <(base 1)
	[[ $output != *hunter2* ]]
	run -64 pay-rule --rule-url 'http://me:hunter2@127.0.0.1:1/' </dev/null
	[[ $output != *hunter2* ]]
}

@test "no file of settings is read without bounds" {
	head -c 20000000 /dev/zero | tr '\0' x >long
	for command in "pay-filter --policy long" "pay-filter --merchants long" "pay-rule --rules long" "pay-rule --cycles long" \
		"pay-rule --holidays long" "pay-consume -b b -t t -F long" "pay-rule --rule-url http://b/ --rule-header long"; do
		echo "$command"
		# shellcheck disable=SC2086 # several words
		run -78 $command <<<'{}'
		[[ $output == *"long:1: "*"over 16 MiB"* ]]
	done
	# Also where there is no end.
	run -78 timeout 120 pay-filter --merchants /dev/zero <<<'{}'
	run -78 timeout 120 pay-rule --rules /dev/zero <<<'{}'
}

@test "each program is built to withstand: PIE, full RELRO, NX, stack protector, checked calls" {
	[ -z "${PAYPIPE_SLOW:-}" ] || skip "sanitizers' builds leave hardening out"
	for program in "$bin"/pay-*; do
		echo "$program"
		readelf -hldsW "$program" >elf
		grep -q 'Type: *DYN' elf
		grep -q 'GNU_RELRO' elf
		grep -qE '\(FLAGS_1\).*NOW.*PIE|\(FLAGS_1\).*PIE.*NOW' elf
		grep -qE 'GNU_STACK .* RW ' elf
		run ! grep -qE 'LOAD .* (RWE|WE) ' elf
		grep -q '__stack_chk_fail' elf
		grep -qE '__(mem|str|snprintf|vsnprintf|sprintf|fprintf|read)[a-z]*_chk' elf
	done
}

@test "a program that only reads and writes gives up all other system calls" {
	[ -z "${PAYPIPE_SLOW:-}" ] || skip "sanitizers make calls of their own"
	grep -q '^Seccomp:' /proc/self/status || skip "the kernel has no filters of system calls"
	case $(uname -m) in x86_64 | aarch64) ;; *) skip "no filter is written for this processor" ;; esac
	base 3 >lines
	pay-gen -n 3 --rules rules.csv >day
	mkfifo line
	filters() { # filters MODE COMMAND...: what the kernel says of it while it waits for input
		"${@:2}" <line >/dev/null &
		exec 5>line
		local mode=
		for _ in $(seq $((50 + $1 * 500))); do
			mode=$(sed -n 's/^Seccomp:\t//p' "/proc/$!/status")
			[ "$mode" != 2 ] || break
			sleep 0.02
		done
		cat lines >&5
		exec 5>&-
		wait "$!" || true
		[ "$mode" = "$1" ] || {
			echo "${*:2}: $mode"
			return 1
		}
	}
	filters 2 pay-tobase --dead-letter dead
	filters 2 pay-filter --tag
	filters 2 pay-filter --rejects rejects --reject 'X=.amount > 1'
	filters 2 pay-rule --rules rules.csv
	filters 2 pay-agg --format csv
	filters 2 pay-run "pay-filter --rejects others --reject 'X=.amount > 1' | pay-rule --rules rules.csv | pay-agg"
	# Those that go on to open or to talk do not.
	filters 0 pay-agg -d totals.db
	filters 0 pay-store -d store.db
	filters 0 pay-filter --dedupe seen.db --dedupe-by merchantNumber
	filters 0 pay-produce --to out
	filters 0 pay-run 'pay-filter | pay-store -d one.db | pay-agg'
	[ -s rejects ]
	# pay-gen reads nothing: a full pipe holds it.
	pay-gen -n 1000000 >line &
	exec 5<line
	until grep -qx $'Seccomp:\t2' "/proc/$!/status"; do sleep 0.02; done
	exec 5<&-
	wait "$!" || true
}

@test "confined programs still do all that they are for" {
	base 3 >lines
	dates='(("2015-03-05T23:51:47Z" | strptime("%Y-%m-%dT%H:%M:%SZ") | mktime) == 1425599507) and ((now | localtime | mktime) > 0)'
	[ "$(pay-filter --reject "X=$dates and (.merchantNumber | test(\"^m-[13]\"))" lines | jq -c .amount)" = 2 ]
	run -0 script -qec "pay-tobase --progress --stats --dead-letter dead lines" /dev/null </dev/null
	[[ $output == *'"dead":3'* ]]
	[ -z "${PAYPIPE_SLOW:-}" ] || skip "sanitizers take memory of their own"
	head -c 15000000 /dev/zero | tr '\0' '[' >long
	run -71 bash -c 'ulimit -v 18000; pay-tobase --dead-letter dead long'
	[[ $output == *"out of memory"* ]]
}

# foreign: files of all kinds that are no dead letters; sets `files`
foreign() {
	pay-gen -n 20 --seed 1 >day.ndjson
	pay-consume day.ndjson >day.stream
	pay-tobase <day.stream >base.stream
	grep -v _mark base.stream >base.ndjson
	pay-agg base.ndjson >totals.ndjson
	pay-store -d settle.db <base.stream | pay-agg -d totals.db >/dev/null
	gzip -k day.ndjson
	cp /bin/true elf
	printf '\xff\xfea\0b\0' >utf16
	printf 'a note,\nno more' >note.txt
	printf '#!/bin/sh\nexit\n' >script
	head -c 100 /dev/urandom | tr -d '\n' >noise
	printf '{"_src":"day/0/1","channel":"ONL' >half
	files=(day.ndjson day.stream base.stream base.ndjson totals.ndjson settle.db totals.db day.ndjson.gz elf utf16 note.txt script noise half)
}

# refused FILE COMMAND...: ends with 73, in time, names the file and leaves it as it is; with --check as well
refused() {
	local file=$1 was check
	shift
	was=$(sha256sum <"$file")
	for check in '' --check; do
		status=0
		# shellcheck disable=SC2086 # nothing, or a word
		timeout 120 "$@" $check <base.copy >out 2>err || status=$?
		echo "$* $check: $status $(cat err)"
		[ "$status" = 73 ]
		grep -q -e " $file: " err
		[ "$(sha256sum <"$file")" = "$was" ]
	done
}

@test "a file that is none of letters is not taken for one, by no program" {
	foreign
	cp base.ndjson base.copy
	for file in "${files[@]}"; do
		for stage in pay-tobase "pay-store -d new.db" "pay-agg -d new.db" "pay-consume base.copy"; do
			# shellcheck disable=SC2086 # several words
			refused "$file" $stage --dead-letter "$file"
			[ ! -e new.db ]
		done
	done
	for stage in pay-filter pay-rule pay-agg "pay-store --log -d new.db" "pay-produce --to new"; do
		# shellcheck disable=SC2086
		refused settle.db $stage --dead-letter settle.db
	done
	grep -q 'seems to be a SQLite database, not dead letters, and is left as it is: name a file that is missing or empty' err
	run -73 pay-tobase --dead-letter settle.db <base.copy
	[[ $output == *"--dead-letter - keeps the letters in the stream"* ]]
	run -73 pay-agg --dead-letter settle.db <base.copy
	[[ $output != *"--dead-letter -"* ]]
	mkdir folder
	run -73 pay-tobase --dead-letter folder <base.copy
	# A writer's lock on it is not waited for.
	exec 7<>settle.db
	flock 7
	run -73 timeout 120 pay-tobase --dead-letter settle.db <base.copy
}

@test "--rejects takes what pay-filter rejected, --to what pay-produce writes, pay-gen its own tables" {
	foreign
	cp base.ndjson base.copy
	echo '{"_src":"a/0/1","_dead":{"stage":"pay-tobase","reason":"r","raw":"x"}}' >dead
	for file in "${files[@]}" dead; do
		refused "$file" pay-filter --rejects "$file"
	done
	for file in day.stream settle.db totals.db day.ndjson.gz elf utf16 note.txt script noise half; do
		refused "$file" pay-produce --to "$file"
	done
	for file in "${files[@]}"; do
		refused "$file" pay-gen -n 1 --rules "$file"
		refused "$file" pay-gen -n 1 --merchants-file "$file"
	done
	# Their own are taken.
	for _ in 1 2; do
		pay-filter --reject 'X=true' --rejects rejects base.ndjson >/dev/null
		pay-produce --to totals.ndjson base.ndjson
		pay-gen -n 5 --rules rules.csv --merchants-file merchants.csv >/dev/null
		pay-tobase --dead-letter dead base.ndjson >/dev/null
	done
	[ "$(wc -l <rejects)" = $((2 * $(wc -l <base.ndjson))) ]
	[ "$(wc -l <dead)" = $((2 * $(wc -l <base.ndjson) + 1)) ]
	for file in /dev/null >(cat >piped); do
		pay-tobase --dead-letter "$file" base.ndjson >/dev/null
		pay-filter --reject 'X=true' --rejects "$file" base.ndjson >/dev/null
	done
}

@test "a database is made where a file is missing or empty, and takes no other" {
	foreign
	cp base.ndjson base.copy
	pay-filter --dedupe seen.db --dedupe-by merchantNumber,amount base.ndjson >/dev/null
	head -c 5000 settle.db >cut.db
	head -c 60 settle.db >stub.db
	sqlite3 other.db 'create table t(x)'
	for stage in "pay-store -d" "pay-store --log -d" "pay-agg -d" "pay-filter --dedupe-by amount --dedupe" \
		"pay-rule --rule-url http://127.0.0.1:1 --rule-cache"; do
		for file in day.ndjson day.ndjson.gz elf cut.db stub.db other.db seen.db $([[ $stage = pay-store* ]] && echo totals.db || echo settle.db); do
			was=$(sha256sum <"$file")
			for check in '' --check; do
				status=0
				# shellcheck disable=SC2086
				timeout 120 $stage "$file" $check base.copy >out 2>err || status=$?
				echo "$stage $file $check: $status"
				[[ $status = 65 || $status = 78 ]]
				grep -q -e " $file: " err
				[ "$(sha256sum <"$file")" = "$was" ]
			done
		done
	done
	: >empty.db
	pay-store -d empty.db <base.stream >/dev/null
	[ "$(sqlite3 empty.db 'select count(*) from base')" -gt 0 ]
}

@test "the input, and what standard output goes to, is no file to write, by whatever name; nor is one file for two options" {
	base 3 >day
	echo '{"_src":"a/0/1","_dead":{"stage":"pay-tobase","reason":"r","raw":"x"}}' >dead
	: >empty
	for file in day dead empty; do
		cp "$file" was
		ln "$file" hard
		ln -s "$file" soft
		for name in "$file" ./"$file" hard soft; do
			for command in "pay-consume $file --dead-letter $name" "pay-tobase --dead-letter $name $file" "pay-filter --rejects $name $file" \
				"pay-produce --to $name $file" "pay-store -d $name $file" "pay-agg -d $name $file" "pay-run 'pay-tobase --dead-letter $name' <$file" \
				"pay-tobase --dead-letter $name <$file" "pay-consume --dead-letter $name - <$file" "pay-agg -d $name <$file" \
				"pay-filter --dedupe $name --dedupe-by amount <$file" "pay-filter --dead-letter $name day >>$file"; do
				run -73 timeout 120 bash -c "$command"
				echo "$command: $output"
				[[ $output == *" $name: is the input"* || $output == *" $name: standard output goes to this file too"* ]]
				cmp "$file" was
			done
		done
		rm hard soft
	done
	ln -s new link
	for options in "--dead-letter new --rejects new" "--rejects new --dedupe ./new --dedupe-by amount" "--dead-letter new --rejects link" \
		"--policy empty --rejects empty" "--dead-letter=$PWD/new --dedupe new --dedupe-by amount"; do
		# shellcheck disable=SC2086 # several words
		run -64 pay-filter $options day
		[[ $output == *"one file for two options"* ]]
		[ ! -e new ]
	done
	run -64 pay-run 'pay-filter --rejects new | pay-store -d new' <day
	# What SQLite keeps beside a database is no file for others, whether it is there or not.
	pay-store -d kept.db day >/dev/null
	: >kept.db-shm
	for beside in kept.db-wal kept.db-shm kept.db-journal; do
		for command in "pay-filter --dead-letter $beside" "pay-filter --rejects ./$beside" "pay-produce --to $beside" \
			"pay-store -d kept.db --dead-letter $beside" "pay-store -d kept.db --backup $beside" "pay-store -d $beside"; do
			# shellcheck disable=SC2086 # several words
			run -73 $command day
			[[ $output == *"$beside: belongs to "*kept.db* ]]
		done
	done
	[ ! -s kept.db-shm ]
	run -73 pay-store -d late.db --dead-letter late.db-wal day
	pay-store -d kept.db --verify | grep -q '^base: 3 records'
	pay-filter --reject 'X=true' --dead-letter /dev/null --rejects /dev/null day
}

@test "a letter file that is moved away or removed is made anew by the next letter, though its stage may open none" {
	pay-gen -n 60 --seed 1 | sed 's/"amount":[0-9]*/"amount":"x"/' >bad
	pay-consume --as it --segment-records 5 --dead-letter /dev/null bad >day
	base 60 | sed 's/"_src":"[^"]*",//' >good
	pay-consume --segment-records 5 good >rejected
	mkfifo line
	for how in mv rm; do
		for stage in "pay-tobase --dead-letter kept <line" "pay-filter --reject X=true --rejects kept <line" \
			"pay-run 'pay-tobase --dead-letter kept | pay-filter' <line"; do
			input=day
			[[ $stage != *--rejects* ]] || input=rejected
			rm -f kept kept.1
			eval "$stage" >out &
			exec 5>line
			head -n 13 "$input" >&5
			for _ in {1..1200}; do
				[ "$(grep -c . kept 2>/dev/null)" != 10 ] || break
				sleep 0.05
			done
			if [ "$how" = mv ]; then mv kept kept.1; else rm kept; fi
			tail -n +14 "$input" >&5
			exec 5>&-
			wait $!
			echo "$how $stage: $(wc -l kept)"
			[ "$(stat -c %a kept)" = 600 ]
			[ "$how" = rm ] || [ "$(cat kept kept.1 | wc -l)" = 60 ]
			[ "$how" = mv ] || [ "$(wc -l <kept)" -ge 45 ]
			run ! grep -v '^{"_src":"[a-z]*/0/[0-9]*","_\(dead\|unsettled\)":' kept
			tail -n 1 out | grep -q '"end":"complete"'
		done
	done
}

@test "a lock on a letter file is waited for as long as --lock-wait says, and its holder is named" {
	base 3 >day
	: >dead
	flock dead sleep 30 3>&- &
	for _ in {1..1200}; do
		flock -n dead true || break
		sleep 0.05
	done
	run -75 timeout 120 pay-tobase --dead-letter dead --lock-wait 0.3 day
	[[ $output == *"dead: "*", process "*" writes to it; waited 0.3 s for its lock (--lock-wait)"* ]]
	kill $!
	[ ! -s dead ]
}

@test "what is replaced keeps its mode, and what came to its place meanwhile is looked at again" {
	base 3 >day
	for mode in 640 604 400; do
		echo '{"old":1}' >to
		chmod "$mode" to
		(umask 077 && pay-produce --to to day)
		[ "$(stat -c %a to)" = "$mode" ]
		grep -q m-3 to
	done
	mkfifo line
	pay-produce --to late.db <line 2>err 3>&- &
	exec 5>line
	cat day >&5
	pay-store -d late.db day >/dev/null
	exec 5>&-
	status=0
	wait $! || status=$?
	[ "$status" = 73 ]
	grep -q 'late.db: seems to be a SQLite database' err
	pay-store -d late.db --verify | grep -q '^base: 3 records'
	[ -z "$(find . -name '.late*')" ]
}

@test "a link that another user lays between the look and the end is neither followed nor written to" {
	public
	base 3 >../base
	echo '{"old":1}' >../mine
	mkfifo ../line
	pay-produce --to out <../line 2>../err 3>&- &
	exec 5>../line
	cat ../base >&5
	sleep 0.2
	ln -s ../mine out
	chown -h 65534 out
	exec 5>&-
	status=0
	wait $! || status=$?
	[ "$status" = 77 ]
	grep -q 'out: a symbolic link of another user' ../err
	[ "$(cat ../mine)" = '{"old":1}' ]
	# Nor is one behind a link of one's own.
	ln -s public/out ../mylink
	run -77 pay-produce --to ../mylink ../base
	run -77 pay-tobase --dead-letter ../mylink ../base
	[ "$(cat ../mine)" = '{"old":1}' ]
}
