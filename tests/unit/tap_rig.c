/* SPDX-License-Identifier: GPL-2.0-or-later */
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
#include <linux/netlink.h>
#include <linux/rtnetlink.h>

#include "lkvm/util/run_program.h"
#include "tap_rig.h"

struct tap_kernel kernel;
struct net *net;

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

int tap_setup(void **state)
{
	(void)state;
	forget_messages();
	memset(&kernel, 0, sizeof(kernel));
	kernel.flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;
	net = NULL;
	return 0;
}

int tap_teardown(void **state)
{
	(void)state;
	if (net)
		net->ops->close(net);
	return 0;
}

int tap_open_with(const struct network_config *config)
{
	struct network_config with = *config;

	if (with.mode == NETWORK_NONE)
		with.mode = NETWORK_TAP;
	if (!with.queues)
		with.queues = 1;
	return tap_open(&with, 2, &net);
}

void assert_tap_refused(int ret, int error, const char *text)
{
	assert_int_equal(ret, -error);
	assert_null(net);
	assert_int_equal(nr_fatal, 1);
	if (!strstr(messages, "network 2: ") || !strstr(messages, text))
		fail_msg("want %s, said: %s", text, messages);
	forget_messages();
	nr_fatal = 0;
}
