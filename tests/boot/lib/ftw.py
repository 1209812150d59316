# What EDK2's fault-tolerant write has under way in a flash file
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Layouts: EDK2, MdeModulePkg/Include/Guid/SystemNvDataGuid.h and
# Universal/FaultTolerantWriteDxe.

import struct
import uuid
import zlib

WORKING_BLOCK = uuid.UUID("9e58292b-7c68-497d-a0ce-6500fd9f1b95")
# Where they are on this machine, in a volume of 768 KiB.
WORKING, SPARE, END, BLOCK = 0x40000, 0x80000, 0xC0000, 0x10000
HEADER = "<16sIB3xQ"
WRITE = "<B23xQQ"
RECORD = "<B7xQQQq"

# Of headers of writes and of records; they go from 1 to 0.
NOT_BEGUN, NOT_SIZED, NOT_COMPLETE = 1, 2, 4
NO_SPARE, NO_TARGET = 2, 4


def is_sound(flash):
	"""Whether there is a working block that counts."""
	guid, checksum, state, _ = struct.unpack_from(HEADER, flash, WORKING)
	header = bytearray(flash[WORKING:WORKING + struct.calcsize(HEADER)])
	header[16:24] = b"\xff" * 8
	return guid == WORKING_BLOCK.bytes_le and zlib.crc32(header) == checksum and state & 3 == 2


def pending(flash):
	"""Returns (phase, record): the write that is not at its end, if any."""
	at = WORKING + struct.calcsize(HEADER)
	if not is_sound(flash):
		return "none", None
	while at + struct.calcsize(WRITE) <= SPARE:
		bits, count, private = struct.unpack_from(WRITE, flash, at)
		if bits & NOT_BEGUN:
			return "idle", None
		if bits & NOT_SIZED:
			return "begun", None
		at += struct.calcsize(WRITE)
		if bits & NOT_COMPLETE:
			record = struct.unpack_from(RECORD, flash, at)
			if record[0] & NO_SPARE:
				return "begun", None
			return ("spare done" if record[0] & NO_TARGET else "target done"), record
		at += count * (struct.calcsize(RECORD) + private)
	return "idle", None


def recovered(flash):
	"""The flash once EDK2 has finished at its start what it had begun."""
	phase, record = pending(flash)
	if phase != "spare done":
		return flash
	_, lba, offset, length, _ = record
	size = (offset + length + BLOCK - 1) // BLOCK * BLOCK
	target = lba * BLOCK
	if target + size > WORKING or SPARE + size > END:
		return flash
	return flash[:target] + flash[SPARE:SPARE + size] + flash[target + size:]
