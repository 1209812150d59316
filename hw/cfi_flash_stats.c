/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The counters of a flash bank, for `--stats` and SIGUSR1, and a map of its
 * blocks, for `lkvm stat`.
 *
 * Counters are read without the bank's lock: its holder may be waiting for the
 * medium, and the event loop, which writes statistics, must not. Writes that
 * are still in KVM's ring count once it is drained.
 */
#include <pthread.h>
#include <stdlib.h>

#include "lkvm/hw/cfi_flash.h"
#include "lkvm/util/json.h"

/* A batch counts its accesses by itself, perhaps a moment earlier. */
static u64 trapped(u64 all, u64 batched)
{
	return all > batched ? all - batched : 0;
}

void cfi_flash_write_stats(struct device *dev, struct json_writer *json)
{
	struct cfi_flash *flash = container_of(dev, struct cfi_flash, dev);
	const struct cfi_flash_stats *stats = &flash->stats;
	u64 batched_reads = atomic_load(&flash->region.batched_reads);
	u64 batched_writes = atomic_load(&flash->region.batched_writes);

	json_string(json, "file", flash->store.path);
	json_u64(json, "size", flash->store.size);
	json_u64(json, "reads_trapped", trapped(stats->reads, batched_reads));
	json_u64(json, "writes_trapped",
		 trapped(stats->writes, batched_writes));
	json_u64(json, "reads_batched", batched_reads);
	json_u64(json, "writes_batched", batched_writes);
	json_u64(json, "writes_absorbed", stats->absorbed);
	json_u64(json, "programs", stats->programs);
	json_u64(json, "erases", stats->erases);
	json_u64(json, "lock_errors", stats->lock_errors);
	json_u64(json, "failures", stats->failures);
	json_u64(json, "file_writes", flash->store.writes);
	json_u64(json, "syncs", flash->store.syncs);
	json_u64(json, "sync_ns", flash->store.sync_ns);
	json_u64(json, "memslot_updates", flash->slot.updates);
	json_u64(json, "block_size", flash->store.size / stats->nr_blocks);
	json_u64_array(json, "block_erases", stats->block_erases,
		       stats->nr_blocks);
}

/* What a letter of the map says; a block that is in use is not waited for. */
#define ERASED	    '-'
#define WRITTEN	    '#'
#define UNLOCKED    '-'
#define LOCKED	    'l'
#define LOCKED_DOWN 'd'
#define NOT_KNOWN   '?'

static char lock_letter(const struct cfi_flash *flash, u32 block)
{
	unsigned int locks = flash->chips[0].locks[block] |
			     flash->chips[1].locks[block];

	if (locks & CFI_LOCK_DOWN)
		return LOCKED_DOWN;
	return locks & CFI_LOCK_LOCKED ? LOCKED : UNLOCKED;
}

static void look_at(const struct cfi_flash *flash, u32 block, char *content,
		    char *lock)
{
	size_t size = flash->store.size / flash->stats.nr_blocks;

	*content = *lock = NOT_KNOWN;
	if (pthread_mutex_trylock(flash->lock))
		return;
	*content = is_filled(flash->store.array + block * size, size, 0xff)
			   ? ERASED
			   : WRITTEN;
	*lock = lock_letter(flash, block);
	pthread_mutex_unlock(flash->lock);
}

void cfi_flash_write_details(struct device *dev, struct json_writer *json)
{
	struct cfi_flash *flash = container_of(dev, struct cfi_flash, dev);
	u32 n = flash->stats.nr_blocks;
	char *letters = calloc(2, n + 1);
	char *locks;

	if (!letters)
		return;
	locks = letters + n + 1;
	for (u32 i = 0; i < n; i++)
		look_at(flash, i, &letters[i], &locks[i]);
	json_string(json, "content", letters);
	json_string(json, "locks", locks);
	free(letters);
}
