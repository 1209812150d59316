/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Files for fw_cfg that the user names: the argument of --fw-cfg. */
#ifndef LKVM_CONFIG_FW_CFG_H
#define LKVM_CONFIG_FW_CFG_H

#include <errno.h>
#include <string.h>

#include "lkvm/util/parse.h"
#include "lkvm/util/util.h"

#define FW_CFG_MAX_NAME 55 /* characters of a file's name */

/* The largest host file; kernels and initrds have ways of their own. */
#define FW_CFG_CONFIG_MAX (64 * SZ_1M)

/* One `--fw-cfg name=NAME,file=PATH` or `name=NAME,string=TEXT`. */
struct fw_cfg_config {
	const char *name;
	const char *path; /* of what the file holds; NULL: `text` */
	const char *text; /* without the zero at its end; NULL: `path` */
	char *strings;	  /* what the pointers point into */
};

struct fw_cfg_list {
	struct fw_cfg_config *items;
	unsigned int count;
};

/*
 * Parses the argument, whose first item may go without "name="; the last one
 * of a kind counts. A name that does not begin with opt/ gets a warning.
 * Returns 0; the caller calls fw_cfg_config_free() then. Else -EINVAL or
 * -ENOMEM after a fatal message.
 */
int fw_cfg_config_parse(struct fw_cfg_config *config, const char *arg);

/* Frees the strings. A copy of *config has the same ones. */
void fw_cfg_config_free(struct fw_cfg_config *config);

/*
 * 0 if `name` may be a file's: 1 to FW_CFG_MAX_NAME printable ASCII characters
 * and no space. Else -EINVAL, or -ENAMETOOLONG.
 */
static inline int fw_cfg_check_name(const char *name)
{
	if (!is_word(name))
		return -EINVAL;
	return strlen(name) > FW_CFG_MAX_NAME ? -ENAMETOOLONG : 0;
}

#endif
