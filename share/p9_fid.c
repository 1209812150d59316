/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The fids of a session: numbers that the client chooses, for objects that it
 * holds. Each costs one descriptor of ours, so there is a limit.
 *
 * A descriptor given to a function here belongs to the fid from then on, and is
 * closed by it also if the function fails. Like all of the server this runs on
 * the thread that serves the queue.
 */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "p9.h"

/* A client counts its fids; one that does not is slow, not wrong. */
static u32 bucket_of(u32 id)
{
	return id % P9_FID_BUCKETS;
}

struct p9_fid *p9_fid_find(const struct p9_server *server, u32 id)
{
	struct p9_fid *fid = server->fids[bucket_of(id)];

	while (fid && fid->id != id)
		fid = fid->next;
	return fid;
}

/* --stats reads the number on another thread. */
static void count(struct p9_server *server, int change)
{
	server->nr_fids += (u32)change;
	atomic_store_explicit(&server->stats.fids, server->nr_fids,
			      memory_order_relaxed);
}

/*
 * The client chooses numbers that are free: a second use of one is its mistake.
 */
static int check(const struct p9_server *server, u32 id)
{
	if (id == P9_NOFID || p9_fid_find(server, id))
		return -EINVAL;
	return server->nr_fids >= server->max_fids ? -EMFILE : 0;
}

/* A walk hands on who the client is (`like`); an attach has no one yet. */
int p9_fid_add(struct p9_server *server, u32 id, const struct p9_fid *like,
	       int fd, struct p9_fid **out)
{
	struct p9_fid **bucket = &server->fids[bucket_of(id)];
	int ret = check(server, id);
	struct p9_fid *fid = ret ? NULL : calloc(1, sizeof(*fid));

	if (!fid) {
		close(fd);
		return ret ? ret : -ENOMEM;
	}
	fid->id = id;
	fid->fd = fd;
	fid->uid = like ? like->uid : UINT32_MAX;
	fid->next = *bucket;
	*bucket = fid;
	count(server, 1);
	*out = fid;
	return 0;
}

/* Also what an unfinished Txattrcreate has collected goes, see p9_xattr.c. */
void p9_fid_remove(struct p9_server *server, struct p9_fid *fid)
{
	struct p9_fid **at = &server->fids[bucket_of(fid->id)];

	while (*at != fid)
		at = &(*at)->next;
	*at = fid->next;
	count(server, -1);
	server->xattr_bytes -= fid->size;
	close(fid->fd);
	free(fid->name);
	free(fid->value);
	free(fid);
}

/* Tlopen and Tlcreate: the same number stands for an open file afterwards. */
void p9_fid_replace(struct p9_fid *fid, int fd, enum p9_fid_kind kind)
{
	close(fid->fd);
	fid->fd = fd;
	fid->kind = kind;
}
