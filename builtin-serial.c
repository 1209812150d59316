/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What `lkvm run` connects serial ports to by --serial: a file, a
 * pseudo-terminal, a UNIX socket. The terminal is builtin-run.c's.
 *
 * In two steps: serial_open() before there is a machine, so that a wrong path
 * is found out at once, and serial_serve() when there is an event loop for the
 * backends. In between, ports->fds has descriptors, each with 1 added, so that
 * all zero means none. All on the main thread; what a peer sends goes to
 * chardev/.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "builtin-serial.h"
#include "lkvm/chardev/socket.h"
#include "lkvm/chardev/terminal.h"
#include "lkvm/util/log.h"
#include "lkvm/vmm/vm.h"

/*
 * Errors that mean something special for these files have words of their own.
 */
static int failed(unsigned int n, const char *what, const char *path, int err)
{
	const char *why = strerror(-err);

	if (err == -ENXIO)
		why = "nobody reads from this pipe";
	else if (err == -EADDRINUSE)
		why = "another process listens there";
	else if (err == -ENOTSOCK)
		why = "there is a file that is no socket";
	pr_fatal("--serial %u: unable to %s%s%s: %s", n, what, path ? " " : "",
		 path ?: "", why);
	return err;
}

/* A pipe that nobody reads would have open() wait, and the guest never start.
 */
static int open_file(const char *path)
{
	int fd = open(path,
		      O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NONBLOCK,
		      0666);

	return fd < 0 ? -errno : fd;
}

/* The terminal and ports that lead nowhere need nothing to be opened. */
static int open_port(struct serial_ports *ports, unsigned int n,
		     const struct serial_config *port)
{
	int fd;

	switch (port->kind) {
	case SERIAL_FILE:
		fd = open_file(port->path);
		if (fd < 0)
			return failed(n, "open", port->path, fd);
		break;
	case SERIAL_PTY:
		fd = pty_open(ports->ptys[n]);
		if (fd < 0)
			return failed(n, "make a pseudo-terminal", NULL, fd);
		break;
	case SERIAL_SOCKET:
		fd = socket_listen(port->path, &ports->sockets[n]);
		return fd ? failed(n, "listen at", port->path, fd) : 0;
	default:
		return 0;
	}
	ports->fds[n] = fd + 1;
	return 0;
}

/* After an error the caller closes what is open, by serial_close(). */
int serial_open(struct serial_ports *ports, const struct vm_config *config)
{
	int ret = 0;

	for (unsigned int i = 0; !ret && i < SERIAL_MAX; i++)
		ret = open_port(ports, i, &config->console.serial[i]);
	return ret;
}

/* What is open is the backend's from here on, also after an error. */
static int serve_port(struct serial_ports *ports, unsigned int n,
		      enum serial_kind kind, struct vm *vm)
{
	static const char *const names[SERIAL_MAX] = {
		"--serial 0", "--serial 1", "--serial 2", "--serial 3"
	};
	struct socket_port *socket = ports->sockets[n];
	struct chardev **out = &ports->backends[n];
	int fd = ports->fds[n] - 1, ret = 0;

	ports->fds[n] = 0;
	ports->sockets[n] = NULL;
	if (kind == SERIAL_SOCKET)
		ret = socket_serve(socket, names[n], &vm->loop, &vm->stopping,
				   out);
	else if (kind == SERIAL_PTY)
		ret = pty_serve(fd, &vm->loop, &vm->stopping, out);
	else if (kind == SERIAL_FILE)
		ret = stream_create(names[n], fd, false, &vm->loop,
				    &vm->stopping, out);
	if (ret)
		return failed(n, "use what is open", NULL, ret);
	if (kind == SERIAL_PTY)
		pr_info("serial port %u is %s", n, ports->ptys[n]);
	return 0;
}

/*
 * Entries of ports without --serial are left as they are: the first one's may
 * be the terminal.
 */
int serial_serve(struct serial_ports *ports, const struct vm_config *config,
		 struct vm *vm, struct chardev *serial[SERIAL_MAX])
{
	int ret = 0;

	for (unsigned int i = 0; !ret && i < SERIAL_MAX; i++) {
		ret = serve_port(ports, i, config->console.serial[i].kind, vm);
		if (ports->backends[i])
			serial[i] = ports->backends[i];
	}
	return ret;
}

/*
 * At any stage: each entry is a descriptor, a socket or a backend, or nothing.
 */
void serial_close(struct serial_ports *ports)
{
	for (unsigned int i = 0; i < SERIAL_MAX; i++) {
		if (ports->fds[i])
			close(ports->fds[i] - 1);
		if (ports->sockets[i])
			socket_close(ports->sockets[i]);
		if (ports->backends[i])
			ports->backends[i]->ops->destroy(ports->backends[i]);
	}
	memset(ports, 0, sizeof(*ports));
}
