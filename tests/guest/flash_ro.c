/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A bank that its owner made read-only: bank=N (0) of the device tree. All
 * that would change it is refused with the status of a locked block.
 */
#include "flash.h"
#include "io.h"

static struct flash flash;

static u64 sum_of(u32 from, u32 to)
{
	u64 sum = 0;

	for (u32 o = from; o < to; o += 8)
		sum = sum * 31 + read64(flash.base + o);
	return sum;
}

static void test_block(u32 offset)
{
	u32 before = flash_read(&flash, offset);
	u32 zeros[4] = { 0 };

	check_eq(flash_lock_bits(&flash, offset),
		 FLASH_BOTH(FLASH_LOCKED | FLASH_LOCKED_DOWN),
		 "0x%x: locked down", offset);
	check_eq(flash_program(&flash, offset, 0),
		 FLASH_BOTH(FLASH_SR_PROG_LOCKED), "0x%x: program", offset);
	flash_restore(&flash);
	check_eq(flash_program_buffer(&flash, offset, zeros, 4),
		 FLASH_BOTH(FLASH_SR_PROG_LOCKED), "0x%x: buffered program",
		 offset);
	flash_restore(&flash);
	check_eq(flash_erase(&flash, offset), FLASH_BOTH(FLASH_SR_ERASE_LOCKED),
		 "0x%x: erase", offset);
	flash_restore(&flash);
	check_eq(flash_read(&flash, offset), before, "0x%x: unchanged", offset);
}

void main(void)
{
	u64 sum;

	if (!flash_find(&flash, (unsigned int)param("bank", 0)))
		return;
	sum = sum_of(0, flash.size);
	test_block(0);
	test_block(flash.size - flash.block);
	for (u32 o = 0; o < flash.size; o += flash.block)
		flash_lock(&flash, o, FLASH_UNLOCK);
	flash_restore(&flash);
	check_eq(flash_lock_bits(&flash, 0) & FLASH_BOTH(FLASH_LOCKED),
		 FLASH_BOTH(FLASH_LOCKED), "unlock is in vain");
	test_block(flash.block);
	check_eq(sum_of(0, flash.size), sum, "content is unchanged");
}
