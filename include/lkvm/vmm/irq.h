/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Interrupt lines, messages, and eventfds that the guest writes. */
#ifndef LKVM_VMM_IRQ_H
#define LKVM_VMM_IRQ_H

#include "lkvm/util/util.h"

struct vm;

enum irq_trigger {
	IRQ_LEVEL_HIGH,
	IRQ_EDGE_RISING,
};

/*
 * A line from a device to the interrupt controller. The machine fills it in
 * and the device only passes it to irq_line_set().
 */
struct irq_line {
	struct vm *vm;
	u32 gsi; /* the controller's input: on arm64 the SPI, from 0 */
	enum irq_trigger trigger;
};

/*
 * Drives the line high or low; on an edge-triggered line a rising edge is
 * `true` after `false`. Any thread. An ioctl that fails is logged.
 */
void irq_line_set(const struct irq_line *line, bool high);

/*
 * A message-signalled interrupt of the device with this ID, as an ITS knows it:
 * `data` is written to `address`, its doorbell. Any thread. An ioctl that fails
 * is logged.
 */
void irq_send_msi(struct vm *vm, u32 device_id, u64 address, u32 data);

/*
 * A guest's write of `len` bytes (1, 2, 4 or 8; 0 for any) at `addr` writes
 * the eventfd `fd` without leaving the kernel; if `match` is not NULL only a
 * write of *match does. Returns 0 or -errno.
 */
int ioeventfd_assign(struct vm *vm, u64 addr, unsigned int len, int fd,
		     const u64 *match);
int ioeventfd_deassign(struct vm *vm, u64 addr, unsigned int len, int fd,
		       const u64 *match);

#endif
