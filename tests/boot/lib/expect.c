/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Runs a command and talks to its console as a script says. Static, for
 * systems with nothing but a kernel and busybox.
 *
 *	expect [-tv] [-l LOG] SCRIPT COMMAND [ARG]...
 *
 * -t gives the command a terminal instead of pipes; LOG gets every byte that
 * it prints, with -v our output as well. A line of SCRIPT is empty, starts with
 * #, or is one of
 *
 *	timeout SECONDS     for the lines after it (60 without it)
 *	send TEXT           type TEXT
 *	expect TEXT         go on when TEXT is printed, after what the last
 *	                    expect found; escape sequences do not count
 *	run COMMAND         run by sh -c, has to succeed; $CHILD is the
 *	                    process id of what is being driven
 *	kill SIGNAL         a number or HUP, INT, QUIT, KILL, TERM, STOP, CONT
 *	wait STATUS         the end, with this exit status or 128 + signal
 *	interact            join our input to the command's until it ends
 *	watch FILE          count changes of FILE; each send starts anew
 *	strike N USEC TEXT  kill KILL as soon as FILE has changed N times and
 *	                    USEC microseconds more are over, or TEXT is there
 *
 * In TEXT \r, \n, \t, \e, \\ and \xHH stand for what they do in C. Exit status:
 * 0 the script came to its end, 1 it did not, 2 wrong usage or script.
 */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define TAIL_LINES 25
#define MIN(a, b)  ((a) < (b) ? (a) : (b))

enum {
	PASSED,
	FAILED,
	MISUSED
};

/* Where the parser of escape sequences is, ECMA-48 section 5. */
enum escape {
	PLAIN,
	ESCAPE,
	CONTROL_SEQUENCE
};

struct console {
	int log; /* -1: none */
	bool verbose;
	char *text; /* printed so far, without escape sequences; with a NUL */
	size_t len, size;
	size_t from; /* what expect has not gone past */
	enum escape escape;
};

struct session {
	struct console console;
	pid_t pid;
	int pidfd;   /* -1 once the command has ended */
	int in, out; /* -1 once closed */
	int status;
	bool interactive;
	int watch; /* -1: none */
	unsigned long changes;
	const char *script;
	unsigned int line;
	double timeout;
};

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* The console's last lines, without what a terminal would act on. */
static void print_tail(const struct console *console)
{
	const char *at = console->text + console->len;
	int lines = 0;

	if (!console->len) {
		fprintf(stderr, "the console is empty\n");
		return;
	}

	while (at > console->text && lines <= TAIL_LINES)
		lines += *--at == '\n';
	fprintf(stderr, "the console's end:\n| ");
	for (; *at; at++) {
		if (*at == '\n')
			fputs("\n| ", stderr);
		else if ((unsigned char)*at >= ' ' || *at == '\t')
			fputc(*at, stderr);
	}
	fputc('\n', stderr);
}

static void __attribute__((noreturn, format(printf, 3, 4)))
stop(struct session *s, int status, const char *format, ...)
{
	va_list args;

	if (status == FAILED)
		print_tail(&s->console);
	fprintf(stderr, "expect: %s:%u: ", s->script, s->line);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	if (s->pidfd >= 0)
		kill(s->pid, SIGKILL);
	exit(status);
}

/* ---- what the command prints -------------------------------------------- */

static void keep(struct console *console, char c)
{
	if (console->len + 1 >= console->size) {
		console->size = console->size * 2 + 4096;
		console->text = realloc(console->text, console->size);
		if (!console->text)
			abort();
	}
	console->text[console->len++] = c;
	console->text[console->len] = 0;
}

static void take_byte(struct console *console, unsigned char c)
{
	switch (console->escape) {
	case PLAIN:
		if (c == 0x1b)
			console->escape = ESCAPE;
		else if (c)
			keep(console, (char)c);
		break;
	case ESCAPE:
		if (c == '[')
			console->escape = CONTROL_SEQUENCE;
		else if (c >= 0x30) /* else an intermediate byte */
			console->escape = PLAIN;
		break;
	case CONTROL_SEQUENCE:
		if (c >= 0x40 && c <= 0x7e)
			console->escape = PLAIN;
		break;
	}
}

static void take_output(struct session *s)
{
	unsigned char buf[4096];
	ssize_t n = read(s->out, buf, sizeof(buf));

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	/* EIO: nobody has the terminal's other end any more. */
	if (n <= 0) {
		if (s->in == s->out)
			s->in = -1;
		close(s->out);
		s->out = -1;
		return;
	}
	if (s->console.log >= 0 && write(s->console.log, buf, (size_t)n) != n)
		stop(s, FAILED, "cannot write the log: %s", strerror(errno));
	if (s->console.verbose && write(STDOUT_FILENO, buf, (size_t)n) != n)
		stop(s, FAILED, "cannot write: %s", strerror(errno));
	for (ssize_t i = 0; i < n; i++)
		take_byte(&s->console, buf[i]);
}

static void take_end(struct session *s)
{
	int status;

	waitpid(s->pid, &status, 0);
	s->status = WIFSIGNALED(status) ? 128 + WTERMSIG(status)
					: WEXITSTATUS(status);
	close(s->pidfd);
	s->pidfd = -1;
}

static void take_changes(struct session *s)
{
	char buf[4096]
		__attribute__((aligned(__alignof__(struct inotify_event))));
	ssize_t n = read(s->watch, buf, sizeof(buf));

	for (char *at = buf; n > 0 && at < buf + n;) {
		const struct inotify_event *event = (const void *)at;

		s->changes++;
		at += sizeof(*event) + event->len;
	}
}

/* False if the command takes no more. */
static bool give_input(struct session *s, const char *text, size_t len)
{
	while (len) {
		ssize_t n = s->in < 0 ? -1 : write(s->in, text, len);

		if (n < 0 && s->in >= 0 && errno == EINTR)
			continue;
		if (n < 0)
			return false;
		text += n;
		len -= (size_t)n;
	}
	return true;
}

static void pass_on_input(struct session *s)
{
	char buf[256];
	ssize_t n = read(STDIN_FILENO, buf, sizeof(buf));

	if (n <= 0 || !give_input(s, buf, (size_t)n))
		s->interactive = false;
}

/* Waits for something to happen and takes it; false when the time is over. */
static bool pump(struct session *s, double deadline)
{
	struct pollfd fds[] = {
		{ .fd = s->out, .events = POLLIN },
		{ .fd = s->watch, .events = POLLIN },
		{ .fd = s->pidfd, .events = POLLIN },
		{ .fd = s->interactive ? STDIN_FILENO : -1, .events = POLLIN },
	};
	double left = MIN(deadline - now(), 3600);
	int n = poll(fds, 4, left > 0 ? (int)(left * 1000) + 1 : 0);

	if (n < 0 && errno != EINTR)
		stop(s, FAILED, "poll: %s", strerror(errno));
	if (n <= 0)
		return n < 0 || left > 0;
	if (fds[0].revents)
		take_output(s);
	if (fds[1].revents)
		take_changes(s);
	if (fds[3].revents)
		pass_on_input(s);
	/* Only when all that it has printed is here. */
	if (fds[2].revents && !fds[0].revents)
		take_end(s);
	return true;
}

static bool find(struct console *console, const char *text)
{
	const char *at = NULL;

	if (console->text)
		at = strstr(console->text + console->from, text);
	if (at)
		console->from = (size_t)(at - console->text) + strlen(text);
	return at;
}

/* ---- the script --------------------------------------------------------- */

static char unescape_one(struct session *s, const char **from)
{
	static const char letters[] = "rnte\\", meanings[] = "\r\n\t\x1b\\";
	const char *letter;
	char hex[3] = "";
	char c = *(*from)++, *end;

	if (c != '\\')
		return c;
	letter = **from ? strchr(letters, **from) : NULL;
	if (letter) {
		++*from;
		return meanings[letter - letters];
	}
	if (**from == 'x') {
		strncpy(hex, *from + 1, 2);
		c = (char)strtoul(hex, &end, 16);
		if (c && !*end && strlen(hex) == 2) {
			*from += 3;
			return c;
		}
	}
	stop(s, MISUSED, "no such escape: \\%.3s", *from);
}

/* In place. */
static char *unescape(struct session *s, char *text)
{
	const char *from = text;
	char *to = text;

	while (*from)
		*to++ = unescape_one(s, &from);
	*to = 0;
	return text;
}

static void do_timeout(struct session *s, char *arg)
{
	char *end;

	s->timeout = strtod(arg, &end);
	if (end == arg || *end || !(s->timeout > 0))
		stop(s, MISUSED, "timeout wants seconds");
}

static void do_send(struct session *s, char *arg)
{
	const char *text = unescape(s, arg);

	s->changes = 0;
	if (!give_input(s, text, strlen(text)))
		stop(s, FAILED,
		     "cannot send: the command has ended or closed "
		     "its input");
}

static void do_expect(struct session *s, char *arg)
{
	double deadline = now() + s->timeout;
	const char *shown = strdup(arg);
	const char *text = unescape(s, arg);

	while (!find(&s->console, text)) {
		if (s->out < 0)
			stop(s, FAILED, "the output ended before: %s", shown);
		if (s->pidfd < 0)
			stop(s, FAILED, "ended with status %d before: %s",
			     s->status, shown);
		if (!pump(s, deadline))
			stop(s, FAILED, "not seen in %g s: %s", s->timeout,
			     shown);
	}
}

static void do_run(struct session *s, char *arg)
{
	int status = system(arg);

	if (status)
		stop(s, FAILED, "status %d of: %s",
		     WIFEXITED(status) ? WEXITSTATUS(status) : 128, arg);
}

static void do_kill(struct session *s, char *arg)
{
	static const struct {
		const char *name;
		int number;
	} signals[] = {
		{ "HUP", SIGHUP },   { "INT", SIGINT },	  { "QUIT", SIGQUIT },
		{ "KILL", SIGKILL }, { "TERM", SIGTERM }, { "STOP", SIGSTOP },
		{ "CONT", SIGCONT },
	};
	int number = atoi(arg);

	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		if (!strcmp(signals[i].name, arg))
			number = signals[i].number;
	if (!number)
		stop(s, MISUSED, "no such signal: %s", arg);
	if (s->pidfd < 0)
		stop(s, FAILED, "ended with status %d before the signal",
		     s->status);
	kill(s->pid, number);
}

static void do_wait(struct session *s, char *arg)
{
	double deadline = now() + s->timeout;
	char *end;
	long want = strtol(arg, &end, 10);

	if (end == arg || *end)
		stop(s, MISUSED, "wait wants an exit status");
	while (s->pidfd >= 0)
		if (!pump(s, deadline))
			stop(s, FAILED, "no end within %g s", s->timeout);
	if (s->status != want)
		stop(s, FAILED, "exit status %d instead of %ld", s->status,
		     want);
}

static void do_interact(struct session *s, char *arg)
{
	struct termios cooked, raw;
	bool terminal = !tcgetattr(STDIN_FILENO, &cooked);

	(void)arg;
	if (terminal) {
		raw = cooked;
		cfmakeraw(&raw);
		tcsetattr(STDIN_FILENO, TCSADRAIN, &raw);
	}
	s->interactive = true;
	while (s->pidfd >= 0)
		pump(s, HUGE_VAL);
	s->interactive = false;
	if (terminal)
		tcsetattr(STDIN_FILENO, TCSADRAIN, &cooked);
}

static void do_watch(struct session *s, char *arg)
{
	if (s->watch >= 0)
		close(s->watch);
	s->watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (s->watch < 0 || inotify_add_watch(s->watch, arg, IN_MODIFY) < 0)
		stop(s, FAILED, "cannot watch %s: %s", arg, strerror(errno));
	s->changes = 0;
}

static void spin_until(double moment)
{
	while (now() < moment)
		;
}

static void do_strike(struct session *s, char *arg)
{
	double deadline = now() + s->timeout;
	unsigned long want = strtoul(arg, &arg, 10);
	double delay = strtod(arg, &arg) / 1e6;
	bool seen = false;

	if (s->watch < 0 || *arg != ' ' || !arg[1])
		stop(s, MISUSED,
		     "strike wants a number of changes, a delay "
		     "and a text, and a watch before");
	unescape(s, ++arg);
	while (s->changes < want && !seen) {
		if (s->pidfd < 0)
			stop(s, FAILED,
			     "ended with status %d before the strike",
			     s->status);
		if (!pump(s, deadline))
			stop(s, FAILED, "%lu changes and no end in %g s",
			     s->changes, s->timeout);
		seen = find(&s->console, arg);
	}
	spin_until(now() + delay);
	do_kill(s, (char[]) { "KILL" });
	take_changes(s);
	printf("killed after %lu changes, %s\n", s->changes,
	       seen ? "at its end" : "on its way");
}

static void do_line(struct session *s, char *line)
{
	static const struct {
		const char *name;
		void (*run)(struct session *s, char *arg);
	} commands[] = {
		{ "timeout", do_timeout },   { "send", do_send },
		{ "expect", do_expect },     { "run", do_run },
		{ "kill", do_kill },	     { "wait", do_wait },
		{ "watch", do_watch },	     { "strike", do_strike },
		{ "interact", do_interact },
	};
	char *arg = strchr(line, ' ');
	bool bare;

	if (!*line || *line == '#')
		return;
	if (arg)
		*arg++ = 0;
	bare = !arg || !*arg;
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (bare == (commands[i].run == do_interact) &&
		    !strcmp(line, commands[i].name)) {
			commands[i].run(s, arg);
			return;
		}
	}
	stop(s, MISUSED, "not understood: %s", line);
}

static void do_script(struct session *s)
{
	FILE *file = fopen(s->script, "re");
	char *line = NULL;
	size_t size = 0;
	ssize_t len;

	if (!file)
		stop(s, MISUSED, "%s", strerror(errno));
	while ((len = getline(&line, &size, file)) >= 0) {
		s->line++;
		if (len && line[len - 1] == '\n')
			line[len - 1] = 0;
		do_line(s, line);
	}
	free(line);
	fclose(file);
}

/* ---- the command -------------------------------------------------------- */

static void run_command(char *const argv[])
{
	signal(SIGPIPE, SIG_DFL);
	execvp(argv[0], argv);
	fprintf(stderr, "expect: %s: %s\n", argv[0], strerror(errno));
	_exit(127);
}

static void start_on_pipes(struct session *s, char *const argv[])
{
	int in[2], out[2];

	if (pipe2(in, O_CLOEXEC) || pipe2(out, O_CLOEXEC))
		stop(s, FAILED, "pipe: %s", strerror(errno));
	s->pid = fork();
	if (!s->pid) {
		dup2(in[0], STDIN_FILENO);
		dup2(out[1], STDOUT_FILENO);
		dup2(out[1], STDERR_FILENO);
		run_command(argv);
	}
	close(in[0]);
	close(out[1]);
	s->in = in[1];
	s->out = out[0];
}

static void start_on_terminal(struct session *s, char *const argv[])
{
	struct winsize size = { .ws_row = 24, .ws_col = 80 };

	s->pid = forkpty(&s->out, NULL, NULL, &size);
	if (!s->pid)
		run_command(argv);
	fcntl(s->out, F_SETFD, FD_CLOEXEC);
	s->in = s->out;
}

static void start(struct session *s, char *const argv[], bool terminal)
{
	char number[16];

	if (terminal)
		start_on_terminal(s, argv);
	else
		start_on_pipes(s, argv);
	if (s->pid < 0)
		stop(s, FAILED, "fork: %s", strerror(errno));
	s->pidfd = (int)syscall(SYS_pidfd_open, s->pid, 0);
	if (s->pidfd < 0)
		stop(s, FAILED, "pidfd_open: %s", strerror(errno));
	snprintf(number, sizeof(number), "%d", (int)s->pid);
	setenv("CHILD", number, 1);
}

int main(int argc, char *argv[])
{
	struct session s = {
		.console.log = -1,
		.pidfd = -1,
		.watch = -1,
		.timeout = 60,
	};
	bool terminal = false;
	int opt;

	while ((opt = getopt(argc, argv, "+tvl:")) != -1) {
		if (opt == 't') {
			terminal = true;
		} else if (opt == 'v') {
			s.console.verbose = true;
		} else if (opt == 'l') {
			s.console.log = open(
				optarg,
				O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
			if (s.console.log < 0)
				perror(optarg);
		}
		if (opt == '?' || (opt == 'l' && s.console.log < 0))
			return MISUSED;
	}
	if (argc - optind < 2) {
		fprintf(stderr, "usage: expect [-tv] [-l LOG] SCRIPT COMMAND "
				"[ARG]...\n");
		return MISUSED;
	}
	s.script = argv[optind];
	signal(SIGPIPE, SIG_IGN);
	start(&s, argv + optind + 1, terminal);
	do_script(&s);
	if (s.pidfd >= 0) {
		kill(s.pid, SIGKILL);
		take_end(&s);
	}
	return PASSED;
}
