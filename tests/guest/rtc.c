/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The MC146818: what EDK2's and Linux's drivers need of it (register names
 * as in its data sheet). now=SECONDS since 1970, if given, is at most an
 * hour in the past.
 */
#include "guest.h"
#include "io.h"

#define RTC_INDEX RTC_BASE
#define RTC_DATA  (RTC_BASE + 1)

enum {
	SECONDS = 0,
	MINUTES = 2,
	HOURS = 4,
	DAY = 7,
	MONTH = 8,
	YEAR = 9,
	REG_A = 10,
	REG_B = 11,
	REG_D = 13,
	CMOS = 0x40, /* battery backed memory */
};

#define REG_A_UIP   0x80
#define REG_B_24H   0x02
#define REG_B_DM    0x04 /* binary, not BCD */
#define REG_D_VRT   0x80
#define PATIENCE_MS 5000

struct date {
	u32 second, minute, hour, day, month, year;
};

static u8 rtc_read(u8 reg)
{
	write8(RTC_INDEX, reg);
	return read8(RTC_DATA);
}

static void rtc_write(u8 reg, u8 value)
{
	write8(RTC_INDEX, reg);
	write8(RTC_DATA, value);
}

/* 100 for what is no BCD number. */
static u32 bcd(u8 reg)
{
	u8 value = rtc_read(reg);

	if ((value & 15) > 9 || value >> 4 > 9)
		return 100;
	return (u32)(value >> 4) * 10 + (value & 15);
}

static struct date read_date(void)
{
	struct date d;

	/* Read twice as drivers do, as a second may pass in between. */
	do {
		d.second = bcd(SECONDS);
		d.minute = bcd(MINUTES);
		d.hour = bcd(HOURS);
		d.day = bcd(DAY);
		d.month = bcd(MONTH);
		d.year = bcd(YEAR);
	} while (d.second != bcd(SECONDS));
	return d;
}

static bool is_leap(u32 year)
{
	return year % 4 == 0; /* until 2099 */
}

/* Seconds since 1970 of a date from 2000 to 2099. */
static u64 to_seconds(const struct date *d)
{
	static const u16 before[] = { 0,   31,	59,  90,  120, 151,
				      181, 212, 243, 273, 304, 334 };
	u64 days = 10957 + d->year * 365 + (d->year + 3) / 4;

	days += before[d->month - 1] + d->day - 1;
	if (is_leap(d->year) && d->month > 2)
		days++;
	return ((days * 24 + d->hour) * 60 + d->minute) * 60 + d->second;
}

static bool is_plausible(const struct date *d)
{
	return d->second < 60 && d->minute < 60 && d->hour < 24 && d->day &&
	       d->day <= 31 && d->month && d->month <= 12 && d->year < 100;
}

static void test_time(void)
{
	struct date first = read_date(), second;
	u64 end = time_after(PATIENCE_MS), now = param("now", 0), t;

	if (!check(is_plausible(&first), "20%02u-%02u-%02u %02u:%02u:%02u",
		   first.year, first.month, first.day, first.hour, first.minute,
		   first.second))
		return;
	t = to_seconds(&first);
	if (now)
		check(t + 1 >= now && t < now + 3600,
		      "it is the host's time: %lu, not before %lu", t, now);
	do {
		second = read_date();
	} while (to_seconds(&second) == t && time_now() < end);
	check(is_plausible(&second) && to_seconds(&second) > t, "time goes on");
}

static void test_registers(void)
{
	check_eq(rtc_read(REG_D), REG_D_VRT, "register D: time is valid");
	rtc_write(REG_D, 0);
	check_eq(rtc_read(REG_D), REG_D_VRT, "register D is read-only");
	check_eq(rtc_read(REG_A) & REG_A_UIP, 0, "no update in progress");
	check_eq(rtc_read(REG_B) & (REG_B_24H | REG_B_DM), REG_B_24H,
		 "24 hours, BCD");
	rtc_write(CMOS, 0x5a);
	rtc_write(CMOS + 1, 0xa5);
	check_eq(rtc_read(CMOS), 0x5a, "memory");
	check_eq(rtc_read(CMOS + 1), 0xa5, "memory, next byte");
}

void main(void)
{
	test_registers();
	test_time();
}
