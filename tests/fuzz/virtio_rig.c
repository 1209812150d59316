/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/fuzz/virtio_rig.h"

#include <errno.h>
#include <string.h>

#include "lkvm/vmm/iothread.h"

/* Chains of one action: what is pushed may make the next one available. */
#define ENOUGH 2000U

struct fuzz_rig rig;

/* ---- The host ------------------------------------------------------------ */

/* By the name's end, which is the queue's number. */
int iothread_start(struct iothread *io, const char *name,
		   void (*serve)(void *opaque), void *opaque)
{
	u32 n = (u32)(name[strlen(name) - 1] - '0');

	require(n < rig.nr_queues && !rig.threads[n]);
	*io = (struct iothread) {
		.fd = 3, .started = true, .serve = serve, .opaque = opaque
	};
	rig.threads[n] = io;
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
	for (u32 i = 0; i < rig.nr_queues; i++)
		if (rig.threads[i] == io)
			rig.threads[i] = NULL;
	io->started = false;
}

void rig_run_threads(void)
{
	for (u32 i = 0; i < rig.nr_queues; i++)
		if (rig.threads[i])
			rig.threads[i]->serve(rig.threads[i]->opaque);
}

int __real_virtq_pop(struct virtq *q, struct virtq_chain *chain);
int __wrap_virtq_pop(struct virtq *q, struct virtq_chain *chain);

int __wrap_virtq_pop(struct virtq *q, struct virtq_chain *chain)
{
	return ++rig.pops > ENOUGH ? -EINVAL : __real_virtq_pop(q, chain);
}

/* ---- The transport ------------------------------------------------------- */

static void queue_interrupt(struct virtio_device *vdev, unsigned int queue)
{
	require(queue < vdev->nr_queues);
	require(virtio_get_status(vdev) & VIRTIO_S_DRIVER_OK);
}

static void nothing(struct virtio_device *vdev)
{
	(void)vdev;
}

static const struct virtio_transport_ops transport = {
	.queue_interrupt = queue_interrupt,
	.config_interrupt = nothing,
	.reset = nothing,
};

/* ---- The device ---------------------------------------------------------- */

/* To the byte as long as it is told, so that ASan sees what is behind it. */
void rig_create(u32 nr_queues, u32 size)
{
	void *ram = NULL;

	memset(&rig, 0, sizeof(rig));
	require(nr_queues <= RIG_QUEUES);
	require(!posix_memalign(&ram, 2 * SZ_4K, size));
	rig.ram = ram;
	rig.before = malloc(size);
	require(rig.before && !gmem_add(&rig.mem, 0, size, rig.ram));
	memset(rig.ram, 0, size);
	rig.size = size;
	rig.nr_queues = nr_queues;
}

void rig_attach(struct virtio_device *vdev)
{
	rig.vdev = vdev;
	vdev->transport = &transport;
}

void rig_destroy(void)
{
	rig.vdev->ops->destroy(rig.vdev);
	free(rig.ram);
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

static void set_status(u32 status)
{
	pthread_mutex_lock(&rig.vdev->lock);
	virtio_set_status(rig.vdev, status);
	pthread_mutex_unlock(&rig.vdev->lock);
}

void rig_reset(void)
{
	set_status(0);
	for (u32 i = 0; i < rig.nr_queues; i++) {
		virtq_driver_destroy(&rig.drivers[i]);
		rig.drivers[i] = (struct virtq_driver) { 0 };
		require(!rig.threads[i]);
	}
}

static void enable(u32 queue, u64 features, bool polled)
{
	struct virtq_driver *d = &rig.drivers[queue];
	u32 at = queue * RIG_RING;

	require(!virtq_driver_init(d, rig.ram + at, at, RIG_ENTRIES, features));
	if (polled)
		virtq_driver_disable_irq(d);
	*virtio_setup(rig.vdev, queue) = d->setup;
	virtio_queue_enable(rig.vdev, queue);
}

void rig_start(u16 kind, u64 features)
{
	features |= VIRTQ_F_VERSION_1 |
		    (kind & RIG_PACKED ? VIRTQ_F_RING_PACKED : 0) |
		    (kind & RIG_EVENT_IDX ? VIRTQ_F_EVENT_IDX : 0) |
		    (kind & RIG_INDIRECT ? VIRTQ_F_INDIRECT_DESC : 0);
	rig_reset();
	virtio_set_wanted(rig.vdev, 0, (u32)features);
	virtio_set_wanted(rig.vdev, 1, (u32)(features >> 32));
	set_status(VIRTIO_S_FEATURES_OK);
	for (u32 i = 0; i < rig.nr_queues; i++)
		if (!(kind & RIG_SKIP(i)))
			enable(i, features, kind & RIG_POLLED);
	set_status(VIRTIO_S_FEATURES_OK | VIRTIO_S_DRIVER_OK);
}

void rig_add(u32 queue, const struct virtq_buf *bufs, u32 nr, bool table)
{
	struct virtq_driver *d = &rig.drivers[queue];
	struct virtq_used used;

	if (!d->entries)
		return;
	while (virtq_driver_take(d, &used) > 0)
		require(!rig.only_reads || !used.len);
	virtq_driver_add(d, bufs, nr, table ? 0 : nr, rig.cookie++);
}

void rig_kick_all(void)
{
	for (u32 i = 0; i < rig.nr_queues; i++)
		virtio_kick(rig.vdev, i);
}

void rig_config(bool read, u32 offset, u8 *buf, u32 len)
{
	pthread_mutex_lock(&rig.vdev->lock);
	if (read)
		virtio_read_config(rig.vdev, offset, buf, len);
	else
		virtio_write_config(rig.vdev, offset, buf, len);
	pthread_mutex_unlock(&rig.vdev->lock);
}
