/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Numbers, sizes, CPU lists and suboptions as users write them. None of these
 * functions prints: the caller has the option's name for that. All of them
 * leave their results as they are when they fail, do not depend on the locale,
 * and accept neither a sign nor white space. Any thread.
 */
#ifndef LKVM_UTIL_PARSE_H
#define LKVM_UTIL_PARSE_H

#include <sched.h>

#include "lkvm/util/util.h"

/* True if `s` has printable ASCII characters, one or more, and no space. */
static inline bool is_word(const char *s)
{
	const char *c = s;

	while (*c > ' ' && *c <= '~')
		c++;
	return !*c && c > s;
}

/*
 * The value of a hexadecimal digit in either case; 16, more than any base
 * allows, for what is none. Not isxdigit(3), whose result depends on the
 * locale.
 */
static inline unsigned int digit_value(char c)
{
	if (c >= '0' && c <= '9')
		return (unsigned int)(c - '0');
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? (unsigned int)(c - 'a') + 10 : 16;
}

/*
 * Parses all of `s` as a number in C's notation: decimal, hexadecimal after
 * 0x, octal after 0. Returns 0, -EINVAL if it is not one, or -ERANGE if it
 * lies outside [min, max].
 */
int parse_u64(const char *s, u64 min, u64 max, u64 *out);

/*
 * Parses a number in C's notation and one of the suffixes B K M G T P, in
 * either case, each worth 1024 times the one before. Without a suffix the unit
 * is 1 << default_shift bytes (0 to 63). In a hexadecimal number B is a digit.
 * *out is in bytes and may be 0.
 *
 * If `end` is NULL the whole string must be the size; otherwise *end is set to
 * what follows it. Returns 0, -EINVAL if there is no number or something
 * follows that may not, or -ERANGE from 2^64 bytes on.
 */
int parse_size(const char *s, unsigned int default_shift, u64 *out,
	       const char **end);

/*
 * Parses SIZE[BKMGTP][@ADDR[BKMGTP]], the argument of --mem. Both numbers are
 * in MiB when they have no suffix, as in kvmtool. *addr, in bytes, is only set
 * if *has_addr is. Returns 0, -EINVAL for what is not of this form, or -ERANGE
 * for a SIZE of 0, a number beyond 64 bits and a range that ends beyond them.
 */
int parse_mem(const char *s, u64 *size, u64 *addr, bool *has_addr);

/*
 * Parses a list of CPU numbers and ranges such as "0-3,5", in decimal, in any
 * order; *set then holds these and no others. Returns 0, -EINVAL for what is
 * not of this form (an empty list or item, a range that runs backwards), or
 * -ERANGE for a CPU number of CPU_SETSIZE or more.
 */
int parse_cpulist(const char *s, cpu_set_t *set);

/*
 * Walks over "FILE,key=value,flag" or "key=value,flag". A comma that belongs
 * to a name or value is written twice, as with QEMU. Its strings live in the
 * buffer given to subopts_init().
 */
struct subopts {
	char *next; /* the item to hand out next; NULL after the last one */
};

/*
 * Copies `s` into buf[size], which the caller owns and keeps as long as the
 * strings handed out are used; strlen(s) + 1 bytes suffice. Returns 0, or
 * -ENAMETOOLONG if it does not fit.
 */
int subopts_init(struct subopts *opts, const char *s, char *buf, size_t size);

/*
 * Puts the next item into *file as it stands, with any '=' in it. Returns 0,
 * or -EINVAL if there is none or it is empty.
 */
int subopts_file(struct subopts *opts, const char **file);

/*
 * Splits the next item at its first '=': *key is what is before, *value what
 * is after and perhaps empty; *value is NULL if there is no '='. Returns 1, 0
 * after the last item, or -EINVAL for an empty key.
 */
int subopts_next(struct subopts *opts, const char **key, const char **value);

#endif
