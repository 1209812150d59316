/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: tests/fuzz/blk_model.c */
/* SOURCES: virtio/mmio.c virtio/blk.c virtio/blk_request.c */
/* SOURCES: virtio/blk_async.c virtio/runner.c disk/merge.c */
/* SOURCES: disk/request.c disk/queue.c disk/pool.c disk/uring.c */
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
#include "lkvm/virtio/mmio.h"
#include "lkvm/vmm/gmem.h"
#include "lkvm/vmm/iothread.h"
#include "lkvm/vmm/thread.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define BASE	0x0a000000ULL
#define QUEUES	2U
#define ENTRIES 16U
#define FD	100
#define ENOUGH	1000U /* requests of one action */

/* Where things are in RAM, if the input does not change it. */
#define RINGS	0x200U /* of each queue */
#define DRIVER	0x100U
#define DEVICE	0x140U
#define TABLES	0x400U
#define HEADERS 0x800U
#define STATUS	0xa00U
#define DATA	0x1000U

/* virtio 1.4, "MMIO Device Register Layout" */
#define REG_WANTED	 0x20
#define REG_WANTED_SEL	 0x24
#define REG_QUEUE_SEL	 0x30
#define REG_QUEUE_SIZE	 0x38
#define REG_QUEUE_READY	 0x44
#define REG_QUEUE_NOTIFY 0x50
#define REG_STATUS	 0x70
#define REG_QUEUE_DESC	 0x80
#define REG_QUEUE_DRIVER 0x90
#define REG_QUEUE_DEVICE 0xa0

#define F_NEXT	   1
#define F_WRITE	   2
#define F_INDIRECT 4
#define F_AVAIL	   0x80
#define F_USED	   0x8000

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

/* The first byte, and that behind START: what the driver is like. */
enum driver {
	PACKED = 0x01,
	INDIRECT = 0x02,
	EVENT_IDX = 0x04,
	NO_FLUSH = 0x08,
	POLLED = 0x10,
	READ_ONLY = 0x20, /* and these two are of the host */
	NO_THREADS = 0x40,
	NO_NOTIFY = 0x80,
};

struct input {
	const u8 *data;
	size_t size;
};

struct desc {
	u64 addr;
	u32 len;
	u16 words[2]; /* flags and next, or id and flags */
};

struct ring {
	u16 next; /* entry */
	u16 index;
	bool wrap;
};

struct thread {
	struct iothread *io;
	bool pending;
	bool notified; /* by KVM */
};

static struct {
	struct mmio_bus bus;
	struct gmem mem;
	struct virtio_mmio *mmio;
	struct virtio_device *vdev;
	u8 kind;
	bool high;
	u8 before[MODEL_RAM];
	struct ring rings[QUEUES];
	struct thread threads[QUEUES];
	u32 requests;
} t;

static u8 take(struct input *in)
{
	if (!in->size)
		return 0;
	in->size--;
	return *in->data++;
}

static u32 take32(struct input *in)
{
	u32 low = take(in) | (u32)take(in) << 8;

	return low | (u32)take(in) << 16 | (u32)take(in) << 24;
}

/* ---- The host ------------------------------------------------------------ */

void irq_line_set(const struct irq_line *line, bool high)
{
	(void)line;
	require(t.high != high);
	t.high = high;
}

int ioeventfd_assign(struct vm *vm, u64 addr, unsigned int len, int fd,
		     const u64 *match)
{
	(void)vm;
	require(addr == BASE + REG_QUEUE_NOTIFY && len == 4);
	require(*match < QUEUES && !t.threads[*match].notified);
	require(t.threads[*match].io && t.threads[*match].io->fd == fd);
	if (t.kind & NO_NOTIFY)
		return -ENOSPC;
	t.threads[*match].notified = true;
	return 0;
}

int ioeventfd_deassign(struct vm *vm, u64 addr, unsigned int len, int fd,
		       const u64 *match)
{
	(void)vm;
	require(addr == BASE + REG_QUEUE_NOTIFY && len == 4);
	require(*match < QUEUES && t.threads[*match].notified);
	require(t.threads[*match].io && t.threads[*match].io->fd == fd);
	t.threads[*match].notified = false;
	return 0;
}

/* Both bits, which have no meaning together otherwise. */
static bool is_async(void)
{
	return t.kind & NO_THREADS && t.kind & NO_NOTIFY;
}

/* The disk has none: what a queue's thread begins ends with the submission. */
int thread_create(pthread_t *thread, void *(*function)(void *), void *arg)
{
	(void)thread;
	(void)function;
	(void)arg;
	return -EAGAIN;
}

/* By the name's end, which is the queue's number. */
int iothread_start(struct iothread *io, const char *name,
		   void (*serve)(void *opaque), void *opaque)
{
	u32 n = (u32)(name[strlen(name) - 1] - '0');

	if (t.kind & NO_THREADS && !is_async())
		return -EAGAIN;
	require(n < QUEUES && !t.threads[n].io);
	*io = (struct iothread) { .fd = FD + (int)n,
				  .started = true,
				  .serve = serve,
				  .opaque = opaque };
	t.threads[n] = (struct thread) { .io = io };
	return 0;
}

void iothread_kick(struct iothread *io)
{
	require(io->started);
	t.threads[io->fd - FD].pending = true;
}

void iothread_stop(struct iothread *io)
{
	if (!io->started)
		return;
	require(!t.threads[io->fd - FD].notified);
	t.threads[io->fd - FD] = (struct thread) { 0 };
	io->started = false;
}

void iothread_let_interrupt(void)
{
}

void iothread_interrupt(struct iothread *io)
{
	(void)io;
}

static void run_threads(void)
{
	for (u32 i = 0; i < QUEUES; i++) {
		struct thread *thread = &t.threads[i];

		if (!thread->pending)
			continue;
		thread->pending = false;
		thread->io->serve(thread->io->opaque);
	}
}

/* There is a driver, which need not reset the device. */
static bool runs(void)
{
	u32 status = virtio_get_status(t.vdev);

	return status & VIRTIO_S_DRIVER_OK && !(status & VIRTIO_S_NEEDS_RESET);
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

	require(runs());
	model_begin(chain);
	ret = __real_blk_request(blk, chain);
	model_end(ret);
	if (++t.requests == ENOUGH)
		virtio_needs_reset(t.vdev, "of the fuzzer");
	return ret;
}

int __real_blk_begin(struct virtio_blk *blk, struct blk_slot *slot);
int __wrap_blk_begin(struct virtio_blk *blk, struct blk_slot *slot);

int __wrap_blk_begin(struct virtio_blk *blk, struct blk_slot *slot)
{
	require(runs());
	if (++t.requests == ENOUGH)
		virtio_needs_reset(t.vdev, "of the fuzzer");
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

static void wr(u64 reg, u32 value)
{
	mmio_bus_write(&t.bus, BASE + reg, value, 4);
}

static void set_up_queue(u32 n)
{
	u16 flags = t.kind & POLLED ? 1 : 0;
	u32 at = n * RINGS;

	wr(REG_QUEUE_SEL, n);
	wr(REG_QUEUE_SIZE, ENTRIES);
	wr(REG_QUEUE_DESC, at);
	wr(REG_QUEUE_DRIVER, at + DRIVER);
	wr(REG_QUEUE_DEVICE, at + DEVICE);
	memset(model.ram + at, 0, RINGS);
	memcpy(model.ram + at + DRIVER + (t.kind & PACKED ? 2 : 0), &flags, 2);
	wr(REG_QUEUE_READY, 1);
	t.rings[n] = (struct ring) { .wrap = true };
}

static void start(u8 kind)
{
	const u8 host = READ_ONLY | NO_THREADS | NO_NOTIFY;

	t.kind = (t.kind & host) | (kind & (u8)~host);
	wr(REG_STATUS, 0);
	wr(REG_WANTED_SEL, 0);
	wr(REG_WANTED, BIT(VIRTIO_BLK_F_CONFIG_WCE) |
			       (kind & NO_FLUSH ? 0 : BIT(VIRTIO_BLK_F_FLUSH)) |
			       (kind & INDIRECT ? VIRTQ_F_INDIRECT_DESC : 0) |
			       (kind & EVENT_IDX ? VIRTQ_F_EVENT_IDX : 0));
	wr(REG_WANTED_SEL, 1);
	wr(REG_WANTED, 1 | (kind & PACKED ? 4 : 0));
	wr(REG_STATUS, VIRTIO_S_FEATURES_OK);
	require(virtio_get_status(t.vdev) == VIRTIO_S_FEATURES_OK);
	for (u32 n = 0; n < QUEUES; n++)
		set_up_queue(n);
	wr(REG_STATUS, VIRTIO_S_DRIVER_OK);
}

static void put(u32 at, const struct desc *desc)
{
	if (at <= MODEL_RAM - sizeof(*desc))
		memcpy(model.ram + at, desc, sizeof(*desc));
}

static void put_split(u32 queue, struct desc *descs, u32 n)
{
	struct ring *ring = &t.rings[queue];
	u8 *driver = model.ram + queue * RINGS + DRIVER;
	u16 head = ring->next;

	for (u32 i = 0; i < n; i++) {
		u32 at = queue * RINGS + ring->next * 16U;

		ring->next = (u16)((ring->next + 1) % ENTRIES);
		descs[i].words[1] = ring->next;
		put(at, &descs[i]);
	}
	memcpy(driver + 4 + ring->index % ENTRIES * 2, &head, 2);
	ring->index++;
	memcpy(driver + 2, &ring->index, 2);
}

static void put_packed(u32 queue, struct desc *descs, u32 n)
{
	struct ring *ring = &t.rings[queue];

	for (u32 i = 0; i < n; i++) {
		u16 flags = descs[i].words[0];

		descs[i].words[0] = ring->index++;
		descs[i].words[1] = flags | (ring->wrap ? F_AVAIL : F_USED);
		put(queue * RINGS + ring->next * 16U, &descs[i]);
		ring->next = (u16)((ring->next + 1) % ENTRIES);
		ring->wrap ^= !ring->next;
	}
}

/* A chain in a table, and a descriptor of that in its place. */
static void put_table(struct desc *descs, u32 n, u32 slot)
{
	u32 table = TABLES + slot % 8 * 0x60U;

	for (u32 i = 0; i < n; i++) {
		struct desc desc = descs[i];

		desc.words[1] = t.kind & PACKED ? desc.words[0] : (u16)(i + 1);
		put(table + i * 16, &desc);
	}
	descs[0] = (struct desc) { table, n * 16, { F_INDIRECT } };
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
	u32 slot = t.rings[queue].index % 16U + queue * 16U;
	struct desc descs[6];
	u32 type = take(in);
	u64 sector = take(in);

	memcpy(model.ram + HEADERS + slot * 16, &type, sizeof(type));
	memcpy(model.ram + HEADERS + slot * 16 + 8, &sector, sizeof(sector));
	n = describe(descs, slot, shape, in);
	if (shape & 16) {
		put_table(descs, n, slot);
		n = 1;
	}
	if (t.kind & PACKED)
		put_packed(queue, descs, n);
	else
		put_split(queue, descs, n);
}

/* ---- Actions ------------------------------------------------------------- */

static void write_ram(struct input *in)
{
	u32 at = (take(in) | (u32)take(in) << 8) % MODEL_RAM;
	u32 n = take(in) % 64;

	for (u32 i = 0; i < n && at + i < MODEL_RAM; i++)
		model.ram[at + i] = take(in);
}

/* As KVM has it: an eventfd takes its own number, in four bytes. */
static void write_register(u64 reg, u32 value, unsigned int len)
{
	if (reg == REG_QUEUE_NOTIFY && len == 4 && value < QUEUES &&
	    t.threads[value].notified)
		t.threads[value].pending = true;
	else
		mmio_bus_write(&t.bus, BASE + reg, value, len);
}

/* The device alone. */
static void act_on_device(u8 byte, struct input *in)
{
	u64 reg;

	switch (byte & 0xe0) {
	case READ:
		reg = take(in) * 4ULL % VIRTIO_MMIO_SIZE + byte % 4U;
		mmio_bus_read(&t.bus, BASE + reg, 1U << (byte / 4 % 4));
		break;
	case WRITE:
		reg = take(in) * 4ULL % VIRTIO_MMIO_SIZE;
		write_register(reg + byte % 4U, take(in), byte & 4 ? 1 : 4);
		break;
	case WRITE32:
		reg = take(in) * 4ULL % VIRTIO_MMIO_SIZE;
		write_register(reg, take32(in), 4);
		break;
	case NOTIFY:
		write_register(REG_QUEUE_NOTIFY, byte % 4U, 4);
		break;
	case RUN:
		run_threads();
		break;
	default:
		break;
	}
}

/* While there is no driver, or it has failed, RAM is as it was. */
static void act(struct input *in)
{
	u8 byte = take(in);
	bool ran = runs();

	t.requests = 0;
	switch (byte & 0xe0) {
	case WRITE_RAM:
		write_ram(in);
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
	memcpy(t.before, model.ram, MODEL_RAM);
	act_on_device(byte, in);
	/* It may be this that starts it, or resets it. */
	if ((!ran && !runs()) || !virtio_get_status(t.vdev))
		require(!memcmp(t.before, model.ram, MODEL_RAM));
}

static void create(u8 kind)
{
	struct virtio_blk_params blk = {
		.name = "fuzz",
		.disk = model_create(kind & READ_ONLY),
		.serial = MODEL_SERIAL,
		.nr_queues = QUEUES,
		.mem = &t.mem,
	};
	struct virtio_mmio_params params = { .base = BASE };

	memset(&t, 0, sizeof(t));
	t.kind = kind;
	require(!gmem_add(&t.mem, 0, MODEL_RAM, model.ram));
	require(!virtio_blk_create(&blk, &t.vdev));
	params.vdev = t.vdev;
	mmio_bus_init(&t.bus);
	require(!virtio_mmio_create(&params, &t.bus, &t.mmio));
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
	memcpy(t.before, model.ram, MODEL_RAM);
	t.mmio->dev.ops->destroy(&t.mmio->dev);
	require(!memcmp(t.before, model.ram, MODEL_RAM) && !t.high);
	require(!t.threads[0].io && !t.threads[1].io);
	mmio_bus_destroy(&t.bus);
	model_destroy();
	return 0;
}
