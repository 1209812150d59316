/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: hw/serial/input.c */
/* What is sent to a UART waits for a guest that listens, and is never lost. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "lkvm/hw/serial/input.h"

#define SIZE 4
#define AWAY 0 /* the capacity while the guest does not listen */

static struct {
	struct chardev chr;
	struct serial_input in;
	size_t accepted;
	unsigned int calls;
} t;

static void accept_more(struct chardev *chr, size_t n)
{
	assert_ptr_equal(chr, &t.chr);
	assert_int_not_equal(n, t.accepted);
	t.accepted = n;
	t.calls++;
}

static int setup(void **state)
{
	static const struct chardev_ops ops = { .accept = accept_more };

	(void)state;
	memset(&t, 0, sizeof(t));
	t.chr.ops = &ops;
	t.in.size = SIZE;
	return 0;
}

/* The FIFO gets this, and the backend is offered `room`. */
static void update(unsigned int capacity, unsigned int moved, size_t room)
{
	assert_int_equal(serial_input_update(&t.in, &t.chr, capacity), moved);
	assert_int_equal(t.accepted, room);
}

static size_t receive(const char *s)
{
	return serial_input_receive(&t.in, (const u8 *)s, strlen(s));
}

/* That is what the FIFO holds; upper case is looped. */
static void assert_fifo(const char *s)
{
	assert_int_equal(t.in.nr_fifo, strlen(s));
	for (unsigned int i = 0; i < t.in.nr_fifo; i++) {
		bool upper = s[i] >= 'A' && s[i] <= 'Z';

		assert_int_equal(t.in.fifo[i].data, s[i]);
		assert_int_equal(t.in.fifo[i].looped, upper);
	}
}

static void assert_read(u16 data, bool looped)
{
	struct serial_rx rx;

	assert_true(serial_input_read(&t.in, &rx));
	assert_int_equal(rx.data, data);
	assert_int_equal(rx.looped, looped);
}

static void waits_for_the_guest(void **state)
{
	(void)state;
	assert_int_equal(receive("abc"), 3);
	update(AWAY, 0, 0);
	assert_fifo("");
	assert_int_equal(t.calls, 0);
	update(1, 1, 0);
	assert_fifo("a");
	update(SIZE, 2, 1);
	assert_fifo("abc");
	assert_read('a', false);
	update(SIZE, 0, 2);
	update(AWAY, 0, 0);
	assert_fifo("bc");
}

/* It is told only what is new to it. */
static void offers_what_there_is_room_for(void **state)
{
	(void)state;
	for (int i = 0; i < 3; i++)
		update(SIZE, 0, SIZE);
	assert_int_equal(t.calls, 1);
	receive("ab");
	update(SIZE, 2, 2);
	receive("cd");
	update(SIZE, 2, 0);
	assert_int_equal(t.calls, 3);
}

static void without_backend(void **state)
{
	(void)state;
	assert_int_equal(serial_input_update(&t.in, NULL, SIZE), 0);
	assert_int_equal(t.calls, 0);
}

static void order_is_kept(void **state)
{
	(void)state;
	receive("abcd");
	update(SIZE, 4, 0);
	assert_read('a', false);
	receive("e"); /* that was under way */
	serial_input_give_back(&t.in);
	assert_fifo("");
	update(2, 2, 0);
	assert_fifo("bc");
	serial_input_flush(&t.in);
	update(SIZE, 4, 0);
	assert_fifo("bcde");
}

/* However much has come back, and whatever is looped. */
static void never_more_than_size(void **state)
{
	(void)state;
	assert_int_equal(receive("abcdef"), SIZE);
	assert_int_equal(receive("e"), 0);
	update(3, 3, 0);
	assert_int_equal(receive("e"), 0);
	assert_read('a', false);
	assert_int_equal(receive("ef"), 1);
	serial_input_give_back(&t.in);
	serial_input_loop(&t.in, 'X');
	assert_int_equal(receive("f"), 0);
	assert_read('X', true);
	update(SIZE, 4, 0);
	assert_fifo("bcde");
}

/* In their place, also when they come back, and never too many. */
static void breaks(void **state)
{
	(void)state;
	assert_int_equal(receive("ab"), 2);
	assert_true(serial_input_break(&t.in, 0x100));
	update(SIZE, 3, SIZE - 3);
	assert_int_equal(receive("c"), 1);
	assert_false(serial_input_break(&t.in, 0x100));
	serial_input_give_back(&t.in);
	update(SIZE, 4, 0);
	assert_read('a', false);
	assert_read('b', false);
	assert_read(0x100, false);
	assert_read('c', false);
}

static void looped_bytes(void **state)
{
	struct serial_rx rx;

	(void)state;
	serial_input_loop(&t.in, 'X');
	serial_input_loop(&t.in, 'Y');
	receive("ab");
	update(3, 1, 0);
	assert_fifo("XYa");
	serial_input_give_back(&t.in);
	assert_fifo("XY");
	assert_read('X', true);
	update(SIZE, 2, 1);
	assert_fifo("Yab");
	serial_input_flush(&t.in);
	assert_fifo("");
	update(SIZE, 2, 2);
	assert_fifo("ab");
	assert_read('a', false);
	assert_read('b', false);
	assert_false(serial_input_read(&t.in, &rx));
	assert_int_equal(rx.data, 0);
	/* What the part tells along with a byte: it is not one of the line. */
	serial_input_loop(&t.in, 0x400);
	assert_read(0x400, true);
}

#define TEST(f) cmocka_unit_test_setup(f, setup)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(waits_for_the_guest),  TEST(offers_what_there_is_room_for),
		TEST(without_backend),	    TEST(order_is_kept),
		TEST(never_more_than_size), TEST(breaks),
		TEST(looped_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
