/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fids come and go: the root is attached, names are walked, fids clunked. On
 * the thread that serves the share. A walk looks each name up in the directory
 * before it, without following links; p9_take_name() has refused what could
 * lead out of the tree.
 */
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "p9.h"

/*
 * There is one tree, so a client that asks for another by its name gets an
 * error in place of this one. Users are not authenticated: whom a request is
 * from is the guest's business.
 */
int p9_attach(struct p9_request *rq)
{
	u32 id = p9_take_u32(rq), auth = p9_take_u32(rq), uid;
	struct p9_fid *fid;
	const char *tree;
	int ret, fd;

	p9_take_string(rq);
	tree = p9_take_string(rq);
	uid = p9_take_u32(rq);
	ret = p9_taken(rq);
	if (ret)
		return ret;
	if (auth != P9_NOFID)
		return -EBADF;
	if (*tree && strcmp(tree, "/"))
		return -ENOENT;
	fd = p9_reopen(rq->server->root, O_PATH);
	if (fd < 0)
		return fd;
	ret = p9_fid_add(rq->server, id, NULL, fd, &fid);
	if (ret)
		return ret;
	fid->uid = uid;
	return p9_put_qid_of(rq, fid->fd);
}

/* Ends with how many of the names there are, and the last one's descriptor. */
static int follow(struct p9_request *rq, const char *const *names, u16 n,
		  int *fd, u16 *done)
{
	int ret = 0;

	for (*done = 0; !ret && *done < n; *done += !ret) {
		int next = p9_lookup(*fd, names[*done]);

		if (next < 0)
			return next;
		close(*fd);
		*fd = next;
		ret = p9_put_qid_of(rq, next);
	}
	return ret;
}

/*
 * The fid is its own successor, or a new one is made. Neither if a name was not
 * found: then the qids of those before it are the reply, and an error if it was
 * the first.
 */
static int walk(struct p9_request *rq, struct p9_fid *fid, u32 id,
		const char *const *names, u16 n)
{
	int fd = p9_reopen(fid->fd, O_PATH), ret;
	struct p9_fid *new;
	u32 at = rq->len;
	u16 done, le;

	if (fd < 0)
		return fd;
	p9_put_u16(rq, 0);
	ret = follow(rq, names, n, &fd, &done);
	le = htole16(done);
	if (ret || rq->error) {
		close(fd);
		if (!done || rq->error)
			return ret;
	} else if (id == fid->id) {
		p9_fid_replace(fid, fd, P9_FID_OBJECT);
	} else {
		ret = p9_fid_add(rq->server, id, fid, fd, &new);
		if (ret)
			return ret;
	}
	memcpy(rq->server->reply + at, &le, sizeof(le));
	return 0;
}

/*
 * A fid that is open can be walked from, which Linux does to get a file that
 * was unlinked, but not be moved.
 */
int p9_walk(struct p9_request *rq)
{
	struct p9_fid *fid = p9_take_fid(rq);
	u32 id = p9_take_u32(rq);
	u16 n = p9_take_u16(rq);
	const char *names[P9_MAX_WELEM];
	int ret;

	if (n > P9_MAX_WELEM)
		return -EINVAL;
	for (u16 i = 0; i < n; i++)
		names[i] = p9_take_name(rq);
	ret = p9_taken(rq);
	if (ret)
		return ret;
	if (fid->kind > P9_FID_OPEN ||
	    (id == fid->id && fid->kind == P9_FID_OPEN))
		return -EINVAL;
	if (id != fid->id && p9_fid_find(rq->server, id))
		return -EINVAL;
	return walk(rq, fid, id, names, n);
}

/* The fid is gone whatever the reply says. */
int p9_clunk(struct p9_request *rq)
{
	struct p9_fid *fid = p9_take_fid(rq);
	int ret = p9_taken(rq);

	if (ret)
		return ret;
	if (fid->kind == P9_FID_NEW_XATTR)
		ret = p9_xattr_set(fid);
	p9_fid_remove(rq->server, fid);
	return ret;
}
