/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The argument of --console-log. The file is opened before there is a machine.
 */
#include <stdlib.h>
#include <string.h>

#include "lkvm/config/console_log.h"
#include "lkvm/config/keyvalue.h"

static const struct key_def keys[] = {
	KEY_STRING("FILE", struct console_log_config, path, 0),
	KEY_FLAG("timestamps", struct console_log_config, timestamps),
	KEY_SIZE("limit", struct console_log_config, limit, 0, INT64_MAX, NULL,
		 "a size such as 100M; 0: no limit"),
};

static const struct key_table table = {
	.option = "--console-log",
	.form = "FILE[,OPT...]",
	.keys = keys,
	.nr_keys = ARRAY_SIZE(keys),
	.nr_positional = 1,
};

/* The default limit is set before parsing, as 0 is a value of its own. */
int console_log_config_parse(struct console_log_config *config, const char *arg)
{
	memset(config, 0, sizeof(*config));
	config->limit = CONSOLE_LOG_LIMIT;
	return keyvalue_parse(&table, arg, config, &config->strings);
}

void console_log_config_free(struct console_log_config *config)
{
	free(config->strings);
	config->strings = NULL;
}
