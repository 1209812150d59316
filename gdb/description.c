/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The target description: XML that tells a debugger which registers there are.
 * GDB's manual, appendix "Target Descriptions". Registers are numbered in the
 * order in which they are described.
 *
 * Called once, by gdb_session_init(): the text is the same for all debuggers,
 * and gdb/query.c sends it in pieces. A blob takes note of a lack of memory
 * itself, so nothing here returns an error.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "session.h"

/* Longest line. */
#define LINE_MAX_BYTES 256

static void add(struct blob *blob, const char *fmt, ...) __printf(2, 3);

/*
 * For lines whose length is bounded by the names in the target's tables, which
 * are ours and need no escaping in XML.
 */
static void add(struct blob *blob, const char *fmt, ...)
{
	char line[LINE_MAX_BYTES];
	va_list args;
	int len;

	va_start(args, fmt);
	len = vsnprintf(line, sizeof(line), fmt, args);
	va_end(args);
	blob_add(blob, line, MIN((size_t)len, sizeof(line) - 1));
}

static void add_register(struct blob *blob, const struct gdb_register *reg)
{
	add(blob, "<reg name=\"%s\" bitsize=\"%u\" type=\"%s\"", reg->name,
	    reg->bits, reg->type);
	if (reg->group)
		add(blob, " group=\"%s\"", reg->group);
	add(blob, "/>\n");
}

static void add_feature(struct blob *blob, const struct gdb_feature *feature)
{
	add(blob, "<feature name=\"%s\">\n", feature->name);
	if (feature->types)
		blob_add(blob, feature->types, strlen(feature->types));
	for (unsigned int i = 0; i < feature->nr_registers; i++)
		add_register(blob, &feature->registers[i]);
	add(blob, "</feature>\n");
}

void gdb_describe(const struct gdb_target *target, struct blob *blob)
{
	add(blob, "<?xml version=\"1.0\"?>\n"
		  "<!DOCTYPE target SYSTEM \"gdb-target.dtd\">\n");
	add(blob, "<target version=\"1.0\">\n<architecture>%s</architecture>\n",
	    target->architecture);
	for (unsigned int i = 0; i < target->nr_features; i++)
		add_feature(blob, target->features[i]);
	add(blob, "</target>\n");
}
