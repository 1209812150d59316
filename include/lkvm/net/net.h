/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is behind a network device: something that takes Ethernet frames and
 * gives some back. The device does not know what it is, nor that what device it
 * is for.
 */
#ifndef LKVM_NET_NET_H
#define LKVM_NET_NET_H

#include <sys/uio.h>
#include <linux/virtio_net.h>

#include "lkvm/config/network.h"
#include "lkvm/util/util.h"

/*
 * The longest frame in either direction: virtio 1.4, "Setting Up Receive
 * Buffers", has 65550 bytes, and a VLAN tag is not counted there.
 */
#define NET_FRAME_MIN 14U /* bytes: an Ethernet header */
#define NET_FRAME_MAX 65562U

/* Buffers of one frame that is sent. */
#define NET_MAX_IOV 256U

struct net;

/* One frame that was received. */
struct net_frame {
	/* In the guest's form; all zero if the back end has no offloads. */
	struct virtio_net_hdr_v1 header;
	const u8 *data; /* the back end's, until the next call of `receive` */
	u32 len;	/* bytes, from NET_FRAME_MIN to NET_FRAME_MAX */
};

/* `send` of one is called by one thread at a time, `receive` by one, too. */
struct net_ops {
	/*
	 * Sends a frame, which is in `count` buffers, NET_MAX_IOV at most. The
	 * header is the guest's, as it was negotiated. Returns 0, or -errno:
	 * it is lost, as frames may be; -EPIPE if all others will be as well.
	 * Takes 100 ms at most, and does not touch the buffers later.
	 */
	int (*send)(struct net *net, const struct virtio_net_hdr_v1 *header,
		    const struct iovec *iov, u32 count, u32 len);
	/*
	 * 1 with a frame, 0 if there is none now, or -errno after a message:
	 * there will not be one again. Does not wait.
	 */
	int (*receive)(struct net *net, struct net_frame *frame);
	/*
	 * What the guest has negotiated of `offloads`; 0 when it is reset. No
	 * frame is under way. 0 or -errno.
	 */
	int (*set_offloads)(struct net *net, u64 features);
	/*
	 * One behind the first takes part in what the interface does, or not,
	 * which is how it begins. No frame of it is under way; 0 or -errno.
	 * NULL: it always does.
	 */
	int (*attach)(struct net *net, bool on);
	/*
	 * With vhost, once `link_fd` is readable: true after a message if there
	 * will be no frame again.
	 */
	bool (*is_gone)(struct net *net);
	void (*close)(struct net *net); /* and all behind it */
};

/* What the kinds of back ends embed. */
struct net {
	const struct net_ops *ops;
	/*
	 * The same interface's next queue, or NULL: each is for a pair of the
	 * guest's. `set_offloads`, `offloads` and `close` are of the first.
	 */
	struct net *next;
	int fd;	      /* readable when `receive` may have a frame */
	u64 offloads; /* bits of VIRTIO_NET_F_* that it can do */
	/*
	 * The host's kernel moves frames between `fd` and the guest's queues,
	 * by this descriptor of vhost-net; `send` and `receive` are not called.
	 */
	bool vhost;
	int vhost_fd;
	int link_fd; /* of the first: see `is_gone`; -1: nothing tells that */
};

/*
 * Opens what `config`, which outlives it, asks for; it is the `n`th network, in
 * messages. Not for mode none. Main thread, which may wait for a program that
 * is started. Returns 0, or -errno after a fatal message.
 */
int net_open(const struct network_config *config, unsigned int n,
	     struct net **out);

/* Frees it. No other call is under way; NULL is fine. */
void net_close(struct net *net);

#endif
