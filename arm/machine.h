/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Internal to arm/: the tables that describe machines, and one instance. */
#ifndef ARM_MACHINE_H
#define ARM_MACHINE_H

#include "lkvm/arm/boot/boot_file.h"
#include "lkvm/arm/machine.h"
#include "lkvm/arm/tables/acpi.h"
#include "lkvm/vmm/fdt.h"

/* A range of guest physical addresses. */
struct addr_range {
	u64 base;
	u64 size;
};

/* A device: where it is and which SPI it has. */
struct device_place {
	u64 base;
	u32 spi;
};

/* Where banks of flash are, one behind the other, each aligned to its size. */
struct flash_window {
	struct addr_range range;
	unsigned int max_banks;
};

#define MACHINE_MAX_FLASH_WINDOWS 2

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
	struct addr_range gicr; /* redistributors; the ITS lies below them */
	bool gicr_at_end;	/* of that range, not at its start */
	u32 nr_spis;
	u32 v2m_spi;
	u32 nr_v2m_spis;

	struct device_place serial[MACHINE_MAX_SERIAL];
	unsigned int nr_serial;
	enum acpi_uart uart_type;
	const char *console; /* what Linux calls the first of them */
	struct device_place rtc;
	struct device_place gpio;
	u32 clock; /* Hz of the fixed clock of PrimeCells; 0: none */
	struct addr_range pvtime;
	u64 fw_cfg; /* 0: none */

	struct flash_window flash[MACHINE_MAX_FLASH_WINDOWS];
	u32 flash_block;	 /* erase block of a bank, in bytes */
	const char *flash_label; /* of the first bank; NULL: its name */
	bool starts_in_flash;	 /* at the first window, without a kernel */

	/*
	 * Creates what only this machine has, line by line: not the MSI frame
	 * and the flash. 0 or -errno.
	 */
	int (*build)(struct machine *machine, struct chardev *serial[]);
};

extern const struct machine_type machine_kvmtool;
extern const struct machine_type machine_virt;

#define GIC_KEPT_BANKS 5
#define GIC_KEPT_CPU   14

/* What gic_reset.c knows of the GIC at power-on: see there. */
struct gic_power_on {
	int error; /* -errno: nothing, because of this */
	u32 ctlr;
	u32 spi[GIC_KEPT_BANKS];
	u32 private[GIC_KEPT_BANKS];
	u32 lpi_baser[4]; /* GICR_PROPBASER and GICR_PENDBASER */
	u64 its_baser[2];
	u64 cpu[GIC_KEPT_CPU];
	u64 has_cpu; /* bit n: there is cpu[n] */
};

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

/* Where vCPU 0 finds its first instruction. */
enum boot_from {
	BOOT_KERNEL,	   /* in RAM */
	BOOT_RAM_FIRMWARE, /* in RAM, too */
	BOOT_FLASH,	   /* in the first bank, which it executes in place */
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

	enum boot_from boot;
	struct flash_config flash[FLASH_MAX_BANKS + 1]; /* firmware's, too */
	unsigned int nr_flash;

	/* Of the devices, which the registry owns; NULL: there is none. */
	struct cfi_flash *first_bank;
	struct pl061 *gpio;
	struct fw_cfg *fw_cfg;

	unsigned long kvm_type; /* of the VM */
	enum irqchip irqchip;	/* never IRQCHIP_AUTO */
	int gic_fd;
	int its_fd;
	struct gic_power_on gic_power_on;

	/* Open as long as the machine lives, to be loaded again. */
	struct boot_file kernel, initrd_file, firmware;
	bool again; /* it is set up after a reset: all has been said before */

	/* What the boot loader found out. */
	u64 entry;
	struct addr_range dtb;
	struct addr_range initrd; /* size 0: none */
	char *cmdline;

	/* What the vCPU that is suspended goes on with. */
	struct {
		u64 entry;
		u64 context;
	} wake;
};

/*
 * ram.c: allocates RAM and maps it, and makes it as it was then. 0, or -errno
 * after a message.
 */
int ram_choose_size(struct machine *machine, unsigned int nr_cpus);
int ram_create(struct machine *machine);
int ram_reset(struct machine *machine);
void ram_destroy(struct machine *machine);

/* features.c: what the guest's CPUs can do. 0, or -errno after a message. */
int features_choose(struct machine *machine);

/*
 * gic.c: picks and creates the interrupt controller, and, once the vCPUs
 * exist, completes it. 0, or -errno after a message.
 */
int gic_create(struct machine *machine);
unsigned int gic_max_vcpus(const struct machine *machine);
int gic_init(struct machine *machine);
void gic_destroy(struct machine *machine);
bool gic_is_v3(const struct machine *machine);

/* KVM_SET_DEVICE_ATTR on the GIC or the ITS: 0 or -errno, no message. */
int gic_set_attr(int fd, u32 group, u64 attr, void *arg);
void gic_fdt_node(struct machine *machine, struct fdt_writer *fdt);
struct acpi_gic gic_acpi(const struct machine *machine);

/*
 * gic_reset.c: keeps what the GIC's registers are at power-on, which is now,
 * and makes them so again. The latter comes after the vCPUs and the devices
 * have been reset; 0, or -errno after a message.
 */
void gic_keep_power_on(struct machine *machine);
int gic_reset(struct machine *machine);

/*
 * cpu.c: the arm64 side of the vCPUs. None of them runs, but for the caller's
 * own. 0, or -errno after a message.
 */
int cpu_init_all(struct machine *machine);
int cpu_reset_all(struct machine *machine);
int cpu_set_boot_state(struct machine *machine);

/* api.rst, 4.68: general purpose registers are 64 bits wide in AArch64. */
#define CORE_REG(name)                                         \
	(KVM_REG_ARM64 | KVM_REG_SIZE_U64 | KVM_REG_ARM_CORE | \
	 KVM_REG_ARM_CORE_REG(name))

/* KVM_GET_ONE_REG and KVM_SET_ONE_REG of 64 bits: 0 or -errno, no message. */
int cpu_get_reg(struct vcpu *vcpu, u64 id, u64 *value);
int cpu_set_reg(struct vcpu *vcpu, u64 id, u64 value);

u64 cpu_mpidr(struct vcpu *vcpu);
u64 cpu_clidr(struct vcpu *vcpu); /* CLIDR_EL1, or 0 if KVM does not tell */

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

/*
 * How a vCPU goes on after PSCI turned it off: at `entry`, all else as after a
 * reset, but for the timers, which have gone on. 0, or -errno after a message.
 */
int cpu_wake(struct machine *machine, struct vcpu *vcpu, u64 entry,
	     u64 context);

/* Sets an X register. 0, or -errno after a message. */
int cpu_set_x(struct vcpu *vcpu, unsigned int n, u64 value);
extern const struct vm_arch_ops arm_vm_ops;

/* machine.c: vm_arch_ops.reset. */
int machine_reset(struct vm *vm);

/* suspend.c: PSCI SYSTEM_SUSPEND; vm_arch_ops.system_event. */
void suspend_enable(struct machine *machine);
int suspend_system_event(struct vcpu *vcpu);

/* pmu.c: overflow interrupt and choice of the PMU. */
int pmu_init_vcpu(struct machine *machine, struct vcpu *vcpu);

/* pvtime.c: the shared page of stolen time. */
int pvtime_create(struct machine *machine);
int pvtime_init_vcpu(struct machine *machine, struct vcpu *vcpu);
void pvtime_reset(struct machine *machine);
void pvtime_destroy(struct machine *machine);

/*
 * firmware.c: where the guest starts, and which banks of flash it has. 0, or
 * -errno after a message.
 */
int firmware_choose(struct machine *machine);

/*
 * boot.c: loads kernel, initrd and firmware and decides where all goes. Again
 * after a reset, into RAM that is empty.
 */
int boot_load(struct machine *machine);
void boot_destroy(struct machine *machine);

/*
 * boot-cmdline.c: warns of a command line that is longer than what the guest's
 * Linux takes.
 */
void boot_check_cmdline(const struct machine *machine);

/*
 * probe.c: false if the host's KVM aborts walks of page tables in read-only
 * memory. `type` is that of the VM.
 */
bool probe_walks_in_flash(const char *kvm_dev, unsigned long type);

/*
 * boot-fw_cfg.c: what firmware gets through fw_cfg, if the machine has that:
 * boot order, kernel, initrd and command line, and the user's files. 0, or
 * -errno after a message.
 */
int boot_fill_fw_cfg(struct machine *machine);

/* boot-tables.c: ACPI and SMBIOS tables. 0, or -errno after a message. */
int boot_add_tables(struct machine *machine);

/*
 * machine-parts.c: what machines are built of. Those that return something
 * return 0 or -errno; only machine_add_flash() has printed a message then.
 */
struct irq_line machine_spi(struct machine *machine, u32 number,
			    enum irq_trigger trigger);
int machine_add_v2m(struct machine *machine);
int machine_add_flash(struct machine *machine);

/*
 * fdt.c: writes the device tree into RAM, and, before the first reset, to
 * --dump-dtb's file.
 */
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
