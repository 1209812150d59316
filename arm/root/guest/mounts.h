/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The guest's file systems. */
#ifndef ROOT_GUEST_MOUNTS_H
#define ROOT_GUEST_MOUNTS_H

#include "settings.h"

/* /proc, /sys and /dev, before all else. */
void mounts_early(void);

/*
 * Mounts the share and an overlay above it, and makes that the root. Returns
 * false if there is none, after messages.
 */
bool mounts_enter_root(const struct settings *settings);

/* What programs expect besides; an init makes that itself. */
void mounts_late(void);

#endif
