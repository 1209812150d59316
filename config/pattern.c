/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Regular expressions with limits, of which the C library has none. Glibc's
 * regcomp(3) calls itself for each parenthesis, and copies what is repeated as
 * often as the pattern says, each repeat of a repeat included: twenty
 * characters can want all memory that there is. Its regexec(3) keeps each set
 * of places in the pattern that a line has led to, of which some patterns have
 * one for nearly each byte of a guest's output.
 *
 * So what a pattern makes is counted before it is compiled, and it is compiled
 * anew from time to time.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lkvm/config/pattern.h"
#include "lkvm/util/log.h"

/*
 * Bytes of lines after which a pattern is compiled anew: a set takes some
 * hundred bytes, so this bounds them to some tens of MiB.
 */
#define RENEW SZ_64K

/* ---- What a pattern makes ------------------------------------------------ */

/* Characters, repeats written out: of what is open, and of the last atom. */
struct size {
	u64 open[PATTERN_MAX_DEPTH + 1];
	unsigned int depth;
	u64 last;
};

static void add_atom(struct size *size)
{
	size->last = 1;
	size->open[size->depth]++;
}

/* False: it is too large. */
static bool repeat_atom(struct size *size, u64 times)
{
	size->open[size->depth] += size->last * (times - 1);
	size->last *= times;
	return size->open[size->depth] <= PATTERN_MAX;
}

static bool open_group(struct size *size)
{
	if (size->depth == PATTERN_MAX_DEPTH)
		return false;
	size->open[++size->depth] = 1;
	return true;
}

static void close_group(struct size *size)
{
	/* One that nothing has opened is wrong, which regcomp() says. */
	if (!size->depth)
		return;
	size->last = size->open[size->depth--];
	size->open[size->depth] += size->last;
}

/* Behind a bracket expression: a ']' at its begin, or of a class, is in it. */
static const char *skip_bracket(const char *s)
{
	if (*s == '^')
		s++;
	if (*s == ']')
		s++;
	while (*s && *s != ']') {
		bool is_class = *s == '[' && s[1] && strchr(":.=", s[1]);
		char end[] = { s[1], ']', '\0' };
		const char *behind = is_class ? strstr(s + 2, end) : NULL;

		s = behind ? behind + 2 : s + 1;
	}
	return *s ? s + 1 : s;
}

/* A number above all limits is one of them. */
static const char *take_number(const char *s, u64 *value)
{
	for (*value = 0; *s >= '0' && *s <= '9'; s++)
		*value = MIN(*value * 10 + (u64)(*s - '0'), PATTERN_MAX + 1ULL);
	return s;
}

/* Behind "{N,M}" or the like; the C library copies the atom so often. */
static const char *take_interval(const char *s, u64 *times)
{
	u64 most;

	s = take_number(s, times);
	if (*s == ',') {
		s = take_number(s + 1, &most);
		*times = MAX(*times + 1, most);
	}
	*times = MAX(*times, 1ULL);
	return *s == '}' ? s + 1 : s;
}

static bool is_small(const char *s)
{
	struct size size = { 0 };
	bool fits = strlen(s) <= PATTERN_MAX;
	u64 times;

	while (fits && *s) {
		char c = *s++;

		if (c == '(') {
			fits = open_group(&size);
		} else if (c == ')') {
			close_group(&size);
		} else if (c == '+') {
			fits = repeat_atom(&size, 2);
		} else if (c == '{') {
			s = take_interval(s, &times);
			fits = repeat_atom(&size, times);
		} else if (!strchr("*?|", c)) {
			add_atom(&size);
			if (c == '[')
				s = skip_bracket(s);
			else if (c == '\\' && *s)
				s++;
		}
		fits = fits && size.open[size.depth] <= PATTERN_MAX;
	}
	return fits;
}

/* ---- Patterns ------------------------------------------------------------ */

void pattern_drop(struct pattern *pattern)
{
	if (pattern->is_compiled)
		regfree(&pattern->regex);
	pattern->is_compiled = false;
}

static int compile(struct pattern *pattern, char why[PATTERN_WHY])
{
	int err = regcomp(&pattern->regex, pattern->text, REG_EXTENDED);

	if (err) {
		regerror(err, &pattern->regex, why, PATTERN_WHY);
		return -EINVAL;
	}
	pattern->is_compiled = true;
	pattern->looked_at = 0;
	return 0;
}

/* What is not matched at once is not kept: a script has many. */
int pattern_set(struct pattern *pattern, const char *text,
		char why[PATTERN_WHY])
{
	int ret;

	if (!is_small(text)) {
		snprintf(
			why, PATTERN_WHY,
			"it is larger than %u characters, repeats written out, "
			"or has more than %u parentheses in each other",
			PATTERN_MAX, PATTERN_MAX_DEPTH);
		return -EINVAL;
	}
	pattern->text = text;
	ret = compile(pattern, why);
	pattern_drop(pattern);
	return ret;
}

bool pattern_matches(struct pattern *pattern, const char *line, int flags,
		     size_t *end)
{
	char why[PATTERN_WHY];
	regmatch_t match;

	if (pattern->looked_at >= RENEW)
		pattern_drop(pattern);
	if (pattern->is_failed)
		return false;
	if (!pattern->is_compiled && compile(pattern, why)) {
		pattern->is_failed = true;
		pr_err("unable to look for %s: %s", pattern->text, why);
		return false;
	}
	pattern->looked_at += strlen(line) + 1;
	if (regexec(&pattern->regex, line, end ? 1 : 0, end ? &match : NULL,
		    flags))
		return false;
	if (end)
		*end = (size_t)match.rm_eo;
	return true;
}
