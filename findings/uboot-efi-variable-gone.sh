#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# U-Boot (2025.01, Debian 13's for QEMU's machine virt) keeps non-volatile EFI
# variables in a file on an EFI system partition, not in the flash that it has for
# its own environment. Without such a partition it sets a non-volatile variable all
# the same: the command succeeds, the variable has its NV attribute, and after a
# restart it is gone. It says so once, when EFI starts, not to who sets a variable.
#
# For users: a boot entry (BootOrder, Boot####) or a setting of firmware that was
# stored "with success" is lost unless a disk has an EFI system partition that
# U-Boot can write to. Programs cannot tell from the result of SetVariable.
# shellcheck disable=SC2154

# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

needs qemu-system-arm:qemu-system-aarch64 fdisk:/sbin/sfdisk dosfstools:/sbin/mkfs.vfat
pinned u trixie arm64 u-boot-qemu=2025.01-3+deb13u1
cp u/usr/lib/u-boot/qemu_arm64/u-boot.bin code.img
truncate -s 64M code.img env.img

# A disk with an EFI system partition
truncate -s 40M disk.img
echo 'size=36M, type=C12A7328-F81F-11D2-BA4B-00A0C93EC93B' |
	/sbin/sfdisk -q --label gpt disk.img || cannot "no disk can be made"
/sbin/mkfs.vfat -F 32 --offset 2048 disk.img 36864 >.mkfs 2>&1 || cannot "no FAT can be made"

# machine LOG ARGUMENT...: up to U-Boot's prompt
machine() {
	of=$1
	shift
	begins "$of" 120 -M virt -cpu cortex-a57 -m 512 \
		-drive if=pflash,format=raw,readonly=on,file=code.img \
		-drive if=pflash,format=raw,file=env.img "$@"
	expects 'Hit any key to stop autoboot'
	types ''
	expects '=> '
}

command_() {
	types "$1"
	expects '=> '
}

# session NAME ARGUMENT...: sets a variable, and looks for it after a restart
session() {
	session=$1
	shift
	machine "$session" "$@"
	command_ 'setenv -e -nv -bs -rt Kept here; echo set: status $?'
	command_ 'printenv -e Kept; echo read: status $?'
	types poweroff
	ends
	machine "$session.again" "$@"
	command_ 'printenv -e Kept; echo read: status $?'
	types poweroff
	ends
}

# said LOG REGEX: the last such
said() {
	grep -a -o "$2" "$1" | tail -n 1
}

session bare
grep -a -m 1 '^U-Boot ' bare
seen "no such partition, while EFI starts" \
	"Cannot persist EFI variables without system partition" \
	"$(said bare 'Cannot persist EFI variables.*')"
seen "non-volatile variable set" "set: status 0" "$(said bare '^set: status .*')"
seen "its attributes" "NV|BS|RT, DataSize = 0x4" "$(said bare 'NV|BS|RT.*')"
seen "after a restart" 'Error: "Kept" not defined' "$(said bare.again '^Error: .*')"
seen "status" "read: status 1" "$(said bare.again '^read: status .*')"

session disk -drive if=none,id=d,format=raw,file=disk.img -device virtio-blk-device,drive=d
seen "with such a partition, variable set" "set: status 0" "$(said disk '^set: status .*')"
seen "after a restart" "NV|BS|RT, DataSize = 0x4" "$(said disk.again 'NV|BS|RT.*')"
seen "status" "read: status 0" "$(said disk.again '^read: status .*')"

verdict
