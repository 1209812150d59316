#!/usr/bin/env python3
# Compare what EDK2's dmpstore has printed with what `lkvm flash vars` has
# SPDX-License-Identifier: GPL-2.0-or-later
#
# usage: dmpstore.py LOG JSON FLASH
#
# LOG is the console of a shell that ran `dmpstore [BKLT]*` and dmpstore for our
# GUID, JSON what `lkvm flash vars --json` printed meanwhile, FLASH a copy of the
# file made then. (All variables would take a minute: EDK2's console is slow.)

import json
import re
import sys

import efivars

OURS = "1b6d6c04-5ff4-4b0c-9d7a-2f1c7d1c2a90"
GUIDS = {"EFIGlobalVariable": "8be4df61-93ca-11d2-aa0d-00e098032b8c"}
HEAD = re.compile(r"Variable (\S+) '([^:']*):(.*)' DataSize = 0x(\w\w+)$")
ATTRIBUTES = {"NV": 1, "BS": 2, "RT": 4, "HR": 8, "AW": 0x10, "AT": 0x20}


def plain(log):
	"""A console's output without what only a terminal wants."""
	text = re.sub(rb"\x1b\[[0-9;=?]*[A-Za-z]", b"", log).replace(b"\r", b"")
	return text.decode("ascii", "replace")


def unwrapped(lines):
	"""What passes the screen's right edge comes in the next line."""
	lines = list(lines)
	while lines:
		line = lines.pop(0)
		while lines and line.startswith("Variable ") and not HEAD.match(line):
			line += lines.pop(0)
		yield line


def shown(text):
	"""{(name, guid): (attributes, data)} of what is not volatile."""
	found = {}
	for command in text.split("Shell> "):
		if not command.startswith("dmpstore "):
			continue
		key = None
		for line in unwrapped(command.splitlines()):
			head = HEAD.match(line)
			digits = re.match("  [0-9A-F]{8}: (.{48})", line)
			if head:
				attributes, guid, name, size = head.groups()
				key = name, GUIDS.get(guid, guid.lower())
				bits = sum(ATTRIBUTES[word] for word in attributes.split("+"))
				found[key] = bits, b"", int(size, 16)
			elif digits and key:
				bits, data, size = found[key]
				data += bytes.fromhex(digits.group(1).replace("-", " "))
				found[key] = bits, data, size
	for key, (_, data, size) in found.items():
		if len(data) != size:
			raise ValueError("%s: %d bytes instead of %d" % (key, len(data), size))
	return {key: (bits, data) for key, (bits, data, _) in found.items() if bits & ATTRIBUTES["NV"]}


def was_asked(name, guid):
	return guid == OURS or guid == GUIDS["EFIGlobalVariable"] and name[0] in "BKLT"


def main():
	with open(sys.argv[1], "rb") as f:
		want = shown(plain(f.read()))
	with open(sys.argv[2], encoding="utf-8") as f:
		listed = json.load(f)["variables"]
	with open(sys.argv[3], "rb") as f:
		ours = efivars.live(f.read())
	got = {(v["name"], v["guid"]): (v["attributes"], bytes.fromhex(v["data"])) for v in listed}
	if {key: data for key, (_, data) in got.items()} != \
			{(name, str(guid)): data for (name, guid), data in ours.items()}:
		print("efivars.py reads something else")
		return 1
	got = {key: value for key, value in got.items() if was_asked(*key)}
	for key in sorted(set(got) | set(want)):
		if got.get(key) != want.get(key):
			print("%s: dmpstore %r, vars %r" % (key, want.get(key), got.get(key)))
	print("%d variables" % len(want))
	return got != want or len(want) < 10


if __name__ == "__main__":
	sys.exit(main())
