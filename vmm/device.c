/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The registry of a VM's devices. A machine adds them in the order in which it
 * builds them; reset follows that order, and quiesce and destroy the opposite
 * one, since a device may use those that were added before it.
 *
 * No lock: the list does not change while vCPUs run, and only statistics walk
 * it then.
 */
#include "lkvm/util/json.h"
#include "lkvm/vmm/device.h"

void device_list_init(struct device_list *list)
{
	STAILQ_INIT(list);
}

void device_add(struct device_list *list, struct device *dev)
{
	STAILQ_INSERT_TAIL(list, dev, next);
}

void device_fdt_nodes(struct device_list *list, struct fdt_writer *fdt)
{
	struct device *dev;

	STAILQ_FOREACH (dev, list, next)
		if (dev->ops->fdt_node)
			dev->ops->fdt_node(dev, fdt);
}

void device_reset_all(struct device_list *list)
{
	struct device *dev;

	STAILQ_FOREACH (dev, list, next)
		if (dev->ops->reset)
			dev->ops->reset(dev);
}

/*
 * The list is singly linked (STAILQ); reversing it twice costs less than a
 * second link in each device.
 */
static void reverse(struct device_list *list)
{
	struct device_list out = STAILQ_HEAD_INITIALIZER(out);
	struct device *dev;

	while ((dev = STAILQ_FIRST(list))) {
		STAILQ_REMOVE_HEAD(list, next);
		STAILQ_INSERT_HEAD(&out, dev, next);
	}
	STAILQ_CONCAT(list, &out);
}

/*
 * One device that fails does not keep the others from finishing what they have
 * under way: their files are to be complete.
 */
int device_quiesce_all(struct device_list *list)
{
	struct device *dev;
	int first = 0;

	reverse(list);
	STAILQ_FOREACH (dev, list, next) {
		int ret = dev->ops->quiesce ? dev->ops->quiesce(dev) : 0;

		if (!first)
			first = ret;
	}
	reverse(list);
	return first;
}

void device_stats_all(struct device_list *list, struct json_writer *json)
{
	struct device *dev;

	STAILQ_FOREACH (dev, list, next) {
		if (!dev->ops->stats)
			continue;
		json_begin_object(json, dev->name);
		dev->ops->stats(dev, json);
		json_end_object(json);
	}
}

void device_details_all(struct device_list *list, struct json_writer *json)
{
	struct device *dev;

	STAILQ_FOREACH (dev, list, next) {
		if (!dev->ops->details)
			continue;
		json_begin_object(json, dev->name);
		dev->ops->details(dev, json);
		json_end_object(json);
	}
}

void device_destroy_all(struct device_list *list)
{
	struct device *dev;

	reverse(list);
	while ((dev = STAILQ_FIRST(list))) {
		STAILQ_REMOVE_HEAD(list, next);
		dev->ops->destroy(dev);
	}
}
