/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The content of a flash bank and the file that keeps it.
 *
 * The array lives in anonymous memory, so that a memory slot of it works where
 * file mappings do not (MTE) and a file that is truncated causes no SIGBUS.
 * Each change goes to the file at once, in pieces that never cross a page: what
 * write(2) has taken is the kernel's, and survives lkvm being killed.
 */
#ifndef LKVM_HW_FLASH_STORE_H
#define LKVM_HW_FLASH_STORE_H

#include <pthread.h>

#include "lkvm/config/flash.h"
#include "lkvm/hw/flash/fault.h"
#include "lkvm/util/util.h"

/* The largest piece of a change: no page of any arm64 host is smaller. */
#define FLASH_STORE_PIECE SZ_4K

#define FLASH_STORE_NO_HEAD UINT64_MAX

/*
 * A sync that another thread does while the store is in use. `lock` is of
 * `finished` and what comes after it, all else is of the bank's.
 */
struct flash_background {
	bool ready;	/* lock and condition are there */
	bool under_way; /* from begin until its result was taken over */
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool finished;
	int ret;
};

struct flash_store {
	char *path;
	int fd;
	bool readonly;
	bool snapshot;	/* changes stay in the array */
	bool kept;	/* see flash_store_keep() */
	bool dirty;	/* written to since the last sync */
	bool erased;	/* what comes next has to find the erase durable */
	u64 head;	/* a block's first piece, programmed since, or none */
	bool cut_short; /* the file was truncated: no more writes to it */
	bool checked;	/* its length, in the command under way */
	enum flash_sync sync;
	struct flash_background background;
	int sync_error; /* of the first sync that failed, for good, or 0 */
	u8 *array;	/* `size` bytes, page aligned */
	u64 size;	/* bytes of the bank: a power of two */
	u64 block;	/* bytes of an erase block */
	u64 persistent; /* the first bytes of the array that the file holds */
	struct flash_fault fault; /* operations that are to fail */
	/* Statistics, which any thread may read without a lock. */
	_Atomic(u64) writes;   /* pieces written */
	_Atomic(u64) failures; /* changes that the file did not take */
	_Atomic(u64) syncs;
	_Atomic(u64) sync_ns; /* time that they took, in all */
};

/*
 * Opens, locks, checks and reads the file of one `--flash`; makes it, if it
 * does not exist and the options say how. The bank will have at least `block`
 * and at most `window` bytes. Returns 0, or -errno after a message that names
 * the file; then nothing is left to close, nor a new file.
 */
int flash_store_open(struct flash_store *store,
		     const struct flash_config *config, u64 block, u64 window);

/*
 * The same for a bank without a file: `size` bytes, a power of two and a
 * multiple of `block`, that are erased. Only what is written to takes memory of
 * its own.
 */
int flash_store_make(struct flash_store *store, u64 block, u64 size);

/*
 * Whether the file of one `--flash` can be opened as it will be, or need not be
 * there because it is to be made; from a template, if that can be opened.
 * Changes nothing. Returns 0, or -errno after a
 * message of flash_store_open().
 */
int flash_store_check(const struct flash_config *config);

/*
 * Replaces [offset, offset + len) by `data`, which lies within one piece (see
 * FLASH_STORE_PIECE). The array changes only if the file could be written.
 * Returns 0, -EROFS for a read-only store, -ENOSPC for a change beyond what
 * the file holds, -EIO if the file was cut short, or the -errno of the write.
 * All but the first make flash_store_finish() fail.
 */
int flash_store_write(struct flash_store *store, u64 offset, const u8 *data,
		      size_t len);

/*
 * Makes all that was written durable, unless the mode is FLASH_SYNC_NONE; no
 * system call if nothing was written since. Returns 0 or -errno. An error is
 * for good: what was not made durable then may never be, so all later calls
 * return it, flash_store_finish() at the latest. The first error was printed:
 * a caller that only syncs because the bank is idle or back in array mode can
 * ignore the result.
 */
int flash_store_sync(struct flash_store *store);

/* True if flash_store_sync() would have something to do. */
bool flash_store_needs_sync(const struct flash_store *store);

/*
 * flash_store_sync() in two steps, of which the second may take its time on
 * another thread, without the bank's lock. flash_store_sync_begin(), with the
 * lock, returns true if there is something to do: then flash_store_sync_run()
 * has to be called, once. What is written in between is for the next sync.
 * Functions that have to know the result wait for it: flash_store_sync(),
 * flash_store_order(), flash_store_complete(), flash_store_finish() and
 * flash_store_close().
 */
bool flash_store_sync_begin(struct flash_store *store);
void flash_store_sync_run(struct flash_store *store);

/*
 * Before a program or erase of [offset, offset + len): makes durable, as by
 * flash_store_sync(), what it must not come to the medium before. That is
 * - all, for an erase, and for a program of what is not erased: it may give up
 *   what was copied elsewhere;
 * - an erase just done: the program may say that the block is good;
 * - what a block begins with, unless that goes on: file systems look there
 *   whether there is something in the block.
 * Other programs may come to the medium in any order. Returns 0, or -errno if
 * the command must not be carried out.
 */
int flash_store_order(struct flash_store *store, u64 offset, size_t len,
		      bool erase);

/*
 * A program or erase was carried out, and the guest is about to see that: in
 * mode FLASH_SYNC_STRICT it is made durable. The next write is another
 * command's. Returns 0, or -errno if the command has to count as failed.
 */
int flash_store_complete(struct flash_store *store);

/*
 * Before reset and exit: flash_store_sync(), and says what has gone wrong so
 * far. Returns 0, or -errno if the file does not hold all that the guest
 * programmed and erased, or may not hold it for good.
 */
int flash_store_finish(struct flash_store *store);

/*
 * Before the guest may write to the array as to RAM, which changes neither the
 * file nor any state here: keeps its content for flash_store_restore(). Pages
 * of zeros need no memory until they are read; others are not duplicated until
 * the guest has written to them. Returns 0, or -errno with the array as it was.
 */
int flash_store_keep(struct flash_store *store);

/*
 * Brings back what was kept, if anything was, by new pages: the array may be
 * mapped. No vCPU runs. Returns 0, or -errno after a message.
 */
int flash_store_restore(struct flash_store *store);

/* Releases lock, file and memory. The array must not be mapped any more. */
void flash_store_close(struct flash_store *store);

#endif
