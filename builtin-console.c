/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * `lkvm console`: what stdin and stdout are becomes the user's end of a port of
 * a guest that runs in another process.
 *
 * The terminal is chardev/terminal.c's, as with `lkvm run`, so it has the same
 * escape key and is restored in the same way; this is the front that takes what
 * is typed, and sends it by the control socket (control/console.c is the other
 * end). One thread, which waits for who reads stdout: the guest does not.
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "builtin-control.h"
#include "builtin.h"
#include "lkvm/chardev/terminal.h"
#include "lkvm/config/serial.h"
#include "lkvm/control/console.h"
#include "lkvm/exit_status.h"
#include "lkvm/util/log.h"

#define LINGER_MAX (CONTROL_LINGER_MAX_MS / 1000)

static const struct option_def console_options[] = {
	OPT_U32(0, "port", struct control_options, port, 0, SERIAL_MAX - 1, "N",
		"The serial port N in place of the console"),
	OPT_U64(0, "linger", struct control_options, linger, 0, LINGER_MAX,
		"SECONDS",
		"Behind the end of stdin: how long the guest has to be silent "
		"before this ends (default: 1)"),
	OPT_END(),
};

static const struct control_usage console_usage = {
	.command = "console",
	.synopsis = "lkvm console [--port N] [--linger SECONDS] NAME",
	.help = "Shows the console of the guest NAME, from some lines back on, "
		"and sends it what is\ntyped. On a terminal Ctrl-a x leaves "
		"the guest, which goes on, Ctrl-a p presses its\npower key, "
		"Ctrl-a Ctrl-a sends a Ctrl-a.\n",
	.wants = 1,
	.options = console_options,
};

struct console {
	const struct control_options *options;
	struct control_link link;
	struct evloop loop;
	struct terminal term;
	struct evloop_source source; /* the connection */
	bool watches_room;	     /* for output to it */
	bool ended;		     /* nothing more is typed */
	bool told_end;		     /* and the guest's lkvm knows that */
	bool left;		     /* the user wants no more */
	atomic_bool stopping;	     /* of the terminal; never set */
	int error;		     /* of stdout, -errno */
	size_t nr_typed;
	u8 typed[SZ_4K]; /* not sent so far */
};

/* ---- From the guest ------------------------------------------------------ */

/* False if stdout takes nothing any more. */
static bool show(struct console *console, const char *buf, size_t len)
{
	struct pollfd pfd = { .fd = STDOUT_FILENO, .events = POLLOUT };

	while (len) {
		ssize_t n = write(STDOUT_FILENO, buf, len);

		if (n > 0) {
			buf += n;
			len -= (size_t)n;
		} else if (n < 0 && errno == EAGAIN) {
			poll(&pfd, 1, -1);
		} else if (n < 0 && errno != EINTR) {
			console->error = -errno;
			return false;
		}
	}
	return true;
}

/* False at the end of the connection. */
static bool receive(struct console *console)
{
	char buf[SZ_4K];
	ssize_t n = recv(console->link.fd, buf, sizeof(buf), MSG_DONTWAIT);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	return n && show(console, buf, (size_t)n);
}

/* ---- To the guest -------------------------------------------------------- */

/* What a guest's lkvm that has gone does not take is dropped. */
static void send_typed(struct console *console)
{
	ssize_t n;

	while (console->nr_typed) {
		n = send(console->link.fd, console->typed, console->nr_typed,
			 MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return;
		if (n < 0)
			n = (ssize_t)console->nr_typed;
		console->nr_typed -= (size_t)n;
		memmove(console->typed, console->typed + n, console->nr_typed);
	}
	if (console->ended && !console->told_end) {
		console->told_end = true;
		shutdown(console->link.fd, SHUT_WR);
	}
}

/* The terminal may be read as far as there is room. */
static void ask_for_more(struct console *console)
{
	struct chardev *chr = &console->term.chr;

	chr->ops->accept(chr, sizeof(console->typed) - console->nr_typed);
}

/* False if the connection cannot be watched. */
static bool watch(struct console *console)
{
	bool room = console->nr_typed;

	if (room == console->watches_room)
		return true;
	console->watches_room = room;
	evloop_del(&console->loop, &console->source);
	return !evloop_add(&console->loop, &console->source,
			   room ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

static void go_on(struct console *console)
{
	send_typed(console);
	if (watch(console))
		ask_for_more(console);
	else
		evloop_stop(&console->loop);
}

/* What came before the end of the connection is shown. */
static void handle_connection(struct evloop_source *source, u32 events)
{
	struct console *console = container_of(source, struct console, source);

	if (events & (EPOLLIN | EPOLLHUP | EPOLLERR) && !receive(console))
		evloop_stop(&console->loop);
	else
		go_on(console);
}

/* chardev.receive: no more than was asked for. */
static void take_typed(struct chardev *chr, const u8 *buf, size_t len)
{
	struct console *console = chr->front;

	memcpy(console->typed + console->nr_typed, buf, len);
	console->nr_typed += len;
	go_on(console);
}

/* chardev.ended: of a pipe or a file. */
static bool end_typed(struct chardev *chr)
{
	struct console *console = chr->front;

	console->ended = true;
	go_on(console);
	return true;
}

/* Ctrl-a x. */
static void leave(struct terminal *term)
{
	struct console *console = container_of(term, struct console, term);

	console->left = true;
	evloop_stop(&console->loop);
}

/* Ctrl-a p: by another connection, as this one carries bytes alone. */
static void press_power(struct terminal *term)
{
	struct console *console = container_of(term, struct console, term);
	struct control_link link;
	int ret;

	if (control_connect(&console_usage, console->options, &link))
		return;
	ret = control_link_tell(&link, "powerdown", NULL, CONTROL_ANSWER_MS);
	if (ret)
		control_report(&console_usage, console->options, &link, ret);
	control_link_close(&link);
}

/* ---- The command --------------------------------------------------------- */

/* What comes behind the answer is the guest's, and left in the link. */
static int enter(struct console *console)
{
	const struct control_options *options = console->options;
	char arguments[64];
	int len = 0, ret;

	if (options->port != CONTROL_NO_PORT)
		len = snprintf(arguments, sizeof(arguments), "{\"port\":%u,",
			       options->port);
	snprintf(arguments + len, sizeof(arguments) - (size_t)len,
		 "%s\"linger_ms\":%" PRIu64 "}", len ? "" : "{",
		 options->linger * 1000);
	ret = control_link_tell(&console->link, "console", arguments,
				CONTROL_ANSWER_MS);
	if (ret)
		control_report(&console_usage, options, &console->link, ret);
	return ret;
}

/* Until the user leaves, or the guest does. */
static int run(struct console *console)
{
	struct control_link *link = &console->link;
	struct terminal *term = &console->term;
	int ret;

	if (term->is_tty)
		pr_info("the console of \"%s\"; Ctrl-a x leaves it",
			console->options->name);
	ret = terminal_start(term);
	if (!ret)
		ret = evloop_add(&console->loop, &console->source, EPOLLIN);
	if (ret || !show(console, link->in, link->in_len))
		return ret;
	ask_for_more(console);
	ret = evloop_run(&console->loop);
	terminal_stop(term);
	if (term->is_tty && !console->error)
		pr_info("%s", console->left ? "left" : "the guest has ended");
	return ret;
}

/* The connection is there, and the guest's lkvm has answered. */
static int with_terminal(struct console *console)
{
	struct terminal *term = &console->term;
	int ret = evloop_init(&console->loop);

	if (ret)
		return ret;
	console->source.fd = console->link.fd;
	console->source.handle = handle_connection;
	ret = terminal_init(term, &console->loop, STDIN_FILENO, STDOUT_FILENO,
			    &console->stopping, leave);
	if (!ret) {
		term->power = press_power;
		term->chr.front = console;
		term->chr.receive = take_typed;
		term->chr.ended = end_typed;
		ret = run(console);
		terminal_destroy(term);
	}
	evloop_destroy(&console->loop);
	return ret;
}

/* A reader of stdout that has gone needs no message. */
static int serve(struct console *console)
{
	int ret = enter(console);

	if (ret)
		return ret;
	ret = with_terminal(console);
	if (ret)
		pr_fatal("console: %s", strerror(-ret));
	else if (console->error && console->error != -EPIPE)
		pr_fatal("console: unable to write: %s",
			 strerror(-console->error));
	return ret ? ret : console->error;
}

int cmd_console(int argc, char *const argv[])
{
	struct control_options options = { .port = CONTROL_NO_PORT,
					   .linger = CONTROL_LINGER_MS / 1000 };
	struct console console = { .options = &options };
	int ret = control_parse(&console_usage, &options, argc, argv);

	if (ret)
		return ret == OPTIONS_HELP ? EXIT_STATUS_POWEROFF
					   : EXIT_STATUS_USAGE;
	signal(SIGPIPE, SIG_IGN);
	terminal_restore_at_signals();
	if (control_connect(&console_usage, &options, &console.link))
		return EXIT_STATUS_SETUP;
	ret = serve(&console);
	control_link_close(&console.link);
	return ret ? EXIT_STATUS_SETUP : EXIT_STATUS_POWEROFF;
}
