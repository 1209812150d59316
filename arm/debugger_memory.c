/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Memory as a vCPU sees it: through the guest's page tables where its MMU is
 * on, else by physical addresses. What is no memory cannot be read: devices do
 * something when they are. A flash bank reads as its array, whatever the state
 * that its chips are in, and is not written to.
 */
#include <errno.h>
#include <string.h>

#include "cpu.h"
#include "debugger.h"
#include "lkvm/arm/a64/stage1.h"
#include "machine.h"

#define SCTLR_M BIT(0)

#define PAGE_OFFSET(addr) ((addr) & (SZ_4K - 1))

/*
 * What pages allow is not looked at, so PSTATE is of no use: a debugger may
 * read what PAN keeps from the kernel.
 */
static int read_mmu(struct debugger *debugger, struct vcpu *vcpu,
		    struct stage1 *mmu)
{
	const struct {
		unsigned int reg;
		u64 *value;
	} regs[] = {
		{ CPU_SCTLR, &mmu->sctlr },   { CPU_TCR, &mmu->tcr },
		{ CPU_TTBR0, &mmu->ttbr[0] }, { CPU_TTBR1, &mmu->ttbr[1] },
		{ CPU_MAIR, &mmu->mair },
	};

	memset(mmu, 0, sizeof(*mmu));
	mmu->mem = &debugger->readable;
	for (size_t i = 0; i < ARRAY_SIZE(regs); i++)
		if (cpu_read(vcpu, regs[i].reg, regs[i].value))
			return -EFAULT;
	return 0;
}

/* With the MMU off addresses are physical. */
static int translate(const struct stage1 *mmu, u64 va, u64 *pa)
{
	unsigned int flags;
	int ret;

	if (!(mmu->sctlr & SCTLR_M)) {
		*pa = va;
		return 0;
	}
	ret = stage1_walk(mmu, va, pa, &flags);
	if (!ret)
		*pa += PAGE_OFFSET(va);
	return ret;
}

int debugger_translate(struct debugger *debugger, struct vcpu *vcpu, u64 va,
		       u64 *pa)
{
	struct stage1 mmu;

	if (read_mmu(debugger, vcpu, &mmu))
		return -EFAULT;
	return translate(&mmu, va, pa);
}

/* Bytes of [va, va + len) that are in the first page. */
static size_t in_page(u64 va, size_t len)
{
	return MIN(len, SZ_4K - PAGE_OFFSET(va));
}

ssize_t debugger_read(struct debugger *debugger, struct vcpu *vcpu, u64 va,
		      u8 *buf, size_t len)
{
	const struct gmem *ram = &debugger->machine->vm.mem;
	struct stage1 mmu;
	size_t done = 0;
	u64 pa;

	if (read_mmu(debugger, vcpu, &mmu))
		return -EFAULT;
	while (done < len) {
		size_t n = in_page(va + done, len - done);

		if (translate(&mmu, va + done, &pa) ||
		    gmem_read(&debugger->readable, pa, buf + done, n))
			break;
		debugger_break_hide(&debugger->breaks, ram, pa, buf + done, n);
		done += n;
	}
	return done ? (ssize_t)done : -EFAULT;
}

/* What comes before a page that cannot be written to has been written. */
int debugger_write(struct debugger *debugger, struct vcpu *vcpu, u64 va,
		   const u8 *buf, size_t len)
{
	struct stage1 mmu;
	u64 pa;
	int ret = read_mmu(debugger, vcpu, &mmu);

	for (size_t done = 0, n; !ret && done < len; done += n) {
		n = in_page(va + done, len - done);
		ret = translate(&mmu, va + done, &pa);
		if (!ret)
			ret = debugger_break_write(&debugger->breaks,
						   &debugger->machine->vm.mem,
						   pa, buf + done, n);
	}
	return ret;
}
