/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * `lkvm flash vars`: lists the UEFI variables in a flash file, or prints one.
 * The output of a list is for people, one line a variable; --json and --raw are
 * for programs. Names and values are the guest's and are escaped by efi/text.c,
 * except for --raw, which writes the bytes as they are.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "builtin-flash.h"
#include "lkvm/efi/value.h"
#include "lkvm/exit_status.h"
#include "lkvm/util/log.h"
#include "lkvm/util/table.h"

/* Short names of GUIDs that the list explains; efi/guid.c has fewer. */
#define MAX_NAMES 64

#define SYNOPSIS "lkvm flash vars [OPTION]... FILE"

/* What the command line says. */
struct options {
	bool json, all, raw;
	const char *get; /* NULL: list all */
};

/*
 * Options that exclude each other are an error, so that none is without effect.
 */
static int parse(struct options *opts, int argc, char *const argv[],
		 const char **path)
{
	static const struct option_def table[] = {
		OPT_FLAG(0, "json", struct options, json, "Print JSON"),
		OPT_FLAG('a', "all", struct options, all,
			 "List deleted, replaced and half-written variables, "
			 "too, and each one's state"),
		OPT_STRING('g', "get", struct options, get, "NAME[:GUID]",
			   "Print the value of this variable; GUID may be a "
			   "short name such as global"),
		OPT_FLAG(0, "raw", struct options, raw,
			 "With --get: write the value's bytes"),
		OPT_END(),
	};
	int ret = flash_options(table, opts, SYNOPSIS, argc, argv, path, 1);

	if (ret)
		return ret;
	if (opts->raw && (!opts->get || opts->json)) {
		pr_fatal("--raw needs --get, and excludes --json");
		return -1;
	}
	if (opts->all && opts->get) {
		pr_fatal("--all and --get exclude each other");
		return -1;
	}
	return 0;
}

/* A column's function takes the variable, not its state. */
static void print_state(FILE *out, const struct efi_var *var)
{
	fputs(efi_var_state_name(var->state), out);
}

/* The columns from left to right; the heading is the table's first row. */
static const struct column {
	const char *heading;
	void (*print)(FILE *out, const struct efi_var *var);
	bool right; /* aligned to the right */
	bool all;   /* shown with --all only */
} columns[] = {
	{ "NAME", efi_var_print_name, false, false },
	{ "GUID", flash_var_print_guid, false, false },
	{ "STATE", print_state, false, true },
	{ "ATTRIBUTES", flash_var_print_attributes, false, false },
	{ "SIZE", flash_var_print_size, true, false },
	{ "VALUE", efi_value_print, false, false },
};

/* `var` is NULL for the headings. */
static void add_row(struct table *table, const struct efi_var *var, bool all)
{
	for (size_t i = 0; i < ARRAY_SIZE(columns); i++) {
		if (columns[i].all && !all)
			continue;
		table_add(table, var ? efi_var_text(var, columns[i].print)
				     : strdup(columns[i].heading));
	}
}

/* The table has to know its columns before the first row is added. */
static void set_columns(struct table *table, bool all)
{
	for (size_t i = 0; i < ARRAY_SIZE(columns); i++) {
		if (columns[i].all && !all)
			continue;
		if (columns[i].right)
			table->right |= (u32)BIT(table->columns);
		table->columns++;
	}
}

/* Without --all the list has what the firmware shows to an operating system. */
static bool is_listed(const struct efi_var *var, bool all)
{
	return all || efi_var_is_live(var);
}

/*
 * Adds `name` to the names that have been explained; false if it is there.
 * Pointers are compared: all come from the one table of efi/guid.c.
 */
static bool is_new(const char *name, const char *seen[MAX_NAMES])
{
	for (size_t i = 0; i < MAX_NAMES; i++) {
		if (seen[i] == name)
			return false;
		if (!seen[i]) {
			seen[i] = name;
			return true;
		}
	}
	return false;
}

/* A legend: which GUIDs the short names in the list stand for. */
static void print_guids(const struct efi_var_list *list, bool all)
{
	const char *seen[MAX_NAMES] = { NULL };
	const char *before = "\n";

	for (size_t i = 0; i < list->count; i++) {
		const struct efi_guid *guid = &list->vars[i].guid;
		const char *name = efi_guid_name(guid);
		char text[EFI_GUID_TEXT_SIZE];

		if (!name || !is_listed(&list->vars[i], all) ||
		    !is_new(name, seen))
			continue;
		efi_guid_format(guid, text);
		printf("%s%s = %s\n", before, name, text);
		before = "";
	}
}

/* The legend of GUIDs comes behind the table, whose short names it explains. */
static int print_list(const struct efi_var_list *list, bool all)
{
	struct table table = { 0 };
	int ret;

	set_columns(&table, all);
	add_row(&table, NULL, all);
	for (size_t i = 0; i < list->count; i++)
		if (is_listed(&list->vars[i], all))
			add_row(&table, &list->vars[i], all);
	ret = table_print(&table, stdout);
	table_free(&table);
	if (ret)
		pr_fatal("out of memory");
	else
		print_guids(list, all);
	return ret;
}

/* Records of a damaged store up to the damage, and "damaged" says so. */
static void print_json(const struct flash_image *file, bool all)
{
	struct json_writer json = { .out = stdout };

	json_begin_object(&json, NULL);
	json_string(&json, "file", file->path);
	json_string(&json, "format",
		    file->store.authenticated ? "authenticated" : "plain");
	json_bool(&json, "damaged", file->list.problem);
	json_begin_array(&json, "variables");
	for (size_t i = 0; i < file->list.count; i++)
		if (is_listed(&file->list.vars[i], all))
			flash_var_json(&json, NULL, &file->list.vars[i]);
	json_end_array(&json);
	json_end_object(&json);
}

/* Splits NAME:GUID. A colon that no GUID follows belongs to the name. */
static bool split_name(const char *text, size_t *len, struct efi_guid *guid)
{
	const char *colon = strrchr(text, ':');

	*len = strlen(text);
	if (!colon || efi_guid_parse(colon + 1, guid))
		return false;
	*len = (size_t)(colon - text);
	return true;
}

/*
 * Compares with the form in which the list shows names, so what is copied from
 * there is found, escapes included.
 */
static bool has_name(const struct efi_var *var, const char *name, size_t len)
{
	char *own = efi_var_text(var, efi_var_print_name);
	bool same = own && strlen(own) == len && !strncmp(own, name, len);

	free(own);
	return same;
}

/*
 * The live variable that `text` names, or NULL after a message. A name is
 * unique for its GUID only: each vendor chooses names for its own.
 */
static const struct efi_var *find(const struct flash_image *file,
				  const char *text)
{
	const struct efi_var *found = NULL;
	struct efi_guid guid;
	size_t len;
	bool has_guid = split_name(text, &len, &guid);

	for (size_t i = 0; i < file->list.count; i++) {
		const struct efi_var *var = &file->list.vars[i];

		if (!efi_var_is_live(var) || !has_name(var, text, len) ||
		    (has_guid && memcmp(&var->guid, &guid, sizeof(guid))))
			continue;
		if (found) {
			pr_fatal("flash %s: %s exists with several GUIDs: "
				 "use %s:GUID",
				 file->path, text, text);
			return NULL;
		}
		found = var;
	}
	if (!found)
		pr_fatal("flash %s: there is no variable %s", file->path, text);
	return found;
}

/*
 * --raw has only the data, without the attributes that efivarfs puts in front.
 */
static int print_one(const struct flash_image *file, const struct options *opts)
{
	struct json_writer json = { .out = stdout };
	const struct efi_var *var = find(file, opts->get);

	if (!var)
		return -1;
	if (opts->json)
		flash_var_json(&json, NULL, var);
	else if (opts->raw)
		fwrite(var->data, 1, var->data_size, stdout);
	else
		efi_value_print_long(stdout, var);
	return 0;
}

/* Damage is reported after what could be read has been printed, on stderr. */
static int print_vars(const struct flash_image *file,
		      const struct options *opts)
{
	int ret = 0;

	if (!file->problem && opts->get)
		ret = print_one(file, opts);
	else if (!file->problem && opts->json)
		print_json(file, opts->all);
	else if (!file->problem)
		ret = print_list(&file->list, opts->all);
	fflush(stdout);
	if (!flash_image_check(file) || ret)
		return EXIT_STATUS_SETUP;
	return flash_output_status(EXIT_STATUS_POWEROFF, EXIT_STATUS_SETUP);
}

/*
 * The image is freed in each case: flash_image_read() leaves it valid after an
 * error.
 */
int cmd_flash_vars(int argc, char *const argv[])
{
	struct options opts = { 0 };
	struct flash_image file;
	const char *path;
	int status = EXIT_STATUS_SETUP;
	int ret = parse(&opts, argc, argv, &path);

	if (ret)
		return flash_options_status(ret);
	if (!flash_image_read(&file, path))
		status = print_vars(&file, &opts);
	flash_image_free(&file);
	return status;
}
