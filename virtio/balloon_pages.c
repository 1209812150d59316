/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Pages of the guest's that the host may have. MADV_DONTNEED makes them as they
 * were before they were touched: they read as zeroes, whoever reads them, and
 * come back when they are written to. So nobody needs to be told, and a guest
 * that goes on to use such a page harms itself only.
 *
 * Where pages of the host are larger than 4 KiB, one is given back if all parts
 * of it are in one request. What is left of earlier requests cannot be counted
 * in: without VIRTIO_BALLOON_F_MUST_TELL_HOST a driver may use a part again
 * before it tells us, and would lose what it has written there.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "balloon.h"
#include "lkvm/vmm/gmem.h"

/* Pages of a file are a hole in it then, for all who have mapped it. */
static int advice_for(const struct gmem *mem, const u8 *at)
{
	for (unsigned int i = 0; i < mem->nr_regions; i++) {
		const struct gmem_region *region = &mem->regions[i];

		if (region->shared && at >= region->hva &&
		    (u64)(at - region->hva) < region->size)
			return MADV_REMOVE;
	}
	return MADV_DONTNEED;
}

void balloon_give_range(struct balloon_pages *pages, void *at, size_t len)
{
	uintptr_t from = (uintptr_t)at, to = from + len;

	if (!pages->page)
		return;
	from = ALIGN_UP(from, pages->page);
	to = ALIGN_DOWN(to, pages->page);
	if (from >= to)
		return;
	if (!madvise((void *)from, to - from, advice_for(pages->mem, at))) {
		atomic_fetch_add(&pages->given, to - from);
		return;
	}
	atomic_fetch_add(&pages->errors, 1);
	pr_guest(&pages->messages, "%s: the host does not take pages back: %s",
		 pages->name, strerror(errno));
}

static int compare(const void *a, const void *b)
{
	u32 x = *(const u32 *)a, y = *(const u32 *)b;

	return x < y ? -1 : x > y;
}

/* A flash or a device has no such address as RAM. */
static u8 *page_of(struct balloon_pages *pages, u32 number)
{
	u64 gpa = (u64)number * BALLOON_PAGE;
	u8 *at = gmem_ptr(pages->mem, gpa, BALLOON_PAGE);

	if (!at) {
		atomic_fetch_add(&pages->no_ram, 1);
		pr_guest(&pages->messages,
			 "%s: the guest gives 0x%llx, which is not RAM",
			 pages->name, (unsigned long long)gpa);
	}
	return at;
}

/* One call for all that are neighbours; a page may be named twice. */
void balloon_give_pages(struct balloon_pages *pages, u32 *numbers, size_t n)
{
	u8 *from = NULL, *to = NULL;

	qsort(numbers, n, sizeof(*numbers), compare);
	for (size_t i = 0; i < n; i++) {
		u8 *at;

		if (i && numbers[i] == numbers[i - 1])
			continue;
		at = page_of(pages, numbers[i]);
		if (!at)
			continue;
		if (at != to) {
			balloon_give_range(pages, from, (size_t)(to - from));
			from = at;
		}
		to = at + BALLOON_PAGE;
	}
	balloon_give_range(pages, from, (size_t)(to - from));
}
