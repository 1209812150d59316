#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
#
# usage: tests/unit/qcow2_tool.py PROGRAM [SEED [CASE...]]
#
# ALL=1: each kind of image, and many more stops; else some, chosen by the seed.
#
# Disks in qcow2 images, against qemu-img and qemu-io: random requests on
# images of all kinds, whose content has to be that of an array and which
# "qemu-img check" has to find clean; what is left of an image after a program
# was killed, or the power was cut, at any write. As TAP.

import os
import random
import shutil
import struct
import subprocess
import sys
import tempfile

SECTOR = 512
MIB = 1 << 20
SIZE = 4 * MIB

# Of qemu-img create -o, and what is done to the image before it is used.
IMAGES = [
	("", ""),
	("", "data zero snapshot"),
	("", "compressed snapshot data"),
	("cluster_size=512,refcount_bits=64", "data"),
	("cluster_size=512,refcount_bits=1", "compressed"),
	("cluster_size=512,refcount_bits=8,compat=1.1", "data snapshot"),
	("cluster_size=4K,refcount_bits=2", "data snapshot"),
	("cluster_size=4K,refcount_bits=4", "compressed data"),
	("cluster_size=2M,refcount_bits=32", "data"),
	("cluster_size=2M", "compressed"),
	("compat=0.10", "data snapshot zero"),
	("compat=0.10,cluster_size=1K", "compressed"),
	("compat=0.10,cluster_size=4K", "backing data"),
	("compression_type=zstd", "compressed"),
	("compression_type=zstd,cluster_size=16K", "compressed data snapshot"),
	("extended_l2=on", "data zero"),
	("extended_l2=on,cluster_size=16K", "data snapshot zero"),
	("extended_l2=on,cluster_size=16K", "backing data snapshot"),
	("extended_l2=on,cluster_size=32K", "compressed snapshot data"),
	("extended_l2=on,cluster_size=1M,compression_type=zstd", "backing compressed"),
	("preallocation=metadata", "data"),
	("preallocation=falloc,cluster_size=8K", ""),
	("preallocation=full,cluster_size=32K", "snapshot"),
	("lazy_refcounts=on", "data"),
	("", "backing data zero"),
	("cluster_size=4K", "backing compressed snapshot"),
	("cluster_size=4K", "small data"),
]


class Wrong(Exception):
	"""What is not as it should be."""


class Refused(Wrong):
	"""A disk that is not opened, with a message."""


def expect(condition, text):
	if not condition:
		raise Wrong(text)


def qemu(*args, status=(0,)):
	done = subprocess.run(args, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
		stderr=subprocess.STDOUT, timeout=60)
	expect(done.returncode in status, "%s: status %d: %s" % (args, done.returncode,
		done.stdout.decode(errors="replace")[-2000:]))
	return done.returncode


def check(name, status=(0,)):
	return qemu("qemu-img", "check", "-U", "-q", "-f", "qcow2", name, status=status)


def compare(name, model):
	with open("model", "wb") as f:
		f.write(model)
	qemu("qemu-img", "compare", "-q", "-f", "qcow2", "-F", "raw", name, "model")


def fill(offset, length, seed):
	return b"".join(struct.pack("<Q", (offset // SECTOR + n) << 24 ^ seed) * (SECTOR // 8)
		for n in range(length // SECTOR))


class Tool:
	"""A disk that is open."""

	def __init__(self, disk, record=None):
		self.process = subprocess.Popen([PROGRAM, disk] + ([record] if record else []),
			stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
		line = self.process.stdout.readline()
		if not line:
			raise Refused(self.end(1))
		self.size = int(line)

	def ask(self, *words):
		self.process.stdin.write((" ".join(map(str, words)) + "\n").encode())
		self.process.stdin.flush()
		line = self.process.stdout.readline()
		return int(line) if line else self.end(0)

	def do(self, *words):
		err = self.ask(*words)
		expect(err == 0, "%s: %s" % (words, os.strerror(err)))

	def read(self, offset, length):
		self.do("r", offset, length)
		return self.process.stdout.read(length)

	def end(self, status=0):
		_, err = self.process.communicate(timeout=60)
		expect(self.process.returncode == status, "status %d: %s" % (
			self.process.returncode, err.decode(errors="replace")[-3000:]))
		return err.decode(errors="replace")


# ---- images ----------------------------------------------------------------

class Image:
	"""A file, and what a guest has to find in it."""

	def __init__(self, rng, name, options, extras):
		self.rng = rng
		self.name = name
		self.disk = name + ",format=qcow2"
		size = SIZE - (3 * SECTOR if "small" in extras else 0)
		self.model = bytearray(size)
		self.snapshots = 0
		self.zeroes = "compat=0.10" not in options
		create = ["qemu-img", "create", "-q", "-f", "qcow2"]
		if options:
			create += ["-o", options]
		if "backing" in extras:
			self.make_backing()
			create += ["-b", "base", "-F", "raw"]
		qemu(*create, name, str(size))
		for extra in extras:
			if extra in ("data", "zero", "snapshot", "compressed"):
				getattr(self, "add_" + extra)()

	def make_backing(self):
		"""It is smaller than the disk."""
		data = self.rng.randbytes(SIZE // 2 + 5 * SECTOR)
		with open("base", "wb") as f:
			f.write(data)
		self.model[:len(data)] = data
		self.disk += ",backing=base"

	def io(self, *commands):
		args = ["qemu-io", "-f", "qcow2"]
		for c in commands:
			args += ["-c", c]
		qemu(*args, self.name)

	def put(self, offset, length, value):
		self.model[offset:offset + length] = bytes([value]) * length

	def range(self, align, most):
		"""A range of the disk, in units of `align`."""
		units = len(self.model) // align
		first = self.rng.randrange(units)
		return first * align, min(self.rng.randrange(1, most + 1), units - first) * align

	def add_data(self):
		commands = []
		for n in range(12):
			offset, length = self.range(SECTOR, 300)
			commands.append("write -P %d %d %d" % (n + 1, offset, length))
			self.put(offset, length, n + 1)
		self.io(*commands)

	def add_zero(self):
		commands = []
		for n in range(4):
			offset, length = self.range(65536, 8)
			flags = self.rng.choice(["-z", "-z -u"])
			commands.append("write %s %d %d" % (flags, offset, length))
			self.put(offset, length, 0)
		self.io(*commands)

	def add_compressed(self):
		"""Whole clusters: those that have been written before are not compressed."""
		commands = []
		for offset in range(0, len(self.model) - 2 * MIB, 2 * MIB):
			unit = max(self.cluster(), 128 << 10)
			length = self.rng.randrange(1, 2 * MIB // unit + 1) * unit
			value = offset >> 21 | 0x40
			commands.append("write -c -P %d %d %d" % (value, offset, length))
			self.put(offset, length, value)
		self.io(*commands)

	def cluster(self):
		with open(self.name, "rb") as f:
			return 1 << struct.unpack(">I", f.read(24)[20:])[0]

	def add_snapshot(self):
		self.snapshots += 1
		qemu("qemu-img", "snapshot", "-c", "s%d" % self.snapshots, self.name)
		with open("s%d.raw" % self.snapshots, "wb") as f:
			f.write(self.model)

	def check_all(self):
		check(self.name)
		compare(self.name, self.model)
		for n in range(1, self.snapshots + 1):
			qemu("qemu-img", "convert", "-f", "qcow2", "-l", "s%d" % n, "-O", "raw",
				self.name, "old")
			with open("old", "rb") as a, open("s%d.raw" % n, "rb") as b:
				expect(a.read() == b.read(), "snapshot %d has changed" % n)

	# What the tool does, and the array.

	def change(self, tool, verify=True):
		rng = self.rng
		kind = rng.choice("wwwwwwdzuf" + "r" * 4 * verify)
		offset, length = self.range(SECTOR, rng.choice([1, 8, 64, 256, 2048]))
		if rng.random() < 0.3:
			offset -= offset % 65536
		if kind == "r":
			got = tool.read(offset, length)
			expect(got == self.model[offset:offset + length],
				"wrong content in %#x..%#x" % (offset, offset + length))
		elif kind == "f":
			tool.do("f")
		elif kind == "w":
			seed = rng.getrandbits(20)
			tool.do("w", offset, length, seed)
			self.model[offset:offset + length] = fill(offset, length, seed)
		else:
			tool.do(kind, offset, length)
			if kind == "d":		# what it is now is undefined: see what it is
				self.model[offset:offset + length] = tool.read(offset, length)
			else:
				self.put(offset, length, 0)
		return kind


def random_requests(rng):
	"""What is read is what was written, by both programs; the tables are right."""
	for options, extras in some(rng, IMAGES, 7):
		try:
			image = Image(rng, "i", options, extras.split())
			for again in range(rng.choice([1, 1, 2])):
				if again:
					image.add_data()
				tool = Tool(image.disk)
				expect(tool.size == len(image.model), "size %d" % tool.size)
				for _ in range(50):
					image.change(tool)
				whole = tool.read(0, len(image.model))
				expect(whole == image.model, "wrong content")
				expect(tool.end() == "", "messages")
				image.check_all()
				if image.snapshots == 1 and rng.random() < 0.5:
					image.add_snapshot()
			image.add_data()
			tool = Tool(image.disk + ",ro")
			expect(tool.read(0, len(image.model)) == image.model, "wrong content with ro")
			tool.end()
		except Wrong as problem:
			shutil.copy("i", os.path.join(KEEP, "qcow2_tool.qcow2"))
			raise Wrong("%s; %s: %s" % (options, extras, problem)) from problem
		clean()


def some(rng, items, few):
	return items if os.environ.get("ALL") else rng.sample(items, few)


def clean():
	for name in os.listdir("."):
		os.unlink(name)


def threads(rng):
	"""Sectors of several threads in one cluster; clusters that change their use."""
	for options in "", "extended_l2=on,cluster_size=16K", "cluster_size=2M":
		image = Image(rng, "i", options, ["data", "snapshot"])
		tool = Tool(image.disk)
		for n in range(3):
			tool.do("t", n)
		tool.do("x", rng.randrange(1000))
		tool.end()
		check("i")
		clean()


# ---- kills and power cuts --------------------------------------------------

def read_record(name):
	"""Lists (kind, offset, length, data)."""
	events = []
	with open(name, "rb") as f:
		while head := f.read(24):
			kind, offset, length = struct.unpack("<c7xQQ", head)
			events.append((kind.decode(), offset, length,
				f.read(length) if kind == b"W" else b""))
	return events


def apply(content, event):
	kind, offset, length, data = event
	if kind == "W":
		content.extend(bytes(max(0, offset + length - len(content))))
		content[offset:offset + length] = data
	elif kind == "T":
		content.extend(bytes(max(0, offset - len(content))))
		del content[offset:]
	elif kind == "Z":
		end = min(offset + length, len(content))
		content[offset:end] = bytes(max(0, end - offset))


def torn(rng, event):
	"""What is left of a write that was not made durable: some of its sectors."""
	kind, offset, length, data = event
	if kind != "W" or rng.random() < 0.5:
		return [event] if rng.random() < 0.5 else []
	return [("W", offset + at, len(data[at:at + SECTOR]), data[at:at + SECTOR])
		for at in range(0, length, SECTOR) if rng.random() < 0.5]


class History:
	"""What each sector may hold after a stop."""

	def __init__(self, model):
		self.versions = [bytes(model)]	# since the last flush, that one first

	def note(self, model):
		self.versions.append(bytes(model))

	def flush(self):
		del self.versions[:-1]

	def allows(self, content):
		if content == self.versions[-1]:
			return True
		for at in range(0, len(content), SECTOR):
			part = content[at:at + SECTOR]
			if not any(part == v[at:at + SECTOR] for v in self.versions):
				return False
		return True


def content_of(name):
	qemu("qemu-img", "convert", "-f", "qcow2", "-O", "raw", name, "raw")
	with open("raw", "rb") as f:
		return f.read()


def stops(rng):
	"""
	After a kill, or a cut of power in which writes that were not synced are lost
	or torn, the image is not corrupt, and what was flushed is there.
	"""
	leaks = tried = 0
	most = 20 if os.environ.get("ALL") else 5
	kinds = [("cluster_size=4K,refcount_bits=16", "data snapshot"),
		("cluster_size=512,refcount_bits=64", "data"),
		("", "compressed data"), ("compat=0.10,cluster_size=512", "data"),
		("extended_l2=on,cluster_size=16K", "backing data snapshot")]
	for options, extras in some(rng, kinds, 2):
		image = Image(rng, "i", options, extras.split())
		shutil.copy("i", "before")
		before = bytes(image.model)
		tool = Tool(image.disk, "record")
		models = []
		for n in range(60):
			flushed = image.change(tool, verify=False) == "f"
			tool.do("m", 2 * n + flushed)
			models.append(bytes(image.model))
		tool.end()
		events = read_record("record")
		syncs = [n for n, e in enumerate(events) if e[0] == "S"]
		near = [n + rng.randrange(-2, 5) for n in rng.sample(syncs, min(most, len(syncs)))]
		points = [rng.randrange(len(events)) for _ in range(2)] + near
		for point in sorted(p for p in points if 0 <= p < len(events)):
			for power in (False, True):
				tried += 1
				leaks += stop_at(rng, events, point, power, before, models,
					"%s; %s" % (options, extras))
		clean()
	print("# %d stops, %d with leaks" % (tried, leaks))


def stop_at(rng, events, point, power, before, models, what):
	with open("before", "rb") as f:
		content = bytearray(f.read())
	history = History(before)
	last = max((n for n, e in enumerate(events[:point]) if e[0] == "S"), default=-1)
	for n, event in enumerate(events[:point]):
		if event[0] == "M":
			history.note(models[event[1] // 2])
			if event[1] % 2:
				history.flush()
		parts = torn(rng, event) if power and n > last else [event]
		for part in parts:
			apply(content, part)
	following = [e[1] // 2 for e in events[point:] if e[0] == "M"]
	if following:
		history.note(models[following[0]])
	with open("stopped", "wb") as f:
		f.write(content)
	try:
		leaked = check("stopped", (0, 3)) == 3
		expect(history.allows(content_of("stopped")), "what was flushed is not there")
	except Wrong as problem:
		shutil.copy("stopped", os.path.join(KEEP, "qcow2_tool.qcow2"))
		raise Wrong("%s: %s at event %d of %d: %s" % (what, "power cut" if power else "kill",
			point, len(events), problem)) from problem
	return leaked


def failures(rng):
	"""A write or sync that fails is an error of that request; all goes on then."""
	for options, extras in [("cluster_size=512,refcount_bits=64", ["data"]),
			("cluster_size=4K", ["data", "snapshot"]), ("extended_l2=on", ["data"])]:
		image = Image(rng, "i", options, extras)
		tool = Tool(image.disk)
		failed = 0
		for n in range(80):
			tool.ask("fail", rng.randrange(1, 12), rng.choice([5, 28]))
			offset, length = image.range(SECTOR, 200)
			seed = rng.getrandbits(20)
			err = tool.ask("w", offset, length, seed) or tool.ask("f")
			tool.ask("fail", 0, 0)
			failed += err != 0
			now = tool.read(offset, length)
			new = fill(offset, length, seed)
			old = image.model[offset:offset + length]
			for at in range(0, length, SECTOR):
				part = now[at:at + SECTOR]
				expect(part == new[at:at + SECTOR] or
					err and part == old[at:at + SECTOR], "neither old nor new")
			image.model[offset:offset + length] = now
		expect(failed > 10, "%d failed" % failed)
		tool.end()
		image.check_all()
		clean()


# ---- tables that grow ------------------------------------------------------

def growth(_rng):
	"""The table of refcounts moves, several times."""
	qemu("qemu-img", "create", "-q", "-f", "qcow2", "-o", "cluster_size=512,refcount_bits=64",
		"i", "64M")
	tool = Tool("i,format=qcow2", "record")
	with open("i", "rb") as f:
		before = f.read()
	for at in range(0, 48 * MIB, 4 * MIB):
		tool.do("w", at, 4 * MIB, at >> 20)
	for at in range(0, 48 * MIB, 4 * MIB):
		expect(tool.read(at, 4 * MIB) == fill(at, 4 * MIB, at >> 20), "content at %d" % at)
	tool.end()
	check("i")
	events = read_record("record")
	moves = [n for n, e in enumerate(events) if e[0] == "W" and e[1] == 48]
	expect(len(moves) > 2, "the table has moved %d times" % len(moves))
	content = bytearray(before)
	for n, event in enumerate(events):
		apply(content, event)
		if n == moves[1] - 1 or n == moves[1]:
			with open("stopped", "wb") as f:
				f.write(content)
			check("stopped", (0, 3))


def sizes(_rng):
	"""The end of the disk is not that of a cluster, or of a table of level 2."""
	for size in 512, 65536 - 512, 33 * MIB + 1024:
		qemu("qemu-img", "create", "-q", "-f", "qcow2", "-o", "cluster_size=4K", "i", str(size))
		tool = Tool("i,format=qcow2")
		expect(tool.size == size, "size %d" % tool.size)
		tool.do("w", size - 512, 512, 7)
		expect(tool.ask("w", size, 512, 7) == 22, "written behind the end")
		tool.do("z", 0, size)
		tool.do("w", size - 512, 512, 9)
		expect(tool.read(size - 512, 512) == fill(size - 512, 512, 9), "last sector")
		tool.do("u", 0, size)
		expect(not any(tool.read(max(0, size - 4096), min(size, 4096))), "not zero")
		tool.end()
		check("i")
		clean()


def last_cluster(_rng):
	"""QEMU writes no more of a cluster than the subclusters that have content."""
	for how in "w", "z", "u":
		qemu("qemu-img", "create", "-q", "-f", "qcow2", "-o", "extended_l2=on", "i", "1M")
		qemu("qemu-io", "-f", "qcow2", "-c", "write -P 1 0 2048", "i")
		expect(os.stat("i").st_size % 65536 == 2048, "the file has all of its last cluster")
		tool = Tool("i,format=qcow2")
		tool.do("w", 1024, 9216, 5)
		model = b"\1" * 1024 + fill(1024, 9216, 5)
		expect(tool.read(0, 10240) == model, "content behind the old end of the file")
		if how != "w":
			tool.do(how, 4096, 4096)
			model = model[:4096] + bytes(4096) + model[8192:]
		tool.do("w", 65536, 512, 6)
		expect(tool.read(0, 65536) == model + bytes(55296), "after the next cluster")
		tool.end()
		check("i")
		compare("i", model + bytes(55296) + fill(65536, 512, 6) + bytes(SIZE // 4 - 66048))
		clean()


def space(rng):
	"""What is given up becomes a hole, and is used again."""
	qemu("qemu-img", "create", "-q", "-f", "qcow2", "i", "16M")
	tool = Tool("i,format=qcow2")
	for at in 0, 8 * MIB:
		tool.do("w", at, 8 * MIB, 1)
	tool.do("f")
	full = os.stat("i")
	expect(full.st_blocks * 512 >= 16 * MIB, "blocks")
	tool.do("d", 0, 16 * MIB)
	tool.do("f")
	expect(os.stat("i").st_blocks * 512 < MIB, "%d blocks" % os.stat("i").st_blocks)
	check("i")
	tool.do("w", 0, 8 * MIB, 2)
	tool.do("w", 8 * MIB, 8 * MIB, 2)
	tool.end()
	expect(os.stat("i").st_size <= full.st_size, "the file has grown")
	check("i")


# ---- what is refused -------------------------------------------------------

def refused(disk, text):
	process = subprocess.run([PROGRAM, disk], stdin=subprocess.DEVNULL,
		stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60)
	said = process.stderr.decode()
	expect(process.returncode == 1 and text in said,
		"%s: status %d: %s" % (disk, process.returncode, said))
	expect(said.count("\n") == 1, "%s: %s" % (disk, said))


def patch(name, offset, data):
	with open(name, "r+b") as f:
		f.seek(offset)
		f.write(data)


def refusals(rng):
	def make(*args):
		qemu("qemu-img", "create", "-q", "-f", "qcow2", *args)

	make("i", "8M")
	refused("i", 'is in qcow2 format, or looks so: add ",format=qcow2"')
	for bit, text in [(0, '"qemu-img check -r all i" repairs it'), (1, "marked as corrupt"),
			(2, "data in another file"), (5, 'bit 5'), (63, "bit 63")]:
		patch("i", 72, struct.pack(">Q", 1 << bit))
		refused("i,format=qcow2", text)
		refused("i,format=qcow2,ro", text)
	patch("i", 72, struct.pack(">Q", 1 << 3))
	refused("i,format=qcow2", "type of compression")
	patch("i", 72, bytes(8))
	patch("i", 32, struct.pack(">I", 1))
	refused("i,format=qcow2", "is encrypted")
	patch("i", 32, bytes(4))
	for bits in 0, 8, 22, 64, 1 << 31:
		patch("i", 20, struct.pack(">I", bits))
		refused("i,format=qcow2", "size of clusters")
	patch("i", 20, struct.pack(">I", 16))
	for offset, width, value, text in [(36, "I", 0, "level 1 is too small"),
			(36, "I", 1 << 31, "level 1 is too large"), (40, "Q", 1, "place of level 1"),
			(40, "Q", 1 << 40, "place of level 1"), (40, "Q", (1 << 64) - 65536, "clusters"),
			(48, "Q", 3, "place of the table"), (48, "Q", 1 << 63, "place of the table"),
			(56, "I", 0, "size of the table"), (56, "I", 1 << 31, "size of the table"),
			(60, "I", 1, "place of the snapshots"), (24, "Q", 1 << 63, "size of clusters"),
			(24, "Q", 0, "no sectors"), (24, "Q", 1 << 60, "level 1 is too small"),
			(96, "I", 7, "size of refcounts"), (100, "I", 96, "size of clusters"),
			(100, "I", 1 << 20, "size of clusters"), (4, "I", 4, "unknown version"),
			(0, "I", 0, "not in qcow2 format")]:
		shutil.copy("i", "j")
		patch("j", offset, struct.pack(">" + width, value))
		refused("j,format=qcow2", text)
	shutil.copy("i", "j")
	patch("j", 116, struct.pack(">I", 1 << 30))
	refused("j,format=qcow2", "an extension is too long")
	with open("j", "wb") as f:
		f.write(b"QFI\xfb")
	refused("j,format=qcow2", "the file ends within it")

	with open("base", "wb") as f:
		f.write(rng.randbytes(MIB))
	make("-b", "base", "-F", "raw", "k", "8M")
	refused("k,format=qcow2", 'called "base" in its header: add ",backing=FILE"')
	refused("i,format=qcow2,backing=base", "is not based on another file")
	refused("k,format=qcow2,backing=none", "No such file")
	make("-b", "k", "-F", "qcow2", "l", "8M")
	refused("l,format=qcow2,backing=k", 'disk k: is based on another file')
	refused("k,format=qcow2,backing=base,backing_format=qcow2", "not in qcow2 format")
	make("-b", "i", "-F", "qcow2", "m", "8M")
	tool = Tool("m,format=qcow2,backing=i")
	refused("i,format=qcow2", "in use")
	refused("m,format=qcow2,ro,backing=i", "in use")
	qemu("qemu-io", "-f", "qcow2", "-c", "read 0 512", "m", status=(1,))
	tool.end()
	# Without a format in the header.
	with open("m", "rb") as f:
		head = bytearray(f.read(4096))
	at = head.index(struct.pack(">I", 0xe2792aca))
	patch("m", at, struct.pack(">I", 0x11111111))
	refused("m,format=qcow2,backing=i", 'add ",backing_format=raw"')
	Tool("m,format=qcow2,backing=i,backing_format=qcow2").end()


def autoclear(_rng):
	"""Bitmaps are invalid from the first start on, unless nothing is written."""
	qemu("qemu-img", "create", "-q", "-f", "qcow2", "i", "8M")
	qemu("qemu-img", "bitmap", "--add", "i", "b")
	for more, bits in (",ro", 1), (",snapshot", 1), ("", 0):
		said = Tool("i,format=qcow2" + more).end()
		expect(("bitmaps" in said) == (not bits), said)
		with open("i", "rb") as f:
			expect(struct.unpack(">Q", f.read(96)[88:])[0] == bits, "autoclear")


def snapshot_and_direct(rng):
	"""
	A throwaway snapshot above it; O_DIRECT below it, which tmpfs does not have on
	older kernels.
	"""
	work = os.getcwd()
	with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
		os.chdir(folder)
		try:
			throwaway(rng)
		finally:
			os.chdir(work)


def throwaway(rng):
	image = Image(rng, "i", "", ["backing", "data"])
	with open("i", "rb") as f:
		before = f.read()
	model = bytes(image.model)
	tool = Tool(image.disk + ",snapshot")
	for _ in range(40):
		image.change(tool)
	tool.end()
	with open("i", "rb") as f:
		expect(f.read() == before, "the image has changed")
	image.model = bytearray(model)
	image.rng = rng
	tool = Tool(image.disk + ",direct")
	for _ in range(40):
		image.change(tool)
	tool.end()
	image.check_all()


def damaged(rng):
	"""Any byte of the tables may be wrong: errors, no crash, and no end."""
	image = Image(rng, "i", "cluster_size=4K", ["data", "snapshot"])
	with open("i", "rb") as f:
		good = f.read()
	for _ in range(25):
		content = bytearray(good)
		for _ in range(rng.randrange(1, 8)):
			at = rng.randrange(0, 0x8000)
			content[at] = rng.choice([0, 1, 0x7F, 0x80, 0xFF])
		with open("j", "wb") as f:
			f.write(content)
		try:
			tool = Tool("j,format=qcow2")
		except Refused:
			continue
		tool.process.stdin.write(b"".join(b"%s %d %d 1\nf\n" % (rng.choice([b"w", b"d", b"z"]),
			*image.range(SECTOR, 300)) for _ in range(20)))
		_, err = tool.process.communicate(timeout=60)
		expect(tool.process.returncode == 0, err.decode()[-3000:])


# ----------------------------------------------------------------------------

CASES = [random_requests, threads, stops, failures, growth, sizes, last_cluster,
	space, refusals, autoclear, snapshot_and_direct, damaged]


def main():
	bad = False
	# What a sanitizer finds is no answer of the program's.
	os.environ["ASAN_OPTIONS"] = os.environ["UBSAN_OPTIONS"] = "exitcode=99"
	seed = sys.argv[2] if len(sys.argv) > 2 else random.SystemRandom().randrange(1 << 32)
	only = sys.argv[3:]
	print("# seed %s" % seed)
	cases = [c for c in CASES if not only or c.__name__ in only]
	print("1..%d" % len(cases))
	# qemu-img waits for the disk at the end of whatever it does: not in memory.
	memory = "/dev/shm"
	with tempfile.TemporaryDirectory(dir=memory if os.access(memory, os.W_OK) else None) as work:
		os.chdir(work)
		for case in cases:
			try:
				case(random.Random("%s %s" % (seed, case.__name__)))
				print("ok - qcow2_tool: %s" % case.__name__, flush=True)
			except (Wrong, subprocess.TimeoutExpired, OSError, ValueError) as problem:
				bad = True
				print("not ok - qcow2_tool: %s" % case.__name__)
				print("# " + str(problem).replace("\n", "\n# "), flush=True)
			clean()
		os.chdir("/")
	return bad


PROGRAM = os.path.abspath(sys.argv[1])
KEEP = tempfile.gettempdir()

if __name__ == "__main__":
	sys.exit(main())
