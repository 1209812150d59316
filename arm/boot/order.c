/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What firmware is to boot from: a list of OpenFirmware paths in fw_cfg (QEMU,
 * docs/specs/fw_cfg; hw/core/qdev-fw). EDK2 finds the devices by their paths.
 * Main thread, when all devices have their places.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arm/boot.h"
#include "arm/machine.h"
#include "lkvm/virtio/mmio.h"

/*
 * As QEMU names devices for EDK2 (OvmfPkg/Library/QemuBootOrderLib): the unit
 * address of a PCI bridge is not looked at, the class of the function is.
 */
static int append_path(const struct machine *machine, unsigned int disk,
		       char **paths)
{
	u32 slot = machine->disk_slots[disk];
	const char *before = *paths ? *paths : "", *line = *paths ? "\n" : "";
	char *more;
	int ret;

	if (machine->pci)
		ret = asprintf(&more, "%s%s/pci@i0cf8/scsi@%x/disk@0,0", before,
			       line, slot);
	else
		ret = asprintf(&more,
			       "%s%s/virtio-mmio@%016" PRIx64 "/disk@0,0",
			       before, line,
			       machine->type->virtio.base +
				       (u64)slot * VIRTIO_MMIO_SIZE);
	if (ret < 0)
		return -ENOMEM;
	free(*paths);
	*paths = more;
	return 0;
}

/* The disk that comes after `last`, or -1: of equal ones the first option. */
static int next_disk(const struct disk_list *list, s64 last, int last_disk)
{
	int best = -1;

	for (int i = 0; i < (int)list->count; i++) {
		u32 index = list->items[i].bootindex;

		if (index == DISK_NO_BOOTINDEX || index < last ||
		    (index == last && i <= last_disk))
			continue;
		if (best < 0 || index < list->items[best].bootindex)
			best = i;
	}
	return best;
}

int boot_order(const struct machine *machine, char **paths)
{
	const struct vm_config *config = machine->config;
	s64 last = -1;
	int disk = -1, ret = 0;

	*paths = NULL;
	if (config->boot.order) {
		*paths = strdup(config->boot.order);
		if (!*paths)
			return -ENOMEM;
	}
	while (!ret && (disk = next_disk(&config->disk, last, disk)) >= 0) {
		last = config->disk.items[disk].bootindex;
		ret = append_path(machine, (unsigned int)disk, paths);
	}
	if (ret) {
		free(*paths);
		*paths = NULL;
	}
	return ret;
}
