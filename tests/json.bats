#!/usr/bin/env bats
# The reader of lines against RFC 8259: cases of our own, Python's opinion, and libjq's. See also tests/unit/test-json.c.

setup_file() {
	make -s -C "$BATS_TEST_DIRNAME/.." tools
}

setup() {
	load setup
	top=$BATS_TEST_DIRNAME/..
	verdict=$top/build/tool/verdict
}

# differing KIND VERDICT [PROGRAM]: the cases of a kind that got another verdict, as file:line
differing() {
	local file
	for file in "$top"/tests/json/"$1"-*.ndjson; do
		"${3:-$verdict}" <"$file" | sed 's/^ok$/good/; t; s/.*/bad/' >verdicts
		[ "$(wc -l <verdicts)" -eq "$(wc -l <"$file")" ] || echo "$file: lines were lost"
		grep -nv "^$2\$" verdicts | cut -d : -f 1 | sed "s|^|${file##*/}:|"
	done
}

@test "every line that RFC 8259 accepts is accepted" {
	run differing y good
	[ -z "$output" ]
}

@test "every line that RFC 8259, UTF-8 or the stream forbids is refused" {
	run differing n bad
	[ -z "$output" ]
}

@test "the reader without SSE2 says the same" {
	[ -z "$(differing y good "$verdict-scalar")" ]
	[ -z "$(differing n bad "$verdict-scalar")" ]
}

@test "both readers agree with Python on 20,000 altered lines" {
	run python3 "$top/tests/oracle/json_verdict.py" compare "$verdict" "$verdict-scalar" "$top"/tests/json/*.ndjson
	echo "$output" # the seed
	[ "$status" -eq 0 ]
	[[ $output == *" 0 disagreements" ]]
}

@test "the reader and libjq agree on 100,000 altered lines but for where the reader is stricter" {
	run "$top/build/tool/against-libjq" "${SEED:-$RANDOM}" 100000 "$top"/tests/json/*.ndjson "$top"/tests/fuzz/seeds/record/*
	echo "$output" # the seed
	[ "$status" -eq 0 ]
	[[ $output == *" 0 disagreements" ]]
}

@test "a line of 16 MiB is read, one byte more is too long, and both leave the next line alone" {
	local fill=$((16 * 1024 * 1024 - 8)) # {"v":""} are eight
	{
		printf '{"v":"%s"}\n' "$(head -c "$fill" /dev/zero | tr '\0' a)"
		printf '{"v":"%s"}\n' "$(head -c "$((fill + 1))" /dev/zero | tr '\0' a)"
		printf '{"v":1}\n'
	} >long
	run "$verdict" <long
	[ "$output" = $'ok\ntoo long\nok' ]
	run "$verdict-scalar" < <(tail -n +2 long | head -c -1)
	[ "$output" = $'too long\nok' ]
}

@test "how a line is cut into reads does not matter" {
	cat "$top"/tests/json/[yn]-[!s]*.ndjson >all
	"$verdict" <all >at-once
	for size in 1 7 4093; do
		dd if=all obs="$size" status=none | "$verdict" | cmp - at-once
	done
}

@test "a registered member stands where it stands, after however many others" {
	for before in 65534 65535 65536 131071; do
		printf '{%s"amount":1,"amount":2}\n' "$(yes '"a":1,' | head -n "$before" | tr -d '\n')"
	done >many
	run "$verdict" <many
	[ "$(grep -c 'repeated' <<<"$output")" -eq 4 ]
}
