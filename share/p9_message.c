/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fields of messages. Of a request they are taken one after the other from a
 * copy that is ours alone; what is missing or bad is noted, and asked for once
 * when all are taken. All integers are little-endian.
 *
 * So a handler takes its fields in the order of the specification, in one
 * declaration each, and then has one check, p9_taken(): until that it must not
 * act on any of them, as they may be zero, empty or NULL.
 */
#include <endian.h>
#include <errno.h>
#include <limits.h>
#include <string.h>

#include "lkvm/util/iov.h"
#include "p9.h"

/* ---- Requests ------------------------------------------------------------ */

/* The first error is the one that is told. */
static void note(struct p9_request *rq, int error)
{
	if (!rq->error)
		rq->error = error;
}

/* Without that many bytes what is taken is 0, and the request is bad. */
static void take(struct p9_request *rq, void *to, u32 n)
{
	memset(to, 0, n);
	if (n > rq->left) {
		note(rq, -EPROTO);
		rq->left = 0;
		return;
	}
	memcpy(to, rq->at, n);
	rq->at += n;
	rq->left -= n;
}

u8 p9_take_u8(struct p9_request *rq)
{
	u8 value;

	take(rq, &value, sizeof(value));
	return value;
}

u16 p9_take_u16(struct p9_request *rq)
{
	u16 value;

	take(rq, &value, sizeof(value));
	return le16toh(value);
}

u32 p9_take_u32(struct p9_request *rq)
{
	u32 value;

	take(rq, &value, sizeof(value));
	return le32toh(value);
}

u64 p9_take_u64(struct p9_request *rq)
{
	u64 value;

	take(rq, &value, sizeof(value));
	return le64toh(value);
}

/* The text moves to where its length was, which makes room for a zero. */
const char *p9_take_string(struct p9_request *rq)
{
	u16 len = p9_take_u16(rq);
	char *text;

	if (len > rq->left)
		note(rq, -EPROTO);
	else if (memchr(rq->at, 0, len))
		note(rq, -EINVAL);
	if (rq->error)
		return "";
	text = (char *)rq->at - sizeof(len);
	memmove(text, rq->at, len);
	text[len] = '\0';
	rq->at += len;
	rq->left -= len;
	return text;
}

/*
 * With a slash, or as one of these three, it would lead somewhere else. That
 * this is looked at for every name is what confines a share: see p9_walk.c.
 */
const char *p9_take_name(struct p9_request *rq)
{
	const char *name = p9_take_string(rq);

	if (strlen(name) > NAME_MAX)
		note(rq, -ENAMETOOLONG);
	else if (!*name || !strcmp(name, ".") || !strcmp(name, "..") ||
		 strchr(name, '/'))
		note(rq, -EINVAL);
	return name;
}

/* NULL is noted as an error: after p9_taken() it is not NULL. */
struct p9_fid *p9_take_fid(struct p9_request *rq)
{
	struct p9_fid *fid = p9_fid_find(rq->server, p9_take_u32(rq));

	if (!fid)
		note(rq, -EBADF);
	return fid;
}

/*
 * Bytes that are left over mean that client and server disagree on the fields.
 */
int p9_taken(struct p9_request *rq)
{
	if (rq->left)
		note(rq, -EPROTO);
	return rq->error;
}

/* ---- Replies ------------------------------------------------------------- */

/* A reply that gets too long is no reply: see p9_server_serve(). */
static void put(struct p9_request *rq, const void *from, size_t n)
{
	if (n > rq->room - rq->len) {
		note(rq, -ENOBUFS);
		return;
	}
	memcpy(rq->server->reply + rq->len, from, n);
	rq->len += (u32)n;
}

void p9_put_u8(struct p9_request *rq, u8 value)
{
	put(rq, &value, sizeof(value));
}

void p9_put_u16(struct p9_request *rq, u16 value)
{
	value = htole16(value);
	put(rq, &value, sizeof(value));
}

void p9_put_u32(struct p9_request *rq, u32 value)
{
	value = htole32(value);
	put(rq, &value, sizeof(value));
}

void p9_put_u64(struct p9_request *rq, u64 value)
{
	value = htole64(value);
	put(rq, &value, sizeof(value));
}

/*
 * `len` is at most NAME_MAX or PATH_MAX, and so fits the 16 bits of a length.
 */
void p9_put_string(struct p9_request *rq, const char *s, size_t len)
{
	p9_put_u16(rq, (u16)len);
	put(rq, s, len);
}

void p9_put_qid(struct p9_request *rq, const struct p9_qid *qid)
{
	p9_put_u8(rq, qid->type);
	p9_put_u32(rq, qid->version);
	p9_put_u64(rq, qid->path);
}

/* Both limits are at least P9_READ_HEAD: see p9_server_serve(), version(). */
u32 p9_data_room(const struct p9_request *rq, u32 count)
{
	u64 room = MIN(rq->io->in_len, (u64)rq->server->msize);

	return MIN(count, (u32)room - P9_READ_HEAD);
}

/*
 * Content goes to the guest's buffers, behind the head of the reply, which is
 * not sent yet. NULL: it is there already, read straight to where it belongs.
 */
void p9_put_data(struct p9_request *rq, const void *buf, u32 len)
{
	p9_put_u32(rq, len);
	if (buf)
		iov_write(rq->io->in, rq->io->nr_in, P9_READ_HEAD, buf, len);
	rq->data = len;
}
