/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interrupt lines, messages and eventfds: KVM_IRQ_LINE, KVM_SIGNAL_MSI and
 * KVM_IOEVENTFD (Documentation/virt/kvm/api.rst, 4.25, 4.71, 4.59).
 * Thread-safe, as the ioctls are; devices call irq_line_set() with their lock
 * held, so that levels reach KVM in order. KVM_IRQFD is vmm/irq_route.c's.
 */
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>

#include "lkvm/util/log.h"
#include "lkvm/vmm/irq.h"
#include "lkvm/vmm/vm.h"

/*
 * The number that KVM_IRQ_LINE takes for an SPI. Interrupt IDs of SPIs begin at
 * 32, GSIs at 0.
 */
static u32 spi_line(u32 gsi)
{
	return (u32)KVM_ARM_IRQ_TYPE_SPI << KVM_ARM_IRQ_TYPE_SHIFT |
	       (gsi + 32) << KVM_ARM_IRQ_NUM_SHIFT;
}

/* An error can be repeated by the guest at will, hence the rate limit. */
void irq_line_set(const struct irq_line *line, bool high)
{
	struct kvm_irq_level level = {
		.irq = spi_line(line->gsi),
		.level = high,
	};

	if (ioctl(line->vm->fd, KVM_IRQ_LINE, &level) < 0)
		pr_guest(&line->vm->irq_errors,
			 "KVM_IRQ_LINE of SPI %u failed: %s", line->gsi,
			 strerror(errno));
}

/* KVM answers 0 for what its ITS does not translate: the guest's business. */
void irq_send_msi(struct vm *vm, u32 device_id, u64 address, u32 data)
{
	struct kvm_msi msi = {
		.address_lo = (u32)address,
		.address_hi = (u32)(address >> 32),
		.data = data,
		.flags = KVM_MSI_VALID_DEVID,
		.devid = device_id,
	};

	if (ioctl(vm->fd, KVM_SIGNAL_MSI, &msi) < 0)
		pr_guest(&vm->irq_errors, "KVM_SIGNAL_MSI failed: %s",
			 strerror(errno));
}

/* Without `match` any value written at the address signals the eventfd. */
static int ioeventfd(struct vm *vm, u64 addr, unsigned int len, int fd,
		     const u64 *match, u32 flags)
{
	struct kvm_ioeventfd args = {
		.addr = addr,
		.len = len,
		.fd = fd,
		.flags = flags,
	};

	if (match) {
		args.flags |= KVM_IOEVENTFD_FLAG_DATAMATCH;
		args.datamatch = *match;
	}
	return ioctl(vm->fd, KVM_IOEVENTFD, &args) < 0 ? -errno : 0;
}

int ioeventfd_assign(struct vm *vm, u64 addr, unsigned int len, int fd,
		     const u64 *match)
{
	return ioeventfd(vm, addr, len, fd, match, 0);
}

int ioeventfd_deassign(struct vm *vm, u64 addr, unsigned int len, int fd,
		       const u64 *match)
{
	return ioeventfd(vm, addr, len, fd, match, KVM_IOEVENTFD_FLAG_DEASSIGN);
}
