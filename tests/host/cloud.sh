# Makes Debian's disk one for clouds: for recipes/cloud, one half here and one in the
# emulated host
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh

# shellcheck source-path=SCRIPTDIR source=debian.sh
. "$(dirname "$0")/debian.sh"

# ---- on this machine, under fakeroot ----------------------------------------

# set_ids FILE: bits that rdump loses, as it sets a file's owner after its mode. "ls -p" prints
# /inode/mode/uid/gid/name/size/.
set_ids() {
	find root -type d -printf 'ls -p /%P\n' >folders
	debugfs -f folders "$1" | awk -F / '
		/^debugfs: ls -p/ { folder = substr($0, length("debugfs: ls -p /")) }
		$3 ~ /^(04|10)[1-7]/ { print substr($3, 3), "root" folder "/" $6 }' |
		while read -r mode file; do
			chmod "$mode" "$file"
		done
}

# The packages' scripts are for arm64; what they would do is done below, or by
# those of the other kernel.
remove_kernel() {
	old=$(cd root/var/lib/dpkg/info && ls linux-image-[0-9]*.list)
	old=${old%.list}
	rm -f root/var/lib/dpkg/info/linux-image-*.p*
	dpkg --root="$PWD/root" --force-architecture --log=/dev/null --no-triggers \
		--purge linux-image-cloud-arm64 "$old"
	rm -rf root/boot/initrd.img-* root/lib/modules/*
}

cloud_settings() {
	# Where there is no configuration for cloud-init.
	mkdir -p root/etc/systemd/network
	printf '[Match]\nName=en* eth*\n\n[Network]\nDHCP=yes\n' \
		>root/etc/systemd/network/80-dhcp.network
	# fsync takes most of dpkg's time, and who tests has a copy
	echo force-unsafe-io >root/etc/dpkg/dpkg.cfg.d/unsafe-io
	# the test brings its own archive
	rm -f root/etc/apt/sources.list root/etc/apt/sources.list.d/*
}

# unpack FROM TO UUID: FROM and TO are files of disks
unpack() {
	mkdir root
	debugfs -R 'rdump / root' "$1"
	rmdir root/lost+found
	set_ids "$1"
	remove_kernel
	unpack_packages
	cloud_settings
	mkfs.ext4 -q -F -L debian -U "$3" -m 0 -J size=8 -d root \
		-E "offset=$((32 << 20)),lazy_itable_init=0" "$2" 990M
}

# ---- in the emulated host, where the disk is /dev/vda ------------------------

configure() {
	mount_root "$1"
	progress mounted
	configure_packages
	name_root
	in_root update-grub
	progress update-grub
	in_root systemctl enable systemd-networkd.service
	in_root /usr/lib/systemd/systemd-update-done
	[ -z "$(in_root dpkg --audit)" ]
	unmount_root
}

"$@"
