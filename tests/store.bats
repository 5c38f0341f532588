#!/usr/bin/env bats
# pay-store: records in a SQLite file, each once.

bats_require_minimum_version 1.5.0

setup() {
	load setup
}

# records FROM TO: base records of day/0 by offset; the amount is the offset.
records() {
	seq "$1" "$2" | sed 's|.*|{"_src":"day/0/&","_rule":"default:C+2","paymentType":"ONLINE","amount":&,"payoutDate":"2025-05-27","confirmDate":null,"merchantNumber":"m-&","paymentDate":"2025-05-25T10:00:00.5","paymentActionType":"PAYMENT","paymentMethodType":"CARD"}|'
}

# record OFFSET MEMBERS: one, with further members of the toolkit's own.
record() {
	records "$1" "$1" | sed "s|\"_rule|$2,&|"
}

# seal SIZE [END]: closes every SIZE records with a mark, as pay-consume does.
seal() {
	awk -F'"' -v size="$1" -v end="${2-complete}" '
	function mark(last) {
		printf "{\"_mark\":{\"seq\":%d,\"records\":%d,\"in\":%d,\"dropped\":{},\"amount\":\"%d\",\"from\":{\"day/0\":%d},\"next\":{\"day/0\":%d},\"end\":%s}}\n",
			seq++, n, n, sum, from, next_, last ? "\"" end "\"" : "null"
		n = sum = 0; from = next_
	}
	{ split($4, at, "/") }
	NR == 1 { from = next_ = at[3]; mark(0) }
	n == size { mark(0) }
	{ print; n++; next_ = at[3] + 1 }
	match($0, /"amount":-?[0-9]+/) { sum += substr($0, RSTART + 9, RLENGTH - 9) }
	END { if (end) mark(1) }'
}

sql() {
	sqlite3 -readonly store.db "$1"
}

@test "records are stored, passed on byte for byte, and written back byte for byte" {
	records 1 25 | seal 10 >day
	pay-store -d store.db day >out
	cmp day out
	pay-store -d store.db --export base >back
	cmp back <(records 1 25)
	[ "$(sql 'select source, partition, offset, merchantNumber, amount, rule from base where offset = 7')" = "day|0|7|m-7|7|default:C+2" ]
	[ "$(sql 'select * from cover')" = "day|0|1|26" ]
}

@test "number spellings, unknown members, escapes and odd spacing survive the store" {
	cat >day <<'END'
{"_src":"day/0/1","_key":"k","_ts":12,"_rule":"R","paymentType":"ONLINE","amount":-0,"payoutDate":null,"confirmDate":null,"merchantNumber":"m","paymentDate":"2025-05-25T10:00","paymentActionType":"PAYMENT","paymentMethodType":"CARD","big":9007199254740993,"rate":1.10}
{"_src":"day/0/2","_key":"k","_ts":12,"_unknown":[],"_rule":"R","paymentType":"ONLINE","amount":9223372036854775807,"payoutDate":null,"confirmDate":null,"merchantNumber":"m","paymentDate":"2025-05-25T10:00","paymentActionType":"PAYMENT","paymentMethodType":"CARD","big":9007199254740993,"rate":1.10}
{"_src":"day/0/3","paymentType":"ONLINE","amount":-9223372036854775808,"payoutDate":null,"confirmDate":null,"merchantNumber":"\u00e9\"\t","paymentDate":"2025-05-25T10:00","paymentActionType":"PAYMENT","paymentMethodType":"CA\u0052D"}
{ "_src": "day/0/4", "paymentType": "ONLINE", "amount": 4, "merchantNumber": "m", "paymentDate": "2025-05-25T10:00", "paymentActionType": "PAYMENT", "paymentMethodType": "CARD" }
{"_src":"a \"b\"/c/0/5","extra":{"first":1},"amount":5,"paymentType":"ONLINE","merchantNumber":"m","paymentDate":"2025-05-25T10:00","paymentActionType":"PAYMENT","paymentMethodType":"CARD"}
END
	pay-store -d store.db --signed day | cmp - day
	pay-store -d store.db --export base | sort | cmp - <(sort day)
	[ "$(sql "select merchantNumber from base where offset = 3")" = $'é"\t' ]
	[ "$(sql "select count(*) from base where paymentMethodType = 'CARD'")" = 5 ]
	[ "$(sql "select own, json_extract(members, '\$.big') from base where offset = 2")" = '{"_key":"k","_ts":12,"_unknown":[]}|9007199254740993' ]
	[ "$(sql "select source from base where offset = 5")" = 'a "b"/c' ]
	# only the lines that are spelled otherwise are kept whole
	[ "$(sql "select offset from base where record is not null order by offset" | xargs)" = "1 3 4 5" ]
}

@test "a record met again counts once, whatever it is met in" {
	records 1 30 | seal 10 | pay-store -d store.db >/dev/null
	records 11 40 | seal 7 | pay-store -d store.db --stats 2>stats >out
	[[ $(cat stats) == *'"in":30,"out":30,'*'"duplicates":20,'* ]]
	[ "$(grep -vc _mark out)" = 30 ]
	cmp <(pay-store -d store.db --export base) <(records 1 40)
	pay-store -d store.db --verify
}

@test "a segment of many partitions, some known, some twice, some not in order, is stored exactly" {
	# 90 partitions by turns, of which some offsets fall; every 7th record comes twice
	records 1 3000 | awk -F'"' -v OFS='"' '{ n = NR - 1; at = int(n / 90); if (n % 5 == 0) at = 40 - at
		$4 = "t/" n % 90 "/" at; print; if (n % 7 == 0) print }' >all
	awk 'NR % 3 == 1' all | pay-store -d store.db --stats >/dev/null 2>first
	pay-store -d store.db --stats all 2>second | cmp - all
	added() { sed -E 's/.*"in":([0-9]+),.*"duplicates":([0-9]+),.*/\1 \2/' "$1" | awk '{ print $1 - $2 }'; }
	[ $(($(added first) + $(added second))) = 3000 ]
	cmp <(pay-store -d store.db --export base | sort) <(sort -u all)
	pay-store -d store.db --verify
}

@test "what came before a cut is kept, and the next run goes on from there" {
	records 1 25 | seal 10 >day
	run -65 pay-store -d store.db <(head -n 18 day)
	[[ $output == *"no end mark came"* ]]
	[ "$(sql 'select count(*), max(hi) from base, cover')" = "10|11" ]
	pay-store -d store.db day >/dev/null
	cmp <(pay-store -d store.db --export base) <(records 1 25)
}

@test "a store killed at any instant loses nothing and counts nothing twice" {
	records 1 30000 | seal 250 >day
	for round in 1 2 3 4 5 6; do
		delay=0.0$((RANDOM % 90 + 10))
		echo "round $round: killed after $delay s"
		timeout -s KILL $delay pay-store -d store.db day >/dev/null || true
	done
	pay-store -d store.db day | cmp - day
	cmp <(pay-store -d store.db --export base) <(records 1 30000)
	pay-store -d store.db --verify
}

@test "a full disk is said with 74, and the next run is exact" {
	records 1 20000 | seal 1000 >day
	run -74 bash -c 'ulimit -f 2000; pay-store -d store.db day >/dev/null'
	[[ $output == *"store.db: cannot "*"make room"* ]]
	pay-store -d store.db day | cmp - day
	cmp <(pay-store -d store.db --export base) <(records 1 20000)
	pay-store -d store.db --verify
}

@test "a second writer waits for the lock, then says who holds it and ends with 75" {
	mkfifo hold
	pay-store -d store.db <hold >/dev/null 3>&- &
	local holder=$!
	exec 9>hold
	records 1 3 | seal 10 >day
	until [ -s store.db-wal ]; do sleep 0.02; done
	run -75 pay-store -d store.db --lock-wait 0.2 day
	[[ $output == *"$(</proc/$holder/comm), process $holder, writes to it; waited 0.2 s"* ]]
	(
		sleep 0.3
		cat day >&9
	) &
	exec 9>&-
	pay-store -d store.db --lock-wait 10 day >/dev/null
	wait "$holder" $!
	cmp <(pay-store -d store.db --export base) <(records 1 3)
}

@test "a segment after a hole is refused with 76 unless the hole is allowed, and --verify lists it" {
	records 1 10 | seal 5 | pay-store -d store.db >/dev/null
	records 21 30 | seal 5 >late
	run -76 pay-store -d store.db late
	[[ $output == *"day/0: would leave a hole: offsets 11 to 20 are missing"* ]]
	[ "$(sql 'select count(*) from base')" = 10 ]
	pay-store -d store.db --allow-gap late >/dev/null
	run -76 pay-store -d store.db --verify
	[[ $output == *"hole: day/0: offsets 11 to 20 are missing"* ]]
	records 11 20 | seal 5 | pay-store -d store.db >/dev/null
	pay-store -d store.db --verify
}

@test "a finished file with other content is refused, and so is one that has more lines" {
	local hash=ffeeddccbbaa99887766554433221100
	cat >day <<END
{"_mark":{"seq":0,"records":0,"in":0,"dropped":{},"amount":null,"from":{},"next":{},"end":null}}
{"_mark":{"seq":1,"records":0,"in":0,"dropped":{},"amount":null,"from":{"f/0":1},"next":{"f/0":5},"state":{"f/0":"file:$hash"},"files":{"f":{"lines":4,"content":"$hash"}},"end":"complete"}}
END
	pay-store -d store.db day >/dev/null
	pay-store -d store.db day >/dev/null
	sed 's/"ff/"00/' day >other
	run -76 pay-store -d store.db other
	[[ $output == *"f: was read before with other content (not the same lines)"*"--as"* ]]
	sed 's/"next":{"f\/0":5}/"next":{"f\/0":6}/; s/"files.*,"end"/"end"/' day >longer
	run -76 pay-store -d store.db longer
	[[ $output == *"f: was read before with other content (it was shorter)"* ]]
	[ "$(sql 'select * from place')" = "f|4|$hash|1" ]
	# It had not ended.
	sed 's/,"files.*,"end"/,"end"/' day | pay-store -d part.db >/dev/null
	sed 's/"lines":4/"lines":2/; s/"next":{"f\/0":5}/"next":{"f\/0":3}/' day >shorter
	run -76 pay-store -d part.db shorter
	[[ $output == *"f: was read before with other content (it was longer)"* ]]
}

@test "another payment under known coordinates is refused, what is judged of it may differ" {
	records 1 3 >first
	pay-store -d store.db first >/dev/null
	for change in 's/"amount":2,/"amount":7,/' '2s/"merchantNumber":"[^"]*"/"merchantNumber":"other"/' \
		'2s/"paymentDate":"[^"]*"/"paymentDate":"2025-05-20T23:59:59"/' '2s/"paymentActionType":"[A-Z]*"/"paymentActionType":"NETWORK_CANCEL"/' \
		'2s/"paymentMethodType":"[A-Z]*"/"paymentMethodType":"POINT"/'; do
		sed "$change" first >other
		run -76 pay-store -d store.db other
		[[ $output == *"day/0/2 is another payment there"*"; now came "*"--replace"* ]]
	done
	sed '2s/"payoutDate":[^,]*/"payoutDate":"2031-01-01"/; 3s/^{\("_src":"[^"]*",\)/{\1"_unsettled":"X",/' first >judged
	run -0 --separate-stderr pay-store -d store.db --stats judged
	[ "$(jq -c '[.duplicates, .differing]' <<<"$stderr")" = '[3,2]' ]
	sed 's/"amount":2,/"amount":7,/' first | pay-store -d store.db --replace >/dev/null
	[ "$(sql 'select amount from base where offset = 2')" = 7 ]
}

@test "another message under known coordinates is refused, members of the toolkit's own and spelling may differ" {
	printf '{"_src":"f/0/%d","a":%d}\n' 1 1 2 2 | pay-store --log -d store.db >/dev/null
	run -76 pay-store --log -d store.db <<<'{"_src":"f/0/2","a":3}'
	[[ $output == *'f/0/2 is another message there: {"_src":"f/0/2","a":2}; now came {"_src":"f/0/2","a":3}'* ]]
	pay-store --log -d store.db <<<'{"_src":"f/0/2","_key":"k", "\u0061" : 2}' >/dev/null
	[ "$(sql 'select count(*) from payment_log')" = 2 ]
}

@test "a name that was read in part goes on only with the same lines, and no other name takes them" {
	records 1 200 | jq -c 'del(._src)' >day
	pay-consume -n 100 day | pay-store --log -d store.db >/dev/null
	mkdir other
	for line in 1 9 100; do
		sed "${line}s/2025/2026/" day >other/day
		pay-consume other/day >stream
		run -76 pay-store --log -d store.db stream
		run -76 pay-consume --resume store.db other/day
		[[ $output == *"knows day with other content (not the same lines)"* ]]
		run -76 bash -c 'pay-consume --as day --resume store.db - <other/day'
	done
	pay-consume --segment-records 100 --as copy day >stream
	run -76 pay-store --log -d store.db stream
	[[ $output == *"copy: its first "*" lines are those of day"*"--as day"*"--twice"* ]]
	[ "$(sql "select count(*) from payment_log where source = 'copy'")" = 0 ]
	pay-consume --resume store.db day | pay-store --log -d store.db >/dev/null
	gzip -k day
	run -76 pay-store --log -d store.db < <(pay-consume day.gz)
	[[ $output == *"day.gz: its 200 lines are those of day"* ]]
	[ "$(pay-consume --as day --resume store.db day.gz | grep -c '"_src"')" = 0 ]
	pay-consume --twice day.gz | pay-store --log -d store.db >/dev/null
	[ "$(sql 'select count(*) from payment_log')" = 400 ]
}

@test "a payment is in base or in unsettlement, and base wins" {
	{
		record 1 '"_unsettled":"TEST_PAYMENT"'
		records 2 2
	} >first
	pay-store -d store.db first | cmp - first
	cmp <(pay-store -d store.db --export unsettlement) <(head -n 1 first)
	[ "$(sql 'select offset, reason, amount from unsettlement')" = "1|TEST_PAYMENT|1" ]
	# settled after all; and what is settled does not become unsettled by an older policy
	{
		records 1 1
		record 2 '"_unsettled":"TEST_PAYMENT"'
		record 3 '"_unsettled":"UNCONFIRMED"'
		records 3 3
	} |
		pay-store -d store.db --stats 2>stats >/dev/null
	cmp <(pay-store -d store.db --export base) <(records 1 3)
	[ "$(sql 'select count(*) from unsettlement')" = 0 ]
	[[ $(cat stats) == *'"duplicates":3,'* ]]
	pay-store -d store.db --verify
}

@test "--replace overwrites records of the same coordinates and keeps the sums right" {
	records 1 3 | pay-store -d store.db >/dev/null
	{
		records 1 1 | sed 's/"amount":1/"amount":100/'
		record 2 '"_unsettled":"UNCONFIRMED"'
	} |
		pay-store -d store.db --replace >/dev/null
	[ "$(sql 'select offset, amount from base')" = $'1|100\n3|3' ]
	[ "$(sql 'select offset, amount from unsettlement')" = "2|2" ]
	run -0 pay-store -d store.db --verify
	[[ $output == *"base: 2 records, amount 103"*"unsettlement: 1 records, amount 2"* ]]
}

@test "dead letters are kept, written back, and marked when their record comes after all" {
	cat >letters <<'END'
{"_src":"day/0/2","_dead":{"stage":"pay-tobase","reason":"no amount","raw":"{\"x\":\"\\u00e9\"}"}}
{"_src":"day/0/4","_dead":{"stage":"pay-consume","reason":"not UTF-8","raw":"/w==","encoding":"base64","length":99}}
{ "_src":"day/0/6", "_dead":{"stage":"other","reason":"r","raw":"","more":1}}
END
	{
		records 1 1
		cat letters
	} | pay-store -d store.db | cmp - <(
		records 1 1
		cat letters
	)
	cmp <(pay-store -d store.db --export dead_letter) letters
	records 2 2 | pay-store -d store.db >/dev/null
	[ "$(sql 'select offset, stage, corrected from dead_letter')" = $'2|pay-tobase|1\n4|pay-consume|0\n6|other|0' ]
	# run again, the letter is known and stays corrected
	pay-store -d store.db letters >/dev/null
	[ "$(pay-store -d store.db --export dead_letter --where 'not corrected')" = "$(tail -n 2 letters)" ]
	[ "$(pay-store -d store.db --export base | wc -l)" = 2 ]
}

@test "a record that is bad here stops the store, or becomes a dead letter that it keeps" {
	{
		records 1 1
		records 2 2 | sed 's/"amount":2/"amount":1.5/'
		echo '{"_src":"day/0/3","amount":'
		records 4 4 | sed 's/2025-05-27/2025-02-30/'
	} >day
	run -65 pay-store -d store.db day
	[[ $output == *"day/0/2: bad record: amount is not a 64-bit integer"* ]]
	pay-store -d store.db --dead-letter - day >out
	[ "$(grep -c _dead out)" = 3 ]
	cmp <(pay-store -d store.db --export dead_letter) <(grep _dead out)
	[ "$(sql 'select raw from dead_letter where offset = 3')" = '{"_src":"day/0/3","amount":' ]
	cmp <(pay-store -d store.db --export base) <(records 1 1)
}

@test "--log keeps every message as it is, and readers see its members" {
	cat >messages <<'END'
{"_src":"t/0/0","channel":"ONLINE","action":"PAYMENT","data":{"merchantNumber":"m-1","amount":9007199254740993,"x":1.10}}
{"_src":"t/0/1","channel":"ONLINE","action":"FINISH","data":null}
{ "_src":"t/0/2", "anything": true }
END
	pay-store --log -d store.db messages | cmp - messages
	pay-store --log -d store.db messages | cmp - messages
	cmp <(pay-store -d store.db --export payment_log) messages
	[ "$(sql 'select channel, action, merchantNumber, amount from payment_log where offset < 2')" = $'ONLINE|PAYMENT|m-1|9007199254740993\nONLINE|FINISH||' ]
	[ "$(pay-store -d store.db --export payment_log --where "action = 'FINISH'")" = "$(sed -n 2p messages)" ]
	pay-store -d store.db --verify
}

@test "totals become statistics, the newest of each key" {
	echo '{"key":{"merchantNumber":"m","paymentActionType":"PAYMENT","paymentDateDaily":"2025-05-25","paymentMethodType":"CARD"},"value":{"count":2,"totalAmount":-5}}' >totals
	pay-store -d store.db totals | cmp - totals
	sed 's/-5/7/; s/"count":2/"count":3/' totals >newer
	pay-store -d store.db newer >/dev/null
	cmp <(pay-store -d store.db --export statistics) newer
	[ "$(sql 'select merchantNumber, paymentDateDaily, count, totalAmount from statistics')" = "m|2025-05-25|3|7" ]
	pay-store -d store.db --verify
	echo '{"key":{"merchantNumber":"m"},"value":{"count":2,"totalAmount":-5}}' >other
	run -65 pay-store -d store.db other
	[[ $output == *"a total by other members"* ]]
}

@test "lines without coordinates need --source, which numbers them and stands in what is stored" {
	records 1 2 | sed 's/"_src":"[^"]*",//' >lines
	run -65 pay-store -d store.db lines
	[[ $output == *"line 1: record without _src; give the lines coordinates with --source NAME"* ]]
	pay-store -d store.db --source day lines | cmp - <(records 1 2)
	cmp <(pay-store -d store.db --export base) <(records 1 2)
	pay-store -d store.db --source day lines >/dev/null
	[ "$(sql 'select count(*) from base')" = 2 ]
}

@test "empty input is a dead upstream" {
	run -65 pay-store -d store.db /dev/null
	[[ $output == *"empty"* ]]
}

@test "--where takes one condition over the table and nothing else" {
	records 1 20 | pay-store -d store.db >/dev/null
	[ "$(pay-store -d store.db --export base --where "merchantNumber in ('m-3', 'm-12') -- two" | wc -l)" = 2 ]
	[ "$(pay-store -d store.db --export base --where 'amount = (select max(amount) from base)')" = "$(records 20 20)" ]
	for bad in "nosuch = 1" "1) union select 1 (" "1; delete from base" "1) --" "" "?1" "load_extension('x')" \
		"(select count(*) from pragma_table_info('base'))"; do
		run -64 pay-store -d store.db --export base --where "$bad"
		[[ $output == *"--where $bad: "* ]]
	done
	run -64 pay-store -d store.db --export tally
	[[ $output == *'no table "tally" (base, unsettlement, payment_log, dead_letter, statistics)'* ]]
	[ "$(sql 'select count(*) from base')" = 20 ]
	run -64 pay-store -d store.db --export base --where 'length(zeroblob(amount + 9000000000)) > 1'
	[[ $output == *"too big"* ]]
}

@test "--verify finds what was changed behind the store's back" {
	records 1 20 | pay-store -d store.db >/dev/null
	sqlite3 store.db 'update base set amount = 8 where offset = 7'
	run -65 pay-store -d store.db --verify
	[[ $output == *"damaged: base: holds 20 records, amount 211; stored were 20, amount 210"* ]]
	sqlite3 store.db 'update base set amount = 7 where offset = 7; insert into unsettlement select source, partition, offset, "X", paymentType, amount, payoutDate, confirmDate, merchantNumber, paymentDate, paymentActionType, paymentMethodType, rule, own, members, record from base where offset = 7'
	run -65 pay-store -d store.db --verify
	[[ $output == *"damaged: day/0/7 is in base and in unsettlement"* ]]
}

@test "a damaged file is damage, not a crash" {
	records 1 2000 | pay-store -d store.db >/dev/null
	printf '%050000d' 0 | dd of=store.db bs=1 seek=150000 conv=notrunc status=none
	run -65 pay-store -d store.db --verify
}

@test "other files are refused with a message that says what they are" {
	echo hello world, this is no database at all >text.db
	run -65 pay-store -d text.db --verify
	[[ $output == *"text.db: not a database"* ]]
	sqlite3 foreign.db 'create table t (x)'
	run -78 pay-store -d foreign.db /dev/null
	[[ $output == *"foreign.db: a database of another program"* ]]
	records 1 1 | pay-store -d store.db >/dev/null
	sqlite3 store.db 'pragma user_version = 9'
	run -78 pay-store -d store.db /dev/null
	[[ $output == *"has schema version 9"* ]]
	run -66 pay-store -d missing.db --verify
	run -66 pay-store -d . --verify
	run -64 pay-store --verify
	[[ $output == *"-d FILE is missing"* ]]
	run -64 pay-store -d store.db --where 1
}

@test "--check looks at the store and leaves nothing behind" {
	pay-store -d new.db --check
	[ ! -e new.db ]
	run -73 pay-store -d nowhere/new.db --check
	echo 'not a database at all, just text here' >text.db
	run -65 pay-store -d text.db --check
}

@test "the store is private, and a link to nothing is not followed" {
	(
		umask 0
		records 1 1 | pay-store -d store.db >/dev/null
	)
	[ "$(stat -c %a store.db)" = 600 ]
	ln -s nothing.db link.db
	run -73 pay-store -d link.db <(records 1 1)
	[ ! -e nothing.db ]
	ln -s store.db good.db
	records 2 2 | pay-store -d good.db >/dev/null
	cmp <(pay-store -d store.db --export base) <(records 1 2)
}

@test "folders that may not be written to are said so with 77" {
	bound=(env)
	[ "$(id -u)" != 0 ] || bound=(setpriv "--bounding-set=-dac_override,-dac_read_search") # root may write everywhere
	mkdir shut
	records 1 1 | pay-store -d shut/store.db >/dev/null
	records 1 1 >record
	chmod 500 shut
	run -77 "${bound[@]}" pay-store -d shut/new.db record
	"${bound[@]}" pay-store -d shut/store.db --export base | cmp - record
	"${bound[@]}" pay-store -d shut/store.db --verify
	chmod 700 shut
}

@test "a merchant's day and a payout date are found by index" {
	records 1 10 | seal 5 | pay-store -d store.db >/dev/null
	[[ $(sql "explain query plan select * from base where merchantNumber = 'm-1' and paymentDate >= '2025-05-25'") == *"base_merchant (merchantNumber=? AND paymentDate>?)"* ]]
	[[ $(sql "explain query plan select * from base where payoutDate = '2025-05-27'") == *"base_payout (payoutDate=?)"* ]]
}

indexes() { sql "select count(*) from sqlite_schema where name in ('base_merchant', 'base_payout', 'unsettlement_merchant')"; }

@test "loads that others follow leave the indexes to a later run, or to --index" {
	records 1 60000 | seal 10000 | pay-store -d store.db --defer-indexes >/dev/null
	[ "$(indexes)" = 0 ]
	records 60001 60010 | seal 10 | pay-store -d store.db --defer-indexes >/dev/null
	[ "$(indexes)" = 0 ]
	pay-store -d store.db --verify
	run -0 pay-store -d store.db --index
	[ -z "$output" ]
	[ "$(indexes)" = 3 ]
	pay-store -d store.db --index
	records 60011 60020 | seal 10 | pay-store -d store.db --defer-indexes >/dev/null
	[ "$(indexes)" = 3 ]
	sqlite3 store.db 'drop index base_payout'
	records 60021 60030 | seal 10 | pay-store -d store.db >/dev/null
	[ "$(indexes)" = 3 ]
	pay-store -d store.db --verify
	cmp <(pay-store -d store.db --export base) <(records 1 60030)
}

key() { sql "select count(*) from sqlite_schema where name in ('base_key', 'payment_log_key')"; }

@test "a store that defers its indexes has no key until something may be known" {
	records 1 100 | seal 10 | pay-store -d store.db --defer-indexes >/dev/null
	records 201 300 | pay-store -d store.db --defer-indexes >/dev/null
	[ "$(key)" = 0 ]
	records 95 105 | pay-store -d store.db --defer-indexes --stats 2>stats | cmp - <(records 95 105)
	[ "$(key)" = 2 ]
	[[ $(cat stats) == *'"duplicates":6,'* ]]
	records 301 310 | pay-store -d store.db --defer-indexes --stats 2>stats >/dev/null
	[[ $(cat stats) == *'"duplicates":0,'* ]]
	pay-store -d store.db --verify
	cmp <(pay-store -d store.db --export base) <(records 1 105 && records 201 310)
}

@test "messages likewise" {
	for i in {1..20}; do printf '{"_src":"day/%d/%d","action":"PAYMENT"}\n' $((i % 4)) "$i"; done >day
	head -n 12 day | pay-store --log -d store.db --defer-indexes >/dev/null
	[ "$(key)" = 0 ]
	pay-store --log -d store.db --defer-indexes --stats day 2>stats | cmp - day
	[[ $(cat stats) == *'"duplicates":12,'* ]]
	[ "$(key)" = 2 ]
	cmp <(pay-store -d store.db --export payment_log) <(sort -t / -k 2,2n -k 3,3n day)
}

@test "whatever is fed in whatever order, stores with their key and without hold what a model does" {
	"$BATS_TEST_DIRNAME/store/runs.py" . 60
}

@test "rows that came in past pay-store are found, by --verify and by the key" {
	records 1 10 | pay-store -d store.db --defer-indexes >/dev/null
	sqlite3 store.db 'insert into base select * from base where offset = 3'
	run -65 pay-store -d store.db --index
	[[ $output == *"store.db: damaged: rows are there twice"* ]]
	run -65 pay-store -d store.db --verify
	[[ $output == *"damaged: base: day/0/3 is there twice"* ]]
	sqlite3 store.db 'delete from base where rowid = 11; update base set offset = 11 where offset = 10'
	run -65 pay-store -d store.db --verify
	[[ $output == *"damaged: base: day/0/1 is there outside of its extent"* ]]
}

@test "a store of an earlier schema is refused" {
	records 1 10 | pay-store -d store.db >/dev/null
	sqlite3 store.db 'pragma user_version = 2'
	run -78 pay-store -d store.db <<<''
	[[ $output == *"has schema version 2, this program knows 4"* ]]
}

@test "--index is for a store that is there, alone" {
	run -66 pay-store -d none.db --index
	[ ! -e none.db ]
	run -64 pay-store -d store.db --index --verify
	run -64 pay-store -d store.db --index --defer-indexes
	run -64 pay-store -d store.db --index day
	echo no >other.db
	run -65 pay-store -d other.db --index
}

@test "a large load drops the indexes and makes them anew at its end" {
	records 1 100 | seal 10 | pay-store -d store.db >/dev/null
	[ "$(indexes)" = 3 ]
	records 101 70000 | seal 10000 >day
	run -65 bash -c "grep -v complete day | pay-store -d store.db >/dev/null"
	[ "$(indexes)" = 0 ]
	pay-store -d store.db day >/dev/null
	[ "$(indexes)" = 3 ]
	pay-store -d store.db --verify
	cmp <(pay-store -d store.db --export base) <(records 1 70000)
}

@test "a store that held payments takes messages too, and the sums stay right" {
	records 1 50 | pay-store -d store.db >/dev/null
	records 1 50 | MALLOC_PERTURB_=165 pay-store --log -d store.db >/dev/null
	pay-store -d store.db --verify
}

@test "an empty object is a message like others, with coordinates of --source too" {
	echo '{}' | pay-store --log -d store.db --source d >out
	pay-store -d store.db --export payment_log | cmp - out
	[ "$(cat out)" = '{"_src":"d/0/1"}' ]
}

# paid OFFSET AMOUNT MERCHANT ACTION [PAYOUT [MEMBERS]] - a base record, or with MEMBERS another one
paid() {
	printf '{"_src":"day/0/%s"%s,"paymentType":"ONLINE","amount":%s,"payoutDate":%s,"confirmDate":null,"merchantNumber":"%s","paymentDate":"2025-05-25T10:00:00","paymentActionType":"%s","paymentMethodType":"CARD"}\n' \
		"$1" "${6:+,$6}" "$2" "${5:-\"2025-05-27\"}" "$3" "$4"
}

@test "what is paid is net: the views sum cancels as negative" {
	{
		paid 1 1000 m PAYMENT
		paid 2 300 m CANCEL
		paid 3 20 m PARTIAL_CANCEL '"2025-05-28"'
		paid 4 7 a,b PAYMENT null
		paid 5 50 m PAYMENT '"2025-05-28"' '"_unsettled":"TEST_PAYMENT"'
		paid 6 30 m FULL_CANCEL '"2025-05-28"' '"_unsettled":"TEST_PAYMENT"'
		echo '{"_src":"day/0/7","_dead":{"stage":"pay-tobase","reason":"no amount","raw":"{}"}}'
	} | pay-store -d store.db >/dev/null
	[ "$(sql 'select * from payout')" = $'a,b||1|7|0|7\nm|2025-05-27|2|1000|300|700\nm|2025-05-28|1|0|20|-20' ]
	[ "$(sql 'select * from payout_date')" = $'|1|7|0|7\n2025-05-27|2|1000|300|700\n2025-05-28|1|0|20|-20' ]
	[ "$(sql 'select * from day')" = '2025-05-25|4|1007|320|687' ]
	[ "$(sql 'select * from left_out')" = 'TEST_PAYMENT|2025-05-25|2|50|30|20' ]
	[ "$(sql 'select * from bad')" = 'pay-tobase|no amount|1' ]
	paid 7 1 m PAYMENT | pay-store -d store.db >/dev/null # the letter is corrected
	[ -z "$(sql 'select * from bad')" ]
	cat >expected <<'END'
merchantNumber,payoutDate,payments,paid,cancelled,net
"a,b",,1,7,0,7
m,2025-05-27,3,1001,300,701
m,2025-05-28,1,0,20,-20
END
	pay-store -d store.db --export payout --format csv | cmp - expected
	[ "$(pay-store -d store.db --export payout --where "net < 0")" = '{"merchantNumber":"m","payoutDate":"2025-05-28","payments":1,"paid":0,"cancelled":20,"net":-20}' ]
	[ "$(pay-store -d store.db --export payout --where "payoutDate is null")" = '{"merchantNumber":"a,b","payoutDate":null,"payments":1,"paid":7,"cancelled":0,"net":7}' ]
	pay-store -d store.db --export base | pay-agg --net --by merchantNumber,payoutDate --format csv | cut -d, -f1-4 | grep -qx 'm,2025-05-28,1,-20'
	pay-store -d store.db --export payout --check
	for wrong in '--export base --format csv' '--export payout --format json' '--export payout --where x(' '--export nothing' \
		'--export payout --signed' '--format csv' "-d other.db --export base"; do
		# shellcheck disable=SC2086 # options and their arguments
		run -64 pay-store -d store.db $wrong
	done
}

@test "payouts beyond 64 bits are exact, and a query in 64 bits ends instead of being wrong" {
	{
		paid 1 9223372036854775807 m PAYMENT
		paid 2 9223372036854775807 m PAYMENT
		paid 3 5 m CANCEL
	} | pay-store -d store.db >/dev/null
	[ "$(pay-store -d store.db --export payout --format csv | tail -n 1)" = 'm,2025-05-27,3,18446744073709551614,5,18446744073709551609' ]
	run sqlite3 -readonly store.db 'select * from payout'
	[ "$status" -ne 0 ]
	[[ $output == *overflow* ]]
	paid 1 -9223372036854775808 m PAYMENT | pay-store --signed -d signed.db >/dev/null
	[ "$(pay-store -d signed.db --export payout --format csv | tail -n 1)" = 'm,2025-05-27,1,0,9223372036854775808,-9223372036854775808' ]
}

@test "payouts of several stores are added up, as Python adds them" {
	python3 - <<'END'
import collections, json, random
rng = random.Random(5)
sums = collections.defaultdict(lambda: [0, 0, 0])
for store in range(3):
    with open("records-%d" % store, "w") as out:
        for n in range(400):
            merchant, date = rng.choice(["m", "é", 'q"', "z"]), rng.choice([None, "2025-05-27", "2025-05-28"])
            action = rng.choice(["PAYMENT", "CANCEL", "FULL_CANCEL", "CHARGEBACK", "TOPUP"])
            amount = rng.choice([rng.randrange(1000), 2**63 - 1 - rng.randrange(9)])
            print(json.dumps({"_src": "day-%d/0/%d" % (store, n), "paymentType": "ONLINE", "amount": amount, "payoutDate": date,
                              "confirmDate": None, "merchantNumber": merchant, "paymentDate": "2025-05-25T10:00",
                              "paymentActionType": action, "paymentMethodType": "CARD"}), file=out)
            row = sums[merchant, date]
            row[0] += 1
            row[1 if action in ("PAYMENT", "TOPUP") else 2] += amount
with open("expected", "w") as out:
    for (merchant, date), (payments, paid, cancelled) in sorted(sums.items(), key=lambda i: (i[0][0].encode(), i[0][1] or "")):
        print(json.dumps({"merchantNumber": merchant, "payoutDate": date, "payments": payments, "paid": paid,
                          "cancelled": cancelled, "net": paid - cancelled}, ensure_ascii=False, separators=(",", ":")), file=out)
END
	for n in 0 1 2; do
		pay-store -d store-$n.db -a paymentActionType=CHARGEBACK:- -a paymentActionType=TOPUP:+ records-$n >/dev/null
	done
	pay-store -d store-2.db -d store-0.db -d store-1.db --export payout | diff expected -
	ln -s store-0.db link.db
	run -64 pay-store -d store-0.db -d link.db --export payout
	run -66 pay-store -d store-0.db -d missing.db --export payout
}

@test "a store takes no amount without a direction, and keeps what was declared" {
	run -65 pay-store -d store.db <<<"$(paid 1 5 m CHARGEBACK)"
	[[ $output == *'paymentActionType "CHARGEBACK" has no sign'* ]]
	run -65 pay-store -d store.db <<<"$(paid 1 5 m Cancel '' '"_unsettled":"X"')"
	run -65 pay-store -d store.db <<<"$(paid 1 -5 m CANCEL)"
	[[ $output == *'amount is negative'* ]]
	for form in CHARGEBACK CHARGEBACK:x PAYMENT:-; do
		run -64 pay-store -d store.db -a paymentActionType=$form <<<"$(paid 1 5 m PAYMENT)"
	done
	run -64 pay-store -d store.db -a paymentMethodType=GIFT <<<"$(paid 1 5 m PAYMENT)"
	run -64 pay-store --log -d log.db --signed <<<'{"channel":"ONLINE"}'
	paid 1 5 m CHARGEBACK | pay-store -d store.db -a paymentActionType=CHARGEBACK:- >/dev/null
	paid 2 6 m CHARGEBACK | pay-store -d store.db >/dev/null # once is enough
	run -78 pay-store -d store.db -a paymentActionType=CHARGEBACK:+ <<<"$(paid 3 5 m PAYMENT)"
	[ "$(sql 'select net from payout')" = -11 ]
	run -78 pay-store -d store.db --signed <<<"$(paid 3 -5 m PAYMENT)"
	[[ $output == *'without --signed'* ]]
	paid 1 -5 m CANCEL | pay-store -d signed.db --signed >/dev/null
	run -78 pay-store -d signed.db <<<"$(paid 2 5 m PAYMENT)"
	[ "$(sqlite3 -readonly signed.db 'select paid, cancelled, net from payout')" = '0|5|-5' ]
}

@test "a store holds amounts of one currency" {
	won() { sed 's/}$/,"currency":"KRW"}/'; }
	paid 1 5 m PAYMENT | won | pay-store -d store.db --currency currency >/dev/null
	paid 2 5 m PAYMENT | won | pay-store -d store.db >/dev/null
	run -65 pay-store -d store.db <<<"$(paid 3 5 m PAYMENT | won | sed s/KRW/USD/)"
	[[ $output == *'currency is USD, all before it were KRW'* ]]
	run -65 pay-store -d store.db <<<"$(paid 3 5 m PAYMENT)"
	run -78 pay-store -d store.db --currency other <<<"$(paid 3 5 m PAYMENT)"
	paid 1 5 m PAYMENT | pay-store -d without.db >/dev/null
	run -78 pay-store -d without.db --currency currency <<<"$(paid 3 5 m PAYMENT | won)"
}
