#!/usr/bin/env bats
# pay-rule --rules-topic on a real broker: a compacted topic as a table of rules.

setup_file() {
	load setup
	load broker
	broker_start
	cd "$BATS_FILE_TMPDIR" || exit
	pay-gen -n 6000 --seed 5 --date 2025-05-25 --merchants 60 --test 0.01 --unconfirmed 0.02 --rules rules.csv >day
	pay-consume day | pay-tobase | pay-filter --tag >tagged
	pay-rule --rules rules.csv tagged >dated
	awk -F, 'NR > 1 {
		printf "%s/%s/%s/%s\t{\"ruleId\":\"%s\",\"payoutDate\":\"%s\",\"confirmDate\":%s,\"merchantNumber\":\"%s\",\"paymentDate\":\"%s\",\"paymentActionType\":\"%s\",\"paymentMethodType\":\"%s\"}\n",
			$1, $2, $3, $4, $5, $6, $7 == "" ? "null" : "\"" $7 "\"", $1, $2, $3, $4
	}' rules.csv >messages
}

setup() {
	load setup
	load broker
	broker_needed
	day=$BATS_FILE_TMPDIR
	topic=rules-$BATS_TEST_NUMBER
	payment m1 >one
}

teardown_file() {
	load broker
	broker_stop
}

payment() { # payment MERCHANT
	printf '{"_src":"day/0/1","paymentType":"ONLINE","amount":100,"payoutDate":null,"confirmDate":null,"merchantNumber":"%s","paymentDate":"2025-05-23T12:00","paymentActionType":"PAYMENT","paymentMethodType":"CARD"}\n' "$1"
}

rule() { # rule MERCHANT ID [PAYOUT]: a message
	printf '%s/2025-05-23/PAYMENT/CARD\t{"ruleId":"%s","payoutDate":"%s","confirmDate":null}\n' "$1" "$2" "${3:-2025-06-02}"
}

tombstone() { # tombstone MERCHANT
	printf '%s/2025-05-23/PAYMENT/CARD\t\n' "$1"
}

ids() { # ids [OPTION]... FILE: what dated the payments
	pay-rule -b "$BROKER" --rules-topic "$topic" "$@" | jq -r --unbuffered ._rule
}

fails() { # fails STATUS TEXT COMMAND...
	local want=$1 text=$2
	run timeout 120 "${@:3}"
	if [ "$status" -ne "$want" ] || [[ $output != *"$text"* ]]; then
		echo "$status: $output"
		return 1
	fi
}

@test "payments dated by a topic are those dated by a file, byte for byte" {
	topic_create "$topic" 4 "${topic_compacted[@]}"
	topic_write_keyed "$topic" <"$day/messages"
	pay-rule -b "$BROKER" --rules-topic "$topic" "$day/tagged" >out
	cmp "$day/dated" out
}

@test "the latest rule of a key counts, a tombstone takes it away, and merchants may have slashes" {
	topic_create "$topic" 4
	{ rule m1 r1 && rule m1 r2 && rule m2 r3 && tombstone m2 && rule m3 r4 && tombstone m3 && rule m3 r5 && rule a/b/c r6; } |
		topic_write_keyed "$topic"
	for merchant in m1 m2 m3 a/b/c b/c; do payment "$merchant"; done >payments
	run ids payments
	[ "$output" = $'r2\ndefault:C+2\nr5\nr6\ndefault:C+2' ]
}

@test "a key with two rules in two partitions stops with 78 and names both, until a tombstone takes one away" {
	topic_create "$topic" 2
	rule m1 r1 | topic_write_keyed "$topic" -p 0
	rule m1 r2 | topic_write_keyed "$topic" -p 1
	fails 78 'key "m1/2025-05-23/PAYMENT/CARD" has rule "r' pay-rule -b "$BROKER" --rules-topic "$topic" one
	[[ $output == *'"r1" in partition 0'* && $output == *'"r2" in partition 1'* ]]
	tombstone m1 | topic_write_keyed "$topic" -p 0
	[ "$(ids one)" = r2 ]
	# A tombstone where there is no rule takes none away; equal rules do not differ.
	rule m1 r2 | topic_write_keyed "$topic" -p 0
	[ "$(ids one)" = r2 ]
	{
		payment m1 && sleep 1.5
		rule m1 r3 | topic_write_keyed "$topic" -p 0
		sleep 1.5 && payment m1 && sleep 0.5
	} | fails 78 '"r3" in partition 0' pay-rule -b "$BROKER" --rules-topic "$topic"
}

@test "a rule in the file goes before one in the topic, which goes before cycles" {
	topic_create "$topic" 1
	{ rule m1 topic1 && rule m2 topic2; } | topic_write_keyed "$topic"
	printf '%s\n' merchantNumber,paymentDate,paymentActionType,paymentMethodType,ruleId,payoutDate,confirmDate \
		m1,2025-05-23,PAYMENT,CARD,file1,2025-06-03, >rules.csv
	printf '%s\n' merchantNumber,paymentActionType,paymentMethodType,cycle '*,*,*,D+1' >cycles.csv
	for merchant in m1 m2 m3; do payment "$merchant"; done >payments
	run ids --rules rules.csv --cycles cycles.csv payments
	[ "$output" = $'file1\ntopic2\ncycle:D+1' ]
}

@test "rules and tombstones that come while it runs count for later payments" {
	topic_create "$topic" 2
	rule m1 r1 | topic_write_keyed "$topic"
	{
		payment m1 && sleep 1.5
		rule m1 r2 | topic_write_keyed "$topic"
		sleep 1.5 && payment m1
		tombstone m1 | topic_write_keyed "$topic"
		sleep 1.5 && payment m1
	} | ids - >out
	[ "$(cat out)" = $'r1\nr2\ndefault:C+2' ]
}

# The keys of payments are looked up before their turn, but for those that are spelled with escapes: a rule that comes
# meanwhile counts for both. The merchant is one that no rule named before.
@test "once a rule that came while it runs has dated a payment, it dates all that follow" {
	topic_create "$topic" 1
	rule m1 r1 | topic_write_keyed "$topic"
	(sleep 1.5 && rule m2 r2 | topic_write_keyed "$topic") &
	yes "$(payment m2 && payment 'm\u0032')" | timeout 60 pay-rule -b "$BROKER" --rules-topic "$topic" |
		awk '/"_rule":"r2"/ { dated++ } /"_rule":"default:C[+]2"/ { late += dated > 0; before++ }
			dated == 1000 { exit } END { print (before > 0), dated, late + 0 }' >out
	[ "$(cat out)" = "1 1000 0" ]
	wait $!
}

@test "a bad rule that comes while it runs stops it with 78; what came before is written" {
	topic_create "$topic" 1
	rule m1 r1 | topic_write_keyed "$topic"
	{
		payment m1 && sleep 1.5
		rule m2 r2 tomorrow | topic_write_keyed "$topic"
		sleep 1.5 && payment m1 && sleep 1
	} | {
		run pay-rule -b "$BROKER" --rules-topic "$topic"
		[ "$status" -eq 78 ] && [[ $output == *'"_rule":"r1"'*"$topic/0/1: key \"m2/"* ]] && [ "$(grep -c _rule <<<"$output")" -eq 1 ]
	}
}

@test "it goes on while the broker is away, and follows again when it is back" {
	topic_create "$topic" 2
	rule m1 r1 | topic_write_keyed "$topic"
	# shellcheck disable=SC2094 # what came out says when it is done
	{
		payment m1 && sleep 2
		broker_kill9
		payment m1 && sleep 1
		broker_again
		rule m1 r2 | topic_write_keyed "$topic"
		for _ in {1..400}; do
			sleep 0.5
			payment m1
			! tail -n 1 out | grep -q r2 || break
		done
	} | ids - >out
	[ "$(uniq out)" = $'r1\nr2' ]
}

@test "rules of aborted transactions do not count, and an open transaction holds nothing up" {
	topic_create "$topic" 1
	rule m1 r1 | topic_transact "$topic" 0 commit
	rule m1 r2 | topic_transact "$topic" 0 abort
	run timeout 120 pay-rule -b "$BROKER" --rules-topic "$topic" --plain one
	[ "$status" -eq 0 ] && [ "$(jq -r ._rule <<<"$output")" = r1 ]
	rule m1 r3 | topic_transact "$topic" 0 leave || true
	run timeout 120 pay-rule -b "$BROKER" --rules-topic "$topic" --plain one
	[ "$status" -eq 0 ] && [ "$(jq -r ._rule <<<"$output")" = r1 ]
}

@test "an empty topic has no rules, and compaction gaps are no end" {
	topic_create "$topic" 3 "${topic_compacted[@]}"
	run timeout 120 pay-rule -b "$BROKER" --rules-topic "$topic" --plain one
	[ "$status" -eq 0 ] && [ "$(jq -r ._rule <<<"$output")" = default:C+2 ]
	for i in {1..50}; do rule m1 "r$i"; done | topic_write_keyed "$topic" -p 0
	sleep 0.3
	rule m2 last | topic_write_keyed "$topic" -p 0
	for _ in {1..1200}; do
		[ "$(topic_read "$topic" -p 0 | wc -l)" -ge 51 ] || break
		sleep 0.2
	done
	[ "$(topic_read "$topic" -p 0 | wc -l)" -lt 51 ]
	run ids one
	[ "$output" = r50 ]
}

@test "a bad rule stops with 78 and names its place, until a later one of its key has taken its place" {
	topic_create "$topic" 1
	rule m1 r1 | topic_write_keyed "$topic"
	rule m1 r2 2025-02-30 | topic_write_keyed "$topic"
	fails 78 "$topic/0/1: key \"m1/2025-05-23/PAYMENT/CARD\": no such payoutDate \"2025-02-30\"" \
		pay-rule -b "$BROKER" --rules-topic "$topic" one
	tombstone m1 | topic_write_keyed "$topic"
	run ids one
	[ "$output" = default:C+2 ]
	printf 'm1/2025-05-23/PAYMENT/CARD\t{"ruleId":"r","payoutDate":"2025-06-02","merchantNumber":"m2"}\n' | topic_write_keyed "$topic"
	fails 78 "$topic/0/3: key \"m1/2025-05-23/PAYMENT/CARD\": another merchantNumber \"m2\"" \
		pay-rule -b "$BROKER" --rules-topic "$topic" one
	rule m1 r4 | topic_write_keyed "$topic"
	for bad in 'm1/CARD\t{}' 'm1/2025-05-23/PAYMENT/CARD\tno JSON' 'm1/2025-05-23/PAYMENT/CARD\t[]'; do
		printf '%b\n' "$bad" | topic_write_keyed "$topic"
		fails 78 "$topic/0/" pay-rule -b "$BROKER" --rules-topic "$topic" --check
		printf '%b\t\n' "${bad%\\t*}" | topic_write_keyed "$topic"
		pay-rule -b "$BROKER" --rules-topic "$topic" --check
	done
	echo '{}' | topic_write "$topic"
	fails 78 "a message without a key" pay-rule -b "$BROKER" --rules-topic "$topic" --check
}

@test "no cluster, no topic, no permission: 69 within 10 s" {
	SECONDS=0
	fails 69 "no-such-topic" pay-rule -b "$BROKER" --rules-topic no-such-topic one
	topic_create "$topic" 1
	topic_forbid "$topic" read
	fails 69 "$topic" pay-rule -b "$BROKER" --rules-topic "$topic" one
	[ "$SECONDS" -lt 10 ]
	SECONDS=0
	fails 69 "does not answer" pay-rule -b 127.0.0.1:1 --rules-topic "$topic" one
	[ "$SECONDS" -lt 10 ]
}

@test "what the rule API finds is published, and then found in the topic" {
	topic_create "$topic" 4
	mkfifo api.in api.out
	rule-api "$day/rules.csv" api.log 500=10 <api.in >api.out 3>&- &
	exec 8>api.in 9<api.out
	read -r port <&9
	pay-rule -b "$BROKER" --rules-topic "$topic" --rule-url "http://127.0.0.1:$port/" --rule-cache c.db "$day/tagged" >out
	exec 8>&- 9<&-
	wait $!
	cmp "$day/dated" out
	pay-rule -b "$BROKER" --rules-topic "$topic" "$day/tagged" | cmp "$day/dated" -
	# each once, and where Java's producers put them, so that compaction sees all messages of a key
	[ "$(topic_read "$topic" -f '%k\n' | sort | uniq -d | wc -l)" -eq 0 ]
	topic_create "$topic-java" 4
	topic_read "$topic" -f '%k\t%s\n' | topic_write_keyed "$topic-java"
	cmp <(topic_read "$topic" -f '%p %k\n' | sort) <(topic_read "$topic-java" -f '%p %k\n' | sort)
	# the published text is what a topic of rules has
	topic_read "$topic" -f '%k\t%s\n' | sort >published
	[ "$(wc -l <published)" -gt 100 ] && [ -z "$(comm -23 published <(sort "$day/messages"))" ]
}

@test "options of the broker without a topic, and a topic without a broker, are 64" {
	fails 64 "--rules-topic" pay-rule -b "$BROKER" one
	fails 64 "-b HOST" pay-rule --rules-topic rules one
	fails 64 "isolation.level" pay-rule -b "$BROKER" -X isolation.level=read_uncommitted --rules-topic rules one
}
