/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The RAM of a guest as devices and loaders see it: guest physical ranges to
 * host addresses, with bounds. Flash, other slots and device memory are not in
 * the table, so a transfer of a device cannot reach them.
 *
 * The table is filled while the machine is built and constant while vCPUs run,
 * so lookups take no lock. Contents are shared with running vCPUs: a structure
 * is copied once, then the copy is checked and used.
 */
#include <errno.h>
#include <string.h>

#include "lkvm/vmm/gmem.h"

/* `gpa + size - 1`: a region may end at the last address. */
int gmem_add(struct gmem *mem, u64 gpa, u64 size, void *hva)
{
	if (!size || gpa + size - 1 < gpa)
		return -EINVAL;
	for (unsigned int i = 0; i < mem->nr_regions; i++) {
		const struct gmem_region *other = &mem->regions[i];

		if (range_overlaps(gpa, size, other->gpa, other->size))
			return -EEXIST;
	}
	if (mem->nr_regions == GMEM_MAX_REGIONS)
		return -ENOSPC;
	mem->regions[mem->nr_regions++] = (struct gmem_region) {
		.gpa = gpa,
		.size = size,
		.hva = hva,
	};
	return 0;
}

void gmem_share(struct gmem *mem, u64 gpa, int fd)
{
	for (unsigned int i = 0; i < mem->nr_regions; i++) {
		if (mem->regions[i].gpa != gpa)
			continue;
		mem->regions[i].shared = true;
		mem->regions[i].fd = fd;
	}
}

/*
 * A range over two adjacent regions is refused: they need not be adjacent in
 * host memory. range_within() does not overflow.
 */
void *gmem_ptr(const struct gmem *mem, u64 gpa, u64 len)
{
	for (unsigned int i = 0; i < mem->nr_regions; i++) {
		const struct gmem_region *region = &mem->regions[i];

		if (range_within(gpa, len, region->gpa, region->size))
			return region->hva + (gpa - region->gpa);
	}
	return NULL;
}

int gmem_read(const struct gmem *mem, u64 gpa, void *buf, u64 len)
{
	const void *p = gmem_ptr(mem, gpa, len);

	if (!p)
		return -EFAULT;
	memcpy(buf, p, len);
	return 0;
}

int gmem_write(const struct gmem *mem, u64 gpa, const void *buf, u64 len)
{
	void *p = gmem_ptr(mem, gpa, len);

	if (!p)
		return -EFAULT;
	memcpy(p, buf, len);
	return 0;
}
