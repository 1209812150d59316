/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A file for a flash bank in a directory of its own, and what was said. */
#ifndef TESTS_FLASH_FIXTURE_H
#define TESTS_FLASH_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lkvm/hw/flash/store.h"

#define BLOCK  SZ_64K
#define WINDOW SZ_1M

/* All messages since forget_messages(), each on a line of its own. */
extern char messages[4096];
extern unsigned int nr_fatal;
extern unsigned int nr_guest; /* those of pr_guest() */

void forget_messages(void);
#define assert_said(text) assert_non_null(strstr(messages, text))

/* Makes an empty directory, and removes it with all that is in it. */
int make_dir(void **state);
int remove_dir(void **state);

/* A name in the directory; "f" unless told. */
const char *path_of(const char *name);
#define PATH path_of("f")

/* The same for a configuration: it stays until 16 others were asked for. */
const char *lasting_path_of(const char *name);

/* The byte of make_file() at `offset`. */
u8 pattern(u64 offset);

/* Makes the file, `size` bytes of pattern, afresh. */
void make_file(u64 size);

/* What the file holds now, seen through a descriptor of its own. */
u64 file_bytes(void);
u8 file_byte(u64 offset);
void read_file(u64 offset, void *buf, size_t len);

/* A store of `size` bytes: `bytes` of pattern, the rest is erased. */
void assert_content(const struct flash_store *store, u64 size, u64 bytes);

/* It was refused, with one fatal message, and `text` was said. */
void assert_refusal(int ret, int err, const char *text);

/* The descriptor that the next open() gets: the same if none was left open. */
int next_fd(void);

/*
 * A configuration of the file `name`; ",ro", ",create", ",snapshot",
 * ",size=64K" or "M", ",sync=none" or "strict".
 */
struct flash_config config_of(const char *name, const char *options);

#endif
