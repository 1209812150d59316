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
 * An address range without memory, then blocks in it. On failure
 * flash_store_close() unmaps the range: `array` and `size` are set.
 */
static int map_erased(struct flash_store *store, int fd)
{
	store->array = flash_map_array(store->size, PROT_NONE);
	if (!store->array)
		return -errno;
	for (u64 at = 0; at < store->size; at += store->block)
		if (mmap(store->array + at, store->block,
			 PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED, fd,
			 0) == MAP_FAILED)
			return -errno;
	return 0;
}

/*
 * Blocks are private mappings of one erased block: only written ones take
 * memory.
 */
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
