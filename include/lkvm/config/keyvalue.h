/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Arguments of the form key=value,key=value,flag: one parser for all options
 * that take them, and one wording of what is wrong. A comma that belongs to a
 * value is written twice. A key that is given twice counts the last time.
 */
#ifndef LKVM_CONFIG_KEYVALUE_H
#define LKVM_CONFIG_KEYVALUE_H

#include "lkvm/util/util.h"

/* What a key takes, and what the item has at its `offset`. */
enum key_kind {
	KIND_FLAG,     /* bool, set to true; takes no value */
	KIND_STRING,   /* const char *; at most `max` bytes unless that is 0 */
	KIND_SIZE,     /* u64, bytes, in the notation of parse_size() */
	KIND_U32,      /* u32, in the notation of parse_u64() */
	KIND_U64,      /* u64, the same */
	KIND_ENUM,     /* an enum: the index of one of `names` */
	KIND_CALLBACK, /* what the callback stores; `offset` is not used */
};

struct key_def {
	enum key_kind kind;
	const char *name;
	size_t offset;		  /* of the value in the item */
	u64 min, max;		  /* of a number; both are allowed */
	bool (*check)(u64 value); /* of a number: what else it is; or NULL */
	const char *const *names; /* of an enum's values; NULL: it has none */
	size_t nr_names;
	/* 0, or -EINVAL for a bad value. It prints nothing. */
	int (*callback)(const char *value, void *item);
	const char *want; /* what a good value is; may be NULL for a number */
};

/*
 * The offset of `member` in the item, a `type`; does not compile if it is not
 * a `kind`. All enums here are unsigned int to the compiler.
 */
#define KEY_OFFSET(kind, type, member) \
	_Generic(&((type *)NULL)->member, kind * : offsetof(type, member))

#define KEY_FLAG(n, type, member)                         \
	{                                                 \
		.kind = KIND_FLAG, .name = (n),           \
		.offset = KEY_OFFSET(bool, type, member), \
	}
#define KEY_STRING(n, type, member, longest)                        \
	{                                                           \
		.kind = KIND_STRING, .name = (n), .max = (longest), \
		.offset = KEY_OFFSET(const char *, type, member),   \
	}
#define KEY_SIZE(n, type, member, lo, hi, c, w)                           \
	{                                                                 \
		.kind = KIND_SIZE, .name = (n), .min = (lo), .max = (hi), \
		.check = (c), .want = (w),                                \
		.offset = KEY_OFFSET(u64, type, member),                  \
	}
#define KEY_U32(n, type, member, lo, hi, w)                              \
	{                                                                \
		.kind = KIND_U32, .name = (n), .min = (lo), .max = (hi), \
		.want = (w), .offset = KEY_OFFSET(u32, type, member),    \
	}
#define KEY_U64(n, type, member, lo, hi, w)                              \
	{                                                                \
		.kind = KIND_U64, .name = (n), .min = (lo), .max = (hi), \
		.want = (w), .offset = KEY_OFFSET(u64, type, member),    \
	}
/* `list`: an array of names, which may have holes of NULL. */
#define KEY_ENUM(n, type, member, list)                           \
	{                                                         \
		.kind = KIND_ENUM, .name = (n), .names = (list),  \
		.nr_names = ARRAY_SIZE(list),                     \
		.offset = KEY_OFFSET(unsigned int, type, member), \
	}
#define KEY_CALLBACK(n, fn, w)                                        \
	{                                                             \
		.kind = KIND_CALLBACK, .name = (n), .callback = (fn), \
		.want = (w),                                          \
	}

/* Two keys, by their indices, that have no meaning together. */
struct key_conflict {
	unsigned int first, second;
	const char *why; /* goes behind a colon */
};

/* What one option takes. */
struct key_table {
	const char *option; /* "--flash" */
	const char *form;   /* "FILE[,OPT...]" */
	const struct key_def *keys;
	size_t nr_keys; /* 64 at most */
	/*
	 * So many of the keys are strings that come first, all of them, in this
	 * order and without key and '=': FILE.
	 */
	size_t nr_positional;
	bool bare; /* the first item without '=' is keys[0]'s value */
	const struct key_conflict *conflicts;
	size_t nr_conflicts;
};

/*
 * Stores what `arg` says in *item, which the table's offsets belong to and
 * whose defaults the caller has set. Strings point into *strings, which the
 * caller frees after the item.
 *
 * Returns 0, or -EINVAL or -ENOMEM after a fatal message; then *strings is NULL
 * and *item is not to be used.
 */
int keyvalue_parse(const struct key_table *table, const char *arg, void *item,
		   char **strings);

#endif
