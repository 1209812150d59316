/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: virtio/net.c virtio/net_rx.c virtio/net_tx.c virtio/runner.c */
/* SOURCES: virtio/lone.c virtio/gather.c */
/* SOURCES: virtio/net_pair.c virtio/net_control.c virtio/net_vhost.c */
/* SOURCES: virtio/vhost.c virtio/device.c virtio/queue.c */
/* SOURCES: virtio/queue_split.c virtio/queue_packed.c */
/* SOURCES: virtio/queue_chain.c vmm/iothread.c vmm/thread.c vmm/gmem.c */
/* SOURCES: util/iov.c util/json.c util/log.c util/output.c */
/* SOURCES: tests/unit/virtq_driver.c tests/unit/virtio_rig.c */
/* SOURCES: tests/unit/vhost_fake.c */
/* WRAP: open close ioctl */
/*
 * A network interface of several pairs of queues: the driver's commands, which
 * pairs take part then, and where frames go; by lkvm and by vhost.
 */
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "lkvm/net/net.h"
#include "lkvm/virtio/net.h"
#include "vhost_fake.h"
#include "virtio_rig.h"

#define PAIRS	3U
#define CONTROL (2 * PAIRS)
#define FRAME	60U

#define NET_F(name) BIT(VIRTIO_NET_F_##name)
#define BOTH	    (NET_F(CTRL_VQ) | NET_F(MQ))

#define RX(pair) (2 * (pair))
#define TX(pair) (2 * (pair) + 1)

#define CLASS_MQ 4
#define ACK_AT	 0x100U /* of `data`; commands are at 0 */

struct queue {
	struct net net;
	unsigned int attached, detached;
	bool on; /* attached */
	int attach_error;
	atomic_uint frames, sent; /* that wait for the guest; of the guest */
};

static struct {
	struct queue queues[PAIRS];
	u8 frame[FRAME];
	unsigned int closed;
} t;

int __wrap_open(const char *path, int flags, ...);
int __wrap_close(int fd);

static struct queue *queue_of(struct net *net)
{
	return container_of(net, struct queue, net);
}

static int send_frame(struct net *net, const struct virtio_net_hdr_v1 *header,
		      const struct iovec *iov, u32 count, u32 len)
{
	(void)header;
	(void)iov;
	(void)count;
	(void)len;
	atomic_fetch_add(&queue_of(net)->sent, 1);
	return 0;
}

static int receive(struct net *net, struct net_frame *frame)
{
	struct queue *queue = queue_of(net);
	u64 one;

	if (!queue->on)
		abort();
	if (!atomic_load(&queue->frames))
		return 0;
	if (read(net->fd, &one, sizeof(one)) != sizeof(one))
		abort();
	atomic_fetch_sub(&queue->frames, 1);
	memset(&frame->header, 0, sizeof(frame->header));
	frame->data = t.frame;
	frame->len = FRAME;
	return 1;
}

static int set_offloads(struct net *net, u64 features)
{
	(void)features;
	assert_ptr_equal(net, &t.queues[0].net);
	return 0;
}

static int attach(struct net *net, bool on)
{
	struct queue *queue = queue_of(net);

	assert_ptr_not_equal(net, &t.queues[0].net);
	if (on && queue->attach_error)
		return queue->attach_error;
	assert_int_equal(queue->on, !on);
	queue->on = on;
	queue->attached += on;
	queue->detached += !on;
	return 0;
}

static void close_net(struct net *net)
{
	assert_ptr_equal(net, &t.queues[0].net);
	for (unsigned int i = 0; i < PAIRS; i++) {
		close(t.queues[i].net.fd);
		if (t.queues[i].net.vhost)
			__wrap_close(t.queues[i].net.vhost_fd);
	}
	t.closed++;
}

void net_close(struct net *net)
{
	net->ops->close(net);
}

static const struct net_ops net_ops = {
	.send = send_frame,
	.receive = receive,
	.set_offloads = set_offloads,
	.attach = attach,
	.close = close_net,
};

static void make_queue(unsigned int i, bool vhost)
{
	struct queue *queue = &t.queues[i];

	queue->on = !i;
	queue->net.ops = &net_ops;
	queue->net.next = i + 1 < PAIRS ? &t.queues[i + 1].net : NULL;
	queue->net.fd = eventfd(0, EFD_SEMAPHORE);
	queue->net.vhost = vhost;
	queue->net.link_fd = -1;
	if (vhost)
		queue->net.vhost_fd =
			__wrap_open("/dev/vhost-net", O_RDWR | O_CLOEXEC);
}

static struct vio_rig *create_with(void **state, bool vhost)
{
	struct vio_rig *r = vio_create(state);
	struct virtio_net_params params = {
		.name = "net0",
		.net = &t.queues[0].net,
		.mem = &r->mem,
	};
	struct virtio_device *vdev;

	memset(&t, 0, sizeof(t));
	vhost_fake_reset(VIRTQ_F_VERSION_1 | VIRTQ_F_INDIRECT_DESC |
			 VIRTQ_F_EVENT_IDX | NET_F(MRG_RXBUF));
	for (unsigned int i = 0; i < PAIRS; i++)
		make_queue(i, vhost);
	assert_int_equal(virtio_net_create(&params, &vdev), 0);
	vio_attach(r, vdev);
	return r;
}

static struct vio_rig *create(void **state)
{
	return create_with(state, false);
}

/* ---- The driver ---------------------------------------------------------- */

/* The device's answer to `len` bytes of command in two buffers. */
static u8 command_at(struct vio_rig *r, unsigned int control, const void *bytes,
		     u32 len)
{
	struct virtq_buf bufs[] = { { VIO_GPA, MIN(len, 2U), false },
				    { VIO_GPA + 2, len - MIN(len, 2U), false },
				    { VIO_GPA + ACK_AT, 1, true } };
	struct virtq_used used;
	u32 skip = len > 2 ? 0 : 1;

	memcpy(r->data, bytes, len);
	r->data[ACK_AT] = VIO_NOISE;
	if (skip)
		bufs[1] = bufs[0];
	vio_add(r, control, bufs + skip, 3 - skip, false, 0);
	vio_kick(r, control);
	while (!vio_take(r, control, &used))
		sched_yield();
	assert_int_equal(used.len, 1);
	return r->data[ACK_AT];
}

static u8 command(struct vio_rig *r, u8 class, u8 cmd, u16 pairs)
{
	const u8 bytes[] = { class, cmd, (u8)pairs, (u8)(pairs >> 8) };

	return command_at(r, CONTROL, bytes, sizeof(bytes));
}

static u8 set_pairs(struct vio_rig *r, u16 pairs)
{
	return command(r, CLASS_MQ, 0, pairs);
}

static void arrive(unsigned int pair)
{
	const u64 one = 1;

	atomic_fetch_add(&t.queues[pair].frames, 1);
	assert_int_equal(write(t.queues[pair].net.fd, &one, sizeof(one)),
			 sizeof(one));
}

/* A frame each way by that pair. */
static void check_pair(struct vio_rig *r, unsigned int pair)
{
	unsigned int sent = atomic_load(&t.queues[pair].sent);
	struct virtq_used used;

	vio_add_one(r, RX(pair), 0x1000 * (pair + 1), 2000, true);
	vio_kick(r, RX(pair));
	arrive(pair);
	while (!vio_take(r, RX(pair), &used))
		sched_yield();
	assert_int_equal(used.len, FRAME + 12);
	vio_add_one(r, TX(pair), 0x1000 * (pair + 1), FRAME + 12, false);
	vio_kick(r, TX(pair));
	while (!vio_take(r, TX(pair), &used))
		sched_yield();
	assert_int_equal(atomic_load(&t.queues[pair].sent), sent + 1);
}

static void check_on(u32 pairs)
{
	for (unsigned int i = 0; i < PAIRS; i++)
		assert_int_equal(t.queues[i].on, i < pairs);
}

/* ---- Tests --------------------------------------------------------------- */

static void identity(void **state)
{
	struct vio_rig *r = create(state);
	u16 pairs = 0;

	assert_int_equal(r->vdev->nr_queues, CONTROL + 1);
	assert_int_equal(r->vdev->offered & BOTH, BOTH);
	virtio_read_config(r->vdev, 8, &pairs, sizeof(pairs));
	assert_int_equal(le16toh(pairs), PAIRS);
}

/* One pair at first; then as many as the driver says. */
static void pairs(void **state)
{
	struct vio_rig *r = create(state);

	vio_start(r, BOTH);
	check_on(1);
	check_pair(r, 0);
	assert_int_equal(set_pairs(r, 3), 0);
	check_on(3);
	assert_int_equal(vio_stat(r, "pairs"), 3);
	for (unsigned int i = 0; i < PAIRS; i++)
		check_pair(r, i);
	assert_int_equal(set_pairs(r, 2), 0);
	check_on(2);
	check_pair(r, 1);
	assert_int_equal(set_pairs(r, 2), 0);
	check_pair(r, 1);
	assert_int_equal(set_pairs(r, 1), 0);
	check_on(1);
	assert_int_equal(set_pairs(r, 3), 0);
	for (unsigned int i = 0; i < PAIRS; i++)
		check_pair(r, i);
	assert_int_equal(vio_stat(r, "rx_frames"), 9);
	assert_int_equal(vio_stat(r, "tx_frames"), 9);
}

/* Buffers of a pair that is not in use stay, and are used once it is. */
static void buffers_before(void **state)
{
	struct vio_rig *r = create(state);
	struct virtq_used used;

	vio_start(r, BOTH);
	vio_add_one(r, RX(1), 0x1000, 2000, true);
	vio_kick(r, RX(1));
	vio_add_one(r, TX(1), 0x2000, FRAME + 12, false);
	vio_kick(r, TX(1));
	assert_false(vio_take(r, TX(1), &used));
	arrive(1);
	assert_int_equal(set_pairs(r, 2), 0);
	while (!vio_take(r, RX(1), &used))
		sched_yield();
	while (!vio_take(r, TX(1), &used))
		sched_yield();
	assert_int_equal(atomic_load(&t.queues[1].sent), 1);
}

static void bad_commands(void **state)
{
	const u8 mq[] = { CLASS_MQ, 0, 2, 0, 9, 9 };
	struct vio_rig *r = create(state);

	vio_start(r, BOTH);
	assert_int_equal(set_pairs(r, 2), 0);
	assert_int_equal(set_pairs(r, 0), 1);
	assert_int_equal(set_pairs(r, PAIRS + 1), 1);
	assert_int_equal(set_pairs(r, 0x102), 1);
	assert_int_equal(command(r, CLASS_MQ, 1, 1), 1);
	for (u32 class = 0; class < 256; class ++)
		if (class != CLASS_MQ)
			assert_int_equal(command(r, (u8) class, 0, 1), 1);
	for (u32 len = 1; len < 4; len++)
		assert_int_equal(command_at(r, CONTROL, mq, len), 1);
	check_on(2);
	assert_false(vio_needs_reset(r));
	/* What comes behind is of no command that is known. */
	assert_int_equal(command_at(r, CONTROL, mq, sizeof(mq)), 0);
	check_pair(r, 1);
}

/* There is nowhere to put the answer. */
static void no_room(void **state)
{
	struct vio_rig *r = create(state);

	vio_start(r, BOTH);
	vio_add_one(r, CONTROL, 0, 4, false);
	vio_kick(r, CONTROL);
	assert_true(vio_needs_reset(r));
	vio_start(r, BOTH);
	assert_int_equal(set_pairs(r, 2), 0);
}

/* A pair that cannot work: it is as before. */
static void pair_fails(void **state)
{
	struct vio_rig *r = create(state);

	vio_start(r, BOTH);
	t.queues[2].attach_error = -EINVAL;
	assert_int_equal(set_pairs(r, 3), 1);
	check_on(1);
	assert_int_equal(vio_stat(r, "pairs"), 1);
	assert_int_equal(set_pairs(r, 2), 0);
	assert_int_equal(set_pairs(r, 3), 1);
	check_on(2);
	check_pair(r, 1);
}

static void resets(void **state)
{
	struct vio_rig *r = create(state);

	for (u32 i = 0; i < 20; i++) {
		vio_start(r, BOTH);
		check_on(1);
		assert_int_equal(set_pairs(r, 3), 0);
		check_pair(r, 2);
		vio_set_status(r, 0);
		check_on(1);
	}
	/* Bus mastering is no matter of the driver's commands. */
	vio_start(r, BOTH);
	assert_int_equal(set_pairs(r, 2), 0);
	pthread_mutex_lock(&r->vdev->lock);
	virtio_set_master(r->vdev, false);
	check_on(1);
	virtio_set_master(r->vdev, true);
	pthread_mutex_unlock(&r->vdev->lock);
	check_on(2);
	check_pair(r, 1);
}

/* The queue for control is the third, and there is one pair. */
static void without_mq(void **state)
{
	const u8 mq[] = { CLASS_MQ, 0, 1, 0 };
	struct vio_rig *r = create(state);

	vio_start(r, NET_F(CTRL_VQ));
	assert_int_equal(command_at(r, 2, mq, sizeof(mq)), 1);
	check_pair(r, 0);
	virtio_kick(r->vdev, 3);
	virtio_kick(r->vdev, CONTROL);
	/* And none at all. */
	vio_start(r, 0);
	for (unsigned int i = 2; i <= CONTROL; i++)
		virtio_kick(r->vdev, i);
	check_pair(r, 0);
	check_on(1);
}

/* Each pair has an instance of vhost. */
static void by_vhost(void **state)
{
	struct vio_rig *r = create_with(state, true);
	struct virtq_used used;

	assert_int_equal(r->vdev->offered & BOTH, BOTH);
	vio_start(r, BOTH);
	assert_int_equal(vhost_fakes[0].rings[0].backend, t.queues[0].net.fd);
	assert_int_equal(vhost_fakes[1].rings[0].backend, -1);
	virtio_kick(r->vdev, RX(1));
	assert_int_equal(set_pairs(r, 3), 0);
	check_on(3);
	for (unsigned int i = 0; i < PAIRS; i++) {
		for (unsigned int ring = 0; ring < 2; ring++) {
			assert_int_equal(vhost_fakes[i].rings[ring].backend,
					 t.queues[i].net.fd);
			assert_int_equal(vhost_fake_kicks(i, ring), 1);
		}
		virtio_kick(r->vdev, TX(i));
		assert_int_equal(vhost_fake_kicks(i, 1), 1);
	}
	vio_add_one(r, RX(2), 0x1000, 100, true);
	virtq_driver_enable_irq(&r->drivers[RX(2)]);
	assert_true(vhost_fake_serve(2, 0, 7));
	vio_await(&r->irq);
	assert_int_equal(atomic_load(&r->interrupts[RX(2)]), 1);
	assert_true(vio_take(r, RX(2), &used));
	assert_int_equal(set_pairs(r, 1), 0);
	check_on(1);
	assert_int_equal(vhost_fakes[2].rings[0].backend, -1);
	assert_int_equal(vhost_fakes[0].rings[0].backend, t.queues[0].net.fd);
	vio_set_status(r, 0);
	assert_int_equal(vhost_fakes[0].rings[0].backend, -1);
}

/* One queue that is broken ends them all. */
static void vhost_error(void **state)
{
	struct vio_rig *r = create_with(state, true);

	vio_start(r, BOTH);
	assert_int_equal(set_pairs(r, 3), 0);
	vhost_fake_error(1, 0);
	vio_await(&r->irq);
	assert_true(vio_needs_reset(r));
	for (unsigned int i = 0; i < PAIRS; i++)
		for (unsigned int ring = 0; ring < 2; ring++)
			assert_int_equal(vhost_fakes[i].rings[ring].backend,
					 -1);
	vio_start(r, BOTH);
	assert_false(vio_needs_reset(r));
	assert_int_equal(set_pairs(r, 3), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		VIO_TEST(identity),
		VIO_TEST(pairs),
		VIO_TEST(buffers_before),
		VIO_TEST(bad_commands),
		VIO_TEST(no_room),
		VIO_TEST(pair_fails),
		VIO_TEST(resets),
		VIO_TEST(without_mq),
		VIO_TEST_OF(by_vhost, "plain", VIRTQ_F_INDIRECT_DESC),
		VIO_TEST_OF(vhost_error, "", VIRTQ_F_INDIRECT_DESC),
		VIO_TEST_OF(by_vhost, "event index", VIRTQ_F_EVENT_IDX),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
