/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: hw/mc146818.c vmm/mmio.c vmm/fdt.c util/log.c util/output.c */
/* WRAP: gmtime_r */
/* MC146818: formats, consistent sets of reads, setting, what drivers do. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <libfdt.h>
#include <cmocka.h>

#include "lkvm/hw/mc146818.h"
#include "lkvm/vmm/fdt.h"

#define BASE 0x1010000

enum {
	SECONDS = 0,
	SECONDS_ALARM = 1,
	MINUTES = 2,
	HOURS = 4,
	WEEKDAY = 6,
	DAY = 7,
	MONTH = 8,
	YEAR = 9,
	A = 10,
	B = 11,
	C = 12,
	D = 13,
	CENTURY = 0x32,
};

#define SET 0x80
#define UIE 0x10
#define DM  0x04
#define H24 0x02

/* 2024-02-29 23:59:58 UTC, a Thursday */
#define LEAP_DAY 1709251198

struct clock {
	struct mmio_bus bus;
	struct mc146818 *rtc;
};

/* The host's clocks; cmocka runs one test at a time. */
static s64 host_time, host_ms;

static int fake_gettime(clockid_t id, struct timespec *ts)
{
	if (id == CLOCK_REALTIME)
		*ts = (struct timespec) { .tv_sec = host_time };
	else
		*ts = (struct timespec) { .tv_sec = host_ms / 1000,
					  .tv_nsec = host_ms % 1000 * 1000000 };
	return 0;
}

/* The C library reads the time zone's file for it. */
static unsigned int conversions;

struct tm *__real_gmtime_r(const time_t *time, struct tm *tm);
struct tm *__wrap_gmtime_r(const time_t *time, struct tm *tm);

struct tm *__wrap_gmtime_r(const time_t *time, struct tm *tm)
{
	conversions++;
	return __real_gmtime_r(time, tm);
}

static void pass(s64 seconds)
{
	host_time += seconds;
	host_ms += seconds * 1000;
}

static u8 rd(struct clock *c, u8 index)
{
	mmio_bus_write(&c->bus, BASE, index, 1);
	return mmio_bus_read(&c->bus, BASE + 1, 1);
}

static void wr(struct clock *c, u8 index, u8 value)
{
	mmio_bus_write(&c->bus, BASE, index, 1);
	mmio_bus_write(&c->bus, BASE + 1, value, 1);
}

/* What register A has been read for: the present time, field by field. */
static void expect_time(struct clock *c, u8 century, u8 year, u8 month, u8 day,
			u8 hours, u8 minutes, u8 seconds)
{
	assert_int_equal(rd(c, A) & 0x80, 0);
	assert_int_equal(rd(c, CENTURY), century);
	assert_int_equal(rd(c, YEAR), year);
	assert_int_equal(rd(c, MONTH), month);
	assert_int_equal(rd(c, DAY), day);
	assert_int_equal(rd(c, HOURS), hours);
	assert_int_equal(rd(c, MINUTES), minutes);
	assert_int_equal(rd(c, SECONDS), seconds);
}

static void set_fields(struct clock *c, u8 year, u8 month, u8 day, u8 hours,
		       u8 minutes, u8 seconds)
{
	wr(c, YEAR, year);
	wr(c, MONTH, month);
	wr(c, DAY, day);
	wr(c, HOURS, hours);
	wr(c, MINUTES, minutes);
	wr(c, SECONDS, seconds);
}

static int clock_setup(void **state)
{
	struct clock *c = calloc(1, sizeof(*c));
	struct mc146818_params params = { .name = "rtc",
					  .base = BASE,
					  .clock_gettime = fake_gettime };

	if (!c)
		return -1;
	host_time = LEAP_DAY;
	host_ms = 1000000;
	mmio_bus_init(&c->bus);
	*state = c;
	return mc146818_create(&params, &c->bus, &c->rtc);
}

static int clock_teardown(void **state)
{
	struct clock *c = *state;

	c->rtc->dev.ops->destroy(&c->rtc->dev);
	mmio_bus_destroy(&c->bus);
	free(c);
	return 0;
}

static void starts_with_host_time(void **state)
{
	struct clock *c = *state;

	expect_time(c, 0x20, 0x24, 0x02, 0x29, 0x23, 0x59, 0x58);
	assert_int_equal(rd(c, WEEKDAY), 5);
	pass(2);
	expect_time(c, 0x20, 0x24, 0x03, 0x01, 0x00, 0x00, 0x00);
	assert_int_equal(rd(c, WEEKDAY), 6);
}

static void status_registers(void **state)
{
	struct clock *c = *state;

	assert_int_equal(rd(c, A), 0x26);
	assert_int_equal(rd(c, B), H24);
	assert_int_equal(rd(c, C), 0);
	assert_int_equal(rd(c, D), 0x80);
	wr(c, A, 0xff);
	assert_int_equal(rd(c, A), 0x7f);
	wr(c, C, 0xff);
	assert_int_equal(rd(c, C), 0);
	wr(c, D, 0);
	assert_int_equal(rd(c, D), 0x80);
	wr(c, B, UIE | H24);
	assert_int_equal(rd(c, B), UIE | H24);
	wr(c, B, SET | UIE | H24);
	assert_int_equal(rd(c, B), SET | H24);
}

static void index_register(void **state)
{
	struct clock *c = *state;

	wr(c, 0x40, 0x5a);
	assert_int_equal(mmio_bus_read(&c->bus, BASE, 1), 0xff);
	assert_int_equal(rd(c, 0x40 | 0x80), 0x5a);
	wr(c, 0x40 | 0x80, 0x5b);
	assert_int_equal(rd(c, 0x40), 0x5b);
}

static void wide_accesses(void **state)
{
	struct clock *c = *state;

	wr(c, 0x40, 0x11);
	mmio_bus_write(&c->bus, BASE, 0x2240, 2);
	assert_int_equal(rd(c, 0x40), 0x11);
	assert_int_equal(mmio_bus_read(&c->bus, BASE, 2), 0xff);
}

static void cmos_ram(void **state)
{
	struct clock *c = *state;

	for (unsigned int i = 0x0e; i < 0x80; i++)
		wr(c, i, i ^ 0x55);
	for (unsigned int i = 0x0e; i < 0x80; i++)
		assert_int_equal(rd(c, i), i ^ 0x55);
	wr(c, SECONDS_ALARM, 0xc0);
	assert_int_equal(rd(c, SECONDS_ALARM), 0xc0);
}

static void formats(void **state)
{
	struct clock *c = *state;

	wr(c, B, DM | H24);
	expect_time(c, 0x20, 24, 2, 29, 23, 59, 58);
	wr(c, B, 0);
	expect_time(c, 0x20, 0x24, 0x02, 0x29, 0x80 | 0x11, 0x59, 0x58);
	wr(c, B, DM);
	expect_time(c, 0x20, 24, 2, 29, 0x80 | 11, 59, 58);
	pass(2);
	assert_int_equal(rd(c, HOURS), 12); /* midnight */
	pass(12 * 3600);
	assert_int_equal(rd(c, HOURS), 0x80 | 12); /* noon */
	wr(c, B, H24);
	assert_int_equal(rd(c, HOURS), 0x12);
}

/* A second passes between any two reads; the set is still of one second. */
static void no_torn_sets(void **state)
{
	static const struct {
		u8 index, value;
	} field[] = {
		{ SECONDS, 0x58 }, { MINUTES, 0x59 }, { HOURS, 0x23 },
		{ DAY, 0x29 },	   { MONTH, 0x02 },   { YEAR, 0x24 },
		{ CENTURY, 0x20 }, { WEEKDAY, 5 },
	};
	struct clock *c = *state;

	rd(c, A);
	for (unsigned int i = 0; i < ARRAY_SIZE(field); i++) {
		assert_int_equal(rd(c, field[i].index), field[i].value);
		host_time++;
	}
	assert_int_equal(rd(c, SECONDS), 0x06);
	assert_int_equal(rd(c, MINUTES), 0x00);
	assert_int_equal(rd(c, MONTH), 0x03);
}

static void register_a_begins_a_set(void **state)
{
	struct clock *c = *state;

	assert_int_equal(rd(c, SECONDS), 0x58);
	host_time++;
	rd(c, A);
	host_time++;
	assert_int_equal(rd(c, SECONDS), 0x59);
	assert_int_equal(rd(c, MINUTES), 0x59);
}

static void pause_begins_a_set(void **state)
{
	struct clock *c = *state;

	assert_int_equal(rd(c, SECONDS), 0x58);
	host_time += 2;
	host_ms += 500;
	assert_int_equal(rd(c, MINUTES), 0x59);
	host_ms += 501;
	assert_int_equal(rd(c, HOURS), 0x00);
	pass(86400);
	assert_int_equal(rd(c, WEEKDAY), 7);
	pass(100 * 365 * 86400LL);
	assert_int_equal(rd(c, CENTURY), 0x21);
}

/* Linux's mc146818_get_time(), and a second that ends at its worst moment. */
static void linux_reads(void **state)
{
	struct clock *c = *state;
	u8 seconds;

	do {
		seconds = rd(c, SECONDS);
		if (seconds == 0x58)
			host_time += 2;
		assert_int_equal(rd(c, A) & 0x80, 0);
	} while (seconds != rd(c, SECONDS));
	assert_int_equal(seconds, 0);
	assert_int_equal(rd(c, MINUTES), 0);
	assert_int_equal(rd(c, HOURS), 0);
	assert_int_equal(rd(c, DAY), 1);
	assert_int_equal(rd(c, MONTH), 3);
	assert_int_equal(rd(c, YEAR), 0x24);
	rd(c, A);
	assert_int_equal(rd(c, SECONDS), seconds);
}

/* Linux's mc146818_set_time(): B and A are put back at the end. */
static void linux_sets(void **state)
{
	struct clock *c = *state;
	u8 b = rd(c, B), a = rd(c, A);

	wr(c, B, b | SET);
	wr(c, A, a | 0x70);
	set_fields(c, 0x31, 0x12, 0x31, 0x23, 0x59, 0x50);
	wr(c, B, b);
	wr(c, A, a);
	pass(9);
	expect_time(c, 0x20, 0x31, 0x12, 0x31, 0x23, 0x59, 0x59);
	pass(1);
	expect_time(c, 0x20, 0x32, 0x01, 0x01, 0x00, 0x00, 0x00);
}

/* What EDK2's PcRtc does at start and when it sets the time. */
static void edk2_starts_and_sets(void **state)
{
	struct clock *c = *state;

	wr(c, A, 0x26);
	wr(c, D, 0);
	assert_int_equal(rd(c, D), 0x80);
	assert_int_equal(rd(c, A) & 0x80, 0);
	wr(c, B, H24);
	wr(c, B, H24 | SET);
	wr(c, CENTURY, 0x19);
	set_fields(c, 0x99, 0x01, 0x02, 0x03, 0x04, 0x05);
	wr(c, B, H24);
	pass(60);
	expect_time(c, 0x19, 0x99, 0x01, 0x02, 0x03, 0x05, 0x05);
	/* Its alarm is set under SET too: the clock does not stop for it. */
	wr(c, B, H24 | SET);
	wr(c, SECONDS_ALARM, 0x30);
	pass(3);
	wr(c, B, H24);
	expect_time(c, 0x19, 0x99, 0x01, 0x02, 0x03, 0x05, 0x08);
}

static void set_holds_the_registers(void **state)
{
	struct clock *c = *state;

	pass(1);
	wr(c, B, H24 | SET);
	assert_int_equal(rd(c, SECONDS), 0x59);
	wr(c, SECONDS, 0x10);
	pass(100);
	rd(c, A);
	assert_int_equal(rd(c, SECONDS), 0x10);
	assert_int_equal(rd(c, SECONDS), 0x10);
	assert_int_equal(rd(c, MINUTES), 0x59);
	wr(c, B, H24);
	expect_time(c, 0x20, 0x24, 0x02, 0x29, 0x23, 0x59, 0x10);
	pass(5);
	expect_time(c, 0x20, 0x24, 0x02, 0x29, 0x23, 0x59, 0x15);
	wr(c, B, H24 | SET);
	wr(c, CENTURY, 0x21);
	pass(5);
	wr(c, B, H24);
	expect_time(c, 0x21, 0x24, 0x02, 0x29, 0x23, 0x59, 0x15);
	/* Nothing written: as if it had not been held. */
	wr(c, B, H24 | SET);
	host_time += 5;
	wr(c, B, H24);
	assert_int_equal(rd(c, SECONDS), 0x20);
}

static void set_in_a_new_format(void **state)
{
	struct clock *c = *state;

	wr(c, B, SET | DM);
	set_fields(c, 45, 10, 11, 0x80 | 12, 13, 14);
	wr(c, B, DM);
	pass(1);
	expect_time(c, 0x20, 45, 10, 11, 0x80 | 12, 13, 15);
	/* Or the format changes only when SET is cleared. */
	wr(c, B, SET | DM);
	set_fields(c, 0x46, 0x10, 0x11, 0x12, 0x13, 0x14);
	wr(c, B, H24);
	pass(1);
	expect_time(c, 0x20, 0x46, 0x10, 0x11, 0x12, 0x13, 0x15);
}

/* Without SET each write counts at once; fields do not disturb another. */
static void writes_without_set(void **state)
{
	struct clock *c = *state;

	wr(c, MINUTES, 0x30);
	expect_time(c, 0x20, 0x24, 0x02, 0x29, 0x23, 0x30, 0x58);
	pass(2);
	expect_time(c, 0x20, 0x24, 0x02, 0x29, 0x23, 0x31, 0x00);
	pass(70);
	wr(c, SECONDS, 0x00);
	expect_time(c, 0x20, 0x24, 0x02, 0x29, 0x23, 0x32, 0x00);
	wr(c, DAY, 0x31);
	wr(c, MONTH, 0x02);
	wr(c, DAY, 0x15);
	pass(1);
	expect_time(c, 0x20, 0x24, 0x02, 0x15, 0x23, 0x32, 0x01);
}

static void invalid_values(void **state)
{
	struct clock *c = *state;

	for (unsigned int v = 0; v < 256; v++) {
		wr(c, B, (v & 6) | SET);
		wr(c, CENTURY, v);
		set_fields(c, v, v, v, v, v, v);
		assert_int_equal(rd(c, MONTH), v);
		wr(c, B, v & 6);
		assert_int_equal(rd(c, MONTH), v);
		pass(1);
		wr(c, B, H24);
		assert_in_range(rd(c, MONTH), 0x01, 0x12);
		assert_in_range(rd(c, DAY), 0x01, 0x31);
		assert_in_range(rd(c, HOURS), 0x00, 0x23);
		assert_in_range(rd(c, SECONDS), 0x00, 0x59);
	}
}

static void host_clock_steps_back(void **state)
{
	struct clock *c = *state;

	expect_time(c, 0x20, 0x24, 0x02, 0x29, 0x23, 0x59, 0x58);
	host_time -= 59;
	expect_time(c, 0x20, 0x24, 0x02, 0x29, 0x23, 0x58, 0x59);
}

static void reset_keeps_time_and_ram(void **state)
{
	struct clock *c = *state;

	wr(c, B, H24 | SET);
	set_fields(c, 0x30, 0x06, 0x07, 0x08, 0x09, 0x10);
	wr(c, B, H24);
	wr(c, 0x40, 0x77);
	wr(c, A, 0x27);
	wr(c, B, DM);
	wr(c, B, DM | SET);
	pass(5);
	c->rtc->dev.ops->reset(&c->rtc->dev);
	assert_int_equal(rd(c, B), H24);
	assert_int_equal(rd(c, A), 0x26);
	assert_int_equal(rd(c, 0x40), 0x77);
	pass(5);
	expect_time(c, 0x20, 0x30, 0x06, 0x07, 0x08, 0x09, 0x20);
}

static void device_tree_node(void **state)
{
	struct clock *c = *state;
	const u8 reg[] = { 0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2 };
	struct fdt_writer fdt;
	void *blob;
	size_t size;
	int node, len;

	assert_int_equal(fdt_writer_init(&fdt), 0);
	c->rtc->dev.ops->fdt_node(&c->rtc->dev, &fdt);
	assert_int_equal(fdt_writer_finish(&fdt, &blob, &size), 0);
	node = fdt_path_offset(blob, "/rtc@1010000");
	assert_true(node > 0);
	assert_string_equal(fdt_getprop(blob, node, "compatible", NULL),
			    "motorola,mc146818");
	assert_memory_equal(fdt_getprop(blob, node, "reg", &len), reg, 16);
	assert_int_equal(len, 16);
	free(blob);
}

static void creation(void **state)
{
	struct clock *c = *state;
	struct mc146818_params params = { .name = "rtc", .base = BASE };
	struct timespec before, after;
	struct mc146818 *rtc;

	assert_int_equal(mc146818_create(&params, &c->bus, &rtc), -EEXIST);
	/* Without a clock of the caller's it is the host's. */
	params.base += 0x1000;
	conversions = 0;
	assert_int_equal(mc146818_create(&params, &c->bus, &rtc), 0);
	/* A guest that has no use for the time is started without. */
	assert_int_equal(conversions, 0);
	clock_gettime(CLOCK_REALTIME, &before);
	mmio_bus_read(&c->bus, params.base + 1, 1);
	clock_gettime(CLOCK_REALTIME, &after);
	assert_int_equal(conversions, 1);
	assert_in_range(rtc->base, before.tv_sec, after.tv_sec);
	rtc->dev.ops->destroy(&rtc->dev);
}

#define CLOCK_TEST(f) \
	cmocka_unit_test_setup_teardown(f, clock_setup, clock_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CLOCK_TEST(starts_with_host_time),
		CLOCK_TEST(status_registers),
		CLOCK_TEST(index_register),
		CLOCK_TEST(wide_accesses),
		CLOCK_TEST(cmos_ram),
		CLOCK_TEST(formats),
		CLOCK_TEST(no_torn_sets),
		CLOCK_TEST(register_a_begins_a_set),
		CLOCK_TEST(pause_begins_a_set),
		CLOCK_TEST(linux_reads),
		CLOCK_TEST(linux_sets),
		CLOCK_TEST(edk2_starts_and_sets),
		CLOCK_TEST(set_holds_the_registers),
		CLOCK_TEST(set_in_a_new_format),
		CLOCK_TEST(writes_without_set),
		CLOCK_TEST(invalid_values),
		CLOCK_TEST(host_clock_steps_back),
		CLOCK_TEST(reset_keeps_time_and_ram),
		CLOCK_TEST(device_tree_node),
		CLOCK_TEST(creation),
	};

	return cmocka_run_group_tests_name("mc146818", tests, NULL, NULL);
}
