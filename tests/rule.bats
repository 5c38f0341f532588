#!/usr/bin/env bats
# pay-rule: each payment is dated by its rule, its cycle, or the default cycle.

setup() {
	load setup
}

# payment [MEMBER=VALUE...] - a base record with some members spelled otherwise (JSON; "" leaves one out)
payment() {
	local -A is=([paymentType]='"ONLINE"' [amount]=100 [payoutDate]=null [confirmDate]=null [merchantNumber]='"m1"'
		[paymentDate]='"2025-05-23T12:00"' [paymentActionType]='"PAYMENT"' [paymentMethodType]='"CARD"')
	local member line='{"_src":"day/0/1"'
	for member; do is[${member%%=*}]=${member#*=}; done
	for member in paymentType amount payoutDate confirmDate merchantNumber paymentDate paymentActionType paymentMethodType; do
		[ -z "${is[$member]}" ] || line+=",\"$member\":${is[$member]}"
	done
	echo "$line}"
}

# dates OPTION... - rule, payout and confirmation of the record on standard input
dates() {
	pay-rule --quiet "$@" | jq -r '"\(._rule) \(.payoutDate) \(.confirmDate)"'
}

# paid DAY[THH:MM...] CYCLE OPTION... - rule, payout and confirmation by a cycle for all
paid() {
	local time=$1 cycle=$2
	shift 2
	[[ $time == *T* ]] || time+=T12:00
	printf '%s\n' merchantNumber,paymentActionType,paymentMethodType,cycle "*,*,*,$cycle" >cycles.csv
	payment paymentDate="\"$time\"" | dates --cycles cycles.csv "$@"
}

# is EXPECTED: what the next line's command wrote
is() {
	[ "$output" = "$1" ] || {
		printf 'expected: %s\nbut got:  %s\n' "$1" "$output"
		return 1
	}
}

# refused STATUS TEXT COMMAND... - the command ends with that status and says the text
refused() {
	local want=$1 text=$2
	shift 2
	run "$@" </dev/null
	if [ "$status" -ne "$want" ] || [[ $output != *"$text"* ]]; then
		echo "$status: $output"
		return 1
	fi
}

rules_header=merchantNumber,paymentDate,paymentActionType,paymentMethodType,ruleId,payoutDate,confirmDate
cycles_header=merchantNumber,paymentActionType,paymentMethodType,cycle,confirm

rules() { # rules ROW... > rules.csv
	printf '%s\n' "$rules_header" "$@" >rules.csv
}

cycles() { # cycles ROW... > cycles.csv
	printf '%s\n' "$cycles_header" "$@" >cycles.csv
}

holidays() { # holidays DATE... > holidays.csv
	printf 'date,name\n' >holidays.csv
	printf '%s,Holiday\n' "$@" >>holidays.csv
}

# --- cycles

@test "without rules and cycles the default is C+2, for payout and confirmation alike" {
	run dates < <(payment)
	is "default:C+2 2025-05-25 2025-05-25"
}

@test "another default cycle dates both alike as well" {
	run dates --default-cycle D+2 < <(payment)
	is "default:D+2 2025-05-27 2025-05-27"
	run dates --default-cycle M+1:LAST < <(payment)
	is "default:M+1:LAST 2025-06-30 2025-06-30"
}

@test "D+N counts business days, and confirms on the business day before" {
	run paid 2025-05-22 D+1 && is "cycle:D+1 2025-05-23 2025-05-22"
	run paid 2025-05-23 D+1 && is "cycle:D+1 2025-05-26 2025-05-23"
	run paid 2025-05-23 D+6 && is "cycle:D+6 2025-06-02 2025-05-30"
	run paid 2025-05-23 D+0 && is "cycle:D+0 2025-05-23 2025-05-22"
}

@test "a payment on a day off counts from that day" {
	run paid 2025-05-24 D+1 && is "cycle:D+1 2025-05-26 2025-05-23"
	run paid 2025-05-25 D+1 && is "cycle:D+1 2025-05-26 2025-05-23"
	run paid 2025-05-24 D+0 && is "cycle:D+0 2025-05-24 2025-05-23"
	run paid 2025-05-24 C+1 && is "cycle:C+1 2025-05-25 2025-05-23"
}

@test "--base roll counts a payment on a day off from the next business day" {
	run paid 2025-05-24 D+1 --base roll && is "cycle:D+1 2025-05-27 2025-05-26"
	run paid 2025-05-24 D+0 --base roll && is "cycle:D+0 2025-05-26 2025-05-23"
	run paid 2025-05-24 C+2 --base roll && is "cycle:C+2 2025-05-28 2025-05-27"
	run paid 2025-05-31 M+1:15 --base roll && is "cycle:M+1:15 2025-07-15 2025-07-14"
	run paid 2025-05-23 D+1 --base roll && is "cycle:D+1 2025-05-26 2025-05-23"
	run paid 2025-05-24 D+1 --base payment && is "cycle:D+1 2025-05-26 2025-05-23"
}

@test "C+N counts calendar days and is not rolled" {
	run paid 2025-05-23 C+1 && is "cycle:C+1 2025-05-24 2025-05-23"
	run paid 2025-05-23 C+365 && is "cycle:C+365 2026-05-23 2026-05-22"
}

@test "W+k is that weekday of the k-th ISO week after" {
	run paid 2025-05-23 W+1:FRI && is "cycle:W+1:FRI 2025-05-30 2025-05-29"
	run paid 2025-05-25 W+1:MON && is "cycle:W+1:MON 2025-05-26 2025-05-23"
	run paid 2025-05-26 W+1:MON && is "cycle:W+1:MON 2025-06-02 2025-05-30"
	run paid 2025-05-19 W+0:FRI && is "cycle:W+0:FRI 2025-05-23 2025-05-22"
	run paid 2025-05-19 W+2:SUN && is "cycle:W+2:SUN 2025-06-09 2025-06-06"
}

@test "W+k goes through ISO week 53 and the year's end" {
	run paid 2020-12-27 W+1:THU && is "cycle:W+1:THU 2020-12-31 2020-12-30"
	run paid 2020-12-31 W+1:MON && is "cycle:W+1:MON 2021-01-04 2021-01-01"
	run paid 2021-01-03 W+1:MON && is "cycle:W+1:MON 2021-01-04 2021-01-01"
	run paid 2024-12-30 W+1:WED && is "cycle:W+1:WED 2025-01-08 2025-01-07"
}

@test "M+k is that day of the k-th month after, rolled to a business day" {
	run paid 2025-05-31 M+2:15 && is "cycle:M+2:15 2025-07-15 2025-07-14"
	run paid 2025-05-23 M+1:15 && is "cycle:M+1:15 2025-06-16 2025-06-13"
	run paid 2025-12-31 M+1:2 && is "cycle:M+1:2 2026-01-02 2026-01-01"
	run paid 2025-11-30 M+14:1 && is "cycle:M+14:1 2027-01-01 2026-12-31"
	run paid 2025-05-01 M+0:LAST && is "cycle:M+0:LAST 2025-06-02 2025-05-30"
}

@test "a month that is shorter than its day ends on its last" {
	run paid 2025-01-31 M+1:31 && is "cycle:M+1:31 2025-02-28 2025-02-27"
	run paid 2024-01-31 M+1:31 && is "cycle:M+1:31 2024-02-29 2024-02-28"
	run paid 2024-01-15 M+1:LAST && is "cycle:M+1:LAST 2024-02-29 2024-02-28"
	run paid 2025-03-30 M+1:31 && is "cycle:M+1:31 2025-04-30 2025-04-29"
}

@test "leap days are days" {
	run paid 2024-02-28 C+1 && is "cycle:C+1 2024-02-29 2024-02-28"
	run paid 2024-02-29 D+1 && is "cycle:D+1 2024-03-01 2024-02-29"
	run paid 2024-02-29 M+12:LAST && is "cycle:M+12:LAST 2025-02-28 2025-02-27"
	run paid 2000-02-28 C+1 && is "cycle:C+1 2000-02-29 2000-02-28"
	run paid 2100-02-26 D+1 && is "cycle:D+1 2100-03-01 2100-02-26"
}

@test "holidays are no business days, weekends among them or not" {
	holidays 2025-05-05 2025-05-06 2025-05-04
	run paid 2025-05-02 D+1 --holidays holidays.csv && is "cycle:D+1 2025-05-07 2025-05-02"
	run paid 2025-05-05 D+1 --holidays holidays.csv && is "cycle:D+1 2025-05-07 2025-05-02"
	run paid 2025-05-05 D+1 --holidays holidays.csv --base roll && is "cycle:D+1 2025-05-08 2025-05-07"
	run paid 2025-04-30 W+1:MON --holidays holidays.csv && is "cycle:W+1:MON 2025-05-07 2025-05-02"
	run paid 2025-04-30 M+1:6 --holidays holidays.csv && is "cycle:M+1:6 2025-05-07 2025-05-02"
	run paid 2025-05-02 C+3 --holidays holidays.csv && is "cycle:C+3 2025-05-05 2025-05-02"
}

@test "--cutoff moves later payments to the next day, weekend and year's end included" {
	run paid 2025-05-22T17:00 D+1 --cutoff 17:00 && is "cycle:D+1 2025-05-23 2025-05-22"
	run paid 2025-05-22T17:00:00.000 D+1 --cutoff 17:00 && is "cycle:D+1 2025-05-23 2025-05-22"
	run paid 2025-05-22T17:00:00.000001 D+1 --cutoff 17:00 && is "cycle:D+1 2025-05-26 2025-05-23"
	run paid 2025-05-22T17:00:01 D+1 --cutoff 17:00 && is "cycle:D+1 2025-05-26 2025-05-23"
	run paid 2025-05-23T18:00 D+1 --cutoff 17:00 && is "cycle:D+1 2025-05-26 2025-05-23"
	run paid 2025-05-23T18:00 D+1 --cutoff 17:00 --base roll && is "cycle:D+1 2025-05-27 2025-05-26"
	run paid 2025-05-31T23:59 M+1:15 --cutoff 23:30 && is "cycle:M+1:15 2025-07-15 2025-07-14"
	run paid 2024-12-31T12:00 C+0 --cutoff 00:00 && is "cycle:C+0 2025-01-01 2024-12-31"
}

@test "a confirm column is a cycle of its own, counted from the same day" {
	cycles '*,*,*,D+3,D+1' 'm2,*,*,D+3,'
	run dates --cycles cycles.csv < <(payment) && is "cycle:D+3 2025-05-28 2025-05-26"
	run dates --cycles cycles.csv < <(payment merchantNumber='"m2"') && is "cycle:D+3 2025-05-28 2025-05-27"
	run dates --cycles cycles.csv --cutoff 11:00 --base roll < <(payment) && is "cycle:D+3 2025-05-29 2025-05-27"
}

@test "dates after 9999 make a bad record" {
	payment paymentDate='"9999-12-31T12:00"' >late.ndjson
	refused 65 "9999" pay-rule late.ndjson
	refused 65 "9999" pay-rule --default-cycle M+1:1 late.ndjson
	refused 65 "9999" pay-rule --default-cycle C+0 --cutoff 11:00 late.ndjson
	run dates --default-cycle C+0 late.ndjson && is "default:C+0 9999-12-31 9999-12-31"
}

# --- which row

@test "the cycle with most members named wins, merchant before action before method" {
	local rows=('*,*,*,C+1,' '*,*,CARD,C+2,' '*,PAYMENT,*,C+3,' 'm1,*,*,C+4,' '*,PAYMENT,CARD,C+5,' 'm1,*,CARD,C+6,'
		'm1,PAYMENT,*,C+7,' 'm1,PAYMENT,CARD,C+8,')
	for i in 1 2 3 4 5 6 7 8; do
		cycles "${rows[@]:0:i}"
		run dates --cycles cycles.csv < <(payment)
		[[ $output == "cycle:C+$i "* ]] || {
			echo "$i: $output"
			return 1
		}
		# the order of the rows does not matter
		{
			echo "$cycles_header"
			tail -n +2 cycles.csv | tac
		} >turned.csv
		run dates --cycles turned.csv < <(payment)
		[[ $output == "cycle:C+$i "* ]] || {
			echo "turned $i: $output"
			return 1
		}
	done
}

@test "a merchant that no row names falls to the rows for all" {
	cycles 'm1,*,*,C+1,' '*,PAYMENT,*,C+2,' '*,PAYMENT,CARD,C+3,'
	run dates --cycles cycles.csv < <(payment merchantNumber='"other"')
	is "cycle:C+3 2025-05-26 2025-05-23"
	run dates --cycles cycles.csv < <(payment merchantNumber='"other"' paymentActionType='"CANCEL"')
	is "default:C+2 2025-05-25 2025-05-25"
}

@test "a rule goes before cycles, a cycle before the default" {
	rules m1,2025-05-23,PAYMENT,CARD,rule-7,2025-06-02,2025-05-29
	cycles 'm1,*,*,D+1,' 'm2,*,*,D+1,'
	{
		payment
		payment merchantNumber='"m2"'
		payment merchantNumber='"m3"'
	} >base.ndjson
	run dates --rules rules.csv --cycles cycles.csv base.ndjson
	is $'rule-7 2025-06-02 2025-05-29\ncycle:D+1 2025-05-26 2025-05-23\ndefault:C+2 2025-05-25 2025-05-25'
}

@test "a rule is for one merchant, day, action and method, each whole" {
	rules m1,2025-05-23,PAYMENT,CARD,right,2025-06-02,2025-05-30 m1/2025-05-23,2025-05-24,PAYMENT,CARD,slash,2025-06-03,
	{
		payment paymentDate='"2025-05-23T23:59:59.999"'
		payment paymentDate='"2025-05-24T00:00"'
		payment merchantNumber='"m11"'
		payment merchantNumber='"m"'
		payment paymentActionType='"CANCEL"'
		payment paymentMethodType='"MONEY"'
		payment merchantNumber='"m1/2025-05-23"' paymentDate='"2025-05-24T00:00"'
	} >base.ndjson
	run jq -r ._rule <(pay-rule --rules rules.csv base.ndjson)
	is $'right\ndefault:C+2\ndefault:C+2\ndefault:C+2\ndefault:C+2\ndefault:C+2\nslash'
}

@test "the cutoff moves a payment's cycle, not the rule that is for its day" {
	rules m1,2025-05-23,PAYMENT,CARD,r1,2025-06-02,2025-05-30
	run dates --rules rules.csv --cutoff 11:00 < <(payment)
	is "r1 2025-06-02 2025-05-30"
}

@test "keys are compared decoded" {
	rules 'mé"1,2025-05-23,PAYMENT,CARD,r1,2025-06-02,2025-05-30'
	sed -i 's/^mé"1/"mé""1"/' rules.csv
	run dates --rules rules.csv < <(payment merchantNumber='"m\u00e9\"1"' paymentMethodType='"CA\u0052D"')
	is "r1 2025-06-02 2025-05-30"
}

# --- where rules come from

@test "rules come from CSV, NDJSON and SQLite, alike" {
	rules m1,2025-05-23,PAYMENT,CARD,r1,2025-06-02,2025-05-30 m2,2025-05-23,PAYMENT,CARD,r2,2025-06-04,
	cat >rules.ndjson <<'END'
{"ruleId":"r1","merchantNumber":"m1","paymentDate":"2025-05-23","paymentActionType":"PAYMENT","paymentMethodType":"CARD","payoutDate":"2025-06-02","confirmDate":"2025-05-30","more":[1]}
{"_src":"rule/0/5","merchantNumber":"m2","paymentDate":"2025-05-23T00:00","paymentActionType":"PAYMENT","paymentMethodType":"CARD","ruleId":"r2","payoutDate":"2025-06-04","confirmDate":null}
END
	sqlite3 rules.db "CREATE TABLE rules($rules_header, note);
    INSERT INTO rules VALUES('m1','2025-05-23','PAYMENT','CARD','r1','2025-06-02','2025-05-30','x'),
      ('m2','2025-05-23','PAYMENT','CARD','r2','2025-06-04',NULL,'')"
	for kind in csv ndjson db; do
		cp rules.$kind by-content
		for file in rules.$kind by-content; do
			run dates --rules "$file" < <(
				payment
				payment merchantNumber='"m2"'
			)
			is $'r1 2025-06-02 2025-05-30\nr2 2025-06-04 2025-06-03'
		done
	done
	run dates --rules <(cat rules.ndjson) < <(payment)
	is 'r1 2025-06-02 2025-05-30'
}

@test "of two NDJSON rules for one key the later counts, as in a topic" {
	for id in first a-much-longer-second r3; do
		echo '{"merchantNumber":"m1","paymentDate":"2025-05-23","paymentActionType":"PAYMENT","paymentMethodType":"CARD","ruleId":"'$id'","payoutDate":"2025-06-02","confirmDate":"2025-05-30"}'
	done >rules.ndjson
	run jq -r ._rule <(payment | pay-rule --rules rules.ndjson)
	is r3
	head -2 rules.ndjson >two.ndjson
	run jq -r ._rule <(payment | pay-rule --rules two.ndjson)
	is a-much-longer-second
}

@test "two different CSV rules for one key are refused, equal ones are one" {
	rules m1,2025-05-23,PAYMENT,CARD,r1,2025-06-02,2025-05-30 m1,2025-05-23,PAYMENT,CARD,r1,2025-06-02,2025-05-30
	run jq -r ._rule <(payment | pay-rule --rules rules.csv)
	is r1
	rules m1,2025-05-23,PAYMENT,CARD,r1,2025-06-02,2025-05-30 m1,2025-05-23,PAYMENT,CARD,r1,2025-06-03,2025-05-30
	refused 78 'rules.csv:3: another rule for the same key as in line 2' pay-rule --rules rules.csv
}

@test "a ruleId of any characters stands in _rule as JSON" {
	rules 'm1,2025-05-23,PAYMENT,CARD,"a ""b"" \ é",2025-06-02,2025-05-30'
	run jq -r ._rule <(payment | pay-rule --rules rules.csv)
	is 'a "b" \ é'
}

# --- the record

@test "only the dates and _rule change, the rest stays byte for byte" {
	run pay-rule <<'END'
{"_src":"a/0/1","_ts":5,"x" : 9007199254740993,"amount":100 , "payoutDate":null,"confirmDate":"2025-05-21","merchantNumber":"m\u0031","paymentDate":"2025-05-23T12:00","paymentActionType":"PAYMENT","paymentMethodType":"CARD","y":[1.10, "\/"]}
END
	is '{"_src":"a/0/1","_ts":5,"_rule":"default:C+2","x" : 9007199254740993,"amount":100 , "payoutDate":"2025-05-25","confirmDate":"2025-05-25","merchantNumber":"m\u0031","paymentDate":"2025-05-23T12:00","paymentActionType":"PAYMENT","paymentMethodType":"CARD","y":[1.10, "\/"]}'
}

@test "a date that is right already keeps its spelling" {
	run pay-rule < <(payment payoutDate='"2025\u002d05-25"' confirmDate='"2025-05-25"')
	[[ $output == *'"payoutDate":"2025\u002d05-25","confirmDate":"2025-05-25"'* ]]
}

@test "absent dates are put behind the amount, in the order of base records" {
	run pay-rule < <(payment payoutDate= confirmDate=)
	[[ $output == *'"amount":100,"payoutDate":"2025-05-25","confirmDate":"2025-05-25","merchantNumber"'* ]]
	run pay-rule < <(payment confirmDate=)
	[[ $output == *'"amount":100,"payoutDate":"2025-05-25","confirmDate":"2025-05-25","merchantNumber"'* ]]
	run pay-rule < <(payment payoutDate=)
	[[ $output == *'"amount":100,"payoutDate":"2025-05-25","confirmDate":"2025-05-25","merchantNumber"'* ]]
}

@test "_rule stands first where there is no other member of the toolkit" {
	run pay-rule < <(payment | sed 's/"_src":"day.0.1",//')
	[[ $output == '{"_rule":"default:C+2","paymentType":"ONLINE",'* ]]
}

@test "a record that went through before gets its new rule in the old one's place" {
	run pay-rule --default-cycle D+1 < <(payment | pay-rule | sed 's/"_rule"/"_z":1,&/; s/"_rule":"[^"]*"/&,"_ts":3/')
	[[ $output == '{"_src":"day/0/1","_z":1,"_rule":"default:D+1","_ts":3,"paymentType"'*'"payoutDate":"2025-05-26","confirmDate":"2025-05-26"'* ]]
	payment >base.ndjson
	[ "$(pay-rule base.ndjson | pay-rule)" = "$(pay-rule base.ndjson)" ]
}

@test "a tagged record is not settled and passes as it is" {
	payment paymentDate='"bad"' | sed 's/"_src"[^,]*,/&"_unsettled":"UNCONFIRMED",/' >tagged.ndjson
	pay-rule tagged.ndjson | cmp - tagged.ndjson
}

@test "a dead letter passes as it is" {
	echo '{"_src":"day/0/1","_dead":{"stage":"pay-tobase","reason":"x","raw":"{"}}' >dead.ndjson
	pay-rule dead.ndjson | cmp - dead.ndjson
}

@test "marks are restated" {
	message='{"channel":"ONLINE","action":"PAYMENT","data":{"paymentType":"ONLINE","amount":100,"merchantNumber":"m1","paymentDate":"2025-05-23T12:00","paymentActionType":"PAYMENT","paymentMethodType":"CARD"}}'
	{
		echo '{"_mark":{"seq":0,"records":0,"in":0,"dropped":{},"amount":null,"from":{},"next":{},"end":null}}'
		echo "$message" | sed 's/{/{"_src":"day\/0\/1",/'
		echo "$message" | sed 's/{/{"_src":"day\/0\/2",/; s/"2025-05-23/"9999-12-31/'
		echo '{"_mark":{"seq":1,"records":2,"in":2,"dropped":{},"amount":null,"from":{"day/0":1},"next":{"day/0":3},"end":"complete"}}'
	} | pay-tobase | pay-rule --dead-letter dead.ndjson >out.ndjson
	run tail -1 out.ndjson
	is '{"_mark":{"seq":1,"records":1,"in":2,"dropped":{"pay-rule":1},"amount":"100","from":{"day/0":1},"next":{"day/0":3},"end":"complete"}}'
	run jq -r '._src, ._dead.stage' dead.ndjson
	is $'day/0/2\npay-rule'
}

@test "cut input ends with 65" {
	{
		echo '{"_mark":{"seq":0,"records":0,"in":0,"dropped":{},"amount":"0","from":{},"next":{},"end":null}}'
		payment
	} >cut.ndjson
	refused 65 "end mark" pay-rule cut.ndjson
}

@test "members that decide must be what they should be" {
	for bad in merchantNumber= merchantNumber='""' merchantNumber=5 paymentDate= paymentDate='"2025-02-29T10:00"' \
		paymentDate='"2025-05-23"' paymentDate='"2025-05-23T12:00+09:00"' paymentActionType=null paymentMethodType='["CARD"]' \
		payoutDate='"2025-02-30"' payoutDate=20250525 confirmDate='"soon"' confirmDate='""' amount=1.5; do
		payment "$bad" >bad.ndjson
		refused 65 "${bad%%=*}" pay-rule bad.ndjson
		[[ $output == *day/0/1* ]] || {
			echo "$output"
			return 1
		}
	done
}

# --- faulty files

@test "a bad row of rules names file, line and what to do" {
	local row=m1,2025-05-23,PAYMENT,CARD,r1,2025-06-02,2025-05-30
	rules $row ${row/2025-05-23/2025-02-29} && refused 78 'rules.csv:3: no such paymentDate "2025-02-29"' pay-rule --rules rules.csv
	rules ${row/2025-06-02/tomorrow} && refused 78 'rules.csv:2: no such payoutDate "tomorrow"' pay-rule --rules rules.csv
	rules ${row/2025-06-02/} && refused 78 'rules.csv:2: no such payoutDate ""' pay-rule --rules rules.csv
	rules ${row/2025-05-30/2025-5-30} && refused 78 'rules.csv:2: no such confirmDate' pay-rule --rules rules.csv
	rules ${row/m1/} && refused 78 'rules.csv:2: no merchantNumber' pay-rule --rules rules.csv
	rules ${row/r1/} && refused 78 'rules.csv:2: no ruleId' pay-rule --rules rules.csv
	rules ${row/r1/cycle:D+1} && refused 78 'rules.csv:2: ruleId "cycle:D+1"' pay-rule --rules rules.csv
	rules ${row%,*} && refused 78 'rules.csv:2: ' pay-rule --rules rules.csv
	rules "\"$row" && refused 78 'rules.csv:2: ' pay-rule --rules rules.csv
	echo merchantNumber,ruleId >rules.csv && refused 78 'rules.csv:1: ' pay-rule --rules rules.csv
	: >rules.csv && refused 78 'rules.csv: is empty' pay-rule --rules rules.csv
}

@test "a bad line of NDJSON rules names file and line" {
	rule='{"merchantNumber":"m1","paymentDate":"2025-05-23","paymentActionType":"PAYMENT","paymentMethodType":"CARD","ruleId":"r1","payoutDate":"2025-06-02"}'
	printf '%s\n' "$rule" "${rule%\}}" >rules.ndjson && refused 78 'rules.ndjson:2: ' pay-rule --rules rules.ndjson
	printf '%s\n' "$rule" '' >rules.ndjson && refused 78 'rules.ndjson:2: ' pay-rule --rules rules.ndjson
	echo "${rule/\"r1\"/7}" >rules.ndjson && refused 78 'rules.ndjson:1: ruleId' pay-rule --rules rules.ndjson
	echo "${rule/\"payoutDate\":\"2025-06-02\"/\"a\":1}" >rules.ndjson && refused 78 'payoutDate' pay-rule --rules rules.ndjson
	printf '%s' "$rule" >rules.ndjson && pay-rule --check --rules rules.ndjson
}

@test "a database without a fitting table is refused" {
	sqlite3 rules.db 'CREATE TABLE other(a)' && refused 78 'rules.db: cannot read its table rules: no such table' pay-rule --rules rules.db
	sqlite3 rules.db 'CREATE TABLE rules(ruleId)' && refused 78 'no such column' pay-rule --rules rules.db
	echo text >text.db && refused 78 'text.db: cannot read' pay-rule --rules text.db
	rm rules.db
	sqlite3 rules.db "CREATE TABLE rules($rules_header);
    INSERT INTO rules VALUES('m1','2025-05-23','PAYMENT','CARD','r1','2025-13-02',NULL)"
	refused 78 'rules.db: row 1: no such payoutDate "2025-13-02"' pay-rule --rules rules.db
	[ ! -e rules.db-wal ]
}

@test "a bad row of cycles names file, line and the forms there are" {
	cycles '*,*,*,D+1,' 'm1,*,*,T+1,' && refused 78 'cycles.csv:3: unknown cycle "T+1" (D+N, C+N' pay-rule --cycles cycles.csv
	cycles '*,*,*,D+1,soon' && refused 78 'cycles.csv:2: unknown cycle "soon"' pay-rule --cycles cycles.csv
	cycles '*,*,*,,' && refused 78 'cycles.csv:2: unknown cycle ""' pay-rule --cycles cycles.csv
	cycles ',*,*,D+1,' && refused 78 'cycles.csv:2: no merchantNumber, write * for all' pay-rule --cycles cycles.csv
	cycles 'm1,*,*,D+1,' '*,*,*,D+2,' 'm1,*,*,D+1,' && refused 78 'cycles.csv:4: the same merchant, action and method as in line 2' pay-rule --cycles cycles.csv
}

@test "a holiday that does not exist, or twice, is refused" {
	holidays 2025-05-05 2025-02-29 && refused 78 'holidays.csv:3: no such date "2025-02-29"' pay-rule --holidays holidays.csv
	holidays 2025-05-05 2025-05-06 2025-05-05 && refused 78 'holidays.csv:4: 2025-05-05 stands there before' pay-rule --holidays holidays.csv
	printf 'date\n2025-05-26\n' >holidays.csv
	run paid 2025-05-23 D+1 --holidays holidays.csv && is "cycle:D+1 2025-05-27 2025-05-23"
}

@test "a file that is missing is 66, also where it is a folder" {
	mkdir folder
	for option in rules cycles holidays; do
		refused 66 nowhere.csv pay-rule --$option nowhere.csv
		refused 66 folder pay-rule --$option folder
	done
}

@test "bad options are 64" {
	for bad in '--default-cycle D+' '--default-cycle D+3661' '--cutoff 24:00' '--cutoff 7:00' '--cutoff 17:00:00' '--base next' \
		'--rules a --rules b' 'a b' '--nothing'; do
		# shellcheck disable=SC2086 # words
		refused 64 pay-rule pay-rule $bad
	done
}

@test "--check reads every file and no input" {
	rules m1,2025-05-23,PAYMENT,CARD,r1,2025-06-02,2025-05-30
	cycles '*,*,*,D+1,'
	holidays 2025-05-05
	run pay-rule --check --rules rules.csv --cycles cycles.csv --holidays holidays.csv < <(echo no record)
	[ "$status" -eq 0 ] && [ -z "$output" ]
}

@test "random payments, cycles and holidays agree with an independent reading of the rules" {
	python3 "$BATS_TEST_DIRNAME/oracle-cycle.py"
}

@test "what is fetched early is left alone once its line is gone" {
	payment='"merchantNumber":"m%d","paymentDate":"2025-05-23T12:00","paymentActionType":"PAYMENT","paymentMethodType":"CARD"'
	awk -v payment="$payment" 'BEGIN {
		long = "x"
		while (length(long) < 3000000) long = long long
		for (i = 1; i <= 300; i++) # amounts that are none, and lines for which the buffer must grow
			printf "{\"amount\":%s," payment ",\"more\":\"%s\"}\n", i % 3 ? i : "\"none\"", i, i % 20 ? "" : substr(long, 1, i * 8000)
	}' >payments
	echo merchantNumber,paymentDate,paymentActionType,paymentMethodType,ruleId,payoutDate,confirmDate >rules.csv
	seq -f 'm%.0f,2025-05-23,PAYMENT,CARD,R,2025-06-02,' 2 2 300 >>rules.csv
	pay-rule --rules rules.csv --dead-letter dead payments >dated
	[ "$(wc -l <dead)" = 100 ]
	[ "$(grep -c '"_rule":"R"' dated)" = 100 ]
	[ "$(grep -c '"_rule":"default' dated)" = 100 ]
}

@test "payouts behind the last holiday listed are said once, with their number" {
	holidays 2025-05-05 2025-05-26 2025-05-06
	for day in 2025-05-22 2025-05-23 2025-05-24 2025-05-25; do payment paymentDate="\"${day}T12:00\""; done >in
	run pay-rule --default-cycle D+1 --holidays holidays.csv --stats in
	[ "$status" -eq 0 ]
	[ "$(grep -c 'holidays.csv ends on 2025-05-26, and payments paid out later: 3;' <<<"$output")" -eq 1 ]
	[[ $output == *'"beyondHolidays":3}'* ]]
	# not where they are known, nor with none to know, nor by a rule, nor of what is not paid out
	run pay-rule --default-cycle D+0 --holidays holidays.csv --stats in
	[[ $output != *"paid out later"* && $output == *'"beyondHolidays":0}'* ]]
	printf 'date\n' >none.csv
	run pay-rule --default-cycle D+1 --holidays none.csv in
	[[ $output != *"paid out later"* ]]
	run pay-rule --default-cycle D+1 --stats in
	[[ $output != *"paid out later"* && $output != *beyond* ]]
	printf '%s\n' merchantNumber,paymentDate,paymentActionType,paymentMethodType,ruleId,payoutDate,confirmDate \
		m1,2025-05-22,PAYMENT,CARD,R1,2025-07-01, >rules.csv
	run pay-rule --rules rules.csv --holidays holidays.csv <<<"$(head -n 1 in)"
	[[ $output == *'"_rule":"R1"'* && $output != *"paid out later"* ]]
	run pay-rule --default-cycle D+9 --holidays holidays.csv <<<"$(sed 's/,"pay/,"_unsettled":"X"&/;q' in)"
	[[ $output != *"paid out later"* ]]
}

@test "a table that is cut in its last row, or in UTF-16, is refused" {
	printf 'date,name\n2025-05-05,a\n2025-05-2' >holidays.csv
	refused 78 'holidays.csv:3: the last row has no line feed' pay-rule --holidays holidays.csv
	printf 'merchantNumber,paymentActionType,paymentMethodType,cycle\n*,*,*,D+1' >cycles.csv # of D+10
	refused 78 'cycles.csv:2: the last row has no line feed' pay-rule --cycles cycles.csv
	printf 'merchantNumber,paymentDate,paymentActionType,paymentMethodType,ruleId,payoutDate,confirmDate\nm1,2025-05-23,PAYMENT,CARD,R1,2025-05-27,' >rules.csv
	refused 78 'rules.csv:2: the last row has no line feed' pay-rule --rules rules.csv
	cp rules.csv rules.table
	refused 78 'rules.table:2: the last row has no line feed' pay-rule --rules rules.table
	for table in holidays cycles rules; do
		iconv -t UTF-16 $table.csv >wide.csv
		refused 78 'iconv -f UTF-16' pay-rule --$table wide.csv
	done
}
