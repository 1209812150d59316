/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: net/tap.c tests/unit/flash_fixture.c */
/* WRAP: open ioctl poll readv writev fcntl close run_program */
/* WRAP: socket bind recv */
/*
 * Tap interfaces, with the kernel's part played here: what is asked of it, and
 * what becomes of each of its answers.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>
#include <net/if.h>
#include <linux/if_tun.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>

#include "flash_fixture.h"
#include "lkvm/util/run_program.h"
#include "net/net.h"

#define FD	 77
#define VHOST_FD 78
#define LINK_FD	 79

static struct {
	int open, ioctl, io;   /* errno to fail with, or 0 */
	int vhost;	       /* the same, for that */
	unsigned long failing; /* this request of ioctl(2) */
	bool only_multi_queue;
	short events;
	short flags; /* of the interface that a descriptor is of */
	/* What came. */
	char path[32], asked[IFNAMSIZ], started[64];
	short asked_flags;
	int header_size, little, fd_flags, descriptor_flags, status;
	unsigned int offloads, closed, interrupted, vhosts, opened;
	unsigned int attached, detached;
	unsigned int links, link_messages;
	int link;		       /* errno of its socket, or 0 */
	unsigned int failing_after;    /* calls of `failing` that do not fail */
	unsigned int refused_offloads; /* these bits are not known */
	u8 data[70000];
	size_t len;
	bool has_frame;
} kernel;

static struct net *net;

int __wrap_open(const char *path, int flags, ...);
int __wrap_ioctl(int fd, unsigned long request, ...);
int __wrap_poll(struct pollfd *fds, nfds_t n, int timeout);
int __wrap_socket(int domain, int type, int protocol);
int __wrap_bind(int fd, const struct sockaddr *addr, socklen_t len);
ssize_t __wrap_recv(int fd, void *buf, size_t len, int flags);
ssize_t __wrap_readv(int fd, const struct iovec *iov, int count);
ssize_t __wrap_writev(int fd, const struct iovec *iov, int count);
int __wrap_fcntl(int fd, int command, ...);
int __wrap_close(int fd);
int __wrap_run_program(const char *const argv[], int fd,
		       char output[RUN_OUTPUT]);

int __wrap_open(const char *path, int flags, ...)
{
	if (!strcmp(path, "/dev/vhost-net")) {
		assert_int_equal(flags, O_RDWR | O_CLOEXEC);
		errno = kernel.vhost;
		kernel.vhosts += !kernel.vhost;
		return kernel.vhost ? -1 : VHOST_FD;
	}
	snprintf(kernel.path, sizeof(kernel.path), "%s", path);
	assert_int_equal(flags, O_RDWR | O_CLOEXEC | O_NONBLOCK);
	errno = kernel.open;
	kernel.opened += !kernel.open;
	return kernel.open ? -1 : FD;
}

static int attach(struct ifreq *req)
{
	kernel.asked_flags = req->ifr_flags;
	memcpy(kernel.asked, req->ifr_name, IFNAMSIZ);
	if (kernel.only_multi_queue && !(req->ifr_flags & IFF_MULTI_QUEUE)) {
		errno = EINVAL;
		return -1;
	}
	if (!*req->ifr_name)
		strcpy(req->ifr_name, "tap5");
	return 0;
}

static int set_offload(unsigned int flags)
{
	errno = EINVAL;
	if (flags & kernel.refused_offloads)
		return -1;
	kernel.offloads = flags;
	return 0;
}

int __wrap_ioctl(int fd, unsigned long request, ...)
{
	va_list args;
	void *arg;

	va_start(args, request);
	arg = va_arg(args, void *);
	va_end(args);
	errno = fd == FD ? kernel.ioctl : EBADFD;
	if (fd != FD || (kernel.failing == request && !kernel.failing_after))
		return -1;
	if (kernel.failing == request)
		kernel.failing_after--;
	switch (request) {
	case TUNSETIFF:
		return attach(arg);
	case TUNGETIFF:
		strcpy(((struct ifreq *)arg)->ifr_name, "macvtap0");
		((struct ifreq *)arg)->ifr_flags = kernel.flags;
		return 0;
	case TUNSETVNETHDRSZ:
		kernel.header_size = *(int *)arg;
		return 0;
	case TUNSETVNETLE:
		kernel.little = *(int *)arg;
		return 0;
	case TUNSETQUEUE:
		if (((struct ifreq *)arg)->ifr_flags == IFF_ATTACH_QUEUE)
			kernel.attached++;
		else if (((struct ifreq *)arg)->ifr_flags == IFF_DETACH_QUEUE)
			kernel.detached++;
		return 0;
	case TUNSETOFFLOAD:
		return set_offload((unsigned int)(uintptr_t)arg);
	default:
		fail_msg("ioctl %lx", request);
		return -1;
	}
}

int __wrap_poll(struct pollfd *fds, nfds_t n, int timeout)
{
	assert_int_equal(n, 1);
	assert_int_equal(timeout, 0);
	assert_int_equal(fds->fd, FD);
	fds->revents = kernel.events;
	return kernel.events ? 1 : 0;
}

static bool fails(void)
{
	errno = kernel.io;
	if (kernel.interrupted) {
		kernel.interrupted--;
		errno = EINTR;
	}
	return errno;
}

ssize_t __wrap_readv(int fd, const struct iovec *iov, int count)
{
	size_t done = 0;

	assert_int_equal(fd, FD);
	if (fails())
		return -1;
	if (!kernel.has_frame) {
		errno = EAGAIN;
		return -1;
	}
	for (int i = 0; i < count && done < kernel.len; i++) {
		size_t n = MIN(iov[i].iov_len, kernel.len - done);

		memcpy(iov[i].iov_base, kernel.data + done, n);
		done += n;
	}
	kernel.has_frame = false;
	return (ssize_t)done;
}

ssize_t __wrap_writev(int fd, const struct iovec *iov, int count)
{
	assert_int_equal(fd, FD);
	if (fails())
		return -1;
	kernel.len = 0;
	for (int i = 0; i < count; i++) {
		memcpy(kernel.data + kernel.len, iov[i].iov_base,
		       iov[i].iov_len);
		kernel.len += iov[i].iov_len;
	}
	return (ssize_t)kernel.len;
}

int __wrap_fcntl(int fd, int command, ...)
{
	va_list args;
	int arg;

	va_start(args, command);
	arg = va_arg(args, int);
	va_end(args);
	errno = EBADF;
	if (fd != FD)
		return -1;
	if (command == F_GETFL)
		return O_RDWR;
	if (command == F_SETFL)
		kernel.fd_flags = arg;
	else if (command == F_SETFD)
		kernel.descriptor_flags = arg;
	return 0;
}

int __wrap_socket(int domain, int type, int protocol)
{
	assert_int_equal(domain, AF_NETLINK);
	assert_int_equal(type, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK);
	assert_int_equal(protocol, NETLINK_ROUTE);
	kernel.links++;
	return LINK_FD;
}

int __wrap_bind(int fd, const struct sockaddr *addr, socklen_t len)
{
	struct sockaddr_nl to;

	assert_int_equal(fd, LINK_FD);
	assert_int_equal(len, sizeof(to));
	memcpy(&to, addr, sizeof(to));
	assert_int_equal(to.nl_family, AF_NETLINK);
	assert_int_equal(to.nl_groups, RTMGRP_LINK);
	errno = kernel.link;
	return kernel.link ? -1 : 0;
}

ssize_t __wrap_recv(int fd, void *buf, size_t len, int flags)
{
	assert_int_equal(fd, LINK_FD);
	assert_int_equal(flags, 0);
	errno = kernel.link_messages ? ENOBUFS : EAGAIN;
	if (!kernel.link_messages || kernel.link)
		return -1;
	kernel.link_messages--;
	memset(buf, 0, MIN(len, 32U));
	return 32;
}

int __wrap_close(int fd)
{
	if (fd == LINK_FD) {
		kernel.links--;
		return 0;
	}
	if (fd == VHOST_FD) {
		kernel.vhosts--;
		return 0;
	}
	assert_int_equal(fd, FD);
	kernel.closed++;
	return 0;
}

int __wrap_run_program(const char *const argv[], int fd,
		       char output[RUN_OUTPUT])
{
	size_t len = strlen(kernel.started);

	assert_true(fd < 0);
	assert_null(output);
	assert_null(argv[2]);
	snprintf(kernel.started + len, sizeof(kernel.started) - len, "%s %s;",
		 argv[0], argv[1]);
	return kernel.status;
}

static int setup(void **state)
{
	(void)state;
	forget_messages();
	memset(&kernel, 0, sizeof(kernel));
	kernel.flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;
	net = NULL;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	if (net)
		net->ops->close(net);
	return 0;
}

static int open_with(const struct network_config *config)
{
	struct network_config with = *config;

	if (with.mode == NETWORK_NONE)
		with.mode = NETWORK_TAP;
	if (!with.queues)
		with.queues = 1;
	return tap_open(&with, 2, &net);
}

#define OPEN(...) open_with(&(struct network_config) { __VA_ARGS__ })

/* ---- Opening ------------------------------------------------------------- */

#define GUEST_ALL                                                      \
	(BIT(VIRTIO_NET_F_GUEST_CSUM) | BIT(VIRTIO_NET_F_GUEST_TSO4) | \
	 BIT(VIRTIO_NET_F_GUEST_TSO6) | BIT(VIRTIO_NET_F_GUEST_ECN))
#define HOST_ALL                                                \
	(BIT(VIRTIO_NET_F_CSUM) | BIT(VIRTIO_NET_F_HOST_TSO4) | \
	 BIT(VIRTIO_NET_F_HOST_TSO6) | BIT(VIRTIO_NET_F_HOST_ECN))

static void by_name(void **state)
{
	(void)state;
	assert_int_equal(OPEN(.tapif = "tap0"), 0);
	assert_string_equal(messages, "");
	assert_string_equal(kernel.path, "/dev/net/tun");
	assert_string_equal(kernel.asked, "tap0");
	assert_int_equal(kernel.asked_flags,
			 IFF_TAP | IFF_NO_PI | IFF_VNET_HDR);
	assert_int_equal(kernel.header_size, 12);
	assert_int_equal(kernel.little, 1);
	assert_int_equal(kernel.offloads, 0);
	assert_int_equal(net->fd, FD);
	assert_int_equal(net->offloads, GUEST_ALL | HOST_ALL);
	assert_string_equal(kernel.started, "");
	net->ops->close(net);
	net = NULL;
	assert_int_equal(kernel.closed, 1);
}

static void without_a_name(void **state)
{
	(void)state;
	assert_int_equal(OPEN(.script = "/up", .downscript = "/down"), 0);
	assert_string_equal(kernel.asked, "");
	assert_string_equal(kernel.started, "/up tap5;");
	net->ops->close(net);
	net = NULL;
	assert_string_equal(kernel.started, "/up tap5;/down tap5;");
}

static void several_queues(void **state)
{
	(void)state;
	kernel.only_multi_queue = true;
	assert_int_equal(OPEN(.tapif = "tap0"), 0);
	assert_int_equal(kernel.asked_flags,
			 IFF_TAP | IFF_NO_PI | IFF_VNET_HDR | IFF_MULTI_QUEUE);
}

static void old_kernels(void **state)
{
	(void)state;
	kernel.refused_offloads = TUN_F_TSO4 | TUN_F_TSO6;
	assert_int_equal(OPEN(.tapif = "tap0"), 0);
	assert_int_equal(net->offloads,
			 BIT(VIRTIO_NET_F_GUEST_CSUM) | HOST_ALL);
	net->ops->close(net);
	kernel.refused_offloads = ~0U;
	assert_int_equal(OPEN(.tapif = "tap0"), 0);
	assert_int_equal(net->offloads, 0);
}

static void by_descriptor(void **state)
{
	(void)state;
	assert_int_equal(OPEN(.mode = NETWORK_FD, .fd = FD), 0);
	assert_string_equal(messages, "");
	assert_string_equal(kernel.path, "");
	assert_int_equal(kernel.fd_flags, O_RDWR | O_NONBLOCK);
	assert_int_equal(kernel.descriptor_flags, FD_CLOEXEC);
	assert_int_equal(kernel.header_size, 12);
	assert_int_equal(net->offloads, GUEST_ALL | HOST_ALL);
}

static void assert_refused(int ret, int error, const char *text)
{
	assert_int_equal(ret, -error);
	assert_null(net);
	assert_int_equal(nr_fatal, 1);
	if (!strstr(messages, "network 2: ") || !strstr(messages, text))
		fail_msg("want %s, said: %s", text, messages);
	forget_messages();
	nr_fatal = 0;
}

static void bad_descriptors(void **state)
{
	(void)state;
	assert_refused(OPEN(.mode = NETWORK_FD, .fd = FD + 1), EBADF,
		       "descriptor 78: Bad file descriptor: want an open tap");
	kernel.failing = TUNGETIFF;
	kernel.ioctl = ENOTTY;
	assert_refused(OPEN(.mode = NETWORK_FD, .fd = FD), ENOTTY,
		       "want an open tap");
	kernel.failing = 0;
	kernel.flags = IFF_TAP | IFF_NO_PI;
	assert_refused(OPEN(.mode = NETWORK_FD, .fd = FD), EINVAL,
		       "IFF_VNET_HDR");
	kernel.flags = IFF_TUN | IFF_NO_PI | IFF_VNET_HDR;
	assert_refused(OPEN(.mode = NETWORK_FD, .fd = FD), EINVAL, "IFF_TAP");
	kernel.flags = IFF_TAP | IFF_VNET_HDR;
	assert_refused(OPEN(.mode = NETWORK_FD, .fd = FD), EINVAL, "IFF_NO_PI");
	/* It is not lkvm's. */
	assert_int_equal(kernel.closed, 0);
}

/* What to do is part of the message. */
static void refused(void **state)
{
	(void)state;
	kernel.open = ENOENT;
	assert_refused(OPEN(.tapif = "tap0"), ENOENT, "the module tun");
	kernel.open = EACCES;
	assert_refused(OPEN(.tapif = NULL), EACCES, "/dev/net/tun");
	assert_int_equal(kernel.closed, 0);
	kernel.open = 0;
	kernel.failing = TUNSETIFF;
	kernel.ioctl = EPERM;
	assert_refused(OPEN(.tapif = "tap0"), EPERM, "ip tuntap add");
	assert_refused(OPEN(.tapif = NULL), EPERM, "tapif= takes one");
	kernel.ioctl = EBUSY;
	assert_refused(OPEN(.tapif = "tap0"), EBUSY,
		       "tap0: Device or resource "
		       "busy: it is in use");
	kernel.ioctl = EINVAL;
	assert_refused(OPEN(.tapif = "tap0"), EINVAL, "it is no tap interface");
	kernel.failing = TUNSETVNETHDRSZ;
	assert_refused(OPEN(.tapif = "tap0"), EINVAL, "header of tap0");
	kernel.failing = TUNSETOFFLOAD;
	assert_refused(OPEN(.tapif = "tap0"), EINVAL, "offloads of tap0");
	assert_int_equal(kernel.closed, 6);
	assert_string_equal(kernel.started, "");
}

static void scripts_that_fail(void **state)
{
	(void)state;
	kernel.status = 1;
	assert_int_equal(OPEN(.script = "/up", .downscript = "/down"), -EINVAL);
	assert_said("network 2: /up tap5: exit status 1");
	forget_messages();
	kernel.status = -ENOENT;
	assert_int_equal(OPEN(.script = "/up"), -ENOENT);
	assert_said("network 2: unable to start /up: No such file");
	assert_string_equal(kernel.started, "/up tap5;/up tap5;");
	assert_int_equal(kernel.closed, 2);
	assert_null(net);
}

/* One descriptor for each pair; those behind the first are detached. */
static void pairs(void **state)
{
	unsigned int n = 0;

	(void)state;
	assert_int_equal(OPEN(.queues = 3, .vhost = NETWORK_VHOST_ON), 0);
	assert_int_equal(kernel.opened, 3);
	assert_int_equal(kernel.vhosts, 3);
	assert_int_equal(kernel.detached, 2);
	/* The first made it, the others have its name. */
	assert_string_equal(kernel.asked, "tap5");
	assert_int_equal(kernel.asked_flags,
			 IFF_TAP | IFF_NO_PI | IFF_VNET_HDR | IFF_MULTI_QUEUE);
	for (struct net *at = net; at; at = at->next) {
		assert_true(at->vhost);
		n++;
	}
	assert_int_equal(n, 3);
	assert_int_equal(net->next->ops->attach(net->next, true), 0);
	assert_int_equal(kernel.attached, 1);
	assert_int_equal(net->next->ops->attach(net->next, false), 0);
	assert_int_equal(kernel.detached, 3);
	net->ops->close(net);
	net = NULL;
	assert_int_equal(kernel.closed, 3);
	assert_int_equal(kernel.vhosts, 0);
}

static void pairs_that_fail(void **state)
{
	(void)state;
	kernel.failing = TUNSETIFF;
	kernel.ioctl = EINVAL;
	assert_refused(OPEN(.tapif = "tap0", .queues = 2), EINVAL,
		       "it is no tap interface of several queues");
	assert_int_equal(kernel.closed, 1);
	kernel.failing_after = 1;
	kernel.ioctl = E2BIG;
	assert_refused(OPEN(.tapif = "tap0", .queues = 2), E2BIG,
		       "tap interface tap0: Argument list too long");
	assert_int_equal(kernel.closed, 3);
	kernel.failing = TUNSETQUEUE;
	kernel.failing_after = 1;
	assert_refused(OPEN(.tapif = "tap0", .queues = 3), E2BIG,
		       "queue of tap0");
	assert_int_equal(kernel.closed, 6);
}

/* Who moves the frames. */
static void vhost(void **state)
{
	(void)state;
	assert_int_equal(OPEN(.tapif = "tap0", .vhost = NETWORK_VHOST_ON), 0);
	assert_true(net->vhost);
	assert_int_equal(net->vhost_fd, VHOST_FD);
	net->ops->close(net);
	assert_int_equal(kernel.vhosts, 0);
	assert_int_equal(OPEN(.mode = NETWORK_FD, .fd = FD,
			      .vhost = NETWORK_VHOST_AUTO),
			 0);
	assert_true(net->vhost);
	net->ops->close(net);
	kernel.vhost = ENOENT;
	assert_int_equal(OPEN(.tapif = "tap0", .vhost = NETWORK_VHOST_AUTO), 0);
	assert_false(net->vhost);
	assert_string_equal(messages, "");
	net->ops->close(net);
	net = NULL;
	kernel.closed = 0;
	assert_refused(OPEN(.tapif = "tap0", .vhost = NETWORK_VHOST_ON), ENOENT,
		       "/dev/vhost-net: No such file or directory: the host's "
		       "kernel needs the module vhost_net");
	kernel.vhost = EACCES;
	assert_refused(OPEN(.tapif = "tap0", .vhost = NETWORK_VHOST_ON), EACCES,
		       "root may open it");
	kernel.vhost = EMFILE;
	assert_refused(OPEN(.tapif = "tap0", .vhost = NETWORK_VHOST_ON), EMFILE,
		       "Too many open files");
	assert_int_equal(kernel.closed, 3);
	kernel.vhost = 0;
	kernel.status = 1;
	assert_int_equal(OPEN(.script = "/up", .vhost = NETWORK_VHOST_ON),
			 -EINVAL);
	assert_int_equal(kernel.vhosts, 0);
	/* Without being asked for it is not used. */
	kernel.status = 0;
	assert_int_equal(OPEN(.tapif = "tap0"), 0);
	assert_false(net->vhost);
}

/* With vhost only the kernel's messages tell that the interface is gone. */
static void vhost_link(void **state)
{
	(void)state;
	assert_int_equal(OPEN(.tapif = "tap0", .vhost = NETWORK_VHOST_ON,
			      .queues = 2),
			 0);
	assert_int_equal(net->link_fd, LINK_FD);
	assert_int_equal(net->next->link_fd, -1);
	assert_int_equal(kernel.links, 1);
	kernel.link_messages = 3;
	kernel.events = POLLIN;
	assert_false(net->ops->is_gone(net));
	assert_int_equal(kernel.link_messages, 0);
	assert_string_equal(messages, "");
	/* Messages that were lost. */
	kernel.link_messages = 1;
	kernel.link = 1;
	kernel.events = POLLERR;
	assert_true(net->ops->is_gone(net));
	assert_said("interface tap0: No such device; the guest's link is down");
	net->ops->close(net);
	net = NULL;
	assert_int_equal(kernel.links, 0);
	/* It is no reason not to run. */
	kernel.link = EPERM;
	forget_messages();
	assert_int_equal(OPEN(.tapif = "tap0", .vhost = NETWORK_VHOST_ON), 0);
	assert_int_equal(net->link_fd, -1);
	assert_int_equal(kernel.links, 0);
	assert_string_equal(messages, "");
	net->ops->close(net);
	/* Nor is it needed where lkvm moves the frames. */
	assert_int_equal(OPEN(.tapif = "tap0"), 0);
	assert_int_equal(kernel.links, 0);
}

/* ---- Frames -------------------------------------------------------------- */

static void offloads(void **state)
{
	static const struct {
		u64 features;
		unsigned int flags;
	} cases[] = {
		{ GUEST_ALL | HOST_ALL,
		  TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN },
		{ BIT(VIRTIO_NET_F_GUEST_CSUM), TUN_F_CSUM },
		{ BIT(VIRTIO_NET_F_GUEST_CSUM) | BIT(VIRTIO_NET_F_GUEST_TSO4),
		  TUN_F_CSUM | TUN_F_TSO4 },
		{ BIT(VIRTIO_NET_F_GUEST_CSUM) | BIT(VIRTIO_NET_F_GUEST_TSO6),
		  TUN_F_CSUM | TUN_F_TSO6 },
		{ BIT(VIRTIO_NET_F_GUEST_CSUM) | BIT(VIRTIO_NET_F_GUEST_ECN),
		  TUN_F_CSUM },
		{ BIT(VIRTIO_NET_F_GUEST_TSO4), 0 },
		{ HOST_ALL, 0 },
		{ 0, 0 },
	};

	(void)state;
	assert_int_equal(OPEN(.tapif = "tap0"), 0);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		kernel.offloads = 0x100;
		assert_int_equal(net->ops->set_offloads(net, cases[i].features),
				 0);
		assert_int_equal(kernel.offloads, cases[i].flags);
	}
	kernel.refused_offloads = TUN_F_CSUM;
	assert_int_equal(net->ops->set_offloads(net, GUEST_ALL), -EINVAL);
}

static void send_frames(void **state)
{
	static const int errors[] = { EINVAL, EIO, EAGAIN, ENOBUFS, EBADFD };
	struct virtio_net_hdr_v1 header = { .flags = 1, .gso_size = 0x1234 };
	char data[] = "0123456789abcdef";
	struct iovec iov[] = { { data, 3 }, { data + 3, 13 } };

	(void)state;
	assert_int_equal(OPEN(.tapif = "tap0"), 0);
	kernel.interrupted = 2;
	assert_int_equal(net->ops->send(net, &header, iov, 2, 16), 0);
	assert_int_equal(kernel.len, 12 + 16);
	assert_memory_equal(kernel.data, &header, 12);
	assert_memory_equal(kernel.data + 12, data, 16);
	for (size_t i = 0; i < ARRAY_SIZE(errors); i++) {
		kernel.io = errors[i];
		assert_int_equal(net->ops->send(net, &header, iov, 2, 16),
				 -errors[i]);
	}
	assert_string_equal(messages, "");
}

static void arrive(size_t len)
{
	for (size_t i = 0; i < len; i++)
		kernel.data[i] = (u8)(i * 7 + 1);
	kernel.len = len;
	kernel.has_frame = true;
}

static void receive_frames(void **state)
{
	struct net_frame frame;

	(void)state;
	assert_int_equal(OPEN(.tapif = "tap0"), 0);
	assert_int_equal(net->ops->receive(net, &frame), 0);
	kernel.interrupted = 2;
	arrive(12 + 1514);
	assert_int_equal(net->ops->receive(net, &frame), 1);
	assert_int_equal(frame.len, 1514);
	assert_memory_equal(&frame.header, kernel.data, 12);
	assert_memory_equal(frame.data, kernel.data + 12, 1514);
	arrive(12 + NET_FRAME_MAX);
	assert_int_equal(net->ops->receive(net, &frame), 1);
	assert_int_equal(frame.len, NET_FRAME_MAX);
	/* The device drops what is longer, or no frame at all. */
	arrive(12 + NET_FRAME_MAX + 1);
	assert_int_equal(net->ops->receive(net, &frame), 1);
	assert_true(frame.len > NET_FRAME_MAX);
	arrive(5);
	assert_int_equal(net->ops->receive(net, &frame), 1);
	assert_int_equal(frame.len, 0);
}

static void interface_goes(void **state)
{
	struct net_frame frame;

	(void)state;
	assert_int_equal(OPEN(.tapif = "tap0"), 0);
	kernel.io = EBADFD;
	assert_int_equal(net->ops->receive(net, &frame), -EBADFD);
	assert_said("network 2: interface tap0: File descriptor in bad state; "
		    "the guest's link is down");
}

/* macvtap: there is nothing to read, for ever. */
static void interface_goes_silently(void **state)
{
	struct net_frame frame;

	(void)state;
	assert_int_equal(OPEN(.mode = NETWORK_FD, .fd = FD), 0);
	for (int i = 0; i < 3; i++)
		assert_int_equal(net->ops->receive(net, &frame), 0);
	kernel.events = POLLIN;
	assert_int_equal(net->ops->receive(net, &frame), 0);
	kernel.events = POLLERR;
	arrive(100);
	assert_int_equal(net->ops->receive(net, &frame), 1);
	assert_int_equal(net->ops->receive(net, &frame), 0);
	assert_int_equal(net->ops->receive(net, &frame), -ENODEV);
	assert_said("interface macvtap0: No such device");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(by_name),
		TEST(without_a_name),
		TEST(several_queues),
		TEST(old_kernels),
		TEST(by_descriptor),
		TEST(bad_descriptors),
		TEST(refused),
		TEST(scripts_that_fail),
		TEST(vhost),
		TEST(vhost_link),
		TEST(pairs),
		TEST(pairs_that_fail),
		TEST(offloads),
		TEST(send_frames),
		TEST(receive_frames),
		TEST(interface_goes),
		TEST(interface_goes_silently),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
