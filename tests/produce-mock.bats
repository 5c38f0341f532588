#!/usr/bin/env bats
# pay-produce to a topic of the mock broker: its options, bad members, and errors that a real one seldom has.
bats_require_minimum_version 1.5.0

setup() {
	load setup
	load broker
}

produce() { pay-produce -b "$MOCK" -t out "$@"; }
there() { kcat -C -q -b "$MOCK" -t out -o beginning -e; }

@test "options that do not go together are refused" {
	for options in "" "-b b" "-t t" "-b b -t t --to out" "--to out -X client.id=a" "--to out --key a" "-b b -t t --key a//b" \
		"-b b -t t --key /" "-b b -t t --transactional-id i" "-b b -t t --group g" "-b b -t t --allow-gap" \
		"-b b -t t --transactional-id i --group g --unsealed" "-b b -t t --dead-letter -" "-b b -t t -X acks=1" \
		"-b b -t t -X enable.idempotence=false" "-b b -t t -X request.required.acks=0" "-b b -t t -X transactional.id=a" \
		"-b b -t t -X no.such=1" "-b b -t t -X linger.ms=x"; do
		echo "$options"
		# shellcheck disable=SC2086 # several words
		run -64 pay-produce $options <<<'{}'
	done
	refuses 78 'Kafka client: ' pay-produce -b b -t t -X max.in.flight=100 <<<'{}'
}

@test "members that a message cannot be made of make bad records" {
	mock_start out
	cat >bad <<-'LINES'
		{"_headers":{},"a":1}
		{"_headers":["h","v"],"a":1}
		{"_headers":[["h"]],"a":1}
		{"_headers":[["h","v","w"]],"a":1}
		{"_headers":[[]],"a":1}
		{"_headers":[[1,"v"]],"a":1}
		{"_headers":[["h",1]],"a":1}
		{"_headers":[["h","v"],3],"a":1}
		{"_ts":"1","a":1}
		{"_ts":-1,"a":1}
		{"_ts":1.5,"a":1}
		{"_key":1,"a":1}
		{"_key":{},"a":1}
		{"a":1,"_key":"late"}
		{"_src":"no coordinates","_src":1}
	LINES
	printf '%s\n' '{"_headers":[],"_ts":null,"_key":null,"a":1}' '{"_headers": [ [ "h" , "v" ] , [ "h" , null ] ] ,"a":2}' |
		cat bad - | produce --dead-letter dead
	[ "$(wc -l <dead)" = "$(wc -l <bad)" ]
	[ "$(jq -r ._dead.raw dead)" = "$(cat bad)" ]
	[ "$(there)" = $'{"a":1}\n{"a":2}' ]
	mock_stop
}

@test "an error that passes is tried again, each record once" {
	mock_start -e 0:NOT_ENOUGH_REPLICAS,_TRANSPORT,REQUEST_TIMED_OUT,NOT_LEADER_FOR_PARTITION out
	# One request at a time: unlike a broker, the mock does not refuse one that overtakes another.
	seq -f '{"n":%.0f}' 1000 | produce -X max.in.flight=1
	[ "$(there)" = "$(seq -f '{"n":%.0f}' 1000)" ]
	mock_stop
}

@test "records that are not acknowledged are counted and named" {
	mock_start -e 0:TOPIC_AUTHORIZATION_FAILED out
	printf '%s\n' '{"_src":"a/0/1","n":1}' '{"n":2}' '{"_src":"a/0/3","n":3}' '{"_src":"a/0/4","n":4}' >in
	refuses 69 'topic out: 4 of 4 records are not acknowledged, first a/0/1, line 2, a/0/3: Broker: Topic authorization failed' \
		produce --stats -X linger.ms=2000 in # all in one request
	[[ $output == *'"unacknowledged":4'* ]]
	mock_say down
	refuses 69 'does not answer' produce in
	mock_stop
}

@test "while no broker answers memory stays bounded, and the end is an error that counts" {
	[ -z "${PAYPIPE_SLOW:-}" ] || skip "sanitizers take memory of their own"
	mock_start out
	{
		echo '{"n":0}'
		until [ -e away ]; do sleep 0.1; done
		seq -f '{"_src":"a/0/%.0f","text":"0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"}' 300000
	} | measure taken pay-produce -b "$MOCK" -t out -X message.timeout.ms=4000 2>said &
	process=$!
	until [ -n "$(kcat -C -q -b "$MOCK" -t out -o beginning -e)" ]; do sleep 0.1; done
	mock_say down
	touch away
	status=0
	wait "$process" || status=$?
	cat said taken
	[ "$status" = 69 ]
	grep -q 'the cluster does not answer, waiting' said
	grep -q '50000 of 50001 records are not acknowledged, first a/0/1, a/0/2, a/0/3: Local: Message timed out' said
	read -r _ _ kib <taken
	[ "$kib" -lt 65536 ]
	mock_stop
}

@test "a transaction that fails for a moment is done again by a new producer; an offset that is there tells" {
	for error in 26:COORDINATOR_NOT_AVAILABLE 26:_TRANSPORT 26:INVALID_TXN_STATE 24:INVALID_TXN_STATE 28:UNKNOWN_MEMBER_ID; do
		echo "$error"
		rm -f mock.in mock.out
		mock_start -e "$error" payment out
		sealed | produce --transactional-id i --group g
		# The mock shows what was aborted, too.
		[ "$(there | sort -u)" = $'{"n":1}\n{"n":2}' ]
		mock_stop
	done
}

@test "a transaction whose messages are refused for good, and an instance that is fenced, end the program" {
	# For good: an answer that is overtaken by the transaction's own error is given again at the next attempt.
	mock_start -e 0:MSG_SIZE_TOO_LARGE,MSG_SIZE_TOO_LARGE,MSG_SIZE_TOO_LARGE,MSG_SIZE_TOO_LARGE,MSG_SIZE_TOO_LARGE,MSG_SIZE_TOO_LARGE payment out
	sealed >in
	refuses 65 '-X message.max.bytes=N' produce --transactional-id i --group g in
	mock_stop
	rm -f mock.in mock.out
	mock_start payment out
	mock_say 26:PRODUCER_FENCED
	refuses 76 'another producer has taken over the transactional id i' produce --transactional-id i --group g in
	mock_stop
	rm -f mock.in mock.out
	mock_start -e 0:TOPIC_AUTHORIZATION_FAILED,TOPIC_AUTHORIZATION_FAILED,TOPIC_AUTHORIZATION_FAILED,TOPIC_AUTHORIZATION_FAILED,TOPIC_AUTHORIZATION_FAILED,TOPIC_AUTHORIZATION_FAILED payment out
	refuses 69 'topic out: Broker: Topic authorization failed' produce --transactional-id i --group g in
	mock_stop
}

@test "what pay-produce has taken is delivered when another stage of pay-run fails, and a transaction is aborted" {
	mock_start payment out
	payment='{"paymentType":"ONLINE","amount":1,"merchantNumber":"m","paymentDate":"2025-05-25T00:00","paymentActionType":"PAYMENT","paymentMethodType":"CARD"}'
	printf '%s\n' "$payment" "$payment" '{"amount":"x"}' >in
	refuses 65 "pay-filter: standard input: line 3: bad record" \
		pay-run --stats "pay-filter --tag | pay-produce -b $MOCK -t out" <in
	[[ $output == *'{"program":"pay-produce","in":2,"out":2,'*'"unacknowledged":0}'* ]]
	[ "$(there | wc -l)" = 2 ]
	sealed | head -n 2 | sed 's/"n":1/"amount":1/' >cut
	refuses 65 "pay-filter: standard input: line 2: no end mark" \
		pay-run --stats "pay-filter --tag | pay-produce -b $MOCK -t out --transactional-id i --group g" <cut
	[[ $output == *'"program":"pay-produce","in":1,'*'"unacknowledged":1}'* ]]
	mock_stop
}

@test "totals have their key in pay-run, too, whatever stage is between" {
	mock_start out
	pay-gen -n 200 --merchants 5 | pay-consume --as day - >in
	pay-tobase in | pay-agg >totals
	pay-run "pay-tobase | pay-agg --marks | pay-store -d s.db | pay-produce -b $MOCK -t out --key merchantNumber/paymentMethodType" <in
	there | diff totals -
	kcat -C -q -b "$MOCK" -t out -o beginning -e -f '%k\n' >keys
	jq -r '.key | "\(.merchantNumber)/\(.paymentMethodType)"' totals | diff - keys
	mock_stop
}
