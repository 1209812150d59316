/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Objects by their descriptors. A fid's is opened with O_PATH, which needs no
 * permission and has no effect on the object; that is why a FIFO or a device
 * can be held, and is never opened.
 *
 * A name is looked up alone: openat(2) with one component that is neither "."
 * nor ".." and has no slash stays in the directory, and O_NOFOLLOW makes the
 * last component, the only one, a link itself in place of what it points to.
 * So RESOLVE_BENEATH of openat2(2) (Linux 5.6) would add nothing. File systems
 * that are mounted below the root are part of the share.
 *
 * Calls that take a path get that of the descriptor in /proc, which the kernel
 * does not look up by the name that it shows: it leads to the object itself.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "p9.h"

/* Linux, include/net/9p/9p.h: what a qid's type says. */
#define QTDIR	  0x80
#define QTSYMLINK 0x02

#define MAX_DEVICES 0x10000U /* whose index has 16 bits */

struct p9_path p9_path(int fd)
{
	struct p9_path path;

	snprintf(path.text, sizeof(path.text), "/proc/self/fd/%d", fd);
	return path;
}

int p9_lookup(int dir, const char *name)
{
	int fd = openat(dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

/* O_NONBLOCK: one that is leased to others would have us wait. */
int p9_reopen(int fd, int flags)
{
	int new = open(p9_path(fd).text,
		       flags | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

	return new < 0 ? -errno : new;
}

/* ---- Qids ---------------------------------------------------------------- */

/* The root's has index 0. */
static int device_index(struct p9_server *server, dev_t dev, u32 *index)
{
	dev_t *more;
	u32 n = 0;

	while (n < server->nr_devices && server->devices[n] != dev)
		n++;
	*index = n;
	if (n < server->nr_devices)
		return 0;
	more = n < MAX_DEVICES ? realloc(server->devices,
					 (n + 1) * sizeof(*server->devices))
			       : NULL;
	if (!more)
		return -ENOMEM;
	more[n] = dev;
	server->devices = more;
	server->nr_devices++;
	return 0;
}

/*
 * The client takes objects of the same path for one and the same. On the root's
 * file system it is the inode's number, of whatever width; those of others have
 * the file system's index in the upper 16 bits. So no two are the same as long
 * as there is one file system, or numbers have 48 bits, as all have but some of
 * overlayfs and of network file systems.
 */
int p9_qid_path(struct p9_server *server, dev_t dev, ino_t ino, u64 *path)
{
	u32 index;
	int ret = device_index(server, dev, &index);

	*path = (u64)ino ^ (u64)index << 48;
	return ret;
}

/* The version is another one after each change, as far as times tell. */
int p9_qid(struct p9_server *server, const struct stat *st, struct p9_qid *qid)
{
	u64 changed =
		(u64)st->st_ctim.tv_sec * 1000000000 + (u64)st->st_ctim.tv_nsec;

	qid->type = S_ISDIR(st->st_mode)   ? QTDIR
		    : S_ISLNK(st->st_mode) ? QTSYMLINK
					   : 0;
	qid->version = (u32)(changed ^ changed >> 32);
	return p9_qid_path(server, st->st_dev, st->st_ino, &qid->path);
}

int p9_set_mode(int fd, u32 mode)
{
	return chmod(p9_path(fd).text, mode & 07777) < 0 ? -errno : 0;
}

/* ---- Where an object is -------------------------------------------------- */

/* Its path as the kernel shows it; size is PATH_MAX. */
static int show(int fd, char *path)
{
	ssize_t n = readlink(p9_path(fd).text, path, PATH_MAX);

	if (n < 0)
		return -errno;
	if (n == PATH_MAX)
		return -ENAMETOOLONG;
	path[n] = '\0';
	return 0;
}

/* The part of `path` behind that of the root, without a slash at its start. */
static const char *below(const char *path, const char *root)
{
	size_t len = strcmp(root, "/") ? strlen(root) : 0;

	if (!strcmp(path, root))
		return "";
	return strncmp(path, root, len) || path[len] != '/' ? NULL
							    : path + len + 1;
}

/* Goes down to the directory of the last name. */
static int descend(int root, char *path, char **last)
{
	int dir = fcntl(root, F_DUPFD_CLOEXEC, 0);
	char *slash;

	if (dir < 0)
		return -errno;
	while ((slash = strchr(path, '/'))) {
		int next;

		*slash = '\0';
		next = p9_lookup(dir, path);
		close(dir);
		if (next < 0)
			return next;
		dir = next;
		path = slash + 1;
	}
	*last = path;
	return dir;
}

/* It is the object's if that is there still. */
static int check_name(int fd, int dir, const char *name)
{
	struct stat st, found;

	if (fstat(fd, &st) < 0 ||
	    fstatat(dir, name, &found, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	return st.st_dev == found.st_dev && st.st_ino == found.st_ino ? 0
								      : -ENOENT;
}

/*
 * The kernel's path of a descriptor is a hint only: each directory of it is
 * opened in turn, and what is found there is compared with the object.
 */
int p9_locate(const struct p9_server *server, int fd, char *name)
{
	char path[PATH_MAX], root[PATH_MAX];
	int ret = show(fd, path), dir;
	const char *rest;
	char *last = path;

	if (!ret)
		ret = show(server->root, root);
	if (ret)
		return ret;
	rest = below(path, root);
	if (!rest || !*rest)
		return rest ? -EBUSY : -ENOENT;
	dir = descend(server->root, path + (rest - path), &last);
	if (dir < 0)
		return dir;
	ret = strlen(last) > NAME_MAX ? -ENAMETOOLONG
				      : check_name(fd, dir, last);
	if (ret) {
		close(dir);
		return ret;
	}
	memcpy(name, last, strlen(last) + 1);
	return dir;
}
