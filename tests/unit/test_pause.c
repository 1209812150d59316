/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: vmm/pause.c */
/* Pauses, with threads in the place of vCPUs that a kick makes leave the guest.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "lkvm/vmm/pause.h"
#include "lkvm/vmm/vm.h"
#include "vmm/vcpu.h"

#define NR_VCPUS 3
#define ROUNDS	 50

static struct {
	struct vm vm;
	struct vcpu vcpus[NR_VCPUS];
	struct vcpu *list[NR_VCPUS];
	struct kvm_run runs[NR_VCPUS];
	pthread_barrier_t entered, kicked;
	atomic_bool together; /* they leave only once all have been kicked */
	atomic_uint turns;    /* of a vCPU in the guest */
} t;

static int setup(void **state)
{
	(void)state;
	memset(&t, 0, sizeof(t));
	pthread_mutex_init(&t.vm.pauser_lock, NULL);
	pthread_mutex_init(&t.vm.pause_lock, NULL);
	pthread_cond_init(&t.vm.pause_changed, NULL);
	t.vm.vcpus = t.list;
	t.vm.nr_vcpus = NR_VCPUS;
	for (unsigned int i = 0; i < NR_VCPUS; i++) {
		t.vcpus[i].vm = &t.vm;
		t.vcpus[i].id = i;
		t.vcpus[i].run = &t.runs[i];
		t.list[i] = &t.vcpus[i];
	}
	pthread_barrier_init(&t.entered, NULL, NR_VCPUS + 1);
	pthread_barrier_init(&t.kicked, NULL, NR_VCPUS);
	vcpu_kick_install();
	/* Whoever waits for a kick that does not come. */
	alarm(60);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	pthread_barrier_destroy(&t.entered);
	pthread_barrier_destroy(&t.kicked);
	pthread_cond_destroy(&t.vm.pause_changed);
	pthread_mutex_destroy(&t.vm.pause_lock);
	pthread_mutex_destroy(&t.vm.pauser_lock);
	alarm(0);
	return 0;
}

/* What KVM_RUN does of a guest that never exits: returns when it is kicked. */
static void run_guest(struct vcpu *vcpu)
{
	volatile u8 *immediate_exit = &vcpu->run->immediate_exit;

	while (!*immediate_exit && !atomic_load(&vcpu->vm->stopping))
		atomic_fetch_add(&t.turns, 1);
	*immediate_exit = 0;
}

static void *vcpu_once(void *arg)
{
	struct vcpu *vcpu = arg;

	vcpu_set_this(vcpu);
	vcpu_enter(vcpu);
	pthread_barrier_wait(&t.entered);
	run_guest(vcpu);
	if (atomic_load(&t.together))
		pthread_barrier_wait(&t.kicked);
	vcpu_leave(vcpu);
	return NULL;
}

static void start(void *(*run)(void *arg))
{
	for (unsigned int i = 0; i < NR_VCPUS; i++)
		assert_int_equal(pthread_create(&t.vcpus[i].thread, NULL, run,
						&t.vcpus[i]),
				 0);
}

static void join(void)
{
	for (unsigned int i = 0; i < NR_VCPUS; i++)
		pthread_join(t.vcpus[i].thread, NULL);
}

static void assert_nobody_in_guest(void)
{
	for (unsigned int i = 0; i < NR_VCPUS; i++)
		assert_false(atomic_load(&t.vcpus[i].in_guest));
}

/* Each vCPU waits for the others to be kicked, too, before it leaves. */
static void all_are_kicked_at_once(void **state)
{
	(void)state;
	atomic_store(&t.together, true);
	start(vcpu_once);
	pthread_barrier_wait(&t.entered);
	vm_pause(&t.vm);
	assert_nobody_in_guest();
	vm_resume(&t.vm);
	join();
}

static void *vcpu_loop(void *arg)
{
	struct vcpu *vcpu = arg;
	bool first = true;

	vcpu_set_this(vcpu);
	while (!atomic_load(&t.vm.stopping)) {
		vcpu_enter(vcpu);
		if (first)
			pthread_barrier_wait(&t.entered);
		first = false;
		run_guest(vcpu);
		vcpu_leave(vcpu);
	}
	return NULL;
}

/* Nothing runs in a pause, and all go on behind it. */
static void nobody_is_in_the_guest(void **state)
{
	(void)state;
	start(vcpu_loop);
	pthread_barrier_wait(&t.entered);
	for (unsigned int i = 0; i < ROUNDS; i++) {
		unsigned int turns;

		vm_pause(&t.vm);
		assert_nobody_in_guest();
		assert_false(vcpu_try_enter(&t.vcpus[0]));
		turns = atomic_load(&t.turns);
		sched_yield();
		assert_int_equal(atomic_load(&t.turns), turns);
		vm_resume(&t.vm);
		while (atomic_load(&t.turns) == turns)
			sched_yield();
	}
	atomic_store(&t.vm.stopping, true);
	join();
}

/* A vCPU that pauses, from the handler of its exit, does not wait for itself.
 */
static void own_vcpu_does_not_count(void **state)
{
	(void)state;
	t.vm.nr_vcpus = 1;
	t.vcpus[0].thread = pthread_self();
	vcpu_set_this(&t.vcpus[0]);
	assert_true(vcpu_try_enter(&t.vcpus[0]));
	vm_pause(&t.vm);
	assert_int_equal(t.runs[0].immediate_exit, 0);
	vm_resume(&t.vm);
	vcpu_leave(&t.vcpus[0]);
	vcpu_set_this(NULL);
}

/* A kick before KVM_RUN is there for it. */
static void kick_is_kept(void **state)
{
	(void)state;
	t.vcpus[0].thread = pthread_self();
	vcpu_set_this(&t.vcpus[0]);
	vcpu_kick(&t.vcpus[0]);
	assert_int_equal(t.runs[0].immediate_exit, 1);
	vcpu_set_this(NULL);
}

/* Only one that is in the guest is of use. */
static void any_is_kicked(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < NR_VCPUS; i++)
		t.vcpus[i].thread = pthread_self();
	for (unsigned int n = 0; n < NR_VCPUS; n++) {
		vcpu_set_this(&t.vcpus[n]);
		atomic_store(&t.vcpus[n].in_guest, true);
		t.runs[n].immediate_exit = 0;
		vm_kick_any(&t.vm);
		assert_int_equal(t.runs[n].immediate_exit, 1);
		atomic_store(&t.vcpus[n].in_guest, false);
	}
	vcpu_set_this(NULL);
}

#define PAUSE_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		PAUSE_TEST(all_are_kicked_at_once),
		PAUSE_TEST(nobody_is_in_the_guest),
		PAUSE_TEST(own_vcpu_does_not_count),
		PAUSE_TEST(kick_is_kept),
		PAUSE_TEST(any_is_kicked),
	};

	return cmocka_run_group_tests_name("pause", tests, NULL, NULL);
}
