/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: control/place.c config/control.c util/unix_socket.c */
/* WRAP: geteuid fstat getsockopt */
/*
 * Where control sockets are: the folder, whose it is, names, what is left over
 * by a run that was killed.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "lkvm/config/control.h"
#include "lkvm/control/place.h"

/* Whoever hangs dies by SIGALRM. */
#define PATIENCE 60

static struct {
	char folder[32];
	struct control_place place;
	struct unix_socket sock;
	char path[CONTROL_PATH];
	uid_t euid;    /* what geteuid(2) says */
	bool others;   /* files belong to another user, as fstat(2) says */
	bool stranger; /* so does the other end of a socket */
} t;

uid_t __wrap_geteuid(void);

uid_t __wrap_geteuid(void)
{
	return t.euid;
}

int __real_fstat(int fd, struct stat *st);
int __wrap_fstat(int fd, struct stat *st);

int __wrap_fstat(int fd, struct stat *st)
{
	int ret = __real_fstat(fd, st);

	if (t.others)
		st->st_uid++;
	return ret;
}

int __wrap_getsockopt(int fd, int level, int name, void *value, socklen_t *len);
int __real_getsockopt(int fd, int level, int name, void *value, socklen_t *len);

int __wrap_getsockopt(int fd, int level, int name, void *value, socklen_t *len)
{
	int ret = __real_getsockopt(fd, level, name, value, len);

	if (t.stranger)
		((struct ucred *)value)->uid = t.euid + 1;
	return ret;
}

static int setup(void **state)
{
	(void)state;
	alarm(PATIENCE);
	memset(&t, 0, sizeof(t));
	t.euid = getuid();
	t.place.fd = t.sock.fd = -1;
	strcpy(t.folder, "/tmp/lkvm-ctl-XXXXXX");
	assert_non_null(mkdtemp(t.folder));
	return setenv("XDG_RUNTIME_DIR", t.folder, 1);
}

static int teardown(void **state)
{
	char path[64];

	(void)state;
	unix_socket_close(&t.sock);
	control_place_close(&t.place);
	snprintf(path, sizeof(path), "%s/lkvm", t.folder);
	assert_true(!rmdir(path) || errno == ENOENT);
	assert_int_equal(rmdir(t.folder), 0);
	alarm(0);
	return 0;
}

static void open_place(void)
{
	assert_int_equal(control_place_open(&t.place, true), 0);
}

/* The path is known, though nothing is there. */
static void expect_dir(const char *dir)
{
	control_place_open(&t.place, false);
	control_place_close(&t.place);
	assert_string_equal(t.place.dir, dir);
}

static void which_folder(void **state)
{
	char dir[64];

	(void)state;
	snprintf(dir, sizeof(dir), "%s/lkvm", t.folder);
	expect_dir(dir);
	/* XDG: "all paths must be absolute", or are to be ignored. */
	t.euid = 12345;
	setenv("XDG_RUNTIME_DIR", "relative", 1);
	expect_dir("/run/user/12345/lkvm");
	setenv("XDG_RUNTIME_DIR", "", 1);
	expect_dir("/run/user/12345/lkvm");
	unsetenv("XDG_RUNTIME_DIR");
	expect_dir("/run/user/12345/lkvm");
	t.euid = 0;
	expect_dir("/run/lkvm");
}

static void made_if_wanted(void **state)
{
	struct stat st;

	(void)state;
	assert_int_equal(control_place_open(&t.place, false), -ENOENT);
	control_place_close(&t.place);
	open_place();
	assert_int_equal(stat(t.place.dir, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	control_place_close(&t.place);
	/* It stays, and is used again. */
	assert_int_equal(control_place_open(&t.place, false), 0);
	control_place_close(&t.place);
	open_place();
	control_place_close(&t.place);
	setenv("XDG_RUNTIME_DIR", "/nonexistent", 1);
	assert_int_equal(control_place_open(&t.place, true), -ENOENT);
}

static void not_ours(void **state)
{
	char path[64];

	(void)state;
	open_place();
	control_place_close(&t.place);
	t.others = true;
	assert_int_equal(control_place_open(&t.place, true), -EPERM);
	control_place_close(&t.place);
	t.others = false;
	for (mode_t bit = 1; bit < 0100; bit <<= 1) {
		assert_int_equal(chmod(t.place.dir, 0700 | bit), 0);
		assert_int_equal(control_place_open(&t.place, true), -EPERM);
		control_place_close(&t.place);
	}
	/* Nor what only leads to one that is good. */
	assert_int_equal(chmod(t.place.dir, 0700), 0);
	snprintf(path, sizeof(path), "%s/real", t.folder);
	assert_int_equal(rename(t.place.dir, path), 0);
	assert_int_equal(symlink("real", t.place.dir), 0);
	assert_int_equal(control_place_open(&t.place, true), -EPERM);
	assert_int_equal(unlink(t.place.dir), 0);
	assert_int_equal(rmdir(path), 0);
	assert_int_equal(close(open(t.place.dir, O_CREAT | O_WRONLY, 0600)), 0);
	assert_int_equal(control_place_open(&t.place, true), -EPERM);
	assert_int_equal(unlink(t.place.dir), 0);
}

static void a_long_path(void **state)
{
	char dir[CONTROL_PATH + 8], short_dir[CONTROL_PATH];

	(void)state;
	memset(dir, 'd', sizeof(dir));
	dir[0] = '/';
	dir[sizeof(dir) - 1] = '\0';
	setenv("XDG_RUNTIME_DIR", dir, 1);
	assert_int_equal(control_place_open(&t.place, true), -ENAMETOOLONG);
	control_place_close(&t.place);
	/* The folder fits, and the longest name does not. */
	setenv("XDG_RUNTIME_DIR", t.folder, 1);
	open_place();
	memset(dir, 'n', sizeof(dir));
	dir[CONTROL_NAME_MAX] = '\0';
	assert_int_equal(control_place_claim(&t.place, dir, &t.sock, t.path),
			 0);
	unix_socket_close(&t.sock);
	strcpy(short_dir, t.place.dir);
	while (strlen(t.place.dir) + strlen(dir) + 6 < CONTROL_PATH)
		strcat(t.place.dir, "/");
	assert_int_equal(control_place_claim(&t.place, dir, &t.sock, t.path),
			 -ENAMETOOLONG);
	strcpy(t.place.dir, short_dir);
}

static void names(void **state)
{
	static const char *const good[] = { "a", "0", "guest-1", "A.b_c-9" };
	static const char *const bad[] = { "",	       ".",   "..",  ".a",
					   "-a",       "_a",  "a/b", "a b",
					   "\xc3\xa4", "a\n", "a,b" };
	char longest[CONTROL_NAME_MAX + 2];

	(void)state;
	open_place();
	for (size_t i = 0; i < ARRAY_SIZE(good); i++)
		assert_true(control_name_is_good(good[i]));
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_false(control_name_is_good(bad[i]));
		assert_int_equal(control_place_claim(&t.place, bad[i], &t.sock,
						     t.path),
				 -EINVAL);
		assert_int_equal(control_place_connect(&t.place, bad[i]),
				 -EINVAL);
	}
	memset(longest, 'n', sizeof(longest));
	longest[CONTROL_NAME_MAX] = '\0';
	assert_true(control_name_is_good(longest));
	longest[CONTROL_NAME_MAX] = 'n';
	longest[CONTROL_NAME_MAX + 1] = '\0';
	assert_false(control_name_is_good(longest));
}

static void one_of_a_name(void **state)
{
	struct unix_socket second;
	char path[CONTROL_PATH];
	struct stat st;
	int fd;

	(void)state;
	open_place();
	assert_int_equal(control_place_connect(&t.place, "g"), -ENOENT);
	assert_int_equal(control_place_claim(&t.place, "g", &t.sock, t.path),
			 0);
	assert_int_equal(stat(t.path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(control_place_claim(&t.place, "g", &second, path),
			 -EADDRINUSE);
	assert_int_equal(second.fd, -1);
	/* The first one's is still there. */
	fd = control_place_connect(&t.place, "g");
	assert_true(fd >= 0);
	assert_true(control_peer_is_trusted(fd));
	assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
	close(fd);
	assert_int_equal(control_place_claim(&t.place, "h", &second, path), 0);
	unix_socket_close(&second);
	assert_true(access(path, F_OK) < 0);
}

/* Nobody listens, as after SIGKILL. */
static void leave_over(const char *name)
{
	struct unix_socket sock;
	char path[CONTROL_PATH];

	assert_int_equal(control_place_claim(&t.place, name, &sock, path), 0);
	close(sock.fd);
	assert_int_equal(access(path, F_OK), 0);
}

static void left_over(void **state)
{
	struct control_names list;

	(void)state;
	open_place();
	leave_over("b");
	leave_over("a");
	assert_int_equal(control_place_names(&t.place, &list), 0);
	assert_int_equal(list.count, 2);
	assert_string_equal(list.items[0], "a");
	assert_string_equal(list.items[1], "b");
	control_names_free(&list);
	/* Looked at it is removed; a guest of its name replaces it. */
	assert_int_equal(control_place_connect(&t.place, "a"), -ENOENT);
	assert_int_equal(control_place_claim(&t.place, "b", &t.sock, t.path),
			 0);
	assert_int_equal(control_place_names(&t.place, &list), 0);
	assert_int_equal(list.count, 1);
	assert_string_equal(list.items[0], "b");
	control_names_free(&list);
}

static void other_files(void **state)
{
	static const char *const files[] = { "x", ".sock", "a b.sock",
					     "y.socket", "file.sock" };
	struct control_names list;

	(void)state;
	open_place();
	for (size_t i = 0; i < ARRAY_SIZE(files); i++)
		assert_int_equal(close(openat(t.place.fd, files[i],
					      O_CREAT | O_WRONLY, 0600)),
				 0);
	assert_int_equal(control_place_names(&t.place, &list), 0);
	assert_int_equal(list.count, 1);
	assert_string_equal(list.items[0], "file");
	control_names_free(&list);
	assert_int_equal(control_place_claim(&t.place, "file", &t.sock, t.path),
			 -ENOTSOCK);
	/* Not ours to remove, though nobody listens there, either. */
	assert_true(control_place_connect(&t.place, "file") < 0);
	for (size_t i = 0; i < ARRAY_SIZE(files); i++)
		assert_int_equal(unlinkat(t.place.fd, files[i], 0), 0);
}

/* A process that was stopped while it made its socket. */
static void a_lock_that_stays(void **state)
{
	int fd;

	(void)state;
	open_place();
	leave_over("g");
	fd = open(t.place.dir, O_RDONLY | O_DIRECTORY);
	assert_int_equal(flock(fd, LOCK_EX), 0);
	assert_int_equal(control_place_claim(&t.place, "g", &t.sock, t.path),
			 -EBUSY);
	assert_int_equal(control_place_connect(&t.place, "g"), -EBUSY);
	close(fd);
	assert_int_equal(control_place_connect(&t.place, "g"), -ENOENT);
}

/* The other end's owner is asked for, not the file's. */
static void a_stranger_listens(void **state)
{
	(void)state;
	open_place();
	assert_int_equal(control_place_claim(&t.place, "g", &t.sock, t.path),
			 0);
	t.stranger = true;
	assert_int_equal(control_place_connect(&t.place, "g"), -EPERM);
}

static void explained(void **state)
{
	static const int errors[] = { -ENOENT,	   -EPERM, -EINVAL,
				      -EADDRINUSE, -EBUSY, -ENAMETOOLONG,
				      -EAGAIN };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(errors); i++)
		assert_string_not_equal(control_place_explain(errors[i]),
					strerror(-errors[i]));
	assert_string_equal(control_place_explain(-EACCES), strerror(EACCES));
}

#define PLACE_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		PLACE_TEST(which_folder),
		PLACE_TEST(made_if_wanted),
		PLACE_TEST(not_ours),
		PLACE_TEST(a_long_path),
		PLACE_TEST(names),
		PLACE_TEST(one_of_a_name),
		PLACE_TEST(left_over),
		PLACE_TEST(other_files),
		PLACE_TEST(a_lock_that_stays),
		PLACE_TEST(a_stranger_listens),
		PLACE_TEST(explained),
	};

	return cmocka_run_group_tests_name("control_place", tests, NULL, NULL);
}
