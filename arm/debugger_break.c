/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The table of a debugger's breakpoints. Those in software are BRK instructions
 * in the guest's RAM, known by their physical addresses, so that they are still
 * there when the guest maps its code elsewhere, or after a reset. A debugger
 * that reads memory sees what was there before, and writes beneath them. Where
 * the guest itself has written something else, the breakpoint is gone, and what
 * the guest wrote counts.
 *
 * Those in hardware, and watchpoints, are values of debug registers: Arm ARM
 * (DDI 0487), D19.3, DBGBCR<n>_EL1 and DBGWCR<n>_EL1.
 *
 * No KVM: unit tests compile this on any machine. All vCPUs are held.
 */
#include <errno.h>
#include <string.h>

#include "debugger.h"

/* C6.2, BRK, with an immediate of 0. */
#define BRK 0xd4200000U

/* Enabled, at EL0 and EL1 (PMC or PAC), for each of the four bytes. */
#define BCR_VALUE     (0xfU << 5 | 3U << 1 | 1U)
#define WCR_ENABLE    (3U << 1 | 1U)
#define WCR_LSC_SHIFT 3
#define WCR_BAS_SHIFT 5

/* Bytes that one watchpoint register has bits for. */
#define WATCH_BYTES 8U

/* Longest access whose address may be below what it hits: DC ZVA. */
#define LONGEST_ACCESS 2048U

#define CACHE_LINE_MIN 16

static bool is_software(const struct debugger_break *b)
{
	return b->type == GDB_BREAK_SOFTWARE;
}

static bool is_watch(const struct debugger_break *b)
{
	return b->type >= GDB_WATCH_WRITE;
}

/* ---- Instructions in memory ---------------------------------------------- */

/*
 * For CPUs whose caches do not see each other: a guest may run with its caches
 * off, or have old instructions in them. Linux lets programs do this.
 */
static void sync_code(u8 *p, size_t len)
{
#ifdef __aarch64__
	u8 *line = (u8 *)((uintptr_t)p & ~(uintptr_t)(CACHE_LINE_MIN - 1));

	for (; line < p + len; line += CACHE_LINE_MIN)
		__asm__ volatile("dc civac, %0" : : "r"(line) : "memory");
#endif
	__builtin___clear_cache((char *)p, (char *)p + len);
}

static u32 *code_at(const struct gmem *ram, u64 pa)
{
	return gmem_ptr(ram, pa, sizeof(u32));
}

static void put_code(u32 *code, u32 word)
{
	__atomic_store_n(code, word, __ATOMIC_RELAXED);
	sync_code((u8 *)code, sizeof(*code));
}

static int plant(struct debugger_break *b, const struct gmem *ram)
{
	u32 *code = b->pa % sizeof(u32) ? NULL : code_at(ram, b->pa);

	if (!code)
		return -EFAULT;
	b->saved = *code;
	put_code(code, BRK);
	return 0;
}

/* NULL: the guest has overwritten it. */
static u32 *planted_at(const struct debugger_break *b, const struct gmem *ram)
{
	u32 *code = is_software(b) ? code_at(ram, b->pa) : NULL;

	return code && *code == BRK ? code : NULL;
}

static void pull(const struct debugger_break *b, const struct gmem *ram)
{
	u32 *code = planted_at(b, ram);

	if (code)
		put_code(code, b->saved);
}

void debugger_break_replant(struct debugger_breaks *breaks,
			    const struct gmem *ram)
{
	for (unsigned int i = 0; i < breaks->count; i++)
		if (is_software(&breaks->list[i]))
			plant(&breaks->list[i], ram);
}

void debugger_break_hide(const struct debugger_breaks *breaks,
			 const struct gmem *ram, u64 pa, u8 *buf, size_t len)
{
	for (unsigned int i = 0; i < breaks->count; i++) {
		const struct debugger_break *b = &breaks->list[i];
		const u8 *saved = (const u8 *)&b->saved;

		if (!is_software(b) ||
		    !range_overlaps(pa, len, b->pa, sizeof(u32)) ||
		    !planted_at(b, ram))
			continue;
		for (unsigned int n = 0; n < sizeof(u32); n++)
			if (range_within(b->pa + n, 1, pa, len))
				buf[b->pa + n - pa] = saved[n];
	}
}

/* One byte: beneath a breakpoint, or to memory. */
static void write_byte(struct debugger_breaks *breaks, const struct gmem *ram,
		       u64 pa, u8 *to, u8 byte)
{
	for (unsigned int i = 0; i < breaks->count; i++) {
		struct debugger_break *b = &breaks->list[i];

		if (is_software(b) && range_within(pa, 1, b->pa, sizeof(u32)) &&
		    planted_at(b, ram)) {
			((u8 *)&b->saved)[pa - b->pa] = byte;
			return;
		}
	}
	*to = byte;
}

int debugger_break_write(struct debugger_breaks *breaks, const struct gmem *ram,
			 u64 pa, const u8 *buf, size_t len)
{
	u8 *to = gmem_ptr(ram, pa, len);

	if (!to)
		return -EFAULT;
	for (size_t i = 0; i < len; i++)
		write_byte(breaks, ram, pa + i, to + i, buf[i]);
	sync_code(to, len);
	return 0;
}

/* ---- Debug registers ----------------------------------------------------- */

/*
 * The bytes of [addr, addr + len) that one register watches, from `addr` on: to
 * the end of its eight bytes, or all of it if it is a power of two, aligned.
 */
static u64 watch_part(u64 addr, u64 len)
{
	if (len > WATCH_BYTES && !(len & (len - 1)) && !(addr & (len - 1)) &&
	    len <= SZ_1G * 2UL)
		return len;
	return MIN(len, WATCH_BYTES - addr % WATCH_BYTES);
}

/*
 * Arm ARM, DBGWCR<n>_EL1: bytes of one doubleword, or a power of two by a mask.
 */
static u64 watch_control(const struct debugger_break *b, u64 addr, u64 part)
{
	static const u8 lsc[GDB_BREAKS] = {
		[GDB_WATCH_READ] = 1,
		[GDB_WATCH_WRITE] = 2,
		[GDB_WATCH_ACCESS] = 3,
	};
	u64 bas = 0xff, mask = 0;

	if (part > WATCH_BYTES)
		mask = ilog2(part);
	else
		bas = (BIT(part) - 1) << addr % WATCH_BYTES;
	return WCR_ENABLE | (u64)lsc[b->type] << WCR_LSC_SHIFT |
	       bas << WCR_BAS_SHIFT | mask << 24;
}

/* How many registers it takes, DEBUGGER_MAX_HW + 1 for all that are too many.
 */
static unsigned int count_watch(const struct debugger_break *b)
{
	u64 addr = b->addr, left = b->len;
	unsigned int n = 0;

	while (left && n <= DEBUGGER_MAX_HW) {
		u64 part = watch_part(addr, left);

		addr += part;
		left -= part;
		n++;
	}
	return n;
}

static unsigned int fill_watch(const struct debugger_break *b,
			       struct debugger_hw *hw, unsigned int n)
{
	u64 addr = b->addr, left = b->len;

	while (left && n < DEBUGGER_MAX_HW) {
		u64 part = watch_part(addr, left);

		hw->wvr[n] = addr & ~(u64)(WATCH_BYTES - 1);
		hw->wcr[n++] = watch_control(b, addr, part);
		addr += part;
		left -= part;
	}
	return n;
}

void debugger_break_fill(const struct debugger_breaks *breaks,
			 struct debugger_hw *hw)
{
	unsigned int bps = 0, wps = 0;

	memset(hw, 0, sizeof(*hw));
	for (unsigned int i = 0; i < breaks->count; i++) {
		const struct debugger_break *b = &breaks->list[i];

		if (is_watch(b)) {
			wps = fill_watch(b, hw, wps);
		} else if (!is_software(b) && bps < DEBUGGER_MAX_HW) {
			hw->bvr[bps] = b->addr;
			hw->bcr[bps++] = BCR_VALUE;
		}
	}
}

/* Registers that are in use, by watchpoints or by breakpoints. */
static unsigned int count_used(const struct debugger_breaks *breaks, bool watch)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < breaks->count; i++) {
		const struct debugger_break *b = &breaks->list[i];

		if (watch && is_watch(b))
			n += count_watch(b);
		else if (!watch && b->type == GDB_BREAK_HARDWARE)
			n++;
	}
	return n;
}

/* ---- The table ----------------------------------------------------------- */

static struct debugger_break *find(struct debugger_breaks *breaks,
				   enum gdb_break type, u64 addr, u64 len)
{
	for (unsigned int i = 0; i < breaks->count; i++) {
		struct debugger_break *b = &breaks->list[i];

		if (b->type == type && b->addr == addr && b->len == len)
			return b;
	}
	return NULL;
}

/* Whether there is a register left for it, before KVM is told. */
static int check_hw(const struct debugger_breaks *breaks,
		    const struct debugger_break *new)
{
	if (is_watch(new)) {
		if (!new->len || new->addr + new->len - 1 < new->addr)
			return -EINVAL;
		if (!breaks->max_wps)
			return -ENOTSUP;
		return count_used(breaks, true) + count_watch(new) >
				       breaks->max_wps
			       ? -ENOSPC
			       : 0;
	}
	if (new->addr % sizeof(u32))
		return -EINVAL;
	if (!breaks->max_bps)
		return -ENOTSUP;
	return count_used(breaks, false) < breaks->max_bps ? 0 : -ENOSPC;
}

int debugger_break_add(struct debugger_breaks *breaks, const struct gmem *ram,
		       const struct debugger_break *new)
{
	struct debugger_break *b = &breaks->list[breaks->count];
	int ret;

	if (find(breaks, new->type, new->addr, new->len))
		return 0;
	if (breaks->count == ARRAY_SIZE(breaks->list))
		return -ENOSPC;
	/* Two of an address are of two address spaces, or of two lengths. */
	if (is_software(new) && debugger_break_is_at(breaks, new->pa))
		return -EEXIST;
	*b = *new;
	ret = is_software(new) ? plant(b, ram) : check_hw(breaks, new);
	if (!ret)
		breaks->count++;
	return ret;
}

void debugger_break_remove(struct debugger_breaks *breaks,
			   const struct gmem *ram, enum gdb_break type,
			   u64 addr, u64 len)
{
	struct debugger_break *b = find(breaks, type, addr, len);

	if (!b)
		return;
	pull(b, ram);
	*b = breaks->list[--breaks->count];
}

void debugger_break_remove_all(struct debugger_breaks *breaks,
			       const struct gmem *ram)
{
	for (unsigned int i = 0; i < breaks->count; i++)
		pull(&breaks->list[i], ram);
	breaks->count = 0;
}

bool debugger_break_is_at(const struct debugger_breaks *breaks, u64 pa)
{
	for (unsigned int i = 0; i < breaks->count; i++)
		if (is_software(&breaks->list[i]) && breaks->list[i].pa == pa)
			return true;
	return false;
}

bool debugger_break_has(const struct debugger_breaks *breaks, bool hardware)
{
	for (unsigned int i = 0; i < breaks->count; i++)
		if (is_software(&breaks->list[i]) != hardware)
			return true;
	return false;
}

/*
 * The address that the CPU tells is where the access begins, or an address in
 * it: the next watchpoint above is the one.
 */
const struct debugger_break *
debugger_break_find_watch(const struct debugger_breaks *breaks, u64 addr)
{
	const struct debugger_break *best = NULL;
	u64 distance = LONGEST_ACCESS;

	for (unsigned int i = 0; i < breaks->count; i++) {
		const struct debugger_break *b = &breaks->list[i];

		if (!is_watch(b))
			continue;
		if (range_within(addr, 1, b->addr, b->len))
			return b;
		if (b->addr - addr < distance) {
			distance = b->addr - addr;
			best = b;
		}
	}
	return best;
}
