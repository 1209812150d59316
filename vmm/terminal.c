/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <termios.h>
#include <unistd.h>

#include "lkvm/log.h"
#include "lkvm/terminal.h"

#define ESCAPE	 0x01 /* Ctrl-a */
#define READ_MAX 64UL

/*
 * The process's terminal, for the handlers that put it back. It is the
 * process's by nature, like the signals themselves.
 */
static struct {
	_Atomic(int) fd; /* one more than the descriptor; 0: nothing to do */
	struct termios cooked, raw;
} tty;

static void restore_tty(void)
{
	int fd = atomic_exchange(&tty.fd, 0) - 1;

	if (fd >= 0)
		tcsetattr(fd, TCSANOW, &tty.cooked);
}

/* For signals that end the process. tcsetattr() is async-signal-safe. */
static void fatal_signal(int sig)
{
	restore_tty();
	/* SA_RESETHAND: now the default action. */
	raise(sig);
}

/* Back in the foreground: whoever had the terminal has changed it. */
static void continued(int sig)
{
	int fd = atomic_load(&tty.fd) - 1;
	int saved_errno = errno;

	(void)sig;
	if (fd >= 0)
		tcsetattr(fd, TCSANOW, &tty.raw);
	errno = saved_errno;
}

static void install_handlers(void)
{
	static const int fatal[] = { SIGSEGV, SIGBUS,  SIGILL, SIGFPE,
				     SIGABRT, SIGTRAP, SIGSYS };
	struct sigaction action = { .sa_handler = fatal_signal,
				    .sa_flags = (int)SA_RESETHAND };
	struct sigaction cont = { .sa_handler = continued,
				  .sa_flags = SA_RESTART };

	sigfillset(&action.sa_mask);
	sigfillset(&cont.sa_mask);
	for (size_t i = 0; i < ARRAY_SIZE(fatal); i++)
		sigaction(fatal[i], &action, NULL);
	sigaction(SIGCONT, &cont, NULL);
	atexit(restore_tty);
}

static int make_raw(struct terminal *term)
{
	/* A background job that touches the terminal would be stopped. */
	if (tcgetpgrp(term->in_fd) != getpgrp())
		return 0;
	if (tcgetattr(term->in_fd, &tty.cooked) < 0)
		return -errno;
	tty.raw = tty.cooked;
	cfmakeraw(&tty.raw);
	/* Output stays as it is: a guest sends what its own tty says. */
	tty.raw.c_oflag = tty.cooked.c_oflag & ~(tcflag_t)OPOST;
	atomic_store(&tty.fd, term->in_fd + 1);
	install_handlers();
	return tcsetattr(term->in_fd, TCSANOW, &tty.raw) < 0 ? -errno : 0;
}

static struct terminal *from_chardev(struct chardev *chr)
{
	return container_of(chr, struct terminal, chr);
}

/*
 * Blocks as long as the reader on the other end does: the guest waits, as it
 * would for a slow line. Whoever is gone gets nothing more.
 */
static void term_write(struct chardev *chr, const u8 *buf, size_t len)
{
	struct terminal *term = from_chardev(chr);

	while (len) {
		ssize_t n = write(term->out_fd, buf, len);

		if (n > 0) {
			buf += n;
			len -= (size_t)n;
			continue;
		}
		if (atomic_load(term->stopping))
			return;
		if (n < 0 && errno == EAGAIN) {
			struct pollfd pfd = { .fd = term->out_fd,
					      .events = POLLOUT };

			poll(&pfd, 1, -1);
		} else if (n < 0 && errno != EINTR) {
			return;
		}
	}
}

/* Asks the event loop for another turn of input. */
static void wake(struct terminal *term)
{
	const u64 one = 1;

	/* Can only fail by being full, and then it is awake. */
	if (write(term->again.fd, &one, sizeof(one)) < 0)
		return;
}

/* Watches stdin if, and only if, its bytes could be delivered. */
static void update_input(struct terminal *term)
{
	bool on = term->accept && !term->eof;

	if ((term->nr_unread && term->accept) || (on && term->always_ready))
		wake(term);
	if (term->always_ready || on == term->input_on)
		return;
	term->input_on = on;
	/* Not modified to nothing: a hang-up would be told all the same. */
	if (on)
		evloop_add(term->loop, &term->input, EPOLLIN);
	else
		evloop_del(term->loop, &term->input);
}

static void term_accept(struct chardev *chr, size_t n)
{
	struct terminal *term = from_chardev(chr);

	pthread_mutex_lock(&term->lock);
	term->accept = n;
	update_input(term);
	pthread_mutex_unlock(&term->lock);
}

static void term_unread(struct chardev *chr, const u8 *buf, size_t len)
{
	struct terminal *term = from_chardev(chr);

	pthread_mutex_lock(&term->lock);
	/* No more can come back than went out: the front's FIFO is smaller. */
	len = MIN(len, sizeof(term->unread) - term->nr_unread);
	memmove(term->unread + len, term->unread, term->nr_unread);
	memcpy(term->unread, buf, len);
	term->nr_unread += len;
	update_input(term);
	pthread_mutex_unlock(&term->lock);
}

static const struct chardev_ops term_ops = {
	.write = term_write,
	.accept = term_accept,
	.unread = term_unread,
};

/*
 * Takes the escape sequences out of what was typed: Ctrl-a x quits, Ctrl-a
 * Ctrl-a is one Ctrl-a, and before any other key Ctrl-a is swallowed as with
 * kvmtool. Returns how many bytes are left.
 */
static size_t filter_escapes(struct terminal *term, u8 *buf, size_t len)
{
	size_t kept = 0;

	for (size_t i = 0; i < len; i++) {
		u8 c = buf[i];

		if (!term->escape && c == ESCAPE) {
			term->escape = true;
			continue;
		}
		if (term->escape && c == 'x')
			term->quit(term);
		else
			buf[kept++] = c;
		term->escape = false;
	}
	return kept;
}

static size_t take_unread(struct terminal *term, u8 *buf)
{
	size_t len = MIN(term->nr_unread, term->accept);

	len = MIN(len, READ_MAX);
	memcpy(buf, term->unread, len);
	term->nr_unread -= len;
	memmove(term->unread, term->unread + len, term->nr_unread);
	return len;
}

/*
 * Gives a terminal, and only that, back what is not wanted: pipes and files
 * carry data, in which no byte is special.
 */
static size_t read_input(struct terminal *term, u8 *buf, size_t room)
{
	ssize_t n = read(term->in_fd, buf, MIN(room, READ_MAX));

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return 0;
	if (n <= 0) {
		pthread_mutex_lock(&term->lock);
		term->eof = true;
		update_input(term);
		pthread_mutex_unlock(&term->lock);
		return 0;
	}
	return term->is_tty ? filter_escapes(term, buf, (size_t)n) : (size_t)n;
}

static void deliver(struct terminal *term)
{
	u8 buf[READ_MAX];
	size_t room, len;
	bool eof;

	pthread_mutex_lock(&term->lock);
	len = take_unread(term, buf);
	room = term->accept;
	eof = term->eof;
	pthread_mutex_unlock(&term->lock);
	if (!len && room && !eof)
		len = read_input(term, buf, room);
	if (!len)
		return;
	/* Before the call, in which the front says what it takes from now on.
	 */
	pthread_mutex_lock(&term->lock);
	term->accept -= MIN(term->accept, len);
	pthread_mutex_unlock(&term->lock);
	if (term->chr.receive)
		term->chr.receive(&term->chr, buf, len);
	pthread_mutex_lock(&term->lock);
	update_input(term);
	pthread_mutex_unlock(&term->lock);
}

static void handle_input(struct evloop_source *source, u32 events)
{
	(void)events;
	deliver(container_of(source, struct terminal, input));
}

static void handle_again(struct evloop_source *source, u32 events)
{
	u64 count;

	(void)events;
	if (read(source->fd, &count, sizeof(count)) < 0)
		return;
	deliver(container_of(source, struct terminal, again));
}

static int watch(struct terminal *term)
{
	int ret = evloop_add(term->loop, &term->again, EPOLLIN);

	if (ret)
		return ret;
	ret = evloop_add(term->loop, &term->input, EPOLLIN);
	if (!ret)
		return evloop_del(term->loop, &term->input);
	if (ret == -EPERM) {
		term->always_ready = true;
		return 0;
	}
	/* A closed stdin is one without input. */
	if (ret == -EBADF) {
		term->always_ready = true;
		term->eof = true;
		return 0;
	}
	return ret;
}

int terminal_init(struct terminal *term, struct evloop *loop, int in_fd,
		  int out_fd, const atomic_bool *stopping,
		  void (*quit)(struct terminal *term))
{
	int ret = 0;

	memset(term, 0, sizeof(*term));
	term->chr.ops = &term_ops;
	term->loop = loop;
	term->stopping = stopping;
	term->quit = quit;
	term->in_fd = in_fd;
	term->out_fd = out_fd;
	term->is_tty = isatty(in_fd);
	term->input.fd = in_fd;
	term->input.handle = handle_input;
	term->again.handle = handle_again;
	pthread_mutex_init(&term->lock, NULL);
	term->again.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (term->again.fd < 0)
		ret = -errno;
	if (!ret)
		ret = watch(term);
	if (!ret && term->is_tty)
		ret = make_raw(term);
	if (ret) {
		pr_fatal("Unable to use stdin for the console: %s",
			 strerror(-ret));
		terminal_destroy(term);
	}
	return ret;
}

void terminal_destroy(struct terminal *term)
{
	restore_tty();
	if (term->input_on)
		evloop_del(term->loop, &term->input);
	if (term->again.fd >= 0) {
		evloop_del(term->loop, &term->again);
		close(term->again.fd);
	}
	pthread_mutex_destroy(&term->lock);
}
