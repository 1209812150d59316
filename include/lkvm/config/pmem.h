/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Files that are memory of the guest's: the argument of --pmem. */
#ifndef LKVM_CONFIG_PMEM_H
#define LKVM_CONFIG_PMEM_H

#include "lkvm/util/util.h"

/* One `--pmem FILE[,opt...]`. */
struct pmem_config {
	const char *path;
	bool readonly; /* the guest cannot write to it */
	bool snapshot; /* what it writes is thrown away */
	char *strings; /* what the pointers point into */
};

struct pmem_list {
	struct pmem_config *items;
	unsigned int count;
};

/*
 * Parses the value of `--pmem`: FILE[,OPT...], see README.md. A comma in FILE
 * is written ",,". Returns 0; the caller calls pmem_config_free() then. Else
 * -EINVAL or -ENOMEM after a message.
 */
int pmem_config_parse(struct pmem_config *config, const char *arg);

/* Frees the strings. A copy of *config has the same ones. */
void pmem_config_free(struct pmem_config *config);

#endif
