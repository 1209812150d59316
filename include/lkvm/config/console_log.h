/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A file that gets what the console shows: the argument of --console-log. */
#ifndef LKVM_CONFIG_CONSOLE_LOG_H
#define LKVM_CONFIG_CONSOLE_LOG_H

#include "lkvm/util/util.h"

/* Bytes, unless the user sets another limit: a guest can write without end. */
#define CONSOLE_LOG_LIMIT (4 * SZ_16M)

struct console_log_config {
	const char *path; /* NULL: there is none */
	bool timestamps;  /* each line begins with when it did */
	u64 limit;	  /* bytes of the file; 0: none */
	char *strings;	  /* what the pointer points into */
};

/*
 * Parses the value of `--console-log`, see README.md. Returns 0; the caller
 * calls console_log_config_free() then. Else -EINVAL or -ENOMEM after a
 * message.
 */
int console_log_config_parse(struct console_log_config *config,
			     const char *arg);

/* Frees the strings. */
void console_log_config_free(struct console_log_config *config);

#endif
