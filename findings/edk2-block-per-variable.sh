#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# To store a variable of one byte, EDK2 2022.11 (Debian 12, for QEMU's machine virt)
# erases a block of 256 KiB of flash and programs all of its content again, whenever
# the variable does not lie within one line of 128 bytes: about every second time for
# the smallest variables, each time for those over 128 bytes. Nothing in the block
# needed an erase, the place of the new variable was erased already. 2025.02 (Debian
# 13) does not erase at all for the same steps.
#
# For users: with the older firmware, power must not be lost while any variable is
# written, since between erase and programs the block's other variables are not in it
# either. For authors of virtual machines: a write of a variable costs up to hundreds
# of accesses to the flash, and killing the machine is no less a loss of power.
# shellcheck disable=SC2034,SC2154

# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

efivars_guest
pinned 2022.11 bookworm arm64 qemu-efi-aarch64=2022.11-6+deb12u2
pinned 2025.02 trixie arm64 qemu-efi-aarch64=2025.02-8+deb13u1
qemu_options='-trace pflash_write_block_erase -trace pflash_write_block_start'

small='put:Aa:0:1 put:Ba:0:1 put:Ca:0:1 put:Da:0:1 put:Ea:0:1 put:Fa:0:1 put:Ga:0:1'
large='put:Ha:0:200 put:Ia:0:200 put:Ja:0:200 put:Ka:0:200'

# counted LOG SIZE EVENT: of each new variable of that size, in the order of the steps
counted() {
	awk -v size=":$2:" -v event="pflash_write_block_$3" '
		/^kernel / { guest = 1 }
		guest && index($0, event) { n++ }
		/^put:/ { if (index($1, size)) printf "%d ", n; n = 0 }' "$1"
}

for v in 2022.11 2025.02; do
	# shellcheck disable=SC2086
	steps log.$v $v/usr/share/AAVMF/AAVMF_CODE.fd $v/usr/share/AAVMF/AAVMF_VARS.fd \
		$small $large
	for size in 1 200; do
		case $v.$size in
		2022.11.1) erases='0 1 0 1 0 1 0 ' ;;
		2022.11.200) erases='1 1 1 1 ' ;;
		*.1) erases='0 0 0 0 0 0 0 ' ;;
		*) erases='0 0 0 0 ' ;;
		esac
		seen "EDK2 $v, variables of $size bytes one by one, blocks erased for each" \
			"$erases" "$(counted log.$v $size erase)"
		say "programs of up to 128 bytes for each: $(counted log.$v $size start)"
	done
done

verdict
