# pay-audit: what was settled adds up, or each identity that does not hold is named.
setup() {
	load setup
}

# A results folder as settle makes it, by hand: databases, totals.ndjson, and the stages' statistics in `counted`.
a_result() {
	pay-gen -n 500 --test 0.02 --malformed 0.02 >day
	mkdir out
	pay-consume --stats --dead-letter - day 2>counted.0 | pay-store --stats --log -d out/log.db 2>counted.1 |
		pay-tobase --stats --dead-letter - 2>counted.2 | pay-filter --stats --tag 2>counted.3 | pay-rule --stats 2>counted.4 |
		pay-store --stats -d out/settle.db 2>counted.5 | pay-agg --stats --marks -d out/totals.db 2>counted.6 |
		pay-produce --stats --to out/totals.ndjson 2>counted.7
	cat counted.[0-7] >counted
}

@test "a folder of results adds up by itself, and bad records that wait are said" {
	a_result
	run -0 --separate-stderr pay-audit out
	[ "${lines[-1]}" = "Everything adds up." ]
	[[ ${lines[0]} == "kept, of all runs"* ]]
	[[ $output =~ "settle.db: base"\ +480\  ]]
	[[ $output =~ "settle.db: dead letters, open"\ +10\  ]]
	[[ $stderr =~ ^"pay-audit: 10 bad records wait in settle.db (pay-tobase "[0-9]+", pay-consume "[0-9]+")"$ ]]
	run -0 --separate-stderr pay-audit -q out
	[ -z "$stderr" ]
}

@test "statistics of the stages are shown and held against the databases" {
	a_result
	run -0 --separate-stderr pay-audit --statistics counted out
	[[ ${lines[0]} == "stage "*"amount out" ]]
	[[ ${lines[2]} == "pay-store --log "* ]]
	[[ $output =~ "tagged: TEST_PAYMENT"\ +10 ]]
	[ "${lines[-1]}" = "Everything adds up." ]
}

@test "a folder of statistics is that of several pipelines: each must add up, and their sum" {
	a_result
	mkdir counted.all
	cp counted counted.all/one
	jq -c '.in = 0 | .out = 0 | .dropped = {} | .tagged = null | del(.tagged) | if .amount then .amount = {in: "0", out: "0", dropped: {}} else . end |
		if .program == "pay-produce" then .in = 7 | .out = 7 else . end' counted >counted.all/two
	run -70 --separate-stderr pay-audit --statistics counted.all out
	[[ $output == *"DOES NOT ADD UP: totals in totals.db, and what pay-produce read: "* ]]
	run -0 --separate-stderr pay-audit --stopped --statistics counted.all out
	# what one has too much, the other lacks
	sed -i '/pay-filter/s/"in":\([0-9]*\)/"in":1\1/' counted.all/one
	run -70 --separate-stderr pay-audit --stopped --statistics counted.all out
	[[ $output == *"DOES NOT ADD UP: one: pay-filter: in, and out + dropped: "* ]]
	mkdir none
	run -66 pay-audit --statistics none out
}

@test "each identity that does not hold is a line, and ends with 70" {
	a_result
	check() { # check FINDING [STATISTICS]: of the folder `changed`
		run -70 --separate-stderr pay-audit ${2:+--statistics "$2"} changed
		grep -qxF "DOES NOT ADD UP: $1" <<<"$output" || {
			echo "$output"
			return 1
		}
		rm -r changed
		cp -r out changed
	}
	cp -r out changed
	local base
	base=$(sqlite3 out/settle.db 'SELECT count(*) FROM base')
	sqlite3 changed/settle.db "DELETE FROM base WHERE rowid = 3"
	check "records in base, and in the totals: $((base - 1)) is not $base"
	sqlite3 changed/settle.db "UPDATE base SET amount = amount + 1 WHERE rowid = 3"
	check "base in settle.db, and totals.ndjson, total by total: they differ (see: compare changed/settle.db changed/totals.ndjson)"
	sqlite3 changed/settle.db "UPDATE base SET paymentMethodType = 'GIFT' WHERE rowid = 3"
	check "base in settle.db, and totals.ndjson, total by total: they differ (see: compare changed/settle.db changed/totals.ndjson)"
	sed -i '2s/"count":/"count":1/' changed/totals.ndjson
	check "totals.db, and totals.ndjson, total by total: they differ (see: compare changed/totals.db changed/totals.ndjson)"
	sed -i '$d' changed/totals.ndjson
	check "totals in totals.db, and lines in totals.ndjson: $(wc -l <out/totals.ndjson) is not $(($(wc -l <out/totals.ndjson) - 1))"
	sqlite3 changed/settle.db "DELETE FROM unsettlement WHERE rowid IN (SELECT rowid FROM unsettlement)" 2>/dev/null ||
		sqlite3 changed/settle.db "DELETE FROM unsettlement"
	check "messages and bad lines without FINISH, and base + unsettlement + dead letters: 500 is not 490"
	sed 's/"program":"pay-filter","in":\([0-9]*\)/"program":"pay-filter","in":1\1/' counted >wrong
	local read
	read=$(jq .in counted.3)
	check "pay-filter: in, and out + dropped: 1$read is not $read" wrong
	head -c -10 counted >wrong
	run -65 --separate-stderr pay-audit --statistics wrong out
	[[ $stderr == *"wrong:8: "*"not statistics"* ]]
}

@test "amounts beyond 64 bits are added exactly" {
	for i in 1 2 3; do
		echo '{"channel":"ONLINE","action":"PAYMENT","data":{"paymentType":"ONLINE","amount":9223372036854775807,"payoutDate":null,"confirmDate":"2025-05-26","merchantNumber":"m'$i'","paymentDate":"2025-05-25T10:00:00","paymentActionType":"PAYMENT","paymentMethodType":"CARD"}}'
	done >day
	mkdir out
	pay-consume day | pay-store --log -d out/log.db | pay-tobase | pay-store -d out/settle.db | pay-agg -d out/totals.db >out/totals.ndjson
	run -0 --separate-stderr pay-audit out
	[[ $output == *" 27670116110564327421"* ]]
	sqlite3 out/settle.db "UPDATE base SET amount = amount - 1 WHERE rowid = 2"
	run -70 --separate-stderr pay-audit out
	[[ $output == *"amounts in base, and in the totals: 27670116110564327420 is not 27670116110564327421"* ]]
}

@test "totals by other members, and net of cancels, are held against the base records" {
	pay-gen -n 300 --seed 3 >day
	mkdir out
	pay-consume day | pay-store --log -d out/log.db | pay-tobase | pay-rule --default-cycle D+2 | pay-store -d out/settle.db |
		pay-agg -d out/totals.db --by merchantNumber,payoutDate --net --date payoutDate >out/totals.ndjson
	run -0 --separate-stderr pay-audit out
	sqlite3 out/settle.db "UPDATE base SET payoutDate = '2031-01-01' WHERE rowid = 2"
	run -70 --separate-stderr pay-audit out
	[[ $output == *"total by total: they differ"* ]]
}

@test "a call that fails is an error, and never a table that adds up" {
	[ -z "${PAYPIPE_BIN:-}" ] || skip "other programs than those of bin/ may not be preloaded into (sanitizers)"
	a_result
	local failed=0 call n
	for call in read open malloc mmap write; do
		for ((n = 1; n <= 60; n++)); do
			run --separate-stderr env FAULT="$call:*:$n:5" LD_PRELOAD="$BATS_TEST_DIRNAME/../build/tool/inject.so" \
				pay-audit --statistics counted out
			if [ "$status" = 0 ]; then
				[ "${lines[-1]}" = "Everything adds up." ] # it went without that call, or there are no more
				continue
			fi
			echo "$call $n: $status $stderr"
			[[ " 65 66 70 71 73 74 75 77 78 " == *" $status "* ]]
			[[ $stderr == *"pay-audit: "* && $output != *"DOES NOT ADD UP"* ]]
			failed=$((failed + 1))
		done
	done
	[ "$failed" -gt 20 ]
}

@test "misuse is 64, and what is missing 66" {
	run -64 pay-audit
	run -64 pay-audit a b
	run -66 pay-audit missing
	mkdir empty
	run -66 pay-audit empty
	[[ $output == *"empty: nothing was settled there"* ]]
	a_result
	rm out/settle.db
	run -66 pay-audit out
	run -66 pay-audit --check out
	[[ $output == *"out/settle.db: there is no such file"* ]]
}
