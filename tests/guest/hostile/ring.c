/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Split rings (virtio 1.4, "Split Virtqueues"), as good or bad as asked for. */
#include "hostile.h"

#define AVAIL_FLAGS   0
#define AVAIL_IDX     1
#define AVAIL_ENTRIES 2
#define NO_INTERRUPT  1

void ring_clear(struct ring *r, bool wants_interrupts)
{
	struct ring_memory *memory = (void *)r->desc;

	memset(memory, 0, sizeof(*memory));
	r->seen = 0;
	r->avail[AVAIL_FLAGS] = wants_interrupts ? 0 : NO_INTERRUPT;
}

bool ring_enable(struct ring *r)
{
	vdev_write(r->v, R_QUEUE_SEL, r->queue);
	vdev_write(r->v, R_QUEUE_SIZE, r->size);
	vdev_write_address(r->v, R_QUEUE_DESC, (u64)r->desc);
	vdev_write_address(r->v, R_QUEUE_DRIVER, (u64)r->avail);
	vdev_write_address(r->v, R_QUEUE_DEVICE, (u64)r->used);
	vdev_write(r->v, R_QUEUE_ENABLE, 1);
	return vdev_read(r->v, R_QUEUE_ENABLE) == 1;
}

void ring_set(struct ring *r, u32 n, u64 addr, u32 len, u32 flags, u32 next)
{
	r->desc[n] = (struct desc) { addr, len, (u16)flags, (u16)next };
}

void ring_post(struct ring *r, u32 head)
{
	u16 idx = r->avail[AVAIL_IDX];

	r->avail[AVAIL_ENTRIES + idx % r->size] = (u16)head;
	asm volatile("dsb sy" ::: "memory");
	r->avail[AVAIL_IDX] = (u16)(idx + 1);
}

void ring_chain(struct ring *r, u32 first, const struct piece *pieces, u32 n)
{
	for (u32 i = 0; i < n; i++)
		ring_set(r, first + i, pieces[i].addr, pieces[i].len,
			 (pieces[i].in ? D_WRITE : 0) |
				 (i + 1 < n ? D_NEXT : 0),
			 first + i + 1);
}

/* One look at the used ring. */
static bool take(struct ring *r, long *len)
{
	u16 idx = (u16)(r->used[0] >> 16);

	if (idx == r->seen)
		return false;
	asm volatile("dmb sy" ::: "memory");
	*len = r->used[2 + 2 * (r->seen % r->size)];
	r->seen++;
	return true;
}

/* The status is an exit: it is looked at from time to time. */
long ring_wait(struct ring *r, u64 ms)
{
	u64 end = time_after(ms), look = time_after(1);
	long len = NO_ANSWER;

	while (!take(r, &len)) {
		u64 now = time_now();

		if (now < look)
			continue;
		if (vdev_read(r->v, R_STATUS) & S_NEEDS_RESET)
			return BROKEN;
		if (now > end)
			return NO_ANSWER;
		look = time_after(5);
	}
	return len;
}

long ring_exchange(struct ring *r, const struct piece *pieces, u32 n)
{
	ring_chain(r, 0, pieces, n);
	ring_post(r, 0);
	vdev_kick(r->v, r->queue);
	return ring_wait(r, PATIENCE_MS);
}
