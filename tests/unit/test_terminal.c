/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: vmm/terminal.c vmm/evloop.c */
/* The console on pipes and files: flow control, order, ends, stuck readers. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <unistd.h>
#include <cmocka.h>

#include "lkvm/log.h"
#include "lkvm/terminal.h"

/* Whoever hangs dies by SIGALRM and does not hold up the rest. */
#define PATIENCE 30

#define FIFO  16
#define MUCH  (100 * SZ_1K)
#define TURNS 20
#define KICK  SIGUSR1

static unsigned int messages;

void pr_fatal(const char *fmt, ...)
{
	(void)fmt;
	messages++;
}

void log_print(enum log_level level, const char *fmt, ...)
{
	(void)level;
	(void)fmt;
	messages++;
}

/* A front like a UART's: a FIFO behind a lock, filled and emptied by two. */
struct port {
	struct evloop loop;
	struct terminal term;
	struct evloop_source turn; /* makes the loop go round */
	unsigned int turns;
	atomic_bool stopping;
	unsigned int quits;
	int in, out, far_in, far_out;

	pthread_mutex_t lock;
	u8 fifo[2 * FIFO];
	size_t nr_fifo;
	size_t accepted;
	bool greedy; /* gives back a part of what it gets, accepted or not */
	unsigned int seed;

	u8 *got; /* what the guest has read */
	size_t nr_got;
	size_t wanted; /* then the loop is stopped */
	unsigned int receives;
	size_t most; /* the largest piece */
};

static u8 pattern(size_t i)
{
	return (u8)(i ^ i >> 8 ^ i >> 13);
}

static struct port *from_chr(struct chardev *chr)
{
	return chr->front;
}

static void port_quit(struct terminal *term)
{
	container_of(term, struct port, term)->quits++;
}

/* How often the loop came round, any other source having had its turn. */
static void handle_turn(struct evloop_source *source, u32 events)
{
	struct port *p = container_of(source, struct port, turn);

	(void)events;
	if (++p->turns == TURNS)
		evloop_stop(&p->loop);
}

/* Lets the loop do all it can do. */
static void settle(struct port *p)
{
	p->turns = 0;
	assert_int_equal(evloop_add(&p->loop, &p->turn, EPOLLIN), 0);
	atomic_store(&p->loop.stop, false);
	assert_int_equal(evloop_run(&p->loop), 0);
	assert_int_equal(evloop_del(&p->loop, &p->turn), 0);
}

/* True if the loop would sleep now, and not spin. */
static bool idle(struct port *p)
{
	struct epoll_event event;
	u64 count;

	/* evloop_stop()'s own wake-up does not count. */
	(void)!read(p->loop.wake.fd, &count, sizeof(count));
	return epoll_wait(p->loop.epoll_fd, &event, 1, 0) == 0;
}

static void simple_receive(struct chardev *chr, const u8 *buf, size_t len)
{
	struct port *p = from_chr(chr);

	/* The backend has no lock of its own now, and was asked for this. */
	assert_int_equal(pthread_mutex_trylock(&p->term.lock), 0);
	pthread_mutex_unlock(&p->term.lock);
	assert_true(len > 0);
	p->receives++;
	p->most = MAX(p->most, len);
	memcpy(p->got + p->nr_got, buf, len);
	p->nr_got += len;
}

static struct port *port_new(void)
{
	struct port *p = calloc(1, sizeof(*p));

	assert_non_null(p);
	p->got = calloc(1, 2 * MUCH);
	assert_non_null(p->got);
	p->in = p->out = p->far_in = p->far_out = -1;
	p->turn.handle = handle_turn;
	p->turn.fd = eventfd(1, EFD_CLOEXEC);
	pthread_mutex_init(&p->lock, NULL);
	assert_int_equal(evloop_init(&p->loop), 0);
	return p;
}

static void port_open(struct port *p)
{
	assert_int_equal(terminal_init(&p->term, &p->loop, p->in, p->out,
				       &p->stopping, port_quit),
			 0);
	p->term.chr.front = p;
	p->term.chr.receive = simple_receive;
}

static int setup(void **state)
{
	alarm(PATIENCE);
	messages = 0;
	*state = port_new();
	return 0;
}

static void close_fd(int fd)
{
	if (fd >= 0)
		close(fd);
}

static int teardown(void **state)
{
	struct port *p = *state;

	terminal_destroy(&p->term);
	/* What it watched is not watched any more. */
	assert_true(idle(p));
	evloop_destroy(&p->loop);
	close_fd(p->in);
	close_fd(p->out);
	close_fd(p->far_in);
	close_fd(p->far_out);
	close(p->turn.fd);
	pthread_mutex_destroy(&p->lock);
	free(p->got);
	free(p);
	alarm(0);
	return 0;
}

/* A pipe to each side. */
static int setup_pipes(void **state)
{
	struct port *p;
	int in[2], out[2];

	setup(state);
	p = *state;
	assert_int_equal(pipe2(in, O_CLOEXEC), 0);
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	p->in = in[0];
	p->far_in = in[1];
	p->out = out[1];
	p->far_out = out[0];
	port_open(p);
	return 0;
}

/* Input from a regular file with MUCH bytes of the pattern. */
static int setup_file(void **state)
{
	FILE *file = tmpfile();
	struct port *p;
	int out[2];

	setup(state);
	p = *state;
	assert_non_null(file);
	for (size_t i = 0; i < MUCH; i++)
		putc(pattern(i), file);
	rewind(file);
	p->in = dup(fileno(file));
	fclose(file);
	assert_int_equal(lseek(p->in, 0, SEEK_SET), 0);
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	p->out = out[1];
	p->far_out = out[0];
	port_open(p);
	return 0;
}

static void accept_bytes(struct port *p, size_t n)
{
	p->term.chr.ops->accept(&p->term.chr, n);
}

static void type(struct port *p, const char *s)
{
	assert_int_equal(write(p->far_in, s, strlen(s)), strlen(s));
}

static int waiting(int fd)
{
	int n = -1;

	assert_int_equal(ioctl(fd, FIONREAD, &n), 0);
	return n;
}

static void expect_got(struct port *p, const char *want)
{
	assert_int_equal(p->nr_got, strlen(want));
	assert_memory_equal(p->got, want, p->nr_got);
}

/* ---- Input --------------------------------------------------------------- */

static void nothing_before_it_is_accepted(void **state)
{
	struct port *p = *state;

	type(p, "early");
	settle(p);
	assert_int_equal(p->nr_got, 0);
	assert_int_equal(waiting(p->in), 5);
	assert_true(idle(p));
	accept_bytes(p, FIFO);
	settle(p);
	expect_got(p, "early");
}

static void no_more_than_accepted(void **state)
{
	struct port *p = *state;

	type(p, "0123456789");
	accept_bytes(p, 1);
	settle(p);
	expect_got(p, "0");
	assert_true(idle(p));
	accept_bytes(p, 3);
	settle(p);
	expect_got(p, "0123");
	accept_bytes(p, 2);
	accept_bytes(p, 0);
	settle(p);
	expect_got(p, "0123");
	assert_true(idle(p));
	accept_bytes(p, 100);
	settle(p);
	expect_got(p, "0123456789");
	assert_int_equal(p->quits, 0);
}

/* What `accept` says replaces the limit and is not added to it. */
static void limit_is_what_was_said_last(void **state)
{
	struct port *p = *state;

	type(p, "abcdefgh");
	accept_bytes(p, 3);
	accept_bytes(p, 3);
	settle(p);
	expect_got(p, "abc");
	accept_bytes(p, 5);
	accept_bytes(p, 1);
	settle(p);
	expect_got(p, "abcd");
}

/* The same of a file, which epoll does not take. */
static void file_in_pieces(void **state)
{
	struct port *p = *state;
	size_t sum = 0;

	settle(p);
	assert_int_equal(p->nr_got, 0);
	for (size_t n = 1; n <= 100; n++) {
		accept_bytes(p, n);
		settle(p);
		sum += n;
		assert_int_equal(p->nr_got, sum);
		assert_true(idle(p));
	}
	for (size_t i = 0; i < sum; i++)
		assert_int_equal(p->got[i], pattern(i));
}

/* No byte is special in what is piped in. */
static void no_escapes_without_a_terminal(void **state)
{
	struct port *p = *state;

	type(p, "a\001xb\001\001c\001");
	accept_bytes(p, FIFO);
	settle(p);
	expect_got(p, "a\001xb\001\001c\001");
	assert_int_equal(p->quits, 0);
}

/* Keeps the first two bytes of each piece. */
static void picky_receive(struct chardev *chr, const u8 *buf, size_t len)
{
	size_t n = MIN(len, 2UL);

	simple_receive(chr, buf, n);
	if (n < len)
		chr->ops->unread(chr, buf + n, len - n);
}

static void unread_bytes_come_first(void **state)
{
	struct port *p = *state;

	p->term.chr.receive = picky_receive;
	type(p, "0123456789abcdef");
	accept_bytes(p, 7);
	settle(p);
	expect_got(p, "01");
	for (unsigned int i = 0; i < 7; i++) {
		accept_bytes(p, 7);
		settle(p);
	}
	expect_got(p, "0123456789abcdef");
	assert_true(idle(p));
}

/* With nothing behind them to make the input readable. */
static void unread_bytes_come_by_themselves(void **state)
{
	struct port *p = *state;

	p->term.chr.receive = picky_receive;
	type(p, "abcde");
	accept_bytes(p, 5);
	settle(p);
	expect_got(p, "ab");
	assert_true(idle(p));
	accept_bytes(p, 1);
	settle(p);
	expect_got(p, "abc");
	accept_bytes(p, 5);
	settle(p);
	expect_got(p, "abcde");
	assert_true(idle(p));
}

/* They outlast the end of the input that they came from. */
static void unread_bytes_outlast_the_end(void **state)
{
	struct port *p = *state;

	p->term.chr.receive = picky_receive;
	type(p, "abcdef");
	close(p->far_in);
	p->far_in = -1;
	accept_bytes(p, 6);
	settle(p);
	expect_got(p, "ab");
	p->term.chr.receive = simple_receive;
	for (unsigned int i = 0; i < 3; i++) {
		accept_bytes(p, 3);
		settle(p);
	}
	expect_got(p, "abcdef");
	assert_true(idle(p));
}

/* Gives back the first piece; by the time it takes it, "b" has been stolen. */
static void thief_receive(struct chardev *chr, const u8 *buf, size_t len)
{
	struct port *p = from_chr(chr);
	char stolen;

	simple_receive(chr, buf, len);
	if (p->receives == 1) {
		p->nr_got = 0;
		chr->ops->unread(chr, buf, len);
		type(p, "b");
	} else {
		assert_int_equal(read(p->in, &stolen, 1), 1);
	}
}

/*
 * Somebody else reads from the same pipe or terminal: the loop, which has
 * signals and the time limit to look after, must not wait for more.
 */
static void loop_never_waits_for_input(void **state)
{
	struct port *p = *state;

	p->term.chr.receive = thief_receive;
	type(p, "a");
	accept_bytes(p, 4);
	settle(p);
	expect_got(p, "a");
	assert_true(idle(p));
	p->term.chr.receive = simple_receive;
	type(p, "c");
	settle(p);
	expect_got(p, "ac");
}

/* Takes back the permission from inside, as a guest does that closes. */
static void closing_receive(struct chardev *chr, const u8 *buf, size_t len)
{
	simple_receive(chr, buf, len);
	chr->ops->accept(chr, 0);
}

static void stopped_from_inside(void **state)
{
	struct port *p = *state;

	p->term.chr.receive = closing_receive;
	type(p, "abcdef");
	accept_bytes(p, 2);
	settle(p);
	expect_got(p, "ab");
	assert_true(idle(p));
	accept_bytes(p, 4);
	settle(p);
	expect_got(p, "abcdef");
}

static void end_of_a_pipe(void **state)
{
	struct port *p = *state;

	type(p, "last");
	close(p->far_in);
	p->far_in = -1;
	settle(p);
	/* A hang-up is not news to one that does not listen. */
	assert_true(idle(p));
	accept_bytes(p, FIFO);
	settle(p);
	expect_got(p, "last");
	assert_true(idle(p));
	accept_bytes(p, FIFO);
	settle(p);
	assert_int_equal(p->nr_got, 4);
	assert_true(idle(p));
}

/* ---- Much input through random windows ------------------------------------
 */

/* How much the front can take; at random it takes nothing for a while. */
static void accept_some(struct port *p)
{
	size_t n = FIFO - MIN(p->nr_fifo, (size_t)FIFO);

	if (rand_r(&p->seed) % 4 == 0)
		n = n ? (size_t)rand_r(&p->seed) % n : 0;
	p->accepted = n;
	p->term.chr.ops->accept(&p->term.chr, n);
}

static void fifo_receive(struct chardev *chr, const u8 *buf, size_t len)
{
	struct port *p = from_chr(chr);
	size_t n = len;

	pthread_mutex_lock(&p->lock);
	if (p->greedy && rand_r(&p->seed) % 3 == 0)
		n = (size_t)rand_r(&p->seed) % (len + 1);
	assert_true(p->nr_fifo + n <= sizeof(p->fifo));
	memcpy(p->fifo + p->nr_fifo, buf, n);
	p->nr_fifo += n;
	pthread_mutex_unlock(&p->lock);
	if (n < len)
		chr->ops->unread(chr, buf + n, len - n);
	pthread_mutex_lock(&p->lock);
	accept_some(p);
	pthread_mutex_unlock(&p->lock);
}

/* A vCPU whose guest reads until it has all. */
static void *guest_reads(void *arg)
{
	struct port *p = arg;

	while (p->nr_got < p->wanted) {
		size_t n;

		pthread_mutex_lock(&p->lock);
		n = p->nr_fifo ? (size_t)rand_r(&p->seed) % p->nr_fifo + 1 : 0;
		memcpy(p->got + p->nr_got, p->fifo, n);
		p->nr_got += n;
		p->nr_fifo -= n;
		memmove(p->fifo, p->fifo + n, p->nr_fifo);
		accept_some(p);
		pthread_mutex_unlock(&p->lock);
	}
	evloop_stop(&p->loop);
	return NULL;
}

static void *feed(void *arg)
{
	struct port *p = arg;
	unsigned int seed = 5;
	size_t done = 0;
	u8 piece[997];

	while (done < MUCH) {
		size_t n = (size_t)rand_r(&seed) % sizeof(piece) + 1;

		n = MIN(n, MUCH - done);
		for (size_t i = 0; i < n; i++)
			piece[i] = pattern(done + i);
		if (write(p->far_in, piece, n) != (ssize_t)n)
			break;
		done += n;
	}
	close(p->far_in);
	p->far_in = -1;
	return NULL;
}

static void much_input(struct port *p, bool piped, bool greedy)
{
	pthread_t vcpu, feeder;

	p->term.chr.receive = fifo_receive;
	p->wanted = MUCH;
	p->greedy = greedy;
	p->seed = 1;
	assert_int_equal(pthread_create(&vcpu, NULL, guest_reads, p), 0);
	if (piped)
		assert_int_equal(pthread_create(&feeder, NULL, feed, p), 0);
	assert_int_equal(evloop_run(&p->loop), 0);
	pthread_join(vcpu, NULL);
	if (piped)
		pthread_join(feeder, NULL);
	for (size_t i = 0; i < MUCH; i++)
		assert_int_equal(p->got[i], pattern(i));
	/* And then no more than that. */
	p->term.chr.receive = simple_receive;
	accept_bytes(p, FIFO);
	settle(p);
	assert_int_equal(p->nr_got, MUCH);
	assert_true(idle(p));
}

static void much_of_a_pipe(void **state)
{
	much_input(*state, true, false);
}

static void much_of_a_pipe_given_back(void **state)
{
	much_input(*state, true, true);
}

static void much_of_a_file(void **state)
{
	much_input(*state, false, false);
}

static void much_of_a_file_given_back(void **state)
{
	much_input(*state, false, true);
}

/* ---- Odd descriptors ------------------------------------------------------
 */

static void null_device(void **state)
{
	struct port *p = *state;

	p->in = open("/dev/null", O_RDONLY | O_CLOEXEC);
	p->out = open("/dev/null", O_WRONLY | O_CLOEXEC);
	port_open(p);
	accept_bytes(p, FIFO);
	settle(p);
	assert_int_equal(p->nr_got, 0);
	assert_true(idle(p));
	accept_bytes(p, FIFO);
	assert_true(idle(p));
	p->term.chr.ops->write(&p->term.chr, (const u8 *)"x", 1);
}

/* A descriptor number that nothing has. */
static int closed_fd(void)
{
	int fd = dup(STDIN_FILENO);

	close(fd);
	/* Far from what others will open. */
	return fd + 100;
}

static void closed_descriptors(void **state)
{
	struct port *p = *state;
	int fd = closed_fd();

	assert_int_equal(terminal_init(&p->term, &p->loop, fd, fd, &p->stopping,
				       port_quit),
			 0);
	p->term.chr.front = p;
	p->term.chr.receive = simple_receive;
	accept_bytes(p, FIFO);
	settle(p);
	assert_int_equal(p->nr_got, 0);
	assert_true(idle(p));
	p->term.chr.ops->write(&p->term.chr, (const u8 *)"x", 1);
}

static void directory_as_input(void **state)
{
	struct port *p = *state;

	p->in = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	port_open(p);
	accept_bytes(p, FIFO);
	settle(p);
	assert_int_equal(p->nr_got, 0);
	assert_true(idle(p));
}

static void out_of_descriptors(void **state)
{
	struct port *p = *state;
	struct rlimit old, limit;
	struct terminal term;
	int base = dup(STDIN_FILENO);

	close(base);
	p->in = open("/dev/null", O_RDONLY | O_CLOEXEC);
	assert_int_equal(p->in, base);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	limit = old;
	limit.rlim_cur = (rlim_t)base + 1;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	assert_int_equal(terminal_init(&term, &p->loop, p->in, p->in,
				       &p->stopping, port_quit),
			 -EMFILE);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	assert_int_equal(messages, 1);
	p->out = dup(p->in);
	assert_int_equal(p->out, base + 1);
	port_open(p);
}

/* ---- Output ----------------------------------------------------------------
 */

static void put(struct port *p, const char *s)
{
	p->term.chr.ops->write(&p->term.chr, (const u8 *)s, strlen(s));
}

static void output_goes_out_at_once(void **state)
{
	struct port *p = *state;
	char buf[16] = "";

	put(p, "a");
	assert_int_equal(waiting(p->far_out), 1);
	put(p, "b\n\r\001x");
	assert_int_equal(read(p->far_out, buf, sizeof(buf)), 6);
	assert_string_equal(buf, "ab\n\r\001x");
	/* What is under way when the run ends still goes out. */
	atomic_store(&p->stopping, true);
	put(p, "end");
	assert_int_equal(waiting(p->far_out), 3);
}

static void reader_has_gone(void **state)
{
	struct port *p = *state;

	close(p->far_out);
	p->far_out = -1;
	put(p, "nobody hears this");
	put(p, "nor this");
	type(p, "in");
	accept_bytes(p, FIFO);
	settle(p);
	expect_got(p, "in");
}

struct writer {
	struct port *p;
	pthread_t thread;
	_Atomic(size_t) done; /* bytes that write() has returned for */
	atomic_bool finished;
	size_t total;
};

static void *write_pattern(void *arg)
{
	struct writer *w = arg;
	u8 piece[5000]; /* more than the pipe takes at once */

	while (w->done < w->total) {
		size_t n = MIN(sizeof(piece), w->total - w->done);

		for (size_t i = 0; i < n; i++)
			piece[i] = pattern(w->done + i);
		w->p->term.chr.ops->write(&w->p->term.chr, piece, n);
		w->done += n;
	}
	atomic_store(&w->finished, true);
	return NULL;
}

static void no_op(int sig)
{
	(void)sig;
}

static void start_writer(struct writer *w, struct port *p, bool nonblocking)
{
	struct sigaction action = { .sa_handler = no_op };

	*w = (struct writer) { .p = p, .total = MUCH };
	sigaction(KICK, &action, NULL);
	fcntl(p->out, F_SETPIPE_SZ, 4096);
	if (nonblocking)
		fcntl(p->out, F_SETFL, O_WRONLY | O_NONBLOCK);
	assert_int_equal(pthread_create(&w->thread, NULL, write_pattern, w), 0);
}

/* Until the pipe is full and the writer has to wait. */
static void await_full(struct port *p)
{
	while (waiting(p->far_out) < fcntl(p->out, F_GETPIPE_SZ))
		sched_yield();
}

/* Every byte, in order, however slow the reader and many the signals. */
static void slow_reader(struct port *p, bool nonblocking)
{
	unsigned int seed = 3;
	struct writer w;
	size_t got = 0;
	u8 buf[1500];

	start_writer(&w, p, nonblocking);
	await_full(p);
	while (got < MUCH) {
		size_t max = (size_t)rand_r(&seed) % sizeof(buf) + 1;
		ssize_t n = read(p->far_out, buf, max);

		assert_true(n > 0);
		for (ssize_t i = 0; i < n; i++)
			assert_int_equal(buf[i], pattern(got + (size_t)i));
		got += (size_t)n;
		if (!atomic_load(&w.finished))
			pthread_kill(w.thread, KICK);
	}
	pthread_join(w.thread, NULL);
	assert_int_equal(waiting(p->far_out), 0);
}

static void slow_reader_of_a_blocking_pipe(void **state)
{
	slow_reader(*state, false);
}

static void slow_reader_of_a_nonblocking_pipe(void **state)
{
	slow_reader(*state, true);
}

/*
 * Once the run ends a kick gets a writer out, repeated as the VM's core does
 * it; what was written before stays in order.
 */
static void given_up(struct port *p, bool nonblocking)
{
	struct writer w;
	u8 buf[8192];
	ssize_t n;

	start_writer(&w, p, nonblocking);
	await_full(p);
	for (int i = 0; i < 100; i++)
		pthread_kill(w.thread, KICK);
	assert_false(atomic_load(&w.finished));
	atomic_store(&p->stopping, true);
	while (!atomic_load(&w.finished)) {
		pthread_kill(w.thread, KICK);
		sched_yield();
	}
	pthread_join(w.thread, NULL);
	n = read(p->far_out, buf, sizeof(buf));
	assert_true(n >= 4096);
	for (ssize_t i = 0; i < n; i++)
		assert_int_equal(buf[i], pattern((size_t)i));
}

static void stuck_writer_is_given_up(void **state)
{
	given_up(*state, false);
}

static void stuck_nonblocking_writer_is_given_up(void **state)
{
	given_up(*state, true);
}

/* The reader goes while a writer waits for it. */
static void reader_goes_meanwhile(void **state)
{
	struct port *p = *state;
	struct writer w;

	for (int nonblocking = 0; nonblocking < 2; nonblocking++) {
		start_writer(&w, p, nonblocking);
		if (!nonblocking)
			await_full(p);
		close(p->far_out);
		p->far_out = -1;
		pthread_join(w.thread, NULL);
		assert_int_equal(w.done, MUCH);
	}
}

static void full_device(void **state)
{
	struct port *p = *state;

	p->out = open("/dev/full", O_WRONLY | O_CLOEXEC);
	if (p->out < 0)
		skip();
	port_open(p);
	/* No room on the disk: dropped, but the guest runs on. */
	for (int i = 0; i < 1000; i++)
		put(p, "x");
}

#define IN_TEST(f)   cmocka_unit_test_setup_teardown(f, setup_pipes, teardown)
#define FILE_TEST(f) cmocka_unit_test_setup_teardown(f, setup_file, teardown)
#define ODD_TEST(f)  cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_TEST(nothing_before_it_is_accepted),
		IN_TEST(no_more_than_accepted),
		IN_TEST(limit_is_what_was_said_last),
		FILE_TEST(file_in_pieces),
		IN_TEST(no_escapes_without_a_terminal),
		IN_TEST(unread_bytes_come_first),
		IN_TEST(unread_bytes_come_by_themselves),
		IN_TEST(unread_bytes_outlast_the_end),
		IN_TEST(loop_never_waits_for_input),
		IN_TEST(stopped_from_inside),
		IN_TEST(end_of_a_pipe),
		IN_TEST(much_of_a_pipe),
		IN_TEST(much_of_a_pipe_given_back),
		FILE_TEST(much_of_a_file),
		FILE_TEST(much_of_a_file_given_back),
		ODD_TEST(null_device),
		ODD_TEST(closed_descriptors),
		ODD_TEST(directory_as_input),
		ODD_TEST(out_of_descriptors),
		IN_TEST(output_goes_out_at_once),
		IN_TEST(reader_has_gone),
		IN_TEST(slow_reader_of_a_blocking_pipe),
		IN_TEST(slow_reader_of_a_nonblocking_pipe),
		IN_TEST(stuck_writer_is_given_up),
		IN_TEST(stuck_nonblocking_writer_is_given_up),
		IN_TEST(reader_goes_meanwhile),
		ODD_TEST(full_device),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests_name("terminal", tests, NULL, NULL);
}
