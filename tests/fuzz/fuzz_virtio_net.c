/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: virtio/mmio.c virtio/net.c virtio/net_rx.c virtio/net_tx.c */
/* SOURCES: virtio/runner.c virtio/device.c virtio/queue.c */
/* SOURCES: virtio/queue_split.c virtio/queue_packed.c */
/* SOURCES: virtio/queue_chain.c vmm/gmem.c vmm/mmio.c vmm/fdt.c */
/* SOURCES: util/iov.c util/json.c util/log.c util/output.c */
/* SOURCES: virtio/net_pair.c virtio/net_control.c virtio/net_vhost.c */
/* SOURCES: virtio/vhost.c */
/*
 * A network device of two pairs of queues behind the MMIO transport, its
 * registers and the guest's RAM driven by fuzz input, with threads that run
 * when the input says so, and frames that arrive then. What the back end is
 * given has to be a frame, with a header that was negotiated, and by a pair
 * that is attached if it is to be; and a device that is reset, or has to be,
 * leaves RAM alone.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lkvm/util/iov.h"
#include "lkvm/virtio/mmio.h"
#include "lkvm/virtio/net.h"
#include "lkvm/vmm/gmem.h"
#include "lkvm/vmm/iothread.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define BASE	0x0a000000ULL
#define PAIRS	2U
#define QUEUES	(2 * PAIRS + 1)
#define ENTRIES 16U
#define FD	100
#define NET_FD	200
#define ENOUGH	1000U /* frames of one action */
#define RAM	0x20000U

/* Where things are in RAM, if the input does not change it. */
#define RINGS  0x200U /* of each queue */
#define DRIVER 0x100U
#define DEVICE 0x140U
#define TABLES 0xa00U
#define DATA   0x1000U

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
	READ = 0x00,   /* a register, of a width */
	WRITE = 0x20,  /* one byte to a register */
	ARRIVE = 0x40, /* frames */
	WRITE_RAM = 0x60,
	CHAIN = 0x80,
	NOTIFY = 0xa0,
	RUN = 0xc0, /* the threads that were notified, or have frames */
	START = 0xe0,
};

/* The first byte, and that behind START: what the driver is like. */
enum driver {
	PACKED = 0x01,
	INDIRECT = 0x02,
	EVENT_IDX = 0x04,
	MERGE = 0x08,
	POLLED = 0x10,
	OFFLOADS = 0x20,
	NO_THREADS = 0x40, /* and these two are of the host */
	NO_NOTIFY = 0x80,
	CONTROL = 0x40, /* behind START */
	MULTI = 0x80,
};

#define ALL_OFFLOADS                                            \
	(BIT(VIRTIO_NET_F_CSUM) | BIT(VIRTIO_NET_F_HOST_TSO4) | \
	 BIT(VIRTIO_NET_F_GUEST_CSUM) | BIT(VIRTIO_NET_F_GUEST_TSO4))

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
	bool notified; /* by KVM, for that queue */
	u64 queue;
};

static struct {
	struct mmio_bus bus;
	struct gmem mem;
	struct virtio_mmio *mmio;
	struct virtio_device *vdev;
	struct net nets[PAIRS];
	bool attached; /* the second */
	u8 kind, control;
	u32 pair; /* that chains are for */
	bool high;
	u8 before[RAM];
	struct ring rings[QUEUES];
	struct thread threads[QUEUES];
	u32 moved, closed;
	/* Frames that arrive. */
	u32 lens[8], first, count;
	bool ended;
	u8 *last[PAIRS]; /* each has a frame that may wait */
} t;

static u8 ram[RAM];

/* What holds whatever the input is. */
static void require(bool holds)
{
	if (!holds)
		abort();
}

static u8 take(struct input *in)
{
	if (!in->size)
		return 0;
	in->size--;
	return *in->data++;
}

/* ---- The host ------------------------------------------------------------ */

void irq_line_set(const struct irq_line *line, bool high)
{
	(void)line;
	require(t.high != high);
	t.high = high;
}

/* The one that serves it. */
static struct thread *thread_of(int fd)
{
	require(fd >= FD && fd < FD + (int)QUEUES && t.threads[fd - FD].io);
	return &t.threads[fd - FD];
}

int ioeventfd_assign(struct vm *vm, u64 addr, unsigned int len, int fd,
		     const u64 *match)
{
	struct thread *thread = thread_of(fd);

	(void)vm;
	require(addr == BASE + REG_QUEUE_NOTIFY && len == 4);
	require(*match < QUEUES && !thread->notified);
	if (t.kind & NO_NOTIFY)
		return -ENOSPC;
	thread->notified = true;
	thread->queue = *match;
	return 0;
}

int ioeventfd_deassign(struct vm *vm, u64 addr, unsigned int len, int fd,
		       const u64 *match)
{
	struct thread *thread = thread_of(fd);

	(void)vm;
	require(addr == BASE + REG_QUEUE_NOTIFY && len == 4);
	require(thread->notified && thread->queue == *match);
	thread->notified = false;
	return 0;
}

/* By the name's end, which is the queue's number. */
int iothread_start(struct iothread *io, const char *name,
		   void (*serve)(void *opaque), void *opaque)
{
	u32 n = (u32)(name[strlen(name) - 1] - '0');

	if (t.kind & NO_THREADS)
		return -EAGAIN;
	require(n < QUEUES && !t.threads[n].io);
	*io = (struct iothread) { .fd = FD + (int)n,
				  .started = true,
				  .watched = -1,
				  .serve = serve,
				  .opaque = opaque };
	t.threads[n] = (struct thread) { .io = io };
	return 0;
}

void iothread_watch(struct iothread *io, int fd)
{
	require(io->started && (io->fd - FD) % 2 == 0 && io->fd < FD + 4);
	require(fd == -1 || fd == NET_FD + (io->fd - FD) / 2);
	io->watched = fd;
}

void iothread_kick(struct iothread *io)
{
	require(io->started);
	t.threads[io->fd - FD].pending = true;
}

void iothread_let_interrupt(void)
{
}

void iothread_interrupt(struct iothread *io)
{
	(void)io;
}

void iothread_stop(struct iothread *io)
{
	if (!io->started)
		return;
	require(!t.threads[io->fd - FD].notified);
	t.threads[io->fd - FD] = (struct thread) { 0 };
	io->started = false;
}

/* There is a driver, which need not reset the device. */
static bool runs(void)
{
	u32 status = virtio_get_status(t.vdev);

	return status & VIRTIO_S_DRIVER_OK && !(status & VIRTIO_S_NEEDS_RESET);
}

static void run_threads(void)
{
	for (u32 i = 0; i < QUEUES; i++) {
		struct thread *thread = &t.threads[i];
		struct iothread *io = thread->io;
		bool frames = io && io->watched >= NET_FD &&
			      (t.count || t.ended);

		if (!thread->pending && !frames)
			continue;
		thread->pending = false;
		io->serve(io->opaque);
	}
}

/* ---- The back end -------------------------------------------------------- */

/* A guest can keep a device busy for ever. */
static void enough(void)
{
	if (++t.moved == ENOUGH)
		virtio_needs_reset(t.vdev, "of the fuzzer");
}

static int model_send(struct net *net, const struct virtio_net_hdr_v1 *header,
		      const struct iovec *iov, u32 count, u32 len)
{
	static const struct virtio_net_hdr_v1 zero;
	static u8 copy[NET_FRAME_MAX];

	require(runs() && count && count <= NET_MAX_IOV);
	require(net == &t.nets[0] || (net == &t.nets[1] && t.attached));
	require(len >= NET_FRAME_MIN && len <= NET_FRAME_MAX);
	require(iov_read(iov, count, 0, copy, len) == len);
	require(!iov_read(iov, count, len, copy, 1));
	if (t.kind & OFFLOADS)
		require(header->flags <= 1 && header->gso_type <= 1);
	else
		require(!memcmp(header, &zero, sizeof(zero)));
	enough();
	return copy[0] & 1 ? -EINVAL : 0;
}

static int model_receive(struct net *net, struct net_frame *frame)
{
	u8 **last = &t.last[net - t.nets];

	require(runs());
	require(net == &t.nets[0] || (net == &t.nets[1] && t.attached));
	free(*last);
	*last = NULL;
	enough();
	if (!t.count)
		return t.ended ? -EPIPE : 0;
	frame->len = t.lens[t.first++ % ARRAY_SIZE(t.lens)];
	t.count--;
	frame->data = *last = malloc(frame->len + 1UL);
	require(*last);
	memset(*last, (int)frame->len, frame->len);
	memset(&frame->header, 0xff, sizeof(frame->header));
	return 1;
}

static int model_offloads(struct net *net, u64 features)
{
	require(net == &t.nets[0] && !t.attached);
	return features & BIT(VIRTIO_NET_F_GUEST_TSO4) &&
			       !(features & BIT(VIRTIO_NET_F_GUEST_CSUM))
		       ? -EINVAL
		       : 0;
}

static int model_attach(struct net *net, bool on)
{
	require(net == &t.nets[1] && t.attached != on);
	require(!on || t.control & MULTI);
	t.attached = on;
	return 0;
}

static void model_close(struct net *net)
{
	require(net == &t.nets[0]);
	t.closed++;
}

void net_close(struct net *net)
{
	net->ops->close(net);
}

static const struct net_ops model_ops = {
	.send = model_send,
	.receive = model_receive,
	.set_offloads = model_offloads,
	.attach = model_attach,
	.close = model_close,
};

/* A ninth takes the place of the first, as the host drops them. */
static void arrive(u8 byte, struct input *in)
{
	static const u32 usual[] = {
		14, 60, 1514, 3000, NET_FRAME_MAX, 0, 13, NET_FRAME_MAX + 1
	};

	if (byte & 0x10)
		t.ended = (byte & 0xf) == 0xf;
	if (t.count == ARRAY_SIZE(t.lens))
		return;
	t.lens[(t.first + t.count++) % ARRAY_SIZE(t.lens)] =
		byte & 8 ? take(in) * 16U + 14 : usual[byte & 7];
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
	memset(ram + at, 0, RINGS);
	memcpy(ram + at + DRIVER + (t.kind & PACKED ? 2 : 0), &flags, 2);
	wr(REG_QUEUE_READY, 1);
	t.rings[n] = (struct ring) { .wrap = true };
}

static void start(u8 kind)
{
	const u8 host = NO_THREADS | NO_NOTIFY;

	t.kind = (t.kind & host) | (kind & (u8)~host);
	t.control = kind & (CONTROL | MULTI);
	wr(REG_STATUS, 0);
	wr(REG_WANTED_SEL, 0);
	wr(REG_WANTED,
	   BIT(VIRTIO_NET_F_MAC) | BIT(VIRTIO_NET_F_STATUS) |
		   (t.control ? BIT(VIRTIO_NET_F_CTRL_VQ) : 0) |
		   (t.control & MULTI ? BIT(VIRTIO_NET_F_MQ) : 0) |
		   (kind & OFFLOADS ? ALL_OFFLOADS : 0) |
		   (kind & MERGE ? BIT(VIRTIO_NET_F_MRG_RXBUF) : 0) |
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
	if (at <= RAM - sizeof(*desc))
		memcpy(ram + at, desc, sizeof(*desc));
}

static void put_split(u32 queue, struct desc *descs, u32 n)
{
	struct ring *ring = &t.rings[queue];
	u8 *driver = ram + queue * RINGS + DRIVER;
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

static void put_chain(u32 queue, struct desc *descs, u32 n)
{
	if (t.kind & PACKED)
		put_packed(queue, descs, n);
	else
		put_split(queue, descs, n);
}

/* A header and data, in as many buffers as the low bits of `shape` say. */
static void chain(u8 shape, struct input *in)
{
	u32 queue = 2 * t.pair + (shape >> 3 & 1), n = (shape & 3) + 1U;
	u16 write = queue % 2 ? 0 : F_WRITE;
	struct desc descs[4];

	for (u32 i = 0; i < n; i++) {
		u32 at = DATA + take(in) * 64U, len = take(in);

		if (shape & 4)
			len *= 64;
		descs[i] = (struct desc) { at, len + 1, { write } };
		if (i + 1 < n)
			descs[i].words[0] |= F_NEXT;
	}
	if (shape & 16) {
		put_table(descs, n, t.rings[queue].index % 8U);
		n = 1;
	}
	put_chain(queue, descs, n);
}

/* In up to three buffers, the last for the answer. */
static void command(u8 shape, struct input *in)
{
	u32 queue = t.control & MULTI ? 2 * PAIRS : 2;
	struct desc descs[3] = {
		{ DATA, 2, { F_NEXT } },
		{ DATA + 2, 2, { F_NEXT } },
		{ DATA + 16, 1, { F_WRITE } },
	};

	ram[DATA] = shape & 4 ? take(in) : VIRTIO_NET_CTRL_MQ;
	ram[DATA + 1] = shape & 4 ? take(in) : VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET;
	ram[DATA + 2] = take(in) % 4;
	ram[DATA + 3] = 0;
	if (shape & 8)
		descs[shape >> 4 & 1].len = take(in);
	put_chain(queue, descs, 3);
}

/* ---- Actions ------------------------------------------------------------- */

static void write_ram(struct input *in)
{
	u32 at = (take(in) | (u32)take(in) << 8) % RAM;
	u32 n = take(in) % 64;

	for (u32 i = 0; i < n && at + i < RAM; i++)
		ram[at + i] = take(in);
}

/* As KVM has it: an eventfd takes its own number, in four bytes. */
static void write_register(u64 reg, u32 value, unsigned int len)
{
	for (u32 i = 0; reg == REG_QUEUE_NOTIFY && len == 4 && i < QUEUES; i++)
		if (t.threads[i].notified && t.threads[i].queue == value) {
			t.threads[i].pending = true;
			return;
		}
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
	case NOTIFY:
		write_register(REG_QUEUE_NOTIFY, byte % 8U, 4);
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

	t.moved = 0;
	switch (byte & 0xe0) {
	case WRITE_RAM:
		write_ram(in);
		return;
	case CHAIN:
		chain(byte & 0x1f, in);
		return;
	case ARRIVE:
		arrive(byte & 0x1f, in);
		return;
	case START:
		start(take(in));
		return;
	case RUN:
		t.pair = byte >> 1 & 1;
		if (byte & 1) {
			command(byte & 0x1f, in);
			return;
		}
		break;
	default:
		break;
	}
	memcpy(t.before, ram, RAM);
	act_on_device(byte, in);
	/* It may be this that starts it, or resets it. */
	if ((!ran && !runs()) || !virtio_get_status(t.vdev))
		require(!memcmp(t.before, ram, RAM));
}

static void create(u8 kind)
{
	struct virtio_net_params params = {
		.name = "fuzz",
		.net = &t.nets[0],
		.mac = { 2, 1, 2, 3, 4, 5 },
		.mtu = 1500,
		.mem = &t.mem,
	};
	struct virtio_mmio_params mmio = { .base = BASE };

	memset(&t, 0, sizeof(t));
	memset(ram, 0, sizeof(ram));
	t.kind = kind;
	for (u32 i = 0; i < PAIRS; i++)
		t.nets[i] = (struct net) { .ops = &model_ops,
					   .fd = NET_FD + (int)i,
					   .offloads = ALL_OFFLOADS };
	t.nets[0].next = &t.nets[1];
	require(!gmem_add(&t.mem, 0, RAM, ram));
	require(!virtio_net_create(&params, &t.vdev));
	mmio.vdev = t.vdev;
	mmio_bus_init(&t.bus);
	require(!virtio_mmio_create(&mmio, &t.bus, &t.mmio));
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
	memcpy(t.before, ram, RAM);
	t.mmio->dev.ops->destroy(&t.mmio->dev);
	require(!memcmp(t.before, ram, RAM) && !t.high);
	for (u32 i = 0; i < QUEUES; i++)
		require(!t.threads[i].io);
	require(!t.attached && t.closed == 1);
	mmio_bus_destroy(&t.bus);
	for (u32 i = 0; i < PAIRS; i++)
		free(t.last[i]);
	return 0;
}
