/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whether a guest hangs: for a time it does nothing that reaches lkvm, vCPUs
 * run all the time, and all of them are in loops of a few states.
 *
 * In the first half of the time it is left alone, and only what is counted
 * anyway is looked at: the vCPUs of an idle guest need no time of the host, but
 * would if they were disturbed. In the second half their registers are looked
 * at again and again; they differ in a guest that computes, waits for a time to
 * pass, or serves its timer.
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

/* How often it is looked within each half of the time of the option. */
#define LOOKS 32

/* States of a vCPU that a loop in place may have. */
#define MAX_STATES 8

/*
 * Of the first half, and of each MAX_STATES looks of the second, what vCPUs run
 * at least; an idle guest needs less.
 */
#define BUSY_PART 20

struct states {
	u64 items[MAX_STATES];
	unsigned int count;
};

struct hang {
	struct evloop_timer timer;
	struct vm *vm;
	u64 period; /* ns between two looks */
	bool found;
	char where[VCPU_DESCRIPTION + 16];
	/* Of the time since something has happened. */
	unsigned int looks;
	u64 progress;		/* what has been counted by then */
	u64 begin, cpu;		/* of note_time(), and vm_cpu_time() */
	struct states states[]; /* of each vCPU */
};

/* All that vCPUs do for which lkvm is needed, and resets. */
static u64 count_progress(struct vm *vm)
{
	struct vcpu_totals totals;

	vm_vcpu_totals(vm, &totals);
	return totals.exits + totals.batched + atomic_load(&vm->resets);
}

static void note_time(struct hang *hang)
{
	hang->begin = clock_now();
	hang->cpu = vm_cpu_time(hang->vm);
}

static void begin(struct hang *hang, u64 progress)
{
	hang->looks = 0;
	hang->progress = progress;
	note_time(hang);
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

/* Since the last note_time(). */
static bool was_busy(struct hang *hang)
{
	u64 cpu = vm_cpu_time(hang->vm) - hang->cpu;
	bool busy = cpu >= (clock_now() - hang->begin) / BUSY_PART;

	note_time(hang);
	return busy;
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

/*
 * False if the guest does not hang, by what there is to see by now. One that
 * computed may be idle since then, or held by a debugger: in fewer looks than
 * there may be states, or that is seen by these.
 */
static bool may_hang(struct hang *hang, u64 progress)
{
	if (progress != hang->progress)
		return false;
	hang->looks++;
	if (hang->looks < LOOKS)
		return true;
	if (hang->looks == LOOKS)
		return was_busy(hang);
	return take_sample(hang) &&
	       (hang->looks % MAX_STATES || was_busy(hang));
}

/*
 * On the event loop's thread, LOOKS times in each half. When the guest gets on,
 * the first half begins anew.
 */
static void look(struct evloop_timer *timer)
{
	struct hang *hang = container_of(timer, struct hang, timer);
	u64 progress = count_progress(hang->vm);

	if (!may_hang(hang, progress))
		begin(hang, progress);
	if (hang->looks < 2 * LOOKS) {
		evloop_timer_set(timer, hang->period);
		return;
	}
	hang->found = true;
	describe(hang);
	vm_request_exit(hang->vm, VM_EXIT_CONDITION);
}

/*
 * The array of states is part of the allocation, as the number of vCPUs is
 * known.
 */
int hang_watch(struct vm *vm, u64 seconds, struct hang **out)
{
	struct hang *hang =
		calloc(1, sizeof(*hang) + vm->nr_vcpus * sizeof(struct states));
	int ret;

	if (!hang)
		return -ENOMEM;
	hang->vm = vm;
	hang->period = seconds * NS_PER_SECOND / (2 * LOOKS);
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
