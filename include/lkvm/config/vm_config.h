/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the user asked for: the options of `lkvm run`, checked and parsed. */
#ifndef LKVM_CONFIG_VM_CONFIG_H
#define LKVM_CONFIG_VM_CONFIG_H

#include <sched.h>

#include "lkvm/util/util.h"

#define FLASH_MAX_BANKS 4

struct fw_cfg_config;

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
};

/* When what was written to a flash's file is made durable. */
enum flash_sync {
	FLASH_SYNC_ORDERED, /* as the guest returns to array mode, or erases */
	FLASH_SYNC_STRICT,  /* before the guest sees that a command is done */
	FLASH_SYNC_NONE,    /* never: for what may be lost with the host */
};

/* One `--flash FILE[,opt...]`. */
struct flash_config {
	char path[4096];
	char template[4096]; /* a new file is a copy of it; empty: of none */
	char label[32]; /* the node's `label`; empty for the machine's own */
	u64 size;	/* bytes of the bank; 0: as large as the file */
	bool readonly;
	bool create;
	bool xip;	/* the guest executes from it */
	bool snapshot;	/* changes stay in memory, and end with the run */
	bool in_memory; /* there is no file: erased first, gone at the end */
	enum flash_sync sync;
	/* Commands of the run that go wrong, counted from 1; 0: none. */
	u64 fail_program, fail_erase;
	u64 cut; /* programs and erases counted together */
};

/* Strings belong to the caller and outlive the machine. */
struct vm_config {
	const char *name; /* for statistics */
	const char *kvm_dev;
	const char *kernel;
	const char *initrd;
	const char *firmware;
	const char *params;    /* appended to the kernel command line */
	const char *hugetlbfs; /* mount point that RAM comes from */
	const char *dump_dtb;
	const char *stats;    /* file for the JSON statistics, at the end */
	unsigned int nr_cpus; /* 0: as many as the host has online */
	u64 ram_size;	      /* bytes; 0: chosen from nr_cpus */
	u64 ram_base;	      /* 0: the machine's own */
	u64 firmware_address; /* 0: start of RAM */
	u64 timeout;	      /* seconds; 0: none */
	bool nodefaults;
	bool firmware_auto; /* `firmware` is whatever is installed */
	bool no_reboot;	    /* a reset ends the run */
	struct flash_config flash[FLASH_MAX_BANKS];
	unsigned int nr_flash;
	unsigned int nr_fw_cfg;
	struct fw_cfg_config *fw_cfg; /* nr_fw_cfg of them; the caller's */
	char *boot_order; /* see fw_cfg_boot.h; NULL: none; the caller's */
	u32 boot_wait;	  /* seconds, if has_boot_wait */
	bool has_boot_wait;

	enum machine_name machine;
	enum irqchip irqchip;
	bool aarch32;
	bool pmu;
	bool disable_mte;
	bool no_pvtime;
	bool no_batch;
	bool no_acpi;
	u32 sve_max_vl; /* bits; 0: the host's maximum */
	u32 cntfrq;	/* Hz for the timer node; 0: none */
	u64 kaslr_seed;
	bool has_kaslr_seed;
	bool has_affinity;
	cpu_set_t affinity;	   /* host CPUs for the vCPU threads */
	const char *affinity_list; /* as the user wrote it */
};

#endif
