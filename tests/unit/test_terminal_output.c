/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: chardev/terminal.c vmm/evloop.c */
/* The console's output, stuck readers, and descriptors that are odd. */
#include "terminal_fixture.h"

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
	assert_int_equal(messages, 0);
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
	/* No room on the disk: told once, and the guest runs on. */
	for (int i = 0; i < 1000; i++)
		put(p, "x");
	assert_int_equal(messages, 1);
}

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

int main(void)
{
	const struct CMUnitTest tests[] = {
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
	return cmocka_run_group_tests_name("terminal_output", tests, NULL,
					   NULL);
}
