/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One command: its start, its input and output, its end. See init.h. */
#define _GNU_SOURCE
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>
#include <linux/random.h>
#include "init.h"

#define NO_HOST 125 /* the exit status that says so */

static char in_buf[CHUNK];
static char out_buf[CHUNK];

static struct {
	pid_t pid;
	int in, out, err; /* our ends, in may be the same as out */
	int master;	  /* of its terminal, if it has one: out or err */
	bool in_eof, no_share;
	struct winsize size;
	size_t pending, done; /* of in_buf, not yet taken by the command */
	char folder[4096];
} cmd = { .pid = -1,
	  .in = -1,
	  .out = -1,
	  .err = -1,
	  .master = -1,
	  .folder = "/root" };

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* The terminal's other end, -1 if the command is to have none. */
static int open_terminal(unsigned int which)
{
	int zero = 0, n, fd;
	char name[32];

	if (!which)
		return -1;
	cmd.master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (cmd.master < 0 || ioctl(cmd.master, TIOCSPTLCK, &zero) ||
	    ioctl(cmd.master, TIOCGPTN, &n))
		die("/dev/ptmx");
	snprintf(name, sizeof(name), "/dev/pts/%d", n);
	ioctl(cmd.master, TIOCSWINSZ, &cmd.size);
	fd = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		die(name);
	return fd;
}

/*
 * Makes the descriptor n of the command. Returns its end of it; ours goes to
 * *our. The terminal is read by us as stdout if that is one, else as stderr.
 */
static int make_stream(unsigned int which, int n, int terminal, int *our)
{
	int ends[2];

	if (which & 1 << n) {
		*our = n == 2 && which & 2 ? -1 : cmd.master;
		return terminal;
	}
	if (pipe2(ends, O_CLOEXEC))
		die("pipe");
	*our = n ? ends[0] : ends[1];
	return n ? ends[1] : ends[0];
}

static void become(const char *text, const int *stream, int terminal)
{
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	setsid();
	if (terminal >= 0)
		ioctl(terminal, TIOCSCTTY, 0);
	for (int i = 0; i < 3; i++)
		dup2(stream[i], i);
	if (chdir(cmd.folder)) {
		dprintf(2, "lkvm-host: cannot enter %s: %s\n", cmd.folder,
			strerror(errno));
		_exit(126);
	}
	execl("/bin/sh", "sh", "-c", text, NULL);
	_exit(127);
}

/* which: bit n is set if the descriptor n is to be a terminal */
static void start_command(unsigned int which, const char *text)
{
	int terminal = open_terminal(which);
	int stream[3] = {
		make_stream(which, 0, terminal, &cmd.in),
		make_stream(which, 1, terminal, &cmd.out),
		make_stream(which, 2, terminal, &cmd.err),
	};

	cmd.pid = fork();
	if (cmd.pid < 0)
		die("fork");
	if (!cmd.pid)
		become(text, stream, terminal);
	for (int i = 0; i < 3; i++)
		if (stream[i] != terminal)
			close(stream[i]);
	close_fd(&terminal);
	if (cmd.in >= 0)
		fcntl(cmd.in, F_SETFL, O_NONBLOCK);
	if (cmd.out >= 0)
		fcntl(cmd.out, F_SETFL, O_NONBLOCK);
	if (cmd.err >= 0)
		fcntl(cmd.err, F_SETFL, O_NONBLOCK);
}

/*
 * The next piece of input is sent only after 'a', so that one full pipe does
 * not keep a kill or a window size from getting through.
 */
static void feed(void)
{
	while (cmd.done < cmd.pending) {
		ssize_t n = cmd.in < 0 ? -1
				       : write(cmd.in, in_buf + cmd.done,
					       cmd.pending - cmd.done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN && cmd.in >= 0)
			return;
		if (n < 0) { /* nobody reads it: let it go */
			if (cmd.in != cmd.master)
				close_fd(&cmd.in);
			n = cmd.pending - cmd.done;
		}
		cmd.done += n;
	}
	if (cmd.pending)
		send_frame('a', NULL, 0);
	cmd.pending = cmd.done = 0;
	if (cmd.in_eof && cmd.in >= 0 && cmd.in == cmd.master) {
		char eof = 4;

		write(cmd.in, &eof, 1);
		cmd.in_eof = false;
	} else if (cmd.in_eof) {
		close_fd(&cmd.in);
	}
}

static void close_output(int *fd)
{
	if (*fd == cmd.master) {
		if (cmd.in == cmd.master)
			cmd.in = -1;
		cmd.master = -1;
	}
	close_fd(fd);
}

/* Passes on what there is; false at the end of the stream. */
static bool carry(int *fd, char type)
{
	ssize_t n;

	if (*fd < 0)
		return false;
	n = read(*fd, out_buf, sizeof(out_buf));
	if (n > 0) {
		send_frame(type, out_buf, n);
		return true;
	}
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	close_output(fd);
	return false;
}

static void finish(int status)
{
	int number = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
	unsigned char code[] = { number ? 128 + number : WEXITSTATUS(status),
				 number };

	kill(-1, SIGKILL);
	/* one that hangs in the kernel must not keep us from ending */
	for (int i = 0; i < 5000; i++) {
		pid_t pid = waitpid(-1, NULL, WNOHANG);

		if (pid < 0)
			break;
		if (!pid)
			usleep(1000);
	}
	while (carry(&cmd.out, 'o'))
		;
	while (carry(&cmd.err, 'e'))
		;
	/* what was written to shares through mappings of files */
	sync();
	send_frame('x', code, sizeof(code));
	give_files("/out");
	send_frame('q', NULL, 0);
	/* QEMU is ended now, which is quicker than any orderly way */
	for (int i = 0; i < 50; i++)
		usleep(100 * 1000);
	power_off();
}

/*
 * A host that comes out of a saved state has an old clock, and the same
 * randomness as every other one that came out of it.
 */
static void take_time(size_t len)
{
	struct {
		uint64_t sec, usec;
		unsigned char seed[32];
	} fresh;
	struct {
		int bits, size;
		unsigned char seed[32];
	} add = { .bits = 256, .size = 32 };
	struct timeval tv;
	int fd;

	if (len != sizeof(fresh))
		return;
	memcpy(&fresh, in_buf, sizeof(fresh));
	tv.tv_sec = le64toh(fresh.sec);
	tv.tv_usec = le64toh(fresh.usec);
	settimeofday(&tv, NULL);
	memcpy(add.seed, fresh.seed, sizeof(add.seed));
	fd = open("/dev/urandom", O_RDWR | O_CLOEXEC);
	if (fd < 0 || ioctl(fd, RNDADDENTROPY, &add) ||
	    ioctl(fd, RNDRESEEDCRNG))
		say("entropy: %s\n", strerror(errno));
	close(fd);
}

static void take_frame(void)
{
	struct frame head;
	uint64_t wire;
	size_t len;
	/* input for the command may wait in in_buf while other frames come */
	static char small[256];
	char *to = in_buf;

	read_all(port, &head, sizeof(head));
	len = le32toh(head.len);
	if (cmd.pending)
		to = small;
	if (len >= (cmd.pending ? sizeof(small) : sizeof(in_buf))) {
		errno = EMSGSIZE;
		die("frame");
	}
	read_all(port, to, len);
	to[len] = 0;

	switch (head.type) {
	case 'T':
		take_time(len);
		wait_for_timers();
		send_frame('R', NULL, 0);
		break;
	case 'V':
		putenv(strdup(to));
		break;
	case 'D':
	case 'P':
	case 'L':
	case 'A':
	case 'S':
	case 'Z':
		take_file_frame(head.type, to, len);
		break;
	case 'F':
		memcpy(&wire, to, sizeof(wire));
		take_shared(le64toh(wire));
		break;
	case 'w':
		memcpy(&cmd.size, to, sizeof(cmd.size));
		if (cmd.master >= 0)
			ioctl(cmd.master, TIOCSWINSZ, &cmd.size);
		break;
	case 'M':
		if (!mount_share(to, to + strlen(to) + 1))
			cmd.no_share = true;
		break;
	case 'C':
		snprintf(cmd.folder, sizeof(cmd.folder), "%s", to);
		break;
	case 'B':
		if (cmd.no_share)
			finish(NO_HOST << 8);
		start_command(to[0] - '0', to + 1);
		break;
	case 'i':
		cmd.pending = len;
		cmd.done = 0;
		feed();
		break;
	case 'I':
		cmd.in_eof = true;
		if (!cmd.pending)
			feed();
		break;
	case 'c':
		close_output(to[0] == 'o' ? &cmd.out : &cmd.err);
		break;
	case 'K':
		if (cmd.pid > 0)
			kill(to[1] == 'g' ? -cmd.pid : cmd.pid, to[0]);
		break;
	case 'k':
		kill(-1, SIGKILL);
		if (cmd.pid < 0)
			finish(0);
		break;
	}
}

static void serve(int signals)
{
	int status, last = -1;
	pid_t pid;

	for (;;) {
		struct pollfd p[] = {
			{ .fd = port, .events = POLLIN },
			{ .fd = signals, .events = POLLIN },
			{ .fd = cmd.out, .events = POLLIN },
			{ .fd = cmd.err, .events = POLLIN },
			{ .fd = cmd.pending ? cmd.in : -1, .events = POLLOUT },
		};

		if (poll(p, sizeof(p) / sizeof(p[0]), -1) < 0)
			continue;
		if (p[1].revents) {
			struct signalfd_siginfo info;

			read(signals, &info, sizeof(info));
			while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
				if (pid == cmd.pid)
					last = status;
			if (last != -1)
				finish(last);
		}
		if (p[4].revents)
			feed();
		if (p[2].revents)
			carry(&cmd.out, 'o');
		if (p[3].revents)
			carry(&cmd.err, 'e');
		if (p[0].revents & POLLIN)
			take_frame();
		else if (p[0].revents & POLLHUP)
			usleep(1000); /* nobody has connected yet, or is gone
				       */
	}
}

int main(void)
{
	sigset_t child;
	int signals;

	boot();
	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	sigprocmask(SIG_BLOCK, &child, NULL);
	signal(SIGPIPE, SIG_IGN);
	signals = signalfd(-1, &child, SFD_CLOEXEC);
	send_frame('R', NULL, 0);
	serve(signals);
}
