/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The console: SPCR (Serial Port Console Redirection Table) and DBG2 (Debug
 * Port Table 2), documents of Microsoft.
 */
#include <string.h>

#include "acpi_tables.h"

/* Revision 3 and 4 add what only other hardware needs. */
#define SPCR_REVISION	   2
#define SPCR_INTERRUPT_GIC BIT(3)
#define SPCR_BAUD_115200   7
#define SPCR_STOP_BIT	   1
#define SPCR_TERMINAL_ANSI 3
#define SPCR_NO_PCI	   0xffff

#define DBG2_REVISION	  0
#define DBG2_DEVICES_AT	  44
#define DBG2_PORT_SERIAL  0x8000
#define DBG2_REGISTERS_AT 22 /* in the device: all fields before them */
#define DBG2_SIZES_AT	  34
#define DBG2_NAME_AT	  38

/* DBG2, "Debug device information structure": subtypes; SPCR has the same. */
#define SUBTYPE_16550 0
#define SUBTYPE_PL011 3

static u8 subtype(const struct acpi_machine *machine)
{
	return machine->uart_type == ACPI_UART_PL011 ? SUBTYPE_PL011
						     : SUBTYPE_16550;
}

/* Linux has the PL011's registers be of 32 bits if the width says so. */
static void add_registers(struct acpi_builder *b)
{
	bool pl011 = b->machine->uart_type == ACPI_UART_PL011;

	acpi_table_register(b, b->machine->uart.base, pl011 ? 32 : 8);
}

/* Where an OS has its console if the command line names none. */
void acpi_add_spcr(struct acpi_builder *b)
{
	const struct acpi_device *uart = &b->machine->uart;
	size_t start;

	if (!uart->size)
		return;
	start = acpi_table_begin(b, "SPCR", SPCR_REVISION);
	blob_add_u8(b->tables, subtype(b->machine));
	blob_add_zeros(b->tables, 3);
	add_registers(b);
	blob_add_u8(b->tables, uart->intid ? SPCR_INTERRUPT_GIC : 0);
	blob_add_u8(b->tables, 0); /* interrupt of a PC */
	blob_add_u32(b->tables, uart->intid);
	blob_add_u8(b->tables, SPCR_BAUD_115200);
	blob_add_u8(b->tables, 0); /* no parity */
	blob_add_u8(b->tables, SPCR_STOP_BIT);
	blob_add_u8(b->tables, 0); /* no flow control */
	blob_add_u8(b->tables, SPCR_TERMINAL_ANSI);
	blob_add_u8(b->tables, 0);	      /* language */
	blob_add_u16(b->tables, SPCR_NO_PCI); /* device */
	blob_add_u16(b->tables, SPCR_NO_PCI); /* vendor */
	blob_add_zeros(b->tables, 3 + 4 + 1); /* address, flags, segment */
	blob_add_u32(b->tables, 0);
	acpi_table_end(b, start);
	acpi_table_list(b, start);
}

/* The same UART once more, for debuggers, with the name of its device. */
void acpi_add_dbg2(struct acpi_builder *b)
{
	const struct acpi_device *uart = &b->machine->uart;
	size_t start;

	if (!uart->size)
		return;
	start = acpi_table_begin(b, "DBG2", DBG2_REVISION);
	blob_add_u32(b->tables, DBG2_DEVICES_AT);
	blob_add_u32(b->tables, 1);
	blob_add_u8(b->tables, 0); /* revision of the structure */
	blob_add_u16(b->tables, DBG2_NAME_AT + sizeof(ACPI_UART_PATH));
	blob_add_u8(b->tables, 1); /* register ranges */
	blob_add_u16(b->tables, sizeof(ACPI_UART_PATH));
	blob_add_u16(b->tables, DBG2_NAME_AT);
	blob_add_u32(b->tables, 0); /* length and offset of OEM's data */
	blob_add_u16(b->tables, DBG2_PORT_SERIAL);
	blob_add_u16(b->tables, subtype(b->machine));
	blob_add_u16(b->tables, 0);
	blob_add_u16(b->tables, DBG2_REGISTERS_AT);
	blob_add_u16(b->tables, DBG2_SIZES_AT);
	add_registers(b);
	blob_add_u32(b->tables, (u32)uart->size);
	blob_add_string(b->tables, ACPI_UART_PATH);
	acpi_table_end(b, start);
	acpi_table_list(b, start);
}
