/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The commands of a control socket, and the events that clients are sent. */
#ifndef LKVM_CONTROL_COMMANDS_H
#define LKVM_CONTROL_COMMANDS_H

#include "lkvm/control/console.h"
#include "lkvm/control/guest.h"
#include "lkvm/control/server.h"

struct control_commands {
	struct control_service service; /* set by control_commands_init() */
	struct control_guest *guest;
	const struct control_consoles *consoles;
	struct control_server *server; /* whose clients are sent events */
};

/* `server` is to be set before the first client is served. */
void control_commands_init(struct control_commands *commands,
			   struct control_guest *guest,
			   const struct control_consoles *consoles);

/*
 * Sends {"event": name, ...} to the clients that have subscribed, with the
 * member "outcome" if that is not NULL. Event loop's thread.
 */
void control_commands_event(struct control_commands *commands, const char *name,
			    const char *outcome);

#endif
