/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Console and checks of a test program. Output goes byte by byte to the first
 * UART: a 16550 on the kvmtool machine, a PL011 on virt, both used by polling,
 * without interrupts. Format of the lines: arm/selftest/judge.c and tests/ read
 * them.
 *
 * There is no lock: one processor prints at a time. Integers only, as the
 * programs are built without floating point.
 */
#include <stdarg.h>

#include "guest.h"
#include "io.h"

/* 16550: data and line status register (LSR: data ready, transmitter empty). */
#define UART_DATA     (UART_BASE(0) + 0)
#define UART_LSR      (UART_BASE(0) + 5)
#define UART_LSR_DR   0x01
#define UART_LSR_THRE 0x20

/* PL011 (ARM DDI 0183): data and flag register; FIFO empty and full. */
#define PL011_DR      0x09000000UL
#define PL011_FR      (PL011_DR + 0x18)
#define PL011_FR_RXFE 0x10
#define PL011_FR_TXFF 0x20

/* Counted by check(). */
static unsigned int passed, failed;

/* True if the transmitter takes another byte. */
static bool can_print(void)
{
	return on_virt() ? !(read32(PL011_FR) & PL011_FR_TXFF)
			 : read8(UART_LSR) & UART_LSR_THRE;
}

void print_char(char c)
{
	while (!can_print())
		;
	write8(on_virt() ? PL011_DR : UART_DATA, (u8)c);
}

static bool can_read(void)
{
	return on_virt() ? !(read32(PL011_FR) & PL011_FR_RXFE)
			 : read8(UART_LSR) & UART_LSR_DR;
}

u8 read_char(void)
{
	while (!can_read())
		;
	return read8(on_virt() ? PL011_DR : UART_DATA);
}

static void print_string(const char *s)
{
	while (*s)
		print_char(*s++);
}

/* At least `width` digits, filled up on the left with `pad`. */
static void print_number(u64 value, unsigned int base, unsigned int width,
			 char pad)
{
	char digits[20];
	unsigned int n = 0;

	do {
		digits[n++] = "0123456789abcdef"[value % base];
		value /= base;
	} while (value);
	for (unsigned int i = n; i < width; i++)
		print_char(pad);
	while (n)
		print_char(digits[--n]);
}

/* va_list is passed by address, as its type may be an array. */
static void print_list(const char *fmt, va_list *args)
{
	for (; *fmt; fmt++) {
		unsigned int width = 0;
		bool is_long = false;
		char pad = ' ';

		if (*fmt != '%') {
			print_char(*fmt);
			continue;
		}
		if (*++fmt == '0')
			pad = *fmt++;
		for (; *fmt >= '0' && *fmt <= '9'; fmt++)
			width = width * 10 + (unsigned int)(*fmt - '0');
		for (; *fmt == 'l'; fmt++)
			is_long = true;
		if (*fmt == 's')
			print_string(va_arg(*args, const char *));
		else if (*fmt == 'c')
			print_char((char)va_arg(*args, int));
		else if (*fmt == 'u' || *fmt == 'x')
			print_number(is_long ? va_arg(*args, u64)
					     : va_arg(*args, u32),
				     *fmt == 'x' ? 16 : 10, width, pad);
		else
			print_char(*fmt);
	}
}

void print(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	print_list(fmt, &args);
	va_end(args);
}

static void print_result(bool good, const char *fmt, va_list *args)
{
	if (good)
		passed++;
	else
		failed++;
	print_string(good ? "ok " : "not ok ");
	print_list(fmt, args);
}

bool check(bool good, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	print_result(good, fmt, &args);
	va_end(args);
	print_char('\n');
	return good;
}

/* Prints both values if they differ, in hexadecimal. */
bool check_eq(u64 got, u64 want, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	print_result(got == want, fmt, &args);
	va_end(args);
	if (got != want)
		print(": got 0x%lx want 0x%lx", got, want);
	print_char('\n');
	return got == want;
}

void note(const char *fmt, ...)
{
	va_list args;

	print_string("note ");
	va_start(args, fmt);
	print_list(fmt, &args);
	va_end(args);
	print_char('\n');
}

/* A dot without a newline: judge.c skips leading dots. */
void alive(void)
{
	print_char('.');
}

bool checks_good(void)
{
	return !failed;
}

/* Does not return; loops if the host refuses SYSTEM_OFF. */
void done(void)
{
	print("DONE passed=%u failed=%u\n", passed, failed);
	psci(PSCI_SYSTEM_OFF, 0, 0, 0);
	for (;;)
		;
}
