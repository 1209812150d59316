/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * `lkvm list` and `stat`: which guests run, and what they do. A guest that does
 * not answer is listed as such, and keeps the others from being listed for a
 * moment only.
 *
 * `stat` prints what the answer has, without knowing single counters, so a
 * guest of another version shows its own. What is not understood is shown as
 * "-" or left out. One thread; at most one guest is connected at a time.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "builtin-control.h"
#include "builtin.h"
#include "lkvm/control/place.h"
#include "lkvm/exit_status.h"
#include "lkvm/util/json.h"
#include "lkvm/util/log.h"
#include "lkvm/util/table.h"

/* How long `list` waits for each guest. */
#define LIST_MS 1000

/* Between two looks of `stat --watch`. */
#define WATCH_MS 1000

static const struct option_def list_options[] = {
	OPT_FLAG(0, "json", struct control_options, json, "Print JSON"),
	OPT_END(),
};

static const struct option_def stat_options[] = {
	OPT_FLAG(0, "json", struct control_options, json,
		 "Print JSON; with --watch an object in each line"),
	OPT_FLAG(0, "watch", struct control_options, watch,
		 "Print it each second, with what has changed, until the guest "
		 "ends"),
	OPT_END(),
};

static const struct control_usage list_usage = {
	.command = "list",
	.synopsis = "lkvm list [--json]",
	.help = "Lists this user's guests that have a control socket: those "
		"that were started with\n--name or --control on.\n",
	.options = list_options,
};

static const struct control_usage stat_usage = {
	.command = "stat",
	.synopsis = "lkvm stat [--json] [--watch] NAME",
	.help = "Prints the state and the counters of the guest NAME.\n",
	.wants = 1,
	.options = stat_options,
};

/* ---- list ---------------------------------------------------------------- */

/* What a column shows of a number in a guest's answer. */
static char *show_number(const struct json_value *value)
{
	char *text = NULL;
	u64 number;

	if (json_u64_of(value, &number))
		return strdup("-");
	return asprintf(&text, "%" PRIu64, number) < 0 ? NULL : text;
}

/* Hours are not limited to 24, as guests may run for weeks. */
static char *show_time(const struct json_value *ms)
{
	char *text = NULL;
	u64 s;

	if (json_u64_of(ms, &s))
		return strdup("-");
	s /= 1000;
	if (asprintf(&text, "%" PRIu64 ":%02u:%02u", s / 3600,
		     (unsigned int)(s / 60 % 60), (unsigned int)(s % 60)) < 0)
		return NULL;
	return text;
}

/* In MiB, which the option --mem is in. */
static char *show_memory(const struct json_value *bytes)
{
	char *text = NULL;
	u64 size;

	if (json_u64_of(bytes, &size))
		return strdup("-");
	return asprintf(&text, "%" PRIu64 "M", size / SZ_1M) < 0 ? NULL : text;
}

/* `result` is NULL for a guest that does not answer. */
static void add_row(struct table *table, const char *name,
		    const struct json_value *result)
{
	const char *status = json_string_of(json_member(result, "status"));

	table_add(table, strdup(name));
	table_add(table, show_number(json_member(result, "pid")));
	table_add(table, strdup(status ? status : "no answer"));
	table_add(table, show_time(json_member(result, "uptime_ms")));
	table_add(table, show_number(json_member(result, "cpus")));
	table_add(table, show_memory(json_member(result, "memory")));
}

/*
 * A guest that does not answer has only a name and a status, so programs can
 * tell it from one that is gone.
 */
static void add_object(struct json_writer *json, const char *name,
		       const struct json_value *result)
{
	if (result) {
		json_copy(json, NULL, result);
		return;
	}
	json_begin_object(json, NULL);
	json_string(json, "name", name);
	json_string(json, "status", "no answer");
	json_end_object(json);
}

/* Where guests are listed: one of both. */
struct listing {
	struct json_writer *json;
	struct table *table;
};

/* One that has ended since its name was read is not listed. */
static void list_guest(const struct listing *to,
		       const struct control_place *place, const char *name)
{
	const struct json_value *result = NULL;
	struct json_value *root = NULL;
	struct control_link link;
	int fd = control_place_connect(place, name);
	int ret = fd;

	if (fd >= 0) {
		control_link_init(&link, fd);
		ret = control_link_ask(&link, "status", NULL, LIST_MS, &root,
				       &result);
		control_link_close(&link);
	}
	if (ret == -ENOENT || ret == -ENOTSOCK || ret == -EPIPE)
		return;
	if (ret)
		result = NULL;
	if (to->json)
		add_object(to->json, name, result);
	else
		add_row(to->table, name, result);
	if (!ret)
		free(root);
}

static void list_all(const struct listing *to,
		     const struct control_place *place,
		     const struct control_names *names)
{
	for (size_t i = 0; i < names->count; i++)
		list_guest(to, place, names->items[i]);
}

static int list_json(const struct control_place *place,
		     const struct control_names *names)
{
	struct json_writer json = { .out = stdout };

	json_begin_array(&json, NULL);
	list_all(&(struct listing) { .json = &json }, place, names);
	json_end_array(&json);
	return control_finish_output(&list_usage);
}

/* Rows are collected first: the widths of columns depend on all of them. */
static int list_table(const struct control_place *place,
		      const struct control_names *names)
{
	static const char *const heads[] = { "NAME",   "PID",  "STATUS",
					     "UPTIME", "CPUS", "MEMORY" };
	struct table table = { .columns = ARRAY_SIZE(heads),
			       .right = BIT(1) | BIT(3) | BIT(4) | BIT(5) };
	int ret;

	for (size_t i = 0; i < ARRAY_SIZE(heads); i++)
		table_add(&table, strdup(heads[i]));
	list_all(&(struct listing) { .table = &table }, place, names);
	ret = table_print(&table, stdout);
	table_free(&table);
	if (ret)
		pr_fatal("out of memory");
	return ret ? ret : control_finish_output(&list_usage);
}

/* Without the folder there is no guest. */
static int list(const struct control_options *options)
{
	struct control_names names = { 0 };
	struct control_place place;
	int ret = control_place_open(&place, false);

	if (!ret)
		ret = control_place_names(&place, &names);
	if (ret == -ENOENT)
		ret = 0;
	if (ret)
		pr_fatal("list: unable to look into %s: %s", place.dir,
			 control_place_explain(ret));
	else if (options->json)
		ret = list_json(&place, &names);
	else
		ret = list_table(&place, &names);
	control_names_free(&names);
	control_place_close(&place);
	return ret;
}

int cmd_list(int argc, char *const argv[])
{
	struct control_options options = { 0 };
	int ret = control_parse(&list_usage, &options, argc, argv);

	if (ret)
		return ret == OPTIONS_HELP ? EXIT_STATUS_POWEROFF
					   : EXIT_STATUS_USAGE;
	return list(&options) ? EXIT_STATUS_SETUP : EXIT_STATUS_POWEROFF;
}

/* ---- stat ---------------------------------------------------------------- */

/* How much a counter has grown; "" if it has not, or is none. */
static char *show_change(const struct json_value *value,
			 const struct json_value *old)
{
	char *text = NULL;
	u64 now, then;

	if (json_u64_of(value, &now) || json_u64_of(old, &then) || now <= then)
		return strdup("");
	return asprintf(&text, "+%" PRIu64, now - then) < 0 ? NULL : text;
}

/*
 * For values that have no members of their own. Numbers are shown as they were
 * written, without a loss of digits.
 */
static char *show_value(const struct json_value *value)
{
	static const char *const words[] = {
		[JSON_NULL] = "null",
		[JSON_FALSE] = "no",
		[JSON_TRUE] = "yes",
	};

	if (value->type == JSON_NUMBER)
		return strndup(value->number, value->number_len);
	return strdup(value->string ? value->string : words[value->type]);
}

/* The numbers of an array in one cell, which is the last of its row. */
static char *show_array(const struct json_value *array)
{
	char *text = NULL, *item;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return NULL;
	for (const struct json_value *v = array->first; v; v = v->next) {
		item = v->type < JSON_ARRAY ? show_value(v) : NULL;
		fprintf(out, "%s%s", v == array->first ? "" : " ",
			item ? item : "-");
		free(item);
	}
	if (!fclose(out))
		return text;
	free(text);
	return NULL;
}

/*
 * A row for each value, named by where it is, such as stats.devices.gpio.reads.
 * Recursive; json_read() limits the depth.
 */
static void add_values(struct table *table, const char *prefix,
		       const struct json_value *object,
		       const struct json_value *old)
{
	for (const struct json_value *v = object->first; v; v = v->next) {
		const struct json_value *was = json_member(old, v->name);
		char *path = NULL;

		if (asprintf(&path, "%s%s%s", prefix, *prefix ? "." : "",
			     v->name) < 0)
			path = NULL;
		if (v->type == JSON_OBJECT) {
			add_values(table, path ? path : "", v, was);
			free(path);
			continue;
		}
		table_add(table, path);
		table_add(table, v->type == JSON_ARRAY ? show_array(v)
						       : show_value(v));
		table_add(table, show_change(v, was));
	}
}

/* `old` is the result before, or NULL, for which the third column is empty. */
static int print_table(const struct json_value *result,
		       const struct json_value *old)
{
	struct table table = { .columns = 3 };
	int ret;

	add_values(&table, "", result, old);
	ret = table_print(&table, stdout);
	table_free(&table);
	if (ret)
		pr_fatal("out of memory");
	return ret;
}

/* On a terminal it stays in its place, else there is an empty line before. */
static void begin_screen(bool is_first)
{
	if (isatty(STDOUT_FILENO))
		fputs("\033[H\033[J", stdout);
	else if (!is_first)
		putchar('\n');
}

/*
 * With --json and --watch each line is an object, so that a reader can take
 * them one by one.
 */
static int print_stat(const struct control_options *options,
		      const struct json_value *result,
		      const struct json_value *old)
{
	struct json_writer json = { .out = stdout, .compact = options->watch };
	int ret = 0;

	if (options->json) {
		json_copy(&json, NULL, result);
	} else {
		if (options->watch)
			begin_screen(!old);
		ret = print_table(result, old);
	}
	return ret ? ret : control_finish_output(&stat_usage);
}

/*
 * Once, or until the guest ends: that is not an error when it is watched. With
 * --watch the answer before is kept, as changes are shown. Waiting for the end
 * of the guest is what paces --watch.
 */
static int stat_guest(struct control_link *link,
		      const struct control_options *options)
{
	const struct json_value *result, *old = NULL;
	struct json_value *root, *old_root = NULL;
	int ret, err;

	do {
		ret = control_link_ask(link, "stat", NULL, CONTROL_ANSWER_MS,
				       &root, &result);
		if (ret)
			break;
		err = print_stat(options, result, old);
		free(old_root);
		old_root = root;
		old = result;
		if (err || !options->watch) {
			free(old_root);
			return err;
		}
		ret = control_link_wait_end(link, WATCH_MS);
	} while (ret == -ETIMEDOUT);
	free(old_root);
	if (!ret || (ret == -EPIPE && old))
		return 0;
	return control_report(&stat_usage, options, link, ret);
}

int cmd_stat(int argc, char *const argv[])
{
	struct control_options options = { 0 };
	struct control_link link;
	int ret = control_parse(&stat_usage, &options, argc, argv);

	if (ret)
		return ret == OPTIONS_HELP ? EXIT_STATUS_POWEROFF
					   : EXIT_STATUS_USAGE;
	if (control_connect(&stat_usage, &options, &link))
		return EXIT_STATUS_SETUP;
	ret = stat_guest(&link, &options);
	control_link_close(&link);
	return ret ? EXIT_STATUS_SETUP : EXIT_STATUS_POWEROFF;
}
