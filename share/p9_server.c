/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A session with a client: which message is for whom, what every one of them
 * has in common, and the messages about the session itself.
 *
 * The head of a request is copied out of the client's memory, once, and so is
 * the rest of it, but for the data of Twrite. What is not data is small: only
 * strings could make it large, and those have limits of their own.
 */
#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lkvm/util/iov.h"
#include "p9.h"

#define VERSION "9P2000.L"

static u32 get_u32(const u8 *at)
{
	u32 value;

	memcpy(&value, at, sizeof(value));
	return le32toh(value);
}

/* ---- The session --------------------------------------------------------- */

/*
 * Without `msize` there is no session, and no message is accepted but Tversion.
 */
void p9_server_reset(struct p9_server *server)
{
	for (u32 i = 0; i < P9_FID_BUCKETS; i++)
		while (server->fids[i])
			p9_fid_remove(server, server->fids[i]);
	server->msize = 0;
}

/*
 * Begins a new session, whatever was before. Another version is "unknown", and
 * then there is none.
 */
static int version(struct p9_request *rq)
{
	u32 msize = p9_take_u32(rq);
	const char *wanted = p9_take_string(rq);
	int ret = p9_taken(rq);
	bool known;

	if (ret)
		return ret;
	if (msize < P9_MIN_MSIZE)
		return -EMSGSIZE;
	known = !strcmp(wanted, VERSION);
	msize = MIN(msize, (u32)P9_MAX_MSIZE);
	p9_server_reset(rq->server);
	rq->server->msize = known ? msize : 0;
	p9_put_u32(rq, msize);
	if (known)
		p9_put_string(rq, VERSION, strlen(VERSION));
	else
		p9_put_string(rq, "unknown", strlen("unknown"));
	return 0;
}

/* Requests are served in their order: the other one has been answered. */
static int flush(struct p9_request *rq)
{
	p9_take_u16(rq);
	return p9_taken(rq);
}

/* ---- Messages ------------------------------------------------------------ */

/*
 * `room`: bytes that a reply without data has, strings not counted, so that
 * what has no room for it is not done.
 */
static const struct message {
	p9_handler *handler;
	bool changes; /* is refused where nothing may be written */
	u32 room;
} messages[P9_NR_TYPES] = {
	[P9_TVERSION] = { version, false, 13 },
	[P9_TFLUSH] = { flush, false, 7 },
	[P9_TATTACH] = { p9_attach, false, 20 },
	[P9_TWALK] = { p9_walk, false, 9 },
	[P9_TCLUNK] = { p9_clunk, false, 7 },
	[P9_TREMOVE] = { p9_remove, false, 7 },
	[P9_TLOPEN] = { p9_lopen, false, 24 },
	[P9_TLCREATE] = { p9_lcreate, true, 24 },
	[P9_TREAD] = { p9_read, false, 11 },
	[P9_TWRITE] = { p9_write, true, 11 },
	[P9_TFSYNC] = { p9_fsync, false, 7 },
	[P9_TREADDIR] = { p9_readdir, false, 11 },
	[P9_TGETATTR] = { p9_getattr, false, 160 },
	[P9_TSETATTR] = { p9_setattr, true, 7 },
	[P9_TSTATFS] = { p9_statfs, false, 67 },
	[P9_TREADLINK] = { p9_readlink, false, 9 },
	[P9_TMKDIR] = { p9_mkdir, true, 20 },
	[P9_TMKNOD] = { p9_mknod, true, 20 },
	[P9_TSYMLINK] = { p9_symlink, true, 20 },
	[P9_TLINK] = { p9_link, true, 7 },
	[P9_TUNLINKAT] = { p9_unlinkat, true, 7 },
	[P9_TRENAMEAT] = { p9_renameat, true, 7 },
	[P9_TRENAME] = { p9_rename, true, 7 },
	[P9_TXATTRWALK] = { p9_xattrwalk, false, 15 },
	[P9_TXATTRCREATE] = { p9_xattrcreate, true, 7 },
	[P9_TLOCK] = { p9_lock, false, 8 },
	[P9_TGETLOCK] = { p9_getlock, false, 30 },
};

/* NULL for a type that there is not: authentication, or a reply. */
static const struct message *find(u8 type)
{
	return type < P9_NR_TYPES && messages[type].handler ? &messages[type]
							    : NULL;
}

/* Copies the fields behind the head. 0 or -errno. */
static int copy_fields(struct p9_request *rq)
{
	const struct p9_io *io = rq->io;
	u32 fields = rq->type == P9_TWRITE ? P9_WRITE_HEAD : rq->size;

	if (rq->size < P9_HEADER || rq->size > io->out_len || rq->size < fields)
		return -EPROTO;
	if (fields > P9_MAX_SMALL)
		return -ENAMETOOLONG;
	rq->at = rq->server->request + P9_HEADER;
	rq->left = fields - P9_HEADER;
	iov_read(io->out, io->nr_out, P9_HEADER, rq->at, rq->left);
	return 0;
}

/* What has to be so before the request is looked at. 0 or -errno. */
static int check(const struct p9_request *rq, const struct message *message)
{
	const struct p9_server *server = rq->server;

	if (!message)
		return -EOPNOTSUPP;
	if (rq->type != P9_TVERSION && !server->msize)
		return -EPROTO;
	if (server->msize && rq->size > server->msize)
		return -EMSGSIZE;
	if (rq->io->in_len < message->room)
		return -ENOBUFS;
	return message->changes && server->readonly ? -EROFS : 0;
}

/*
 * The handler has taken all fields when it does anything, so a message that is
 * cut short changes nothing.
 */
static int execute(struct p9_request *rq)
{
	const struct message *message = find(rq->type);
	int ret = check(rq, message);

	if (!ret)
		ret = copy_fields(rq);
	if (!ret)
		ret = message->handler(rq);
	return ret ? ret : rq->error;
}

/* Takes the place of whatever was put so far. */
static void put_error(struct p9_request *rq, int error)
{
	atomic_fetch_add_explicit(&rq->server->stats.errors, 1,
				  memory_order_relaxed);
	rq->len = P9_HEADER;
	rq->data = 0;
	rq->error = 0;
	p9_put_u32(rq, (u32)-error);
}

/* Size, type and tag, which were left free, and all of it to the client. */
static u32 send_reply(struct p9_request *rq, u8 type)
{
	u8 *reply = rq->server->reply;
	u32 size = rq->len + rq->data, le_size = htole32(size);
	u16 le_tag = htole16(rq->tag);

	memcpy(reply, &le_size, sizeof(le_size));
	reply[4] = type;
	memcpy(reply + 5, &le_tag, sizeof(le_tag));
	iov_write(rq->io->in, rq->io->nr_in, 0, reply, rq->len);
	return size;
}

/*
 * Errors of the client's request are replies; -EINVAL is for a chain that
 * cannot hold any.
 */
s64 p9_server_serve(struct p9_server *server, struct p9_io *io)
{
	u8 *head = server->request;
	struct p9_request rq = { .server = server, .io = io };
	int ret;

	if (io->out_len < P9_HEADER || io->in_len < P9_MIN_REPLY)
		return -EINVAL;
	iov_read(io->out, io->nr_out, 0, head, P9_HEADER);
	rq.size = get_u32(head);
	rq.type = head[4];
	rq.tag = (u16)(head[5] | head[6] << 8);
	rq.len = P9_HEADER;
	rq.room = (u32)MIN(io->in_len, (u64)P9_MAX_SMALL);
	atomic_fetch_add_explicit(&server->stats.requests, 1,
				  memory_order_relaxed);
	ret = execute(&rq);
	if (ret)
		put_error(&rq, ret);
	return send_reply(&rq, ret ? P9_RLERROR : (u8)(rq.type + 1));
}

/* ---- The server ---------------------------------------------------------- */

/*
 * The root's descriptor belongs to this from the call on. Its qid is made here
 * so that the numbers of devices in qids begin with the root's.
 */
int p9_server_create(const struct p9_params *params, struct p9_server **out)
{
	struct p9_server *server = calloc(1, sizeof(*server));
	u64 path;

	if (server) {
		server->root = params->root;
		server->readonly = params->readonly;
		server->mapped = params->mapped;
		server->gives_away = !geteuid();
		server->max_fids = params->max_fids;
	}
	if (!server || fstat(params->root, &server->root_stat) < 0 ||
	    p9_qid_path(server, server->root_stat.st_dev, 0, &path)) {
		close(params->root);
		free(server);
		return -ENOMEM;
	}
	*out = server;
	return 0;
}

void p9_server_destroy(struct p9_server *server)
{
	if (!server)
		return;
	p9_server_reset(server);
	close(server->root);
	free(server->devices);
	free(server);
}

const struct p9_stats *p9_server_stats(const struct p9_server *server)
{
	return &server->stats;
}
