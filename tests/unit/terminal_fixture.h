/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A terminal between a front like a UART's and pipes or files. */
#ifndef TESTS_TERMINAL_FIXTURE_H
#define TESTS_TERMINAL_FIXTURE_H

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

#include "lkvm/chardev/terminal.h"
#include "lkvm/util/log.h"

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

static inline u8 pattern(size_t i)
{
	return (u8)(i ^ i >> 8 ^ i >> 13);
}

static inline struct port *from_chr(struct chardev *chr)
{
	return chr->front;
}

static inline void port_quit(struct terminal *term)
{
	container_of(term, struct port, term)->quits++;
}

/* How often the loop came round, any other source having had its turn. */
static inline void handle_turn(struct evloop_source *source, u32 events)
{
	struct port *p = container_of(source, struct port, turn);

	(void)events;
	if (++p->turns == TURNS)
		evloop_stop(&p->loop);
}

/* Lets the loop do all it can do. */
static inline void settle(struct port *p)
{
	p->turns = 0;
	assert_int_equal(evloop_add(&p->loop, &p->turn, EPOLLIN), 0);
	atomic_store(&p->loop.stop, false);
	assert_int_equal(evloop_run(&p->loop), 0);
	assert_int_equal(evloop_del(&p->loop, &p->turn), 0);
}

/* True if the loop would sleep now, and not spin. */
static inline bool idle(struct port *p)
{
	struct epoll_event event;
	u64 count;

	/* evloop_stop()'s own wake-up does not count. */
	(void)!read(p->loop.wake.fd, &count, sizeof(count));
	return epoll_wait(p->loop.epoll_fd, &event, 1, 0) == 0;
}

static inline void simple_receive(struct chardev *chr, const u8 *buf,
				  size_t len)
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

static inline struct port *port_new(void)
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

static inline void port_open(struct port *p)
{
	assert_int_equal(terminal_init(&p->term, &p->loop, p->in, p->out,
				       &p->stopping, port_quit),
			 0);
	p->term.chr.front = p;
	p->term.chr.receive = simple_receive;
}

static inline int setup(void **state)
{
	alarm(PATIENCE);
	messages = 0;
	*state = port_new();
	return 0;
}

static inline void close_fd(int fd)
{
	if (fd >= 0)
		close(fd);
}

static inline int teardown(void **state)
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
static inline int setup_pipes(void **state)
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
static inline int setup_file(void **state)
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

static inline void accept_bytes(struct port *p, size_t n)
{
	p->term.chr.ops->accept(&p->term.chr, n);
}

static inline void type(struct port *p, const char *s)
{
	assert_int_equal(write(p->far_in, s, strlen(s)), strlen(s));
}

static inline int waiting(int fd)
{
	int n = -1;

	assert_int_equal(ioctl(fd, FIONREAD, &n), 0);
	return n;
}

static inline void expect_got(struct port *p, const char *want)
{
	assert_int_equal(p->nr_got, strlen(want));
	assert_memory_equal(p->got, want, p->nr_got);
}

#define IN_TEST(f)   cmocka_unit_test_setup_teardown(f, setup_pipes, teardown)
#define FILE_TEST(f) cmocka_unit_test_setup_teardown(f, setup_file, teardown)
#define ODD_TEST(f)  cmocka_unit_test_setup_teardown(f, setup, teardown)

#endif
