/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The registry of devices: one object and one ops table per device model. */
#ifndef LKVM_VMM_DEVICE_H
#define LKVM_VMM_DEVICE_H

#include <sys/queue.h>

#include "lkvm/util/util.h"

struct device;
struct fdt_writer;
struct json_writer;

/*
 * Each entry may be NULL. All are called from the thread that owns the VM,
 * while no vCPU runs, except `stats` and `details`, which may come at any time.
 */
struct device_ops {
	/* Writes the device's node; errors are kept by the writer. */
	void (*fdt_node)(struct device *dev, struct fdt_writer *fdt);
	/* Back to the state after power-on. */
	void (*reset)(struct device *dev);
	/*
	 * Comes before pause, reset and exit: finish or hand over whatever is
	 * under way, so that the state is complete and durable. Returns 0 or
	 * -errno if something the guest was promised could not be done.
	 */
	int (*quiesce)(struct device *dev);
	/* Adds members to the JSON object that is open. */
	void (*stats)(struct device *dev, struct json_writer *json);
	/* The same with what is costly to find out, for who asks for it. */
	void (*details)(struct device *dev, struct json_writer *json);
	/* Frees the device and all it owns. */
	void (*destroy)(struct device *dev);
};

/* Embedded in the structure of each model. */
struct device {
	const char *name; /* for messages and statistics; not owned */
	const struct device_ops *ops;
	STAILQ_ENTRY(device) next;
};

/* The devices of a machine, in the order in which they were added. */
STAILQ_HEAD(device_list, device);

/* An empty registry. */
void device_list_init(struct device_list *list);

/* Adds `dev`, which the registry owns from now on. Cannot fail. */
void device_add(struct device_list *list, struct device *dev);

/* Lets each device write its device tree node, in order of addition. */
void device_fdt_nodes(struct device_list *list, struct fdt_writer *fdt);

/* Resets each device, in order of addition. */
void device_reset_all(struct device_list *list);

/*
 * Quiesces each device, the last added first. All of them are called even if
 * one fails; returns the first error.
 */
int device_quiesce_all(struct device_list *list);

/* Writes one JSON member per device that has statistics: "name": { ... }. */
void device_stats_all(struct device_list *list, struct json_writer *json);

/* The same of those that have details. */
void device_details_all(struct device_list *list, struct json_writer *json);

/* Destroys all devices, the last added first; the registry is empty then. */
void device_destroy_all(struct device_list *list);

#endif
