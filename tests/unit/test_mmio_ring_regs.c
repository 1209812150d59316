/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: vmm/mmio_ring.c vmm/mmio.c */
/* WRAP: ioctl */
/*
 * The ring of coalesced MMIO with zones of registers: its timer, work that is
 * deferred, and memory slots beside them.
 */
#include "ring_fixture.h"

static void registers_are_watched(void **state)
{
	(void)state;
	for_each_kernel()
	{
		assert_null(stub.timer);
		with_lock(open_registers);
		assert_int_equal(t.zone.addr, BASE);
		assert_int_equal(t.zone.size, 2);
		assert_true(guest_writes());
		mmio_ring_flush(ring());
		/* Each write starts the count anew. */
		periods(PERIODS - 1);
		guest_writes();
		mmio_ring_flush(ring());
		periods(PERIODS);
		assert_true(ring()->open);
		periods(1);
		assert_false(ring()->open);
		assert_int_equal(t.pauses, 1);
		/* Nobody wakes up any more, until a write has exited. */
		assert_int_equal(stub.ns, 0);
		assert_false(guest_writes());
		with_lock(open_registers);
		assert_true(guest_writes());
		periods(1);
		assert_int_equal(t.kicks, 0);
	}
}

/* Not longer than two looks take; a vCPU that exits meanwhile is left alone. */
static void late_writes_kick_a_vcpu(void **state)
{
	(void)state;
	for_each_kernel()
	{
		with_lock(open_registers);
		guest_writes();
		periods(1);
		assert_true(stub.ns < 5000000);
		mmio_ring_flush(ring());
		guest_writes();
		periods(1);
		assert_int_equal(t.kicks, 0);
		mmio_ring_flush(ring());
		assert_false(mmio_ring_is_late(ring()));

		guest_writes();
		periods(2);
		assert_int_equal(t.kicks, 1);
		assert_true(mmio_ring_is_late(ring()));
		mmio_ring_flush(ring());
		assert_false(mmio_ring_is_late(ring()));
		/* One that goes on to write has not been waiting. */
		guest_writes();
		periods(1);
		guest_writes();
		periods(1);
		assert_int_equal(t.kicks, 2);
		assert_false(mmio_ring_is_late(ring()));
		mmio_ring_flush(ring());
		/* As a device does for which that was too late. */
		with_lock(mmio_ring_close_soon);
		assert_true(ring()->open);
		periods(1);
		assert_false(ring()->open);
		assert_int_equal(t.seen, t.sent);
		with_lock(open_registers);
		periods(PERIODS - 1);
		assert_true(ring()->open);
	}
}

/*
 * The event loop waits neither for who holds the lock, perhaps during a sync of
 * a flash, nor for what draining may wait for.
 */
static void the_timer_does_not_wait(void **state)
{
	(void)state;
	for_each_kernel()
	{
		with_lock(open_registers);
		pthread_mutex_lock(&ring()->lock);
		stub.ns = 0;
		expire();
		assert_int_not_equal(stub.ns, 0);
		pthread_mutex_unlock(&ring()->lock);

		periods(PERIODS - 1);
		guest_writes();
		assert_true(ring()->open);
		periods(1);
		/* In time to close it, were it empty. */
		assert_true(ring()->open);
		assert_int_equal(t.seen, 0);
		mmio_ring_flush(ring());
		assert_int_equal(t.seen, 1);
		/* Nor is what comes at the last moment. */
		t.late = 1;
		for (int i = 0; i < 2 * PERIODS && !t.pauses; i++)
			periods(1);
		assert_int_equal(t.pauses, 1);
		assert_true(ring()->open);
		mmio_ring_flush(ring());
		assert_int_equal(t.seen, 2);
		periods(PERIODS + 2);
		assert_false(ring()->open);
	}
}

/* Opened again, it is watched as at first; without registers it is not. */
static void watched_anew(void **state)
{
	(void)state;
	for_each_kernel()
	{
		assert_int_equal(mmio_ring_add_zone(ring(), &t.zones[0]), 0);
		with_lock(mmio_ring_open);
		assert_true(ring()->open);
		assert_null(stub.timer);
		with_lock(mmio_ring_close);
		with_lock(open_registers);
		guest_writes();
		periods(1);
		mmio_ring_flush(ring());
		periods(PERIODS + 2);
		assert_false(ring()->open);
		with_lock(open_registers);
		periods(PERIODS - 1);
		assert_true(ring()->open);
	}
}

/* KVM does not get registers that nobody can watch; else it is tried again. */
static void timers_that_fail(void **state)
{
	(void)state;
	for_each_kernel()
	{
		stub.error = -EMFILE;
		with_lock(open_registers);
		assert_false(t.registers.added);
		assert_false(ring()->open);
		stub.error = 0;
		with_lock(open_registers);
		assert_false(t.registers.added);
	}
	for_each_kernel()
	{
		with_lock(open_registers);
		stub.error = -EINVAL;
		expire();
		assert_int_equal(stub.ns, 0);
		stub.error = 0;
		with_lock(open_registers);
		assert_int_not_equal(stub.ns, 0);
	}
}

/* Most of it before the pause, which is short then. */
static void drained_before_the_pause(void **state)
{
	(void)state;
	for_each_kernel()
	{
		with_lock(mmio_ring_open);
		guest_writes();
		guest_writes();
		t.late = 1;
		with_lock(mmio_ring_close);
		assert_int_equal(t.seen_at_pause, 2);
		assert_int_equal(t.seen, 3);
	}
}

/* What a device defers is done by a flush, and not by who only drains. */
static void deferred_work(void **state)
{
	(void)state;
	for_each_kernel()
	{
		t.defers = true;
		with_lock(open_registers);
		guest_writes();
		guest_writes();
		mmio_ring_flush(ring());
		assert_int_equal(t.seen, 2);
		assert_int_equal(t.finished, 1);
		mmio_ring_flush(ring());
		assert_int_equal(t.finished, 1);

		guest_writes();
		with_lock(mmio_ring_close);
		assert_int_equal(t.seen, 3);
		assert_int_equal(t.finished, 1);
		/* The ring is closed, and yet somebody has to do it. */
		periods(2);
		assert_int_equal(t.kicks, 1);
		mmio_ring_flush(ring());
		assert_int_equal(t.finished, 2);
		periods(1);
		assert_int_equal(stub.ns, 0);
		with_lock(open_registers);
		guest_writes();
		with_lock(mmio_ring_drain);
		mmio_ring_remove_zone(ring(), &t.registers);
		assert_true(STAILQ_EMPTY(&ring()->deferred));
		assert_true(STAILQ_EMPTY(&ring()->zones));
		assert_false(t.registers.added || t.registers.deferred);
	}
}

/* A flash that opens the ring has KVM take the registers' writes, too. */
static void slots_open_it_for_registers(void **state)
{
	(void)state;
	add_zones();
	with_lock(mmio_ring_open);
	assert_null(stub.timer);
	with_lock(open_registers);
	assert_true(stub.ns > 0);
	with_lock(mmio_ring_close);
	expire();
	assert_int_equal(stub.ns, 0);
	with_lock(mmio_ring_open);
	assert_true(stub.ns > 0);
	end();
}

static unsigned int tries_for_registers(unsigned int max)
{
	unsigned int n = 0;

	while (n < max && !ring()->open) {
		with_lock(open_registers);
		n++;
	}
	return n;
}

/*
 * Registers never have a slot unmapped. Its zone goes, at most so often that it
 * costs no more than the exits before.
 */
static void registers_beside_mapped_slots(void **state)
{
	unsigned int tries, before = 0;

	(void)state;
	add_zones();
	for (int i = 0; i < 9; i++) {
		assert_int_equal(mmio_ring_add_zone(ring(), &t.zones[1]), 0);
		with_lock(mmio_ring_close);
		t.slots[1].mapped = true;
		tries = tries_for_registers(10000);
		assert_true(tries == 2 * before ||
			    (before == 4096 && tries == before) ||
			    (!before && tries >= 4));
		before = tries;
		assert_true(t.slots[1].mapped);
		assert_false(t.zones[1].added);
		assert_int_equal(t.zone.addr, t.slots[1].gpa);
		assert_int_equal(t.removals, i + 1);
		assert_true(t.zones[0].added);
		t.slots[1].mapped = false;
	}
	assert_int_equal(before, 4096);
	/* KVM does not take it away. */
	assert_int_equal(mmio_ring_add_zone(ring(), &t.zones[1]), 0);
	with_lock(mmio_ring_close);
	t.slots[1].mapped = true;
	t.error = ENOMEM;
	assert_int_equal(tries_for_registers(10000), 10000);
	assert_true(t.zones[1].added);
	end();
}

static void registers_are_refused(void **state)
{
	(void)state;
	start(SZ_4K, false);
	t.error = ENOSPC;
	assert_int_equal(tries_for_registers(2), 2);
	t.error = 0;
	assert_int_equal(tries_for_registers(2), 2);
	end();
	/* Without a timer output might wait for ever. */
	start(SZ_4K, false);
	stub.error = -EMFILE;
	assert_int_equal(tries_for_registers(2), 2);
	assert_int_equal(t.zone.size, 0);
	end();
}

static void without_kvms_memory(void **state)
{
	struct vm vm = { .fd = VM_FD };
	struct memslot slot = { .gpa = BASE, .size = SIZE };
	struct mmio_zone zone = { .base = BASE, .size = SIZE, .slot = &slot };
	struct mmio_zone registers = { .base = BASE, .size = 1 };

	(void)state;
	mmio_ring_init(&vm.ring, &vm);
	assert_int_equal(mmio_ring_add_zone(&vm.ring, &zone), -ENOTSUP);
	mmio_ring_open(&vm.ring);
	mmio_ring_open_registers(&vm.ring, &registers);
	mmio_ring_drain(&vm.ring);
	mmio_ring_flush(&vm.ring);
	mmio_ring_close(&vm.ring);
	mmio_ring_destroy(&vm.ring);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(registers_are_watched),
		cmocka_unit_test(late_writes_kick_a_vcpu),
		cmocka_unit_test(the_timer_does_not_wait),
		cmocka_unit_test(watched_anew),
		cmocka_unit_test(timers_that_fail),
		cmocka_unit_test(drained_before_the_pause),
		cmocka_unit_test(deferred_work),
		cmocka_unit_test(slots_open_it_for_registers),
		cmocka_unit_test(registers_beside_mapped_slots),
		cmocka_unit_test(registers_are_refused),
		cmocka_unit_test(without_kvms_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
