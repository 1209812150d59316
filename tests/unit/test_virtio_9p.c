/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: virtio/9p.c virtio/runner.c virtio/device.c virtio/queue.c */
/* SOURCES: virtio/lone.c virtio/gather.c */
/* SOURCES: virtio/queue_split.c virtio/queue_packed.c virtio/queue_chain.c */
/* SOURCES: vmm/iothread.c vmm/thread.c vmm/gmem.c util/iov.c util/json.c */
/* SOURCES: util/log.c util/output.c share/p9_*.c */
/* SOURCES: tests/unit/virtq_driver.c tests/unit/p9_rig.c */
/* WRAP: calloc mkdirat */
/* The device of a share: its configuration, its queue, and how it is reset. */
#include <errno.h>
#include <fcntl.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lkvm/util/log.h"
#include "lkvm/virtio/9p.h"
#include "lkvm/vmm/gmem.h"
#include "p9_rig.h"
#include "thread_state.h"
#include "vdev_driver.h"

#define RING_GPA 0x40000000ULL
#define DATA_GPA 0x80000000ULL
#define ENTRIES	 128U
#define RING_RAM ALIGN_UP(VIRTQ_DRIVER_RAM(ENTRIES), 64)
#define DATA	 (256 * SZ_1K)
#define IN	 (128 * SZ_1K) /* where replies go */
#define NOISE	 0xee

static struct {
	struct gmem mem;
	u8 *ring, *data;
	struct virtio_device *vdev;
	struct virtq_driver driver;
	const struct p9_stats *stats;
	sem_t irq;
	atomic_uint config_interrupts;
} t;

/* ---- What is replaced ---------------------------------------------------- */

static bool no_memory;

/* mkdirat() waits for `may_end`, then for that thread to sleep. */
static struct {
	bool waits;
	pid_t sleeper;
	sem_t begun, may_end;
	atomic_uint ended;
} work;

void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);
int __real_mkdirat(int dir, const char *path, mode_t mode);
int __wrap_mkdirat(int dir, const char *path, mode_t mode);

void *__wrap_calloc(size_t n, size_t size)
{
	return no_memory ? NULL : __real_calloc(n, size);
}

int __wrap_mkdirat(int dir, const char *path, mode_t mode)
{
	if (work.waits) {
		sem_post(&work.begun);
		while (sem_wait(&work.may_end))
			;
		await_sleep(work.sleeper);
		atomic_fetch_add(&work.ended, 1);
	}
	return __real_mkdirat(dir, path, mode);
}

/* ---- The transport ------------------------------------------------------- */

static void queue_interrupt(struct virtio_device *vdev, unsigned int queue)
{
	(void)vdev;
	(void)queue;
	sem_post(&t.irq);
}

static void config_interrupt(struct virtio_device *vdev)
{
	(void)vdev;
	atomic_fetch_add(&t.config_interrupts, 1);
}

static void transport_reset(struct virtio_device *vdev)
{
	(void)vdev;
}

static const struct virtio_transport_ops transport = {
	.queue_interrupt = queue_interrupt,
	.config_interrupt = config_interrupt,
	.reset = transport_reset,
};

/* Up to DRIVER_OK, from whatever state. */
static void start(u64 ring)
{
	u64 features = ring | VIRTQ_F_VERSION_1 | VIRTQ_F_INDIRECT_DESC | 1;

	vdev_set_status(t.vdev, 0);
	virtq_driver_destroy(&t.driver);
	vdev_negotiate(t.vdev, features);
	assert_int_equal(virtq_driver_init(&t.driver, t.ring, RING_GPA, ENTRIES,
					   features),
			 0);
	vdev_enable(t.vdev, 0, &t.driver);
	vdev_start(t.vdev);
}

static void create(const char *name, const char *tag)
{
	struct p9_params p9 = { .max_fids = 100 };
	struct virtio_9p_params params = { .name = name, .tag = tag };

	p9.root = dup(rig.share);
	assert_int_equal(p9_server_create(&p9, &params.server), 0);
	t.stats = p9_server_stats(params.server);
	params.mem = &t.mem;
	assert_int_equal(virtio_9p_create(&params, &t.vdev), 0);
	t.vdev->transport = &transport;
}

struct variant {
	u64 ring;
};

static int setup(void **state)
{
	const struct variant *variant = *state;

	p9_setup(state);
	log_set_level(LOG_LEVEL_ERROR);
	memset(&t, 0, sizeof(t));
	memset(&work, 0, sizeof(work));
	t.ring = aligned_alloc(64, RING_RAM);
	t.data = malloc(DATA);
	assert_int_equal(gmem_add(&t.mem, RING_GPA, RING_RAM, t.ring), 0);
	assert_int_equal(gmem_add(&t.mem, DATA_GPA, DATA, t.data), 0);
	create("share0", "source");
	start(variant->ring);
	return 0;
}

static int teardown(void **state)
{
	vdev_set_status(t.vdev, 0);
	virtq_driver_destroy(&t.driver);
	t.vdev->ops->destroy(t.vdev);
	free(t.ring);
	free(t.data);
	return p9_teardown(state);
}

/* ---- Requests ------------------------------------------------------------ */

static u32 make(u8 type, const char *format, ...)
{
	va_list args;
	u32 len;

	va_start(args, format);
	len = p9_make(&rig, type, format, args);
	va_end(args);
	return len;
}

/* In buffers of `cut` bytes, at most eight, and room for `in_len` in two. */
static void add(u32 len, u32 cut, u32 in_len, bool indirect)
{
	struct virtq_buf bufs[8];
	u32 nr = 0, done = 0;

	memset(t.data, NOISE, DATA);
	memcpy(t.data, rig.request, len);
	while (done < len) {
		u32 n = nr == 4 ? len - done : MIN(cut, len - done);

		bufs[nr++] = (struct virtq_buf) { DATA_GPA + done, n, false };
		done += n;
	}
	if (in_len > 5) {
		bufs[nr++] = (struct virtq_buf) { DATA_GPA + IN, 5, true };
		bufs[nr++] = (struct virtq_buf) { DATA_GPA + IN + 5, in_len - 5,
						  true };
	} else if (in_len) {
		bufs[nr++] = (struct virtq_buf) { DATA_GPA + IN, in_len, true };
	}
	assert_int_equal(
		virtq_driver_add(&t.driver, bufs, nr, indirect ? 0 : nr, 7), 0);
}

/* How many bytes were written, and beside them none. */
static u32 take(void)
{
	struct virtq_used used;

	assert_int_equal(virtq_driver_take(&t.driver, &used), 1);
	assert_int_equal(used.cookie, 7);
	assert_true(
		is_filled(t.data + IN + used.len, DATA - IN - used.len, NOISE));
	return used.len;
}

static void kick(void)
{
	if (virtq_driver_needs_kick(&t.driver))
		virtio_kick(t.vdev, 0);
}

/* The reply's type. */
static u8 request(u32 len)
{
	u32 size;

	add(len, 9, 4096, len & 1);
	kick();
	memcpy(&size, t.data + IN, sizeof(size));
	assert_int_equal(take(), size);
	return t.data[IN + 4];
}

static void session(void)
{
	assert_int_equal(request(make(P9_TVERSION, "ds", 8192, "9P2000.L")),
			 101);
	assert_int_equal(
		request(make(P9_TATTACH, "ddssd", 0, NOBODY, "r", "", 0)), 105);
}

static bool needs_reset(void)
{
	return virtio_get_status(t.vdev) & VIRTIO_S_NEEDS_RESET;
}

/* ---- The device ---------------------------------------------------------- */

static void configuration(void **state)
{
	u8 bytes[12], whole[8];

	(void)state;
	assert_int_equal(t.vdev->id, 9);
	assert_int_equal(t.vdev->config_size, 8);
	assert_int_equal(t.vdev->nr_queues, 1);
	assert_int_equal(virtio_queue_max(t.vdev, 0), 128);
	assert_string_equal(t.vdev->name, "share0");
	assert_int_equal(t.vdev->offered,
			 VIRTQ_F_VERSION_1 | VIRTQ_F_RING_PACKED |
				 VIRTQ_F_EVENT_IDX | VIRTQ_F_INDIRECT_DESC | 1);
	virtio_read_config(t.vdev, 0, whole, sizeof(whole));
	assert_memory_equal(whole, "\6\0source", 8);
	for (u32 i = 0; i < sizeof(bytes); i++)
		virtio_read_config(t.vdev, i, &bytes[i], 1);
	assert_memory_equal(bytes, "\6\0source\0\0\0\0", 12);
	virtio_write_config(t.vdev, 2, "S", 1);
	virtio_read_config(t.vdev, 0, whole, sizeof(whole));
	assert_memory_equal(whole, "\6\0source", 8);
}

static void long_tag(void **state)
{
	u8 bytes[40];

	(void)state;
	vdev_set_status(t.vdev, 0);
	t.vdev->ops->destroy(t.vdev);
	create("a name of more than 15 bytes",
	       "12345678901234567890123456789012345");
	assert_string_equal(t.vdev->name, "a name of more ");
	assert_int_equal(t.vdev->config_size, 34);
	virtio_read_config(t.vdev, 0, bytes, 34);
	assert_memory_equal(bytes, "\40\00012345678901234567890123456789012",
			    34);
}

static void requests(void **state)
{
	static const u32 cuts[] = { 1, 4, 7, 23, 1000 };

	(void)state;
	session();
	for (size_t i = 0; i < ARRAY_SIZE(cuts); i++) {
		char name[] = { 'd', (char)('0' + i), '\0' };

		add(make(P9_TMKDIR, "dsdd", 0, name, 0755, 0), cuts[i], 20,
		    i & 1);
		kick();
		assert_int_equal(take(), 20);
		assert_int_equal(t.data[IN + 4], P9_TMKDIR + 1);
		assert_int_equal(faccessat(rig.share, name, F_OK, 0), 0);
	}
	assert_int_equal(request(make(P9_TMKDIR, "dsdd", 0, "d0", 0755, 0)),
			 P9_RLERROR);
	assert_int_equal(t.data[IN + 7], EEXIST);
	assert_false(needs_reset());
}

/* Chains that are no messages: the driver is told, the rest of us goes on. */
static void require_broken(u64 ring, u32 len, u32 in_len)
{
	struct virtq_used used;

	start(ring);
	atomic_store(&t.config_interrupts, 0);
	make(P9_TVERSION, "ds", 8192, "9P2000.L");
	add(len, 100, in_len, false);
	kick();
	assert_true(needs_reset());
	assert_int_equal(atomic_load(&t.config_interrupts), 1);
	assert_int_equal(virtq_driver_take(&t.driver, &used), 0);
	assert_true(is_filled(t.data + IN, DATA - IN, NOISE));
}

static void broken_chains(void **state)
{
	u64 ring = ((const struct variant *)*state)->ring;

	require_broken(ring, 6, 100);
	require_broken(ring, 0, 100);
	require_broken(ring, 21, 10);
	require_broken(ring, 21, 0);
	start(ring);
	session();
	assert_false(needs_reset());
}

/* ---- Resets -------------------------------------------------------------- */

static void reset_ends_the_session(void **state)
{
	u64 ring = ((const struct variant *)*state)->ring;

	session();
	assert_int_equal(t.stats->fids, 1);
	vdev_set_status(t.vdev, 0);
	assert_int_equal(t.stats->fids, 0);
	start(ring);
	assert_int_equal(request(make(P9_TCLUNK, "d", 0)), P9_RLERROR);
	session();
	assert_int_equal(t.stats->fids, 1);
}

/* Requests that wait in the queue are not begun, and RAM is others' by then. */
static void reset_waits(void **state)
{
	(void)state;
	session();
	virtq_driver_enable_irq(&t.driver);
	work.waits = true;
	sem_init(&work.begun, 0, 0);
	sem_init(&work.may_end, 0, 0);
	add(make(P9_TMKDIR, "dsdd", 0, "d", 0755, 0), 100, 100, false);
	virtio_kick(t.vdev, 0);
	while (sem_wait(&work.begun))
		;
	work.sleeper = gettid();
	sem_post(&work.may_end);
	vdev_set_status(t.vdev, 0);
	assert_int_equal(atomic_load(&work.ended), 1);
	assert_int_equal(t.stats->fids, 0);
	memset(t.data, 0x11, DATA);
	virtio_kick(t.vdev, 0);
	assert_true(is_filled(t.data, DATA, 0x11));
	work.waits = false;
}

static void interrupts(void **state)
{
	(void)state;
	session();
	virtq_driver_enable_irq(&t.driver);
	add(make(P9_TSTATFS, "d", 0), 100, 100, false);
	virtio_kick(t.vdev, 0);
	while (sem_wait(&t.irq))
		;
	assert_int_equal(take(), 67);
}

/* ---- Others -------------------------------------------------------------- */

static void statistics(void **state)
{
	(void)state;
	session();
	request(make(P9_TLCREATE, "dsddd", 0, "f", 2, 0600, 0));
	request(make(P9_TWRITE, "dqdV", 0, 0ULL, 5, "12345", 5));
	request(make(P9_TREAD, "dqd", 0, 1ULL, 100));
	request(make(P9_TREAD, "dqd", 1, 0ULL, 100));
	assert_int_equal(vdev_stat(t.vdev, "requests"), 6);
	assert_int_equal(vdev_stat(t.vdev, "errors"), 1);
	assert_int_equal(vdev_stat(t.vdev, "reads"), 1);
	assert_int_equal(vdev_stat(t.vdev, "bytes_read"), 4);
	assert_int_equal(vdev_stat(t.vdev, "writes"), 1);
	assert_int_equal(vdev_stat(t.vdev, "bytes_written"), 5);
	assert_int_equal(vdev_stat(t.vdev, "fids"), 1);
}

static void no_memory_for_it(void **state)
{
	struct p9_params p9 = { .max_fids = 1 };
	struct virtio_9p_params params = { .name = "share", .tag = "tag" };
	struct virtio_device *vdev = NULL;
	int ret;

	(void)state;
	p9.root = dup(rig.share);
	assert_int_equal(p9_server_create(&p9, &params.server), 0);
	no_memory = true;
	ret = virtio_9p_create(&params, &vdev);
	no_memory = false;
	assert_int_equal(ret, -ENOMEM);
	assert_int_equal(fcntl(p9.root, F_GETFD), -1);
}

#define DEVICE_TEST_OF(f, title, bits)                                        \
	{                                                                     \
		.name = #f ": " title, .test_func = (f), .setup_func = setup, \
		.teardown_func = teardown,                                    \
		.initial_state = &(struct variant) { (bits) },                \
	}

#define DEVICE_TEST(f)                 \
	DEVICE_TEST_OF(f, "split", 0), \
		DEVICE_TEST_OF(f, "packed", VIRTQ_F_RING_PACKED)

int main(void)
{
	const struct CMUnitTest tests[] = {
		DEVICE_TEST(configuration),
		DEVICE_TEST(long_tag),
		DEVICE_TEST(requests),
		DEVICE_TEST(broken_chains),
		DEVICE_TEST(reset_ends_the_session),
		DEVICE_TEST(reset_waits),
		DEVICE_TEST(interrupts),
		DEVICE_TEST(statistics),
		DEVICE_TEST(no_memory_for_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
