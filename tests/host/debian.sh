# Installs Debian: for recipes/debian (and cloud.sh), one half here and one in the emulated host
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh

set -e

progress() {
	read -r up _ </proc/uptime
	echo "== $up s: $*"
}

# ---- on this machine, under fakeroot ----------------------------------------

# No documentation, here or of what is installed later.
no_documentation() {
	for folder in doc man locale info lintian; do
		echo "path-exclude=/usr/share/$folder/*"
	done
	echo 'path-include=/usr/share/doc/*/copyright'
}

# dpkg gets each package's scripts by this dpkg-deb. That one cannot
# run here; nearly all of them are for upgrades only.
without_preinst() {
	mkdir bin
	cat >bin/dpkg-deb <<-END
		#!/bin/sh
		$(command -v dpkg-deb) "\$@" || exit
		[ "\$1" != --control ] || rm -f "\$3/preinst"
	END
	chmod 755 bin/dpkg-deb
	PATH=$PWD/bin:$PATH
}

begin_root() {
	mkdir -p root/var/lib/dpkg root/etc/dpkg/dpkg.cfg.d
	: >root/var/lib/dpkg/status
	no_documentation >root/etc/dpkg/dpkg.cfg.d/no-documentation
	# as users and groups that packages' files belong to
	dpkg-deb --fsys-tarfile debs/base-passwd_*.deb | tar -x -C root -f - ./usr/share/base-passwd
	cp root/usr/share/base-passwd/passwd.master root/etc/passwd
	cp root/usr/share/base-passwd/group.master root/etc/group
}

# Those of debs/, into a root that there is.
unpack_packages() {
	without_preinst
	# shellcheck disable=SC2046
	dpkg --root="$PWD/root" --force-architecture --force-depends --force-unsafe-io \
		--log=/dev/null --no-triggers $(no_documentation | sed 's/^/--/') \
		--unpack debs/*.deb
	# For mkinitramfs, which does not wait until they are configured. dpkg asks nothing
	# about a file that has the new content already.
	find root/etc -name '*.dpkg-new' | while read -r file; do
		cp -p "$file" "${file%.dpkg-new}"
	done
	depmod -b root "$(ls root/lib/modules)"
}

# What the packages find when they are configured.
settings() {
	echo debian >root/etc/hostname
	cat >root/etc/fstab <<-END
		LABEL=debian / ext4 rw,errors=remount-ro 0 1
		LABEL=ESP /boot/efi vfat umask=0077 0 0
	END
	mkdir -p root/etc/initramfs-tools/conf.d root/usr/share/initramfs-tools/modules.d \
		root/etc/default/grub.d root/boot/efi
	# for this disk only, quick to make and to unpack
	printf 'MODULES=list\nCOMPRESS=zstd\nCOMPRESSLEVEL=1\n' >root/etc/initramfs-tools/conf.d/disk
	printf 'virtio_mmio\nvirtio_blk\n' >root/usr/share/initramfs-tools/modules.d/disk
	# see configure()
	echo 'do_symlinks = no' >root/etc/kernel-img.conf
	# as for any machine without a screen
	printf 'GRUB_TERMINAL=console\nGRUB_TIMEOUT=0\n' >root/etc/default/grub.d/console.cfg
}

unpack() {
	begin_root
	unpack_packages
	ln -s mawk root/usr/bin/awk
	settings
	mkfs.vfat -F 16 --offset 2048 -n ESP "$1" $((31 * 1024))
	mkfs.ext4 -q -F -L debian -m 0 -J size=8 -d root \
		-E "offset=$((32 << 20)),lazy_itable_init=0" "$1" 990M
}

# ---- in the emulated host, where the disk is /dev/vda ------------------------

root=/mnt

# mount_root MODULES
mount_root() {
	mkdir -p $root
	modprobe virtio_blk
	while read -r module; do
		insmod "$1/$module"
	done <"$1/order"
	mount -t ext4 -o noatime /dev/vda2 $root
	mount -t vfat /dev/vda1 $root/boot/efi
	mount -t proc proc $root/proc
	mount -t sysfs sysfs $root/sys
	mount --bind /dev $root/dev
	mount -t tmpfs tmpfs $root/run
}

# in_root COMMAND...: by a full path, or the shell of the host would run its own
in_root() {
	chroot $root /usr/bin/env PATH=/usr/sbin:/usr/bin DEBIAN_FRONTEND=noninteractive \
		LC_ALL=C.UTF-8 HOME=/root "$@"
}

# What udev would make: with it grub-mkconfig names the root by its UUID.
name_root() {
	mkdir -p /dev/disk/by-uuid
	ln -s ../../vda2 "/dev/disk/by-uuid/$(in_root blkid -o value -s UUID /dev/vda2)"
}

configure_packages() {
	# Side by side, as each keeps one processor busy for as long. The packages would make
	# it, too, and twice: INITRD=No keeps the kernel's script from that, and without a
	# link to the kernel initramfs-tools finds none to update.
	in_root mkinitramfs -o /boot/initrd.new "$(ls $root/lib/modules)" &
	in_root env INITRD=No dpkg --force-unsafe-io --configure -a
	progress configured
	wait $!
	progress initramfs
	mv $root/boot/initrd.new "$root/boot/initrd.img-$(ls $root/lib/modules)"
}

unmount_root() {
	for mounted in run dev sys proc boot/efi ''; do
		umount "$root/$mounted"
	done
	progress unmounted
}

configure() {
	mount_root "$1"
	progress mounted
	configure_packages
	name_root
	in_root grub-install --removable --no-nvram
	progress grub
	in_root update-grub
	progress update-grub
	in_root passwd -d root
	# Or the first start would update what was made just now: caches, catalogues, users.
	in_root /usr/lib/systemd/systemd-update-done
	# There is no network, no screen, and no snapshot of LVM.
	in_root systemctl mask apt-daily.timer apt-daily-upgrade.timer getty-static.service \
		getty@tty1.service e2scrub_reap.service
	[ -z "$(in_root dpkg --audit)" ]
	unmount_root
}

case $0 in
*/debian.sh) "$@" ;;
esac
