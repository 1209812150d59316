/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A UNIX socket that listens, as a backend: one client at a time is connected
 * to the front, the next one when it has gone.
 */
#ifndef LKVM_CHARDEV_SOCKET_H
#define LKVM_CHARDEV_SOCKET_H

#include <stdatomic.h>

#include "lkvm/chardev/chardev.h"
#include "lkvm/vmm/evloop.h"

struct socket_port;

/*
 * Makes the socket at `path`, which is not copied. One that nobody listens to
 * any more is replaced. Clients can connect from here on, and wait. Returns 0;
 * -EADDRINUSE if another process listens there, -ENOTSOCK if the file is of
 * another kind, or another -errno.
 */
int socket_listen(const char *path, struct socket_port **out);

/*
 * Begins to serve clients on the event loop: after this the backend has to be
 * given its front before the loop runs. `name` is for messages and not copied;
 * no write blocks any more once `stopping` is set. The backend's `destroy` is
 * what ends the socket. Returns 0, or -errno: then the socket has ended.
 */
int socket_serve(struct socket_port *port, const char *name,
		 struct evloop *loop, const atomic_bool *stopping,
		 struct chardev **out);

/* Ends one that is not served. Its file is removed, if it is still this one. */
void socket_close(struct socket_port *port);

#endif
