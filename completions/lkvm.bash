# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# Completion of lkvm's command line for bash, with the package bash-completion or without.
#
# What there is to complete is read from `lkvm help` and `lkvm COMMAND --help` each time, so
# that it is that of the lkvm which the user has typed. In an option's argument there, small
# letters are what is typed, words in capitals stand for something: FILE, DIR, ...; what OPT
# stands for is listed behind "OPT:".

# _lkvm_read_help LKVM COMMAND...: sets the caller's usage, options, argument[OPTION] and
# about[OPTION]
_lkvm_read_help()
{
	local line option=
	local head='^  (-[A-Za-z0-9], |    )(--[a-z0-9-]+)(\[=[^ ]+| [^ ]+)?( .*)?$'

	while IFS= read -r line; do
		if [[ $line == "Usage: "* ]]; then
			usage=${line#Usage: }
		elif [[ $line =~ $head ]]; then
			option=${BASH_REMATCH[2]}
			argument[$option]=${BASH_REMATCH[3]# }
			about[$option]=${BASH_REMATCH[4]}
			options+=("$option")
			if [[ $line == "  -"* ]]; then
				options+=("${line:2:2}")
				argument[${line:2:2}]=${argument[$option]}
				about[${line:2:2}]=
				longs[${line:2:2}]=$option
			fi
		elif [[ $line == "          "* ]]; then
			about[$option]+=" ${line#"${line%%[! ]*}"}"
		fi
	done < <("$@" --help 2>/dev/null </dev/null)
}

# _lkvm_commands LKVM [COMMAND]: the names of subcommands
_lkvm_commands()
{
	"$@" --help 2>/dev/null </dev/null |
		sed -n 's/^ \{2,3\}\([a-z][a-z0-9-]*\)  *[A-Z].*/\1/p'
}

# _lkvm_listed ABOUT: what OPT stands for, a line each
_lkvm_listed()
{
	local text=${1#*OPT:} item

	while [[ $text == *"("*")"* ]]; do
		text=${text%%"("*}${text#*")"}
	done
	while IFS= read -r item; do
		item=${item##*: }
		item=${item#"${item%%[! ]*}"}
		item=${item%"${item##*[! ]}"}
		[[ ! $item =~ ^[a-z_]+(=[^ ]+)?$ ]] || printf '%s\n' "$item"
	done < <(tr ';,' '\n' <<<"${text%.}")
}

# Sets `alternatives` for what is typed as part number $3 of the argument $1, which $2 is
# about: the parts are what commas separate.
_lkvm_alternatives()
{
	local spec=$1 fields alternative key=

	spec=${spec//[\[\]]/}
	spec=${spec#=}
	spec=${spec//.../}
	IFS=, read -ra fields <<<"$spec"
	spec=${fields[$3]-}
	[[ -n $spec ]] || spec=${fields[-1]}
	[[ $spec == OPT || -n ${fields[$3]-} ]] || return
	if [[ $spec == OPT ]]; then
		mapfile -t fields < <(_lkvm_listed "$2")
	else
		fields=("$spec")
	fi
	for spec in "${fields[@]}"; do
		key=
		while IFS= read -r alternative; do
			# mode=user|tap, but not file=PATH|fd=N
			if [[ $alternative == *=* ]]; then
				key=${alternative%%=*}=
			else
				alternative=$key$alternative
			fi
			alternatives+=("$alternative")
		done < <(tr '|' '\n' <<<"$spec")
	done
}

# Names of files, or with -d of directories, that begin with $2, into `words` behind $3
_lkvm_files()
{
	local name

	while IFS= read -r name; do
		if [[ -d ${name/#~\//$HOME/} ]]; then
			name=$name/
			space=
		fi
		files=1
		words+=("$3${name//,/$comma}")
	done < <(compgen "$1" -- "$2")
}

# Something of the kind $1 that begins with $2, into `words` behind $3
_lkvm_kind()
{
	case $1 in
	FILE | PATH | KERNEL | SOCKET) _lkvm_files -f "$2" "$3" ;;
	DIR) _lkvm_files -d "$2" "$3" ;;
	esac
}

# The alternatives of a value that begin with $1, into `words` behind $2
_lkvm_values()
{
	local alternative literal kind

	for alternative in "${alternatives[@]}"; do
		# A place holder before '=' is what was typed there.
		if [[ $alternative =~ ^[A-Z]+= ]]; then
			[[ $1 == *=* ]] || continue
			alternative=${1%%=*}=${alternative#*=}
		fi
		literal=${alternative%%[A-Z[]*}
		kind=${alternative#"$literal"}
		kind=${kind%%[!A-Z]*}
		if [[ $literal == "$1"* && -n $literal ]]; then
			words+=("$2$literal")
			[[ -z $kind ]] || space=
		elif [[ -n $kind && $1 == "$literal"* ]]; then
			_lkvm_kind "$kind" "${1#"$literal"}" "$2$literal"
		fi
	done
}

# The value $2 of option $1, into `words` behind $3
_lkvm_value()
{
	local spec=${argument[$1]} value=$2 name=${longs[$1]-$1} part before
	local alternatives=() comma=,

	# A comma of the value itself is written twice.
	if [[ $spec == *,* || $spec == *OPT* ]]; then
		comma=,,
		value=${value//,,/$'\1'}
	fi
	part=${value##*,}
	before=${value%"$part"}
	before=${before//[!,]/}
	[[ $comma == ,, ]] || before=
	_lkvm_alternatives "$spec" "${about[$name]}" "${#before}"
	[[ $comma == ,, ]] || part=$value
	before=${value%"$part"}
	_lkvm_values "${part//$'\1'/,}" "$3${before//$'\1'/,,}"
}

# An argument that is no option, number $1 of them, which begins with $2
_lkvm_positional()
{
	local kinds=() kind

	read -ra kinds < <(sed "s/^lkvm $command $subcommand//"'
		s/ -- .*//; s/\[[-O][^]]*\]\(\.\.\.\)*//g; s/[][]//g' <<<"$usage")
	[[ ${#kinds[@]} -gt 0 ]] || return
	kind=${kinds[$1]-}
	[[ -n $kind || ${kinds[-1]} != *... ]] || kind=${kinds[-1]}
	case $command:${kind%...} in
	setup:NAME) ;;
	*:NAME)
		mapfile -t words < <(compgen -W "$("$lkvm" list 2>/dev/null |
			sed -n '2,$s/^\([^ ]*\) .*/\1/p')" -- "$2")
		;;
	*) _lkvm_kind "${kind%...}" "$2" "" ;;
	esac
}

# Sets `typed`, the words up to the cursor, which COMP_WORDS has in parts if there are '=' or
# ':' in them, and `tail`, the part of the last one that bash replaces.
_lkvm_split()
{
	local line=${COMP_LINE:0:COMP_POINT} rest i part

	for ((i = 0; i <= COMP_CWORD; i++)); do
		rest=${line#"${line%%[![:space:]]*}"}
		part=${COMP_WORDS[i]}
		((i < COMP_CWORD)) || part=$rest
		if [[ $i -gt 0 && $rest == "$line" ]]; then
			typed[-1]+=$part
		else
			typed+=("$part")
		fi
		line=${rest#"$part"}
	done
	# What is quoted is completed as it is meant.
	[[ $part != [\'\"]* ]] || quoted=1
	part=${part//[\'\"\\]/}
	typed[-1]=${typed[-1]//[\'\"\\]/}
	tail=${part##[=:]*}
}

# Walks over what was typed: sets `value_of` if the last word is an option's value, else
# counts words that are no options in `count`; `ended` is the number of "--", if there is one.
_lkvm_walk()
{
	local i word

	for ((i = $1; i < ${#typed[@]} - 1; i++)); do
		word=${typed[i]}
		value_of=
		if [[ $word == -- ]]; then
			ended=$i
			return
		elif [[ $word == -?* ]]; then
			[[ -n ${argument[$word]-} && ${argument[$word]} != \[* ]] || continue
			((i + 1 < ${#typed[@]} - 1)) || value_of=$word
			((i++))
		else
			((count++))
		fi
	done
}

# The options, or values of one, or arguments, into `words`
_lkvm_arguments()
{
	local -A argument=() about=() longs=()
	local options=() usage='' value_of='' count=0 ended='' current=${typed[-1]}

	_lkvm_read_help "$lkvm" "$command" ${subcommand:+"$subcommand"}
	_lkvm_walk "$1"
	if [[ -n $ended ]]; then
		_lkvm_after "$((ended + 1))"
	elif [[ -n $value_of ]]; then
		_lkvm_value "$value_of" "$current" ""
	elif [[ $current == --*=* && -n ${argument[${current%%=*}]-} ]]; then
		_lkvm_value "${current%%=*}" "${current#*=}" "${current%%=*}="
	elif [[ $current == -* ]]; then
		mapfile -t words < <(compgen -W "${options[*]}" -- "$current")
	else
		_lkvm_positional "$count" "$current"
	fi
}

# A command line behind "--", whose first word is number $1
_lkvm_after()
{
	if declare -F _command_offset >/dev/null; then
		_command_offset "$1"
		words=("${COMPREPLY[@]}")
	elif [[ $1 -eq ${#typed[@]}-1 ]]; then
		mapfile -t words < <(compgen -c -- "${typed[-1]}")
	else
		_lkvm_files -f "${typed[-1]}" ""
	fi
}

_lkvm()
{
	local lkvm=${1/#~\//$HOME/} typed=() tail='' quoted='' words=() files='' space=1
	local command='' subcommand='' comma=, i

	_lkvm_split
	command=${typed[1]-}
	if [[ ${#typed[@]} -le 2 ]]; then
		mapfile -t words < <(compgen -W "$(_lkvm_commands "$lkvm")" -- "$command")
	elif [[ $command == help ]]; then
		mapfile -t words < <(compgen -W "$(_lkvm_commands "$lkvm") exit-status" \
			-- "${typed[2]}")
	elif [[ ${#typed[@]} -eq 3 && $("$lkvm" "$command" --help 2>/dev/null </dev/null) == \
		*"COMMAND [OPTION]"* ]]; then
		mapfile -t words < <(compgen -W "$(_lkvm_commands "$lkvm" "$command")" \
			-- "${typed[2]}")
	else
		i=2
		if [[ ${typed[2]} != -* ]] && _lkvm_commands "$lkvm" "$command" |
			grep -qxF -e "${typed[2]}"; then
			subcommand=${typed[2]}
			i=3
		fi
		_lkvm_arguments "$i"
	fi
	_lkvm_reply
}

# Replies with `words`, of which bash replaces the tail only. It quotes what looks like
# the name of a file as a whole; in others that is done here.
_lkvm_reply()
{
	local head=${typed[-1]%"$tail"} special=$' \t\n\\\'"$&;()<>|*?`#[]{}!' i

	COMPREPLY=("${words[@]#"$head"}")
	if [[ -n $files && ${COMPREPLY[*]} != *[,=:]* ]]; then
		COMPREPLY=("${COMPREPLY[@]%/}")
		compopt -o filenames 2>/dev/null
	elif [[ -n $files && -z $quoted ]]; then
		for i in "${!COMPREPLY[@]}"; do
			[[ ${COMPREPLY[i]} != *["$special"]* ]] ||
				printf -v "COMPREPLY[i]" %q "${COMPREPLY[i]}"
		done
	fi
	[[ -n $space ]] || compopt -o nospace 2>/dev/null
}

complete -F _lkvm lkvm
