/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Stands between a serial port and its backend, and passes all bytes on; those
 * that the guest writes are also looked at, on a thread of their own.
 */
#ifndef LKVM_CHARDEV_TAP_H
#define LKVM_CHARDEV_TAP_H

#include <stdatomic.h>

#include "lkvm/chardev/chardev.h"
#include "lkvm/vmm/evloop.h"

struct tap;

/* Both on the tap's thread. Times are those of clock_now(). */
struct tap_ops {
	/*
	 * The guest has written `len` bytes, or none: then it is the time that
	 * the last call has returned. Returns when it is to be called in any
	 * case; UINT64_MAX: with the next bytes.
	 */
	u64 (*output)(void *opaque, const u8 *buf, size_t len, u64 now);
	/*
	 * The guest was reset; what it wrote before was passed already.
	 * `output` is called next, with no bytes if there are none.
	 */
	void (*reset)(void *opaque, u64 now);
};

/*
 * Puts itself before `backend`, which outlives it; NULL: there is none. A guest
 * that writes faster than its bytes are looked at waits, but not once
 * `stopping` is set. Returns NULL if there is no memory.
 */
struct tap *tap_create(struct chardev *backend, const atomic_bool *stopping,
		       const struct tap_ops *ops, void *opaque);

/* What the front is to be given in place of the backend. */
struct chardev *tap_chardev(struct tap *tap);

/*
 * From now on the front's input is what tap_send() gives, and that of the
 * backend is not taken. Before there is a front; `loop` outlives the tap. 0 or
 * -errno.
 */
int tap_take_input(struct tap *tap, struct evloop *loop);

/* Has the front get these bytes as it takes them. Any thread. 0 or -ENOMEM. */
int tap_send(struct tap *tap, const char *buf, size_t len);

/* Starts the thread. `output` is called at once, with no bytes. 0 or -errno. */
int tap_start(struct tap *tap);

/*
 * The guest is being reset and writes nothing meanwhile. Returns when all that
 * it has written was looked at, or a second is over. Main thread.
 */
void tap_reset(struct tap *tap);

/*
 * The guest writes nothing any more, and the event loop does not run: ends the
 * thread when all was looked at, and input of tap_send(). False if that takes
 * too long: then the thread goes on, and what it uses has to stay. Harmless if
 * there is no thread, or a second time.
 */
bool tap_finish(struct tap *tap);

/* After tap_finish(), and when the front is gone. NULL is allowed. */
void tap_destroy(struct tap *tap);

#endif
