/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: share/p9_*.c util/iov.c tests/unit/p9_rig.c */
/* WRAP: calloc */
/* Sessions of 9p, what holds of all messages, and fids. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "p9_rig.h"

static bool no_memory;

void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);

void *__wrap_calloc(size_t n, size_t size)
{
	return no_memory ? NULL : __real_calloc(n, size);
}

static u64 fids(void)
{
	return p9_server_stats(rig.server)->fids;
}

/* ---- The session --------------------------------------------------------- */

static void versions(void **state)
{
	static const char *const others[] = { "9P2000", "9P2000.u",
					      "9P2000.L.x", "", "9p2000.l" };

	(void)state;
	assert_int_equal(p9_do(&rig, P9_TVERSION, "ds", 8192, "9P2000.L"), 0);
	assert_int_equal(p9_get(&rig, 4), 8192);
	assert_string_equal(p9_get_string(&rig), "9P2000.L");
	assert_int_equal(p9_do(&rig, P9_TVERSION, "ds", UINT32_MAX, "9P2000.L"),
			 0);
	assert_int_equal(p9_get(&rig, 4), P9_MAX_MSIZE);
	assert_int_equal(p9_do(&rig, P9_TVERSION, "ds", 4095, "9P2000.L"),
			 EMSGSIZE);
	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		assert_int_equal(
			p9_do(&rig, P9_TVERSION, "ds", 8192, others[i]), 0);
		p9_get(&rig, 4);
		assert_string_equal(p9_get_string(&rig), "unknown");
		/* There is no session then. */
		assert_int_equal(p9_do(&rig, P9_TATTACH, "ddssd", 0, NOBODY,
				       "root", "", 0),
				 EPROTO);
	}
}

static void version_ends_session(void **state)
{
	(void)state;
	assert_int_equal(p9_go(&rig, 0, 1, ""), 0);
	assert_int_equal(fids(), 2);
	assert_int_equal(p9_do(&rig, P9_TVERSION, "ds", 8192, "9P2000.L"), 0);
	assert_int_equal(fids(), 0);
	assert_int_equal(p9_go(&rig, 0, 1, ""), EBADF);
	p9_server_reset(rig.server);
	assert_int_equal(p9_go(&rig, 0, 1, ""), EPROTO);
}

static void attach(void **state)
{
	struct p9_qid first, again;
	struct stat st;

	(void)state;
	assert_int_equal(
		p9_do(&rig, P9_TATTACH, "ddssd", 7, NOBODY, "me", "/", 5), 0);
	first = p9_get_qid(&rig);
	assert_int_equal(first.type, DIRECTORY);
	assert_int_equal(fstat(rig.share, &st), 0);
	assert_true(first.path == st.st_ino);
	assert_int_equal(p9_do(&rig, P9_TATTACH, "ddssd", 8, NOBODY, "", "", 5),
			 0);
	again = p9_get_qid(&rig);
	assert_memory_equal(&first.path, &again.path, sizeof(first.path));
	/* Numbers in use, no number, authentication, another tree. */
	assert_int_equal(p9_do(&rig, P9_TATTACH, "ddssd", 8, NOBODY, "", "", 5),
			 EINVAL);
	assert_int_equal(p9_do(&rig, P9_TATTACH, "ddssd", NOBODY, NOBODY, "",
			       "", 5),
			 EINVAL);
	assert_int_equal(p9_do(&rig, P9_TATTACH, "ddssd", 9, 8, "", "", 5),
			 EBADF);
	assert_int_equal(p9_do(&rig, P9_TATTACH, "ddssd", 9, NOBODY, "", "/etc",
			       5),
			 ENOENT);
	assert_int_equal(fids(), 3);
}

static void flush(void **state)
{
	(void)state;
	assert_int_equal(p9_do(&rig, P9_TFLUSH, "w", 1), 0);
	assert_int_equal(rig.size, 7);
}

/* ---- Messages ------------------------------------------------------------ */

static void unknown_types(void **state)
{
	(void)state;
	for (int type = 0; type < 256; type++) {
		bool known = type == P9_TVERSION || type == P9_TFLUSH;

		/* All others have fields, or do not exist. */
		assert_int_not_equal(p9_do(&rig, (u8)type, known ? "b" : "", 0),
				     0);
	}
	assert_int_equal(p9_do(&rig, 102, "dssd", 0, "", "", 0), EOPNOTSUPP);
	assert_int_equal(p9_do(&rig, 7, "d", 0), EOPNOTSUPP);
	assert_int_equal(p9_do(&rig, 255, ""), EOPNOTSUPP);
}

static void set_size(u32 size)
{
	memcpy(rig.request, &size, sizeof(size));
}

static u32 make(u8 type, const char *format, ...)
{
	va_list args;
	u32 len;

	va_start(args, format);
	len = p9_make(&rig, type, format, args);
	va_end(args);
	return len;
}

static int error_of(s64 size)
{
	assert_int_equal(size, 11);
	assert_int_equal(rig.type, P9_RLERROR);
	return (int)p9_get(&rig, 4);
}

/* What the header says has to be there, all of it and no more than fields. */
static void sizes(void **state)
{
	static const u32 bad[] = { 0, 1, 6, 12, 15, 0x7fffffff };
	u32 len;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		len = make(P9_TGETATTR, "dq", 0, 0ULL);
		set_size(bad[i]);
		assert_int_equal(error_of(p9_send(&rig, len)),
				 bad[i] > SZ_1M ? EMSGSIZE : EPROTO);
	}
	len = make(P9_TGETATTR, "dq", 0, 0ULL);
	assert_int_equal(error_of(p9_send(&rig, len - 1)), EPROTO);
	/* What is behind it in the buffer is no part of it. */
	assert_int_equal(p9_send(&rig, len + 1), 160);
	assert_int_equal(p9_do(&rig, P9_TGETATTR, "dqb", 0, 0ULL, 0), EPROTO);
	assert_int_equal(p9_do(&rig, P9_TGETATTR, "dd", 0, 0), EPROTO);
}

static void larger_than_msize(void **state)
{
	static u8 data[8192];

	(void)state;
	assert_int_equal(p9_do(&rig, P9_TVERSION, "ds", 4096, "9P2000.L"), 0);
	assert_int_equal(p9_do(&rig, P9_TWRITE, "dqdV", 0, 0ULL,
			       (u32)sizeof(data), data, (u32)sizeof(data)),
			 EMSGSIZE);
}

/* Only strings can make any but Twrite so long. */
static void long_strings(void **state)
{
	static char text[9000];

	(void)state;
	memset(text, 'a', sizeof(text) - 1);
	assert_int_equal(p9_do(&rig, P9_TSYMLINK, "dssd", 0, "l", text, 0),
			 ENAMETOOLONG);
	text[300] = '\0';
	assert_int_equal(p9_do(&rig, P9_TMKDIR, "dsdd", 0, text, 0755, 0),
			 ENAMETOOLONG);
	text[255] = '\0';
	assert_int_equal(p9_do(&rig, P9_TMKDIR, "dsdd", 0, text, 0755, 0), 0);
}

static void strings_that_are_cut(void **state)
{
	u32 len = make(P9_TMKDIR, "dsdd", 0, "name", 0755, 0);

	(void)state;
	/* Its length reaches behind the end. */
	rig.request[11] = 200;
	assert_int_equal(error_of(p9_send(&rig, len)), EPROTO);
	rig.request[12] = 0xff;
	assert_int_equal(error_of(p9_send(&rig, len)), EPROTO);
	/* A zero would end it for the host, not for the guest. */
	len = make(P9_TMKDIR, "dsdd", 0, "name", 0755, 0);
	rig.request[15] = 0;
	assert_int_equal(error_of(p9_send(&rig, len)), EINVAL);
	assert_int_equal(faccessat(rig.share, "na", F_OK, 0), -1);
}

/* No request at all, or no room for any answer: the device's problem. */
static void no_message(void **state)
{
	u32 len = make(P9_TMKDIR, "dsdd", 0, "name", 0755, 0);

	(void)state;
	assert_int_equal(p9_send(&rig, 6), -EINVAL);
	rig.in_len = 10;
	assert_int_equal(p9_send(&rig, len), -EINVAL);
	assert_int_equal(faccessat(rig.share, "name", F_OK, 0), -1);
	assert_int_equal(p9_server_stats(rig.server)->requests, 2);
}

/* What the client could not be told is not done. */
static void no_room_for_the_reply(void **state)
{
	(void)state;
	rig.in_len = 19;
	assert_int_equal(p9_do(&rig, P9_TMKDIR, "dsdd", 0, "name", 0755, 0),
			 ENOBUFS);
	assert_int_equal(faccessat(rig.share, "name", F_OK, 0), -1);
	rig.in_len = 20;
	assert_int_equal(p9_do(&rig, P9_TMKDIR, "dsdd", 0, "name", 0755, 0), 0);
	rig.in_len = 159;
	assert_int_equal(p9_do(&rig, P9_TGETATTR, "dq", 0, 0ULL), ENOBUFS);
	assert_int_equal(symlinkat("0123456789", rig.share, "link"), 0);
	rig.in_len = P9_MAX_MSIZE;
	assert_int_equal(p9_go(&rig, 0, 1, "link"), 0);
	rig.in_len = 18;
	assert_int_equal(p9_do(&rig, P9_TREADLINK, "d", 1), ENOBUFS);
	rig.in_len = 19;
	assert_int_equal(p9_do(&rig, P9_TREADLINK, "d", 1), 0);
	/* One qid has room, two have not: then there is no new fid either. */
	rig.in_len = 22;
	assert_int_equal(p9_go(&rig, 0, 2, "link"), 0);
	assert_int_equal(mkdirat(rig.share, "name/sub", 0755), 0);
	assert_int_equal(p9_go(&rig, 0, 3, "name/sub"), ENOBUFS);
	assert_int_equal(p9_forget(&rig, 3), EBADF);
}

/* ---- Fids ---------------------------------------------------------------- */

static void walks(void **state)
{
	struct stat st;

	(void)state;
	mkdirat(rig.share, "a", 0755);
	mkdirat(rig.share, "a/b", 0755);
	p9_new_file(&rig, "a/b/f", "content");
	assert_int_equal(p9_go(&rig, 0, 1, "a/b/f"), 0);
	for (int i = 0; i < 2; i++)
		assert_int_equal(p9_get_qid(&rig).type, DIRECTORY);
	assert_int_equal(fstatat(rig.share, "a/b/f", &st, 0), 0);
	assert_int_equal(p9_get_qid(&rig).path, st.st_ino);
	assert_int_equal(rig.at, rig.size);
	/* As far as there is something; without a new fid. */
	assert_int_equal(
		p9_do(&rig, P9_TWALK, "ddwsss", 0, 2, 3, "a", "x", "y"), 0);
	assert_int_equal(p9_get(&rig, 2), 1);
	assert_int_equal(rig.size, 9 + 13);
	assert_int_equal(p9_forget(&rig, 2), EBADF);
	assert_int_equal(p9_go(&rig, 0, 2, "x/a"), ENOENT);
	assert_int_equal(p9_go(&rig, 1, 2, "a"), ENOTDIR);
	/* In place, and not at all if it fails. */
	assert_int_equal(p9_go(&rig, 0, 3, "a"), 0);
	assert_int_equal(p9_go(&rig, 3, 3, "x"), ENOENT);
	assert_int_equal(p9_go(&rig, 3, 3, "b/x"), ENOENT);
	assert_int_equal(p9_go(&rig, 3, 3, "b"), 0);
	assert_int_equal(p9_go(&rig, 3, 4, "f"), 0);
	assert_int_equal(fids(), 4);
}

static void numbers_of_fids(void **state)
{
	(void)state;
	assert_int_equal(p9_go(&rig, 5, 6, ""), EBADF);
	assert_int_equal(p9_go(&rig, 0, NOBODY, ""), EINVAL);
	assert_int_equal(p9_go(&rig, 0, 1, ""), 0);
	assert_int_equal(p9_go(&rig, 0, 1, ""), EINVAL);
	/* Of one bucket. */
	assert_int_equal(p9_go(&rig, 0, 1 + P9_FID_BUCKETS, ""), 0);
	assert_int_equal(p9_go(&rig, 0, 1 + 2 * P9_FID_BUCKETS, ""), 0);
	assert_int_equal(p9_forget(&rig, 1 + P9_FID_BUCKETS), 0);
	assert_int_equal(p9_forget(&rig, 1 + P9_FID_BUCKETS), EBADF);
	assert_int_equal(p9_go(&rig, 1, 2, ""), 0);
	assert_int_equal(p9_go(&rig, 1 + 2 * P9_FID_BUCKETS, 3, ""), 0);
	assert_int_equal(fids(), 5);
}

/* Of the same number on three file systems; the root's is as it is. */
static void paths_of_qids(void **state)
{
	const dev_t root = rig.server->root_stat.st_dev;
	u64 first, second, third, again;

	(void)state;
	assert_int_equal(p9_qid_path(rig.server, root, UINT64_MAX, &first), 0);
	assert_true(first == UINT64_MAX);
	assert_int_equal(p9_qid_path(rig.server, root, 77, &first), 0);
	assert_int_equal(p9_qid_path(rig.server, root + 5, 77, &second), 0);
	assert_int_equal(p9_qid_path(rig.server, root + 9, 77, &third), 0);
	assert_true(first == 77);
	assert_true(second != first && third != first && second != third);
	assert_true((second & 0xffffffffffffULL) == 77);
	assert_int_equal(p9_qid_path(rig.server, root + 5, 77, &again), 0);
	assert_true(again == second);
}

static void names_of_a_walk(void **state)
{
	u32 len;

	(void)state;
	mkdirat(rig.share, "a", 0755);
	assert_int_equal(p9_go(&rig, 0, 1, "a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a"),
			 ENOENT);
	assert_int_equal(p9_go(&rig, 0, 1, "a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a"),
			 EINVAL);
	/* More are said than there are. */
	len = make(P9_TWALK, "ddws", 0, 1, 2, "a");
	assert_int_equal(error_of(p9_send(&rig, len)), EPROTO);
	assert_int_equal(p9_forget(&rig, 1), EBADF);
}

static void too_many_fids(void **state)
{
	(void)state;
	p9_rig_reopen(&rig, false, 3);
	assert_int_equal(p9_go(&rig, 0, 1, ""), 0);
	assert_int_equal(p9_go(&rig, 0, 2, ""), 0);
	assert_int_equal(p9_go(&rig, 0, 3, ""), EMFILE);
	assert_int_equal(p9_go(&rig, 1, 1, ""), 0);
	assert_int_equal(p9_forget(&rig, 1), 0);
	assert_int_equal(p9_go(&rig, 0, 3, ""), 0);
	assert_int_equal(fids(), 3);
}

/* Others may be inherited. */
static bool is_in_dir(int fd)
{
	char path[256] = { 0 };

	return readlink(p9_path(fd).text, path, sizeof(path) - 1) > 0 &&
	       !strncmp(path, rig.dir, strlen(rig.dir));
}

/* All that a session has opened is closed at its end. */
static void descriptors(void **state)
{
	int before = dup(0), after;

	(void)state;
	close(before);
	p9_new_file(&rig, "f", "content");
	for (u32 i = 1; i < 20; i++) {
		assert_int_equal(p9_go(&rig, 0, i, "f"), 0);
		if (i % 2)
			assert_int_equal(p9_do(&rig, P9_TLOPEN, "dd", i, 2), 0);
	}
	/* Errors leave none behind. */
	assert_int_equal(p9_go(&rig, 0, 5, "f"), EINVAL);
	assert_int_equal(p9_go(&rig, 0, NOBODY, "f"), EINVAL);
	assert_int_equal(p9_go(&rig, 0, 20, "f/f"), ENOENT);
	assert_int_equal(p9_do(&rig, P9_TXATTRWALK, "dds", 1, 2, ""), EINVAL);
	/* No other program gets them. */
	for (int fd = before; fd < before + 40; fd++)
		assert_true(fcntl(fd, F_GETFD) || !is_in_dir(fd));
	p9_server_reset(rig.server);
	after = dup(0);
	close(after);
	/* Fid 0 has had the first one. */
	assert_int_equal(after, before - 1);
}

static void no_memory_for_a_server(void **state)
{
	struct p9_params params = { .root = dup(rig.share) };
	struct p9_server *server = NULL;
	int ret;

	(void)state;
	no_memory = true;
	ret = p9_server_create(&params, &server);
	no_memory = false;
	assert_int_equal(ret, -ENOMEM);
	assert_int_equal(fcntl(params.root, F_GETFD), -1);
	no_memory = true;
	ret = p9_go(&rig, 0, 1, "");
	no_memory = false;
	assert_int_equal(ret, ENOMEM);
	assert_int_equal(p9_go(&rig, 0, 1, ""), 0);
	p9_server_destroy(NULL);
}

static void counters(void **state)
{
	const struct p9_stats *s = p9_server_stats(rig.server);
	u64 requests = s->requests;

	(void)state;
	p9_new_file(&rig, "f", "content");
	p9_go(&rig, 0, 1, "f");
	p9_do(&rig, P9_TLOPEN, "dd", 1, 2);
	p9_do(&rig, P9_TREAD, "dqd", 1, 0ULL, 100);
	p9_do(&rig, P9_TWRITE, "dqdV", 1, 0ULL, 3, "new", 3);
	p9_do(&rig, P9_TREAD, "dqd", 9, 0ULL, 100);
	assert_int_equal(s->requests - requests, 5);
	assert_int_equal(s->errors, 1);
	assert_int_equal(s->reads, 1);
	assert_int_equal(s->bytes_read, 7);
	assert_int_equal(s->writes, 1);
	assert_int_equal(s->bytes_written, 3);
	assert_int_equal(s->fids, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		P9_TEST(versions),
		P9_TEST(version_ends_session),
		P9_TEST(attach),
		P9_TEST(flush),
		P9_TEST(unknown_types),
		P9_TEST(sizes),
		P9_TEST(larger_than_msize),
		P9_TEST(long_strings),
		P9_TEST(strings_that_are_cut),
		P9_TEST(no_message),
		P9_TEST(no_room_for_the_reply),
		P9_TEST(walks),
		P9_TEST(numbers_of_fids),
		P9_TEST(paths_of_qids),
		P9_TEST(names_of_a_walk),
		P9_TEST(too_many_fids),
		P9_TEST(descriptors),
		P9_TEST(no_memory_for_a_server),
		P9_TEST(counters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
