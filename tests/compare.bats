#!/usr/bin/env bats
# scripts/compare: which keys of two sets of totals or base records do not agree.

setup() {
	load setup
	compare=${BATS_TEST_DIRNAME%/tests*}/scripts/compare
}

total() { # total MERCHANT COUNT AMOUNT
	printf '{"key":{"merchantNumber":"%s","paymentActionType":"PAYMENT","paymentDateDaily":"2025-05-25","paymentMethodType":"CARD"},"value":{"count":%s,"totalAmount":%s}}\n' "$@"
}

base() { # base OFFSET MERCHANT AMOUNT
	printf '{"_src":"day/0/%s","paymentType":"ONLINE","amount":%s,"payoutDate":null,"confirmDate":null,"merchantNumber":"%s","paymentDate":"2025-05-25T10:00","paymentActionType":"PAYMENT","paymentMethodType":"CARD"}\n' "$1" "$3" "$2"
}

@test "equal totals match, in whatever order" {
	{
		total a 1 5
		total b 2 6
	} >A
	{
		total b 2 6
		total a 1 5
	} >B
	run "$compare" A B
	[ "$status" -eq 0 ]
	[ "$output" = "MATCHED 2, NOT_MATCHED 0, ONLY_A 0, ONLY_B 0" ]
}

@test "each break is named, with both sides, and ends with 1" {
	{
		total a 1 5
		total b 2 6
		total c 3 7
	} >A
	{
		total b 2 60
		total c 3 7
		total d 4 8
	} >B
	run "$compare" A B
	[ "$status" -eq 1 ]
	[[ ${lines[0]} == $'ONLY_A\t{"merchantNumber":"a",'*$'\t1\t5\t-\t-' ]]
	[[ ${lines[1]} == $'NOT_MATCHED\t{"merchantNumber":"b",'*$'\t2\t6\t2\t60' ]]
	[[ ${lines[2]} == $'ONLY_B\t{"merchantNumber":"d",'*$'\t-\t-\t4\t8' ]]
	[ "${lines[3]}" = "MATCHED 1, NOT_MATCHED 1, ONLY_A 1, ONLY_B 1" ]
}

@test "amounts that a double cannot tell apart are told apart" {
	total a 1 9007199254740993 >A
	total a 1 9007199254740992 >B
	run "$compare" A B
	[ "$status" -eq 1 ]
	[[ ${lines[1]} == "MATCHED 0, NOT_MATCHED 1,"* ]]
}

@test "base records are compared payment by payment" {
	{
		base 1 a 5
		base 2 a 6
		base 3 b 7
	} >A
	{
		base 3 b 7
		base 1 a 6
		base 2 a 5
	} >B
	run "$compare" A B
	[ "$status" -eq 1 ]
	[ "${lines[2]}" = "MATCHED 1, NOT_MATCHED 2, ONLY_A 0, ONLY_B 0" ]
	run "$compare" --by merchantNumber A B
	[ "$status" -eq 0 ]
}

@test "base records agree with the totals made of them, a store with its totals database" {
	{
		base 1 a 5
		base 2 a 6
		base 3 b 7
	} >A
	pay-agg A >B
	run "$compare" A B
	[ "$status" -eq 0 ]
	[ "$output" = "MATCHED 2, NOT_MATCHED 0, ONLY_A 0, ONLY_B 0" ]
	pay-store -d settle.db A | pay-agg -d totals.db >/dev/null
	run "$compare" settle.db totals.db
	[ "$status" -eq 0 ]
	run "$compare" A settle.db
	[ "$status" -eq 0 ]
	[ "$output" = "MATCHED 3, NOT_MATCHED 0, ONLY_A 0, ONLY_B 0" ]
	pay-agg --format json A >C
	run "$compare" C totals.db
	[ "$status" -eq 0 ]
}

@test "files that are missing, empty or something else are refused" {
	total a 1 5 >A
	run "$compare" A missing
	[ "$status" -eq 66 ]
	run "$compare" A .
	[ "$status" -eq 66 ]
	: >empty
	run "$compare" A empty
	[ "$status" -eq 65 ]
	echo hello >other
	run "$compare" A other
	[ "$status" -eq 65 ]
	{
		total a 1 5
		total a 1 6
	} >updates
	run "$compare" A updates
	[[ $status -eq 65 && $output == *"twice"* ]]
	{
		total a 1 5
		echo '{"key":{"x":1},"value":{"count":"2","totalAmount":1}}'
	} >bad
	run "$compare" A bad
	[ "$status" -eq 65 ]
	run "$compare" A
	[ "$status" -eq 64 ]
	run "$compare" --foo A A
	[ "$status" -eq 64 ]
}
