/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The flash as drivers use it, mapped as device memory, as normal memory that
 * is not cached, and cached: what lkvm writes to it must be what the guest
 * reads, by either processor, with the MMU off as well, and what it executes. A
 * CPU whose stage 2 cannot force caching (no FEAT_S2FWB) reads old data or code
 * here if lkvm or KVM has not cleaned a cache. rounds=N for each mapping.
 */
#include "code.h"
#include "flash.h"
#include "tests.h"

#define READY	FLASH_BOTH(FLASH_SR_READY)
#define WORDS	256
#define CODE_AT 0x800 /* behind the words */

static struct flash flash;
static u32 data[WORDS];

/* Mailbox of the second processor: what to read, and what it found. */
static struct {
	u32 wanted; /* rounds so far */
	u32 done;
	u32 at;	 /* offset of the words */
	u32 bad; /* first word that differs, WORDS: none */
} reader;

/* WORDS if all words are those that were programmed. */
static u32 first_bad(u32 at)
{
	u32 i = 0;

	while (i < WORDS && flash_read(&flash, at + 4 * i) == data[i])
		i++;
	return i;
}

static void read_on_request(void *arg)
{
	(void)arg;
	for (u32 n = 1;; n++) {
		while (__atomic_load_n(&reader.wanted, __ATOMIC_ACQUIRE) < n)
			;
		reader.bad = first_bad(reader.at);
		__atomic_store_n(&reader.done, n, __ATOMIC_RELEASE);
	}
}

/* first_bad() on the other processor; waits for its answer. */
static u32 other_reads(u32 at)
{
	u32 n = reader.wanted + 1;

	reader.at = at;
	__atomic_store_n(&reader.wanted, n, __ATOMIC_RELEASE);
	while (__atomic_load_n(&reader.done, __ATOMIC_ACQUIRE) < n)
		;
	return reader.bad;
}

/* As sum_mmu_off() has it. */
static u64 sum_of_data(void)
{
	u64 sum = 0;

	for (u32 i = 0; i < WORDS; i++)
		sum = sum * 31 + data[i];
	return sum;
}

/* The first words singly, the rest through the write buffer. */
static u32 program_data(u32 at)
{
	u32 status = 0, i = 0;

	for (; i < 16; i++)
		status |= flash_program(&flash, at + 4 * i, data[i]);
	for (; i < WORDS; i += 48)
		status |=
			flash_program_buffer(&flash, at + 4 * i, &data[i], 48);
	return status;
}

_Static_assert((WORDS - 16) % 48 == 0, "whole buffers");

/* Whole, and read before anything is programmed. */
static bool erase(u32 at, const char *type)
{
	if (flash_erase(&flash, at) != READY)
		return check_eq(flash_status(&flash), READY,
				"%s: status of an erase", type);
	flash_restore(&flash);
	for (u32 i = 0; i < WORDS; i++)
		if (flash_read(&flash, at + 4 * i) != ~0U)
			return check(false, "%s: erased word %u", type, i);
	return true;
}

static bool check_reads(u32 at, const char *type)
{
	u32 bad = first_bad(at);

	if (bad != WORDS)
		return check(false, "%s: word %u as programmed", type, bad);
	bad = other_reads(at);
	if (bad != WORDS)
		return check(false, "%s: word %u, read by another vCPU", type,
			     bad);
	return sum_mmu_off(flash.base + at, WORDS) == sum_of_data() ||
	       check(false, "%s: words read with the MMU off", type);
}

/*
 * Different code at the same address each time, so that a stale instruction
 * cache shows.
 */
static bool check_execution(u32 at, u32 n, bool mapped, const char *type)
{
	u64 entry = flash.base + at + CODE_AT;
	u32 value = (n * 2 + 1) & 0xffff;

	flash_program(&flash, at + CODE_AT, MOV_W0(value));
	flash_program(&flash, at + CODE_AT + 4, RET);
	flash_restore(&flash);
	flash_read(&flash, at + CODE_AT); /* maps the bank */
	icache_invalidate();
	if (call_mmu_off(entry) != value)
		return check(false, "%s: execution with the MMU off", type);
	return !mapped || call_at(entry) == value ||
	       check(false, "%s: execution", type);
}

/* In turns two blocks: one that others still have in their caches. */
static bool one_round(u32 n, enum memory_type memory, const char *type)
{
	u32 at = flash.block * (1 + n % 2);

	for (u32 i = 0; i < WORDS; i++)
		data[i] = (n * WORDS + i + 1) * 2654435761U;
	if (!erase(at, type))
		return false;
	if (program_data(at) != READY)
		return check_eq(flash_status(&flash), READY,
				"%s: status of a program", type);
	flash_restore(&flash);
	return check_reads(at, type) &&
	       check_execution(at, n, memory != MEMORY_DEVICE, type);
}

static bool test_mapping(enum memory_type memory, const char *type, u32 rounds)
{
	static u32 n;
	u32 end = n + rounds;

	mmu_map_flash(memory);
	while (n < end && one_round(n, memory, type)) {
		n++;
		alive();
	}
	return check_eq(n, end, "%s: rounds", type);
}

void test_flash(void)
{
	u32 rounds = (u32)param("rounds", 10);
	u64 mpidr;

	if (!flash_find(&flash, 0) ||
	    !check(fdt_cpu(1, &mpidr), "there is a second vCPU") ||
	    !check_eq((u64)cpu_start(1, mpidr, read_on_request, NULL),
		      PSCI_SUCCESS, "the second vCPU starts"))
		return;
	if (test_mapping(MEMORY_DEVICE, "mapped as device", rounds) &&
	    test_mapping(MEMORY_NC, "mapped uncached", rounds) &&
	    test_mapping(MEMORY_WB, "mapped cached", rounds))
		note("rounds %u for each kind of mapping", rounds);
}
