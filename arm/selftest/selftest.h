/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Internal to the self-test: its state, and what its tests share. */
#ifndef ARM_SELFTEST_SELFTEST_H
#define ARM_SELFTEST_SELFTEST_H

#include "guest/tests.h"
#include "lkvm/vmm/vm.h"
#include "report.h"

/* State of one `lkvm selftest`; main thread. */
struct selftest {
	const struct selftest_config *config;
	int image_fd; /* of the guests' program, in memory */
	u64 start_ns; /* that the first guest took, from nothing to its end */
};

/* One guest. */
struct guest {
	enum guest_test test;
	const char *params; /* for it, or NULL */
	bool no_batch;
	struct vcpu_totals totals; /* after its run */
};

/* state.c: CLOCK_MONOTONIC, in nanoseconds. */
u64 selftest_now(void);

/* True once the user has requested a stop; marks the test as stopped. */
bool selftest_stopped(const struct selftest *st, struct test_result *result);

/*
 * guest.c: the program of the guests, in memory. 0, or -errno after a message.
 */
int guest_open_image(struct selftest *st);

/*
 * Runs a guest of two vCPUs with an erased flash, judges what it prints, and
 * shows its registers if it hangs. The result has failed if anything did.
 */
void guest_run(struct selftest *st, struct guest *guest,
	       struct test_result *result);

/*
 * facts.c: what KVM, kernel and CPU are and have, as notes. 0, or -errno after
 * a message if there is no KVM to be used.
 */
int facts_gather(const struct selftest *st, struct test_result *result);

/* costs.c: what things cost, in nanoseconds; 0: KVM has no such thing. */
struct selftest_costs {
	u64 exit_ns;	  /* an access to a device: out of the guest and back */
	u64 register_ns;  /* KVM_GET_ONE_REG */
	u64 coalesced_ns; /* a write that KVM takes for its ring */
	u64 map_ns;	  /* making a memory slot */
	u64 unmap_ns;	  /* and taking it away */
};

/* Measures them with a VM of its own. 0 or -errno. */
int selftest_measure(const char *kvm_dev, struct selftest_costs *costs);

#endif
