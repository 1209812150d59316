/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The content of a flash bank and the file that keeps it.
 *
 * The array lives in anonymous memory, so that a memory slot of it works where
 * file mappings do not (MTE) and a file cut short under us is no SIGBUS. Each
 * change goes to the file at once, in pieces that never cross a page: what
 * write(2) has taken is the kernel's, and survives lkvm being killed.
 */
#ifndef LKVM_FLASH_STORE_H
#define LKVM_FLASH_STORE_H

#include "lkvm/util.h"
#include "lkvm/vm_config.h"

/* The largest piece of a change: no page of any arm64 host is smaller. */
#define FLASH_STORE_PIECE SZ_4K

struct flash_store {
	char *path;
	int fd;
	bool readonly;
	bool dirty;	/* written to since the last sync */
	u8 *array;	/* `size` bytes, page aligned */
	u64 size;	/* bytes of the bank: a power of two */
	u64 persistent; /* the first bytes of the array that the file holds */
	u64 writes;	/* pieces written */
};

/*
 * Opens, locks, checks and reads the file of one `--flash`. The bank will have
 * at least `block` and at most `window` bytes. Returns 0, or -errno after a
 * message that names the file; then nothing is left to close.
 */
int flash_store_open(struct flash_store *store,
		     const struct flash_config *config, u64 block, u64 window);

/*
 * Replaces [offset, offset + len) by `data`, which lies within one piece (see
 * FLASH_STORE_PIECE). The array changes only if the file could be written.
 * Returns 0, -EROFS for a read-only store, -ENOSPC for a change beyond what
 * the file holds, or the -errno of the write.
 */
int flash_store_write(struct flash_store *store, u64 offset, const u8 *data,
		      size_t len);

/* Makes all that was written durable. Returns 0 or -errno. */
int flash_store_sync(struct flash_store *store);

/* Releases lock, file and memory. The array must not be mapped any more. */
void flash_store_close(struct flash_store *store);

/*
 * Parses the value of `--flash`: FILE[,ro][,create][,size=N][,label=TEXT]. A
 * comma in FILE is written ",,". Returns 0, or -EINVAL after a message.
 */
int flash_config_parse(struct flash_config *config, const char *arg);

#endif
