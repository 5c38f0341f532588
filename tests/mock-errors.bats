#!/usr/bin/env bats
# Each kind of request that the programs make of a cluster is answered by each kind of error: what passes is tried again and
# nothing is lost or doubled; what does not pass ends the program with a status that fits. Nothing hangs.
bats_require_minimum_version 1.5.0

setup() {
	load setup
	load broker
	mock_start payment:2 out rules
	seq -f '{"amount":%.0f}' 100 | kcat -P -b "$MOCK" -t payment
}

teardown() {
	mock_stop
}

amounts() { jq -rc 'select(.amount) | .amount' | sort -n | paste -sd' '; }
there() { kcat -C -q -b "$MOCK" -t out -o beginning -e; }

# ends STATUS TEXT COMMAND...: within 60 s, and says so
ends() {
	local want=$1 text=$2
	run timeout 60 "${@:3}"
	if [ "$status" != "$want" ] || [[ $output != *"$text"* ]]; then
		echo "status $status, not $want (124: it hangs): ${output:0:600}"
		return 1
	fi
}

many() { # many ERROR: so often that no trying again gets past it
	local all
	all=$(printf "$1,%.0s" {1..300})
	echo "${all%,}"
}

@test "pay-consume: what passes by itself in each request is passed over, and each message comes once" {
	n=0
	for errors in 1:NOT_LEADER_FOR_PARTITION,_TRANSPORT,UNKNOWN 1:REQUEST_TIMED_OUT,LEADER_NOT_AVAILABLE \
		2:NOT_LEADER_FOR_PARTITION,_TRANSPORT 2:REQUEST_TIMED_OUT,LEADER_NOT_AVAILABLE 3:LEADER_NOT_AVAILABLE,_TRANSPORT \
		3:REQUEST_TIMED_OUT 9:COORDINATOR_LOAD_IN_PROGRESS,NOT_COORDINATOR,_TRANSPORT 10:COORDINATOR_NOT_AVAILABLE,_TRANSPORT \
		18:_TRANSPORT; do
		echo "$errors"
		mock_say "$errors"
		n=$((n + 1))
		timeout 60 pay-consume -b "$MOCK" -t payment --until end --group "g$n" --from beginning >got
		[ "$(amounts <got)" = "$(seq -s' ' 100)" ]
		tail -n 1 got | grep -q '"end":"complete"'
	done
}

@test "pay-consume: what does not pass ends it, without an end mark" {
	local mark
	for case in 69:2:TOPIC_AUTHORIZATION_FAILED 69:1:TOPIC_AUTHORIZATION_FAILED 76:1:OFFSET_OUT_OF_RANGE; do
		echo "$case"
		mock_say "${case#*:},$(many "${case##*:}")"
		# shellcheck disable=SC2016 # it is for the inner shell
		ends "${case%%:*}" 'pay-consume: ' bash -c 'pay-consume -b "$1" -t payment --until end >got' _ "$MOCK"
		mark=$(grep -c '"end":"' got || true)
		[ "$mark" = 0 ]
		mock_stop
		rm -f mock.in mock.out
		mock_start payment:2 out rules
		seq -f '{"amount":%.0f}' 100 | kcat -P -b "$MOCK" -t payment
	done
}

@test "pay-consume: a group that may not be read or written ends it after the stream is whole" {
	mock_say "9:GROUP_AUTHORIZATION_FAILED"
	ends 69 'uthoriz' pay-consume -b "$MOCK" -t payment --from stored --group g --until end
	mock_say "8:COORDINATOR_LOAD_IN_PROGRESS,NOT_COORDINATOR"
	timeout 60 pay-consume -b "$MOCK" -t payment --from beginning --group g --until end >got
	[ "$(amounts <got)" = "$(seq -s' ' 100)" ]
	[ -z "$(timeout 60 pay-consume -b "$MOCK" -t payment --from stored --group g --until end | amounts)" ]
}

@test "pay-produce: what passes by itself in each request is tried again, each record once and in order" {
	seq -f '{"n":%.0f}' 500 >in
	for errors in 0:NOT_ENOUGH_REPLICAS,_TRANSPORT,REQUEST_TIMED_OUT,NOT_LEADER_FOR_PARTITION 0:NOT_ENOUGH_REPLICAS_AFTER_APPEND \
		3:LEADER_NOT_AVAILABLE,_TRANSPORT 22:COORDINATOR_LOAD_IN_PROGRESS,_TRANSPORT 18:_TRANSPORT; do
		echo "$errors"
		mock_stop
		rm -f mock.in mock.out
		mock_start -e "$errors" out
		# One request at a time: unlike a broker, the mock does not refuse one that overtakes another.
		timeout 60 pay-produce -b "$MOCK" -t out -X max.in.flight=1 in
		[ "$(there)" = "$(cat in)" ]
	done
}

@test "pay-produce: what does not pass ends it with what is not acknowledged" {
	echo '{"_src":"a/0/1","n":1}' >in
	mock_say "0:$(many TOPIC_AUTHORIZATION_FAILED)"
	ends 69 '1 of 1 records are not acknowledged, first a/0/1: Broker: Topic authorization failed' pay-produce -b "$MOCK" -t out in
	mock_stop
	rm -f mock.in mock.out
	mock_start -e "22:$(many CLUSTER_AUTHORIZATION_FAILED)" out
	ends 69 'uthoriz' pay-produce -b "$MOCK" -t out -X message.timeout.ms=3000 in
}

@test "pay-produce in transactions: each request's passing errors are tried again, each record once" {
	sealed >in
	for errors in 22:COORDINATOR_LOAD_IN_PROGRESS,NOT_COORDINATOR,_TRANSPORT 10:COORDINATOR_NOT_AVAILABLE,_TRANSPORT \
		24:CONCURRENT_TRANSACTIONS,COORDINATOR_LOAD_IN_PROGRESS,NOT_COORDINATOR 24:_TRANSPORT \
		25:COORDINATOR_LOAD_IN_PROGRESS,NOT_COORDINATOR,_TRANSPORT 28:COORDINATOR_LOAD_IN_PROGRESS,NOT_COORDINATOR,_TRANSPORT \
		26:COORDINATOR_LOAD_IN_PROGRESS,NOT_COORDINATOR,_TRANSPORT 9:COORDINATOR_LOAD_IN_PROGRESS,NOT_COORDINATOR \
		0:NOT_LEADER_FOR_PARTITION,_TRANSPORT; do
		echo "$errors"
		mock_stop
		rm -f mock.in mock.out
		mock_start -e "$errors" payment out
		timeout 60 pay-produce -b "$MOCK" -t out --transactional-id i --group g in
		# The mock shows what was aborted, too, and keeps no offsets of transactions: produce-kafka.bats has both.
		[ "$(there | sort -u)" = $'{"n":1}\n{"n":2}' ]
	done
}

@test "pay-produce in transactions: what does not pass ends it, a fenced instance with 76 in every request" {
	sealed >in
	for case in 76:22:PRODUCER_FENCED 76:24:PRODUCER_FENCED 76:24:INVALID_PRODUCER_EPOCH 76:25:PRODUCER_FENCED 76:28:INVALID_PRODUCER_EPOCH \
		76:26:PRODUCER_FENCED 76:0:INVALID_PRODUCER_EPOCH 69:22:TRANSACTIONAL_ID_AUTHORIZATION_FAILED \
		69:24:TOPIC_AUTHORIZATION_FAILED 69:25:GROUP_AUTHORIZATION_FAILED 69:28:GROUP_AUTHORIZATION_FAILED; do
		echo "$case"
		mock_stop
		rm -f mock.in mock.out
		mock_start -e "${case#*:},$(many "${case##*:}")" payment out
		ends "${case%%:*}" 'pay-produce: ' pay-produce -b "$MOCK" -t out --transactional-id i --group g in
	done
}

@test "a broker that stalls: a slow one is waited for, one that does not answer at the start ends with 69 within 15 s" {
	mock_say "rtt 700"
	[ "$(timeout 60 pay-consume -b "$MOCK" -t payment --until end | amounts)" = "$(seq -s' ' 100)" ]
	seq -f '{"n":%.0f}' 100 | timeout 60 pay-produce -b "$MOCK" -t out
	mock_say "rtt 1"
	[ "$(there)" = "$(seq -f '{"n":%.0f}' 100)" ]
	mock_say "rtt 60000"
	for command in "pay-consume -b $MOCK -t payment" "pay-produce -b $MOCK -t out" "pay-rule -b $MOCK --rules-topic rules" \
		"pay-consume -b $MOCK --list" "pay-produce -b $MOCK -t out --check"; do
		echo "$command"
		# shellcheck disable=SC2086 # several words
		run timeout 120 $command <<<'{}'
		[ "$status" = 69 ]
	done
}

@test "a broker that stalls under a producer: what is not acknowledged in time is counted, 69" {
	{
		echo '{"n":1}'
		sleep 2
		mock_say "rtt 60000"
		echo '{"n":2}'
	} | {
		status=0
		timeout 60 pay-produce -b "$MOCK" -t out -X message.timeout.ms=4000 -X linger.ms=0 2>err || status=$?
		cat err
		[ "$status" = 69 ]
		grep -q '1 of 2 records are not acknowledged, first line 2' err
	}
}

@test "a full producer queue holds the input back, and each record is there once, in order" {
	mock_say "rtt 20"
	seq -f '{"n":%.0f}' 3000 >in
	timeout 60 pay-produce -b "$MOCK" -t out -X queue.buffering.max.messages=50 -X linger.ms=1 in
	[ "$(there)" = "$(cat in)" ]
	timeout 60 pay-produce -b "$MOCK" -t out -X queue.buffering.max.kbytes=1 in
	[ "$(there | wc -l)" = 6000 ]
}

@test "a message that is too large for the client is a bad record; its neighbours go" {
	printf '{"n":1}\n{"n":"%s"}\n{"n":3}\n' "$(head -c 3000 /dev/zero | tr '\0' x)" >in
	ends 65 'line 2' pay-produce -b "$MOCK" -t out -X message.max.bytes=1000 in
	timeout 60 pay-produce -b "$MOCK" -t out -X message.max.bytes=1000 --dead-letter dead in
	[ "$(wc -l <dead)" = 1 ]
	[ "$(there | tail -n 2)" = $'{"n":1}\n{"n":3}' ]
}

@test "pay-rule: errors of the rules topic's requests are passed over or end it" {
	printf 'm1/2025-05-23/PAYMENT/CARD\t{"ruleId":"R","payoutDate":"2025-06-02","confirmDate":null}\n' >rule
	kcat -P -b "$MOCK" -t rules -K $'\t' <rule
	echo '{"_src":"day/0/1","paymentType":"ONLINE","amount":100,"payoutDate":null,"confirmDate":null,"merchantNumber":"m1","paymentDate":"2025-05-23T12:00","paymentActionType":"PAYMENT","paymentMethodType":"CARD"}' >in
	for errors in 1:NOT_LEADER_FOR_PARTITION,_TRANSPORT 2:NOT_LEADER_FOR_PARTITION,REQUEST_TIMED_OUT 3:LEADER_NOT_AVAILABLE,_TRANSPORT; do
		echo "$errors"
		mock_say "$errors"
		[ "$(timeout 60 pay-rule -b "$MOCK" --rules-topic rules in | jq -r ._rule)" = R ]
	done
	for key in 2 1; do
		mock_say "$key:$(many TOPIC_AUTHORIZATION_FAILED)"
		ends 69 'uthoriz' pay-rule -b "$MOCK" --rules-topic rules in
		mock_stop
		rm -f mock.in mock.out
		mock_start rules
		kcat -P -b "$MOCK" -t rules -K $'\t' <rule
	done
}
