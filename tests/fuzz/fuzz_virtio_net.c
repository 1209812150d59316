/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: virtio/mmio.c virtio/net.c virtio/net_rx.c virtio/net_tx.c */
/* SOURCES: virtio/runner.c virtio/device.c virtio/queue.c */
/* SOURCES: virtio/lone.c virtio/gather.c */
/* SOURCES: virtio/queue_split.c virtio/queue_packed.c */
/* SOURCES: virtio/queue_chain.c vmm/gmem.c vmm/mmio.c vmm/fdt.c */
/* SOURCES: util/iov.c util/json.c util/log.c util/output.c */
/* SOURCES: virtio/net_pair.c virtio/net_control.c virtio/net_vhost.c */
/* SOURCES: virtio/vhost.c tests/fuzz/mmio_rig.c */
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
#include "lkvm/virtio/net.h"
#include "mmio_rig.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define PAIRS  2U
#define QUEUES (2 * PAIRS + 1)
#define NET_FD 200
#define ENOUGH 1000U /* frames of one action */
#define RAM    0x20000U
#define DATA   0x1000U /* in RAM, behind rings and tables */

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

/* The first byte, and that behind START, beside the rig's bits. */
enum driver {
	MERGE = 0x08,
	OFFLOADS = 0x20,
	NO_THREADS = 0x40, /* and these two are of the host */
	NO_NOTIFY = 0x80,
	CONTROL = 0x40, /* behind START */
	MULTI = 0x80,
};

#define ALL_OFFLOADS                                            \
	(BIT(VIRTIO_NET_F_CSUM) | BIT(VIRTIO_NET_F_HOST_TSO4) | \
	 BIT(VIRTIO_NET_F_GUEST_CSUM) | BIT(VIRTIO_NET_F_GUEST_TSO4))

static struct {
	struct net nets[PAIRS];
	bool attached; /* the second */
	u8 control;
	u32 pair; /* that chains are for */
	u32 moved, closed;
	/* Frames that arrive. */
	u32 lens[8], first, count;
	bool ended;
	u8 *last[PAIRS]; /* each has a frame that may wait */
} t;

static u8 ram[RAM];

/* ---- The host ------------------------------------------------------------ */

void iothread_watch(struct iothread *io, int fd)
{
	require(io->started && (io->fd - RIG_FD) % 2 == 0 &&
		io->fd < RIG_FD + 4);
	require(fd == -1 || fd == NET_FD + (io->fd - RIG_FD) / 2);
	io->watched = fd;
}

/* Its back end has something for it. */
static bool has_frames(const struct iothread *io)
{
	return io->watched >= NET_FD && (t.count || t.ended);
}

/* ---- The back end -------------------------------------------------------- */

/* A guest can keep a device busy for ever. */
static void enough(void)
{
	if (++t.moved == ENOUGH)
		virtio_needs_reset(rig.vdev, "of the fuzzer");
}

static int model_send(struct net *net, const struct virtio_net_hdr_v1 *header,
		      const struct iovec *iov, u32 count, u32 len)
{
	static const struct virtio_net_hdr_v1 zero;
	static u8 copy[NET_FRAME_MAX];

	require(rig_runs() && count && count <= NET_MAX_IOV);
	require(net == &t.nets[0] || (net == &t.nets[1] && t.attached));
	require(len >= NET_FRAME_MIN && len <= NET_FRAME_MAX);
	require(iov_read(iov, count, 0, copy, len) == len);
	require(!iov_read(iov, count, len, copy, 1));
	if (rig.kind & OFFLOADS)
		require(header->flags <= 1 && header->gso_type <= 1);
	else
		require(!memcmp(header, &zero, sizeof(zero)));
	enough();
	return copy[0] & 1 ? -EINVAL : 0;
}

static int model_receive(struct net *net, struct net_frame *frame)
{
	u8 **last = &t.last[net - t.nets];

	require(rig_runs());
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

static void start(u8 kind)
{
	t.control = kind & (CONTROL | MULTI);
	rig_start(kind,
		  BIT(VIRTIO_NET_F_MAC) | BIT(VIRTIO_NET_F_STATUS) |
			  (t.control ? BIT(VIRTIO_NET_F_CTRL_VQ) : 0) |
			  (t.control & MULTI ? BIT(VIRTIO_NET_F_MQ) : 0) |
			  (kind & OFFLOADS ? ALL_OFFLOADS : 0) |
			  (kind & MERGE ? BIT(VIRTIO_NET_F_MRG_RXBUF) : 0));
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
		rig_put_table(descs, n, rig.rings[queue].index % 8U);
		n = 1;
	}
	rig_put(queue, descs, n);
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
	rig_put(queue, descs, 3);
}

/* ---- Actions ------------------------------------------------------------- */

/* The device alone. */
static void act_on_device(u8 byte, struct input *in)
{
	switch (byte & 0xe0) {
	case READ:
		rig_read_any(byte, in);
		break;
	case WRITE:
		rig_write_any(byte, in);
		break;
	case NOTIFY:
		rig_write(REG_QUEUE_NOTIFY, byte % 8U, 4);
		break;
	case RUN:
		rig_run_threads(has_frames);
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

	t.moved = 0;
	switch (byte & 0xe0) {
	case WRITE_RAM:
		take_to_ram(in, rig.ram, rig.size);
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
	rig_save_ram();
	act_on_device(byte, in);
	/* It may be this that starts it, or resets it. */
	if ((!ran && !rig_runs()) || !virtio_get_status(rig.vdev))
		rig_check_ram();
}

static void create(u8 kind)
{
	struct virtio_net_params params = {
		.name = "fuzz",
		.net = &t.nets[0],
		.mac = { 2, 1, 2, 3, 4, 5 },
		.mtu = 1500,
		.mem = &rig.mem,
	};
	struct virtio_device *vdev;

	memset(&t, 0, sizeof(t));
	memset(ram, 0, sizeof(ram));
	rig_create(QUEUES, ram, RAM);
	rig.no_threads = kind & NO_THREADS;
	rig.no_notify = kind & NO_NOTIFY;
	rig.renumbers = true; /* the control queue */
	for (u32 i = 0; i < PAIRS; i++)
		t.nets[i] = (struct net) { .ops = &model_ops,
					   .fd = NET_FD + (int)i,
					   .offloads = ALL_OFFLOADS };
	t.nets[0].next = &t.nets[1];
	require(!virtio_net_create(&params, &vdev));
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
	require(!t.attached && t.closed == 1);
	for (u32 i = 0; i < PAIRS; i++)
		free(t.last[i]);
	return 0;
}
