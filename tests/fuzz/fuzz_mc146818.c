/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: hw/mc146818.c vmm/mmio.c vmm/fdt.c util/log.c util/output.c */
/* MC146818 under random accesses, on a host whose clock jumps about. */
#include <stdlib.h>
#include <string.h>

#include "lkvm/hw/mc146818.h"

#define YEARS (366 * 86400LL)

/* What one byte of fuzz input does; the low bits are its argument. */
enum action {
	READ = 0x00,
	WRITE = 0x40, /* the value is the next byte */
	PASS = 0x80,  /* seconds */
	JUMP = 0xc0,  /* years forth or back, or a reset of the device */
};

static s64 host_time, host_ms;

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

static void require(bool what)
{
	if (!what)
		abort();
}

static int fake_gettime(clockid_t id, struct timespec *ts)
{
	ts->tv_sec = id == CLOCK_REALTIME ? host_time : host_ms / 1000;
	ts->tv_nsec = id == CLOCK_REALTIME ? 0 : host_ms % 1000 * 1000000;
	return 0;
}

static u64 rd(struct mmio_bus *bus, u8 index)
{
	mmio_bus_write(bus, 0, index, 1);
	return mmio_bus_read(bus, 1, 1);
}

/* A second after its format was set, the clock shows a time of day. */
static void check_time(struct mmio_bus *bus)
{
	mmio_bus_write(bus, 0, 0x0b, 1);
	mmio_bus_write(bus, 1, 0x06, 1);
	host_time++;
	require(!(rd(bus, 0x0a) & 0x80));
	require(rd(bus, 0x0d) == 0x80);
	require(rd(bus, 0) < 60);
	require(rd(bus, 2) < 60);
	require(rd(bus, 4) < 24);
	require(rd(bus, 6) - 1 < 7);
	require(rd(bus, 7) - 1 < 31);
	require(rd(bus, 8) - 1 < 12);
	require(rd(bus, 9) < 100);
}

static size_t act(struct mc146818 *rtc, struct mmio_bus *bus, const u8 *data,
		  size_t size)
{
	unsigned int arg = data[0] & 0x3f;

	switch (data[0] & 0xc0) {
	case READ:
		rd(bus, arg);
		break;
	case WRITE:
		if (size < 2)
			break;
		mmio_bus_write(bus, 0, arg, 1);
		mmio_bus_write(bus, 1, data[1], 1);
		return 2;
	case PASS:
		host_time += arg;
		host_ms += arg * 100;
		break;
	case JUMP:
		if (arg == 0x20)
			rtc->dev.ops->reset(&rtc->dev);
		else
			host_time += ((s64)arg - 0x20) * 100 * YEARS;
		break;
	}
	return 1;
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	const struct mc146818_params params = { .name = "rtc",
						.clock_gettime = fake_gettime };
	struct mc146818 *rtc;
	struct mmio_bus bus;

	host_time = 1709251198;
	host_ms = 0;
	mmio_bus_init(&bus);
	require(mc146818_create(&params, &bus, &rtc) == 0);
	while (size) {
		size_t used = act(rtc, &bus, data, size);

		data += used;
		size -= used;
	}
	check_time(&bus);
	rtc->dev.ops->destroy(&rtc->dev);
	mmio_bus_destroy(&bus);
	return 0;
}
