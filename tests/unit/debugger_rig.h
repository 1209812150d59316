/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * For tests of a machine as a debugger's target: fake vCPUs with registers,
 * RAM and flash, a fake server, and what a debugger asks for.
 */
#ifndef DEBUGGER_RIG_H
#define DEBUGGER_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "arm/cpu.h"
#include "arm/debugger.h"
#include "arm/machine.h"
#include "lkvm/gdb/aarch64.h"

#define NR_VCPUS  3
#define BASE	  0x80000000ULL
#define FLASH	  0x0ULL
#define NOP	  0xd503201fU
#define BRK	  0xd4200000U
#define SVC	  0xd4000001U
#define ISB	  0xd5033fdfU
#define READ_DAIF 0xd53b4220U
#define SET_DAIF  0xd50342dfU

/* ESR_EL2.EC */
#define EC(n)	((u32)(n) << 26)
#define STEP	EC(0x32)
#define BREAK	EC(0x30)
#define WATCH	EC(0x34)
#define BKPT_32 EC(0x38)
#define TRAP	(EC(0x3c) | 0x2000800)

#define EL1H 0x5
#define DAIF 0x3c0
#define I_F  0xc0
#define VBAR 0x80000800ULL

struct debugger_rig {
	struct vm_config config;
	struct machine machine;
	struct vcpu vcpus[NR_VCPUS];
	struct vcpu *list[NR_VCPUS];
	u64 regs[NR_VCPUS][GDB_AARCH64_REGISTERS];
	u64 cpu[NR_VCPUS][CPU_REGS];
	u32 ram[8192];
	u32 flash[1024];
	struct mmio_region region, *regions[1];
	struct memslot slot;
	struct gdb_target *target;
	unsigned int wakes, completes, ends, destroyed, fatals;
	unsigned int failing; /* one more than the vCPU of that kind, or 0 */
	unsigned int failing_access; /* of registers, from now on, or 0 */
	int listen_error;
	enum vm_exit end;
	bool forbidden, no_debug, steps[NR_VCPUS];
	u32 syndrome;
	u64 far, completed_pc;
	void (*looked)(void); /* called once, when it is asked who is held */
	struct gdb_stop stop;
};

extern struct debugger_rig t;

int set_up(void **state);
int tear_down(void **state);

/* Opens and serves it. */
void start(void);

/* Those that are asked to are held, on their threads. */
void let_hold(void);

/* Whether all are, with t.stop. */
bool stopped(void);

/* Stops all, as a debugger does that comes. */
void attach(void);

void resume(enum gdb_action a, enum gdb_action b, enum gdb_action c);
void go(void);

/* The vCPU exits; returns what its exit comes to. */
int exits(unsigned int i, u32 syndrome);

/* All stop, for this. */
void expect_stop(unsigned int i, enum gdb_reason reason, enum gdb_break type);

int insert(enum gdb_break type, u64 addr, u64 len);

/* As vCPU 1 sees it. */
ssize_t read_memory(u64 addr, void *buf, size_t len);
int write_memory(u64 addr, const void *buf, size_t len);

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

#endif
