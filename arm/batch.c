/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "batch.h"
#include "cpu.h"
#include "lkvm/arm/a64/a64.h"
#include "lkvm/arm/a64/stage1.h"
#include "lkvm/util/log.h"
#include "lkvm/vmm/pause.h"
#include "machine.h"

#define PAGE_MASK (~(u64)(SZ_4K - 1))

/*
 * How many instructions may pass until the next access, and in all. The first
 * keeps us from running what has nothing to do with devices, which the CPU
 * does faster; the second is for how long an interrupt has to wait.
 */
#define MAX_BETWEEN 320
#define MAX_TOTAL   32768

/*
 * Translations are looked up anew after so many accesses: another vCPU may
 * have changed the tables.
 */
#define TLB_ACCESSES 8
#define TLB_ENTRIES  16

/* Accesses that pay for reading and writing the registers. */
#define WORTHWHILE 3

/* Exits at one address are left alone for a while after vain attempts. */
#define HISTORY	 64
#define SKIP_MAX 255

/* So many in a row, at any address of a device, for it to lose its fame. */
#define CONFIDENCE 16

/* Arm ARM, C5.2.18 and D1.4: SPSR_ELx, exceptions from AArch64. */
#define PSTATE_MODE  0x1fU
#define PSTATE_EL1H  0x05U
#define PSTATE_BTYPE (3U << 10)
#define PSTATE_IL    BIT(20)
#define PSTATE_SS    BIT(21)

/* Arm ARM, D23.3, MDSCR_EL1: software step, breakpoints and watchpoints. */
#define MDSCR_SS  BIT(0)
#define MDSCR_MDE BIT(15)

/* Arm ARM, D23.2, SCTLR_EL1: pointer authentication by any of the four keys. */
#define SCTLR_PAUTH (BIT(31) | BIT(30) | BIT(27) | BIT(13))

struct tlb_entry {
	u64 page; /* virtual, with bit 0 set: valid */
	u64 ipa;
	u8 *ram; /* NULL: not RAM */
	unsigned int flags;
};

/* What trying was worth at one guest physical address. */
struct history {
	u8 penalty;
	u8 skip;
};

struct batch {
	struct vcpu *vcpu;
	struct a64_cpu cpu;
	struct cpu_regs regs; /* as KVM has them */
	struct stage1 mmu;
	struct tlb_entry tlb[TLB_ENTRIES];
	struct history history[HISTORY];
	u64 given; /* `cpu.left` when it was last set */
	u64 total; /* what is left of MAX_TOTAL, less `given` */
	u64 accesses;
};

static void tlb_flush(struct batch *batch)
{
	memset(batch->tlb, 0, sizeof(batch->tlb));
}

static struct tlb_entry *translate(struct batch *batch, u64 va)
{
	u64 page = va & PAGE_MASK;
	struct tlb_entry *entry =
		&batch->tlb[(page / SZ_4K) % ARRAY_SIZE(batch->tlb)];

	if (entry->page == (page | 1))
		return entry;
	entry->page = 0;
	if (stage1_walk(&batch->mmu, va, &entry->ipa, &entry->flags))
		return NULL;
	entry->ram = gmem_ptr(batch->mmu.mem, entry->ipa, SZ_4K);
	entry->page = page | 1;
	return entry;
}

static u8 *cached_ram(struct batch *batch, u64 va, unsigned int flags)
{
	struct tlb_entry *entry = translate(batch, va);

	flags |= STAGE1_CACHED;
	if (!entry || !entry->ram || (entry->flags & flags) != flags)
		return NULL;
	return entry->ram;
}

static const void *batch_code(struct a64_cpu *cpu, u64 va)
{
	return cached_ram(cpu->opaque, va, STAGE1_EXEC);
}

static void *batch_ram(struct a64_cpu *cpu, u64 va, unsigned int len,
		       bool write)
{
	u8 *page =
		cached_ram(cpu->opaque, va, write ? STAGE1_WRITE : STAGE1_READ);

	(void)len;
	return page ? page + (va & ~PAGE_MASK) : NULL;
}

/* Someone wants this vCPU to stop, or to be out of the way. */
static bool is_wanted(const struct vcpu *vcpu)
{
	return vcpu->run->immediate_exit || atomic_load(&vcpu->vm->stopping) ||
	       atomic_load(&vcpu->vm->exit_reason) != VM_EXIT_NONE;
}

/* Sets how far the interpreter may go until the next access. */
static void give(struct batch *batch, u64 unused)
{
	batch->total += unused;
	batch->given = MIN(batch->total, (u64)MAX_BETWEEN);
	batch->total -= batch->given;
	batch->cpu.left = batch->given;
}

static void account(struct batch *batch, struct mmio_region *region, bool write)
{
	_Atomic(u64) *counter = write ? &region->batched_writes
				      : &region->batched_reads;

	atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
	if (++batch->accesses % TLB_ACCESSES == 0)
		tlb_flush(batch);
	give(batch, batch->cpu.left);
	if (is_wanted(batch->vcpu))
		batch->cpu.left = 0;
}

/* What no device claims may be the interrupt controller, which KVM has. */
static struct mmio_region *find_region(struct batch *batch, u64 ipa,
				       unsigned int len, bool write)
{
	struct mmio_region *region = mmio_bus_find(&batch->vcpu->vm->bus, ipa);

	if (!region || !range_within(ipa, len, region->base, region->size))
		return NULL;
	/* Whether the device sees it is decided where the exit is handled. */
	if (write && region->code)
		return NULL;
	/* The guest reads it without us. */
	if (!write && region->slot && atomic_load(&region->slot->mapped))
		return NULL;
	return region;
}

static int batch_device(struct a64_cpu *cpu, u64 va, unsigned int len,
			bool write, u64 *value)
{
	struct batch *batch = cpu->opaque;
	struct vm *vm = batch->vcpu->vm;
	struct tlb_entry *entry = translate(batch, va);
	struct mmio_region *region;
	u64 ipa;

	if (!entry || entry->ram ||
	    !(entry->flags & (write ? STAGE1_WRITE : STAGE1_READ)))
		return -EFAULT;
	ipa = entry->ipa + (va & ~PAGE_MASK);
	region = find_region(batch, ipa, len, write);
	if (!region)
		return -EFAULT;
	/* The device may be held by one who waits for us to leave the guest. */
	vcpu_leave(batch->vcpu);
	/* What other vCPUs wrote before comes before. */
	mmio_ring_flush(&vm->ring);
	if (write)
		mmio_region_write(&vm->bus, region, ipa, *value, len);
	else
		*value = mmio_region_read(&vm->bus, region, ipa, len);
	account(batch, region, write);
	/* What is left of the instruction changes nothing but its registers. */
	if (!vcpu_try_enter(batch->vcpu))
		cpu->left = 0;
	return 0;
}

static const struct a64_ops batch_ops = {
	.code = batch_code,
	.ram = batch_ram,
	.device = batch_device,
};

static struct batch *get_batch(struct vcpu *vcpu)
{
	struct batch *batch = vcpu->arch;

	if (batch)
		return batch;
	batch = calloc(1, sizeof(*batch));
	if (!batch)
		return NULL;
	batch->vcpu = vcpu;
	batch->mmu.mem = &vcpu->vm->mem;
	a64_init(&batch->cpu, &batch_ops, batch);
	vcpu->arch = batch;
	return batch;
}

void batch_release(struct vcpu *vcpu)
{
	free(vcpu->arch);
	vcpu->arch = NULL;
}

static struct history *history_of(struct batch *batch)
{
	u64 addr = batch->vcpu->run->mmio.phys_addr;

	return &batch->history[(addr ^ addr >> 12) % HISTORY];
}

/* Of vCPUs that doubt at once only one counts, so that it never wraps. */
static void doubt(struct mmio_region *region)
{
	u32 old = atomic_load(&region->in_batches);

	if (old)
		atomic_compare_exchange_strong(&region->in_batches, &old,
					       old - 1);
}

static void learn(struct batch *batch, struct history *history)
{
	struct vcpu *vcpu = batch->vcpu;
	struct mmio_region *region =
		mmio_bus_find(&vcpu->vm->bus, vcpu->run->mmio.phys_addr);
	bool worthwhile = batch->accesses >= WORTHWHILE;

	history->penalty = worthwhile ? 0
				      : MIN(2 * history->penalty + 1, SKIP_MAX);
	history->skip = history->penalty;
	if (region && worthwhile)
		atomic_store(&region->in_batches, CONFIDENCE);
	else if (region)
		doubt(region);
}

/*
 * KVM completes the access it exited for at the next KVM_RUN; one that returns
 * at once does no more than that. True if it did.
 */
static bool complete(struct vcpu *vcpu)
{
	u64 before, after;
	int ret;

	if (cpu_get_pc(vcpu, &before))
		return false;
	vcpu->run->immediate_exit = 1;
	ret = ioctl(vcpu->fd, KVM_RUN, 0) < 0 ? -errno : 0;
	/* A kick that came before has its reason, which is looked at below. */
	vcpu->run->immediate_exit = 0;
	return ret == -EINTR && !cpu_get_pc(vcpu, &after) &&
	       after == before + sizeof(u32) && !is_wanted(vcpu);
}

/* Debuggers, tagged memory and what else changes instructions are left alone.
 */
static bool may_interpret(const struct cpu_regs *regs)
{
	u32 mode = PSTATE_MODE | PSTATE_BTYPE | PSTATE_IL | PSTATE_SS;

	return (regs->pstate & mode) == PSTATE_EL1H &&
	       !(regs->mdscr & (MDSCR_SS | MDSCR_MDE)) && !regs->tcr2;
}

static void load(struct batch *batch)
{
	const struct cpu_regs *regs = &batch->regs;
	struct a64_cpu *cpu = &batch->cpu;
	struct stage1 *mmu = &batch->mmu;

	memcpy(cpu->x, regs->x, sizeof(regs->x));
	cpu->pc = regs->pc;
	cpu->pstate = regs->pstate;
	cpu->hints_are_nops = !(regs->sctlr & SCTLR_PAUTH);
	mmu->sctlr = regs->sctlr;
	mmu->tcr = regs->tcr;
	mmu->ttbr[0] = regs->ttbr[0];
	mmu->ttbr[1] = regs->ttbr[1];
	mmu->mair = regs->mair;
	mmu->pstate = regs->pstate;
	tlb_flush(batch);
}

static int store(struct batch *batch)
{
	struct cpu_regs regs = batch->regs;

	memcpy(regs.x, batch->cpu.x, sizeof(regs.x));
	regs.pc = batch->cpu.pc;
	regs.pstate = batch->cpu.pstate;
	return cpu_put_regs(batch->vcpu, &batch->regs, &regs);
}

static int run(struct batch *batch)
{
	struct vcpu_stats *stats = &batch->vcpu->stats;
	u64 done;

	batch->accesses = 0;
	batch->total = MAX_TOTAL;
	give(batch, 0);
	if (!vcpu_try_enter(batch->vcpu))
		return 0;
	done = a64_run(&batch->cpu);
	vcpu_leave(batch->vcpu);
	atomic_fetch_add_explicit(&stats->batched, batch->accesses,
				  memory_order_relaxed);
	atomic_fetch_add_explicit(&stats->batches, !!batch->accesses,
				  memory_order_relaxed);
	atomic_fetch_add_explicit(&stats->instructions, done,
				  memory_order_relaxed);
	return done ? store(batch) : 0;
}

int batch_continue(struct vcpu *vcpu)
{
	struct batch *batch = get_batch(vcpu);
	struct history *history;
	int ret = 0;

	if (!batch)
		return 0;
	history = history_of(batch);
	if (history->skip) {
		history->skip--;
		return 0;
	}
	batch->accesses = 0;
	if (complete(vcpu) && !cpu_get_regs(vcpu, &batch->regs) &&
	    may_interpret(&batch->regs)) {
		load(batch);
		ret = run(batch);
	}
	learn(batch, history);
	return ret;
}
