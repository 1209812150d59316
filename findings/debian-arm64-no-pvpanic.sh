#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Debian's arm64 kernels have no driver for pvpanic, the device by which a guest tells
# its virtual machine that it has panicked; Debian's amd64 kernels of the same source
# (6.1.176) have them all, as modules. So with QEMU's `-device pvpanic-pci` and
# `-action panic=exit-failure` an arm64 guest that has panicked goes on for ever, the
# kernel at its last line. (6.12.107 of Debian 13 has no driver either.)
#
# For users: with Debian's kernels on arm64 a panic is not seen by libvirt's on_crash,
# nor by anything else that waits for pvpanic. Give the guest panic=N, and look for
# "Kernel panic" in the text of its console.
# shellcheck disable=SC2154

# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

needs qemu-system-arm:qemu-system-aarch64 xz-utils:xzcat
pinned arm64 bookworm arm64 linux-config-6.1=6.1.176-1 "$kernel_package"
pinned amd64 bookworm amd64 linux-config-6.1=6.1.176-1

# has ARCHITECTURE FLAVOUR: the options of pvpanic
has() {
	xzcat "$1/usr/src/linux-config-6.1/config.$1_none_$2.xz" |
		grep 'CONFIG_PVPANIC' | tr '\n' ' ' | sed 's/ $//'
}

none='# CONFIG_PVPANIC is not set'
all='CONFIG_PVPANIC=y CONFIG_PVPANIC_MMIO=m CONFIG_PVPANIC_PCI=m'
seen "arm64" "$none" "$(has arm64 arm64)"
seen "arm64, cloud" "$none" "$(has arm64 cloud-arm64)"
seen "amd64" "$all" "$(has amd64 amd64)"
seen "amd64, cloud" "$all" "$(has amd64 cloud-amd64)"
seen "modules of that name in the arm64 package" "" \
	"$(find arm64/lib/modules -name '*pvpanic*')"

# A panic that needs no help: there is no root file system.
qemu-system-aarch64 --version | head -n 1
begins log 120 -M virt -cpu cortex-a57 -m 512 -device pvpanic-pci \
	-action panic=exit-failure -kernel arm64/boot/vmlinuz-* \
	-append "console=ttyAMA0 quiet panic=0"
expects 'end Kernel panic'
sleep 5
kill -0 "$child" 2>/dev/null && running=yes || running=no
seen "the guest's last words" "Kernel panic - not syncing: VFS: Unable to mount root fs" \
	"$(grep -a -o -m 1 'Kernel panic - [^(]*root fs' log)"
seen "the machine runs 5 s later" yes "$running"

verdict
