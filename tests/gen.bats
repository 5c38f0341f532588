# pay-gen: the made-up day is the same whenever it is asked for, and holds exactly what was stated.
setup() {
	load setup
}

@test "the same options give the same bytes, another seed others" {
	pay-gen -n 5000 --test 0.1 --malformed 0.01 --duplicates 0.1 --rules a.csv >a
	pay-gen -n 5000 --test 0.1 --malformed 0.01 --duplicates 0.1 --rules b.csv >b
	pay-gen -n 5000 --test 0.1 --malformed 0.01 --duplicates 0.1 --seed 2 >c
	cmp a b
	cmp a.csv b.csv
	[ "$(cksum <a)" != "$(cksum <c)" ]
}

@test "a day is the same day on every machine and in every release" {
	pay-gen -n 100000 --merchants 9000 --test 0.01 --malformed 0.001 --duplicates 0.01 --rules rules.csv | cksum >sums
	cksum <rules.csv >>sums
	cat sums
	diff sums - <<-END
		3251504998 27382664
		3763303095 1192538
	END
}

@test "a message has the documented shape and order" {
	pay-gen -n 2000 >day
	head -2000 day >payments
	[ "$(jq -c '[keys_unsorted, (.data | keys_unsorted)]' payments | sort -u)" = \
		'[["channel","action","data"],["paymentType","amount","payoutDate","confirmDate","merchantNumber","paymentDate","paymentActionType","paymentMethodType"]]' ]
	shape='^\{"channel":"(ONLINE|OFFLINE)","action":"PAYMENT","data":\{"paymentType":"\1","amount":[1-9][0-9]*'
	shape+=',"payoutDate":"2025-0[56]-[0-9]{2}","confirmDate":"2025-0[56]-[0-9]{2}","merchantNumber":"merchant-[0-9]+"'
	shape+=',"paymentDate":"2025-05-25T[0-2][0-9]:[0-5][0-9]:[0-5][0-9]\.[0-9]{6}","paymentActionType":"[A-Z_]+"'
	shape+=',"paymentMethodType":"(CARD|MONEY|PAY|POINT)"\}\}$'
	[ "$(grep -cE "$shape" payments)" = 2000 ]
}

@test "the day ends with one FINISH a channel and partition, beyond the payments" {
	pay-gen -n 10 --partitions 3 >day
	[ "$(wc -l <day)" = 16 ]
	[ "$(tail -6 day | sort | uniq -c | tr -s ' ')" = ' 3 {"channel":"OFFLINE","action":"FINISH","data":null}
 3 {"channel":"ONLINE","action":"FINISH","data":null}' ]
	[ "$(pay-gen -n 0 | wc -l)" = 2 ]
}

@test "every type, action and method occurs, and some merchants have far more than others" {
	pay-gen -n 20000 --network-cancels 0.01 --merchants 500 | head -20000 >day
	[ "$(jq -r .data.paymentType day | sort -u | wc -l)" = 2 ]
	[ "$(jq -r .data.paymentActionType day | sort -u | wc -l)" = 5 ]
	[ "$(jq -r .data.paymentMethodType day | sort -u | wc -l)" = 4 ]
	jq -r .data.merchantNumber day | sort | uniq -c | sort -rn >merchants
	[ "$(wc -l <merchants)" = 500 ]
	[ "$(head -1 merchants | awk '{print $1}')" -gt 1000 ]
}

@test "shares are exact, and a line is of one kind" {
	pay-gen -n 3333 --merchants 100 --test 0.1 --network-cancels 0.05 --unconfirmed 0.02 --non-settlement 0.04 \
		--merchants-file merchants.csv | head -3333 >day
	jq -r '.data | if .testPayment or (.merchantNumber | startswith("test-")) then "test"
		elif .paymentActionType == "NETWORK_CANCEL" then "network"
		elif .confirmDate == null then "unconfirmed"
		elif (.merchantNumber | ltrimstr("merchant-") | tonumber) > 100 then "non-settlement"
		else "ordinary" end' day | sort | uniq -c | tr -s ' ' >kinds
	cat kinds
	[ "$(<kinds)" = ' 167 network
 133 non-settlement
 2633 ordinary
 333 test
 67 unconfirmed' ]
	jq -r .data.merchantNumber day | grep -cFxf merchants.csv | grep -qx 133
}

@test "a share that is added leaves the other lines as they were" {
	pay-gen -n 1000 >a
	pay-gen -n 1000 --test 0.1 --unconfirmed 0.1 >b
	[ "$(diff a b | grep -c '^>')" = 200 ]
}

@test "duplicates repeat an earlier line" {
	pay-gen -n 10000 --duplicates 0.07 | head -10000 >day
	awk 'seen[$0]++ { n++ } END { print n + 0 }' day | grep -qx 700
}

@test "malformed lines are as many as stated and of many kinds" {
	pay-gen -n 1400 --malformed 0.1 | head -1400 >day
	LC_ALL=C grep -avcE '^\{"channel":"[A-Z]+","action":"PAYMENT","data":\{"paymentType":"[A-Z]+","amount":[0-9]+,"payoutDate":"2025-0(5|6)-[0-9-]+","confirmDate":"[0-9-]+","merchantNumber":"merchant-[0-9]+","paymentDate":"2025-05-25T[0-9:.]+","paymentActionType":"[A-Z_]+","paymentMethodType":"(CARD|MONEY|PAY|POINT)"\}\}$' day | grep -qx 140
}

@test "rules name keys of the day, each once, in the stated share" {
	pay-gen -n 5000 --merchants 300 --rules rules.csv --rules-share 0.25 | head -5000 >day
	[ "$(head -1 rules.csv)" = merchantNumber,paymentDate,paymentActionType,paymentMethodType,ruleId,payoutDate,confirmDate ]
	tail -n +2 rules.csv | cut -d, -f1-4 | sort >ruled
	jq -r '.data | [.merchantNumber, .paymentDate[:10], .paymentActionType, .paymentMethodType] | join(",")' day | sort -u >keys
	[ "$(uniq -d ruled | wc -l)" = 0 ]
	[ "$(comm -23 ruled keys | wc -l)" = 0 ]
	[ "$(wc -l <ruled)" = $((($(wc -l <keys) * 25 + 50) / 100)) ]
	tail -n +2 rules.csv | cut -d, -f5 | sort | uniq -d | wc -l | grep -qx 0
}

@test "no payment is dated after its payout, and none is paid out on a weekend" {
	pay-gen -n 500 --date 2024-02-28 | head -500 >day
	jq -e -n 'reduce inputs.data as $d (true; . and $d.paymentDate[:10] < $d.payoutDate and $d.confirmDate <= $d.payoutDate
		and ($d.payoutDate | strptime("%Y-%m-%d") | mktime | gmtime | .[6] % 6 != 0))' day
}

@test "what cannot be is refused with 64" {
	for wrong in '--test 1.5' '--test 0x1' '--test' '--test -0.1' '--test 0.6 --malformed 0.6' '--date 2025-02-30' \
		'--date 9999-12-31' '--merchants 0' '-n -1' '--duplicates 1' 'operand'; do
		# shellcheck disable=SC2086 # options and their arguments
		run pay-gen $wrong
		echo "$wrong: $status $output"
		[ "$status" = 64 ]
		[[ $output == "pay-gen: "* ]]
	done
}

@test "--check writes nothing" {
	run pay-gen -n 1000 --check --rules rules.csv
	[ "$status" = 0 ]
	[ -z "$output" ]
	[ ! -e rules.csv ]
}

@test "a full disk is an error" {
	run pay-gen -n 1000 --check
	run bash -c 'pay-gen -n 1000 >/dev/full'
	[ "$status" = 74 ]
	run pay-gen -n 1000 --rules no-such-folder/rules.csv
	[ "$status" = 73 ]
}

@test "a rules file that cannot be made is said before a day is written, and by --check" {
	for option in --rules --merchants-file; do
		for check in '' --check; do
			status=0
			pay-gen -n 10 $check "$option" nofolder/out.csv >out 2>err || status=$?
			[ "$status" = 73 ]
			[ ! -s out ]
			[ "$(cat err)" = 'pay-gen: nofolder/out.csv: No such file or directory' ]
		done
	done
}
