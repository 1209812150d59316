/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The argument of --9p: a directory, and what the guest calls it. Whether there
 * is such a directory is checked when share/ opens it.
 */
#include <stdlib.h>
#include <string.h>

#include "lkvm/config/keyvalue.h"
#include "lkvm/config/share.h"

static const char *const owner_names[] = {
	[SHARE_OWNER_HOST] = "host",
	[SHARE_OWNER_MAPPED] = "mapped",
};

static const struct key_def keys[] = {
	KEY_STRING("DIR", struct share_config, path, 0),
	KEY_STRING("TAG", struct share_config, tag, SHARE_MAX_TAG),
	KEY_FLAG("ro", struct share_config, readonly),
	KEY_ENUM("owner", struct share_config, owner, owner_names),
};

static const struct key_table table = {
	.option = "--9p",
	.form = "DIR,TAG[,OPT...]",
	.keys = keys,
	.nr_keys = ARRAY_SIZE(keys),
	.nr_positional = 2,
};

/*
 * Two shares with the same tag are refused by config/run.c, which has the list.
 */
int share_config_parse(struct share_config *config, const char *arg)
{
	memset(config, 0, sizeof(*config));
	return keyvalue_parse(&table, arg, config, &config->strings);
}

void share_config_free(struct share_config *config)
{
	free(config->strings);
	config->strings = NULL;
}
