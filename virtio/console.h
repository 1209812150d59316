/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Internal to virtio/console*.c. */
#ifndef VIRTIO_CONSOLE_H
#define VIRTIO_CONSOLE_H

#include <linux/virtio_console.h>

#include "lkvm/util/log.h"
#include "lkvm/virtio/console.h"
#include "lkvm/virtio/runner.h"

/* As QEMU's data queues. */
#define CONSOLE_QUEUE_SIZE 128

/* Input that the guest has given no buffers for yet, in bytes. */
#define CONSOLE_LINE 1024U

/* Output of one chain, in bytes: no driver comes near. The rest is dropped. */
#define CONSOLE_MAX_OUTPUT SZ_1M

/*
 * virtio 1.4, "Console Device", "Virtqueues": 0 and 1 are of port 0, 2 and 3
 * for control messages, and so on with port 1. What the driver receives from
 * comes first.
 */
#define CONTROL_IN  2U
#define CONTROL_OUT 3U

static inline unsigned int input_queue(unsigned int port)
{
	return port ? 2 * port + 2 : 0;
}

static inline unsigned int output_queue(unsigned int port)
{
	return input_queue(port) + 1;
}

static inline unsigned int port_of_queue(unsigned int queue)
{
	return queue < CONTROL_IN ? 0 : queue / 2 - 1;
}

/* Control messages to the driver, in the order in which it wants them. */
enum due {
	DUE_ADD,
	DUE_CONSOLE,
	DUE_NAME,
	DUE_RESIZE,
	DUE_OPEN,
	NR_DUE
};

struct console_port {
	struct virtio_console *con;
	unsigned int n;
	const char *name;
	struct chardev *chr; /* NULL: there is no such port */
	struct virtio_runner output;
	struct iovec out[CONSOLE_QUEUE_SIZE]; /* of who serves the queue */
	bool silent; /* since the start; of the lock of the output queue */
	/* Of the lock of CONTROL_IN. */
	u32 due;     /* bits: messages for which there was no buffer so far */
	bool ready;  /* the driver has it */
	bool closed; /* nobody is connected, or nothing will come any more */
	/* Of the lock of the port's input queue. */
	bool running; /* the device is started */
	bool open;    /* the guest wants input */
	struct iovec in[CONSOLE_QUEUE_SIZE];
	u8 line[CONSOLE_LINE];
	u32 nr_line;
	size_t accepted; /* what the backend was told last, less what came */

	_Atomic(u64) bytes_in, bytes_out, dropped;
};

struct virtio_console {
	struct virtio_device vdev;
	struct virtio_runner control;
	struct iovec control_in[CONSOLE_QUEUE_SIZE];
	struct iovec control_out[CONSOLE_QUEUE_SIZE];
	struct ratelimit messages;
	bool running; /* the device is started; of the lock of CONTROL_IN */
	_Atomic(u32) size;    /* columns, and rows << 16 */
	_Atomic(u64) ignored; /* control messages that mean nothing */
	unsigned int nr_ports;
	struct console_port ports[];
};

static inline struct virtio_console *console_of(struct virtio_device *vdev)
{
	return container_of(vdev, struct virtio_console, vdev);
}

/* Whether the driver knows of more than port 0. From `start` on. */
static inline bool is_multiport(const struct virtio_console *con)
{
	return con->vdev.features & BIT(VIRTIO_CONSOLE_F_MULTIPORT);
}

/* console_data.c: takes a chain of output from a port's queue. */
int console_serve_output(struct virtio_device *vdev, unsigned int queue);

/* The guest may have given buffers for input. With the input queue's lock. */
void console_update(struct console_port *port);

/* The device is started, or stopped. Without a lock. */
void console_set_running(struct console_port *port, bool running);

/* Whether there is input for which the guest has no room. Without a lock. */
bool console_input_waits(struct console_port *port);

/* The guest wants a port's input, or no more. Without a lock. */
void console_set_open(struct console_port *port, bool open);

/* For struct chardev: the backend of a port, its front, sends. */
void console_receive(struct chardev *chr, const u8 *buf, size_t len);

/* console_control.c: takes a message of the driver's from its queue. */
int console_serve_control(struct virtio_device *vdev, unsigned int queue);

/* The driver may have given buffers for messages. With CONTROL_IN's lock. */
void console_send_due(struct virtio_console *con);

/* The console's size is another one. Without a lock. */
void console_tell_size(struct virtio_console *con);

/*
 * For struct chardev: the backend of a port has no more input, which the driver
 * is then told.
 */
bool console_ended(struct chardev *chr);
/* The same: somebody is connected to the backend, which it is told. */
void console_begun(struct chardev *chr);

/* The device is started, or stopped. Without a lock. */
void console_run_control(struct virtio_console *con, bool running);

/* The device is reset, all messages are forgotten. Without a lock. */
void console_forget_due(struct virtio_console *con);

#endif
