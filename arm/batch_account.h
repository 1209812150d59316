/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The rule that decides where batches save more than they cost. Pure: costs and
 * counts, without KVM and clocks. An account belongs to one vCPU's thread.
 */
#ifndef ARM_BATCH_ACCOUNT_H
#define ARM_BATCH_ACCOUNT_H

#include "lkvm/arm/costs.h"

#define BATCH_SLOTS 128 /* a power of two */

/* What an attempt has needed, and what for. */
struct batch_bill {
	u64 registers;	  /* read and written */
	u64 instructions; /* carried out */
	u64 accesses;	  /* that therefore needed no exit */
};

/* Exits for one address, or for some that share a slot. */
struct batch_slot {
	s64 balance; /* ns */
	u32 exits;
	u32 losses; /* attempts that cost more than they saved */
};

/* Of one vCPU. Zero but for `costs`, it is new. */
struct batch_account {
	struct costs costs; /* may change at any time */
	s64 balance;	    /* ns, for slots without one of their own */
	bool started;
	struct batch_slot *trying; /* whose attempt is under way */
	bool shared;		   /* a failure of it counts in `balance` */
	struct batch_slot slots[BATCH_SLOTS];
};

/*
 * An exit has come for an access to `addr`. True if an attempt is to be made,
 * and then batch_account_settle() must follow.
 */
bool batch_account_exit(struct batch_account *account, u64 addr, bool write);

/* The attempt has been made. Returns what it saved in ns, negative if it cost.
 */
s64 batch_account_settle(struct batch_account *account,
			 const struct batch_bill *bill);

/*
 * How many instructions may pass until the next access: as many as cost an exit
 * by themselves.
 */
u64 batch_account_between(const struct batch_account *account);

/*
 * The mean saving of the exits of a region, in ns, with one more that has saved
 * `saved`, or 0 without an attempt.
 */
s64 batch_account_mean(const struct batch_account *account, s64 mean,
		       s64 saved);

/*
 * Whether batches save more than one exit for each exit there still is: more
 * than a mechanism that avoids that one exit, such as KVM's ring of writes.
 */
bool batch_account_beats_ring(const struct batch_account *account, s64 mean);

#endif
