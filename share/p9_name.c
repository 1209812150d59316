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
#include <sys/sysmacros.h>
#include <unistd.h>

#include "p9.h"

/* Linux, include/net/9p/9p.h: of Tunlinkat. */
#define DOTL_REMOVEDIR 0x200U

/* What was created has a name only, and another one may have it by now. */
static bool is_new(int fd, mode_t type)
{
	struct stat st;

	return !fstat(fd, &st) && (st.st_mode & S_IFMT) == type &&
	       st.st_uid == geteuid() && (S_ISDIR(type) || st.st_nlink == 1);
}

/* Ends with the qid of what was created. */
static int finish(struct p9_request *rq, const struct p9_fid *dir,
		  const char *name, u32 mode, u32 gid)
{
	mode_t type = mode & S_IFMT;
	int fd = p9_lookup(dir->fd, name), ret;

	if (fd < 0)
		return fd;
	if (is_new(fd, type)) {
		if (!S_ISLNK(type))
			p9_finish_new(rq->server, dir, fd, mode, gid);
		else if (rq->server->gives_away &&
			 fchownat(fd, "", dir->uid, gid, AT_EMPTY_PATH) < 0)
			errno = 0; /* it stays ours */
	}
	ret = p9_put_qid_of(rq, fd);
	close(fd);
	return ret;
}

int p9_mkdir(struct p9_request *rq)
{
	struct p9_fid *dir = p9_take_fid(rq);
	const char *name = p9_take_name(rq);
	u32 mode = p9_take_u32(rq), gid = p9_take_u32(rq);
	int ret = p9_taken(rq);

	if (ret)
		return ret;
	if (mkdirat(dir->fd, name, mode & 0777) < 0)
		return -errno;
	return finish(rq, dir, name, (mode & 07777) | S_IFDIR, gid);
}

/* Devices are the host's to refuse: without CAP_MKNOD it does. */
int p9_mknod(struct p9_request *rq)
{
	struct p9_fid *dir = p9_take_fid(rq);
	const char *name = p9_take_name(rq);
	u32 mode = p9_take_u32(rq), major = p9_take_u32(rq);
	u32 minor = p9_take_u32(rq), gid = p9_take_u32(rq);
	int ret = p9_taken(rq);

	if (ret)
		return ret;
	if (!(mode & S_IFMT))
		mode |= S_IFREG;
	mode &= S_IFMT | 07777;
	if (mknodat(dir->fd, name, mode & (S_IFMT | 0777),
		    makedev(major, minor)) < 0)
		return -errno;
	return finish(rq, dir, name, mode, gid);
}

/* The target is text: it is the guest's to follow. */
int p9_symlink(struct p9_request *rq)
{
	struct p9_fid *dir = p9_take_fid(rq);
	const char *name = p9_take_name(rq);
	const char *target = p9_take_string(rq);
	u32 gid = p9_take_u32(rq);
	int ret = p9_taken(rq);

	if (ret)
		return ret;
	if (symlinkat(target, dir->fd, name) < 0)
		return -errno;
	return finish(rq, dir, name, S_IFLNK, gid);
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
