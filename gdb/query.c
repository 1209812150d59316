/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a debugger asks of the target and of the protocol itself, which threads
 * commands are about, and the commands of its user (`monitor`). GDB's manual,
 * "General Query Packets".
 *
 * Called by gdb/session.c on the event loop's thread. Threads are the vCPUs,
 * with IDs from 1 on, as 0 and -1 have meanings of their own in packets; their
 * number never changes, so the list is the same for each session.
 */
#include <errno.h>
#include <string.h>

#include "session.h"

/* Bytes of what is told of a thread, and of an answer to the user. */
#define TEXT_MAX 512

/* ---- What both sides know ------------------------------------------------ */

/* The debugger's features are behind the colon, with ';' between them. */
static bool has_feature(const struct gdb_args *args, const char *name)
{
	struct gdb_args rest = *args;

	while (rest.at < rest.end) {
		rest.at++;
		if (gdb_take_text(&rest, name) &&
		    (rest.at == rest.end || *rest.at == ';'))
			return true;
		while (rest.at < rest.end && *rest.at != ';')
			rest.at++;
	}
	return false;
}

static void supported(struct gdb_session *session, struct gdb_args *args)
{
	session->knows_swbreak = has_feature(args, "swbreak+");
	session->knows_hwbreak = has_feature(args, "hwbreak+");
	gdb_reply_printf(&session->reply,
			 "PacketSize=%x;qXfer:features:read+;vContSupported+;"
			 "QStartNoAckMode+;swbreak+;hwbreak+",
			 GDB_PACKET_MAX);
}

/*
 * The reply to this packet is still one that GDB acknowledges; a '+' that comes
 * then is ignored.
 */
static void start_no_ack(struct gdb_session *session, struct gdb_args *args)
{
	(void)args;
	session->no_ack = true;
	gdb_ok(session);
}

/* :features:read:target.xml:OFFSET,LENGTH */
static void transfer(struct gdb_session *session, struct gdb_args *args)
{
	const struct blob *text = &session->description;
	u64 offset, len, n;

	if (!gdb_take_text(args, ":features:read:"))
		return;
	if (!gdb_take_text(args, "target.xml:") ||
	    !gdb_take_range(args, &offset, &len) || offset > text->size) {
		gdb_malformed(session);
		return;
	}
	len = MIN(len, text->size - offset);
	/* The first letter is set when it is known what fits. */
	gdb_reply_text(&session->reply, "m");
	n = gdb_reply_binary(&session->reply, text->data + offset, len);
	if (offset + n == text->size)
		session->reply.buf[1] = 'l';
}

/* As if to a process that was there before: at its end it is detached from. */
static void attached(struct gdb_session *session, struct gdb_args *args)
{
	(void)args;
	gdb_reply_text(&session->reply, "1");
}

/* ---- Threads ------------------------------------------------------------- */

/*
 * After a stop that is the thread which has stopped, unless the user has chosen
 * another one.
 */
static void current_thread(struct gdb_session *session, struct gdb_args *args)
{
	(void)args;
	gdb_reply_printf(&session->reply, "QC%x",
			 gdb_general_thread(session) + 1);
}

/* GDB_MAX_THREADS fit one packet. */
static void first_threads(struct gdb_session *session, struct gdb_args *args)
{
	(void)args;
	for (unsigned int i = 0; i < session->target->nr_threads; i++)
		gdb_reply_printf(&session->reply, "%c%x", i ? ',' : 'm', i + 1);
}

static void further_threads(struct gdb_session *session, struct gdb_args *args)
{
	(void)args;
	gdb_reply_text(&session->reply, "l");
}

static void thread_text(struct gdb_session *session, struct gdb_args *args)
{
	struct gdb_target *target = session->target;
	char text[TEXT_MAX] = "";
	int id;

	if (!gdb_take_char(args, ',') ||
	    !gdb_take_thread(args, target->nr_threads, &id) || id < 1) {
		gdb_malformed(session);
		return;
	}
	target->ops->describe(target, (unsigned int)id - 1, text, sizeof(text));
	gdb_reply_hex(&session->reply, text, strlen(text));
}

static void is_alive(struct gdb_session *session, struct gdb_args *args)
{
	int id;

	if (gdb_take_thread(args, session->target->nr_threads, &id) && id > 0)
		gdb_ok(session);
	else
		gdb_error(session, -ESRCH);
}

/* Hg: of registers and memory; Hc: of c and s. */
static void choose_thread(struct gdb_session *session, struct gdb_args *args)
{
	bool general = gdb_take_char(args, 'g');
	int id;

	if ((!general && !gdb_take_char(args, 'c')) ||
	    !gdb_take_thread(args, session->target->nr_threads, &id)) {
		gdb_malformed(session);
		return;
	}
	if (general)
		session->general = id;
	else
		session->resumed = id;
	gdb_ok(session);
}

/* ---- Commands of the user ------------------------------------------------ */

/* A final reply that is text is shown to the user. */
static void say(struct gdb_session *session, const char *text)
{
	gdb_reply_hex(&session->reply, text, strlen(text));
}

/* The reply comes when the machine has been reset. */
static void reset(struct gdb_session *session)
{
	int ret = session->target->ops->reset(session->target);

	if (ret) {
		say(session, "The guest cannot be reset: the run ends with a "
			     "reset (--no-reboot)\n");
		return;
	}
	session->state = GDB_RESETTING;
	session->no_reply = true;
}

/*
 * The user's text comes as hexadecimal digits. An unknown command is answered
 * by the list of those that there are.
 */
static void monitor(struct gdb_session *session, struct gdb_args *args)
{
	u8 text[TEXT_MAX];
	size_t len = gdb_args_left(args) / 2;

	if (!gdb_take_char(args, ',') || len >= sizeof(text) ||
	    !gdb_take_hex(args, text, len)) {
		gdb_malformed(session);
		return;
	}
	text[len] = '\0';
	if (!strcmp((char *)text, "reset"))
		reset(session);
	else
		say(session, "monitor reset  resets the guest, which stops "
			     "before its first instruction;\n"
			     "               after it: maintenance flush "
			     "register-cache\n");
}

const struct gdb_command gdb_query_commands[] = {
	{ "qSupported", supported },
	{ "QStartNoAckMode", start_no_ack },
	{ "qXfer", transfer },
	{ "qAttached", attached },
	{ "qC", current_thread },
	{ "qfThreadInfo", first_threads },
	{ "qsThreadInfo", further_threads },
	{ "qThreadExtraInfo", thread_text },
	{ "qRcmd", monitor },
	{ "T", is_alive },
	{ "H", choose_thread },
	{ NULL, NULL },
};
