/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Options from the command line. A table is constant; it has the offset of each
 * value in a configuration, so one table serves any number of them.
 *
 * Each argument is looked up in all groups, long names first as they are, then
 * as negations of flags. For a name that is not found the most similar one is
 * suggested. Values are stored as they are met, so a later option overrides an
 * earlier one. Names cannot be abbreviated: where they can, a new option may
 * make the abbreviation in a script ambiguous. Called by the main thread before
 * any other exists.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lkvm/util/log.h"
#include "lkvm/util/names.h"
#include "lkvm/util/options.h"
#include "lkvm/util/parse.h"

#define NAME_SIZE 64 /* bytes of a long name with its zero */

/* Names that differ in more letters than this are not suggested. */
#define MAX_TYPOS 2

/* Columns of --help: where the texts start, and where lines end. */
#define HELP_COLUMN 30
#define LAST_COLUMN 80

/*
 * Characters of the user's text that a message repeats, so that the rest of it
 * fits into a line.
 */
#define SHOWN 64

/* Walks over the options of all groups; starts with `def` NULL. */
struct option_iter {
	const struct option_group *group;
	const struct option_def *def;
};

/* The state of one options_parse(). */
struct parser {
	const struct option_group *groups;
	void *config;
	char *const *argv;
	int argc;
	int next; /* index of the first argument not yet looked at */
};

/* An option as it was given. */
struct option_use {
	const struct option_def *def; /* NULL for --help */
	const char *text;	      /* "--cpus=4": its first `len` bytes... */
	int len;		      /* ...are the option's name with dashes */
	const char *arg;	      /* NULL if there is none (yet) */
	bool negated;
};

int string_list_add(struct string_list *list, const char *s)
{
	size_t room = list->room ? list->room * 2 : 8;
	const char **items;

	if (list->count == list->room) {
		items = reallocarray(list->items, room, sizeof(*items));
		if (!items)
			return -ENOMEM;
		list->items = items;
		list->room = room;
	}
	list->items[list->count++] = s;
	return 0;
}

/* The strings are argv's. */
void string_list_free(struct string_list *list)
{
	free(list->items);
	memset(list, 0, sizeof(*list));
}

/* string_list_add() with a message. */
static int add_string(struct string_list *list, const char *s)
{
	int err = string_list_add(list, s);

	if (err)
		pr_fatal("Out of memory for arguments");
	return err;
}

/* The next option of any group, in the order of the tables; NULL at the end. */
static const struct option_def *next_option(struct option_iter *it)
{
	for (; it->group->heading; it->group++, it->def = NULL) {
		it->def = it->def ? it->def + 1 : it->group->options;
		if (it->def->type != OPTION_END)
			return it->def;
	}
	return NULL;
}

/* What follows `prefix` in `s`, or NULL if `s` does not begin with it. */
static const char *skip_prefix(const char *s, const char *prefix)
{
	size_t len = strlen(prefix);

	return strncmp(s, prefix, len) ? NULL : s + len;
}

/* False if one of them is missing: an option need not have both names. */
static bool same_name(const char *a, const char *b)
{
	return a && b && !strcmp(a, b);
}

/* True if --name turns off the flag called `flag`. */
static bool negates(const char *name, const char *flag)
{
	const char *positive = skip_prefix(flag, "no-");
	const char *disabled = skip_prefix(flag, "disable-");

	if (positive)
		return same_name(name, positive);
	if (disabled && same_name(skip_prefix(name, "enable-"), disabled))
		return true;
	return same_name(skip_prefix(name, "no-"), flag);
}

/*
 * Names come before negations: an option called no-x of its own is not the
 * negation of another one called x.
 */
static const struct option_def *find_long(const struct option_group *groups,
					  const char *name, bool *negated)
{
	struct option_iter it = { groups, NULL };
	const struct option_def *def;

	*negated = false;
	while ((def = next_option(&it))) {
		if (same_name(def->long_name, name))
			return def;
	}
	*negated = true;
	it = (struct option_iter) { groups, NULL };
	while ((def = next_option(&it))) {
		if (def->type == OPTION_FLAG && def->long_name &&
		    negates(name, def->long_name))
			return def;
	}
	return NULL;
}

/* One letter; there are no negations and no groups of letters ("-ab"). */
static const struct option_def *find_short(const struct option_group *groups,
					   char name)
{
	struct option_iter it = { groups, NULL };
	const struct option_def *def;

	while ((def = next_option(&it))) {
		if (def->short_name && def->short_name == name)
			return def;
	}
	return NULL;
}

/*
 * Levenshtein's distance with one row of the matrix; both strings are shorter
 * than NAME_SIZE.
 */
static unsigned int edit_distance(const char *a, const char *b)
{
	unsigned int row[NAME_SIZE];
	size_t len = strlen(b);

	for (size_t j = 0; j <= len; j++)
		row[j] = (unsigned int)j;
	for (; *a; a++) {
		unsigned int diagonal = row[0]++;

		for (size_t j = 1; j <= len; j++) {
			unsigned int changed = diagonal + (*a != b[j - 1]);
			unsigned int added = MIN(row[j], row[j - 1]) + 1;

			diagonal = row[j];
			row[j] = MIN(changed, added);
		}
	}
	return row[len];
}

/*
 * The only long name that begins with `name`, or NULL: users of programs that
 * take abbreviations write such names.
 */
static const char *complete(const struct option_group *groups, const char *name)
{
	struct option_iter it = { groups, NULL };
	const struct option_def *def;
	const char *found = NULL;

	while ((def = next_option(&it))) {
		if (!def->help || !def->long_name ||
		    !skip_prefix(def->long_name, name))
			continue;
		if (found)
			return NULL;
		found = def->long_name;
	}
	return found;
}

/* The long name that is meant, or NULL. Hidden options are not suggested. */
static const char *suggest(const struct option_group *groups, const char *name)
{
	/* A short name must keep at least one letter of its own. */
	size_t limit = MIN((size_t)MAX_TYPOS + 1, strlen(name));
	struct option_iter it = { groups, NULL };
	const struct option_def *def;
	const char *best = complete(groups, name);
	size_t distance;

	if (best || !limit)
		return best;
	while ((def = next_option(&it))) {
		if (!def->help || !def->long_name ||
		    strlen(def->long_name) >= NAME_SIZE)
			continue;
		distance = edit_distance(name, def->long_name);
		if (distance < limit) {
			limit = distance;
			best = def->long_name;
		}
	}
	return best;
}

/* `suggestion` is a long name, or NULL if none is similar. */
static int unknown_option(const char *text, int len, const char *suggestion)
{
	if (suggestion)
		pr_fatal("Unknown option %.*s, did you mean --%s?",
			 MIN(len, SHOWN), text, suggestion);
	else
		pr_fatal("Unknown option %.*s, see --help", MIN(len, SHOWN),
			 text);
	return -EINVAL;
}

/* An argument that may be left out comes behind '=' only. */
static bool is_optional(const struct option_def *def)
{
	return def->arg_name && def->arg_name[0] == '[';
}

/* Whether there may be an argument. */
static bool takes_argument(const struct option_use *use)
{
	if (!use->def || use->def->type == OPTION_FLAG)
		return false;
	return use->def->type != OPTION_CALLBACK || use->def->arg_name;
}

/* Fetches the argument, if the option takes one, from where it was written. */
static int take_argument(struct parser *parser, struct option_use *use)
{
	const char *arg_name = use->def ? use->def->arg_name : NULL;

	if (!takes_argument(use)) {
		if (!use->arg)
			return 0;
		pr_fatal("Option %.*s takes no value, but got '%.*s'", use->len,
			 use->text, SHOWN, use->arg);
		return -EINVAL;
	}
	if (use->arg || is_optional(use->def))
		return 0;
	if (parser->next == parser->argc) {
		pr_fatal("Option %.*s needs a value: %s", use->len, use->text,
			 arg_name ? arg_name : "VALUE");
		return -EINVAL;
	}
	use->arg = parser->argv[parser->next++];
	return 0;
}

/* The type's own range limits the number in any case. */
static int store_number(const struct option_use *use, void *to)
{
	const struct option_def *def = use->def;
	u64 max = def->type == OPTION_U32 ? MIN(def->max, (u64)UINT32_MAX)
					  : def->max;
	u64 value;
	int err;

	err = parse_u64(use->arg, def->min, max, &value);
	if (err) {
		pr_fatal("Option %.*s: '%.*s' is not a number from %" PRIu64
			 " to %" PRIu64,
			 use->len, use->text, SHOWN, use->arg, def->min, max);
		return -EINVAL;
	}
	if (def->type == OPTION_U32)
		*(u32 *)to = (u32)value;
	else
		*(u64 *)to = value;
	return 0;
}

/* An unknown name is answered with the list of all names. */
static int store_enum(const struct option_use *use, unsigned int *to)
{
	const struct option_def *def = use->def;
	char known[256];

	if (!names_find(def->names, def->nr_names, use->arg, to))
		return 0;
	names_list(def->names, def->nr_names, known, sizeof(known));
	pr_fatal("%.*s %.*s: there are %s", use->len, use->text, SHOWN,
		 use->arg, known);
	return -EINVAL;
}

/*
 * Puts the value into the configuration. The type decides on what is written;
 * OPTION_OFFSET() has made sure that the member is of this type.
 */
static int store(const struct option_use *use, void *config)
{
	const struct option_def *def = use->def;
	void *to = (char *)config + def->offset;

	switch (def->type) {
	case OPTION_FLAG:
		*(bool *)to = !use->negated;
		return 0;
	case OPTION_STRING:
		*(const char **)to = use->arg;
		return 0;
	case OPTION_LIST:
		return add_string(to, use->arg);
	case OPTION_U32:
	case OPTION_U64:
		return store_number(use, to);
	case OPTION_ENUM:
		return store_enum(use, to);
	case OPTION_CALLBACK:
		return def->callback(use->arg, config);
	case OPTION_END:
		break;
	}
	return -EINVAL;
}

/* "--name" or "--name=value" */
static int read_long(const struct option_group *groups, const char *text,
		     struct option_use *use)
{
	const char *end = strchrnul(text, '=');
	size_t len = (size_t)(end - text);
	char name[NAME_SIZE];

	if (len - 2 >= sizeof(name))
		return unknown_option(text, SHOWN, NULL);
	memcpy(name, text + 2, len - 2);
	name[len - 2] = '\0';
	use->text = text;
	use->len = (int)len;
	use->arg = *end ? end + 1 : NULL;
	use->def = find_long(groups, name, &use->negated);
	if (!use->def && strcmp(name, "help"))
		return unknown_option(text, use->len, suggest(groups, name));
	return 0;
}

/* "-n" or "-nvalue" */
static int read_short(const struct option_group *groups, const char *text,
		      struct option_use *use)
{
	use->text = text;
	use->len = 2;
	use->arg = text[2] ? text + 2 : NULL;
	use->negated = false;
	use->def = find_short(groups, text[1]);
	if (!use->def && text[1] != 'h')
		return unknown_option(text, SHOWN, NULL);
	return 0;
}

/* `text` begins with '-' and is neither "-" nor "--". */
static int parse_option(struct parser *parser, const char *text)
{
	struct option_use use;
	int err;

	if (text[1] == '-')
		err = read_long(parser->groups, text, &use);
	else
		err = read_short(parser->groups, text, &use);
	if (err)
		return err;
	err = take_argument(parser, &use);
	if (err)
		return err;
	return use.def ? store(&use, parser->config) : OPTIONS_HELP;
}

int options_parse(const struct option_group *groups, void *config, int argc,
		  char *const argv[], struct string_list *positional)
{
	struct parser parser = {
		.groups = groups, .config = config, .argv = argv, .argc = argc
	};
	bool options = true;
	int err = 0;

	while (!err && parser.next < argc) {
		const char *text = argv[parser.next++];

		if (!options || text[0] != '-' || !text[1])
			err = add_string(positional, text);
		else if (!strcmp(text, "--"))
			options = false;
		else
			err = parse_option(&parser, text);
	}
	return err;
}

/* Prints `text` word by word from HELP_COLUMN on, where the line is now. */
static void print_help(FILE *out, const char *text)
{
	size_t column = HELP_COLUMN;

	while (*(text += strspn(text, " "))) {
		size_t len = strcspn(text, " ");

		if (column > HELP_COLUMN && column + 1 + len > LAST_COLUMN) {
			fprintf(out, "\n%*s", HELP_COLUMN, "");
			column = HELP_COLUMN;
		} else if (column > HELP_COLUMN) {
			putc(' ', out);
			column++;
		}
		fwrite(text, 1, len, out);
		column += len;
		text += len;
	}
	putc('\n', out);
}

/* Help starts on a line of its own where the option is too long. */
static void print_option(FILE *out, const struct option_def *def)
{
	int len;

	if (def->short_name)
		len = fprintf(out, "  -%c%s", def->short_name,
			      def->long_name ? ", " : "");
	else
		len = fprintf(out, "      ");
	if (def->long_name)
		len += fprintf(out, "--%s", def->long_name);
	if (is_optional(def))
		len += fprintf(out, "[=%s", def->arg_name + 1);
	else if (def->arg_name)
		len += fprintf(out, " %s", def->arg_name);
	if (len > HELP_COLUMN - 2) {
		putc('\n', out);
		len = 0;
	}
	fprintf(out, "%*s", HELP_COLUMN - len, "");
	print_help(out, def->help);
}

static void print_group(FILE *out, const struct option_group *group)
{
	const struct option_def *def;

	fprintf(out, "\n%s:\n", group->heading);
	for (def = group->options; def->type != OPTION_END; def++) {
		if (def->help)
			print_option(out, def);
	}
}

void options_usage(FILE *out, const char *synopsis,
		   const struct option_group *groups)
{
	static const struct option_def general[] = {
		OPT_CALLBACK('h', "help", NULL, NULL, "Print this text"),
		OPT_END(),
	};
	static const struct option_group last = { "General options", general };

	fprintf(out, "Usage: %s\n", synopsis);
	for (; groups->heading; groups++)
		print_group(out, groups);
	print_group(out, &last);
}
