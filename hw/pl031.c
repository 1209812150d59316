/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PL031 real-time clock: Arm DDI 0224, chapters 2 (operation) and 3
 * (registers). A 32-bit counter of seconds, and an alarm when it equals the
 * match register.
 *
 * The counter is not advanced by a timer: it is the host's real time plus
 * `offset`, computed by look() at each access. A timer of the event loop runs
 * only while the alarm is enabled and not yet raised. Accesses come on vCPUs'
 * threads, the timer on the event loop's; the device's lock guards the state of
 * both, and the interrupt line is driven under it.
 *
 * On the part CR starts the counter, which then cannot be stopped; here it has
 * always been started, and writes to CR are ignored. The integration test
 * registers are not there.
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

/*
 * In seconds. The timer runs on the monotonic clock, which does not follow a
 * setting of the host's real time: that is looked at as often as this.
 */
#define LONGEST_WAIT 60 /* seconds */

/*
 * Reads the host clock, once for each access or expiry, and raises the alarm if
 * the counter has come to the match register since the last time. A distance of
 * up to 2^31 is time that has passed; a larger one means that the clock was set
 * back, and no alarm is due.
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

/* KVM_IRQ_LINE is a system call: only changes of the level are passed on. */
static void update_irq(struct pl031 *rtc)
{
	bool high = rtc->ris && rtc->imsc;

	if (high == rtc->irq_high)
		return;
	rtc->irq_high = high;
	irq_line_set(&rtc->irq, high);
}

/*
 * Nanoseconds to the beginning of the second in which the alarm is due, at most
 * LONGEST_WAIT; 0 if no alarm is due.
 */
static u64 wait_ns(const struct pl031 *rtc)
{
	u32 seconds = rtc->mr - rtc->seen;

	if (!rtc->imsc || rtc->ris)
		return 0;
	if (seconds == 0 || seconds > LONGEST_WAIT)
		seconds = LONGEST_WAIT;
	return seconds * NS_PER_SECOND - rtc->seen_ns;
}

/* If the timer cannot be set, the alarm is still raised by the next access. */
static void update_timer(struct pl031 *rtc)
{
	u64 ns = wait_ns(rtc);

	if (ns || rtc->armed)
		rtc->armed = !evloop_timer_set(&rtc->alarm, ns) && ns;
}

/*
 * On the event loop's thread; the alarm may still be due later, after
 * LONGEST_WAIT or if the host's clock was set back.
 */
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

/*
 * The guest has written the counter or the match register: look() only detects
 * equality that comes by passing of time.
 */
static void raise_if_equal(struct pl031 *rtc)
{
	if (rtc->seen == rtc->mr)
		rtc->ris = true;
}

/*
 * A write to LR changes the offset only: the host's clock goes on as the time
 * base.
 */
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

/* The match may lie before this access, hence update_irq() also on reads. */
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

/*
 * The counter is battery-backed: a reset of the machine leaves the time, and
 * clears the alarm.
 */
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

/* The timer goes first: its handler uses the lock. */
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
