/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: vmm/evloop.c */
/* WRAP: epoll_ctl */
/* The event loop: sources, timers, and how it ends. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>
#include <cmocka.h>

#include "lkvm/vmm/evloop.h"

/* A loop that hangs fails by SIGALRM and does not hold up the rest. */
#define PATIENCE 60

#define NR_SOURCES 5
#define HOUR	   3600000000000ULL

struct fixture {
	struct evloop loop;
	struct evloop_timer timer, other;
	unsigned int count;
	int free_fd; /* before there was anything */
};

/* A source whose eventfd is always readable. */
struct bell {
	struct evloop_source source;
	struct fixture *f;
	struct bell *victim;
	unsigned int rung;
	u32 events;
};

static struct fixture *fixture;
static int control_error; /* of epoll_ctl() */

int __real_epoll_ctl(int epoll_fd, int op, int fd, struct epoll_event *event);
int __wrap_epoll_ctl(int epoll_fd, int op, int fd, struct epoll_event *event);

int __wrap_epoll_ctl(int epoll_fd, int op, int fd, struct epoll_event *event)
{
	if (!control_error)
		return __real_epoll_ctl(epoll_fd, op, fd, event);
	errno = control_error;
	return -1;
}

static int lowest_free_fd(void)
{
	int fd = dup(STDIN_FILENO);

	close(fd);
	return fd;
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	if (!f)
		return -1;
	alarm(PATIENCE);
	*state = fixture = f;
	control_error = 0;
	f->free_fd = lowest_free_fd();
	return evloop_init(&f->loop);
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	evloop_destroy(&f->loop);
	assert_int_equal(lowest_free_fd(), f->free_fd);
	free(f);
	alarm(0);
	return 0;
}

static void run(struct fixture *f)
{
	atomic_store(&f->loop.stop, false);
	assert_int_equal(evloop_run(&f->loop), 0);
}

static struct bell *bell(struct fixture *f,
			 void (*handle)(struct evloop_source *, u32))
{
	struct bell *b = calloc(1, sizeof(*b));

	assert_non_null(b);
	b->f = f;
	b->source.handle = handle;
	b->source.fd = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK);
	assert_int_equal(evloop_add(&f->loop, &b->source, EPOLLIN), 0);
	return b;
}

static void drop(struct bell *b)
{
	assert_int_equal(evloop_del(&b->f->loop, &b->source), 0);
	close(b->source.fd);
	free(b);
}

static void count_until_ten(struct evloop_source *source, u32 events)
{
	struct bell *b = container_of(source, struct bell, source);

	b->rung++;
	b->events = events;
	if (b->rung == 10)
		evloop_stop(&b->f->loop);
}

static void stopped_before_it_runs(void **state)
{
	struct fixture *f = *state;

	evloop_stop(&f->loop);
	evloop_stop(&f->loop);
	assert_int_equal(evloop_run(&f->loop), 0);
	assert_int_equal(evloop_run(&f->loop), 0);
}

static void *stop_it(void *arg)
{
	evloop_stop(arg);
	return NULL;
}

/* With nothing to watch it sleeps, and must notice each call all the same. */
static void stopped_by_another_thread(void **state)
{
	struct fixture *f = *state;

	for (int i = 0; i < 200; i++) {
		pthread_t thread;

		atomic_store(&f->loop.stop, false);
		assert_int_equal(
			pthread_create(&thread, NULL, stop_it, &f->loop), 0);
		assert_int_equal(evloop_run(&f->loop), 0);
		pthread_join(thread, NULL);
	}
}

static void level_triggered(void **state)
{
	struct fixture *f = *state;
	struct bell *b = bell(f, count_until_ten);

	run(f);
	assert_int_equal(b->rung, 10);
	assert_int_equal(b->events, EPOLLIN);
	drop(b);
}

/* Even of a loop that was stopped; and it ends though all stay ready. */
static void poll_gives_everyone_a_turn(void **state)
{
	struct fixture *f = *state;
	struct bell *bells[NR_SOURCES];

	assert_int_equal(evloop_poll(&f->loop), 0);
	for (unsigned int i = 0; i < NR_SOURCES; i++)
		bells[i] = bell(f, count_until_ten);
	evloop_stop(&f->loop);
	assert_int_equal(evloop_poll(&f->loop), 0);
	for (unsigned int i = 0; i < NR_SOURCES; i++) {
		assert_in_range(bells[i]->rung, 1, 100);
		drop(bells[i]);
	}
	close(f->loop.epoll_fd);
	f->loop.epoll_fd = -1;
	assert_int_equal(evloop_poll(&f->loop), -EBADF);
}

/* A source that is always ready does not keep another from its turn. */
static void everyone_gets_a_turn(void **state)
{
	struct fixture *f = *state;
	struct bell *bells[NR_SOURCES];

	for (unsigned int i = 0; i < NR_SOURCES; i++)
		bells[i] = bell(f, count_until_ten);
	run(f);
	for (unsigned int i = 0; i < NR_SOURCES; i++) {
		assert_in_range(bells[i]->rung, 9, 10);
		drop(bells[i]);
	}
}

static void drop_the_victim(struct evloop_source *source, u32 events)
{
	struct bell *b = container_of(source, struct bell, source);

	(void)events;
	b->rung++;
	if (b->victim)
		drop(b->victim);
	b->victim = NULL;
	if (b->rung == 10)
		evloop_stop(&b->f->loop);
}

/* Both are ready at once, and whoever comes first frees the other. */
static void handler_frees_another_source(void **state)
{
	struct fixture *f = *state;
	struct bell *a = bell(f, drop_the_victim);

	a->victim = bell(f, drop_the_victim);
	run(f);
	assert_null(a->victim);
	drop(a);
}

static void drop_oneself(struct evloop_source *source, u32 events)
{
	struct bell *b = container_of(source, struct bell, source);

	(void)events;
	if (++b->f->count == NR_SOURCES)
		evloop_stop(&b->f->loop);
	drop(b);
}

static void handler_frees_its_own_source(void **state)
{
	struct fixture *f = *state;

	for (unsigned int i = 0; i < NR_SOURCES; i++)
		bell(f, drop_oneself);
	run(f);
	assert_int_equal(f->count, NR_SOURCES);
}

static void what_is_refused(void **state)
{
	struct fixture *f = *state;
	FILE *file = tmpfile();
	struct evloop_source regular = { .handle = drop_oneself };
	struct evloop_source none = { .fd = -1, .handle = drop_oneself };
	struct bell *b = bell(f, count_until_ten);

	assert_non_null(file);
	regular.fd = fileno(file);
	assert_int_equal(evloop_add(&f->loop, &regular, EPOLLIN), -EPERM);
	assert_int_equal(evloop_add(&f->loop, &none, EPOLLIN), -EBADF);
	assert_int_equal(evloop_add(&f->loop, &b->source, EPOLLIN), -EEXIST);
	assert_int_equal(evloop_del(&f->loop, &b->source), 0);
	assert_int_equal(evloop_del(&f->loop, &b->source), -ENOENT);
	close(b->source.fd);
	free(b);
	fclose(file);
}

/* A writer that has gone is an event too, or an end of file goes unseen. */
static void hang_up(void **state)
{
	struct fixture *f = *state;
	struct bell b = { .f = f, .source.handle = count_until_ten };
	int fds[2];

	assert_int_equal(pipe(fds), 0);
	b.source.fd = fds[0];
	assert_int_equal(evloop_add(&f->loop, &b.source, EPOLLIN), 0);
	close(fds[1]);
	run(f);
	assert_int_equal(b.events, EPOLLHUP);
	assert_int_equal(evloop_del(&f->loop, &b.source), 0);
	close(fds[0]);
}

static void expired_once(struct evloop_timer *timer)
{
	struct fixture *f = container_of(timer, struct fixture, timer);

	f->count++;
	evloop_stop(&f->loop);
}

static void expired_wrongly(struct evloop_timer *timer)
{
	(void)timer;
	fixture->count += 100;
	evloop_stop(&fixture->loop);
}

static void timer_expires_once(void **state)
{
	struct fixture *f = *state;
	struct bell *b;

	assert_int_equal(evloop_timer_init(&f->loop, &f->timer, expired_once),
			 0);
	assert_int_equal(evloop_timer_set(&f->timer, 1), 0);
	run(f);
	assert_int_equal(f->count, 1);
	b = bell(f, count_until_ten);
	run(f);
	assert_int_equal(f->count, 1);
	drop(b);
	assert_int_equal(evloop_timer_set(&f->timer, 1), 0);
	run(f);
	assert_int_equal(f->count, 2);
	evloop_timer_destroy(&f->loop, &f->timer);
}

/* The later of two was set first; one is put off, one called off. */
static void timers_that_are_changed(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(evloop_timer_init(&f->loop, &f->timer, expired_once),
			 0);
	assert_int_equal(
		evloop_timer_init(&f->loop, &f->other, expired_wrongly), 0);
	assert_int_equal(evloop_timer_set(&f->other, HOUR), 0);
	assert_int_equal(evloop_timer_set(&f->timer, 1000), 0);
	run(f);
	assert_int_equal(f->count, 1);

	assert_int_equal(evloop_timer_set(&f->other, 1), 0);
	assert_int_equal(evloop_timer_set(&f->other, 0), 0);
	assert_int_equal(evloop_timer_set(&f->timer, 1000), 0);
	run(f);
	assert_int_equal(f->count, 2);

	assert_int_equal(evloop_timer_set(&f->timer, HOUR), 0);
	assert_int_equal(evloop_timer_set(&f->timer, 1), 0);
	run(f);
	assert_int_equal(f->count, 3);
	evloop_timer_destroy(&f->loop, &f->timer);
	evloop_timer_destroy(&f->loop, &f->other);
}

/* An expiry that the loop knows of is taken back before its turn comes. */
static void disarm(struct evloop_source *source, u32 events)
{
	struct bell *b = container_of(source, struct bell, source);

	(void)events;
	evloop_timer_set(&b->f->other, 0);
	evloop_stop(&b->f->loop);
}

static void disarmed_after_it_expired(void **state)
{
	struct fixture *f = *state;
	struct bell *b = bell(f, disarm);
	struct bell *c;

	assert_int_equal(
		evloop_timer_init(&f->loop, &f->other, expired_wrongly), 0);
	assert_int_equal(evloop_timer_set(&f->other, 1), 0);
	run(f);
	c = bell(f, count_until_ten);
	assert_int_equal(evloop_del(&f->loop, &b->source), 0);
	run(f);
	assert_in_range(f->count, 0, 100);
	evloop_timer_destroy(&f->loop, &f->other);
	drop(c);
	close(b->source.fd);
	free(b);
}

static void longest_timer(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(evloop_timer_init(&f->loop, &f->timer, expired_once),
			 0);
	assert_int_equal(evloop_timer_set(&f->timer, UINT64_MAX), 0);
	evloop_timer_destroy(&f->loop, &f->timer);
}

/* Neither a loop nor a timer is left half made. */
static void epoll_fails(void **state)
{
	struct fixture *f = *state;
	int base = lowest_free_fd();
	struct evloop loop;

	control_error = ENOSPC;
	assert_int_equal(evloop_init(&loop), -ENOSPC);
	assert_int_equal(evloop_timer_init(&f->loop, &f->timer, expired_once),
			 -ENOSPC);
	assert_int_equal(lowest_free_fd(), base);
	control_error = 0;
}

/* Programs that lkvm starts do not get them, and a late look does not block. */
static void flags_of_descriptors(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(evloop_timer_init(&f->loop, &f->timer, expired_once),
			 0);
	assert_true(fcntl(f->timer.source.fd, F_GETFL) & O_NONBLOCK);
	assert_int_equal(fcntl(f->timer.source.fd, F_GETFD), FD_CLOEXEC);
	assert_true(fcntl(f->loop.wake.fd, F_GETFL) & O_NONBLOCK);
	assert_int_equal(fcntl(f->loop.wake.fd, F_GETFD), FD_CLOEXEC);
	assert_int_equal(fcntl(f->loop.epoll_fd, F_GETFD), FD_CLOEXEC);
	evloop_timer_destroy(&f->loop, &f->timer);
}

/* Out of descriptors at any step: an error, and none is left open. */
static void out_of_descriptors(void **state)
{
	struct fixture *f = *state;
	int base = lowest_free_fd();
	struct rlimit old, limit;
	struct evloop loop;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	limit = old;
	for (int room = 0; room < 2; room++) {
		limit.rlim_cur = (rlim_t)(base + room);
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
		assert_int_equal(evloop_init(&loop), -EMFILE);
		if (!room)
			assert_int_equal(evloop_timer_init(&f->loop, &f->timer,
							   expired_once),
					 -EMFILE);
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
		assert_int_equal(lowest_free_fd(), base);
	}
}

#define LOOP_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		LOOP_TEST(stopped_before_it_runs),
		LOOP_TEST(stopped_by_another_thread),
		LOOP_TEST(level_triggered),
		LOOP_TEST(poll_gives_everyone_a_turn),
		LOOP_TEST(everyone_gets_a_turn),
		LOOP_TEST(handler_frees_another_source),
		LOOP_TEST(handler_frees_its_own_source),
		LOOP_TEST(what_is_refused),
		LOOP_TEST(hang_up),
		LOOP_TEST(timer_expires_once),
		LOOP_TEST(timers_that_are_changed),
		LOOP_TEST(disarmed_after_it_expired),
		LOOP_TEST(longest_timer),
		LOOP_TEST(epoll_fails),
		LOOP_TEST(flags_of_descriptors),
		LOOP_TEST(out_of_descriptors),
	};

	return cmocka_run_group_tests_name("evloop", tests, NULL, NULL);
}
