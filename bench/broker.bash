# What the benchmarks on a real broker share; sourced, with $here as the tree and a new working folder.

# number NAME VALUE: ends with 64 where that is no number from 1.
number() {
	[[ $2 =~ ^[1-9][0-9]*$ ]] || {
		echo "${0##*/}: $1: \"$2\" is not a number" >&2
		exit 64
	}
}

# broker_start: a broker of its own in the working folder, on ports that are free; sets BROKER.
broker_start() {
	local port
	"$here/tests/kafka/kafka" fetch </dev/null
	for port in {19092..19192..2}; do
		if KAFKA_PORT=$port "$here/tests/kafka/kafka" start "$PWD/broker" </dev/null >/dev/null 2>broker.errors; then
			BROKER=127.0.0.1:$port
			return
		fi
		grep -q 'is taken' broker.errors || break
	done
	cat broker.errors >&2
	exit 69
}

# broker_stop: at once; its folder is thrown away.
broker_stop() { [ ! -d broker ] || "$here/tests/kafka/kafka" kill9 "$PWD/broker" || true; }

# load TOPIC FILE: its lines, without keys, in turn to four partitions.
load() {
	topic "$BROKER" create "$1" 4
	# shellcheck disable=SC2016 # split sets FILE
	BROKER=$BROKER TOPIC=$1 split -d -a 1 -n r/4 \
		--filter='kcat -P -b "$BROKER" -t "$TOPIC" -p "${FILE#x}" -X acks=all -X enable.idempotence=true -X log_level=3' "$2"
	local there
	there=$(records "$1")
	[ "$there" = "$(wc -l <"$2")" ] || {
		echo "${0##*/}: $there records are in $1, not all of $2" >&2
		exit 70
	}
}

# records TOPIC: how many its four partitions hold, from their ends (none was deleted).
records() {
	kcat -Q -b "$BROKER" -t "$1:0:-1" -t "$1:1:-1" -t "$1:2:-1" -t "$1:3:-1" |
		awk '{ sum += $NF } END { print sum + 0 }'
}
