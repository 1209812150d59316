/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What UEFI firmware is to boot, and how soon. Names and formats: QEMU's
 * "bootorder", "etc/boot-menu-wait" and FW_CFG_BOOT_MENU, as EDK2's
 * QemuBootOrderLib reads them.
 */
#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lkvm/hw/fw_cfg/boot.h"
#include "lkvm/util/log.h"

#define MS_PER_SECOND 1000

/* EDK2 gives up the whole list at a path that it cannot parse. */
static bool is_path(const char *s)
{
	if (*s != '/')
		return false;
	for (; *s; s++)
		if (*s <= ' ' || *s > '~')
			return false;
	return true;
}

int fw_cfg_boot_order_parse(char **order, const char *arg)
{
	char *list;

	if (!is_path(arg)) {
		pr_fatal("--boot-order %s: want the OpenFirmware path of a "
			 "device, such as /virtio-mmio@a003e00/disk@0,0",
			 arg);
		return -EINVAL;
	}
	if (asprintf(&list, "%s%s%s", *order ? *order : "", *order ? "\n" : "",
		     arg) < 0) {
		pr_fatal("out of memory");
		return -ENOMEM;
	}
	free(*order);
	*order = list;
	return 0;
}

/* With the zero at its end, without which EDK2 does not look at it. */
int fw_cfg_add_boot_order(struct fw_cfg *fw, const char *order)
{
	return fw_cfg_add_file_bytes(fw, "bootorder", order, strlen(order) + 1);
}

int fw_cfg_add_boot_wait(struct fw_cfg *fw, u32 seconds)
{
	u16 ms = htole16((u16)(seconds * MS_PER_SECOND));
	int ret = fw_cfg_add_u16(fw, FW_CFG_BOOT_MENU, 1);

	return ret ? ret
		   : fw_cfg_add_file_bytes(fw, "etc/boot-menu-wait", &ms,
					   sizeof(ms));
}
