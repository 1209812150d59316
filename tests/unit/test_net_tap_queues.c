/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: net/tap.c tests/unit/tap_rig.c tests/unit/flash_fixture.c */
/* WRAP: open ioctl poll readv writev fcntl close run_program */
/* WRAP: socket bind recv */
/* Tap interfaces of several queues, and with vhost-net. */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>

#include "tap_rig.h"

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
	assert_tap_refused(OPEN(.tapif = "tap0", .queues = 2), EINVAL,
			   "it is no tap interface of several queues");
	assert_int_equal(kernel.closed, 1);
	kernel.failing_after = 1;
	kernel.ioctl = E2BIG;
	assert_tap_refused(OPEN(.tapif = "tap0", .queues = 2), E2BIG,
			   "tap interface tap0: Argument list too long");
	assert_int_equal(kernel.closed, 3);
	kernel.failing = TUNSETQUEUE;
	kernel.failing_after = 1;
	assert_tap_refused(OPEN(.tapif = "tap0", .queues = 3), E2BIG,
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
	assert_tap_refused(
		OPEN(.tapif = "tap0", .vhost = NETWORK_VHOST_ON), ENOENT,
		"/dev/vhost-net: No such file or directory: the host's "
		"kernel needs the module vhost_net");
	kernel.vhost = EACCES;
	assert_tap_refused(OPEN(.tapif = "tap0", .vhost = NETWORK_VHOST_ON),
			   EACCES, "root may open it");
	kernel.vhost = EMFILE;
	assert_tap_refused(OPEN(.tapif = "tap0", .vhost = NETWORK_VHOST_ON),
			   EMFILE, "Too many open files");
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

#define TEST(f) cmocka_unit_test_setup_teardown(f, tap_setup, tap_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(vhost),
		TEST(vhost_link),
		TEST(pairs),
		TEST(pairs_that_fail),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
