/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: arm/a64/decode.c arm/a64/barrier.c */
/* SOURCES: arm/a64/a64.c arm/a64/alu.c arm/a64/bits.c arm/a64/branch.c */
/* SOURCES: arm/a64/mem.c tests/unit/a64_fixture.c */
/*
 * A64 instructions on registers, one by one, and those that are not carried
 * out. The words are those of GNU as.
 */
#include "a64_fixture.h"

struct alu_case {
	u32 word;
	const char *text;
	u64 x1, x2, x3;
	u32 flags; /* NZCV as a number */
	u64 x0;	   /* after it */
	u32 flags_after;
};

static const struct alu_case cases[] = {
	/* word, text, x1, x2, x3, flags, x0, flags_after */
	{ 0x913ffc20, "add x0, x1, #0xfff", 1, 0, 0, 0, 0x1000, 0 },
	{ 0x91400420, "add x0, x1, #1, lsl #12", 1, 0, 0, 0xf, 0x1001, 0xf },
	{ 0x11000420, "add w0, w1, #1", 0xffffffffffffffff, 0, 0, 0, 0, 0 },
	{ 0x51000420, "sub w0, w1, #1", 0xffffffff00000000, 0, 0, 0, 0xffffffff,
	  0 },
	{ 0xd1000420, "sub x0, x1, #1", 0, 0, 0, 0, 0xffffffffffffffff, 0 },
	{ 0xb1000420, "adds x0, x1, #1", 0x7fffffffffffffff, 0, 0, 0,
	  0x8000000000000000, 9 },
	{ 0xb1000420, "adds x0, x1, #1", 0xffffffffffffffff, 0, 0, 0, 0, 6 },
	{ 0x31000420, "adds w0, w1, #1", 0x7fffffff, 0, 0, 0, 0x80000000, 9 },
	{ 0x31000420, "adds w0, w1, #1", 0x1ffffffff, 0, 0, 0, 0, 6 },
	{ 0xf1000020, "subs x0, x1, #0", 0, 0, 0, 0, 0, 6 },
	{ 0xf1000420, "subs x0, x1, #1", 0, 0, 0, 0, 0xffffffffffffffff, 8 },
	{ 0x71000420, "subs w0, w1, #1", 0x80000000, 0, 0, 0, 0x7fffffff, 3 },
	{ 0xeb02003f, "cmp x1, x2", 5, 7, 0, 0xf, UNTOUCHD, 8 },
	{ 0x2b02003f, "cmn w1, w2", 0x80000000, 0x80000000, 0, 0, UNTOUCHD, 7 },
	{ 0x8b020020, "add x0, x1, x2", 0xf000000000000000, 0x2000000000000000,
	  0, 0, 0x1000000000000000, 0 },
	{ 0x8b02fc20, "add x0, x1, x2, lsl #63", 1, 3, 0, 0, 0x8000000000000001,
	  0 },
	{ 0xcb421020, "sub x0, x1, x2, lsr #4", 0x100, 0x10, 0, 0, 0xff, 0 },
	{ 0x8b82fc20, "add x0, x1, x2, asr #63", 1, 0x8000000000000000, 0, 0, 0,
	  0 },
	{ 0x0b827c20, "add w0, w1, w2, asr #31", 1, 0x80000000, 0, 0, 0, 0 },
	{ 0x0b427c20, "add w0, w1, w2, lsr #31", 1, 0xffffffff80000000, 0, 0, 2,
	  0 },
	{ 0xcb0203e0, "neg x0, x2", 0, 1, 0, 0, 0xffffffffffffffff, 0 },
	{ 0x6b027c20, "subs w0, w1, w2, lsl #31", 0, 1, 0, 0, 0x80000000, 9 },
	{ 0x8b220020, "add x0, x1, w2, uxtb", 1, 0xffffffffffffffff, 0, 0,
	  0x100, 0 },
	{ 0x8b223020, "add x0, x1, w2, uxth #4", 0, 0xffffffffffffffff, 0, 0,
	  0xffff0, 0 },
	{ 0x8b224820, "add x0, x1, w2, uxtw #2", 0, 0xffffffffffffffff, 0, 0,
	  0x3fffffffc, 0 },
	{ 0x8b226420, "add x0, x1, x2, uxtx #1", 1, 0x8000000000000001, 0, 0, 3,
	  0 },
	{ 0x8b228020, "add x0, x1, w2, sxtb", 0, 0x80, 0, 0, 0xffffffffffffff80,
	  0 },
	{ 0x8b22a420, "add x0, x1, w2, sxth #1", 0, 0x8000, 0, 0,
	  0xffffffffffff0000, 0 },
	{ 0x8b22cc20, "add x0, x1, w2, sxtw #3", 8, 0xffffffff, 0, 0, 0, 0 },
	{ 0xcb22e020, "sub x0, x1, x2, sxtx", 1, 2, 0, 0, 0xffffffffffffffff,
	  0 },
	{ 0x0b228020, "add w0, w1, w2, sxtb", 0, 0x80, 0, 0, 0xffffff80, 0 },
	{ 0xeb22a03f, "cmp x1, w2, sxth", 0xffffffffffff8000, 0x8000, 0, 0,
	  UNTOUCHD, 6 },
	{ 0x9a020020, "adc x0, x1, x2", 1, 2, 0, 2, 4, 2 },
	{ 0xba020020, "adcs x0, x1, x2", 0xffffffffffffffff, 0, 0, 2, 0, 6 },
	{ 0x3a020020, "adcs w0, w1, w2", 0x7fffffff, 0, 0, 2, 0x80000000, 9 },
	{ 0xda020020, "sbc x0, x1, x2", 5, 2, 0, 0, 2, 0 },
	{ 0xfa020020, "sbcs x0, x1, x2", 0, 0xffffffffffffffff, 0, 0, 0, 4 },
	{ 0x7a020020, "sbcs w0, w1, w2", 0, 0, 0, 0, 0xffffffff, 8 },
	{ 0x5a020020, "sbc w0, w1, w2", 1, 1, 0, 2, 0, 2 },
	{ 0x92089c20, "and x0, x1, #0xff00ff00ff00ff00", 0xffffffffffffffff, 0,
	  0, 0xf, 0xff00ff00ff00ff00, 0xf },
	{ 0x92410420, "and x0, x1, #0x8000000000000001", 0xffffffffffffffff, 0,
	  0, 0, 0x8000000000000001, 0 },
	{ 0xb200f3e0, "orr x0, xzr, #0x5555555555555555", 0, 0, 0, 0,
	  0x5555555555555555, 0 },
	{ 0x320333e0, "orr w0, wzr, #0xe00003ff", 0, 0, 0, 0, 0xe00003ff, 0 },
	{ 0xb27ffbe0, "orr x0, xzr, #0xfffffffffffffffe", 0, 0, 0, 0,
	  0xfffffffffffffffe, 0 },
	{ 0xb2637fe0, "orr x0, xzr, #0x1fffffffe0000000", 0, 0, 0, 0,
	  0x1fffffffe0000000, 0 },
	{ 0x5200e420, "eor w0, w1, #0x33333333", 0xffffffffffffffff, 0, 0, 0,
	  0xcccccccc, 0 },
	{ 0xf2410020, "ands x0, x1, #0x8000000000000000", 0x8000000000000000, 0,
	  0, 0x3, 0x8000000000000000, 8 },
	{ 0x7201003f, "tst w1, #0x80000000", 0x80000000, 0, 0, 0, UNTOUCHD, 8 },
	{ 0xf240003f, "tst x1, #1", 2, 0, 0, 0xf, UNTOUCHD, 4 },
	{ 0xaa022020, "orr x0, x1, x2, lsl #8", 1, 2, 0, 0, 0x201, 0 },
	{ 0x2ac21020, "orr w0, w1, w2, ror #4", 0, 0xffffffff00000001, 0, 0,
	  0x10000000, 0 },
	{ 0xcac20420, "eor x0, x1, x2, ror #1", 0, 1, 0, 0, 0x8000000000000000,
	  0 },
	{ 0xcac21020, "eor x0, x1, x2, ror #4", 0, 1, 0, 0, 0x1000000000000000,
	  0 },
	{ 0x8a821020, "and x0, x1, x2, asr #4", 0xffffffffffffffff,
	  0x8000000000000000, 0, 0, 0xf800000000000000, 0 },
	{ 0x8a220020, "bic x0, x1, x2", 0xff, 0xf, 0, 0, 0xf0, 0 },
	{ 0x0a220020, "bic w0, w1, w2", 0xffffffffffffffff, 0xf, 0, 0,
	  0xfffffff0, 0 },
	{ 0x2a220020, "orn w0, w1, w2", 0, 0, 0, 0, 0xffffffff, 0 },
	{ 0xca220020, "eon x0, x1, x2", 0xff, 0xff, 0, 0, 0xffffffffffffffff,
	  0 },
	{ 0x6a220020, "bics w0, w1, w2", 0x80000001, 1, 0, 7, 0x80000000, 8 },
	{ 0xea220020, "bics x0, x1, x2", 3, 3, 0, 3, 0, 4 },
	{ 0x6a020420, "ands w0, w1, w2, lsl #1", 0xfffffffe, 0xffffffff7fffffff,
	  0, 0, 0xfffffffe, 8 },
	{ 0x2a627fe0, "mvn w0, w2, lsr #31", 0, 0x80000000, 0, 0, 0xfffffffe,
	  0 },
	{ 0xd2ffffe0, "movz x0, #0xffff, lsl #48", 0, 0, 0, 0,
	  0xffff000000000000, 0 },
	{ 0x12800020, "movn w0, #1", 0, 0, 0, 0, 0xfffffffe, 0 },
	{ 0x92c00020, "movn x0, #1, lsl #32", 0, 0, 0, 0, 0xfffffffeffffffff,
	  0 },
	{ 0xf2b579a0, "movk x0, #0xabcd, lsl #16", 0, 0, 0, 0,
	  0xfedcba98abcd3210, 0 },
	{ 0x72b579a0, "movk w0, #0xabcd, lsl #16", 0, 0, 0, 0, 0xabcd3210, 0 },
	{ 0xd37cfc20, "ubfx x0, x1, #60, #4", 0xa000000000000000, 0, 0, 0, 0xa,
	  0 },
	{ 0x531f7c20, "lsr w0, w1, #31", 0xffffffff80000000, 0, 0, 0, 1, 0 },
	{ 0xd3410020, "lsl x0, x1, #63", 3, 0, 0, 0, 0x8000000000000000, 0 },
	{ 0x53010020, "lsl w0, w1, #31", 3, 0, 0, 0, 0x80000000, 0 },
	{ 0x531c1c20, "ubfiz w0, w1, #4, #8", 0xfffff, 0, 0, 0, 0xff0, 0 },
	{ 0x93441c20, "sbfx x0, x1, #4, #4", 0x80, 0, 0, 0, 0xfffffffffffffff8,
	  0 },
	{ 0x93440420, "sbfiz x0, x1, #60, #2", 2, 0, 0, 0, 0xe000000000000000,
	  0 },
	{ 0x131c0c20, "sbfiz w0, w1, #4, #4", 8, 0, 0, 0, 0xffffff80, 0 },
	{ 0x131f7c20, "asr w0, w1, #31", 0x80000000, 0, 0, 0, 0xffffffff, 0 },
	{ 0x9340fc20, "asr x0, x1, #0", 0x8000000000000000, 0, 0, 0,
	  0x8000000000000000, 0 },
	{ 0x93407c20, "sxtw x0, w1", 0x80000000, 0, 0, 0, 0xffffffff80000000,
	  0 },
	{ 0x53001c20, "uxtb w0, w1", 0xffffffffffffff80, 0, 0, 0, 0x80, 0 },
	{ 0xb3781c20, "bfi x0, x1, #8, #8", 0xff, 0, 0, 0, 0xfedcba987654ff10,
	  0 },
	{ 0x33040c20, "bfi w0, w1, #28, #4", 0xf, 0, 0, 0, 0xf6543210, 0 },
	{ 0xb3442c20, "bfxil x0, x1, #4, #8", 0xabc, 0, 0, 0,
	  0xfedcba98765432ab, 0 },
	{ 0x331f7c20, "bfxil w0, w1, #31, #1", 0x80000000, 0, 0, 0, 0x76543211,
	  0 },
	{ 0x93c21020, "extr x0, x1, x2, #4", 0xa, 0xb0, 0, 0,
	  0xa00000000000000b, 0 },
	{ 0x93c20020, "extr x0, x1, x2, #0", 0xa, 0xb0, 0, 0, 0xb0, 0 },
	{ 0x13827c20, "extr w0, w1, w2, #31", 0xffffffff00000001, 0x80000000, 0,
	  0, 3, 0 },
	{ 0x13810420, "ror w0, w1, #1", 0xffffffff00000001, 0, 0, 0, 0x80000000,
	  0 },
	{ 0xfa420025, "ccmp x1, x2, #5, eq", 1, 1, 0, 4, UNTOUCHD, 6 },
	{ 0xfa421025, "ccmp x1, x2, #5, ne", 1, 1, 0, 4, UNTOUCHD, 5 },
	{ 0x7a5f8820, "ccmp w1, #31, #0, hi", 0x10000001f, 0, 0, 2, UNTOUCHD,
	  6 },
	{ 0x3a41b82f, "ccmn w1, #1, #15, lt", 0x7fffffff, 0, 0, 8, UNTOUCHD,
	  9 },
	{ 0xba42c02a, "ccmn x1, x2, #10, gt", 0, 0, 0, 4, UNTOUCHD, 10 },
	{ 0x7a421025, "ccmp w1, w2, #5, ne", 1, 1, 0, 4, UNTOUCHD, 5 },
	{ 0x3a42002a, "ccmn w1, w2, #10, eq", 1, 0xffffffff, 0, 4, UNTOUCHD,
	  6 },
	{ 0x3a42102a, "ccmn w1, w2, #10, ne", 1, 1, 0, 4, UNTOUCHD, 10 },
	{ 0x7a42e020, "ccmp w1, w2, #0, al", 0, 1, 0, 0, UNTOUCHD, 8 },
	{ 0xba40f820, "ccmn x1, #0, #0, nv", 0, 0, 0, 0, UNTOUCHD, 4 },
	{ 0x9a824020, "csel x0, x1, x2, mi", 1, 2, 0, 8, 1, 8 },
	{ 0x1a825020, "csel w0, w1, w2, pl", 1, 0xffffffffffffffff, 0, 8,
	  0xffffffff, 8 },
	{ 0x9a826420, "csinc x0, x1, x2, vs", 1, 0xffffffffffffffff, 0, 0, 0,
	  0 },
	{ 0x1a827420, "csinc w0, w1, w2, vc", 1, 0xffffffff, 0, 1, 0, 1 },
	{ 0xda82a020, "csinv x0, x1, x2, ge", 1, 0xf, 0, 8, 0xfffffffffffffff0,
	  8 },
	{ 0xda82d420, "csneg x0, x1, x2, le", 1, 1, 0, 0, 0xffffffffffffffff,
	  0 },
	{ 0x5a829420, "csneg w0, w1, w2, ls", 1, 1, 0, 2, 0xffffffff, 2 },
	{ 0x9a9f37e0, "cset x0, cs", 0, 0, 0, 2, 1, 2 },
	{ 0x5a9f23e0, "csetm w0, cc", 0, 0, 0, 0, 0xffffffff, 0 },
	{ 0x9ac20820, "udiv x0, x1, x2", 0xffffffffffffffff, 2, 0, 0,
	  0x7fffffffffffffff, 0 },
	{ 0x9ac20820, "udiv x0, x1, x2", 5, 0, 0, 0, 0, 0 },
	{ 0x1ac20820, "udiv w0, w1, w2", 0xf00000007, 0xf00000002, 0, 0, 3, 0 },
	{ 0x1ac20820, "udiv w0, w1, w2", 7, 0x100000000, 0, 0, 0, 0 },
	{ 0x9ac20c20, "sdiv x0, x1, x2", 0x8000000000000000, 0xffffffffffffffff,
	  0, 0, 0x8000000000000000, 0 },
	{ 0x1ac20c20, "sdiv w0, w1, w2", 0x80000000, 0xffffffff, 0, 0,
	  0x80000000, 0 },
	{ 0x9ac20c20, "sdiv x0, x1, x2", 0xfffffffffffffff9, 2, 0, 0,
	  0xfffffffffffffffd, 0 },
	{ 0x1ac20c20, "sdiv w0, w1, w2", 0xfffffff9, 2, 0, 0, 0xfffffffd, 0 },
	{ 0x1ac20c20, "sdiv w0, w1, w2", 1, 0x100000000, 0, 0, 0, 0 },
	{ 0x9ac22020, "lsl x0, x1, x2", 1, 127, 0, 0, 0x8000000000000000, 0 },
	{ 0x1ac22020, "lsl w0, w1, w2", 1, 63, 0, 0, 0x80000000, 0 },
	{ 0x9ac22420, "lsr x0, x1, x2", 0x8000000000000000, 63, 0, 0, 1, 0 },
	{ 0x1ac22420, "lsr w0, w1, w2", 0xffffffff80000000, 32, 0, 0,
	  0x80000000, 0 },
	{ 0x9ac22820, "asr x0, x1, x2", 0x8000000000000000, 127, 0, 0,
	  0xffffffffffffffff, 0 },
	{ 0x1ac22820, "asr w0, w1, w2", 0x80000000, 4, 0, 0, 0xf8000000, 0 },
	{ 0x9ac22c20, "ror x0, x1, x2", 1, 1, 0, 0, 0x8000000000000000, 0 },
	{ 0x9ac22c20, "ror x0, x1, x2", 1, 64, 0, 0, 1, 0 },
	{ 0x1ac22c20, "ror w0, w1, w2", 1, 33, 0, 0, 0x80000000, 0 },
	{ 0x9ac22c20, "ror x0, x1, x2", 1, 4, 0, 0, 0x1000000000000000, 0 },
	{ 0x1ac22c20, "ror w0, w1, w2", 1, 4, 0, 0, 0x10000000, 0 },
	{ 0xdac00020, "rbit x0, x1", 1, 0, 0, 0, 0x8000000000000000, 0 },
	{ 0x5ac00020, "rbit w0, w1", 0xffffffff00000003, 0, 0, 0, 0xc0000000,
	  0 },
	{ 0xdac00420, "rev16 x0, x1", 0x0123456789abcdef, 0, 0, 0,
	  0x23016745ab89efcd, 0 },
	{ 0x5ac00420, "rev16 w0, w1", 0x0123456789abcdef, 0, 0, 0, 0xab89efcd,
	  0 },
	{ 0xdac00820, "rev32 x0, x1", 0x0123456789abcdef, 0, 0, 0,
	  0x67452301efcdab89, 0 },
	{ 0x5ac00820, "rev w0, w1", 0x0123456789abcdef, 0, 0, 0, 0xefcdab89,
	  0 },
	{ 0xdac00c20, "rev x0, x1", 0x0123456789abcdef, 0, 0, 0,
	  0xefcdab8967452301, 0 },
	{ 0xdac01020, "clz x0, x1", 0, 0, 0, 0, 64, 0 },
	{ 0x5ac01020, "clz w0, w1", 0xffffffff00000000, 0, 0, 0, 32, 0 },
	{ 0x5ac01020, "clz w0, w1", 0x00010000, 0, 0, 0, 15, 0 },
	{ 0xdac01420, "cls x0, x1", 0xffffffffffffffff, 0, 0, 0, 63, 0 },
	{ 0x5ac01420, "cls w0, w1", 0xffffffff, 0, 0, 0, 31, 0 },
	{ 0x5ac01420, "cls w0, w1", 0x40000000, 0, 0, 0, 0, 0 },
	{ 0x9b020c20, "madd x0, x1, x2, x3", 3, 4, 5, 0, 17, 0 },
	{ 0x1b020c20, "madd w0, w1, w2, w3", 0xffffffff, 2, 0xf00000002, 0, 0,
	  0 },
	{ 0x9b028c20, "msub x0, x1, x2, x3", 3, 4, 5, 0, 0xfffffffffffffff9,
	  0 },
	{ 0x1b02fc20, "mneg w0, w1, w2", 3, 4, 0, 0, 0xfffffff4, 0 },
	{ 0x9b220c20, "smaddl x0, w1, w2, x3", 0xffffffff, 2, 1, 0,
	  0xffffffffffffffff, 0 },
	{ 0x9b228c20, "smsubl x0, w1, w2, x3", 0xffffffff, 2, 1, 0, 3, 0 },
	{ 0x9ba20c20, "umaddl x0, w1, w2, x3", 0xffffffff, 0xffffffff, 1, 0,
	  0xfffffffe00000002, 0 },
	{ 0x9ba28c20, "umsubl x0, w1, w2, x3", 0xffffffffffffffff, 1, 0, 0,
	  0xffffffff00000001, 0 },
	{ 0x9b427c20, "smulh x0, x1, x2", 0xffffffffffffffff, 2, 0, 0,
	  0xffffffffffffffff, 0 },
	{ 0x9bc27c20, "umulh x0, x1, x2", 0xffffffffffffffff, 2, 0, 0, 1, 0 },
	{ 0xd53b4200, "mrs x0, nzcv", 0, 0, 0, 0xa, 0xa0000000, 0xa },
	{ 0xd51b4201, "msr nzcv, x1", 0xffffffff5fffffff, 0, 0, 0xf, UNTOUCHD,
	  5 },
	{ 0xd503201f, "nop", 0, 0, 0, 0xf, UNTOUCHD, 0xf },
	{ 0xd503229f, "csdb", 0, 0, 0, 0, UNTOUCHD, 0 },
	{ 0xd5033bbf, "dmb ish", 0, 0, 0, 0, UNTOUCHD, 0 },
	{ 0xd5033f9f, "dsb sy", 0, 0, 0, 0, UNTOUCHD, 0 },
	{ 0xd5033fdf, "isb", 0, 0, 0, 0, UNTOUCHD, 0 },
	{ 0xf9800020, "prfm pldl1keep, [x1]", 1, 0, 0, 0, UNTOUCHD, 0 },
	{ 0xf8a26820, "prfm pldl1keep, [x1, x2]", 1, 0, 0, 0, UNTOUCHD, 0 },
	{ 0xf8801020, "prfum pldl1keep, [x1, #1]", 1, 0, 0, 0, UNTOUCHD, 0 },
};

static void test_results(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct alu_case *c = &cases[i];

		rig_set(c->word, c->x1, c->x2, c->x3);
		rig.cpu.pstate = (u64)c->flags << 28 | 5;
		if (!rig_step())
			fail_msg("%s was not carried out", c->text);
		if (rig.cpu.x[0] != c->x0)
			fail_msg("%s: %#llx", c->text,
				 (unsigned long long)rig.cpu.x[0]);
		if (rig.cpu.pstate != ((u64)c->flags_after << 28 | 5))
			fail_msg("%s: flags %#llx", c->text,
				 (unsigned long long)rig.cpu.pstate);
		assert_int_equal(rig.cpu.pc, CODE + 4);
		assert_int_equal(rig.cpu.x[1], c->x1);
	}
}

/* Register 31 by place: the stack pointer or zero. */
static void test_sp_and_zr(void **state)
{
	static const struct {
		u32 word;
		const char *text;
		u64 sp, x0; /* after it */
	} sps[] = {
		{ 0x910007e0, "add x0, sp, #1", 0x1000, 0x1001 },
		{ 0x9100043f, "add sp, x1, #1", 0x12, UNTOUCHD },
		{ 0xd10043ff, "sub sp, sp, #16", 0xff0, UNTOUCHD },
		{ 0x910003e0, "mov x0, sp", 0x1000, 0x1000 },
		{ 0x110003e0, "mov w0, wsp", 0x1000, 0x1000 },
		{ 0x8b2163ff, "add sp, sp, x1", 0x1011, UNTOUCHD },
		{ 0x8b21045f, "add sp, x2, w1, uxtb #1", 0x44, UNTOUCHD },
		{ 0xf14007ff, "cmp sp, #0x1000", 0x1000, UNTOUCHD },
		{ 0xeb2163e0, "subs x0, sp, x1", 0x1000, 0xfef },
		{ 0xeb2143ff, "subs xzr, sp, w1, uxtw", 0x1000, UNTOUCHD },
		{ 0x927c0c3f, "and sp, x1, #0xf0", 0x10, UNTOUCHD },
		{ 0xb27c03ff, "orr sp, xzr, #0x10", 0x10, UNTOUCHD },
		{ 0xf27c0c3f, "ands xzr, x1, #0xf0", 0x1000, UNTOUCHD },
		{ 0xaa0103e0, "orr x0, xzr, x1", 0x1000, 0x11 },
		{ 0x8b0107e0, "add x0, xzr, x1, lsl #1", 0x1000, 0x22 },
		{ 0x8b01041f, "add xzr, x0, x1, lsl #1", 0x1000, UNTOUCHD },
		{ 0xcb1f03e0, "sub x0, xzr, xzr", 0x1000, 0 },
		{ 0xd280003f, "movz xzr, #1", 0x1000, UNTOUCHD },
		{ 0xd3410be0, "ubfx x0, xzr, #1, #2", 0x1000, 0 },
		{ 0xb37f043f, "bfi xzr, x1, #1, #2", 0x1000, UNTOUCHD },
		{ 0x9b1f7c20, "mul x0, x1, xzr", 0x1000, 0 },
		{ 0x9ac10be0, "udiv x0, xzr, x1", 0x1000, 0 },
		{ 0x9ac1083f, "udiv xzr, x1, x1", 0x1000, UNTOUCHD },
		{ 0x9a9f17e0, "csinc x0, xzr, xzr, ne", 0x1000, 0 },
		{ 0x1000001f, "adr xzr, .", 0x1000, UNTOUCHD },
		{ 0xd53b421f, "mrs xzr, nzcv", 0x1000, UNTOUCHD },
		{ 0x1100043f, "add wsp, w1, #1", 0x12, UNTOUCHD },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(sps); i++) {
		rig_set(sps[i].word, 0x11, 0x22, 0x33);
		rig.cpu.x[A64_SP] = 0x1000;
		if (!rig_step())
			fail_msg("%s was not carried out", sps[i].text);
		if (rig.cpu.x[A64_SP] != sps[i].sp || rig.cpu.x[0] != sps[i].x0)
			fail_msg("%s: sp %#llx, x0 %#llx", sps[i].text,
				 (unsigned long long)rig.cpu.x[A64_SP],
				 (unsigned long long)rig.cpu.x[0]);
	}
}

struct refused {
	u32 word;
	const char *text;
};

static void check_refused(const struct refused *refused, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		rig_set(refused[i].word, MEM + 64, MEM + 128, 3);
		rig.cpu.pstate = A64_Z;
		rig.cpu.hints_are_nops = true;
		rig_refuses(refused[i].text);
		assert_int_equal(rig.rams + rig.dev.calls, 0);
	}
}

/* What is an instruction, but none that it knows. */
static void test_unknown(void **state)
{
	static const struct refused refused[] = {
		{ 0x1ac24020, "crc32b w0, w1, w2" },
		{ 0xba008421, "rmif x1, #1, #1" },
		{ 0x3a00082d, "setf8 w1" },
		{ 0xd500401f, "cfinv" },
		{ 0xf8400820, "ldtr x0, [x1]" },
		{ 0xf8000820, "sttr x0, [x1]" },
		{ 0xc85f7c20, "ldxr x0, [x1]" },
		{ 0xc8007c41, "stxr w0, x1, [x2]" },
		{ 0xc8dffc20, "ldar x0, [x1]" },
		{ 0xc89ffc20, "stlr x0, [x1]" },
		{ 0xf8bfc020, "ldapr x0, [x1]" },
		{ 0xf8200022, "ldadd x0, x2, [x1]" },
		{ 0xc8a07c22, "cas x0, x2, [x1]" },
		{ 0xf8208022, "swp x0, x2, [x1]" },
		{ 0xa8400820, "ldnp x0, x2, [x1]" },
		{ 0xa8000820, "stnp x0, x2, [x1]" },
		{ 0xfd400020, "ldr d0, [x1]" },
		{ 0xad400420, "ldp q0, q1, [x1]" },
		{ 0x3ce26820, "ldr q0, [x1, x2]" },
		{ 0xbc004420, "str s0, [x1], #4" },
		{ 0x9e660020, "fmov x0, d1" },
		{ 0x4ea28420, "add v0.4s, v1.4s, v2.4s" },
		{ 0x91810420, "addg x0, x1, #16, #1" },
		{ 0x9adf1020, "irg x0, x1" },
		{ 0xd9200820, "stg x0, [x1]" },
		{ 0x69000820, "stgp x0, x2, [x1]" },
		{ 0x9ac21420, "gmi x0, x1, x2" },
		{ 0xd4000001, "svc #0" },
		{ 0xd4000002, "hvc #0" },
		{ 0xd4000003, "smc #0" },
		{ 0xd4200000, "brk #0" },
		{ 0xd4400000, "hlt #0" },
		{ 0xd69f03e0, "eret" },
		{ 0xd6bf03e0, "drps" },
		{ 0xd53be040, "mrs x0, cntvct_el0" },
		{ 0xd53b4400, "mrs x0, fpcr" },
		{ 0xd50342df, "msr daifset, #2" },
		{ 0xd51b4220, "msr daif, x0" },
		{ 0xd508871f, "tlbi vmalle1" },
		{ 0xd50b7521, "ic ivau, x1" },
		{ 0xd50b7a21, "dc cvac, x1" },
		{ 0xd5087801, "at s1e1r, x1" },
		{ 0xd503205f, "wfe" },
		{ 0xd503207f, "wfi" },
		{ 0xd503209f, "sev" },
		{ 0xd50320bf, "sevl" },
		{ 0xd503203f, "yield" },
		{ 0xd503221f, "esb" },
		{ 0xd503223f, "psb csync" },
		{ 0xd503225f, "tsb csync" },
		{ 0xd50320df, "dgh" },
		{ 0xd50320ff, "xpaclri" },
		{ 0xd5033f5f, "clrex" },
		{ 0xd50330ff, "sb" },
		{ 0xd503309f, "ssbb" },
		{ 0xd503349f, "pssbb" },
		{ 0xd71f0822, "braa x1, x2" },
		{ 0xd63f083f, "blraaz x1" },
		{ 0xd65f0bff, "retaa" },
		{ 0xdac10020, "pacia x0, x1" },
		{ 0xf8200420, "ldraa x0, [x1]" },
	};

	(void)state;
	check_refused(refused, ARRAY_SIZE(refused));
}

/* Next to the encodings that it knows, and unpredictable ones. */
static void test_reserved(void **state)
{
	static const struct refused refused[] = {
		{ 0x00000000, "udf #0" },
		{ 0x11800420, "addg space: add/sub immediate with shift 2" },
		{ 0x0b221c20, "add w0, w1, w2, uxtb #7" },
		{ 0x8b221420, "add x0, x1, w2, uxtb #5" },
		{ 0x8b621020, "add extended with opt 1" },
		{ 0x8bc20420, "add x0, x1, x2, ror #1" },
		{ 0x0b028020, "add w0, w1, w2, lsl #32" },
		{ 0x0a028020, "and w0, w1, w2, lsl #32" },
		{ 0x1a020420, "adc with a bit below Rn" },
		{ 0x12400020, "and w0, w1, with N" },
		{ 0x9240fc20, "and x0, x1, all ones" },
		{ 0x92007c20, "and x0, x1, all ones of 32 bits" },
		{ 0x9200f420, "and x0, x1, all ones of 2 bits" },
		{ 0x9200fc20, "and x0, x1, element of one bit" },
		{ 0x32800020, "move wide with opc 1" },
		{ 0x52c00020, "movz w0, lsl #32" },
		{ 0x73000020, "bitfield with opc 3" },
		{ 0x13400020, "sbfm w0 with N" },
		{ 0x93000020, "sbfm x0 without N" },
		{ 0x13200020, "sbfm w0, immr 32" },
		{ 0x13008020, "sbfm w0, imms 32" },
		{ 0x13c20020, "extr w0 with N" },
		{ 0x93820020, "extr x0 without N" },
		{ 0x13828020, "extr w0, #32" },
		{ 0x93e20020, "extr with o0" },
		{ 0x9ac23020, "pacga" },
		{ 0x1a420020, "ccmp without S" },
		{ 0x7a420420, "ccmp with o2" },
		{ 0x7a420030, "ccmp with o3" },
		{ 0x9a820820, "csel with bit 11" },
		{ 0xba820020, "csel with S" },
		{ 0x1ac20020, "two sources, opcode 0" },
		{ 0x1ac20420, "two sources, opcode 1" },
		{ 0x5ac00c20, "rev of 64 bits in w0" },
		{ 0xdac01820, "one source, opcode 6: ctz" },
		{ 0xdac11020, "autia x0, x1" },
		{ 0x1b220c20, "smaddl w0" },
		{ 0x9b620c20, "madd, op31 3" },
		{ 0x9b420c20, "smulh with Ra 3" },
		{ 0x9b42fc20, "smulh with o0" },
		{ 0xdb020c20, "three sources, op54 2" },
		{ 0xf9c00020, "ldr x0 unsigned, opc 3" },
		{ 0xb9c00020, "ldrsw w0" },
		{ 0xf8801420, "prfm post-indexed" },
		{ 0xf8801c20, "prfm pre-indexed" },
		{ 0xf8620820, "ldr x0, [x1, x2, extend 0]" },
		{ 0xf8628820, "ldr x0, [x1, x2, extend 4]" },
		{ 0xe9400820, "pair with opc 3" },
		{ 0xa9400020, "ldp x0, x0, [x1]" },
		{ 0xa9407c3f, "ldp xzr, xzr, [x1]" },
		{ 0xa8c10821, "ldp x1, x2, [x1], #16" },
		{ 0xa9c10420, "ldp x0, x1, [x1, #16]!" },
		{ 0xa8810821, "stp x1, x2, [x1], #16" },
		{ 0xa9810420, "stp x0, x1, [x1, #16]!" },
		{ 0xf8408421, "ldr x1, [x1], #8" },
		{ 0xf8408c21, "ldr x1, [x1, #8]!" },
		{ 0xf8008421, "str x1, [x1], #8" },
		{ 0xf8008c21, "str x1, [x1, #8]!" },
		{ 0x54000050, "bc.eq" },
		{ 0xd61f0820, "br with pointer authentication" },
		{ 0xd503309e, "dsb with Rt 30" },
		{ 0xd5033e3f, "dsb synxs" },
	};

	(void)state;
	check_refused(refused, ARRAY_SIZE(refused));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_results),
		cmocka_unit_test(test_sp_and_zr),
		cmocka_unit_test(test_unknown),
		cmocka_unit_test(test_reserved),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
