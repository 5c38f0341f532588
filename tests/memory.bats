#!/usr/bin/env bats
# Memory does not grow with the input: what a program takes at its peak, resident, in KiB.

bats_require_minimum_version 1.5.0

setup() {
	load setup
	[ -z "${PAYPIPE_SLOW:-}" ] || skip "sanitizers take memory of their own"
	PATH=${BATS_TEST_DIRNAME%/tests*}/build/tool:$PATH
}

# peak COMMAND...: runs the command and sets kib
peak() {
	rm -f taken
	measure taken "$@" >/dev/null || return
	read -r _ _ kib <taken
}

# flat KIND COMMAND...: on 1,000,000 records it takes less than 32 MiB, and hardly more than on 300,000
flat() {
	local kind=$1 few
	shift
	rm -f ./*.db*
	peak "$@" "$kind-few" || return
	few=$kib
	rm -f ./*.db*
	peak "$@" "$kind-many" || return
	echo "$1: $few KiB, then $kib KiB"
	[ "$kib" -lt 32768 ] && [ "$kib" -lt $((few + 2048)) ]
}

line() { # line MEMBERS BYTES: a record with these members and one of so many bytes
	printf '{%s,"pad":"' "$1"
	head -c "$2" /dev/zero | tr '\0' x
	printf '"}\n'
}

@test "memory does not grow with the records" {
	pay-gen -n 1000000 --merchants 50 >day
	pay-consume day | tee messages-many | pay-tobase >base-many
	pay-consume --to 300000 day | tee messages-few | pay-tobase >base-few
	mv day day-many
	head -n 300000 day-many >day-few
	flat day pay-consume
	flat messages pay-tobase
	flat base pay-filter --tag
	flat base pay-rule --default-cycle D+2
	flat messages pay-store --log -d store.db
	flat base pay-store -d store.db
	flat base pay-agg
	flat base pay-agg -d totals.db
	flat base pay-produce --to produced
	# Several stages in one process take less than they do apart.
	for size in few many; do
		rm -f ./*.db*
		peak pay-run "pay-tobase messages-$size | pay-filter --tag | pay-rule | pay-store -d store.db | pay-agg -d totals.db"
		echo "pay-run: $kib KiB"
		[ "$size" = many ] || few=$kib
	done
	[ "$kib" -lt 49152 ] && [ "$kib" -lt $((few + 4096)) ]
}

@test "the longest lines, and one longer than any may be, take less than 48 MiB" {
	eight='"paymentType":"ONLINE","amount":1,"payoutDate":null,"confirmDate":null,"merchantNumber":"m-1"'
	eight+=',"paymentDate":"2025-05-19T21:48","paymentActionType":"PAYMENT","paymentMethodType":"CARD"'
	message='"channel":"ONLINE","action":"PAYMENT","data":{'$eight'}'
	lines() { # lines MEMBERS: three of nearly 16 MiB, one of 100 MiB, and a short one
		for _ in 1 2 3; do line "$1" 16776000; done
		line "$1" 104857600
		line "$1" 10
	}
	lines "$message" >messages
	lines "$eight" >base
	taken() { # taken INPUT COMMAND...: all but the longest line comes through, in bounds
		local input=$1
		shift
		rm -f bad
		peak "$@" --stats --dead-letter bad "$input" 2>stats || { cat stats && return 1; }
		echo "$1: $kib KiB, $(cat stats)"
		[ "$(jq -c '[.in, .dead]' stats)" = '[5,1]' ] && [ "$kib" -lt 49152 ]
	}
	taken messages pay-tobase
	taken base pay-filter --reject 'NEVER=false' --plain
	taken base pay-filter --tag
	taken base pay-rule
	taken messages pay-consume
}

@test "lines of very many members take the memory of one, and give it back" {
	many=$(yes '"":0,' | head -n 200000 | tr -d '\n')
	eight='"paymentType":"ONLINE","amount":1,"payoutDate":null,"confirmDate":"2025-05-21","merchantNumber":"m-1"'
	eight+=',"paymentDate":"2025-05-19T21:48","paymentActionType":"PAYMENT","paymentMethodType":"CARD"'
	pay-gen -n 10 --rules rules.csv >/dev/null
	for _ in {1..12}; do echo "{$many$eight}"; done >lines
	echo "{$eight}" >>lines
	for command in 'pay-rule --rules rules.csv' 'pay-filter --tag'; do
		# shellcheck disable=SC2086
		peak $command lines
		echo "$command: $kib KiB"
		[ "$kib" -lt 32768 ]
	done
}
