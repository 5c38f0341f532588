#!/usr/bin/env bats
# pay-rule --rule-url: rules of an API that is slow, failing and lying by turns (tests/tool/rule-api.c).

setup_file() {
	load setup
	cd "$BATS_FILE_TMPDIR" || exit
	pay-gen -n 6000 --seed 3 --date 2025-05-25 --merchants 60 --test 0.01 --unconfirmed 0.02 --malformed 0.01 --rules rules.csv >day
	pay-consume --dead-letter - day | pay-tobase --dead-letter - | pay-filter --tag >tagged
	pay-rule --rules rules.csv tagged >dated
	awk 'NR == 1 || NR % 2 == 0' rules.csv >half.csv # every second rule
	sed '2,$s/,R-/,other-/' rules.csv >other.csv
	pay-rule --rules half.csv tagged >half-dated
}

setup() {
	load setup
	PATH=$PATH:${BATS_TEST_DIRNAME%/tests*}/build/tool
	day=$BATS_FILE_TMPDIR
}

teardown() {
	api_stop
}

# api_start RULES [NAME=VALUE]...: sets $API to the server's address; it logs to api.log
api_start() {
	rm -f api.in api.out
	mkfifo api.in api.out
	rule-api "$1" api.log "${@:2}" <api.in >api.out 3>&- &
	api_process=$!
	exec 8>api.in 9<api.out
	read -r api_port <&9
	API=http://127.0.0.1:$api_port/v1/rule
}

api_stop() {
	[ -z "${api_process:-}" ] || {
		exec 8>&- 9<&-
		wait "$api_process"
		api_process=
	}
}

# payment MERCHANT [OFFSET]
payment() {
	printf '{"_src":"day/0/%s","paymentType":"ONLINE","amount":100,"payoutDate":null,"confirmDate":null,"merchantNumber":"%s","paymentDate":"2025-05-23T12:00","paymentActionType":"PAYMENT","paymentMethodType":"CARD"}\n' "${2:-1}" "$1"
}

# rules ROW...: rules.csv for payments like that: MERCHANT ID
rules() {
	echo merchantNumber,paymentDate,paymentActionType,paymentMethodType,ruleId,payoutDate,confirmDate
	while [ $# -gt 0 ]; do
		echo "$1,2025-05-23,PAYMENT,CARD,$2,2025-06-02,"
		shift 2
	done
}

# ids [OPTION]...: what dated the payments on standard input
ids() {
	pay-rule "$@" | jq -r ._rule
}

# fails STATUS TEXT COMMAND...
fails() {
	local want=$1 text=$2
	run "${@:3}"
	if [ "$status" -ne "$want" ] || [[ $output != *"$text"* ]]; then
		echo "$status: $output"
		return 1
	fi
}

asked() { # how many requests came
	grep -c '^>' api.log || true
}

# No key is asked for while an answer for it is due.
one_at_a_time() {
	awk '{ key = $2; open[key] += $1 == ">" ? 1 : -1; if (open[key] > 1) { print "two for " key; bad = 1 } } END { exit bad }' api.log
}

@test "payments dated by the API are those dated by a file, byte for byte, each key asked for once" {
	api_start "$day/rules.csv"
	pay-rule --rule-url "$API" "$day/tagged" >out
	cmp "$day/dated" out
	[ "$(asked)" -gt 100 ]
	[ -z "$(grep '^>' api.log | sort | uniq -d)" ]
}

@test "half of the rules missing is the default cycle for the other half, byte for byte" {
	api_start "$day/half.csv"
	pay-rule --rule-url "$API" "$day/tagged" >out
	cmp "$day/half-dated" out
	[ -z "$(grep '^>' api.log | sort | uniq -d)" ]
}

@test "an API that fails in every way by turns is asked until it answers, one request a key at a time" {
	api_start "$day/rules.csv" seed=7 slow=2 500=6 429=3 302=3 close=6 half=6 garbage=6 lie=6 huge=3 times=3
	pay-rule --rule-url "$API" --api-retries 3 --stats "$day/tagged" >out 2>stats
	cmp "$day/dated" out
	for misdeed in 500 429 302 close half garbage lie huge; do grep -q " $misdeed$" api.log; done
	one_at_a_time
	jq -e '.in == .out' stats
}

@test "many requests are in flight, as many as --api-parallel allows" {
	for i in {1..40}; do payment "m$i" "$i"; done >many
	api_start <(rules) slow=150
	SECONDS=0
	pay-rule --rule-url "$API" --api-parallel 8 many >out
	[ "$SECONDS" -lt 5 ]
	awk '{ open += $1 == ">" ? 1 : -1; if (open > most) most = open } END { exit !(most > 4 && most <= 8) }' api.log
}

@test "a payment waits for its answer, not for the next payment" {
	api_start <(rules m1 r1)
	mkfifo in
	pay-rule --rule-url "$API" <in >out 3>&- 8>&- 9<&- &
	exec 7>in
	payment m1 >&7
	for _ in {1..1200}; do
		[ ! -s out ] || break
		sleep 0.1
	done
	[ "$(jq -r ._rule out)" = r1 ]
	exec 7>&-
	wait $!
}

@test "without an answer it stops with 75: what came before is written, nothing after, no end mark" {
	{ payment m1 1 && payment m2 2 && payment m1 3; } >three
	rules m1 r1 >file.csv
	api_start <(rules) 500=100
	fails 75 "merchant m2, asked 2 times: status 500" pay-rule --rules file.csv --rule-url "$API" --api-retries 1 three
	[ "$(pay-rule --rules file.csv --rule-url "$API" --api-retries 0 three 2>/dev/null | jq -r ._src)" = day/0/1 ]
	run pay-rule --rule-url "$API" --api-retries 0 "$day/tagged"
	[ "$status" -eq 75 ] && [[ $output != *'"end":"'* ]]
}

@test "--on-api-error default dates by cycle, reject makes a dead letter" {
	{ payment m1 1 && payment m2 2; } >two
	api_start <(rules m1 r1) 500=100
	run ids --rule-url "$API" --api-retries 1 --on-api-error default two
	[ "$output" = $'default:C+2\ndefault:C+2' ]
	pay-rule --rule-url "$API" --api-retries 1 --on-api-error reject --dead-letter dead two >out
	[ ! -s out ]
	[ "$(jq -r ._dead.reason dead | sort -u)" = "the rule API does not answer: status 500" ]
	fails 65 "does not answer" pay-rule --rule-url "$API" --api-retries 0 --on-api-error reject two
}

@test "each kind of no answer is told" {
	payment m1 >one
	api_start <(rules m1 r1) 302=100
	fails 75 "status 302" pay-rule --rule-url "$API" --api-retries 0 one
	[ "$(asked)" -eq 1 ] # the redirection was not followed
	api_stop
	api_start <(rules m1 r1) lie=100
	fails 75 'another merchantNumber "somebody else"' pay-rule --rule-url "$API" --api-retries 0 one
	api_stop
	api_start <(rules m1 r1) huge=100
	fails 75 "more than 65536 bytes" pay-rule --rule-url "$API" --api-retries 0 one
	api_stop
	api_start <(rules m1 r1) slow=1000
	fails 75 "imed out" pay-rule --rule-url "$API" --api-retries 1 --api-timeout 0.1 one
	api_stop
	fails 75 "onnect" pay-rule --rule-url "$API" --api-retries 0 one
}

@test "the URL's own query stays, and keys are encoded" {
	api_start <(rules 'a&b=c/é %' r1) need=token=1
	run ids --rule-url "$API?token=1" < <(payment 'a&b=c/é %')
	[ "$output" = r1 ]
}

@test "headers come from a file and are shown nowhere" {
	payment m1 >one
	echo "X-Key: secret-7" >headers
	api_start <(rules m1 r1) header="X-Key: secret-7"
	run ids --rule-url "$API" --rule-header headers one
	[ "$output" = r1 ]
	fails 75 "status 401" pay-rule --rule-url "$API" --api-retries 0 one
	echo "secret-7 without a colon" >headers
	fails 78 "headers:1: not a header line" pay-rule --rule-url "$API" --rule-header headers one
	[[ $output != *secret* ]]
	fails 66 nowhere pay-rule --rule-url "$API" --rule-header nowhere one
}

@test "a server's certificate must be trusted" {
	command -v openssl >/dev/null || skip "no openssl to make a certificate"
	openssl req -x509 -newkey rsa:2048 -nodes -keyout own.key -out own.crt -days 2 -subj /CN=localhost \
		-addext subjectAltName=DNS:localhost 2>/dev/null
	payment m1 >one
	api_start <(rules m1 r1) tls=own
	fails 75 "ertificate" pay-rule --rule-url "https://localhost:$api_port/" --api-retries 0 one
	run ids --rule-url "https://localhost:$api_port/" --rule-ca own.crt one
	[ "$output" = r1 ]
	fails 75 "127.0.0.1" pay-rule --rule-url "https://127.0.0.1:$api_port/" --rule-ca own.crt --api-retries 0 one # another name
}

@test "no rule is remembered for --negative-ttl" {
	for i in {1..50}; do payment m1 "$i"; done >many
	api_start <(rules)
	run ids --rule-url "$API" many
	[ "$(sort -u <<<"$output")" = default:C+2 ] && [ "$(asked)" -eq 1 ]
	# the second payment once the first has its answer and that answer is old
	{ payment m1 && until [ "$(asked)" -eq 2 ]; do sleep 0.05; done && sleep 0.6 && payment m1; } | pay-rule --rule-url "$API" --negative-ttl 0.2 >out
	[ "$(asked)" -eq 3 ]
}

@test "with --rule-cache the second run asks nothing and dates the same, whatever the API says by then" {
	api_start "$day/half.csv"
	pay-rule --rule-url "$API" --rule-cache c.db "$day/tagged" >out
	cmp "$day/half-dated" out
	api_stop
	: >api.log
	api_start "$day/other.csv"
	pay-rule --rule-url "$API" --rule-cache c.db "$day/tagged" >out
	cmp "$day/half-dated" out
	[ "$(asked)" -eq 0 ]
	pay-rule --rules c.db "$day/tagged" | cmp "$day/half-dated" -
}

@test "what the API refuses, and what is too long to ask about, are bad records, not an end for good" {
	api_start <(rules m1 r1) need=paymentActionType=PAYMENT
	payment m1 | sed 's/"PAYMENT"/"REFUND"/' >refused
	fails 65 "the rule API cannot be asked about it: status 400" pay-rule --rule-url "$API" refused
	{ cat refused && payment "$(printf '%070000d' 1)" && payment "$(printf '%01500d' 1 | sed 's/./é/g')" && payment m1 4; } >day4
	run ids --rule-url "$API" --rule-cache c.db --dead-letter dead day4
	[ "$output" = r1 ]
	[ "$(jq -r ._dead.reason dead)" = 'the rule API cannot be asked about it: status 400
the rule API cannot be asked about it: merchantNumber, action and method are over 4096 bytes
the rule API cannot be asked about it: its query would be over 4096 bytes' ]
	[ "$(asked)" -eq 1 ] # the server counts those that it answers
}

@test "a look-up that failed is not kept as none, and neither is what was not asked about" {
	api_start <(rules) 500=100
	payment m1 5 >fifth
	run ids --rule-url "$API" --rule-cache c.db --api-retries 0 --on-api-error default -q fifth
	[ "$output" = default:C+2 ]
	api_stop
	api_start <(rules)
	payment m2 9 >ninth
	run ids --rule-url "$API" --rule-cache c.db ninth
	api_stop
	# The eighth was never asked about; the ninth was.
	api_start <(rules m1 r1 m2 r2)
	{ cat fifth && payment m2 8 && cat ninth && payment m2 10; } >later
	run ids --rule-url "$API" --rule-cache c.db later
	[ "$output" = $'r1\nr2\ndefault:C+2\nr2' ]
}

@test "a payment behind those without a rule asks again, and those before it stay as they were" {
	{ payment m1 1 && payment m1 2; } >first
	{ payment m1 1 && payment m1 2 && payment m1 3; } >later
	api_start <(rules)
	run ids --rule-url "$API" --rule-cache c.db first
	[ "$output" = $'default:C+2\ndefault:C+2' ]
	api_stop
	api_start <(rules m1 r1)
	run ids --rule-url "$API" --rule-cache c.db later
	[ "$output" = $'default:C+2\ndefault:C+2\nr1' ]
	run ids --rule-url "$API" --rule-cache c.db later
	[ "$output" = $'default:C+2\ndefault:C+2\nr1' ]
}

@test "killed at any time, a replay gives what was written before the same dates though the API has changed" {
	local killed=0 written=0 before
	for delay in 0.05 0.1 0.2 0.3; do
		rm -f c.db*
		api_start "$day/half.csv" slow=20
		before=$(asked)
		pay-rule --rule-url "$API" --rule-cache c.db --api-parallel 8 <"$day/tagged" >out 3>&- 8>&- 9<&- &
		until [ "$(asked)" -gt "$before" ]; do sleep 0.01; done
		sleep "$delay"
		kill -9 $! 2>/dev/null && killed=$((killed + 1))
		wait $! || true
		api_stop
		api_start "$day/other.csv"
		pay-rule --rule-url "$API" --rule-cache c.db "$day/tagged" >again
		head -n "$(wc -l <out)" again | cmp - <(head -n "$(wc -l <out)" out)
		written=$((written + $(wc -l <out)))
		api_stop
	done
	[ "$killed" -gt 0 ] && [ "$written" -gt 0 ]
}

@test "the rule cache is pay-rule's, one writer at a time, and for records with coordinates" {
	payment m1 >one
	api_start <(rules m1 r1)
	pay-store -d store.db one >/dev/null
	fails 78 "a store of pay-store" pay-rule --rule-url "$API" --rule-cache store.db one
	sed 's/"_src":"day.0.1",//' one >bare
	fails 65 "record without _src" pay-rule --rule-url "$API" --rule-cache c.db bare
	cat bare bare >two
	pay-rule --rule-url "$API" --rule-cache c.db --source two two >out
	[ "$(jq -r '"\(._src) \(._rule)"' out)" = $'two/0/1 r1\ntwo/0/2 r1' ]
	[[ $(head -n 1 out) == '{"_src":"two/0/1","_rule":"r1","paymentType":'* ]]
	(exec 7<>c.db && flock 7 && fails 75 "c.db" pay-rule --rule-url "$API" --rule-cache c.db --lock-wait 0.1 one)
}

@test "bad options are 64" {
	for url in ftp://h/ file:///etc/passwd 'http://u:p@h/' 'http://h/#x' nonsense://; do
		fails 64 --rule-url pay-rule --rule-url "$url" /dev/null
		[[ $output != *u:p* ]]
	done
	fails 64 --rule-cache pay-rule --rule-cache c.db /dev/null
	fails 64 --on-api-error pay-rule --on-api-error wait /dev/null
	fails 64 --api-parallel pay-rule --api-parallel 0 /dev/null
	fails 64 --api-timeout pay-rule --api-timeout 0 /dev/null
	[ ! -e c.db ]
}

@test "in pay-run, too, records wait for the API in their order, and none waits for input that is not there" {
	api_start "$day/rules.csv" slow=5
	pay-run "pay-filter --tag | pay-rule --rule-url $API --rule-cache c.db | pay-store -d s.db" <"$day/tagged" >out
	cmp "$day/dated" out
	pay-run "pay-filter --tag | pay-rule --rule-url $API --rule-cache c.db | pay-agg -d t.db" <"$day/tagged" >totals
	pay-agg "$day/dated" | cmp - totals
	mkfifo in out.fifo
	grep -v '"_mark"' "$day/tagged" | head -n 100 >some
	pay-run "pay-filter --tag | pay-rule --rule-url $API | pay-filter --tag" <in >out.fifo &
	exec 7>in
	cat some >&7
	timeout 120 head -n 100 out.fifo >begun
	exec 7>&-
	wait $! || true
	cmp <(grep -v '"_mark"' "$day/dated" | head -n 100) begun
}

@test "an API that does not answer ends pay-run as it ends pay-rule" {
	api_start "$day/rules.csv"
	api_stop
	payment m1 >one
	fails 75 "pay-rule: the rule API does not answer" \
		pay-run "pay-rule --rule-url $API --api-retries 0 one | pay-agg"
}

@test "what payments name is forgotten again: memory does not grow with the merchants that the API was asked for" {
	[ -z "${PAYPIPE_SLOW:-}" ] || skip "sanitizers take memory of their own"
	head -n 1 "$day/rules.csv" >none.csv
	api_start none.csv
	pad=$(printf '%01000d' 0)
	for n in 10000 40000; do
		seq "$n" | sed "s|.*|{\"_src\":\"d/0/&\",\"paymentType\":\"ONLINE\",\"amount\":1,\"payoutDate\":null,\"confirmDate\":null,\"merchantNumber\":\"$pad&\",\"paymentDate\":\"2025-05-19T21:48\",\"paymentActionType\":\"PAYMENT\",\"paymentMethodType\":\"CARD\"}|" >base
		rm -f taken
		measure taken pay-rule --rule-url "$API" base >/dev/null
		read -r _ _ kib <taken
		echo "$n: $kib KiB"
		[ "$n" = 40000 ] || few=$kib
	done
	[ "$kib" -lt $((few + 16384)) ]
}
