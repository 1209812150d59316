/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Lines of text out of what is written to a terminal: without escape sequences
 * and other control characters, of bounded length.
 */
#ifndef LKVM_UTIL_LINES_H
#define LKVM_UTIL_LINES_H

#include "lkvm/util/util.h"

/* Bytes of a line; a longer one is several. */
#define LINES_MAX 4096

/* Where in an escape sequence the writer is, ECMA-48, section 5.3. */
enum lines_escape {
	LINES_PLAIN,
	LINES_ESCAPE,	/* after ESC */
	LINES_CONTROL,	/* a control sequence, after ESC [ */
	LINES_STRING,	/* a control string, until ST or BEL */
	LINES_STRING_ST /* within it, after ESC */
};

/* Zero-initialise it and set `end`. Of one thread. */
struct lines {
	/* A line has ended: `text`, of `len` bytes, which is then dropped. */
	void (*end)(struct lines *lines);
	/* What there is of the line, with a zero behind it and none inside. */
	char text[LINES_MAX + 1];
	size_t len;
	enum lines_escape escape;
};

/*
 * Takes output, and calls `end` for each line that is complete. A line also
 * ends where an escape sequence moves the cursor to another one.
 */
void lines_add(struct lines *lines, const u8 *buf, size_t len);

/* Ends what there is of a line, if there is anything. */
void lines_flush(struct lines *lines);

#endif
