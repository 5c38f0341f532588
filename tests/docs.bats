#!/usr/bin/env bats
# What programs, pages, README and HACKING say of themselves and each other agrees.

setup() {
	load setup
	tree=${BATS_TEST_DIRNAME%/tests*}
	cd "$tree" || exit
}

programs() {
	local file
	for file in cmd/pay-*.c; do basename "$file" .c; done
}

all() { # all CHECK: runs it for every program; fails naming those for which it fails
	local program status=0 seen=0
	for program in $(programs); do
		seen=$((seen + 1))
		"$1" "$program" || {
			echo "$1 failed for $program"
			status=1
		}
	done
	[ "$seen" -gt 0 ] && return "$status"
}

help_options() { # long and short options of a --help, a line each
	"$@" --help | sed -nE 's/^  (-[a-zA-Z]), (--[a-z-]+).*/\1\n\2/p; s/^      (--[a-z-]+).*/\1/p' | sort -u
}

page_options() { # those of a page's list
	sed 's/\\-/-/g' "man/$1.1" | awk '/^\.It Fl / {
		for (i = 2; i <= NF; i++)
			if ($i ~ /^-[a-z]/ || ($(i - 1) == "Fl" && $i != "-"))
				print "-" $i
	}' | sort -u
}

good_help() {
	"$1" --help 2>"$BATS_TEST_TMPDIR/err" | grep -q "^$1: " && [ "${PIPESTATUS[0]}" -eq 0 ] && [ ! -s "$BATS_TEST_TMPDIR/err" ]
}

@test "--help exits 0, on standard output, and names the program" {
	all good_help
}

good_version() {
	local text
	text=$("$1" --version 2>/dev/null) && [[ $text == "$1 "[0-9]* && $text == *SQLite* ]]
}

@test "--version exits 0 and names the program and its libraries" {
	all good_version
}

refuses_unknown() {
	local status=0
	"$1" --no-such-option </dev/null >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err" || status=$?
	[ "$status" -eq 64 ] && [ ! -s "$BATS_TEST_TMPDIR/out" ] && grep -q "^$1: unknown option --no-such-option" "$BATS_TEST_TMPDIR/err"
}

@test "an unknown option is a usage error" {
	all refuses_unknown
	run -64 pay-tobase -qZ
	[[ $output == *"unknown option -Z; see pay-tobase --help"* ]]
	run -64 pay-store -d store.db --source ''
	[[ $output == *"--source: a name is needed"* ]]
}

@test "the nearest option is proposed for one that does not exist, and its argument is not repeated" {
	while read -r program wrong right; do
		run -64 "$program" "$wrong"
		[ "$output" = "$program: unknown option ${wrong%%=*}; did you mean $right? (see $program --help)" ]
	done <<-'END'
		pay-tobase --dead-leter --dead-letter
		pay-consume --unitl=end --until
		pay-filter --polcy=secret --policy
		pay-store --datbase --database
		pay-agg --udpates --updates
		pay-produce --transactionalid --transactional-id
		pay-rule --holydays --holidays
		pay-gen --merchant-file --merchants-file
		pay-run --prnt --print
		pay-tobase --stast --stats
	END
	run -64 scripts/compare --bye A B
	[[ $output == *"unknown option --bye; did you mean --by? (see"* ]]
	run -64 pay-tobase --nothing-like-it
	[[ $output != *"did you mean"* ]]
}

# values: of which each option that names a set takes any two
values() {
	case $1 in
	--until) echo end finish ;;
	--format) [ "$2" = pay-consume ] && echo csv kcat || echo csv ndjson ;;
	--date) [ "$2" = pay-gen ] && echo 2025-05-25 2025-05-26 || echo a b ;;
	--with) echo key ts ;;
	--default-cycle) echo D+1 D+2 ;;
	--cutoff) echo 10:00 11:00 ;;
	--base) echo roll payment ;;
	--on-api-error) echo stop default ;;
	--accept) [ "$2" = pay-tobase ] && echo channel=A channel=B || echo paymentActionType=A:- paymentActionType=B:+ ;;
	--test) [ "$2" = pay-gen ] && echo 0.1 0.2 || echo a b ;;
	--network-cancels | --unconfirmed | --non-settlement | --duplicates | --malformed | --rules-share) echo 0.1 0.2 ;;
	*) echo 1 2 ;;
	esac
}

@test "an option with an argument comes once, unless its page says otherwise" {
	cd "$BATS_TEST_TMPDIR"
	seen=0
	for program in $(cd "$tree" && programs); do
		while read -r option; do
			read -r one two < <(values "$option" "$program")
			run "$program" "$option" "$one" "$option=$two" </dev/null
			case $program$option in
			*--property | *--properties | pay-consume--as | pay-consume--resume | pay-consume--covers | pay-store--without | pay-filter--reject | *--accept | pay-agg--database | pay-store--database)
				[[ $output != *"once only"* ]]
				;;
			*)
				echo "$program $option: $status $output"
				[ "$status" = 64 ]
				[ "$output" = "$program: $option $one and $option $two: once only; see $program --help" ]
				seen=$((seen + 1))
				;;
			esac
		done < <("$program" --help | sed -nE 's/^  (-[a-zA-Z], |    )(--[a-z-]+) [^ ].*/\2/p')
	done
	[ "$seen" -gt 60 ]
	# Flags may.
	pay-gen -n 1 -q --quiet --stats --stats >/dev/null
	run -64 pay-agg -d a -d b </dev/null
	run -64 pay-rule --rule-url http://a/?t=hunter2 --rule-url http://b
	[[ $output != *hunter2* ]]
	run -64 "$tree/scripts/compare" --by a -b c x y
	[[ $output == *"--by a and --by c: once only"* ]]
	run -64 "$tree/scripts/backfill" . -o a --output=b
	[[ $output == *"-o a and -o b: once only"* ]]
}

plain_words() { # one line an option: lower case or a name in capitals, no full stop, at most 120 columns
	! "$1" --help | grep -E '^  (-[a-zA-Z], |    )--' | grep -E '\.$|.{121}'
}

@test "the help of an option is one line without a full stop" {
	all plain_words
}

same_options() {
	[ -f "man/$1.1" ] && [ -n "$(help_options "$1")" ] && diff <(help_options "$1") <(page_options "$1")
}

@test "page and --help name the same options" {
	all same_options
}

@test "the pages of the scripts that are installed name every option of their --help" {
	for script in settle backfill compare; do
		[ -n "$(help_options "scripts/$script")" ]
		diff <(help_options "scripts/$script") <(page_options "pay-$script")
	done
}

@test "the pages are clean mdoc" {
	run mandoc -T lint -W warning man/*.[17]
	[ "$status" -eq 0 ] || {
		echo "$output"
		return 1
	}
}

whole_page() {
	local section
	for section in NAME SYNOPSIS DESCRIPTION 'EXIT STATUS' EXAMPLES 'SEE ALSO'; do
		grep -q "^\.Sh $section$" "man/$1.1" || {
			echo "no $section"
			return 1
		}
	done
}

@test "commands stand on a page as in its source: no quotes lost, no point drawn to the word before" {
	run grep -n -e '^\.D[l1].* "' -e '^\.D[l1].* [.,;:?!)]$' man/*.[17]
	[ "$output" = "" ]
}

@test "every page has its sections" {
	all whole_page
}

@test "pages name only exit statuses that are in use" {
	for page in man/*.[17]; do
		while read -r status; do
			[[ " 0 1 64 65 66 69 70 71 73 74 75 76 77 78 " == *" $status "* ]] || {
				echo "$page: $status"
				return 1
			}
		done < <(sed -n '/^\.Sh EXIT STATUS/,/^\.Sh [^E]/p' "$page" | grep '^\.It' | grep -oE '[0-9]+')
	done
}

@test "pages refer only to pages that exist" {
	for page in man/*.[17]; do
		while read -r name section; do
			case $name in pay*) [ -f "man/$name.$section" ] || {
				echo "$page: $name($section)"
				return 1
			} ;; esac
		done < <(grep -E '^\.Xr ' "$page" | cut -d ' ' -f 2,3)
	done
}

# examples FILE...: an option used in a command line of pay-x, as `pay-x --option`
examples() {
	sed -nE '/^\.Sh EXAMPLES/,$p' "$@" | sed 's/\\e/\\/g; s/\\&//g; s/\\-/-/g' |
		options_used
}

# Of shell text on standard input: the program and each long option that a command of it uses, to its next | or ;.
options_used() {
	sed -z "s/\\\\\n/ /g; s/[|;()\`]/\n/g; s/'pay-/\npay-/g" | sed 's/pay-[a-z]*\.[0-9a-z]*//g' | awk '{
    program = ""
    for (i = 1; i <= NF; i++)
      if ($i ~ /^(\.\/)?(bin\/)?pay-[a-z]+$/) { program = $i; sub(/.*\//, "", program) }
      else if (program != "" && $i ~ /^--[a-z][a-z-]*/) { option = $i; sub(/[^a-z-].*/, "", option); print program, option }
  }' | sort -u
}

known_options() { # of "program option" lines: all exist
	local program option status=0 seen=0
	while read -r program option; do
		[ -f "cmd/$program.c" ] || continue
		seen=$((seen + 1))
		help_options "$program" | grep -qx -e "$option" || {
			echo "$program has no $option"
			status=1
		}
	done
	[ "$seen" -gt 0 ] && return "$status"
}

@test "examples in pages, help texts and README use options that exist" {
	examples man/*.[17] | known_options
	for program in $(programs); do "$program" --help | sed -n '/^Examples:/,/^Exit status/p'; done | options_used | known_options
	grep -E '^    ' README.md | sed ':a; /\\$/ {N; s/\\\n/ /; ba}' | options_used | known_options
}

@test "README names every program, and only programs that exist" {
	all in_readme
	while read -r name; do
		case $name in
		pay-settle | pay-backfill | pay-compare) [ -f "scripts/${name#pay-}" ] || {
			echo "$name"
			return 1
		} ;; # as installed
		*) [ -f "cmd/$name.c" ] || {
			echo "README names $name, which is not there"
			return 1
		} ;;
		esac
	done < <(grep -oE '\bpay-[a-z]+' README.md | sort -u)
}

in_readme() {
	grep -q "$1" README.md
}

@test "the two commands of README are there to be run" {
	for command in ./scripts/demo ./scripts/check; do
		grep -q -F "$command" README.md
		[ -x "$command" ] || {
			echo "$command is not executable"
			return 1
		}
	done
}

@test "paths that README and HACKING name exist" {
	local seen=0
	for path in $(grep -hoE '(\./)?\b(common|cmd|man|scripts|tests|bench)/[A-Za-z0-9_./-]*[A-Za-z0-9]' README.md HACKING.md | sort -u) \
		$(grep -hoE '\]\([^):]+\)' README.md HACKING.md | tr -d '()]'); do
		case $path in cmd/pay-x* | man/pay-x* | tests/x.bats | */test-* | man/man[17]) continue ;; esac
		seen=$((seen + 1))
		[ -e "$path" ] || {
			echo "$path is not there"
			return 1
		}
	done
	[ "$seen" -gt 10 ]
}

complete_line() { # complete_line WORD...: what completion offers for the last word
	bash -c 'source scripts/completion.bash; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _paypipe; printf "%s\n" "${COMPREPLY[@]}"' _ "$@"
}

@test "completion offers the options of --help, and files where a file is due" {
	[ "$(complete_line pay-agg --form)" = --format ]
	[ "$(complete_line pay-agg - | sort)" = "$(help_options pay-agg | sort)" ]
	[ "$(complete_line pay-agg -d READM)" = README.md ]
	[ "$(complete_line pay-agg --database READM)" = README.md ]
	[ "$(complete_line pay-agg --stats READM)" = README.md ]
	[ -z "$(complete_line pay-agg --format READM)" ]
	complete_line pay-agg - | grep -qx -e -d
	for program in $(programs); do grep -q "^complete .*\b$program\b" scripts/completion.bash; done
}
