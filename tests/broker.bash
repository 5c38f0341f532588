# A real Kafka broker for the tests of a file, topics on it, and kcat at both ends; and librdkafka's mock of one.
#
#   setup_file() { load broker && broker_start; }
#   setup() { load setup && load broker && broker_needed; }
#   teardown_file() { load broker && broker_stop; }
#
# $BROKER is its address. Where Java, Maven or Kafka's jars cannot be had, broker_needed skips each test and says why.

broker_tree=${BATS_TEST_DIRNAME%/tests*}
PATH=$PATH:$broker_tree/build/tool
kafka=$broker_tree/tests/kafka/kafka
broker_folder=$BATS_FILE_TMPDIR/broker

# broker_start [PROPERTY=VALUE]...: once a file; lines for server.properties may be added. Transactions and groups have few
# partitions, the cleaner runs at once, and a killed broker is forgotten soon, so that tests are quick.
broker_start() {
	[ -z "${BROKER_NONE:-}" ] || return 0 # scripts/check knows
	local none=$BATS_RUN_TMPDIR/no-broker
	# One attempt a run: where the jars cannot be had, Maven takes its time to find out.
	if [ ! -e "$none" ] && ! "$kafka" fetch </dev/null 2>"$none.new" 3>&-; then
		mv "$none.new" "$none"
	fi
	if [ -s "$none" ]; then
		BROKER_NONE=$(cat "$none")
		export BROKER_NONE
		return
	fi
	BROKER_PROPERTIES=$(printf '%s\n' offsets.topic.num.partitions=4 transaction.state.log.num.partitions=4 \
		log.cleaner.backoff.ms=100 log.initial.task.delay.ms=100 log.retention.check.interval.ms=500 \
		transaction.abort.timed.out.transaction.cleanup.interval.ms=500 broker.session.timeout.ms=3000 \
		broker.heartbeat.interval.ms=500 authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer \
		allow.everyone.if.no.acl.found=true "$@")
	export BROKER_PROPERTIES
	local port try
	for try in 1 2 3 4 5; do
		port=$((20000 + RANDOM % 6000 * 2)) # below what the system gives to outgoing connections
		! (exec 4<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || continue
		! (exec 4<>"/dev/tcp/127.0.0.1/$((port + 1))") 2>/dev/null || continue
		export BROKER_PORT=$port BROKER=127.0.0.1:$port
		broker_again && return
		rm -rf "$broker_folder"
		echo "no broker on port $port, attempt $try" >&2
	done
	return 1
}

# broker_again: starts it over the same folder and port, after broker_stop or broker_kill9, and waits until it serves.
broker_again() {
	KAFKA_HEAP=512m KAFKA_PARTITIONS=4 KAFKA_PORT=$BROKER_PORT KAFKA_PROPERTIES=$BROKER_PROPERTIES \
		"$kafka" start "$broker_folder" </dev/null >/dev/null 3>&- &&
		timeout 60 kcat -L -b "$BROKER" -m 55 >/dev/null 2>&1
}

# broker_needed: skips the test where no broker can be had.
broker_needed() { [ -z "${BROKER_NONE:-}" ] || skip "$BROKER_NONE"; }

# broker_stop: in order (seconds); broker_kill9: at once.
broker_stop() { [ -n "${BROKER_NONE:-}" ] || "$kafka" stop "$broker_folder"; }
broker_kill9() { [ -n "${BROKER_NONE:-}" ] || "$kafka" kill9 "$broker_folder"; }

# broker_admin CLASS ARGUMENT...: one of Kafka's own commands, a Java machine's start each (a second or two).
broker_admin() { KAFKA_HEAP=256m "$kafka" admin "$@"; }

# topic_create NAME PARTITIONS [CONFIG=VALUE]...; returns when it can be read and written.
topic_create() {
	topic "$BROKER" create "$@" || return
	topic_waits "$1" "$2"
}

# topic_waits NAME PARTITIONS: until the topic is there with leaders for all its partitions.
topic_waits() {
	local try
	for try in {1..600}; do
		[ "$(kcat -L -b "$BROKER" -t "$1" 2>/dev/null | grep -c 'partition [0-9]*, leader [0-9]*, [^,]*, isrs: [0-9]*$')" != "$2" ] || return 0
		sleep 0.1
	done
	echo "topic $1 has not come with $2 partitions after $try attempts" >&2
	return 1
}

# topic_delete NAME; returns when it is gone, so that topic_create may make it anew.
topic_delete() {
	topic "$BROKER" delete "$1" || return
	local try
	for try in {1..600}; do
		kcat -L -b "$BROKER" 2>/dev/null | grep -qF "topic \"$1\" with" || return 0
		sleep 0.1
	done
	echo "topic $1 is still there after $try attempts" >&2
	return 1
}

# topic_truncate NAME PARTITION OFFSET: deletes what is before OFFSET, as retention does.
topic_truncate() { topic "$BROKER" truncate "$@"; }

# topic_grow NAME PARTITIONS: to that many; returns when all can be read and written.
topic_grow() {
	topic "$BROKER" grow "$@" || return
	topic_waits "$1" "$2"
}

# topic_forget NAME PARTITION GROUP: the group's offset expires there.
topic_forget() { topic "$BROKER" forget "$@"; }

# topic_stamped NAME PARTITION TIME VALUE: one record with that time, in ms.
topic_stamped() { topic "$BROKER" stamp "$@"; }

# topic_forbid NAME read|write: from then on the broker denies that.
topic_forbid() { topic "$BROKER" forbid "$@"; }

# topic_write NAME [KCAT-OPTION]...: lines of standard input are values (-p PARTITION, -X partitioner=murmur2_random). Each
# goes to a partition by chance, not batch by batch, so that of many lines each partition has some.
topic_write() { kcat -P -b "$BROKER" -X acks=all -X enable.idempotence=true -X sticky.partitioning.linger.ms=0 -t "$@"; }

# topic_write_keyed NAME [KCAT-OPTION]...: lines are KEY<TAB>VALUE; no VALUE: a tombstone. Keys land where Java puts them.
topic_write_keyed() { topic_write "$1" -K $'\t' -Z -X partitioner=murmur2_random "${@:2}"; }

# topic_transact NAME PARTITION commit|abort|leave [TRANSACTIONAL-ID]: lines, VALUE or KEY<TAB>VALUE, in a transaction.
topic_transact() { transact "$BROKER" "$@"; }

# topic_read NAME [KCAT-OPTION]...: values, a line each, of all partitions from beginning to end; committed ones only.
topic_read() { kcat -C -q -b "$BROKER" -X isolation.level=read_committed -o beginning -e -t "$@"; }

# topic_rows NAME [KCAT-OPTION]...: the same as PARTITION OFFSET KEY VALUE, by partition and offset. kcat writes an empty
# and a missing value alike; a missing one has length -1: -f '%S'.
topic_rows() { topic_read "$1" -f '%p %o %k %s\n' "${@:2}" | sort -n -k 1,1 -k 2,2; }

# topic_offset NAME PARTITION WHEN [ISOLATION]: one offset. kcat asks once, and a broker that has just started may answer that
# it does not lead the partition yet: asked again, for a minute.
topic_offset() {
	local try answer
	for try in {1..600}; do
		answer=$(kcat -Q -b "$BROKER" ${4:+-X isolation.level="$4"} -t "$1:$2:$3" 2>&1)
		[[ ! $answer =~ offset\ ([0-9]+)$ ]] || {
			echo "${BASH_REMATCH[1]}"
			return
		}
		sleep 0.1
	done
	echo "no offset of topic $1 after $try attempts: $answer" >&2
	return 1
}

# topic_end NAME PARTITION: the high watermark, transactions' own records counted.
topic_end() { topic_offset "$1" "$2" -1 read_uncommitted; }

# topic_stable NAME PARTITION: the last stable offset, where a transaction that is open begins.
topic_stable() { topic_offset "$1" "$2" -1 read_committed; }

# topic_start NAME PARTITION: the first offset that is kept.
topic_start() { topic_offset "$1" "$2" -2; }

# topic_compacted: a topic's settings for topic_create with which old values of a key go within a second or two.
# shellcheck disable=SC2034 # the tests use it
topic_compacted=(cleanup.policy=compact min.cleanable.dirty.ratio=0.01 segment.ms=100 delete.retention.ms=100)

# topic_compact NAME PARTITION: closes the segment by one more record (key "closing"; it is the last offset), and waits until
# the cleaner has left fewer records than there are offsets.
topic_compact() {
	local try end
	sleep 0.2
	printf 'closing\tclosing\n' | topic_write_keyed "$1" -p "$2" || return
	end=$(topic_end "$1" "$2")
	for try in {1..600}; do
		[ "$(topic_read "$1" -p "$2" | wc -l)" -ge "$end" ] || return 0
		sleep 0.2
	done
	echo "topic $1 is not compacted after $try attempts" >&2
	return 1
}

# mock_start [OPTION]... [TOPIC[:PARTITIONS]]...: a mock broker for one test, a process of its own (see mock-broker.c); sets
# MOCK to its address. mock_say LINE: inject errors (APIKEY:ERROR,...), down, up, rtt MILLISECONDS. mock_stop: at the end of the test.
mock_start() {
	mkfifo "$BATS_TEST_TMPDIR/mock.in" "$BATS_TEST_TMPDIR/mock.out"
	mock-broker "$@" <"$BATS_TEST_TMPDIR/mock.in" >"$BATS_TEST_TMPDIR/mock.out" 3>&- &
	mock_process=$!
	exec 8>"$BATS_TEST_TMPDIR/mock.in" 9<"$BATS_TEST_TMPDIR/mock.out"
	# shellcheck disable=SC2034 # the tests use it
	read -r MOCK <&9
}
mock_say() {
	local answer
	echo "$1" >&8 && read -r answer <&9 && [ "$answer" = ok ]
}
mock_stop() {
	exec 8>&- 9<&-
	wait "$mock_process"
}

# refuses STATUS TEXT COMMAND...: it ends so, and says so; unlike setup.bash's it leaves all that was said in $output
refuses() {
	run -"$1" "${@:3}"
	[[ $output == *"$2"* ]] || {
		echo "no \"$2\" in: $output"
		return 1
	}
}

# sealed: a stream of two segments of a topic, a record each
sealed() {
	local mark='{"_mark":{"seq":%d,"records":%d,"in":%d,"dropped":{},"amount":null,"from":{"payment/0":%d},"next":{"payment/0":%d},"end":%s}}\n'
	# shellcheck disable=SC2059 # the mark is the format
	{
		printf "$mark" 0 0 0 0 0 null
		echo '{"_src":"payment/0/0","n":1}'
		printf "$mark" 1 1 1 0 1 null
		echo '{"_src":"payment/0/1","n":2}'
		printf "$mark" 2 1 1 1 2 '"complete"'
	}
}
