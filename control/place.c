/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The folder of control sockets. It is its user's alone, and that is checked
 * before anything in it is used: where its parent is a folder that others can
 * write to, as /tmp is, another user may have made it.
 *
 * Who makes or removes a socket holds a lock on the folder (flock(2)), so that
 * no socket is taken for one that was left over between its bind(2) and its
 * listen(2), and no two runs replace the same one.
 *
 * Used by both sides: a run claims its name here (control/control.c), and the
 * commands for running guests connect here. What the folder contains is not
 * trusted to be ours: names are checked against control_name_is_good() before
 * they become a path, and each side asks the kernel for the other one's user.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lkvm/config/control.h"
#include "lkvm/control/place.h"

#define SUFFIX ".sock"

/* Clients that wait to be accepted. */
#define BACKLOG 16

/* How long the lock is waited for: it is held for a few system calls. */
#define LOCK_TRIES   100
#define LOCK_WAIT_US 20000

/* A path in XDG_RUNTIME_DIR that is not absolute is to be ignored, says XDG. */
static int find(struct control_place *place)
{
	const char *runtime = getenv("XDG_RUNTIME_DIR");
	uid_t uid = geteuid();
	int n;

	if (runtime && *runtime == '/')
		n = snprintf(place->dir, sizeof(place->dir), "%s/lkvm",
			     runtime);
	else if (uid)
		n = snprintf(place->dir, sizeof(place->dir),
			     "/run/user/%u/lkvm", (unsigned int)uid);
	else
		n = snprintf(place->dir, sizeof(place->dir), "/run/lkvm");
	return (size_t)n < sizeof(place->dir) ? 0 : -ENAMETOOLONG;
}

/*
 * The checks are of the open descriptor, and a symbolic link is refused:
 * another user could otherwise make the path lead to a folder of this user that
 * is for something else.
 */
int control_place_open(struct control_place *place, bool make)
{
	struct stat st;
	int ret;

	place->fd = -1;
	ret = find(place);
	if (ret)
		return ret;
	if (make && mkdir(place->dir, S_IRWXU) < 0 && errno != EEXIST)
		return -errno;
	place->fd = open(place->dir,
			 O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (place->fd < 0)
		return errno == ELOOP || errno == ENOTDIR ? -EPERM : -errno;
	if (fstat(place->fd, &st) < 0)
		return -errno;
	return st.st_uid == geteuid() && !(st.st_mode & (S_IRWXG | S_IRWXO))
		       ? 0
		       : -EPERM;
}

void control_place_close(struct control_place *place)
{
	if (place->fd >= 0)
		close(place->fd);
	place->fd = -1;
}

/* A process that was stopped while it held the lock is not waited for. */
static int lock(const struct control_place *place)
{
	for (int i = 0; i < LOCK_TRIES; i++) {
		if (!flock(place->fd, LOCK_EX | LOCK_NB))
			return 0;
		if (errno != EWOULDBLOCK && errno != EINTR)
			return -errno;
		usleep(LOCK_WAIT_US);
	}
	return -EBUSY;
}

static void unlock(const struct control_place *place)
{
	flock(place->fd, LOCK_UN);
}

/* Checked names have no '/', so the path stays within the folder. */
static int find_socket(const struct control_place *place, const char *name,
		       char *path)
{
	int n;

	if (!control_name_is_good(name))
		return -EINVAL;
	n = snprintf(path, CONTROL_PATH, "%s/%s" SUFFIX, place->dir, name);
	return (size_t)n < CONTROL_PATH ? 0 : -ENAMETOOLONG;
}

/*
 * unix_socket_listen() replaces a socket that nobody listens at; the lock keeps
 * two runs from doing that to each other between bind(2) and listen(2).
 */
int control_place_claim(const struct control_place *place, const char *name,
			struct unix_socket *sock, char *path)
{
	int ret = find_socket(place, name, path);

	if (!ret)
		ret = lock(place);
	if (ret)
		return ret;
	ret = unix_socket_listen(sock, path, UNIX_SOCKET_OWNER, BACKLOG);
	if (ret)
		unix_socket_close(sock);
	unlock(place);
	return ret;
}

/*
 * Does not block: a guest whose backlog is full gives -EAGAIN instead of making
 * the client wait without a limit.
 */
static int connect_to(const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int ret;

	if (fd < 0)
		return -errno;
	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
	if (!connect(fd, (const struct sockaddr *)&addr, sizeof(addr)))
		return fd;
	ret = -errno;
	close(fd);
	return ret;
}

/*
 * With the lock, as a guest that is about to listen refuses, too. So does a
 * file of any other kind, which is not ours to remove.
 */
static int remove_stale(const struct control_place *place, const char *path)
{
	struct stat st;
	int ret = lock(place);

	if (ret)
		return ret;
	ret = connect_to(path);
	if (ret == -ECONNREFUSED && lstat(path, &st) < 0)
		ret = -errno;
	else if (ret == -ECONNREFUSED && !S_ISSOCK(st.st_mode))
		ret = -ENOTSOCK;
	else if (ret == -ECONNREFUSED)
		ret = unlink(path) < 0 ? -errno : -ENOENT;
	unlock(place);
	return ret;
}

/*
 * The first attempt is made without the lock, which only a refused connection
 * needs. The process at the other end is checked, too: a stranger's answers
 * would be shown as the guest's.
 */
int control_place_connect(const struct control_place *place, const char *name)
{
	char path[CONTROL_PATH];
	int ret = find_socket(place, name, path);

	if (ret)
		return ret;
	ret = connect_to(path);
	if (ret == -ECONNREFUSED)
		ret = remove_stale(place, path);
	if (ret < 0 || control_peer_is_trusted(ret))
		return ret;
	close(ret);
	return -EPERM;
}

/* The name of the guest, or NULL: the file is none of ours, or no memory. */
static char *name_of(const char *file)
{
	size_t len = strlen(file);
	char *name;

	if (len < strlen(SUFFIX))
		return NULL;
	len -= strlen(SUFFIX);
	if (strcmp(file + len, SUFFIX) != 0)
		return NULL;
	name = strndup(file, len);
	if (name && control_name_is_good(name))
		return name;
	free(name);
	return NULL;
}

/* Takes over `name`, also if there is no memory for it. */
static int add_name(struct control_names *names, char *name)
{
	char **items =
		reallocarray(names->items, names->count + 1, sizeof(*items));

	if (!items) {
		free(name);
		return -ENOMEM;
	}
	names->items = items;
	items[names->count++] = name;
	return 0;
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/*
 * Whether somebody listens at each socket is not tried here: the caller asks
 * the guests anyway, and learns it then.
 */
int control_place_names(const struct control_place *place,
			struct control_names *names)
{
	/* A descriptor of its own, as closedir(3) closes it. */
	int fd = openat(place->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;
	int ret = 0;

	memset(names, 0, sizeof(*names));
	if (!dir) {
		ret = -errno;
		if (fd >= 0)
			close(fd);
		return ret;
	}
	while (!ret && (entry = readdir(dir))) {
		char *name = name_of(entry->d_name);

		if (name)
			ret = add_name(names, name);
	}
	closedir(dir);
	if (names->count)
		qsort(names->items, names->count, sizeof(*names->items),
		      compare);
	return ret;
}

void control_names_free(struct control_names *names)
{
	for (size_t i = 0; i < names->count; i++)
		free(names->items[i]);
	free(names->items);
	memset(names, 0, sizeof(*names));
}

/*
 * The kernel has recorded the peer's user at its connect(2) or listen(2), so it
 * cannot be forged. Permissions of the folder should be enough; this also holds
 * where a file system ignores them.
 */
bool control_peer_is_trusted(int fd)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0)
		return false;
	return peer.uid == geteuid() || !peer.uid;
}

const char *control_place_explain(int err)
{
	switch (err) {
	case -ENOENT:
		return "the folder is not there, nor can it be made; "
		       "XDG_RUNTIME_DIR names the one to make it in";
	case -EPERM:
		return "the folder is not this user's alone (mode 0700)";
	case -EINVAL:
		return "want a name of letters, digits, '.', '-' and '_', 64 "
		       "at most, that begins with a letter or digit";
	case -EADDRINUSE:
		return "a guest of this name is running";
	case -EBUSY:
		return "another process keeps the folder locked";
	case -ENAMETOOLONG:
		return "its path is too long for a socket";
	case -EAGAIN:
		return "it does not answer";
	case -ENOTSOCK:
		return "a file of this name is no socket";
	default:
		return strerror(-err);
	}
}
