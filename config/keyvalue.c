/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The parser of key=value,flag. A table has the keys and, for each, the offset
 * of its value in an item. All messages begin with the option and its argument,
 * so that a user with five --disk sees which one is meant; of a long argument
 * only the beginning is repeated, as the reason comes behind it. An item is
 * filled in one pass; conflicts are checked afterwards. Main thread.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lkvm/config/keyvalue.h"
#include "lkvm/util/log.h"
#include "lkvm/util/names.h"
#include "lkvm/util/parse.h"

/* How much of an argument, and of a key or value, a message repeats. */
#define SHOWN_ARG  256
#define SHOWN_ITEM 64

/* One argument on its way into an item. */
struct parser {
	const struct key_table *table;
	const char *arg;
	void *item;
	struct subopts opts;
	u64 given; /* bit n: keys[n] */
};

/* Prints one message about the argument; returns -EINVAL for the caller. */
static __printf(2, 3) int fail(const struct parser *p, const char *fmt, ...)
{
	bool cut = strlen(p->arg) > SHOWN_ARG;
	char text[640];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	pr_fatal("%s %.*s%s: %s", p->table->option, SHOWN_ARG, p->arg,
		 cut ? "..." : "", text);
	return -EINVAL;
}

/* Lists the keys behind the positional ones: "ro, size= and sync=". */
static void list_keys(const struct key_table *table, char *buf, size_t size)
{
	buf[0] = '\0';
	for (size_t i = table->nr_positional; i < table->nr_keys; i++)
		names_append(buf, size, table->keys[i].name,
			     table->keys[i].kind == KIND_FLAG ? "" : "=",
			     i + 1 == table->nr_keys);
}

/* The same, with the keys that there are at its end. */
static int fail_with_keys(const struct parser *p, const char *what,
			  const char *shown, const char *end)
{
	char known[256];

	list_keys(p->table, known, sizeof(known));
	return fail(p, "%s%.*s%s; there are %s", what, SHOWN_ITEM, shown, end,
		    known);
}

/* Nothing of the argument can be used: shows how it is written. */
static int fail_form(const struct parser *p)
{
	return fail_with_keys(p, "want ", p->table->form, "");
}

/* What a good value is, where the table does not say it better. */
static void describe(const struct key_def *def, char *buf, size_t size)
{
	if (def->want)
		snprintf(buf, size, "%s", def->want);
	else if (def->kind == KIND_STRING)
		snprintf(buf, size, "at most %" PRIu64 " bytes", def->max);
	else
		snprintf(buf, size, "a %s from %" PRIu64 " to %" PRIu64,
			 def->kind == KIND_SIZE ? "size" : "number", def->min,
			 def->max);
}

/*
 * Of an enum the user sees all names, of anything else a description of what
 * the value has to be.
 */
static int bad_value(const struct parser *p, const struct key_def *def,
		     const char *value)
{
	char what[256];

	if (def->kind == KIND_ENUM) {
		names_list(def->names, def->nr_names, what, sizeof(what));
		return fail(p, "%s=%.*s: there are %s", def->name, SHOWN_ITEM,
			    value, what);
	}
	describe(def, what, sizeof(what));
	return fail(p, "%s=%.*s: want %s", def->name, SHOWN_ITEM, value, what);
}

/*
 * Returns 0, or another value for what is no number that `def` allows. A range
 * that is larger than the type does not let a larger number in.
 */
static int parse_number(const struct key_def *def, const char *value, u64 *out)
{
	u64 max = def->kind == KIND_U32 ? MIN(def->max, (u64)UINT32_MAX)
					: def->max;
	int ret;

	if (def->kind != KIND_SIZE)
		ret = parse_u64(value, def->min, max, out);
	else
		ret = parse_size(value, 0, out, NULL);
	return ret || *out < def->min || *out > max ||
	       (def->check && !def->check(*out));
}

/* The item keeps its default if the number is refused. */
static int store_number(const struct parser *p, const struct key_def *def,
			const char *value, void *to)
{
	u64 number;

	if (parse_number(def, value, &number))
		return bad_value(p, def, value);
	if (def->kind == KIND_U32)
		*(u32 *)to = (u32)number;
	else
		*(u64 *)to = number;
	return 0;
}

/*
 * Puts the value where the table says. The kind decides on the type that is
 * written; KEY_OFFSET() has made sure that the member is of this type.
 */
static int store(const struct parser *p, const struct key_def *def,
		 const char *value)
{
	void *to = (char *)p->item + def->offset;
	int ret = 0;

	switch (def->kind) {
	case KIND_FLAG:
		*(bool *)to = true;
		break;
	case KIND_STRING:
		*(const char **)to = value;
		ret = def->max && strlen(value) > def->max;
		break;
	case KIND_SIZE:
	case KIND_U32:
	case KIND_U64:
		return store_number(p, def, value, to);
	case KIND_ENUM:
		ret = names_find(def->names, def->nr_names, value, to);
		break;
	case KIND_CALLBACK:
		ret = def->callback(value, p->item);
		break;
	}
	return ret ? bad_value(p, def, value) : 0;
}

/* `value` is NULL for a flag. */
static int take(struct parser *p, size_t index, const char *value)
{
	p->given |= 1ULL << index;
	return store(p, &p->table->keys[index], value);
}

/*
 * Looks among the keys that have a name: those before are found by their place
 * only. An empty value is refused, since no key has a use for one.
 */
static int take_named(struct parser *p, const char *key, const char *value)
{
	const struct key_table *table = p->table;
	size_t i = table->nr_positional;
	bool flag;

	while (i < table->nr_keys && strcmp(key, table->keys[i].name))
		i++;
	if (i == table->nr_keys)
		return fail_with_keys(p, "unknown option \"", key, "\"");
	flag = table->keys[i].kind == KIND_FLAG;
	if (flag ? value != NULL : !value || !*value)
		return fail(p, "\"%s\" takes %s value", key, flag ? "no" : "a");
	return take(p, i, value);
}

/* FILE and the like stand as they are, so that a path may have an '='. */
static int parse_positional(struct parser *p)
{
	const char *value;
	int ret = 0;

	for (size_t i = 0; !ret && i < p->table->nr_positional; i++)
		ret = subopts_file(&p->opts, &value) ? fail_form(p)
						     : take(p, i, value);
	return ret;
}

/* Items are taken in order, so that of two with one key the last one counts. */
static int parse_items(struct parser *p)
{
	bool bare = p->table->bare;
	const char *key, *value;
	int ret = parse_positional(p);

	if (ret)
		return ret;
	while ((ret = subopts_next(&p->opts, &key, &value)) > 0) {
		ret = bare && !value ? take(p, 0, key)
				     : take_named(p, key, value);
		if (ret)
			return ret;
		bare = false;
	}
	return ret ? fail(p, "an option is empty") : 0;
}

/* After all items, so that their order does not matter. */
static int check_conflicts(const struct parser *p)
{
	const struct key_table *table = p->table;

	for (size_t i = 0; i < table->nr_conflicts; i++) {
		const struct key_conflict *pair = &table->conflicts[i];
		u64 both = 1ULL << pair->first | 1ULL << pair->second;

		if ((p->given & both) == both)
			return fail(p,
				    "\"%s\" and \"%s\" exclude each other: %s",
				    table->keys[pair->first].name,
				    table->keys[pair->second].name, pair->why);
	}
	return 0;
}

/*
 * Strings of the item point into the copy of the argument, which the caller
 * frees with the item.
 */
int keyvalue_parse(const struct key_table *table, const char *arg, void *item,
		   char **strings)
{
	struct parser p = { .table = table, .arg = arg, .item = item };
	size_t size = strlen(arg) + 1;
	char *buf = malloc(size);
	int ret;

	*strings = NULL;
	if (!buf || subopts_init(&p.opts, arg, buf, size)) {
		free(buf);
		pr_fatal("out of memory");
		return -ENOMEM;
	}
	ret = *arg ? parse_items(&p) : fail_form(&p);
	if (!ret)
		ret = check_conflicts(&p);
	if (ret) {
		free(buf);
		return ret;
	}
	*strings = buf;
	return 0;
}
