/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Rings that the host's kernel serves (Linux, include/uapi/linux/vhost.h). It
 * is told where RAM is, and the rings in lkvm's address space, and checks all
 * that the guest puts there against both. Notifications go from KVM to it by
 * eventfds (`kick`); a notification that KVM does not take is passed on.
 *
 * What it has for the driver are eventfds, too: `call`, once the driver wants
 * an interrupt, and `err`, once it has broken the rules. KVM makes interrupts
 * of the former while the transport can arrange for that. A thread waits for
 * both, as an interrupt may depend on a register that says what it was for, or
 * its vector may be masked. They are in an epoll instance, edge triggered, so
 * that nobody has to read them; what KVM takes does not wake the thread.
 *
 * Where a ring goes on is in its struct virtq while the kernel does not serve
 * it: 0 after a reset, and what the kernel has left after the loss of bus
 * mastering.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <linux/vhost.h>
#include <linux/virtio_net.h>

#include "lkvm/vmm/gmem.h"
#include "vhost.h"

/* Of an event: which ring, and which of its two eventfds; or what is watched.
 */
#define EVENT_ERR   1U
#define EVENT_RING  2U
#define EVENT_WATCH (EVENT_RING * VHOST_MAX_RINGS)
#define MAX_EVENTS  (2 * VHOST_MAX_RINGS + 1)
#define RING_OF(ev) ((ev) / EVENT_RING)

/* What vhost has a say in; all else is the model's. */
#define VHOST_FEATURES                                                   \
	(VIRTQ_F_INDIRECT_DESC | VIRTQ_F_EVENT_IDX | VIRTQ_F_VERSION_1 | \
	 BIT(VIRTIO_NET_F_MRG_RXBUF))

int vhost_ioctl(const struct vhost *vhost, unsigned long request, void *arg)
{
	return ioctl(vhost->fd, request, arg) < 0 ? -errno : 0;
}

static struct virtio_queue *queue_of(struct vhost *vhost, unsigned int ring)
{
	return &vhost->vdev->queues[vhost->first + ring];
}

/* ---- What the kernel has for the driver ---------------------------------- */

static void call(struct vhost *vhost, unsigned int ring)
{
	struct virtio_device *vdev = vhost->vdev;
	struct virtio_queue *queue = queue_of(vhost, ring);

	pthread_mutex_lock(&queue->lock);
	vdev->transport->queue_interrupt(vdev, vhost->first + ring);
	pthread_mutex_unlock(&queue->lock);
}

/* The other rings are left alone as well until the reset. */
static void fail(struct vhost *vhost)
{
	const struct vhost_ops *ops = vhost->ops;

	(ops->halt_all ? ops->halt_all : ops->halt)(vhost);
	virtio_needs_reset(vhost->vdev, "its driver has broken a queue");
}

static void take_event(struct vhost *vhost, u32 event)
{
	if (event == EVENT_WATCH)
		vhost->ops->look(vhost);
	else if (event & EVENT_ERR)
		fail(vhost);
	else
		call(vhost, RING_OF(event));
}

static void take_events(struct vhost *vhost)
{
	struct epoll_event events[MAX_EVENTS];
	int n = epoll_wait(vhost->epoll, events, MAX_EVENTS, 0);

	for (int i = 0; i < n; i++)
		take_event(vhost, events[i].data.u32);
}

/* Kicked once, when it is started. */
static void run(void *opaque)
{
	struct vhost *vhost = opaque;

	iothread_watch(&vhost->thread, vhost->epoll);
	take_events(vhost);
}

/* ---- One ring ------------------------------------------------------------ */

static int add_event(struct vhost *vhost, int fd, u32 event)
{
	struct epoll_event ev = { .events = EPOLLIN | EPOLLET,
				  .data.u32 = event };

	return epoll_ctl(vhost->epoll, EPOLL_CTL_ADD, fd, &ev) < 0 ? -errno : 0;
}

static int set_file(struct vhost *vhost, unsigned int ring,
		    unsigned long request, int fd)
{
	struct vhost_vring_file file = { .index = ring, .fd = fd };

	return vhost_ioctl(vhost, request, &file);
}

static int set_eventfds(struct vhost *vhost, unsigned int n)
{
	struct vhost_ring *ring = &vhost->rings[n];
	int ret;

	ring->kick = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	ring->call = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	ring->err = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (ring->kick < 0 || ring->call < 0 || ring->err < 0)
		return -errno;
	ret = add_event(vhost, ring->call, n * EVENT_RING);
	if (!ret)
		ret = add_event(vhost, ring->err, n * EVENT_RING | EVENT_ERR);
	if (!ret)
		ret = set_file(vhost, n, VHOST_SET_VRING_KICK, ring->kick);
	if (!ret)
		ret = set_file(vhost, n, VHOST_SET_VRING_CALL, ring->call);
	if (!ret)
		ret = set_file(vhost, n, VHOST_SET_VRING_ERR, ring->err);
	return ret;
}

/* Addresses are lkvm's own: virtq_enable() has checked and translated them. */
static int set_ring(struct vhost *vhost, unsigned int n)
{
	const struct virtq *q = &queue_of(vhost, n)->q;
	struct vhost_vring_state num = { .index = n, .num = q->size };
	struct vhost_vring_state base = { .index = n, .num = q->avail };
	struct vhost_vring_addr addr = {
		.index = n,
		.desc_user_addr = (uintptr_t)q->desc,
		.avail_user_addr = (uintptr_t)q->driver,
		.used_user_addr = (uintptr_t)q->device,
	};
	int ret = vhost_ioctl(vhost, VHOST_SET_VRING_NUM, &num);

	if (!ret)
		ret = vhost_ioctl(vhost, VHOST_SET_VRING_BASE, &base);
	return ret ? ret : vhost_ioctl(vhost, VHOST_SET_VRING_ADDR, &addr);
}

/* Where KVM cannot notify the kernel, vCPUs leave the guest for it. */
static int start_ring(struct vhost *vhost, unsigned int n)
{
	const struct virtio_transport_ops *transport = vhost->vdev->transport;
	struct vhost_ring *ring = &vhost->rings[n];
	int ret;

	if (!queue_of(vhost, n)->q.enabled)
		return 0;
	ret = set_ring(vhost, n);
	if (!ret)
		ret = set_eventfds(vhost, n);
	if (ret)
		return ret;
	if (transport->notify)
		ring->notified = !transport->notify(
			vhost->vdev, vhost->first + n, ring->kick, true);
	if (transport->queue_irqfd)
		transport->queue_irqfd(vhost->vdev, vhost->first + n,
				       ring->call);
	return 0;
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* A kick that is under way has the queue's lock. */
static void close_ring(struct vhost *vhost, unsigned int n)
{
	struct vhost_ring *ring = &vhost->rings[n];
	struct virtio_queue *queue = queue_of(vhost, n);
	struct vhost_vring_state base = { .index = n };

	pthread_mutex_lock(&queue->lock);
	if (ring->kick >= 0) {
		set_file(vhost, n, VHOST_SET_VRING_KICK, VHOST_FILE_UNBIND);
		set_file(vhost, n, VHOST_SET_VRING_CALL, VHOST_FILE_UNBIND);
		set_file(vhost, n, VHOST_SET_VRING_ERR, VHOST_FILE_UNBIND);
		if (!vhost_ioctl(vhost, VHOST_GET_VRING_BASE, &base))
			queue->q.avail = (u16)base.num;
	}
	close_fd(&ring->kick);
	close_fd(&ring->call);
	close_fd(&ring->err);
	pthread_mutex_unlock(&queue->lock);
}

/* Both ways, for a ring that may not have got so far. */
static void end_notifications(struct vhost *vhost, unsigned int n)
{
	const struct virtio_transport_ops *transport = vhost->vdev->transport;
	struct vhost_ring *ring = &vhost->rings[n];

	if (ring->notified)
		transport->notify(vhost->vdev, vhost->first + n, ring->kick,
				  false);
	ring->notified = false;
	if (transport->queue_irqfd)
		transport->queue_irqfd(vhost->vdev, vhost->first + n, -1);
}

/* ---- All of them --------------------------------------------------------- */

/* RAM and nothing else: flash and devices are out of the kernel's reach. */
static int set_memory(struct vhost *vhost)
{
	const struct gmem *mem = queue_of(vhost, 0)->q.mem;
	/* The regions are behind the structure. */
	u64 buf[(sizeof(struct vhost_memory) +
		 GMEM_MAX_REGIONS * sizeof(struct vhost_memory_region)) /
		sizeof(u64)] = { 0 };
	struct vhost_memory *table = (struct vhost_memory *)buf;

	table->nregions = mem->nr_regions;
	for (unsigned int i = 0; i < mem->nr_regions; i++)
		table->regions[i] = (struct vhost_memory_region) {
			.guest_phys_addr = mem->regions[i].gpa,
			.memory_size = mem->regions[i].size,
			.userspace_addr = (uintptr_t)mem->regions[i].hva,
		};
	return vhost_ioctl(vhost, VHOST_SET_MEM_TABLE, table);
}

static int start_thread(struct vhost *vhost)
{
	int ret;

	vhost->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (vhost->epoll < 0)
		return -errno;
	if (vhost->watched >= 0) {
		ret = add_event(vhost, vhost->watched, EVENT_WATCH);
		if (ret)
			return ret;
	}
	ret = iothread_start(&vhost->thread, vhost->name, run, vhost);
	if (!ret)
		iothread_kick(&vhost->thread);
	return ret;
}

int vhost_start(struct vhost *vhost)
{
	u64 features = vhost->vdev->features & vhost->features;
	int ret = vhost_ioctl(vhost, VHOST_SET_FEATURES, &features);

	if (!ret)
		ret = set_memory(vhost);
	if (!ret)
		ret = start_thread(vhost);
	for (unsigned int i = 0; !ret && i < vhost->nr; i++)
		ret = start_ring(vhost, i);
	if (!ret)
		ret = vhost->ops->run(vhost);
	if (ret)
		vhost_stop(vhost);
	return ret;
}

/*
 * The kernel first. What it has said by then is passed on: a device that goes
 * on later owes the driver that interrupt.
 */
void vhost_stop(struct vhost *vhost)
{
	vhost->ops->halt(vhost);
	for (unsigned int i = 0; i < vhost->nr; i++)
		end_notifications(vhost, i);
	iothread_stop(&vhost->thread);
	if (vhost->epoll >= 0)
		take_events(vhost);
	for (unsigned int i = 0; i < vhost->nr; i++)
		close_ring(vhost, i);
	close_fd(&vhost->epoll);
}

/* EAGAIN: 2^64 - 2 kicks have not been read, one more says nothing new. */
void vhost_kick(struct vhost *vhost, unsigned int queue)
{
	const u64 one = 1;

	while (write(vhost->rings[queue - vhost->first].kick, &one,
		     sizeof(one)) < 0 &&
	       errno == EINTR)
		;
}

u64 vhost_mask(const struct vhost *vhost, u64 features)
{
	return features & (vhost->features | ~VHOST_FEATURES) &
	       ~(VIRTQ_F_RING_PACKED | VIRTQ_F_RING_RESET);
}

int vhost_init(struct vhost *vhost, int fd, const struct vhost_ops *ops,
	       struct virtio_device *vdev, unsigned int first, unsigned int nr)
{
	int ret;

	memset(vhost, 0, sizeof(*vhost));
	vhost->ops = ops;
	vhost->vdev = vdev;
	vhost->fd = fd;
	vhost->first = first;
	vhost->nr = nr;
	vhost->epoll = vhost->watched = -1;
	for (unsigned int i = 0; i < VHOST_MAX_RINGS; i++)
		vhost->rings[i] = (struct vhost_ring) { -1, -1, -1, false };
	snprintf(vhost->name, sizeof(vhost->name), "%.9s/v%u", vdev->name,
		 first % 100);
	ret = vhost_ioctl(vhost, VHOST_SET_OWNER, NULL);
	return ret ? ret
		   : vhost_ioctl(vhost, VHOST_GET_FEATURES, &vhost->features);
}
