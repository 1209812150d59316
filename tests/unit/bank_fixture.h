/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A flash bank on a bus, with fakes of the memory slots and of pwrite(2). */
#ifndef TESTS_BANK_FIXTURE_H
#define TESTS_BANK_FIXTURE_H

#include "flash_fixture.h"
#include "lkvm/hw/cfi_flash.h"
#include "lkvm/vmm/vm.h"

#define BASE 0x2000000
#define SIZE SZ_1M /* of the bank that setup() makes */

/* The program has to be linked with --wrap for pwrite and fdatasync. */
extern struct fakes {
	/* errno values to fail with, or 0. */
	int init, map, unmap, pwrite, fdatasync;
	unsigned int fail_pwrite;  /* only this one, counted from 1; 0: all */
	void (*late_pwrite)(void); /* is called just before it writes */
	unsigned int nr_pwrites, nr_syncs;
	unsigned int nr_released;
	/*
	 * For the next bank: it has the VM's ring, with a page of KVM's; and
	 * what other vCPUs write in the moment they are told to pause.
	 */
	bool coalesce;
	bool plain; /* it has code, and is plain memory */
	/*
	 * The next bank has a timer in vm.loop, and vm.worker, which calls this
	 * in a sync, without the bank's lock.
	 */
	void (*idle_sync)(void);
	pthread_t main;
	void (*late)(void);
	int zone; /* errno of registering one */
	unsigned int nr_zones, nr_removals, nr_pauses;
	unsigned int nr_ends; /* calls of end_run() */
	bool failed;	      /* what the last was given */
	/* Since the bank was made, a letter each: w pwrite, s fdatasync. */
	char calls[256];
	/* False if the array was changed while the guest could read it. */
	bool order_kept;
} fake;

extern struct vm vm;
#define bus vm.bus
extern struct cfi_flash *flash, *flash2;

int setup(void **state);    /* a bank of 1 MiB of pattern */
int setup_ro(void **state); /* the same, read-only */
int teardown(void **state);

#define BANK_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

/* Makes the bank of the file of path_of("f") with these options. */
int make_bank(const char *options);
/*
 * Makes another one behind it, of path_of("g"), as large but erased, which has
 * the ring as well. Offsets from SIZE on are of that.
 */
void make_second_bank(void);
void drop_bank(void); /* of both */

/*
 * One access of the guest, at an offset from the bank's base. After a write
 * the mapping rule is checked, unless map or unmap fail.
 */
u64 rd(u64 offset, unsigned int len);
void wr(u64 offset, u32 value);
void wr_len(u64 offset, u64 value, unsigned int len);

/*
 * A write of the guest that KVM may take. True if it has, else it has exited as
 * by wr().
 */
bool kvm_wr(u64 offset, u32 value);

/* A command to both chips: `command` on both halves. */
void cmd(u64 offset, u16 command);

/* What both chips show in the status register. */
#define assert_status(status) assert_int_equal(rd(0, 4), (u32)(status)*0x10001)

/* Ends with an error if file and array, as far as kept, are not the same. */
void assert_file_is_array(void);

/* The array is the pattern, but for `len` bytes from `offset`. */
void assert_rest_untouched(u64 offset, u64 len);
#define assert_untouched() assert_rest_untouched(0, 0)

/* Programs a word, erases a block, as drivers do it. */
void program(u64 offset, u32 value);
void erase(u64 offset);

/* Programs `n` words of `value` by the buffer; n is 1 to 512. */
void buffer_program(u64 offset, u32 value, unsigned int n);

#endif
