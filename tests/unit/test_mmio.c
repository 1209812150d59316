/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: vmm/mmio.c */
/* The MMIO bus: lookup, widths, edges, and accesses that no device claims. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "lkvm/vmm/mmio.h"

#define NR_THREADS 4
#define PER_PAGE   100

static struct {
	char last[512];
	unsigned int calls;
	pthread_mutex_t lock;
} message = { .lock = PTHREAD_MUTEX_INITIALIZER };

void log_print(enum log_level level, const char *fmt, ...)
{
	va_list args;

	(void)level;
	pthread_mutex_lock(&message.lock);
	va_start(args, fmt);
	vsnprintf(message.last, sizeof(message.last), fmt, args);
	va_end(args);
	message.calls++;
	pthread_mutex_unlock(&message.lock);
}

/* A device that notes the last access and answers with `answer`. */
struct probe {
	struct mmio_region region;
	u64 offset, value, answer;
	unsigned int len, reads, writes;
};

static u64 probe_read(struct mmio_region *region, u64 offset, unsigned int len)
{
	struct probe *p = container_of(region, struct probe, region);

	p->offset = offset;
	p->len = len;
	p->reads++;
	return p->answer;
}

static void probe_write(struct mmio_region *region, u64 offset, u64 value,
			unsigned int len)
{
	struct probe *p = container_of(region, struct probe, region);

	p->offset = offset;
	p->len = len;
	p->value = value;
	p->writes++;
}

static const struct mmio_ops probe_ops = {
	.read = probe_read,
	.write = probe_write,
};

static struct probe probe(const char *name, u64 base, u64 size)
{
	return (struct probe) { .region = { .name = name,
					    .base = base,
					    .size = size,
					    .ops = &probe_ops } };
}

static int setup(void **state)
{
	static struct mmio_bus bus;

	message.calls = 0;
	message.last[0] = '\0';
	mmio_bus_init(&bus);
	*state = &bus;
	return 0;
}

static int teardown(void **state)
{
	mmio_bus_destroy(*state);
	return 0;
}

/* Each address finds its region and no other, whatever the order of adding. */
static void lookup(void **state)
{
	static const u64 bases[] = { 0x9000, 0x1000, 0x5000, 0x0,
				     0x3000, 0xf000, 0x7000 };
	struct mmio_bus *bus = *state;
	struct probe devices[ARRAY_SIZE(bases)];

	assert_null(mmio_bus_find(bus, 0));
	for (size_t i = 0; i < ARRAY_SIZE(bases); i++) {
		devices[i] = probe("dev", bases[i], 0x800);
		assert_int_equal(mmio_bus_add(bus, &devices[i].region), 0);
	}
	for (u64 addr = 0; addr < 0x11000; addr += 0x100) {
		struct mmio_region *want = NULL;

		for (size_t i = 0; i < ARRAY_SIZE(bases); i++)
			if (addr >= bases[i] && addr < bases[i] + 0x800)
				want = &devices[i].region;
		assert_ptr_equal(mmio_bus_find(bus, addr), want);
	}
	assert_ptr_equal(mmio_bus_find(bus, 0x97ff), &devices[0].region);
	assert_null(mmio_bus_find(bus, 0x9800));
	assert_null(mmio_bus_find(bus, UINT64_MAX));
}

static void what_is_refused(void **state)
{
	struct mmio_bus *bus = *state;
	struct probe first = probe("first", 0x1000, 0x1000);
	struct probe empty = probe("empty", 0x4000, 0);
	struct probe wraps = probe("wraps", UINT64_MAX - 0xff, 0x101);
	struct probe top = probe("top", UINT64_MAX - 0xff, 0x100);
	struct probe last_byte = probe("second", 0x1fff, 1);
	struct probe around = probe("around", 0x800, 0x4000);
	struct probe touching = probe("touching", 0x2000, 1);

	assert_int_equal(mmio_bus_add(bus, &first.region), 0);
	assert_int_equal(mmio_bus_add(bus, &empty.region), -EINVAL);
	assert_int_equal(mmio_bus_add(bus, &wraps.region), -EINVAL);
	assert_int_equal(message.calls, 0);
	assert_int_equal(mmio_bus_add(bus, &last_byte.region), -EEXIST);
	assert_non_null(strstr(message.last, "first"));
	assert_non_null(strstr(message.last, "second"));
	assert_int_equal(mmio_bus_add(bus, &around.region), -EEXIST);
	assert_int_equal(mmio_bus_add(bus, &touching.region), 0);
	assert_int_equal(mmio_bus_add(bus, &top.region), 0);
	assert_ptr_equal(mmio_bus_find(bus, UINT64_MAX), &top.region);
	assert_int_equal(bus->nr_regions, 3);
}

static void frozen(void **state)
{
	struct mmio_bus *bus = *state;
	struct probe dev = probe("dev", 0x1000, 0x1000);

	mmio_bus_freeze(bus);
	assert_int_equal(mmio_bus_add(bus, &dev.region), -EBUSY);
	assert_null(mmio_bus_find(bus, 0x1000));
}

/* A device gets offset and width, and no bit beyond the width either way. */
static void widths(void **state)
{
	struct mmio_bus *bus = *state;
	struct probe dev = probe("dev", 0x1000, 0x100);

	assert_int_equal(mmio_bus_add(bus, &dev.region), 0);
	dev.answer = UINT64_MAX;
	for (unsigned int len = 1; len <= 8; len++) {
		u64 mask = len < 8 ? (1ULL << 8 * len) - 1 : UINT64_MAX;

		assert_true(mmio_bus_read(bus, 0x1003, len) == mask);
		assert_int_equal(dev.offset, 3);
		assert_int_equal(dev.len, len);
		mmio_bus_write(bus, 0x1005, 0x8877665544332211, len);
		assert_true(dev.value == (0x8877665544332211 & mask));
		assert_int_equal(dev.offset, 5);
		assert_int_equal(dev.len, len);
	}
	assert_int_equal(dev.reads, 8);
	assert_int_equal(dev.writes, 8);
	assert_int_equal(atomic_load(&bus->unclaimed), 0);
}

/* The last byte is the device's; one that runs over the end is nobody's. */
static void end_of_a_region(void **state)
{
	struct mmio_bus *bus = *state;
	struct probe dev = probe("dev", 0x1000, 0x10);
	struct probe next = probe("next", 0x1010, 0x10);

	assert_int_equal(mmio_bus_add(bus, &dev.region), 0);
	assert_int_equal(mmio_bus_add(bus, &next.region), 0);
	dev.answer = next.answer = UINT64_MAX;
	for (unsigned int len = 1; len <= 8; len++) {
		mmio_bus_read(bus, 0x1010 - len, len);
		assert_int_equal(dev.reads, len);
		mmio_bus_write(bus, 0x1010 - len, 0, len);
		assert_int_equal(dev.writes, len);
	}
	for (unsigned int len = 2; len <= 8; len++) {
		assert_true(mmio_bus_read(bus, 0x1011 - len, len) == 0);
		mmio_bus_write(bus, 0x1011 - len, 0, len);
	}
	assert_int_equal(dev.reads, 8);
	assert_int_equal(dev.writes, 8);
	assert_int_equal(next.reads + next.writes, 0);
	assert_int_equal(atomic_load(&bus->unclaimed), 14);
}

static void top_of_the_address_space(void **state)
{
	struct mmio_bus *bus = *state;
	struct probe dev = probe("dev", UINT64_MAX - 7, 8);

	assert_int_equal(mmio_bus_add(bus, &dev.region), 0);
	dev.answer = 0x55;
	assert_true(mmio_bus_read(bus, UINT64_MAX, 1) == 0x55);
	assert_true(mmio_bus_read(bus, UINT64_MAX - 7, 8) == 0x55);
	assert_true(mmio_bus_read(bus, UINT64_MAX, 2) == 0);
	assert_true(mmio_bus_read(bus, UINT64_MAX - 6, 8) == 0);
	assert_int_equal(dev.reads, 2);
}

static void unclaimed_is_told_once_a_page(void **state)
{
	struct mmio_bus *bus = *state;

	assert_true(mmio_bus_read(bus, 0xdead1008, 4) == 0);
	assert_int_equal(message.calls, 1);
	assert_non_null(strstr(message.last, "0xdead1008"));
	assert_non_null(strstr(message.last, "read 4"));
	mmio_bus_write(bus, 0xdead1ff8, 1, 8);
	assert_int_equal(message.calls, 1);
	mmio_bus_write(bus, 0xdead2000, 1, 8);
	assert_int_equal(message.calls, 2);
	assert_non_null(strstr(message.last, "wrote 8"));
	assert_int_equal(atomic_load(&bus->unclaimed), 3);
}

/* A guest that walks through memory cannot fill the log. */
static void log_has_an_end(void **state)
{
	struct mmio_bus *bus = *state;

	for (u64 page = 0; page < 10 * MMIO_LOGGED_PAGES; page++) {
		mmio_bus_read(bus, page * SZ_4K, 1);
		if (page == MMIO_LOGGED_PAGES - 2)
			assert_null(strstr(message.last, "further"));
	}
	assert_int_equal(message.calls, MMIO_LOGGED_PAGES);
	assert_non_null(strstr(message.last, "further pages"));
	assert_int_equal(atomic_load(&bus->unclaimed), 10 * MMIO_LOGGED_PAGES);
}

struct race {
	struct mmio_bus *bus;
	pthread_barrier_t start;
};

/* All vCPUs meet at each page's first access. */
static void *miss(void *arg)
{
	struct race *race = arg;

	for (u64 page = 0; page < MMIO_LOGGED_PAGES / 2; page++) {
		pthread_barrier_wait(&race->start);
		for (u64 i = 0; i < PER_PAGE; i++)
			mmio_bus_write(race->bus, page * SZ_4K + i, i, 4);
	}
	return NULL;
}

static void several_vcpus_miss(void **state)
{
	struct race race = { .bus = *state };
	pthread_t threads[NR_THREADS];

	pthread_barrier_init(&race.start, NULL, NR_THREADS);
	for (unsigned int i = 0; i < NR_THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, miss, &race),
				 0);
	for (unsigned int i = 0; i < NR_THREADS; i++)
		pthread_join(threads[i], NULL);
	pthread_barrier_destroy(&race.start);
	assert_int_equal(atomic_load(&race.bus->unclaimed),
			 NR_THREADS * PER_PAGE * MMIO_LOGGED_PAGES / 2);
	assert_int_equal(message.calls, MMIO_LOGGED_PAGES / 2);
}

#define BUS_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		BUS_TEST(lookup),
		BUS_TEST(what_is_refused),
		BUS_TEST(frozen),
		BUS_TEST(widths),
		BUS_TEST(end_of_a_region),
		BUS_TEST(top_of_the_address_space),
		BUS_TEST(unclaimed_is_told_once_a_page),
		BUS_TEST(log_has_an_end),
		BUS_TEST(several_vcpus_miss),
	};

	return cmocka_run_group_tests_name("mmio", tests, NULL, NULL);
}
