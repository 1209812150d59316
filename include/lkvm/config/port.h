/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Ports of virtio-console that the user names: the argument of --virtio-port.
 */
#ifndef LKVM_CONFIG_PORT_H
#define LKVM_CONFIG_PORT_H

#include "lkvm/util/util.h"

/* virtio 1.4, "Console Device": two queues each, of 64, beside the console. */
#define PORT_MAX 30

/* Bytes of a name, which becomes that of a file in the guest. */
#define PORT_MAX_NAME 63

/* Bytes of a socket's path: unix(7), sun_path, less the zero at the end. */
#define PORT_MAX_SOCKET 107

/* One `--virtio-port NAME,file=PATH|fd=N|socket=PATH`. */
struct port_config {
	const char *name;
	const char *file;   /* output goes there; NULL: `fd` or `socket` */
	u32 fd;		    /* open for writing */
	const char *socket; /* a UNIX socket to be made; NULL: none */
	bool fd_reads;	    /* what is read from it is the guest's input */
	/* Its end is that of the port: for what cannot be written to. */
	bool only_input;
	char *strings; /* what the pointers point into */
};

struct port_list {
	struct port_config *items;
	unsigned int count;
};

/*
 * Parses the value of `--virtio-port`, see README.md, and looks at the
 * descriptor of `fd=`, as long as none of lkvm's own can have its number.
 * Returns 0; the caller calls port_config_free() then. Else -EINVAL or -ENOMEM
 * after a message.
 */
int port_config_parse(struct port_config *config, const char *arg);

/* Frees the strings. A copy of *config has the same ones. */
void port_config_free(struct port_config *config);

#endif
