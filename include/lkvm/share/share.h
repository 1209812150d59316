/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Directories of the host's that a guest mounts: the servers behind --9p. */
#ifndef LKVM_SHARE_SHARE_H
#define LKVM_SHARE_SHARE_H

#include "lkvm/config/share.h"
#include "lkvm/share/p9.h"

/*
 * Lets the process have as many descriptors as its hard limit allows, and
 * returns how many of them each of `count` shares may have: half of all is left
 * to others. Main thread, before the first share is opened.
 */
u32 share_descriptors(unsigned int count);

/*
 * Opens the directory of `config` for a server whose client holds `max_fids`
 * objects at most. Returns 0, or -errno after a fatal message.
 */
int share_open(const struct share_config *config, u32 max_fids,
	       struct p9_server **out);

#endif
