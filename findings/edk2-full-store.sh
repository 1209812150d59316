#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Once Linux has been started, EDK2 (Debian 12's 2022.11 and 13's 2025.02 for QEMU's
# machine virt) makes no room in its store of variables any more. Each time a variable
# is replaced its old copy stays, so one variable of 8,000 bytes, written some thirty
# times, fills the store of 256 KiB; then writing ends in "No space left on device".
# To delete that variable does not help: only the next start does, and nothing in the
# error tells. A very small variable may still fit.
#
# And a variable may have 8 KiB at most, its header (60 bytes) and its name in UTF-16
# included. More is an "Invalid argument", not a matter of space.
#
# For users: "No space left on device" from efibootmgr or efivarfs may only mean that
# variables were changed often since the start; restart before anything is deleted.
# For authors: do not store what changes often in variables, and take ENOSPC for
# "perhaps after a restart".
# shellcheck disable=SC2154

# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

efivars_guest
pinned 2022.11 bookworm arm64 qemu-efi-aarch64=2022.11-6+deb12u2
pinned 2025.02 trixie arm64 qemu-efi-aarch64=2025.02-8+deb13u1

# 60 of the header, 2 for each letter of "Largest" and the zero after it
largest=$((8192 - 60 - 2 * 8))

for v in 2022.11 2025.02; do
	code=$v/usr/share/AAVMF/AAVMF_CODE.fd
	vars=$v/usr/share/AAVMF/AAVMF_VARS.fd
	say "EDK2 $v"
	steps first.$v "$code" "$vars" put:Largest:0:$largest put:TooLong:0:$((largest + 1)) \
		put:TooLong:0:32768 del:Largest:0 wear:Worn:0:8000 put:Another:0:8000 \
		del:Worn:0 put:Again:0:8000 put:Small:0:1
	steps second.$v "$code" "$vars" get:Worn:0 get:Small:0 put:Again:0:8000

	seen "$v: a variable of $largest bytes" "done" "$(did first.$v put:Largest:0:$largest)"
	seen "$v: a byte more" "Invalid argument" \
		"$(did first.$v put:TooLong:0:$((largest + 1)))"
	seen "$v: 32 KiB" "Invalid argument" "$(did first.$v put:TooLong:0:32768)"
	seen "$v: 8000 bytes, again and again" \
		"31 times, then wear:Worn:0:8000: No space left on device" \
		"$(grep 'wear:Worn' first.$v)"
	seen "$v: another variable" "No space left on device" "$(did first.$v put:Another:0:8000)"
	seen "$v: the worn one deleted" "done" "$(did first.$v del:Worn:0)"
	seen "$v: another one again" "No space left on device" "$(did first.$v put:Again:0:8000)"
	seen "$v: one of a byte" "done" "$(did first.$v put:Small:0:1)"
	seen "$v: after a restart, the deleted one" "No such file or directory" \
		"$(did second.$v get:Worn:0)"
	seen "$v: after a restart, the one of a byte" "done" "$(did second.$v get:Small:0)"
	seen "$v: after a restart, another one again" "done" "$(did second.$v put:Again:0:8000)"
done

verdict
