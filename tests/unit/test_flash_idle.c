/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: vmm/worker.c vmm/thread.c */
/* SOURCES: disk/format.c disk/decode.c disk/qcow2_*.c */
/* SOURCES: hw/flash/operation.c hw/cfi_flash_stats.c */
/* SOURCES: hw/cfi_flash.c hw/cfi_chip.c hw/flash/store.c hw/flash/open.c */
/* SOURCES: hw/flash/file.c hw/flash/template.c hw/flash/fault.c util/file.c */
/* SOURCES: util/gzip.c util/json.c vmm/fdt.c vmm/mmio.c */
/* SOURCES: vmm/mmio_ring.c vmm/evloop.c */
/* SOURCES: tests/unit/bank_fixture.c tests/unit/flash_fixture.c */
/* WRAP: pwrite fdatasync ioctl */
/*
 * The sync of a bank that is idle, on a thread of its own: what goes on
 * meanwhile, and what waits for it.
 */
#include <errno.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "bank_fixture.h"
#include "thread_state.h"

#define ERASED 0x20000 /* a block of the bank */

static struct {
	sem_t begun, may_end;
	atomic_bool ended;
	pid_t main;
	u64 next;		     /* where the next word is programmed */
	struct evloop_source source; /* an eventfd */
} t;

/* On the worker's thread. */
static void sync_that_blocks(void)
{
	sem_post(&t.begun);
	evloop_stop(&vm.loop);
	while (sem_wait(&t.may_end))
		;
	t.ended = true;
}

/* The same, until the main thread waits for it, or for anything. */
static void sync_that_is_waited_for(void)
{
	sem_post(&t.begun);
	evloop_stop(&vm.loop);
	while (sem_wait(&t.may_end))
		;
	await_sleep(t.main);
	t.ended = true;
}

static int settle(void)
{
	int ret;

	pthread_mutex_lock(flash->lock);
	ret = flash_store_sync(&flash->store);
	pthread_mutex_unlock(flash->lock);
	return ret;
}

static int make_idle_bank(void **state)
{
	/* A test that waits for what does not come ends by that. */
	alarm(60);
	memset(&t, 0, sizeof(t));
	sem_init(&t.begun, 0, 0);
	sem_init(&t.may_end, 0, 0);
	t.main = gettid();
	if (setup(state))
		return -1;
	drop_bank();
	memset(&vm.loop, 0, sizeof(vm.loop));
	assert_int_equal(evloop_init(&vm.loop), 0);
	worker_init(&vm.worker, "worker", 2);
	fake.idle_sync = sync_that_blocks;
	make_file(SIZE);
	assert_int_equal(make_bank(""), 0);
	/* Programs there wait for no sync. */
	erase(ERASED);
	assert_int_equal(settle(), 0);
	program(ERASED + SZ_4K, 0);
	assert_int_equal(settle(), 0);
	memset(fake.calls, 0, sizeof(fake.calls));
	flash->store.syncs = 0;
	t.next = ERASED + 2 * SZ_4K;
	forget_messages();
	return 0;
}

static int drop_idle_bank(void **state)
{
	sem_post(&t.may_end);
	drop_bank();
	worker_destroy(&vm.worker);
	evloop_destroy(&vm.loop);
	sem_destroy(&t.begun);
	sem_destroy(&t.may_end);
	alarm(0);
	return teardown(state);
}

static int quiesce(void)
{
	return flash->dev.ops->quiesce(&flash->dev);
}

#define assert_calls(want)                                 \
	do {                                               \
		assert_string_equal(fake.calls, want);     \
		memset(fake.calls, 0, sizeof(fake.calls)); \
	} while (0)

/* As if the second were over. */
static void expire(void)
{
	flash->idle.expired(&flash->idle);
}

static void program_next(void)
{
	program(t.next, 0);
	t.next += 4;
}

/* The timer began with the first access of the last command. */
static void be_idle(void)
{
	expire();
	worker_drain(&vm.worker, &flash->idle_job);
	assert_true(flash->idle_armed);
}

/* Linux leaves the chips in status mode when it has written. */
static void begin_sync(void)
{
	program_next();
	assert_calls("w");
	be_idle();
	expire();
	assert_int_equal(sem_wait(&t.begun), 0);
}

static void end_sync(void)
{
	sem_post(&t.may_end);
	worker_drain(&vm.worker, &flash->idle_job);
	assert_true(t.ended);
}

static void stop_loop(struct evloop_source *source, u32 events)
{
	(void)source;
	(void)events;
	assert_false(t.ended);
	evloop_stop(&vm.loop);
}

/* ---- What goes on -------------------------------------------------------- */

static void no_thread_at_first(void **state)
{
	(void)state;
	assert_int_equal(vm.worker.nr_threads, 0);
	program_next();
	assert_calls("w");
	assert_int_equal(vm.worker.nr_threads, 0);
	assert_int_equal(evloop_run(&vm.loop), 0);
	assert_int_equal(sem_wait(&t.begun), 0);
	assert_int_equal(vm.worker.nr_threads, 1);
	end_sync();
	assert_calls("s");
	begin_sync();
	end_sync();
	assert_int_equal(vm.worker.nr_threads, 1);
}

/* Nor is one made for nothing to do. */
static void no_thread_for_nothing(void **state)
{
	(void)state;
	cmd(0, 0x70);
	be_idle();
	expire();
	assert_false(flash->idle_armed);
	program_next();
	be_idle();
	cmd(0, 0xff);
	assert_calls("ws");
	be_idle();
	expire();
	assert_false(flash->idle_armed);
	assert_int_equal(vm.worker.nr_threads, 0);
}

/* What KVM has taken is carried out before. */
static void what_is_in_the_ring(void **state)
{
	(void)state;
	drop_bank();
	fake.coalesce = true;
	assert_int_equal(make_bank(""), 0);
	erase(ERASED);
	assert_int_equal(settle(), 0);
	memset(fake.calls, 0, sizeof(fake.calls));
	assert_true(kvm_wr(t.next, 0x400040));
	assert_true(kvm_wr(t.next, 0));
	expire();
	worker_drain(&vm.worker, &flash->idle_job);
	assert_calls("w");
	expire();
	assert_int_equal(sem_wait(&t.begun), 0);
	end_sync();
	assert_calls("s");
}

/* Other sources of the loop have their turn, and the guest its flash. */
static void loop_and_guest_go_on(void **state)
{
	(void)state;
	begin_sync();
	t.source.fd = eventfd(1, EFD_CLOEXEC);
	t.source.handle = stop_loop;
	assert_int_equal(evloop_add(&vm.loop, &t.source, EPOLLIN), 0);
	vm.loop.stop = false;
	assert_int_equal(evloop_run(&vm.loop), 0);
	assert_int_equal(evloop_del(&vm.loop, &t.source), 0);
	close(t.source.fd);
	assert_status(0x80);
	program_next();
	assert_calls("w");
	assert_false(t.ended);
	end_sync();
}

static void loop_waits_for_no_lock(void **state)
{
	(void)state;
	program_next();
	be_idle();
	pthread_mutex_lock(flash->lock);
	expire();
	pthread_mutex_unlock(flash->lock);
	sem_post(&t.may_end);
	worker_drain(&vm.worker, &flash->idle_job);
	assert_true(t.ended);
}

/* The timer comes again while the sync is under way. */
static void one_at_a_time(void **state)
{
	(void)state;
	begin_sync();
	program_next();
	assert_true(flash->idle_armed);
	expire(); /* not idle */
	expire(); /* but busy */
	assert_true(flash->idle_armed);
	end_sync();
	assert_calls("ws");
	expire();
	assert_int_equal(sem_wait(&t.begun), 0);
	end_sync();
	assert_false(flash->idle_armed);
	assert_calls("s");
}

static void not_idle(void **state)
{
	(void)state;
	program_next();
	be_idle();
	assert_status(0x80);
	be_idle();
	assert_calls("w");
}

/* ---- What it covers ------------------------------------------------------ */

/* What is written during a sync may have missed it. */
static void written_meanwhile(void **state)
{
	(void)state;
	begin_sync();
	program_next();
	end_sync();
	assert_int_equal(quiesce(), 0);
	assert_calls("wss");
	assert_int_equal(flash->store.syncs, 2);
	assert_int_equal(quiesce(), 0);
	assert_calls("");
}

static void written_before(void **state)
{
	(void)state;
	begin_sync();
	end_sync();
	assert_int_equal(quiesce(), 0);
	assert_calls("s");
	assert_int_equal(flash->store.syncs, 1);
}

/* ---- What waits for it --------------------------------------------------- */

static void begin_sync_to_wait_for(void)
{
	fake.idle_sync = sync_that_is_waited_for;
	begin_sync();
	sem_post(&t.may_end);
}

static void quiesce_waits(void **state)
{
	(void)state;
	begin_sync_to_wait_for();
	assert_int_equal(quiesce(), 0);
	assert_true(t.ended);
	assert_calls("s");
}

/* An erase may destroy what the sync has still to save. */
static void erase_waits(void **state)
{
	(void)state;
	begin_sync_to_wait_for();
	erase(0x10000);
	assert_true(t.ended);
	assert_calls("swwwwwwwwwwwwwwww");
}

static void array_mode_waits(void **state)
{
	(void)state;
	begin_sync_to_wait_for();
	cmd(0, 0xff);
	assert_true(t.ended);
	assert_calls("s");
}

static void destroy_waits(void **state)
{
	(void)state;
	begin_sync_to_wait_for();
	drop_bank();
	assert_true(t.ended);
}

/* ---- What goes wrong ----------------------------------------------------- */

static void sync_fails(void **state)
{
	(void)state;
	fake.fdatasync = EIO;
	begin_sync();
	end_sync();
	assert_said("unable to make the content durable: Input/output error");
	assert_calls("s");
	forget_messages();
	fake.fdatasync = 0;
	/* For good: the command that has to wait for it fails. */
	erase(0x10000);
	assert_status(0xa8);
	assert_calls("");
	assert_int_equal(quiesce(), -EIO);
	assert_calls("");
	assert_null(strstr(messages, "durable"));
	flash->dev.ops->reset(&flash->dev);
	assert_int_equal(quiesce(), -EIO);
}

/* Known at once to who waits: the kernel would tell nobody else. */
static void sync_fails_meanwhile(void **state)
{
	(void)state;
	fake.fdatasync = EIO;
	begin_sync_to_wait_for();
	erase(0x10000);
	assert_true(t.ended);
	assert_calls("s");
	assert_status(0xa8);
	assert_int_equal(quiesce(), -EIO);
}

/* Then the loop does it, as there is nobody else. */
static void no_thread_can_be_had(void **state)
{
	(void)state;
	program_next();
	be_idle();
	flash->worker = NULL;
	fake.main = 0;
	sem_post(&t.may_end);
	expire();
	assert_true(t.ended);
	assert_int_equal(quiesce(), 0);
	assert_calls("ws");
}

#define IDLE_TEST(f) \
	cmocka_unit_test_setup_teardown(f, make_idle_bank, drop_idle_bank)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IDLE_TEST(no_thread_at_first),
		IDLE_TEST(no_thread_for_nothing),
		IDLE_TEST(what_is_in_the_ring),
		IDLE_TEST(loop_and_guest_go_on),
		IDLE_TEST(loop_waits_for_no_lock),
		IDLE_TEST(one_at_a_time),
		IDLE_TEST(not_idle),
		IDLE_TEST(written_meanwhile),
		IDLE_TEST(written_before),
		IDLE_TEST(quiesce_waits),
		IDLE_TEST(erase_waits),
		IDLE_TEST(array_mode_waits),
		IDLE_TEST(destroy_waits),
		IDLE_TEST(sync_fails),
		IDLE_TEST(sync_fails_meanwhile),
		IDLE_TEST(no_thread_can_be_had),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
