/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: disk/format.c disk/decode.c disk/qcow2_*.c */
/* SOURCES: arm/boot/boot_file.c arm/boot/image.c arm/boot/image_file.c */
/* SOURCES: util/file.c */
/* SOURCES: arm/boot/pe.c util/zstd.c */
/* SOURCES: util/gzip.c */
/* SOURCES: tests/unit/image_fixture.c */
/* How files are read: gzip, EFI zboot, pipes, and those of no use. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "image_fixture.h"

static u8 *deflate_all(const u8 *data, size_t len, size_t *out_len)
{
	z_stream z = { .next_in = NULL };
	u8 *out = malloc(len + 1024);

	assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, MAX_WBITS + 16, 8,
				      Z_DEFAULT_STRATEGY),
			 Z_OK);
	z.next_in = (Bytef *)(uintptr_t)data;
	z.avail_in = (uInt)len;
	z.next_out = out;
	z.avail_out = (uInt)(len + 1024);
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	*out_len = z.total_out;
	deflateEnd(&z);
	return out;
}

static void gzip_file(struct fixture *f)
{
	size_t len;
	u8 *out = deflate_all(f->data, f->len, &len);

	set_data(f, out, len);
}

/* Adds to the end of the file. */
static void append(struct fixture *f, const void *data, size_t len)
{
	f->data = realloc(f->data, f->len + len);
	memcpy(f->data + f->len, data, len);
	f->len += len;
	write_file(f);
}

#define ZBOOT_OFFSET 0x1234

/* Wraps the file; 100 bytes follow the payload, as code does in real ones. */
static void zboot_file(struct fixture *f)
{
	size_t len;
	u8 *payload = deflate_all(f->data, f->len, &len);
	u8 *data = calloc(1, ZBOOT_OFFSET + len + 100);

	memcpy(data, "MZ\0\0zimg", 8);
	put_le(data + 0x08, ZBOOT_OFFSET, 4);
	put_le(data + 0x0c, len, 4);
	memcpy(data + 0x18, "gzip", 5);
	memcpy(data + 0x38, "\xcd\x23\x82\x81", 4);
	memcpy(data + ZBOOT_OFFSET, payload, len);
	memset(data + ZBOOT_OFFSET + len, 0x1f, 100);
	free(payload);
	set_data(f, data, ZBOOT_OFFSET + len + 100);
}

static void gzip_room_is_exact(void **state)
{
	struct fixture *f = *state;

	set_arm64(f, TEXT_OFFSET, 1);
	gzip_file(f);
	set_room(f, TEXT_OFFSET + KERNEL_SIZE);
	assert_int_equal(load(f), 0);
	assert_int_equal(f->loaded, KERNEL_SIZE);
	set_room(f, TEXT_OFFSET + KERNEL_SIZE - 1);
	assert_int_equal(load(f), -EFBIG);
	assert_said(f, "does not fit");
	/* Less than what was read to find out what it is. */
	set_room(f, TEXT_OFFSET + 100);
	assert_int_equal(load(f), -EFBIG);
}

static void gzip_image(void **state)
{
	struct fixture *f = *state;
	u8 *plain;

	set_arm64(f, TEXT_OFFSET, 0x100000);
	plain = copy_of(f);
	gzip_file(f);
	assert_int_equal(load(f), 0);
	assert_loaded(f, IMAGE_ARM64, TEXT_OFFSET, 0x100000, plain,
		      KERNEL_SIZE);
	free(plain);
}

/* More compressed bytes than the buffer between file and zlib holds. */
static void gzip_large(void **state)
{
	const size_t len = 3 * SZ_1M;
	struct fixture *f = *state;
	u8 *plain = malloc(len);
	u32 x = 7;

	for (size_t i = 0; i < len; i++) {
		x = x * 1664525 + 1013904223;
		plain[i] = (u8)(x >> 24);
	}
	set_bytes(f, plain, len);
	gzip_file(f);
	assert_true(f->len > 2 * SZ_1M);
	assert_int_equal(load(f), 0);
	assert_loaded(f, IMAGE_FLAT, 0x80000, len, plain, len);
	free(plain);
}

static void gzip_members(void **state)
{
	static const u8 garbage[] = "\x1f trailing garbage";
	struct fixture *f = *state;
	u8 *plain, *second;
	size_t len;

	set_arm64(f, 0, 1);
	plain = malloc(KERNEL_SIZE + 3);
	memcpy(plain, f->data, KERNEL_SIZE);
	memcpy(plain + KERNEL_SIZE, "xyz", 3);
	second = deflate_all(plain + KERNEL_SIZE, 3, &len);
	gzip_file(f);
	append(f, second, len);
	append(f, garbage, sizeof(garbage));
	assert_int_equal(load(f), 0);
	assert_loaded(f, IMAGE_ARM64, 0, KERNEL_SIZE + 3, plain,
		      KERNEL_SIZE + 3);

	/* What begins like a member has to be one. */
	append(f, second, len);
	f->len -= len;
	f->data[f->len - sizeof(garbage) + 1] = 0x8b;
	write_file(f);
	assert_int_equal(load(f), -EBADMSG);
	free(plain);
	free(second);
}

/*
 * One member that fills the buffer between file and zlib twice, or nearly, and
 * another behind it.
 */
static void gzip_members_at_end_of_buffer(void **state)
{
	const size_t twice = 2 * 256 * SZ_1K;
	struct fixture *f = *state;
	u8 *first, *second, *plain;
	size_t first_len, second_len;

	set_arm64(f, 0, 1);
	plain = copy_of(f);
	first = deflate_all(plain, 0x1000, &first_len);
	second = deflate_all(plain + 0x1000, KERNEL_SIZE - 0x1000, &second_len);
	for (size_t len = twice - 2; len <= twice; len++) {
		u8 *data = malloc(len);
		size_t name = len - first_len;

		/* RFC 1952: a name of any length follows the header */
		memcpy(data, first, 10);
		data[3] |= 0x08;
		memset(data + 10, 'n', name - 1);
		data[10 + name - 1] = '\0';
		memcpy(data + 10 + name, first + 10, first_len - 10);
		set_data(f, data, len);
		append(f, second, second_len);
		set_room(f, RAM_SIZE);
		assert_int_equal(load(f), 0);
		assert_loaded(f, IMAGE_ARM64, 0, KERNEL_SIZE, plain,
			      KERNEL_SIZE);
	}
	free(first);
	free(second);
	free(plain);
}

/* The size of the file says nothing about the size of what is in it. */
static void gzip_with_much_garbage(void **state)
{
	struct fixture *f = *state;
	u8 *garbage = calloc(1, RAM_SIZE);

	set_arm64(f, 0, 1);
	gzip_file(f);
	append(f, garbage, RAM_SIZE);
	assert_int_equal(load(f), 0);
	assert_int_equal(f->loaded, KERNEL_SIZE);
	free(garbage);
}

static void gzip_truncated(void **state)
{
	struct fixture *f = *state;
	size_t full;

	set_arm64(f, 0, 0x100000);
	gzip_file(f);
	full = f->len;
	for (size_t len = full - 1; len > full - 20; len--) {
		truncate_file(f, len);
		assert_int_equal(load(f), -EBADMSG);
		assert_said(f, "truncated");
	}
	for (size_t len = 30; len >= 2; len--) {
		truncate_file(f, len);
		assert_int_equal(load(f), -EBADMSG);
		assert_said(f, "truncated");
	}
}

static void gzip_corrupt(void **state)
{
	struct fixture *f = *state;
	size_t crc;

	set_arm64(f, 0, 0x100000);
	gzip_file(f);
	crc = f->len - 8;
	f->data[crc] ^= 1;
	write_file(f);
	assert_int_equal(load(f), -EBADMSG);
	assert_said(f, "corrupt");

	f->data[crc] ^= 1;
	f->data[2] = 7; /* compression method */
	write_file(f);
	assert_int_equal(load(f), -EBADMSG);
	assert_said(f, "corrupt");
}

static void gzip_without_content(void **state)
{
	struct fixture *f = *state;

	set_bytes(f, "", 0);
	gzip_file(f);
	assert_int_equal(load(f), -ENODATA);
	assert_said(f, "nothing");
}

static void gzip_bomb(void **state)
{
	const size_t size = 64 * SZ_1M;
	struct fixture *f = *state;
	u8 *bomb = calloc(1, size);

	put_le(bomb, 0xd503201f, 4); /* nop */
	set_data(f, bomb, size);
	gzip_file(f);
	assert_true(f->len < SZ_1M);
	assert_int_equal(load(f), -EFBIG);
	assert_said(f, "does not fit");
}

static void gzip_of_something_else(void **state)
{
	struct fixture *f = *state;

	set_magic(f, 4096, 0, "070701", 6);
	gzip_file(f);
	assert_int_equal(load(f), -ENOEXEC);
	assert_said(f, "compressed in it is a cpio archive");

	set_arm64(f, 0, 0x100000);
	gzip_file(f);
	gzip_file(f);
	assert_int_equal(load(f), -ENOEXEC);
	assert_said(f, "compressed in it is compressed with gzip");
}

static void zboot_image(void **state)
{
	struct fixture *f = *state;
	u8 *plain;

	set_arm64(f, TEXT_OFFSET, 0x100000);
	plain = copy_of(f);
	zboot_file(f);
	assert_int_equal(load(f), 0);
	assert_loaded(f, IMAGE_ARM64, TEXT_OFFSET, 0x100000, plain,
		      KERNEL_SIZE);
	free(plain);
}

static void zboot_other_compression(void **state)
{
	static const char escape[] = "\x1b[2Jxz";
	struct fixture *f = *state;

	set_arm64(f, 0, 0x100000);
	zboot_file(f);
	memcpy(f->data + 0x18, "xzkern", 7);
	write_file(f);
	assert_int_equal(load(f), -ENOEXEC);
	assert_said(f, "compressed with xzkern, where only gzip and zstd");

	memset(f->data + 0x18, 'a', 32);
	write_file(f);
	assert_int_equal(load(f), -ENOEXEC);
	assert_said(f, "aaaaaaaaaa, where only");

	memcpy(f->data + 0x18, escape, sizeof(escape));
	write_file(f);
	assert_int_equal(load(f), -ENOEXEC);
	assert_said(f, "with ?");
	assert_null(strchr(fatal, '\x1b'));
}

static void zboot_wrong_offsets(void **state)
{
	static const u32 values[] = { 0,	  1,	      0x40,
				      0x1000,	  0x7fffffff, 0x80000000,
				      0xffff0000, 0xffffffff };
	struct fixture *f = *state;
	u32 size;

	set_arm64(f, 0, 0x100000);
	zboot_file(f);
	size = (u32)f->len - 100 - ZBOOT_OFFSET;
	for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
		put_le(f->data + 0x08, values[i], 4);
		put_le(f->data + 0x0c, size, 4);
		write_file(f);
		assert_int_equal(load(f), -EBADMSG);
		assert_int_equal(nr_fatal, 1);
		put_le(f->data + 0x08, ZBOOT_OFFSET, 4);
		put_le(f->data + 0x0c, values[i], 4);
		write_file(f);
		assert_int_equal(load(f), -EBADMSG);
		assert_int_equal(nr_fatal, 1);
	}
	put_le(f->data + 0x08, ZBOOT_OFFSET, 4);
	put_le(f->data + 0x0c, size, 4);
	write_file(f);
	assert_int_equal(load(f), 0);

	/* The payload's size counts, not the end of the file. */
	put_le(f->data + 0x0c, size - 1, 4);
	write_file(f);
	assert_int_equal(load(f), -EBADMSG);
	assert_said(f, "ends early");
}

static void zboot_truncated(void **state)
{
	struct fixture *f = *state;
	size_t full;

	set_arm64(f, 0, 0x100000);
	zboot_file(f);
	full = f->len;
	truncate_file(f, full - 100);
	assert_int_equal(load(f), 0);
	truncate_file(f, full - 101);
	assert_int_equal(load(f), -EBADMSG);
	assert_said(f, "outside the file");
	for (size_t len = 0x3f; len >= 8; len--) {
		truncate_file(f, len);
		assert_int_equal(load(f), -EBADMSG);
		assert_said(f, "truncated");
	}
}

static void zboot_for_another_machine(void **state)
{
	struct fixture *f = *state;

	set_magic(f, KERNEL_SIZE, 0x38, "RSC\x05", 4);
	zboot_file(f);
	assert_int_equal(load(f), -ENOEXEC);
	assert_said(f, "not an arm64 Image");
}

static void file_that_cannot_be_opened(void **state)
{
	struct fixture *f = *state;

	unlink(f->path);
	strcpy(f->path, "_NO_FILE_4Uhere_");
	assert_int_equal(load(f), -ENOENT);
	assert_string_equal(fatal, "Unable to open kernel _NO_FILE_4Uhere_: "
				   "No such file or directory");
	assert_int_equal(load_plain(f, f->path, "firmware"), -ENOENT);
	assert_string_equal(fatal, "Unable to open firmware _NO_FILE_4Uhere_: "
				   "No such file or directory");
}

static void directory_and_empty_file(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(load(f), -ENODATA);
	assert_said(f, "it is empty");
	nr_fatal = 0;
	assert_int_equal(load_plain(f, f->path, "initrd"), -ENODATA);
	assert_said(f, "Unable to load initrd");

	assert_int_equal(open_file(f, "/", "kernel"), -EISDIR);
	assert_string_equal(fatal, "Unable to open kernel /: Is a directory");
	assert_int_equal(load_plain(f, "/", "initrd"), -EISDIR);
}

struct writer {
	const struct fixture *f;
	int fd;
};

/* Writes the file's content to a pipe, in pieces. */
static void *write_pipe(void *arg)
{
	struct writer *w = arg;
	size_t done = 0;

	while (done < w->f->len) {
		size_t len = MIN(w->f->len - done, (size_t)1000);
		ssize_t n = write(w->fd, w->f->data + done, len);

		if (n < 0)
			break;
		done += (size_t)n;
	}
	close(w->fd);
	return NULL;
}

/* image_load(), or with a name file_load(), of the content through a pipe. */
static int load_from_pipe(struct fixture *f, const char *file)
{
	int fds[2], ret;
	struct writer w = { .f = f };
	pthread_t thread;
	char path[32];

	nr_fatal = 0;
	assert_int_equal(pipe(fds), 0);
	w.fd = fds[1];
	assert_int_equal(pthread_create(&thread, NULL, write_pipe, &w), 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fds[0]);
	if (file)
		ret = load_plain(f, path, file);
	else
		ret = open_file(f, path, "kernel");
	if (!file && !ret)
		ret = image_open(&f->img, &f->file, false);
	if (!file && !ret)
		ret = image_load(&f->img, f->ram, f->room, &f->loaded);
	close(fds[0]);
	pthread_join(thread, NULL);
	return ret;
}

static void pipes(void **state)
{
	struct fixture *f = *state;
	u8 *plain;

	set_arm64(f, TEXT_OFFSET, 0x100000);
	plain = copy_of(f);
	assert_int_equal(load_from_pipe(f, NULL), 0);
	assert_loaded(f, IMAGE_ARM64, TEXT_OFFSET, 0x100000, plain,
		      KERNEL_SIZE);
	set_room(f, TEXT_OFFSET + KERNEL_SIZE - 1);
	assert_int_equal(load_from_pipe(f, NULL), -EFBIG);

	set_room(f, RAM_SIZE);
	zboot_file(f);
	assert_int_equal(load_from_pipe(f, NULL), 0);
	assert_loaded(f, IMAGE_ARM64, TEXT_OFFSET, 0x100000, plain,
		      KERNEL_SIZE);
	put_le(f->data + 0x08, 0x7fffffff, 4);
	assert_int_equal(load_from_pipe(f, NULL), -EBADMSG);
	free(plain);
}

static void plain_files(void **state)
{
	struct fixture *f = *state;

	set_magic(f, KERNEL_SIZE, 0, "070701", 6);
	assert_int_equal(load_plain(f, f->path, "initrd"), 0);
	assert_int_equal(f->loaded, KERNEL_SIZE);
	assert_ram(f, 0, f->data, f->len);

	set_room(f, KERNEL_SIZE);
	assert_int_equal(load_from_pipe(f, "initrd"), 0);
	assert_int_equal(f->loaded, KERNEL_SIZE);
	assert_ram(f, 0, f->data, f->len);
	assert_int_equal(load_plain(f, f->path, "initrd"), 0);
	assert_int_equal(nr_fatal, 0);
}

static void plain_files_that_do_not_fit(void **state)
{
	struct fixture *f = *state;

	set_magic(f, KERNEL_SIZE, 0, "070701", 6);
	set_room(f, KERNEL_SIZE - 1);
	assert_int_equal(load_plain(f, f->path, "initrd"), -EFBIG);
	assert_said(f, "at least 344865 bytes, and 344864 bytes");
	assert_int_equal(load_from_pipe(f, "initrd"), -EFBIG);
	set_room(f, 0);
	assert_int_equal(load_from_pipe(f, "initrd"), -EFBIG);
	assert_int_equal(load_plain(f, f->path, "initrd"), -EFBIG);
	set_room(f, SZ_64K);
	assert_int_equal(load_plain(f, "/dev/zero", "initrd"), -EFBIG);
}

static void files_of_unknown_size(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(load_plain(f, "/proc/self/status", "initrd"), 0);
	assert_true(f->loaded > 0);
	assert_int_equal(load_plain(f, "/dev/null", "initrd"), -ENODATA);
	assert_int_equal(open_file(f, "/dev/null", "kernel"), 0);
	assert_int_equal(image_open(&f->img, &f->file, false), -ENODATA);
}

static void reading_fails(void **state)
{
	struct fixture *f = *state;

	nr_fatal = 0;
	assert_int_equal(load_plain(f, "/proc/self/mem", "initrd"), -EIO);
	assert_string_equal(fatal, "Unable to load initrd /proc/self/mem: "
				   "Input/output error");
	assert_int_equal(open_file(f, "/proc/self/mem", "kernel"), -EIO);
	assert_string_equal(fatal, "Unable to load kernel /proc/self/mem: "
				   "Input/output error");
	assert_int_equal(nr_fatal, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(gzip_room_is_exact),
		TEST(gzip_image),
		TEST(gzip_large),
		TEST(gzip_members),
		TEST(gzip_members_at_end_of_buffer),
		TEST(gzip_with_much_garbage),
		TEST(gzip_truncated),
		TEST(gzip_corrupt),
		TEST(gzip_without_content),
		TEST(gzip_bomb),
		TEST(gzip_of_something_else),
		TEST(zboot_image),
		TEST(zboot_other_compression),
		TEST(zboot_wrong_offsets),
		TEST(zboot_truncated),
		TEST(zboot_for_another_machine),
		TEST(file_that_cannot_be_opened),
		TEST(directory_and_empty_file),
		TEST(pipes),
		TEST(plain_files),
		TEST(plain_files_that_do_not_fit),
		TEST(files_of_unknown_size),
		TEST(reading_fails),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
