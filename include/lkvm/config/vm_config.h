/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The options of `lkvm run`, parsed and checked. */
#ifndef LKVM_CONFIG_VM_CONFIG_H
#define LKVM_CONFIG_VM_CONFIG_H

#include <sched.h>

#include "lkvm/config/balloon.h"
#include "lkvm/config/console.h"
#include "lkvm/config/control.h"
#include "lkvm/config/disk.h"
#include "lkvm/config/flash.h"
#include "lkvm/config/fs.h"
#include "lkvm/config/fw_cfg.h"
#include "lkvm/config/gdb.h"
#include "lkvm/config/network.h"
#include "lkvm/config/pmem.h"
#include "lkvm/config/root.h"
#include "lkvm/config/share.h"
#include "lkvm/config/smbios.h"
#include "lkvm/config/watch.h"
#include "lkvm/util/util.h"

#define BOOT_WAIT_MAX 65 /* seconds: fw_cfg has 16 bits of ms for it */

/* Which computer the guest finds itself in: see arm/machine-*.c. */
enum machine_name {
	MACHINE_DEFAULT, /* kvmtool's, unless firmware needs another */
	MACHINE_KVMTOOL,
	MACHINE_VIRT, /* QEMU's */
};

enum irqchip {
	IRQCHIP_AUTO, /* the best that KVM offers */
	IRQCHIP_GICV2,
	IRQCHIP_GICV2M,
	IRQCHIP_GICV3,
	IRQCHIP_GICV3_ITS,
	NR_IRQCHIPS
};

/* As users call them; NULL for IRQCHIP_AUTO. */
extern const char *const irqchip_names[NR_IRQCHIPS];

/* How the guest reaches its virtio devices. */
enum virtio_transport {
	VIRTIO_TRANSPORT_PCI,
	VIRTIO_TRANSPORT_MMIO,
};

/* The form of their queues, virtio 1.4, "Virtqueues". */
enum virtio_ring {
	VIRTIO_RING_PACKED, /* if the driver accepts that, or else split */
	VIRTIO_RING_SPLIT,
};

/* Where the device is by which a guest says that it has panicked. */
enum pvpanic {
	PVPANIC_NONE,
	PVPANIC_PCI, /* a function of the bus */
	PVPANIC_MMIO,
};

/* What the vCPUs are, and where they run. */
struct cpu_config {
	unsigned int nr;  /* 0: as many as the host has online */
	bool aarch32;	  /* EL1 in AArch32 state */
	bool pmu;	  /* PMUv3 for the guest */
	bool disable_mte; /* even if the host has it */
	bool no_pvtime;	  /* stolen time is not reported */
	u32 sve_max_vl;	  /* bits; 0: the host's maximum */
	u32 cntfrq;	  /* Hz for the timer node; 0: none */
	bool has_affinity;
	cpu_set_t affinity;	   /* host CPUs for the vCPU threads */
	const char *affinity_list; /* as the user wrote it */
};

/* The guest's RAM: one range. */
struct ram_config {
	u64 size;	       /* bytes; 0: chosen from the number of vCPUs */
	u64 base;	       /* 0: the machine's own */
	const char *hugetlbfs; /* mount point that RAM comes from, or NULL */
};

/* What the guest starts with, and its arguments. */
struct boot_config {
	const char *kernel;   /* path, or NULL */
	const char *initrd;   /* path, or NULL */
	const char *params;   /* appended to the kernel command line */
	bool nodefaults;      /* nothing else is added to it */
	const char *firmware; /* path, or NULL */

	bool firmware_auto;   /* `firmware` is whatever is installed */
	u64 firmware_address; /* 0: start of RAM */
	char *order;	      /* paths, a newline between them; NULL: none */
	u32 wait;	      /* seconds, if has_wait */
	bool has_wait;
	u64 kaslr_seed; /* if has_kaslr_seed, else a random one */
	bool has_kaslr_seed;
};

/* What is for debugging lkvm or a guest. */
struct debug_config {
	const char *dump_dtb; /* file for the device tree, or NULL */
	const char *stats; /* file for the JSON statistics, at the end, or NULL
			    */
	bool no_batch;	   /* one exit for each access to a device */
	struct gdb_config gdb;
};

/*
 * Strings point into argv, or to memory of the configuration, and outlive the
 * machine.
 */
struct vm_config {
	const char *name;      /* for statistics and the control socket */
	char default_name[24]; /* "guest-PID" */
	enum control_choice control;
	const char *kvm_dev; /* path of the device */
	enum machine_name machine;
	enum irqchip irqchip;
	bool no_acpi;	/* virt: device tree only */
	bool no_reboot; /* a reset ends the run */
	u64 timeout;	/* seconds; 0: none */
	struct cpu_config cpu;
	struct ram_config ram;
	struct boot_config boot;
	struct flash_list flash; /* FLASH_MAX_BANKS at most */
	enum virtio_transport virtio;
	enum virtio_ring ring;
	struct disk_list disk;
	const char *cloud_init;	     /* folder whose files are one more disk */
	struct network_list network; /* none of mode none */
	struct console_config console;
	bool rng;  /* the guest has a source of random bytes */
	u32 vsock; /* its CID; 0: it has no such sockets */
	struct balloon_config balloon;
	struct pmem_list pmem;
	enum pvpanic pvpanic;
	bool exit_device; /* a register that sets the exit status */
	struct fw_cfg_list fw_cfg;
	struct smbios_list smbios;
	struct share_list share;
	struct fs_list fs;
	struct root_config root;
	struct watch_config watch;
	struct debug_config debug;
};

/* Whether there is to be a control socket: with a name, or if that is wanted.
 */
static inline bool vm_config_wants_control(const struct vm_config *config)
{
	return config->control == CONTROL_ON ||
	       (config->control == CONTROL_NAMED &&
		config->name != config->default_name);
}

/* Whether what the console shows is looked at, or kept in a file. */
static inline bool vm_config_watches_console(const struct vm_config *config)
{
	return watch_config_needs_console(&config->watch) ||
	       config->console.log.path;
}

/*
 * Whether another process serves devices, and so needs the guest's RAM: a plain
 * guest has anonymous memory, which is cheaper.
 */
static inline bool vm_config_shares_ram(const struct vm_config *config)
{
	return config->fs.count;
}

/* The virtio devices that the options ask for. */
static inline unsigned int
vm_config_count_virtio(const struct vm_config *config)
{
	return config->disk.count + !!config->cloud_init +
	       config->network.count + config->share.count + config->fs.count +
	       config->pmem.count + config->rng + !!config->vsock +
	       config->balloon.on + console_config_is_virtio(&config->console);
}

/* Frees what run_config_parse() has allocated. */
void vm_config_free(struct vm_config *config);

#endif
