/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The argument of --serial: a port's number and where it leads. Files and
 * sockets are opened before the machine is created, which knows whether it has
 * a port of that number.
 */
#include <errno.h>
#include <string.h>

#include "lkvm/config/serial.h"
#include "lkvm/util/log.h"

#define FORM "N=stdio|file:PATH|pty|socket:PATH|none"

static const struct {
	const char *name;
	enum serial_kind kind;
	bool has_path;
} kinds[] = {
	{ "stdio", SERIAL_STDIO, false }, { "file:", SERIAL_FILE, true },
	{ "pty", SERIAL_PTY, false },	  { "socket:", SERIAL_SOCKET, true },
	{ "none", SERIAL_NONE, false },
};

static int bad(const char *arg, const char *why)
{
	pr_fatal("--serial %s: %s", arg, why);
	return -EINVAL;
}

/* False if `where` is none of the kinds. */
static bool find_kind(const char *where, struct serial_config *port)
{
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		size_t len = strlen(kinds[i].name);

		if (strncmp(where, kinds[i].name, len) ||
		    !where[len] == kinds[i].has_path)
			continue;
		port->kind = kinds[i].kind;
		port->path = kinds[i].has_path ? where + len : NULL;
		return true;
	}
	return false;
}

/* Works on a copy: an argument that is refused leaves the port as it was. */
int serial_config_parse(struct serial_config ports[SERIAL_MAX], const char *arg)
{
	struct serial_config port;

	if (*arg < '0' || *arg >= '0' + SERIAL_MAX || arg[1] != '=')
		return bad(arg, "want " FORM ", N from 0 to 3");
	if (!find_kind(arg + 2, &port))
		return bad(arg, "want " FORM);
	if (port.kind == SERIAL_SOCKET && port.path &&
	    strlen(port.path) > SERIAL_MAX_SOCKET)
		return bad(arg, "a socket's path has at most 107 bytes");
	ports[*arg - '0'] = port;
	return 0;
}

/*
 * When all options are known: there is one terminal, so only one port, or the
 * virtio console, can have it.
 */
int serial_config_check(const struct serial_config ports[SERIAL_MAX],
			bool virtio)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < SERIAL_MAX; i++)
		n += ports[i].kind == SERIAL_STDIO;
	if (n > 1) {
		pr_fatal("--serial: stdio is of one port only");
		return -EINVAL;
	}
	if (n && virtio) {
		pr_fatal("--serial: stdio is that of --console virtio; without "
			 "--serial the first port has its output");
		return -EINVAL;
	}
	return 0;
}

/* One that is asked for takes it from the first. */
int serial_config_stdio(const struct serial_config ports[SERIAL_MAX])
{
	for (int i = 0; i < SERIAL_MAX; i++)
		if (ports[i].kind == SERIAL_STDIO)
			return i;
	return ports[0].kind == SERIAL_DEFAULT ? 0 : -1;
}
