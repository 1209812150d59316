# SPDX-License-Identifier: GPL-2.0-or-later
"""The indices of the ring of coalesce_model.py."""


def room_new(first, last, slots):
	return (last + 1) % slots != first


def room_old(first, last, slots):
	"""Before Linux 6.12: wrong if slots does not divide 2**32."""
	return (first - last - 1) % 2**32 % slots != 0


# --- alone, at KVM's sizes ---


def ring_slots(page_size):
	# <linux/kvm.h>: struct kvm_coalesced_mmio_ring has two u32, then
	# entries of 24 bytes up to the end of the page.
	return (page_size - 8) // 24


def ring_overflow(protocol):
	"""The shortest way to append to a full ring, or None.

	One vCPU appends while another drains, from an open, empty ring: a
	list of [what, times].
	"""
	slots = protocol.slots
	start = (protocol.opened, protocol.opened)
	parents = {start: None}
	wave = [start]
	for head, last in wave:
		after = (last + 1) % slots
		steps = []
		if protocol.room(protocol.shown(head), last, slots):
			if after == head:
				return ring_path(parents, (head, last))
			steps.append(("append", (head, after)))
		if head != last:
			steps.append(("drain", ((head + 1) % slots, last)))
		for what, state in steps:
			if state not in parents:
				parents[state] = (what, (head, last))
				wave.append(state)
	return None


def ring_path(parents, state):
	runs = [["append", 1]]
	while parents[state]:
		what, state = parents[state]
		if runs[0][0] != what:
			runs.insert(0, [what, 0])
		runs[0][1] += 1
	return runs


def ring_flaws(protocol):
	"""What is wrong with the indices: a list of sentences."""
	slots, room, shown = protocol.slots, protocol.room, protocol.shown
	last, first = protocol.closed
	flaws = []
	if room(first, last, slots):
		flaws.append("a closed ring has room")
	if protocol.opened != last:
		flaws.append("an opened ring is not empty")
	for head in range(slots):
		if not room(shown(head), head, slots):
			flaws.append(f"the empty ring at {head} has no room")
		if room(shown(head), (shown(head) - 1) % slots, slots):
			flaws.append(f"the full ring at {head} has room")
	return flaws
