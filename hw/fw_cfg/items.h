/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What hw/fw_cfg/fw_cfg.c and items.c share: private to hw/fw_cfg/.
 * fw_cfg_find() is called with the device's lock held, or while no vCPU runs.
 */
#ifndef HW_FW_CFG_ITEMS_H
#define HW_FW_CFG_ITEMS_H

#include "lkvm/hw/fw_cfg/fw_cfg.h"

/* The item of this key, bit 14 aside, or NULL. */
struct fw_cfg_item *fw_cfg_find(const struct fw_cfg *fw, u16 key);

/* Adds the directory, without files. Returns 0 or -ENOMEM. */
int fw_cfg_add_directory(struct fw_cfg *fw);

/* Releases all items, and the directory. */
void fw_cfg_free_items(struct fw_cfg *fw);

#endif
