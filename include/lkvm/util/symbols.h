/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A program's symbols, from text as nm(1) prints it: a kernel's System.map, or
 * /proc/kallsyms. Each line has an address, a letter for the type, and a name.
 */
#ifndef LKVM_UTIL_SYMBOLS_H
#define LKVM_UTIL_SYMBOLS_H

#include "lkvm/util/util.h"

struct symbol {
	u64 address;
	const char *name; /* in struct symbols */
};

struct symbols {
	char *text;
	struct symbol *items; /* by address, and else in the file's order */
	size_t count;
};

/*
 * Reads them from the file; *line is where -EBADMSG is about. Without an
 * address, absolute ones and marks of a linker are left out. Returns 0; the
 * error of file_read_all(); -EBADMSG for a line that is none; -ENOMSG if there
 * is no symbol; or -ENOMEM. Prints nothing.
 */
int symbols_read(struct symbols *symbols, const char *path, size_t *line);
void symbols_free(struct symbols *symbols);

/*
 * The symbol that `address` belongs to: the last one that is not above it. NULL
 * before the first and behind the last, which has no end.
 */
const struct symbol *symbols_find(const struct symbols *symbols, u64 address);

/* The symbol of that name, or NULL. */
const struct symbol *symbols_by_name(const struct symbols *symbols,
				     const char *name);

#endif
