bats_require_minimum_version 1.5.0
PATH=${PAYPIPE_BIN:-${BATS_TEST_DIRNAME%/tests*}/bin}:$PATH
cd "$BATS_TEST_TMPDIR" || exit
