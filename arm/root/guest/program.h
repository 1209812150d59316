/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The shell or the command, and its end. */
#ifndef ROOT_GUEST_PROGRAM_H
#define ROOT_GUEST_PROGRAM_H

#include "settings.h"

/*
 * Becomes the init of the root, with the arguments that the kernel has for one.
 * Returns after a message if that cannot be done.
 */
void program_become_init(const char *path, char *argv[], char *envp[]);

/*
 * Runs the command, or a shell, on the console, as a process of its own, until
 * it ends. Returns its exit status, as a shell has it.
 */
unsigned int program_run(const struct settings *settings);

/* Tells lkvm the status, by the port that the settings name. */
void program_tell(const struct settings *settings, unsigned int status);

#endif
