/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Banks of flash that the user names: the argument of --flash. */
#ifndef LKVM_CONFIG_FLASH_H
#define LKVM_CONFIG_FLASH_H

#include "lkvm/util/util.h"

#define FLASH_MAX_BANKS 4

/* When what was written to a flash's file is made durable. */
enum flash_sync {
	FLASH_SYNC_ORDERED, /* as the guest returns to array mode, or erases */
	FLASH_SYNC_STRICT,  /* before the guest sees that a command is done */
	FLASH_SYNC_NONE,    /* never: for what may be lost with the host */
};

/* One `--flash FILE[,opt...]`. */
struct flash_config {
	char path[4096];
	char template[4096]; /* a new file is a copy of it; empty: of none */
	char label[32]; /* the node's `label`; empty for the machine's own */
	u64 size;	/* bytes of the bank; 0: as large as the file */
	bool readonly;
	bool create;
	bool xip;      /* the guest executes from it */
	bool snapshot; /* changes stay in memory, and end with the run */
	enum flash_sync sync;
	/* Commands of the run that go wrong, counted from 1; 0: none. */
	u64 fail_program, fail_erase;
	u64 cut; /* programs and erases counted together */
};

/*
 * Parses the value of `--flash`: FILE[,OPT...], see README.md. A comma in FILE
 * or a value is written ",,". Returns 0, or -EINVAL after a message.
 */
int flash_config_parse(struct flash_config *config, const char *arg);

#endif
