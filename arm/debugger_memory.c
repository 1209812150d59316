/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Memory as a vCPU sees it: through the guest's page tables where its MMU is
 * on, else by physical addresses. What is no memory cannot be read: devices do
 * something when they are. A flash bank reads as its array, whatever the state
 * that its chips are in, and is not written to.
 */
#include <errno.h>

#include "debugger.h"
#include "machine.h"
#include "vcpu_memory.h"

#define PAGE_OFFSET(addr) ((addr) & (SZ_4K - 1))

int debugger_translate(struct debugger *debugger, struct vcpu *vcpu, u64 va,
		       u64 *pa)
{
	struct stage1 mmu;

	if (vcpu_memory_init(&mmu, vcpu, &debugger->readable))
		return -EFAULT;
	return vcpu_memory_translate(&mmu, va, pa);
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

	if (vcpu_memory_init(&mmu, vcpu, &debugger->readable))
		return -EFAULT;
	while (done < len) {
		size_t n = in_page(va + done, len - done);

		if (vcpu_memory_translate(&mmu, va + done, &pa) ||
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
	int ret = vcpu_memory_init(&mmu, vcpu, &debugger->readable);

	for (size_t done = 0, n; !ret && done < len; done += n) {
		n = in_page(va + done, len - done);
		ret = vcpu_memory_translate(&mmu, va + done, &pa);
		if (!ret)
			ret = debugger_break_write(&debugger->breaks,
						   &debugger->machine->vm.mem,
						   pa, buf + done, n);
	}
	return ret;
}
