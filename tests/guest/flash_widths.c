/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Every access width in every read mode of the flash: what is on the byte
 * lanes is what comes, and only whole words reach the chips as writes. The
 * flash has to come erased.
 */
#include "flash.h"
#include "io.h"
#include "mmu.h"

#define PATTERN_BYTES 512
#define SWEEP_BYTES   0x140 /* past the end of the query table */
#define UNALIGNED_END 0x60

/* What one chip's reads return. */
enum view {
	VIEW_ARRAY,
	VIEW_STATUS,
	VIEW_ID,
};

/* A way into a state, what reads give there, and a way back to ready. */
struct mode {
	const char *name;
	enum view chip[2];
	u32 enter[4];
	u32 leave[4]; /* both end at the first 0 */
};

#define EVERY(view)        \
	{                  \
		view, view \
	}

static const struct mode modes[] = {
	{ "array", EVERY(VIEW_ARRAY), { 0x00ff00ff }, { 0 } },
	{ "status", EVERY(VIEW_STATUS), { 0x00700070 }, { 0 } },
	{ "id", EVERY(VIEW_ID), { 0x00900090 }, { 0 } },
	{ "query", EVERY(VIEW_ID), { 0x00980098 }, { 0 } },
	{ "chip 0 status, chip 1 array",
	  { VIEW_STATUS, VIEW_ARRAY },
	  { 0x00ff00ff, 0x00ff0070 },
	  { 0 } },
	{ "chip 0 array, chip 1 id",
	  { VIEW_ARRAY, VIEW_ID },
	  { 0x00ff00ff, 0x009000ff },
	  { 0 } },
	{ "chip 0 id, chip 1 status",
	  { VIEW_ID, VIEW_STATUS },
	  { 0x00700090 },
	  { 0 } },
	{ "program setup", EVERY(VIEW_STATUS), { 0x00400040 }, { 0xffffffff } },
	{ "erase setup",
	  EVERY(VIEW_STATUS),
	  { 0x00200020 },
	  { 0x00ff00ff, 0x00500050 } },
	{ "lock setup",
	  EVERY(VIEW_STATUS),
	  { 0x00600060 },
	  { 0x00ff00ff, 0x00500050 } },
	{ "buffer count",
	  EVERY(VIEW_STATUS),
	  { 0x00e800e8 },
	  { 0x00010001, 0xffffffff, 0xffffffff, 0x00d000d0 } },
	{ "buffer data",
	  EVERY(VIEW_STATUS),
	  { 0x00e800e8, 0x00010001, 0xffffffff },
	  { 0xffffffff, 0x00d000d0 } },
	{ "buffer confirm",
	  EVERY(VIEW_STATUS),
	  { 0x00e800e8, 0x00010001, 0xffffffff, 0xffffffff },
	  { 0x00d000d0 } },
};

static struct flash flash;

static u8 pattern(u32 offset)
{
	return (u8)(offset * 37 + 11);
}

static u32 pattern_word(u32 offset)
{
	u32 word = 0;

	for (u32 i = 0; i < 4; i++)
		word |= (u32)pattern(offset + i) << 8 * i;
	return word;
}

static u8 expected_byte(const struct mode *mode, u32 offset)
{
	u16 half;

	switch (mode->chip[offset >> 1 & 1]) {
	case VIEW_STATUS:
		half = FLASH_SR_READY;
		break;
	case VIEW_ID:
		half = flash_id_word(&flash, offset >> 2);
		break;
	default:
		return pattern(offset);
	}
	return (u8)(half >> 8 * (offset & 1));
}

static u64 expected(const struct mode *mode, u32 offset, unsigned int width)
{
	u64 value = 0;

	for (unsigned int i = 0; i < width; i++)
		value |= (u64)expected_byte(mode, offset + i) << 8 * i;
	return value;
}

/* Reads [0, end) in steps; one check for all, telling the first that differs.
 */
static void sweep(const struct mode *mode, const char *how, unsigned int width,
		  u32 step, u32 end)
{
	for (u32 o = 0; o + width <= end; o += step) {
		u64 want = expected(mode, o, width);
		u64 got = read_width(flash.base + o, width);

		if (got != want) {
			check_eq(got, want, "%s: %s read of %u at 0x%x",
				 mode->name, how, width, o);
			return;
		}
	}
	check(true, "%s: %s reads of %u", mode->name, how, width);
}

static void send(const u32 *cycles)
{
	for (u32 i = 0; i < 4 && cycles[i]; i++)
		flash_write(&flash, 0, cycles[i]);
}

static void test_mode(const struct mode *mode, bool unaligned)
{
	send(mode->enter);
	for (unsigned int width = 1; width <= 8; width *= 2) {
		if (unaligned)
			sweep(mode, "unaligned", width, 1, UNALIGNED_END);
		else
			sweep(mode, "aligned", width, width, SWEEP_BYTES);
	}
	send(mode->leave);
	flash_command(&flash, 0, FLASH_READ_ARRAY);
	check_eq(flash_read(&flash, 0), pattern_word(0), "%s: back in array",
		 mode->name);
}

static void test_reads(bool unaligned)
{
	for (u32 i = 0; i < ARRAY_SIZE(modes); i++)
		test_mode(&modes[i], unaligned);
}

/* All the writes that are not one or two whole words. */
static void write_narrow(u64 value, bool unaligned)
{
	for (u32 o = 0; o < 4; o++)
		write8(flash.base + o, (u8)value);
	for (u32 o = 0; o < 4; o += 2)
		write16(flash.base + o, (u16)value);
	for (u32 o = 1; unaligned && o < 4; o++) {
		write16(flash.base + o, (u16)value);
		write32(flash.base + o, (u32)value);
		write64(flash.base + o, value);
	}
}

static void test_narrow_writes(bool unaligned)
{
	const char *how = unaligned ? "narrow and unaligned" : "narrow";
	const u32 at = PATTERN_BYTES + (unaligned ? 16 : 0);

	write_narrow(0x0070007000700070, unaligned);
	check_eq(flash_read(&flash, 0), pattern_word(0),
		 "%s writes in array mode are ignored", how);

	flash_command(&flash, 0, FLASH_READ_STATUS);
	write_narrow(0x00ff00ff00ff00ff, unaligned);
	check_eq(flash_read(&flash, 0), FLASH_BOTH(FLASH_SR_READY),
		 "%s writes in status mode are ignored", how);

	flash_command(&flash, at, FLASH_BUFFER_PROGRAM);
	flash_write(&flash, at, FLASH_BOTH(1));
	flash_write(&flash, at, 0x11112222);
	write_narrow(0, unaligned);
	flash_write(&flash, at + 4, 0x33334444);
	flash_command(&flash, at, FLASH_CONFIRM);
	check_eq(flash_read(&flash, at), FLASH_BOTH(FLASH_SR_READY),
		 "%s writes in a buffered program: status", how);
	flash_restore(&flash);
	check_eq(read64(flash.base + at), 0x3333444411112222,
		 "%s writes in a buffered program are ignored", how);
	check_eq(flash_read(&flash, 0), pattern_word(0),
		 "%s writes changed nothing else", how);
}

static void test_double_writes(void)
{
	const u32 at = PATTERN_BYTES + 64;

	write64(flash.base, 0x0070007000900090);
	check_eq(flash_read(&flash, 0), FLASH_BOTH(FLASH_SR_READY),
		 "64-bit write: id, then status");
	write64(flash.base, 0x0090009000700070);
	check_eq(flash_read(&flash, 0), 0x00890089,
		 "64-bit write: status, then id");

	write64(flash.base + at, 0x1234567800400040);
	check_eq(flash_read(&flash, 0), FLASH_BOTH(FLASH_SR_READY),
		 "64-bit write: setup and data");
	flash_command(&flash, at, FLASH_BUFFER_PROGRAM);
	flash_write(&flash, at, FLASH_BOTH(3));
	write64(flash.base + at + 8, 0x0123456789abcdef);
	write64(flash.base + at + 16, 0xfedcba9876543210);
	flash_command(&flash, at, FLASH_CONFIRM);
	check_eq(flash_read(&flash, 0), FLASH_BOTH(FLASH_SR_READY),
		 "64-bit write: two of a buffer's words at once");
	flash_restore(&flash);
	check_eq(read64(flash.base + at), 0x12345678ffffffff,
		 "64-bit write: data went to the upper address");
	check_eq(read64(flash.base + at + 8), 0x0123456789abcdef,
		 "64-bit write: first pair of the buffer");
	check_eq(read64(flash.base + at + 16), 0xfedcba9876543210,
		 "64-bit write: second pair of the buffer");
}

static void program_pattern(void)
{
	static u32 words[PATTERN_BYTES / 4];

	for (u32 i = 0; i < ARRAY_SIZE(words); i++)
		words[i] = pattern_word(i * 4);
	check_eq(flash_program_buffer(&flash, 0, words, ARRAY_SIZE(words)),
		 FLASH_BOTH(FLASH_SR_READY), "pattern programmed");
	flash_restore(&flash);
}

void main(void)
{
	if (!flash_find(&flash, 0))
		return;
	check_eq(read64(flash.base), ~0UL, "comes erased");
	program_pattern();
	test_reads(false);
	test_narrow_writes(false);
	test_double_writes();
	mmu_map_flash(MEMORY_NC);
	test_reads(true);
	test_narrow_writes(true);
}
