/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Words in files of tests: a shell's quoting (POSIX, "Shell Command Language",
 * section 2.2), and ${NAME}. What a name stands for is never split, and a '$'
 * that a shell would understand otherwise is an error rather than itself.
 *
 * Called by builtin-test-file.c to check a value, and again by the child of
 * each run with the values that names have there. The text is its user's, the
 * values are the environment's. No shell is involved: nothing is executed and
 * no pattern is expanded.
 */
#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "builtin-test.h"

/* Words go to `out`, each with a zero at its end. */
struct splitter {
	const char *pos;
	const struct words_vars *vars;
	FILE *out;
	unsigned int count;
	char *why;
};

/* Every error of the user's ends here; the caller knows file and line. */
static int __printf(2, 3) fail(struct splitter *s, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(s->why, WORDS_WHY, fmt, args);
	va_end(args);
	return -EINVAL;
}

/*
 * In any place of a name: getenv(3) decides whether there is such a variable.
 */
static bool is_name_char(char c)
{
	return isalnum((unsigned char)c) || c == '_';
}

/*
 * A name that is not set is an error and not nothing: `--kernel ${KERNEL}`
 * would take the next option for its file.
 */
static int put_named(struct splitter *s, const char *name)
{
	const char *value;

	if (!strcmp(name, "run")) {
		fprintf(s->out, "%u", s->vars->run);
		return 0;
	}
	value = strcmp(name, "tmp") ? getenv(name) : s->vars->tmp;
	if (!value)
		return fail(s, "${%s} is not set in the environment", name);
	fputs(value, s->out);
	return 0;
}

/* At a '$': ${NAME}, or the character itself where no shell sees more in it. */
static int take_dollar(struct splitter *s)
{
	char name[64];
	size_t len = 0;

	s->pos++;
	if (*s->pos != '{') {
		if (is_name_char(*s->pos) ||
		    (*s->pos && strchr("(@*#?!-$", *s->pos)))
			return fail(s, "want ${NAME}, or \\$ for a '$'");
		putc('$', s->out);
		return 0;
	}
	s->pos++;
	while (is_name_char(s->pos[len]))
		len++;
	if (!len || s->pos[len] != '}' || len >= sizeof(name))
		return fail(s, "want a name between ${ and }");
	memcpy(name, s->pos, len);
	name[len] = '\0';
	s->pos += len + 1;
	return put_named(s, name);
}

/* Within single quotes all is itself. */
static int take_single(struct splitter *s)
{
	const char *end = strchr(++s->pos, '\'');

	if (!end)
		return fail(s, "a ' has no other one");
	fwrite(s->pos, 1, (size_t)(end - s->pos), s->out);
	s->pos = end + 1;
	return 0;
}

/* Within double quotes a backslash is one unless it is before one of these. */
static void put_in_double(struct splitter *s)
{
	if (*s->pos == '\\' && s->pos[1] && strchr("\"\\$`", s->pos[1]))
		s->pos++;
	putc(*s->pos++, s->out);
}

/*
 * In double quotes ${NAME} is replaced, and nothing else has a meaning but the
 * backslash.
 */
static int take_double(struct splitter *s)
{
	s->pos++;
	while (*s->pos != '"') {
		int ret = 0;

		if (!*s->pos)
			return fail(s, "a \" has no other one");
		if (*s->pos == '$')
			ret = take_dollar(s);
		else
			put_in_double(s);
		if (ret)
			return ret;
	}
	s->pos++;
	return 0;
}

/* What is quoted in one way, or a character that is not quoted. */
static int take_part(struct splitter *s)
{
	switch (*s->pos) {
	case '\'':
		return take_single(s);
	case '"':
		return take_double(s);
	case '$':
		return take_dollar(s);
	case '\\':
		if (!s->pos[1])
			return fail(s, "nothing is behind the last \\");
		s->pos++;
		break;
	default:
		break;
	}
	putc(*s->pos++, s->out);
	return 0;
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t';
}

/* Words that are empty, as '' is, count: hence the zeros. */
static int take_all(struct splitter *s)
{
	for (;;) {
		while (is_space(*s->pos))
			s->pos++;
		if (!*s->pos)
			return 0;
		while (*s->pos && !is_space(*s->pos)) {
			int ret = take_part(s);

			if (ret)
				return ret;
		}
		putc('\0', s->out);
		s->count++;
	}
}

/* The array of what is in words->text. */
static int list_words(struct words *words)
{
	char *pos = words->text;

	words->items = calloc(words->count + 1UL, sizeof(*words->items));
	if (!words->items)
		return -ENOMEM;
	for (unsigned int i = 0; i < words->count; i++) {
		words->items[i] = pos;
		pos += strlen(pos) + 1;
	}
	return 0;
}

/*
 * All words are written to one buffer, and the array is made when the buffer no
 * longer moves.
 */
int words_split(const char *text, const struct words_vars *vars,
		struct words *words, char why[WORDS_WHY])
{
	struct splitter s = { .pos = text, .vars = vars, .why = why };
	size_t len = 0;
	int ret;

	memset(words, 0, sizeof(*words));
	s.out = open_memstream(&words->text, &len);
	if (!s.out)
		return -ENOMEM;
	ret = take_all(&s);
	/* Only now is there a buffer, also if it is empty. */
	if (fclose(s.out) && !ret)
		ret = -ENOMEM;
	words->count = s.count;
	if (!ret)
		ret = list_words(words);
	if (ret)
		words_free(words);
	return ret;
}

void words_free(struct words *words)
{
	free(words->items);
	free(words->text);
	memset(words, 0, sizeof(*words));
}
