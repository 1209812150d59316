#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
#
# tests/boot/lib/powercuts.py: the contents that a cut may leave, of small
# records whose contents can be counted, and of random ones against a model that
# is slow and plain. As TAP.

import itertools
import os
import random
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "boot", "lib"))
from powercuts import (HEADER, PAGE, SECTOR, BadLog, Cuts, Event, History, Marks,  # noqa: E402
	drop_syncs, merged, read_log, spread)

BEGIN, END = Event("B", False, 0, b""), Event("E", False, 0, b"")
FAILED = Event("E", True, 0, b"")
PAGES = 3
BEFORE = bytes(PAGES * PAGE)


def write(offset, data):
	return Event("W", False, offset, data)


def said(text):
	return Event("O", False, 0, text)


def fill(value, page=0, sectors=1):
	"""A write that begins a page."""
	return write(page * PAGE, bytes([value]) * SECTOR * sectors)


def short(content):
	"""Each sector as one digit; pages apart."""
	sectors = [content[at] for at in range(0, len(content), SECTOR)]
	text = "".join("%d" % value for value in sectors)
	return " ".join(text[at:at + 8].rstrip("0") or "0" for at in range(0, len(text), 8))


def contents(events, **more):
	cuts = Cuts(BEFORE, events, **more)
	found = {short(cuts.content(state)): state for state in cuts.states}
	assert len(found) == len(cuts.states), "the same content twice"
	return found


def is_equal(got, wanted):
	assert got == wanted, "%r instead of %r" % (got, wanted)


# ---- contents --------------------------------------------------------------

def nothing_written():
	is_equal(set(contents([said(b"x")])), {"0 0 0"})


def pages_in_any_order():
	events = [fill(1, 0), fill(2, 1), fill(3, 2)]
	is_equal(set(contents(events)), {"0 0 0",
		"1 0 0", "1 2 0", "1 2 3",		# prefix
		"0 2 0", "0 0 3",			# alone
		"0 2 3", "1 0 3"})			# without
	is_equal(set(contents(events, kinds=("prefix",))), {"0 0 0", "1 0 0", "1 2 0", "1 2 3"})
	# from the back: the order of places is none of the others
	is_equal(set(contents(events[::-1], kinds=("place",))), {"1 0 0", "1 2 0"})


def one_page_keeps_its_order():
	is_equal(set(contents([fill(1), write(SECTOR, b"\2" * SECTOR)])), {"0 0 0", "1 0 0", "12 0 0"})


def a_sync_is_a_barrier():
	is_equal(set(contents([fill(1, 0), BEGIN, END, fill(2, 1)])), {"0 0 0", "1 0 0", "1 2 0"})


def only_its_end_is_one():
	events = [fill(1, 0), BEGIN, fill(2, 1)]
	is_equal(set(contents(events)), {"0 0 0", "1 0 0", "0 2 0", "1 2 0"})
	is_equal(set(contents([*events[:2], FAILED, events[2]])), {"0 0 0", "1 0 0", "0 2 0", "1 2 0"})


def a_sync_does_not_cover_what_comes_in_it():
	events = [fill(1, 0), BEGIN, fill(2, 1), END, fill(3, 2)]
	is_equal(set(contents(events)), {"0 0 0", "1 0 0", "0 2 0", "1 2 0", "1 0 3", "1 2 3"})


def sectors_are_torn():
	found = contents([fill(1, 0), fill(2, 1, 3)], kinds=("torn", "tail"))
	is_equal({key: state.kind for key, state in found.items()},
		{"1 2 0": "torn", "1 22 0": "torn", "1 022 0": "tail", "1 002 0": "tail"})


def writes_over_pages():
	found = contents([write(PAGE - SECTOR, b"\5" * 2 * SECTOR)])
	is_equal(set(found), {"0 0 0", "00000005 0 0", "0 5 0", "00000005 5 0"})


def strictness():
	"""With a sync for each write there are prefixes only."""
	events = []
	for page in range(PAGES):
		events += [fill(page + 1, page), BEGIN, END]
	is_equal(list(contents(events)), ["0 0 0", "1 0 0", "1 2 0", "1 2 3"])


def model(before, events):
	"""All contents with any pages, each at any moment since; no torn ones."""
	found, versions = set(), [[before[n * PAGE:(n + 1) * PAGE]] for n in range(PAGES)]
	began = None

	def take():
		found.update(b"".join(pages) for pages in itertools.product(*versions))

	for event in events:
		if event.kind == "W":
			page, at = divmod(event.offset, PAGE)
			old = versions[page][-1]
			versions[page].append(old[:at] + event.data + old[at + len(event.data):])
		elif event.kind == "B":
			began = [len(v) - 1 for v in versions]
		elif event.kind == "E":
			versions = [v[n:] for v, n in zip(versions, began)]
		take()
	return found


def random_records():
	rng = random.Random(1)
	for _ in range(200):
		events, inside = [], False
		for _ in range(rng.randrange(1, 9)):
			if rng.random() < 0.3:
				events.append(END if inside else BEGIN)
				inside = not inside
			else:
				events.append(write(rng.randrange(PAGES * 8) * SECTOR,
					bytes([rng.randrange(1, 9)]) * SECTOR))
		cuts = Cuts(BEFORE, events, kinds=("prefix", "alone", "without", "place"))
		ours = {cuts.content(state) for state in cuts.states}
		assert ours <= model(BEFORE, events), "%s: some that cannot be" % events
		# what is written without any cut, and all moments before it
		content = bytearray(BEFORE)
		for event in events:
			assert bytes(content) in ours, "%s: a prefix is missing" % events
			content[event.offset:event.offset + len(event.data)] = event.data
		assert bytes(content) in ours, "%s: the end is missing" % events


def syncs_are_dropped():
	events = [fill(1, 0), BEGIN, END, fill(2, 1), BEGIN, said(b"x"), END, said(b"y"), fill(3, 2),
		BEGIN, END]
	is_equal(drop_syncs(events, lambda _: False), [events[n] for n in (0, 3, 5, 7, 8)])
	is_equal(drop_syncs(events, lambda _: True), events[:-2])
	is_equal(drop_syncs(events, lambda write: write.data[0] == 2), [events[n]
		for n in (0, 1, 2, 3, 5, 7, 8)])


def contents_are_merged():
	same = Cuts(BEFORE, [fill(1, 0)])
	more = Cuts(BEFORE, [fill(1, 0), BEGIN, END, fill(2, 1)])
	is_equal([[name for name, _ in places] for places in merged([("a", same), ("b", more)])],
		[["a", "b"], ["a", "b"], ["b"]])


# ---- promises --------------------------------------------------------------

def floors():
	events = [said(b"a"), fill(1, 0), said(b"b"), BEGIN, END, said(b"c"), fill(2, 1), said(b"d")]
	found = contents(events)
	# what was said before the first write that may be missing
	is_equal({key: (state.floor, state.cut) for key, state in found.items()},
		{"0 0 0": (1, 0), "1 0 0": (6, 1), "1 2 0": (6, 6)})


def histories():
	events = [fill(1, 0), BEGIN, END, said(b"a"), fill(2, 1), said(b"b"), BEGIN, END, said(b"c")]
	found = contents(events)
	history = History({"x": "old", "y": "kept"})
	history.change("x", "new", 3, 5)
	history.change("z", "late", 8, None)
	allowed = {key: history.allowed(state) for key, state in found.items()}
	is_equal(allowed["0 0 0"], {"x": ["old"], "y": ["kept"], "z": [None]})
	is_equal(allowed["1 0 0"], {"x": ["old"], "y": ["kept"], "z": [None]})
	is_equal(allowed["1 2 0"], {"x": ["new"], "y": ["kept"], "z": [None]})
	# the write is there, but nobody was told: either will do
	found = contents(events[:6])
	is_equal(history.allowed(found["1 2 0"])["x"], ["old", "new"])


def marks():
	events = [said(b"Sh"), fill(1), said(b"\x1b[1;3"), said(b"7mell> \r\n"), said(b"Shell> ")]
	found = Marks(events).find("Shell> ")
	is_equal([index for index, _ in found], [3, 4])


# ---- records ---------------------------------------------------------------

def packed(kind, fd=5, offset=0, data=b"", failed=0):
	return HEADER.pack(kind, failed, 0, fd, offset, len(data)) + data


def logs():
	raw = packed(b"W", offset=512, data=b"ab") + packed(b"B") + packed(b"E", failed=1) + \
		packed(b"O", 1, data=b"text")
	is_equal(read_log(raw), [write(512, b"ab"), BEGIN, FAILED, said(b"text")])


def bad_logs():
	for raw in (packed(b"W", data=b"ab")[:-1], packed(b"W")[:9], packed(b"X"), packed(b"T"),
			packed(b"W", failed=1), packed(b"B", 5) + packed(b"B", 6)):
		try:
			read_log(raw)
		except BadLog:
			continue
		raise AssertionError("%r is taken" % raw)
	try:
		Cuts(BEFORE, [write(len(BEFORE) - 1, b"ab")])
	except BadLog:
		return
	raise AssertionError("a write beyond the end is taken")


def spreading():
	is_equal(spread(range(100), 3), [0, 49, 99])
	is_equal(spread([1, 2], 5), [1, 2])
	is_equal(spread(range(9), 1), [4])


TESTS = (nothing_written, pages_in_any_order, one_page_keeps_its_order, a_sync_is_a_barrier,
	only_its_end_is_one, a_sync_does_not_cover_what_comes_in_it, sectors_are_torn,
	writes_over_pages, strictness, random_records, syncs_are_dropped, contents_are_merged,
	floors, histories, marks, logs, bad_logs,
	spreading)


def main():
	failed = False
	for n, test in enumerate(TESTS, 1):
		name = "powercuts: " + test.__name__.replace("_", " ")
		try:
			test()
			print("ok %d - %s" % (n, name))
		except AssertionError as problem:
			print("not ok %d - %s\n# %s" % (n, name, problem))
			failed = True
	print("1..%d" % len(TESTS))
	return failed


if __name__ == "__main__":
	sys.exit(main())
