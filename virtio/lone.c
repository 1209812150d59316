/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whether a queue's thread pays: see include/lkvm/virtio/lone.h.
 *
 * What counts is how long the guest takes for many requests, its own part
 * included; the quickest of some windows, as it may do other things in between.
 * A guest that would have several requests under way has only one as long as a
 * vCPU ends each before the next can be made: with a thread it is quicker,
 * though the requests were all alone. So both ways are compared, and again from
 * time to time.
 *
 * A vCPU that does a request does nothing else. If it takes more than half of
 * what there is for one by the thread, most of that is not wake-ups but the
 * medium: such requests are left to the thread.
 */
#include <string.h>

#include "lkvm/virtio/lone.h"

/* Requests. */
#define WINDOW	     64U
#define PATIENCE     (4 * WINDOW)
#define PATIENCE_MAX 65536U

/* Windows of vCPUs before they are judged, and before the next look. */
#define TRIAL 4U
#define STAY  16U

/* One request in five may have been a mistake: then `against` stays small. */
#define MISTAKE 4U
#define LIMIT	32U

static void begin(struct virtio_lone *lone, bool here)
{
	lone->here = here;
	lone->streak = lone->against = 0;
	lone->count = lone->windows = 0;
	*(here ? &lone->by_vcpus : &lone->by_thread) = UINT64_MAX;
}

void lone_init(struct virtio_lone *lone)
{
	memset(lone, 0, sizeof(*lone));
	lone->needed = lone->patience = PATIENCE;
	begin(lone, false);
}

/* From one request to another that is a window later. True at the latter. */
static bool ends_window(struct virtio_lone *lone, u64 now, u64 *quickest)
{
	if (lone->count++ && lone->count <= WINDOW)
		return false;
	if (lone->count > 1) {
		*quickest = MIN(*quickest, now - lone->began);
		lone->windows++;
	}
	lone->began = now;
	lone->count = 1;
	return lone->windows;
}

void lone_taken(struct virtio_lone *lone, u64 now, bool alone)
{
	if (lone->here)
		return;
	if (!alone) {
		begin(lone, false);
		return;
	}
	lone->streak++;
	if (ends_window(lone, now, &lone->by_thread) &&
	    lone->streak > lone->needed)
		begin(lone, true);
}

/* Each time in vain makes the next one later. */
static void leave(struct virtio_lone *lone)
{
	lone->patience = MIN(lone->patience * 2, PATIENCE_MAX);
	lone->needed = lone->patience;
	begin(lone, false);
}

/* One eighth less, or it is not worth an exit for each. */
static bool pays(const struct virtio_lone *lone)
{
	return lone->by_vcpus < lone->by_thread - lone->by_thread / 8;
}

static void judge(struct virtio_lone *lone)
{
	if (lone->windows >= TRIAL && !pays(lone)) {
		leave(lone);
	} else if (lone->windows == TRIAL + STAY) {
		lone->patience = PATIENCE;
		lone->needed = WINDOW;
		begin(lone, false);
	}
}

void lone_done(struct virtio_lone *lone, u64 now, u64 ns)
{
	if (ns > lone->by_thread / WINDOW / 2)
		lone_failed(lone);
	else if (lone->against)
		lone->against--;
	if (lone->here && ends_window(lone, now, &lone->by_vcpus))
		judge(lone);
}

void lone_failed(struct virtio_lone *lone)
{
	lone->against += MISTAKE;
	if (lone->here && lone->against > LIMIT)
		leave(lone);
}
