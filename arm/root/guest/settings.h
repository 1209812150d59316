/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What lkvm wants done: the file /settings, see ../settings.c. */
#ifndef ROOT_GUEST_SETTINGS_H
#define ROOT_GUEST_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>

#define MAX_ARGS 4096

struct settings {
	const char *tag;     /* of the share */
	const char *release; /* of the kernel that modules were found for */
	const char *hostfs;  /* tag of the share for /host, if there is one */
	const char *name;    /* the machine's */
	const char *dir;     /* where the program is started */
	const char *term;    /* kind of terminal */
	const char *init;    /* first process, in place of what follows */
	const char *input;   /* name of the port that has its input */
	const char *status;  /* name of the port that gets the exit status */
	unsigned int rows, cols; /* of the terminal; 0: not known */
	bool plain_output, plain_input, no_input;
	char *args[MAX_ARGS + 1]; /* the command; none: a shell */
	size_t nr_args;
};

/* Reads the file, with messages. What cannot be read is not there. */
void settings_read(struct settings *settings);

/*
 * Calls `use` for the value of each setting with that key, in their order.
 */
void settings_each(const char *key,
		   void (*use)(const char *value, void *opaque), void *opaque);

#endif
