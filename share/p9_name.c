/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Names of directories: objects are created, linked, renamed and removed. Each
 * name is one that p9_take_name() lets through, looked up in a directory that
 * is held by its descriptor.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "p9.h"

/* Linux, include/net/9p/9p.h: of Tunlinkat. */
#define DOTL_REMOVEDIR 0x200U

/*
 * What was created has a name only, and on the host somebody else may have put
 * another object there since: that one's owner and mode are not to be changed.
 */
static bool is_new(int fd, mode_t type)
{
	struct stat st;

	return !fstat(fd, &st) && (st.st_mode & S_IFMT) == type &&
	       st.st_uid == geteuid() && (S_ISDIR(type) || st.st_nlink == 1);
}

/*
 * Gives what was created its owner and mode, and replies with its qid. If that
 * fails it is removed again: the guest never sees an object of another owner
 * than it asked for.
 */
static int finish(struct p9_request *rq, const struct p9_fid *dir,
		  const char *name, const struct p9_new *new)
{
	mode_t type = p9_host_mode(rq->server, new->mode) & S_IFMT;
	int fd = p9_lookup(dir->fd, name), ret = 0;

	if (fd < 0)
		return fd;
	if (is_new(fd, type))
		ret = p9_finish_new(rq->server, dir, fd, new);
	if (ret)
		unlinkat(dir->fd, name, S_ISDIR(type) ? AT_REMOVEDIR : 0);
	else
		ret = p9_put_qid_of(rq, fd);
	close(fd);
	return ret;
}

/* Type and permissions are two things here: the client sends the latter. */
int p9_mkdir(struct p9_request *rq)
{
	struct p9_fid *dir = p9_take_fid(rq);
	const char *name = p9_take_name(rq);
	struct p9_new new = { .mode = p9_take_u32(rq) };
	int ret;

	new.gid = p9_take_u32(rq);
	ret = p9_taken(rq);
	if (ret)
		return ret;
	new.mode = S_IFDIR | (new.mode & 07777);
	if (mkdirat(dir->fd, name, p9_host_mode(rq->server, new.mode) & 0777) <
	    0)
		return -errno;
	return finish(rq, dir, name, &new);
}

/* Devices are the host's to refuse: without CAP_MKNOD it does. */
int p9_mknod(struct p9_request *rq)
{
	struct p9_fid *dir = p9_take_fid(rq);
	const char *name = p9_take_name(rq);
	struct p9_new new = { .mode = p9_take_u32(rq) };
	u32 major = p9_take_u32(rq), minor = p9_take_u32(rq);
	int ret;

	new.gid = p9_take_u32(rq);
	ret = p9_taken(rq);
	if (ret)
		return ret;
	new.rdev = makedev(major, minor);
	new.mode &= S_IFMT | 07777;
	if (!(new.mode &S_IFMT))
		new.mode |= S_IFREG;
	if (S_ISDIR(new.mode) || S_ISLNK(new.mode))
		return -EINVAL;
	if (mknodat(dir->fd, name, p9_host_mode(rq->server, new.mode),
		    new.rdev) < 0)
		return -errno;
	return finish(rq, dir, name, &new);
}

/*
 * With owner=mapped a link is a file with the target as its content: links have
 * no extended attributes of users, which hold the owner. 0 or -errno.
 */
static int write_link(const char *target, int dir, const char *name)
{
	int fd = openat(dir, name,
			O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
			0600);
	size_t len = strlen(target);
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = write(fd, target, len);
	close(fd);
	if (n == (ssize_t)len)
		return 0;
	unlinkat(dir, name, 0);
	return -ENOSPC;
}

/* The target is text: it is the guest's to follow. */
int p9_symlink(struct p9_request *rq)
{
	struct p9_fid *dir = p9_take_fid(rq);
	const char *name = p9_take_name(rq);
	const char *target = p9_take_string(rq);
	const struct p9_new new = { .mode = S_IFLNK | 0777,
				    .gid = p9_take_u32(rq) };
	int ret = p9_taken(rq);

	if (ret)
		return ret;
	if (!*target || strlen(target) >= PATH_MAX)
		return *target ? -ENAMETOOLONG : -ENOENT;
	if (rq->server->mapped)
		ret = write_link(target, dir->fd, name);
	else if (symlinkat(target, dir->fd, name) < 0)
		ret = -errno;
	return ret ? ret : finish(rq, dir, name, &new);
}

/* By the path of its descriptor, which takes no capability. */
int p9_link(struct p9_request *rq)
{
	struct p9_fid *dir = p9_take_fid(rq), *fid = p9_take_fid(rq);
	const char *name = p9_take_name(rq);
	int ret = p9_taken(rq);

	if (ret)
		return ret;
	ret = linkat(AT_FDCWD, p9_path(fid->fd).text, dir->fd, name,
		     AT_SYMLINK_FOLLOW);
	return ret < 0 ? -errno : 0;
}

/* Whether a directory is meant has to be right: the host checks that. */
int p9_unlinkat(struct p9_request *rq)
{
	struct p9_fid *dir = p9_take_fid(rq);
	const char *name = p9_take_name(rq);
	u32 flags = p9_take_u32(rq);
	int ret = p9_taken(rq);

	if (ret)
		return ret;
	if (flags & ~DOTL_REMOVEDIR)
		return -EINVAL;
	ret = unlinkat(dir->fd, name, flags ? AT_REMOVEDIR : 0);
	return ret < 0 ? -errno : 0;
}

/* Over what has the new name, as rename(2). */
int p9_renameat(struct p9_request *rq)
{
	struct p9_fid *from = p9_take_fid(rq);
	const char *old = p9_take_name(rq);
	struct p9_fid *to = p9_take_fid(rq);
	const char *new = p9_take_name(rq);
	int ret = p9_taken(rq);

	if (ret)
		return ret;
	return renameat(from->fd, old, to->fd, new) < 0 ? -errno : 0;
}

/* ---- By a fid alone ------------------------------------------------------ */

/* Clients that know Trenameat and Tunlinkat do not send these two. */
int p9_rename(struct p9_request *rq)
{
	struct p9_fid *fid = p9_take_fid(rq), *to = p9_take_fid(rq);
	const char *new = p9_take_name(rq);
	int ret = p9_taken(rq), dir;
	char old[NAME_MAX + 1];

	if (ret)
		return ret;
	dir = p9_locate(rq->server, fid->fd, old);
	if (dir < 0)
		return dir;
	ret = renameat(dir, old, to->fd, new) < 0 ? -errno : 0;
	close(dir);
	return ret;
}

/*
 * The client names the object alone, the host removes names: it is the one that
 * p9_locate() finds in the parent. 0 or -errno.
 */
static int remove_object(const struct p9_server *server, int fd)
{
	char name[NAME_MAX + 1];
	int dir = p9_locate(server, fd, name), ret;
	struct stat st;

	if (dir < 0)
		return dir;
	ret = fstat(fd, &st);
	if (!ret)
		ret = unlinkat(dir, name,
			       S_ISDIR(st.st_mode) ? AT_REMOVEDIR : 0);
	ret = ret < 0 ? -errno : 0;
	close(dir);
	return ret;
}

/* The fid is gone whatever the reply says. */
int p9_remove(struct p9_request *rq)
{
	struct p9_fid *fid = p9_take_fid(rq);
	int ret = p9_taken(rq);

	if (ret)
		return ret;
	ret = rq->server->readonly ? -EROFS
				   : remove_object(rq->server, fid->fd);
	p9_fid_remove(rq->server, fid);
	return ret;
}
