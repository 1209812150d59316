/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The control socket of a run. All on the main thread. */
#ifndef LKVM_CONTROL_CONTROL_H
#define LKVM_CONTROL_CONTROL_H

#include "lkvm/config/serial.h"
#include "lkvm/config/vm_config.h"

struct control;
struct machine;

/*
 * Makes the socket that the options want: from here on no other guest can have
 * that name, and clients can connect, and wait. Returns 0, with *out NULL if
 * there is to be none, or if it cannot be made, after a message, and the run
 * goes on without; or -errno after a message.
 */
int control_open(const struct vm_config *config, struct control **out);

/*
 * Has clients be at the machine's ports: before machine_build(), of which
 * `serial` are the backends, and replaced here. The same for a virtio console
 * that leads to another place than the first serial port. Return 0, or -errno
 * after a message.
 */
struct chardev;
int control_add_ports(struct control *control, struct machine *machine,
		      struct chardev *serial[SERIAL_MAX]);
int control_add_virtio_console(struct control *control, struct machine *machine,
			       struct chardev **chr);

/*
 * Serves clients on the event loop of the machine, which outlives it but for
 * control_destroy(). Returns 0, or -errno after a message.
 */
int control_start(struct control *control, struct machine *machine);

/* The run has ended, for a reason with that name: clients are told. */
void control_end(struct control *control, const char *outcome);

/*
 * Removes the socket. Clients that are connected stay so up to the end of the
 * process, by which they know that it has come. NULL is allowed.
 */
void control_close(struct control *control);

/*
 * Disconnects all clients, before the machine is destroyed; then frees it all,
 * which the machine's ports use, if there was one. NULL is allowed in both.
 */
void control_disconnect(struct control *control);
void control_destroy(struct control *control);

#endif
