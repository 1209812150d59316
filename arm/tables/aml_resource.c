/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Resource descriptors: ACPI 6.5, section 6.4.3.
 *
 * Written by acpi_dsdt.c and acpi_pcie.c between aml_resources_begin() and
 * aml_end(). What does not fit a descriptor's fields fails the blob, though
 * acpi_check() has refused such a machine before.
 */
#include <errno.h>
#include <string.h>

#include "lkvm/arm/tables/aml.h"

#define TAG_MEMORY32_FIXED     0x86 /* 6.4.3.4 */
#define TAG_DWORD_ADDRESS      0x87 /* 6.4.3.5.2 */
#define TAG_WORD_ADDRESS       0x88 /* 6.4.3.5.3 */
#define TAG_QWORD_ADDRESS      0x8a /* 6.4.3.5.1 */
#define TAG_EXTENDED_INTERRUPT 0x89 /* 6.4.3.6 */
#define TAG_GPIO	       0x8c /* 6.4.3.8.1 */

#define MEMORY_READ_WRITE BIT(0)

/* Section 6.4.3.5: what addresses are of, and flags for all of them. */
#define SPACE_MEMORY	0
#define SPACE_IO	1
#define SPACE_BUS	2
#define SPACE_CONSUMER	BIT(0)
#define SPACE_MIN_FIXED BIT(2)
#define SPACE_MAX_FIXED BIT(3)
#define IO_ENTIRE_RANGE 3 /* 6.4.3.5.5.2 */

#define INTERRUPT_CONSUMER BIT(0)
#define INTERRUPT_EDGE	   BIT(1)

#define GPIO_REVISION  1
#define GPIO_INTERRUPT 0
#define GPIO_CONSUMER  BIT(0)
#define GPIO_EDGE      BIT(0)
#define GPIO_PULL_UP   1
#define GPIO_PINS_AT   23 /* offset of the pin table: all fields before it */

/* False if there is no ResourceTemplate open to take a descriptor. */
static bool begin(struct aml_writer *aml, u8 tag, u16 length)
{
	if (!aml->depth || !aml->open[aml->depth - 1].resources) {
		blob_fail(aml->out, -EINVAL);
		return false;
	}
	blob_add_u8(aml->out, tag);
	blob_add_u16(aml->out, length);
	return true;
}

/* A size of 4 GiB would be 0 in its field. */
void aml_memory32(struct aml_writer *aml, u64 base, u64 size)
{
	if (!range_within(base, size, 0, SZ_4G) || size == SZ_4G)
		blob_fail(aml->out, -ERANGE);
	if (!begin(aml, TAG_MEMORY32_FIXED, 9))
		return;
	blob_add_u8(aml->out, MEMORY_READ_WRITE);
	blob_add_u32(aml->out, (u32)base);
	blob_add_u32(aml->out, (u32)size);
}

/* Fields of 2, 4 or 8 bytes. */
static void add_number(struct aml_writer *aml, u8 tag, u64 value)
{
	if (tag == TAG_WORD_ADDRESS)
		blob_add_u16(aml->out, (u16)value);
	else if (tag == TAG_DWORD_ADDRESS)
		blob_add_u32(aml->out, (u32)value);
	else
		blob_add_u64(aml->out, value);
}

/* The addresses [base, base + size), which are as many at base + `offset`. */
struct window {
	u8 space;
	u8 flags; /* of that space */
	bool consumer;
	u64 base, size, offset;
};

/* Three descriptors that differ in the width of five fields only. */
static void add_window(struct aml_writer *aml, u8 tag, u16 length,
		       const struct window *w)
{
	if (!w->size || w->size - 1 > UINT64_MAX - w->base) {
		blob_fail(aml->out, -EINVAL);
		return;
	}
	if (!begin(aml, tag, length))
		return;
	blob_add_u8(aml->out, w->space);
	blob_add_u8(aml->out, SPACE_MIN_FIXED | SPACE_MAX_FIXED |
				      (w->consumer ? SPACE_CONSUMER : 0));
	blob_add_u8(aml->out, w->flags);
	add_number(aml, tag, 0); /* granularity */
	add_number(aml, tag, w->base);
	add_number(aml, tag, w->base + (w->size - 1));
	add_number(aml, tag, w->offset);
	add_number(aml, tag, w->size);
}

/* Numbers in the wrong order make an empty window, which is an error. */
void aml_bus_window(struct aml_writer *aml, u8 first, u8 last)
{
	const struct window window = {
		.space = SPACE_BUS,
		.base = first,
		.size = last < first ? 0 : (u64)last - first + 1,
	};

	add_window(aml, TAG_WORD_ADDRESS, 13, &window);
}

static void add_memory(struct aml_writer *aml, u64 base, u64 size,
		       bool consumer, bool wide)
{
	const struct window window = {
		.space = SPACE_MEMORY,
		.flags = MEMORY_READ_WRITE,
		.consumer = consumer,
		.base = base,
		.size = size,
	};

	add_window(aml, wide ? TAG_QWORD_ADDRESS : TAG_DWORD_ADDRESS,
		   wide ? 43 : 23, &window);
}

/* The short form is for windows whose length has 32 bits as well. */
void aml_memory_window(struct aml_writer *aml, u64 base, u64 size)
{
	bool wide = size == SZ_4G || !range_within(base, size, 0, SZ_4G);

	add_memory(aml, base, size, false, wide);
}

void aml_memory64(struct aml_writer *aml, u64 base, u64 size)
{
	add_memory(aml, base, size, true, true);
}

/* Ports count from 0; the offset leads to where they are in memory. */
void aml_port_window(struct aml_writer *aml, u64 base, u32 size)
{
	const struct window window = {
		.space = SPACE_IO,
		.flags = IO_ENTIRE_RANGE,
		.size = size > SZ_64K ? 0 : size,
		.offset = base,
	};

	add_window(aml, TAG_QWORD_ADDRESS, 43, &window);
}

void aml_interrupt(struct aml_writer *aml, u32 number, bool edge)
{
	if (!begin(aml, TAG_EXTENDED_INTERRUPT, 6))
		return;
	blob_add_u8(aml->out, INTERRUPT_CONSUMER | (edge ? INTERRUPT_EDGE : 0));
	blob_add_u8(aml->out, 1);
	blob_add_u32(aml->out, number);
}

/* The tables of pins and names are found by offsets in the fixed part. */
void aml_gpio_interrupt(struct aml_writer *aml, const char *controller, u16 pin)
{
	u16 name_at = GPIO_PINS_AT + sizeof(pin);
	u16 end = (u16)(name_at + strlen(controller) + 1);

	if (!begin(aml, TAG_GPIO, end - 3))
		return;
	blob_add_u8(aml->out, GPIO_REVISION);
	blob_add_u8(aml->out, GPIO_INTERRUPT);
	blob_add_u16(aml->out, GPIO_CONSUMER);
	blob_add_u16(aml->out, GPIO_EDGE);
	blob_add_u8(aml->out, GPIO_PULL_UP);
	blob_add_u16(aml->out, 0); /* output drive strength */
	blob_add_u16(aml->out, 0); /* debounce */
	blob_add_u16(aml->out, GPIO_PINS_AT);
	blob_add_u8(aml->out, 0); /* resource source index: reserved */
	blob_add_u16(aml->out, name_at);
	blob_add_u16(aml->out, end); /* vendor data, of which there is none */
	blob_add_u16(aml->out, 0);
	blob_add_u16(aml->out, pin);
	blob_add_string(aml->out, controller);
}
