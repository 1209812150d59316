#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The same machine, the same kernel (QEMU's virt, Debian 12's Linux 6.1.176): booted
# without firmware, Linux has the real-time clock, a PL031, with its alarm in
# /sys/class/rtc/rtc0/wakealarm. Booted by EDK2 (2022.11) it has rtc-efi in its
# place, without that file: EDK2 keeps the clock for itself and offers no alarm, with
# ACPI and with a device tree alike. (Linux 6.12.107 has the file, but to write to it
# ends in "Invalid argument".)
#
# For users: a guest started by UEFI cannot be suspended until a time, as by rtcwake.
# For authors: whether /dev/rtc0 can wake the machine depends on how it was booted, so
# try the alarm before you rely on it.
# shellcheck disable=SC2154

# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

cat >commands <<'END'
echo clock "$(cat /sys/class/rtc/rtc0/name)"
[ -e /sys/class/rtc/rtc0/wakealarm ] && echo alarm there || echo alarm none
echo +60 >/sys/class/rtc/rtc0/wakealarm
echo alarm status $?
END
shell_guest
pinned aavmf bookworm arm64 qemu-efi-aarch64=2022.11-6+deb12u2
cp aavmf/usr/share/AAVMF/AAVMF_VARS.fd vars.img

# boot LOG ARGUMENT...
boot() {
	of=$1
	shift
	emulated "$of" 120 -cpu cortex-a57 -m 512 -kernel Image -initrd initrd.cpio \
		-append "console=ttyAMA0 quiet panic=-1" "$@"
}

# says LOG: clock and alarm
says() {
	sed -n 's/^\(clock\|alarm\) //p' "$1" | tr '\n' ' ' | sed 's/ $//'
}

efi='-drive if=pflash,format=raw,readonly=on,file=aavmf/usr/share/AAVMF/AAVMF_CODE.fd
	-drive if=pflash,format=raw,file=vars.img'
boot direct -M virt
# shellcheck disable=SC2086
boot acpi -M virt,acpi=on $efi
# shellcheck disable=SC2086
boot tree -M virt,acpi=off $efi

grep '^kernel ' direct
seen "without firmware" "rtc-pl031 9010000.pl031 there status 0" "$(says direct)"
seen "by EDK2, with ACPI" "rtc-efi rtc-efi.0 none status 1" "$(says acpi)"
seen "by EDK2, with a device tree" "rtc-efi rtc-efi.0 none status 1" "$(says tree)"

verdict
