/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A virtual machine and its vCPUs: the core that is the same on any machine. */
#ifndef LKVM_VMM_VM_H
#define LKVM_VMM_VM_H

#include <linux/kvm.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include "lkvm/util/log.h"
#include "lkvm/util/util.h"
#include "lkvm/vmm/device.h"
#include "lkvm/vmm/evloop.h"
#include "lkvm/vmm/gmem.h"
#include "lkvm/vmm/irq.h"
#include "lkvm/vmm/irq_route.h"
#include "lkvm/vmm/memslot.h"
#include "lkvm/vmm/mmio.h"
#include "lkvm/vmm/mmio_ring.h"
#include "lkvm/vmm/worker.h"

/*
 * Why a run ended. The first reason counts, but a reset that does not end the
 * run gives way to any other.
 */
enum vm_exit {
	VM_EXIT_NONE,
	VM_EXIT_POWEROFF,  /* the guest powered itself off */
	VM_EXIT_RESET,	   /* the guest asked for a reset */
	VM_EXIT_CRASH,	   /* the guest reported that it crashed */
	VM_EXIT_FAILURE,   /* KVM, or a part of lkvm, failed */
	VM_EXIT_TIMEOUT,   /* --timeout ran out */
	VM_EXIT_KILLED,	   /* the user ended it */
	VM_EXIT_POWER_CUT, /* a flash lost power, by its option `cut=` */
	VM_EXIT_CONDITION, /* one that the user has set; its caller knows it */
	VM_EXIT_PANIC,	/* the guest reported a panic, by a device for that */
	VM_EXIT_STATUS, /* the guest has set the exit status of the run */
};

struct vm;
struct vcpu;

/* Bytes of a line that describes a vCPU: seven registers of arm64. */
#define VCPU_DESCRIPTION 256

/* What the architecture adds to the portable core. */
struct vm_arch_ops {
	/*
	 * An exit that the core does not know. 0 if it was handled and the
	 * vCPU goes on, -ENOTSUP if it is unknown here too, or another
	 * -errno, after a message, if the run has to end.
	 */
	int (*handle_exit)(struct vcpu *vcpu);
	/*
	 * An MMIO exit was handled. May go on with the guest's instructions in
	 * user space. 0, or -errno after a message if the run has to end.
	 * NULL: nothing to do.
	 */
	int (*mmio_done)(struct vcpu *vcpu);
	/*
	 * True if the vCPU, which has exited for an MMIO access, executes from
	 * guest physical addresses [base, base + size).
	 */
	bool (*executes)(struct vcpu *vcpu, u64 base, u64 size);
	/*
	 * A system event that the core does not know; the rest is as with
	 * handle_exit.
	 */
	int (*system_event)(struct vcpu *vcpu);
	/*
	 * The guest asked for a reset, no vCPU runs, and the devices have been
	 * reset: all else goes back to how it was when vm_run() was called. 0,
	 * or -errno after a message if the run has to end. NULL: a reset
	 * always ends the run.
	 */
	int (*reset)(struct vm *vm);
	/*
	 * KVM_RUN has failed with `err`, an errno, and a message said so: says
	 * what is known of the reason. NULL: nothing is.
	 */
	void (*run_failed)(struct vcpu *vcpu, int err);
	/*
	 * A vCPU is held from here on, see hold.h: on its own thread, with a
	 * lock held. NULL: nobody wants to know.
	 */
	void (*held)(struct vcpu *vcpu);
	/* Frees `arch` of a vCPU that will not run any more; may be NULL. */
	void (*release_vcpu)(struct vcpu *vcpu);
	/*
	 * One line with the registers that explain where a vCPU stands, cut to
	 * `size` bytes with the 0 at its end; VCPU_DESCRIPTION are enough.
	 */
	void (*describe)(struct vcpu *vcpu, char *buf, size_t size);
	/*
	 * Of all registers that a vCPU changes while it gets on, which does not
	 * run now: two states in which they differ have different ones, but for
	 * one case in very many.
	 */
	u64 (*fingerprint)(struct vcpu *vcpu);
};

/* Counts of one vCPU, written by its own thread. */
struct vcpu_stats {
	_Atomic(u64) exits; /* returns of KVM_RUN that needed user space */
	_Atomic(u64) mmio_reads;
	_Atomic(u64) mmio_writes;
	_Atomic(u64) no_syndrome; /* accesses KVM could not describe */
	_Atomic(u64) kicks;	  /* returns of KVM_RUN because of a signal */
	/* Accesses that needed no exit of their own: see arm/batch.h. */
	_Atomic(u64) batched;
	_Atomic(u64) batches;	   /* exits that went on with such */
	_Atomic(u64) attempts;	   /* exits where that was tried */
	_Atomic(u64) instructions; /* carried out for them */
	_Atomic(u64) registers;	   /* read and written for them */
};

struct vcpu {
	struct vm *vm;
	unsigned int id;
	int fd;
	struct kvm_run *run; /* shared with KVM; of `thread` while it runs */
	pthread_t thread;
	bool started;	      /* `thread` is to be joined */
	atomic_bool ended;    /* it will not enter the guest in this run */
	atomic_bool in_guest; /* see vcpu_try_enter() */
	/* See hold.h: it is to be, and it is. */
	atomic_bool hold, held;
	_Atomic(int) clock; /* CPU time of its thread, the last one's; 0 */
	void *arch;	    /* the architecture's own state of it */
	struct vcpu_stats stats;
};

struct vm {
	int kvm_fd; /* /dev/kvm */
	int fd;
	const struct vm_arch_ops *arch_ops;
	void *arch; /* the architecture's own state; not owned */
	struct gmem mem;
	struct memslots slots;
	struct mmio_bus bus;
	struct mmio_ring ring;
	struct device_list devices;
	struct irq_routes irq_routes;
	struct evloop loop;
	struct worker worker;	   /* for what would block the loop */
	const cpu_set_t *affinity; /* of the vCPU threads, or NULL; not owned */
	size_t vcpu_map_size;	   /* bytes of each vCPU's mapping */
	struct vcpu **vcpus;
	unsigned int nr_vcpus;
	/* See vm_pause(). */
	pthread_mutex_t pauser_lock, pause_lock;
	pthread_cond_t pause_changed;
	atomic_bool paused;
	atomic_bool stopping;	  /* vCPU threads are to end */
	bool no_reboot;		  /* a reset ends the run */
	_Atomic(u64) resets;	  /* after which the guest was started again */
	_Atomic(int) exit_reason; /* enum vm_exit */
	struct ratelimit irq_errors;
	struct ratelimit reset_messages;
};

/*
 * Opens `dev` (usually "/dev/kvm") for *vm, with an empty bus, registry and
 * event loop. Returns 0, or -errno after a message; then nothing is left to
 * destroy.
 */
int vm_open(struct vm *vm, const char *dev);

/*
 * Creates the VM, of KVM type `type`, of an opened *vm. Returns 0, or -errno
 * after a message; *vm is to be destroyed either way.
 */
int vm_create(struct vm *vm, unsigned long type);

/*
 * Closes vCPUs and VM, of which nothing runs and which have no device any more:
 * the process has to end next.
 */
void vm_close(struct vm *vm);

/* Destroys devices, vCPUs and VM, in this order. RAM is the caller's. */
void vm_destroy(struct vm *vm);

/* KVM_CHECK_EXTENSION on the VM, or on /dev/kvm before there is one. */
int vm_check_cap(const struct vm *vm, int cap);

/*
 * Enables a capability with its first argument. Returns 0 or -errno, without
 * a message: the caller knows what that means to the user.
 */
int vm_enable_cap(struct vm *vm, u32 cap, u64 arg0);

/* Most vCPUs this KVM allows in one VM, and how many it recommends. */
unsigned int vm_max_vcpus(const struct vm *vm);
unsigned int vm_recommended_vcpus(const struct vm *vm);

/*
 * Makes [gpa, gpa + size) RAM backed by `hva`: a memory slot and an entry of
 * the bounded guest memory API. Returns 0, or -errno after a message.
 */
int vm_add_ram(struct vm *vm, u64 gpa, u64 size, void *hva);

/* Creates vCPUs 0 to n - 1, not started. 0, or -errno after a message. */
int vm_create_vcpus(struct vm *vm, unsigned int n);

/*
 * Starts all vCPUs and serves the event loop until vm_request_exit(); then
 * stops the vCPUs and quiesces the devices. After a reset it starts again,
 * unless `no_reboot` is set or the architecture has no reset. Returns why the
 * run ended; a device that could not be quiesced makes it VM_EXIT_FAILURE.
 */
enum vm_exit vm_run(struct vm *vm);

/* Ends the run for `reason`. Any thread, not signal handlers. */
void vm_request_exit(struct vm *vm, enum vm_exit reason);

/* The name of a reason, for messages: "guest powered off", ... */
const char *vm_exit_name(enum vm_exit reason);

/* Sum of one counter over all vCPUs. */
struct vcpu_totals {
	u64 exits, mmio_reads, mmio_writes, no_syndrome, kicks;
	u64 batched, batches, attempts, instructions, registers;
};
void vm_vcpu_totals(const struct vm *vm, struct vcpu_totals *totals);

/*
 * How long the threads of all vCPUs have run so far, ns, in the guest and out
 * of it. One that has ended counts no more. Any thread.
 */
u64 vm_cpu_time(const struct vm *vm);

#endif
