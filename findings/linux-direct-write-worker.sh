#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Linux 6.1 has a kernel thread do what write(2) to a block device with O_DIRECT asks
# for, even if nothing else is under way: the call holds the request back in the hope of
# others and then sleeps, and where a process that sleeps has such requests they are
# handed to the work queue kblockd. So each write has two changes of threads that a read
# does not have, which is issued by the process itself. 6.12 does so for both.
#
# For users: on a disk that is quick, single direct writes to its device node take a
# multiple of the time of reads, until the host has a newer kernel. For authors of
# benchmarks: with null_blk such writes show the kernel's threads, not the caller's cost.
# shellcheck disable=SC2154

# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

cat >commands <<'END'
mkdir /dev
mount -t devtmpfs none /dev
mount -t tracefs none /sys/kernel/tracing
cd /sys/kernel/tracing
for module in configfs null_blk; do
	[ ! -e /$module.ko ] || insmod /$module.ko
done
echo 1 >events/block/block_rq_issue/enable
# issuers WHAT: the threads that hand most of its requests to the disk
issuers() {
	sed -n 's/^ *\(.*\)-[0-9]* .* block_rq_issue: .*/\1/p' trace |
		sed 's/^kworker.*H$/kblockd/' | sort | uniq -c |
		while read -r n who; do [ "$n" -lt 50 ] || echo "$1 $who"; done
}
echo >trace
dd if=/dev/nullb0 of=/dev/null bs=4k count=100 iflag=direct 2>/dev/null
issuers read
echo >trace
dd if=/dev/zero of=/dev/nullb0 bs=4k count=100 oflag=direct 2>/dev/null
issuers write
END
shell_guest

# modules FOLDER VERSION: for a guest with the kernel in FOLDER
modules() {
	for module in configfs null_blk; do
		found=$(find "$1" -name "$module.ko*")
		case $found in
		*.xz) xzcat "$found" >guest/$module.ko ;;
		?*) cp "$found" guest/$module.ko ;;
		esac
	done
	initrd "$1.cpio" guest
}

needs xz-utils:xzcat
mv linux linux-6.1
mv Image Image-6.1
modules linux-6.1
pinned linux-6.12 trixie arm64 linux-image-6.12.117+deb13-arm64=6.12.117-1
mv linux-6.12/boot/vmlinuz-* Image-6.12
modules linux-6.12

# in_guest VERSION WHO: the writes are handed over by
in_guest() {
	emulated "log-$1" 120 -M virt -cpu cortex-a57 -m 512 -kernel "Image-$1" \
		-initrd "linux-$1.cpio" -append "console=ttyAMA0 quiet panic=-1"
	grep '^kernel ' "log-$1"
	seen "$1: reads are issued by" dd "$(sed -n 's/^read //p' "log-$1")"
	seen "$1: writes are issued by" "$2" "$(sed -n 's/^write //p' "log-$1")"
}

qemu-system-aarch64 --version | head -n 1
in_guest 6.1 kblockd
in_guest 6.12 dd

verdict
