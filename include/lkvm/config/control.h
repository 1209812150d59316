/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whether a guest has a control socket, and its name there. */
#ifndef LKVM_CONFIG_CONTROL_H
#define LKVM_CONFIG_CONTROL_H

#include "lkvm/util/util.h"

#define CONTROL_NAME_MAX 64

enum control_choice {
	CONTROL_NAMED, /* with --name, if it can be made */
	CONTROL_ON,    /* always: without it there is no run */
	CONTROL_OFF,
	NR_CONTROL
};

/* As users call them; NULL for CONTROL_NAMED. */
extern const char *const control_choice_names[NR_CONTROL];

/*
 * Whether a guest of that name can have a socket: up to CONTROL_NAME_MAX
 * letters, digits, '.', '-' and '_', the first a letter or digit. Any thread.
 */
bool control_name_is_good(const char *name);

#endif
