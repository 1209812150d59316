/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "blk_rig.h"
#include "thread_state.h"
#include "vdev_driver.h"

#define RING_GPA 0x40000000ULL
#define DATA_GPA 0x80000000ULL
#define RING_RAM ALIGN_UP(VIRTQ_DRIVER_RAM(BLK_ENTRIES), 64)
#define PATIENCE 60
#define HEADER	 16U

static struct blk_rig rig;
unsigned int mem_disks_closed;

void fill_random(void *buf, size_t len, u64 seed)
{
	u8 *at = buf;

	for (size_t i = 0; i < len; i++) {
		seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
		at[i] = (u8)(seed >> 56);
	}
}

/* ---- The disk ------------------------------------------------------------ */

static struct mem_disk *from_disk(struct disk *disk)
{
	return container_of(disk, struct mem_disk, disk);
}

static int called(struct mem_disk *mem, char what)
{
	size_t n;

	/* Several threads of the disk. */
	pthread_mutex_lock(&mem->lock);
	n = strlen(mem->calls);
	if (n + 1 < sizeof(mem->calls))
		mem->calls[n] = what;
	pthread_mutex_unlock(&mem->lock);
	return mem->failing && strchr(mem->failing, what) ? mem->error : 0;
}

/* What it is to do is decided before anybody knows that it is here. */
static void wait_inside(struct mem_disk *mem)
{
	bool waits = mem->waits;

	atomic_fetch_add(&mem->inside, 1);
	sem_post(&mem->begun);
	while (waits && sem_wait(&mem->may_end))
		;
	if (mem->sleeper)
		await_sleep(mem->sleeper);
}

static void leave(struct mem_disk *mem)
{
	atomic_fetch_add(&mem->ended, 1);
	atomic_fetch_sub(&mem->inside, 1);
}

static int transfer(struct mem_disk *mem, struct iovec *iov, u32 count,
		    u64 offset, bool write)
{
	wait_inside(mem);
	for (u32 i = 0; i < count; i++) {
		u8 *at = mem->data + offset;

		memcpy(write ? at : iov[i].iov_base,
		       write ? iov[i].iov_base : at, iov[i].iov_len);
		offset += iov[i].iov_len;
	}
	leave(mem);
	return 0;
}

static int mem_read(struct disk *disk, struct iovec *iov, u32 count, u64 offset)
{
	struct mem_disk *mem = from_disk(disk);
	int ret = called(mem, 'r');

	return ret ? ret : transfer(mem, iov, count, offset, false);
}

static int mem_write(struct disk *disk, struct iovec *iov, u32 count,
		     u64 offset)
{
	struct mem_disk *mem = from_disk(disk);
	int ret = called(mem, 'w');

	return ret ? ret : transfer(mem, iov, count, offset, true);
}

static int mem_flush(struct disk *disk)
{
	return called(from_disk(disk), 'f');
}

static int change(struct mem_disk *mem, char what,
		  const struct mem_range *range)
{
	int ret = called(mem, what);

	if (mem->nr_ranges < ARRAY_SIZE(mem->ranges))
		mem->ranges[mem->nr_ranges++] = *range;
	if (!ret && mem->data)
		memset(mem->data + range->offset, what == 'z' ? 0 : 0xdd,
		       range->len);
	return ret;
}

static int mem_discard(struct disk *disk, u64 offset, u64 len)
{
	return change(from_disk(disk), 'd',
		      &(struct mem_range) { offset, len, false });
}

static int mem_write_zeroes(struct disk *disk, u64 offset, u64 len, bool unmap)
{
	return change(from_disk(disk), 'z',
		      &(struct mem_range) { offset, len, unmap });
}

static void mem_close(struct disk *disk)
{
	struct mem_disk *mem = from_disk(disk);

	mem_disks_closed++;
	free(mem->data);
	free(mem);
}

static const struct disk_ops mem_ops = {
	.read = mem_read,
	.write = mem_write,
	.flush = mem_flush,
	.discard = mem_discard,
	.write_zeroes = mem_write_zeroes,
	.close = mem_close,
};

struct mem_disk *mem_disk_create(u64 sectors, u32 block, bool readonly)
{
	struct mem_disk *mem = calloc(1, sizeof(*mem));

	assert_non_null(mem);
	mem->disk = (struct disk) {
		.ops = &mem_ops,
		.path = "memory",
		.size = sectors * DISK_SECTOR,
		.block = block,
		.readonly = readonly,
	};
	mem->error = -EIO;
	pthread_mutex_init(&mem->lock, NULL);
	sem_init(&mem->begun, 0, 0);
	sem_init(&mem->may_end, 0, 0);
	if (sectors <= BLK_SECTORS) {
		mem->data = malloc(mem->disk.size);
		assert_non_null(mem->data);
		fill_random(mem->data, mem->disk.size, 1);
	}
	return mem;
}

const char *blk_calls(struct blk_rig *r)
{
	static char calls[sizeof(r->disk->calls)];

	memcpy(calls, r->disk->calls, sizeof(calls));
	memset(r->disk->calls, 0, sizeof(calls));
	return calls;
}

/* ---- The transport ------------------------------------------------------- */

/* With the queue's lock: on any thread, so cmocka's assertions are no use. */
static void queue_interrupt(struct virtio_device *vdev, unsigned int queue)
{
	struct blk_rig *r = vdev->transport_data;

	if (pthread_mutex_trylock(&vdev->queues[queue].lock) != EBUSY)
		abort();
	atomic_fetch_add(&r->interrupts, 1);
	sem_post(&r->irq);
}

static void config_interrupt(struct virtio_device *vdev)
{
	struct blk_rig *r = vdev->transport_data;

	atomic_fetch_add(&r->config_interrupts, 1);
	sem_post(&r->irq);
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

/* ---- The device ---------------------------------------------------------- */

struct blk_rig *blk_create(void **state, const struct blk_rig_params *params)
{
	static const struct blk_rig_params usual = { 0 };
	const struct blk_variant *variant = *state;
	const struct blk_rig_params *p = params ? params : &usual;
	struct blk_rig *r = &rig;
	struct virtio_blk_params blk = {
		.name = p->name ? p->name : "disk0",
		.serial = p->serial,
		.nr_queues = p->nr_queues ? p->nr_queues : 1,
		.mem = &r->mem,
	};

	r->features = variant->features;
	r->rings = aligned_alloc(64, BLK_QUEUES * RING_RAM);
	r->data = malloc(BLK_DATA);
	r->shadow = malloc(BLK_DATA);
	assert_true(r->rings && r->data && r->shadow);
	assert_int_equal(gmem_add(&r->mem, RING_GPA, BLK_QUEUES * RING_RAM,
				  r->rings),
			 0);
	assert_int_equal(gmem_add(&r->mem, DATA_GPA, BLK_DATA, r->data), 0);
	r->disk = mem_disk_create(p->sectors ? p->sectors : BLK_SECTORS,
				  p->block ? p->block : 512, p->readonly);
	blk.disk = &r->disk->disk;
	assert_int_equal(virtio_blk_create(&blk, &r->vdev), 0);
	r->vdev->transport = &transport;
	r->vdev->transport_data = r;
	sem_init(&r->irq, 0, 0);
	return r;
}

void blk_set_status(struct blk_rig *r, u32 status)
{
	vdev_set_status(r->vdev, status);
}

static void forget(struct blk_rig *r)
{
	for (unsigned int i = 0; i < BLK_QUEUES; i++)
		virtq_driver_destroy(&r->drivers[i]);
	memset(r->in_flight, 0, sizeof(r->in_flight));
	r->free = BLK_DATA;
	memset(r->data, BLK_NOISE, BLK_DATA);
	memset(r->shadow, BLK_NOISE, BLK_DATA);
}

void blk_negotiate(struct blk_rig *r, u64 features)
{
	blk_set_status(r, 0);
	forget(r);
	vdev_negotiate(r->vdev, features | r->features | VIRTQ_F_VERSION_1);
}

void blk_start(struct blk_rig *r, u64 features)
{
	blk_negotiate(r, features);
	for (unsigned int i = 0; i < r->vdev->nr_queues; i++) {
		struct virtq_driver *d = &r->drivers[i];

		assert_int_equal(virtq_driver_init(d, r->rings + i * RING_RAM,
						   RING_GPA + i * RING_RAM,
						   BLK_ENTRIES, r->features),
				 0);
		vdev_enable(r->vdev, i, d);
	}
	vdev_start(r->vdev);
}

int blk_setup(void **state)
{
	(void)state;
	alarm(PATIENCE);
	log_set_level(LOG_LEVEL_ERROR);
	memset(&rig, 0, sizeof(rig));
	mem_disks_closed = 0;
	return 0;
}

int blk_teardown(void **state)
{
	struct blk_rig *r = &rig;

	(void)state;
	if (r->vdev) {
		blk_set_status(r, 0);
		forget(r);
		r->vdev->ops->destroy(r->vdev);
		assert_int_equal(mem_disks_closed, 1);
	}
	free(r->rings);
	free(r->data);
	free(r->shadow);
	alarm(0);
	return 0;
}

/* ---- Requests ------------------------------------------------------------ */

/* From the end downwards. */
static void place(struct blk_rig *r, struct blk_rq *rq, u32 len, bool in)
{
	static const u32 gaps[] = { 3, 1, 6, 2, 5 };
	u32 gap = gaps[rq->nr % ARRAY_SIZE(gaps)];

	if (!len)
		return;
	assert_true(r->free > len + gap && rq->nr < ARRAY_SIZE(rq->bufs));
	r->free -= len + gap;
	rq->bufs[rq->nr++] = (struct virtq_buf) { DATA_GPA + r->free, len, in };
	rq->nr_out += !in;
	memset(r->data + r->free, BLK_NOISE, len);
	memset(r->shadow + r->free, BLK_NOISE, len);
}

static void place_all(struct blk_rig *r, struct blk_rq *rq, u32 len,
		      const u32 *cuts, bool in)
{
	for (; *cuts; cuts++) {
		assert_true(*cuts <= len);
		place(r, rq, *cuts, in);
		len -= *cuts;
	}
	place(r, rq, len, in);
}

static u8 *hva(struct blk_rig *r, const struct virtq_buf *buf)
{
	return r->data + (buf->gpa - DATA_GPA);
}

static void scatter(struct blk_rig *r, const struct blk_rq *rq, const u8 *out)
{
	for (u32 i = 0; i < rq->nr_out; i++) {
		u8 *at = hva(r, &rq->bufs[i]);

		memcpy(at, out, rq->bufs[i].len);
		memcpy(r->shadow + (at - r->data), out, rq->bufs[i].len);
		out += rq->bufs[i].len;
	}
}

static void send_out(struct blk_rig *r, struct blk_rq *rq)
{
	struct virtio_blk_outhdr header = {
		.type = htole32(rq->type),
		.ioprio = htole32(0x12345678),
		.sector = htole64(rq->sector),
	};
	u32 len = rq->out_len + (rq->bare ? 0 : HEADER);
	const u32 usual[] = { HEADER, 0 };
	u8 *out = malloc(len + 1);
	u8 *data = out + (rq->bare ? 0 : HEADER);

	assert_non_null(out);
	if (!rq->bare)
		memcpy(out, &header, HEADER);
	if (rq->out_len)
		memcpy(data, rq->out, rq->out_len);
	place_all(r, rq, len, rq->out_cuts ? rq->out_cuts : &usual[rq->bare],
		  false);
	scatter(r, rq, out);
	free(out);
}

void blk_add(struct blk_rig *r, unsigned int queue, struct blk_rq *rq)
{
	const u32 usual[] = { rq->bare ? 0 : rq->in_len, 0 };
	u32 cookie = 0;

	rq->nr = rq->nr_out = 0;
	rq->used = false;
	rq->status = BLK_NOISE;
	send_out(r, rq);
	place_all(r, rq, rq->in_len + !rq->bare,
		  rq->in_cuts ? rq->in_cuts : usual, true);
	while (r->in_flight[cookie])
		cookie++;
	r->in_flight[cookie] = rq;
	assert_int_equal(virtq_driver_add(&r->drivers[queue], rq->bufs, rq->nr,
					  rq->indirect ? 0 : rq->nr, cookie),
			 0);
}

void blk_kick(struct blk_rig *r, unsigned int queue)
{
	if (virtq_driver_needs_kick(&r->drivers[queue]))
		virtio_kick(r->vdev, queue);
}

/* What the device may have written goes to the shadow as well. */
static void gather(struct blk_rig *r, struct blk_rq *rq)
{
	u32 done = 0;

	for (u32 i = rq->nr_out; i < rq->nr; i++) {
		const u8 *at = hva(r, &rq->bufs[i]);
		u32 len = rq->bufs[i].len;
		u32 data = MIN(len, rq->in_len - done);

		memcpy(r->shadow + (at - r->data), at, len);
		if (data)
			memcpy((u8 *)rq->in + done, at, data);
		done += data;
		if (i + 1 == rq->nr && !rq->bare)
			rq->status = at[len - 1];
	}
}

unsigned int blk_take(struct blk_rig *r, unsigned int queue)
{
	struct virtq_used used;
	unsigned int n = 0;

	for (; virtq_driver_take(&r->drivers[queue], &used) == 1; n++) {
		struct blk_rq *rq = r->in_flight[used.cookie];

		assert_non_null(rq);
		r->in_flight[used.cookie] = NULL;
		gather(r, rq);
		rq->used = true;
		rq->used_len = used.len;
	}
	assert_null(r->drivers[queue].error);
	return n;
}

void blk_check_ram(struct blk_rig *r)
{
	assert_memory_equal(r->data, r->shadow, BLK_DATA);
}

u8 blk_do(struct blk_rig *r, struct blk_rq *rq)
{
	r->free = BLK_DATA;
	blk_add(r, 0, rq);
	blk_kick(r, 0);
	assert_int_equal(blk_take(r, 0), 1);
	assert_true(rq->used);
	assert_int_equal(rq->used_len, rq->in_len + 1);
	blk_check_ram(r);
	return rq->status;
}

/* ---- Statistics ---------------------------------------------------------- */

u64 blk_stat(struct blk_rig *r, const char *name)
{
	return vdev_stat(r->vdev, name);
}
