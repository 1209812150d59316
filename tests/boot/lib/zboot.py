#!/usr/bin/env python3
# Make an EFI zboot image, as CONFIG_EFI_ZBOOT does, of a plain kernel Image
# SPDX-License-Identifier: GPL-2.0-or-later
#
# usage: zboot.py IMAGE OUT
#
# Layout: Linux drivers/firmware/efi/libstub/zboot-header.S. What would unpack
# the kernel under EFI is not in it: nothing here executes it.

import gzip
import struct
import sys

LINUX_PE_MAGIC = 0x818223CD
PE_HEADER = 0x40
MACHINE_ARM64 = 0xAA64
PAYLOAD = 0x1000


def zboot(kernel):
	payload = gzip.compress(kernel, 1)
	head = struct.pack("<4s4sIIII32sII", b"MZ", b"zimg", PAYLOAD, len(payload), 0, 0,
		b"gzip", LINUX_PE_MAGIC, PE_HEADER)
	head += struct.pack("<4sH", b"PE", MACHINE_ARM64)
	# Code and data follow the payload: a loader has to know where it ends.
	return head.ljust(PAYLOAD, b"\0") + payload + b"\xa5" * 0x1000


def main():
	if len(sys.argv) != 3:
		sys.exit("usage: zboot.py IMAGE OUT")
	with open(sys.argv[1], "rb") as f:
		kernel = f.read()
	with open(sys.argv[2], "wb") as f:
		f.write(zboot(kernel))


if __name__ == "__main__":
	main()
