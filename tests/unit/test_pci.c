/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: pci/config.c pci/intx.c */
/* SOURCES: pci/host.c pci/function.c pci/decode.c pci/msix.c vmm/mmio.c */
/* SOURCES: vmm/fdt.c util/json.c util/log.c util/output.c */
/* A host bridge, and functions that note what they are asked. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <libfdt.h>

#include "lkvm/pci/pci.h"
#include "lkvm/util/json.h"
#include "lkvm/vmm/fdt.h"
#include "no_irqfd.h"

#define ECAM	0x3f000000ULL
#define MMIO32	0x10000000ULL
#define MMIO64	0x8000000000ULL
#define IO	0x3eff0000ULL
#define WINDOW	(16 * SZ_1M)
#define SPI	3
#define VECTORS 3

#define CONFIG(slot, reg) (ECAM + ((slot) << 15) + (reg))
#define BAR(n)		  (PCI_BASE_ADDRESS_0 + 4 * (n))
#define MSIX_BAR	  1
#define PBA		  0x800

/* One of the functions. */
struct thing {
	struct pci_function fn;
	u64 moves;
	unsigned int bar;
	u64 from, to;	   /* of the last move */
	u64 offset, value; /* of the last access to a range */
	unsigned int len;
	unsigned int reads, writes, resets;
	u32 config_offset, config_len;
};

static struct {
	struct mmio_bus bus;
	struct pci_host *host;
	struct thing *things[2];
	bool lines[PCI_INTX_LINES];
	unsigned int edges, messages, destroyed;
	u32 id, data;
	u64 address;
} t;

void irq_line_set(const struct irq_line *line, bool high)
{
	assert_in_range(line->gsi, SPI, SPI + PCI_INTX_LINES - 1);
	assert_int_equal(line->trigger, IRQ_LEVEL_HIGH);
	assert_int_equal(pthread_mutex_trylock(&t.host->intx_lock), EBUSY);
	assert_int_not_equal(t.lines[line->gsi - SPI], high);
	t.lines[line->gsi - SPI] = high;
	t.edges++;
}

static void send_msi(void *opaque, u32 id, u64 address, u32 data)
{
	assert_ptr_equal(opaque, &t);
	t.messages++;
	t.id = id;
	t.address = address;
	t.data = data;
}

/* ---- Functions ----------------------------------------------------------- */

static u64 thing_read(struct pci_function *fn, unsigned int bar, u64 offset,
		      unsigned int len)
{
	struct thing *thing = container_of(fn, struct thing, fn);

	if (bar == MSIX_BAR && offset >= PBA)
		return pci_msix_read_pending(fn, offset - PBA, len);
	if (bar == MSIX_BAR)
		return pci_msix_read(fn, offset, len);
	thing->reads++;
	thing->bar = bar;
	thing->offset = offset;
	thing->len = len;
	return 0x1122334455667788;
}

static void thing_write(struct pci_function *fn, unsigned int bar, u64 offset,
			u64 value, unsigned int len)
{
	struct thing *thing = container_of(fn, struct thing, fn);

	if (bar == MSIX_BAR) {
		pci_msix_write(fn, offset, value, len);
		return;
	}
	thing->writes++;
	thing->bar = bar;
	thing->offset = offset;
	thing->value = value;
	thing->len = len;
}

static void thing_moved(struct pci_function *fn, unsigned int bar, u64 from,
			u64 to)
{
	struct thing *thing = container_of(fn, struct thing, fn);

	thing->moves++;
	thing->bar = bar;
	thing->from = from;
	thing->to = to;
}

static void thing_config(struct pci_function *fn, u32 offset, u32 len)
{
	struct thing *thing = container_of(fn, struct thing, fn);

	assert_int_equal(pthread_mutex_trylock(&t.host->lock), EBUSY);
	thing->config_offset = offset;
	thing->config_len = len;
}

static void thing_reset(struct pci_function *fn)
{
	container_of(fn, struct thing, fn)->resets++;
}

static void thing_stats(struct pci_function *fn, struct json_writer *json)
{
	json_u64(json, "slot", fn->slot);
}

static void thing_destroy(struct pci_function *fn)
{
	pci_function_destroy(fn);
	free(container_of(fn, struct thing, fn));
	t.destroyed++;
}

static const struct pci_function_ops thing_ops = {
	.read = thing_read,
	.write = thing_write,
	.moved = thing_moved,
	.config_read = thing_config,
	.config_written = thing_config,
	.reset = thing_reset,
	.stats = thing_stats,
	.destroy = thing_destroy,
};

/* Memory of 32 and 64 bits, I/O, and MSI-X. */
static struct thing *make_thing(const char *name)
{
	struct thing *thing = calloc(1, sizeof(*thing));
	struct pci_function *fn = &thing->fn;

	fn->ops = &thing_ops;
	fn->name = name;
	fn->vendor = 0x1af4;
	fn->device = 0x1042;
	fn->subsystem_vendor = 0x1af4;
	fn->subsystem = 0x1100;
	fn->revision = 1;
	fn->class = 0x010000;
	pci_function_init(fn);
	pci_add_bar(fn, 0, 64, PCI_BASE_ADDRESS_SPACE_IO);
	pci_add_bar(fn, MSIX_BAR, SZ_4K, 0);
	pci_add_bar(fn, 4, SZ_64K,
		    PCI_BASE_ADDRESS_MEM_TYPE_64 |
			    PCI_BASE_ADDRESS_MEM_PREFETCH);
	assert_int_equal(pci_add_msix(fn, VECTORS, MSIX_BAR, 0, PBA), 0);
	return thing;
}

static int setup(void **state)
{
	const struct pci_host_params params = {
		.name = "pci",
		.ecam = ECAM,
		.nr_buses = 2,
		.mmio32 = MMIO32,
		.mmio32_size = WINDOW,
		.mmio64 = MMIO64,
		.mmio64_size = WINDOW,
		.io = IO,
		.io_size = SZ_64K,
		.intx = { .gsi = SPI, .trigger = IRQ_LEVEL_HIGH },
		.send_msi = send_msi,
		.opaque = &t,
	};
	static const char *const names[] = { "a", "b" };

	(void)state;
	memset(&t, 0, sizeof(t));
	mmio_bus_init(&t.bus);
	assert_int_equal(pci_host_create(&params, &t.bus, &t.host), 0);
	for (unsigned int i = 0; i < 2; i++) {
		t.things[i] = make_thing(names[i]);
		assert_int_equal(pci_plug(t.host, &t.things[i]->fn), 0);
	}
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	t.host->dev.ops->destroy(&t.host->dev);
	assert_int_equal(t.destroyed, 2);
	mmio_bus_destroy(&t.bus);
	return 0;
}

/* ---- A driver ------------------------------------------------------------ */

static u64 read_at(u64 addr, unsigned int len)
{
	return mmio_bus_read(&t.bus, addr, len);
}

static void write_at(u64 addr, u64 value, unsigned int len)
{
	mmio_bus_write(&t.bus, addr, value, len);
}

static void command(u64 slot, u32 value)
{
	write_at(CONFIG(slot, PCI_COMMAND), value, 2);
}

#define ALL (PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER)

/* Places the ranges of a function and switches them on. */
static void place(u64 slot)
{
	write_at(CONFIG(slot, BAR(0)), 0x1000 * slot, 4);
	write_at(CONFIG(slot, BAR(1)), MMIO32 + slot * SZ_1M, 4);
	write_at(CONFIG(slot, BAR(4)), (u32)(MMIO64 + slot * SZ_1M), 4);
	write_at(CONFIG(slot, BAR(5)), (MMIO64 + slot * SZ_1M) >> 32, 4);
	command(slot, ALL);
}

/* ---- Tests --------------------------------------------------------------- */

static void header(void **state)
{
	(void)state;
	assert_int_equal(read_at(CONFIG(0ULL, 0), 4), 0x00081b36);
	assert_int_equal(read_at(CONFIG(0ULL, PCI_CLASS_REVISION), 4),
			 0x06000000);
	assert_int_equal(read_at(CONFIG(0ULL, PCI_INTERRUPT_PIN), 1), 0);
	assert_int_equal(read_at(CONFIG(1ULL, 0), 4), 0x10421af4);
	assert_int_equal(read_at(CONFIG(1ULL, PCI_CLASS_REVISION), 4),
			 0x01000001);
	assert_int_equal(read_at(CONFIG(1ULL, PCI_SUBSYSTEM_VENDOR_ID), 4),
			 0x11001af4);
	assert_int_equal(read_at(CONFIG(1ULL, PCI_HEADER_TYPE), 1), 0);
	assert_int_equal(read_at(CONFIG(1ULL, PCI_INTERRUPT_PIN), 1), 1);
	assert_int_equal(read_at(CONFIG(1ULL, PCI_STATUS), 2),
			 PCI_STATUS_CAP_LIST);
	assert_int_equal(read_at(CONFIG(2ULL, 0), 2), 0x1af4);
	assert_int_equal(read_at(CONFIG(2ULL, 1), 1), 0x1a);
}

/* Ones, at any width: slots, functions, buses, and registers. */
static void absent(void **state)
{
	const u64 places[] = { CONFIG(3ULL, 0),	     CONFIG(31ULL, 0),
			       CONFIG(1ULL, 0x1000), ECAM + SZ_1M,
			       CONFIG(1ULL, 0x100),  CONFIG(1ULL, 0xffc) };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		assert_int_equal(read_at(places[i], 1), 0xff);
		assert_int_equal(read_at(places[i], 2), 0xffff);
		assert_int_equal(read_at(places[i], 4), 0xffffffff);
		assert_int_equal(read_at(places[i], 8), UINT64_MAX);
		write_at(places[i], 0, 4);
	}
	assert_int_equal(read_at(CONFIG(1ULL, 0), 8), UINT64_MAX);
	assert_int_equal(read_at(CONFIG(1ULL, 0xfe), 4), 0xffffffff);
	write_at(CONFIG(1ULL, 0xfe), 0, 4);
}

static void read_only(void **state)
{
	(void)state;
	write_at(CONFIG(1ULL, 0), 0, 4);
	write_at(CONFIG(1ULL, PCI_STATUS), 0xffff, 2);
	write_at(CONFIG(1ULL, PCI_CLASS_REVISION), 0, 4);
	header(state);
	command(1, 0xffff);
	assert_int_equal(read_at(CONFIG(1ULL, PCI_COMMAND), 2),
			 ALL | PCI_COMMAND_INTX_DISABLE);
	write_at(CONFIG(1ULL, PCI_INTERRUPT_LINE), 0xabcd, 2);
	assert_int_equal(read_at(CONFIG(1ULL, PCI_INTERRUPT_LINE), 2), 0x1cd);
}

/* Ones are written, and the size is read: PCI, section 6.2.5.1. */
static void sizes(void **state)
{
	static const struct {
		unsigned int bar;
		u32 size;
	} cases[] = {
		{ 0, 0xffffffc1 }, { 1, 0xfffff000 }, { 2, 0 },
		{ 3, 0 },	   { 4, 0xffff000c }, { 5, 0xffffffff },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		u64 at = CONFIG(1ULL, BAR(cases[i].bar));

		write_at(at, 0xffffffff, 4);
		assert_int_equal(read_at(at, 4), cases[i].size);
		write_at(at, 0, 4);
	}
	assert_int_equal(t.things[0]->moves, 0);
}

static void expect_access(struct thing *thing, unsigned int bar, u64 offset)
{
	assert_int_equal(thing->bar, bar);
	assert_int_equal(thing->offset, offset);
}

static void ranges(void **state)
{
	struct thing *a = t.things[0];

	(void)state;
	assert_int_equal(read_at(MMIO64 + SZ_1M, 4), 0xffffffff);
	place(1);
	assert_int_equal(a->moves, 3);
	assert_int_equal(a->from, PCI_NO_ADDRESS);
	assert_int_equal(a->to, MMIO64 + SZ_1M);
	assert_int_equal(read_at(MMIO64 + SZ_1M + 0x10, 8), 0x1122334455667788);
	expect_access(a, 4, 0x10);
	write_at(IO + 0x1008, 0x55, 1);
	expect_access(a, 0, 8);
	assert_int_equal(a->value, 0x55);
	assert_int_equal(a->len, 1);
	/* What is not all inside of a range is in none. */
	assert_int_equal(read_at(IO + 0x103e, 4), 0xffffffff);
	assert_int_equal(read_at(MMIO64 + SZ_1M + SZ_64K, 1), 0xff);
	write_at(MMIO64 + SZ_1M - 1, 0, 1);
	assert_int_equal(a->writes, 1);
	assert_int_equal(a->reads, 1);
}

/* Each kind of range by its own bit. */
static void decoding(void **state)
{
	struct thing *a = t.things[0];

	(void)state;
	place(1);
	command(1, PCI_COMMAND_MEMORY);
	assert_int_equal(a->moves, 4);
	assert_int_equal(a->bar, 0);
	assert_int_equal(a->from, IO + 0x1000);
	assert_int_equal(a->to, PCI_NO_ADDRESS);
	assert_int_equal(read_at(IO + 0x1008, 1), 0xff);
	assert_int_equal(read_at(MMIO64 + SZ_1M, 1), 0x88);
	command(1, PCI_COMMAND_IO);
	assert_int_equal(read_at(IO + 0x1008, 1), 0x88);
	assert_int_equal(read_at(MMIO64 + SZ_1M, 1), 0xff);
	assert_int_equal(a->reads, 2);
}

/* Moved while decoding is on, in two halves; then out of all windows. */
static void moves(void **state)
{
	struct thing *a = t.things[0];

	(void)state;
	place(1);
	write_at(CONFIG(1ULL, BAR(4)), (u32)MMIO64 + 2 * SZ_1M, 4);
	assert_int_equal(a->from, MMIO64 + SZ_1M);
	assert_int_equal(a->to, MMIO64 + 2 * SZ_1M);
	assert_int_equal(read_at(MMIO64 + SZ_1M, 1), 0xff);
	assert_int_equal(read_at(MMIO64 + 2 * SZ_1M, 1), 0x88);
	write_at(CONFIG(1ULL, BAR(5)), 0, 4);
	assert_int_equal(a->to, PCI_NO_ADDRESS);
	write_at(CONFIG(1ULL, BAR(4)), (u32)MMIO32 + 2 * SZ_1M, 4);
	assert_int_equal(a->to, MMIO32 + 2 * SZ_1M);
	assert_int_equal(read_at(MMIO32 + 2 * SZ_1M + 5, 1), 0x88);
	expect_access(a, 4, 5);
	write_at(CONFIG(1ULL, BAR(4)), (u32)(MMIO32 + WINDOW - SZ_4K), 4);
	assert_int_equal(a->to, MMIO32 + WINDOW - SZ_64K);
	write_at(CONFIG(1ULL, BAR(4)), (u32)(MMIO32 + WINDOW), 4);
	assert_int_equal(a->to, PCI_NO_ADDRESS);
	/* I/O is not memory at the same address, nor the other way round. */
	write_at(CONFIG(1ULL, BAR(4)), 0, 4);
	assert_int_equal(a->bar, 4);
	assert_int_equal(a->to, PCI_NO_ADDRESS);
	assert_int_equal(read_at(IO, 1), 0xff);
	write_at(CONFIG(1ULL, BAR(0)), MMIO32, 4);
	assert_int_equal(a->to, PCI_NO_ADDRESS);
}

/* The first that was plugged in has it; no range is lost. */
static void overlaps(void **state)
{
	(void)state;
	place(1);
	place(2);
	write_at(CONFIG(2ULL, BAR(4)), (u32)(MMIO64 + SZ_1M), 4);
	read_at(MMIO64 + SZ_1M, 1);
	assert_int_equal(t.things[0]->reads, 1);
	command(1, 0);
	read_at(MMIO64 + SZ_1M, 1);
	assert_int_equal(t.things[0]->reads, 1);
	assert_int_equal(t.things[1]->reads, 1);
}

static void intx(void **state)
{
	struct pci_function *a = &t.things[0]->fn, *b = &t.things[1]->fn;

	(void)state;
	pci_set_intx(a, true);
	assert_true(t.lines[1]);
	assert_int_equal(read_at(CONFIG(1ULL, PCI_STATUS), 2),
			 PCI_STATUS_CAP_LIST | PCI_STATUS_INTERRUPT);
	pci_set_intx(a, true);
	pci_set_intx(b, true);
	assert_true(t.lines[2]);
	command(1, PCI_COMMAND_INTX_DISABLE);
	assert_false(t.lines[1]);
	assert_int_equal(read_at(CONFIG(1ULL, PCI_STATUS), 1),
			 PCI_STATUS_CAP_LIST | PCI_STATUS_INTERRUPT);
	command(1, 0);
	assert_true(t.lines[1]);
	pci_set_intx(a, false);
	pci_set_intx(b, false);
	assert_false(t.lines[1] || t.lines[2]);
	assert_int_equal(t.edges, 6);
}

/* Slots 1 and 5 are on one line, which is high as long as either wants it. */
static void shared_line(void **state)
{
	struct pci_function *a = &t.things[0]->fn, *far = NULL;

	(void)state;
	for (unsigned int slot = 3; slot <= 5; slot++) {
		far = &make_thing("more")->fn;
		assert_int_equal(pci_plug(t.host, far), 0);
		assert_int_equal(far->slot, slot);
	}
	pci_set_intx(far, true);
	pci_set_intx(a, true);
	pci_set_intx(far, false);
	assert_true(t.lines[1]);
	assert_int_equal(t.edges, 1);
	pci_set_intx(a, false);
	assert_false(t.lines[1]);
	t.destroyed -= 3;
}

/* ---- MSI-X --------------------------------------------------------------- */

#define MSIX_CAP    0x40
#define TABLE	    (MMIO32 + SZ_1M)
#define ENTRY(n)    (TABLE + 16 * (n))
#define ENABLE	    PCI_MSIX_FLAGS_ENABLE
#define MASK_ALL    PCI_MSIX_FLAGS_MASKALL
#define SET_MSIX(f) write_at(CONFIG(1ULL, MSIX_CAP + PCI_MSIX_FLAGS), f, 2)

static void set_entry(unsigned int n, u64 address, u32 data, u32 control)
{
	write_at(ENTRY(n), (u32)address, 4);
	write_at(ENTRY(n) + 4, address >> 32, 4);
	write_at(ENTRY(n) + 8, (u64)control << 32 | data, 8);
}

static void msix_capability(void **state)
{
	(void)state;
	assert_int_equal(read_at(CONFIG(1ULL, PCI_CAPABILITY_LIST), 1),
			 MSIX_CAP);
	assert_int_equal(read_at(CONFIG(1ULL, MSIX_CAP), 2), PCI_CAP_ID_MSIX);
	assert_int_equal(read_at(CONFIG(1ULL, MSIX_CAP + 2), 2), VECTORS - 1);
	assert_int_equal(read_at(CONFIG(1ULL, MSIX_CAP + 4), 4), MSIX_BAR);
	assert_int_equal(read_at(CONFIG(1ULL, MSIX_CAP + 8), 4),
			 PBA | MSIX_BAR);
	SET_MSIX(0xffff);
	assert_int_equal(read_at(CONFIG(1ULL, MSIX_CAP + 2), 2),
			 ENABLE | MASK_ALL | (VECTORS - 1));
}

static void messages(void **state)
{
	struct pci_function *a = &t.things[0]->fn;

	(void)state;
	place(1);
	assert_int_equal(read_at(ENTRY(1) + 12, 4), 1);
	set_entry(1, 0x1234567890, 77, 0);
	pci_msix_notify(a, 1);
	assert_int_equal(t.messages, 0);
	assert_false(pci_msix_enabled(a));
	SET_MSIX(ENABLE);
	assert_true(pci_msix_enabled(a));
	assert_int_equal(t.messages, 0);
	pci_msix_notify(a, 1);
	assert_int_equal(t.messages, 1);
	assert_int_equal(t.id, 1 << 3);
	assert_int_equal(t.address, 0x1234567890);
	assert_int_equal(t.data, 77);
	assert_int_equal(read_at(ENTRY(1), 8), 0x1234567890);
	assert_int_equal(read_at(ENTRY(1) + 8, 4), 77);
	/* Past the table, and in ways that are not allowed. */
	assert_int_equal(read_at(ENTRY(VECTORS), 4), 0);
	write_at(ENTRY(VECTORS), 1, 4);
	write_at(ENTRY(1) + 8, 1, 2);
	write_at(ENTRY(1) + 4, 1, 8);
	assert_int_equal(read_at(ENTRY(1) + 8, 2), 0);
	assert_int_equal(read_at(ENTRY(1), 8), 0x1234567890);
}

/* Wanted while masked, in each of three ways: sent once afterwards. */
static void masked(void **state)
{
	struct pci_function *a = &t.things[0]->fn;

	(void)state;
	place(1);
	set_entry(0, 0x100, 1, 1);
	set_entry(2, 0x200, 2, 0);
	SET_MSIX(ENABLE);
	pci_msix_notify(a, 0);
	pci_msix_notify(a, 0);
	assert_int_equal(t.messages, 0);
	assert_int_equal(read_at(TABLE + PBA, 8), 1);
	write_at(ENTRY(0) + 12, 0xfffffffe, 4);
	assert_int_equal(t.messages, 1);
	assert_int_equal(read_at(ENTRY(0) + 12, 4), 0);
	assert_int_equal(read_at(TABLE + PBA, 8), 0);
	SET_MSIX(ENABLE | MASK_ALL);
	pci_msix_notify(a, 2);
	assert_int_equal(read_at(TABLE + PBA, 1), 4);
	assert_int_equal(t.messages, 1);
	SET_MSIX(ENABLE);
	assert_int_equal(t.messages, 2);
	assert_int_equal(t.data, 2);
	command(1, PCI_COMMAND_MEMORY);
	pci_msix_notify(a, 2);
	assert_int_equal(t.messages, 2);
	command(1, ALL);
	assert_int_equal(t.messages, 3);
}

/* ---- The bridge as a device ---------------------------------------------- */

static void reset(void **state)
{
	struct thing *a = t.things[0];

	(void)state;
	place(1);
	set_entry(0, 0x100, 1, 0);
	SET_MSIX(ENABLE);
	pci_set_intx(&a->fn, true);
	command(1, ALL | PCI_COMMAND_INTX_DISABLE);
	t.host->dev.ops->reset(&t.host->dev);
	assert_int_equal(a->resets, 1);
	assert_true(t.lines[1]); /* for as long as the function wants it */
	assert_int_equal(read_at(CONFIG(1ULL, PCI_COMMAND), 2), 0);
	assert_int_equal(read_at(CONFIG(1ULL, BAR(4)), 8), UINT64_MAX);
	assert_int_equal(read_at(CONFIG(1ULL, BAR(4)), 4), 0xc);
	assert_int_equal(read_at(CONFIG(1ULL, BAR(5)), 4), 0);
	assert_false(pci_msix_enabled(&a->fn));
	assert_int_equal(a->to, PCI_NO_ADDRESS);
	place(1);
	assert_int_equal(read_at(ENTRY(0), 8), 0);
	assert_int_equal(read_at(ENTRY(0) + 12, 4), 1);
	pci_set_intx(&a->fn, false);
}

static void no_slot_left(void **state)
{
	struct thing *last;

	(void)state;
	for (unsigned int i = 3; i < PCI_SLOTS; i++)
		assert_int_equal(pci_plug(t.host, &make_thing("x")->fn), 0);
	last = make_thing("last");
	assert_int_equal(pci_plug(t.host, &last->fn), -ENOSPC);
	thing_destroy(&last->fn);
	t.destroyed -= PCI_SLOTS - 3 + 1;
}

static void config_hooks(void **state)
{
	struct thing *b = t.things[1];

	(void)state;
	read_at(CONFIG(2ULL, 0x44), 2);
	assert_int_equal(b->config_offset, 0x44);
	assert_int_equal(b->config_len, 2);
	write_at(CONFIG(2ULL, 0x48), 0, 4);
	assert_int_equal(b->config_offset, 0x48);
	assert_int_equal(b->config_len, 4);
}

static void statistics(void **state)
{
	struct json_writer json = { 0 };
	char *text;
	size_t size;

	(void)state;
	json.out = open_memstream(&text, &size);
	json_begin_object(&json, NULL);
	t.host->dev.ops->stats(&t.host->dev, &json);
	json_end_object(&json);
	fclose(json.out);
	assert_non_null(strstr(text, "\"a\": {"));
	assert_non_null(strstr(text, "\"slot\": 2"));
	free(text);
}

static const fdt32_t *cells(const void *blob, int node, const char *name, int n)
{
	int len;
	const fdt32_t *p = fdt_getprop(blob, node, name, &len);

	assert_non_null(p);
	assert_int_equal(len, n * 4);
	return p;
}

static void tree(void **state)
{
	struct fdt_writer fdt;
	const fdt32_t *p;
	void *blob;
	size_t size;
	int node;

	(void)state;
	assert_int_equal(fdt_writer_init(&fdt), 0);
	t.host->dev.ops->fdt_node(&t.host->dev, &fdt);
	assert_int_equal(fdt_writer_finish(&fdt, &blob, &size), 0);
	node = fdt_path_offset(blob, "/pcie@3f000000");
	assert_true(node > 0);
	p = cells(blob, node, "bus-range", 2);
	assert_int_equal(fdt32_to_cpu(p[1]), 1);
	p = cells(blob, node, "ranges", 21);
	assert_int_equal(fdt32_to_cpu(p[0]), 0x01000000);
	assert_int_equal(fdt32_to_cpu(p[2]), 0);
	assert_int_equal(fdt32_to_cpu(p[4]), IO);
	assert_int_equal(fdt32_to_cpu(p[7]), 0x02000000);
	assert_int_equal(fdt32_to_cpu(p[9]), MMIO32);
	assert_int_equal(fdt32_to_cpu(p[13]), WINDOW);
	assert_int_equal(fdt32_to_cpu(p[14]), 0x03000000);
	assert_int_equal(fdt32_to_cpu(p[15]), MMIO64 >> 32);
	p = cells(blob, node, "interrupt-map", 160);
	for (u32 i = 0; i < 16; i++, p += 10) {
		assert_int_equal(fdt32_to_cpu(p[0]), i / 4 << 11);
		assert_int_equal(fdt32_to_cpu(p[3]), i % 4 + 1);
		assert_int_equal(fdt32_to_cpu(p[8]), SPI + (i / 4 + i % 4) % 4);
		assert_int_equal(fdt32_to_cpu(p[9]), 4);
	}
	p = cells(blob, node, "msi-map", 4);
	assert_int_equal(fdt32_to_cpu(p[1]), FDT_PHANDLE_MSI);
	assert_non_null(fdt_getprop(blob, node, "dma-coherent", NULL));
	free(blob);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(header),	    TEST(absent),	   TEST(read_only),
		TEST(sizes),	    TEST(ranges),	   TEST(decoding),
		TEST(moves),	    TEST(overlaps),	   TEST(intx),
		TEST(shared_line),  TEST(msix_capability), TEST(messages),
		TEST(masked),	    TEST(reset),	   TEST(no_slot_left),
		TEST(config_hooks), TEST(statistics),	   TEST(tree),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
