/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A console and named ports (virtio 1.4, "Console Device"). */
#ifndef LKVM_VIRTIO_CONSOLE_H
#define LKVM_VIRTIO_CONSOLE_H

#include "lkvm/chardev/chardev.h"
#include "lkvm/virtio/device.h"

/* Two queues each, and two for control messages. */
#define VIRTIO_CONSOLE_MAX_PORTS ((VIRTIO_MAX_QUEUES - 2) / 2)

/* Bytes of a port's name: QEMU and udev's rules need far fewer. */
#define VIRTIO_CONSOLE_MAX_NAME 63

/*
 * The first port is the console, the others have names. Its backend is not the
 * device's if it has no `destroy`, see lkvm/chardev/chardev.h.
 */
struct virtio_console_port {
	const char *name;    /* not copied; NULL for the console */
	struct chardev *chr; /* NULL: there is no such port */
	/*
	 * The port is closed when there will be no more input. Others stay
	 * open: Linux writes to none that is closed.
	 */
	bool only_input;
	/*
	 * The backend is connected at times: the port is closed at the others.
	 * Output waits for who is connected on a thread of its own.
	 */
	bool comes_and_goes;
};

struct virtio_console_params {
	const char *name; /* for messages and statistics; not copied */
	struct virtio_console_port ports[VIRTIO_CONSOLE_MAX_PORTS];
	unsigned int nr_ports; /* the console counts, even if it is not there */
	u16 cols, rows;	       /* of the console's terminal; 0: has no size */
	const struct gmem *mem; /* the guest's RAM; outlives the device */
};

/*
 * Creates the model; its `destroy` frees it, and those backends that have one
 * of their own, which are the model's from here on also after an error. Returns
 * 0 or -ENOMEM.
 */
int virtio_console_create(const struct virtio_console_params *params,
			  struct virtio_device **out);

/*
 * The console's terminal has this size from now on; without effect for one that
 * had none. Any thread, without a lock.
 */
void virtio_console_resize(struct virtio_device *vdev, u16 cols, u16 rows);

#endif
