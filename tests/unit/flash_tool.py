#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
#
# usage: tests/unit/flash_tool.py PROGRAM [SEED]
#
# `lkvm flash`, built for this machine, against tests/boot/lib/efivars.py:
# stores of random variables, good, deleted, half-written and half-replaced,
# and what the two make of them. As TAP.

import fcntl
import gzip
import json
import lzma
import os
import random
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import uuid
import zlib

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "boot", "lib"))
import efivars  # noqa: E402

GLOBAL = uuid.UUID("8be4df61-93ca-11d2-aa0d-00e098032b8c")
OURS = uuid.UUID("1b6d6c04-5ff4-4b0c-9d7a-2f1c7d1c2a90")
AUTHENTICATED, PLAIN = efivars.STORES
STATES = [0xFF, 0x7F, 0x3F, 0x3F, 0x3F, 0x3E, 0x3D, 0x3C, 0x7D, 0x7C]
ROUNDS = 200 if os.environ.get("ALL") else 20
SIZE = 0x20000


class Wrong(Exception):
	"""What is not as it should be."""


def expect(condition, text):
	if not condition:
		raise Wrong(text)


def run(*args, status=0, **more):
	"""Runs `lkvm flash`, which ends with that status; returns what it printed."""
	done = subprocess.run([PROGRAM, *map(str, args)], stdin=subprocess.DEVNULL,
		stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60, **more)
	expect(done.returncode == status, "%s: status %d instead of %d: %s" %
		(args, done.returncode, status, done.stderr.decode()[:600]))
	expect(status == 0 or args[:1] == ("diff",) and status == 1 or done.stderr,
		"%s: status %d and no message" % (args, status))
	return done.stdout


def run_json(*args, status=0):
	return json.loads(run(*args, "--json", status=status).decode("utf-8", "strict"))


# ---- stores ----------------------------------------------------------------

def record(rng, kind, state, name, guid, data):
	raw = name.encode("utf-16-le", "surrogatepass") + b"\0\0"
	sizes = [len(raw), len(data)]
	attributes = rng.choice([3, 7, 0x27])
	if state == 0xFF and rng.random() < 0.7:	# the header did not get far
		sizes = [efivars.ERASED] * 2
		raw = data = b""
	if kind == AUTHENTICATED:
		head = struct.pack("<HBBIQ16xIII16s", efivars.START, state, 0, attributes, 0, 0,
			*sizes, guid.bytes_le)
	else:
		head = struct.pack("<HBBIII16s", efivars.START, state, 0, attributes, *sizes,
			guid.bytes_le)
	if state == 0xFF and sizes[0] != efivars.ERASED:
		raw = data = b""	# EDK2 takes it for a header without anything
	out = head + raw + data
	return out + b"\xff" * (-len(out) % 4)


def make_store(kind, records, flash_size=SIZE, volume=0x10000, store=0x8000, at=0):
	flash = bytearray(efivars.formatted({}, flash_size - at, 0x1000, volume, store))
	flash[72:88] = kind.bytes_le
	body = b"".join(records)
	efivars.need(100 + len(body) <= store, "too many variables for the store")
	flash[100:100 + len(body)] = body
	return b"\xff" * at + bytes(flash)


def random_records(rng, kind):
	names = ["A", "B", "Boot0001", "BootOrder", "Timeout", "ä€", "\U0001f600x", "x" * 100,
		"new\nline", "\x1b[31m", "a\\b\"c", "\u202egnp"]
	guids = [GLOBAL, OURS, uuid.UUID(int=rng.getrandbits(128))]
	records, added = [], set()
	for _ in range(rng.randrange(40)):
		key = rng.choice(names), rng.choice(guids)
		state = rng.choice(STATES)
		if state == efivars.ADDED and key in added:
			state = efivars.DELETED	# EDK2 never has it twice
		if state == efivars.ADDED:
			added.add(key)
		data = rng.randbytes(rng.choice([0, 1, 2, 4, 5, 8, 100, 400]))
		records.append(record(rng, kind, state, *key, data))
	return records


# ---- cases -----------------------------------------------------------------

def write(name, content):
	with open(name, "wb") as f:
		f.write(content)


def compare_all(flash, shown):
	"""Every record of ours is one of --all, in its order."""
	ours = efivars.variables(flash)
	expect(len(ours) == len(shown), "%d records instead of %d" % (len(shown), len(ours)))
	words = {"header begun": "half-written", "header valid": "half-written",
		"deleted": "deleted", "added": "live"}
	for want, got in zip(ours, shown):
		expect(got["offset"] == want.offset, "offset %d" % got["offset"])
		state = words.get(efivars.STATES[want.state])
		expect(got["state"] == state or want.state == efivars.LEAVING and
			got["state"] in ("in-transition", "replaced"),
			"at %#x: state %s, not %s" % (want.offset, got["state"], state))
		if want.name is None:
			expect("name" not in got and "data" not in got, "a name of %r" % got)
			continue
		expect(got["name"] == want.name, "%r instead of %r" % (got["name"], want.name))
		expect(got["guid"] == str(want.guid), got["guid"])
		expect(got["attributes"] == want.attributes, "attributes")
		expect(got["data"] == want.data.hex(), "data of %r" % want.name)


def live_of(shown):
	return {(v["name"], uuid.UUID(v["guid"])): bytes.fromhex(v["data"]) for v in shown}


def random_stores(rng):
	for n in range(ROUNDS):
		kind = rng.choice([AUTHENTICATED, PLAIN])
		flash = make_store(kind, random_records(rng, kind))
		write("f", flash)
		try:
			shown = run_json("vars", "f", "--all")
			expect(shown["format"] == ("plain", "authenticated")[kind == AUTHENTICATED], kind)
			compare_all(flash, shown["variables"])
			shown = run_json("vars", "f")["variables"]
			live = live_of(shown)
			expect(len(live) == len(shown), "a variable is there twice")
			expect(live == efivars.live(flash), "not the same are live")
			store = run_json("info", "f")["store"]
			expect(store["used"] + store["reclaimable"] + store["free"] + 28 == store["size"],
				"bytes do not add up: %r" % store)
			expect(store["live"] == len(live), "info says %d" % store["live"])
		except Wrong:
			write(os.path.join(KEEP, "flash_tool-%d.img" % n), flash)
			raise
		text = run("vars", "f", "--all").decode("utf-8", "strict")
		expect(not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", text), "controls in the text")


def random_diffs(rng):
	for _ in range(25):
		sides = []
		for name in "ab":
			kind = rng.choice([AUTHENTICATED, PLAIN])
			write(name, make_store(kind, random_records(rng, kind)))
			sides.append({(v["name"], v["guid"]): (v["attributes"], v["data"])
				for v in run_json("vars", name)["variables"]})
		a, b = sides
		want = sorted([("removed", k) for k in a if k not in b] +
			[("added", k) for k in b if k not in a] +
			[("changed", k) for k in a if k in b and a[k] != b[k]])
		shown = run_json("diff", "a", "b", status=1 if want else 0)
		got = []
		for c in shown["changes"]:
			v = c.get("new") or c["old"]
			got.append((c["change"], (v["name"], v["guid"])))
			expect(("old" in c) == (c["change"] != "added"), "old of %r" % c)
			expect(("new" in c) == (c["change"] != "removed"), "new of %r" % c)
		expect(sorted(got) == want, "%r instead of %r" % (got, want))
		expect(shown["same"] == (not want), "same")
		run("diff", "a", "a")
		lines = run("diff", "a", "b", status=1 if want else 0).splitlines()
		expect(len(lines) == len(want) + sum(c == "changed" for c, _ in want), "lines")


def attributes(rng):
	"""A change of nothing else."""
	one = record(rng, PLAIN, 0x3F, "V", OURS, b"data")
	for name, value in ("a", 7), ("b", 3):
		write(name, make_store(PLAIN, [one[:4] + struct.pack("<I", value) + one[8:]]))
	shown = run_json("diff", "a", "b", status=1)["changes"]
	expect(len(shown) == 1 and "first_difference" not in shown[0], shown)
	expect(shown[0]["old"]["attribute_names"] == "NV,BS,RT", shown)
	expect(shown[0]["new"]["attribute_names"] == "NV,BS", shown)


def damaged(rng):
	"""Any byte may be wrong: an answer or a message, no crash."""
	good = make_store(AUTHENTICATED, [record(rng, AUTHENTICATED, s, n, g, d) for s, n, g, d in [
		(0x3D, "Old", OURS, b"gone"), (0x3F, "Boot0000", GLOBAL, b"\1\0\0\0\4\0U\0\0\0\x7f\xff\4\0"),
		(0x3F, "PK", GLOBAL, rng.randbytes(60)), (0x3E, "V", OURS, b"x")]])
	for _ in range(50):
		flash = bytearray(good)
		for _ in range(rng.randrange(1, 4)):
			flash[rng.randrange(500)] = rng.choice([0, 1, 0x7F, 0x80, 0xFE, 0xFF])
		write("f", flash[:rng.choice([rng.randrange(600), len(flash)])])
		for command in (["vars", "f", "--all"], ["vars", "f", "--json"], ["info", "f"],
				["info", "f", "--json"]):
			done = subprocess.run([PROGRAM, *command], stdout=subprocess.PIPE,
				stderr=subprocess.PIPE, timeout=60)
			expect(done.returncode in (0, 1),
				"status %d: %s" % (done.returncode, done.stderr.decode()[:2000]))
			expect((done.returncode == 1) == bool(done.stderr), "message and status")


def kept(rng):
	"""What was readable is shown before the message."""
	records = [record(rng, PLAIN, 0x3F, "Good", OURS, b"1")]
	records.append(record(rng, PLAIN, 0x3F, "Bad", OURS, b"2")[:8] + struct.pack("<II", 8, 1 << 20))
	write("f", make_store(PLAIN, records))
	out = run("vars", "f", status=1)
	expect(b"Good" in out and b"Bad" not in out, out)
	shown = run_json("vars", "f", status=1)
	expect(shown["damaged"] is True and len(shown["variables"]) == 1, shown)
	expect(run_json("info", "f")["store"]["damaged"] > 0, "info")
	run("diff", "f", "f", status=2)


def get_one(rng):
	def added(name, guid, data):
		return record(rng, AUTHENTICATED, 0x3F, name, guid, data)
	write("f", make_store(AUTHENTICATED, [
		added("BootOrder", GLOBAL, b"\2\0\1\0"), added("Twice", GLOBAL, b"\0\xff\n"),
		added("Twice", OURS, b"b"), added("a:b", OURS, b"c"), added("esc\x1b", OURS, b"d"),
		added("x:global", OURS, b"e")]))
	expect(run("vars", "f", "--get", "BootOrder") == b"0002,0001\n", "BootOrder")
	expect(run("vars", "f", "-g", "BootOrder:global", "--raw") == b"\2\0\1\0", "raw")
	expect(run_json("vars", "f", "-g", "BootOrder")["order"] == ["0002", "0001"], "JSON")
	run("vars", "f", "--get", "Twice", status=1)
	expect(run("vars", "f", "--get", "Twice:%s" % OURS, "--raw") == b"b", "ours")
	expect(run("vars", "f", "--get", "Twice:GLOBAL", "--raw") == b"\0\xff\n", "global")
	expect(run("vars", "f", "--get", "a:b", "--raw") == b"c", "a:b")
	expect(run("vars", "f", "--get", "esc\\u001b", "--raw") == b"d", "escaped")
	expect(run("vars", "f", "--get", "x:global:%s" % OURS, "--raw") == b"e", "x:global")
	run("vars", "f", "--get", "None", status=1)
	run("vars", "f", "--get", "bootorder", status=1)


def info(rng):
	flash = bytearray(make_store(AUTHENTICATED, [record(rng, AUTHENTICATED, 0x3F, "V", OURS, b"x")],
		at=0x3000, volume=0x10000, store=0x8000))
	block = uuid.UUID("9e58292b-7c68-497d-a0ce-6500fd9f1b95").bytes_le + b"\xff" * 8
	block += struct.pack("<Q", 0x1000 - 32)
	block = block[:16] + struct.pack("<IB", zlib.crc32(block), 0xFE) + block[21:]
	flash[0xB000:0xB000 + 32] = block
	write("f", flash)
	shown = run_json("info", "f", "--block", "4K")
	expect(shown["size"] == SIZE and shown["blocks"] == 32, "size")
	expect(shown["bank_size"] == SIZE and shown["in_use"] is False, "bank")
	expect(shown["map"] == "...1.......1" + "." * 20, shown["map"])
	volume = shown["volume"]
	expect(volume["offset"] == 0x3000 and volume["length"] == 0x10000, "volume")
	expect(volume["checksum_good"] and volume["guid_name"] == "nv-data", "checksum")
	expect(shown["store"]["live"] == 1 and shown["store"]["state"] == "healthy", "store")
	expect(shown["ftw"] == {"offset": 0xB000, "valid": True, "checksum_good": True,
		"queue_size": 0x1000 - 32, "writes": 0, "progress": "idle"}, "FTW: %r" % shown["ftw"])
	text = run("info", "f").decode()
	expect(re.search("^in use +no$", text, re.M) and re.search("^  checksum +0x", text, re.M), text)
	write("f", b"\0" * 70000)
	expect(run_json("info", "f")["map"] == "##", "cut block")
	expect(run_json("info", "f")["bank_size"] == 65536, "bank of a cut file")
	write("f", b"")
	expect(run_json("info", "f")["bank_size"] == 0, "empty file")
	run("info", "f")


def usable(_):
	def shown(size):
		write("f", b"")
		os.truncate("f", size)
		text = run("info", "f").decode()
		return re.search("^usable as a bank +(.*)$", text, re.M)[1], run_json("info", "f")["bank_size"]
	k, m = 1 << 10, 1 << 20
	for size, text, bank in ((63 * k, "no, it is smaller than a block of 64K", 0),
			(64 * k, "yes, but machine virt needs at least 256K", 64 * k),
			(256 * k, "yes", 256 * k), (16 * m, "yes", 16 * m),
			(32 * m, "yes, but machine kvmtool has only 16M", 32 * m),
			(64 * m, "yes, but machine kvmtool has only 16M", 64 * m),
			(64 * m + 1, "no, it is larger than 64M", 0),
			(100 * k, "its first 65536 bytes (the size is no power of two), "
				"but machine virt needs at least 256K", 64 * k),
			(17 * m, "its first 16777216 bytes (the size is no power of two), "
				"but machine kvmtool has only 16M", 16 * m)):
		expect(shown(size) == (text, bank), "%d: %r" % (size, shown(size)))


def in_use(_):
	run("create", "f", "--size", "64K")
	with open("f", "r+b") as f:
		for kind, writes in ((fcntl.F_RDLCK, False), (fcntl.F_WRLCK, True)):
			lock = struct.pack("hhqqi4x", kind, os.SEEK_SET, 0, 0, 0)
			fcntl.fcntl(f, 37, lock)	# F_OFD_SETLK
			shown = run_json("info", "f")
			expect(shown["in_use"], "no lock is seen")
			expect([(u["pid"], u["writes"]) for u in shown["users"]] == [(os.getpid(), writes)],
				"users: %r" % shown["users"])
			expect(b"by process %d (" % os.getpid() in run("info", "f"), "text")
		run("vars", "f", status=1)	# erased, but it can be read
		run("create", "f", "--size", "128K", "--force", status=1)
		expect(os.path.getsize("f") == 65536, "it was overwritten")
		done = subprocess.run([PROGRAM, "create", "copy", "--template", "f"],
			stderr=subprocess.PIPE, timeout=60)
		expect(done.returncode == 1, "a template was copied while it is written to")
		expect(b"template f: is in use by an lkvm that writes" in done.stderr, done.stderr)
		expect(not os.path.exists("copy"), "a file was left")
		fcntl.fcntl(f, 37, struct.pack("hhqqi4x", fcntl.F_RDLCK, os.SEEK_SET, 0, 0, 0))
		run("create", "copy", "--template", "f")
	expect(not run_json("info", "f")["in_use"], "still in use")


def create(rng):
	def content(name):
		with open(name, "rb") as f:
			return f.read()
	run("create", "n", "--size", "64K")
	expect(content("n") == b"\xff" * 65536, "erased")
	write("t", rng.randbytes(70000))
	run("create", "n", "--size", "128K", status=1)
	expect(len(content("n")) == 65536, "it was overwritten")
	run("create", "n", "--size", "128K", "--force", "--template", "t")
	expect(content("n") == content("t") + b"\xff" * (131072 - 70000), "template")
	run("create", "large", "--size", "64M")
	expect(os.path.getsize("large") == 64 << 20, "the largest")
	os.remove("large")
	run("create", "n", "--force", "-s", "65536")
	expect(content("n") == b"\xff" * 65536, "made smaller")
	run("create", "m", "--template", "n")
	expect(content("m") == content("n"), "the template's own size")
	run("create", "p", "--template", "t", status=1)
	run("create", "p", "--template", "t", "--size", "64K", status=1)
	run("create", "p", "--template", "none", status=1)
	run("create", "none/p", "--size", "64K", status=1)
	run("create", ".", "--size", "64K", "--force", status=1)
	os.mkfifo("fifo")
	run("create", "fifo", "--size", "64K", "--force", status=1)
	for size in ("0", "1", "32K", "96K", "3M", "128M", "64Q", "", "-64K"):
		run("create", "p", "--size=" + size, status=2)
	expect(not os.path.exists("p"), "a file was left")
	run("create", "q", "--size", "128K", status=1, preexec_fn=lambda: limit(65536))
	expect(not os.path.exists("q"), "half a file was left")


def formats(rng):
	flash = make_store(AUTHENTICATED, [record(rng, AUTHENTICATED, 0x3F, "V", OURS, b"x")])
	write("raw", flash)
	write("gz", gzip.compress(flash))
	files = ["gz"]
	if shutil.which("qemu-img"):
		files += ["qcow2", "packed"]
		for name, option in (("qcow2", ()), ("packed", ("-c",))):
			subprocess.run(["qemu-img", "convert", "-O", "qcow2", *option, "-f", "raw",
				"raw", name], check=True)
		write("qcow2.gz", gzip.compress(open("qcow2", "rb").read()))
		run("info", "qcow2.gz", status=1)
		with open("qcow2", "r+b") as f:
			backed = bytearray(f.read())
		backed[8:16] = struct.pack(">Q", 1000)
		write("backed", backed)
		for command in (("info", "backed"), ("create", "new", "--template", "backed")):
			run(*command, status=1)
	vars_of_raw = run_json("vars", "raw")["variables"]
	for name in files:
		shown = run_json("info", name)
		expect(shown["file_format"] == ("gzip" if name == "gz" else "qcow2"), "format of " + name)
		expect(shown["size"] == SIZE and shown["store"]["live"] == 1, "content of " + name)
		expect(b"what follows is of its content" in run("info", name), "text of " + name)
		expect(run_json("vars", name)["variables"] == vars_of_raw, "variables of " + name)
		run("diff", "raw", name)
		run("create", "new", "--template", name, "--force")
		expect(open("new", "rb").read() == flash, "template " + name)
	expect(run_json("info", "raw")["file_format"] == "raw", "format of raw")
	write("cut", gzip.compress(flash)[:-9])
	write("xz", lzma.compress(flash))
	for name in ("cut", "xz"):
		run("info", name, status=1)
		run("vars", name, status=1)
		run("diff", "raw", name, status=2)
		run("create", "new2", "--template", name, "--size", "1M", status=1)
	expect(not os.path.exists("new2"), "a file was left")
	# What begins so and has the size of a bank is a bank.
	write("bank", gzip.compress(flash).ljust(65536, b"\xff"))
	expect(run_json("info", "bank")["file_format"] == "raw", "a bank")


def limit(size):
	import resource
	import signal
	signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
	resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


def usage(_):
	run("create", "--size", "64K", "u")
	for args in ([], ["nonsense"], ["vars"], ["vars", "u", "u"], ["info"], ["diff", "u"],
			["diff", "u", "u", "u"], ["create", "v"], ["vars", "u", "--raw"],
			["vars", "u", "--get", "A", "--all"], ["vars", "u", "--get", "A", "--raw", "--json"],
			["info", "u", "--block", "3K"], ["info", "u", "--block", "0"], ["vars", "--nonsense"]):
		run(*args, status=2)
	for args in (["vars", "none"], ["info", "none"], ["info", "."], ["vars", "u"]):
		run(*args, status=1)
	run("diff", "none", "u", status=2)
	run("diff", "u", "u", status=2)
	for command in ("--help", "-h"):
		expect(b"create" in run(command), "help")
	for command in ("create", "info", "vars", "diff"):
		text = run(command, "--help").decode()
		expect(text.startswith("Usage: lkvm flash " + command), text)
		expect(all(len(line) <= 80 for line in text.splitlines()), "over 80 columns")
	with open("/dev/full", "wb") as full:
		done = subprocess.run([PROGRAM, "info", "u"], stdout=full, stderr=subprocess.PIPE)
	expect(done.returncode == 1 and done.stderr, "a full disk is no error")


CASES = [random_stores, random_diffs, attributes, damaged, kept, get_one, info, usable, in_use, create, formats,
	usage]


def main():
	bad = False
	# What a sanitizer finds is no answer of the program's.
	os.environ["ASAN_OPTIONS"] = os.environ["UBSAN_OPTIONS"] = "exitcode=99"
	seed = sys.argv[2] if len(sys.argv) > 2 else random.SystemRandom().randrange(1 << 32)
	print("# seed %s" % seed)
	print("1..%d" % len(CASES))
	with tempfile.TemporaryDirectory() as work:
		os.chdir(work)
		for case in CASES:
			try:
				case(random.Random("%s %s" % (seed, case.__name__)))
				print("ok - flash_tool: %s" % case.__name__)
			except (Wrong, efivars.Damaged, subprocess.TimeoutExpired, ValueError) as problem:
				bad = True
				print("not ok - flash_tool: %s" % case.__name__)
				print("# " + str(problem).replace("\n", "\n# "))
			for name in os.listdir("."):
				os.unlink(name)
		os.chdir("/")
	return bad


PROGRAM = os.path.abspath(sys.argv[1])
KEEP = tempfile.gettempdir()

if __name__ == "__main__":
	sys.exit(main())
