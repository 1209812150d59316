/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Listening UNIX sockets. What a process that was killed has left at the
 * address is replaced, what another one listens to is not, and what is removed
 * at the end is only what was made here.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "lkvm/util/unix_socket.h"

/*
 * What is at the address already. A connection that is refused is the only sign
 * that nobody listens any more. Returns 0 if the file is of no use to anybody.
 */
static int probe(const struct sockaddr_un *addr)
{
	struct stat st;
	int fd, ret;

	if (lstat(addr->sun_path, &st) < 0)
		return -errno;
	if (!S_ISSOCK(st.st_mode))
		return -ENOTSOCK;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	ret = connect(fd, (const struct sockaddr *)addr, sizeof(*addr)) < 0
		      ? -errno
		      : 0;
	close(fd);
	if (ret == -ECONNREFUSED)
		return 0;
	/* EAGAIN: its backlog is full. */
	return ret && ret != -EAGAIN ? ret : -EADDRINUSE;
}

/* Two that find the same file left over at the same moment: the last has it. */
static int bind_to(int fd, const struct sockaddr_un *addr)
{
	const struct sockaddr *name = (const struct sockaddr *)addr;
	int ret;

	if (!bind(fd, name, sizeof(*addr)))
		return 0;
	if (errno != EADDRINUSE)
		return -errno;
	ret = probe(addr);
	if (ret)
		return ret;
	if (unlink(addr->sun_path) < 0 || bind(fd, name, sizeof(*addr)) < 0)
		return -errno;
	return 0;
}

/* Nobody can connect before listen(2), so the mode is in time. */
int unix_socket_listen(struct unix_socket *sock, const char *path,
		       enum unix_socket_access access, int backlog)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	size_t len = strlen(path);
	int ret;

	memset(sock, 0, sizeof(*sock));
	sock->fd = -1;
	sock->path = path;
	if (len >= sizeof(addr.sun_path))
		return -ENAMETOOLONG;
	memcpy(addr.sun_path, path, len);
	sock->fd =
		socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (sock->fd < 0)
		return -errno;
	ret = bind_to(sock->fd, &addr);
	if (ret)
		return ret;
	/* From here on unix_socket_close() removes the file. */
	if (lstat(path, &sock->file) < 0)
		return -errno;
	if (access == UNIX_SOCKET_OWNER && chmod(path, S_IRUSR | S_IWUSR) < 0)
		return -errno;
	return listen(sock->fd, backlog) < 0 ? -errno : 0;
}

void unix_socket_close(struct unix_socket *sock)
{
	struct stat st;

	if (sock->fd < 0)
		return;
	if (sock->file.st_ino && !lstat(sock->path, &st) &&
	    st.st_ino == sock->file.st_ino && st.st_dev == sock->file.st_dev)
		unlink(sock->path);
	close(sock->fd);
	sock->fd = -1;
}
