/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * lkvm's stdin and stdout as the backend of a serial port: raw mode of the
 * terminal, escape sequences, and flow control in both directions.
 *
 * Input: the event loop reads only as much as the front (hw/serial/) has room
 * for, so that a pipe or file is read as the guest takes it. A terminal is read
 * ahead into `unread`, because Ctrl-a x has to work when the guest reads
 * nothing. Bytes the front returns go to the start of the same buffer.
 *
 * Output: written on a vCPU's thread, which blocks while the reader of stdout
 * does; nothing is lost during the run. The end of the run ends such a wait:
 * vCPUs are kicked, and `stopping` is set.
 *
 * `lock` guards limits and buffer; it is the innermost lock and is never held
 * in a call of the front or of read(2) and write(2).
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "lkvm/chardev/terminal.h"
#include "lkvm/util/fault_signals.h"
#include "lkvm/util/log.h"

#define ESCAPE	 0x01 /* Ctrl-a */
#define READ_MAX 64UL

/*
 * The process's terminal, for the signal handlers that restore its settings.
 * Signal dispositions belong to the process, so this state does as well.
 */
static struct {
	_Atomic(int) fd; /* one more than the descriptor; 0: nothing to do */
	volatile sig_atomic_t saved; /* `cooked` and `raw` are valid */
	bool installed;		     /* the handlers */
	struct termios cooked, raw;
} tty;

/*
 * A background process that changes the terminal's settings is stopped by
 * SIGTTOU, or changes them under the shell. A terminal that is not the
 * controlling one has no job control: tcgetpgrp() fails.
 */
static bool in_foreground(int fd)
{
	pid_t group = tcgetpgrp(fd);

	return group < 0 || group == getpgrp();
}

/*
 * Also in a signal handler and from atexit(): the exchange makes it happen
 * once.
 */
static void restore_tty(void)
{
	int fd = atomic_exchange(&tty.fd, 0) - 1;

	if (fd >= 0 && tty.saved && in_foreground(fd))
		tcsetattr(fd, TCSANOW, &tty.cooked);
}

/* Also in a signal handler: all it calls is async-signal-safe. */
static int enter_raw(int fd)
{
	if (!in_foreground(fd))
		return 0;
	if (!tty.saved) {
		if (tcgetattr(fd, &tty.cooked) < 0)
			return -errno;
		tty.raw = tty.cooked;
		cfmakeraw(&tty.raw);
		/* Our own messages' newlines need what output has. */
		tty.raw.c_oflag = tty.cooked.c_oflag;
		tty.saved = 1;
	}
	return tcsetattr(fd, TCSANOW, &tty.raw) < 0 ? -errno : 0;
}

/*
 * For signals that end the process: SA_RESETHAND has restored the default
 * action, which raise() runs after the terminal is usable again.
 */
static void fatal_signal(int sig)
{
	restore_tty();
	raise(sig);
}

void terminal_restore_at_signals(void)
{
	static const int ends[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };
	struct sigaction old, action = { .sa_handler = fatal_signal,
					 .sa_flags = (int)SA_RESETHAND };

	sigfillset(&action.sa_mask);
	for (size_t i = 0; i < ARRAY_SIZE(ends); i++)
		if (!sigaction(ends[i], NULL, &old) &&
		    old.sa_handler != SIG_IGN)
			sigaction(ends[i], &action, NULL);
}

/*
 * SIGCONT, maybe in the foreground again: the shell has set its own modes
 * meanwhile.
 */
static void continued(int sig)
{
	int fd = atomic_load(&tty.fd) - 1;
	int saved_errno = errno;

	(void)sig;
	if (fd >= 0)
		enter_raw(fd);
	errno = saved_errno;
}

/* Installed for the first terminal and kept: a process has one at a time. */
static void install_handlers(void)
{
	struct sigaction action = { .sa_handler = fatal_signal,
				    .sa_flags = (int)SA_RESETHAND };
	struct sigaction cont = { .sa_handler = continued,
				  .sa_flags = SA_RESTART };

	if (tty.installed)
		return;
	tty.installed = true;
	sigfillset(&action.sa_mask);
	sigfillset(&cont.sa_mask);
	for (size_t i = 0; i < ARRAY_SIZE(fault_signals); i++)
		sigaction(fault_signals[i], &action, NULL);
	sigaction(SIGCONT, &cont, NULL);
	atexit(restore_tty);
}

static struct terminal *from_chardev(struct chardev *chr)
{
	return container_of(chr, struct terminal, chr);
}

/*
 * Output that is lost is reported once, so that an incomplete log is not taken
 * for a complete one. A reader that has closed its end (EPIPE) does not want
 * more.
 */
static void write_failed(struct terminal *term, int err)
{
	if (err == EPIPE || err == EBADF ||
	    atomic_exchange(&term->write_failed, true))
		return;
	pr_warn("%s%sUnable to write the guest's output, some of it is lost: "
		"%s",
		term->name ?: "", term->name ? ": " : "", strerror(err));
}

/*
 * After the end of the run no time is spent on a reader: what cannot be written
 * at once is dropped.
 */
static bool gives_up(const struct terminal *term)
{
	struct pollfd pfd = { .fd = term->out_fd, .events = POLLOUT };

	return atomic_load(term->stopping) && poll(&pfd, 1, 0) <= 0;
}

/*
 * Blocks as long as the reader does, as a UART with flow control would. If the
 * reader has gone the rest is dropped.
 */
static void term_write(struct chardev *chr, const u8 *buf, size_t len)
{
	struct terminal *term = from_chardev(chr);

	while (len && !gives_up(term)) {
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
			write_failed(term, errno);
			return;
		}
	}
}

/* Schedules another call of deliver() on the event loop. */
static void wake(struct terminal *term)
{
	const u64 one = 1;

	/* Can only fail by being full, and then it is awake. */
	if (write(term->again.fd, &one, sizeof(one)) < 0)
		return;
}

/*
 * Bytes of a pipe or file stay there until they can be delivered; a terminal is
 * read ahead up to TERMINAL_TYPED_MAX.
 */
static bool wants_input(const struct terminal *term)
{
	if (term->eof)
		return false;
	return term->is_tty ? term->nr_unread < TERMINAL_TYPED_MAX
			    : term->accept > 0;
}

/* Watches stdin if, and only if, its bytes can be used. With `lock` held. */
static void update_input(struct terminal *term)
{
	bool on = wants_input(term);

	if (term->accept && (term->nr_unread || (on && term->always_ready)))
		wake(term);
	if (term->eof && term->chr.ended && !term->told_end)
		wake(term);
	if (term->always_ready || on == term->input_on)
		return;
	/* Not EPOLL_CTL_MOD to 0: EPOLLHUP would still be reported. */
	if (on)
		term->input_on = !evloop_add(term->loop, &term->input, EPOLLIN);
	else
		term->input_on = evloop_del(term->loop, &term->input) != 0;
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
 * Removes the escape sequences from what was typed and acts on them: Ctrl-a x
 * quits, Ctrl-a p presses the power key if there is one, Ctrl-a Ctrl-a is one
 * Ctrl-a, and before any other key Ctrl-a is dropped as with kvmtool. Returns
 * how many bytes are left.
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
		else if (term->escape && c == 'p' && term->power)
			term->power(term);
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
 * read(2) must not block the event loop: another process that reads the same
 * pipe or terminal may have taken the bytes that epoll reported.
 */
static bool is_readable(const struct terminal *term)
{
	struct pollfd pfd = { .fd = term->in_fd, .events = POLLIN };

	return term->always_ready || poll(&pfd, 1, 0) > 0;
}

/* Up to `room` bytes, 0 if there are none now or never will be. */
static size_t read_input(struct terminal *term, u8 *buf, size_t room)
{
	ssize_t n;

	if (!is_readable(term))
		return 0;
	do {
		n = read(term->in_fd, buf, MIN(room, READ_MAX));
	} while (n < 0 && errno == EINTR);
	if (n > 0)
		return (size_t)n;
	if (n < 0 && errno == EAGAIN)
		return 0;
	pthread_mutex_lock(&term->lock);
	term->eof = true;
	update_input(term);
	pthread_mutex_unlock(&term->lock);
	return 0;
}

/*
 * Reads a terminal, the only input with bytes for lkvm itself; the others are
 * queued behind those that the front returned.
 */
static void read_keys(struct terminal *term)
{
	u8 buf[READ_MAX];
	size_t len = read_input(term, buf, READ_MAX);

	len = filter_escapes(term, buf, len);
	pthread_mutex_lock(&term->lock);
	len = MIN(len, sizeof(term->unread) - term->nr_unread);
	memcpy(term->unread + term->nr_unread, buf, len);
	term->nr_unread += len;
	update_input(term);
	pthread_mutex_unlock(&term->lock);
}

/* Without the lock, as for `receive`. If it is too early `accept` follows. */
static void tell_end(struct terminal *term)
{
	bool told = term->chr.ended && term->chr.ended(&term->chr);

	pthread_mutex_lock(&term->lock);
	term->told_end |= told;
	pthread_mutex_unlock(&term->lock);
}

/*
 * Passes bytes to the front, at most `accept`: buffered ones first, else those
 * of a pipe or file.
 */
static void deliver(struct terminal *term)
{
	u8 buf[READ_MAX];
	size_t room, len;
	bool eof, end;

	pthread_mutex_lock(&term->lock);
	len = take_unread(term, buf);
	room = term->accept;
	eof = term->eof;
	end = eof && !term->nr_unread && !term->told_end;
	pthread_mutex_unlock(&term->lock);
	if (!len && room && !eof && !term->is_tty)
		len = read_input(term, buf, room);
	if (!len && end)
		tell_end(term);
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
	struct terminal *term = container_of(source, struct terminal, input);

	(void)events;
	if (term->is_tty)
		read_keys(term);
	deliver(term);
}

static void handle_again(struct evloop_source *source, u32 events)
{
	u64 count;

	(void)events;
	if (read(source->fd, &count, sizeof(count)) < 0)
		return;
	deliver(container_of(source, struct terminal, again));
}

/*
 * epoll refuses regular files (EPERM), which are always ready: `again` drives
 * those. A closed stdin (EBADF) is one without input.
 */
static int watch(struct terminal *term)
{
	int ret = evloop_add(term->loop, &term->again, EPOLLIN);

	if (ret)
		return ret;
	ret = evloop_add(term->loop, &term->input, EPOLLIN);
	if (!ret) {
		term->input_on = true;
		update_input(term);
		return 0;
	}
	if (ret == -EPERM) {
		term->always_ready = true;
		return 0;
	}
	if (ret == -EBADF) {
		term->always_ready = true;
		term->eof = true;
		return 0;
	}
	return ret;
}

/* What both kinds have in common. */
static int init(struct terminal *term, struct evloop *loop, int in_fd,
		int out_fd, const atomic_bool *stopping)
{
	int ret = 0;

	term->loop = loop;
	term->stopping = stopping;
	term->in_fd = in_fd;
	term->out_fd = out_fd;
	term->input.fd = in_fd;
	term->input.handle = handle_input;
	term->again.handle = handle_again;
	pthread_mutex_init(&term->lock, NULL);
	term->again.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (term->again.fd < 0)
		ret = -errno;
	return ret ? ret : watch(term);
}

int terminal_init(struct terminal *term, struct evloop *loop, int in_fd,
		  int out_fd, const atomic_bool *stopping,
		  void (*quit)(struct terminal *term))
{
	int ret;

	memset(term, 0, sizeof(*term));
	term->chr.ops = &term_ops;
	term->quit = quit;
	term->is_tty = isatty(in_fd);
	ret = init(term, loop, in_fd, out_fd, stopping);
	if (ret) {
		pr_fatal("Unable to use stdin for the console: %s",
			 strerror(-ret));
		terminal_destroy(term);
	}
	return ret;
}

bool terminal_size(const struct terminal *term, u16 *cols, u16 *rows)
{
	struct winsize size;

	if (!term->is_tty || ioctl(term->in_fd, TIOCGWINSZ, &size) < 0)
		return false;
	*cols = size.ws_col;
	*rows = size.ws_row;
	return size.ws_col && size.ws_row;
}

/*
 * The first terminal only: signal handlers have one to restore. They are there
 * before the settings change.
 */
int terminal_start(struct terminal *term)
{
	int ret;

	if (!term->is_tty || atomic_load(&tty.fd))
		return 0;
	tty.saved = 0;
	install_handlers();
	atomic_store(&tty.fd, term->in_fd + 1);
	term->owns_tty = true;
	ret = enter_raw(term->in_fd);
	if (ret)
		pr_fatal("Unable to set up the terminal for the console: %s",
			 strerror(-ret));
	return ret;
}

void terminal_stop(struct terminal *term)
{
	if (term->owns_tty)
		restore_tty();
}

void terminal_destroy(struct terminal *term)
{
	terminal_stop(term);
	if (term->input_on)
		evloop_del(term->loop, &term->input);
	if (term->again.fd >= 0) {
		evloop_del(term->loop, &term->again);
		close(term->again.fd);
	}
	pthread_mutex_destroy(&term->lock);
}

/* ---- Streams ------------------------------------------------------------- */

static void stream_destroy(struct chardev *chr)
{
	struct terminal *term = from_chardev(chr);
	int fd = term->out_fd;

	terminal_destroy(term);
	free(term);
	close(fd);
}

static const struct chardev_ops stream_ops = {
	.write = term_write,
	.accept = term_accept,
	.unread = term_unread,
	.destroy = stream_destroy,
};

/* One descriptor in both directions: no bytes of it are lkvm's own. */
int stream_create(const char *name, int fd, bool has_input, struct evloop *loop,
		  const atomic_bool *stopping, struct chardev **out)
{
	struct terminal *term = calloc(1, sizeof(*term));
	int ret;

	if (!term) {
		close(fd);
		return -ENOMEM;
	}
	term->chr.ops = &stream_ops;
	term->name = name;
	ret = init(term, loop, has_input ? fd : -1, fd, stopping);
	if (ret) {
		stream_destroy(&term->chr);
		return ret;
	}
	*out = &term->chr;
	return 0;
}
