#!/usr/bin/env python3
# Add a driver to an EDK2 firmware, in what its outer volume has to spare
# SPDX-License-Identifier: GPL-2.0-or-later
#
# usage: fvadd.py FIRMWARE CODE OUT
#
# CODE is flat, linked with driver.lds. All that was in FIRMWARE stays as it was.
#
# Layouts: UEFI Platform Initialization Specification 1.8, volume 3, sections 3.2
# (volumes, files, sections); Microsoft PE Format.

import struct
import sys
import uuid

NAME = uuid.UUID("0c6b9a55-7a33-4d3f-8f0b-6d5f2f3c1e47")
ENTRY = 0x1000
ALIGNMENT = 0x200	# less than a page: then EDK2 does not divide code from data
MACHINE_ARM64 = 0xAA64
EXECUTABLE_LARGE_ADDRESS = 0x22
PE32_PLUS = 0x20B
BOOT_SERVICE_DRIVER = 11
CODE_READ_WRITE_EXECUTE = 0xE0000020
SECTION_PE32, SECTION_DEPEX = 0x10, 0x13
DEPEX_TRUE_END = b"\x06\x08"
FILE_DRIVER = 7
# An erased bit is 1: header and data are valid.
STATE_VALID = 0xF8
NO_DATA_CHECKSUM = 0xAA
HEADER_SIZE = 24


def align(n, to):
	return -(-n // to) * to


def image(code):
	"""A PE image of one section that is entered at its start."""
	size = align(len(code), ALIGNMENT)
	coff = struct.pack("<4sHHIIIHH", b"PE", MACHINE_ARM64, 1, 0, 0, 0, 240,
		EXECUTABLE_LARGE_ADDRESS)
	optional = struct.pack("<HBBIIIIIQIIHHHHHHIIIIHHQQQQII", PE32_PLUS, 0, 0, size, 0, 0, ENTRY,
		ENTRY, 0, ALIGNMENT, ALIGNMENT, 0, 0, 0, 0, 0, 0, 0, ENTRY + size, ALIGNMENT * 2, 0,
		BOOT_SERVICE_DRIVER, 0, 0, 0, 0, 0, 0, 16)
	section = struct.pack("<8sIIIIIIHHI", b".text", size, ENTRY, size, ALIGNMENT * 2, 0, 0, 0, 0,
		CODE_READ_WRITE_EXECUTE)
	head = struct.pack("<2s58xI", b"MZ", 64) + coff + optional + bytes(16 * 8) + section
	return head.ljust(ALIGNMENT * 2, b"\0") + code.ljust(size, b"\0")


def section(kind, data):
	size = 4 + len(data)
	return struct.pack("<I", size | kind << 24) + data + bytes(-size % 4)


def driver(code):
	"""A file of a volume, to be dispatched as soon as there is anything."""
	body = section(SECTION_DEPEX, DEPEX_TRUE_END) + section(SECTION_PE32, image(code))
	head = bytearray(struct.pack("<16sBBBB", NAME.bytes_le, 0, 0, FILE_DRIVER, 0) +
		struct.pack("<I", HEADER_SIZE + len(body)))
	head[16] = -sum(head) & 0xFF
	head[17] = NO_DATA_CHECKSUM
	head[23] = STATE_VALID
	return bytes(head) + body


def spare(firmware):
	"""Where the first volume's files end, and where itself does."""
	start = firmware.index(b"_FVH") - 40
	length, _, _, header = struct.unpack_from("<Q4sIH", firmware, start + 32)
	at = start + header
	while firmware[at:at + HEADER_SIZE] != b"\xff" * HEADER_SIZE:
		at = start + align(at - start + int.from_bytes(firmware[at + 20:at + 23], "little"), 8)
	return at, start + length


def main():
	if len(sys.argv) != 4:
		sys.exit("usage: fvadd.py FIRMWARE CODE OUT")
	with open(sys.argv[1], "rb") as f:
		firmware = f.read()
	with open(sys.argv[2], "rb") as f:
		file = driver(f.read())
	at, end = spare(firmware)
	if end - at < len(file):
		sys.exit("fvadd.py: %s has no room for %d bytes" % (sys.argv[1], len(file)))
	with open(sys.argv[3], "wb") as f:
		f.write(firmware[:at] + file + firmware[at + len(file):])


if __name__ == "__main__":
	main()
