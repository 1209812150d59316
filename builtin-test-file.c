/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The language of test files, line by line; see docs/test.md. All that can be
 * checked without a guest is, so that a mistake is told at once and not as a
 * test that fails. Tests point into the file's content.
 *
 * Called by builtin-test.c on the main thread before any test runs, once for
 * each file. A line is looked at once, in order, with the section that it
 * belongs to in the reader.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "builtin-test.h"
#include "lkvm/config/control.h"
#include "lkvm/config/list.h"
#include "lkvm/config/outcome.h"
#include "lkvm/config/pattern.h"
#include "lkvm/config/script.h"
#include "lkvm/config/watch.h"
#include "lkvm/util/file.h"
#include "lkvm/util/log.h"
#include "lkvm/util/parse.h"

/* A file while it is read. */
struct reader {
	struct test_suite *suite;
	const char *path;
	const char *folder;
	char *next; /* the line to be read next; NULL after the last one */
	unsigned int line;
	struct test_case defaults;
	struct test_case *section; /* lines are for it; NULL before the first */
	bool has_defaults;
};

/* Every mistake is told once, in the form that editors understand. */
static int __printf(3, 4) bad(const struct reader *reader, unsigned int line,
			      const char *fmt, ...)
{
	char what[256];
	va_list args;

	va_start(args, fmt);
	vsnprintf(what, sizeof(what), fmt, args);
	va_end(args);
	pr_fatal("%s:%u: %s", reader->path, line, what);
	return -EINVAL;
}

/* `s` is the suite's from here on, also after an error. */
static int own(struct test_suite *suite, char *s)
{
	char **item = s ? config_list_add(&suite->owned) : NULL;

	if (item) {
		*item = s;
		return 0;
	}
	free(s);
	return -ENOMEM;
}

/* ---- Values -------------------------------------------------------------- */

/* Splits a value that is fine with any values of ${tmp} and ${run}. */
static int split(const struct reader *reader, const struct test_value *value,
		 struct words *words)
{
	const struct words_vars vars = { .tmp = "/tmp", .run = 1 };
	char why[WORDS_WHY];
	int ret = words_split(value->text, &vars, words, why);

	return ret == -EINVAL ? bad(reader, value->line, "%s", why) : ret;
}

/* What lkvm test sets itself, and by which key users do; NULL: by none. */
static int check_option(const struct reader *reader, unsigned int line,
			const char *word)
{
	static const struct {
		const char *option, *key;
	} own_options[] = {
		{ "--timeout", "timeout" }, { "--script", "script" },
		{ "--name", NULL },	    { "--result", NULL },
		{ "--junit", NULL },	    { "--console-log", NULL },
		{ "--help", NULL },	    { "-h", NULL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(own_options); i++) {
		size_t len = strlen(own_options[i].option);

		if (strncmp(word, own_options[i].option, len) ||
		    (word[len] && word[len] != '='))
			continue;
		if (own_options[i].key)
			return bad(reader, line,
				   "%s: there is the key %s for that",
				   own_options[i].option, own_options[i].key);
		return bad(reader, line, "%s is not for tests",
			   own_options[i].option);
	}
	return 0;
}

/* What else is an option is for `lkvm run` to say: it has the tables. */
static int check_run(const struct reader *reader,
		     const struct test_value *value)
{
	struct words words;
	int ret = split(reader, value, &words);

	for (unsigned int i = 0; !ret && i < words.count; i++)
		ret = check_option(reader, value->line, words.items[i]);
	words_free(&words);
	return ret;
}

const char *test_copy_name(const struct words *words)
{
	const char *from = words->items[0];
	const char *slash = strrchr(from, '/');

	if (words->count == 3)
		return words->items[2];
	return slash ? slash + 1 : from;
}

/* A name in the run's folder, and not one that leads elsewhere. */
static bool is_plain_name(const char *name)
{
	return *name && !strchr(name, '/') && strcmp(name, ".") &&
	       strcmp(name, "..");
}

/* Two copies of one name in a run's folder. */
static int check_copy_name(const struct reader *reader,
			   const struct test_value *value, const char *name)
{
	const struct test_values *others = &reader->section->lists[TEST_COPY];
	int ret = 0;

	for (unsigned int i = 0; !ret && i < others->count; i++) {
		struct words words;

		ret = split(reader, &others->items[i], &words);
		if (!ret && !strcmp(test_copy_name(&words), name))
			ret = bad(reader, value->line,
				  "copy: there is a \"%s\" already, by line %u",
				  name, others->items[i].line);
		words_free(&words);
	}
	return ret;
}

/* FILE is looked for when the test runs: another one may be to make it. */
static int check_copy(const struct reader *reader,
		      const struct test_value *value)
{
	struct words words;
	int ret = split(reader, value, &words);

	if (ret)
		return ret;
	if (words.count != 1 &&
	    (words.count != 3 || strcmp(words.items[1], "as")))
		ret = bad(reader, value->line, "copy takes FILE [as NAME]");
	else if (!is_plain_name(test_copy_name(&words)))
		ret = bad(reader, value->line,
			  "copy: \"%s\" is no name of a file",
			  test_copy_name(&words));
	else
		ret = check_copy_name(reader, value, test_copy_name(&words));
	words_free(&words);
	return ret;
}

/* One word, of a file that may or may not be there. */
static int check_file(const struct reader *reader,
		      const struct test_value *value)
{
	struct words words;
	int ret = split(reader, value, &words);

	if (!ret && (words.count != 1 || !*words.items[0]))
		ret = bad(reader, value->line, "want one file");
	words_free(&words);
	return ret;
}

/* As `lkvm run` would, but with the line. It is compiled there again. */
static int check_pattern(const struct reader *reader,
			 const struct test_value *value)
{
	struct pattern pattern = { 0 };
	char why[PATTERN_WHY];
	int ret = pattern_set(&pattern, value->text, why);

	if (!ret)
		pattern_drop(&pattern);
	return ret ? bad(reader, value->line, "%s: %s", why, value->text) : 0;
}

/* A number, or a word of `lkvm help exit-status`. */
static int take_end(struct reader *reader, struct test_case *test)
{
	const struct test_value *value = &test->end;

	test->is_status = !parse_u64(value->text, 0, UINT8_MAX, &test->status);
	if (test->is_status)
		return 0;
	for (unsigned int i = 0; i < NR_OUTCOMES; i++)
		if (!strcmp(outcome_row(i)->name, value->text))
			return 0;
	return bad(reader, value->line,
		   "status: \"%s\" is neither a number up to 255 nor an "
		   "outcome; see 'lkvm help exit-status'",
		   value->text);
}

/* The number is kept: the run's own limit and the parent's both need it. */
static int take_timeout(struct reader *reader, struct test_case *test)
{
	if (!parse_u64(test->timeout.text, 1, WATCH_MAX_SECONDS,
		       &test->seconds))
		return 0;
	return bad(reader, test->timeout.line,
		   "timeout takes a number of seconds");
}

/* Whether a script was in this section, of either kind; that of [defaults]
 * may be replaced. */
static int check_one_script(const struct reader *reader,
			    const struct test_value *old)
{
	if (!old->text || old->line <= reader->section->line)
		return 0;
	return bad(reader, reader->line,
		   "script was in line %u of this section already", old->line);
}

/* Replaces a script in the file itself, which [defaults] may have. */
static int take_script(struct reader *reader, struct test_case *test)
{
	if (check_one_script(reader, &test->steps))
		return -EINVAL;
	test->steps.text = NULL;
	return check_file(reader, &test->script);
}

/* ---- Keys ---------------------------------------------------------------- */

static const struct {
	const char *name;
	int (*check)(const struct reader *reader,
		     const struct test_value *value);
} lists[TEST_NR_LISTS] = {
	[TEST_RUN] = { "run", check_run },
	[TEST_COPY] = { "copy", check_copy },
	[TEST_SKIP_UNLESS] = { "skip-unless", check_file },
	[TEST_EXPECT] = { "expect", check_pattern },
	[TEST_FAIL_ON] = { "fail-on", check_pattern },
};

static const struct {
	const char *name;
	size_t offset; /* of a struct test_value in struct test_case */
	int (*take)(struct reader *reader, struct test_case *test);
} singles[] = {
	{ "script", offsetof(struct test_case, script), take_script },
	{ "status", offsetof(struct test_case, end), take_end },
	{ "timeout", offsetof(struct test_case, timeout), take_timeout },
};

/* Only the pair is copied; the text stays in the file's content. */
static int add_value(struct test_values *values, const struct test_value *value)
{
	struct test_value *item = config_list_add(values);

	if (!item)
		return -ENOMEM;
	*item = *value;
	return 0;
}

/* A limit for what every test of a file has, if it is of its [defaults]. */
static int add_line(const struct reader *reader, size_t n,
		    const struct test_value *value)
{
	struct test_values *values = &reader->section->lists[n];

	if (values->count == TEST_LINES_MAX)
		return bad(reader, value->line,
			   "a test has %d lines of %s at most", TEST_LINES_MAX,
			   lists[n].name);
	return add_value(values, value);
}

/* Of two lines in one section one would be lost; that of [defaults] may be. */
static int take_single(struct reader *reader, size_t n,
		       const struct test_value *value)
{
	struct test_case *test = reader->section;
	struct test_value *old =
		(struct test_value *)((char *)test + singles[n].offset);

	if (old->text && old->line > test->line)
		return bad(reader, value->line,
			   "%s was in line %u of this section already",
			   singles[n].name, old->line);
	*old = *value;
	return singles[n].take(reader, test);
}

/* Looks the key up in both tables. */
static int take_value(struct reader *reader, const char *key,
		      const struct test_value *value)
{
	for (size_t i = 0; i < TEST_NR_LISTS; i++) {
		int ret;

		if (strcmp(key, lists[i].name))
			continue;
		ret = lists[i].check(reader, value);
		return ret ? ret : add_line(reader, i, value);
	}
	for (size_t i = 0; i < ARRAY_SIZE(singles); i++)
		if (!strcmp(key, singles[i].name))
			return take_single(reader, i, value);
	return bad(reader, value->line,
		   "there are run, copy, expect, fail-on, script, status, "
		   "timeout and skip-unless, not \"%s\"",
		   key);
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t';
}

/* Without spaces at both ends, in place. */
static char *trim(char *s)
{
	size_t len;

	while (is_space(*s))
		s++;
	len = strlen(s);
	while (len && is_space(s[len - 1]))
		len--;
	s[len] = '\0';
	return s;
}

/*
 * KEY = VALUE; the value may have further '='. An empty value is an error,
 * since nothing that a test needs is empty.
 */
static int take_pair(struct reader *reader, char *line)
{
	struct test_value value = { .line = reader->line };
	char *equals = strchr(line, '=');
	const char *key;

	if (!equals)
		return bad(reader, reader->line,
			   "want [NAME], KEY = VALUE or script:");
	if (!reader->section)
		return bad(reader, reader->line,
			   "a section, [NAME], has to come first");
	*equals = '\0';
	key = trim(line);
	value.text = trim(equals + 1);
	if (!*value.text)
		return bad(reader, reader->line, "nothing is behind %s =", key);
	return take_value(reader, key, &value);
}

/* ---- A script in the file ------------------------------------------------ */

/* The next line, without its end; NULL: there is none. */
static char *next_line(struct reader *reader)
{
	char *line = strsep(&reader->next, "\n");
	size_t len = line ? strlen(line) : 0;

	/* As an editor of another system writes it. */
	if (len && line[len - 1] == '\r')
		line[len - 1] = '\0';
	if (line)
		reader->line++;
	return line;
}

static bool is_blank(const char *line)
{
	return !line[strspn(line, " \t\r")];
}

/* Whether the next line is one of an indented block: blank ones are, too. */
static bool in_block(const struct reader *reader)
{
	const char *line = reader->next;

	return line && (is_space(*line) || line[strspn(line, " \t\r")] == '\n');
}

/* Its text is checked by what reads it later on, with its own line numbers. */
static int check_steps(const struct reader *reader,
		       const struct test_value *steps)
{
	struct script script = { 0 };
	char *name, *content;
	int ret = -ENOMEM;

	if (asprintf(&name, "%s:%u", reader->path, steps->line) < 0)
		return -ENOMEM;
	content = strdup(steps->text);
	if (content)
		ret = script_parse(&script, name, content);
	if (content && !ret)
		script_free(&script);
	free(name);
	return ret;
}

/*
 * The lines are moved to where the block begins, each without the indentation
 * of the first one: as that has a character, there is room for the zero.
 */
static int take_block(struct reader *reader)
{
	struct test_case *test = reader->section;
	struct test_value steps = { .line = reader->line };
	char *to = reader->next, *line;
	char *begin = to, *indent = NULL;
	size_t width = 0;

	if (check_one_script(reader, &test->steps) ||
	    check_one_script(reader, &test->script))
		return -EINVAL;
	while (in_block(reader)) {
		line = next_line(reader);
		if (is_blank(line)) {
			*to++ = '\n';
			continue;
		}
		if (!indent) {
			width = strspn(line, " \t");
			indent = strndup(line, width);
			if (!indent || own(reader->suite, indent))
				return -ENOMEM;
		}
		if (strncmp(line, indent, width))
			return bad(reader, reader->line,
				   "want the indentation of the script's first "
				   "line");
		memmove(to, line + width, strlen(line + width));
		to += strlen(line + width);
		*to++ = '\n';
	}
	if (!indent)
		return bad(reader, steps.line,
			   "script: is followed by indented lines");
	*to = '\0';
	steps.text = begin;
	test->steps = steps;
	test->script.text = NULL;
	return check_steps(reader, &steps);
}

/* ---- Sections ------------------------------------------------------------ */

/* Folders of logs have a test's name, so it is one in all files. */
static const struct test_case *find_test(const struct test_suite *suite,
					 const char *name)
{
	for (unsigned int i = 0; i < suite->count; i++)
		if (!strcmp(suite->items[i]->name, name))
			return suite->items[i];
	return NULL;
}

/* Lists are the test's own, texts are shared. */
static int copy_defaults(struct test_case *test,
			 const struct test_case *defaults)
{
	int ret = 0;

	*test = *defaults;
	memset(test->lists, 0, sizeof(test->lists));
	for (size_t i = 0; i < TEST_NR_LISTS; i++)
		for (unsigned int j = 0; !ret && j < defaults->lists[i].count;
		     j++)
			ret = add_value(&test->lists[i],
					&defaults->lists[i].items[j]);
	return ret;
}

static void free_lists(struct test_case *test)
{
	for (size_t i = 0; i < TEST_NR_LISTS; i++)
		free(test->lists[i].items);
}

/* A test that is the suite's, with all zero; NULL after a message. */
static struct test_case *new_test(struct test_suite *suite)
{
	struct test_case *test = calloc(1, sizeof(*test));
	void *items;

	if (!test) {
		pr_fatal("out of memory");
		return NULL;
	}
	items = config_list_grow(suite->items, suite->count, sizeof(void *));
	if (!items) {
		free(test);
		return NULL;
	}
	suite->items = items;
	suite->items[suite->count++] = test;
	return test;
}

/* The test has what [defaults] says so far: that comes before it. */
static int add_test(struct reader *reader, const char *name)
{
	const struct test_case *old = find_test(reader->suite, name);
	struct test_case *test;
	int ret;

	if (old)
		return bad(reader, reader->line,
			   "there is a test \"%s\" already, at %s:%u", name,
			   old->path, old->line);
	if (reader->suite->count == TEST_MAX)
		return bad(reader, reader->line, "there are more than %d tests",
			   TEST_MAX);
	test = new_test(reader->suite);
	if (!test)
		return -ENOMEM;
	ret = copy_defaults(test, &reader->defaults);
	test->name = name;
	test->path = reader->path;
	test->folder = reader->folder;
	test->line = reader->line;
	reader->section = test;
	return ret;
}

/* [NAME], or [defaults], whose lines are kept for tests to come. */
static int take_section(struct reader *reader, char *line)
{
	size_t len = strlen(line);
	char *name;

	if (line[len - 1] != ']')
		return bad(reader, reader->line, "want [NAME]");
	line[len - 1] = '\0';
	name = trim(line + 1);
	/* It is a folder's, a guest's and, in JUnit's file, an attribute's. */
	if (!control_name_is_good(name))
		return bad(reader, reader->line,
			   "want a name of letters, digits and, but for the "
			   "first one, \"._-\", up to %d of them",
			   CONTROL_NAME_MAX);
	if (strcmp(name, "defaults"))
		return add_test(reader, name);
	if (reader->has_defaults)
		return bad(reader, reader->line,
			   "[defaults] was in line %u already",
			   reader->defaults.line);
	reader->has_defaults = true;
	reader->defaults.line = reader->line;
	reader->section = &reader->defaults;
	return 0;
}

/*
 * Lines of a script in the file are not seen here: take_block() takes them all.
 */
static int take_line(struct reader *reader, char *line)
{
	if (is_blank(line) || *line == '#')
		return 0;
	if (is_space(*line))
		return bad(reader, reader->line,
			   "indented lines are for what follows script:");
	line = trim(line);
	if (*line == '[')
		return take_section(reader, line);
	if (strcmp(line, "script:"))
		return take_pair(reader, line);
	if (!reader->section)
		return bad(reader, reader->line,
			   "a section, [NAME], has to come first");
	return take_block(reader);
}

/* ---- Files --------------------------------------------------------------- */

/* Where the file is; "" stands for a file in the root directory's "/". */
static char *folder_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	if (!slash)
		return strdup(".");
	return strndup(path, slash == path ? 1 : (size_t)(slash - path));
}

/*
 * The suite owns the content and the folder's name from the start, also after
 * an error: tests that were added before it point into them.
 */
int test_file_parse(struct test_suite *suite, const char *path, char *content)
{
	char *folder = folder_of(path), *line;
	unsigned int before = suite->count;
	struct reader reader = {
		.suite = suite,
		.path = path,
		.folder = folder,
		.next = content,
		.defaults = { .seconds = TEST_TIMEOUT },
	};
	int ret = own(suite, content);

	if (own(suite, folder) || ret)
		return -ENOMEM;
	while (!ret && (line = next_line(&reader)))
		ret = take_line(&reader, line);
	free_lists(&reader.defaults);
	if (!ret && suite->count == before) {
		pr_fatal("%s: there is no test in it", path);
		ret = -EINVAL;
	}
	return ret;
}

/* A zero would hide what is behind it. */
int test_file_read(struct test_suite *suite, const char *path)
{
	void *content;
	size_t len;
	int ret = file_read_all(path, TEST_FILE_MAX, &content, &len);

	if (ret) {
		pr_fatal("test: unable to read %s: %s", path, strerror(-ret));
		return ret;
	}
	if (strlen(content) != len) {
		pr_fatal("%s: it is no text", path);
		free(content);
		return -EINVAL;
	}
	return test_file_parse(suite, path, content);
}

/* Tests first, then what they point into. */
void test_suite_free(struct test_suite *suite)
{
	for (unsigned int i = 0; i < suite->count; i++) {
		free_lists(suite->items[i]);
		free(suite->items[i]);
	}
	for (unsigned int i = 0; i < suite->owned.count; i++)
		free(suite->owned.items[i]);
	free(suite->items);
	free(suite->owned.items);
	memset(suite, 0, sizeof(*suite));
}
