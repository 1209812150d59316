/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * `lkvm sandbox`: a command in a guest whose root is the host's, and whose exit
 * status becomes lkvm's. It comes by a port of a virtio console that leads to a
 * file in memory, of a fixed size: the guest can write no more than that.
 *
 * What is not the command's status is distinct from it as far as programs that
 * run others can be: env(1), timeout(1) and shells have the same numbers.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "builtin.h"
#include "lkvm/config/list.h"
#include "lkvm/config/run.h"
#include "lkvm/exit_status.h"
#include "lkvm/util/log.h"
#include "lkvm/util/parse.h"

/* The command was not run to its end. README.md and lkvm.1 have it. */
#define STATUS_FAILED 125

#define STATUS_SIZE 8 /* "255", a newline, and zeros */

/* The main thread's alone. Its position is not used by us. */
static int status_fd = -1;

/* Zeros, which no status has, until the guest writes there. */
static int make_file(void)
{
	int fd = memfd_create("status", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0 || ftruncate(fd, STATUS_SIZE) < 0 ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK) < 0) {
		int err = errno;

		if (fd >= 0)
			close(fd);
		return -err;
	}
	return fd;
}

/* The port's descriptor is the machine's, which closes it. */
static int add_port(struct vm_config *config)
{
	struct port_config *port;
	int fd;

	if (config->ports.count == PORT_MAX) {
		pr_fatal("sandbox: one of the %d ports is for the command's "
			 "status",
			 PORT_MAX);
		return -EINVAL;
	}
	port = config_list_add(&config->ports);
	if (!port)
		return -ENOMEM;
	port->name = ROOT_STATUS_PORT;
	status_fd = make_file();
	fd = status_fd < 0
		     ? status_fd
		     : fcntl(status_fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	if (fd == -1)
		fd = -errno;
	if (fd < 0)
		pr_fatal("sandbox: no file for the command's status: %s",
			 strerror(-fd));
	port->fd = (u32)fd;
	return fd < 0 ? fd : 0;
}

static int parse(struct vm_config *config, int argc, char *const argv[])
{
	int ret = sandbox_config_parse(config, argc, argv);

	return ret ? ret : add_port(config);
}

/* One line with a number of 8 bits, or it is nobody's. */
static bool read_status(int *status)
{
	char text[STATUS_SIZE + 1] = "";
	char *end;
	u64 value;

	if (status_fd < 0 || pread(status_fd, text, STATUS_SIZE, 0) < 0)
		return false;
	end = strchr(text, '\n');
	if (!end)
		return false;
	*end = '\0';
	if (parse_u64(text, 0, UINT8_MAX, &value))
		return false;
	*status = (int)value;
	return true;
}

/*
 * A guest that has told the status has ended its command, whatever came then.
 */
static int status_of(int status)
{
	int told;

	if (read_status(&told))
		return told;
	if (status == EXIT_STATUS_TIMEOUT || status == EXIT_STATUS_KILLED)
		return status;
	if (status != EXIT_STATUS_SETUP && status != EXIT_STATUS_USAGE)
		pr_err("sandbox: the guest has ended without the command's "
		       "exit status");
	return STATUS_FAILED;
}

int cmd_sandbox(int argc, char *const argv[])
{
	static const struct run_kind kind = { .parse = parse,
					      .status = status_of };

	return run_command(&kind, argc, argv);
}
