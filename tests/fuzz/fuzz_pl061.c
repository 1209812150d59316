/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: hw/pl061.c vmm/mmio.c vmm/fdt.c util/json.c util/log.c */
/* SOURCES: util/output.c */
/* PL061 under random accesses and inputs, against a model line by line. */
#include <stdlib.h>
#include <string.h>

#include "lkvm/hw/pl061.h"
#include "tests/unit/timer_stub.h"

enum {
	GPIO_DIR = 0x400,
	GPIO_IS = 0x404,
	GPIO_IBE = 0x408,
	GPIO_IEV = 0x40c,
	GPIO_IE = 0x410,
	GPIO_RIS = 0x414,
	GPIO_MIS = 0x418,
	GPIO_IC = 0x41c,
	GPIO_AFSEL = 0x420,
};

/* What one byte of fuzz input does; the low four bits are its argument. */
enum action {
	WRITE = 0x00,	   /* DIR and on; the value is the next byte */
	WRITE_DATA = 0x10, /* mask and value follow */
	READ = 0x20,	   /* address in the next two bytes */
	INPUT = 0x30,	   /* line and level */
	PRESS = 0x40,
	EXPIRE = 0x50,
	RESET = 0x60,
	STRAY = 0x70, /* a write between registers or behind them */
};

struct line {
	bool in, out, dir, is, ibe, iev, ie, afsel;
	bool edge;
};

static struct line lines[PL061_NR_LINES];
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

static void write_line(struct line *l, u64 reg, bool bit)
{
	switch (reg) {
	case GPIO_DIR:
		l->dir = bit;
		break;
	case GPIO_IS:
		l->is = bit;
		if (bit)
			l->edge = false;
		break;
	case GPIO_IBE:
		l->ibe = bit;
		break;
	case GPIO_IEV:
		l->iev = bit;
		break;
	case GPIO_IE:
		l->ie = bit;
		break;
	case GPIO_IC:
		if (bit)
			l->edge = false;
		break;
	case GPIO_AFSEL:
		l->afsel = bit;
		break;
	}
}

static void input_model(unsigned int n, bool level)
{
	struct line *l = &lines[n];
	bool wanted = l->ibe || l->iev == level;

	if (l->in == level)
		return;
	l->in = level;
	if (!l->dir && !l->is && wanted)
		l->edge = true;
}

static bool raw(const struct line *l)
{
	return l->is ? !l->dir && l->in == l->iev : l->edge;
}

static void wr(struct mmio_bus *bus, u64 reg, u8 value)
{
	for (unsigned int n = 0; n < PL061_NR_LINES; n++)
		write_line(&lines[n], reg, value >> n & 1);
	mmio_bus_write(bus, reg, value, 1);
}

static void write_data(struct mmio_bus *bus, u8 mask, u8 value)
{
	for (unsigned int n = 0; n < PL061_NR_LINES; n++)
		if (mask >> n & 1 && lines[n].dir)
			lines[n].out = value >> n & 1;
	mmio_bus_write(bus, (u64)mask << 2, value, 1);
}

static void reset(struct pl061 *gpio)
{
	for (unsigned int n = 0; n < PL061_NR_LINES; n++)
		lines[n] = (struct line) { .in = lines[n].in };
	gpio->dev.ops->reset(&gpio->dev);
}

static void check(struct mmio_bus *bus)
{
	u8 data = 0, ris = 0, ie = 0;

	for (unsigned int n = 0; n < PL061_NR_LINES; n++) {
		const struct line *l = &lines[n];

		data |= (l->dir ? l->out : l->in) << n;
		ris |= raw(l) << n;
		ie |= l->ie << n;
	}
	require(mmio_bus_read(bus, 0x3fc, 1) == data);
	require(mmio_bus_read(bus, GPIO_RIS, 1) == ris);
	require(mmio_bus_read(bus, GPIO_IE, 1) == ie);
	require(mmio_bus_read(bus, GPIO_MIS, 1) == (ris & ie));
	require(irq_high == !!(ris & ie));
	/* A key is never stuck. */
	require(stub.ns || !lines[PL061_POWER_LINE].in);
}

static void act(struct pl061 *gpio, struct mmio_bus *bus, const u8 *data)
{
	unsigned int arg = data[0] & 0xf;
	unsigned int line = arg & 7;
	u64 place = (data[1] << 8 | data[2]) & 0xfff;

	switch (data[0] & 0x70) {
	case WRITE:
		wr(bus, GPIO_DIR + (u64)arg * 4, data[1]);
		break;
	case WRITE_DATA:
		write_data(bus, data[1], data[2]);
		break;
	case READ:
		mmio_bus_read(bus, place, 1 << (arg & 3));
		break;
	case INPUT:
		if (line == PL061_POWER_LINE)
			break;
		input_model(line, arg >> 3);
		pl061_set_input(gpio, line, arg >> 3);
		break;
	case PRESS:
		input_model(PL061_POWER_LINE, true);
		pl061_press_power(gpio);
		break;
	case EXPIRE:
		input_model(PL061_POWER_LINE, false);
		expire();
		break;
	case RESET:
		reset(gpio);
		break;
	case STRAY:
		if (place > GPIO_AFSEL || place & 3)
			mmio_bus_write(bus, place, place * 0x9e3779b97f4a7c15,
				       1 << (arg & 3));
		break;
	}
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct evloop loop;
	const struct pl061_params params = { .name = "gpio", .loop = &loop };
	struct pl061 *gpio;
	struct mmio_bus bus;

	irq_high = false;
	memset(lines, 0, sizeof(lines));
	memset(&stub, 0, sizeof(stub));
	log_set_level(LOG_LEVEL_ERROR);
	mmio_bus_init(&bus);
	require(pl061_create(&params, &bus, &gpio) == 0);
	for (; size >= 3; data += 3, size -= 3) {
		act(gpio, &bus, data);
		check(&bus);
	}
	gpio->dev.ops->destroy(&gpio->dev);
	require(!stub.timer);
	mmio_bus_destroy(&bus);
	return 0;
}
