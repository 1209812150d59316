#!/usr/bin/env python3
# Take the signatures off an EFI program, such as a kernel's Image
# SPDX-License-Identifier: GPL-2.0-or-later
#
# usage: unsigned.py PROGRAM OUT
#
# Layout: Microsoft PE/COFF, optional header, data directories.

import struct
import sys

PE_POINTER = 0x3C
OPTIONAL = 24		# behind the signature and the COFF header
PE32_PLUS = 0x20B
CERTIFICATES = 112 + 4 * 8


def unsigned(program):
	pe = struct.unpack_from("<I", program, PE_POINTER)[0]
	magic = struct.unpack_from("<H", program, pe + OPTIONAL)[0]
	if program[pe:pe + 4] != b"PE\0\0" or magic != PE32_PLUS:
		raise ValueError("no 64-bit EFI program")
	at, size = struct.unpack_from("<II", program, pe + OPTIONAL + CERTIFICATES)
	if not at or at + size != len(program):
		raise ValueError("not signed, or there is more behind the signatures")
	body = bytearray(program[:at])
	struct.pack_into("<II", body, pe + OPTIONAL + CERTIFICATES, 0, 0)
	return body


def main():
	if len(sys.argv) != 3:
		sys.exit("usage: unsigned.py PROGRAM OUT")
	with open(sys.argv[1], "rb") as f:
		program = f.read()
	with open(sys.argv[2], "wb") as f:
		f.write(unsigned(program))


if __name__ == "__main__":
	main()
