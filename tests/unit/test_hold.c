/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: vmm/hold.c vmm/pause.c */
/* WRAP: pthread_mutex_unlock */
/* vCPUs that are held, with threads in their place that a kick makes leave the
 * guest. */
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "lkvm/vmm/hold.h"
#include "lkvm/vmm/pause.h"
#include "lkvm/vmm/vm.h"
#include "vmm/vcpu.h"

#define NR_VCPUS 3
#define ROUNDS	 200

static struct {
	struct vm vm;
	struct vcpu vcpus[NR_VCPUS];
	struct vcpu *list[NR_VCPUS];
	struct kvm_run runs[NR_VCPUS];
	sem_t held;		     /* a vCPU is */
	atomic_uint turns[NR_VCPUS]; /* in the guest */
} t;

int __real_pthread_mutex_unlock(pthread_mutex_t *mutex);
int __wrap_pthread_mutex_unlock(pthread_mutex_t *mutex);

/* On any thread: who gives a lock up has it, or another one has. */
int __wrap_pthread_mutex_unlock(pthread_mutex_t *mutex)
{
	if (pthread_mutex_trylock(mutex) != EBUSY)
		abort();
	return __real_pthread_mutex_unlock(mutex);
}

static void held(struct vcpu *vcpu)
{
	assert_true(vcpu_is_held(vcpu));
	sem_post(&t.held);
}

static const struct vm_arch_ops ops = { .held = held };

/* As vmm/vcpu.c does it; KVM_RUN of a guest that never exits. */
static void *vcpu_loop(void *arg)
{
	struct vcpu *vcpu = arg;
	volatile u8 *immediate_exit = &vcpu->run->immediate_exit;

	vcpu_set_this(vcpu);
	while (!atomic_load(&t.vm.stopping)) {
		if (atomic_load(&vcpu->hold)) {
			vcpu_wait_held(vcpu);
			continue;
		}
		if (!vcpu_enter(vcpu))
			continue;
		while (!*immediate_exit && !atomic_load(&t.vm.stopping))
			atomic_fetch_add(&t.turns[vcpu->id], 1);
		vcpu_leave(vcpu);
		*immediate_exit = 0;
	}
	return NULL;
}

static int setup(void **state)
{
	(void)state;
	memset(&t, 0, sizeof(t));
	/* Whoever waits for a kick that does not come. */
	alarm(60);
	sem_init(&t.held, 0, 0);
	pthread_mutex_init(&t.vm.pauser_lock, NULL);
	pthread_mutex_init(&t.vm.pause_lock, NULL);
	pthread_cond_init(&t.vm.pause_changed, NULL);
	t.vm.arch_ops = &ops;
	t.vm.vcpus = t.list;
	t.vm.nr_vcpus = NR_VCPUS;
	vcpu_kick_install();
	for (unsigned int i = 0; i < NR_VCPUS; i++) {
		t.vcpus[i].vm = &t.vm;
		t.vcpus[i].id = i;
		t.vcpus[i].run = &t.runs[i];
		t.list[i] = &t.vcpus[i];
	}
	return 0;
}

static int teardown(void **state)
{
	int more = -1;

	(void)state;
	atomic_store(&t.vm.stopping, true);
	vm_wake_held(&t.vm);
	for (unsigned int i = 0; i < NR_VCPUS; i++) {
		pthread_join(t.vcpus[i].thread, NULL);
		assert_false(vcpu_is_held(&t.vcpus[i]));
	}
	/* Each has told of each hold once. */
	sem_getvalue(&t.held, &more);
	assert_int_equal(more, 0);
	pthread_cond_destroy(&t.vm.pause_changed);
	pthread_mutex_destroy(&t.vm.pause_lock);
	pthread_mutex_destroy(&t.vm.pauser_lock);
	sem_destroy(&t.held);
	alarm(0);
	return 0;
}

static void start(void)
{
	for (unsigned int i = 0; i < NR_VCPUS; i++)
		assert_int_equal(pthread_create(&t.vcpus[i].thread, NULL,
						vcpu_loop, &t.vcpus[i]),
				 0);
}

static void hold_all(void)
{
	for (unsigned int i = 0; i < NR_VCPUS; i++)
		vcpu_hold(&t.vcpus[i]);
	for (unsigned int i = 0; i < NR_VCPUS; i++)
		sem_wait(&t.held);
	for (unsigned int i = 0; i < NR_VCPUS; i++) {
		assert_true(vcpu_is_held(&t.vcpus[i]));
		assert_false(atomic_load(&t.vcpus[i].in_guest));
	}
}

static void await_turn(unsigned int i)
{
	unsigned int before = atomic_load(&t.turns[i]);

	while (atomic_load(&t.turns[i]) == before)
		usleep(10);
}

/* From the start on: nothing has run. */
static void held_from_the_start(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < NR_VCPUS; i++)
		vcpu_hold(&t.vcpus[i]);
	start();
	hold_all();
	for (unsigned int i = 0; i < NR_VCPUS; i++)
		assert_int_equal(atomic_load(&t.turns[i]), 0);
	vcpu_release(&t.vcpus[1]);
	assert_false(vcpu_is_held(&t.vcpus[1]));
	await_turn(1);
	assert_int_equal(atomic_load(&t.turns[0]), 0);
	assert_true(vcpu_is_held(&t.vcpus[2]));
}

static void hold_with(const struct vm_arch_ops *arch_ops)
{
	t.vm.arch_ops = arch_ops;
	start();
	for (unsigned int i = 0; i < NR_VCPUS; i++)
		vcpu_hold(&t.vcpus[i]);
	for (unsigned int i = 0; i < NR_VCPUS; i++)
		while (!vcpu_is_held(&t.vcpus[i]))
			usleep(10);
	vcpu_release(&t.vcpus[0]);
	await_turn(0);
}

/* Machines that have nobody to tell. */
static void nobody_is_told(void **state)
{
	static const struct vm_arch_ops none = { 0 };

	(void)state;
	hold_with(&none);
}

static void no_ops(void **state)
{
	(void)state;
	hold_with(NULL);
}

/* Some of them are held again before they have noticed that they were not. */
static void again_and_again(void **state)
{
	(void)state;
	start();
	for (unsigned int round = 0; round < ROUNDS; round++) {
		hold_all();
		for (unsigned int i = 0; i < NR_VCPUS; i++)
			vcpu_release(&t.vcpus[i]);
		if (round % 2)
			await_turn(round % NR_VCPUS);
	}
}

/* A pause ends, and holds stay; and the other way round. */
static void with_pauses(void **state)
{
	(void)state;
	start();
	await_turn(0);
	vm_pause(&t.vm);
	vcpu_hold(&t.vcpus[0]);
	vm_resume(&t.vm);
	sem_wait(&t.held);
	await_turn(1);
	assert_true(vcpu_is_held(&t.vcpus[0]));
	vm_pause(&t.vm);
	vcpu_release(&t.vcpus[0]);
	assert_false(vcpu_is_held(&t.vcpus[0]));
	vm_resume(&t.vm);
	await_turn(0);
}

#define HOLD_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		HOLD_TEST(held_from_the_start),
		HOLD_TEST(again_and_again),
		HOLD_TEST(with_pauses),
		HOLD_TEST(nobody_is_told),
		HOLD_TEST(no_ops),
	};

	return cmocka_run_group_tests_name("hold", tests, NULL, NULL);
}
