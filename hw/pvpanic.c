/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pvpanic: see include/lkvm/hw/pvpanic.h. The model has no state but counters,
 * so there is neither a lock nor a reset: what an event leads to is up to who
 * has created it.
 */
#include <errno.h>
#include <stdlib.h>

#include "lkvm/hw/pvpanic.h"
#include "lkvm/util/json.h"
#include "lkvm/vmm/fdt.h"

#define KNOWN_EVENTS (BIT(NR_PVPANIC_EVENTS) - 1)

/* As QEMU's function: PCI's class "other system peripheral". */
#define PVPANIC_CLASS	 0x088000
#define PVPANIC_REVISION 1

/* What both have. */
struct pvpanic {
	struct pvpanic_params params;
	_Atomic(u64) events[NR_PVPANIC_EVENTS];
};

struct pvpanic_mmio {
	struct device dev;
	struct mmio_region region;
	struct pvpanic model;
};

struct pvpanic_pci {
	struct pci_function fn;
	struct pvpanic model;
};

/* ---- The register -------------------------------------------------------- */

static u64 reg_read(u64 offset)
{
	return offset ? 0 : KNOWN_EVENTS;
}

/*
 * Of several bits the lowest counts, as with QEMU; a guest that knows more
 * events than there are is not told so, since it could have read which are.
 */
static void reg_write(struct pvpanic *model, u64 offset, u64 value)
{
	for (unsigned int i = 0; !offset && i < NR_PVPANIC_EVENTS; i++) {
		if (!(value & BIT(i)))
			continue;
		atomic_fetch_add(&model->events[i], 1);
		model->params.event(model->params.opaque,
				    (enum pvpanic_event)i);
		return;
	}
}

static void put_stats(struct pvpanic *model, struct json_writer *json)
{
	static const char *const names[NR_PVPANIC_EVENTS] = {
		[PVPANIC_PANICKED] = "panicked",
		[PVPANIC_CRASH_LOADED] = "crash_loaded",
		[PVPANIC_SHUTDOWN] = "shutdown",
	};

	for (unsigned int i = 0; i < NR_PVPANIC_EVENTS; i++)
		json_u64(json, names[i], atomic_load(&model->events[i]));
}

/* ---- MMIO ---------------------------------------------------------------- */

static u64 mmio_read(struct mmio_region *region __maybe_unused, u64 offset,
		     unsigned int len __maybe_unused)
{
	return reg_read(offset);
}

static void mmio_write(struct mmio_region *region, u64 offset, u64 value,
		       unsigned int len __maybe_unused)
{
	reg_write(&container_of(region, struct pvpanic_mmio, region)->model,
		  offset, value);
}

static const struct mmio_ops mmio_ops = {
	.read = mmio_read,
	.write = mmio_write,
};

/* Linux: Documentation/devicetree/bindings/misc/pvpanic-mmio.txt. */
static void mmio_fdt_node(struct device *dev, struct fdt_writer *fdt)
{
	struct pvpanic_mmio *mmio = container_of(dev, struct pvpanic_mmio, dev);

	fdt_node_begin_unit(fdt, "pvpanic-mmio", mmio->region.base);
	fdt_prop_string(fdt, "compatible", "qemu,pvpanic-mmio");
	fdt_prop_reg1(fdt, mmio->region.base, mmio->region.size);
	fdt_node_end(fdt);
}

static void mmio_stats(struct device *dev, struct json_writer *json)
{
	put_stats(&container_of(dev, struct pvpanic_mmio, dev)->model, json);
}

static void mmio_destroy(struct device *dev)
{
	free(container_of(dev, struct pvpanic_mmio, dev));
}

static const struct device_ops mmio_device_ops = {
	.fdt_node = mmio_fdt_node,
	.stats = mmio_stats,
	.destroy = mmio_destroy,
};

int pvpanic_create(const struct pvpanic_params *params, u64 base,
		   struct mmio_bus *bus, struct device **dev)
{
	struct pvpanic_mmio *mmio = calloc(1, sizeof(*mmio));
	int ret;

	if (!mmio)
		return -ENOMEM;
	mmio->model.params = *params;
	mmio->dev = (struct device) { .name = params->name,
				      .ops = &mmio_device_ops };
	mmio->region = (struct mmio_region) { .name = params->name,
					      .base = base,
					      .size = PVPANIC_SIZE,
					      .ops = &mmio_ops };
	ret = mmio_bus_add(bus, &mmio->region);
	if (ret)
		free(mmio);
	else
		*dev = &mmio->dev;
	return ret;
}

/* ---- PCI ----------------------------------------------------------------- */

static u64 pci_read(struct pci_function *fn __maybe_unused,
		    unsigned int bar __maybe_unused, u64 offset,
		    unsigned int len __maybe_unused)
{
	return reg_read(offset);
}

static void pci_write(struct pci_function *fn, unsigned int bar __maybe_unused,
		      u64 offset, u64 value, unsigned int len __maybe_unused)
{
	reg_write(&container_of(fn, struct pvpanic_pci, fn)->model, offset,
		  value);
}

static void pci_stats(struct pci_function *fn, struct json_writer *json)
{
	put_stats(&container_of(fn, struct pvpanic_pci, fn)->model, json);
}

static void pci_destroy(struct pci_function *fn)
{
	pci_function_destroy(fn);
	free(container_of(fn, struct pvpanic_pci, fn));
}

static const struct pci_function_ops pci_ops = {
	.read = pci_read,
	.write = pci_write,
	.stats = pci_stats,
	.destroy = pci_destroy,
};

int pvpanic_create_pci(const struct pvpanic_params *params,
		       struct pci_host *host)
{
	struct pvpanic_pci *pci = calloc(1, sizeof(*pci));
	int ret;

	if (!pci)
		return -ENOMEM;
	pci->model.params = *params;
	pci->fn.ops = &pci_ops;
	pci->fn.name = params->name;
	pci->fn.vendor = PVPANIC_VENDOR;
	pci->fn.device = PVPANIC_DEVICE;
	pci->fn.revision = PVPANIC_REVISION;
	pci->fn.class = PVPANIC_CLASS;
	pci_function_init(&pci->fn);
	pci_add_bar(&pci->fn, 0, PVPANIC_SIZE, 0);
	ret = pci_plug(host, &pci->fn);
	if (ret)
		pci_destroy(&pci->fn);
	else
		pci_config_set(&pci->fn, PCI_INTERRUPT_PIN, 1, 0);
	return ret;
}
