#!/usr/bin/env python3
# Compare what Linux's efivarfs has with what `lkvm flash vars` shows
# SPDX-License-Identifier: GPL-2.0-or-later
#
# usage: efivarfs.py make OUT
#        efivarfs.py compare LOG N JSON FLASH [NAME=HEX | NAME:COUNT:SIZE,...]...
#        efivarfs.py reclaimed BEFORE AFTER
#
# make: a flash file with variables in all the states that changes and power cuts
# leave behind. compare: LOG is the console of efivars-init, N counts its lists
# from 1, JSON is what `lkvm flash vars --json` said then of FLASH; the variables
# NAME of ours have these data, or are not there where HEX is empty, or have what
# efivars-init's `fill NAME COUNT SIZE...` writes; later arguments prevail.
# reclaimed: between these two flash files the variable store has been rewritten:
# what was there counts as before, and nothing of what was deleted is left.
#
# Linux does not get to see variables without runtime access, and has volatile
# ones, which are in no flash: these two are left out.

import json
import re
import sys
import uuid

import efivars

OURS = "1b6d6c04-5ff4-4b0c-9d7a-2f1c7d1c2a90"
NON_VOLATILE, BOOT, RUNTIME = 1, 2, 4
SIZE = 2 << 20
PRINTED_MAX = 40	# bytes of a value, as in efivars-init.c
RECORDS = 100	# where they begin
DEAD = efivars.DELETED & efivars.LEAVING


def cut_header(of):
	"""A header that power was cut in, before its sizes were there."""
	head = bytearray(of[:60])
	head[2] = efivars.BEGUN
	head[24:60] = b"\xff" * 36
	return bytes(head)


def cut_data(of, missing):
	"""A record without the end of its data."""
	return of[:-missing] + b"\xff" * missing


def records():
	ours = uuid.UUID(OURS)
	valid, leaving, deleted = efivars.HEADER_VALID, efivars.LEAVING, efivars.DELETED

	def made(name, data, state=efivars.ADDED, attributes=7):
		return efivars.record(name, ours, data, state, attributes)

	return [
		made("Plain", b"plain"),
		made("Twice", b"first", DEAD),
		made("Gone", b"gone", deleted),
		made("Twice", b"second"),
		# cut before the old one was out of date, and after it
		made("Old", b"old", leaving),
		made("Older", b"older", leaving),
		cut_data(made("Old", b"new and longer", valid), 8),
		cut_header(made("Nothing", b"")),
		made("Moved", b"before", leaving),
		made("Moved", b"after"),
		made("Begun", b"never finished", valid),
		made("Begun", b"nor this", valid & deleted),
		made("OneByte", b"\0"),
		made("Big", bytes(range(256)) * 2),
		made("slash/and space", b"s"),
		made("Gr\u00f6\u00dfe \u20ac", b"g"),
		made("NoRuntime", b"boot", attributes=NON_VOLATILE | BOOT),
		made("HardwareError", b"h", attributes=0xF),
	]


def make(out):
	flash = bytearray(efivars.formatted({}, SIZE))
	body = b"".join(records())
	flash[RECORDS:RECORDS + len(body)] = body
	with open(out, "wb") as f:
		f.write(flash)


def listed(log, number):
	"""{(name, guid): value} of the console's Nth list, values as Linux printed them."""
	parts = log.replace(b"\r", b"").split(b"list begins\n")
	lines = parts[number].split(b"list ends\n")
	if len(lines) != 2:
		raise ValueError("list %d has no end" % number)
	found, guid = {}, None
	for line in lines[0].decode().splitlines():
		if re.fullmatch("guid [0-9a-f-]{36}", line):
			guid = line[5:]
			continue
		name, value = line.rsplit(": ", 1)
		if not guid or (name, guid) in found or not re.fullmatch("[0-9a-f ]+", value):
			raise ValueError("not expected: %r" % line)
		found[name, guid] = value
	return found


def printed(attributes, data):
	"""A value as efivars-init prints it: in digits, or its size and a hash, FNV-1a."""
	value = attributes.to_bytes(4, "little") + data
	if len(value) <= PRINTED_MAX:
		return value.hex()
	total = 0xCBF29CE484222325
	for byte in value:
		total = (total ^ byte) * 0x100000001B3 % (1 << 64)
	return "%d %016x" % (len(value), total)


def shown(path):
	"""[(name, guid, attributes, data)] of what vars has printed."""
	with open(path, encoding="utf-8") as f:
		return [(v["name"], v["guid"], v["attributes"], bytes.fromhex(v["data"]))
			for v in json.load(f)["variables"]]


def pattern(name, size):
	"""What efivars-init's make and fill write."""
	seed = 0
	for byte in name.encode():
		seed = seed * 31 + byte
	return bytes((seed + i + i // 256) & 0xFF for i in range(size))


def expected(changes):
	"""{name: value as printed, None if it is not to be there} of arguments."""
	want = {}
	for change in changes:
		if "=" in change:
			name, data = change.split("=")
			want[name] = printed(7, bytes.fromhex(data)) if data else None
			continue
		name, count, sizes = change.split(":")
		sizes = [int(size) for size in sizes.split(",")]
		for i in range(int(count)):
			one = "%s%03d" % (name, i)
			want[one] = printed(7, pattern(one, sizes[i % len(sizes)]))
	return want


def compare(log, number, vars_json, flash, *wanted):
	with open(log, "rb") as f:
		linux = listed(f.read(), int(number))
	with open(flash, "rb") as f:
		ours = efivars.live(f.read())
	vars_ = shown(vars_json)
	bad = []
	if {(name, str(guid)): data for (name, guid), data in ours.items()} != \
			{(name, guid): data for name, guid, _, data in vars_}:
		bad.append("efivars.py reads something else")
	# efivarfs has ! for / in a name
	want = {(name.replace("/", "!"), guid): printed(attributes, data)
		for name, guid, attributes, data in vars_ if attributes & RUNTIME}
	for key in sorted(set(linux) | set(want)):
		if linux.get(key) != want.get(key):
			bad.append("%s: efivarfs %s, vars %s" % (key, linux.get(key), want.get(key)))
	for name, value in expected(wanted).items():
		if linux.get((name, OURS)) != value:
			bad.append("%s: not %s, but %s" % (name, value, linux.get((name, OURS))))
	print("\n".join(bad + ["%d variables" % len(linux)]))
	return bool(bad) or len(linux) < 10


def stored(path):
	"""(variables that count, how many records do not, where they end)."""
	with open(path, "rb") as f:
		flash = f.read()
	records_ = efivars.variables(flash)
	live = efivars.live(flash)
	return live, len(records_) - len(live), records_[-1].offset


def reclaimed(before, after):
	had, dead, end = stored(before)
	has, still_dead, new_end = stored(after)
	kept = {key: data for key, data in has.items() if str(key[1]) == OURS}
	print("before %d live, %d dead, up to %#x" % (len(had), dead, end))
	print("after %d live, %d dead, up to %#x" % (len(has), still_dead, new_end))
	same = kept == {key: data for key, data in had.items() if str(key[1]) == OURS}
	if not same:
		print("not the same variables")
	return not same or not kept or still_dead >= dead or new_end >= end


def main():
	if sys.argv[1:2] == ["make"] and len(sys.argv) == 3:
		return make(sys.argv[2])
	if sys.argv[1:2] == ["compare"] and len(sys.argv) >= 6:
		return compare(*sys.argv[2:])
	if sys.argv[1:2] == ["reclaimed"] and len(sys.argv) == 4:
		return reclaimed(*sys.argv[2:])
	print("usage: efivarfs.py make OUT | compare LOG N JSON FLASH [NAME=HEX]... | "
		"reclaimed BEFORE AFTER", file=sys.stderr)
	return 2


if __name__ == "__main__":
	sys.exit(main())
