/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Files and directories that are open. Data goes between the file and the
 * guest's memory without a copy of ours.
 *
 * Only regular files and directories are opened: the guest has FIFOs, sockets
 * and devices of its own by these nodes, and to open the host's could wait, or
 * do something.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "lkvm/util/iov.h"
#include "p9.h"

/* Linux, include/net/9p/9p.h: flags are those of most architectures. */
#define DOTL_ACCMODE   00000003U
#define DOTL_CREATE    00000100U
#define DOTL_EXCL      00000200U
#define DOTL_TRUNC     00001000U
#define DOTL_APPEND    00002000U
#define DOTL_DSYNC     00010000U
#define DOTL_DIRECTORY 00200000U
#define DOTL_SYNC      04000000U

/* How often a file may come and go while we try to create it. */
#define CREATE_TRIES 8

/*
 * Ours for the client's. Those without a meaning here are left out: O_DIRECT,
 * since its alignment would be asked of the guest's buffers, O_NOATIME, which
 * is for owners, and what a file that is held by its descriptor makes needless.
 */
static int host_flags(u32 flags)
{
	int to = (int)(flags & DOTL_ACCMODE);

	if (flags & DOTL_TRUNC)
		to |= O_TRUNC;
	if (flags & DOTL_APPEND)
		to |= O_APPEND;
	if (flags & DOTL_DSYNC)
		to |= O_DSYNC;
	if ((flags & DOTL_SYNC) == DOTL_SYNC)
		to |= O_SYNC;
	if (flags & DOTL_DIRECTORY)
		to |= O_DIRECTORY;
	return to;
}

/* Whether the file is changed by that, or can be. */
static bool writes(int flags)
{
	return (flags & O_ACCMODE) != O_RDONLY || flags & O_TRUNC;
}

/* A descriptor of the object, open; or -errno. */
static int open_object(const struct p9_server *server, int fd, int flags)
{
	struct stat st;
	int ret = p9_stat(server, fd, &st);

	if (ret)
		return ret;
	if ((flags & O_ACCMODE) == O_ACCMODE)
		return -EINVAL;
	if (S_ISLNK(st.st_mode))
		return -ELOOP;
	if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))
		return -ENXIO;
	if (writes(flags) && server->readonly)
		return -EROFS;
	return p9_reopen(fd, flags);
}

/*
 * The fid is the open file's, unless that cannot be told to the client. No
 * limit but that of messages on what is read or written at once.
 */
static int now_open(struct p9_request *rq, struct p9_fid *fid, int fd)
{
	int ret = p9_put_qid_of(rq, fd);

	if (ret) {
		close(fd);
		return ret;
	}
	p9_fid_replace(fid, fd, P9_FID_OPEN);
	p9_put_u32(rq, 0);
	return 0;
}

/* Once: a fid that is open cannot be opened in another way. */
int p9_lopen(struct p9_request *rq)
{
	struct p9_fid *fid = p9_take_fid(rq);
	u32 flags = p9_take_u32(rq);
	int ret = p9_taken(rq), fd;

	if (ret)
		return ret;
	if (fid->kind != P9_FID_OBJECT)
		return -EINVAL;
	fd = open_object(rq->server, fid->fd, host_flags(flags));
	return fd < 0 ? fd : now_open(rq, fid, fd);
}

/* ---- New files ----------------------------------------------------------- */

/* A descriptor of a file that was not there before; or -errno. */
static int create_new(const struct p9_server *server, const struct p9_fid *dir,
		      const char *name, int flags, const struct p9_new *new)
{
	mode_t mode = p9_host_mode(server, new->mode) & 0777;
	int fd = openat(dir->fd, name,
			flags | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC |
				O_NOCTTY | O_NONBLOCK,
			mode);
	int ret;

	if (fd < 0)
		return -errno;
	ret = p9_finish_new(server, dir, fd, new);
	if (!ret)
		return fd;
	close(fd);
	unlinkat(dir->fd, name, 0);
	return ret;
}

/* The same of one that is there, whatever it is. */
static int open_existing(const struct p9_server *server,
			 const struct p9_fid *dir, const char *name, int flags)
{
	int fd = p9_lookup(dir->fd, name), ret;

	if (fd < 0)
		return fd;
	ret = open_object(server, fd, flags);
	close(fd);
	return ret;
}

/*
 * One that exists is not opened by its name: it may be a device. Others may
 * create and remove it all the time.
 */
static int create(const struct p9_server *server, const struct p9_fid *dir,
		  const char *name, u32 flags, const struct p9_new *new)
{
	int host = host_flags(flags) & ~O_DIRECTORY, fd = -EAGAIN;

	for (int i = 0; i < CREATE_TRIES; i++) {
		fd = create_new(server, dir, name, host & ~O_TRUNC, new);
		if (fd != -EEXIST || flags & DOTL_EXCL)
			break;
		fd = open_existing(server, dir, name, host);
		if (fd != -ENOENT)
			break;
	}
	return fd;
}

/* The fid of the directory becomes that of the file. */
int p9_lcreate(struct p9_request *rq)
{
	struct p9_fid *fid = p9_take_fid(rq);
	const char *name = p9_take_name(rq);
	u32 flags = p9_take_u32(rq);
	struct p9_new new = { .mode = p9_take_u32(rq) };
	int ret, fd;

	new.mode = S_IFREG | (new.mode & 07777);
	new.gid = p9_take_u32(rq);
	ret = p9_taken(rq);
	if (ret)
		return ret;
	if (fid->kind != P9_FID_OBJECT ||
	    (flags & DOTL_ACCMODE) == DOTL_ACCMODE)
		return -EINVAL;
	fd = create(rq->server, fid, name, flags, &new);
	return fd < 0 ? fd : now_open(rq, fid, fd);
}

/* ---- Data ---------------------------------------------------------------- */

static void count(_Atomic(u64) *counter, u64 n)
{
	atomic_fetch_add_explicit(counter, n, memory_order_relaxed);
}

/* A part of the value, which is empty behind its end. */
static int read_xattr(struct p9_request *rq, const struct p9_fid *fid,
		      u64 offset, u32 len)
{
	u32 at = (u32)MIN(offset, (u64)fid->size);

	p9_put_data(rq, fid->value + at, MIN(len, fid->size - at));
	return 0;
}

/* As much as one call gives: the client asks for the rest. */
static int read_file(struct p9_request *rq, const struct p9_fid *fid,
		     u64 offset, u32 len)
{
	struct p9_io *io = rq->io;
	struct iovec *to = rq->server->iov;
	u32 n = iov_slice(to, io->in, MIN(io->nr_in, P9_MAX_BUFFERS),
			  P9_READ_HEAD, len);
	ssize_t got;

	do
		got = preadv(fid->fd, to, (int)n, (off_t)offset);
	while (got < 0 && errno == EINTR);
	if (got < 0)
		return -errno;
	p9_put_data(rq, NULL, (u32)got);
	return 0;
}

/* More than the reply has room for is not read: the count may be anything. */
int p9_read(struct p9_request *rq)
{
	struct p9_fid *fid = p9_take_fid(rq);
	u64 offset = p9_take_u64(rq);
	u32 len = p9_data_room(rq, p9_take_u32(rq));
	int ret = p9_taken(rq);

	if (ret)
		return ret;
	count(&rq->server->stats.reads, 1);
	if (fid->kind == P9_FID_XATTR)
		ret = read_xattr(rq, fid, offset, len);
	else if (fid->kind == P9_FID_OPEN)
		ret = read_file(rq, fid, offset, len);
	else
		ret = -EBADF;
	count(&rq->server->stats.bytes_read, rq->data);
	return ret;
}

/* Once for each byte: what is left out is zero. */
static int write_xattr(struct p9_request *rq, struct p9_fid *fid, u64 offset,
		       u32 len)
{
	if (!range_within(offset, len, 0, fid->size))
		return -ENOSPC;
	iov_read(rq->io->out, rq->io->nr_out, P9_WRITE_HEAD,
		 fid->value + offset, len);
	p9_put_u32(rq, len);
	return 0;
}

/* What does not fit on the host any more is left out: the count says so. */
static int write_file(struct p9_request *rq, const struct p9_fid *fid,
		      u64 offset, u32 len)
{
	struct p9_io *io = rq->io;
	struct iovec *from = rq->server->iov;
	u32 n = iov_slice(from, io->out, MIN(io->nr_out, P9_MAX_BUFFERS),
			  P9_WRITE_HEAD, len);
	ssize_t put;

	do
		put = pwritev(fid->fd, from, (int)n, (off_t)offset);
	while (put < 0 && errno == EINTR);
	if (put < 0)
		return -errno;
	count(&rq->server->stats.bytes_written, (u64)put);
	p9_put_u32(rq, (u32)put);
	return 0;
}

/* The data is all that is left, and was not copied. */
int p9_write(struct p9_request *rq)
{
	struct p9_fid *fid = p9_take_fid(rq);
	u64 offset = p9_take_u64(rq);
	u32 len = p9_take_u32(rq);
	int ret = p9_taken(rq);

	if (ret)
		return ret;
	if (len != rq->size - P9_WRITE_HEAD)
		return -EPROTO;
	count(&rq->server->stats.writes, 1);
	if (fid->kind == P9_FID_NEW_XATTR)
		return write_xattr(rq, fid, offset, len);
	if (fid->kind == P9_FID_OPEN)
		return write_file(rq, fid, offset, len);
	return -EBADF;
}

/* Directories, too: what has a name there has it for good then. */
int p9_fsync(struct p9_request *rq)
{
	struct p9_fid *fid = p9_take_fid(rq);
	u32 data = p9_take_u32(rq);
	int ret = p9_taken(rq);

	if (ret)
		return ret;
	if (fid->kind != P9_FID_OPEN)
		return -EBADF;
	ret = data ? fdatasync(fid->fd) : fsync(fid->fd);
	return ret < 0 ? -errno : 0;
}
