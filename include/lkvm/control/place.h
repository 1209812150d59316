/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where the sockets of guests are: NAME.sock in a folder that belongs to the
 * user alone. For one thread at a time.
 */
#ifndef LKVM_CONTROL_PLACE_H
#define LKVM_CONTROL_PLACE_H

#include <sys/un.h>

#include "lkvm/util/unix_socket.h"
#include "lkvm/util/util.h"

/* Bytes of an address of a UNIX socket, with the 0 at its end. */
#define CONTROL_PATH sizeof(((struct sockaddr_un *)NULL)->sun_path)

struct control_place {
	int fd; /* of the folder; -1: it is not open */
	char dir[CONTROL_PATH];
};

/* Names of guests, sorted, each of them and the array allocated. */
struct control_names {
	char **items;
	size_t count;
};

/*
 * Opens the folder, `lkvm` in $XDG_RUNTIME_DIR or, without that, in
 * /run/user/UID or, as root, in /run; `make`: makes it if it is missing.
 *
 * Returns 0; -ENOENT if there is none, -EPERM if others than this user can get
 * into it or own it, -ENAMETOOLONG, or another -errno. place->dir is its path
 * in each case, for messages. control_place_close() in each case.
 */
int control_place_open(struct control_place *place, bool make);
void control_place_close(struct control_place *place);

/*
 * Listens at the socket of the guest `name`, whose path is written to
 * path[CONTROL_PATH], which is to outlive *sock. What a run that was killed has
 * left there is replaced. Returns 0, -EINVAL for a name that cannot be used,
 * -EADDRINUSE if a guest of this name runs, -ENOTSOCK if there is another file,
 * -EBUSY if other processes keep the folder locked, or another -errno. On
 * success unix_socket_close() is to be called.
 */
int control_place_claim(const struct control_place *place, const char *name,
			struct unix_socket *sock, char *path);

/*
 * Connects to the guest `name`. Returns a descriptor, which does not block;
 * -ENOENT if no such guest runs, after removing a socket that nobody listens at
 * any more; -EINVAL for a name that cannot be used; -EAGAIN if clients wait
 * there, and nobody accepts them; or another -errno.
 */
int control_place_connect(const struct control_place *place, const char *name);

/*
 * The names for which there are sockets, also of guests that have ended.
 * Returns 0 or -errno; control_names_free() in each case.
 */
int control_place_names(const struct control_place *place,
			struct control_names *names);
void control_names_free(struct control_names *names);

/*
 * Whether the other end of a socket is a process of this user, or root's: only
 * those control a guest, whoever can reach the socket.
 */
bool control_peer_is_trusted(int fd);

/* What a -errno of these functions means, for a message that names `dir`. */
const char *control_place_explain(int err);

#endif
