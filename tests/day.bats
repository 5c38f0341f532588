#!/usr/bin/env bats
# Whole days, settled by the pipeline and by tests/oracle/settle_day.py, which was written from the design alone.

bats_require_minimum_version 1.5.0

setup() {
	load setup
	oracle=$BATS_TEST_DIRNAME/oracle/settle_day.py
	dates=(--default-cycle D+2)
	classes=()
	signs=()
	: >dead
}

# settles a captured file by the pipeline into settle.db, totals.db and the file totals
settle() {
	set -o pipefail
	pay-consume --dead-letter dead "$@" | pay-store --log -d log.db | pay-tobase --dead-letter dead "${signs[@]}" |
		pay-filter --tag --dead-letter dead "${classes[@]}" | pay-rule "${dates[@]}" | pay-store -d settle.db "${signs[@]}" |
		pay-agg -d totals.db >totals
}

# what the pipeline has settled is what the oracle makes of the files
same() {
	mkdir -p expected
	python3 "$oracle" settle "${dates[@]}" "${classes[@]}" "${signs[@]}" --out expected "$@"
	diff <(pay-store -d settle.db --export base | python3 "$oracle" canonical) expected/base
	diff <(pay-store -d settle.db --export unsettlement | jq -r 'select(._src) | ._src + " " + ._unsettled' | LC_ALL=C sort) \
		<(LC_ALL=C sort expected/unsettlement)
	diff totals expected/totals
	diff <(pay-agg -d totals.db --query) expected/totals
	pay-store -d settle.db --verify >verified || {
		cat verified
		return 1
	}
}

# the coordinates of the dead letters, as far as the lines of one file are concerned, are those the oracle found
same_dead() {
	diff <(python3 "$oracle" coordinates <dead | LC_ALL=C sort -u) <(LC_ALL=C sort expected/dead)
}

# a message: the members of data that differ from an ordinary payment, as a jq object; other members of the line
pay() {
	jq -c --argjson other "${2:-{\}}" '$other + {channel: "ONLINE", action: "PAYMENT", data: ({paymentType: "ONLINE", amount: 100,
		payoutDate: null, confirmDate: "2025-05-21", merchantNumber: "m-1", paymentDate: "2025-05-19T21:48:15.989609",
		paymentActionType: "PAYMENT", paymentMethodType: "CARD"} + .)}' <<<"$1"
}

@test "a generated day with every defect settles as the oracle settles it" {
	pay-gen -n 20000 --seed 7 --date 2025-05-25 --merchants 300 --test 0.01 --network-cancels 0.01 --unconfirmed 0.02 \
		--malformed 0.005 >day.ndjson
	settle day.ndjson
	same day.ndjson
	same_dead
}

@test "a day by rules, cycles, holidays and merchants settles as the oracle settles it" {
	pay-gen -n 5000 --seed 8 --date 2025-05-30 --merchants 50 --rules rules.csv >day.ndjson
	printf 'date,name\n2025-06-03,a\n2025-06-06,b\n2025-06-20,c\n' >holidays.csv
	printf '%s\n' merchantNumber,paymentActionType,paymentMethodType,cycle,confirm 'merchant-1,*,*,D+3,' '*,CANCEL,*,C+1,D+1' \
		'*,*,CARD,W+1:FRI,' 'merchant-2,*,CARD,M+1:LAST,D+2' '*,CANCEL,PAY,M+0:15,' 'merchant-3,CANCEL,CARD,D+7,' >cycles.csv
	printf 'merchantNumber,name\nmerchant-5,x\n' >merchants.csv
	dates=(--rules rules.csv --cycles cycles.csv --holidays holidays.csv --default-cycle C+2)
	classes=(--merchants merchants.csv)
	mkdir -p expected
	pay-consume --dead-letter dead day.ndjson | pay-tobase --dead-letter dead | pay-filter --tag "${classes[@]}" | pay-rule "${dates[@]}" |
		pay-store -d settle.db | pay-agg -d totals.db >totals
	python3 "$oracle" settle "${dates[@]}" "${classes[@]}" --out expected day.ndjson
	diff <(pay-store -d settle.db --export base | python3 "$oracle" canonical) expected/base
	diff totals expected/totals
}

@test "a day by hand, as nasty as it may be, settles as the oracle settles it" {
	signs=(--signed)
	{
		pay '{"amount":1}' | sed 's/"amount":1/"amount":9223372036854775807/'
		pay '{"amount":1}' | sed 's/"amount":1/"amount":-9223372036854775808/'
		pay '{"amount":1}' | sed 's/"amount":1/"amount":9223372036854775807/'
		pay '{"amount":1}' | sed 's/"amount":1/"amount":-9223372036854775808/'
		pay '{"amount":1,"merchantNumber":"big"}' | sed 's/"amount":1/"amount":-9223372036854775808/'
		pay '{"amount":1}' | sed 's/"amount":1,/"amount":-0,/'
		pay '{"amount":1}' | sed 's/"amount":1,/"amount":9223372036854775808,/'
		pay '{"amount":1}' | sed 's/"amount":1,/"amount":1.0,/'
		pay '{"amount":1}' | sed 's/"amount":1,/"amount":1e3,/'
		pay '{"amount":"1"}'
		pay '{"amount":null}'
		pay '{}' | sed 's/"amount":100,//'
		pay '{}' | sed 's/CARD/CA\\u0052D/; s/m-1/\\u006d-1/'
		pay '{"merchantNumber":"ä\"\\/\u0001 😀"}'
		pay '{"merchantNumber":""}'
		pay '{"merchantNumber":7}'
		pay '{"merchantNumber":"test-1"}'
		pay '{}' | sed 's/m-1/t\\u0065st-2/'
		pay '{"testPayment":true}'
		pay '{"testPayment":false,"confirmDate":null,"paymentActionType":"NETWORK_CANCEL"}'
		pay '{}' | sed 's/"confirmDate":"2025-05-21",//'
		pay '{}' | sed 's/"payoutDate":null,//'
		pay '{"confirmDate":"2025-02-29"}'
		pay '{"payoutDate":"2024-02-29"}'
		pay '{"payoutDate":"2024-2-29"}'
		pay '{"paymentDate":"2025-05-24T00:00"}'
		pay '{"paymentDate":"2025-05-25T23:59:59.123456789"}'
		pay '{"paymentDate":"2025-05-25T24:00"}'
		pay '{"paymentDate":"2025-05-25T23:59:60"}'
		pay '{"paymentDate":"2025-05-25 23:59"}'
		pay '{"paymentDate":"2025-05-25T23:59Z"}'
		pay '{"paymentDate":"2025-05-25"}'
		pay '{"paymentDate":null}'
		pay '{"paymentMethodType":"GIFT"}'
		pay '{"paymentType":"online"}'
		pay '{"a":{"amount":2},"b":[1],"_src":"x/0/9"}'
		pay '{"c":1}' | sed 's/"c":1/"_unsettled":"X"/'
		pay '{"c":1}' | sed 's/"c":1/"c":[1.10,1e400,9007199254740993,"\\ud83d\\ude00"],"c":2/'
		pay '{"c":1}' | sed 's/"c":1/"amount":100/'
		pay '{"c":1}' | sed 's/"c":1/"amoun\\u0074":100/'
		pay '{"c":1}' | sed 's/"c":1/"c":"\\ud83d"/'
		pay '{}' '{"_src":"payment/3/12"}'
		pay '{}' '{"_src":"payment/3/12"}' | sed 's/CARD/C\\u0041RD/'
		pay '{}' '{"_src":"a/b/payment/3/13"}'
		printf '%s\n' '' '{' 'null' '{"channel":"ONLINE","action":"FINISH","data":null}' '{"channel":"ONLINE","action":"REFUND","data":null}' \
			'{"channel":"ONLINE","action":"PAYMENT","data":null}' '{"channel":"ONLINE","action":"PAYMENT"}' $'{"a":"\xed\xa0\x80"}'
		pay '{"amount":3}' | sed 's/$/\r/'
		pay '{"amount":4}' | tr -d '\n'
	} >day.ndjson
	settle day.ndjson
	same day.ndjson
	same_dead
}

@test "reruns, overlap, another order and corrected dead letters count each payment once" {
	pay-gen -n 3000 --seed 9 --date 2025-05-25 --merchants 40 --unconfirmed 0.05 >day.ndjson
	sed -i '100s/"amount":/"amount":x/; 2000s/"amount":/"amount":x/' day.ndjson
	settle day.ndjson
	settle day.ndjson
	pay-consume day.ndjson --dead-letter dead2 --from 50 --to 700 --plain | shuf --random-source=<(yes) | pay-tobase --dead-letter dead2 |
		pay-filter --tag | pay-rule "${dates[@]}" | pay-store -d settle.db | pay-agg -d totals.db >totals
	jq -r '._src + "\t" + ._dead.raw' dead2 | sort -u | sed -E 's/^([^\t]*)\t\{/{"_src":"\1",/; s/"amount":x/"amount":/' >corrected.ndjson
	cat corrected.ndjson
	[ "$(wc -l <corrected.ndjson)" -eq 1 ]
	pay-tobase corrected.ndjson | pay-filter --tag | pay-rule "${dates[@]}" | pay-store -d settle.db | pay-agg -d totals.db >totals
	same day.ndjson corrected.ndjson
}
