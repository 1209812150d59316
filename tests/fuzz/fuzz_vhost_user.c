/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: virtio/vhost_user.c virtio/vhost_user_message.c vmm/gmem.c */
/*
 * What a daemon of vhost-user sends, all of the input, during a session with
 * two starts of a queue. Whatever it is: each step succeeds, or it fails for a
 * reason that is told and nothing is asked any more; and it never waits.
 */
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "virtio/vhost_user.h"

#define MAX_INPUT 4096U

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

static u8 ram[SZ_4K];

static void require(bool what)
{
	if (!what)
		abort();
}

/* A failure is one for good, with a reason. */
static void check(const struct vhost_user *vu, int ret)
{
	require((ret < 0) == vu->failed);
	require(vu->failed == !!vu->why[0]);
	require(strnlen(vu->why, sizeof(vu->why)) < sizeof(vu->why));
	require(!vu->closed || vu->failed);
}

static void run_queue(struct vhost_user *vu, struct virtq *q,
		      const struct vhost_user_fds *fds)
{
	u16 before = q->avail;
	int ret = vhost_user_start_queue(vu, 1, q, fds);

	check(vu, ret);
	ret = vhost_user_stop_queue(vu, 1, q);
	check(vu, ret);
	require(q->avail == q->used);
	require(!ret || q->avail == before);
}

static void session(int fd, int event)
{
	const struct vhost_user_fds fds = { event, event, event };
	struct virtq q = { .size = 8,
			   .desc = ram,
			   .driver = ram + 1024,
			   .device = ram + 2048 };
	struct gmem mem = { 0 };
	struct vhost_user vu;

	gmem_add(&mem, 0x80000000, sizeof(ram), ram);
	gmem_share(&mem, 0x80000000, event);
	check(&vu, vhost_user_open(&vu, fd, NULL));
	require(vu.failed || vu.features & VIRTQ_F_VERSION_1);
	for (unsigned int i = 0; i < 2; i++) {
		check(&vu, vhost_user_setup(&vu, VIRTQ_F_VERSION_1, &mem));
		run_queue(&vu, &q, &fds);
	}
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static int event = -1;
	int fds[2];

	if (size > MAX_INPUT)
		return -1;
	if (event < 0)
		event = eventfd(0, EFD_CLOEXEC);
	require(!socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds));
	require(!size || send(fds[1], data, size, 0) == (ssize_t)size);
	shutdown(fds[1], SHUT_WR);
	session(fds[0], event);
	close(fds[0]);
	close(fds[1]);
	return 0;
}
