/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: vmm/mmio_ring.c vmm/mmio.c */
/* WRAP: ioctl */
/*
 * The ring of coalesced MMIO against a kernel of our own, which finds out how
 * much room there is as Linux 6.1 does, or as newer ones do.
 */
#include "ring_fixture.h"

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
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
