/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One processor reads block 0 all the time while another one erases and
 * programs other blocks: the reader gets the array, or what the chips show
 * while in a command, or (for a load pair) an external abort, but nothing
 * else. With banks=2 the one reads both, and the other one writes to them in
 * turn. The flash has to come erased. rounds=N (200).
 */
#include "flash.h"
#include "io.h"

#define READ_BYTES  0x400
#define BUFFER_LEN  64 /* words programmed per round */
#define PATIENCE_MS 20000

#define MAX_BANKS 2

static struct flash banks[MAX_BANKS];
static u32 nr_banks;

/* What the reader found so far; written by it alone. */
static struct {
	u64 passes; /* over the block */
	u64 array;
	u64 commands;
	u64 aborts;
	u64 wrong;
	u64 wrong_at;
	u64 wrong_value;
	u64 sum; /* of all of it, once stopped */
} reader;

static bool stop;

static u32 pattern(const struct flash *flash, u32 offset)
{
	return (u32)(flash->base + offset + 1) * 2654435761U;
}

static void judge(const struct flash *flash, u32 offset, u32 value)
{
	if (value == pattern(flash, offset)) {
		reader.array++;
	} else if (value == FLASH_BOTH(FLASH_SR_READY) ||
		   value == FLASH_BOTH(flash_id_word(flash, offset / 4))) {
		reader.commands++;
	} else {
		reader.wrong++;
		reader.wrong_at = flash->base + offset;
		reader.wrong_value = value;
	}
}

static void read_pair(const struct flash *flash, u32 offset)
{
	struct pair p = { 0, 0 };

	fault_expect();
	load_pair32(flash->base + offset, &p);
	if (fault_end()->count) {
		reader.aborts++;
		return;
	}
	judge(flash, offset, (u32)p.lo);
	judge(flash, offset + 4, (u32)p.hi);
}

static u64 sum_devices(void)
{
	u64 sum = 0;

	for (u32 n = 0; n < nr_banks; n++)
		for (u32 o = 0; o < banks[n].size; o += 4)
			sum = sum * 31 + flash_read(&banks[n], o);
	return sum;
}

static void read_bank(const struct flash *flash)
{
	for (u32 o = 0; o < READ_BYTES; o += 0x40) {
		judge(flash, o, flash_read(flash, o));
		read_pair(flash, o + 8);
	}
}

static void read_all_the_time(void *arg)
{
	(void)arg;
	while (!__atomic_load_n(&stop, __ATOMIC_ACQUIRE)) {
		for (u32 n = 0; n < nr_banks; n++)
			read_bank(&banks[n]);
		__atomic_fetch_add(&reader.passes, 1, __ATOMIC_RELEASE);
	}
	reader.sum = sum_devices();
}

/* Waits for a whole pass in the mode the chips are in now. */
static bool let_reader_pass(void)
{
	u64 until = __atomic_load_n(&reader.passes, __ATOMIC_ACQUIRE) + 2;
	u64 end = time_after(PATIENCE_MS);

	while (__atomic_load_n(&reader.passes, __ATOMIC_ACQUIRE) < until)
		if (time_now() > end)
			return check(false, "reader goes on");
	return true;
}

static void fill(u32 *data, u32 round)
{
	for (u32 i = 0; i < BUFFER_LEN; i++)
		data[i] = (round * BUFFER_LEN + i + 1) * 2246822519U;
}

/* True if all was as it should be. */
static bool round_of_writing(u32 round)
{
	const struct flash *flash = &banks[round % nr_banks];
	u32 at = flash->block * (1 + round % 3) + (round & 7) * 0x100;
	u32 data[BUFFER_LEN], status;

	fill(data, round);
	if (flash_lock_bits(flash, at))
		return check(false, "round %u: lock bits", round);
	status = flash_erase(flash, at);
	status |= flash_program_buffer(flash, at, data, BUFFER_LEN);
	if (status != FLASH_BOTH(FLASH_SR_READY))
		return check_eq(status, FLASH_BOTH(FLASH_SR_READY),
				"round %u: status", round);
	if (round % 15 == 0 && !let_reader_pass())
		return false;
	flash_command(flash, 0, FLASH_READ_ARRAY);
	for (u32 i = 0; i < BUFFER_LEN; i++)
		if (flash_read(flash, at + i * 4) != data[i])
			return check(false, "round %u: content", round);
	return round % 15 || let_reader_pass();
}

static void program_pattern(const struct flash *flash)
{
	static u32 data[READ_BYTES / 4 + 4];

	for (u32 i = 0; i < ARRAY_SIZE(data); i++)
		data[i] = pattern(flash, i * 4);
	check_eq(flash_program_buffer(flash, 0, data, ARRAY_SIZE(data)),
		 FLASH_BOTH(FLASH_SR_READY), "pattern programmed");
	flash_restore(flash);
}

static void check_reader(void)
{
	check(!reader.wrong, "only legal values: %lu of %lu, 0x%lx at 0x%lx",
	      reader.wrong, reader.array + reader.commands, reader.wrong_value,
	      reader.wrong_at);
	check(reader.array, "reader saw the array: %lu", reader.array);
	check(reader.commands, "reader saw status or id: %lu", reader.commands);
	check(reader.aborts, "reader's load pairs aborted: %lu", reader.aborts);
	check_eq(reader.sum, sum_devices(), "both see the same content");
}

static bool prepare_banks(void)
{
	nr_banks = (u32)param("banks", 1);
	if (!check(nr_banks && nr_banks <= MAX_BANKS, "one bank or two"))
		return false;
	for (u32 n = 0; n < nr_banks; n++) {
		if (!flash_find(&banks[n], n))
			return false;
		program_pattern(&banks[n]);
	}
	return true;
}

void main(void)
{
	u32 rounds = (u32)param("rounds", 200), round = 0;
	u64 mpidr;

	if (!prepare_banks() ||
	    !check(fdt_cpu(1, &mpidr), "there is a second processor") ||
	    !check_eq((u64)cpu_start(1, mpidr, read_all_the_time, NULL),
		      PSCI_SUCCESS, "second processor starts"))
		return;
	while (round < rounds && round_of_writing(round))
		round++;
	check_eq(round, rounds, "rounds of erasing and programming");
	__atomic_store_n(&stop, true, __ATOMIC_RELEASE);
	if (check(cpu_join(1, PATIENCE_MS), "second processor ends"))
		check_reader();
}
