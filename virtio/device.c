/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The state of a virtio device that each transport shows in registers of its
 * own: status, features, queues (virtio 1.4, "Basic Facilities of a Virtio
 * Device").
 *
 * What a driver may write is decided here by where it is in its initialisation:
 * features until FEATURES_OK, a queue while it is not enabled, and no queue
 * works before DRIVER_OK. A write that comes too early or too late has no
 * effect, as on a device that is busy.
 *
 * Locks: `lock` for what the driver writes, held by the transport; a queue's
 * lock for what is done with it, taken after the former. An interrupt needs
 * neither, so a model may raise one while a reset waits for it.
 */
#include <errno.h>
#include <string.h>

#include "lkvm/virtio/device.h"

#define ALL_STATUS                                                     \
	(VIRTIO_S_ACKNOWLEDGE | VIRTIO_S_DRIVER | VIRTIO_S_DRIVER_OK | \
	 VIRTIO_S_FEATURES_OK | VIRTIO_S_FAILED)

/* virtio 1.4, "Reserved Feature Bits": drivers write up to four words. */
#define FEATURE_WORDS 2

/* Sizes are what the driver finds before it has set others. */
void virtio_device_init(struct virtio_device *dev, const struct gmem *mem)
{
	pthread_mutex_init(&dev->lock, NULL);
	for (unsigned int i = 0; i < dev->nr_queues; i++) {
		pthread_mutex_init(&dev->queues[i].lock, NULL);
		virtq_init(&dev->queues[i].q, mem, dev->queue_size);
		dev->queues[i].setup.size = dev->queue_size;
	}
}

void virtio_device_destroy(struct virtio_device *dev)
{
	for (unsigned int i = 0; i < dev->nr_queues; i++)
		pthread_mutex_destroy(&dev->queues[i].lock);
	pthread_mutex_destroy(&dev->lock);
}

/* ---- For models ---------------------------------------------------------- */

void virtio_queue_done(struct virtio_device *dev, unsigned int queue)
{
	if (virtq_wants_interrupt(&dev->queues[queue].q))
		dev->transport->queue_interrupt(dev, queue);
}

/* Before DRIVER_OK nobody waits for it. */
static void tell_config(struct virtio_device *dev)
{
	if (atomic_load(&dev->status) & VIRTIO_S_DRIVER_OK)
		dev->transport->config_interrupt(dev);
}

void virtio_config_changed(struct virtio_device *dev)
{
	atomic_fetch_add(&dev->generation, 1);
	tell_config(dev);
}

/* Said once: further reasons come of the first. */
void virtio_needs_reset(struct virtio_device *dev, const char *why)
{
	u32 before = atomic_fetch_or(&dev->status, VIRTIO_S_NEEDS_RESET);

	if (before & VIRTIO_S_NEEDS_RESET)
		return;
	pr_guest(&dev->messages, "%s: %s; it has to be reset", dev->name, why);
	tell_config(dev);
}

/* ---- Features and status ------------------------------------------------- */

u32 virtio_get_offered(const struct virtio_device *dev, u32 n)
{
	return n < FEATURE_WORDS ? (u32)(dev->offered >> 32 * n) : 0;
}

u32 virtio_get_wanted(const struct virtio_device *dev, u32 n)
{
	return n < FEATURE_WORDS ? (u32)(dev->wanted >> 32 * n) : 0;
}

/* Linux writes four words; no bit of the last two is offered. */
void virtio_set_wanted(struct virtio_device *dev, u32 n, u32 features)
{
	u64 mask = (u64)UINT32_MAX << 32 * (n % FEATURE_WORDS);

	if (atomic_load(&dev->status) & VIRTIO_S_FEATURES_OK)
		return;
	if (n >= FEATURE_WORDS) {
		dev->wants_others |= features;
		return;
	}
	dev->wanted = (dev->wanted & ~mask) |
		      (u64)features << 32 * (n % FEATURE_WORDS);
}

u32 virtio_get_status(const struct virtio_device *dev)
{
	return atomic_load(&dev->status);
}

/* The queues come last: until `stop` returns they are in use. */
static void reset(struct virtio_device *dev)
{
	if (atomic_exchange(&dev->running, false))
		dev->ops->stop(dev);
	for (unsigned int i = 0; i < dev->nr_queues; i++) {
		struct virtio_queue *queue = &dev->queues[i];

		pthread_mutex_lock(&queue->lock);
		virtq_reset(&queue->q);
		pthread_mutex_unlock(&queue->lock);
		queue->setup = (struct virtq_setup) { .size = dev->queue_size };
	}
	if (dev->ops->reset)
		dev->ops->reset(dev);
	dev->features = dev->wanted = 0;
	dev->wants_others = false;
	atomic_store(&dev->status, 0);
	dev->transport->reset(dev);
}

/* Modern drivers only: a legacy one does not accept VERSION_1. */
static bool features_are_good(const struct virtio_device *dev)
{
	return !dev->wants_others && !(dev->wanted & ~dev->offered) &&
	       dev->wanted & VIRTQ_F_VERSION_1;
}

/* `running` is looked at with the lock, which a reset takes after it. */
void virtio_kick(struct virtio_device *dev, unsigned int queue)
{
	struct virtio_queue *to;

	if (queue >= dev->nr_queues)
		return;
	to = &dev->queues[queue];
	pthread_mutex_lock(&to->lock);
	if (atomic_load(&dev->running) && to->q.enabled && !to->stopping &&
	    !(atomic_load(&dev->status) & VIRTIO_S_NEEDS_RESET))
		dev->ops->kick(dev, queue);
	pthread_mutex_unlock(&to->lock);
}

/*
 * Drivers may notify a queue before the device runs, or while it may not access
 * memory: that was without effect.
 */
static void start(struct virtio_device *dev)
{
	int ret;

	if (dev->no_master)
		return;
	ret = dev->ops->start(dev);
	if (ret) {
		virtio_needs_reset(dev, strerror(-ret));
		return;
	}
	atomic_store(&dev->running, true);
	for (unsigned int i = 0; i < dev->nr_queues; i++)
		virtio_kick(dev, i);
}

/* A driver that has not agreed on features cannot start the device. */
void virtio_set_status(struct virtio_device *dev, u32 status)
{
	u32 old = atomic_load(&dev->status), set = status & ALL_STATUS & ~old;

	if (!status) {
		reset(dev);
		return;
	}
	if (set & VIRTIO_S_FEATURES_OK && !features_are_good(dev))
		set &= ~VIRTIO_S_FEATURES_OK;
	if (!((old | set) & VIRTIO_S_FEATURES_OK))
		set &= ~VIRTIO_S_DRIVER_OK;
	if (set & VIRTIO_S_FEATURES_OK)
		dev->features = dev->wanted;
	atomic_fetch_or(&dev->status, set);
	if (set & VIRTIO_S_DRIVER_OK)
		start(dev);
}

/* Linux takes it from a function whose driver it has not stopped (kexec). */
void virtio_set_master(struct virtio_device *dev, bool on)
{
	u32 status = atomic_load(&dev->status);

	if (dev->no_master == !on)
		return;
	dev->no_master = !on;
	if (!on && atomic_exchange(&dev->running, false))
		dev->ops->stop(dev);
	else if (on && status & VIRTIO_S_DRIVER_OK &&
		 !(status & VIRTIO_S_NEEDS_RESET))
		start(dev);
}

/* ---- Queues -------------------------------------------------------------- */

struct virtq_setup *virtio_setup(struct virtio_device *dev, unsigned int queue)
{
	if (queue >= dev->nr_queues || dev->queues[queue].q.enabled)
		return NULL;
	return &dev->queues[queue].setup;
}

const struct virtq_setup *virtio_queue_setup(const struct virtio_device *dev,
					     unsigned int queue)
{
	return queue < dev->nr_queues ? &dev->queues[queue].setup : NULL;
}

u32 virtio_queue_max(const struct virtio_device *dev, unsigned int queue)
{
	return queue < dev->nr_queues ? dev->queue_size : 0;
}

bool virtio_queue_is_enabled(const struct virtio_device *dev,
			     unsigned int queue)
{
	return queue < dev->nr_queues && dev->queues[queue].q.enabled;
}

/* Once the device runs its queues are what they were when it was started. */
static bool may_enable(const struct virtio_device *dev)
{
	u32 status = atomic_load(&dev->status);

	return status & VIRTIO_S_FEATURES_OK &&
	       (!(status & VIRTIO_S_DRIVER_OK) ||
		dev->features & VIRTQ_F_RING_RESET);
}

void virtio_queue_enable(struct virtio_device *dev, unsigned int queue)
{
	struct virtio_queue *to;

	if (!virtio_setup(dev, queue) || !may_enable(dev))
		return;
	to = &dev->queues[queue];
	pthread_mutex_lock(&to->lock);
	if (virtq_enable(&to->q, &to->setup, dev->features))
		pr_guest(&dev->messages,
			 "%s: queue %u cannot be where the driver wants it",
			 dev->name, queue);
	pthread_mutex_unlock(&to->lock);
}

/* The model waits for its threads, which need the queue's lock meanwhile. */
static void stop_queue(struct virtio_device *dev, unsigned int queue)
{
	struct virtio_queue *to = &dev->queues[queue];

	pthread_mutex_lock(&to->lock);
	to->stopping = true;
	pthread_mutex_unlock(&to->lock);
	dev->ops->stop_queue(dev, queue);
}

/* Drivers do so before they give up an initialisation, and at their end. */
void virtio_queue_disable(struct virtio_device *dev, unsigned int queue)
{
	struct virtio_queue *to;

	if (!virtio_queue_is_enabled(dev, queue))
		return;
	if (atomic_load(&dev->running)) {
		if (!dev->ops->stop_queue)
			return;
		stop_queue(dev, queue);
	}
	to = &dev->queues[queue];
	pthread_mutex_lock(&to->lock);
	virtq_reset(&to->q);
	to->stopping = false;
	pthread_mutex_unlock(&to->lock);
}

void virtio_queue_reset(struct virtio_device *dev, unsigned int queue)
{
	if (queue >= dev->nr_queues || !(dev->features & VIRTQ_F_RING_RESET))
		return;
	virtio_queue_disable(dev, queue);
	dev->queues[queue].setup =
		(struct virtq_setup) { .size = dev->queue_size };
}

/* ---- Configuration ------------------------------------------------------- */

void virtio_read_config(struct virtio_device *dev, u64 offset, void *buf,
			u32 len)
{
	memset(buf, 0, len);
	if (range_within(offset, len, 0, dev->config_size))
		dev->ops->read_config(dev, (u32)offset, buf, len);
}

void virtio_write_config(struct virtio_device *dev, u64 offset, const void *buf,
			 u32 len)
{
	if (dev->ops->write_config &&
	    range_within(offset, len, 0, dev->config_size))
		dev->ops->write_config(dev, (u32)offset, buf, len);
}
