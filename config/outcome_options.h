/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A group of options that config/run.c has beside its own. */
#ifndef CONFIG_OUTCOME_OPTIONS_H
#define CONFIG_OUTCOME_OPTIONS_H

#include "lkvm/util/options.h"

/* Offsets are those of struct vm_config. */
extern const struct option_def outcome_options[];

#endif
