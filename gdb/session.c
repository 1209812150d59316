/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A session: bytes to commands, commands to replies, and what has to be waited
 * for. GDB's manual, appendix "GDB Remote Serial Protocol".
 *
 * Threads stop and go on together (all-stop), and the debugger waits for the
 * reply to each command, so there is one reply at most under way. A peer that
 * sends commands without taking replies is not listened to until it does.
 *
 * A connection does nothing to the target before its first packet begins: who
 * only looks whether the port is open stops no guest.
 */
#include <errno.h>
#include <string.h>

#include "session.h"

#define DESCRIPTION_MAX SZ_64K

static const struct gdb_command *const tables[] = {
	gdb_data_commands,
	gdb_query_commands,
	gdb_resume_commands,
};

int gdb_session_init(struct gdb_session *session, struct gdb_target *target)
{
	memset(session, 0, sizeof(*session));
	session->target = target;
	session->description.limit = DESCRIPTION_MAX;
	if (target->nr_threads > GDB_MAX_THREADS)
		return -E2BIG;
	gdb_describe(target, &session->description);
	return session->description.err;
}

void gdb_session_destroy(struct gdb_session *session)
{
	blob_free(&session->description);
}

void gdb_session_begin(struct gdb_session *session)
{
	session->state = GDB_APART;
	session->no_ack = false;
	session->knows_swbreak = session->knows_hwbreak = false;
	session->general = session->resumed = GDB_ANY_THREAD;
	memset(&session->stop, 0, sizeof(session->stop));
	session->in.state = GDB_BETWEEN;
	session->reply.len = 0;
	session->out_len = 0;
}

void gdb_session_end(struct gdb_session *session)
{
	if (session->state == GDB_APART || session->state == GDB_DETACHED) {
		session->state = GDB_APART;
		return;
	}
	session->state = GDB_LEAVING;
	session->target->ops->stop(session->target);
	gdb_session_poll(session);
}

/* ---- Output -------------------------------------------------------------- */

/* gdb_session_takes_input() has seen to it that there is room. */
static void put(struct gdb_session *session, const u8 *data, size_t len)
{
	if (len > sizeof(session->out) - session->out_len)
		return;
	memcpy(session->out + session->out_len, data, len);
	session->out_len += len;
}

static void put_ack(struct gdb_session *session, char ack)
{
	if (!session->no_ack)
		put(session, (const u8 *)&ack, 1);
}

static void put_reply(struct gdb_session *session)
{
	put(session, session->reply.buf, session->reply.len);
}

void gdb_session_sent(struct gdb_session *session, size_t len)
{
	session->out_len -= len;
	memmove(session->out, session->out + len, session->out_len);
}

/* ---- Commands ------------------------------------------------------------ */

/*
 * Names of one letter are followed by anything, others by their end or by what
 * separates arguments.
 */
static bool is_command(const char *name, struct gdb_args *args)
{
	const u8 *begin = args->at;

	if (!gdb_take_text(args, name))
		return false;
	if (!name[1] || args->at == args->end || strchr(":;,", *args->at))
		return true;
	args->at = begin;
	return false;
}

static void run_command(struct gdb_session *session, struct gdb_args *args)
{
	for (size_t i = 0; i < ARRAY_SIZE(tables); i++)
		for (const struct gdb_command *c = tables[i]; c->name; c++)
			if (is_command(c->name, args)) {
				c->run(session, args);
				return;
			}
}

/* The acknowledgement comes first, also that of what ends them. */
static void handle_packet(struct gdb_session *session, bool too_long)
{
	struct gdb_args args = {
		session->in.data,
		session->in.data + session->in.len,
	};

	put_ack(session, '+');
	gdb_reply_begin(&session->reply);
	session->no_reply = false;
	if (session->state == GDB_RUNNING)
		gdb_reply_text(&session->reply, "E.the guest is running");
	else if (too_long)
		gdb_error(session, -E2BIG);
	else
		run_command(session, &args);
	gdb_reply_end(&session->reply);
	if (session->no_reply)
		session->reply.len = 0;
	put_reply(session);
}

/* What interrupts a target that is stopped has come too late. */
static void interrupt(struct gdb_session *session)
{
	if (session->state != GDB_RUNNING)
		return;
	session->state = GDB_INTERRUPTING;
	session->target->ops->stop(session->target);
	gdb_session_poll(session);
}

static void take_byte(struct gdb_session *session, u8 byte)
{
	enum gdb_event event = gdb_decode(&session->in, byte);

	switch (event) {
	case GDB_PACKET:
	case GDB_TOO_LONG:
		handle_packet(session, event == GDB_TOO_LONG);
		break;
	case GDB_BROKEN:
		put_ack(session, '-');
		break;
	case GDB_BREAK:
		interrupt(session);
		break;
	case GDB_NAK:
		if (!session->no_ack)
			put_reply(session);
		break;
	case GDB_ACK:
	case GDB_NOTHING:
		break;
	}
}

bool gdb_session_takes_input(const struct gdb_session *session)
{
	switch (session->state) {
	case GDB_ATTACHING:
	case GDB_INTERRUPTING:
	case GDB_RESETTING:
	case GDB_LEAVING:
		return false;
	default:
		return sizeof(session->out) - session->out_len >=
		       GDB_FRAME_MAX + 1 + GDB_STOP_MAX;
	}
}

/*
 * Before their first packet debuggers send acknowledgements, and a break. Who
 * sends anything else is none, and is not listened to: a web page can have a
 * browser send requests to this machine, with a packet of its choice in them.
 */
static void attach(struct gdb_session *session, u8 byte)
{
	if (byte == '+' || byte == '-' || byte == '\x03')
		return;
	if (byte != '$') {
		session->state = GDB_DETACHED;
		return;
	}
	gdb_decode(&session->in, byte);
	session->state = GDB_ATTACHING;
	session->target->ops->stop(session->target);
	gdb_session_poll(session);
}

size_t gdb_session_input(struct gdb_session *session, const u8 *buf, size_t len)
{
	size_t n;

	for (n = 0; n < len && gdb_session_takes_input(session); n++) {
		if (session->state == GDB_APART)
			attach(session, buf[n]);
		else if (session->state != GDB_DETACHED)
			take_byte(session, buf[n]);
	}
	return n;
}

/* ---- Stops --------------------------------------------------------------- */

/* If no thread has anything of its own to tell, the user's choice is kept. */
static void take_stop(struct gdb_session *session, const struct gdb_stop *stop)
{
	unsigned int thread = gdb_general_thread(session);

	session->stop = *stop;
	if (stop->reason == GDB_REASON_ASKED)
		session->stop.thread = thread;
}

void gdb_session_poll(struct gdb_session *session)
{
	enum gdb_state before = session->state;
	struct gdb_stop stop;

	if (before == GDB_APART || before == GDB_STOPPED ||
	    before == GDB_DETACHED)
		return;
	memset(&stop, 0, sizeof(stop));
	if (!session->target->ops->stopped(session->target, &stop))
		return;
	if (before == GDB_LEAVING) {
		session->state = GDB_APART;
		session->target->ops->lost(session->target);
		return;
	}
	session->state = GDB_STOPPED;
	take_stop(session, &stop);
	/* It asks why. */
	if (before == GDB_ATTACHING)
		return;
	gdb_reply_begin(&session->reply);
	if (before == GDB_RESETTING)
		gdb_ok(session);
	else
		gdb_put_stop(session);
	gdb_reply_end(&session->reply);
	put_reply(session);
}

void gdb_session_exited(struct gdb_session *session, u8 status)
{
	if (session->state == GDB_APART || session->state == GDB_DETACHED ||
	    session->state == GDB_LEAVING)
		return;
	gdb_reply_begin(&session->reply);
	gdb_reply_printf(&session->reply, "W%02x", status);
	gdb_reply_end(&session->reply);
	put_reply(session);
	session->state = GDB_DETACHED;
}
