/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The argument of --virtio-port: a name, and what is behind the port. A file or
 * socket is opened when the machine is created; a descriptor is looked at here,
 * since later its number may be that of a file of lkvm's own.
 *
 * Called on the main thread for each --virtio-port. Descriptors are those that
 * lkvm has inherited from whoever started it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lkvm/config/keyvalue.h"
#include "lkvm/config/port.h"
#include "lkvm/util/log.h"

/* 0 to 2 are the console's and that of lkvm's messages. */
#define MIN_FD 3U

enum {
	PORT_NAME,
	PORT_FILE,
	PORT_FD,
	PORT_SOCKET,
};

static const struct key_def keys[] = {
	[PORT_NAME] =
		KEY_STRING("NAME", struct port_config, name, PORT_MAX_NAME),
	[PORT_FILE] = KEY_STRING("file", struct port_config, file, 0),
	[PORT_FD] = KEY_U32("fd", struct port_config, fd, MIN_FD, INT32_MAX,
			    "the number of an open descriptor, from 3 on"),
	[PORT_SOCKET] = KEY_STRING("socket", struct port_config, socket,
				   PORT_MAX_SOCKET),
};

static const struct key_conflict conflicts[] = {
	{ PORT_FILE, PORT_FD, "a port leads to one place" },
	{ PORT_FILE, PORT_SOCKET, "a port leads to one place" },
	{ PORT_FD, PORT_SOCKET, "a port leads to one place" },
};

static const struct key_table table = {
	.option = "--virtio-port",
	.form = "NAME,file=PATH|fd=N|socket=PATH",
	.keys = keys,
	.nr_keys = ARRAY_SIZE(keys),
	.nr_positional = 1,
	.conflicts = conflicts,
	.nr_conflicts = ARRAY_SIZE(conflicts),
};

/* The guest makes a file of it: /dev/virtio-ports/NAME. */
static bool is_file_name(const char *name)
{
	static const char good[] = "abcdefghijklmnopqrstuvwxyz"
				   "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";

	return *name != '.' && !name[strspn(name, good)];
}

/*
 * What it is open for. A pipe's or socket's bytes are the guest's input; those
 * of a regular file are what the guest writes, not what it is told.
 */
static int look_at_fd(struct port_config *config)
{
	int flags = fcntl((int)config->fd, F_GETFL);
	struct stat st;

	if (flags < 0 || fstat((int)config->fd, &st) < 0) {
		pr_fatal("--virtio-port %s: no descriptor %u is open",
			 config->name, config->fd);
		return -EINVAL;
	}
	if ((flags & O_ACCMODE) == O_RDONLY) {
		pr_fatal("--virtio-port %s: descriptor %u is not open for "
			 "writing",
			 config->name, config->fd);
		return -EINVAL;
	}
	config->fd_reads = (flags & O_ACCMODE) == O_RDWR &&
			   !S_ISREG(st.st_mode);
	return 0;
}

/* A port that leads nowhere would be taken for one whose file is lost. */
static int check(struct port_config *config)
{
	if (!is_file_name(config->name)) {
		pr_fatal("--virtio-port %s: a name has letters, digits, '.', "
			 "'_' and '-', and does not begin with '.'",
			 config->name);
		return -EINVAL;
	}
	if (!config->file && !config->fd && !config->socket) {
		pr_fatal("--virtio-port %s: where does it lead? want "
			 "file=PATH, fd=N or socket=PATH",
			 config->name);
		return -EINVAL;
	}
	return config->fd ? look_at_fd(config) : 0;
}

/* `strings` holds a copy of the argument, into which name and file point. */
int port_config_parse(struct port_config *config, const char *arg)
{
	int ret;

	memset(config, 0, sizeof(*config));
	ret = keyvalue_parse(&table, arg, config, &config->strings);
	if (ret)
		return ret;
	ret = check(config);
	if (ret)
		port_config_free(config);
	return ret;
}

void port_config_free(struct port_config *config)
{
	free(config->strings);
	config->strings = NULL;
}
