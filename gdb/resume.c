/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Commands that make threads go on, or end a session. GDB's manual, "Packets".
 * Signals, which a debugger may pass to threads, do not exist here.
 *
 * The reply to one that goes on comes when threads have stopped again.
 *
 * Called by gdb/session.c while all threads are stopped, on the event loop's
 * thread. None of the functions waits: session->state says what is going on,
 * and gdb_session_poll() sends the reply later.
 */
#include <errno.h>

#include "session.h"

/*
 * Has the target carry out session->actions. From a success on, packets are
 * refused until the next stop.
 */
static void go_on(struct gdb_session *session)
{
	int ret =
		session->target->ops->resume(session->target, session->actions);

	if (ret) {
		gdb_error(session, ret);
		return;
	}
	session->state = GDB_RUNNING;
	session->no_reply = true;
}

static void set_all(struct gdb_session *session, enum gdb_action action)
{
	for (unsigned int i = 0; i < session->target->nr_threads; i++)
		session->actions[i] = action;
}

/* ---- vCont --------------------------------------------------------------- */

/*
 * GDB only uses vCont if there are C and S as well, though their signals are
 * ignored.
 */
static void list_actions(struct gdb_session *session, struct gdb_args *args)
{
	(void)args;
	gdb_reply_text(&session->reply, "vCont;c;C;s;S;t");
}

/* One letter, with a signal behind the large ones. */
static bool take_action(struct gdb_args *args, enum gdb_action *action)
{
	u64 signal;

	if (gdb_take_char(args, 'c') || gdb_take_char(args, 's') ||
	    gdb_take_char(args, 't')) {
		u8 letter = args->at[-1];

		*action = letter == 'c'	  ? GDB_CONTINUE
			  : letter == 's' ? GDB_STEP
					  : GDB_STAY;
		return true;
	}
	*action = *args->at == 'S' ? GDB_STEP : GDB_CONTINUE;
	return (gdb_take_char(args, 'C') || gdb_take_char(args, 'S')) &&
	       gdb_take_number(args, &signal);
}

/* True of a thread that an earlier action, which counts, was for. */
struct chosen {
	bool threads[GDB_MAX_THREADS];
};

static void apply(struct gdb_session *session, struct chosen *chosen, int id,
		  enum gdb_action action)
{
	for (unsigned int i = 0; i < session->target->nr_threads; i++) {
		if (chosen->threads[i] || (id > 0 && (unsigned int)id != i + 1))
			continue;
		chosen->threads[i] = true;
		session->actions[i] = action;
		/* Any one will do. */
		if (id == GDB_ANY_THREAD)
			break;
	}
}

/* ;ACTION[:THREAD]... Threads that are not named stay stopped. */
static bool take_actions(struct gdb_session *session, struct gdb_args *args)
{
	struct chosen chosen = { 0 };
	enum gdb_action action;

	set_all(session, GDB_STAY);
	while (gdb_take_char(args, ';')) {
		int id = GDB_ALL_THREADS;

		if (!take_action(args, &action) ||
		    (gdb_take_char(args, ':') &&
		     !gdb_take_thread(args, session->target->nr_threads, &id)))
			return false;
		apply(session, &chosen, id, action);
	}
	return args->at == args->end;
}

/* If none went on there would be no stop to wait for. */
static bool any_goes_on(const struct gdb_session *session)
{
	for (unsigned int i = 0; i < session->target->nr_threads; i++)
		if (session->actions[i] != GDB_STAY)
			return true;
	return false;
}

/* All or nothing: if a part is wrong no thread has gone on. */
static void vcont(struct gdb_session *session, struct gdb_args *args)
{
	if (!take_actions(session, args))
		gdb_malformed(session);
	else if (any_goes_on(session))
		go_on(session);
	else
		gdb_put_stop(session);
}

/* ---- c, C, s, S ---------------------------------------------------------- */

/*
 * The thread that Hc has chosen, or all; of them the one that commands are
 * about steps. An address to go on at, which GDB never sends, is not taken.
 */
static void resume(struct gdb_session *session, enum gdb_action action)
{
	int id = session->resumed;
	unsigned int one = id > 0 ? (unsigned int)id - 1
				  : gdb_general_thread(session);

	set_all(session, id > 0 ? GDB_STAY : GDB_CONTINUE);
	session->actions[one] = action;
	go_on(session);
}

static void continue_or_step(struct gdb_session *session, struct gdb_args *args,
			     enum gdb_action action)
{
	if (gdb_args_left(args))
		gdb_malformed(session);
	else
		resume(session, action);
}

static void simply_continue(struct gdb_session *session, struct gdb_args *args)
{
	continue_or_step(session, args, GDB_CONTINUE);
}

static void simply_step(struct gdb_session *session, struct gdb_args *args)
{
	continue_or_step(session, args, GDB_STEP);
}

static void continue_signal(struct gdb_session *session, struct gdb_args *args)
{
	u64 signal;

	gdb_take_number(args, &signal);
	simply_continue(session, args);
}

static void step_signal(struct gdb_session *session, struct gdb_args *args)
{
	u64 signal;

	gdb_take_number(args, &signal);
	simply_step(session, args);
}

/* ---- Others -------------------------------------------------------------- */

/* What GDB asks first: that is the stop which attaching has caused. */
static void why(struct gdb_session *session, struct gdb_args *args)
{
	(void)args;
	gdb_put_stop(session);
}

/*
 * The reply is sent all the same, after the threads have gone on; bytes that
 * come behind it are not looked at.
 */
static void detach(struct gdb_session *session, struct gdb_args *args)
{
	(void)args;
	session->target->ops->detach(session->target);
	session->state = GDB_DETACHED;
	gdb_ok(session);
}

/* No reply is expected: the connection ends with the target. */
static void kill_all(struct gdb_session *session, struct gdb_args *args)
{
	(void)args;
	session->target->ops->kill(session->target);
	session->state = GDB_DETACHED;
	session->no_reply = true;
}

static void kill_process(struct gdb_session *session, struct gdb_args *args)
{
	kill_all(session, args);
	session->no_reply = false;
	gdb_ok(session);
}

const struct gdb_command gdb_resume_commands[] = {
	{ "vCont?", list_actions },
	{ "vCont", vcont },
	{ "vKill", kill_process },
	{ "c", simply_continue },
	{ "C", continue_signal },
	{ "s", simply_step },
	{ "S", step_signal },
	{ "?", why },
	{ "D", detach },
	{ "k", kill_all },
	{ NULL, NULL },
};
