/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: virtio/net.c virtio/net_rx.c virtio/net_tx.c virtio/runner.c */
/* SOURCES: virtio/lone.c virtio/gather.c */
/* SOURCES: virtio/device.c virtio/queue.c virtio/queue_split.c */
/* SOURCES: virtio/queue_packed.c virtio/queue_chain.c net/net.c */
/* SOURCES: vmm/iothread.c vmm/thread.c vmm/gmem.c util/iov.c util/json.c */
/* SOURCES: util/log.c util/output.c virtio/net_pair.c virtio/net_control.c */
/* SOURCES: virtio/net_vhost.c virtio/vhost.c */
/* SOURCES: tests/unit/virtq_driver.c tests/unit/net_rig.c */
/* WRAP: calloc user_open tap_open iothread_start */
/* A network interface: its configuration, frames for the guest, resets. */
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "lkvm/vmm/iothread.h"
#include "net/net.h"
#include "net_rig.h"

#define CONFIG_SIZE 12U
#define MTU	    1514U /* bytes of a frame of the usual size */

static bool no_memory;
static int thread_error;

void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);
int __real_iothread_start(struct iothread *thread, const char *name,
			  void (*serve)(void *opaque), void *opaque);
int __wrap_iothread_start(struct iothread *thread, const char *name,
			  void (*serve)(void *opaque), void *opaque);
int __wrap_user_open(const struct network_config *config, unsigned int n,
		     struct net **out);
int __wrap_tap_open(const struct network_config *config, unsigned int n,
		    struct net **out);

void *__wrap_calloc(size_t n, size_t size)
{
	return no_memory ? NULL : __real_calloc(n, size);
}

int __wrap_iothread_start(struct iothread *thread, const char *name,
			  void (*serve)(void *opaque), void *opaque)
{
	if (thread_error)
		return thread_error;
	return __real_iothread_start(thread, name, serve, opaque);
}

/* Which kind it is, by a value that is no error. */
int __wrap_user_open(const struct network_config *config, unsigned int n,
		     struct net **out)
{
	(void)config;
	(void)out;
	return 100 + (int)n;
}

int __wrap_tap_open(const struct network_config *config, unsigned int n,
		    struct net **out)
{
	(void)config;
	(void)out;
	return 200 + (int)n;
}

static void kinds(void **state)
{
	struct network_config config = { .mode = NETWORK_USER };
	struct net *net;

	(void)state;
	assert_int_equal(net_open(&config, 3, &net), 103);
	config.mode = NETWORK_TAP;
	assert_int_equal(net_open(&config, 4, &net), 204);
	config.mode = NETWORK_FD;
	assert_int_equal(net_open(&config, 5, &net), 205);
	config.mode = NETWORK_NONE;
	assert_int_equal(net_open(&config, 5, &net), -EINVAL);
	net_close(NULL);
}

/* ---- Configuration ------------------------------------------------------- */

static void check_config(struct net_rig *r, u16 status, u16 mtu)
{
	const u8 want[CONFIG_SIZE] = {
		2, 1, 2, 3, 4, 5, (u8)status, 0, 1, 0, (u8)mtu, (u8)(mtu >> 8),
	};
	u8 all[CONFIG_SIZE], bytes[CONFIG_SIZE + 8];

	virtio_read_config(r->vdev, 0, all, CONFIG_SIZE);
	assert_memory_equal(all, want, CONFIG_SIZE);
	for (u32 i = 0; i < sizeof(bytes); i++)
		virtio_read_config(r->vdev, i, &bytes[i], 1);
	assert_memory_equal(bytes, want, CONFIG_SIZE);
	for (u32 i = CONFIG_SIZE; i < sizeof(bytes); i++)
		assert_int_equal(bytes[i], 0);
}

static void configuration(void **state)
{
	struct net_rig *r = net_create(state, 0, 0x1234);
	const u8 zero[CONFIG_SIZE] = { 0 };

	assert_int_equal(r->vdev->id, 1);
	assert_int_equal(r->vdev->nr_queues, 2);
	check_config(r, 1, 0x1234);
	virtio_write_config(r->vdev, 0, zero, CONFIG_SIZE);
	check_config(r, 1, 0x1234);
}

#define RING_FEATURES                                                  \
	(VIRTQ_F_VERSION_1 | VIRTQ_F_RING_PACKED | VIRTQ_F_EVENT_IDX | \
	 VIRTQ_F_INDIRECT_DESC | VIRTQ_F_RING_RESET)

/* MAC, MRG_RXBUF and STATUS. */
#define ALWAYS (RING_FEATURES | 1U << 5 | 1U << 15 | 1U << 16)

static void features_without_offloads(void **state)
{
	assert_int_equal(net_create(state, 0, 0)->vdev->offered, ALWAYS);
}

static void features_with_all(void **state)
{
	struct net_rig *r = net_create(state, NET_ALL_OFFLOADS, 9000);

	assert_int_equal(r->vdev->offered, ALWAYS | 1U << 3 | NET_ALL_OFFLOADS);
}

static void no_memory_for_it(void **state)
{
	struct mem_net *net = mem_net_create(0);
	struct virtio_net_params params = { .name = "net", .net = &net->net };
	struct virtio_device *vdev = NULL;
	int ret;

	(void)state;
	no_memory = true;
	ret = virtio_net_create(&params, &vdev);
	no_memory = false;
	assert_int_equal(ret, -ENOMEM);
	assert_int_equal(mem_nets_closed, 1);
}

/* ---- To the guest -------------------------------------------------------- */

static void receive_frames(void **state)
{
	static const u32 lens[] = { 14, 60, 61, MTU, 18, 1500 };
	struct net_rig *r = net_create(state, 0, 0);

	net_start(r, 0);
	for (u32 i = 0; i < ARRAY_SIZE(lens); i++)
		net_post_one(r, MTU + NET_RIG_HEADER);
	net_kick(r, 0);
	for (u32 i = 0; i < ARRAY_SIZE(lens); i++) {
		net_arrive(r, lens[i], i);
		net_await(r, i + 1);
		assert_int_equal(net_check(r, i, lens[i], i), 1);
	}
	net_check_ram(r);
	assert_int_equal(net_stat(r, "rx_frames"), ARRAY_SIZE(lens));
	assert_int_equal(net_stat(r, "rx_bytes"),
			 14 + 60 + 61 + MTU + 18 + 1500);
	assert_int_equal(net_stat(r, "rx_dropped"), 0);
	assert_int_equal(atomic_load(&r->interrupts), 0);
}

/* As EDK2 has it: a buffer of its own for the header; and all others. */
static void receive_into_parts(void **state)
{
	static const u32 cuts[][6] = {
		{ 12, 1514 },
		{ 1, 10, 1, 100, 1414 },
		{ 11, 1515 },
		{ 5, 5, 1, 1515 },
	};
	struct net_rig *r = net_create(state, 0, 0);

	net_start(r, 0);
	for (u32 i = 0; i < ARRAY_SIZE(cuts); i++) {
		net_post(r, cuts[i]);
		net_arrive(r, MTU - i, i);
	}
	net_kick(r, 0);
	net_await(r, ARRAY_SIZE(cuts));
	for (u32 i = 0; i < ARRAY_SIZE(cuts); i++)
		assert_int_equal(net_check(r, i, MTU - i, i), 1);
	net_check_ram(r);
}

/* They wait for buffers, and come in their order. */
static void receive_before_there_are_buffers(void **state)
{
	struct net_rig *r = net_create(state, 0, 0);

	for (u32 i = 0; i < 40; i++)
		net_arrive(r, 100 + i, i);
	net_start(r, 0);
	for (u32 i = 0; i < 40; i++) {
		net_post_one(r, MTU + NET_RIG_HEADER);
		net_kick(r, 0);
		net_await(r, i + 1);
		net_check(r, i, 100 + i, i);
	}
	net_check_ram(r);
	assert_int_equal(net_stat(r, "rx_dropped"), 0);
}

/* One that does not fit is dropped, its chain is for the next. */
static void too_long_for_the_buffers(void **state)
{
	struct net_rig *r = net_create(state, 0, 0);

	net_start(r, 0);
	net_post_one(r, 112);
	net_post_one(r, 112);
	net_kick(r, 0);
	net_arrive(r, 101, 1);
	net_arrive(r, 100, 2);
	net_arrive(r, NET_FRAME_MAX, 3);
	net_arrive(r, 99, 4);
	net_await(r, 2);
	assert_int_equal(net_check(r, 0, 100, 2), 1);
	assert_int_equal(net_check(r, 1, 99, 4), 1);
	net_check_ram(r);
	assert_int_equal(net_stat(r, "rx_frames"), 2);
	assert_int_equal(net_stat(r, "rx_dropped"), 2);
}

/* What a back end should not have given. */
static void no_frames(void **state)
{
	struct net_rig *r = net_create(state, 0, 0);

	net_start(r, NET_F(MRG_RXBUF));
	net_post_one(r, SZ_64K + 100);
	net_post_one(r, SZ_64K + 100);
	net_kick(r, 0);
	net_arrive(r, 0, 1);
	net_arrive(r, 13, 2);
	net_arrive(r, NET_FRAME_MAX + 1, 3);
	net_arrive(r, NET_FRAME_MAX, 4);
	net_await(r, 1);
	net_check(r, 0, NET_FRAME_MAX, 4);
	assert_int_equal(net_stat(r, "rx_dropped"), 3);
	net_check_ram(r);
}

static void merged(void **state)
{
	struct net_rig *r = net_create(state, 0, 0);
	u32 n = 0;

	net_start(r, NET_F(MRG_RXBUF));
	for (u32 i = 0; i < 50; i++)
		net_post(r, (const u32[]) { 7, 5, 1500 - i % 3, 0 });
	net_kick(r, 0);
	net_arrive(r, 30000, 1);
	net_arrive(r, 60, 2);
	net_arrive(r, 1500 - 2 + 1500, 3);
	net_arrive(r, 12000, 4);
	net_await_stat(r, "rx_frames", 4);
	net_await(r, 20 + 1 + 2 + 8);
	n += net_check(r, n, 30000, 1);
	n += net_check(r, n, 60, 2);
	n += net_check(r, n, 1500 - 2 + 1500, 3);
	n += net_check(r, n, 12000, 4);
	assert_int_equal(n, r->nr_taken);
	net_check_ram(r);
}

/* Chains that are too few go back, and are taken again with those to come. */
static void merged_when_there_are_enough(void **state)
{
	struct net_rig *r = net_create(state, 0, 0);
	u32 n = 0;

	net_start(r, NET_F(MRG_RXBUF));
	net_arrive(r, 2500, 1);
	net_arrive(r, 2500, 2);
	for (u32 i = 0; i < 6; i++) {
		net_post_one(r, 1000);
		net_kick(r, 0);
	}
	net_await(r, 6);
	n += net_check(r, n, 2500, 1);
	n += net_check(r, n, 2500, 2);
	assert_int_equal(n, 6);
	assert_int_equal(net_stat(r, "rx_dropped"), 0);
	pthread_mutex_lock(&r->vdev->queues[0].lock);
	assert_int_equal(r->vdev->queues[0].q.pending, 0);
	pthread_mutex_unlock(&r->vdev->queues[0].lock);
	assert_int_equal(atomic_load(&r->vdev->queues[0].q.stats.chains), 6);
}

/* All that the ring can have is not enough: it would wait for ever. */
static void longer_than_all_buffers(void **state)
{
	struct net_rig *r = net_create(state, 0, 0);

	net_start(r, NET_F(MRG_RXBUF));
	for (u32 i = 0; i < NET_RIG_ENTRIES; i++)
		net_post_one(r, 20);
	net_kick(r, 0);
	net_arrive(r, 256 * 20 - 12 + 1, 1);
	net_arrive(r, 255 * 20 - 12 + 1, 2);
	net_arrive(r, 100, 3);
	net_await_stat(r, "rx_frames", 1);
	net_await(r, 6);
	assert_int_equal(net_check(r, 0, 100, 3), 6);
	assert_int_equal(net_stat(r, "rx_dropped"), 2);
}

/* What the kernel says of a frame is for drivers that have asked for it. */
static void headers(void **state)
{
	static const struct virtio_net_hdr_v1 header = {
		.flags = 1,
		.gso_type = VIRTIO_NET_HDR_GSO_TCPV4,
		.hdr_len = 54,
		.gso_size = 1460,
		.csum_start = 34,
		.csum_offset = 16,
	};
	struct net_rig *r = net_create(state, NET_ALL_OFFLOADS, 0);
	struct virtio_net_hdr_v1 got, want = header;

	net_start(r, NET_F(GUEST_CSUM) | NET_F(GUEST_TSO4));
	net_post_one(r, SZ_64K + 100);
	net_kick(r, 0);
	net_arrive_with(r, 30000, 1, &header);
	net_await(r, 1);
	net_header(r, 0, &got);
	want.num_buffers = 1;
	assert_memory_equal(&got, &want, sizeof(got));
	net_start(r, 0);
	net_post_one(r, MTU + NET_RIG_HEADER);
	net_kick(r, 0);
	net_arrive_with(r, 60, 2, &header);
	net_await(r, 1);
	net_header(r, 0, &got);
	want = (struct virtio_net_hdr_v1) { .num_buffers = 1 };
	assert_memory_equal(&got, &want, sizeof(got));
}

static void interrupts(void **state)
{
	struct net_rig *r = net_create(state, 0, 0);

	net_start(r, 0);
	net_post_one(r, MTU);
	net_post_one(r, MTU);
	virtq_driver_enable_irq(&r->drivers[0]);
	net_kick(r, 0);
	net_arrive(r, 60, 1);
	while (!atomic_load(&r->interrupts))
		sched_yield();
	net_await(r, 1);
}

/* A chain has room for a header at least. */
static void bad_buffers(void **state)
{
	struct net_rig *r = net_create(state, 0, 0);

	net_start(r, NET_F(MRG_RXBUF));
	net_post_one(r, MTU);
	net_post_one(r, NET_RIG_HEADER - 1);
	net_kick(r, 0);
	net_arrive(r, 60, 1);
	net_await(r, 1);
	net_arrive(r, 60, 2);
	while (!(virtio_get_status(r->vdev) & VIRTIO_S_NEEDS_RESET))
		sched_yield();
	net_post_one(r, MTU);
	virtio_kick(r->vdev, 0);
	net_check(r, 0, 60, 1);
	net_check_ram(r);
	/* A reset makes it good again; that frame was for the driver before. */
	net_start(r, 0);
	net_post_one(r, MTU);
	net_kick(r, 0);
	net_arrive(r, 61, 3);
	net_await(r, 1);
	net_check(r, 0, 61, 3);
}

static const struct virtio_net_hdr_v1 plain;

/* ---- Life ---------------------------------------------------------------- */

static void offloads(void **state)
{
	struct net_rig *r = net_create(state, NET_ALL_OFFLOADS, 0);

	net_start(r, NET_F(GUEST_CSUM) | NET_F(GUEST_TSO6));
	assert_int_equal(r->net->nr_offloads, 1);
	assert_int_equal(r->net->offloads[0] & NET_ALL_OFFLOADS,
			 NET_F(GUEST_CSUM) | NET_F(GUEST_TSO6));
	net_set_status(r, 0);
	assert_int_equal(r->net->nr_offloads, 2);
	assert_int_equal(r->net->offloads[1], 0);
	r->net->offload_error = -EINVAL;
	net_start(r, NET_F(GUEST_CSUM));
	assert_true(virtio_get_status(r->vdev) & VIRTIO_S_NEEDS_RESET);
}

static void no_thread(void **state)
{
	struct net_rig *r = net_create(state, 0, 0);

	thread_error = -EAGAIN;
	net_start(r, 0);
	thread_error = 0;
	assert_true(virtio_get_status(r->vdev) & VIRTIO_S_NEEDS_RESET);
	net_start(r, 0);
	net_post_one(r, MTU);
	net_kick(r, 0);
	net_arrive(r, 60, 1);
	net_await(r, 1);
}

/* Each queue alone: the other goes on. */
static void queues_that_are_reset(void **state)
{
	struct net_rig *r = net_create(state, 0, 0);

	for (u32 i = 0; i < 20; i++) {
		net_start(r, VIRTQ_F_RING_RESET);
		net_post_one(r, MTU);
		net_kick(r, 0);
		net_arrive(r, 60, i);
		net_await(r, 1);
		net_arrive(r, 61, i);
		net_await_received(r, 2 * i + 2);
		pthread_mutex_lock(&r->vdev->lock);
		virtio_queue_reset(r->vdev, 0);
		pthread_mutex_unlock(&r->vdev->lock);
		assert_int_equal(net_stat(r, "rx_dropped"), i + 1);
		net_check(r, 0, 60, i);
		net_send(r, &plain, 60, i, (const u32[]) { 0 });
		net_kick(r, 1);
		net_await_sent(r, 1);
		net_check_ram(r);
		pthread_mutex_lock(&r->vdev->lock);
		virtio_queue_reset(r->vdev, 1);
		pthread_mutex_unlock(&r->vdev->lock);
		assert_false(virtio_queue_is_enabled(r->vdev, 1));
	}
}

/* The link goes down, once and for all; the device goes on. */
static void back_end_ends(void **state)
{
	struct net_rig *r = net_create(state, 0, 1500);

	net_start(r, NET_F(STATUS));
	net_post_one(r, MTU);
	net_post_one(r, MTU);
	net_kick(r, 0);
	net_arrive(r, 60, 1);
	net_await(r, 1);
	net_check(r, 0, 60, 1);
	assert_int_equal(net_stat(r, "link"), 1);
	net_break(r, -EPIPE);
	while (!atomic_load(&r->config_interrupts))
		sched_yield();
	check_config(r, 0, 1500);
	assert_int_equal(net_stat(r, "link"), 0);
	net_send(r, &plain, 60, 2, (const u32[]) { 0 });
	net_kick(r, 1);
	net_await_sent(r, 1);
	assert_int_equal(r->net->nr_out, 0);
	assert_int_equal(net_stat(r, "tx_dropped"), 1);
	net_start(r, NET_F(STATUS));
	check_config(r, 0, 1500);
	virtio_kick(r->vdev, 0);
	assert_int_equal(atomic_load(&r->config_interrupts), 1);
	assert_false(virtio_get_status(r->vdev) & VIRTIO_S_NEEDS_RESET);
}

/* After a reset RAM is the guest's, whatever arrives. */
static void reset_often(void **state)
{
	struct net_rig *r = net_create(state, NET_ALL_OFFLOADS, 0);

	for (u32 i = 0; i < 100; i++) {
		net_start(r, i % 2 ? NET_F(MRG_RXBUF) : 0);
		for (u32 n = 0; n < 8; n++)
			net_post_one(r, 64 + NET_RIG_HEADER);
		net_kick(r, 0);
		net_arrive(r, 60, i);
		net_arrive(r, 64, i);
		net_send(r, &plain, 60, i, (const u32[]) { 0 });
		net_kick(r, 1);
		if (i % 3 == 0)
			net_await_some(r, 2);
		net_set_status(r, 0);
		memset(r->data, NET_RIG_NOISE, NET_RIG_DATA);
		memset(r->shadow, NET_RIG_NOISE, NET_RIG_DATA);
		net_arrive(r, 60, i);
		sched_yield();
		net_check_ram(r);
	}
	net_start(r, 0);
	assert_int_equal(r->net->nr_in, 300);
}

/* One that waits for buffers is dropped, and counted, with the driver. */
static void reset_with_a_frame_that_waits(void **state)
{
	struct net_rig *r = net_create(state, 0, 0);

	net_start(r, 0);
	net_arrive(r, 60, 1);
	virtio_kick(r->vdev, 0);
	net_await_received(r, 1);
	net_set_status(r, 0);
	assert_int_equal(net_stat(r, "rx_dropped"), 1);
	net_start(r, 0);
	net_post_one(r, MTU);
	net_kick(r, 0);
	net_arrive(r, 61, 2);
	net_await(r, 1);
	net_check(r, 0, 61, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kinds),
		NET_TEST_OF(configuration, "", 0),
		NET_TEST_OF(features_without_offloads, "", 0),
		NET_TEST_OF(features_with_all, "", 0),
		NET_TEST_OF(no_memory_for_it, "", 0),
		NET_TEST(receive_frames),
		NET_TEST(receive_into_parts),
		NET_TEST(receive_before_there_are_buffers),
		NET_TEST(too_long_for_the_buffers),
		NET_TEST(no_frames),
		NET_TEST(merged),
		NET_TEST(merged_when_there_are_enough),
		NET_TEST(longer_than_all_buffers),
		NET_TEST_OF(headers, "", 0),
		NET_TEST(interrupts),
		NET_TEST(bad_buffers),
		NET_TEST_OF(offloads, "", 0),
		NET_TEST_OF(no_thread, "", 0),
		NET_TEST_OF(back_end_ends, "", 0),
		NET_TEST(queues_that_are_reset),
		NET_TEST(reset_often),
		NET_TEST(reset_with_a_frame_that_waits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
