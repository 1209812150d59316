/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One attempt at a batch after an MMIO exit: KVM completes the access, the
 * registers that say whether and how the vCPU may continue here are read, and
 * instructions are interpreted until one cannot be or a limit is reached. Other
 * registers are read when an instruction first uses them, and those that
 * changed are written back.
 *
 * All of it runs on the vCPU's thread, while that vCPU is not in the guest.
 * struct batch belongs to that thread; the VM's part at the end of this file is
 * called by the main thread at start, or while all vCPUs are paused.
 *
 * No register is kept for the next attempt except what cannot change: the guest
 * runs in between, and may write to any system register.
 *
 * Whether an attempt is made is decided by arm/batch_account.c, whether it may
 * be made by arm/batch_veto.c.
 *
 * The same means carry out the one instruction whose access KVM could not
 * describe: see batch_access().
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "batch.h"
#include "batch_account.h"
#include "cpu.h"
#include "lkvm/arm/a64/a64.h"
#include "lkvm/arm/a64/stage1.h"
#include "lkvm/arm/costs.h"
#include "lkvm/util/json.h"
#include "lkvm/util/log.h"
#include "lkvm/vmm/pause.h"
#include "machine.h"

#define PAGE_MASK (~(u64)(SZ_4K - 1))

/*
 * Limit on the instructions of a batch: an interrupt may have to wait that
 * long.
 */
#define MAX_TOTAL 32768

/*
 * Translations, including that of the code, are valid for this many
 * instructions: another vCPU may have changed the tables.
 */
#define TLB_INSTRUCTIONS 64
#define TLB_ENTRIES	 16

/* KVM_ARM_VCPU_HAS_EL2, since Linux 6.16. */
#define VCPU_HAS_EL2 7

/* Arm ARM, D23.2, SCTLR_EL1: pointer authentication by any of the four keys. */
#define SCTLR_PAUTH (BIT(31) | BIT(30) | BIT(27) | BIT(13))

/* A translation, direct mapped by page number. */
struct tlb_entry {
	u64 page; /* virtual, with bit 0 set: valid */
	u64 ipa;
	u8 *ram; /* NULL: not RAM */
	unsigned int flags;
};

/* State of a vCPU's batches, in vcpu->arch; allocated at the first exit. */
struct batch {
	struct vcpu *vcpu;
	struct a64_cpu cpu;
	u64 x[32];	  /* as KVM has them, where `loaded` has their bit */
	u64 loaded;	  /* of cpu.x, those that were read from KVM */
	u64 pc, pstate;	  /* as KVM has them */
	bool has_ttbr[2]; /* in `mmu` */
	bool no_tcr2;	  /* this vCPU has no such register */
	bool no_costs;	  /* they cannot be measured */
	bool stop;	  /* behind the instruction under way */
	bool single;	  /* it is the only one, and accesses a device */
	struct stage1 mmu;
	struct tlb_entry tlb[TLB_ENTRIES];
	struct batch_bill bill; /* of this attempt */
	struct batch_account account;
	struct costs_clock clock;
};

/* ---- Registers ----------------------------------------------------------- */

/* Registers are counted: they are most of what an attempt costs. */
static int read_reg(struct batch *batch, unsigned int reg, u64 *value)
{
	batch->bill.registers++;
	return cpu_read(batch->vcpu, reg, value);
}

static int write_reg(struct batch *batch, unsigned int reg, u64 value)
{
	batch->bill.registers++;
	return cpu_write(batch->vcpu, reg, value);
}

/* a64_ops.load() */
static bool batch_load(struct a64_cpu *cpu, u64 missing)
{
	struct batch *batch = cpu->opaque;

	for (unsigned int n = 0; n < ARRAY_SIZE(batch->x); n++) {
		if (!(missing >> n & 1))
			continue;
		if (read_reg(batch, n, &batch->x[n]))
			return false;
		cpu->x[n] = batch->x[n];
		batch->loaded |= 1ULL << n;
		cpu->have |= 1ULL << n;
	}
	return true;
}

/* A register that was set without having been read counts as changed. */
static bool x_differs(const struct batch *batch, unsigned int n)
{
	if (!(batch->cpu.have >> n & 1))
		return false;
	return !(batch->loaded >> n & 1) || batch->x[n] != batch->cpu.x[n];
}

/* If this fails the vCPU's state is lost and the run ends. */
static int store(struct batch *batch)
{
	int ret = write_reg(batch, CPU_PC, batch->cpu.pc);

	if (!ret && batch->cpu.pstate != batch->pstate)
		ret = write_reg(batch, CPU_PSTATE, batch->cpu.pstate);
	for (unsigned int n = 0; !ret && n < ARRAY_SIZE(batch->x); n++)
		if (x_differs(batch, n))
			ret = write_reg(batch, n, batch->cpu.x[n]);
	if (ret)
		pr_err("vCPU %u: unable to set its registers: %s",
		       batch->vcpu->id, strerror(-ret));
	return ret;
}

/* ---- Memory -------------------------------------------------------------- */

static void tlb_flush(struct batch *batch)
{
	memset(batch->tlb, 0, sizeof(batch->tlb));
}

/* Read on demand: most code uses one half only, the kernel's or firmware's. */
static bool has_ttbr(struct batch *batch, unsigned int half)
{
	if (!batch->has_ttbr[half])
		batch->has_ttbr[half] = !read_reg(batch, CPU_TTBR0 + half,
						  &batch->mmu.ttbr[half]);
	return batch->has_ttbr[half];
}

/* Bit 0 of `page` marks an entry that is in use. */
static struct tlb_entry *translate(struct batch *batch, u64 va)
{
	u64 page = va & PAGE_MASK;
	struct tlb_entry *entry =
		&batch->tlb[(page / SZ_4K) % ARRAY_SIZE(batch->tlb)];

	if (entry->page == (page | 1))
		return entry;
	entry->page = 0;
	if (!has_ttbr(batch, va >> 63) ||
	    stage1_walk(&batch->mmu, va, &entry->ipa, &entry->flags))
		return NULL;
	entry->ram = gmem_ptr(batch->mmu.mem, entry->ipa, SZ_4K);
	entry->page = page | 1;
	return entry;
}

/*
 * Only memory that the guest maps cacheable: other mappings could bypass caches
 * that this process writes through.
 */
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
	struct batch *batch = cpu->opaque;
	u8 *page = batch->single
			   ? NULL
			   : cached_ram(batch, va,
					write ? STAGE1_WRITE : STAGE1_READ);

	(void)len;
	return page ? page + (va & ~PAGE_MASK) : NULL;
}

/* True if there is a reason to stop: a kick, a pause, or the end of the run. */
static bool must_stop(const struct vcpu *vcpu)
{
	return vcpu->run->immediate_exit || atomic_load(&vcpu->vm->stopping) ||
	       atomic_load(&vcpu->vm->exit_reason) != VM_EXIT_NONE;
}

static void stop(struct batch *batch)
{
	batch->stop = true;
	batch->cpu.left = 0;
}

static void count(struct batch *batch, struct mmio_region *region, bool write)
{
	_Atomic(u64) *counter = write ? &region->batched_writes
				      : &region->batched_reads;

	/* It has had an exit of its own. */
	if (batch->single)
		return;
	atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
	batch->bill.accesses++;
}

/*
 * The region of an access that a batch may do itself; NULL: the CPU has to.
 * Addresses without a device may be the interrupt controller, which is in KVM.
 */
static struct mmio_region *find_region(struct batch *batch, u64 ipa,
				       unsigned int len, bool write)
{
	struct mmio_region *region = mmio_bus_find(&batch->vcpu->vm->bus, ipa);

	if (!region || !range_within(ipa, len, region->base, region->size))
		return NULL;
	/* Whether the device sees it is decided where the exit is handled. */
	if (write && region->code)
		return NULL;
	/* A mapped array is read without an exit. */
	if (!write && region->slot && atomic_load(&region->slot->mapped))
		return NULL;
	return region;
}

/*
 * a64_ops.device(). The vCPU leaves the "in the guest" state meanwhile, as
 * vm_pause() may be waiting for it while it holds the device's lock.
 */
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
	/* The lock's owner may be waiting for this vCPU to leave. */
	vcpu_leave(batch->vcpu);
	/* What other vCPUs wrote before comes before. */
	mmio_ring_flush(&vm->ring);
	if (write)
		mmio_region_write(&vm->bus, region, ipa, *value, len);
	else
		*value = mmio_region_read(&vm->bus, region, ipa, len);
	count(batch, region, write);
	/* What is left of the instruction changes nothing but its registers. */
	if (!vcpu_try_enter(batch->vcpu) || must_stop(batch->vcpu))
		stop(batch);
	return 0;
}

static const struct a64_ops batch_ops = {
	.code = batch_code,
	.ram = batch_ram,
	.device = batch_device,
	.load = batch_load,
};

/* ---- One attempt --------------------------------------------------------- */

/* Counts vetoes by their reason; the first of each is logged. */
static bool is_vetoed(struct batch *batch, const struct batch_facts *facts)
{
	struct machine *machine = batch->vcpu->vm->arch;
	enum batch_veto veto = batch_veto(facts);

	if (veto == BATCH_ALLOWED || batch->single)
		return veto != BATCH_ALLOWED;
	if (!atomic_fetch_add(&machine->batch_refusals[veto], 1))
		pr_debug("vCPU %u: no batches because of %s", batch->vcpu->id,
			 batch_veto_text(veto));
	return true;
}

/*
 * KVM completes the access it exited for at the next KVM_RUN; one that returns
 * at once does no more than that. True if it did: if the vCPU is behind the
 * instruction, that is, and not at a vector because an exception was pending.
 */
static bool complete(struct batch *batch)
{
	struct vcpu *vcpu = batch->vcpu;
	u64 before;
	int ret;

	if (read_reg(batch, CPU_PC, &before))
		return false;
	vcpu->run->immediate_exit = 1;
	ret = ioctl(vcpu->fd, KVM_RUN, 0) < 0 ? -errno : 0;
	/* A kick that came before has its reason, which is looked at below. */
	vcpu->run->immediate_exit = 0;
	return ret == -EINTR && !read_reg(batch, CPU_PC, &batch->pc) &&
	       batch->pc == before + sizeof(u32) && !must_stop(vcpu);
}

/* -ENOENT: this vCPU has no such register, which does not change. */
static int read_tcr2(struct batch *batch, u64 *tcr2)
{
	int ret = batch->no_tcr2 ? -ENOENT : read_reg(batch, CPU_TCR2, tcr2);

	if (ret != -ENOENT)
		return ret;
	batch->no_tcr2 = true;
	*tcr2 = 0;
	return 0;
}

/* Each group is read only if there is no veto by those before it. */
static bool may_go_on(struct batch *batch, struct batch_facts *facts)
{
	facts->known = BATCH_KNOWS_PSTATE;
	if (read_reg(batch, CPU_PSTATE, &facts->pstate) ||
	    is_vetoed(batch, facts))
		return false;
	facts->known = BATCH_KNOWS_DEBUG;
	if (batch_needs_mdscr(facts->pstate) &&
	    read_reg(batch, CPU_MDSCR, &facts->mdscr))
		return false;
	if (is_vetoed(batch, facts))
		return false;
	facts->known = BATCH_KNOWS_REGISTERS;
	return !read_tcr2(batch, &facts->tcr2) &&
	       !read_reg(batch, CPU_SCTLR, &facts->sctlr) &&
	       !is_vetoed(batch, facts);
}

/* True if instructions can be carried out from `pc` on. */
static bool load(struct batch *batch)
{
	struct batch_facts facts = { 0 };
	struct a64_cpu *cpu = &batch->cpu;
	struct stage1 *mmu = &batch->mmu;

	if (!may_go_on(batch, &facts) || read_reg(batch, CPU_TCR, &mmu->tcr) ||
	    read_reg(batch, CPU_MAIR, &mmu->mair))
		return false;
	batch->pstate = facts.pstate;
	batch->loaded = 0;
	cpu->have = 0;
	cpu->pc = batch->pc;
	cpu->pstate = facts.pstate;
	cpu->hints_are_nops = !(facts.sctlr & SCTLR_PAUTH);
	mmu->sctlr = facts.sctlr;
	mmu->pstate = facts.pstate;
	batch->has_ttbr[0] = batch->has_ttbr[1] = false;
	return true;
}

/*
 * Ends when more instructions have passed without an access than an exit is
 * worth, or at the limits above.
 */
static void interpret(struct batch *batch)
{
	u64 most = batch_account_between(&batch->account);
	u64 between = 0, total = 0, done = TLB_INSTRUCTIONS;

	batch->stop = false;
	while (done == TLB_INSTRUCTIONS && between < most &&
	       total < MAX_TOTAL && !batch->stop && !must_stop(batch->vcpu)) {
		u64 accesses = batch->bill.accesses;

		tlb_flush(batch);
		batch->cpu.left = TLB_INSTRUCTIONS;
		done = a64_run(&batch->cpu);
		total += done;
		between = accesses == batch->bill.accesses ? between + done : 0;
	}
	batch->bill.instructions = total;
}

/* Within vcpu_try_enter(), so that a pause waits for the end of the batch. */
static int run(struct batch *batch)
{
	if (!vcpu_try_enter(batch->vcpu))
		return 0;
	interpret(batch);
	vcpu_leave(batch->vcpu);
	return batch->bill.instructions ? store(batch) : 0;
}

static void add_stats(struct vcpu_stats *stats, const struct batch_bill *bill)
{
	const struct {
		_Atomic(u64) *counter;
		u64 n;
	} sums[] = {
		{ &stats->attempts, 1 },
		{ &stats->batched, bill->accesses },
		{ &stats->batches, !!bill->accesses },
		{ &stats->instructions, bill->instructions },
		{ &stats->registers, bill->registers },
	};

	for (size_t i = 0; i < ARRAY_SIZE(sums); i++)
		atomic_fetch_add_explicit(sums[i].counter, sums[i].n,
					  memory_order_relaxed);
}

static int attempt(struct batch *batch)
{
	int ret = 0;

	memset(&batch->bill, 0, sizeof(batch->bill));
	if (complete(batch) && load(batch))
		ret = run(batch);
	add_stats(&batch->vcpu->stats, &batch->bill);
	return ret;
}

/* ---- Whether to make an attempt ------------------------------------------ */

/*
 * Measures costs on this host once for each vCPU. An attempt at the same exit
 * must not follow, because KVM has completed that exit meanwhile.
 */
static bool has_costs(struct batch *batch)
{
	struct costs *costs = &batch->account.costs;
	int ret;

	if (costs->insn_ns)
		return true;
	if (batch->no_costs)
		return false;
	ret = costs_measure(batch->vcpu, &batch->cpu, costs);
	a64_init(&batch->cpu, &batch_ops, batch);
	if (ret) {
		batch->no_costs = true;
		costs->insn_ns = 0;
		pr_debug("vCPU %u: unable to measure costs: %s",
			 batch->vcpu->id, strerror(-ret));
		return false;
	}
	pr_debug("vCPU %u: ns for a register: %" PRIu64
		 ", a return from KVM: %" PRIu64 ", an instruction: %" PRIu64,
		 batch->vcpu->id, costs->reg_ns, costs->return_ns,
		 costs->insn_ns);
	return true;
}

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
	vcpu->arch = batch;
	return batch;
}

void batch_release(struct vcpu *vcpu)
{
	const struct batch *batch = vcpu->arch;

	if (batch && batch->account.costs.insn_ns)
		pr_debug("vCPU %u: an exit cost %" PRIu64 " ns", vcpu->id,
			 batch->account.costs.exit_ns);
	free(vcpu->arch);
	vcpu->arch = NULL;
}

/*
 * Updates the region's mean saving, which decides whether its writes go to
 * KVM's ring instead. A race of two vCPUs loses one sample of the mean.
 */
static void update_region(const struct batch *batch, struct mmio_region *region,
			  s64 saved)
{
	const struct batch_account *account = &batch->account;
	s64 mean = atomic_load_explicit(&region->batch_saving,
					memory_order_relaxed);
	bool beats_ring;

	mean = batch_account_mean(account, mean, saved);
	atomic_store_explicit(&region->batch_saving, mean,
			      memory_order_relaxed);
	beats_ring = batch_account_beats_ring(account, mean);
	if (atomic_load(&region->in_batches) != beats_ring)
		atomic_store(&region->in_batches, beats_ring);
}

/* An array (flash) is accounted as one address: all of it is used alike. */
static bool should_attempt(struct batch *batch,
			   const struct mmio_region *region)
{
	const struct kvm_run *run = batch->vcpu->run;
	bool is_array = region && region->slot;
	u64 addr = is_array ? region->base : run->mmio.phys_addr;

	costs_exit_came(&batch->clock, &batch->account.costs);
	return has_costs(batch) && costs_exit_known(&batch->clock) &&
	       batch_account_exit(&batch->account, addr, run->mmio.is_write);
}

int batch_continue(struct vcpu *vcpu)
{
	struct mmio_region *region =
		mmio_bus_find(&vcpu->vm->bus, vcpu->run->mmio.phys_addr);
	struct batch *batch = get_batch(vcpu);
	s64 saved = 0;
	int ret = 0;

	if (!batch)
		return 0;
	if (should_attempt(batch, region)) {
		ret = attempt(batch);
		saved = batch_account_settle(&batch->account, &batch->bill);
	}
	if (region)
		update_region(batch, region, saved);
	costs_exit_done(&batch->clock);
	return ret;
}

/* ---- An access without syndrome ------------------------------------------ */

/*
 * The one instruction at PC. KVM has nothing to complete: it has left PC and
 * all registers as they are. True if it was carried out.
 */
static bool run_single(struct batch *batch)
{
	tlb_flush(batch);
	batch->cpu.left = 1;
	return a64_run(&batch->cpu);
}

/*
 * Of the VM's vetoes only those count by which the instruction could not be
 * understood, or its address not be translated: RAM is not accessed, and the
 * guest's CPU does not count an instruction that it has not completed.
 */
static bool may_do_single(const struct vcpu *vcpu)
{
	const struct machine *machine = vcpu->vm->arch;
	const struct arm_features *features = &machine->features;

	return !features->aarch32 && !(features->vcpu_init & BIT(VCPU_HAS_EL2));
}

int batch_access(struct vcpu *vcpu)
{
	struct batch *batch = may_do_single(vcpu) ? get_batch(vcpu) : NULL;
	int ret = -ENOTSUP;

	if (!batch)
		return ret;
	if (!batch->cpu.ops)
		a64_init(&batch->cpu, &batch_ops, batch);
	batch->single = true;
	if (!read_reg(batch, CPU_PC, &batch->pc) && load(batch)) {
		/* Not entered: it exits once more, after the pause. */
		ret = 0;
		if (vcpu_try_enter(vcpu)) {
			ret = run_single(batch) ? store(batch) : -ENOTSUP;
			vcpu_leave(vcpu);
		}
	}
	batch->single = false;
	return ret;
}

/* ---- The VM's part ------------------------------------------------------- */

/*
 * Reasons that hold for all vCPUs; evaluated again when a debugger or a dirty
 * log comes or goes.
 */
enum batch_veto batch_vm_veto(const struct machine *machine)
{
	const struct arm_features *features = &machine->features;
	u32 forbidden = atomic_load(&machine->batch_forbidden);
	const struct batch_facts facts = {
		.known = BATCH_KNOWS_VM,
		.off = machine->config->debug.no_batch,
		.aarch32 = features->aarch32,
		.el2 = features->vcpu_init & BIT(VCPU_HAS_EL2),
		.mte = features->mte,
		.pmu = features->pmu,
		.debugger = forbidden & BIT(BATCH_DEBUGGER),
		.dirty_log = forbidden & BIT(BATCH_DIRTY_LOG),
	};

	return batch_veto(&facts);
}

void batch_setup(struct machine *machine)
{
	enum batch_veto veto = batch_vm_veto(machine);

	if (veto != BATCH_ALLOWED)
		pr_debug("no batches because of %s", batch_veto_text(veto));
	atomic_store(&machine->batch_allowed, veto == BATCH_ALLOWED);
}

void batch_forbid(struct machine *machine, enum batch_veto veto, bool forbid)
{
	if (forbid)
		atomic_fetch_or(&machine->batch_forbidden, (u32)BIT(veto));
	else
		atomic_fetch_and(&machine->batch_forbidden, ~(u32)BIT(veto));
	batch_setup(machine);
}

void batch_write_stats(const struct machine *machine, struct json_writer *json)
{
	json_string(json, "batches_off",
		    batch_veto_key(batch_vm_veto(machine)));
	json_begin_object(json, "batch_refusals");
	for (unsigned int i = BATCH_PSTATE; i < BATCH_VETOES; i++)
		json_u64(json, batch_veto_key(i),
			 atomic_load(&machine->batch_refusals[i]));
	json_end_object(json);
}
