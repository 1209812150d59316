/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: share/p9_*.c util/iov.c tests/unit/p9_rig.c */
/* Ways out of a share: none is one. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "p9_rig.h"

#define ROUNDS 3000

/* Whatever is beside the share is as it was. */
static void check_outside(void)
{
	struct stat st;

	assert_int_equal(fstatat(rig.out, "secret", &st, 0), 0);
	assert_int_equal(st.st_size, sizeof(SECRET));
	assert_int_equal(st.st_nlink, 1);
	assert_int_equal(faccessat(rig.out, "new", F_OK, 0), -1);
	assert_int_equal(faccessat(rig.out, "../new", F_OK, 0), -1);
}

/* ---- Names --------------------------------------------------------------- */

static const char *const bad_names[] = { "",	   "/",	     ".",    "..",
					 "../out", "a/b",    "/etc", "./a",
					 "../new", "d/../f", "d/",   "//" };

static void names(void **state)
{
	(void)state;
	p9_new_file(&rig, "f", "content");
	mkdirat(rig.share, "d", 0755);
	assert_int_equal(p9_go(&rig, 0, 1, "f"), 0);
	for (size_t i = 0; i < ARRAY_SIZE(bad_names); i++) {
		const char *name = bad_names[i];

		assert_int_equal(p9_do(&rig, P9_TWALK, "ddws", 0, 9, 1, name),
				 EINVAL);
		assert_int_equal(p9_do(&rig, P9_TWALK, "ddwss", 0, 9, 2, "d",
				       name),
				 EINVAL);
		assert_int_equal(p9_do(&rig, P9_TLCREATE, "dsddd", 0, name, 2,
				       0600, 0),
				 EINVAL);
		assert_int_equal(p9_do(&rig, P9_TMKDIR, "dsdd", 0, name, 0755,
				       0),
				 EINVAL);
		assert_int_equal(p9_do(&rig, P9_TMKNOD, "dsdddd", 0, name, 0600,
				       0, 0, 0),
				 EINVAL);
		assert_int_equal(p9_do(&rig, P9_TSYMLINK, "dssd", 0, name, "x",
				       0),
				 EINVAL);
		assert_int_equal(p9_do(&rig, P9_TLINK, "dds", 0, 1, name),
				 EINVAL);
		assert_int_equal(p9_do(&rig, P9_TUNLINKAT, "dsd", 0, name,
				       AT_REMOVE),
				 EINVAL);
		assert_int_equal(p9_do(&rig, P9_TUNLINKAT, "dsd", 0, name, 0),
				 EINVAL);
		assert_int_equal(p9_do(&rig, P9_TRENAMEAT, "dsds", 0, name, 0,
				       "x"),
				 EINVAL);
		assert_int_equal(p9_do(&rig, P9_TRENAMEAT, "dsds", 0, "f", 0,
				       name),
				 EINVAL);
		assert_int_equal(p9_do(&rig, P9_TRENAME, "dds", 1, 0, name),
				 EINVAL);
	}
	assert_int_equal(p9_forget(&rig, 9), EBADF);
	check_outside();
}

/* ---- Links --------------------------------------------------------------- */

/* Nothing of what a link points to is seen or touched by way of it. */
static void try_link(const char *target)
{
	struct stat st;

	assert_int_equal(symlinkat(target, rig.share, "l"), 0);
	assert_int_equal(p9_go(&rig, 0, 1, "l"), 0);
	assert_int_equal(p9_look(&rig, 1, &st), 0);
	assert_true(S_ISLNK(st.st_mode));
	assert_int_equal(p9_do(&rig, P9_TWALK, "ddwss", 0, 2, 2, "l", "secret"),
			 0);
	assert_int_equal(p9_get(&rig, 2), 1);
	assert_int_equal(p9_go(&rig, 1, 2, "secret"), ENOTDIR);
	assert_int_equal(p9_do(&rig, P9_TMKDIR, "dsdd", 1, "new", 0755, 0),
			 ENOTDIR);
	assert_int_equal(p9_do(&rig, P9_TUNLINKAT, "dsd", 1, "secret", 0),
			 ENOTDIR);
	for (u32 flags = 0; flags < 3; flags++) {
		assert_int_equal(p9_do(&rig, P9_TLOPEN, "dd", 1, flags), ELOOP);
		assert_int_equal(p9_go(&rig, 0, 3, ""), 0);
		assert_int_equal(p9_do(&rig, P9_TLCREATE, "dsddd", 3, "l",
				       flags | 01000, 0666, 0),
				 ELOOP);
		assert_int_equal(p9_forget(&rig, 3), 0);
	}
	assert_int_equal(p9_do(&rig, P9_TLCREATE, "dsddd", 1, "new", 2, 0666,
			       0),
			 ENOTDIR);
	/* A size for the link is none for its target. */
	assert_int_equal(p9_do(&rig, P9_TSETATTR, "dddddqqqqq", 1, 8, 0, 0, 0,
			       0ULL, 0ULL, 0ULL, 0ULL, 0ULL),
			 EINVAL);
	assert_int_equal(p9_do(&rig, P9_TREMOVE, "d", 1), 0);
	assert_int_equal(faccessat(rig.share, "l", F_OK, AT_SYMLINK_NOFOLLOW),
			 -1);
	check_outside();
}

static void links_that_lead_out(void **state)
{
	char absolute[128];

	(void)state;
	try_link("../out");
	try_link("../out/secret");
	try_link("/");
	try_link(".");
	try_link("/proc/self/root");
	try_link("/proc/self/fd/0");
	snprintf(absolute, sizeof(absolute), "%s/out", rig.dir);
	try_link(absolute);
	/* Of one's own making as well. */
	assert_int_equal(p9_do(&rig, P9_TSYMLINK, "dssd", 0, "l", "../out", 0),
			 0);
	assert_int_equal(p9_go(&rig, 0, 1, "l/secret"), ENOENT);
	assert_int_equal(p9_forget(&rig, 1), EBADF);
}

/* ---- Races --------------------------------------------------------------- */

static atomic_bool stop;

/* "d" is a directory at one moment, and a link that leads out at the next. */
static void *swap(void *arg)
{
	(void)arg;
	while (!atomic_load(&stop)) {
		renameat(rig.share, "d", rig.share, "real");
		renameat(rig.share, "link", rig.share, "d");
		renameat(rig.share, "d", rig.share, "link");
		renameat(rig.share, "real", rig.share, "d");
	}
	return NULL;
}

static bool is_secret(u32 fid)
{
	if (p9_do(&rig, P9_TLOPEN, "dd", fid, 0) ||
	    p9_do(&rig, P9_TREAD, "dqd", fid, 0ULL, 100))
		return false;
	return p9_get(&rig, 4) == sizeof(SECRET);
}

static unsigned int walk_all(void)
{
	unsigned int walked = 0;

	for (int i = 0; i < ROUNDS; i++) {
		if (!p9_go(&rig, 0, 1, "d/secret")) {
			assert_false(is_secret(1));
			assert_int_equal(p9_forget(&rig, 1), 0);
			walked++;
		}
		if (p9_go(&rig, 0, 2, "d"))
			continue;
		p9_do(&rig, P9_TMKDIR, "dsdd", 2, "new", 0755, 0);
		p9_do(&rig, P9_TUNLINKAT, "dsd", 2, "new", AT_REMOVE);
		if (!p9_go(&rig, 2, 3, "secret"))
			p9_do(&rig, P9_TRENAME, "dds", 3, 2, "moved");
		p9_do(&rig, P9_TRENAMEAT, "dsds", 2, "moved", 2, "secret");
		p9_forget(&rig, 3);
		p9_do(&rig, P9_TLCREATE, "dsddd", 2, "secret", 1 | 01000, 0600,
		      0);
		assert_int_equal(p9_forget(&rig, 2), 0);
	}
	return walked;
}

static void race_of_renames(void **state)
{
	unsigned int walked = 0;
	pthread_t thread;

	(void)state;
	mkdirat(rig.share, "d", 0755);
	p9_new_file(&rig, "d/secret", "nothing");
	symlinkat("../out", rig.share, "link");
	atomic_store(&stop, false);
	assert_int_equal(pthread_create(&thread, NULL, swap, NULL), 0);
	/* As often as it takes to have met the directory once. */
	while (!walked)
		walked = walk_all();
	atomic_store(&stop, true);
	pthread_join(thread, NULL);
	check_outside();
}

/* What the guest moves stays inside, wherever its fids are. */
static void parents(void **state)
{
	(void)state;
	mkdirat(rig.share, "a", 0755);
	mkdirat(rig.share, "a/b", 0755);
	assert_int_equal(p9_go(&rig, 0, 1, "a/b"), 0);
	assert_int_equal(p9_do(&rig, P9_TRENAME, "dds", 1, 0, "b"), 0);
	assert_int_equal(p9_do(&rig, P9_TWALK, "ddws", 1, 2, 1, ".."), EINVAL);
	assert_int_equal(p9_do(&rig, P9_TWALK, "ddws", 0, 2, 1, ".."), EINVAL);
}

/* Of the root's parent not even the number is told. */
static void parent_of_the_root(void **state)
{
	struct stat st, parent;
	bool found = false;

	(void)state;
	assert_int_equal(p9_go(&rig, 0, 1, ""), 0);
	assert_int_equal(p9_do(&rig, P9_TLOPEN, "dd", 1, 0), 0);
	assert_int_equal(fstat(rig.share, &st), 0);
	assert_int_equal(fstatat(rig.share, "..", &parent, 0), 0);
	assert_int_equal(p9_do(&rig, P9_TREADDIR, "dqd", 1, 0ULL, 4096), 0);
	p9_get(&rig, 4);
	while (rig.at < rig.size) {
		struct p9_qid qid = p9_get_qid(&rig);

		p9_get(&rig, 8);
		p9_get(&rig, 1);
		if (strcmp(p9_get_string(&rig), "..") != 0)
			continue;
		found = true;
		assert_true(qid.path == st.st_ino);
		assert_true(qid.path != parent.st_ino);
	}
	assert_true(found);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		P9_TEST(names),
		P9_TEST(links_that_lead_out),
		P9_TEST(race_of_renames),
		P9_TEST(parents),
		P9_TEST(parent_of_the_root),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
