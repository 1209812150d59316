/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: virtio/net.c virtio/net_rx.c virtio/net_tx.c virtio/runner.c */
/* SOURCES: virtio/lone.c virtio/gather.c */
/* SOURCES: virtio/net_pair.c virtio/net_control.c virtio/net_vhost.c */
/* SOURCES: virtio/vhost.c virtio/device.c */
/* SOURCES: virtio/queue.c virtio/queue_split.c virtio/queue_packed.c */
/* SOURCES: virtio/queue_chain.c vmm/iothread.c vmm/thread.c vmm/gmem.c */
/* SOURCES: util/iov.c util/json.c util/log.c util/output.c */
/* SOURCES: tests/unit/virtq_driver.c tests/unit/virtio_rig.c */
/* SOURCES: tests/unit/vhost_fake.c */
/* WRAP: open close ioctl */
/* A network interface whose frames the host's kernel moves. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <linux/vhost.h>

#include "lkvm/net/net.h"
#include "lkvm/virtio/net.h"
#include "vhost_fake.h"
#include "virtio_rig.h"

#define RX     0U
#define TX     1U
#define TAP_FD 50

#define NET_F(name) BIT(VIRTIO_NET_F_##name)
#define RINGS	    (VIRTQ_F_INDIRECT_DESC | VIRTQ_F_EVENT_IDX)
#define OFFLOADS    (NET_F(CSUM) | NET_F(HOST_TSO4) | NET_F(GUEST_CSUM))
#define VHOST                                                               \
	(VIRTQ_F_VERSION_1 | RINGS | NET_F(MRG_RXBUF) | BIT(24) | BIT(26) | \
	 BIT(27) | BIT(33) | VIRTQ_F_RING_RESET)

static struct {
	struct net net;
	u64 offloads;
	int offload_error;
	unsigned int closed;
	int link_fd;
	atomic_bool gone;
} t;

int __wrap_open(const char *path, int flags, ...);
int __wrap_close(int fd);

static int set_offloads(struct net *net, u64 features)
{
	assert_ptr_equal(net, &t.net);
	/* Nothing is under way. */
	for (unsigned int i = RX; i <= TX; i++)
		assert_int_equal(vhost_fakes[0].rings[i].backend, -1);
	t.offloads = features;
	return t.offload_error;
}

static bool is_gone(struct net *net)
{
	u64 n;

	assert_int_equal(read(net->link_fd, &n, sizeof(n)), sizeof(n));
	return t.gone;
}

static void close_net(struct net *net)
{
	if (net->link_fd >= 0)
		close(net->link_fd);
	assert_ptr_equal(net, &t.net);
	__wrap_close(net->vhost_fd);
	t.closed++;
}

void net_close(struct net *net)
{
	net->ops->close(net);
}

/* Frames are none of lkvm's business. */
static const struct net_ops net_ops = {
	.set_offloads = set_offloads,
	.is_gone = is_gone,
	.close = close_net,
};

static struct virtio_net_params params_of(const struct gmem *mem, u64 offered)
{
	memset(&t, 0, sizeof(t));
	vhost_fake_reset(offered);
	t.net = (struct net) {
		.ops = &net_ops,
		.fd = TAP_FD,
		.offloads = OFFLOADS,
		.vhost = true,
		.link_fd = -1,
		.vhost_fd = __wrap_open("/dev/vhost-net", O_RDWR | O_CLOEXEC),
	};
	return (struct virtio_net_params) {
		.name = "net0",
		.net = &t.net,
		.mac = { 2, 1, 2, 3, 4, 5 },
		.mem = mem,
	};
}

static struct vio_rig *create_with(void **state, u64 offered)
{
	struct vio_rig *r = vio_create(state);
	struct virtio_net_params params = params_of(&r->mem, offered);
	struct virtio_device *vdev;

	assert_int_equal(virtio_net_create(&params, &vdev), 0);
	vio_attach(r, vdev);
	return r;
}

static struct vio_rig *create(void **state)
{
	return create_with(state, VHOST);
}

/* Of rings what the kernel has, of offloads what the interface has. */
static void features(void **state)
{
	const u64 always = VIRTQ_F_VERSION_1 | NET_F(MAC) | NET_F(STATUS) |
			   OFFLOADS;
	struct vio_rig *r = create(state);
	u64 few = VIRTQ_F_VERSION_1;

	assert_int_equal(r->vdev->offered, always | RINGS | NET_F(MRG_RXBUF));
	r->vdev->ops->destroy(r->vdev);
	assert_int_equal(t.closed, 1);
	assert_false(vhost_fakes[0].open);
	free(r->rings);
	free(r->data);
	r->mem.nr_regions = 0;
	r = create_with(state, few);
	assert_int_equal(r->vdev->offered, always);
}

static void runs(void **state)
{
	struct vio_rig *r = create(state);
	struct vhost_fake *fake = &vhost_fakes[0];
	struct virtq_used used;

	vio_start(r, OFFLOADS | NET_F(MRG_RXBUF));
	assert_false(vio_needs_reset(r));
	assert_int_equal(t.offloads, r->vdev->features);
	/* Offloads are not vhost's. */
	assert_int_equal(fake->features,
			 VIRTQ_F_VERSION_1 | NET_F(MRG_RXBUF) | r->features);
	for (unsigned int i = RX; i <= TX; i++) {
		assert_int_equal(fake->rings[i].backend, TAP_FD);
		assert_int_equal(r->irqfds[i], fake->rings[i].call);
		assert_int_equal(vhost_fake_kicks(0, i), 1);
		vio_add_one(r, i, i * 1000, 100, i == RX);
		virtq_driver_enable_irq(&r->drivers[i]);
		virtio_kick(r->vdev, i);
		assert_int_equal(vhost_fake_kicks(0, i), 1);
		assert_true(vhost_fake_serve(0, i, 0x33));
		vio_await(&r->irq);
		assert_true(vio_take(r, i, &used));
		assert_int_equal(atomic_load(&r->interrupts[i]), 1);
	}
	assert_int_equal(r->data[99], 0x33);
}

static void resets(void **state)
{
	struct vio_rig *r = create(state);

	for (u32 i = 0; i < 20; i++) {
		vio_start(r, OFFLOADS);
		vio_add_one(r, RX, 0, 10, true);
		assert_true(vhost_fake_serve(0, RX, 1));
		vio_set_status(r, 0);
		assert_int_equal(t.offloads, 0);
		assert_int_equal(vhost_fakes[0].rings[RX].backend, -1);
		assert_int_equal(vhost_fakes[0].rings[TX].backend, -1);
		assert_int_equal(r->irqfds[RX], -1);
		assert_int_equal(r->irqfds[TX], -1);
	}
}

static void driver_errors(void **state)
{
	struct vio_rig *r = create(state);

	vio_start(r, 0);
	vhost_fake_error(0, RX);
	vio_await(&r->irq);
	assert_true(vio_needs_reset(r));
	assert_int_equal(vhost_fakes[0].rings[RX].backend, -1);
	assert_int_equal(vhost_fakes[0].rings[TX].backend, -1);
	vio_start(r, 0);
	assert_false(vio_needs_reset(r));
}

/* A driver that only sends. */
static void one_queue(void **state)
{
	struct vio_rig *r = create(state);

	vio_start_some(r, 0, BIT(TX));
	assert_false(vio_needs_reset(r));
	assert_int_equal(vhost_fakes[0].rings[RX].backend, -1);
	assert_int_equal(vhost_fakes[0].rings[TX].backend, TAP_FD);
	virtio_kick(r->vdev, RX);
	vio_add_one(r, TX, 0, 100, false);
	assert_true(vhost_fake_serve(0, TX, 0));
}

static void start_fails(void **state)
{
	struct vio_rig *r = create(state);

	t.offload_error = -EINVAL;
	vio_start(r, 0);
	assert_true(vio_needs_reset(r));
	t.offload_error = 0;
	vhost_fake.failing = VHOST_SET_VRING_NUM;
	vhost_fake.error = ENOMEM;
	vio_start(r, 0);
	assert_true(vio_needs_reset(r));
	vhost_fake.error = 0;
	vio_start(r, 0);
	assert_false(vio_needs_reset(r));
}

static void create_fails(void **state)
{
	struct virtio_net_params params = params_of(NULL, VHOST);
	struct virtio_device *vdev;

	(void)state;
	vhost_fake.failing = VHOST_SET_OWNER;
	vhost_fake.error = ENOMEM;
	assert_int_equal(virtio_net_create(&params, &vdev), -ENOMEM);
	assert_int_equal(t.closed, 1);
}

static void expect_link(struct vio_rig *r, u16 want)
{
	u16 status = 0;

	virtio_read_config(r->vdev, 6, &status, sizeof(status));
	assert_int_equal(status, want);
}

static void tell(struct vio_rig *r, unsigned int interrupts)
{
	const u64 one = 1;

	assert_int_equal(write(t.net.link_fd, &one, sizeof(one)), sizeof(one));
	while (atomic_load(&r->config_interrupts) < interrupts)
		vio_await(&r->irq);
}

/* The interface is removed, which somebody else sees. */
static void link_goes(void **state)
{
	struct vio_rig *r = vio_create(state);
	struct virtio_net_params params = params_of(&r->mem, VHOST);
	struct virtio_device *vdev;

	t.net.link_fd = eventfd(0, EFD_NONBLOCK);
	assert_int_equal(virtio_net_create(&params, &vdev), 0);
	vio_attach(r, vdev);
	vio_start(r, 0);
	expect_link(r, 1);
	tell(r, 0);
	t.gone = true;
	tell(r, 1);
	expect_link(r, 0);
	/* It stays so, and that is said once. */
	vio_start(r, 0);
	tell(r, 0);
	vio_set_status(r, 0);
	assert_int_equal(atomic_load(&r->config_interrupts), 1);
	expect_link(r, 0);
}

#define SPLIT(f)                                        \
	VIO_TEST_OF(f, "plain", VIRTQ_F_INDIRECT_DESC), \
		VIO_TEST_OF(f, "event index", RINGS)

int main(void)
{
	const struct CMUnitTest tests[] = {
		VIO_TEST_OF(features, "", 0),
		SPLIT(link_goes),
		SPLIT(runs),
		SPLIT(resets),
		SPLIT(driver_errors),
		SPLIT(one_queue),
		SPLIT(start_fails),
		cmocka_unit_test(create_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
