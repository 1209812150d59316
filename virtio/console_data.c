/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Bytes of a console and of named ports, in both directions.
 *
 * Output is written by the vCPU that notifies the queue, which waits as long as
 * the backend does, as at a UART: Linux's console waits in a loop for the used
 * ring, whatever it says of interrupts.
 *
 * Input waits on a "line" of CONSOLE_LINE bytes until the guest has given
 * buffers for it, and the backend is told how much fits there: a guest that
 * does not read loses nothing, and has nobody wait. What is there when the
 * device is reset is the next driver's.
 *
 * Locks: a queue's, never two at a time, and then the backend's.
 */
#include <string.h>

#include "console.h"
#include "lkvm/util/iov.h"

/* ---- Output -------------------------------------------------------------- */

/*
 * Up to CONSOLE_MAX_OUTPUT bytes, straight from the guest's memory; none of a
 * port that there is not.
 */
static void write_chain(struct console_port *port,
			const struct virtq_chain *chain)
{
	u64 total = port->chr ? MIN(chain->out_len, CONSOLE_MAX_OUTPUT) : 0;
	u64 left = total;

	for (u32 i = 0; left && i < chain->nr_out; i++) {
		const struct iovec *buf = &chain->iov[i];
		size_t len = MIN(left, buf->iov_len);

		port->chr->ops->write(port->chr, buf->iov_base, len);
		left -= len;
	}
	atomic_fetch_add(&port->bytes_out, total);
	atomic_fetch_add(&port->dropped, chain->out_len - total);
}

int console_serve_output(struct virtio_device *vdev, unsigned int n)
{
	struct console_port *port = &console_of(vdev)->ports[port_of_queue(n)];
	struct virtio_queue *queue = &vdev->queues[n];
	struct virtq_chain chain = { .iov = port->out,
				     .max_iov = CONSOLE_QUEUE_SIZE };
	int ret = virtq_pop(&queue->q, &chain);

	if (ret <= 0)
		return ret;
	pthread_mutex_unlock(&queue->lock);
	write_chain(port, &chain);
	pthread_mutex_lock(&queue->lock);
	virtq_push(&queue->q, &chain, 0);
	return 1;
}

/* ---- Input: with the lock of the port's input queue ---------------------- */

static struct virtio_queue *input_of(struct console_port *port)
{
	return &port->con->vdev.queues[input_queue(port->n)];
}

/* Bytes of the line into the next chain. Returns what virtq_pop() does. */
static int deliver_some(struct console_port *port, struct virtq *q, u32 *len)
{
	struct virtq_chain chain = { .iov = port->in,
				     .max_iov = CONSOLE_QUEUE_SIZE };
	int ret = virtq_pop(q, &chain);

	if (ret <= 0)
		return ret;
	*len = (u32)iov_write(chain.iov + chain.nr_out, chain.nr_in, 0,
			      port->line, port->nr_line);
	port->nr_line -= *len;
	memmove(port->line, port->line + *len, port->nr_line);
	atomic_fetch_add(&port->bytes_in, *len);
	virtq_push(q, &chain, *len);
	return 1;
}

/*
 * As long as there are buffers. Of chains without room for a byte the driver
 * gets no more than a ring of them back.
 */
static int deliver_line(struct console_port *port, struct virtq *q)
{
	u32 useless = 0, len = 0;
	int ret = 1;

	while (port->nr_line && useless < q->size) {
		ret = deliver_some(port, q, &len);
		if (ret < 0 || (!ret && !virtq_enable_kicks(q)))
			break;
		useless += ret > 0 && !len;
	}
	if (useless >= q->size)
		virtq_enable_kicks(q);
	return ret;
}

/*
 * A driver that is not there, or needs a reset, gets nothing. While nothing
 * waits it need not notify.
 */
static void deliver(struct console_port *port)
{
	struct virtio_device *vdev = &port->con->vdev;
	struct virtq *q = &input_of(port)->q;

	if (!port->running || virtio_get_status(vdev) & VIRTIO_S_NEEDS_RESET)
		return;
	virtq_disable_kicks(q);
	if (!port->open || !port->nr_line)
		return;
	if (deliver_line(port, q) < 0)
		virtio_needs_reset(vdev, "its driver has broken a queue");
	virtio_queue_done(vdev, input_queue(port->n));
}

/* What the backend may send: nothing while nobody listens. */
void console_update(struct console_port *port)
{
	size_t room = 0;

	deliver(port);
	if (port->running && port->open)
		room = CONSOLE_LINE - port->nr_line;
	if (!port->chr || room == port->accepted)
		return;
	port->accepted = room;
	port->chr->ops->accept(port->chr, room);
}

/* On the event loop. What finds no room goes back, see chardev.h. */
void console_receive(struct chardev *chr, const u8 *buf, size_t len)
{
	struct console_port *port = chr->front;
	struct virtio_queue *queue = input_of(port);
	size_t n;

	pthread_mutex_lock(&queue->lock);
	n = MIN(len, CONSOLE_LINE - port->nr_line);
	memcpy(port->line + port->nr_line, buf, n);
	port->nr_line += (u32)n;
	port->accepted -= MIN(port->accepted, len);
	console_update(port);
	pthread_mutex_unlock(&queue->lock);
	if (n < len)
		chr->ops->unread(chr, buf + n, len - n);
}

bool console_input_waits(struct console_port *port)
{
	struct virtio_queue *queue = input_of(port);
	bool waits;

	pthread_mutex_lock(&queue->lock);
	waits = port->nr_line;
	pthread_mutex_unlock(&queue->lock);
	return waits;
}

void console_set_open(struct console_port *port, bool open)
{
	pthread_mutex_lock(&input_of(port)->lock);
	port->open = open;
	console_update(port);
	pthread_mutex_unlock(&input_of(port)->lock);
}

/* A console that is the only port needs no message to be open. */
void console_set_running(struct console_port *port, bool running)
{
	pthread_mutex_lock(&input_of(port)->lock);
	port->running = running;
	if (running && !port->n && !is_multiport(port->con))
		port->open = true;
	console_update(port);
	pthread_mutex_unlock(&input_of(port)->lock);
}
