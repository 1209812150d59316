/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Files for fw_cfg that the user names: the argument of --fw-cfg. */
#ifndef LKVM_CONFIG_FW_CFG_H
#define LKVM_CONFIG_FW_CFG_H

#include "lkvm/hw/fw_cfg/fw_cfg.h"

/* The largest host file; kernels and initrds have ways of their own. */
#define FW_CFG_CONFIG_MAX (64 * SZ_1M)

/* One `--fw-cfg name=NAME,file=PATH` or `name=NAME,string=TEXT`. */
struct fw_cfg_config {
	char name[FW_CFG_MAX_NAME + 1];
	char path[4096]; /* of what the file holds; empty: `text` */
	char text[4096]; /* without the zero at its end */
};

/*
 * Parses the argument, whose first item may go without "name="; the last one
 * of a kind counts. A name that does not begin with opt/ gets a warning.
 * Returns 0, or -EINVAL after a fatal message; *config is unspecified then.
 */
int fw_cfg_config_parse(struct fw_cfg_config *config, const char *arg);

/*
 * Whether its path, if it has one, can be read; a pipe keeps its content.
 * Returns 0, or -errno after a fatal message.
 */
int fw_cfg_config_check(const struct fw_cfg_config *config);

/*
 * Adds the file to `fw`, with what its path, which may be a pipe, has now.
 * Returns 0, or -errno after a fatal message that names the file.
 */
int fw_cfg_config_add(struct fw_cfg *fw, const struct fw_cfg_config *config);

#endif
