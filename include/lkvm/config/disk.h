/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Disks that the user names: the argument of --disk. */
#ifndef LKVM_CONFIG_DISK_H
#define LKVM_CONFIG_DISK_H

#include "lkvm/util/util.h"

/* virtio 1.4, "Block Device", "Device Operation": what a serial has room for.
 */
#define DISK_MAX_SERIAL 20 /* bytes */

#define DISK_NO_BOOTINDEX UINT32_MAX
#define DISK_MAX_QUEUES	  64 /* each with a thread of its own */

/* What is in the file. */
enum disk_config_format {
	DISK_CONFIG_UNKNOWN, /* not named: raw, if it looks like nothing else */
	DISK_CONFIG_RAW,
	DISK_CONFIG_QCOW2,
};

/* One `--disk FILE[,opt...]`. */
struct disk_config {
	const char *path;
	const char *serial; /* NULL: none */
	bool readonly;
	bool snapshot; /* changes are thrown away; the file is only read */
	bool direct;   /* past the host's page cache */
	enum disk_config_format format;
	const char *backing; /* what a qcow2 image is based on; NULL: nothing */
	enum disk_config_format backing_format;
	u32 bootindex; /* firmware tries lower ones first */
	u32 queues;    /* 1 to DISK_MAX_QUEUES; 0: chosen by the machine */
	char *strings; /* what the pointers point into */
};

struct disk_list {
	struct disk_config *items;
	unsigned int count;
};

/*
 * Parses the value of `--disk`: FILE[,OPT...], see README.md. A comma in FILE
 * or a value is written ",,". Returns 0; the caller calls disk_config_free()
 * then. Else -EINVAL or -ENOMEM after a message.
 */
int disk_config_parse(struct disk_config *config, const char *arg);

/* Frees the strings. A copy of *config has the same ones. */
void disk_config_free(struct disk_config *config);

#endif
