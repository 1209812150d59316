/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: share/fs_daemon.c util/run_program.c config/fs.c */
/* SOURCES: config/keyvalue.c util/names.c util/parse.c */
/* SOURCES: tests/unit/flash_fixture.c */
/*
 * Daemons of --fs: one that listens already, and virtiofsd, in whose place is a
 * script; how they end.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "flash_fixture.h"
#include "lkvm/share/fs_daemon.h"

static struct fs_config config;
static struct fs_daemon *served;
static char *old_path;

static int setup(void **state)
{
	alarm(60);
	forget_messages();
	old_path = strdup(getenv("PATH"));
	config = (struct fs_config) { .tag = "tag" };
	served = NULL;
	if (make_dir(state))
		return -1;
	mkdir(path_of("share"), 0700);
	return 0;
}

static int teardown(void **state)
{
	fs_daemon_close(served);
	setenv("PATH", old_path, 1);
	unsetenv("TMPDIR");
	free(old_path);
	alarm(0);
	return remove_dir(state);
}

static int open_it(const char *name)
{
	config.path = lasting_path_of(name);
	return fs_daemon_open(&config, &served);
}

/* ---- One that runs ------------------------------------------------------- */

static int listen_at(const char *name)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path_of(name));
	assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_int_equal(listen(fd, 0), 0);
	return fd;
}

static void a_socket(void **state)
{
	int listener = listen_at("socket"), peer;
	char text[64];

	(void)state;
	assert_int_equal(open_it("socket"), 0);
	assert_false(served->started);
	assert_true(fcntl(served->fd, F_GETFL) & O_NONBLOCK);
	peer = accept(listener, NULL, NULL);
	assert_int_equal(write(served->fd, "x", 1), 1);
	assert_int_equal(read(peer, text, 1), 1);
	fs_daemon_explain(served, text, sizeof(text));
	assert_string_equal(text, "has closed the connection");
	fs_daemon_kill(served);
	fs_daemon_close(served);
	served = NULL;
	assert_int_equal(read(peer, text, 1), 0);
	close(peer);
	close(listener);
	assert_string_equal(messages, "");
}

static void nobody_listens(void **state)
{
	(void)state;
	close(listen_at("socket"));
	assert_int_equal(open_it("socket"), -ECONNREFUSED);
	assert_said("socket: no daemon listens on this socket");
}

/* It would be waited for in connect(2). */
static void nobody_accepts(void **state)
{
	int listener = listen_at("socket"), ret = 0;
	struct fs_daemon *first;

	(void)state;
	assert_int_equal(open_it("socket"), 0);
	first = served;
	served = NULL;
	ret = open_it("socket");
	assert_int_equal(ret, -EAGAIN);
	assert_said("the daemon does not accept connections");
	fs_daemon_close(first);
	close(listener);
}

static void refused(void **state)
{
	int listener = listen_at("socket");

	(void)state;
	make_file(16);
	assert_int_equal(open_it("f"), -ENOTDIR);
	assert_said("f: is neither a directory nor the socket of a daemon");
	assert_int_equal(open_it("none"), -ENOENT);
	assert_said("none: there is no such directory or socket");
	config.readonly = true;
	assert_int_equal(open_it("socket"), -EINVAL);
	assert_said("socket: ro and sandbox= are for a directory");
	config.readonly = false;
	config.sandbox = FS_SANDBOX_NONE;
	assert_int_equal(open_it("socket"), -EINVAL);
	assert_int_equal(nr_fatal, 4);
	close(listener);
}

/* ---- virtiofsd ----------------------------------------------------------- */

/* Its arguments are in the file `arguments`. */
static void script(const char *text)
{
	FILE *file = fopen(path_of("virtiofsd"), "we");

	fprintf(file, "#!/bin/sh\necho \"$@\" >%s\n%s\n", path_of("arguments"),
		text);
	fchmod(fileno(file), 0700);
	fclose(file);
	setenv("PATH", lasting_path_of(""), 1);
}

static void expect_arguments(const char *end)
{
	char got[512] = "", want[512];
	FILE *file = fopen(path_of("arguments"), "re");

	assert_non_null(fgets(got, sizeof(got), file));
	fclose(file);
	snprintf(want, sizeof(want), "--fd 3 --shared-dir %s %s\n", config.path,
		 end);
	assert_string_equal(got, want);
}

static void expect_end(const char *why)
{
	char text[300];

	fs_daemon_explain(served, text, sizeof(text));
	assert_string_equal(text, why);
}

static void a_directory(void **state)
{
	(void)state;
	script("echo first >&2; echo not this way >&2; exit 3");
	assert_int_equal(open_it("share"), 0);
	assert_true(served->started);
	expect_end("has ended, status 3: not this way");
	expect_arguments("--sandbox namespace --log-level error");
	expect_end("has ended, status 3");
}

static void options(void **state)
{
	(void)state;
	script("exit 0");
	config.readonly = true;
	config.sandbox = FS_SANDBOX_NONE;
	assert_int_equal(open_it("share"), 0);
	expect_end("has ended, status 0");
	expect_arguments("--sandbox none --log-level error --readonly");
}

static void killed(void **state)
{
	(void)state;
	script("echo nothing of interest; kill -9 $$");
	assert_int_equal(open_it("share"), 0);
	expect_end("was ended by signal 9");
}

/* One that does not care that nobody is connected, with a child. */
static void stays(void **state)
{
	pid_t pid;

	(void)state;
	script("PATH=/bin:/usr/bin; trap '' INT; sleep 1000 & wait");
	assert_int_equal(open_it("share"), 0);
	pid = served->program.pid;
	assert_int_equal(getpgid(pid), pid);
	assert_int_equal(program_wait(&served->program, 0), -ETIMEDOUT);
	fs_daemon_kill(served);
	fs_daemon_close(served);
	served = NULL;
	assert_int_equal(kill(pid, 0), -1);
}

/* What it says more than fits is lost, and keeps nobody waiting. */
static void talkative(void **state)
{
	(void)state;
	script("PATH=/bin:/usr/bin; yes 0123456 | head -c 1000000 >&2; exit 4");
	assert_int_equal(open_it("share"), 0);
	expect_end("has ended, status 4: 0123456");
}

/* lkvm is connected before it starts, and the socket has no name any more. */
static void connection(void **state)
{
	(void)state;
	setenv("TMPDIR", lasting_path_of("tmp"), 1);
	mkdir(path_of("tmp"), 0700);
	script("exit 0");
	assert_int_equal(open_it("share"), 0);
	assert_int_equal(rmdir(path_of("tmp")), 0);
	assert_int_equal(write(served->fd, "x", 1) == 1 || errno == EPIPE, 1);
}

static void no_place_for_a_socket(void **state)
{
	(void)state;
	setenv("TMPDIR", lasting_path_of("none"), 1);
	script("exit 0");
	assert_int_equal(open_it("share"), -ENOENT);
	assert_said("share: no socket for virtiofsd: No such file");
}

static void no_virtiofsd(void **state)
{
	(void)state;
	if (!access("/usr/libexec/virtiofsd", X_OK))
		skip();
	setenv("PATH", lasting_path_of(""), 1);
	assert_int_equal(open_it("share"), -ENOENT);
	assert_said("install the package virtiofsd");
	assert_int_equal(nr_fatal, 1);
}

#define DAEMON_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		DAEMON_TEST(a_socket),
		DAEMON_TEST(nobody_listens),
		DAEMON_TEST(nobody_accepts),
		DAEMON_TEST(refused),
		DAEMON_TEST(a_directory),
		DAEMON_TEST(options),
		DAEMON_TEST(killed),
		DAEMON_TEST(stays),
		DAEMON_TEST(talkative),
		DAEMON_TEST(connection),
		DAEMON_TEST(no_place_for_a_socket),
		DAEMON_TEST(no_virtiofsd),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
