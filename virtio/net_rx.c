/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Frames for the guest (virtio 1.4, "Network Device", "Processing of Incoming
 * Packets"), by a thread that waits for the back end. A frame that the guest
 * has no buffers for is kept, and no more are taken from the back end until the
 * driver has added some. Then it is the host's to drop frames, or to have their
 * senders wait.
 *
 * Without VIRTIO_NET_F_MRG_RXBUF a frame has to fit into one chain; one that
 * does not is dropped, and the chain is for the next.
 */
#include <endian.h>
#include <errno.h>
#include <string.h>

#include "lkvm/util/iov.h"
#include "net.h"

/* Frames after which the driver is told at the latest. */
#define BATCH 16U

/* Until the thread lets others have the queue's lock. */
#define TURN 64U

static struct virtq *queue_of(struct net_pair *pair)
{
	return &pair->vn->vdev.queues[pair->first].q;
}

/* ---- One frame ----------------------------------------------------------- */

/*
 * A driver adds chains meanwhile: it is asked to notify for the next one before
 * this says that there is none. All that were taken for the frame still are, so
 * that one that is already there is not what it notifies for.
 */
static int pop(struct net_pair *pair, struct virtq_chain *chain)
{
	struct virtq *q = queue_of(pair);
	int ret;

	do {
		chain->iov = pair->rx.iov;
		chain->max_iov = NET_QUEUE_SIZE;
		ret = virtq_pop(q, chain);
	} while (!ret && virtq_enable_kicks(q));
	/* "at least the size of the struct virtio_net_hdr" */
	return ret > 0 && chain->in_len < NET_HEADER ? -EINVAL : ret;
}

static void give_back(struct net_pair *pair, u32 n)
{
	while (n--)
		virtq_unpop(queue_of(pair), &pair->rx.chains[n]);
}

/*
 * The next part of header and frame, the first `done` bytes of which are
 * written, goes to a chain. Returns how long it is.
 */
static u32 put(struct net_pair *pair, const struct virtq_chain *chain, u64 done)
{
	const struct net_frame *frame = &pair->rx.frame;
	const struct iovec *iov = chain->iov + chain->nr_out;
	size_t n = 0;

	if (!done)
		n = iov_write(iov, chain->nr_in, 0, &frame->header, NET_HEADER);
	else
		done -= NET_HEADER;
	n += iov_write(iov, chain->nr_in, n, frame->data + done,
		       frame->len - done);
	return (u32)n;
}

/*
 * Takes the `n`th chain of a frame that needs so many bytes in all. Returns 1,
 * 0 if there is none now, -EMSGSIZE if the guest has no room for such a frame,
 * or -EINVAL if it has broken the queue.
 */
static int take_chain(struct net_pair *pair, u32 n, u64 need)
{
	bool merge = pair->vn->vdev.features & BIT(VIRTIO_NET_F_MRG_RXBUF);
	struct virtq_chain *chain = &pair->rx.chains[n];
	struct virtq *q = queue_of(pair);
	int ret = pop(pair, chain);

	/* All that the driver has may be taken. */
	if (!ret && n && q->pending >= q->size)
		return -EMSGSIZE;
	if (ret <= 0)
		return ret;
	if ((merge || chain->in_len >= need) && n + 1 < NET_QUEUE_SIZE)
		return 1;
	virtq_unpop(q, chain);
	return -EMSGSIZE;
}

/*
 * Writes all of the frame into chains that are not pushed yet. Returns their
 * number, and where that goes in the first of them; or what take_chain() has
 * returned for one, and none is taken.
 */
static int fill(struct net_pair *pair, struct iovec *count, u32 *nr_count)
{
	u64 need = NET_HEADER + pair->rx.frame.len, done = 0;
	u32 n = 0;

	while (done < need) {
		const struct virtq_chain *chain = &pair->rx.chains[n];
		int ret = take_chain(pair, n, need);

		if (ret <= 0) {
			give_back(pair, n);
			return ret;
		}
		if (!n)
			*nr_count = iov_slice(
				count, chain->iov + chain->nr_out, chain->nr_in,
				offsetof(struct virtio_net_hdr_v1, num_buffers),
				sizeof(u16));
		pair->rx.written[n] = put(pair, chain, done);
		done += pair->rx.written[n++];
	}
	return (int)n;
}

/* Its number of chains is in the header, which is in the first of them. */
static int deliver(struct net_pair *pair)
{
	struct iovec count[sizeof(u16)];
	u32 nr_count = 0;
	int n = fill(pair, count, &nr_count);
	u16 chains = htole16((u16)n);

	if (n <= 0)
		return n;
	iov_write(count, nr_count, 0, &chains, sizeof(chains));
	for (int i = 0; i < n; i++)
		virtq_push(queue_of(pair), &pair->rx.chains[i],
			   pair->rx.written[i]);
	net_count(&pair->vn->received.frames, 1);
	net_count(&pair->vn->received.bytes, pair->rx.frame.len);
	return n;
}

/* ---- The thread ---------------------------------------------------------- */

static bool may_serve(struct net_pair *pair)
{
	return !atomic_load(&pair->rx.stopping) &&
	       !(virtio_get_status(&pair->vn->vdev) & VIRTIO_S_NEEDS_RESET);
}

/* The next one, unless there is one that waits for buffers. */
static int receive(struct net_pair *pair)
{
	int ret;

	if (pair->rx.waiting)
		return 1;
	if (!atomic_load(&pair->vn->link))
		return 0;
	ret = pair->net->ops->receive(pair->net, &pair->rx.frame);
	/* "MUST set flags to zero": the kernel says what it has checked. */
	if (ret > 0 &&
	    !(pair->vn->vdev.features & BIT(VIRTIO_NET_F_GUEST_CSUM)))
		memset(&pair->rx.frame.header, 0, NET_HEADER);
	if (ret >= 0)
		return ret;
	atomic_store(&pair->vn->link, false);
	virtio_config_changed(&pair->vn->vdev);
	return 0;
}

/* True if a frame is done with: delivered or dropped. */
static bool serve_frame(struct net_pair *pair)
{
	const struct net_frame *frame = &pair->rx.frame;
	int ret = receive(pair);

	if (!ret)
		return false;
	if (frame->len < NET_FRAME_MIN || frame->len > NET_FRAME_MAX)
		ret = -EMSGSIZE;
	else
		ret = deliver(pair);
	pair->rx.waiting = !ret;
	if (ret == -EMSGSIZE)
		net_count(&pair->vn->received.dropped, 1);
	else if (ret < 0)
		virtio_needs_reset(&pair->vn->vdev,
				   "its driver has broken a queue");
	return ret > 0 || ret == -EMSGSIZE;
}

/* True if there may be more: then it is the turn of others first. */
static bool serve_some(struct net_pair *pair)
{
	struct virtio_queue *queue = &pair->vn->vdev.queues[pair->first];
	u32 n = 0;

	pthread_mutex_lock(&queue->lock);
	if (may_serve(pair))
		virtq_disable_kicks(&queue->q);
	while (n < TURN && may_serve(pair) && serve_frame(pair))
		if (!(++n % BATCH))
			virtio_queue_done(&pair->vn->vdev, pair->first);
	virtio_queue_done(&pair->vn->vdev, pair->first);
	pthread_mutex_unlock(&queue->lock);
	return n == TURN;
}

/* A driver that has broken the queue, or has no buffers, is not woken for. */
static void run(void *opaque)
{
	struct net_pair *pair = opaque;
	bool wants;

	while (serve_some(pair))
		;
	wants = may_serve(pair) && !pair->rx.waiting &&
		atomic_load(&pair->vn->link);
	iothread_watch(&pair->rx.thread, wants ? pair->net->fd : -1);
}

/* Where KVM cannot notify the thread, vCPUs leave the guest for it. */
static int start_thread(struct net_pair *pair)
{
	struct virtio_device *vdev = &pair->vn->vdev;
	struct net_rx *rx = &pair->rx;
	int ret = iothread_start(&rx->thread, rx->name, run, pair);

	if (!ret && vdev->transport->notify)
		rx->notified = !vdev->transport->notify(vdev, pair->first,
							rx->thread.fd, true);
	return ret;
}

/* The first comes when the device is started: frames are waited for then. */
void net_rx_kick(struct net_pair *pair)
{
	atomic_store(&pair->rx.stopping, false);
	if (!pair->rx.thread.started && start_thread(pair))
		virtio_needs_reset(&pair->vn->vdev,
				   "there is no thread for its "
				   "frames");
	else
		iothread_kick(&pair->rx.thread);
}

/* A kick that is under way has the lock. What is kept was for that driver. */
void net_rx_stop(struct net_pair *pair)
{
	struct virtio_device *vdev = &pair->vn->vdev;
	struct net_rx *rx = &pair->rx;

	pthread_mutex_lock(&vdev->queues[pair->first].lock);
	atomic_store(&rx->stopping, true);
	pthread_mutex_unlock(&vdev->queues[pair->first].lock);
	if (rx->notified)
		vdev->transport->notify(vdev, pair->first, rx->thread.fd,
					false);
	rx->notified = false;
	iothread_stop(&rx->thread);
	if (rx->waiting)
		net_count(&pair->vn->received.dropped, 1);
	rx->waiting = false;
}
