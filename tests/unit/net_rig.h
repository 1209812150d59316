/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A network device without a transport, before a back end in memory, and its
 * driver. Buffers lie in RAM in reverse order, with gaps in which nothing may
 * be written.
 *
 * The driver asks for no interrupts, as firmware does, and looks for used
 * chains until there are some, so that no test waits for one that is not to
 * come.
 */
#ifndef TESTS_NET_RIG_H
#define TESTS_NET_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "lkvm/virtio/net.h"
#include "lkvm/vmm/gmem.h"
#include "virtq_driver.h"

#define NET_RIG_QUEUES	2U
#define NET_RIG_ENTRIES 256U
#define NET_RIG_DATA	(1UL << 20)
#define NET_RIG_NOISE	0xee /* in RAM, where nothing was written */
#define NET_RIG_FRAMES	512U
#define NET_RIG_HEADER	12U

#define NET_F(name) BIT(VIRTIO_NET_F_##name)

#define NET_ALL_OFFLOADS                                                       \
	(NET_F(CSUM) | NET_F(HOST_TSO4) | NET_F(HOST_TSO6) | NET_F(HOST_ECN) | \
	 NET_F(GUEST_CSUM) | NET_F(GUEST_TSO4) | NET_F(GUEST_TSO6) |           \
	 NET_F(GUEST_ECN))

struct mem_frame {
	struct virtio_net_hdr_v1 header;
	u32 len;
	u8 *data;
};

struct mem_net {
	struct net net;
	pthread_mutex_t lock; /* of all of this */
	struct mem_frame in[NET_RIG_FRAMES], out[NET_RIG_FRAMES];
	u32 nr_in, next_in, nr_out;
	u8 *last; /* of the frame that was received last */
	int send_error, receive_error, offload_error;
	u64 offloads[16]; /* that were set */
	u32 nr_offloads;
};

/* A chain of buffers to be written to. */
struct net_buffer {
	struct virtq_buf bufs[8];
	u32 nr;
	u32 len; /* used */
	bool used;
};

struct net_rig {
	u64 features; /* of the ring */
	struct gmem mem;
	u8 *rings, *data, *shadow;
	u32 free; /* bytes of `data` */
	struct mem_net *net;
	struct virtio_device *vdev;
	struct virtq_driver drivers[NET_RIG_QUEUES];
	struct net_buffer buffers[NET_RIG_ENTRIES];
	u32 nr_buffers, nr_taken;
	struct net_buffer *taken[NET_RIG_ENTRIES]; /* in order */
	atomic_uint interrupts, config_interrupts;
};

extern unsigned int mem_nets_closed;

struct mem_net *mem_net_create(u64 offloads);

/* A device with a back end of these offloads for the test of that `state`. */
struct net_rig *net_create(void **state, u64 offloads, u32 mtu);

/* Up to DRIVER_OK, from whatever state. */
void net_start(struct net_rig *r, u64 features);
void net_set_status(struct net_rig *r, u32 status);

/* Frames for the guest, filled by the seed; the back end becomes readable. */
void net_arrive(struct net_rig *r, u32 len, u64 seed);
void net_arrive_with(struct net_rig *r, u32 len, u64 seed,
		     const struct virtio_net_hdr_v1 *header);
/* Until the device has taken `n` frames from the back end. */
void net_await_received(struct net_rig *r, u32 n);
/* The back end's end. */
void net_break(struct net_rig *r, int error);

/* A chain for a frame: lengths of its buffers, up to a 0. */
void net_post(struct net_rig *r, const u32 *lens);
void net_post_one(struct net_rig *r, u32 len);
void net_kick(struct net_rig *r, unsigned int queue);

/* Waits until `n` chains have come back since the start; or more. */
void net_await(struct net_rig *r, u32 n);
void net_await_some(struct net_rig *r, u32 n);

/* The next ones that came back hold this frame; their number is returned. */
u32 net_check(struct net_rig *r, u32 first, u32 len, u64 seed);
void net_header(struct net_rig *r, u32 first, struct virtio_net_hdr_v1 *header);

/* Sends header and frame in buffers of these lengths, the last has the rest. */
void net_send(struct net_rig *r, const struct virtio_net_hdr_v1 *header,
	      u32 len, u64 seed, const u32 *cuts);
/* How many chains the device has returned of that queue. */
u32 net_sent(struct net_rig *r);
/* Waits for so many, by a thread if the driver cannot ask for lock-step. */
void net_await_sent(struct net_rig *r, u32 n);
/* The `n`th frame that the back end has got. */
void net_check_out(struct net_rig *r, u32 n, u32 len, u64 seed,
		   const struct virtio_net_hdr_v1 *header);

/* RAM beside the buffers that the device may write to is as it was. */
void net_check_ram(struct net_rig *r);

/* A member of the statistics; net_await_stat() waits for that value. */
u64 net_stat(struct net_rig *r, const char *name);
void net_await_stat(struct net_rig *r, const char *name, u64 value);

void fill_random(void *buf, size_t len, u64 seed);

int net_setup(void **state);
int net_teardown(void **state);

struct net_variant {
	u64 features;
};

#define NET_TEST_OF(f, title, bits)                                     \
	{                                                               \
		.name = #f ": " title, .test_func = (f),                \
		.setup_func = net_setup, .teardown_func = net_teardown, \
		.initial_state = &(struct net_variant) { (bits) },      \
	}

/* Once for each kind of ring. */
#define NET_TEST(f)                                                       \
	NET_TEST_OF(f, "split", VIRTQ_F_INDIRECT_DESC),                   \
		NET_TEST_OF(f, "packed",                                  \
			    VIRTQ_F_INDIRECT_DESC | VIRTQ_F_RING_PACKED), \
		NET_TEST_OF(f, "split, event index", VIRTQ_F_EVENT_IDX),  \
		NET_TEST_OF(f, "packed, event index",                     \
			    VIRTQ_F_EVENT_IDX | VIRTQ_F_RING_PACKED)

#endif
