/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Directories that the guest mounts by virtiofs: the argument of --fs. */
#ifndef LKVM_CONFIG_FS_H
#define LKVM_CONFIG_FS_H

#include "lkvm/util/util.h"

#define FS_MAX_TAG 36 /* bytes; virtio 1.4, "File System Device" */

/* How virtiofsd confines itself to the directory: its --sandbox. */
enum fs_sandbox {
	FS_SANDBOX_NAMESPACE,
	FS_SANDBOX_CHROOT,
	FS_SANDBOX_NONE,
	NR_FS_SANDBOXES
};

/* As users and virtiofsd call them. */
extern const char *const fs_sandbox_names[NR_FS_SANDBOXES];

/* One `--fs PATH,TAG[,OPT...]`. */
struct fs_config {
	const char *path; /* a directory, or the socket of a daemon */
	const char *tag;  /* what the guest mounts it by */
	bool readonly;
	enum fs_sandbox sandbox;
	char *strings; /* what the pointers point into */
};

struct fs_list {
	struct fs_config *items;
	unsigned int count;
};

/*
 * Parses the value of `--fs`: PATH,TAG[,OPT...], see README.md. A comma in PATH
 * or TAG is written ",,". Returns 0; the caller calls fs_config_free() then.
 * Else -EINVAL or -ENOMEM after a message.
 */
int fs_config_parse(struct fs_config *config, const char *arg);

/* Frees the strings. A copy of *config has the same ones. */
void fs_config_free(struct fs_config *config);

#endif
