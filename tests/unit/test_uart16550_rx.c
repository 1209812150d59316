/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: hw/serial/uart16550.c hw/serial/input.c vmm/mmio.c vmm/fdt.c */
/* SOURCES: hw/serial/output.c */
/* SOURCES: util/json.c util/log.c util/output.c */
/* 16550A: the receive FIFO, and input that waits for a guest that listens. */
#include "uart_fixture.h"

#define NO_IRQ	 0x01
#define LOOP_OUT (UART_MCR_LOOP | 0x0f)

/* Linux fills and empties the FIFO; piped input must survive that. */
static void linux_measures_fifo(void **state)
{
	struct port *p = *state;
	unsigned int n = 0;

	input(p, "0123456789abcdefghij");
	wr(p, UART_FCR,
	   UART_FCR_ENABLE_FIFO | UART_FCR_CLEAR_RCVR | UART_FCR_CLEAR_XMIT);
	assert_true(rd(p, UART_LSR) & UART_LSR_DR);
	wr(p, UART_MCR, UART_MCR_LOOP);
	assert_false(rd(p, UART_LSR) & UART_LSR_DR);
	for (unsigned int i = 0; i < 256; i++)
		wr(p, UART_TX, i);
	for (; rd(p, UART_LSR) & UART_LSR_DR; n++)
		assert_int_equal(rd(p, UART_RX), n);
	assert_int_equal(n, 16);
	assert_int_equal(p->nr_out, 0);
	wr(p, UART_MCR, 0);
	expect_input(p, "0123456789abcdefghij");
}

/* A break arrives, for which there is room. */
static void line_break(struct port *p)
{
	assert_true(p->accepted);
	p->chr.line_break(&p->chr);
	deliver(p);
}

/* One NUL, told by LSR when it is the next byte, and by an interrupt. */
static void a_break(void **state)
{
	struct port *p = *state;

	wr(p, UART_FCR, UART_FCR_ENABLE_FIFO);
	wr(p, UART_IER, UART_IER_RDI | UART_IER_RLSI);
	input(p, "a");
	line_break(p);
	input(p, "h");
	assert_int_equal(rd(p, UART_IIR) & 0x0f, UART_IIR_RDI);
	assert_int_equal(rd(p, UART_LSR) &
				 (UART_LSR_DR | UART_LSR_BI | UART_LSR_FIFOE),
			 UART_LSR_DR | UART_LSR_FIFOE);
	assert_int_equal(rd(p, UART_RX), 'a');
	assert_int_equal(rd(p, UART_IIR) & 0x0f, UART_IIR_RLSI);
	assert_int_equal(rd(p, UART_LSR) &
				 (UART_LSR_DR | UART_LSR_BI | UART_LSR_FIFOE),
			 UART_LSR_DR | UART_LSR_BI | UART_LSR_FIFOE);
	/* Told once. */
	assert_false(rd(p, UART_LSR) & (UART_LSR_BI | UART_LSR_FIFOE));
	assert_int_equal(rd(p, UART_IIR) & 0x0f, UART_IIR_RDI);
	assert_int_equal(rd(p, UART_RX), 0);
	expect_input(p, "h");
	assert_false(rd(p, UART_LSR) & UART_LSR_DR);
}

/* Two in a row, and without FIFOs, where there is no bit for the others. */
static void breaks_in_the_register(void **state)
{
	struct port *p = *state;

	wr(p, UART_IER, UART_IER_RDI);
	line_break(p);
	assert_false(p->accepted);
	assert_int_equal(rd(p, UART_LSR) & (UART_LSR_BI | UART_LSR_FIFOE),
			 UART_LSR_BI);
	assert_int_equal(rd(p, UART_RX), 0);
	line_break(p);
	assert_true(rd(p, UART_LSR) & UART_LSR_BI);
	assert_int_equal(rd(p, UART_RX), 0);
	assert_false(rd(p, UART_LSR) & (UART_LSR_BI | UART_LSR_DR));
}

/* A driver that begins empties the FIFO: the break is kept, as is all input. */
static void a_break_before_the_driver(void **state)
{
	struct port *p = *state;

	wr(p, UART_FCR, UART_FCR_ENABLE_FIFO);
	line_break(p);
	input(p, "h");
	assert_true(rd(p, UART_LSR) & UART_LSR_BI);
	wr(p, UART_FCR, UART_FCR_ENABLE_FIFO | UART_FCR_CLEAR_RCVR);
	assert_true(rd(p, UART_LSR) & UART_LSR_BI);
	assert_int_equal(rd(p, UART_RX), 0);
	expect_input(p, "h");
}

static void overrun_of_the_fifo(void **state)
{
	struct port *p = *state;

	wr(p, UART_FCR, UART_FCR_ENABLE_FIFO);
	wr(p, UART_MCR, LOOP_OUT);
	wr(p, UART_IER, UART_IER_RLSI);
	for (unsigned int i = 0; i < 16; i++)
		wr(p, UART_TX, 'a' + i);
	assert_false(irq.high);
	wr(p, UART_TX, 'X');
	assert_true(irq.high);
	assert_true(rd(p, UART_LSR) & UART_LSR_OE);
	assert_false(irq.high);
	assert_false(rd(p, UART_LSR) & UART_LSR_OE);
	expect_input(p, "abcdefghijklmnop");
	assert_false(rd(p, UART_LSR) & UART_LSR_DR);
}

static void overrun_of_the_register(void **state)
{
	struct port *p = *state;

	wr(p, UART_MCR, LOOP_OUT);
	wr(p, UART_TX, 'a');
	assert_false(rd(p, UART_LSR) & UART_LSR_OE);
	wr(p, UART_TX, 'b');
	assert_int_equal(rd(p, UART_IIR), NO_IRQ);
	assert_true(rd(p, UART_LSR) & UART_LSR_OE);
	expect_input(p, "b");
	assert_false(rd(p, UART_LSR) & UART_LSR_DR);
}

static void looped_bytes_die_in_a_reset(void **state)
{
	struct port *p = *state;

	wr(p, UART_FCR, UART_FCR_ENABLE_FIFO);
	wr(p, UART_MCR, LOOP_OUT);
	wr(p, UART_TX, 'x');
	wr(p, UART_MCR, 0);
	input(p, "ab");
	wr(p, UART_FCR, UART_FCR_ENABLE_FIFO | UART_FCR_CLEAR_RCVR);
	expect_input(p, "ab");
	assert_int_equal(p->uart->bytes_in, 2);
}

/* Looped bytes stay in the FIFO over the end of the test, as on the part. */
static void looped_bytes_come_first(void **state)
{
	struct port *p = *state;

	wr(p, UART_FCR, UART_FCR_ENABLE_FIFO);
	input(p, "0123456789");
	wr(p, UART_MCR, LOOP_OUT);
	for (unsigned int i = 0; i < 16; i++)
		wr(p, UART_TX, 'A' + i);
	input(p, "xyz");
	wr(p, UART_MCR, 0);
	wr(p, UART_MCR, LOOP_OUT);
	wr(p, UART_MCR, 0);
	expect_input(p, "ABCDEFGHIJKLMNOP0123456789xyz");
	assert_int_equal(p->uart->bytes_in, 13);
}

static void nothing_while_the_guest_is_away(void **state)
{
	struct port *p = *state;

	input(p, "abc");
	rd(p, UART_LSR);
	wr(p, UART_TX, 'x');
	rd(p, UART_LSR);
	rd(p, UART_IIR);
	rd(p, UART_LSR);
	assert_int_equal(p->nr_accept, 0);
	assert_int_equal(rd(p, UART_RX), 0);
	assert_int_equal(p->nr_in, 3);
}

static void polling_guest_listens(void **state)
{
	struct port *p = *state;

	input(p, "ab");
	rd(p, UART_LSR);
	assert_int_equal(p->accepted, 0);
	rd(p, UART_LSR);
	assert_true(rd(p, UART_LSR) & UART_LSR_DR);
	assert_int_equal(p->nr_in, 1);
	assert_int_equal(rd(p, UART_RX), 'a');
	assert_int_equal(p->accepted, 0);
	assert_int_equal(rd(p, UART_RX), 0);
	rd(p, UART_LSR);
	rd(p, UART_LSR);
	assert_int_equal(rd(p, UART_RX), 'b');
}

static void accept_tells_the_room(void **state)
{
	struct port *p = *state;

	wr(p, UART_IER, UART_IER_RDI);
	assert_int_equal(p->accepted, 1);
	wr(p, UART_FCR, UART_FCR_ENABLE_FIFO);
	assert_int_equal(p->accepted, 16);
	assert_int_equal(p->nr_accept, 2);
	input(p, "abc");
	assert_int_equal(p->accepted, 13);
	rd(p, UART_RX);
	assert_int_equal(p->accepted, 14);
	rd(p, UART_LSR);
	rd(p, UART_IIR);
	assert_int_equal(p->nr_accept, 4);
	wr(p, UART_MCR, UART_MCR_LOOP);
	assert_int_equal(p->accepted, 0);
	wr(p, UART_MCR, 0);
	assert_int_equal(p->accepted, 14);
	wr(p, UART_FCR, 0);
	assert_int_equal(p->accepted, 0);
	assert_int_equal(rd(p, UART_RX), 'b');
	assert_int_equal(p->accepted, 0);
	assert_int_equal(rd(p, UART_RX), 'c');
	assert_int_equal(p->accepted, 1);
	wr(p, UART_IER, 0);
	assert_int_equal(p->accepted, 0);
}

/* How Linux's driver begins: every reset it does, in its order. */
static void driver_start_loses_nothing(void **state)
{
	struct port *p = *state;

	input(p, "0123456789abcdefghijklmnopqrs");
	wr(p, UART_FCR, UART_FCR_ENABLE_FIFO);
	wr(p, UART_FCR,
	   UART_FCR_ENABLE_FIFO | UART_FCR_CLEAR_RCVR | UART_FCR_CLEAR_XMIT);
	wr(p, UART_FCR, 0);
	rd(p, UART_LSR);
	assert_int_equal(rd(p, UART_RX), 0);
	rd(p, UART_IIR);
	rd(p, UART_MSR);
	wr(p, UART_IER, UART_IER_RDI | UART_IER_RLSI);
	wr(p, UART_FCR, UART_FCR_ENABLE_FIFO);
	wr(p, UART_FCR, UART_FCR_ENABLE_FIFO | UART_FCR_TRIGGER_8);
	expect_input(p, "0123456789abcdefghijklmnopqrs");
	assert_int_equal(p->uart->bytes_in, 29);
}

static void bytes_read_are_gone(void **state)
{
	struct port *p = *state;

	wr(p, UART_FCR, UART_FCR_ENABLE_FIFO);
	input(p, "abcd");
	expect_input(p, "ab");
	wr(p, UART_FCR, UART_FCR_ENABLE_FIFO | UART_FCR_CLEAR_RCVR);
	expect_input(p, "cd");
	assert_false(rd(p, UART_LSR) & UART_LSR_DR);
}

/* The loop's thread may be on its way when the guest resets the FIFO. */
static void bytes_under_way_keep_their_order(void **state)
{
	struct port *p = *state;

	wr(p, UART_FCR, UART_FCR_ENABLE_FIFO);
	input(p, "abcdef");
	wr(p, UART_FCR, 0);
	p->chr.receive(&p->chr, (const u8 *)"0123456789", 10);
	assert_int_equal(rd(p, UART_RX), 0);
	assert_int_equal(p->nr_in, 0);
	wr(p, UART_IER, UART_IER_RDI);
	expect_input(p, "abc");
	wr(p, UART_FCR, UART_FCR_ENABLE_FIFO);
	expect_input(p, "def0123456789");
}

static void excess_goes_back(void **state)
{
	struct port *p = *state;

	wr(p, UART_FCR, UART_FCR_ENABLE_FIFO);
	p->chr.receive(&p->chr, (const u8 *)"0123456789abcdefghij", 20);
	assert_int_equal(p->nr_in, 4);
	assert_memory_equal(p->in, "ghij", 4);
	assert_false(rd(p, UART_LSR) & UART_LSR_OE);
	expect_input(p, "0123456789abcdefghij");
	wr(p, UART_MCR, UART_MCR_LOOP);
	p->chr.receive(&p->chr, (const u8 *)"0123456789", 10);
	p->chr.receive(&p->chr, (const u8 *)"abcdefghij", 10);
	assert_memory_equal(p->in, "ghij", 4);
	wr(p, UART_MCR, 0);
	expect_input(p, "0123456789abcdefghij");
}

/* FCR's other bits have no effect without bit 0. */
static void fcr_needs_its_enable_bit(void **state)
{
	struct port *p = *state;

	wr(p, UART_IER, UART_IER_RDI);
	wr(p, UART_MCR, UART_MCR_LOOP);
	wr(p, UART_TX, 'a');
	wr(p, UART_FCR, UART_FCR_CLEAR_RCVR | UART_FCR_TRIGGER_14);
	assert_int_equal(rd(p, UART_IIR), UART_IIR_RDI);
	assert_int_equal(rd(p, UART_RX), 'a');
}

/* Nor is the FIFO cleared but by its bit, or when it is switched. */
static void fcr_keeps_the_fifo(void **state)
{
	struct port *p = *state;

	wr(p, UART_FCR, UART_FCR_ENABLE_FIFO);
	wr(p, UART_MCR, UART_MCR_LOOP);
	wr(p, UART_TX, 'a');
	wr(p, UART_FCR, UART_FCR_ENABLE_FIFO | UART_FCR_TRIGGER_14);
	assert_int_equal(rd(p, UART_RX), 'a');
	wr(p, UART_TX, 'b');
	wr(p, UART_FCR, UART_FCR_ENABLE_FIFO | UART_FCR_CLEAR_RCVR);
	assert_false(rd(p, UART_LSR) & UART_LSR_DR);
}

static void reset_of_all_registers(void **state)
{
	struct port *p = *state;
	u32 dll, dlm;

	wr(p, UART_LCR, UART_LCR_DLAB);
	dll = rd(p, UART_DLL);
	dlm = rd(p, UART_DLM);
	wr(p, UART_DLL, dll + 1);
	wr(p, UART_DLM, dlm + 1);
	wr(p, UART_LCR, 0);
	wr(p, UART_MCR, LOOP_OUT);
	wr(p, UART_TX, 'a');
	wr(p, UART_TX, 'b'); /* one too many */
	for (unsigned int i = 0; i < 8; i++)
		rd(p, UART_MSR);
	p->uart->dev.ops->reset(&p->uart->dev);
	assert_false(rd(p, UART_LSR) & (UART_LSR_OE | UART_LSR_DR));
	assert_int_equal(rd(p, UART_MCR), 0);
	wr(p, UART_LCR, UART_LCR_DLAB);
	assert_int_equal(rd(p, UART_DLL), dll);
	assert_int_equal(rd(p, UART_DLM), dlm);
}

/* Looks at the status before a reset do not count as polling after it. */
static void reset_forgets_polling(void **state)
{
	struct port *p = *state;

	for (unsigned int i = 0; i < 16; i++)
		rd(p, UART_LSR);
	assert_true(p->accepted);
	p->uart->dev.ops->reset(&p->uart->dev);
	rd(p, UART_LSR);
	assert_int_equal(p->accepted, 0);
}

static void reset_keeps_input(void **state)
{
	struct port *p = *state;

	wr(p, UART_FCR, UART_FCR_ENABLE_FIFO);
	wr(p, UART_IER, 0xf);
	wr(p, UART_LCR, 3);
	wr(p, UART_SCR, 3);
	input(p, "ab");
	assert_true(irq.high);
	p->uart->dev.ops->reset(&p->uart->dev);
	assert_false(irq.high);
	assert_int_equal(p->accepted, 0);
	assert_int_equal(rd(p, UART_IIR), NO_IRQ);
	assert_int_equal(rd(p, UART_LCR), 0);
	assert_int_equal(rd(p, UART_SCR), 0);
	assert_int_equal(rd(p, UART_RX), 0);
	wr(p, UART_FCR, UART_FCR_ENABLE_FIFO);
	expect_input(p, "ab");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		PORT_TEST(linux_measures_fifo),
		PORT_TEST(a_break),
		PORT_TEST(breaks_in_the_register),
		PORT_TEST(a_break_before_the_driver),
		PORT_TEST(overrun_of_the_fifo),
		PORT_TEST(overrun_of_the_register),
		PORT_TEST(looped_bytes_die_in_a_reset),
		PORT_TEST(looped_bytes_come_first),
		PORT_TEST(nothing_while_the_guest_is_away),
		PORT_TEST(polling_guest_listens),
		PORT_TEST(accept_tells_the_room),
		PORT_TEST(driver_start_loses_nothing),
		PORT_TEST(bytes_read_are_gone),
		PORT_TEST(bytes_under_way_keep_their_order),
		PORT_TEST(excess_goes_back),
		PORT_TEST(fcr_needs_its_enable_bit),
		PORT_TEST(fcr_keeps_the_fifo),
		PORT_TEST(reset_of_all_registers),
		PORT_TEST(reset_forgets_polling),
		PORT_TEST(reset_keeps_input),
	};

	return cmocka_run_group_tests_name("uart16550_rx", tests, NULL, NULL);
}
