#!/usr/bin/env bats
# The mock broker, which needs no Java: what quick tests of Kafka stand on; kcat at both ends.

setup() {
	load setup
	load broker
}

@test "the mock is a process of its own, loses its connections when told, and ends with the test" {
	mock_start payment:2
	printf '%s\n' a b c | kcat -P -b "$MOCK" -t payment -p 1
	mock_say down
	run ! timeout 20 kcat -P -b "$MOCK" -t payment -p 1 -X message.timeout.ms=500 <<<lost
	mock_say up
	run -0 kcat -C -q -b "$MOCK" -t payment -p 1 -o beginning -e
	[ "$output" = $'a\nb\nc' ]
	mock_stop
	run ! kill -0 "$mock_process"
}

@test "the mock answers with the errors that it was given, one a request" {
	mock_start -e 0:MSG_SIZE_TOO_LARGE,NO_ERROR payment
	run ! kcat -P -b "$MOCK" -t payment -p 0 <<<a
	[[ $output == *"too large"* ]]
	echo b | kcat -P -b "$MOCK" -t payment -p 0
	mock_say 0:TOPIC_AUTHORIZATION_FAILED
	run ! kcat -P -b "$MOCK" -t payment -p 0 <<<c
	[[ $output == *uthoriz* ]]
	run -0 kcat -C -q -b "$MOCK" -t payment -p 0 -o beginning -e
	[ "$output" = b ]
	mock_stop
	run -64 mock-broker -e 0:NO_SUCH_ERROR </dev/null
}
