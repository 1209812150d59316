/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: util/file_replace.c util/file.c */
/* Files that are replaced as a whole, and what is no such file. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "lkvm/util/file_replace.h"

static struct {
	char dir[32];
	int home;
} t;

static int setup(void **state)
{
	(void)state;
	strcpy(t.dir, "/tmp/replace.XXXXXX");
	t.home = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return mkdtemp(t.dir) && !chdir(t.dir) && t.home >= 0 ? 0 : -1;
}

/* Returns how many there were. */
static unsigned int remove_files(void)
{
	DIR *dir = opendir(".");
	struct dirent *entry;
	unsigned int n = 0;

	assert_non_null(dir);
	while ((entry = readdir(dir)))
		if (entry->d_name[0] != '.') {
			unlink(entry->d_name);
			n++;
		}
	closedir(dir);
	return n;
}

static int teardown(void **state)
{
	(void)state;
	remove_files();
	assert_int_equal(fchdir(t.home), 0);
	close(t.home);
	return rmdir(t.dir);
}

static int put(const char *path, const char *text)
{
	return file_replace(path, text, strlen(text));
}

static void assert_file(const char *path, const char *want)
{
	char text[64] = "";
	FILE *file = fopen(path, "re");

	assert_non_null(file);
	assert_int_equal(fread(text, 1, sizeof(text) - 1, file), strlen(want));
	fclose(file);
	assert_string_equal(text, want);
}

static mode_t mode_of(const char *path)
{
	struct stat st;

	assert_int_equal(lstat(path, &st), 0);
	return st.st_mode & 0777;
}

/* Who has opened the old one keeps it. */
static void replaced(void **state)
{
	mode_t mask = umask(027);
	char old[8] = "";
	int fd;

	(void)state;
	assert_int_equal(put("file", "one"), 0);
	assert_int_equal(mode_of("file"), 0640);
	umask(mask);
	assert_file("file", "one");
	chmod("file", 0604);
	fd = open("file", O_RDONLY | O_CLOEXEC);
	assert_int_equal(put("file", ""), 0);
	assert_file("file", "");
	assert_int_equal(mode_of("file"), 0604);
	assert_int_equal(read(fd, old, sizeof(old)), 3);
	close(fd);
	assert_int_equal(remove_files(), 1);
}

static void links(void **state)
{
	(void)state;
	assert_int_equal(put("file", "one"), 0);
	assert_int_equal(symlink("file", "link"), 0);
	assert_int_equal(put("link", "two"), 0);
	assert_file("file", "two");
	assert_int_equal(mode_of("link"), 0777);
	assert_int_equal(remove_files(), 2);
}

static void pipes(void **state)
{
	char text[8] = "";
	int fd;

	(void)state;
	assert_int_equal(mkfifo("pipe", 0600), 0);
	assert_int_equal(put("pipe", "text"), -ENXIO);
	fd = open("pipe", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	assert_int_equal(put("pipe", "text"), 0);
	assert_int_equal(read(fd, text, sizeof(text)), 4);
	close(fd);
	assert_int_equal(put("/dev/null", "text"), 0);
	assert_int_equal(put("/dev/full", "text"), -ENOSPC);
	assert_int_equal(remove_files(), 1);
}

static void failures(void **state)
{
	(void)state;
	assert_int_equal(put("none/file", "text"), -ENOENT);
	assert_int_equal(put(".", "text"), -EISDIR);
	assert_int_equal(remove_files(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(replaced, setup, teardown),
		cmocka_unit_test_setup_teardown(links, setup, teardown),
		cmocka_unit_test_setup_teardown(pipes, setup, teardown),
		cmocka_unit_test_setup_teardown(failures, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
