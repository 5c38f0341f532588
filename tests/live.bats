#!/usr/bin/env bats
# The whole flow from topics of a real broker, while stages and the broker are killed: each offset is settled once, and the
# totals are those that tests/oracle/settle_day.py, written from the design alone, makes of the topic.
bats_require_minimum_version 1.5.0

setup_file() {
	load broker
	broker_start
	[ -z "${BROKER_NONE:-}" ] || return 0
	cd "$BATS_FILE_TMPDIR" || exit
	PATH=${PAYPIPE_BIN:-${BATS_TEST_DIRNAME%/tests*}/bin}:$PATH
	pay-gen -n 20000 --seed 11 --merchants 100 --test 0.02 --network-cancels 0.02 --unconfirmed 0.02 --malformed 0.002 >day.ndjson
	topic_create payment 4
	topic_write payment <day.ndjson
	expect payment expected
}

setup() {
	load setup
	load broker
	broker_needed
	PATH=$PATH:$BATS_TEST_DIRNAME/../scripts
}

# A failed test leaves nothing that goes on reading.
teardown() {
	[ ! -s pid.consume ] || kill -KILL "$(cat pid.consume)" 2>/dev/null || true
}

teardown_file() {
	load broker
	broker_kill9
}

# expect TOPIC FOLDER: what the oracle makes of all that is on the topic
expect() {
	mkdir -p "$2"
	kcat -C -q -e -b "$BROKER" -t "$1" -o beginning -f '%p %o %s\n' | sed -E "s/^([0-9]+) ([0-9]+) (\{?)/\3\"_src\":\"$1\/\1\/\2\",/" >"$2/day"
	python3 "$BATS_TEST_DIRNAME/oracle/settle_day.py" settle --default-cycle D+2 --out "$2" "$2/day"
}

stages=(consume log tobase filter rule settle totals)

# stage NAME COMMAND...: the command, its process number in pid.NAME
stage() { (
	echo "$BASHPID" >"pid.$1"
	exec "${@:2}"
); }

# flow TOPIC [OPTION]...: the pipeline into log.db, settle.db, totals.db and totals; options are pay-consume's
flow() {
	set -o pipefail
	# shellcheck disable=SC2094 # totals.db is not totals
	stage consume pay-consume -b "$BROKER" -t "$1" --dead-letter - --segment-records 500 --resume log.db --resume settle.db \
		--resume totals.db "${@:2}" 3>&- |
		stage log pay-store --log -d log.db | stage tobase pay-tobase --dead-letter - | stage filter pay-filter --tag |
		stage rule pay-rule --default-cycle D+2 | stage settle pay-store -d settle.db | stage totals pay-agg -d totals.db >totals
}

# settled FOLDER: what is kept is what the oracle expects
settled() {
	diff <(pay-store -d settle.db --export base | python3 "$BATS_TEST_DIRNAME/oracle/settle_day.py" canonical) "$1/base"
	diff <(pay-store -d settle.db --export unsettlement | jq -r 'select(._src) | ._src + " " + ._unsettled' | LC_ALL=C sort) \
		<(LC_ALL=C sort "$1/unsettlement")
	diff <(pay-agg -d totals.db --query) "$1/totals"
	[ "$(sqlite3 -readonly log.db 'SELECT count(*) FROM (SELECT source, partition, offset FROM payment_log UNION ALL
		SELECT source, partition, offset FROM dead_letter)')" = "$(wc -l <"$1/day")" ]
	pay-store -d log.db --verify && pay-store -d settle.db --verify
}

# random MILLISECONDS: REPLY is less than so many, by the seed (which a subshell would not follow)
random() { REPLY=$(((RANDOM * 32768 + RANDOM) % $1)); }
wait_ms() { sleep "$(printf '%d.%03d' $(($1 / 1000)) $(($1 % 1000)))"; }

seeded() {
	seed=${LIVE_SEED:-$RANDOM}
	echo "LIVE_SEED=$seed"
	RANDOM=$seed
}

@test "what is on the topic is settled, each offset once" {
	flow payment --until end
	settled "$BATS_FILE_TMPDIR/expected"
	diff totals "$BATS_FILE_TMPDIR/expected/totals"
	flow payment --until end
	settled "$BATS_FILE_TMPDIR/expected"
	diff totals "$BATS_FILE_TMPDIR/expected/totals"
}

@test "whichever stage is killed, whenever, the next run goes on, and each offset is settled once" {
	seeded
	local interrupted round victim limit
	for ((round = 0; round < ${LIVE_ROUNDS:-7}; round++)); do
		# A machine so fast that nothing was interrupted does the round again, and is given half the time.
		for ((interrupted = 0, limit = 400; interrupted == 0; limit /= 2)); do
			[ "$limit" -gt 0 ]
			rm -f ./*.db* pid.*
			for victim in "${stages[round % 7]}" "${stages[RANDOM % 7]}"; do
				rm -f pid.*
				flow payment --until end 2>>errors &
				random "$limit"
				echo "round $round: $victim is killed after $REPLY ms"
				wait_ms "$REPLY"
				until [ -s "pid.$victim" ]; do sleep 0.001; done
				kill -KILL "$(cat "pid.$victim")" 2>/dev/null || true # it may be done already
				wait $! || interrupted=$((interrupted + 1))
			done
			flow payment --until end
			settled "$BATS_FILE_TMPDIR/expected"
		done
	done
}

@test "a broker that is killed and comes back under load is waited for, and nothing is lost or twice" {
	seeded
	topic_create load 4
	head -n 12000 "$BATS_FILE_TMPDIR/day.ndjson" >day
	# A writer that goes on until each line is acknowledged, and a flow that follows.
	split -n l/60 day part.
	(for part in part.*; do
		until topic_write load <"$part" 2>/dev/null; do sleep 0.2; done # what it writes twice has two offsets
		sleep 0.05
	done) 3>&- &
	writer=$!
	flow load --until never 2>errors 3>&- &
	follower=$!
	# A broker that does not answer at the start is an error; one that goes later is waited for.
	for _ in {1..1200}; do
		[ "$(sqlite3 -readonly log.db 'SELECT count(*) > 0 FROM payment_log' 2>/dev/null)" != 1 ] || break
		sleep 0.1
	done
	for _ in 1 2; do
		random 1500
		wait_ms $((1000 + REPLY))
		broker_kill9
		random 1500
		wait_ms $((500 + REPLY))
		broker_again
	done
	wait "$writer"
	expect load expected
	local want
	want=$(wc -l <expected/day)
	for _ in {1..1200}; do
		[ "$(sqlite3 -readonly log.db 'select (select count(*) from payment_log) + (select count(*) from dead_letter)' 2>/dev/null)" != "$want" ] || break
		sleep 0.1
	done
	cat errors
	kill -TERM "$(cat pid.consume)"
	wait "$follower" || [ $? = 143 ]
	settled expected
}

@test "two instances with a share of the partitions each settle every offset once" {
	local half halves=()
	for half in 0-1 2,3; do
		mkdir "$half"
		(cd "$half" && flow payment --until end --partitions "$half") &
		halves+=($!)
	done
	wait "${halves[@]}"
	{
		pay-store -d 0-1/settle.db --export base
		pay-store -d 2,3/settle.db --export base
	} | grep -v '^{"_mark"' | python3 "$BATS_TEST_DIRNAME/oracle/settle_day.py" canonical | diff - "$BATS_FILE_TMPDIR/expected/base"
	[ "$(sqlite3 0-1/totals.db 'select distinct partition from cover order by 1')" = $'0\n1' ]
}

@test "two instances that are started together on the same databases settle each offset once" {
	local first second
	(flow payment --until end 2>errors.1) &
	first=$!
	flow payment --until end 2>errors.2 &
	second=$!
	wait "$first" || true
	wait "$second" || true
	flow payment --until end
	settled "$BATS_FILE_TMPDIR/expected"
}

@test "scripts/settle --broker settles a topic, adds up, and goes on with what is new" {
	topic_create scripted 2
	head -n 2000 "$BATS_FILE_TMPDIR/day.ndjson" | topic_write scripted
	run settle --broker "$BROKER" --topic scripted -o out --dead-letter - --default-cycle D+2 --group settle
	echo "$output"
	[ "$status" = 0 ]
	[ "${lines[-1]}" = "Everything adds up." ]
	sed -n '2001,3000p' "$BATS_FILE_TMPDIR/day.ndjson" | topic_write scripted
	settle -q -b "$BROKER" -t scripted -o out --dead-letter - --default-cycle D+2 -g settle
	expect scripted expected
	diff out/totals.ndjson expected/totals
	run -0 pay-consume -b "$BROKER" -t scripted --list -g settle
	[[ ${lines[1]} =~ \ 0$ && ${lines[2]} =~ \ 0$ ]]
	run -64 settle -o out -t scripted
	run -64 settle -o out -b "$BROKER" -t scripted file
}

@test "scripts/settle -j shares a topic by its partitions, comes to the same totals, and goes on with what is new" {
	topic_create shared 5
	head -n 2000 "$BATS_FILE_TMPDIR/day.ndjson" | topic_write shared
	settle -q -b "$BROKER" -t shared -o out -j 3 --dead-letter - --default-cycle D+2
	expect shared expected
	diff out/totals.ndjson expected/totals
	[ "$(for share in 1 2 3; do sqlite3 out/share-$share/totals.db 'select distinct partition from cover order by 1' | paste -sd ,; done)" = $'0,3\n1,4\n2' ]
	sed -n '2001,3000p' "$BATS_FILE_TMPDIR/day.ndjson" | topic_write shared
	settle -q -b "$BROKER" -t shared -o out -j 3 --dead-letter - --default-cycle D+2
	expect shared expected
	diff out/totals.ndjson expected/totals
	run -76 settle -b "$BROKER" -t shared -o out -j 2
}

@test "scripts/settle follows a topic until SIGTERM, then all that came is settled and adds up" {
	topic_create daemon 2
	settle -b "$BROKER" -t daemon --until never -o out --dead-letter - --default-cycle D+2 >report 2>errors 3>&- &
	local process=$!
	head -n 500 "$BATS_FILE_TMPDIR/day.ndjson" | topic_write daemon
	for _ in {1..1200}; do
		[ "$(sqlite3 -readonly out/totals.db 'select sum(hi - lo) from cover' 2>/dev/null)" != 500 ] || break
		sleep 0.1
	done
	kill -TERM "$process"
	local status=0
	wait "$process" || status=$?
	cat errors
	[ "$status" = 75 ]
	grep -q "told to stop; what came is settled" errors
	[ "$(tail -n 1 report)" = "Everything adds up." ]
	expect daemon expected
	diff out/totals.ndjson expected/totals
}
