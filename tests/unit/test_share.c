/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: share/share.c share/p9_*.c util/iov.c tests/unit/p9_rig.c */
/* SOURCES: tests/unit/flash_fixture.c */
/* WRAP: getrlimit setrlimit faccessat stat getxattr */
/* Directories that are opened to be shared, and how many descriptors they get.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "flash_fixture.h"
#include "lkvm/share/share.h"
#include "p9_rig.h"

static struct {
	struct rlimit limit;
	int get_error, set_error, access_error;
	bool no_proc;
	int xattr_error;
} fake;

int __wrap_getrlimit(int resource, struct rlimit *limit);
int __wrap_setrlimit(int resource, const struct rlimit *limit);
int __wrap_faccessat(int dir, const char *path, int mode, int flags);
int __wrap_stat(const char *path, struct stat *st);
int __real_stat(const char *path, struct stat *st);

ssize_t __wrap_getxattr(const char *path, const char *name, void *value,
			size_t size);

static int fail_with(int error)
{
	errno = error;
	return error ? -1 : 0;
}

int __wrap_getrlimit(int resource, struct rlimit *limit)
{
	assert_int_equal(resource, RLIMIT_NOFILE);
	*limit = fake.limit;
	return fail_with(fake.get_error);
}

int __wrap_setrlimit(int resource, const struct rlimit *limit)
{
	assert_int_equal(resource, RLIMIT_NOFILE);
	if (!fake.set_error)
		fake.limit = *limit;
	return fail_with(fake.set_error);
}

int __wrap_faccessat(int dir, const char *path, int mode, int flags)
{
	(void)dir;
	(void)path;
	assert_int_equal(mode, X_OK);
	assert_int_equal(flags, AT_EACCESS);
	return fail_with(fake.access_error);
}

ssize_t __wrap_getxattr(const char *path, const char *name, void *value,
			size_t size)
{
	(void)path;
	(void)value;
	assert_string_equal(name, "user.virtfs.mode");
	assert_int_equal(size, 0);
	return fail_with(fake.xattr_error);
}

/* Only of paths in /proc here. */
int __wrap_stat(const char *path, struct stat *st)
{
	return fake.no_proc ? fail_with(ENOENT) : __real_stat(path, st);
}

static int setup(void **state)
{
	memset(&fake, 0, sizeof(fake));
	forget_messages();
	return p9_setup(state);
}

static void descriptors(void **state)
{
	(void)state;
	fake.limit = (struct rlimit) { 1024, 4096 };
	assert_int_equal(share_descriptors(1), 2048);
	assert_int_equal(fake.limit.rlim_cur, 4096);
	assert_int_equal(share_descriptors(4), 512);
	assert_int_equal(share_descriptors(31), 66);
	fake.limit = (struct rlimit) { 1024, 4096 };
	fake.set_error = EPERM;
	assert_int_equal(share_descriptors(2), 256);
	assert_int_equal(share_descriptors(31), 64);
	fake.limit = (struct rlimit) { RLIM_INFINITY, RLIM_INFINITY };
	assert_int_equal(share_descriptors(3), 65536);
	fake.get_error = EINVAL;
	assert_int_equal(share_descriptors(3), 64);
}

static const char *in_dir(const char *name)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/%s", rig.dir, name);
	return path;
}

/* A file system without attributes does for a share that needs none. */
static void mapped(void **state)
{
	struct share_config config = { .path = in_dir("share"),
				       .owner = SHARE_OWNER_MAPPED };
	static const int fine[] = { ENODATA, EACCES };
	struct p9_server *server = NULL;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(fine); i++) {
		fake.xattr_error = fine[i];
		assert_int_equal(share_open(&config, 50, &server), 0);
		p9_server_destroy(server);
	}
	fake.xattr_error = EOPNOTSUPP;
	assert_int_equal(share_open(&config, 50, &server), -EOPNOTSUPP);
	assert_int_equal(nr_fatal, 1);
	assert_said("owner=mapped needs extended attributes");
	config.owner = SHARE_OWNER_HOST;
	assert_int_equal(share_open(&config, 50, &server), 0);
	p9_server_destroy(server);
}

static void assert_opens(const char *path, bool readonly)
{
	const struct share_config config = { .path = path,
					     .readonly = readonly };

	p9_server_destroy(rig.server);
	assert_int_equal(share_open(&config, 50, &rig.server), 0);
	assert_string_equal(messages, "");
	p9_rig_session(&rig);
	assert_int_equal(p9_do(&rig, P9_TMKDIR, "dsdd", 0, "d", 0755, 0),
			 readonly ? EROFS : 0);
}

static void opens(void **state)
{
	struct stat st;

	(void)state;
	assert_opens(in_dir("share"), true);
	assert_int_equal(fstatat(rig.share, "d", &st, 0), -1);
	assert_opens(in_dir("share"), false);
	assert_int_equal(fstatat(rig.share, "d", &st, 0), 0);
	/* The user may name it by a link. */
	assert_int_equal(symlinkat("../share", rig.out, "link"), 0);
	unlinkat(rig.share, "d", AT_REMOVEDIR);
	assert_opens(in_dir("out/link"), false);
	assert_int_equal(fstatat(rig.share, "d", &st, 0), 0);
}

static void assert_refused(const char *path, int error, const char *text)
{
	const struct share_config config = { .path = path };
	struct p9_server *server = NULL;
	int next = next_fd();

	forget_messages();
	assert_int_equal(share_open(&config, 50, &server), -error);
	assert_null(server);
	assert_int_equal(nr_fatal, 1);
	assert_said(path);
	assert_said(text);
	assert_int_equal(next_fd(), next);
}

static void refusals(void **state)
{
	(void)state;
	assert_refused(in_dir("none"), ENOENT, "mkdir");
	assert_refused(in_dir("out/secret"), ENOTDIR, "is not a directory");
	assert_refused(in_dir("out/secret/x"), ENOTDIR, "is not a directory");
	fake.access_error = EACCES;
	assert_refused(in_dir("out"), EACCES, "Permission denied");
	fake.access_error = 0;
	fake.no_proc = true;
	assert_refused(in_dir("out"), ENOENT, "needs /proc");
}

#define SHARE_TEST(f) cmocka_unit_test_setup_teardown(f, setup, p9_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		SHARE_TEST(descriptors),
		SHARE_TEST(opens),
		SHARE_TEST(mapped),
		SHARE_TEST(refusals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
