/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the commands of `lkvm flash` share: options, reading a file with its
 * variable store, output of one variable. A file is read into memory as a
 * whole, once, from front to back and without a lock. A running VM may write to
 * it meanwhile: what was read is then of different moments, and may look
 * damaged where the file is not. Content is decoded by efi/, which trusts none
 * of it. One thread.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "builtin-flash.h"
#include "lkvm/efi/text.h"
#include "lkvm/efi/value.h"
#include "lkvm/exit_status.h"
#include "lkvm/util/log.h"

/* Bytes: more than any bank, so that a wrong file name does not fill memory. */
#define MAX_FILE (16 * SZ_16M)

/* The arguments that are not options, exactly `count` of them. */
static int take_files(const struct string_list *list, const char **files,
		      size_t count)
{
	if (list->count != count) {
		pr_fatal("want %s, got %zu arguments; see --help",
			 count == 1 ? "one file" : "two files", list->count);
		return -EINVAL;
	}
	memcpy(files, list->items, count * sizeof(*files));
	return 0;
}

/*
 * All commands have files and nothing else behind their options, so how many
 * there have to be is checked here.
 */
int flash_options(const struct option_def *table, void *opts,
		  const char *synopsis, int argc, char *const argv[],
		  const char **files, size_t count)
{
	const struct option_group groups[] = {
		{ "Options", table },
		{ NULL, NULL },
	};
	struct string_list list = { 0 };
	int ret = options_parse(groups, opts, argc, argv, &list);

	if (ret == OPTIONS_HELP)
		options_usage(stdout, synopsis, groups);
	else if (!ret)
		ret = take_files(&list, files, count);
	string_list_free(&list);
	return ret;
}

/* Help is a success, any other error that of a wrong command line. */
int flash_options_status(int ret)
{
	return ret == OPTIONS_HELP ? EXIT_STATUS_POWEROFF : EXIT_STATUS_USAGE;
}

/* A file without a store is not an error here: `info` describes it as well. */
int flash_image_read(struct flash_image *file, const char *path)
{
	struct flash_content *content = &file->content;
	int ret;

	memset(file, 0, sizeof(*file));
	file->path = path;
	*content = (struct flash_content) { .what = "flash",
					    .path = path,
					    .max = MAX_FILE };
	ret = flash_content_read(content);
	if (ret)
		return ret;
	file->image = (struct efi_image) { content->buf, content->size };
	file->problem =
		efi_store_find(&file->image, &file->volume, &file->store);
	if (!file->problem)
		ret = efi_var_list_read(&file->image, &file->store,
					&file->list);
	if (ret)
		pr_fatal("out of memory");
	return ret;
}

/*
 * For commands that need all variables. Damage is an error after what could be
 * read has been printed.
 */
bool flash_image_check(const struct flash_image *file)
{
	if (file->problem) {
		pr_fatal("flash %s: %s", file->path, file->problem);
		return false;
	}
	if (file->list.problem) {
		pr_fatal("flash %s: at 0x%llx %s: what follows is not read",
			 file->path,
			 (unsigned long long)file->list.problem_offset,
			 file->list.problem);
		return false;
	}
	return true;
}

void flash_image_free(struct flash_image *file)
{
	efi_var_list_free(&file->list);
	free(file->content.buf);
	file->content.buf = NULL;
}

void flash_var_print_guid(FILE *out, const struct efi_var *var)
{
	const char *name = efi_guid_name(&var->guid);
	char text[EFI_GUID_TEXT_SIZE];

	efi_guid_format(&var->guid, text);
	fputs(name ? name : text, out);
}

void flash_var_print_attributes(FILE *out, const struct efi_var *var)
{
	efi_attributes_print(out, var->attributes);
}

void flash_var_print_size(FILE *out, const struct efi_var *var)
{
	fprintf(out, "%zu", var->data_size);
}

/* No "name" if the record's header is not complete. */
static void name_json(struct json_writer *json, const struct efi_var *var)
{
	if (var->has_name)
		efi_text_json(json, "name", var->name, var->name_units,
			      efi_utf16_convert);
}

/*
 * Member names are part of the interface of the command. A record that is only
 * half written has neither "size" nor a value.
 */
void flash_var_json(struct json_writer *json, const char *name,
		    const struct efi_var *var)
{
	const char *guid_name = efi_guid_name(&var->guid);
	char *attributes = efi_var_text(var, flash_var_print_attributes);
	char text[EFI_GUID_TEXT_SIZE];

	efi_guid_format(&var->guid, text);
	json_begin_object(json, name);
	name_json(json, var);
	json_string(json, "guid", text);
	if (guid_name)
		json_string(json, "guid_name", guid_name);
	json_u64(json, "attributes", var->attributes);
	if (attributes)
		json_string(json, "attribute_names", attributes);
	json_string(json, "state", efi_var_state_name(var->state));
	json_bool(json, "live", efi_var_is_live(var));
	json_u64(json, "offset", var->offset);
	if (var->has_name) {
		json_u64(json, "size", var->data_size);
		efi_value_json(json, var);
	}
	json_end_object(json);
	free(attributes);
}

/* A full disk or a closed pipe is reported, not taken for success. */
int flash_output_status(int status, int failed)
{
	if (!fflush(stdout) && !ferror(stdout))
		return status;
	pr_fatal("unable to write the output: %s", strerror(errno));
	return failed;
}
