/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The reply that tells which thread has stopped and why: GDB's manual, "Stop
 * Reply Packets". Signals have GDB's own numbers.
 *
 * Used for the reply to commands that went on and to the query `?`.
 * session->stop is the target's report of the last stop; the thread in it is a
 * number from 0 on, and in packets an ID from 1 on.
 */
#include <inttypes.h>

#include "session.h"

#define SIGNAL_INT  2
#define SIGNAL_TRAP 5

/* Reasons that a debugger has not heard of confuse it. */
static void put_break(struct gdb_session *session)
{
	bool hardware = session->stop.type == GDB_BREAK_HARDWARE;

	if (hardware ? session->knows_hwbreak : session->knows_swbreak)
		gdb_reply_text(&session->reply,
			       hardware ? "hwbreak:;" : "swbreak:;");
}

static void put_watch(struct gdb_session *session)
{
	static const char *const names[GDB_BREAKS] = {
		[GDB_WATCH_WRITE] = "watch",
		[GDB_WATCH_READ] = "rwatch",
		[GDB_WATCH_ACCESS] = "awatch",
	};
	const char *name = names[session->stop.type];

	if (name)
		gdb_reply_printf(&session->reply, "%s:%" PRIx64 ";", name,
				 session->stop.addr);
}

/* From then on GDB takes this thread for the one that Hg has chosen. */
void gdb_put_stop(struct gdb_session *session)
{
	const struct gdb_stop *stop = &session->stop;

	session->general = (int)stop->thread + 1;
	gdb_reply_printf(&session->reply, "T%02xthread:%x;",
			 stop->reason == GDB_REASON_ASKED ? SIGNAL_INT
							  : SIGNAL_TRAP,
			 stop->thread + 1);
	if (stop->reason == GDB_REASON_BREAK)
		put_break(session);
	else if (stop->reason == GDB_REASON_WATCH)
		put_watch(session);
}
