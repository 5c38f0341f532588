#!/usr/bin/env bats
# pay-consume on files: a file is understood, or it is refused as a file, and nothing of it is kept.
load setup
bats_require_minimum_version 1.5.0

# A file that no form of --dead-letter lets through, nor --check, and that is named so.
foreign() {
	local file=$1 text=$2
	shift 2
	refuses 65 "$text" pay-consume --check "$@" "$file"
	[ ! -s out ]
	for letters in - dead; do
		refuses 65 "$text" pay-consume --dead-letter "$letters" "$@" "$file"
		[ "$(grep -c '_src\|complete' out)" = 0 ]
	done
	[ ! -s dead ]
	refuses 65 "$text" pay-consume "$@" "$file"
	refuses 65 "${text%% "$file"*}" pay-consume --dead-letter - "$@" - <"$file"
	[ "$(grep -c _src out)" = 0 ]
}

header=paymentType,amount,payoutDate,confirmDate,merchantNumber,paymentDate,paymentActionType,paymentMethodType
table() {
	printf '%s\n' "$header" 'ONLINE,1,,,m,2025-05-19T21:48,PAYMENT,CARD'
}

letters() { jq -r '"\(._src) \(._dead.raw)"' dead | paste -sd, -; }

@test "archives and other binary files are named with the command that unpacks them" {
	pay-gen -n 5 >day
	xz -c day >a
	foreign a 'an xz archive: xz -dc a | pay-consume --as a -'
	bzip2 -c day >a
	foreign a 'a bzip2 archive: bzip2 -dc a | pay-consume --as a -'
	printf '\x04\x22\x4d\x18xyz\n' >a
	foreign a 'an lz4 archive: lz4 -dc a | pay-consume --as a -'
	printf 'PK\x03\x04\n\0day' >a
	foreign a 'a zip archive: unzip -p a | pay-consume --as a -'
	printf 'PK\x03\x04\n\0xl/workbook.xml' >a
	foreign a 'an Excel workbook (xlsx): save its sheet as CSV in UTF-8'
	tar -cf a day
	foreign a 'a tar archive: tar -xOf a | pay-consume --as a -'
	sqlite3 a.db 'create table t(a)'
	foreign a.db 'an SQLite database'
	printf 'PAR1\25\4' >a
	foreign a 'a Parquet file'
	printf 'Obj\1\4' >a
	foreign a 'an Avro file: avro-tools tojson a |'
	printf '%%PDF-1.7\n' >a
	foreign a 'a PDF document'
}

@test "what is packed in a packed file is named with both commands" {
	pay-gen -n 5 | jq -cs . | gzip >array.json.gz
	foreign array.json.gz "one JSON array, not an object a line: gzip -dc array.json.gz | jq -c '.[]' |"
}

@test "text in UTF-16 and UTF-32, with and without a mark of its order" {
	pay-gen -n 5 >day
	iconv -f UTF-8 -t UTF-16 day >a
	foreign a 'text in UTF-16: iconv -f UTF-16 -t UTF-8 a | pay-consume --as a -'
	iconv -f UTF-8 -t UTF-16BE day >a
	foreign a 'iconv -f UTF-16BE -t UTF-8 a |'
	table | iconv -f UTF-8 -t UTF-16LE >a
	foreign a 'iconv -f UTF-16LE -t UTF-8 a |'
	iconv -f UTF-8 -t UTF-32 day >a
	foreign a 'text in UTF-32: iconv -f UTF-32 -t UTF-8 a |'
}

@test "an HTML page, XML, YAML, and text that is nothing" {
	printf '<!DOCTYPE html>\n<html>502</html>\n' >a
	foreign a 'an HTML page'
	printf '<HTML>\n' >a
	foreign a 'an HTML page'
	printf '<?xml version="1.0"?>\n<a/>\n' >a
	foreign a 'XML'
	printf -- '---\na: 1\n' >a
	foreign a 'YAML'
	printf '\nhello\n' >a
	refuses 65 'a: not understood, and nothing of it is kept: all of its lines are bad, the first, a/0/1: blank line; its name is free' \
		pay-consume --dead-letter - a
	refuses 65 'a/0/1: bad record: blank line; --dead-letter FILE keeps such records' pay-consume a
}

@test "one JSON array, also with an object a line, and objects over several lines" {
	pay-gen -n 5 >day
	jq -cs . day >a
	foreign a "one JSON array, not an object a line: jq -c '.[]' a | pay-consume --as a -"
	jq -s . day >a
	foreign a "jq -c '.[]' a |"
	{
		echo '['
		sed '$!s/$/,/' day
		echo ']'
	} >a
	foreign a "jq -c '.[]' a |"
	sed '1s/^/[/; $s/$/]/; $!s/$/,/' day >a
	foreign a "jq -c '.[]' a |"
	jq . day >a
	foreign a 'JSON over several lines, not an object a line: jq -c . a | pay-consume --as a -'
	paste -sd '\0' day >a
	foreign a 'several JSON objects in a line: jq -c . a |'
}

@test "tables with text above, in another encoding, or with other words" {
	{
		echo sep=,
		table
	} >a
	foreign a "a table with the line \"sep=\" above its header: --skip-lines 1 --delimiter ','"
	{
		printf 'Payments of May\n\n'
		table
	} >a
	foreign a 'a table with other text above its header: --skip-lines 2'
	table | tr , ';' >a
	foreign a "a table whose columns are not parted by commas: --delimiter ';'"
	table | tr , '\t' >a
	foreign a 'a table whose columns are not parted by commas: --delimiter tab'
	table | sed '1s/amount/승인금액/' >a
	foreign a 'no column "amount" in the header'
	printf '결제,금액,날짜\n1,2,3\n' >a
	foreign a 'a table with other words in its header: --columns FILE'
	table | sed '1s/amount/승인금액/' | iconv -f UTF-8 -t CP949 >a
	foreign a 'a table that is not in UTF-8: --encoding NAME'
}

@test "what messages are wrapped in is named with what unwraps it" {
	echo '{"schema":{"type":"struct"},"payload":{"a":1}}' >a
	foreign a 'an envelope of Kafka Connect, not a message'
	echo '{"before":null,"after":{"a":1},"source":{},"op":"c","ts_ms":1}' >a
	foreign a 'a change event of Debezium, not a message'
	printf '\0\0\0\0\7{"a":1}\n' >a
	foreign a "bytes of a Schema Registry's format"
	echo '{"Partition":0,"Offset":1,"Value":"{}"}' >a
	foreign a 'a message captured without its topic'
	# A payment that has such members, too, is one.
	echo '{"channel":"ONLINE","action":"PAYMENT","schema":1,"payload":2}' >a
	[ "$(pay-consume --plain a | wc -l)" = 1 ]
}

@test "zstd with a long window is named with the option that reads it" {
	head -c 140000000 /dev/zero | tr '\0' ' ' | zstd -q --long=28 >a
	refuses 65 'a: the zstd data wants more memory' pay-consume --dead-letter - a
	grep -q 'zstd -dc --long=31 FILE | pay-consume --as NAME -' err
}

@test "bad lines wait for the first good record, and stand before it" {
	printf '%s\n' x '' '{"a":1}' y '{"a":2}' >f
	pay-consume --dead-letter dead f >out
	[ "$(letters)" = 'f/0/1 x,f/0/2 ,f/0/4 y' ]
	[ "$(tail -n 1 out | jq -c '[._mark.records,._mark.in,._mark.from,._mark.next]')" = '[2,5,{"f/0":1},{"f/0":6}]' ]
	pay-consume --dead-letter - --plain f | jq -r ._src >got
	[ "$(paste -sd' ' got)" = 'f/0/1 f/0/2 f/0/3 f/0/4 f/0/5' ]
	[ "$(pay-consume --dead-letter - --plain --from 2 --to 3 f | wc -l)" = 2 ]
	refuses 65 'all of its lines are bad, the first, f/0/1' pay-consume --dead-letter - --to 2 f
	refuses 65 'that were asked for are bad' pay-consume --dead-letter - -n 2 f
	[ "$(pay-consume --dead-letter - --plain -n 3 f | wc -l)" = 3 ]
	refuses 65 'more than --max-dead 1' pay-consume --dead-letter dead --max-dead 1 f
}

@test "a mark, a dead letter and FINISH are good records" {
	printf '%s\n' x '{"_src":"p/0/1","_dead":{"stage":"x","reason":"y","raw":"z"}}' >f
	[ "$(pay-consume --dead-letter - --plain f | wc -l)" = 2 ]
	printf '%s\n' x '{"channel":"ONLINE","action":"FINISH"}' >f
	[ "$(pay-consume --dead-letter - --plain f | wc -l)" = 2 ]
	: >empty
	pay-consume empty >f
	pay-consume --dead-letter - f >out
	grep -q complete out
}

@test "so many bad lines at the beginning are the file's fault, one less are not" {
	yes x | head -n 9999 >f
	echo '{"a":1}' >>f
	[ "$(pay-consume --dead-letter - --plain f | wc -l)" = 10000 ]
	sed -i 1ix f
	refuses 65 'so many lines are bad, the first, f/0/1' pay-consume --dead-letter - f
	yes "$(head -c 100000 /dev/zero | tr '\0' x)" | head -n 50 >f
	echo '{"a":1}' >>f
	refuses 65 'so many lines are bad' pay-consume --dead-letter - f
}

@test "nothing of a refused file is kept, its name is free, and what came before it stays" {
	pay-gen -n 10 >a
	printf 'x\n' >b
	pay-gen -n 10 --seed 2 >c
	status=0
	pay-consume --dead-letter dead a b c | pay-store --log -d d.db >/dev/null || status=$?
	[ "$(sqlite3 d.db 'select group_concat(source || hi) from cover')" = a13 ]
	[ "$(sqlite3 d.db 'select distinct source from place')" = a ]
	[ ! -s dead ]
	pay-gen -n 10 --seed 3 >b
	pay-consume --resume d.db a b c | pay-store --log -d d.db >/dev/null
	[ "$(sqlite3 d.db 'select count(*) from cover')" = 3 ]
}

@test "a file that a database goes on with was understood before" {
	printf '%s\n' '{"a":1}' '{"a":2}' x y >f
	pay-consume --to 2 f | pay-store --log -d d.db >/dev/null
	pay-consume --dead-letter dead --resume d.db f >out
	[ "$(letters)" = 'f/0/3 x,f/0/4 y' ]
}

@test "what waits when the end is asked for is not taken" {
	mkfifo pipe
	pay-consume --dead-letter dead - <pipe >out 3>&- &
	exec 5>pipe
	echo x >&5
	sleep 0.3
	kill -TERM $!
	status=0
	wait $! || status=$?
	exec 5>&-
	[ "$status" = 143 ]
	[ "$(tail -n 1 out | jq -c '[._mark.in,._mark.next,._mark.end]')" = '[0,{},"stop"]' ]
	[ ! -s dead ]
}

@test "--check looks at the beginning of files, and takes nothing from a pipe" {
	table >c
	pay-gen -n 5 >n
	: >empty
	pay-consume --check c n empty
	printf '%s\n' x '{"a":1}' >f
	pay-consume --check f
	mkfifo pipe
	echo kept >pipe 3>&- &
	timeout 10 pay-consume --check pipe
	timeout 10 cat pipe >got
	wait $!
	[ "$(cat got)" = kept ]
	[ "$({
		pay-consume --check -
		cat
	} < <(echo kept))" = kept ]
}

@test "a byte order mark before NDJSON and kcat's captures is stepped over" {
	{
		printf '\xef\xbb\xbf'
		printf '%s\n' '{"a":1}' '{"a":2}'
	} >f
	[ "$(pay-consume --plain f | paste -sd' ')" = '{"_src":"f/0/1","a":1} {"_src":"f/0/2","a":2}' ]
	printf '\xef\xbb\xbf{"topic":"t","partition":0,"offset":5,"payload":"{}"}\n' >f
	[ "$(pay-consume --plain f)" = '{"_src":"t/0/5"}' ]
	printf '\xef\xbb\xbf[{"a":1}]\n' >f
	foreign f 'one JSON array'
}

@test "zeros behind packed data are padding, other bytes are damage" {
	pay-gen -n 5 >day
	for pack in 'gzip -c' 'zstd -qc'; do
		{
			$pack day
			head -c 700000 /dev/zero
		} >f
		pay-consume --as day --plain f | cmp - <(pay-consume --plain day)
		$pack day >>f
		[ "$(pay-consume --plain f | wc -l)" = 14 ]
		{
			$pack day
			echo more
		} >f
		refuses 65 'data is damaged or cut' pay-consume f
	done
}

@test "a last line that was cut and is whole later is read again with --grown" {
	printf '{"a":1}\n{"a":2}\n{"a":3' >f
	pay-consume --dead-letter - f | pay-store --log -d d.db >/dev/null
	run -0 pay-consume --resume d.db --plain f
	[ -z "$output" ]
	printf '4}\n{"a":5}\n' >>f
	pay-consume --resume d.db --grown f | tee out | pay-store --log -d d.db >/dev/null
	[ "$(jq -c 'select(.a)' out | paste -sd' ')" = '{"_src":"f/0/3","a":34} {"_src":"f/0/4","a":5}' ]
	pay-store --verify -d d.db
	run -0 pay-consume --resume d.db --plain f
	[ -z "$output" ]
	# Without it the file is another one now, and so is one whose last record went on.
	printf '{"a":1}\n{"a":2' >h
	pay-consume --dead-letter - h | pay-store --log -d h.db >/dev/null
	printf '}\n' >>h
	refuses 76 'it was shorter' pay-consume --resume h.db h
	printf '{"a":1}\n{"a":2}' >g
	pay-consume g | pay-store --log -d g.db >/dev/null
	printf ' \n' >>g
	refuses 76 'not the same lines' pay-consume --resume g.db --grown g
	[ "$(grep -c -- --grown err)" = 0 ]
}

@test "keys, headers and what else nobody asked for cannot make a captured message bad" {
	value='"payload":"{\"a\":1}"'
	{
		printf '{"topic":"t","partition":0,"offset":1,"key":"\377\001",%s}\n' "$value"
		printf '{"topic":"t","partition":0,"offset":2,"key":1,"key":{"a":["\\ud800"]},"headers":["h","\200"],%s}\n' "$value"
		printf '{"topic":"t","partition":0,"offset":3,"headers":5,"headers":"\\x","ts":"\377","broker":"\377",%s}\n' "$value"
	} >k
	[ "$(pay-consume --plain k | paste -sd' ')" = '{"_src":"t/0/1","a":1} {"_src":"t/0/2","a":1} {"_src":"t/0/3","a":1}' ]
	[ "$(pay-consume --with key,headers --dead-letter - --plain <(
		sed 3q k
		echo '{"topic":"t","partition":0,"offset":4,'"$value"'}'
	) | grep -c _dead)" = 3 ]
	printf '{"topic":"t","partition":0,"offset":1,"key":"a","payload":"{\\"a\\":\377}"}\n' >k
	refuses 65 'k/0/1: bad record: invalid UTF-8' pay-consume --format kcat k
}

@test "captures of rpk are read" {
	printf '{"topic":"t","key":"k","value":"{\\"a\\":1}","headers":[{"key":"h","value":"v"}],"timestamp":17,"partition":2,"offset":%s}\n' 5 6 >k
	[ "$(pay-consume --plain k | paste -sd' ')" = '{"_src":"t/2/5","a":1} {"_src":"t/2/6","a":1}' ]
	[ "$(pay-consume --plain --with key,ts,headers k | head -n 1)" = '{"_src":"t/2/5","_key":"k","_ts":17,"_headers":[["h","v"]],"a":1}' ]
}

@test "the value of a topic's message that is framed for a Schema Registry, and a leading NUL, are named" {
	printf '{"topic":"t","partition":0,"offset":1,"payload":"\\u0000\\u0000\\u0000\\u0000\\u0007{}"}\n' >k
	refuses 65 "the value begins with a Schema Registry's frame" pay-consume k
	printf '{"topic":"t","partition":0,"offset":1,"payload":"\\u0000{}"}\n' >k
	refuses 65 't/0/1: bad record' pay-consume k
}

@test "1,500 files take few descriptors" {
	mkdir many
	for i in $(seq 1500); do echo '{"a":1}' >"many/$i"; done
	(ulimit -n 64 && pay-consume --plain many/* | wc -l >got)
	[ "$(cat got)" = 1500 ]
}

@test "300 packed files take little memory" {
	[ -z "${PAYPIPE_SLOW:-}" ] || skip "sanitizers take memory of their own"
	mkdir many
	pay-gen -n 1000 | zstd -q >z
	for i in $(seq 300); do ln z "many/z$i"; done
	(ulimit -v 300000 && pay-consume many/z* | tail -n 1 | jq -r ._mark.end >got)
	[ "$(cat got)" = complete ]
}

@test "no message proposes what was given" {
	printf '%s\n' '{"a":1}' x y >f
	refuses 65 'more than --max-dead 1' pay-consume --dead-letter dead --max-dead 1 f
	[ "$(grep -c -- --dead-letter err)" = 0 ]
}
