/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whether a queue's thread pays: see include/lkvm/virtio/lone.h.
 *
 * That requests are alone when they are taken does not say that the guest waits
 * for each: the thread may just be quicker than the guest makes them. One that
 * would have several under way shows it when a request takes its time, so once
 * in a while the end of one is held back: if no other comes until the guest
 * would have made several, vCPUs do the next ones. After some of them it is
 * asked again.
 *
 * A vCPU that does a request does nothing else. If it takes more than half of
 * what there is for one by the thread, most of that is not wake-ups but the
 * medium: such requests are left to the thread.
 */
#include <string.h>

#include "lkvm/virtio/lone.h"

/* Requests. Each time in vain makes the next one later. */
#define NEEDED	   64U
#define NEEDED_MAX 65536U
#define STAY	   256U

/* One request in five may have been a mistake: then `against` stays small. */
#define MISTAKE 4U
#define LIMIT	32U

/* Intervals: all of a guest's processes may have to get a turn. */
#define HOLD 8U

/* ns. An idle guest does not count as one that takes its time. */
#define INTERVAL_MAX 2000000U
#define HOLD_MAX     4000000U

void lone_init(struct virtio_lone *lone)
{
	memset(lone, 0, sizeof(*lone));
	lone->needed = NEEDED;
}

static void measure(struct virtio_lone *lone, u64 now)
{
	u64 ns = MIN(now - lone->last, INTERVAL_MAX);

	if (lone->last && lone->interval)
		lone->interval = (7 * lone->interval + ns) / 8;
	else if (lone->last)
		lone->interval = ns;
	lone->last = now;
}

void lone_taken(struct virtio_lone *lone, u64 now, bool alone)
{
	measure(lone, now);
	if (lone->here)
		return;
	lone->streak = alone ? lone->streak + 1 : 0;
	lone->probe = lone->streak >= lone->needed;
}

u64 lone_hold_ns(const struct virtio_lone *lone)
{
	return MIN(HOLD * lone->interval, HOLD_MAX);
}

static void leave(struct virtio_lone *lone, u32 needed, u32 streak)
{
	lone->here = false;
	lone->needed = MIN(needed, NEEDED_MAX);
	lone->streak = streak;
	lone->last = 0;
}

void lone_held(struct virtio_lone *lone, bool more)
{
	lone->probe = false;
	if (more) {
		leave(lone, lone->needed * 2, 0);
		return;
	}
	lone->here = true;
	lone->against = lone->done = 0;
}

/* The next request that is alone is held back if these went well. */
void lone_done(struct virtio_lone *lone, u64 ns)
{
	if (ns > lone->interval / 2)
		lone_failed(lone);
	else if (lone->against)
		lone->against--;
	if (lone->here && ++lone->done == STAY)
		leave(lone, NEEDED, NEEDED - 1);
}

void lone_failed(struct virtio_lone *lone)
{
	lone->against += MISTAKE;
	if (lone->here && lone->against > LIMIT)
		leave(lone, lone->needed * 2, 0);
}
