/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The exit device: see include/lkvm/hw/exit_device.h. It has no state and so no
 * lock: several vCPUs may write at once. Of what they write, eight bits are
 * passed on, all of whose values are valid.
 */
#include <errno.h>
#include <stdlib.h>

#include "lkvm/hw/exit_device.h"
#include "lkvm/vmm/fdt.h"

struct exit_device {
	struct device dev;
	struct mmio_region region;
	struct exit_device_params params;
};

static u64 reg_read(struct mmio_region *region __maybe_unused, u64 offset,
		    unsigned int len __maybe_unused)
{
	return offset ? 0 : EXIT_DEVICE_ID;
}

static void reg_write(struct mmio_region *region, u64 offset, u64 value,
		      unsigned int len __maybe_unused)
{
	struct exit_device *exit =
		container_of(region, struct exit_device, region);

	if (!offset)
		exit->params.end(exit->params.opaque, (u8)value);
}

static const struct mmio_ops mmio_ops = {
	.read = reg_read,
	.write = reg_write,
};

static void exit_fdt_node(struct device *dev, struct fdt_writer *fdt)
{
	struct exit_device *exit = container_of(dev, struct exit_device, dev);

	fdt_node_begin_unit(fdt, "exit", exit->region.base);
	fdt_prop_string(fdt, "compatible", "lkvm,exit-device");
	fdt_prop_reg1(fdt, exit->region.base, exit->region.size);
	fdt_node_end(fdt);
}

static void exit_destroy(struct device *dev)
{
	free(container_of(dev, struct exit_device, dev));
}

static const struct device_ops device_ops = {
	.fdt_node = exit_fdt_node,
	.destroy = exit_destroy,
};

int exit_device_create(const struct exit_device_params *params,
		       struct mmio_bus *bus, struct device **dev)
{
	struct exit_device *exit = calloc(1, sizeof(*exit));
	int ret;

	if (!exit)
		return -ENOMEM;
	exit->params = *params;
	exit->dev =
		(struct device) { .name = params->name, .ops = &device_ops };
	exit->region = (struct mmio_region) { .name = params->name,
					      .base = params->base,
					      .size = EXIT_DEVICE_SIZE,
					      .ops = &mmio_ops };
	ret = mmio_bus_add(bus, &exit->region);
	if (ret)
		free(exit);
	else
		*dev = &exit->dev;
	return ret;
}
