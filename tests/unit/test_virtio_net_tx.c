/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: virtio/net.c virtio/net_rx.c virtio/net_tx.c virtio/runner.c */
/* SOURCES: virtio/lone.c virtio/gather.c */
/* SOURCES: virtio/device.c virtio/queue.c virtio/queue_split.c */
/* SOURCES: virtio/queue_packed.c virtio/queue_chain.c */
/* SOURCES: vmm/iothread.c vmm/thread.c vmm/gmem.c util/iov.c util/json.c */
/* SOURCES: util/log.c util/output.c virtio/net_pair.c virtio/net_control.c */
/* SOURCES: virtio/net_vhost.c virtio/vhost.c */
/* SOURCES: tests/unit/virtq_driver.c tests/unit/net_rig.c */
/* A network interface: frames from the guest, and their headers. */
#include <errno.h>
#include <sched.h>

#include "net_rig.h"

#define MTU 1514U /* bytes of a frame of the usual size */

void net_close(struct net *net)
{
	net->ops->close(net);
}

static const struct virtio_net_hdr_v1 plain;

static void send_frames(void **state)
{
	static const u32 cuts[][5] = { { 0 },	       { 12 }, { 1, 10, 2 },
				       { 11, 2, 500 }, { 13 }, { 26 } };
	static const u32 lens[] = { 14, 60, 100, MTU, NET_FRAME_MAX, 15 };
	/* Without checksums a driver need not fill it in. */
	static const struct virtio_net_hdr_v1 junk = {
		0xff, 0xff, 1, 2, { { 3, 4 } }, 5,
	};
	struct net_rig *r = net_create(state, NET_ALL_OFFLOADS, 0);

	net_start(r, 0);
	for (u32 i = 0; i < ARRAY_SIZE(lens); i++) {
		net_send(r, &junk, lens[i], i, cuts[i]);
		net_kick(r, 1);
		net_await_sent(r, 1);
		net_check_out(r, i, lens[i], i, &plain);
	}
	net_check_ram(r);
	assert_int_equal(net_stat(r, "tx_frames"), ARRAY_SIZE(lens));
	assert_int_equal(net_stat(r, "tx_bytes"),
			 14 + 60 + 100 + MTU + NET_FRAME_MAX + 15);
	assert_int_equal(net_stat(r, "tx_dropped"), 0);
}

/* Dropped, but the buffers come back. */
static void bad_frames(void **state)
{
	static const u32 no_cuts[] = { 0 };
	struct net_rig *r = net_create(state, 0, 0);

	net_start(r, 0);
	net_send(r, &plain, 13, 1, no_cuts);
	net_send(r, &plain, 0, 2, no_cuts);
	net_send(r, &plain, NET_FRAME_MAX + 1, 3, no_cuts);
	net_send(r, &plain, 14, 4, no_cuts);
	net_kick(r, 1);
	net_await_sent(r, 4);
	net_check_out(r, 0, 14, 4, &plain);
	r->net->send_error = -EINVAL;
	net_send(r, &plain, 100, 5, no_cuts);
	net_kick(r, 1);
	net_await_sent(r, 1);
	r->net->send_error = 0;
	net_send(r, &plain, 100, 6, no_cuts);
	net_kick(r, 1);
	net_await_sent(r, 1);
	net_check_out(r, 1, 100, 6, &plain);
	assert_int_equal(r->net->nr_out, 2);
	assert_int_equal(net_stat(r, "tx_frames"), 2);
	assert_int_equal(net_stat(r, "tx_dropped"), 4);
	assert_false(virtio_get_status(r->vdev) & VIRTIO_S_NEEDS_RESET);
}

static void no_header(void **state)
{
	struct net_rig *r = net_create(state, 0, 0);
	struct virtq_buf buf = { 0x80000000ULL, NET_RIG_HEADER - 1, false };

	net_start(r, 0);
	assert_int_equal(virtq_driver_add(&r->drivers[1], &buf, 1, 1, 0), 0);
	virtio_kick(r->vdev, 1);
	while (!(virtio_get_status(r->vdev) & VIRTIO_S_NEEDS_RESET))
		sched_yield();
	assert_int_equal(r->net->nr_out, 0);
	assert_int_equal(net_sent(r), 0);
}

struct header_case {
	u64 features;
	struct virtio_net_hdr_v1 in;
	bool good;
	u8 flags, gso_type; /* that the back end sees */
};

#define GSO(flags, type)                                     \
	{                                                    \
		(flags), (type), 54, 1460, { { 34, 16 } }, 7 \
	}

static const struct header_case cases[] = {
	{ NET_F(CSUM), GSO(1, 0), true, 1, 0 },
	{ NET_F(CSUM), GSO(0xff, 0), true, 1, 0 },
	{ NET_F(CSUM), GSO(1, 1), false, 0, 0 },
	{ NET_F(CSUM) | NET_F(HOST_TSO4), GSO(1, 1), true, 1, 1 },
	{ NET_F(CSUM) | NET_F(HOST_TSO4), GSO(1, 4), false, 0, 0 },
	{ NET_F(CSUM) | NET_F(HOST_TSO4), GSO(1, 0x81), false, 0, 0 },
	{ NET_F(CSUM) | NET_F(HOST_TSO4) | NET_F(HOST_ECN), GSO(1, 0x81), true,
	  1, 0x81 },
	{ NET_F(CSUM) | NET_F(HOST_TSO6), GSO(1, 4), true, 1, 4 },
	{ NET_F(CSUM) | NET_F(HOST_TSO6), GSO(1, 1), false, 0, 0 },
	{ NET_F(CSUM) | NET_F(HOST_TSO4) | NET_F(HOST_TSO6), GSO(1, 3), false,
	  0, 0 },
	{ NET_F(CSUM) | NET_F(HOST_TSO4) | NET_F(HOST_TSO6), GSO(1, 5), false,
	  0, 0 },
	{ NET_F(CSUM) | NET_F(HOST_ECN), GSO(1, 0x80), false, 0, 0 },
};

static void headers_of_the_guest(void **state)
{
	struct net_rig *r = net_create(state, NET_ALL_OFFLOADS, 0);
	u32 n = 0;

	for (u32 i = 0; i < ARRAY_SIZE(cases); i++) {
		struct virtio_net_hdr_v1 want = cases[i].in;

		net_start(r, cases[i].features);
		net_send(r, &cases[i].in, 5000, i, (const u32[]) { 12, 0 });
		net_kick(r, 1);
		net_await_sent(r, 1);
		want.flags = cases[i].flags;
		want.gso_type = cases[i].gso_type;
		want.num_buffers = 0;
		if (cases[i].good)
			net_check_out(r, n++, 5000, i, &want);
		assert_int_equal(r->net->nr_out, n);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		NET_TEST(send_frames),
		NET_TEST(bad_frames),
		NET_TEST(no_header),
		NET_TEST_OF(headers_of_the_guest, "", 0),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
