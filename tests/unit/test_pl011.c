/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: hw/serial/pl011.c hw/serial/input.c vmm/mmio.c vmm/fdt.c */
/* SOURCES: hw/serial/output.c */
/* SOURCES: util/json.c */
/* SOURCES: util/log.c util/output.c */
/* PL011: registers, output, loopback mode and the interrupts of both. */
#include <libfdt.h>

#include "lkvm/util/json.h"
#include "lkvm/vmm/fdt.h"
#include "pl011_fixture.h"

static void expect_power_on(struct port *p)
{
	assert_int_equal(rd(p, RSR), 0);
	assert_int_equal(rd(p, FR), TXFE | RXFE | PEER);
	assert_int_equal(rd(p, ILPR), 0);
	assert_int_equal(rd(p, IBRD), 0);
	assert_int_equal(rd(p, FBRD), 0);
	assert_int_equal(rd(p, LCR_H), 0);
	assert_int_equal(rd(p, CR), 0x300);
	assert_int_equal(rd(p, IFLS), 0x12);
	assert_int_equal(rd(p, IMSC), 0);
	assert_int_equal(rd(p, RIS), 0);
	assert_int_equal(rd(p, MIS), 0);
	assert_int_equal(rd(p, ICR), 0);
	assert_int_equal(rd(p, DMACR), 0);
}

static void power_on_state(void **state)
{
	struct port *p = *state;

	expect_power_on(p);
	assert_int_equal(irq.calls, 0);
	assert_int_equal(p->nr_accept, 0);
}

static void register_bits(void **state)
{
	static const struct {
		unsigned int reg;
		u32 mask;
	} regs[] = {
		{ ILPR, 0xff },	 { IBRD, 0xffff }, { FBRD, 0x3f },
		{ LCR_H, 0xff }, { CR, 0xff87 },   { IFLS, 0x3f },
		{ IMSC, 0x7ff }, { DMACR, 7 },
	};
	struct port *p = *state;

	for (unsigned int i = 0; i < ARRAY_SIZE(regs); i++) {
		wr(p, regs[i].reg, 0xffffffff);
		assert_int_equal(rd(p, regs[i].reg), regs[i].mask);
	}
	for (unsigned int i = 0; i < ARRAY_SIZE(regs); i++) {
		wr(p, regs[i].reg, 0x55555555);
		assert_int_equal(rd(p, regs[i].reg), regs[i].mask & 0x55555555);
	}
	assert_int_equal(rd(p, RSR), 0);
	assert_int_equal(p->nr_out, 0);
}

static void read_only_registers(void **state)
{
	struct port *p = *state;

	wr(p, FR, 0xffff);
	wr(p, RIS, 0xffff);
	wr(p, MIS, 0xffff);
	wr(p, RSR, 0xffff);
	for (unsigned int reg = 0xfe0; reg < 0x1000; reg += 4)
		wr(p, reg, 0xff);
	expect_power_on(p);
	assert_int_equal(rd(p, 0xfe0), 0x11);
}

/* Linux's bus reads words, EDK2 bytes; revision 3 has FIFOs of 32. */
static void identification(void **state)
{
	static const u8 ids[] = {
		0x11, 0x10, 0x34, 0x00, 0x0d, 0xf0, 0x05, 0xb1
	};
	struct port *p = *state;

	for (unsigned int i = 0; i < ARRAY_SIZE(ids); i++) {
		assert_int_equal(rd(p, 0xfe0 + 4 * i), ids[i]);
		assert_int_equal(mmio_bus_read(&p->bus, BASE + 0xfe0 + 4 * i,
					       1),
				 ids[i]);
	}
}

static void widths(void **state)
{
	struct port *p = *state;

	wr(p, IBRD, 0x1234);
	assert_int_equal(mmio_bus_read(&p->bus, BASE + IBRD, 1), 0x34);
	assert_int_equal(mmio_bus_read(&p->bus, BASE + IBRD, 2), 0x1234);
	assert_int_equal(mmio_bus_read(&p->bus, BASE + IBRD, 4), 0x1234);
	wr(p, FBRD, 0x3f);
	assert_int_equal(mmio_bus_read(&p->bus, BASE + IBRD, 8), 0x1234);
	mmio_bus_write(&p->bus, BASE + IBRD, 0x1100005678, 8);
	assert_int_equal(rd(p, IBRD), 0x5678);
	assert_int_equal(rd(p, FBRD), 0x3f);
	mmio_bus_write(&p->bus, BASE, 'a', 1);
	mmio_bus_write(&p->bus, BASE, 0xff00 | 'b', 2);
	mmio_bus_write(&p->bus, BASE, 0xffffff00 | 'c', 4);
	mmio_bus_write(&p->bus, BASE, 'd', 8);
	assert_int_equal(p->nr_out, 4);
	assert_memory_equal(p->out, "abcd", 4);
}

static void wrong_offsets(void **state)
{
	static const u16 holes[] = {
		0x08, 0x0c, 0x10, 0x14, 0x1c,  0x4c,  0x80,
		0x84, 0x88, 0x8c, 0x90, 0xfdc, 0x400, 0xfd0
	};
	struct port *p = *state;

	for (unsigned int i = 0; i < ARRAY_SIZE(holes); i++) {
		wr(p, holes[i], 0xffffffff);
		assert_int_equal(rd(p, holes[i]), 0);
	}
	for (unsigned int reg = 0; reg < 0x50; reg++) {
		if (reg % 4 == 0)
			continue;
		mmio_bus_write(&p->bus, BASE + reg, 0xff, 1);
		assert_int_equal(mmio_bus_read(&p->bus, BASE + reg, 1), 0);
	}
	assert_int_equal(mmio_bus_read(&p->bus, BASE + 0xfe1, 1), 0);
	assert_int_equal(p->nr_out, 0);
	expect_power_on(p);
}

/* No console before the driver enables anything: its output counts, too. */
static void output_without_enabling(void **state)
{
	struct port *p = *state;

	for (unsigned int i = 0; i < 5; i++) {
		assert_false(rd(p, FR) & TXFF);
		wr(p, DR, "hello"[i]);
	}
	wr(p, CR, 0);
	wr(p, DR, '!');
	wr(p, CR, UARTEN | TXE | RXE);
	wr(p, DR, '?');
	assert_int_equal(p->nr_out, 7);
	assert_memory_equal(p->out, "hello!?", 7);
	assert_int_equal(p->uart->bytes_out, 7);
	assert_int_equal(rd(p, FR), TXFE | RXFE | PEER);
}

/* The interrupt tells that data has gone, not that there is none. */
static void transmit_interrupt(void **state)
{
	struct port *p = *state;

	wr(p, CR, UARTEN | TXE | RXE);
	wr(p, IMSC, INT_TX);
	assert_false(irq.high);
	wr(p, DR, 'a');
	assert_true(irq.high);
	assert_int_equal(rd(p, RIS), INT_TX);
	assert_int_equal(rd(p, MIS), INT_TX);
	wr(p, ICR, ~INT_TX);
	assert_true(irq.high);
	wr(p, ICR, INT_TX);
	assert_false(irq.high);
	assert_int_equal(rd(p, RIS), 0);
	wr(p, DR, 'b');
	wr(p, IMSC, 0);
	assert_false(irq.high);
	assert_int_equal(rd(p, RIS), INT_TX);
	assert_int_equal(rd(p, MIS), 0);
	wr(p, IMSC, INT_TX);
	assert_true(irq.high);
	assert_int_equal(irq.calls, 5);
	assert_int_equal(p->uart->interrupts, 3);
}

static void looped_data(void **state)
{
	struct port *p = *state;

	wr(p, CR, LOOP);
	wr(p, DR, 0x1fa);
	assert_int_equal(p->nr_out, 0);
	assert_int_equal(rd(p, FR) & (RXFE | RXFF), RXFF);
	assert_int_equal(rd(p, RIS) & ~0xfU, INT_TX | INT_IN);
	assert_int_equal(rd(p, DR), 0xfa);
	assert_int_equal(rd(p, RIS) & ~0xfU, INT_TX);
	assert_true(rd(p, FR) & RXFE);
	assert_int_equal(rd(p, DR), 0);
	/* A receiver that is off receives nothing. */
	wr(p, CR, LOOP & ~RXE);
	wr(p, DR, 'x');
	assert_true(rd(p, FR) & RXFE);
	assert_int_equal(p->uart->bytes_in, 0);
}

static void fill_looped(struct port *p, unsigned int n)
{
	wr(p, CR, LOOP);
	wr(p, ICR, 0x7ff);
	for (unsigned int i = 0; i < n; i++) {
		assert_false(rd(p, RIS) & INT_OE);
		wr(p, DR, 'a' + i);
	}
}

static void overrun_of_the_fifo(void **state)
{
	struct port *p = *state;

	wr(p, LCR_H, FEN);
	wr(p, IMSC, INT_OE);
	fill_looped(p, 31);
	assert_false(rd(p, FR) & RXFF);
	wr(p, DR, '!');
	assert_true(rd(p, FR) & RXFF);
	assert_false(irq.high);
	wr(p, DR, 'X');
	assert_true(irq.high);
	assert_int_equal(rd(p, RSR), 8);
	assert_int_equal(rd(p, MIS), INT_OE);
	/* Shown with the next byte, at which there is room again. */
	assert_int_equal(rd(p, DR), 0x800 | 'a');
	assert_int_equal(rd(p, DR), 'b');
	assert_int_equal(rd(p, RSR), 8);
	wr(p, RSR, 0);
	assert_int_equal(rd(p, RSR), 0);
	assert_true(irq.high);
	wr(p, ICR, INT_OE);
	assert_false(irq.high);
	for (unsigned int i = 2; i < 31; i++)
		assert_int_equal(rd(p, DR), 'a' + i);
	assert_int_equal(rd(p, DR), '!');
	assert_true(rd(p, FR) & RXFE);
}

/* Character mode has one place, and the new byte is the one that is lost. */
static void overrun_of_the_register(void **state)
{
	struct port *p = *state;

	fill_looped(p, 1);
	wr(p, DR, 'X');
	assert_true(rd(p, RIS) & INT_OE);
	assert_int_equal(rd(p, DR), 0x800 | 'a');
	assert_true(rd(p, FR) & RXFE);
	assert_int_equal(rd(p, RSR), 8);
}

static void looped_break(void **state)
{
	struct port *p = *state;

	wr(p, LCR_H, FEN | BRK);
	assert_true(rd(p, FR) & RXFE);
	wr(p, LCR_H, FEN);
	wr(p, CR, LOOP);
	wr(p, ICR, 0x7ff);
	wr(p, LCR_H, FEN | BRK);
	wr(p, LCR_H, FEN | BRK);
	assert_int_equal(rd(p, RIS), INT_BE | INT_RT);
	wr(p, LCR_H, FEN);
	wr(p, DR, 'a');
	assert_int_equal(rd(p, DR), 0x400);
	assert_int_equal(rd(p, RSR), 4);
	assert_int_equal(rd(p, DR), 'a');
	assert_int_equal(rd(p, RSR), 0);
	wr(p, ICR, INT_BE | INT_TX);
	assert_int_equal(rd(p, RIS), 0);
}

static void modem_lines(void **state)
{
	static const struct {
		u32 out, fr, interrupt;
	} lines[] = {
		{ OUT2, RI, 1 },
		{ RTS, CTS, 2 },
		{ OUT1, DCD, 4 },
		{ DTR, DSR, 8 },
	};
	struct port *p = *state;

	/* Without loopback the outputs reach nobody. */
	wr(p, CR, RTS | DTR | OUT1 | OUT2);
	assert_int_equal(rd(p, RIS), 0);
	wr(p, CR, LOOP);
	assert_int_equal(rd(p, FR), TXFE | RXFE);
	assert_int_equal(rd(p, RIS), 0xe);
	wr(p, ICR, 0x2);
	assert_int_equal(rd(p, RIS), 0xc);
	wr(p, IMSC, 0xf);
	for (unsigned int i = 0; i < ARRAY_SIZE(lines); i++) {
		wr(p, ICR, 0xf);
		assert_false(irq.high);
		wr(p, CR, LOOP | lines[i].out);
		assert_int_equal(rd(p, FR), TXFE | RXFE | lines[i].fr);
		assert_int_equal(rd(p, MIS), lines[i].interrupt);
		assert_true(irq.high);
		wr(p, ICR, 0xf);
		wr(p, CR, LOOP);
		assert_int_equal(rd(p, MIS), lines[i].interrupt);
	}
	wr(p, ICR, 0xf);
	wr(p, CR, UARTEN);
	assert_int_equal(rd(p, FR), TXFE | RXFE | PEER);
	assert_int_equal(rd(p, RIS), 0xe);
}

static void reset(void **state)
{
	struct port *p = *state;

	wr(p, ILPR, 1);
	wr(p, IBRD, 1);
	wr(p, FBRD, 1);
	wr(p, LCR_H, 0x70);
	wr(p, IFLS, 0);
	wr(p, DMACR, 1);
	wr(p, IMSC, 0x7ff);
	fill_looped(p, 32);
	wr(p, DR, 'X');
	assert_true(irq.high);
	p->uart->dev.ops->reset(&p->uart->dev);
	assert_false(irq.high);
	expect_power_on(p);
	assert_int_equal(rd(p, DR), 0);
	/* The FIFO that overran is no more. */
	wr(p, CR, LOOP);
	wr(p, DR, 'a');
	assert_int_equal(rd(p, DR), 'a');
}

static void port_without_backend(void **state)
{
	struct port *p = *state;
	struct pl011_params par = port_params(NULL);
	struct pl011 *uart;

	par.base += 0x1000;
	assert_int_equal(pl011_create(&par, &p->bus, &uart), 0);
	mmio_bus_write(&p->bus, par.base + IMSC, INT_TX | INT_IN, 4);
	mmio_bus_write(&p->bus, par.base, 'a', 1);
	assert_true(irq.high);
	assert_int_equal(mmio_bus_read(&p->bus, par.base + FR, 4),
			 TXFE | RXFE | PEER);
	assert_int_equal(uart->bytes_out, 0);
	uart->dev.ops->destroy(&uart->dev);
}

static void device_tree_node(void **state)
{
	struct port *p = *state;
	const u8 reg[] = { 0, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10, 0 };
	const u8 spi[] = { 0, 0, 0, 0, 0, 0, 0, GSI, 0, 0, 0, 4 };
	const u8 clocks[] = { 0, 0, 0, CLOCK, 0, 0, 0, CLOCK };
	struct fdt_writer fdt;
	void *blob;
	size_t size;
	int node, len;

	assert_int_equal(fdt_writer_init(&fdt), 0);
	p->uart->dev.ops->fdt_node(&p->uart->dev, &fdt);
	assert_int_equal(fdt_writer_finish(&fdt, &blob, &size), 0);
	node = fdt_path_offset(blob, "/serial@9000000");
	assert_true(node > 0);
	assert_memory_equal(fdt_getprop(blob, node, "compatible", &len),
			    "arm,pl011\0arm,primecell", 24);
	assert_int_equal(len, 24);
	assert_memory_equal(fdt_getprop(blob, node, "reg", &len), reg, 16);
	assert_int_equal(len, 16);
	assert_memory_equal(fdt_getprop(blob, node, "interrupts", &len), spi,
			    12);
	assert_memory_equal(fdt_getprop(blob, node, "clocks", &len), clocks, 8);
	assert_int_equal(len, 8);
	assert_memory_equal(fdt_getprop(blob, node, "clock-names", &len),
			    "uartclk\0apb_pclk", 17);
	assert_int_equal(len, 17);
	free(blob);
}

static void statistics(void **state)
{
	struct port *p = *state;
	char *text;
	size_t size;
	struct json_writer json = { .out = open_memstream(&text, &size) };

	wr(p, DR, 'x');
	wr(p, DR, 'y');
	wr(p, IMSC, INT_IN);
	input(p, "a");
	rd(p, DR);
	json_begin_object(&json, NULL);
	p->uart->dev.ops->stats(&p->uart->dev, &json);
	json_end_object(&json);
	fclose(json.out);
	assert_non_null(strstr(text, "\"bytes_out\": 2"));
	assert_non_null(strstr(text, "\"bytes_in\": 1"));
	assert_non_null(strstr(text, "\"interrupts\": 1"));
	free(text);
}

static void creation_errors(void **state)
{
	struct port *p = *state;
	struct pl011_params par = port_params(&p->chr);
	struct pl011 *uart;

	assert_int_equal(pl011_create(&par, &p->bus, &uart), -EEXIST);
	assert_ptr_equal(p->chr.front, p->uart);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		PORT_TEST(power_on_state),
		PORT_TEST(register_bits),
		PORT_TEST(read_only_registers),
		PORT_TEST(identification),
		PORT_TEST(widths),
		PORT_TEST(wrong_offsets),
		PORT_TEST(output_without_enabling),
		PORT_TEST(transmit_interrupt),
		PORT_TEST(looped_data),
		PORT_TEST(overrun_of_the_fifo),
		PORT_TEST(overrun_of_the_register),
		PORT_TEST(looped_break),
		PORT_TEST(modem_lines),
		PORT_TEST(reset),
		PORT_TEST(port_without_backend),
		PORT_TEST(device_tree_node),
		PORT_TEST(statistics),
		PORT_TEST(creation_errors),
	};

	return cmocka_run_group_tests_name("pl011", tests, NULL, NULL);
}
