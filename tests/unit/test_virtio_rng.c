/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: virtio/rng.c virtio/runner.c virtio/device.c virtio/queue.c */
/* SOURCES: virtio/lone.c virtio/gather.c */
/* SOURCES: virtio/queue_split.c virtio/queue_packed.c virtio/queue_chain.c */
/* SOURCES: vmm/iothread.c vmm/thread.c vmm/gmem.c util/json.c util/log.c */
/* SOURCES: util/output.c tests/unit/virtq_driver.c tests/unit/virtio_rig.c */
/* WRAP: getrandom calloc */
/* A source of random bytes: what a request gets, and how much of it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>

#include "lkvm/virtio/rng.h"
#include "virtio_rig.h"

#define MOST VIRTIO_RNG_MAX
#define HUGE 0xfffff000U /* bytes of a buffer */

/* What getrandom(2) does: bytes that count, so that none is written twice. */
static struct {
	u8 next;
	size_t at_most; /* of one call; 0: all */
	unsigned int interrupted, fails_after;
	u64 bytes;
	bool no_memory, blocks;
	sem_t begun, may_end;
} host;

ssize_t __wrap_getrandom(void *buf, size_t len, unsigned int flags);
void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);

void *__wrap_calloc(size_t n, size_t size)
{
	return host.no_memory ? NULL : __real_calloc(n, size);
}

ssize_t __wrap_getrandom(void *buf, size_t len, unsigned int flags)
{
	u8 *to = buf;

	if (flags || !len)
		abort();
	if (host.blocks) {
		sem_post(&host.begun);
		while (sem_wait(&host.may_end))
			;
	}
	if (host.interrupted) {
		host.interrupted--;
		errno = EINTR;
		return -1;
	}
	if (host.fails_after && !--host.fails_after) {
		errno = ENOSYS;
		return -1;
	}
	len = host.at_most ? MIN(len, host.at_most) : len;
	for (size_t i = 0; i < len; i++)
		to[i] = ++host.next;
	host.bytes += len;
	return (ssize_t)len;
}

static struct vio_rig *create(void **state)
{
	struct vio_rig *r = vio_create(state);
	const struct virtio_rng_params params = { "rng", &r->mem };
	struct virtio_device *vdev;

	memset(&host, 0, sizeof(host));
	sem_init(&host.begun, 0, 0);
	sem_init(&host.may_end, 0, 0);
	assert_int_equal(virtio_rng_create(&params, &vdev), 0);
	vio_attach(r, vdev);
	return r;
}

static u32 done(struct vio_rig *r)
{
	struct virtq_used used;

	vio_kick(r, 0);
	assert_true(vio_take(r, 0, &used));
	return used.len;
}

/* Bytes [from, to) of `data` were written, in order, those around were not. */
static void check(struct vio_rig *r, u32 from, u32 to, u8 first)
{
	for (u32 i = from; i < to; i++)
		assert_int_equal(r->data[i], (u8)(first + i - from));
	assert_int_equal(r->data[to], VIO_NOISE);
	assert_true(!from || r->data[from - 1] == VIO_NOISE);
}

static void identity(void **state)
{
	struct vio_rig *r = create(state);
	u32 config = UINT32_MAX;

	assert_int_equal(r->vdev->id, 4);
	assert_int_equal(r->vdev->config_size, 0);
	assert_int_equal(r->vdev->nr_queues, 1);
	assert_int_equal(r->vdev->offered,
			 VIRTQ_F_VERSION_1 | VIRTQ_F_INDIRECT_DESC |
				 VIRTQ_F_EVENT_IDX | VIRTQ_F_RING_PACKED);
	virtio_read_config(r->vdev, 0, &config, sizeof(config));
	assert_int_equal(config, 0);
	virtio_write_config(r->vdev, 0, &config, sizeof(config));
}

static void fills_buffers(void **state)
{
	struct vio_rig *r = create(state);
	struct virtq_buf bufs[] = { { VIO_GPA + 100, 10, true },
				    { VIO_GPA + 200, 1, true },
				    { VIO_GPA + 300, 50, true } };

	vio_start(r, 0);
	vio_add(r, 0, bufs, 3, false, 0);
	assert_int_equal(done(r), 61);
	check(r, 100, 110, 1);
	check(r, 200, 201, 11);
	check(r, 300, 350, 12);
	vio_add(r, 0, bufs, 3, true, 0);
	assert_int_equal(done(r), 61);
	check(r, 100, 110, 62);
	assert_int_equal(vio_stat(r, "requests"), 2);
	assert_int_equal(vio_stat(r, "bytes"), 122);
	assert_int_equal(vio_stat(r, "errors"), 0);
}

/* Buffers to be read are skipped; a chain of nothing else gets nothing. */
static void nothing_to_fill(void **state)
{
	struct vio_rig *r = create(state);
	struct virtq_buf bufs[] = { { VIO_GPA, 64, false },
				    { VIO_GPA + 64, 7, true } };

	vio_start(r, 0);
	vio_add(r, 0, bufs, 1, false, 0);
	assert_int_equal(done(r), 0);
	assert_int_equal(host.bytes, 0);
	vio_add(r, 0, bufs, 2, false, 0);
	assert_int_equal(done(r), 7);
	check(r, 64, 71, 1);
	assert_false(vio_needs_reset(r));
}

static void bounded(void **state)
{
	struct vio_rig *r = create(state);
	struct virtq_buf bufs[] = { { VIO_GPA, MOST - 1, true },
				    { VIO_GPA + MOST, 5, true },
				    { VIO_GPA + MOST + 5, 5, true } };

	vio_start(r, 0);
	vio_add(r, 0, bufs, 3, false, 0);
	assert_int_equal(done(r), MOST);
	assert_int_equal(r->data[MOST - 1], VIO_NOISE);
	assert_int_equal(r->data[MOST], 0); /* the 65536th */
	assert_int_equal(r->data[MOST + 1], VIO_NOISE);
	assert_int_equal(host.bytes, MOST);
}

/* A terabyte in one chain. */
static void huge(void **state)
{
	struct vio_rig *r = create(state);
	void *ram = mmap(NULL, SZ_4G, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	struct virtq_buf bufs[VIO_ENTRIES];

	assert_ptr_not_equal(ram, MAP_FAILED);
	assert_int_equal(gmem_add(&r->mem, SZ_4G, SZ_4G, ram), 0);
	for (u32 i = 0; i < VIO_ENTRIES; i++)
		bufs[i] = (struct virtq_buf) { SZ_4G, HUGE, true };
	vio_start(r, 0);
	vio_add(r, 0, bufs, VIO_ENTRIES, false, 0);
	assert_int_equal(done(r), MOST);
	assert_int_equal(host.bytes, MOST);
	munmap(ram, SZ_4G);
}

static void host_gives_less(void **state)
{
	struct vio_rig *r = create(state);

	vio_start(r, 0);
	host.at_most = 7;
	host.interrupted = 3;
	vio_add_one(r, 0, 0, 100, true);
	assert_int_equal(done(r), 100);
	check(r, 0, 100, 1);
	assert_int_equal(vio_stat(r, "errors"), 0);
}

static void host_fails(void **state)
{
	struct vio_rig *r = create(state);
	struct virtq_buf bufs[] = { { VIO_GPA, 10, true },
				    { VIO_GPA + 10, 10, true },
				    { VIO_GPA + 20, 10, true } };

	vio_start(r, 0);
	host.fails_after = 1;
	vio_add(r, 0, bufs, 3, false, 0);
	assert_int_equal(done(r), 0);
	assert_int_equal(r->data[0], VIO_NOISE);
	host.fails_after = 3;
	host.at_most = 6;
	vio_add(r, 0, bufs, 3, false, 0);
	assert_int_equal(done(r), 10);
	assert_int_equal(vio_stat(r, "errors"), 2);
	assert_int_equal(vio_stat(r, "bytes"), 10);
	/* The next request is as good as any. */
	vio_add(r, 0, bufs, 3, false, 0);
	assert_int_equal(done(r), 30);
	assert_false(vio_needs_reset(r));
}

/* The thread is at a request when the device is reset, and RAM is others'. */
static void reset_waits(void **state)
{
	struct vio_rig *r = create(state);

	vio_start(r, 0);
	virtq_driver_enable_irq(&r->drivers[0]);
	host.blocks = true;
	vio_add_one(r, 0, 0, 16, true);
	vio_add_one(r, 0, 16, 16, true);
	virtio_kick(r->vdev, 0);
	vio_await(&host.begun);
	sem_post(&host.may_end);
	sem_post(&host.may_end);
	vio_set_status(r, 0);
	memset(r->data, 0x11, VIO_DATA);
	virtio_kick(r->vdev, 0);
	assert_true(is_filled(r->data, VIO_DATA, 0x11));
	host.blocks = false;
	/* And again, a hundred times. */
	for (u32 i = 0; i < 100; i++) {
		vio_start(r, 0);
		vio_add_one(r, 0, 0, 16, true);
		assert_int_equal(done(r), 16);
		assert_int_equal(r->data[16], VIO_NOISE);
	}
}

static void interrupts(void **state)
{
	struct vio_rig *r = create(state);
	struct virtq_used used;

	vio_start(r, 0);
	virtq_driver_enable_irq(&r->drivers[0]);
	vio_add_one(r, 0, 0, 16, true);
	vio_kick(r, 0);
	vio_await(&r->irq);
	assert_true(vio_take(r, 0, &used));
	assert_int_equal(used.len, 16);
	assert_int_equal(atomic_load(&r->interrupts[0]), 1);
}

static void no_memory(void **state)
{
	const struct virtio_rng_params params = { "rng", NULL };
	struct virtio_device *vdev;
	int ret;

	(void)state;
	host.no_memory = true;
	ret = virtio_rng_create(&params, &vdev);
	host.no_memory = false;
	assert_int_equal(ret, -ENOMEM);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		VIO_TEST(identity),
		VIO_TEST(fills_buffers),
		VIO_TEST(nothing_to_fill),
		VIO_TEST(bounded),
		VIO_TEST(huge),
		VIO_TEST(host_gives_less),
		VIO_TEST(host_fails),
		VIO_TEST(reset_waits),
		VIO_TEST(interrupts),
		cmocka_unit_test(no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
