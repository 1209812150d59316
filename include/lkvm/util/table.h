/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Rows of text, aligned in columns. For one thread at a time. */
#ifndef LKVM_UTIL_TABLE_H
#define LKVM_UTIL_TABLE_H

#include <stdio.h>

#include "lkvm/util/util.h"

/* Wider cells push the rest of their line to the right. */
#define TABLE_MAX_WIDTH 40

/* Zero-initialise all but `columns` and `right`. */
struct table {
	size_t columns;
	u32 right;    /* bit n: column n is aligned to the right */
	char **cells; /* `count` of them, row by row */
	size_t count;
	size_t room; /* cells that there is memory for */
	bool failed; /* there was no memory for a cell */
};

/*
 * Adds a cell, which is UTF-8 and from now on the table's to free. NULL stands
 * for one that there was no memory for.
 */
void table_add(struct table *table, char *cell);

/*
 * Prints complete rows, two spaces between columns and none at lines' ends.
 * Returns 0, or -ENOMEM and prints nothing if a cell is missing.
 */
int table_print(const struct table *table, FILE *out);

/* Frees all cells and empties the table. */
void table_free(struct table *table);

#endif
