/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Queues served by a daemon: see vhost_user_device.h.
 *
 * The thread runs while the device does. It reads nothing from the socket,
 * which is of those that start and stop the device while it does not run; it is
 * woken by the end of the connection only.
 *
 * A daemon that has failed is not asked again. The driver is told to reset the
 * device, which most drivers do not understand: Linux's file system would wait
 * for its requests for ever. So the thread goes on in the daemon's place, from
 * the first request that the daemon has not returned; the rings are in order
 * with those that serve one request after the other, such as virtiofsd.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "lkvm/util/log.h"
#include "vhost_user_device.h"

/* What the thread is woken by: the upper half of epoll's data. */
enum {
	SOCKET,
	ERR,
	CALL, /* of the queue in the lower half */
	KICK,
};

#define MAX_EVENTS 16
#define WHY	   256

/* ---- Descriptors --------------------------------------------------------- */

static void drain(int fd)
{
	u64 count;

	while (read(fd, &count, sizeof(count)) < 0 && errno == EINTR)
		;
}

/* It fails if the daemon has not read 2^64 - 2 of them. */
static void notify(int fd)
{
	const u64 one = 1;

	while (write(fd, &one, sizeof(one)) < 0 && errno == EINTR)
		;
}

static int watch(struct vhost_user_device *dev, int fd, u32 events, u32 kind,
		 u32 queue)
{
	struct epoll_event event = { .events = events,
				     .data.u64 = (u64)kind << 32 | queue };

	return epoll_ctl(dev->epoll, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno
								    : 0;
}

static int make_eventfd(int *fd)
{
	*fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return *fd < 0 ? -errno : 0;
}

static int make_queue(struct vhost_user_device *dev, u32 n)
{
	struct vhost_user_fds *fds = &dev->queues[n].fds;
	int ret = make_eventfd(&fds->kick);

	if (!ret)
		ret = make_eventfd(&fds->call);
	fds->err = dev->err;
	return ret ? ret : watch(dev, fds->call, EPOLLIN, CALL, n);
}

static int make_all(struct vhost_user_device *dev)
{
	int ret;

	dev->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (dev->epoll < 0)
		return -errno;
	ret = make_eventfd(&dev->err);
	if (!ret)
		ret = watch(dev, dev->err, EPOLLIN, ERR, 0);
	if (!ret)
		ret = watch(dev, dev->vu.fd, EPOLLRDHUP, SOCKET, 0);
	for (u32 i = 0; !ret && i < dev->vdev->nr_queues; i++)
		ret = make_queue(dev, i);
	return ret;
}

static void close_fd(int fd)
{
	if (fd >= 0)
		close(fd);
}

int vhost_user_device_init(struct vhost_user_device *dev)
{
	int ret;

	dev->err = dev->epoll = -1;
	for (u32 i = 0; i < dev->vdev->nr_queues; i++)
		dev->queues[i].fds = (struct vhost_user_fds) { -1, -1, -1 };
	snprintf(dev->name, sizeof(dev->name), "%.15s", dev->vdev->name);
	ret = make_all(dev);
	if (ret)
		vhost_user_device_destroy(dev);
	return ret;
}

/* The socket is the model's. */
void vhost_user_device_destroy(struct vhost_user_device *dev)
{
	for (u32 i = 0; i < dev->vdev->nr_queues; i++) {
		close_fd(dev->queues[i].fds.kick);
		close_fd(dev->queues[i].fds.call);
	}
	close_fd(dev->err);
	close_fd(dev->epoll);
}

/* ---- In the place of a daemon -------------------------------------------- */

/* After a ring full of chains it is somebody else's turn. With the lock. */
static void serve(struct vhost_user_device *dev, u32 n)
{
	struct virtio_device *vdev = dev->vdev;
	struct virtq *q = &vdev->queues[n].q;
	u32 done = 0;
	int ret;

	do {
		ret = 1;
		while (done < q->size && ret > 0) {
			ret = dev->serve(vdev, n);
			done += ret > 0;
		}
	} while (!ret && virtq_enable_kicks(q));
	if (done)
		vdev->transport->queue_interrupt(vdev, n);
	if (ret > 0)
		notify(dev->queues[n].fds.kick);
}

static void serve_queue(struct vhost_user_device *dev, u32 n)
{
	struct virtio_queue *queue = &dev->vdev->queues[n];

	pthread_mutex_lock(&queue->lock);
	serve(dev, n);
	pthread_mutex_unlock(&queue->lock);
}

static void explain(struct vhost_user_device *dev, char why[WHY])
{
	char text[WHY];

	snprintf(text, sizeof(text), "%s", dev->vu.why);
	dev->lost(dev, text, sizeof(text));
	snprintf(why, WHY, "its daemon %.200s", text);
	dev->reported = true;
}

/* Each time the device is started, but said once. */
static void take_over(struct vhost_user_device *dev)
{
	struct virtio_device *vdev = dev->vdev;
	char why[WHY];

	dev->serving = true;
	if (!dev->reported) {
		explain(dev, why);
		virtio_needs_reset(vdev, why);
		epoll_ctl(dev->epoll, EPOLL_CTL_DEL, dev->vu.fd, NULL);
		epoll_ctl(dev->epoll, EPOLL_CTL_DEL, dev->err, NULL);
	}
	for (u32 i = 0; i < vdev->nr_queues; i++) {
		struct virtio_queue *queue = &vdev->queues[i];

		if (!dev->queues[i].started)
			continue;
		/* It stays from one start to the next. */
		watch(dev, dev->queues[i].fds.kick, EPOLLIN, KICK, i);
		pthread_mutex_lock(&queue->lock);
		virtq_resume(&queue->q);
		serve(dev, i);
		pthread_mutex_unlock(&queue->lock);
	}
}

/* ---- The thread ---------------------------------------------------------- */

static void call(struct vhost_user_device *dev, u32 n)
{
	struct virtio_queue *queue = &dev->vdev->queues[n];

	drain(dev->queues[n].fds.call);
	atomic_fetch_add(&dev->calls, 1);
	pthread_mutex_lock(&queue->lock);
	dev->vdev->transport->queue_interrupt(dev->vdev, n);
	pthread_mutex_unlock(&queue->lock);
}

/*
 * On the thread of the device; `data` is what epoll keeps for a descriptor: its
 * kind and the queue.
 */
static void handle(struct vhost_user_device *dev, u64 data)
{
	u32 n = (u32)data;

	switch (data >> 32) {
	case SOCKET:
		/* By lkvm, if it has failed already. */
		dev->vu.closed |= !dev->vu.failed;
		vhost_user_fail(&dev->vu, "has closed the connection");
		break;
	case ERR:
		drain(dev->err);
		vhost_user_fail(&dev->vu, "reports an error of a queue");
		break;
	case CALL:
		call(dev, n);
		break;
	case KICK:
		drain(dev->queues[n].fds.kick);
		if (dev->serving && dev->queues[n].started)
			serve_queue(dev, n);
		break;
	}
}

static void run(void *opaque)
{
	struct vhost_user_device *dev = opaque;
	struct epoll_event events[MAX_EVENTS];
	int n = epoll_wait(dev->epoll, events, MAX_EVENTS, 0);

	iothread_watch(&dev->thread, dev->epoll);
	for (int i = 0; i < n; i++)
		handle(dev, events[i].data.u64);
	if (dev->vu.failed && !dev->serving)
		take_over(dev);
}

/* ---- The device ---------------------------------------------------------- */

/* Where KVM cannot notify the daemon, vCPUs leave the guest for it. */
static void let_notify(struct vhost_user_device *dev, u32 n, bool on)
{
	struct virtio_device *vdev = dev->vdev;
	struct vhost_user_queue *queue = &dev->queues[n];

	if (!vdev->transport->notify || queue->notified == on)
		return;
	queue->notified =
		!vdev->transport->notify(vdev, n, queue->fds.kick, on) && on;
}

/* The daemon may have given back chains for which no interrupt came. */
static void start_queue(struct vhost_user_device *dev, u32 n)
{
	struct virtio_queue *queue = &dev->vdev->queues[n];
	struct virtq *q = &queue->q;

	dev->queues[n].started = true;
	vhost_user_start_queue(&dev->vu, n, q, &dev->queues[n].fds);
	let_notify(dev, n, true);
	if (!q->avail)
		return;
	pthread_mutex_lock(&queue->lock);
	dev->vdev->transport->queue_interrupt(dev->vdev, n);
	pthread_mutex_unlock(&queue->lock);
}

/* A failure of the daemon is for the thread to deal with. */
int vhost_user_device_start(struct vhost_user_device *dev)
{
	struct virtio_device *vdev = dev->vdev;
	int ret;

	vhost_user_begin(&dev->vu);
	vhost_user_setup(&dev->vu, vdev->features & VHOST_USER_RING_FEATURES,
			 vdev->queues[0].q.mem);
	for (u32 i = 0; i < vdev->nr_queues; i++)
		if (vdev->queues[i].q.enabled)
			start_queue(dev, i);
	ret = iothread_start(&dev->thread, dev->name, run, dev);
	if (ret) {
		vhost_user_device_stop(dev);
		return ret;
	}
	iothread_kick(&dev->thread);
	return 0;
}

static void stop_queue(struct vhost_user_device *dev, u32 n)
{
	struct vhost_user_queue *queue = &dev->queues[n];

	if (queue->started && !dev->vu.failed)
		vhost_user_stop_queue(&dev->vu, n, &dev->vdev->queues[n].q);
	queue->started = false;
	drain(queue->fds.kick);
	drain(queue->fds.call);
}

/* The thread has ended first: it and this both use the connection. */
void vhost_user_device_stop(struct vhost_user_device *dev)
{
	struct virtio_device *vdev = dev->vdev;
	char why[WHY];

	for (u32 i = 0; i < vdev->nr_queues; i++)
		let_notify(dev, i, false);
	iothread_stop(&dev->thread);
	dev->serving = false;
	vhost_user_begin(&dev->vu);
	for (u32 i = 0; i < vdev->nr_queues; i++)
		stop_queue(dev, i);
	if (!dev->vu.failed || dev->reported)
		return;
	explain(dev, why);
	pr_warn("%s: %s", vdev->name, why);
}

void vhost_user_device_kick(struct vhost_user_device *dev, unsigned int queue)
{
	notify(dev->queues[queue].fds.kick);
}
