/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: tests/fuzz/blk_model.c tests/fuzz/mmio_rig.c */
/* SOURCES: virtio/mmio.c virtio/blk.c virtio/blk_request.c */
/* SOURCES: virtio/blk_async.c virtio/runner.c disk/merge.c */
/* SOURCES: virtio/lone.c virtio/gather.c */
/* SOURCES: disk/request.c disk/queue.c disk/pool.c disk/uring.c */
/* SOURCES: disk/try.c */
/* SOURCES: virtio/device.c virtio/queue.c virtio/queue_split.c */
/* SOURCES: virtio/queue_packed.c virtio/queue_chain.c disk/disk.c */
/* SOURCES: vmm/gmem.c vmm/mmio.c vmm/fdt.c util/iov.c util/json.c */
/* SOURCES: util/log.c util/output.c */
/* WRAP: blk_request blk_begin disk_queue_open */
/*
 * A disk behind the MMIO transport, its registers and the guest's RAM driven by
 * fuzz input, with threads that run when the input says so. Each request is
 * compared with a model (blk_model.c), unless several are under way at a time,
 * and a device that is reset, or has to be, leaves RAM alone.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "blk_model.h"
#include "lkvm/vmm/thread.h"
#include "mmio_rig.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define QUEUES 2U
#define ENOUGH 1000U /* requests of one action */

/* Where things are in RAM, if the input does not change it. */
#define HEADERS 0x800U
#define STATUS	0xa00U
#define DATA	0x1000U

/* What one byte of input does; the low four bits are its argument. */
enum action {
	READ = 0x00,	/* a register, of a width */
	WRITE = 0x20,	/* one byte to a register */
	WRITE32 = 0x40, /* four to one, past its 4 KiB of them */
	WRITE_RAM = 0x60,
	REQUEST = 0x80,
	NOTIFY = 0xa0,
	RUN = 0xc0, /* the threads that were notified */
	START = 0xe0,
};

/* The first byte, and that behind START, beside the rig's bits. */
enum driver {
	NO_FLUSH = 0x08,
	READ_ONLY = 0x20, /* and these two are of the host */
	NO_THREADS = 0x40,
	NO_NOTIFY = 0x80,
};

static struct {
	u8 host; /* bits of enum driver */
	u32 requests;
} t;

/* ---- The host ------------------------------------------------------------ */

/* Both bits, which have no meaning together otherwise. */
static bool is_async(void)
{
	return t.host & NO_THREADS && t.host & NO_NOTIFY;
}

/* The disk has none: what a queue's thread begins ends with the submission. */
int thread_create(pthread_t *thread, void *(*function)(void *), void *arg)
{
	(void)thread;
	(void)function;
	(void)arg;
	return -EAGAIN;
}

/*
 * A guest can keep a device busy for ever, by a request that writes others into
 * the ring.
 */
s64 __real_blk_request(struct virtio_blk *blk, struct virtq_chain *chain);
s64 __wrap_blk_request(struct virtio_blk *blk, struct virtq_chain *chain);

s64 __wrap_blk_request(struct virtio_blk *blk, struct virtq_chain *chain)
{
	s64 ret;

	require(rig_runs());
	model_begin(chain);
	ret = __real_blk_request(blk, chain);
	model_end(ret);
	if (++t.requests == ENOUGH)
		virtio_needs_reset(rig.vdev, "of the fuzzer");
	return ret;
}

int __real_blk_begin(struct virtio_blk *blk, struct blk_slot *slot);
int __wrap_blk_begin(struct virtio_blk *blk, struct blk_slot *slot);

int __wrap_blk_begin(struct virtio_blk *blk, struct blk_slot *slot)
{
	require(rig_runs());
	if (++t.requests == ENOUGH)
		virtio_needs_reset(rig.vdev, "of the fuzzer");
	return __real_blk_begin(blk, slot);
}

int __real_disk_queue_open(struct disk *disk, u32 depth, int fd,
			   struct disk_queue **out);
int __wrap_disk_queue_open(struct disk *disk, u32 depth, int fd,
			   struct disk_queue **out);

int __wrap_disk_queue_open(struct disk *disk, u32 depth, int fd,
			   struct disk_queue **out)
{
	if (!is_async())
		return -ENOSYS;
	return __real_disk_queue_open(disk, depth, fd, out);
}

/* ---- The driver ---------------------------------------------------------- */

static void start(u8 kind)
{
	rig_start(kind,
		  BIT(VIRTIO_BLK_F_CONFIG_WCE) |
			  (kind & NO_FLUSH ? 0 : BIT(VIRTIO_BLK_F_FLUSH)));
}

/* Header, data, status; the low bits of `shape` say how that is cut. */
static u32 describe(struct desc *descs, u32 slot, u8 shape, struct input *in)
{
	u16 write = shape & 4 ? F_WRITE : 0;
	u32 data = DATA + take(in) * 16U, len = take(in) * 32U, n = 0;
	u32 header = HEADERS + slot * 16, cut = shape & 1 ? 5 : 16;

	descs[n++] = (struct desc) { header, cut, { F_NEXT } };
	if (cut < 16)
		descs[n++] =
			(struct desc) { header + cut, 16 - cut, { F_NEXT } };
	if (shape & 2 && write && len > 1) {
		/* The status is the last byte of the data's buffer. */
		descs[n++] = (struct desc) { data, len + 1, { write } };
		return n;
	}
	if (len)
		descs[n++] =
			(struct desc) { data, len, { (u16)(write | F_NEXT) } };
	descs[n++] = (struct desc) { STATUS + slot, 1, { F_WRITE } };
	return n;
}

static void request(u8 shape, struct input *in)
{
	u32 queue = shape >> 3 & 1, n;
	u32 slot = rig.rings[queue].index % 16U + queue * 16U;
	struct desc descs[6];
	u32 type = take(in);
	u64 sector = take(in);

	memcpy(model.ram + HEADERS + slot * 16, &type, sizeof(type));
	memcpy(model.ram + HEADERS + slot * 16 + 8, &sector, sizeof(sector));
	n = describe(descs, slot, shape, in);
	if (shape & 16) {
		rig_put_table(descs, n, slot);
		n = 1;
	}
	rig_put(queue, descs, n);
}

/* ---- Actions ------------------------------------------------------------- */

/* The device alone. */
static void act_on_device(u8 byte, struct input *in)
{
	u64 reg;

	switch (byte & 0xe0) {
	case READ:
		rig_read_any(byte, in);
		break;
	case WRITE:
		rig_write_any(byte, in);
		break;
	case WRITE32:
		reg = take(in) * 4ULL % VIRTIO_MMIO_SIZE;
		rig_write(reg, take32(in), 4);
		break;
	case NOTIFY:
		rig_write(REG_QUEUE_NOTIFY, byte % 4U, 4);
		break;
	case RUN:
		rig_run_threads(NULL);
		break;
	default:
		break;
	}
}

/* While there is no driver, or it has failed, RAM is as it was. */
static void act(struct input *in)
{
	u8 byte = take(in);
	bool ran = rig_runs();

	t.requests = 0;
	switch (byte & 0xe0) {
	case WRITE_RAM:
		take_to_ram(in, rig.ram, rig.size);
		return;
	case REQUEST:
		request(byte & 0x1f, in);
		return;
	case START:
		start(take(in));
		return;
	default:
		break;
	}
	rig_save_ram();
	act_on_device(byte, in);
	/* It may be this that starts it, or resets it. */
	if ((!ran && !rig_runs()) || !virtio_get_status(rig.vdev))
		rig_check_ram();
}

static void create(u8 kind)
{
	struct virtio_blk_params blk = {
		.name = "fuzz",
		.disk = model_create(kind & READ_ONLY),
		.serial = MODEL_SERIAL,
		.nr_queues = QUEUES,
		.mem = &rig.mem,
	};
	struct virtio_device *vdev;

	memset(&t, 0, sizeof(t));
	t.host = kind;
	rig_create(QUEUES, model.ram, MODEL_RAM);
	rig.no_threads = kind & NO_THREADS && !is_async();
	rig.no_notify = kind & NO_NOTIFY;
	require(!virtio_blk_create(&blk, &vdev));
	rig_attach(vdev);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };
	u8 kind = take(&in);

	log_set_level(LOG_LEVEL_ERROR);
	create(kind);
	start(kind);
	while (in.size)
		act(&in);
	rig_destroy();
	model_destroy();
	return 0;
}
