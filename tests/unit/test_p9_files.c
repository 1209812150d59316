/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: share/p9_*.c util/iov.c tests/unit/p9_rig.c */
/* WRAP: geteuid fchownat */
/* Files of a share: opened, created, read and written, locked, attributes. */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "p9_rig.h"

#define TRUNC	01000
#define APPEND	02000
#define EXCL	00200
#define FILE_RD 0
#define FILE_WR 1
#define FILE_RW 2

static u8 big[P9_MAX_MSIZE];

/* As if we were root, and what comes of it when an owner is set. */
static struct {
	bool root;
	int error;
	unsigned int calls;
} fake;

uid_t __real_geteuid(void);
uid_t __wrap_geteuid(void);
int __real_fchownat(int dir, const char *path, uid_t uid, gid_t gid, int flags);
int __wrap_fchownat(int dir, const char *path, uid_t uid, gid_t gid, int flags);

uid_t __wrap_geteuid(void)
{
	return fake.root ? 0 : __real_geteuid();
}

int __wrap_fchownat(int dir, const char *path, uid_t uid, gid_t gid, int flags)
{
	if (!fake.root)
		return __real_fchownat(dir, path, uid, gid, flags);
	fake.calls++;
	errno = fake.error;
	return fake.error ? -1 : 0;
}

static int lopen(u32 fid, u32 flags)
{
	return p9_do(&rig, P9_TLOPEN, "dd", fid, flags);
}

static int lcreate(u32 fid, const char *name, u32 flags, u32 mode)
{
	return p9_do(&rig, P9_TLCREATE, "dsddd", fid, name, flags, mode,
		     getegid());
}

/* How many bytes were read, or -errno. */
static s64 pread_fid(u32 fid, u64 offset, u32 count)
{
	int error = p9_do(&rig, P9_TREAD, "dqd", fid, offset, count);

	return error ? -error : (s64)p9_get(&rig, 4);
}

static s64 pwrite_fid(u32 fid, u64 offset, const void *data, u32 count)
{
	int error =
		p9_do(&rig, P9_TWRITE, "dqdV", fid, offset, count, data, count);

	return error ? -error : (s64)p9_get(&rig, 4);
}

static const u8 *data(void)
{
	return rig.reply + rig.at;
}

static void content_is(const char *name, const char *content)
{
	char buf[64] = { 0 };
	int fd = openat(rig.share, name, O_RDONLY);

	assert_true(fd >= 0);
	assert_int_equal(read(fd, buf, sizeof(buf)), strlen(content));
	assert_string_equal(buf, content);
	close(fd);
}

/* ---- Opening ------------------------------------------------------------- */

static void open_and_read(void **state)
{
	struct p9_qid qid, again;
	struct stat st;

	(void)state;
	p9_new_file(&rig, "f", "content");
	assert_int_equal(p9_go(&rig, 0, 1, "f"), 0);
	qid = p9_get_qid(&rig);
	assert_int_equal(pread_fid(1, 0, 100), -EBADF);
	assert_int_equal(lopen(1, FILE_RD), 0);
	again = p9_get_qid(&rig);
	assert_true(qid.path == again.path && qid.version == again.version &&
		    !qid.type);
	assert_int_equal(p9_get(&rig, 4), 0);
	assert_int_equal(pread_fid(1, 0, 100), 7);
	assert_memory_equal(data(), "content", 7);
	assert_int_equal(pread_fid(1, 3, 2), 2);
	assert_memory_equal(data(), "te", 2);
	assert_int_equal(pread_fid(1, 7, 2), 0);
	assert_int_equal(pread_fid(1, 0, 0), 0);
	assert_int_equal(pread_fid(1, UINT64_MAX, 2), -EINVAL);
	assert_int_equal(pwrite_fid(1, 0, "x", 1), -EBADF);
	/* Open once. */
	assert_int_equal(lopen(1, FILE_RD), EINVAL);
	assert_int_equal(p9_look(&rig, 1, &st), 0);
	assert_int_equal(st.st_size, 7);
	/* A change is another version. */
	usleep(20000);
	assert_int_equal(fchmodat(rig.share, "f", 0600, 0), 0);
	assert_int_equal(p9_go(&rig, 0, 2, "f"), 0);
	assert_int_not_equal(p9_get_qid(&rig).version, qid.version);
}

static void open_and_write(void **state)
{
	(void)state;
	p9_new_file(&rig, "f", "content");
	for (u32 i = 1; i < 5; i++)
		assert_int_equal(p9_go(&rig, 0, i, "f"), 0);
	assert_int_equal(lopen(1, FILE_RW), 0);
	assert_int_equal(pwrite_fid(1, 0, "K", 1), 1);
	content_is("f", "Kontent");
	assert_int_equal(lopen(2, FILE_WR | APPEND), 0);
	assert_int_equal(pwrite_fid(2, 0, "!", 1), 1);
	content_is("f", "Kontent!");
	assert_int_equal(pread_fid(2, 0, 1), -EBADF);
	assert_int_equal(pwrite_fid(1, UINT64_MAX, "K", 1), -EINVAL);
	assert_int_equal(lopen(3, FILE_WR | TRUNC), 0);
	content_is("f", "");
	assert_int_equal(lopen(4, 3), EINVAL);
	/* The count has to be that of the data. */
	assert_int_equal(p9_do(&rig, P9_TWRITE, "dqdV", 1, 0ULL, 5, "abcd", 4),
			 EPROTO);
	assert_int_equal(p9_do(&rig, P9_TWRITE, "dqdV", 1, 0ULL, UINT32_MAX,
			       "abcd", 4),
			 EPROTO);
	assert_int_equal(p9_do(&rig, P9_TWRITE, "dqdV", 1, 0ULL, 3, "abcd", 4),
			 EPROTO);
	assert_int_equal(p9_do(&rig, P9_TWRITE, "dq", 1, 0ULL), EPROTO);
	content_is("f", "");
	assert_int_equal(p9_do(&rig, P9_TFSYNC, "dd", 1, 0), 0);
	assert_int_equal(p9_do(&rig, P9_TFSYNC, "dd", 1, 1), 0);
	assert_int_equal(p9_do(&rig, P9_TFSYNC, "dd", 4, 1), EBADF);
}

/* No more than the message, and the room, have; wherever buffers are cut. */
static void large_reads_and_writes(void **state)
{
	static const u32 cuts[] = { 0, 1, 6, 7, 10, 11, 12, 22, 23, 24, 4000 };
	u32 msize = 128 * SZ_1K;

	(void)state;
	for (size_t i = 0; i < sizeof(big); i++)
		big[i] = (u8)(i * 7 + (i >> 8));
	assert_int_equal(p9_go(&rig, 0, 1, ""), 0);
	assert_int_equal(lcreate(1, "f", FILE_RW, 0600), 0);
	assert_int_equal(pwrite_fid(1, 100000, big, msize - 23), msize - 23);
	for (size_t i = 0; i < ARRAY_SIZE(cuts); i++) {
		u64 at = i * 1000;

		rig.cut = cuts[i];
		rig.in_len = P9_MAX_MSIZE;
		assert_int_equal(pwrite_fid(1, at, big + i, msize - 23),
				 msize - 23);
		assert_int_equal(pread_fid(1, at, msize - 23), msize - 23);
		assert_memory_equal(data(), big + i, msize - 23);
		assert_int_equal(pread_fid(1, 0, UINT32_MAX), msize - 11);
		rig.in_len = 5000;
		assert_int_equal(pread_fid(1, at, msize), 5000 - 11);
		assert_memory_equal(data(), big + i, 5000 - 11);
		rig.in_len = 11;
		assert_int_equal(pread_fid(1, 0, msize), 0);
	}
}

static void creation(void **state)
{
	struct stat st;

	(void)state;
	assert_int_equal(p9_go(&rig, 0, 1, ""), 0);
	/* Modes are the client's, whatever our umask. */
	assert_int_equal(lcreate(1, "f", FILE_RW, 0664), 0);
	assert_int_equal(p9_get_qid(&rig).type, 0);
	assert_int_equal(fstatat(rig.share, "f", &st, 0), 0);
	assert_int_equal(st.st_mode, S_IFREG | 0664);
	assert_int_equal(pwrite_fid(1, 0, "abc", 3), 3);
	assert_int_equal(pread_fid(1, 0, 9), 3);
	/* The fid is the file's. */
	assert_int_equal(lcreate(1, "g", FILE_RW, 0664), EINVAL);
	assert_int_equal(p9_go(&rig, 0, 2, ""), 0);
	assert_int_equal(lcreate(2, "f", FILE_RW | EXCL, 0600), EEXIST);
	assert_int_equal(lcreate(2, "f", 3, 0600), EINVAL);
	assert_int_equal(lcreate(2, "f", FILE_RW, 0600), 0);
	content_is("f", "abc");
	assert_int_equal(pread_fid(2, 0, 9), 3);
	assert_int_equal(p9_go(&rig, 0, 3, ""), 0);
	assert_int_equal(lcreate(3, "f", FILE_WR | TRUNC, 0600), 0);
	content_is("f", "");
	/* One that may not be written to is by who creates it. */
	assert_int_equal(p9_go(&rig, 0, 4, ""), 0);
	assert_int_equal(lcreate(4, "r", FILE_RW, 0444), 0);
	assert_int_equal(pwrite_fid(4, 0, "abc", 3), 3);
	assert_int_equal(p9_go(&rig, 0, 5, "r"), 0);
	assert_int_equal(lcreate(5, "x", FILE_RW, 0444), ENOTDIR);
}

static void opening_again_after_unlink(void **state)
{
	struct stat st;

	(void)state;
	p9_new_file(&rig, "f", "content");
	assert_int_equal(p9_go(&rig, 0, 1, "f"), 0);
	assert_int_equal(lopen(1, FILE_RW), 0);
	assert_int_equal(p9_do(&rig, P9_TUNLINKAT, "dsd", 0, "f", 0), 0);
	assert_int_equal(p9_go(&rig, 1, 2, ""), 0);
	assert_int_equal(lopen(2, FILE_RD), 0);
	assert_int_equal(pread_fid(2, 0, 100), 7);
	assert_int_equal(p9_look(&rig, 1, &st), 0);
	assert_int_equal(st.st_nlink, 0);
	assert_int_equal(p9_go(&rig, 0, 3, "f"), ENOENT);
	assert_int_equal(p9_do(&rig, P9_TREMOVE, "d", 2), ENOENT);
	assert_int_equal(p9_forget(&rig, 2), EBADF);
	/* An open one is not moved by a walk. */
	assert_int_equal(p9_go(&rig, 1, 1, ""), EINVAL);
}

/* ---- Attributes ---------------------------------------------------------- */

static void attributes(void **state)
{
	struct stat seen, st;

	(void)state;
	p9_new_file(&rig, "f", "content");
	mkdirat(rig.share, "d", 0711);
	symlinkat("nowhere", rig.share, "l");
	for (u32 i = 0; i < 3; i++) {
		static const char *const names[] = { "f", "d", "l" };

		assert_int_equal(p9_go(&rig, 0, 1 + i, names[i]), 0);
		assert_int_equal(p9_look(&rig, 1 + i, &seen), 0);
		assert_int_equal(fstatat(rig.share, names[i], &st,
					 AT_SYMLINK_NOFOLLOW),
				 0);
		st.st_dev = 0;
		assert_memory_equal(&seen, &st, sizeof(st));
	}
	assert_int_equal(p9_do(&rig, P9_TGETATTR, "dq", 1, 0x3800ULL), 0);
	assert_int_equal(p9_get(&rig, 8), 0);
	assert_int_equal(p9_do(&rig, P9_TGETATTR, "dq", 99, 0ULL), EBADF);
}

struct wish {
	u32 valid, mode, uid, gid;
	u64 size, atime, atime_ns, mtime, mtime_ns;
};

static int setattr(u32 fid, const struct wish *w)
{
	return p9_do(&rig, P9_TSETATTR, "dddddqqqqq", fid, w->valid, w->mode,
		     w->uid, w->gid, w->size, w->atime, w->atime_ns, w->mtime,
		     w->mtime_ns);
}

#define MODE	  1
#define UID	  2
#define GID	  4
#define SIZE	  8
#define ATIME	  16
#define MTIME	  32
#define CTIME	  64
#define ATIME_SET 128
#define MTIME_SET 256

static void changes(void **state)
{
	struct stat st;

	(void)state;
	p9_new_file(&rig, "f", "content");
	mkdirat(rig.share, "d", 0755);
	assert_int_equal(p9_go(&rig, 0, 1, "f"), 0);
	assert_int_equal(p9_go(&rig, 0, 2, "d"), 0);
	assert_int_equal(setattr(1,
				 &(struct wish) { MODE | SIZE | ATIME | MTIME |
							  ATIME_SET | MTIME_SET,
						  S_IFREG | 04711, 0, 0, 4,
						  1000, 5, 2000, 6 }),
			 0);
	assert_int_equal(p9_look(&rig, 1, &st), 0);
	assert_int_equal(st.st_mode, S_IFREG | 04711);
	assert_int_equal(st.st_size, 4);
	assert_int_equal(st.st_atim.tv_sec, 1000);
	assert_int_equal(st.st_atim.tv_nsec, 5);
	assert_int_equal(st.st_mtim.tv_sec, 2000);
	assert_int_equal(st.st_mtim.tv_nsec, 6);
	content_is("f", "cont");
	/* One of them, and now. */
	assert_int_equal(setattr(1, &(struct wish) { .valid = MTIME }), 0);
	assert_int_equal(setattr(1, &(struct wish) { .valid = CTIME }), 0);
	assert_int_equal(setattr(1, &(struct wish) { .valid = 0 }), 0);
	assert_int_equal(fstatat(rig.share, "f", &st, 0), 0);
	assert_true(st.st_mtim.tv_sec > 1000000);
	assert_int_equal(
		setattr(1, &(struct wish) { .valid = MODE, .mode = 0600 }), 0);
	assert_int_equal(
		setattr(2, &(struct wish) { .valid = MODE, .mode = 01777 }), 0);
	assert_int_equal(p9_look(&rig, 2, &st), 0);
	assert_int_equal(st.st_mode, S_IFDIR | 01777);
	assert_int_equal(setattr(2, &(struct wish) { .valid = SIZE }), EISDIR);
	assert_int_equal(setattr(1, &(struct wish) { .valid = SIZE,
						     .size = UINT64_MAX }),
			 EFBIG);
	/* UTIME_NOW and UTIME_OMIT are no nanoseconds. */
	assert_int_equal(setattr(1, &(struct wish) { .valid = MTIME | MTIME_SET,
						     .mtime_ns = UTIME_OMIT }),
			 EINVAL);
	assert_int_equal(setattr(1, &(struct wish) { .valid = ATIME | ATIME_SET,
						     .atime_ns = 1000000000 }),
			 EINVAL);
	/* By the descriptor that writes, whatever the mode says. */
	assert_int_equal(lopen(1, FILE_RW), 0);
	assert_int_equal(
		setattr(1, &(struct wish) { .valid = SIZE | MODE, .size = 9 }),
		0);
	assert_int_equal(p9_look(&rig, 1, &st), 0);
	assert_int_equal(st.st_size, 9);
	assert_int_equal(st.st_mode, S_IFREG);
}

/* A link's own times; its mode is nobody's; what it points to is left alone. */
static void changes_of_a_link(void **state)
{
	struct stat st, target;

	(void)state;
	p9_new_file(&rig, "f", "content");
	symlinkat("f", rig.share, "l");
	assert_int_equal(p9_go(&rig, 0, 1, "l"), 0);
	assert_int_equal(
		setattr(1, &(struct wish) { .valid = MODE, .mode = 0777 }),
		EOPNOTSUPP);
	assert_int_equal(setattr(1, &(struct wish) { .valid = SIZE }), EINVAL);
	assert_int_equal(setattr(1, &(struct wish) { .valid = MTIME | MTIME_SET,
						     .mtime = 5 }),
			 0);
	assert_int_equal(fstatat(rig.share, "l", &st, AT_SYMLINK_NOFOLLOW), 0);
	assert_int_equal(st.st_mtim.tv_sec, 5);
	assert_int_equal(fstatat(rig.share, "f", &target, 0), 0);
	assert_true(target.st_mtim.tv_sec > 5);
	assert_int_equal(target.st_mode, S_IFREG | 0640);
	if (!geteuid()) {
		assert_int_equal(
			setattr(1, &(struct wish) { .valid = UID, .uid = 77 }),
			0);
		assert_int_equal(fstatat(rig.share, "f", &target, 0), 0);
		assert_int_equal(target.st_uid, 0);
	}
	assert_int_equal(lopen(1, FILE_RD), ELOOP);
}

/* Root gives what it creates to who has attached; others cannot. */
static void owners(void **state)
{
	struct stat st;

	(void)state;
	assert_int_equal(p9_do(&rig, P9_TATTACH, "ddssd", 1, NOBODY, "user", "",
			       geteuid() ? geteuid() : 1234),
			 0);
	assert_int_equal(p9_go(&rig, 1, 2, ""), 0);
	assert_int_equal(p9_do(&rig, P9_TLCREATE, "dsddd", 2, "f", FILE_RW,
			       02755, 55),
			 0);
	assert_int_equal(p9_do(&rig, P9_TMKDIR, "dsdd", 1, "d", 01777, 55), 0);
	assert_int_equal(p9_do(&rig, P9_TSYMLINK, "dssd", 1, "l", "d", 55), 0);
	assert_int_equal(p9_do(&rig, P9_TMKNOD, "dsdddd", 1, "p",
			       S_IFIFO | 0666, 0, 0, 55),
			 0);
	for (u32 i = 0; i < 4; i++) {
		static const char *const names[] = { "f", "d", "l", "p" };
		static const mode_t modes[] = { S_IFREG | 02755,
						S_IFDIR | 01777, S_IFLNK | 0777,
						S_IFIFO | 0666 };

		assert_int_equal(fstatat(rig.share, names[i], &st,
					 AT_SYMLINK_NOFOLLOW),
				 0);
		assert_int_equal(st.st_uid, geteuid() ? geteuid() : 1234);
		if (!geteuid()) {
			assert_int_equal(st.st_gid, 55);
			assert_int_equal(st.st_mode, modes[i]);
		}
	}
	assert_int_equal(p9_go(&rig, 0, 3, "f"), 0);
	if (geteuid()) {
		assert_int_equal(setattr(3, &(struct wish) { .valid = UID }),
				 EPERM);
		return;
	}
	assert_int_equal(setattr(3, &(struct wish) { .valid = UID | GID,
						     .uid = 7,
						     .gid = 8 }),
			 0);
	assert_int_equal(p9_look(&rig, 3, &st), 0);
	assert_int_equal(st.st_uid, 7);
	assert_int_equal(st.st_gid, 8);
	assert_int_equal(
		setattr(3,
			&(struct wish) { .valid = GID, .uid = 9, .gid = 10 }),
		0);
	assert_int_equal(p9_look(&rig, 3, &st), 0);
	assert_int_equal(st.st_uid, 7);
	assert_int_equal(st.st_gid, 10);
}

/* A program is not root's for want of another owner. */
static void owners_that_cannot_be_set(void **state)
{
	struct stat st;

	(void)state;
	fake.root = true;
	fake.calls = 0;
	p9_rig_reopen(&rig, false, 100);
	for (u32 i = 0; i < 2; i++) {
		const char *name = i ? "y" : "n";

		fake.error = i ? 0 : EPERM;
		assert_int_equal(p9_go(&rig, 0, 1 + i, ""), 0);
		assert_int_equal(lcreate(1 + i, name, FILE_RW, 06775), 0);
		assert_int_equal(fstatat(rig.share, name, &st, 0), 0);
		assert_int_equal(st.st_mode & 0777, 0775);
		assert_int_equal(!!(st.st_mode & S_ISUID), i);
	}
	assert_int_equal(fake.calls, 2);
	fake.root = false;
}

static void file_system(void **state)
{
	(void)state;
	assert_int_equal(p9_do(&rig, P9_TSTATFS, "d", 0), 0);
	assert_int_equal(rig.size, 67);
	assert_int_equal(p9_get(&rig, 4), V9FS_MAGIC);
	assert_true(p9_get(&rig, 4) >= 512);
	assert_true(p9_get(&rig, 8) > 0);
	assert_int_equal(p9_do(&rig, P9_TSTATFS, "d", 9), EBADF);
}

/* ---- Extended attributes ------------------------------------------------- */

static bool has_xattrs(void)
{
	int fd = openat(rig.share, "f", O_RDONLY);
	bool has = !fsetxattr(fd, "user.there", "1", 1, 0);

	close(fd);
	if (!has)
		skip();
	return has;
}

static int set_xattr(const char *name, const void *value, u32 len, u32 flags)
{
	int error = p9_go(&rig, 1, 50, "");

	if (!error)
		error = p9_do(&rig, P9_TXATTRCREATE, "dsqd", 50, name, (u64)len,
			      flags);
	if (error) {
		assert_int_equal(p9_forget(&rig, 50), 0);
		return error;
	}
	if (len)
		assert_int_equal(pwrite_fid(50, 0, value, len), len);
	return p9_forget(&rig, 50);
}

/* The size of the value, or -errno; data() is the value. */
static s64 get_xattr(const char *name)
{
	int error = p9_do(&rig, P9_TXATTRWALK, "dds", 1, 51, name);
	u64 size;

	if (error)
		return -error;
	size = p9_get(&rig, 8);
	assert_int_equal(pread_fid(51, 0, UINT32_MAX), size);
	assert_int_equal(pread_fid(51, size, 5), 0);
	assert_int_equal(pread_fid(51, UINT64_MAX, 5), 0);
	assert_int_equal(lopen(51, FILE_RD), EINVAL);
	assert_int_equal(pread_fid(51, 0, UINT32_MAX), size);
	return (s64)size;
}

static void xattrs(void **state)
{
	(void)state;
	p9_new_file(&rig, "f", "content");
	assert_int_equal(p9_go(&rig, 0, 1, "f"), 0);
	if (!has_xattrs())
		return;
	assert_int_equal(get_xattr("user.there"), 1);
	assert_memory_equal(data(), "1", 1);
	assert_int_equal(p9_forget(&rig, 51), 0);
	assert_int_equal(get_xattr("user.none"), -ENODATA);
	assert_int_equal(set_xattr("user.new", "value", 5, XATTR_CREATE), 0);
	assert_int_equal(get_xattr("user.new"), 5);
	assert_memory_equal(data(), "value", 5);
	assert_int_equal(p9_forget(&rig, 51), 0);
	assert_int_equal(set_xattr("user.new", "value", 5, XATTR_CREATE),
			 EEXIST);
	assert_int_equal(set_xattr("user.none", "v", 1, XATTR_REPLACE),
			 ENODATA);
	assert_int_equal(set_xattr("user.empty", NULL, 0, 0), 0);
	assert_int_equal(get_xattr("user.empty"), 0);
	assert_int_equal(p9_forget(&rig, 51), 0);
	/* How Linux removes one. */
	assert_int_equal(set_xattr("user.there", NULL, 0, XATTR_REPLACE), 0);
	assert_int_equal(get_xattr("user.there"), -ENODATA);
	/* Two names; the file system may have others of its own. */
	assert_true(get_xattr("") >= 20);
	assert_non_null(memmem(data(), 64, "user.new", 9));
	assert_non_null(memmem(data(), 64, "user.empty", 11));
	assert_int_equal(p9_forget(&rig, 51), 0);
}

static void xattrs_that_are_wrong(void **state)
{
	(void)state;
	p9_new_file(&rig, "f", "content");
	assert_int_equal(p9_go(&rig, 0, 1, "f"), 0);
	if (!has_xattrs())
		return;
	assert_int_equal(set_xattr("user.x", "v", 1, 4), EINVAL);
	assert_int_equal(set_xattr("", "v", 1, 0), EINVAL);
	assert_int_equal(set_xattr("nothing.x", "v", 1, 0), EOPNOTSUPP);
	assert_int_equal(p9_go(&rig, 1, 2, ""), 0);
	assert_int_equal(p9_do(&rig, P9_TXATTRCREATE, "dsqd", 2, "user.x",
			       65537ULL, 0),
			 E2BIG);
	assert_int_equal(p9_do(&rig, P9_TXATTRCREATE, "dsqd", 2, "user.x",
			       UINT64_MAX, 0),
			 E2BIG);
	assert_int_equal(
		p9_do(&rig, P9_TXATTRCREATE, "dsqd", 2, "user.x", 4ULL, 0), 0);
	/* Written inside of what was said, and not read. */
	assert_int_equal(pwrite_fid(2, 0, "12345", 5), -ENOSPC);
	assert_int_equal(pwrite_fid(2, 4, "1", 1), -ENOSPC);
	assert_int_equal(pwrite_fid(2, UINT64_MAX, "1", 1), -ENOSPC);
	assert_int_equal(pwrite_fid(2, 1, "xyz", 3), 3);
	assert_int_equal(pread_fid(2, 0, 4), -EBADF);
	assert_int_equal(p9_go(&rig, 2, 3, ""), EINVAL);
	assert_int_equal(p9_go(&rig, 2, 2, ""), EINVAL);
	assert_int_equal(p9_do(&rig, P9_TXATTRCREATE, "dsqd", 2, "user.x", 4ULL,
			       0),
			 EINVAL);
	assert_int_equal(p9_do(&rig, P9_TXATTRWALK, "dds", 2, 3, ""), EINVAL);
	assert_int_equal(p9_forget(&rig, 2), 0);
	assert_int_equal(get_xattr("user.x"), 4);
	assert_memory_equal(data(), "\0xyz", 4);
	assert_int_equal(pwrite_fid(51, 0, "x", 1), -EBADF);
	assert_int_equal(p9_do(&rig, P9_TXATTRWALK, "dds", 1, 51, ""), EINVAL);
	assert_int_equal(p9_do(&rig, P9_TXATTRWALK, "dds", 1, NOBODY, ""),
			 EINVAL);
}

/* Of what is not set yet a client cannot have us keep any amount. */
static void too_many_xattrs(void **state)
{
	int error = 0;
	u32 n = 0;

	(void)state;
	p9_new_file(&rig, "f", "content");
	for (; !error && n < 500; n++) {
		assert_int_equal(p9_go(&rig, 0, 1 + n, "f"), 0);
		error = p9_do(&rig, P9_TXATTRCREATE, "dsqd", 1 + n, "user.x",
			      65536ULL, 0);
	}
	assert_int_equal(error, ENOSPC);
	assert_int_equal(n, 257);
	p9_server_reset(rig.server);
	p9_rig_session(&rig);
	assert_int_equal(p9_go(&rig, 0, 1, "f"), 0);
	assert_int_equal(p9_do(&rig, P9_TXATTRCREATE, "dsqd", 1, "user.x",
			       65536ULL, 0),
			 0);
}

/* ---- Locks --------------------------------------------------------------- */

#define RD 0
#define WR 1
#define UN 2

/* The status, or -errno. */
static int lock(u32 fid, u8 type, u64 start, u64 len)
{
	int error = p9_do(&rig, P9_TLOCK, "dbdqqds", fid, type, 1, start, len,
			  99, "guest");

	return error ? -error : (int)p9_get(&rig, 1);
}

static int getlock(u32 fid, u8 type, u64 start, u64 len)
{
	int error = p9_do(&rig, P9_TGETLOCK, "dbqqds", fid, type, start, len,
			  99, "guest");

	return error ? -error : (int)p9_get(&rig, 1);
}

static void locks(void **state)
{
	struct flock ours = { .l_type = F_WRLCK, .l_start = 5, .l_len = 1 };
	int fd;

	(void)state;
	p9_new_file(&rig, "f", "content");
	for (u32 i = 1; i < 4; i++)
		assert_int_equal(p9_go(&rig, 0, i, "f"), 0);
	assert_int_equal(lock(1, RD, 0, 0), -EBADF);
	assert_int_equal(lopen(1, FILE_RW), 0);
	assert_int_equal(lopen(2, FILE_RW), 0);
	assert_int_equal(lopen(3, FILE_RD), 0);
	assert_int_equal(lock(1, WR, 0, 10), 0);
	assert_int_equal(lock(2, WR, 9, 1), 1);
	assert_int_equal(lock(2, RD, 9, 0), 1);
	assert_int_equal(lock(2, WR, 10, 0), 0);
	assert_int_equal(lock(3, WR, 0, 1), -EBADF);
	/* Others of the host see it, too. */
	fd = openat(rig.share, "f", O_RDWR);
	assert_int_equal(fcntl(fd, F_OFD_SETLK, &ours), -1);
	assert_int_equal(getlock(3, RD, 0, 0), WR);
	assert_int_equal(p9_get(&rig, 8), 0);
	assert_int_equal(p9_get(&rig, 8), 10);
	p9_get(&rig, 4);
	assert_string_equal(p9_get_string(&rig), "guest");
	assert_int_equal(lock(1, UN, 0, 8), 0);
	assert_int_equal(getlock(3, WR, 0, 8), UN);
	assert_int_equal(fcntl(fd, F_OFD_SETLK, &ours), 0);
	assert_int_equal(lock(1, WR, 0, 8), 1);
	close(fd);
	assert_int_equal(lock(1, WR, 0, 8), 0);
	/* Gone with the fid, though there are clones of it. */
	assert_int_equal(p9_go(&rig, 1, 4, ""), 0);
	assert_int_equal(lock(2, WR, 9, 1), 1);
	assert_int_equal(p9_forget(&rig, 1), 0);
	assert_int_equal(lock(2, WR, 9, 1), 0);
	assert_int_equal(lock(2, 3, 0, 1), -EINVAL);
	assert_int_equal(lock(2, WR, UINT64_MAX, 1), -EINVAL);
	assert_int_equal(lock(2, WR, 1, UINT64_MAX), -EINVAL);
	assert_int_equal(getlock(2, UN, 0, 1), -EINVAL);
	assert_int_equal(getlock(4, WR, 0, 1), -EBADF);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		P9_TEST(open_and_read),
		P9_TEST(open_and_write),
		P9_TEST(large_reads_and_writes),
		P9_TEST(creation),
		P9_TEST(opening_again_after_unlink),
		P9_TEST(attributes),
		P9_TEST(changes),
		P9_TEST(changes_of_a_link),
		P9_TEST(owners),
		P9_TEST(owners_that_cannot_be_set),
		P9_TEST(file_system),
		P9_TEST(xattrs),
		P9_TEST(xattrs_that_are_wrong),
		P9_TEST(too_many_xattrs),
		P9_TEST(locks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
