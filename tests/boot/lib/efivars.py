#!/usr/bin/env python3
# Read EDK2's variables out of a flash file, trusting nothing in it
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Layouts: UEFI Platform Initialization Specification 1.8, volume 3, "Firmware
# Volume Header"; EDK2, MdeModulePkg/Include/Guid/VariableFormat.h.

import collections
import struct
import sys
import uuid

NV_DATA_FV = uuid.UUID("fff12b8d-7696-4c8b-a985-2747075b4f50")
# With and without room for what authenticated variables need.
STORES = {
	uuid.UUID("aaf32c78-947b-439a-a180-2e144ec37792"): "<HBBIQ16xIII16s",
	uuid.UUID("ddcf3616-3275-4164-98b6-fe85707ffe7d"): "<HBBIII16s",
}
AUTHENTICATED = next(iter(STORES))
STORE_HEADER = "<16sIBBHI"
FORMATTED, HEALTHY = 0x5A, 0xFE
# Readable, writable, memory mapped, bits can be cleared one by one, erased is 1.
VOLUME_ATTRIBUTES = 0xE36
START = 0x55AA
# Bits of a variable's state go from 1 to 0 one after the other.
BEGUN, HEADER_VALID, ADDED, LEAVING, DELETED = 0xFF, 0x7F, 0x3F, 0x3E, 0x3D
ERASED = 0xFFFFFFFF
STATES = {
	BEGUN: "header begun", HEADER_VALID: "header valid", ADDED: "added", LEAVING: "leaving",
	DELETED: "deleted", 0x3C: "deleted", 0x7D: "deleted", 0x7C: "deleted",
}

Variable = collections.namedtuple("Variable", "offset name guid state attributes data")


class Damaged(Exception):
	"""What is wrong with the file."""


def need(condition, text):
	if not condition:
		raise Damaged(text)


def guid_at(data, offset):
	return uuid.UUID(bytes_le=bytes(data[offset:offset + 16]))


def check_volume(flash):
	"""Returns where the variable store begins and where the volume ends."""
	need(len(flash) >= 72, "only %d bytes" % len(flash))
	guid = guid_at(flash, 16)
	length, signature, _, header, _, _, _, revision = struct.unpack_from("<Q4sIHHHBB", flash, 32)
	need(signature == b"_FVH", "no firmware volume: signature %r" % signature)
	need(guid == NV_DATA_FV, "volume's GUID is %s" % guid)
	need(revision == 2, "volume's revision is %d" % revision)
	need(72 <= header <= 4096 and header % 2 == 0, "volume's header has %d bytes" % header)
	need(header <= length <= len(flash), "volume has %d bytes, the file %d" % (length, len(flash)))
	words = struct.unpack_from("<%dH" % (header // 2), flash)
	need(sum(words) & 0xFFFF == 0, "volume's header: checksum is off by %#x" % (sum(words) & 0xFFFF))
	blocks = 0
	for at in range(56, header, 8):
		count, size = struct.unpack_from("<II", flash, at)
		blocks += count * size
	need(blocks >= length, "volume's block map covers %d bytes of %d" % (blocks, length))
	return header, length


def read_name(raw):
	need(len(raw) >= 2 and len(raw) % 2 == 0 and raw[-2:] == b"\0\0", "name %r has no end" % raw)
	return raw[:-2].decode("utf-16-le", "replace")


def variables(flash):
	"""All variables in the store, deleted ones as well, in their order."""
	start, limit = check_volume(flash)
	guid = guid_at(flash, start)
	need(guid in STORES, "variable store's GUID is %s" % guid)
	_, size, formatted, state, _, _ = struct.unpack_from(STORE_HEADER, flash, start)
	need((formatted, state) == (FORMATTED, HEALTHY),
		"variable store: format %#x, state %#x" % (formatted, state))
	end = start + size
	need(end <= limit, "variable store of %d bytes passes the volume's end" % size)
	layout = STORES[guid]
	at = start + struct.calcsize(STORE_HEADER)
	found = []
	while at + struct.calcsize(layout) <= end:
		id_, state, _, attributes, *_, name_size, data_size, vendor = \
			struct.unpack_from(layout, flash, at)
		if id_ != START:
			break
		body = at + struct.calcsize(layout)
		# As EDK2 has it: sizes that may not be there yet count as nothing.
		if BEGUN == state or ERASED in (attributes, name_size, data_size):
			found.append(Variable(at, None, None, BEGUN, attributes, b""))
			at = body
			continue
		need(state in STATES, "at %#x: state %#x" % (at, state))
		need(body + name_size + data_size <= end,
			"at %#x: %d bytes of name and %d of data" % (at, name_size, data_size))
		# Name and data are sure to be there only once the variable was added.
		name = None
		if state & ~ADDED & 0xFF == 0:
			name = read_name(flash[body:body + name_size])
		found.append(Variable(at, name, uuid.UUID(bytes_le=vendor), state, attributes,
			bytes(flash[body + name_size:body + name_size + data_size])))
		at = (body + name_size + data_size + 3) & ~3
	# What follows need not be erased: EDK2 before 202402 may write rubbish there,
	# which it erases before it writes anything else.
	return found


def live(flash):
	"""{(name, guid): data} of what EDK2 takes for present."""
	values = {}
	for wanted in (LEAVING, ADDED):		# an added one replaces the one that leaves
		seen = set()
		for v in variables(flash):
			if v.state != wanted:
				continue
			key = (v.name, v.guid)
			# Of several that leave, as two kills may make them, the last counts.
			need(wanted == LEAVING or key not in seen,
				"%s is there twice, in state %s" % (v.name, STATES[wanted]))
			seen.add(key)
			values[key] = v.data
	return values


def record(name, guid, data, state=ADDED, attributes=7):
	"""A variable as EDK2 writes it, up to where the next one goes."""
	raw = name.encode("utf-16-le") + b"\0\0"
	out = struct.pack(STORES[AUTHENTICATED], START, state, 0, attributes, 0, 0, len(raw),
		len(data), guid.bytes_le) + raw + data
	return out + b"\xff" * (-len(out) % 4)


def formatted(values, flash_size, block=0x10000, volume_size=0xC0000, store_size=0x40000,
		free=None):
	"""A flash file with these variables, as EDK2 would have made it.

	values is like what live() returns. With `free` deleted variables take all but
	about so many bytes.
	"""
	header = struct.pack("<16x16sQ4sIHHHBBIIII", NV_DATA_FV.bytes_le, volume_size, b"_FVH",
		VOLUME_ATTRIBUTES, 72, 0, 0, 0, 2, flash_size // block, block, 0, 0)
	checksum = -sum(struct.unpack("<36H", header)) & 0xFFFF
	flash = bytearray(header[:50] + struct.pack("<H", checksum) + header[52:])
	flash += struct.pack(STORE_HEADER, AUTHENTICATED.bytes_le, store_size - len(flash), FORMATTED,
		HEALTHY, 0, 0)
	for (name, guid), data in values.items():
		flash += record(name, guid, data)
	while free is not None and len(flash) < store_size - free - 1100:
		flash += record("Old", NV_DATA_FV, bytes(1000), DELETED & LEAVING)
	need(len(flash) <= store_size, "too many variables for the store")
	return bytes(flash + b"\xff" * (flash_size - len(flash)))


def main():
	if len(sys.argv) != 2:
		print("usage: efivars.py FILE", file=sys.stderr)
		return 2
	try:
		with open(sys.argv[1], "rb") as f:
			found = variables(f.read())
	except (OSError, Damaged) as problem:
		print("efivars.py: %s: %s" % (sys.argv[1], problem), file=sys.stderr)
		return 1
	for v in found:
		print("%#08x %-12s %#x %s %s %s" % (v.offset, STATES[v.state], v.attributes, v.guid,
			v.name, v.data.hex()))
	return 0


if __name__ == "__main__":
	sys.exit(main())
