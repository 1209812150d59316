/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: chardev/terminal.c vmm/evloop.c */
/* The console's input from pipes and files: flow control, order, ends. */
#include "terminal_fixture.h"

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

/* ---- Much input through random windows ---- */

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
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests_name("terminal", tests, NULL, NULL);
}
