/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Directories that the guest can mount: the argument of --9p. */
#ifndef LKVM_CONFIG_SHARE_H
#define LKVM_CONFIG_SHARE_H

#include "lkvm/util/util.h"

#define SHARE_MAX_TAG 32 /* bytes; what QEMU and kvmtool allow, too */

/* Whose files are, what their modes are, and their types. */
enum share_owner {
	SHARE_OWNER_HOST,   /* the host's */
	SHARE_OWNER_MAPPED, /* kept in attributes of files that are ours */
};

/* One `--9p DIR,TAG[,opt...]`. */
struct share_config {
	const char *path;
	const char *tag; /* what the guest mounts it by */
	bool readonly;
	bool is_root; /* of --root, and no --9p */
	enum share_owner owner;
	char *strings; /* what the pointers point into */
};

struct share_list {
	struct share_config *items;
	unsigned int count;
};

/*
 * Parses the value of `--9p`: DIR,TAG[,OPT...], see README.md. A comma in DIR
 * or TAG is written ",,". Returns 0; the caller calls share_config_free() then.
 * Else -EINVAL or -ENOMEM after a message.
 */
int share_config_parse(struct share_config *config, const char *arg);

/* Frees the strings. A copy of *config has the same ones. */
void share_config_free(struct share_config *config);

#endif
