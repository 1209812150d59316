/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What code.S has, and instructions that are written as data. */
#ifndef GUEST_CODE_H
#define GUEST_CODE_H

#include "guest.h"
#include "mmu.h"

#define RET	      0xd65f03c0U
#define MOV_W0(imm16) (0x52800000U | (u32)(imm16) << 5)

/* A byte that can be written and read, of a device: UART 1's SCR. */
#define SCRATCH (UART_BASE(1) + 7)

u64 sum_mmu_off(u64 addr, u64 words);

/* mov w0, #1; ret */
extern u32 stub[2];

/* See code.S. */
#define SLOT_REGS  27
#define SLOT_STATE 30
void run_slot(u64 *state, const void *code);

/* What the function at `at` returns, as this processor fetches it now. */
static inline u64 call_at(u64 at)
{
	u64 (*fn)(void);

	icache_invalidate();
	asm("" : "=r"(fn) : "0"(at));
	return fn();
}

#endif
