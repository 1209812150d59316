/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Locks of ranges of a file. They are those of open file descriptions, so a fid
 * owns them, they are seen by programs of the host and by other guests, and are
 * gone when it is clunked. The guest's kernel keeps its own account of which
 * process has which.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "p9.h"

/* Linux, include/net/9p/9p.h */
enum {
	LOCK_TYPE_READ,
	LOCK_TYPE_WRITE,
	LOCK_TYPE_UNLOCK,
};

enum {
	LOCK_SUCCESS,
	LOCK_BLOCKED,
};

/* Fields that Tlock and Tgetlock have in common; 0 or -EINVAL. */
static int fill(struct flock *lock, u8 type, u64 start, u64 length)
{
	static const short types[] = {
		[LOCK_TYPE_READ] = F_RDLCK,
		[LOCK_TYPE_WRITE] = F_WRLCK,
		[LOCK_TYPE_UNLOCK] = F_UNLCK,
	};

	if (type >= ARRAY_SIZE(types) || start > INT64_MAX ||
	    length > INT64_MAX)
		return -EINVAL;
	*lock = (struct flock) {
		.l_type = types[type],
		.l_whence = SEEK_SET,
		.l_start = (off_t)start,
		.l_len = (off_t)length,
	};
	return 0;
}

/* We do not wait for a lock: the client asks again. */
int p9_lock(struct p9_request *rq)
{
	struct p9_fid *fid = p9_take_fid(rq);
	u8 type = p9_take_u8(rq);
	u64 start, length;
	struct flock lock;
	int ret;

	p9_take_u32(rq); /* flags: whether the client will */
	start = p9_take_u64(rq);
	length = p9_take_u64(rq);
	p9_take_u32(rq); /* process */
	p9_take_string(rq);
	ret = p9_taken(rq);
	if (!ret)
		ret = fill(&lock, type, start, length);
	if (ret)
		return ret;
	if (fid->kind != P9_FID_OPEN)
		return -EBADF;
	if (!fcntl(fid->fd, F_OFD_SETLK, &lock)) {
		p9_put_u8(rq, LOCK_SUCCESS);
		return 0;
	}
	if (errno != EAGAIN && errno != EACCES)
		return -errno;
	p9_put_u8(rq, LOCK_BLOCKED);
	return 0;
}

/* Who has the lock is not known: its range is all that can be said. */
int p9_getlock(struct p9_request *rq)
{
	struct p9_fid *fid = p9_take_fid(rq);
	u8 type = p9_take_u8(rq);
	u64 start = p9_take_u64(rq), length = p9_take_u64(rq);
	u32 process = p9_take_u32(rq);
	const char *client = p9_take_string(rq);
	struct flock lock;
	int ret = p9_taken(rq);

	if (!ret)
		ret = fill(&lock, type, start, length);
	if (ret)
		return ret;
	if (fid->kind != P9_FID_OPEN || lock.l_type == F_UNLCK)
		return fid->kind == P9_FID_OPEN ? -EINVAL : -EBADF;
	if (fcntl(fid->fd, F_OFD_GETLK, &lock) < 0)
		return -errno;
	p9_put_u8(rq, lock.l_type == F_RDLCK   ? LOCK_TYPE_READ
		      : lock.l_type == F_WRLCK ? LOCK_TYPE_WRITE
					       : LOCK_TYPE_UNLOCK);
	p9_put_u64(rq, (u64)lock.l_start);
	p9_put_u64(rq, (u64)lock.l_len);
	p9_put_u32(rq, process);
	p9_put_string(rq, client, strlen(client));
	return 0;
}
