/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: hw/serial/uart16550.c hw/serial/input.c vmm/mmio.c vmm/fdt.c */
/* SOURCES: hw/serial/output.c */
/* SOURCES: util/json.c util/log.c util/output.c */
/* 16550A: registers, interrupts, what drivers probe. */
#include <libfdt.h>

#include "lkvm/util/json.h"
#include "lkvm/vmm/fdt.h"
#include "uart_fixture.h"

#define NO_IRQ	0x01
#define FIFO_ON 0xc0

static void power_on_state(void **state)
{
	struct port *p = *state;

	assert_int_equal(rd(p, UART_IER), 0);
	assert_int_equal(rd(p, UART_IIR), NO_IRQ);
	assert_int_equal(rd(p, UART_LCR), 0);
	assert_int_equal(rd(p, UART_MCR), 0);
	assert_int_equal(rd(p, UART_LSR), UART_LSR_THRE | UART_LSR_TEMT);
	assert_int_equal(rd(p, UART_MSR),
			 UART_MSR_CTS | UART_MSR_DSR | UART_MSR_DCD);
	assert_int_equal(irq.calls, 0);
	assert_int_equal(p->nr_accept, 0);
}

static void register_bits(void **state)
{
	struct port *p = *state;

	wr(p, UART_SCR, 0xa5);
	wr(p, UART_LCR, UART_LCR_DLAB | UART_LCR_WLEN8);
	wr(p, UART_DLL, 0x34);
	wr(p, UART_DLM, 0x12);
	assert_int_equal(rd(p, UART_DLL), 0x34);
	assert_int_equal(rd(p, UART_DLM), 0x12);
	wr(p, UART_LCR, 0x7f);
	assert_int_equal(rd(p, UART_LCR), 0x7f);
	assert_int_equal(rd(p, UART_IER), 0);
	assert_int_equal(rd(p, UART_RX), 0);
	assert_int_equal(p->nr_out, 0);
	wr(p, UART_MCR, 0xe3);
	assert_int_equal(rd(p, UART_MCR), 0x03);
	assert_int_equal(rd(p, UART_SCR), 0xa5);
	wr(p, UART_LSR, 0xff);
	wr(p, UART_MSR, 0xff);
	assert_int_equal(rd(p, UART_LSR), UART_LSR_THRE | UART_LSR_TEMT);
	assert_int_equal(rd(p, UART_MSR) & 0x0f, 0);
}

static void wide_accesses(void **state)
{
	struct port *p = *state;

	mmio_bus_write(&p->bus, BASE + UART_LCR, 0x0f03, 2);
	assert_int_equal(rd(p, UART_LCR), 3);
	assert_int_equal(rd(p, UART_MCR), 0);
	wr(p, UART_SCR, 0x77);
	for (unsigned int len = 2; len <= 8; len *= 2)
		assert_int_equal(mmio_bus_read(&p->bus, BASE, len), 0);
	assert_int_equal(mmio_bus_read(&p->bus, BASE + UART_MSR, 2), 0xb0);
	mmio_bus_write(&p->bus, BASE, 0x0807060504030241, 8);
	assert_int_equal(p->nr_out, 1);
	assert_int_equal(p->out[0], 'A');
	assert_int_equal(rd(p, UART_SCR), 0x77);
}

static void output_in_order(void **state)
{
	struct port *p = *state;

	for (unsigned int i = 0; i < 5; i++)
		wr(p, UART_TX, "hello"[i]);
	assert_int_equal(p->nr_out, 5);
	assert_memory_equal(p->out, "hello", 5);
	assert_int_equal(p->uart->bytes_out, 5);
}

/* Follows the steps of Linux's 8250 driver that recognise a 16550A. */
static void linux_detects_16550a(void **state)
{
	struct port *p = *state;

	wr(p, UART_IER, 0);
	assert_int_equal(rd(p, UART_IER) & 0xf, 0);
	wr(p, UART_IER, 0xf);
	assert_int_equal(rd(p, UART_IER) & 0xf, 0xf);
	wr(p, UART_IER, 0);
	wr(p, UART_MCR, UART_MCR_LOOP | UART_MCR_OUT2 | UART_MCR_RTS);
	assert_int_equal(rd(p, UART_MSR) & 0xf0, UART_MSR_DCD | UART_MSR_CTS);
	wr(p, UART_MCR, 0);
	wr(p, UART_LCR, UART_LCR_CONF_MODE_B);
	wr(p, UART_EFR, 0);
	wr(p, UART_LCR, 0);
	wr(p, UART_FCR, UART_FCR_ENABLE_FIFO);
	assert_int_equal(rd(p, UART_IIR) >> 6, 3);
	/* No EFR: the register is never zero. */
	wr(p, UART_LCR, UART_LCR_CONF_MODE_A);
	assert_int_not_equal(rd(p, UART_EFR), 0);
	wr(p, UART_LCR, UART_LCR_CONF_MODE_B);
	assert_int_not_equal(rd(p, UART_EFR), 0);
	/* No 64-byte FIFO, with DLAB set or not; no UUE bit. */
	for (unsigned int lcr = 0; lcr <= UART_LCR_DLAB; lcr += UART_LCR_DLAB) {
		wr(p, UART_LCR, lcr);
		wr(p, UART_FCR, UART_FCR_ENABLE_FIFO | UART_FCR7_64BYTE);
		assert_int_equal(rd(p, UART_IIR) >> 5, 6);
	}
	wr(p, UART_LCR, 0);
	wr(p, UART_IER, UART_IER_UUE);
	assert_int_equal(rd(p, UART_IER), 0);
}

/* The start-up test for an interrupt that is not asserted anew, twice. */
static void linux_thre_tests(void **state)
{
	struct port *p = *state;

	for (unsigned int i = 0; i < 2; i++) {
		wr(p, UART_IER, UART_IER_THRI);
		assert_true(irq.high);
		assert_int_equal(rd(p, UART_IIR), UART_IIR_THRI);
		assert_false(irq.high);
		assert_int_equal(rd(p, UART_IIR), NO_IRQ);
		wr(p, UART_IER, 0);
	}
	wr(p, UART_IER, UART_IER_THRI);
	assert_true(rd(p, UART_LSR) & UART_LSR_TEMT);
	assert_false(rd(p, UART_IIR) & UART_IIR_NO_INT);
}

static void thre_interrupt(void **state)
{
	struct port *p = *state;

	wr(p, UART_IER, UART_IER_THRI);
	rd(p, UART_IIR);
	wr(p, UART_IER, UART_IER_THRI); /* was set: nothing new */
	assert_false(irq.high);
	wr(p, UART_TX, 'x');
	assert_true(irq.high);
	assert_int_equal(rd(p, UART_IIR), UART_IIR_THRI);
	assert_false(irq.high);
	wr(p, UART_MCR, UART_MCR_LOOP);
	wr(p, UART_TX, 'l');
	assert_int_equal(rd(p, UART_IIR), UART_IIR_THRI);
	wr(p, UART_MCR, 0);
	wr(p, UART_IER, 0);
	wr(p, UART_TX, 'y');
	assert_false(irq.high);
	assert_int_equal(rd(p, UART_IIR), NO_IRQ);
}

static void thre_ended_by_ier(void **state)
{
	struct port *p = *state;

	wr(p, UART_IER, UART_IER_THRI);
	wr(p, UART_IER, 0);
	assert_false(irq.high);
	assert_int_equal(irq.calls, 2);
}

static void line_driven_on_change_only(void **state)
{
	struct port *p = *state;

	wr(p, UART_FCR, UART_FCR_ENABLE_FIFO);
	wr(p, UART_IER, UART_IER_RDI);
	assert_int_equal(irq.calls, 0);
	input(p, "abc");
	assert_int_equal(irq.calls, 1);
	rd(p, UART_IIR);
	rd(p, UART_RX);
	rd(p, UART_RX);
	wr(p, UART_SCR, 1);
	assert_int_equal(irq.calls, 1);
	assert_true(irq.high);
	rd(p, UART_RX);
	assert_int_equal(irq.calls, 2);
	assert_false(irq.high);
	assert_int_equal(p->uart->interrupts, 1);
}

static void out2_does_not_gate(void **state)
{
	struct port *p = *state;

	assert_int_equal(rd(p, UART_MCR) & UART_MCR_OUT2, 0);
	wr(p, UART_IER, UART_IER_THRI);
	assert_true(irq.high);
}

static void trigger_levels_and_timeout(void **state)
{
	static const unsigned int level[] = { 1, 4, 8, 14 };
	struct port *p = *state;

	for (unsigned int i = 0; i < ARRAY_SIZE(level); i++) {
		wr(p, UART_FCR, UART_FCR_ENABLE_FIFO | i << 6);
		wr(p, UART_IER, UART_IER_RDI);
		for (unsigned int n = 1; n <= 16; n++) {
			input(p, "z");
			assert_true(irq.high);
			assert_int_equal(
				rd(p, UART_IIR),
				FIFO_ON | (n < level[i] ? UART_IIR_RX_TIMEOUT
							: UART_IIR_RDI));
		}
		expect_input(p, "zzzzzzzzzzzzzzzz");
		assert_false(irq.high);
	}
}

/* All at once in loopback mode, then taken away one by one. */
static void interrupt_priorities(void **state)
{
	struct port *p = *state;

	wr(p, UART_MCR, UART_MCR_LOOP);
	rd(p, UART_MSR);
	wr(p, UART_IER, 0xf);
	wr(p, UART_MCR, UART_MCR_LOOP | UART_MCR_RTS);
	wr(p, UART_TX, 'a');
	wr(p, UART_TX, 'b');
	assert_int_equal(rd(p, UART_IIR), UART_IIR_RLSI);
	assert_true(rd(p, UART_LSR) & UART_LSR_OE);
	assert_int_equal(rd(p, UART_IIR), UART_IIR_RDI);
	rd(p, UART_RX);
	assert_int_equal(rd(p, UART_IIR), UART_IIR_THRI);
	assert_int_equal(rd(p, UART_IIR), UART_IIR_MSI);
	assert_true(irq.high);
	assert_int_equal(rd(p, UART_MSR), UART_MSR_CTS | UART_MSR_DCTS);
	assert_false(irq.high);
	assert_int_equal(rd(p, UART_IIR), NO_IRQ);
	assert_int_equal(irq.calls, 2);
}

/* An interrupt of higher priority hides THRI, which IIR must not clear. */
static void iir_clears_only_what_it_tells(void **state)
{
	struct port *p = *state;

	wr(p, UART_FCR, UART_FCR_ENABLE_FIFO);
	input(p, "a");
	wr(p, UART_IER, UART_IER_RDI | UART_IER_THRI);
	assert_int_equal(rd(p, UART_IIR), FIFO_ON | UART_IIR_RDI);
	rd(p, UART_RX);
	assert_int_equal(rd(p, UART_IIR), FIFO_ON | UART_IIR_THRI);
	assert_int_equal(rd(p, UART_IIR), FIFO_ON | NO_IRQ);
}

static void modem_lines_and_deltas(void **state)
{
	struct port *p = *state;

	wr(p, UART_MCR, UART_MCR_LOOP | UART_MCR_OUT1);
	/* CTS, DSR and DCD fell; RI's rise is not told. */
	assert_int_equal(rd(p, UART_MSR), UART_MSR_RI | UART_MSR_DCTS |
						  UART_MSR_DDSR |
						  UART_MSR_DDCD);
	assert_int_equal(rd(p, UART_MSR), UART_MSR_RI);
	wr(p, UART_MCR, UART_MCR_LOOP);
	assert_int_equal(rd(p, UART_MSR), UART_MSR_TERI);
	wr(p, UART_MCR, UART_MCR_LOOP | UART_MCR_DTR);
	assert_int_equal(rd(p, UART_MSR), UART_MSR_DSR | UART_MSR_DDSR);
	wr(p, UART_MCR, UART_MCR_LOOP | UART_MCR_DTR | UART_MCR_OUT2);
	wr(p, UART_MCR, UART_MCR_LOOP | UART_MCR_OUT2);
	/* Deltas add up until they are read. */
	assert_int_equal(rd(p, UART_MSR),
			 UART_MSR_DCD | UART_MSR_DDSR | UART_MSR_DDCD);
	wr(p, UART_MCR, 0);
	assert_int_equal(rd(p, UART_MSR) & 0xf0, 0xb0);
}

static void port_without_backend(void **state)
{
	struct port *p = *state;
	struct uart16550_params par = port_params(NULL);
	struct uart16550 *uart;

	par.base += 0x1000;
	assert_int_equal(uart16550_create(&par, &p->bus, &uart), 0);
	mmio_bus_write(&p->bus, par.base + UART_FCR, 1, 1);
	mmio_bus_write(&p->bus, par.base + UART_IER, UART_IER_THRI, 1);
	mmio_bus_read(&p->bus, par.base + UART_IIR, 1);
	mmio_bus_write(&p->bus, par.base, 'a', 1);
	assert_true(irq.high);
	assert_int_equal(mmio_bus_read(&p->bus, par.base + UART_LSR, 1), 0x60);
	assert_int_equal(uart->bytes_out, 0);
	uart->dev.ops->destroy(&uart->dev);
}

static void device_tree_node(void **state)
{
	struct port *p = *state;
	const u8 reg[] = { 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 8 };
	const u8 clock[] = { 0x00, 0x1c, 0x20, 0x00 };
	const u8 spi[] = { 0, 0, 0, 0, 0, 0, 0, GSI, 0, 0, 0, 4 };
	struct fdt_writer fdt;
	void *blob;
	size_t size;
	int node, len;

	assert_int_equal(fdt_writer_init(&fdt), 0);
	p->uart->dev.ops->fdt_node(&p->uart->dev, &fdt);
	assert_int_equal(fdt_writer_finish(&fdt, &blob, &size), 0);
	node = fdt_path_offset(blob, "/serial@1000000");
	assert_true(node > 0);
	assert_string_equal(fdt_getprop(blob, node, "compatible", NULL),
			    "ns16550a");
	assert_memory_equal(fdt_getprop(blob, node, "reg", &len), reg, 16);
	assert_int_equal(len, 16);
	assert_memory_equal(fdt_getprop(blob, node, "clock-frequency", NULL),
			    clock, 4);
	assert_memory_equal(fdt_getprop(blob, node, "interrupts", &len), spi,
			    12);
	free(blob);
}

static void statistics(void **state)
{
	struct port *p = *state;
	char *text;
	size_t size;
	struct json_writer json = { .out = open_memstream(&text, &size) };

	wr(p, UART_TX, 'x');
	wr(p, UART_TX, 'y');
	wr(p, UART_IER, UART_IER_RDI);
	input(p, "a");
	rd(p, UART_RX);
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
	struct uart16550_params par = port_params(NULL);
	struct uart16550 *uart;

	assert_int_equal(uart16550_create(&par, &p->bus, &uart), -EEXIST);
	par.base += 0x1000;
	par.size = 7;
	assert_int_equal(uart16550_create(&par, &p->bus, &uart), -EINVAL);
	/* A larger region reads as zero behind the registers. */
	par.size = 0x100;
	assert_int_equal(uart16550_create(&par, &p->bus, &uart), 0);
	mmio_bus_write(&p->bus, par.base + 9, 0xff, 1);
	assert_int_equal(mmio_bus_read(&p->bus, par.base + 9, 1), 0);
	uart->dev.ops->destroy(&uart->dev);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		PORT_TEST(power_on_state),
		PORT_TEST(register_bits),
		PORT_TEST(wide_accesses),
		PORT_TEST(output_in_order),
		PORT_TEST(linux_detects_16550a),
		PORT_TEST(linux_thre_tests),
		PORT_TEST(thre_interrupt),
		PORT_TEST(thre_ended_by_ier),
		PORT_TEST(line_driven_on_change_only),
		PORT_TEST(out2_does_not_gate),
		PORT_TEST(trigger_levels_and_timeout),
		PORT_TEST(interrupt_priorities),
		PORT_TEST(iir_clears_only_what_it_tells),
		PORT_TEST(modem_lines_and_deltas),
		PORT_TEST(port_without_backend),
		PORT_TEST(device_tree_node),
		PORT_TEST(statistics),
		PORT_TEST(creation_errors),
	};

	return cmocka_run_group_tests_name("uart16550", tests, NULL, NULL);
}
