#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# libqcow (20201213 of Debian 12), by which forensic tools and their Python programs
# read qcow2 images, opens those of version 3 but does not know their zero clusters: an
# entry of level 2 whose bit 0 is set reads as zeroes, whatever else is in it. libqcow
# gives other content for it, without an error:
#
#   - what was in the cluster before, where the entry still has a place in the file
#     (QEMU's "write -z", as a guest's WRITE ZEROES without leave to unmap);
#   - the beginning of the image file itself, its header and tables, where it has none
#     ("write -z -u", or zeroes where nothing was written before).
#
# For users: of an image of version 3, which is what qemu-img makes, convert it first
# (qemu-img convert -O raw) and look at that. For authors: version 3 has no feature bit
# for these entries, so who accepts the version has to know them.
# shellcheck disable=SC2154

# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

needs qemu-utils:qemu-img python3:/usr/bin/python3
pinned root bookworm amd64 libqcow1=20201213-1+b2
library=$(find root -name 'libqcow.so.1')
say "images by $(qemu-img --version | head -n 1)"

# content OFFSET...: of 4 KiB there each, by libqcow: "all N", or what is else
content() {
	/usr/bin/python3 - "$library" "$@" <<'EOF_PY'
import ctypes
import sys

lib = ctypes.CDLL(sys.argv[1])
disk, error = ctypes.c_void_p(), ctypes.c_void_p()
assert lib.libqcow_file_initialize(ctypes.byref(disk), ctypes.byref(error)) == 1
assert lib.libqcow_file_open(disk, b"image", 1, ctypes.byref(error)) == 1
with open("image", "rb") as f:
	start = f.read(4096)
read = lib.libqcow_file_read_buffer_at_offset
read.restype = ctypes.c_ssize_t
said = []
for offset in sys.argv[2:]:
	data = ctypes.create_string_buffer(4096)
	n = read(disk, data, ctypes.c_size_t(4096), ctypes.c_int64(int(offset)), ctypes.byref(error))
	if n != 4096:
		said.append("error")
	elif len(set(data.raw)) == 1:
		said.append("all %d" % data.raw[0])
	else:
		# An entry of 1 is taken for an offset.
		said.append("the image file's start" if start[1:64] in data.raw or start[:64] in data.raw
			else "something else")
print(", ".join(said))
EOF_PY
}

# image HOW: data, then zeroes over a part of it and where there was none
image() {
	qemu-img create -q -f qcow2 -o cluster_size=4k image 4M &&
		qemu-io -f qcow2 -c 'write -P 1 0 64k' -c 'write -P 2 1M 64k' \
			-c "write $1 1M 4k" -c "write $1 2M 4k" image >/dev/null ||
		cannot "qemu-img cannot make an image"
	qemu-img check -q image || cannot "qemu-img finds the image damaged"
}

# What QEMU reads: offsets in the middle of each part.
by_qemu() {
	qemu-io -r -f qcow2 -c 'read -P 1 0 64k' -c 'read -P 0 1M 4k' -c 'read -P 2 1028k 60k' \
		-c 'read -P 0 2M 4k' image >qemu.log 2>&1
	seen "QEMU reads data and zeroes: status, complaints" "0 0" \
		"$? $(grep -c -i 'pattern verification failed' qemu.log)"
}

image -z
by_qemu
seen "libqcow, data before and behind" "all 1, all 2" "$(content 0 1052672)"
seen "libqcow, zeroes over data that keep their place" "all 2" "$(content 1048576)"
seen "libqcow, zeroes where nothing was" "the image file's start" "$(content 2097152)"
image '-z -u'
by_qemu
seen "libqcow, zeroes over data that give up their place" "the image file's start" \
	"$(content 1048576)"

verdict
