/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: virtio/fs.c virtio/vhost_user*.c virtio/device.c virtio/queue.c */
/* SOURCES: virtio/queue_split.c virtio/queue_packed.c virtio/queue_chain.c */
/* SOURCES: vmm/iothread.c vmm/thread.c vmm/gmem.c util/iov.c util/json.c */
/* SOURCES: share/fs_daemon.c util/run_program.c config/fs.c */
/* SOURCES: config/keyvalue.c util/names.c util/parse.c */
/* SOURCES: tests/unit/virtq_driver.c tests/unit/virtio_rig.c */
/* SOURCES: tests/unit/vhost_user_peer.c tests/unit/flash_fixture.c */
/* WRAP: poll calloc clock_gettime */
/*
 * A file system by virtio: what a daemon gets of the guest's requests, how it
 * is stopped, and what the guest gets when there is none any more.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <linux/fuse.h>

#include "flash_fixture.h"
#include "lkvm/virtio/fs.h"
#include "vhost_user_peer.h"
#include "virtio_rig.h"

#define TAG	"a tag"
#define TAG_36	"123456789012345678901234567890123456"
#define REQUEST 0    /* where a request is, and */
#define REPLY	4096 /* where its reply goes */

static struct vhost_user_peer peer;
static struct virtio_transport_ops transport;
static struct vio_rig *r;
static atomic_bool stopping;
static bool no_memory;
static time_t later;		     /* seconds that have passed meanwhile */
static int kicks[VIRTIO_MAX_QUEUES]; /* what KVM writes, or -1 */

void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);
int __real_clock_gettime(clockid_t clock, struct timespec *time);
int __wrap_clock_gettime(clockid_t clock, struct timespec *time);

void *__wrap_calloc(size_t n, size_t size)
{
	return no_memory ? NULL : __real_calloc(n, size);
}

int __wrap_clock_gettime(clockid_t clock, struct timespec *time)
{
	int ret = __real_clock_gettime(clock, time);

	time->tv_sec += later;
	return ret;
}

void log_set_level(enum log_level level)
{
	(void)level;
}

static int notify(struct virtio_device *vdev, unsigned int queue, int fd,
		  bool on)
{
	(void)vdev;
	kicks[queue] = on ? fd : -1;
	return 0;
}

static struct fs_daemon *connected(void)
{
	struct fs_daemon *daemon = calloc(1, sizeof(*daemon));

	daemon->fd = peer_start(&peer);
	return daemon;
}

/* With the peer's settings as they are. */
static int try_create(const char *tag, struct virtio_device **vdev)
{
	const struct virtio_fs_params params = {
		.name = "fs0",
		.tag = tag,
		.daemon = connected(),
		.mem = &r->mem,
		.stopping = &stopping,
	};

	return virtio_fs_create(&params, vdev);
}

static void create(const char *tag)
{
	struct virtio_device *vdev;

	assert_int_equal(try_create(tag, &vdev), 0);
	vio_attach(r, vdev);
	transport = *vdev->transport;
	transport.notify = notify;
	vdev->transport = &transport;
}

static int setup(void **state)
{
	vio_setup(state);
	forget_messages();
	peer_init(&peer);
	stopping = false;
	no_memory = false;
	later = 0;
	for (unsigned int i = 0; i < VIRTIO_MAX_QUEUES; i++)
		kicks[i] = -1;
	r = vio_create(state);
	for (unsigned int i = 0; i < r->mem.nr_regions; i++)
		gmem_share(&r->mem, r->mem.regions[i].gpa, STDERR_FILENO);
	return 0;
}

static int teardown(void **state)
{
	vio_teardown(state);
	peer_end(&peer);
	return 0;
}

/* ---- The device ---------------------------------------------------------- */

static void configuration(void **state)
{
	u8 config[44], want[44] = TAG;

	(void)state;
	create(TAG);
	assert_int_equal(r->vdev->id, 26);
	assert_int_equal(r->vdev->config_size, 40);
	assert_int_equal(r->vdev->nr_queues, 2);
	assert_int_equal(r->vdev->offered, VIRTQ_F_VERSION_1 |
						   VIRTQ_F_INDIRECT_DESC |
						   VIRTQ_F_EVENT_IDX);
	want[36] = 1;
	for (u32 i = 0; i < sizeof(config); i++)
		virtio_read_config(r->vdev, i, &config[i], 1);
	assert_memory_equal(config, want, sizeof(want));
}

static void long_tag(void **state)
{
	u8 config[40];

	(void)state;
	peer.nr_queues = 1000;
	create(TAG_36);
	virtio_read_config(r->vdev, 0, config, sizeof(config));
	assert_memory_equal(config, TAG_36 "\20\0\0\0", sizeof(config));
	assert_int_equal(r->vdev->nr_queues, 17);
}

static void no_multiqueue(void **state)
{
	(void)state;
	peer.protocol = VHOST_USER_PROTOCOL_F_REPLY_ACK;
	create(TAG);
	assert_int_equal(r->vdev->nr_queues, 2);
}

/* ---- A daemon that serves ------------------------------------------------ */

static void expect_used(unsigned int queue, u32 len)
{
	struct virtq_used used;

	assert_true(vio_take(r, queue, &used));
	assert_int_equal(used.len, len);
	assert_false(vio_take(r, queue, &used));
}

static void serve_one(unsigned int queue, u8 with)
{
	vio_add_one(r, queue, REPLY, 64, true);
	vio_kick(r, queue);
	peer_serve(&peer, queue, with, 64);
	peer_call(&peer, queue);
	vio_await(&r->irq);
	assert_int_equal(r->interrupts[queue], 1);
	r->interrupts[queue] = 0;
	expect_used(queue, 64);
	assert_true(is_filled(r->data + REPLY, 64, with));
}

static void requests(void **state)
{
	(void)state;
	create(TAG);
	vio_start(r, 0);
	assert_int_equal(peer.set_features,
			 VIRTQ_F_VERSION_1 | VIRTQ_F_INDIRECT_DESC |
				 VHOST_USER_F_PROTOCOL_FEATURES);
	assert_int_equal(peer.memory.nr_regions, 2);
	serve_one(1, 0x11);
	serve_one(0, 0x22);
	serve_one(1, 0x33);
	assert_int_equal(vio_stat(r, "calls"), 3);
	assert_int_equal(vio_stat(r, "errors"), 0);
	assert_true(kicks[0] >= 0 && kicks[1] >= 0 && kicks[0] != kicks[1]);
	assert_false(vio_needs_reset(r));
	assert_string_equal(messages, "");
}

/* When the write of the status has returned the daemon has let go. */
static void resets(void **state)
{
	(void)state;
	create(TAG);
	for (u32 i = 1; i <= 3; i++) {
		vio_start(r, 0);
		serve_one(1, (u8)i);
		assert_int_equal(peer.queues[1].base, 0);
		vio_set_status(r, 0);
		assert_int_equal(peer.count[VHOST_USER_GET_VRING_BASE], 2 * i);
		assert_int_equal(kicks[0] + kicks[1], -2);
	}
	assert_int_equal(peer.count[VHOST_USER_SET_OWNER], 1);
	assert_string_equal(messages, "");
}

/* The time for answers begins with each start, and with each stop. */
static void long_runs(void **state)
{
	(void)state;
	create(TAG);
	for (u32 i = 1; i <= 3; i++) {
		later += 3600;
		vio_start(r, 0);
		serve_one(1, (u8)i);
		later += 3600;
		vio_set_status(r, 0);
		assert_int_equal(peer.count[VHOST_USER_GET_VRING_BASE], 2 * i);
	}
	assert_string_equal(messages, "");
}

static void set_master(bool on)
{
	pthread_mutex_lock(&r->vdev->lock);
	virtio_set_master(r->vdev, on);
	pthread_mutex_unlock(&r->vdev->lock);
}

/* It goes on where it was, and nothing that was returned meanwhile is lost. */
static void pause_of_the_bus(void **state)
{
	(void)state;
	create(TAG);
	vio_start(r, 0);
	serve_one(1, 1);
	serve_one(1, 2);
	set_master(false);
	assert_int_equal(peer.queues[1].kick, -1);
	set_master(true);
	assert_int_equal(peer.queues[1].base, 2);
	vio_await(&r->irq);
	assert_int_equal(r->interrupts[1], 1);
	r->interrupts[1] = 0;
	serve_one(1, 3);
}

static void only_some_queues(void **state)
{
	(void)state;
	create(TAG);
	vio_start_some(r, 0, BIT(1));
	serve_one(1, 1);
	assert_int_equal(peer.queues[0].num, 0);
	vio_set_status(r, 0);
	assert_int_equal(peer.count[VHOST_USER_GET_VRING_BASE], 1);
}

/* ---- One that does not --------------------------------------------------- */

static void add_request(unsigned int queue, u64 unique, u32 room)
{
	struct fuse_in_header request = { .len = sizeof(request),
					  .opcode = FUSE_GETATTR,
					  .unique = unique };
	const struct virtq_buf bufs[] = {
		{ VIO_GPA + REQUEST, sizeof(request), false },
		{ VIO_GPA + REPLY, room, true },
	};

	memcpy(r->data + REQUEST, &request, sizeof(request));
	memset(r->data + REPLY, VIO_NOISE, 64);
	vio_add(r, queue, bufs, room ? 2 : 1, false, (u32)unique);
}

/* By whatever thread that answers. */
static void expect_error(unsigned int queue, u64 unique)
{
	const struct fuse_out_header want = { .len = sizeof(want),
					      .error = -ENOTCONN,
					      .unique = unique };

	while (!r->interrupts[queue])
		vio_await(&r->irq);
	expect_used(queue, sizeof(want));
	r->interrupts[queue] = 0;
	assert_memory_equal(r->data + REPLY, &want, sizeof(want));
	assert_int_equal(r->data[REPLY + sizeof(want)], VIO_NOISE);
}

static void write_kick(unsigned int queue)
{
	const u64 one = 1;

	assert_true(kicks[queue] >= 0);
	assert_int_equal(write(kicks[queue], &one, 8), 8);
}

/*
 * The request that it had, and all that come: in this run, when KVM notifies,
 * as there is nobody who would be told by an exit; and in the next one.
 */
static void require_errors(u64 unique)
{
	expect_error(1, unique);
	assert_true(vio_needs_reset(r));
	assert_int_equal(r->config_interrupts, 1);
	for (u64 i = 0; i < 3; i++) {
		add_request(1, i, 64);
		write_kick(1);
		expect_error(1, i);
	}
	vio_start(r, 0);
	for (u64 i = 0; i < 3; i++) {
		add_request(i & 1, i, 64);
		vio_kick(r, i & 1);
		expect_error(i & 1, i);
	}
	assert_false(vio_needs_reset(r));
	assert_int_equal(r->config_interrupts, 1);
	vio_set_status(r, 0);
}

static void require_said(const char *text)
{
	assert_int_equal(nr_guest + nr_fatal, 1);
	assert_said(text);
	assert_ptr_equal(strchr(messages, '\n'),
			 messages + strlen(messages) - 1);
}

static void dies(void **state)
{
	(void)state;
	create(TAG);
	vio_start(r, 0);
	serve_one(1, 1);
	add_request(1, 77, 64);
	vio_kick(r, 1);
	peer_await_kick(&peer, 1);
	peer_end(&peer);
	require_errors(77);
	assert_int_equal(vio_stat(r, "errors"), 7);
	require_said("fs0: its daemon has closed the connection");
}

static void dies_before(void **state)
{
	(void)state;
	create(TAG);
	peer_end(&peer);
	vio_start(r, 0);
	while (!vio_needs_reset(r))
		vio_await(&r->irq);
	add_request(1, 5, 64);
	write_kick(1);
	require_errors(5);
	require_said("fs0: its daemon has closed the connection");
}

static void reports_an_error(void **state)
{
	(void)state;
	create(TAG);
	vio_start(r, 0);
	add_request(1, 6, 64);
	assert_int_equal(write(peer.queues[1].err, "\1\0\0\0\0\0\0", 8), 8);
	require_errors(6);
	require_said("fs0: its daemon reports an error of a queue");
}

static void refuses_to_start(void **state)
{
	(void)state;
	create(TAG);
	peer.fault_at = VHOST_USER_SET_VRING_ADDR;
	peer.fault = PEER_REFUSES;
	vio_start(r, 0);
	while (!vio_needs_reset(r))
		vio_await(&r->irq);
	add_request(1, 8, 64);
	write_kick(1);
	require_errors(8);
	require_said("its daemon refuses a request (SET_VRING_ADDR)");
}

/* Its silence keeps the driver waiting, but not for ever. */
static void hangs_at_a_reset(void **state)
{
	(void)state;
	create(TAG);
	vio_start(r, 0);
	serve_one(1, 1);
	peer.fault_at = VHOST_USER_GET_VRING_BASE;
	peer.fault = PEER_IS_SILENT;
	stopping = true;
	peer_longest_wait = 0;
	vio_set_status(r, 0);
	assert_int_equal(virtio_get_status(r->vdev), 0);
	assert_in_range(peer_longest_wait, 1000, VHOST_USER_WAIT_END_MS);
	assert_said("fs0: its daemon does not answer (GET_VRING_BASE)");
	forget_messages();
	vio_start(r, 0);
	add_request(1, 9, 64);
	vio_kick(r, 1);
	expect_error(1, 9);
	assert_string_equal(messages, "");
}

/* Requests that get no reply, or are none at all. */
static void odd_requests(void **state)
{
	struct virtq_used used;

	(void)state;
	create(TAG);
	peer_end(&peer);
	vio_start(r, 0);
	while (!vio_needs_reset(r))
		vio_await(&r->irq);
	add_request(0, 1, 0);
	add_request(0, 2, 15);
	vio_add_one(r, 0, REPLY, 64, true);
	write_kick(0);
	for (u32 i = 0; i < 3; i++) {
		while (!vio_take(r, 0, &used))
			vio_await(&r->irq);
		assert_int_equal(used.len, i == 2 ? 16 : 0);
	}
}

/* A ring that makes no sense is left alone, and nothing else. */
static void broken_ring(void **state)
{
	(void)state;
	create(TAG);
	vio_start(r, 0);
	add_request(0, 1, 64);
	/* The used index of a split ring, far away. */
	memset((u8 *)(uintptr_t)peer.queues[0].addr.used + 2, 0x77, 2);
	peer_end(&peer);
	while (!vio_needs_reset(r))
		vio_await(&r->irq);
	add_request(1, 3, 64);
	write_kick(1);
	expect_error(1, 3);
	assert_int_equal(r->interrupts[0], 0);
}

/* ---- No device ----------------------------------------------------------- */

static void refused(void **state)
{
	struct virtio_device *vdev;

	(void)state;
	peer.features &= ~VIRTQ_F_VERSION_1;
	assert_int_equal(try_create(TAG, &vdev), -ENOTSUP);
	require_said("--fs: the daemon of \"a tag\" has no VERSION_1");
}

static void closed_at_once(void **state)
{
	struct virtio_device *vdev;
	int before = next_fd();

	(void)state;
	peer.fault_at = VHOST_USER_GET_FEATURES;
	peer.fault = PEER_ENDS;
	assert_int_equal(try_create(TAG, &vdev), -EPIPE);
	require_said("--fs: the daemon of \"a tag\" has closed the connection");
	peer_end(&peer);
	assert_int_equal(next_fd(), before);
}

static void no_memory_for_it(void **state)
{
	struct virtio_device *vdev;
	struct virtio_fs_params params = { .name = "fs0", .tag = TAG };
	int ret;

	(void)state;
	params.daemon = connected();
	no_memory = true;
	ret = virtio_fs_create(&params, &vdev);
	no_memory = false;
	assert_int_equal(ret, -ENOMEM);
}

#define FS_TEST(f)                                                       \
	{                                                                \
		.name = #f, .test_func = (f), .setup_func = setup,       \
		.teardown_func = teardown,                               \
		.initial_state =                                         \
			&(struct vio_variant) { VIRTQ_F_INDIRECT_DESC }, \
	}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FS_TEST(configuration),
		FS_TEST(long_tag),
		FS_TEST(no_multiqueue),
		FS_TEST(requests),
		FS_TEST(resets),
		FS_TEST(long_runs),
		FS_TEST(pause_of_the_bus),
		FS_TEST(only_some_queues),
		FS_TEST(dies),
		FS_TEST(dies_before),
		FS_TEST(reports_an_error),
		FS_TEST(refuses_to_start),
		FS_TEST(hangs_at_a_reset),
		FS_TEST(odd_requests),
		FS_TEST(broken_ring),
		FS_TEST(refused),
		FS_TEST(closed_at_once),
		FS_TEST(no_memory_for_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
