#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Debian's U-Boot for QEMU's machine virt cannot save its environment in the flash
# of Debian 12's QEMU (7.2), neither Debian 12's (2023.01) nor Debian 13's (2025.01).
# Each of QEMU's two banks is a pair of x16 chips on a 32-bit bus, 64 MiB in blocks of
# 256 KiB, as the device tree says. U-Boot asks by commands of 8, 16, then 32 bits,
# and QEMU answers those of 16 bits as if such an access reached both chips. So
# U-Boot finds "16 x 16", half the size and blocks of half the size, erases at the
# start of the bank, and saveenv ends in a "Flash buffer write timeout".
#
# For users: settings of U-Boot do not survive a restart there, and what the bank
# held before is erased all the same. For authors of flash models: answer a command
# only if it is as wide as the bus.
# shellcheck disable=SC2154

# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

# its libraries are the system's
needs qemu-system-arm:qemu-system-aarch64
pinned q bookworm amd64 qemu-system-arm=1:7.2+dfsg-7+deb12u18+b3
pinned 2023.01 bookworm arm64 u-boot-qemu=2023.01+dfsg-2+deb12u3
pinned 2025.01 trixie arm64 u-boot-qemu=2025.01-3+deb13u1
# shellcheck disable=SC2034
qemu=q/usr/bin/qemu-system-aarch64
$qemu --version | head -n 1

command_() {
	types "$1"
	expects '=> '
}

# session VERSION: on a bank full of 0x5a
session() {
	cp "$1/usr/lib/u-boot/qemu_arm64/u-boot.bin" code.img
	truncate -s 64M code.img
	head -c $((64 << 20)) /dev/zero | tr '\000' '\132' >env.img
	begins "log.$1" 120 -M virt -cpu cortex-a57 -m 512 \
		-drive if=pflash,format=raw,readonly=on,file=code.img \
		-drive if=pflash,format=raw,file=env.img
	expects 'Hit any key to stop autoboot'
	types ''
	expects '=> '
	types flinfo
	expects 'Bank # 2'
	expects '=> '
	command_ 'setenv kept yes'
	command_ 'saveenv; echo saved: status $?'
	types poweroff
	ends
}

# said LOG REGEX: the last such
said() {
	grep -a -o "$2" "$1" | tail -n 1
}

for v in 2023.01 2025.01; do
	session $v
	grep -a -m 1 '^U-Boot ' log.$v
	seen "bank 2, which is a pair of x16 chips of 64 MiB in 256 blocks" \
		"CFI conformant flash (16 x 16)  Size: 32 MB in 256 Sectors" \
		"$(said log.$v 'CFI conformant flash.*')"
	seen "saveenv erases" "Erased 2 sectors" "$(said log.$v '^Erased .*')"
	seen "saveenv writes" "Flash buffer write timeout" "$(said log.$v 'Flash buffer write timeout')"
	seen "saveenv ends" "saved: status 1" "$(said log.$v '^saved: status .*')"
	seen "bytes of the 256 KiB at the bank's start that are as before" 0 \
		"$(head -c 262144 env.img | tr -dc '\132' | wc -c)"
done

verdict
