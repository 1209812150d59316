/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the commands of `lkvm flash` share. */
#ifndef BUILTIN_FLASH_H
#define BUILTIN_FLASH_H

#include "lkvm/disk/format.h"
#include "lkvm/efi/vars.h"
#include "lkvm/util/json.h"
#include "lkvm/util/options.h"

/*
 * Bytes of the smallest bank (an erase block) and of the largest one, with the
 * machine that allows most: kvmtool has 16 MiB in all and blocks of 64 KiB,
 * virt 64 MiB for each bank and blocks of 256 KiB.
 */
#define FLASH_MIN_BANK	  SZ_64K
#define FLASH_MAX_BANK	  (4 * SZ_16M)
#define FLASH_VIRT_MIN	  (4 * SZ_64K)
#define FLASH_KVMTOOL_MAX SZ_16M

/* What a bank of a file would hold. */
struct flash_content {
	const char *what; /* "flash" or "template", for messages */
	const char *path;
	size_t max; /* bytes that there may be, at most */
	bool lock;  /* read under a lock, refuse a file that is written to */
	void *buf;  /* `size` bytes, to be freed in any case */
	size_t size;
	const struct disk_format *format; /* of the file; NULL: raw */
};

/* A file in memory, with what is known of it. */
struct flash_image {
	const char *path;
	struct flash_content content;
	struct efi_image image;
	struct efi_volume volume;
	struct efi_store store;
	struct efi_var_list list;
	const char *problem; /* NULL, or why there is no list */
};

/* Each gets the arguments behind its name and returns the exit status. */
int cmd_flash_create(int argc, char *const argv[]);
int cmd_flash_info(int argc, char *const argv[]);
int cmd_flash_vars(int argc, char *const argv[]);
int cmd_flash_diff(int argc, char *const argv[]);

/*
 * Parses the options of `table` into *opts, and exactly `count` files into
 * `files`. Prints the help, or what is wrong. Returns what options_parse()
 * does.
 */
int flash_options(const struct option_def *table, void *opts,
		  const char *synopsis, int argc, char *const argv[],
		  const char **files, size_t count);

/* The exit status for what flash_options() returned, if that is not 0. */
int flash_options_status(int ret);

/*
 * Reads the file of content->path, and decodes it if it is not raw. Returns 0,
 * or -errno after a message.
 */
int flash_content_read(struct flash_content *content);

/*
 * Reads a file and what is in it. Returns 0, also if there is a `problem` in
 * it, or -errno after a message. The caller calls flash_image_free() in each
 * case.
 */
int flash_image_read(struct flash_image *file, const char *path);

/* True if all variables could be read; else prints what is wrong. */
bool flash_image_check(const struct flash_image *file);

void flash_image_free(struct flash_image *file);

/* Writes a variable as a member, or as an item of an array if !name. */
void flash_var_json(struct json_writer *json, const char *name,
		    const struct efi_var *var);

/* Prints "global" or the like, or the GUID. */
void flash_var_print_guid(FILE *out, const struct efi_var *var);
void flash_var_print_attributes(FILE *out, const struct efi_var *var);
void flash_var_print_size(FILE *out, const struct efi_var *var);

/* Returns `status` if all could be written to stdout, else `failed`. */
int flash_output_status(int status, int failed);

#endif
