#!/usr/bin/env bats
# pay-agg: exact totals by key; each payment once, whatever is fed again.

bats_require_minimum_version 1.5.0

setup() {
	load setup
}

# base OFFSET MERCHANT AMOUNT [ACTION [DAY [METHOD [PAYOUT]]]] - one base record
base() {
	local payout=null
	[ -z "$7" ] || payout="\"$7\""
	printf '{"_src":"a/0/%s","paymentType":"ONLINE","amount":%s,"payoutDate":%s,"confirmDate":null,"merchantNumber":"%s","paymentDate":"%sT21:48:15.9","paymentActionType":"%s","paymentMethodType":"%s"}\n' \
		"$1" "$3" "$payout" "$2" "${5:-2025-05-19}" "${4:-PAYMENT}" "${6:-CARD}"
}

# total MERCHANT COUNT AMOUNT [ACTION [DAY [METHOD]]] - the line of a total
total() {
	printf '{"key":{"merchantNumber":"%s","paymentActionType":"%s","paymentDateDaily":"%s","paymentMethodType":"%s"},"value":{"count":%s,"totalAmount":%s}}\n' \
		"$1" "${4:-PAYMENT}" "${5:-2025-05-19}" "${6:-CARD}" "$2" "$3"
}

# seal SIZE END [FROM] - records on standard input as a stream of segments of SIZE records that cover the offsets of
# a/0 from FROM (1) on; END is complete, stop, or cut: no end mark
seal() {
	awk -v size="$1" -v end="$2" -v from="${3:-1}" '
    function mark(end) {
      printf "{\"_mark\":{\"seq\":%d,\"records\":%d,\"in\":%d,\"dropped\":{},\"amount\":null,\"from\":{\"a/0\":%d},\"next\":{\"a/0\":%d},\"end\":%s}}\n",
             seq++, n, n, from, from + n, end
      from += n; n = 0
    }
    NR == 1 { mark("null") }
    { print; n++ }
    n == size { mark("null") }
    END { if (end != "cut") mark("\"" end "\"") }'
}

# some records: two groups of m-2, one of m-1
some() {
	base 1 m-2 100
	base 2 m-1 -7
	base 3 m-2 50
	base 4 m-2 5 CANCEL
}

some_totals() {
	total m-1 1 -7
	total m-2 1 5 CANCEL
	total m-2 2 150
}

@test "totals are sorted by merchant, action, day, method" {
	{
		base 1 b 1
		base 2 B 2
		base 3 a 3 PAYMENT 2025-05-20
		base 4 a 4 PAYMENT 2025-05-19 PAY
		base 5 a 5 PAYMENT 2025-05-19 CARD
		base 6 a 6 CANCEL 2025-05-21
		base 7 ab 7
		base 8 é 8
	} >in
	pay-agg in >out
	{
		total B 1 2
		total a 1 6 CANCEL 2025-05-21
		total a 1 5
		total a 1 4 PAYMENT 2025-05-19 PAY
		total a 1 3 PAYMENT 2025-05-20
		total ab 1 7
		total b 1 1
		total é 1 8
	} | diff - out
}

@test "keys are compared decoded and written with few escapes" {
	{
		base 1 'm\u002d\u00e9\/\"' 1
		base 2 'm-é/\"' 2
		base 3 'm\u0000' 3
		base 4 m 4
		base 5 'm\u0001' 5
	} | sed 's/"CARD"/"CA\\u0052D"/' >in
	pay-agg in >out
	{
		total m 1 4
		total 'm\u0000' 1 3
		total 'm\u0001' 1 5
		total 'm-é/\"' 2 3
	} | diff - out
}

@test "a sum may leave 64 bits on its way, not in the end" {
	{
		base 1 m 9223372036854775807
		base 2 m 9223372036854775807
		base 3 m -9223372036854775808
	} >in
	run pay-agg in
	[ "$status" -eq 0 ]
	[ "$output" = "$(total m 3 9223372036854775806)" ]
	head -n 2 in >wide
	run --separate-stderr pay-agg wide
	[ "$status" -eq 65 ]
	[ -z "$output" ]
	[[ $stderr == *'{"merchantNumber":"m",'*'18446744073709551614'* ]]
}

@test "a sum that does not fit keeps no other total from its reader, and its key is named" {
	for i in 1 2; do base $i wide 9223372036854775807; done >in
	base 3 a 5 >>in
	base 4 z 6 >>in
	{
		total a 1 5
		total z 1 6
	} >others
	for database in "" "-d t.db" "-d t.db"; do
		# shellcheck disable=SC2086 # an option and its argument
		run --separate-stderr pay-agg -q $database in
		[ "$status" -eq 65 ]
		diff others - <<<"$output"
		[ "${#stderr_lines[@]}" -eq 1 ]
		[[ $stderr == *'{"merchantNumber":"wide",'*18446744073709551614* ]]
	done
	run --separate-stderr pay-agg -d t.db --query
	[ "$status" -eq 65 ]
	diff others - <<<"$output"
	run --separate-stderr pay-agg -d t.db --query merchantNumber=z
	[ "$status" -eq 0 ]
	# the stream is whole: who reads the totals gets them
	seal 2 complete <in >stream
	run --separate-stderr pay-agg --marks --updates 0 -d u.db stream
	[ "$status" -eq 65 ]
	[ "${#stderr_lines[@]}" -eq 1 ]
	[[ ${lines[-1]} == *'"end":"complete"'* ]]
	[ "$(grep -c '"z"' <<<"$output")" -gt 0 ]
	run pay-run 'pay-agg --marks | pay-produce --to totals' <stream
	[ "$status" -eq 65 ]
	diff others totals
}

@test "no more than twenty keys are named whose sums do not fit" {
	for i in $(seq 30); do
		base "$i" "m-$((i % 25))" 9223372036854775807
		base $((100 + i)) "m-$((i % 25))" 9223372036854775807
	done >in
	run --separate-stderr pay-agg in
	[ "$status" -eq 65 ]
	[ "${#stderr_lines[@]}" -eq 21 ]
	[[ ${stderr_lines[20]} == *"5 more totals do not fit"* ]]
}

@test "a sum that leaves 64 bits and comes back in one run is exact, and written as a number again" {
	{
		base 1 m 9223372036854775807
		base 2 m 9223372036854775807
		base 3 m -9223372036854775807
		base 4 m -7
	} | seal 1 complete >in
	run pay-agg -d t.db --marks in
	[ "$status" -eq 0 ]
	[[ $output == *"$(total m 4 9223372036854775800)"* ]]
	[ "$(sqlite3 t.db 'SELECT totalAmount, _exact IS NULL FROM total')" = "9223372036854775800|1" ]
}

@test "a sum beyond 64 bits is kept exactly in a database" {
	run pay-agg -d t.db <<<"$(
		base 1 m 9223372036854775807
		base 2 m 9223372036854775807
	)"
	[ "$status" -eq 65 ]
	run pay-agg -d t.db --query
	[ "$status" -eq 65 ]
	run pay-agg -d t.db <<<"$(base 3 m -9223372036854775807)"
	[ "$status" -eq 0 ]
	[ "$output" = "$(total m 3 9223372036854775807)" ]
}

@test "tagged records and dead letters are left out, and counted" {
	{
		some
		base 9 m-2 1000 | sed 's/,"paymentType"/,"_unsettled":"TEST_PAYMENT"&/'
		echo '{"_src":"a/0/10","_dead":{"stage":"pay-tobase","reason":"no amount","raw":"{}"}}'
	} >in
	run --separate-stderr pay-agg --stats in
	[ "$status" -eq 0 ]
	[ "$output" = "$(some_totals)" ]
	[ "$(jq -c '[.in, .out, .dropped.aggregated, .dropped.tagged, .dropped.dead, .amount.dropped.tagged]' <<<"$stderr")" = '[6,0,4,1,1,"1000"]' ]
}

@test "equal coordinates count once, in memory and in a database" {
	{
		some
		some
		base 0 m-1 -7 | sed 's|"a/0/0"|"b/a/0/0"|'
	} >in
	{
		total m-1 2 -14
		total m-2 1 5 CANCEL
		total m-2 2 150
	} >expected
	local said="pay-agg: 4 records, amount 148, are not counted, because their coordinates came before in this run"
	pay-agg --stats in 2>stats | diff expected -
	[ "$(grep -v '^{' stats)" = "$said" ]
	[ "$(grep '^{' stats | jq .duplicates)" -eq 4 ]
	pay-agg -d t.db --stats in 2>stats | diff expected -
	[ "$(grep -v '^{' stats)" = "$said" ]
	[ "$(grep '^{' stats | jq .duplicates)" -eq 4 ]
	pay-agg -d t.db --stats in 2>stats | diff expected -
	[ "$(grep '^{' stats | jq .duplicates)" -eq 9 ]
}

@test "known content under another name is refused in memory, too, unless it shall count twice" {
	pay-gen -n 100 >day
	gzip -c day >day.gz
	run -76 bash -c 'pay-consume day day.gz | pay-tobase | pay-agg'
	[[ $output == *"day.gz: its "*" lines are those of day"*"--twice"* ]]
	pay-consume --twice day day.gz | pay-tobase | pay-agg | jq -s 'map(.value.count) | add' >twice
	[ "$(cat twice)" = "$(pay-consume --twice day | pay-tobase | pay-agg | jq -s '2 * (map(.value.count) | add)')" ]
}

@test "a database keeps totals from run to run, of all it has seen" {
	some | seal 3 complete | pay-agg -d t.db >/dev/null
	{
		base 5 m-1 1
		base 6 z 2
	} | seal 3 complete 5 | pay-agg -d t.db >out
	{
		total m-1 2 -6
		total m-2 1 5 CANCEL
		total m-2 2 150
		total z 1 2
	} | diff - out
	[ "$(sqlite3 t.db 'SELECT count, totalAmount FROM statistics WHERE merchantNumber = "m-1"')" = "2|-6" ]
	[ "$(sqlite3 t.db 'SELECT source, partition, lo, hi FROM cover')" = "a|0|1|7" ]
	[ "$(stat -c %a t.db)" = 600 ]
}

@test "what was cut off is counted by the next run, and once" {
	some | seal 3 cut >torn
	run --separate-stderr pay-agg -d t.db torn
	[ "$status" -eq 65 ]
	[ -z "$output" ]
	[ "$(sqlite3 t.db 'SELECT sum(count) FROM statistics')" -eq 3 ]
	some | seal 2 complete | pay-agg -d t.db >out
	some_totals | diff - out
	run --separate-stderr pay-agg torn
	[ "$status" -eq 65 ]
	[ -z "$output" ]
	run pay-agg --unsealed torn
	[ "$status" -eq 0 ]
	[ "$output" = "$(some_totals)" ]
}

@test "segments that come fast share a transaction; when nothing comes they are committed soon" {
	mkfifo line
	pay-agg -d t.db <line >out 3>&- &
	exec 4>line
	some | seal 1 cut >&4
	for _ in {1..1200}; do
		[ "$(sqlite3 -readonly t.db 'SELECT hi FROM cover' 2>/dev/null)" != 5 ] || break
		sleep 0.1
	done
	[ "$(sqlite3 -readonly t.db 'SELECT sum(count) FROM statistics')" -eq 4 ]
	exec 4>&-
	status=0
	wait $! || status=$?
	[ "$status" -eq 65 ]
}

@test "a bad record that ends it leaves the segments before it committed" {
	{
		some | seal 2 cut
		echo '{"_src":"a/0/5"}'
	} >torn
	run -65 pay-agg -d t.db torn
	[ "$(sqlite3 t.db 'SELECT sum(count), (SELECT hi FROM cover) FROM statistics')" = '4|5' ]
}

@test "after a stop there are no final totals, but what came is kept" {
	run --separate-stderr pay-agg -d t.db <<<"$(some | seal 3 stop)"
	[ "$status" -eq 0 ]
	[ -z "$output" ]
	[[ $stderr == *"no final totals"* ]]
	run pay-agg -d t.db --query
	[ "$output" = "$(some_totals)" ]
}

@test "a hole after known cover is refused unless it is allowed" {
	some | seal 9 complete | pay-agg -d t.db >/dev/null
	base 9 m-1 1 | seal 9 complete 9 >later
	run pay-agg -d t.db later
	[ "$status" -eq 76 ]
	[ "$(sqlite3 t.db 'SELECT sum(count) FROM statistics')" -eq 4 ]
	run pay-agg -d t.db --allow-gap later
	[ "$status" -eq 0 ]
}

@test "a database needs coordinates, which --source can give" {
	some | sed 's/"_src":"[^"]*",//' >in
	run pay-agg -d t.db in
	[ "$status" -eq 65 ]
	[[ $output == *--source* ]]
	for _ in 1 2; do
		run pay-agg -d t.db --source day in
		[ "$status" -eq 0 ]
		[ "$output" = "$(some_totals)" ]
	done
	run pay-agg in
	[ "$output" = "$(some_totals)" ]
}

@test "offsets far apart cost little, and the largest is taken" {
	for i in $(seq 0 100 20000); do base "$((i * 65536))" m 1; done >in
	base 9223372036854775806 m 1 >>in
	for _ in 1 2; do
		run pay-agg -d t.db in
		[ "$output" = "$(total m 202 202)" ]
	done
	[ "$(stat -c %s t.db)" -lt 200000 ]
}

@test "the payout list: totals by merchant and payout date" {
	{
		base 1 m-1 5 PAYMENT 2025-05-19 CARD 2025-05-21
		base 2 m-1 6 CANCEL 2025-05-18 PAY 2025-05-21
		base 3 m-1 7
	} >in
	cat >expected <<'END'
{"key":{"merchantNumber":"m-1","payoutDate":null},"value":{"count":1,"totalAmount":7}}
{"key":{"merchantNumber":"m-1","payoutDate":"2025-05-21"},"value":{"count":2,"totalAmount":11}}
END
	pay-agg --by merchantNumber,payoutDate in | diff expected -
	pay-agg --by merchantNumber,payoutDate --net in | sed -n 2p | grep -F '"value":{"count":2,"totalAmount":-1}'
}

@test "any member can be a key, whatever it holds" {
	{
		echo '{"amount":1,"x":"1"}'
		echo '{"amount":2,"x":1}'
		echo '{"amount":4,"x":1.0}'
		echo '{"amount":8,"x":true}'
		echo '{"amount":16,"x":null}'
		echo '{"amount":32}'
		echo '{"amount":64,"x":""}'
	} >in
	cat >expected <<'END'
{"key":{"x":null},"value":{"count":2,"totalAmount":48}}
{"key":{"x":true},"value":{"count":1,"totalAmount":8}}
{"key":{"x":1},"value":{"count":1,"totalAmount":2}}
{"key":{"x":1.0},"value":{"count":1,"totalAmount":4}}
{"key":{"x":""},"value":{"count":1,"totalAmount":64}}
{"key":{"x":"1"},"value":{"count":1,"totalAmount":1}}
END
	pay-agg --by x in | diff expected -
	pay-agg --by x -d t.db --source day in | diff expected -
	run pay-agg --by x <<<'{"amount":1,"x":[1]}'
	[ "$status" -eq 65 ]
}

@test "--net subtracts cancels of every kind" {
	{
		base 1 m 1000
		base 2 m 1 CANCEL
		base 3 m 10 PARTIAL_CANCEL
		base 4 m 100 FULL_CANCEL
		base 5 m 9223372036854775807 NETWORK_CANCEL
		base 6 m 9223372036854775807
	} >in
	run pay-agg --net --by merchantNumber in
	[ "$output" = '{"key":{"merchantNumber":"m"},"value":{"count":6,"totalAmount":889}}' ]
	run pay-agg --net --by merchantNumber -d t.db in
	[ "$output" = '{"key":{"merchantNumber":"m"},"value":{"count":6,"totalAmount":889}}' ]
}

@test "--net takes no action whose sign nobody declared" {
	for action in CHARGEBACK Cancel cancel "CANCEL " ""; do
		base 1 m 400 "${action:- }" >in
		run pay-agg --net in
		[ "$status" -eq 65 ]
		[[ $output == *"an action needs a sign"* ]]
	done
	{
		base 1 m 1000
		base 2 m 400 CHARGEBACK
		base 3 m 7 TOPUP
	} >in
	run pay-agg --net -a paymentActionType=CHARGEBACK:- --accept paymentActionType=TOPUP:+ --by merchantNumber in
	[ "$output" = '{"key":{"merchantNumber":"m"},"value":{"count":3,"totalAmount":607}}' ]
	run pay-agg -a paymentActionType=CHARGEBACK:- in
	[ "$status" -eq 64 ]
	run pay-agg --net -a paymentActionType=CHARGEBACK in
	[ "$status" -eq 64 ]
	run pay-agg --net -a paymentMethodType=GIFT in
	[ "$status" -eq 64 ]
}

@test "--net takes no negative amount, --signed sums amounts as they are" {
	{
		base 1 m 1000
		base 2 m -1000 CANCEL
	} >in
	run pay-agg --net --by merchantNumber in
	[ "$status" -eq 65 ]
	[[ $output == *"a/0/2: bad record: amount -1000 is negative"* ]]
	run pay-agg --net --signed --by merchantNumber in
	[ "$output" = '{"key":{"merchantNumber":"m"},"value":{"count":2,"totalAmount":0}}' ]
	run pay-agg --signed in
	[ "$status" -eq 64 ]
}

@test "a database keeps the signs of its totals" {
	base 1 m 1 >in
	declared=(-a paymentActionType=B:- -a paymentActionType=A:+)
	pay-agg --net -d t.db "${declared[@]}" in >/dev/null
	pay-agg --net -d t.db -a paymentActionType=A:+ -a paymentActionType=B:- in >/dev/null
	for other in "" "-a paymentActionType=A:+" "-a paymentActionType=A:+ -a paymentActionType=B:+" \
		"--signed -a paymentActionType=A:+ -a paymentActionType=B:-"; do
		# shellcheck disable=SC2086 # options and their arguments
		run pay-agg --net -d t.db $other in
		[ "$status" -eq 78 ]
		# shellcheck disable=SC2086
		run pay-agg --net -d t.db --check $other
		[ "$status" -eq 78 ]
	done
	pay-agg -d t.db --query >/dev/null
	base 2 m 1 | pay-agg --net -d other.db >/dev/null
	run pay-agg -d t.db -d other.db --query
	[ "$status" -eq 78 ]
}

@test "amounts of two currencies are never summed" {
	in_currency() { sed 's/}$/,"currency":'"$1"'}/'; }
	base 1 m 5 | in_currency '"KRW"' >in
	base 2 m 7 | in_currency '"\\u004bRW"' >>in
	base 3 m 9 | in_currency '"USD"' >dollars
	for database in "" "-d t.db"; do
		# shellcheck disable=SC2086 # an option and its argument
		run pay-agg $database --currency currency in
		[ "$output" = "$(total m 2 12)" ]
		# shellcheck disable=SC2086
		run pay-agg $database --currency currency <<<"$(cat in dollars)"
		[ "$status" -eq 65 ]
		[[ $output == *"a/0/3: bad record: currency is USD, all before it were KRW"* ]]
		for bad in null 7 '""' '"K\\u0000"'; do
			# shellcheck disable=SC2086
			run pay-agg $database --currency currency <<<"$(base 4 m 1 | in_currency "$bad")"
			[ "$status" -eq 65 ]
		done
		# shellcheck disable=SC2086
		run pay-agg $database --currency currency <<<"$(base 4 m 1)"
		[ "$status" -eq 65 ]
		[[ $output == *"currency is missing"* ]]
	done
	# said once, it holds for the database
	run pay-agg -d t.db dollars
	[ "$status" -eq 65 ]
	run pay-agg -d t.db --currency other in
	[ "$status" -eq 78 ]
	base 9 m 1 | pay-agg -d without.db >/dev/null
	run pay-agg -d without.db --currency currency in
	[ "$status" -eq 78 ]
	pay-agg -d dollars.db --currency currency dollars >/dev/null
	run pay-agg -d t.db -d dollars.db --query
	[ "$status" -eq 65 ]
	[[ $output == *KRW*USD* ]]
	run pay-agg -d t.db -d without.db --query
	[ "$status" -eq 78 ]
	pay-agg --currency currency --dead-letter dead <<<"$(cat in dollars)" | diff <(total m 2 12) -
	[ "$(wc -l <dead)" = 1 ]
}

@test "--query --by rolls totals up to any part of their grouping" {
	{
		base 1 m-1 100
		base 2 m-1 50 CANCEL
		base 3 m-1 7 PAYMENT 2025-05-20 PAY
		base 4 m-2 9223372036854775807
		base 5 m-2 9223372036854775807 CANCEL
	} >in
	pay-agg -d t.db in >/dev/null
	pay-agg -d t.db --query --by merchantNumber --format csv merchantNumber=m-1 paymentActionType=PAYMENT |
		diff <(printf '%s\n' merchantNumber,count,totalAmount m-1,2,107) -
	cat >expected <<'END'
{"key":{"paymentActionType":"CANCEL","merchantNumber":"m-1"},"value":{"count":1,"totalAmount":50}}
{"key":{"paymentActionType":"CANCEL","merchantNumber":"m-2"},"value":{"count":1,"totalAmount":9223372036854775807}}
{"key":{"paymentActionType":"PAYMENT","merchantNumber":"m-1"},"value":{"count":2,"totalAmount":107}}
{"key":{"paymentActionType":"PAYMENT","merchantNumber":"m-2"},"value":{"count":1,"totalAmount":9223372036854775807}}
END
	pay-agg -d t.db --query --by paymentActionType,merchantNumber | diff expected -
	run pay-agg -d t.db --query --by ''
	[ "$output" = '{"key":{},"value":{"count":5,"totalAmount":18446744073709551771}}' ]
	run pay-agg -d t.db --query --by '' --format csv paymentMethodType=POINT
	[ "$output" = $'count,totalAmount\n0,0' ]
	run pay-agg -d t.db --query --by '' --format json merchantNumber=m-1
	[ "$output" = $'[\n{"key":{},"value":{"count":3,"totalAmount":157}}\n]' ]
	pay-agg -d t.db --query --by merchantNumber,paymentActionType,paymentDateDaily,paymentMethodType |
		diff <(pay-agg -d t.db --query) -
	base 9 m-1 1 | pay-agg -d two.db >/dev/null
	run pay-agg -d two.db -d t.db --query --by merchantNumber merchantNumber=m-1
	[ "$output" = '{"key":{"merchantNumber":"m-1"},"value":{"count":4,"totalAmount":158}}' ]
	for by in payoutDate merchantNumber,x Merchantnumber; do
		run pay-agg -d t.db --query --by "$by"
		[ "$status" -eq 78 ]
		[[ $output == *"t.db: it holds totals by merchantNumber,"* ]]
	done
	for by in ',' 'merchantNumber,' ',merchantNumber' 'merchantNumber,merchantNumber'; do
		run pay-agg -d t.db --query --by "$by"
		[ "$status" -eq 64 ]
	done
	base 1 m 5 PAYMENT 2025-05-19 CARD 2025-05-21 | pay-agg -d paid.db --date payoutDate >/dev/null
	run pay-agg -d paid.db --query --by paymentDateDaily
	[ "$output" = '{"key":{"payoutDate":"2025-05-21"},"value":{"count":1,"totalAmount":5}}' ]
}

@test "--date puts another day on the day's axis, under its own name" {
	base 1 m 5 PAYMENT 2025-05-19 CARD 2025-05-21 | sed 's/}$/,"settledAt":"2025-05-23T01:02"}/' >in
	run pay-agg --date payoutDate in
	[ "$output" = '{"key":{"merchantNumber":"m","paymentActionType":"PAYMENT","payoutDate":"2025-05-21","paymentMethodType":"CARD"},"value":{"count":1,"totalAmount":5}}' ]
	run pay-agg --by paymentDateDaily --date settledAt in
	[ "$output" = '{"key":{"settledAt":"2025-05-23"},"value":{"count":1,"totalAmount":5}}' ]
	run pay-agg --by paymentDateDaily,paymentDate in
	[ "$output" = '{"key":{"paymentDateDaily":"2025-05-19","paymentDate":"2025-05-19T21:48:15.9"},"value":{"count":1,"totalAmount":5}}' ]
	run pay-agg --by merchantNumber --date payoutDate in
	[ "$status" -eq 64 ]
}

@test "a database holds totals of one grouping" {
	some | pay-agg -d t.db >/dev/null
	for other in --net "--date payoutDate"; do
		# shellcheck disable=SC2086 # an option and its argument
		run pay-agg -d t.db $other <<<"$(some)"
		[ "$status" -eq 78 ]
		# shellcheck disable=SC2086
		run pay-agg -d t.db --query $other
		[ "$status" -eq 78 ]
		# shellcheck disable=SC2086
		run pay-agg -d t.db --check $other
		[ "$status" -eq 78 ]
	done
}

@test "groupings that cannot be are refused" {
	for by in "" a,,b a,a a,A count totalamount _group; do
		run pay-agg --by "$by" <<<"$(some)"
		[ "$status" -eq 64 ]
	done
}

@test "bad records stop it, or become dead letters" {
	base 1 m 1 >good
	for bad in \
		's/"amount":1/"amount":1.5/' 's/"amount":1,//' 's/"amount":1/"amount":9223372036854775808/' \
		's/"merchantNumber":"m"/"merchantNumber":""/' 's/"merchantNumber":"m",//' 's/"merchantNumber":"m"/"merchantNumber":7/' \
		's/2025-05-19T/2025-02-29T/' 's/"paymentDate":"[^"]*",//' 's/T21:48:15.9/ 21:48/' \
		's/"PAYMENT"/null/' 's/"CARD"/["CARD"]/' 's|a/0/1|a/0/01|'; do
		sed "$bad" good >broken
		run ! cmp -s good broken
		run --separate-stderr pay-agg broken
		[ "$status" -eq 65 ]
		[ -z "$output" ]
		rm -f dead
		run --separate-stderr pay-agg --dead-letter dead - <<<"$(
			cat broken
			base 2 m 2
		)"
		[ "$status" -eq 0 ]
		[ "$output" = "$(total m 1 2)" ]
		[ "$(wc -l <dead)" -eq 1 ]
	done
}

@test "formats: one array, a table" {
	{
		base 1 'a,"b"' 5 | sed 's/a,"b"/a,\\"b\\"/'
		base 2 m 6 PAYMENT 2025-05-19 CARD 2025-05-21
	} >in
	pay-agg --format json in >out.json
	[ "$(jq -c 'length, .[1].value' out.json)" = $'2\n{"count":1,"totalAmount":6}' ]
	[ "$(wc -l <out.json)" -eq 4 ]
	pay-agg --format csv --by merchantNumber,payoutDate in | diff - <(
		echo 'merchantNumber,payoutDate,count,totalAmount'
		echo '"a,""b""",,1,5'
		echo 'm,2025-05-21,1,6'
	)
	base 1 m 1 | sed 's/,"p/,"_unsettled":"X"&/' >none
	[ "$(pay-agg --format json none | jq -c .)" = "[]" ]
	[ -z "$(pay-agg none)" ]
	[ "$(pay-agg --format csv none | wc -l)" -eq 1 ]
}

@test "--query narrows by members of the key" {
	{
		base 1 m-1 1
		base 2 m-1 2 CANCEL
		base 3 m-2 3
	} | pay-agg -d t.db >/dev/null
	run pay-agg -d t.db --query merchantNumber=m-1
	[ "$output" = "$(
		total m-1 1 2 CANCEL
		total m-1 1 1
	)" ]
	run pay-agg -d t.db --query merchantNumber=m-1 paymentActionType=CANCEL
	[ "$output" = "$(total m-1 1 2 CANCEL)" ]
	run pay-agg -d t.db --query merchantNumber=m
	[ "$status" -eq 0 ]
	[ -z "$output" ]
	run pay-agg -d t.db --query merchant=m-1
	[ "$status" -eq 64 ]
	[[ $output == *merchantNumber,paymentActionType* ]]
	run pay-agg -d missing.db --query
	[ "$status" -eq 66 ]
	[ ! -e missing.db ]
	run pay-agg --query
	[ "$status" -eq 64 ]
}

@test "--query over several databases adds their totals exactly, in order, and wants one grouping" {
	local value=9223372036854775807
	base() { # base N AMOUNT MERCHANT
		printf '{"_src":"s/0/%s","paymentType":"ONLINE","amount":%s,"payoutDate":null,"confirmDate":null,"merchantNumber":"%s","paymentDate":"2025-05-25T10:00:00","paymentActionType":"PAYMENT","paymentMethodType":"CARD"}\n' "$@"
	}
	{ base 1 $value a && base 2 5 'a!' && base 3 $((value - 1)) b; } >one
	{ base 4 -$value a && base 5 7 'a\u0001' && base 6 -3 b; } >two
	base 7 -2 b >three
	for part in one two three; do pay-agg -d $part.db <$part >/dev/null; done
	cat one two three | pay-agg >whole
	[ "$(wc -l <whole)" = 4 ]
	pay-agg -d one.db -d two.db -d three.db --query | diff whole -
	pay-agg -d three.db -d one.db -d two.db --query merchantNumber=b | diff <(grep '"b"' whole) -
	base 8 $value b >over
	pay-agg -d over.db <over >/dev/null
	run pay-agg -d one.db -d over.db --query
	[ "$status" = 65 ]
	[[ $output == *"does not fit 64 bits"* ]]
	pay-agg -d net.db --net <one >/dev/null
	run pay-agg -d one.db -d net.db --query
	[ "$status" = 78 ]
	pay-agg -d other.db --by merchantNumber,paymentDateDaily <one >/dev/null
	run pay-agg -d one.db -d other.db --query
	[ "$status" = 78 ]
	run pay-agg -d one.db -d two.db one
	[ "$status" = 64 ]
}

@test "--query takes a database once, by whatever name" {
	some | seal 2 complete | pay-agg -d t.db >/dev/null
	ln t.db hard.db
	ln -s t.db soft.db
	for name in t.db ./t.db "$PWD/t.db" hard.db soft.db; do
		run -64 pay-agg -d t.db -d "$name" --query
		[[ $output == *"-d t.db and -d $name: are one file"* ]]
	done
}

@test "--query finds null and reads while a writer runs" {
	{
		base 1 m 5
		base 2 m 6 PAYMENT 2025-05-19 CARD 2025-05-21
	} | seal 2 complete >in
	mkfifo pipe
	pay-agg --by payoutDate -d t.db pipe >final 3>&- &
	exec 7>pipe
	head -n 4 in >&7
	until [ "$(sqlite3 t.db 'SELECT count(*) FROM statistics' 2>/dev/null)" = 2 ]; do sleep 0.05; done
	run pay-agg -d t.db --query payoutDate=null
	[ "$output" = '{"key":{"payoutDate":null},"value":{"count":1,"totalAmount":5}}' ]
	run pay-agg --by payoutDate -d t.db --lock-wait 0 in
	[ "$status" -eq 75 ]
	tail -n 1 in >&7
	exec 7>&-
	wait $!
	[ "$(wc -l <final)" -eq 2 ]
}

@test "--updates writes at each mark the totals of the keys in the segment" {
	some | seal 2 complete >in
	{
		total m-1 1 -7
		total m-2 1 100
		total m-2 1 5 CANCEL
		total m-2 2 150
		some_totals
	} >expected
	pay-agg --updates 0 in | diff expected -
	pay-agg --updates 0 -d t.db in | diff expected -
	# Fed again, it writes the present totals of the same keys: who reads them catches up.
	{
		total m-1 1 -7
		total m-2 2 150
		total m-2 1 5 CANCEL
		total m-2 2 150
		some_totals
	} >expected
	pay-agg --updates 0 -d t.db in | diff expected -
}

@test "--updates within its seconds waits, for the end or a stop" {
	some | seal 2 complete >in
	pay-agg --updates 1000 in | diff <(some_totals) -
	some | seal 2 stop >in
	pay-agg -q --updates 1000 in | diff <(some_totals) -
}

@test "--marks makes the totals a stream" {
	some | seal 2 complete | pay-agg --marks >out
	[ "$(jq -sc 'map(._mark // empty | [.seq, .records, .in, .dropped["pay-agg"] // 0, .amount, .end])' out)" = \
		'[[0,0,0,0,null,null],[1,0,2,2,null,null],[2,0,2,2,null,null],[3,3,3,0,null,"complete"]]' ]
	pay-agg --marks <(some | seal 2 complete) | pay-produce --to totals.ndjson
	some_totals | diff - totals.ndjson
}

@test "an empty input is a dead upstream" {
	run pay-agg </dev/null
	[ "$status" -eq 65 ]
	run pay-agg -d t.db </dev/null
	[ "$status" -eq 65 ]
}

@test "options that do not fit each other are refused" {
	for options in "--format xml" "--format csv --updates 1" "--format json --marks" "--marks --plain" \
		"--dead-letter -" "--updates x" "-d t.db in in"; do
		touch in
		# shellcheck disable=SC2086 # several words
		run pay-agg $options
		[ "$status" -eq 64 ]
	done
}

@test "a database of another program is refused" {
	echo hello >text.db
	run pay-agg -d text.db <<<"$(some)"
	[ "$status" -ne 0 ]
	[ "$(cat text.db)" = hello ]
	sqlite3 other.db 'CREATE TABLE t(x)'
	run pay-agg -d other.db <<<"$(some)"
	[ "$status" -eq 78 ]
}

@test "a full disk for the output is an error, and the state is kept" {
	some | seal 2 complete >in
	run bash -c 'pay-agg -d t.db in >/dev/full'
	[ "$status" -eq 74 ]
	pay-agg -d t.db --query | diff <(some_totals) -
}

@test "random bases give the totals of an independent program" {
	python3 "$BATS_TEST_DIRNAME/agg/property.py" --rounds 12
}
