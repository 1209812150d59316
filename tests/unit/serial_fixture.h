/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A UART between a guest's accesses and a backend with input to deliver. Who
 * includes this says which one: UART, BASE and GSI; how wide its registers are,
 * UART_WIDTH; and whether its interrupt is low while a byte is sent,
 * UART_QUIET.
 */
#ifndef TESTS_SERIAL_FIXTURE_H
#define TESTS_SERIAL_FIXTURE_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "lkvm/chardev/chardev.h"
#include "lkvm/vmm/mmio.h"
#include "no_ring.h"

#define IRQ_OWNER UART
#include "irq_fixture.h"

/* One port with a backend that holds what is still to be delivered. */
struct port {
	struct chardev chr; /* first: the backend's callbacks cast to it */
	struct mmio_bus bus;
	struct UART *uart;
	u8 out[600];
	size_t nr_out;
	u8 in[128];
	size_t nr_in;
	size_t accepted;
	unsigned int nr_accept;
};

static void backend_write(struct chardev *chr, const u8 *buf, size_t len)
{
	struct port *p = (struct port *)chr;

	/* It may block, hence not with the lock. */
	assert_int_equal(pthread_mutex_trylock(&p->uart->lock), 0);
	assert_false(UART_QUIET && irq.high);
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

/* A guest's access of UART_WIDTH; then the backend delivers what it may. */
static inline u32 rd(struct port *p, unsigned int reg)
{
	u32 value = (u32)mmio_bus_read(&p->bus, BASE + reg, UART_WIDTH);

	deliver(p);
	return value;
}

static inline void wr(struct port *p, unsigned int reg, u32 value)
{
	mmio_bus_write(&p->bus, BASE + reg, value, UART_WIDTH);
	deliver(p);
}

/* The including file's: the device of *p, with its backend. */
static int make_uart(struct port *p);

static inline int port_setup(void **state)
{
	struct port *p = calloc(1, sizeof(*p));

	if (!p)
		return -1;
	memset(&irq, 0, sizeof(irq));
	p->chr.ops = &backend_ops;
	mmio_bus_init(&p->bus);
	*state = p;
	return make_uart(p);
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
