/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: virtio/pmem.c virtio/runner.c virtio/device.c virtio/queue.c */
/* SOURCES: virtio/lone.c virtio/gather.c */
/* SOURCES: virtio/queue_split.c virtio/queue_packed.c virtio/queue_chain.c */
/* SOURCES: vmm/iothread.c vmm/thread.c vmm/gmem.c vmm/mmio.c util/json.c */
/* SOURCES: util/log.c util/output.c util/iov.c util/file.c */
/* SOURCES: tests/unit/virtq_driver.c tests/unit/virtio_rig.c */
/* WRAP: fdatasync calloc */
/* Memory that lasts: its flushes, and what is written where nobody may. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lkvm/virtio/pmem.h"
#include "lkvm/vmm/memslot.h"
#include "lkvm/vmm/mmio.h"
#include "virtio_rig.h"

#define START 0x1c0000000ULL
#define SIZE  (4 * SZ_2M)
#define FD    4711

static struct {
	struct mmio_bus bus;
	struct memslot slot;
	unsigned int syncs;
	int error;
	bool no_memory, blocks;
	sem_t begun, may_end;
} host;

int __wrap_fdatasync(int fd);
void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);

void *__wrap_calloc(size_t n, size_t size)
{
	return host.no_memory ? NULL : __real_calloc(n, size);
}

int __wrap_fdatasync(int fd)
{
	if (fd != FD)
		abort();
	host.syncs++;
	if (host.blocks) {
		sem_post(&host.begun);
		while (sem_wait(&host.may_end))
			;
	}
	errno = host.error;
	return host.error ? -1 : 0;
}

static struct vio_rig *create_with(void **state, int fd, bool readonly)
{
	struct vio_rig *r = vio_create(state);
	const struct virtio_pmem_params params = {
		.name = "pmem0",
		.mem = &r->mem,
		.start = START,
		.size = SIZE,
		.fd = fd,
		.readonly = readonly ? &host.slot : NULL,
		.bus = &host.bus,
	};
	struct virtio_device *vdev;

	memset(&host, 0, sizeof(host));
	atomic_store(&host.slot.mapped, true);
	mmio_bus_init(&host.bus);
	sem_init(&host.begun, 0, 0);
	sem_init(&host.may_end, 0, 0);
	assert_int_equal(virtio_pmem_create(&params, &vdev), 0);
	vio_attach(r, vdev);
	return r;
}

static struct vio_rig *create(void **state)
{
	return create_with(state, FD, false);
}

static int teardown(void **state)
{
	int ret = vio_teardown(state);

	mmio_bus_destroy(&host.bus);
	return ret;
}

/* What `type` is answered with. */
static u32 request(struct vio_rig *r, u32 type)
{
	struct virtq_buf bufs[] = { { VIO_GPA, 4, false },
				    { VIO_GPA + 8, 4, true } };
	struct virtq_used used;
	u32 ret;

	memcpy(r->data, &type, sizeof(type));
	vio_add(r, 0, bufs, 2, false, 0);
	vio_kick(r, 0);
	assert_true(vio_take(r, 0, &used));
	assert_int_equal(used.len, 4);
	memcpy(&ret, r->data + 8, sizeof(ret));
	assert_int_equal(r->data[12], VIO_NOISE);
	return ret;
}

static void identity(void **state)
{
	struct vio_rig *r = create(state);
	u64 config[2];
	u32 size_high = 1;

	assert_int_equal(r->vdev->id, 27);
	assert_int_equal(r->vdev->config_size, 16);
	assert_int_equal(r->vdev->nr_queues, 1);
	assert_int_equal(r->vdev->offered,
			 VIRTQ_F_VERSION_1 | VIRTQ_F_INDIRECT_DESC |
				 VIRTQ_F_EVENT_IDX | VIRTQ_F_RING_PACKED);
	virtio_read_config(r->vdev, 0, config, sizeof(config));
	assert_true(config[0] == START && config[1] == SIZE);
	virtio_write_config(r->vdev, 0, &size_high, sizeof(size_high));
	virtio_read_config(r->vdev, 12, &size_high, sizeof(size_high));
	assert_int_equal(size_high, 0);
	virtio_read_config(r->vdev, 13, &size_high, sizeof(size_high));
	assert_int_equal(size_high, 0);
	assert_null(mmio_bus_find(&host.bus, START));
}

static void flushes(void **state)
{
	struct vio_rig *r = create(state);

	vio_start(r, 0);
	assert_int_equal(request(r, 0), 0);
	assert_int_equal(host.syncs, 1);
	host.error = EIO;
	assert_int_equal(request(r, 0), 1);
	host.error = 0;
	assert_int_equal(request(r, 0), 0);
	assert_int_equal(request(r, 1), 1);
	assert_int_equal(request(r, UINT32_MAX), 1);
	assert_int_equal(host.syncs, 3);
	assert_int_equal(vio_stat(r, "flushes"), 3);
	assert_int_equal(vio_stat(r, "errors"), 3);
	assert_false(vio_needs_reset(r));
}

/* A snapshot has no file that would have to be synced. */
static void no_file(void **state)
{
	struct vio_rig *r = create_with(state, -1, false);

	vio_start(r, 0);
	assert_int_equal(request(r, 0), 0);
	assert_int_equal(host.syncs, 0);
}

static u32 used_len(struct vio_rig *r, const struct virtq_buf *bufs, u32 nr)
{
	struct virtq_used used;

	vio_add(r, 0, bufs, nr, false, 0);
	vio_kick(r, 0);
	assert_true(vio_take(r, 0, &used));
	return used.len;
}

/* Requests and answers that are too short, too long, or not in one piece. */
static void shapes(void **state)
{
	struct vio_rig *r = create(state);
	const struct virtq_buf no_answer[] = { { VIO_GPA, 4, false } };
	const struct virtq_buf no_request[] = { { VIO_GPA + 8, 4, true } };
	const struct virtq_buf short_ones[] = { { VIO_GPA, 3, false },
						{ VIO_GPA + 8, 3, true } };
	const struct virtq_buf pieces[] = { { VIO_GPA, 1, false },
					    { VIO_GPA + 1, 99, false },
					    { VIO_GPA + 200, 1, true },
					    { VIO_GPA + 300, 99, true } };

	vio_start(r, 0);
	memset(r->data, 0, 4);
	assert_int_equal(used_len(r, no_answer, 1), 0);
	assert_int_equal(host.syncs, 1);
	assert_int_equal(used_len(r, no_request, 1), 4);
	assert_int_equal(r->data[8], 1);
	assert_int_equal(used_len(r, short_ones, 2), 3);
	assert_int_equal(host.syncs, 1);
	assert_int_equal(used_len(r, pieces, 4), 4);
	assert_int_equal(r->data[200], 0);
	assert_true(is_filled(r->data + 300, 3, 0));
	assert_int_equal(r->data[303], VIO_NOISE);
	assert_int_equal(host.syncs, 2);
	assert_false(vio_needs_reset(r));
}

/* What is written to a read-only one is lost; the next flush says so, once. */
static void readonly(void **state)
{
	struct vio_rig *r = create_with(state, -1, true);
	struct mmio_region *region = mmio_bus_find(&host.bus, START);

	vio_start(r, 0);
	assert_ptr_equal(mmio_bus_find(&host.bus, START + SIZE - 1), region);
	assert_null(mmio_bus_find(&host.bus, START + SIZE));
	assert_ptr_equal(region->slot, &host.slot);
	assert_int_equal(request(r, 0), 0);
	mmio_bus_write(&host.bus, START + SIZE - 8, 1, 8);
	mmio_bus_write(&host.bus, START, 1, 1);
	assert_int_equal(mmio_bus_read(&host.bus, START, 8), 0);
	assert_int_equal(request(r, 0), 1);
	assert_int_equal(request(r, 0), 0);
	assert_false(region->ops->no_syndrome(region, 0, true));
	assert_true(region->ops->no_syndrome(region, 0, false));
	assert_int_equal(request(r, 0), 0);
	region->ops->refused(region, 0, true);
	assert_int_equal(request(r, 0), 1);
	assert_int_equal(vio_stat(r, "ignored_writes"), 3);
	assert_int_equal(vio_stat(r, "errors"), 2);
	assert_int_equal(host.syncs, 0);
}

/* The file is being synced when the device is reset. */
static void reset_waits(void **state)
{
	struct vio_rig *r = create(state);
	struct virtq_buf bufs[] = { { VIO_GPA, 4, false },
				    { VIO_GPA + 8, 4, true } };

	vio_start(r, 0);
	virtq_driver_enable_irq(&r->drivers[0]);
	memset(r->data, 0, 4);
	host.blocks = true;
	vio_add(r, 0, bufs, 2, false, 0);
	virtio_kick(r->vdev, 0);
	vio_await(&host.begun);
	sem_post(&host.may_end);
	vio_set_status(r, 0);
	memset(r->data, 0x11, VIO_DATA);
	virtio_kick(r->vdev, 0);
	assert_true(is_filled(r->data, VIO_DATA, 0x11));
	host.blocks = false;
	for (u32 i = 0; i < 50; i++) {
		vio_start(r, 0);
		assert_int_equal(request(r, 0), 0);
	}
}

/* A flush does not keep the vCPU: it goes on while the file is synced. */
static void in_a_thread(void **state)
{
	struct vio_rig *r = create(state);
	struct virtq_buf bufs[] = { { VIO_GPA, 4, false },
				    { VIO_GPA + 8, 4, true } };
	struct virtq_used used;

	vio_start(r, 0);
	virtq_driver_enable_irq(&r->drivers[0]);
	memset(r->data, 0, 4);
	host.blocks = true;
	vio_add(r, 0, bufs, 2, false, 0);
	vio_kick(r, 0);
	vio_await(&host.begun);
	assert_false(vio_take(r, 0, &used));
	sem_post(&host.may_end);
	vio_await(&r->irq);
	assert_true(vio_take(r, 0, &used));
	assert_int_equal(atomic_load(&r->interrupts[0]), 1);
}

static void cannot_be_made(void **state)
{
	struct virtio_pmem_params params = { .name = "pmem0", .fd = -1 };
	struct virtio_device *vdev;
	int ret;

	(void)state;
	host.no_memory = true;
	ret = virtio_pmem_create(&params, &vdev);
	host.no_memory = false;
	assert_int_equal(ret, -ENOMEM);
	mmio_bus_init(&host.bus);
	params.readonly = &host.slot;
	params.bus = &host.bus;
	assert_int_equal(virtio_pmem_create(&params, &vdev), -EINVAL);
	mmio_bus_destroy(&host.bus);
}

#define TEST(f) VIO_TEST_WITH(f, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(identity),	   TEST(flushes),
		TEST(no_file),	   TEST(shapes),
		TEST(readonly),	   TEST(reset_waits),
		TEST(in_a_thread), cmocka_unit_test(cannot_be_made),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
