/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Virtio devices of a machine, in the order of the options: each gets the next
 * slot, with an address and an interrupt that stay the same as long as the
 * options do, so that boot entries of firmware stay valid. What each kind is
 * made of is in a file of its own (machine-disk.c and its like). Main thread,
 * while the machine is built.
 */
#include <errno.h>

#include "lkvm/util/log.h"
#include "machine.h"

/* Before there is a VM: an option with a typing error is reported at once. */
int machine_open_virtio(struct machine *machine)
{
	unsigned int count = vm_config_count_virtio(machine->config);
	int ret;

	if (count > MACHINE_MAX_VIRTIO) {
		pr_fatal("there are %u virtio devices, a machine has places "
			 "for %d",
			 count, MACHINE_MAX_VIRTIO);
		return -ENOSPC;
	}
	ret = machine_check_balloon(machine);
	if (!ret)
		ret = machine_open_disks(machine);
	if (!ret)
		ret = machine_open_nets(machine);
	if (!ret)
		ret = machine_open_ports(machine);
	if (!ret)
		ret = machine_open_shares(machine);
	if (!ret)
		ret = machine_open_fs(machine);
	if (!ret)
		ret = machine_open_vsock(machine);
	if (!ret)
		ret = machine_open_pmems(machine);
	return ret;
}

/* Of what has become part of a device nothing is left to be closed. */
void machine_close_virtio(struct machine *machine)
{
	machine_close_disks(machine);
	machine_close_nets(machine);
	machine_close_shares(machine);
	machine_close_fs(machine);
	machine_close_ports(machine);
	machine_close_vsock(machine);
	machine_close_pmems(machine);
}

/*
 * Only if there is a device. Kinds that come later in this list leave the slots
 * of the earlier ones as they are.
 */
int machine_add_virtio(struct machine *machine)
{
	int ret = 0;

	if (machine->config->virtio == VIRTIO_TRANSPORT_PCI)
		ret = machine_add_pci(machine);
	if (!ret)
		ret = machine_add_disks(machine);
	if (!ret)
		ret = machine_add_nets(machine);
	if (!ret)
		ret = machine_add_rng(machine);
	if (!ret)
		ret = machine_add_console(machine);
	if (!ret)
		ret = machine_add_shares(machine);
	if (!ret)
		ret = machine_add_fs(machine);
	if (!ret)
		ret = machine_add_vsock(machine);
	if (!ret)
		ret = machine_add_balloon(machine);
	if (!ret)
		ret = machine_add_pmems(machine);
	return ret;
}
