/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * `lkvm flash diff`: which UEFI variables two flash files differ in. Only live
 * variables are compared, by name and GUID, for attributes and data: where a
 * record lies, and what older values are still there, depends on the firmware's
 * order of writes and is of no interest here. The exit status is that of
 * diff(1).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "builtin-flash.h"
#include "lkvm/efi/value.h"
#include "lkvm/util/log.h"
#include "lkvm/util/table.h"

#define SYNOPSIS "lkvm flash diff [OPTION]... FILE FILE"

/* The exit status, as diff(1) defines it. */
enum diff_status {
	DIFF_SAME = 0,
	DIFF_DIFFERENT = 1,
	DIFF_TROUBLE = 2,
};

/* One file's live variables, sorted by efi_var_compare(). */
struct side {
	const struct efi_var **vars;
	size_t count;
};

/*
 * The output while it is made: rows of a table, or JSON that is printed at
 * once.
 */
struct diff {
	struct table table;
	struct json_writer json;
	bool as_json;
	bool different; /* a difference was found */
};

static int compare(const void *a, const void *b)
{
	return efi_var_compare(*(const struct efi_var *const *)a,
			       *(const struct efi_var *const *)b);
}

/* Pointers are sorted; the list itself stays in the store's order. */
static int sort(const struct efi_var_list *list, struct side *side)
{
	side->vars = calloc(list->count + 1, sizeof(void *));
	side->count = 0;
	if (!side->vars) {
		pr_fatal("out of memory");
		return -1;
	}
	for (size_t i = 0; i < list->count; i++)
		if (efi_var_is_live(&list->vars[i]))
			side->vars[side->count++] = &list->vars[i];
	qsort(side->vars, side->count, sizeof(void *), compare);
	return 0;
}

static void add_row(struct table *table, const char *change,
		    const struct efi_var *var)
{
	table_add(table, strdup(change));
	table_add(table, efi_var_text(var, efi_var_print_name));
	table_add(table, efi_var_text(var, flash_var_print_guid));
	table_add(table, efi_var_text(var, flash_var_print_attributes));
	table_add(table, efi_var_text(var, flash_var_print_size));
	table_add(table, efi_var_text(var, efi_value_print));
}

/*
 * The offset of the first byte that differs, or the length of the shorter one.
 */
static size_t first_difference(const struct efi_var *a, const struct efi_var *b)
{
	size_t i = 0;

	while (i < a->data_size && i < b->data_size && a->data[i] == b->data[i])
		i++;
	return i;
}

static bool same_data(const struct efi_var *a, const struct efi_var *b)
{
	return a->data_size == b->data_size &&
	       first_difference(a, b) == a->data_size;
}

/* One of the two is NULL for a variable that is in one file only. */
static void change_json(struct json_writer *json, const struct efi_var *a,
			const struct efi_var *b)
{
	const char *change = !a ? "added" : !b ? "removed" : "changed";

	json_begin_object(json, NULL);
	json_string(json, "change", change);
	if (a)
		flash_var_json(json, "old", a);
	if (b)
		flash_var_json(json, "new", b);
	if (a && b && !same_data(a, b))
		json_u64(json, "first_difference", first_difference(a, b));
	json_end_object(json);
}

/* Outputs one difference. A changed variable takes two rows, old and new. */
static void tell(struct diff *diff, const struct efi_var *a,
		 const struct efi_var *b)
{
	diff->different = true;
	if (diff->as_json) {
		change_json(&diff->json, a, b);
		return;
	}
	if (a)
		add_row(&diff->table, b ? "changed" : "removed", a);
	if (b)
		add_row(&diff->table, a ? "to" : "added", b);
}

/* Merges the two sorted lists. */
static void compare_sides(struct diff *diff, const struct side *a,
			  const struct side *b)
{
	size_t i = 0, j = 0;

	while (i < a->count || j < b->count) {
		const struct efi_var *x = i < a->count ? a->vars[i] : NULL;
		const struct efi_var *y = j < b->count ? b->vars[j] : NULL;
		int order = !x ? 1 : !y ? -1 : efi_var_compare(x, y);

		if (order < 0)
			tell(diff, x, NULL);
		else if (order > 0)
			tell(diff, NULL, y);
		else if (x->attributes != y->attributes || !same_data(x, y))
			tell(diff, x, y);
		i += order <= 0;
		j += order >= 0;
	}
}

/*
 * JSON is streamed, as the lists are known to be readable by then; a table is
 * printed only when it is complete.
 */
static int print_diff(struct diff *diff, const struct side *a,
		      const struct side *b)
{
	int ret = 0;

	if (diff->as_json) {
		json_begin_object(&diff->json, NULL);
		json_begin_array(&diff->json, "changes");
	}
	compare_sides(diff, a, b);
	if (diff->as_json) {
		json_end_array(&diff->json);
		json_bool(&diff->json, "same", !diff->different);
		json_end_object(&diff->json);
	} else {
		ret = table_print(&diff->table, stdout);
	}
	table_free(&diff->table);
	if (ret) {
		pr_fatal("out of memory");
		return DIFF_TROUBLE;
	}
	return flash_output_status(diff->different ? DIFF_DIFFERENT : DIFF_SAME,
				   DIFF_TROUBLE);
}

/*
 * The lists are sorted first: in the files, variables are in the order in which
 * firmware wrote them.
 */
static int diff_files(const struct flash_image files[2], bool json)
{
	struct diff diff = {
		.table = { .columns = 6, .right = BIT(4) },
		.json = { .out = stdout },
		.as_json = json,
	};
	struct side sides[2] = { 0 };
	int status = DIFF_TROUBLE;

	if (!sort(&files[0].list, &sides[0]) &&
	    !sort(&files[1].list, &sides[1]))
		status = print_diff(&diff, &sides[0], &sides[1]);
	free(sides[0].vars);
	free(sides[1].vars);
	return status;
}

/*
 * Half of a damaged store is not compared: what is missing would look removed.
 */
static bool read_good(struct flash_image *file, const char *path)
{
	return !flash_image_read(file, path) && flash_image_check(file);
}

struct options {
	bool json;
};

/*
 * Trouble with a file has the status 2, as with diff(1): scripts must not take
 * it for a difference.
 */
int cmd_flash_diff(int argc, char *const argv[])
{
	static const struct option_def table[] = {
		OPT_FLAG(0, "json", struct options, json, "Print JSON"),
		OPT_END(),
	};
	struct options opts = { 0 };
	struct flash_image files[2] = { 0 };
	const char *paths[2];
	int status = DIFF_TROUBLE;
	int ret = flash_options(table, &opts, SYNOPSIS, argc, argv, paths, 2);

	if (ret)
		return flash_options_status(ret);
	if (read_good(&files[0], paths[0]) && read_good(&files[1], paths[1]))
		status = diff_files(files, opts.json);
	flash_image_free(&files[0]);
	flash_image_free(&files[1]);
	return status;
}
