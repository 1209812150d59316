/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A small machine for the A64 interpreter: two pages of each, at these. */
#ifndef A64_FIXTURE_H
#define A64_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "lkvm/arm/a64/a64.h"

#define CODE	  0x0000000000010000ULL
#define HIGH_CODE 0xffff000000000000ULL /* a page, the same as CODE's first */
#define MEM	  0xffff000000020000ULL
#define DEV	  0x0000000000030000ULL
#define SIZE	  0x2000ULL
#define UNTOUCHD  0xfedcba9876543210ULL /* X0 before each instruction */

#define NOP 0xd503201f
#define UDF 0 /* stops */

struct a64_rig {
	struct a64_cpu cpu;
	u32 code[SIZE / 4];
	_Alignas(16) u8 mem[SIZE];
	u64 x[32];	      /* what load() has */
	u64 loaded;	      /* and has been asked for */
	bool no_load;	      /* it cannot */
	bool read_only;	      /* the memory */
	unsigned int fetches; /* calls of code() */
	unsigned int rams;    /* and of ram() */
	struct {
		unsigned int calls;
		u64 va;
		unsigned int len;
		bool write;
		u64 value; /* written; or to be read */
		int error; /* to be returned */
		u64 left;  /* what it sets that to, if not 0... */
		bool stop; /* ...and if it is to be 0 */
	} dev;
};

extern struct a64_rig rig;

/* All as new: X0 is UNTOUCHD, each Xn n * 0x0101, the code NOPs. */
void rig_reset(void);

/* `word` at the start of the code, and X1 to X3. */
void rig_set(u32 word, u64 x1, u64 x2, u64 x3);

/* The registers, but for the flags and PC, have to be asked for. */
void rig_forget(void);

/* Carries out up to one instruction. True if there was one, all in order. */
bool rig_step(void);

/* The same has to stop and to change nothing. */
void rig_refuses(const char *what);

#endif
