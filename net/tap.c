/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A tap interface of the host (Linux, Documentation/networking/tuntap), or a
 * descriptor of one that lkvm has inherited; a macvtap's is the same. Each
 * frame has a header before it, struct virtio_net_hdr_v1, by which the host's
 * kernel and the guest's leave checksums and segments to each other. What the
 * guest puts there the kernel checks, and refuses the frame.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>
#include <net/if.h>
#include <linux/if_tun.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>

#include "lkvm/util/log.h"
#include "lkvm/util/run_program.h"
#include "net.h"

#define TUN_PATH   "/dev/net/tun"
#define VHOST_PATH "/dev/vhost-net"

#define F(name) BIT(VIRTIO_NET_F_##name)

/* What a frame for the guest, and one from it, may leave undone. */
#define GUEST_OFFLOADS \
	(F(GUEST_CSUM) | F(GUEST_TSO4) | F(GUEST_TSO6) | F(GUEST_ECN))
#define HOST_OFFLOADS (F(CSUM) | F(HOST_TSO4) | F(HOST_TSO6) | F(HOST_ECN))

struct tap {
	struct net net;
	unsigned int n;
	char name[IFNAMSIZ];
	const char *downscript; /* the configuration's, or NULL */
	bool multi_queue;	/* it is to have several */
	bool idle;		/* the last `receive` has found nothing */
	u8 buffer[NET_FRAME_MAX + 1];
};

static struct tap *from_net(struct net *net)
{
	return container_of(net, struct tap, net);
}

/* ---- Frames -------------------------------------------------------------- */

/* EIO: the interface is down, which can change. */
static int tap_send(struct net *net, const struct virtio_net_hdr_v1 *header,
		    const struct iovec *iov, u32 count, u32 len)
{
	struct virtio_net_hdr_v1 copy = *header;
	struct iovec all[NET_MAX_IOV + 1];

	(void)len;
	all[0] = (struct iovec) { &copy, sizeof(copy) };
	memcpy(all + 1, iov, count * sizeof(*iov));
	while (writev(net->fd, all, (int)count + 1) < 0)
		if (errno != EINTR)
			return -errno;
	return 0;
}

/* An interface that is gone has no frames, but is ready all the time. */
static bool is_gone(struct tap *tap)
{
	struct pollfd poller = { .fd = tap->net.fd, .events = POLLIN };

	return tap->idle && poll(&poller, 1, 0) > 0 &&
	       poller.revents & (POLLERR | POLLNVAL);
}

/* Not the end of the run: the guest goes on without this network. */
static int end(struct tap *tap, int error)
{
	pr_warn("network %u: interface %s: %s; the guest's link is down",
		tap->n, tap->name, strerror(error));
	return -error;
}

/*
 * EAGAIN comes of an interface that is gone as well. That is looked for when
 * there has been no frame twice in a row, so a busy interface costs no more
 * than the read.
 */
static int tap_receive(struct net *net, struct net_frame *frame)
{
	struct tap *tap = from_net(net);
	struct iovec iov[] = {
		{ &frame->header, sizeof(frame->header) },
		{ tap->buffer, sizeof(tap->buffer) },
	};
	ssize_t n;

	do {
		n = readv(net->fd, iov, ARRAY_SIZE(iov));
	} while (n < 0 && errno == EINTR);
	if (n < 0 && errno == EAGAIN) {
		if (is_gone(tap))
			return end(tap, ENODEV);
		tap->idle = true;
		return 0;
	}
	if (n < 0)
		return end(tap, errno);
	tap->idle = false;
	/* What is no frame is the device's to count. */
	n -= (ssize_t)sizeof(frame->header);
	frame->data = tap->buffer;
	frame->len = n < 0 ? 0 : (u32)n;
	return 1;
}

/*
 * Who moves no frames does not see that there are none: the kernel tells of
 * each interface that changes. Which it was is known by the descriptor.
 */
static bool tap_is_gone(struct net *net)
{
	struct tap *tap = from_net(net);
	char message[8192];

	while (recv(net->link_fd, message, sizeof(message), 0) >= 0 ||
	       errno == EINTR)
		;
	tap->idle = true;
	return is_gone(tap) && end(tap, ENODEV);
}

/* TUN_F_*: what the kernel need not do for the guest. */
static int tap_set_offloads(struct net *net, u64 features)
{
	unsigned int flags = 0;

	if (features & F(GUEST_CSUM)) {
		flags |= TUN_F_CSUM;
		flags |= features & F(GUEST_TSO4) ? TUN_F_TSO4 : 0;
		flags |= features & F(GUEST_TSO6) ? TUN_F_TSO6 : 0;
	}
	if (flags & (TUN_F_TSO4 | TUN_F_TSO6) && features & F(GUEST_ECN))
		flags |= TUN_F_TSO_ECN;
	return ioctl(net->fd, TUNSETOFFLOAD, (unsigned long)flags) < 0 ? -errno
								       : 0;
}

/* ---- The interface ------------------------------------------------------- */

/* Started with the interface's name as its argument, as kvmtool does. */
static int run_script(const struct tap *tap, const char *script)
{
	const char *const argv[] = { script, tap->name, NULL };
	int ret = run_program(argv, -1, NULL);

	if (ret < 0)
		pr_err("network %u: unable to start %s: %s", tap->n, script,
		       strerror(-ret));
	else if (ret)
		pr_err("network %u: %s %s: exit status %d", tap->n, script,
		       tap->name, ret);
	return ret > 0 ? -EINVAL : ret;
}

static void close_queue(struct net *net)
{
	if (net->vhost)
		close(net->vhost_fd);
	if (net->link_fd >= 0)
		close(net->link_fd);
	if (net->fd >= 0)
		close(net->fd);
	free(from_net(net));
}

/* An interface that lkvm has made goes with the last descriptor. */
static void tap_close(struct net *net)
{
	struct tap *tap = from_net(net);
	struct net *next;

	if (tap->downscript)
		run_script(tap, tap->downscript);
	for (; net; net = next) {
		next = net->next;
		close_queue(net);
	}
}

/* The kernel sends frames to those that are attached. */
static int tap_attach(struct net *net, bool on)
{
	struct ifreq req = { .ifr_flags = on ? IFF_ATTACH_QUEUE
					     : IFF_DETACH_QUEUE };

	return ioctl(net->fd, TUNSETQUEUE, &req) < 0 ? -errno : 0;
}

static const struct net_ops tap_ops = {
	.send = tap_send,
	.receive = tap_receive,
	.set_offloads = tap_set_offloads,
	.attach = tap_attach,
	.is_gone = tap_is_gone,
	.close = tap_close,
};

/* What to do about the common reasons. */
static const char *advice(int error, const struct tap *tap)
{
	switch (error) {
	case ENOENT:
	case ENODEV:
		return ": the host's kernel needs the module tun";
	case EPERM:
	case EACCES:
		return *tap->name
			       ? ": root can make it yours by `ip tuntap add "
				 "dev NAME mode tap user USER'"
			       : ": only root can make one; tapif= takes one "
				 "that "
				 "is yours";
	case EBUSY:
		return ": it is in use";
	case EINVAL:
		return tap->multi_queue
			       ? ": it is no tap interface of several queues, "
				 "as `ip tuntap add ... multi_queue' makes them"
			       : ": it is no tap interface";
	default:
		return "";
	}
}

static int fail(const struct tap *tap, const char *what, int error)
{
	pr_fatal("network %u: %s%s%s: %s%s", tap->n, what,
		 *tap->name ? " " : "", tap->name, strerror(error),
		 advice(error, tap));
	return -error;
}

/* An interface of several queues wants to be opened as such. */
static int attach(struct tap *tap)
{
	struct ifreq req = { .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR };
	int ret;

	if (tap->multi_queue)
		req.ifr_flags |= IFF_MULTI_QUEUE;
	memcpy(req.ifr_name, tap->name, IFNAMSIZ);
	ret = ioctl(tap->net.fd, TUNSETIFF, &req);
	if (ret < 0 && errno == EINVAL && !tap->multi_queue) {
		req.ifr_flags |= IFF_MULTI_QUEUE;
		ret = ioctl(tap->net.fd, TUNSETIFF, &req);
	}
	if (ret < 0)
		return fail(tap, "tap interface", errno);
	memcpy(tap->name, req.ifr_name, IFNAMSIZ);
	return 0;
}

/* Without a name the kernel chooses one, which attach() keeps. */
static int open_name(struct tap *tap, const char *name)
{
	tap->net.fd = open(TUN_PATH, O_RDWR | O_CLOEXEC | O_NONBLOCK);
	if (tap->net.fd < 0)
		return fail(tap, TUN_PATH, errno);
	if (name)
		snprintf(tap->name, IFNAMSIZ, "%s", name);
	return attach(tap);
}

/* It is lkvm's from here on: no program that is started gets it. */
static int take_fd(struct tap *tap, u32 number)
{
	struct ifreq req = { 0 };
	int fd = (int)number, flags = fcntl(fd, F_GETFL);
	const short want = IFF_TAP | IFF_VNET_HDR;

	if (flags < 0 || ioctl(fd, TUNGETIFF, &req) < 0) {
		pr_fatal("network %u: descriptor %d: %s: want an open tap "
			 "interface",
			 tap->n, fd, strerror(errno));
		return -errno;
	}
	memcpy(tap->name, req.ifr_name, IFNAMSIZ);
	if ((req.ifr_flags & want) != want || !(req.ifr_flags & IFF_NO_PI)) {
		pr_fatal("network %u: descriptor %d: interface %s has to be "
			 "opened with IFF_TAP, IFF_NO_PI and IFF_VNET_HDR",
			 tap->n, fd, tap->name);
		return -EINVAL;
	}
	tap->net.fd = fd;
	if (fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 ||
	    fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
		return fail(tap, "descriptor of", errno);
	return 0;
}

/* The header's size and byte order; what the kernel can leave to the guest. */
static int set_up(struct tap *tap)
{
	int size = sizeof(struct virtio_net_hdr_v1), little = 1;

	if (ioctl(tap->net.fd, TUNSETVNETHDRSZ, &size) < 0 ||
	    ioctl(tap->net.fd, TUNSETVNETLE, &little) < 0)
		return fail(tap, "header of", errno);
	if (!tap_set_offloads(&tap->net, GUEST_OFFLOADS))
		tap->net.offloads = GUEST_OFFLOADS | HOST_OFFLOADS;
	else if (!tap_set_offloads(&tap->net, F(GUEST_CSUM)))
		tap->net.offloads = F(GUEST_CSUM) | HOST_OFFLOADS;
	return tap_set_offloads(&tap->net, 0) ? fail(tap, "offloads of", errno)
					      : 0;
}

/* What to do if the user has asked for vhost. */
static const char *vhost_advice(int error)
{
	switch (error) {
	case ENOENT:
	case ENODEV:
	case ENXIO:
		return ": the host's kernel needs the module vhost_net";
	case EPERM:
	case EACCES:
		return ": root may open it, and whom root lets: often the "
		       "group kvm";
	default:
		return "";
	}
}

/* rtnetlink(7). Without it the guest's link stays up. */
static void watch_link(struct tap *tap)
{
	struct sockaddr_nl addr = { .nl_family = AF_NETLINK,
				    .nl_groups = RTMGRP_LINK };
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK,
			NETLINK_ROUTE);

	if (fd >= 0 && bind(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0) {
		close(fd);
		fd = -1;
	}
	tap->net.link_fd = fd;
}

/* Without it lkvm moves the frames, unless it was asked for. */
static int open_vhost(struct tap *tap, enum network_vhost wanted)
{
	int error;

	if (wanted == NETWORK_VHOST_OFF)
		return 0;
	tap->net.vhost_fd = open(VHOST_PATH, O_RDWR | O_CLOEXEC);
	tap->net.vhost = tap->net.vhost_fd >= 0;
	if (tap->net.vhost || wanted == NETWORK_VHOST_AUTO)
		return 0;
	error = errno;
	pr_fatal("network %u: " VHOST_PATH ": %s%s", tap->n, strerror(error),
		 vhost_advice(error));
	return -error;
}

/* One queue of the interface, of which nothing is open yet. */
static struct tap *create(const struct network_config *config, unsigned int n)
{
	struct tap *tap = calloc(1, sizeof(*tap));

	if (!tap) {
		pr_fatal("out of memory");
		return NULL;
	}
	tap->n = n;
	tap->multi_queue = config->queues > 1;
	tap->net.ops = &tap_ops;
	tap->net.fd = tap->net.link_fd = -1;
	return tap;
}

/* Header and offloads are the interface's, and set. */
static int add_queue(struct tap *first, struct net *last,
		     const struct network_config *config)
{
	struct tap *tap = create(config, first->n);
	int ret;

	if (!tap)
		return -ENOMEM;
	last->next = &tap->net;
	ret = open_name(tap, first->name);
	if (!ret)
		ret = open_vhost(tap, config->vhost);
	if (!ret && tap->net.vhost != first->net.vhost)
		ret = fail(tap, VHOST_PATH " of", EMFILE);
	if (!ret && tap_attach(&tap->net, false))
		ret = fail(tap, "queue of", errno);
	return ret;
}

/*
 * The first queue sets the interface up, the others join it by its name. The
 * script runs once it is complete; the one for the end is kept only then, so
 * that it does not run for a start that has failed.
 */
int tap_open(const struct network_config *config, unsigned int n,
	     struct net **out)
{
	struct tap *tap = create(config, n);
	struct net *last;
	int ret;

	if (!tap)
		return -ENOMEM;
	last = &tap->net;
	ret = config->mode == NETWORK_FD ? take_fd(tap, config->fd)
					 : open_name(tap, config->tapif);
	if (!ret)
		ret = set_up(tap);
	if (!ret)
		ret = open_vhost(tap, config->vhost);
	if (!ret && tap->net.vhost)
		watch_link(tap);
	for (u32 i = 1; !ret && i < config->queues; i++) {
		ret = add_queue(tap, last, config);
		last = last->next;
	}
	if (!ret && config->script)
		ret = run_script(tap, config->script);
	if (ret) {
		tap_close(&tap->net);
		return ret;
	}
	tap->downscript = config->downscript;
	*out = &tap->net;
	return 0;
}
