/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: net/user.c util/run_program.c util/iov.c net/checksum.c */
/* SOURCES: net/tcp.c net/tcp_split.c net/tcp_merge.c */
/* SOURCES: tests/unit/flash_fixture.c */
/* WRAP: poll setsockopt */
/*
 * A network by passt: frames on the stream, whatever that is cut into; how the
 * program is started, with a script in its place; and how it ends.
 */
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "flash_fixture.h"
#include "lkvm/net/net.h"
#include "lkvm/util/run_program.h"
#include "net/net.h"

#define PATIENCE 60
#define F(name)	 BIT(VIRTIO_NET_F_##name)
#define SEND_MAX 65535U /* what passt takes */

static struct net *net;
static int peer;
static unsigned int polls; /* for room */
static int last_timeout;   /* of these */
static bool no_room;	   /* these time out at once */
static char folder[64];
static char *old_path;

static unsigned int buffers; /* sockets with one that is larger */

int __real_setsockopt(int fd, int level, int name, const void *value,
		      socklen_t len);
int __wrap_setsockopt(int fd, int level, int name, const void *value,
		      socklen_t len);

int __wrap_setsockopt(int fd, int level, int name, const void *value,
		      socklen_t len)
{
	int size;

	memcpy(&size, value, sizeof(size));
	buffers += name == SO_SNDBUF && size >= (int)SZ_1M;
	return __real_setsockopt(fd, level, name, value, len);
}

int __real_poll(struct pollfd *fds, nfds_t n, int timeout);
int __wrap_poll(struct pollfd *fds, nfds_t n, int timeout);

int __wrap_poll(struct pollfd *fds, nfds_t n, int timeout)
{
	assert_true(timeout >= 0 && timeout <= 100);
	polls++;
	last_timeout = timeout;
	return no_room ? 0 : __real_poll(fds, n, timeout);
}

static int setup(void **state)
{
	int fds[2];

	(void)state;
	alarm(PATIENCE);
	forget_messages();
	polls = 0;
	no_room = false;
	assert_int_equal(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	peer = fds[1];
	return user_create(fds[0], 4, &net);
}

static int teardown(void **state)
{
	(void)state;
	net->ops->close(net);
	if (peer >= 0)
		close(peer);
	alarm(0);
	return 0;
}

static void fill(u8 *buf, size_t len, u32 seed)
{
	for (size_t i = 0; i < len; i++) {
		seed = seed * 1664525 + 1013904223;
		buf[i] = (u8)(seed >> 24);
	}
}

/* ---- From passt ---------------------------------------------------------- */

static void put(const void *data, size_t len)
{
	assert_int_equal(write(peer, data, len), len);
}

static void put_frame(u32 len, u32 seed)
{
	u8 *all = malloc(len + 4UL);
	u32 length = htobe32(len);

	memcpy(all, &length, 4);
	fill(all + 4, len, seed);
	put(all, len + 4UL);
	free(all);
}

static void expect_frame(u32 len, u32 seed)
{
	static const struct virtio_net_hdr_v1 zero;
	struct net_frame frame;
	u8 *want = malloc(len);

	memset(&frame, 0xa5, sizeof(frame));
	assert_int_equal(net->ops->receive(net, &frame), 1);
	fill(want, len, seed);
	assert_int_equal(frame.len, len);
	assert_memory_equal(frame.data, want, len);
	assert_memory_equal(&frame.header, &zero, sizeof(zero));
	free(want);
}

static void expect_none(void)
{
	struct net_frame frame;

	assert_int_equal(net->ops->receive(net, &frame), 0);
}

static void frames(void **state)
{
	(void)state;
	expect_none();
	for (u32 i = 0; i < 40; i++)
		put_frame(14 + i * 7, i);
	for (u32 i = 0; i < 40; i++)
		expect_frame(14 + i * 7, i);
	expect_none();
	for (u32 i = 0; i < 20; i++) {
		put_frame(NET_FRAME_MAX, i);
		expect_frame(NET_FRAME_MAX, i);
		put_frame(1514, i);
		put_frame(NET_FRAME_MAX - i, i);
		expect_frame(1514, i);
		expect_frame(NET_FRAME_MAX - i, i);
	}
	expect_none();
}

/* A segment of 4 bytes, as little as it can be; the `n`th of a connection. */
static void put_segment(u8 n)
{
	u8 data[4 + 58] = { [3] = 58,	     [4 + 12] = 8,   [4 + 14] = 0x45,
			    [4 + 17] = 44,   [4 + 23] = 6,   [4 + 41] = n * 4,
			    [4 + 46] = 0x50, [4 + 47] = 0x10 };

	memset(data + sizeof(data) - 4, n, 4);
	put(data, sizeof(data));
}

static void expect_segments(u8 gso_type, u32 len, u8 first, u8 last)
{
	struct net_frame frame;

	assert_int_equal(net->ops->receive(net, &frame), 1);
	assert_int_equal(frame.header.gso_type, gso_type);
	assert_int_equal(frame.len, len);
	assert_int_equal(frame.data[54], first);
	assert_int_equal(frame.data[len - 1], last);
}

/* Those that are there; if the guest wants that, and until it is reset. */
static void segments(void **state)
{
	const u64 features = F(GUEST_CSUM) | F(GUEST_TSO4);

	(void)state;
	net->ops->set_offloads(net, features);
	for (u8 i = 0; i < 5; i++)
		put_segment(i);
	put_frame(60, 1);
	put_segment(5);
	expect_segments(VIRTIO_NET_HDR_GSO_TCPV4, 58 + 4 * 4, 0, 4);
	expect_frame(60, 1);
	expect_segments(VIRTIO_NET_HDR_GSO_NONE, 58, 5, 5);
	expect_none();
	net->ops->set_offloads(net, 0);
	put_segment(6);
	put_segment(7);
	expect_segments(VIRTIO_NET_HDR_GSO_NONE, 58, 6, 6);
	expect_segments(VIRTIO_NET_HDR_GSO_NONE, 58, 7, 7);
	expect_none();
}

/* What is broken behind segments does not keep the guest from them. */
static void segments_before_an_error(void **state)
{
	struct net_frame frame;

	(void)state;
	net->ops->set_offloads(net, F(GUEST_CSUM) | F(GUEST_TSO4));
	put_segment(0);
	put_segment(1);
	put("\0\0\0\1", 4);
	expect_segments(VIRTIO_NET_HDR_GSO_TCPV4, 58 + 4, 0, 1);
	assert_int_equal(net->ops->receive(net, &frame), -EPROTO);
	assert_said("passt sends what is no frame");
}

/* One byte at a time, and up to each byte of the next length. */
static void in_parts(void **state)
{
	u8 all[2 * 104];
	u32 length = htobe32(100);

	(void)state;
	for (u32 i = 0; i < 2; i++) {
		memcpy(all + i * 104, &length, 4);
		fill(all + i * 104 + 4, 100, i);
	}
	for (u32 i = 0; i < 104; i++) {
		expect_none();
		put(all + i, 1);
	}
	expect_frame(100, 0);
	for (u32 cut = 104; cut < 208; cut++) {
		put(all, cut);
		expect_frame(100, 0);
		expect_none();
		put(all + cut, sizeof(all) - cut);
		expect_frame(100, 1);
		expect_none();
	}
}

/* The end of the network, with one message; passt sees it, too. */
static void bad_length(u32 len)
{
	struct net_frame frame;
	u32 length = htobe32(len);
	char byte;

	put_frame(60, 1);
	put(&length, 4);
	expect_frame(60, 1);
	assert_int_equal(net->ops->receive(net, &frame), -EPROTO);
	assert_said("network 4: passt sends what is no frame; the guest's link "
		    "is down");
	assert_int_equal(read(peer, &byte, 1), 0);
}

static void too_short(void **state)
{
	(void)state;
	bad_length(NET_FRAME_MIN - 1);
}

static void empty(void **state)
{
	(void)state;
	bad_length(0);
}

static void too_long(void **state)
{
	(void)state;
	bad_length(NET_FRAME_MAX + 1);
}

static void longest_number(void **state)
{
	(void)state;
	bad_length(UINT32_MAX);
}

static void passt_ends(void **state)
{
	struct net_frame frame;
	struct virtio_net_hdr_v1 header = { 0 };
	u8 data[60] = { 0 };
	struct iovec iov = { data, sizeof(data) };

	(void)state;
	put_frame(60, 1);
	put("\0\0\0", 3);
	close(peer);
	peer = -1;
	expect_frame(60, 1);
	assert_int_equal(net->ops->receive(net, &frame), -EPIPE);
	assert_said("network 4: passt has ended; the guest's link is down");
	/* Without a signal. */
	assert_int_equal(net->ops->send(net, &header, &iov, 1, 60), -EPIPE);
}

/* ---- To passt ------------------------------------------------------------ */

static int send_frame(u32 len, u32 seed, u32 parts)
{
	/* Nothing is to be done. */
	struct virtio_net_hdr_v1 header = {
		.flags = (u8)~VIRTIO_NET_HDR_F_NEEDS_CSUM, .csum_start = 1
	};
	struct iovec iov[NET_MAX_IOV];
	u8 *data = malloc(len);
	u32 each = len / parts, done = 0;
	int ret;

	fill(data, len, seed);
	for (u32 i = 0; i < parts; i++) {
		iov[i].iov_base = data + done;
		iov[i].iov_len = i + 1 == parts ? len - done : each;
		done += (u32)iov[i].iov_len;
	}
	ret = net->ops->send(net, &header, iov, parts, len);
	free(data);
	return ret;
}

static void get(void *data, size_t len)
{
	u8 *at = data;

	while (len) {
		ssize_t n = read(peer, at, len);

		assert_true(n > 0);
		at += n;
		len -= (size_t)n;
	}
}

static void get_frame(u32 len, u32 seed)
{
	u8 *want = malloc(len), *got = malloc(len);
	u32 length;

	get(&length, 4);
	assert_int_equal(be32toh(length), len);
	get(got, len);
	fill(want, len, seed);
	assert_memory_equal(got, want, len);
	free(want);
	free(got);
}

static void sent(void **state)
{
	(void)state;
	for (u32 i = 0; i < 100; i++) {
		assert_int_equal(send_frame(14 + i * 15, i, 1 + i % 14), 0);
		get_frame(14 + i * 15, i);
	}
	assert_int_equal(send_frame(SEND_MAX, 1, NET_MAX_IOV), 0);
	get_frame(SEND_MAX, 1);
	assert_int_equal(polls, 0);
	/* passt would end for it. */
	assert_int_equal(send_frame(SEND_MAX + 1, 1, 3), -EMSGSIZE);
	assert_int_equal(send_frame(60, 2, 3), 0);
	get_frame(60, 2);
}

/* Two frames of one that passt would not take. */
static void sent_as_two(void **state)
{
	struct virtio_net_hdr_v1 header = {
		.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
		.gso_type = VIRTIO_NET_HDR_GSO_TCPV4,
		.gso_size = htole16(1000),
		.csum_start = htole16(34),
		.csum_offset = htole16(16),
	};
	static u8 data[54 + 65500], got[SEND_MAX];
	struct iovec iov = { data, sizeof(data) };
	u32 length;

	(void)state;
	memcpy(data + 12, "\x08\x00\x45", 3);
	data[46] = 0x50;
	assert_int_equal(net->ops->send(net, &header, &iov, 1, sizeof(data)),
			 0);
	get(&length, 4);
	assert_int_equal(be32toh(length), 54 + 65000);
	get(got, 54 + 65000);
	get(&length, 4);
	assert_int_equal(be32toh(length), 54 + 500);
	get(got, 54 + 500);
	/* The sequence number, 65000. */
	assert_memory_equal(got + 38, "\0\0\xfd\xe8", 4);
	header.gso_size = 0;
	assert_int_equal(net->ops->send(net, &header, &iov, 1, sizeof(data)),
			 -EINVAL);
}

static void small_socket(void)
{
	const int size = 4608;

	assert_int_equal(setsockopt(net->fd, SOL_SOCKET, SO_SNDBUF, &size,
				    sizeof(size)),
			 0);
}

/* Frames that are longer than what fits into the socket at once. */
static void *reader(void *arg)
{
	(void)arg;
	for (u32 i = 0; i < 50; i++)
		get_frame(SEND_MAX - i, i);
	return NULL;
}

static void sent_in_parts(void **state)
{
	pthread_t thread;

	(void)state;
	small_socket();
	assert_int_equal(pthread_create(&thread, NULL, reader, NULL), 0);
	for (u32 i = 0; i < 50; i++)
		assert_int_equal(send_frame(SEND_MAX - i, i, 3), 0);
	pthread_join(thread, NULL);
	assert_true(polls > 0);
}

static void *reader_of_the_rest(void *arg)
{
	(void)arg;
	get_frame(30000, 0);
	get_frame(200, 77);
	return NULL;
}

/*
 * A passt that stands still: frames are lost as a whole, and what it gets when
 * it goes on is in step. It is waited for once.
 */
static void passt_stands_still(void **state)
{
	pthread_t thread;

	(void)state;
	small_socket();
	no_room = true;
	/* This one fits in part, which counts. */
	assert_int_equal(send_frame(30000, 0, 2), 0);
	assert_int_equal(last_timeout, 100);
	assert_int_equal(send_frame(3000, 1, 2), -EAGAIN);
	assert_int_equal(last_timeout, 0);
	assert_int_equal(send_frame(100, 1, 1), -EAGAIN);
	assert_int_equal(polls, 3);
	no_room = false;
	assert_int_equal(
		pthread_create(&thread, NULL, reader_of_the_rest, NULL), 0);
	while (send_frame(200, 77, 1))
		sched_yield();
	pthread_join(thread, NULL);
	assert_int_equal(send_frame(60, 5, 1), 0);
	get_frame(60, 5);
	/* It is waited for again. */
	no_room = true;
	assert_int_equal(send_frame(30000, 6, 1), 0);
	assert_int_equal(last_timeout, 100);
}

/* ---- The program --------------------------------------------------------- */

/* In the place of passt: says how it was started, and returns each frame. */
static void make_passt(const char *text)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "%s/passt", folder);
	f = fopen(path, "w");
	assert_non_null(f);
	fprintf(f, "#!/bin/sh\ncd %s\n%s\n", folder, text);
	fclose(f);
	assert_int_equal(chmod(path, 0755), 0);
}

static int start_setup(void **state)
{
	char path[1024];

	setup(state);
	strcpy(folder, "/tmp/lkvm-passt.XXXXXX");
	assert_non_null(mkdtemp(folder));
	old_path = strdup(getenv("PATH"));
	snprintf(path, sizeof(path), "%s:%s", folder, old_path);
	return setenv("PATH", path, 1);
}

static int start_teardown(void **state)
{
	char command[128];

	setenv("PATH", old_path, 1);
	free(old_path);
	snprintf(command, sizeof(command), "rm -rf %s", folder);
	assert_int_equal(system(command), 0);
	return teardown(state);
}

static void expect_file(const char *name, const char *want)
{
	char path[128], got[512] = "";
	FILE *f = NULL;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	while (!f) {
		f = fopen(path, "r");
		sched_yield();
	}
	assert_true(fread(got, 1, sizeof(got) - 1, f) > 0);
	fclose(f);
	assert_string_equal(got, want);
}

#define ECHO                  \
	"echo \"$@\" >args\n" \
	"(cat <&3 >&3; echo ended >.end; mv .end end) >/dev/null 2>&1 &\n"

static void check_start(const struct network_config *config, const char *args)
{
	make_passt(ECHO);
	net->ops->close(net);
	buffers = 0;
	assert_int_equal(user_open(config, 1, &net), 0);
	assert_string_equal(messages, "");
	/* Both ends: passt drops what does not fit into its own. */
	assert_int_equal(buffers, 2);
	expect_file("args", args);
	assert_int_equal(net->offloads, F(CSUM) | F(HOST_TSO4) | F(HOST_TSO6) |
						F(GUEST_CSUM) | F(GUEST_TSO4) |
						F(GUEST_TSO6));
	assert_int_equal(fcntl(net->fd, F_GETFD), FD_CLOEXEC);
}

static void start(void **state)
{
	const struct network_config config = { .mode = NETWORK_USER };
	struct net_frame frame;

	(void)state;
	check_start(&config, "--quiet --fd 3 --mtu 1500 -u none\n");
	assert_int_equal(send_frame(1000, 3, 2), 0);
	while (!net->ops->receive(net, &frame))
		sched_yield();
	assert_int_equal(frame.len, 1000);
	/* It ends with the connection, of which nobody else has our end. */
	net->ops->close(net);
	expect_file("end", "ended\n");
	setup(NULL);
}

static void start_with_options(void **state)
{
	struct network_forward forwards[] = {
		{ false, "127.0.0.1", 2222, 22 },
		{ false, "::1", 80, 8080 },
		{ true, "0.0.0.0", 53, 5353 },
	};
	const struct network_config config = {
		.mode = NETWORK_USER,
		.mtu = 65520,
		.forwards = { forwards, 3 },
	};

	(void)state;
	check_start(&config, "--quiet --fd 3 --mtu 65520 -t 127.0.0.1/2222:22 "
			     "-t ::1/80:8080 -u 0.0.0.0/53:5353\n");
}

/* What the program has said last is the reason. */
static void passt_fails(void **state)
{
	const struct network_config config = { .mode = NETWORK_USER };
	struct net *other;

	(void)state;
	make_passt("echo first; echo 'port is in use' >&2; exit 3");
	assert_int_equal(user_open(&config, 2, &other), -EIO);
	assert_said("network 2: passt has failed, status 3: port is in use");
	assert_int_equal(nr_fatal, 1);
	forget_messages();
	make_passt("exit 1");
	assert_int_equal(user_open(&config, 2, &other), -EIO);
	assert_said("status 1: without a message");
	forget_messages();
	make_passt("kill -KILL $$");
	assert_int_equal(user_open(&config, 2, &other), -EIO);
	assert_said("status 137: ");
	forget_messages();
	/* More than is kept. */
	make_passt("yes | head -c 200000 2>/dev/null; exit 1");
	assert_int_equal(user_open(&config, 2, &other), -EIO);
	assert_said("status 1: y");
}

static void no_passt(void **state)
{
	const struct network_config config = { .mode = NETWORK_USER };
	struct net *other;

	(void)state;
	setenv("PATH", folder, 1);
	assert_int_equal(user_open(&config, 0, &other), -ENOENT);
	assert_said("install the package passt");
	assert_int_equal(nr_fatal, 1);
}

/* What lkvm has changed for itself is as it was for the program. */
static void signals(void **state)
{
	const char *const argv[] = { "passt", NULL };
	unsigned long long blocked, ignored;
	char output[RUN_OUTPUT];
	sigset_t some;

	(void)state;
	make_passt("echo $(sed -n 's/Sig[BI][lg][kn]:.//p' /proc/self/status)");
	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&some);
	sigaddset(&some, SIGUSR1);
	sigprocmask(SIG_BLOCK, &some, NULL);
	assert_int_equal(run_program(argv, -1, output), 0);
	sigprocmask(SIG_UNBLOCK, &some, NULL);
	signal(SIGPIPE, SIG_DFL);
	assert_int_equal(sscanf(output, "%llx %llx", &blocked, &ignored), 2);
	assert_int_equal(blocked, 0);
	assert_int_equal(ignored >> (SIGPIPE - 1) & 1, 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
#define START_TEST(f) \
	cmocka_unit_test_setup_teardown(f, start_setup, start_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(frames),
		TEST(segments),
		TEST(segments_before_an_error),
		TEST(in_parts),
		TEST(too_short),
		TEST(empty),
		TEST(too_long),
		TEST(longest_number),
		TEST(passt_ends),
		TEST(sent),
		TEST(sent_as_two),
		TEST(sent_in_parts),
		TEST(passt_stands_still),
		START_TEST(start),
		START_TEST(start_with_options),
		START_TEST(passt_fails),
		START_TEST(no_passt),
		START_TEST(signals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
