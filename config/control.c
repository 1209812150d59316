/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The option --control, and names of guests that can be those of files. */
#include <string.h>

#include "lkvm/config/control.h"

const char *const control_choice_names[NR_CONTROL] = {
	[CONTROL_ON] = "on",
	[CONTROL_OFF] = "off",
};

/*
 * A name becomes that of a socket's file and an argument of commands, so it can
 * be no hidden file, no option and no path.
 */
bool control_name_is_good(const char *name)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz"
				      "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789.-_";
	size_t len = strspn(name, letters);

	return len && len <= CONTROL_NAME_MAX && !name[len] &&
	       !strchr(".-_", name[0]);
}
