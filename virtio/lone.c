/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whether a queue's thread pays: see include/lkvm/virtio/lone.h.
 *
 * The limit for a vCPU follows from what the thread needs by its nature. There
 * the guest waits for two wake-ups, its own vCPU's included, and the request in
 * between; and the vCPU goes to sleep and comes back. With a request that takes
 * four wake-ups the vCPU still is there a third sooner, but any other work of
 * the guest has waited for it: so that is the limit. What the page cache has is
 * far below, a disk as quick as memory too, but no other one: those are left to
 * the thread. Wake-ups are measured, as they depend on the host's processors
 * and their idle states; between 3 and 60 us are common, and an emulated host
 * needs hundreds.
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

/* The limit of a vCPU's request. */
#define WAKE_UPS 4U

/* After so many of a vCPU's the thread gets one. */
#define PERIOD 64U

void lone_init(struct virtio_lone *lone)
{
	memset(lone, 0, sizeof(*lone));
	lone->patience = PATIENCE;
}

/* The thread gets few, so each tells more, and then it gets the next as well.
 */
static void in_between(struct virtio_lone *lone, bool alone)
{
	if (alone)
		return;
	lone->due = MAX(lone->due, 1U);
	lone->against += 2 * MISTAKE;
	lone_failed(lone);
}

void lone_by_thread(struct virtio_lone *lone, bool alone)
{
	if (lone->here) {
		in_between(lone, alone);
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
 * Four wake-ups; without the longest of the last ones, in which somebody else
 * may have had the processor.
 */
static u64 limit(const struct virtio_lone *lone)
{
	u64 sum = 0, longest = 0;

	for (u32 i = 0; i < LONE_SAMPLES; i++) {
		sum += lone->wake[i];
		longest = MAX(longest, lone->wake[i]);
	}
	return (sum - longest) * WAKE_UPS / (LONE_SAMPLES - 1);
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
