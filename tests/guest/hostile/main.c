/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * All attacks, one after the other. After each one three lines say whether it
 * got the answers that the standard tells, whether all devices work after a
 * reset, and whether another disk still has what it had. That lkvm lives, the
 * lines say as well.
 *
 * `only=N` on the command line runs the N-th attack alone, from 1.
 */
#include "hostile.h"

static unsigned int number;

static void run(const struct attack *attacks)
{
	u64 only = param("only", 0);

	for (; attacks->name; attacks++) {
		number++;
		if (only && only != number)
			continue;
		check(attacks->run(), "%s: is answered", attacks->name);
		interrupts = false;
		check(targets_work(), "%s: all work again", attacks->name);
		check(other_is_right(), "%s: another disk is right",
		      attacks->name);
	}
}

void main(void)
{
	if (!targets_find() || !check(targets_work(), "all devices work"))
		return;
	run(ring_attacks);
	run(packed_attacks);
	run(setup_attacks);
	run(blk_attacks);
	run(stream_attacks);
	run(share_attacks);
	run(race_attacks);
	run(status_attacks);
	if (!DISK->v.pci)
		return;
	run(pci_attacks);
	run(pci_race_attacks);
}
