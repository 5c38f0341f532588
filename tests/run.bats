#!/usr/bin/env bats
# pay-run: a pipeline in one process is the pipeline of processes.

setup() {
	load setup
}

day() { # a sealed day with some of everything
	pay-gen -n 3000 --seed 5 --merchants 30 --test 0.02 --network-cancels 0.02 --unconfirmed 0.02 --malformed 0.01 \
		--rules rules.csv --rules-share 0.5 >day.ndjson
	pay-consume --dead-letter - --segment-records 700 day.ndjson >day.stream
}

good() { # base records without a fault, sealed
	pay-gen -n "${1:-1000}" --seed 5 --merchants 30 --unconfirmed 0.1 >good.ndjson
	pay-consume --segment-records 300 good.ndjson >good.stream
}

# alike TEXT: the shell's way and pay-run's, from standard input, each in a folder of its own
alike() {
	cat >input
	mkdir -p shell one
	(cd shell && bash -o pipefail -c "$1" <../input >out 2>said)
	(cd one && pay-run "$1" <../input >out 2>said)
	cmp shell/out one/out
	diff <(without_seconds shell/said) <(without_seconds one/said)
}

without_seconds() { # what a pipeline said, in an order that does not depend on its speed
	sed 's/"seconds":[0-9.]*//' "$1" | sort
}

# --- the text ---

@test "words are split as the shell splits them" {
	cat >expected <<'END'
pay-tobase -a paymentMethodType=GIFT |
  pay-filter --reject 'A=.amount > 1 and .x == "|"' --rejects 'a b'\''c"d' |
  pay-agg --by '' --date '$x`#>'
END
	run -0 --separate-stderr pay-run --print "pay-tobase  -a payment'Method'Type=\"GIFT\"|pay-filter --reject 'A=.amount > 1 and .x == \"|\"' \\
	  --rejects a\\ \"b'c\\\"d\" |
		pay-agg --by '' --date \"\\\$x\\\`\"\\#'>'"
	[ "$output" = "$(cat expected)" ]
	run -0 pay-run --print "$output"
	[ "$output" = "$(cat expected)" ]
	# the shell's own opinion of the same words
	run -0 pay-run --print "pay-agg --by \"a\\b\\\\\\\"c\" --date d#e~f=g%h"
	[ "$(bash -c "printf '[%s]' ${output#pay-agg}")" = "$(bash -c "printf '[%s]' --by \"a\\b\\\\\\\"c\" --date d#e~f=g%h")" ]
}

@test "what a shell would expand or redirect is refused, and named" {
	# shellcheck disable=SC2016 # it is not expanded here either
	for text in 'pay-agg $x' 'pay-agg "$x"' 'pay-agg `x`' 'pay-agg "`x`"' 'pay-agg *' 'pay-agg a?' 'pay-agg [a]' 'pay-agg ~/x' 'pay-agg x=~' \
		'pay-agg <x' 'pay-agg >x' 'pay-agg 2>x' 'pay-agg &' 'pay-agg ; pay-agg' '(pay-agg)' 'pay-agg )' 'pay-agg {a,b}' 'pay-agg # x'; do
		run -64 pay-run "$text"
		character=$(grep -oE '[^-a-z0-9 ."=,/]' <<<"$text" | grep -v '"' | head -n 1)
		[[ $output == "pay-run: stage 1: $character that stands for itself must be quoted, as '$character'"* ]] || {
			echo "$text: $output"
			return 1
		}
		[ ! -e x ]
	done
	run -64 pay-run 'pay-tobase | pay-agg >x'
	[[ $output == *"stage 2: > "*"redirect pay-run"* ]]
}

@test "a text that is no pipeline is refused" {
	run -64 pay-run ''
	[[ $output == *"stage 1: no program is named"* ]]
	run -64 pay-run 'pay-tobase || pay-agg'
	[[ $output == *"stage 2: no program is named"* ]]
	run -64 pay-run 'pay-tobase |'
	[[ $output == *"stage 2: no program is named"* ]]
	run -64 pay-run "pay-tobase 'x"
	[[ $output == *"a ' is not closed"* ]]
	run -64 pay-run 'pay-tobase "x'
	[[ $output == *'a " is not closed'* ]]
	run -64 pay-run 'pay-tobase \'
	[[ $output == *"ends in a backslash"* ]]
	run -64 pay-run
	[[ $output == *"which pipeline?"* ]]
	run -64 pay-run pay-tobase pay-agg
	[[ $output == *"one pipeline: as one argument in quotes"* ]]
}

@test "a file holds the pipeline in lines, with comments" {
	good
	cat >flow.run <<'END'
# the settlement
pay-tobase |  # messages
  pay-filter --tag |
  pay-agg --by 'merchantNumber'	# '
END
	run -0 pay-run --print -f flow.run
	[ "$output" = $'pay-tobase |\n  pay-filter --tag |\n  pay-agg --by merchantNumber' ]
	pay-run -f flow.run <good.stream >totals
	pay-tobase good.stream | pay-filter --tag | pay-agg --by merchantNumber | cmp - totals
	# shellcheck disable=SC2016
	printf 'pay-tobase |\n\npay-agg $x\n' >flow.run
	run -64 pay-run -f flow.run
	[[ $output == "pay-run: flow.run:3: \$ that stands for itself must be quoted"* ]]
	printf 'pay-tobase\0' >flow.run
	run -64 pay-run -f flow.run
	run -64 pay-run -f flow.run pay-agg
	run -66 pay-run -f missing.run
}

@test "only stages run, and the others are told where they stand" {
	run -64 pay-run 'pay-tobase | jq .'
	[[ $output == 'pay-run: "jq" is no stage: they are pay-tobase, pay-filter, pay-rule, pay-store, pay-agg and pay-produce'* ]]
	run -64 pay-run 'pay-consume day.ndjson | pay-tobase'
	[[ $output == *"pay-consume ... | pay-run '...'"* ]]
	run -64 pay-run 'pay-gen'
	[[ $output == *"pay-gen ... | pay-run '...'"* ]]
}

@test "what is no stage of a pipeline is refused: queries, tests, help" {
	for text in 'pay-store -d x.db --verify' 'pay-store -d x.db --index' 'pay-store -d x.db --export base | pay-agg' 'pay-agg -d x.db --query' 'pay-filter --test x' \
		'pay-tobase --help' 'pay-agg -V' 'pay-tobase | pay-agg --check'; do
		run -64 pay-run "$text"
		[[ $output == *"not for a stage of pay-run"* ]] || {
			echo "$text: $output"
			return 1
		}
	done
	[ ! -e x.db ]
}

@test "the first stage may read a file, the others may not" {
	good
	pay-run "pay-tobase $PWD/good.stream | pay-agg -" >one
	pay-tobase good.stream | pay-agg | cmp - one
	run -64 pay-run 'pay-tobase | pay-agg good.stream'
	[[ $output == "pay-agg: no file"* ]]
	run -66 pay-run 'pay-tobase missing | pay-agg'
	[[ $output == "pay-tobase: missing: "* ]]
}

# --- one process is many ---

@test "each stage alone is the program" {
	day
	alike 'pay-tobase --dead-letter -' <day.stream
	alike 'pay-tobase --dead-letter bad --plain' <day.stream
	cmp shell/bad one/bad
	pay-tobase --dead-letter - day.stream >base.stream
	for text in 'pay-filter' 'pay-filter --tag --stats' 'pay-rule --default-cycle D+2' 'pay-store -d s.db' 'pay-agg --net' 'pay-produce --to totals'; do
		alike "$text" <base.stream
	done
	cmp shell/totals one/totals
}

@test "the flow of the pages gives the same, in output, files and databases" {
	day
	alike "pay-store --log -d log.db | pay-tobase --dead-letter bad | pay-filter --rejects 'not settled' --reject 'BIG=.amount > 99000' |
		pay-rule --rules ../rules.csv --default-cycle D+2 | pay-store -d settle.db | pay-agg -d totals.db --updates 0 --marks" <day.stream
	cmp shell/bad one/bad
	cmp 'shell/not settled' 'one/not settled'
	[ -s 'one/not settled' ]
	for folder in shell one; do
		(cd $folder && for table in payment_log dead_letter; do pay-store -d log.db --export $table; done >held &&
			for table in base unsettlement; do pay-store -d settle.db --export $table; done >>held &&
			pay-store -d settle.db --verify >>held && pay-agg -d totals.db --query >>held)
	done
	cmp shell/held one/held
	[ "$(grep -c . one/held)" -gt 5000 ]
}

@test "--print gives what the shell runs to the same end, stats and quiet included" {
	day
	text="pay-tobase --dead-letter - | pay-filter --tag --reject 'X=.amount == 1' | pay-agg"
	pay-run --print --stats -q "$text" >script
	bash script <day.stream >shell 2>said.shell
	pay-run --stats -q "$text" <day.stream >one 2>said.one
	cmp shell one
	diff <(without_seconds said.shell) <(without_seconds said.one)
	[ "$(grep -c '^{"program":"pay-' said.one)" = 3 ]
}

@test "dead letters flow through to the store" {
	day
	alike 'pay-tobase --dead-letter - | pay-filter --tag | pay-rule | pay-store -d settle.db | pay-agg --dead-letter bad' <day.stream
	[ "$(pay-store -d one/settle.db --export dead_letter | wc -l)" -gt 10 ]
	cmp <(pay-store -d shell/settle.db --export dead_letter) <(pay-store -d one/settle.db --export dead_letter)
}

@test "two stages may add to one file of dead letters" {
	day
	pay-tobase --dead-letter - --plain day.stream | sed '5s/"merchantNumber":"[^"]*"/"merchantNumber":7/' >base
	alike "pay-filter --dead-letter bad --reject 'X=error(\"no\")' | pay-rule --dead-letter bad" < <(head -n 20 base)
	diff <(sort shell/bad) <(sort one/bad)
	[ -s one/bad ]
}

@test "--plain in the middle" {
	good
	alike 'pay-tobase --plain | pay-filter --tag | pay-store -d settle.db | pay-agg' <good.stream
	alike 'pay-tobase | pay-rule --plain | pay-agg --marks' <good.stream
}

@test "records are numbered by --source as by the program" {
	alike 'pay-tobase | pay-filter | pay-store -d settle.db --source it | pay-agg' < <(pay-gen -n 100)
	alike 'pay-tobase --dead-letter - | pay-store -d other.db --source it | pay-agg -d t.db --allow-gap' < <(pay-gen -n 100 --seed 2 --duplicates 0.2)
}

@test "a stage may stand twice" {
	good
	alike "pay-store --log -d log.db | pay-tobase | pay-filter --tag --reject 'A=.amount > 50000' | pay-filter --reject 'B=.amount < 100' --rejects b |
		pay-store -d settle.db | pay-agg" <good.stream
	cmp shell/b one/b
	cmp <(pay-store -d shell/log.db --export payment_log) <(pay-store -d one/log.db --export payment_log)
}

@test "records reach the end while more are awaited" {
	good
	mkfifo pipe out
	pay-run 'pay-tobase | pay-filter --tag | pay-rule' <pipe >out &
	{
		head -n 200 good.stream >&3
		run -0 timeout 120 head -n 199 out
		[ "${#lines[@]}" -eq 199 ]
	} 3>pipe
	wait $! || true # it may find that head has gone
}

@test "what the stages look at together has a bound, which is said" {
	good
	{
		echo reason,member,test,value
		seq -f 'X,member%.0f,is,1' 110
	} >policy.csv
	run -0 pay-run 'pay-tobase | pay-filter --policy policy.csv' <good.stream
	run -78 pay-run 'pay-tobase | pay-filter --policy policy.csv | pay-store -d settle.db' <good.stream
	[[ $output == "pay-store: no room for the member "*"at most 128"* ]]
	run -78 pay-run 'pay-tobase | pay-filter --policy policy.csv | pay-agg --by a,b,c' <good.stream
	[[ $output == "pay-agg: --by: no room for the members"* ]]
}

@test "empty input is a dead program before this one" {
	run -65 pay-run 'pay-tobase | pay-filter | pay-agg' </dev/null
	[[ $output == "pay-agg: standard input: empty"* ]]
	run -0 pay-run 'pay-tobase | pay-filter' </dev/null
}

# --- failures ---

@test "the failing stage's status is pay-run's, and its name begins the message" {
	good
	printf 'reason,member,test,value\nX,amount,lik,1\n' >policy.csv
	run -78 pay-run 'pay-tobase | pay-filter --policy policy.csv | pay-agg' <good.stream
	[[ $output == "pay-filter: policy.csv:2: "* ]]
	run -64 pay-run 'pay-tobase | pay-agg --no-such-option'
	[[ $output == "pay-agg: unknown option --no-such-option; see pay-agg --help" ]]
	run -65 --separate-stderr pay-run 'pay-tobase | pay-agg' < <(sed '500s/"amount":[0-9]*/"amount":1.5/' good.stream)
	[[ $stderr == "pay-tobase: good.ndjson/0/"*"bad record: amount 1.5"* ]]
	[ -z "$output" ]
	run -65 --separate-stderr pay-run 'pay-tobase | pay-filter | pay-agg -d t.db' < <(head -n 500 good.stream)
	[[ $stderr == "pay-tobase: standard input: line "*"no end mark came"* ]]
	[ "${#stderr_lines[@]}" -eq 1 ]
}

@test "what is good before a bad record reaches the output" {
	good
	sed '500s/"amount":[0-9]*/"amount":1.5/' good.stream >bad.stream
	pay-tobase bad.stream 2>/dev/null | pay-filter 2>/dev/null | pay-rule >shell 2>/dev/null || true
	run -65 --separate-stderr pay-run 'pay-tobase | pay-filter | pay-rule' <bad.stream
	printf '%s\n' "$output" | cmp - shell
}

@test "after a failure only whole segments are kept, and the next run completes them" {
	good
	pay-run 'pay-tobase | pay-store -d expected.db | pay-agg -d expected-t.db' <good.stream >expected
	sed '800s/"amount":[0-9]*/"amount":1.5/' good.stream >bad.stream
	run -65 pay-run 'pay-tobase | pay-store -d settle.db | pay-agg -d totals.db' <bad.stream
	[ "$(pay-store -d settle.db --export base | wc -l)" -eq 600 ]
	pay-run 'pay-tobase | pay-store -d settle.db | pay-agg -d totals.db' <good.stream >totals
	cmp expected totals
	cmp <(pay-store -d expected.db --export base) <(pay-store -d settle.db --export base)
}

@test "two stages that write one database are refused" {
	good
	run -64 timeout 120 pay-run 'pay-tobase | pay-store -d settle.db | pay-store -d ./settle.db' <good.stream
	[[ $output == "pay-store: ./settle.db: another stage of this process writes to it"* ]]
	run -64 timeout 120 pay-run 'pay-tobase | pay-store -d settle.db | pay-agg -d settle.db' <good.stream
	[[ $output == "pay-agg: settle.db: another stage"* ]]
	run -64 timeout 120 pay-run 'pay-tobase | pay-store -d settle.db | pay-rule --rules settle.db' <good.stream
	[[ $output == "pay-rule: settle.db: another stage"* ]]
	run -75 timeout 120 pay-run "pay-tobase | pay-filter --reject 'X=true' --rejects x | pay-filter --reject 'Y=true' --rejects x" <good.stream
}

@test "a lock that another program holds is waited for as by the stage itself" {
	good
	pay-run 'pay-tobase | pay-store -d settle.db' <good.stream >whole
	exec 7<>settle.db
	flock 7
	run -75 pay-run 'pay-tobase | pay-store -d settle.db --lock-wait 0.1' <good.stream
	[[ $output == "pay-store: settle.db: "* ]]
	exec 7<&-
	pay-run 'pay-tobase | pay-store -d settle.db --lock-wait 0.1' <good.stream | cmp - whole
}

@test "a reader that goes away ends it by SIGPIPE" {
	good 30000
	set +o pipefail
	pay-run 'pay-tobase | pay-store -d settle.db | pay-rule' <good.stream | head -n 1 >/dev/null
	[ "${PIPESTATUS[0]}" -eq 141 ]
	pay-store -d settle.db --verify >verified
	pay-run 'pay-tobase | pay-store -d settle.db | pay-agg' <good.stream >one
	pay-tobase good.stream | pay-agg | cmp - one
}

@test "a full disk at the end is the last stage's message" {
	good 30000
	status=0
	pay-run 'pay-tobase | pay-filter | pay-rule' <good.stream >/dev/full 2>said || status=$?
	[ "$status" -eq 74 ]
	[[ $(cat said) == "pay-rule: standard output: cannot write"* ]]
}

@test "killed at any moment, the next run makes it exact" {
	pay-gen -n 20000 --seed 9 --merchants 200 --unconfirmed 0.02 --malformed 0.002 >day.ndjson
	flow='pay-store --log -d log.db | pay-tobase --dead-letter - | pay-filter --tag | pay-store -d settle.db | pay-agg -d totals.db'
	consume() { pay-consume --dead-letter - --segment-records 250 --resume log.db --resume settle.db --resume totals.db ../day.ndjson; }
	held() {
		for table in payment_log dead_letter; do pay-store -d log.db --export $table; done
		for table in base unsettlement dead_letter; do pay-store -d settle.db --export $table; done
		pay-agg -d totals.db --query
	}
	mkdir whole
	(
		cd whole
		consume | pay-run "$flow" >totals
		held >../expected
	)
	seed=$RANDOM
	echo "seed $seed"
	RANDOM=$seed
	killed=0
	for ((round = 0; round < 8; round++)); do
		rm -rf broken
		mkdir broken
		pushd broken
		{ consume 2>/dev/null || true; } | pay-run "$flow" >totals 2>/dev/null &
		sleep "$(awk -v n=$RANDOM 'BEGIN { print 0.02 + n / 32768 * 0.5 }')"
		! kill -9 $! 2>/dev/null || killed=$((killed + 1))
		wait $! 2>/dev/null || true
		consume | pay-run "$flow" >totals
		held | cmp - ../expected
		cmp totals ../whole/totals
		popd
	done
	[ "$killed" -gt 0 ]
}

# --- its own options ---

@test "--check checks every stage and runs none" {
	printf 'reason,member,test,value\nX,amount,lik,1\n' >policy.csv
	run -0 pay-run --check 'pay-tobase | pay-filter --tag | pay-rule | pay-store -d s.db | pay-agg -d t.db'
	[[ $output == *UNCONFIRMED* ]]
	[ ! -e s.db ]
	run -78 pay-run --check 'pay-tobase | pay-filter --policy policy.csv | pay-agg'
	[[ $output == "pay-filter: policy.csv:2: "* ]]
	: >totals.ndjson
	run -64 pay-run --check 'pay-tobase | pay-agg totals.ndjson'
	run -64 pay-run --check 'pay-tobase | pay-store -d s.db --verify'
}

@test "-q silences one stage, or all" {
	pay-gen -n 10 | pay-consume --as day - | sed 's/"complete"/"stop"/' >stopped.stream
	run -0 --separate-stderr pay-run 'pay-tobase | pay-agg' <stopped.stream
	[[ $stderr == "pay-agg: the input was stopped"* ]]
	run -0 --separate-stderr pay-run 'pay-tobase -q | pay-agg' <stopped.stream
	[[ $stderr == "pay-agg: the input was stopped"* ]]
	run -0 --separate-stderr pay-run 'pay-tobase | pay-agg -q' <stopped.stream
	[ -z "$stderr" ]
	run -0 --separate-stderr pay-run -q 'pay-tobase | pay-agg' <stopped.stream
	[ -z "$stderr" ]
}

@test "random pipelines over random input are alike in both ways" {
	"${BATS_TEST_DIRNAME}/run/differential" --short --seconds "${DIFFERENTIAL_SECONDS:-12}" --bin "$(dirname "$(command -v pay-run)")"
}
