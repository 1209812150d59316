/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sockets between host and guest: the device whose queues the host's kernel
 * serves, by vhost-vsock. machine-devices.c calls this on the main thread.
 */
#include <unistd.h>

#include "lkvm/virtio/vsock.h"
#include "machine.h"

/*
 * The descriptor plus one is kept, since the machine's members are 0 at first.
 * It is opened before there is a VM: a CID that another guest has is an error
 * at once.
 */
int machine_open_vsock(struct machine *machine)
{
	int fd;

	if (!machine->config->vsock)
		return 0;
	fd = virtio_vsock_open(machine->config->vsock);
	if (fd < 0)
		return fd;
	machine->vsock_fd = fd + 1;
	return 0;
}

/* That of a device is the device's. */
void machine_close_vsock(struct machine *machine)
{
	if (machine->vsock_fd)
		close(machine->vsock_fd - 1);
	machine->vsock_fd = 0;
}

/* The descriptor is the device's from here on. */
int machine_add_vsock(struct machine *machine)
{
	const struct virtio_vsock_params params = {
		.name = "vsock",
		.cid = machine->config->vsock,
		.fd = machine->vsock_fd - 1,
		.mem = &machine->vm.mem,
	};
	struct virtio_device *vdev;
	u32 slot;
	int ret;

	if (!machine->vsock_fd)
		return 0;
	machine->vsock_fd = 0;
	ret = virtio_vsock_create(&params, &vdev);
	return ret ? ret : machine_add_device(machine, vdev, &slot);
}
