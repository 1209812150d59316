/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Disks of a machine, in the order of the options; machine-devices.c calls this
 * on the main thread. Images are opened before there is a VM, so that a wrong
 * path ends lkvm at once. They are the machine's until a device takes them.
 */
#include <stdio.h>

#include "lkvm/disk/disk.h"
#include "lkvm/virtio/blk.h"
#include "machine.h"

int machine_open_disks(struct machine *machine)
{
	const struct disk_list *list = &machine->config->disk;
	int ret = 0;

	for (unsigned int i = 0; !ret && i < list->count; i++)
		ret = disk_open(&list->items[i], &machine->disks[i]);
	if (!ret && machine->config->cloud_init)
		ret = disk_open_seed(machine->config->cloud_init,
				     &machine->disks[list->count]);
	return ret;
}

/* Those of devices are the devices'. */
void machine_close_disks(struct machine *machine)
{
	for (unsigned int i = 0; i < MACHINE_MAX_VIRTIO; i++) {
		disk_close(machine->disks[i]);
		machine->disks[i] = NULL;
	}
}

_Static_assert(DISK_MAX_QUEUES <= VIRTIO_MAX_QUEUES, "queues of a transport");

/*
 * With PCI each vCPU has a queue, and an interrupt for it, of its own; with
 * MMIO all queues of a device share one.
 */
static unsigned int choose_queues(const struct machine *machine,
				  const struct disk_config *config)
{
	if (config->queues)
		return config->queues;
	if (!machine_uses_pci(machine))
		return 1;
	return MIN(machine->vm.nr_vcpus, (unsigned int)DISK_MAX_QUEUES);
}

/* The disk is the device's from here on, also if that is not made. */
static int add(struct machine *machine, unsigned int n, const char *name,
	       const char *serial, unsigned int nr_queues)
{
	const struct virtio_blk_params params = {
		.name = name,
		.disk = machine->disks[n],
		.serial = serial,
		.nr_queues = nr_queues,
		.mem = &machine->vm.mem,
	};
	struct virtio_device *vdev;
	int ret;

	machine->disks[n] = NULL;
	ret = virtio_blk_create(&params, &vdev);
	return ret ? ret
		   : machine_add_device(machine, vdev, &machine->disk_slots[n]);
}

/* Named by its place among the options, in messages and statistics. */
static int add_disk(struct machine *machine, unsigned int n)
{
	const struct disk_config *config = &machine->config->disk.items[n];
	char name[16];

	snprintf(name, sizeof(name), "disk%u", n);
	return add(machine, n, name, config->serial,
		   choose_queues(machine, config));
}

/* cloud-init's comes last: it leaves the others where they are without it. */
int machine_add_disks(struct machine *machine)
{
	unsigned int count = machine->config->disk.count;
	int ret = 0;

	for (unsigned int i = 0; !ret && i < count; i++)
		ret = add_disk(machine, i);
	if (!ret && machine->config->cloud_init)
		ret = add(machine, count, "cloud-init", "cidata", 1);
	return ret;
}
