#!/usr/bin/env bats
# pay-consume on topics of a real broker: where it begins and ends, what it covers, and what it refuses.
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

# consume TOPIC [OPTION]...: what is there now
consume() { pay-consume -b "$BROKER" -t "$1" --until end "${@:2}"; }

# payments FIRST LAST: messages whose amounts are those numbers
payments() {
	seq -f '{"channel":"ONLINE","action":"PAYMENT","data":{"paymentType":"ONLINE","amount":%.0f,"payoutDate":null,"confirmDate":"2025-05-27","merchantNumber":"m","paymentDate":"2025-05-25T10:00","paymentActionType":"PAYMENT","paymentMethodType":"CARD"}}' "$1" "$2"
}
finish() { printf '{"channel":"%s","action":"FINISH","data":null}\n' "$@"; }

# amounts: of the records on standard input, in a line
amounts() { jq -rc 'select(.data) | .data.amount' | sort -n | paste -sd' '; }

# settle TOPIC STORE TOTALS [OPTION]...: the whole flow into two databases; its status is pay-consume's
settle() {
	pay-consume -b "$BROKER" -t "$1" --resume "$2" --resume "$3" "${@:4}" | pay-tobase | pay-store -d "$2" | pay-agg -d "$3" >totals
	return "${PIPESTATUS[0]}"
}
# settled STORE: each offset once: how many, their sum, how many different
settled() { sqlite3 -separator ' ' "$1" 'select count(*), sum(amount), count(distinct partition || "/" || offset) from base'; }

@test "each message gets topic, partition and offset in front, and stays byte for byte" {
	topic_create plain 2
	printf '%s\n' '{"amount": 9007199254740993,"x":1.10}' ' {"e":"\u0041"} ' '{}' | topic_write plain -p 1
	run -0 consume plain --plain
	[ "$output" = '{"_src":"plain/1/0","amount": 9007199254740993,"x":1.10}
{"_src":"plain/1/1","e":"\u0041"}
{"_src":"plain/1/2"}' ]
}

@test "marks tell the offsets that a segment covers, by partition" {
	topic_create marks 2
	payments 1 3 | topic_write marks -p 0
	payments 4 4 | topic_write marks -p 1
	consume marks >out
	[ "$(jq -c 'select(._mark)._mark | [.seq, .records]' out | head -n 1)" = '[0,0]' ]
	[ "$(jq -s -c '[.[] | select(._mark)._mark.records] | add' out)" = 4 ]
	[ "$(jq -s -c '[.[] | select(._mark)._mark.next] | add' out)" = '{"marks/0":3,"marks/1":1}' ]
	[ "$(jq -c 'select(._mark)._mark.end' out | tail -n 1)" = '"complete"' ]
	pay-tobase out | pay-agg >/dev/null
}

@test "key, time and headers become members when they are asked for" {
	topic_create parts 1
	printf 'k"1\t{"a":1}\n' | topic_write_keyed parts -H 'h=1' -H 'h=2'
	echo '{"a":2}' | topic_write parts
	run -0 bash -c "$(declare -f consume); consume parts --plain --with key,ts,headers | jq -c '[._key, (._ts > 1e12), ._headers, .a]'"
	[ "$output" = '["k\"1",true,[["h","1"],["h","2"]],1]
[null,true,[],2]' ]
	consume parts --plain | grep -q '^{"_src":"parts/0/0","a":1}$'
}

@test "an empty topic is read to its end at once" {
	topic_create empty 3
	run -0 timeout 120 pay-consume -b "$BROKER" -t empty --until end
	[ "${#lines[@]}" = 2 ]
	[[ ${lines[1]} == *'"end":"complete"'* ]]
}

@test "several topics and single partitions are read in one run" {
	topic_create one 4
	topic_create two 1
	for p in 0 1 2 3; do payments "$p" "$p" | topic_write one -p "$p"; done
	payments 9 9 | topic_write two
	[ "$(consume one,two | amounts)" = "0 1 2 3 9" ]
	[ "$(consume one --partitions 0,2-3 | amounts)" = "0 2 3" ]
	refuses 69 "has no partition 4, only 0 to 3" consume one --partitions 1,4
	refuses 64 "not a list like 0,2-3" consume one --partitions 1,,2
	refuses 64 "not a list like 0,2-3" consume one --partitions 3-1
}

@test "--from and --to take offsets, the beginning, the end and so many before it" {
	topic_create range 1
	payments 0 9 | topic_write range
	[ "$(consume range --from 3 --to 5 | amounts)" = "3 4 5" ]
	[ "$(consume range --from -2 | amounts)" = "8 9" ]
	[ "$(consume range --from -99 --to 0 | amounts)" = 0 ]
	[ "$(consume range --from beginning --to -8 | amounts)" = "0 1" ]
	[ "$(consume range --from end | amounts)" = "" ]
	[ "$(consume range --from 8 --to end | amounts)" = "8 9" ]
	[ "$(consume range -n 3 | amounts)" = "0 1 2" ]
	refuses 64 "is no position in a topic" consume range --from yesterday
	refuses 64 "lies before" consume range --from 5 --to 3
	refuses 64 "-g GROUP" consume range --from stored
}

@test "a time range is of each record's own time, and a late record is found behind later ones" {
	topic_create times 1
	local t=1748131200000 i=0 at
	for at in 0 1000 5000 2000 9000 3000 9500; do
		i=$((i + 1))
		topic_stamped times 0 "$((t + at))" "$(payments "$i" "$i")"
	done
	[ "$(consume times --from @2025-05-25T00:00:01 --to @2025-05-25T09:00:04+09:00 | amounts)" = "2 4 6" ]
	[ "$(consume times --from @$((t + 9000)) | amounts)" = "5 7" ]
	[ "$(consume times --from @2025-05-26 | amounts)" = "" ]
	# What lies outside is counted, and covered only where something inside follows.
	consume times --from @2025-05-25T00:00:01Z --to @2025-05-25T00:00:04Z >out
	[ "$(jq -s -c '[.[] | select(._mark)._mark] | last | [.in, .records, .dropped, .from, .next]' out)" = \
		'[5,3,{"pay-consume":2},{"times/0":1},{"times/0":6}]' ]
}

@test "what aborted transactions and open ones hold is not read, and does not hang the end" {
	topic_create transactions 1
	payments 1 2 | topic_transact transactions 0 commit
	payments 3 5 | topic_transact transactions 0 abort
	payments 6 6 | topic_transact transactions 0 commit
	payments 7 8 | topic_transact transactions 0 abort
	run -0 timeout 120 bash -c "$(declare -f consume); consume transactions"
	[ "$(amounts <<<"$output")" = "1 2 6" ]
	# The tail that nobody will see is covered.
	[ "$(jq -s -c '[.[] | select(._mark)._mark.next["transactions/0"]] | max' <<<"$output")" = "$(topic_end transactions 0)" ]
	run ! topic_transact transactions 0 leave < <(payments 9 9)
	run -0 timeout 120 bash -c "$(declare -f consume); consume transactions"
	[ "$(amounts <<<"$output")" = "1 2 6" ]
	[ "$(jq -s -c '[.[] | select(._mark)._mark.next["transactions/0"]] | max' <<<"$output")" = "$(topic_stable transactions 0)" ]
	# Both ends are told apart, and who waits for the one says so.
	run -0 pay-consume -b "$BROKER" -t transactions --list
	[[ ${lines[1]} =~ \ $(topic_stable transactions 0)\ +high\ $(topic_end transactions 0):\ a\ transaction\ is\ open$ ]]
	run timeout 12 pay-consume -b "$BROKER" -t transactions
	[[ $output == *"transactions/0: an open transaction holds the end back at offset $(topic_stable transactions 0), "* ]]
}

@test "gaps that compaction leaves are covered" {
	topic_create compacted 1 "${topic_compacted[@]}"
	for _ in 1 2 3; do payments 1 5 | sed 's/^/same\t/' | topic_write_keyed compacted; done
	topic_compact compacted 0
	consume compacted --dead-letter - >out
	[ "$(jq -s -c '[.[] | select(._mark)._mark | select(.next["compacted/0"])] | [first.from["compacted/0"], last.next["compacted/0"]]' out)" = "[0,$(topic_end compacted 0)]" ]
	[ "$(jq -c 'select(._src)' out | wc -l)" -lt 15 ]
	consume compacted --dead-letter - | pay-store --log -d log.db >/dev/null
	pay-store -d log.db --verify
}

@test "tombstones, values that are not JSON or not UTF-8, and forged coordinates are dead letters with place and key" {
	topic_create bad 1
	printf 'key-1\t\nkey-2\tnot json\nkey-3\t{"_src":"x/0/1"}\nkey-4\t{"a":"\xff"}\nkey-5\t{"a":1}\n' | topic_write_keyed bad
	refuses 65 "bad/0/0: bad record: the message has no value (a tombstone)" consume bad
	consume bad --dead-letter dead --plain >out
	[ "$(cat out)" = '{"_src":"bad/0/4","a":1}' ]
	[ "$(jq -c '[._src, ._key, ._dead.reason[:20], ._dead.encoding]' dead)" = '["bad/0/0","key-1","the message has no v",null]
["bad/0/1","key-2","not a JSON object",null]
["bad/0/2","key-3","a member whose name ",null]
["bad/0/3","key-4","invalid UTF-8","base64"]' ]
	consume bad --dead-letter - | pay-store --log -d bad.db >/dev/null
	[ "$(sqlite3 bad.db 'select count(*) from dead_letter; select count(*) from payment_log')" = $'4\n1' ]
}

@test "--resume goes on where the databases are, the one furthest behind first" {
	topic_create resumed 2
	payments 1 10 | topic_write resumed -p 0
	payments 11 20 | topic_write resumed -p 1
	settle resumed a.db b.db --until end -n 7
	[ "$(settled a.db)" = "7 $(sqlite3 a.db 'select sum(amount) from base') 7" ]
	rm b.db
	settle resumed a.db b.db --until end
	[ "$(settled a.db)" = "20 210 20" ]
	[ "$(jq -s 'map(.value.totalAmount) | add' totals)" = 210 ]
	payments 21 22 | topic_write resumed -p 1
	settle resumed a.db b.db --until end
	[ "$(settled a.db)" = "22 253 22" ]
	[ "$(jq -s 'map(.value.totalAmount) | add' totals)" = 253 ]
	# Nothing new: an empty stream, and the same totals.
	settle resumed a.db b.db --until end
	[ "$(jq -s 'map(.value.count) | add' totals)" = 22 ]
}

@test "a database that has nothing yet gets what the others began with, wherever --from is" {
	topic_create behind 1
	payments 1 5 | topic_write behind
	consume behind --from 2 | pay-tobase | pay-store -d a.db >/dev/null
	payments 6 8 | topic_write behind
	settle behind a.db b.db --until end --from end
	[ "$(settled a.db)" = "6 33 6" ]
	[ "$(jq -s 'map(.value.totalAmount) | add' totals)" = 33 ]
}

@test "offsets that retention has taken are refused with what is missing, and taken as a hole with --allow-gap" {
	topic_create kept 1
	payments 1 10 | topic_write kept
	consume kept -n 3 | pay-tobase | pay-store -d a.db >/dev/null
	topic_truncate kept 0 6
	refuses 76 "a.db goes on at offset 3, but the topic begins at 6: offsets 3 to 5 are gone" consume kept --resume a.db
	refuses 76 "offsets 2 to 5 are gone" consume kept --from 2
	consume kept --resume a.db --allow-gap | pay-tobase | pay-store --allow-gap -d a.db >/dev/null
	[ "$(settled a.db)" = "7 $((1 + 2 + 3 + 7 + 8 + 9 + 10)) 7" ]
	# From the beginning that there is, without a database.
	[ "$(consume kept | amounts)" = "7 8 9 10" ]
}

@test "what retention has taken comes from a capture, and the topic is gone on with as if nothing had happened" {
	topic_create captured 1
	payments 1 10 | topic_write captured
	kcat -C -q -b "$BROKER" -t captured -o 3 -c 3 -J >capture.json
	consume captured -n 3 | pay-tobase | pay-store -d a.db >/dev/null
	topic_truncate captured 0 6
	refuses 76 "feed them from a capture (pay-consume --covers captured/0/3-5 CAPTURE)" consume captured --resume a.db
	pay-consume --covers captured/0/3-5 capture.json | pay-tobase | pay-store -d a.db >/dev/null
	consume captured --resume a.db | pay-tobase | pay-store -d a.db >/dev/null
	[ "$(settled a.db)" = "10 55 10" ]
	pay-store -d a.db --verify
	consume captured --resume a.db >/dev/null
}

@test "a topic that was made anew is refused, whether it is shorter, as long, or longer" {
	topic_create anew 1
	payments 1 5 | topic_write anew
	consume anew | pay-tobase | pay-store -d a.db >/dev/null
	topic_delete anew
	topic_create anew 1
	refuses 76 "goes on at offset 5, but the topic ends at 0" consume anew --resume a.db
	payments 101 103 | topic_write anew
	refuses 76 "but the topic ends at 3" consume anew --resume a.db
	payments 104 105 | topic_write anew
	refuses 76 "offset 4 holds another message than when it was read" consume anew --resume a.db
	payments 106 120 | topic_write anew
	refuses 76 "offset 4 holds another message than when it was read" consume anew --resume a.db
	[ "$(settled a.db)" = "5 15 5" ]
}

# lives TOPIC [OPTION]...: follows it into `out`; comes N: until that many records are there
lives() {
	pay-consume -b "$BROKER" -t "$1" "${@:2}" >out 2>err 3>&- &
	follower=$!
}
comes() {
	local _
	for _ in {1..1200}; do
		[ "$(grep -c '^{"_src"' out)" -lt "$1" ] || return 0
		sleep 0.1
	done
	cat err
	return 1
}
# ends STATUS: the follower, with that
ends() {
	local status=0
	timeout 120 tail --pid="$follower" -f /dev/null || return
	wait "$follower" || status=$?
	cat err
	[ "$status" = "$1" ]
}

@test "a topic that is made anew while it is followed is found before anything of the new one is taken" {
	topic_create reborn 1
	payments 1 5 | topic_write reborn
	lives reborn
	comes 5
	topic_delete reborn
	topic_create reborn 1
	payments 101 108 | topic_write reborn
	ends 76
	grep -q "the topic was made anew; settle what is missing" err
	[ "$(amounts <out)" = "1 2 3 4 5" ]
	# The same where reading began at the end, and nothing was read yet.
	lives reborn --from end
	sleep 1
	topic_delete reborn
	topic_create reborn 1
	payments 1 9 | topic_write reborn
	ends 76
	[ "$(amounts <out)" = "" ]
	# And a shorter one.
	lives reborn
	comes 9
	topic_delete reborn
	topic_create reborn 1
	payments 1 5 | topic_write reborn
	ends 76
	[ "$(amounts <out)" = "1 2 3 4 5 6 7 8 9" ]
}

@test "where retention has taken the last message that was read, the next ones come all the same" {
	topic_create emptied 1
	payments 1 5 | topic_write emptied
	lives emptied
	comes 5
	topic_truncate emptied 0 5
	payments 6 7 | topic_write emptied
	comes 7
	kill "$follower"
	ends 143
	[ "$(amounts <out)" = "1 2 3 4 5 6 7" ]
}

@test "a partition that is added while a topic is followed is read too, from its beginning" {
	topic_create grows 1
	payments 1 2 | topic_write grows
	lives grows --from end
	sleep 1
	payments 3 3 | topic_write grows
	topic_grow grows 2
	payments 4 6 | topic_write grows -p 1
	comes 4
	kill "$follower"
	ends 143
	[ "$(amounts <out)" = "3 4 5 6" ]
	grep -q "has 2 partitions now, 1 more" err
	[ "$(jq -s -c '[.[] | select(._mark)._mark] | [(map(.from["grows/1"] // empty) | min), (map(.next["grows/1"] // empty) | max)]' out)" = "[0,3]" ]
}

@test "a partition that was added since begins at its beginning, wherever --from is, by a database and by a group" {
	topic_create added 2
	payments 1 2 | topic_write added -p 0
	payments 3 4 | topic_write added -p 1
	# The second partition gives nothing at first; where it begins is known all the same.
	payments 5 5 | topic_write added -p 0
	settle added a.db b.db --until end --from -1 --partitions 0
	settle added a.db b.db --until end --from end
	consume added --from end -g adds >/dev/null
	payments 6 6 | topic_write added -p 1
	topic_grow added 3
	payments 7 9 | topic_write added -p 2
	settle added a.db b.db --until end --from end
	[ "$(settled a.db)" = "5 35 5" ] # 5 6 7 8 9
	[ "$(jq -s 'map(.value.totalAmount) | add' totals)" = 35 ]
	[ "$(consume added -g adds --from end | amounts)" = "6 7 8 9" ]
}

@test "a group's offset that has expired is refused, since what stands before it may have been taken" {
	topic_create expires 3
	payments 1 2 | topic_write expires -p 0
	payments 3 4 | topic_write expires -p 1
	consume expires -g expired >/dev/null
	topic_forget expires 1 expired
	refuses 76 "expires/1: expired has no offset there, though of other partitions" consume expires -g expired
	refuses 76 "it has expired, or was deleted" consume expires --resume group:expired
	[ "$(consume expires --resume group:expired --allow-gap --from 1 --partitions 1 | amounts)" = 4 ]
	# One that never had a message has nothing to be taken twice.
	topic_forget expires 2 expired
	[ "$(consume expires -g expired --partitions 0,2 | amounts)" = "" ]
}

@test "--until finish ends when each partition has the FINISH of each channel, and the next day begins behind it" {
	topic_create days 2
	{
		payments 1 2
		finish ONLINE
		payments 3 3
		finish OFFLINE
		payments 100 100
	} | topic_write days -p 0
	{
		payments 4 4
		finish OFFLINE ONLINE
		payments 101 101
	} | topic_write days -p 1
	run -0 timeout 120 pay-consume -b "$BROKER" -t days --until finish
	[ "$(amounts <<<"$output")" = "1 2 3 4" ]
	settle days a.db b.db --until finish
	[ "$(settled a.db)" = "4 10 4" ]
	# The second day, written while it is waited for.
	(sleep 1 && finish ONLINE OFFLINE | topic_write days -p 0 && finish OFFLINE ONLINE | topic_write days -p 1) &
	timeout 120 bash -c "$(declare -f settle); settle days a.db b.db --until finish"
	wait $!
	[ "$(settled a.db)" = "6 211 6" ]
	[ "$(jq -s 'map(.value.totalAmount) | add' totals)" = 211 ]
}

@test "a day that was interrupted between its partitions is finished, not begun anew" {
	topic_create halves 2
	{
		payments 1 2
		finish ONLINE OFFLINE
		payments 100 100
	} | topic_write halves -p 0
	payments 3 4 | topic_write halves -p 1
	# Partition 0 has its day, partition 1 has not: the run is killed there.
	timeout -s KILL 3 bash -c "$(declare -f settle); settle halves a.db b.db --until finish --segment-seconds 0.2" || true
	sleep 0.5
	[ "$(settled a.db)" = "4 10 4" ]
	{
		payments 5 5
		finish ONLINE OFFLINE
	} | topic_write halves -p 1
	timeout 120 bash -c "$(declare -f settle); settle halves a.db b.db --until finish"
	[ "$(settled a.db)" = "5 15 5" ]
}

@test "--channels says whose FINISH counts" {
	topic_create channel 1
	{
		payments 1 1
		finish ONLINE
		payments 2 2
	} | topic_write channel
	run -0 timeout 120 pay-consume -b "$BROKER" -t channel --until finish --channels ONLINE
	[ "$(amounts <<<"$output")" = 1 ]
}

@test "SIGTERM ends it in order, what came is committed, and it dies by that signal" {
	topic_create followed 2
	payments 1 5 | topic_write followed -p 0
	(
		pay-consume -b "$BROKER" -t followed --resume a.db 3>&- &
		echo $! >pid
		wait $! && echo 0 >status || echo $? >status
	) |
		pay-tobase | pay-store -d a.db >stored &
	for _ in {1..1200}; do [ "$(settled a.db 2>/dev/null)" = "5 15 5" ] && break || sleep 0.1; done
	payments 6 7 | topic_write followed -p 1
	for _ in {1..1200}; do [ "$(settled a.db 2>/dev/null)" = "7 28 7" ] && break || sleep 0.1; done
	payments 8 8 | topic_write followed -p 1
	sleep 0.2
	kill "$(cat pid)"
	wait $!
	[ "$(cat status)" = 143 ]
	[ "$(tail -n 1 stored | jq -c ._mark.end)" = '"stop"' ]
	[ "$(settled a.db)" = "8 36 8" ]
}

@test "a group is committed at a clean end, is where a run without databases begins, and is listed with its lag" {
	topic_create grouped 2
	payments 1 5 | topic_write grouped -p 0
	[ "$(consume grouped -g group | amounts)" = "1 2 3 4 5" ]
	[ "$(consume grouped -g group | amounts)" = "" ]
	payments 6 7 | topic_write grouped -p 1
	run -0 pay-consume -b "$BROKER" -t grouped --list -g group
	[[ ${lines[2]} =~ ^grouped\ +1\ +0\ +2\ +0\ +2$ ]]
	# Not committed when standard output has not taken all.
	refuses 74 "standard output" bash -c "$(declare -f consume); consume grouped -g group >/dev/full"
	[ "$(consume grouped -g group --from stored -n 1 | amounts)" = 6 ]
	[ "$(consume grouped -g group --from beginning | amounts)" = 7 ]
	refuses 76 "the group nobody has no offset there" consume grouped -g nobody --from stored
}

@test "with --resume the group gets what the databases hold" {
	topic_create lag 1
	payments 1 5 | topic_write lag
	settle lag a.db b.db --until end -g lagging
	run -0 pay-consume -b "$BROKER" -t lag --list -g lagging
	[[ ${lines[1]} =~ ^lag\ +0\ +0\ +5\ +5\ +0$ ]]
	# Read, but not settled: the group stays.
	payments 6 7 | topic_write lag
	pay-consume -b "$BROKER" -t lag --until end -g lagging --resume a.db >/dev/null
	run -0 pay-consume -b "$BROKER" -t lag --list -g lagging
	[[ ${lines[1]} =~ ^lag\ +0\ +0\ +7\ +5\ +2$ ]]
}

@test "--list shows all topics but the cluster's own" {
	topic_create listed 2
	payments 1 3 | topic_write listed -p 1
	run -0 pay-consume -b "$BROKER" --list
	[[ ${lines[0]} =~ ^TOPIC\ +PARTITION\ +BEGINNING\ +END$ ]]
	[[ $output =~ listed\ +1\ +0\ +3 ]]
	[[ $output != *__consumer_offsets* ]]
}

@test "a cluster that does not answer and a topic that is not there end with 69 within 10 s" {
	SECONDS=0
	refuses 69 "the cluster does not answer" pay-consume -b 127.0.0.1:1 -t payment
	[ "$SECONDS" -le 10 ]
	SECONDS=0
	refuses 69 "topic nosuch: Broker: Unknown topic or partition" pay-consume -b "$BROKER" -t nosuch
	refuses 69 "topic nosuch" pay-consume -b "$BROKER" -t nosuch --check
	[ "$SECONDS" -le 10 ]
	[[ $(kcat -L -b "$BROKER") != *nosuch* ]]
}

@test "properties are taken by -X and -F, in kcat's form; what exactness depends on may not be set" {
	topic_create properties 1
	payments 1 1 | topic_write properties
	printf '# a comment\n\nbootstrap.servers=%s\n  client.id = me\n' "$BROKER" | sed 's/ = /=/' >conf
	[ "$(pay-consume -F conf -t properties --until end | amounts)" = 1 ]
	[ "$(pay-consume -X bootstrap.servers="$BROKER" -X topic.consume.callback.max.messages=5 -t properties --until end | amounts)" = 1 ]
	refuses 64 "enable.auto.commit is pay-consume's own to set" consume properties -X enable.auto.commit=true
	refuses 64 'knows no property "no.such"' consume properties -X no.such=1
	echo "no.such=1" >bad
	refuses 78 "bad:1: librdkafka" consume properties -F bad
	refuses 66 "missing" consume properties -F missing
	echo "security.protocol=cret" >secret
	run -78 consume properties -F secret
	[[ $output == *"secret:1: property security.protocol cannot have that value"* ]]
}

@test "a topic that may not be read ends with 69 within 10 s" {
	topic_create closed 1
	payments 1 2 | topic_write closed
	topic_forbid closed read
	SECONDS=0
	refuses 69 "Topic authorization failed" consume closed
	[ "$SECONDS" -le 10 ]
}

@test "what retention takes while it reads ends it with 76, without an end mark" {
	topic_create overtaken 1
	pay-gen -n 100000 | topic_write overtaken
	mkfifo held
	pay-consume -b "$BROKER" -t overtaken --until end -X queued.max.messages.kbytes=64 -X fetch.message.max.bytes=10000 \
		-X queued.min.messages=100 >held 2>err 3>&- &
	local process=$! status=0
	exec 7<held
	head -c 1000 <&7 >part
	topic_truncate overtaken 0 90000
	cat <&7 >>part
	exec 7<&-
	wait "$process" || status=$?
	cat err
	[ "$status" = 76 ]
	grep -q "retention has overtaken us" err
	[[ $(tail -n 1 part) != *'"end":"complete"'* ]]
}

@test "memory stays flat while a slow stage holds it back" {
	[ -z "${PAYPIPE_SLOW:-}" ] || skip "sanitizers take memory of their own"
	topic_create slow 4
	pay-gen -n 400000 | topic_write slow
	mkfifo held
	pay-consume -b "$BROKER" -t slow --until end >held 3>&- &
	local process=$!
	exec 7<held
	sleep 2
	grep VmHWM "/proc/$process/status"
	[ "$(sed -n 's/^VmHWM:[^0-9]*\([0-9]*\) kB/\1/p' "/proc/$process/status")" -lt 80000 ]
	[ "$(grep -c '^{"_src"' <&7)" = 400002 ]
	exec 7<&-
	wait "$process"
}
