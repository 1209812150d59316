/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where debuggers connect: a socket that listens, and one client at a time; the
 * next one when it has gone.
 */
#ifndef LKVM_GDB_SERVER_H
#define LKVM_GDB_SERVER_H

#include "lkvm/config/gdb.h"
#include "lkvm/gdb/target.h"
#include "lkvm/vmm/evloop.h"

struct gdb_server;

/*
 * Makes the socket, whose path is not copied: clients can connect, and wait.
 * Returns 0, or -errno after a message.
 */
int gdb_server_listen(const struct gdb_config *config, struct gdb_server **out);

/*
 * Serves clients on the event loop; `target` outlives the server. Tells the
 * user where. Returns 0, or -errno after a message; the server is to be
 * destroyed either way.
 */
int gdb_server_start(struct gdb_server *server, struct gdb_target *target,
		     struct evloop *loop);

/* The target may have stopped. Any thread, as long as the server is there. */
void gdb_server_wake(struct gdb_server *server);

/*
 * The target has ended, with that status, and the event loop does not run: tell
 * a client that is connected, if it takes it at once.
 */
void gdb_server_exited(struct gdb_server *server, u8 status);

/* The event loop does not run, nor does what calls gdb_server_wake(). */
void gdb_server_destroy(struct gdb_server *server);

#endif
