#!/usr/bin/env python3
# Make an EFI zboot image, as CONFIG_EFI_ZBOOT does, of a plain kernel Image
# SPDX-License-Identifier: GPL-2.0-or-later
#
# usage: zboot.py IMAGE OUT [gzip|zstd22]
#
# Layout: Linux drivers/firmware/efi/libstub/zboot-header.S. What would unpack
# the kernel under EFI is not in it: nothing here executes it.

import gzip
import struct
import subprocess
import sys

LINUX_PE_MAGIC = 0x818223CD
PE_HEADER = 0x40
MACHINE_ARM64 = 0xAA64
PAYLOAD = 0x1000


def compress(kernel, compression):
	if compression == "gzip":
		return gzip.compress(kernel, 1)
	run = subprocess.run(["zstd", "-q", "-1", "-c"], input=kernel, stdout=subprocess.PIPE,
		check=True)
	# As of all but gzip, the size comes behind it.
	return run.stdout + struct.pack("<I", len(kernel))


def zboot(kernel, compression):
	payload = compress(kernel, compression)
	head = struct.pack("<4s4sIIII32sII", b"MZ", b"zimg", PAYLOAD, len(payload), 0, 0,
		compression.encode(), LINUX_PE_MAGIC, PE_HEADER)
	head += struct.pack("<4sH", b"PE", MACHINE_ARM64)
	# Code and data follow the payload: a loader has to know where it ends.
	return head.ljust(PAYLOAD, b"\0") + payload + b"\xa5" * 0x1000


def main():
	if len(sys.argv) not in (3, 4):
		sys.exit("usage: zboot.py IMAGE OUT [gzip|zstd22]")
	compression = sys.argv[3] if len(sys.argv) == 4 else "gzip"
	with open(sys.argv[1], "rb") as f:
		kernel = f.read()
	with open(sys.argv[2], "wb") as f:
		f.write(zboot(kernel, compression))


if __name__ == "__main__":
	main()
