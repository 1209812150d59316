/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Control messages of a console (virtio 1.4, "Console Device", "Multiport
 * Device Operation"): the driver is told which ports there are, what they are
 * called and whether somebody is connected, and says when its users open them.
 *
 * Messages to the driver are bits of its ports until it has given a buffer for
 * them: however many it asks for, there is no more to be kept, and what it gets
 * is the state at that time.
 */
#include <endian.h>
#include <errno.h>
#include <string.h>

#include "console.h"
#include "lkvm/util/iov.h"

/* A message to the driver, and what comes behind it. */
struct message {
	struct virtio_console_control control;
	u8 more[VIRTIO_CONSOLE_MAX_NAME];
	size_t len; /* of both */
};

static const u16 events[NR_DUE] = {
	[DUE_ADD] = VIRTIO_CONSOLE_PORT_ADD,
	[DUE_CONSOLE] = VIRTIO_CONSOLE_CONSOLE_PORT,
	[DUE_NAME] = VIRTIO_CONSOLE_PORT_NAME,
	[DUE_RESIZE] = VIRTIO_CONSOLE_RESIZE,
	[DUE_OPEN] = VIRTIO_CONSOLE_PORT_OPEN,
};

/* ---- To the driver ------------------------------------------------------- */

/*
 * As specified. Of Linux 6.1.y and 6.12.y some have this order and some have
 * the rows first, as mainline has again: see features_of() in console.c.
 */
static size_t put_size(const struct virtio_console *con, u8 *to)
{
	u32 size = atomic_load(&con->size);
	u16 rows = htole16((u16)(size >> 16)), cols = htole16((u16)size);

	memcpy(to, &cols, sizeof(cols));
	memcpy(to + sizeof(cols), &rows, sizeof(rows));
	return sizeof(rows) + sizeof(cols);
}

/* A name has no zero at its end. */
static size_t put_name(const struct console_port *port, u8 *to)
{
	size_t len = strnlen(port->name, VIRTIO_CONSOLE_MAX_NAME);

	memcpy(to, port->name, len);
	return len;
}

static void make_message(const struct console_port *port, enum due what,
			 struct message *msg)
{
	*msg = (struct message) {
		.control = { .id = htole32(port->n),
			     .event = htole16(events[what]),
			     .value = htole16(what != DUE_OPEN ||
					      !port->closed) },
		.len = sizeof(msg->control),
	};
	if (what == DUE_NAME)
		msg->len += put_name(port, msg->more);
	else if (what == DUE_RESIZE)
		msg->len += put_size(port->con, msg->more);
}

/*
 * Cut to what the driver has room for. Returns 1, 0 if there is no buffer now,
 * or -EINVAL.
 */
static int send(struct console_port *port, enum due what)
{
	struct virtio_console *con = port->con;
	struct virtq *q = &con->vdev.queues[CONTROL_IN].q;
	struct virtq_chain chain = { .iov = con->control_in,
				     .max_iov = CONSOLE_QUEUE_SIZE };
	struct message msg;
	int ret;

	do {
		ret = virtq_pop(q, &chain);
	} while (!ret && virtq_enable_kicks(q));
	if (ret <= 0)
		return ret;
	make_message(port, what, &msg);
	virtq_push(q, &chain,
		   (u32)iov_write(chain.iov + chain.nr_out, chain.nr_in, 0,
				  &msg, msg.len));
	return 1;
}

/* In the order of enum due. Returns what send() does. */
static int send_port(struct console_port *port)
{
	int ret = 1;

	for (unsigned int i = 0; ret > 0 && i < NR_DUE; i++) {
		if (!(port->due & BIT(i)))
			continue;
		ret = send(port, (enum due)i);
		if (ret > 0)
			port->due &= ~(u32)BIT(i);
	}
	return ret;
}

void console_send_due(struct virtio_console *con)
{
	int ret = 1;

	if (!con->running ||
	    virtio_get_status(&con->vdev) & VIRTIO_S_NEEDS_RESET)
		return;
	for (unsigned int i = 0; ret > 0 && i < con->nr_ports; i++)
		ret = send_port(&con->ports[i]);
	virtio_queue_done(&con->vdev, CONTROL_IN);
	if (ret < 0)
		virtio_needs_reset(&con->vdev, "its driver has broken a queue");
}

/* ---- From the driver ----------------------------------------------------- */

/* The driver can use ports: it is told of those that there are. */
static void add_all(struct virtio_console *con)
{
	pthread_mutex_lock(&con->vdev.queues[CONTROL_IN].lock);
	for (unsigned int i = 0; i < con->nr_ports; i++)
		if (con->ports[i].chr)
			con->ports[i].due |= BIT(DUE_ADD);
	console_send_due(con);
	pthread_mutex_unlock(&con->vdev.queues[CONTROL_IN].lock);
}

/*
 * A named port's backend is connected as long as there may be input; Linux's
 * users wait for that, and its read(2) then returns 0.
 */
static u32 due_of(const struct console_port *port)
{
	bool has_size = port->con->vdev.offered & BIT(VIRTIO_CONSOLE_F_SIZE);

	if (port->name)
		return BIT(DUE_NAME) | BIT(DUE_OPEN);
	return BIT(DUE_CONSOLE) | BIT(DUE_OPEN) |
	       (has_size ? BIT(DUE_RESIZE) : 0);
}

static void set_ready(struct console_port *port, bool ready)
{
	struct virtio_device *vdev = &port->con->vdev;

	pthread_mutex_lock(&vdev->queues[CONTROL_IN].lock);
	port->ready = ready;
	if (ready)
		port->due |= due_of(port);
	else
		port->due = 0;
	console_send_due(port->con);
	pthread_mutex_unlock(&vdev->queues[CONTROL_IN].lock);
}

static void ignore(struct virtio_console *con, const char *why)
{
	atomic_fetch_add(&con->ignored, 1);
	pr_guest(&con->messages, "%s: a control message %s is ignored",
		 con->vdev.name, why);
}

/* The numbers are checked here, and are a copy. */
static void handle(struct virtio_console *con, u32 id, u16 event, u16 value)
{
	struct console_port *port = NULL;

	if (event == VIRTIO_CONSOLE_DEVICE_READY) {
		if (value)
			add_all(con);
		return;
	}
	if (id < con->nr_ports && con->ports[id].chr)
		port = &con->ports[id];
	if (!port)
		ignore(con, "for a port that there is not");
	else if (event == VIRTIO_CONSOLE_PORT_READY)
		set_ready(port, value);
	else if (event == VIRTIO_CONSOLE_PORT_OPEN)
		console_set_open(port, value);
	else
		ignore(con, "of an unknown kind");
}

/* What is behind a message means nothing. The queue's lock is not held then. */
int console_serve_control(struct virtio_device *vdev, unsigned int n)
{
	struct virtio_console *con = console_of(vdev);
	struct virtio_queue *queue = &vdev->queues[n];
	struct virtq_chain chain = { .iov = con->control_out,
				     .max_iov = CONSOLE_QUEUE_SIZE };
	struct virtio_console_control msg;
	int ret = virtq_pop(&queue->q, &chain);

	if (ret <= 0)
		return ret;
	pthread_mutex_unlock(&queue->lock);
	if (iov_read(chain.iov, chain.nr_out, 0, &msg, sizeof(msg)) ==
	    sizeof(msg))
		handle(con, le32toh(msg.id), le16toh(msg.event),
		       le16toh(msg.value));
	else
		ignore(con, "that is too short");
	pthread_mutex_lock(&queue->lock);
	virtq_push(&queue->q, &chain, 0);
	return 1;
}

/* ---- The device ---------------------------------------------------------- */

void console_tell_size(struct virtio_console *con)
{
	struct console_port *port = &con->ports[0];

	virtio_config_changed(&con->vdev);
	pthread_mutex_lock(&con->vdev.queues[CONTROL_IN].lock);
	if (port->ready) {
		port->due |= BIT(DUE_RESIZE);
		console_send_due(con);
	}
	pthread_mutex_unlock(&con->vdev.queues[CONTROL_IN].lock);
}

static void set_closed(struct console_port *port, bool closed)
{
	struct virtio_console *con = port->con;

	pthread_mutex_lock(&con->vdev.queues[CONTROL_IN].lock);
	port->closed = closed;
	if (port->ready) {
		port->due |= BIT(DUE_OPEN);
		console_send_due(con);
	}
	pthread_mutex_unlock(&con->vdev.queues[CONTROL_IN].lock);
}

/* On the event loop, as what adds to the input that waits. */
bool console_ended(struct chardev *chr)
{
	struct console_port *port = chr->front;

	if (console_input_waits(port))
		return false;
	set_closed(port, true);
	return true;
}

void console_begun(struct chardev *chr)
{
	set_closed(chr->front, false);
}

void console_run_control(struct virtio_console *con, bool running)
{
	pthread_mutex_lock(&con->vdev.queues[CONTROL_IN].lock);
	con->running = running;
	pthread_mutex_unlock(&con->vdev.queues[CONTROL_IN].lock);
}

void console_forget_due(struct virtio_console *con)
{
	pthread_mutex_lock(&con->vdev.queues[CONTROL_IN].lock);
	for (unsigned int i = 0; i < con->nr_ports; i++) {
		con->ports[i].due = 0;
		con->ports[i].ready = false;
	}
	pthread_mutex_unlock(&con->vdev.queues[CONTROL_IN].lock);
}
