/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Resource descriptors: ACPI 6.5, section 6.4.3. */
#include <errno.h>
#include <string.h>

#include "lkvm/aml.h"

#define TAG_MEMORY32_FIXED     0x86 /* 6.4.3.4 */
#define TAG_EXTENDED_INTERRUPT 0x89 /* 6.4.3.6 */
#define TAG_GPIO	       0x8c /* 6.4.3.8.1 */

#define MEMORY_READ_WRITE BIT(0)

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

void aml_interrupt(struct aml_writer *aml, u32 number, bool edge)
{
	if (!begin(aml, TAG_EXTENDED_INTERRUPT, 6))
		return;
	blob_add_u8(aml->out, INTERRUPT_CONSUMER | (edge ? INTERRUPT_EDGE : 0));
	blob_add_u8(aml->out, 1);
	blob_add_u32(aml->out, number);
}

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
