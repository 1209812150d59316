/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which kind of network it is: the one place that knows all back ends. They are
 * opened on the main thread, before there is a VM.
 */
#include <errno.h>

#include "net.h"

int net_open(const struct network_config *config, unsigned int n,
	     struct net **out)
{
	switch (config->mode) {
	case NETWORK_USER:
		return user_open(config, n, out);
	case NETWORK_TAP:
	case NETWORK_FD:
		return tap_open(config, n, out);
	case NETWORK_NONE:
		break;
	}
	return -EINVAL;
}

/* For whoever has not got as far as opening one. */
void net_close(struct net *net)
{
	if (net)
		net->ops->close(net);
}
