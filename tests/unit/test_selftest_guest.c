/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: arm/selftest/guest.c arm/selftest/report.c util/json.c */
/* SOURCES: util/file.c util/log.c util/output.c */
/*
 * How `lkvm selftest` runs a guest: the machine is a stub whose vCPUs write to
 * the console at once, and whose event loop can fail.
 */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "arm/selftest/judge.h"
#include "arm/selftest/selftest.h"
#include "lkvm/arm/machine.h"
#include "lkvm/chardev/chardev.h"

#define NR_THREADS 2
#define ROOM	   (SZ_64K - 1) /* bytes of the console */

extern const char selftest_image[];
extern const u64 selftest_image_size;
const char selftest_image[] = "program";
const u64 selftest_image_size = sizeof(selftest_image);

static struct {
	unsigned int writes; /* of one byte, by each thread */
	int timer_set, add;  /* error to fail with, or 0 */
	int nr_timers;	     /* initialised and not destroyed */
	size_t console;	     /* bytes that were judged */
	atomic_uint exits;   /* that were requested */
	pthread_barrier_t begin;
	struct chardev *chr;
	struct vm vm;
	struct test_result result;
} t;

int machine_create(const struct vm_config *config, struct machine **out)
{
	(void)config;
	*out = NULL;
	return 0;
}

int machine_build(struct machine *machine,
		  struct chardev *serial[MACHINE_MAX_SERIAL])
{
	(void)machine;
	t.chr = serial[0];
	return 0;
}

struct vm *machine_vm(struct machine *machine)
{
	(void)machine;
	return &t.vm;
}

void machine_destroy(struct machine *machine)
{
	(void)machine;
}

static void *write_some(void *arg)
{
	const u8 *byte = arg;

	pthread_barrier_wait(&t.begin);
	for (unsigned int i = 0; i < t.writes; i++)
		t.chr->ops->write(t.chr, byte, 1);
	return NULL;
}

enum vm_exit vm_run(struct vm *vm)
{
	pthread_t threads[NR_THREADS];
	u8 byte = '.';

	(void)vm;
	pthread_barrier_init(&t.begin, NULL, NR_THREADS);
	for (size_t i = 0; i < NR_THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, write_some,
						&byte),
				 0);
	for (size_t i = 0; i < NR_THREADS; i++)
		pthread_join(threads[i], NULL);
	pthread_barrier_destroy(&t.begin);
	return VM_EXIT_POWEROFF;
}

void vm_request_exit(struct vm *vm, enum vm_exit reason)
{
	(void)vm;
	(void)reason;
	atomic_fetch_add(&t.exits, 1);
}

const char *vm_exit_name(enum vm_exit reason)
{
	(void)reason;
	return "end";
}

void vm_vcpu_totals(const struct vm *vm, struct vcpu_totals *totals)
{
	(void)vm;
	(void)totals;
}

int evloop_timer_init(struct evloop *loop, struct evloop_timer *timer,
		      void (*expired)(struct evloop_timer *timer))
{
	(void)loop;
	timer->expired = expired;
	t.nr_timers++;
	return 0;
}

int evloop_timer_set(struct evloop_timer *timer, u64 ns)
{
	(void)timer;
	(void)ns;
	return t.timer_set;
}

void evloop_timer_destroy(struct evloop *loop, struct evloop_timer *timer)
{
	assert_ptr_equal(loop, &t.vm.loop);
	assert_non_null(timer->expired);
	t.nr_timers--;
}

int evloop_add(struct evloop *loop, struct evloop_source *source, u32 events)
{
	(void)loop;
	(void)source;
	(void)events;
	return t.add;
}

int evloop_del(struct evloop *loop, struct evloop_source *source)
{
	(void)loop;
	(void)source;
	return 0;
}

int flash_config_parse(struct flash_config *config, const char *arg)
{
	(void)config;
	assert_non_null(strstr(arg, "/proc/self/fd/"));
	return 0;
}

void flash_config_free(struct flash_config *config)
{
	(void)config;
}

bool selftest_stopped(const struct selftest *st, struct test_result *result)
{
	(void)st;
	(void)result;
	return false;
}

void judge_console(struct test_result *result, char *console)
{
	(void)result;
	t.console = strlen(console);
}

static int setup(void **state)
{
	(void)state;
	memset(&t, 0, sizeof(t));
	t.result.name = "test";
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	result_free(&t.result);
	return 0;
}

static void run(void)
{
	const struct selftest_config config = { .stop_fd = STDIN_FILENO };
	struct selftest st = { .config = &config, .image_fd = -1 };
	struct guest guest = { .test = GUEST_START };

	assert_int_equal(guest_open_image(&st), 0);
	guest_run(&st, &guest, &t.result);
	close(st.image_fd);
	assert_int_equal(t.nr_timers, 0);
}

/*
 * Nothing that two vCPUs print at once is lost. Repeated, since on a busy
 * machine the threads seldom run at the same moment.
 */
static void console_of_two(void **state)
{
	(void)state;
	t.writes = ROOM / NR_THREADS;
	for (int i = 0; i < 50; i++) {
		run();
		assert_int_equal(t.result.verdict, TEST_PASSED);
		assert_int_equal(t.console, t.writes * NR_THREADS);
		assert_int_equal(t.exits, 0);
	}
}

static void console_is_full(void **state)
{
	(void)state;
	t.writes = ROOM / NR_THREADS + 10;
	run();
	assert_int_equal(t.result.verdict, TEST_FAILED);
	assert_non_null(strstr(t.result.detail, "prints without end"));
	assert_int_equal(t.console, ROOM);
	assert_int_equal(t.exits, t.writes * NR_THREADS - ROOM);
}

/* No timer is left where there is none to be had, nor the user's source. */
static void no_sources(void **state)
{
	(void)state;
	t.timer_set = -EINVAL;
	run();
	assert_int_equal(t.result.verdict, TEST_FAILED);
	t.timer_set = 0;
	t.add = -EPERM;
	run();
	assert_int_equal(t.console, 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(console_of_two),
		TEST(console_is_full),
		TEST(no_sources),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
