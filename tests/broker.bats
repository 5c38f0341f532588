#!/usr/bin/env bats
# The helpers that other tests of Kafka stand on do what they say; kcat at both ends.

setup_file() {
	load broker
	broker_start
}

setup() {
	load setup
	load broker
	broker_needed
}

teardown_file() {
	load broker
	broker_kill9
}

@test "what is written to partitions is read, by partition and offset" {
	topic_create plain 3
	printf '%s\n' a b | topic_write plain -p 0
	printf '%s\n' c | topic_write plain -p 2
	run -0 topic_rows plain
	[ "$output" = $'0 0  a\n0 1  b\n2 0  c' ]
	[ "$(topic_end plain 0) $(topic_end plain 1) $(topic_end plain 2)" = "2 0 1" ]
}

@test "a topic made by writing has the broker's four partitions" {
	echo x | topic_write made
	topic_waits made 4
}

@test "keys land where Java's murmur2 puts them, and a tombstone has no value" {
	topic_create keyed 4
	printf '%s\t%s\n' merchant-1 one merchant-2 two merchant-1 three | topic_write_keyed keyed
	printf 'merchant-2\t\n' | topic_write_keyed keyed
	run -0 topic_read keyed -f '%k %S\n'
	[ "$(sort <<<"$output")" = $'merchant-1 3\nmerchant-1 5\nmerchant-2 -1\nmerchant-2 3' ]
	topic_create java 4
	topic_create kcat 4
	seq -f $'merchant-%.0f\tx' 40 | topic_write_keyed kcat
	seq -f $'merchant-%.0f\tx' 40 | broker_admin org.apache.kafka.tools.ConsoleProducer --bootstrap-server "$BROKER" \
		--topic java --property parse.key=true
	diff <(topic_read kcat -f '%p %k\n' | sort) <(topic_read java -f '%p %k\n' | sort)
	[ "$(topic_read java | wc -l)" = 40 ]
}

@test "readers see what a transaction committed, and neither what one aborted nor what one left" {
	topic_create transacted 1
	seq 1 3 | topic_transact transacted 0 commit
	seq 4 6 | topic_transact transacted 0 abort
	seq 7 9 | topic_transact transacted 0 commit
	printf 'key\t10\n' | topic_transact transacted 0 commit
	run ! topic_transact transacted 0 leave < <(seq 11 13)
	run -0 timeout 120 kcat -C -q -b "$BROKER" -t transacted -o beginning -c 7 -X isolation.level=read_committed
	[ "$output" = $'1\n2\n3\n7\n8\n9\n10' ]
	run -0 topic_read transacted -X isolation.level=read_uncommitted
	[ "$output" = "$(seq 13)" ]
	# Thirteen records and the ends of four transactions.
	[ "$(topic_end transacted 0)" = 17 ]
	[ "$(topic_stable transacted 0)" = 14 ]
	# The id comes back, and the one that was left is aborted.
	printf '' | topic_transact transacted 0 commit
	[ "$(topic_end transacted 0)" = 18 ]
	run -0 topic_read transacted
	[ "$output" = $'1\n2\n3\n7\n8\n9\n10' ]
}

@test "a topic that is deleted and made again begins at 0" {
	topic_create again 2
	seq 5 | topic_write again -p 1
	topic_delete again
	topic_create again 1
	[ "$(topic_end again 0)" = 0 ]
	echo new | topic_write again
	run -0 topic_rows again
	[ "$output" = "0 0  new" ]
}

@test "what is truncated is gone, and the topic begins after it" {
	topic_create short 1
	seq 0 9 | topic_write short
	topic_truncate short 0 4
	[ "$(topic_start short 0)" = 4 ]
	run -0 topic_read short
	[ "$output" = "$(seq 4 9)" ]
}

@test "a compacted topic has gaps: the latest value of each key stays, at its offset" {
	topic_create compacted 1 "${topic_compacted[@]}"
	printf '%s\t%s\n' a 1 b 1 a 2 c 1 b 2 a 3 | topic_write_keyed compacted
	topic_compact compacted 0
	run -0 topic_rows compacted
	[ "$output" = $'0 3 c 1\n0 4 b 2\n0 5 a 3\n0 6 closing closing' ]
}

@test "what is forbidden is denied, and nothing else" {
	topic_create secret 1
	echo a | topic_write secret
	topic_forbid secret read
	run ! topic_read secret
	[[ $output == *"authorization failed"* ]]
	topic_create sealed 1
	topic_forbid sealed write
	run ! topic_write sealed <<<b
	[[ $output == *"authorization failed"* ]]
	run -0 topic_read sealed
}

@test "a setting that the broker does not know, or a topic that is there, is refused with its words" {
	run -69 topic_create strange 1 no.such.setting=1
	[[ $output == *no.such.setting* ]]
	topic_create twice 1
	run -69 topic_create twice 1
	[[ $output == *twice* ]]
	run -69 topic_delete no-such-topic
}

@test "what was acknowledged is there after kill -9 and a new start; after a stop in order too" {
	topic_create durable 1
	seq 1000 | topic_write durable
	broker_kill9
	run ! "$kafka" status "$broker_folder"
	broker_again
	run -0 topic_read durable
	[ "$output" = "$(seq 1000)" ]
	broker_stop
	broker_again
	[ "$(topic_end durable 0)" = 1000 ]
	echo 1001 | topic_write durable
	[ "$(topic_read durable | tail -n 1)" = 1001 ]
}

@test "kafka start says its address and nothing else, also when it runs already" {
	KAFKA_PORT=$BROKER_PORT run -0 "$kafka" start "$broker_folder"
	[ "$output" = "$BROKER" ]
}
