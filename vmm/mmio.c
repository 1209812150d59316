/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The MMIO bus: a table of regions sorted by address, found by binary search.
 * Regions are added while the machine is built; mmio_bus_freeze() ends that,
 * and from then on vCPUs look up without a lock.
 *
 * An access has to lie in one region completely. Anything else, and what no
 * region decodes, reads as zero and ignores writes, is counted, and logged once
 * for each page, of which MMIO_LOGGED_PAGES are remembered: a guest must not be
 * able to fill the log.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lkvm/vmm/mmio.h"

void mmio_bus_init(struct mmio_bus *bus)
{
	memset(bus, 0, sizeof(*bus));
	pthread_mutex_init(&bus->log_lock, NULL);
}

void mmio_bus_destroy(struct mmio_bus *bus)
{
	free(bus->regions);
	bus->regions = NULL;
	bus->nr_regions = 0;
	pthread_mutex_destroy(&bus->log_lock);
}

void mmio_bus_freeze(struct mmio_bus *bus)
{
	bus->frozen = true;
}

/* The index of the first region whose base lies above `addr`. */
static size_t upper_bound(const struct mmio_bus *bus, u64 addr)
{
	size_t low = 0, high = bus->nr_regions;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (bus->regions[mid]->base <= addr)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

/* Linear: it runs once per device. */
static const struct mmio_region *find_overlap(const struct mmio_bus *bus,
					      const struct mmio_region *region)
{
	for (size_t i = 0; i < bus->nr_regions; i++) {
		const struct mmio_region *other = bus->regions[i];

		if (range_overlaps(region->base, region->size, other->base,
				   other->size))
			return other;
	}
	return NULL;
}

/* `base + size - 1`: a region may end at the last address. */
int mmio_bus_add(struct mmio_bus *bus, struct mmio_region *region)
{
	const struct mmio_region *other;
	struct mmio_region **table;
	size_t at;

	if (!region->size || region->base + region->size - 1 < region->base)
		return -EINVAL;
	if (bus->frozen)
		return -EBUSY;
	other = find_overlap(bus, region);
	if (other) {
		/* The caller's message is the one for users. */
		pr_debug("MMIO region %s at 0x%" PRIx64 " overlaps %s",
			 region->name, region->base, other->name);
		return -EEXIST;
	}
	table = realloc(bus->regions,
			(bus->nr_regions + 1) * sizeof(struct mmio_region *));
	if (!table)
		return -ENOMEM;
	bus->regions = table;
	at = upper_bound(bus, region->base);
	memmove(&table[at + 1], &table[at],
		(bus->nr_regions - at) * sizeof(struct mmio_region *));
	table[at] = region;
	bus->nr_regions++;
	return 0;
}

/* Only the first byte is looked at; holds() checks the rest. */
struct mmio_region *mmio_bus_find(const struct mmio_bus *bus, u64 addr)
{
	size_t above = upper_bound(bus, addr);
	struct mmio_region *region;

	if (!above)
		return NULL;
	region = bus->regions[above - 1];
	return addr - region->base < region->size ? region : NULL;
}

/*
 * True if the page is logged for the first time; *last if the table is full
 * then.
 */
static bool first_of_page(struct mmio_bus *bus, u64 page, bool *last)
{
	bool first;

	pthread_mutex_lock(&bus->log_lock);
	first = bus->nr_logged < MMIO_LOGGED_PAGES;
	for (size_t i = 0; first && i < bus->nr_logged; i++)
		first = bus->logged[i] != page;
	if (first)
		bus->logged[bus->nr_logged++] = page;
	*last = bus->nr_logged == MMIO_LOGGED_PAGES;
	pthread_mutex_unlock(&bus->log_lock);
	return first;
}

/* A warning and not an error: drivers probe for devices. */
static void unclaimed(struct mmio_bus *bus, const char *what, u64 addr,
		      unsigned int len)
{
	bool last;

	atomic_fetch_add(&bus->unclaimed, 1);
	if (!first_of_page(bus, addr & ~(u64)(SZ_4K - 1), &last))
		return;
	pr_warn("guest %s %u bytes at 0x%" PRIx64 ", where no device is%s",
		what, len, addr,
		last ? "; further pages will not be named" : "");
}

/* Models may return or get more bits than the access has. */
static u64 mask_value(u64 value, unsigned int len)
{
	return len < 8 ? value & ((1ULL << (len * 8)) - 1) : value;
}

static bool holds(const struct mmio_region *region, u64 addr, unsigned int len)
{
	return region && range_within(addr, len, region->base, region->size);
}

u64 mmio_region_read(struct mmio_bus *bus, struct mmio_region *region, u64 addr,
		     unsigned int len)
{
	if (!holds(region, addr, len)) {
		unclaimed(bus, "read", addr, len);
		return 0;
	}
	return mask_value(region->ops->read(region, addr - region->base, len),
			  len);
}

u64 mmio_bus_read(struct mmio_bus *bus, u64 addr, unsigned int len)
{
	return mmio_region_read(bus, mmio_bus_find(bus, addr), addr, len);
}

void mmio_region_write(struct mmio_bus *bus, struct mmio_region *region,
		       u64 addr, u64 value, unsigned int len)
{
	if (!holds(region, addr, len)) {
		unclaimed(bus, "wrote", addr, len);
		return;
	}
	region->ops->write(region, addr - region->base, mask_value(value, len),
			   len);
}

void mmio_bus_write(struct mmio_bus *bus, u64 addr, u64 value, unsigned int len)
{
	mmio_region_write(bus, mmio_bus_find(bus, addr), addr, value, len);
}

/*
 * A write that KVM has taken for a zone. The ring only has zones of regions
 * with a `coalesced` handler; the entry is memory that KVM shares, so it is
 * checked nevertheless.
 */
void mmio_bus_coalesced(struct mmio_bus *bus, u64 addr, u64 value,
			unsigned int len)
{
	struct mmio_region *region = mmio_bus_find(bus, addr);

	if (!holds(region, addr, len) || !region->ops->coalesced) {
		unclaimed(bus, "wrote", addr, len);
		return;
	}
	region->ops->coalesced(region, addr - region->base,
			       mask_value(value, len), len);
}
