/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The source of random bytes of a machine; machine-devices.c calls this on the
 * main thread. There is nothing to open before: the bytes are those of the
 * host's kernel.
 */
#include "lkvm/virtio/rng.h"
#include "machine.h"

int machine_add_rng(struct machine *machine)
{
	const struct virtio_rng_params params = {
		.name = "rng",
		.mem = &machine->vm.mem,
	};
	struct virtio_device *vdev;
	u32 slot;
	int ret;

	if (!machine->config->rng)
		return 0;
	ret = virtio_rng_create(&params, &vdev);
	return ret ? ret : machine_add_device(machine, vdev, &slot);
}
