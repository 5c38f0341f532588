#!/usr/bin/env bats
# What paypipe-recovery(7) says of each fault is so: status, message, remedy. The messages are on the page as they come.
# What needs a broker is in consume-kafka.bats, produce-kafka.bats and the like; told_elsewhere looks for its messages.
bats_require_minimum_version 1.5.0

page=$BATS_TEST_DIRNAME/../man/paypipe-recovery.7

setup() {
	load setup
	load broker
	pay-gen -n 3000 --seed 1 >day
}

# told TEXT: the last run said it, and the page quotes it
told() {
	[[ $output == *"$1"* ]] || {
		echo "not said: $1"
		return 1
	}
	grep -qF -e "$1" "$page" || {
		echo "not on the page: $1"
		return 1
	}
}

settled() { # what is kept, whole
	pay-store -d settle.db --export base
	pay-store -d settle.db --verify
	pay-agg -d totals.db --query
}

flow() { # flow FILE [CONSUME-OPTION]...
	pay-consume --resume settle.db --resume totals.db "${@:2}" "$1" | pay-tobase | pay-filter --tag | pay-rule |
		pay-store -d settle.db | pay-agg -d totals.db >totals.ndjson
}

@test "crash: the stages behind say that their input was cut; the next run is whole" {
	set -o pipefail
	flow day
	settled >whole
	rm ./*.db*
	# The first segment comes, then pay-consume is killed.
	mkfifo slow
	{ pay-consume --segment-records 500 day | head -n 1200 >slow; } &
	run -65 pay-store --log -d log.db slow
	told 'no end mark came: the input was cut or altered'
	[ "$(sqlite3 -readonly log.db 'select count(*) from payment_log')" -ge 500 ]
	# A run that is cut in the middle, and then a whole one.
	pay-consume --segment-records 100 day | head -n 700 | {
		pay-tobase || true
	} | pay-filter --tag | pay-rule | pay-store -d settle.db | pay-agg -d totals.db >/dev/null || true
	flow day
	settled | cmp - whole
}

@test "SIGTERM: all that came is committed, 143, and the next run goes on" {
	mkfifo line
	exec 5<>line
	head -n 100 day >&5
	{
		set +e # the status is kept
		(echo "$BASHPID" >pid && exec pay-consume --as day --segment-seconds 100 - <line 5>&-) | tee came |
			pay-store --log -d log.db >/dev/null 5>&-
		echo "${PIPESTATUS[*]}" >statuses
	} &
	local flow=$!
	until grep -qs '"_src":"day/0/100"' came; do sleep 0.05; done
	kill -TERM "$(cat pid)"
	wait "$flow"
	[ "$(cat statuses)" = '143 0 0' ]
	exec 5>&-
	[ "$(sqlite3 -readonly log.db 'select count(*) from payment_log')" = 100 ]
	pay-consume --resume log.db day | pay-store --log -d log.db >/dev/null
	[ "$(sqlite3 -readonly log.db 'select count(*) from payment_log')" = "$(wc -l <day)" ]
}

@test "full disk: 74, and with room the next run is whole" {
	[ "$(id -u)" = 0 ] && unshare -m true 2>/dev/null || skip "a small file system needs root to be mounted"
	# shellcheck disable=SC2016 # it is for the inner shell
	run unshare -m bash -c 'mkdir small && mount -t tmpfs -o size=300k tmpfs small && pay-consume day | pay-store --log -d small/log.db >/dev/null
		echo "${PIPESTATUS[1]}"'
	[ "${lines[-1]}" = 74 ]
	told ': database or disk is full; what was committed before is kept'
	run -74 bash -c 'pay-consume day >/dev/full'
	told 'standard output: cannot write: No space left on device'
}

@test "lock held: 75, and the lock goes with its holder" {
	mkfifo line
	pay-store --log -d log.db <line >/dev/null &
	local holder=$!
	exec 5>line
	pay-consume day >stream
	head -n 1 stream >&5
	until [ -s log.db ]; do sleep 0.05; done
	run -75 pay-store --log -d log.db --lock-wait 0.1 stream
	[[ $output == *"log.db: $(</proc/$holder/comm), process $holder, writes to it; waited 0.1 s for its lock (--lock-wait)"* ]]
	grep -qF 'pay-store, process 17, writes to it; waited 30 s for its lock (--lock-wait)' "$page"
	kill -KILL "$holder"
	wait "$holder" || true
	exec 5>&-
	pay-store --log -d log.db --lock-wait 5 stream >/dev/null
}

@test "bad records: named, put aside, corrected, and counted once" {
	sed -i '5s/"merchantNumber":"[^"]*"/"merchantNumber":""/' day
	run -65 bash -c 'set -o pipefail; pay-consume day | pay-tobase >/dev/null'
	told 'bad record: merchantNumber is not a non-empty string'
	pay-consume day | pay-tobase --dead-letter bad.ndjson | pay-rule | pay-store -d settle.db >/dev/null
	[ "$(sqlite3 -readonly settle.db 'select count(*) from base')" = $(($(grep -c '"action":"PAYMENT"' day) - 1)) ]
	# The page's own command line.
	remedy=$(sed -n "s/^\.Dl \(jq .*\)/\1/p" "$page" | sed 's/\\&//g')
	bash -c "$remedy"
	[ "$(jq -r 'keys_unsorted[0], ._src' corrected)" = $'_src\nday/0/5' ]
	sed -i 's/"merchantNumber":""/"merchantNumber":"m-9"/' corrected
	for _ in 1 2; do pay-tobase corrected | pay-rule | pay-store -d settle.db >/dev/null; done
	[ "$(sqlite3 -readonly settle.db 'select count(*) from base')" = "$(grep -c '"action":"PAYMENT"' day)" ]
	[ "$(pay-store -d settle.db --export base --where "merchantNumber = 'm-9'" | jq -r ._src)" = day/0/5 ]
}

@test "input that is cut, altered or empty: 65" {
	run -65 pay-store -d x.db </dev/null
	told 'empty, not even a mark came: the program before this one has failed'
	gzip -c day | head -c 5000 >cut.gz
	run -65 bash -c 'pay-consume cut.gz >/dev/null'
	told 'the gzip data is damaged or cut'
	pay-consume day | head -n 1000 >saved
	run -65 bash -c 'pay-tobase saved >/dev/null'
	[ "$(pay-tobase --unsealed saved | wc -l)" -gt 900 ]
}

@test "a changed file: 76, and nothing of it is taken; a name of its own or --grown are ways on" {
	pay-consume day | pay-store --log -d log.db >/dev/null
	sed 's/ONLINE/OFFLINE/' day >other
	mkdir new
	mv other new/day
	run -76 bash -c 'pay-consume --resume log.db new/day >/dev/null'
	told 'log.db knows day with other content'
	# shellcheck disable=SC2016 # it is for the inner shell
	run -76 bash -c 'pay-consume new/day | pay-store --log -d log.db >/dev/null; exit "${PIPESTATUS[1]}"'
	told 'was read before with other content'
	[ "$(sqlite3 -readonly log.db 'select count(*) from payment_log')" = "$(wc -l <day)" ]
	pay-consume --as day-2 new/day | pay-store --log -d log.db >/dev/null
	[ "$(sqlite3 -readonly log.db 'select count(*) from payment_log')" = $((2 * $(wc -l <day))) ]
	{ cat day && head -n 5 day; } >new/day
	pay-consume --grown --resume log.db new/day | pay-store --log -d log.db >/dev/null
	[ "$(sqlite3 -readonly log.db "select count(*) from payment_log where source = 'day'")" = $(($(wc -l <day) + 5)) ]
}

@test "a gap: 76; it is fed, or taken, and then what comes late still counts" {
	pay-consume --to 100 day | pay-store --log -d log.db >/dev/null
	pay-consume --from 200 --to 300 day >late
	run -76 pay-store --log -d log.db late
	told 'would leave a hole: offsets 101 to 199 are missing'
	pay-store --log -d log.db --allow-gap late >/dev/null
	run -76 pay-store -d log.db --verify
	[[ $output == *'offsets 101 to 199 are missing'* ]]
	pay-consume --from 101 --to 199 day | pay-store --log -d log.db >/dev/null
	pay-store -d log.db --verify
	pay-consume --resume log.db day | pay-store --log -d log.db >/dev/null
	[ "$(sqlite3 -readonly log.db 'select count(*) from payment_log')" = "$(wc -l <day)" ]
}

@test "a broker that is away: 69" {
	run -69 timeout 120 pay-consume -b 127.0.0.1:1 -t payment
	told 'the cluster does not answer'
}

@test "the rule API away: 75" {
	pay-consume day | pay-tobase >base
	run -75 bash -c 'timeout 120 pay-rule --api-retries 0 --rule-url http://127.0.0.1:1/ base >dated'
	[[ $output == *'the rule API does not answer for a payment of merchant '* ]]
	grep -qF 'the rule API does not answer for a payment of merchant m-1' "$page"
	run ! grep -q '"end":"' dated
}

@test "a damaged database: 65, and totals are rebuilt from the store" {
	flow day
	cp totals.db good.db
	printf '%060000d' 0 | dd of=totals.db bs=1 seek=40000 conv=notrunc status=none
	run -65 pay-agg -d totals.db --query
	told 'the file is damaged (database disk image is malformed); restore it, or rebuild it from the records'
	rm totals.db*
	# The page's own command line.
	remedy=$(sed -n 's/^\.Dl \(pay-store .*export base.*\)/\1/p' "$page")
	bash -c "$remedy" >/dev/null
	cmp <(pay-agg -d totals.db --query) <(pay-agg -d good.db --query)
	cmp <(sqlite3 totals.db 'select * from cover; select * from place') <(sqlite3 good.db 'select * from cover; select * from place')
}

@test "a damaged store: it is rebuilt from the log, and the next run goes on behind it" {
	pay-consume day | pay-store --log -d log.db | pay-tobase --dead-letter - | pay-rule | pay-store -d settle.db >/dev/null
	mv settle.db good.db
	remedy=$(sed -n 's/^\.Dl \(pay-store .*export payment_log.*\)/\1/p' "$page")
	bash -c "$remedy"
	cmp <(sqlite3 settle.db .dump) <(sqlite3 good.db .dump)
	[ "$(pay-consume --resume settle.db day | grep -vc _mark)" = 0 ]
}

@test "another user's file: 77" {
	[ "$(id -u)" = 0 ] || skip "a file of another user needs root to be made"
	mkdir -m 1777 public
	: >public/store.db
	chown 65534 public/store.db
	run -77 pay-store -d public/store.db </dev/null
	told 'a file of another user (65534), in a folder that everybody may write to'
}

@test "the page's messages of clusters are those of the programs" {
	for text in 'are gone (retention); feed them from a capture (pay-consume --covers ' \
		'holds another message than when it was read' 'the topic was made anew' 'no broker has answered for' \
		'records are not acknowledged' 'another producer has taken over the transactional id' \
		'this one wrote nothing since'; do
		grep -qF "$text" "$page"
		grep -rqF "$text" "$BATS_TEST_DIRNAME/../cmd" "$BATS_TEST_DIRNAME/../common"
	done
}
