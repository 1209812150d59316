/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: chardev/terminal.c vmm/evloop.c */
/*
 * The console on a terminal: keys, settings, job control. The program under
 * test is a job of a little shell, which owns the pseudo terminal; this test
 * types and looks on at the other end.
 */
#include "tty_session.h"

/* A test that waits longer fails: SIGALRM interrupts its read(2). */
#define PATIENCE 20

#define MUCH 100000

/* The test's view: this end of the terminal and of the pipes. */
struct session {
	int master, slave;
	int to_job, to_shell;
	int from_job, from_shell;
	pid_t shell, job;
	struct termios before;
};

/* The next byte of a pipe or the terminal. */
static char next(int fd)
{
	char c = 0;

	assert_int_equal(read(fd, &c, 1), 1);
	return c;
}

static void tell_job(struct session *s, char command)
{
	assert_int_equal(write(s->to_job, &command, 1), 1);
	assert_int_equal(next(s->from_job), PONG);
}

/* For a command after which there is nobody who could answer. */
static void tell_last(struct session *s, char command)
{
	assert_int_equal(write(s->to_job, &command, 1), 1);
}

static void tell_shell(struct session *s, char command)
{
	assert_int_equal(write(s->to_shell, &command, 1), 1);
	assert_int_equal(next(s->from_shell), PONG);
}

static void type(struct session *s, const char *keys)
{
	assert_int_equal(write(s->master, keys, strlen(keys)), strlen(keys));
}

/* The guest gets `want`, and nothing before that. */
static void expect_input(struct session *s, const char *want)
{
	for (; *want; want++)
		assert_int_equal(next(s->from_job), *want);
}

/* The terminal's settings; both ends show the same. */
static struct termios settings(struct session *s)
{
	struct termios t;

	assert_int_equal(tcgetattr(s->slave, &t), 0);
	return t;
}

static bool is_raw(struct session *s)
{
	return !(settings(s).c_lflag & (ICANON | ECHO | ISIG));
}

static bool is_restored(struct session *s)
{
	struct termios now = settings(s);

	return now.c_lflag == s->before.c_lflag &&
	       now.c_iflag == s->before.c_iflag &&
	       now.c_oflag == s->before.c_oflag &&
	       now.c_cflag == s->before.c_cflag &&
	       !memcmp(now.c_cc, s->before.c_cc, sizeof(now.c_cc));
}

/* How the job has ended, as of waitpid(2). */
static int wait_for_job(struct session *s)
{
	int status = -1;

	close(s->to_shell);
	s->to_shell = -1;
	assert_int_equal(read(s->from_shell, &status, sizeof(status)),
			 sizeof(status));
	return status;
}

static void open_terminal(struct session *s, char *path, size_t size)
{
	s->master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	assert_true(s->master >= 0);
	assert_int_equal(grantpt(s->master) | unlockpt(s->master), 0);
	assert_int_equal(ptsname_r(s->master, path, size), 0);
	/* Kept open, so that the settings outlast the session. */
	s->slave = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC);
	assert_true(s->slave >= 0);
	s->before = settings(s);
	/* Not what a pseudo terminal has by itself. */
	s->before.c_cc[VERASE] = 'E';
	s->before.c_lflag ^= ECHOE;
	assert_int_equal(tcsetattr(s->slave, TCSANOW, &s->before), 0);
}

static struct session *start(enum start how)
{
	static struct session session;
	struct session *s = &session;
	int to_job[2], from_job[2], to_shell[2], from_shell[2];
	char path[64];

	memset(s, 0, sizeof(*s));
	alarm(PATIENCE);
	open_terminal(s, path, sizeof(path));
	assert_int_equal(pipe(to_job) | pipe(from_job), 0);
	assert_int_equal(pipe(to_shell) | pipe(from_shell), 0);
	fflush(NULL);
	s->shell = fork();
	if (s->shell == 0) {
		alarm(0);
		close(to_job[1]);
		close(from_job[0]);
		close(to_shell[1]);
		close(from_shell[0]);
		close(s->master);
		close(s->slave);
		shell_start(path, how, (int[]) { to_job[0], from_job[1] },
			    (int[]) { to_shell[0], from_shell[1] });
	}
	close(to_job[0]);
	close(from_job[1]);
	close(to_shell[0]);
	close(from_shell[1]);
	s->to_job = to_job[1];
	s->from_job = from_job[0];
	s->to_shell = to_shell[1];
	s->from_shell = from_shell[0];
	assert_int_equal(read(s->from_shell, &s->job, sizeof(s->job)),
			 sizeof(s->job));
	assert_int_equal(next(s->from_job), PONG);
	return s;
}

static int foreground(void **state)
{
	*state = start(FOREGROUND);
	return 0;
}

static int background(void **state)
{
	*state = start(BACKGROUND);
	return 0;
}

static int no_job_control(void **state)
{
	*state = start(NO_JOB_CONTROL);
	return 0;
}

static int teardown(void **state)
{
	struct session *s = *state;

	kill(s->job, SIGKILL);
	kill(s->shell, SIGKILL);
	waitpid(s->shell, NULL, 0);
	close(s->master);
	close(s->slave);
	close(s->to_job);
	close(s->from_job);
	if (s->to_shell >= 0)
		close(s->to_shell);
	close(s->from_shell);
	alarm(0);
	return 0;
}

/* ---- Keys
 * ---- */

/* What a cooked terminal would keep to itself or change reaches the guest. */
static void keys_reach_the_guest(void **state)
{
	static const char keys[] = "a\r\n\t\x03\x04\x1a\x1c\x11\x13\x7f\x1b[AE";
	struct session *s = *state;

	tell_job(s, CMD_LISTEN);
	type(s, keys);
	expect_input(s, keys);
	/* Not echoed: the first thing to be seen is the guest's. */
	tell_job(s, CMD_HELLO);
	assert_int_equal(next(s->master), 'h');
}

static void quit_key(void **state)
{
	struct session *s = *state;

	tell_job(s, CMD_LISTEN);
	type(s, "ab\001xcd");
	/* The pieces come as they like, but once each and in order. */
	for (const char *want = "abcd"; *want;) {
		char c = next(s->from_job);

		if (c == QUIT)
			continue;
		assert_int_equal(c, *want);
		want++;
	}
}

static void other_escapes(void **state)
{
	struct session *s = *state;

	tell_job(s, CMD_LISTEN);
	type(s, "1\001\0012");
	expect_input(s, "1\0012");
	type(s, "\001y3");
	expect_input(s, "y3");
	/* In two pieces. */
	type(s, "\001");
	tell_job(s, CMD_PING);
	type(s, "\0014");
	expect_input(s, "\0014");
	type(s, "x\001\001x");
	expect_input(s, "x\001x");
}

static void quit_key_alone(void **state)
{
	struct session *s = *state;

	tell_job(s, CMD_LISTEN);
	type(s, "\001");
	tell_job(s, CMD_PING);
	type(s, "x");
	assert_int_equal(next(s->from_job), QUIT);
}

/* Where there is a power key; elsewhere it is a key like others. */
static void power_key(void **state)
{
	struct session *s = *state;

	tell_job(s, CMD_LISTEN);
	type(s, "\001p");
	expect_input(s, "p");
	tell_job(s, CMD_POWER);
	type(s, "\001p");
	assert_int_equal(next(s->from_job), POWER);
	type(s, "p\001\001p");
	expect_input(s, "p\001p");
}

/* A guest that hangs reads nothing; that is when one wants to quit. */
static void quit_key_while_the_guest_is_away(void **state)
{
	struct session *s = *state;

	type(s, "hello?\001x");
	assert_int_equal(next(s->from_job), QUIT);
	tell_job(s, CMD_LISTEN);
	expect_input(s, "hello?");
	tell_job(s, CMD_CLOSE);
	type(s, "\001x");
	assert_int_equal(next(s->from_job), QUIT);
}

/* Types the next of MUCH bytes; false if there is no room for more now. */
static bool paste(struct session *s, size_t *typed)
{
	char piece[40];
	ssize_t n;

	if (*typed == MUCH)
		return false;
	for (size_t i = 0; i < sizeof(piece); i++)
		piece[i] = (char)('0' + (*typed + i) % 64);
	n = write(s->master, piece, MIN(sizeof(piece), MUCH - *typed));
	if (n > 0)
		*typed += (size_t)n;
	return n > 0;
}

/* Pasted text is longer than any buffer on the way. */
static void much_input(void **state)
{
	struct session *s = *state;
	size_t typed = 0;

	fcntl(s->master, F_SETFL, O_RDWR | O_NONBLOCK);
	while (paste(s, &typed))
		;
	tell_job(s, CMD_LISTEN);
	for (size_t got = 0; got < MUCH; got++) {
		assert_int_equal(next(s->from_job), '0' + got % 64);
		paste(s, &typed);
	}
	assert_int_equal(typed, MUCH);
}

/* ---- Settings
 * ---- */

/* Of a window, as it is when it is asked for; of nothing else. */
static void size_of_the_window(void **state)
{
	const struct winsize size = { .ws_row = 43, .ws_col = 132 },
			     none = { 0 };
	struct session *s = *state;
	atomic_bool stopping = false;
	struct evloop loop;
	struct terminal term;
	u16 cols = 1, rows = 2;

	assert_int_equal(evloop_init(&loop), 0);
	assert_int_equal(terminal_init(&term, &loop, s->slave, s->slave,
				       &stopping, NULL),
			 0);
	assert_int_equal(ioctl(s->master, TIOCSWINSZ, &none), 0);
	assert_false(terminal_size(&term, &cols, &rows));
	assert_int_equal(ioctl(s->master, TIOCSWINSZ, &size), 0);
	assert_true(terminal_size(&term, &cols, &rows));
	assert_int_equal(cols, 132);
	assert_int_equal(rows, 43);
	terminal_destroy(&term);
	assert_int_equal(terminal_init(&term, &loop, s->to_job, STDOUT_FILENO,
				       &stopping, NULL),
			 0);
	assert_false(terminal_size(&term, &cols, &rows));
	terminal_destroy(&term);
	evloop_destroy(&loop);
}

static void raw_while_it_runs(void **state)
{
	struct session *s = *state;

	assert_true(is_raw(s));
	tell_last(s, CMD_LEAVE);
	assert_int_equal(wait_for_job(s), 0);
	assert_true(is_restored(s));
}

/* lkvm's messages end in a bare newline, and must not make stairs. */
static void newline_starts_at_the_left(void **state)
{
	struct session *s = *state;

	tell_job(s, CMD_HELLO);
	for (const char *want = "hello\r\n"; *want; want++)
		assert_int_equal(next(s->master), *want);
}

static void restored_by_exit(void **state)
{
	struct session *s = *state;

	assert_true(is_raw(s));
	tell_last(s, CMD_EXIT);
	assert_int_equal(wait_for_job(s), 0);
	assert_true(is_restored(s));
}

static void restored_by_a_crash(void **state)
{
	struct session *s = *state;
	int status;

	assert_true(is_raw(s));
	tell_last(s, CMD_CRASH);
	status = wait_for_job(s);
	/* And its parent is told what happened. */
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGSEGV);
	assert_true(is_restored(s));
}

static void restored_by_abort(void **state)
{
	struct session *s = *state;
	int status;

	tell_last(s, CMD_ABORT);
	status = wait_for_job(s);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGABRT);
	assert_true(is_restored(s));
}

static void restored_by_a_signal(void **state)
{
	struct session *s = *state;
	int status;

	assert_true(is_raw(s));
	tell_last(s, CMD_TERM);
	status = wait_for_job(s);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGTERM);
	assert_true(is_restored(s));
}

static void second_console_changes_nothing(void **state)
{
	struct session *s = *state;

	tell_job(s, CMD_OTHER);
	assert_true(is_raw(s));
	tell_last(s, CMD_LEAVE);
	assert_int_equal(wait_for_job(s), 0);
	assert_true(is_restored(s));
}

/* As on a serial line that is nobody's controlling terminal. */
static void raw_without_job_control(void **state)
{
	struct session *s = *state;

	assert_true(is_raw(s));
	tell_last(s, CMD_LEAVE);
	assert_int_equal(wait_for_job(s), 0);
	assert_true(is_restored(s));
}

/* ---- Job control
 * ---- */

static void background_job_changes_nothing(void **state)
{
	struct session *s = *state;

	assert_true(is_restored(s));
	tell_job(s, CMD_PING);
	tell_last(s, CMD_LEAVE);
	assert_int_equal(wait_for_job(s), 0);
	assert_true(is_restored(s));
}

static void raw_again_when_continued(void **state)
{
	struct session *s = *state;

	tell_shell(s, CMD_BACKGROUND);
	assert_int_equal(tcsetattr(s->slave, TCSANOW, &s->before), 0);
	tell_shell(s, CMD_FOREGROUND);
	kill(s->job, SIGCONT);
	tell_job(s, CMD_PING);
	assert_true(is_raw(s));
}

/* `bg`: the terminal is the shell's now. */
static void continued_in_the_background(void **state)
{
	struct session *s = *state;

	tell_shell(s, CMD_BACKGROUND);
	assert_int_equal(tcsetattr(s->slave, TCSANOW, &s->before), 0);
	kill(s->job, SIGCONT);
	tell_job(s, CMD_PING);
	assert_true(is_restored(s));
}

/* It must not be stopped by SIGTTOU instead of ending. */
static void ends_in_the_background(void **state)
{
	struct session *s = *state;
	struct termios other = s->before;

	tell_shell(s, CMD_BACKGROUND);
	other.c_cc[VERASE] = 'F';
	assert_int_equal(tcsetattr(s->slave, TCSANOW, &other), 0);
	tell_last(s, CMD_LEAVE);
	assert_int_equal(wait_for_job(s), 0);
	/* What the shell has set in the meantime is the shell's. */
	assert_int_equal(settings(s).c_cc[VERASE], 'F');
}

static void raw_once_in_the_foreground(void **state)
{
	struct session *s = *state;

	tell_shell(s, CMD_FOREGROUND);
	kill(s->job, SIGCONT);
	tell_job(s, CMD_PING);
	assert_true(is_raw(s));
	tell_last(s, CMD_LEAVE);
	assert_int_equal(wait_for_job(s), 0);
	assert_true(is_restored(s));
}

#define TTY_TEST(how, f) cmocka_unit_test_setup_teardown(f, how, teardown)

static void wake_up(int sig)
{
	(void)sig;
}

int main(void)
{
	const struct sigaction alarm_action = { .sa_handler = wake_up };
	const struct CMUnitTest tests[] = {
		TTY_TEST(foreground, keys_reach_the_guest),
		TTY_TEST(foreground, quit_key),
		TTY_TEST(foreground, other_escapes),
		TTY_TEST(foreground, quit_key_alone),
		TTY_TEST(foreground, power_key),
		TTY_TEST(foreground, quit_key_while_the_guest_is_away),
		TTY_TEST(foreground, size_of_the_window),
		TTY_TEST(foreground, much_input),
		TTY_TEST(foreground, raw_while_it_runs),
		TTY_TEST(foreground, newline_starts_at_the_left),
		TTY_TEST(foreground, restored_by_exit),
		TTY_TEST(foreground, restored_by_a_crash),
		TTY_TEST(foreground, restored_by_abort),
		TTY_TEST(foreground, restored_by_a_signal),
		TTY_TEST(foreground, second_console_changes_nothing),
		TTY_TEST(no_job_control, raw_without_job_control),
		TTY_TEST(background, background_job_changes_nothing),
		TTY_TEST(foreground, raw_again_when_continued),
		TTY_TEST(foreground, continued_in_the_background),
		TTY_TEST(foreground, ends_in_the_background),
		TTY_TEST(background, raw_once_in_the_foreground),
	};

	signal(SIGPIPE, SIG_IGN);
	sigaction(SIGALRM, &alarm_action, NULL);
	return cmocka_run_group_tests_name("terminal_tty", tests, NULL, NULL);
}
