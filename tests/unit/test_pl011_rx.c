/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: hw/serial/pl011.c hw/serial/input.c vmm/mmio.c vmm/fdt.c */
/* SOURCES: hw/serial/output.c */
/* SOURCES: util/json.c */
/* SOURCES: util/log.c util/output.c */
/* PL011: the receive FIFO, its interrupts, and input that waits for a guest. */
#include "pl011_fixture.h"

/* As Linux's pl011_startup() ends, or any driver begins. */
static void open_port(struct port *p)
{
	wr(p, LCR_H, FEN);
	wr(p, IMSC, INT_IN);
	wr(p, CR, UARTEN | TXE | RXE);
}

static void trigger_levels(void **state)
{
	static const u8 level[] = { 4, 8, 16, 24, 28, 28, 28, 28 };
	struct port *p = *state;

	open_port(p);
	for (unsigned int i = 0; i < ARRAY_SIZE(level); i++) {
		wr(p, IFLS, i << 3 | 7);
		for (unsigned int n = 1; n <= 32; n++) {
			input(p, "z");
			assert_int_equal(rd(p, RIS),
					 n < level[i] ? INT_RT : INT_IN);
		}
		assert_true(rd(p, FR) & RXFF);
		for (unsigned int n = 31; n < 32; n--) {
			assert_int_equal(rd(p, DR), 'z');
			assert_int_equal(rd(p, RIS), n >= level[i] ? INT_IN
						     : n	   ? INT_RT
								   : 0);
		}
		assert_false(irq.high);
	}
}

/* In character mode each byte is at the trigger level. */
static void character_mode(void **state)
{
	struct port *p = *state;

	wr(p, IMSC, INT_RX);
	input(p, "abc");
	assert_int_equal(p->nr_in, 2);
	assert_int_equal(rd(p, FR) & (RXFE | RXFF), RXFF);
	for (unsigned int i = 0; i < 3; i++) {
		assert_true(irq.high);
		assert_int_equal(rd(p, MIS), INT_RX);
		assert_int_equal(mmio_bus_read(&p->bus, BASE, 4), "abc"[i]);
		deliver(p);
	}
	assert_false(irq.high);
	assert_int_equal(irq.calls, 6);
}

static void clearing_the_receive_interrupt(void **state)
{
	struct port *p = *state;

	open_port(p);
	wr(p, IFLS, 0);
	input(p, "0123");
	assert_int_equal(rd(p, MIS), INT_IN);
	wr(p, ICR, INT_RX);
	assert_int_equal(rd(p, MIS), INT_RT);
	wr(p, ICR, INT_RT);
	assert_false(irq.high);
	assert_false(rd(p, FR) & RXFE);
	/* Another arrival tells of it anew. */
	input(p, "4");
	assert_int_equal(rd(p, MIS), INT_IN);
	expect_input(p, "01");
	assert_int_equal(rd(p, MIS), INT_RT);
	expect_input(p, "234");
	assert_int_equal(rd(p, RIS), 0);
}

/* Drivers that clear first and then read all, or read one and then clear. */
static void timeout_and_the_order_of_clearing(void **state)
{
	struct port *p = *state;

	open_port(p);
	input(p, "abc");
	wr(p, ICR, INT_RT);
	assert_false(irq.high);
	expect_input(p, "abc");
	assert_false(irq.high);
	input(p, "abc");
	for (unsigned int i = 0; i < 3; i++) {
		assert_true(irq.high);
		assert_int_equal(rd(p, DR), "abc"[i]);
		wr(p, ICR, INT_IN);
	}
	assert_false(irq.high);
	/* Once told, it stays quiet until something is read. */
	input(p, "abc");
	rd(p, DR);
	wr(p, ICR, INT_RT);
	assert_true(irq.high);
	wr(p, ICR, INT_RT);
	assert_false(irq.high);
	rd(p, DR);
	assert_true(irq.high);
	/* To clear another interrupt is nothing to it. */
	wr(p, ICR, INT_TX);
	wr(p, ICR, INT_RT);
	assert_true(irq.high);
	rd(p, DR);
	assert_false(irq.high);
	wr(p, ICR, INT_RT);
	assert_false(irq.high);
}

/* In loopback mode the input is not there, and nothing tells of it. */
static void input_given_back_is_silent(void **state)
{
	struct port *p = *state;

	open_port(p);
	input(p, "ab");
	assert_true(irq.high);
	wr(p, CR, LOOP);
	assert_int_equal(rd(p, RIS) & INT_IN, 0);
	assert_false(irq.high);
	wr(p, CR, UARTEN | RXE);
	assert_int_equal(rd(p, RIS) & INT_IN, INT_RT);
	expect_input(p, "ab");
}

/* After a reset polling begins anew. */
static void reset_forgets_polling(void **state)
{
	struct port *p = *state;

	for (unsigned int i = 0; i < 4; i++)
		rd(p, FR);
	assert_int_equal(p->accepted, 1);
	p->uart->dev.ops->reset(&p->uart->dev);
	rd(p, FR);
	assert_int_equal(p->accepted, 0);
}

static void trigger_level_changed(void **state)
{
	struct port *p = *state;

	open_port(p);
	input(p, "01234567");
	assert_int_equal(rd(p, RIS), INT_RT);
	wr(p, IFLS, 1 << 3);
	assert_int_equal(rd(p, RIS), INT_IN);
	wr(p, ICR, INT_RX);
	wr(p, IFLS, 0);
	assert_int_equal(rd(p, RIS), INT_RT);
	wr(p, IFLS, 2 << 3);
	wr(p, IFLS, 1 << 3);
	assert_int_equal(rd(p, RIS), INT_IN);
	wr(p, IFLS, 2 << 3);
	assert_int_equal(rd(p, RIS), INT_RT);
}

static void accept_tells_the_room(void **state)
{
	struct port *p = *state;

	wr(p, IMSC, INT_RX);
	assert_int_equal(p->accepted, 1);
	wr(p, LCR_H, FEN);
	assert_int_equal(p->accepted, 32);
	assert_int_equal(p->nr_accept, 2);
	input(p, "abc");
	assert_int_equal(p->accepted, 29);
	rd(p, DR);
	assert_int_equal(p->accepted, 30);
	assert_int_equal(p->nr_accept, 4);
	wr(p, CR, LOOP);
	assert_int_equal(p->accepted, 0);
	wr(p, CR, UARTEN | RXE);
	assert_int_equal(p->accepted, 30);
	wr(p, CR, UARTEN);
	assert_int_equal(p->accepted, 0);
	assert_int_equal(rd(p, DR), 'b');
	wr(p, CR, RXE);
	assert_int_equal(p->accepted, 31);
	wr(p, IMSC, INT_RT);
	assert_int_equal(p->accepted, 31);
	wr(p, IMSC, ~INT_IN);
	assert_int_equal(p->accepted, 0);
}

static void back_pressure(void **state)
{
	const char *text = "abcdefghijklmnopqrstuvwxyzABCDEF"
			   "0123456789";
	struct port *p = *state;

	open_port(p);
	input(p, text);
	assert_int_equal(p->nr_in, 10);
	assert_int_equal(p->accepted, 0);
	assert_true(rd(p, FR) & RXFF);
	assert_int_equal(rd(p, DR), 'a');
	assert_int_equal(p->nr_in, 9);
	expect_input(p, text + 1);
	assert_int_equal(p->accepted, 32);
	assert_int_equal(rd(p, RSR), 0);
	assert_int_equal(p->uart->bytes_in, 42);
}

static void nothing_while_the_guest_is_away(void **state)
{
	struct port *p = *state;

	input(p, "abc");
	for (unsigned int i = 0; i < 4; i++) {
		/* Linux's earlycon: ready? byte, gone? */
		rd(p, FR);
		wr(p, DR, 'x');
		rd(p, FR);
	}
	assert_int_equal(p->nr_accept, 0);
	assert_int_equal(rd(p, DR), 0);
	assert_int_equal(p->nr_in, 3);
}

static void polling_guest_listens(void **state)
{
	static const u8 regs[] = { FR, RIS, MIS };
	struct port *p = *state;

	for (unsigned int i = 0; i < ARRAY_SIZE(regs); i++) {
		input(p, "ab");
		for (unsigned int n = 0; n < 3; n++)
			rd(p, regs[i]);
		assert_int_equal(p->accepted, 0);
		rd(p, CR); /* EDK2 reads it each time */
		rd(p, regs[i]);
		assert_false(rd(p, FR) & RXFE);
		/* As long as it only reads, it goes on. */
		expect_input(p, "ab");
		assert_int_equal(p->accepted, 1);
		wr(p, DR, 'x');
		assert_int_equal(p->accepted, 0);
	}
}

static void polling_with_a_fifo(void **state)
{
	struct port *p = *state;

	wr(p, LCR_H, FEN);
	input(p, "ab");
	for (unsigned int n = 0; n < 4; n++)
		rd(p, FR);
	assert_int_equal(p->nr_in, 0);
	wr(p, DR, 'x');
	input(p, "cd");
	expect_input(p, "ab");
	assert_int_equal(rd(p, DR), 0);
	assert_int_equal(p->nr_in, 2);
}

/*
 * All that Linux does from finding the device to its first interrupt, with
 * firmware before it that polled and left bytes in the FIFO.
 */
static void linux_start_loses_nothing(void **state)
{
	struct port *p = *state;

	wr(p, CR, UARTEN | TXE | RXE);
	wr(p, LCR_H, FEN);
	for (unsigned int n = 0; n < 4; n++)
		rd(p, FR);
	input(p, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJ");
	assert_true(rd(p, FR) & RXFF);
	wr(p, IMSC, 0);
	wr(p, ICR, 0xffff);
	/* The console */
	wr(p, LCR_H, 0x70);
	wr(p, CR, UARTEN | TXE | RXE);
	wr(p, DR, 'x');
	/* Start-up: interrupts are on for a moment, ... */
	wr(p, ICR, 0x7d0);
	assert_int_equal(rd(p, IMSC), 0);
	wr(p, IMSC, INT_IN);
	wr(p, IMSC, 0);
	assert_false(irq.high);
	wr(p, IFLS, 0x12);
	wr(p, CR, UARTEN | TXE | RXE | RTS | DTR);
	rd(p, FR);
	/* ... and then what is in the FIFO is thrown away. */
	wr(p, ICR, INT_IN);
	assert_true(rd(p, FR) & RXFE);
	wr(p, IMSC, INT_IN);
	assert_true(irq.high);
	expect_input(p, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJ");
	assert_false(irq.high);
}

/* Clearing what is unmasked is how interrupts are handled, and takes none. */
static void clearing_keeps_data_of_a_listener(void **state)
{
	struct port *p = *state;

	open_port(p);
	input(p, "ab");
	wr(p, ICR, 0x7ff);
	assert_false(irq.high);
	assert_false(rd(p, FR) & RXFE);
	wr(p, IMSC, 0);
	wr(p, ICR, INT_RX);
	wr(p, ICR, INT_RT);
	assert_int_equal(rd(p, DR), 'a');
	/* Looped bytes are the guest's own, and stay. */
	wr(p, IMSC, 0);
	wr(p, LCR_H, 0);
	wr(p, CR, LOOP);
	wr(p, DR, 'l');
	wr(p, ICR, INT_IN);
	assert_int_equal(rd(p, DR), 'l');
	assert_int_equal(rd(p, RIS) & INT_IN, 0);
}

static void flush_keeps_input(void **state)
{
	struct port *p = *state;

	open_port(p);
	input(p, "abcd");
	wr(p, IMSC, 0);
	wr(p, LCR_H, 0);
	assert_int_equal(rd(p, RIS), 0);
	assert_true(rd(p, FR) & RXFE);
	wr(p, LCR_H, FEN);
	assert_int_equal(rd(p, DR), 0);
	wr(p, IMSC, INT_IN);
	expect_input(p, "ab");
	/* Another bit of LCR_H flushes nothing. */
	wr(p, IMSC, 0);
	wr(p, LCR_H, FEN | 0x60);
	expect_input(p, "cd");
	assert_int_equal(p->uart->bytes_in, 4);
}

/* One NUL with DR's BE, in its place between the bytes, and an interrupt. */
static void a_break(void **state)
{
	struct port *p = *state;

	wr(p, LCR_H, FEN);
	wr(p, IMSC, INT_IN);
	input(p, "a");
	assert_true(p->accepted);
	p->chr.line_break(&p->chr);
	input(p, "h");
	assert_true(rd(p, RIS) & INT_BE);
	wr(p, ICR, INT_BE);
	assert_false(rd(p, RIS) & INT_BE);
	assert_int_equal(rd(p, DR), 'a');
	assert_int_equal(rd(p, RSR), 0);
	/* The FIFOs are flushed: it returns as it was. */
	wr(p, LCR_H, 0);
	wr(p, LCR_H, FEN);
	assert_int_equal(rd(p, DR), 0x400);
	assert_int_equal(rd(p, RSR), 4);
	expect_input(p, "h");
	assert_true(rd(p, FR) & RXFE);
}

static void looped_bytes_and_input(void **state)
{
	struct port *p = *state;

	open_port(p);
	input(p, "0123456789");
	wr(p, CR, LOOP);
	assert_true(rd(p, FR) & RXFE);
	for (unsigned int i = 0; i < 3; i++)
		wr(p, DR, 'A' + i);
	input(p, "xyz");
	wr(p, CR, UARTEN | RXE);
	wr(p, CR, LOOP);
	wr(p, CR, UARTEN | RXE);
	expect_input(p, "ABC0123456789xyz");
	assert_int_equal(p->uart->bytes_in, 13);
	/* Looped ones die in a flush. */
	wr(p, CR, LOOP);
	wr(p, DR, 'X');
	wr(p, LCR_H, 0);
	assert_true(rd(p, FR) & RXFE);
	assert_int_equal(rd(p, RIS) & INT_IN, 0);
}

/* The loop's thread may be on its way when the guest flushes the FIFO. */
static void bytes_under_way_keep_their_order(void **state)
{
	struct port *p = *state;

	open_port(p);
	input(p, "abcdef");
	wr(p, IMSC, 0);
	wr(p, LCR_H, 0);
	p->chr.receive(&p->chr, (const u8 *)"0123456789", 10);
	assert_int_equal(rd(p, DR), 0);
	assert_int_equal(p->nr_in, 0);
	wr(p, IMSC, INT_RX);
	expect_input(p, "abc");
	wr(p, LCR_H, FEN);
	expect_input(p, "def0123456789");
}

static void excess_goes_back(void **state)
{
	const char *text = "0123456789abcdefghijklmnopqrstuvwxyz";
	struct port *p = *state;

	open_port(p);
	p->chr.receive(&p->chr, (const u8 *)text, 36);
	assert_int_equal(p->nr_in, 4);
	assert_memory_equal(p->in, "wxyz", 4);
	assert_int_equal(rd(p, RIS) & INT_OE, 0);
	expect_input(p, text);
}

static void reset_keeps_input(void **state)
{
	struct port *p = *state;

	open_port(p);
	input(p, "ab");
	assert_true(irq.high);
	p->uart->dev.ops->reset(&p->uart->dev);
	assert_false(irq.high);
	assert_int_equal(p->accepted, 0);
	assert_int_equal(rd(p, RIS), 0);
	assert_int_equal(rd(p, DR), 0);
	open_port(p);
	expect_input(p, "ab");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		PORT_TEST(trigger_levels),
		PORT_TEST(character_mode),
		PORT_TEST(clearing_the_receive_interrupt),
		PORT_TEST(timeout_and_the_order_of_clearing),
		PORT_TEST(input_given_back_is_silent),
		PORT_TEST(reset_forgets_polling),
		PORT_TEST(trigger_level_changed),
		PORT_TEST(accept_tells_the_room),
		PORT_TEST(back_pressure),
		PORT_TEST(nothing_while_the_guest_is_away),
		PORT_TEST(polling_guest_listens),
		PORT_TEST(polling_with_a_fifo),
		PORT_TEST(linux_start_loses_nothing),
		PORT_TEST(clearing_keeps_data_of_a_listener),
		PORT_TEST(flush_keeps_input),
		PORT_TEST(a_break),
		PORT_TEST(looped_bytes_and_input),
		PORT_TEST(bytes_under_way_keep_their_order),
		PORT_TEST(excess_goes_back),
		PORT_TEST(reset_keeps_input),
	};

	return cmocka_run_group_tests_name("pl011_rx", tests, NULL, NULL);
}
