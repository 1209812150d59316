/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Shares of a machine by 9p, in the order of the options; machine-devices.c
 * calls this on the main thread. What a guest may do in one is share/'s
 * business.
 */
#include <stdio.h>

#include "lkvm/share/share.h"
#include "lkvm/virtio/9p.h"
#include "machine.h"

/*
 * Before there is a VM, so that a wrong path ends lkvm at once. Files that
 * guests keep open are descriptors of lkvm's, of which each share gets its
 * part.
 */
int machine_open_shares(struct machine *machine)
{
	const struct share_list *list = &machine->config->share;
	u32 each = list->count ? share_descriptors(list->count) : 0;
	int ret = 0;

	for (unsigned int i = 0; !ret && i < list->count; i++)
		ret = share_open(&list->items[i], each, &machine->shares[i]);
	return ret;
}

/*
 * Those of devices are the devices': these no device has got, after an error or
 * where the machine was not built.
 */
void machine_close_shares(struct machine *machine)
{
	for (unsigned int i = 0; i < MACHINE_MAX_VIRTIO; i++) {
		p9_server_destroy(machine->shares[i]);
		machine->shares[i] = NULL;
	}
}

/* Named by its place among the options, in messages and statistics. */
static int add_share(struct machine *machine, unsigned int n)
{
	char name[16];
	const struct virtio_9p_params params = {
		.name = name,
		.tag = machine->config->share.items[n].tag,
		.server = machine->shares[n],
		.mem = &machine->vm.mem,
	};
	struct virtio_device *vdev;
	u32 slot;
	int ret;

	snprintf(name, sizeof(name), "share%u", n);
	machine->shares[n] = NULL;
	ret = virtio_9p_create(&params, &vdev);
	return ret ? ret : machine_add_device(machine, vdev, &slot);
}

int machine_add_shares(struct machine *machine)
{
	int ret = 0;

	for (unsigned int i = 0; !ret && i < machine->config->share.count; i++)
		ret = add_share(machine, i);
	return ret;
}
