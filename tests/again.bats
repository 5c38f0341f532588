#!/usr/bin/env bats
# settle --again and --correct: what was settled is put right afterwards, all of it or nothing.

bats_require_minimum_version 1.5.0

setup() {
	load setup
	PATH=$PATH:$BATS_TEST_DIRNAME/../scripts
}

# pay AMOUNT MERCHANT TIME ACTION - a message
pay() {
	printf '{"channel":"ONLINE","action":"PAYMENT","data":{"paymentType":"ONLINE","amount":%s,"payoutDate":null,"confirmDate":"2025-05-20","merchantNumber":"%s","paymentDate":"2025-05-20T%s:00","paymentActionType":"%s","paymentMethodType":"CARD"}}\n' "$@"
}

a_day() {
	pay 1000 a 10:00 PAYMENT
	pay 300 a 11:00 CANCEL
	pay 50 b 11:00 PAYMENT
	pay 7 test-1 11:00 PAYMENT
	echo nonsense
}

paid() { tail -n +2 "${1:-out}/payouts.csv"; }

@test "payouts are a result: a file by merchant and date, and the end of the table" {
	a_day >day
	run -0 settle -o out --dead-letter - --default-cycle D+2 day
	[ "$(cat out/payouts.csv)" = 'merchantNumber,payoutDate,payments,paid,cancelled,net
a,2025-05-22,2,1000,300,700
b,2025-05-22,1,50,0,50' ]
	[[ $output =~ what\ is\ paid\ when\ +payments\ +paid\ +cancelled\ +net[[:space:]]+2025-05-22\ +3\ +1050\ +300\ +750 ]]
	[ "${lines[-1]}" = "Everything adds up." ]
	settle -q -o two -j 2 --dead-letter - --default-cycle D+2 day 2>/dev/null
	cmp out/payouts.csv two/payouts.csv
}

@test "the options of a folder are kept in it, and others are said, with --quiet too" {
	a_day >day
	printf '%s\n' reason,member,test,value X,note,is,x >policy.csv
	settle -q -o out --dead-letter - --default-cycle D+2 --policy policy.csv day 2>err
	[ "$(cat err)" = "settle: 1 bad record waits in settle.db (pay-consume 1)" ]
	grep -qx -- '--default-cycle D+2' out/options
	settle -q -o out --dead-letter - --default-cycle D+3 --policy policy.csv day 2>err
	[[ $(cat err) == *"settle: other options than in the run before: was --default-cycle D+2, is --default-cycle D+3; what is settled stays as it was: --again settles it anew"* ]]
	[[ $(paid) == *a,2025-05-22,2,1000,300,700* && $(paid) != *2025-05-23* ]]
	echo Y,note,is,y >>policy.csv
	settle -q -o out --dead-letter - --default-cycle D+3 --policy policy.csv day 2>err
	[[ $(cat err) == *"was --policy policy.csv ("*"), is --policy policy.csv ("*")"* ]]
	settle -q -o out --dead-letter - --default-cycle D+3 --policy policy.csv day 2>err
	[[ $(cat err) != *"other options"* ]]
}

@test "--again settles the log anew under other options; --dry-run shows what would change, and changes nothing" {
	a_day >day
	settle -q -o out --dead-letter - --default-cycle D+2 day 2>/dev/null
	cp -r out was
	run -0 --separate-stderr settle -o out --again --dry-run --dead-letter - --default-cycle D+5 --reject 'SMALL=.amount < 100'
	[ "$output" = 'payout: - before, + anew
  merchantNumber,payoutDate,payments,paid,cancelled,net
- a,2025-05-22,2,1000,300,700
- b,2025-05-22,1,50,0,50
+ a,2025-05-27,2,1000,300,700
left_out: - before, + anew
  reason,paymentDateDaily,payments,paid,cancelled,net
+ SMALL,2025-05-20,1,50,0,50
bad: as before' ]
	[ ! -e out/again ]
	for file in totals.ndjson payouts.csv options report; do cmp out/$file was/$file; done
	cmp <(pay-store -d out/settle.db --export base) <(pay-store -d was/settle.db --export base)
	run -0 settle -o out --again --dead-letter - --default-cycle D+5 --reject 'SMALL=.amount < 100'
	[ "${lines[-1]}" = "Everything adds up." ]
	[ "$(paid)" = a,2025-05-27,2,1000,300,700 ]
	[ "$(jq -s 'map(.value.count) | add' out/totals.ndjson)" = 2 ]
	cmp <(pay-store -d out/before/settle.db --export base) <(pay-store -d was/settle.db --export base)
	# The flow goes on: what is known counts once, what is new comes to it.
	settle -q -o out --dead-letter - --default-cycle D+5 --reject 'SMALL=.amount < 100' day 2>/dev/null
	[ "$(paid)" = a,2025-05-27,2,1000,300,700 ]
	pay 400 a 12:00 PAYMENT >next
	settle -q -o out --dead-letter - --default-cycle D+5 --reject 'SMALL=.amount < 100' next 2>/dev/null
	[ "$(paid)" = a,2025-05-27,3,1400,300,1100 ]
	run -66 settle -o none --again
	run -64 settle -o out --again day
	run -64 settle -o out --dry-run day
}

@test "--again under the options given before changes nothing, with shares too" {
	pay-gen -n 3000 --seed 4 --unconfirmed 0.05 --malformed 0.01 --test 0.02 >day
	for shares in 1 2; do
		settle -q -o "out$shares" -j $shares --dead-letter - --default-cycle D+2 day 2>/dev/null
		cp -r "out$shares" "was$shares"
		run -0 --separate-stderr settle -q -o "out$shares" --again --dead-letter - --default-cycle D+2
		[ "$output" = 'payout: as before
left_out: as before
bad: as before' ]
		cmp "out$shares/totals.ndjson" "was$shares/totals.ndjson"
		settle -q -o "out$shares" -j $shares --dead-letter - --default-cycle D+2 day 2>/dev/null
		cmp "out$shares/totals.ndjson" "was$shares/totals.ndjson"
		cmp "out$shares/payouts.csv" "was$shares/payouts.csv"
	done
	cmp out1/payouts.csv out2/payouts.csv
}

@test "--correct takes a new edition of a file under its name: what it lacks is taken back" {
	a_day >day
	pay 9 c 12:00 PAYMENT >other
	{
		pay 1000 a 10:00 PAYMENT
		pay 200 a 11:00 CANCEL
		pay 60 d 09:00 PAYMENT
		pay 70 d 09:30 PAYMENT
		pay 80 d 09:31 PAYMENT
		pay 90 d 09:32 PAYMENT
	} >edition
	for shares in 1 2; do
		rm -rf out
		settle -q -o out -j $shares --dead-letter - --default-cycle D+2 day other 2>/dev/null
		run -76 settle -o out --correct edition --dead-letter - --default-cycle D+2
		[[ $output == *"knows no file edition of which this could be a new edition; --as names it"* ]]
		run -64 settle -o out --correct edition --as day --dead-letter -
		[[ $output == *"was --default-cycle D+2, is nothing; --correct settles all of the log anew"*"give the options that it was settled with, or --again with it"* ]]
		run -0 settle -o out --correct edition --as day --dead-letter - --default-cycle D+2 --dry-run
		[[ $output == *"- b,2025-05-22,1,50,0,50"*"+ d,2025-05-22,4,300,0,300"* ]]
		[[ $(paid) == *b,2025-05-22* ]]
		run -0 settle -o out --correct edition --as day --dead-letter - --default-cycle D+2
		[ "${lines[-1]}" = "Everything adds up." ]
		[ "$(paid)" = 'a,2025-05-22,2,1000,200,800
c,2025-05-22,1,9,0,9
d,2025-05-22,4,300,0,300' ]
		# It is the file of that name from now on, and no other.
		settle -q -o out -j $shares --dead-letter - --default-cycle D+2 --as day edition
		run -76 settle -q -o out -j $shares --dead-letter - --default-cycle D+2 day
		[ "$(jq -s 'map(.value.totalAmount) | add' out/totals.ndjson)" = 1509 ]
		pay-audit out | tail -n 1 | grep -qx 'Everything adds up.'
	done
}

@test "a run killed at any step of the change leaves what was before, or the next run finishes it" {
	a_day >day
	settle -q -o settled --dead-letter - --default-cycle D+2 day 2>/dev/null
	mkdir killing
	# ln and mv do their work, and with their Nth call end the script that called them.
	cat >killing/mv <<-'END'
		#!/bin/bash
		"/bin/${0##*/}" "$@"
		n=$(($(cat calls) - 1))
		echo $n >calls
		[ $n != 0 ] || kill -9 $PPID
	END
	chmod +x killing/mv
	cp killing/mv killing/ln
	old=0 new=0
	for n in {1..20}; do
		rm -rf out && cp -r settled out
		echo "$n" >calls
		status=0
		PATH=$PWD/killing:$PATH settle -q -o out --again --dead-letter - --default-cycle D+3 >said 2>&1 || status=$?
		[ "$status" = 0 ] || [ "$status" = 137 ]
		settle -q -o out --dead-letter - --default-cycle D+3 day 2>err
		echo "$n: $status $(paid out)"
		pay-audit out >table
		case $(paid out) in
		*a,2025-05-22*b,2025-05-22*) old=$((old + 1)) ;;
		*a,2025-05-23*b,2025-05-23*) new=$((new + 1)) ;;
		*) return 1 ;;
		esac
		[ ! -e out/swap ]
		[ "$status" != 0 ] || break
	done
	[ "$status" = 0 ]
	[ "$old" -gt 0 ]
	[ "$new" -gt 3 ]
}

@test "declared actions, signs and one currency go through the whole flow" {
	{
		pay 1000 a 10:00 PAYMENT
		pay 400 a 11:00 CHARGEBACK
	} | sed 's/"CARD"/"CARD","cur":"KRW"/' >day
	run -65 settle -q -o none --default-cycle D+2 day
	run -0 settle -q -o out --default-cycle D+2 --accept paymentActionType=CHARGEBACK:- --currency cur day
	[ "$(paid)" = a,2025-05-22,2,1000,400,600 ]
	pay 5 a 10:00 PAYMENT | sed 's/"CARD"/"CARD","cur":"USD"/' >dollars
	run -65 settle -q -o out --default-cycle D+2 --accept paymentActionType=CHARGEBACK:- --currency cur dollars
	[[ $output == *"two currencies have no sum"* ]]
	{
		pay 1000 a 10:00 PAYMENT
		pay -300 a 11:00 CANCEL
	} >signed
	run -65 settle -q -o none2 --default-cycle D+2 signed
	settle -q -o own --default-cycle D+2 --signed signed
	[ "$(paid own)" = a,2025-05-22,2,1000,300,700 ]
}

@test "what fails while the log is settled anew ends with its status, and nothing is changed" {
	a_day >day
	settle -q -o out --dead-letter - --default-cycle D+2 day 2>/dev/null
	unchanged() { # unchanged STATUS PROGRAM OPTION...
		run -"$1" settle -o out --again "${@:3}"
		[[ $output == *"$2 failed ($1); nothing is changed" ]]
		[ ! -e out/again ]
		[[ $(paid) == *a,2025-05-22* && $(cat out/options) == "--default-cycle D+2" ]]
	}
	unchanged 64 pay-rule --dead-letter - --default-cycle nonsense
	unchanged 66 pay-filter --dead-letter - --policy none.csv
	unchanged 78 pay-filter --dead-letter - --reject 'X=.a |'
	unchanged 65 pay-tobase --dead-letter - --most 10 --max-dead 0
	printf '%s\n' nonsense too >edition
	unchanged 65 pay-consume --dead-letter - --correct edition --as day
	pay 5 a 10:00 PAYMENT >>edition
	unchanged 65 pay-consume --correct edition --as day
	: >empty
	gzip -k empty
	for edition in empty empty.gz; do
		run -65 settle -o out --default-cycle D+2 --dead-letter - --correct $edition --as day
		[[ $output == *"$edition: no line came of it, and all of day would be taken back; nothing is changed" ]]
		[[ $(paid) == *a,2025-05-22* ]]
	done
	run -66 settle -o none --again
	[ ! -e none ]
	# A run that could not begin has settled nothing under its options either.
	run -64 settle -q -o out --dead-letter - --default-cycle nonsense day
	[ "$(cat out/options)" = "--default-cycle D+2" ]
}

@test "a run that is told to stop, or killed, while the log is settled anew has changed nothing" {
	pay-gen -n 150000 --seed 9 >day
	settle -q -o out --default-cycle D+2 day
	sha256sum out/totals.ndjson >sum
	for signal in TERM HUP KILL; do
		settle -q -o out --again --default-cycle D+3 >said 2>&1 3>&- &
		process=$!
		for _ in {1..1200}; do
			[ ! -s out/again/settle.db ] || break
			sleep 0.1
		done
		kill -$signal $process
		status=0
		wait $process || status=$?
		if [ $signal = KILL ]; then
			[ $status = 137 ]
		else
			[ $status = 75 ]
			[ "$(tail -n 1 said)" = "settle: told to stop; nothing is changed" ]
			[ ! -e out/again ]
		fi
		sha256sum -c sum
		# Its pipeline has ended with it, and what it left is cleared away.
		settle -q -o out --default-cycle D+2 day
		[ ! -e out/again ]
		sha256sum -c sum
		[ "$(cat out/options)" = "--default-cycle D+2" ]
	done
}

@test "settled anew without --dedupe-by, nothing taken back is remembered as a claim" {
	pay 1000 a 10:00 PAYMENT | sed 's/"CARD"/"CARD","id":"1"/' >day
	pay 50 b 10:00 PAYMENT >edition
	settle -q -o out --default-cycle D+2 --dedupe-by id day
	settle -q -o out --default-cycle D+2 --again --correct edition --as day
	[ ! -e out/seen.db ]
	[ -e out/before/seen.db ]
	cp day next
	settle -q -o out --default-cycle D+2 --dedupe-by id next
	[ "$(paid)" = 'a,2025-05-22,1,1000,0,1000
b,2025-05-22,1,50,0,50' ]
}

@test "what an API said before holds for what is settled anew, unless another API is asked" {
	PATH=$PATH:${BATS_TEST_DIRNAME%/tests*}/build/tool
	a_day >day
	ask() { # ask DATE COMMAND...: with an API that says that date, at $API
		echo "merchantNumber,paymentDate,paymentActionType,paymentMethodType,ruleId,payoutDate,confirmDate
a,2025-05-20,PAYMENT,CARD,r1,$1," >rules.csv
		rm -f api.in api.out
		mkfifo api.in api.out
		rule-api rules.csv api.log <api.in >api.out 3>&- &
		process=$!
		exec 8>api.in 9<api.out
		read -r port <&9
		API=http://127.0.0.1:$port/rule
		"${@:2}" 8>&- 9<&-
		exec 8>&- 9<&-
		wait $process
	}
	settle_by() { settle -q -o out --dead-letter - --rule-url "$API$1" --default-cycle D+2 "${@:2}" 2>err; }
	ask 2025-06-02 settle_by '' day
	[[ $(paid) == *a,2025-06-02,1,1000* ]]
	settle_by '' --again # it is away
	[[ $(paid) == *a,2025-06-02,1,1000* ]]
	[[ $(cat err) == *"out/rules.db: what the API said before holds; it is asked anew if this file is moved away"* ]]
	ask 2025-06-03 settle_by '?other' --again
	[[ $(paid) == *a,2025-06-03,1,1000* ]]
}

@test "a topic has no new edition" {
	pay 1000 a 10:00 PAYMENT >edition
	mkdir out
	for offset in 0 1; do
		printf '{"_mark":{"seq":%d,"records":%d,"in":%d,"dropped":{},"amount":null,"from":{"payment/0":0},"next":{"payment/0":%d},"state":{"payment/0":"%s"},"end":%s}}\n' \
			$offset $offset $offset $offset 0123456789abcdef "$([ $offset = 1 ] && echo '"complete"' || echo null)"
		[ $offset = 1 ] || pay 7 c 10:00 PAYMENT | sed 's|^{|{"_src":"payment/0/0",|'
	done >stream
	pay-store --log -d out/log.db stream >/dev/null
	[ "$(sqlite3 -readonly out/log.db 'SELECT text FROM state')" = 0123456789abcdef ]
	run -76 settle -q -o out --correct edition --as payment --default-cycle D+2
	[[ $output == *"knows no file payment"* ]]
}

@test "a folder of the version before is refused with the way, before anything is done" {
	a_day >day
	settle -q -o out --dead-letter - --default-cycle D+2 day 2>/dev/null
	sqlite3 out/settle.db 'PRAGMA user_version=3'
	for what in --again '--correct day'; do
		# shellcheck disable=SC2086 # two words
		run -78 settle -q -o out $what --dead-letter - --default-cycle D+2
		[[ $output == *"pay-store --upgrade -d FILE brings it there"*"settle: nothing was begun" ]]
	done
}

@test "a correction fed through the stages, --replace in the log, stays when all is settled anew" {
	a_day >day
	pay 1.5 b 12:00 PAYMENT >>day
	settle -q -o out --dead-letter - --default-cycle D+2 day 2>/dev/null
	pay-store -d out/settle.db --export dead_letter --where 'NOT corrected' | jq -c 'select(._dead.stage == "pay-tobase")' >bad.ndjson
	jq -c '{_src} + (._dead.raw | fromjson)' bad.ndjson | sed 's/1\.5/15/' >corrected
	run -76 pay-store --log -d out/log.db corrected
	[[ $output == *"--replace"* ]]
	pay-store --log --replace -d out/log.db corrected | pay-tobase | pay-filter --tag | pay-rule --default-cycle D+2 |
		pay-store -d out/settle.db | pay-agg -d out/totals.db >/dev/null
	settle -q -o out --dead-letter - --default-cycle D+2 day 2>/dev/null
	[[ $(paid) == *b,2025-05-22,2,65,0,65* ]]
	run -0 --separate-stderr settle -q -o out --again --dead-letter - --default-cycle D+2
	[ "$output" = 'payout: as before
left_out: as before
bad: as before' ]
}
