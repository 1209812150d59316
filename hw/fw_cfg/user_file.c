/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Files that the user adds to fw_cfg with --fw-cfg. The syntax of the name is
 * checked with the option (config/fw_cfg.c); here is what only the device
 * knows: that a name is taken or the directory full.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lkvm/hw/fw_cfg/boot.h"
#include "lkvm/util/file.h"
#include "lkvm/util/log.h"

/*
 * All of it at once: a pipe can be read only once, and a file may change during
 * the run.
 */
static int read_file(const struct fw_cfg_config *config,
		     struct fw_cfg_data *data)
{
	void *buf;
	size_t len;
	int ret = file_read_all(config->path, FW_CFG_CONFIG_MAX, &buf, &len);

	if (ret) {
		pr_fatal("--fw-cfg %s: unable to read %s: %s", config->name,
			 config->path, strerror(-ret));
		return ret;
	}
	*data = (struct fw_cfg_data) {
		.bytes = buf, .len = len, .release = free, .opaque = buf
	};
	return 0;
}

/*
 * Before there is a VM, so that a wrong name is reported before anything else
 * is done.
 */
int fw_cfg_check_user_file(const struct fw_cfg_config *config)
{
	int ret = !config->path || !access(config->path, R_OK) ? 0 : -errno;

	if (ret)
		pr_fatal("--fw-cfg %s: unable to read %s: %s", config->name,
			 config->path, strerror(-ret));
	return ret;
}

/* A string is copied; what was read from a file belongs to the device. */
int fw_cfg_add_user_file(struct fw_cfg *fw, const struct fw_cfg_config *config)
{
	struct fw_cfg_data data;
	int ret;

	if (config->path) {
		ret = read_file(config, &data);
		if (ret)
			return ret;
		ret = fw_cfg_add_file(fw, config->name, &data);
	} else {
		ret = fw_cfg_add_file_bytes(fw, config->name, config->text,
					    strlen(config->text));
	}
	if (ret)
		pr_fatal("--fw-cfg %s: %s", config->name,
			 ret == -EEXIST	  ? "there is a file of this name"
			 : ret == -ENOSPC ? "there are too many files"
					  : strerror(-ret));
	return ret;
}
