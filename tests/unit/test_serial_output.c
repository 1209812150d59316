/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: hw/serial/uart16550.c hw/serial/pl011.c hw/serial/input.c */
/* SOURCES: hw/serial/output.c vmm/mmio_ring.c vmm/mmio.c vmm/fdt.c */
/* SOURCES: util/json.c util/log.c util/output.c */
/* WRAP: ioctl */
/*
 * Output of both UARTs that KVM takes without an exit: what comes out, in which
 * order, and what the guest sees of it, is as with a UART whose writes all
 * exit.
 */
#include <errno.h>
#include <linux/serial_reg.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "lkvm/hw/serial/pl011.h"
#include "lkvm/hw/serial/uart16550.h"
#include "lkvm/vmm/pause.h"
#include "lkvm/vmm/vm.h"
#include "timer_stub.h"

#define BASE_16550 0x1000000
#define BASE_PL011 0x9000000
#define ENOUGH	   8 /* characters that exit before KVM takes any */

/* PL011, DDI 0183. */
#define PL011_FR    0x18
#define PL011_CR    0x30
#define PL011_IMSC  0x38
#define PL011_TXIM  0x20
#define CR_LOOPBACK 0x380

struct port {
	struct chardev chr; /* first: see backend_write() */
	char out[20000];
	size_t nr_out;
	bool high;
};

static struct {
	struct vm vm;
	struct kvm_coalesced_mmio_ring *page;
	struct kvm_coalesced_mmio_zone zones[4];
	unsigned int nr_zones;
	bool refuses; /* KVM, all zones */
	struct port port[2];
	struct uart16550 *uart;
	struct pl011 *pl011;
	unsigned int exits;
	unsigned int kicks;
} t;

/* ---- What surrounds them ------------------------------------------------- */

int __wrap_ioctl(int fd, unsigned long request, ...);

int __wrap_ioctl(int fd, unsigned long request, ...)
{
	struct kvm_coalesced_mmio_zone *zone;
	va_list args;

	(void)fd;
	va_start(args, request);
	zone = va_arg(args, struct kvm_coalesced_mmio_zone *);
	va_end(args);
	if (request == KVM_UNREGISTER_COALESCED_MMIO) {
		for (unsigned int i = 0; i < t.nr_zones; i++)
			if (t.zones[i].addr == zone->addr)
				t.zones[i].size = 0;
		return 0;
	}
	assert_int_equal(request, KVM_REGISTER_COALESCED_MMIO);
	if (t.refuses) {
		errno = ENOSPC;
		return -1;
	}
	assert_true(t.nr_zones < ARRAY_SIZE(t.zones));
	t.zones[t.nr_zones++] = *zone;
	return 0;
}

void vm_request_exit(struct vm *vm, enum vm_exit reason)
{
	(void)vm;
	(void)reason;
	fail();
}

int memslot_unmap(struct memslot *slot)
{
	(void)slot;
	fail();
	return 0;
}

void vm_pause(struct vm *vm)
{
	(void)vm;
}

void vm_resume(struct vm *vm)
{
	(void)vm;
}

/* The vCPU leaves KVM_RUN. */
void vm_kick_any(struct vm *vm)
{
	t.kicks++;
	mmio_ring_flush(&vm->ring);
}

void irq_line_set(const struct irq_line *line, bool high)
{
	t.port[line->gsi].high = high;
}

static void backend_write(struct chardev *chr, const u8 *buf, size_t len)
{
	struct port *port = (struct port *)chr;

	/* It may block: nobody has to wait for that but who prints. */
	assert_int_equal(pthread_mutex_trylock(&t.vm.ring.lock), 0);
	pthread_mutex_unlock(&t.vm.ring.lock);
	assert_int_equal(pthread_mutex_trylock(&t.uart->lock), 0);
	pthread_mutex_unlock(&t.uart->lock);
	assert_true(port->nr_out + len < sizeof(port->out));
	memcpy(port->out + port->nr_out, buf, len);
	port->nr_out += len;
}

static void backend_accept(struct chardev *chr, size_t n)
{
	(void)chr;
	(void)n;
}

static const struct chardev_ops backend_ops = {
	.write = backend_write,
	.accept = backend_accept,
};

static unsigned int width(u64 addr)
{
	return addr < BASE_PL011 ? 1 : 4;
}

static bool in_zone(u64 addr)
{
	for (unsigned int i = 0; i < t.nr_zones; i++)
		if (addr - t.zones[i].addr < t.zones[i].size)
			return true;
	return false;
}

/* A guest's write: KVM takes it, or it exits. */
static void wr(u64 addr, u32 value)
{
	struct kvm_coalesced_mmio *entry =
		&t.page->coalesced_mmio[t.page->last];
	u32 next = (t.page->last + 1) % t.vm.ring.entries;

	if (next == t.page->first || !in_zone(addr)) {
		t.exits++;
		mmio_ring_flush(&t.vm.ring);
		mmio_bus_write(&t.vm.bus, addr, value, width(addr));
		return;
	}
	entry->phys_addr = addr;
	entry->len = width(addr);
	memcpy(entry->data, &value, sizeof(value));
	t.page->last = next;
}

static u32 rd(u64 addr)
{
	t.exits++;
	mmio_ring_flush(&t.vm.ring);
	return (u32)mmio_bus_read(&t.vm.bus, addr, width(addr));
}

/* Of the kvmtool machine's first. */
static void set(unsigned int reg, u32 value)
{
	wr(BASE_16550 + reg, value);
}

static u32 get(unsigned int reg)
{
	return rd(BASE_16550 + reg);
}

/* As a console does. */
static void polls(const char *s)
{
	for (; *s; s++) {
		while (!(get(UART_LSR) & UART_LSR_THRE))
			;
		set(UART_TX, (u8)*s);
	}
}

static void opens(void)
{
	for (int i = 0; i < ENOUGH; i++)
		polls("x");
	assert_true(t.vm.ring.open);
	assert_int_equal(t.port[0].nr_out, ENOUGH);
	t.port[0].nr_out = 0;
	t.exits = 0;
}

static void expect_output(unsigned int n, const char *s)
{
	struct port *port = &t.port[n];

	port->out[port->nr_out] = '\0';
	assert_string_equal(port->out, s);
}

static int setup(void **state)
{
	struct uart16550_params params = {
		.name = "uart0",
		.base = BASE_16550,
		.size = UART16550_NR_REGS,
		.irq = { .gsi = 0 },
		.clock = UART16550_CLOCK,
		.chr = &t.port[0].chr,
		.ring = &t.vm.ring,
	};
	struct pl011_params params_pl011 = {
		.name = "uart1",
		.base = BASE_PL011,
		.irq = { .gsi = 1 },
		.chr = &t.port[1].chr,
		.ring = &t.vm.ring,
	};

	(void)state;
	memset(&t, 0, sizeof(t));
	memset(&stub, 0, sizeof(stub));
	t.port[0].chr.ops = t.port[1].chr.ops = &backend_ops;
	t.page = calloc(1, SZ_4K);
	mmio_bus_init(&t.vm.bus);
	mmio_ring_init(&t.vm.ring, &t.vm);
	mmio_ring_set_page(&t.vm.ring, t.page, SZ_4K);
	if (uart16550_create(&params, &t.vm.bus, &t.uart))
		return -1;
	return pl011_create(&params_pl011, &t.vm.bus, &t.pl011);
}

static int teardown(void **state)
{
	(void)state;
	t.uart->dev.ops->destroy(&t.uart->dev);
	t.pl011->dev.ops->destroy(&t.pl011->dev);
	assert_true(STAILQ_EMPTY(&t.vm.ring.zones));
	assert_true(STAILQ_EMPTY(&t.vm.ring.deferred));
	mmio_ring_destroy(&t.vm.ring);
	mmio_bus_destroy(&t.vm.bus);
	free(t.page);
	return 0;
}

#define OUTPUT_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

/* ---- The tests ----------------------------------------------------------- */

static void polled_output_takes_one_exit(void **state)
{
	(void)state;
	opens();
	polls("hello");
	assert_int_equal(t.exits, 5);
	get(UART_LSR);
	expect_output(0, "hello");
	assert_int_equal(t.uart->output.absorbed, 5);
	assert_int_equal(t.uart->bytes_out, ENOUGH + 5);
}

/* As does a driver that fills the FIFO, or one that looks at nothing. */
static void fills_the_ring(void **state)
{
	char text[10001];

	(void)state;
	opens();
	for (size_t i = 0; i < sizeof(text) - 1; i++)
		text[i] = (char)('a' + i % 26);
	text[sizeof(text) - 1] = '\0';
	for (const char *s = text; *s; s++)
		set(UART_TX, (u8)*s);
	get(UART_LSR);
	expect_output(0, text);
	assert_in_range(t.exits, 2, 100);
}

static void batches_need_no_ring(void **state)
{
	(void)state;
	atomic_store(&t.uart->region.in_batches, 1);
	for (int i = 0; i < 2 * ENOUGH; i++)
		polls("x");
	assert_int_equal(t.nr_zones, 0);
	atomic_store(&t.uart->region.in_batches, 0);
	polls("x");
	assert_int_equal(t.nr_zones, 2);
}

/* The divisor has the transmit register's address, and is written in order. */
static void divisor(void **state)
{
	(void)state;
	opens();
	set(UART_TX, 'a');
	set(UART_TX, 'b');
	set(UART_LCR, UART_LCR_DLAB);
	set(UART_DLL, 12);
	set(UART_DLM, 34);
	assert_int_equal(get(UART_DLL), 12);
	assert_int_equal(get(UART_DLM), 34);
	set(UART_DLL, 1);
	set(UART_LCR, 3);
	set(UART_TX, 'c');
	set(UART_LCR, UART_LCR_DLAB);
	assert_int_equal(get(UART_DLL), 1);
	expect_output(0, "abc");
}

static void loopback(void **state)
{
	(void)state;
	opens();
	set(UART_TX, 'a');
	set(UART_MCR, UART_MCR_LOOP);
	set(UART_TX, 'b');
	assert_true(get(UART_LSR) & UART_LSR_DR);
	assert_int_equal(get(UART_RX), 'b');
	expect_output(0, "a");
}

/* The timer's two looks at what a guest left that exits no more. */
static void looks_twice(void)
{
	expire();
	expire();
}

static void last_byte_does_not_stay(void **state)
{
	(void)state;
	opens();
	polls("end");
	expect_output(0, "en");
	looks_twice();
	assert_int_equal(t.kicks, 1);
	expect_output(0, "end");
	/* Nobody has waited for an interrupt. */
	polls("more");
	assert_true(t.vm.ring.open);
	t.exits = 0;
	polls("x");
	assert_int_equal(t.exits, 1);
}

/*
 * A driver that waits for the interrupt without looking at any register gets
 * it, and has its writes exit from then on.
 */
static void waits_for_the_interrupt(void **state)
{
	unsigned int delays = 0;

	(void)state;
	opens();
	set(UART_IER, UART_IER_THRI);
	assert_false(t.port[0].high);
	looks_twice();
	assert_true(t.port[0].high);
	/* That was late only once. */
	assert_true(t.vm.ring.open);
	set(UART_IER, 0);
	set(UART_IER, UART_IER_THRI);
	assert_true(t.port[0].high);
	for (int i = 0; i < 4000; i++) {
		get(UART_IIR);
		assert_false(t.port[0].high);
		set(UART_TX, 'x');
		if (t.port[0].high)
			continue;
		delays++;
		looks_twice();
		assert_true(t.port[0].high);
	}
	assert_in_range(delays, 1, 20);
	t.port[0].nr_out = 0;
	/* And a console may still have it. */
	set(UART_IER, 0);
	for (int i = 0; i < 4096; i++)
		polls("x");
	t.exits = 0;
	polls("xxx");
	assert_int_equal(t.exits, 3);
	assert_false(t.uart->output.control.added);
}

/* Linux's handler reads IIR until there is nothing more. */
static void interrupts_with_a_look(void **state)
{
	(void)state;
	opens();
	set(UART_IER, UART_IER_THRI);
	for (int i = 0; i < 100; i++) {
		assert_int_equal(get(UART_IIR) & UART_IIR_ID, UART_IIR_THRI);
		for (int j = 0; j < 16; j++)
			set(UART_TX, 'x');
		expire();
	}
	assert_int_equal(t.exits, 100);
	assert_int_equal(t.kicks, 0);
}

static void reset(void **state)
{
	(void)state;
	opens();
	polls("a");
	mmio_ring_flush(&t.vm.ring);
	t.uart->dev.ops->reset(&t.uart->dev);
	expect_output(0, "a");
	polls("b");
	get(UART_LSR);
	expect_output(0, "ab");
	/* Idle by then. */
	while (stub.ns)
		expire();
	for (int i = 0; i < ENOUGH - 1; i++)
		polls("x");
	assert_false(t.vm.ring.open);
	polls("x");
	assert_true(t.vm.ring.open);
	assert_true(t.uart->output.control.added);
	/* Each start of the guest is another chance for that one. */
	set(UART_IER, UART_IER_THRI);
	looks_twice();
	assert_false(t.uart->output.control.added);
	polls("x");
	t.uart->dev.ops->reset(&t.uart->dev);
	while (stub.ns)
		expire();
	for (int i = 0; i < ENOUGH; i++)
		polls("x");
	assert_true(t.uart->output.control.added);
}

/* A port that nothing is connected to has the same registers. */
static void without_a_backend(void **state)
{
	(void)state;
	t.uart->chr = NULL;
	for (int i = 0; i < 2 * ENOUGH; i++)
		polls("x");
	assert_true(t.vm.ring.open);
	set(UART_IER, UART_IER_THRI);
	assert_int_equal(get(UART_IIR) & UART_IIR_ID, UART_IIR_THRI);
	assert_int_equal(t.uart->bytes_out, 0);
}

/* What both ports send keeps its order with the other's registers. */
static void pl011(void **state)
{
	(void)state;
	opens();
	for (int i = 0; i < ENOUGH; i++)
		wr(BASE_PL011, 'p');
	t.port[1].nr_out = 0;
	t.exits = 0;
	wr(BASE_PL011, 'a');
	set(UART_TX, '1');
	wr(BASE_PL011 + PL011_CR, CR_LOOPBACK);
	wr(BASE_PL011, 'b');
	wr(BASE_PL011 + PL011_CR, 0x300);
	wr(BASE_PL011, 'c');
	assert_int_equal(t.exits, 0);
	assert_int_equal(rd(BASE_PL011), 'b');
	expect_output(0, "1");
	expect_output(1, "ac");
	assert_int_equal(t.pl011->output.absorbed, 5);
	/* The interrupt's mask exits. */
	wr(BASE_PL011 + PL011_IMSC, PL011_TXIM);
	assert_int_equal(t.exits, 2);
	assert_true(t.port[1].high);
	wr(BASE_PL011, 'd');
	looks_twice();
	expect_output(1, "acd");
	assert_false(t.vm.ring.open);
	/* Twice as many as before have to exit until it is open again. */
	for (int i = 0; i < 2 * ENOUGH - 1; i++)
		wr(BASE_PL011, 'e');
	assert_false(t.vm.ring.open);
	wr(BASE_PL011, 'f');
	assert_true(t.vm.ring.open);
}

/* Who does not use the interrupt has not waited for it. */
static void pl011_without_interrupts(void **state)
{
	(void)state;
	for (int i = 0; i < ENOUGH; i++)
		wr(BASE_PL011, 'p');
	assert_true(t.vm.ring.open);
	wr(BASE_PL011, 'd');
	looks_twice();
	assert_true(t.vm.ring.open);
}

/* By who has the lock of the flash, and no time for a backend. */
static void drained(void)
{
	pthread_mutex_lock(&t.vm.ring.lock);
	mmio_ring_drain(&t.vm.ring);
	pthread_mutex_unlock(&t.vm.ring.lock);
}

/* More than a piece is sent in order; there is an end to what is kept. */
static void drained_by_others(void **state)
{
	char text[SERIAL_OUTPUT_MAX + 201];

	(void)state;
	opens();
	for (size_t i = 0; i < sizeof(text); i++) {
		text[i] = (char)('a' + i % 26);
		set(UART_TX, (u8)text[i]);
		if (i % 100 == 99)
			drained();
	}
	assert_int_equal(t.exits, 0);
	assert_int_equal(t.port[0].nr_out, 0);
	drained();
	mmio_ring_flush(&t.vm.ring);
	text[SERIAL_OUTPUT_MAX] = '\0';
	expect_output(0, text);

	set(UART_TX, 'x');
	drained();
	t.uart->dev.ops->reset(&t.uart->dev);
	mmio_ring_flush(&t.vm.ring);
	expect_output(0, text);
}

static void kvm_takes_no_zone(void **state)
{
	(void)state;
	t.refuses = true;
	for (int i = 0; i < ENOUGH; i++)
		polls("x");
	t.refuses = false;
	for (int i = 0; i < ENOUGH; i++)
		polls("x");
	assert_int_equal(t.nr_zones, 0);
	assert_int_equal(t.port[0].nr_out, 2 * ENOUGH);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		OUTPUT_TEST(polled_output_takes_one_exit),
		OUTPUT_TEST(fills_the_ring),
		OUTPUT_TEST(batches_need_no_ring),
		OUTPUT_TEST(divisor),
		OUTPUT_TEST(loopback),
		OUTPUT_TEST(last_byte_does_not_stay),
		OUTPUT_TEST(waits_for_the_interrupt),
		OUTPUT_TEST(interrupts_with_a_look),
		OUTPUT_TEST(reset),
		OUTPUT_TEST(without_a_backend),
		OUTPUT_TEST(pl011),
		OUTPUT_TEST(pl011_without_interrupts),
		OUTPUT_TEST(drained_by_others),
		OUTPUT_TEST(kvm_takes_no_zone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
