# scripts/backfill: days one after the other, each once, also when it is stopped in between.
setup() {
	load setup
	PATH=$PATH:$BATS_TEST_DIRNAME/../scripts
}

counted() { jq -s 'map(.value.count) | add' out/totals.ndjson; }

@test "days are settled in order and move out of the way" {
	mkdir -p days/2025-05-26
	pay-gen -n 100 >days/2025-05-25.ndjson
	pay-gen -n 50 --seed 2 --date 2025-05-26 >days/2025-05-26/online.ndjson
	pay-gen -n 60 --seed 3 --date 2025-05-26 >days/2025-05-26/offline.ndjson
	run backfill days -o out --default-cycle D+2
	echo "$output"
	[ "$status" = 0 ]
	[ "${lines[0]}" = "backfill: 2025-05-25.ndjson" ]
	[ "${lines[1]}" = "backfill: 2025-05-26" ]
	[[ $output == *"2 days settled"* ]]
	[ "$(ls days)" = "done" ]
	[ -f days/done/2025-05-26/online.ndjson ]
	[ "$(counted)" = 210 ]
	run backfill days -o out
	[ "$status" = 0 ]
	[[ $output == *"0 days settled"* ]]
}

@test "the indexes are made with the last day" {
	mkdir days
	pay-gen -n 60000 >days/1
	pay-gen -n 100 --seed 2 --malformed 0.01 >days/2
	pay-gen -n 100 --seed 3 >days/3
	indexes() { sqlite3 out/settle.db "select count(*) from sqlite_schema where name in ('base_merchant', 'base_payout')"; }
	run -65 backfill days -o out --default-cycle D+2
	[ "$(indexes)" = 0 ]
	backfill days -o out --default-cycle D+2 --dead-letter -
	[ "$(indexes)" = 2 ]
}

@test "files of one name in the folders of two days are two sources" {
	mkdir -p days/1 days/2
	pay-gen -n 10 >days/1/payment
	pay-gen -n 20 --seed 2 >days/2/payment
	backfill days -o out
	[ "$(counted)" = 30 ]
}

@test "a day that fails stops the run; the next one goes on there, each payment once" {
	mkdir days
	pay-gen -n 100 >days/1
	pay-gen -n 100 --seed 2 --malformed 0.01 >days/2
	pay-gen -n 100 --seed 3 >days/3
	run backfill days -o out
	echo "$output"
	[ "$status" = 65 ]
	[[ $output == *"2 failed; 1 days before it are done"* ]]
	[ "$(echo days/*)" = "days/2 days/3 days/done" ]
	backfill days -o out --dead-letter -
	[ "$(counted)" = 299 ]
}

@test "a day that was settled but not moved is not counted again" {
	mkdir days
	pay-gen -n 100 >days/1
	backfill days -o out
	mv days/done/1 days/1
	backfill days -o out
	[ "$(counted)" = 100 ]
}

@test "a day of the name of a finished one is for an operator" {
	mkdir -p days/done
	pay-gen -n 10 | tee days/1 >days/done/1
	run backfill days -o out
	[ "$status" = 76 ]
}

@test "names are shown without what a terminal would act on" {
	mkdir days
	pay-gen -n 10 >$'days/1\e[31m\u009b'
	pay-gen -n 10 --malformed 0.1 --seed 2 >$'days/2\e[31m\u009b'
	run -65 backfill days -o $'out\e['
	[ "${lines[0]}" = 'backfill: 1\x1b[31m\xc2\x9b' ]
	[[ $output == *'backfill: 2\x1b[31m\xc2\x9b failed; 1 days before it are done'* ]]
	[[ $output != *$'\e'* && $output != *$'\u009b'* ]]
	POSIXLY_CORRECT=1 run -0 backfill days -o $'out\e[' --dead-letter -
	[[ $output == *'days settled into out\x1b['* && $output != *$'\e'* ]]
}

@test "misuse is 64, a missing folder 66" {
	run backfill
	[ "$status" = 64 ]
	run backfill days
	[ "$status" = 64 ]
	run backfill days -o out
	[ "$status" = 66 ]
}

@test "what may still be written is left alone, and settled when it is there" {
	mkdir -p days/lost+found days/2 days/3
	pay-gen -n 100 >days/1
	for name in 1.part x.tmp y.filepart z~ .hidden; do echo '{"begun":' >days/$name; done
	pay-gen -n 20 --seed 2 >days/2/online
	pay-gen -n 30 --seed 3 >days/2/offline.part
	pay-gen -n 40 --seed 4 >days/3/online
	run backfill days -o out
	echo "$output"
	[ "$status" = 0 ]
	[[ $output == *"2 left alone: offline.part may still be written"* ]]
	[[ $output == *"2 days settled"* ]]
	[ "$(counted)" = 140 ]
	[ "$(echo days/done/*)" = 'days/done/1 days/done/3' ]
	mv days/2/offline.part days/2/offline
	backfill days -o out
	[ "$(counted)" = 190 ]
}

@test "--min-age leaves young days alone, by their youngest file" {
	mkdir -p days/2
	pay-gen -n 100 >days/1
	pay-gen -n 20 --seed 2 >days/2/a
	pay-gen -n 20 --seed 3 >days/2/b
	touch -d '-2 hours' days/1 days/2/a days/2
	run backfill days --min-age 3600 -o out
	[ "$status" = 0 ]
	[[ $output == *"2 left alone: younger than 3600 s"* ]]
	[ "$(counted)" = 100 ]
	touch -d '-2 hours' days/2/b
	backfill days --min-age=3600 -o out
	[ "$(counted)" = 140 ]
	for wrong in '--min-age soon' '--min-age 1 --min-age 2'; do
		# shellcheck disable=SC2086 # words
		run backfill days $wrong -o out
		[ "$status" = 64 ]
	done
}

@test "--include settles the days alone whose names match" {
	mkdir days
	pay-gen -n 10 >days/1.ndjson
	pay-gen -n 20 --seed 2 | gzip >days/2.ndjson.gz
	echo 'how to read these' >days/README
	backfill days --include '*.ndjson' --include='[2-9].*.gz' -o out
	[ "$(counted)" = 30 ]
	[ "$(echo days/*)" = 'days/README days/done' ]
}

@test "a file that is not understood is not done, and its name is free for the mended one" {
	mkdir days
	pay-gen -n 10 | iconv -f UTF-8 -t UTF-16 >days/1
	run backfill days --dead-letter - -o out
	echo "$output"
	[ "$status" = 65 ]
	[[ $output == *"text in UTF-16"* ]]
	[ "$(ls days/done)" = '' ]
	pay-gen -n 10 >days/1
	backfill days --dead-letter - -o out
	[ "$(counted)" = 10 ]
	seq 20 | jq -c '{id: .}' >days/2
	run backfill days --dead-letter - -o out
	[ "$status" = 65 ]
	[[ $output == *"no line became a payment"* ]]
	[ -e days/2 ]
	pay-gen -n 7 --seed 2 >days/2
	backfill days --dead-letter - -o out
	[ "$(counted)" = 17 ]
}

@test "options of settle that take no argument take none of the words behind them" {
	mkdir days
	pay-gen -n 10 >days/d1
	backfill --signed --twice days -o out --unterminated --default-cycle D+1 --dead-letter -
	[ -e days/done/d1 ]
	grep -q '^--default-cycle D+1' out/options
	grep -q '^--signed' out/options
	run -64 backfill days -o out --default-cycle
	[[ $output == *"--default-cycle needs an argument"* ]]
}
