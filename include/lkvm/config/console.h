/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The console's part of the configuration: where terminal, serial ports and
 * ports of the virtio console lead, and the file with what is shown.
 */
#ifndef LKVM_CONFIG_CONSOLE_H
#define LKVM_CONFIG_CONSOLE_H

#include "lkvm/config/console_log.h"
#include "lkvm/config/port.h"
#include "lkvm/config/serial.h"

/* The device that the terminal leads to. */
enum console_device {
	CONSOLE_SERIAL, /* the first serial port */
	CONSOLE_VIRTIO, /* hvc0 */
};

/* All zero is the default. */
struct console_config {
	enum console_device device;
	struct serial_config serial[SERIAL_MAX];
	struct port_list ports; /* PORT_MAX at most */
	struct console_log_config log;
};

/*
 * Appends the port of `--virtio-port ARG`. Names are unique: the guest makes
 * files of them. Returns 0, or -EINVAL or -ENOMEM after a fatal message.
 */
int console_config_add_port(struct console_config *config, const char *arg);

/* Whether there is a virtio console: the terminal's, or of ports alone. */
static inline bool console_config_is_virtio(const struct console_config *config)
{
	return config->device == CONSOLE_VIRTIO || config->ports.count;
}

/* Whether console_config_free() has anything to do. */
static inline bool
console_config_is_allocated(const struct console_config *config)
{
	return config->ports.items || config->log.strings;
}

/* Frees ports and strings; all zero is allowed, and what is left. */
void console_config_free(struct console_config *config);

#endif
