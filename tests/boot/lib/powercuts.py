#!/usr/bin/env python3
# What a file may hold after a loss of power, from a record of its writes
# SPDX-License-Identifier: GPL-2.0-or-later
#
# usage: powercuts.py FILE LOG
#
# FILE is what the file held before, LOG what record.c noted down. Prints how
# many different contents there are.
#
# A sync that has come to its end is a barrier: all that was written before its
# beginning is on the medium. Of what was written since, up to the moment of the
# cut, the kernel may have written any pages to the medium, each as it was at
# any moment since, and the disk may have written part of a page. That is too
# much to go through, so there are:
#
#   prefix   all writes up to one, in their order
#   torn     the same, but of the last one the first of its sectors only
#   tail     or the last of them
#   alone    one page as it was at some moment; nothing else
#   without  all up to one write, but for one page
#   place    all pages up to one, in the order of their places

import bisect
import collections
import hashlib
import re
import struct
import sys

PAGE, SECTOR = 4096, 512
HEADER = struct.Struct("<cBHiQQ")	# struct record of record.c

# `failed` is an error of the call; `data` of an output has no offset.
Event = collections.namedtuple("Event", "kind failed offset data")
# One page's content after a write, with a hash of it and its place.
Version = collections.namedtuple("Version", "content hash")
Write = collections.namedtuple("Write", "index page version")


class BadLog(Exception):
	"""A record of which nothing can be concluded."""


def read_log(raw):
	"""The events of a log. All but outputs are of one file."""
	events, files, at = [], set(), 0
	while at < len(raw):
		if at + HEADER.size > len(raw):
			raise BadLog("it ends within a record")
		kind, failed, _, fd, offset, length = HEADER.unpack_from(raw, at)
		at += HEADER.size
		if kind not in b"WBETO" or at + length > len(raw):
			raise BadLog("at %#x: kind %r, %d bytes" % (at, kind, length))
		if kind == b"T" or kind == b"W" and failed:
			raise BadLog("the file's length changes, or a write fails")
		if kind != b"O":
			files.add(fd)
		events.append(Event(kind.decode(), bool(failed), offset, raw[at:at + length]))
		at += length
	if len(files) > 1:
		raise BadLog("there are %d files" % len(files))
	return events


class Marks:
	"""What was printed, and at which event."""

	ESCAPE = re.compile(rb"\x1b\[[0-9;=?]*[A-Za-z]|\r")

	def __init__(self, events):
		self.ends, self.indices, text = [], [], b""
		pieces = []
		length = 0
		for i, event in enumerate(events):
			if event.kind == "O":
				pieces.append(event.data)
				length += len(event.data)
				self.ends.append(length)
				self.indices.append(i)
		text = b"".join(pieces)
		kept, self.places, at = [], [], 0
		for escape in [*self.ESCAPE.finditer(text), None]:
			end = escape.start() if escape else len(text)
			kept.append(text[at:end])
			self.places.extend(range(at, end))
			at = escape.end() if escape else end
		self.text = b"".join(kept).decode("ascii", "replace")

	def find(self, pattern):
		"""[(index of the event that ended it, match)]"""
		found = []
		for match in re.finditer(pattern, self.text):
			place = self.places[match.end() - 1]
			found.append((self.indices[bisect.bisect_right(self.ends, place)], match))
		return found


class State:
	"""One content that may be left.

	floor: what was printed before this event is on the medium
	cut: the last write of which there is something
	key: the same for the same content, of all records of a file
	"""

	__slots__ = ("window", "key", "overlay", "floor", "cut", "kind")

	def __init__(self, window, key, overlay, cut, kind):
		self.window, self.key, self.overlay = window, key, overlay
		self.floor, self.cut, self.kind = window.floor, cut, kind

	def also(self, floor, cut):
		"""It is what other cuts leave as well, and has to be good for all."""
		self.floor = max(self.floor, floor)
		self.cut = min(self.cut, cut)


class Window:
	"""The time from the end of a sync to that of the next one."""

	def __init__(self, base, key, pending, end):
		self.base, self.key, self.pending = base, key, pending
		self.floor = pending[0].index if pending else end


class Cuts:
	"""All contents that a cut may leave. `states` has them by time."""

	KINDS = ("prefix", "torn", "tail", "alone", "without", "place")

	def __init__(self, before, events, kinds=KINDS):
		self.kinds = kinds
		self.size = len(before)
		self.page = [self.version(n, before[n * PAGE:(n + 1) * PAGE])
			for n in range((self.size + PAGE - 1) // PAGE)]
		self.windows = 0
		self.found = {}
		for window in self.split(events):
			self.windows += 1
			self.enumerate_window(window)
		self.states = sorted(self.found.values(), key=lambda s: (s.cut, s.floor, s.kind))

	@staticmethod
	def version(page, content):
		digest = hashlib.blake2b(b"%d " % page + content, digest_size=16).digest()
		return Version(content, int.from_bytes(digest, "little"))

	def parts(self, event):
		"""A write's pages: [(page, offset in it, data)]"""
		at, data = event.offset, event.data
		if at + len(data) > self.size:
			raise BadLog("a write beyond the file's end")
		while data:
			room = PAGE - at % PAGE
			yield at // PAGE, at % PAGE, data[:room]
			at, data = at + room, data[room:]

	def split(self, events):
		base, pending, latest, began = {}, [], {}, None
		for i, event in enumerate(events):
			if event.kind == "W":
				for page, at, data in self.parts(event):
					old = latest.get(page, self.page[page]).content
					new = self.version(page, old[:at] + data + old[at + len(data):])
					latest[page] = new
					pending.append(Write(i, page, new))
			elif event.kind == "B":
				began = i
			elif event.kind == "E" and not event.failed:
				yield Window(base, self.key(base), pending, i)
				base = dict(base)
				base.update((w.page, w.version) for w in pending if w.index < began)
				pending = [w for w in pending if w.index > began]
		yield Window(base, self.key(base), pending, len(events))

	def key(self, pages):
		key = 0
		for page, version in pages.items():
			key ^= self.page[page].hash ^ version.hash
		return key

	def was(self, window, page):
		return window.base.get(page, self.page[page])

	def add(self, window, key, overlay, cut, kind):
		"""overlay is a function that makes the pages that differ from the base."""
		if kind not in self.kinds:
			return
		state = self.found.get(key)
		if state:
			state.also(window.floor, cut)
		else:
			self.found[key] = State(window, key, overlay(), cut, kind)

	def add_pages(self, window, key, latest, pages, cut, kind):
		for page in pages:
			key ^= self.was(window, page).hash ^ latest[page].hash
		self.add(window, key, lambda: {page: latest[page] for page in pages}, cut, kind)

	def enumerate_window(self, window):
		latest, key = {}, window.key
		self.add(window, key, dict, window.floor - 1, "prefix")
		for write in window.pending:
			old = latest.get(write.page) or self.was(window, write.page)
			for kind, torn in self.torn(old, write):
				self.add(window, key ^ old.hash ^ torn.hash,
					lambda torn=torn: {**latest, write.page: torn}, write.index, kind)
			key ^= old.hash ^ write.version.hash
			latest[write.page] = write.version
			self.add(window, key, lambda: dict(latest), write.index, "prefix")
			self.add_pages(window, window.key, latest, [write.page], write.index, "alone")
			for page in latest if "without" in self.kinds else ():
				self.add(window, key ^ latest[page].hash ^ self.was(window, page).hash,
					lambda page=page: {p: v for p, v in latest.items() if p != page},
					write.index, "without")
		places = sorted(latest)
		for n in range(1, len(places)):
			self.add_pages(window, window.key, latest, places[:n], window.pending[-1].index,
				"place")

	def torn(self, old, write):
		was, new = old.content, write.version.content
		changed = [at for at in range(0, len(was), SECTOR)
			if was[at:at + SECTOR] != new[at:at + SECTOR]]
		for at in changed[1:]:
			yield "torn", self.version(write.page, new[:at] + was[at:])
			yield "tail", self.version(write.page, was[:at] + new[at:])

	def content(self, state):
		pages = list(self.page)
		for changes in (state.window.base, state.overlay):
			for page, version in changes.items():
				pages[page] = version
		return b"".join(version.content for version in pages)

	def summary(self):
		kinds = collections.Counter(state.kind for state in self.states)
		return "%d windows, %d contents: %s" % (self.windows, len(self.states),
			", ".join("%d %s" % (n, kind) for kind, n in sorted(kinds.items())))


def drop_syncs(events, kept):
	"""The events without those syncs for whose next write kept(write) is false."""
	left, following = [], None
	keep = False
	for event in reversed(events):
		if event.kind == "W":
			following = event
		elif event.kind == "E":
			keep = following is not None and kept(following)
		if event.kind not in "BE" or keep:
			left.append(event)
	return left[::-1]


def merged(recordings):
	"""[[(recording, state)]]: one content each. recordings: [(recording, cuts)]"""
	contents = collections.defaultdict(list)
	for recording, cuts in recordings:
		for state in cuts.states:
			contents[state.key].append((recording, state))
	return list(contents.values())


class History:
	"""What was done to named things, and when that was known to be done.

	values: {name: value} at the beginning
	"""

	def __init__(self, values):
		self.changes = {name: [(-1, -1, value)] for name, value in values.items()}

	def change(self, name, value, begun, done):
		"""`begun` and `done` are indices of events; done is None if it never was."""
		self.changes.setdefault(name, [(-1, -1, None)]).append((begun, done, value))

	def allowed(self, state):
		"""{name: [value...]}: as before or as after what may have come to the medium."""
		return {name: self.values(changes, state) for name, changes in self.changes.items()}

	@staticmethod
	def values(changes, state):
		last = max(n for n, (_, done, _) in enumerate(changes)
			if done is not None and done <= state.floor)
		return [changes[last][2]] + [value for begun, _, value in changes[last + 1:]
			if begun <= state.cut]


def spread(things, count):
	"""That many of the list or all, evenly spread, with the first and last."""
	if len(things) <= count:
		return list(things)
	if count == 1:
		return [things[len(things) // 2]]
	return [things[n * (len(things) - 1) // (count - 1)] for n in range(count)]


def load(before, log):
	"""Returns the events and the cuts of two files."""
	with open(before, "rb") as f:
		content = f.read()
	with open(log, "rb") as f:
		events = read_log(f.read())
	return events, Cuts(content, events)


def main():
	if len(sys.argv) != 3:
		print("usage: powercuts.py FILE LOG", file=sys.stderr)
		return 2
	try:
		_, cuts = load(*sys.argv[1:])
	except (OSError, BadLog) as problem:
		print("powercuts.py: %s" % problem, file=sys.stderr)
		return 1
	print(cuts.summary())
	return 0


if __name__ == "__main__":
	sys.exit(main())
