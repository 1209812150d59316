/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: virtio/balloon.c virtio/balloon_pages.c virtio/balloon_stats.c */
/* SOURCES: virtio/runner.c virtio/device.c virtio/queue.c */
/* SOURCES: virtio/lone.c virtio/gather.c */
/* SOURCES: virtio/queue_split.c virtio/queue_packed.c virtio/queue_chain.c */
/* SOURCES: vmm/gmem.c util/iov.c util/json.c util/log.c util/output.c */
/* SOURCES: tests/unit/virtq_driver.c tests/fuzz/virtio_rig.c */
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
#include "tests/fuzz/virtio_rig.h"

#define QUEUES 5U
#define DATA   RIG_DATA(QUEUES)
#define PAGES  16U /* behind it, to be given back */
#define RAM    (DATA + PAGES * SZ_4K)

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

static struct {
	struct evloop_timer *timer;
	bool armed;
	u64 page;
} t;

/* ---- The host ------------------------------------------------------------ */

int __wrap_madvise(void *at, size_t len, int advice);

/* Rings stay as they are, so that the driver goes on. */
int __wrap_madvise(void *at, size_t len, int advice)
{
	size_t from = (size_t)((u8 *)at - rig.ram);

	require(advice == MADV_DONTNEED && len && from < RAM);
	require(len <= RAM - from && rig_runs());
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

/* ---- The driver ---------------------------------------------------------- */

/* The bits of `kind` beside the rig's are features. */
static void start(u16 kind)
{
	rig_start(kind,
		  (kind & 8 ? 0 : BIT(VIRTIO_BALLOON_F_STATS_VQ)) |
			  (kind & 16 ? 0 : BIT(VIRTIO_BALLOON_F_REPORTING)) |
			  (kind & 64 ? BIT(VIRTIO_BALLOON_F_PAGE_POISON) : 0));
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
	memcpy(rig.ram + DATA, list, sizeof(list));
	rig_add(arg & 1, &buf, 1, arg & 2);
	virtio_kick(rig.vdev, arg & 1);
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
	rig_add(queue % QUEUES, bufs, nr, shape & 16);
	if (shape & 32)
		virtio_kick(rig.vdev, queue % QUEUES);
}

static void tell(u8 arg, struct input *in)
{
	struct virtio_balloon_stat stats[4];
	struct virtq_buf buf = { DATA, arg + 30U, false };

	for (u32 i = 0; i < ARRAY_SIZE(stats); i++) {
		stats[i].tag = take(in) % 20;
		stats[i].val = take16(in);
	}
	memcpy(rig.ram + DATA, stats, sizeof(stats));
	rig_add(2, &buf, 1, false);
	virtio_kick(rig.vdev, 2);
}

/* ---- Actions ------------------------------------------------------------- */

static void config(u8 arg, struct input *in)
{
	u8 buf[8] = { take(in), take(in) };
	u32 len = 1U << (arg & 3);

	if (arg & 4)
		rig_config(true, take(in), buf, len);
	else
		rig_config(false, take(in) % 20, buf, len);
}

static void write_stats(void)
{
	static char text[SZ_4K];
	struct json_writer json = { .out = fmemopen(text, sizeof(text), "w") };

	require(json.out);
	json_begin_object(&json, NULL);
	rig.vdev->ops->stats(rig.vdev, &json);
	json_end_object(&json);
	require(!ferror(json.out));
	fclose(json.out);
}

static void other(u8 arg, struct input *in)
{
	if (arg & 1)
		rig_run_threads();
	if (arg & 2 && t.armed) {
		t.armed = false;
		t.timer->expired(t.timer);
	}
	if (arg & 4)
		virtio_balloon_set_target(rig.vdev, (u64)take16(in) << 9);
	if (arg & 8) {
		pthread_mutex_lock(&rig.vdev->lock);
		virtio_set_master(rig.vdev, arg & 16);
		pthread_mutex_unlock(&rig.vdev->lock);
	}
	if (arg == 16)
		write_stats();
}

static void act(struct input *in)
{
	u8 byte = take(in), arg = byte & 0x1f;

	rig.pops = 0;
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
		take_to_ram(in, rig.ram, RAM);
		break;
	case CONFIG:
		config(arg, in);
		break;
	case NOTIFY:
		virtio_kick(rig.vdev, arg);
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
	rig_save_ram();
	rig_kick_all();
	t.timer->expired(t.timer);
	rig_check_ram();
}

static void create(u8 kind)
{
	struct virtio_balloon_params params = {
		.name = "fuzz",
		.mem = &rig.mem,
		.interval = 1,
	};
	struct virtio_device *vdev;

	memset(&t, 0, sizeof(t));
	t.page = params.page = kind & 1 ? SZ_4K : 2 * SZ_4K;
	rig_create(QUEUES, RAM);
	rig.only_reads = true;
	require(!virtio_balloon_create(&params, &vdev));
	rig_attach(vdev);
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
		if (!rig_runs())
			act_without_driver();
	}
	rig_reset();
	act_without_driver();
	rig_destroy();
	return 0;
}
