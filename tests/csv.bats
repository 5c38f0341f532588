#!/usr/bin/env bats
# pay-consume on tables: as they come, with nothing guessed.
load setup
bats_require_minimum_version 1.5.0

header=paymentType,amount,payoutDate,confirmDate,merchantNumber,paymentDate,paymentActionType,paymentMethodType
row() { # row AMOUNT MERCHANT
	echo "ONLINE,$1,,,$2,2025-05-19T21:48,PAYMENT,CARD"
}

@test "further columns become members of data behind the eight, text as it stands, null where it is empty" {
	{
		echo "id,$header,fee,channel,메모"
		echo "t-1,$(row 100 m),07,OFFLINE,\"a \"\"b\"\"\""
		echo ",$(row 200 m),,,"
	} >c
	pay-consume --plain c >out
	[ "$(sed -n 1p out)" = '{"_src":"c/0/2","channel":"OFFLINE","action":"PAYMENT","data":{"paymentType":"ONLINE","amount":100,"payoutDate":null,"confirmDate":null,"merchantNumber":"m","paymentDate":"2025-05-19T21:48","paymentActionType":"PAYMENT","paymentMethodType":"CARD","id":"t-1","fee":"07","메모":"a \"b\""}}' ]
	[ "$(sed -n 2p out | jq -c '[.channel,.data.id,.data.fee,.data["메모"]]')" = '["ONLINE",null,null,null]' ]
	pay-consume c | pay-tobase --plain | jq -r .id | paste -sd' ' >got
	[ "$(cat got)" = 't-1 null' ]
}

@test "a column of a reserved name, without a name, or twice is refused" {
	for bad in '_src|a column whose name begins with _' '|a column without a name' 'x,x|column "x" stands there twice' \
		'amount|column "amount" stands there twice'; do
		printf '%s\n' "$header,${bad%|*}" >c
		refuses 65 "c:1: ${bad#*|}" pay-consume --dead-letter - c
	done
	echo 'word=amount' >map
	printf '%s\n' "$header,word" >c
	refuses 65 'c:1: column "amount" stands there twice' pay-consume --columns map c
	printf '%s\n%s\n' 'a=x' 'b=x' >map
	printf '%s\n' "$header,a,b" >c
	refuses 65 'c:1: column "x" stands there twice' pay-consume --columns map c
	echo 'a=_dead' >map
	printf '%s\n' "$header,a" >c
	refuses 65 'c:1: a column whose name begins with _' pay-consume --columns map c
}

@test "--columns says what the header's words stand for" {
	{
		printf '\xef\xbb\xbf# what our bank calls them\r\n\r\n'
		printf '승인금액 = amount\r\n가맹점=merchantNumber\na=b=transactionId\nnowhere=x\n'
	} >map
	{
		echo "$header,a=b" | sed 's/amount/승인금액/; s/merchantNumber/가맹점/'
		echo "$(row 3400 m),t"
	} >c
	[ "$(pay-consume --plain --columns map c | jq -c '[.data.amount,.data.merchantNumber,.data.transactionId]')" = '[3400,"m","t"]' ]
	refuses 65 'no column "amount" in the header' pay-consume --dead-letter - c
	grep -q -- '--columns FILE' err
}

@test "a file of --columns that cannot be read so is named with its line" {
	printf 'a=b\nnothing\n' >map
	refuses 78 'map:2: not WORD=MEMBER' pay-consume --columns map c
	printf 'a=b\na=c\n' >map
	refuses 78 'map:2: "a" stands there twice' pay-consume --columns map c
	printf 'a=\n' >map
	refuses 78 'map:1: not WORD=MEMBER' pay-consume --columns map c
	printf '\261=a\n' >map
	refuses 78 'map:1: not UTF-8' pay-consume --columns map c
	refuses 66 none pay-consume --columns none c
}

@test "--delimiter parts columns" {
	{
		echo "$header" | tr , ';'
		row 100 m | tr , ';' | sed 's/m;/ "m;1";/'
	} >c
	[ "$(pay-consume --plain --delimiter ';' c | jq -r .data.merchantNumber)" = 'm;1' ]
	{
		echo "$header" | tr , '\t'
		row 100 'm,1' | sed 's/m,1/m|1/' | tr , '\t' | tr '|' ,
	} >c
	[ "$(pay-consume --plain --delimiter tab c | jq -c '[.data.amount,.data.payoutDate,.data.merchantNumber]')" = '[100,null,"m,1"]' ]
	for bad in '' ab '"' ' ' '，'; do refuses 64 '--delimiter' pay-consume --delimiter "$bad" c; done
}

@test "--encoding reads other encodings, before lines and rows are found" {
	{
		echo "$header,메모"
		echo "$(row 100 상점),커피"
		echo "$(row 200 상점),우유"
	} >utf8
	for encoding in CP949 UTF-16 UTF-16LE UTF-32BE; do
		iconv -f UTF-8 -t $encoding utf8 >c
		pay-consume --encoding $encoding --as utf8 c --plain | cmp - <(pay-consume --plain utf8)
	done
	iconv -f UTF-8 -t UTF-16 utf8 | gzip >c
	[ "$(pay-consume --encoding UTF-16 --plain c | wc -l)" = 2 ]
	pay-gen -n 5 >day
	pay-consume --encoding UTF-16 --plain --as day <(iconv -f UTF-8 -t UTF-16 day) | cmp - <(pay-consume --plain day)
	for bad in nonsense CP949//IGNORE ''; do refuses 64 '--encoding: iconv knows no' pay-consume --encoding "$bad" c; done
}

@test "a byte that is no text in the encoding makes its row bad, and is named" {
	{
		echo "$header"
		row 100 a
		row 200 $'b\377'
		row 300 d
	} >c
	refuses 65 'c/0/3: bad record: the byte 0xFF is no text in CP949' pay-consume --encoding CP949 c
	pay-consume --encoding CP949 --dead-letter dead --plain c >out
	[ "$(jq -r .data.amount out | paste -sd' ')" = '100 300' ]
	# Half a character at the end.
	printf '%s\n%s\n{"a":"\260' '{"a":1}' '{"a":2}' >n
	pay-consume --encoding CP949 --dead-letter dead --plain n >out
	[ "$(wc -l <out)" = 2 ]
	# A lone surrogate leaves the characters behind it whole.
	{
		printf '{"a":1}\n{"b":"' | iconv -f UTF-8 -t UTF-16LE
		printf '\000\334'
		printf '"}\n{"a":3}\n' | iconv -f UTF-8 -t UTF-16LE
	} >n
	pay-consume --encoding UTF-16LE --dead-letter dead --plain n >out
	[ "$(jq .a out | paste -sd' ')" = '1 3' ]
}

@test "--skip-lines leaves lines above the header, which count" {
	{
		printf '\xef\xbb\xbfsep=,\n"Payments, open quote\n'
		echo "$header"
		row 100 m
	} >c
	[ "$(pay-consume --plain --skip-lines 2 c | jq -r ._src)" = c/0/4 ]
	[ "$(pay-consume --skip-lines 2 c | tail -n 1 | jq -c '[._mark.from,._mark.next]')" = '[{"c/0":1},{"c/0":5}]' ]
	pay-consume --skip-lines 2 c | pay-store --log -d d.db >/dev/null
	[ -z "$(pay-consume --plain --skip-lines 2 --resume d.db c)" ]
}

@test "options of tables are for tables" {
	refuses 64 'not for --format ndjson' pay-consume --format ndjson --delimiter ';' c
	refuses 64 'are for files' pay-consume -b localhost -t a --skip-lines 1
	refuses 64 'are for files' pay-consume -b localhost -t a --encoding CP949
	# Who says how tables are written has no other files.
	pay-gen -n 5 >day
	refuses 65 'day:1: ' pay-consume --delimiter ';' --dead-letter - day
}

@test "a last row without its line feed may be cut, and is refused unless told otherwise" {
	{
		echo "$header"
		row 100 m
		row 200 m1881
	} >whole
	for cut in 1 3 7; do
		head -c -$cut whole >c
		refuses 65 'c:3: the last row has no line feed behind it' pay-consume --dead-letter - c
		[ "$(grep -c '"_src":"c/0/2"' out)" = 1 ]
		[ "$(grep -c complete out)" = 0 ]
	done
	head -c -1 whole >c
	[ "$(pay-consume --plain --unterminated c | wc -l)" = 2 ]
	refuses 65 'standard input:3: the last row' pay-consume - <c
	# What is cut is read whole when it is there.
	pay-consume --dead-letter - c 2>err | pay-store --log -d d.db >/dev/null || true
	pay-consume --resume d.db whole --as c | pay-store --log -d d.db >/dev/null
	[ "$(sqlite3 d.db 'select count(*) from payment_log')" = 2 ]
}
