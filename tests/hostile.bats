#!/usr/bin/env bats
# Every stage over every hostile input of tests/hostile/make: it ends with a status that fits, never by a signal, loses
# no line unsaid, and takes memory within bounds.

bats_require_minimum_version 1.5.0

stages=(consume tobase filter rejects rule log store agg agg-state produce)

setup_file() {
	cd "$BATS_FILE_TMPDIR" || exit
	python3 "$BATS_TEST_DIRNAME/hostile/make" .
}

setup() {
	load setup
	PATH=$PATH:${BATS_TEST_DIRNAME%/tests*}/build/tool
	corpus=$BATS_FILE_TMPDIR
}

# the command of a stage; bad records are put aside
command_of() {
	case $1 in
	consume) command=(pay-consume --dead-letter dead) ;;
	tobase) command=(pay-tobase --dead-letter dead) ;;
	filter) command=(pay-filter --tag --reject 'NEVER=.amount == 12345' --dead-letter dead) ;;
	rejects) command=(pay-filter --rejects rejected --dedupe seen.db --dedupe-by "merchantNumber,amount,x" --source day --dead-letter dead) ;;
	rule) command=(pay-rule --default-cycle D+2 --dead-letter dead) ;;
	log) command=(pay-store --log -d log.db --source day --dead-letter dead) ;;
	store) command=(pay-store -d store.db --source day --dead-letter dead) ;;
	agg) command=(pay-agg --dead-letter dead) ;;
	agg-state) command=(pay-agg -d totals.db --source day --dead-letter dead) ;;
	produce) command=(pay-produce --to out --dead-letter dead) ;;
	esac
}

kind_of() {
	case $1 in
	consume | tobase | log) kind=message ;;
	*) kind=base ;;
	esac
}

wrong() {
	echo "$*: status $status"
	tail -c 1000 err | tr -c '[:print:]\n' '?'
	return 1
}

# try COMMAND...: in a fresh folder, within a minute and 256 MiB; sets status, and kib, its peak memory
try() {
	cd "$(mktemp -d -p "$BATS_TEST_TMPDIR")" || exit
	: >dead
	status=0 kib=0
	if [ -n "${PAYPIPE_SLOW:-}" ]; then
		timeout 300 "$@" >got 2>err || status=$?
	else
		timeout 60 measure taken "$@" >got 2>err || status=$?
		[ ! -s taken ] || read -r _ _ kib <taken
	fi
}

# fits STATUS...: the last run ended with one of these, said why unless it is 0, and took bounded memory
fits() {
	[[ " $* " == *" $status "* ]] || wrong "$what" || return
	[ "$status" = 0 ] || [ -s err ] || wrong "$what: nothing said" || return
	[ "$kib" -lt 262144 ] || wrong "$what: $kib KiB"
}

@test "hostile lines: each is passed, dropped, or a dead letter, and good ones beside it pass" {
	seen=0
	for stage in "${stages[@]}"; do
		kind_of "$stage"
		for input in "$corpus"/lines/*."$kind"; do
			command_of "$stage"
			what="$stage ${input##*/}"
			seen=$((seen + 1))
			local more=()
			[ "$stage" != consume ] || more=(--as day)
			try "${command[@]}" --stats "${more[@]}" "$input"
			# A letter that no stage wrote may end a sink, which cannot keep it.
			case $what in *letters*) fits 0 65 ;; *) fits 0 ;; esac
			[ "$status" = 0 ] || continue
			count=$(tr -cd '\n' <"$input" | wc -c)
			[ -z "$(tail -c 1 "$input" | tr -d '\n')" ] || count=$((count + 1))
			tail -n 1 err | jq -e --argjson lines "$count" --argjson dead "$(wc -l <dead)" \
				'.in == $lines and .in == .out + ([.dropped[]] | add // 0) and .dead >= $dead and (.dropped.DEAD // 0) == $dead and
				.out + (.dropped.DUPLICATE // 0) + (.dropped.aggregated // 0) >= 1' >counted || wrong "$what: $count lines, $(wc -l <dead) dead, $(tail -n 1 err)"
			# What was kept is JSON, a line each.
			jq -c . dead >/dev/null || wrong "$what: its dead letters are no JSON"
			rm -rf "${PWD:?}"/*
		done
	done
	[ "$seen" -gt 100 ]
}

@test "streams whose marks lie: 65, no end mark, no result" {
	seen=0
	for stage in "${stages[@]:1}"; do
		kind_of "$stage"
		for input in "$corpus"/streams/*."$kind"; do
			command_of "$stage"
			what="$stage ${input##*/}"
			seen=$((seen + 1))
			try "${command[@]}" "$input"
			fits 65
			run -1 grep -q '"end":"' got
			[ ! -e out ] || wrong "$what: a file after all"
		done
	done
	[ "$seen" -gt 250 ]
}

@test "captured files: cut and corrupt archives, malformed tables, forged envelopes, bombs" {
	seen=0
	for input in "$corpus"/captured/*; do
		what=${input##*/}
		seen=$((seen + 1))
		try pay-consume --dead-letter dead --stats "$input"
		fits "${what%%-*}"
		[ "$status" != 0 ] || [ "$(tail -n 1 got | jq -r ._mark.end)" = complete ] || wrong "$what: no end mark"
		[ "$status" = 0 ] || run -1 grep -q '"end":"' got
		tail -n 1 err | jq -e '.in == .out + ([.dropped[]] | add // 0)' >counted || wrong "$what: does not add up"
	done
	[ "$seen" -gt 25 ]
}

@test "hostile lines through the whole flow: each payment that is good is kept once, each line is in the log or a letter" {
	for kind in coordinates offsets names members numbers utf8 nul control blank fragments; do
		cd "$(mktemp -d -p "$BATS_TEST_TMPDIR")"
		for _ in 1 2; do
			pay-consume --as day --dead-letter - "$corpus/lines/$kind.message" | pay-store --log -d log.db |
				pay-tobase --dead-letter - | pay-filter --tag | pay-rule | pay-store -d settle.db | pay-agg -d totals.db >totals
		done
		kept=$(sqlite3 -readonly log.db 'select (select count(*) from payment_log) + (select count(*) from dead_letter)')
		told=$(sqlite3 -readonly settle.db 'select (select count(*) from base) + (select count(*) from unsettlement) + (select count(*) from dead_letter)')
		echo "$kind: $kept, $told"
		[ "$kept" = "$told" ]
		[ "$kept" -gt 1 ]
		pay-store -d settle.db --verify >/dev/null
		[ "$(jq -s 'map(.value.count) | add' totals)" = "$(sqlite3 -readonly settle.db 'select count(*) from base')" ]
	done
}
