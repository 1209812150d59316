/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Memory for the lists of a configuration. */
#include <stdlib.h>
#include <string.h>

#include "lkvm/config/list.h"
#include "lkvm/util/log.h"

/* An item at a time: a command line has few of them. */
void *config_list_grow(void *items, unsigned int count, size_t size)
{
	char *grown = reallocarray(items, (size_t)count + 1, size);

	if (!grown) {
		pr_fatal("out of memory");
		return NULL;
	}
	memset(grown + count * size, 0, size);
	return grown;
}
