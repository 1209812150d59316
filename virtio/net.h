/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Internal to virtio/net*.c. */
#ifndef VIRTIO_NET_H
#define VIRTIO_NET_H

#include <linux/virtio_net.h>

#include "lkvm/virtio/net.h"
#include "lkvm/virtio/runner.h"
#include "vhost.h"

/* virtio 1.4, "Network Device", "Virtqueues" */
#define NET_RX	       0U
#define NET_TX	       1U
#define NET_QUEUES     2U
#define NET_QUEUE_SIZE 256U /* as QEMU */

#define NET_HEADER sizeof(struct virtio_net_hdr_v1)

/* Each frame is counted once: as moved or as dropped. Any thread reads. */
struct net_counters {
	_Atomic(u64) frames, bytes, dropped;
};

/* Frames for the guest. Of the thread, but where it says otherwise. */
struct net_rx {
	struct iothread thread;
	atomic_bool stopping; /* any thread's */
	bool notified;	      /* KVM notifies the thread; of the queue's lock */
	bool waiting;	      /* for buffers, with `frame` */
	struct net_frame frame;
	struct virtq_chain chains[NET_QUEUE_SIZE]; /* of one frame */
	u32 written[NET_QUEUE_SIZE];		   /* bytes of each */
	struct iovec iov[NET_QUEUE_SIZE];
	char name[16];
};

struct virtio_net {
	struct virtio_device vdev;
	struct net *net;
	char name[16];
	u8 mac[NETWORK_MAC];
	u16 mtu;	  /* if that is offered */
	atomic_bool link; /* once it is down it stays so */
	struct net_rx rx;
	struct virtio_runner tx;
	struct iovec tx_iov[NET_QUEUE_SIZE]; /* of who serves the queue */
	struct net_counters received, sent;
	struct vhost vhost; /* if `net` has it */
};

static inline void net_count(_Atomic(u64) *counter, u64 n)
{
	atomic_fetch_add_explicit(counter, n, memory_order_relaxed);
}

/*
 * net_rx.c: a kick, with the queue's lock, starts the thread. The other ends
 * it: no buffer is touched any more until the next kick.
 */
void net_rx_kick(struct virtio_net *vn);
void net_rx_stop(struct virtio_net *vn);

/*
 * net_vhost.c: for the model's creation, with the back end's descriptor. 0 or
 * -errno. The others are the model's operations.
 */
int net_vhost_init(struct virtio_net *vn);
int net_vhost_start(struct virtio_device *vdev);
void net_vhost_stop(struct virtio_device *vdev);
void net_vhost_kick(struct virtio_device *vdev, unsigned int queue);

/* net_tx.c: a virtio_serve_fn. */
int net_tx_serve(struct virtio_device *vdev, unsigned int queue);

#endif
