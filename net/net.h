/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Internal to net/. */
#ifndef NET_NET_H
#define NET_NET_H

#include <sys/types.h>

#include "lkvm/net/net.h"

/* tap.c: modes tap and fd. As net_open(). */
int tap_open(const struct network_config *config, unsigned int n,
	     struct net **out);

/* user.c: mode user. As net_open(). */
int user_open(const struct network_config *config, unsigned int n,
	      struct net **out);

/*
 * user.c: a back end that speaks to passt on `fd`, a stream socket, which is
 * its own from here on, also after an error. 0 or -ENOMEM.
 */
int user_create(int fd, unsigned int n, struct net **out);

/* What a program said, for messages: as much as there is of it. */
#define RUN_OUTPUT 256

/*
 * run.c: starts argv[0], which is looked for in PATH, and waits for its end.
 * Its input is empty. If `output` is not NULL it gets the last line that the
 * program printed, else that goes to stderr. If `fd` is not negative, the
 * program inherits it, as descriptor RUN_FD.
 *
 * Returns its exit status, 128 + n after signal n, or -errno if it could not be
 * started.
 */
#define RUN_FD 3
int run_program(const char *const argv[], int fd, char output[RUN_OUTPUT]);

#endif
