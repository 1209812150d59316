/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A bank without a file, for firmware whose variables are not kept: erased at
 * the start of the run, released at its end.
 *
 * Erased flash is all ones, and 64 MiB of that would be 64 MiB of the host's
 * RAM that most guests never read. So one erase block of ones is in memory, and
 * the array maps it privately again and again: what is written to gets pages of
 * its own. To the rest of hw/flash/ such a store is a snapshot without a file.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "file.h"
#include "lkvm/hw/flash/store.h"
#include "lkvm/util/log.h"

/* As for banks with a file: see map_array(). */
#define ARRAY_ALIGN SZ_2M

/* A memfd that holds `size` erased bytes, or -errno. */
static int make_erased(u64 size)
{
	int fd = memfd_create("erased-flash", MFD_CLOEXEC);
	int ret;

	if (fd < 0)
		return -errno;
	ret = flash_write_erased(fd, 0, size);
	if (!ret)
		return fd;
	close(fd);
	return ret;
}

/*
 * An aligned address range with nothing mapped, for map_erased() to fill; NULL
 * with errno set on failure.
 */
static u8 *reserve(u64 size)
{
	u8 *start, *end;
	u8 *map = mmap(NULL, size + ARRAY_ALIGN, PROT_NONE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (map == MAP_FAILED)
		return NULL;
	start = (u8 *)ALIGN_UP((uintptr_t)map, ARRAY_ALIGN);
	end = map + size + ARRAY_ALIGN;
	if (start > map)
		munmap(map, (size_t)(start - map));
	munmap(start + size, (size_t)(end - start) - size);
	return start;
}

/*
 * On failure flash_store_close() unmaps the range: `array` and `size` are set.
 */
static int map_erased(struct flash_store *store, int fd)
{
	store->array = reserve(store->size);
	if (!store->array)
		return -errno;
	for (u64 at = 0; at < store->size; at += store->block)
		if (mmap(store->array + at, store->block,
			 PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED, fd,
			 0) == MAP_FAILED)
			return -errno;
	return 0;
}

int flash_store_make(struct flash_store *store, u64 block, u64 size)
{
	int fd = make_erased(block);
	int ret;

	*store = (struct flash_store) {
		.path = strdup("in memory"),
		.fd = -1,
		.head = FLASH_STORE_NO_HEAD,
		.snapshot = true,
		.block = block,
		.size = size,
		.persistent = size,
	};
	ret = fd < 0 ? fd : store->path ? map_erased(store, fd) : -ENOMEM;
	if (fd >= 0)
		close(fd);
	if (!ret)
		return 0;
	pr_fatal("Unable to make a flash of %llu bytes in memory: %s",
		 (unsigned long long)size, strerror(-ret));
	flash_store_close(store);
	return ret;
}
