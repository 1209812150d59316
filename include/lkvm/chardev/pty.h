/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A pseudo-terminal as a backend: programs such as screen open its other end,
 * one after the other or several at once.
 */
#ifndef LKVM_CHARDEV_PTY_H
#define LKVM_CHARDEV_PTY_H

#include <stdatomic.h>

#include "lkvm/chardev/chardev.h"
#include "lkvm/vmm/evloop.h"

/* Bytes of the name of the other end, with its zero. */
#define PTY_NAME 64

/*
 * Makes one; *name gets what programs open. Returns its descriptor, or -errno.
 */
int pty_open(char name[PTY_NAME]);

/*
 * The backend of what pty_open() has returned, which its `destroy` closes, as
 * an error does. While nobody has the other end open, output is dropped. No
 * write blocks any more once `stopping` is set. Returns 0 or -errno.
 */
int pty_serve(int fd, struct evloop *loop, const atomic_bool *stopping,
	      struct chardev **out);

#endif
