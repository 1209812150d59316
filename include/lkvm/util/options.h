/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Command line options, from tables. Users may write
 *
 *	--name=value  --name value  -n value  -nvalue  --flag  --no-flag
 *
 * in any order with other arguments; after "--" nothing is an option. Names
 * cannot be abbreviated. If an option is given twice the last one counts,
 * unless it makes a list.
 */
#ifndef LKVM_UTIL_OPTIONS_H
#define LKVM_UTIL_OPTIONS_H

#include <stdio.h>

#include "lkvm/util/util.h"

/* Strings that belong to someone else. Zero-initialise it. */
struct string_list {
	const char **items;
	size_t count;
	size_t room; /* how many `items` can hold */
};

/* Appends `s`, which must outlive the list. Returns 0 or -ENOMEM. */
int string_list_add(struct string_list *list, const char *s);

/* Frees what the list allocated and empties it; the strings stay. */
void string_list_free(struct string_list *list);

/* What an option takes, and what its `value` points to. */
enum option_type {
	OPTION_END,	 /* ends a table */
	OPTION_FLAG,	 /* bool; takes no argument */
	OPTION_STRING,	 /* const char * */
	OPTION_LIST,	 /* struct string_list, to which it appends */
	OPTION_U32,	 /* u32, in the notation of parse_u64() */
	OPTION_U64,	 /* u64, the same */
	OPTION_CALLBACK, /* what the callback likes; perhaps NULL */
};

/*
 * One option. A flag is turned off by --no-NAME; if its own name is no-NAME,
 * by --NAME; if it is disable-NAME, by --enable-NAME too.
 *
 * `callback` gets the option's argument, or NULL if the option takes none, and
 * `value`. It returns 0, or a negative errno once it has printed what is
 * wrong; options_parse() then returns that.
 */
struct option_def {
	enum option_type type;
	char short_name;       /* or 0 */
	const char *long_name; /* or NULL; fewer than 64 characters */
	void *value;
	int (*callback)(const char *arg, void *value);
	u64 min, max;	      /* of a number; both are allowed */
	const char *arg_name; /* a callback without it takes no argument */
	const char *help;     /* NULL: neither shown nor suggested */
};

/* Initialisers for tables; a `ptr` of the wrong type does not compile. */
#define OPTION_VALUE(type, ptr) (1 ? (ptr) : (type *)NULL)

#define OPT_FLAG(s, l, ptr, h)                                            \
	{                                                                 \
		.type = OPTION_FLAG, .short_name = (s), .long_name = (l), \
		.help = (h), .value = OPTION_VALUE(bool, ptr),            \
	}
#define OPT_STRING(s, l, ptr, a, h)                                         \
	{                                                                   \
		.type = OPTION_STRING, .short_name = (s), .long_name = (l), \
		.arg_name = (a), .help = (h),                               \
		.value = OPTION_VALUE(const char *, ptr),                   \
	}
#define OPT_LIST(s, l, ptr, a, h)                                         \
	{                                                                 \
		.type = OPTION_LIST, .short_name = (s), .long_name = (l), \
		.arg_name = (a), .help = (h),                             \
		.value = OPTION_VALUE(struct string_list, ptr),           \
	}
#define OPT_U32(s, l, ptr, lo, hi, a, h)                                       \
	{                                                                      \
		.type = OPTION_U32, .short_name = (s), .long_name = (l),       \
		.arg_name = (a), .help = (h), .value = OPTION_VALUE(u32, ptr), \
		.min = (lo), .max = (hi),                                      \
	}
#define OPT_U64(s, l, ptr, lo, hi, a, h)                                       \
	{                                                                      \
		.type = OPTION_U64, .short_name = (s), .long_name = (l),       \
		.arg_name = (a), .help = (h), .value = OPTION_VALUE(u64, ptr), \
		.min = (lo), .max = (hi),                                      \
	}
#define OPT_CALLBACK(s, l, fn, opaque, a, h)                                  \
	{                                                                     \
		.type = OPTION_CALLBACK, .short_name = (s), .long_name = (l), \
		.arg_name = (a), .help = (h), .callback = (fn),               \
		.value = (opaque),                                            \
	}
#define OPT_END()                   \
	{                           \
		.type = OPTION_END, \
	}

/* Options under a heading; an array of groups ends with a NULL heading. */
struct option_group {
	const char *heading; /* without a colon */
	const struct option_def *options;
};

/* What options_parse() returns for --help and -h. */
#define OPTIONS_HELP 1

/*
 * Parses `argc` arguments, the first of them being argv[0]: the caller has
 * passed over the program's name and the subcommand. Values are stored as
 * options are met; strings point into argv, which is not changed. Arguments
 * that are no options, "-" among them, are appended to `positional`.
 *
 * Returns 0; OPTIONS_HELP as soon as --help or -h is met, for which the caller
 * prints the usage text; -EINVAL, -ENOMEM or a callback's error once one line
 * has told the user. Lists are the caller's to free in each case.
 */
int options_parse(const struct option_group *groups, int argc,
		  char *const argv[], struct string_list *positional);

/*
 * Prints "Usage: " with `synopsis`, then all options by groups. Lines are
 * wrapped at 80 columns. For errors see ferror(out).
 */
void options_usage(FILE *out, const char *synopsis,
		   const struct option_group *groups);

#endif
