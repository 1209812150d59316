/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Attacks by what a driver does before the device works: features, status,
 * queues (virtio 1.4, "Device Initialization").
 */
#include "hostile.h"

#define ALL_BITS (S_ACKNOWLEDGE | S_DRIVER | S_FEATURES_OK | S_DRIVER_OK)

static u64 bad_desc, bad_avail, bad_used;
static u32 bad_size;

/* ---- Queues -------------------------------------------------------------- */

/* The queue is not there afterwards, and notifying it does nothing. */
static bool refused(struct target *t, u64 features)
{
	struct ring *r = &t->rings[t->queue];
	struct ring bad;
	bool good;

	good = target_negotiate(t, t->features | features);
	target_attach(t);
	bad = *r;
	bad.size = (u16)bad_size;
	bad.desc = (void *)bad_desc;
	bad.avail = (void *)bad_avail;
	bad.used = (void *)bad_used;
	good &= !ring_enable(&bad);
	target_go(t);
	vdev_kick(&t->v, r->queue);
	good &= !(vdev_read(&t->v, R_STATUS) & S_NEEDS_RESET);
	if (!good)
		note("the %s: size 0x%x, areas 0x%lx 0x%lx 0x%lx", t->name,
		     bad_size, bad_desc, bad_avail, bad_used);
	return vdev_reset(&t->v) && good;
}

static bool refused_by_all(u64 features)
{
	bool good = true;

	for (u32 i = 0; i < NR_TARGETS; i++)
		good &= refused(&targets[i], features);
	return good;
}

static void good_setup(void)
{
	bad_desc = pool();
	bad_avail = pool() + SZ_64K;
	bad_used = pool() + 2 * SZ_64K;
	bad_size = 16;
}

/* One area after the other is there. */
static bool all_areas(u64 at, u64 features)
{
	u64 *areas[] = { &bad_desc, &bad_avail, &bad_used };
	bool good = true;

	for (u32 i = 0; i < ARRAY_SIZE(areas); i++) {
		good_setup();
		*areas[i] = at;
		good &= refused_by_all(features);
	}
	return good;
}

static bool places(void)
{
	bool good = true;

	for (u32 packed = 0; packed < 2; packed++) {
		u64 features = packed ? F_PACKED : 0;

		good &= all_areas(DISK->v.regs, features) &
			all_areas(flash_base(), features) &
			all_areas(ram_end(), features) &
			all_areas(0UL - 64, features) &
			all_areas(HOLE_BASE, features) & all_areas(0, features);
	}
	return good & all_areas(ram_end() - 32, 0) &
	       all_areas(pool() + 1, F_PACKED);
}

static bool alignment(void)
{
	good_setup();
	bad_desc += 8;
	if (!refused_by_all(0))
		return false;
	good_setup();
	bad_avail += 1;
	if (!refused_by_all(0))
		return false;
	good_setup();
	bad_used += 2;
	return refused_by_all(0);
}

static bool sizes(void)
{
	static const u32 bad[] = { 0, 0xffff, 0x8000, 512, 1024 };
	static const u32 odd[] = { 3, 24, 127 };
	bool good = true;

	good_setup();
	for (u32 i = 0; i < ARRAY_SIZE(bad); i++) {
		bad_size = bad[i];
		good &= refused_by_all(0) & refused_by_all(F_PACKED);
	}
	for (u32 i = 0; i < ARRAY_SIZE(odd); i++) {
		bad_size = odd[i];
		good &= refused_by_all(0);
	}
	return good;
}

/* Another size and other places for queues that are enabled. */
static bool change_queues(struct target *t)
{
	const struct vdev *v = &t->v;
	bool good = true;

	for (u32 i = 0; i < t->nr_queues; i++) {
		vdev_write(v, R_QUEUE_SEL, i);
		vdev_write(v, R_QUEUE_SIZE, 0x8000);
		vdev_write(v, R_QUEUE_SIZE, 0);
		vdev_write_address(v, R_QUEUE_DESC, ram_end() - 16);
		vdev_write_address(v, R_QUEUE_DRIVER, ram_end() - 16);
		vdev_write_address(v, R_QUEUE_DEVICE, ~0UL - 15);
		vdev_write(v, R_QUEUE_ENABLE, 1);
		vdev_write(v, R_QUEUE_ENABLE, 1);
		vdev_write(v, R_QUEUE_ENABLE, 0xffff);
		good &= vdev_read(v, R_QUEUE_ENABLE) == 1;
	}
	return good;
}

/* Before the device runs and when it does. */
static bool changed(struct target *t)
{
	bool good = target_negotiate(t, t->features) && target_enable(t);

	good &= change_queues(t);
	target_go(t);
	good &= t->works(t) && change_queues(t) && t->works(t);
	if (!good)
		note("the %s does not go on", t->name);
	return vdev_reset(&t->v) && good;
}

static bool changes(void)
{
	bool good = true;

	for (u32 mode = 0; mode < 2; mode++) {
		interrupts = mode;
		for (u32 i = 0; i < NR_TARGETS; i++)
			good &= changed(&targets[i]);
	}
	interrupts = false;
	return good;
}

/* Before the features are agreed on, and once the device works. */
static bool late(struct target *t)
{
	const struct vdev *v = &t->v;
	struct ring *r = &t->rings[t->queue];
	bool good;

	target_attach(t);
	good = vdev_reset(v);
	vdev_write(v, R_STATUS, S_ACKNOWLEDGE | S_DRIVER);
	good &= !ring_enable(r);
	good &= target_negotiate(t, t->features);
	target_go(t);
	good &= !ring_enable(r);
	vdev_kick(v, t->queue);
	if (!good)
		note("the %s takes a queue when it should not", t->name);
	return vdev_reset(v) && good;
}

static bool too_late(void)
{
	bool good = true;

	for (u32 i = 0; i < NR_TARGETS; i++)
		good &= late(&targets[i]);
	return good;
}

/* Queues that there are not: all reads are 0, writes and vectors nothing. */
static bool missing_one(const struct vdev *v, u32 queue)
{
	bool good;

	vdev_write(v, R_QUEUE_SEL, queue);
	vdev_write(v, R_QUEUE_SIZE, 16);
	vdev_write_address(v, R_QUEUE_DESC, pool());
	vdev_write_address(v, R_QUEUE_DRIVER, pool());
	vdev_write_address(v, R_QUEUE_DEVICE, pool());
	vdev_write(v, R_QUEUE_ENABLE, 1);
	vdev_write(v, R_QUEUE_RESET, 1);
	good = !vdev_read(v, R_QUEUE_MAX) && !vdev_read(v, R_QUEUE_ENABLE);
	if (v->pci) {
		write16(v->regs + 0x1a, 0);
		good &= read16(v->regs + 0x1a) == 0xffff;
	}
	return expect(good, "a queue that is not there");
}

static bool missing(void)
{
	static const u32 queues[] = { 6, 7, 64, 0x7fff, 0xffff, ~0U };
	bool good = true;

	for (u32 i = 0; i < NR_TARGETS; i++) {
		good &= target_negotiate(&targets[i], targets[i].features);
		for (u32 j = 0; j < ARRAY_SIZE(queues); j++)
			good &= missing_one(&targets[i].v, queues[j]);
	}
	return good;
}

/* ---- Notifications ------------------------------------------------------- */

/* Everywhere in the page of PCI, and by each width. */
static void ring_bells(const struct vdev *v)
{
	static const u32 queues[] = { 1, 2, 6, 7, 255, 0xffff, 0x10000, ~0U };

	for (u32 i = 0; !v->pci && i < ARRAY_SIZE(queues); i++)
		for (unsigned int width = 1; width <= 8; width *= 2)
			write_width(v->notify, queues[i], width);
	for (u64 at = 0; v->pci && at < 0x1000; at += at < 64 ? 8 : 504)
		for (unsigned int width = 1; width <= 8; width *= 2)
			write_width(v->notify + at, ~0UL, width);
}

static bool bells(void)
{
	bool good = true;

	for (u32 i = 0; i < NR_TARGETS; i++) {
		struct target *t = &targets[i];

		vdev_reset(&t->v);
		ring_bells(&t->v);
		good &= target_negotiate(t, t->features);
		ring_bells(&t->v);
		good &= target_enable(t);
		ring_bells(&t->v);
		target_go(t);
		ring_bells(&t->v);
		good &= t->works(t);
	}
	return expect(good, "the devices go on");
}

/* ---- Features ------------------------------------------------------------ */

/* FEATURES_OK does not stay if they make no sense. */
static bool bad_features(void)
{
	bool good = true;

	for (u32 i = 0; i < NR_TARGETS; i++) {
		struct target *t = &targets[i];
		const struct vdev *v = &t->v;
		u64 offered = vdev_offered(v);

		for (u32 bit = 0; bit < 64; bit++)
			if (!(offered & BIT(bit)))
				good &= !target_negotiate(t, BIT(bit));
		good &= vdev_reset(v);
		vdev_write(v, R_STATUS, S_ACKNOWLEDGE | S_DRIVER);
		vdev_want(v, offered & ~F_VERSION_1);
		vdev_write(v, R_STATUS, S_FEATURES_OK);
		good &= !(vdev_read(v, R_STATUS) & S_FEATURES_OK);
		vdev_write(v, R_STATUS, ALL_BITS);
		good &= !(vdev_read(v, R_STATUS) & S_DRIVER_OK);
	}
	return expect(good, "features that there are not");
}

/* Words that there are not. */
static bool feature_words(void)
{
	static const u32 words[] = { 2, 3, 4, 31, 64, 0x80000000, ~0U };
	const struct vdev *v = &DISK->v;
	bool good = true;

	for (u32 i = 0; i < ARRAY_SIZE(words); i++) {
		vdev_write(v, R_OFFERED_SEL, words[i]);
		good &= !vdev_read(v, R_OFFERED);
		vdev_reset(v);
		vdev_write(v, R_STATUS, S_ACKNOWLEDGE | S_DRIVER);
		vdev_want(v, F_VERSION_1);
		vdev_write(v, R_WANTED_SEL, words[i]);
		vdev_write(v, R_WANTED, ~0U);
		vdev_write(v, R_STATUS, S_FEATURES_OK);
		good &= !(vdev_read(v, R_STATUS) & S_FEATURES_OK);
	}
	return expect(good, "words of features that there are not");
}

/* They are not what decides about a ring that is in use. */
static bool late_features(void)
{
	bool good = true;

	for (u32 i = 0; i < NR_TARGETS; i++) {
		struct target *t = &targets[i];

		good &= target_negotiate(t, t->features);
		vdev_want(&t->v, F_VERSION_1 | F_PACKED | F_EVENT_IDX);
		good &= target_enable(t);
		vdev_want(&t->v, F_VERSION_1 | F_PACKED);
		target_go(t);
		vdev_want(&t->v, ~0UL);
		vdev_write(&t->v, R_STATUS, ALL_BITS);
		/* Of PCI it can be read: the second word. */
		good &= !t->v.pci || vdev_read(&t->v, R_WANTED) == 1;
		good &= t->works(t);
	}
	return expect(good, "features that came late");
}

/* ---- Status -------------------------------------------------------------- */

static const u8 orders[][4] = {
	{ S_DRIVER_OK, 0xff, 0x30, S_DRIVER_OK },
	{ S_FEATURES_OK, S_DRIVER_OK, S_DRIVER, S_ACKNOWLEDGE },
	{ 0x80, S_NEEDS_RESET, S_DRIVER_OK, S_FEATURES_OK },
	{ 0xf0, 0xff, 0x01, 0xff },
	{ S_DRIVER, S_DRIVER | S_DRIVER_OK, S_FEATURES_OK, ALL_BITS },
};

/* In any order; a device without queues that is told to go on. */
static bool status_orders(void)
{
	bool good = true;

	for (u32 i = 0; i < NR_TARGETS; i++)
		for (u32 n = 0; n < ARRAY_SIZE(orders); n++) {
			const struct vdev *v = &targets[i].v;

			good &= vdev_reset(v);
			for (u32 k = 0; k < 4; k++) {
				vdev_write(v, R_STATUS, orders[n][k]);
				vdev_kick(v, 0);
			}
			good &= !(vdev_read(v, R_STATUS) &
				  (S_NEEDS_RESET | S_DRIVER_OK));
		}
	return expect(good, "a device that works without features");
}

/* No bit goes but by a reset. */
static bool status_cleared(void)
{
	bool good = true;

	for (u32 i = 0; i < NR_TARGETS; i++) {
		struct target *t = &targets[i];

		good &= target_start(t, t->features);
		vdev_write(&t->v, R_STATUS, S_ACKNOWLEDGE);
		vdev_write(&t->v, R_STATUS, 0x80);
		good &= (vdev_read(&t->v, R_STATUS) & ALL_BITS) == ALL_BITS;
		good &= t->works(t);
	}
	return expect(good, "bits of the status that were cleared");
}

/* Each register by each width, read and written with what it had not. */
static bool registers(void)
{
	bool good = true;

	for (u32 i = 0; i < NR_TARGETS; i++) {
		const struct vdev *v = &targets[i].v;

		for (unsigned int width = 1; width <= 8; width *= 2)
			for (u64 o = 0; o < 0x100; o += width) {
				u64 old = read_width(v->regs + o, width);

				write_width(v->regs + o, ~old, width);
				write_width(v->regs + o, i << width, width);
			}
		good &= vdev_reset(v);
	}
	return good;
}

/* Config space behind its end, by each width: see blk-config for its start. */
static bool configs(void)
{
	bool good = true;

	for (u32 i = 0; i < NR_TARGETS; i++) {
		u64 at = targets[i].v.config;

		if (!at)
			continue;
		for (unsigned int width = 1; width <= 8; width *= 2)
			for (u64 o = 0; o < 0x100; o += width) {
				u64 got = read_width(at + o, width);

				good &= o < 0x60 || !got;
				if (&targets[i] != CONSOLE || o > 16)
					write_width(at + o, ~got, width);
			}
	}
	return expect(good, "what is behind the configuration is not zero");
}

/* ---- Resets -------------------------------------------------------------- */

/* As many requests as there is room for, half of them notified. */
static void flood(struct target *t, u32 size)
{
	struct ring *r = &t->rings[t->queue];
	volatile u32 *header = (u32 *)pool();
	u32 n = size / 4;

	header[0] = header[1] = header[2] = header[3] = 0;
	for (u32 i = 0; i < n; i++) {
		ring_set(r, 4 * i, pool(), 16, D_NEXT, 4 * i + 1);
		ring_set(r, 4 * i + 1, pool() + SZ_64K, SZ_64K,
			 D_NEXT | D_WRITE, 4 * i + 2);
		ring_set(r, 4 * i + 2, pool() + 2 * SZ_64K, 1, D_WRITE, 0);
		ring_post(r, 4 * i);
		if (i == n / 2)
			vdev_kick(&t->v, r->queue);
	}
	vdev_kick(&t->v, r->queue);
}

/* After the reset nothing is written any more: neither data nor ring. */
static bool reset_in_flight(struct target *t, u32 size)
{
	struct ring *r = target_start_one(t, t->features, size);
	volatile u64 *data = (u64 *)(pool() + SZ_64K);
	bool good = true;
	u64 end;
	u32 used;

	flood(t, size);
	vdev_write(&t->v, R_STATUS, 0);
	used = r->used[0];
	for (u32 i = 0; i < SZ_64K / 8; i++)
		data[i] = ~0UL;
	end = time_after(10);
	while (time_now() < end)
		;
	good &= r->used[0] == used;
	for (u32 i = 0; i < SZ_64K / 8; i++)
		good &= data[i] == ~0UL;
	if (!good)
		note("the %s writes after its reset", t->name);
	return good && !vdev_read(&t->v, R_STATUS);
}

static bool in_flight(void)
{
	bool good = true;

	for (u32 mode = 0; mode < 2; mode++) {
		interrupts = mode;
		for (u32 round = 0; round < 3; round++)
			good &= reset_in_flight(DISK, 256);
		good &= reset_in_flight(RNG, 256) & reset_in_flight(SHARE, 128);
		good &= reset_in_flight(CONSOLE, 64) &
			reset_in_flight(NET, 256);
	}
	interrupts = false;
	return good;
}

/* One queue alone, where the device offers that. */
static bool queue_resets(void)
{
	bool good = true;

	for (u32 i = 0; i < NR_TARGETS; i++) {
		struct target *t = &targets[i];
		struct ring *r = &t->rings[t->queue];

		if (!(vdev_offered(&t->v) & F_RING_RESET))
			continue;
		interrupts = true;
		good &= target_start(t, t->features | F_RING_RESET);
		flood(t, 16);
		vdev_write(&t->v, R_QUEUE_SEL, t->queue);
		vdev_write(&t->v, R_QUEUE_RESET, 1);
		vdev_write(&t->v, R_QUEUE_RESET, 1);
		good &= !vdev_read(&t->v, R_QUEUE_ENABLE);
		vdev_kick(&t->v, t->queue);
		ring_clear(r, true);
		good &= ring_enable(r) && t->works(t);
	}
	interrupts = false;
	return expect(good, "a queue that was reset");
}

const struct attack setup_attacks[] = {
	{ "queue-place", places },
	{ "queue-alignment", alignment },
	{ "queue-size", sizes },
	{ "queue-changed", changes },
	{ "queue-late", too_late },
	{ "queue-missing", missing },
	{ "queue-reset", queue_resets },
	{ "notify", bells },
	{ "features-bad", bad_features },
	{ "features-words", feature_words },
	{ "features-late", late_features },
	{ "status-order", status_orders },
	{ "status-cleared", status_cleared },
	{ "registers", registers },
	{ "config-outside", configs },
	{ "reset-in-flight", in_flight },
	{ NULL, NULL },
};
