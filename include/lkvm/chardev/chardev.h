/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The interface between a serial port, the front, and what is connected to it,
 * the backend: a terminal, a pipe, nothing. Both sides call each other only
 * through this interface.
 */
#ifndef LKVM_CHARDEV_CHARDEV_H
#define LKVM_CHARDEV_CHARDEV_H

#include "lkvm/util/util.h"

struct chardev;

/*
 * Called by the front, on any vCPU thread or from inside `receive`. A backend
 * keeps a limit: what `accept` said last, less what it has delivered since.
 * It lowers the limit before it calls `receive`, and holds no lock meanwhile.
 */
struct chardev_ops {
	/* Sends bytes; returns when they have been written or are dropped. */
	void (*write)(struct chardev *chr, const u8 *buf, size_t len);
	/*
	 * The front can take `n` more bytes; 0 stops the flow. Never calls
	 * `receive` itself, so the front may hold its lock.
	 */
	void (*accept)(struct chardev *chr, size_t n);
	/*
	 * Returns, from inside `receive`, bytes beyond the limit to the
	 * backend; they come first at the next `receive`.
	 */
	void (*unread)(struct chardev *chr, const u8 *buf, size_t len);
	/*
	 * The front is done with it, and the event loop does not run. NULL: it
	 * belongs to somebody else.
	 */
	void (*destroy)(struct chardev *chr);
};

/* The front fills in `receive` and `front` when it takes the backend. */
struct chardev {
	const struct chardev_ops *ops;
	/* `len` bytes have arrived; on the event loop's thread. */
	void (*receive)(struct chardev *chr, const u8 *buf, size_t len);
	/*
	 * Nothing will arrive any more, or not before `begun`; on the same
	 * thread. False: the front
	 * has something to pass on first, and is to be told again when it has
	 * said `accept`. NULL: it does not want to know.
	 */
	bool (*ended)(struct chardev *chr);
	/*
	 * Of a backend that is connected at times: somebody is, until `ended`;
	 * on the same thread. At the start nobody is. NULL as above.
	 */
	void (*begun)(struct chardev *chr);
	/*
	 * The front is at a serial line that has gone into a break condition,
	 * which takes the place of a byte of `accept`; called as `receive`.
	 * NULL: the front has no such line, as a virtio console.
	 */
	void (*line_break)(struct chardev *chr);
	void *front;
};

#endif
