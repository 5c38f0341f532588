# What the fault campaign (tests/faults) has found, each by itself.
load setup
bats_require_minimum_version 1.5.0

setup() {
	[ -z "${PAYPIPE_BIN:-}" ] || skip "other programs than those of bin/ may not be preloaded into (sanitizers)"
}

# fault CALL:CLASS:N:ACTION COMMAND...: the command with this fault in it, see tests/faults/inject.c
fault() {
	FAULT=$1 LD_PRELOAD=$BATS_TEST_DIRNAME/../build/tool/inject.so "${@:2}"
}

payment='{"_src":"a/0/1","paymentType":"ONLINE","amount":5,"merchantNumber":"m","paymentDate":"2025-05-19T21:48:15","paymentActionType":"PAYMENT","paymentMethodType":"CARD"}'

@test "a database that the disk cannot read is no damaged database" {
	pay-store -d x.db <<<"$payment" >/dev/null
	for n in 2 3; do
		run -74 --separate-stderr fault "read:db:$n:5" pay-store -d x.db <<<"$payment"
		[[ $stderr == "pay-store: x.db: cannot "*": Input/output error; "* ]]
	done
}

@test "no mark is passed on whose segment the disk did not take" {
	for offset in {1..6}; do
		echo "${payment/a\/0\/1/a\/0\/$offset}"
		printf '{"_mark":{"seq":%d,"records":1,"in":1,"dropped":{},"amount":"5","from":{"a/0":%d},"next":{"a/0":%d},"end":%s}}\n' \
			$((offset - 1)) "$offset" $((offset + 1)) "$([ "$offset" = 6 ] && echo '"complete"' || echo null)"
	done >stream
	met=0
	for n in {1..30}; do
		rm -f x.db*
		run --separate-stderr fault "sync:wal:$n:5" pay-store -d x.db stream
		[ "$status" = 0 ] && break
		[ "$status" = 74 ]
		[[ $stderr == "pay-store: x.db: cannot "*" error; what was committed before is kept"* ]]
		[ "${output##*_mark}" != "$output" ] || continue
		# The one after the last mark is committed, and nobody was told so.
		passed=$(grep -c _mark <<<"$output")
		[ "$(sqlite3 x.db 'SELECT count(*) FROM base')" -eq $((passed + 1)) ]
		met=$((met + 1))
		run -0 pay-store -d x.db stream
		[ "$(sqlite3 x.db 'SELECT count(*) FROM base')" = 6 ]
		[ "$output" = "$(<stream)" ]
	done
	[ "$met" -ge 4 ]
}

@test "a program that finds no memory at its start says who it is" {
	for n in {1..12}; do
		run -71 --separate-stderr fault "malloc:*:$n:12" pay-tobase --dead-letter dead <<<'{}'
		[[ $stderr == "pay-tobase: out of memory"* ]]
	done
}

@test "libjq without memory does not take pay-filter down with it" {
	ended=0
	for ((n = 100; n < 8000; n += 500)); do
		run --separate-stderr fault "malloc:*:$n:12" pay-filter --tag --reject 'BIG=.amount > 9' <<<"$payment"
		echo "allocation $n: $status, $stderr"
		if [ "$status" = 71 ]; then
			[[ $stderr == *"pay-filter: "*memory* ]]
			ended=$((ended + 1))
		else # some it can do without
			[ "$status" = 0 ]
			[[ $output == '{"_src":"a/0/1","_unsettled":"UNCONFIRMED",'* ]]
		fi
	done
	[ "$ended" -gt 5 ]
}

@test "lines that a loss of power left as zeros are cut off before others are appended" {
	bad='{"_src":"a/0/1","amount":"no"}'
	pay-filter --dead-letter dead <<<"$bad"
	cp dead whole
	{
		head -c 30 whole
		head -c 900 /dev/zero
		tail -c 20 whole
		cat whole
	} >>dead
	run -0 pay-filter --dead-letter dead <<<"$bad"
	[[ $output == *"cut off"*"half-written"* ]]
	cat whole whole | cmp - dead
}

@test "pay-produce that finds no memory leaves no temporary file" {
	input='{"key":{},"value":{}}'
	ended=0
	for n in {1..200}; do
		run fault "malloc:*:$n:12" pay-produce --to result <<<"$input"
		if [ "$status" = 71 ]; then
			ended=$((ended + 1))
		else # some it can do without
			[ "$status" = 0 ]
		fi
		run -0 find . -name '.result*'
		echo "allocation $n leaves $output"
		[ -z "$output" ]
	done
	[ "$ended" -gt 20 ]
	[ "$(cat result)" = "$input" ]
}

@test "a standard output that cannot be closed is an error of every stage" {
	echo '{"channel":"ONLINE","action":"PAYMENT","data":{}}' >message
	echo "$payment" >base
	failing() {
		run -74 --separate-stderr fault close:out:1:5 "$@"
		[[ $stderr == "$1: standard output: "*": Input/output error"* ]]
	}
	failing pay-consume message
	failing pay-tobase --dead-letter bad message
	for stage in pay-filter pay-rule pay-agg 'pay-store -d x.db'; do
		# shellcheck disable=SC2086 # a program and its options
		failing $stage base
	done
	failing pay-agg --query -d "$(pay-agg -d totals.db base >/dev/null && echo totals.db)"
	failing pay-store -d x.db --export base
}

@test "totals that found no memory at any point are whole in the next run" {
	echo "$payment" >base
	pay-agg base >totals
	ended=0
	for n in {1..700}; do
		rm -f x.db*
		status=0
		fault "malloc:*:$n:12" pay-agg -d x.db base >out 2>said || status=$?
		if [ "$status" != 0 ]; then # some it can do without
			grep -q memory said
			ended=$((ended + 1))
		fi
		pay-agg -d x.db base | cmp - totals || {
			echo "allocation $n: $status, $(cat said)"
			return 1
		}
	done
	[ "$ended" -gt 100 ]
}

@test "a letter is not glued to the half line that a killed writer left while another has the file open" {
	mkfifo line
	sed 's/"amount":[0-9]*/"amount":"x"/' < <(pay-gen -n 40 --seed 1) >bad
	pay-consume --as it --segment-records 5 --dead-letter /dev/null bad >day
	pay-tobase --dead-letter dead <line 2>err >/dev/null 3>&- &
	exec 5>line
	head -n 13 day >&5
	for _ in {1..1200}; do
		[ "$(grep -c . dead 2>/dev/null)" != 10 ] || break
		sleep 0.05
	done
	printf '{"_src":"x/0/1","_dead":{"sta' >>dead
	tail -n +14 day >&5
	exec 5>&-
	wait $!
	[ "$(jq -c ._src dead | sort -u | wc -l)" = 40 ]
	grep -q 'cut off 29 bytes of half-written lines' err
	# One that only lacks its line feed gets it.
	head -c -1 dead >short
	pay-tobase --dead-letter short <<<'{"_src":"day/0/99"}' >/dev/null
	[ "$(jq -c ._src short | wc -l)" = 41 ]
}
