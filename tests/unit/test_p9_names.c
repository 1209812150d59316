/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: share/p9_*.c util/iov.c tests/unit/p9_rig.c */
/* Directories of a share: entries, new objects, renames; one that is read. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "p9_rig.h"

#define ENTRIES 300U

static bool exists(const char *name)
{
	return !faccessat(rig.share, name, F_OK, AT_SYMLINK_NOFOLLOW);
}

static mode_t type_of(const char *name)
{
	struct stat st;

	if (fstatat(rig.share, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return 0;
	return st.st_mode & S_IFMT;
}

static int mkdir_at(u32 fid, const char *name)
{
	return p9_do(&rig, P9_TMKDIR, "dsdd", fid, name, 0755, getegid());
}

static int unlink_at(u32 fid, const char *name, u32 flags)
{
	return p9_do(&rig, P9_TUNLINKAT, "dsd", fid, name, flags);
}

static int rename_at(u32 from, const char *old, u32 to, const char *new)
{
	return p9_do(&rig, P9_TRENAMEAT, "dsds", from, old, to, new);
}

static int mknod_at(u32 fid, const char *name, u32 mode, u32 major, u32 minor)
{
	return p9_do(&rig, P9_TMKNOD, "dsdddd", fid, name, mode, major, minor,
		     getegid());
}

/* ---- Entries ------------------------------------------------------------- */

struct entry {
	struct p9_qid qid;
	u64 offset;
	u8 type;
	char name[256];
};

static void get_entry(struct entry *e)
{
	e->qid = p9_get_qid(&rig);
	e->offset = p9_get(&rig, 8);
	e->type = (u8)p9_get(&rig, 1);
	snprintf(e->name, sizeof(e->name), "%s", p9_get_string(&rig));
}

/* Ends with the entries of one reply, or with -errno. */
static int read_some(u32 fid, u64 *offset, u32 count, struct entry *e, int max)
{
	int error = p9_do(&rig, P9_TREADDIR, "dqd", fid, *offset, count);
	int n = 0;

	if (error)
		return -error;
	assert_true(p9_get(&rig, 4) <= count);
	for (; rig.at < rig.size; n++) {
		assert_true(n < max);
		get_entry(&e[n]);
		*offset = e[n].offset;
	}
	return n;
}

/* Each exactly once, with the number that a walk gives. */
static void check_entries(const struct entry *all, int n)
{
	static bool seen[ENTRIES];
	int others = 0;

	memset(seen, 0, sizeof(seen));
	for (int i = 0; i < n; i++) {
		unsigned int number;
		struct stat st;

		if (sscanf(all[i].name, "file%u", &number) != 1) {
			assert_int_equal(all[i].qid.type, DIRECTORY);
			others++;
			continue;
		}
		assert_true(number < ENTRIES && !seen[number]);
		seen[number] = true;
		assert_int_equal(all[i].type, DT_REG);
		assert_int_equal(fstatat(rig.share, all[i].name, &st, 0), 0);
		assert_true(all[i].qid.path == st.st_ino);
	}
	assert_int_equal(others, 2); /* . and .. */
	assert_int_equal(n, ENTRIES + 2);
}

static void entries(void **state)
{
	static const u32 counts[] = { 60, 100, 4096, UINT32_MAX };
	static struct entry all[ENTRIES + 3];
	char name[16];

	(void)state;
	for (u32 i = 0; i < ENTRIES; i++) {
		snprintf(name, sizeof(name), "file%u", i);
		p9_new_file(&rig, name, "");
	}
	assert_int_equal(p9_go(&rig, 0, 1, ""), 0);
	assert_int_equal(p9_do(&rig, P9_TREADDIR, "dqd", 1, 0ULL, 100), EBADF);
	assert_int_equal(p9_do(&rig, P9_TLOPEN, "dd", 1, 0), 0);
	for (size_t i = 0; i < ARRAY_SIZE(counts); i++) {
		u64 offset = 0;
		int n = 0, more;

		while ((more = read_some(1, &offset, counts[i], all + n,
					 (int)ARRAY_SIZE(all) - n)) > 0)
			n += more;
		assert_int_equal(more, 0);
		check_entries(all, n);
	}
}

/* An entry that does not fit is no end of the directory. */
static void counts_that_are_too_small(void **state)
{
	static struct entry all[8];
	u64 offset = 0;

	(void)state;
	mkdirat(rig.share, "d", 0755);
	assert_int_equal(p9_go(&rig, 0, 1, "d"), 0);
	assert_int_equal(p9_do(&rig, P9_TLOPEN, "dd", 1, 0), 0);
	assert_int_equal(read_some(1, &offset, 0, all, 8), -EINVAL);
	assert_int_equal(read_some(1, &offset, 24, all, 8), -EINVAL);
	rig.in_len = 11 + 24;
	assert_int_equal(read_some(1, &offset, 4096, all, 8), -EINVAL);
	rig.in_len = P9_MAX_MSIZE;
	assert_int_equal(read_some(1, &offset, 26, all, 8), 1);
	assert_int_equal(read_some(1, &offset, 26, all, 8), 1);
	assert_int_equal(read_some(1, &offset, 0, all, 8), 0);
	offset = UINT64_MAX;
	assert_int_equal(read_some(1, &offset, 4096, all, 8), -EINVAL);
}

static void entries_of_no_directory(void **state)
{
	static struct entry all[8];
	u64 offset = 0;

	(void)state;
	p9_new_file(&rig, "f", "content");
	assert_int_equal(p9_go(&rig, 0, 1, "f"), 0);
	assert_int_equal(p9_do(&rig, P9_TLOPEN, "dd", 1, 0), 0);
	assert_int_equal(read_some(1, &offset, 4096, all, 8), -ENOTDIR);
	assert_int_equal(p9_go(&rig, 0, 2, ""), 0);
	assert_int_equal(p9_do(&rig, P9_TLOPEN, "dd", 2, 1), EISDIR);
	assert_int_equal(p9_do(&rig, P9_TLOPEN, "dd", 2, 0), 0);
	assert_int_equal(p9_do(&rig, P9_TREAD, "dqd", 2, 0ULL, 100), EISDIR);
	assert_int_equal(p9_do(&rig, P9_TFSYNC, "dd", 2, 0), 0);
}

/* ---- New objects --------------------------------------------------------- */

static void directories(void **state)
{
	struct stat st;

	(void)state;
	assert_int_equal(mkdir_at(0, "d"), 0);
	assert_int_equal(p9_get_qid(&rig).type, DIRECTORY);
	assert_int_equal(mkdir_at(0, "d"), EEXIST);
	assert_int_equal(fstatat(rig.share, "d", &st, 0), 0);
	assert_int_equal(st.st_mode, S_IFDIR | 0755);
	assert_int_equal(p9_go(&rig, 0, 1, "d"), 0);
	assert_int_equal(mkdir_at(1, "e"), 0);
	assert_true(exists("d/e"));
	assert_int_equal(unlink_at(0, "d", 0), EISDIR);
	assert_int_equal(unlink_at(0, "d", AT_REMOVE), ENOTEMPTY);
	assert_int_equal(unlink_at(1, "e", AT_REMOVE | 1), EINVAL);
	assert_int_equal(unlink_at(1, "e", AT_REMOVE), 0);
	assert_int_equal(unlink_at(0, "d", AT_REMOVE), 0);
	assert_false(exists("d"));
	/* The fid is of a directory that is gone. */
	assert_int_equal(mkdir_at(1, "e"), ENOENT);
	assert_int_equal(unlink_at(0, "d", 0), ENOENT);
}

static void links(void **state)
{
	struct stat st;

	(void)state;
	p9_new_file(&rig, "f", "content");
	assert_int_equal(
		p9_do(&rig, P9_TSYMLINK, "dssd", 0, "l", "../out/x", 0), 0);
	assert_int_equal(p9_get_qid(&rig).type, SYMLINK);
	assert_int_equal(p9_go(&rig, 0, 1, "l"), 0);
	assert_int_equal(p9_do(&rig, P9_TREADLINK, "d", 1), 0);
	assert_string_equal(p9_get_string(&rig), "../out/x");
	assert_int_equal(p9_go(&rig, 1, 5, ""), 0);
	assert_int_equal(p9_do(&rig, P9_TREADLINK, "d", 5), 0);
	assert_string_equal(p9_get_string(&rig), "../out/x");
	assert_int_equal(p9_do(&rig, P9_TREADLINK, "d", 0), EINVAL);
	assert_int_equal(p9_do(&rig, P9_TSYMLINK, "dssd", 0, "m", "", 0),
			 ENOENT);
	assert_int_equal(p9_go(&rig, 0, 2, "f"), 0);
	assert_int_equal(p9_do(&rig, P9_TREADLINK, "d", 2), EINVAL);
	assert_int_equal(p9_do(&rig, P9_TLINK, "dds", 0, 2, "g"), 0);
	assert_int_equal(p9_do(&rig, P9_TLINK, "dds", 0, 2, "g"), EEXIST);
	assert_int_equal(fstatat(rig.share, "g", &st, 0), 0);
	assert_int_equal(st.st_nlink, 2);
	/* Of a link itself, and of a directory. */
	assert_int_equal(p9_do(&rig, P9_TLINK, "dds", 0, 1, "k"), 0);
	assert_int_equal(type_of("k"), S_IFLNK);
	assert_int_equal(p9_do(&rig, P9_TLINK, "dds", 0, 0, "x"), EPERM);
}

/* They are the guest's: made and seen, never opened. */
static void special_files(void **state)
{
	static const u32 types[] = { S_IFIFO, S_IFSOCK, S_IFCHR };
	struct stat st;

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(types); i++) {
		int error = mknod_at(0, "s", types[i] | 0600, 1, 3);

		if (types[i] == S_IFCHR && error == EPERM)
			break;
		assert_int_equal(error, 0);
		assert_int_equal(type_of("s"), types[i]);
		assert_int_equal(p9_go(&rig, 0, 1, "s"), 0);
		assert_int_equal(p9_look(&rig, 1, &st), 0);
		if (types[i] == S_IFCHR)
			assert_true(st.st_rdev == 0x103);
		for (u32 flags = 0; flags < 3; flags++) {
			assert_int_equal(p9_do(&rig, P9_TLOPEN, "dd", 1, flags),
					 ENXIO);
			assert_int_equal(p9_go(&rig, 0, 2, ""), 0);
			assert_int_equal(p9_do(&rig, P9_TLCREATE, "dsddd", 2,
					       "s", flags, 0600, 0),
					 ENXIO);
			assert_int_equal(p9_forget(&rig, 2), 0);
		}
		assert_int_equal(p9_do(&rig, P9_TSETATTR, "dddddqqqqq", 1, 1,
				       0640, 0, 0, 0ULL, 0ULL, 0ULL, 0ULL,
				       0ULL),
				 0);
		assert_int_equal(p9_do(&rig, P9_TSETATTR, "dddddqqqqq", 1, 8, 0,
				       0, 0, 0ULL, 0ULL, 0ULL, 0ULL, 0ULL),
				 EINVAL);
		assert_int_equal(p9_do(&rig, P9_TREMOVE, "d", 1), 0);
		assert_false(exists("s"));
	}
	assert_int_equal(mknod_at(0, "r", 0644, 0, 0), 0);
	assert_int_equal(type_of("r"), S_IFREG);
	assert_int_not_equal(mknod_at(0, "d", S_IFDIR | 0644, 0, 0), 0);
	assert_false(exists("d"));
}

/* ---- Renames ------------------------------------------------------------- */

static void renames(void **state)
{
	(void)state;
	p9_new_file(&rig, "f", "content");
	assert_int_equal(mkdir_at(0, "d"), 0);
	assert_int_equal(p9_go(&rig, 0, 1, "d"), 0);
	assert_int_equal(rename_at(0, "f", 1, "g"), 0);
	assert_true(!exists("f") && exists("d/g"));
	assert_int_equal(rename_at(0, "f", 1, "g"), ENOENT);
	assert_int_equal(rename_at(0, "d", 1, "d"), EINVAL);
	/* The fid is of the directory wherever that is. */
	assert_int_equal(rename_at(0, "d", 0, "e"), 0);
	assert_int_equal(rename_at(1, "g", 1, "h"), 0);
	assert_true(exists("e/h"));
	p9_new_file(&rig, "f", "other");
	assert_int_equal(rename_at(0, "f", 1, "h"), 0);
	assert_int_equal(unlink_at(0, "e", AT_REMOVE), ENOTEMPTY);
}

/* By a fid alone, after others have renamed what is above it. */
static void renames_by_fid(void **state)
{
	(void)state;
	mkdirat(rig.share, "d", 0755);
	mkdirat(rig.share, "d/e", 0755);
	p9_new_file(&rig, "d/e/f", "content");
	assert_int_equal(p9_go(&rig, 0, 1, "d/e/f"), 0);
	assert_int_equal(p9_go(&rig, 0, 2, "d"), 0);
	assert_int_equal(p9_do(&rig, P9_TRENAME, "dds", 1, 2, "g"), 0);
	assert_true(exists("d/g"));
	assert_int_equal(renameat(rig.share, "d", rig.share, "x"), 0);
	assert_int_equal(p9_do(&rig, P9_TRENAME, "dds", 1, 0, "h"), 0);
	assert_true(exists("h"));
	assert_int_equal(p9_do(&rig, P9_TRENAME, "dds", 2, 0, "y"), 0);
	assert_true(exists("y/e"));
	assert_int_equal(p9_do(&rig, P9_TRENAME, "dds", 0, 2, "root"), EBUSY);
	assert_int_equal(p9_do(&rig, P9_TREMOVE, "d", 2), ENOTEMPTY);
	assert_int_equal(p9_forget(&rig, 2), EBADF);
	assert_int_equal(p9_do(&rig, P9_TREMOVE, "d", 1), 0);
	assert_false(exists("h"));
	assert_int_equal(p9_go(&rig, 0, 1, "y/e"), 0);
	assert_int_equal(p9_do(&rig, P9_TREMOVE, "d", 1), 0);
	assert_false(exists("y/e"));
	assert_int_equal(p9_do(&rig, P9_TREMOVE, "d", 0), EBUSY);
}

/* What the host has moved out of the share is not found by such a fid. */
static void moved_out(void **state)
{
	(void)state;
	mkdirat(rig.share, "d", 0755);
	p9_new_file(&rig, "d/f", "content");
	assert_int_equal(p9_go(&rig, 0, 1, "d/f"), 0);
	assert_int_equal(renameat(rig.share, "d", rig.out, "d"), 0);
	assert_int_equal(p9_do(&rig, P9_TRENAME, "dds", 1, 0, "g"), ENOENT);
	/* Of another file that has the name now nothing is done either. */
	mkdirat(rig.share, "d", 0755);
	p9_new_file(&rig, "d/f", "other");
	assert_int_equal(p9_do(&rig, P9_TREMOVE, "d", 1), ENOENT);
	assert_true(exists("d/f"));
}

/* The kernel's path of a file that is gone may be that of another one. */
static void name_of_a_deleted_file(void **state)
{
	(void)state;
	p9_new_file(&rig, "f", "content");
	assert_int_equal(p9_go(&rig, 0, 1, "f"), 0);
	assert_int_equal(unlinkat(rig.share, "f", 0), 0);
	p9_new_file(&rig, "f (deleted)", "other");
	assert_int_equal(p9_do(&rig, P9_TRENAME, "dds", 1, 0, "g"), ENOENT);
	assert_int_equal(p9_do(&rig, P9_TREMOVE, "d", 1), ENOENT);
	assert_true(exists("f (deleted)"));
}

/* ---- Read-only ----------------------------------------------------------- */

static void readonly(void **state)
{
	static const u8 nothing[52] = { 0 };

	(void)state;
	p9_new_file(&rig, "f", "content");
	p9_rig_reopen(&rig, true, 100);
	assert_int_equal(p9_go(&rig, 0, 1, "f"), 0);
	assert_int_equal(p9_go(&rig, 0, 2, "f"), 0);
	for (u32 flags = 1; flags < 3; flags++)
		assert_int_equal(p9_do(&rig, P9_TLOPEN, "dd", 1, flags), EROFS);
	assert_int_equal(p9_do(&rig, P9_TLOPEN, "dd", 1, 01000), EROFS);
	assert_int_equal(p9_do(&rig, P9_TLOPEN, "dd", 1, 0), 0);
	assert_int_equal(p9_do(&rig, P9_TREAD, "dqd", 1, 0ULL, 100), 0);
	assert_int_equal(p9_get(&rig, 4), 7);
	assert_int_equal(p9_do(&rig, P9_TWRITE, "dqdV", 1, 0ULL, 1, "x", 1),
			 EROFS);
	assert_int_equal(p9_do(&rig, P9_TLCREATE, "dsddd", 0, "g", 2, 0600, 0),
			 EROFS);
	assert_int_equal(p9_do(&rig, P9_TSETATTR, "dV", 2, nothing,
			       (u32)sizeof(nothing)),
			 EROFS);
	assert_int_equal(mkdir_at(0, "d"), EROFS);
	assert_int_equal(mknod_at(0, "p", S_IFIFO, 0, 0), EROFS);
	assert_int_equal(p9_do(&rig, P9_TSYMLINK, "dssd", 0, "l", "f", 0),
			 EROFS);
	assert_int_equal(p9_do(&rig, P9_TLINK, "dds", 0, 2, "l"), EROFS);
	assert_int_equal(unlink_at(0, "f", 0), EROFS);
	assert_int_equal(rename_at(0, "f", 0, "g"), EROFS);
	assert_int_equal(p9_do(&rig, P9_TRENAME, "dds", 2, 0, "g"), EROFS);
	assert_int_equal(p9_do(&rig, P9_TXATTRCREATE, "dsqd", 2, "user.x", 1ULL,
			       0),
			 EROFS);
	assert_int_equal(p9_do(&rig, P9_TREMOVE, "d", 2), EROFS);
	assert_int_equal(p9_forget(&rig, 2), EBADF);
	assert_true(exists("f") && !exists("g"));
	assert_int_equal(p9_do(&rig, P9_TFSYNC, "dd", 1, 0), 0);
	assert_int_equal(p9_do(&rig, P9_TSTATFS, "d", 1), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		P9_TEST(entries),
		P9_TEST(counts_that_are_too_small),
		P9_TEST(entries_of_no_directory),
		P9_TEST(directories),
		P9_TEST(links),
		P9_TEST(special_files),
		P9_TEST(renames),
		P9_TEST(renames_by_fid),
		P9_TEST(moved_out),
		P9_TEST(name_of_a_deleted_file),
		P9_TEST(readonly),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
