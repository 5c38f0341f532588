# Bash completion for the pay- programs: source this file. What it offers comes from each program's --help.

# _paypipe_options PROGRAM: its options, a line each
_paypipe_options() {
	"$1" --help 2>/dev/null | sed -nE 's/^  (-[a-zA-Z]), (--[a-z-]+).*/\1\n\2/p; s/^      (--[a-z-]+).*/\1/p'
}

# _paypipe_argument PROGRAM OPTION: the name that --help gives to the option's argument; empty where it takes none
_paypipe_argument() {
	"$1" --help 2>/dev/null | awk -v option="$2" '
		/^  (-[a-zA-Z], |    )--/ {
			letter = /^  -/ ? substr($1, 1, 2) : ""
			at = /^  -/ ? 2 : 1
			if ((option == letter || option == $at) && match($0, $at "( [^ ]+)?")) {
				split(substr($0, RSTART, RLENGTH), word, " ")
				print word[2]
				exit
			}
		}'
}

_paypipe() {
	local program=${COMP_WORDS[0]} word=${COMP_WORDS[COMP_CWORD]} before='' argument='' list
	[ "$COMP_CWORD" -lt 2 ] || before=${COMP_WORDS[COMP_CWORD - 1]}
	COMPREPLY=()
	case $before in
	-*) argument=$(_paypipe_argument "$program" "$before") ;;
	esac
	case $argument:$word in
	:-*) list=$(_paypipe_options "$program") ;;
	: | :* | FILE:* | DB:* | CASES:*)
		mapfile -t COMPREPLY < <(compgen -f -- "$word")
		return
		;;
	*) return ;; # a value that only the user knows
	esac
	mapfile -t COMPREPLY < <(compgen -W "$list" -- "$word")
}

complete -o filenames -F _paypipe pay-agg pay-audit pay-consume pay-filter pay-gen pay-produce pay-rule pay-run pay-store pay-tobase
