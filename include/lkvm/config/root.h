/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A folder of the host as the guest's root file system, and what runs in it:
 * the arguments of --root and --init, and of `lkvm sandbox`.
 */
#ifndef LKVM_CONFIG_ROOT_H
#define LKVM_CONFIG_ROOT_H

#include "lkvm/util/util.h"

struct vm_config;

/* What the guest mounts it by, and where it leaves a command's status. */
#define ROOT_TAG	 "lkvm-root"
#define ROOT_HOST_TAG	 "hostfs" /* as with kvmtool */
#define ROOT_STATUS_PORT "org.lkvm.status"
#define ROOT_INPUT_PORT	 "org.lkvm.input" /* and finds its input */

/* All zero: there is none. */
struct root_config {
	const char *dir;      /* NULL: there is none */
	const char *init;     /* first process; NULL: a shell, or `command` */
	const char *modules;  /* directory of lib/modules; NULL: the root's */
	char *const *command; /* ends with NULL; or NULL */
	bool has_input;	      /* of the command, by ROOT_INPUT_PORT */
	char *found;	      /* made by `lkvm setup`: `dir`; or NULL */
};

/*
 * Parses the value of --root: "host", a folder, or the name of one that `lkvm
 * setup` has made. Replaces an earlier one. Returns 0, or -EINVAL or -ENOMEM
 * after a message; root_config_free() in each case.
 */
int root_config_parse(struct root_config *root, const char *arg);

/*
 * Once all options are parsed: whether those of config->root go with the
 * others; then the share that they stand for is added to the configuration.
 * Without --root there is only the first. Returns 0, or -EINVAL or -ENOMEM
 * after a message.
 */
int root_config_apply(struct vm_config *config);

/*
 * The folder that `lkvm setup NAME` makes and --root NAME finds: *path is the
 * caller's to free. Returns 0; -ENOENT if HOME is not set; -EINVAL for what is
 * no name, both without a message; -ENOMEM.
 */
int root_named_path(const char *name, char **path);

void root_config_free(struct root_config *root);

#endif
