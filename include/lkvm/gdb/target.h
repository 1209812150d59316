/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a debugger debugs: a set of threads, which stop and go on together, with
 * registers, memory and breakpoints. The protocol (gdb/) knows no more than
 * this of a machine; the machine implements it, and a unit test has a fake.
 *
 * All is called on the thread of the event loop. None of it waits.
 */
#ifndef LKVM_GDB_TARGET_H
#define LKVM_GDB_TARGET_H

#include <sys/types.h>

#include "lkvm/util/util.h"

struct gdb_target;

/* Threads, and so vCPUs, that a debugger can deal with. */
#define GDB_MAX_THREADS 512

/* Bytes of the largest register. */
#define GDB_REGISTER_MAX 16

/* What a thread is to do next. */
enum gdb_action {
	GDB_STAY, /* stopped as it is */
	GDB_CONTINUE,
	GDB_STEP, /* one instruction */
};

/* Their numbers in packets Z and z (Remote Serial Protocol, "Packets"). */
enum gdb_break {
	GDB_BREAK_SOFTWARE,
	GDB_BREAK_HARDWARE,
	GDB_WATCH_WRITE,
	GDB_WATCH_READ,
	GDB_WATCH_ACCESS,
	GDB_BREAKS /* their number */
};

enum gdb_reason {
	GDB_REASON_ASKED, /* stop() was called, nothing else has happened */
	GDB_REASON_STEP,  /* the instruction has been carried out */
	GDB_REASON_BREAK, /* a breakpoint, of the type `type`... */
	GDB_REASON_WATCH, /* ...or a watchpoint, at `addr` */
};

struct gdb_stop {
	unsigned int thread; /* to which it has happened */
	enum gdb_reason reason;
	enum gdb_break type;
	u64 addr;
};

/* Threads have numbers from 0 on. Those that return int: 0 or -errno. */
struct gdb_target_ops {
	/* All threads are to stop, soon. */
	void (*stop)(struct gdb_target *target);
	/*
	 * Whether all threads are stopped, and then, in *stop, why: the first
	 * that has happened since they went on. What this op looks at changes
	 * on other threads, which wake the event loop: see gdb/server.h.
	 */
	bool (*stopped)(struct gdb_target *target, struct gdb_stop *stop);
	/* All of what follows: only while all threads are stopped. */
	/* Each thread does what is in `actions`, one for each of them. */
	int (*resume)(struct gdb_target *target,
		      const enum gdb_action *actions);
	/* Breakpoints are gone, and all threads go on. */
	void (*detach)(struct gdb_target *target);
	/*
	 * The same, as the debugger has gone without a word; threads that have
	 * never gone on do not, either.
	 */
	void (*lost)(struct gdb_target *target);
	/*
	 * A register, by its number in the target's description, little-endian
	 * with as many bytes as it has there. -ENOENT: this machine has none.
	 */
	int (*read_register)(struct gdb_target *target, unsigned int thread,
			     unsigned int reg, u8 *value);
	int (*write_register)(struct gdb_target *target, unsigned int thread,
			      unsigned int reg, const u8 *value);
	/*
	 * Memory as the thread would see it, without what breakpoints have
	 * written to it. A read ends where nothing is mapped: it returns the
	 * number of bytes, or -EFAULT if there is none.
	 */
	ssize_t (*read_memory)(struct gdb_target *target, unsigned int thread,
			       u64 addr, u8 *buf, size_t len);
	int (*write_memory)(struct gdb_target *target, unsigned int thread,
			    u64 addr, const u8 *buf, size_t len);
	/*
	 * A breakpoint, or a watchpoint of `len` bytes, at an address as the
	 * thread sees it. One that is there already is no error, nor is the
	 * removal of one that is not. -ENOTSUP: there are none of this type;
	 * -ENOSPC: all are in use; -EFAULT: it cannot be written to memory.
	 */
	int (*insert)(struct gdb_target *target, unsigned int thread,
		      enum gdb_break type, u64 addr, u64 len);
	int (*remove)(struct gdb_target *target, unsigned int thread,
		      enum gdb_break type, u64 addr, u64 len);
	/*
	 * Resets the machine, breakpoints are kept. It takes a while until
	 * stopped() is true again: then all threads are before their first
	 * instruction. -EPERM: it must not be.
	 */
	int (*reset)(struct gdb_target *target);
	/* Ends the machine; also while threads run. */
	void (*kill)(struct gdb_target *target);
	/* What a user is told of a thread, cut to `size` bytes with the 0. */
	void (*describe)(struct gdb_target *target, unsigned int thread,
			 char *buf, size_t size);
};

struct gdb_register {
	const char *name;
	unsigned int bits;
	const char *type;  /* of GDB's, or of the feature's */
	const char *group; /* of `info registers GROUP`; NULL: GDB chooses */
};

/* A part of the description; GDB knows some by their name. */
struct gdb_feature {
	const char *name;
	const char *types; /* XML that defines types; NULL: none */
	const struct gdb_register *registers;
	unsigned int nr_registers;
};

#define GDB_MAX_FEATURES 4

/* Embedded in what implements it. */
struct gdb_target {
	const struct gdb_target_ops *ops;
	unsigned int nr_threads;
	const char *architecture; /* as GDB calls it */
	/* Registers are numbered through all features. */
	const struct gdb_feature *features[GDB_MAX_FEATURES];
	unsigned int nr_features;
	/* The first so many of them are shown by default, packet g. */
	unsigned int nr_general;
};

/* The register of that number, or NULL. */
const struct gdb_register *gdb_target_register(const struct gdb_target *target,
					       unsigned int reg);

#endif
