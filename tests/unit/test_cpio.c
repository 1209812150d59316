/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: util/cpio.c util/blob.c */
/* Archives, as cpio(1) reads them, and field by field. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "lkvm/util/cpio.h"

#define HEADER 110

static struct blob blob;

static int setup(void **state)
{
	(void)state;
	blob = (struct blob) { .limit = SZ_1M };
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	blob_free(&blob);
	return 0;
}

/* Field `n` of the header at `at`: buffer-format.rst counts from the magic. */
static unsigned long field(size_t at, unsigned int n)
{
	char text[9] = "";

	assert_true(at + HEADER <= blob.size);
	memcpy(text, blob.data + at + 6 + 8 * n, 8);
	return strtoul(text, NULL, 16);
}

enum {
	INO,
	MODE,
	UID,
	GID,
	NLINK,
	MTIME,
	SIZE,
	MAJOR,
	MINOR,
	RMAJOR,
	RMINOR,
	NAME_SIZE,
	SUM,
};

static size_t padded(size_t len)
{
	return (len + 3) / 4 * 4;
}

/* An object at `at` has these; returns where the next one is. */
static size_t assert_object(size_t at, u32 mode, const char *name,
			    const char *data)
{
	size_t body = at + padded(HEADER + strlen(name) + 1);
	size_t len = strlen(data);

	assert_memory_equal(blob.data + at, "070701", 6);
	assert_int_equal(field(at, MODE), mode);
	assert_int_equal(field(at, UID) | field(at, GID), 0);
	assert_int_equal(field(at, NLINK), 1);
	assert_int_equal(field(at, NAME_SIZE), strlen(name) + 1);
	assert_int_equal(field(at, SIZE), len);
	assert_string_equal((char *)blob.data + at + HEADER, name);
	assert_memory_equal(blob.data + body, data, len);
	return body + padded(len);
}

static void objects(void **state)
{
	size_t at = 0, first;

	(void)state;
	cpio_add(&blob, S_IFDIR | 0755, "dev", NULL, 0);
	cpio_add_device(&blob, S_IFCHR | 0600, "dev/console", 5, 1);
	cpio_add(&blob, S_IFREG | 0500, "init", "four!", 5);
	cpio_add(&blob, S_IFLNK | 0777, "link", "init", 4);
	cpio_end(&blob);
	assert_int_equal(blob.err, 0);
	first = field(0, INO);
	at = assert_object(at, S_IFDIR | 0755, "dev", "");
	assert_int_equal(field(at, RMAJOR), 5);
	assert_int_equal(field(at, RMINOR), 1);
	assert_int_not_equal(field(at, INO), first);
	at = assert_object(at, S_IFCHR | 0600, "dev/console", "");
	at = assert_object(at, S_IFREG | 0500, "init", "four!");
	at = assert_object(at, S_IFLNK | 0777, "link", "init");
	at = assert_object(at, 0, "TRAILER!!!", "");
	assert_int_equal(at, blob.size);
}

/* Another program's opinion; skipped where there is none. */
static void as_cpio_reads_it(void **state)
{
	static const char want[] = "a\na/file\n";
	char got[64] = "", path[] = "/tmp/test_cpio.XXXXXX", command[80];
	FILE *out;
	int fd;

	(void)state;
	if (system("command -v cpio >/dev/null"))
		skip();
	cpio_add(&blob, S_IFDIR | 0755, "a", NULL, 0);
	cpio_add(&blob, S_IFREG | 0644, "a/file", "content", 7);
	cpio_end(&blob);
	fd = mkstemp(path);
	assert_true(fd >= 0);
	out = fdopen(fd, "w");
	assert_int_equal(fwrite(blob.data, 1, blob.size, out), blob.size);
	fclose(out);
	snprintf(command, sizeof(command), "cpio -t --quiet <%s", path);
	out = popen(command, "r");
	assert_int_equal(fread(got, 1, sizeof(got) - 1, out), strlen(want));
	assert_int_equal(pclose(out), 0);
	unlink(path);
	assert_string_equal(got, want);
}

static void limits(void **state)
{
	(void)state;
	blob.limit = 200;
	cpio_add(&blob, S_IFREG, "a", "1234", 4);
	assert_int_equal(blob.err, 0);
	cpio_add(&blob, S_IFREG, "b", "1234", 4);
	cpio_end(&blob);
	assert_int_equal(blob.err, -E2BIG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(objects, setup, teardown),
		cmocka_unit_test_setup_teardown(as_cpio_reads_it, setup,
						teardown),
		cmocka_unit_test_setup_teardown(limits, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
