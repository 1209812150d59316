/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Values chosen by name, and lists of names for messages. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lkvm/util/names.h"

/* Names are few and short: no order, no hash. */
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

/* Called for each word in turn, with what has been written as its memory. */
void names_append(char *buf, size_t size, const char *word, const char *suffix,
		  bool last)
{
	const char *separator = !*buf ? "" : last ? " and " : ", ";
	size_t len = strlen(buf);

	snprintf(buf + len, size - len, "%s%s%s", separator, word, suffix);
}

/* The last name, which `and` precedes, is found before anything is written. */
void names_list(const char *const names[], size_t count, char *buf, size_t size)
{
	while (count && !names[count - 1])
		count--;
	buf[0] = '\0';
	for (size_t i = 0; i < count; i++)
		if (names[i])
			names_append(buf, size, names[i], "", i + 1 == count);
}
