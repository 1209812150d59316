/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: virtio/vsock.c virtio/vhost.c virtio/device.c virtio/queue.c */
/* SOURCES: virtio/queue_split.c virtio/queue_packed.c virtio/queue_chain.c */
/* SOURCES: vmm/iothread.c vmm/thread.c vmm/gmem.c util/json.c util/log.c */
/* SOURCES: util/output.c tests/unit/virtq_driver.c tests/unit/virtio_rig.c */
/* SOURCES: tests/unit/vhost_fake.c */
/* WRAP: open close ioctl pr_fatal eventfd epoll_create1 iothread_start */
/*
 * Sockets between host and guest: what the kernel is told of the queues, what
 * comes from it, and how it ends.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <linux/vhost.h>

#include "lkvm/virtio/vsock.h"
#include "lkvm/vmm/iothread.h"
#include "vhost_fake.h"
#include "virtio_rig.h"

#define RX  0U
#define TX  1U
#define EV  2U
#define CID 7U

#define SEQPACKET BIT(1)
#define RINGS	  (VIRTQ_F_INDIRECT_DESC | VIRTQ_F_EVENT_IDX)
#define OTHERS	  (BIT(24) | BIT(26) | BIT(27) | BIT(33))

static struct {
	char fatal[256];
	unsigned int nr_fatal, eventfds, fail_eventfd;
	bool no_epoll, no_thread;
	struct virtio_transport_ops transport;
	int notify_fd[VIRTIO_MAX_QUEUES]; /* one more, 0: none */
	int notify_error;
} t;

void __wrap_pr_fatal(const char *fmt, ...) __printf(1, 2);
int __real_eventfd(unsigned int count, int flags);
int __wrap_eventfd(unsigned int count, int flags);
int __real_epoll_create1(int flags);
int __wrap_epoll_create1(int flags);
int __real_iothread_start(struct iothread *thread, const char *name,
			  void (*serve)(void *opaque), void *opaque);
int __wrap_iothread_start(struct iothread *thread, const char *name,
			  void (*serve)(void *opaque), void *opaque);

void __wrap_pr_fatal(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(t.fatal, sizeof(t.fatal), fmt, args);
	va_end(args);
	t.nr_fatal++;
}

int __wrap_eventfd(unsigned int count, int flags)
{
	errno = EMFILE;
	return ++t.eventfds == t.fail_eventfd ? -1
					      : __real_eventfd(count, flags);
}

int __wrap_epoll_create1(int flags)
{
	errno = ENFILE;
	return t.no_epoll ? -1 : __real_epoll_create1(flags);
}

int __wrap_iothread_start(struct iothread *thread, const char *name,
			  void (*serve)(void *opaque), void *opaque)
{
	return t.no_thread ? -EAGAIN
			   : __real_iothread_start(thread, name, serve, opaque);
}

static int notify(struct virtio_device *vdev, unsigned int queue, int fd,
		  bool on)
{
	(void)vdev;
	if (t.notify_error)
		return t.notify_error;
	assert_int_equal(t.notify_fd[queue], on ? 0 : fd + 1);
	t.notify_fd[queue] = on ? fd + 1 : 0;
	return 0;
}

static struct vio_rig *create_with(void **state, u64 offered)
{
	struct vio_rig *r = vio_create(state);
	struct virtio_vsock_params params = {
		.name = "vsock",
		.cid = CID,
		.mem = &r->mem,
	};
	struct virtio_device *vdev;

	memset(&t, 0, sizeof(t));
	vhost_fake_reset(offered);
	params.fd = virtio_vsock_open(CID);
	assert_int_equal(params.fd, VHOST_FAKE_FD);
	assert_string_equal(vhost_fake.path, "/dev/vhost-vsock");
	assert_int_equal(vhost_fakes[0].cid, CID);
	assert_int_equal(virtio_vsock_create(&params, &vdev), 0);
	vio_attach(r, vdev);
	t.transport = *vdev->transport;
	t.transport.notify = notify;
	vdev->transport = &t.transport;
	return r;
}

static struct vio_rig *create(void **state)
{
	return create_with(state, VIRTQ_F_VERSION_1 | RINGS | OTHERS);
}

static void identity(void **state)
{
	struct vio_rig *r = create(state);
	u64 config = 0;

	assert_int_equal(r->vdev->id, 19);
	assert_int_equal(r->vdev->config_size, 8);
	assert_int_equal(r->vdev->nr_queues, 3);
	assert_int_equal(r->vdev->offered, VIRTQ_F_VERSION_1 | RINGS);
	virtio_read_config(r->vdev, 0, &config, 8);
	assert_int_equal(config, CID);
	virtio_read_config(r->vdev, 1, &config, 4);
	assert_int_equal((u32)config, 0);
	virtio_write_config(r->vdev, 0, &config, 8);
	assert_int_equal(vio_stat(r, "cid"), CID);
}

/* What the kernel lacks is not offered. */
static void fewer_features(void **state)
{
	struct vio_rig *r = create_with(state, VIRTQ_F_VERSION_1 | SEQPACKET |
						       VIRTQ_F_RING_PACKED |
						       VIRTQ_F_RING_RESET);

	assert_int_equal(r->vdev->offered, VIRTQ_F_VERSION_1 | SEQPACKET);
}

static u8 *ram(struct vio_rig *r, u64 gpa)
{
	return gmem_ptr(&r->mem, gpa, 1);
}

/* All that is asked of the kernel for one start. */
static void rings(void **state)
{
	struct vio_rig *r = create(state);
	struct vhost_fake *fake = &vhost_fakes[0];

	vio_start(r, 0);
	assert_false(vio_needs_reset(r));
	assert_true(fake->running);
	assert_int_equal(fake->features, r->vdev->features);
	assert_int_equal(fake->mem.nr_regions, r->mem.nr_regions);
	assert_memory_equal(fake->mem.regions, r->mem.regions,
			    sizeof(r->mem.regions[0]) * r->mem.nr_regions);
	for (unsigned int i = RX; i <= TX; i++) {
		const struct vhost_fake_ring *ring = &fake->rings[i];
		const struct virtq_setup *setup = &r->drivers[i].setup;

		assert_int_equal(ring->num, setup->size);
		assert_int_equal(ring->base, 0);
		assert_ptr_equal((u8 *)(uintptr_t)ring->desc,
				 ram(r, setup->desc));
		assert_ptr_equal((u8 *)(uintptr_t)ring->avail,
				 ram(r, setup->driver));
		assert_ptr_equal((u8 *)(uintptr_t)ring->used,
				 ram(r, setup->device));
		assert_int_equal(t.notify_fd[i], ring->kick + 1);
		assert_int_equal(vhost_fake_kicks(0, i), 1);
	}
	assert_int_equal(t.notify_fd[EV], 0);
}

/* Notifications that come as exits, and one of the queue for events. */
static void kicks(void **state)
{
	struct vio_rig *r = create(state);

	vio_start(r, 0);
	vhost_fake_kicks(0, RX);
	vhost_fake_kicks(0, TX);
	virtio_kick(r->vdev, TX);
	virtio_kick(r->vdev, EV);
	virtio_kick(r->vdev, 3);
	assert_int_equal(vhost_fake_kicks(0, RX), 0);
	assert_int_equal(vhost_fake_kicks(0, TX), 1);
	/* Where KVM refuses they all do. */
	t.notify_error = -EEXIST;
	vio_start(r, 0);
	assert_false(vio_needs_reset(r));
	virtio_kick(r->vdev, RX);
	assert_int_equal(vhost_fake_kicks(0, RX), 2);
}

static void interrupts(void **state)
{
	struct vio_rig *r = create(state);
	struct virtq_used used;

	vio_start(r, 0);
	for (u32 i = 0; i < 3; i++) {
		vio_add_one(r, RX, 0, 100, true);
		virtq_driver_enable_irq(&r->drivers[RX]);
		assert_true(vhost_fake_serve(0, RX, (u8)i));
		vio_await(&r->irq);
		assert_true(vio_take(r, RX, &used));
		assert_int_equal(used.len, 100);
		assert_int_equal(r->data[99], i);
	}
	assert_int_equal(atomic_load(&r->interrupts[RX]), 3);
	assert_int_equal(atomic_load(&r->interrupts[TX]), 0);
	vio_add_one(r, TX, 0, 100, false);
	virtq_driver_enable_irq(&r->drivers[TX]);
	assert_true(vhost_fake_serve(0, TX, 0));
	vio_await(&r->irq);
	assert_int_equal(atomic_load(&r->interrupts[TX]), 1);
	assert_int_equal(atomic_load(&r->config_interrupts), 0);
}

/* Nothing is left of it, and the next driver finds it as new. */
static void resets(void **state)
{
	struct vio_rig *r = create(state);
	struct vhost_fake *fake = &vhost_fakes[0];

	for (u32 i = 0; i < 20; i++) {
		vio_start(r, 0);
		vio_add_one(r, RX, 0, 10, true);
		assert_true(vhost_fake_serve(0, RX, 1));
		vio_set_status(r, 0);
		assert_false(fake->running);
		for (unsigned int n = RX; n <= TX; n++) {
			assert_int_equal(fake->rings[n].kick, -1);
			assert_int_equal(fake->rings[n].call, -1);
			assert_int_equal(fake->rings[n].err, -1);
			assert_int_equal(t.notify_fd[n], 0);
		}
		assert_int_equal(fake->rings[RX].base, 1);
		assert_int_equal(fake->cid, CID);
	}
	assert_int_equal(vhost_fake.nr_open, 1);
	assert_true(fake->open);
}

static void set_master(struct vio_rig *r, bool on)
{
	pthread_mutex_lock(&r->vdev->lock);
	virtio_set_master(r->vdev, on);
	pthread_mutex_unlock(&r->vdev->lock);
}

/* Without bus mastering in between: it goes on, and owes no interrupt. */
static void goes_on(void **state)
{
	struct vio_rig *r = create(state);
	struct virtq_used used;

	vio_start(r, 0);
	virtq_driver_enable_irq(&r->drivers[RX]);
	vio_add_one(r, RX, 0, 10, true);
	vio_add_one(r, RX, 100, 10, true);
	assert_true(vhost_fake_serve(0, RX, 1));
	set_master(r, false);
	assert_int_equal(atomic_load(&r->interrupts[RX]), 1);
	assert_false(vhost_fakes[0].running);
	assert_false(vhost_fake_serve(0, RX, 2));
	set_master(r, true);
	assert_int_equal(vhost_fakes[0].rings[RX].base, 1);
	assert_int_equal(vhost_fake_kicks(0, RX), 1);
	assert_true(vhost_fake_serve(0, RX, 2));
	assert_true(vio_take(r, RX, &used));
	assert_int_equal(used.cookie, 0);
	assert_true(vio_take(r, RX, &used));
	assert_int_equal(used.cookie, 100);
	assert_int_equal(r->data[0], 1);
	assert_int_equal(r->data[100], 2);
}

/* What the kernel finds wrong: both queues are left alone until a reset. */
static void driver_errors(void **state)
{
	struct vio_rig *r = create(state);

	vio_start(r, 0);
	vhost_fake_error(0, TX);
	vio_await(&r->irq);
	assert_int_equal(atomic_load(&r->config_interrupts), 1);
	assert_true(vio_needs_reset(r));
	assert_false(vhost_fakes[0].running);
	vhost_fake_kicks(0, RX);
	virtio_kick(r->vdev, RX);
	assert_int_equal(vhost_fake_kicks(0, RX), 0);
	vio_start(r, 0);
	assert_false(vio_needs_reset(r));
	assert_true(vhost_fakes[0].running);
}

/* A driver that starts the device with one queue only. */
static void queue_missing(void **state)
{
	struct vio_rig *r = create(state);

	vio_start_some(r, 0, BIT(RX) | BIT(EV));
	assert_true(vio_needs_reset(r));
	assert_false(vhost_fakes[0].running);
	assert_int_equal(t.notify_fd[RX], 0);
	vio_start_some(r, 0, BIT(RX) | BIT(TX));
	assert_false(vio_needs_reset(r));
}

static void expect_failure(struct vio_rig *r)
{
	vio_start(r, 0);
	assert_true(vio_needs_reset(r));
	assert_false(vhost_fakes[0].running);
	for (unsigned int i = RX; i <= TX; i++) {
		assert_int_equal(vhost_fakes[0].rings[i].kick, -1);
		assert_int_equal(t.notify_fd[i], 0);
	}
	vhost_fake.error = 0;
	t.no_epoll = t.no_thread = false;
	vio_start(r, 0);
	assert_false(vio_needs_reset(r));
	vio_set_status(r, 0);
}

/* Each call that starting takes can fail; the next start works again. */
static void start_fails(void **state)
{
	static const unsigned long requests[] = {
		VHOST_SET_FEATURES,   VHOST_SET_MEM_TABLE,
		VHOST_SET_VRING_NUM,  VHOST_SET_VRING_BASE,
		VHOST_SET_VRING_ADDR, VHOST_SET_VRING_KICK,
		VHOST_SET_VRING_CALL, VHOST_SET_VRING_ERR,
	};
	struct vio_rig *r = create(state);

	for (size_t i = 0; i < ARRAY_SIZE(requests); i++) {
		vhost_fake.failing = requests[i];
		vhost_fake.error = ENOMEM;
		expect_failure(r);
	}
	t.no_epoll = true;
	expect_failure(r);
	t.no_thread = true;
	expect_failure(r);
	/* The thread has one, too. */
	for (unsigned int i = 2; i <= 7; i++) {
		t.eventfds = 0;
		t.fail_eventfd = i;
		expect_failure(r);
	}
}

static void create_fails(void **state)
{
	static const unsigned long requests[] = { VHOST_SET_OWNER,
						  VHOST_GET_FEATURES };
	struct virtio_vsock_params params = { "vsock", CID, -1, NULL };
	struct virtio_device *vdev;

	(void)state;
	memset(&t, 0, sizeof(t));
	for (size_t i = 0; i < ARRAY_SIZE(requests); i++) {
		vhost_fake_reset(0);
		params.fd = virtio_vsock_open(CID);
		vhost_fake.failing = requests[i];
		vhost_fake.error = ENOMEM;
		assert_int_equal(virtio_vsock_create(&params, &vdev), -ENOMEM);
		assert_false(vhost_fakes[0].open);
	}
}

static void expect_refusal(int error, const char *text)
{
	t.nr_fatal = 0;
	assert_int_equal(virtio_vsock_open(CID), -error);
	assert_int_equal(t.nr_fatal, 1);
	assert_non_null(strstr(t.fatal, "--vsock 7: "));
	if (!strstr(t.fatal, text))
		fail_msg("said: %s", t.fatal);
}

/* One message, which says what to do. */
static void open_fails(void **state)
{
	static const int missing[] = { ENOENT, ENODEV, ENXIO };

	(void)state;
	memset(&t, 0, sizeof(t));
	vhost_fake_reset(0);
	for (size_t i = 0; i < ARRAY_SIZE(missing); i++) {
		vhost_fake.open = missing[i];
		expect_refusal(missing[i], "needs the module vhost_vsock");
	}
	vhost_fake.open = EACCES;
	expect_refusal(EACCES, "/dev/vhost-vsock: Permission denied: root may");
	vhost_fake.open = EMFILE;
	expect_refusal(EMFILE, "/dev/vhost-vsock: Too many open files");
	vhost_fake.open = 0;
	vhost_fake.taken = CID;
	expect_refusal(EADDRINUSE, "another guest has this CID");
	assert_false(vhost_fakes[0].open);
}

#define SPLIT(f)                                        \
	VIO_TEST_OF(f, "plain", VIRTQ_F_INDIRECT_DESC), \
		VIO_TEST_OF(f, "event index", RINGS)

int main(void)
{
	const struct CMUnitTest tests[] = {
		SPLIT(identity),
		VIO_TEST_OF(fewer_features, "few", 0),
		SPLIT(rings),
		SPLIT(kicks),
		SPLIT(interrupts),
		SPLIT(resets),
		SPLIT(goes_on),
		SPLIT(driver_errors),
		SPLIT(queue_missing),
		SPLIT(start_fails),
		cmocka_unit_test(create_fails),
		cmocka_unit_test(open_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
