/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A network device (virtio 1.4, "Network Device"). */
#ifndef LKVM_VIRTIO_NET_H
#define LKVM_VIRTIO_NET_H

#include "lkvm/net/net.h"
#include "lkvm/virtio/device.h"

struct virtio_net_params {
	const char *name;	/* copied; at most 15 bytes of it */
	struct net *net;	/* the back end */
	u8 mac[NETWORK_MAC];	/* of the guest */
	u32 mtu;		/* that it is told, bytes; 0: none */
	const struct gmem *mem; /* the guest's RAM; outlives the device */
};

/*
 * Creates the model; its `destroy` frees it and closes the back end, which is
 * the model's from here on, also after an error. Returns 0 or -ENOMEM.
 */
int virtio_net_create(const struct virtio_net_params *params,
		      struct virtio_device **out);

#endif
