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

/* What an option takes, and what the configuration has at its `offset`. */
enum option_type {
	OPTION_END,	 /* ends a table */
	OPTION_FLAG,	 /* bool; takes no argument */
	OPTION_STRING,	 /* const char * */
	OPTION_LIST,	 /* struct string_list, to which it appends */
	OPTION_U32,	 /* u32, in the notation of parse_u64() */
	OPTION_U64,	 /* u64, the same */
	OPTION_ENUM,	 /* an enum: the index of one of `names` */
	OPTION_CALLBACK, /* what the callback stores; `offset` is not used */
};

/*
 * One option. A flag is turned off by --no-NAME; if its own name is no-NAME,
 * by --NAME; if it is disable-NAME, by --enable-NAME too.
 *
 * `callback` gets the option's argument, or NULL if the option takes none, and
 * the configuration. It returns 0, or a negative errno once it has printed
 * what is wrong; options_parse() then returns that.
 */
struct option_def {
	enum option_type type;
	char short_name;       /* or 0 */
	const char *long_name; /* or NULL; fewer than 64 characters */
	size_t offset;	       /* of the value in the configuration */
	int (*callback)(const char *arg, void *config);
	const char *const *names; /* of an enum's values; NULL: it has none */
	size_t nr_names;
	u64 min, max; /* of a number; both are allowed */
	/*
	 * A callback without it takes no argument. If it begins with '[', as
	 * in "[OPT...]", the argument may be left out, for which the callback
	 * gets NULL; if there is one, '=' is before it.
	 */
	const char *arg_name;
	const char *help; /* NULL: neither shown nor suggested */
};

/*
 * The offset of `member` in the configuration, a `type`; does not compile if
 * it is not a `kind`. All enums here are unsigned int to the compiler.
 */
#define OPTION_OFFSET(kind, type, member) \
	_Generic(&((type *)NULL)->member, kind * : offsetof(type, member))

#define OPT_FLAG(s, l, type_, member, h)                                   \
	{                                                                  \
		.type = OPTION_FLAG, .short_name = (s), .long_name = (l),  \
		.help = (h), .offset = OPTION_OFFSET(bool, type_, member), \
	}
#define OPT_STRING(s, l, type_, member, a, h)                               \
	{                                                                   \
		.type = OPTION_STRING, .short_name = (s), .long_name = (l), \
		.arg_name = (a), .help = (h),                               \
		.offset = OPTION_OFFSET(const char *, type_, member),       \
	}
#define OPT_LIST(s, l, type_, member, a, h)                                 \
	{                                                                   \
		.type = OPTION_LIST, .short_name = (s), .long_name = (l),   \
		.arg_name = (a), .help = (h),                               \
		.offset = OPTION_OFFSET(struct string_list, type_, member), \
	}
#define OPT_U32(s, l, type_, member, lo, hi, a, h)                       \
	{                                                                \
		.type = OPTION_U32, .short_name = (s), .long_name = (l), \
		.arg_name = (a), .help = (h), .min = (lo), .max = (hi),  \
		.offset = OPTION_OFFSET(u32, type_, member),             \
	}
#define OPT_U64(s, l, type_, member, lo, hi, a, h)                       \
	{                                                                \
		.type = OPTION_U64, .short_name = (s), .long_name = (l), \
		.arg_name = (a), .help = (h), .min = (lo), .max = (hi),  \
		.offset = OPTION_OFFSET(u64, type_, member),             \
	}
/* `n`: an array of names, which may have holes of NULL. */
#define OPT_ENUM(s, l, type_, member, n, a, h)                            \
	{                                                                 \
		.type = OPTION_ENUM, .short_name = (s), .long_name = (l), \
		.arg_name = (a), .help = (h), .names = (n),               \
		.nr_names = ARRAY_SIZE(n),                                \
		.offset = OPTION_OFFSET(unsigned int, type_, member),     \
	}
#define OPT_CALLBACK(s, l, fn, a, h)                                          \
	{                                                                     \
		.type = OPTION_CALLBACK, .short_name = (s), .long_name = (l), \
		.arg_name = (a), .help = (h), .callback = (fn),               \
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
 * passed over the program's name and the subcommand. Values are stored in
 * `config`, which the tables' offsets belong to, as options are met; strings
 * point into argv, which is not changed. Arguments that are no options, "-"
 * among them, are appended to `positional`.
 *
 * Returns 0; OPTIONS_HELP as soon as --help or -h is met, for which the caller
 * prints the usage text; -EINVAL, -ENOMEM or a callback's error after one
 * message. Lists are the caller's to free in each case.
 */
int options_parse(const struct option_group *groups, void *config, int argc,
		  char *const argv[], struct string_list *positional);

/*
 * Prints "Usage: " with `synopsis`, then all options by groups. Lines are
 * wrapped at 80 columns. For errors see ferror(out).
 */
void options_usage(FILE *out, const char *synopsis,
		   const struct option_group *groups);

#endif
