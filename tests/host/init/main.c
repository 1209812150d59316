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

static char in_buf[CHUNK];
static char out_buf[CHUNK];

static struct {
	pid_t pid;
	int in, out, err; /* our ends; with a terminal all are its master */
	bool tty, in_eof;
	struct winsize size;
	size_t pending, done; /* of in_buf, not yet taken by the command */
} cmd = { .pid = -1, .in = -1, .out = -1, .err = -1 };

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static void start_command(const char *text)
{
	int in[2], out[2], err[2];
	sigset_t none;

	if (cmd.tty) {
		int master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
		int zero = 0;
		char name[32];
		int n;

		if (master < 0 || ioctl(master, TIOCSPTLCK, &zero) ||
		    ioctl(master, TIOCGPTN, &n))
			die("/dev/ptmx");
		snprintf(name, sizeof(name), "/dev/pts/%d", n);
		ioctl(master, TIOCSWINSZ, &cmd.size);
		in[0] = out[1] = err[1] =
			open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
		if (in[0] < 0)
			die(name);
		in[1] = out[0] = master;
		err[0] = -1;
	} else if (pipe2(in, O_CLOEXEC) || pipe2(out, O_CLOEXEC) ||
		   pipe2(err, O_CLOEXEC)) {
		die("pipe");
	}

	cmd.pid = fork();
	if (cmd.pid < 0)
		die("fork");
	if (!cmd.pid) {
		sigemptyset(&none);
		sigprocmask(SIG_SETMASK, &none, NULL);
		signal(SIGPIPE, SIG_DFL);
		setsid();
		if (cmd.tty)
			ioctl(in[0], TIOCSCTTY, 0);
		dup2(in[0], 0);
		dup2(out[1], 1);
		dup2(err[1], 2);
		if (chdir("/root"))
			_exit(126);
		execl("/bin/sh", "sh", "-c", text, NULL);
		_exit(127);
	}
	close(in[0]);
	if (!cmd.tty) {
		close(out[1]);
		close(err[1]);
	}
	cmd.in = in[1];
	cmd.out = out[0];
	cmd.err = err[0];
	fcntl(cmd.in, F_SETFL, O_NONBLOCK);
	fcntl(cmd.out, F_SETFL, O_NONBLOCK);
	if (cmd.err >= 0)
		fcntl(cmd.err, F_SETFL, O_NONBLOCK);
}

/*
 * run sends the next piece of input only after 'a', so that one full pipe does
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
			if (!cmd.tty)
				close_fd(&cmd.in);
			n = cmd.pending - cmd.done;
		}
		cmd.done += n;
	}
	if (cmd.pending)
		send_frame('a', NULL, 0);
	cmd.pending = cmd.done = 0;
	if (cmd.in_eof && cmd.tty) {
		char eof = 4;

		write(cmd.in, &eof, 1);
		cmd.in_eof = false;
	} else if (cmd.in_eof) {
		close_fd(&cmd.in);
	}
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
	if (fd == &cmd.out && cmd.tty)
		cmd.in = -1; /* the same descriptor */
	close_fd(fd);
	return false;
}

static void finish(int status)
{
	unsigned char code = WIFEXITED(status) ? WEXITSTATUS(status)
					       : 128 + WTERMSIG(status);

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
	send_frame('x', &code, 1);
	give_files("/out");
	send_frame('q', NULL, 0);
	/* run ends QEMU now, which is quicker than any orderly way */
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
		if (cmd.tty && cmd.out >= 0)
			ioctl(cmd.out, TIOCSWINSZ, &cmd.size);
		break;
	case 'B':
		cmd.tty = to[0] == 't';
		start_command(to + 1);
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
			usleep(1000); /* run has not connected yet, or is gone
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
