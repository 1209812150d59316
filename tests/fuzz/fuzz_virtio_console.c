/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: virtio/console.c virtio/console_control.c */
/* SOURCES: virtio/console_data.c virtio/runner.c */
/* SOURCES: virtio/lone.c virtio/gather.c */
/* SOURCES: virtio/device.c virtio/queue.c virtio/queue_split.c */
/* SOURCES: virtio/queue_packed.c virtio/queue_chain.c vmm/gmem.c util/iov.c */
/* SOURCES: util/json.c util/log.c util/output.c tests/unit/virtq_driver.c */
/* SOURCES: tests/fuzz/virtio_rig.c */
/* WRAP: virtq_pop */
/*
 * A console with two named ports: control messages and bytes of a driver that
 * begins well and then does anything, of backends, and resets.
 *
 * While no driver runs, RAM is as it was and backends are told to be silent. A
 * backend that sends no more than it was told gets nothing back.
 */
#include <stdlib.h>
#include <string.h>

#include "lkvm/virtio/console.h"
#include "tests/fuzz/virtio_rig.h"
#include "virtio/console.h"

#define PORTS  3U
#define QUEUES (2 * PORTS + 2)
#define DATA   RIG_DATA(QUEUES)
#define RAM    (DATA + SZ_4K)

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

struct backend {
	struct chardev chr;
	size_t accept;
	bool polite; /* in this call */
};

static struct backend backends[PORTS];

/* ---- The host ------------------------------------------------------------ */

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

static void reset(void)
{
	rig_reset();
	for (u32 i = 0; i < PORTS; i++)
		require(!backends[i].accept);
}

/* The bits of `kind` beside the rig's are features. */
static void start(u16 kind)
{
	reset();
	rig_start(kind, (kind & 8 ? 0 : BIT(VIRTIO_CONSOLE_F_MULTIPORT)) |
				(kind & 16 ? 0 : BIT(VIRTIO_CONSOLE_F_SIZE)));
}

static void send(u8 id, struct input *in)
{
	struct virtio_console_control msg = { id == 15 ? UINT32_MAX : id,
					      take(in), take(in) };
	struct virtq_buf buf = { DATA, take(in) % 16U + 1, false };

	if (buf.len == 1)
		buf.len = sizeof(msg);
	memcpy(rig.ram + DATA, &msg, sizeof(msg));
	rig_add(CONTROL_OUT, &buf, 1, id & 1);
	virtio_kick(rig.vdev, CONTROL_OUT);
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
	rig_add(queue % QUEUES, bufs, nr, shape & 16);
	if (shape & 32)
		virtio_kick(rig.vdev, queue % QUEUES);
}

/* ---- Actions ------------------------------------------------------------- */

static void type(u8 arg, struct input *in)
{
	static const u8 text[2 * CONSOLE_LINE];
	struct backend *b = &backends[arg % PORTS];
	size_t len = take16(in) % sizeof(text);

	b->polite = arg & 4;
	if (b->polite)
		len = MIN(len, b->accept);
	b->accept -= MIN(b->accept, len);
	if (len)
		b->chr.receive(&b->chr, text, len);
}

static void config(u8 arg, struct input *in)
{
	u8 buf[8] = { take(in) };
	u32 len = 1U << (arg >> 3 & 1 ? 2 : 0);

	rig_config(arg & 4, take(in), buf, len);
}

static void other(u8 arg, struct input *in)
{
	if (arg & 1)
		rig_run_threads();
	if (arg & 2)
		virtio_console_resize(rig.vdev, take16(in), take16(in));
}

static void act(struct input *in)
{
	u8 byte = take(in), arg = byte & 0x1f;

	rig.pops = 0;
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
static void act_without_driver(struct input *in)
{
	rig_kick_all();
	rig_save_ram();
	for (u32 i = 0; i < PORTS; i++)
		type((u8)i, in);
	virtio_console_resize(rig.vdev, take(in), 3);
	rig_kick_all();
	rig_check_ram();
}

static void create(void)
{
	struct virtio_console_params params = { .name = "fuzz",
						.nr_ports = PORTS,
						.cols = 80,
						.rows = 25,
						.mem = &rig.mem };
	struct virtio_device *vdev;

	memset(backends, 0, sizeof(backends));
	rig_create(QUEUES, RAM);
	for (u32 i = 0; i < PORTS; i++) {
		backends[i].chr.ops = &backend_ops;
		params.ports[i].name = i ? "name" : NULL;
		params.ports[i].chr = &backends[i].chr;
	}
	require(!virtio_console_create(&params, &vdev));
	rig_attach(vdev);
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
		if (!rig_runs())
			act_without_driver(&in);
	}
	reset();
	act_without_driver(&in);
	rig_destroy();
	return 0;
}
