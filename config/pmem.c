/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The argument of --pmem: a file, and what becomes of what the guest writes.
 * Whether the file can be used is checked when the machine opens it.
 */
#include <stdlib.h>
#include <string.h>

#include "lkvm/config/keyvalue.h"
#include "lkvm/config/pmem.h"

enum {
	PMEM_FILE,
	PMEM_RO,
	PMEM_SNAPSHOT,
};

static const struct key_def keys[] = {
	[PMEM_FILE] = KEY_STRING("FILE", struct pmem_config, path, 0),
	[PMEM_RO] = KEY_FLAG("ro", struct pmem_config, readonly),
	[PMEM_SNAPSHOT] = KEY_FLAG("snapshot", struct pmem_config, snapshot),
};

static const struct key_conflict conflicts[] = {
	{ PMEM_RO, PMEM_SNAPSHOT, "with ro the guest cannot write" },
};

static const struct key_table table = {
	.option = "--pmem",
	.form = "FILE[,OPT]",
	.keys = keys,
	.nr_keys = ARRAY_SIZE(keys),
	.nr_positional = 1,
	.conflicts = conflicts,
	.nr_conflicts = ARRAY_SIZE(conflicts),
};

/* All strings point into `strings`, a copy of the argument. */
int pmem_config_parse(struct pmem_config *config, const char *arg)
{
	memset(config, 0, sizeof(*config));
	return keyvalue_parse(&table, arg, config, &config->strings);
}

void pmem_config_free(struct pmem_config *config)
{
	free(config->strings);
	config->strings = NULL;
}
