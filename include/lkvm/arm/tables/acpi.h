/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ACPI tables of an arm64 machine, as files of fw_cfg: the firmware allocates
 * memory for them, makes pointers of the offsets in them and sums them up as
 * `etc/table-loader` says (QEMU's interface: 128 bytes per command). Pure: the
 * description is all that is looked at.
 *
 * The tables are those of ACPI 6.3, which later versions extend and do not
 * change: Linux before 4.20 takes no GICC of the MADT that is longer. Sections
 * are those of the 6.5 specification.
 */
#ifndef LKVM_ARM_TABLES_ACPI_H
#define LKVM_ARM_TABLES_ACPI_H

#include "lkvm/util/blob.h"
#include "lkvm/vmm/irq.h"

#define ACPI_FILE_RSDP	 "etc/acpi/rsdp"
#define ACPI_FILE_TABLES "etc/acpi/tables"
#define ACPI_FILE_LOADER "etc/table-loader"

#define ACPI_MAX_CPUS	512
#define ACPI_MAX_GICR	4
#define ACPI_MAX_FLASH	16
#define ACPI_MAX_VIRTIO 256

/* Bytes of ACPI_FILE_TABLES; the largest machine needs less than half. */
#define ACPI_TABLES_MAX (256 * SZ_1K)

/* A vCPU; its number is that of its _UID. */
struct acpi_cpu {
	u64 mpidr; /* MPIDR_EL1's affinity fields, all other bits 0 */
	u64 gicr;  /* own redistributor; 0: it lies in acpi_gic.gicr */
};

/* Guest physical addresses. */
struct acpi_range {
	u64 base;
	u64 size;
};

/* A device below 4 GiB. It is absent if `size` is 0. */
struct acpi_device {
	u64 base;
	u64 size;
	u32 intid; /* SPIs count from 32; 0: it has no interrupt */
	enum irq_trigger trigger;
};

/* Bases of registers are guest physical; what the version lacks is ignored. */
struct acpi_gic {
	unsigned int version; /* 2 or 3 */
	u64 gicd;
	u64 gicc; /* version 2: the CPU interface */
	/* Version 3: regions of redistributors, unless each CPU has its own. */
	struct acpi_range gicr[ACPI_MAX_GICR];
	unsigned int nr_gicr;
	/* MSIs: an ITS (version 3), or a GICv2m frame; 0: there is none. */
	u64 its;
	u64 v2m;
	u32 v2m_intid; /* the frame's first SPI, from 32 */
	u32 nr_v2m_spis;
};

/* INTIDs of the CPU's own timers, 16 to 31; 0: the guest has none. */
struct acpi_timers {
	u32 secure, phys, virt, hyp, hyp_virt;
};

enum acpi_uart {
	ACPI_UART_PL011,
	ACPI_UART_16550, /* registers at a stride of one byte */
};

/*
 * A PCI Express host bridge, segment 0, with buses from 0 on. Addresses on the
 * bus are those of the CPU, but for ports, which count from 0. Slots of bus 0
 * raise `intid` + (pin + slot) % 4, pin 0 being INTA.
 */
struct acpi_pcie {
	u64 ecam;	       /* 1 MiB for each bus, at a multiple of that */
	unsigned int nr_buses; /* 1 to 256 */
	struct acpi_range mmio32; /* below 4 GiB */
	struct acpi_range mmio64; /* size 0: there is none */
	struct acpi_range ports;  /* up to 64 KiB; size 0: there are none */
	u32 intid;		  /* the first of four SPIs, from 32 */
};

/*
 * There is no real-time clock in it: UEFI's GetTime() is the clock of an ACPI
 * system, and the firmware keeps the PL031 for that. A device node would have
 * a driver of the OS use it at the same time.
 */
struct acpi_machine {
	const struct acpi_cpu *cpus; /* the boot CPU first */
	unsigned int nr_cpus;
	u64 clidr; /* CLIDR_EL1, as all of them have it; 0: no caches */
	struct acpi_gic gic;
	struct acpi_timers timers;
	u32 pmu_intid; /* 16 to 31; 0: no PMU */
	bool psci_smc; /* PSCI's conduit, for a guest with EL2; else HVC */

	struct acpi_device uart; /* the console */
	enum acpi_uart uart_type;
	struct acpi_device gpio; /* PL061 with the power button */
	u32 power_key;		 /* its line, 0 to 7 */
	struct acpi_device fw_cfg;
	struct acpi_device pvpanic;
	struct acpi_device exit_device;
	/*
	 * Only banks that are the OS's own: not those that the firmware runs
	 * from or keeps variables in. QEMU showed its banks up to 5.0.
	 */
	struct acpi_device flash[ACPI_MAX_FLASH];
	unsigned int nr_flash;
	const struct acpi_device *virtio; /* virtio-mmio slots */
	unsigned int nr_virtio;
	const struct acpi_pcie *pcie; /* NULL: there is none */
};

/* What the three files hold. */
struct acpi_tables {
	struct blob rsdp;
	struct blob tables;
	struct blob loader;
};

/*
 * Builds *tables, which the caller frees with acpi_tables_free() if this was
 * successful; nothing of the description is kept. Returns 0, or after a message
 * -EINVAL for an invalid description, -E2BIG for one of a machine
 * that is too large, or -ENOMEM; then *tables is empty.
 */
int acpi_build(const struct acpi_machine *machine, struct acpi_tables *tables);

/* Frees the files' bytes and leaves them empty. */
void acpi_tables_free(struct acpi_tables *tables);

#endif
