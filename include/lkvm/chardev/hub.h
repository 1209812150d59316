/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Stands between a serial port and its backend, and passes all bytes on;
 * besides, there may be a user for a time, who sees what the guest writes, as
 * well as the last of what it wrote before, and sends it input.
 */
#ifndef LKVM_CHARDEV_HUB_H
#define LKVM_CHARDEV_HUB_H

#include "lkvm/chardev/chardev.h"
#include "lkvm/vmm/evloop.h"

/* Bytes of the guest's output that are kept for a user who is slow. */
#define HUB_OUTPUT SZ_64K

/* As much of that is shown to a user who comes. */
#define HUB_HISTORY (16 * 1024U)

/* Bytes of input that wait for the guest to take them. */
#define HUB_INPUT 4096U

struct hub;

/* Who is there; embedded in the structure of that. */
struct hub_user {
	/*
	 * There is output, or the guest has taken input: on the event loop's
	 * thread, not from inside a function of the hub.
	 */
	void (*changed)(struct hub_user *user);
};

/*
 * Puts itself before `backend`, which outlives it; NULL: there is none. `loop`
 * outlives it, too. Returns 0 or -errno.
 */
int hub_create(struct chardev *backend, struct evloop *loop, struct hub **out);

/*
 * The event loop runs no more, and goes: nothing arrives from here on. Harmless
 * a second time.
 */
void hub_disconnect(struct hub *hub);

/* Behind that, when the front is gone. NULL is allowed. */
void hub_destroy(struct hub *hub);

/* What the front is to be given in place of the backend. */
struct chardev *hub_chardev(struct hub *hub);

/* All that follow are for the event loop's thread, or when it does not run. */

/*
 * `user` is there from here on, until hub_leave(): one at a time. Returns where
 * its output begins, for hub_read(): some lines back.
 */
u64 hub_enter(struct hub *hub, struct hub_user *user);
void hub_leave(struct hub *hub);

/* Who is there, or NULL. */
struct hub_user *hub_user(const struct hub *hub);

/*
 * Copies up to `size` bytes of output from *at on, and moves *at behind them;
 * returns how many. Adds to *lost how many bytes are missing before them, as
 * they came too fast for the caller.
 */
size_t hub_read(struct hub *hub, u64 *at, u8 *buf, size_t size, u64 *lost);

/*
 * Has the guest get input as it takes it, also when the user has left. Returns
 * how much of it fits the queue; `changed` is called when there is room.
 */
size_t hub_send(struct hub *hub, const u8 *buf, size_t len);

/* Bytes of input that the guest has not taken so far. */
size_t hub_waiting(struct hub *hub);

/*
 * The same for a break condition of the line, and then the byte `c`. 0,
 * -ENOTSUP if the front is no serial line, or -EAGAIN if the queue is full.
 */
int hub_send_break(struct hub *hub, u8 c);

#endif
