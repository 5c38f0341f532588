#!/usr/bin/env bats
# What SECURITY.md promises: whose files are used, who may read what is made, what a condition may do, what a terminal
# gets, and how the programs are built.

bats_require_minimum_version 1.5.0

setup() {
	load setup
	bin=$(dirname "$(command -v pay-store)")
}

# base N: N base records
base() {
	local n
	for ((n = 1; n <= $1; n++)); do
		printf '{"_src":"day/0/%d","paymentType":"ONLINE","amount":%d,"payoutDate":null,"confirmDate":"2025-05-21","merchantNumber":"m-%d","paymentDate":"2025-05-19T21:48","paymentActionType":"PAYMENT","paymentMethodType":"CARD"}\n' "$n" "$n" "$n"
	done
}

# public: a folder that everybody may write to, as /tmp, of root; sets it as the present one
public() {
	[ "$(id -u)" = 0 ] || skip "files of another user need root to be made"
	mkdir public
	chmod 1777 public
	cd public || exit
}

@test "whatever the umask, files with payments are the user's alone" {
	umask 0
	base 20 | sed '3s/"amount":3/"amount":1.5/; 4s/m-4/test-4/' >lines
	{
		sleep 0.2
		cat lines
		touch given
		until [ -e seen ]; do sleep 0.05; done
	} | pay-filter --rejects rejects --dead-letter dead --dedupe seen.db --dedupe-by merchantNumber |
		pay-store -d store.db | pay-agg -d totals.db | pay-produce --to totals &
	until [ -e given ] && [ -e store.db-shm ] && [ -e totals.db-shm ]; do sleep 0.05; done
	stat -c '%a %n' ./*.db* >open
	touch seen
	wait $!
	pay-gen -n 10 --rules rules.csv >/dev/null
	stat -c '%a %n' rejects dead totals rules.csv ./*.db* | cat - open | sort -u >modes
	cat modes
	grep -q 'store.db-wal' modes
	grep -q 'store.db-shm' modes
	grep -q 'totals' modes
	run ! grep -v '^600 ' modes
}

@test "settle makes its folder and all in it for its user alone" {
	umask 0
	pay-gen -n 50 --seed 1 >day.ndjson
	PATH=$bin:$PATH "$BATS_TEST_DIRNAME/../scripts/settle" -q -o out day.ndjson
	[ "$(stat -c %a out)" = 700 ]
	[ "$(find out -type f | wc -l)" -gt 5 ]
	[ -z "$(find out -type f ! -perm 600)" ]
}

@test "in a folder that all may write to, another user's link or file is not used" {
	public
	base 3 >../base
	echo mine >../mine
	for stage in "pay-store -d name" "pay-agg -d name" "pay-produce --to name" "pay-filter --rejects name" \
		"pay-tobase --dead-letter name" "pay-filter --dedupe name --dedupe-by merchantNumber" "pay-gen -n 1 --rules name"; do
		echo "$stage"
		ln -s ../mine name
		chown -h 65534 name
		# shellcheck disable=SC2086 # several words
		run -77 $stage <../base
		[[ $output == *"name: a symbolic link of another user (65534), in a folder that everybody may write to: remove it"* ]]
		[ "$(cat ../mine)" = mine ]
		rm name
		case $stage in pay-produce* | pay-gen*) continue ;; esac # these put a new file in its place
		: >name
		chown 65534 name
		# shellcheck disable=SC2086
		run -77 $stage <../base
		[[ $output == *"name: a file of another user (65534)"* ]]
		[ ! -s name ]
		rm name
	done
	# What SQLite keeps beside the file, too.
	pay-store -d store.db ../base >/dev/null
	for companion in store.db-wal store.db-shm store.db-journal; do
		: >"$companion"
		chown 65534 "$companion"
		run -77 pay-store -d store.db ../base
		[[ $output == *"$companion: a file of another user"* ]]
		rm "$companion"
	done
}

@test "there, one's own links and files are used, and root's; elsewhere all links are" {
	public
	base 3 >../base
	ln -s ../elsewhere.db name
	: >../elsewhere.db
	pay-store -d name ../base >/dev/null
	[ -s ../elsewhere.db ]
	echo '{"old":1}' >dead
	echo x | pay-tobase --dead-letter dead >/dev/null
	[ "$(wc -l <dead)" = 2 ]
	cd ..
	echo old >target
	ln -s target link
	chown -h 65534 link
	pay-produce --to link base
	[ -L link ]
	grep -q '"merchantNumber":"m-3"' target
}

@test "a condition of --where reads this store and computes, nothing else, and can be stopped" {
	base 20 | pay-store -d store.db >/dev/null
	for bad in "1 in (select 1 from pragma_journal_mode)" "load_extension('/tmp/x.so')" "LOAD_EXTENSION('x', 'y')" \
		"writefile('x', 'y')" "readfile('/etc/passwd') is not null" "edit('x')" "1); attach 'x.db' as x; --" \
		"1); pragma journal_mode=delete; --" "fts3_tokenizer('x')" "fts3_tokenizer('simple', x'0000000000000000')" \
		"(delete from base)" "exists (select 1 from other.base)" "1 in (insert into base default values)"; do
		echo "$bad"
		run -64 pay-store -d store.db --export base --where "$bad"
		[[ $output == *"--where $bad: "* ]]
	done
	[ ! -e x.db ] && [ ! -e x ]
	run -64 pay-store -d store.db --export base --where 'length(zeroblob(200000000)) > amount'
	[[ $output == *"too big"* ]]
	[ "$(pay-store -d store.db --export base --where 'length(zeroblob(100)) > amount' | wc -l)" = 20 ]
	run -124 timeout -s TERM 1 pay-store -d store.db --export base --where \
		'amount = (with recursive c(x) as (select 1 union all select x + 1 from c) select count(*) from c)'
	pay-store -d store.db --verify | grep -q '^base: 20 records, amount 210$'
}

@test "values are bound: text that looks like SQL stays text, in every sink" {
	quote="m'; drop table base; --"
	base 2 | sed "s/m-1/$quote/" >lines
	pay-store -d store.db lines | pay-agg -d totals.db >totals
	cmp <(pay-store -d store.db --export base) lines
	pay-agg -d totals.db --query "merchantNumber=$quote" | grep -qF "$quote"
	pay-filter --dedupe seen.db --dedupe-by merchantNumber lines >same
	cmp same lines
}

@test "what data hold cannot act on a terminal" {
	esc=$'\e' csi=$'\xc2\x9b'
	base 3 | sed "2s/m-2/a\\\\u001b[31m${csi}2J$(printf '\x7f')/; 3s/m-3/café ok/" >lines
	pay-store -d store.db lines >/dev/null
	shown() { script -qec "$1" /dev/null </dev/null | tr -d '\r'; }
	for command in "pay-agg lines" "pay-agg --format csv lines" "pay-filter lines" "pay-store -d store.db --export base"; do
		echo "$command"
		shown "$command" >seen
		run ! grep -qaF -e "$esc" -e "$csi" -e $'\x7f' seen
		grep -qF 'u009b2J\u007f' seen
		grep -qF 'café ok' seen
		$command >file # and a file gets what it is
		grep -qF "${csi}2J" file
	done
	shown "pay-agg --format csv lines" | grep -qF 'a\u001b[31m\u009b2J\u007f,'
	# As JSON it is the same text.
	cmp <(shown "pay-filter lines" | jq -c .) <(jq -c . lines)
	# Messages and tables for people escape everywhere.
	sed 's,day/0/2,d\\u001b[31m\\u009by/0/2,' lines | tail -n 2 >two
	pay-store -d holes.db --allow-gap <two >/dev/null
	printf 'reason,member,test,value\nX,a,is,%s\n' "${esc}[31m" >policy.csv
	pay-filter --policy policy.csv --check >said </dev/null
	grep -qF 'X when a is "\x1b[31m"' said
	run -65 pay-tobase <<<"{\"_src\":\"${csi}31m/0/1\"}"
	[[ $output == *'\xc2\x9b31m/0/1'* ]]
}

@test "secrets of properties and headers are in no message" {
	printf 'sasl.password=hunter2\nsasl.mechanism=PLAIN\nsecurity.protocol=hunter2\n' >properties
	run -78 pay-consume -b 127.0.0.1:1 -t t -F properties
	[[ $output == *"properties:3: property security.protocol cannot have that value"* && $output != *hunter2* ]]
	printf 'sasl.password\0=hunter2\n' >properties
	run -78 pay-produce -b 127.0.0.1:1 -t t -F properties </dev/null
	[[ $output == *"properties:1: a NUL character"* && $output != *hunter2* ]]
	for header in 'Authorization hunter2' 'Authorization\0: hunter2' 'Authorization: hunter2\x01' ': hunter2'; do
		# shellcheck disable=SC2059 # an escape
		printf "$header\n" >headers
		run -78 pay-rule --rule-url http://127.0.0.1:1/ --rule-header headers </dev/null
		[[ $output == *"headers:1: not a header line"* && $output != *hunter2* ]]
	done
	printf 'Authorization: hunter2\n' >headers
	run -75 timeout 60 pay-rule --rule-url 'http://127.0.0.1:1/?token=hunter2' --rule-header headers --api-retries 0 < <(base 1)
	[[ $output != *hunter2* ]]
	run -64 pay-rule --rule-url 'http://me:hunter2@127.0.0.1:1/' </dev/null
	[[ $output != *hunter2* ]]
}

@test "no file of settings is read without bounds" {
	head -c 20000000 /dev/zero | tr '\0' x >long
	for command in "pay-filter --policy long" "pay-filter --merchants long" "pay-rule --rules long" "pay-rule --cycles long" \
		"pay-rule --holidays long" "pay-consume -b b -t t -F long" "pay-rule --rule-url http://b/ --rule-header long"; do
		echo "$command"
		# shellcheck disable=SC2086 # several words
		run -78 $command <<<'{}'
		[[ $output == *"long:1: "*"over 16 MiB"* ]]
	done
	# Also where there is no end.
	run -78 timeout 20 pay-filter --merchants /dev/zero <<<'{}'
	run -78 timeout 20 pay-rule --rules /dev/zero <<<'{}'
}

@test "each program is built to withstand: PIE, full RELRO, NX, stack protector, checked calls" {
	[ -z "${PAYPIPE_SLOW:-}" ] || skip "sanitizers' builds leave hardening out"
	for program in "$bin"/pay-*; do
		echo "$program"
		readelf -hldsW "$program" >elf
		grep -q 'Type: *DYN' elf
		grep -q 'GNU_RELRO' elf
		grep -qE '\(FLAGS_1\).*NOW.*PIE|\(FLAGS_1\).*PIE.*NOW' elf
		grep -qE 'GNU_STACK .* RW ' elf
		run ! grep -qE 'LOAD .* (RWE|WE) ' elf
		grep -q '__stack_chk_fail' elf
		grep -qE '__(mem|str|snprintf|vsnprintf|sprintf|fprintf|read)[a-z]*_chk' elf
	done
}

@test "a program that only reads and writes gives up all other system calls" {
	[ -z "${PAYPIPE_SLOW:-}" ] || skip "sanitizers make calls of their own"
	grep -q '^Seccomp:' /proc/self/status || skip "the kernel has no filters of system calls"
	case $(uname -m) in x86_64 | aarch64) ;; *) skip "no filter is written for this processor" ;; esac
	base 3 >lines
	pay-gen -n 3 --rules rules.csv >day
	mkfifo line
	filters() { # filters MODE COMMAND...: what the kernel says of it while it waits for input
		"${@:2}" <line >/dev/null &
		exec 5>line
		local mode=
		for _ in {1..50}; do
			mode=$(sed -n 's/^Seccomp:\t//p' "/proc/$!/status")
			[ "$mode" != 2 ] || break
			sleep 0.02
		done
		cat lines >&5
		exec 5>&-
		wait "$!" || true
		[ "$mode" = "$1" ] || {
			echo "${*:2}: $mode"
			return 1
		}
	}
	filters 2 pay-tobase --dead-letter dead
	filters 2 pay-filter --tag
	filters 2 pay-filter --rejects rejects --reject 'X=.amount > 1'
	filters 2 pay-rule --rules rules.csv
	filters 2 pay-agg --format csv
	filters 2 pay-run "pay-filter --rejects others --reject 'X=.amount > 1' | pay-rule --rules rules.csv | pay-agg"
	# Those that go on to open or to talk do not.
	filters 0 pay-agg -d totals.db
	filters 0 pay-store -d store.db
	filters 0 pay-filter --dedupe seen.db --dedupe-by merchantNumber
	filters 0 pay-produce --to out
	filters 0 pay-run 'pay-filter | pay-store -d one.db | pay-agg'
	[ -s rejects ]
	# pay-gen reads nothing: a full pipe holds it.
	pay-gen -n 1000000 >line &
	exec 5<line
	sleep 0.3
	[ "$(sed -n 's/^Seccomp:\t//p' "/proc/$!/status")" = 2 ]
	exec 5<&-
	wait "$!" || true
}

@test "confined programs still do all that they are for" {
	base 3 >lines
	dates='(("2015-03-05T23:51:47Z" | strptime("%Y-%m-%dT%H:%M:%SZ") | mktime) == 1425599507) and ((now | localtime | mktime) > 0)'
	[ "$(pay-filter --reject "X=$dates and (.merchantNumber | test(\"^m-[13]\"))" lines | jq -c .amount)" = 2 ]
	run -0 script -qec "pay-tobase --progress --stats --dead-letter dead lines" /dev/null </dev/null
	[[ $output == *'"dead":3'* ]]
	[ -z "${PAYPIPE_SLOW:-}" ] || skip "sanitizers take memory of their own"
	head -c 15000000 /dev/zero | tr '\0' '[' >long
	run -71 bash -c 'ulimit -v 18000; pay-tobase --dead-letter dead long'
	[[ $output == *"out of memory"* ]]
}
