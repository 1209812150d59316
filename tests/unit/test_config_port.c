/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: config/port.c config/keyvalue.c util/names.c util/parse.c */
/* SOURCES: tests/unit/flash_fixture.c */
/* The argument of --virtio-port. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lkvm/config/port.h"

#define OPTION	     "--virtio-port"
#define CONFIG	     port_config
#define CONFIG_PARSE port_config_parse
#define CONFIG_FREE  port_config_free
#include "option_fixture.h"

static void files(void **state)
{
	(void)state;
	assert_good("org.qemu.guest_agent.0,file=a dir/a,,b=c");
	assert_string_equal(config.name, "org.qemu.guest_agent.0");
	assert_string_equal(config.file, "a dir/a,b=c");
	assert_false(config.fd_reads);
	assert_bad("", "want NAME,file=PATH|fd=N|socket=PATH");
	assert_bad("x", "where does it lead");
	assert_bad("x,file=", "\"file\" takes a value");
	assert_bad("x,pipe=y", "there are file=, fd= and socket=");
	assert_bad("x,file=y,fd=0x10", "a port leads to one place");
}

static void sockets(void **state)
{
	char arg[160];

	(void)state;
	assert_good("org.qemu.guest_agent.0,socket=run/a,,b");
	assert_string_equal(config.name, "org.qemu.guest_agent.0");
	assert_string_equal(config.socket, "run/a,b");
	assert_null(config.file);
	assert_false(config.fd_reads);
	assert_bad("x,socket=", "\"socket\" takes a value");
	assert_bad("x,socket=y,file=z", "a port leads to one place");
	assert_bad("x,fd=3,socket=y", "a port leads to one place");
	snprintf(arg, sizeof(arg), "x,socket=%0*d", PORT_MAX_SOCKET, 0);
	assert_good(arg);
	snprintf(arg, sizeof(arg), "x,socket=%0*d", PORT_MAX_SOCKET + 1, 0);
	assert_bad(arg, "at most 107 bytes");
}

static void names(void **state)
{
	char arg[128];

	(void)state;
	assert_good("Az_09-.,file=x");
	assert_bad("a/b,file=x", "a name has");
	assert_bad("..,file=x", "a name has");
	assert_bad("a b,file=x", "a name has");
	assert_bad("\"a,file=x", "a name has");
	assert_bad("\xc3\xa4,file=x", "a name has");
	snprintf(arg, sizeof(arg), "%0*d,file=x", PORT_MAX_NAME, 0);
	assert_good(arg);
	snprintf(arg, sizeof(arg), "%0*d,file=x", PORT_MAX_NAME + 1, 0);
	assert_bad(arg, "at most 63 bytes");
}

static void check_fd(int fd, const char *text, bool reads)
{
	char arg[32];

	assert_true(fd >= 3);
	snprintf(arg, sizeof(arg), "x,fd=%d", fd);
	if (text) {
		assert_bad(arg, text);
	} else {
		assert_good(arg);
		assert_int_equal(config.fd, fd);
		assert_null(config.file);
		assert_int_equal(config.fd_reads, reads);
	}
	close(fd);
}

static void descriptors(void **state)
{
	FILE *file = tmpfile();
	int fds[2];

	(void)state;
	assert_int_equal(pipe(fds), 0);
	check_fd(fds[0], "is not open for writing", false);
	check_fd(fds[1], NULL, false);
	check_fd(fds[1], "no descriptor", false);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	check_fd(fds[0], NULL, true);
	close(fds[1]);
	assert_non_null(file);
	check_fd(dup(fileno(file)), NULL, false);
	fclose(file);
	assert_bad("x,fd=0", "fd=0: want the number of an open");
	assert_bad("x,fd=2", "fd=2: want");
	assert_bad("x,fd=-1", "fd=-1: want");
	assert_bad("x,fd=4294967296", "want the number");
	assert_bad("x,fd=2147483647", "no descriptor 2147483647 is open");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(files, setup, teardown),
		cmocka_unit_test_setup_teardown(sockets, setup, teardown),
		cmocka_unit_test_setup_teardown(names, setup, teardown),
		cmocka_unit_test_setup_teardown(descriptors, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
