/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Driver of a flash bank for test programs: Intel/Sharp extended commands
 * (JESD68.01, 0x0001) to two x16 chips side by side. Only what the bus cycles
 * are; tests interpret the status.
 *
 * Accesses are single 32-bit loads and stores (io.h), so that each is one bus
 * cycle and one exit. One processor at a time.
 */
#include "flash.h"
#include "io.h"

/*
 * Offsets in the query table (JESD68.01), in words of one chip: device size,
 * buffer size, number of erase blocks - 1, block size / 256.
 */
#define CFI_SIZE   0x27
#define CFI_BUFFER 0x2a
#define CFI_BLOCKS 0x2d
#define CFI_BLOCK  0x2f

void flash_write(const struct flash *flash, u32 offset, u32 value)
{
	write32(flash->base + offset, value);
}

u32 flash_read(const struct flash *flash, u32 offset)
{
	return read32(flash->base + offset);
}

void flash_command(const struct flash *flash, u32 offset, u8 command)
{
	flash_write(flash, offset, FLASH_BOTH(command));
}

/* Status is read at any address; offset 0 is as good as any. */
u32 flash_status(const struct flash *flash)
{
	flash_command(flash, 0, FLASH_READ_STATUS);
	return flash_read(flash, 0);
}

/* Error bits of the status register stay until they are cleared. */
void flash_restore(const struct flash *flash)
{
	flash_command(flash, 0, FLASH_CLEAR_STATUS);
	flash_command(flash, 0, FLASH_READ_ARRAY);
}

u32 flash_program(const struct flash *flash, u32 offset, u32 value)
{
	flash_command(flash, offset, FLASH_PROGRAM);
	flash_write(flash, offset, value);
	return flash_read(flash, offset);
}

/* The count is that of words per chip, minus 1. */
u32 flash_program_buffer(const struct flash *flash, u32 offset, const u32 *data,
			 u32 words)
{
	flash_command(flash, offset, FLASH_BUFFER_PROGRAM);
	flash_write(flash, offset, FLASH_BOTH(words - 1));
	for (u32 i = 0; i < words; i++)
		flash_write(flash, offset + i * 4, data[i]);
	flash_command(flash, offset, FLASH_CONFIRM);
	return flash_read(flash, offset);
}

u32 flash_erase(const struct flash *flash, u32 offset)
{
	flash_command(flash, offset, FLASH_ERASE);
	flash_command(flash, offset, FLASH_CONFIRM);
	return flash_read(flash, offset);
}

u32 flash_lock(const struct flash *flash, u32 offset, u8 command)
{
	flash_command(flash, offset, FLASH_LOCK_SETUP);
	flash_command(flash, offset, command);
	return flash_read(flash, offset);
}

/* Back to array mode afterwards. */
u32 flash_lock_bits(const struct flash *flash, u32 offset)
{
	u32 block = offset & ~(flash->block - 1);
	u32 bits;

	flash_command(flash, block, FLASH_READ_ID);
	bits = flash_read(flash, block + FLASH_ID_LOCK * 4);
	flash_command(flash, 0, FLASH_READ_ARRAY);
	return bits;
}

u32 flash_count_words(const struct flash *flash, u32 offset)
{
	u32 n = 0;

	while (flash_read(flash, offset + 4 * n) != ~0U)
		n++;
	return n;
}

/* One byte in each word; both chips have the same table. */
static u32 query_byte(const struct flash *flash, u32 index)
{
	return flash_read(flash, index * 4) & 0xff;
}

/* The geometry is the query table's, not the tree's, as drivers read it. */
bool flash_find(struct flash *flash, unsigned int nr)
{
	const void *node = fdt_compatible("cfi-flash", nr);
	const u8 *reg = node ? fdt_prop(node, "reg", NULL) : NULL;

	if (!check(reg, "bank %u is in the device tree", nr))
		return false;
	flash->base = fdt_u64(reg);
	flash->size = (u32)fdt_u64(reg + 8);
	flash_command(flash, 0, FLASH_READ_QUERY);
	flash->block = (query_byte(flash, CFI_BLOCK) |
			query_byte(flash, CFI_BLOCK + 1) << 8) *
		       256 * 2;
	flash->buffer = 2U << query_byte(flash, CFI_BUFFER);
	flash_command(flash, 0, FLASH_READ_ARRAY);
	return check(flash->block && flash->size >= flash->block &&
			     flash->buffer >= 32,
		     "bank %u: size 0x%x block 0x%x buffer 0x%x", nr,
		     flash->size, flash->block, flash->buffer);
}

static u16 log2_of(u32 n)
{
	u16 result = 0;

	while (n >>= 1)
		result++;
	return result;
}

/*
 * The part of the query table that does not depend on the geometry, from "QRY"
 * at 0x10 on.
 */
static const u8 query[] = {
	'Q',  'R',  'Y',  0x01, 0x00, 0x31, 0x00, 0x00, 0x00, /* 10 */
	0x00, 0x00, 0x17, 0x20, 0x00, 0x00, 0x08, 0x09, 0x0a, /* 19 */
	0x00, 0x01, 0x01, 0x02, 0x00, 0x00, 0x01, 0x00, 0x00, /* 22 */
	0x00, 0x01, 0x00, 0x00, 0x00, 0x00, 'P',  'R',	'I',  /* 2b */
	'1',  '0',  0x20, 0x00, 0x00, 0x00, 0x00, 0x03, 0x00, /* 34 */
	0x18, 0x00, 0x01, 0x80, 0x00, 0x03, 0x03,	      /* 3d */
};

u16 flash_id_word(const struct flash *flash, u32 index)
{
	u32 chip = flash->size / 2, block = flash->block / 2;

	switch (index) {
	case 0:
		return 0x0089;
	case 1:
		return 0x0018;
	case 5:
		return 0xbfcf; /* read configuration register */
	case CFI_SIZE:
		return log2_of(chip);
	case CFI_BUFFER:
		return log2_of(flash->buffer / 2);
	case CFI_BLOCKS:
		return (chip / block - 1) & 0xff;
	case CFI_BLOCKS + 1:
		return (u16)((chip / block - 1) >> 8);
	case CFI_BLOCK:
		return block / 256 & 0xff;
	case CFI_BLOCK + 1:
		return (u16)(block / 256 >> 8);
	default:
		if (index < 0x10 || index - 0x10 >= sizeof(query))
			return 0;
		return query[index - 0x10];
	}
}
