#!/usr/bin/env python3
# Compare what Linux's efivarfs has with what `lkvm flash vars` shows
# SPDX-License-Identifier: GPL-2.0-or-later
#
# usage: efivarfs.py make OUT
#        efivarfs.py compare LOG N JSON FLASH [NAME=HEX]...
#
# make: a flash file with variables in all the states that changes and power cuts
# leave behind. compare: LOG is the console of efivars-init, N counts its lists
# from 1, JSON is what `lkvm flash vars --json` said then of FLASH; the variables
# NAME of ours have these data, or are not there where HEX is empty.
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
	"""{(name, guid): (attributes, data)} of the console's Nth list, as bytes."""
	parts = log.replace(b"\r", b"").split(b"list begins\n")
	need = parts[number].split(b"list ends\n")
	if len(need) != 2:
		raise ValueError("list %d has no end" % number)
	found = {}
	for line in need[0].splitlines():
		match = re.fullmatch(rb"variable (.*)-([0-9a-f-]{36}) ([0-9a-f]*)", line)
		if not match:
			raise ValueError("not expected: %r" % line)
		data = bytes.fromhex(match.group(3).decode())
		key = match.group(1).decode(), match.group(2).decode()
		found[key] = int.from_bytes(data[:4], "little"), data[4:]
	return found


def shown(path):
	"""The same of what vars has printed, with names as efivarfs spells them."""
	with open(path, encoding="utf-8") as f:
		found = json.load(f)["variables"]
	return {(v["name"].replace("/", "!"), v["guid"]): (v["attributes"], bytes.fromhex(v["data"]))
		for v in found}


def compare(log, number, vars_json, flash, *wanted):
	with open(log, "rb") as f:
		linux = listed(f.read(), int(number))
	with open(flash, "rb") as f:
		ours = efivars.live(f.read())
	vars_ = shown(vars_json)
	bad = []
	if {(name.replace("/", "!"), str(guid)): data for (name, guid), data in ours.items()} != \
			{key: data for key, (_, data) in vars_.items()}:
		bad.append("efivars.py reads something else")
	linux = {key: value for key, value in linux.items() if value[0] & NON_VOLATILE}
	vars_ = {key: value for key, value in vars_.items() if value[0] & RUNTIME}
	for key in sorted(set(linux) | set(vars_)):
		if linux.get(key) != vars_.get(key):
			bad.append("%s: efivarfs %r, vars %r" % (key, linux.get(key), vars_.get(key)))
	for want in wanted:
		name, data = want.split("=")
		got = linux.get((name, OURS), (7, b""))
		if got != (7, bytes.fromhex(data)):
			bad.append("%s is %r" % (want, got))
	print("\n".join(bad + ["%d variables" % len(linux)]))
	return bool(bad) or len(linux) < 10


def main():
	if sys.argv[1:2] == ["make"] and len(sys.argv) == 3:
		return make(sys.argv[2])
	if sys.argv[1:2] == ["compare"] and len(sys.argv) >= 6:
		return compare(*sys.argv[2:])
	print("usage: efivarfs.py make OUT | compare LOG N JSON FLASH [NAME=HEX]...", file=sys.stderr)
	return 2


if __name__ == "__main__":
	sys.exit(main())
