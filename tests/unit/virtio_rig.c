/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vdev_driver.h"
#include "virtio_rig.h"

#define RING_GPA 0x40000000ULL
#define RING_RAM ALIGN_UP(VIRTQ_DRIVER_RAM(VIO_ENTRIES), 64)
#define PATIENCE 60

static struct vio_rig rig;

/* ---- The transport ------------------------------------------------------- */

/* With the queue's lock: on any thread, so cmocka's assertions are no use. */
static void queue_interrupt(struct virtio_device *vdev, unsigned int queue)
{
	struct vio_rig *r = vdev->transport_data;

	if (pthread_mutex_trylock(&vdev->queues[queue].lock) != EBUSY)
		abort();
	atomic_fetch_add(&r->interrupts[queue], 1);
	sem_post(&r->irq);
}

static void config_interrupt(struct virtio_device *vdev)
{
	struct vio_rig *r = vdev->transport_data;

	atomic_fetch_add(&r->config_interrupts, 1);
	sem_post(&r->irq);
}

static void transport_reset(struct virtio_device *vdev)
{
	(void)vdev;
}

/* The rest of it is left to who waits for the eventfd. */
static void queue_irqfd(struct virtio_device *vdev, unsigned int queue, int fd)
{
	struct vio_rig *r = vdev->transport_data;

	r->irqfds[queue] = fd;
}

static const struct virtio_transport_ops transport = {
	.queue_interrupt = queue_interrupt,
	.config_interrupt = config_interrupt,
	.reset = transport_reset,
	.queue_irqfd = queue_irqfd,
};

/* ---- The device ---------------------------------------------------------- */

struct vio_rig *vio_create(void **state)
{
	const struct vio_variant *variant = *state;
	struct vio_rig *r = &rig;

	r->features = variant->features;
	r->rings = aligned_alloc(64, VIRTIO_MAX_QUEUES * RING_RAM);
	r->data = malloc(VIO_DATA);
	assert_true(r->rings && r->data);
	assert_int_equal(gmem_add(&r->mem, RING_GPA,
				  VIRTIO_MAX_QUEUES * RING_RAM, r->rings),
			 0);
	assert_int_equal(gmem_add(&r->mem, VIO_GPA, VIO_DATA, r->data), 0);
	sem_init(&r->irq, 0, 0);
	return r;
}

void vio_attach(struct vio_rig *r, struct virtio_device *vdev)
{
	r->vdev = vdev;
	r->entries = MIN(vdev->queue_size, VIO_ENTRIES);
	vdev->transport = &transport;
	vdev->transport_data = r;
}

void vio_set_status(struct vio_rig *r, u32 status)
{
	vdev_set_status(r->vdev, status);
}

bool vio_needs_reset(struct vio_rig *r)
{
	return virtio_get_status(r->vdev) & VIRTIO_S_NEEDS_RESET;
}

static void forget(struct vio_rig *r)
{
	for (unsigned int i = 0; i < VIRTIO_MAX_QUEUES; i++)
		virtq_driver_destroy(&r->drivers[i]);
}

static void negotiate(struct vio_rig *r, u64 features)
{
	vio_set_status(r, 0);
	forget(r);
	memset(r->data, VIO_NOISE, VIO_DATA);
	vdev_negotiate(r->vdev, features | r->features | VIRTQ_F_VERSION_1);
}

static void enable(struct vio_rig *r, unsigned int queue)
{
	struct virtq_driver *d = &r->drivers[queue];

	assert_int_equal(virtq_driver_init(d, r->rings + queue * RING_RAM,
					   RING_GPA + queue * RING_RAM,
					   r->entries, r->features),
			 0);
	vdev_enable(r->vdev, queue, d);
}

static void prepare_some(struct vio_rig *r, u64 features, u64 queues)
{
	negotiate(r, features);
	for (unsigned int i = 0; i < r->vdev->nr_queues; i++)
		if (queues & BIT(i))
			enable(r, i);
}

void vio_prepare(struct vio_rig *r, u64 features)
{
	prepare_some(r, features, UINT64_MAX);
}

void vio_start_some(struct vio_rig *r, u64 features, u64 queues)
{
	prepare_some(r, features, queues);
	vdev_start(r->vdev);
}

void vio_start(struct vio_rig *r, u64 features)
{
	vio_start_some(r, features, UINT64_MAX);
}

int vio_setup(void **state)
{
	(void)state;
	alarm(PATIENCE);
	log_set_level(LOG_LEVEL_ERROR);
	memset(&rig, 0, sizeof(rig));
	return 0;
}

int vio_teardown(void **state)
{
	struct vio_rig *r = &rig;

	(void)state;
	if (r->vdev) {
		vio_set_status(r, 0);
		r->vdev->ops->destroy(r->vdev);
	}
	forget(r);
	free(r->rings);
	free(r->data);
	alarm(0);
	return 0;
}

/* ---- Chains -------------------------------------------------------------- */

void vio_add(struct vio_rig *r, unsigned int queue,
	     const struct virtq_buf *bufs, u32 nr, bool indirect, u32 cookie)
{
	assert_int_equal(virtq_driver_add(&r->drivers[queue], bufs, nr,
					  indirect ? 0 : nr, cookie),
			 0);
}

void vio_add_one(struct vio_rig *r, unsigned int queue, u32 offset, u32 len,
		 bool write)
{
	struct virtq_buf buf = { VIO_GPA + offset, len, write };

	vio_add(r, queue, &buf, 1, false, offset);
}

void vio_kick(struct vio_rig *r, unsigned int queue)
{
	if (virtq_driver_needs_kick(&r->drivers[queue]))
		virtio_kick(r->vdev, queue);
}

bool vio_take(struct vio_rig *r, unsigned int queue, struct virtq_used *used)
{
	int ret = virtq_driver_take(&r->drivers[queue], used);

	assert_null(r->drivers[queue].error);
	return ret > 0;
}

void vio_await(sem_t *bell)
{
	while (sem_wait(bell))
		assert_int_equal(errno, EINTR);
}

/* ---- Statistics ---------------------------------------------------------- */

u64 vio_stat(struct vio_rig *r, const char *name)
{
	return vdev_stat(r->vdev, name);
}
