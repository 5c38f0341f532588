#!/usr/bin/env bats
# pay-consume on librdkafka's mock cluster, a process of its own: what a real broker does not do on demand.
bats_require_minimum_version 1.5.0

setup() {
	load setup
	load broker
	mock_start payment:2
	seq -f '{"amount":%.0f}' 100 | kcat -P -b "$MOCK" -t payment
}

teardown() {
	mock_stop
}

amounts() { jq -rc 'select(.amount) | .amount' | sort -n | paste -sd' '; }

# follow OUT [OPTION]...: follows the topic into OUT; sets follower
follow() {
	pay-consume -b "$MOCK" -t payment "${@:2}" >"$1" 2>err 3>&- 8>&- 9>&- &
	follower=$!
}

# comes N OUT: waits until OUT has N records
comes() {
	local _
	for _ in {1..1200}; do
		[ "$(grep -c 'amount":[0-9]' "$2")" != "$1" ] || return 0
		sleep 0.1
	done
	return 1
}

@test "what is there is read to its end" {
	[ "$(pay-consume -b "$MOCK" -t payment --until end | amounts)" = "$(seq -s' ' 100)" ]
}

@test "errors of every kind of request are passed over, and each message comes once" {
	mock_say 1:NOT_LEADER_FOR_PARTITION,REQUEST_TIMED_OUT,_TRANSPORT,UNKNOWN
	mock_say 2:NOT_LEADER_FOR_PARTITION,LEADER_NOT_AVAILABLE
	mock_say 3:LEADER_NOT_AVAILABLE,_TRANSPORT
	[ "$(pay-consume -b "$MOCK" -t payment --until end | amounts)" = "$(seq -s' ' 100)" ]
}

@test "a cluster that goes away is waited for" {
	follow out
	comes 100 out
	mock_say down
	sleep 2
	mock_say up
	seq -f '{"amount":%.0f}' 101 150 | kcat -P -b "$MOCK" -t payment
	comes 150 out
	kill -TERM "$follower"
	wait "$follower" || true
	[ "$(amounts <out)" = "$(seq -s' ' 150)" ]
	tail -n 1 out | grep -q '"end":"stop"'
}

@test "a cluster that stays away ends it with 69, without an end mark, and what came is whole" {
	local status=0
	follow out --broker-wait 1
	comes 100 out
	mock_say down
	wait "$follower" || status=$?
	cat err
	[ "$status" = 69 ]
	grep -q "no broker has answered for 1 s" err
	[[ $(tail -n 1 out) != *'"end":"'* ]]
	[ "$(amounts <out)" = "$(seq -s' ' 100)" ]
}

@test "what is waited for is said after some seconds, and its end" {
	follow out --until finish --segment-seconds 0.1
	comes 100 out
	mock_say down
	for _ in {1..1200}; do ! grep -q "no broker answers" err || break && sleep 0.1; done
	mock_say up
	for _ in {1..1200}; do ! grep -q "waiting for the FINISH" err || break && sleep 0.1; done
	printf '{"channel":"%s","action":"FINISH"}\n' ONLINE | kcat -P -b "$MOCK" -t payment -p 0
	for _ in {1..1200}; do ! grep -q "payment/0 OFFLINE;" err || break && sleep 0.1; done
	printf '{"channel":"%s","action":"FINISH"}\n' OFFLINE | kcat -P -b "$MOCK" -t payment -p 0
	printf '{"channel":"%s","action":"FINISH"}\n' ONLINE OFFLINE | kcat -P -b "$MOCK" -t payment -p 1
	wait "$follower"
	cat err
	grep -q "pay-consume: no broker answers (.*): waiting for up to 300 s" err
	grep -q "pay-consume: a broker answers again, after [0-9]* s" err
	grep -q "all there is has been read: waiting for the FINISH of payment/0 ONLINE, OFFLINE; payment/1 ONLINE, OFFLINE" err
	grep -q "waiting for the FINISH of payment/0 OFFLINE; payment/1 ONLINE, OFFLINE" err
	[ "$(sort err | uniq -d)" = "" ]
}

@test "--list --resume shows where databases are, and how far behind" {
	pay-consume -b "$MOCK" -t payment --until end | pay-store --log -d log.db >/dev/null
	local last
	last=$(pay-consume -b "$MOCK" --list -t payment | awk '$2 == 1 { print $4 }')
	echo '{"amount":101}' | kcat -P -b "$MOCK" -t payment -p 1
	run -0 pay-consume -b "$MOCK" --list -t payment --resume log.db
	[[ ${lines[0]} =~ END\ +NEXT\ +LAG$ ]]
	[[ ${lines[2]} =~ ^payment\ +1\ +0\ +$((last + 1))\ +$last\ +1$ ]]
	run -0 pay-consume -b "$MOCK" --list -t payment --resume none.db
	[[ ${lines[1]} =~ -\ +-$ ]]
}

@test "librdkafka's advice on properties is passed on, once" {
	run -0 --separate-stderr pay-consume -b "$MOCK" -t payment --until end -X batch.size=7 --resume group:a
	[ "$(grep -c "librdkafka .*: Configuration property batch.size is a producer property" <<<"$stderr")" = 1 ]
	run -0 --separate-stderr pay-consume -b "$MOCK" -t payment --until end
	[ "$stderr" = "" ]
}

@test "what can never be waited for is refused: a topic named twice, a channel that is no name" {
	refuses 64 'names payment twice' pay-consume -b "$MOCK" -t payment,payment --until end
	refuses 64 'names payment twice' pay-consume -b "$MOCK" --list -t payment,other,payment
	refuses 64 '--channels: "ONLINE,,X" is not a list' pay-consume -b "$MOCK" -t payment --until finish --channels ONLINE,,X
	refuses 64 '--channels: "" is not a list' pay-consume -b "$MOCK" -t payment --until finish --channels ''
	refuses 64 "names" pay-consume -b "$MOCK" -t payment --until finish --channels "$(seq -s, 9)"
	refuses 64 "names" pay-consume -b "$MOCK" -t payment --until finish --channels A,A
}

@test "seconds and a date in digits are not taken for milliseconds" {
	refuses 64 "write @1764266040000, or a date" pay-consume -b "$MOCK" -t payment --from @1764266040
	refuses 64 "a date is written @2026-11-27" pay-consume -b "$MOCK" -t payment --to @20261127
}

@test "a FINISH closes the day as pay-tobase takes it: escapes do not hide it, and one with data or without a channel is none" {
	mock_stop
	rm mock.in mock.out
	mock_start day
	kcat -P -b "$MOCK" -t day <<-'END'
		{"amount":1,"channel":"A","action":"FINISH","data":{"amount":5}}
		{"amount":2,"channel":["A"],"action":"FINISH"}
		{"amount":3,"action":"FINISH","data":null}
		{"amount":4,"channel":"B","action":"FINISH","data":null}
		{"amount":5,"channel":"\u0041","\u0061ction":"\u0046INISH","data":null}
		{"amount":6}
	END
	[ "$(timeout 120 pay-consume -b "$MOCK" -t day --until finish --channels A | amounts)" = "1 2 3 4 5" ]
}
