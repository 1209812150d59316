/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Attacks by two processors: one has the device work, the other changes what it
 * reads, once it may have been checked. Any answer is good that a device may
 * give to either content.
 */
#include "hostile.h"

#define ROUND_MS 60
#define TABLE	 0x4000UL /* into the pool */

static struct target *victim;
static struct ring *ring;

/* ---- What the other processor does --------------------------------------- */

/* A buffer that is good, or bad in one of several ways. */
static struct desc any_desc(u16 next)
{
	static const u64 addrs[] = { 0, ~0UL, HOLE_BASE };
	static const u32 lens[] = { 16, 64, 0, ~0U, 4096, SZ_1M };
	u32 x = rival_random();
	bool bad = !(x & 0x700);

	return (struct desc) {
		.addr = bad ? addrs[x % 3] : pool() + (x & 0xff0),
		.len = lens[x >> 11 & 1 ? x % 2 : x % 6],
		.flags = (u16)(x >> 12 & (D_NEXT | D_WRITE)),
		.next = next,
	};
}

static void flip_desc(void)
{
	for (u16 i = 0; i < 4; i++)
		ring->desc[i] = any_desc((u16)(rival_random() % 5));
}

static void flip_table(void)
{
	volatile struct desc *table = (struct desc *)(pool() + TABLE);
	u32 x = rival_random() % 4;

	table[x] = any_desc((u16)(rival_random() % 5));
	*(volatile u32 *)&ring->desc[0].len = rival_random() % 5 * 16;
}

/* There are chains, there are none, there are too many. */
static void flip_index(void)
{
	static const u16 steps[] = { 0, 1, 2, 16, 17, 0x8000 };
	u16 used = (u16)(ring->used[0] >> 16);

	ring->avail[1] = (u16)(used + steps[rival_random() % 6]);
	ring->avail[2 + rival_random() % 16] = (u16)(rival_random() % 18);
}

/* Type, sector, size: what a device finds in its first buffer. */
static void flip_header(void)
{
	static const u32 words[] = { 0,	 1,   8,
				     11, 13,  13 + (100 << 24),
				     64, ~0U, 0x7fffffff };
	volatile u32 *header = (u32 *)pool();

	header[rival_random() % 8] = words[rival_random() % ARRAY_SIZE(words)];
}

static void flip_status(void)
{
	vdev_write(&victim->v, R_STATUS, rival_random() & 0xf);
	vdev_write(&victim->v, R_STATUS, 0);
}

static void flip_setup(void)
{
	vdev_write(&victim->v, R_QUEUE_SEL, rival_random() % 8);
	vdev_write(&victim->v, R_QUEUE_SIZE, rival_random() & 0xffff);
	vdev_write_address(&victim->v, R_QUEUE_DESC, rival_random());
	vdev_write(&victim->v, R_QUEUE_ENABLE, rival_random() & 1);
	vdev_write(&victim->v, R_QUEUE_RESET, 1);
	vdev_want(&victim->v, rival_random());
}

static void ring_bells(void)
{
	for (u32 i = 0; i < 7; i++)
		vdev_kick(&victim->v, i);
}

/* ---- What the first one does --------------------------------------------- */

/* Chains of any of the first descriptors, which the other one has changed. */
static void post_some(void)
{
	for (u32 i = 0; i < 8; i++)
		ring_post(ring, i % 4);
	vdev_kick(&victim->v, ring->queue);
	ring_wait(ring, 5);
}

static void set_chain(void)
{
	ring_set(ring, 0, pool(), 64, D_NEXT, 1);
	ring_set(ring, 1, pool() + SZ_64K, 512, D_NEXT | D_WRITE, 2);
	ring_set(ring, 2, pool() + SZ_64K + 512, 64, D_WRITE, 0);
	ring_set(ring, 3, pool(), 64, 0, 0);
}

static void set_table(void)
{
	volatile struct desc *table = (struct desc *)(pool() + TABLE);

	for (u16 i = 0; i < 4; i++)
		table[i] = any_desc((u16)(i + 1));
	for (u32 i = 0; i < 4; i++)
		ring_set(ring, i, pool() + TABLE, 64, D_INDIRECT, 0);
}

/* A device that needs a reset gets it. */
static void work(void (*set)(void))
{
	u64 end = time_after(ROUND_MS);

	while (time_now() < end) {
		vdev_reset(&victim->v);
		target_negotiate(victim, victim->features);
		target_attach(victim);
		ring_enable(ring);
		target_go(victim);
		for (u32 i = 0; i < 8; i++) {
			set();
			post_some();
			if (vdev_read(&victim->v, R_STATUS) & S_NEEDS_RESET)
				break;
		}
	}
}

/* Each device, served by a vCPU and by a thread. */
static bool race(void (*rival)(void), void (*set)(void))
{
	bool good = true;

	for (u32 mode = 0; mode < 2; mode++) {
		interrupts = mode;
		for (u32 i = 0; i < NR_TARGETS; i++) {
			victim = &targets[i];
			target_attach(victim);
			ring = &victim->rings[victim->queue];
			good &= rival_start(rival);
			work(set);
			good &= rival_stop() && vdev_reset(&victim->v);
		}
	}
	interrupts = false;
	return expect(good, "the other processor");
}

static bool race_desc(void)
{
	return race(flip_desc, set_chain);
}

static bool race_table(void)
{
	return race(flip_table, set_table);
}

static bool race_index(void)
{
	return race(flip_index, set_chain);
}

static bool race_header(void)
{
	return race(flip_header, set_chain);
}

static bool race_status(void)
{
	return race(flip_status, set_chain);
}

static bool race_setup(void)
{
	return race(flip_setup, set_chain);
}

static bool race_notify(void)
{
	return race(ring_bells, set_chain);
}

/* ---- PCI: ranges that move while they are used --------------------------- */

#define COMMAND 0x04
#define BAR4	0x20

/* Where the registers are, or were. */
static void use_registers(void)
{
	static const u16 places[] = { 0, 0x14, 0x1c, 0x1000, 0x2000, 0x3000 };
	u64 at = victim->v.regs + places[rival_random() % 6];
	u64 by = rival_random() % 2 * SZ_64K;

	read32(at + by);
	write16(at + by, 0);
	read64(victim->v.msix + rival_random() % 8 * 8);
	write32(victim->v.msix + 8, rival_random());
}

static void move(const struct vdev *v)
{
	write32(v->function + BAR4, (u32)v->regs + SZ_64K);
	write16(v->function + COMMAND, 0);
	write16(v->function + COMMAND, 6);
	write32(v->function + BAR4, (u32)v->msix);
	write32(v->function + BAR4, (u32)v->regs);
	write16(v->function + COMMAND, 4);
	write16(v->function + COMMAND, 6);
}

static bool race_bar(void)
{
	bool good = true;

	for (u32 i = 0; i < NR_TARGETS; i++) {
		u64 end = time_after(ROUND_MS);

		victim = &targets[i];
		interrupts = i & 1;
		good &= target_start(victim, victim->features);
		good &= rival_start(use_registers);
		while (time_now() < end)
			move(&victim->v);
		good &= rival_stop();
		pci_place(&victim->v);
		good &= vdev_reset(&victim->v);
	}
	interrupts = false;
	return expect(good, "ranges that move");
}

static void use_config(void)
{
	u64 at = victim->v.function + rival_random() % 64 * 4;

	read32(at);
	write32(at, rival_random());
}

/* The other one writes to configuration space: command, addresses, MSI-X. */
static bool race_ecam(void)
{
	bool good = true;

	for (u32 i = 0; i < NR_TARGETS; i++) {
		victim = &targets[i];
		interrupts = i & 1;
		target_attach(victim);
		ring = &victim->rings[victim->queue];
		good &= rival_start(use_config);
		work(set_chain);
		good &= rival_stop();
		pci_place(&victim->v);
		good &= vdev_reset(&victim->v);
	}
	interrupts = false;
	return expect(good, "configuration space");
}

const struct attack race_attacks[] = {
	{ "race-desc", race_desc },	{ "race-table", race_table },
	{ "race-index", race_index },	{ "race-header", race_header },
	{ "race-status", race_status }, { "race-setup", race_setup },
	{ "race-notify", race_notify }, { NULL, NULL },
};

const struct attack pci_race_attacks[] = {
	{ "race-bar", race_bar },
	{ "race-ecam", race_ecam },
	{ NULL, NULL },
};
