/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Networks of a machine, in the order of the options; machine-devices.c calls
 * this on the main thread. Interfaces are opened, and passt is started, before
 * there is a VM; a device takes over what was opened.
 */
#include <stdio.h>

#include "lkvm/net/net.h"
#include "lkvm/virtio/net.h"
#include "machine.h"

/* `n` in messages and names is the place among all networks. */
static int open_some(struct machine *machine, bool inherited)
{
	const struct network_list *list = &machine->config->network;
	int ret = 0;

	for (unsigned int i = 0; !ret && i < list->count; i++)
		if ((list->items[i].mode == NETWORK_FD) == inherited)
			ret = net_open(&list->items[i], i, &machine->nets[i]);
	return ret;
}

/*
 * Programs that the others start do not get descriptors that were opened
 * before.
 */
int machine_open_nets(struct machine *machine)
{
	int ret = open_some(machine, true);

	return ret ? ret : open_some(machine, false);
}

/* Those of devices are the devices'. */
void machine_close_nets(struct machine *machine)
{
	for (unsigned int i = 0; i < MACHINE_MAX_VIRTIO; i++) {
		net_close(machine->nets[i]);
		machine->nets[i] = NULL;
	}
}

/* A name that nobody has given is another one in each run. */
static const char *given_name(const struct vm_config *config)
{
	return config->name == config->default_name ? NULL : config->name;
}

/* Named by its place among the options, in messages and statistics. */
static int add_net(struct machine *machine, unsigned int n)
{
	const struct network_config *config =
		&machine->config->network.items[n];
	char name[16];
	struct virtio_net_params params = {
		.name = name,
		.net = machine->nets[n],
		.mtu = config->mtu,
		.mem = &machine->vm.mem,
	};
	struct virtio_device *vdev;
	int ret;

	snprintf(name, sizeof(name), "net%u", n);
	network_config_mac(config, given_name(machine->config), n, params.mac);
	machine->nets[n] = NULL;
	ret = virtio_net_create(&params, &vdev);
	return ret ? ret
		   : machine_add_device(machine, vdev, &machine->net_slots[n]);
}

int machine_add_nets(struct machine *machine)
{
	unsigned int count = machine->config->network.count;
	int ret = 0;

	for (unsigned int i = 0; !ret && i < count; i++)
		ret = add_net(machine, i);
	return ret;
}
