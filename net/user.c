/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A network without privileges: passt, a program of its own, turns the guest's
 * frames into sockets of the host. Each frame has its length before it, 32 bits
 * big-endian, on a stream socket (QEMU, net/stream.c; passt(1)). passt is
 * connected to it from the start, and ends when lkvm's end is closed, however
 * lkvm ends.
 *
 * The stream must not get out of step: of a frame that did not fit into the
 * socket as a whole the rest is kept, and goes before all else.
 *
 * passt takes long frames whatever the MTU is, so the guest need not make
 * segments; and what comes from it is made into long frames: see tcp.h.
 */
#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lkvm/util/iov.h"
#include "lkvm/util/log.h"
#include "lkvm/util/run_program.h"
#include "tcp.h"

#define F(name) BIT(VIRTIO_NET_F_##name)

#define OFFLOADS                                                 \
	(F(CSUM) | F(HOST_TSO4) | F(HOST_TSO6) | F(GUEST_CSUM) | \
	 F(GUEST_TSO4) | F(GUEST_TSO6))

#define LENGTH sizeof(u32) /* bytes before each frame */

/* How long a frame waits for passt; a reset of the device waits for it. */
#define SEND_WAIT_MS 100

/* passt drops the connection for longer ones (tap.c, ETH_MAX_MTU). */
#define SEND_MAX 65535U

/* So much of the stream is read at once; two frames fit. */
#define RECEIVE_BUFFER (2 * ALIGN_UP(LENGTH + NET_FRAME_MAX, SZ_4K))

/*
 * What may be in flight either way: the kernel has a limit of its own. passt
 * drops frames for which there is no room, and its connections wait then.
 */
#define SOCKET_BUFFER (int)SZ_1M

#define DEFAULT_MTU 1500 /* RFC 894 */

struct user_net {
	struct net net;
	unsigned int n;
	u64 features; /* offloads that were negotiated */
	/* Of the thread that sends. */
	bool late; /* passt did not take the last one in time */
	u32 rest_at, rest_len;
	u8 rest[LENGTH + SEND_MAX];
	struct tcp_split split;
	/* Of the one that receives. */
	u32 start, end; /* of what is in the buffer */
	u8 buffer[RECEIVE_BUFFER];
};

static struct user_net *from_net(struct net *net)
{
	return container_of(net, struct user_net, net);
}

/* ---- To passt ------------------------------------------------------------ */

/* -EAGAIN if it takes too long; once is enough, as long as nothing changes. */
static int wait_for_room(struct user_net *user)
{
	struct pollfd poller = { .fd = user->net.fd, .events = POLLOUT };
	int ready = poll(&poller, 1, user->late ? 0 : SEND_WAIT_MS);

	user->late = ready <= 0;
	return ready > 0 ? 0 : -EAGAIN;
}

/* As much as fits, after a while. Returns how much that is, or -errno. */
static ssize_t send_some(struct user_net *user, struct iovec *iov, u32 count)
{
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = count };
	ssize_t n;
	int ret;

	do {
		n = sendmsg(user->net.fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n >= 0) {
			user->late = false;
			return n;
		}
		ret = -errno;
		if (ret == -EAGAIN)
			ret = wait_for_room(user);
		else if (ret == -EINTR)
			ret = 0;
	} while (!ret);
	return ret == -ECONNRESET ? -EPIPE : ret;
}

/* 0 if nothing is left. */
static int send_rest(struct user_net *user)
{
	while (user->rest_len) {
		struct iovec iov = { user->rest + user->rest_at,
				     user->rest_len };
		ssize_t n = send_some(user, &iov, 1);

		if (n < 0)
			return (int)n;
		user->rest_at += (u32)n;
		user->rest_len -= (u32)n;
	}
	return 0;
}

/*
 * One that passt gets: `iov` has the frame, and room for its length before
 * that. A frame that is sent in part is sent: the buffers are the guest's
 * again.
 */
static int send_whole(struct user_net *user, struct iovec *iov, u32 count,
		      u32 len)
{
	u32 length = htobe32(len);
	int ret = send_rest(user);
	ssize_t n;

	if (ret)
		return ret;
	iov[0] = (struct iovec) { &length, LENGTH };
	n = send_some(user, iov, count + 1);
	if (n < 0)
		return (int)n;
	user->rest_at = 0;
	user->rest_len = (u32)iov_read(iov, count + 1, (u64)n, user->rest,
				       LENGTH + len - (size_t)n);
	ret = send_rest(user);
	return ret == -EAGAIN ? 0 : ret;
}

/* Of segments that are lost in part the guest's TCP sends the others again. */
static int user_send(struct net *net, const struct virtio_net_hdr_v1 *header,
		     const struct iovec *iov, u32 count, u32 len)
{
	struct user_net *user = from_net(net);
	struct iovec all[NET_MAX_IOV + 2];
	int ret = tcp_split_begin(&user->split, header, iov, count, len,
				  SEND_MAX);

	while (!ret) {
		count = tcp_split_next(&user->split, all + 1, &len);
		if (!count)
			break;
		ret = send_whole(user, all, count, len);
	}
	return ret;
}

/* ---- From passt ---------------------------------------------------------- */

/* Nothing more comes; passt ends as well, if it is not what has ended. */
static int end(struct user_net *user, const char *why, int error)
{
	shutdown(user->net.fd, SHUT_RDWR);
	pr_warn("network %u: passt %s; the guest's link is down", user->n, why);
	return -error;
}

/*
 * The length of the frame that is whole in the buffer, 0 if there is none, or
 * -EPROTO: the next is no frame.
 */
static int find_frame(const struct user_net *user)
{
	u32 have = user->end - user->start, len;

	if (have < LENGTH)
		return 0;
	memcpy(&len, user->buffer + user->start, LENGTH);
	len = be32toh(len);
	if (len < NET_FRAME_MIN || len > NET_FRAME_MAX)
		return -EPROTO;
	return have - LENGTH < len ? 0 : (int)len;
}

/* Takes the frame that find_frame() has found. */
static u8 *take(struct user_net *user, int len)
{
	u8 *data = user->buffer + user->start + LENGTH;

	user->start += (u32)LENGTH + (u32)len;
	return data;
}

/*
 * 1 if there is a frame in the buffer, 0 if there is none. Those that can be
 * merged with it are behind it.
 */
static int take_frame(struct user_net *user, struct net_frame *frame)
{
	struct tcp_merge merge;
	int len = find_frame(user);

	if (len < 0)
		return end(user, "sends what is no frame", -len);
	if (!len)
		return 0;
	tcp_merge_begin(&merge, take(user, len), (u32)len, user->features);
	while ((len = find_frame(user)) > 0 &&
	       tcp_merge_add(&merge, user->buffer + user->start + LENGTH,
			     (u32)len))
		take(user, len);
	tcp_merge_end(&merge, &frame->header);
	frame->data = merge.data;
	frame->len = merge.len;
	return 1;
}

/* 1 if there is more in the buffer. What is there already goes to its start. */
static int read_more(struct user_net *user)
{
	u32 have = user->end - user->start;
	ssize_t n;

	memmove(user->buffer, user->buffer + user->start, have);
	user->start = 0;
	user->end = have;
	do {
		n = recv(user->net.fd, user->buffer + have,
			 sizeof(user->buffer) - have, MSG_DONTWAIT);
	} while (n < 0 && errno == EINTR);
	if (n < 0 && errno == EAGAIN)
		return 0;
	if (n <= 0)
		return end(user, "has ended", EPIPE);
	user->end += (u32)n;
	return 1;
}

/* What is whole in the buffer comes before another read of the socket. */
static int user_receive(struct net *net, struct net_frame *frame)
{
	struct user_net *user = from_net(net);
	int ret;

	do {
		ret = take_frame(user, frame);
		if (ret)
			return ret;
		ret = read_more(user);
	} while (ret > 0);
	return ret;
}

/* passt need not know: frames are merged and split here. */
static int user_set_offloads(struct net *net, u64 features)
{
	from_net(net)->features = features;
	return 0;
}

static void user_close(struct net *net)
{
	close(net->fd);
	free(from_net(net));
}

static const struct net_ops user_ops = {
	.send = user_send,
	.receive = user_receive,
	.set_offloads = user_set_offloads,
	.close = user_close,
};

/* Smaller ones are slower only. */
static void set_buffer(int fd)
{
	const int size = SOCKET_BUFFER;

	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
}

int user_create(int fd, unsigned int n, struct net **out)
{
	struct user_net *user = calloc(1, sizeof(*user));

	if (!user) {
		close(fd);
		return -ENOMEM;
	}
	set_buffer(fd);
	user->n = n;
	user->net.ops = &user_ops;
	user->net.fd = fd;
	user->net.offloads = OFFLOADS;
	*out = &user->net;
	return 0;
}

/* ---- The program --------------------------------------------------------- */

/* Options of passt, with room for what each forward needs. */
struct arguments {
	unsigned int count;
	const char **argv;
	char mtu[16];
	char (*specs)[NETWORK_ADDR_SIZE + 16];
};

static void add(struct arguments *args, const char *option, const char *value)
{
	args->argv[args->count++] = option;
	args->argv[args->count++] = value;
}

/* -t and -u take ADDRESS/PORT:PORT. */
static void add_forwards(struct arguments *args,
			 const struct network_forward_list *list)
{
	bool udp = false;

	for (unsigned int i = 0; i < list->count; i++) {
		const struct network_forward *forward = &list->items[i];

		snprintf(args->specs[i], sizeof(args->specs[i]), "%s/%u:%u",
			 forward->addr, forward->host_port,
			 forward->guest_port);
		add(args, forward->udp ? "-u" : "-t", args->specs[i]);
		udp |= forward->udp;
	}
	/* Otherwise passt forwards UDP to where TCP goes. */
	if (!udp)
		add(args, "-u", "none");
}

/*
 * passt goes into the background when it is ready, and its first process ends;
 * with --fd it ends with the connection.
 */
static void fill(struct arguments *args, const struct network_config *config)
{
	args->argv[args->count++] = "passt";
	args->argv[args->count++] = "--quiet";
	snprintf(args->mtu, sizeof(args->mtu), "%u",
		 config->mtu ? config->mtu : DEFAULT_MTU);
	add(args, "--fd", "3");
	add(args, "--mtu", args->mtu);
	add_forwards(args, &config->forwards);
}

/* What passt has printed before it failed explains why. */
static int report(int ret, unsigned int n, const char *output)
{
	if (ret == -ENOENT)
		pr_fatal("network %u: there is no passt, which mode=user "
			 "needs: install the package passt (Debian)",
			 n);
	else if (ret < 0)
		pr_fatal("network %u: unable to start passt: %s", n,
			 strerror(-ret));
	else if (ret)
		pr_fatal("network %u: passt has failed, status %d: %s", n, ret,
			 *output ? output : "without a message");
	return ret > 0 ? -EIO : ret;
}

/* Its end of the socket is closed here, so that passt alone has it. */
static int start_passt(const struct network_config *config, unsigned int n,
		       int fd)
{
	unsigned int forwards = config->forwards.count;
	struct arguments args = { 0 };
	char output[RUN_OUTPUT] = "";
	int ret = -ENOMEM;

	args.argv = calloc(2UL * forwards + 16, sizeof(*args.argv));
	args.specs = calloc(forwards + 1UL, sizeof(*args.specs));
	if (args.argv && args.specs) {
		fill(&args, config);
		ret = run_program(args.argv, fd, output);
	}
	free(args.argv);
	free(args.specs);
	return report(ret, n, output);
}

/* One end of the pair is lkvm's, the other is inherited by passt. */
int user_open(const struct network_config *config, unsigned int n,
	      struct net **out)
{
	int fds[2], ret;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds)) {
		ret = -errno;
		pr_fatal("network %u: no socket for passt: %s", n,
			 strerror(-ret));
		return ret;
	}
	set_buffer(fds[1]);
	ret = start_passt(config, n, fds[1]);
	close(fds[1]);
	if (ret) {
		close(fds[0]);
		return ret;
	}
	ret = user_create(fds[0], n, out);
	if (ret)
		pr_fatal("out of memory");
	return ret;
}
