/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/virtio_ring.h>

#include "vhost_user_peer.h"

int peer_longest_wait;
unsigned int peer_interrupts;

int __real_poll(struct pollfd *fds, nfds_t n, int timeout);
int __wrap_poll(struct pollfd *fds, nfds_t n, int timeout);

int __wrap_poll(struct pollfd *fds, nfds_t n, int timeout)
{
	if (timeout < 0)
		return __real_poll(fds, n, timeout);
	peer_longest_wait = MAX(peer_longest_wait, timeout);
	if (peer_interrupts) {
		peer_interrupts--;
		errno = EINTR;
		return -1;
	}
	return __real_poll(fds, n, MIN(timeout, PEER_HURRY));
}

struct message {
	struct vhost_user_header header;
	union {
		u64 value;
		struct vhost_user_state state;
		struct vhost_user_addr addr;
		struct vhost_user_memory memory;
	} u;
	int fds[GMEM_MAX_REGIONS];
	unsigned int nr_fds;
};

/* ---- Bytes --------------------------------------------------------------- */

static bool take(int fd, void *to, size_t len)
{
	u8 *buf = to;

	while (len) {
		ssize_t n = read(fd, buf, len);

		if (n <= 0)
			return false;
		buf += n;
		len -= (size_t)n;
	}
	return true;
}

/* The first byte comes with the descriptors. */
static bool take_message(int fd, struct message *m)
{
	u8 control[256];
	struct iovec iov = { &m->header, 1 };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = control,
			      .msg_controllen = sizeof(control) };
	struct cmsghdr *cmsg;

	memset(m, 0, sizeof(*m));
	if (recvmsg(fd, &msg, 0) <= 0)
		return false;
	cmsg = CMSG_FIRSTHDR(&msg);
	if (cmsg) {
		m->nr_fds = (unsigned int)((cmsg->cmsg_len - CMSG_LEN(0)) /
					   sizeof(int));
		memcpy(m->fds, CMSG_DATA(cmsg), m->nr_fds * sizeof(int));
	}
	return take(fd, (u8 *)&m->header + 1, sizeof(m->header) - 1) &&
	       m->header.size <= sizeof(m->u) &&
	       take(fd, &m->u, m->header.size);
}

static void put(int fd, const void *from, size_t len, bool slowly)
{
	const u8 *buf = from;
	size_t step = slowly ? 1 : len;

	for (size_t i = 0; i < len; i += step)
		if (send(fd, buf + i, step, MSG_NOSIGNAL) <= 0)
			return;
}

/* ---- What it is told ----------------------------------------------------- */

static void keep_fd(struct vhost_user_peer *peer, struct message *m, int *fd)
{
	if (m->nr_fds != 1 || *fd >= 0)
		peer->odd++;
	*fd = m->fds[0];
	m->nr_fds = 0;
}

static void close_queue(struct vhost_user_peer *peer, u32 n)
{
	int *fds[] = { &peer->queues[n].kick, &peer->queues[n].call,
		       &peer->queues[n].err };

	for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
		if (*fds[i] >= 0)
			close(*fds[i]);
		*fds[i] = -1;
	}
	peer->queues[n].enabled = 0;
}

/* All of these have the queue's number in their first 32 bits. */
static void note_queue(struct vhost_user_peer *peer, struct message *m)
{
	u32 n = m->u.state.index % PEER_QUEUES;

	switch (m->header.request) {
	case VHOST_USER_SET_VRING_NUM:
		peer->queues[n].num = m->u.state.num;
		break;
	case VHOST_USER_SET_VRING_BASE:
		peer->queues[n].base = m->u.state.num;
		peer->queues[n].taken = (u16)m->u.state.num;
		break;
	case VHOST_USER_SET_VRING_ADDR:
		peer->queues[n].addr = m->u.addr;
		break;
	case VHOST_USER_SET_VRING_ENABLE:
		peer->queues[n].enabled = m->u.state.num;
		break;
	case VHOST_USER_SET_VRING_KICK:
		keep_fd(peer, m, &peer->queues[n].kick);
		break;
	case VHOST_USER_SET_VRING_CALL:
		keep_fd(peer, m, &peer->queues[n].call);
		break;
	case VHOST_USER_SET_VRING_ERR:
		keep_fd(peer, m, &peer->queues[n].err);
		break;
	case VHOST_USER_GET_VRING_BASE:
		m->u.state.num = peer->queues[n].taken;
		close_queue(peer, n);
		break;
	}
}

/* Returns how long the answer is that is in the message then; 0: none. */
static u32 note(struct vhost_user_peer *peer, struct message *m)
{
	bool confirm = m->header.flags & VHOST_USER_NEED_REPLY;

	peer->count[m->header.request]++;
	switch (m->header.request) {
	case VHOST_USER_GET_FEATURES:
		m->u.value = peer->features;
		return sizeof(u64);
	case VHOST_USER_GET_PROTOCOL_FEATURES:
		m->u.value = peer->protocol;
		return sizeof(u64);
	case VHOST_USER_GET_QUEUE_NUM:
		m->u.value = peer->nr_queues;
		return sizeof(u64);
	case VHOST_USER_GET_VRING_BASE:
		note_queue(peer, m);
		return sizeof(struct vhost_user_state);
	case VHOST_USER_SET_PROTOCOL_FEATURES:
		peer->set_protocol = m->u.value;
		return 0;
	case VHOST_USER_SET_FEATURES:
		peer->set_features = m->u.value;
		break;
	case VHOST_USER_SET_MEM_TABLE:
		peer->memory = m->u.memory;
		peer->memory_fds = m->nr_fds;
		break;
	default:
		note_queue(peer, m);
		break;
	}
	peer->unconfirmed += !confirm;
	m->u.value = 0;
	return sizeof(u64);
}

/* ---- Answers ------------------------------------------------------------- */

/* False if that was its end. */
static bool answer(struct vhost_user_peer *peer, struct message *m, u32 size)
{
	bool at = peer->fault_at == m->header.request;
	enum peer_fault fault = at ? peer->fault : 0;
	struct vhost_user_header *header = &m->header;

	header->flags = VHOST_USER_VERSION | VHOST_USER_REPLY;
	header->size = size;
	if (fault == PEER_REFUSES)
		m->u.value = 1;
	else if (fault == PEER_OTHER)
		header->request ^= 1;
	else if (fault == PEER_REQUEST)
		header->flags = VHOST_USER_VERSION;
	else if (fault == PEER_VERSION)
		header->flags ^= VHOST_USER_VERSION_MASK;
	else if (fault == PEER_SHORT)
		header->size -= 4;
	else if (fault == PEER_LONG)
		header->size += 1U << 31;
	else if (fault == PEER_QUEUE)
		m->u.state.index ^= 1;
	if (fault == PEER_ENDS)
		return false;
	if (fault == PEER_IS_SILENT)
		return true;
	put(peer->fd, header, sizeof(*header), fault == PEER_SLOW);
	put(peer->fd, &m->u, fault == PEER_STOPS ? size / 2 : size,
	    fault == PEER_SLOW);
	return fault != PEER_STOPS;
}

static void *run(void *arg)
{
	struct vhost_user_peer *peer = arg;
	struct message m;
	bool goes_on = true;

	while (goes_on && take_message(peer->fd, &m)) {
		u32 size = note(peer, &m);

		for (unsigned int i = 0; i < m.nr_fds; i++)
			close(m.fds[i]);
		if (size)
			goes_on = answer(peer, &m, size);
	}
	shutdown(peer->fd, SHUT_RDWR);
	return NULL;
}

/* ---- Its life ------------------------------------------------------------ */

void peer_init(struct vhost_user_peer *peer)
{
	memset(peer, 0, sizeof(*peer));
	peer->features = PEER_DATA | VIRTQ_F_EVENT_IDX | VIRTQ_F_RING_PACKED |
			 VHOST_USER_F_PROTOCOL_FEATURES | BIT(33);
	peer->protocol = 0x8a42b; /* virtiofsd 1.13.2 */
	peer->nr_queues = 2;
	peer->fd = -1;
	for (u32 i = 0; i < PEER_QUEUES; i++)
		peer->queues[i].kick = peer->queues[i].call =
			peer->queues[i].err = -1;
}

int peer_start(struct vhost_user_peer *peer)
{
	int fds[2];

	peer_longest_wait = 0;
	peer_interrupts = 0;
	assert_int_equal(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	peer->fd = fds[1];
	assert_int_equal(pthread_create(&peer->thread, NULL, run, peer), 0);
	return fds[0];
}

void peer_end(struct vhost_user_peer *peer)
{
	if (peer->fd < 0)
		return;
	shutdown(peer->fd, SHUT_RDWR);
	pthread_join(peer->thread, NULL);
	for (u32 i = 0; i < PEER_QUEUES; i++)
		close_queue(peer, i);
	close(peer->fd);
	peer->fd = -1;
}

/* ---- Its queues ---------------------------------------------------------- */

void peer_await_kick(struct vhost_user_peer *peer, u32 queue)
{
	struct pollfd poller = { .fd = peer->queues[queue].kick,
				 .events = POLLIN };
	u64 count;

	assert_int_equal(__real_poll(&poller, 1, -1), 1);
	assert_int_equal(read(poller.fd, &count, 8), 8);
}

void peer_call(struct vhost_user_peer *peer, u32 queue)
{
	const u64 one = 1;

	assert_int_equal(write(peer->queues[queue].call, &one, 8), 8);
}

/* It is in the process of its client, so host addresses are its own, too. */
void peer_serve(struct vhost_user_peer *peer, u32 queue, u8 with, u32 len)
{
	const struct vhost_user_addr *addr = &peer->queues[queue].addr;
	struct vring_avail *avail = (void *)(uintptr_t)addr->avail;
	struct vring_used *used = (void *)(uintptr_t)addr->used;
	struct vring_desc *desc = (void *)(uintptr_t)addr->desc;
	u32 num = peer->queues[queue].num, head;
	u8 *data = NULL;

	while (__atomic_load_n(&avail->idx, __ATOMIC_ACQUIRE) ==
	       peer->queues[queue].taken)
		peer_await_kick(peer, queue);
	head = avail->ring[peer->queues[queue].taken++ % num];
	for (u32 i = 0; i < peer->memory.nr_regions; i++)
		if (range_within(desc[head].addr, len,
				 peer->memory.regions[i].gpa,
				 peer->memory.regions[i].size))
			data = (u8 *)(uintptr_t)peer->memory.regions[i].hva +
			       (desc[head].addr - peer->memory.regions[i].gpa);
	assert_non_null(data);
	memset(data, with, len);
	used->ring[used->idx % num].id = head;
	used->ring[used->idx % num].len = len;
	__atomic_store_n(&used->idx, (u16)(used->idx + 1), __ATOMIC_RELEASE);
}
