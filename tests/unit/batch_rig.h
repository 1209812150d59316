/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * For tests of arm/batch.c: a vCPU whose registers, page tables, code and
 * device are all here.
 */
#ifndef BATCH_RIG_H
#define BATCH_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "arm/batch.h"
#include "arm/cpu.h"
#include "arm/machine.h"

#define RAM	 0x80000000ULL
#define RAM_SIZE SZ_64K
#define DEVICE	 0x02000000ULL
#define ELSE	 0x03000000ULL /* where no region is */
#define CODE	 (RAM + 0x8000)
#define DATA	 (RAM + 0x9000)
#define TABLES	 (RAM + 0xa000)
#define WORDS	 512

#define EL1H  5ULL
#define FLAGS 0x60000000ULL

/* Assembled; x0 is the device, x1 memory, x2 a count. */
#define COPY_LOOP                                    \
	0xb8404423,	    /* ldr w3, [x1], #4 */   \
		0xb8004403, /* str w3, [x0], #4 */   \
		0xf1000442, /* subs x2, x2, #1 */    \
		0x54ffffa1, /* b.ne, to the first */ \
		0xd4200000  /* brk #0, which is not emulated */
#define LDR_W4_X0_4 0xb9400404
#define LDR_W3_X0   0xb9400003
#define STR_W3_X0   0xb9000003
#define ADD_X5	    0x910004a5 /* add x5, x5, #1 */
#define BRK	    0xd4200000

/* As of a server; between accesses 300 instructions may pass. */
#define EXIT_NS 2400
#define INSN_NS 8

struct batch_rig {
	struct vm_config config;
	struct machine machine;
	struct vm vm;
	struct vcpu vcpu;
	struct kvm_run run;
	struct mmio_region region;
	u64 regs[CPU_REGS];
	bool no_tcr2;		    /* this CPU has none */
	unsigned int got[CPU_REGS]; /* how often they were read... */
	unsigned int put[CPU_REGS]; /* ...and written */
	u8 *ram;
	u64 written[WORDS];
	u64 offsets[WORDS];
	unsigned int writes, reads, flushes;
	unsigned int completions;
	bool no_completion; /* KVM_RUN does not behave */
	u64 completed_at;   /* where it leaves the vCPU; 0: where it should */
	bool kicked;	    /* while KVM_RUN is at it */
	unsigned int at;    /* access at which `then` is called */
	void (*then)(void);
	int put_error;
	u64 unreadable; /* registers, by their bits */
	int costs_error;
	unsigned int measured; /* costs, how often */
};

extern struct batch_rig t;

/* The guest's page tables: [3] leads to RAM, of which [4] has the pages. */
u64 *table(unsigned int n);

/* Code at CODE. */
void set_code(const u32 *words, size_t n);

#define SET_CODE(...)                                       \
	do {                                                \
		static const u32 words[] = { __VA_ARGS__ }; \
		set_code(words, ARRAY_SIZE(words));         \
	} while (0)

/* As they are when the device has just been accessed; none has been read. */
void set_registers(void);

int set_up(void **state);
int tear_down(void **state);

/* `n` words have been copied to the device by COPY_LOOP. */
void expect_copied(unsigned int n);

/* Nothing is carried out; KVM is asked to complete the exit or not. */
void expect_nothing(unsigned int completions);

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

#endif
