/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: net/tap.c tests/unit/tap_rig.c tests/unit/flash_fixture.c */
/* WRAP: open ioctl poll readv writev fcntl close run_program */
/* WRAP: socket bind recv */
/*
 * Tap interfaces, with the kernel's part played by tap_rig.c: what is asked of
 * it, and what becomes of each of its answers.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>

#include "tap_rig.h"

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

static void bad_descriptors(void **state)
{
	(void)state;
	assert_tap_refused(
		OPEN(.mode = NETWORK_FD, .fd = FD + 1), EBADF,
		"descriptor 78: Bad file descriptor: want an open tap");
	kernel.failing = TUNGETIFF;
	kernel.ioctl = ENOTTY;
	assert_tap_refused(OPEN(.mode = NETWORK_FD, .fd = FD), ENOTTY,
			   "want an open tap");
	kernel.failing = 0;
	kernel.flags = IFF_TAP | IFF_NO_PI;
	assert_tap_refused(OPEN(.mode = NETWORK_FD, .fd = FD), EINVAL,
			   "IFF_VNET_HDR");
	kernel.flags = IFF_TUN | IFF_NO_PI | IFF_VNET_HDR;
	assert_tap_refused(OPEN(.mode = NETWORK_FD, .fd = FD), EINVAL,
			   "IFF_TAP");
	kernel.flags = IFF_TAP | IFF_VNET_HDR;
	assert_tap_refused(OPEN(.mode = NETWORK_FD, .fd = FD), EINVAL,
			   "IFF_NO_PI");
	/* It is not lkvm's. */
	assert_int_equal(kernel.closed, 0);
}

/* What to do is part of the message. */
static void refused(void **state)
{
	(void)state;
	kernel.open = ENOENT;
	assert_tap_refused(OPEN(.tapif = "tap0"), ENOENT, "the module tun");
	kernel.open = EACCES;
	assert_tap_refused(OPEN(.tapif = NULL), EACCES, "/dev/net/tun");
	assert_int_equal(kernel.closed, 0);
	kernel.open = 0;
	kernel.failing = TUNSETIFF;
	kernel.ioctl = EPERM;
	assert_tap_refused(OPEN(.tapif = "tap0"), EPERM, "ip tuntap add");
	assert_tap_refused(OPEN(.tapif = NULL), EPERM, "tapif= takes one");
	kernel.ioctl = EBUSY;
	assert_tap_refused(OPEN(.tapif = "tap0"), EBUSY,
			   "tap0: Device or resource "
			   "busy: it is in use");
	kernel.ioctl = EINVAL;
	assert_tap_refused(OPEN(.tapif = "tap0"), EINVAL,
			   "it is no tap interface");
	kernel.failing = TUNSETVNETHDRSZ;
	assert_tap_refused(OPEN(.tapif = "tap0"), EINVAL, "header of tap0");
	kernel.failing = TUNSETOFFLOAD;
	assert_tap_refused(OPEN(.tapif = "tap0"), EINVAL, "offloads of tap0");
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

#define TEST(f) cmocka_unit_test_setup_teardown(f, tap_setup, tap_teardown)

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
		TEST(offloads),
		TEST(send_frames),
		TEST(receive_frames),
		TEST(interface_goes),
		TEST(interface_goes_silently),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
