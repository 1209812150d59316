/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A PL011 between a guest's accesses and a backend with input to deliver. */
#ifndef TESTS_PL011_FIXTURE_H
#define TESTS_PL011_FIXTURE_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "lkvm/pl011.h"

#define BASE  0x9000000
#define GSI   1
#define CLOCK 7

/* DDI 0183, table 3-1 and the tables of bits after it. */
enum {
	DR = 0x00,
	RSR = 0x04,
	FR = 0x18,
	ILPR = 0x20,
	IBRD = 0x24,
	FBRD = 0x28,
	LCR_H = 0x2c,
	CR = 0x30,
	IFLS = 0x34,
	IMSC = 0x38,
	RIS = 0x3c,
	MIS = 0x40,
	ICR = 0x44,
	DMACR = 0x48,
};

#define CTS  0x001
#define DSR  0x002
#define DCD  0x004
#define RXFE 0x010
#define TXFF 0x020
#define RXFF 0x040
#define TXFE 0x080
#define RI   0x100
#define PEER (CTS | DSR | DCD)

#define BRK 0x01
#define FEN 0x10

#define UARTEN 0x001
#define LBE    0x080
#define TXE    0x100
#define RXE    0x200
#define DTR    0x400
#define RTS    0x800
#define OUT1   0x1000
#define OUT2   0x2000
#define LOOP   (UARTEN | LBE | TXE | RXE)

#define INT_RX 0x010
#define INT_TX 0x020
#define INT_RT 0x040
#define INT_BE 0x200
#define INT_OE 0x400
#define INT_IN (INT_RX | INT_RT)

/* One port with a backend that holds what is still to be delivered. */
struct port {
	struct chardev chr; /* first: the backend's callbacks cast to it */
	struct mmio_bus bus;
	struct pl011 *uart;
	u8 out[64];
	size_t nr_out;
	u8 in[128];
	size_t nr_in;
	size_t accepted;
	unsigned int nr_accept;
};

/* What irq_line_set() last said, and how often it spoke. */
static struct {
	bool high;
	unsigned int calls;
} irq;

void irq_line_set(const struct irq_line *line, bool high)
{
	void *p = (void *)(uintptr_t)line;
	struct pl011 *uart = container_of(p, struct pl011, irq);

	assert_int_equal(line->gsi, GSI);
	assert_int_equal(pthread_mutex_trylock(&uart->lock), EBUSY);
	assert_int_not_equal(high, irq.high);
	irq.high = high;
	irq.calls++;
}

static void backend_write(struct chardev *chr, const u8 *buf, size_t len)
{
	struct port *p = (struct port *)chr;

	/* It may block, hence not with the lock. */
	assert_int_equal(pthread_mutex_trylock(&p->uart->lock), 0);
	pthread_mutex_unlock(&p->uart->lock);
	assert_true(p->nr_out + len <= sizeof(p->out));
	memcpy(p->out + p->nr_out, buf, len);
	p->nr_out += len;
}

static void backend_accept(struct chardev *chr, size_t n)
{
	struct port *p = (struct port *)chr;

	assert_int_not_equal(n, p->accepted);
	assert_int_equal(pthread_mutex_trylock(&p->uart->lock), EBUSY);
	p->accepted = n;
	p->nr_accept++;
}

static void backend_unread(struct chardev *chr, const u8 *buf, size_t len)
{
	struct port *p = (struct port *)chr;

	assert_true(p->nr_in + len <= sizeof(p->in));
	memmove(p->in + len, p->in, p->nr_in);
	memcpy(p->in, buf, len);
	p->nr_in += len;
}

static const struct chardev_ops backend_ops = {
	.write = backend_write,
	.accept = backend_accept,
	.unread = backend_unread,
};

/* What the event loop does while there is input. */
static inline void deliver(struct port *p)
{
	while (p->accepted && p->nr_in) {
		size_t n = MIN(p->accepted, p->nr_in);
		u8 buf[sizeof(p->in)];

		memcpy(buf, p->in, n);
		p->nr_in -= n;
		memmove(p->in, p->in + n, p->nr_in);
		p->chr.receive(&p->chr, buf, n);
	}
}

/* More input for the backend, which delivers what it may. */
static inline void input(struct port *p, const char *s)
{
	size_t len = strlen(s);

	assert_true(p->nr_in + len <= sizeof(p->in));
	memcpy(p->in + p->nr_in, s, len);
	p->nr_in += len;
	deliver(p);
}

/* A guest's access; then the backend delivers what it may. */
static inline u32 rd(struct port *p, unsigned int reg)
{
	u32 value = (u32)mmio_bus_read(&p->bus, BASE + reg, 4);

	deliver(p);
	return value;
}

static inline void wr(struct port *p, unsigned int reg, u32 value)
{
	mmio_bus_write(&p->bus, BASE + reg, value, 4);
	deliver(p);
}

/* The guest reads `s`, looking at FR before each byte. */
static inline void expect_input(struct port *p, const char *s)
{
	for (; *s; s++) {
		assert_false(rd(p, FR) & RXFE);
		assert_int_equal(rd(p, DR), *s);
	}
}

/* The port's parameters with another backend, or none. */
static inline struct pl011_params port_params(struct chardev *chr)
{
	return (struct pl011_params) {
		.name = "uart0",
		.base = BASE,
		.irq = { .gsi = GSI, .trigger = IRQ_LEVEL_HIGH },
		.clock = CLOCK,
		.chr = chr,
	};
}

static inline int port_setup(void **state)
{
	struct port *p = calloc(1, sizeof(*p));
	struct pl011_params par;

	if (!p)
		return -1;
	memset(&irq, 0, sizeof(irq));
	p->chr.ops = &backend_ops;
	mmio_bus_init(&p->bus);
	par = port_params(&p->chr);
	*state = p;
	return pl011_create(&par, &p->bus, &p->uart);
}

static inline int port_teardown(void **state)
{
	struct port *p = *state;

	p->uart->dev.ops->destroy(&p->uart->dev);
	mmio_bus_destroy(&p->bus);
	free(p);
	return 0;
}

#define PORT_TEST(f) \
	cmocka_unit_test_setup_teardown(f, port_setup, port_teardown)

#endif
