/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: hw/pl031.c vmm/mmio.c vmm/fdt.c util/log.c util/output.c */
/*
 * PL031 under random accesses, while time passes or the host's clock is set,
 * against a model that counts second by second.
 */
#include <stdlib.h>
#include <string.h>

#include "lkvm/hw/pl031.h"
#include "tests/unit/timer_stub.h"

#define SECOND 1000000000ULL

enum {
	RTC_DR = 0x00,
	RTC_MR = 0x04,
	RTC_LR = 0x08,
	RTC_IMSC = 0x10,
	RTC_RIS = 0x14,
	RTC_ICR = 0x1c,
};

/* What one byte of fuzz input does; the low five bits are its argument. */
enum action {
	READ = 0x00,	   /* the register at 4 times that */
	WRITE = 0x20,	   /* likewise; the value is in the next four bytes */
	WRITE_NEAR = 0x40, /* likewise; it is near the present time */
	PASS = 0x60,	   /* some seconds; the timer expires when it should */
	FRACTION = 0x80,   /* of a second */
	JUMP = 0xa0,	   /* the host's clock is set by the next four bytes */
	EARLY = 0xc0,	   /* the timer expires though it should not */
	OTHER = 0xe0,	   /* reset, or an access anywhere */
};

static s64 host_time, host_ns;

static struct {
	u32 now, mr, lr;
	bool imsc, ris;
} model;

static bool irq_high;

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

static void require(bool what)
{
	if (!what)
		abort();
}

void irq_line_set(const struct irq_line *line __maybe_unused, bool high)
{
	require(high != irq_high);
	irq_high = high;
}

static int fake_gettime(clockid_t id, struct timespec *ts)
{
	require(id == CLOCK_REALTIME);
	ts->tv_sec = host_time;
	ts->tv_nsec = host_ns;
	return 0;
}

static u32 rd(struct mmio_bus *bus, u64 reg)
{
	return (u32)mmio_bus_read(bus, reg, 4);
}

/* Nanoseconds pass; the timer's expiry is seen at its time. */
static void pass(u64 ns)
{
	while (ns) {
		u64 step = MIN(ns, SECOND - (u64)host_ns);

		if (stub.ns)
			step = MIN(step, stub.ns);
		ns -= step;
		host_ns += (s64)step;
		if (host_ns == SECOND) {
			host_ns = 0;
			host_time++;
			model.ris |= ++model.now == model.mr;
		}
		if (!stub.ns)
			continue;
		stub.ns -= step;
		if (!stub.ns)
			expire();
	}
	/* Nobody has looked: the timer alone has to be enough. */
	require(irq_high == (model.imsc && model.ris));
}

/* The model may assume that the device looks at the clock at each jump. */
static void jump(struct mmio_bus *bus, s32 seconds)
{
	host_time += seconds;
	if (seconds > 0 && model.mr - model.now - 1 < (u32)seconds)
		model.ris = true;
	model.now += (u32)seconds;
	require(rd(bus, RTC_DR) == model.now);
	if (stub.ns)
		expire();
}

static void write_model(u64 reg, u32 value)
{
	switch (reg) {
	case RTC_MR:
		model.mr = value;
		model.ris |= model.now == value;
		break;
	case RTC_LR:
		model.lr = model.now = value;
		model.ris |= model.mr == value;
		break;
	case RTC_IMSC:
		model.imsc = value & 1;
		break;
	case RTC_ICR:
		model.ris = false;
		break;
	}
}

static void wr(struct mmio_bus *bus, u64 reg, u32 value)
{
	write_model(reg, value);
	mmio_bus_write(bus, reg, value, 4);
}

static void other(struct pl031 *rtc, struct mmio_bus *bus, unsigned int arg,
		  u32 word)
{
	if (arg & 1) {
		rtc->dev.ops->reset(&rtc->dev);
		model.mr = model.lr = 0;
		model.imsc = model.ris = false;
		return;
	}
	mmio_bus_read(bus, word % 0xff8, 1 << (arg >> 1 & 3));
	if (word % 0xff8 >= 0x20 || word & 3)
		mmio_bus_write(bus, word % 0xff8, word, 1 << (arg >> 1 & 3));
}

static size_t act(struct pl031 *rtc, struct mmio_bus *bus, const u8 *data,
		  size_t size)
{
	unsigned int arg = data[0] & 0x1f;
	u32 word = 0;

	if (size >= 5)
		memcpy(&word, data + 1, 4);
	switch (data[0] & 0xe0) {
	case READ:
		rd(bus, (u64)arg * 4);
		return 1;
	case WRITE:
		wr(bus, (u64)arg * 4, word);
		return 5;
	case WRITE_NEAR:
		wr(bus, (u64)arg * 4, model.now + (word & 0xff) - 0x40);
		return 2;
	case PASS:
		pass(arg * 5 * SECOND);
		return 1;
	case FRACTION:
		pass(arg * SECOND / 20 + 1);
		return 1;
	case JUMP:
		jump(bus, (s32)word);
		return 5;
	case EARLY:
		expire();
		return 1;
	default:
		other(rtc, bus, arg, word);
		return 5;
	}
}

static void check(struct mmio_bus *bus)
{
	/* The read may bring what only the model has seen up to now. */
	require(rd(bus, RTC_RIS) == model.ris);
	require(rd(bus, RTC_DR) == model.now);
	require(rd(bus, RTC_MR) == model.mr);
	require(rd(bus, RTC_LR) == model.lr);
	require(rd(bus, RTC_IMSC) == model.imsc);
	require(irq_high == (model.imsc && model.ris));
	require(stub.ns || !model.imsc || model.ris);
	require(stub.ns <= 60 * SECOND);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct evloop loop;
	const struct pl031_params params = { .name = "rtc",
					     .loop = &loop,
					     .clock_gettime = fake_gettime };
	struct pl031 *rtc;
	struct mmio_bus bus;

	host_time = 1709251198;
	host_ns = 0;
	irq_high = false;
	memset(&model, 0, sizeof(model));
	memset(&stub, 0, sizeof(stub));
	model.now = (u32)host_time;
	mmio_bus_init(&bus);
	require(pl031_create(&params, &bus, &rtc) == 0);
	while (size) {
		size_t used = MIN(act(rtc, &bus, data, size), size);

		data += used;
		size -= used;
		check(&bus);
	}
	rtc->dev.ops->destroy(&rtc->dev);
	require(!stub.timer);
	mmio_bus_destroy(&bus);
	return 0;
}
