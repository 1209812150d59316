/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The counters of a flash bank, for `--stats` and SIGUSR1.
 *
 * Read without the bank's lock: its holder may be waiting for the medium, and
 * the event loop, which writes statistics, must not. Writes that are still in
 * KVM's ring count once it is drained.
 */
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
