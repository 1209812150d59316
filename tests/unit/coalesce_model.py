#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Model checker for the flash banks' coalesced writes.

While a bank is not in array mode, KVM may put the guest's writes into a
ring and let the guest go on; while it is in array mode, a memory slot
serves the guest's reads and the ring is made to look full, so that every
write exits.  All banks share the ring: it is open only while no bank that
has a zone, where KVM takes writes, is mapped.  This program walks through
all interleavings of a few vCPUs' steps and of the VMM's, and looks in each
for:

    P1  linearizability: the reads' values are those of banks without ring
        and slot that do each operation at one moment between its
        beginning and its end.  That is stronger than program order and
        the order of the guest's mutex, and implies both
    P2  no write is lost or done twice; at rest, with the ring drained, the
        chip is in the state that the order found for P1 leads to
    P3  while an array is mapped its content does not change, and if it has
        a zone the ring is not open, and nothing is in it
    P4  when a vCPU's access to another device is seen, all its earlier
        writes to the banks have been applied
    P5  no deadlock

It knows the protocol, not the C code.  One step of the model is one access
to what is shared without a common lock: the ring's two indices, the slot,
the pause.  What only the holder of the banks' lock touches (the chip, the
VMM's own notes) goes into the same step as the access before it: nobody
can tell the difference.  Whether a mapping is given up so that the ring
can be opened for another bank is left open: both are gone through.  A
guest's operation begins with the step in which KVM looks at the ring or
the slot: earlier it could have no effect.  Memory is sequentially
consistent: missing barriers are not found here.

    coalesce_model.py                the tests, TAP, for make check-unit
    coalesce_model.py --deep         longer programs, too: some minutes
    coalesce_model.py --mutant NAME  show how a broken protocol fails
"""

import argparse
import gc
import sys
import time

from coalesce_ring import (
	ring_flaws, ring_overflow, ring_slots, room_new, room_old)
from coalesce_world import (
	APPEND, ARRAY, CLOSE, CONFIRM, CREATE, Checker, DELETE, DRAIN, EVENT, EVENT_EXIT, ID,
	KICK, LOCK, PAUSE, PROGRAM, PROGRAMMING, Protocol, READ, READ_EXIT, REOPEN, RESUME,
	STATUS, UNLOCK, WRITE_EXIT, ZONE, chip_in, on, put)


# --- the tests ---

# Every step there is: one that is never taken would not have been tested.
STEPS = {
	"access to another device: exit", "adds the zone",
	"creates the slot, read answered", "deletes the slot", "drains",
	"gives a mapping up", "leaves the ring closed",
	"locks the guest's mutex", "map: all may run",
	"map: all others are paused",
	"map: array mode is over, opens the ring, read answered",
	"map: closes the ring", "map: creates the slot, read answered",
	"map: nobody is to run",
	"map: drains", "map: ring empty", "opens the ring",
	"ring is open already",
	"put into the ring, the guest goes on", "reads through the slot",
	"reads: exit", "ring empty, applies",
	"ring empty, applies, is to open", "ring empty, applies, is to unmap",
	"ring empty, array mode: is to map", "ring empty, read answered",
	"ring empty, the event is seen", "unlocks the guest's mutex",
	"writes, no zone: exit", "writes, ring full: exit",
	"writes, room in the ring",
}

BANK = (READ, ARRAY, STATUS, PROGRAM, CONFIRM)
ALL = BANK + (EVENT,)
FEW = (READ, ARRAY, STATUS)
OTHER = (READ, ARRAY, ID, PROGRAM, CONFIRM)
SECTION = (LOCK, PROGRAM, ID, CONFIRM, ARRAY, READ, UNLOCK)
SECTION_2 = (LOCK, PROGRAM, STATUS, CONFIRM, ARRAY, READ, UNLOCK)
QUERY = (LOCK, ID, READ, ARRAY, READ, UNLOCK)
STREAM = (STATUS,) * 9

# On two banks.
BANK_2 = BANK + on(1, BANK)
FEW_2 = FEW + on(1, FEW)
READER = (READ, ARRAY) + on(1, (READ, ARRAY))
WRITER = (PROGRAM, CONFIRM) + on(1, (PROGRAM, CONFIRM))
READ_2, STATUS_2, ARRAY_2 = on(1, (READ, STATUS, ARRAY))
STREAM_2 = (STATUS, STATUS_2) + (STATUS,) * 4 + (STATUS_2,) * 3

# name, programs, words of a buffered program
PROGRAMS = (
	("one vCPU, all programs of 4", ((ALL,) * 4,), 1),
	("two vCPUs, all programs of 2 and 3, one has no events",
	 ((BANK,) * 2, (ALL,) * 3), 1),
	("two vCPUs, ID, 2 words", ((OTHER,) * 2, (OTHER,) * 2), 2),
	("two vCPUs, modes only, 3 and 3", ((FEW,) * 3, (FEW,) * 3), 1),
	("three vCPUs, all programs of 1", ((ALL,),) * 3, 1),
	("three vCPUs, modes only, 2, 1 and 1",
	 ((FEW,) * 2, (FEW,), (FEW,)), 1),
	("two locked writers, a reader", (SECTION, SECTION_2, (READ,) * 2), 1),
	("locked writer, locked query, a reader",
	 (SECTION, QUERY, (READ,) * 2), 1),
	("locked writer, any program of 2", (SECTION, (ALL,) * 2), 1),
	("program of 2 words, reads and events",
	 ((PROGRAM, ID, STATUS, CONFIRM, ARRAY, READ),
	  ((READ, EVENT),) * 4), 2),
)
BANKS = (
	("two banks, one vCPU, all programs of 4", ((BANK_2,) * 4,), 1),
	("two banks, two vCPUs, modes only, 2 and 2",
	 ((FEW_2,) * 2, (FEW_2,) * 2), 1),
	("two banks, two vCPUs, modes only, 3 and 1",
	 ((FEW_2,) * 3, (FEW_2,)), 1),
	("two banks, three vCPUs, modes only, 1 each", ((FEW_2,),) * 3, 1),
	("two banks, programs of both, a reader of both",
	 (WRITER, (READER,) * 2), 1),
	("two banks, locked writers of one each, a reader",
	 ((LOCK, PROGRAM, CONFIRM, ARRAY, READ, UNLOCK),
	  (LOCK,) + on(1, (PROGRAM, CONFIRM, ARRAY, READ)) + (UNLOCK,),
	  ((READ, READ_2),)), 1),
	("two banks, events",
	 (((STATUS, STATUS_2), (ARRAY, ARRAY_2), (EVENT,)),
	  ((READ, READ_2, EVENT),) * 2), 1),
)
DEEP = (
	("two vCPUs, all programs of 3 and 3", ((ALL,) * 3, (ALL,) * 3), 1),
	("two vCPUs, all programs of 4 and 2", ((ALL,) * 4, (ALL,) * 2), 1),
	("two vCPUs, modes only, 4 and 4", ((FEW,) * 4, (FEW,) * 4), 1),
	("three vCPUs, all programs of 2, 1 and 1",
	 ((ALL,) * 2, (ALL,), (ALL,)), 1),
)
DEEP_BANKS = (
	("two banks, two vCPUs, modes only, 3 and 2",
	 ((FEW_2,) * 3, (FEW_2,) * 2), 1),
	("two banks, two vCPUs, all programs of 2 and 2",
	 ((BANK_2,) * 2, (BANK_2,) * 2), 1),
	("two banks, three vCPUs, modes only, 2, 1 and 1",
	 ((FEW_2,) * 2, (FEW_2,), (FEW_2,)), 1),
)
SMALL = ((FEW,) * 2, (FEW,) * 3)
SMALL_2 = ((FEW_2,) * 2, (FEW_2,))
EVENTS = ((ALL,) * 2,) * 2
WRAP = (STREAM, ((READ, EVENT, ARRAY),) * 2)

OLD_CLOSED = dict(slots=6, room=room_old, hide_zero=True, closed=(5, 0))
# name: what is wrong, the property that breaks first, changes, programs
MUTANTS = {
	"no-pause": ("no pause before closing", "P3",
		     dict(map=(DRAIN, CLOSE, CREATE)), SMALL),
	"no-await": ("a pause does not await an append", "P3",
		     dict(awaits=()), SMALL),
	"await-lock": ("a pause awaits who waits for the bank's lock", "P5",
		       dict(awaits=(APPEND, READ_EXIT)), SMALL),
	"map-first": ("mapping before closing", "P3",
		      dict(map=(KICK, PAUSE, DRAIN, CREATE, RESUME, CLOSE)),
		      SMALL),
	"close-first": ("closing before draining", "P2",
			dict(map=(KICK, PAUSE, CLOSE, DRAIN, RESUME, CREATE)),
			SMALL),
	"no-recheck": ("mapping whatever the drain did", "P1",
		       dict(recheck=False), SMALL),
	"open-first": ("opening before the slot is deleted", "P3",
		       dict(unmap=(ZONE, REOPEN, DELETE), looks=False), SMALL),
	"read-stale": ("no drain on a read's exit", "P1",
		       dict(drains=(WRITE_EXIT, EVENT_EXIT)), SMALL),
	"write-stale": ("no drain on a write's exit", "P2",
			dict(drains=(READ_EXIT, EVENT_EXIT)), SMALL),
	"event-stale": ("no drain before another device's event", "P4",
			dict(drains=(READ_EXIT, WRITE_EXIT)), EVENTS),
	"drain-closed": ("draining a closed ring", "P2",
			 dict(knows=False), SMALL),
	"closed-at-0": ("closed where the old formula sees room", "P3",
			OLD_CLOSED, SMALL),
	"ignores-others": ("opening while another bank is mapped", "P3",
			   dict(looks=False), SMALL_2),
	"early": ("opening before another bank is unmapped", "P3",
		  dict(early=True), SMALL_2),
	"zone-first": ("a zone before the slot is deleted", "P3",
		       dict(unmap=(ZONE, DELETE, REOPEN)), SMALL_2),
	"closes-own": ("closing drops what is in the ring for others", "P2",
		       dict(closes_own=True), SMALL_2),
	"show-0": ("the old formula sees first == 0", "P2",
		   dict(slots=6, room=room_old), (STREAM, (READ,))),
}


def starts(checker):
	"""Out of reset, and inside of what a longer program had begun."""
	array, status = chip_in(ARRAY), chip_in(STATUS)
	programming = chip_in(PROGRAMMING, checker.words)
	if checker.banks == 1:
		return [checker.start((array,), (True,), True),
			checker.start((array,), (False,), True),
			checker.start((status,), (False,), False),
			checker.start((programming,), (False,), False)]
	both = (array, array)
	return [checker.start(both, (True, True), True, (False, False)),
		checker.start(both, (True, True), True),
		checker.start(both, (False, True), True),
		checker.start(both, (False, False), False),
		checker.start((status, array), (False, True), False,
			      (True, False)),
		checker.start((status, array), (False, True), True),
		checker.start((programming, array), (False, False), False),
		checker.start((status, programming), (False, False), False)]


class Tap:
	def __init__(self):
		self.count = 0
		self.failed = 0

	def result(self, ok, text, notes=()):
		self.count += 1
		self.failed += not ok
		print(f"{'ok' if ok else 'not ok'} {self.count} - {text}")
		for note in notes:
			print(f"#   {note}")
		sys.stdout.flush()

	def finish(self):
		print(f"1..{self.count}")
		return 1 if self.failed else 0


def told(violation):
	if not violation:
		return ["no violation"]
	steps = (f"{at}. {step}" for at, step in enumerate(violation.trace))
	return [str(violation), *steps]


def check_holds(tap, name, protocol, programs, words=1, seen=None):
	checker = Checker(protocol, programs, words)
	begun = time.process_time()
	violation = checker.run(starts(checker))
	took = time.process_time() - begun
	if seen is not None:
		seen |= checker.seen
	notes = [f"{checker.states} states, {took:.1f} s"]
	tap.result(not violation, name,
		   told(violation) if violation else notes)


def run_mutant(name, inside=True):
	_, _, changes, programs = MUTANTS[name]
	checker = Checker(Protocol(**changes), programs, inside=inside)
	return checker.run(starts(checker))


def check_mutant(tap, name):
	text, wanted, _, _ = MUTANTS[name]
	violation = run_mutant(name)
	ok = violation is not None and violation.name == wanted
	notes = [str(violation)] if ok else told(violation)
	if ok and wanted == "P3":
		# A broken rule must harm somebody, or P3 asks too much.
		violation = run_mutant(name, inside=False)
		ok = violation is not None
		notes.append(f"from outside: {violation}")
	tap.result(ok, f"caught, {wanted}: {text}", notes)


def check_indices(tap):
	for page in (4096, 16384, 65536):
		for room in (room_new, room_old):
			protocol = Protocol(ring_slots(page), room, True)
			tap.result(not ring_flaws(protocol),
				   f"indices of {protocol.slots}, "
				   + room.__name__, ring_flaws(protocol))
	slots = ring_slots(4096)
	for room in (room_new, room_old):
		path = ring_overflow(Protocol(slots, room, True))
		tap.result(not path, f"a ring of {slots} never overflows, "
			   + room.__name__, path or ())
	path = ring_overflow(Protocol(slots, room_old))
	tap.result(bool(path), "caught, overflow: first == 0 is shown",
		   [", ".join(f"{what} {times}" for what, times in path)]
		   if path else ["not caught"])


def check_protocol(tap, programs):
	seen = set()
	for name, operations, words in programs:
		check_holds(tap, name, Protocol(), operations, words, seen)
	tap.result(seen == STEPS, "every step of the protocol was taken",
		   sorted(STEPS ^ seen))
	for room in (room_new, room_old):
		protocol = Protocol(6, room, True)
		name = f"six slots, {room.__name__}, "
		check_holds(tap, name + "all programs of 2 and 2", protocol,
			    ((ALL,) * 2,) * 2)
		check_holds(tap, name + "ring wraps", protocol, WRAP)
		check_holds(tap, name + "two banks, ring wraps", protocol,
			    (STREAM_2, ((READ_2,),) * 2))


def main():
	parser = argparse.ArgumentParser(
		description="model checker for coalesced flash writes")
	parser.add_argument("--deep", action="store_true",
			    help="longer programs, too: some minutes")
	parser.add_argument("--mutant", choices=sorted(MUTANTS),
			    help="show how this one fails")
	args = parser.parse_args()
	if args.mutant:
		violation = run_mutant(args.mutant)
		print("\n".join(told(violation)))
		return 0
	# Millions of tuples and no cycles among them.
	gc.disable()
	tap = Tap()
	check_protocol(tap, PROGRAMS + BANKS +
		       (DEEP + DEEP_BANKS if args.deep else ()))
	for name in MUTANTS:
		check_mutant(tap, name)
	check_indices(tap)
	return tap.finish()


if __name__ == "__main__":
	sys.exit(main())
