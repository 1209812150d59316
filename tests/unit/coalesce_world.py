# SPDX-License-Identifier: GPL-2.0-or-later
"""The world of coalesce_model.py: guests, KVM, the VMM, and all their orders."""

import functools

from coalesce_ring import room_new

# What a guest does.  Commands are also data while a program's words are
# expected, as on the chip.
READ, EVENT, LOCK, UNLOCK = "read", "event", "lock", "unlock"
ARRAY, STATUS, ID = "ARRAY", "STATUS", "ID"
PROGRAM, CONFIRM = "PROGRAM", "CONFIRM"
MODES = (ARRAY, STATUS, ID)


@functools.lru_cache(maxsize=None)
def of_bank(op):
	"""The operation's bank, and what it is on any bank."""
	op, _, bank = op.partition("@")
	return int(bank or 0), op


def on(bank, ops):
	"""The operations, but on that bank; without a bank they are on 0."""
	return tuple(f"{op}@{bank}" for op in ops)


# Where a vCPU is: between operations; in KVM, room found in the ring; in
# user space, in the handler of an exit of that kind.  A handler that goes
# on to map or unmap is in that action's step; CREATE_ONLY maps while the ring
# is closed already, or not the bank's.
IDLE, APPEND = "idle", "append"
READ_EXIT, WRITE_EXIT, EVENT_EXIT = "read exit", "write exit", "event exit"
KICK, PAUSE, DRAIN, CLOSE, RESUME, CREATE, ANSWER = (
	"kick", "pause", "drain", "close", "resume", "create", "answer")
CREATE_ONLY = "create only"
DELETE, ZONE, REOPEN, DONE = "delete", "zone", "open", "done"

NOBODY = -1


class Violation(Exception):
	"""A property that does not hold in a state or after a step."""

	def __init__(self, name, text):
		super().__init__(f"{name}: {text}")
		self.name = name
		self.step = None
		self.trace = []


# --- the chip: (mode, words expected, words so far, array content) ---

PROGRAMMING = "PROGRAMMING"


def chip_in(mode, words=0):
	return (mode, words, (), (0,))


@functools.lru_cache(maxsize=None)
def chip_write(chip, value, words):
	mode, left, data, content = chip
	if mode != PROGRAMMING:
		if value == PROGRAM:
			return (PROGRAMMING, words, (), content)
		return (value if value in MODES else mode, 0, (), content)
	if left:
		return (mode, left - 1, data + (value,), content)
	if value == CONFIRM:
		# The count makes a second, equal program visible.
		content = (content[0] + 1,) + data
	return (STATUS, 0, (), content)


def chip_read(chip):
	mode = chip[0]
	if mode == ARRAY:
		return chip[3]
	return ID if mode == ID else STATUS


# --- what the real bank could have done ---


class Spec:
	"""All the states that a bank without ring and slot may be in.

	A state is the banks' chips and, for each vCPU, its operation under way: None,
	(op,) if it has not taken effect, (op, result) if it has.  The set of
	states that agree with what the guests saw so far has a number, so that
	it is a cheap part of the world's state.  Operations take effect as
	late as possible: only when the end of one asks for it.
	"""

	def __init__(self, cpus, words):
		self.words = words
		self.idle = (None,) * cpus
		self.sets = []
		self.numbers = {}
		self.begun = {}
		self.ended = {}

	def number(self, states):
		states = frozenset(states)
		if states not in self.numbers:
			self.numbers[states] = len(self.sets)
			self.sets.append(states)
		return self.numbers[states]

	def start(self, chips):
		return self.number({(chips, self.idle)})

	def begin(self, number, cpu, op):
		key = (number, cpu, op)
		if key not in self.begun:
			self.begun[key] = self.number(
				(chips, put(ops, cpu, (op,)))
				for chips, ops in self.sets[number])
		return self.begun[key]

	def end(self, number, cpu, result):
		"""The set after cpu's operation; None if it cannot end so."""
		key = (number, cpu, result)
		if key not in self.ended:
			left = self.agreeing(self.sets[number], cpu, result)
			self.ended[key] = self.number(left) if left else None
		return self.ended[key]

	def agreeing(self, states, cpu, result):
		left, todo, seen = set(), list(states), set(states)
		while todo:
			chips, ops = todo.pop()
			if len(ops[cpu]) == 2:
				if ops[cpu][1] == result:
					left.add((chips, put(ops, cpu, None)))
				continue
			for state in self.effects(chips, ops):
				if state not in seen:
					seen.add(state)
					todo.append(state)
		return left

	def effects(self, chips, ops):
		for cpu, op in enumerate(ops):
			if not op or len(op) == 2:
				continue
			bank, what = of_bank(op[0])
			if what == READ:
				done = (op[0], chip_read(chips[bank]))
				yield chips, put(ops, cpu, done)
			else:
				chip = chip_write(chips[bank], what, self.words)
				yield (put(chips, bank, chip),
				       put(ops, cpu, (op[0], None)))

	def chips(self, number):
		return {chips for chips, _ in self.sets[number]}


def put(items, at, item):
	return items[:at] + (item,) + items[at + 1:]


# --- the protocol ---


class Protocol:
	"""The protocol; changes are what a variant or a mutant does otherwise.

	slots, room: the ring and KVM's test for room in it
	hide_zero: never show KVM first == 0, for the old formula's sake
	closed: (last, first) that say "full"; opened: the first to go with
	that last that says "empty"
	map, unmap: the order of steps; recheck: look again at the chip's mode
	looks: the ring is not opened while another bank is mapped
	early: it is, and that bank unmapped then
	closes_own: what is in the ring of other banks is dropped by closing
	drains: the exits that drain; knows: a closed ring is not drained
	awaits: where a vCPU is not yet outside for a pause
	"""

	map = (KICK, PAUSE, DRAIN, CLOSE, RESUME, CREATE)
	unmap = (DELETE, ZONE, REOPEN)
	drains = (READ_EXIT, WRITE_EXIT, EVENT_EXIT)
	awaits = (APPEND,)
	recheck = knows = looks = True
	early = closes_own = False

	def __init__(self, slots=4, room=room_new, hide_zero=False, **changes):
		self.slots = slots
		self.room = room
		self.hide_zero = hide_zero
		self.closed = (slots - 2, slots - 1)
		self.opened = slots - 2
		vars(self).update(changes)

	def shown(self, head):
		return self.slots - 1 if self.hide_zero and not head else head


# --- the world ---


# Of a vCPU: operations done, where it is, the operation's value, the index
# to append at, writes begun and not yet applied.
COUNT, WHERE, VALUE, INDEX, OWED = range(5)


class World:
	"""One state: made from a key, changed by one step, back to a key.

	chips, mapped and zones have an item for each bank: zones tells whether
	KVM takes its writes.  first and last are KVM's view of the ring; head
	is the VMM's own first, cells the entries, (vCPU, value).  spec is the
	number of a set of Spec.  A vCPU is a tuple, see COUNT to OWED.
	"""

	__slots__ = ("chips", "mapped", "zones", "closed", "first", "last",
		     "head", "cells", "lock", "mutex", "spec", "cpus")

	def __init__(self, key):
		(self.chips, self.mapped, self.zones, self.closed, self.first,
		 self.last, self.head, self.cells, self.lock, self.mutex,
		 self.spec, self.cpus) = key

	def key(self):
		return (self.chips, self.mapped, self.zones, self.closed,
			self.first, self.last, self.head, self.cells,
			self.lock, self.mutex, self.spec, self.cpus)

	def goto(self, cpu, where):
		at = put(self.cpus[cpu], WHERE, where)
		self.cpus = put(self.cpus, cpu, at)

	def exit(self, cpu, where, value):
		self.goto(cpu, where)
		at = put(self.cpus[cpu], VALUE, value)
		self.cpus = put(self.cpus, cpu, at)

	def bank(self, cpu):
		return of_bank(self.cpus[cpu][VALUE])[0]

	def in_the_way(self):
		"""The banks that keep the ring closed."""
		return [bank for bank, mapped in enumerate(self.mapped)
			if mapped and self.zones[bank]]

	def owe(self, cpu, writes):
		at = self.cpus[cpu]
		owed = at[OWED] + writes
		self.cpus = put(self.cpus, cpu, put(at, OWED, owed))
		if owed < 0:
			raise Violation("P2", "a write was done twice")


class Checker:
	"""All interleavings of the vCPUs' programs, breadth first.

	programs: for each vCPU a list of operations or, for a choice, tuples
	of operations.  Every prefix of a program is checked as a program, too.
	Not inside: leave out P3, so that only what is seen from outside counts.
	"""

	def __init__(self, protocol, programs, words=1, inside=True):
		self.protocol = protocol
		self.inside = inside
		self.programs = [[(op,) if isinstance(op, str) else op
				  for op in program] for program in programs]
		self.words = words
		self.banks = 1 + max(of_bank(op)[0] for program in self.programs
				     for ops in program for op in ops)
		self.spec = Spec(len(programs), words)
		self.parents = {}
		self.states = 0
		self.seen = set()
		self.steps = {
			APPEND: self.append, READ_EXIT: self.handle,
			WRITE_EXIT: self.handle, EVENT_EXIT: self.handle,
			KICK: self.kick, PAUSE: self.pause, DRAIN: self.drain,
			CLOSE: self.close, RESUME: self.resume,
			CREATE: self.create, CREATE_ONLY: self.create_only,
			DELETE: self.delete, ZONE: self.add_zone,
			REOPEN: self.open,
		}
		order = protocol.map
		self.pausing = ()
		if PAUSE in order:
			self.pausing = order[order.index(PAUSE):
					     order.index(RESUME) + 1]
		self.after = dict(zip(order, order[1:] + (ANSWER,)))
		self.after.update(zip(protocol.unmap,
				      protocol.unmap[1:] + (DONE,)))

	def start(self, chips, mapped, closed, zones=None):
		"""Two tuples, an item for each bank; zones: all, unless told."""
		slots = self.protocol.slots
		last, first = self.protocol.closed if closed else (
			self.protocol.opened, self.protocol.opened)
		cpu = (0, IDLE, None, None, 0)
		return (chips, mapped, zones or (True,) * len(chips), closed,
			first, last, first, (None,) * slots, NOBODY, NOBODY,
			self.spec.start(chips), (cpu,) * len(self.programs))

	# --- one vCPU's next step: (what it was, key) ---

	def successors(self, key):
		now = World(key)
		paused = (now.lock != NOBODY and
			  now.cpus[now.lock][WHERE] in self.pausing)
		for cpu, (done, where, value, _, _) in enumerate(now.cpus):
			if where != IDLE:
				yield from self.attempt(
					key, cpu, self.steps[where], value)
				if where == REOPEN:
					yield from self.attempt(
						key, cpu, self.leave, value)
			elif done < len(self.programs[cpu]) and not paused:
				for op in self.programs[cpu][done]:
					yield from self.attempt(
						key, cpu, self.operate, op)

	def attempt(self, key, cpu, step, value):
		"""The step, if it can be taken now."""
		world = World(key)
		try:
			what = step(world, cpu, value)
			if what:
				self.check_mapped(world)
				yield (cpu, what), world.key()
		except Violation as violation:
			where = World(key).cpus[cpu][WHERE]
			violation.step = (cpu, ("goes on, " + where, value))
			raise

	def operate(self, world, cpu, op):
		if of_bank(op)[1] == READ:
			return self.guest_read(world, cpu, op)
		if op == EVENT:
			world.goto(cpu, EVENT_EXIT)
			return "access to another device: exit", None
		if op == LOCK:
			return self.guest_lock(world, cpu)
		if op == UNLOCK:
			world.mutex = NOBODY
			self.next(world, cpu)
			return "unlocks the guest's mutex", None
		return self.guest_write(world, cpu, op)

	def guest_lock(self, world, cpu):
		if world.mutex != NOBODY:
			return None
		world.mutex = cpu
		self.next(world, cpu)
		return "locks the guest's mutex", None

	def guest_read(self, world, cpu, op):
		bank = of_bank(op)[0]
		world.spec = self.spec.begin(world.spec, cpu, op)
		if not world.mapped[bank]:
			world.exit(cpu, READ_EXIT, op)
			return "reads: exit", op
		content = world.chips[bank][3]
		self.end(world, cpu, content)
		return "reads through the slot", content

	def guest_write(self, world, cpu, value):
		zone = world.zones[of_bank(value)[0]]
		if zone and any(at[WHERE] == APPEND for at in world.cpus):
			return None
		world.spec = self.spec.begin(world.spec, cpu, value)
		world.owe(cpu, 1)
		done, _, _, _, owed = world.cpus[cpu]
		room = zone and self.protocol.room(world.first, world.last,
					  self.protocol.slots)
		where = APPEND if room else WRITE_EXIT
		world.cpus = put(world.cpus, cpu,
				 (done, where, value, world.last, owed))
		return ("writes, room in the ring" if room else
			"writes, ring full: exit" if zone else
			"writes, no zone: exit"), value

	def append(self, world, cpu, value):
		at = world.cpus[cpu][INDEX]
		world.cells = put(world.cells, at, (cpu, value))
		world.last = (at + 1) % self.protocol.slots
		self.end(world, cpu, None)
		return "put into the ring, the guest goes on", value

	def end(self, world, cpu, result):
		"""An operation on the bank is over for the guest."""
		world.spec = self.spec.end(world.spec, cpu, result)
		self.next(world, cpu)
		if world.spec is None:
			raise Violation("P1", "no order explains what "
					f"vCPU {cpu} got: {result}")

	def next(self, world, cpu):
		done, _, _, _, owed = world.cpus[cpu]
		world.cpus = put(world.cpus, cpu,
				 (done + 1, IDLE, None, None, owed))

	# --- the VMM: handlers of exits, with the bank's lock held ---

	def handle(self, world, cpu, value):
		if world.lock not in (NOBODY, cpu):
			return None
		world.lock = cpu
		kind = world.cpus[cpu][WHERE]
		if kind in self.protocol.drains:
			drained = self.pop(world)
			if drained:
				return "drains", drained
		if kind == WRITE_EXIT:
			return self.handle_write(world, cpu, value)
		if kind == EVENT_EXIT:
			return self.handle_event(world, cpu)
		bank = of_bank(value)[0]
		if world.chips[bank][0] == ARRAY and not world.mapped[bank]:
			closing = world.zones[bank] and not world.closed
			world.goto(cpu, self.protocol.map[0] if closing
				   else CREATE_ONLY)
			return "ring empty, array mode: is to map", None
		return "ring empty, read answered", self.answer(world, cpu)

	def answer(self, world, cpu):
		result = chip_read(world.chips[world.bank(cpu)])
		world.lock = NOBODY
		self.end(world, cpu, result)
		return result

	def handle_event(self, world, cpu):
		world.lock = NOBODY
		self.next(world, cpu)
		if world.cpus[cpu][OWED]:
			raise Violation("P4", f"vCPU {cpu}'s event is seen "
					"before its write is applied")
		return "ring empty, the event is seen", None

	def handle_write(self, world, cpu, value):
		bank = of_bank(value)[0]
		self.apply(world, cpu, value)
		array = world.chips[bank][0] == ARRAY
		if not array and world.mapped[bank]:
			self.goto_needed(world, cpu, self.protocol.unmap[0])
			return "ring empty, applies, is to unmap", value
		if not array and world.closed:
			world.goto(cpu, REOPEN)
			return "ring empty, applies, is to open", value
		self.finish_write(world, cpu)
		return "ring empty, applies", value

	def finish_write(self, world, cpu):
		world.lock = NOBODY
		self.end(world, cpu, None)

	def pop(self, world):
		"""Applies the oldest entry; None if the ring is empty."""
		if world.closed and self.protocol.knows:
			return None
		if world.head == world.last:
			return None
		entry = world.cells[world.head]
		if not entry:
			raise Violation("P2", "drains what nobody wrote")
		world.cells = put(world.cells, world.head, None)
		world.head = (world.head + 1) % self.protocol.slots
		world.first = self.protocol.shown(world.head)
		self.apply(world, *entry)
		return entry[1]

	def apply(self, world, cpu, value):
		bank, what = of_bank(value)
		chip = chip_write(world.chips[bank], what, self.words)
		changes = chip[3] != world.chips[bank][3]
		world.chips = put(world.chips, bank, chip)
		world.owe(cpu, -1)
		if world.mapped[bank] and self.inside and changes:
			raise Violation("P3", "the content changes "
					"while mapped")

	# --- mapping and unmapping ---

	def goto_needed(self, world, cpu, where):
		"""The bank may have its zone already."""
		if where == ZONE and world.zones[world.bank(cpu)]:
			where = self.after[ZONE]
		world.goto(cpu, where)

	def advance(self, world, cpu, what):
		where = self.after[world.cpus[cpu][WHERE]]
		self.goto_needed(world, cpu, where)
		if where == ANSWER:
			result = self.answer(world, cpu)
			return what + ", read answered", result
		if where == DONE:
			self.finish_write(world, cpu)
		return what, None

	def kick(self, world, cpu, _):
		return self.advance(world, cpu, "map: nobody is to run")

	def pause(self, world, cpu, _):
		# Who is idle or exits is outside; an append completes first.
		if any(at[WHERE] in self.protocol.awaits for at in world.cpus):
			return None
		return self.advance(world, cpu, "map: all others are paused")

	def drain(self, world, cpu, _):
		if self.protocol.closes_own and self.is_foreign(world, cpu):
			return self.advance(world, cpu, "map: not its own")
		value = self.pop(world)
		if value:
			return "map: drains", value
		return self.advance(world, cpu, "map: ring empty")

	def is_foreign(self, world, cpu):
		entry = world.cells[world.head]
		return entry and of_bank(entry[1])[0] != world.bank(cpu)

	def close(self, world, cpu, _):
		world.last, world.first = self.protocol.closed
		world.head = world.first
		world.closed = True
		world.cells = (None,) * self.protocol.slots
		return self.advance(world, cpu, "map: closes the ring")

	def resume(self, world, cpu, _):
		return self.advance(world, cpu, "map: all may run")

	def create(self, world, cpu, _):
		bank = world.bank(cpu)
		if world.chips[bank][0] == ARRAY or not self.protocol.recheck:
			world.mapped = put(world.mapped, bank, True)
			return self.advance(world, cpu,
					    "map: creates the slot")
		self.show_open(world)
		return self.advance(world, cpu,
				    "map: array mode is over, opens the ring")

	def create_only(self, world, cpu, _):
		world.mapped = put(world.mapped, world.bank(cpu), True)
		return ("creates the slot, read answered",
			self.answer(world, cpu))

	def delete(self, world, cpu, _):
		world.mapped = put(world.mapped, world.bank(cpu), False)
		return self.advance(world, cpu, "deletes the slot")

	def add_zone(self, world, cpu, _):
		world.zones = put(world.zones, world.bank(cpu), True)
		return self.advance(world, cpu, "adds the zone")

	def open(self, world, cpu, _):
		others = world.in_the_way() if self.protocol.looks else ()
		if self.protocol.early and world.closed and others:
			self.show_open(world)
			return "opens the ring", None
		if others:
			world.mapped = put(world.mapped, others[0], False)
			return "gives a mapping up", None
		if not world.closed:
			return self.advance(world, cpu, "ring is open already")
		self.show_open(world)
		return self.advance(world, cpu, "opens the ring")

	def leave(self, world, cpu, _):
		"""Instead of open(), if it would have a price."""
		if not world.closed or not world.in_the_way():
			return None
		return self.advance(world, cpu, "leaves the ring closed")

	def show_open(self, world):
		world.closed = False
		world.first = world.head = self.protocol.opened

	# --- properties of a state ---

	def check_mapped(self, world):
		if not self.inside or not world.in_the_way():
			return
		if self.protocol.room(world.first, world.last,
				      self.protocol.slots):
			raise Violation("P3", "the ring is open while mapped")
		if not world.closed and world.head != world.last:
			raise Violation("P3", "a write is in the ring "
					"while mapped")

	def check_rest(self, world):
		"""The guests may stop here: drain, then look."""
		while self.pop(world):
			pass
		for cpu, at in enumerate(world.cpus):
			if at[OWED]:
				raise Violation("P2", "a write of vCPU "
						f"{cpu} was lost")
		if world.chips not in self.spec.chips(world.spec):
			raise Violation("P2", f"the chips end as {world.chips},"
					" which no order leads to")

	def check_stuck(self, world):
		for cpu, at in enumerate(world.cpus):
			if at[COUNT] < len(self.programs[cpu]):
				raise Violation("P5", "deadlock")

	# --- the search ---

	def run(self, starts):
		"""The violation with the fewest steps, or None."""
		self.parents = {key: None for key in starts}
		violation = self.search(list(starts))
		self.states = len(self.parents)
		self.parents = {}
		return violation

	def search(self, wave):
		while wave:
			following = []
			for key in wave:
				try:
					self.expand(key, following)
				except Violation as violation:
					violation.trace = self.trace(
						key, violation.step)
					return violation
			wave = following
		return None

	def expand(self, key, following):
		world = World(key)
		if all(at[WHERE] == IDLE for at in world.cpus):
			self.check_rest(world)
		stuck = True
		for what, after in self.successors(key):
			stuck = False
			if after not in self.parents:
				self.parents[after] = (what, key)
				self.seen.add(what[1][0])
				following.append(after)
		if stuck:
			self.check_stuck(World(key))

	def trace(self, key, step):
		steps = [step] if step else []
		while self.parents[key]:
			what, key = self.parents[key]
			steps.append(what)
		world = World(key)
		lines = [f"start: chip {chip[0]}, "
			 f"{'' if mapped else 'not '}mapped, "
			 f"{'a' if zone else 'no'} zone" for chip, mapped, zone
			 in zip(world.chips, world.mapped, world.zones)]
		lines.append(f"ring {'closed' if world.closed else 'open'}")
		for cpu, (what, value) in reversed(steps):
			value = "" if value is None else f" ({value})"
			lines.append(f"vCPU {cpu}: {what}{value}")
		return lines
