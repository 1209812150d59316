/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Modules that are in the archive. */
#ifndef ROOT_GUEST_MODULES_H
#define ROOT_GUEST_MODULES_H

#include "settings.h"

/* Loads them, in the order of the settings, with a message for each error. */
void modules_load(void);

/* Says which modules lkvm would have liked to bring and has not found. */
void modules_say_missing(const struct settings *settings);

#endif
