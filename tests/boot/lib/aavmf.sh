# Debian's EDK2 for the machine virt as a guest, talked to on its console
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh disable=SC2154
#
# To be sourced after scenario.sh and edk2.sh.

# aavmf_shell: begins a script: from reset to the shell's first prompt. Its
# variable g is our GUID.
aavmf_shell() {
	cat <<-EOF
		timeout 150
		expect UEFI firmware
		expect startup.nsh
		send \\x20
		expect Shell>
		send set -v g $edk2_guid\\r
		expect Shell>
	EOF
}

# sets_variable NAME: script
sets_variable() {
	aavmf_shell
	send "setvar $1 -guid %g% -bs -rt -nv =L\"$1\""
	echo 'expect Shell>'
	send 'reset -s'
	echo 'wait 0'
}

# finds_variable NAME: script
finds_variable() {
	aavmf_shell
	send 'dmpstore -guid %g%'
	echo "expect Variable NV+RT+BS '$(echo "$edk2_guid" | tr a-f A-F):$1' DataSize ="
	echo 'expect Shell>'
	send 'reset -s'
	echo 'wait 0'
}

# talk [OPTION]...: a guest that $work/script talks to; good if that ends well
talk() {
	run "$IN/expect" -l "$work/log" "$work/script" lkvm run --machine virt --cpus 1 \
		--mem 256 --timeout 160 "$@"
	[ "$status" = 0 ] || bad "what was expected did not come"
}
