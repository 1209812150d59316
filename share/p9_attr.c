/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What an object is, and how that is changed: Tgetattr, Tsetattr, Tstatfs,
 * Treadlink. On the thread that serves the share; values are the guest's. An
 * object is reached by the descriptor of its fid, never by its name again, so
 * what the host renames meanwhile leads nowhere else.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "p9.h"

/*
 * What Rgetattr says is valid. Linux, include/net/9p/9p.h: all but the time of
 * birth and versions.
 */
#define STATS_BASIC 0x7ffU

/* Linux, fs/9p/vfs_inode_dotl.c */
#define ATTR_MODE      BIT(0)
#define ATTR_UID       BIT(1)
#define ATTR_GID       BIT(2)
#define ATTR_SIZE      BIT(3)
#define ATTR_ATIME     BIT(4)
#define ATTR_MTIME     BIT(5)
#define ATTR_ATIME_SET BIT(7)
#define ATTR_MTIME_SET BIT(8)

#define NS_PER_S 1000000000U

/* Seconds and nanoseconds. */
static void put_time(struct p9_request *rq, const struct timespec *ts)
{
	p9_put_u64(rq, (u64)ts->tv_sec);
	p9_put_u64(rq, (u64)ts->tv_nsec);
}

/* Numbers of devices are written as the kernel has them. */
static void put_stat(struct p9_request *rq, const struct stat *st)
{
	p9_put_u32(rq, st->st_mode);
	p9_put_u32(rq, st->st_uid);
	p9_put_u32(rq, st->st_gid);
	p9_put_u64(rq, st->st_nlink);
	p9_put_u64(rq, st->st_rdev);
	p9_put_u64(rq, (u64)st->st_size);
	p9_put_u64(rq, (u64)st->st_blksize);
	p9_put_u64(rq, (u64)st->st_blocks);
	put_time(rq, &st->st_atim);
	put_time(rq, &st->st_mtim);
	put_time(rq, &st->st_ctim);
	/* Birth, generation and version of the data are not valid. */
	for (int i = 0; i < 4; i++)
		p9_put_u64(rq, 0);
}

/* All that there is, whatever was asked for: one call has it. */
int p9_getattr(struct p9_request *rq)
{
	struct p9_fid *fid = p9_take_fid(rq);
	u64 mask = p9_take_u64(rq);
	struct p9_qid qid;
	struct stat st;
	int ret = p9_taken(rq);

	if (!ret)
		ret = p9_stat(rq->server, fid->fd, &st);
	if (!ret)
		ret = p9_qid(rq->server, &st, &qid);
	if (ret)
		return ret;
	p9_put_u64(rq, mask & STATS_BASIC);
	p9_put_qid(rq, &qid);
	put_stat(rq, &st);
	return 0;
}

/* ---- Changes ------------------------------------------------------------- */

/*
 * The fields of Tsetattr (Linux, include/net/9p/9p.h, struct p9_iattr_dotl):
 * `valid` has a bit for each of the others, and for times that are given.
 */
struct changes {
	u32 valid, mode, uid, gid;
	u64 size;
	struct timespec times[2];
};

/* Nanoseconds that are too many would have a meaning to utimensat(2). */
static int take_time(struct p9_request *rq, struct timespec *ts)
{
	u64 ns;

	ts->tv_sec = (time_t)p9_take_u64(rq);
	ns = p9_take_u64(rq);
	ts->tv_nsec = (long)ns;
	return ns < NS_PER_S ? 0 : -EINVAL;
}

/* Times that are valid but not given are now; those not valid stay. */
static int take_times(struct p9_request *rq, struct changes *c)
{
	static const u64 valid[] = { ATTR_ATIME, ATTR_MTIME };
	static const u64 given[] = { ATTR_ATIME_SET, ATTR_MTIME_SET };
	int ret = 0;

	for (int i = 0; i < 2; i++) {
		int bad = take_time(rq, &c->times[i]);

		if (!(c->valid & valid[i]))
			c->times[i].tv_nsec = UTIME_OMIT;
		else if (!(c->valid & given[i]))
			c->times[i].tv_nsec = UTIME_NOW;
		else if (bad)
			ret = bad;
	}
	return ret;
}

/* Each of the changes below returns 0 or -errno; 0 if it is not wanted. */
static int change_owner(const struct p9_server *server,
			const struct p9_fid *fid, const struct changes *c)
{
	uid_t uid = c->valid & ATTR_UID ? c->uid : (uid_t)-1;
	gid_t gid = c->valid & ATTR_GID ? c->gid : (gid_t)-1;

	if (!(c->valid & (ATTR_UID | ATTR_GID)))
		return 0;
	if (server->mapped)
		return p9_map_owner(fid->fd, uid, gid);
	return fchownat(fid->fd, "", uid, gid, AT_EMPTY_PATH) < 0 ? -errno : 0;
}

/* chmod(2) of a link's descriptor would be that of the link, on some kernels.
 */
static int change_mode(const struct p9_server *server, const struct p9_fid *fid,
		       const struct stat *st, const struct changes *c)
{
	if (!(c->valid & ATTR_MODE))
		return 0;
	if (S_ISLNK(st->st_mode))
		return -EOPNOTSUPP;
	if (server->mapped)
		return p9_map_mode(fid->fd,
				   (st->st_mode & S_IFMT) | (c->mode & 07777));
	return p9_set_mode(fid->fd, c->mode);
}

/* By a descriptor that writes, if there is one: the mode may be another now. */
static int change_size(const struct p9_fid *fid, const struct stat *st,
		       const struct changes *c)
{
	int ret = 0, fd;

	if (!(c->valid & ATTR_SIZE))
		return 0;
	if (!S_ISREG(st->st_mode))
		return S_ISDIR(st->st_mode) ? -EISDIR : -EINVAL;
	if (c->size > INT64_MAX)
		return -EFBIG;
	if (fid->kind == P9_FID_OPEN &&
	    (fcntl(fid->fd, F_GETFL) & O_ACCMODE) != O_RDONLY)
		return ftruncate(fid->fd, (off_t)c->size) < 0 ? -errno : 0;
	fd = p9_reopen(fid->fd, O_WRONLY);
	if (fd < 0)
		return fd;
	if (ftruncate(fd, (off_t)c->size) < 0)
		ret = -errno;
	close(fd);
	return ret;
}

/* Those of a link itself. */
static int change_times(const struct p9_fid *fid, const struct changes *c)
{
	struct p9_path path = p9_path(fid->fd);

	if (!(c->valid & (ATTR_ATIME | ATTR_MTIME)))
		return 0;
	return utimensat(AT_FDCWD, path.text, c->times, 0) < 0 ? -errno : 0;
}

/*
 * A new owner and a new size take set-user-ID away, and a size sets times, so
 * those come first. The first that fails ends it.
 */
static int change(const struct p9_server *server, const struct p9_fid *fid,
		  const struct changes *c)
{
	struct stat st;
	int ret = p9_stat(server, fid->fd, &st);

	if (!ret)
		ret = change_owner(server, fid, c);
	if (!ret)
		ret = change_size(fid, &st, c);
	if (!ret)
		ret = change_mode(server, fid, &st, c);
	return ret ? ret : change_times(fid, c);
}

/*
 * The mode of a mapped object is an attribute of the host's file (see
 * p9_owner.c), the size and the times are always the file's own.
 */
int p9_setattr(struct p9_request *rq)
{
	struct p9_fid *fid = p9_take_fid(rq);
	struct changes c;
	int ret, bad;

	c.valid = p9_take_u32(rq);
	c.mode = p9_take_u32(rq);
	c.uid = p9_take_u32(rq);
	c.gid = p9_take_u32(rq);
	c.size = p9_take_u64(rq);
	bad = take_times(rq, &c);
	ret = p9_taken(rq);
	if (ret || bad)
		return ret ? ret : bad;
	return change(rq->server, fid, &c);
}

/* ---- Others -------------------------------------------------------------- */

/* The guest's programs look for the magic of 9p, not for the host's. */
int p9_statfs(struct p9_request *rq)
{
	struct p9_fid *fid = p9_take_fid(rq);
	struct statfs fs;
	u32 id[2];
	int ret = p9_taken(rq);

	if (ret)
		return ret;
	if (fstatfs(fid->fd, &fs) < 0)
		return -errno;
	_Static_assert(sizeof(id) == sizeof(fs.f_fsid), "two words");
	__builtin_memcpy(id, &fs.f_fsid, sizeof(id));
	p9_put_u32(rq, V9FS_MAGIC);
	p9_put_u32(rq, (u32)fs.f_bsize);
	p9_put_u64(rq, fs.f_blocks);
	p9_put_u64(rq, fs.f_bfree);
	p9_put_u64(rq, fs.f_bavail);
	p9_put_u64(rq, fs.f_files);
	p9_put_u64(rq, fs.f_ffree);
	p9_put_u64(rq, (u64)id[1] << 32 | id[0]);
	p9_put_u32(rq, (u32)fs.f_namelen);
	return 0;
}

/* Its length, or -errno. */
static ssize_t read_target(const struct p9_server *server, int fd, char *target,
			   size_t size)
{
	ssize_t n = readlinkat(fd, "", target, size);
	struct stat st;
	int ret;

	if (n >= 0)
		return n;
	if (errno != ENOENT)
		return -errno;
	/* It is no link, but may stand for one. */
	ret = p9_stat(server, fd, &st);
	if (ret)
		return ret;
	return S_ISLNK(st.st_mode) ? p9_mapped_target(fd, target, size)
				   : -EINVAL;
}

/* The guest follows links itself, in its own tree. */
int p9_readlink(struct p9_request *rq)
{
	struct p9_fid *fid = p9_take_fid(rq);
	char target[PATH_MAX];
	int ret = p9_taken(rq);
	ssize_t n;

	if (ret)
		return ret;
	n = read_target(rq->server, fid->fd, target, sizeof(target));
	if (n < 0)
		return (int)n;
	if (n == (ssize_t)sizeof(target))
		return -ENAMETOOLONG;
	p9_put_string(rq, target, (size_t)n);
	return 0;
}
