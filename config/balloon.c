/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The argument of --balloon, which may be left out. Whether the guest has so
 * much RAM is known to the machine.
 */
#include <stdlib.h>
#include <string.h>

#include "lkvm/config/balloon.h"
#include "lkvm/config/keyvalue.h"

static const struct key_def keys[] = {
	KEY_SIZE("target", struct balloon_config, target, SZ_1M, UINT64_MAX,
		 NULL, "a size from 1M on, such as 512M or 1G"),
	KEY_U32("stats", struct balloon_config, interval, 1,
		BALLOON_MAX_INTERVAL, "a number of seconds, at most a day"),
};

static const struct key_table table = {
	.option = "--balloon",
	.form = "OPT[,OPT...]",
	.keys = keys,
	.nr_keys = ARRAY_SIZE(keys),
};

/* There are no strings to keep. */
int balloon_config_parse(struct balloon_config *config, const char *arg)
{
	char *strings = NULL;
	int ret = 0;

	memset(config, 0, sizeof(*config));
	if (arg)
		ret = keyvalue_parse(&table, arg, config, &strings);
	free(strings);
	config->on = !ret;
	return ret;
}
