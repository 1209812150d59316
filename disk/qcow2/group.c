/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reads and writes of clusters that exist: also by the kernel, while the thread
 * that has begun them does something else.
 *
 * All that begin are in one of two groups. Who has to wait until those have
 * ended that are under way has the others begin in the second one, so that new
 * ones make nobody wait for longer.
 */
#include "qcow2.h"

unsigned int qcow2_enter(struct qcow2 *q)
{
	unsigned int group;

	pthread_mutex_lock(&q->lock);
	group = q->group;
	q->inside[group]++;
	pthread_mutex_unlock(&q->lock);
	return group;
}

void qcow2_leave(struct qcow2 *q, unsigned int group)
{
	pthread_mutex_lock(&q->lock);
	if (!--q->inside[group])
		pthread_cond_broadcast(&q->left);
	pthread_mutex_unlock(&q->lock);
}

/* The second group is empty: the last one who waited has seen to that. */
void qcow2_wait_for_all(struct qcow2 *q)
{
	unsigned int group;

	pthread_mutex_lock(&q->lock);
	group = q->group;
	q->group = !group;
	while (q->inside[group])
		pthread_cond_wait(&q->left, &q->lock);
	pthread_mutex_unlock(&q->lock);
}
