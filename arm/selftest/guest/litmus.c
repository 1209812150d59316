/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Litmus tests of two processors: message passing (MP), store buffering (SB)
 * and load buffering (LB), without order, with barriers, and with acquire and
 * release; with one side carried out by lkvm, in a batch behind an access to a
 * device; and with a device or the flash's ring as one of the two locations.
 * Prints how often each outcome was seen, as two registers r0 and r1:
 *
 *	litmus NAME r0=0,r1=0 r0=1,r1=0 r0=0,r1=1 r0=1,r1=1
 *
 * What may be seen is judged by lkvm: arm/selftest/judge.c. n=N times each, but
 * ms=N milliseconds at most; ring=1: those with the flash instead.
 */
#include "code.h"
#include "flash.h"
#include "tests.h"

#define CELLS 32 /* between two looks at the clock */

/* Each location has a cache line of its own. */
struct cell {
	u32 x;
	u32 pad1[63];
	u32 y;
	u32 pad2[63];
};

/* One meeting of the two. */
struct meeting {
	struct cell *cell;
	u32 nr; /* of all meetings: from 1 on */
	u32 r[2];
};

struct litmus {
	const char *name;
	/* The sides; they set r[] of their own copy of the meeting. */
	void (*side[2])(struct meeting *m);
};

static struct cell cells[CELLS] __attribute__((aligned(256)));
static struct flash flash;
static u32 results[CELLS][2];

static struct {
	const struct litmus *litmus;
	u32 first;  /* number of the chunk's first meeting */
	u32 chunks; /* so far */
	u32 arrived[2][64];
	u32 batch; /* the meeting in which one is in a batch */
} shared;

#define STORE(addr, value) \
	asm volatile("str %w1, [%0]" ::"r"(addr), "r"(value) : "memory")
#define STORE_RELEASE(addr, value) \
	asm volatile("stlr %w1, [%0]" ::"r"(addr), "r"(value) : "memory")
#define LOAD_BY(insn, addr)                    \
	({                                     \
		u32 value_;                    \
		asm volatile(insn " %w0, [%1]" \
			     : "=r"(value_)    \
			     : "r"(addr)       \
			     : "memory");      \
		value_;                        \
	})
#define LOAD(addr)	   LOAD_BY("ldr", addr)
#define LOAD_ACQUIRE(addr) LOAD_BY("ldar", addr)
#define LOAD_BYTE(addr)	   LOAD_BY("ldrb", addr)
#define STORE_BYTE(addr, value) \
	asm volatile("strb %w1, [%0]" ::"r"(addr), "r"(value) : "memory")
#define BARRIER(kind) asm volatile("dmb " kind ::: "memory")
#define NONE()	      asm volatile("" ::: "memory")
/* A branch that depends on what was loaded, then an ISB: orders loads. */
#define CTRL_ISB(value) \
	asm volatile("cbz %w0, 1f\n1:\tisb" ::"r"(value) : "memory")

/*
 * Accesses to a device, after which lkvm interprets what follows. As an exit
 * takes long, the other side waits for the store in the middle of the batch.
 */
static void begin_batch(const struct meeting *m)
{
	for (u32 i = 0; i < 4; i++)
		STORE_BYTE(SCRATCH, i);
	STORE(&shared.batch, m->nr);
	STORE_BYTE(SCRATCH, 0);
}

static void end_batch(void)
{
	STORE_BYTE(SCRATCH, 0);
}

static void await_batch(const struct meeting *m)
{
	while (LOAD(&shared.batch) != m->nr)
		;
}

/* ---- two locations in RAM ------------------------------------------------ */

#define SIDE(name, ...)                                 \
	static void name(struct meeting *m)             \
	{                                               \
		u32 *x = &m->cell->x, *y = &m->cell->y; \
		__VA_ARGS__                             \
	}
#define MP_WRITE(order) \
	STORE(x, 1);    \
	order;          \
	STORE(y, 1);
#define MP_READ(order)   \
	u32 a = LOAD(y); \
	order;           \
	u32 b = LOAD(x); \
	m->r[0] = a;     \
	m->r[1] = b;
#define SB_0(order)  \
	STORE(x, 1); \
	order;       \
	m->r[0] = LOAD(y);
#define SB_1(order)  \
	STORE(y, 1); \
	order;       \
	m->r[1] = LOAD(x);
#define LB_0(order)      \
	u32 a = LOAD(x); \
	order;           \
	STORE(y, 1);     \
	m->r[0] = a;
#define LB_1(order)      \
	u32 a = LOAD(y); \
	order;           \
	STORE(x, 1);     \
	m->r[1] = a;
/* clang-format off */
SIDE(mp_write, MP_WRITE(NONE()))
SIDE(mp_read, MP_READ(NONE()))
SIDE(mp_write_dmb, MP_WRITE(BARRIER("ishst")))
SIDE(mp_read_dmb, MP_READ(BARRIER("ishld")))
SIDE(mp_read_isb, MP_READ(CTRL_ISB(a)))
SIDE(mp_write_rel, STORE(x, 1); STORE_RELEASE(y, 1);)
SIDE(mp_read_acq, u32 a = LOAD_ACQUIRE(y); u32 b = LOAD(x);
     m->r[0] = a; m->r[1] = b;)
SIDE(sb_0, SB_0(NONE()))
SIDE(sb_1, SB_1(NONE()))
SIDE(sb_0_dmb, SB_0(BARRIER("ish")))
SIDE(sb_1_dmb, SB_1(BARRIER("ish")))
SIDE(sb_0_rel, STORE_RELEASE(x, 1); m->r[0] = LOAD_ACQUIRE(y);)
SIDE(sb_1_rel, STORE_RELEASE(y, 1); m->r[1] = LOAD_ACQUIRE(x);)
SIDE(lb_0, LB_0(NONE()))
SIDE(lb_1, LB_1(NONE()))
SIDE(lb_0_dmb, LB_0(BARRIER("ish")))
SIDE(lb_1_dmb, LB_1(BARRIER("ish")))
SIDE(lb_0_acq, u32 a = LOAD_ACQUIRE(x); STORE(y, 1); m->r[0] = a;)
SIDE(lb_1_acq, u32 a = LOAD_ACQUIRE(y); STORE(x, 1); m->r[1] = a;)
/* In a batch, and against one. */
#define BATCH(side) begin_batch(m); side end_batch();
#define AGAINST(side) await_batch(m); side
SIDE(mp_write_batch, BATCH(MP_WRITE(NONE())))
SIDE(mp_write_dmb_batch, BATCH(MP_WRITE(BARRIER("ishst"))))
SIDE(mp_read_dmb_batch, BATCH(MP_READ(BARRIER("ishld"))))
SIDE(mp_read_isb_batch, BATCH(MP_READ(CTRL_ISB(a))))
SIDE(sb_0_dmb_batch, BATCH(SB_0(BARRIER("ish"))))
SIDE(sb_1_dmb_batch, BATCH(SB_1(BARRIER("ish"))))
SIDE(lb_0_dmb_batch, BATCH(LB_0(BARRIER("ish"))))
SIDE(mp_read_against, AGAINST(MP_READ(NONE())))
SIDE(mp_read_dmb_against, AGAINST(MP_READ(BARRIER("ishld"))))
SIDE(mp_write_dmb_against, AGAINST(MP_WRITE(BARRIER("ishst"))))
SIDE(sb_1_dmb_against, AGAINST(SB_1(BARRIER("ish"))))
SIDE(lb_1_dmb_against, AGAINST(LB_1(BARRIER("ish"))))
/* clang-format on */

/* ---- a device ------------------------------------------------------------ */

/* Neither another meeting's nor what begins a batch. */
static u32 tag(const struct meeting *m)
{
	return 4 + m->nr % 251;
}

static void device_write(struct meeting *m)
{
	STORE(&m->cell->x, 1);
	STORE_BYTE(SCRATCH, tag(m));
}

static void device_write_dmb(struct meeting *m)
{
	STORE(&m->cell->x, 1);
	BARRIER("oshst");
	STORE_BYTE(SCRATCH, tag(m));
}

static void device_write_batch(struct meeting *m)
{
	begin_batch(m);
	device_write_dmb(m);
}

static void device_read(struct meeting *m)
{
	m->r[0] = LOAD_BYTE(SCRATCH) == tag(m);
	NONE();
	m->r[1] = LOAD(&m->cell->x);
}

static void device_read_dmb(struct meeting *m)
{
	m->r[0] = LOAD_BYTE(SCRATCH) == tag(m);
	BARRIER("oshld");
	m->r[1] = LOAD(&m->cell->x);
}

static void device_read_against(struct meeting *m)
{
	await_batch(m);
	device_read_dmb(m);
}

/* ---- the flash: its ring is carried out before others see what came later -
 */

static u32 flash_value(const struct meeting *m)
{
	return m->nr * 2654435761U;
}

static void program(const struct meeting *m)
{
	flash_command(&flash, 4 * m->nr, FLASH_PROGRAM);
	flash_write(&flash, 4 * m->nr, flash_value(m));
	flash_command(&flash, 0, FLASH_READ_ARRAY);
}

static void flash_then_ram(struct meeting *m)
{
	program(m);
	BARRIER("osh");
	STORE(&m->cell->x, 1);
}

/* Programming takes long: these two wait for the message. */
static void ram_then_flash(struct meeting *m)
{
	do {
		m->r[0] = LOAD(&m->cell->x);
	} while (!m->r[0]);
	BARRIER("osh");
	m->r[1] = flash_read(&flash, 4 * m->nr) == flash_value(m);
}

static void flash_then_device(struct meeting *m)
{
	program(m);
	BARRIER("osh");
	STORE_BYTE(SCRATCH, tag(m));
}

static void device_then_flash(struct meeting *m)
{
	do {
		m->r[0] = LOAD_BYTE(SCRATCH) == tag(m);
	} while (!m->r[0]);
	BARRIER("osh");
	m->r[1] = flash_read(&flash, 4 * m->nr) == flash_value(m);
}

static const struct litmus ram_tests[] = {
	{ "MP", { mp_write, mp_read } },
	{ "MP+dmb", { mp_write_dmb, mp_read_dmb } },
	{ "MP+dmb+ctrlisb", { mp_write_dmb, mp_read_isb } },
	{ "MP+rel+acq", { mp_write_rel, mp_read_acq } },
	{ "SB", { sb_0, sb_1 } },
	{ "SB+dmb", { sb_0_dmb, sb_1_dmb } },
	{ "SB+rel+acq", { sb_0_rel, sb_1_rel } },
	{ "LB", { lb_0, lb_1 } },
	{ "LB+dmb", { lb_0_dmb, lb_1_dmb } },
	{ "LB+acq", { lb_0_acq, lb_1_acq } },
	{ "MP+batch", { mp_write_batch, mp_read_against } },
	{ "MP+dmb+batch-writes", { mp_write_dmb_batch, mp_read_dmb_against } },
	{ "MP+dmb+batch-reads", { mp_write_dmb_against, mp_read_dmb_batch } },
	{ "MP+dmb+ctrlisb+batch-reads",
	  { mp_write_dmb_against, mp_read_isb_batch } },
	{ "MP+dmb+batch-both", { mp_write_dmb_batch, mp_read_dmb_batch } },
	{ "SB+dmb+batch", { sb_0_dmb_batch, sb_1_dmb_against } },
	{ "SB+dmb+batch-both", { sb_0_dmb_batch, sb_1_dmb_batch } },
	{ "LB+dmb+batch", { lb_0_dmb_batch, lb_1_dmb_against } },
	{ "MP-device", { device_write, device_read } },
	{ "MP-device+dmb", { device_write_dmb, device_read_dmb } },
	{ "MP-device+dmb+batch", { device_write_batch, device_read_against } },
};

static const struct litmus ring_tests[] = {
	{ "MP-flash-ram+dmb", { flash_then_ram, ram_then_flash } },
	{ "MP-flash-device+dmb", { flash_then_device, device_then_flash } },
};

/* ---- running ------------------------------------------------------------- */

/* Waits until both sides have arrived at step `n`. */
static void meet(u32 me, u32 n)
{
	__atomic_store_n(&shared.arrived[me][0], n, __ATOMIC_RELEASE);
	while (__atomic_load_n(&shared.arrived[1 - me][0], __ATOMIC_ACQUIRE) <
	       n)
		;
}

/*
 * Varies the delay between both sides, so that different interleavings occur.
 */
static void dither(u32 *state)
{
	*state = *state * 1664525 + 1013904223;
	for (u32 i = *state >> 27; i; i--)
		asm volatile("nop");
}

/* One side's part of CELLS meetings, each with a cell of its own. */
static void run_chunk(u32 me)
{
	static u32 dithers[2] = { 1, 2 };
	u32 first = shared.first;

	for (u32 i = 0; i < CELLS; i++) {
		struct meeting m = { .cell = &cells[i], .nr = first + i };

		/* The registers of the other side are left alone. */
		m.r[0] = results[i][0];
		m.r[1] = results[i][1];
		meet(me, 2 * m.nr);
		dither(&dithers[me]);
		shared.litmus->side[me](&m);
		meet(me, 2 * m.nr + 1);
		if (m.r[0])
			results[i][0] = m.r[0];
		if (m.r[1])
			results[i][1] = m.r[1];
	}
	meet(me, 2 * (first + CELLS));
}

/* The other processor's share, chunk by chunk, for ever. */
static void run_other(void *arg)
{
	(void)arg;
	for (u32 n = 1;; n++) {
		while (__atomic_load_n(&shared.chunks, __ATOMIC_ACQUIRE) < n)
			;
		run_chunk(1);
	}
}

/* A chunk from the boot processor's side; counts the outcomes. */
static void one_chunk(const struct litmus *litmus, u64 counts[4])
{
	memset(cells, 0, sizeof(cells));
	memset(results, 0, sizeof(results));
	shared.litmus = litmus;
	__atomic_fetch_add(&shared.chunks, 1, __ATOMIC_RELEASE);
	run_chunk(0);
	for (u32 i = 0; i < CELLS; i++)
		counts[results[i][0] + 2 * results[i][1]]++;
	shared.first += CELLS + 1;
}

/* Ends after `n` meetings or `ms` milliseconds, whichever comes first. */
static void run_litmus(const struct litmus *litmus, u32 n, u64 ms)
{
	u64 counts[4] = { 0 };
	u64 end = time_after(ms);

	for (u32 i = 0; i < n && (!i || time_now() < end); i += CELLS) {
		one_chunk(litmus, counts);
		if (i % (32 * CELLS) == 0)
			alive();
	}
	print("litmus %s %lu %lu %lu %lu\n", litmus->name, counts[0], counts[1],
	      counts[2], counts[3]);
}

void test_litmus(void)
{
	u32 n = (u32)param("n", 2000);
	u64 ms = param("ms", 1000), mpidr;
	bool ring = param("ring", 0);
	const struct litmus *tests = ring ? ring_tests : ram_tests;

	shared.first = 1;
	if ((ring && !flash_find(&flash, 0)) ||
	    !check(fdt_cpu(1, &mpidr), "there is a second vCPU") ||
	    !check_eq((u64)cpu_start(1, mpidr, run_other, NULL), PSCI_SUCCESS,
		      "the second vCPU starts"))
		return;
	for (u32 i = 0;
	     i < (ring ? ARRAY_SIZE(ring_tests) : ARRAY_SIZE(ram_tests)); i++)
		run_litmus(&tests[i], n, ms);
}
