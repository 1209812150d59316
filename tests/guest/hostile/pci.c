/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The PCI bridge and the functions behind it: there is no firmware, so each
 * function gets its addresses here, 1 MiB for each slot in the 32-bit window.
 */
#include "hostile.h"

/* PCI, chapter 6. */
#define CONFIG_ID	 0x00
#define CONFIG_COMMAND	 0x04
#define CONFIG_BAR(n)	 (0x10 + 4 * (n))
#define CONFIG_CAPS	 0x34
#define COMMAND_ALL	 0x0006 /* memory, bus master */
#define CAP_VENDOR	 9
#define CAP_MSIX	 0x11
#define SPACE_MEM32	 0x02000000 /* of an entry of `ranges` */
#define RANGE_SIZE	 28
#define VIRTIO_VENDOR	 0x1af4
#define VIRTIO_FIRST	 0x1040
#define SLOTS		 32
#define REGISTERS_OFFSET 0x80000

/* virtio 1.4, "Virtio Structure PCI Capabilities" */
#define CAP_TYPE   3
#define CAP_OFFSET 8
#define CAP_COMMON 1
#define CAP_NOTIFY 2
#define CAP_DEVICE 4

bool bridge_find(struct bridge *bridge)
{
	const void *node = fdt_compatible("pci-host-ecam-generic", 0);
	const u8 *reg, *ranges;
	u32 len;

	if (!node)
		return false;
	reg = fdt_prop(node, "reg", NULL);
	ranges = fdt_prop(node, "ranges", &len);
	*bridge = (struct bridge) { .ecam = fdt_u64(reg),
				    .ecam_size = fdt_u64(reg + 8) };
	for (u32 at = 0; at < len; at += RANGE_SIZE) {
		if (fdt_u32(ranges + at) != SPACE_MEM32)
			continue;
		bridge->window = fdt_u64(ranges + at + 12);
		bridge->window_size = fdt_u64(ranges + at + 20);
	}
	return true;
}

u64 pci_cap(const struct vdev *v, u8 id, u8 type)
{
	u8 at = read8(v->function + CONFIG_CAPS);

	for (; at; at = read8(v->function + at + 1))
		if (read8(v->function + at) == id &&
		    (!type || read8(v->function + at + CAP_TYPE) == type))
			return v->function + at;
	return 0;
}

void pci_place(const struct vdev *v)
{
	u64 msix = pci_cap(v, CAP_MSIX, 0);

	write32(v->function + CONFIG_COMMAND, 0);
	if (msix)
		write16(msix + 2, 0);
	write32(v->function + CONFIG_BAR(1), (u32)v->msix);
	write32(v->function + CONFIG_BAR(4), (u32)v->regs);
	write32(v->function + CONFIG_BAR(5), (u32)(v->regs >> 32));
	write32(v->function + CONFIG_COMMAND, COMMAND_ALL);
}

static u64 structure(const struct vdev *v, u8 type)
{
	u64 cap = pci_cap(v, CAP_VENDOR, type);

	return cap ? v->regs + read32(cap + CAP_OFFSET) : 0;
}

/* The common configuration is at the start of the range. */
static void take(struct vdev *v, const struct bridge *bridge, u64 slot)
{
	*v = (struct vdev) { .pci = true,
			     .function = bridge->ecam + slot * 0x8000,
			     .msix = bridge->window + slot * SZ_1M,
			     .size = 0x4000 };
	v->regs = v->msix + REGISTERS_OFFSET;
	pci_place(v);
	v->notify = structure(v, CAP_NOTIFY);
	v->config = structure(v, CAP_DEVICE);
	v->regs = structure(v, CAP_COMMON);
}

bool pci_find(struct vdev *v, u32 id, unsigned int nr)
{
	struct bridge bridge;

	if (!bridge_find(&bridge))
		return false;
	for (u64 slot = 1; slot < SLOTS; slot++) {
		u32 found = read32(bridge.ecam + slot * 0x8000 + CONFIG_ID);

		if (found != ((VIRTIO_FIRST + id) << 16 | VIRTIO_VENDOR) ||
		    nr--)
			continue;
		take(v, &bridge, slot);
		return true;
	}
	return false;
}
