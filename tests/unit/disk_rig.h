/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A disk in a file, or a block device that acts like one, and its calls. */
#ifndef TESTS_DISK_RIG_H
#define TESTS_DISK_RIG_H

#include "flash_fixture.h"
#include "lkvm/disk/disk.h"

#define SIZE (4 * SZ_64K)

/*
 * What the next calls that transfer or change a range do: transfer no more than
 * so many bytes, or fail with a negative errno. Behind the last step all is as
 * it is, but for the errors that follow.
 */
struct disk_fake {
	const int *steps;
	size_t nr_steps;
	int refusal;   /* what fallocate() and ioctl() fail with, or 0 */
	int fdatasync; /* the same */
	int pwrite;    /* what the second pwrite() fails with, or 0 */
	bool is_block;
	/* What was called. */
	unsigned int transfers, syncs, changes, pwrites;
	unsigned long how; /* the mode or request of the last change */
	u64 offset, len;
};

extern struct disk_fake fake;

#define set_plan(plan) make_plan(plan, ARRAY_SIZE(plan))
void make_plan(const int *steps, size_t n);

/* Made by the test's setup(): a file that can be written to. */
extern struct disk *disk;

int setup(void **state);
int teardown(void **state);

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

/* Afresh, and what was called before is forgotten. */
void open_disk(bool readonly, bool is_block);
void close_disk(void);

/* Nothing was transferred, changed or waited for. */
void assert_no_calls(void);

/* Zeroes from `offset` on, everything else as it was. */
void assert_zeroes(u64 offset, u64 len);

enum op {
	READ,
	WRITE,
	DISCARD,
	ZERO,
	UNMAP,
	NR_OPS
};

/* Of one buffer of 512 bytes, whatever `len` is. */
int request(enum op op, u64 offset, u64 len);

/* Buffers of a guest, which has cut four sectors as it liked. */
#define DATA 2048U /* bytes */

/* Transfer as many from `offset` on; what is written is other(). */
int read_parts(u64 offset);
int write_parts(u64 offset);
u8 other(u64 offset);

/* What was read is byte(offset), and nothing behind a buffer was touched. */
void assert_parts(u8 (*byte)(u64), u64 offset);

/* The file has what write_parts() wrote, everything else is as it was. */
void assert_written(u64 offset);

#endif
