/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Small things that every module uses: integer types, arithmetic, macros. */
#ifndef LKVM_UTIL_UTIL_H
#define LKVM_UTIL_UTIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int32_t s32;
typedef int64_t s64;

#define SZ_1K  0x00000400UL
#define SZ_4K  0x00001000UL
#define SZ_64K 0x00010000UL
#define SZ_1M  0x00100000UL
#define SZ_2M  0x00200000UL
#define SZ_16M 0x01000000UL
#define SZ_1G  0x40000000UL
#define SZ_4G  0x100000000UL

#define BIT(n)	      (1UL << (n))
#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

#define MIN(a, b)                                  \
	({                                         \
		__typeof__(a) min_a_ = (a);        \
		__typeof__(b) min_b_ = (b);        \
		min_a_ < min_b_ ? min_a_ : min_b_; \
	})
#define MAX(a, b)                                  \
	({                                         \
		__typeof__(a) max_a_ = (a);        \
		__typeof__(b) max_b_ = (b);        \
		max_a_ > max_b_ ? max_a_ : max_b_; \
	})

/* `align` is a power of two. */
#define ALIGN_DOWN(x, align) ((x) & ~((__typeof__(x))(align)-1))
#define ALIGN_UP(x, align)   ALIGN_DOWN((x) + ((__typeof__(x))(align)-1), align)
#define IS_ALIGNED(x, align) (((x) & ((__typeof__(x))(align)-1)) == 0)

#define container_of(ptr, type, member) \
	((type *)((char *)(ptr)-offsetof(type, member)))

#define __printf(fmt, args) __attribute__((format(printf, fmt, args)))
#define __must_check	    __attribute__((warn_unused_result))
#define __maybe_unused	    __attribute__((unused))

static inline bool is_power_of_2(u64 n)
{
	return n && !(n & (n - 1));
}

/* The largest power of two that is not above `n`; 0 for 0. */
static inline u64 rounddown_pow_of_2(u64 n)
{
	return n ? 1ULL << (63 - __builtin_clzll(n)) : 0;
}

/* floor(log2(n)); `n` is not 0. */
static inline unsigned int ilog2(u64 n)
{
	return 63 - (unsigned int)__builtin_clzll(n);
}

/* True if each byte is `value`; also if there is none. */
static inline bool is_filled(const u8 *data, size_t len, u8 value)
{
	return !len ||
	       (data[0] == value && !__builtin_memcmp(data, data + 1, len - 1));
}

/*
 * True if [start, start + len) lies in [base, base + size). No sum is formed
 * that could wrap, so every argument may come from a guest. An empty range
 * lies inside where its start does, the end included.
 */
static inline bool range_within(u64 start, u64 len, u64 base, u64 size)
{
	return start >= base && start - base <= size &&
	       len <= size - (start - base);
}

/* True if [a, a + alen) and [b, b + blen) have a byte in common. */
static inline bool range_overlaps(u64 a, u64 alen, u64 b, u64 blen)
{
	return a < b ? b - a < alen && blen : a - b < blen && alen;
}

#endif
