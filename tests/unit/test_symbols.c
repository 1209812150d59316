/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: util/symbols.c util/file.c util/parse.c */
/* What a System.map says, and what is none. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "lkvm/util/symbols.h"

static struct symbols t;
static size_t line;

/* What reading a file with that text returns. */
static int read_text(const char *text)
{
	char path[] = "/tmp/lkvm-map-XXXXXX";
	int fd = mkstemp(path), ret;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
	ret = symbols_read(&t, path, &line);
	unlink(path);
	return ret;
}

static void expect(u64 address, const char *name)
{
	const struct symbol *symbol = symbols_find(&t, address);

	if (!name)
		assert_null(symbol);
	else
		assert_string_equal(symbol->name, name);
}

static void finds(void **state)
{
	(void)state;
	assert_int_equal(read_text("ffff800080010000 T _stext\n"
				   "ffff800080010800 T vectors\n"
				   "ffff800080010000 T again\n"
				   "0000000000000bad A _kernel_size\n"
				   "ffff800080010840 t $x\n"
				   "                 U undefined\n"
				   "\n"
				   "ffff800080010900 t fn\t[module]\r\n"
				   "ffff800080020000 B _end"),
			 0);
	assert_int_equal(t.count, 5);
	expect(0xffff80008000ffff, NULL);
	expect(0, NULL);
	expect(0xffff800080010000, "_stext");
	expect(0xffff8000800107ff, "_stext");
	expect(0xffff800080010850, "vectors");
	expect(0xffff800080010900, "fn");
	expect(0xffff80008001ffff, "fn");
	expect(0xffff800080020000, NULL);
	expect(UINT64_MAX, NULL);
	assert_int_equal(symbols_by_name(&t, "vectors")->address,
			 0xffff800080010800);
	assert_null(symbols_by_name(&t, "vector"));
	symbols_free(&t);
}

static void refuses(void **state)
{
	static const char *const bad[] = {
		"x",	     "1",
		"1 T",	     "1 T ",
		"1  name",   "1 TT name",
		"1\tT name", "12345678901234567 T name",
		"-1 T name", "\177ELF\2\1\1",
	};
	char text[64];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		snprintf(text, sizeof(text), "1 T a\n2 T b\n%s\n", bad[i]);
		assert_int_equal(read_text(text), -EBADMSG);
		assert_int_equal(line, 3);
		assert_null(t.text);
	}
	assert_int_equal(read_text(""), -ENOMSG);
	assert_int_equal(read_text("1 a x\n"), -ENOMSG);
	assert_int_equal(symbols_read(&t, "/nonexistent/map", &line), -ENOENT);
}

/* More than one allocation, in no order. */
static void many(void **state)
{
	size_t size = 200000 * 16, len = 0;
	char *text = malloc(size);
	char name[16];

	(void)state;
	assert_non_null(text);
	for (unsigned int i = 0; i < 20000; i++)
		len += (size_t)snprintf(text + len, size - len, "%x t f%u\n",
					(i * 7919 % 20000) * 16, i);
	assert_int_equal(read_text(text), 0);
	assert_int_equal(t.count, 20000);
	for (unsigned int i = 0; i < 20000; i += 37) {
		unsigned int at = i * 7919 % 20000;

		snprintf(name, sizeof(name), "f%u", i);
		expect(at * 16 + 15, at == 19999 ? NULL : name);
	}
	symbols_free(&t);
	free(text);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds),
		cmocka_unit_test(refuses),
		cmocka_unit_test(many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
