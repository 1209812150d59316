/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * KVM's table of GSIs, and eventfds that raise them: see lkvm/vmm/irq_route.h.
 *
 * KVM takes the table as a whole, and each time waits until no interrupt uses
 * the one before (synchronize_srcu()), so it is told of changes only. Before
 * the first time it has an entry for each SPI, under that number; afterwards
 * only what is here. So nothing relies on those, and numbers begin behind them.
 *
 * A route's lock would be that of its owner; the table's is held while KVM is
 * told, or an older table could come after a newer one. KVM_IRQFD needs none.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "lkvm/util/log.h"
#include "lkvm/vmm/irq_route.h"
#include "lkvm/vmm/vm.h"

/* INTIDs of SPIs are 32 to 1019 (Arm IHI 0069, section 2.2). */
#define FIRST_GSI 988U

/* The capability's value is how many GSIs there are. */
bool irq_routes_init(struct vm *vm)
{
	pthread_mutex_init(&vm->irq_routes.lock, NULL);
	vm->irq_routes.limit = (u32)vm_check_cap(vm, KVM_CAP_IRQ_ROUTING);
	return vm_check_cap(vm, KVM_CAP_IRQFD) &&
	       vm->irq_routes.limit > FIRST_GSI;
}

/* ---- The table ----------------------------------------------------------- */

static struct kvm_irq_routing_entry entry_of(const struct irq_route *route)
{
	const struct irq_target *target = &route->target;
	struct kvm_irq_routing_entry entry = { .gsi = route->gsi };

	if (target->spi) {
		entry.type = KVM_IRQ_ROUTING_IRQCHIP;
		entry.u.irqchip.pin = target->data;
	} else {
		entry.type = KVM_IRQ_ROUTING_MSI;
		entry.flags = KVM_MSI_VALID_DEVID;
		entry.u.msi.address_lo = (u32)target->address;
		entry.u.msi.address_hi = (u32)(target->address >> 32);
		entry.u.msi.data = target->data;
		entry.u.msi.devid = target->device_id;
	}
	return entry;
}

/* With the lock. 0 or -errno. */
static int tell_kvm(struct vm *vm)
{
	struct kvm_irq_routing *table;
	u32 nr = 0;
	int ret;

	for (struct irq_route *r = vm->irq_routes.first; r; r = r->next)
		nr++;
	table = calloc(1, sizeof(*table) + nr * sizeof(table->entries[0]));
	if (!table)
		return -ENOMEM;
	for (struct irq_route *r = vm->irq_routes.first; r; r = r->next)
		table->entries[table->nr++] = entry_of(r);
	ret = ioctl(vm->fd, KVM_SET_GSI_ROUTING, table) < 0 ? -errno : 0;
	free(table);
	atomic_fetch_add(&vm->irq_routes.updates, 1);
	return ret;
}

/* Into the list, with the first number that is free. With the lock. */
static int take_gsi(struct vm *vm, struct irq_route *route)
{
	struct irq_route **at = &vm->irq_routes.first;
	u32 gsi = FIRST_GSI;

	for (; *at && (*at)->gsi == gsi; at = &(*at)->next)
		gsi++;
	if (gsi >= vm->irq_routes.limit)
		return -ENOSPC;
	route->gsi = gsi;
	route->next = *at;
	*at = route;
	return 0;
}

/* Out of the list. With the lock. */
static void give_gsi(struct vm *vm, struct irq_route *route)
{
	struct irq_route **at = &vm->irq_routes.first;

	while (*at != route)
		at = &(*at)->next;
	*at = route->next;
	route->gsi = 0;
}

static bool is_same(const struct irq_target *a, const struct irq_target *b)
{
	return a->spi == b->spi && a->device_id == b->device_id &&
	       a->address == b->address && a->data == b->data;
}

/* With the lock. What KVM does not take is taken back. */
static int change(struct vm *vm, struct irq_route *route,
		  const struct irq_target *target)
{
	const struct irq_target old = route->target;
	bool is_new = !route->gsi;
	int ret = is_new ? take_gsi(vm, route) : 0;

	if (ret)
		return ret;
	route->target = *target;
	ret = tell_kvm(vm);
	if (!ret)
		return 0;
	route->target = old;
	if (is_new)
		give_gsi(vm, route);
	return ret;
}

static int set_target(struct vm *vm, struct irq_route *route,
		      const struct irq_target *target)
{
	int ret;

	if (route->gsi && is_same(&route->target, target))
		return 0;
	pthread_mutex_lock(&vm->irq_routes.lock);
	ret = change(vm, route, target);
	pthread_mutex_unlock(&vm->irq_routes.lock);
	if (ret)
		pr_guest(&vm->irq_errors, "KVM_SET_GSI_ROUTING failed: %s",
			 strerror(-ret));
	return ret;
}

int irq_route_msi(struct vm *vm, struct irq_route *route, u32 device_id,
		  u64 address, u32 data)
{
	const struct irq_target target = {
		.device_id = device_id,
		.address = address,
		.data = data,
	};

	return set_target(vm, route, &target);
}

int irq_route_spi(struct vm *vm, struct irq_route *route, u32 spi)
{
	const struct irq_target target = { .spi = true, .data = spi };

	return set_target(vm, route, &target);
}

void irq_route_release(struct vm *vm, struct irq_route *route)
{
	irq_route_unbind(vm, route);
	if (!route->gsi)
		return;
	pthread_mutex_lock(&vm->irq_routes.lock);
	give_gsi(vm, route);
	pthread_mutex_unlock(&vm->irq_routes.lock);
}

/* ---- Eventfds ------------------------------------------------------------ */

static int irqfd(struct vm *vm, struct kvm_irqfd *args)
{
	int ret = ioctl(vm->fd, KVM_IRQFD, args) < 0 ? -errno : 0;

	if (ret)
		pr_guest(&vm->irq_errors, "KVM_IRQFD failed: %s",
			 strerror(-ret));
	return ret;
}

int irq_route_bind(struct vm *vm, struct irq_route *route, int fd, int resample)
{
	struct kvm_irqfd args = { .fd = (u32)fd, .gsi = route->gsi };
	int ret;

	if (resample >= 0) {
		args.flags = KVM_IRQFD_FLAG_RESAMPLE;
		args.resamplefd = (u32)resample;
	}
	ret = irqfd(vm, &args);
	if (ret)
		return ret;
	route->fd = fd;
	atomic_store(&route->bound, true);
	return 0;
}

void irq_route_unbind(struct vm *vm, struct irq_route *route)
{
	struct kvm_irqfd args = {
		.fd = (u32)route->fd,
		.gsi = route->gsi,
		.flags = KVM_IRQFD_FLAG_DEASSIGN,
	};

	if (!atomic_exchange(&route->bound, false))
		return;
	irqfd(vm, &args);
}
