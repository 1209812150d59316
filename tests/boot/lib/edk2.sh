# EDK2 as a guest, talked to on its console
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh disable=SC2154
#
# To be sourced after scenario.sh.

# ---- on the machine that tests ---------------------------------------------

# Debian 13's, which is fast. EDK2=efi in the environment is Debian 12's, with all
# messages of a DEBUG build (make check-long).
edk2=${EDK2:-efi13}

# edk2_needs: fetches the firmware and builds expect; prints options for on_host
edk2_needs() {
	tests/host/fetch "$edk2" || exit 1
	expect=$(tests/boot/lib/tool expect) || exit 1
	echo "--with build/$edk2/KVMTOOL_EFI.fd --with $expect"
}

# ---- in the host -----------------------------------------------------------

# A namespace of our own: EDK2 lets nobody add to its global one.
edk2_guid=1b6d6c04-5ff4-4b0c-9d7a-2f1c7d1c2a90

# to_shell: begins a script of expect: from reset to the shell's first prompt.
# EDK2 looks at keys from the first dot on, and s stands for the shell, which
# then waits for 5 s unless there is a key. Its variable g is our GUID.
to_shell() {
	cat <<-EOF
		timeout 150
		expect Press ESCAPE for boot options .
		send s
		expect startup.nsh
		send \\x20
		expect Shell>
		send set -v g $edk2_guid\\r
		expect Shell>
	EOF
}

# send LINE: a line of such a script, that types LINE
send() {
	printf 'send %s\\r\n' "$1"
}

# edk2 FLASH [OPTION]...: boots EDK2, and $work/script talks to it. Good if that
# comes to its end.
edk2() {
	flash=$1
	shift
	run "$IN/expect" -l "$work/log" "$work/script" lkvm run \
		--firmware "$IN/KVMTOOL_EFI.fd" --mem 256 --cpus 1 --timeout 160 \
		--flash "$flash" "$@"
	[ "$status" = 0 ] || bad "what was expected did not come"
}
