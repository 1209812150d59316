/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A target in place of a machine, for tests of the debugger's protocol: threads
 * that stop when the test says so, 4 KiB of memory, and a record of what was
 * asked of it.
 */
#ifndef TESTS_GDB_RIG_H
#define TESTS_GDB_RIG_H

#include "lkvm/gdb/target.h"

#define RIG_THREADS 3
#define RIG_MEMORY  0x10000 /* where its memory begins */

struct gdb_rig {
	struct gdb_target target;
	/* It is stopped, and why; a test may set these at any time. */
	bool stopped;
	struct gdb_stop stop;
	bool stops_at_once; /* when it is asked to */
	unsigned int stops, resumes, detaches, losses, kills, resets;
	enum gdb_action actions[RIG_THREADS];
	unsigned int thread; /* of the last register or memory access */
	u8 registers[RIG_THREADS][128][GDB_REGISTER_MAX];
	u8 memory[SZ_4K];
	/* The last change of a breakpoint. */
	bool inserted;
	enum gdb_break type;
	u64 addr, len;
	int error; /* what those and others return */
};

void gdb_rig_init(struct gdb_rig *rig);

#endif
