bats_require_minimum_version 1.5.0
PATH=${PAYPIPE_BIN:-${BATS_TEST_DIRNAME%/tests*}/bin}:$PATH
cd "$BATS_TEST_TMPDIR" || exit

# refuses STATUS TEXT COMMAND...: it must end with that status and say that text on standard error.
refuses() {
	local status_wanted=$1 text=$2 status=0
	shift 2
	"$@" >out 2>err || status=$?
	[ "$status" -eq "$status_wanted" ] || {
		echo "status $status: $(cat err)"
		return 1
	}
	grep -qF -- "$text" err || {
		cat err
		return 1
	}
}
