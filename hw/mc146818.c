/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * MC146818 real-time clock of kvmtool's machine. Registers: Motorola MC146818A
 * data sheet, address map and "Registers"; the century at 0x32 is the PC's,
 * which ACPI's FADT may point to.
 *
 * There is no timer: the time registers are computed when the guest reads, from
 * the host's clock, by the rules in lkvm/hw/mc146818.h. `base` is the host's
 * second that corresponds to the registers; both are changed together.
 *
 * Accesses come on vCPUs' threads under the device's lock, one for both
 * registers as `index` is shared by all vCPUs. Not modelled: interrupts and the
 * flags of register C (kvmtool's machine has no line for them), the divider of
 * register A, and a weekday that differs from the date's.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lkvm/hw/mc146818.h"
#include "lkvm/vmm/fdt.h"

#define RTC_SECONDS 0x00
#define RTC_MINUTES 0x02
#define RTC_HOURS   0x04
#define RTC_WEEKDAY 0x06 /* 1 is Sunday */
#define RTC_DAY	    0x07
#define RTC_MONTH   0x08
#define RTC_YEAR    0x09
#define RTC_A	    0x0a
#define RTC_B	    0x0b
#define RTC_C	    0x0c
#define RTC_D	    0x0d
#define RTC_CENTURY 0x32 /* BCD in every mode */

#define A_UIP	   0x80
#define A_POWER_ON 0x26 /* 32768 Hz crystal, 1024 Hz periodic rate */
#define B_SET	   0x80
#define B_UIE	   0x10
#define B_DM	   0x04 /* binary, else BCD */
#define B_24H	   0x02
#define D_VRT	   0x80
#define HOUR_PM	   0x80

#define INDEX_MASK 0x7f
/*
 * Reads of time registers further apart than this belong to different readings
 * of the clock.
 */
#define IDLE_MS 500

static s64 host_seconds(const struct mc146818 *rtc)
{
	struct timespec ts = { 0 };

	rtc->clock_gettime(CLOCK_REALTIME, &ts);
	return ts.tv_sec;
}

/*
 * The host's real time may be set while a guest reads the registers, so
 * distances of reads are measured by another clock.
 */
static s64 monotonic_ms(const struct mc146818 *rtc)
{
	struct timespec ts = { 0 };

	rtc->clock_gettime(CLOCK_MONOTONIC, &ts);
	return (s64)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static bool is_time(u8 index)
{
	switch (index) {
	case RTC_SECONDS:
	case RTC_MINUTES:
	case RTC_HOURS:
	case RTC_WEEKDAY:
	case RTC_DAY:
	case RTC_MONTH:
	case RTC_YEAR:
	case RTC_CENTURY:
		return true;
	default:
		return false;
	}
}

static u8 to_bcd(int n)
{
	return n / 10 << 4 | n % 10;
}

/*
 * Any byte has a value, also one that is no BCD number: the guest can write it.
 */
static int from_bcd(u8 bcd)
{
	return (bcd >> 4) * 10 + (bcd & 0xf);
}

/*
 * Values are stored in the format that register B selects; set_format()
 * converts them when it changes.
 */
static void put(struct mc146818 *rtc, u8 index, int n)
{
	rtc->reg[index] = rtc->reg[RTC_B] & B_DM ? n : to_bcd(n);
}

static int get(const struct mc146818 *rtc, u8 index)
{
	u8 value = rtc->reg[index];

	return rtc->reg[RTC_B] & B_DM ? value : from_bcd(value);
}

/* In 12-hour mode midnight and noon are 12, and bit 7 means PM. */
static void put_hour(struct mc146818 *rtc, int hour)
{
	if (rtc->reg[RTC_B] & B_24H) {
		put(rtc, RTC_HOURS, hour);
		return;
	}
	put(rtc, RTC_HOURS, hour % 12 ? hour % 12 : 12);
	if (hour >= 12)
		rtc->reg[RTC_HOURS] |= HOUR_PM;
}

/* Bit 7 is no part of the number, in binary and in BCD. */
static int get_hour(const struct mc146818 *rtc)
{
	u8 value = rtc->reg[RTC_HOURS];
	int hour;

	if (rtc->reg[RTC_B] & B_24H)
		return get(rtc, RTC_HOURS);
	hour = value & ~HOUR_PM;
	if (!(rtc->reg[RTC_B] & B_DM))
		hour = from_bcd(hour);
	return hour % 12 + (value & HOUR_PM ? 12 : 0);
}

/* The registers as seconds since 1970; fields out of range carry over. */
static s64 get_time(const struct mc146818 *rtc)
{
	struct tm tm = {
		.tm_sec = get(rtc, RTC_SECONDS),
		.tm_min = get(rtc, RTC_MINUTES),
		.tm_hour = get_hour(rtc),
		.tm_mday = get(rtc, RTC_DAY),
		.tm_mon = get(rtc, RTC_MONTH) - 1,
	};

	tm.tm_year = from_bcd(rtc->reg[RTC_CENTURY]) * 100 +
		     get(rtc, RTC_YEAR) - 1900;
	return timegm(&tm);
}

/*
 * `seconds` since 1970 in UTC. The year has four digits; a guest can set dates
 * outside of that range, which wrap.
 */
static void put_time(struct mc146818 *rtc, s64 seconds)
{
	time_t time = seconds;
	struct tm tm;
	int year;

	if (!gmtime_r(&time, &tm))
		return; /* some billion years off: the registers stay */
	year = (tm.tm_year % 10000 + 1900 + 10000) % 10000;
	put(rtc, RTC_SECONDS, MIN(tm.tm_sec, 59));
	put(rtc, RTC_MINUTES, tm.tm_min);
	put_hour(rtc, tm.tm_hour);
	put(rtc, RTC_WEEKDAY, tm.tm_wday + 1);
	put(rtc, RTC_DAY, tm.tm_mday);
	put(rtc, RTC_MONTH, tm.tm_mon + 1);
	put(rtc, RTC_YEAR, year % 100);
	rtc->reg[RTC_CENTURY] = to_bcd(year / 100);
}

/*
 * 1970, a Thursday. The first access advances it to the time of the host; a
 * conversion here would have the C library read the time zone file at each
 * start.
 */
static void set_epoch(struct mc146818 *rtc)
{
	put(rtc, RTC_WEEKDAY, 5);
	put(rtc, RTC_DAY, 1);
	put(rtc, RTC_MONTH, 1);
	put(rtc, RTC_YEAR, 70);
	rtc->reg[RTC_CENTURY] = 0x19;
	rtc->base = 0;
	memset(rtc->was_read, true, sizeof(rtc->was_read));
}

/* Brings the time registers up to date, unless SET holds them. */
static void advance(struct mc146818 *rtc)
{
	s64 now;

	if (rtc->reg[RTC_B] & B_SET)
		return;
	memset(rtc->was_read, 0, sizeof(rtc->was_read));
	now = host_seconds(rtc);
	if (now == rtc->base)
		return;
	put_time(rtc, get_time(rtc) + (now - rtc->base));
	rtc->base = now;
}

/*
 * One reading of the clock is a series of different registers within IDLE_MS;
 * it sees one second. A register that is read twice, or a pause, begins the
 * next one.
 */
static u8 read_time(struct mc146818 *rtc)
{
	s64 now = monotonic_ms(rtc);

	if (rtc->was_read[rtc->index] || now - rtc->last_read > IDLE_MS)
		advance(rtc);
	rtc->was_read[rtc->index] = true;
	rtc->last_read = now;
	return rtc->reg[rtc->index];
}

/*
 * A read of register A is how drivers poll UIP, before they read the time: the
 * registers are brought up to date.
 */
static u8 read_data(struct mc146818 *rtc)
{
	if (is_time(rtc->index))
		return read_time(rtc);
	if (rtc->index == RTC_A)
		advance(rtc);
	return rtc->reg[rtc->index];
}

/*
 * A time that is running is converted when its format changes; one that the
 * guest is about to set is in the new format already.
 */
static void set_format(struct mc146818 *rtc, u8 b)
{
	s64 time = get_time(rtc);
	bool changes = (rtc->reg[RTC_B] ^ b) & (B_DM | B_24H);

	rtc->reg[RTC_B] = b;
	if (changes && !rtc->written)
		put_time(rtc, time);
}

/*
 * Setting SET stops the update of the time registers, and clears UIE as the
 * data sheet has it; clearing it makes what was written the time from this
 * second on.
 */
static void write_b(struct mc146818 *rtc, u8 b)
{
	if (b & B_SET)
		b &= ~B_UIE;
	advance(rtc);
	set_format(rtc, b);
	if (b & B_SET)
		return;
	if (rtc->written)
		rtc->base = host_seconds(rtc);
	rtc->written = false;
	advance(rtc);
}

/*
 * A time that is written while the clock runs takes effect at once; with SET it
 * is kept until SET is cleared.
 */
static void write_time(struct mc146818 *rtc, u8 value)
{
	advance(rtc);
	rtc->reg[rtc->index] = value;
	rtc->written = rtc->reg[RTC_B] & B_SET;
}

/* Registers C and D are read-only, UIP is as well. */
static void write_data(struct mc146818 *rtc, u8 value)
{
	switch (rtc->index) {
	case RTC_A:
		rtc->reg[RTC_A] = value & ~A_UIP;
		break;
	case RTC_B:
		write_b(rtc, value);
		break;
	case RTC_C:
	case RTC_D:
		break;
	default:
		if (is_time(rtc->index))
			write_time(rtc, value);
		else
			rtc->reg[rtc->index] = value;
	}
}

/* The index register is write-only on the part: a PC's bus reads 0xff. */
static u64 rtc_mmio_read(struct mmio_region *region, u64 offset,
			 unsigned int len __maybe_unused)
{
	struct mc146818 *rtc = container_of(region, struct mc146818, region);
	u8 value;

	if (offset == 0)
		return 0xff;
	pthread_mutex_lock(&rtc->lock);
	value = read_data(rtc);
	pthread_mutex_unlock(&rtc->lock);
	return value;
}

static void rtc_mmio_write(struct mmio_region *region, u64 offset, u64 value,
			   unsigned int len __maybe_unused)
{
	struct mc146818 *rtc = container_of(region, struct mc146818, region);

	pthread_mutex_lock(&rtc->lock);
	if (offset == 0)
		rtc->index = value & INDEX_MASK;
	else
		write_data(rtc, value);
	pthread_mutex_unlock(&rtc->lock);
}

static const struct mmio_ops rtc_mmio_ops = {
	.read = rtc_mmio_read,
	.write = rtc_mmio_write,
};

static void rtc_fdt_node(struct device *dev, struct fdt_writer *fdt)
{
	struct mc146818 *rtc = container_of(dev, struct mc146818, dev);

	fdt_node_begin_unit(fdt, "rtc", rtc->region.base);
	fdt_prop_string(fdt, "compatible", "motorola,mc146818");
	fdt_prop_reg1(fdt, rtc->region.base, rtc->region.size);
	fdt_node_end(fdt);
}

/*
 * Time and RAM have a battery. Register B goes back to BCD and 24 hours, the
 * format firmware starts from, and SET is cleared: a guest that is reset while
 * it sets the clock does not leave the clock stopped for the next one.
 */
static void rtc_reset(struct device *dev)
{
	struct mc146818 *rtc = container_of(dev, struct mc146818, dev);

	pthread_mutex_lock(&rtc->lock);
	rtc->index = 0;
	rtc->reg[RTC_A] = A_POWER_ON;
	write_b(rtc, B_24H);
	pthread_mutex_unlock(&rtc->lock);
}

static void rtc_destroy(struct device *dev)
{
	struct mc146818 *rtc = container_of(dev, struct mc146818, dev);

	pthread_mutex_destroy(&rtc->lock);
	free(rtc);
}

static const struct device_ops rtc_device_ops = {
	.fdt_node = rtc_fdt_node,
	.reset = rtc_reset,
	.destroy = rtc_destroy,
};

int mc146818_create(const struct mc146818_params *params, struct mmio_bus *bus,
		    struct mc146818 **out)
{
	struct mc146818 *rtc = calloc(1, sizeof(*rtc));
	int ret;

	if (!rtc)
		return -ENOMEM;
	rtc->dev = (struct device) { .name = params->name,
				     .ops = &rtc_device_ops };
	rtc->region = (struct mmio_region) { .name = params->name,
					     .base = params->base,
					     .size = MC146818_MMIO_SIZE,
					     .ops = &rtc_mmio_ops };
	rtc->clock_gettime = params->clock_gettime ? params->clock_gettime
						   : clock_gettime;
	pthread_mutex_init(&rtc->lock, NULL);
	rtc->reg[RTC_A] = A_POWER_ON;
	rtc->reg[RTC_B] = B_24H;
	rtc->reg[RTC_D] = D_VRT;
	set_epoch(rtc);
	ret = mmio_bus_add(bus, &rtc->region);
	if (ret) {
		rtc_destroy(&rtc->dev);
		return ret;
	}
	*out = rtc;
	return 0;
}
