/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A kernel file, RAM to load it into, and what was said meanwhile. */
#ifndef TESTS_IMAGE_FIXTURE_H
#define TESTS_IMAGE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lkvm/arm/boot/image.h"

#define RAM_SIZE    (4 * SZ_1M)
#define TEXT_OFFSET 0x10000
#define KERNEL_SIZE 0x54321

/* What the code under test printed since the test or the last load began. */
extern char fatal[1024];
extern unsigned int nr_fatal;
extern unsigned int nr_warnings; /* since the test began */

/* ASan guards the ends of data and ram. */
struct fixture {
	char path[256];
	u8 *data; /* what is in the file */
	size_t len;
	u8 *ram;
	u64 room;
	u64 loaded;
	struct image img;
	struct boot_file file;
};

int setup(void **state);
int teardown(void **state);

/* The `len` low bytes of `value`, little-endian. */
void put_le(u8 *p, u64 value, size_t len);

/* Writes f->data to the file. */
void write_file(const struct fixture *f);

/* The file's content from now on: `data`, from malloc(), or a copy. */
void set_data(struct fixture *f, u8 *data, size_t len);
void set_bytes(struct fixture *f, const void *bytes, size_t len);
void truncate_file(struct fixture *f, size_t len);

/* `size` bytes of code with the magic of some format at `offset`. */
void set_magic(struct fixture *f, size_t size, size_t offset, const char *magic,
	       size_t len);

/* KERNEL_SIZE bytes with the header of a kernel. */
void set_arm64(struct fixture *f, u64 text_offset, u64 image_size);
void set_zimage(struct fixture *f, u32 start, u32 end);

/* A copy of the file's content, from malloc(). */
u8 *copy_of(const struct fixture *f);

/* Replaces RAM by `room` zero bytes. */
void set_room(struct fixture *f, u64 room);

/* Opens `path` anew as `what`. */
int open_file(struct fixture *f, const char *path, const char *what);

/* That and file_load(). */
int load_plain(struct fixture *f, const char *path, const char *what);

/* image_open(), image_load() and image_close(); in a 64-bit guest: load(). */
int open_and_load(struct fixture *f, bool aarch32);
int load(struct fixture *f);

/* The error came with one message, which names the file and says `text`. */
void assert_said(const struct fixture *f, const char *text);

/* RAM holds `len` bytes of `data` at `offset`, and zeroes elsewhere. */
void assert_ram(const struct fixture *f, u64 offset, const u8 *data,
		size_t len);

/* All of `data` is in RAM, and *f->img says so. */
void assert_loaded(struct fixture *f, enum image_kind kind, u64 text_offset,
		   u64 image_size, const u8 *data, size_t len);

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif
