/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where debuggers connect: the argument of --gdb. */
#ifndef LKVM_CONFIG_GDB_H
#define LKVM_CONFIG_GDB_H

#include <netinet/in.h>

#include "lkvm/util/util.h"

struct gdb_config {
	const char *path; /* of a UNIX socket; NULL: none */
	/* An IP address, as inet_pton(3) reads it; empty: no TCP. */
	char host[INET6_ADDRSTRLEN];
	u16 port;  /* 0: the kernel chooses one */
	bool wait; /* the guest does not run before a debugger says so */
};

/* Whether there is to be a debugger. */
static inline bool gdb_config_is_on(const struct gdb_config *config)
{
	return config->path || config->host[0];
}

/*
 * Parses the value of `--gdb`: [tcp:][HOST:]PORT or unix:PATH. Without HOST
 * only this machine can connect. `wait` is not changed; the path is not copied.
 * Returns 0, or -EINVAL after a message.
 */
int gdb_config_parse(struct gdb_config *config, const char *arg);

#endif
