/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: virtio/balloon.c virtio/balloon_pages.c virtio/balloon_stats.c */
/* SOURCES: virtio/runner.c virtio/device.c virtio/queue.c */
/* SOURCES: virtio/queue_split.c virtio/queue_packed.c virtio/queue_chain.c */
/* SOURCES: vmm/gmem.c util/iov.c util/json.c util/log.c util/output.c */
/* SOURCES: tests/unit/virtq_driver.c */
/* WRAP: virtq_pop madvise */
/*
 * A balloon and a driver that does anything: page numbers, reports, statistics,
 * configuration, questions, targets, resets.
 *
 * What is given back is whole pages of the host, all of them RAM that a driver
 * has named; while none runs, RAM is as it was.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <linux/virtio_balloon.h>

#include "lkvm/util/json.h"
#include "lkvm/virtio/balloon.h"
#include "lkvm/vmm/evloop.h"
#include "lkvm/vmm/gmem.h"
#include "lkvm/vmm/iothread.h"
#include "tests/unit/virtq_driver.h"

#define QUEUES	5U
#define ENTRIES 8U
#define RING	ALIGN_UP(VIRTQ_DRIVER_RAM(ENTRIES), 64)
#define DATA	ALIGN_UP(QUEUES *RING, SZ_4K)
#define PAGES	16U /* behind it, to be given back */
#define RAM	(DATA + PAGES * SZ_4K)
#define ENOUGH	2000U /* chains of one action: a guest can go on for ever */

/* What one byte of input does; the low four bits are its argument. */
enum action {
	NUMBERS = 0x00, /* pages inflate or deflate */
	CHAIN = 0x20,	/* of some queue */
	TELL = 0x40,	/* statistics */
	WRITE_RAM = 0x60,
	CONFIG = 0x80,
	NOTIFY = 0xa0,
	OTHER = 0xc0, /* threads, a question, a target, bus master */
	START = 0xe0,
};

struct input {
	const u8 *data;
	size_t size;
};

static struct {
	u8 *ram, *before;
	struct gmem mem;
	struct virtio_device *vdev;
	struct virtq_driver drivers[QUEUES];
	struct iothread *threads[QUEUES];
	struct evloop_timer *timer;
	bool armed;
	u64 page;
	u32 pops, cookie;
} t;

static void require(bool good)
{
	if (!good)
		abort();
}

static u8 take(struct input *in)
{
	if (!in->size)
		return 0;
	in->size--;
	return *in->data++;
}

static u16 take16(struct input *in)
{
	return (u16)(take(in) | take(in) << 8);
}

/* ---- The host ------------------------------------------------------------ */

int __wrap_madvise(void *at, size_t len, int advice);

static bool runs(void)
{
	u32 status = virtio_get_status(t.vdev);

	return status & VIRTIO_S_DRIVER_OK && !(status & VIRTIO_S_NEEDS_RESET);
}

/* Rings stay as they are, so that the driver goes on. */
int __wrap_madvise(void *at, size_t len, int advice)
{
	size_t from = (size_t)((u8 *)at - t.ram);

	require(advice == MADV_DONTNEED && len && from < RAM);
	require(len <= RAM - from && runs());
	require(IS_ALIGNED((uintptr_t)at | len, t.page));
	if (from >= DATA)
		memset(at, 0, len);
	return 0;
}

int evloop_timer_init(struct evloop *loop, struct evloop_timer *timer,
		      void (*expired)(struct evloop_timer *timer))
{
	(void)loop;
	timer->expired = expired;
	t.timer = timer;
	return 0;
}

int evloop_timer_set(struct evloop_timer *timer, u64 ns)
{
	require(timer == t.timer && ns);
	t.armed = true;
	return 0;
}

void evloop_timer_destroy(struct evloop *loop, struct evloop_timer *timer)
{
	(void)loop;
	require(timer == t.timer);
}

int iothread_start(struct iothread *io, const char *name,
		   void (*serve)(void *opaque), void *opaque)
{
	u32 n = (u32)(name[strlen(name) - 1] - '0');

	require(n < QUEUES && !t.threads[n]);
	*io = (struct iothread) {
		.fd = 3, .started = true, .serve = serve, .opaque = opaque
	};
	t.threads[n] = io;
	return 0;
}

void iothread_kick(struct iothread *io)
{
	require(io->started);
}

void iothread_interrupt(struct iothread *io)
{
	(void)io;
}

void iothread_let_interrupt(void)
{
}

void iothread_stop(struct iothread *io)
{
	for (u32 i = 0; i < QUEUES; i++)
		if (t.threads[i] == io)
			t.threads[i] = NULL;
	io->started = false;
}

/* What is pushed may be what makes the next chain available. */
int __real_virtq_pop(struct virtq *q, struct virtq_chain *chain);
int __wrap_virtq_pop(struct virtq *q, struct virtq_chain *chain);

int __wrap_virtq_pop(struct virtq *q, struct virtq_chain *chain)
{
	return ++t.pops > ENOUGH ? -22 : __real_virtq_pop(q, chain);
}

static void queue_interrupt(struct virtio_device *vdev, unsigned int queue)
{
	require(queue < vdev->nr_queues);
	require(virtio_get_status(vdev) & VIRTIO_S_DRIVER_OK);
}

static void config_interrupt(struct virtio_device *vdev)
{
	(void)vdev;
}

static const struct virtio_transport_ops transport = {
	.queue_interrupt = queue_interrupt,
	.config_interrupt = config_interrupt,
	.reset = config_interrupt,
};

/* ---- The driver ---------------------------------------------------------- */

static void set_status(u32 status)
{
	pthread_mutex_lock(&t.vdev->lock);
	virtio_set_status(t.vdev, status);
	pthread_mutex_unlock(&t.vdev->lock);
}

static void reset(void)
{
	set_status(0);
	for (u32 i = 0; i < QUEUES; i++) {
		virtq_driver_destroy(&t.drivers[i]);
		t.drivers[i] = (struct virtq_driver) { 0 };
		require(!t.threads[i]);
	}
}

/* The bits of `kind` are features, and queues that are left out. */
static void start(u16 kind)
{
	u64 features = VIRTQ_F_VERSION_1 |
		       (kind & 1 ? VIRTQ_F_RING_PACKED : 0) |
		       (kind & 2 ? VIRTQ_F_EVENT_IDX : 0) |
		       (kind & 4 ? VIRTQ_F_INDIRECT_DESC : 0) |
		       (kind & 8 ? 0 : BIT(VIRTIO_BALLOON_F_STATS_VQ)) |
		       (kind & 16 ? 0 : BIT(VIRTIO_BALLOON_F_REPORTING)) |
		       (kind & 64 ? BIT(VIRTIO_BALLOON_F_PAGE_POISON) : 0);

	reset();
	virtio_set_wanted(t.vdev, 0, (u32)features);
	virtio_set_wanted(t.vdev, 1, (u32)(features >> 32));
	set_status(VIRTIO_S_FEATURES_OK);
	for (u32 i = 0; i < QUEUES; i++) {
		if (kind >> 8 & BIT(i))
			continue;
		require(!virtq_driver_init(&t.drivers[i], t.ram + i * RING,
					   i * RING, ENTRIES, features));
		if (kind & 32)
			virtq_driver_disable_irq(&t.drivers[i]);
		*virtio_setup(t.vdev, i) = t.drivers[i].setup;
		virtio_queue_enable(t.vdev, i);
	}
	set_status(VIRTIO_S_FEATURES_OK | VIRTIO_S_DRIVER_OK);
}

static void add(u32 queue, const struct virtq_buf *bufs, u32 nr, bool table)
{
	struct virtq_driver *d = &t.drivers[queue];
	struct virtq_used used;

	if (!d->entries)
		return;
	while (virtq_driver_take(d, &used) > 0)
		require(!used.len);
	virtq_driver_add(d, bufs, nr, table ? 0 : nr, t.cookie++);
}

/* Mostly of pages that there are. */
static void numbers(u8 arg, struct input *in)
{
	u32 list[16], nr = take(in) % 16U + 1;
	struct virtq_buf buf = { DATA, nr * 4, false };

	for (u32 i = 0; i < nr; i++) {
		u8 byte = take(in);

		list[i] = byte < 0xf0 ? (u32)(DATA / SZ_4K) + byte % (PAGES + 1)
				      : (u32)byte << 24 | take(in);
	}
	memcpy(t.ram + DATA, list, sizeof(list));
	add(arg & 1, &buf, 1, arg & 2);
	virtio_kick(t.vdev, arg & 1);
}

static void chain(u8 queue, struct input *in)
{
	struct virtq_buf bufs[3];
	u8 shape = take(in);
	u32 nr = shape % 3U + 1;

	for (u32 i = 0; i < nr; i++)
		bufs[i] = (struct virtq_buf) { DATA + take(in) * 512U,
					       take16(in) + 1U,
					       i >= (shape >> 2) % 4U };
	add(queue % QUEUES, bufs, nr, shape & 16);
	if (shape & 32)
		virtio_kick(t.vdev, queue % QUEUES);
}

static void tell(u8 arg, struct input *in)
{
	struct virtio_balloon_stat stats[4];
	struct virtq_buf buf = { DATA, arg + 30U, false };

	for (u32 i = 0; i < ARRAY_SIZE(stats); i++) {
		stats[i].tag = take(in) % 20;
		stats[i].val = take16(in);
	}
	memcpy(t.ram + DATA, stats, sizeof(stats));
	add(2, &buf, 1, false);
	virtio_kick(t.vdev, 2);
}

/* ---- Actions ------------------------------------------------------------- */

static void write_ram(struct input *in)
{
	u32 at = take16(in) % RAM, n = take(in) % 64;

	for (u32 i = 0; i < n && at + i < RAM; i++)
		t.ram[at + i] = take(in);
}

static void config(u8 arg, struct input *in)
{
	u8 buf[8] = { take(in), take(in) };
	u32 len = 1U << (arg & 3);

	pthread_mutex_lock(&t.vdev->lock);
	if (arg & 4)
		virtio_read_config(t.vdev, take(in), buf, len);
	else
		virtio_write_config(t.vdev, take(in) % 20, buf, len);
	pthread_mutex_unlock(&t.vdev->lock);
}

static void write_stats(void)
{
	static char text[SZ_4K];
	struct json_writer json = { .out = fmemopen(text, sizeof(text), "w") };

	require(json.out);
	json_begin_object(&json, NULL);
	t.vdev->ops->stats(t.vdev, &json);
	json_end_object(&json);
	require(!ferror(json.out));
	fclose(json.out);
}

static void other(u8 arg, struct input *in)
{
	for (u32 i = 0; i < QUEUES && arg & 1; i++)
		if (t.threads[i])
			t.threads[i]->serve(t.threads[i]->opaque);
	if (arg & 2 && t.armed) {
		t.armed = false;
		t.timer->expired(t.timer);
	}
	if (arg & 4)
		virtio_balloon_set_target(t.vdev, (u64)take16(in) << 9);
	if (arg & 8) {
		pthread_mutex_lock(&t.vdev->lock);
		virtio_set_master(t.vdev, arg & 16);
		pthread_mutex_unlock(&t.vdev->lock);
	}
	if (arg == 16)
		write_stats();
}

static void act(struct input *in)
{
	u8 byte = take(in), arg = byte & 0x1f;

	t.pops = 0;
	switch (byte & 0xe0) {
	case NUMBERS:
		numbers(arg, in);
		break;
	case CHAIN:
		chain(arg, in);
		break;
	case TELL:
		tell(arg, in);
		break;
	case WRITE_RAM:
		write_ram(in);
		break;
	case CONFIG:
		config(arg, in);
		break;
	case NOTIFY:
		virtio_kick(t.vdev, arg);
		break;
	case OTHER:
		other(arg, in);
		break;
	default:
		start(take16(in));
		break;
	}
}

/* Whoever has RAM after a reset, or a failure, finds it as it is. */
static void act_without_driver(void)
{
	memcpy(t.before, t.ram, RAM);
	for (u32 i = 0; i < QUEUES; i++)
		virtio_kick(t.vdev, i);
	t.timer->expired(t.timer);
	require(!memcmp(t.before, t.ram, RAM));
}

static void create(u8 kind)
{
	struct virtio_balloon_params params = {
		.name = "fuzz",
		.mem = &t.mem,
		.interval = 1,
	};

	memset(&t, 0, sizeof(t));
	t.page = params.page = kind & 1 ? SZ_4K : 2 * SZ_4K;
	t.ram = aligned_alloc(2 * SZ_4K, ALIGN_UP(RAM, 2 * SZ_4K));
	t.before = malloc(RAM);
	require(t.ram && t.before && !gmem_add(&t.mem, 0, RAM, t.ram));
	memset(t.ram, 0, RAM);
	require(!virtio_balloon_create(&params, &t.vdev));
	t.vdev->transport = &transport;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };

	log_set_level(LOG_LEVEL_ERROR);
	create(take(&in));
	start(take16(&in));
	while (in.size) {
		act(&in);
		if (!runs())
			act_without_driver();
	}
	reset();
	act_without_driver();
	t.vdev->ops->destroy(t.vdev);
	free(t.ram);
	free(t.before);
	return 0;
}
