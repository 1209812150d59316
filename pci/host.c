/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The host bridge: ECAM (PCIe, section 7.2.2), windows through which CPUs reach
 * base addresses, INTx lines, the device tree node. All functions are on bus 0,
 * one in each slot; the bridge itself is in slot 0, so that no device has the
 * requester ID 0.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "function.h"
#include "lkvm/util/json.h"
#include "lkvm/vmm/fdt.h"

/* As QEMU's generic host bridge, docs/specs/pci-ids. */
#define HOST_VENDOR 0x1b36
#define HOST_DEVICE 0x0008
#define HOST_CLASS  0x060000

#define ECAM_FUNCTION SZ_4K

/* What a read returns that nobody answers, for its width. */
static u64 ones(unsigned int len)
{
	return len < 8 ? (1ULL << 8 * len) - 1 : UINT64_MAX;
}

/* ---- Configuration space ------------------------------------------------- */

/*
 * Section 7.2.2 of PCIe: bits 27:20 of the offset are the bus, 19:15 the slot,
 * 14:12 the function, 11:0 the register. What is not there reads as ones (PCI,
 * section 6.1).
 */
static struct pci_function *ecam_find(struct mmio_region *region, u64 offset,
				      unsigned int len, u32 *reg)
{
	struct pci_host *host = container_of(region, struct pci_host, ecam);
	u64 slot = offset / ECAM_FUNCTION / 8,
	    function = offset / ECAM_FUNCTION % 8;

	*reg = offset % ECAM_FUNCTION;
	if (slot >= PCI_SLOTS || function || len > 4 ||
	    *reg + len > PCI_CONFIG_SIZE)
		return NULL;
	return host->slots[slot];
}

/* Locked, since a read may have an effect of the function's. */
static u64 ecam_read(struct mmio_region *region, u64 offset, unsigned int len)
{
	struct pci_function *fn;
	u32 reg;
	u64 value;

	fn = ecam_find(region, offset, len, &reg);
	if (!fn)
		return ones(len);
	pthread_mutex_lock(&fn->host->lock);
	value = pci_function_read(fn, reg, len);
	pthread_mutex_unlock(&fn->host->lock);
	return value;
}

static void ecam_write(struct mmio_region *region, u64 offset, u64 value,
		       unsigned int len)
{
	struct pci_function *fn;
	u32 reg;

	fn = ecam_find(region, offset, len, &reg);
	if (!fn)
		return;
	pthread_mutex_lock(&fn->host->lock);
	pci_function_write(fn, reg, len, (u32)value);
	pthread_mutex_unlock(&fn->host->lock);
}

static const struct mmio_ops ecam_ops = {
	.read = ecam_read,
	.write = ecam_write,
};

/* ---- Windows ------------------------------------------------------------- */

/*
 * The function that decodes this address now, and where it is in which of its
 * base addresses. That changes while other vCPUs move it: see decode.c.
 */
static struct pci_function *window_find(struct mmio_region *region, u64 offset,
					unsigned int len, unsigned int *bar,
					u64 *at)
{
	struct pci_window *window =
		container_of(region, struct pci_window, region);

	return pci_decode_find(window->host, window->io,
			       window->bus_base + offset, len, bar, at);
}

/*
 * Without the bridge's lock: a range may be accessed by several vCPUs at once.
 */
static u64 window_read(struct mmio_region *region, u64 offset, unsigned int len)
{
	unsigned int bar;
	struct pci_function *fn;
	u64 at;

	fn = window_find(region, offset, len, &bar, &at);
	return fn ? fn->ops->read(fn, bar, at, len) : ones(len);
}

static void window_write(struct mmio_region *region, u64 offset, u64 value,
			 unsigned int len)
{
	unsigned int bar;
	struct pci_function *fn;
	u64 at;

	fn = window_find(region, offset, len, &bar, &at);
	if (fn)
		fn->ops->write(fn, bar, at, value, len);
}

static const struct mmio_ops window_ops = {
	.read = window_read,
	.write = window_write,
};

/* ---- The device tree ----------------------------------------------------- */

/*
 * "PCI Bus Binding to: IEEE Std 1275-1994", section 2.2.1.1: the space of an
 * address. EDK2 takes no range with other bits, such as prefetchable.
 */
#define SPACE_IO    0x01000000
#define SPACE_MEM32 0x02000000
#define SPACE_MEM64 0x03000000

#define GIC_SPI	   0 /* Linux: bindings/interrupt-controller/arm,gic.yaml */
#define LEVEL_HIGH 4

/* Two cells, the high one first. */
static size_t put_u64(u32 *cells, u64 value)
{
	cells[0] = (u32)(value >> 32);
	cells[1] = (u32)value;
	return 2;
}

/* In the order of QEMU's tree, which some readers expect. */
static void ranges(const struct pci_host *host, struct fdt_writer *fdt)
{
	static const u32 spaces[] = { SPACE_MEM32, SPACE_MEM64, SPACE_IO };
	static const unsigned int order[] = { 2, 0, 1 };
	u32 cells[7 * ARRAY_SIZE(spaces)];
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(order); i++) {
		const struct pci_window *window = &host->windows[order[i]];

		if (!window->region.size)
			continue;
		cells[n++] = spaces[order[i]];
		n += put_u64(cells + n, window->bus_base);
		n += put_u64(cells + n, window->region.base);
		n += put_u64(cells + n, window->region.size);
	}
	fdt_prop_cells(fdt, "ranges", cells, n);
}

/*
 * Four slots with four pins each, of which the mask makes all slots: also
 * where nothing is plugged in, for EDK2 (since 2505) describes no bridge to an
 * OS that has an empty map.
 */
static void interrupt_map(const struct pci_host *host, struct fdt_writer *fdt)
{
	static const u32 mask[] = { 0x1800, 0, 0, 7 };
	u32 cells[PCI_INTX_LINES * PCI_INTX_LINES * 10], *c = cells;

	for (u32 slot = 0; slot < PCI_INTX_LINES; slot++)
		for (u32 pin = 0; pin < PCI_INTX_LINES; pin++) {
			u32 spi = host->params.intx.gsi +
				  (pin + slot) % PCI_INTX_LINES;
			const u32 entry[] = {
				slot << 11,
				0,
				0,
				pin + 1,
				FDT_PHANDLE_GIC,
				0,
				0,
				GIC_SPI,
				spi,
				LEVEL_HIGH,
			};

			memcpy(c, entry, sizeof(entry));
			c += ARRAY_SIZE(entry);
		}
	fdt_prop_cells(fdt, "interrupt-map", cells, ARRAY_SIZE(cells));
	fdt_prop_cells(fdt, "interrupt-map-mask", mask, ARRAY_SIZE(mask));
}

/* Linux: Documentation/devicetree/bindings/pci/host-generic-pci.yaml. */
static void host_fdt_node(struct device *dev, struct fdt_writer *fdt)
{
	const struct pci_host *host = container_of(dev, struct pci_host, dev);
	const u32 buses[] = { 0, host->params.nr_buses - 1 };
	const u32 msi_map[] = { 0, FDT_PHANDLE_MSI, 0, 0x10000 };

	fdt_node_begin_unit(fdt, "pcie", host->ecam.base);
	fdt_prop_string(fdt, "compatible", "pci-host-ecam-generic");
	fdt_prop_string(fdt, "device_type", "pci");
	fdt_prop_u32(fdt, "#address-cells", 3);
	fdt_prop_u32(fdt, "#size-cells", 2);
	fdt_prop_u32(fdt, "#interrupt-cells", 1);
	fdt_prop_u32(fdt, "linux,pci-domain", 0);
	fdt_prop_cells(fdt, "bus-range", buses, ARRAY_SIZE(buses));
	fdt_prop_empty(fdt, "dma-coherent");
	fdt_prop_reg1(fdt, host->ecam.base, host->ecam.size);
	ranges(host, fdt);
	if (host->params.send_msi)
		fdt_prop_cells(fdt, "msi-map", msi_map, ARRAY_SIZE(msi_map));
	interrupt_map(host, fdt);
	fdt_node_end(fdt);
}

/* ---- The device ---------------------------------------------------------- */

/* Functions first: what they reset may lower their interrupts. */
static void host_reset(struct device *dev)
{
	struct pci_host *host = container_of(dev, struct pci_host, dev);

	for (unsigned int i = 0; i < PCI_SLOTS; i++) {
		struct pci_function *fn = host->slots[i];

		if (!fn)
			continue;
		if (fn->ops && fn->ops->reset)
			fn->ops->reset(fn);
		pthread_mutex_lock(&host->lock);
		pci_function_reset(fn);
		pthread_mutex_unlock(&host->lock);
	}
}

/* An object for each function that has statistics, under its name. */
static void host_stats(struct device *dev, struct json_writer *json)
{
	struct pci_host *host = container_of(dev, struct pci_host, dev);

	for (unsigned int i = 0; i < PCI_SLOTS; i++) {
		struct pci_function *fn = host->slots[i];

		if (!fn || !fn->ops || !fn->ops->stats)
			continue;
		json_begin_object(json, fn->name);
		fn->ops->stats(fn, json);
		json_end_object(json);
	}
}

/*
 * The bridge's own function, in slot 0, is part of it; the others are their
 * models', which free them.
 */
static void host_destroy(struct device *dev)
{
	struct pci_host *host = container_of(dev, struct pci_host, dev);

	for (unsigned int i = 1; i < PCI_SLOTS; i++) {
		struct pci_function *fn = host->slots[i];

		if (fn && fn->ops->destroy)
			fn->ops->destroy(fn);
	}
	pci_function_destroy(&host->self);
	pthread_mutex_destroy(&host->intx_lock);
	pthread_mutex_destroy(&host->lock);
	free(host);
}

static const struct device_ops host_ops = {
	.fdt_node = host_fdt_node,
	.reset = host_reset,
	.stats = host_stats,
	.destroy = host_destroy,
};

/*
 * Slots are given in the order of plugging in, and stay as they are: names of
 * network interfaces in guests depend on them. All have INTA but the bridge.
 */
int pci_plug(struct pci_host *host, struct pci_function *fn)
{
	for (unsigned int i = 0; i < PCI_SLOTS; i++) {
		if (host->slots[i])
			continue;
		fn->host = host;
		fn->slot = i;
		if (i)
			pci_config_set(fn, PCI_INTERRUPT_PIN, 1, 1);
		host->slots[i] = fn;
		return 0;
	}
	return -ENOSPC;
}

/* It has neither base addresses nor an interrupt. */
static void plug_self(struct pci_host *host)
{
	host->self.name = host->params.name;
	host->self.vendor = HOST_VENDOR;
	host->self.device = HOST_DEVICE;
	host->self.class = HOST_CLASS;
	pci_function_init(&host->self);
	pci_plug(host, &host->self);
}

/* The third is I/O, whose ports count from 0 on the bus. */
static int add_window(struct pci_host *host, unsigned int n, u64 base, u64 size,
		      struct mmio_bus *bus)
{
	struct pci_window *window = &host->windows[n];

	window->host = host;
	window->io = n == 2;
	window->bus_base = window->io ? 0 : base;
	window->region = (struct mmio_region) { .name = host->params.name,
						.base = base,
						.size = size,
						.ops = &window_ops };
	return size ? mmio_bus_add(bus, &window->region) : 0;
}

/* Nothing is left on the bus after an error: the machine is not built then. */
static int add_regions(struct pci_host *host, struct mmio_bus *bus)
{
	const struct pci_host_params *p = &host->params;
	int ret;

	host->ecam = (struct mmio_region) { .name = p->name,
					    .base = p->ecam,
					    .size = p->nr_buses * SZ_1M,
					    .ops = &ecam_ops };
	ret = mmio_bus_add(bus, &host->ecam);
	if (!ret)
		ret = add_window(host, 0, p->mmio32, p->mmio32_size, bus);
	if (!ret)
		ret = add_window(host, 1, p->mmio64, p->mmio64_size, bus);
	return ret ? ret : add_window(host, 2, p->io, p->io_size, bus);
}

/* Regions come last, when all is there that an access needs. */
int pci_host_create(const struct pci_host_params *params, struct mmio_bus *bus,
		    struct pci_host **out)
{
	struct pci_host *host = calloc(1, sizeof(*host));
	int ret;

	if (!host)
		return -ENOMEM;
	host->params = *params;
	host->dev = (struct device) { .name = params->name, .ops = &host_ops };
	pthread_mutex_init(&host->lock, NULL);
	pthread_mutex_init(&host->intx_lock, NULL);
	plug_self(host);
	ret = add_regions(host, bus);
	if (ret) {
		host_destroy(&host->dev);
		return ret;
	}
	*out = host;
	return 0;
}
