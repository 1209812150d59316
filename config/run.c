/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The options of `lkvm run`: their tables, parsers of arguments that are more
 * than a string or a number, and defaults. Names and arguments are those of
 * kvmtool where it has the option, so that scripts for it work. What depends on
 * the machine, on KVM or on files is checked where those are used; here only
 * what no machine allows.
 *
 * Called once by the main thread, before any file is opened. Strings point into
 * argv; lists are allocated, and freed by vm_config_free().
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lkvm/config/list.h"
#include "lkvm/config/run.h"
#include "lkvm/util/log.h"
#include "lkvm/util/options.h"
#include "lkvm/util/parse.h"
#include "outcome_options.h"

/* Seconds; their nanoseconds fit 64 bits. */
#define MAX_TIMEOUT (100ULL * 365 * 24 * 3600)

#define SYNOPSIS "lkvm run [OPTION]... [KERNEL]"

/* MACHINE_DEFAULT, the value without --machine, cannot be chosen by name. */
static const char *const machine_names[] = {
	[MACHINE_KVMTOOL] = "kvmtool",
	[MACHINE_VIRT] = "virt",
};

/* Names as in kvmtool's --irqchip. */
const char *const irqchip_names[NR_IRQCHIPS] = {
	[IRQCHIP_GICV2] = "gicv2",
	[IRQCHIP_GICV2M] = "gicv2m",
	[IRQCHIP_GICV3] = "gicv3",
	[IRQCHIP_GICV3_ITS] = "gicv3-its",
};

/*
 * An address of 0 stands for the machine's own in the configuration, so it
 * cannot be chosen.
 */
static int parse_mem_option(const char *arg, void *opaque)
{
	struct vm_config *config = opaque;
	bool has_addr;
	int ret =
		parse_mem(arg, &config->ram.size, &config->ram.base, &has_addr);

	/* An address given earlier belongs to the size given earlier. */
	if (!ret && !has_addr)
		config->ram.base = 0;
	else if (!ret && !config->ram.base)
		ret = -EINVAL;
	if (ret)
		pr_fatal("--mem %s: want SIZE[BKMGTP][@ADDRESS[BKMGTP]], MiB "
			 "if there is no suffix",
			 arg);
	return ret;
}

/* kvmtool's names. Old drivers for its legacy devices are not served. */
static int parse_transport(const char *arg, void *opaque)
{
	struct vm_config *config = opaque;

	if (!strcmp(arg, "pci") || !strcmp(arg, "mmio")) {
		config->virtio = *arg == 'p' ? VIRTIO_TRANSPORT_PCI
					     : VIRTIO_TRANSPORT_MMIO;
		return 0;
	}
	pr_fatal("--virtio-transport %s: there are pci and mmio%s", arg,
		 strstr(arg, "-legacy") ? "; legacy devices are not supported, "
					  "virtio 1.0 or later is wanted"
					: "");
	return -EINVAL;
}

/*
 * The limit of all machines; one with places for fewer banks refuses the rest
 * when it is built.
 */
static int parse_flash_option(const char *arg, void *opaque)
{
	struct flash_list *list = &((struct vm_config *)opaque)->flash;
	struct flash_config *flash;

	if (list->count == FLASH_MAX_BANKS) {
		pr_fatal("--flash %s: there are %d banks already, no more fit",
			 arg, FLASH_MAX_BANKS);
		return -EINVAL;
	}
	flash = config_list_add(list);
	return flash ? flash_config_parse(flash, arg) : -ENOMEM;
}

/* Repeatable; how many a machine has room for is checked there. */
static int parse_disk(const char *arg, void *opaque)
{
	struct vm_config *config = opaque;
	struct disk_config *disk = config_list_add(&config->disk);

	return disk ? disk_config_parse(disk, arg) : -ENOMEM;
}

/* Repeatable. A tag that two had would not say which of them is mounted. */
static int parse_9p(const char *arg, void *opaque)
{
	struct share_list *list = &((struct vm_config *)opaque)->share;
	struct share_config *share = config_list_add(list);
	int ret = share ? share_config_parse(share, arg) : -ENOMEM;

	if (ret)
		return ret;
	for (unsigned int i = 0; i + 1 < list->count; i++) {
		if (strcmp(list->items[i].tag, share->tag) != 0)
			continue;
		pr_fatal("--9p %s: there is a share \"%s\" already, %s", arg,
			 share->tag, list->items[i].path);
		return -EINVAL;
	}
	return 0;
}

/* Repeatable, with tags of their own as well. */
static int parse_fs(const char *arg, void *opaque)
{
	struct fs_list *list = &((struct vm_config *)opaque)->fs;
	struct fs_config *fs = config_list_add(list);
	int ret = fs ? fs_config_parse(fs, arg) : -ENOMEM;

	if (ret)
		return ret;
	for (unsigned int i = 0; i + 1 < list->count; i++) {
		if (strcmp(list->items[i].tag, fs->tag) != 0)
			continue;
		pr_fatal("--fs %s: there is a tag \"%s\" already, of %s", arg,
			 fs->tag, list->items[i].path);
		return -EINVAL;
	}
	return 0;
}

static int parse_root(const char *arg, void *opaque)
{
	return root_config_parse(&((struct vm_config *)opaque)->root, arg);
}

/* Repeatable; the files are opened when the machine is made. */
static int parse_pmem(const char *arg, void *opaque)
{
	struct vm_config *config = opaque;
	struct pmem_config *pmem = config_list_add(&config->pmem);

	return pmem ? pmem_config_parse(pmem, arg) : -ENOMEM;
}

/* One at most: a second one replaces all that the first has said. */
static int parse_balloon(const char *arg, void *opaque)
{
	struct vm_config *config = opaque;

	return balloon_config_parse(&config->balloon, arg);
}

/*
 * "auto" selects an installed firmware by its descriptor (arm/boot). A file of
 * this name can be written as ./auto.
 */
static int parse_firmware(const char *arg, void *opaque)
{
	struct vm_config *config = opaque;

	config->boot.firmware = arg;
	config->boot.firmware_auto = !strcmp(arg, "auto");
	return 0;
}

/* Repeatable; a host file is read when the device is made. */
static int parse_fw_cfg(const char *arg, void *opaque)
{
	struct vm_config *config = opaque;
	struct fw_cfg_config *file = config_list_add(&config->fw_cfg);

	return file ? fw_cfg_config_parse(file, arg) : -ENOMEM;
}

/* Repeatable: the last text of a kind counts, OEM strings add up. */
static int parse_smbios(const char *arg, void *opaque)
{
	struct vm_config *config = opaque;
	struct smbios_config *item = config_list_add(&config->smbios);

	return item ? smbios_config_parse(item, arg) : -ENOMEM;
}

/*
 * Appends to the paths given so far, with a newline between. EDK2 drops the
 * whole list for one path that it cannot parse.
 */
static int parse_boot_order(const char *arg, void *opaque)
{
	struct boot_config *boot = &((struct vm_config *)opaque)->boot;
	char *list;

	if (*arg != '/' || !is_word(arg)) {
		pr_fatal("--boot-order %s: want the OpenFirmware path of a "
			 "device, such as /virtio-mmio@a000000/disk@0,0",
			 arg);
		return -EINVAL;
	}
	if (asprintf(&list, "%s%s%s", boot->order ? boot->order : "",
		     boot->order ? "\n" : "", arg) < 0) {
		pr_fatal("out of memory");
		return -ENOMEM;
	}
	free(boot->order);
	boot->order = list;
	return 0;
}

/* 0 is a value of its own, hence has_wait. */
static int parse_boot_wait(const char *arg, void *opaque)
{
	struct vm_config *config = opaque;
	u64 seconds;

	if (parse_u64(arg, 0, BOOT_WAIT_MAX, &seconds)) {
		pr_fatal("--boot-wait %s: want a number of seconds, at most %d",
			 arg, BOOT_WAIT_MAX);
		return -EINVAL;
	}
	config->boot.wait = (u32)seconds;
	config->boot.has_wait = true;
	return 0;
}

/* The text is kept for the message that none of the CPUs can be used. */
static int parse_affinity(const char *arg, void *opaque)
{
	struct vm_config *config = opaque;
	int ret = parse_cpulist(arg, &config->cpu.affinity);

	config->cpu.has_affinity = !ret;
	config->cpu.affinity_list = arg;
	if (ret)
		pr_fatal("--vcpu-affinity %s: want a list of host CPUs such as "
			 "0-3,5",
			 arg);
	return ret;
}

/* Any number is a seed, 0 too, hence has_kaslr_seed. */
static int parse_kaslr_seed(const char *arg, void *opaque)
{
	struct vm_config *config = opaque;
	int ret = parse_u64(arg, 0, UINT64_MAX, &config->boot.kaslr_seed);

	config->boot.has_kaslr_seed = !ret;
	if (ret)
		pr_fatal("--kaslr-seed %s: want a number of up to 64 bits",
			 arg);
	return ret;
}

/* Multiples of 128 bits up to 2048, Arm ARM, "SVE vector lengths". */
static int parse_sve_max_vl(const char *arg, void *opaque)
{
	struct vm_config *config = opaque;
	u64 bits;

	if (!parse_u64(arg, 128, 2048, &bits) && !(bits % 128)) {
		config->cpu.sve_max_vl = (u32)bits;
		return 0;
	}
	pr_fatal("--sve-max-vl %s: want a multiple of 128 from 128 to 2048",
		 arg);
	return -EINVAL;
}

/* Repeatable. mode=none, which programs that drive kvmtool pass, adds none. */
static int parse_network(const char *arg, void *opaque)
{
	struct network_list *list = &((struct vm_config *)opaque)->network;
	struct network_config config, *to;
	int ret = network_config_parse(&config, arg);

	if (ret || config.mode == NETWORK_NONE) {
		network_config_free(&config);
		return ret;
	}
	to = config_list_add(list);
	if (!to) {
		network_config_free(&config);
		return -ENOMEM;
	}
	*to = config;
	return 0;
}

/* Devices of vhost and of daemons have split ones whatever is chosen. */
static const char *const ring_names[] = {
	[VIRTIO_RING_PACKED] = "packed",
	[VIRTIO_RING_SPLIT] = "split",
};

/* kvmtool's third one, hv, is of another architecture. */
static const char *const console_names[] = {
	[CONSOLE_SERIAL] = "serial",
	[CONSOLE_VIRTIO] = "virtio",
};

static int parse_port(const char *arg, void *opaque)
{
	struct vm_config *config = opaque;

	return console_config_add_port(&config->console, arg);
}

/* Options that kvmtool still accepts without any effect. */
static int ignore_option(const char *arg, void *opaque)
{
	(void)arg;
	(void)opaque;
	return 0;
}

/*
 * The level is the process's and no part of the configuration. It is set at
 * once, so that it applies to messages about the options behind it.
 */
static int parse_loglevel(const char *arg, void *opaque)
{
	enum log_level level;

	(void)opaque;
	if (log_level_parse(arg, &level)) {
		pr_fatal("--loglevel %s: there are error, warning, info and "
			 "debug",
			 arg);
		return -EINVAL;
	}
	log_set_level(level);
	return 0;
}

static int parse_gdb(const char *arg, void *opaque)
{
	return gdb_config_parse(&((struct vm_config *)opaque)->debug.gdb, arg);
}

/* ---- Tables, in the order of --help -------------------------------------- */

static const struct option_def basic_options[] = {
	OPT_STRING(0, "name", struct vm_config, name, "NAME",
		   "Name of the guest, for statistics, `lkvm stop NAME` and "
		   "the like (default: guest-PID)"),
	OPT_ENUM(0, "control", struct vm_config, control, control_choice_names,
		 "on|off",
		 "Have a socket for `lkvm list`, `lkvm stop` and the like "
		 "(default: with --name)"),
	OPT_U32('c', "cpus", struct vm_config, cpu.nr, 1, UINT32_MAX, "N",
		"Number of vCPUs (default: the host's CPUs)"),
	OPT_CALLBACK('m', "mem", parse_mem_option, "SIZE[@ADDRESS]",
		     "RAM in MiB, or with a suffix BKMGTP, and its address "
		     "(default: 64 MiB for each vCPU and 192 more, at 2 GiB, "
		     "with virt at 1 GiB)"),
	OPT_ENUM(0, "machine", struct vm_config, machine, machine_names,
		 "kvmtool|virt",
		 "Memory map and devices: kvmtool (the default) or virt, "
		 "QEMU's, which the firmware of distributions expects"),
	OPT_STRING(0, "hugetlbfs", struct vm_config, ram.hugetlbfs, "DIR",
		   "Take RAM from a hugetlbfs mounted at DIR"),
	OPT_STRING(0, "dev", struct vm_config, kvm_dev, "FILE",
		   "KVM device (default: /dev/kvm)"),
	OPT_FLAG(0, "nodefaults", struct vm_config, boot.nodefaults,
		 "Add nothing to the kernel command line"),
	OPT_FLAG(0, "no-reboot", struct vm_config, no_reboot,
		 "End with status 3 when the guest asks for a reset, instead "
		 "of starting it again"),
	OPT_U64(0, "timeout", struct vm_config, timeout, 1, MAX_TIMEOUT,
		"SECONDS", "End the run after SECONDS, status 124"),
	OPT_END(),
};

/* What the guest starts with. */
static const struct option_def boot_options[] = {
	OPT_STRING('k', "kernel", struct vm_config, boot.kernel, "FILE",
		   "Kernel: Image, also compressed with gzip or zstd, EFI "
		   "zboot image, unified kernel image, or a flat binary"),
	OPT_STRING('i', "initrd", struct vm_config, boot.initrd, "FILE",
		   "Initial RAM disk"),
	OPT_STRING('p', "params", struct vm_config, boot.params, "STRING",
		   "Add STRING to the kernel command line"),
	OPT_CALLBACK(0, "root", parse_root, "host|DIR",
		     "Run the kernel on the host's own programs, or on those "
		     "in DIR, which is not changed: a shell, unless --init "
		     "names another program"),
	OPT_STRING(0, "init", struct vm_config, root.init, "PATH",
		   "What --root starts as the first process"),
	OPT_STRING(0, "modules", struct vm_config, root.modules, "DIR",
		   "Take the modules that --root needs from DIR/lib/modules, "
		   "not from the root"),
	OPT_CALLBACK(
		'f', "firmware", parse_firmware, "FILE|auto",
		"Firmware to start, in RAM (KVMTOOL_EFI.fd) or, with virt, "
		"in flash (AAVMF_CODE.fd); auto: one that is installed, "
		"on virt"),
	OPT_U64(0, "firmware-address", struct vm_config, boot.firmware_address,
		1, UINT64_MAX, "ADDRESS",
		"Where the firmware is loaded (default: start of RAM)"),
	OPT_CALLBACK(0, "boot-order", parse_boot_order, "PATH",
		     "virt: device that UEFI boots from first, as an "
		     "OpenFirmware path; repeatable"),
	OPT_CALLBACK(0, "boot-wait", parse_boot_wait, "SECONDS",
		     "virt: how long UEFI waits for a key that opens its menu "
		     "(default: 0 if stdin is no terminal, else the "
		     "firmware's own)"),
	OPT_CALLBACK('F', "flash", parse_flash_option, "FILE[,OPT...]",
		     "Flash bank kept in FILE; up to four. OPT: ro, snapshot "
		     "(changes are not written), create, template=FILE "
		     "(copied if the bank's file is missing), size=SIZE, "
		     "sync=ordered|strict|none, label=TEXT, xip; to test "
		     "firmware: fail=erase:N, fail=program:N, cut=N (power is "
		     "lost, status 5)"),
	OPT_END(),
};

/* Devices that are added by options; a machine's own ones have none. */
static const struct option_def device_options[] = {
	OPT_CALLBACK('d', "disk", parse_disk, "FILE[,OPT...]",
		     "Disk kept in FILE, a raw or qcow2 image or a block "
		     "device; repeatable. OPT: ro, snapshot (changes are "
		     "thrown away), direct (past the page cache), "
		     "format=raw|qcow2, backing=FILE, "
		     "backing_format=raw|qcow2, serial=TEXT, bootindex=N "
		     "(virt: the order in which firmware tries disks), "
		     "queues=N"),
	OPT_CALLBACK(0, "pmem", parse_pmem, "FILE[,OPT]",
		     "Map FILE into the guest's memory, as /dev/pmem0 of "
		     "Linux, shared with the host and other guests; "
		     "repeatable. OPT: ro, snapshot (changes are thrown "
		     "away)"),
	OPT_STRING(0, "cloud-init", struct vm_config, cloud_init, "DIR",
		   "One more disk, with the files in DIR for cloud-init: "
		   "user-data, meta-data and others"),
	OPT_CALLBACK(0, "fw-cfg", parse_fw_cfg,
		     "name=NAME,file=PATH|string=TEXT",
		     "virt: add a file to fw_cfg, which the firmware reads; "
		     "repeatable"),
	OPT_CALLBACK(0, "9p", parse_9p, "DIR,TAG[,OPT...]",
		     "Let the guest mount the directory DIR by 9p, as TAG; "
		     "repeatable. OPT: ro (it cannot change anything), "
		     "owner=host|mapped"),
	OPT_CALLBACK(0, "fs", parse_fs, "DIR|SOCKET,TAG[,OPT...]",
		     "Let the guest mount the directory DIR by virtiofs, as "
		     "TAG, which virtiofsd serves; or what a daemon with that "
		     "SOCKET serves (vhost-user); repeatable. OPT: ro, "
		     "sandbox=namespace|chroot|none"),
	OPT_FLAG(0, "rng", struct vm_config, rng,
		 "Source of random bytes, /dev/hwrng of Linux"),
	OPT_U32(0, "vsock", struct vm_config, vsock, 3, UINT32_MAX - 1, "CID",
		"Sockets between host and guest (AF_VSOCK), at which the guest "
		"has this address"),
	OPT_CALLBACK(0, "balloon", parse_balloon, "[OPT...]",
		     "Memory balloon: the guest returns RAM that it does not "
		     "use. OPT: target=SIZE (it does without so much), "
		     "stats=SECONDS (how often it is asked for its memory's "
		     "statistics, which --stats has)"),
	OPT_CALLBACK(0, "smbios", parse_smbios, "type=N,KEY=TEXT...",
		     "virt with firmware: strings that tell the guest of its "
		     "machine; repeatable. type=1 (system): manufacturer=, "
		     "product=, version=, serial=, uuid=, sku=, family=; "
		     "type=3 (enclosure): manufacturer=, version=, serial=, "
		     "asset=, sku=; type=11 (OEM string): value= or path="),
	OPT_CALLBACK(0, "virtio-transport", parse_transport, "pci|mmio",
		     "How the guest reaches its virtio devices: pci (the "
		     "default) or mmio"),
	OPT_ENUM(0, "virtio-ring", struct vm_config, ring, ring_names,
		 "packed|split",
		 "Form of their queues: packed (the default), where the "
		 "guest's driver accepts it, or split"),
	OPT_CALLBACK('n', "network", parse_network,
		     "mode=user|tap|fd|none[,OPT...]",
		     "Network interface; repeatable: by passt, without "
		     "privileges (user), by a tap interface, made or inherited "
		     "(fd), or none (the default). OPT: "
		     "guest_mac=MAC, mtu=N, bootindex=N; user: "
		     "hostfwd=tcp|udp:[ADDR]:PORT-:PORT; tap: tapif=NAME, "
		     "script=FILE, downscript=FILE; fd: fd=N; both: "
		     "vhost=on|off|auto (the host's kernel moves frames); "
		     "tap: queues=N"),
	OPT_ENUM(0, "console", struct vm_config, console.device, console_names,
		 "serial|virtio",
		 "Where the terminal leads: serial, the first serial port (the "
		 "default), or virtio, /dev/hvc0 of Linux"),
	OPT_CALLBACK(
		0, "virtio-port", parse_port, "NAME,file=PATH|fd=N|socket=PATH",
		"Port /dev/virtio-ports/NAME of the guest: its output goes "
		"to a file, or both directions to an open descriptor, or who "
		"connects to a UNIX socket; repeatable"),
	OPT_END(),
};

/* What only guests for arm64 have; kvmtool has the same group. */
static const struct option_def arm_options[] = {
	OPT_ENUM(0, "irqchip", struct vm_config, irqchip, irqchip_names,
		 "gicv2|gicv2m|gicv3|gicv3-its",
		 "Interrupt controller (default: gicv3-its, gicv3 or gicv2m, "
		 "the first that KVM offers)"),
	OPT_FLAG(0, "aarch32", struct vm_config, cpu.aarch32,
		 "Run a 32-bit guest"),
	OPT_FLAG(0, "pmu", struct vm_config, cpu.pmu,
		 "The guest has a performance monitor (PMUv3)"),
	OPT_CALLBACK(0, "sve-max-vl", parse_sve_max_vl, "BITS",
		     "Longest SVE vectors (default: the host's)"),
	OPT_FLAG(0, "disable-mte", struct vm_config, cpu.disable_mte,
		 "No memory tagging, even if the host has it"),
	OPT_FLAG(0, "no-pvtime", struct vm_config, cpu.no_pvtime,
		 "Do not report stolen time to the guest"),
	OPT_FLAG(0, "no-acpi", struct vm_config, no_acpi,
		 "virt: describe the machine by its device tree only"),
	OPT_FLAG(0, "no-batch", struct vm_config, debug.no_batch,
		 "One exit for each access to a device"),
	OPT_CALLBACK(0, "vcpu-affinity", parse_affinity, "CPULIST",
		     "Run vCPUs on these host CPUs only"),
	OPT_CALLBACK(0, "kaslr-seed", parse_kaslr_seed, "NUMBER",
		     "Seed for the guest's address randomisation (default: "
		     "random)"),
	OPT_U32(0, "override-bad-firmware-cntfrq", struct vm_config, cpu.cntfrq,
		1, UINT32_MAX, "HZ",
		"Frequency of the timer, on hosts whose firmware sets a wrong "
		"CNTFRQ_EL0"),
	OPT_CALLBACK(0, "force-pci", ignore_option, NULL, NULL),
	OPT_END(),
};

/* For people who debug a guest or lkvm. */
static const struct option_def debug_options[] = {
	OPT_CALLBACK(0, "loglevel", parse_loglevel, "error|warning|info|debug",
		     "Show messages up to this level (default: info)"),
	OPT_STRING(0, "dump-dtb", struct vm_config, debug.dump_dtb, "FILE",
		   "Write the device tree to FILE"),
	OPT_STRING(0, "stats", struct vm_config, debug.stats, "FILE",
		   "Write counters to FILE as JSON at the end and at each "
		   "SIGUSR1; - is stderr"),
	OPT_CALLBACK(0, "gdb", parse_gdb, "ADDR|unix:PATH",
		     "Let GDB debug the guest: wait for it at a TCP port, "
		     "[tcp:][HOST:]PORT, of this machine only unless HOST is "
		     "another address (PORT 0: any that is free), or at a UNIX "
		     "socket of its user's"),
	OPT_FLAG(0, "gdb-wait", struct vm_config, debug.gdb.wait,
		 "Do not run the guest before GDB says so"),
	OPT_END(),
};

/* Headings of --help. */
static const struct option_group groups[] = {
	{ "Basic options", basic_options },
	{ "Boot options", boot_options },
	{ "Devices", device_options },
	{ "Console and outcome", outcome_options },
	{ "Arm options", arm_options },
	{ "Debugging and statistics", debug_options },
	{ NULL, NULL },
};

/* What is not zero by default; the rest of the configuration is. */
static void set_defaults(struct vm_config *config)
{
	memset(config, 0, sizeof(*config));
	config->kvm_dev = "/dev/kvm";
	snprintf(config->default_name, sizeof(config->default_name), "guest-%d",
		 (int)getpid());
	config->name = config->default_name;
}

/* One kernel, by --kernel or as the argument that is no option. */
static int take_kernel(struct vm_config *config,
		       const struct string_list *positional)
{
	const char *first = config->boot.kernel;

	for (size_t i = 0; i < positional->count; i++) {
		if (first) {
			pr_fatal("\"%s\": there is a kernel already, \"%s\"",
				 positional->items[i], first);
			return -EINVAL;
		}
		first = positional->items[i];
	}
	config->boot.kernel = first;
	return 0;
}

/* Combinations that are wrong on every machine. */
static int check(const struct vm_config *config)
{
	const char *wrong = NULL;

	if (config->boot.firmware_address && !config->boot.firmware)
		wrong = "--firmware-address needs --firmware";
	else if (config->debug.gdb.wait &&
		 !gdb_config_is_on(&config->debug.gdb))
		wrong = "--gdb-wait needs --gdb";
	else if (gdb_config_is_on(&config->debug.gdb) && config->cpu.aarch32)
		wrong = "--gdb: a 32-bit guest (--aarch32) cannot be debugged";
	if (wrong) {
		pr_fatal("%s", wrong);
		return -EINVAL;
	}
	if (!serial_config_used(config->console.serial))
		return 0;
	return serial_config_check(config->console.serial,
				   config->console.device == CONSOLE_VIRTIO);
}

/* Positional arguments are kept in a list, as options may follow them. */
int run_config_parse_as(const char *synopsis, struct vm_config *config,
			int argc, char *const argv[])
{
	struct string_list positional = { 0 };
	int ret;

	set_defaults(config);
	ret = options_parse(groups, config, argc, argv, &positional);
	if (ret == OPTIONS_HELP)
		options_usage(stdout, synopsis, groups);
	else if (!ret)
		ret = take_kernel(config, &positional);
	string_list_free(&positional);
	return ret ? ret : check(config);
}

int run_config_parse(struct vm_config *config, int argc, char *const argv[])
{
	int ret = run_config_parse_as(SYNOPSIS, config, argc, argv);

	if (ret || (!config->root.dir && !config->root.init &&
		    !config->root.modules && !config->disk.count))
		return ret;
	return root_config_apply(config);
}

/* Also for a configuration that run_config_parse() has filled in part. */
void vm_config_free(struct vm_config *config)
{
	for (unsigned int i = 0; i < config->flash.count; i++)
		flash_config_free(&config->flash.items[i]);
	for (unsigned int i = 0; i < config->fw_cfg.count; i++)
		fw_cfg_config_free(&config->fw_cfg.items[i]);
	for (unsigned int i = 0; i < config->smbios.count; i++)
		smbios_config_free(&config->smbios.items[i]);
	for (unsigned int i = 0; i < config->disk.count; i++)
		disk_config_free(&config->disk.items[i]);
	for (unsigned int i = 0; i < config->network.count; i++)
		network_config_free(&config->network.items[i]);
	for (unsigned int i = 0; i < config->share.count; i++)
		share_config_free(&config->share.items[i]);
	for (unsigned int i = 0; i < config->fs.count; i++)
		fs_config_free(&config->fs.items[i]);
	if (config->root.found)
		root_config_free(&config->root);
	for (unsigned int i = 0; i < config->pmem.count; i++)
		pmem_config_free(&config->pmem.items[i]);
	if (config->watch.expect.items || config->watch.fail_on.items)
		watch_config_free(&config->watch);
	if (console_config_is_allocated(&config->console))
		console_config_free(&config->console);
	free(config->flash.items);
	free(config->disk.items);
	free(config->pmem.items);
	free(config->network.items);
	free(config->fw_cfg.items);
	free(config->share.items);
	free(config->fs.items);
	free(config->smbios.items);
	free(config->boot.order);
}
