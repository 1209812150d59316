/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Values that users choose by name: an enum's names are a table indexed by its
 * values, with NULL for a value that cannot be chosen.
 */
#ifndef LKVM_UTIL_NAMES_H
#define LKVM_UTIL_NAMES_H

#include "lkvm/util/util.h"

/*
 * Puts the index of `name` in names[count] into *index. Returns 0, or -EINVAL
 * with *index as it was.
 */
int names_find(const char *const names[], size_t count, const char *name,
	       unsigned int *index);

/*
 * Puts all names into buf[size], as "a, b and c". What does not fit is left
 * out.
 */
void names_list(const char *const names[], size_t count, char *buf,
		size_t size);

/*
 * Appends `word` and `suffix` to the list in buf[size], a string, empty before
 * the first word; `last` says that no other comes.
 */
void names_append(char *buf, size_t size, const char *word, const char *suffix,
		  bool last);

#endif
