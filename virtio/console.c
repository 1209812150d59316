/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A console and named ports (virtio 1.4, "Console Device"): bytes in both
 * directions, and the device itself. Control messages are in console_control.c.
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
#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/virtio_ids.h>

#include "console.h"
#include "lkvm/util/iov.h"
#include "lkvm/util/json.h"

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

static int serve_output(struct virtio_device *vdev, unsigned int n)
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

	if (virtio_get_status(vdev) & VIRTIO_S_NEEDS_RESET)
		return;
	virtq_disable_kicks(q);
	if (!port->open || !port->nr_line)
		return;
	if (deliver_line(port, q) < 0)
		virtio_needs_reset(vdev, "its driver has broken a queue");
	virtio_queue_done(vdev, input_queue(port->n));
}

/* What the backend may send: nothing while nobody listens. */
static void update(struct console_port *port)
{
	size_t room = 0;

	deliver(port);
	if (port->open)
		room = CONSOLE_LINE - port->nr_line;
	if (!port->chr || room == port->accepted)
		return;
	port->accepted = room;
	port->chr->ops->accept(port->chr, room);
}

/* On the event loop. What finds no room goes back, see chardev.h. */
static void receive(struct chardev *chr, const u8 *buf, size_t len)
{
	struct console_port *port = chr->front;
	struct virtio_queue *queue = input_of(port);
	size_t n;

	pthread_mutex_lock(&queue->lock);
	n = MIN(len, CONSOLE_LINE - port->nr_line);
	memcpy(port->line + port->nr_line, buf, n);
	port->nr_line += (u32)n;
	port->accepted -= MIN(port->accepted, len);
	update(port);
	pthread_mutex_unlock(&queue->lock);
	if (n < len)
		chr->ops->unread(chr, buf + n, len - n);
}

void console_set_open(struct console_port *port, bool open)
{
	pthread_mutex_lock(&input_of(port)->lock);
	port->open = open;
	update(port);
	pthread_mutex_unlock(&input_of(port)->lock);
}

/* ---- Configuration ------------------------------------------------------- */

static void console_read_config(struct virtio_device *vdev, u32 offset,
				void *buf, u32 len)
{
	const struct virtio_console *con = console_of(vdev);
	u32 size = atomic_load(&con->size);
	const struct virtio_console_config config = {
		.cols = htole16((u16)size),
		.rows = htole16((u16)(size >> 16)),
		.max_nr_ports = htole32(con->nr_ports),
	};

	memcpy(buf, (const u8 *)&config + offset, len);
}

/* "Console Device", "Emergency write": a character, whatever state it is in. */
static void console_write_config(struct virtio_device *vdev, u32 offset,
				 const void *buf, u32 len)
{
	struct console_port *port = &console_of(vdev)->ports[0];

	(void)len;
	if (offset != offsetof(struct virtio_console_config, emerg_wr) ||
	    !port->chr)
		return;
	port->chr->ops->write(port->chr, buf, 1);
	atomic_fetch_add(&port->bytes_out, 1);
}

/* Without effect on a console that had no size: its driver does not look. */
void virtio_console_resize(struct virtio_device *vdev, u16 cols, u16 rows)
{
	struct virtio_console *con = console_of(vdev);
	u32 size = cols | (u32)rows << 16;

	if (vdev->offered & BIT(VIRTIO_CONSOLE_F_SIZE) &&
	    atomic_exchange(&con->size, size) != size)
		console_tell_size(con);
}

/* ---- The device ---------------------------------------------------------- */

/* A console that is the only port needs no message to be open. */
static int console_start(struct virtio_device *vdev)
{
	struct virtio_console *con = console_of(vdev);

	if (!is_multiport(con))
		console_set_open(&con->ports[0], true);
	return 0;
}

/* Input first: what is under way to the queues ends with their locks. */
static void console_stop(struct virtio_device *vdev)
{
	struct virtio_console *con = console_of(vdev);

	virtio_runner_stop(&con->control);
	for (unsigned int i = 0; i < con->nr_ports; i++)
		console_set_open(&con->ports[i], false);
	console_forget_due(con);
	for (unsigned int i = 0; i < con->nr_ports; i++)
		virtio_runner_stop(&con->ports[i].output);
}

/* With the queue's lock. */
static void console_kick(struct virtio_device *vdev, unsigned int queue)
{
	struct virtio_console *con = console_of(vdev);
	struct console_port *port = &con->ports[port_of_queue(queue)];

	if (queue == CONTROL_IN)
		console_send_due(con);
	else if (queue == CONTROL_OUT)
		virtio_runner_kick(&con->control);
	else if (queue == input_queue(port->n))
		update(port);
	else
		virtio_runner_kick(&port->output);
}

static void console_stats(struct virtio_device *vdev, struct json_writer *json)
{
	struct virtio_console *con = console_of(vdev);
	char key[16];

	json_u64(json, "control_ignored", atomic_load(&con->ignored));
	for (unsigned int i = 0; i < con->nr_ports; i++) {
		struct console_port *port = &con->ports[i];

		if (!port->chr)
			continue;
		snprintf(key, sizeof(key), "port%u", i);
		json_begin_object(json, key);
		json_string(json, "name", port->name ?: "");
		json_u64(json, "bytes_out", atomic_load(&port->bytes_out));
		json_u64(json, "bytes_in", atomic_load(&port->bytes_in));
		json_u64(json, "dropped", atomic_load(&port->dropped));
		json_end_object(json);
	}
}

/* The event loop does not run any more. */
static void destroy_backend(struct chardev *chr)
{
	if (!chr)
		return;
	chr->receive = NULL;
	if (chr->ops->destroy)
		chr->ops->destroy(chr);
}

static void console_destroy(struct virtio_device *vdev)
{
	struct virtio_console *con = console_of(vdev);

	for (unsigned int i = 0; i < con->nr_ports; i++) {
		virtio_runner_destroy(&con->ports[i].output);
		destroy_backend(con->ports[i].chr);
	}
	virtio_runner_destroy(&con->control);
	virtio_device_destroy(vdev);
	free(con);
}

static const struct virtio_model_ops console_ops = {
	.read_config = console_read_config,
	.write_config = console_write_config,
	.start = console_start,
	.stop = console_stop,
	.kick = console_kick,
	.stats = console_stats,
	.destroy = console_destroy,
};

static void init_port(struct console_port *port, unsigned int n,
		      const struct virtio_console_port *params)
{
	struct virtio_device *vdev = &port->con->vdev;

	port->n = n;
	port->name = params->name;
	port->chr = params->chr;
	virtio_runner_init(&port->output, vdev, output_queue(n), serve_output);
	port->output.lock_step = true;
	if (!port->chr)
		return;
	port->chr->front = port;
	port->chr->receive = receive;
}

static u64 features_of(const struct virtio_console_params *params)
{
	u64 features = VIRTQ_F_VERSION_1 | VIRTQ_F_INDIRECT_DESC |
		       VIRTQ_F_EVENT_IDX | VIRTQ_F_RING_PACKED |
		       BIT(VIRTIO_CONSOLE_F_MULTIPORT);

	if (params->ports[0].chr)
		features |= BIT(VIRTIO_CONSOLE_F_EMERG_WRITE);
	if (params->ports[0].chr && params->cols && params->rows)
		features |= BIT(VIRTIO_CONSOLE_F_SIZE);
	return features;
}

/* Backends are destroyed by `destroy`, or here if that is never called. */
int virtio_console_create(const struct virtio_console_params *params,
			  struct virtio_device **out)
{
	size_t ports = params->nr_ports * sizeof(struct console_port);
	struct virtio_console *con = calloc(1, sizeof(*con) + ports);

	if (!con) {
		for (unsigned int i = 0; i < params->nr_ports; i++)
			destroy_backend(params->ports[i].chr);
		return -ENOMEM;
	}
	con->nr_ports = params->nr_ports;
	con->size = params->cols | (u32)params->rows << 16;
	con->vdev.ops = &console_ops;
	con->vdev.name = params->name;
	con->vdev.id = VIRTIO_ID_CONSOLE;
	con->vdev.config_size = sizeof(struct virtio_console_config);
	con->vdev.offered = features_of(params);
	con->vdev.nr_queues = 2 * con->nr_ports + 2;
	con->vdev.queue_size = CONSOLE_QUEUE_SIZE;
	virtio_device_init(&con->vdev, params->mem);
	virtio_runner_init(&con->control, &con->vdev, CONTROL_OUT,
			   console_serve_control);
	con->control.lock_step = true;
	for (unsigned int i = 0; i < con->nr_ports; i++) {
		con->ports[i].con = con;
		init_port(&con->ports[i], i, &params->ports[i]);
	}
	*out = &con->vdev;
	return 0;
}
