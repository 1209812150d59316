/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where serial ports lead: the arguments of --serial. */
#ifndef LKVM_CONFIG_SERIAL_H
#define LKVM_CONFIG_SERIAL_H

#include "lkvm/util/util.h"

/* Ports that any machine has at most. */
#define SERIAL_MAX 4

/* Bytes of a socket's path: unix(7), sun_path, less the zero at the end. */
#define SERIAL_MAX_SOCKET 107

enum serial_kind {
	SERIAL_DEFAULT, /* the first one to the terminal, others nowhere */
	SERIAL_NONE,
	SERIAL_STDIO,
	SERIAL_FILE,   /* output alone */
	SERIAL_PTY,    /* a pseudo-terminal that is made */
	SERIAL_SOCKET, /* a UNIX socket that is made, for one client at a time
			*/
};

struct serial_config {
	enum serial_kind kind;
	const char *path; /* of a file or socket; points into argv */
};

/*
 * Stores what `arg`, "N=stdio|file:PATH|pty|socket:PATH|none", says of port N
 * in ports[N]. Returns 0, or -EINVAL after a fatal message.
 */
int serial_config_parse(struct serial_config ports[SERIAL_MAX],
			const char *arg);

/*
 * Whether the ports fit together, and to a console that is not theirs,
 * `virtio`. Returns 0, or -EINVAL after a fatal message.
 */
int serial_config_check(const struct serial_config ports[SERIAL_MAX],
			bool virtio);

/* Whether any of them leads to another place than by default. */
static inline bool serial_config_used(const struct serial_config *ports)
{
	return ports[0].kind || ports[1].kind || ports[2].kind || ports[3].kind;
}

/* The port that has lkvm's stdin and stdout, or -1. */
int serial_config_stdio(const struct serial_config ports[SERIAL_MAX]);

#endif
