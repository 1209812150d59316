/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: pci/config.c pci/intx.c */
/* SOURCES: pci/host.c pci/function.c pci/decode.c pci/msix.c vmm/mmio.c */
/* SOURCES: vmm/fdt.c util/json.c util/log.c util/output.c */
/*
 * Base addresses that are moved while other threads use them: an access reaches
 * the function at the place it was meant for, or reads ones.
 */
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "lkvm/pci/pci.h"
#include "no_irqfd.h"

#define ECAM   0x3f000000ULL
#define MMIO32 0x10000000ULL
#define IO     0x3eff0000ULL
#define WINDOW SZ_1M

#define THREADS 2U
#define ROUNDS	3000U
#define ENOUGH	4U /* accesses of a thread to all places */

/* Base addresses; those of memory take turns at two places. */
#define SMALL	 0U
#define LARGE	 1U
#define PORTS	 2U
#define STILL	 3U /* moves never */
#define PLACE(n) (MMIO32 + (n)*SZ_64K)
#define NO_MOVE	 PLACE(4)
#define PORT	 0x100U

static const u64 sizes[] = { SZ_4K, SZ_64K, 64, SZ_4K };

static struct {
	struct mmio_bus bus;
	struct pci_host *host;
	struct pci_function fn;
	atomic_bool over;
	atomic_uint accesses[THREADS];
	atomic_uint wrong;
	/* By what was reached; the last is nothing. */
	atomic_uint reached[ARRAY_SIZE(sizes) + 1];
} t;

void irq_line_set(const struct irq_line *line, bool high)
{
	(void)line;
	(void)high;
	fail();
}

/* No assertion of cmocka's may fail in a thread. */
static void require(bool good)
{
	if (!good)
		atomic_fetch_add(&t.wrong, 1);
}

/* ---- The function -------------------------------------------------------- */

/* Says by what, and where, it was reached. */
static u32 answer(unsigned int bar, u64 offset)
{
	return 0xa0000000 | bar << 24 | (u32)offset;
}

static u64 fn_read(struct pci_function *fn, unsigned int bar, u64 offset,
		   unsigned int len)
{
	require(fn == &t.fn && bar < ARRAY_SIZE(sizes) && len == 4);
	require(range_within(offset, len, 0, sizes[bar]));
	return answer(bar, offset);
}

/* What is written is the offset that the thread means. */
static void fn_write(struct pci_function *fn, unsigned int bar, u64 offset,
		     u64 value, unsigned int len)
{
	require(fn == &t.fn && bar < ARRAY_SIZE(sizes) && len == 4);
	require(range_within(offset, len, 0, sizes[bar]) && value == offset);
}

static const struct pci_function_ops fn_ops = {
	.read = fn_read,
	.write = fn_write,
	.destroy = pci_function_destroy,
};

/* ---- Threads that access it ---------------------------------------------- */

/* Reads at `addr`, which is `offset` in any range of memory there. */
static void look(u64 addr, u32 offset)
{
	u32 value = (u32)mmio_bus_read(&t.bus, addr, 4);
	u32 bar = value == UINT32_MAX ? ARRAY_SIZE(sizes) : value >> 24 & 0xf;

	require(bar == ARRAY_SIZE(sizes) ||
		(bar <= LARGE && value == answer(bar, offset)));
	atomic_fetch_add(&t.reached[bar <= LARGE ? bar : ARRAY_SIZE(sizes)], 1);
	mmio_bus_write(&t.bus, addr, offset, 4);
}

/*
 * Where ports are or nothing is; and at the bus address 0, where they are not
 * at any moment.
 */
static void look_at_ports(void)
{
	u32 value = (u32)mmio_bus_read(&t.bus, IO + PORT + 4, 4);

	require(value == UINT32_MAX || value == answer(PORTS, 4));
	require(mmio_bus_read(&t.bus, IO + 4, 4) == UINT32_MAX);
}

static void *use(void *opaque)
{
	atomic_uint *accesses = opaque;

	for (u32 i = 0; !atomic_load(&t.over); i++) {
		u32 offset = i * 4 % SZ_4K;

		look(PLACE(0) + offset, offset);
		look(PLACE(1) + offset, offset);
		look(PLACE(i % 2) + SZ_4K + offset, SZ_4K + offset);
		look_at_ports();
		atomic_fetch_add(accesses, 1);
	}
	return NULL;
}

/* ---- The thread that moves it -------------------------------------------- */

static void config(u32 reg, u32 value, unsigned int len)
{
	mmio_bus_write(&t.bus, ECAM + (1 << 15) + reg, value, len);
}

static void place(unsigned int bar, u64 at)
{
	config(PCI_BASE_ADDRESS_0 + 4 * bar, (u32)at, 4);
}

static void expect(u64 addr, u32 value)
{
	assert_int_equal(mmio_bus_read(&t.bus, addr, 4), value);
}

/* The others have been everywhere since this was called. */
static void let_others_look(void)
{
	unsigned int before[THREADS];

	for (unsigned int i = 0; i < THREADS; i++)
		before[i] = atomic_load(&t.accesses[i]);
	for (unsigned int i = 0; i < THREADS; i++)
		while (atomic_load(&t.accesses[i]) - before[i] < ENOUGH)
			sched_yield();
}

/* The change is in effect when the write to the register returns. */
static void move(u32 round)
{
	place(SMALL, PLACE(round % 2));
	expect(PLACE(round % 2) + 8, answer(SMALL, 8));
	place(LARGE, PLACE(1 - round % 2));
	expect(PLACE(1 - round % 2) + 8, answer(LARGE, 8));
	expect(PLACE(round % 2) + SZ_4K, UINT32_MAX);
	expect(NO_MOVE + 4, answer(STILL, 4));
}

static void switch_off_and_on(u32 round)
{
	config(PCI_COMMAND, 0, 2);
	expect(PLACE(0) + 8, UINT32_MAX);
	expect(PLACE(1) + 8, UINT32_MAX);
	expect(IO + PORT, UINT32_MAX);
	expect(NO_MOVE, UINT32_MAX);
	if (round % 64 == 0)
		let_others_look();
	config(PCI_COMMAND, PCI_COMMAND_MEMORY | PCI_COMMAND_IO, 2);
	expect(PLACE(round % 2) + 8, answer(SMALL, 8));
	expect(IO + PORT, answer(PORTS, 0));
}

static void moves_and_accesses(void **state)
{
	pthread_t threads[THREADS];

	(void)state;
	for (unsigned int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, use,
						&t.accesses[i]),
				 0);
	for (u32 round = 0; round < ROUNDS; round++) {
		move(round);
		if (round % 64 < 2)
			let_others_look();
		switch_off_and_on(round);
	}
	atomic_store(&t.over, true);
	for (unsigned int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(atomic_load(&t.wrong), 0);
	assert_true(atomic_load(&t.reached[SMALL]));
	assert_true(atomic_load(&t.reached[LARGE]));
	assert_true(atomic_load(&t.reached[ARRAY_SIZE(sizes)]));
}

/* ---- A range that stays ---------------------------------------------------
 */

static void *use_still(void *opaque)
{
	atomic_uint *accesses = opaque;

	while (!atomic_load(&t.over)) {
		require(mmio_bus_read(&t.bus, NO_MOVE + 0x40, 4) ==
			answer(STILL, 0x40));
		atomic_fetch_add(accesses, 1);
	}
	return NULL;
}

/* Is reached at any moment, whatever becomes of the others. */
static void others_move(void **state)
{
	pthread_t threads[THREADS];

	(void)state;
	for (unsigned int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, use_still,
						&t.accesses[i]),
				 0);
	for (u32 round = 0; round < ROUNDS; round++) {
		move(round);
		config(PCI_COMMAND, PCI_COMMAND_MEMORY, 2);
		config(PCI_COMMAND, PCI_COMMAND_MEMORY | PCI_COMMAND_IO, 2);
		if (round % 64 == 0)
			let_others_look();
	}
	atomic_store(&t.over, true);
	for (unsigned int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(atomic_load(&t.wrong), 0);
}

static int setup(void **state)
{
	const struct pci_host_params params = {
		.name = "pci",
		.ecam = ECAM,
		.nr_buses = 1,
		.mmio32 = MMIO32,
		.mmio32_size = WINDOW,
		.io = IO,
		.io_size = SZ_64K,
	};

	(void)state;
	memset(&t, 0, sizeof(t));
	mmio_bus_init(&t.bus);
	assert_int_equal(pci_host_create(&params, &t.bus, &t.host), 0);
	t.fn.ops = &fn_ops;
	t.fn.name = "thing";
	pci_function_init(&t.fn);
	for (unsigned int i = 0; i < ARRAY_SIZE(sizes); i++)
		pci_add_bar(&t.fn, i, sizes[i],
			    i == PORTS ? PCI_BASE_ADDRESS_SPACE_IO : 0);
	assert_int_equal(pci_plug(t.host, &t.fn), 0);
	place(SMALL, PLACE(0));
	place(LARGE, PLACE(1));
	place(PORTS, PORT);
	place(STILL, NO_MOVE);
	config(PCI_COMMAND, PCI_COMMAND_MEMORY | PCI_COMMAND_IO, 2);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	t.host->dev.ops->destroy(&t.host->dev);
	mmio_bus_destroy(&t.bus);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(moves_and_accesses, setup,
						teardown),
		cmocka_unit_test_setup_teardown(others_move, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
