/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What daemons share by virtiofs, in the order of the options;
 * machine-devices.c calls this on the main thread. The daemon has the files and
 * sees the guest's memory; lkvm starts it, or connects to it, and hands its
 * connection to the device.
 */
#include <stdio.h>

#include "lkvm/share/fs_daemon.h"
#include "lkvm/virtio/fs.h"
#include "machine.h"

/*
 * Before there is a VM, so that a wrong path or a daemon that does not start
 * ends lkvm at once.
 */
int machine_open_fs(struct machine *machine)
{
	const struct fs_list *list = &machine->config->fs;
	int ret = 0;

	for (unsigned int i = 0; !ret && i < list->count; i++)
		ret = fs_daemon_open(&list->items[i], &machine->fs[i]);
	return ret;
}

/*
 * Those of devices are the devices': these no device has got, after an error or
 * where the machine was not built.
 */
void machine_close_fs(struct machine *machine)
{
	for (unsigned int i = 0; i < MACHINE_MAX_VIRTIO; i++) {
		fs_daemon_close(machine->fs[i]);
		machine->fs[i] = NULL;
	}
}

/* Named by its place among the options, in messages and statistics. */
static int add_fs(struct machine *machine, unsigned int n)
{
	char name[16];
	const struct virtio_fs_params params = {
		.name = name,
		.tag = machine->config->fs.items[n].tag,
		.daemon = machine->fs[n],
		.mem = &machine->vm.mem,
		.stopping = &machine->vm.stopping,
	};
	struct virtio_device *vdev;
	u32 slot;
	int ret;

	snprintf(name, sizeof(name), "fs%u", n);
	machine->fs[n] = NULL;
	ret = virtio_fs_create(&params, &vdev);
	return ret ? ret : machine_add_device(machine, vdev, &slot);
}

int machine_add_fs(struct machine *machine)
{
	int ret = 0;

	for (unsigned int i = 0; !ret && i < machine->config->fs.count; i++)
		ret = add_fs(machine, i);
	return ret;
}
