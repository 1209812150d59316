/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Entries of a directory. The offset of an entry is the file system's own, so
 * that no state is kept between requests.
 */
#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "p9.h"

/* Half of the scratch is for the kernel's entries, half for the client's. */
#define HALF (P9_SCRATCH / 2)

/* An entry without its name: qid, offset, type, length. */
#define ENTRY_HEAD 24U

/* Where entries of a reply are put together. */
struct entries {
	u8 *buf;
	u32 len, room;
};

/* The root is its own parent: nothing is said of what is above it. */
static int entry_qid(struct p9_request *rq, const struct stat *dir,
		     const struct dirent64 *d, struct p9_qid *qid)
{
	const struct stat *root = &rq->server->root_stat;
	u64 ino = d->d_ino;

	if (!strcmp(d->d_name, "..") && dir->st_dev == root->st_dev &&
	    dir->st_ino == root->st_ino)
		ino = root->st_ino;
	qid->type = d->d_type == DT_DIR ? 0x80 : d->d_type == DT_LNK ? 0x02 : 0;
	qid->version = 0;
	return p9_qid_path(rq->server, dir->st_dev, ino, &qid->path);
}

/* The reply's buffer is used to write the fields, at its end. */
static int add(struct p9_request *rq, const struct stat *dir,
	       const struct dirent64 *d, struct entries *e)
{
	size_t name = strlen(d->d_name);
	u32 len = rq->len;
	struct p9_qid qid;
	int ret = entry_qid(rq, dir, d, &qid);

	if (ret)
		return ret;
	p9_put_qid(rq, &qid);
	p9_put_u64(rq, (u64)d->d_off);
	/* One that may stand for something else is looked at by the client. */
	p9_put_u8(rq, rq->server->mapped && d->d_type == DT_REG ? DT_UNKNOWN
								: d->d_type);
	p9_put_string(rq, d->d_name, name);
	memcpy(e->buf + e->len, rq->server->reply + len, rq->len - len);
	e->len += rq->len - len;
	rq->len = len;
	return rq->error;
}

/*
 * Entries of ours are never larger than the client's by more than ENTRY_HEAD:
 * those that do not fit are read again by the next request. The first one has
 * to fit, or the directory would look as if it ended there.
 */
static int convert(struct p9_request *rq, const struct stat *dir, ssize_t n,
		   struct entries *e)
{
	u8 *at = rq->server->scratch;
	const u8 *end = at + n;
	int ret = 0;

	while (!ret && at < end) {
		const struct dirent64 *d = (const void *)at;

		if (ENTRY_HEAD + strlen(d->d_name) > e->room - e->len)
			return e->len ? 0 : -EINVAL;
		ret = add(rq, dir, d, e);
		at += d->d_reclen;
	}
	return ret;
}

static int read_entries(struct p9_request *rq, const struct p9_fid *fid,
			u64 offset, struct entries *e)
{
	struct stat st;
	ssize_t n;

	if (fstat(fid->fd, &st) < 0)
		return -errno;
	if (!S_ISDIR(st.st_mode))
		return -ENOTDIR;
	if (lseek(fid->fd, (off_t)offset, SEEK_SET) < 0)
		return -errno;
	n = getdents64(fid->fd, rq->server->scratch, HALF);
	return n < 0 ? -errno : convert(rq, &st, n, e);
}

int p9_readdir(struct p9_request *rq)
{
	struct p9_fid *fid = p9_take_fid(rq);
	u64 offset = p9_take_u64(rq);
	u32 count = p9_data_room(rq, p9_take_u32(rq));
	struct entries e = { .buf = rq->server->scratch + HALF };
	int ret = p9_taken(rq);

	if (ret)
		return ret;
	if (fid->kind != P9_FID_OPEN)
		return -EBADF;
	e.room = MIN(count, (u32)HALF);
	ret = read_entries(rq, fid, offset, &e);
	if (!ret)
		p9_put_data(rq, e.buf, e.len);
	return ret;
}
