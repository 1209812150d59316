/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Attacks by descriptors, tables of them, and indices of a split ring (virtio
 * 1.4, "Split Virtqueues"). The standard lets a device that finds such things
 * ask for a reset, and lkvm always does, whatever the device.
 */
#include "hostile.h"

#define TABLE 0x4000UL /* into the pool */

static u64 table_at(void)
{
	return pool() + TABLE;
}

static struct desc *table(void)
{
	return (struct desc *)table_at();
}

/* A buffer that is all right, to be read. */
static void good_one(struct ring *r, u32 n, u32 flags, u32 next)
{
	ring_set(r, n, pool(), 64, flags, next);
}

/* `poison` is static data of an attack that is a loop over some. */
static u64 bad_addr;
static u32 bad_len, bad_flags, bad_next;

/* ---- Chains -------------------------------------------------------------- */

static void self_loop(struct target *t, struct ring *r)
{
	(void)t;
	good_one(r, 0, D_NEXT, 0);
	ring_post(r, 0);
}

static void long_loop(struct target *t, struct ring *r)
{
	(void)t;
	for (u32 i = 0; i < r->size; i++)
		good_one(r, i, D_NEXT, (i + 1) % r->size);
	ring_post(r, 3);
}

static bool loops(void)
{
	return breaks_all(self_loop, 0) & breaks_all(long_loop, 0);
}

static void next_is(struct target *t, struct ring *r)
{
	(void)t;
	good_one(r, 0, D_NEXT, bad_next);
	ring_post(r, 0);
}

static void head_is(struct target *t, struct ring *r)
{
	(void)t;
	good_one(r, 0, 0, 0);
	ring_post(r, bad_next);
}

static bool outside(void)
{
	static const u16 bad[] = { 16, 255, 0x7fff, 0xffff };
	bool good = true;

	for (u32 i = 0; i < ARRAY_SIZE(bad); i++) {
		bad_next = bad[i];
		good &= breaks_all(next_is, 0) & breaks_all(head_is, 0);
	}
	return good;
}

/* What is read comes first. */
static void read_behind_written(struct target *t, struct ring *r)
{
	(void)t;
	good_one(r, 0, D_NEXT | D_WRITE, 1);
	good_one(r, 1, 0, 0);
	ring_post(r, 0);
}

static bool order(void)
{
	return breaks_all(read_behind_written, 0);
}

/* ---- Addresses ----------------------------------------------------------- */

static void buffer_is(struct target *t, struct ring *r)
{
	(void)t;
	good_one(r, 0, D_NEXT, 1);
	ring_set(r, 1, bad_addr, bad_len, bad_flags, 0);
	ring_post(r, 0);
}

/* To be read and to be written; `via` makes chains of that address. */
static bool address(poison_fn *via, u64 addr, u32 len)
{
	bool good = true;

	bad_addr = addr;
	bad_len = len;
	for (bad_flags = 0; bad_flags <= D_WRITE; bad_flags += D_WRITE)
		good &= breaks_all(via, 0);
	if (!good)
		note("buffer at 0x%lx, 0x%x bytes", addr, len);
	return good;
}

static bool outside_ram(void)
{
	u64 end = ram_end();

	return address(buffer_is, HOLE_BASE, 16) & address(buffer_is, end, 1) &
	       address(buffer_is, end - 16, 32) &
	       address(buffer_is, ram_base() - 8, 16) &
	       address(buffer_is, end + SZ_4G, 16);
}

static bool wraps(void)
{
	return address(buffer_is, ~0UL - 15, 32) & address(buffer_is, ~0UL, 1) &
	       address(buffer_is, ~0UL, ~0U) &
	       address(buffer_is, 0UL - ram_base(), 64) &
	       address(buffer_is, ~0UL - 15, 16);
}

static bool lengths(void)
{
	return address(buffer_is, pool(), 0) & address(buffer_is, pool(), ~0U) &
	       address(buffer_is, ram_base(), 0x80000000U);
}

static void own_registers(struct target *t, struct ring *r)
{
	bad_addr = t->v.regs;
	buffer_is(t, r);
}

static void own_bell(struct target *t, struct ring *r)
{
	bad_addr = t->v.notify;
	buffer_is(t, r);
}

/* Its own registers would be called while it is at work. */
static bool device(void)
{
	return address(own_registers, 0, 64) & address(own_bell, 0, 4) &
	       address(buffer_is, UART_BASE(0), 1) &
	       address(buffer_is, RTC_BASE, 8);
}

static bool flash(void)
{
	return expect(flash_base(), "no flash") &&
	       address(buffer_is, flash_base(), 64) &
		       address(buffer_is, flash_base() + SZ_64K - 8, 16);
}

/* ---- Tables of descriptors ----------------------------------------------- */

static void post_table(struct ring *r, u32 len, u32 flags)
{
	ring_set(r, 0, table_at(), len, D_INDIRECT | flags, 1);
	ring_set(r, 1, pool(), 64, 0, 0);
	ring_post(r, 0);
}

static void fill_table(u32 n)
{
	for (u32 i = 0; i < n; i++)
		table()[i] = (struct desc) { pool(), 64, i + 1 < n ? D_NEXT : 0,
					     (u16)(i + 1) };
}

static void too_long(struct target *t, struct ring *r)
{
	(void)t;
	fill_table(r->size + 1U);
	post_table(r, (r->size + 1U) * 16, 0);
}

static void much_too_long(struct target *t, struct ring *r)
{
	(void)t;
	fill_table(0x8000);
	post_table(r, 0x8000 * 16, 0);
}

static bool chain_length(void)
{
	return breaks_all(too_long, 0) & breaks_all(much_too_long, 0);
}

static void nested(struct target *t, struct ring *r)
{
	(void)t;
	fill_table(2);
	table()[1] = (struct desc) { table_at(), 16, D_INDIRECT, 0 };
	post_table(r, 32, 0);
}

static void with_next(struct target *t, struct ring *r)
{
	(void)t;
	fill_table(2);
	post_table(r, 32, D_NEXT);
}

static bool nesting(void)
{
	return breaks_all(nested, 0) & breaks_all(with_next, 0);
}

static void table_len(struct target *t, struct ring *r)
{
	(void)t;
	fill_table(4);
	post_table(r, bad_len, 0);
}

static bool table_lengths(void)
{
	static const u32 bad[] = { 0, 1, 15, 17, 65, 79, ~0U, 0xfffffff0 };
	bool good = true;

	for (u32 i = 0; i < ARRAY_SIZE(bad); i++) {
		bad_len = bad[i];
		good &= breaks_all(table_len, 0);
	}
	return good;
}

static void table_next(struct target *t, struct ring *r)
{
	(void)t;
	fill_table(2);
	table()[0].next = (u16)bad_next;
	post_table(r, 32, 0);
}

/* To itself, behind the table, and no end at all. */
static bool table_loops(void)
{
	static const u16 bad[] = { 0, 2, 3, 0xffff };
	bool good = true;

	for (u32 i = 0; i < ARRAY_SIZE(bad); i++) {
		bad_next = bad[i];
		good &= breaks_all(table_next, 0);
	}
	return good;
}

static void table_place(struct target *t, struct ring *r)
{
	(void)t;
	ring_set(r, 0, bad_addr, bad_len, D_INDIRECT | bad_flags, 0);
	ring_post(r, 0);
}

static bool table_places(void)
{
	u64 end = ram_end();

	return address(table_place, end - 16, 32) &
	       address(table_place, end, 16) &
	       address(table_place, flash_base(), 32) &
	       address(table_place, DISK->v.regs, 32) &
	       address(table_place, ~0UL - 15, 32) &
	       address(table_place, HOLE_BASE, 16);
}

/* A table by a driver that has not said that it would use any. */
static bool not_negotiated(void)
{
	u64 features[NR_TARGETS];
	bool good;

	for (u32 i = 0; i < NR_TARGETS; i++) {
		features[i] = targets[i].features;
		targets[i].features &= ~F_INDIRECT;
	}
	bad_len = 64;
	good = breaks_all(table_len, 0);
	for (u32 i = 0; i < NR_TARGETS; i++)
		targets[i].features = features[i];
	return good;
}

/* ---- Indices ------------------------------------------------------------- */

static void jump(struct target *t, struct ring *r)
{
	(void)t;
	for (u32 i = 0; i < r->size; i++)
		good_one(r, i, 0, 0);
	r->avail[1] = (u16)bad_next;
}

static bool index_jumps(void)
{
	static const u16 bad[] = { 17, 0x8000, 0xffff };
	bool good = true;

	for (u32 i = 0; i < ARRAY_SIZE(bad); i++) {
		bad_next = bad[i];
		good &= breaks_all(jump, 0);
	}
	return good;
}

/* ---- Rings in one another ------------------------------------------------ */

/*
 * Wherever it is in RAM a ring may be, so the device overwrites its own
 * descriptors with what it has used: either answer is good.
 */
static bool overlap(struct target *t, u64 used)
{
	struct ring *r = &t->rings[t->queue];
	bool good = target_negotiate(t, t->features);

	target_attach(t);
	r->used = (void *)used;
	good &= ring_enable(r);
	target_go(t);
	for (u32 i = 0; i < r->size; i++) {
		good_one(r, i, i & 1 ? D_WRITE : 0, 0);
		ring_post(r, i);
	}
	vdev_kick(&t->v, r->queue);
	ring_wait(r, 20);
	return vdev_reset(&t->v) && good;
}

static bool overlaps(void)
{
	bool good = true;

	for (u32 mode = 0; mode < 2; mode++)
		for (u32 i = 0; i < NR_TARGETS; i++) {
			const struct ring *r = &targets[i].rings[0];
			u64 desc = (u64)r->desc, avail = (u64)r->avail;

			interrupts = mode;
			good &= overlap(&targets[i], desc) &
				overlap(&targets[i], desc + 8) &
				overlap(&targets[i], avail);
		}
	interrupts = false;
	return good;
}

const struct attack ring_attacks[] = {
	{ "desc-loop", loops },
	{ "desc-next", outside },
	{ "desc-order", order },
	{ "desc-outside-ram", outside_ram },
	{ "desc-wraps", wraps },
	{ "desc-length", lengths },
	{ "desc-device", device },
	{ "desc-flash", flash },
	{ "chain-length", chain_length },
	{ "indirect-nested", nesting },
	{ "indirect-length", table_lengths },
	{ "indirect-loop", table_loops },
	{ "indirect-place", table_places },
	{ "indirect-not-negotiated", not_negotiated },
	{ "avail-jump", index_jumps },
	{ "ring-overlap", overlaps },
	{ NULL, NULL },
};
