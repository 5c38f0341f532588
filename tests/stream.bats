#!/usr/bin/env bats
# What every stage owes the stream, whatever it does to its records: one set of tests for all of them.

bats_require_minimum_version 1.5.0

stages=(tobase filter rule store agg agg-state produce)

setup() {
	load setup
}

# the command line of a stage, run in a fresh folder
stage() {
	local name=$1
	shift
	case $name in
	tobase) pay-tobase "$@" ;;
	filter) pay-filter --tag "$@" ;;
	rule) pay-rule --default-cycle D+2 "$@" ;;
	store) pay-store -d store.db "$@" ;;
	agg) pay-agg "$@" ;;
	agg-state) pay-agg -d totals.db "$@" ;;
	produce) pay-produce --to out.ndjson "$@" ;;
	esac
}

# a record of a stage's input: coordinates, amount
record() {
	local eight='"paymentType":"ONLINE","amount":'$2',"payoutDate":null,"confirmDate":"2025-05-21","merchantNumber":"m-1"'
	eight+=',"paymentDate":"2025-05-19T21:48","paymentActionType":"PAYMENT","paymentMethodType":"CARD","more":1.10'
	if [ "$kind" = message ]; then
		printf '{"_src":"day/0/%s","channel":"ONLINE","action":"PAYMENT","data":{%s}}\n' "$1" "$eight"
	else
		printf '{"_src":"day/0/%s",%s}\n' "$1" "$eight"
	fi
}

# a mark: seq, records, amount, from, next, end
mark() {
	local amount=\"$3\"
	[ "$kind" = base ] || amount=null
	printf '{"_mark":{"seq":%s,"records":%s,"in":%s,"dropped":{},"amount":%s,"from":{"day/0":%s},"next":{"day/0":%s},"end":%s}}\n' \
		"$1" "$2" "$2" "$amount" "$4" "$5" "$6"
}

dead='{"_src":"day/0/9","_dead":{"stage":"pay-tobase","reason":"amount is missing","raw":"{}"}}'

# a sealed stream of five records in two segments, eight lines, as the stage of that name reads it
stream() {
	kind=base
	[ "$1" != tobase ] || kind=message
	mark 0 0 0 1 1 null
	record 1 100
	record 2 30
	record 3 900000000000
	mark 1 3 900000000130 1 4 null
	record 4 5
	record 5 7
	mark 2 2 12 4 6 '"complete"'
}

# a fresh folder with the stage's stream in the file `in`
fresh() {
	cd "$(mktemp -d -p "$BATS_TEST_TMPDIR")" || exit
	stream "$1" >in
	stage=$1
}

# fails with what the stage did
wrong() {
	echo "$stage: $*"
	echo "status $status, stderr:"
	cat err
	return 1
}

try() {
	status=0
	stage "$stage" "$@" >out 2>err || status=$?
}

# the stage refuses what is in `in` as cut or altered, and neither ends its output nor gives a result
refuses_stream() {
	try <in
	[ "$status" -eq 65 ] || wrong "$1: not refused"
	[ -s err ] || wrong "$1: nothing said"
	! grep -q '"end":"' out || wrong "$1: an end mark after all"
	[[ $stage != agg* ]] || [ ! -s out ] || wrong "$1: totals after all"
	[ ! -e out.ndjson ] || wrong "$1: a file after all"
}

# every mark of a stream on standard input counts what stands before it, in records and money
balanced() {
	jq -se 'reduce .[] as $line ({ok: true, n: 0, amount: 0, seq: 0};
		if $line._mark then $line._mark as $mark |
			.ok = (.ok and $mark.records == .n and $mark.seq == .seq and
				$mark.in == $mark.records + ([$mark.dropped[]] | add // 0) and
				($mark.amount == null or ($mark.amount | tonumber) == .amount)) |
			.n = 0 | .amount = 0 | .seq += 1
		else .n += 1 | .amount += ($line.amount // 0) end) | .ok and .n == 0 and .seq > 0' >/dev/null
}

@test "a sealed stream is taken, and what is passed on is sealed and balanced" {
	for stage in "${stages[@]}"; do
		fresh "$stage"
		try <in
		[ "$status" -eq 0 ] || wrong "refused"
		[ ! -s err ] || wrong "not silent"
		case $stage in
		agg*) [ "$(jq -c .value out)" = '{"count":5,"totalAmount":900000000142}' ] || wrong "other totals" ;;
		produce) [ "$(jq -s length out.ndjson)" -eq 5 ] ;;
		*)
			balanced <out || wrong "out of balance"
			[ "$(tail -n 1 out | jq -r ._mark.end)" = complete ] || wrong "no end mark"
			[ "$(grep -c '"more":1.10' out)" -eq 5 ] || wrong "records lost or altered"
			[ "$(grep -o '"from":.*"next":[^}]*}' out)" = "$(grep -o '"from":.*"next":[^}]*}' in)" ] ||
				wrong "cover not passed on"
			;;
		esac
	done
}

@test "a stream cut between two lines is refused" {
	for stage in "${stages[@]}"; do
		for lines in 1 2 3 4 5 6 7; do
			fresh "$stage"
			head -n "$lines" in >cut
			mv cut in
			refuses_stream "cut after $lines lines"
		done
	done
}

@test "a stream cut inside a line is refused" {
	for stage in "${stages[@]}"; do
		for lines in 0 1 3 4 6 7; do
			fresh "$stage"
			{
				head -n "$lines" in
				sed -n "$((lines + 1))p" in | head -c 30
			} >cut
			mv cut in
			refuses_stream "cut inside line $((lines + 1))"
		done
	done
}

@test "a stream with a line lost, doubled, moved or behind its end is refused" {
	for stage in "${stages[@]}"; do
		for edit in 1d 3d 5d 6d 3p 5p 8p '4{h;d};6G' '5{h;d};6G' '8{p;s/.*/{"a":1}/}' '/"seq":1,/s/"seq":1/"seq":2/' '/"seq":0,/s/"seq":0/"seq":1/' \
			'/"seq":1,/s/"records":3,"in":3/"records":4,"in":4/' '/"seq":1,/s/"in":3/"in":4/' '/"seq":1,/s/"dropped":{}/"dropped":{"x":1}/'; do
			fresh "$stage"
			sed -i "$edit" in
			refuses_stream "$edit"
		done
	done
}

@test "a mark that is no mark is refused" {
	for stage in "${stages[@]}"; do
		for edit in 's/"seq":1,//' 's/"records":3/"records":-3/' 's/"records":3/"records":"3"/' 's/"end":null/"end":"never"/' 's/"seq":1/"seq":1.0/' \
			's/{"_mark":.*/{"_mark":null}/' 's/{"_mark":.*/{"_mark":{}}/' 's/"next":{"day\/0":4}/"next":{"day\/0":0}/' 's/"next":{"day\/0":4}/"next":{}/'; do
			fresh "$stage"
			sed -i "5$edit" in
			refuses_stream "$edit"
		done
	done
}

@test "money that changed on the way is refused" {
	for stage in filter rule store agg agg-state produce; do
		fresh "$stage"
		sed -i '3s/:30/:31/' in
		refuses_stream "a changed amount"
		fresh "$stage"
		sed -i '5s/000130/000131/' in
		refuses_stream "a changed sum"
	done
}

@test "a mark with more in its line ends the input, or with --unsealed is a bad record, and hides nothing" {
	fresh tobase
	sed -i '5s/}$/,"channel":"ONLINE"}/' in
	refuses_stream "more in a mark's line"
	[[ $(cat err) == *"line 5: a mark with more in its line"* ]]
	try --unsealed --dead-letter dead <in
	[ "$status" -eq 0 ] || wrong "not taken"
	[ "$(jq -r ._dead.reason dead)" = '"_mark" in a record' ]
}

@test "with --unsealed what was cut or altered is taken, and nothing is sealed" {
	for stage in "${stages[@]}"; do
		fresh "$stage"
		sed -i '3d;8d' in
		try --unsealed <in
		[ "$status" -eq 0 ] || wrong "refused"
		! grep -q _mark out || wrong "marks all the same"
		case $stage in
		agg*) [ "$(jq .value.count out)" -eq 4 ] ;;
		produce) [ "$(wc -l <out.ndjson)" -eq 4 ] ;;
		*) [ "$(wc -l <out)" -eq 4 ] ;;
		esac
	done
}

@test "with --plain there are no marks" {
	for stage in tobase filter rule store; do
		fresh "$stage"
		try --plain <in
		[ "$status" -eq 0 ] || wrong "refused"
		[ "$(grep -c '"more":1.10' out)" -eq 5 ] || wrong "records are missing"
		! grep -q _mark out || wrong "marks all the same"
	done
}

@test "plain input is taken as it is, with CRLF and without a last line feed" {
	for stage in "${stages[@]}"; do
		fresh "$stage"
		grep -v _mark in | sed 's/$/\r/' | head -c -2 >plain
		try <plain
		[ "$status" -eq 0 ] || wrong "refused"
		case $stage in
		agg*) [ "$(jq .value.count out)" -eq 5 ] ;;
		produce) [ "$(wc -l <out.ndjson)" -eq 5 ] ;;
		*) [ "$(grep -c '"more":1.10' out)" -eq 5 ] ;;
		esac || wrong "records are missing"
		! grep -q $'\r\r' out || wrong "carriage returns grew"
	done
}

@test "a blank line, half an object and an array stop a stage, which names the place" {
	for stage in "${stages[@]}"; do
		for bad in '' '{"_src":"day/0/3","amount":' '[1]' $'\xff'; do
			fresh "$stage"
			{
				grep -v _mark in | head -n 2
				printf '%s\n' "$bad"
				grep -v _mark in | tail -n 2
			} >plain
			try <plain
			[ "$status" -eq 65 ] || wrong "'$bad' taken"
			grep -Eq '(day/0|stdin|standard input|-)[:/ ].*3' err || wrong "'$bad': the place is not named"
		done
	done
}

@test "with --dead-letter the bad ones go there and the others on" {
	for stage in "${stages[@]}"; do
		fresh "$stage"
		{
			grep -v _mark in | head -n 2
			printf '%s\n' '' '{"_src":"day/0/77","amount":' $'{"_src":"day/0/78","a":"\xff\\u0041"}'
			grep -v _mark in | tail -n 3
		} >plain
		try --dead-letter dead <plain
		[ "$status" -eq 0 ] || wrong "stopped"
		[ "$(jq -c '[._dead | has("stage", "reason", "raw")] | all' dead)" = $'true\ntrue\ntrue' ] || wrong "$(cat dead)"
		[ "$(tail -n 2 dead | jq -r ._src)" = $'day/0/77\nday/0/78' ] || wrong "coordinates: $(cat dead)"
		[ "$(tail -n 1 dead | jq -r ._dead.raw | base64 -d)" = $'{"_src":"day/0/78","a":"\xff\\u0041"}' ] || wrong "raw"
		[ "$(stat -c %a dead)" = 600 ] || wrong "dead letters that everybody may read"
		fresh "$stage"
		sed -i '3i\\' in
		try --dead-letter dead --max-dead 0 <in
		[ "$status" -eq 65 ] || wrong "--max-dead 0 did not stop"
	done
}

@test "dead letters flow through every stage and are counted" {
	for stage in tobase filter rule store; do
		fresh "$stage"
		sed -i "4a $dead" in
		sed -i '/"seq":1,/s/"records":3,"in":3/"records":4,"in":4/' in
		try <in
		[ "$status" -eq 0 ] || wrong "refused"
		grep -qxF "$dead" out || wrong "not passed on as it is"
		balanced <out || wrong "out of balance"
	done
	for stage in agg agg-state; do
		fresh "$stage"
		sed -i "4a $dead" in
		sed -i '/"seq":1,/s/"records":3,"in":3/"records":4,"in":4/' in
		try <in
		[ "$(jq .value.count out)" -eq 5 ] || wrong "a dead letter in the totals"
	done
}

@test "a new dead letter in a sealed stream keeps it balanced, in the stream and beside it" {
	for stage in tobase filter rule store; do
		for to in - dead; do
			fresh "$stage"
			sed -i '4a {"_src":"day/0/9","amount":"x"}' in
			sed -i '/"seq":1,/s/"records":3,"in":3/"records":4,"in":4/' in
			try --dead-letter "$to" <in
			[ "$status" -eq 0 ] || wrong "stopped"
			balanced <out || wrong "out of balance with --dead-letter $to"
			cat out dead 2>/dev/null | grep -q '^{"_src":"day/0/9","_dead":' || wrong "no dead letter"
		done
	done
}

@test "empty input is refused where a result depends on it" {
	for stage in store agg agg-state produce; do
		fresh "$stage"
		try </dev/null
		[ "$status" -eq 65 ] || wrong "taken"
		[ ! -s out ] && [ ! -e out.ndjson ] || wrong "a result all the same"
	done
	for stage in tobase filter rule; do
		fresh "$stage"
		try </dev/null
		[ "$status" -eq 0 ] && [ ! -s out ] || wrong "refused"
	done
}

@test "a full disk and a closed standard output are errors" {
	for stage in tobase filter rule store agg agg-state; do
		fresh "$stage"
		status=0
		stage "$stage" <in >/dev/full 2>err || status=$?
		[ "$status" -eq 74 ] || wrong "a full disk"
		fresh "$stage"
		status=0
		stage "$stage" <in >&- 2>err || status=$?
		[ "$status" -eq 74 ] || wrong "closed output"
	done
}

@test "a reader that goes away ends a stage by SIGPIPE" {
	for stage in tobase filter rule; do
		fresh "$stage"
		grep -v _mark in >plain
		for _ in {1..14}; do cat plain plain >more && mv more plain; done
		status=$(
			set +e
			{
				stage "$stage" <plain 2>err
				echo "$?" >status
			} | head -n 1 >/dev/null
			cat status
		)
		[ "$status" -eq 141 ] || wrong "no SIGPIPE"
	done
}

@test "--stats adds up in records and money" {
	for stage in "${stages[@]}"; do
		fresh "$stage"
		sed -i '4a {"_src":"day/0/9","amount":' in
		sed -i '/"seq":1,/s/"records":3,"in":3/"records":4,"in":4/' in
		try --stats --dead-letter dead <in
		[ "$status" -eq 0 ] || wrong "refused"
		jq -se 'length == 1 and (.[0] | .in == 6 and .dead == 1 and .in == .out + ([.dropped[]] | add // 0) and .seconds >= 0 and (.program | startswith("pay-")))' \
			err >/dev/null || wrong "counts"
		jq -e '.amount == null or ((.amount.in | tonumber) == ([.amount.out, .amount.dropped[]] | map(tonumber) | add))' \
			err >/dev/null || wrong "money"
	done
}

@test "misuse is named: options, operands, files" {
	for stage in "${stages[@]}"; do
		fresh "$stage"
		try --no-such-option <in
		[ "$status" -eq 64 ] && grep -q -- --no-such-option err || wrong "an unknown option"
		fresh "$stage"
		try in in
		[ "$status" -eq 64 ] || wrong "two operands"
		fresh "$stage"
		try missing.ndjson
		[ "$status" -eq 66 ] && grep -q missing.ndjson err || wrong "a missing file"
		fresh "$stage"
		mkdir folder
		try folder
		[ "$status" -eq 66 ] && grep -q folder err || wrong "a folder"
		fresh "$stage"
		try --max-dead x <in
		[ "$status" -eq 64 ] && grep -q -- max-dead err || wrong "an option's value"
	done
}

@test "an unreadable file is a matter of permission" {
	[ "$(id -u)" -ne 0 ] || skip "root reads everything"
	for stage in "${stages[@]}"; do
		fresh "$stage"
		chmod 0 in
		try in
		[ "$status" -eq 77 ] || wrong "read"
	done
}

@test "a file as operand, - and standard input are the same" {
	for stage in tobase filter rule; do
		fresh "$stage"
		try in && mv out first
		try - <in
		cmp out first || wrong "- differs"
		try <in
		cmp out first || wrong "standard input differs"
	done
}

@test "nothing is committed beyond the last mark" {
	fresh store
	head -n 7 in | stage store >out 2>err || true
	[ "$(sqlite3 store.db 'SELECT count(*) FROM base')" -eq 3 ]
	fresh agg-state
	head -n 7 in | stage agg-state >out 2>err || true
	[ "$(pay-agg -d totals.db --query | jq .value.count)" -eq 3 ]
}

@test "a sink fed the same stream again, cut or whole, counts it once" {
	for stage in store agg-state; do
		fresh "$stage"
		head -n 6 in | stage "$stage" >out 2>err || true
		try <in
		[ "$status" -eq 0 ] || wrong "the whole after the cut"
		mv out first
		try --stats <in
		[ "$status" -eq 0 ] || wrong "the whole again"
		cmp out first || wrong "what is passed on depends on what was known"
		[ "$(jq .duplicates err)" -eq 5 ] || wrong "duplicates"
	done
}

@test "--check finds files that could not be written, and makes none" {
	echo '{"a":1}' >in
	for command in 'pay-consume in' pay-tobase pay-filter pay-rule pay-agg 'pay-produce --to out'; do
		# shellcheck disable=SC2086 # a program and its options
		run -73 $command --check --dead-letter nofolder/dead </dev/null
		# shellcheck disable=SC2086
		run -0 $command --check --dead-letter dead </dev/null
	done
	run -73 pay-filter --check --rejects nofolder/out
	run -73 pay-filter --check --dedupe nofolder/d.db --dedupe-by id
	run -73 pay-agg --check -d nofolder/totals.db
	run -73 pay-store --check -d nofolder/store.db
	run -73 pay-store --check -d store.db --dead-letter nofolder/dead </dev/null
	run -66 pay-store --check -d store.db missing
	[ "$(ls)" = in ]
}

@test "--check finds an export that could not be read" {
	echo '{"_src":"a/0/1","key":{"merchantNumber":"m","paymentActionType":"PAYMENT","paymentDateDaily":"2025-05-25","paymentMethodType":"CARD"},"value":{"count":1,"totalAmount":1}}' |
		pay-store -d store.db
	run -64 pay-store -d store.db --check --export nothing
	run -64 pay-store -d store.db --check --export base --where 'amount ='
	run -0 pay-store -d store.db --check --export base --where 'amount = 1'
	[ -z "$output" ]
	run -66 pay-store -d missing.db --check --export base
}

@test "a folder that may not be written is a matter of permission, for dead letters and rejects" {
	chmod 755 . && mkdir locked && chmod 555 locked
	as=()
	[ "$(id -u)" = 0 ] && as=(setpriv --reuid 65534 --regid 65534 --clear-groups)
	echo '{"a":1}' >in
	for option in --dead-letter --rejects; do
		for check in '' --check; do
			# shellcheck disable=SC2086 # an option or none
			run -77 "${as[@]}" pay-filter $check "$option" locked/out in
			[[ $output == *"locked/out"*"Permission denied"* ]]
		done
	done
}

@test "a limit on the size of files is a failed write: 74, with its message" {
	pay-gen -n 20000 | pay-tobase >in
	for command in 'pay-agg -d t.db --source in' 'pay-store -d s.db --source in' 'pay-produce --to out' \
		'pay-filter --rejects rejects --reject X=true' 'pay-tobase --dead-letter dead'; do
		# shellcheck disable=SC2016 # it is for the inner shell
		run bash -c 'ulimit -f 100; '"$command"' in 2>&1 >/dev/null'
		echo "$command: $output"
		[ "$status" = 74 ]
		[[ $output == *pay-* ]]
	done
}

@test "a line of 16 MiB goes through every stage, one more byte is too long" {
	start='{"channel":"OFFLINE","action":"PAYMENT","data":{"paymentType":"OFFLINE","amount":7,"payoutDate":null'
	start+=',"confirmDate":"2025-05-21","merchantNumber":"m","paymentDate":"2025-05-19T21:48","paymentActionType":"PAYMENT"'
	start+=',"paymentMethodType":"CARD","x":"'
	fill=$((16 * 1024 * 1024 - ${#start} - 3))
	{
		printf '%s%s"}}\n' "$start" "$(head -c "$fill" /dev/zero | tr '\0' x)"
		printf '%s%s"}}\n' "$start" "$(head -c "$((fill + 1))" /dev/zero | tr '\0' x)"
	} >long
	pay-consume --dead-letter - long | pay-store --log -d log.db | pay-tobase | pay-filter --tag | pay-rule |
		pay-store -d base.db | pay-agg | jq -c .value >out
	[ "$(cat out)" = '{"count":1,"totalAmount":7}' ]
	pay-store -d log.db --export payment_log | pay-consume --plain --as again - | pay-tobase >base
	pay-store -d base.db --export base | pay-rule | cmp - <(pay-rule base)
	[ "$(pay-store -d log.db --export dead_letter | jq -c '[._src,._dead.length]')" = '["long/0/2",16777217]' ]
}

@test "a long bad record is a dead letter that every stage passes, whole where its escapes leave room" {
	printf '{"amount":"%s"}\n' "$(yes '\"' | head -n 4000000 | tr -d '\n')" >quotes
	printf '{"amount":"%s"}\n' "$(head -c 16000000 /dev/zero | tr '\0' '\1')" >controls
	for name in quotes controls; do
		pay-filter --plain --source in --dead-letter - "$name" | pay-filter | pay-store -d "$name.db" >/dev/null
		pay-store -d "$name.db" --export dead_letter | pay-consume --plain - >"$name.letter"
	done
	jq -r ._dead.raw quotes.letter | cmp - quotes
	[ "$(jq -c '[(._dead.raw | length), ._dead.length]' controls.letter)" = '[65536,16000013]' ]
	pay-filter --dead-letter dead controls
	jq -r ._dead.raw dead | cmp - controls
}

@test "stages that share a file for dead letters leave every letter whole in it" {
	echo '{"channel":"ONLINE","action":"FINISH"}' >in # which makes it a file of payments
	jq -rn 'range(60000) | if . % 2 == 0 then "no json " + "z" * (. % 397 + 1)
		else "{\"channel\":\"ONLINE\",\"action\":\"" + "y" * (. % 391 + 1) + "\"}" end' >>in
	printf 'no json, but long: %s\n' "$(head -c 1000000 /dev/zero | tr '\0' x)" >>in
	pay-consume --dead-letter bad in | pay-tobase --dead-letter bad >/dev/null
	[ "$(jq -r ._src bad | sort -u | wc -l)" = 60001 ]
	[ "$(jq -r ._dead.stage bad | sort | uniq -c | tr -s ' ')" = $' 30001 pay-consume\n 30000 pay-tobase' ]
}

@test "a dead letter that a killed run left half-written is cut off, one without its line feed is not" {
	echo 'no json' >in
	pay-tobase --dead-letter bad in
	cp bad whole
	printf '{"_src":null,"_dead":{"stage":"pay-tobase","raw":"{}' >>bad
	run pay-tobase --dead-letter bad in
	[[ $output == *"bad: cut off 52 bytes of half-written lines at its end"* ]]
	cmp bad <(cat whole whole)
	head -c -1 whole >bad
	pay-tobase --dead-letter bad in
	cmp bad <(cat whole whole)
}

@test "dead letters go into a folder that may be written to and not read" {
	chmod 755 . && mkdir drop && chmod 333 drop
	as=()
	[ "$(id -u)" = 0 ] && as=(setpriv --reuid 65534 --regid 65534 --clear-groups)
	echo 'no json' >in
	"${as[@]}" pay-tobase --dead-letter drop/bad in
	chmod 755 drop
	[ "$(jq -r ._dead.raw drop/bad)" = 'no json' ]
}

# habits: what a program inherits from who starts it

@test "stages in the wrong order are named, and the records stay bad ones" {
	pay-gen -n 3 --seed 1 | grep -v FINISH >day
	pay-consume day | grep -v _mark >messages
	pay-tobase messages >bases
	pay-agg bases >totals
	pay-filter --explain bases >verdicts
	printf '{"topic":"t","partition":0,"offset":%d,"key":null,"payload":"{}"}\n' 1 2 >captures
	wrong() { # wrong REASON INPUT COMMAND...
		run --separate-stderr -65 "${@:3}" <"$2"
		echo "$2: ${*:3}: $stderr"
		# shellcheck disable=SC2154 # by run
		[[ $stderr == *"$1"* ]]
		[ -z "$output" ]
		run --separate-stderr "${@:3}" --dead-letter dead <"$2"
		[[ $status = 0 && $(wc -l <dead) = $(wc -l <"$2") ]] || [[ $status = 65 && $stderr == *"$1"* ]]
		[ ! -s dead ] || [ "$(jq -r ._dead.reason dead | sort -u)" = "$1" ]
		rm -f dead
	}
	for stage in pay-filter pay-rule pay-agg "pay-agg -d a.db" "pay-filter --dedupe f.db --dedupe-by amount"; do
		# shellcheck disable=SC2086 # several words
		{
			wrong 'a message, not a base record: pay-tobase stands before this stage' messages $stage
			wrong 'a message, not a base record: pay-tobase stands before this stage' day $stage
			wrong 'a total, not a base record: pay-agg stands last, and once' totals $stage
			wrong 'a verdict, not a base record: pay-filter --explain stands last' verdicts $stage
			wrong 'a capture of kcat, not a base record: pay-consume reads it, and then pay-tobase' captures $stage
		}
	done
	wrong 'a message, not a base record: pay-tobase stands before this stage, or --log keeps messages' messages pay-store -d s.db
	wrong 'a message, not a base record: pay-tobase stands before this stage' day pay-store -d s.db
	for stage in pay-tobase "pay-run pay-tobase"; do
		[[ $stage != pay-run* ]] || wrong() { run -65 "${@:3}" <"$2" && [[ $output == *"$1"* ]]; }
		# shellcheck disable=SC2086
		{
			wrong 'a base record, not a message: pay-tobase has made it already' bases $stage
			wrong 'a total, not a message: pay-agg stands last, behind pay-tobase' totals $stage
			wrong 'a verdict, not a message: pay-filter --explain stands last' verdicts $stage
			wrong 'a capture of kcat, not a message: pay-consume reads it, and stands before this stage' captures $stage
		}
	done
	# A log keeps all of it, and says so once.
	run -0 --separate-stderr pay-store --log -d log.db <bases
	[ "$stderr" = "pay-store: standard input: line 1: a base record, not a message: --log stands before pay-tobase" ]
	[ "$(sqlite3 log.db 'select count(*) from payment_log')" = "$(wc -l <bases)" ]
	# What is no other stage's is bad as before, and any message is kept.
	run -65 pay-tobase <<<'{"_src":"a/0/1","x":1}'
	[[ $output == *"bad record: no channel"* ]]
	pay-store --log -d log.db <<<'{"_src":"a/0/1","x":1}'
	pay-store -d s.db bases | pay-rule >/dev/null
}

@test "SIGPIPE that is ignored by who starts a pipeline still ends its stages, and nobody else is blamed" {
	pay-gen -n 20000 --seed 1 >day
	pay-consume day | pay-tobase >base
	pay-store -d kept.db base >/dev/null
	trap '' PIPE
	for command in "pay-consume day" "pay-tobase <day" "pay-filter base" "pay-rule base" "pay-store -d s.db base" "pay-gen -n 200000" \
		"pay-store -d kept.db --export base" "pay-run pay-filter <base"; do
		run -0 timeout 60 bash -c "$command 2>err | head -n 1 >first; echo \${PIPESTATUS[0]}"
		echo "$command: $output $(cat err)"
		[ "$output" = 141 ]
		[ ! -s err ]
	done
	run -0 bash -c "pay-consume day 2>err1 | pay-tobase 2>err2 | pay-filter --dead-letter - 2>err3 | pay-agg --format nothing 2>err4; echo \${PIPESTATUS[*]}"
	[ "$output" = "141 141 141 64" ]
	[ ! -s err1 ] && [ ! -s err2 ] && [ ! -s err3 ] && [ -s err4 ]
}

# unready COMMAND...: runs it on pipes that do not wait (O_NONBLOCK), fed and read with pauses; its outputs go to out and err,
# its processor time in seconds to spent
unready() {
	python3 - "$@" <<-'END'
		import fcntl, os, resource, subprocess, sys, threading, time
		def pipe():
		    ends = os.pipe()
		    for end in ends:
		        fcntl.fcntl(end, fcntl.F_SETPIPE_SZ, 4096)
		    return ends
		def unready(end):
		    fcntl.fcntl(end, fcntl.F_SETFL, fcntl.fcntl(end, fcntl.F_GETFL) | os.O_NONBLOCK)
		    return end
		(i, feed), (out, o), (err, e) = pipe(), pipe(), pipe()
		for end in (i, o, e):
		    unready(end)
		child = subprocess.Popen(sys.argv[1:], stdin=i, stdout=o, stderr=e)
		for end in (i, o, e):
		    os.close(end)
		def write():
		    data = open("in", "rb").read()
		    time.sleep(0.3)
		    try:
		        for at in range(0, len(data), 50000):
		            os.write(feed, data[at:at + 50000])
		            time.sleep(0.02)
		    except BrokenPipeError:
		        pass
		    os.close(feed)
		def read(end, to):
		    with open(to, "wb") as file:
		        time.sleep(0.5)
		        while data := os.read(end, 20000):
		            file.write(data)
		            time.sleep(0.002)
		threads = [threading.Thread(target=write), threading.Thread(target=read, args=(out, "out")), threading.Thread(target=read, args=(err, "err"))]
		for thread in threads:
		    thread.start()
		status = child.wait()
		for thread in threads:
		    thread.join()
		used = resource.getrusage(resource.RUSAGE_CHILDREN)
		open("spent", "w").write(str(used.ru_utime + used.ru_stime))
		sys.exit(status)
	END
}

@test "standard streams that do not wait (O_NONBLOCK) are waited for, without an error and without haste" {
	pay-gen -n 2000 --seed 1 >day
	pay-consume --as stdin day >messages
	pay-tobase messages >bases
	for command in "pay-consume -" pay-tobase "pay-filter --tag" pay-rule "pay-store -d s.db" "pay-run 'pay-tobase | pay-filter'"; do
		case $command in
		pay-consume*) cp day in ;;
		pay-tobase | pay-run*) cp messages in ;;
		*) cp bases in ;;
		esac
		eval "$command" <in >want
		rm -f s.db*
		eval "unready timeout 60 $command"
		echo "$command: $(head -c 300 err), $(cat spent) s"
		cmp want out
		[ ! -s err ]
		[ "$(jq -n "$(cat spent) < 0.6")" = true ]
	done
	: >in
	pay-store -d s.db bases >/dev/null
	for command in "pay-filter --help" "pay-store -d s.db --export base" "pay-filter --check --policy p.csv"; do
		{
			echo reason,member,test,value
			printf 'R%d,a,is,x\n' {1..900}
		} >p.csv
		eval "$command" >want </dev/null
		eval "unready timeout 60 $command"
		cmp want out
	done
	sed 's/"amount":/"amount":"x",&/' messages >in
	status=0
	unready pay-tobase --stats || status=$?
	[ "$status" = 65 ]
	grep -q '"program":"pay-tobase"' err
}

@test "a stage that reads a terminal says so, once, and reads it" {
	pay-gen -n 2 --seed 1 | grep -v FINISH >day
	for stage in pay-tobase "pay-consume -" "pay-run pay-tobase" "pay-store --log -d l.db --source day"; do
		# What is typed ahead of Ctrl-D.
		# shellcheck disable=SC2086 # several words
		run timeout 120 python3 -c 'import os, pty, sys, time
pid, fd = pty.fork()
if pid == 0:
    os.execvp(sys.argv[1], sys.argv[1:])
time.sleep(0.5)
os.write(fd, open("day", "rb").read() + b"\x04")
try:
    while data := os.read(fd, 10000):
        os.write(1, data)
except OSError:
    pass
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))' $stage
		echo "$stage: $status $output"
		[ "$status" = 0 ]
		[ "$(grep -c 'reads from the terminal; Ctrl-D ends it' <<<"$output")" = 1 ]
	done
	for stage in "pay-tobase -q <day" "pay-tobase day" "pay-tobase --check"; do
		run script -qec "$stage" /dev/null </dev/null
		[[ $output != *"reads from the terminal"* ]]
	done
}

@test "what the toolkit's own members say counts only in their form: else the record is bad, in every stage, and none stops" {
	base='"paymentType":"ONLINE","amount":100,"payoutDate":null,"confirmDate":"2025-05-21","merchantNumber":"m1","paymentDate":"2025-05-19T21:48","paymentActionType":"PAYMENT","paymentMethodType":"CARD"'
	letter='"stage":"pay-tobase","reason":"no amount","raw":"{}"'
	for own in '"_unsettled":null' '"_unsettled":5' '"_unsettled":""' '"_unsettled":["TEST"]' '"_\u0075nsettled":null' '"_rule":5' '"_rule":null' \
		'"_dead":5' '"_dead":null' '"_dead":{}' '"_dead":{"stage":"x","reason":"y"}' "\"_dead\":{$letter,\"length\":\"1\"}" "\"_dead\":{$letter,\"encoding\":1}"; do
		echo "{\"_src\":\"day/0/1\",$own,$base}" >in
		echo "{\"_src\":\"day/0/2\",$base}" >>in
		for stage in 'pay-filter' 'pay-filter --tag --dedupe seen.db --dedupe-by merchantNumber' 'pay-rule --default-cycle D+2' 'pay-store -d store.db' 'pay-agg' 'pay-agg -d totals.db' \
			'pay-produce --to out.ndjson'; do
			rm -f ./*.db* out.ndjson dead
			$stage --dead-letter dead --stats in >out 2>stats || { echo "$stage, $own" && cat stats && return 1; }
			[ "$(jq -r ._src dead)" = day/0/1 ] || { echo "$stage, $own" && return 1; }
			[ "$(tail -n 1 stats | jq -c '[.in, .dead]')" = '[2,1]' ]
			! cat out out.ndjson 2>/dev/null | grep -q 'day/0/1"\|"count":2'
		done
		run -65 pay-filter in
		[[ $output == *'day/0/1: bad record: _'* ]]
	done
}

@test "no record goes round the policy by a tag that is none, nor stops a settlement" {
	for own in '"_unsettled":null' '"_unsettled":""' '"_rule":5' '"_dead":5'; do
		rm -rf folder && mkdir folder
		{
			echo "{\"_src\":\"day/0/1\",$own,\"channel\":\"ONLINE\",\"action\":\"PAYMENT\",\"data\":{\"amount\":100,\"confirmDate\":\"2025-05-21\",\"merchantNumber\":\"closed\",\"paymentDate\":\"2025-05-19T21:48\",\"paymentActionType\":\"PAYMENT\",\"paymentMethodType\":\"CARD\"}}"
		} >message
		pay-store --log -d folder/log.db --dead-letter - message | pay-tobase --dead-letter - | pay-filter --dead-letter - |
			pay-rule --default-cycle D+2 --dead-letter - | pay-store -d folder/settle.db --dead-letter - | pay-agg -d folder/totals.db >out || { echo "$own" && return 1; }
		[ ! -s out ]
		[ "$(sqlite3 folder/settle.db 'SELECT count(*) FROM base')" = 0 ]
		[ "$(sqlite3 folder/settle.db 'SELECT count(*) FROM dead_letter')" = 1 ]
		[ "$(sqlite3 folder/log.db 'SELECT count(*) FROM payment_log')" = 1 ]
	done
}

@test "a tag in its form is one to all stages, and a letter passes all" {
	base='"paymentType":"ONLINE","amount":100,"payoutDate":null,"confirmDate":"2025-05-21","merchantNumber":"m1","paymentDate":"2025-05-19T21:48","paymentActionType":"PAYMENT","paymentMethodType":"CARD"'
	echo "{\"_src\":\"day/0/1\",\"_unsettled\":\"HELD\",$base}" >in
	echo '{"_src":"day/0/2","_dead":{"stage":"pay-tobase","reason":"no amount","raw":"e30=","encoding":"base64","length":2}}' >>in
	pay-filter in | pay-rule | pay-store -d store.db >out
	cmp in out
	[ -z "$(pay-agg in)" ]
	[ "$(sqlite3 store.db 'SELECT count(*) FROM unsettlement, dead_letter')" = 1 ]
}
