/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A session of vhost-user: what is agreed on at its beginning, guest memory,
 * and the life of a queue. Each step is confirmed by the daemon (REPLY_ACK)
 * before the next: a queue that is stopped is known to be.
 */
#include <errno.h>
#include <string.h>

#include "vhost_user.h"

static int lacks(struct vhost_user *vu, const char *what)
{
	vhost_user_fail(vu, "has no %s, which is needed", what);
	return -ENOTSUP;
}

/* All that is unknown here is left out. */
static int agree(struct vhost_user *vu)
{
	u64 offered, wanted;
	int ret = vhost_user_get_u64(vu, VHOST_USER_GET_PROTOCOL_FEATURES,
				     &offered);

	if (ret)
		return ret;
	if (!(offered & VHOST_USER_PROTOCOL_F_REPLY_ACK))
		return lacks(vu, "REPLY_ACK of vhost-user");
	wanted = offered &
		 (VHOST_USER_PROTOCOL_F_REPLY_ACK | VHOST_USER_PROTOCOL_F_MQ);
	ret = vhost_user_set_u64(vu, VHOST_USER_SET_PROTOCOL_FEATURES, wanted);
	vu->acks = !ret;
	if (!ret && wanted & VHOST_USER_PROTOCOL_F_MQ) {
		u64 nr = 0;

		ret = vhost_user_get_u64(vu, VHOST_USER_GET_QUEUE_NUM, &nr);
		vu->nr_queues = (u32)MIN(nr, (u64)UINT32_MAX);
		if (!ret && !nr)
			return lacks(vu, "queues");
	}
	return ret;
}

int vhost_user_open(struct vhost_user *vu, int fd, const atomic_bool *stopping)
{
	int ret;

	memset(vu, 0, sizeof(*vu));
	vu->fd = fd;
	vu->stopping = stopping;
	vhost_user_begin(vu);
	ret = vhost_user_get_u64(vu, VHOST_USER_GET_FEATURES, &vu->features);
	if (ret)
		return ret;
	if (!(vu->features & VIRTQ_F_VERSION_1))
		return lacks(vu, "VERSION_1 of virtio");
	if (!(vu->features & VHOST_USER_F_PROTOCOL_FEATURES))
		return lacks(vu, "PROTOCOL_FEATURES of vhost-user");
	ret = agree(vu);
	return ret ? ret
		   : vhost_user_set(vu, VHOST_USER_SET_OWNER, NULL, 0, NULL, 0);
}

/* Each region begins where its file does. */
static int set_memory(struct vhost_user *vu, const struct gmem *mem)
{
	struct vhost_user_memory memory = { .nr_regions = mem->nr_regions };
	int fds[GMEM_MAX_REGIONS];

	for (unsigned int i = 0; i < mem->nr_regions; i++) {
		const struct gmem_region *region = &mem->regions[i];

		if (!region->shared) {
			vhost_user_fail(vu, "cannot have the guest's RAM");
			return -EINVAL;
		}
		fds[i] = region->fd;
		memory.regions[i].gpa = region->gpa;
		memory.regions[i].size = region->size;
		memory.regions[i].hva = (uintptr_t)region->hva;
	}
	return vhost_user_set(
		vu, VHOST_USER_SET_MEM_TABLE, &memory,
		(u32)(offsetof(struct vhost_user_memory, regions) +
		      mem->nr_regions * sizeof(memory.regions[0])),
		fds, mem->nr_regions);
}

int vhost_user_setup(struct vhost_user *vu, u64 features,
		     const struct gmem *mem)
{
	int ret = vhost_user_set_u64(vu, VHOST_USER_SET_FEATURES,
				     features | VHOST_USER_F_PROTOCOL_FEATURES);

	return ret ? ret : set_memory(vu, mem);
}

/* ---- Queues -------------------------------------------------------------- */

static int set_state(struct vhost_user *vu, enum vhost_user_request request,
		     u32 n, u32 num)
{
	const struct vhost_user_state state = { .index = n, .num = num };

	return vhost_user_set(vu, request, &state, sizeof(state), NULL, 0);
}

static int set_fd(struct vhost_user *vu, enum vhost_user_request request, u32 n,
		  int fd)
{
	u64 index = n;

	return vhost_user_set(vu, request, &index, sizeof(index), &fd, 1);
}

/* "a ring address is [...] a user address": one of lkvm's. */
static int set_addr(struct vhost_user *vu, u32 n, const struct virtq *q)
{
	const struct vhost_user_addr addr = {
		.index = n,
		.desc = (uintptr_t)q->desc,
		.used = (uintptr_t)q->device,
		.avail = (uintptr_t)q->driver,
	};

	return vhost_user_set(vu, VHOST_USER_SET_VRING_ADDR, &addr,
			      sizeof(addr), NULL, 0);
}

/* The kick starts the ring, so it comes when all else is there. */
int vhost_user_start_queue(struct vhost_user *vu, u32 n, const struct virtq *q,
			   const struct vhost_user_fds *fds)
{
	int ret = set_state(vu, VHOST_USER_SET_VRING_NUM, n, q->size);

	if (!ret)
		ret = set_state(vu, VHOST_USER_SET_VRING_BASE, n, q->avail);
	if (!ret)
		ret = set_addr(vu, n, q);
	if (!ret)
		ret = set_fd(vu, VHOST_USER_SET_VRING_ERR, n, fds->err);
	if (!ret)
		ret = set_fd(vu, VHOST_USER_SET_VRING_CALL, n, fds->call);
	if (!ret)
		ret = set_fd(vu, VHOST_USER_SET_VRING_KICK, n, fds->kick);
	return ret ? ret : set_state(vu, VHOST_USER_SET_VRING_ENABLE, n, 1);
}

/* A ring that is stopped has no requests under way, so both are the same. */
int vhost_user_stop_queue(struct vhost_user *vu, u32 n, struct virtq *q)
{
	struct vhost_user_state state = { .index = n };
	int ret = vhost_user_get_state(vu, VHOST_USER_GET_VRING_BASE, &state);

	if (!ret)
		q->avail = q->used = (u16)state.num;
	return ret;
}
