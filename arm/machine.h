/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Internal to arm/: the tables that describe machines, and one instance. */
#ifndef ARM_MACHINE_H
#define ARM_MACHINE_H

#include "batch_veto.h"
#include "lkvm/arm/boot/boot_file.h"
#include "lkvm/arm/boot/uki.h"
#include "lkvm/arm/machine.h"
#include "lkvm/arm/tables/acpi.h"
#include "lkvm/arm/tables/smbios.h"
#include "lkvm/chardev/chardev.h"
#include "lkvm/config/vm_config.h"
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

/* A file that is memory of the guest's: see machine-pmem.c. */
struct machine_pmem {
	const char *path; /* the option's; NULL: it is not open */
	char name[8];	  /* of its device */
	int fd;
	u64 base;
	u64 size; /* of the memory: not less than the file's */
	u64 file_size;
	void *hva;
	void *map; /* what that is part of; NULL: nothing */
	size_t map_size;
	struct memslot slot;
};

/* Where banks of flash are, one behind the other, each aligned to its size. */
struct flash_window {
	struct addr_range range;
	unsigned int max_banks;
};

#define MACHINE_MAX_FLASH_WINDOWS 2
#define MACHINE_MAX_VIRTIO	  31 /* a PCI bus has so many beside the bridge */

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
	u64 fw_cfg;		  /* 0: none */
	u64 pvpanic, exit_device; /* where they are if they are wanted */

	/* Slots of virtio-mmio, one behind the other, as are their SPIs. */
	struct device_place virtio;
	/* The PCI host bridge; `io` is where the CPU sees port 0. */
	struct {
		struct addr_range ecam, mmio32, io;
		u32 spi; /* of four */
	} pci;

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

/* KVM_ARM_VCPU_* features and capabilities the guest gets. */
struct arm_features {
	u32 vcpu_init; /* bits for kvm_vcpu_init.features[0] */
	bool sve;
	bool pmu;
	bool mte;
	bool pvtime;
	bool aarch32;
	bool nisv; /* accesses without syndrome come to lkvm */
};

/* Where vCPU 0 finds its first instruction. */
enum boot_from {
	BOOT_KERNEL,	   /* in RAM */
	BOOT_RAM_FIRMWARE, /* in RAM, too */
	BOOT_FLASH,	   /* in the first bank, which it executes in place */
};

/* The page size requested of the host for RAM (madvise(2)). */
enum ram_pages {
	RAM_PAGES_DEFAULT,
	RAM_PAGES_SMALL,
	RAM_PAGES_HUGE,
};

#define GIC_KEPT_BANKS 5
#define GIC_KEPT_CPU   14

/* The GIC's registers at power-on, as read by gic_reset.c: see there. */
struct gic_power_on {
	bool known;
	u32 ctlr;
	u32 spi[GIC_KEPT_BANKS];
	u32 private[GIC_KEPT_BANKS];
	u32 lpi_baser[4]; /* GICR_PROPBASER and GICR_PENDBASER */
	u64 its_baser[2];
	u64 cpu[GIC_KEPT_CPU];
	u64 has_cpu; /* bit n: there is cpu[n] */
};

struct machine {
	struct vm vm;
	const struct machine_type *type;
	const struct vm_config *config;
	struct arm_features features;

	struct addr_range ram;
	void *ram_hva;
	void *ram_map; /* what RAM is part of */
	size_t ram_map_size;
	int ram_fd; /* the file that RAM is a mapping of, or -1 */
	enum ram_pages ram_pages;
	void *pvtime_hva;

	enum boot_from boot;
	struct flash_config flash[FLASH_MAX_BANKS + 1]; /* firmware's, too */
	unsigned int nr_flash, nr_virtio;
	struct firmware_files *installed; /* what `flash` points to, or NULL */

	/* Of the devices, which the registry owns; NULL: there is none. */
	struct cfi_flash *first_bank;
	struct pl061 *gpio;
	struct fw_cfg *fw_cfg;
	struct pci_host *pci;
	struct acpi_pcie acpi_pci; /* what tables say of it */

	/* Open from the start on; NULL once its device has it. */
	struct disk *disks[MACHINE_MAX_VIRTIO];
	struct net *nets[MACHINE_MAX_VIRTIO];
	u32 disk_slots[MACHINE_MAX_VIRTIO]; /* PCI's or virtio-mmio's */
	u32 net_slots[MACHINE_MAX_VIRTIO];
	struct acpi_device virtio[MACHINE_MAX_VIRTIO]; /* slots in use */
	struct machine_pmem pmems[MACHINE_MAX_VIRTIO];
	/* Of shares, as `disks`. */
	struct p9_server *shares[MACHINE_MAX_VIRTIO];
	struct fs_daemon *fs[MACHINE_MAX_VIRTIO];
	int vsock_fd; /* one more than the descriptor, or 0 */
	/* Of --exit-device: one more than the status, or 0. See on_status(). */
	_Atomic(int) guest_status;

	unsigned long kvm_type;	  /* of the VM */
	u64 memory_end;		  /* of RAM, or of the last file above it */
	struct addr_range mmio64; /* PCI's above 4 GiB; size 0: none */

	/* Of the virtio console; see machine-console.c. */
	struct virtio_device *console; /* the registry's; NULL: there is none */
	struct chardev *terminal;      /* NULL: it is the serial port's */
	struct chardev serial_out;
	u16 console_cols, console_rows;
	int port_fds[PORT_MAX]; /* one more than open descriptors, or 0 */
	struct socket_port *port_sockets[PORT_MAX]; /* NULL: none, or served */

	enum irqchip irqchip; /* never IRQCHIP_AUTO */
	int gic_fd;
	int its_fd;
	struct gic_power_on gic_power_on;

	/* Open as long as the machine lives, to be loaded again. */
	struct boot_file kernel, initrd_file, firmware;
	struct uki uki; /* what is in the kernel's file, if it is one */
	bool again; /* it is set up after a reset: all has been said before */

	/* What --smbios has named, read. */
	struct {
		struct {
			char **items;
			unsigned int count;
		} oem;
		struct efi_guid uuid;
		bool has_uuid;
	} smbios;

	/* What the boot loader found out. */
	u64 entry;
	struct addr_range dtb;
	struct addr_range initrd; /* size 0: none */
	char *cmdline;

	/* See batch.h. */
	atomic_bool batch_allowed;
	_Atomic(u32) batch_forbidden; /* bits of enum batch_veto */
	_Atomic(u64) batch_refusals[BATCH_VETOES];

	struct ratelimit crash_messages; /* of --pvpanic */

	struct debugger *debugger;     /* NULL without --gdb */
	struct virtio_device *balloon; /* NULL without --balloon */

	/* SYSTEM_SUSPEND: where the vCPU resumes. Its own thread's. */
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

/* ram.c: what RAM that is touched from now on for the first time comes in. */
void ram_use_huge_pages(struct machine *machine, bool huge);
void ram_destroy(struct machine *machine);

/*
 * features.c: chooses machine->features, before there are vCPUs. 0, or -errno
 * after a message.
 */
int features_choose(struct machine *machine);

/* vm_ops.c: what the portable core calls. */
extern const struct vm_arch_ops arm_vm_ops;

/* reset.c: vm_arch_ops.reset. */
int machine_reset(struct vm *vm);

/*
 * suspend.c: PSCI SYSTEM_SUSPEND, where KVM has it; vm_arch_ops.system_event,
 * on the calling vCPU's thread.
 */
void suspend_enable(struct machine *machine);
int suspend_system_event(struct vcpu *vcpu);

/*
 * pmu.c: sets up the vCPU's PMU, after the GIC, if the guest has one. 0, or
 * -errno after a message.
 */
int pmu_init_vcpu(struct machine *machine, struct vcpu *vcpu);

/* pvtime.c: the shared page of stolen time. */
int pvtime_create(struct machine *machine);
int pvtime_init_vcpu(struct machine *machine, struct vcpu *vcpu);
void pvtime_reset(struct machine *machine);
void pvtime_destroy(struct machine *machine);

/*
 * probe.c: false if the host's KVM aborts walks of page tables in read-only
 * memory. `type` is that of the VM.
 */
bool probe_walks_in_flash(const char *kvm_dev, unsigned long type);

/*
 * machine-parts.c: what machines are built of. Those that return something
 * return 0 or -errno; only machine_add_flash() has printed a message then.
 */
struct irq_line machine_spi(struct machine *machine, u32 number,
			    enum irq_trigger trigger);
int machine_add_v2m(struct machine *machine);
int machine_add_flash(struct machine *machine);

/*
 * machine-devices.c: opens what virtio devices stand before, 0 or -errno after
 * a message; makes devices of it, 0 or -errno; closes what is part of none yet.
 */
int machine_open_virtio(struct machine *machine);
int machine_add_virtio(struct machine *machine);
void machine_close_virtio(struct machine *machine);

/* machine-virtio.c: the bridge, where devices are functions. 0 or -errno. */
int machine_add_pci(struct machine *machine);

/*
 * machine-virtio.c: the next slot of the transport for the model, which is the
 * machine's from here on, also after an error. 0, with *slot, or -errno.
 */
struct virtio_device;
int machine_add_device(struct machine *machine, struct virtio_device *vdev,
		       u32 *slot);

/* machine-disk.c: the same three for disks. */
int machine_open_disks(struct machine *machine);
int machine_add_disks(struct machine *machine);
void machine_close_disks(struct machine *machine);

/* machine-net.c: and for networks. */
int machine_open_nets(struct machine *machine);
int machine_add_nets(struct machine *machine);
void machine_close_nets(struct machine *machine);

/*
 * machine-console.c: the same three for ports of the virtio console, and that.
 * With --console virtio, machine_take_terminal() before all devices: it returns
 * the backend of the first serial port.
 */
int machine_open_ports(struct machine *machine);
int machine_add_console(struct machine *machine);
void machine_close_ports(struct machine *machine);
struct chardev *machine_take_terminal(struct machine *machine,
				      struct chardev *terminal);

/* machine-rng.c: adds one if the options want it. 0 or -errno. */
int machine_add_rng(struct machine *machine);

/*
 * machine-balloon.c: whether the balloon fits the RAM, 0 or -EINVAL after a
 * message; adds it if the options want one, 0 or -errno.
 */
int machine_check_balloon(const struct machine *machine);
int machine_add_balloon(struct machine *machine);

/*
 * machine-pmem.c: the same three for files that are memory, the last of them
 * when there is no VM any more. machine_open_pmems() also chooses where they
 * are, once RAM has its place. machine_explain_pmems() says which of them is
 * the reason why KVM finds no memory.
 */
int machine_open_pmems(struct machine *machine);
int machine_add_pmems(struct machine *machine);
void machine_close_pmems(struct machine *machine);
void machine_explain_pmems(const struct machine *machine);

/* machine-share.c: the same three for shares. */
int machine_open_shares(struct machine *machine);
int machine_add_shares(struct machine *machine);
void machine_close_shares(struct machine *machine);

/* machine-fs.c: the same three for what daemons share by virtiofs. */
int machine_open_fs(struct machine *machine);
int machine_add_fs(struct machine *machine);
void machine_close_fs(struct machine *machine);

/* machine-vsock.c: and for sockets, if the options want them. */
int machine_open_vsock(struct machine *machine);
int machine_add_vsock(struct machine *machine);
void machine_close_vsock(struct machine *machine);

/*
 * machine-status.c: whether there is a slot for --pvpanic, 0 or -ENOSPC after a
 * message; adds it and --exit-device if they are wanted, 0 or -errno; what
 * tables say of them.
 */
int machine_check_status(const struct machine *machine);
int machine_add_status(struct machine *machine);
struct acpi_device machine_acpi_pvpanic(const struct machine *machine);
struct acpi_device machine_acpi_exit(const struct machine *machine);

/* Whether virtio devices are functions of PCI, once there are any. */
static inline bool machine_uses_pci(const struct machine *machine)
{
	return machine->pci && machine->config->virtio == VIRTIO_TRANSPORT_PCI;
}

#endif
