/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Lines of what a guest writes to its console, which may be anything: binary
 * data, escape sequences that never end, gigabytes without a newline. Nothing
 * is allocated, and each byte takes the same time.
 *
 * ECMA-48, section 5.3 and 5.4 (sequences), 8.3 (cursor functions), section 5.6
 * (control strings). A newline ends any of them: else the start of a string
 * would hide all that comes after it.
 */
#include <string.h>

#include "lkvm/util/lines.h"

#define BEL 0x07
#define ESC 0x1b

/* An empty line is one as well, but not where the cursor only moves. */
static void end_line(struct lines *lines)
{
	lines->text[lines->len] = '\0';
	lines->end(lines);
	lines->len = 0;
	lines->text[0] = '\0';
}

void lines_flush(struct lines *lines)
{
	if (lines->len)
		end_line(lines);
}

static void keep(struct lines *lines, u8 c)
{
	if (lines->len == LINES_MAX)
		end_line(lines);
	lines->text[lines->len++] = (char)c;
	lines->text[lines->len] = '\0';
}

/* Final bytes of functions that leave the line: CUU to CPL, CUP, VPA, HVP. */
static bool leaves_line(u8 final)
{
	return strchr("ABEFHdf", final);
}

static void take_plain(struct lines *lines, u8 c)
{
	if (c == ESC)
		lines->escape = LINES_ESCAPE;
	else if (c == '\t' || (c >= ' ' && c != 0x7f))
		keep(lines, c);
}

/* DCS, SOS, OSC, PM and APC begin strings. */
static void take_escape(struct lines *lines, u8 c)
{
	if (c == '[')
		lines->escape = LINES_CONTROL;
	else if (c && strchr("PX]^_", c))
		lines->escape = LINES_STRING;
	else if (c >= '0') /* else an intermediate byte */
		lines->escape = LINES_PLAIN;
}

static void take_control(struct lines *lines, u8 c)
{
	if (c == ESC)
		lines->escape = LINES_ESCAPE;
	if (c < 0x40 || c > 0x7e)
		return;
	lines->escape = LINES_PLAIN;
	if (leaves_line(c))
		lines_flush(lines);
}

static void take_string(struct lines *lines, u8 c)
{
	if (c == BEL)
		lines->escape = LINES_PLAIN;
	else if (c == ESC)
		lines->escape = LINES_STRING_ST;
}

/*
 * A newline ends whatever escape sequence there is: a broken one does not hide
 * the lines behind it.
 */
static void take(struct lines *lines, u8 c)
{
	if (c == '\n') {
		lines->escape = LINES_PLAIN;
		end_line(lines);
		return;
	}
	switch (lines->escape) {
	case LINES_PLAIN:
		take_plain(lines, c);
		break;
	case LINES_ESCAPE:
		take_escape(lines, c);
		break;
	case LINES_CONTROL:
		take_control(lines, c);
		break;
	case LINES_STRING:
		take_string(lines, c);
		break;
	case LINES_STRING_ST:
		/* What is no ST ends the string all the same. */
		lines->escape = LINES_PLAIN;
		if (c != '\\')
			take_escape(lines, c);
		break;
	}
}

void lines_add(struct lines *lines, const u8 *buf, size_t len)
{
	for (size_t i = 0; i < len; i++)
		take(lines, buf[i]);
}
