/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: share/p9_*.c util/iov.c tests/unit/p9_rig.c */
/*
 * Random operations by 9p, and the same ones by system calls on a shadow: a
 * directory beside the share. Both have the same result each time, and both
 * trees are the same at the end.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "p9_rig.h"

#define OPERATIONS 8000
#define TRANSFERS  5000
#define FILE_MAX   20000U
#define PARENT	   1U /* fids */
#define OTHER	   2U
#define OBJECT	   3U
#define OPEN	   4U

static int shadow;
static u64 rng;

static u32 below(u32 n)
{
	rng = rng * 6364136223846793005ULL + 1442695040888963407ULL;
	return (u32)(rng >> 33) % n;
}

static int setup(void **state)
{
	p9_setup(state);
	rng = 1;
	assert_int_equal(mkdirat(rig.out, "shadow", 0755), 0);
	shadow = openat(rig.out, "shadow", O_RDONLY | O_DIRECTORY);
	return shadow < 0;
}

static int teardown(void **state)
{
	close(shadow);
	return p9_teardown(state);
}

/* ---- Operations ---------------------------------------------------------- */

/* A name in one of few directories, by 9p as fid and by a descriptor. */
struct place {
	const char *dir, *name;
	u32 fid;
	int fd;
};

static const char *const dirs[] = { "", "a", "b", "a/c", "b/a" };
static const char *const leaves[] = { "a", "b", "c", "d", "e" };

/* Both have the directory, or neither has: then the operation is over. */
static bool find(struct place *p, u32 fid)
{
	int error;

	p->dir = dirs[below(ARRAY_SIZE(dirs))];
	p->name = leaves[below(ARRAY_SIZE(leaves))];
	p->fid = fid;
	p->fd = openat(shadow, *p->dir ? p->dir : ".",
		       O_PATH | O_NOFOLLOW | O_CLOEXEC);
	error = p9_go(&rig, 0, fid, p->dir);
	assert_int_equal(!error, p->fd >= 0);
	return !error;
}

static void leave(struct place *p)
{
	close(p->fd);
	assert_int_equal(p9_forget(&rig, p->fid), 0);
}

/* The errno of a system call's result. */
static int of(int ret)
{
	return ret < 0 ? errno : 0;
}

/* Two steps by 9p are one call: what fails at the first may have two reasons.
 */
static int go(const struct place *p, int error)
{
	int ret = p9_go(&rig, p->fid, OBJECT, p->name);

	return ret && error ? error : ret;
}

static int do_mkdir(struct place *p, int *error)
{
	u32 mode = 0700 | below(0100);

	*error = of(mkdirat(p->fd, p->name, 0700));
	if (!*error)
		*error = of(fchmodat(p->fd, p->name, mode, 0));
	return p9_do(&rig, P9_TMKDIR, "dsdd", p->fid, p->name, mode, 0);
}

static int do_create(struct place *p, int *error)
{
	u32 mode = 0600 | below(0100), len = below(FILE_MAX);
	static u8 data[FILE_MAX];
	struct stat st;
	bool is_new;
	int fd, ret;

	memset(data, (int)below(256), len);
	is_new = fstatat(p->fd, p->name, &st, AT_SYMLINK_NOFOLLOW) < 0;
	fd = openat(p->fd, p->name,
		    O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0600);
	*error = of(fd);
	if (fd >= 0) {
		if (is_new)
			*error = of(fchmod(fd, mode));
		assert_int_equal(pwrite(fd, data, len, 100), len);
		close(fd);
	}
	ret = p9_do(&rig, P9_TLCREATE, "dsddd", p->fid, p->name, 1, mode, 0);
	if (!ret)
		ret = p9_do(&rig, P9_TWRITE, "dqdV", p->fid, 100ULL, len, data,
			    len);
	return ret;
}

static int do_unlink(struct place *p, int *error)
{
	bool dir = below(2);

	*error = of(unlinkat(p->fd, p->name, dir ? AT_REMOVEDIR : 0));
	return p9_do(&rig, P9_TUNLINKAT, "dsd", p->fid, p->name,
		     dir ? AT_REMOVE : 0);
}

static int do_remove(struct place *p, int *error)
{
	struct stat st;
	int ret;

	*error = of(fstatat(p->fd, p->name, &st, AT_SYMLINK_NOFOLLOW));
	if (!*error)
		*error = of(unlinkat(p->fd, p->name,
				     S_ISDIR(st.st_mode) ? AT_REMOVEDIR : 0));
	ret = go(p, *error);
	return ret ? ret : p9_do(&rig, P9_TREMOVE, "d", OBJECT);
}

static int do_symlink(struct place *p, int *error)
{
	const char *target = below(2) ? "nowhere" : "a longer/../target";

	*error = of(symlinkat(target, p->fd, p->name));
	return p9_do(&rig, P9_TSYMLINK, "dssd", p->fid, p->name, target, 0);
}

static int do_mknod(struct place *p, int *error)
{
	*error = of(mknodat(p->fd, p->name, S_IFIFO | 0600, 0));
	return p9_do(&rig, P9_TMKNOD, "dsdddd", p->fid, p->name, S_IFIFO | 0600,
		     0, 0, 0);
}

static int do_rename(struct place *p, int *error)
{
	bool by_fid = below(2);
	struct place to;
	int ret;

	*error = 0;
	if (!find(&to, OTHER))
		return 0;
	*error = of(renameat(p->fd, p->name, to.fd, to.name));
	if (by_fid) {
		ret = go(p, *error);
		if (!ret) {
			ret = p9_do(&rig, P9_TRENAME, "dds", OBJECT, to.fid,
				    to.name);
			assert_int_equal(p9_forget(&rig, OBJECT), 0);
		}
	} else {
		ret = p9_do(&rig, P9_TRENAMEAT, "dsds", p->fid, p->name, to.fid,
			    to.name);
	}
	leave(&to);
	return ret;
}

static int do_link(struct place *p, int *error)
{
	struct place to;
	int ret;

	*error = 0;
	if (!find(&to, OTHER))
		return 0;
	*error = of(linkat(p->fd, p->name, to.fd, to.name, 0));
	ret = go(p, *error);
	if (!ret) {
		ret = p9_do(&rig, P9_TLINK, "dds", to.fid, OBJECT, to.name);
		assert_int_equal(p9_forget(&rig, OBJECT), 0);
	}
	leave(&to);
	return ret;
}

/* Mode, and the size of a file. */
static int do_setattr(struct place *p, int *error)
{
	u32 mode = 0700 | below(0100), size = below(FILE_MAX), valid = 1;
	struct stat st;
	int ret, fd;

	*error = of(fstatat(p->fd, p->name, &st, AT_SYMLINK_NOFOLLOW));
	ret = p9_go(&rig, p->fid, OBJECT, p->name);
	if (*error || ret)
		return ret;
	if (S_ISREG(st.st_mode))
		valid |= 8;
	ret = p9_do(&rig, P9_TSETATTR, "dddddqqqqq", OBJECT, valid, mode, 0, 0,
		    (u64)size, 0ULL, 0ULL, 0ULL, 0ULL);
	assert_int_equal(p9_forget(&rig, OBJECT), 0);
	if (S_ISLNK(st.st_mode)) {
		*error = EOPNOTSUPP;
		return ret;
	}
	*error = of(fchmodat(p->fd, p->name, mode, 0));
	if (valid & 8) {
		fd = openat(p->fd, p->name, O_WRONLY);
		assert_int_equal(ftruncate(fd, size), 0);
		close(fd);
	}
	return ret;
}

static int do_stat(struct place *p, int *error)
{
	struct stat seen, st;
	int ret = p9_go(&rig, p->fid, OBJECT, p->name);

	*error = of(fstatat(p->fd, p->name, &st, AT_SYMLINK_NOFOLLOW));
	if (ret || *error)
		return ret;
	ret = p9_look(&rig, OBJECT, &seen);
	assert_int_equal(seen.st_mode, st.st_mode);
	assert_int_equal(seen.st_nlink, st.st_nlink);
	if (!S_ISDIR(st.st_mode))
		assert_int_equal(seen.st_size, st.st_size);
	assert_int_equal(p9_forget(&rig, OBJECT), 0);
	return ret;
}

static int (*const operations[])(struct place *p, int *error) = {
	do_mkdir,  do_create, do_create, do_unlink,  do_remove, do_symlink,
	do_rename, do_rename, do_link,	 do_setattr, do_stat,	do_mknod,
};

/* ---- Trees --------------------------------------------------------------- */

static void compare(int a, int b, const char *path, unsigned int depth);

static void compare_content(int a, int b)
{
	static u8 one[2 * FILE_MAX], two[2 * FILE_MAX];
	ssize_t n = pread(a, one, sizeof(one), 0);

	assert_true(n >= 0);
	assert_int_equal(pread(b, two, sizeof(two), 0), n);
	assert_memory_equal(one, two, n);
}

static void compare_object(int a, int b, const char *name, unsigned int depth)
{
	struct stat one, two;
	char first[64] = { 0 }, second[64] = { 0 };
	int c, d;

	assert_int_equal(fstatat(a, name, &one, AT_SYMLINK_NOFOLLOW), 0);
	assert_int_equal(fstatat(b, name, &two, AT_SYMLINK_NOFOLLOW), 0);
	assert_int_equal(one.st_mode, two.st_mode);
	assert_int_equal(one.st_nlink, two.st_nlink);
	if (S_ISLNK(one.st_mode)) {
		assert_true(readlinkat(a, name, first, 63) > 0);
		assert_true(readlinkat(b, name, second, 63) > 0);
		assert_string_equal(first, second);
	}
	if (S_ISDIR(one.st_mode))
		compare(a, b, name, depth + 1);
	if (!S_ISREG(one.st_mode))
		return;
	c = openat(a, name, O_RDONLY);
	d = openat(b, name, O_RDONLY);
	compare_content(c, d);
	close(c);
	close(d);
}

static unsigned int count_entries(int fd)
{
	DIR *dir = fdopendir(dup(fd));
	unsigned int n = 0;

	assert_non_null(dir);
	rewinddir(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

static void compare(int a, int b, const char *path, unsigned int depth)
{
	int one = openat(a, path, O_RDONLY | O_DIRECTORY);
	int two = openat(b, path, O_RDONLY | O_DIRECTORY);
	const struct dirent *d;
	DIR *dir;

	assert_true(one >= 0 && two >= 0 && depth < 20);
	assert_int_equal(count_entries(one), count_entries(two));
	dir = fdopendir(one);
	rewinddir(dir);
	while ((d = readdir(dir)))
		if (strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0)
			compare_object(one, two, d->d_name, depth);
	closedir(dir);
	close(two);
}

static void names(void **state)
{
	unsigned int good = 0;

	(void)state;
	for (u32 i = 0; i < OPERATIONS; i++) {
		u32 n = below(ARRAY_SIZE(operations));
		struct place p;
		int ret, error;

		if (!find(&p, PARENT))
			continue;
		ret = operations[n](&p, &error);
		if (ret != error)
			fail_msg("operation %u, %u of %s/%s: %s by 9p, %s", i,
				 n, p.dir, p.name, strerror(ret),
				 strerror(error));
		good += !ret;
		leave(&p);
		if (!(i % 500))
			compare(rig.share, shadow, ".", 0);
	}
	compare(rig.share, shadow, ".", 0);
	assert_true(good > OPERATIONS / 10);
	assert_int_equal(p9_server_stats(rig.server)->fids, 1);
}

/* ---- One file ------------------------------------------------------------ */

static void transfer(int fd, u32 offset, u32 len)
{
	static u8 data[FILE_MAX];
	ssize_t n;

	if (below(2)) {
		for (u32 i = 0; i < len; i++)
			data[i] = (u8)below(256);
		assert_int_equal(pwrite(fd, data, len, offset), len);
		assert_int_equal(p9_do(&rig, P9_TWRITE, "dqdV", OPEN,
				       (u64)offset, len, data, len),
				 0);
		assert_int_equal(p9_get(&rig, 4), len);
		return;
	}
	n = pread(fd, data, len, offset);
	assert_int_equal(p9_do(&rig, P9_TREAD, "dqd", OPEN, (u64)offset, len),
			 0);
	assert_int_equal(p9_get(&rig, 4), n);
	assert_memory_equal(rig.reply + rig.at, data, n);
}

static void content(void **state)
{
	int fd = openat(shadow, "f", O_RDWR | O_CREAT, 0600);

	(void)state;
	assert_int_equal(p9_go(&rig, 0, OPEN, ""), 0);
	assert_int_equal(
		p9_do(&rig, P9_TLCREATE, "dsddd", OPEN, "f", 2, 0600, 0), 0);
	for (u32 i = 0; i < TRANSFERS; i++) {
		u32 offset = below(FILE_MAX), len = below(FILE_MAX);
		u32 first = below(30);

		rig.cut = first;
		if (below(10)) {
			transfer(fd, offset, below(4) ? len / 50 : len);
			continue;
		}
		assert_int_equal(ftruncate(fd, offset), 0);
		assert_int_equal(p9_do(&rig, P9_TSETATTR, "dddddqqqqq", OPEN, 8,
				       0, 0, 0, (u64)offset, 0ULL, 0ULL, 0ULL,
				       0ULL),
				 0);
	}
	compare_object(rig.share, shadow, "f", 0);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(names, setup, teardown),
		cmocka_unit_test_setup_teardown(content, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
