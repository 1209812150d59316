/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The language of --script, line by line; see docs/lkvm.1, "Scripts". All of it
 * is checked before the guest starts. Steps point into the file's content, in
 * which escape sequences are replaced in place.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lkvm/config/list.h"
#include "lkvm/config/script.h"
#include "lkvm/config/watch.h"
#include "lkvm/util/file.h"
#include "lkvm/util/log.h"
#include "lkvm/util/parse.h"

/* A script while it is read. */
struct reader {
	struct script *script;
	const char *path;
	unsigned int line;
	u64 within;
};

static int bad(const struct reader *reader, const char *what, const char *arg)
{
	pr_fatal("--script %s, line %u: %s%s%s", reader->path, reader->line,
		 what, arg ? ": " : "", arg ?: "");
	return -EINVAL;
}

/* One byte, at which *from then is behind its escape sequence. False: none. */
static bool unescape_one(const char **from, char *to)
{
	static const char letters[] = "rnte\\", meanings[] = "\r\n\t\x1b\\";
	const char *letter = **from ? strchr(letters, **from) : NULL;
	unsigned int high, low;

	if (letter) {
		*to = meanings[letter - letters];
		++*from;
		return true;
	}
	if (**from != 'x')
		return false;
	high = digit_value((*from)[1]);
	low = high < 16 ? digit_value((*from)[2]) : 16;
	if (low > 15)
		return false;
	*to = (char)(high << 4 | low);
	*from += 3;
	return true;
}

/* In place; a zero may be among the bytes. Returns how many, or -EINVAL. */
static ssize_t unescape(char *text)
{
	const char *from = text;
	char *to = text;

	while (*from) {
		if (*from != '\\') {
			*to++ = *from++;
			continue;
		}
		from++;
		if (!unescape_one(&from, to++))
			return -EINVAL;
	}
	return to - text;
}

static int take_expect(struct reader *reader, struct script_step *step,
		       char *arg)
{
	char why[PATTERN_WHY];

	step->within = reader->within;
	if (!pattern_set(&step->pattern, arg, why))
		return 0;
	return bad(reader, why, arg);
}

static int take_send(struct reader *reader, struct script_step *step, char *arg)
{
	ssize_t len;

	step->text = arg;
	len = unescape(arg);
	if (len < 0)
		return bad(reader,
			   "there are \\r, \\n, \\t, \\e, \\\\ and \\xHH",
			   NULL);
	step->len = (size_t)len;
	return 0;
}

static int take_wait(struct reader *reader, struct script_step *step, char *arg)
{
	(void)arg;
	step->within = reader->within;
	return 0;
}

static int take_power(struct reader *reader, struct script_step *step,
		      char *arg)
{
	(void)reader;
	(void)step;
	(void)arg;
	return 0;
}

static int set_within(struct reader *reader, const char *arg)
{
	if (arg && !parse_u64(arg, 1, WATCH_MAX_SECONDS, &reader->within))
		return 0;
	return bad(reader, "within takes a number of seconds", NULL);
}

static int add_step(struct reader *reader, enum script_kind kind, char *arg)
{
	static int (*const take[])(struct reader * reader,
				   struct script_step * step, char *arg) = {
		[SCRIPT_EXPECT] = take_expect,
		[SCRIPT_SEND] = take_send,
		[SCRIPT_POWER] = take_power,
		[SCRIPT_WAIT] = take_wait,
	};
	struct script *script = reader->script;
	struct script_step *step = config_list_add(script);
	int ret;

	if (!step)
		return -ENOMEM;
	step->kind = kind;
	step->line = reader->line;
	ret = take[kind](reader, step, arg);
	if (ret)
		script->count--;
	return ret;
}

static int take_line(struct reader *reader, char *line)
{
	static const struct {
		const char *name;
		enum script_kind kind;
		bool has_arg;
	} words[] = {
		{ "expect", SCRIPT_EXPECT, true },
		{ "send", SCRIPT_SEND, true },
		{ "power", SCRIPT_POWER, false },
		{ "wait", SCRIPT_WAIT, false },
	};
	const struct script *script = reader->script;
	char *arg = strchr(line, ' ');

	if (!*line || *line == '#')
		return 0;
	if (arg)
		*arg++ = '\0';
	if (arg && !*arg)
		arg = NULL;
	if (!strcmp(line, "within"))
		return set_within(reader, arg);
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		if (strcmp(line, words[i].name))
			continue;
		if (!arg == words[i].has_arg)
			return bad(reader,
				   arg ? "there is to be nothing behind"
				       : "something is missing behind",
				   line);
		if (script->count &&
		    script->items[script->count - 1].kind == SCRIPT_WAIT)
			return bad(reader, "nothing can follow wait", NULL);
		return add_step(reader, words[i].kind, arg);
	}
	return bad(
		reader,
		"there are expect, send, within, power, wait and # comments, "
		"not",
		line);
}

int script_parse(struct script *script, const char *path, char *content)
{
	struct reader reader = {
		.script = script,
		.path = path,
		.within = SCRIPT_WITHIN,
	};
	int ret = 0;
	char *line;

	script->content = content;
	while (!ret && (line = strsep(&content, "\n"))) {
		size_t len = strlen(line);

		/* As an editor of another system writes it. */
		if (len && line[len - 1] == '\r')
			line[len - 1] = '\0';
		reader.line++;
		ret = take_line(&reader, line);
	}
	if (!ret && !script->count)
		ret = bad(&reader, "there is nothing to do", NULL);
	if (ret)
		script_free(script);
	return ret;
}

/* A zero would hide what is behind it. */
int script_read(struct script *script, const char *path)
{
	void *content;
	size_t len;
	int ret = file_read_all(path, SCRIPT_MAX, &content, &len);

	if (ret) {
		pr_fatal("--script: unable to read %s: %s", path,
			 strerror(-ret));
		return ret;
	}
	if (strlen(content) != len) {
		pr_fatal("--script %s: it is no text", path);
		free(content);
		return -EINVAL;
	}
	return script_parse(script, path, content);
}

void script_free(struct script *script)
{
	for (unsigned int i = 0; i < script->count; i++)
		pattern_drop(&script->items[i].pattern);
	free(script->items);
	free(script->content);
	memset(script, 0, sizeof(*script));
}
