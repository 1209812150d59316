/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A debugger's session with a target, as bytes in and bytes out: where they
 * come from and go to is its user's. On the thread of the event loop.
 */
#ifndef GDB_SESSION_H
#define GDB_SESSION_H

#include <errno.h>

#include "args.h"
#include "lkvm/gdb/target.h"
#include "lkvm/util/blob.h"
#include "packet.h"

/*
 * A stop reply at most, which comes without having been asked for: there is
 * always so much room left.
 */
#define GDB_STOP_MAX 256U
#define GDB_OUT_MAX  (GDB_FRAME_MAX + 1 + GDB_STOP_MAX)

enum gdb_state {
	GDB_APART,	  /* no packet yet, or detached: the target is free */
	GDB_ATTACHING,	  /* the first packet has come, threads stop */
	GDB_STOPPED,	  /* commands are carried out */
	GDB_RUNNING,	  /* a reply is owed, at the next stop */
	GDB_INTERRUPTING, /* the same, and the threads stop */
	GDB_RESETTING,	  /* the same, but of `monitor reset` */
	GDB_DETACHED, /* as GDB_APART, and nothing is listened to any more */
	GDB_LEAVING,  /* the debugger has gone, threads stop */
};

struct gdb_session {
	struct gdb_target *target;
	struct blob description; /* XML */
	enum gdb_state state;
	bool no_ack;	    /* packets are not acknowledged */
	bool knows_swbreak; /* stop replies may have these reasons */
	bool knows_hwbreak;
	bool no_reply;	      /* of the command under way: not now, or never */
	int general, resumed; /* what Hg and Hc have chosen: IDs */
	struct gdb_stop stop; /* the last one */
	enum gdb_action actions[GDB_MAX_THREADS];
	struct gdb_decoder in;
	struct gdb_reply
		reply;	     /* the last one, for it may be asked for again */
	u8 out[GDB_OUT_MAX]; /* to be sent */
	size_t out_len;
};

/*
 * Prepares *session, whatever is in it, for a target that outlives it. 0, or
 * -errno: too many threads, no memory. gdb_session_destroy() in each case.
 */
int gdb_session_init(struct gdb_session *session, struct gdb_target *target);
void gdb_session_destroy(struct gdb_session *session);

/*
 * A debugger is connected, or no longer. The next one may only be when `state`
 * is GDB_APART: breakpoints are removed when threads have stopped.
 */
void gdb_session_begin(struct gdb_session *session);
void gdb_session_end(struct gdb_session *session);

/* Whether bytes are taken now: if not, wait for a stop, or until some are sent.
 */
bool gdb_session_takes_input(const struct gdb_session *session);

/* Takes bytes that have come; returns how many of them. */
size_t gdb_session_input(struct gdb_session *session, const u8 *buf,
			 size_t len);

/* `len` bytes of `out` have been sent. */
void gdb_session_sent(struct gdb_session *session, size_t len);

/* The target may have stopped. */
void gdb_session_poll(struct gdb_session *session);

/* The target is no more; it ended with that status. */
void gdb_session_exited(struct gdb_session *session, u8 status);

/* ---- Private to gdb/: commands ------------------------------------------- */

/*
 * One command. What it puts into `reply` is sent, unless it sets `no_reply`; an
 * empty reply says that there is no such command.
 */
struct gdb_command {
	const char *name; /* NULL ends a table */
	void (*run)(struct gdb_session *session, struct gdb_args *args);
};

extern const struct gdb_command gdb_data_commands[];
extern const struct gdb_command gdb_query_commands[];
extern const struct gdb_command gdb_resume_commands[];

/* Replies: OK; an error, by a negative errno; that the packet is wrong. */
static inline void gdb_ok(struct gdb_session *session)
{
	gdb_reply_text(&session->reply, "OK");
}

static inline void gdb_error(struct gdb_session *session, int err)
{
	gdb_reply_printf(&session->reply, "E%02d", -err);
}

static inline void gdb_result(struct gdb_session *session, int ret)
{
	if (ret)
		gdb_error(session, ret);
	else
		gdb_ok(session);
}

static inline void gdb_malformed(struct gdb_session *session)
{
	gdb_error(session, -EINVAL);
}

/* The thread that commands are about: its number. */
static inline unsigned int gdb_general_thread(const struct gdb_session *session)
{
	return session->general > 0 ? (unsigned int)session->general - 1
				    : session->stop.thread;
}

/* stop.c: puts the reply that tells of session->stop into `reply`. */
void gdb_put_stop(struct gdb_session *session);

/* description.c: writes the XML that describes the target's registers. */
void gdb_describe(const struct gdb_target *target, struct blob *blob);

#endif
