/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: virtio/blk.c virtio/blk_request.c virtio/blk_async.c */
/* SOURCES: virtio/runner.c disk/request.c disk/queue.c */
/* SOURCES: disk/try.c */
/* SOURCES: virtio/lone.c virtio/gather.c */
/* SOURCES: disk/pool.c disk/uring.c disk/merge.c */
/* SOURCES: virtio/device.c virtio/queue.c virtio/queue_split.c */
/* SOURCES: virtio/queue_packed.c virtio/queue_chain.c disk/disk.c */
/* SOURCES: vmm/iothread.c vmm/thread.c vmm/gmem.c util/iov.c util/json.c */
/* SOURCES: util/log.c util/output.c */
/* SOURCES: tests/unit/virtq_driver.c tests/unit/blk_rig.c */
/* WRAP: calloc */
/* A disk's configuration, its cache and its queues, and how it is reset. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "blk_rig.h"
#include "thread_state.h"

#define SECTOR	    512U
#define CONFIG_SIZE 60U

#define IN	     VIRTIO_BLK_T_IN
#define OUT	     VIRTIO_BLK_T_OUT
#define FLUSH	     VIRTIO_BLK_T_FLUSH
#define DISCARD	     VIRTIO_BLK_T_DISCARD
#define WRITE_ZEROES VIRTIO_BLK_T_WRITE_ZEROES

#define OK    VIRTIO_BLK_S_OK
#define IOERR VIRTIO_BLK_S_IOERR

#define WCE offsetof(struct virtio_blk_config, wce)

static bool no_memory;

void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);

void *__wrap_calloc(size_t n, size_t size)
{
	return no_memory ? NULL : __real_calloc(n, size);
}

static u8 buffer[16 * SECTOR];

/* ---- Configuration ------------------------------------------------------- */

/* Fields are read as wide as they are, or by bytes. */
static struct virtio_blk_config read_config(struct blk_rig *r)
{
	struct virtio_blk_config config = { 0 };
	u8 bytes[CONFIG_SIZE + 8];

	virtio_read_config(r->vdev, 0, &config, CONFIG_SIZE);
	for (u32 i = 0; i < sizeof(bytes); i++)
		virtio_read_config(r->vdev, i, &bytes[i], 1);
	assert_memory_equal(&config, bytes, CONFIG_SIZE);
	for (u32 i = CONFIG_SIZE; i < sizeof(bytes); i++)
		assert_int_equal(bytes[i], 0);
	return config;
}

static void check_config(void **state, u64 sectors, u32 block, u32 queues)
{
	struct blk_rig *r = blk_create(
		state, &(struct blk_rig_params) { .sectors = sectors,
						  .block = block,
						  .nr_queues = queues });
	struct virtio_blk_config config = read_config(r);
	struct virtio_blk_config expected = {
		.capacity = sectors,
		.seg_max = 254,
		.blk_size = 512,
		.wce = 1,
		.max_discard_sectors = 0x400000,
		.max_discard_seg = 16,
		.max_write_zeroes_sectors = 0x400000,
		.max_write_zeroes_seg = 16,
		.write_zeroes_may_unmap = 1,
	};

	expected.physical_block_exp = block == 512 ? 0 : 3;
	expected.min_io_size = (u16)(block / 512);
	expected.discard_sector_alignment = block / 512;
	expected.num_queues = (u16)queues;
	assert_memory_equal(&config, &expected, CONFIG_SIZE);
	assert_int_equal(r->vdev->config_size, CONFIG_SIZE);
}

static void configuration(void **state)
{
	check_config(state, 0x123456789abcd, 4096, 2);
}

static void configuration_of_small_blocks(void **state)
{
	check_config(state, 1, 512, 1);
}

/* A medium that gives space back in clusters, none of them a block. */
static void configuration_of_clusters(void **state)
{
	struct blk_rig *r =
		blk_create(state, &(struct blk_rig_params) { .block = 4096 });
	struct virtio_blk_config config;

	r->disk->disk.cluster = SZ_64K;
	config = read_config(r);
	assert_int_equal(config.discard_sector_alignment, SZ_64K / 512);
	assert_int_equal(config.min_io_size, 8);
	assert_int_equal(config.physical_block_exp, 3);
	r->disk->disk.cluster = 512;
	assert_int_equal(read_config(r).discard_sector_alignment, 8);
}

static void identity(void **state)
{
	struct blk_rig *r = blk_create(
		state, &(struct blk_rig_params) {
			       .name = "a name of more than 15 bytes" });

	assert_int_equal(r->vdev->id, 2);
	assert_string_equal(r->vdev->name, "a name of more ");
	assert_int_equal(r->vdev->nr_queues, 1);
	assert_int_equal(virtio_queue_max(r->vdev, 0), 256);
	assert_int_equal(virtio_queue_max(r->vdev, 1), 0);
}

#define RING_FEATURES                                                  \
	(VIRTQ_F_VERSION_1 | VIRTQ_F_RING_PACKED | VIRTQ_F_EVENT_IDX | \
	 VIRTQ_F_INDIRECT_DESC)

/* RING_RESET, SEG_MAX, BLK_SIZE, FLUSH, TOPOLOGY and CONFIG_WCE. */
#define ALWAYS                                                                 \
	(RING_FEATURES | 1ULL << 40 | 1U << 2 | 1U << 6 | 1U << 9 | 1U << 10 | \
	 1U << 11)

static void features_of_a_disk(void **state)
{
	struct blk_rig *r = blk_create(state, NULL);

	/* DISCARD and WRITE_ZEROES */
	assert_int_equal(r->vdev->offered, ALWAYS | 1U << 13 | 1U << 14);
}

static void features_of_one_that_is_read(void **state)
{
	struct blk_rig *r = blk_create(
		state, &(struct blk_rig_params) { .readonly = true });

	assert_int_equal(r->vdev->offered, ALWAYS | 1U << 5);
}

static void features_of_several_queues(void **state)
{
	struct blk_rig *r =
		blk_create(state, &(struct blk_rig_params) {
					  .nr_queues = 2, .readonly = true });

	assert_int_equal(r->vdev->offered, ALWAYS | 1U << 5 | 1U << 12);
	assert_int_equal(virtio_queue_max(r->vdev, 1), 256);
}

static void no_memory_for_it(void **state)
{
	struct mem_disk *disk = mem_disk_create(1, 512, false);
	struct virtio_blk_params params = { .name = "disk",
					    .disk = &disk->disk,
					    .nr_queues = 1 };
	struct virtio_device *vdev = NULL;
	int ret;

	(void)state;
	no_memory = true;
	ret = virtio_blk_create(&params, &vdev);
	no_memory = false;
	assert_int_equal(ret, -ENOMEM);
	assert_int_equal(mem_disks_closed, 1);
}

/* ---- The cache ----------------------------------------------------------- */

static u8 wce(struct blk_rig *r)
{
	u8 value = 0xff;

	virtio_read_config(r->vdev, WCE, &value, 1);
	return value;
}

static void set_wce(struct blk_rig *r, u8 value)
{
	virtio_write_config(r->vdev, WCE, &value, 1);
}

static void writeback(void **state)
{
	static const u8 zeroes[CONFIG_SIZE] = { 0 };
	struct blk_rig *r = blk_create(state, NULL);

	set_wce(r, 0);
	assert_int_equal(wce(r), 1);
	blk_start(r, BLK_COMMON);
	set_wce(r, 0);
	assert_int_equal(wce(r), 0);
	set_wce(r, 1);
	assert_int_equal(wce(r), 1);
	/* The other bits have no meaning. */
	set_wce(r, 0xfe);
	assert_int_equal(wce(r), 0);
	set_wce(r, 0xff);
	assert_int_equal(wce(r), 1);
	/* Nothing else can be written, nor this in another width. */
	for (u32 i = 0; i < CONFIG_SIZE; i++)
		if (i != WCE)
			virtio_write_config(r->vdev, i, zeroes, 1);
	virtio_write_config(r->vdev, WCE, zeroes, 2);
	virtio_write_config(r->vdev, WCE, zeroes, 4);
	virtio_write_config(r->vdev, 0, zeroes, CONFIG_SIZE);
	assert_int_equal(wce(r), 1);
	assert_int_equal(read_config(r).capacity, BLK_SECTORS);
}

static void writeback_not_negotiated(void **state)
{
	struct blk_rig *r = blk_create(state, NULL);

	blk_start(r, BLK_F(FLUSH));
	set_wce(r, 0);
	assert_int_equal(wce(r), 1);
}

/* "the device MUST initialize writeback to 0" */
static void writeback_without_flush(void **state)
{
	struct blk_rig *r = blk_create(state, NULL);

	blk_start(r, BLK_F(CONFIG_WCE));
	assert_int_equal(wce(r), 0);
	set_wce(r, 1);
	assert_int_equal(wce(r), 0);
	blk_start(r, BLK_COMMON);
	assert_int_equal(wce(r), 1);
}

/* The next driver finds it as it was at first. */
static void writeback_after_reset(void **state)
{
	struct blk_rig *r = blk_create(state, NULL);

	blk_start(r, BLK_COMMON);
	set_wce(r, 0);
	blk_set_status(r, 0);
	assert_int_equal(wce(r), 1);
	/* Also if that one has given up before it started the device. */
	blk_negotiate(r, BLK_COMMON);
	set_wce(r, 0);
	assert_int_equal(wce(r), 0);
	blk_set_status(r, 0);
	assert_int_equal(wce(r), 1);
}

static u8 do_write(struct blk_rig *r, u32 type)
{
	struct virtio_blk_discard_write_zeroes range = { .num_sectors = 1 };
	struct blk_rq rq = { .type = type, .out = buffer };

	memcpy(buffer, &range, sizeof(range));
	rq.out_len = type == OUT ? SECTOR : sizeof(range);
	return blk_do(r, &rq);
}

static void check_writes(struct blk_rig *r, bool durable)
{
	assert_int_equal(do_write(r, OUT), OK);
	assert_string_equal(blk_calls(r), durable ? "wf" : "w");
	assert_int_equal(do_write(r, DISCARD), OK);
	assert_string_equal(blk_calls(r), durable ? "df" : "d");
	assert_int_equal(do_write(r, WRITE_ZEROES), OK);
	assert_string_equal(blk_calls(r), durable ? "zf" : "z");
}

static void writes_are_durable(void **state)
{
	struct blk_rig *r = blk_create(state, NULL);

	blk_start(r, BLK_COMMON);
	check_writes(r, false);
	set_wce(r, 0);
	check_writes(r, true);
	set_wce(r, 1);
	check_writes(r, false);
	blk_start(r, BLK_F(FLUSH));
	check_writes(r, false);
	/* A driver that cannot flush cannot want a cache. */
	blk_start(r, 0);
	check_writes(r, true);
	blk_start(r, BLK_F(CONFIG_WCE));
	check_writes(r, true);
	/* Reading is not writing, and one flush is enough. */
	assert_int_equal(blk_do(r, &(struct blk_rq) { .type = IN,
						      .in = buffer,
						      .in_len = SECTOR }),
			 OK);
	assert_string_equal(blk_calls(r), "r");
	assert_int_equal(blk_do(r, &(struct blk_rq) { .type = FLUSH }), OK);
	assert_string_equal(blk_calls(r), "f");
	/* Only the driver's are counted. */
	assert_int_equal(blk_stat(r, "flushes"), 1);
}

static void writes_that_fail_to_be_durable(void **state)
{
	struct blk_rig *r = blk_create(state, NULL);

	blk_start(r, 0);
	r->disk->failing = "f";
	assert_int_equal(do_write(r, OUT), IOERR);
	assert_string_equal(blk_calls(r), "wf");
	assert_int_equal(do_write(r, DISCARD), IOERR);
	assert_string_equal(blk_calls(r), "df");
	r->disk->failing = "wd";
	assert_int_equal(do_write(r, OUT), IOERR);
	assert_string_equal(blk_calls(r), "w");
	assert_int_equal(do_write(r, DISCARD), IOERR);
	assert_string_equal(blk_calls(r), "d");
}

/* ---- Chains that are no requests ----------------------------------------- */

static void require_broken(struct blk_rig *r, struct blk_rq *rq)
{
	struct blk_rq good = { .type = IN, .in = buffer, .in_len = SECTOR };

	blk_start(r, BLK_COMMON);
	atomic_store(&r->config_interrupts, 0);
	blk_add(r, 0, rq);
	blk_add(r, 0, &good);
	blk_kick(r, 0);
	assert_true(virtio_get_status(r->vdev) & VIRTIO_S_NEEDS_RESET);
	assert_int_equal(atomic_load(&r->config_interrupts), 1);
	virtio_kick(r->vdev, 0);
	assert_int_equal(blk_take(r, 0), 0);
	blk_check_ram(r);
	assert_string_equal(blk_calls(r), "");
	assert_int_equal(atomic_load(&r->config_interrupts), 1);
}

static void no_room_for_header_or_status(void **state)
{
	struct blk_rig *r = blk_create(state, NULL);
	static const u32 cuts[] = { 7, 0 };
	static const u8 header[16] = { 0 };

	require_broken(r, &(struct blk_rq) { .bare = true,
					     .out = header,
					     .out_len = 15,
					     .in = buffer,
					     .in_len = SECTOR + 1 });
	require_broken(r, &(struct blk_rq) { .bare = true,
					     .out = header,
					     .out_len = 15,
					     .out_cuts = cuts,
					     .in = buffer,
					     .in_len = 1 });
	require_broken(r, &(struct blk_rq) {
				  .bare = true, .in = buffer, .in_len = 17 });
	require_broken(r, &(struct blk_rq) {
				  .bare = true, .out = header, .out_len = 16 });
	require_broken(r, &(struct blk_rq) { .bare = true,
					     .out = buffer,
					     .out_len = 16 + SECTOR,
					     .indirect = true });
	/* After a reset all is well. */
	blk_start(r, BLK_COMMON);
	assert_false(virtio_get_status(r->vdev) & VIRTIO_S_NEEDS_RESET);
	assert_int_equal(do_write(r, OUT), OK);
}

static void just_enough(void **state)
{
	static const u8 header[16] = { VIRTIO_BLK_T_FLUSH };
	struct blk_rig *r = blk_create(state, NULL);
	struct blk_rq rq = { .bare = true, .out = header, .out_len = 16 };

	blk_start(r, BLK_COMMON);
	buffer[0] = 0xff;
	rq.in = buffer;
	rq.in_len = 1;
	blk_add(r, 0, &rq);
	blk_kick(r, 0);
	assert_int_equal(blk_take(r, 0), 1);
	assert_int_equal(buffer[0], OK);
	assert_int_equal(rq.used_len, 1);
}

/* A chain that the ring itself does not allow; the other queue is left, too. */
static void broken_ring(void **state)
{
	struct blk_rig *r =
		blk_create(state, &(struct blk_rig_params) { .nr_queues = 2 });
	struct blk_rq bad = { .type = IN, .in = buffer, .in_len = SECTOR };
	struct blk_rq good = { .type = IN, .in = buffer, .in_len = SECTOR };
	struct gmem empty = { .nr_regions = 0 };

	blk_start(r, BLK_COMMON);
	blk_add(r, 0, &bad);
	blk_add(r, 1, &good);
	r->vdev->queues[0].q.mem = &empty;
	blk_kick(r, 0);
	r->vdev->queues[0].q.mem = &r->mem;
	assert_true(virtio_get_status(r->vdev) & VIRTIO_S_NEEDS_RESET);
	blk_kick(r, 1);
	assert_int_equal(blk_take(r, 0), 0);
	assert_int_equal(blk_take(r, 1), 0);
	assert_string_equal(blk_calls(r), "");
}

/* ---- Several at once ----------------------------------------------------- */

static void await(sem_t *bell)
{
	while (sem_wait(bell))
		assert_int_equal(errno, EINTR);
}

/* From now on the queue is served by a thread. */
static void want_interrupts(struct blk_rig *r, unsigned int queue)
{
	virtq_driver_enable_irq(&r->drivers[queue]);
}

/* Notifying does not wait for the disk, and what comes meanwhile is done. */
static void notified_while_busy(void **state)
{
	struct blk_rig *r = blk_create(state, NULL);
	struct blk_rq first = { .type = OUT, .out = buffer, .out_len = SECTOR };
	struct blk_rq second = first;

	blk_start(r, BLK_COMMON);
	want_interrupts(r, 0);
	r->disk->waits = true;
	blk_add(r, 0, &first);
	virtio_kick(r->vdev, 0);
	await(&r->disk->begun);
	second.sector = 1;
	blk_add(r, 0, &second);
	virtio_kick(r->vdev, 0);
	virtio_kick(r->vdev, 0);
	assert_int_equal(blk_take(r, 0), 0);
	sem_post(&r->disk->may_end);
	await(&r->disk->begun);
	sem_post(&r->disk->may_end);
	while (!second.used) {
		await(&r->irq);
		blk_take(r, 0);
		if (virtq_driver_enable_irq(&r->drivers[0]))
			blk_take(r, 0);
	}
	assert_true(first.used);
	assert_int_equal(first.status, OK);
	assert_int_equal(second.status, OK);
	blk_check_ram(r);
}

/* Each has its own list of buffers, and its own thread. */
static void queues_at_once(void **state)
{
	struct blk_rig *r =
		blk_create(state, &(struct blk_rig_params) { .nr_queues = 2 });
	static u8 slow[5 * SECTOR];
	struct blk_rq one = { .type = IN, .in = slow, .in_len = sizeof(slow) };
	struct blk_rq other = { .type = OUT,
				.sector = 9,
				.out = buffer,
				.out_len = sizeof(buffer) };

	blk_start(r, BLK_COMMON | BLK_F(MQ));
	want_interrupts(r, 1);
	fill_random(buffer, sizeof(buffer), 5);
	r->disk->waits = true;
	blk_add(r, 1, &one);
	virtio_kick(r->vdev, 1);
	await(&r->disk->begun);
	/* The other's is done while that is under way. */
	r->disk->waits = false;
	blk_add(r, 0, &other);
	blk_kick(r, 0);
	assert_int_equal(blk_take(r, 0), 1);
	assert_int_equal(other.status, OK);
	assert_memory_equal(r->disk->data + 9 * SECTOR, buffer, sizeof(buffer));
	assert_int_equal(blk_take(r, 1), 0);
	sem_post(&r->disk->may_end);
	await(&r->irq);
	assert_int_equal(blk_take(r, 1), 1);
	assert_int_equal(one.status, OK);
	assert_memory_equal(slow, r->disk->data, sizeof(slow));
	blk_check_ram(r);
}

/* ---- Resets -------------------------------------------------------------- */

static void *kick_queue(void *arg)
{
	struct blk_rig *r = arg;

	virtio_kick(r->vdev, 0);
	return NULL;
}

/*
 * `n` requests are at the disk, the next are in the queue. The disk goes on
 * once this thread sleeps, which it does in the reset.
 */
static void let_end(struct blk_rig *r, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		await(&r->disk->begun);
	r->disk->sleeper = gettid();
	for (unsigned int i = 0; i < n; i++)
		sem_post(&r->disk->may_end);
}

static void reset_now(struct blk_rig *r, unsigned int n)
{
	let_end(r, n);
	blk_set_status(r, 0);
	assert_int_equal(atomic_load(&r->disk->inside), 0);
	assert_int_equal(atomic_load(&r->disk->ended), n);
}

/* All RAM is other people's by now. */
static void check_quiet(struct blk_rig *r, unsigned int ended)
{
	memset(r->data, 0x11, BLK_DATA);
	memset(r->shadow, 0x11, BLK_DATA);
	virtio_kick(r->vdev, 0);
	virtio_kick(r->vdev, 0);
	blk_check_ram(r);
	assert_int_equal(atomic_load(&r->disk->ended), ended);
	assert_int_equal(virtio_get_status(r->vdev), 0);
}

static void add_three(struct blk_rig *r, struct blk_rq *rqs)
{
	for (u32 i = 0; i < 3; i++) {
		rqs[i] = (struct blk_rq) { .type = IN, .sector = 2 * i };
		rqs[i].in = buffer + i * SECTOR;
		rqs[i].in_len = SECTOR;
		blk_add(r, 0, &rqs[i]);
	}
	r->disk->waits = true;
}

static void reset_waits_for_the_thread(void **state)
{
	struct blk_rig *r = blk_create(state, NULL);
	struct blk_rq rqs[3];

	blk_start(r, BLK_COMMON);
	want_interrupts(r, 0);
	add_three(r, rqs);
	virtio_kick(r->vdev, 0);
	reset_now(r, 3);
	check_quiet(r, 3);
}

static void reset_waits_for_a_vcpu(void **state)
{
	struct blk_rig *r = blk_create(state, NULL);
	struct blk_rq rqs[3];
	pthread_t vcpu;

	blk_start(r, BLK_COMMON);
	add_three(r, rqs);
	assert_int_equal(pthread_create(&vcpu, NULL, kick_queue, r), 0);
	reset_now(r, 1);
	check_quiet(r, 1);
	assert_int_equal(pthread_join(vcpu, NULL), 0);
	check_quiet(r, 1);
}

/* The other queue's are not touched. */
static void queue_reset_waits_for_the_thread(void **state)
{
	struct blk_rig *r =
		blk_create(state, &(struct blk_rig_params) { .nr_queues = 2 });
	struct blk_rq other = { .type = OUT, .out = buffer };
	struct blk_rq rqs[3];

	blk_start(r, BLK_COMMON | VIRTQ_F_RING_RESET);
	want_interrupts(r, 0);
	add_three(r, rqs);
	virtio_kick(r->vdev, 0);
	let_end(r, 3);
	pthread_mutex_lock(&r->vdev->lock);
	virtio_queue_reset(r->vdev, 0);
	pthread_mutex_unlock(&r->vdev->lock);
	assert_int_equal(atomic_load(&r->disk->inside), 0);
	assert_int_equal(atomic_load(&r->disk->ended), 3);
	r->disk->waits = false;
	r->disk->sleeper = 0;
	other.out_len = SECTOR;
	blk_add(r, 1, &other);
	virtio_kick(r->vdev, 0);
	blk_kick(r, 1);
	assert_int_equal(blk_take(r, 1), 1);
	assert_int_equal(other.status, OK);
	assert_int_equal(atomic_load(&r->disk->ended), 4);
}

/* A driver that finds requests of another one's would be surprised. */
static void works_after_reset(void **state)
{
	struct blk_rig *r = blk_create(state, NULL);
	struct blk_rq rqs[3];

	for (u32 i = 0; i < 5; i++) {
		struct blk_rq rq = { .type = OUT, .out = buffer };

		blk_start(r, BLK_COMMON);
		rq.out_len = SECTOR;
		assert_int_equal(blk_do(r, &rq), OK);
		if (i & 1)
			want_interrupts(r, 0);
		add_three(r, rqs);
		r->disk->waits = false;
		virtio_kick(r->vdev, 0);
	}
	blk_start(r, BLK_COMMON);
	assert_int_equal(blk_take(r, 0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BLK_TEST(configuration),
		BLK_TEST(configuration_of_small_blocks),
		BLK_TEST(configuration_of_clusters),
		BLK_TEST(identity),
		BLK_TEST(features_of_a_disk),
		BLK_TEST(features_of_one_that_is_read),
		BLK_TEST(features_of_several_queues),
		BLK_TEST(no_memory_for_it),
		BLK_TEST(writeback),
		BLK_TEST(writeback_not_negotiated),
		BLK_TEST(writeback_without_flush),
		BLK_TEST(writeback_after_reset),
		BLK_TEST(writes_are_durable),
		BLK_TEST(writes_that_fail_to_be_durable),
		BLK_TEST(no_room_for_header_or_status),
		BLK_TEST(just_enough),
		BLK_TEST(broken_ring),
		BLK_TEST(notified_while_busy),
		BLK_TEST(queues_at_once),
		BLK_TEST(queue_reset_waits_for_the_thread),
		BLK_TEST(reset_waits_for_the_thread),
		BLK_TEST(reset_waits_for_a_vcpu),
		BLK_TEST(works_after_reset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
