/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Messages of vhost-user (QEMU, docs/interop/vhost-user.rst, "Message
 * Specification"), and answers to them. One request is under way at a time; an
 * answer has to be of its kind and size, and there is a limit to how long they
 * take. Descriptors that come with an answer are not received.
 *
 * The socket does not block, so that a daemon that does not read cannot keep
 * anybody in a system call. A wait is interrupted by the kicks of a vCPU at the
 * end of the run, and then is a shorter one.
 */
#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "vhost_user.h"

static const char *const names[NR_VHOST_USER_REQUESTS] = {
	[VHOST_USER_GET_FEATURES] = "GET_FEATURES",
	[VHOST_USER_SET_FEATURES] = "SET_FEATURES",
	[VHOST_USER_SET_OWNER] = "SET_OWNER",
	[VHOST_USER_SET_MEM_TABLE] = "SET_MEM_TABLE",
	[VHOST_USER_SET_VRING_NUM] = "SET_VRING_NUM",
	[VHOST_USER_SET_VRING_ADDR] = "SET_VRING_ADDR",
	[VHOST_USER_SET_VRING_BASE] = "SET_VRING_BASE",
	[VHOST_USER_GET_VRING_BASE] = "GET_VRING_BASE",
	[VHOST_USER_SET_VRING_KICK] = "SET_VRING_KICK",
	[VHOST_USER_SET_VRING_CALL] = "SET_VRING_CALL",
	[VHOST_USER_SET_VRING_ERR] = "SET_VRING_ERR",
	[VHOST_USER_GET_PROTOCOL_FEATURES] = "GET_PROTOCOL_FEATURES",
	[VHOST_USER_SET_PROTOCOL_FEATURES] = "SET_PROTOCOL_FEATURES",
	[VHOST_USER_GET_QUEUE_NUM] = "GET_QUEUE_NUM",
	[VHOST_USER_SET_VRING_ENABLE] = "SET_VRING_ENABLE",
};

/* One that is waited for. */
struct exchange {
	struct vhost_user *vu;
	enum vhost_user_request request;
};

/* The daemon sees the end of the connection, and ends what it does. */
void vhost_user_fail(struct vhost_user *vu, const char *why, ...)
{
	va_list args;

	if (vu->failed)
		return;
	vu->failed = true;
	va_start(args, why);
	vsnprintf(vu->why, sizeof(vu->why), why, args);
	va_end(args);
	shutdown(vu->fd, SHUT_RDWR);
}

/*
 * The first failure is the one that is reported; the connection ends with it.
 */
static int fail(const struct exchange *x, int err)
{
	struct vhost_user *vu = x->vu;
	const char *name = names[x->request];

	if (vu->failed)
		return err;
	if (err == -EPIPE || err == -ECONNRESET) {
		err = -EPIPE;
		vu->closed = true;
		vhost_user_fail(vu, "has closed the connection");
	} else if (err == -ETIMEDOUT) {
		vhost_user_fail(vu, "does not answer (%s)", name);
	} else if (err == -EPROTO) {
		vhost_user_fail(vu, "gives an answer that makes no sense (%s)",
				name);
	} else if (err == -EREMOTEIO) {
		vhost_user_fail(vu, "refuses a request (%s)", name);
	} else {
		vhost_user_fail(vu, "cannot be reached (%s): %s", name,
				strerror(-err));
	}
	return err;
}

/* ---- Waiting ------------------------------------------------------------- */

static s64 now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (s64)time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

void vhost_user_begin(struct vhost_user *vu)
{
	vu->begin = now();
}

/* How many ms are left. */
static int time_left(const struct exchange *x)
{
	const atomic_bool *stopping = x->vu->stopping;
	s64 limit = stopping && atomic_load(stopping) ? VHOST_USER_WAIT_END_MS
						      : VHOST_USER_WAIT_MS;
	s64 left = x->vu->begin + limit - now();

	return (int)MAX(left, 0);
}

/*
 * Until the socket is ready for `events`, or has an error, which the next call
 * reports. 0, or -ETIMEDOUT.
 */
static int wait_for(const struct exchange *x, short events)
{
	struct pollfd poller = { .fd = x->vu->fd, .events = events };
	int left, ret;

	do {
		left = time_left(x);
		ret = poll(&poller, 1, left);
	} while (ret < 0 && left);
	return ret > 0 ? 0 : -ETIMEDOUT;
}

/* After a call that has not done it: 0 if it is to be tried again. */
static int try_again(const struct exchange *x, int err, short events)
{
	if (err == EINTR)
		return 0;
	return err == EAGAIN ? wait_for(x, events) : -err;
}

/* ---- Bytes --------------------------------------------------------------- */

/* Descriptors go with the first byte. */
static void add_fds(struct msghdr *msg, void *control, const int *fds,
		    unsigned int nr_fds)
{
	struct cmsghdr *cmsg;

	msg->msg_control = control;
	msg->msg_controllen = CMSG_SPACE(nr_fds * sizeof(int));
	cmsg = CMSG_FIRSTHDR(msg);
	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(nr_fds * sizeof(int));
	memcpy(CMSG_DATA(cmsg), fds, nr_fds * sizeof(int));
}

/* Descriptors go with the first bytes, once. */
static int send_all(const struct exchange *x, u8 *buf, size_t len,
		    const int *fds, unsigned int nr_fds)
{
	union {
		struct cmsghdr align;
		u8 bytes[CMSG_SPACE(GMEM_MAX_REGIONS * sizeof(int))];
	} control = { 0 };
	int ret = 0;

	while (!ret && len) {
		struct iovec iov = { buf, len };
		struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
		ssize_t n;

		if (nr_fds)
			add_fds(&msg, control.bytes, fds, nr_fds);
		n = sendmsg(x->vu->fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0) {
			ret = try_again(x, errno, POLLOUT);
			continue;
		}
		nr_fds = 0;
		buf += n;
		len -= (size_t)n;
	}
	return ret;
}

static int receive_all(const struct exchange *x, void *to, size_t len)
{
	u8 *buf = to;
	int ret = 0;

	while (!ret && len) {
		ssize_t n = recv(x->vu->fd, buf, len, MSG_DONTWAIT);

		if (!n)
			return -EPIPE;
		if (n < 0) {
			ret = try_again(x, errno, POLLIN);
			continue;
		}
		buf += n;
		len -= (size_t)n;
	}
	return ret;
}

/* ---- Messages ------------------------------------------------------------ */

static int send_message(const struct exchange *x, u32 flags,
			const void *payload, u32 size, const int *fds,
			unsigned int nr_fds)
{
	const struct vhost_user_header header = {
		.request = x->request,
		.flags = VHOST_USER_VERSION | flags,
		.size = size,
	};
	u8 buf[sizeof(header) + sizeof(struct vhost_user_memory)];

	memcpy(buf, &header, sizeof(header));
	if (size)
		memcpy(buf + sizeof(header), payload, size);
	return send_all(x, buf, sizeof(header) + size, fds, nr_fds);
}

/* Other bits of the flags are for versions to come. */
static int receive_answer(const struct exchange *x, void *payload, u32 size)
{
	struct vhost_user_header header;
	int ret = receive_all(x, &header, sizeof(header));

	if (ret)
		return ret;
	if (header.request != x->request || header.size != size ||
	    (header.flags & (VHOST_USER_VERSION_MASK | VHOST_USER_REPLY)) !=
		    (VHOST_USER_VERSION | VHOST_USER_REPLY))
		return -EPROTO;
	return receive_all(x, payload, size);
}

int vhost_user_get_u64(struct vhost_user *vu, enum vhost_user_request request,
		       u64 *value)
{
	const struct exchange x = { vu, request };
	int ret = vu->failed ? -EPIPE : send_message(&x, 0, NULL, 0, NULL, 0);

	if (!ret)
		ret = receive_answer(&x, value, sizeof(*value));
	return ret ? fail(&x, ret) : 0;
}

int vhost_user_get_state(struct vhost_user *vu, enum vhost_user_request request,
			 struct vhost_user_state *state)
{
	const struct exchange x = { vu, request };
	struct vhost_user_state answer;
	int ret = vu->failed
			  ? -EPIPE
			  : send_message(&x, 0, state, sizeof(*state), NULL, 0);

	if (!ret)
		ret = receive_answer(&x, &answer, sizeof(answer));
	if (!ret && answer.index != state->index)
		ret = -EPROTO;
	if (ret)
		return fail(&x, ret);
	*state = answer;
	return 0;
}

/* What is not confirmed is noticed by the next request that is. */
int vhost_user_set(struct vhost_user *vu, enum vhost_user_request request,
		   const void *payload, u32 size, const int *fds,
		   unsigned int nr_fds)
{
	const struct exchange x = { vu, request };
	u32 flags = vu->acks ? VHOST_USER_NEED_REPLY : 0;
	u64 refused = 0;
	int ret = vu->failed
			  ? -EPIPE
			  : send_message(&x, flags, payload, size, fds, nr_fds);

	if (!ret && vu->acks)
		ret = receive_answer(&x, &refused, sizeof(refused));
	if (!ret && refused)
		ret = -EREMOTEIO;
	return ret ? fail(&x, ret) : 0;
}

int vhost_user_set_u64(struct vhost_user *vu, enum vhost_user_request request,
		       u64 value)
{
	return vhost_user_set(vu, request, &value, sizeof(value), NULL, 0);
}
