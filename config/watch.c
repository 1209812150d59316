/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Options by which a run is judged. Patterns are checked here, so that a wrong
 * one is wrong usage, and no guest is started for it.
 */
#include <errno.h>
#include <stdlib.h>

#include "lkvm/config/list.h"
#include "lkvm/config/watch.h"
#include "lkvm/util/log.h"

/* An empty one would be found in every line. */
int watch_pattern_add(struct watch_patterns *patterns, const char *option,
		      const char *arg)
{
	struct pattern *pattern;
	char why[PATTERN_WHY];

	if (!*arg) {
		pr_fatal("%s: want a regular expression, not nothing", option);
		return -EINVAL;
	}
	pattern = config_list_add(patterns);
	if (!pattern)
		return -ENOMEM;
	if (!pattern_set(pattern, arg, why))
		return 0;
	pr_fatal("%s %s: no regular expression (POSIX extended): %s", option,
		 arg, why);
	patterns->count--;
	return -EINVAL;
}

/* The texts are argv's. */
static void free_patterns(struct watch_patterns *patterns)
{
	for (unsigned int i = 0; i < patterns->count; i++)
		pattern_drop(&patterns->items[i]);
	free(patterns->items);
	patterns->items = NULL;
	patterns->count = 0;
}

void watch_config_free(struct watch_config *config)
{
	free_patterns(&config->expect);
	free_patterns(&config->fail_on);
}
