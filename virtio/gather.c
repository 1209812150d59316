/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * When the driver is told late: see include/lkvm/virtio/gather.h.
 *
 * A wait is for one request, so that one in vain costs a guest with several
 * under way little, however many these are; where enough came the last time,
 * it is for three quarters of those that may still come before the driver is
 * told, so that the thread sleeps less often.
 * A wait has to be long enough for the kernel's timers to be of use, which a
 * guest that is quick does not allow; the thread finds several of its requests
 * at a time anyway.
 */
#include <string.h>

#include "lkvm/virtio/gather.h"

/* Requests that make it worth while, and after which the driver is told. */
#define ENOUGH 3U
#define MOST   16U

/*
 * Requests. Each time in vain makes the next one later, but not so much that a
 * guest that begins to have several under way is found out late.
 */
#define NEEDED	   16U
#define NEEDED_MAX 256U

/* ns; below the least most of it is the timers' slack (timerslack_ns: 50 us) */
#define WAIT_MIN 100000U
#define WAIT_MAX 2500000U

void gather_init(struct virtio_gather *gather)
{
	memset(gather, 0, sizeof(*gather));
	gather->needed = NEEDED;
	gather->most = MOST;
}

/*
 * What came while the driver was not told says whether to do so again. If no
 * more did, the guest had to wait: half of that is enough from then on.
 */
static void end(struct virtio_gather *gather)
{
	gather->on = false;
	gather->since = 0;
	if (gather->came < ENOUGH) {
		gather->needed = MIN(gather->needed * 2, NEEDED_MAX);
		return;
	}
	gather->needed = 1;
	if (gather->came < gather->most)
		gather->most = MAX(gather->came / 2, ENOUGH);
	else
		gather->most = MIN(gather->most + 1, MOST);
}

u64 gather_wait_ns(struct virtio_gather *gather, u32 came, u64 interval)
{
	u64 ns = interval + interval / 2;
	bool go_on;

	gather->since = MIN(gather->since + came, NEEDED_MAX);
	gather->came = gather->on ? gather->came + came : 0;
	go_on = gather->on ? came && gather->came < gather->most
			   : gather->since >= gather->needed;
	if (ns < WAIT_MIN || ns > WAIT_MAX || !go_on) {
		if (gather->on)
			end(gather);
		return 0;
	}
	if (gather->needed == 1) {
		u32 left = gather->most - gather->came;

		ns = MAX(ns, MIN(interval * (left - left / 4), WAIT_MAX));
	}
	gather->on = true;
	return ns;
}
