/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "image_fixture.h"
#include "lkvm/util/log.h"

char fatal[1024];
unsigned int nr_fatal;
unsigned int nr_warnings;

void pr_fatal(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(fatal, sizeof(fatal), fmt, args);
	va_end(args);
	nr_fatal++;
}

void log_print(enum log_level level, const char *fmt, ...)
{
	char text[1024];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	if (level == LOG_LEVEL_WARNING)
		nr_warnings++;
}

void put_le(u8 *p, u64 value, size_t len)
{
	for (size_t i = 0; i < len; i++)
		p[i] = (u8)(value >> 8 * i);
}

static void fill_pattern(u8 *p, size_t len)
{
	u32 x = 1;

	for (size_t i = 0; i < len; i++) {
		x = x * 1664525 + 1013904223;
		p[i] = (u8)(x >> 24) & (i & 64 ? 0xff : 0x0f);
	}
}

void write_file(const struct fixture *f)
{
	int fd = open(f->path, O_WRONLY | O_TRUNC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, f->data, f->len), f->len);
	assert_int_equal(close(fd), 0);
}

void set_data(struct fixture *f, u8 *data, size_t len)
{
	free(f->data);
	f->data = data;
	f->len = len;
	write_file(f);
}

void set_bytes(struct fixture *f, const void *bytes, size_t len)
{
	u8 *data = malloc(len + 1);

	memcpy(data, bytes, len);
	set_data(f, data, len);
}

void set_magic(struct fixture *f, size_t size, size_t offset, const char *magic,
	       size_t len)
{
	u8 *data = malloc(size + 1);

	fill_pattern(data, size);
	memcpy(data + offset, magic, len);
	set_data(f, data, size);
}

void set_arm64(struct fixture *f, u64 text_offset, u64 image_size)
{
	set_magic(f, KERNEL_SIZE, 0x38, "ARM\x64", 4);
	put_le(f->data + 0x08, text_offset, 8);
	put_le(f->data + 0x10, image_size, 8);
	put_le(f->data + 0x18, 0xa, 8);
	write_file(f);
}

void set_zimage(struct fixture *f, u32 start, u32 end)
{
	set_magic(f, KERNEL_SIZE, 0x24, "\x18\x28\x6f\x01", 4);
	put_le(f->data + 0x28, start, 4);
	put_le(f->data + 0x2c, end, 4);
	write_file(f);
}

void truncate_file(struct fixture *f, size_t len)
{
	f->len = len;
	write_file(f);
}

int open_file(struct fixture *f, const char *path, const char *what)
{
	boot_file_close(&f->file);
	return boot_file_open(&f->file, path, what, f->room);
}

int load_plain(struct fixture *f, const char *path, const char *what)
{
	int ret = open_file(f, path, what);

	return ret ? ret : file_load(&f->file, f->ram, f->room, &f->loaded);
}

int open_and_load(struct fixture *f, bool aarch32)
{
	int ret;

	nr_fatal = 0;
	f->loaded = 0;
	ret = open_file(f, f->path, "kernel");
	if (!ret)
		ret = image_open(&f->img, &f->file, aarch32);
	if (ret)
		return ret;
	ret = image_load(&f->img, f->ram, f->room, &f->loaded);
	image_close(&f->img);
	return ret;
}

int load(struct fixture *f)
{
	return open_and_load(f, false);
}

void assert_said(const struct fixture *f, const char *text)
{
	assert_int_equal(nr_fatal, 1);
	if (!strstr(fatal, text))
		fail_msg("\"%s\" is not in \"%s\"", text, fatal);
	assert_non_null(strstr(fatal, f->path));
}

void assert_ram(const struct fixture *f, u64 offset, const u8 *data, size_t len)
{
	for (u64 i = 0; i < f->room; i++) {
		if (i == offset) {
			assert_memory_equal(f->ram + i, data, len);
			i += len;
		}
		if (i < f->room && f->ram[i])
			fail_msg("byte at %#llx", (unsigned long long)i);
	}
}

void assert_loaded(struct fixture *f, enum image_kind kind, u64 text_offset,
		   u64 image_size, const u8 *data, size_t len)
{
	assert_int_equal(nr_fatal, 0);
	assert_int_equal(f->img.kind, kind);
	assert_int_equal(f->img.text_offset, text_offset);
	assert_int_equal(f->img.image_size, image_size);
	assert_int_equal(f->loaded, len);
	assert_ram(f, text_offset, data, len);
}

u8 *copy_of(const struct fixture *f)
{
	u8 *copy = malloc(f->len);

	memcpy(copy, f->data, f->len);
	return copy;
}

void set_room(struct fixture *f, u64 room)
{
	free(f->ram);
	f->ram = calloc(1, room ? room : 1);
	f->room = room;
}

int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	const char *dir = getenv("TMPDIR");
	int fd;

	snprintf(f->path, sizeof(f->path), "%s/test_image.XXXXXX",
		 dir ? dir : "/tmp");
	fd = mkstemp(f->path);
	if (fd < 0)
		return -1;
	close(fd);
	set_room(f, RAM_SIZE);
	nr_fatal = 0;
	nr_warnings = 0;
	*state = f;
	return 0;
}

int teardown(void **state)
{
	struct fixture *f = *state;

	unlink(f->path);
	boot_file_close(&f->file);
	free(f->data);
	free(f->ram);
	free(f);
	return 0;
}
