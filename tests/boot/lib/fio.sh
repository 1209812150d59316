# Linux with fio in its initramfs
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh disable=SC2154
#
# To be sourced after disk.sh, on the machine that tests.

fio_needs() {
	tests/host/fetch kernel busybox fio || exit 1
}

# fio_initrd FILE
fio_initrd() {
	tree=$work/fio.tree
	mkdir -p "$tree/bin" "$tree/dev" "$tree/proc" "$tree/sys" "$tree/lib"
	cp build/guest/busybox build/fio/fio "$tree/bin/"
	ln -s busybox "$tree/bin/sh"
	cp tests/boot/lib/fio-init "$tree/init"
	chmod +x "$tree/init"
	disk_modules "$tree/lib"
	(cd "$tree" && find . | cpio -o -H newc -R 0:0 --quiet) >"$1" || exit 1
}
