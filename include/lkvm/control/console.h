/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A port of the guest that a client of the control socket can be at: what its
 * connection carries behind the answer is what the guest writes and reads. All
 * on the event loop's thread, or while it does not run.
 */
#ifndef LKVM_CONTROL_CONSOLE_H
#define LKVM_CONTROL_CONSOLE_H

#include "lkvm/config/serial.h"
#include "lkvm/control/server.h"

struct chardev;
struct control_console;

/* How long a client that has ended its input stays, see docs/control.md. */
#define CONTROL_LINGER_MS     1000
#define CONTROL_LINGER_MAX_MS 60000

/* The ports of a guest; NULL: it has no such port. */
struct control_consoles {
	struct control_console *serial[SERIAL_MAX];
	struct control_console *virtio; /* if it is not serial[0]'s, too */
};

/*
 * Puts itself between a port and its backend, *chr, which may be NULL and
 * outlives it: *chr is what the port is to be given. Returns 0 or -errno.
 */
int control_console_create(struct chardev **chr, struct evloop *loop,
			   struct control_console **out);

/*
 * Disconnects the client, when the event loop runs no more, and before it goes;
 * then frees it all, when the port is gone. NULL is allowed in both.
 */
void control_console_disconnect(struct control_console *console);
void control_console_destroy(struct control_console *console);

/* Whether a client is there. */
bool control_console_is_busy(const struct control_console *console);

/*
 * To whom the connection of a client is to be handed over that is to be there,
 * if no other is. It is disconnected when it has ended its side and then the
 * guest has taken all input, and been silent for `linger_ms`.
 */
struct control_stream *control_console_stream(struct control_console *console,
					      unsigned int linger_ms);

/*
 * Sends the guest's kernel a sysrq key: a break of the line and then `key`, or
 * on a virtio console what stands for a break there. Returns 0, or -EAGAIN if
 * there is too much input before it.
 */
int control_console_sysrq(struct control_console *console, u8 key);

/*
 * The run is over: the client is sent the rest, for which that waits until
 * `deadline`, by clock_now(). NULL is nobody's.
 */
void control_console_end(struct control_console *console, u64 deadline);

#endif
