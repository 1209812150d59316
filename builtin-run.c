/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `lkvm run`: options -> struct vm_config -> a machine. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "builtin.h"
#include "lkvm/arm/machine.h"
#include "lkvm/chardev/terminal.h"
#include "lkvm/config/fw_cfg.h"
#include "lkvm/exit_status.h"
#include "lkvm/hw/flash/store.h"
#include "lkvm/hw/fw_cfg/boot.h"
#include "lkvm/util/log.h"
#include "lkvm/util/options.h"
#include "lkvm/util/parse.h"

/* Builds that look for leaks free what the kernel would free anyway. */
#ifndef LKVM_FREE_AT_EXIT
#define LKVM_FREE_AT_EXIT 0
#endif

#define NS_PER_SECOND 1000000000ULL
#define MAX_TIMEOUT   (100ULL * 365 * 24 * 3600)

#define SYNOPSIS "lkvm run [OPTION]... [KERNEL]"

static int parse_mem_option(const char *arg, void *opaque)
{
	struct vm_config *config = opaque;
	bool has_addr;
	int ret =
		parse_mem(arg, &config->ram_size, &config->ram_base, &has_addr);

	/* An address given earlier belongs to the size given earlier. */
	if (!ret && !has_addr)
		config->ram_base = 0;
	else if (!ret && !config->ram_base)
		ret = -EINVAL;
	if (ret)
		pr_fatal("--mem %s: want SIZE[BKMGTP][@ADDRESS[BKMGTP]], MiB "
			 "if there is no suffix",
			 arg);
	return ret;
}

static int parse_flash_option(const char *arg, void *opaque)
{
	struct vm_config *config = opaque;

	if (config->nr_flash == FLASH_MAX_BANKS) {
		pr_fatal("--flash %s: there are %d banks already, no more fit",
			 arg, FLASH_MAX_BANKS);
		return -EINVAL;
	}
	return flash_config_parse(&config->flash[config->nr_flash++], arg);
}

static int parse_machine(const char *arg, void *opaque)
{
	static const char *const names[] = {
		[MACHINE_KVMTOOL] = "kvmtool",
		[MACHINE_VIRT] = "virt",
	};
	enum machine_name *machine = opaque;

	for (size_t i = MACHINE_KVMTOOL; i < ARRAY_SIZE(names); i++) {
		if (!strcmp(arg, names[i])) {
			*machine = (enum machine_name)i;
			return 0;
		}
	}
	pr_fatal("--machine %s: there are kvmtool and virt", arg);
	return -EINVAL;
}

/* A file of this name can be had as ./auto. */
static int parse_firmware(const char *arg, void *opaque)
{
	struct vm_config *config = opaque;

	config->firmware = arg;
	config->firmware_auto = !strcmp(arg, "auto");
	return 0;
}

static int parse_fw_cfg(const char *arg, void *opaque)
{
	struct vm_config *config = opaque;
	struct fw_cfg_config *list;

	list = realloc(config->fw_cfg, (config->nr_fw_cfg + 1) * sizeof(*list));
	if (!list) {
		pr_fatal("out of memory");
		return -ENOMEM;
	}
	config->fw_cfg = list;
	return fw_cfg_config_parse(&list[config->nr_fw_cfg++], arg);
}

static int parse_boot_order(const char *arg, void *opaque)
{
	struct vm_config *config = opaque;

	return fw_cfg_boot_order_parse(&config->boot_order, arg);
}

static int parse_boot_wait(const char *arg, void *opaque)
{
	struct vm_config *config = opaque;
	u64 seconds;

	if (parse_u64(arg, 0, FW_CFG_BOOT_WAIT_MAX, &seconds)) {
		pr_fatal("--boot-wait %s: want a number of seconds, at most %d",
			 arg, FW_CFG_BOOT_WAIT_MAX);
		return -EINVAL;
	}
	config->boot_wait = (u32)seconds;
	config->has_boot_wait = true;
	return 0;
}

static int parse_irqchip(const char *arg, void *opaque)
{
	static const char *const names[] = {
		[IRQCHIP_GICV2] = "gicv2",
		[IRQCHIP_GICV2M] = "gicv2m",
		[IRQCHIP_GICV3] = "gicv3",
		[IRQCHIP_GICV3_ITS] = "gicv3-its",
	};
	enum irqchip *irqchip = opaque;

	for (size_t i = IRQCHIP_GICV2; i < ARRAY_SIZE(names); i++) {
		if (!strcmp(arg, names[i])) {
			*irqchip = (enum irqchip)i;
			return 0;
		}
	}
	pr_fatal("--irqchip %s: there are gicv2, gicv2m, gicv3 and gicv3-its",
		 arg);
	return -EINVAL;
}

static int parse_affinity(const char *arg, void *opaque)
{
	struct vm_config *config = opaque;
	int ret = parse_cpulist(arg, &config->affinity);

	config->has_affinity = !ret;
	config->affinity_list = arg;
	if (ret)
		pr_fatal("--vcpu-affinity %s: want a list of host CPUs such as "
			 "0-3,5",
			 arg);
	return ret;
}

static int parse_kaslr_seed(const char *arg, void *opaque)
{
	struct vm_config *config = opaque;
	int ret = parse_u64(arg, 0, UINT64_MAX, &config->kaslr_seed);

	config->has_kaslr_seed = !ret;
	if (ret)
		pr_fatal("--kaslr-seed %s: want a number of up to 64 bits",
			 arg);
	return ret;
}

/* Multiples of 128 bits up to 2048, Arm ARM, "SVE vector lengths". */
static int parse_sve_max_vl(const char *arg, void *opaque)
{
	u32 *max_vl = opaque;
	u64 bits;

	if (!parse_u64(arg, 128, 2048, &bits) && !(bits % 128)) {
		*max_vl = (u32)bits;
		return 0;
	}
	pr_fatal("--sve-max-vl %s: want a multiple of 128 from 128 to 2048",
		 arg);
	return -EINVAL;
}

/* No network device yet: what drives kvmtool asks for none. */
static int parse_network(const char *arg, void *opaque)
{
	(void)opaque;
	if (!strcmp(arg, "mode=none") || !strcmp(arg, "none"))
		return 0;
	pr_fatal("--network %s: this lkvm has no network; only mode=none is "
		 "there",
		 arg);
	return -EINVAL;
}

static int parse_console(const char *arg, void *opaque)
{
	(void)opaque;
	if (!strcmp(arg, "serial"))
		return 0;
	pr_fatal("--console %s: only serial is there", arg);
	return -EINVAL;
}

/* What kvmtool takes and does nothing about any more. */
static int ignore_option(const char *arg, void *opaque)
{
	(void)arg;
	(void)opaque;
	return 0;
}

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

#define MAX_OPTIONS 16

/* Copies a table whose entries point into a struct vm_config. */
#define FILL(out, ...)                                              \
	do {                                                        \
		const struct option_def table_[] = { __VA_ARGS__ }; \
		_Static_assert(ARRAY_SIZE(table_) <= MAX_OPTIONS,   \
			       "MAX_OPTIONS");                      \
		memcpy(out, table_, sizeof(table_));                \
	} while (0)

static void basic_options(struct vm_config *config, struct option_def *out)
{
	FILL(out,
	     OPT_STRING(
		     0, "name", &config->name, "NAME",
		     "Name of the guest, for statistics (default: guest-PID)"),
	     OPT_U32('c', "cpus", &config->nr_cpus, 1, UINT32_MAX, "N",
		     "Number of vCPUs (default: the host's CPUs)"),
	     OPT_CALLBACK('m', "mem", parse_mem_option, config, "SIZE[@ADDR]",
			  "RAM in MiB, or with a suffix BKMGTP, and where it "
			  "starts (default: 64 MiB for each vCPU and 192 "
			  "more, at 2 GiB, with virt at 1 GiB)"),
	     OPT_CALLBACK(0, "machine", parse_machine, &config->machine, "NAME",
			  "Memory map and devices: kvmtool (the default) or "
			  "virt, QEMU's, which the firmware of distributions "
			  "expects"),
	     OPT_STRING(0, "hugetlbfs", &config->hugetlbfs, "DIR",
			"Take RAM from a hugetlbfs mounted at DIR"),
	     OPT_STRING(0, "dev", &config->kvm_dev, "FILE",
			"KVM device (default: /dev/kvm)"),
	     OPT_FLAG(0, "nodefaults", &config->nodefaults,
		      "Add nothing to the kernel command line"),
	     OPT_FLAG(0, "no-reboot", &config->no_reboot,
		      "End when the guest asks for a reset, status 3, and do "
		      "not start it again"),
	     OPT_U64(0, "timeout", &config->timeout, 1, MAX_TIMEOUT, "SECONDS",
		     "End the run after SECONDS, status 124"),
	     OPT_END());
}

static void boot_options(struct vm_config *config, struct option_def *out)
{
	FILL(out,
	     OPT_STRING('k', "kernel", &config->kernel, "FILE",
			"Kernel: Image, gzip-compressed Image, EFI zboot "
			"image, or a flat binary"),
	     OPT_STRING('i', "initrd", &config->initrd, "FILE",
			"Initial RAM disk"),
	     OPT_STRING('p', "params", &config->params, "STRING",
			"Add STRING to the kernel command line"),
	     OPT_CALLBACK('f', "firmware", parse_firmware, config, "FILE|auto",
			  "Firmware to start, in RAM (KVMTOOL_EFI.fd) or, with "
			  "virt, in flash (AAVMF_CODE.fd); auto: one that is "
			  "installed, on virt"),
	     OPT_U64(0, "firmware-address", &config->firmware_address, 1,
		     UINT64_MAX, "ADDR",
		     "Where the firmware goes (default: start of RAM)"),
	     OPT_CALLBACK(0, "boot-order", parse_boot_order, config, "PATH",
			  "virt: device that UEFI boots from first, as an "
			  "OpenFirmware path; repeatable"),
	     OPT_CALLBACK(0, "boot-wait", parse_boot_wait, config, "SECONDS",
			  "virt: how long UEFI waits for a key that opens "
			  "its menu (default: as it likes if input is a "
			  "terminal, else not at all)"),
	     OPT_CALLBACK('F', "flash", parse_flash_option, config,
			  "FILE[,OPT...]",
			  "Flash bank kept in FILE; up to four. OPT: ro, "
			  "snapshot (changes are thrown away), create, "
			  "template=FILE (copied if FILE is missing), "
			  "size=SIZE, sync=ordered|strict|none, label=TEXT, "
			  "xip; "
			  "to test firmware: fail=erase:N, fail=program:N, "
			  "cut=N (power is lost, status 5)"),
	     OPT_END());
}

static void device_options(struct vm_config *config, struct option_def *out)
{
	FILL(out,
	     OPT_CALLBACK(0, "fw-cfg", parse_fw_cfg, config,
			  "name=NAME,file=PATH|string=TEXT",
			  "Give virt's firmware a file in fw_cfg; repeatable"),
	     OPT_CALLBACK('n', "network", parse_network, NULL, "mode=none",
			  "No network (the default)"),
	     OPT_CALLBACK(0, "console", parse_console, NULL, "serial",
			  "Console on the first serial port (the default)"),
	     OPT_END());
}

static void arm_options(struct vm_config *config, struct option_def *out)
{
	FILL(out,
	     OPT_CALLBACK(0, "irqchip", parse_irqchip, &config->irqchip, "NAME",
			  "Interrupt controller: gicv2, gicv2m, gicv3 or "
			  "gicv3-its (default: the best there is)"),
	     OPT_FLAG(0, "aarch32", &config->aarch32, "Run a 32-bit guest"),
	     OPT_FLAG(0, "pmu", &config->pmu,
		      "Give the guest a performance monitor"),
	     OPT_CALLBACK(0, "sve-max-vl", parse_sve_max_vl,
			  &config->sve_max_vl, "BITS",
			  "Longest SVE vectors (default: the host's)"),
	     OPT_FLAG(0, "disable-mte", &config->disable_mte,
		      "No memory tagging, even if the host has it"),
	     OPT_FLAG(0, "no-pvtime", &config->no_pvtime,
		      "Do not tell the guest about stolen time"),
	     OPT_FLAG(0, "no-acpi", &config->no_acpi,
		      "virt: describe the machine by its device tree only"),
	     OPT_FLAG(0, "no-batch", &config->no_batch,
		      "One exit for each access to a device"),
	     OPT_CALLBACK(0, "vcpu-affinity", parse_affinity, config, "CPULIST",
			  "Run vCPUs on these host CPUs only"),
	     OPT_CALLBACK(0, "kaslr-seed", parse_kaslr_seed, config, "U64",
			  "Seed for the guest's address randomisation "
			  "(default: random)"),
	     OPT_U32(0, "override-bad-firmware-cntfrq", &config->cntfrq, 1,
		     UINT32_MAX, "HZ",
		     "Frequency of the timer, where the host's firmware "
		     "got it wrong"),
	     OPT_CALLBACK(0, "force-pci", ignore_option, NULL, NULL, NULL),
	     OPT_END());
}

static void debug_options(struct vm_config *config, struct option_def *out)
{
	FILL(out,
	     OPT_CALLBACK(0, "loglevel", parse_loglevel, NULL, "LEVEL",
			  "Show messages up to error, warning, info (the "
			  "default) or debug"),
	     OPT_STRING(0, "dump-dtb", &config->dump_dtb, "FILE",
			"Write the device tree to FILE"),
	     OPT_STRING(0, "stats", &config->stats, "FILE",
			"Write counters to FILE as JSON at the end and at "
			"each SIGUSR1; - is "
			"stderr"),
	     OPT_END());
}

/* One kernel, by --kernel or as the argument that is no option. */
static int take_kernel(struct vm_config *config,
		       const struct string_list *positional)
{
	const char *first = config->kernel;

	for (size_t i = 0; i < positional->count; i++) {
		if (first) {
			pr_fatal("\"%s\": there is a kernel already, \"%s\"",
				 positional->items[i], first);
			return -EINVAL;
		}
		first = positional->items[i];
	}
	config->kernel = first;
	return 0;
}

/* Parses the command line; prints what is wrong, or the help. */
static int parse_options(struct vm_config *config, int argc, char *const argv[])
{
	struct option_def basic[MAX_OPTIONS], boot[MAX_OPTIONS],
		devices[MAX_OPTIONS], arm[MAX_OPTIONS], debug[MAX_OPTIONS];
	const struct option_group groups[] = {
		{ "Basic options", basic },
		{ "Boot options", boot },
		{ "Devices", devices },
		{ "Arm options", arm },
		{ "Debugging and statistics", debug },
		{ NULL, NULL },
	};
	struct string_list positional = { 0 };
	int ret;

	basic_options(config, basic);
	boot_options(config, boot);
	device_options(config, devices);
	arm_options(config, arm);
	debug_options(config, debug);
	ret = options_parse(groups, argc, argv, &positional);
	if (ret == OPTIONS_HELP)
		options_usage(stdout, SYNOPSIS, groups);
	else if (!ret)
		ret = take_kernel(config, &positional);
	string_list_free(&positional);
	return ret;
}

/* What lives as long as the run, besides the machine. */
struct run {
	struct vm_config config;
	char default_name[32];
	struct machine *machine;
	struct vm *vm;
	struct terminal term;
	bool has_term;
	struct evloop_timer timer;
	bool has_timer;
	struct evloop_source signals;
	FILE *stats; /* NULL: none */
};

static void timed_out(struct evloop_timer *timer)
{
	struct run *run = container_of(timer, struct run, timer);

	pr_info("the guest has not ended within %llu seconds",
		(unsigned long long)run->config.timeout);
	vm_request_exit(run->vm, VM_EXIT_TIMEOUT);
}

static void quit(struct terminal *term)
{
	struct run *run = container_of(term, struct run, term);

	vm_request_exit(run->vm, VM_EXIT_KILLED);
}

static void press_power(struct terminal *term)
{
	machine_press_power(container_of(term, struct run, term)->machine);
}

/*
 * Each time the file holds the latest counters and nothing else; what cannot be
 * rewound (a pipe, a terminal) gets one object after the other.
 */
static int write_stats(struct run *run)
{
	FILE *out = run->stats;
	int ret;

	if (out != stderr && !fseek(out, 0, SEEK_SET) &&
	    ftruncate(fileno(out), 0) < 0 && errno != EINVAL)
		ret = -errno;
	else
		ret = machine_write_stats(run->machine, out);
	if (ret)
		pr_err("--stats: unable to write %s: %s", run->config.stats,
		       strerror(-ret));
	return ret;
}

static void handle_signal(struct evloop_source *source, u32 events)
{
	struct run *run = container_of(source, struct run, signals);
	struct signalfd_siginfo info;

	(void)events;
	if (read(source->fd, &info, sizeof(info)) != sizeof(info))
		return;
	if (info.ssi_signo == SIGUSR1) {
		if (run->stats)
			write_stats(run);
		else
			machine_write_stats(run->machine, stderr);
		return;
	}
	if (info.ssi_signo == SIGPWR) {
		machine_press_power(run->machine);
		return;
	}
	pr_debug("ended by signal %u", info.ssi_signo);
	vm_request_exit(run->vm, VM_EXIT_KILLED);
}

/*
 * Blocked before the first thread starts, so that none takes them, and not
 * before that: until the event loop runs nobody would look at them. What the
 * parent told us to ignore (nohup, a shell's background job) stays ignored.
 */
static void block_signals(sigset_t *set)
{
	static const int ends[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };
	struct sigaction old;

	sigemptyset(set);
	sigaddset(set, SIGUSR1);
	sigaddset(set, SIGPWR);
	for (size_t i = 0; i < ARRAY_SIZE(ends); i++)
		if (!sigaction(ends[i], NULL, &old) &&
		    old.sa_handler != SIG_IGN)
			sigaddset(set, ends[i]);
	sigprocmask(SIG_BLOCK, set, NULL);
}

static void ignore_signals(void)
{
	sigset_t early;

	/* Wait for the event loop: they ask for something but our end. */
	sigemptyset(&early);
	sigaddset(&early, SIGUSR1);
	sigaddset(&early, SIGPWR);
	sigprocmask(SIG_BLOCK, &early, NULL);
	/* Output to a closed pipe is an error of write(2), not our end. */
	signal(SIGPIPE, SIG_IGN);
	/* So is a write to a file that ulimit -f does not let grow. */
	signal(SIGXFSZ, SIG_IGN);
}

static int add_sources(struct run *run)
{
	struct evloop *loop = &run->vm->loop;
	sigset_t set;
	int ret = 0;

	block_signals(&set);
	run->signals.handle = handle_signal;
	run->signals.fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (run->signals.fd < 0)
		ret = -errno;
	if (!ret)
		ret = evloop_add(loop, &run->signals, EPOLLIN);
	if (!ret && run->config.timeout) {
		ret = evloop_timer_init(loop, &run->timer, timed_out);
		run->has_timer = !ret;
		if (!ret)
			ret = evloop_timer_set(&run->timer,
					       run->config.timeout *
						       NS_PER_SECOND);
	}
	if (ret)
		pr_fatal("Unable to watch signals and time: %s",
			 strerror(-ret));
	return ret;
}

static int exit_status(enum vm_exit reason)
{
	switch (reason) {
	case VM_EXIT_POWEROFF:
		return EXIT_STATUS_POWEROFF;
	case VM_EXIT_RESET:
		return EXIT_STATUS_RESET;
	case VM_EXIT_TIMEOUT:
		return EXIT_STATUS_TIMEOUT;
	case VM_EXIT_KILLED:
		return EXIT_STATUS_KILLED;
	case VM_EXIT_POWER_CUT:
		return EXIT_STATUS_POWER_CUT;
	case VM_EXIT_NONE:
	case VM_EXIT_CRASH:
	case VM_EXIT_FAILURE:
		break;
	}
	return EXIT_STATUS_CRASH;
}

/* Before the guest runs: its run should not be for nothing. */
static int open_stats(struct run *run)
{
	const char *path = run->config.stats;
	int ret = 0;

	if (!path)
		return 0;
	run->stats = strcmp(path, "-") ? fopen(path, "we") : stderr;
	if (!run->stats) {
		ret = -errno;
		pr_fatal("--stats: unable to open %s: %s", path,
			 strerror(-ret));
	}
	return ret;
}

static int run_guest(struct run *run)
{
	enum vm_exit reason = vm_run(run->vm);

	pr_debug("%s", vm_exit_name(reason));
	if (run->stats && write_stats(run))
		return EXIT_STATUS_SETUP;
	return exit_status(reason);
}

static int with_terminal(struct run *run)
{
	struct chardev *serial[MACHINE_MAX_SERIAL] = { &run->term.chr };
	int status = EXIT_STATUS_SETUP;

	if (terminal_init(&run->term, &run->vm->loop, STDIN_FILENO,
			  STDOUT_FILENO, &run->vm->stopping, quit))
		return status;
	run->has_term = true;
	/* Without a terminal nobody is there to press a key. */
	if (!run->term.is_tty)
		run->config.has_boot_wait = true;
	if (!machine_build(run->machine, serial) && !open_stats(run)) {
		if (machine_has_power_key(run->machine))
			run->term.power = press_power;
		if (!add_sources(run) && !terminal_start(&run->term))
			status = run_guest(run);
	}
	terminal_stop(&run->term);
	if (run->stats && run->stats != stderr)
		fclose(run->stats);
	return status;
}

static void free_all(struct run *run)
{
	if (run->has_term)
		terminal_destroy(&run->term);
	if (run->has_timer)
		evloop_timer_destroy(&run->vm->loop, &run->timer);
	if (run->signals.fd >= 0) {
		evloop_del(&run->vm->loop, &run->signals);
		close(run->signals.fd);
	}
	machine_destroy(run->machine);
}

static int run_config(struct run *run)
{
	int status;

	ignore_signals();
	if (machine_create(&run->config, &run->machine))
		return EXIT_STATUS_SETUP;
	run->vm = machine_vm(run->machine);
	run->signals.fd = -1;
	status = with_terminal(run);
	/* The process ends now. */
	if (LKVM_FREE_AT_EXIT)
		free_all(run);
	else
		machine_close(run->machine);
	return status;
}

int cmd_run(int argc, char *const argv[])
{
	struct run *run = calloc(1, sizeof(*run));
	int status = EXIT_STATUS_USAGE;
	int ret;

	if (!run) {
		pr_fatal("out of memory");
		return EXIT_STATUS_SETUP;
	}
	run->config.kvm_dev = "/dev/kvm";
	snprintf(run->default_name, sizeof(run->default_name), "guest-%d",
		 (int)getpid());
	run->config.name = run->default_name;
	ret = parse_options(&run->config, argc, argv);
	if (ret == OPTIONS_HELP)
		status = EXIT_STATUS_POWEROFF;
	else if (!ret && !machine_check_config(&run->config))
		status = run_config(run);
	free(run->config.fw_cfg);
	free(run->config.boot_order);
	free(run);
	return status;
}
