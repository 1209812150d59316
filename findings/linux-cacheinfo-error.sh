#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Debian 12's Linux (6.1.176, arm64) writes an error, "Early cacheinfo failed, ret =
# -2", into its log if ACPI has a PPTT (the table of the processors' topology) that
# says nothing about caches: QEMU's 7.2 is one, and the specification permits it.
# Nothing has failed: Linux goes on to list the processor's three caches in /sys, from
# its registers. With a device tree that is silent about caches there is no error.
#
# For users: ignore it. For authors of firmware and virtual machines: guests' logs are
# free of errors only if the PPTT names the caches (or if there is no PPTT, which costs
# the topology). For authors of tests that look for errors in logs: this one is none.
# shellcheck disable=SC2154

# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

cat >commands <<'END'
echo tables $(ls /sys/firmware/acpi/tables 2>/dev/null | grep -c PPTT)
dmesg -r | sed -n 's/^<\([0-9]*\)>\[[^]]*\] *\(.*cacheinfo.*\)/cacheinfo \1 \2/p'
echo caches $(ls /sys/devices/system/cpu/cpu0/cache | grep -c index)
END
shell_guest
pinned aavmf bookworm arm64 qemu-efi-aarch64=2022.11-6+deb12u2
cp aavmf/usr/share/AAVMF/AAVMF_VARS.fd vars.img

for acpi in on off; do
	emulated log.$acpi 120 -M virt,acpi=$acpi -cpu cortex-a57 -m 512 \
		-kernel Image -initrd initrd.cpio \
		-append "console=ttyAMA0 quiet panic=-1" \
		-drive if=pflash,format=raw,readonly=on,file=aavmf/usr/share/AAVMF/AAVMF_CODE.fd \
		-drive if=pflash,format=raw,file=vars.img
done

# says LOG WHAT
says() {
	sed -n "s/^$2 //p" "$1"
}

qemu-system-aarch64 --version | head -n 1
grep '^kernel ' log.on
seen "ACPI: PPTT" 1 "$(says log.on tables)"
seen "priority (3: error) and message" "3 Early cacheinfo failed, ret = -2" \
	"$(says log.on cacheinfo)"
seen "caches of processor 0 in /sys" 3 "$(says log.on caches)"
seen "device tree: PPTT" 0 "$(says log.off tables)"
seen "message" "" "$(says log.off cacheinfo)"

verdict
