/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a bare-metal test program runs on: console, checks, processors and
 * the faults they take. A program defines main(); when that returns, the
 * result is printed and the machine is turned off.
 *
 * Memory is identity mapped: RAM as Normal write-back, all else as Device
 * (see mmu.h). Addresses are those of the kvmtool machine where nothing else
 * is said.
 */
#ifndef GUEST_H
#define GUEST_H

#include "lkvm/util/util.h"

#define UART_BASE(n) (0x01000000UL + (n)*0x1000UL)
#define RTC_BASE     0x01010000UL
#define HOLE_BASE    0x00800000UL /* no device is here */

#define MAX_CPUS 16

/* The program itself; it runs on the boot processor. */
void main(void);

/* The first address of RAM. */
u64 ram_base(void);

/* Whether this is not the kvmtool machine but virt. */
bool on_virt(void);

/* ---- console.c ---- */

void print_char(char c);

/* Waits for a byte. */
u8 read_char(void);

/* Understands %s %c %u %x (with 0 and a width) and l for 64 bits. */
void print(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/*
 * One line a check: `ok NAME`, or `not ok NAME: ...`. NAME is `fmt` as by
 * print(). Only one processor at a time may check. They return the result.
 */
bool check(bool good, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
bool check_eq(u64 got, u64 want, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Something for the result, beside the checks: a line `note FMT`. */
void note(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Prints a dot: lkvm's limit on silence starts again. */
void alive(void);

/* True while no check has failed. */
bool checks_good(void);

/* Prints `DONE passed=N failed=M` and turns the machine off. */
void done(void) __attribute__((noreturn));

/* ---- fault.c ---- */

/* Syndrome, ESR_EL1: exception class and data fault status (ARM DDI 0487). */
#define ESR_EC(esr)   ((u32)((esr) >> 26) & 0x3f)
#define ESR_FSC(esr)  ((u32)(esr)&0x3f)
#define EC_IABT_CUR   0x21
#define EC_DABT_CUR   0x25
#define FSC_EXTERNAL  0x10
#define FSC_ALIGNMENT 0x21
#define VECTOR_SYNC   4 /* current EL with SP_ELx */
#define VECTOR_IRQ    5

/* The aborts a processor took since fault_expect(); the last one's details. */
struct fault {
	u64 count;
	u32 esr;
	u64 far;
	u64 elr;
};

/*
 * From here on to fault_end(), a synchronous exception on this processor is
 * noted and its instruction skipped (a failed fetch returns to the caller).
 * Elsewhere one ends the program as failed.
 */
void fault_expect(void);

/* Ends that; the faults since then, valid until the next fault_expect(). */
const struct fault *fault_end(void);

/* True if `fault` is one synchronous external abort of a data access at `addr`.
 */
bool fault_is_external(const struct fault *fault, u64 addr);

/* Called for every interrupt, with interrupts masked. NULL: none expected. */
void irq_set_handler(void (*handler)(void));

/* ---- cpu.c ---- */

struct cpu {
	u64 stack; /* its top; start.S relies on its being the first field */
	u64 mpidr;
	void (*run)(void *arg);
	void *arg;
	bool finished; /* run() has returned; the processor sleeps */
	bool expecting;
	struct fault fault;
};

/* The processor this runs on. */
struct cpu *this_cpu(void);

/* The affinity fields of this processor's MPIDR_EL1. */
u64 cpu_mpidr(void);

/*
 * Starts the processor `mpidr` with run(arg) on its own stack, with the MMU
 * on. `slot` is 1 to MAX_CPUS - 1 and names its struct cpu. Returns what
 * PSCI CPU_ON returns.
 */
long cpu_start(unsigned int slot, u64 mpidr, void (*run)(void *arg), void *arg);

/* True once the processor of `slot` is through, false after `ms`. */
bool cpu_join(unsigned int slot, u64 ms);

/*
 * PSCI SYSTEM_SUSPEND; this processor goes on with run(arg) as that of `slot`.
 * Returns only what PSCI returns.
 */
long system_suspend(unsigned int slot, void (*run)(void *arg), void *arg);

/* Turns this processor off; returns only if PSCI refuses. */
void cpu_off(void);

/* The virtual counter, and what it will be in `ms` milliseconds. */
u64 time_now(void);
u64 time_after(u64 ms);

#define PSCI_VERSION	    0x84000000
#define PSCI_CPU_OFF	    0x84000002
#define PSCI_CPU_ON	    0xc4000003
#define PSCI_AFFINITY_INFO  0xc4000004
#define PSCI_SYSTEM_OFF	    0x84000008
#define PSCI_SYSTEM_RESET   0x84000009
#define PSCI_FEATURES	    0x8400000a
#define PSCI_SYSTEM_SUSPEND 0xc400000e

#define PSCI_SUCCESS	    0
#define PSCI_NOT_SUPPORTED  (-1L)
#define PSCI_INVALID_PARAMS (-2L)
#define PSCI_DENIED	    (-3L)
#define PSCI_ALREADY_ON	    (-4L)

/* A PSCI call by HVC (ARM DEN 0022). */
long psci(u32 function, u64 a1, u64 a2, u64 a3);

/* ---- fdt.c ---- */

/* Called once, by start-up. */
void fdt_init(const void *dtb);

/* The node after `node`, NULL: the root; NULL after the last one. */
const void *fdt_next(const void *node);
const char *fdt_name(const void *node);

/* The property's value and, unless `len` is NULL, its length; or NULL. */
const void *fdt_prop(const void *node, const char *name, u32 *len);

/* The `nr`-th node, from 0, that claims to be compatible; or NULL. */
const void *fdt_compatible(const char *compatible, unsigned int nr);

/* The MPIDR of the `nr`-th processor, from 0; false if there is none. */
bool fdt_cpu(unsigned int nr, u64 *mpidr);

/* Big-endian cells at p. */
u32 fdt_u32(const void *p);
u64 fdt_u64(const void *p);

/* The number in `name=NUMBER` on the command line, else `otherwise`. */
u64 param(const char *name, u64 otherwise);

/* ---- string.c ---- */

bool str_eq(const char *a, const char *b);
bool str_starts(const char *s, const char *prefix);
void *memset(void *to, int byte, size_t len);
void *memcpy(void *to, const void *from, size_t len);

#endif
