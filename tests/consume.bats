#!/usr/bin/env bats
# pay-consume on files: coordinates, marks, formats, ranges, resumption, and what it refuses.
load setup
bats_require_minimum_version 1.5.0

# Three messages in a file.
day() {
	printf '{"channel":"ONLINE","action":"PAYMENT","data":{"amount":%s}}\n' 1 2 3 >"${1:-day.ndjson}"
}

csv_header=paymentType,amount,payoutDate,confirmDate,merchantNumber,paymentDate,paymentActionType,paymentMethodType

# A store with the table that --resume reads.
store() {
	pay-consume "$1" | pay-store --log -d "$2" >/dev/null
}

@test "each line gets its file's name, 0 and its number in front, the rest byte for byte" {
	printf '%s\n' '{"amount": 9007199254740993, "x":1.10,"e":"\u0041"}' '  {}' >f
	run -0 pay-consume --plain f
	[ "${lines[0]}" = '{"_src":"f/0/1","amount": 9007199254740993, "x":1.10,"e":"\u0041"}' ]
	[ "${lines[1]}" = '{"_src":"f/0/2"}' ]
}

@test "line numbers go on over every carry" {
	yes '{"a":1}' | head -n 1234 >f
	pay-consume --plain f | jq -r ._src >got || true
	seq -f 'f/0/%.0f' 1234 | diff - got
}

@test "a mark opens the stream, one closes each segment, one says complete" {
	day
	pay-consume --segment-records 2 day.ndjson >out
	[ "$(jq -c 'select(._mark)._mark | [.seq,.records,.in,.from["day.ndjson/0"],.next["day.ndjson/0"],.end]' out)" = \
		'[0,0,0,null,null,null]
[1,2,2,1,3,null]
[2,1,1,3,4,"complete"]' ]
}

@test "the marks name a file's lines by hashes of what was read up to there, its content only at its end" {
	yes '{"a":1}' | head -n 75 >f
	hash() { head -n "$1" f | head -c -1 | xxhsum -H128 | cut -d' ' -f1; }
	pay-consume --segment-records 65 f | jq -c 'select(._mark)._mark' >marks
	[ "$(jq -c '.files.f.lines' marks)" = 'null
null
75' ]
	[ "$(jq -s -r '.[1].files.f.places | keys_unsorted | join(" ")' marks)" = "$(seq -s ' ' 64)" ]
	[ "$(jq -s -r '.[2].files.f.places | keys_unsorted | join(" ")' marks)" = '66 68 70 72 74' ]
	[ -x "$(command -v xxhsum)" ] || skip "no xxhsum to compare with"
	for line in 1 15 64; do [ "$(jq -s -r ".[1].files.f.places[\"$line\"]" marks)" = "$(hash $line)" ]; done
	[ "$(jq -s -r '.[1].state["f/0"]' marks)" = "file:$(hash 65)" ]
	[ "$(jq -s -r '.[2].files.f.content' marks)" = "$(hash 75)" ]
}

@test "a file's hash is of its lines, however it is packed, read and ended, and long lines are part of it" {
	content() { jq -r 'select(._mark.files)._mark.files[].content // empty' | tail -n 1; }
	{
		pay-gen -n 30
		head -c 17000000 /dev/zero | tr '\0' x
		echo
		pay-gen -n 3 --seed 2
	} >f
	want=$(pay-consume --dead-letter letters f | content)
	[ "${#want}" = 32 ]
	[ "$(gzip -c f | pay-consume --dead-letter letters - | content)" = "$want" ]
	[ "$(zstd -qc f | pay-consume --dead-letter letters --segment-records 1 - | content)" = "$want" ]
	[ "$(head -c -1 f | pay-consume --dead-letter letters - | content)" = "$want" ]
	[ "$(pay-consume --dead-letter letters --from 20 f | content)" = "$want" ]
	[ "$(sed 's/xxx$/xxy/' f | pay-consume --dead-letter letters - | content)" = "$want" ] # its beginning and length
	[ "$(sed 's/xxx$/xxxx/' f | pay-consume --dead-letter letters - | content)" != "$want" ]
	[ "$(sed '$s/FINISH/finish/' f | pay-consume --dead-letter letters - | content)" != "$want" ]
}

@test "gzip and zstd are known by their content, of several members and frames too" {
	day
	cat <(gzip -c day.ndjson) <(gzip -c day.ndjson) >a
	cat <(zstd -qc day.ndjson) <(zstd -qc day.ndjson) >b
	[ "$(pay-consume --plain a | jq -r ._src | tail -n 1)" = a/0/6 ]
	[ "$(pay-consume --plain b | jq -r ._src | tail -n 1)" = b/0/6 ]
}

@test "packed data that is cut ends with 65 and without an end mark" {
	yes '{"a":1}' | head -n 100000 | gzip -c | head -c 200 >a
	yes '{"a":1}' | head -n 100000 | zstd -qc | head -c 20 >b
	refuses 65 'a: the gzip data is damaged or cut' pay-consume a
	[ "$(grep -c complete out)" -eq 0 ]
	refuses 65 'b: the zstd data is damaged or cut' pay-consume b
	[ "$(grep -c complete out)" -eq 0 ]
}

@test "a kcat capture keeps topic, partition and offset as coordinates" {
	cat >k <<'END'
{"topic":"payment","partition":3,"offset":12,"tstype":"create","ts":1558412345678,"broker":1,"headers":["h","v","n",null],"key":"k\"1","payload":"{\"action\":\"PAYMENT\",\n \"data\":{\"amount\":1.10}}"}
END
	run -0 pay-consume --plain k
	[ "$output" = '{"_src":"payment/3/12","action":"PAYMENT",  "data":{"amount":1.10}}' ]
	run -0 pay-consume --plain --with key,ts,headers k
	[ "$output" = '{"_src":"payment/3/12","_key":"k\"1","_ts":1558412345678,"_headers":[["h","v"],["n",null]],"action":"PAYMENT",  "data":{"amount":1.10}}' ]
	[ "$(pay-consume k | tail -n 1 | jq -c ._mark.next)" = '{"k/0":2}' ]
}

@test "a capture by the name of its topic is refused: its lines are no offsets of that" {
	echo '{"topic":"payment","partition":3,"offset":12,"key":null,"payload":"{}"}' >payment
	cp payment b
	refuses 76 'payment: holds messages of the topic payment' pay-consume payment
	refuses 76 '--as' pay-consume --as payment - <b
	run -0 pay-consume --as payment.json payment
	refuses 76 'b/payment: holds' pay-consume --as b/payment <(sed 's/"payment"/"b\/payment"/' b)
}

# A kcat capture whose one message has this payload must be refused for this reason.
refuses_payload() {
	printf '{"topic":"t","partition":0,"offset":5,"key":null,"payload":%s}\n' "$1" >k
	refuses 65 "t/0/5: bad record: $2" pay-consume k
	[ "$(grep -c '"_src"' out)" = 0 ]
}

@test "a kcat payload that is null, no object, or forges coordinates is a bad record" {
	refuses_payload null 'the message has no value (a tombstone)'
	refuses_payload 5 "the captured payload is not a text"
	refuses_payload '"[1]"' 'not a JSON object'
	refuses_payload '""' 'blank line'
	refuses_payload '"{\"_src\":\"x/0/1\"}"' 'a member whose name begins with _'
	refuses_payload '"{\"\\u005fsrc\":\"x/0/1\"}"' 'a member whose name begins with _'
	refuses_payload '"{\"a\":1,\"_k\":2}"' 'a member whose name begins with _'
	refuses_payload '"{"' 'line ends inside the object'
	refuses_payload '"{\"a\":\"\n\"}"' 'string without end'
	refuses_payload '"{} {}"' 'text after the object'
}

@test "lines that already hold coordinates keep them, dead letters flow on" {
	cat >f <<'END'
{"_src":"payment/0/12","a":1}
{"_src":null,"_dead":{"stage":"x","reason":"y","raw":"z"}}
{"_src":"payment/0/13","_dead":{"stage":"x","reason":"y","raw":"z"}}
END
	pay-consume --plain f | cmp - f
	echo '{"_src":"payment/x","a":1}' >f
	refuses 65 '_src is not source/partition/offset' pay-consume f
}

@test "a captured stream's marks are checked and left out" {
	day
	pay-consume --segment-records 2 day.ndjson >captured
	pay-consume --plain captured | diff - <(pay-consume --plain day.ndjson)
	sed '$d' captured >cut
	refuses 65 'no end mark came' pay-consume cut
	sed 2d captured >less
	refuses 65 'mark 1 says 2 records, but 1 came' pay-consume less
	{
		cat captured
		sed -n 2p captured
	} >more
	refuses 65 'more after the end mark' pay-consume more
	pay-consume --unsealed --plain less | diff - <(pay-consume --plain day.ndjson | sed 1d)
}

@test "CSV rows become messages, amounts as they are spelled" {
	printf '%s\r\n' $'\357\273\277'"$csv_header" 'ONLINE,65218,,2025-05-21,"m,1",2025-05-19T21:48,PAYMENT,CARD' >c
	run -0 pay-consume --plain c
	[ "$output" = '{"_src":"c/0/2","channel":"ONLINE","action":"PAYMENT","data":{"paymentType":"ONLINE","amount":65218,"payoutDate":null,"confirmDate":"2025-05-21","merchantNumber":"m,1","paymentDate":"2025-05-19T21:48","paymentActionType":"PAYMENT","paymentMethodType":"CARD"}}' ]
	printf '%s\n' "$csv_header" 'ONLINE,12x,,,m,,PAYMENT,CARD' >c
	[ "$(pay-consume --plain c | jq -c .data.amount)" = '"12x"' ]
}

@test "CSV with channel and action can close a day" {
	printf '%s\n' "channel,action,$csv_header" 'OFFLINE,FINISH,,,,,,,,' >c
	run -0 pay-consume --plain c
	[ "$output" = '{"_src":"c/0/2","channel":"OFFLINE","action":"FINISH","data":null}' ]
}

@test "a CSV row has the number of the line where it begins, and the cover ends behind it" {
	printf '%s\n' "$csv_header" $'ONLINE,1,,,"m\n1",d,PAYMENT,CARD' 'ONLINE,2,,,m,d,PAYMENT,CARD' >c
	[ "$(pay-consume --plain c | jq -r ._src | paste -sd' ')" = 'c/0/2 c/0/4' ]
	[ "$(pay-consume c | tail -n 1 | jq -c '[._mark.from,._mark.next]')" = '[{"c/0":1},{"c/0":5}]' ]
}

@test "bad CSV: an open quote, a wrong width, a missing column" {
	printf '%s\n' "$csv_header" 'ONLINE,1,,,"m,d,PAYMENT,CARD' 'ONLINE,1,,,m,d,PAYMENT,CARD' >c
	refuses 65 'c:2: a quote is left open' pay-consume c
	printf '%s\n' "$csv_header" 'ONLINE,1' >c
	refuses 65 'c/0/2: bad record: 2 fields where the header has 8' pay-consume c
	printf '%s\n' "${csv_header/amount/price}" >c
	refuses 65 'c:1: no column "amount"' pay-consume c
}

@test "the rows before malformed CSV are written, as lines before a bad line are" {
	printf '%s\n' "$csv_header" 'ONLINE,1,,,m,d,PAYMENT,CARD' >rows
	for row in 'ONLINE,2,,,m"x,d,PAYMENT,CARD' 'ONLINE,2,,,"m,d,PAYMENT,CARD' 'ONLINE,2,,,"m"x,d,PAYMENT,CARD'; do
		{
			cat rows
			echo "$row"
		} >c
		refuses 65 'c:3: a quote is' pay-consume c
		[ "$(grep -c '"_src":"c/0/2"' out)" = 1 ]
		[ "$(grep -c complete out)" = 0 ]
	done
}

@test "a bad line ends the stream with its coordinates, what came before it is written" {
	day
	{
		sed -n 1p day.ndjson
		echo
	} >f
	refuses 65 'f/0/2: bad record: blank line' pay-consume f
	[ "$(grep -c '"_src":"f/0/1"' out)" = 1 ]
	[ "$(grep -c complete out)" -eq 0 ]
}

@test "dead letters go to a file and are dropped, or flow on and are records" {
	printf '%s\n' '{"a":1}' '{"a":01}' $'\377' >f
	pay-consume --dead-letter dead f >out
	[ "$(tail -n 1 out | jq -c '[._mark.records,._mark.in,._mark.dropped]')" = '[1,3,{"pay-consume":2}]' ]
	[ "$(jq -c '[._src,._dead.stage,._dead.raw,._dead.encoding]' dead)" = '["f/0/2","pay-consume","{\"a\":01}",null]
["f/0/3","pay-consume","/w==","base64"]' ]
	[ "$(stat -c %a dead)" = 600 ]
	pay-consume --dead-letter - f >out
	[ "$(tail -n 1 out | jq -c '[._mark.records,._mark.in,._mark.dropped]')" = '[3,3,{}]' ]
	refuses 65 'more than --max-dead 1' pay-consume --dead-letter dead --max-dead 1 f
}

@test "a last line without a line feed is a record when it is whole" {
	printf '{"a":1}\n{"a":2}' >f
	[ "$(pay-consume --plain f | wc -l)" = 2 ]
	printf '{"a":1}\n{"a":2' >f
	refuses 65 'f/0/2: bad record: the last line is cut' pay-consume f
}

@test "a line over 16 MiB is a bad record, the next one is not" {
	{
		printf '{"a":"'
		head -c 20000000 /dev/zero | tr '\0' x
		printf '"}\n{"b":1}\n'
	} >f
	pay-consume --dead-letter dead --plain f >out
	[ "$(cat out)" = '{"_src":"f/0/2","b":1}' ]
	[ "$(jq -c '[._src,._dead.reason,._dead.length]' dead)" = '["f/0/1","line over 16 MiB",20000008]' ]
}

@test "-n ends after so many records, --from and --to take a range of lines" {
	seq -f '{"n":%.0f}' 10 >f
	[ "$(pay-consume --plain -n 3 f | jq .n | paste -sd' ')" = '1 2 3' ]
	[ "$(pay-consume --plain --from 4 --to 6 f | jq .n | paste -sd' ')" = '4 5 6' ]
	[ "$(pay-consume --from 4 --to 6 f | tail -n 1 | jq -c '[._mark.from,._mark.next,._mark.end]')" = '[{"f/0":4},{"f/0":7},"complete"]' ]
	[ "$(pay-consume --from 4 --to 6 f | tail -n 1 | jq -c '._mark.files.f.content')" = null ]
}

@test "all files are looked at before any is read" {
	day
	refuses 66 missing.ndjson pay-consume day.ndjson missing.ndjson
	[ ! -s out ]
	mkdir folder
	refuses 66 folder pay-consume day.ndjson folder
	[ ! -s out ]
	[ "$(id -u)" = 0 ] && return
	touch secret
	chmod 0 secret
	refuses 77 secret pay-consume day.ndjson secret
}

@test "two files of one name are told apart by --as" {
	mkdir a b
	day a/day
	day b/day
	refuses 64 '--as' pay-consume a/day b/day
	[ "$(pay-consume --plain --as x/1 --as y a/day b/day | jq -r ._src | paste -sd' ')" = \
		'x/1/0/1 x/1/0/2 x/1/0/3 y/0/1 y/0/2 y/0/3' ]
}

@test "no file is a usage error, an empty file a source of no records, empty standard input an error" {
	refuses 64 'no file' pay-consume
	: >empty
	run -0 pay-consume empty
	[ "$(tail -n 1 <<<"$output" | jq -r ._mark.end)" = complete ]
	refuses 65 'standard input: empty' pay-consume - </dev/null
}

@test "the end of the last line is no part of a file's content, LF or CRLF" {
	for end in $'\n' $'\r\n'; do
		rm -rf log.db
		printf '%s' '{"data":{"a":1}}' "$end" '{"data":{"a":2}}' >day
		printf '%s' "$(cat day)" "$end" >whole
		printf '%s' "$(cat day)" "$end" '{"data":{"a":3}}' "$end" >grown
		store day log.db
		run -76 bash -c 'pay-consume whole | pay-store --log -d log.db'
		[[ $output == *"whole: its 2 lines are those of day"* ]]
		pay-consume --as day whole | pay-store --log -d log.db >/dev/null
		pay-consume --as day --grown --resume log.db grown | pay-store --log -d log.db >/dev/null
		[ "$(pay-store -d log.db --export payment_log | jq -r .data.a | paste -sd' ')" = '1 2 3' ]
	done
}

@test "--check looks and writes nothing" {
	day
	run -0 pay-consume --check day.ndjson
	[ -z "$output" ]
	refuses 66 missing pay-consume --check missing
}

@test "--check with --resume finds content that is known under another name" {
	day
	cp day.ndjson copy
	echo '{"channel":"ONLINE","action":"FINISH"}' | tee off-1 >off-2
	run -0 pay-consume --check day.ndjson copy
	run -76 pay-consume --check --resume new.db day.ndjson copy
	[[ $output == *"copy: its 3 lines are those of day.ndjson"* ]]
	run -0 pay-consume --check --resume new.db off-1 off-2
	run -0 pay-consume --check --resume new.db --twice day.ndjson copy
	[ ! -e new.db ]
	pay-consume day.ndjson | pay-store --log -d log.db >/dev/null
	run -76 pay-consume --check --resume new.db --resume log.db copy
	[[ $output == *"log.db: copy: its 3 lines are those of day.ndjson"* ]]
	run -0 pay-consume --check --resume log.db day.ndjson
	run -0 pay-consume --check --resume log.db --as day.ndjson copy
}

@test "SIGTERM ends the stream in order, with the end mark stop, and then the program" {
	mkfifo pipe
	pay-consume --segment-seconds 100 - <pipe >out 3>&- &
	exec 5>pipe
	echo '{"a":1}' >&5
	printf '{"begun":' >&5
	until grep -q '"a":1' out; do sleep 0.05; done
	kill -TERM $!
	status=0
	wait $! || status=$?
	exec 5>&-
	[ "$status" = 143 ]
	[ "$(tail -n 1 out | jq -c '[._mark.records,._mark.next,._mark.end]')" = '[1,{"stdin/0":2},"stop"]' ]
}

@test "a slow input's segments are closed by time" {
	mkfifo pipe
	pay-consume --segment-seconds 0.1 - <pipe >out 3>&- &
	exec 5>pipe
	echo '{"a":1}' >&5
	timeout 120 bash -c 'until grep -q "\"seq\":1,\"records\":1" out; do sleep 0.05; done'
	exec 5>&-
	wait $!
}

@test "--resume goes on where the database is" {
	seq -f '{"n":%.0f}' 10 >f
	pay-consume --to 4 f | pay-store --log -d d.db >/dev/null
	pay-consume --resume d.db f >out
	[ "$(jq -s -c '[.[]|select(.n).n]' out)" = '[5,6,7,8,9,10]' ]
	[ "$(tail -n 1 out | jq -c '[._mark.from,._mark.next]')" = '[{"f/0":5},{"f/0":11}]' ]
	[ "$(pay-consume --plain --resume d.db --resume none.db f | wc -l)" = 10 ]
}

@test "a file that is finished gives nothing, another under its name is refused, a grown one on wish read on" {
	day f
	store f d.db
	[ "$(pay-consume --resume d.db f | jq -c '[._mark.records,._mark.end]')" = '[0,null]
[0,"complete"]' ]
	echo '{"action":"PAYMENT","more":1}' >>f
	refuses 76 'f: d.db knows f with other content' pay-consume --resume d.db f
	[ ! -s out ]
	pay-consume --resume d.db --grown f | pay-store --log -d d.db >out
	[ "$(grep -c '"_src":"f/0/4"' out)" = 1 ]
	[ "$(grep -c '"_src"' out)" = 1 ]
	pay-consume --resume d.db f >out
	[ "$(grep -c '"_src"' out)" = 0 ]
	sed -i 's/"amount":1/"amount":7/' f
	refuses 76 'not the same lines' pay-consume --resume d.db --grown f
}

@test "--from behind the end does not finish a file" {
	pay-gen -n 10 >day
	for to in 0 5; do
		[ $to = 0 ] || pay-consume --to $to day | pay-store --log -d "$to.db" >/dev/null
		for from in 13 99; do pay-consume --from $from day | pay-store --log -d "$to.db" >/dev/null; done
		run -0 pay-consume --resume "$to.db" --plain day
		[ "${#lines[@]}" = $((12 - to)) ]
	done
	: >none
	pay-consume none | pay-store --log -d none.db >/dev/null
	echo >>none
	run -76 pay-consume --resume none.db none
}

@test "--resume of a file without cover is for whoever set it up" {
	echo '{"_src":"a/0/1","amount":1,"paymentDate":"2025-05-25T10:00:00"}' | pay-filter --dedupe seen.db --dedupe-by amount
	run -78 pay-consume --resume seen.db /dev/null
	[[ $output == *"seen.db: holds the identities of pay-filter --dedupe"* ]]
}

@test "a hole after known cover, and a file shorter than it, are for an operator" {
	seq -f '{"n":%.0f}' 10 >f
	pay-consume --to 4 f | pay-store --log -d d.db >/dev/null
	refuses 76 '--allow-gap' pay-consume --resume d.db --from 7 f
	[ "$(pay-consume --plain --resume d.db --from 7 --allow-gap f | jq -s 'length')" = 4 ]
	sed -i 3q f
	refuses 76 'f: has 3 lines, but a database has taken 4' pay-consume --resume d.db f
	[ "$(grep -c complete out)" -eq 0 ]
}

@test "its statistics add up" {
	printf '%s\n' '{"a":1}' 'x' >f
	pay-consume --stats --dead-letter dead f 2>err >/dev/null
	[ "$(jq -c '[.in,.out,.dropped,.dead,.amount]' err)" = '[2,1,{"DEAD":1},1,null]' ]
}

@test "a full disk is an error" {
	day
	status=0
	pay-consume day.ndjson >/dev/full 2>err || status=$?
	[ "$status" = 74 ]
}

@test "the lines before the place where a captured stream is altered are written" {
	for n in $(seq 50); do echo "{\"channel\":\"ONLINE\",\"n\":$n}"; done >day
	pay-consume --segment-records 20 day | sed '/"n":45}/d' >altered
	refuses 65 'the file was cut or altered' pay-consume altered
	grep -v _mark altered | cmp - <(grep -v _mark out)
	run ! grep -q '"end":"' out
}

@test "a line that only speaks of a channel is no header of a table" {
	printf '%s\n' 'channel closed' '{"a":1}' >day
	pay-consume --plain --dead-letter bad day >out
	[ "$(cat out)" = '{"_src":"day/0/2","a":1}' ]
	[ "$(jq -c '[._src, ._dead.raw]' bad)" = '["day/0/1","channel closed"]' ]
}
