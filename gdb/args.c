/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Parsing of what packets contain. Each function takes something, or leaves the
 * arguments in a state that is no longer of use: its caller answers that the
 * packet is wrong.
 *
 * Used by the commands of this folder on the event loop's thread. What a packet
 * contains is a stranger's as far as these functions go: each of them checks
 * what is left before it reads, and none allocates anything.
 */
#include <string.h>

#include "args.h"
#include "lkvm/util/parse.h"

bool gdb_take_char(struct gdb_args *args, char c)
{
	if (args->at == args->end || *args->at != (u8)c)
		return false;
	args->at++;
	return true;
}

bool gdb_take_text(struct gdb_args *args, const char *text)
{
	size_t len = strlen(text);

	if (gdb_args_left(args) < len || memcmp(args->at, text, len) != 0)
		return false;
	args->at += len;
	return true;
}

/*
 * A number of more than 64 bits is an error and not cut: an address would
 * otherwise be another one.
 */
bool gdb_take_number(struct gdb_args *args, u64 *value)
{
	const u8 *begin = args->at;

	*value = 0;
	while (args->at < args->end && digit_value((char)*args->at) < 16) {
		if (*value >> 60)
			return false;
		*value = *value << 4 | digit_value((char)*args->at++);
	}
	return args->at > begin;
}

bool gdb_take_range(struct gdb_args *args, u64 *addr, u64 *len)
{
	return gdb_take_number(args, addr) && gdb_take_char(args, ',') &&
	       gdb_take_number(args, len);
}

bool gdb_take_thread(struct gdb_args *args, unsigned int max, int *id)
{
	u64 value;

	if (gdb_take_text(args, "-1")) {
		*id = GDB_ALL_THREADS;
		return true;
	}
	if (!gdb_take_number(args, &value) || value > max)
		return false;
	*id = (int)value;
	return true;
}

bool gdb_take_hex(struct gdb_args *args, u8 *buf, size_t len)
{
	if (gdb_args_left(args) / 2 < len)
		return false;
	for (size_t i = 0; i < len; i++) {
		unsigned int high = digit_value((char)args->at[0]);
		unsigned int low = digit_value((char)args->at[1]);

		if (high > 15 || low > 15)
			return false;
		buf[i] = (u8)(high << 4 | low);
		args->at += 2;
	}
	return true;
}
