#!/usr/bin/env bats
# pay-filter: which payments are not settled, and what becomes of them.

setup() {
	load setup
}

# base N [MEMBER=VALUE]... - a base record with the coordinates day/0/N and the amount N
base() {
	local n=$1
	shift
	jq -cn --argjson n "$n" '{"_src":"day/0/\($n)","paymentType":"ONLINE","amount":$n,"payoutDate":null,
    "confirmDate":"2025-05-21","merchantNumber":"m1","paymentDate":"2025-05-19T21:48",
    "paymentActionType":"PAYMENT","paymentMethodType":"CARD"}
    + ($ARGS.positional | map(split("=") | {(.[0]): (.[1] | fromjson)}) | add // {})' --args "$@"
}

five() { # one for each built-in test, after one that is settled
	base 1
	base 2 testPayment=true
	base 3 'merchantNumber="test-9"'
	base 4 'merchantNumber="closed"'
	base 5 'paymentActionType="NETWORK_CANCEL"' confirmDate=null
	base 6 confirmDate=null
}

seal() { # seal RECORDS... - each argument a segment; marks around them
	local segment seq=1 sum lines
	echo '{"_mark":{"seq":0,"records":0,"in":0,"dropped":{},"amount":null,"from":{},"next":{},"end":null}}'
	for segment; do
		lines=$(wc -l <"$segment") sum=$(jq -s 'map(.amount) | add' "$segment")
		cat "$segment"
		echo '{"_mark":{"seq":'$seq',"records":'"$lines"',"in":'"$lines"',"dropped":{},"amount":"'"$sum"'","from":{},"next":{},"end":null}}'
		seq=$((seq + 1))
	done
	echo '{"_mark":{"seq":'$seq',"records":0,"in":0,"dropped":{},"amount":null,"from":{},"next":{},"end":"complete"}}'
}

policy() { # policy ROW... - writes policy.csv
	printf '%s\n' reason,member,test,value "$@" >policy.csv
}

verdicts() { jq -r .verdict; }

explained() { # explained WORDS, then pay-filter's arguments: the verdicts of standard input, in one line
	local expected=$1 got
	shift
	got=$(pay-filter --explain "$@" | verdicts | xargs)
	[ "$got" = "$expected" ] || { echo "got: $got" && return 1; }
}

@test "without a policy the four built-in reasons hold, in their order" {
	printf 'merchantNumber\nclosed\n' >merchants.csv
	five | explained 'null TEST_PAYMENT TEST_PAYMENT NON_SETTLEMENT_MERCHANT NETWORK_CANCEL UNCONFIRMED' --merchants merchants.csv
	five | explained 'null TEST_PAYMENT TEST_PAYMENT null NETWORK_CANCEL UNCONFIRMED'
}

@test "a settled record passes byte for byte" {
	line='{"_src":"day/0/1","amount":9007199254740993,"confirmDate":"2025-05-21", "x" : 1.10, "merchantNumber":"\u006d1","y":"\/"}'
	run pay-filter <<<"$line"
	[ "$output" = "$line" ]
}

@test "what is dropped is counted by reason, in records and money" {
	five | pay-filter --stats 2>stats >out
	[ "$(jq -c .amount out | xargs)" = '1 4' ]
	[ "$(jq -c '[.in,.out,.dropped,.amount]' stats)" = '[6,2,{"TEST_PAYMENT":2,"NETWORK_CANCEL":1,"UNCONFIRMED":1},{"in":"21","out":"5","dropped":{"TEST_PAYMENT":"5","NETWORK_CANCEL":"5","UNCONFIRMED":"6"}}]' ]
}

@test "--tag passes all on, the reason behind the toolkit's own members" {
	echo '{"_src":"day/0/1","_key":"k","amount":1,"merchantNumber":"test-1"}' | pay-filter --tag >out
	[ "$(cat out)" = '{"_src":"day/0/1","_key":"k","_unsettled":"TEST_PAYMENT","amount":1,"merchantNumber":"test-1"}' ]
	echo '{"amount":1,"merchantNumber":"test-1"}' | pay-filter --tag >out
	[ "$(cat out)" = '{"_unsettled":"TEST_PAYMENT","amount":1,"merchantNumber":"test-1"}' ]
	five | pay-filter --tag --stats 2>stats | grep -c _unsettled | grep -qx 4
	[ "$(jq -c .tagged stats)" = '{"TEST_PAYMENT":2,"NETWORK_CANCEL":1,"UNCONFIRMED":1}' ]
}

@test "--source gives a tagged record its coordinates" {
	echo '{"amount":1,"merchantNumber":"test-1"}' | pay-filter --tag --source 'da"y' >out
	[ "$(cat out)" = '{"_src":"da\"y/0/1","_unsettled":"TEST_PAYMENT","amount":1,"merchantNumber":"test-1"}' ]
}

@test "a record that is tagged already passes as it is" {
	line='{"_src":"day/0/1","_unsettled":"MINE","amount":1,"testPayment":true}'
	[ "$(pay-filter <<<"$line")" = "$line" ]
	[ "$(pay-filter --tag <<<"$line")" = "$line" ]
	[ "$(pay-filter --explain <<<"$line")" = '{"_src":"day/0/1","verdict":"MINE","by":"input"}' ]
}

@test "--rejects keeps the rejected, tagged, and appends" {
	five | pay-filter --rejects rejects.ndjson >/dev/null
	[ "$(jq -r ._unsettled rejects.ndjson | xargs)" = 'TEST_PAYMENT TEST_PAYMENT NETWORK_CANCEL UNCONFIRMED' ]
	[ "$(stat -c %a rejects.ndjson)" = 600 ]
	five | pay-filter --rejects rejects.ndjson >/dev/null
	[ "$(wc -l <rejects.ndjson)" -eq 8 ]
}

@test "--rejects cuts off the half line that a killed run left" {
	printf '{"_src":"day/0/1","_unsettled":"X","amount":1}\n{"_src":"day/0/2","_uns' >rejects.ndjson
	five | pay-filter --rejects rejects.ndjson 2>err >/dev/null
	grep -q 'cut off 23 bytes' err
	[ "$(jq -c . rejects.ndjson | wc -l)" -eq 5 ]
}

@test "a mark says what was dropped, and its records and amount are what was written" {
	five >segment
	seal segment | pay-filter >out
	[ "$(jq -c 'select(._mark.seq == 1)._mark | [.records, .in, .dropped, .amount]' out)" = '[2,6,{"pay-filter":4},"5"]' ]
	pay-filter out >again
	cmp again out
}

@test "a cut stream ends without a mark, and it says so" {
	five >segment
	seal segment | head -n 5 >short
	run pay-filter --rejects rejects.ndjson short
	[ "$status" -eq 65 ]
	[[ $output == *'cut or altered'* ]]
}

@test "a policy's first match wins, and --explain says which line it was" {
	policy FIRST,amount,is,6 SECOND,confirmDate,missing, THIRD,confirmDate,missing,
	five | explained 'null null null null SECOND FIRST' --policy policy.csv
	base 6 | pay-filter --explain --policy policy.csv >out
	[ "$(cat out)" = '{"_src":"day/0/6","verdict":"FIRST","by":"policy.csv:2"}' ]
}

@test "strings compare by their characters, the rest by spelling" {
	policy A,x,is,true B,x,is,café C,x,is,1 D,x,prefix,te E,x,is,null F,x,is,0
	records() {
		local x
		for x in true '"true"' '"caf\u00e9"' '"\u0063afé"' 1 '"1"' 1.0 10 '"test"' '"\u0074est"' '"Test"' null -0 '[1]' '{"a":1}' false; do
			echo '{"amount":1,"x":'"$x"'}'
		done
		echo '{"amount":1}'
	}
	records | explained 'A A B B C C null null D D null E F null null null null' --policy policy.csv
}

@test "missing is absent or null" {
	policy NONE,x,missing,
	printf '%s\n' '{"amount":1}' '{"amount":1,"x":null}' '{"amount":1,"x":""}' '{"amount":1,"x":false}' |
		explained 'NONE NONE null null' --policy policy.csv
}

@test "a list is found beside the policy, with a header or without" {
	mkdir conf
	printf 'merchantNumber,name\nclosed,"a, b"\nm9,c\n' >conf/list.csv
	printf 'closed\nm9\n' >bare.csv
	printf '%s\n' reason,member,test,value NO,merchantNumber,in,list.csv >conf/policy.csv
	five | explained 'null null null NO null null' --policy conf/policy.csv
	five | explained 'null TEST_PAYMENT TEST_PAYMENT NON_SETTLEMENT_MERCHANT NETWORK_CANCEL UNCONFIRMED' --merchants bare.csv
	policy ODD,amount,is,1
	five | explained 'ODD null null NON_SETTLEMENT_MERCHANT null null' --policy policy.csv --merchants bare.csv
}

@test "a mistake in the policy names its line and what to do" {
	mistake() { # mistake TEXT ROW
		policy GOOD,x,is,1 "$2"
		run pay-filter --policy policy.csv --check
		[ "$status" -eq 78 ] || return 1
		[[ $output == *"policy.csv:3: $1"* ]] || { echo "$output" && return 1; }
	}
	mistake 'unknown test "lik" (is, prefix, in, missing)' X,x,lik,1
	mistake '"A B" is no reason' 'A B,x,is,1'
	mistake '"" is no reason' ,x,is,1
	mistake 'no member is named' X,,is,1
	mistake '"missing" takes no value' X,x,missing,1
	mistake 'an empty prefix' X,x,prefix,
	mistake '"in" needs a CSV file' X,x,in,
	mistake '2 fields where the header has 4' X,x
}

@test "a policy that is missing, empty or names a missing list is refused" {
	run pay-filter --policy none.csv --check
	[ "$status" -eq 66 ]
	policy
	run pay-filter --policy policy.csv --check
	[ "$status" -eq 78 ]
	[[ $output == *'policy.csv: no tests in it'* ]]
	policy X,x,in,none.csv
	run pay-filter --policy policy.csv --check
	[ "$status" -eq 66 ]
	[[ $output == *none.csv* ]]
}

@test "--reject tries jq expressions in their order, after the policy" {
	five | explained 'null TEST_PAYMENT TEST_PAYMENT BIG NETWORK_CANCEL UNCONFIRMED' --reject 'BIG=.amount > 3' --reject 'NEVER=.amount > 3'
	five | explained 'ODD TEST_PAYMENT TEST_PAYMENT FOUR NETWORK_CANCEL UNCONFIRMED' --reject 'FOUR=.amount | select(. == 4)' --reject 'ODD=null, false' --reject 'ODD=._src == "day/0/1"'
}

@test "an expression that fails on a record makes it a bad record" {
	run pay-filter --reject 'X=.merchantNumber / 2' <<<"$(base 1)"
	[ "$status" -eq 65 ]
	[[ $output == *'day/0/1: bad record: --reject X: '*'cannot be divided'* ]]
	five | pay-filter --reject 'X=if .amount == 1 then error("no") else false end' --dead-letter dead.ndjson >out
	[ "$(jq -r ._dead.reason dead.ndjson)" = '--reject X: no' ]
	[ "$(jq .amount out)" = 4 ]
}

@test "an expression that is none is refused at the start" {
	for expression in '.a +' 'nothing()' 'import "x" as x; .'; do
		run pay-filter --reject "X=$expression" --check
		[ "$status" -eq 78 ]
		[[ $output == *'--reject X: not a jq expression: '* ]]
	done
	for argument in X X= '=.a' 'A B=.a' 'X= '; do
		run pay-filter --reject "$argument" --check
		[ "$status" -eq 64 ]
	done
}

@test "a jq expression does not see the user's own ~/.jq" {
	mkdir home
	echo 'def mine: true;' >home/.jq
	HOME=$PWD/home run pay-filter --reject 'X=mine' --check
	[ "$status" -eq 78 ]
}

@test "--check prints the policy as it is understood" {
	printf 'n\nclosed\n' >list.csv
	policy A,x,is,true B,x,prefix,t C,merchantNumber,in,list.csv D,x,missing,
	run pay-filter --policy policy.csv --reject 'E=.y' --dedupe d.db --dedupe-by id,amount --check
	[ "$status" -eq 0 ]
	[ "$output" = 'policy.csv:2: A when x is "true"
policy.csv:3: B when x begins with "t"
policy.csv:4: C when merchantNumber is one of 2 in list.csv
policy.csv:5: D when x is missing or null
--reject: E when .y
--dedupe: DUPLICATE when id,amount was met under other coordinates within 31 days (d.db)' ]
	[ ! -e d.db ]
}

@test "--test says which cases fail" {
	policy A,x,is,true
	cat >cases.ndjson <<'END'
{"in":{"x":true},"expect":"A"}
{"name":"a further member is a remark","in":{"x":false},"expect":null}
{"in":{"x":true},"expect":null}
{"in":{"y":7},"expect":"A"}
{"in":{"y":7},"expect":"\u0042"}
END
	run pay-filter --policy policy.csv --reject 'B=.y == 7' --test cases.ndjson
	[ "$status" -eq 1 ]
	[ "$output" = 'cases.ndjson:3: expected null, got A by policy.csv:2
cases.ndjson:4: expected A, got B by --reject' ]
	head -n 2 cases.ndjson >good.ndjson
	run pay-filter --policy policy.csv --test good.ndjson
	[ "$status" -eq 0 ]
	[ -z "$output" ]
}

@test "--test refuses what is no case" {
	for line in 'x' '' '[]' '{"in":{}}' '{"in":1,"expect":null}' '{"expect":null}' '{"in":{},"expect":1}'; do
		echo "$line" >cases.ndjson
		run pay-filter --test cases.ndjson
		[ "$status" -eq 65 ]
		[[ $output == *cases.ndjson:1:* ]]
	done
	: >cases.ndjson
	run pay-filter --test cases.ndjson
	[ "$status" -eq 65 ]
}

@test "the same payment under other coordinates is a duplicate; its own never is" {
	base 1 'id="a"' >one
	base 2 'id="a"' amount=1 >two
	base 3 'id="b"' >three
	cat one two three | pay-filter --dedupe d.db --dedupe-by id | jq .amount | xargs >first
	cat one two three | pay-filter --dedupe d.db --dedupe-by id | jq .amount | xargs >again
	[ "$(cat first)" = '1 3' ]
	[ "$(cat again)" = '1 3' ]
	[ "$(stat -c %a d.db)" = 600 ]
	pay-filter --dedupe d.db --dedupe-by id --explain two >out
	[ "$(cat out)" = '{"_src":"day/0/2","verdict":"DUPLICATE","by":"--dedupe","of":"day/0/1"}' ]
}

@test "the same identity with another action, amount or merchant is in conflict, which is said once, and counted" {
	{
		base 1 'id="a"'
		base 2 'id="a"' amount=1
		base 3 'id="a"' amount=1 'paymentActionType="CANCEL"'
		base 4 'id="a"' amount=2
		base 5 'id="a"' amount=1 'merchantNumber="m2"'
		base 6 'id="a"' amount=1 'merchantNumber="\u006d1"'
	} >in
	for run in first again; do
		pay-filter --tag --stats --dedupe d.db --dedupe-by id in 2>err >out
		[ "$(jq -r '._unsettled // "-"' out | xargs)" = '- DUPLICATE CONFLICT CONFLICT CONFLICT DUPLICATE' ] || { cat "$run" out && return 1; }
		[ "$(grep -c CONFLICT: err)" -eq 1 ]
		grep -q '^pay-filter: 3 in CONFLICT: .*(--dedupe-by id).*the first is day/0/3, with day/0/1' err
		[ "$(tail -n 1 err | jq -c '[.in, .out, .tagged]')" = '[6,6,{"DUPLICATE":2,"CONFLICT":3}]' ]
	done
	pay-filter --stats --rejects rejects.ndjson --dedupe e.db --dedupe-by id in 2>err | jq .amount | grep -qx 1
	[ "$(jq -r ._unsettled rejects.ndjson | sort | uniq -c | xargs)" = '3 CONFLICT 2 DUPLICATE' ]
	[ "$(tail -n 1 err | jq -c '[.dropped, .amount.dropped]')" = '[{"DUPLICATE":2,"CONFLICT":3},{"DUPLICATE":"2","CONFLICT":"4"}]' ]
	pay-filter --explain --dedupe d.db --dedupe-by id in | sed -n 3p >out
	[ "$(cat out)" = '{"_src":"day/0/3","verdict":"CONFLICT","by":"--dedupe","of":"day/0/1"}' ]
}

@test "an identity claimed ahead by somebody else's payment does not set a payment aside in silence" {
	base 1 'id="a"' 'merchantNumber="thief"' >in
	base 2 'id="a"' amount=1 >>in
	base 3 'id="a"' amount=1 >>in
	pay-filter --tag --dedupe d.db --dedupe-by id in 2>err >out
	[ "$(jq -r '._unsettled // "-"' out | xargs)" = '- CONFLICT CONFLICT' ]
	grep -q '2 in CONFLICT' err
}

@test "with the id of the event a cancel is a payment of its own" {
	base 1 'id="a"' >in
	base 2 'id="a"' amount=1 'paymentActionType="CANCEL"' >>in
	base 3 'id="a"' amount=1 'paymentActionType="CANCEL"' >>in
	explained 'null null DUPLICATE' --dedupe d.db --dedupe-by id,paymentActionType <in
	pay-filter --dedupe d.db --dedupe-by id,paymentActionType in 2>err >/dev/null
	[ ! -s err ]
}

@test "conflicts are said also where the run ends by an error" {
	base 1 'id="a"' >in
	base 2 'id="a"' >>in
	echo x >>in
	run -65 pay-filter --dedupe d.db --dedupe-by id in
	[[ $output == *'1 in CONFLICT'* ]]
}

@test "a database of identities that an older paypipe made is refused, and what to do is said" {
	base 1 'id="a"' | pay-filter --dedupe d.db --dedupe-by id >/dev/null
	sqlite3 d.db 'PRAGMA user_version = 3'
	run -78 pay-filter --dedupe d.db --dedupe-by id <<<"$(base 2 'id="b"')"
	[[ $output == *'d.db: has schema version 3, this program knows 4; move it away, and feed the payments of the last weeks'* ]]
}

@test "identities are hashed under a key of each database's own" {
	for database in d.db e.db; do
		base 1 'id="a"' | pay-filter --dedupe "$database" --dedupe-by id >/dev/null
	done
	[ "$(sqlite3 d.db 'SELECT length(key) FROM setting')" = 16 ]
	[ "$(sqlite3 d.db 'SELECT hex(claims) FROM piece')" != "$(sqlite3 e.db 'SELECT hex(claims) FROM piece')" ]
	sqlite3 d.db "UPDATE setting SET key = x'00'"
	run -65 pay-filter --dedupe d.db --dedupe-by id <<<"$(base 2 'id="b"')"
	[[ $output == *'d.db: has settings that no pay-filter has written'* ]]
}

@test "an identity is made of values, not of spellings, and null is not absent" {
	same() { # same MEMBERS A B: whether B is a duplicate of A
		rm -f e.db
		{
			base 1 | jq -c "$2"
			base 2 | jq -c "$3"
		} | sed 's/"Z"/"\\u005a"/' |
			pay-filter --dedupe e.db --dedupe-by "$1" | wc -l | grep -qx "${4-1}"
	}
	differ() { same "$@" 2; }
	same id '.id="Z"' '.id="Z" | .amount=5'
	same id,amount '.id="Z"' '.id="Z" | .amount=1'
	same id,x '.id="a" | .x={"a":1}' '.id="a" | .x={"a":1}'
	same _key,id '.id="a"' '.id="a"'
	differ id,x '.id="ab" | .x="c"' '.id="a" | .x="bc"'
	differ id '.id="1"' '.id=1'
	differ id,x '.id="a" | .x=null' '.id="a"'
	differ id,amount '.id="a"' '.id="a"'
}

@test "what survives the policy alone claims an identity" {
	{
		base 1 'id="a"' testPayment=true
		base 2 'id="a"'
		base 3 'id="a"' amount=2
	} |
		explained 'TEST_PAYMENT null DUPLICATE' --dedupe d.db --dedupe-by id
}

@test "--explain and --check leave the identities as they are" {
	base 1 'id="a"' | pay-filter --dedupe d.db --dedupe-by id >/dev/null
	base 2 'id="b"' | pay-filter --dedupe d.db --dedupe-by id --explain >/dev/null
	base 3 'id="b"' | explained null --dedupe d.db --dedupe-by id
}

@test "duplicates are at most --dedupe-days apart, before or after" {
	day() { base "$1" 'id="a"' amount=1 "paymentDate=\"2025-05-$2T00:00\""; }
	{
		day 1 10
		day 2 12
		day 3 13
		day 4 11
		day 5 08
		day 6 07
	} |
		explained 'null DUPLICATE null DUPLICATE DUPLICATE null' --dedupe d.db --dedupe-by id --dedupe-days 2
}

@test "thousands of payments in segments of a few, in runs that overlap: duplicates as a list of all payments tells" {
	python3 "$BATS_TEST_DIRNAME/filter/duplicates.py"
	python3 "$BATS_TEST_DIRNAME/filter/duplicates.py"
}

@test "neither one date far ahead nor a thousand make it forget, first of all or behind others" {
	many() { # many FIRST COUNT ID DATE - so many payments with identities and coordinates of their own
		seq "$1" $(($1 + $2 - 1)) | sed "s|.*|{\"_src\":\"day/0/&\",\"amount\":1,\"confirmDate\":\"2025-05-01\",\"paymentDate\":\"$4T00:00\",\"id\":\"$3&\"}|"
	}
	first() { many 1 1 a "$1" | sed "s|day/0/1|$2/0/1|"; }
	for before in 0 2000; do
		for ahead in 1 40 1500; do
			rm -f d.db
			{
				first 2025-05-19 one
				many 10 "$before" b 2025-05-19
				many 10000 "$ahead" c 2099-01-01
				first 2025-05-19 other
			} | pay-filter --explain --dedupe d.db --dedupe-by id --dedupe-days 5 | tail -n 1 >out
			[ "$(cat out)" = '{"_src":"other/0/1","verdict":"DUPLICATE","by":"--dedupe","of":"one/0/1"}' ] || { echo "$before, $ahead" && return 1; }
		done
	done
}

@test "what was met weeks ago, as most payments say, is forgotten" {
	for day in 01 08 15 22; do
		seq 1000 | sed "s|.*|{\"_src\":\"$day/0/&\",\"amount\":1,\"confirmDate\":\"2025-05-01\",\"paymentDate\":\"2025-05-${day}T00:00\",\"id\":\"$day&\"}|"
	done >in
	pay-filter --dedupe d.db --dedupe-by id --dedupe-days 0 in >/dev/null
	again() { sed -n "$1p" in | sed 's|"_src":"[0-9]*|"_src":"again|' | pay-filter --explain --dedupe d.db --dedupe-by id --dedupe-days 0 | verdicts; }
	[ "$(again 1)" = null ]
	[ "$(again 2001)" = null ]
	[ "$(again 3001)" = DUPLICATE ]
}

@test "a record without anything to identify it, or without a date, is bad under --dedupe" {
	run pay-filter --dedupe d.db --dedupe-by id,ref <<<"$(base 1 id=null)"
	[ "$status" -eq 65 ]
	[[ $output == *'day/0/1: bad record: nothing identifies it: id,ref is missing'* ]]
	run pay-filter --dedupe e.db --dedupe-by id <<<"$(base 1 'id="a"' 'paymentDate="2025-02-30T00:00"')"
	[ "$status" -eq 65 ]
}

@test "--dedupe needs input, coordinates, and the members it was made for" {
	run pay-filter --dedupe d.db --dedupe-by id </dev/null
	[ "$status" -eq 65 ]
	run pay-filter --dedupe d.db --dedupe-by id <<<"$(base 1 | jq -c 'del(._src) | .id = 1')"
	[ "$status" -eq 65 ]
	[[ $output == *--source* ]]
	run pay-filter --dedupe d.db --dedupe-by ref </dev/null
	[ "$status" -eq 78 ]
	[[ $output == *'was made with --dedupe-by id'* ]]
	pay-filter </dev/null
}

@test "options that do not go together are refused" {
	for options in '--tag --rejects f' '--tag --explain' '--test f --tag' '--dedupe d.db' '--dedupe-by id' '--dedupe-days 3' \
		'--dedupe d.db --dedupe-by a,,b' '--dedupe d.db --dedupe-by a,a' '--test f --dedupe d.db --dedupe-by a'; do
		# shellcheck disable=SC2086
		run pay-filter $options </dev/null
		[ "$status" -eq 64 ] || { echo "$options: $output" && return 1; }
	done
}

@test "killed anywhere and run again, it gives the verdicts of one whole run" {
	python3 - <<'END'
import json, random
seed = 20250525
random.seed(seed)
for segment in range(12):
    with open(f"segment{segment:02}", "w") as f:
        for line in range(40):
            n = segment * 40 + line
            day = max(1, min(28, segment * 2 + random.randint(-6, 3)))
            f.write(json.dumps({"_src": f"day/0/{n}", "amount": n, "confirmDate": "2025-05-01", "merchantNumber": "m",
                "paymentDate": f"2025-05-{day:02}T00:00", "id": random.randint(1, 60)}) + "\n")
END
	seal segment* | pay-filter --dedupe whole.db --dedupe-by id --dedupe-days 3 --plain >whole
	grep -c . whole
	[ "$(wc -l <whole)" -lt 440 ]
	# Each run dies after some segments, of which the last have not reached the store yet.
	for range in 0,2 1,4 4,4 3,7 6,9 8,9 7,11; do
		from=${range%,*} to=${range#*,}
		for n in $(seq "$from" "$to"); do printf 'segment%02d\n' "$n"; done >names
		# shellcheck disable=SC2046
		seal $(cat names) | sed '$d' >input # the end mark is missing: the input was cut
		pay-filter --dedupe parts.db --dedupe-by id --dedupe-days 3 --plain 2>/dev/null <input >>parts || [ $? -eq 65 ]
	done
	sort -u parts >parts.sorted
	sort whole | cmp - parts.sorted
}

@test "the policy's tests agree with the same tests in jq" {
	python3 - 7 <<'END'
import json, random, sys
random.seed(int(sys.argv[1]))
values = [None, True, False, 0, 1, 17, -3, "", "1", "a", "ab", "abc", "é", "\U0001f600x", 'q"\\/\n', "true", [], ["a"], {}, {"x": "a"}]
with open("in", "w") as f:
    for n in range(3000):
        record = {"amount": n}
        record.update({m: random.choice(values) for m in "xyz" if random.random() < .8})
        f.write(json.dumps(record, ensure_ascii=random.random() < .5) + "\n")
open("list.csv", "w").write('value\n"é"\n1\nabc\ntrue\n')
END
	policy A,x,is,ab B,y,prefix,a C,x,missing, D,z,in,list.csv E,y,is,true F,z,is,-3 G,x,is, H,y,is,null
	pay-filter --policy policy.csv --explain in | verdicts >by_policy
	policy NONE,none,is,none
	def='def text: if type == "array" or type == "object" then false else tostring end;'
	pay-filter --policy policy.csv --explain --reject 'A=.x == "ab"' --reject 'B=.y | strings | startswith("a")' --reject 'C=.x == null' \
		--reject "D=$def"' has("z") and (.z | text | IN("é", "1", "abc", "true"))' --reject 'E=.y == true or .y == "true"' \
		--reject 'F=.z == -3' --reject 'G=.x == ""' --reject 'H=has("y") and .y == null' in | verdicts >by_jq
	[ "$(sort -u by_policy | xargs)" = 'A B C D E F G H null' ]
	cmp by_policy by_jq || { echo 'the seed was 7' && return 1; }
}

@test "a list that is missing is named with the policy's line that wants it" {
	printf '%s\n' reason,member,test,value 'A,merchantNumber,in,nolist.csv' >policy.csv
	run -66 pay-filter --check --policy policy.csv
	[[ $output == 'pay-filter: policy.csv:2: the list nolist.csv: '* ]]
}

@test "--version tells which libjq and libcsv are used" {
	run -0 pay-filter --version
	[[ $output =~ libjq\.so\.[0-9]+\.[0-9] ]]
	[[ $output =~ libcsv\ [0-9]+\.[0-9] ]]
}

@test "an expression that raises an error with null has failed, as with any other" {
	for expression in 'error(null)' '.missing | error' 'error(.missing)' 'if true then error(null) else . end' '[.[] | error(null)] | length > 0'; do
		run pay-filter --reject "X=$expression" <<<'{"_src":"day/0/1","amount":1,"confirmDate":"2025-05-21","merchantNumber":"m"}'
		[ "$status" -eq 65 ]
		[[ $output == *"day/0/1: bad record: --reject X: null"* ]]
	done
	# what catches it goes on, and an expression of its own is its own
	for expression in 'try error(null) catch false' 'def error(m): false; error(null)' 'empty'; do
		run pay-filter --reject "X=$expression" <<<'{"amount":1,"confirmDate":"2025-05-21","merchantNumber":"m"}'
		[ "$status" -eq 0 ]
	done
	run pay-filter --reject 'X=error("no")' <<<'{"amount":1,"confirmDate":"2025-05-21","merchantNumber":"m"}'
	[[ $output == *"--reject X: no"* ]]
}

# merchant NUMBER... - a base record of each
merchant() { printf '{"amount":1,"confirmDate":"2025-05-21","merchantNumber":"%s"}\n' "$@"; }

# left_out LIST - which of three merchants a list leaves out
left_out() {
	merchant 900001 900002 900003 | pay-filter --merchants "$1" --explain | jq -r 'select(.verdict) | input_line_number' | xargs
}

@test "a merchants list's first row is read like all others" {
	local bom=$'\xef\xbb\xbf'
	for first in 900001 ' 900001' '"900001"' $'900001\r' "${bom}900001" "$bom\"900001\"" '900001 '; do
		printf '%s\n900003\n' "$first" >list.csv
		[ "$(left_out list.csv)" = "1 3" ]
		[ "$(left_out <(cat list.csv))" = "1 3" ]
	done
	for header in merchantNumber '"merchantNumber"' "${bom}merchantNumber" $'merchantNumber\r' merchantnumber 가맹점번호; do
		printf '%s\n900002\n' "$header" >list.csv
		[ "$(left_out list.csv)" = 2 ]
		[ "$(left_out <(cat list.csv))" = 2 ]
	done
	printf '900001,Shop\n"900003","Shop, Ltd."\n' >list.csv
	[ "$(left_out list.csv)" = "1 3" ]
	printf 'reason,member,test,value\nX,merchantNumber,in,list.csv\n' >policy.csv
	[ "$(merchant 900001 900002 | pay-filter --policy policy.csv | wc -l)" = 1 ]
}

@test "a list that cannot be what was meant is refused, naming file and line" {
	refused() { # refused MESSAGE: list.csv, as a file and as a pipe
		for list in list.csv <(cat list.csv); do
			run pay-filter --merchants "$list" <<<"$(merchant 900001)"
			[ "$status" -eq 78 ]
			[[ $output == *"$1"* ]]
		done
		printf 'reason,member,test,value\nX,merchantNumber,in,list.csv\n' >policy.csv
		run pay-filter --policy policy.csv --check
		[ "$status" -eq 78 ]
		[[ $output == *"list.csv"*"$1"* ]]
	}
	printf '\xb0\xa1\xb8\xcd\n900001\n' >list.csv # CP949
	refused ':1: not UTF-8'
	printf '900001\n\xb0\xa1\xb8\xcd\n' >list.csv
	refused ':2: not UTF-8'
	for code in UTF-16 UTF-16LE UTF-16BE; do
		printf '900001\n900002\n' | iconv -t $code >list.csv
		refused 'iconv -f UTF-16'
	done
	printf '900001\n90000' >list.csv
	refused ':2: the last row has no line feed'
	: >list.csv
	refused 'is empty'
	printf 'merchantNumber\n\n' >list.csv
	refused 'no entry in it'
	printf 'name,merchantNumber\nShop,900001\n' >list.csv
	refused ':1: merchantNumber is column 2'
	printf '900001;Shop\n' >list.csv
	refused 'columns are separated by commas'
	printf '900001\tShop\n' >list.csv
	refused 'control character'
	printf '900001\r900002\r\n' >list.csv
	refused 'control character'
	printf '900001\n900002,Shop\n' >list.csv
	refused ':2: 2 fields where the first row has 1'
	printf '"900001\n' >list.csv
	refused 'a quote is left open'
}

@test "a policy that is cut in its last row is refused" {
	printf 'reason,member,test,value\nX,merchantNumber,prefix,90' >policy.csv
	run pay-filter --policy policy.csv <<<"$(merchant 900001)"
	[ "$status" -eq 78 ]
	[[ $output == *"policy.csv:2: the last row has no line feed"* ]]
	iconv -t UTF-16 <<<'reason,member,test,value' >policy.csv
	run pay-filter --policy policy.csv <<<"$(merchant 900001)"
	[ "$status" -eq 78 ]
	[[ $output == *"iconv -f UTF-16"* ]]
}
