/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A machine from its configuration to its end: which type, the VM with RAM,
 * vCPUs and GIC in the order that KVM prescribes, devices, what it boots,
 * statistics. What differs between machines is in struct machine_type and its
 * build().
 *
 * Everything here runs on the main thread while no vCPU runs, but for
 * machine_press_power() and machine_write_stats(), which any thread may call.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "batch.h"
#include "boot.h"
#include "cpu.h"
#include "debugger.h"
#include "gic.h"
#include "lkvm/hw/pl061.h"
#include "lkvm/util/json.h"
#include "lkvm/util/log.h"
#include "machine.h"
#include "root/root.h"

/* api.rst, KVM_CREATE_VM: without the capability the limit is 40 bits. */
#define IPA_BITS_DEFAULT 40
#define IPA_BITS_MIN	 32U
#define PCI_WINDOW_BITS	 40U

/* Firmware that is installed was made for QEMU's machine. */
static const struct machine_type *choose_type(const struct vm_config *config)
{
	static const struct machine_type *const types[] = {
		[MACHINE_DEFAULT] = &machine_kvmtool,
		[MACHINE_KVMTOOL] = &machine_kvmtool,
		[MACHINE_VIRT] = &machine_virt,
	};

	if (config->machine == MACHINE_DEFAULT && config->boot.firmware_auto)
		return &machine_virt;
	return types[config->machine];
}

/* Whether there is something to start, in a way that the machine has. */
static int check_boot(const struct vm_config *config,
		      const struct machine_type *type)
{
	bool in_flash = type->starts_in_flash && config->flash.count;

	if (config->boot.kernel && config->boot.firmware && !type->fw_cfg) {
		pr_fatal("--kernel and --firmware exclude each other on "
			 "--machine %s; virt takes both",
			 type->name);
		return -EINVAL;
	}
	if (!config->boot.kernel && !config->boot.firmware && !in_flash) {
		pr_fatal("nothing to boot: name a --kernel or a --firmware%s",
			 type->starts_in_flash ? ", or --flash with code" : "");
		return -EINVAL;
	}
	if (config->boot.firmware_auto && !type->starts_in_flash) {
		pr_fatal("--firmware auto: what is installed is for --machine "
			 "virt");
		return -EINVAL;
	}
	return 0;
}

/* Options whose effect is in fw_cfg are errors where there is none. */
static int check_fw_cfg(const struct vm_config *config,
			const struct machine_type *type)
{
	const char *option = NULL;

	for (unsigned int i = 0; i < config->disk.count; i++)
		if (config->disk.items[i].bootindex != DISK_NO_BOOTINDEX)
			option = "--disk with bootindex=";
	for (unsigned int i = 0; i < config->network.count; i++)
		if (config->network.items[i].bootindex != NETWORK_NO_BOOTINDEX)
			option = "--network with bootindex=";
	if (config->smbios.count)
		option = "--smbios";
	else if (config->fw_cfg.count)
		option = "--fw-cfg";
	else if (config->boot.order)
		option = "--boot-order";
	else if (config->boot.has_wait)
		option = "--boot-wait";
	if (!option || type->fw_cfg)
		return 0;
	pr_fatal("%s: --machine %s has no such device as fw_cfg; virt has",
		 option, type->name);
	return -EINVAL;
}

/* Ports that the machine has not. */
static int check_serial(const struct vm_config *config,
			const struct machine_type *type)
{
	_Static_assert(SERIAL_MAX == MACHINE_MAX_SERIAL, "ports");

	for (unsigned int i = type->nr_serial; i < SERIAL_MAX; i++) {
		if (config->console.serial[i].kind == SERIAL_DEFAULT)
			continue;
		pr_fatal("--serial %u: --machine %s has %u serial port%s, from "
			 "0 on",
			 i, type->name, type->nr_serial,
			 type->nr_serial == 1 ? "" : "s");
		return -EINVAL;
	}
	return 0;
}

int machine_check_config(const struct vm_config *config)
{
	const struct machine_type *type = choose_type(config);

	if (check_fw_cfg(config, type) || check_serial(config, type))
		return -EINVAL;
	return check_boot(config, type);
}

struct vm *machine_vm(struct machine *machine)
{
	return &machine->vm;
}

unsigned int machine_serial_ports(const struct machine *machine)
{
	return machine->type->nr_serial;
}

u64 machine_ram_size(const struct machine *machine)
{
	return machine->ram.size;
}

bool machine_has_power_key(const struct machine *machine)
{
	return machine->gpio;
}

/* The key is a line of the GPIO; kvmtool's machine has neither. */
void machine_press_power(struct machine *machine)
{
	if (machine->gpio)
		pl061_press_power(machine->gpio);
	else
		pr_warn("--machine %s has no power key", machine->type->name);
}

/*
 * PCI's window above 4 GiB is where QEMU has it, since U-Boot maps as device
 * memory what it knows there: it takes the largest window for base addresses.
 * A host with fewer address bits, RAM in that place or a 32-bit guest: only the
 * one below 4 GiB is left.
 */
static unsigned int add_window(struct machine *machine, unsigned int needed,
			       unsigned int limit)
{
	const struct vm_config *config = machine->config;

	if (config->virtio != VIRTIO_TRANSPORT_PCI || config->cpu.aarch32 ||
	    !vm_config_count_virtio(config) || limit < PCI_WINDOW_BITS ||
	    needed >= PCI_WINDOW_BITS)
		return needed;
	machine->mmio64.base = machine->mmio64.size = BIT(PCI_WINDOW_BITS - 1);
	return PCI_WINDOW_BITS;
}

/*
 * As few address bits as the guest needs: page tables get shallower. A CPU
 * with a small physical address range cannot offer more than it has.
 */
static int choose_vm_type(struct machine *machine, unsigned long *type)
{
	u64 top = machine->memory_end - 1;
	unsigned int needed = MAX(ilog2(top) + 1, IPA_BITS_MIN);
	int offered = vm_check_cap(&machine->vm, KVM_CAP_ARM_VM_IPA_SIZE);
	unsigned int limit = offered > 0 ? (unsigned int)offered
					 : IPA_BITS_DEFAULT;

	if (needed > limit) {
		pr_fatal("--%s ends at 0x%" PRIx64 ", which takes %u address "
			 "bits; this host offers guests %u",
			 machine->config->pmem.count ? "pmem: memory"
						     : "mem: RAM",
			 top, needed, limit);
		return -E2BIG;
	}
	needed = add_window(machine, needed, limit);
	*type = offered > 0 ? KVM_VM_TYPE_ARM_IPA_SIZE(needed) : 0;
	return 0;
}

/*
 * Too many vCPUs are reduced and no error: kvm-unit-tests asks for more than
 * there may be to find out how many there are.
 */
static unsigned int clamp_vcpus(struct machine *machine, unsigned int wanted)
{
	unsigned int max =
		MIN(vm_max_vcpus(&machine->vm), gic_max_vcpus(machine));
	unsigned int recommended;

	if (wanted > max) {
		pr_info("%u vCPUs are too many for this KVM or machine, the "
			"guest gets %u",
			wanted, max);
		return max;
	}
	if (!log_enabled(LOG_LEVEL_DEBUG))
		return wanted;
	recommended = vm_recommended_vcpus(&machine->vm);
	if (wanted > recommended)
		pr_debug("%u vCPUs are more than the %u that KVM recommends",
			 wanted, recommended);
	return wanted;
}

/* Some of the CPUs have to be there, and free for us to use. */
static int check_affinity(const struct vm_config *config)
{
	cpu_set_t allowed, both;

	if (!config->cpu.has_affinity ||
	    sched_getaffinity(0, sizeof(allowed), &allowed) < 0)
		return 0;
	CPU_AND(&both, &allowed, &config->cpu.affinity);
	if (CPU_COUNT(&both))
		return 0;
	pr_fatal("--vcpu-affinity %s: lkvm may use none of these CPUs of the "
		 "host",
		 config->cpu.affinity_list);
	return -EINVAL;
}

/* As kvmtool: one for each CPU of the host that is online. */
static unsigned int wanted_vcpus(const struct vm_config *config)
{
	long online;

	if (config->cpu.nr)
		return config->cpu.nr;
	/* A file of sysfs is read for it. */
	online = sysconf(_SC_NPROCESSORS_ONLN);
	return online > 0 ? (unsigned int)online : 1;
}

/* KVM wants this order: see Documentation/virt/kvm/devices/arm-vgic*.rst. */
static int create(struct machine *machine, unsigned int nr_vcpus)
{
	int ret = check_affinity(machine->config);

	if (!ret)
		ret = choose_vm_type(machine, &machine->kvm_type);
	if (!ret)
		ret = vm_create(&machine->vm, machine->kvm_type);
	if (!ret)
		ret = features_choose(machine);
	if (!ret)
		suspend_enable(machine);
	if (!ret)
		ret = ram_create(machine);
	if (!ret)
		ret = pvtime_create(machine);
	if (!ret)
		ret = gic_create(machine);
	if (!ret)
		ret = vm_create_vcpus(&machine->vm,
				      clamp_vcpus(machine, nr_vcpus));
	if (!ret)
		ret = cpu_init_all(machine);
	if (!ret)
		ret = gic_init(machine);
	for (unsigned int i = 0; !ret && i < machine->vm.nr_vcpus; i++)
		ret = pmu_init_vcpu(machine, machine->vm.vcpus[i]);
	return ret;
}

/*
 * Files are opened before /dev/kvm, so that a name with a typing error is
 * reported at once, on machines without KVM as well.
 */
int machine_create(const struct vm_config *config, struct machine **out)
{
	struct machine *machine = calloc(1, sizeof(*machine));
	unsigned int nr_vcpus = wanted_vcpus(config);
	int ret;

	*out = NULL;
	if (!machine) {
		pr_fatal("out of memory");
		return -ENOMEM;
	}
	machine->type = choose_type(config);
	machine->config = config;
	machine->gic_fd = -1;
	machine->ram_fd = -1;
	machine->its_fd = -1;
	ret = ram_choose_size(machine, nr_vcpus);
	machine->memory_end = machine->ram.base + machine->ram.size;
	if (!ret)
		ret = boot_open(machine);
	if (!ret && config->root.dir)
		ret = root_make_initrd(config, &machine->kernel,
				       &machine->initrd_file);
	if (!ret && vm_config_count_virtio(config))
		ret = machine_open_virtio(machine);
	if (!ret && config->pvpanic)
		ret = machine_check_status(machine);
	/* Not even called without --gdb, so that its code is not resident. */
	if (!ret && gdb_config_is_on(&config->debug.gdb))
		ret = debugger_open(machine);
	if (!ret)
		ret = vm_open(&machine->vm, config->kvm_dev);
	if (ret) {
		debugger_close(machine);
		machine_close_virtio(machine);
		boot_destroy(machine);
		free(machine);
		return ret;
	}
	machine->vm.no_reboot = config->no_reboot;
	machine->vm.arch_ops = &arm_vm_ops;
	machine->vm.arch = machine;
	if (config->cpu.has_affinity)
		machine->vm.affinity = &config->cpu.affinity;
	ret = create(machine, nr_vcpus);
	if (ret) {
		machine_destroy(machine);
		return ret;
	}
	*out = machine;
	return 0;
}

/* The flash comes last: where it lies depends on no other device. */
static int add_devices(struct machine *machine,
		       struct chardev *serial[MACHINE_MAX_SERIAL])
{
	int ret = machine->type->build(machine, serial);

	if (!ret)
		ret = machine_add_v2m(machine);
	if (!ret && vm_config_count_virtio(machine->config))
		ret = machine_add_virtio(machine);
	if (!ret && (machine->config->pvpanic || machine->config->exit_device))
		ret = machine_add_status(machine);
	if (!ret)
		return machine_add_flash(machine);
	pr_fatal("Unable to create the devices: %s", strerror(-ret));
	return ret;
}

/* fw_cfg is filled when all is placed: it has the addresses of tables. */
int machine_build(struct machine *machine,
		  struct chardev *serial[MACHINE_MAX_SERIAL])
{
	int ret;

	if (machine->config->console.device == CONSOLE_VIRTIO &&
	    !machine->terminal)
		serial[0] = machine_take_terminal(machine, serial[0]);
	ret = add_devices(machine, serial);
	if (!ret)
		ret = boot_prepare(machine);
	if (!ret)
		ret = boot_fill_fw_cfg(machine);
	if (!ret && machine->debugger)
		ret = debugger_start(machine);
	return ret;
}

/*
 * What must not be left to the end of the process: files of the devices, and
 * the VM's descriptors in this order.
 */
void machine_close(struct machine *machine)
{
	debugger_close(machine);
	device_destroy_all(&machine->vm.devices);
	gic_destroy(machine);
	vm_close(&machine->vm);
}

/* In the reverse order of machine_create(); vCPUs go with the VM. */
void machine_destroy(struct machine *machine)
{
	if (!machine)
		return;
	debugger_close(machine);
	gic_destroy(machine);
	vm_destroy(&machine->vm);
	machine_close_virtio(machine);
	pvtime_destroy(machine);
	ram_destroy(machine);
	boot_destroy(machine);
	free(machine);
}

/* Counters are read while vCPUs may run: each is exact, their sums need not be.
 */
void machine_put_stats(struct machine *machine, struct json_writer *json,
		       const char *name)
{
	struct vcpu_totals totals;

	vm_vcpu_totals(&machine->vm, &totals);
	json_begin_object(json, name);
	json_string(json, "name", machine->config->name);
	json_string(json, "exit",
		    vm_exit_name((enum vm_exit)atomic_load(
			    &machine->vm.exit_reason)));
	json_u64(json, "resets", atomic_load(&machine->vm.resets));
	json_u64(json, "vcpus", machine->vm.nr_vcpus);
	json_u64(json, "exits", totals.exits);
	json_u64(json, "mmio_reads", totals.mmio_reads);
	json_u64(json, "mmio_writes", totals.mmio_writes);
	json_u64(json, "no_syndrome", totals.no_syndrome);
	json_u64(json, "batched", totals.batched);
	json_u64(json, "batches", totals.batches);
	json_u64(json, "batch_attempts", totals.attempts);
	json_u64(json, "batched_instructions", totals.instructions);
	json_u64(json, "batch_registers", totals.registers);
	batch_write_stats(machine, json);
	json_u64(json, "unclaimed", atomic_load(&machine->vm.bus.unclaimed));
	json_u64(json, "memslot_updates",
		 atomic_load(&machine->vm.slots.updates));
	json_u64(json, "irq_route_updates",
		 atomic_load(&machine->vm.irq_routes.updates));
	json_begin_object(json, "devices");
	device_stats_all(&machine->vm.devices, json);
	json_end_object(json);
	json_end_object(json);
}

void machine_put_details(struct machine *machine, struct json_writer *json,
			 const char *name)
{
	json_begin_object(json, name);
	device_details_all(&machine->vm.devices, json);
	json_end_object(json);
}

int machine_write_stats(struct machine *machine, FILE *out)
{
	struct json_writer json = { .out = out };

	machine_put_stats(machine, &json, NULL);
	if (fflush(out))
		return -errno;
	return ferror(out) ? -EIO : 0;
}
