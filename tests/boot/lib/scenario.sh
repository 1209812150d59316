# Cases that report TAP, and the host that they run in
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh disable=SC2034
#
# A scenario is a script of functions that begins with
#
#	. "$(dirname "$0")/lib/scenario.sh"
#
# and ends with
#
#	scenario() {
#		on_host FUNCTION [OPTION-OF-tests/host/run]...
#	}
#	scenario_main "$@"
#
# The function `scenario` runs on the machine that tests, from the top of the
# repository. Each FUNCTION runs in busybox's shell in a host with /dev/kvm,
# where this folder and the scenario are under $IN as well. Both print cases:
#
#	begin NAME
#	guest hello --loglevel debug
#	expect_status 0
#	finish
#
# $work is a folder for whatever a case needs. Input is /dev/null. $ALL is not empty in
# make check-long, for cases that are much like others.

build=${BUILD:-build}

# ---- cases -----------------------------------------------------------------

# begin NAME: a case, good unless something says otherwise before its finish
begin() {
	name=$1 why='' skipped='' status=''
	: >"$work/console"
	: >"$work/messages"
}

# bad TEXT: the case has failed. The first reason is told.
bad() {
	why=${why:-$*}
}

skip() {
	skipped=${skipped:-$*}
}

indented() {
	tr -d '\r' | tr -c '\n\t -~' '?' | sed 's/^/# | /'
}

finish() {
	if [ -n "$skipped" ]; then
		echo "ok - $name # SKIP $skipped"
		return
	elif [ -z "$why" ]; then
		echo "ok - $name"
		return
	fi
	echo "not ok - $name"
	printf '%s\n' "$why" | sed 's/^/# /'
	if [ -s "$work/console" ]; then
		echo "# the console's end:"
		tail -n 25 "$work/console" | indented
	fi
	if [ -s "$work/messages" ]; then
		echo "# lkvm's messages:"
		tail -n 15 "$work/messages" | indented
	fi
}

# ---- lkvm ------------------------------------------------------------------

# How long a command may take that is to end by itself; guests get less.
patience=310

# run COMMAND...: its exit status is then in $status, what it printed in
# $work/console and $work/messages
run() {
	timeout -s KILL $patience "$@" >"$work/console" 2>"$work/messages"
	status=$?
}

# guest PROGRAM [OPTION]...: lkvm with a program of tests/guest
guest() {
	program=$1
	shift
	run lkvm run --kernel "$IN/guest/$program.bin" --mem 64 --nodefaults --timeout 60 "$@"
}

expect_status() {
	[ "$status" = "$1" ] || bad "exit status $status instead of $1"
}

# expect_output REGEX: some line of the console is like that
expect_output() {
	grep -q -e "$1" "$work/console" || bad "not on the console: $1"
}

expect_message() {
	grep -q -e "$1" "$work/messages" || bad "no message: $1"
}

expect_no_message() {
	[ ! -s "$work/messages" ] || bad "there are messages"
}

expect_no_output() {
	[ ! -s "$work/console" ] || bad "something was printed"
}

# await TEXT COMMAND...: until COMMAND succeeds, for states of another process
# that no event tells of; it is tried $tries_max times, 20 ms apart
tries_max=1500
await() {
	what=$1
	shift
	tries=0
	until "$@"; do
		tries=$((tries + 1))
		if [ $tries -gt $tries_max ]; then
			bad "waited in vain: $what"
			return 1
		fi
		usleep 20000 2>/dev/null || sleep 0.02
	done
}

# ---- where it runs ---------------------------------------------------------

# Processors of an emulated host. Two of them take a fifth more of the machine that tests for
# the same work, so a scenario that is not about what runs at the same time asks for one.
processors=2

# on_host FUNCTION [OPTION]...: call FUNCTION of this scenario in the host that
# tests/host/run makes of the options
on_host() {
	function=$1
	shift
	tests/host/run --smp $processors --env ALL --with tests/boot/lib --with "$0" "$@" -- \
		"sh \$IN/${0##*/} --inside $function"
	status=$?
	case $status in
	0) ;;
	77) echo "ok - $function # SKIP there is no such host" ;;
	*) echo "not ok - $function: tests/host/run ended with status $status" ;;
	esac
}

# Numbers the cases and ends with the status that tells whether all were good.
number_cases() {
	number=0
	failures=0
	while IFS= read -r line; do
		case $line in
		'ok - '*) number=$((number + 1)) line="ok $number${line#ok}" ;;
		'not ok - '*)
			number=$((number + 1)) failures=$((failures + 1))
			line="not ok $number${line#not ok}"
			;;
		esac
		printf '%s\n' "$line"
	done
	echo "1..$number"
	[ $failures = 0 ] && [ $number != 0 ]
}

scenario_main() {
	work=$(mktemp -d) || exit 1
	trap 'rm -rf "$work" || echo "not ok - something is left in $work"' EXIT
	trap 'exit 1' HUP INT TERM
	exec </dev/null
	if [ "${1-}" = --inside ]; then
		shift
		"$@"
		exit 0
	fi
	scenario | number_cases
}
