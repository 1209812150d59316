/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: vmm/mmio_ring.c vmm/mmio.c */
/* WRAP: ioctl */
/*
 * The ring of coalesced MMIO against a kernel of our own, which finds out how
 * much room there is as Linux 6.1 does, or as newer ones do.
 */
#include "ring_fixture.h"

/* ---- The device ---------------------------------------------------------- */

static void coalesced(struct mmio_region *region, u64 offset, u64 value,
		      unsigned int len)
{
	assert_ptr_equal(region, &t.region);
	assert_int_equal(pthread_mutex_trylock(&t.vm.ring.lock), EBUSY);
	assert_int_equal(len, 4);
	assert_int_equal(value, t.seen);
	assert_int_equal(offset, 4 * (t.seen % 100));
	t.seen++;
	/* Who looks without the lock does not take it for done. */
	assert_int_not_equal(t.vm.ring.head, t.page->last);
	if (t.defers)
		mmio_ring_defer(&t.vm.ring, &t.registers);
	if (t.closes)
		mmio_ring_close(&t.vm.ring);
	/* Meanwhile other vCPUs go on. */
	while (t.busy && !t.paused && random() % 3)
		guest_writes();
}

static const struct mmio_ops ops = { .coalesced = coalesced };

/* It may wait for a backend: nobody who wants the ring waits for that. */
static void finish(struct mmio_zone *zone)
{
	assert_ptr_equal(zone, &t.registers);
	assert_int_equal(pthread_mutex_trylock(&t.vm.ring.flush_lock), EBUSY);
	assert_int_equal(pthread_mutex_trylock(&t.vm.ring.lock), 0);
	pthread_mutex_unlock(&t.vm.ring.lock);
	/* Others wait until it is done. */
	assert_true(atomic_load(&t.vm.ring.nr_deferred) > 0);
	t.finished++;
}

void vm_kick_any(struct vm *vm)
{
	assert_ptr_equal(vm, &t.vm);
	assert_int_equal(pthread_mutex_trylock(&t.vm.ring.lock), 0);
	pthread_mutex_unlock(&t.vm.ring.lock);
	t.kicks++;
}

static void start(size_t page_size, bool old_kernel)
{
	memset(&t, 0, sizeof(t));
	memset(&stub, 0, sizeof(stub));
	t.old_kernel = old_kernel;
	t.vm.fd = VM_FD;
	t.page = calloc(1, page_size);
	assert_non_null(t.page);
	t.region = (struct mmio_region) {
		.name = "device", .base = BASE, .size = SIZE, .ops = &ops
	};
	mmio_bus_init(&t.vm.bus);
	assert_int_equal(mmio_bus_add(&t.vm.bus, &t.region), 0);
	mmio_ring_init(&t.vm.ring, &t.vm);
	mmio_ring_set_page(&t.vm.ring, t.page, page_size);
	for (size_t i = 0; i < ARRAY_SIZE(t.zones); i++) {
		t.slots[i].gpa = BASE + i * SIZE;
		t.slots[i].size = SIZE;
		t.zones[i].base = t.slots[i].gpa;
		t.zones[i].size = SIZE;
		t.zones[i].slot = &t.slots[i];
	}
	t.registers = (struct mmio_zone) { .base = BASE,
					   .size = 2,
					   .finish = finish };
}

static void end(void)
{
	mmio_ring_destroy(&t.vm.ring);
	mmio_bus_destroy(&t.vm.bus);
	free(t.page);
}

#define for_each_kernel()                                                    \
	for (size_t i_ = 0; i_ < 2 * ARRAY_SIZE(page_sizes); i_++)           \
		for (bool once_ = (start(page_sizes[i_ / 2], i_ % 2), true); \
		     once_; once_ = (end(), false))

static struct mmio_ring *ring(void)
{
	return &t.vm.ring;
}

static void with_lock(void (*function)(struct mmio_ring *ring))
{
	pthread_mutex_lock(&ring()->lock);
	function(ring());
	pthread_mutex_unlock(&ring()->lock);
}

static void takes_nothing_at_first(void **state)
{
	(void)state;
	for_each_kernel()
	{
		assert_false(guest_writes());
		with_lock(mmio_ring_drain);
		assert_false(guest_writes());
		assert_int_equal(t.seen, 0);
	}
}

/* One entry is always left unused: kvm_coalesced_mmio_ring's rule. */
static void takes_a_page_full(void **state)
{
	(void)state;
	for_each_kernel()
	{
		with_lock(mmio_ring_open);
		while (guest_writes())
			;
		assert_int_equal(t.sent, t.vm.ring.entries - 1);
		with_lock(mmio_ring_drain);
		assert_int_equal(t.seen, t.sent);
		assert_int_equal(t.vm.ring.drained, t.sent);
		assert_true(guest_writes());
	}
}

static void closes_with_nothing_lost(void **state)
{
	(void)state;
	for_each_kernel()
	{
		with_lock(mmio_ring_open);
		guest_writes();
		t.late = 3;
		with_lock(mmio_ring_close);
		assert_int_equal(t.pauses, 1);
		assert_false(t.paused);
		assert_int_equal(t.sent, 4);
		assert_int_equal(t.seen, 4);
		assert_false(guest_writes());
		with_lock(mmio_ring_close);
		assert_int_equal(t.pauses, 1);
		with_lock(mmio_ring_open);
		assert_true(guest_writes());
	}
}

/*
 * Whoever finds room by an index of ours that is about to move on must not
 * overtake us: Linux 6.1 does not see a full ring if it starts at 0.
 */
static void writes_while_draining(void **state)
{
	(void)state;
	for_each_kernel()
	{
		srandom(11);
		with_lock(mmio_ring_open);
		for (unsigned int n = 0; n < ROUNDS; n++) {
			for (long i = random() % 200; i; i--)
				guest_writes();
			t.busy = true;
			mmio_ring_flush(ring());
		}
		t.busy = false;
		mmio_ring_flush(ring());
		assert_int_equal(t.seen, t.sent);
		assert_true(t.sent > 2 * ROUNDS);
	}
}

/*
 * What is in the ring comes to the device once, in its order, and one write
 * after the other is done.
 */
static void device_closes_while_draining(void **state)
{
	(void)state;
	for_each_kernel()
	{
		t.closes = true;
		for (unsigned int n = 0; n < ROUNDS; n++) {
			with_lock(mmio_ring_open);
			for (unsigned int i = 0; i < n % 7; i++)
				guest_writes();
			t.late = n % 3;
			with_lock(n % 2 ? mmio_ring_close : mmio_ring_drain);
			t.late = 0;
			assert_int_equal(t.seen, t.sent);
			assert_true(!guest_writes() || !(n % 2));
		}
	}
}

/* Wherever the indices have got to. */
static void any_sequence(void **state)
{
	(void)state;
	for_each_kernel()
	{
		srandom(7);
		for (unsigned int n = 0; n < ROUNDS; n++) {
			unsigned int writes = (unsigned int)random() % 300;
			bool open = ring()->open;

			for (unsigned int i = 0; i < writes; i++)
				assert_true(!guest_writes() || open);
			switch (random() % 4) {
			case 0:
				with_lock(mmio_ring_open);
				break;
			case 1:
				t.late = (unsigned int)random() % 3;
				with_lock(mmio_ring_close);
				t.late = 0;
				break;
			}
			mmio_ring_flush(ring());
			if (ring()->open)
				assert_int_equal(ring()->head, t.page->last);
			assert_int_equal(t.seen, t.sent);
		}
		assert_true(t.sent > ROUNDS);
	}
}

/* Handlers of every exit call it: it must not stop at what another one does. */
static void flush_of_nothing_takes_no_lock(void **state)
{
	(void)state;
	for_each_kernel()
	{
		pthread_mutex_lock(&ring()->lock);
		mmio_ring_flush(ring());
		mmio_ring_open(ring());
		mmio_ring_flush(ring());
		pthread_mutex_unlock(&ring()->lock);
		guest_writes();
		mmio_ring_flush(ring());
		assert_int_equal(t.seen, 1);
	}
}

static void strange_entries(void **state)
{
	static const u8 data[8] = { 0 };

	(void)state;
	start(SZ_4K, false);
	with_lock(mmio_ring_open);
	assert_true(kernel_takes(BASE - 4, data, 4));
	assert_true(kernel_takes(BASE + SIZE - 2, data, 4));
	assert_true(kernel_takes(BASE - 8, data, 4096));
	mmio_ring_flush(ring());
	assert_int_equal(t.seen, 0);
	assert_int_equal(atomic_load(&t.vm.bus.unclaimed), 3);
	t.page->last = t.vm.ring.entries + ring()->head;
	mmio_ring_flush(ring());
	assert_int_equal(t.seen, 0);
	end();
}

static void zones(void **state)
{
	(void)state;
	start(SZ_4K, false);
	assert_int_equal(mmio_ring_add_zone(ring(), &t.zones[0]), 0);
	assert_int_equal(t.zone.addr, BASE);
	assert_int_equal(t.zone.size, SIZE);
	assert_int_equal(t.zone.pio, 0);
	t.error = ENOSPC;
	assert_int_equal(mmio_ring_add_zone(ring(), &t.zones[1]), -ENOSPC);
	/* Writes to it exit: it may be mapped or not. */
	t.slots[1].mapped = true;
	with_lock(mmio_ring_open);
	assert_true(guest_writes());
	end();
}

static void add_zones(void)
{
	start(SZ_4K, false);
	for (size_t i = 0; i < ARRAY_SIZE(t.zones); i++)
		assert_int_equal(mmio_ring_add_zone(ring(), &t.zones[i]), 0);
}

/* How often it takes to ask for an open ring; `max` if that is not enough. */
static unsigned int tries_to_open(unsigned int max)
{
	unsigned int n = 0;

	while (n < max && !ring()->open) {
		with_lock(mmio_ring_open);
		n++;
	}
	return n;
}

/* One that is mapped keeps it closed, until it has cost more than it is worth.
 */
static void mapped_zones_keep_it_closed(void **state)
{
	unsigned int patience;

	(void)state;
	add_zones();
	assert_int_equal(tries_to_open(100), 1);
	with_lock(mmio_ring_close);
	t.slots[1].mapped = true;
	patience = tries_to_open(100);
	assert_in_range(patience, 10, 60);
	assert_false(t.slots[1].mapped);
	assert_true(guest_writes());
	/* Counted anew for each mapping, and for all of them together. */
	with_lock(mmio_ring_close);
	t.slots[0].mapped = t.slots[2].mapped = true;
	assert_int_equal(tries_to_open(patience - 1), patience - 1);
	t.slots[0].mapped = false;
	assert_false(ring()->open);
	with_lock(mmio_ring_open);
	assert_true(ring()->open);
	assert_int_equal(t.slots[0].updates, 0);
	assert_int_equal(t.slots[1].updates, 1);
	assert_int_equal(t.slots[2].updates, 1);
	end();
}

static void zone_that_cannot_be_unmapped(void **state)
{
	(void)state;
	add_zones();
	t.slots[0].mapped = true;
	t.stuck = ENOMEM;
	assert_int_equal(tries_to_open(100), 100);
	assert_false(guest_writes());
	assert_true(t.failures > 0);
	t.stuck = 0;
	assert_int_equal(tries_to_open(100), 1);
	end();
}

/* A device that has gone does not keep the others' writes from the ring. */
static void zone_is_removed(void **state)
{
	(void)state;
	add_zones();
	t.slots[1].mapped = true;
	mmio_ring_remove_zone(ring(), &t.zones[1]);
	assert_int_equal(tries_to_open(100), 1);
	end();
}

/* ---- Zones of registers -------------------------------------------------- */

#define PERIODS 25 /* without a write, after which the ring is closed */

static void open_registers(struct mmio_ring *ring)
{
	mmio_ring_open_registers(ring, &t.registers);
}

/* The timer finds it empty. */
static void periods(unsigned int n)
{
	for (; n; n--) {
		assert_true(stub.ns > 0 && stub.ns <= 10000000);
		expire();
	}
}

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
		periods(PERIODS + 2);
		assert_false(ring()->open);
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
		cmocka_unit_test(takes_nothing_at_first),
		cmocka_unit_test(takes_a_page_full),
		cmocka_unit_test(closes_with_nothing_lost),
		cmocka_unit_test(device_closes_while_draining),
		cmocka_unit_test(any_sequence),
		cmocka_unit_test(writes_while_draining),
		cmocka_unit_test(flush_of_nothing_takes_no_lock),
		cmocka_unit_test(strange_entries),
		cmocka_unit_test(zones),
		cmocka_unit_test(mapped_zones_keep_it_closed),
		cmocka_unit_test(zone_that_cannot_be_unmapped),
		cmocka_unit_test(zone_is_removed),
		cmocka_unit_test(registers_are_watched),
		cmocka_unit_test(late_writes_kick_a_vcpu),
		cmocka_unit_test(the_timer_does_not_wait),
		cmocka_unit_test(deferred_work),
		cmocka_unit_test(slots_open_it_for_registers),
		cmocka_unit_test(registers_beside_mapped_slots),
		cmocka_unit_test(registers_are_refused),
		cmocka_unit_test(without_kvms_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
