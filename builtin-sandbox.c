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

struct sandbox {
	struct run_kind kind;
	/*
	 * The file in memory, -1 before it is made. Its position is not used:
	 * the machine has a duplicate, with which it shares that.
	 */
	int status_fd;
};

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

/* The descriptor is the machine's from here on, which closes it. */
static int add_port(struct vm_config *config, const char *name, int fd)
{
	struct port_config *port;

	if (fd < 0) {
		pr_fatal("sandbox: no descriptor for %s: %s", name,
			 strerror(-fd));
		return fd;
	}
	if (config->console.ports.count == PORT_MAX) {
		pr_fatal("sandbox: there are too many ports, it needs two of "
			 "%d",
			 PORT_MAX);
		return -EINVAL;
	}
	port = config_list_add(&config->console.ports);
	if (!port)
		return -ENOMEM;
	port->name = name;
	port->fd = (u32)fd;
	return 0;
}

/* Another descriptor of the same, not one of the standard ones. */
static int duplicate(int fd)
{
	int copy = fd < 0 ? fd : fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);

	return fd >= 0 && copy < 0 ? -errno : copy;
}

/*
 * A pipe or a file goes to the command by a port of its own, which has an end
 * and loses nothing; a guest's serial port does until its driver is there. Then
 * there is nothing to be typed on the console.
 */
static int add_input(struct vm_config *config)
{
	struct port_config *port;
	int null, ret;

	if (isatty(STDIN_FILENO))
		return 0;
	ret = add_port(config, ROOT_INPUT_PORT, duplicate(STDIN_FILENO));
	if (ret)
		return ret;
	port = &config->console.ports.items[config->console.ports.count - 1];
	port->fd_reads = port->only_input = true;
	config->root.has_input = true;
	null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	ret = null < 0 || dup2(null, STDIN_FILENO) < 0 ? -errno : 0;
	if (ret)
		pr_fatal("sandbox: /dev/null: %s", strerror(-ret));
	if (null >= 0)
		close(null);
	return ret;
}

static int parse(struct run_kind *kind, struct vm_config *config, int argc,
		 char *const argv[])
{
	struct sandbox *box = container_of(kind, struct sandbox, kind);
	int ret = sandbox_config_parse(config, argc, argv);

	if (ret)
		return ret;
	box->status_fd = make_file();
	ret = add_port(config, ROOT_STATUS_PORT, duplicate(box->status_fd));
	return ret ? ret : add_input(config);
}

/* One line with a number of 8 bits, or it is nobody's. */
static bool read_status(int fd, int *status)
{
	char text[STATUS_SIZE + 1] = "";
	char *end;
	u64 value;

	if (fd < 0 || pread(fd, text, STATUS_SIZE, 0) < 0)
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
static int status_of(struct run_kind *kind, int status)
{
	struct sandbox *box = container_of(kind, struct sandbox, kind);
	int told;

	if (read_status(box->status_fd, &told))
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
	struct sandbox box = {
		.kind = { .parse = parse, .status = status_of },
		.status_fd = -1,
	};

	return run_command(&box.kind, argc, argv);
}
