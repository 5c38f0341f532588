load setup
bats_require_minimum_version 1.5.0

# A day whose run has everything in it: bad lines, unsettled payments, duplicates, a second partition's FINISH.
setup_file() {
	cd "$BATS_FILE_TMPDIR" || exit
	PATH=${PAYPIPE_BIN:-${BATS_TEST_DIRNAME%/tests*}/bin}:$PATH
	pay-gen -n 20000 --seed 7 --merchants 200 --test 0.02 --network-cancels 0.02 --unconfirmed 0.02 \
		--duplicates 0.02 --malformed 0.002 --partitions 2 >day.ndjson
	mkdir whole
	cd whole || exit
	start=${EPOCHREALTIME/./}
	settle_day
	echo $((${EPOCHREALTIME/./} - start)) >../duration
	state >../expected
}

stages=(consume log tobase filter rule settle totals)

# stage NAME COMMAND...: the command, its process number in pid.NAME
stage() { (
	echo "$BASHPID" >"pid.$1"
	exec "${@:2}"
); }

settle_day() {
	set -o pipefail
	stage consume pay-consume --dead-letter - --segment-records 250 --resume log.db --resume settle.db \
		--resume totals.db "$BATS_FILE_TMPDIR/day.ndjson" |
		stage log pay-store --log -d log.db | stage tobase pay-tobase --dead-letter - |
		stage filter pay-filter --tag --dedupe seen.db --dedupe-by merchantNumber,paymentDate,amount,paymentActionType |
		stage rule pay-rule | stage settle pay-store -d settle.db | stage totals pay-agg -d totals.db >totals.ndjson
}

# What is kept, whole, in an order that does not depend on the run.
state() {
	for table in payment_log dead_letter; do pay-store -d log.db --export $table; done
	for table in base unsettlement dead_letter; do pay-store -d settle.db --export $table; done
	pay-store -d log.db --verify
	pay-store -d settle.db --verify
	pay-agg -d totals.db --query
	sqlite3 -readonly totals.db 'SELECT * FROM cover'
	cat totals.ndjson
}

@test "the uninterrupted run has all that is to be lost" {
	run -0 grep -c '"_unsettled":"DUPLICATE"' "$BATS_FILE_TMPDIR/expected"
	[ "$output" -gt 300 ]
	run -0 grep -c '"_dead":' "$BATS_FILE_TMPDIR/expected"
	[ "$output" -gt 50 ]
	run -0 grep -c '"action":"FINISH"' "$BATS_FILE_TMPDIR/expected"
	[ "$output" -gt 1 ]
}

@test "whichever stage is killed, whenever, the next run ends as an uninterrupted one" {
	seed=${CRASH_SEED:-$RANDOM}
	echo "CRASH_SEED=$seed"
	RANDOM=$seed
	duration=$(cat "$BATS_FILE_TMPDIR/duration")
	for ((round = 0; round < ${CRASH_ROUNDS:-14}; round++)); do
		# A machine so fast that nothing was interrupted does the round again, and is given half the time.
		for ((interrupted = 0, limit = duration / 3; interrupted == 0; limit /= 2)); do
			[ "$limit" -gt 0 ]
			mkdir "$BATS_TEST_TMPDIR/$round"
			cd "$BATS_TEST_TMPDIR/$round"
			# Twice in a round, so that a run that goes on is killed too.
			for victim in "${stages[round % 7]}" "${stages[RANDOM % 7]}"; do
				rm -f pid.*
				settle_day 2>>errors &
				delay=$(((RANDOM * 32768 + RANDOM) % limit))
				printf 'round %d: %s is killed after %d us\n' "$round" "$victim" "$delay"
				sleep "$(printf '%d.%06d' $((delay / 1000000)) $((delay % 1000000)))"
				until [ -s "pid.$victim" ]; do sleep 0.001; done
				kill -KILL "$(cat "pid.$victim")" 2>/dev/null || true # it may be done already
				wait $! || interrupted=$((interrupted + 1))
			done
			settle_day
			state | cmp - "$BATS_FILE_TMPDIR/expected"
			rm -r "$BATS_TEST_TMPDIR/${round:?}"
		done
	done
}

@test "Ctrl-C, which reaches every stage, commits all that came, in every sink" {
	mkfifo line
	head -100 "$BATS_FILE_TMPDIR/day.ndjson" >day
	local started=10 # seconds in which seven programs have started and read what there is
	[ -z "${PAYPIPE_SLOW:-}" ] || started=60
	# shellcheck disable=SC2016 # it is for the inner shell
	run timeout -s INT $started bash -c 'exec 3<>line; cat day >&3; ulimit -c 0
		pay-consume --as line --segment-seconds 100 - <&3 | pay-store --log -d log.db | pay-tobase | pay-filter --tag |
			pay-rule | pay-store -d settle.db | pay-agg -d totals.db'
	echo "$output"
	[ "$(sqlite3 -readonly log.db 'SELECT count(*) FROM payment_log')" = 100 ]
	for sink in log settle totals; do
		[ "$(sqlite3 -readonly $sink.db 'SELECT * FROM cover')" = "line|0|1|101" ]
	done
}
