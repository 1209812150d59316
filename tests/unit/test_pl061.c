/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: hw/pl061.c vmm/mmio.c vmm/fdt.c util/json.c util/log.c */
/* SOURCES: util/output.c */
/* PL061: lines in both directions, interrupts, the power key. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <libfdt.h>
#include <cmocka.h>

#include "lkvm/hw/pl061.h"
#include "lkvm/util/json.h"
#include "lkvm/vmm/fdt.h"
#include "timer_stub.h"

#define BASE	0x9030000
#define GSI	7
#define CLOCK	9
#define PHANDLE 10
#define KEY	0x08

#define IRQ_OWNER pl061
#include "irq_fixture.h"

enum {
	DATA = 0x3fc, /* all lines */
	DIR = 0x400,
	IS = 0x404,
	IBE = 0x408,
	IEV = 0x40c,
	IE = 0x410,
	RIS = 0x414,
	MIS = 0x418,
	IC = 0x41c,
	AFSEL = 0x420,
};

struct chip {
	struct mmio_bus bus;
	struct evloop loop;
	struct pl061 *gpio;
};

/* As Linux's driver: bytes. */
static u8 rd(struct chip *c, unsigned int reg)
{
	return (u8)mmio_bus_read(&c->bus, BASE + reg, 1);
}

static void wr(struct chip *c, unsigned int reg, u8 value)
{
	mmio_bus_write(&c->bus, BASE + reg, value, 1);
}

static void set_inputs(struct chip *c, u8 levels)
{
	for (unsigned int line = 0; line < PL061_NR_LINES; line++)
		pl061_set_input(c->gpio, line, levels >> line & 1);
}

static struct pl061_params gpio_params(struct chip *c)
{
	return (struct pl061_params) {
		.name = "gpio",
		.base = BASE,
		.irq = { .gsi = GSI, .trigger = IRQ_LEVEL_HIGH },
		.clock = CLOCK,
		.phandle = PHANDLE,
		.loop = &c->loop,
	};
}

static int setup(void **state)
{
	struct chip *c = calloc(1, sizeof(*c));
	struct pl061_params params;

	if (!c)
		return -1;
	memset(&irq, 0, sizeof(irq));
	memset(&stub, 0, sizeof(stub));
	mmio_bus_init(&c->bus);
	params = gpio_params(c);
	*state = c;
	return pl061_create(&params, &c->bus, &c->gpio);
}

static int teardown(void **state)
{
	struct chip *c = *state;

	c->gpio->dev.ops->destroy(&c->gpio->dev);
	assert_null(stub.timer);
	mmio_bus_destroy(&c->bus);
	free(c);
	return 0;
}

static void expect_power_on(struct chip *c)
{
	for (unsigned int reg = DIR; reg <= AFSEL; reg += 4)
		assert_int_equal(rd(c, reg), 0);
	wr(c, DIR, 0xff);
	assert_int_equal(rd(c, DATA), 0);
	wr(c, DIR, 0);
}

static void power_on_state(void **state)
{
	struct chip *c = *state;

	expect_power_on(c);
	assert_int_equal(irq.calls, 0);
}

static void register_bits(void **state)
{
	static const u16 regs[] = { DIR, IS, IBE, IEV, IE, AFSEL };
	struct chip *c = *state;

	for (unsigned int i = 0; i < ARRAY_SIZE(regs); i++) {
		mmio_bus_write(&c->bus, BASE + regs[i], 0xffffffa5, 4);
		assert_int_equal(mmio_bus_read(&c->bus, BASE + regs[i], 4),
				 0xa5);
		wr(c, regs[i], 0x5a);
		assert_int_equal(rd(c, regs[i]), 0x5a);
		wr(c, regs[i], 0);
	}
	set_inputs(c, 0x0f);
	wr(c, RIS, 0xff);
	wr(c, MIS, 0xff);
	assert_int_equal(rd(c, RIS), 0);
	assert_int_equal(rd(c, IC), 0);
}

static void identification(void **state)
{
	static const u8 ids[] = {
		0x61, 0x10, 0x04, 0x00, 0x0d, 0xf0, 0x05, 0xb1
	};
	struct chip *c = *state;

	for (unsigned int i = 0; i < ARRAY_SIZE(ids); i++) {
		wr(c, 0xfe0 + 4 * i, 0);
		assert_int_equal(rd(c, 0xfe0 + 4 * i), ids[i]);
		assert_int_equal(mmio_bus_read(&c->bus, BASE + 0xfe0 + 4 * i,
					       4),
				 ids[i]);
	}
}

static void widths_and_wrong_offsets(void **state)
{
	struct chip *c = *state;

	wr(c, IS, 0x3c);
	wr(c, DIR, 0x0f);
	for (unsigned int len = 1; len <= 8; len *= 2) {
		assert_int_equal(mmio_bus_read(&c->bus, BASE + DIR, len), 0x0f);
		mmio_bus_write(&c->bus, BASE + DATA, 0xffffffffffffff05, len);
		assert_int_equal(mmio_bus_read(&c->bus, BASE + DATA, len), 5);
		mmio_bus_write(&c->bus, BASE + DATA, 0, len);
	}
	assert_int_equal(rd(c, DIR), 0x0f);
	for (unsigned int reg = 0; reg < 0x1000; reg++) {
		if (reg % 4 == 0 && (reg <= AFSEL || reg >= 0xfe0))
			continue;
		wr(c, reg, 0xff);
		assert_int_equal(rd(c, reg), 0);
	}
	assert_int_equal(rd(c, IS), 0x3c);
	assert_int_equal(rd(c, DATA), 0);
}

/* Address bits 9:2 say which lines an access means. */
static void data_is_masked_by_address(void **state)
{
	struct chip *c = *state;

	wr(c, DIR, 0xff);
	wr(c, 0x098, 0xfb); /* lines 1, 2 and 5 */
	assert_int_equal(rd(c, DATA), 0x22);
	wr(c, 0x000, 0xff);
	assert_int_equal(rd(c, DATA), 0x22);
	assert_int_equal(rd(c, 0x000), 0);
	wr(c, DATA, 0xa6);
	assert_int_equal(rd(c, 0x0c4), 0x20);
	for (unsigned int mask = 0; mask < 0x100; mask++) {
		assert_int_equal(rd(c, mask << 2), 0xa6 & mask);
		wr(c, DATA, 0);
		wr(c, mask << 2, 0xff);
		assert_int_equal(rd(c, DATA), mask);
		wr(c, DATA, 0xa6);
	}
}

static void directions(void **state)
{
	struct chip *c = *state;

	set_inputs(c, 0xc5);
	assert_int_equal(rd(c, DATA), 0xc5);
	/* Nothing is written to an input. */
	wr(c, DATA, 0xff);
	assert_int_equal(rd(c, DATA), 0xc5);
	wr(c, DIR, 0x0f);
	assert_int_equal(rd(c, DATA), 0xc0);
	wr(c, DATA, 0x3a);
	assert_int_equal(rd(c, DATA), 0xca);
	set_inputs(c, 0x3f);
	assert_int_equal(rd(c, DATA), 0x3a);
	wr(c, DIR, 0);
	assert_int_equal(rd(c, DATA), 0x3f);
	/* An output's value lasts. */
	wr(c, DIR, 0xff);
	assert_int_equal(rd(c, DATA), 0x0a);
}

static void edges(void **state)
{
	struct chip *c = *state;

	/* Lines 0, 1: falling; 2, 3: rising; 4 to 7: both. */
	wr(c, IEV, 0xcc);
	wr(c, IBE, 0xf0);
	wr(c, IE, 0xff);
	set_inputs(c, 0xff);
	assert_int_equal(rd(c, RIS), 0xfc);
	assert_int_equal(rd(c, MIS), 0xfc);
	assert_true(irq.high);
	wr(c, IC, 0xf8);
	assert_true(irq.high);
	wr(c, IC, 0x04);
	assert_false(irq.high);
	set_inputs(c, 0xff);
	assert_int_equal(rd(c, RIS), 0);
	set_inputs(c, 0);
	assert_int_equal(rd(c, RIS), 0xf3);
	/* It stays when the line changes back. */
	wr(c, IC, 0xf0);
	pl061_set_input(c->gpio, 0, true);
	assert_int_equal(rd(c, RIS), 0x03);
	wr(c, IC, 0xff);
	assert_int_equal(irq.calls, 4);
}

static void levels(void **state)
{
	struct chip *c = *state;

	wr(c, IS, 0x03);
	wr(c, IEV, 0x01);
	/* Line 0 when high, line 1 when low; both edges mean nothing. */
	wr(c, IBE, 0x03);
	assert_int_equal(rd(c, RIS), 0x02);
	assert_false(irq.high);
	wr(c, IE, 0x03);
	assert_true(irq.high);
	wr(c, IC, 0xff);
	assert_true(irq.high);
	pl061_set_input(c->gpio, 1, true);
	assert_false(irq.high);
	pl061_set_input(c->gpio, 0, true);
	assert_int_equal(rd(c, MIS), 0x01);
	pl061_set_input(c->gpio, 0, false);
	assert_int_equal(rd(c, MIS), 0);
	assert_false(irq.high);
	/* Another polarity is another condition at once. */
	wr(c, IEV, 0x02);
	assert_int_equal(rd(c, MIS), 0x03);
	assert_true(irq.high);
}

static void masked_edges_wait(void **state)
{
	struct chip *c = *state;

	wr(c, IEV, 0x01);
	pl061_set_input(c->gpio, 0, true);
	pl061_set_input(c->gpio, 0, false);
	assert_int_equal(rd(c, RIS), 0x01);
	assert_int_equal(rd(c, MIS), 0);
	assert_false(irq.high);
	wr(c, IE, 0x01);
	assert_true(irq.high);
	assert_int_equal(rd(c, MIS), 0x01);
	wr(c, IE, 0);
	assert_false(irq.high);
	/* An edge is forgotten when the line becomes level-sensitive. */
	wr(c, IS, 0x01);
	wr(c, IS, 0);
	assert_int_equal(rd(c, RIS), 0);
}

static void outputs_do_not_interrupt(void **state)
{
	struct chip *c = *state;

	wr(c, DIR, 0x03);
	wr(c, IEV, 0xff);
	wr(c, IS, 0x02);
	wr(c, IE, 0xff);
	set_inputs(c, 0x03);
	wr(c, DATA, 0x03);
	assert_int_equal(rd(c, RIS), 0);
	assert_int_equal(irq.calls, 0);
	wr(c, DIR, 0);
	assert_int_equal(rd(c, RIS), 0x02);
	assert_true(irq.high);
}

/* Linux's gpio-keys has both edges; each press is one of each. */
static void power_key(void **state)
{
	struct chip *c = *state;

	wr(c, IBE, KEY);
	wr(c, IE, KEY);
	for (unsigned int i = 1; i <= 2; i++) {
		pl061_press_power(c->gpio);
		assert_true(irq.high);
		assert_int_equal(rd(c, MIS), KEY);
		assert_int_equal(rd(c, KEY << 2), KEY);
		assert_int_equal(stub.ns, 100000000);
		wr(c, IC, KEY);
		assert_false(irq.high);
		expire();
		assert_true(irq.high);
		assert_int_equal(rd(c, DATA), 0);
		wr(c, IC, KEY);
	}
	assert_int_equal(irq.calls, 8);
}

/* ACPI's event is edge-triggered, active high. */
static void power_key_of_acpi(void **state)
{
	struct chip *c = *state;

	wr(c, IEV, KEY);
	wr(c, IE, KEY);
	pl061_press_power(c->gpio);
	assert_true(irq.high);
	wr(c, IC, KEY);
	expire();
	assert_false(irq.high);
}

static void pressed_while_pressed(void **state)
{
	struct chip *c = *state;

	wr(c, IBE, KEY);
	pl061_press_power(c->gpio);
	wr(c, IC, KEY);
	pl061_press_power(c->gpio);
	assert_int_equal(stub.sets, 1);
	assert_int_equal(rd(c, RIS), 0);
	assert_int_equal(rd(c, DATA), KEY);
	expire();
	assert_int_equal(rd(c, DATA), 0);
	pl061_press_power(c->gpio);
	assert_int_equal(rd(c, DATA), KEY);
}

static void press_without_timer(void **state)
{
	struct chip *c = *state;

	wr(c, IEV, KEY);
	stub.error = -EINVAL;
	pl061_press_power(c->gpio);
	assert_int_equal(rd(c, DATA), 0);
	assert_int_equal(rd(c, RIS), KEY);
	stub.error = 0;
}

static void reset(void **state)
{
	struct chip *c = *state;

	set_inputs(c, 0x80);
	wr(c, AFSEL, 0xff);
	wr(c, DIR, 0xff);
	wr(c, DATA, 0xff);
	wr(c, DIR, 0xf0);
	wr(c, IBE, 0xff);
	wr(c, IEV, 0xff);
	wr(c, IS, 0x01);
	wr(c, IE, 0xff);
	pl061_press_power(c->gpio);
	assert_true(irq.high);
	c->gpio->dev.ops->reset(&c->gpio->dev);
	assert_false(irq.high);
	expect_power_on(c);
	/* The outside does not know of it. */
	assert_int_equal(rd(c, DATA), 0x80 | KEY);
	expire();
	assert_int_equal(rd(c, DATA), 0x80);
}

static const void *prop(const void *blob, int node, const char *name, int len)
{
	int have;
	const void *data = fdt_getprop(blob, node, name, &have);

	assert_non_null(data);
	assert_int_equal(have, len);
	return data;
}

static void device_tree_nodes(void **state)
{
	struct chip *c = *state;
	const u8 reg[] = { 0, 0, 0, 0, 9, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0x10, 0 };
	const u8 spi[] = { 0, 0, 0, 0, 0, 0, 0, GSI, 0, 0, 0, 4 };
	const u8 line[] = { 0, 0, 0, PHANDLE, 0, 0, 0, 3, 0, 0, 0, 0 };
	const u8 two[] = { 0, 0, 0, 2 }, clock[] = { 0, 0, 0, CLOCK };
	const u8 code[] = { 0, 0, 0, 116 };
	struct fdt_writer fdt;
	void *blob;
	size_t size;
	int node;

	assert_int_equal(fdt_writer_init(&fdt), 0);
	c->gpio->dev.ops->fdt_node(&c->gpio->dev, &fdt);
	assert_int_equal(fdt_writer_finish(&fdt, &blob, &size), 0);
	node = fdt_path_offset(blob, "/gpio@9030000");
	assert_true(node > 0);
	assert_memory_equal(prop(blob, node, "compatible", 24),
			    "arm,pl061\0arm,primecell", 24);
	assert_memory_equal(prop(blob, node, "reg", 16), reg, 16);
	assert_memory_equal(prop(blob, node, "interrupts", 12), spi, 12);
	assert_memory_equal(prop(blob, node, "clocks", 4), clock, 4);
	assert_memory_equal(prop(blob, node, "clock-names", 9), "apb_pclk", 9);
	assert_memory_equal(prop(blob, node, "#gpio-cells", 4), two, 4);
	assert_memory_equal(prop(blob, node, "#interrupt-cells", 4), two, 4);
	prop(blob, node, "gpio-controller", 0);
	prop(blob, node, "interrupt-controller", 0);
	assert_int_equal(fdt_get_phandle(blob, node), PHANDLE);
	node = fdt_path_offset(blob, "/gpio-keys");
	assert_true(node > 0);
	assert_memory_equal(prop(blob, node, "compatible", 10), "gpio-keys",
			    10);
	node = fdt_path_offset(blob, "/gpio-keys/poweroff");
	assert_true(node > 0);
	assert_memory_equal(prop(blob, node, "gpios", 12), line, 12);
	assert_memory_equal(prop(blob, node, "linux,code", 4), code, 4);
	assert_non_null(fdt_getprop(blob, node, "label", NULL));
	free(blob);
}

static void statistics(void **state)
{
	struct chip *c = *state;
	char *text;
	size_t size;
	struct json_writer json = { .out = open_memstream(&text, &size) };

	pl061_press_power(c->gpio);
	json_begin_object(&json, NULL);
	c->gpio->dev.ops->stats(&c->gpio->dev, &json);
	json_end_object(&json);
	fclose(json.out);
	assert_non_null(strstr(text, "\"power_key_presses\": 1"));
	free(text);
}

static void creation_errors(void **state)
{
	struct chip *c = *state;
	struct pl061_params params = gpio_params(c);
	struct evloop_timer *first = stub.timer;
	struct pl061 *gpio;

	assert_int_equal(pl061_create(&params, &c->bus, &gpio), -EEXIST);
	assert_null(stub.timer);
	params.base += 0x1000;
	stub.error = -EMFILE;
	assert_int_equal(pl061_create(&params, &c->bus, &gpio), -EMFILE);
	stub.error = 0;
	stub.timer = first;
}

#define CHIP_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CHIP_TEST(power_on_state),
		CHIP_TEST(register_bits),
		CHIP_TEST(identification),
		CHIP_TEST(widths_and_wrong_offsets),
		CHIP_TEST(data_is_masked_by_address),
		CHIP_TEST(directions),
		CHIP_TEST(edges),
		CHIP_TEST(levels),
		CHIP_TEST(masked_edges_wait),
		CHIP_TEST(outputs_do_not_interrupt),
		CHIP_TEST(power_key),
		CHIP_TEST(power_key_of_acpi),
		CHIP_TEST(pressed_while_pressed),
		CHIP_TEST(press_without_timer),
		CHIP_TEST(reset),
		CHIP_TEST(device_tree_nodes),
		CHIP_TEST(statistics),
		CHIP_TEST(creation_errors),
	};

	return cmocka_run_group_tests_name("pl061", tests, NULL, NULL);
}
