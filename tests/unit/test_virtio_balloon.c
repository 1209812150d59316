/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: virtio/balloon.c virtio/balloon_pages.c virtio/balloon_stats.c */
/* SOURCES: virtio/runner.c virtio/device.c virtio/queue.c */
/* SOURCES: virtio/lone.c virtio/gather.c */
/* SOURCES: virtio/queue_split.c virtio/queue_packed.c virtio/queue_chain.c */
/* SOURCES: vmm/iothread.c vmm/thread.c vmm/gmem.c util/json.c util/log.c */
/* SOURCES: util/output.c util/iov.c */
/* SOURCES: tests/unit/virtq_driver.c tests/unit/virtio_rig.c */
/* WRAP: madvise calloc */
/* A balloon: which pages the host gets, and what a driver can say. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <linux/virtio_balloon.h>

#include "lkvm/virtio/balloon.h"
#include "timer_stub.h"
#include "virtio_rig.h"

#define RAM_GPA	 0x100000000ULL /* pages from there on are given */
#define RAM_SIZE SZ_1M
#define FIRST	 ((u32)(RAM_GPA / SZ_4K))
#define HUGE	 0x80000000U /* bytes of a buffer */

#define STATS	BIT(VIRTIO_BALLOON_F_STATS_VQ)
#define REPORTS BIT(VIRTIO_BALLOON_F_REPORTING)
#define POISON	BIT(VIRTIO_BALLOON_F_PAGE_POISON)
#define OOM	BIT(VIRTIO_BALLOON_F_DEFLATE_ON_OOM)

/* What madvise(2) was called with, in bytes from the start of RAM. */
static struct {
	u8 *ram;
	struct {
		size_t from, len;
	} calls[64];
	unsigned int nr_calls;
	int error, advice; /* 0: MADV_DONTNEED */
	bool no_memory, blocks;
	sem_t begun, may_end;
} host;

int __wrap_madvise(void *at, size_t len, int advice);
void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);

void *__wrap_calloc(size_t n, size_t size)
{
	return host.no_memory ? NULL : __real_calloc(n, size);
}

/* Also what the C library says of stacks. */
int __wrap_madvise(void *at, size_t len, int advice)
{
	size_t from = (size_t)((u8 *)at - host.ram);

	if (advice != (host.advice ?: MADV_DONTNEED) ||
	    host.nr_calls == ARRAY_SIZE(host.calls))
		abort();
	if (host.blocks) {
		sem_post(&host.begun);
		while (sem_wait(&host.may_end))
			;
	}
	if (host.error) {
		errno = host.error;
		return -1;
	}
	host.calls[host.nr_calls].from = from;
	host.calls[host.nr_calls++].len = len;
	if (from < RAM_SIZE)
		memset(at, 0, len);
	return 0;
}

static struct vio_rig *create_with(void **state, u64 page, u32 interval)
{
	struct vio_rig *r = vio_create(state);
	static struct evloop loop;
	const struct virtio_balloon_params params = {
		.name = "balloon",
		.mem = &r->mem,
		.loop = &loop,
		.target = 5 * SZ_1M + 4095,
		.interval = interval,
		.page = page,
	};
	struct virtio_device *vdev;

	memset(&host, 0, sizeof(host));
	memset(&stub, 0, sizeof(stub));
	sem_init(&host.begun, 0, 0);
	sem_init(&host.may_end, 0, 0);
	host.ram = aligned_alloc(SZ_64K, RAM_SIZE);
	assert_non_null(host.ram);
	memset(host.ram, VIO_NOISE, RAM_SIZE);
	assert_int_equal(gmem_add(&r->mem, RAM_GPA, RAM_SIZE, host.ram), 0);
	assert_int_equal(virtio_balloon_create(&params, &vdev), 0);
	vio_attach(r, vdev);
	return r;
}

static struct vio_rig *create(void **state)
{
	return create_with(state, SZ_4K, 0);
}

static int teardown(void **state)
{
	int ret = vio_teardown(state);

	free(host.ram);
	host.ram = NULL;
	return ret;
}

static void expect_call(unsigned int n, u32 page, u32 pages)
{
	assert_true(n < host.nr_calls);
	assert_int_equal(host.calls[n].from, page * SZ_4K);
	assert_int_equal(host.calls[n].len, pages * SZ_4K);
}

static void expect_done(struct vio_rig *r, unsigned int queue)
{
	struct virtq_used used;

	vio_kick(r, queue);
	assert_true(vio_take(r, queue, &used));
	assert_int_equal(used.len, 0);
}

/* Pages by their numbers, in one buffer. */
static void give(struct vio_rig *r, unsigned int queue, const u32 *pages,
		 u32 nr)
{
	memcpy(r->data, pages, nr * sizeof(*pages));
	vio_add_one(r, queue, 0, nr * (u32)sizeof(*pages), false);
	expect_done(r, queue);
}

/* ---- What it is ---------------------------------------------------------- */

static void identity(void **state)
{
	struct vio_rig *r = create(state);

	assert_int_equal(r->vdev->id, 5);
	assert_int_equal(r->vdev->config_size, 16);
	assert_int_equal(r->vdev->nr_queues, 5);
	assert_int_equal(r->vdev->offered,
			 VIRTQ_F_VERSION_1 | VIRTQ_F_INDIRECT_DESC |
				 VIRTQ_F_EVENT_IDX | VIRTQ_F_RING_PACKED |
				 STATS | REPORTS | POISON | OOM);
	assert_null(stub.timer);
}

static u32 read_config(struct vio_rig *r, u32 offset)
{
	u32 value = UINT32_MAX;

	virtio_read_config(r->vdev, offset, &value, sizeof(value));
	return value;
}

static void write_config(struct vio_rig *r, u32 offset, u32 value)
{
	virtio_write_config(r->vdev, offset, &value, sizeof(value));
}

static void configuration(void **state)
{
	struct vio_rig *r = create(state);
	u8 byte = 0x77;

	vio_start(r, STATS);
	assert_int_equal(read_config(r, 0), 1280); /* the target */
	assert_int_equal(read_config(r, 4), 0);
	write_config(r, 0, 7);
	assert_int_equal(read_config(r, 0), 1280);
	write_config(r, 4, 0x01020304);
	virtio_write_config(r->vdev, 5, &byte, 1);
	assert_int_equal(read_config(r, 4), 0x01027704);
	assert_int_equal(vio_stat(r, "actual"), 0x01027704ULL * SZ_4K);
	assert_int_equal(vio_stat(r, "target"), 5 * SZ_1M);
	write_config(r, 8, 1);
	write_config(r, 12, 0xaaaaaaaa); /* was not negotiated */
	write_config(r, 14, UINT32_MAX);
	write_config(r, UINT32_MAX, UINT32_MAX);
	assert_int_equal(read_config(r, 8), 0);
	assert_int_equal(read_config(r, 12), 0);
	assert_int_equal(read_config(r, 16), 0);
	vio_start(r, POISON);
	assert_int_equal(read_config(r, 4), 0);
	write_config(r, 12, 0xaaaaaaaa);
	assert_int_equal(read_config(r, 12), 0xaaaaaaaa);
	vio_set_status(r, 0);
	assert_int_equal(read_config(r, 12), 0);
}

static void target(void **state)
{
	struct vio_rig *r = create(state);

	virtio_balloon_set_target(r->vdev, SZ_1M);
	assert_int_equal(atomic_load(&r->config_interrupts), 0);
	assert_int_equal(read_config(r, 0), 256);
	vio_start(r, 0);
	virtio_balloon_set_target(r->vdev, SZ_1M + 1);
	assert_int_equal(atomic_load(&r->config_interrupts), 0);
	virtio_balloon_set_target(r->vdev, 0);
	assert_int_equal(atomic_load(&r->config_interrupts), 1);
	assert_int_equal(read_config(r, 0), 0);
	virtio_balloon_set_target(r->vdev, UINT64_MAX);
	assert_int_equal(read_config(r, 0), UINT32_MAX);
}

/* ---- Pages --------------------------------------------------------------- */

static void inflates(void **state)
{
	struct vio_rig *r = create(state);
	const u32 pages[] = { FIRST + 3, FIRST + 1, FIRST + 2,
			      FIRST + 7, FIRST + 2, FIRST + 255 };

	vio_start(r, 0);
	give(r, 0, pages, ARRAY_SIZE(pages));
	assert_int_equal(host.nr_calls, 3);
	expect_call(0, 1, 3);
	expect_call(1, 7, 1);
	expect_call(2, 255, 1);
	assert_true(is_filled(host.ram, SZ_4K, VIO_NOISE));
	assert_true(is_filled(host.ram + 4 * SZ_4K, 3 * SZ_4K, VIO_NOISE));
	assert_int_equal(vio_stat(r, "inflated"), 6 * SZ_4K);
	assert_int_equal(vio_stat(r, "given_back"), 5 * SZ_4K);
	give(r, 1, pages, 4);
	assert_int_equal(host.nr_calls, 3);
	assert_int_equal(vio_stat(r, "deflated"), 4 * SZ_4K);
	assert_int_equal(vio_stat(r, "errors"), 0);
}

/* RAM that other processes have mapped is a file: it gets a hole. */
static void shared_ram(void **state)
{
	struct vio_rig *r = create(state);
	const u32 page = FIRST + 3;

	gmem_share(&r->mem, RAM_GPA, 9);
	host.advice = MADV_REMOVE;
	vio_start(r, 0);
	give(r, 0, &page, 1);
	assert_int_equal(host.nr_calls, 1);
	expect_call(0, 3, 1);
}

static void not_ram(void **state)
{
	struct vio_rig *r = create(state);
	const u32 pages[] = {
		0, UINT32_MAX, FIRST - 1, FIRST + 256, FIRST + 255, 0x10000,
	};

	vio_start(r, 0);
	give(r, 0, pages, ARRAY_SIZE(pages));
	assert_int_equal(host.nr_calls, 1);
	expect_call(0, 255, 1);
	assert_int_equal(vio_stat(r, "no_ram"), 5);
	give(r, 1, pages, ARRAY_SIZE(pages));
	assert_int_equal(vio_stat(r, "no_ram"), 5);
	assert_false(vio_needs_reset(r));
}

/* A number may be spread over buffers; what is no whole one is no page. */
static void pieces(void **state)
{
	struct vio_rig *r = create(state);
	const u32 pages[] = { FIRST + 4, FIRST + 9, FIRST + 1 };
	struct virtq_buf bufs[] = { { VIO_GPA, 2, false },
				    { VIO_GPA + 2, 5, false },
				    { VIO_GPA + 7, 4, false },
				    { VIO_GPA + 64, 64, true } };

	vio_start(r, 0);
	memcpy(r->data, pages, sizeof(pages));
	vio_add(r, 0, bufs, 4, false, 0);
	expect_done(r, 0);
	assert_int_equal(host.nr_calls, 2);
	expect_call(0, 4, 1);
	expect_call(1, 9, 1);
	vio_add_one(r, 0, 0, 3, false);
	expect_done(r, 0);
	vio_add_one(r, 0, 0, 16, true);
	expect_done(r, 0);
	assert_int_equal(host.nr_calls, 2);
	assert_int_equal(r->data[64], VIO_NOISE);
}

/* A list without end: what is behind the first 4096 stays. */
static void many(void **state)
{
	struct vio_rig *r = create(state);
	u32 *numbers;

	vio_start(r, 0);
	numbers = (u32 *)(void *)r->data;
	for (u32 i = 0; i < 5000; i++)
		numbers[i] = FIRST + (i < 4096 ? i % 16 : 100);
	vio_add_one(r, 0, 0, 5000 * sizeof(u32), false);
	expect_done(r, 0);
	assert_int_equal(host.nr_calls, 1);
	expect_call(0, 0, 16);
	assert_int_equal(vio_stat(r, "inflated"), 4096 * SZ_4K);
}

/* A host with pages of 64 KiB gets whole ones, all of one request. */
static void large_pages(void **state)
{
	struct vio_rig *r = create_with(state, SZ_64K, 0);
	u32 pages[48];

	vio_start(r, REPORTS | STATS);
	for (u32 i = 0; i < 48; i++)
		pages[i] = FIRST + 15 + i * 31 % 48; /* 15 to 62 */
	give(r, 0, pages, 48);
	assert_int_equal(host.nr_calls, 1);
	expect_call(0, 16, 32);
	give(r, 0, &(u32) { FIRST + 63 }, 1);
	assert_int_equal(host.nr_calls, 1);
	vio_add(r, 3, &(struct virtq_buf) { RAM_GPA + 100, 3 * SZ_64K, true },
		1, false, 0);
	expect_done(r, 3);
	assert_int_equal(host.nr_calls, 2);
	expect_call(1, 16, 32);
	assert_int_equal(vio_stat(r, "given_back"), 4 * SZ_64K);
}

/* RAM that was promised to the guest. */
static void nothing_to_give(void **state)
{
	struct vio_rig *r = create_with(state, 0, 0);

	assert_int_equal(r->vdev->offered & (REPORTS | POISON), 0);
	vio_start(r, STATS);
	give(r, 0, &(u32) { FIRST }, 1);
	assert_int_equal(host.nr_calls, 0);
	assert_int_equal(vio_stat(r, "inflated"), SZ_4K);
}

static void host_refuses(void **state)
{
	struct vio_rig *r = create(state);

	vio_start(r, 0);
	host.error = EINVAL;
	give(r, 0, &(u32) { FIRST }, 1);
	assert_int_equal(vio_stat(r, "errors"), 1);
	assert_int_equal(vio_stat(r, "given_back"), 0);
	host.error = 0;
	give(r, 0, &(u32) { FIRST }, 1);
	assert_int_equal(vio_stat(r, "given_back"), SZ_4K);
}

/* ---- Reports ------------------------------------------------------------- */

static void report(struct vio_rig *r, unsigned int queue)
{
	struct virtq_buf bufs[] = { { RAM_GPA, 100, false },
				    { RAM_GPA, 2 * SZ_4K, true },
				    { RAM_GPA + 8 * SZ_4K + 1, SZ_4K, true },
				    { RAM_GPA + 12 * SZ_4K + 1, 2 * SZ_4K - 1,
				      true } };

	host.nr_calls = 0;
	vio_add(r, queue, bufs, 4, true, 0);
	expect_done(r, queue);
}

static void expect_reported(struct vio_rig *r, unsigned int queue)
{
	report(r, queue);
	assert_int_equal(host.nr_calls, 2);
	expect_call(0, 0, 2);
	expect_call(1, 13, 1);
}

/* By the letter, as Linux counts, and as who counts what is offered. */
static void report_queues(void **state)
{
	struct vio_rig *r = create(state);

	vio_start(r, REPORTS | STATS);
	expect_reported(r, 3);
	expect_reported(r, 4);
	vio_start(r, REPORTS);
	expect_reported(r, 2);
	expect_reported(r, 3);
	expect_reported(r, 4);
	assert_int_equal(vio_stat(r, "reported"), 5 * (5 * SZ_4K - 1));
	/* A driver that has not said what it means by the queue. */
	vio_start(r, 0);
	report(r, 2);
	report(r, 4);
	assert_int_equal(host.nr_calls, 0);
}

static void poisoned(void **state)
{
	struct vio_rig *r = create(state);

	vio_start(r, REPORTS | POISON);
	write_config(r, 12, 0xaaaaaaaa);
	report(r, 2);
	assert_int_equal(host.nr_calls, 0);
	write_config(r, 12, 0);
	expect_reported(r, 2);
	/* What is inflated has no content that anybody looks at. */
	write_config(r, 12, 0xaaaaaaaa);
	host.nr_calls = 0;
	give(r, 0, &(u32) { FIRST }, 1);
	assert_int_equal(host.nr_calls, 1);
}

/* ---- Statistics ---------------------------------------------------------- */

struct pair {
	u16 tag;
	u64 value;
} __attribute__((packed));

static void tell(struct vio_rig *r, const struct pair *pairs, u32 nr)
{
	memcpy(r->data, pairs, nr * sizeof(*pairs));
	vio_add_one(r, 2, 0, nr * (u32)sizeof(*pairs), false);
	vio_kick(r, 2);
}

/* The time has come that the timer is set to. */
static void wait_interval(void)
{
	assert_int_equal(stub.ns, 7000000000ULL);
	expire();
}

static void statistics(void **state)
{
	struct vio_rig *r = create_with(state, SZ_4K, 7);
	const struct pair first[] = { { 4, 1000 }, { 5, UINT64_MAX } };
	const struct pair next[] = {
		{ 16, 1 }, { 17, 2 }, { 15, 3 }, { 4, 999 }
	};
	struct virtq_used used;

	assert_int_equal(stub.ns, 0);
	vio_start(r, STATS | REPORTS);
	wait_interval(); /* before there is a buffer */
	tell(r, first, 2);
	assert_false(vio_take(r, 2, &used));
	assert_int_equal(vio_stat(r, "free"), 1000);
	assert_true(vio_stat(r, "total") == UINT64_MAX);
	virtq_driver_enable_irq(&r->drivers[2]);
	wait_interval();
	assert_int_equal(atomic_load(&r->interrupts[2]), 1);
	assert_true(vio_take(r, 2, &used));
	assert_int_equal(used.len, 0);
	wait_interval(); /* a driver that takes its time */
	assert_false(vio_take(r, 2, &used));
	tell(r, next, 4);
	assert_int_equal(vio_stat(r, "free"), 999);
	assert_int_equal(vio_stat(r, "direct_reclaims"), 3);
	assert_int_equal(vio_stat(r, "told"), 2);
	vio_set_status(r, 0);
	stub.timer->expired(stub.timer);
	assert_int_equal(stub.sets, 4); /* one start, three questions */
	assert_int_equal(vio_stat(r, "free"), 999);
}

/* The buffer of a device that is stopped in between is taken again. */
static void stats_stopped(void **state)
{
	struct vio_rig *r = create_with(state, SZ_4K, 7);
	const struct pair pair = { 7, 5 };
	struct virtq_used used;

	vio_start(r, STATS);
	tell(r, &pair, 1);
	pthread_mutex_lock(&r->vdev->lock);
	virtio_set_master(r->vdev, false);
	stub.timer->expired(stub.timer);
	assert_false(vio_take(r, 2, &used));
	virtio_set_master(r->vdev, true);
	pthread_mutex_unlock(&r->vdev->lock);
	assert_int_equal(vio_stat(r, "told"), 2);
	wait_interval();
	assert_true(vio_take(r, 2, &used));
	for (u32 i = 0; i < 10; i++) {
		vio_start(r, STATS);
		tell(r, &pair, 1);
		vio_set_status(r, 0);
		memset(r->rings, 0x11, 64);
		stub.timer->expired(stub.timer);
		assert_true(is_filled(r->rings, 64, 0x11));
	}
}

static void more_buffers(void **state)
{
	struct vio_rig *r = create(state);
	const struct pair pair = { 9, 5 };
	struct virtq_used used;

	vio_start(r, STATS);
	for (u32 i = 0; i < 300; i++) {
		tell(r, &pair, 1);
		assert_int_equal(vio_take(r, 2, &used), i > 0);
	}
	assert_int_equal(vio_stat(r, "hugetlb_failed"), 5);
	assert_int_equal(vio_stat(r, "told"), 300);
	assert_null(stub.timer);
}

static void huge_stats(void **state)
{
	struct vio_rig *r = create(state);
	void *ram = mmap(NULL, SZ_4G, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	struct virtq_buf bufs[VIO_ENTRIES];
	struct virtq_used used;

	assert_ptr_not_equal(ram, MAP_FAILED);
	assert_int_equal(gmem_add(&r->mem, 2 * SZ_4G, SZ_4G, ram), 0);
	for (u32 i = 0; i < VIO_ENTRIES; i++)
		bufs[i] = (struct virtq_buf) { 2 * SZ_4G, HUGE, false };
	vio_start(r, STATS);
	for (unsigned int queue = 0; queue < 3; queue++) {
		vio_add(r, queue, bufs, r->entries, false, 0);
		vio_kick(r, queue);
	}
	assert_int_equal(vio_stat(r, "told"), 1);
	assert_int_equal(vio_stat(r, "swap_in"), 0);
	assert_int_equal(vio_stat(r, "inflated"), 4096 * SZ_4K);
	assert_int_equal(vio_stat(r, "deflated"),
			 (u64)r->entries * HUGE / 4 * SZ_4K);
	assert_true(vio_take(r, 0, &used) && vio_take(r, 1, &used));
	munmap(ram, SZ_4G);
}

/* What no driver may put there. */
static void broken_stats(void **state)
{
	struct vio_rig *r = create_with(state, SZ_4K, 7);
	const struct pair pair = { 4, 5 };

	vio_start(r, STATS);
	tell(r, &pair, 1);
	vio_add(r, 2, &(struct virtq_buf) { 0x1000, 10, false }, 1, false, 0);
	vio_kick(r, 2);
	assert_true(vio_needs_reset(r));
	stub.timer->expired(stub.timer);
	assert_int_equal(vio_stat(r, "free"), 5);
	vio_start(r, STATS);
	tell(r, &(struct pair) { 4, 6 }, 1);
	assert_int_equal(vio_stat(r, "free"), 6);
}

/* ---- Ends ---------------------------------------------------------------- */

/* A page is being given back when the device is reset. */
static void reset_waits(void **state)
{
	struct vio_rig *r = create(state);

	vio_start(r, 0);
	virtq_driver_enable_irq(&r->drivers[0]);
	host.blocks = true;
	memcpy(r->data, &(u32) { FIRST }, sizeof(u32));
	vio_add_one(r, 0, 0, 4, false);
	vio_add_one(r, 0, 0, 4, false);
	virtio_kick(r->vdev, 0);
	vio_await(&host.begun);
	sem_post(&host.may_end);
	sem_post(&host.may_end);
	vio_set_status(r, 0);
	memset(host.ram, 0x11, RAM_SIZE);
	virtio_kick(r->vdev, 0);
	assert_true(is_filled(host.ram, RAM_SIZE, 0x11));
	host.blocks = false;
	for (u32 i = 0; i < 40; i++) {
		vio_start(r, 0);
		give(r, 0, &(u32) { FIRST + i }, 1);
	}
}

static void no_memory(void **state)
{
	const struct virtio_balloon_params params = { .name = "balloon",
						      .interval = 1 };
	struct virtio_device *vdev;
	int ret;

	(void)state;
	host.no_memory = true;
	ret = virtio_balloon_create(&params, &vdev);
	host.no_memory = false;
	assert_int_equal(ret, -ENOMEM);
	stub.error = -EMFILE;
	assert_int_equal(virtio_balloon_create(&params, &vdev), -EMFILE);
	stub.error = 0;
}

#define TEST(f) VIO_TEST_WITH(f, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(identity),	     TEST(configuration),
		TEST(target),	     TEST(inflates),
		TEST(shared_ram),    TEST(not_ram),
		TEST(pieces),	     TEST(many),
		TEST(large_pages),   TEST(nothing_to_give),
		TEST(host_refuses),  TEST(report_queues),
		TEST(poisoned),	     TEST(statistics),
		TEST(stats_stopped), TEST(more_buffers),
		TEST(huge_stats),    TEST(broken_stats),
		TEST(reset_waits),   cmocka_unit_test(no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
