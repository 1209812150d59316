# Debian's EDK2 for QEMU's arm64 machine, with the descriptors that come with it
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh disable=SC2154

# aavmf FOLDER [SUITE]: build/FOLDER of the package in that release of Debian or
# else this machine's
aavmf() {
	download "arm64${2:+/$2}" qemu-efi-aarch64
	unpack root ./*.deb
	mkdir "$1"
	# some are links to others: as files they can be used one by one
	cp -L --sparse=always root/usr/share/AAVMF/* root/usr/share/qemu-efi-aarch64/*.fd \
		root/usr/share/qemu/firmware/*.json "$1/" || return 1
	publish "$1" "$1"
}
