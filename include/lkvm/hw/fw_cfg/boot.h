/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What fw_cfg has of `--boot-order`, `--boot-wait` and `--fw-cfg`. */
#ifndef LKVM_HW_FW_CFG_BOOT_H
#define LKVM_HW_FW_CFG_BOOT_H

#include "lkvm/hw/fw_cfg/fw_cfg.h"

/*
 * Add what firmware is to boot first, and how long it waits for a key that
 * opens its menu, BOOT_WAIT_MAX seconds at most. Return 0, or an error
 * of fw_cfg_add_file() without a message.
 */
int fw_cfg_add_boot_order(struct fw_cfg *fw, const char *order);
int fw_cfg_add_boot_wait(struct fw_cfg *fw, u32 seconds);

/*
 * Whether the path of a --fw-cfg, if it has one, can be read; a pipe keeps its
 * content. Returns 0, or -errno after a fatal message.
 */
int fw_cfg_check_user_file(const struct fw_cfg_config *config);

/*
 * Adds the file of a --fw-cfg, with what its path, which may be a pipe, has
 * now. Returns 0, or -errno after a fatal message that names the file.
 */
int fw_cfg_add_user_file(struct fw_cfg *fw, const struct fw_cfg_config *config);

#endif
