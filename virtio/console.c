/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A console and named ports (virtio 1.4, "Console Device"): the device. Bytes
 * in both directions are in console_data.c, control messages in
 * console_control.c.
 */
#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/virtio_ids.h>

#include "console.h"
#include "lkvm/util/json.h"

/* ---- Configuration ------------------------------------------------------- */

/*
 * Columns and rows are one atomic word, so that a driver never sees the columns
 * of one size with the rows of another.
 */
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

/*
 * Each queue is kicked next, by virtio/device.c: input that waits in back ends
 * gets buffers then that the driver has made available before.
 */
static int console_start(struct virtio_device *vdev)
{
	struct virtio_console *con = console_of(vdev);

	console_run_control(con, true);
	for (unsigned int i = 0; i < con->nr_ports; i++) {
		con->ports[i].silent = true;
		console_set_running(&con->ports[i], true);
	}
	return 0;
}

/*
 * Input first: back ends send from the event loop's thread, with the queue's
 * lock, under which console_set_running() ends that. What the driver has asked
 * for stays, as the device may be started again.
 */
static void console_stop(struct virtio_device *vdev)
{
	struct virtio_console *con = console_of(vdev);

	virtio_runner_stop(&con->control);
	console_run_control(con, false);
	for (unsigned int i = 0; i < con->nr_ports; i++)
		console_set_running(&con->ports[i], false);
	for (unsigned int i = 0; i < con->nr_ports; i++)
		virtio_runner_stop(&con->ports[i].output);
}

/* What is done with queues of input is done with their locks. */
static void console_stop_queue(struct virtio_device *vdev, unsigned int queue)
{
	struct virtio_console *con = console_of(vdev);
	unsigned int n = port_of_queue(queue);

	if (queue == CONTROL_OUT)
		virtio_runner_stop(&con->control);
	else if (queue == output_queue(n))
		virtio_runner_stop(&con->ports[n].output);
}

/* The next driver opens what it wants. */
static void console_reset(struct virtio_device *vdev)
{
	struct virtio_console *con = console_of(vdev);

	for (unsigned int i = 0; i < con->nr_ports; i++)
		console_set_open(&con->ports[i], false);
	console_forget_due(con);
}

/*
 * Without messages Linux reads the size when it changes, not at the start, and
 * only once it has made the port. By its first output it has.
 */
static void put_out(struct console_port *port)
{
	struct virtio_console *con = port->con;
	u64 before = atomic_load(&port->bytes_out);

	virtio_runner_kick(&port->output);
	if (!port->silent || atomic_load(&port->bytes_out) == before)
		return;
	port->silent = false;
	if (!is_multiport(con) &&
	    con->vdev.features & BIT(VIRTIO_CONSOLE_F_SIZE))
		virtio_config_changed(&con->vdev);
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
		console_update(port);
	else
		put_out(port);
}

/* A port without a back end is not in use, and is left out. */
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
	chr->ended = NULL;
	chr->begun = NULL;
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
	.stop_queue = console_stop_queue,
	.reset = console_reset,
	.kick = console_kick,
	.stats = console_stats,
	.destroy = console_destroy,
};

/*
 * Output is served on the vCPU's thread for a driver that waits for it, as
 * Linux's console does (`lock_step`).
 */
static void init_port(struct console_port *port, unsigned int n,
		      const struct virtio_console_port *params)
{
	struct virtio_device *vdev = &port->con->vdev;

	port->n = n;
	port->name = params->name;
	port->chr = params->chr;
	virtio_runner_init(&port->output, vdev, output_queue(n),
			   console_serve_output);
	port->output.lock_step = true;
	port->output.own_thread = params->comes_and_goes;
	port->closed = params->comes_and_goes;
	if (!port->chr)
		return;
	port->chr->front = port;
	port->chr->receive = console_receive;
	if (params->only_input || params->comes_and_goes)
		port->chr->ended = console_ended;
	if (params->comes_and_goes)
		port->chr->begun = console_begun;
}

/*
 * A console alone tells its size by the configuration, which all drivers read
 * alike. With MULTIPORT it is a message, and they do not agree on its fields.
 */
static u64 features_of(const struct virtio_console_params *params)
{
	u64 features = VIRTQ_F_VERSION_1 | VIRTQ_F_INDIRECT_DESC |
		       VIRTQ_F_EVENT_IDX | VIRTQ_F_RING_PACKED;

	if (params->nr_ports > 1)
		features |= BIT(VIRTIO_CONSOLE_F_MULTIPORT);
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
