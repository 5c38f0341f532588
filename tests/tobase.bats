#!/usr/bin/env bats
# pay-tobase: one base record a payment, checked in full.
bats_require_minimum_version 1.5.0

setup() {
	load setup
}

# message [DATA-MEMBERS] - one whole message; a second argument stands in for the channel
message() {
	local data='"paymentType":"OFFLINE","amount":65218,"payoutDate":"2025-05-21","confirmDate":"2025-05-21","merchantNumber":"merchant-1881","paymentDate":"2025-05-19T21:48:15.989609","paymentActionType":"PAYMENT","paymentMethodType":"CARD"'
	printf '{"_src":"day.ndjson/0/1","channel":"OFFLINE","action":"PAYMENT","data":{%s}}\n' "${1-$data}"
}

# with MEMBER VALUE - the message with one member of data spelled otherwise
with() {
	message | sed -E "s|\"$1\":(\"[^\"]*\"\|[0-9]+)|\"$1\":$2|"
}

# without MEMBER
without() {
	message | sed -E "s/\"$1\":(\"[^\"]*\"|[0-9]+),?//; s/,\}/}/"
}

refused() { # refused REASON: the message on standard input is a bad record for that reason
	run pay-tobase
	[ "$status" -eq 65 ]
	[[ $output == *"day.ndjson/0/1: bad record: "*"$1"* ]] || {
		echo "$output"
		return 1
	}
}

@test "a message becomes a base record, member for member" {
	run pay-tobase <<<"$(message)"
	[ "$status" -eq 0 ]
	[ "$output" = '{"_src":"day.ndjson/0/1","paymentType":"OFFLINE","amount":65218,"payoutDate":"2025-05-21","confirmDate":"2025-05-21","merchantNumber":"merchant-1881","paymentDate":"2025-05-19T21:48:15.989609","paymentActionType":"PAYMENT","paymentMethodType":"CARD"}' ]
}

@test "members in another order, spaced and spelled with escapes come out in the documented order" {
	echo '{ "_src" : "p/0/7" , "data" : { "paymentMethodType" : "CA\u0052D" , "amount" : 5 , "paymentDate":"2025-01-01T00:00", "merchantNumber":"m\/1", "paymentActionType":"CANCEL","payment\u0054ype":"ONLINE"}, "action":"PAYMENT", "channel":"ONLINE" }' >in
	run pay-tobase in
	[ "$status" -eq 0 ]
	[ "$output" = '{"_src":"p/0/7","paymentType":"ONLINE","amount":5,"payoutDate":null,"confirmDate":null,"merchantNumber":"m\/1","paymentDate":"2025-01-01T00:00","paymentActionType":"CANCEL","paymentMethodType":"CA\u0052D"}' ]
}

@test "unknown members are kept byte for byte after the eight, those of the message last" {
	message '"note":"a\u0041 é","paymentType":"OFFLINE","amount":1,"x":{"b":[1.10,9007199254740993]},"payoutDate":null,"confirmDate":null,"merchantNumber":"m","paymentDate":"2025-01-01T00:00:00","paymentActionType":"PAYMENT","paymentMethodType":"PAY","z":1e2' |
		sed 's/}$/,"traceId":"t-1"}/' >in
	run pay-tobase in
	[ "$status" -eq 0 ]
	[[ $output == *'"paymentMethodType":"PAY","note":"a\u0041 é","x":{"b":[1.10,9007199254740993]},"z":1e2,"traceId":"t-1"}' ]]
}

@test "key, time and headers before the message are kept in front" {
	message | sed 's|"channel"|"_key":"k","_ts":17,"_headers":[["a","b"]],"channel"|' >in
	run pay-tobase in
	[ "$status" -eq 0 ]
	[[ $output == '{"_src":"day.ndjson/0/1","_key":"k","_ts":17,"_headers":[["a","b"]],"paymentType":"OFFLINE",'* ]]
}

@test "FINISH is dropped and counted, in the statistics and in the mark" {
	{
		message
		echo '{"channel":"OFFLINE","action":"FINISH","data":null}'
		echo '{"channel":"ONLINE","action":"FINISH"}'
	} |
		sed 's/"_src":"[^"]*",//' >day.ndjson
	pay-consume day.ndjson | pay-tobase --stats >out 2>stats
	[ "$(jq -c '[.in,.out,.dropped.FINISH]' stats)" = '[3,1,2]' ]
	[ "$(jq -c '.amount | [.in,.out]' stats)" = '["65218","65218"]' ]
	[ "$(tail -n 1 out | jq -c '._mark | [.records,.in,.dropped["pay-tobase"],.amount,.end]')" = '[1,3,2,"65218","complete"]' ]
}

@test "FINISH that carries data is refused: a payment may be lost in it" {
	message | sed 's/"action":"PAYMENT"/"action":"FINISH"/' | refused "FINISH with data"
}

@test "only 64-bit integers are amounts" {
	for amount in 1.5 1e3 '"12"' null true '{}' 9223372036854775808 -9223372036854775809; do
		with amount "$amount" | refused "amount"
	done
	without amount | refused "no amount"
	for amount in 0 -0 9223372036854775807 9007199254740993; do
		run pay-tobase <<<"$(with amount "$amount")"
		[ "$status" -eq 0 ]
		[[ $output == *"\"amount\":$amount,"* ]]
	done
}

@test "a negative amount is bad, also of a cancel, unless amounts are --signed" {
	for amount in -1 -9223372036854775808; do
		with amount "$amount" | refused "amount $amount is negative"
		with amount "$amount" | sed 's/"PAYMENT","paymentM/"CANCEL","paymentM/' | refused "amount $amount is negative"
		run pay-tobase --signed <<<"$(with amount "$amount")"
		[ "$status" -eq 0 ]
		[[ $output == *"\"amount\":$amount,"* ]]
	done
	run pay-tobase --signed <<<"$(message)"
	[ "$status" -eq 0 ]
}

@test "--most bounds an amount on both sides" {
	run pay-tobase --most 65218 <<<"$(message)"
	[ "$status" -eq 0 ]
	run pay-tobase --most 65217 <<<"$(message)"
	[ "$status" -eq 65 ]
	[[ $output == *"amount 65218 is beyond --most 65217"* ]]
	run pay-tobase --signed --most 100 <<<"$(with amount -100)"
	[ "$status" -eq 0 ]
	run pay-tobase --signed --most 100 <<<"$(with amount -101)"
	[ "$status" -eq 65 ]
	run pay-tobase --most 0 <<<"$(with amount 0)"
	[ "$status" -eq 0 ]
	for most in -1 1.5 "" 9223372036854775808 x; do
		run pay-tobase --most "$most" <<<"$(message)"
		[ "$status" -eq 64 ]
	done
}

@test "an action is declared with its sign" {
	with paymentActionType '"CHARGEBACK"' >in
	for form in CHARGEBACK:- CHARGEBACK:+; do
		run pay-tobase --accept "paymentActionType=$form" in
		[ "$status" -eq 0 ]
		[[ $output == *'"paymentActionType":"CHARGEBACK"'* ]]
	done
	for form in CHARGEBACK CHARGEBACK: :- CHARGEBACK:x CHARGEBACK- PAYMENT:- CANCEL:+ 'A,B:-' $'\xff:-'; do
		run pay-tobase --accept "paymentActionType=$form" in
		[ "$status" -eq 64 ]
		[[ $output == *"paymentActionType=$form"* || $output == *'\xff:-'* ]]
	done
	run pay-tobase -a paymentActionType=X:- -a paymentActionType=X:+ in
	[ "$status" -eq 64 ]
	run pay-tobase -a paymentActionType=CHARGEBACK:- -a paymentActionType=CHARGEBACK:- -a paymentMethodType=A:B in
	[ "$status" -eq 0 ]
}

@test "only dates that exist are payout and confirm dates" {
	for date in '"2025-02-29"' '"2025-13-01"' '"2025-1-1"' '""' '"20250101"' 5; do
		with payoutDate "$date" | refused payoutDate
		with confirmDate "$date" | refused confirmDate
	done
	run pay-tobase <<<"$(with payoutDate null)"
	[[ $status -eq 0 && $output == *'"payoutDate":null,'* ]]
	run pay-tobase <<<"$(without confirmDate)"
	[[ $status -eq 0 && $output == *'"confirmDate":null,'* ]]
}

@test "only local date-times are payment dates" {
	for date in '"2025-05-19"' '"2025-05-19T24:00"' '"2025-05-19T21:48:15Z"' '"2025-05-19T21:48:15+09:00"' '"2025-02-30T10:00"' null; do
		with paymentDate "$date" | refused paymentDate
	done
	without paymentDate | refused "no paymentDate"
	for date in '"2025-05-19T21:48"' '"2025-05-19T21:48:15"' '"2025-05-19T21:48:15.1"' '"2025-05-19T21:48:15.123456789"'; do
		run pay-tobase <<<"$(with paymentDate "$date")"
		[ "$status" -eq 0 ]
	done
}

@test "enumerated members have the documented values, and those that --accept declares" {
	with paymentType '"HYBRID"' | refused 'paymentType "HYBRID" is not one of ONLINE|OFFLINE'
	with paymentActionType '"REFUND"' | refused paymentActionType
	with paymentMethodType '"GIFT"' | refused paymentMethodType
	with paymentMethodType '"card"' | refused paymentMethodType
	without paymentMethodType | refused "no paymentMethodType"
	message | sed 's/"channel":"OFFLINE"/"channel":"POST"/' | refused channel
	run pay-tobase --accept paymentMethodType=GIFT --accept paymentActionType=REFUND:- <<<"$(with paymentMethodType '"GIFT"')"
	[ "$status" -eq 0 ]
	run pay-tobase --accept amount=7 </dev/null
	[ "$status" -eq 64 ]
}

@test "a merchant number is a non-empty string" {
	with merchantNumber '""' | refused merchantNumber
	with merchantNumber 17 | refused merchantNumber
	without merchantNumber | refused "no merchantNumber"
}

@test "a member that is used must not be repeated, however its name is spelled" {
	message | sed 's/"amount":65218/"amount":65218,"\\u0061mount":1/' | refused 'repeated member "amount"'
	message | sed 's/"channel"/"_src":"day.ndjson\/0\/2","channel"/' | refused 'repeated member "_src"'
	message | sed 's/"action"/"channel":"ONLINE","action"/' | refused 'repeated member "channel"'
}

@test "nobody forges the toolkit's members, in data or after the message's own" {
	message '"_unsettled":"X","paymentType":"OFFLINE"' | refused "reserved"
	message | sed 's/"amount"/"_src":"a\/0\/1","amount"/' | refused "_src"
	message | sed 's/"amount"/"_note":1,"amount"/' | refused "reserved"
	message | sed 's/"amount"/"\\u005frule":"r","amount"/' | refused "_rule"
	message | sed 's/}}$/},"_rule":"r"}/' | refused "_rule"
}

@test "a member of a base record beside data is refused" {
	message | sed 's/}}$/},"amount":5}/' | refused '"amount" beside data'
}

@test "messages without action, or of another, or without data are refused" {
	message | sed 's/"action":"PAYMENT",//' | refused "no action"
	message | sed 's/"action":"PAYMENT"/"action":"START"/' | refused 'action "START"'
	message | sed 's/"data":{.*}}/"data":null}/' | refused "without an object data"
	message | sed 's/,"data":{.*}}/}/' | refused "without an object data"
}

@test "a dead letter keeps coordinates, reason and text, and the rest goes on" {
	{
		message
		with amount 1.5 | sed 's|0/1"|0/2"|'
		message | sed 's|0/1"|0/3"|'
	} >in
	run pay-tobase --dead-letter bad.ndjson in
	[ "$status" -eq 0 ]
	[ "${#lines[@]}" -eq 2 ]
	[ "$(jq -r '._src + " " + ._dead.stage' bad.ndjson)" = "day.ndjson/0/2 pay-tobase" ]
	[ "$(jq -r ._dead.raw bad.ndjson)" = "$(sed -n 2p in)" ]
	run pay-tobase --dead-letter - in
	[ "$status" -eq 0 ]
	[ "$(jq -c 'if ._dead then "dead" else .amount end' <<<"$output" | tr '\n' ' ')" = '65218 "dead" 65218 ' ]
	run pay-tobase --dead-letter - --max-dead 0 in
	[ "$status" -eq 65 ]
	[[ $output == *"--max-dead 0"* ]]
}

@test "a corrected dead letter goes through with its old coordinates" {
	with amount 1.5 >in
	pay-tobase --dead-letter bad.ndjson in
	jq -r ._dead.raw bad.ndjson | sed 's/1\.5/15/' >corrected.ndjson
	run pay-tobase corrected.ndjson
	[[ $status -eq 0 && $output == '{"_src":"day.ndjson/0/1",'*'"amount":15,'* ]]
}

# other N NAME: N lines of another schema, each a JSON object
other() {
	seq "$1" | jq -c '{id: ., price: 1.5}' >"$2"
}

@test "a file of which no line became a payment is refused whatever --dead-letter says, and no mark covers it" {
	other 5 f
	for letters in - dead; do
		rm -f d.db
		run -65 bash -c "set -o pipefail; pay-consume f | pay-tobase --dead-letter $letters | pay-store -d d.db"
		[[ $output == *'pay-tobase: f: no line became a payment, 5 are bad: it is not taken'*'the first: no channel'* ]]
		[ "$(sqlite3 d.db 'select count(*) from cover')" = 0 ]
	done
	# Without marks no file is said to have ended: a message by hand is one.
	run -0 pay-tobase --dead-letter - f
	run -65 bash -c 'pay-consume f | pay-run "pay-tobase --dead-letter - | pay-store -d e.db"'
	[ "$(sqlite3 e.db 'select count(*) from cover')" = 0 ]
}

@test "one payment, or FINISH, makes it a file of payments" {
	other 5 f
	pay-gen -n 1 >>f
	pay-consume f | pay-tobase --dead-letter - >out
	grep -q complete out
	other 5 f
	echo '{"channel":"ONLINE","action":"FINISH"}' >>f
	pay-consume f | pay-tobase --dead-letter - >out
	grep -q complete out
}

@test "of several files the one is named, and those before it in other segments stay" {
	pay-gen -n 10 >a
	other 20 b
	pay-gen -n 10 --seed 2 >c
	run -65 bash -c 'set -o pipefail; pay-consume --segment-records 12 a b c | pay-tobase --dead-letter - | pay-store -d d.db'
	[[ $output == *'pay-tobase: b: no line became a payment, 20 are bad'* ]]
	[ "$(sqlite3 d.db 'select source, hi from cover where source = "a"')" = 'a|13' ]
	other 1 b
	run -65 bash -c 'set -o pipefail; pay-consume a b c | pay-tobase --dead-letter -'
	[[ $output == *'pay-tobase: b: no line became a payment, 1 is bad'* ]]
	pay-consume a c | pay-tobase --dead-letter - | grep -q complete
}

@test "10,000 bad records before a payment are enough" {
	other 10001 f
	pay-gen -n 1 >>f
	run -65 bash -c 'set -o pipefail; pay-consume f | pay-tobase --dead-letter dead'
	[[ $output == *'f: no line became a payment, 10000 are bad'* ]]
}

@test "a refused file of several segments is refused again, and nothing of it is kept" {
	pay-gen -n 6000 >a
	seq 9000 | jq -c '{id: ., pad: ("x" * 600)}' >b
	run_b() { pay-consume --resume d.db a b | pay-tobase --dead-letter "$1" | pay-store -d d.db >/dev/null; }
	for letters in - dead; do
		for _ in 1 2; do
			run -65 bash -c "set -o pipefail; $(declare -f run_b); run_b $letters"
			[[ $output == *'b: no line became a payment'* ]]
			[ "$(sqlite3 d.db 'select group_concat(source || hi) from cover')" = a6003 ]
			[ "$(sqlite3 d.db 'select count(*) from dead_letter')" = 0 ]
			[ ! -s dead ]
		done
	done
	pay-gen -n 10 --seed 2 >b
	run_b -
	[ "$(sqlite3 d.db 'select count(*) from base')" = 6010 ]
	# A range is judged like a file, as each share of settle --jobs is.
	other 20 f
	run -65 bash -c 'set -o pipefail; pay-consume --to 10 f | pay-tobase --dead-letter -'
}

@test "where a file is read on, or a topic, a bad record is a bad record" {
	pay-gen -n 3 >f
	other 2 g
	cat g >>f
	pay-consume --from 6 f | pay-tobase --dead-letter - | grep -q complete
	# What comes of a topic has other marks.
	{
		echo '{"_mark":{"seq":0,"records":0,"in":0,"dropped":{},"amount":null,"from":{},"next":{},"end":null}}'
		echo '{"_src":"t/0/1","a":1}'
		echo '{"_mark":{"seq":1,"records":1,"in":1,"dropped":{},"amount":null,"from":{"t/0":1},"next":{"t/0":2},"end":"complete"}}'
	} | pay-tobase --dead-letter - | grep -q complete
	# A capture of a topic is a file, though its records are the topic's.
	jq -c '{topic:"t",partition:0,offset:.id,payload:tojson}' g >k
	run -65 bash -c 'set -o pipefail; pay-consume k | pay-tobase --dead-letter -'
	[[ $output == *'no line became a payment, 2 are bad'* ]]
}
