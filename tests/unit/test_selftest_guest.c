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
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <cmocka.h>

#include "arm/cpu.h"
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

/* What else happens while the guest runs. */
enum during {
	NOTHING,
	SILENCE, /* the timer expires */
	STOP,	 /* the user's descriptor is readable */
};

static struct {
	unsigned int writes; /* of one byte, by each thread */
	int timer_set, add;  /* error to fail with, or 0 */
	int create, build;   /* the same */
	enum during during;
	enum vm_exit end;
	/* What the guest was run with. */
	struct vm_config config;
	char kernel[64], params[128];
	u8 flash[SZ_1M];
	size_t flash_size;
	u64 limit_ns; /* the timer's */
	bool stopped; /* the user wants the end */
	int nr_sources, nr_machines;
	struct evloop_source *source;
	struct evloop_timer *timer;
	int nr_timers;	   /* initialised and not destroyed */
	size_t console;	   /* bytes that were judged */
	atomic_uint exits; /* that were requested */
	atomic_uint timer_sets;
	pthread_barrier_t begin;
	struct chardev *chr;
	struct vm vm;
	struct test_result result;
} t;

/* The files are open until the guest has ended, and have no other name. */
static size_t read_file(const char *path, void *buf, size_t size)
{
	FILE *in = fopen(path, "rb");
	size_t n = in ? fread(buf, 1, size, in) : 0;

	if (in)
		fclose(in);
	return n;
}

int machine_create(const struct vm_config *config, struct machine **out)
{
	t.config = *config;
	*out = NULL;
	read_file(config->boot.kernel, t.kernel, sizeof(t.kernel));
	snprintf(t.params, sizeof(t.params), "%s", config->boot.params);
	assert_int_equal(config->flash.count, 1);
	t.flash_size = read_file(config->flash.items[0].path, t.flash,
				 sizeof(t.flash));
	t.nr_machines += !t.create;
	return t.create;
}

int machine_build(struct machine *machine,
		  struct chardev *serial[MACHINE_MAX_SERIAL])
{
	(void)machine;
	t.chr = serial[0];
	return t.build;
}

struct vm *machine_vm(struct machine *machine)
{
	(void)machine;
	return &t.vm;
}

void machine_destroy(struct machine *machine)
{
	(void)machine;
	t.nr_machines--;
}

/* The value tells which it is; the last of X0 to X30 cannot be read. */
int cpu_read(struct vcpu *vcpu, unsigned int reg, u64 *value)
{
	*value = vcpu->id * 0x100 + reg;
	return reg == 30 ? -EIO : 0;
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
	if (t.during == SILENCE)
		t.timer->expired(t.timer);
	if (t.during == STOP) {
		t.stopped = true;
		t.source->handle(t.source, 0);
		assert_int_equal(t.nr_sources, 0);
	}
	return t.end;
}

void vm_request_exit(struct vm *vm, enum vm_exit reason)
{
	assert_ptr_equal(vm, &t.vm);
	assert_int_equal(reason, VM_EXIT_KILLED);
	atomic_fetch_add(&t.exits, 1);
}

const char *vm_exit_name(enum vm_exit reason)
{
	assert_int_equal(reason, t.end);
	return "end";
}

void vm_vcpu_totals(const struct vm *vm, struct vcpu_totals *totals)
{
	assert_ptr_equal(vm, &t.vm);
	totals->exits = 4711;
}

static void describe(struct vcpu *vcpu, char *buf, size_t size)
{
	snprintf(buf, size, "at %u", vcpu->id);
}

static const struct vm_arch_ops arch_ops = { .describe = describe };

int evloop_timer_init(struct evloop *loop, struct evloop_timer *timer,
		      void (*expired)(struct evloop_timer *timer))
{
	(void)loop;
	timer->expired = expired;
	t.timer = timer;
	t.nr_timers++;
	return 0;
}

int evloop_timer_set(struct evloop_timer *timer, u64 ns)
{
	assert_ptr_equal(timer, t.timer);
	t.limit_ns = ns;
	atomic_fetch_add(&t.timer_sets, 1);
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
	assert_ptr_equal(loop, &t.vm.loop);
	assert_int_equal(source->fd, STDIN_FILENO);
	assert_int_equal(events, EPOLLIN);
	t.source = source;
	t.nr_sources += !t.add;
	return t.add;
}

/* A source may be taken out twice: it is out then. */
int evloop_del(struct evloop *loop, struct evloop_source *source)
{
	assert_ptr_equal(loop, &t.vm.loop);
	assert_ptr_equal(source, t.source);
	t.nr_sources = 0;
	return 0;
}

int flash_config_parse(struct flash_config *config, const char *arg)
{
	assert_non_null(strstr(arg, "/proc/self/fd/"));
	config->path = arg;
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
	return t.stopped;
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
	t.end = VM_EXIT_POWEROFF;
	t.vm.arch_ops = &arch_ops;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	result_free(&t.result);
	return 0;
}

/* `start_ns`: what the first guest has taken, 0 if this is the first. */
static struct vcpu_totals run_with(struct guest *guest, int stop_fd,
				   u64 start_ns)
{
	const struct selftest_config config = { .stop_fd = stop_fd,
						.kvm_dev = "/dev/some",
						.seed = 77 };
	struct selftest st = { .config = &config,
			       .image_fd = -1,
			       .start_ns = start_ns };

	assert_int_equal(guest_open_image(&st), 0);
	guest_run(&st, guest, &t.result);
	close(st.image_fd);
	assert_int_equal(t.nr_timers, 0);
	assert_int_equal(t.nr_sources, 0);
	assert_int_equal(t.nr_machines, 0);
	return guest->totals;
}

static void run(void)
{
	struct guest guest = { .test = GUEST_START };

	run_with(&guest, STDIN_FILENO, 0);
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

/* What the guest is: a program, a bank of flash that is erased, two vCPUs. */
static void machine(void **state)
{
	struct guest guest = { .test = GUEST_START, .params = "a=b" };
	struct vcpu_totals totals = run_with(&guest, -1, 0);
	char want[64];

	(void)state;
	assert_int_equal(t.result.verdict, TEST_PASSED);
	assert_int_equal(totals.exits, 4711);
	assert_string_equal(t.kernel, selftest_image);
	snprintf(want, sizeof(want), "test=%u seed=77 a=b", GUEST_START);
	assert_string_equal(t.params, want);
	assert_int_equal(t.flash_size, SZ_1M);
	assert_true(is_filled(t.flash, SZ_1M, 0xff));
	assert_string_equal(t.config.name, "selftest");
	assert_string_equal(t.config.kvm_dev, "/dev/some");
	assert_int_equal(t.config.ram.size, 64 * SZ_1M);
	assert_int_equal(t.config.cpu.nr, 2);
	assert_true(t.config.boot.nodefaults);
	assert_true(t.config.cpu.disable_mte);
	assert_false(t.config.debug.no_batch);
	assert_null(t.source);
	guest.no_batch = true;
	run_with(&guest, -1, 0);
	assert_true(t.config.debug.no_batch);
}

static const char *note(const char *name)
{
	for (size_t i = 0; i < t.result.nr_notes; i++)
		if (!strcmp(t.result.notes[i].name, name))
			return t.result.notes[i].text;
	return NULL;
}

/* Each output starts the time anew; the limit follows the first guest's run. */
static void silence(void **state)
{
	static const struct {
		u64 start_ns, limit_ns;
		const char *detail;
	} cases[] = {
		{ 0, 60000000000, "printed nothing for 60 s" },
		{ 1000, 10000000000, "printed nothing for 10 s" },
		{ 1000000000, 40000000000, "printed nothing for 40 s" },
	};
	struct guest guest = { .test = GUEST_START };

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		teardown(state);
		setup(state);
		t.during = SILENCE;
		t.end = VM_EXIT_KILLED;
		run_with(&guest, STDIN_FILENO, cases[i].start_ns);
		assert_int_equal(t.limit_ns, cases[i].limit_ns);
		assert_int_equal(t.result.verdict, TEST_FAILED);
		assert_non_null(strstr(t.result.detail, cases[i].detail));
		assert_int_equal(t.exits, 1);
	}
	t.writes = 3;
	t.timer_sets = 0;
	run_with(&guest, STDIN_FILENO, 0);
	assert_int_equal(t.timer_sets, 1 + 3 * NR_THREADS);
}

/* With the registers of each vCPU. */
static void bad_end(void **state)
{
	struct vcpu *vcpus[] = { &(struct vcpu) { .id = 0 },
				 &(struct vcpu) { .id = 1 } };

	(void)state;
	t.vm.vcpus = vcpus;
	t.vm.nr_vcpus = 2;
	t.end = VM_EXIT_FAILURE;
	run();
	assert_int_equal(t.result.verdict, TEST_FAILED);
	assert_string_equal(t.result.detail, "end");
	assert_string_equal(note("vCPU 0"), "at 0");
	assert_string_equal(note("vCPU 1"), "at 1");
	assert_null(note("vCPU 2"));
	assert_string_equal(note("vCPU 0 X4"),
			    "X4 0x4, X5 0x5, X6 0x6, X7 0x7");
	assert_string_equal(note("vCPU 1 X28"), "X28 0x11c, X29 0x11d");
	assert_non_null(note("vCPU 1 TPIDR_EL1"));
	result_free(&t.result);
	memset(&t.result, 0, sizeof(t.result));
	t.during = SILENCE;
	run();
	assert_string_equal(note("vCPU 1"), "at 1");
}

/* By the user: no verdict on the guest, and its console is not judged. */
static void user_stops(void **state)
{
	(void)state;
	t.during = STOP;
	t.writes = 5;
	t.end = VM_EXIT_KILLED;
	run();
	assert_int_equal(t.result.verdict, TEST_PASSED);
	assert_int_equal(t.exits, 1);
	assert_int_equal(t.console, 0);
}

static void no_machine(void **state)
{
	(void)state;
	t.create = -ENODEV;
	run();
	assert_int_equal(t.result.verdict, TEST_FAILED);
	assert_string_equal(t.result.detail, "no machine: see the message");
	result_free(&t.result);
	memset(&t.result, 0, sizeof(t.result));
	t.create = 0;
	t.build = -ENOSPC;
	run();
	assert_int_equal(t.result.verdict, TEST_FAILED);
	assert_string_equal(t.result.detail, "no devices: see the message");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(console_of_two), TEST(console_is_full), TEST(no_sources),
		TEST(machine),	      TEST(silence),	     TEST(bad_end),
		TEST(user_stops),     TEST(no_machine),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
