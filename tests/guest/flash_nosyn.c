/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Accesses that KVM cannot describe, as they carry no syndrome, and execution
 * from the flash: both work on the array as on any memory; on the registers of
 * the chips they end in an external abort, but for loads of a single register
 * with write-back, which lkvm carries out. The flash has to
 * come erased. With xip=1 the bank has that option, and the array is executed
 * right after the command that returns to it; else it is read first.
 */
#include "flash.h"
#include "io.h"
#include "mmu.h"

#define READY	  FLASH_BOTH(FLASH_SR_READY)
#define CODE_AT	  0x1000U
#define RESULT	  42
#define INSN_MOV  0xd2800540U /* mov x0, #42 */
#define INSN_RET  0xd65f03c0U
#define UNTOUCHED 0x5a5a5a5a5a5a5a5aUL

static struct flash flash;

static const u32 words[] = {
	0x11223344, 0x55667788, 0x99aabbcc, 0xddeeff00,
	0x01234567, 0x89abcdef, 0xfedcba98, 0x76543210,
};

/* Two words from [at]. */
static u64 two(u32 at)
{
	return words[at] | (u64)words[at + 1] << 32;
}

static void check_pair(const struct pair *got, u64 lo, u64 hi, const char *map,
		       const char *what)
{
	check_eq(got->lo, lo, "%s: %s, first", map, what);
	check_eq(got->hi, hi, "%s: %s, second", map, what);
}

static void test_array(const char *map)
{
	u64 base = flash.base, addr = base + 4;
	struct pair p[2] = { { 0, 0 }, { 0, 0 } };

	load_pair32(base, &p[0]);
	check_pair(&p[0], words[0], words[1], map, "ldp of w registers");
	load_pair(base, &p[0]);
	check_pair(&p[0], two(0), two(2), map, "ldp of x registers");
	load_q(base + 16, &p[0]);
	check_pair(&p[0], two(4), two(6), map, "ldr of q register");
	load_pair_q(base, p);
	check_pair(&p[0], two(0), two(2), map, "ldp of q registers");
	check_pair(&p[1], two(4), two(6), map, "ldp of q registers");
	check_eq(load_post(&addr), words[1], "%s: post-indexed load", map);
	check_eq(addr, base + 8, "%s: post-indexed load's address", map);
}

/* Maintenance by address wants nothing of a device; DC IVAC writes, to KVM. */
static void test_caches(const char *map)
{
	fault_expect();
	asm volatile(
		"dc cvac, %0\n\tdc civac, %0\n\tdc ivac, %0\n\tdsb sy" ::"r"(
			flash.base)
		: "memory");
	check_eq(fault_end()->count, 0, "%s: cache maintenance", map);
	check_eq(flash_read(&flash, 0), words[0], "%s: after it", map);
}

/* The latest fault was the expected one and the registers did not change. */
static void check_abort(const struct pair *p, const char *mode,
			const char *what)
{
	const struct fault *fault = fault_end();

	check(fault_is_external(fault, flash.base),
	      "%s: %s aborts (%lu, esr 0x%x far 0x%lx)", mode, what,
	      fault->count, fault->esr, fault->far);
	if (p)
		check(p->lo == UNTOUCHED && p->hi == UNTOUCHED,
		      "%s: %s loads nothing", mode, what);
}

static void test_aborts(const char *mode)
{
	struct pair p = { UNTOUCHED, UNTOUCHED };
	u64 addr = flash.base;

	fault_expect();
	load_pair32(flash.base, &p);
	check_abort(&p, mode, "ldp of w registers");
	fault_expect();
	load_pair(flash.base, &p);
	check_abort(&p, mode, "ldp of x registers");
	fault_expect();
	load_q(flash.base, &p);
	check_abort(&p, mode, "ldr of q register");
	check_eq(load_post(&addr), flash_read(&flash, 0),
		 "%s: post-indexed load", mode);
	check_eq(addr, flash.base + 4, "%s: post-indexed load's address", mode);
	fault_expect();
	store_pair(flash.base, FLASH_BOTH(FLASH_READ_ARRAY), 0);
	check_abort(NULL, mode, "stp");
}

static void test_modes(void)
{
	flash_command(&flash, 0, FLASH_READ_STATUS);
	test_aborts("status");
	check_eq(flash_read(&flash, 0), READY, "status mode goes on");
	flash_command(&flash, 0, FLASH_READ_ID);
	test_aborts("id");
	check_eq(flash_read(&flash, 0), 0x00890089, "id mode goes on");
	/* One chip's status is enough. */
	flash_command(&flash, 0, FLASH_READ_ARRAY);
	flash_write(&flash, 0, 0x00ff0070);
	test_aborts("chip 0 status");
	check_eq(flash_read(&flash, 0), (words[0] & 0xffff0000) | 0x80,
		 "both modes go on");
	flash_command(&flash, 0, FLASH_READ_ARRAY);

	fault_expect();
	store_pair(flash.base, FLASH_BOTH(FLASH_READ_STATUS),
		   FLASH_BOTH(FLASH_READ_STATUS));
	check_abort(NULL, "array", "stp");
	check_eq(flash_read(&flash, 0), words[0], "array mode goes on");

	/* In the middle of a command: it is not disturbed. */
	flash_command(&flash, 0x40, FLASH_BUFFER_PROGRAM);
	flash_write(&flash, 0x40, FLASH_BOTH(1));
	test_aborts("buffer data");
	flash_write(&flash, 0x40, 0x600df00d);
	flash_write(&flash, 0x44, 0x600dcafe);
	flash_command(&flash, 0x40, FLASH_CONFIRM);
	check_eq(flash_read(&flash, 0x40), READY, "buffered program goes on");
	flash_command(&flash, 0, FLASH_READ_ARRAY);
	check_eq(read64(flash.base + 0x40), 0x600dcafe600df00d,
		 "buffered program: content");
}

static void array_mode_to_execute(void)
{
	flash_command(&flash, 0, FLASH_READ_ARRAY);
	if (!param("xip", 0))
		flash_read(&flash, 0);
	icache_invalidate();
}

static void test_execute(void)
{
	static const u32 code[] = { INSN_MOV, INSN_RET };
	u64 entry = flash.base + CODE_AT;
	u64 (*function)(void) = (u64(*)(void))entry;
	const struct fault *fault;

	check_eq(flash_program_buffer(&flash, CODE_AT, code, ARRAY_SIZE(code)),
		 READY, "code programmed");
	array_mode_to_execute();
	check_eq(call_mmu_off(entry), RESULT, "execution with the MMU off");
	mmu_map_flash(MEMORY_WB);
	icache_invalidate();
	check_eq(function(), RESULT, "execution from write-back memory");
	mmu_map_flash(MEMORY_DEVICE);

	flash_command(&flash, 0, FLASH_READ_STATUS);
	mmu_map_flash(MEMORY_WB);
	icache_invalidate();
	fault_expect();
	function();
	fault = fault_end();
	check(fault->count == 1 && ESR_EC(fault->esr) == EC_IABT_CUR &&
		      ESR_FSC(fault->esr) == FSC_EXTERNAL,
	      "status: execution aborts (%lu, esr 0x%x)", fault->count,
	      fault->esr);
	mmu_map_flash(MEMORY_DEVICE);
	check_eq(flash_read(&flash, 0), READY, "status mode goes on");
	array_mode_to_execute();
	mmu_map_flash(MEMORY_WB);
	icache_invalidate();
	check_eq(function(), RESULT, "execution after that");
	mmu_map_flash(MEMORY_DEVICE);
}

void main(void)
{
	if (!flash_find(&flash, 0))
		return;
	check_eq(flash_program_buffer(&flash, 0, words, ARRAY_SIZE(words)),
		 READY, "pattern programmed");
	flash_restore(&flash);
	test_array("device");
	mmu_map_flash(MEMORY_NC);
	test_array("normal non-cacheable");
	test_caches("normal non-cacheable");
	mmu_map_flash(MEMORY_WB);
	test_array("normal write-back");
	test_caches("normal write-back");
	mmu_map_flash(MEMORY_DEVICE);
	test_modes();
	test_array("device, at the end");
	test_execute();
	check_eq(flash_erase(&flash, 0), READY, "the machine still works");
	flash_restore(&flash);
	check_eq(flash_read(&flash, 0), ~0U, "erased");
}
