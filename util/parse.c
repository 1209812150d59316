/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Parsers of numbers, sizes, CPU lists and comma separated items from the
 * command line and configuration files. strtoull(3) and sscanf(3) are not used:
 * they accept signs and white space, and depend on the locale. A result is
 * stored on success only. Nothing is printed and nothing allocated; any thread.
 */
#include <errno.h>
#include <string.h>

#include "lkvm/util/parse.h"

#define MIB_SHIFT 20 /* the unit of --mem without a suffix */

/*
 * Reads the digits at `s`. *end is set in any case and is `s` if there are
 * none; of a number that is too large all digits are skipped, so that what
 * follows it is examined first: "99...9x" is not a number, rather than out of
 * range.
 */
static int scan_digits(const char *s, unsigned int base, u64 *out,
		       const char **end)
{
	u64 value = 0;
	int err = 0;

	for (; digit_value(*s) < base; s++) {
		if (__builtin_mul_overflow(value, (u64)base, &value) ||
		    __builtin_add_overflow(value, (u64)digit_value(*s), &value))
			err = -ERANGE;
	}
	*end = s;
	*out = value;
	return err;
}

/* strtoull() also accepts a sign, white space and, in newer C libraries, 0b. */
static int scan_number(const char *s, u64 *out, const char **end)
{
	const char *digits = s;
	unsigned int base = 10;
	int err;

	if (s[0] == '0' && (s[1] | 0x20) == 'x') {
		base = 16;
		digits = s + 2;
	} else if (s[0] == '0') {
		base = 8;
	}
	err = scan_digits(digits, base, out, end);
	return *end == digits ? -EINVAL : err;
}

int parse_u64(const char *s, u64 min, u64 max, u64 *out)
{
	const char *end;
	u64 value;
	int err;

	err = scan_number(s, &value, &end);
	if (*end)
		return -EINVAL;
	if (err)
		return err;
	if (value < min || value > max)
		return -ERANGE;
	*out = value;
	return 0;
}

/*
 * True if `c` is the letter of a unit; *shift is then the power of two. At the
 * end of a string `| 0x20` makes a space of the zero, which strchr() would
 * find.
 */
static bool unit_shift(char c, unsigned int *shift)
{
	static const char units[] = "bkmgtp";
	const char *unit = strchr(units, c | 0x20);

	if (!unit)
		return false;
	*shift = (unsigned int)(unit - units) * 10;
	return true;
}

int parse_size(const char *s, unsigned int default_shift, u64 *out,
	       const char **end)
{
	unsigned int shift = default_shift;
	const char *rest;
	u64 value;
	int err;

	err = scan_number(s, &value, &rest);
	if (err == -EINVAL)
		return err;
	if (unit_shift(*rest, &shift))
		rest++;
	if (!end && *rest)
		return -EINVAL;
	if (err || value > UINT64_MAX >> shift)
		return -ERANGE;
	*out = value << shift;
	if (end)
		*end = rest;
	return 0;
}

/* Nothing is written unless all of the text is valid. */
int parse_mem(const char *s, u64 *size, u64 *addr, bool *has_addr)
{
	u64 new_size, new_addr = 0;
	const char *end;
	bool at;
	int err;

	err = parse_size(s, MIB_SHIFT, &new_size, &end);
	if (err)
		return err;
	at = *end == '@';
	if (*end && !at)
		return -EINVAL;
	if (at)
		err = parse_size(end + 1, MIB_SHIFT, &new_addr, NULL);
	if (err)
		return err;
	if (!new_size || new_size - 1 > UINT64_MAX - new_addr)
		return -ERANGE;
	*size = new_size;
	*has_addr = at;
	if (at)
		*addr = new_addr;
	return 0;
}

/* Decimal only: the kernel's lists (cpuset(7)) have no other numbers. */
static int scan_cpu(const char *s, u64 *cpu, const char **end)
{
	int err = scan_digits(s, 10, cpu, end);

	if (*end == s)
		return -EINVAL;
	return err || *cpu >= CPU_SETSIZE ? -ERANGE : 0;
}

/* Adds "N" or "N-M" at `s` to the set. */
static int scan_cpu_range(const char *s, cpu_set_t *set, const char **end)
{
	u64 first, last;
	int err;

	err = scan_cpu(s, &first, end);
	if (err)
		return err;
	last = first;
	if (**end == '-')
		err = scan_cpu(*end + 1, &last, end);
	if (err)
		return err;
	if (last < first)
		return -EINVAL;
	for (; first <= last; first++)
		CPU_SET(first, set);
	return 0;
}

int parse_cpulist(const char *s, cpu_set_t *set)
{
	cpu_set_t found;
	int err;

	CPU_ZERO(&found);
	for (;; s++) {
		err = scan_cpu_range(s, &found, &s);
		if (err)
			return err;
		if (!*s)
			break;
		if (*s != ',')
			return -EINVAL;
	}
	*set = found;
	return 0;
}

int subopts_init(struct subopts *opts, const char *s, char *buf, size_t size)
{
	size_t len = strlen(s);

	if (len >= size)
		return -ENAMETOOLONG;
	memcpy(buf, s, len + 1);
	opts->next = buf;
	return 0;
}

/*
 * Ends the next item with a zero and moves on. Doubled commas become one in
 * place, so the item gets shorter and never longer.
 */
static char *cut_item(struct subopts *opts)
{
	char *item = opts->next;
	char *in, *out;

	for (in = out = item; *in; *out++ = *in++) {
		if (*in != ',')
			continue;
		if (in[1] != ',')
			break;
		in++;
	}
	opts->next = *in ? in + 1 : NULL;
	*out = '\0';
	return item;
}

int subopts_file(struct subopts *opts, const char **file)
{
	const char *item;

	if (!opts->next)
		return -EINVAL;
	item = cut_item(opts);
	if (!*item)
		return -EINVAL;
	*file = item;
	return 0;
}

/* Keys and values point into the buffer of subopts_init(). */
int subopts_next(struct subopts *opts, const char **key, const char **value)
{
	char *item, *sep;

	if (!opts->next)
		return 0;
	item = cut_item(opts);
	if (!*item || *item == '=')
		return -EINVAL;
	sep = strchr(item, '=');
	if (sep)
		*sep++ = '\0';
	*key = item;
	*value = sep;
	return 1;
}
