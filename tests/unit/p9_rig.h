/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A server of 9p on a directory of its own, and a client that sends it one
 * message after the other. The message's buffers are cut at odd places; beside
 * the reply's nothing may be written.
 *
 * The directory has "out" beside the share "share": what a client must not
 * reach, with a file "secret".
 */
#ifndef TESTS_P9_RIG_H
#define TESTS_P9_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "share/p9.h"

#define P9_NAMES_MAX 17
#define SECRET	     "not for guests"
#define NOBODY	     UINT32_MAX

#define DIRECTORY 0x80 /* of a qid's type */
#define SYMLINK	  0x02

#define AT_REMOVE 0x200 /* Tunlinkat's flag for a directory */

struct p9_rig {
	char dir[64];
	int share, out; /* descriptors of the two */
	struct p9_server *server;
	u32 in_len; /* room for the next replies */
	u32 cut;    /* of the next request's first buffer; 0: one buffer */
	u8 request[P9_MAX_MSIZE];
	u8 reply[P9_MAX_MSIZE + 64];
	u32 size; /* of the reply */
	u32 at;	  /* what was taken of it */
	u8 type;
};

extern struct p9_rig rig;

/* For tests: the directory, a session of 128 KiB, fid 0 at the root. */
int p9_setup(void **state);
int p9_teardown(void **state);

/* The same for other programs; `readonly` of the server, without a session. */
void p9_rig_create(struct p9_rig *r, bool readonly, u32 max_fids);
void p9_rig_destroy(struct p9_rig *r);
void p9_rig_session(struct p9_rig *r);

/* A new server for the same directory, with a session. */
void p9_rig_reopen(struct p9_rig *r, bool readonly, u32 max_fids);

/*
 * Sends a message whose fields are given by letters, as in Linux's net/9p: b,
 * w, d and q are integers of 1, 2, 4 and 8 bytes, s is a string, V bytes and
 * their number (which is no field). Returns 0 or the errno of the reply.
 */
int p9_do(struct p9_rig *r, u8 type, const char *format, ...);

/* The same without a check of anything: `len` bytes of r->request. */
s64 p9_send(struct p9_rig *r, u32 len);

/* Puts a message together in r->request; returns its length. */
u32 p9_make(struct p9_rig *r, u8 type, const char *format, va_list args);

/* Fields of the reply, in their order. */
u64 p9_get(struct p9_rig *r, u32 bytes);
struct p9_qid p9_get_qid(struct p9_rig *r);
const char *p9_get_string(struct p9_rig *r);

/* Walks from fid `from` to `path`, "a/b", as fid `to`. 0 or errno. */
int p9_go(struct p9_rig *r, u32 from, u32 to, const char *path);
int p9_forget(struct p9_rig *r, u32 fid);

/* A new file of the share's root with content, as fid `fid`, closed again. */
void p9_new_file(struct p9_rig *r, const char *name, const char *content);

/* What st the client sees of a fid. 0 or errno. */
int p9_look(struct p9_rig *r, u32 fid, struct stat *st);

#define P9_TEST(f) cmocka_unit_test_setup_teardown(f, p9_setup, p9_teardown)

#endif
