/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Internal to virtio/net*.c. */
#ifndef VIRTIO_NET_H
#define VIRTIO_NET_H

#include <linux/virtio_net.h>

#include "lkvm/virtio/net.h"
#include "lkvm/virtio/runner.h"
#include "vhost.h"

/*
 * virtio 1.4, "Network Device", "Virtqueues": of each pair; that for control
 * comes behind those that the driver knows of.
 */
#define NET_RX	       0U
#define NET_TX	       1U
#define NET_PAIR       2U
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

/*
 * A pair of queues and its way to the back end. It is active from the start on,
 * if it is the first, or by the driver's command; a kick of one that is not
 * does nothing, and no frames come to it.
 */
struct net_pair {
	struct virtio_net *vn;
	struct net *net;
	unsigned int first; /* queue of the device: that it receives by */
	atomic_bool active; /* see net_pair_stop() */
	struct net_rx rx;
	struct virtio_runner tx;
	struct iovec tx_iov[NET_QUEUE_SIZE]; /* of who serves the queue */
	struct vhost vhost;		     /* if `net` has it */
};

struct virtio_net {
	struct virtio_device vdev;
	struct net *net; /* the first pair's, and the owner of all */
	char name[16];
	u8 mac[NETWORK_MAC];
	u16 mtu;	  /* if that is offered */
	atomic_bool link; /* once it is down it stays so */
	struct net_counters received, sent;
	struct virtio_runner control; /* its queue is as negotiated */
	struct iovec control_iov[NET_QUEUE_SIZE];
	unsigned int nr_pairs;
	_Atomic(u32) nr_active;
	struct net_pair pairs[];
};

static inline void net_count(_Atomic(u64) *counter, u64 n)
{
	atomic_fetch_add_explicit(counter, n, memory_order_relaxed);
}

/* From `start` on. Without one it is no queue of the device. */
static inline unsigned int net_control_queue(const struct virtio_net *vn)
{
	if (!(vn->vdev.features & BIT(VIRTIO_NET_F_CTRL_VQ)))
		return VIRTIO_MAX_QUEUES;
	return vn->vdev.features & BIT(VIRTIO_NET_F_MQ)
		       ? NET_PAIR * vn->nr_pairs
		       : NET_PAIR;
}

/*
 * net_pair.c: has a pair work, or ends that; the device runs, or is about to
 * or has done so. By one thread at a time. 0 or -errno: then it does not.
 */
int net_pair_start(struct net_pair *pair);
void net_pair_stop(struct net_pair *pair);

/* The same for a queue of an active pair; with and without the queue's lock. */
void net_pair_kick(struct net_pair *pair, unsigned int queue);
void net_pair_stop_queue(struct net_pair *pair, unsigned int queue);

/* Prepares one, of whose structure `net` and `vn` are set. 0 or -errno. */
int net_pair_init(struct net_pair *pair, unsigned int n);
void net_pair_destroy(struct net_pair *pair);

/*
 * net_rx.c: a kick, with the queue's lock, starts the thread. The other ends
 * it: no buffer is touched any more until the next kick.
 */
void net_rx_kick(struct net_pair *pair);
void net_rx_stop(struct net_pair *pair);

/* net_vhost.c: for the model's creation. 0 or -errno. */
int net_vhost_init(struct net_pair *pair);

/* net_tx.c, net_control.c: virtio_serve_fns. */
int net_tx_serve(struct virtio_device *vdev, unsigned int queue);
int net_control_serve(struct virtio_device *vdev, unsigned int queue);

#endif
