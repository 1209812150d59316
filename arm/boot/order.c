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

/* One that has a number. */
struct bootable {
	u32 index;
	u32 slot;
	const char *pci, *child; /* nodes, but for the former's address */
};

/*
 * As QEMU names devices for EDK2 (OvmfPkg/Library/QemuBootOrderLib): the unit
 * address of a PCI bridge is not looked at, the class of the function is.
 */
static int append_path(const struct machine *machine,
		       const struct bootable *device, char **paths)
{
	const char *before = *paths ? *paths : "", *line = *paths ? "\n" : "";
	char *more;
	int ret;

	if (machine_uses_pci(machine))
		ret = asprintf(&more, "%s%s/pci@i0cf8/%s@%x/%s", before, line,
			       device->pci, device->slot, device->child);
	else
		ret = asprintf(&more, "%s%s/virtio-mmio@%016" PRIx64 "/%s",
			       before, line,
			       machine->type->virtio.base +
				       (u64)device->slot * VIRTIO_MMIO_SIZE,
			       device->child);
	if (ret < 0)
		return -ENOMEM;
	free(*paths);
	*paths = more;
	return 0;
}

/* In its place, behind those with the same number. */
static void insert(struct bootable *list, unsigned int *count,
		   const struct bootable *device)
{
	unsigned int at = *count;

	while (at && list[at - 1].index > device->index) {
		list[at] = list[at - 1];
		at--;
	}
	list[at] = *device;
	++*count;
}

/* Disks, then networks, each kind in the order of the options. */
static unsigned int sort(const struct machine *machine,
			 struct bootable list[MACHINE_MAX_VIRTIO])
{
	const struct disk_list *disks = &machine->config->disk;
	const struct network_list *nets = &machine->config->network;
	unsigned int count = 0;

	for (unsigned int i = 0; i < disks->count; i++) {
		const struct bootable disk = { disks->items[i].bootindex,
					       machine->disk_slots[i], "scsi",
					       "disk@0,0" };

		if (disk.index != DISK_NO_BOOTINDEX)
			insert(list, &count, &disk);
	}
	for (unsigned int i = 0; i < nets->count; i++) {
		const struct bootable net = { nets->items[i].bootindex,
					      machine->net_slots[i], "ethernet",
					      "ethernet-phy@0" };

		if (net.index != NETWORK_NO_BOOTINDEX)
			insert(list, &count, &net);
	}
	return count;
}

int boot_order(const struct machine *machine, char **paths)
{
	const struct vm_config *config = machine->config;
	struct bootable list[MACHINE_MAX_VIRTIO];
	unsigned int count = sort(machine, list);
	int ret = 0;

	*paths = NULL;
	if (config->boot.order) {
		*paths = strdup(config->boot.order);
		if (!*paths)
			return -ENOMEM;
	}
	for (unsigned int i = 0; !ret && i < count; i++)
		ret = append_path(machine, &list[i], paths);
	if (ret) {
		free(*paths);
		*paths = NULL;
	}
	return ret;
}
