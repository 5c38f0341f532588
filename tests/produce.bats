#!/usr/bin/env bats
# pay-produce: a file that is there whole or not at all.

setup() {
	load setup
	mark='{"_mark":{"seq":%d,"records":%d,"in":%d,"dropped":{},"amount":null,"from":{},"next":{},"end":%s}}\n'
}

# sealed END - two records as a stream with that end ("cut": none)
sealed() {
	# shellcheck disable=SC2059 # the mark is the format
	printf "$mark" 0 0 0 null
	echo '{"_src":"a/0/1","_rule":"x","amount":1.10,"merchantNumber":"m\u002d1"}'
	echo '{"_src":"a/0/2","note":"_src"}'
	# shellcheck disable=SC2059
	[ "$1" = cut ] || printf "$mark" 1 2 2 "\"$1\""
}

@test "records are written byte for byte, without marks and the toolkit's own members" {
	run pay-produce --to out <<<"$(sealed complete)"
	[ "$status" -eq 0 ]
	[ -z "$output" ]
	[ "$(cat out)" = $'{"amount":1.10,"merchantNumber":"m\\u002d1"}\n{"note":"_src"}' ]
	[ "$(stat -c %a out)" = 600 ]
	[ "$(find . -type f | wc -l)" -eq 1 ]
}

@test "--envelope keeps the toolkit's own members" {
	sealed complete | pay-produce --envelope --to out
	[ "$(cat out)" = "$(sealed complete | grep -v _mark)" ]
}

@test "dead letters are written as they are, a record of nothing but coordinates as {}" {
	letter='{"_src":"a/0/1","_dead":{"stage":"pay-tobase","reason":"no amount","raw":"{}"}}'
	{
		echo "$letter"
		echo '{"_src":"a/0/2"}'
		echo '{}'
	} | pay-produce --to out
	[ "$(cat out)" = "$letter"$'\n{}\n{}' ]
}

@test "cut, altered or bad input leaves what was there before" {
	echo before >out
	sealed cut >torn
	sealed complete | sed '$s/"records":2,"in":2/"records":3,"in":3/' >altered
	{
		sealed complete | head -n 2
		echo '{"a":'
	} >bad
	for file in torn altered bad; do
		run pay-produce --to out "$file"
		[ "$status" -eq 65 ]
		[ "$(cat out)" = before ]
		[ "$(find . -name '.*' -type f | wc -l)" -eq 0 ]
	done
	pay-produce --unsealed --to out torn
	[ "$(wc -l <out)" -eq 2 ]
}

@test "a stopped input leaves what was there before, and says so" {
	echo before >out
	run pay-produce --to out <<<"$(sealed stop)"
	[ "$status" -eq 0 ]
	[[ $output == *"out is left as it was"* ]]
	[ "$(cat out)" = before ]
}

@test "an empty input is a dead upstream, a stream without records is an empty file" {
	echo before >out
	run pay-produce --to out </dev/null
	[ "$status" -eq 65 ]
	[ "$(cat out)" = before ]
	# shellcheck disable=SC2059
	printf "$mark" 0 0 0 '"complete"' | pay-produce --to out
	[ -f out ]
	[ ! -s out ]
}

@test "totals, plain lines and bad lines by dead letter pass" {
	{
		echo '{"key":{"merchantNumber":"m"},"value":{"count":1,"totalAmount":5}}'
		echo '{'
		echo '{"x":[1, 2]}'
	} >in
	run pay-produce --dead-letter dead --stats --to out in
	[ "$status" -eq 0 ]
	[ "$(jq -c '[.in, .out, .dead]' <<<"$(tail -n 1 <<<"$output")")" = '[3,2,1]' ]
	[ "$(cat out)" = "$(sed 2d in)" ]
	[ "$(wc -l <dead)" -eq 1 ]
}

@test "a link is followed, a pipe is written to" {
	mkdir elsewhere
	echo before >elsewhere/out
	ln -s elsewhere/out link
	sealed complete | pay-produce --to link
	[ -L link ]
	[ "$(wc -l <elsewhere/out)" -eq 2 ]
	[ "$(sealed complete | pay-produce --to /dev/stdout | wc -l)" -eq 2 ]
}

@test "options it does not offer, and places it cannot write to, are errors" {
	for options in "" "--to -" "--to" "--to out --dead-letter -"; do
		# shellcheck disable=SC2086 # several words
		run pay-produce $options <<<"$(sealed complete)"
		[ "$status" -eq 64 ]
	done
	mkdir folder
	for place in missing/out folder; do
		run pay-produce --to "$place" <<<"$(sealed complete)"
		[ "$status" -eq 73 ]
		[[ $output == *"$place"* ]]
	done
	run pay-produce --to /dev/full <<<"$(sealed complete)"
	[ "$status" -eq 74 ]
}

@test "--check finds a place where the file cannot be made, and makes none" {
	status=0
	pay-produce --check --to nofolder/out 2>err || status=$?
	[ "$status" = 73 ]
	[ "$(cat err)" = 'pay-produce: nofolder/out: No such file or directory' ]
	mkdir folder
	status=0
	pay-produce --check --to folder 2>err || status=$?
	[ "$status" = 73 ]
	pay-produce --check --to folder/out
	[ -z "$(ls -A folder)" ]
}

@test "a folder that may not be written is a matter of permission" {
	chmod 755 . && mkdir locked && chmod 555 locked
	command=(pay-produce --to locked/out in)
	[ "$(id -u)" = 0 ] && command=(setpriv --reuid 65534 --regid 65534 --clear-groups "${command[@]}")
	echo '{"a":1}' >in
	status=0
	"${command[@]}" 2>err || status=$?
	cat err
	[ "$status" = 77 ]
}

@test "what no pay-produce has written is not replaced: captures of kcat, verdicts, streams" {
	for line in '{"topic":"t","partition":0,"offset":5,"payload":"{}"}' '{"verdict":"pass","by":"default"}' \
		'{"_mark":{"seq":0}}'; do
		echo "$line" >mine
		run -73 pay-produce --to mine <<<"$(sealed complete)"
		[[ $output == "pay-produce: --to mine: seems to be "*", and is left as it is: "* ]]
		[ "$(<mine)" = "$line" ]
	done
}
