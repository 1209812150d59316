/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What depmod(8) says of a kernel's modules. Its files come from a root file
 * system that somebody else has made: any bytes.
 */
#ifndef LKVM_ARM_ROOT_MODULES_H
#define LKVM_ARM_ROOT_MODULES_H

#include "lkvm/util/util.h"

#define MODULES_MAX	 64	/* in a list */
#define MODULES_MAX_PATH 255	/* bytes of a path in modules.dep */
#define MODULES_MAX_DEP	 SZ_16M /* bytes of modules.dep */

/* Paths below /lib/modules/RELEASE, in the order in which they are loaded. */
struct module_list {
	char *paths[MODULES_MAX];
	unsigned int count;
};

/*
 * Appends to *list the module `name` of modules.dep, `text` with a zero behind
 * it, and before it what it depends on; none that the list has already. `name`
 * is as in /proc/modules: '_' stands for '-', too.
 *
 * Returns 0; -ENOENT if there is no such module; -EBADMSG if what is said of it
 * is no list of paths below the folder; -E2BIG for more than MODULES_MAX;
 * -ENOMEM. After an error the list may have got longer.
 */
int modules_add(struct module_list *list, const char *text, const char *name);

/* True if `text`, modules.builtin with a zero behind it, has the module. */
bool modules_has(const char *text, const char *name);

/* Frees the paths and empties the list. */
void modules_free(struct module_list *list);

#endif
