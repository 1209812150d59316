/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A guest that is a fake, for the commands of the control socket. */
#ifndef UNIT_CONTROL_RIG_H
#define UNIT_CONTROL_RIG_H

#include "lkvm/control/guest.h"

struct control_rig {
	struct control_guest guest;
	unsigned int resets, presses, quits;
	u64 balloon; /* bytes */
	bool has_key;
	bool large; /* statistics are larger than a client can be sent */
};

/* All as at the start; the guest is named "rig". */
void control_rig_init(struct control_rig *rig);

#endif
