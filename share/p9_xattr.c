/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Extended attributes. A value that is read is kept with a fid of its own; one
 * that is written is collected there and set when the fid is clunked.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>

#include "p9.h"

/* Memory for a value of the fid's. 0, or -ENOSPC if the client has too much. */
static int reserve(struct p9_server *server, struct p9_fid *fid, u32 size)
{
	if (size > P9_MAX_XATTRS - server->xattr_bytes)
		return -ENOSPC;
	fid->value = calloc(1, size ? size : 1);
	if (!fid->value)
		return -ENOMEM;
	fid->size = size;
	server->xattr_bytes += size;
	return 0;
}

/* The value, or without a name the list of all names, goes to the scratch. */
static ssize_t look_up(struct p9_server *server, int fd, const char *name)
{
	struct p9_path path = p9_path(fd);
	void *to = server->scratch;
	ssize_t n = *name ? getxattr(path.text, name, to, P9_SCRATCH)
			  : listxattr(path.text, to, P9_SCRATCH);

	if (n >= 0 && !*name)
		n = p9_visible_names(server, to, (u32)n);
	return n < 0 ? -errno : n;
}

/* `n` bytes of the scratch are the new fid's. */
static int keep(struct p9_request *rq, const struct p9_fid *from, u32 id, u32 n)
{
	struct p9_server *server = rq->server;
	int fd = p9_reopen(from->fd, O_PATH), ret;
	struct p9_fid *fid;

	if (fd < 0)
		return fd;
	ret = p9_fid_add(server, id, from, fd, &fid);
	if (ret)
		return ret;
	fid->kind = P9_FID_XATTR;
	ret = reserve(server, fid, n);
	if (ret) {
		p9_fid_remove(server, fid);
		return ret;
	}
	memcpy(fid->value, server->scratch, n);
	p9_put_u64(rq, n);
	return 0;
}

/*
 * A new fid for the value, which Tread reads and Tclunk frees; with an empty
 * name, for the list of names. The reply has the length.
 */
int p9_xattrwalk(struct p9_request *rq)
{
	struct p9_fid *fid = p9_take_fid(rq);
	u32 id = p9_take_u32(rq);
	const char *name = p9_take_string(rq);
	int ret = p9_taken(rq);
	ssize_t n;

	if (ret)
		return ret;
	if (fid->kind > P9_FID_OPEN)
		return -EINVAL;
	if (p9_hides(rq->server, name))
		return -ENODATA;
	n = look_up(rq->server, fid->fd, name);
	return n < 0 ? (int)n : keep(rq, fid, id, (u32)n);
}

/*
 * The fid is the attribute's from now on: Twrite collects the value, of the
 * size that is told here, and Tclunk sets it.
 */
int p9_xattrcreate(struct p9_request *rq)
{
	struct p9_fid *fid = p9_take_fid(rq);
	const char *name = p9_take_string(rq);
	u64 size = p9_take_u64(rq);
	u32 flags = p9_take_u32(rq);
	int ret = p9_taken(rq);
	char *copy;

	if (ret)
		return ret;
	if (fid->kind != P9_FID_OBJECT || !*name ||
	    flags & ~(u32)(XATTR_CREATE | XATTR_REPLACE))
		return -EINVAL;
	if (p9_hides(rq->server, name))
		return -EACCES;
	if (size > P9_SCRATCH)
		return -E2BIG;
	copy = strdup(name);
	if (!copy)
		return -ENOMEM;
	ret = reserve(rq->server, fid, (u32)size);
	if (ret) {
		free(copy);
		return ret;
	}
	fid->name = copy;
	fid->flags = (int)flags;
	fid->kind = P9_FID_NEW_XATTR;
	return 0;
}

/*
 * The protocol has no message to remove an attribute: Linux sends an empty one
 * that has to exist. One that need not exist is an empty value.
 */
int p9_xattr_set(const struct p9_fid *fid)
{
	struct p9_path path = p9_path(fid->fd);
	int ret;

	if (!fid->size && fid->flags & XATTR_REPLACE)
		ret = removexattr(path.text, fid->name);
	else
		ret = setxattr(path.text, fid->name, fid->value, fid->size,
			       fid->flags);
	return ret < 0 ? -errno : 0;
}
