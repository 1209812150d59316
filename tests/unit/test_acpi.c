/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: tests/unit/acpi_fixture.c arm/tables/aml.c */
/* SOURCES: arm/tables/aml_resource.c util/blob.c arm/tables/acpi.c */
/* SOURCES: arm/tables/acpi_check.c arm/tables/acpi_dsdt.c */
/* SOURCES: arm/tables/acpi_iort.c arm/tables/acpi_loader.c */
/* SOURCES: arm/tables/acpi_madt.c arm/tables/acpi_pcie.c */
/* SOURCES: arm/tables/acpi_pptt.c arm/tables/acpi_serial.c */
/* SOURCES: arm/tables/acpi_table.c */
/* WRAP: realloc */
/* clang-format on */
/*
 * ACPI tables as the firmware leaves them in memory. What ACPICA's tools think
 * of them: tests/unit/acpi_tables.py. The PPTT: test_acpi_pptt.c.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "acpi_fixture.h"
#include "lkvm/util/log.h"

#define FOREVER 1000000

static unsigned int messages;

/* How many calls of realloc() still succeed. */
static int reallocs_left;

void *__wrap_realloc(void *p, size_t size);
void *__real_realloc(void *p, size_t size);

void *__wrap_realloc(void *p, size_t size)
{
	return reallocs_left-- > 0 ? __real_realloc(p, size) : NULL;
}

void pr_fatal(const char *fmt, ...)
{
	(void)fmt;
	messages++;
}

struct world {
	struct acpi_machine_box box;
	struct acpi_tables tables;
	struct acpi_image image;
};

static int setup(void **state)
{
	static struct world world;

	memset(&world, 0, sizeof(world));
	acpi_machine_init(&world.box, 3, 2);
	messages = 0;
	reallocs_left = FOREVER;
	*state = &world;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	acpi_image_free(&w->image);
	acpi_tables_free(&w->tables);
	return 0;
}

/* Builds and loads; what was loaded before is gone. */
static void load(struct world *w)
{
	teardown((void *[]) { w });
	assert_int_equal(acpi_build(&w->box.machine, &w->tables), 0);
	acpi_image_load(&w->image, &w->tables);
	assert_null(w->image.error);
	assert_int_equal(messages, 0);
}

static const u8 *table(const struct world *w, const char *signature)
{
	const u8 *found = acpi_image_table(&w->image, signature);

	assert_non_null(found);
	return found;
}

static u32 length(const u8 *t)
{
	return get_le32(t + 4);
}

static void expect_bytes(const u8 *p, u8 value, size_t len)
{
	for (size_t i = 0; i < len; i++)
		assert_int_equal(p[i], value);
}

/* ---- All of them ----------------------------------------------------------
 */

static void root_pointer(void **state)
{
	struct world *w = *state;
	const u8 *rsdp;

	load(w);
	assert_int_equal(w->image.nr_files, 2);
	assert_string_equal(w->image.files[1].name, "etc/acpi/rsdp");
	assert_int_equal(w->image.files[1].addr % 16, 0);
	assert_int_equal(w->image.files[0].addr % 64, 0);
	rsdp = w->image.files[1].data;
	assert_int_equal(w->image.files[1].size, 36);
	assert_memory_equal(rsdp, "RSD PTR ", 8);
	assert_memory_equal(rsdp + 9, "LKVM  ", 6);
	assert_int_equal(rsdp[15], 2);
	assert_int_equal(get_le32(rsdp + 16), 0);
	assert_int_equal(get_le32(rsdp + 20), 36);
	assert_int_equal(sum_of(rsdp, 20), 0);
	assert_int_equal(sum_of(rsdp, 36), 0);
	expect_bytes(rsdp + 33, 0, 3);
	assert_ptr_equal(acpi_image_at(&w->image, get_le64(rsdp + 24), 36),
			 table(w, "XSDT"));
}

/* Each entry is a whole table that is summed up, and none is there twice. */
static void every_entry(const struct world *w, const char *name)
{
	const u8 *xsdt = table(w, "XSDT");
	u32 entries = (length(xsdt) - 36) / 8;

	assert_int_equal(length(xsdt), 36 + 8 * entries);
	for (u32 i = 0; i < entries; i++) {
		u64 addr = get_le64(xsdt + 36 + 8 * i);
		const u8 *t = acpi_image_at(&w->image, addr, 36);
		char signature[5] = { 0 };

		assert_non_null(t);
		assert_int_equal(addr % 8, 0);
		memcpy(signature, t, 4);
		assert_string_not_equal(signature, "DSDT");
		if (acpi_image_table(&w->image, signature) != t)
			fail_msg("%s: bad or second %s", name, signature);
		assert_memory_equal(t + 10, "LKVM  LKVMVIRT", 14);
	}
	/* Files; the XSDT and its sum; pointer and sum of each; the DSDT's. */
	assert_int_equal(w->image.commands, 2 + 4 + 2 * entries + 2);
}

static void all_machines(void **state)
{
	struct world *w = *state;
	const char *name;

	for (unsigned int n = 0; (name = acpi_machine_case(&w->box, n)); n++) {
		load(w);
		every_entry(w, name);
		assert_int_equal(table(w, "DSDT")[8], 2);
		assert_true(w->tables.tables.size < ACPI_TABLES_MAX / 2);
	}
}

static void same_again(void **state)
{
	struct world *w = *state;
	struct acpi_tables again;

	load(w);
	assert_int_equal(acpi_build(&w->box.machine, &again), 0);
	assert_int_equal(again.tables.size, w->tables.tables.size);
	assert_memory_equal(again.tables.data, w->tables.tables.data,
			    again.tables.size);
	assert_int_equal(again.loader.size, w->tables.loader.size);
	assert_memory_equal(again.loader.data, w->tables.loader.data,
			    again.loader.size);
	acpi_tables_free(&again);
	assert_null(again.tables.data);
}

/* ---- One by one -----------------------------------------------------------
 */

static void fadt(void **state)
{
	struct world *w = *state;
	const u8 *t;

	load(w);
	t = table(w, "FACP");
	assert_int_equal(length(t), 276);
	assert_int_equal(t[8], 6);
	expect_bytes(t + 36, 0, 112 - 36);
	assert_int_equal(get_le32(t + 112), 1 << 20 | 3 << 4);
	assert_int_equal(get_le16(t + 129), 3);
	assert_int_equal(t[131], 3);
	assert_ptr_equal(acpi_image_at(&w->image, get_le64(t + 140), 36),
			 table(w, "DSDT"));
	expect_bytes(t + 148, 0, 268 - 148);
	assert_memory_equal(t + 268, "LKVM\0\0\0\0", 8);
	w->box.machine.psci_smc = true;
	load(w);
	assert_int_equal(get_le16(table(w, "FACP") + 129), 1);
}

/* The entries of a type, and the first one. */
static unsigned int entries(const u8 *madt, u8 type, u8 size, const u8 **first)
{
	unsigned int found = 0;
	u32 at = 44;

	while (at < length(madt)) {
		assert_true(madt[at + 1] >= 8);
		assert_true(at + madt[at + 1] <= length(madt));
		if (madt[at] == type) {
			assert_int_equal(madt[at + 1], size);
			if (!found++)
				*first = madt + at;
		}
		at += madt[at + 1];
	}
	assert_int_equal(at, length(madt));
	return found;
}

static void expect_gicc(const u8 *e, u32 number, u64 mpidr, u64 gicc, u64 gicr,
			u32 pmu)
{
	assert_int_equal(e[0], 0x0b);
	assert_int_equal(e[1], 80);
	assert_int_equal(get_le32(e + 4), number);
	assert_int_equal(get_le32(e + 8), number);
	assert_int_equal(get_le32(e + 12), 1);
	assert_int_equal(get_le32(e + 16), 0);
	assert_int_equal(get_le32(e + 20), pmu);
	assert_int_equal(get_le64(e + 32), gicc);
	expect_bytes(e + 40, 0, 20);
	assert_int_equal(get_le64(e + 60), gicr);
	assert_int_equal(get_le64(e + 68), mpidr);
	expect_bytes(e + 76, 0, 4);
}

static void expect_gicd(const u8 *madt, u8 version)
{
	const u8 *e = NULL;

	assert_int_equal(entries(madt, 0x0c, 24, &e), 1);
	assert_int_equal(get_le64(e + 8), 0x08000000);
	assert_int_equal(e[20], version);
}

static void madt_gicv2(void **state)
{
	struct world *w = *state;
	const u8 *e = NULL;
	const u8 *madt;

	acpi_machine_init(&w->box, 2, 8);
	w->box.machine.pmu_intid = 23;
	w->box.machine.gic.nr_gicr = 1;
	w->box.cpus[1].gicr = 0x080a0000;
	load(w);
	madt = table(w, "APIC");
	assert_int_equal(madt[8], 5);
	expect_bytes(madt + 36, 0, 8);
	assert_int_equal(entries(madt, 0x0b, 80, &e), 8);
	for (u32 i = 0; i < 8; i++)
		expect_gicc(e + 80 * i, i, i, 0x08010000, 0, 23);
	expect_gicd(madt, 2);
	assert_int_equal(entries(madt, 0x0d, 24, &e), 1);
	assert_int_equal(get_le64(e + 8), 0x08020000);
	assert_int_equal(get_le32(e + 16), 1);
	assert_int_equal(get_le16(e + 20), 64);
	assert_int_equal(get_le16(e + 22), 80);
	assert_int_equal(entries(madt, 0x0e, 16, &e), 0);
	assert_int_equal(entries(madt, 0x0f, 20, &e), 0);
	assert_null(acpi_image_table(&w->image, "IORT"));
}

static void madt_gicv3(void **state)
{
	struct world *w = *state;
	const u8 *e = NULL;
	const u8 *madt;

	acpi_machine_init(&w->box, 3, 200);
	load(w);
	madt = table(w, "APIC");
	assert_int_equal(entries(madt, 0x0b, 80, &e), 200);
	for (u32 i = 0; i < 200; i++)
		expect_gicc(e + 80 * i, i, (i & 0xf) | i >> 4 << 8, 0, 0, 0);
	expect_gicd(madt, 3);
	assert_int_equal(entries(madt, 0x0e, 16, &e), 2);
	assert_int_equal(get_le64(e + 4), 0x080a0000);
	assert_int_equal(get_le32(e + 12), 0xf60000);
	assert_int_equal(get_le64(e + 16 + 4), 0x4000000000);
	assert_int_equal(get_le32(e + 16 + 12), 0x4000000);
	assert_int_equal(entries(madt, 0x0f, 20, &e), 1);
	assert_int_equal(get_le32(e + 4), 0);
	assert_int_equal(get_le64(e + 8), 0x08080000);
	assert_int_equal(entries(madt, 0x0d, 24, &e), 0);
}

static void redistributor_of_each(void **state)
{
	struct world *w = *state;
	const u8 *e = NULL;
	const u8 *madt;

	w->box.machine.gic.nr_gicr = 0;
	w->box.cpus[0].gicr = 0x080a0000;
	w->box.cpus[1].gicr = 0x4000000000;
	w->box.cpus[1].mpidr = 0xff00000000;
	load(w);
	madt = table(w, "APIC");
	assert_int_equal(entries(madt, 0x0b, 80, &e), 2);
	expect_gicc(e, 0, 0, 0, 0x080a0000, 0);
	expect_gicc(e + 80, 1, 0xff00000000, 0, 0x4000000000, 0);
	assert_int_equal(entries(madt, 0x0e, 16, &e), 0);
}

static void expect_timer(const u8 *gtdt, u32 at, u32 intid)
{
	assert_int_equal(get_le32(gtdt + at), intid);
	assert_int_equal(get_le32(gtdt + at + 4), intid ? 4 : 0);
}

static void gtdt(void **state)
{
	struct world *w = *state;
	const u8 *t;

	w->box.machine.timers = (struct acpi_timers) { 29, 30, 27, 0, 28 };
	load(w);
	t = table(w, "GTDT");
	assert_int_equal(length(t), 104);
	assert_int_equal(t[8], 3);
	expect_bytes(t + 36, 0xff, 8);
	expect_timer(t, 48, 29);
	expect_timer(t, 56, 30);
	expect_timer(t, 64, 27);
	expect_timer(t, 72, 0);
	expect_bytes(t + 80, 0xff, 8);
	expect_bytes(t + 88, 0, 8);
	expect_timer(t, 96, 28);
}

static void consoles(void **state)
{
	static const struct {
		enum acpi_uart type;
		u8 subtype;
		const char *width; /* space, width, offset, access size */
	} cases[] = {
		{ ACPI_UART_PL011, 3, "\0\x20\0\3" },
		{ ACPI_UART_16550, 0, "\0\x08\0\1" },
	};
	struct world *w = *state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const u8 *t;

		w->box.machine.uart_type = cases[i].type;
		load(w);
		t = table(w, "SPCR");
		assert_int_equal(length(t), 80);
		assert_int_equal(t[8], 2);
		assert_int_equal(t[36], cases[i].subtype);
		assert_memory_equal(t + 40, cases[i].width, 4);
		assert_int_equal(get_le64(t + 44), 0x09000000);
		assert_memory_equal(t + 52, "\x08\0\x21\0\0\0\7\0\1\0\3\0", 12);
		expect_bytes(t + 64, 0xff, 4);
		expect_bytes(t + 68, 0, 12);
		t = table(w, "DBG2");
		assert_int_equal(length(t), 44 + 38 + 10);
		assert_int_equal(get_le16(t + 45), 38 + 10);
		assert_int_equal(get_le16(t + 44 + 12), 0x8000);
		assert_int_equal(get_le16(t + 44 + 14), cases[i].subtype);
		assert_memory_equal(t + 44 + 22, cases[i].width, 4);
		assert_int_equal(get_le64(t + 44 + 26), 0x09000000);
		assert_int_equal(get_le32(t + 44 + 34), SZ_4K);
		assert_string_equal((const char *)t + 44 + 38, "\\_SB.COM0");
	}
	w->box.machine.uart.intid = 0;
	load(w);
	expect_bytes(table(w, "SPCR") + 52, 0, 6);
	w->box.machine.uart.size = 0;
	load(w);
	assert_null(acpi_image_table(&w->image, "SPCR"));
	assert_null(acpi_image_table(&w->image, "DBG2"));
}

static void iort(void **state)
{
	struct world *w = *state;
	const u8 *t;

	load(w);
	t = table(w, "IORT");
	assert_int_equal(length(t), 72);
	assert_int_equal(get_le32(t + 36), 1);
	assert_int_equal(get_le32(t + 40), 48);
	assert_int_equal(t[48], 0);
	assert_int_equal(get_le16(t + 49), 24);
	assert_int_equal(get_le32(t + 64), 1);
	assert_int_equal(get_le32(t + 68), 0);
	w->box.machine.gic.its = 0;
	load(w);
	assert_null(acpi_image_table(&w->image, "IORT"));
}

static void pcie(void **state)
{
	struct world *w = *state;
	const u8 *t;

	load(w);
	assert_null(acpi_image_table(&w->image, "MCFG"));
	acpi_machine_add_pcie(&w->box);
	w->box.pcie.nr_buses = 16;
	load(w);
	t = table(w, "MCFG");
	assert_int_equal(length(t), 60);
	assert_int_equal(t[8], 1);
	assert_int_equal(get_le64(t + 44), 0x4010000000);
	assert_memory_equal(t + 52, "\0\0\0\x0f\0\0\0\0", 8);
	t = table(w, "IORT");
	assert_int_equal(length(t), 72 + 56);
	assert_int_equal(get_le32(t + 36), 2);
	assert_int_equal(t[72], 2);
	assert_int_equal(get_le16(t + 73), 56);
	assert_memory_equal(t + 75, "\1\0\0\0\0\1\0\0\0\x24\0\0\0", 13);
	assert_memory_equal(t + 72 + 16, "\1\0\0\0\0\0\0\3", 8);
	expect_bytes(t + 72 + 24, 0, 8);
	assert_memory_equal(t + 72 + 32, "\x40\0\0\0", 4);
	assert_int_equal(get_le32(t + 72 + 36), 0);
	assert_int_equal(get_le32(t + 72 + 40), 0xffff);
	assert_int_equal(get_le32(t + 72 + 44), 0);
	assert_int_equal(get_le32(t + 72 + 48), 48);
}

/* ---- Refusals -------------------------------------------------------------
 */

static void refuse(struct world *w, int err)
{
	messages = 0;
	assert_int_equal(acpi_build(&w->box.machine, &w->tables), err);
	assert_int_equal(messages, 1);
	messages = 0;
	assert_null(w->tables.tables.data);
	assert_null(w->tables.loader.data);
	assert_null(w->tables.rsdp.data);
}

static void number_of_cpus(void **state)
{
	struct world *w = *state;

	w->box.machine.nr_cpus = 0;
	refuse(w, -EINVAL);
	acpi_machine_init(&w->box, 3, ACPI_MAX_CPUS + 1);
	refuse(w, -E2BIG);
	acpi_machine_init(&w->box, 2, 9);
	refuse(w, -E2BIG);
	acpi_machine_init(&w->box, 3, 3);
	w->box.cpus[2].mpidr = 0x80000002;
	refuse(w, -EINVAL);
	w->box.cpus[2].mpidr = 0x10000000000;
	refuse(w, -EINVAL);
}

/* A machine that is taken as it is, before one thing of it is made wrong. */
static void good(struct world *w, unsigned int gic)
{
	messages = 0;
	acpi_machine_init(&w->box, gic, 2);
	load(w);
	teardown((void *[]) { w });
}

#define REFUSE(w, gic, wrong)       \
	do {                        \
		good(w, gic);       \
		wrong;              \
		refuse(w, -EINVAL); \
	} while (0)

static void bad_gics(void **state)
{
	struct world *w = *state;
	struct acpi_machine *m = &w->box.machine;

	REFUSE(w, 3, m->gic.version = 1);
	REFUSE(w, 3, m->gic.version = 4);
	REFUSE(w, 3, m->gic.gicd = 0);
	REFUSE(w, 2, m->gic.gicc = 0);
	REFUSE(w, 2, m->gic.its = 0x08080000);
	REFUSE(w, 3, m->gic.nr_gicr = 0);
	REFUSE(w, 3, m->gic.nr_gicr = ACPI_MAX_GICR + 1);
	REFUSE(w, 3, m->gic.gicr[0].size = 0);
	REFUSE(w, 3, m->gic.gicr[0].size = SZ_4G);
	REFUSE(w, 3, w->box.cpus[1].gicr = 0x080a0000);
	REFUSE(w, 3, (m->gic.nr_gicr = 0, w->box.cpus[1].gicr = 1));
	REFUSE(w, 3,
	       (m->gic.v2m = 0x08020000, m->gic.v2m_intid = 80,
		m->gic.nr_v2m_spis = 1));
	REFUSE(w, 2, m->gic.v2m_intid = 31);
	REFUSE(w, 2, m->gic.v2m_intid = 1020);
	REFUSE(w, 2, m->gic.nr_v2m_spis = 0);
	REFUSE(w, 2, m->gic.nr_v2m_spis = 941);
	REFUSE(w, 2, m->gic.nr_v2m_spis = UINT32_MAX);
}

/* The frame may have SPIs up to the last one, with either GIC. */
static void good_gics(void **state)
{
	struct world *w = *state;

	acpi_machine_init(&w->box, 2, 8);
	w->box.machine.gic.nr_v2m_spis = 940;
	load(w);
	acpi_machine_init(&w->box, 3, 9);
	w->box.machine.gic.its = 0;
	w->box.machine.gic.v2m = 0x08020000;
	w->box.machine.gic.v2m_intid = 80;
	w->box.machine.gic.nr_v2m_spis = 64;
	load(w);
}

static void bad_interrupts(void **state)
{
	struct world *w = *state;
	struct acpi_machine *m = &w->box.machine;

	REFUSE(w, 3, m->timers.secure = 15);
	REFUSE(w, 3, m->timers.phys = 32);
	REFUSE(w, 3, m->timers.virt = 1);
	REFUSE(w, 3, m->timers.hyp = UINT32_MAX);
	REFUSE(w, 3, m->timers.hyp_virt = 32);
	REFUSE(w, 3, m->pmu_intid = 7);
	REFUSE(w, 3, m->uart.intid = 31);
	REFUSE(w, 3, m->uart.intid = 1020);
	REFUSE(w, 3, m->gpio.intid = 0);
	REFUSE(w, 3, m->power_key = 8);
}

static void bad_devices(void **state)
{
	struct world *w = *state;
	struct acpi_machine *m = &w->box.machine;

	REFUSE(w, 3, m->uart.base = SZ_4G);
	REFUSE(w, 3, m->uart.base = SZ_4G - 1);
	REFUSE(w, 3, m->fw_cfg.size = SZ_4G);
	REFUSE(w, 3, m->fw_cfg.size = UINT64_MAX);
	REFUSE(w, 3, (m->fw_cfg.base = 0, m->fw_cfg.size = SZ_4G));
	REFUSE(w, 3, m->gpio.base = UINT64_MAX);
	REFUSE(w, 3, m->pvpanic.size = SZ_4G);
	REFUSE(w, 3, m->exit_device.size = SZ_4G);
	REFUSE(w, 3,
	       (acpi_machine_add_flash(&w->box, 2), m->flash[1].size = 0));
	REFUSE(w, 3,
	       (acpi_machine_add_virtio(&w->box, 2),
		w->box.virtio[1].intid = 0));
	acpi_machine_init(&w->box, 3, 1);
	acpi_machine_add_virtio(&w->box, ACPI_MAX_VIRTIO + 1);
	refuse(w, -E2BIG);
	acpi_machine_init(&w->box, 3, 1);
	w->box.machine.nr_flash = ACPI_MAX_FLASH + 1;
	refuse(w, -E2BIG);
}

static void bad_pcie(void **state)
{
	struct world *w = *state;
	struct acpi_pcie *p = &w->box.pcie;

#define REFUSE_PCIE(wrong) REFUSE(w, 3, (acpi_machine_add_pcie(&w->box), wrong))

	REFUSE_PCIE(p->nr_buses = 0);
	REFUSE_PCIE(p->nr_buses = 257);
	REFUSE_PCIE(p->ecam = 0x3f080000);
	REFUSE_PCIE(p->ecam = UINT64_MAX & ~(SZ_1M - 1));
	REFUSE_PCIE(p->mmio32.size = 0);
	REFUSE_PCIE(p->mmio32.base = SZ_4G - 1);
	REFUSE_PCIE(p->mmio64.base = UINT64_MAX);
	REFUSE_PCIE(p->ports.size = SZ_64K + 1);
	REFUSE_PCIE(p->ports.base = UINT64_MAX);
	REFUSE_PCIE(p->intid = 31);
	REFUSE_PCIE(p->intid = 1017);
	good(w, 3);
	acpi_machine_add_pcie(&w->box);
	p->intid = 1016;
	p->mmio64.base = -p->mmio64.size;
	load(w);
}

/* What is just not refused. A CPU that there is not is not looked at. */
static void good_limits(void **state)
{
	struct world *w = *state;
	struct acpi_machine *m = &w->box.machine;

	good(w, 3);
	m->timers.secure = 16;
	m->uart.intid = 32;
	m->gpio.intid = 1019;
	m->gic.nr_gicr = ACPI_MAX_GICR;
	for (unsigned int i = 0; i < ACPI_MAX_GICR; i++)
		m->gic.gicr[i] = (struct acpi_range) { i * SZ_4G, UINT32_MAX };
	w->box.cpus[m->nr_cpus].mpidr = UINT64_MAX;
	load(w);
}

/* Wherever memory runs out: an error and a message, no leak, no crash. */
static void out_of_memory(void **state)
{
	struct world *w = *state;
	int n = 0;

	for (;; n++) {
		reallocs_left = n;
		messages = 0;
		if (!acpi_build(&w->box.machine, &w->tables))
			break;
		reallocs_left = n;
		refuse(w, -ENOMEM);
	}
	assert_in_range(n, 5, 30);
}

#define ACPI_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ACPI_TEST(root_pointer),
		ACPI_TEST(all_machines),
		ACPI_TEST(same_again),
		ACPI_TEST(fadt),
		ACPI_TEST(madt_gicv2),
		ACPI_TEST(madt_gicv3),
		ACPI_TEST(redistributor_of_each),
		ACPI_TEST(gtdt),
		ACPI_TEST(consoles),
		ACPI_TEST(iort),
		ACPI_TEST(pcie),
		ACPI_TEST(number_of_cpus),
		ACPI_TEST(bad_gics),
		ACPI_TEST(good_gics),
		ACPI_TEST(bad_interrupts),
		ACPI_TEST(bad_devices),
		ACPI_TEST(bad_pcie),
		ACPI_TEST(good_limits),
		ACPI_TEST(out_of_memory),
	};

	return cmocka_run_group_tests_name("acpi", tests, NULL, NULL);
}
