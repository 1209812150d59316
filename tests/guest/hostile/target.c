/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The devices that are attacked, and the disk that is not: how they are
 * started, and whether they still work.
 */
#include "hostile.h"

#define POOL_OFFSET   (24 * SZ_1M) /* into RAM, where nothing else is */
#define OTHER_SECTORS 16U
#define OTHER_DATA    (OTHER_SECTORS * 512)

#define TARGET(label, kind, n, queues, attacked, bits, test)             \
	{                                                                \
		.name = label, .id = kind, .nr = n, .nr_queues = queues, \
		.queue = attacked, .features = bits, .works = test       \
	}

struct target targets[NR_TARGETS] = {
	TARGET("disk", ID_BLK, 0, 1, 0, F_INDIRECT, blk_works),
	TARGET("rng", ID_RNG, 0, 1, 0, F_INDIRECT, rng_works),
	TARGET("net", ID_NET, 0, 2, 1, F_INDIRECT, net_works),
	TARGET("console", ID_CONSOLE, 0, 6, 3, F_INDIRECT | BIT(1),
	       console_works),
	TARGET("share", ID_9P, 0, 1, 0, F_INDIRECT, share_works),
};
struct target other = TARGET("other disk", ID_BLK, 1, 1, 0, 0, blk_works);
bool interrupts;

static struct ring_memory memory[MAX_QUEUES] __attribute__((aligned(4096)));
static struct ring_memory other_memory __attribute__((aligned(4096)));
static u8 other_data[OTHER_DATA] __attribute__((aligned(64)));

bool expect(bool good, const char *what)
{
	if (!good)
		note("wrong: %s", what);
	return good;
}

u64 pool(void)
{
	return ram_base() + POOL_OFFSET;
}

u64 ram_end(void)
{
	const void *node = NULL;
	const u8 *reg;

	while ((node = fdt_next(node)))
		if (str_starts(fdt_name(node), "memory@"))
			break;
	reg = fdt_prop(node, "reg", NULL);
	return fdt_u64(reg) + fdt_u64(reg + 8);
}

u64 flash_base(void)
{
	const void *node = fdt_compatible("cfi-flash", 0);

	return node ? fdt_u64(fdt_prop(node, "reg", NULL)) : 0;
}

/* ---- Starting one -------------------------------------------------------- */

static void attach(struct target *t, u32 n, struct ring_memory *to)
{
	t->rings[n] = (struct ring) { .v = &t->v,
				      .queue = n,
				      .size = 16,
				      .desc = to->desc,
				      .avail = to->avail,
				      .used = to->used };
}

/* They share the memory of rings, so one that was left at work is reset. */
static void relieve(struct target *t)
{
	static struct target *at_work;

	if (t == &other)
		return;
	if (at_work && at_work != t)
		vdev_reset(&at_work->v);
	at_work = t;
}

bool target_negotiate(struct target *t, u64 features)
{
	relieve(t);
	if (!vdev_reset(&t->v))
		return false;
	vdev_write(&t->v, R_STATUS, S_ACKNOWLEDGE);
	vdev_write(&t->v, R_STATUS, S_ACKNOWLEDGE | S_DRIVER);
	vdev_want(&t->v, features | F_VERSION_1);
	vdev_write(&t->v, R_STATUS, S_ACKNOWLEDGE | S_DRIVER | S_FEATURES_OK);
	return vdev_read(&t->v, R_STATUS) & S_FEATURES_OK;
}

void target_attach(struct target *t)
{
	for (u32 i = 0; i < t->nr_queues; i++) {
		attach(t, i, t == &other ? &other_memory : &memory[i]);
		ring_clear(&t->rings[i], interrupts);
	}
}

bool target_enable(struct target *t)
{
	bool good = true;

	target_attach(t);
	for (u32 i = 0; i < t->nr_queues; i++)
		good &= ring_enable(&t->rings[i]);
	return good;
}

void target_go(struct target *t)
{
	vdev_write(&t->v, R_STATUS,
		   S_ACKNOWLEDGE | S_DRIVER | S_FEATURES_OK | S_DRIVER_OK);
}

bool target_start(struct target *t, u64 features)
{
	bool good = target_negotiate(t, features) && target_enable(t);

	target_go(t);
	return good && !(vdev_read(&t->v, R_STATUS) & S_NEEDS_RESET);
}

struct ring *target_start_one(struct target *t, u64 features, u32 size)
{
	struct ring *r = &t->rings[t->queue];
	bool good = target_negotiate(t, features);

	target_attach(t);
	r->size = (u16)size;
	good &= ring_enable(r);
	target_go(t);
	if (!good)
		note("the %s does not start", t->name);
	return r;
}

/* ---- Whether they work --------------------------------------------------- */

static bool read_other(u32 sector)
{
	return blk_request(&other, BLK_IN, sector * 1UL, pool(), OTHER_DATA) ==
	       BLK_OK;
}

bool targets_find(void)
{
	bool good = true;

	for (u32 i = 0; i < NR_TARGETS; i++)
		good &= check(vdev_find(&targets[i].v, targets[i].id,
					targets[i].nr),
			      "there is a %s", targets[i].name);
	good &= check(vdev_find(&other.v, other.id, other.nr),
		      "there is another disk");
	good = good && check(target_start(&other, 0) && read_other(0),
			     "the other disk can be read");
	if (good)
		memcpy(other_data, (void *)pool(), OTHER_DATA);
	return good;
}

/* Its driver goes on as before: it is not reset in between. */
bool other_is_right(void)
{
	const u8 *got = (void *)pool();

	memset((void *)pool(), 0x55, OTHER_DATA);
	if (!read_other(0))
		return expect(false, "the other disk cannot be read");
	for (u32 i = 0; i < OTHER_DATA; i++)
		if (got[i] != other_data[i])
			return expect(false, "the other disk reads wrong");
	return true;
}

/* Whoever was attacked last is left without rings, for they are shared. */
bool targets_work(void)
{
	bool good = true;

	for (u32 i = 0; i < NR_TARGETS; i++) {
		struct target *t = &targets[i];

		if (t->v.pci)
			pci_place(&t->v);
		if (!target_start(t, t->features) || !t->works(t)) {
			note("the %s does not work", t->name);
			good = false;
		}
		vdev_reset(&t->v);
	}
	return good;
}

/* ---- Attacks on all of them ---------------------------------------------- */

bool breaks(struct target *t, poison_fn *poison, u64 features)
{
	struct ring *r = target_start_one(t, t->features | features, 16);
	bool good;

	poison(t, r);
	vdev_kick(&t->v, r->queue);
	good = vdev_breaks(&t->v);
	if (!good)
		note("the %s needs no reset", t->name);
	return vdev_reset(&t->v) && good;
}

/*
 * A thread costs time, so a device is served by one here and by a vCPU in the
 * next call, and its neighbours the other way round.
 */
bool breaks_all(poison_fn *poison, u64 features)
{
	static u32 turn;
	bool good = true;

	turn++;
	for (u32 i = 0; i < NR_TARGETS; i++) {
		interrupts = (turn + i) & 1;
		good &= breaks(&targets[i], poison, features);
	}
	interrupts = false;
	return good;
}
