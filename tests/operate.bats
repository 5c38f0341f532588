#!/usr/bin/env bats
# Keeping the databases: copies, pruning, upgrades, and databases built anew from the log.
bats_require_minimum_version 1.5.0

setup() {
	load setup
	tree=${BATS_TEST_DIRNAME%/tests*}
}

# pay AMOUNT MERCHANT TIME: a message
pay() {
	printf '{"channel":"ONLINE","action":"PAYMENT","data":{"paymentType":"ONLINE","amount":%s,"merchantNumber":"%s","paymentDate":"%s","confirmDate":"2025-06-01","payoutDate":"2025-06-03","paymentActionType":"PAYMENT","paymentMethodType":"CARD"}}\n' "$@"
}

finish='{"channel":"ONLINE","action":"FINISH"}'

# days FROM TO: ten payments of each of these days of May 2025, and their FINISH
days() {
	local day n
	for day in $(seq -f %02.0f "$1" "$2"); do
		for n in 1 2 3 4 5 6 7 8 9 10; do pay $((10#$day * 100 + n)) "m-$((n % 3))" "2025-05-${day}T10:00:00"; done
		echo "$finish"
	done
}

# flow FILE [OPTION]...: settles a file into log.db, settle.db and totals.db
flow() {
	pay-consume --dead-letter - "$@" | pay-store --log -d log.db | later settle.db totals.db >/dev/null
}

# later SETTLE TOTALS [OPTION]...: the stages behind the log
later() {
	pay-tobase --dead-letter - | pay-filter --tag | pay-rule | pay-store -d "$1" "${@:3}" | pay-agg -d "$2" "${@:3}"
}

# ask DB SQL
ask() {
	sqlite3 -readonly "$1" "$2"
}

# captured FROM TO: what kcat -J makes of messages at these offsets of payment/0
captured() {
	for offset in $(seq "$1" "$2"); do pay "$offset" m-1 2025-05-20T10:00; done |
		jq -c --argjson from "$1" '{topic: "payment", partition: 0, offset: ($from + input_line_number - 1), key: null, payload: tojson}'
}

# live FROM TO: a stream of the topic with these offsets
live() {
	local mark='{"_mark":{"seq":%d,"records":%d,"in":%d,"dropped":{},"amount":null,"from":{"payment/0":%d},"next":{"payment/0":%d},"end":%s}}\n'
	# shellcheck disable=SC2059 # the format is the one above
	printf "$mark" 0 0 0 "$1" "$1" null
	captured "$1" "$2" | pay-consume --plain --format kcat -
	# shellcheck disable=SC2059
	printf "$mark" 1 $(($2 - $1 + 1)) $(($2 - $1 + 1)) "$1" $(($2 + 1)) '"complete"'
}

# known DB: what it knows of its sources
known() {
	ask "$1" 'select * from cover; select * from state; select * from place'
}

@test "a copy is the database of one moment, for its owner alone, and a flow goes on with it" {
	days 1 9 >first
	flow first
	run -0 pay-store -d log.db --backup log.copy
	[ "$output" = "log.db: copied to log.copy: payment_log 99 records; first/0 up to 99" ]
	run -0 pay-agg -d totals.db --backup totals.copy
	[ "$output" = "totals.db: copied to totals.copy: 27 totals of 90 records; first/0 up to 99" ]
	pay-store -d settle.db --backup settle.copy
	[ "$(stat -c %a log.copy)" = 600 ]
	[ -z "$(find . -name '.*copy*')" ]
	for name in log settle totals; do cmp <(sqlite3 $name.db .dump) <(sqlite3 $name.copy .dump); done
	days 10 12 >second
	flow second
	rm ./*.db*
	for name in log settle totals; do mv $name.copy $name.db; done
	flow first --resume log.db --resume settle.db --resume totals.db
	flow second --resume log.db --resume settle.db --resume totals.db
	[ "$(pay-agg -d totals.db --query | jq -s 'map(.value.count) | add')" = 120 ]
	pay-store -d settle.db --verify
}

@test "a copy is made beside a flow that writes, whole segments at a time" {
	mkfifo line
	days 1 20 >day
	pay-consume --segment-records 10 day >stream
	pay-store --log -d log.db <line >/dev/null &
	exec 5>line
	head -n 112 stream >&5
	for _ in {1..1200}; do
		[ "$(ask log.db 'select count(*) from payment_log' 2>/dev/null)" != 100 ] || break
		sleep 0.05
	done
	run -0 pay-store -d log.db --backup copy.db
	[ "$output" = "log.db: copied to copy.db: payment_log 100 records; day/0 up to 100" ]
	tail -n +113 stream >&5
	exec 5>&-
	wait $!
	pay-store -d copy.db --verify
	[ "$(ask log.db 'select count(*) from payment_log')" = 220 ]
}

@test "what --dedupe keeps is copied as well" {
	days 1 1 | sed 's/"data":{/&"id":"1",/' >day
	pay-consume day | pay-tobase | pay-filter --tag --dedupe ids.db --dedupe-by id | pay-rule --default-cycle D+2 >/dev/null
	run -0 pay-store -d ids.db --backup ids.copy
	[ "$output" = "ids.db: copied to ids.copy: the identities of pay-filter --dedupe" ]
	cmp <(sqlite3 ids.db .dump) <(sqlite3 ids.copy .dump)
}

@test "a copy destroys nothing, and takes no log that another database left" {
	days 1 2 >day
	flow day
	cp day other
	for to in other log.db settle.db day; do
		run -73 pay-store -d log.db --backup $to
		[[ $output == *"$to: is there already; name a file that is missing or empty" ]]
	done
	cmp day other
	ln -s nothing link
	run -73 pay-store -d log.db --backup link
	[ ! -e nothing ]
	mkdir folder
	run -73 pay-store -d log.db --backup folder
	run -73 pay-store -d log.db --backup nowhere/copy
	touch copy-wal
	run -73 pay-store -d log.db --backup copy
	[[ $output == *"copy-wal: is left from another database"* ]]
	[ ! -e copy ]
	rm copy-wal
	touch copy
	run -73 pay-store -d log.db --backup other --check
	pay-store -d log.db --backup copy --check
	[ ! -s copy ]
	pay-store -d log.db --backup copy
	[ -s copy ]
	run -66 pay-store -d none.db --backup to
	run -65 pay-store -d day --backup to
	sqlite3 alien.db 'create table t(a)'
	run -78 pay-store -d alien.db --backup to
	[ ! -e to ]
	run -64 pay-store -d log.db --backup to --verify
	run -64 pay-agg --backup to
	run -64 pay-agg -d totals.db --backup to day
}

@test "of a damaged store, and on a full disk, no copy is kept" {
	days 1 20 >day
	flow day
	page=$(ask log.db "select pageno from dbstat where name = 'payment_log_key' and pagetype = 'leaf' limit 1")
	cp log.db bad.db
	dd if=/dev/zero of=bad.db bs=32768 seek=$((page - 1)) count=1 conv=notrunc status=none
	run -65 pay-store -d bad.db --backup copy
	[[ $output == *"bad.db: is damaged ("*"no copy was kept"* ]]
	run -74 bash -c 'ulimit -f 100; pay-store -d log.db --backup copy'
	[[ $output == *"copy: cannot copy: "* ]]
	[ -z "$(find . -name '*copy*')" ]
}

@test "pruning takes old messages, and nothing else; tallies, cover and --verify stay" {
	days 1 9 >day
	sed -i '1s/.*/not JSON/; 60s/.*/nor this/' day
	flow day
	before=$(stat -c %s log.db) cover=$(known log.db)
	run -0 pay-store -d log.db --prune-log 3 --check
	[ "$output" = "log.db: newest payment 2025-05-09: 54 messages before 2025-05-06 would go, 43 stay" ]
	[ "$(ask log.db 'select count(*) from payment_log')" = 97 ]
	run -0 pay-store -d log.db --prune-log 3
	[ "$output" = "log.db: newest payment 2025-05-09: 54 messages before 2025-05-06 pruned, 43 stay" ]
	[ "$(stat -c %s log.db)" -le "$before" ]
	[ "$(ask log.db "select min(paymentDate), count(*), sum(action = 'FINISH') from payment_log")" = "2025-05-06T10:00:00|43|4" ]
	[ "$(ask log.db 'select count(*) from dead_letter where not corrected')" = 2 ]
	[ "$(ask log.db 'select sum(hi - lo), sum(finish), sum(amount) from pruned')" = "54|5|$((102 + 103 + 104 + 105 + 106 + 107 + 108 + 109 + 110 + 2055 + 3055 + 4055 + 5055))" ]
	[ "$(ask log.db 'select * from logged')" = "97|9" ]
	[ "$(known log.db)" = "$cover" ]
	run -0 pay-store -d log.db --verify
	[[ $output == *"payment_log: 43 records, and 54 pruned"* ]]
	run -0 pay-store -d log.db --prune-log 3
	[[ $output == *": 0 messages before 2025-05-06 pruned, 43 stay" ]]
	pay-store -d log.db --prune-log 0
	[ "$(ask log.db 'select * from logged')" = "97|9" ]
	# one interval between the two lines that were no messages
	[ "$(ask log.db 'select lo, hi from pruned' | xargs)" = "2|60 61|89" ]
	pay-store -d log.db --verify
}

@test "the space that pruning freed is given back" {
	days 1 28 | awk '{ for (n = 0; n < 40; n++) print }' >day
	pay-consume day | pay-store --log -d log.db >/dev/null
	before=$(stat -c %s log.db)
	pay-store -d log.db --prune-log 6
	[ "$(stat -c %s log.db)" -lt $((before / 2)) ]
	[ ! -e log.db-wal ]
	pay-store -d log.db --verify
	cmp <(pay-store -d log.db --export payment_log | cut -d, -f2-) <(tail -n $((7 * 440)) day | cut -c2-)
}

@test "what settle keeps adds up after pruning as before" {
	days 1 9 >day
	settle() { "$tree/scripts/settle" -o results --dead-letter - "$@"; }
	settle day >/dev/null
	pay-store -d results/log.db --prune-log 3
	run -0 settle day
	[[ $output == *"Everything adds up."* ]]
	days 10 10 >next
	run -0 settle day next
	[[ $output == *"log.db: messages "*" 110 "* ]]
	[[ $output == *"Everything adds up."* ]]
}

@test "a message that was pruned is known when it comes again; what was never there is not" {
	days 1 9 >day
	sed -i '5s/.*/not JSON/' day
	flow day
	pay-store -d log.db --prune-log 2
	pay-consume --dead-letter - day | pay-store --log -d log.db --stats 2>stats >/dev/null
	[[ $(cat stats) == *'"in":99,"out":99,'*'"duplicates":99,'* ]]
	# as plain lines out of order, and when it should overwrite
	pay-consume --plain --dead-letter bad day | tac | pay-store --log --replace -d log.db >/dev/null
	[ "$(ask log.db 'select count(*) from payment_log')" = 33 ]
	pay 105 m-2 2025-05-01T10:00:00 | sed 's|{|{"_src":"day/0/5",|' | pay-store --log -d log.db >/dev/null
	[ "$(ask log.db 'select offset from payment_log where offset < 10')" = 5 ]
	[ "$(ask log.db 'select corrected from dead_letter')" = 1 ]
	pay-store -d log.db --verify
	pay-store -d log.db --prune-log 2
	[ "$(ask log.db 'select lo, hi from pruned')" = "1|67" ]
	flow day
	[ "$(ask log.db 'select count(*) from payment_log')" = 33 ]
	pay-store -d log.db --verify
}

@test "pruning goes by each source's own messages, and by dates that exist" {
	days 1 3 >a
	{
		days 8 9
		pay 1 m 2025-13-45T10:00
		pay 2 m 2999-99-99
		days 1 1
	} >b
	echo "$finish" >c # no date is near
	{
		echo "$finish"
		days 2 2
		days 9 9
	} >d
	for file in a b c d; do pay-consume $file | pay-store --log -d log.db >/dev/null; done
	pay-store -d log.db --prune-log 2
	[ "$(ask log.db 'select source, group_concat(offset) from (select * from payment_log order by 1, 3) group by 1' | tr '\n' ' ')" = \
		"b|$(seq -s, 24) c|1 d|$(seq -s, 13 23) " ]
	pay-store -d log.db --verify
	rm log.db*
	echo "$finish" | pay-consume --as c - | pay-store --log -d log.db >/dev/null
	run -0 pay-store -d log.db --prune-log 2
	[ "$output" = "log.db: holds no message with a payment date: nothing to prune" ]
	run -64 pay-store -d log.db --prune-log -1
	run -66 pay-store -d none.db --prune-log 1
	[ ! -e none.db ]
}

@test "pruning that is killed, or finds no room, has done all or nothing" {
	days 1 28 | awk '{ for (n = 0; n < 20; n++) print }' >day
	pay-consume day | pay-store --log -d log.db >/dev/null
	for delay in 0.01 0.02 0.04 0.08; do
		timeout -s KILL $delay pay-store -d log.db --prune-log 20 || true
		pay-store -d log.db --verify >/dev/null
	done
	run -74 bash -c 'ulimit -f 1000; pay-store -d log.db --prune-log 10'
	pay-store -d log.db --verify >/dev/null
	pay-store -d log.db --prune-log 10
	[ "$(ask log.db 'select count(*) from payment_log')" = $((11 * 220)) ]
	pay-store -d log.db --verify
}

# older: a store of version 3 as log.db, totals of version 2 as totals.db, and the file day that they were made of
older() {
	{
		pay 100 m-1 2025-05-20T10:00
		pay 200 m-2 2025-05-21T11:00:00
		echo 'not JSON'
		pay 300 m-1 2025-05-22T12:30
		echo "$finish"
	} | sed 's/,"confirmDate.*,"paymentActionType/,"paymentActionType/' >day
	sqlite3 log.db <"$tree/tests/store/log-version-3.sql" >/dev/null
	sqlite3 totals.db <"$tree/tests/agg/totals-version-2.sql" >/dev/null
}

@test "a store of the version before is refused with the way, brought up, and goes on exactly" {
	older
	run -78 pay-store -d log.db --verify
	[[ $output == *"log.db: has schema version 3, this program knows 4; pay-store --upgrade -d FILE brings it there"* ]]
	run -78 pay-consume --resume log.db day
	[[ $output == *"pay-store --upgrade -d FILE"* ]]
	pay-store -d log.db --backup copy.db
	run -0 pay-store --upgrade -d log.db --check
	[ "$(ask log.db 'pragma user_version')" = 3 ]
	run -0 --separate-stderr pay-store --upgrade -d log.db
	[ "$output" = "log.db: upgraded from version 3 to 4" ]
	[[ $stderr == "pay-store: log.db: knows 1 file by name, not by content: until read once more under its name, "* ]]
	pay-store -d log.db --verify
	run -0 pay-store --upgrade -d log.db
	[ "$output" = "log.db: has version 4, the present one" ]
	# as one that is made today
	pay-consume --dead-letter - day | pay-store --log -d new.db >/dev/null
	cmp <(ask log.db 'select type, name, sql from sqlite_schema order by name') <(ask new.db 'select type, name, sql from sqlite_schema order by name')
	pay-consume --dead-letter - --resume log.db day | pay-store --log -d log.db >/dev/null
	pay-consume --dead-letter - day | pay-store --log -d log.db >/dev/null
	cmp <(pay-store -d log.db --export payment_log) <(pay-store -d new.db --export payment_log)
	# which was reading it once more
	pay-consume --dead-letter - --as copy day >stream
	run -76 pay-store --log -d log.db stream
	[[ $output == *"are those of day, which was taken before"* ]]
	pay-store -d log.db --prune-log 1
	pay-store -d log.db --verify
	[ "$(ask log.db 'select * from logged')" = "4|1" ]
}

@test "totals of the version before are brought up, and count nothing twice" {
	older
	run -78 pay-agg -d totals.db --query
	[[ $output == *"totals.db: has schema version 2, this program knows 3; pay-agg --upgrade -d FILE brings it there"* ]]
	run -0 --separate-stderr pay-agg --upgrade -d totals.db
	[ "$output" = "totals.db: upgraded from version 2 to 3" ]
	pay-consume --dead-letter - day | pay-tobase | pay-agg -d new.db >/dev/null
	schema='select type, name, sql from sqlite_schema order by name'
	cmp <(ask totals.db "$schema") <(ask new.db "$schema")
	for _ in 1 2; do pay-consume --dead-letter - day | pay-tobase | pay-agg -d totals.db >/dev/null; done
	cmp <(pay-agg -d totals.db --query) <(pay-agg -d new.db --query)
}

@test "what is too old, too new, or of another kind is not brought up" {
	older
	for version in 2 99; do
		sqlite3 log.db "pragma user_version = $version"
		run -78 pay-store --upgrade -d log.db
		[[ $output == *"log.db: has schema version $version, "* ]]
		[[ $output != *"--upgrade -d FILE"* ]]
		[ "$(ask log.db 'pragma user_version')" = $version ]
	done
	run -66 pay-store --upgrade -d none.db
	[ ! -e none.db ]
	run -65 pay-store --upgrade -d day
	run -78 pay-store --upgrade -d totals.db
	run -78 pay-agg --upgrade -d log.db
}

@test "databases built from the log know what it knows, and the flow goes on with them" {
	days 1 4 >a
	sed -i '3s/.*/not JSON/; 7s/.*/{"channel":"ONLINE","action":"PAYMENT","data":{}}/' a
	days 5 6 >b
	printf '%s\n' 'channel,action,paymentType,amount,payoutDate,confirmDate,merchantNumber,paymentDate,paymentActionType,paymentMethodType' \
		'ONLINE,PAYMENT,ONLINE,5,2025-06-03,2025-06-01,m-1,2025-05-03T10:00,PAYMENT,CARD' >c.csv
	: >empty
	for file in a b c.csv empty; do flow $file; done
	pay-store -d log.db --export payment_log --sealed >log.stream
	later new.db new-totals.db <log.stream >/dev/null
	cmp <(known log.db) <(known new.db)
	cmp <(known totals.db) <(known new-totals.db)
	for table in base unsettlement dead_letter; do cmp <(pay-store -d settle.db --export $table) <(pay-store -d new.db --export $table); done
	cmp <(pay-agg -d totals.db --query) <(pay-agg -d new-totals.db --query)
	# the live flow finds nothing to do, and then the rest of a file that has grown
	[ "$(pay-consume a --resume new.db --resume new-totals.db | grep -vc _mark)" = 0 ]
	days 7 7 >>b
	pay-consume b --grown --resume new.db --resume new-totals.db | later new.db new-totals.db >/dev/null
	[ "$(pay-agg -d new-totals.db --query | jq -s 'map(.value.count) | add')" = 69 ]
	pay-store -d new.db --verify
	# a log, too
	pay-store --log -d new-log.db log.stream >/dev/null
	cmp <(sqlite3 log.db .dump) <(sqlite3 new-log.db .dump)
}

@test "a sealed export has marks of segments, partitions and the states of the topic, and leaves sources out" {
	for partition in 0 1 2; do seq 0 14999 | sed "s|.*|{\"_src\":\"payment/$partition/&\",\"n\":&}|"; done >records
	{
		echo '{"_mark":{"seq":0,"records":0,"in":0,"dropped":{},"amount":null,"from":{},"next":{},"end":null}}'
		cat records
		echo '{"_mark":{"seq":1,"records":45000,"in":45010,"dropped":{"pay-consume":10},"amount":null,"from":{"payment/0":0,"payment/1":0,"payment/2":0},"next":{"payment/0":15005,"payment/1":15000,"payment/2":15005},"state":{"payment/1":"last"},"end":"complete"}}'
	} >stream
	pay-store --log -d log.db stream >/dev/null
	echo '{"n":1}' | pay-store --log -d log.db --source plain >/dev/null # covered by nothing
	pay-store -d log.db --export payment_log --sealed >out
	cmp <(grep -v _mark out) <(
		cat records
		echo '{"_src":"plain/0/1","n":1}'
	)
	[ "$(jq -r 'select(._mark)._mark.records' out | xargs)" = "0 10000 10000 10000 10000 5001" ]
	pay-store --log -d new.db out >/dev/null
	cmp <(known log.db) <(known new.db)
	pay-store -d log.db --export payment_log --sealed --without payment | pay-store --log -d rest.db >/dev/null
	[ "$(ask rest.db 'select source from payment_log')" = plain ]
	[ -z "$(known rest.db)" ]
	run -64 pay-store -d log.db --export payment_log --without payment
	run -64 pay-store -d log.db --export payment_log --sealed --where 1
	run -64 pay-store -d log.db --export dead_letter --sealed
	run -64 pay-store -d log.db --sealed
}

@test "a hole in the log is a hole in what is built from it, and is asked for" {
	days 1 9 >day
	pay-consume --from 40 day | pay-store --log -d log.db >/dev/null
	pay-store -d log.db --export payment_log --sealed | pay-store --log -d begins-later.db >/dev/null
	pay-consume --to 20 day | pay-store --log -d log.db >/dev/null # before what is known: a backfill
	pay-store -d log.db --export payment_log --sealed >out
	run -76 pay-store --log -d new.db out
	[[ $output == *"would leave a hole: offsets 21 to 39 are missing"* ]]
	pay-store --log --allow-gap -d new.db out >/dev/null
	cmp <(known log.db) <(known new.db)
	pay-consume --from 20 --to 40 day | pay-store --log -d log.db >/dev/null
	pay-store -d log.db --export payment_log --sealed | pay-store --log -d whole.db >/dev/null
	[ "$(ask whole.db 'select lo, hi from cover')" = "1|100" ]
}

@test "a pruned log builds nothing that would lack what was pruned, unless that is accepted" {
	days 1 9 >day
	flow day
	pay-store -d log.db --prune-log 3
	run -76 pay-store -d log.db --export payment_log --sealed
	[[ $output == *"log.db: 55 of its messages were pruned"*"--allow-gap"* ]]
	pay-store -d log.db --export payment_log --sealed --without day >/dev/null
	pay-store -d log.db --export payment_log --sealed --allow-gap | later new.db new-totals.db >/dev/null
	cmp <(known log.db) <(known new.db)
	[ "$(ask new.db 'select count(*) from base')" = 40 ]
}

@test "after --replace totals are built from base, with its cover, and withdrawn payments are not paid again" {
	days 1 3 >day
	flow day
	pay-store -d settle.db --export base --where "merchantNumber = 'm-1'" | sed 's/"_rule/"_unsettled":"NON_SETTLEMENT_MERCHANT",&/' |
		pay-store -d settle.db --replace >/dev/null
	[ "$(ask settle.db 'select count(*) from unsettlement')" = 12 ]
	rm totals.db*
	pay-store -d settle.db --export base --sealed | pay-agg -d totals.db >/dev/null
	cmp <(known settle.db) <(known totals.db)
	flow day --resume log.db --resume settle.db --resume totals.db
	[ "$(pay-agg -d totals.db --query | jq -s 'map(.value.count) | add')" = 18 ]
	cmp <(pay-agg -d totals.db --query) <(pay-store -d settle.db --export base | pay-agg)
}

@test "what retention took is fed from a capture, and no run wants --allow-gap after that" {
	live 0 9 | pay-store --log -d log.db | later settle.db totals.db >/dev/null
	live 20 29 >next
	run -76 pay-store --log -d log.db next
	[[ $output == *"payment/0: would leave a hole: offsets 10 to 19 are missing"* ]]
	captured 10 19 >capture.json
	# without the word of a person it is a file like any other
	pay-consume capture.json | pay-store --log -d log.db >/dev/null
	run -76 pay-store --log -d log.db next
	# the page's own command lines
	sed -n 's/^\.Dl \(pay-consume --covers .*\)/\1/p' "$tree/man/paypipe-recovery.7" >remedy
	sed 's|100-199|10-19|' remedy | bash -e
	for db in log settle totals; do [ "$(ask $db.db "select lo, hi from cover where source = 'payment'")" = "0|20" ]; done
	pay-store --log -d log.db next | later settle.db totals.db >/dev/null
	pay-store -d log.db --verify
	pay-store -d settle.db --verify
	[ "$(pay-agg -d totals.db --query | jq -c '.value')" = '{"count":30,"totalAmount":435}' ]
	# again, and it counts nothing twice
	sed 's|100-199|10-19|' remedy | bash -e
	[ "$(pay-agg -d totals.db --query | jq -c '.value')" = '{"count":30,"totalAmount":435}' ]
	# a hole that was taken is filled, too
	rm ./*.db*
	{ live 0 9 | pay-store --log -d log.db && pay-store --log --allow-gap -d log.db next; } >/dev/null
	run -76 pay-store -d log.db --verify
	pay-consume --covers payment/0/10-19 capture.json | pay-store --log -d log.db >/dev/null
	pay-store -d log.db --verify
}

@test "a capture of pay-consume's own covers a topic as well, once it was read to its end" {
	captured 10 19 | pay-consume - >stream
	pay-consume --covers payment/0/10-19 stream >out
	[ "$(jq -c '._mark | select(.next["payment/0"]) | [.from["payment/0"], .next["payment/0"], .end]' out)" = '[10,20,"complete"]' ]
	{ captured 10 14 && echo 'not JSON'; } >bad.json
	run -65 bash -c 'pay-consume --covers payment/0/10-19 bad.json >out'
	run ! grep -q '"payment/0":20' out
	# several captures, several partitions
	captured 20 29 | sed 's/"partition":0/"partition":1/' >other
	pay-consume --covers payment/0/10-19 --covers payment/1/20-29 stream other >out
	[ "$(jq -c '._mark | select(.next["payment/0"]).next | [.["payment/0"], .["payment/1"]]' out)" = '[20,30]' ]
}

@test "a capture covers nothing that it does not have" {
	captured 10 19 >capture.json
	run -65 bash -c 'pay-consume --covers payments/0/10-19 capture.json >out'
	[[ $output == *"--covers payments/0/10-19: no record of these offsets came: they are not in this capture"* ]]
	run ! grep -q '"end":"complete"' out
	pay-consume --covers payment/0/5-30 capture.json 2>said >out
	[[ $(cat said) == *"--covers payment/0/5-30: what came are 10 to 19: the rest counts as never written"* ]]
	for range in payment payment/0 payment/0/5 payment/0/9-5 payment/0/-5 payment/0/5- /0/1-2 payment/0/1-x; do
		run -64 pay-consume --covers $range capture.json
		[[ $output == *"is not TOPIC/PARTITION/FROM-TO"* ]]
	done
	run -64 pay-consume --covers payment/0/1-2 --covers payment/0/5-6 capture.json
	run -64 pay-consume --covers payment/0/10-19 --from 2 capture.json
	run -64 pay-consume --covers payment/0/10-19 --resume log.db capture.json
	run -64 pay-consume --covers payment/0/10-19 --as payment capture.json
	run -64 pay-consume --covers payment/0/10-19 -b localhost -t payment
}

@test "the commands of paypipe-operate(7) do what it says" {
	days 1 3 >day
	sed -i '3s/.*/not JSON/' day
	flow day
	# as they are read on the page
	mandoc -O width=500 "$tree/man/paypipe-operate.7" | col -b | expand | sed -n '/{$/,/}$/d; s/^ \{11\}\([^ ].*\)/\1/p' >commands
	[ "$(wc -l <commands)" -ge 14 ]
	for name in log settle totals; do sqlite3 $name.db .dump >$name.was; done
	while read -r command; do
		echo "$command"
		bash -e -c "$command" </dev/null
	done <commands >said
	grep -q "log.db: copied to backup/log.db.new: payment_log 32, dead_letter 1 records; day/0 up to 33" said
	grep -q "0 messages before 2025-02-02 pruned, 32 stay" said
	grep -q '"_dead":{"stage":"pay-consume"' said
	[ "$(tail -n 1 said)" = "day|0|34" ]
	for name in log settle totals; do cmp $name.was <(sqlite3 $name.db .dump); done
	[ -s broken/log.db ]
}
