/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A driver of a virtqueue for tests; see virtq_driver.h. The device is trusted
 * as little as the specification allows a driver to, and what it must not do
 * ends in `error`.
 *
 * Ordering: what a chain consists of is written before the word that makes it
 * available (release), what came back is read after the word that says so
 * (acquire), and a full barrier stands between making available, or asking for
 * an interrupt, and looking whether the other side waits.
 */
#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "virtq_driver.h"

#define DESC_F_NEXT	0x1U
#define DESC_F_WRITE	0x2U
#define DESC_F_INDIRECT 0x4U
#define DESC_F_AVAIL	0x80U
#define DESC_F_USED	0x8000U

/* avail.flags and used.flags of a split ring. */
#define RING_F_QUIET 1U

/* Event suppression of a packed ring. */
#define EVENT_ENABLE  0U
#define EVENT_DISABLE 1U
#define EVENT_DESC    2U

#define TABLE_ENTRIES (VIRTQ_DRIVER_MAX_TABLE + 2)

#define RAM_NOISE 0xa5

/* Buffer ids of a packed ring are the driver's: any 16 bits. */
#define ID_KEY 0x9e35U

/* Both rings' are 16 bytes; the last two fields change places. */
struct desc {
	u64 addr;
	u32 len;
	union {
		struct {
			u16 flags, next;
		} split;
		struct {
			u16 id, flags;
		} packed;
	};
};

static u16 load16(const void *p, int order)
{
	return le16toh(__atomic_load_n((const u16 *)p, order));
}

static void store16(void *p, u16 value, int order)
{
	__atomic_store_n((u16 *)p, htole16(value), order);
}

static void full_barrier(void)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

/* For what the device has to ignore, or the driver may choose. */
static u32 noise(struct virtq_driver *d)
{
	d->noise = d->noise * 1664525 + 1013904223;
	return d->noise >> 12;
}

static int broken(struct virtq_driver *d, const char *why)
{
	if (!d->error)
		d->error = why;
	return -EINVAL;
}

/* Split: where things are in the areas. */
static u8 *avail_flags(struct virtq_driver *d)
{
	return d->driver;
}

static u8 *avail_idx(struct virtq_driver *d)
{
	return d->driver + 2;
}

static u8 *avail_entry(struct virtq_driver *d, u16 i)
{
	return d->driver + 4 + 2 * (i % d->size);
}

static u8 *used_event(struct virtq_driver *d)
{
	return d->driver + 4 + 2 * d->size;
}

static u8 *used_flags(struct virtq_driver *d)
{
	return d->device;
}

static u8 *used_idx(struct virtq_driver *d)
{
	return d->device + 2;
}

static u8 *used_entry(struct virtq_driver *d, u16 i)
{
	return d->device + 4 + 8 * (i % d->size);
}

static u8 *avail_event(struct virtq_driver *d)
{
	return d->device + 4 + 8 * d->size;
}

static struct desc *desc_at(struct virtq_driver *d, u32 i)
{
	return (struct desc *)(void *)d->desc + i;
}

/* An area that is aligned to `align` and to no more, noise on both sides. */
static u64 place(u64 *at, u64 align, u64 len)
{
	u64 gpa = ALIGN_UP(*at, 2 * align) + align;

	*at = gpa + len;
	return gpa;
}

static void lay_out(struct virtq_driver *d, u8 *ram, u64 gpa)
{
	bool packed = d->packed;
	u64 at = gpa;

	d->tables_gpa = place(&at, 16, d->size * TABLE_ENTRIES * 16UL);
	d->setup.size = d->size;
	d->setup.desc = place(&at, 16, d->size * 16UL);
	d->setup.driver =
		place(&at, packed ? 4 : 2, packed ? 4 : 6 + 2UL * d->size);
	d->setup.device = place(&at, 4, packed ? 4 : 6 + 8UL * d->size);

	d->tables = ram + (d->tables_gpa - gpa);
	d->desc = ram + (d->setup.desc - gpa);
	d->driver = ram + (d->setup.driver - gpa);
	d->device = ram + (d->setup.device - gpa);

	memset(ram, RAM_NOISE, VIRTQ_DRIVER_RAM(d->size));
	memset(d->desc, 0, d->size * 16UL);
	memset(d->driver, 0, packed ? 4 : 6 + 2UL * d->size);
	memset(d->device, 0, packed ? 4 : 6 + 8UL * d->size);
}

int virtq_driver_init(struct virtq_driver *d, void *ram, u64 gpa, u32 size,
		      u64 features)
{
	*d = (struct virtq_driver) {
		.features = features | VIRTQ_F_VERSION_1,
		.packed = features & VIRTQ_F_RING_PACKED,
		.event_idx = features & VIRTQ_F_EVENT_IDX,
		.indirect = features & VIRTQ_F_INDIRECT_DESC,
		.size = size,
		.nr_free = size,
		.avail_wrap = true,
		.used_wrap = true,
	};
	d->entries = calloc(size, sizeof(*d->entries));
	if (!d->entries)
		return -ENOMEM;
	for (u32 i = 0; i < size; i++)
		d->entries[i].next = (u16)(i + 1);
	lay_out(d, ram, gpa);
	return 0;
}

void virtq_driver_destroy(struct virtq_driver *d)
{
	free(d->entries);
	d->entries = NULL;
}

/* ---- Adding ------------------------------------------------------------- */

static void fill_buf(struct desc *desc, const struct virtq_buf *buf)
{
	desc->addr = htole64(buf->gpa);
	desc->len = htole32(buf->len);
}

static u16 buf_flags(const struct virtq_buf *buf)
{
	return buf->write ? DESC_F_WRITE : 0;
}

/*
 * Chained by `next` from the first entry on: forwards, or backwards from the
 * end, with entries that are in no chain.
 */
static void fill_split_table(struct virtq_driver *d, struct desc *table,
			     u32 entries, const struct virtq_buf *bufs, u32 nr)
{
	bool backwards = noise(d) & 1;

	for (u32 n = 0; n < nr; n++) {
		struct desc *desc = &table[n && backwards ? entries - n : n];
		u32 next = backwards ? entries - n - 1 : n + 1;
		bool last = n + 1 == nr;

		fill_buf(desc, &bufs[n]);
		desc->split.flags =
			htole16(buf_flags(&bufs[n]) | (last ? 0 : DESC_F_NEXT));
		desc->split.next = htole16((u16)(last ? noise(d) : next));
	}
}

/* One after the other, all of the table. */
static void fill_packed_table(struct virtq_driver *d, struct desc *table,
			      const struct virtq_buf *bufs, u32 nr)
{
	for (u32 n = 0; n < nr; n++) {
		fill_buf(&table[n], &bufs[n]);
		table[n].packed.flags = htole16(buf_flags(&bufs[n]));
		table[n].packed.id = htole16((u16)noise(d));
	}
}

/*
 * The table of entry `i`, and what refers to it: a descriptor whose WRITE flag
 * means nothing. Returns its flags.
 */
static u16 fill_table(struct virtq_driver *d, struct desc *desc, u16 i,
		      const struct virtq_buf *bufs, u32 nr)
{
	u64 offset = i * TABLE_ENTRIES * 16UL;
	struct desc *table = (struct desc *)(void *)(d->tables + offset);
	u32 entries = d->packed ? nr : nr + noise(d) % 3;

	memset(table, RAM_NOISE, TABLE_ENTRIES * 16);
	if (d->packed)
		fill_packed_table(d, table, bufs, nr);
	else
		fill_split_table(d, table, entries, bufs, nr);
	desc->addr = htole64(d->tables_gpa + offset);
	desc->len = htole32(entries * 16);
	return DESC_F_INDIRECT | (noise(d) & DESC_F_WRITE);
}

/* The `n`th descriptor of a chain, but for NEXT and what is made available. */
static u16 fill(struct virtq_driver *d, struct desc *desc, u16 entry, u32 n,
		const struct virtq_buf *bufs, u32 nr, u32 nr_direct)
{
	if (n == nr_direct)
		return fill_table(d, desc, entry, bufs + n, nr - n);
	fill_buf(desc, &bufs[n]);
	return buf_flags(&bufs[n]);
}

static u16 add_split(struct virtq_driver *d, const struct virtq_buf *bufs,
		     u32 nr, u32 nr_direct, u32 slots)
{
	u16 head = d->free;

	for (u32 n = 0; n < slots; n++) {
		struct desc *desc = desc_at(d, d->free);
		u16 next = d->entries[d->free].next;
		u16 flags = fill(d, desc, d->free, n, bufs, nr, nr_direct);
		bool last = n + 1 == slots;

		desc->split.flags = htole16(flags | (last ? 0 : DESC_F_NEXT));
		desc->split.next = htole16(last ? (u16)noise(d) : next);
		d->free = next;
	}
	store16(avail_entry(d, d->avail), head, __ATOMIC_RELAXED);
	store16(avail_idx(d), ++d->avail, __ATOMIC_RELEASE);
	return head;
}

/* Moves a position of a packed ring on by up to its size. */
static void advance(struct virtq_driver *d, u16 *pos, bool *wrap, u32 slots)
{
	u32 next = *pos + slots;

	if (next >= d->size) {
		next -= d->size;
		*wrap = !*wrap;
	}
	*pos = (u16)next;
}

/*
 * All but the flags of the first: then those, which make it all available. The
 * id counts in the last one only.
 */
static u16 add_packed(struct virtq_driver *d, const struct virtq_buf *bufs,
		      u32 nr, u32 nr_direct, u32 slots)
{
	struct desc *head = desc_at(d, d->avail);
	u16 entry = d->free, head_flags = 0;

	for (u32 n = 0; n < slots; n++) {
		struct desc *desc = desc_at(d, d->avail);
		u16 flags = fill(d, desc, entry, n, bufs, nr, nr_direct);
		bool last = n + 1 == slots;

		flags |= d->avail_wrap ? DESC_F_AVAIL : DESC_F_USED;
		flags |= last ? 0 : DESC_F_NEXT;
		desc->packed.id =
			htole16((u16)(last ? entry ^ ID_KEY : noise(d)));
		if (n)
			store16(&desc->packed.flags, flags, __ATOMIC_RELAXED);
		else
			head_flags = flags;
		advance(d, &d->avail, &d->avail_wrap, 1);
	}
	d->free = d->entries[entry].next;
	store16(&head->packed.flags, head_flags, __ATOMIC_RELEASE);
	return entry;
}

static bool may_add(const struct virtq_driver *d, u32 nr, u32 nr_direct)
{
	if (!nr || nr > d->size || nr_direct > nr ||
	    nr - nr_direct > VIRTQ_DRIVER_MAX_TABLE)
		return false;
	if (nr_direct == nr)
		return true;
	return d->indirect && !(d->packed && nr_direct);
}

int virtq_driver_add(struct virtq_driver *d, const struct virtq_buf *bufs,
		     u32 nr, u32 nr_direct, u32 cookie)
{
	u32 slots = nr_direct + (nr_direct < nr);
	u64 in_len = 0;
	u16 entry;

	if (!may_add(d, nr, nr_direct))
		return -EINVAL;
	if (slots > d->nr_free)
		return -ENOSPC;
	for (u32 n = 0; n < nr; n++)
		in_len += bufs[n].write ? bufs[n].len : 0;
	entry = d->packed ? add_packed(d, bufs, nr, nr_direct, slots)
			  : add_split(d, bufs, nr, nr_direct, slots);
	d->entries[entry].cookie = cookie;
	d->entries[entry].slots = slots;
	d->entries[entry].in_len = in_len;
	d->nr_free -= slots;
	d->in_flight += d->packed ? slots : 1;
	d->added += d->packed ? slots : 1;
	return 0;
}

/* True if `event` is among the last `added` positions before `pos`. */
static bool crosses(u16 event, u16 pos, u32 added)
{
	return added > UINT16_MAX || (u16)(pos - event - 1) < added;
}

static bool split_needs_kick(struct virtq_driver *d, u32 added)
{
	u16 flags = load16(used_flags(d), __ATOMIC_RELAXED);

	if (flags & ~(d->event_idx ? 0 : RING_F_QUIET))
		broken(d, "used.flags has bits that must be 0");
	if (!d->event_idx)
		return !(flags & RING_F_QUIET);
	return crosses(load16(avail_event(d), __ATOMIC_RELAXED), d->avail,
		       added);
}

/*
 * The device writes the offset before the flags that make it count, if they do
 * not yet; both are read at once.
 */
static bool packed_needs_kick(struct virtq_driver *d, u32 added)
{
	u32 event = le32toh(
		__atomic_load_n((u32 *)(void *)d->device, __ATOMIC_RELAXED));
	u32 offset = event & 0x7fff;
	bool wrap = event & 0x8000;

	if (event >> 16 == EVENT_DISABLE)
		return false;
	if (event >> 16 == EVENT_ENABLE)
		return true;
	if (event >> 16 != EVENT_DESC || !d->event_idx || offset >= d->size) {
		broken(d, "the device's event suppression makes no sense");
		return true;
	}
	if (wrap != d->avail_wrap)
		offset -= d->size;
	return crosses((u16)offset, d->avail, added);
}

bool virtq_driver_needs_kick(struct virtq_driver *d)
{
	u32 added = d->added;

	d->added = 0;
	full_barrier();
	if (!added)
		return false;
	return d->packed ? packed_needs_kick(d, added)
			 : split_needs_kick(d, added);
}

/* ---- What comes back ---------------------------------------------------- */

static bool has_used(struct virtq_driver *d)
{
	u16 flags;

	if (!d->packed)
		return load16(used_idx(d), __ATOMIC_ACQUIRE) != d->used;
	flags = load16(&desc_at(d, d->used)->packed.flags, __ATOMIC_ACQUIRE);
	return !!(flags & DESC_F_AVAIL) == d->used_wrap &&
	       !!(flags & DESC_F_USED) == d->used_wrap;
}

/* Back to the free list, which is used from its beginning again. */
static void put_entries(struct virtq_driver *d, u32 first)
{
	u32 slots = d->entries[first].slots, last = first;

	for (u32 n = 1; n < slots && !d->packed; n++)
		last = d->entries[last].next;
	d->entries[last].next = d->free;
	d->entries[first].slots = 0;
	d->free = (u16)first;
	d->nr_free += slots;
	d->in_flight -= d->packed ? slots : 1;
}

static void read_split(struct virtq_driver *d, u32 *id, u32 *len)
{
	u32 elem[2];

	memcpy(elem, used_entry(d, d->used), sizeof(elem));
	*id = le32toh(elem[0]);
	*len = le32toh(elem[1]);
}

/* The length only counts with WRITE. */
static void read_packed(struct virtq_driver *d, u32 *id, u32 *len)
{
	const struct desc *desc = desc_at(d, d->used);

	*id = le16toh(desc->packed.id) ^ ID_KEY;
	*len = le16toh(desc->packed.flags) & DESC_F_WRITE ? le32toh(desc->len)
							  : 0;
}

int virtq_driver_take(struct virtq_driver *d, struct virtq_used *used)
{
	u32 id;

	if (!has_used(d))
		return 0;
	if (d->packed)
		read_packed(d, &id, &used->len);
	else
		read_split(d, &id, &used->len);
	if (id >= d->size || !d->entries[id].slots)
		return broken(d, "used: the id of no chain in flight");
	if (used->len > d->entries[id].in_len)
		return broken(d, "used: longer than what may be written");
	used->cookie = d->entries[id].cookie;
	if (d->packed)
		advance(d, &d->used, &d->used_wrap, d->entries[id].slots);
	else
		d->used++;
	put_entries(d, id);
	return 1;
}

/* ---- Interrupts --------------------------------------------------------- */

/*
 * A split ring with event index has no flag: the event is the entry that was
 * used last, which comes again after 65535 more.
 */
void virtq_driver_disable_irq(struct virtq_driver *d)
{
	if (d->packed)
		store16(d->driver + 2, EVENT_DISABLE, __ATOMIC_RELAXED);
	else if (d->event_idx)
		store16(used_event(d), (u16)(d->used - 1), __ATOMIC_RELAXED);
	else
		store16(avail_flags(d), RING_F_QUIET, __ATOMIC_RELAXED);
}

static bool split_enable_irq(struct virtq_driver *d, u32 n)
{
	if (d->event_idx)
		store16(used_event(d), (u16)(d->used + n), __ATOMIC_RELAXED);
	else
		store16(avail_flags(d), 0, __ATOMIC_RELAXED);
	full_barrier();
	return (u16)(load16(used_idx(d), __ATOMIC_ACQUIRE) - d->used) > n;
}

/*
 * The offset before the flags that make it count. Whether the position `n`
 * further was passed cannot be seen if it is in the middle of a chain: so true
 * if anything is used.
 */
static bool packed_enable_irq(struct virtq_driver *d, u32 n)
{
	u16 offset = d->used;
	bool wrap = d->used_wrap;

	advance(d, &offset, &wrap, n);
	if (d->event_idx)
		store16(d->driver, (u16)(offset | (wrap ? 0x8000 : 0)),
			__ATOMIC_RELAXED);
	store16(d->driver + 2, d->event_idx ? EVENT_DESC : EVENT_ENABLE,
		__ATOMIC_RELEASE);
	full_barrier();
	return has_used(d);
}

bool virtq_driver_enable_irq_after(struct virtq_driver *d, u32 n)
{
	if (!d->event_idx || n >= d->in_flight)
		n = 0;
	return d->packed ? packed_enable_irq(d, n) : split_enable_irq(d, n);
}
