#!/usr/bin/env python3
# Make a unified kernel image, as ukify does, of a kernel, an initrd and a text
# SPDX-License-Identifier: GPL-2.0-or-later
#
# usage: uki.py KERNEL INITRD CMDLINE OUT
#
# Layout: Microsoft PE/COFF, UAPI.5. There is no stub in it: nothing executes it.
# A second profile has another command line.

import struct
import sys

PE_HEADER = 0x40
MACHINE_ARM64 = 0xAA64
OPTIONAL = 112
ALIGN = 512


def align(n):
	return -n % ALIGN + n


def uki(sections):
	headers, data = b"", b""
	table = PE_HEADER + 24 + OPTIONAL
	start = align(table + 40 * len(sections))
	for name, content in sections:
		headers += struct.pack("<8sIIII16x", name, len(content), 0, align(len(content)),
			start + len(data))
		data += content.ljust(align(len(content)), b"\0")
	head = b"MZ".ljust(0x3C, b"\0") + struct.pack("<I", PE_HEADER)
	head += struct.pack("<4sHHIIIHH", b"PE", MACHINE_ARM64, len(sections), 0, 0, 0, OPTIONAL, 0)
	head = head.ljust(table, b"\0") + headers
	return head.ljust(start, b"\0") + data


def main():
	if len(sys.argv) != 5:
		sys.exit("usage: uki.py KERNEL INITRD CMDLINE OUT")
	kernel, initrd, cmdline, out = sys.argv[1:]
	with open(kernel, "rb") as f, open(initrd, "rb") as g:
		sections = [(b".linux", f.read()), (b".initrd", g.read())]
	sections.insert(0, (b".osrel", b"ID=test\n"))
	sections += [(b".cmdline", cmdline.encode() + b"\n"), (b".profile", b"ID=main\n"),
		(b".profile", b"ID=other\n"), (b".cmdline", b"init=/none\n")]
	with open(out, "wb") as f:
		f.write(uki(sections))


if __name__ == "__main__":
	main()
