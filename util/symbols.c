/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Symbols of a program by their addresses. Names stay in the text that was
 * read, whose lines are cut where they end.
 *
 * Left out are those that are not in the program: undefined ones, which have no
 * address, and absolute ones, which are numbers; and marks, as `$x`, which
 * stand before data or code in each function.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lkvm/util/file.h"
#include "lkvm/util/parse.h"
#include "lkvm/util/symbols.h"

/* A kernel's has some MB, with debug options some more. */
#define FILE_MAX (256UL << 20)

#define ADDRESS_DIGITS 16U

/* The hexadecimal number at the start of *s, which is moved behind it. */
static bool take_address(char **s, u64 *value)
{
	unsigned int n = 0;

	for (*value = 0; digit_value(**s) < 16; (*s)++, n++)
		*value = *value << 4 | digit_value(**s);
	return n && n <= ADDRESS_DIGITS;
}

/* 1 with *symbol, 0 if the line is to be left out, or -EBADMSG. */
static int take_line(char *line, struct symbol *symbol)
{
	size_t len;
	char type;

	if (*line == '\0' || *line == ' ')
		return 0;
	if (!take_address(&line, &symbol->address) || line[0] != ' ' ||
	    !line[1] || line[2] != ' ')
		return -EBADMSG;
	type = line[1];
	line += 3;
	len = strcspn(line, " \t\r");
	if (!len)
		return -EBADMSG;
	line[len] = '\0';
	symbol->name = line;
	return type != 'a' && type != 'A' && *line != '$';
}

static int add(struct symbols *symbols, const struct symbol *symbol,
	       size_t *room)
{
	struct symbol *items;

	if (symbols->count == *room) {
		*room = MAX(2 * *room, SZ_4K);
		items = reallocarray(symbols->items, *room, sizeof(*items));
		if (!items)
			return -ENOMEM;
		symbols->items = items;
	}
	symbols->items[symbols->count++] = *symbol;
	return 0;
}

/* All lines; the last may have no newline. */
static int parse(struct symbols *symbols, size_t len, size_t *line)
{
	char *at = symbols->text, *end = at + len, *next;
	struct symbol symbol;
	size_t room = 0;
	int ret = 0;

	for (*line = 1; at < end; at = next, (*line)++) {
		next = memchr(at, '\n', (size_t)(end - at));
		next = next ? next + 1 : end + 1;
		next[-1] = '\0';
		ret = take_line(at, &symbol);
		if (ret > 0)
			ret = add(symbols, &symbol, &room);
		if (ret < 0)
			return ret;
	}
	return symbols->count ? 0 : -ENOMSG;
}

/* Names are in one text: their order in memory is that of the file. */
static int compare(const void *a, const void *b)
{
	const struct symbol *x = a, *y = b;

	if (x->address != y->address)
		return x->address < y->address ? -1 : 1;
	return x->name < y->name ? -1 : x->name > y->name;
}

int symbols_read(struct symbols *symbols, const char *path, size_t *line)
{
	void *text;
	size_t len;
	int ret = file_read_all(path, FILE_MAX, &text, &len);

	memset(symbols, 0, sizeof(*symbols));
	if (ret)
		return ret;
	symbols->text = text;
	ret = parse(symbols, len, line);
	if (ret)
		symbols_free(symbols);
	else
		qsort(symbols->items, symbols->count, sizeof(*symbols->items),
		      compare);
	return ret;
}

void symbols_free(struct symbols *symbols)
{
	free(symbols->items);
	free(symbols->text);
	memset(symbols, 0, sizeof(*symbols));
}

/* Of several at one address it is the first. */
const struct symbol *symbols_find(const struct symbols *symbols, u64 address)
{
	const struct symbol *items = symbols->items;
	size_t low = 0, high = symbols->count;

	/* Those below `low` are not above the address, those from `high` are.
	 */
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (items[middle].address <= address)
			low = middle + 1;
		else
			high = middle;
	}
	if (!low || low == symbols->count)
		return NULL;
	low--;
	while (low && items[low - 1].address == items[low].address)
		low--;
	return &items[low];
}

const struct symbol *symbols_by_name(const struct symbols *symbols,
				     const char *name)
{
	for (size_t i = 0; i < symbols->count; i++)
		if (!strcmp(symbols->items[i].name, name))
			return &symbols->items[i];
	return NULL;
}
