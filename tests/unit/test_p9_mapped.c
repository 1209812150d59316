/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: share/p9_*.c util/iov.c tests/unit/p9_rig.c */
/* WRAP: setxattr */
/* A share whose owners, modes and types are extended attributes. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "p9_rig.h"

#define UID 1234U
#define GID 4321U

static int set_error;

int __real_setxattr(const char *path, const char *name, const void *value,
		    size_t size, int flags);
int __wrap_setxattr(const char *path, const char *name, const void *value,
		    size_t size, int flags);

int __wrap_setxattr(const char *path, const char *name, const void *value,
		    size_t size, int flags)
{
	if (!set_error)
		return __real_setxattr(path, name, value, size, flags);
	errno = set_error;
	return -1;
}

/* Attached as that user; no test on file systems without attributes. */
static int setup(void **state)
{
	struct p9_params params = { .mapped = true, .max_fids = 100 };

	set_error = 0;
	p9_setup(state);
	p9_server_destroy(rig.server);
	params.root = openat(rig.share, ".", O_PATH);
	assert_int_equal(p9_server_create(&params, &rig.server), 0);
	p9_rig_session(&rig);
	assert_int_equal(p9_forget(&rig, 0), 0);
	return p9_do(&rig, P9_TATTACH, "ddssd", 0, NOBODY, "user", "", UID);
}

static bool has_xattrs(void)
{
	bool has = !fsetxattr(rig.share, "user.there", "1", 1, 0);

	if (!has)
		skip();
	return has;
}

/* The number that an attribute of a file is on the host. */
static u64 host_value(const char *file, const char *name, size_t size)
{
	int fd = openat(rig.share, file, O_RDONLY);
	u64 value = 0;

	assert_true(fd >= 0);
	assert_int_equal(fgetxattr(fd, name, &value, 8), size);
	close(fd);
	return value;
}

static void check(u32 fid, const char *name, mode_t mode, mode_t host)
{
	struct stat st;

	assert_int_equal(p9_look(&rig, fid, &st), 0);
	assert_int_equal(st.st_mode, mode);
	assert_int_equal(st.st_uid, UID);
	assert_int_equal(st.st_gid, GID);
	assert_int_equal(fstatat(rig.share, name, &st, AT_SYMLINK_NOFOLLOW), 0);
	assert_int_equal(st.st_mode, host);
	assert_int_equal(st.st_uid, geteuid());
	assert_int_equal(host_value(name, "user.virtfs.uid", 4), UID);
	assert_int_equal(host_value(name, "user.virtfs.gid", 4), GID);
	assert_int_equal(host_value(name, "user.virtfs.mode", 4), mode);
}

static int setattr(u32 fid, u32 valid, u32 mode, u32 uid, u32 gid)
{
	return p9_do(&rig, P9_TSETATTR, "dddddqqqqq", fid, valid, mode, uid,
		     gid, 0ULL, 0ULL, 0ULL, 0ULL, 0ULL);
}

static void files(void **state)
{
	struct stat st;

	(void)state;
	if (!has_xattrs())
		return;
	assert_int_equal(p9_go(&rig, 0, 1, ""), 0);
	assert_int_equal(
		p9_do(&rig, P9_TLCREATE, "dsddd", 1, "f", 2, 06444, GID), 0);
	check(1, "f", S_IFREG | 06444, S_IFREG | 0600);
	assert_int_equal(p9_do(&rig, P9_TMKDIR, "dsdd", 0, "d", 01777, GID), 0);
	assert_int_equal(p9_get_qid(&rig).type, DIRECTORY);
	assert_int_equal(p9_go(&rig, 0, 2, "d"), 0);
	check(2, "d", S_IFDIR | 01777, S_IFDIR | 0700);
	assert_int_equal(setattr(1, 1, 04711, 0, 0), 0);
	check(1, "f", S_IFREG | 04711, S_IFREG | 0600);
	assert_int_equal(setattr(1, 6, 0, 0, 7), 0);
	assert_int_equal(p9_look(&rig, 1, &st), 0);
	assert_int_equal(st.st_uid, 0);
	assert_int_equal(st.st_gid, 7);
	assert_int_equal(setattr(1, 4, 0, 5, 8), 0);
	assert_int_equal(p9_look(&rig, 1, &st), 0);
	assert_int_equal(st.st_uid, 0);
	assert_int_equal(st.st_gid, 8);
	/* What the host has put there is as it is. */
	p9_new_file(&rig, "host", "content");
	assert_int_equal(p9_go(&rig, 0, 3, "host"), 0);
	assert_int_equal(p9_look(&rig, 3, &st), 0);
	assert_int_equal(st.st_mode, S_IFREG | 0640);
	assert_int_equal(st.st_uid, geteuid());
}

static void links(void **state)
{
	(void)state;
	if (!has_xattrs())
		return;
	assert_int_equal(
		p9_do(&rig, P9_TSYMLINK, "dssd", 0, "l", "../out/x", GID), 0);
	assert_int_equal(p9_get_qid(&rig).type, SYMLINK);
	assert_int_equal(p9_do(&rig, P9_TSYMLINK, "dssd", 0, "l", "y", GID),
			 EEXIST);
	assert_int_equal(p9_do(&rig, P9_TSYMLINK, "dssd", 0, "e", "", GID),
			 ENOENT);
	assert_int_equal(p9_go(&rig, 0, 1, "l"), 0);
	assert_int_equal(p9_get_qid(&rig).type, SYMLINK);
	check(1, "l", S_IFLNK | 0777, S_IFREG | 0600);
	assert_int_equal(p9_do(&rig, P9_TREADLINK, "d", 1), 0);
	assert_string_equal(p9_get_string(&rig), "../out/x");
	assert_int_equal(p9_do(&rig, P9_TLOPEN, "dd", 1, 0), ELOOP);
	assert_int_equal(setattr(1, 1, 0644, 0, 0), EOPNOTSUPP);
	assert_int_equal(setattr(1, 8, 0, 0, 0), EINVAL);
	/* Those of the host are links as well. */
	assert_int_equal(symlinkat("real", rig.share, "r"), 0);
	assert_int_equal(p9_go(&rig, 0, 2, "r"), 0);
	assert_int_equal(p9_do(&rig, P9_TREADLINK, "d", 2), 0);
	assert_string_equal(p9_get_string(&rig), "real");
	p9_new_file(&rig, "f", "content");
	assert_int_equal(p9_go(&rig, 0, 3, "f"), 0);
	assert_int_equal(p9_do(&rig, P9_TREADLINK, "d", 3), EINVAL);
}

static void special_files(void **state)
{
	static const u32 types[] = { S_IFIFO, S_IFSOCK, S_IFCHR, S_IFBLK };
	struct stat st;

	(void)state;
	if (!has_xattrs())
		return;
	for (u32 i = 0; i < ARRAY_SIZE(types); i++) {
		assert_int_equal(p9_do(&rig, P9_TMKNOD, "dsdddd", 0, "s",
				       types[i] | 0620, 300, 70000, GID),
				 0);
		assert_int_equal(p9_go(&rig, 0, 1, "s"), 0);
		check(1, "s", types[i] | 0620, S_IFREG | 0600);
		if (i > 1) {
			assert_int_equal(p9_look(&rig, 1, &st), 0);
			assert_true(st.st_rdev == makedev(300, 70000));
			assert_true(host_value("s", "user.virtfs.rdev", 8) ==
				    makedev(300, 70000));
		}
		assert_int_equal(p9_do(&rig, P9_TLOPEN, "dd", 1, 0), ENXIO);
		assert_int_equal(p9_do(&rig, P9_TREMOVE, "d", 1), 0);
	}
}

/* A file is no directory whatever an attribute says, nor the reverse. */
static void types_that_cannot_be(void **state)
{
	u32 mode = S_IFDIR | 0755;
	struct stat st;
	int fd;

	(void)state;
	if (!has_xattrs())
		return;
	p9_new_file(&rig, "f", "content");
	fd = openat(rig.share, "f", O_RDWR);
	assert_int_equal(fsetxattr(fd, "user.virtfs.mode", &mode, 4, 0), 0);
	assert_int_equal(fsetxattr(fd, "user.virtfs.uid", &mode, 3, 0), 0);
	close(fd);
	assert_int_equal(p9_go(&rig, 0, 1, "f"), 0);
	assert_int_equal(p9_look(&rig, 1, &st), 0);
	assert_int_equal(st.st_mode, S_IFREG | 0755);
	assert_int_equal(st.st_uid, geteuid());
	mkdirat(rig.share, "d", 0755);
	fd = openat(rig.share, "d", O_RDONLY);
	mode = S_IFLNK | 0700;
	assert_int_equal(fsetxattr(fd, "user.virtfs.mode", &mode, 4, 0), 0);
	close(fd);
	assert_int_equal(p9_go(&rig, 0, 2, "d"), 0);
	assert_int_equal(p9_look(&rig, 2, &st), 0);
	assert_int_equal(st.st_mode, S_IFDIR | 0700);
	/* Another server shows what there is. */
	p9_rig_reopen(&rig, false, 100);
	assert_int_equal(p9_go(&rig, 0, 1, "d"), 0);
	assert_int_equal(p9_look(&rig, 1, &st), 0);
	assert_int_equal(st.st_mode, S_IFDIR | 0750);
}

/* They are ours: the guest neither sees nor changes them. */
static void attributes_are_hidden(void **state)
{
	static const char *const names[] = { "user.virtfs.uid",
					     "user.virtfs.x" };

	(void)state;
	if (!has_xattrs())
		return;
	assert_int_equal(p9_go(&rig, 0, 1, ""), 0);
	assert_int_equal(
		p9_do(&rig, P9_TLCREATE, "dsddd", 1, "f", 2, 0600, GID), 0);
	assert_int_equal(p9_go(&rig, 0, 2, "f"), 0);
	for (u32 i = 0; i < 2; i++) {
		assert_int_equal(p9_do(&rig, P9_TXATTRWALK, "dds", 2, 3,
				       names[i]),
				 ENODATA);
		assert_int_equal(p9_do(&rig, P9_TXATTRCREATE, "dsqd", 2,
				       names[i], 4ULL, 0),
				 EACCES);
	}
	assert_int_equal(p9_do(&rig, P9_TXATTRCREATE, "dsqd", 2, "user.virt",
			       1ULL, 0),
			 0);
	assert_int_equal(p9_do(&rig, P9_TWRITE, "dqdV", 2, 0ULL, 1, "x", 1), 0);
	assert_int_equal(p9_forget(&rig, 2), 0);
	assert_int_equal(p9_do(&rig, P9_TXATTRWALK, "dds", 1, 3, ""), 0);
	assert_int_equal(p9_do(&rig, P9_TREAD, "dqd", 3, 0ULL, 4096), 0);
	assert_null(memmem(rig.reply, rig.size, "virtfs", 6));
	assert_non_null(memmem(rig.reply, rig.size, "user.virt", 10));
}

/* The kernel's type of an entry is not the client's. */
static void entries(void **state)
{
	unsigned int n = 0;

	(void)state;
	if (!has_xattrs())
		return;
	assert_int_equal(p9_do(&rig, P9_TSYMLINK, "dssd", 0, "l", "x", GID), 0);
	assert_int_equal(p9_go(&rig, 0, 1, ""), 0);
	assert_int_equal(p9_do(&rig, P9_TLOPEN, "dd", 1, 0), 0);
	assert_int_equal(p9_do(&rig, P9_TREADDIR, "dqd", 1, 0ULL, 4096), 0);
	p9_get(&rig, 4);
	while (rig.at < rig.size) {
		u8 type;

		p9_get_qid(&rig);
		p9_get(&rig, 8);
		type = (u8)p9_get(&rig, 1);
		if (strcmp(p9_get_string(&rig), "l") != 0)
			continue;
		assert_int_equal(type, DT_UNKNOWN);
		n++;
	}
	assert_int_equal(n, 1);
}

/* What cannot be given its attributes is not there. */
static void attributes_that_fail(void **state)
{
	(void)state;
	set_error = ENOSPC;
	assert_int_equal(p9_go(&rig, 0, 1, ""), 0);
	assert_int_equal(p9_do(&rig, P9_TLCREATE, "dsddd", 1, "n", 2, 0600,
			       GID),
			 ENOSPC);
	assert_int_equal(p9_do(&rig, P9_TMKDIR, "dsdd", 0, "n", 0700, GID),
			 ENOSPC);
	assert_int_equal(p9_do(&rig, P9_TSYMLINK, "dssd", 0, "n", "x", GID),
			 ENOSPC);
	assert_int_equal(p9_do(&rig, P9_TMKNOD, "dsdddd", 0, "n",
			       S_IFIFO | 0600, 0, 0, GID),
			 ENOSPC);
	assert_int_equal(faccessat(rig.share, "n", F_OK, 0), -1);
	p9_new_file(&rig, "f", "content");
	assert_int_equal(p9_go(&rig, 0, 2, "f"), 0);
	assert_int_equal(setattr(2, 1, 0600, 0, 0), ENOSPC);
	assert_int_equal(setattr(2, 6, 0, 0, 0), ENOSPC);
}

#define MAPPED_TEST(f) cmocka_unit_test_setup_teardown(f, setup, p9_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		MAPPED_TEST(files),
		MAPPED_TEST(links),
		MAPPED_TEST(special_files),
		MAPPED_TEST(types_that_cannot_be),
		MAPPED_TEST(attributes_are_hidden),
		MAPPED_TEST(entries),
		MAPPED_TEST(attributes_that_fail),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
