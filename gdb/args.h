/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is in a packet, taken from front to back. */
#ifndef GDB_ARGS_H
#define GDB_ARGS_H

#include "lkvm/util/util.h"

/* The rest of a packet. A 0 is behind it. */
struct gdb_args {
	const u8 *at, *end;
};

/* Numbers of threads in packets, beside those of threads. */
#define GDB_ANY_THREAD	0
#define GDB_ALL_THREADS -1

/* True, and it is taken, if that is what comes next. */
bool gdb_take_char(struct gdb_args *args, char c);
bool gdb_take_text(struct gdb_args *args, const char *text);

/* A hexadecimal number of up to 64 bits. False: there is none, or a larger. */
bool gdb_take_number(struct gdb_args *args, u64 *value);

/*
 * ADDRESS,LENGTH
 */
bool gdb_take_range(struct gdb_args *args, u64 *addr, u64 *len);

/*
 * The ID of a thread: GDB_ANY_THREAD, GDB_ALL_THREADS, or from 1 on. False for
 * what is none, and for an ID above `max`.
 */
bool gdb_take_thread(struct gdb_args *args, unsigned int max, int *id);

/* `len` bytes, two digits each. */
bool gdb_take_hex(struct gdb_args *args, u8 *buf, size_t len);

/* Bytes that are left. */
static inline size_t gdb_args_left(const struct gdb_args *args)
{
	return (size_t)(args->end - args->at);
}

#endif
