/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Single loads and stores, each exactly one instruction of the form named.
 * The plain ones carry an instruction syndrome when they trap; those of the
 * second half do not (ARM DDI 0487, ESR_ELx, ISV).
 */
#ifndef GUEST_IO_H
#define GUEST_IO_H

#include "guest.h"

#define IO_ACCESS(bits, insn, reg)                              \
	static inline u##bits read##bits(u64 addr)              \
	{                                                       \
		u##bits value = 0;                              \
		asm volatile("ldr" insn " %" reg "0, [%1]"      \
			     : "+r"(value)                      \
			     : "r"(addr)                        \
			     : "memory");                       \
		return value;                                   \
	}                                                       \
	static inline void write##bits(u64 addr, u##bits value) \
	{                                                       \
		asm volatile("str" insn " %" reg "0, [%1]"      \
			     :                                  \
			     : "r"(value), "r"(addr)            \
			     : "memory");                       \
	}

IO_ACCESS(8, "b", "w")
IO_ACCESS(16, "h", "w")
IO_ACCESS(32, "", "w")
IO_ACCESS(64, "", "x")

/* Reads `width` bytes: 1, 2, 4 or 8. */
static inline u64 read_width(u64 addr, unsigned int width)
{
	switch (width) {
	case 1:
		return read8(addr);
	case 2:
		return read16(addr);
	case 4:
		return read32(addr);
	default:
		return read64(addr);
	}
}

static inline void write_width(u64 addr, u64 value, unsigned int width)
{
	switch (width) {
	case 1:
		write8(addr, (u8)value);
		break;
	case 2:
		write16(addr, (u16)value);
		break;
	case 4:
		write32(addr, (u32)value);
		break;
	default:
		write64(addr, value);
	}
}

/* Two registers from one instruction; unchanged if it aborts. */
struct pair {
	u64 lo;
	u64 hi;
};

/* LDP of two W registers. */
static inline void load_pair32(u64 addr, struct pair *p)
{
	asm volatile("ldp %w0, %w1, [%2]"
		     : "+r"(p->lo), "+r"(p->hi)
		     : "r"(addr)
		     : "memory");
}

/* LDP of two X registers. */
static inline void load_pair(u64 addr, struct pair *p)
{
	asm volatile("ldp %0, %1, [%2]"
		     : "+r"(p->lo), "+r"(p->hi)
		     : "r"(addr)
		     : "memory");
}

static inline void store_pair(u64 addr, u64 lo, u64 hi)
{
	asm volatile("stp %0, %1, [%2]"
		     :
		     : "r"(lo), "r"(hi), "r"(addr)
		     : "memory");
}

/* One 128-bit SIMD register. */
static inline void load_q(u64 addr, struct pair *p)
{
	asm volatile("ins v0.d[0], %0\n\t"
		     "ins v0.d[1], %1\n\t"
		     "ldr q0, [%2]\n\t"
		     "umov %0, v0.d[0]\n\t"
		     "umov %1, v0.d[1]"
		     : "+r"(p->lo), "+r"(p->hi)
		     : "r"(addr)
		     : "memory");
}

/* LDP of two SIMD registers: p[0] and p[1]. */
static inline void load_pair_q(u64 addr, struct pair *p)
{
	asm volatile("ldp q0, q1, [%4]\n\t"
		     "umov %0, v0.d[0]\n\t"
		     "umov %1, v0.d[1]\n\t"
		     "umov %2, v1.d[0]\n\t"
		     "umov %3, v1.d[1]"
		     : "=&r"(p[0].lo), "=&r"(p[0].hi), "=&r"(p[1].lo),
		       "=&r"(p[1].hi)
		     : "r"(addr)
		     : "memory");
}

/* A load that adds 4 to *addr afterwards. */
static inline u32 load_post(u64 *addr)
{
	u32 value = 0;

	asm volatile("ldr %w0, [%1], #4"
		     : "+r"(value), "+r"(*addr)
		     :
		     : "memory");
	return value;
}

/* A load that adds 1 to *addr before. */
static inline u8 load_pre8(u64 *addr)
{
	u8 value = 0;

	asm volatile("ldrb %w0, [%1, #1]!"
		     : "+r"(value), "+r"(*addr)
		     :
		     : "memory");
	return value;
}

/* A store that adds 1 to *addr afterwards. */
static inline void store_post8(u64 *addr, u8 value)
{
	asm volatile("strb %w1, [%0], #1"
		     : "+r"(*addr)
		     : "r"(value)
		     : "memory");
}

#endif
