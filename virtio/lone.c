/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whether a queue's thread pays: see include/lkvm/virtio/lone.h.
 *
 * The limit for a vCPU is what the thread needs by its nature. The guest would
 * wait for two wake-ups, its own vCPU's included, so a request that takes no
 * longer than two is there before the thread would have got it, and does not
 * keep the vCPU from other work much longer than going to sleep and back would.
 * That holds for what the page cache has, and for a disk as quick as memory,
 * but for no other one: those are left to the thread. Wake-ups are measured,
 * as they depend on the host's processors and their idle states; between 3 and
 * 60 us are common, and an emulated host needs hundreds.
 *
 * A guest that would have several requests under way has only one as long as a
 * vCPU ends each before the next can be made. So the thread gets one from time
 * to time, which also measures it again.
 */
#include <string.h>

#include "lkvm/virtio/lone.h"

/* The first streak, and the longest: each attempt in vain makes it double. */
#define PATIENCE     64U
#define PATIENCE_MAX 65536U

/* After so many at a time the attempt was not in vain. */
#define WORTH 1024U

/* One request in five may have been a mistake: then `against` stays small. */
#define MISTAKE 4U
#define LIMIT	32U

/* After so many of a vCPU's the thread gets one. */
#define PERIOD 64U

void lone_init(struct virtio_lone *lone)
{
	memset(lone, 0, sizeof(*lone));
	lone->patience = PATIENCE;
}

void lone_by_thread(struct virtio_lone *lone, bool alone)
{
	if (lone->here) {
		if (!alone)
			lone_failed(lone);
		return;
	}
	lone->streak = alone ? lone->streak + 1 : 0;
	if (lone->streak < lone->patience)
		return;
	lone->here = true;
	lone->done = lone->against = 0;
	lone->due = LONE_SAMPLES;
}

bool lone_is_due(const struct virtio_lone *lone)
{
	return lone->here && lone->due;
}

void lone_woken(struct virtio_lone *lone, u64 ns)
{
	if (!lone_is_due(lone))
		return;
	lone->due--;
	lone->wake[lone->at] = ns;
	lone->at = (lone->at + 1) % LONE_SAMPLES;
}

/*
 * Two wake-ups; without the longest of the last ones, in which somebody else
 * may have had the processor.
 */
static u64 limit(const struct virtio_lone *lone)
{
	u64 sum = 0, longest = 0;

	for (u32 i = 0; i < LONE_SAMPLES; i++) {
		sum += lone->wake[i];
		longest = MAX(longest, lone->wake[i]);
	}
	return (sum - longest) * 2 / (LONE_SAMPLES - 1);
}

void lone_done(struct virtio_lone *lone, u64 ns)
{
	lone->done++;
	if (lone->done == WORTH)
		lone->patience = PATIENCE;
	if (!(lone->done % PERIOD))
		lone->due = 1;
	if (ns > limit(lone))
		lone_failed(lone);
	else if (lone->against)
		lone->against--;
}

void lone_failed(struct virtio_lone *lone)
{
	lone->against += MISTAKE;
	if (!lone->here || lone->against <= LIMIT)
		return;
	lone->here = false;
	lone->streak = 0;
	if (lone->done < WORTH)
		lone->patience = MIN(lone->patience * 2, PATIENCE_MAX);
}
