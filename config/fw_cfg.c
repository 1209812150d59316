/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The argument of --fw-cfg: the name of a file and what it holds. The content
 * of a path is read when the device is made, by hw/fw_cfg/user_file.c.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lkvm/config/fw_cfg.h"
#include "lkvm/config/keyvalue.h"
#include "lkvm/util/log.h"

/* QEMU, docs/specs/fw_cfg, "Externally Provided Items": what is the user's. */
#define USER_PREFIX "opt/"

/* Indices of the keys. */
enum {
	FW_CFG_NAME,
	FW_CFG_FILE,
	FW_CFG_STRING,
};

/* The device's directory limits the name, nothing the content. */
static const struct key_def keys[] = {
	[FW_CFG_NAME] =
		KEY_STRING("name", struct fw_cfg_config, name, FW_CFG_MAX_NAME),
	[FW_CFG_FILE] = KEY_STRING("file", struct fw_cfg_config, path, 0),
	[FW_CFG_STRING] = KEY_STRING("string", struct fw_cfg_config, text, 0),
};

static const struct key_conflict conflicts[] = {
	{ FW_CFG_FILE, FW_CFG_STRING, "the content comes from one of them" },
};

static const struct key_table table = {
	.option = "--fw-cfg",
	.form = "name=NAME,file=PATH or name=NAME,string=TEXT",
	.keys = keys,
	.nr_keys = ARRAY_SIZE(keys),
	.bare = true,
	.conflicts = conflicts,
	.nr_conflicts = ARRAY_SIZE(conflicts),
};

/* What is missing, and what the name may be. */
static int check(const struct fw_cfg_config *config, const char *arg)
{
	const char *problem = NULL;

	if (!config->name)
		problem = "no name= is given";
	else if (fw_cfg_check_name(config->name))
		problem = "a name has printable ASCII characters and no space";
	else if (!config->path && !config->text)
		problem = "want one of file= and string=";
	if (problem) {
		pr_fatal("--fw-cfg %.256s: %s", arg, problem);
		return -EINVAL;
	}
	if (strncmp(config->name, USER_PREFIX, strlen(USER_PREFIX)))
		pr_warn("--fw-cfg %.256s: names that do not begin "
			"with " USER_PREFIX
			" are reserved for lkvm and the firmware",
			arg);
	return 0;
}

/* A foreign name has a warning only: overriding the firmware's is a use, too.
 */
int fw_cfg_config_parse(struct fw_cfg_config *config, const char *arg)
{
	int ret;

	memset(config, 0, sizeof(*config));
	ret = keyvalue_parse(&table, arg, config, &config->strings);
	if (!ret)
		ret = check(config, arg);
	if (ret)
		fw_cfg_config_free(config);
	return ret;
}

void fw_cfg_config_free(struct fw_cfg_config *config)
{
	free(config->strings);
	config->strings = NULL;
}
