/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a guest tells of its memory (virtio 1.4, "Memory Statistics"): pairs of
 * a tag and a value in a buffer of any length, of which tags that are known are
 * kept until they are told again, also over a reset of the device: they are of
 * interest at the end of a run.
 */
#include <endian.h>

#include <linux/virtio_balloon.h>

#include "balloon.h"
#include "lkvm/util/iov.h"
#include "lkvm/util/json.h"

/* More pairs than there are tags are not looked at. */
#define MAX_PAIRS 64

/*
 * "Memory Statistics Tags", in their order; sizes are in bytes, all else is how
 * often something has happened.
 */
static const char *const names[BALLOON_STATS] = {
	"swap_in",	"swap_out",	  "major_faults",   "minor_faults",
	"free",		"total",	  "available",	    "caches",
	"hugetlb_good", "hugetlb_failed", "oom_kills",	    "alloc_stalls",
	"async_scans",	"direct_scans",	  "async_reclaims", "direct_reclaims",
};

void balloon_stats_take(struct balloon_stats *stats, const struct iovec *iov,
			u32 count)
{
	struct virtio_balloon_stat pairs[MAX_PAIRS];
	size_t n = iov_read(iov, count, 0, pairs, sizeof(pairs)) /
		   sizeof(pairs[0]);

	for (size_t i = 0; i < n; i++) {
		u16 tag = le16toh(pairs[i].tag);

		if (tag >= BALLOON_STATS)
			continue;
		atomic_store(&stats->values[tag], le64toh(pairs[i].val));
		atomic_fetch_or(&stats->told, 1U << tag);
	}
	atomic_fetch_add(&stats->times, 1);
}

void balloon_stats_write(const struct balloon_stats *stats,
			 struct json_writer *json)
{
	u32 told = atomic_load(&stats->told);

	json_begin_object(json, "guest");
	json_u64(json, "told", atomic_load(&stats->times));
	for (u32 i = 0; i < BALLOON_STATS; i++)
		if (told & 1U << i)
			json_u64(json, names[i],
				 atomic_load(&stats->values[i]));
	json_end_object(json);
}
