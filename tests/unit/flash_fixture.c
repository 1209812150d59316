/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "flash_fixture.h"
#include "lkvm/util/log.h"

char messages[4096];
unsigned int nr_fatal;
unsigned int nr_guest;

static char dir[64];

void forget_messages(void)
{
	messages[0] = '\0';
	nr_fatal = 0;
	nr_guest = 0;
}

static __printf(1, 0) void say(const char *fmt, va_list args)
{
	size_t len = strlen(messages);

	vsnprintf(messages + len, sizeof(messages) - len, fmt, args);
	len = strlen(messages);
	snprintf(messages + len, sizeof(messages) - len, "\n");
}

void pr_fatal(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	say(fmt, args);
	va_end(args);
	nr_fatal++;
}

void log_print(enum log_level level, const char *fmt, ...)
{
	va_list args;

	(void)level;
	va_start(args, fmt);
	say(fmt, args);
	va_end(args);
}

void pr_guest(struct ratelimit *rl, const char *fmt, ...)
{
	va_list args;

	assert_non_null(rl);
	va_start(args, fmt);
	say(fmt, args);
	va_end(args);
	nr_guest++;
}

int make_dir(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/lkvm-flash-XXXXXX");
	/* Others have to get in: some tests are not root for a while. */
	return mkdtemp(dir) && !chmod(dir, 0755) ? 0 : -1;
}

int remove_dir(void **state)
{
	DIR *d = opendir(dir);
	struct dirent *entry;

	(void)state;
	if (!d)
		return -1;
	while ((entry = readdir(d)))
		if (unlink(path_of(entry->d_name)))
			rmdir(path_of(entry->d_name));
	closedir(d);
	return rmdir(dir);
}

const char *path_of(const char *name)
{
	static char path[512];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

u8 pattern(u64 offset)
{
	return (u8)(offset * 167 ^ offset >> 8 ^ offset >> 16);
}

void make_file(u64 size)
{
	FILE *f = fopen(PATH, "w");

	assert_non_null(f);
	for (u64 i = 0; i < size; i++)
		putc(pattern(i), f);
	assert_int_equal(fclose(f), 0);
}

u64 file_bytes(void)
{
	struct stat st;

	assert_int_equal(stat(PATH, &st), 0);
	return (u64)st.st_size;
}

void read_file(u64 offset, void *buf, size_t len)
{
	int fd = open(PATH, O_RDONLY);

	assert_true(fd >= 0);
	assert_int_equal(pread(fd, buf, len, (off_t)offset), len);
	close(fd);
}

u8 file_byte(u64 offset)
{
	u8 byte;

	read_file(offset, &byte, 1);
	return byte;
}

void assert_content(const struct flash_store *store, u64 size, u64 bytes)
{
	assert_int_equal(store->size, size);
	for (u64 i = 0; i < size; i++)
		if (store->array[i] != (i < bytes ? pattern(i) : 0xff))
			fail_msg("byte %#lx: %#x", (long)i, store->array[i]);
}

void assert_refusal(int ret, int err, const char *text)
{
	assert_int_equal(ret, -err);
	assert_int_equal(nr_fatal, 1);
	if (!strstr(messages, text))
		fail_msg("said: %s", messages);
}

int next_fd(void)
{
	int fd = dup(0);

	close(fd);
	return fd;
}

/* "64K", "2M", "1G"; 0 without a number. */
static u64 size_in(const char *s)
{
	char *unit;
	u64 size = strtoull(s, &unit, 10);

	return size << (*unit == 'G' ? 30 : *unit == 'M' ? 20 : 10);
}

const char *lasting_path_of(const char *name)
{
	static char paths[16][512];
	static unsigned int next;
	char *path = paths[next++ % ARRAY_SIZE(paths)];

	snprintf(path, sizeof(paths[0]), "%s", path_of(name));
	return path;
}

struct flash_config config_of(const char *name, const char *options)
{
	const char *size = strstr(options, ",size=");
	enum flash_sync sync = strstr(options, ",sync=none") ? FLASH_SYNC_NONE
			       : strstr(options, ",sync=strict")
				       ? FLASH_SYNC_STRICT
				       : FLASH_SYNC_ORDERED;

	return (struct flash_config) {
		.path = lasting_path_of(name),
		.readonly = strstr(options, ",ro"),
		.create = strstr(options, ",create"),
		.snapshot = strstr(options, ",snapshot"),
		.sync = sync,
		.size = size ? size_in(size + 6) : 0,
	};
}
