/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * SMBIOS tables; sections are those of DSP0134, System Management BIOS, 3.0.
 *
 * arm/boot/smbios.c describes the machine and calls smbios_build() on the main
 * thread before the guest runs. Texts are the user's: all that a field or the
 * number of strings limits is checked before anything is written. The guest may
 * change its copy; nothing here reads that.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "lkvm/arm/tables/smbios.h"
#include "lkvm/util/log.h"

#define ANCHOR_SIZE	24 /* 5.2.2, 64-bit entry point */
#define ANCHOR_CHECKSUM 5
#define TABLES_MAX	SZ_64K

#define MANUFACTURER "lkvm"

/* Structures, section 7. */
#define SYSTEM_INFORMATION 1
#define SYSTEM_ENCLOSURE   3
#define PROCESSOR	   4
#define OEM_STRINGS	   11
#define MEMORY_ARRAY	   16
#define MEMORY_DEVICE	   17
#define MAPPED_ADDRESS	   19
#define SYSTEM_BOOT	   32
#define END_OF_TABLE	   127

#define STRUCTURE_LENGTH 1 /* section 6.1.2: where that is in a header */
#define NO_HANDLE	 0xffff
#define NOT_PROVIDED	 0xfffe /* 7.17: no error information */

#define WAKE_UP_POWER_SWITCH 6	  /* 7.2.2 */
#define ENCLOSURE_OTHER	     1	  /* 7.4.1 */
#define STATE_SAFE	     3	  /* 7.4.2 */
#define SECURITY_UNKNOWN     2	  /* 7.4.3 */
#define PROCESSOR_CENTRAL    3	  /* 7.5.1 */
#define FAMILY_SEE_2	     0xfe /* 7.5.2 */
#define FAMILY_ARMV8	     0x101
#define STATUS_ENABLED	     0x41   /* 7.5: socket populated, CPU enabled */
#define UPGRADE_UNKNOWN	     2	    /* 7.5.5 */
#define CHARACTERISTIC_64    BIT(2) /* 7.5.9 */
#define CHARACTERISTIC_MULTI BIT(3)
#define COUNT_SEE_2	     0xff	 /* 7.5.6 */
#define LOCATION_OTHER	     1		 /* 7.17.1 */
#define USE_SYSTEM_MEMORY    3		 /* 7.17.2 */
#define ERROR_NONE	     3		 /* 7.17.3 */
#define CAPACITY_SEE_EXT     0x80000000U /* 7.17 */
#define SIZE_SEE_EXT	     0x7fff	 /* 7.18 */
#define SIZE_EXT_MAX	     0x7fffffff	 /* 7.18.5, in MiB */
#define FORM_DIMM	     9		 /* 7.18.1 */
#define TYPE_RAM	     7		 /* 7.18.2 */
#define DETAIL_OTHER	     BIT(1)	 /* 7.18.3 */
#define ADDRESS_SEE_EXT	     UINT32_MAX	 /* 7.20 */

/* A structure under construction; its strings come behind it. */
struct writer {
	const struct smbios_machine *machine;
	struct blob *out;
	size_t start;
	const char *strings[SMBIOS_MAX_TEXTS];
	u8 nr_strings;
};

/* Structures refer to each other by these, which must be unique. */
static u16 handle_of(u8 type, unsigned int number)
{
	return (u16)(type << 8 | number);
}

/* The length is known at the end. */
static void begin(struct writer *w, u8 type, unsigned int number)
{
	w->start = w->out->size;
	w->nr_strings = 0;
	blob_add_u8(w->out, type);
	blob_add_u8(w->out, 0); /* length */
	blob_add_u16(w->out, handle_of(type, number));
}

/* Section 6.1.3: strings count from 1; 0 stands for none. */
static void add_string(struct writer *w, const char *value)
{
	u8 number = 0;

	if (*value) {
		w->strings[w->nr_strings++] = value;
		number = w->nr_strings;
	}
	blob_add_u8(w->out, number);
}

/* String numbers of 0: there is no such string. */
static void add_none(struct writer *w, unsigned int strings)
{
	blob_add_zeros(w->out, strings);
}

/*
 * Strings are not counted in the length; two zeros end a structure without any,
 * one more zero the strings of another.
 */
static void end(struct writer *w)
{
	blob_set_u8(w->out, w->start + STRUCTURE_LENGTH,
		    (u8)(w->out->size - w->start));
	for (unsigned int i = 0; i < w->nr_strings; i++)
		blob_add_string(w->out, w->strings[i]);
	blob_add_zeros(w->out, w->nr_strings ? 1 : 2);
}

static const char *or_default(const char *value, const char *other)
{
	return value ? value : other;
}

static void add_optional(struct writer *w, const char *value)
{
	add_string(w, or_default(value, ""));
}

static void add_manufacturer(struct writer *w, const struct smbios_texts *texts)
{
	add_string(w, or_default(texts->manufacturer, MANUFACTURER));
}

static void add_version(struct writer *w, const struct smbios_texts *texts)
{
	add_string(w, or_default(texts->version, LKVM_VERSION));
}

/* 7.2.1: the UUID has a GUID's order of bytes; 0 stands for none. */
static void add_system(struct writer *w)
{
	static const struct efi_guid none;
	const struct efi_guid *uuid = w->machine->uuid;
	const struct smbios_texts *texts = &w->machine->system;

	begin(w, SYSTEM_INFORMATION, 0);
	add_manufacturer(w, texts);
	add_string(w, or_default(texts->product, "KVM Virtual Machine"));
	add_version(w, texts);
	add_optional(w, texts->serial);
	blob_add(w->out, uuid ? uuid->bytes : none.bytes, sizeof(none.bytes));
	blob_add_u8(w->out, WAKE_UP_POWER_SWITCH);
	add_optional(w, texts->sku);
	add_optional(w, texts->family);
	end(w);
}

/* 7.4: a virtual machine has none, so its type is "other", its state "safe". */
static void add_enclosure(struct writer *w)
{
	const struct smbios_texts *texts = &w->machine->enclosure;

	begin(w, SYSTEM_ENCLOSURE, 0);
	add_manufacturer(w, texts);
	blob_add_u8(w->out, ENCLOSURE_OTHER);
	add_version(w, texts);
	add_optional(w, texts->serial);
	add_optional(w, texts->asset);
	blob_add_u8(w->out, STATE_SAFE); /* when it was booted */
	blob_add_u8(w->out, STATE_SAFE); /* of the power supply */
	blob_add_u8(w->out, STATE_SAFE); /* of the temperature */
	blob_add_u8(w->out, SECURITY_UNKNOWN);
	blob_add_u32(w->out, 0); /* OEM's */
	blob_add_u32(w->out, 0); /* height, cords, elements and their size */
	add_optional(w, texts->sku);
	end(w);
}

/* 7.12: what cloud-init, systemd's credentials and others agree on. */
static void add_oem_strings(struct writer *w)
{
	unsigned int n = w->machine->nr_oem;

	if (!n)
		return;
	begin(w, OEM_STRINGS, 0);
	blob_add_u8(w->out, (u8)n);
	for (unsigned int i = 0; i < n; i++)
		w->strings[i] = w->machine->oem[i];
	w->nr_strings = (u8)n;
	end(w);
}

/* One socket that all vCPUs are cores of. */
static void add_processor(struct writer *w)
{
	unsigned int n = w->machine->nr_cpus;
	u8 count = n < COUNT_SEE_2 ? (u8)n : COUNT_SEE_2;

	begin(w, PROCESSOR, 0);
	add_string(w, "CPU 0");
	blob_add_u8(w->out, PROCESSOR_CENTRAL);
	blob_add_u8(w->out, FAMILY_SEE_2);
	add_string(w, MANUFACTURER);
	blob_add_u64(w->out, w->machine->midr); /* 7.5.3 */
	add_string(w, LKVM_VERSION);
	blob_add_u8(w->out, 0);	 /* voltage, */
	blob_add_u16(w->out, 0); /* external clock, */
	blob_add_u16(w->out, 0); /* maximum and */
	blob_add_u16(w->out, 0); /* present speed: unknown */
	blob_add_u8(w->out, STATUS_ENABLED);
	blob_add_u8(w->out, UPGRADE_UNKNOWN);
	for (int i = 0; i < 3; i++)
		blob_add_u16(w->out, NO_HANDLE); /* caches */
	add_none(w, 3);		    /* serial number, asset tag, part number */
	blob_add_u8(w->out, count); /* cores */
	blob_add_u8(w->out, count); /* enabled */
	blob_add_u8(w->out, count); /* threads */
	blob_add_u16(w->out,
		     CHARACTERISTIC_64 | (n > 1 ? CHARACTERISTIC_MULTI : 0));
	blob_add_u16(w->out, FAMILY_ARMV8);
	for (int i = 0; i < 3; i++)
		blob_add_u16(w->out, (u16)n); /* the three counts again */
	end(w);
}

static u64 ram_size(const struct smbios_machine *machine)
{
	u64 size = 0;

	for (unsigned int i = 0; i < machine->nr_ram; i++)
		size += machine->ram[i].size;
	return size;
}

/*
 * 7.17: all RAM is one array, of one device. The size is in KiB, or in bytes in
 * a field of its own if it is too large for that.
 */
static void add_memory_array(struct writer *w)
{
	u64 size = ram_size(w->machine);
	bool fits = size / SZ_1K < CAPACITY_SEE_EXT;

	begin(w, MEMORY_ARRAY, 0);
	blob_add_u8(w->out, LOCATION_OTHER);
	blob_add_u8(w->out, USE_SYSTEM_MEMORY);
	blob_add_u8(w->out, ERROR_NONE);
	blob_add_u32(w->out, fits ? (u32)(size / SZ_1K) : CAPACITY_SEE_EXT);
	blob_add_u16(w->out, NOT_PROVIDED);
	blob_add_u16(w->out, 1); /* devices */
	blob_add_u64(w->out, fits ? 0 : size);
	end(w);
}

/* 7.18: sizes too large for 16 bits of MiB are in the extended field. */
static void add_memory_device(struct writer *w)
{
	u64 mib = ram_size(w->machine) / SZ_1M;
	bool fits = mib < SIZE_SEE_EXT;

	begin(w, MEMORY_DEVICE, 0);
	blob_add_u16(w->out, handle_of(MEMORY_ARRAY, 0));
	blob_add_u16(w->out, NOT_PROVIDED);
	blob_add_u16(w->out, NO_HANDLE); /* width: unknown */
	blob_add_u16(w->out, NO_HANDLE); /* of data, too */
	blob_add_u16(w->out, fits ? (u16)mib : SIZE_SEE_EXT);
	blob_add_u8(w->out, FORM_DIMM);
	blob_add_u8(w->out, 0); /* no set */
	add_string(w, "DIMM 0");
	add_none(w, 1); /* bank */
	blob_add_u8(w->out, TYPE_RAM);
	blob_add_u16(w->out, DETAIL_OTHER);
	blob_add_u16(w->out, 0); /* speed: unknown */
	add_string(w, MANUFACTURER);
	add_none(w, 3);		/* serial number, asset tag, part number */
	blob_add_u8(w->out, 0); /* rank: unknown */
	blob_add_u32(w->out, fits ? 0 : (u32)mib);
	blob_add_u16(w->out, 0);   /* configured speed, */
	blob_add_zeros(w->out, 6); /* and voltages: unknown */
	end(w);
}

/* 7.20: one for each range; addresses in KiB, the last one included. */
static void add_mapped_address(struct writer *w, unsigned int number)
{
	const struct smbios_range *ram = &w->machine->ram[number];
	u64 last = ram->base + ram->size - 1;
	bool fits = last / SZ_1K < ADDRESS_SEE_EXT;

	begin(w, MAPPED_ADDRESS, number);
	blob_add_u32(w->out, fits ? (u32)(ram->base / SZ_1K) : ADDRESS_SEE_EXT);
	blob_add_u32(w->out, fits ? (u32)(last / SZ_1K) : ADDRESS_SEE_EXT);
	blob_add_u16(w->out, handle_of(MEMORY_ARRAY, 0));
	blob_add_u8(w->out, 1); /* devices that make a row */
	blob_add_u64(w->out, fits ? 0 : ram->base);
	blob_add_u64(w->out, fits ? 0 : last);
	end(w);
}

static void add_boot(struct writer *w)
{
	begin(w, SYSTEM_BOOT, 0);
	blob_add_zeros(w->out, 6);
	blob_add_u8(w->out, 0); /* 7.33.1: no errors */
	end(w);
}

/* Type 0, BIOS information, is the firmware's to add. */
static void add_structures(struct writer *w)
{
	add_system(w);
	add_enclosure(w);
	add_processor(w);
	add_oem_strings(w);
	add_memory_array(w);
	add_memory_device(w);
	for (unsigned int i = 0; i < w->machine->nr_ram; i++)
		add_mapped_address(w, i);
	add_boot(w);
	begin(w, END_OF_TABLE, 0);
	end(w);
}

/* The firmware takes the version from it and fills in the address. */
static void add_anchor(struct blob *anchor, const struct blob *tables)
{
	blob_add_field(anchor, "_SM3_", 5);
	blob_add_u8(anchor, 0); /* checksum */
	blob_add_u8(anchor, ANCHOR_SIZE);
	blob_add_u8(anchor, 3); /* version 3.0, */
	blob_add_u8(anchor, 0);
	blob_add_u8(anchor, 0); /* of the document, too */
	blob_add_u8(anchor, 1); /* revision of the entry point */
	blob_add_u8(anchor, 0);
	blob_add_u32(anchor, (u32)tables->size);
	blob_add_u64(anchor, 0); /* address */
	blob_set_u8(anchor, ANCHOR_CHECKSUM,
		    blob_checksum(anchor, 0, ANCHOR_SIZE));
}

/* SMBIOS names no encoding of other characters. */
static int check_string(const char *name, const char *value)
{
	if (!value)
		return 0;
	if (strlen(value) > SMBIOS_MAX_STRING) {
		pr_fatal("SMBIOS: %s: more than %d characters", name,
			 SMBIOS_MAX_STRING);
		return -EINVAL;
	}
	for (; *value; value++) {
		if (*value >= ' ' && *value <= '~')
			continue;
		pr_fatal("SMBIOS: %s: not only printable ASCII", name);
		return -EINVAL;
	}
	return 0;
}

static int check_texts(const struct smbios_texts *texts)
{
	const struct {
		const char *name, *value;
	} all[] = {
		{ "manufacturer", texts->manufacturer },
		{ "product", texts->product },
		{ "version", texts->version },
		{ "serial number", texts->serial },
		{ "SKU", texts->sku },
		{ "family", texts->family },
		{ "asset tag", texts->asset },
	};
	int ret = 0;

	for (size_t i = 0; !ret && i < ARRAY_SIZE(all); i++)
		ret = check_string(all[i].name, all[i].value);
	return ret;
}

/* The count has one byte; the bytes share the tables with all else. */
static int check_oem(const struct smbios_machine *machine)
{
	size_t total = 0;

	if (machine->nr_oem > SMBIOS_MAX_TEXTS) {
		pr_fatal("SMBIOS: %u OEM strings, there can be %u",
			 machine->nr_oem, SMBIOS_MAX_TEXTS);
		return -E2BIG;
	}
	for (unsigned int i = 0; i < machine->nr_oem; i++)
		total += strlen(machine->oem[i]);
	if (total <= SMBIOS_MAX_OEM)
		return 0;
	pr_fatal("SMBIOS: %zu bytes of OEM strings, there can be %zu", total,
		 (size_t)SMBIOS_MAX_OEM);
	return -E2BIG;
}

/*
 * Whole KiB, as type 19 has it, and a total that fits type 17. A sum that would
 * wrap counts as too large.
 */
static int check_ram(const struct smbios_machine *machine)
{
	u64 total = 0;

	if (machine->nr_ram > SMBIOS_MAX_RAM) {
		pr_fatal("SMBIOS: %u ranges of RAM, there can be %u",
			 machine->nr_ram, SMBIOS_MAX_RAM);
		return -E2BIG;
	}
	for (unsigned int i = 0; i < machine->nr_ram; i++) {
		const struct smbios_range *ram = &machine->ram[i];

		if (!ram->size || !IS_ALIGNED(ram->base | ram->size, SZ_1K) ||
		    ram->size > UINT64_MAX - ram->base) {
			pr_fatal("SMBIOS: bad range of RAM at 0x%" PRIx64,
				 ram->base);
			return -EINVAL;
		}
		total = ram->size > UINT64_MAX - total ? UINT64_MAX
						       : total + ram->size;
	}
	if (total >= SZ_1M && total / SZ_1M <= SIZE_EXT_MAX)
		return 0;
	pr_fatal("SMBIOS: a machine of %" PRIu64 " MiB of RAM", total / SZ_1M);
	return total < SZ_1M ? -EINVAL : -E2BIG;
}

static int check(const struct smbios_machine *machine)
{
	int ret = check_texts(&machine->system);

	if (!ret)
		ret = check_texts(&machine->enclosure);
	if (!ret)
		ret = check_oem(machine);
	if (ret)
		return ret;
	if (!machine->nr_cpus || machine->nr_cpus > SMBIOS_MAX_CPUS) {
		pr_fatal("SMBIOS: %u CPUs, there can be 1 to %u",
			 machine->nr_cpus, SMBIOS_MAX_CPUS);
		return machine->nr_cpus ? -E2BIG : -EINVAL;
	}
	return check_ram(machine);
}

int smbios_build(const struct smbios_machine *machine,
		 struct smbios_tables *tables)
{
	struct writer writer = {
		.machine = machine,
		.out = &tables->tables,
	};
	int ret;

	*tables = (struct smbios_tables) {
		.anchor.limit = ANCHOR_SIZE,
		.tables.limit = TABLES_MAX,
	};
	ret = check(machine);
	if (ret)
		return ret;
	add_structures(&writer);
	add_anchor(&tables->anchor, &tables->tables);
	ret = tables->tables.err ? tables->tables.err : tables->anchor.err;
	if (ret) {
		pr_fatal("Unable to build the SMBIOS tables: %s",
			 strerror(-ret));
		smbios_tables_free(tables);
	}
	return ret;
}

void smbios_tables_free(struct smbios_tables *tables)
{
	blob_free(&tables->anchor);
	blob_free(&tables->tables);
}
