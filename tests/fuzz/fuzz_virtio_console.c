/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: virtio/console.c virtio/console_control.c */
/* SOURCES: virtio/console_data.c virtio/runner.c */
/* SOURCES: virtio/device.c virtio/queue.c virtio/queue_split.c */
/* SOURCES: virtio/queue_packed.c virtio/queue_chain.c vmm/gmem.c util/iov.c */
/* SOURCES: util/json.c util/log.c util/output.c tests/unit/virtq_driver.c */
/* WRAP: virtq_pop */
/*
 * A console with two named ports: control messages and bytes of a driver that
 * begins well and then does anything, of backends, and resets.
 *
 * While no driver runs, RAM is as it was and backends are told to be silent. A
 * backend that sends no more than it was told gets nothing back.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lkvm/util/json.h"
#include "lkvm/virtio/console.h"
#include "lkvm/vmm/gmem.h"
#include "lkvm/vmm/iothread.h"
#include "tests/unit/virtq_driver.h"
#include "virtio/console.h"

#define PORTS	3U
#define QUEUES	(2 * PORTS + 2)
#define ENTRIES 8U
#define RING	ALIGN_UP(VIRTQ_DRIVER_RAM(ENTRIES), 64)
#define DATA	(QUEUES * RING)
#define RAM	(DATA + SZ_4K)
#define ENOUGH	2000U /* chains of one action: a guest can go on for ever */

/* What one byte of input does; the low four bits are its argument. */
enum action {
	SEND = 0x00,  /* a control message */
	CHAIN = 0x20, /* of some queue */
	TYPE = 0x40,  /* a backend sends */
	WRITE_RAM = 0x60,
	CONFIG = 0x80,
	NOTIFY = 0xa0,
	OTHER = 0xc0, /* runs threads, another size, statistics */
	START = 0xe0,
};

struct input {
	const u8 *data;
	size_t size;
};

struct backend {
	struct chardev chr;
	size_t accept;
	bool polite; /* in this call */
};

static struct {
	u8 *ram, *before;
	struct gmem mem;
	struct virtio_device *vdev;
	struct virtq_driver drivers[QUEUES];
	struct backend backends[PORTS];
	struct iothread *threads[QUEUES];
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
	return ++t.pops > ENOUGH ? -EINVAL : __real_virtq_pop(q, chain);
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

/* Reads all of it, so that what is not RAM is found. */
static void backend_write(struct chardev *chr, const u8 *buf, size_t len)
{
	static u8 copy[RAM];

	(void)chr;
	require(len <= sizeof(copy));
	memcpy(copy, buf, len);
}

static void backend_accept(struct chardev *chr, size_t n)
{
	require(n <= CONSOLE_LINE);
	container_of(chr, struct backend, chr)->accept = n;
}

static void backend_unread(struct chardev *chr, const u8 *buf, size_t len)
{
	require(buf && len);
	require(!container_of(chr, struct backend, chr)->polite);
}

static const struct chardev_ops backend_ops = {
	.write = backend_write,
	.accept = backend_accept,
	.unread = backend_unread,
};

/* ---- The driver ---------------------------------------------------------- */

static bool runs(void)
{
	u32 status = virtio_get_status(t.vdev);

	return status & VIRTIO_S_DRIVER_OK && !(status & VIRTIO_S_NEEDS_RESET);
}

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
	for (u32 i = 0; i < PORTS; i++)
		require(!t.backends[i].accept);
}

/* The bits of `kind` are features, and queues that are left out. */
static void start(u16 kind)
{
	u64 features = VIRTQ_F_VERSION_1 |
		       (kind & 1 ? VIRTQ_F_RING_PACKED : 0) |
		       (kind & 2 ? VIRTQ_F_EVENT_IDX : 0) |
		       (kind & 4 ? VIRTQ_F_INDIRECT_DESC : 0) |
		       (kind & 8 ? 0 : BIT(VIRTIO_CONSOLE_F_MULTIPORT)) |
		       (kind & 16 ? 0 : BIT(VIRTIO_CONSOLE_F_SIZE));

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
		;
	virtq_driver_add(d, bufs, nr, table ? 0 : nr, t.cookie++);
}

static void send(u8 id, struct input *in)
{
	struct virtio_console_control msg = { id == 15 ? UINT32_MAX : id,
					      take(in), take(in) };
	struct virtq_buf buf = { DATA, take(in) % 16U + 1, false };

	if (buf.len == 1)
		buf.len = sizeof(msg);
	memcpy(t.ram + DATA, &msg, sizeof(msg));
	add(CONTROL_OUT, &buf, 1, id & 1);
	virtio_kick(t.vdev, CONTROL_OUT);
}

static void chain(u8 queue, struct input *in)
{
	struct virtq_buf bufs[3];
	u8 shape = take(in);
	u32 nr = shape % 3U + 1;

	for (u32 i = 0; i < nr; i++)
		bufs[i] = (struct virtq_buf) { DATA + take(in) * 8U,
					       take(in) * 4U + 1,
					       i >= (shape >> 2) % 4U };
	add(queue % QUEUES, bufs, nr, shape & 16);
	if (shape & 32)
		virtio_kick(t.vdev, queue % QUEUES);
}

/* ---- Actions ------------------------------------------------------------- */

static void type(u8 arg, struct input *in)
{
	static const u8 text[2 * CONSOLE_LINE];
	struct backend *b = &t.backends[arg % PORTS];
	size_t len = take16(in) % sizeof(text);

	b->polite = arg & 4;
	if (b->polite)
		len = MIN(len, b->accept);
	b->accept -= MIN(b->accept, len);
	if (len)
		b->chr.receive(&b->chr, text, len);
}

static void write_ram(struct input *in)
{
	u32 at = take16(in) % RAM, n = take(in) % 64;

	for (u32 i = 0; i < n && at + i < RAM; i++)
		t.ram[at + i] = take(in);
}

static void config(u8 arg, struct input *in)
{
	u8 buf[8] = { take(in) };
	u32 len = 1U << (arg >> 3 & 1 ? 2 : 0);

	pthread_mutex_lock(&t.vdev->lock);
	if (arg & 4)
		virtio_read_config(t.vdev, take(in), buf, len);
	else
		virtio_write_config(t.vdev, take(in), buf, len);
	pthread_mutex_unlock(&t.vdev->lock);
}

static void other(u8 arg, struct input *in)
{
	for (u32 i = 0; i < QUEUES && arg & 1; i++)
		if (t.threads[i])
			t.threads[i]->serve(t.threads[i]->opaque);
	if (arg & 2)
		virtio_console_resize(t.vdev, take16(in), take16(in));
}

static void act(struct input *in)
{
	u8 byte = take(in), arg = byte & 0x1f;

	t.pops = 0;
	switch (byte & 0xe0) {
	case SEND:
		send(arg & 15, in);
		break;
	case CHAIN:
		chain(arg, in);
		break;
	case TYPE:
		type(arg, in);
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
static void act_without_driver(struct input *in)
{
	for (u32 i = 0; i < QUEUES; i++)
		virtio_kick(t.vdev, i);
	memcpy(t.before, t.ram, RAM);
	for (u32 i = 0; i < PORTS; i++)
		type((u8)i, in);
	virtio_console_resize(t.vdev, take(in), 3);
	for (u32 i = 0; i < QUEUES; i++)
		virtio_kick(t.vdev, i);
	require(!memcmp(t.before, t.ram, RAM));
}

static void create(void)
{
	struct virtio_console_params params = { .name = "fuzz",
						.nr_ports = PORTS,
						.cols = 80,
						.rows = 25,
						.mem = &t.mem };

	memset(&t, 0, sizeof(t));
	t.ram = calloc(1, RAM);
	t.before = malloc(RAM);
	require(t.ram && t.before && !gmem_add(&t.mem, 0, RAM, t.ram));
	for (u32 i = 0; i < PORTS; i++) {
		t.backends[i].chr.ops = &backend_ops;
		params.ports[i].name = i ? "name" : NULL;
		params.ports[i].chr = &t.backends[i].chr;
	}
	require(!virtio_console_create(&params, &t.vdev));
	t.vdev->transport = &transport;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };

	log_set_level(LOG_LEVEL_ERROR);
	create();
	start(take16(&in));
	while (in.size) {
		act(&in);
		if (!runs())
			act_without_driver(&in);
	}
	reset();
	act_without_driver(&in);
	t.vdev->ops->destroy(t.vdev);
	free(t.ram);
	free(t.before);
	return 0;
}
