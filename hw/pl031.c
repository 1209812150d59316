/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PL031 real-time clock. Registers: Arm DDI 0224, chapter 3. The part starts
 * counting when CR says so and never stops from then on; here it has always
 * been started.
 */
#include <errno.h>
#include <stdlib.h>

#include "lkvm/hw/pl031.h"
#include "lkvm/vmm/fdt.h"

#define PERIPH_ID 0x00041031

#define RTC_DR	 0x00
#define RTC_MR	 0x04
#define RTC_LR	 0x08
#define RTC_CR	 0x0c
#define RTC_IMSC 0x10
#define RTC_RIS	 0x14
#define RTC_MIS	 0x18
#define RTC_ICR	 0x1c

#define CR_STARTED 1
#define INT_ALARM  1

#define NS_PER_SECOND 1000000000ULL

/* The timer knows nothing of the host's clock being set: look now and then. */
#define LONGEST_WAIT 60 /* seconds */

/*
 * Looks at the clock, once for all that one access or expiry does, and raises
 * the alarm if the counter has come to the match register since the last look.
 * Half of all distances are forwards; backwards no time is passed.
 */
static void look(struct pl031 *rtc)
{
	struct timespec ts = { 0 };
	u32 now, passed;

	rtc->clock_gettime(CLOCK_REALTIME, &ts);
	now = (u32)ts.tv_sec + rtc->offset;
	passed = now - rtc->seen;
	if (passed <= INT32_MAX && rtc->mr - rtc->seen - 1 < passed)
		rtc->ris = true;
	rtc->seen = now;
	rtc->seen_ns = (u32)ts.tv_nsec;
}

static void update_irq(struct pl031 *rtc)
{
	bool high = rtc->ris && rtc->imsc;

	if (high == rtc->irq_high)
		return;
	rtc->irq_high = high;
	irq_line_set(&rtc->irq, high);
}

/* To the begin of the second in which the alarm is due; 0: none is. */
static u64 wait_ns(const struct pl031 *rtc)
{
	u32 seconds = rtc->mr - rtc->seen;

	if (!rtc->imsc || rtc->ris)
		return 0;
	if (seconds == 0 || seconds > LONGEST_WAIT)
		seconds = LONGEST_WAIT;
	return seconds * NS_PER_SECOND - rtc->seen_ns;
}

/* A host without timers for us still has the alarm in RIS. */
static void update_timer(struct pl031 *rtc)
{
	u64 ns = wait_ns(rtc);

	if (ns || rtc->armed)
		rtc->armed = !evloop_timer_set(&rtc->alarm, ns) && ns;
}

static void expired(struct evloop_timer *timer)
{
	struct pl031 *rtc = container_of(timer, struct pl031, alarm);

	pthread_mutex_lock(&rtc->lock);
	look(rtc);
	update_irq(rtc);
	update_timer(rtc);
	pthread_mutex_unlock(&rtc->lock);
}

static u32 read_reg(const struct pl031 *rtc, u64 reg)
{
	switch (reg) {
	case RTC_DR:
		return rtc->seen;
	case RTC_MR:
		return rtc->mr;
	case RTC_LR:
		return rtc->lr;
	case RTC_CR:
		return CR_STARTED;
	case RTC_IMSC:
		return rtc->imsc ? INT_ALARM : 0;
	case RTC_RIS:
		return rtc->ris ? INT_ALARM : 0;
	case RTC_MIS:
		return rtc->ris && rtc->imsc ? INT_ALARM : 0;
	default:
		return 0;
	}
}

/* The guest has set one of both sides. */
static void raise_if_equal(struct pl031 *rtc)
{
	if (rtc->seen == rtc->mr)
		rtc->ris = true;
}

static void write_reg(struct pl031 *rtc, u64 reg, u32 value)
{
	switch (reg) {
	case RTC_MR:
		rtc->mr = value;
		raise_if_equal(rtc);
		break;
	case RTC_LR:
		rtc->lr = value;
		rtc->offset += value - rtc->seen;
		rtc->seen = value;
		raise_if_equal(rtc);
		break;
	case RTC_IMSC:
		rtc->imsc = value & INT_ALARM;
		break;
	case RTC_ICR:
		rtc->ris = false; /* section 2.1: any value does */
		break;
	}
}

static u64 rtc_mmio_read(struct mmio_region *region, u64 offset,
			 unsigned int len __maybe_unused)
{
	struct pl031 *rtc = container_of(region, struct pl031, region);
	u32 value;

	if (!IS_ALIGNED(offset, 4))
		return 0;
	if (offset >= PRIMECELL_IDS)
		return primecell_id(PERIPH_ID, offset);
	pthread_mutex_lock(&rtc->lock);
	look(rtc);
	value = read_reg(rtc, offset);
	update_irq(rtc);
	pthread_mutex_unlock(&rtc->lock);
	return value;
}

static void rtc_mmio_write(struct mmio_region *region, u64 offset, u64 value,
			   unsigned int len __maybe_unused)
{
	struct pl031 *rtc = container_of(region, struct pl031, region);

	pthread_mutex_lock(&rtc->lock);
	look(rtc);
	write_reg(rtc, offset, (u32)value);
	update_irq(rtc);
	update_timer(rtc);
	pthread_mutex_unlock(&rtc->lock);
}

static const struct mmio_ops rtc_mmio_ops = {
	.read = rtc_mmio_read,
	.write = rtc_mmio_write,
};

/* Linux: Documentation/devicetree/bindings/rtc/arm,pl031.yaml. */
static void rtc_fdt_node(struct device *dev, struct fdt_writer *fdt)
{
	struct pl031 *rtc = container_of(dev, struct pl031, dev);

	fdt_node_begin_unit(fdt, "rtc", rtc->region.base);
	fdt_prop_strings(fdt, "compatible", "arm,pl031\0arm,primecell\0");
	fdt_prop_reg1(fdt, rtc->region.base, rtc->region.size);
	fdt_prop_interrupt(fdt, &rtc->irq);
	fdt_prop_u32(fdt, "clocks", rtc->clock);
	fdt_prop_string(fdt, "clock-names", "apb_pclk");
	fdt_node_end(fdt);
}

/* Time has a battery. */
static void rtc_reset(struct device *dev)
{
	struct pl031 *rtc = container_of(dev, struct pl031, dev);

	pthread_mutex_lock(&rtc->lock);
	look(rtc);
	rtc->lr = rtc->mr = 0;
	rtc->imsc = rtc->ris = false;
	update_irq(rtc);
	update_timer(rtc);
	pthread_mutex_unlock(&rtc->lock);
}

static void free_rtc(struct pl031 *rtc)
{
	pthread_mutex_destroy(&rtc->lock);
	free(rtc);
}

static void rtc_destroy(struct device *dev)
{
	struct pl031 *rtc = container_of(dev, struct pl031, dev);

	evloop_timer_destroy(rtc->loop, &rtc->alarm);
	free_rtc(rtc);
}

static const struct device_ops rtc_device_ops = {
	.fdt_node = rtc_fdt_node,
	.reset = rtc_reset,
	.destroy = rtc_destroy,
};

int pl031_create(const struct pl031_params *params, struct mmio_bus *bus,
		 struct pl031 **out)
{
	struct pl031 *rtc = calloc(1, sizeof(*rtc));
	int ret;

	if (!rtc)
		return -ENOMEM;
	rtc->dev = (struct device) { .name = params->name,
				     .ops = &rtc_device_ops };
	rtc->region = (struct mmio_region) { .name = params->name,
					     .base = params->base,
					     .size = PRIMECELL_SIZE,
					     .ops = &rtc_mmio_ops };
	rtc->irq = params->irq;
	rtc->clock = params->clock;
	rtc->loop = params->loop;
	rtc->clock_gettime = params->clock_gettime ? params->clock_gettime
						   : clock_gettime;
	pthread_mutex_init(&rtc->lock, NULL);
	look(rtc);
	ret = evloop_timer_init(rtc->loop, &rtc->alarm, expired);
	if (ret) {
		free_rtc(rtc);
		return ret;
	}
	ret = mmio_bus_add(bus, &rtc->region);
	if (ret) {
		rtc_destroy(&rtc->dev);
		return ret;
	}
	*out = rtc;
	return 0;
}
