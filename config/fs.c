/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The argument of --fs: a directory or a daemon's socket, and what the guest
 * calls it. Which of the two it is, and whether it is there at all, is found
 * out when share/ opens it.
 */
#include <stdlib.h>
#include <string.h>

#include "lkvm/config/fs.h"
#include "lkvm/config/keyvalue.h"

const char *const fs_sandbox_names[NR_FS_SANDBOXES] = {
	[FS_SANDBOX_NAMESPACE] = "namespace",
	[FS_SANDBOX_CHROOT] = "chroot",
	[FS_SANDBOX_NONE] = "none",
};

static const struct key_def keys[] = {
	KEY_STRING("PATH", struct fs_config, path, 0),
	KEY_STRING("TAG", struct fs_config, tag, FS_MAX_TAG),
	KEY_FLAG("ro", struct fs_config, readonly),
	KEY_ENUM("sandbox", struct fs_config, sandbox, fs_sandbox_names),
};

static const struct key_table table = {
	.option = "--fs",
	.form = "DIR|SOCKET,TAG[,OPT...]",
	.keys = keys,
	.nr_keys = ARRAY_SIZE(keys),
	.nr_positional = 2,
};

int fs_config_parse(struct fs_config *config, const char *arg)
{
	memset(config, 0, sizeof(*config));
	return keyvalue_parse(&table, arg, config, &config->strings);
}

void fs_config_free(struct fs_config *config)
{
	free(config->strings);
	config->strings = NULL;
}
