/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Runs a guest of a few instructions to find out what no KVM capability says.
 * Main thread, before the machine is built, in a VM of its own.
 *
 * Firmware that is executed in place may have its first page tables in flash,
 * as EDK2 does since 2022.11. KVM before Linux 6.2 (and 5.15.89) handles each
 * fault of a table walk as a write, and so injects an abort for one in a
 * read-only slot: "KVM: arm64: Fix S1PTW handling on RO memslots".
 */
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "cpu.h"
#include "lkvm/util/log.h"
#include "machine.h"

/*
 * 64 KiB: the largest page size of a host. Each of the two slots is one page.
 */
#define SLOT_SIZE SZ_64K

/* The tables for low addresses lie in the slot that is read-only. */
#define LOW_TABLE  0
#define RAM	   SZ_1G
#define HIGH_TABLE (RAM + SZ_4K)
#define CODE	   RAM
#define VECTORS	   (RAM + 0x800)

/* Arm ARM, D8.3: a level 1 block of 1 GiB, accessed, attributes 0. */
#define BLOCK (BIT(10) | 3U << 8 | BIT(0))

/* 39-bit addresses in both halves, 4 KiB granules, walks cached. */
#define T_SZ	 (64 - 39)
#define TCR_HALF (T_SZ | 1U << 8 | 1U << 10 | 3U << 12)
#define TCR	 (TCR_HALF | (u64)TCR_HALF << 16 | BIT(31))
#define HIGH	 (UINT64_MAX << 39)

#define MAIR_NORMAL 0xff
/* Reset value with EL1's stage 1 MMU and caches on. */
#define SCTLR 0x30d0198dULL

#define PSCI_SYSTEM_OFF 0x84000008 /* Arm DEN0022, 5.10 */

/* Limit for the guest, which needs milliseconds; for hosts under heavy load. */
#define LIMIT_NS 5000000000ULL

/* The two guest programs; both end the run, the second after a fault. */
static const u32 code[] = { 0xd4000002 /* hvc #0 */ };
static const u32 vector[] = { 0xd2800033 /* mov x19, #1 */,
			      0xd4000002 /* hvc #0 */ };

static void write_guest(u8 *flash, u8 *ram)
{
	u64 low = RAM | BLOCK, high = RAM | BLOCK;

	memcpy(flash + LOW_TABLE + 1 * sizeof(u64), &low, sizeof(low));
	memcpy(ram + (HIGH_TABLE - RAM) + 1 * sizeof(u64), &high, sizeof(high));
	memcpy(ram + (CODE - RAM), code, sizeof(code));
	/* Arm ARM, D1.4.1: synchronous, from the current EL with SP_EL1. */
	memcpy(ram + (VECTORS - RAM) + 0x200, vector, sizeof(vector));
}

static int add_slots(struct vm *vm, u8 *flash, u8 *ram)
{
	struct memslot slot;
	int ret;

	ret = memslot_init(&slot, &vm->slots, 0, SLOT_SIZE, flash, true);
	if (!ret)
		ret = memslot_map(&slot);
	if (!ret)
		ret = memslot_init(&slot, &vm->slots, RAM, SLOT_SIZE, ram,
				   false);
	return ret ? ret : memslot_map(&slot);
}

/* The MMU is on from the first instruction on. */
static int set_regs(struct vcpu *vcpu)
{
	static const struct {
		u64 id, value;
	} regs[] = {
		{ ARM64_SYS_REG(3, 0, 2, 0, 0), LOW_TABLE },  /* TTBR0_EL1 */
		{ ARM64_SYS_REG(3, 0, 2, 0, 1), HIGH_TABLE }, /* TTBR1_EL1 */
		{ ARM64_SYS_REG(3, 0, 2, 0, 2), TCR },
		{ ARM64_SYS_REG(3, 0, 10, 2, 0), MAIR_NORMAL },
		{ ARM64_SYS_REG(3, 0, 12, 0, 0), HIGH | VECTORS }, /* VBAR */
		{ ARM64_SYS_REG(3, 0, 1, 0, 0), SCTLR },
		{ CORE_REG(regs.regs[0]), PSCI_SYSTEM_OFF },
		{ CORE_REG(regs.regs[19]), 0 },
		{ CORE_REG(regs.pc), CODE },
	};
	int ret = 0;

	for (size_t i = 0; !ret && i < ARRAY_SIZE(regs); i++)
		ret = cpu_set_reg(vcpu, regs[i].id, regs[i].value);
	return ret;
}

static int init_vcpu(struct vm *vm)
{
	struct kvm_vcpu_init init = { 0 };
	struct vcpu *vcpu = vm->vcpus[0];

	if (ioctl(vm->fd, KVM_ARM_PREFERRED_TARGET, &init) < 0)
		return -errno;
	init.features[0] = BIT(KVM_ARM_VCPU_PSCI_0_2);
	if (ioctl(vcpu->fd, KVM_ARM_VCPU_INIT, &init) < 0)
		return -errno;
	return set_regs(vcpu);
}

/* The VM while it runs; main thread. */
struct probe {
	struct vm vm;
	struct evloop_timer timer;
	u8 *memory; /* of both slots */
};

static void too_long(struct evloop_timer *timer)
{
	struct probe *probe = container_of(timer, struct probe, timer);

	vm_request_exit(&probe->vm, VM_EXIT_KILLED);
}

/* 1 if the walk was good, 0 if it was answered with an abort, or -errno. */
static int run(struct probe *probe)
{
	u64 aborts = 0;
	struct vm *vm = &probe->vm;
	int ret = evloop_timer_init(&vm->loop, &probe->timer, too_long);

	if (ret)
		return ret;
	ret = evloop_timer_set(&probe->timer, LIMIT_NS);
	if (!ret && vm_run(vm) != VM_EXIT_POWEROFF)
		ret = -ETIMEDOUT;
	if (!ret)
		ret = cpu_get_reg(vm->vcpus[0], CORE_REG(regs.regs[19]),
				  &aborts);
	evloop_timer_destroy(&vm->loop, &probe->timer);
	return ret ? ret : !aborts;
}

static int create_and_run(struct probe *probe, unsigned long type)
{
	struct vm *vm = &probe->vm;
	int ret = vm_create(vm, type);

	write_guest(probe->memory, probe->memory + SLOT_SIZE);
	if (!ret)
		ret = add_slots(vm, probe->memory, probe->memory + SLOT_SIZE);
	if (!ret)
		ret = vm_create_vcpus(vm, 1);
	if (!ret)
		ret = init_vcpu(vm);
	return ret ? ret : run(probe);
}

/* What cannot be found out is taken for a yes, with a warning. */
bool probe_walks_in_flash(const char *kvm_dev, unsigned long type)
{
	struct probe probe = { 0 };
	int ret;

	probe.memory = mmap(NULL, 2 * SLOT_SIZE, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (probe.memory == MAP_FAILED)
		return true;
	log_demote_fatal(true);
	ret = vm_open(&probe.vm, kvm_dev);
	if (!ret) {
		ret = create_and_run(&probe, type);
		vm_destroy(&probe.vm);
	}
	log_demote_fatal(false);
	munmap(probe.memory, 2 * SLOT_SIZE);
	if (ret < 0)
		pr_warn("unable to find out whether this host's kernel allows "
			"page tables in flash: %s; taking it that it does",
			strerror(-ret));
	return ret != 0;
}
