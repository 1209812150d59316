/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What UEFI firmware is to boot (--boot-order), and how long it waits for a key
 * (--boot-wait). Names and formats: QEMU's "bootorder", "etc/boot-menu-wait"
 * and FW_CFG_BOOT_MENU, as EDK2's QemuBootOrderLib reads them. Called while the
 * machine is built.
 */
#include <endian.h>
#include <string.h>

#include "lkvm/hw/fw_cfg/boot.h"

#define MS_PER_SECOND 1000

/* With the terminating zero, without which EDK2 ignores the file. */
int fw_cfg_add_boot_order(struct fw_cfg *fw, const char *order)
{
	return fw_cfg_add_file_bytes(fw, "bootorder", order, strlen(order) + 1);
}

/*
 * Milliseconds in 16 bits, hence at most 65 seconds. EDK2 reads the file only
 * if the boot menu item is not 0.
 */
int fw_cfg_add_boot_wait(struct fw_cfg *fw, u32 seconds)
{
	u16 ms = htole16((u16)(seconds * MS_PER_SECOND));
	int ret = fw_cfg_add_u16(fw, FW_CFG_BOOT_MENU, 1);

	return ret ? ret
		   : fw_cfg_add_file_bytes(fw, "etc/boot-menu-wait", &ms,
					   sizeof(ms));
}
