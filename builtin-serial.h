/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Serial ports that lead to other places than the terminal: --serial. */
#ifndef BUILTIN_SERIAL_H
#define BUILTIN_SERIAL_H

#include "lkvm/chardev/pty.h"
#include "lkvm/config/vm_config.h"

struct chardev;
struct socket_port;
struct vm;

/* All zeroes while nothing is open. The main thread's. */
struct serial_ports {
	int fds[SERIAL_MAX]; /* one more than open descriptors, or 0 */
	struct socket_port *sockets[SERIAL_MAX]; /* NULL: none, or served */
	struct chardev *backends[SERIAL_MAX];
	char ptys[SERIAL_MAX][PTY_NAME];
};

/*
 * Opens what the options name, before there is a machine. Returns 0, or -errno
 * after a fatal message; the caller calls serial_close() in each case.
 */
int serial_open(struct serial_ports *ports, const struct vm_config *config);

/*
 * Makes backends of it, in serial[N] of those that have one; a message says
 * what pseudo-terminals are called. Returns as serial_open().
 */
int serial_serve(struct serial_ports *ports, const struct vm_config *config,
		 struct vm *vm, struct chardev *serial[SERIAL_MAX]);

/* When the guest is gone, and while there is its event loop. */
void serial_close(struct serial_ports *ports);

#endif
