/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Banks of flash that the user names: the argument of --flash. */
#ifndef LKVM_CONFIG_FLASH_H
#define LKVM_CONFIG_FLASH_H

#include "lkvm/util/util.h"

#define FLASH_MAX_BANKS 4
#define FLASH_MAX_LABEL 31 /* bytes */

/* When what was written to a flash's file is made durable. */
enum flash_sync {
	FLASH_SYNC_ORDERED, /* as the guest returns to array mode, or erases */
	FLASH_SYNC_STRICT,  /* before the guest sees that a command is done */
	FLASH_SYNC_NONE,    /* never: for what may be lost with the host */
};

/* One `--flash FILE[,opt...]`. */
struct flash_config {
	const char *path;
	const char *template; /* a new file is a copy of it; NULL: of none */
	const char *label; /* the node's `label`; NULL for the machine's own */
	u64 size;	   /* bytes of the bank; 0: as large as the file */
	bool readonly;
	bool create;
	bool xip;	/* the guest executes from it */
	bool snapshot;	/* changes stay in memory, and end with the run */
	bool in_memory; /* there is no file: erased first, gone at the end */
	enum flash_sync sync;
	/* Commands of the run that go wrong, counted from 1; 0: none. */
	u64 fail_program, fail_erase;
	u64 cut;       /* programs and erases counted together */
	char *strings; /* what the pointers point into; NULL: others' memory */
};

struct flash_list {
	struct flash_config *items;
	unsigned int count;
};

/*
 * Parses the value of `--flash`: FILE[,OPT...], see README.md. A comma in FILE
 * or a value is written ",,". Returns 0; the caller calls flash_config_free()
 * then. Else -EINVAL or -ENOMEM after a message.
 */
int flash_config_parse(struct flash_config *config, const char *arg);

/* Frees the strings. A copy of *config has the same ones. */
void flash_config_free(struct flash_config *config);

#endif
