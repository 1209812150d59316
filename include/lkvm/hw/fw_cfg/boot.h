/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `--boot-order` and `--boot-wait`, and what fw_cfg has of them. */
#ifndef LKVM_HW_FW_CFG_BOOT_H
#define LKVM_HW_FW_CFG_BOOT_H

#include "lkvm/hw/fw_cfg/fw_cfg.h"

#define FW_CFG_BOOT_WAIT_MAX 65 /* seconds: it is told in 16 bits of ms */

/*
 * Appends one path, the argument of a `--boot-order`, to *order: NULL, or the
 * paths before it with a newline between, from malloc(), which it replaces. The
 * caller frees it. Returns 0, or -EINVAL or -ENOMEM after a fatal message, with
 * *order as it was.
 */
int fw_cfg_boot_order_parse(char **order, const char *arg);

/*
 * Add what firmware is to boot first, and how long it waits for a key that
 * opens its menu, FW_CFG_BOOT_WAIT_MAX seconds at most. Return 0, or an error
 * of fw_cfg_add_file() without a message.
 */
int fw_cfg_add_boot_order(struct fw_cfg *fw, const char *order);
int fw_cfg_add_boot_wait(struct fw_cfg *fw, u32 seconds);

#endif
