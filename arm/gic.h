/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Internal to arm/: the interrupt controller, which KVM has. */
#ifndef ARM_GIC_H
#define ARM_GIC_H

#include "lkvm/arm/tables/acpi.h"
#include "lkvm/util/util.h"
#include "lkvm/vmm/fdt.h"

struct machine;

/* PPIs as the GIC's binding counts them, from 0 (INTID 16). */
#define PPI_TIMER_SECURE 13
#define PPI_TIMER_PHYS	 14
#define PPI_TIMER_VIRT	 11
#define PPI_TIMER_HYP	 10
#define PPI_PMU		 7

/*
 * gic.c: picks and creates the interrupt controller, and, once the vCPUs
 * exist, completes it. 0, or -errno after a message.
 */
int gic_create(struct machine *machine);
unsigned int gic_max_vcpus(const struct machine *machine);
int gic_init(struct machine *machine);
void gic_destroy(struct machine *machine);
bool gic_is_v3(const struct machine *machine);

/* KVM_SET_DEVICE_ATTR on the GIC or the ITS: 0 or -errno, no message. */
int gic_set_attr(int fd, u32 group, u64 attr, void *arg);
void gic_fdt_node(struct machine *machine, struct fdt_writer *fdt);
struct acpi_gic gic_acpi(const struct machine *machine);

/*
 * gic_reset.c: the GIC's registers as they are at power-on. After the vCPUs and
 * the devices have been reset; 0, or -errno after a message.
 */
int gic_reset(struct machine *machine);

/* The flags cell of a PPI: trigger, and for GICv2 the mask of CPUs. */
u32 gic_ppi_flags(const struct machine *machine, u32 trigger);

#endif
