/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The account of batches. An attempt costs a KVM_RUN, registers and
 * instructions; it saves an exit for each further access. A slot has a balance
 * in ns: what attempts saved, less what they cost, and a share of what the
 * exits there have cost themselves. An attempt is made if the balance covers
 * the cost of one that saves nothing. So
 *
 * - all attempts together cost no more than they saved and 1 % of the time that
 *   exits take, half of it from the slots and half from what is said below;
 * - where they save time on average they go on, however seldom one succeeds;
 * - what was saved long ago does not count for long: no balance is above
 *   MOST_EXITS exits.
 *
 * A new slot would reach such a balance late. Until then the cost of a failed
 * attempt is subtracted from the vCPU's balance, which does not begin with 0:
 * the first attempt is at the first exit, the next each time the slot has had
 * twice as many exits as before, so that every address is tried.
 */
#include "batch_account.h"

/* One in so many ns of exits may be lost, in a slot and in the vCPU each. */
#define SHARE 200

/* In exits: what the vCPU may lose at first, and what a slot keeps. */
#define START_EXITS 64
#define MOST_EXITS  512

/*
 * Registers of an attempt that saves nothing: those that say where the vCPU is
 * and what is permitted, and some that its instructions read and write.
 */
#define FAILURE_REGISTERS 16

/* The mean of a region: weights, and the most that one exit counts, in exits.
 */
#define MEAN_OF	  8
#define MEAN_MOST 32

/* Devices begin at round addresses: all bits have to count (Fibonacci hashing).
 */
static struct batch_slot *slot_of(struct batch_account *account, u64 addr,
				  bool write)
{
	u64 hash = (2 * addr + write) * 0x9e3779b97f4a7c15ULL;

	return &account->slots[hash >> 32 & (BATCH_SLOTS - 1)];
}

/* With as many instructions as batch_account_between() allows. */
static s64 cost_of_failure(const struct costs *costs)
{
	return (s64)(costs->return_ns + FAILURE_REGISTERS * costs->reg_ns +
		     costs->exit_ns);
}

static void add(s64 *balance, s64 ns, const struct costs *costs)
{
	*balance = MIN(*balance + ns, (s64)(MOST_EXITS * costs->exit_ns));
}

/* The shift is bounded by what a count of exits can hold. */
static bool is_due(const struct batch_slot *slot)
{
	return slot->exits >> MIN(slot->losses, 31U);
}

bool batch_account_exit(struct batch_account *account, u64 addr, bool write)
{
	struct batch_slot *slot = slot_of(account, addr, write);
	const struct costs *costs = &account->costs;
	s64 failure = cost_of_failure(costs),
	    share = (s64)(costs->exit_ns / SHARE);

	if (!account->started)
		account->balance = (s64)(START_EXITS * costs->exit_ns);
	account->started = true;
	slot->exits += slot->exits < UINT32_MAX;
	add(&slot->balance, share, costs);
	add(&account->balance, share, costs);
	account->trying = slot;
	account->shared = slot->balance < failure;
	return !account->shared ||
	       (account->balance >= failure && is_due(slot));
}

static s64 saved_by(const struct costs *costs, const struct batch_bill *bill)
{
	u64 cost = costs->return_ns + bill->registers * costs->reg_ns +
		   bill->instructions * costs->insn_ns;

	return (s64)(bill->accesses * costs->exit_ns) - (s64)cost;
}

s64 batch_account_settle(struct batch_account *account,
			 const struct batch_bill *bill)
{
	const struct costs *costs = &account->costs;
	struct batch_slot *slot = account->trying;
	s64 saved = saved_by(costs, bill);
	bool lost = saved < 0;

	slot->losses += lost;
	add(lost && account->shared ? &account->balance : &slot->balance, saved,
	    costs);
	return saved;
}

u64 batch_account_between(const struct batch_account *account)
{
	return account->costs.exit_ns / account->costs.insn_ns;
}

s64 batch_account_mean(const struct batch_account *account, s64 mean, s64 saved)
{
	s64 most = (s64)(MEAN_MOST * account->costs.exit_ns);

	saved = MAX(MIN(saved, most), -most);
	return mean + (saved - mean) / MEAN_OF;
}

bool batch_account_beats_ring(const struct batch_account *account, s64 mean)
{
	return mean >= (s64)account->costs.exit_ns;
}
