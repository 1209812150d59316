# A disk with an EFI system partition and Linux's root, as Debian's installer leaves it
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh disable=SC2154
#
# To be sourced after linux.sh. GRUB is Debian's; the root has the kernel, an
# initramfs that finds the root by its name, and disk-init as first process.

# ---- on the machine that tests ---------------------------------------------

PATH=$PATH:/sbin:/usr/sbin

# The partitions, in MiB from the disk's start.
esp_at=1 esp_size=8
root_at=9 root_size=54
disk_mib=64

# disk_needs: fetches what the disk is made of
disk_needs() {
	tests/host/packages check || exit 1
	tests/host/fetch kernel busybox grub || exit 1
}

# disk_modules FOLDER: those that the initramfs loads, in order
disk_modules() {
	for module in virtio_mmio virtio_pci_legacy_dev virtio_pci_modern_dev virtio_pci \
		virtio_blk crc32c_generic libcrc32c crc16 mbcache jbd2 ext4; do
		path=$(find build/guest/lib/modules -name "$module.ko")
		[ -n "$path" ] || continue
		cp "$path" "$1/" && echo "$module.ko" >>"$1/order"
	done
}

# disk_initrd FILE
disk_initrd() {
	tree=$work/initrd.tree
	mkdir -p "$tree/bin" "$tree/dev" "$tree/proc" "$tree/sys" "$tree/root" "$tree/lib"
	cp build/guest/busybox "$tree/bin/busybox"
	cp tests/boot/lib/disk-initrd "$tree/init"
	disk_modules "$tree/lib"
	(cd "$tree" && find . | cpio -o -H newc -R 0:0 --quiet) >"$1" || exit 1
}

# A file of pseudo-random content that a disk in the wrong order would not have.
disk_pattern() {
	python3 -c 'import random; print(random.Random(11).randbytes(1 << 20).hex())'
}

# disk_root FILE CONSOLE: an ext4 file system
disk_root() {
	tree=$work/root.tree
	mkdir -p "$tree/boot" "$tree/bin" "$tree/sbin" "$tree/dev" "$tree/proc" "$tree/sys"
	cp build/guest/Image "$tree/boot/Image"
	cp "$work/disk-initrd.img" "$tree/boot/initrd"
	cp build/guest/busybox "$tree/bin/busybox"
	cp tests/boot/lib/disk-init "$tree/sbin/init"
	disk_pattern >"$tree/pattern"
	(cd "$tree" && md5sum boot/Image pattern >sums)
	echo 0 >"$tree/count"
	truncate -s ${root_size}M "$1"
	mkfs.ext4 -q -F -L lkvm-root -d "$tree" -m 0 "$1" || exit 1
}

# disk_esp FILE CONSOLE: a FAT file system with GRUB, which starts Linux
disk_esp() {
	truncate -s ${esp_size}M "$1"
	mkfs.vfat -n ESP "$1" >/dev/null || exit 1
	cat >"$work/grub.cfg" <<-END
		search --no-floppy --label lkvm-root --set root
		linux /boot/Image $linux_params console=$2 root=LABEL=lkvm-root
		initrd /boot/initrd
		boot
	END
	mmd -i "$1" ::/EFI ::/EFI/BOOT ::/EFI/debian &&
		mcopy -i "$1" build/grub/grubaa64.efi ::/EFI/BOOT/BOOTAA64.EFI &&
		mcopy -i "$1" "$work/grub.cfg" ::/EFI/debian/grub.cfg || exit 1
}

# disk_make FILE CONSOLE: the disk
disk_make() {
	[ -e "$work/root.img" ] || {
		disk_initrd "$work/disk-initrd.img"
		disk_root "$work/root.img"
	}
	disk_esp "$work/esp.img" "$2"
	truncate -s ${disk_mib}M "$1"
	sfdisk -q "$1" <<-END || exit 1
		label: gpt
		start=${esp_at}MiB, size=${esp_size}MiB, type=uefi
		start=${root_at}MiB, size=${root_size}MiB, type=linux
	END
	dd if="$work/esp.img" of="$1" bs=1M seek=$esp_at conv=notrunc,sparse status=none &&
		dd if="$work/root.img" of="$1" bs=1M seek=$root_at conv=notrunc,sparse status=none ||
		exit 1
}

# disk_is_clean FILE: its root's file system has no errors
disk_is_clean() {
	dd if="$1" of="$work/fsck.img" bs=1M skip=$root_at count=$root_size conv=sparse status=none
	e2fsck -fn "$work/fsck.img" >"$work/console" 2>&1 || bad "e2fsck finds errors"
	rm -f "$work/fsck.img"
}

# ---- in the host -----------------------------------------------------------

# disk_counter STATS DISK NAME: a counter of --stats
disk_counter() {
	awk -F '[:,]' -v disk="\"$2\"" -v name="\"$3\"" '
		$1 ~ disk { inside = 1 }
		inside && $1 ~ name { print $2 + 0; exit }' "$1"
}
