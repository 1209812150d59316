/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Registers of a virtio device by MMIO (virtio 1.4, "MMIO Device Register
 * Layout") or PCI ("Common configuration structure layout").
 */
#include "hostile.h"

static const struct {
	u16 mmio, pci;
	u8 width; /* of PCI */
} places[] = {
	[R_OFFERED_SEL] = { 0x14, 0x00, 4 },
	[R_OFFERED] = { 0x10, 0x04, 4 },
	[R_WANTED_SEL] = { 0x24, 0x08, 4 },
	[R_WANTED] = { 0x20, 0x0c, 4 },
	[R_STATUS] = { 0x70, 0x14, 1 },
	[R_QUEUE_SEL] = { 0x30, 0x16, 2 },
	[R_QUEUE_MAX] = { 0x34, 0x18, 2 },
	[R_QUEUE_SIZE] = { 0x38, 0x18, 2 },
	[R_QUEUE_ENABLE] = { 0x44, 0x1c, 2 },
	[R_QUEUE_DESC] = { 0x80, 0x20, 4 },
	[R_QUEUE_DRIVER] = { 0x90, 0x28, 4 },
	[R_QUEUE_DEVICE] = { 0xa0, 0x30, 4 },
	[R_QUEUE_RESET] = { 0xc0, 0x3a, 2 },
};

#define MMIO_ID	    0x08
#define MMIO_NOTIFY 0x50
#define MMIO_CONFIG 0x100
#define MMIO_SIZE   0x200

u32 vdev_read(const struct vdev *v, enum reg reg)
{
	if (!v->pci)
		return read32(v->regs + places[reg].mmio);
	return (u32)read_width(v->regs + places[reg].pci, places[reg].width);
}

void vdev_write(const struct vdev *v, enum reg reg, u32 value)
{
	if (!v->pci)
		write32(v->regs + places[reg].mmio, value);
	else
		write_width(v->regs + places[reg].pci, value,
			    places[reg].width);
}

void vdev_write_address(const struct vdev *v, enum reg reg, u64 address)
{
	u64 at = v->regs + (v->pci ? places[reg].pci : places[reg].mmio);

	write32(at, (u32)address);
	write32(at + 4, (u32)(address >> 32));
}

/* What was written to memory has to be there first. */
void vdev_kick(const struct vdev *v, u32 queue)
{
	asm volatile("dsb sy" ::: "memory");
	if (v->pci)
		write16(v->notify + 4UL * queue, (u16)queue);
	else
		write32(v->notify, queue);
}

u64 vdev_offered(const struct vdev *v)
{
	u64 features;

	vdev_write(v, R_OFFERED_SEL, 0);
	features = vdev_read(v, R_OFFERED);
	vdev_write(v, R_OFFERED_SEL, 1);
	return features | (u64)vdev_read(v, R_OFFERED) << 32;
}

void vdev_want(const struct vdev *v, u64 features)
{
	for (u32 i = 0; i < 2; i++) {
		vdev_write(v, R_WANTED_SEL, i);
		vdev_write(v, R_WANTED, (u32)(features >> 32 * i));
	}
}

bool vdev_reset(const struct vdev *v)
{
	vdev_write(v, R_STATUS, 0);
	return !vdev_read(v, R_STATUS);
}

/* Once it was in vain, the test has failed: the rest of it is to be quick. */
bool vdev_breaks(const struct vdev *v)
{
	static u64 patience = PATIENCE_MS;
	u64 end = time_after(patience);

	while (!(vdev_read(v, R_STATUS) & S_NEEDS_RESET))
		if (time_now() > end) {
			patience = IMPATIENCE_MS;
			return false;
		}
	return true;
}

/* In the order of the device tree, which is that of addresses. */
static bool mmio_find(struct vdev *v, u32 id, unsigned int nr)
{
	const void *node;

	for (unsigned int i = 0; (node = fdt_compatible("virtio,mmio", i));
	     i++) {
		u64 base = fdt_u64(fdt_prop(node, "reg", NULL));

		if (read32(base + MMIO_ID) != id || nr--)
			continue;
		*v = (struct vdev) { .regs = base,
				     .config = base + MMIO_CONFIG,
				     .notify = base + MMIO_NOTIFY,
				     .size = MMIO_SIZE };
		return true;
	}
	return false;
}

bool vdev_find(struct vdev *v, u32 id, unsigned int nr)
{
	return fdt_compatible("virtio,mmio", 0) ? mmio_find(v, id, nr)
						: pci_find(v, id, nr);
}
