/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Functions shared by the decoders: condition codes and NOP. Conditions are
 * turned into a mask of 16 bits while decoding, one for each value of NZCV, so
 * that executing a conditional instruction is one shift.
 */
#include "decode.h"

u64 a64_nop(struct a64_cpu *cpu, const struct a64_insn *insn)
{
	(void)cpu;
	(void)insn;
	return A64_NEXT;
}

/*
 * ConditionHolds() of DDI 0487, for flags NZCV. Bit 0 of the code inverts it,
 * except for 0b1111 (NV), which is always true as AL is.
 */
static bool holds(unsigned int cond, unsigned int nzcv)
{
	bool n = nzcv & 8, z = nzcv & 4, c = nzcv & 2, v = nzcv & 1;
	const bool positive[8] = { z,	c, n, v, c && !z, n == v, n == v && !z,
				   true };

	return positive[cond >> 1] != (cond & 1 && cond != 15);
}

u16 a64_condition(unsigned int cond)
{
	u16 mask = 0;

	for (unsigned int nzcv = 0; nzcv < 16; nzcv++)
		if (holds(cond, nzcv))
			mask |= 1 << nzcv;
	return mask;
}
