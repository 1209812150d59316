/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PL061 GPIO with eight lines: Arm DDI 0190, chapters 2 (interrupt detection)
 * and 3 (registers). QEMU's machine virt has one for its power key, on line 3;
 * gpio-keys in Linux and _AEI in the ACPI tables listen to that line.
 *
 * Inputs are driven by pl061_set_input() and pl061_press_power() from any
 * thread, registers are accessed on vCPUs' threads, the key is released by a
 * timer of the event loop. The device's lock guards all of it, and the
 * interrupt line is driven under it.
 *
 * Nothing is connected to the outputs. AFSEL is kept but selects nothing, as
 * there is no hardware control mode without a second user of the pins.
 */
#include <errno.h>
#include <linux/input-event-codes.h>
#include <stdlib.h>

#include "lkvm/hw/pl061.h"
#include "lkvm/util/json.h"
#include "lkvm/vmm/fdt.h"

#define PERIPH_ID 0x00041061

#define GPIO_DATA_END 0x400 /* before it: DATA, with a mask in bits 9:2 */
#define GPIO_DIR      0x400
#define GPIO_IS	      0x404
#define GPIO_IBE      0x408
#define GPIO_IEV      0x40c
#define GPIO_IE	      0x410
#define GPIO_RIS      0x414
#define GPIO_MIS      0x418
#define GPIO_IC	      0x41c
#define GPIO_AFSEL    0x420

/*
 * Linux's gpio-keys reads the line 5 ms after the last edge (debounce), ACPI's
 * button handler only handles the rising edge: a press of this length is seen
 * by both.
 */
#define PRESS_NS 100000000ULL

/* The second cell of a GPIO specifier, as in gpio.yaml. */
#define GPIO_ACTIVE_HIGH 0

/*
 * Lines configured for level detection (IS) whose level is the one IEV selects.
 * Outputs never interrupt.
 */
static u8 active_levels(const struct pl061 *gpio)
{
	return ~(gpio->in ^ gpio->iev) & gpio->is & ~gpio->dir;
}

/* GPIORIS: latched edges and current levels; only the former can be cleared. */
static u8 raw_status(const struct pl061 *gpio)
{
	return gpio->edges | active_levels(gpio);
}

static void update_irq(struct pl061 *gpio)
{
	bool high = raw_status(gpio) & gpio->ie;

	if (high == gpio->irq_high)
		return;
	gpio->irq_high = high;
	irq_line_set(&gpio->irq, high);
}

/*
 * Latches an edge if the line is an input with edge detection and IBE or IEV
 * selects this direction.
 */
static void set_input(struct pl061 *gpio, unsigned int line, bool level)
{
	u8 bit = (u8)BIT(line);

	if (!(gpio->in & bit) == !level)
		return;
	gpio->in ^= bit;
	if (gpio->ibe & bit || !(gpio->iev & bit) == !level)
		gpio->edges |= bit & ~gpio->is & ~gpio->dir;
	update_irq(gpio);
}

void pl061_set_input(struct pl061 *gpio, unsigned int line, bool level)
{
	pthread_mutex_lock(&gpio->lock);
	set_input(gpio, line, level);
	pthread_mutex_unlock(&gpio->lock);
}

static void release_power(struct evloop_timer *timer)
{
	struct pl061 *gpio = container_of(timer, struct pl061, release);

	pl061_set_input(gpio, PL061_POWER_LINE, false);
}

/*
 * A press while the key is down is counted and has no other effect; the first
 * timer releases it.
 */
void pl061_press_power(struct pl061 *gpio)
{
	pthread_mutex_lock(&gpio->lock);
	gpio->presses++;
	if (!(gpio->in & BIT(PL061_POWER_LINE))) {
		set_input(gpio, PL061_POWER_LINE, true);
		/* Without a timer the press is short, not endless. */
		if (evloop_timer_set(&gpio->release, PRESS_NS))
			set_input(gpio, PL061_POWER_LINE, false);
	}
	pthread_mutex_unlock(&gpio->lock);
}

/*
 * Bits 9:2 of the address of GPIODATA are a mask: bits that are not in it read
 * as zero (DDI 0190, 3.3.1).
 */
static u8 read_reg(const struct pl061 *gpio, u64 reg)
{
	if (reg < GPIO_DATA_END)
		return ((gpio->in & ~gpio->dir) | (gpio->out & gpio->dir)) &
		       reg >> 2;
	switch (reg) {
	case GPIO_DIR:
		return gpio->dir;
	case GPIO_IS:
		return gpio->is;
	case GPIO_IBE:
		return gpio->ibe;
	case GPIO_IEV:
		return gpio->iev;
	case GPIO_IE:
		return gpio->ie;
	case GPIO_RIS:
		return raw_status(gpio);
	case GPIO_MIS:
		return raw_status(gpio) & gpio->ie;
	case GPIO_AFSEL:
		return gpio->afsel;
	default:
		return 0;
	}
}

/*
 * Only lines that are outputs keep the value: drivers write it after they have
 * set DIR.
 */
static void write_data(struct pl061 *gpio, u8 mask, u8 value)
{
	mask &= gpio->dir;
	gpio->out = (gpio->out & ~mask) | (value & mask);
}

/*
 * RIS, MIS and the ID registers ignore writes; the caller updates the
 * interrupt.
 */
static void write_reg(struct pl061 *gpio, u64 reg, u8 value)
{
	if (reg < GPIO_DATA_END) {
		write_data(gpio, (u8)(reg >> 2), value);
		return;
	}
	switch (reg) {
	case GPIO_DIR:
		gpio->dir = value;
		break;
	case GPIO_IS:
		gpio->is = value;
		gpio->edges &= ~value;
		break;
	case GPIO_IBE:
		gpio->ibe = value;
		break;
	case GPIO_IEV:
		gpio->iev = value;
		break;
	case GPIO_IE:
		gpio->ie = value;
		break;
	case GPIO_IC:
		gpio->edges &= ~value;
		break;
	case GPIO_AFSEL:
		gpio->afsel = value;
		break;
	}
}

static u64 gpio_mmio_read(struct mmio_region *region, u64 offset,
			  unsigned int len __maybe_unused)
{
	struct pl061 *gpio = container_of(region, struct pl061, region);
	u8 value;

	if (!IS_ALIGNED(offset, 4))
		return 0;
	if (offset >= PRIMECELL_IDS)
		return primecell_id(PERIPH_ID, offset);
	pthread_mutex_lock(&gpio->lock);
	value = read_reg(gpio, offset);
	pthread_mutex_unlock(&gpio->lock);
	return value;
}

static void gpio_mmio_write(struct mmio_region *region, u64 offset, u64 value,
			    unsigned int len __maybe_unused)
{
	struct pl061 *gpio = container_of(region, struct pl061, region);

	if (!IS_ALIGNED(offset, 4))
		return;
	pthread_mutex_lock(&gpio->lock);
	write_reg(gpio, offset, (u8)value);
	update_irq(gpio);
	pthread_mutex_unlock(&gpio->lock);
}

static const struct mmio_ops gpio_mmio_ops = {
	.read = gpio_mmio_read,
	.write = gpio_mmio_write,
};

/* Linux: Documentation/devicetree/bindings/input/gpio-keys.yaml. */
static void keys_node(const struct pl061 *gpio, struct fdt_writer *fdt)
{
	const u32 line[] = { gpio->phandle, PL061_POWER_LINE,
			     GPIO_ACTIVE_HIGH };

	fdt_node_begin(fdt, "gpio-keys");
	fdt_prop_string(fdt, "compatible", "gpio-keys");
	fdt_node_begin(fdt, "poweroff");
	fdt_prop_string(fdt, "label", "Power key");
	fdt_prop_u32(fdt, "linux,code", KEY_POWER);
	fdt_prop_cells(fdt, "gpios", line, ARRAY_SIZE(line));
	fdt_node_end(fdt);
	fdt_node_end(fdt);
}

/* Linux: Documentation/devicetree/bindings/gpio/pl061-gpio.yaml. */
static void gpio_fdt_node(struct device *dev, struct fdt_writer *fdt)
{
	struct pl061 *gpio = container_of(dev, struct pl061, dev);

	fdt_node_begin_unit(fdt, "gpio", gpio->region.base);
	fdt_prop_strings(fdt, "compatible", "arm,pl061\0arm,primecell\0");
	fdt_prop_reg1(fdt, gpio->region.base, gpio->region.size);
	fdt_prop_interrupt(fdt, &gpio->irq);
	fdt_prop_empty(fdt, "interrupt-controller");
	fdt_prop_u32(fdt, "#interrupt-cells", 2);
	fdt_prop_u32(fdt, "#address-cells", 0);
	fdt_prop_empty(fdt, "gpio-controller");
	fdt_prop_u32(fdt, "#gpio-cells", 2);
	fdt_prop_u32(fdt, "clocks", gpio->clock);
	fdt_prop_string(fdt, "clock-names", "apb_pclk");
	fdt_prop_u32(fdt, "phandle", gpio->phandle);
	fdt_node_end(fdt);
	keys_node(gpio, fdt);
}

/*
 * Inputs are driven from outside and keep their levels; a pressed key is
 * released by its timer.
 */
static void gpio_reset(struct device *dev)
{
	struct pl061 *gpio = container_of(dev, struct pl061, dev);

	pthread_mutex_lock(&gpio->lock);
	gpio->out = gpio->dir = gpio->afsel = 0;
	gpio->is = gpio->ibe = gpio->iev = gpio->ie = 0;
	gpio->edges = 0;
	update_irq(gpio);
	pthread_mutex_unlock(&gpio->lock);
}

static void gpio_stats(struct device *dev, struct json_writer *json)
{
	struct pl061 *gpio = container_of(dev, struct pl061, dev);

	pthread_mutex_lock(&gpio->lock);
	json_u64(json, "power_key_presses", gpio->presses);
	pthread_mutex_unlock(&gpio->lock);
}

static void free_gpio(struct pl061 *gpio)
{
	pthread_mutex_destroy(&gpio->lock);
	free(gpio);
}

static void gpio_destroy(struct device *dev)
{
	struct pl061 *gpio = container_of(dev, struct pl061, dev);

	evloop_timer_destroy(gpio->loop, &gpio->release);
	free_gpio(gpio);
}

static const struct device_ops gpio_device_ops = {
	.fdt_node = gpio_fdt_node,
	.reset = gpio_reset,
	.stats = gpio_stats,
	.destroy = gpio_destroy,
};

int pl061_create(const struct pl061_params *params, struct mmio_bus *bus,
		 struct pl061 **out)
{
	struct pl061 *gpio = calloc(1, sizeof(*gpio));
	int ret;

	if (!gpio)
		return -ENOMEM;
	gpio->dev = (struct device) { .name = params->name,
				      .ops = &gpio_device_ops };
	gpio->region = (struct mmio_region) { .name = params->name,
					      .base = params->base,
					      .size = PRIMECELL_SIZE,
					      .ops = &gpio_mmio_ops };
	gpio->irq = params->irq;
	gpio->clock = params->clock;
	gpio->phandle = params->phandle;
	gpio->loop = params->loop;
	pthread_mutex_init(&gpio->lock, NULL);
	ret = evloop_timer_init(gpio->loop, &gpio->release, release_power);
	if (ret) {
		free_gpio(gpio);
		return ret;
	}
	ret = mmio_bus_add(bus, &gpio->region);
	if (ret) {
		gpio_destroy(&gpio->dev);
		return ret;
	}
	*out = gpio;
	return 0;
}
