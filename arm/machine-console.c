/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The virtio console of a machine and its named ports, one device; see
 * machine-virtio.c. With --console virtio the terminal is hvc0's, and the first
 * serial port has its output alone: what firmware and a kernel's first messages
 * say is seen, and what is typed has one reader.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "lkvm/chardev/socket.h"
#include "lkvm/chardev/terminal.h"
#include "lkvm/util/log.h"
#include "lkvm/virtio/console.h"
#include "machine.h"

_Static_assert(PORT_MAX < VIRTIO_CONSOLE_MAX_PORTS,
	       "one more port is the console's");
_Static_assert(PORT_MAX_NAME <= VIRTIO_CONSOLE_MAX_NAME, "names are sent");

/* ---- The serial port beside it ------------------------------------------- */

static void serial_write(struct chardev *chr, const u8 *buf, size_t len)
{
	struct machine *machine = container_of(chr, struct machine, serial_out);

	machine->terminal->ops->write(machine->terminal, buf, len);
}

/* No input comes this way: the terminal's is the virtio console's. */
static void serial_accept(struct chardev *chr, size_t n)
{
	(void)chr;
	(void)n;
}

static void serial_unread(struct chardev *chr, const u8 *buf, size_t len)
{
	(void)chr;
	(void)buf;
	(void)len;
}

static const struct chardev_ops serial_ops = {
	.write = serial_write,
	.accept = serial_accept,
	.unread = serial_unread,
};

struct chardev *machine_take_terminal(struct machine *machine,
				      struct chardev *terminal)
{
	machine->terminal = terminal;
	machine->serial_out.ops = &serial_ops;
	return &machine->serial_out;
}

void machine_set_terminal(struct machine *machine, struct chardev *terminal)
{
	machine->terminal = terminal;
}

/* ---- Named ports --------------------------------------------------------- */

/* A pipe that nobody reads would have open() wait, and the guest never start.
 */
static int open_file(const struct port_config *port)
{
	int fd = open(port->file,
		      O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NONBLOCK,
		      0666);

	if (fd >= 0)
		return fd;
	fd = -errno;
	pr_fatal("--virtio-port %s: unable to open %s: %s", port->name,
		 port->file,
		 fd == -ENXIO ? "nobody reads from this pipe" : strerror(-fd));
	return fd;
}

/* A program that lkvm starts has no use for it. */
static int take_fd(const struct port_config *port)
{
	fcntl((int)port->fd, F_SETFD, FD_CLOEXEC);
	return (int)port->fd;
}

static int open_socket(const struct port_config *port,
		       struct socket_port **socket)
{
	const char *why;
	int ret = socket_listen(port->socket, socket);

	if (!ret)
		return 0;
	if (ret == -EADDRINUSE)
		why = "another process listens there";
	else if (ret == -ENOTSOCK)
		why = "there is a file that is no socket";
	else
		why = strerror(-ret);
	pr_fatal("--virtio-port %s: unable to listen at %s: %s", port->name,
		 port->socket, why);
	return ret;
}

static int open_port(struct machine *machine, unsigned int n)
{
	const struct port_config *port =
		&machine->config->console.ports.items[n];
	int fd;

	if (port->socket)
		return open_socket(port, &machine->port_sockets[n]);
	fd = port->file ? open_file(port) : take_fd(port);
	if (fd < 0)
		return fd;
	machine->port_fds[n] = fd + 1;
	return 0;
}

int machine_open_ports(struct machine *machine)
{
	int ret = 0;

	for (unsigned int i = 0;
	     !ret && i < machine->config->console.ports.count; i++)
		ret = open_port(machine, i);
	return ret;
}

void machine_close_ports(struct machine *machine)
{
	for (unsigned int i = 0; i < PORT_MAX; i++) {
		if (machine->port_fds[i])
			close(machine->port_fds[i] - 1);
		machine->port_fds[i] = 0;
		if (machine->port_sockets[i])
			socket_close(machine->port_sockets[i]);
		machine->port_sockets[i] = NULL;
	}
}

/* The descriptor is the back end's from here on, also after an error. */
static int create_backend(struct machine *machine, unsigned int n,
			  struct chardev **out)
{
	const struct port_config *port =
		&machine->config->console.ports.items[n];
	struct socket_port *socket = machine->port_sockets[n];
	int fd = machine->port_fds[n] - 1, ret;

	machine->port_fds[n] = 0;
	machine->port_sockets[n] = NULL;
	if (socket)
		ret = socket_serve(socket, port->name, &machine->vm.loop,
				   &machine->vm.stopping, out);
	else
		ret = stream_create(port->name, fd, port->fd_reads,
				    &machine->vm.loop, &machine->vm.stopping,
				    out);
	if (ret)
		pr_err("--virtio-port %s: unable to use its descriptor: %s",
		       port->name, strerror(-ret));
	return ret;
}

/* ---- The device ---------------------------------------------------------- */

/* The terminal, port 0's, is the machine's. */
static void destroy_backends(const struct virtio_console_params *params)
{
	for (unsigned int i = 1; i < params->nr_ports; i++)
		if (params->ports[i].chr)
			params->ports[i].chr->ops->destroy(
				params->ports[i].chr);
}

/* Port 0 is the console's, also if the terminal is the serial port's. */
static int fill(struct machine *machine, struct virtio_console_params *params)
{
	const struct port_list *list = &machine->config->console.ports;
	int ret = 0;

	params->nr_ports = list->count + 1;
	params->ports[0].chr = machine->terminal;
	params->cols = machine->console_cols;
	params->rows = machine->console_rows;
	for (unsigned int i = 0; !ret && i < list->count; i++) {
		params->ports[i + 1].name = list->items[i].name;
		params->ports[i + 1].only_input = list->items[i].only_input;
		params->ports[i + 1].comes_and_goes = list->items[i].socket;
		ret = create_backend(machine, i, &params->ports[i + 1].chr);
	}
	if (ret)
		destroy_backends(params);
	return ret;
}

int machine_add_console(struct machine *machine)
{
	struct virtio_console_params params = {
		.name = "console",
		.mem = &machine->vm.mem,
	};
	struct virtio_device *vdev;
	u32 slot;
	int ret;

	if (!console_config_is_virtio(&machine->config->console))
		return 0;
	ret = fill(machine, &params);
	if (!ret)
		ret = virtio_console_create(&params, &vdev);
	if (!ret)
		ret = machine_add_device(machine, vdev, &slot);
	if (!ret)
		machine->console = vdev;
	return ret;
}

void machine_set_console_size(struct machine *machine, u16 cols, u16 rows)
{
	machine->console_cols = cols;
	machine->console_rows = rows;
	if (machine->console)
		virtio_console_resize(machine->console, cols, rows);
}
