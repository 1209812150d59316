#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Model checker for a UART's output that KVM takes without an exit.

Characters go from a guest into KVM's ring, from there, under the ring's lock,
to the UART's queue, and from there, without that lock, to a backend that may
block.  A timer looks at the ring while it is open.  Flash banks share ring and
lock: they drain the ring, or close it.  This program walks through all
interleavings of a few vCPUs' steps, of the VMM's and of the timer, and looks in
each for:

    P1  each vCPU's characters come out once, in their order
    P2  when an access that exits is carried out, all characters that any vCPU
        had written before it have come out
    P3  when all vCPUs stay in the guest for good, all has come out, the ring is
        closed and the timer has stopped
    P4  nobody waits for a backend with the ring's lock, and the timer for none

It knows the protocol, not the C code.  One step is one access to what is shared
without a common lock.  Memory is sequentially consistent.

    output_model.py                  the tests, TAP, for make check-unit
    output_model.py --mutant NAME    show how a broken protocol fails
"""

import argparse
import sys
from collections import namedtuple

# What a guest does: write a character; access a register of this or another
# device; access a flash whose handler drains the ring, or closes it.
WRITE, ACCESS, DRAIN, CLOSE = "write", "access", "drain", "close"

# Where a vCPU is, in the order of a flush.
(GUEST, APPEND, LOOK_RING, LOOK_QUEUE, WAIT, DRAINING, CARRY, TAKE, SEND, MORE,
 HANDLE, OPEN) = (
	"guest", "append", "look at ring", "look at queue", "wait to flush",
	"drain", "carry out", "take", "send", "more", "handle", "open")

NOBODY, TIMER = -1, -2
IDLE = 2  # looks that find nothing until the ring is closed

# ring, hand: entries, and one taken out that is not in the queue yet
# queue, linked, deferred: the UART's, whether it is to be flushed, how many are
# sending: taken out of the queue by who flushes; out: what has come out
# armed, second, moved, idle: the timer's; vcpus: see Vcpu
State = namedtuple("State", "open ring hand queue linked deferred sending out "
		   "lock flusher armed second moved idle vcpus")
# at: operations done; wrote: characters; kicked: leaves the guest; before: what
# P2 asks for, a number of characters for each vCPU
Vcpu = namedtuple("Vcpu", "at wrote where kicked before")


class Violation(Exception):
	pass


class Protocol:
	"""The protocol; the arguments are what a mutant does otherwise."""

	done_late = True    # an entry counts as there until it is in the queue
	counts_late = True  # a zone counts as deferred until it is sent
	pauses = True       # before closing
	kicks = True        # the timer has a vCPU leave the guest
	drains_kicked = True
	stays_armed = True  # while the ring is closed and the queue is not empty
	closes = True       # the ring when the timer stops
	leaves = True       # the timer what is in the ring then to a vCPU
	arms = True         # the timer whenever the ring is opened
	looks_at_queue = True
	one_flusher = True

	def __init__(self, **changes):
		vars(self).update(changes)


class Checker:
	def __init__(self, protocol, programs):
		self.protocol = protocol
		self.programs = programs
		self.vcpus = range(len(programs))

	def start(self, is_open):
		nothing = (0,) * len(self.programs)
		vcpu = Vcpu(0, 0, GUEST, False, nothing)
		return State(is_open, (), None, (), False, 0, (), (), NOBODY, NOBODY,
			     is_open, False, False, 0, (vcpu,) * len(self.programs))

	# --- one step ---

	def put(self, s, n, **changes):
		vcpus = list(s.vcpus)
		vcpus[n] = vcpus[n]._replace(**changes)
		return s._replace(vcpus=tuple(vcpus))

	def written(self, s):
		"""How many characters each vCPU has written; what is owed in P2."""
		return tuple(v.wrote - (v.where == APPEND) for v in s.vcpus)

	def successors(self, s):
		for n in self.vcpus:
			for op in self.choices(s, n):
				for text, after in self.step(s, n, op):
					yield f"vCPU {n}: {text}", after
		if s.armed and s.lock == NOBODY:
			yield from self.look(s)

	def choices(self, s, n):
		v = s.vcpus[n]
		if v.where != GUEST:
			return (None,)
		if v.kicked:
			return (None,)
		if v.at < len(self.programs[n]):
			return self.programs[n][v.at]
		return ()

	def step(self, s, n, op):
		v = s.vcpus[n]
		name = v.where if isinstance(v.where, str) else v.where[0]
		if name == GUEST:
			yield from self.guest(s, n, op)
		else:
			yield from getattr(self, "do_" + name.replace(" ", "_"))(s, n)

	def guest(self, s, n, op):
		v = s.vcpus[n]
		if v.kicked:
			where = (LOOK_RING, None) if self.protocol.drains_kicked else GUEST
			yield "is kicked", self.put(s, n, kicked=False, where=where,
						    before=(0,) * len(self.programs))
		elif op == WRITE and s.open:
			if any(o.where == APPEND for o in s.vcpus):
				return
			yield "writes, room", self.put(s, n, where=APPEND, wrote=v.wrote + 1)
		else:
			yield f"{op}: exit", self.put(s, n, where=(LOOK_RING, op),
						      before=self.written(s))

	def do_append(self, s, n):
		v = s.vcpus[n]
		s = s._replace(ring=s.ring + ((n, v.wrote),))
		yield "append", self.put(s, n, where=GUEST, at=v.at + 1)

	def op(self, s, n):
		return s.vcpus[n].where[1]

	def do_look_at_ring(self, s, n):
		busy = s.ring or (s.hand and self.protocol.done_late)
		where = WAIT if s.open and busy else LOOK_QUEUE
		yield f"ring looks {'full' if busy else 'empty'}", self.put(
			s, n, where=(where, self.op(s, n)))

	def do_look_at_queue(self, s, n):
		empty = not s.deferred or not self.protocol.looks_at_queue
		yield f"queue looks {'empty' if empty else 'full'}", self.put(
			s, n, where=(HANDLE if empty else WAIT, self.op(s, n)))

	def do_wait_to_flush(self, s, n):
		if s.lock != NOBODY:
			return
		if self.protocol.one_flusher:
			if s.flusher != NOBODY:
				return
			s = s._replace(flusher=n)
		yield "flushes", self.put(s._replace(lock=n), n,
					  where=(DRAINING, self.op(s, n)))

	def do_drain(self, s, n):
		if s.ring and s.open:
			s = s._replace(hand=s.ring[0], ring=s.ring[1:])
			yield "takes out", self.put(s, n, where=(CARRY, self.op(s, n)))
		else:
			yield from self.unlink(s, n, "ring is empty")

	def do_carry_out(self, s, n):
		yield "to the queue", self.put(self.enqueue(s, (s.hand,)), n,
					       where=(DRAINING, self.op(s, n)))

	def enqueue(self, s, entries):
		return s._replace(hand=None, queue=s.queue + entries, moved=True,
				  deferred=s.deferred + (not s.linked), linked=True)

	def unlink(self, s, n, text):
		"""The lock is let go of; on to what is deferred, if anything is."""
		op = self.op(s, n)
		if s.linked:
			s = s._replace(linked=False, lock=NOBODY)
			if not self.protocol.counts_late:
				s = s._replace(deferred=s.deferred - 1)
			yield text + ", to send", self.put(s, n, where=(TAKE, op))
			return
		s = s._replace(lock=NOBODY, flusher=NOBODY)
		yield text + ", all sent", self.put(s, n, where=(HANDLE, op))

	def do_take(self, s, n):
		self.check_waits(s, n)
		if s.sending:  # Another one that flushes, where that is allowed.
			return
		s = s._replace(sending=s.queue, queue=())
		yield "takes the queue", self.put(s, n, where=(SEND, self.op(s, n)))

	def do_send(self, s, n):
		s = self.comes_out(s._replace(sending=()), s.sending)
		if s.queue:
			yield "sends", self.put(s, n, where=(TAKE, self.op(s, n)))
			return
		if self.protocol.counts_late:
			s = s._replace(deferred=s.deferred - 1)
		yield "sends", self.put(s, n, where=(MORE, self.op(s, n)))

	def do_more(self, s, n):
		if s.lock == NOBODY:
			yield from self.unlink(s, n, "looks for more")

	def do_handle(self, s, n):
		v, op = s.vcpus[n], self.op(s, n)
		for other, count in enumerate(v.before):
			if sum(o == other for o, _ in s.out) < count:
				raise Violation("P2: an access overtakes a character")
		if op is None:
			yield "back", self.put(s, n, where=GUEST)
		elif op == WRITE:
			s = self.comes_out(s, ((n, v.wrote + 1),))
			yield "sends its own", self.put(s, n, where=(OPEN, op),
							wrote=v.wrote + 1)
		elif op == ACCESS:
			yield "accesses", self.put(s, n, where=GUEST, at=v.at + 1)
		elif s.lock == NOBODY:
			if op == CLOSE and not self.may_close(s, n):
				return
			s = self.enqueue(s, s.ring)._replace(ring=()) if s.ring else s
			if op == CLOSE:
				s = s._replace(open=False)
			yield op, self.put(s, n, where=GUEST, at=v.at + 1)

	def do_open(self, s, n):
		if s.lock != NOBODY:
			return
		if not s.open:
			armed = s.armed or self.protocol.arms
			s = s._replace(open=True, armed=armed)
		yield "opens", self.put(s, n, where=GUEST, at=s.vcpus[n].at + 1)

	# --- the timer, on the event loop's thread ---

	def may_close(self, s, n):
		"""A pause awaits who is in the guest, and nobody else."""
		return not self.protocol.pauses or all(
			v.where != APPEND for i, v in enumerate(s.vcpus) if i != n)

	def is_empty(self, s):
		return not (s.open and s.ring) and not s.deferred

	def look(self, s):
		stays = s.second and not s.moved
		idle = s.idle
		if not s.second:
			idle = 0 if s.moved else idle + 1
		if idle >= IDLE and s.open and self.protocol.closes and (
				self.is_empty(s) or not self.protocol.leaves):
			if not self.may_close(s, TIMER):
				return
			if s.ring:
				raise Violation("P4: the timer drains, which may wait for a disk")
			s = s._replace(open=False)
		late = stays and not self.is_empty(s)
		again = s.open if not self.protocol.stays_armed else (
			s.open or not self.is_empty(s))
		if not self.protocol.closes and idle >= IDLE:
			again = False
		s = s._replace(second=not stays and not self.is_empty(s), moved=False,
			       idle=min(idle, IDLE) if again else 0, armed=again)
		inside = [n for n in self.vcpus if s.vcpus[n].where in (GUEST, APPEND)]
		if not late or not inside or not self.protocol.kicks:
			yield "timer: looks", s
			return
		yield f"timer: kicks vCPU {inside[0]}", self.put(s, inside[0], kicked=True)

	# --- properties ---

	def comes_out(self, s, entries):
		out = s.out + entries
		for n in self.vcpus:
			numbers = [number for who, number in out if who == n]
			if numbers != list(range(1, len(numbers) + 1)):
				raise Violation(f"P1: vCPU {n}'s come out as {numbers}")
		return s._replace(out=out)

	def check_waits(self, s, n):
		if s.lock == n:
			raise Violation("P4: sends with the ring's lock held")

	def check_end(self, s):
		for n, v in enumerate(s.vcpus):
			if v.where != GUEST or v.at < len(self.programs[n]):
				raise Violation("P3: a vCPU waits for ever")
			if sum(who == n for who, _ in s.out) < v.wrote:
				raise Violation("P3: a character never comes out")
		if s.open or s.armed:
			raise Violation("P3: the ring stays open, and nobody looks")

	def check_timer(self, s):
		"""Where only the timer goes on, that has to lead somewhere."""
		if not s.armed or any(v.where != GUEST or v.at < len(self.programs[n])
				      for n, v in enumerate(s.vcpus)):
			return
		seen = set()
		following = next(self.successors(s), None)
		while following:
			if following[1] in seen:
				raise Violation("P3: the timer never comes to an end")
			seen.add(following[1])
			following = next(self.successors(following[1]), None)

	# --- the search ---

	def run(self):
		"""(number of states, None or (violation, steps))"""
		parents = {self.start(True): None, self.start(False): None}
		wave = list(parents)
		for s in wave:
			try:
				last = True
				for text, after in self.successors(s):
					last = False
					if after not in parents:
						parents[after] = (text, s)
						wave.append(after)
				if last:
					self.check_end(s)
				self.check_timer(s)
			except Violation as violation:
				return len(parents), (violation, self.steps(parents, s))
		return len(parents), None

	def steps(self, parents, s):
		texts = []
		while parents[s]:
			text, s = parents[s]
			texts.insert(0, text)
		return [f"ring {'open' if s.open else 'closed'}"] + texts


# --- the tests ---

ALL = (WRITE, ACCESS, DRAIN, CLOSE)
W, A = (WRITE,), (ACCESS,)
FLASH = (DRAIN, CLOSE)

PROGRAMS = (
	("one vCPU, all programs of 4", ((ALL,) * 4,)),
	("two vCPUs, all programs of 2 and 1", ((ALL,) * 2, (ALL,))),
	("two vCPUs, characters and accesses", (((WRITE, ACCESS),) * 2,) * 2),
	("a printer, a flash", ((W, (WRITE, ACCESS)), (FLASH,) * 2)),
	("two printers, one that closes", ((W,), (W,), ((CLOSE,),))),
)

# name: what is wrong, the property that breaks, changes
MUTANTS = {
	"done-early": ("an entry counts as done when it is taken out", "P2",
		       dict(done_late=False)),
	"counts-early": ("a queue counts as sent before it is", "P2",
			 dict(counts_late=False)),
	"no-pause": ("no pause before closing", "P", dict(pauses=False)),
	"no-kick": ("the timer kicks nobody", "P3", dict(kicks=False)),
	"kick-only": ("a vCPU that was kicked does not drain", "P3",
		      dict(drains_kicked=False)),
	"no-rearm": ("the timer forgets a queue of a closed ring", "P3",
		     dict(stays_armed=False)),
	"no-close": ("the timer stops, the ring stays open", "P3",
		     dict(closes=False)),
	"timer-drains": ("the timer closes a ring that is not empty", "P4",
			 dict(leaves=False)),
	"no-arm": ("the ring is opened without the timer", "P3", dict(arms=False)),
	"ring-only": ("a queue is overlooked", "P", dict(looks_at_queue=False)),
	"two-flush": ("two flush at a time", "P", dict(one_flusher=False)),
}


def first_violation(changes):
	for _, programs in PROGRAMS:
		_, violation = Checker(Protocol(**changes), programs).run()
		if violation:
			return violation
	return None


def told(violation):
	text, steps = violation
	return [str(text)] + steps


def main():
	parser = argparse.ArgumentParser(
		description="model checker for coalesced output")
	parser.add_argument("--mutant", choices=sorted(MUTANTS),
			    help="show how this one fails")
	args = parser.parse_args()
	if args.mutant:
		violation = first_violation(MUTANTS[args.mutant][2])
		print("\n".join(told(violation) if violation else ["no violation"]))
		return 0
	count = failed = 0
	for name, programs in PROGRAMS:
		states, violation = Checker(Protocol(), programs).run()
		count += 1
		failed += violation is not None
		print(f"{'not ok' if violation else 'ok'} {count} - {name}")
		for line in told(violation) if violation else [f"{states} states"]:
			print("#   " + line)
		sys.stdout.flush()
	for text, wanted, changes in MUTANTS.values():
		violation = first_violation(changes)
		good = violation and str(violation[0]).startswith(wanted)
		count += 1
		failed += not good
		print(f"{'ok' if good else 'not ok'} {count} - caught: {text}")
		print(f"#   {violation[0] if violation else 'no violation'}")
	print(f"1..{count}")
	return 1 if failed else 0


if __name__ == "__main__":
	sys.exit(main())
