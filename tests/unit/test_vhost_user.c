/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: virtio/vhost_user.c virtio/vhost_user_message.c vmm/gmem.c */
/* SOURCES: tests/unit/vhost_user_peer.c */
/* WRAP: poll */
/* Sessions of vhost-user: with a daemon as it should be, and with others. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "vhost_user_peer.h"

#define RAM_GPA 0x80000000ULL

static struct {
	struct vhost_user_peer peer;
	struct vhost_user vu;
	struct gmem mem;
	struct virtq q;
	struct vhost_user_fds fds;
	int fd;
	atomic_bool stopping;
	u8 ram[SZ_4K], more[SZ_4K];
} t;

static int setup(void **state)
{
	(void)state;
	alarm(60);
	memset(&t, 0, sizeof(t));
	peer_init(&t.peer);
	t.fds.kick = eventfd(0, EFD_CLOEXEC);
	t.fds.call = eventfd(0, EFD_CLOEXEC);
	t.fds.err = eventfd(0, EFD_CLOEXEC);
	gmem_add(&t.mem, RAM_GPA, sizeof(t.ram), t.ram);
	gmem_add(&t.mem, RAM_GPA * 4, sizeof(t.more), t.more);
	gmem_share(&t.mem, RAM_GPA, t.fds.kick);
	gmem_share(&t.mem, RAM_GPA * 4, t.fds.call);
	t.q.size = 8;
	t.q.desc = t.ram;
	t.q.driver = t.ram + 1024;
	t.q.device = t.ram + 2048;
	t.fd = -1;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	peer_end(&t.peer);
	close(t.fd);
	close(t.fds.kick);
	close(t.fds.call);
	close(t.fds.err);
	alarm(0);
	return 0;
}

static int open_session(void)
{
	t.fd = peer_start(&t.peer);
	return vhost_user_open(&t.vu, t.fd, &t.stopping);
}

static int set_up(void)
{
	return vhost_user_setup(&t.vu, VIRTQ_F_VERSION_1, &t.mem);
}

/* ---- As it should be ----------------------------------------------------- */

static void session(void **state)
{
	(void)state;
	assert_int_equal(open_session(), 0);
	assert_int_equal(t.vu.nr_queues, 2);
	assert_int_equal(t.vu.features, t.peer.features);
	assert_int_equal(t.peer.set_protocol, 9);
	assert_int_equal(t.peer.count[VHOST_USER_SET_OWNER], 1);
	assert_int_equal(set_up(), 0);
	assert_int_equal(t.peer.set_features, VIRTQ_F_VERSION_1 | BIT(30));
	assert_int_equal(t.peer.memory.nr_regions, 2);
	assert_int_equal(t.peer.memory_fds, 2);
	for (u32 i = 0; i < 2; i++) {
		assert_int_equal(t.peer.memory.regions[i].gpa,
				 i ? RAM_GPA * 4 : RAM_GPA);
		assert_int_equal(t.peer.memory.regions[i].size, SZ_4K);
		assert_int_equal(t.peer.memory.regions[i].hva,
				 (uintptr_t)(i ? t.more : t.ram));
		assert_int_equal(t.peer.memory.regions[i].offset, 0);
	}
	assert_int_equal(t.peer.unconfirmed + t.peer.odd, 0);
}

static void queues(void **state)
{
	const struct vhost_user_addr *addr = &t.peer.queues[1].addr;

	(void)state;
	assert_int_equal(open_session(), 0);
	assert_int_equal(set_up(), 0);
	t.q.avail = 65535;
	for (u32 i = 0; i < 2; i++) {
		assert_int_equal(vhost_user_start_queue(&t.vu, 1, &t.q, &t.fds),
				 0);
		assert_int_equal(t.peer.queues[1].num, 8);
		assert_int_equal(t.peer.queues[1].base, i ? 2 : 65535);
		assert_int_equal(t.peer.queues[1].enabled, 1);
		assert_int_equal(addr->desc, (uintptr_t)t.q.desc);
		assert_int_equal(addr->avail, (uintptr_t)t.q.driver);
		assert_int_equal(addr->used, (uintptr_t)t.q.device);
		assert_int_equal(addr->flags, 0);
		assert_int_equal(eventfd_write(t.fds.kick, 1), 0);
		peer_await_kick(&t.peer, 1);
		t.peer.queues[1].taken = 2;
		assert_int_equal(vhost_user_stop_queue(&t.vu, 1, &t.q), 0);
		assert_int_equal(t.q.avail, 2);
		assert_int_equal(t.q.used, 2);
	}
	assert_int_equal(t.peer.unconfirmed + t.peer.odd, 0);
	assert_false(t.vu.failed);
}

static void one_queue(void **state)
{
	(void)state;
	t.peer.protocol = VHOST_USER_PROTOCOL_F_REPLY_ACK;
	assert_int_equal(open_session(), 0);
	assert_int_equal(t.vu.nr_queues, 0);
	assert_int_equal(t.peer.set_protocol, 8);
	assert_int_equal(t.peer.count[VHOST_USER_GET_QUEUE_NUM], 0);
}

static void slow(void **state)
{
	(void)state;
	t.peer.fault_at = VHOST_USER_GET_FEATURES;
	t.peer.fault = PEER_SLOW;
	assert_int_equal(open_session(), 0);
	assert_int_equal(t.vu.features, t.peer.features);
}

/* ---- Others -------------------------------------------------------------- */

static void require_failed(const char *why, bool closed)
{
	u8 rest[64];
	ssize_t n;

	assert_true(t.vu.failed);
	assert_int_equal(t.vu.closed, closed);
	if (strcmp(t.vu.why, why) != 0)
		fail_msg("\"%s\" instead of \"%s\"", t.vu.why, why);
	do {
		n = recv(t.fd, rest, sizeof(rest), MSG_DONTWAIT);
	} while (n > 0);
	assert_int_equal(n, 0);
	/* For good, at once. */
	peer_longest_wait = 0;
	assert_int_equal(vhost_user_stop_queue(&t.vu, 1, &t.q), -EPIPE);
	assert_int_equal(set_up(), -EPIPE);
	assert_string_equal(t.vu.why, why);
	assert_int_equal(peer_longest_wait, 0);
}

static void lacking(void **state)
{
	(void)state;
	t.peer.features &= ~VIRTQ_F_VERSION_1;
	assert_int_equal(open_session(), -ENOTSUP);
	require_failed("has no VERSION_1 of virtio, which is needed", false);
}

static void lacking_protocol(void **state)
{
	(void)state;
	t.peer.features &= ~VHOST_USER_F_PROTOCOL_FEATURES;
	assert_int_equal(open_session(), -ENOTSUP);
	require_failed("has no PROTOCOL_FEATURES of vhost-user, which is "
		       "needed",
		       false);
}

static void lacking_confirmation(void **state)
{
	(void)state;
	t.peer.protocol = 1;
	assert_int_equal(open_session(), -ENOTSUP);
	require_failed("has no REPLY_ACK of vhost-user, which is needed",
		       false);
}

static void lacking_queues(void **state)
{
	(void)state;
	t.peer.nr_queues = 0;
	assert_int_equal(open_session(), -ENOTSUP);
	require_failed("has no queues, which is needed", false);
}

/* RAM of lkvm alone is not handed out. */
static void private_memory(void **state)
{
	(void)state;
	assert_int_equal(open_session(), 0);
	t.mem.regions[1].shared = false;
	assert_int_equal(set_up(), -EINVAL);
	assert_int_equal(t.peer.count[VHOST_USER_SET_MEM_TABLE], 0);
	require_failed("cannot have the guest's RAM", false);
}

struct fault {
	enum peer_fault fault;
	int err;
	const char *why;
};

#define NO_SENSE "gives an answer that makes no sense"

static const struct fault faults[] = {
	{ PEER_IS_SILENT, -ETIMEDOUT, "does not answer" },
	{ PEER_ENDS, -EPIPE, "has closed the connection" },
	{ PEER_STOPS, -EPIPE, "has closed the connection" },
	{ PEER_OTHER, -EPROTO, NO_SENSE },
	{ PEER_REQUEST, -EPROTO, NO_SENSE },
	{ PEER_VERSION, -EPROTO, NO_SENSE },
	{ PEER_SHORT, -EPROTO, NO_SENSE },
	{ PEER_LONG, -EPROTO, NO_SENSE },
};

/* All steps up to the one that goes wrong; its result. */
static int go(void)
{
	int ret = open_session();

	if (!ret)
		ret = set_up();
	if (!ret)
		ret = vhost_user_start_queue(&t.vu, 1, &t.q, &t.fds);
	return ret ? ret : vhost_user_stop_queue(&t.vu, 1, &t.q);
}

static void try_fault(u32 request, const char *name, const struct fault *fault)
{
	char why[96];

	setup(NULL);
	t.peer.fault_at = request;
	t.peer.fault = fault->fault;
	assert_int_equal(go(), fault->err);
	if (fault->err == -EPIPE)
		snprintf(why, sizeof(why), "%s", fault->why);
	else
		snprintf(why, sizeof(why), "%s (%s)", fault->why, name);
	require_failed(why, fault->err == -EPIPE);
	teardown(NULL);
}

static const struct {
	u32 request;
	const char *name;
} requests[] = {
	{ VHOST_USER_GET_FEATURES, "GET_FEATURES" },
	{ VHOST_USER_GET_PROTOCOL_FEATURES, "GET_PROTOCOL_FEATURES" },
	{ VHOST_USER_GET_QUEUE_NUM, "GET_QUEUE_NUM" },
	{ VHOST_USER_SET_OWNER, "SET_OWNER" },
	{ VHOST_USER_SET_FEATURES, "SET_FEATURES" },
	{ VHOST_USER_SET_MEM_TABLE, "SET_MEM_TABLE" },
	{ VHOST_USER_SET_VRING_NUM, "SET_VRING_NUM" },
	{ VHOST_USER_SET_VRING_BASE, "SET_VRING_BASE" },
	{ VHOST_USER_SET_VRING_ADDR, "SET_VRING_ADDR" },
	{ VHOST_USER_SET_VRING_ERR, "SET_VRING_ERR" },
	{ VHOST_USER_SET_VRING_CALL, "SET_VRING_CALL" },
	{ VHOST_USER_SET_VRING_KICK, "SET_VRING_KICK" },
	{ VHOST_USER_SET_VRING_ENABLE, "SET_VRING_ENABLE" },
	{ VHOST_USER_GET_VRING_BASE, "GET_VRING_BASE" },
};

static void each_fault_of_each_answer(void **state)
{
	(void)state;
	teardown(NULL);
	for (size_t i = 0; i < ARRAY_SIZE(requests); i++)
		for (size_t j = 0; j < ARRAY_SIZE(faults); j++)
			try_fault(requests[i].request, requests[i].name,
				  &faults[j]);
	setup(NULL);
}

static void refused(void **state)
{
	static const struct fault fault = { PEER_REFUSES, -EREMOTEIO,
					    "refuses a request" };

	(void)state;
	teardown(NULL);
	for (size_t i = 3; i + 1 < ARRAY_SIZE(requests); i++)
		try_fault(requests[i].request, requests[i].name, &fault);
	setup(NULL);
}

static void another_queue(void **state)
{
	static const struct fault fault = { PEER_QUEUE, -EPROTO, NO_SENSE };

	(void)state;
	teardown(NULL);
	try_fault(VHOST_USER_GET_VRING_BASE, "GET_VRING_BASE", &fault);
	setup(NULL);
}

/* Answers to nothing: the next one is not what is waited for. */
static void unasked(void **state)
{
	(void)state;
	assert_int_equal(open_session(), 0);
	assert_int_equal(send(t.peer.fd, "\1\0\0\0\5\0\0\0\10\0\0\0\0\0\0\0",
			      16, 0),
			 16);
	assert_int_equal(set_up(), -EPROTO);
	require_failed("gives an answer that makes no sense (SET_FEATURES)",
		       false);
}

/* ---- Waiting ------------------------------------------------------------- */

static void silent(void **state)
{
	(void)state;
	t.peer.fault_at = VHOST_USER_SET_MEM_TABLE;
	t.peer.fault = PEER_IS_SILENT;
	assert_int_equal(open_session(), 0);
	peer_longest_wait = 0;
	assert_int_equal(set_up(), -ETIMEDOUT);
	assert_in_range(peer_longest_wait, VHOST_USER_WAIT_MS - 1000,
			VHOST_USER_WAIT_MS);
}

/* At the end of the run there is less time, also for one who waits already. */
static void silent_at_the_end(void **state)
{
	(void)state;
	t.peer.fault_at = VHOST_USER_SET_MEM_TABLE;
	t.peer.fault = PEER_IS_SILENT;
	assert_int_equal(open_session(), 0);
	t.stopping = true;
	peer_longest_wait = 0;
	peer_interrupts = 3;
	assert_int_equal(set_up(), -ETIMEDOUT);
	assert_in_range(peer_longest_wait, VHOST_USER_WAIT_END_MS - 1000,
			VHOST_USER_WAIT_END_MS);
	assert_int_equal(peer_interrupts, 0);
}

/* Not for each of them. */
static void time_for_all(void **state)
{
	(void)state;
	assert_int_equal(open_session(), 0);
	t.vu.begin -= VHOST_USER_WAIT_MS - 2000;
	peer_longest_wait = 0;
	t.peer.fault_at = VHOST_USER_SET_MEM_TABLE;
	t.peer.fault = PEER_IS_SILENT;
	assert_int_equal(set_up(), -ETIMEDOUT);
	assert_in_range(peer_longest_wait, 100, 2000);
}

static void interrupted(void **state)
{
	(void)state;
	t.fd = peer_start(&t.peer);
	peer_interrupts = 2;
	assert_int_equal(vhost_user_open(&t.vu, t.fd, NULL), 0);
}

#define SESSION_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		SESSION_TEST(session),
		SESSION_TEST(queues),
		SESSION_TEST(one_queue),
		SESSION_TEST(slow),
		SESSION_TEST(lacking),
		SESSION_TEST(lacking_protocol),
		SESSION_TEST(lacking_confirmation),
		SESSION_TEST(lacking_queues),
		SESSION_TEST(private_memory),
		SESSION_TEST(each_fault_of_each_answer),
		SESSION_TEST(refused),
		SESSION_TEST(another_queue),
		SESSION_TEST(unasked),
		SESSION_TEST(silent),
		SESSION_TEST(silent_at_the_end),
		SESSION_TEST(time_for_all),
		SESSION_TEST(interrupted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
