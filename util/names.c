/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Values of options chosen by name, and the lists of names that messages and
 * errors print. Tables belong to the options; nothing is allocated.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lkvm/util/names.h"

/*
 * Linear: tables have up to ten names, and are searched once for each option.
 */
int names_find(const char *const names[], size_t count, const char *name,
	       unsigned int *index)
{
	for (size_t i = 0; i < count; i++) {
		if (names[i] && !strcmp(names[i], name)) {
			*index = (unsigned int)i;
			return 0;
		}
	}
	return -EINVAL;
}

/* Called once for each word; the text so far is its only state. */
void names_append(char *buf, size_t size, const char *word, const char *suffix,
		  bool last)
{
	const char *separator = !*buf ? "" : last ? " and " : ", ";
	size_t len = strlen(buf);

	snprintf(buf + len, size - len, "%s%s%s", separator, word, suffix);
}

/* The last name, before which "and" goes, is found first. */
void names_list(const char *const names[], size_t count, char *buf, size_t size)
{
	while (count && !names[count - 1])
		count--;
	buf[0] = '\0';
	for (size_t i = 0; i < count; i++)
		if (names[i])
			names_append(buf, size, names[i], "", i + 1 == count);
}
