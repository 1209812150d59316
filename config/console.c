/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The console's part of the configuration: what the options fill that are about
 * it, and what has been allocated for them. Like all of config/, for the main
 * thread, before the machine is made.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lkvm/config/console.h"
#include "lkvm/config/list.h"
#include "lkvm/util/log.h"

/* What is wrong in itself has its own message, from port_config_parse(). */
int console_config_add_port(struct console_config *config, const char *arg)
{
	struct port_list *list = &config->ports;
	struct port_config *port;
	int ret;

	if (list->count == PORT_MAX) {
		pr_fatal("--virtio-port %s: there are %d ports already, no "
			 "more fit",
			 arg, PORT_MAX);
		return -EINVAL;
	}
	port = config_list_add(list);
	ret = port ? port_config_parse(port, arg) : -ENOMEM;
	for (unsigned int i = 0; !ret && i + 1 < list->count; i++) {
		if (strcmp(list->items[i].name, port->name))
			continue;
		pr_fatal("--virtio-port %s: there is a port of this name "
			 "already",
			 arg);
		ret = -EINVAL;
	}
	return ret;
}

void console_config_free(struct console_config *config)
{
	for (unsigned int i = 0; i < config->ports.count; i++)
		port_config_free(&config->ports.items[i]);
	free(config->ports.items);
	config->ports = (struct port_list) { 0 };
	console_log_config_free(&config->log);
}
