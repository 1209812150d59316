/* SPDX-License-Identifier: GPL-2.0-or-later */
/* UNIX sockets that listen, and the files that are their addresses. */
#ifndef LKVM_UTIL_UNIX_SOCKET_H
#define LKVM_UTIL_UNIX_SOCKET_H

#include <sys/stat.h>

#include "lkvm/util/util.h"

struct unix_socket {
	int fd; /* -1: there is none */
	const char *path;
	struct stat file; /* what is at `path` */
};

/* Who may connect. */
enum unix_socket_access {
	UNIX_SOCKET_UMASK, /* as the process's umask says */
	UNIX_SOCKET_OWNER, /* its owner only */
};

/*
 * Makes the socket at `path`, which is not copied, and listens; accept(2) does
 * not block. A socket that nobody listens to any more is replaced. Returns 0;
 * -EADDRINUSE if another process listens there, -ENOTSOCK if the file is of
 * another kind, or another -errno. unix_socket_close() in each case.
 */
int unix_socket_listen(struct unix_socket *sock, const char *path,
		       enum unix_socket_access access, int backlog);

/* Its file is removed, if it is still this one. */
void unix_socket_close(struct unix_socket *sock);

#endif
