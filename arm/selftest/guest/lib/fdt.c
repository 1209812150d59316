/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A reader of flattened device trees (Devicetree Specification, chapter 5), as
 * far as test programs need it: nodes in the order of the blob, their
 * properties, and numbers from the command line.
 *
 * No library, since it runs before anything else. The blob is lkvm's own and
 * trusted: there is no check of sizes. #address-cells is taken as 2.
 */
#include "guest.h"

#define FDT_BEGIN_NODE 1
#define FDT_END_NODE   2
#define FDT_PROP       3
#define FDT_NOP	       4

#define FDT_OFF_STRUCT	8
#define FDT_OFF_STRINGS 12

static const char *tree;

/* Byte by byte, as the values may not be aligned. */
u32 fdt_u32(const void *p)
{
	const u8 *b = p;

	return (u32)b[0] << 24 | (u32)b[1] << 16 | (u32)b[2] << 8 | b[3];
}

u64 fdt_u64(const void *p)
{
	return (u64)fdt_u32(p) << 32 | fdt_u32((const u8 *)p + 4);
}

void fdt_init(const void *dtb)
{
	tree = dtb;
}

static const char *align4(const char *p)
{
	return (const char *)(((u64)p + 3) & ~3UL);
}

static const char *skip_string(const char *s)
{
	while (*s++)
		;
	return align4(s);
}

/* The token that follows the one at `p`. */
static const char *next_token(const char *p)
{
	switch (fdt_u32(p)) {
	case FDT_BEGIN_NODE:
		return skip_string(p + 4);
	case FDT_PROP:
		return align4(p + 12 + fdt_u32(p + 4));
	default:
		return p + 4;
	}
}

/*
 * A node is represented by the address of its FDT_BEGIN_NODE token. Depth is
 * not tracked: the result may be a child, a sibling or an uncle.
 */
const void *fdt_next(const void *node)
{
	const char *p = node ? next_token(node)
			     : tree + fdt_u32(tree + FDT_OFF_STRUCT);

	for (;; p = next_token(p)) {
		u32 token = fdt_u32(p);

		if (token == FDT_BEGIN_NODE)
			return p;
		if (token < FDT_BEGIN_NODE || token > FDT_NOP)
			return NULL;
	}
}

const char *fdt_name(const void *node)
{
	return (const char *)node + 4;
}

/* Properties precede child nodes (5.4.1). */
const void *fdt_prop(const void *node, const char *name, u32 *len)
{
	const char *strings = tree + fdt_u32(tree + FDT_OFF_STRINGS);
	const char *p = next_token(node);

	for (; fdt_u32(p) == FDT_PROP || fdt_u32(p) == FDT_NOP;
	     p = next_token(p)) {
		if (fdt_u32(p) == FDT_NOP ||
		    !str_eq(strings + fdt_u32(p + 8), name))
			continue;
		if (len)
			*len = fdt_u32(p + 4);
		return p + 12;
	}
	return NULL;
}

/* The property is a list of strings, each with its NUL. */
static bool is_compatible(const void *node, const char *compatible)
{
	u32 len;
	const char *s = fdt_prop(node, "compatible", &len);
	const char *end = s + len;

	while (s && s < end) {
		if (str_eq(s, compatible))
			return true;
		while (*s++)
			;
	}
	return false;
}

const void *fdt_compatible(const char *compatible, unsigned int nr)
{
	const void *node = NULL;

	while ((node = fdt_next(node)))
		if (is_compatible(node, compatible) && !nr--)
			return node;
	return NULL;
}

/* `reg` of a cpu node is the MPIDR affinity, in one or two cells. */
bool fdt_cpu(unsigned int nr, u64 *mpidr)
{
	const void *node = NULL;

	while ((node = fdt_next(node))) {
		u32 len;
		const void *reg = fdt_prop(node, "reg", &len);

		if (!reg || !str_starts(fdt_name(node), "cpu@") || nr--)
			continue;
		*mpidr = len == 8 ? fdt_u64(reg) : fdt_u32(reg);
		return true;
	}
	return false;
}

static const char *command_line(void)
{
	const void *node = NULL;
	const char *args = NULL;

	while ((node = fdt_next(node)))
		if (str_eq(fdt_name(node), "chosen"))
			args = fdt_prop(node, "bootargs", NULL);
	return args ? args : "";
}

/* The text behind `name=`, only at the start of a word; NULL: none. */
static const char *find_param(const char *name)
{
	const char *args = command_line();
	size_t len = 0;

	while (name[len])
		len++;
	for (const char *s = args; *s; s++)
		if ((s == args || s[-1] == ' ') && str_starts(s, name) &&
		    s[len] == '=')
			return s + len + 1;
	return NULL;
}

u64 param(const char *name, u64 otherwise)
{
	const char *s = find_param(name);
	u64 value = 0;

	if (!s)
		return otherwise;
	for (; *s >= '0' && *s <= '9'; s++)
		value = value * 10 + (u64)(*s - '0');
	return value;
}
