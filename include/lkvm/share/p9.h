/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A server of 9P2000.L, the protocol by which Linux mounts a directory of
 * somebody else: requests ("T-messages") in, replies ("R-messages") out. It
 * does not know what carries them. The messages are those of the protocol
 * description of diod, protocol.md, and of Linux's net/9p.
 *
 * What a client can reach is what is below the directory. Objects are held by
 * descriptors, never by paths, and a name is looked up alone, in the directory
 * that holds it, without following a symbolic link: there is no name, link or
 * race of renames that leads out.
 */
#ifndef LKVM_SHARE_P9_H
#define LKVM_SHARE_P9_H

#include <stdatomic.h>
#include <sys/uio.h>

#include "lkvm/util/util.h"

/* Bytes of the largest message, and of the smallest maximum of a client. */
#define P9_MAX_MSIZE (512 * SZ_1K)
#define P9_MIN_MSIZE 4096U

/* What any reply has room in: an error, and the head of data that is read. */
#define P9_MIN_REPLY 11U

/* Of more buffers than these in one request data is not read or written. */
#define P9_MAX_BUFFERS 128U

struct p9_server;

struct p9_params {
	int root; /* descriptor of the directory */
	bool readonly;
	bool mapped;  /* owners, modes and types are kept in attributes */
	u32 max_fids; /* objects that the client may hold: our descriptors */
};

/* One request and where its reply goes. */
struct p9_io {
	struct iovec *out; /* the request: read by the server */
	u32 nr_out;
	u64 out_len;	  /* sum of the lengths */
	struct iovec *in; /* room for the reply */
	u32 nr_in;
	u64 in_len;
};

/* Written by the server's thread, read by any. */
struct p9_stats {
	_Atomic(u64) requests;
	_Atomic(u64) errors; /* of these: replies that say so */
	_Atomic(u64) reads, bytes_read;
	_Atomic(u64) writes, bytes_written;
	_Atomic(u64) fids; /* in use now */
};

/*
 * Creates a server without a session. `root` is the server's from here on, also
 * after an error. Returns 0 or -ENOMEM.
 */
int p9_server_create(const struct p9_params *params, struct p9_server **out);

/* Also closes the directory; NULL is fine. Nothing is under way. */
void p9_server_destroy(struct p9_server *server);

/* The session is over: all that the client holds is closed. */
void p9_server_reset(struct p9_server *server);

/*
 * Does what the request says and writes the reply. Returns how many bytes that
 * has, or -EINVAL if there is no whole header in the request or less room than
 * P9_MIN_REPLY: then nothing has been done. All other errors are the reply's.
 * One thread at a time.
 */
s64 p9_server_serve(struct p9_server *server, struct p9_io *io);

/* Any thread. */
const struct p9_stats *p9_server_stats(const struct p9_server *server);

#endif
