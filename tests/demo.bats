#!/usr/bin/env bats
# scripts/demo: what a newcomer sees first ends well.
bats_require_minimum_version 1.5.0

setup() {
	load setup
	[ -z "${PAYPIPE_BIN:-}" ] || skip "the demo builds and runs the programs of the tree"
	demo=$BATS_TEST_DIRNAME/../scripts/demo
}

@test "a small day is settled and adds up" {
	run -0 timeout 120 "$demo" -n 2000 "$PWD/results" 3>&-
	[[ $output == *"Everything adds up."*"Settle it again"*"Everything adds up."* ]]
}

@test "the flow from topic to topic on a mock of a cluster" {
	# Twice in one folder: what the first one left says nothing of the second one's cluster.
	run -0 timeout 120 "$demo" --kafka -n 3000 "$PWD/results" 3>&-
	run -0 timeout 120 "$demo" --kafka -n 3000 "$PWD/results" 3>&-
	[[ $output =~ base:\ [0-9]+\ records ]]
	kept=$(sqlite3 results/settle.db 'select (select count(*) from base) + (select count(*) from unsettlement) + (select count(*) from dead_letter)')
	[ "$((kept + $(wc -l <results/not-json)))" = 3000 ]
	[[ $output == *'"_src":"payment-statistics/'* ]]
	run -64 "$demo" --kafka -n 1000000
	run -64 "$demo" --nosuch
}
