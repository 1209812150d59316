/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Exceptions of a test program. start.S saves the registers and calls
 * exception_handle() with the number of the vector; after its return, the frame
 * is restored, with ELR changed to skip the instruction.
 *
 * A program that provokes an abort brackets it with fault_expect() and
 * fault_end(); any other exception fails the program and ends it. Per
 * processor, except the interrupt handler.
 */
#include "guest.h"

/* What start.S saves of the interrupted program, and restores from. */
struct frame {
	u64 x[31];
	u64 elr;
	u64 spsr;
};

void exception_handle(u64 kind, struct frame *frame);

static void (*irq_handler)(void);

void irq_set_handler(void (*handler)(void))
{
	irq_handler = handler;
}

/* The barrier keeps the compiler from moving the access before it. */
void fault_expect(void)
{
	struct cpu *cpu = this_cpu();

	cpu->fault = (struct fault) { 0 };
	cpu->expecting = true;
	asm volatile("" ::: "memory");
}

/* DSB: an external abort of an earlier access has been taken by then. */
const struct fault *fault_end(void)
{
	struct cpu *cpu = this_cpu();

	asm volatile("dsb sy\n\tisb" ::: "memory");
	cpu->expecting = false;
	return &cpu->fault;
}

bool fault_is_external(const struct fault *fault, u64 addr)
{
	return fault->count == 1 && ESR_EC(fault->esr) == EC_DABT_CUR &&
	       ESR_FSC(fault->esr) == FSC_EXTERNAL && fault->far == addr;
}

/* The lower half only: KVM of Linux 6.1 sets the upper half to ones. */
static u32 read_esr(void)
{
	u64 value;

	asm volatile("mrs %0, esr_el1" : "=r"(value));
	return (u32)value;
}

static u64 read_far(void)
{
	u64 value;

	asm volatile("mrs %0, far_el1" : "=r"(value));
	return value;
}

/*
 * A data access is skipped. A fetch from a bad address returns to its caller,
 * by x30.
 */
static void note_fault(struct cpu *cpu, struct frame *frame)
{
	cpu->fault.count++;
	cpu->fault.esr = read_esr();
	cpu->fault.far = read_far();
	cpu->fault.elr = frame->elr;
	if (ESR_EC(cpu->fault.esr) == EC_IABT_CUR)
		frame->elr = frame->x[30];
	else
		frame->elr += 4;
}

void exception_handle(u64 kind, struct frame *frame)
{
	struct cpu *cpu = this_cpu();

	if (kind == VECTOR_IRQ && irq_handler) {
		irq_handler();
		return;
	}
	if (kind == VECTOR_SYNC && cpu && cpu->expecting) {
		note_fault(cpu, frame);
		return;
	}
	check(false, "unexpected exception %lu: esr 0x%x far 0x%lx elr 0x%lx",
	      kind, read_esr(), read_far(), frame->elr);
	done();
}
