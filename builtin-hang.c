/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whether a guest hangs: for a time it does nothing that reaches lkvm, a vCPU
 * runs all the time, and all vCPUs are in loops of a few states. To see that,
 * their registers are looked at so often, between which they differ in a guest
 * that computes, waits for a time to pass, or serves its timer. One that is
 * idle is not in the guest at all: its vCPUs need no time of the host.
 *
 * So a loop with timer interrupts that are served does not count, nor does one
 * that counts up: what cannot be told from work is no hang.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "builtin-hang.h"
#include "lkvm/util/clock.h"
#include "lkvm/util/log.h"
#include "lkvm/vmm/pause.h"
#include "lkvm/vmm/vm.h"

/* How often it is looked within the time of the option. */
#define SAMPLES 32

/* States of a vCPU that a loop in place may have. */
#define MAX_STATES 8

/* Of the time, what the vCPUs run at least; an idle guest needs less. */
#define BUSY_PART 20

struct states {
	u64 items[MAX_STATES];
	unsigned int count;
};

struct hang {
	struct evloop_timer timer;
	struct vm *vm;
	u64 period; /* ns between two samples */
	bool found;
	char where[VCPU_DESCRIPTION + 16];
	/* Of the time since something has happened. */
	unsigned int samples;
	u64 progress;		/* what has been counted by then */
	u64 begin, cpu;		/* when that was, and vm_cpu_time() */
	struct states states[]; /* of each vCPU */
};

/* All that vCPUs do for which lkvm is needed, and resets. */
static u64 count_progress(struct vm *vm)
{
	struct vcpu_totals totals;

	vm_vcpu_totals(vm, &totals);
	return totals.exits + totals.batched + atomic_load(&vm->resets);
}

static void begin(struct hang *hang, u64 progress)
{
	hang->samples = 0;
	hang->progress = progress;
	hang->begin = clock_now();
	hang->cpu = vm_cpu_time(hang->vm);
	for (unsigned int i = 0; i < hang->vm->nr_vcpus; i++)
		hang->states[i].count = 0;
}

/* False if these are more than those of a loop in place. */
static bool add_state(struct states *states, u64 state)
{
	for (unsigned int i = 0; i < states->count; i++)
		if (states->items[i] == state)
			return true;
	if (states->count == MAX_STATES)
		return false;
	states->items[states->count++] = state;
	return true;
}

/* False if a vCPU gets on. KVM gives registers of vCPUs that do not run. */
static bool take_sample(struct hang *hang)
{
	struct vm *vm = hang->vm;
	bool same = true;

	vm_pause(vm);
	for (unsigned int i = 0; same && i < vm->nr_vcpus; i++)
		same = add_state(&hang->states[i],
				 vm->arch_ops->fingerprint(vm->vcpus[i]));
	vm_resume(vm);
	return same;
}

static bool was_busy(const struct hang *hang)
{
	u64 cpu = vm_cpu_time(hang->vm) - hang->cpu;

	return cpu >= (clock_now() - hang->begin) / BUSY_PART;
}

/* Where each stands; that of the first one is what results say. */
static void describe(struct hang *hang)
{
	struct vm *vm = hang->vm;
	char text[VCPU_DESCRIPTION] = "";

	vm_pause(vm);
	for (unsigned int i = 0; i < vm->nr_vcpus; i++) {
		if (!vm->arch_ops->describe)
			break;
		vm->arch_ops->describe(vm->vcpus[i], text, sizeof(text));
		pr_info("vCPU %u: %s", i, text);
		if (!i)
			snprintf(hang->where, sizeof(hang->where), "vCPU 0: %s",
				 text);
	}
	vm_resume(vm);
}

static void look(struct evloop_timer *timer)
{
	struct hang *hang = container_of(timer, struct hang, timer);
	u64 progress = count_progress(hang->vm);

	if (progress != hang->progress || !take_sample(hang)) {
		begin(hang, progress);
	} else if (++hang->samples == SAMPLES) {
		hang->found = was_busy(hang);
		if (!hang->found)
			begin(hang, progress);
	}
	if (!hang->found) {
		evloop_timer_set(timer, hang->period);
		return;
	}
	describe(hang);
	vm_request_exit(hang->vm, VM_EXIT_CONDITION);
}

int hang_watch(struct vm *vm, u64 seconds, struct hang **out)
{
	struct hang *hang =
		calloc(1, sizeof(*hang) + vm->nr_vcpus * sizeof(struct states));
	int ret;

	if (!hang)
		return -ENOMEM;
	hang->vm = vm;
	hang->period = seconds * NS_PER_SECOND / SAMPLES;
	begin(hang, 0);
	ret = evloop_timer_init(&vm->loop, &hang->timer, look);
	if (ret) {
		free(hang);
		return ret;
	}
	*out = hang;
	return evloop_timer_set(&hang->timer, hang->period);
}

const char *hang_found(const struct hang *hang)
{
	return hang && hang->found ? hang->where : NULL;
}

void hang_destroy(struct hang *hang)
{
	if (!hang)
		return;
	evloop_timer_destroy(&hang->vm->loop, &hang->timer);
	free(hang);
}
