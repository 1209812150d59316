/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The argument of --disk: a file, and how the disk uses it. Whether the file
 * exists and can be used is checked when disk/ opens it.
 *
 * Called on the main thread for each --disk, before there is a machine. Only
 * what is wrong for any file is refused here.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lkvm/config/disk.h"
#include "lkvm/config/keyvalue.h"
#include "lkvm/util/log.h"

/* DISK_CONFIG_UNKNOWN, the value without a format, cannot be named. */
static const char *const format_names[] = {
	[DISK_CONFIG_RAW] = "raw",
	[DISK_CONFIG_QCOW2] = "qcow2",
};

enum {
	DISK_FILE,
	DISK_RO,
	DISK_SNAPSHOT,
	DISK_DIRECT,
	DISK_FORMAT,
	DISK_BACKING,
	DISK_BACKING_FORMAT,
	DISK_SERIAL,
	DISK_BOOTINDEX,
	DISK_QUEUES,
};

static const struct key_def keys[] = {
	[DISK_FILE] = KEY_STRING("FILE", struct disk_config, path, 0),
	[DISK_RO] = KEY_FLAG("ro", struct disk_config, readonly),
	[DISK_SNAPSHOT] = KEY_FLAG("snapshot", struct disk_config, snapshot),
	[DISK_DIRECT] = KEY_FLAG("direct", struct disk_config, direct),
	[DISK_FORMAT] =
		KEY_ENUM("format", struct disk_config, format, format_names),
	[DISK_BACKING] = KEY_STRING("backing", struct disk_config, backing, 0),
	[DISK_BACKING_FORMAT] = KEY_ENUM("backing_format", struct disk_config,
					 backing_format, format_names),
	[DISK_SERIAL] = KEY_STRING("serial", struct disk_config, serial,
				   DISK_MAX_SERIAL),
	[DISK_BOOTINDEX] = KEY_U32("bootindex", struct disk_config, bootindex,
				   0, DISK_NO_BOOTINDEX - 1,
				   "a number; the lowest is tried first"),
	[DISK_QUEUES] = KEY_U32("queues", struct disk_config, queues, 1,
				DISK_MAX_QUEUES, "1 to 64"),
};

/* A snapshot is for changes, which a disk that is read-only does not get. */
static const struct key_conflict conflicts[] = {
	{ DISK_RO, DISK_SNAPSHOT, "with ro the guest cannot write" },
};

static const struct key_table table = {
	.option = "--disk",
	.form = "FILE[,OPT...]",
	.keys = keys,
	.nr_keys = ARRAY_SIZE(keys),
	.nr_positional = 1,
	.conflicts = conflicts,
	.nr_conflicts = ARRAY_SIZE(conflicts),
};

/*
 * Raw content is all there is of a raw disk, so only an image can be based on
 * another file.
 */
static int check_backing(const struct disk_config *config, const char *arg)
{
	const char *why = NULL;

	if (config->backing && config->format != DISK_CONFIG_QCOW2)
		why = "\"backing\" goes with format=qcow2";
	else if (config->backing_format && !config->backing)
		why = "\"backing_format\" goes with backing=";
	if (!why)
		return 0;
	pr_fatal("--disk %.256s: %s", arg, why);
	return -EINVAL;
}

/* All strings point into `strings`, a copy of the argument. */
int disk_config_parse(struct disk_config *config, const char *arg)
{
	int ret;

	memset(config, 0, sizeof(*config));
	config->bootindex = DISK_NO_BOOTINDEX;
	ret = keyvalue_parse(&table, arg, config, &config->strings);
	if (ret)
		return ret;
	ret = check_backing(config, arg);
	if (ret)
		disk_config_free(config);
	return ret;
}

void disk_config_free(struct disk_config *config)
{
	free(config->strings);
	config->strings = NULL;
}
