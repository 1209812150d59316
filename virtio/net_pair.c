/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Pairs of queues of a network device, and who serves them: the host's kernel,
 * or threads of lkvm's. Those that the driver does not use are not attached to
 * the interface: the host would choose them for frames, which nobody takes.
 */
#include <stdio.h>

#include "net.h"

static struct virtio_device *device_of(struct net_pair *pair)
{
	return &pair->vn->vdev;
}

/* The first one is always. */
static int attach(struct net_pair *pair, bool on)
{
	struct net *net = pair->net;

	return pair->first && net->ops->attach ? net->ops->attach(net, on) : 0;
}

/* Buffers may be there already: those of a device that starts, later. */
int net_pair_start(struct net_pair *pair)
{
	int ret = attach(pair, true);

	if (!ret && pair->net->vhost) {
		ret = vhost_start(&pair->vhost);
		if (ret)
			attach(pair, false);
	}
	if (ret)
		return ret;
	atomic_store(&pair->active, true);
	virtio_kick(device_of(pair), pair->first + NET_RX);
	virtio_kick(device_of(pair), pair->first + NET_TX);
	return 0;
}

/* A kick that is under way has its queue's lock. */
void net_pair_stop(struct net_pair *pair)
{
	struct virtio_queue *queues = device_of(pair)->queues + pair->first;

	if (!atomic_exchange(&pair->active, false))
		return;
	for (unsigned int i = 0; i < NET_PAIR; i++) {
		pthread_mutex_lock(&queues[i].lock);
		pthread_mutex_unlock(&queues[i].lock);
	}
	if (pair->net->vhost) {
		vhost_stop(&pair->vhost);
	} else {
		net_rx_stop(pair);
		virtio_runner_stop(&pair->tx);
	}
	attach(pair, false);
}

void net_pair_kick(struct net_pair *pair, unsigned int queue)
{
	if (!atomic_load(&pair->active))
		return;
	if (pair->net->vhost)
		vhost_kick(&pair->vhost, queue);
	else if (queue == pair->first + NET_RX)
		net_rx_kick(pair);
	else
		virtio_runner_kick(&pair->tx);
}

/* vhost has none that could be stopped alone. */
void net_pair_stop_queue(struct net_pair *pair, unsigned int queue)
{
	if (queue == pair->first + NET_RX)
		net_rx_stop(pair);
	else
		virtio_runner_stop(&pair->tx);
}

int net_pair_init(struct net_pair *pair, unsigned int n)
{
	pair->first = NET_PAIR * n;
	snprintf(pair->rx.name, sizeof(pair->rx.name), "%.10s/%u",
		 pair->vn->name, pair->first % 100);
	virtio_runner_init(&pair->tx, device_of(pair), pair->first + NET_TX,
			   net_tx_serve);
	return pair->net->vhost ? net_vhost_init(pair) : 0;
}

void net_pair_destroy(struct net_pair *pair)
{
	virtio_runner_destroy(&pair->tx);
}
