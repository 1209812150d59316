/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Attacks by packed rings (virtio 1.4, "Packed Virtqueues"): wrap counters that
 * are wrong, chains without end, tables.
 */
#include "hostile.h"

#define P_AVAIL BIT(7)
#define P_USED	BIT(15)

/* A packed descriptor has its ID before its flags. */
static void put(struct ring *r, u32 n, u64 addr, u32 len, u32 flags)
{
	r->desc[n] = (struct desc) { addr, len, (u16)n, (u16)flags };
}

static void endless(struct target *t, struct ring *r)
{
	(void)t;
	for (u32 i = 0; i < r->size; i++)
		put(r, i, pool(), 64, P_AVAIL | D_NEXT);
}

static void in_order(struct target *t, struct ring *r)
{
	(void)t;
	put(r, 1, pool(), 64, P_AVAIL);
	put(r, 0, pool(), 64, P_AVAIL | D_NEXT | D_WRITE);
}

static void outside(struct target *t, struct ring *r)
{
	(void)t;
	put(r, 0, ram_end() - 8, 16, P_AVAIL);
}

static void table(struct target *t, struct ring *r)
{
	struct desc *to = (struct desc *)(pool() + 0x4000);

	(void)t;
	to[0] = (struct desc) { pool(), 64, 0, D_NEXT };
	to[1] = (struct desc) { (u64)to, 16, 0, D_INDIRECT };
	put(r, 0, (u64)to, 32, P_AVAIL | D_INDIRECT);
}

static void odd_table(struct target *t, struct ring *r)
{
	(void)t;
	put(r, 0, pool(), 24, P_AVAIL | D_INDIRECT);
}

static bool chains(void)
{
	return breaks_all(endless, F_PACKED) & breaks_all(in_order, F_PACKED) &
	       breaks_all(outside, F_PACKED) & breaks_all(table, F_PACKED) &
	       breaks_all(odd_table, F_PACKED);
}

/* None of them is available: nothing may be used, and nobody breaks. */
static bool wrong_counters(struct target *t)
{
	static const u16 flags[] = { 0, P_USED, P_USED | P_AVAIL };
	struct ring *r = &t->rings[t->queue];
	bool good = target_start(t, t->features | F_PACKED);

	r->avail[1] = 1; /* no interrupts: it is served at once */
	for (u32 i = 0; good && i < ARRAY_SIZE(flags); i++) {
		put(r, 0, pool(), 64, flags[i]);
		vdev_kick(&t->v, r->queue);
		good = r->desc[0].next == flags[i] &&
		       !(vdev_read(&t->v, R_STATUS) & S_NEEDS_RESET);
	}
	if (!good)
		note("the %s takes what is not available", t->name);
	return good;
}

/*
 * One that is available, with the others as if the ring had turned: once used,
 * it is the device's word that this is a round, and it waits for the next.
 */
static bool turn(struct target *t)
{
	struct ring *r = &t->rings[t->queue];
	u64 end = time_after(PATIENCE_MS);

	if (!target_start(t, t->features | F_PACKED))
		return false;
	memset((void *)pool(), 0, 64);
	for (u32 i = 1; i < r->size; i++)
		put(r, i, pool(), 64, P_AVAIL | P_USED);
	put(r, 0, pool(), 64, P_AVAIL);
	vdev_kick(&t->v, r->queue);
	while (!(((volatile struct desc *)r->desc)->next & P_USED))
		if (vdev_read(&t->v, R_STATUS) & S_NEEDS_RESET ||
		    time_now() > end)
			break;
	for (u32 i = 1; i < r->size; i++)
		if (r->desc[i].next != (P_AVAIL | P_USED))
			return expect(false, "more than one was taken");
	return true;
}

static bool wraps(void)
{
	bool good = true;

	for (u32 i = 0; i < NR_TARGETS; i++) {
		good &= wrong_counters(&targets[i]) & turn(&targets[i]);
		good &= vdev_reset(&targets[i].v);
	}
	return good;
}

/* Event suppression: reserved flags, an event that is nowhere in the ring. */
static bool events(void)
{
	bool good = true;

	for (u32 i = 0; i < NR_TARGETS; i++) {
		struct target *t = &targets[i];
		struct ring *r = &t->rings[t->queue];

		good &= target_start(t, t->features | F_PACKED | F_EVENT_IDX);
		r->avail[0] = 0xffff;
		r->avail[1] = 2;
		put(r, 0, pool(), 64, P_AVAIL);
		vdev_kick(&t->v, r->queue);
		r->avail[1] = 0xffff;
		vdev_kick(&t->v, r->queue);
		good &= vdev_reset(&t->v);
	}
	return good;
}

const struct attack packed_attacks[] = {
	{ "packed-chains", chains },
	{ "packed-wrap", wraps },
	{ "packed-events", events },
	{ NULL, NULL },
};
