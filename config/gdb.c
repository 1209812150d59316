/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The argument of --gdb. Hosts are addresses and not names: a static program
 * has no resolver that it could rely on.
 *
 * Called by the option parser on the main thread; nothing is opened here.
 * gdb/server.c relies on a host that inet_pton(3) has accepted.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <sys/un.h>

#include "lkvm/config/gdb.h"
#include "lkvm/util/log.h"
#include "lkvm/util/parse.h"

#define LOOPBACK "127.0.0.1"

/* False unless HOST, with brackets if it has colons, is an address. */
static bool take_host(struct gdb_config *config, const char *host, size_t len)
{
	struct in6_addr addr;
	bool v6 = len && *host == '[';

	if (v6) {
		if (len < 3 || host[len - 1] != ']')
			return false;
		host++;
		len -= 2;
	}
	if (!len || (!v6 && len == 9 && !strncmp(host, "localhost", len))) {
		host = LOOPBACK;
		len = strlen(LOOPBACK);
	}
	if (len >= sizeof(config->host))
		return false;
	memcpy(config->host, host, len);
	config->host[len] = '\0';
	return inet_pton(v6 ? AF_INET6 : AF_INET, config->host, &addr) == 1;
}

/*
 * The last colon separates the port, as an IPv6 address has colons of its own.
 * Port 0 has the kernel choose one, which lkvm prints.
 */
static bool parse_tcp(struct gdb_config *config, const char *arg)
{
	const char *colon = strrchr(arg, ':');
	const char *number = colon ? colon + 1 : arg;
	u64 port;

	if (!take_host(config, arg, colon ? (size_t)(colon - arg) : 0) ||
	    parse_u64(number, 0, UINT16_MAX, &port))
		return false;
	config->port = (u16)port;
	return true;
}

/*
 * The limit is that of the kernel's address of a UNIX socket; a path that is
 * cut would be another one.
 */
static int parse_unix(struct gdb_config *config, const char *path)
{
	struct sockaddr_un addr;

	if (!*path || strlen(path) >= sizeof(addr.sun_path)) {
		pr_fatal("--gdb unix:%s: want the path of a socket, of at most "
			 "%zu bytes",
			 path, sizeof(addr.sun_path) - 1);
		return -EINVAL;
	}
	config->path = path;
	return 0;
}

/* A second --gdb replaces the first one, whatever kinds they are of. */
int gdb_config_parse(struct gdb_config *config, const char *arg)
{
	const char *tcp = arg;

	config->path = NULL;
	config->host[0] = '\0';
	if (!strncmp(arg, "unix:", 5))
		return parse_unix(config, arg + 5);
	if (!strncmp(arg, "tcp:", 4))
		tcp += 4;
	if (parse_tcp(config, tcp))
		return 0;
	config->host[0] = '\0';
	pr_fatal("--gdb %s: want [tcp:][HOST:]PORT, where HOST is an IP "
		 "address (127.0.0.1 unless given, [::1] with brackets), or "
		 "unix:PATH",
		 arg);
	return -EINVAL;
}
