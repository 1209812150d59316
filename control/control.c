/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The control socket of a run, from its being made to its end: what the parts
 * of this room have to do with each other.
 *
 * builtin-run.c calls these functions in the order of the file, all on the main
 * thread. The socket is made before the machine, so that a name that is in use
 * is found out before KVM and the guest's disks are opened; clients that
 * connect by then wait in the socket's backlog until control_start() has the
 * event loop accept them.
 *
 * A device without registers in the VM's list hears of resets, whatever has
 * caused them.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lkvm/arm/machine.h"
#include "lkvm/control/commands.h"
#include "lkvm/control/control.h"
#include "lkvm/control/guest.h"
#include "lkvm/control/place.h"
#include "lkvm/control/server.h"
#include "lkvm/util/clock.h"
#include "lkvm/util/log.h"

struct control {
	const struct vm_config *config;
	struct unix_socket sock;
	char path[CONTROL_PATH]; /* of the socket */
	struct control_consoles consoles;
	struct control_guest guest;
	struct control_commands commands;
	struct control_server *server; /* NULL: not started */
};

/* Hears of resets as devices do; the VM's registry owns it. */
struct reset_watch {
	struct device dev;
	struct control *control;
};

/* A name that is in use ends the run: whom would it be that is stopped? */
static int refuse(const struct vm_config *config,
		  const struct control_place *place, int err)
{
	bool fatal = config->control == CONTROL_ON || err == -EADDRINUSE;

	if (fatal) {
		pr_fatal("no control socket for \"%s\" in %s: %s", config->name,
			 place->dir, control_place_explain(err));
		return err;
	}
	pr_warn("no control socket for \"%s\" in %s: %s", config->name,
		place->dir, control_place_explain(err));
	return 0;
}

/*
 * The structure is only made if a socket is wanted: for the callers NULL stands
 * for none. place.dir stays valid for messages after the folder is closed.
 */
int control_open(const struct vm_config *config, struct control **out)
{
	struct control_place place;
	struct control *control;
	int ret;

	*out = NULL;
	if (!vm_config_wants_control(config))
		return 0;
	control = calloc(1, sizeof(*control));
	if (!control) {
		pr_fatal("out of memory");
		return -ENOMEM;
	}
	control->config = config;
	control->sock.fd = -1;
	ret = control_place_open(&place, true);
	if (!ret)
		ret = control_place_claim(&place, config->name, &control->sock,
					  control->path);
	control_place_close(&place);
	if (ret) {
		free(control);
		return refuse(config, &place, ret);
	}
	*out = control;
	return 0;
}

static int add_console(struct chardev **chr, struct machine *machine,
		       struct control_console **out)
{
	int ret = control_console_create(chr, &machine_vm(machine)->loop, out);

	if (ret)
		pr_fatal("unable to have clients at the console: %s",
			 strerror(-ret));
	return ret;
}

int control_add_ports(struct control *control, struct machine *machine,
		      struct chardev *serial[SERIAL_MAX])
{
	unsigned int nr = machine_serial_ports(machine);
	int ret = 0;

	for (unsigned int i = 0; !ret && i < nr; i++)
		ret = add_console(&serial[i], machine,
				  &control->consoles.serial[i]);
	return ret;
}

int control_add_virtio_console(struct control *control, struct machine *machine,
			       struct chardev **chr)
{
	return add_console(chr, machine, &control->consoles.virtio);
}

static void tell_reset(struct device *dev)
{
	struct reset_watch *watch = container_of(dev, struct reset_watch, dev);

	control_commands_event(&watch->control->commands, "reset", NULL);
}

/*
 * Called when the VM is destroyed. That is after control_disconnect(), so the
 * device is an allocation of its own.
 */
static void free_watch(struct device *dev)
{
	free(container_of(dev, struct reset_watch, dev));
}

static int watch_resets(struct control *control, struct vm *vm)
{
	static const struct device_ops ops = {
		.reset = tell_reset,
		.destroy = free_watch,
	};
	struct reset_watch *watch = calloc(1, sizeof(*watch));

	if (!watch)
		return -ENOMEM;
	watch->control = control;
	watch->dev.name = "control";
	watch->dev.ops = &ops;
	device_add(&vm->devices, &watch->dev);
	return 0;
}

/*
 * After an error control_destroy() frees what was made; a device that was added
 * to the VM stays the VM's. "uptime_ms" counts from here.
 */
int control_start(struct control *control, struct machine *machine)
{
	const struct vm_config *config = control->config;
	struct vm *vm = machine_vm(machine);
	int ret;

	control->guest = (struct control_guest) {
		.machine = machine,
		.vm = vm,
		.name = config->name,
		.debugged = gdb_config_is_on(&config->debug.gdb),
		.ram = machine_ram_size(machine),
		.began = clock_now(),
	};
	control_commands_init(&control->commands, &control->guest,
			      &control->consoles);
	ret = control_server_create(&control->commands.service, &vm->loop,
				    control->sock.fd, &control->server);
	control->commands.server = control->server;
	if (!ret)
		ret = watch_resets(control, vm);
	if (ret)
		pr_fatal("unable to serve the control socket: %s",
			 strerror(-ret));
	return ret;
}

/*
 * The event loop has ended by then: subscribers get what their sockets take at
 * once, who is at a console gets the rest as --stats does, within a second.
 */
void control_end(struct control *control, const char *outcome)
{
	u64 deadline = clock_now() + NS_PER_SECOND;

	for (unsigned int i = 0; i < SERIAL_MAX; i++)
		control_console_end(control->consoles.serial[i], deadline);
	control_console_end(control->consoles.virtio, deadline);
	control_commands_event(&control->commands, "end", outcome);
}

/*
 * The listener leaves the event loop before its descriptor is closed: the
 * number may belong to another file afterwards.
 */
void control_close(struct control *control)
{
	if (!control)
		return;
	if (control->server)
		control_server_refuse(control->server);
	unix_socket_close(&control->sock);
}

void control_disconnect(struct control *control)
{
	if (!control)
		return;
	control_close(control);
	control_server_destroy(control->server);
	control->server = NULL;
	for (unsigned int i = 0; i < SERIAL_MAX; i++)
		control_console_disconnect(control->consoles.serial[i]);
	control_console_disconnect(control->consoles.virtio);
}

void control_destroy(struct control *control)
{
	if (!control)
		return;
	control_disconnect(control);
	for (unsigned int i = 0; i < SERIAL_MAX; i++)
		control_console_destroy(control->consoles.serial[i]);
	control_console_destroy(control->consoles.virtio);
	free(control);
}
