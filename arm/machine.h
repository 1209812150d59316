/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Internal to arm/: the tables that describe machines, and one instance. */
#ifndef ARM_MACHINE_H
#define ARM_MACHINE_H

#include "lkvm/fdt.h"
#include "lkvm/machine.h"

/* A range of guest physical addresses. */
struct addr_range {
	u64 base;
	u64 size;
};

/* A serial port: where it is and which SPI it has. */
struct serial_place {
	u64 base;
	u32 spi;
};

/*
 * Everything that makes one machine differ from another. SPIs count from 0
 * (INTID 32).
 */
struct machine_type {
	const char *name;
	u64 ram_base;
	u64 ram_base_min; /* lowest --mem SIZE@ADDR */

	struct addr_range gicd;
	struct addr_range gicc; /* GICv2 */
	struct addr_range v2m;
	u64 gicr_end; /* redistributors lie below, the ITS below them */
	u32 nr_spis;
	u32 v2m_spi;
	u32 nr_v2m_spis;

	struct serial_place serial[MACHINE_MAX_SERIAL];
	unsigned int nr_serial;
	struct addr_range rtc;
	struct addr_range pvtime;
	struct addr_range flash; /* window that all banks share */
	u32 flash_block;	 /* erase block of a bank, in bytes */

	/* Creates the devices, line by line. 0, or -errno after a message. */
	int (*build)(struct machine *machine, struct chardev *serial[]);
};

extern const struct machine_type machine_kvmtool;

/* KVM_ARM_VCPU_* features and capabilities the guest gets. */
struct arm_features {
	u32 vcpu_init; /* bits for kvm_vcpu_init.features[0] */
	bool sve;
	bool pmu;
	bool mte;
	bool pvtime;
	bool aarch32;
	bool batch; /* see batch.h */
	bool nisv;  /* accesses without syndrome come to lkvm */
};

struct machine {
	struct vm vm;
	const struct machine_type *type;
	const struct vm_config *config;
	struct arm_features features;

	struct addr_range ram;
	void *ram_hva;
	size_t ram_map_size;
	void *pvtime_hva;

	enum irqchip irqchip; /* never IRQCHIP_AUTO */
	int gic_fd;
	int its_fd;

	/* What the boot loader found out. */
	u64 entry;
	struct addr_range dtb;
	struct addr_range initrd; /* size 0: none */
	char *cmdline;
};

/* ram.c: allocates RAM and maps it. 0, or -errno after a message. */
int ram_choose_size(struct machine *machine, unsigned int nr_cpus);
int ram_create(struct machine *machine);
void ram_destroy(struct machine *machine);

/* features.c: what the guest's CPUs can do. 0, or -errno after a message. */
int features_choose(struct machine *machine);

/*
 * gic.c: picks and creates the interrupt controller, and, once the vCPUs
 * exist, completes it. 0, or -errno after a message.
 */
int gic_create(struct machine *machine);
int gic_init(struct machine *machine);
void gic_destroy(struct machine *machine);
void gic_fdt_node(struct machine *machine, struct fdt_writer *fdt);

/* cpu.c: the arm64 side of the vCPUs. 0, or -errno after a message. */
int cpu_init_all(struct machine *machine);
int cpu_set_boot_state(struct machine *machine);
u64 cpu_mpidr(struct vcpu *vcpu);

/* What it takes to go on with a vCPU's instructions. */
struct cpu_regs {
	u64 x[32]; /* [31] is SP_EL1 */
	u64 pc, pstate;
	u64 sctlr, tcr, tcr2, ttbr[2], mair, mdscr; /* of EL1 */
};

/*
 * Reads them, or writes those X, PC and PSTATE of `regs` that differ from
 * `old`. 0, or -errno; if they could not be written there was a message.
 */
int cpu_get_regs(struct vcpu *vcpu, struct cpu_regs *regs);
int cpu_put_regs(struct vcpu *vcpu, const struct cpu_regs *old,
		 const struct cpu_regs *regs);
int cpu_get_pc(struct vcpu *vcpu, u64 *pc);
extern const struct vm_arch_ops arm_vm_ops;

/* pmu.c: overflow interrupt and choice of the PMU. */
int pmu_init_vcpu(struct machine *machine, struct vcpu *vcpu);

/* pvtime.c: the shared page of stolen time. */
int pvtime_create(struct machine *machine);
int pvtime_init_vcpu(struct machine *machine, struct vcpu *vcpu);
void pvtime_destroy(struct machine *machine);

/* boot.c: loads kernel, initrd and firmware and decides where all goes. */
int boot_load(struct machine *machine);

/* fdt.c: writes the device tree into RAM, and to --dump-dtb's file. */
int machine_write_fdt(struct machine *machine);

/* PPIs as the GIC's binding counts them, from 0 (INTID 16). */
#define PPI_TIMER_SECURE 13
#define PPI_TIMER_PHYS	 14
#define PPI_TIMER_VIRT	 11
#define PPI_TIMER_HYP	 10
#define PPI_PMU		 7

/* The flags cell of a PPI: trigger, and for GICv2 the mask of CPUs. */
u32 gic_ppi_flags(const struct machine *machine, u32 trigger);

#endif
