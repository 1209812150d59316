/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/fuzz/mmio_rig.h"

#include <errno.h>
#include <string.h>

#define BASE 0x0a000000ULL

/* Within a queue's RIG_RINGS bytes, behind the descriptors. */
#define DRIVER 0x100U
#define DEVICE 0x140U

#define F_INDIRECT 4
#define F_AVAIL	   0x80
#define F_USED	   0x8000

struct mmio_rig rig;

/* ---- The host ------------------------------------------------------------ */

void irq_line_set(const struct irq_line *line, bool high)
{
	(void)line;
	require(rig.high != high);
	rig.high = high;
}

static struct thread *thread_of(int fd)
{
	require(fd >= RIG_FD && fd < RIG_FD + (int)rig.nr_queues);
	require(rig.threads[fd - RIG_FD].io);
	return &rig.threads[fd - RIG_FD];
}

int ioeventfd_assign(struct vm *vm, u64 addr, unsigned int len, int fd,
		     const u64 *match)
{
	struct thread *thread = thread_of(fd);

	(void)vm;
	require(addr == BASE + REG_QUEUE_NOTIFY && len == 4);
	require(*match < rig.nr_queues && !thread->notified);
	require(rig.renumbers || thread == &rig.threads[*match]);
	if (rig.no_notify)
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

	if (rig.no_threads)
		return -EAGAIN;
	require(n < rig.nr_queues && !rig.threads[n].io);
	*io = (struct iothread) { .fd = RIG_FD + (int)n,
				  .started = true,
				  .watched = -1,
				  .serve = serve,
				  .opaque = opaque };
	rig.threads[n] = (struct thread) { .io = io };
	return 0;
}

void iothread_kick(struct iothread *io)
{
	require(io->started);
	rig.threads[io->fd - RIG_FD].pending = true;
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
	require(!rig.threads[io->fd - RIG_FD].notified);
	rig.threads[io->fd - RIG_FD] = (struct thread) { 0 };
	io->started = false;
}

void rig_run_threads(bool (*ready)(const struct iothread *io))
{
	for (u32 i = 0; i < rig.nr_queues; i++) {
		struct thread *thread = &rig.threads[i];
		struct iothread *io = thread->io;

		if (!thread->pending && !(io && ready && ready(io)))
			continue;
		thread->pending = false;
		io->serve(io->opaque);
	}
}

/* ---- The device ---------------------------------------------------------- */

void rig_create(u32 nr_queues, u8 *ram, u32 size)
{
	memset(&rig, 0, sizeof(rig));
	require(nr_queues <= RIG_QUEUES);
	rig.nr_queues = nr_queues;
	rig.ram = ram;
	rig.size = size;
	rig.before = malloc(size);
	require(rig.before && !gmem_add(&rig.mem, 0, size, ram));
	mmio_bus_init(&rig.bus);
}

void rig_attach(struct virtio_device *vdev)
{
	struct virtio_mmio_params params = { .base = BASE, .vdev = vdev };

	rig.vdev = vdev;
	require(!virtio_mmio_create(&params, &rig.bus, &rig.mmio));
}

void rig_destroy(void)
{
	rig_save_ram();
	rig.mmio->dev.ops->destroy(&rig.mmio->dev);
	rig_check_ram();
	require(!rig.high);
	for (u32 i = 0; i < rig.nr_queues; i++)
		require(!rig.threads[i].io);
	mmio_bus_destroy(&rig.bus);
	free(rig.before);
}

void rig_save_ram(void)
{
	memcpy(rig.before, rig.ram, rig.size);
}

void rig_check_ram(void)
{
	require(!memcmp(rig.before, rig.ram, rig.size));
}

/* ---- The driver ---------------------------------------------------------- */

bool rig_runs(void)
{
	u32 status = virtio_get_status(rig.vdev);

	return status & VIRTIO_S_DRIVER_OK && !(status & VIRTIO_S_NEEDS_RESET);
}

/* An eventfd takes its own number, in four bytes. */
void rig_write(u64 reg, u32 value, unsigned int len)
{
	bool notifies = reg == REG_QUEUE_NOTIFY && len == 4;

	for (u32 i = 0; notifies && i < rig.nr_queues; i++)
		if (rig.threads[i].notified && rig.threads[i].queue == value) {
			rig.threads[i].pending = true;
			return;
		}
	mmio_bus_write(&rig.bus, BASE + reg, value, len);
}

void rig_read_any(u8 byte, struct input *in)
{
	u64 reg = take(in) * 4ULL % VIRTIO_MMIO_SIZE + byte % 4U;

	mmio_bus_read(&rig.bus, BASE + reg, 1U << (byte / 4 % 4));
}

void rig_write_any(u8 byte, struct input *in)
{
	u64 reg = take(in) * 4ULL % VIRTIO_MMIO_SIZE + byte % 4U;

	rig_write(reg, take(in), byte & 4 ? 1 : 4);
}

static void wr(u64 reg, u32 value)
{
	mmio_bus_write(&rig.bus, BASE + reg, value, 4);
}

static void set_up_queue(u32 n)
{
	u16 flags = rig.kind & POLLED ? 1 : 0;
	u32 at = n * RIG_RINGS;

	wr(REG_QUEUE_SEL, n);
	wr(REG_QUEUE_SIZE, RIG_ENTRIES);
	wr(REG_QUEUE_DESC, at);
	wr(REG_QUEUE_DRIVER, at + DRIVER);
	wr(REG_QUEUE_DEVICE, at + DEVICE);
	memset(rig.ram + at, 0, RIG_RINGS);
	memcpy(rig.ram + at + DRIVER + (rig.kind & PACKED ? 2 : 0), &flags, 2);
	wr(REG_QUEUE_READY, 1);
	rig.rings[n] = (struct ring) { .wrap = true };
}

void rig_start(u8 kind, u32 features)
{
	rig.kind = kind;
	wr(REG_STATUS, 0);
	wr(REG_WANTED_SEL, 0);
	wr(REG_WANTED, features |
			       (kind & INDIRECT ? VIRTQ_F_INDIRECT_DESC : 0) |
			       (kind & EVENT_IDX ? VIRTQ_F_EVENT_IDX : 0));
	wr(REG_WANTED_SEL, 1);
	wr(REG_WANTED, 1 | (kind & PACKED ? 4 : 0));
	wr(REG_STATUS, VIRTIO_S_FEATURES_OK);
	require(virtio_get_status(rig.vdev) == VIRTIO_S_FEATURES_OK);
	for (u32 n = 0; n < rig.nr_queues; n++)
		set_up_queue(n);
	wr(REG_STATUS, VIRTIO_S_DRIVER_OK);
}

static void put(u32 at, const struct desc *desc)
{
	if (at <= rig.size - sizeof(*desc))
		memcpy(rig.ram + at, desc, sizeof(*desc));
}

static void put_split(u32 queue, struct desc *descs, u32 n)
{
	struct ring *ring = &rig.rings[queue];
	u8 *driver = rig.ram + queue * RIG_RINGS + DRIVER;
	u16 head = ring->next;

	for (u32 i = 0; i < n; i++) {
		u32 at = queue * RIG_RINGS + ring->next * 16U;

		ring->next = (u16)((ring->next + 1) % RIG_ENTRIES);
		descs[i].words[1] = ring->next;
		put(at, &descs[i]);
	}
	memcpy(driver + 4 + ring->index % RIG_ENTRIES * 2, &head, 2);
	ring->index++;
	memcpy(driver + 2, &ring->index, 2);
}

static void put_packed(u32 queue, struct desc *descs, u32 n)
{
	struct ring *ring = &rig.rings[queue];

	for (u32 i = 0; i < n; i++) {
		u16 flags = descs[i].words[0];

		descs[i].words[0] = ring->index++;
		descs[i].words[1] = flags | (ring->wrap ? F_AVAIL : F_USED);
		put(queue * RIG_RINGS + ring->next * 16U, &descs[i]);
		ring->next = (u16)((ring->next + 1) % RIG_ENTRIES);
		ring->wrap ^= !ring->next;
	}
}

void rig_put(u32 queue, struct desc *descs, u32 n)
{
	if (rig.kind & PACKED)
		put_packed(queue, descs, n);
	else
		put_split(queue, descs, n);
}

/* Eight tables, behind all rings. */
void rig_put_table(struct desc *descs, u32 n, u32 slot)
{
	u32 table = rig.nr_queues * RIG_RINGS + slot % 8 * 0x60U;

	for (u32 i = 0; i < n; i++) {
		struct desc desc = descs[i];

		desc.words[1] = rig.kind & PACKED ? desc.words[0]
						  : (u16)(i + 1);
		put(table + i * 16, &desc);
	}
	descs[0] = (struct desc) { table, n * 16, { F_INDIRECT } };
}
