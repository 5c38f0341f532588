#!/usr/bin/env bats
# pay-produce to topics of a real broker: what is there, where, once, and what is said when it is not.
bats_require_minimum_version 1.5.0

setup_file() {
	load broker
	broker_start
}

setup() {
	load setup
	load broker
	broker_needed
}

teardown_file() {
	load broker
	broker_kill9
}

# produce TOPIC [OPTION]...
produce() { pay-produce -b "$BROKER" -t "$1" "${@:2}"; }

# stream SOURCE PARTITIONS RECORDS SEGMENT [START]: records with coordinates and an id, and marks, as pay-consume's
stream() {
	awk -v source="$1" -v partitions="$2" -v records="$3" -v segment="$4" -v start="${5:-0}" '
	function list(at, text, p) {
		for (p = 0; p < partitions; p++) text = text (p ? "," : "") sprintf("\"%s/%d\":%d", source, p, at[p])
		return text
	}
	function mark(end, p) {
		printf "{\"_mark\":{\"seq\":%d,\"records\":%d,\"in\":%d,\"dropped\":{},\"amount\":null,\"from\":{%s},\"next\":{%s},\"end\":%s}}\n",
			seq++, n, n, list(from), list(at), end
		n = 0
		for (p in at) from[p] = at[p]
	}
	BEGIN {
		for (p = 0; p < partitions; p++) from[p] = at[p] = start
		mark("null")
		for (i = 0; i < records; i++) {
			p = i % partitions
			printf "{\"_src\":\"%s/%d/%d\",\"id\":\"%d-%d\"}\n", source, p, at[p], p, at[p]
			at[p]++
			if (++n == segment) mark("null")
		}
		mark("\"complete\"")
	}'
}

# each_once TOPIC RECORDS [KCAT-OPTION]...: so many committed values, no two alike
each_once() {
	topic_read "$1" "${@:3}" | awk -v records="$2" '
		seen[$0]++ { twice++ }
		END { if (NR != records || twice) { print NR " records, " twice + 0 " twice"; exit 1 } }'
}

@test "a message has the record's value, key, headers and time, and its coordinates as a header" {
	topic_create parts 1
	{
		echo '{"_src":"a/0/1","_key":"k\u0041/상점","_ts":1748131200000,"_headers":[["h","1"],["_src","b/0/9"],["n",null],["h",""]],"a":1.10,"b": "\u0041"}'
		echo '{"_src":"d\u00e9/0/2","_key":null,"a":2}'
		echo '{"a":3}'
		echo '{"_src":"a/0/4"}'
	} | produce parts
	run -0 kcat -C -q -Z -b "$BROKER" -t parts -o beginning -e -f '%k %h %s\n'
	[ "$output" = 'kA/상점 h=1,n=NULL,h=,_src=a/0/1 {"a":1.10,"b": "\u0041"}
NULL _src=dé/0/2 {"a":2}
NULL  {"a":3}
NULL _src=a/0/4 {}' ]
	[ "$(topic_read parts -f '%T\n' | head -n 1)" = 1748131200000 ]
	echo '{"_src":"a/0/1","_rule":"x","a":1}' | produce parts --envelope
	[ "$(topic_read parts | tail -n 1)" = '{"_src":"a/0/1","_rule":"x","a":1}' ]
}

@test "what pay-consume gives of a topic with key, time and headers can be written to another, and is the same" {
	topic_create there 2
	topic_create back 2
	printf '{"_key":"k%d","_ts":174813120000%d,"_headers":[["h","%d"]],"v":%d}\n' 1 1 1 1 2 2 2 2 3 3 3 3 | produce there
	pay-consume -b "$BROKER" -t there --until end --with key,ts,headers | produce back
	[ "$(topic_rows back -f '%p %T %k %s\n')" = "$(topic_rows there -f '%p %T %k %s\n')" ]
	[ "$(topic_read back -f '%h\n' | sort | head -n 1)" = "h=1,_src=there/$(topic_read there -f '%p/%o %k\n' | sed -n 's/ k1$//p')" ]
}

@test "a key is of members at the top or in the totals' key, and a record without one is bad" {
	topic_create keys 1
	{
		echo '{"key":{"merchantNumber":"m\/1","paymentDateDaily":"2025-05-25"},"value":{"count":1}}'
		echo '{"merchantNumber":"m2","paymentDateDaily":20250525,"key":{"merchantNumber":"no"}}'
		echo '{"merchantNumber":"","paymentDateDaily":1.10}'
		echo '{"_src":"a/0/4","merchantNumber":null,"paymentDateDaily":1}'
		echo '{"merchantNumber":"m5","key":"paymentDateDaily"}'
		echo '{"merchantNumber":"m6","paymentDateDaily":[1]}'
	} >in
	produce keys --key merchantNumber/paymentDateDaily --dead-letter dead in
	[ "$(topic_read keys -f '%k\n')" = $'m/1/2025-05-25\nm2/20250525\n/1.10' ]
	[ "$(jq -r ._dead.reason dead)" = 'merchantNumber, a member of its key, is null
paymentDateDaily, a member of its key, is missing
paymentDateDaily, a member of its key, is an object or an array' ]
	refuses 65 'a/0/4: bad record: merchantNumber' produce keys --key merchantNumber/paymentDateDaily in
	refuses 65 '_key, a member of its key, is missing' produce keys --key _key in
	[ "$(topic_read keys | wc -l)" = 6 ]
	echo '{"_src":"a/0/1","_dead":{"stage":"pay-tobase","reason":"no amount","raw":"{}"}}' | produce keys --key merchantNumber
	[ "$(topic_read keys -f '%K %s\n' | tail -n 1)" = '-1 {"_src":"a/0/1","_dead":{"stage":"pay-tobase","reason":"no amount","raw":"{}"}}' ]
}

@test "different members have different keys: slashes within values, numbers and strings" {
	topic_create apart 1
	{
		echo '{"m":"a/b","t":"c"}'
		echo '{"m":"a","t":"b/c"}'
		echo '{"m":"a","t":"b%2Fc"}'
		echo '{"m":"1","t":1}'
		echo '{"m":1,"t":"x"}'
		echo '{"m":"x","t":"1"}'
		echo '{"m":"true","t":2}'
	} | produce apart --key m/t --dead-letter dead
	[ "$(topic_read apart -f '%k\n')" = $'a/b/c\na/b%2Fc\na/b%252Fc\n1/1' ]
	[ "$(grep -c 'one key for both' dead)" = 3 ]
}

@test "keys land where Java's producer puts them" {
	topic_create ours 7
	topic_create java 7
	{
		seq -f 'merchant-%.0f' 300
		seq -f 'm%.0f/2025-05-25/CANCEL/MONEY' 100
		printf '%s\n' a ab abc abcd é 상점 日本語/x 😀
	} >keys
	sed 's/.*/{"_key":"&","v":1}/' keys | produce ours
	sed $'s/$/\t{"v":1}/' keys | broker_admin org.apache.kafka.tools.ConsoleProducer --bootstrap-server "$BROKER" --topic java \
		--property parse.key=true
	[ "$(topic_read java -f '%p %k\n' | sort)" = "$(topic_read ours -f '%p %k\n' | sort)" ]
	[ "$(topic_read ours -f '%p\n' | sort | uniq | wc -l)" = 7 ]
}

@test "a broker that is killed under load and comes back has each record once" {
	topic_create load 4
	stream source 4 200000 10000 >in
	head -n 100000 in >first
	{
		cat first
		until [ -e again ]; do sleep 0.1; done
		tail -n +100001 in
	} | produce load --key id --stats 2>said &
	process=$!
	until [ -n "$(topic_read load -c 1)" ]; do sleep 0.1; done
	broker_kill9
	touch again
	sleep 2
	broker_again
	wait "$process"
	each_once load 200000
	grep -q '"out":200000' said
}

@test "a message that is too large is a bad record, or where only the broker finds out, an end that says so" {
	topic_create small 1 max.message.bytes=2000
	{
		echo '{"_src":"a/0/1","v":1}'
		printf '{"_src":"a/0/2","v":"%s"}\n' "$(head -c 1999 /dev/zero | tr '\0' x)"
		echo '{"_src":"a/0/3","v":3}'
	} >in
	produce small -X message.max.bytes=2000 --dead-letter dead in
	[ "$(topic_read small)" = $'{"v":1}\n{"v":3}' ]
	[ "$(jq -r ._src dead)" = a/0/2 ]
	[[ $(jq -r ._dead.reason dead) == *'more than a message may have (message.max.bytes 2000)' ]]
	refuses 65 'a/0/2: bad record: ' produce small -X message.max.bytes=2000 in
	refuses 65 'records are not acknowledged, first a/0/' produce small in
	[[ $output == *'-X message.max.bytes=N'* ]]
}

@test "--check asks for the topic and writes nothing; what is wrong with it ends with 69 within 10 seconds" {
	topic_create checked 1
	produce checked --check
	produce checked --check --transactional-id i --group g
	[ "$(topic_end checked 0)" = 0 ]
	refuses 69 'topic bad/name: ' produce bad/name <<<'{}'
	refuses 69 'topic not-there: ' produce not-there --check
	run kcat -L -b "$BROKER"
	[[ $output != *'"not-there"'* ]]
	echo '{"a":1}' | produce made-by-the-cluster
	[ "$(topic_read made-by-the-cluster)" = '{"a":1}' ]
	SECONDS=0
	refuses 69 'the cluster does not answer' pay-produce -b 127.0.0.1:1 -t t <<<'{}'
	refuses 69 'the cluster does not answer' pay-produce -b no-such-host.invalid -t t --check
	[ "$SECONDS" -lt 20 ]
}

@test "input that is cut ends with 65, and what came before the cut is in the topic" {
	topic_create cut 1
	stream source 1 500 200 | head -n 400 >in
	refuses 65 'no end mark came' produce cut --stats in
	[[ $output == *'"unacknowledged":0'* ]]
	each_once cut 398
}

# --- transactions ---

# once TOPIC ID [OPTION]...: in transactions
once() { produce "$1" --transactional-id "$2" --group "$2" "${@:3}"; }
duplicates() { sed -n 's/.*"duplicates":\([0-9]*\).*/\1/p' "$@"; }

@test "a segment is committed with its offsets, and what they hold is not sent again" {
	topic_create source1 2
	topic_create once1 3
	stream source1 2 1000 300 >in
	once once1 first --key id --stats in 2>said
	[ "$(duplicates said)" = 0 ]
	each_once once1 1000
	once once1 first --key id --stats in 2>said
	[ "$(duplicates said)" = 1000 ]
	# Segments that begin and end elsewhere, from before what is held to behind it.
	stream source1 2 1000 170 100 | once once1 first --stats 2>said
	[ "$(duplicates said)" = 800 ]
	each_once once1 1200
	stream source1 2 1200 200 | once once1 second
	[ "$(topic_read once1 | sort | uniq -c | awk '{ print $1 }' | sort | uniq -c | tr -s ' ')" = ' 1200 2' ]
}

@test "a segment behind what is committed is refused with 76, or taken with --allow-gap" {
	topic_create source2 1
	topic_create once2 1
	stream source2 1 100 50 | once once2 gap
	stream source2 1 100 50 150 >behind
	refuses 76 'group gap: source2/0: would leave a hole: offsets 100 to 149 are missing' once once2 gap behind
	each_once once2 100
	once once2 gap --allow-gap behind
	each_once once2 200
	stream source2 1 250 50 | once once2 gap --stats 2>said
	[ "$(duplicates said)" = 250 ]
}

@test "records without coordinates go with their segment, and in every run where it covers nothing" {
	topic_create source3 1
	topic_create once3 1
	mark='{"_mark":{"seq":%d,"records":%d,"in":%d,"dropped":{},"amount":null,"from":{"source3/0":%d},"next":{"source3/0":%d},"end":%s}}\n'
	# shellcheck disable=SC2059 # the mark is the format
	{
		printf "$mark" 0 0 0 0 0 null
		echo '{"key":{"m":"a"},"value":{"count":1}}'
		printf "$mark" 1 1 1 0 10 null
		echo '{"key":{"m":"a"},"value":{"count":2}}'
		printf "$mark" 2 1 1 10 10 '"complete"'
	} >in
	once once3 totals --key m in
	once once3 totals --key m in
	[ "$(topic_read once3 -f '%k %s\n')" = 'a {"key":{"m":"a"},"value":{"count":1}}
a {"key":{"m":"a"},"value":{"count":2}}
a {"key":{"m":"a"},"value":{"count":2}}' ]
}

@test "transactions need marks of a topic of the cluster" {
	topic_create once4 1
	refuses 65 'a record before any mark' once once4 i <<<'{"a":1}'
	stream no-such-topic 1 10 10 >in
	refuses 65 'no-such-topic/0 is no partition of this cluster' once once4 i in
	pay-gen -n 10 | pay-consume --as day - >in
	refuses 65 'day: is a file' once once4 i in
	run kcat -L -b "$BROKER"
	[[ $output != *'"no-such-topic"'* ]]
	[ -z "$(topic_read once4)" ]
}

@test "an instance that is killed at any time and started again delivers each input once" {
	topic_create source5 4
	topic_create once5 4
	stream source5 4 60000 500 >in
	for n in {1..12}; do
		after=$((RANDOM % 700 + 100 + ${PAYPIPE_SLOW:+$n * 50}0))
		echo "attempt $n, killed after $after ms"
		timeout -s KILL "$((after / 1000)).$(printf %03d $((after % 1000)))" \
			pay-produce -b "$BROKER" -t once5 --transactional-id kill --group kill -q in || true
	done
	once once5 kill --stats in 2>said
	each_once once5 60000
	echo "$(duplicates said) were held"
	[ "$(duplicates said)" -gt 0 ]
}

@test "from topic to topic, whichever end is killed, each payment is there once" {
	topic_create day 4
	topic_create settled 4
	pay-gen -n 20000 --seed 7 | topic_write day
	for round in {1..6}; do
		end=$([ $((round % 2)) = 1 ] && echo pay-consume || echo pay-produce)
		consume=(pay-consume -b "$BROKER" -t day --until end --segment-records 500)
		produce=(pay-produce -b "$BROKER" -t settled --key merchantNumber --transactional-id day --group day -q)
		killed=(timeout -s KILL "${PAYPIPE_SLOW:+$round}.$((RANDOM % 6 + 2))")
		echo "$end, ${killed[*]}"
		if [ "$end" = pay-consume ]; then
			"${killed[@]}" "${consume[@]}" | pay-tobase | "${produce[@]}" || true
		else
			"${consume[@]}" | pay-tobase | "${killed[@]}" "${produce[@]}" || true
		fi
	done
	# What the group holds is not read again.
	pay-consume -b "$BROKER" -t day --until end --resume group:day --stats 2>said | pay-tobase | "${produce[@]}"
	[ "$(jq .in said)" -lt 20002 ]
	pay-consume -b "$BROKER" -t day --until end --resume group:day --stats 2>said >/dev/null
	[ "$(jq .in said)" = 0 ]
	topic_read settled -f '%h\n' | sort >sources
	[ "$(wc -l <sources)" = 20000 ]
	[ "$(uniq sources | wc -l)" = 20000 ]
	[ "$(topic_read settled | sort)" = "$(pay-gen -n 20000 --seed 7 | pay-consume - | pay-tobase --plain | sed 's/"_src":"[^"]*",//' | sort)" ]
}

@test "an offset that has expired is refused, where no other tells that the partition is new" {
	topic_create forgotten 2
	topic_create written 1
	printf '{"id":%d}\n' 1 2 3 | topic_write forgotten -p 0
	printf '{"id":%d}\n' 4 5 | topic_write forgotten -p 1
	copy() { pay-consume -b "$BROKER" -t forgotten --until end "$@" | produce written --transactional-id forgets --group forgets; }
	copy
	each_once written 5
	topic_forget forgotten 1 forgets
	printf '{"id":%d}\n' 6 | topic_write forgotten -p 0
	refuses 76 "group forgets: forgotten/1: has no offset there, though of other partitions" copy
	refuses 76 "has no offset there" pay-consume -b "$BROKER" -t forgotten --until end --resume group:forgets
	each_once written 5
	# A partition that is new, and one that has no messages, are no cause.
	topic_create fresh 2
	printf '{"id":%d}\n' 7 | topic_write fresh -p 0
	copy() { pay-consume -b "$BROKER" -t fresh --until end "$@" | produce written --transactional-id fresh --group fresh; }
	copy
	topic_forget fresh 1 fresh
	copy --resume group:fresh
	topic_grow fresh 3
	printf '{"id":%d}\n' 8 | topic_write fresh -p 2
	printf '{"id":%d}\n' 9 | topic_write fresh -p 1
	copy --resume group:fresh --from end
	each_once written 8
}

@test "a newer instance fences the older one, which ends with 76 and writes nothing more" {
	topic_create source6 1
	topic_create once6 1
	stream source6 1 1000 100 >in
	{
		head -n 500 in
		until [ -e go ]; do sleep 0.1; done
		tail -n +501 in
	} | once once6 fence 2>older &
	process=$!
	for _ in {1..1200}; do
		[ "$(topic_read once6 | wc -l)" -lt 400 ] || break
		sleep 0.1
	done
	once once6 fence in
	touch go
	status=0
	wait "$process" || status=$?
	[ "$status" = 76 ]
	grep -q 'another producer has taken over the transactional id fence' older
	each_once once6 1000
}

@test "a broker that is killed in the middle of transactions has each input once" {
	topic_create source7 4
	topic_create once7 4
	stream source7 4 30000 500 >in
	once once7 load in 2>said &
	process=$!
	sleep 1.5
	broker_kill9
	sleep 1
	broker_again
	wait "$process"
	each_once once7 30000
}

@test "what a dead instance left open does not keep readers waiting once it is started again" {
	topic_create source8 1
	topic_create once8 1
	echo left | topic_transact once8 0 leave open 8>&- || true
	stream source8 1 10 10 | once once8 open
	each_once once8 10
	[ "$(topic_stable once8 0)" = "$(topic_end once8 0)" ]
}
