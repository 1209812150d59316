/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A memory balloon: the argument of --balloon. */
#ifndef LKVM_CONFIG_BALLOON_H
#define LKVM_CONFIG_BALLOON_H

#include "lkvm/util/util.h"

#define BALLOON_MAX_INTERVAL 86400 /* seconds */

struct balloon_config {
	bool on;
	u64 target;   /* bytes that the guest does without, at first */
	u32 interval; /* seconds between questions for statistics; 0: none */
};

/*
 * Parses the value of `--balloon`: OPT..., see README.md; NULL if there is
 * none. Returns 0, or -EINVAL or -ENOMEM after a message.
 */
int balloon_config_parse(struct balloon_config *config, const char *arg);

#endif
