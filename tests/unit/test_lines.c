/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: util/lines.c */
/* Lines of a console: what is left of a terminal's output, and its bounds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lkvm/util/lines.h"

static struct {
	struct lines lines;
	char got[4096]; /* each line, and a '|' */
	size_t nr_lines, longest;
} t;

static void end(struct lines *lines)
{
	assert_ptr_equal(lines, &t.lines);
	assert_int_equal(strlen(lines->text), lines->len);
	t.nr_lines++;
	t.longest = MAX(t.longest, lines->len);
	if (strlen(t.got) + lines->len + 2 > sizeof(t.got))
		return;
	strcat(t.got, lines->text);
	strcat(t.got, "|");
}

static void begin(void)
{
	memset(&t, 0, sizeof(t));
	t.lines.end = end;
}

/* In one piece, and byte by byte; then the rest. */
static void assert_lines(const char *text, const char *want, const char *rest)
{
	for (int piece = 0; piece < 2; piece++) {
		begin();
		for (const char *at = text; piece && *at; at++)
			lines_add(&t.lines, (const u8 *)at, 1);
		if (!piece)
			lines_add(&t.lines, (const u8 *)text, strlen(text));
		assert_string_equal(t.got, want);
		assert_string_equal(t.lines.text, rest);
		assert_int_equal(t.lines.len, strlen(rest));
	}
}

static void plain(void **state)
{
	(void)state;
	assert_lines("one\ntwo\r\n\r\nthree", "one|two||", "three");
	assert_lines("a\tb\b\177\a c\r", "", "a\tb c");
	assert_lines("gr\303\274n\n", "gr\303\274n|", "");
	begin();
	lines_add(&t.lines, (const u8 *)"a\0b\n", 4);
	assert_string_equal(t.got, "ab|");
}

static void escapes(void **state)
{
	(void)state;
	assert_lines("\033[1;31mred\033[0m\n", "red|", "");
	assert_lines("\033[?25l\033(Bx\033=y\0337z\n", "xyz|", "");
	assert_lines("\033]0;title\007a\033]8;;u\033\\b\n", "ab|", "");
	assert_lines("\033P+q\033\\c\n", "c|", "");
	/* A sequence within one begins anew. */
	assert_lines("\033[12\033[3mx\n", "x|", "");
}

/* As EDK2 draws its menus: other places of the screen are other lines. */
static void cursor(void **state)
{
	(void)state;
	assert_lines("\033[2J\033[01;01Htop\033[05;10Hmiddle\033[Kx\033[24;1H",
		     "top|middlex|", "");
	assert_lines("a\033[Cb\n", "ab|", "");
	assert_lines("\033[H\033[H\033[2A\n", "|", "");
}

/* The end of the line is that of whatever has begun. */
static void unterminated(void **state)
{
	(void)state;
	assert_lines("\033]0;for ever\nseen\n", "|seen|", "");
	assert_lines("\033[\nseen\n", "|seen|", "");
	assert_lines("\033\nseen\n", "|seen|", "");
	assert_lines("\033]x\033[1mseen\n", "seen|", "");
}

static void flush(void **state)
{
	(void)state;
	assert_lines("prompt> ", "", "prompt> ");
	lines_flush(&t.lines);
	assert_string_equal(t.got, "prompt> |");
	lines_flush(&t.lines);
	assert_int_equal(t.nr_lines, 1);
}

static void endless(void **state)
{
	u8 buf[1000];

	(void)state;
	begin();
	memset(buf, 'x', sizeof(buf));
	for (int i = 0; i < 1000; i++)
		lines_add(&t.lines, buf, sizeof(buf));
	assert_int_equal(t.longest, LINES_MAX);
	assert_int_equal(t.nr_lines, (sizeof(buf) * 1000 - 1) / LINES_MAX);
	/* Nothing of a string is kept. */
	begin();
	lines_add(&t.lines, (const u8 *)"\033_", 2);
	for (int i = 0; i < 1000; i++)
		lines_add(&t.lines, buf, sizeof(buf));
	assert_int_equal(t.nr_lines + t.lines.len, 0);
}

static void noise(void **state)
{
	u8 buf[64];

	(void)state;
	begin();
	srand(1);
	for (int i = 0; i < 20000; i++) {
		for (size_t j = 0; j < sizeof(buf); j++)
			buf[j] = (u8)rand();
		lines_add(&t.lines, buf, sizeof(buf));
	}
	assert_true(t.nr_lines > 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain),  cmocka_unit_test(escapes),
		cmocka_unit_test(cursor), cmocka_unit_test(unterminated),
		cmocka_unit_test(flush),  cmocka_unit_test(endless),
		cmocka_unit_test(noise),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
