#!/usr/bin/env bats
# A short run of every fuzzer, the same one each time. `make fuzz FUZZ_SECONDS=600` looks further.

@test "the fuzzers find nothing in a short run" {
	[ -z "${PAYPIPE_BIN:-}" ] || skip "the fuzzers are not made of these programs"
	printf 'int LLVMFuzzerTestOneInput(const char *p, long n) { return p && n < 0; }' >"$BATS_TEST_TMPDIR/try.c"
	clang -fsanitize=fuzzer,address -o "$BATS_TEST_TMPDIR/try" "$BATS_TEST_TMPDIR/try.c" ||
		skip "clang's libFuzzer is missing (Debian: apt install clang libclang-rt-14-dev)"
	run timeout 300 make -s -C "$BATS_TEST_DIRNAME/.." fuzz FUZZ_ARGS="-runs=20000 -seed=1 -max_total_time=10" \
		FUZZ_CORPUS="$BATS_TEST_TMPDIR"
	echo "$output"
	[ "$status" -eq 0 ]
}
