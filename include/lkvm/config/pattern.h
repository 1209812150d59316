/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Regular expressions of users', for lines that a guest prints. */
#ifndef LKVM_CONFIG_PATTERN_H
#define LKVM_CONFIG_PATTERN_H

#include <regex.h>

#include "lkvm/util/util.h"

/* Characters of one, with all that it repeats written out. */
#define PATTERN_MAX 4096U

/* Parentheses within parentheses. */
#define PATTERN_MAX_DEPTH 64U

/* Bytes of the text that says why one is wrong. */
#define PATTERN_WHY 128

/* Zero-initialise it. Of one thread at a time. */
struct pattern {
	const char *text; /* as the user wrote it, POSIX extended; not owned */
	/* Private. */
	regex_t regex;
	bool is_compiled; /* `regex` is to be freed */
	bool is_failed;	  /* there was no memory for it */
	size_t looked_at; /* bytes of lines since then */
};

/*
 * Checks `text`, which has to stay. Returns 0, or -EINVAL with the reason in
 * `why`.
 */
int pattern_set(struct pattern *pattern, const char *text,
		char why[PATTERN_WHY]);

/*
 * Whether `line` shows it: `flags` are those of regexec(3), and *end becomes
 * where in the line it ends; NULL is allowed. A pattern for which there is no
 * memory is not seen, which a message says.
 */
bool pattern_matches(struct pattern *pattern, const char *line, int flags,
		     size_t *end);

/* Frees what the pattern has; pattern_matches() makes it anew. */
void pattern_drop(struct pattern *pattern);

#endif
