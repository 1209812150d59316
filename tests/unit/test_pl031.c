/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: hw/pl031.c vmm/mmio.c vmm/fdt.c util/log.c util/output.c */
/* PL031: time, how it is set, and the alarm. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <libfdt.h>
#include <cmocka.h>

#include "lkvm/hw/pl031.h"
#include "lkvm/vmm/fdt.h"
#include "timer_stub.h"

#define BASE   0x9010000
#define GSI    2
#define CLOCK  7
#define START  1709251198 /* 2024-02-29 23:59:58 UTC */
#define SECOND 1000000000ULL

#define IRQ_OWNER pl031
#include "irq_fixture.h"

enum {
	DR = 0x00,
	MR = 0x04,
	LR = 0x08,
	CR = 0x0c,
	IMSC = 0x10,
	RIS = 0x14,
	MIS = 0x18,
	ICR = 0x1c,
};

struct clock {
	struct mmio_bus bus;
	struct evloop loop;
	struct pl031 *rtc;
};

static s64 host_time, host_ns;
static unsigned int host_looks;

static int fake_gettime(clockid_t id, struct timespec *ts)
{
	assert_int_equal(id, CLOCK_REALTIME);
	*ts = (struct timespec) { .tv_sec = host_time, .tv_nsec = host_ns };
	host_looks++;
	return 0;
}

static u32 rd(struct clock *c, unsigned int reg)
{
	return (u32)mmio_bus_read(&c->bus, BASE + reg, 4);
}

static void wr(struct clock *c, unsigned int reg, u32 value)
{
	mmio_bus_write(&c->bus, BASE + reg, value, 4);
}

static struct pl031_params rtc_params(struct clock *c)
{
	return (struct pl031_params) {
		.name = "rtc",
		.base = BASE,
		.irq = { .gsi = GSI, .trigger = IRQ_LEVEL_HIGH },
		.clock = CLOCK,
		.loop = &c->loop,
		.clock_gettime = fake_gettime,
	};
}

static int setup(void **state)
{
	struct clock *c = calloc(1, sizeof(*c));
	struct pl031_params params;

	if (!c)
		return -1;
	memset(&irq, 0, sizeof(irq));
	memset(&stub, 0, sizeof(stub));
	host_time = START;
	host_ns = 0;
	mmio_bus_init(&c->bus);
	params = rtc_params(c);
	*state = c;
	return pl031_create(&params, &c->bus, &c->rtc);
}

static int teardown(void **state)
{
	struct clock *c = *state;

	c->rtc->dev.ops->destroy(&c->rtc->dev);
	assert_null(stub.timer);
	mmio_bus_destroy(&c->bus);
	free(c);
	return 0;
}

static void power_on_state(void **state)
{
	struct clock *c = *state;

	assert_int_equal(rd(c, DR), START);
	assert_int_equal(rd(c, MR), 0);
	assert_int_equal(rd(c, LR), 0);
	assert_int_equal(rd(c, CR), 1);
	assert_int_equal(rd(c, IMSC), 0);
	assert_int_equal(rd(c, RIS), 0);
	assert_int_equal(rd(c, MIS), 0);
	assert_int_equal(rd(c, ICR), 0);
	assert_int_equal(irq.calls, 0);
	assert_int_equal(stub.sets, 0);
}

static void register_bits(void **state)
{
	struct clock *c = *state;

	wr(c, MR, 0xdeadbeef);
	assert_int_equal(rd(c, MR), 0xdeadbeef);
	wr(c, LR, 0xcafe0000);
	assert_int_equal(rd(c, LR), 0xcafe0000);
	wr(c, IMSC, 0xffffffff);
	assert_int_equal(rd(c, IMSC), 1);
	wr(c, IMSC, 0xfffffffe);
	assert_int_equal(rd(c, IMSC), 0);
	/* It cannot be stopped, set by the wrong register or made to ring. */
	wr(c, CR, 0);
	wr(c, DR, 5);
	wr(c, RIS, 1);
	wr(c, MIS, 1);
	host_time += 10;
	assert_int_equal(rd(c, CR), 1);
	assert_int_equal(rd(c, DR), 0xcafe000a);
	assert_int_equal(rd(c, RIS), 0);
}

static void identification(void **state)
{
	static const u8 ids[] = {
		0x31, 0x10, 0x04, 0x00, 0x0d, 0xf0, 0x05, 0xb1
	};
	struct clock *c = *state;

	for (unsigned int i = 0; i < ARRAY_SIZE(ids); i++) {
		wr(c, 0xfe0 + 4 * i, 0);
		assert_int_equal(rd(c, 0xfe0 + 4 * i), ids[i]);
		assert_int_equal(mmio_bus_read(&c->bus, BASE + 0xfe0 + 4 * i,
					       1),
				 ids[i]);
	}
}

static void widths_and_wrong_offsets(void **state)
{
	struct clock *c = *state;

	assert_int_equal(mmio_bus_read(&c->bus, BASE, 1), START & 0xff);
	assert_int_equal(mmio_bus_read(&c->bus, BASE, 2), START & 0xffff);
	wr(c, MR, 0x12345678);
	assert_int_equal(mmio_bus_read(&c->bus, BASE, 8), START);
	mmio_bus_write(&c->bus, BASE + MR, 0x1ffffffffULL, 8);
	assert_int_equal(rd(c, MR), 0xffffffff);
	assert_int_equal(rd(c, LR), 0);
	for (unsigned int reg = 0; reg < 0x1000; reg++) {
		if (reg % 4 == 0 && (reg < 0x20 || reg >= 0xfe0))
			continue;
		mmio_bus_write(&c->bus, BASE + reg, 0xff, 1);
		assert_int_equal(mmio_bus_read(&c->bus, BASE + reg, 1), 0);
	}
	assert_int_equal(rd(c, MR), 0xffffffff);
	assert_int_equal(rd(c, DR), START);
}

static void time_runs_and_is_set(void **state)
{
	struct clock *c = *state;

	host_time += 5;
	assert_int_equal(rd(c, DR), START + 5);
	wr(c, LR, 1000);
	assert_int_equal(rd(c, DR), 1000);
	host_time += 7;
	assert_int_equal(rd(c, DR), 1007);
	/* Set before it was read again. */
	host_time += 3;
	wr(c, LR, 0xfffffffe);
	assert_int_equal(rd(c, DR), 0xfffffffe);
	host_time += 3;
	assert_int_equal(rd(c, DR), 1);
	/* The host's clock is set back. */
	host_time -= 11;
	assert_int_equal(rd(c, DR), 0xfffffff6);
	assert_int_equal(rd(c, LR), 0xfffffffe);
}

static void wraps_with_the_host(void **state)
{
	struct clock *c = *state;

	host_time = 0x100000002;
	assert_int_equal(rd(c, DR), 2);
}

static void alarm_in_the_future(void **state)
{
	struct clock *c = *state;

	host_ns = 250000000;
	wr(c, MR, START + 10);
	assert_int_equal(stub.ns, 0);
	wr(c, IMSC, 1);
	assert_int_equal(stub.ns, 10 * SECOND - 250000000);
	host_time += 9;
	assert_int_equal(rd(c, RIS), 0);
	host_time += 1;
	host_ns = 0;
	assert_false(irq.high);
	expire();
	assert_true(irq.high);
	assert_int_equal(stub.ns, 0);
	assert_int_equal(rd(c, RIS), 1);
	assert_int_equal(rd(c, MIS), 1);
	/* Linux's handler; the second is not over, and there is one alarm. */
	wr(c, ICR, 1);
	assert_false(irq.high);
	assert_int_equal(stub.ns, 60 * SECOND);
	assert_int_equal(rd(c, RIS), 0);
	host_time += 1;
	assert_int_equal(rd(c, RIS), 0);
	assert_int_equal(irq.calls, 2);
}

static void alarm_without_a_timer(void **state)
{
	struct clock *c = *state;

	/* Masked: seen when looked for, and raised when unmasked. */
	wr(c, MR, START + 2);
	host_time += 5;
	assert_int_equal(rd(c, RIS), 1);
	assert_int_equal(rd(c, MIS), 0);
	assert_int_equal(stub.sets, 0);
	assert_int_equal(irq.calls, 0);
	wr(c, IMSC, 1);
	assert_true(irq.high);
	wr(c, IMSC, 0);
	assert_false(irq.high);
	assert_int_equal(rd(c, RIS), 1);
	wr(c, ICR, 0);
	assert_int_equal(rd(c, RIS), 0);
	/* Unmasked: reading the time is enough. */
	wr(c, MR, START + 6);
	wr(c, IMSC, 1);
	host_time += 1;
	rd(c, DR);
	assert_true(irq.high);
}

static void alarm_now(void **state)
{
	struct clock *c = *state;

	wr(c, IMSC, 1);
	wr(c, MR, START);
	assert_true(irq.high);
	wr(c, ICR, 1);
	assert_false(irq.high);
	wr(c, MR, START);
	assert_true(irq.high);
	wr(c, ICR, 1);
	/* Time that is set to the alarm's */
	wr(c, MR, 5000);
	assert_false(irq.high);
	wr(c, LR, 5000);
	assert_true(irq.high);
}

static void alarm_in_the_past(void **state)
{
	struct clock *c = *state;

	wr(c, IMSC, 1);
	wr(c, MR, START - 1);
	assert_int_equal(rd(c, RIS), 0);
	assert_int_equal(stub.ns, 60 * SECOND);
	host_time += 60;
	expire();
	assert_false(irq.high);
	assert_int_equal(stub.ns, 60 * SECOND);
	/* Time that is set over an alarm does not pass it. */
	wr(c, MR, START + 1000);
	wr(c, LR, START + 2000);
	host_time += 1;
	assert_int_equal(rd(c, RIS), 0);
	wr(c, LR, START + 999);
	assert_int_equal(rd(c, RIS), 0);
	assert_int_equal(stub.ns, SECOND);
	host_time += 1;
	assert_int_equal(rd(c, RIS), 1);
}

static void alarm_rewritten(void **state)
{
	struct clock *c = *state;

	wr(c, IMSC, 1);
	wr(c, MR, START + 10);
	assert_int_equal(stub.ns, 10 * SECOND);
	wr(c, MR, START + 20);
	assert_int_equal(stub.ns, 20 * SECOND);
	host_time += 10;
	expire(); /* it was on its way */
	assert_false(irq.high);
	assert_int_equal(stub.ns, 10 * SECOND);
	wr(c, MR, START + 12);
	assert_int_equal(stub.ns, 2 * SECOND);
	wr(c, IMSC, 0);
	assert_int_equal(stub.ns, 0);
	host_time += 2;
	assert_int_equal(rd(c, RIS), 1);
	/* A new alarm does not end the old one. */
	wr(c, MR, START + 50);
	wr(c, IMSC, 1);
	assert_true(irq.high);
	wr(c, ICR, 1);
	assert_int_equal(stub.ns, 38 * SECOND);
}

static void far_alarm(void **state)
{
	struct clock *c = *state;

	wr(c, IMSC, 1);
	host_ns = 5;
	wr(c, MR, START + 61);
	assert_int_equal(stub.ns, 60 * SECOND - 5);
	host_ns = 0;
	wr(c, MR, START + 60);
	assert_int_equal(stub.ns, 60 * SECOND);
	/* The timer is not the clock: early, ... */
	host_time += 59;
	host_ns = 999999999;
	expire();
	assert_false(irq.high);
	assert_int_equal(stub.ns, 1);
	/* ... or the clock has been set, back or forth. */
	host_time -= 100;
	expire();
	assert_false(irq.high);
	assert_int_equal(stub.ns, 60 * SECOND - 999999999);
	host_time += 1000;
	expire();
	assert_true(irq.high);
}

/* The alarm comes over the wrap of the counter like any other. */
static void alarm_over_the_wrap(void **state)
{
	struct clock *c = *state;

	wr(c, IMSC, 1);
	wr(c, LR, 0xfffffff0);
	wr(c, MR, 0x4);
	assert_int_equal(stub.ns, 20 * SECOND);
	host_time += 19;
	assert_int_equal(rd(c, RIS), 0);
	host_time += 1;
	expire();
	assert_true(irq.high);
}

/* One access sees one time, or an alarm could be missed between two. */
static void one_look_per_access(void **state)
{
	struct clock *c = *state;

	host_looks = 0;
	wr(c, IMSC, 1);
	wr(c, MR, START + 5);
	wr(c, LR, START);
	rd(c, DR);
	expire();
	assert_int_equal(host_looks, 5);
}

static void timer_that_fails(void **state)
{
	struct clock *c = *state;

	stub.error = -EINVAL;
	wr(c, MR, START + 5);
	wr(c, IMSC, 1);
	host_time += 5;
	assert_int_equal(rd(c, RIS), 1);
	assert_true(irq.high);
	stub.error = 0;
}

static void reset(void **state)
{
	struct clock *c = *state;

	wr(c, LR, 100);
	wr(c, MR, 100);
	wr(c, IMSC, 1);
	assert_true(irq.high);
	host_time += 5;
	c->rtc->dev.ops->reset(&c->rtc->dev);
	assert_false(irq.high);
	assert_int_equal(rd(c, MR), 0);
	assert_int_equal(rd(c, LR), 0);
	assert_int_equal(rd(c, IMSC), 0);
	assert_int_equal(rd(c, RIS), 0);
	/* Time goes on. */
	assert_int_equal(rd(c, DR), 105);
	/* An alarm that was to come does not. */
	wr(c, MR, 110);
	wr(c, IMSC, 1);
	host_time += 5;
	c->rtc->dev.ops->reset(&c->rtc->dev);
	assert_int_equal(stub.ns, 0);
	assert_int_equal(rd(c, RIS), 0);
	assert_false(irq.high);
}

static void device_tree_node(void **state)
{
	struct clock *c = *state;
	const u8 reg[] = { 0, 0, 0, 0, 9, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0x10, 0 };
	const u8 spi[] = { 0, 0, 0, 0, 0, 0, 0, GSI, 0, 0, 0, 4 };
	const u8 clock[] = { 0, 0, 0, CLOCK };
	struct fdt_writer fdt;
	void *blob;
	size_t size;
	int node, len;

	assert_int_equal(fdt_writer_init(&fdt), 0);
	c->rtc->dev.ops->fdt_node(&c->rtc->dev, &fdt);
	assert_int_equal(fdt_writer_finish(&fdt, &blob, &size), 0);
	node = fdt_path_offset(blob, "/rtc@9010000");
	assert_true(node > 0);
	assert_memory_equal(fdt_getprop(blob, node, "compatible", &len),
			    "arm,pl031\0arm,primecell", 24);
	assert_int_equal(len, 24);
	assert_memory_equal(fdt_getprop(blob, node, "reg", &len), reg, 16);
	assert_int_equal(len, 16);
	assert_memory_equal(fdt_getprop(blob, node, "interrupts", &len), spi,
			    12);
	assert_memory_equal(fdt_getprop(blob, node, "clocks", &len), clock, 4);
	assert_int_equal(len, 4);
	assert_string_equal(fdt_getprop(blob, node, "clock-names", NULL),
			    "apb_pclk");
	free(blob);
}

static void creation(void **state)
{
	struct clock *c = *state;
	struct pl031_params params = rtc_params(c);
	struct evloop_timer *first = stub.timer;
	struct timespec before, after;
	struct pl031 *rtc;
	u32 now;

	assert_int_equal(pl031_create(&params, &c->bus, &rtc), -EEXIST);
	assert_null(stub.timer);
	params.base += 0x1000;
	stub.error = -EMFILE;
	assert_int_equal(pl031_create(&params, &c->bus, &rtc), -EMFILE);
	stub.error = 0;
	/* Without a clock of the caller's it is the host's. */
	params.clock_gettime = NULL;
	clock_gettime(CLOCK_REALTIME, &before);
	assert_int_equal(pl031_create(&params, &c->bus, &rtc), 0);
	now = (u32)mmio_bus_read(&c->bus, params.base, 4);
	clock_gettime(CLOCK_REALTIME, &after);
	assert_in_range(now, (u32)before.tv_sec, (u32)after.tv_sec);
	rtc->dev.ops->destroy(&rtc->dev);
	stub.timer = first;
}

#define CLOCK_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CLOCK_TEST(power_on_state),
		CLOCK_TEST(register_bits),
		CLOCK_TEST(identification),
		CLOCK_TEST(widths_and_wrong_offsets),
		CLOCK_TEST(time_runs_and_is_set),
		CLOCK_TEST(wraps_with_the_host),
		CLOCK_TEST(alarm_in_the_future),
		CLOCK_TEST(alarm_without_a_timer),
		CLOCK_TEST(alarm_now),
		CLOCK_TEST(alarm_in_the_past),
		CLOCK_TEST(alarm_rewritten),
		CLOCK_TEST(far_alarm),
		CLOCK_TEST(alarm_over_the_wrap),
		CLOCK_TEST(one_look_per_access),
		CLOCK_TEST(timer_that_fails),
		CLOCK_TEST(reset),
		CLOCK_TEST(device_tree_node),
		CLOCK_TEST(creation),
	};

	return cmocka_run_group_tests_name("pl031", tests, NULL, NULL);
}
