/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Internal to net/. */
#ifndef NET_NET_H
#define NET_NET_H

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

#endif
