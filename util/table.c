/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Columns of text for `lkvm flash vars` and `diff`. Cells are collected first,
 * since a column is as wide as its widest cell. Width is counted in characters
 * of UTF-8; double-width and combining characters are not considered, they only
 * shift the rest of their line. One thread.
 */
#include <errno.h>
#include <stdlib.h>

#include "lkvm/util/table.h"

#define MAX_COLUMNS 16 /* of any table of this program */

/* Takes ownership also where it fails; failure is reported by table_print(). */
void table_add(struct table *table, char *cell)
{
	size_t room = table->room ? table->room * 2 : 64;
	char **cells;

	if (table->count == table->room) {
		cells = reallocarray(table->cells, room, sizeof(*cells));
		if (!cells) {
			table->failed = true;
			free(cell);
			return;
		}
		table->cells = cells;
		table->room = room;
	}
	table->cells[table->count++] = cell;
	table->failed |= !cell;
}

/* Characters of UTF-8: bytes that do not continue another one. */
static size_t width(const char *s)
{
	size_t n = 0;

	for (; *s; s++)
		n += (*s & 0xc0) != 0x80;
	return n;
}

/*
 * Spaces are printed only before something, so that lines have none at their
 * ends.
 */
static void print_row(const struct table *table, char *const *cells,
		      const size_t *widths, FILE *out)
{
	size_t spaces = 0;

	for (size_t i = 0; i < table->columns; i++) {
		size_t own = width(cells[i]);
		size_t pad = own < widths[i] ? widths[i] - own : 0;
		bool right = table->right & BIT(i);

		spaces += right ? pad : 0;
		if (own) {
			fprintf(out, "%*s%s", (int)spaces, "", cells[i]);
			spaces = 0;
		}
		spaces += (right ? 0 : pad) + 2;
	}
	putc('\n', out);
}

/* One very long cell does not widen its column beyond TABLE_MAX_WIDTH. */
int table_print(const struct table *table, FILE *out)
{
	size_t widths[MAX_COLUMNS] = { 0 };
	size_t n = table->columns;

	if (table->failed || n > MAX_COLUMNS)
		return -ENOMEM;
	for (size_t i = 0; i < table->count; i++) {
		size_t own = width(table->cells[i]);

		own = MIN(own, (size_t)TABLE_MAX_WIDTH);
		widths[i % n] = MAX(widths[i % n], own);
	}
	for (size_t i = 0; i + n <= table->count; i += n)
		print_row(table, table->cells + i, widths, out);
	return 0;
}

void table_free(struct table *table)
{
	for (size_t i = 0; i < table->count; i++)
		free(table->cells[i]);
	free(table->cells);
	table->cells = NULL;
	table->count = 0;
	table->room = 0;
}
