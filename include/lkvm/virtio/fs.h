/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A file system of the host's (virtio 1.4, "File System Device"). */
#ifndef LKVM_VIRTIO_FS_H
#define LKVM_VIRTIO_FS_H

#include "lkvm/share/fs_daemon.h"
#include "lkvm/virtio/device.h"

struct virtio_fs_params {
	const char *name; /* copied; at most 15 bytes of it */
	const char *tag;  /* copied; at most FS_MAX_TAG bytes of it */
	struct fs_daemon *daemon;
	const struct gmem *mem;	     /* the guest's RAM; outlives the device */
	const atomic_bool *stopping; /* the run ends, or is reset; or NULL */
};

/*
 * Creates the model, after the daemon has said what it can do: its `destroy`
 * frees it and the daemon, which is the model's from here on, also after an
 * error. Returns 0, or -errno after a fatal message that names the daemon's
 * failure.
 */
int virtio_fs_create(const struct virtio_fs_params *params,
		     struct virtio_device **out);

#endif
