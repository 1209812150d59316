/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The command line of `lkvm run`. */
#ifndef LKVM_CONFIG_RUN_H
#define LKVM_CONFIG_RUN_H

#include "lkvm/config/vm_config.h"

/*
 * Fills *config, whatever is in it, with defaults and with what the arguments
 * behind `run` say. argv and its strings outlive *config, which is not to be
 * moved.
 *
 * Returns 0; OPTIONS_HELP after printing the help on stdout; or -errno after a
 * fatal message: options that cannot be parsed, or that exclude each other on
 * every machine. The caller calls vm_config_free() in each case.
 */
int run_config_parse(struct vm_config *config, int argc, char *const argv[]);

/* The same for `lkvm sandbox`; the command, at the end of argv, in root. */
int sandbox_config_parse(struct vm_config *config, int argc,
			 char *const argv[]);

/*
 * The options that both have, with another synopsis in the help. What --root
 * means is still to be applied.
 */
int run_config_parse_as(const char *synopsis, struct vm_config *config,
			int argc, char *const argv[]);

#endif
