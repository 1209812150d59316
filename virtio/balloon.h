/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Internal to virtio/: the parts of a balloon. */
#ifndef VIRTIO_BALLOON_H
#define VIRTIO_BALLOON_H

#include "lkvm/util/log.h"
#include "lkvm/util/util.h"

struct gmem;
struct iovec;
struct json_writer;

/* "Traditional Memory Balloon Device": a page is 4 KiB on any machine. */
#define BALLOON_PAGE SZ_4K

/* Pages of one request that are looked at; drivers have 256 or 1024. */
#define BALLOON_MAX_PAGES 4096U

/* ---- balloon_pages.c: pages that are given back to the host -------------- */

/* Any thread. */
struct balloon_pages {
	const char *name;	/* of the device; not owned */
	const struct gmem *mem; /* not owned */
	u64 page;		/* of the host, in bytes; 0: nothing is given */
	struct ratelimit messages;
	_Atomic(u64) given;  /* bytes */
	_Atomic(u64) no_ram; /* pages of the guest's that are not RAM */
	_Atomic(u64) errors; /* of madvise(2) */
};

/*
 * Gives back what the `n` pages, by their numbers, have of whole pages of the
 * host. Sorts them.
 */
void balloon_give_pages(struct balloon_pages *pages, u32 *numbers, size_t n);

/* The same for [at, at + len), which is RAM. */
void balloon_give_range(struct balloon_pages *pages, void *at, size_t len);

/* ---- balloon_stats.c: what the guest tells of its memory ----------------- */

#define BALLOON_STATS 16 /* tags that are known */

/* Written by one thread at a time, read by any. */
struct balloon_stats {
	_Atomic(u64) values[BALLOON_STATS];
	_Atomic(u32) told;  /* bit n: values[n] */
	_Atomic(u64) times; /* that the guest has told them */
};

/* Takes what one buffer of the statistics queue says. */
void balloon_stats_take(struct balloon_stats *stats, const struct iovec *iov,
			u32 count);

/* Adds an object "guest" to the JSON object that is open. */
void balloon_stats_write(const struct balloon_stats *stats,
			 struct json_writer *json);

#endif
