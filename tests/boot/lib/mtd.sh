# Linux as a guest that has its CFI flash driver, mtd-utils and JFFS2.
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh disable=SC2154
#
# To be sourced on the machine that tests; $build is where things were fetched.

# pick FROM TO NAME...
pick() {
	from=$1
	to=$2
	shift 2
	mkdir -p "$to" || exit 1
	for name; do
		cp -L "$from/$name" "$to/" || exit 1
	done
}

# mtd_initrd FILE: an initramfs of mtd/init in FILE, by way of FILE.tree. The
# tree of mtd-utils has much that is not needed here, and takes a while to be
# unpacked in a guest.
mtd_initrd() {
	tree=$1.tree
	for release in "$build"/guest/lib/modules/*; do
		modules=$tree/lib/modules/${release##*/}
	done
	# shellcheck disable=SC2046
	pick "$build/mtd" "$modules" order modules.dep $(cat "$build/mtd/order") jffs2.ko \
		mtd_readtest.ko mtd_speedtest.ko mtd_stresstest.ko mtd_torturetest.ko
	pick "$build/mtd/root/usr/sbin" "$tree/bin" flash_erase flash_lock flash_unlock flashcp \
		mtd_debug mkfs.jffs2
	pick "$build/mtd/root/usr/lib/aarch64-linux-gnu" "$tree/lib" ld-linux-aarch64.so.1 \
		libc.so.6 libz.so.1 liblzo2.so.2
	pick "$build/guest" "$tree/bin" busybox
	pick tests/boot/mtd "$tree" init
	for dir in dev proc sys tmp etc mnt; do
		mkdir "$tree/$dir" || exit 1
	done
	(cd "$tree" && find . -mindepth 1 | cpio -o -H newc -R 0:0 --quiet) >"$1" || exit 1
}
