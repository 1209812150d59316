/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Attacks by configuration space, base addresses and MSI-X (PCI Local Bus 3.0,
 * chapter 6), and by the capability of virtio to reach registers through
 * configuration space.
 */
#include "hostile.h"

#define COMMAND	    0x04
#define BAR(n)	    (0x10 + 4 * (n))
#define COMMAND_MEM 2U
#define COMMAND_ON  6U
#define MSIX_PBA    0x8000UL
#define MSIX_SIZE   0x10000UL

#define CAP_MSIX	 0x11
#define CAP_VENDOR	 9
#define CAP_CFG		 5
#define VECTOR_NONE	 0xffff
#define AT_CONFIG_VECTOR 0x10
#define AT_QUEUE_VECTOR	 0x1a
#define AT_STATUS	 0x14

/* virtio 1.4, "struct virtio_pci_cfg_cap" */
#define WINDOW_BAR    4
#define WINDOW_OFFSET 8
#define WINDOW_LENGTH 12
#define WINDOW_DATA   16

/* ---- Base addresses ------------------------------------------------------ */

static void set_bars(const struct vdev *v, u32 bar1, u64 bar4)
{
	write32(v->function + BAR(1), bar1);
	write32(v->function + BAR(4), (u32)bar4);
	write32(v->function + BAR(5), (u32)(bar4 >> 32));
}

/* With decoding on all the time: RAM stays RAM, and is not the device. */
static bool over_ram(void)
{
	volatile u32 *ram = (u32 *)pool();
	bool good = true;

	for (u32 i = 0; i < NR_TARGETS; i++) {
		const struct vdev *v = &targets[i].v;

		for (u32 word = 0; word < 16; word++)
			ram[word] = 0x5a5a0000 + word;
		set_bars(v, (u32)ram_base(), pool());
		for (u32 word = 0; word < 16; word++)
			good &= ram[word] == 0x5a5a0000 + word;
		vdev_kick(v, 0);
		good &= read32(v->regs) == ~0U;
		pci_place(v);
		good &= vdev_reset(v);
	}
	return expect(good, "a range over RAM");
}

static bool over_others(void)
{
	struct bridge bridge;
	bool good = bridge_find(&bridge);

	for (u32 i = 0; i < NR_TARGETS; i++) {
		const struct vdev *v = &targets[i].v;

		set_bars(v, (u32)bridge.ecam, bridge.ecam);
		good &= (read32(v->function) & 0xffff) == 0x1af4;
		set_bars(v, (u32)UART_BASE(0), UART_BASE(0));
		set_bars(v, (u32)bridge.window, bridge.window);
		read32(bridge.window);
		write32(bridge.window, ~0U);
	}
	/* All of them are in one place now; the last one goes first. */
	for (u32 i = NR_TARGETS; i--;) {
		read_width(bridge.window + AT_STATUS, 1);
		pci_place(&targets[i].v);
		good &= vdev_reset(&targets[i].v);
	}
	return expect(good, "ranges over others");
}

static bool odd_places(void)
{
	static const u64 places[] = { 0,	   ~0UL,
				      0xfffffff0,  0x8000000000000000,
				      0x7fffe000,  0x4fffe000,
				      0x100000000, 0xffffffffffffc000 };
	bool good = true;

	for (u32 i = 0; i < NR_TARGETS; i++)
		for (u32 n = 0; n < ARRAY_SIZE(places); n++) {
			const struct vdev *v = &targets[i].v;

			set_bars(v, (u32)places[n], places[n]);
			good &= read32(v->regs) == ~0U &&
				read32(v->msix) == ~0U;
			write32(v->regs, ~0U);
			vdev_kick(v, 0);
			pci_place(v);
			good &= vdev_reset(v);
		}
	return expect(good, "a range that is nowhere is still where it was");
}

/* A queue in use, whose notifications KVM passes on. */
static bool moved(void)
{
	struct vdev *v = &DISK->v;
	const struct vdev before = *v;
	bool good;

	interrupts = true;
	good = target_start(DISK, 0) && blk_works(DISK);
	for (u32 i = 1; good && i <= 4; i++) {
		u64 by = i * 0x10000;

		v->regs = before.regs + by;
		v->notify = before.notify + by;
		set_bars(v, (u32)v->msix, v->regs);
		good &= blk_works(DISK);
		write16(before.notify, 0);
		good &= read32(before.regs) == ~0U;
	}
	interrupts = false;
	*v = before;
	pci_place(v);
	return expect(good, "a disk that is moved at work");
}

/*
 * To where the other disk's notifications are, so that KVM refuses them: what
 * lkvm says of that has a limit, see 80-hostile.test.
 */
static bool flood(void)
{
	const struct vdev *v = &DISK->v;
	bool good;

	/* Both have threads, which is what KVM notifies. */
	other.rings[0].avail[0] = 0;
	interrupts = true;
	good = other_is_right() && target_start(DISK, 0) && blk_works(DISK);
	for (u32 i = 0; i < 400; i++) {
		write32(v->function + BAR(4), (u32)other.v.regs);
		write32(v->function + BAR(4), (u32)v->regs);
	}
	good &= blk_works(DISK) && other_is_right();
	interrupts = false;
	return expect(good, "a disk over another one");
}

/* ---- Command register ---------------------------------------------------- */

/* Nor if it is started without. */
static bool started_so(struct target *t)
{
	const struct vdev *v = &t->v;
	struct ring *r = &t->rings[t->queue];
	bool good;

	write16(v->function + COMMAND, COMMAND_MEM);
	good = target_start(t, t->features);
	ring_set(r, 0, pool(), 64, 0, 0);
	ring_post(r, 0);
	vdev_kick(v, r->queue);
	good &= ring_wait(r, 5) == NO_ANSWER;
	pci_place(v);
	return vdev_reset(v) && good;
}

/* Without it the device touches no memory; then it does what has waited. */
static bool no_master(struct target *t)
{
	const struct vdev *v = &t->v;
	struct ring *r = &t->rings[t->queue];
	bool good = target_start(t, t->features);
	u32 used;

	good &= t->works(t);
	write16(v->function + COMMAND, COMMAND_MEM);
	used = r->used[0];
	ring_set(r, 0, pool(), 64, 0, 0);
	ring_post(r, 0);
	vdev_kick(v, r->queue);
	good &= r->used[0] >> 16 == used >> 16;
	for (u32 i = 0; i < 4; i++)
		write16(v->function + COMMAND, i & 1 ? COMMAND_ON : 0);
	good &= vdev_reset(v);
	if (!good)
		note("the %s works without bus mastering", t->name);
	return good;
}

static bool master(void)
{
	bool good = true;

	for (u32 mode = 0; mode < 2; mode++) {
		interrupts = mode;
		for (u32 i = 0; i < NR_TARGETS; i++)
			good &= started_so(&targets[i]) &
				no_master(&targets[i]);
	}
	interrupts = false;
	return good;
}

/* ---- Configuration space ------------------------------------------------- */

static bool is_ones(u64 value, unsigned int width)
{
	return value == (width < 8 ? (1UL << 8 * width) - 1 : ~0UL);
}

static bool absent_at(u64 at)
{
	bool good = true;

	for (unsigned int width = 1; width <= 8; width *= 2)
		for (u64 o = 0; o < 0x1000; o += 0x7f8) {
			write_width(at + o, 0, width);
			good &= is_ones(read_width(at + o, width), width);
		}
	return good;
}

/* Functions and slots that there are not. */
static bool absent(void)
{
	struct bridge bridge;
	bool good = bridge_find(&bridge);

	for (u64 slot = 0; slot < 32; slot++)
		for (u64 fn = 0; fn < 8; fn += fn ? 6 : 1) {
			u64 at = bridge.ecam + slot * 0x8000 + fn * 0x1000;

			if (!fn && slot <= NR_TARGETS + 1)
				continue;
			good &= absent_at(at);
		}
	return expect(good, "a function that there is not");
}

/* Behind the space of a function, and by a width that is too large. */
static bool widths(void)
{
	bool good = true;

	for (u32 i = 0; i < NR_TARGETS; i++) {
		u64 at = targets[i].v.function;

		for (unsigned int width = 1; width <= 4; width *= 2)
			for (u64 o = 0x100; o < 0x1000; o += 0x380)
				good &= is_ones(read_width(at + o, width),
						width);
		good &= is_ones(read64(at), 8) && is_ones(read64(at + 0xf8), 8);
		write64(at, 0);
		write64(at + BAR(0), ~0UL);
		good &= (read32(at) & 0xffff) == 0x1af4;
	}
	return expect(good, "widths of configuration space");
}

/* Anything, anywhere, by any width; what is read only stays. */
static bool random_writes(void)
{
	bool good = true;

	for (u32 i = 0; i < NR_TARGETS; i++) {
		const struct vdev *v = &targets[i].v;
		u32 id = read32(v->function);

		for (u32 n = 0; n < 300; n++) {
			unsigned int width = 1U << rival_random() % 3;
			u64 o = rival_random() % 0x100 & ~(width - 1UL);

			write_width(v->function + o, rival_random(), width);
			read_width(v->function + (o ^ 4), width);
		}
		good &= read32(v->function) == id;
		pci_place(v);
		good &= vdev_reset(v);
	}
	return expect(good, "an ID that was written to");
}

/* ---- Registers through configuration space ------------------------------- */

static void point(u64 cap, u32 bar, u32 offset, u32 len)
{
	write8(cap + WINDOW_BAR, (u8)bar);
	write32(cap + WINDOW_OFFSET, offset);
	write32(cap + WINDOW_LENGTH, len);
}

/* None of them is an access to anything. */
static void bad_windows(u64 cap)
{
	static const u32 offsets[] = { 0x4000,	   0x3ffe,     0x3fff,
				       0xfffffffc, 0x80000000, 0x15 };
	static const u32 lens[] = { 0, 3, 5, 8, 4, ~0U, 2 };
	static const u32 bars[] = { 0, 1, 2, 5, 6, 255, 4 };

	for (u32 b = 0; b < ARRAY_SIZE(bars); b++)
		for (u32 o = 0; o < ARRAY_SIZE(offsets); o++) {
			point(cap, bars[b], offsets[o], lens[b]);
			read32(cap + WINDOW_DATA);
			write32(cap + WINDOW_DATA, ~0U);
			read8(cap + WINDOW_DATA + 3);
		}
	/* The status of a range that has none. */
	for (u32 b = 0; b + 1 < ARRAY_SIZE(bars); b++) {
		point(cap, bars[b], AT_STATUS, 1);
		write8(cap + WINDOW_DATA, 0);
	}
}

/* Resets and notifications of its own device, with the bridge's lock held. */
static bool window(struct target *t)
{
	const struct vdev *v = &t->v;
	u64 cap = pci_cap(v, CAP_VENDOR, CAP_CFG);
	bool good = cap && target_start(t, t->features);

	bad_windows(cap);
	good &= t->works(t);
	point(cap, 4, AT_STATUS, 1);
	good &= read8(cap + WINDOW_DATA) == vdev_read(v, R_STATUS);
	for (u32 queue = 0; queue < 8; queue++) {
		point(cap, 4, (u32)(v->notify - v->regs) + 4 * queue, 2);
		write16(cap + WINDOW_DATA, (u16)queue);
	}
	point(cap, 4, AT_STATUS, 1);
	write8(cap + WINDOW_DATA, 0);
	good &= !vdev_read(v, R_STATUS);
	if (!good)
		note("the window of the %s", t->name);
	return good;
}

static bool windows(void)
{
	bool good = true;

	for (u32 mode = 0; mode < 2; mode++) {
		interrupts = mode;
		for (u32 i = 0; i < NR_TARGETS; i++)
			good &= window(&targets[i]);
	}
	interrupts = false;
	return good;
}

/* ---- MSI-X --------------------------------------------------------------- */

/* Words and pairs of them can be written, nothing else. */
static bool table_widths(const struct vdev *v)
{
	bool good = true;

	write32(v->msix, 0x11223344);
	write8(v->msix, 0xff);
	write16(v->msix + 2, 0xffff);
	good &= read32(v->msix) == 0x11223344;
	write64(v->msix + 8, ~0UL);
	good &= read64(v->msix + 8) == 0x1ffffffffUL;
	write64(v->msix, 0x5566778899aabbcc);
	good &= read64(v->msix) == 0x5566778899aabbcc;
	return good;
}

/* Behind the table, the pending bits, and what is behind them. */
static bool table_ends(const struct vdev *v)
{
	bool good = true;

	for (u64 at = 0x200; at < MSIX_SIZE; at += 0x1ff8) {
		write64(v->msix + at, ~0UL);
		write32(v->msix + at + 4, ~0U);
		good &= !read64(v->msix + at) && !read8(v->msix + at + 7);
	}
	write64(v->msix + MSIX_PBA, ~0UL);
	for (unsigned int width = 1; width <= 8; width *= 2)
		good &= !read_width(v->msix + MSIX_PBA, width) &&
			!read_width(v->msix + MSIX_SIZE - width, width);
	return good;
}

static bool tables(void)
{
	bool good = true;

	for (u32 i = 0; i < NR_TARGETS; i++)
		good &= table_widths(&targets[i].v) & table_ends(&targets[i].v);
	return expect(good, "a table of MSI-X");
}

/* One that is not in the table reads back as none. */
static bool set_vectors(const struct vdev *v, u16 vector, u16 reads)
{
	bool good;

	vdev_write(v, R_QUEUE_SEL, 0);
	write16(v->regs + AT_CONFIG_VECTOR, vector);
	write16(v->regs + AT_QUEUE_VECTOR, vector);
	good = read16(v->regs + AT_CONFIG_VECTOR) == reads &&
	       read16(v->regs + AT_QUEUE_VECTOR) == reads;
	vdev_write(v, R_QUEUE_SEL, 0xffff);
	write16(v->regs + AT_QUEUE_VECTOR, vector);
	return good && read16(v->regs + AT_QUEUE_VECTOR) == VECTOR_NONE;
}

static bool vectors(void)
{
	static const u16 bad[] = { 7, 8, 0x7ff, 0x800, 0x7fff, 0xfffe };
	bool good = true;

	for (u32 i = 0; i < NR_TARGETS; i++) {
		const struct vdev *v = &targets[i].v;
		u64 cap = pci_cap(v, CAP_MSIX, 0);

		if (!cap)
			return expect(false, "no MSI-X");
		interrupts = true;
		write16(cap + 2, 0x8000);
		good &= target_start(&targets[i], targets[i].features);
		for (u32 n = 0; n < ARRAY_SIZE(bad); n++)
			good &= set_vectors(v, bad[n], VECTOR_NONE) &&
				targets[i].works(&targets[i]);
		good &= set_vectors(v, 0, 0);
	}
	interrupts = false;
	return expect(good, "vectors that there are not");
}

/* An interrupt of each of these, masked and unmasked meanwhile. */
static bool send_to(const struct vdev *v, u64 cap, u64 address)
{
	bool good = true;

	write32(v->msix, (u32)address);
	write32(v->msix + 4, (u32)(address >> 32));
	write32(v->msix + 8, ~0U);
	write32(v->msix + 12, 0);
	good &= blk_works(DISK);
	write32(v->msix + 12, 1);
	good &= blk_works(DISK);
	write16(cap + 2, 0xc000);
	write32(v->msix + 12, 0);
	good &= blk_works(DISK);
	write16(cap + 2, 0x8000);
	return good;
}

/* Messages are for the interrupt controller; RAM and devices get none. */
static bool messages(void)
{
	const struct vdev *v = &DISK->v;
	u64 cap = pci_cap(v, CAP_MSIX, 0), end = ram_end() - 8;
	volatile u64 *ram = (u64 *)end;
	struct bridge bridge;
	bool good = bridge_find(&bridge);

	interrupts = true;
	*ram = 0x1234;
	write16(cap + 2, 0x8000);
	good &= target_start(DISK, 0);
	vdev_write(v, R_QUEUE_SEL, 0);
	write16(v->regs + AT_QUEUE_VECTOR, 0);
	good &= send_to(v, cap, end) && send_to(v, cap, v->msix) &&
		send_to(v, cap, v->regs + AT_STATUS) &&
		send_to(v, cap, bridge.ecam) && send_to(v, cap, ~0UL) &&
		send_to(v, cap, flash_base()) && send_to(v, cap, UART_BASE(0));
	interrupts = false;
	return expect(good && *ram == 0x1234, "messages to anywhere");
}

const struct attack pci_attacks[] = {
	{ "bar-over-ram", over_ram },	  { "bar-over-others", over_others },
	{ "bar-odd", odd_places },	  { "bar-moved", moved },
	{ "log-flood", flood },		  { "bus-master", master },
	{ "ecam-absent", absent },	  { "ecam-widths", widths },
	{ "ecam-random", random_writes }, { "pci-cfg-window", windows },
	{ "msix-table", tables },	  { "msix-vector", vectors },
	{ "msix-message", messages },	  { NULL, NULL },
};
