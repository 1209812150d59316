/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: hw/gicv2m.c vmm/mmio.c util/log.c util/output.c */
/* GICv2m: which writes raise which SPI, and what the registers say. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "lkvm/hw/gicv2m.h"

#define BASE   0x3ffcf000
#define SPI    64 /* the first, which is INTID 96 */
#define NR     64
#define TYPER  (BASE + 0x008)
#define SETSPI (BASE + 0x040)
#define IIDR   (BASE + 0xfcc)

struct frame {
	struct mmio_bus bus;
	struct gicv2m *v2m;
};

/* The line's changes since the last look. */
static struct {
	u32 gsi;
	unsigned int ups, downs;
} irq;

void irq_line_set(const struct irq_line *line, bool high)
{
	/* A message is a pulse: never two of a kind in succession. */
	assert_int_equal(irq.ups - irq.downs, !high);
	assert_int_equal(line->trigger, IRQ_EDGE_RISING);
	if (high)
		irq.ups++;
	else
		irq.downs++;
	irq.gsi = line->gsi;
}

static int setup(void **state)
{
	static struct frame f;
	const struct irq_line first = { .gsi = SPI,
					.trigger = IRQ_EDGE_RISING };

	memset(&irq, 0, sizeof(irq));
	mmio_bus_init(&f.bus);
	*state = &f;
	return gicv2m_create(&f.bus, BASE, SZ_4K, &first, NR, &f.v2m);
}

static int teardown(void **state)
{
	struct frame *f = *state;

	f->v2m->dev.ops->destroy(&f->v2m->dev);
	mmio_bus_destroy(&f->bus);
	return 0;
}

/* Writes and tells whether exactly one pulse on `gsi` came of it. */
static bool pulses(struct frame *f, u64 addr, u64 value, unsigned int len,
		   u32 gsi)
{
	memset(&irq, 0, sizeof(irq));
	mmio_bus_write(&f->bus, addr, value, len);
	return irq.ups == 1 && irq.downs == 1 && irq.gsi == gsi;
}

static bool silent(struct frame *f, u64 addr, u64 value, unsigned int len)
{
	memset(&irq, 0, sizeof(irq));
	mmio_bus_write(&f->bus, addr, value, len);
	return !irq.ups && !irq.downs;
}

static void registers(void **state)
{
	struct frame *f = *state;

	/* Linux's driver and EDK2 read base and count from here. */
	assert_int_equal(mmio_bus_read(&f->bus, TYPER, 4),
			 (SPI + 32) << 16 | NR);
	assert_int_equal(mmio_bus_read(&f->bus, IIDR, 4) >> 16 & 0xf, 1);
	for (u64 offset = 0; offset < SZ_4K; offset += 4) {
		if (BASE + offset == TYPER || BASE + offset == IIDR)
			continue;
		assert_int_equal(mmio_bus_read(&f->bus, BASE + offset, 4), 0);
	}
}

static void every_spi_of_the_frame(void **state)
{
	struct frame *f = *state;

	for (u32 i = 0; i < NR; i++) {
		assert_true(pulses(f, SETSPI, SPI + 32 + i, 4, SPI + i));
		/* A device may write just the 16 bits of message data. */
		assert_true(pulses(f, SETSPI, SPI + 32 + i, 2, SPI + i));
	}
}

static void no_other_spi(void **state)
{
	static const u64 values[] = { 0,
				      1,
				      31,
				      32,
				      SPI,
				      SPI + 31,
				      SPI + 32 + NR,
				      1019,
				      0xffff,
				      0x7fffffff,
				      0x80000000,
				      UINT32_MAX };
	struct frame *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(values); i++)
		assert_true(silent(f, SETSPI, values[i], 4));
}

static void no_other_address(void **state)
{
	struct frame *f = *state;

	for (u64 addr = BASE; addr < BASE + SZ_4K; addr++)
		if (addr != SETSPI)
			assert_true(silent(f, addr, SPI + 32, 1) &&
				    silent(f, addr, SPI + 32, 4));
	assert_true(silent(f, SETSPI, SPI + 32, 1));
}

static void reading_raises_nothing(void **state)
{
	struct frame *f = *state;

	for (unsigned int len = 1; len <= 8; len *= 2)
		for (u64 addr = BASE; addr + len <= BASE + SZ_4K; addr++)
			mmio_bus_read(&f->bus, addr, len);
	assert_int_equal(irq.ups + irq.downs, 0);
}

static void place_taken(void **state)
{
	struct frame *f = *state;
	struct irq_line first = { .gsi = SPI, .trigger = IRQ_EDGE_RISING };
	struct gicv2m *other = NULL;

	log_set_level(LOG_LEVEL_ERROR);
	assert_int_equal(gicv2m_create(&f->bus, BASE + 0xfff, SZ_4K, &first, 1,
				       &other),
			 -EEXIST);
	assert_null(other);
}

#define FRAME_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		FRAME_TEST(registers),
		FRAME_TEST(every_spi_of_the_frame),
		FRAME_TEST(no_other_spi),
		FRAME_TEST(no_other_address),
		FRAME_TEST(reading_raises_nothing),
		FRAME_TEST(place_taken),
	};

	return cmocka_run_group_tests_name("gicv2m", tests, NULL, NULL);
}
