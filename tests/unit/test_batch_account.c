/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: arm/batch_account.c */
/*
 * Guests as sequences of accesses, in simulated time: what they take with the
 * account's choice of attempts, without any, and with one at each exit. All of
 * it is computed, nothing is measured.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "arm/batch_account.h"

#define UART	  0x01000000ULL
#define FLASH	  0x02000000ULL
#define RTC	  0x03000000ULL
#define MAX_TOTAL 32768

/* Registers that are always read, and those of a loop, read and written. */
#define BASE_REGISTERS 8
#define LOOP_REGISTERS 9

/* Before the access there is an instruction that is not carried out. */
#define STOPS 1
/* It is the flash's. */
#define ARRAY 2

struct access {
	u64 addr;
	bool write;
	unsigned int insns; /* between the one before and this */
	unsigned int flags;
};

struct guest {
	const char *name;
	struct access (*next)(u64 n);
	u64 accesses;
	/* Time, as a percentage of that without batches, is below this. */
	unsigned int server, emulator;
};

static const struct costs server = { 2500, 900, 400, 8 };
static const struct costs emulator = { 150000, 20000, 2000, 300 };

static u64 hash(u64 n)
{
	n = (n ^ n >> 31) * 0x7fb5d329728ea185;
	n = (n ^ n >> 27) * 0x81dadef4bc2dd44d;
	return n ^ n >> 33;
}

/* ---- Guests -------------------------------------------------------------- */

/* A command, and 200 looks at a status. */
static struct access status_polls(u64 n)
{
	unsigned int i = n % 201;

	return (struct access) { UART + (i ? 8 : 0), !i, i ? 5 : 400,
				 i ? 0 : STOPS };
}

/* 256 words to a buffer of the flash, with a command and a few polls. */
static struct access copy_loop(u64 n)
{
	unsigned int i = n % 264;
	u64 at = FLASH + n / 264 * 1024 % SZ_2M;

	if (i < 2)
		return (struct access) { at, !i, 30, ARRAY | (i ? 0 : STOPS) };
	if (i < 259)
		return (struct access) { at + 4 * (i - 2), true, 6, ARRAY };
	return (struct access) { at, false, 12, ARRAY };
}

/* Nothing ever follows. */
static struct access never_repeats(u64 n)
{
	return (struct access) { UART + hash(n) % SZ_1M * 4, n & 1,
				 (unsigned int)(hash(n) % 3000), STOPS };
}

static struct access same_in_vain(u64 n)
{
	(void)n;
	return (struct access) { UART, true, 100, STOPS };
}

/* One more access is near each time, which is worth it in the emulator only. */
static struct access pairs(u64 n)
{
	return (struct access) { UART + n % 2 * 4, n & 1, 10,
				 n & 1 ? 0 : STOPS };
}

/* Loops for long, and then never again, at the same address. */
static struct access phases(u64 n)
{
	return n < 20000 ? status_polls(n) : same_in_vain(n);
}

/* At random each tenth has ten that follow. */
static struct access seldom(u64 n)
{
	bool run = hash(n / 10) % 10 == 0;

	return (struct access) { UART, true, 20, run && n % 10 ? 0 : STOPS };
}

/* One attempt in two is just not worth it. */
static struct access alternates(u64 n)
{
	return (struct access) { UART, true, 40, n % 5 < 2 ? STOPS : 0 };
}

/* Firmware: text by polling, a clock now and then, the flash, its own work. */
static struct access edk2_mix(u64 n)
{
	u64 burst = n / 100, i = n % 100;
	bool first = !i;

	switch (hash(burst) % 8) {
	case 0:
		return (struct access) { RTC, false, 5000, STOPS };
	case 1:
		return (struct access) { FLASH + 4 * i, i % 3 == 0, 40,
					 ARRAY | (i % 12 ? 0 : STOPS) };
	case 2:
		return (struct access) { UART + hash(n) % 64 * 4, n & 1, 900,
					 STOPS };
	default:
		return (struct access) { UART + (i & 1 ? 0 : 0x18), i & 1, 120,
					 first ? STOPS : 0 };
	}
}

static const struct guest guests[] = {
	{ "status polls", status_polls, 400000, 6, 4 },
	{ "copy loops", copy_loop, 400000, 6, 6 },
	{ "code that never repeats", never_repeats, 60000, 102, 102 },
	{ "one address in vain", same_in_vain, 60000, 102, 102 },
	{ "pairs", pairs, 60000, 102, 85 },
	{ "a loop that ends", phases, 80000, 90, 90 },
	{ "seldom a loop", seldom, 200000, 102, 102 },
	{ "in vain at times", alternates, 60000, 102, 90 },
	{ "EDK2", edk2_mix, 60000, 75, 60 },
};

/* ---- Time ---------------------------------------------------------------- */

/*
 * What follows access *n without an exit, as arm/batch.c would have it: moves
 * *n to the last such access.
 */
static struct batch_bill attempt(const struct guest *guest, u64 between, u64 *n)
{
	struct batch_bill bill = { .registers = BASE_REGISTERS };

	while (bill.instructions < MAX_TOTAL && *n + 1 < guest->accesses) {
		struct access next = guest->next(*n + 1);

		if (next.flags & STOPS || next.insns > between) {
			bill.instructions += MIN(next.insns / 2ULL, between);
			break;
		}
		bill.instructions += next.insns + 1;
		bill.accesses++;
		++*n;
	}
	if (bill.instructions)
		bill.registers += LOOP_REGISTERS;
	return bill;
}

static u64 cost_of(const struct costs *costs, const struct batch_bill *bill)
{
	return costs->return_ns + bill->registers * costs->reg_ns +
	       bill->instructions * costs->insn_ns;
}

/* All of an array counts as one address. */
static u64 address_of(const struct access *access)
{
	return access->flags & ARRAY ? FLASH : access->addr;
}

/* With an attempt at each exit if there is no account. */
static u64 time_with(const struct guest *guest, const struct costs *costs,
		     struct batch_account *account)
{
	u64 between = costs->exit_ns / costs->insn_ns;
	u64 ns = 0;

	for (u64 n = 0; n < guest->accesses; n++) {
		struct access access = guest->next(n);
		struct batch_bill bill;

		ns += costs->exit_ns;
		if (account && !batch_account_exit(account, address_of(&access),
						   access.write))
			continue;
		bill = attempt(guest, between, &n);
		ns += cost_of(costs, &bill);
		if (account)
			batch_account_settle(account, &bill);
	}
	return ns;
}

static u64 time_without(const struct guest *guest, const struct costs *costs)
{
	return guest->accesses * costs->exit_ns;
}

/* ---- Tests --------------------------------------------------------------- */

/* 2 % are allowed, and what was saved is not lost again. */
static void expect_gain(const struct guest *guest, const struct costs *costs,
			unsigned int limit)
{
	struct batch_account account = { .costs = *costs };
	u64 without = time_without(guest, costs);
	u64 always = time_with(guest, costs, NULL);
	u64 with = time_with(guest, costs, &account);

	print_message("%-24s %6.1f %% of the time (always: %.1f %%)\n",
		      guest->name, 100.0 * with / without,
		      100.0 * always / without);
	assert_int_equal(batch_account_between(&account),
			 costs->exit_ns / costs->insn_ns);
	if (100 * with > limit * without)
		fail_msg("%s: more than %u %%", guest->name, limit);
	/* Nearly all that there is to be had. */
	if (always < without && with - MIN(always, with) > without / 10)
		fail_msg("%s: much less than there is", guest->name);
}

static void on_a_server(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(guests); i++)
		expect_gain(&guests[i], &server, guests[i].server);
}

static void in_an_emulator(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(guests); i++)
		expect_gain(&guests[i], &emulator, guests[i].emulator);
}

/* The first exit at an address already is one with an attempt. */
static void begins_at_once(void **state)
{
	struct batch_account account = { .costs = server };
	const struct batch_bill good = { 12, 100, 20 };

	(void)state;
	assert_true(batch_account_exit(&account, UART, true));
	assert_int_equal(batch_account_settle(&account, &good),
			 20 * 2500 - 900 - 12 * 400 - 100 * 8);
	for (unsigned int i = 0; i < 100; i++) {
		assert_true(batch_account_exit(&account, UART, true));
		batch_account_settle(&account, &good);
	}
}

static const struct batch_bill vain = { 10, 50, 0 };

/* Where writes are in vain, reads are another matter. */
static void reads_and_writes(void **state)
{
	struct batch_account account = { .costs = server };

	(void)state;
	for (unsigned int i = 0; i < 10; i++)
		if (batch_account_exit(&account, UART, true))
			batch_account_settle(&account, &vain);
	assert_false(batch_account_exit(&account, UART, true));
	assert_true(batch_account_exit(&account, UART, false));
}

/* Devices that begin at round addresses have slots of their own. */
static void addresses(void **state)
{
	static const u64 others[] = { FLASH,	      RTC,
				      UART + 4,	      UART + 0x1000,
				      UART + 0x10000, 0 };
	struct batch_account account = { .costs = server };

	(void)state;
	for (unsigned int i = 0; i < 10; i++)
		if (batch_account_exit(&account, UART, true))
			batch_account_settle(&account, &vain);
	assert_false(batch_account_exit(&account, UART, true));
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		assert_true(batch_account_exit(&account, others[i], true));
}

/* At any number of addresses: 1 %, and 64 exits to begin with. */
static void loss_is_bounded(void **state)
{
	struct batch_account account = { .costs = server };
	const u64 exits = 200000;
	s64 saved = 0;

	(void)state;
	for (u64 n = 0; n < exits; n++)
		if (batch_account_exit(&account, UART + 4 * (n % 128), n & 1))
			saved += batch_account_settle(&account, &vain);
	assert_in_range(-saved, 1, (64 + exits / 100) * server.exit_ns);
	assert_in_range(-saved, exits / 200 * server.exit_ns, INT64_MAX);
}

/* Half a percent of its exits, also where the vCPU's balance is far below 0. */
static void share_of_an_address(void **state)
{
	struct batch_account account = {
		.costs = server,
		.balance = INT64_MIN / 2,
		.started = true,
	};
	unsigned int exits = 1;

	(void)state;
	while (!batch_account_exit(&account, UART, true) && exits < 10000)
		exits++;
	/* What an attempt may cost, in twelve ns each time. */
	assert_int_equal(exits, (900 + 16 * 400 + 2500 + 11) / 12);
	batch_account_settle(&account, &vain);
	assert_false(batch_account_exit(&account, UART, true));
}

/* However good it was. */
static void ends_soon(void **state)
{
	struct batch_account account = { .costs = server };
	const struct batch_bill good = { 12, 1000, 8000 };
	unsigned int attempts = 0;

	(void)state;
	for (unsigned int i = 0; i < 1000; i++) {
		batch_account_exit(&account, UART, true);
		batch_account_settle(&account, &good);
	}
	for (unsigned int i = 0; i < 1000; i++)
		if (batch_account_exit(&account, UART, true)) {
			batch_account_settle(&account, &vain);
			attempts++;
		}
	/* 512 exits' worth, of 2 exits each. */
	assert_in_range(attempts, 100, 300);
}

/* A region's mean, and when KVM's ring has to give way. */
static void mean_of_a_region(void **state)
{
	struct batch_account account = { .costs = server };
	s64 mean = 0;

	(void)state;
	for (unsigned int i = 0; i < 50; i++)
		mean = batch_account_mean(&account, mean, -4000);
	assert_false(batch_account_beats_ring(&account, mean));
	assert_false(batch_account_beats_ring(&account, server.exit_ns - 1));
	assert_true(batch_account_beats_ring(&account, server.exit_ns));
	mean = 0;
	for (unsigned int i = 0; i < 50; i++)
		mean = batch_account_mean(&account, mean, 2000);
	assert_false(batch_account_beats_ring(&account, mean));
	for (unsigned int i = 0; i < 50; i++)
		mean = batch_account_mean(&account, mean, 5000);
	assert_true(batch_account_beats_ring(&account, mean));
	/* One that saves much counts as one; exits without attempts count. */
	mean = batch_account_mean(&account, mean, INT64_MAX / 2);
	for (unsigned int i = 0; i < 30; i++)
		mean = batch_account_mean(&account, mean, 0);
	assert_false(batch_account_beats_ring(&account, mean));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(on_a_server),
		cmocka_unit_test(in_an_emulator),
		cmocka_unit_test(begins_at_once),
		cmocka_unit_test(reads_and_writes),
		cmocka_unit_test(addresses),
		cmocka_unit_test(loss_is_bounded),
		cmocka_unit_test(share_of_an_address),
		cmocka_unit_test(ends_soon),
		cmocka_unit_test(mean_of_a_region),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
