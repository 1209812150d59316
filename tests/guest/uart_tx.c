/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Output by each kind of driver there is, after so much of it by polling that
 * KVM takes what can be taken: n=N (2000) characters by polling, lines by
 * interrupts alone (lines=N, 50), and bytes looped back on one processor while
 * another one looks (rounds=N, 500; two processors). With spin=1 it then leaves
 * the last characters where they are and does nothing any more.
 */
#include "gic.h"
#include "guest.h"
#include "io.h"

#define CONSOLE_16550 UART_BASE(0)
#define OTHER_16550   UART_BASE(1)
#define PL011	      0x09000000UL

#define THR 0
#define IER 1
#define IIR 2
#define MCR 4
#define LSR 5

#define IER_THRI 0x02
#define MCR_LOOP 0x10
#define LSR_DR	 0x01

#define FR   0x18
#define CR   0x30
#define IMSC 0x38
#define ICR  0x44

#define FR_RXFE	 0x10
#define CR_USUAL 0x301
#define CR_LOOP	 0x381
#define INT_TX	 0x20

#define FIFO	    16
#define PATIENCE_MS 20000

static void polled(u64 n)
{
	for (u64 i = 0; i < n; i++)
		print_char(i % 64 == 63 ? '\n' : (char)('0' + i % 64));
	print_char('\n');
}

/* ---- By interrupts ------------------------------------------------------- */

static bool is_pending(void)
{
	u64 isr;

	asm volatile("mrs %0, isr_el1" : "=r"(isr)::"memory");
	return isr & 0x80;
}

/* With interrupts masked: what is pending ends the instruction all the same. */
static void wait_for_interrupt(void)
{
	while (!is_pending())
		asm volatile("wfi" ::: "memory");
}

static void enable_interrupt(bool on)
{
	if (on_virt())
		write32(PL011 + IMSC, on ? INT_TX : 0);
	else
		write8(CONSOLE_16550 + IER, on ? IER_THRI : 0);
}

/* Takes the interrupt back, and then looks at nothing any more. */
static void clear_interrupt(void)
{
	if (on_virt())
		write32(PL011 + ICR, INT_TX);
	else
		read8(CONSOLE_16550 + IIR);
}

static void by_interrupts(u64 lines)
{
	struct gic gic;

	if (!gic_find(&gic))
		return;
	gic_enable(&gic);
	gic_enable_irq(&gic, on_virt() ? 33 : 32);
	enable_interrupt(true);
	for (u64 i = 0; i < lines; i++) {
		wait_for_interrupt();
		clear_interrupt();
		for (u64 n = 0; n < FIFO; n++)
			write8(on_virt() ? PL011 : CONSOLE_16550,
			       n == FIFO - 1 ? '\n' : (u8)('a' + i % 26));
	}
	wait_for_interrupt();
	enable_interrupt(false);
}

/* ---- Seen by another processor ------------------------------------------- */

static u64 sent, seen, lost;

static void loop_back(bool on)
{
	if (on_virt())
		write32(PL011 + CR, on ? CR_LOOP : CR_USUAL);
	else
		write8(OTHER_16550 + MCR, on ? MCR_LOOP : 0);
}

static void send_looped(u8 byte)
{
	write8(on_virt() ? PL011 : OTHER_16550 + THR, byte);
}

static bool received(u8 byte)
{
	if (on_virt())
		return !(read32(PL011 + FR) & FR_RXFE) &&
		       (u8)read32(PL011) == byte;
	return read8(OTHER_16550 + LSR) & LSR_DR &&
	       read8(OTHER_16550 + THR) == byte;
}

static void watch(void *arg)
{
	u64 rounds = *(u64 *)arg;

	for (u64 i = 1; i <= rounds; i++) {
		while (__atomic_load_n(&sent, __ATOMIC_ACQUIRE) < i)
			;
		lost += !received((u8)i);
		__atomic_store_n(&seen, i, __ATOMIC_RELEASE);
	}
}

static void by_two(u64 rounds)
{
	u64 mpidr;

	if (!fdt_cpu(1, &mpidr))
		return;
	/* Nothing is connected to that one. */
	for (int i = 0; i < 64 && !on_virt(); i++)
		send_looped('x');
	loop_back(true);
	cpu_start(1, mpidr, watch, &rounds);
	for (u64 i = 1; i <= rounds; i++) {
		send_looped((u8)i);
		/* Device and normal memory. */
		asm volatile("dsb sy" ::: "memory");
		__atomic_store_n(&sent, i, __ATOMIC_RELEASE);
		while (__atomic_load_n(&seen, __ATOMIC_ACQUIRE) < i)
			;
	}
	loop_back(false);
	check(cpu_join(1, PATIENCE_MS), "the other processor is through");
	check_eq(lost, 0, "bytes it did not see");
}

void main(void)
{
	polled(param("n", 2000));
	if (param("spin", 0))
		for (;;)
			asm volatile("" ::: "memory");
	by_interrupts(param("lines", 50));
	by_two(param("rounds", 500));
	check(true, "all was sent");
}
