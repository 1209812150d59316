/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: config/serial.c tests/unit/flash_fixture.c */
/* The argument of --serial. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "flash_fixture.h"
#include "lkvm/config/serial.h"

static struct serial_config ports[SERIAL_MAX];

static int setup(void **state)
{
	(void)state;
	forget_messages();
	memset(ports, 0, sizeof(ports));
	return 0;
}

static void assert_good(const char *arg, enum serial_kind kind,
			const char *path)
{
	struct serial_config *port = &ports[arg[0] - '0'];

	if (serial_config_parse(ports, arg))
		fail_msg("%s: refused: %s", arg, messages);
	assert_int_equal(port->kind, kind);
	if (path)
		assert_string_equal(port->path, path);
	else
		assert_null(port->path);
}

static void assert_bad(const char *arg, const char *text)
{
	forget_messages();
	assert_int_equal(serial_config_parse(ports, arg), -EINVAL);
	assert_int_equal(nr_fatal, 1);
	if (strncmp(messages, "--serial ", 9) || !strstr(messages, text))
		fail_msg("\"%s\": said: %s", arg, messages);
}

static void arguments(void **state)
{
	(void)state;
	assert_false(serial_config_used(ports));
	assert_good("3=pty", SERIAL_PTY, NULL);
	assert_true(serial_config_used(ports));
	assert_good("0=file:a dir/a,b=c", SERIAL_FILE, "a dir/a,b=c");
	assert_good("1=socket:x", SERIAL_SOCKET, "x");
	assert_good("2=stdio", SERIAL_STDIO, NULL);
	assert_good("2=none", SERIAL_NONE, NULL);
	assert_int_equal(ports[3].kind, SERIAL_PTY);
}

static void wrong(void **state)
{
	char arg[160];

	(void)state;
	assert_bad("", "want N=stdio|file:PATH|pty|socket:PATH|none");
	assert_bad("4=pty", "N from 0 to 3");
	assert_bad("x=pty", "N from 0 to 3");
	assert_bad("0", "N from 0 to 3");
	assert_bad("00=pty", "N from 0 to 3");
	assert_bad("0=", "want N=");
	assert_bad("0=tty", "want N=");
	assert_bad("0=ptyx", "want N=");
	assert_bad("0=file", "want N=");
	assert_bad("0=file:", "want N=");
	assert_bad("0=socket:", "want N=");
	snprintf(arg, sizeof(arg), "0=socket:%0*d", SERIAL_MAX_SOCKET + 1, 0);
	assert_bad(arg, "at most 107 bytes");
	assert_false(serial_config_used(ports));
}

/* The terminal is one port's, the first one's unless another wants it. */
static void terminal(void **state)
{
	(void)state;
	assert_int_equal(serial_config_stdio(ports), 0);
	assert_int_equal(serial_config_check(ports, false), 0);
	assert_int_equal(serial_config_check(ports, true), 0);
	assert_good("1=pty", SERIAL_PTY, NULL);
	assert_int_equal(serial_config_stdio(ports), 0);
	assert_good("2=stdio", SERIAL_STDIO, NULL);
	assert_int_equal(serial_config_stdio(ports), 2);
	assert_int_equal(serial_config_check(ports, false), 0);
	assert_int_equal(serial_config_check(ports, true), -EINVAL);
	assert_non_null(strstr(messages, "--console virtio"));
	assert_good("0=stdio", SERIAL_STDIO, NULL);
	forget_messages();
	assert_int_equal(serial_config_check(ports, false), -EINVAL);
	assert_non_null(strstr(messages, "stdio is of one port only"));
	assert_good("0=none", SERIAL_NONE, NULL);
	assert_good("2=none", SERIAL_NONE, NULL);
	assert_int_equal(serial_config_stdio(ports), -1);
}

#define TEST(f) cmocka_unit_test_setup(f, setup)

int main(void)
{
	const struct CMUnitTest tests[] = { TEST(arguments), TEST(wrong),
					    TEST(terminal) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
