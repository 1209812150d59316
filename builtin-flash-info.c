/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * `lkvm flash info`: size and format of a flash file, whether it can be a bank,
 * which processes hold its lock, EDK2's structures in it, and a picture of its
 * blocks. It describes damaged content as well, so nothing that efi/ reads is
 * an error here. The file may be in use; it is only read, and its lock is
 * queried, not taken.
 *
 * First all facts are gathered, then printed in one of two forms. Fields that
 * efi/ finds are the file's and may have any value; lengths among them were
 * checked by efi/. One thread.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "builtin-flash.h"
#include "lkvm/exit_status.h"
#include "lkvm/util/file_lock.h"
#include "lkvm/util/log.h"
#include "lkvm/util/parse.h"

#define SYNOPSIS "lkvm flash info [OPTION]... FILE"

#define MIN_BLOCK     512 /* bytes */
#define MAX_BLOCK     SZ_16M
#define BLOCKS_A_LINE 32 /* of the picture */

/* What the command line says. */
struct options {
	const char *path;
	u64 block; /* bytes */
	bool json;
};

/* All that is printed, gathered before the first line. */
struct info {
	struct flash_image file;
	struct efi_ftw ftw;
	struct file_lock lock;
	u64 block;
	char *map; /* a character for each block, and a zero */
};

/* Limits keep the picture at 512 Ki characters for the largest file. */
static int parse_block(const char *arg, void *config)
{
	struct options *opts = config;

	if (!parse_size(arg, 0, &opts->block, NULL) &&
	    is_power_of_2(opts->block) && opts->block >= MIN_BLOCK &&
	    opts->block <= MAX_BLOCK)
		return 0;
	pr_fatal("--block %s: want a power of two from 512 to 16M", arg);
	return -EINVAL;
}

static int parse(struct options *opts, int argc, char *const argv[])
{
	static const struct option_def table[] = {
		OPT_FLAG(0, "json", struct options, json, "Print JSON"),
		OPT_CALLBACK('b', "block", parse_block, "SIZE",
			     "Size of an erase block (default: 64K)"),
		OPT_END(),
	};

	opts->block = SZ_64K;
	return flash_options(table, opts, SYNOPSIS, argc, argv, &opts->path, 1);
}

/*
 * One character for a block: '.' erased, '#' more than nine tenths of its bytes
 * programmed, else how many tenths, rounded up. A byte counts as programmed if
 * it is not 0xff.
 */
static char picture(const u8 *p, u64 len)
{
	u64 programmed = 0;
	u64 tenths;

	for (u64 i = 0; i < len; i++)
		programmed += p[i] != 0xff;
	if (!programmed)
		return '.';
	tenths = (programmed * 10 + len - 1) / len;
	return tenths > 9 ? '#' : (char)('0' + tenths);
}

/* The last block may be shorter than the others. */
static char *draw_map(const struct efi_image *image, u64 block)
{
	u64 count = (image->size + block - 1) / block;
	char *map = malloc(count + 1);

	if (!map)
		return NULL;
	for (u64 i = 0; i < count; i++)
		map[i] = picture(image->data + i * block,
				 MIN(block, image->size - i * block));
	map[count] = '\0';
	return map;
}

/*
 * The size in bytes of a bank with this file, 0 if it is too small or too large
 * for one: a bank takes the largest power of two that the file has.
 */
static u64 bank_size(const struct info *info)
{
	u64 size = info->file.image.size;

	return size < FLASH_MIN_BANK || size > FLASH_MAX_BANK
		       ? 0
		       : rounddown_pow_of_2(size);
}

/* "2M" for a multiple of 1 MiB and so on, plain digits for other sizes. */
static const char *short_size(u64 size, char text[32])
{
	static const char units[] = " KMG";
	size_t unit = 0;

	while (size && size % 1024 == 0 && unit < 3) {
		size /= 1024;
		unit++;
	}
	snprintf(text, 32, "%" PRIu64 "%.*s", size, unit ? 1 : 0, &units[unit]);
	return text;
}

/* Names are aligned; a field below a heading begins with two spaces. */
static void print_field(const char *name)
{
	printf("%-18s ", name);
}

static void print_size(const char *name, u64 size)
{
	char text[32];

	print_field(name);
	printf("%" PRIu64 " bytes", size);
	if (size && size % 1024 == 0)
		printf(" (%s)", short_size(size, text));
	printf("\n");
}

/*
 * Which machines have room for it and blocks that are small enough. A file that
 * is larger than the machine's flash is not cut, but refused.
 */
static void print_usable(const struct info *info)
{
	u64 size = info->file.image.size;
	u64 bank = bank_size(info);

	print_field("usable as a bank");
	if (!bank)
		printf("no, it is %s\n", size < FLASH_MIN_BANK
						 ? "smaller than a block of 64K"
						 : "larger than 64M");
	else if (bank == size)
		printf("yes");
	else
		printf("its first %" PRIu64 " bytes (the size is no power of "
		       "two)",
		       bank);
	if (bank && bank < FLASH_VIRT_MIN)
		printf(", but machine virt needs at least 256K\n");
	else if (bank && size > FLASH_KVMTOOL_MAX)
		printf(", but machine kvmtool has only 16M\n");
	else if (bank)
		printf("\n");
}

/*
 * A file of qcow2 or gzip is described by its content, as that is what the
 * guest sees.
 */
static void print_geometry(const struct info *info)
{
	u64 size = info->file.image.size;
	char text[32];
	const struct disk_format *format = info->file.content.format;

	printf("%-18s %s\n", "file", info->file.path);
	if (format)
		printf("%-18s %s; what follows is of its content\n", "format",
		       format->name);
	print_size("size", size);
	print_field("blocks");
	printf("%zu of %s", strlen(info->map), short_size(info->block, text));
	printf("%s\n", size % info->block ? ", the last one is cut" : "");
	print_usable(info);
}

/* The processes are those that the kernel shows to this user. */
static void print_users(const struct file_lock *lock)
{
	print_field("in use");
	if (!lock->locked)
		printf("no\n");
	else if (!lock->nr_users)
		printf("yes, %s, by a process that cannot be identified\n",
		       lock->exclusive ? "read and written" : "read");
	for (size_t i = 0; i < lock->nr_users; i++) {
		if (i)
			print_field("");
		printf("by process %d (%s), %s\n", (int)lock->users[i].pid,
		       lock->users[i].command,
		       lock->exclusive ? "read and written" : "read");
	}
}

/* With its name, if efi/guid.c knows one. */
static void print_guid(const char *field, const struct efi_guid *guid)
{
	const char *name = efi_guid_name(guid);
	char text[EFI_GUID_TEXT_SIZE];

	efi_guid_format(guid, text);
	print_field(field);
	printf("%s", text);
	if (name)
		printf(" (%s)", name);
	printf("\n");
}

/*
 * Prints a header with wrong fields as well, since that is what the user has to
 * see then.
 */
static void print_volume(const struct efi_volume *volume)
{
	printf("\n");
	print_field("firmware volume");
	if (!volume->present) {
		printf("none\n");
		return;
	}
	printf("at 0x%" PRIx64 ", revision %u, header of %u bytes\n",
	       volume->offset, volume->revision, volume->header_length);
	print_guid("  guid", &volume->guid);
	print_size("  length", volume->length);
	print_field("  attributes");
	printf("0x%x\n", volume->attributes);
	print_field("  checksum");
	printf("0x%04x, %s\n", volume->checksum,
	       volume->checksum_good ? "good" : "bad");
	print_field("  block map");
	for (size_t i = 0; i < volume->map_size; i++)
		printf("%s%u x %u", i ? ", " : "",
		       efi_le32(volume->map + i * 8),
		       efi_le32(volume->map + i * 8 + 4));
	printf("%s\n", volume->map_size ? "" : "empty");
}

/*
 * The GUID of a store says whether its records have the fields of authenticated
 * variables.
 */
static const char *store_format(const struct efi_store *store)
{
	if (store->authenticated)
		return "authenticated";
	return efi_guid_is(&store->guid, EFI_GUID_STORE_PLAIN) ? "plain"
							       : "unknown";
}

/* EDK2 has two bytes for the state; it uses a store only if both are right. */
static const char *store_state(const struct efi_store *store)
{
	if (store->format != EFI_STORE_FORMATTED)
		return "not formatted";
	return store->state == EFI_STORE_HEALTHY ? "healthy" : "not healthy";
}

/*
 * Live are those that the firmware would show; others are deleted or replaced.
 */
static size_t count_live(const struct efi_var_list *list)
{
	size_t n = 0;

	for (size_t i = 0; i < list->count; i++)
		n += efi_var_is_live(&list->vars[i]);
	return n;
}

/*
 * In terms of EDK2's Reclaim(): what it would free, and what is free without
 * it.
 */
static void print_usage(const struct flash_image *file)
{
	const struct efi_var_list *list = &file->list;
	size_t live = count_live(list);

	print_field("  variables");
	printf("%zu live, %zu others\n", live, list->count - live);
	print_field("  used");
	printf("%" PRIu64 " bytes\n", list->live);
	print_field("  reclaimable");
	printf("%" PRIu64 " bytes\n", list->reclaimable);
	print_field("  free");
	printf("%" PRIu64 " bytes%s\n", list->free,
	       list->free_erased ? "" : ", not all of them erased");
	if (!list->problem)
		return;
	print_field("  damaged");
	printf("%" PRIu64 " bytes from 0x%" PRIx64 " on: %s\n", list->damaged,
	       list->problem_offset, list->problem);
}

/* A store that cannot be read has the reason in place of its variables. */
static void print_store(const struct flash_image *file)
{
	const struct efi_store *store = &file->store;

	printf("\n");
	print_field("variable store");
	if (!store->present) {
		printf("none: %s\n", file->problem);
		return;
	}
	printf("at 0x%" PRIx64 ", %s\n", store->offset, store_format(store));
	print_guid("  guid", &store->guid);
	print_size("  size", store->size);
	print_field("  state");
	printf("%s (format 0x%02x, state 0x%02x)\n", store_state(store),
	       store->format, store->state);
	if (!file->problem) {
		print_usage(file);
		return;
	}
	print_field("  not read");
	printf("%s\n", file->problem);
}

/* Words of the output and of JSON's "progress". */
static const char *ftw_progress(enum efi_ftw_progress progress)
{
	static const char *const names[] = {
		[EFI_FTW_IDLE] = "idle",
		[EFI_FTW_BEGUN] = "write-begun",
		[EFI_FTW_SPARE_DONE] = "spare-complete",
		[EFI_FTW_TARGET_DONE] = "target-complete",
		[EFI_FTW_DAMAGED] = "damaged",
	};

	return names[progress];
}

/* Only EDK2 makes one; a store that U-Boot writes has none. */
static void print_ftw(const struct efi_ftw *ftw)
{
	if (!ftw->present)
		return;
	printf("\n");
	print_field("FTW working block");
	printf("at 0x%" PRIx64 ", %s\n", ftw->offset,
	       ftw->valid ? "valid" : "not valid");
	print_field("  checksum");
	printf("%s\n", ftw->checksum_good ? "good" : "bad");
	print_size("  queue", ftw->queue_size);
	print_field("  writes");
	printf("%u complete, then %s\n", ftw->writes,
	       ftw_progress(ftw->progress));
}

static void print_map(const struct info *info)
{
	size_t count = strlen(info->map);

	if (!count)
		return;
	printf("\nblocks: . erased, 1 to 9 tenths programmed, # more\n");
	for (size_t i = 0; i < count; i += BLOCKS_A_LINE)
		printf("  0x%08" PRIx64 "  %.*s\n", i * info->block,
		       BLOCKS_A_LINE, info->map + i);
}

static void print_text(const struct info *info)
{
	print_geometry(info);
	print_users(&info->lock);
	print_volume(&info->file.volume);
	print_store(&info->file);
	print_ftw(&info->ftw);
	print_map(info);
}

static void guid_json(struct json_writer *json, const struct efi_guid *guid)
{
	const char *name = efi_guid_name(guid);
	char text[EFI_GUID_TEXT_SIZE];

	efi_guid_format(guid, text);
	json_string(json, "guid", text);
	if (name)
		json_string(json, "guid_name", name);
}

/* An empty "users" with "in_use" true: the process could not be identified. */
static void users_json(struct json_writer *json, const struct file_lock *lock)
{
	json_bool(json, "in_use", lock->locked);
	json_begin_array(json, "users");
	for (size_t i = 0; i < lock->nr_users; i++) {
		json_begin_object(json, NULL);
		json_u64(json, "pid", (u64)lock->users[i].pid);
		json_string(json, "command", lock->users[i].command);
		json_bool(json, "writes", lock->exclusive);
		json_end_object(json);
	}
	json_end_array(json);
}

/*
 * As in the text, fields that are wrong are written as they are; a file without
 * a volume has no such member.
 */
static void volume_json(struct json_writer *json,
			const struct efi_volume *volume)
{
	if (!volume->present)
		return;
	json_begin_object(json, "volume");
	json_u64(json, "offset", volume->offset);
	guid_json(json, &volume->guid);
	json_u64(json, "length", volume->length);
	json_u64(json, "header_length", volume->header_length);
	json_u64(json, "revision", volume->revision);
	json_u64(json, "attributes", volume->attributes);
	json_u64(json, "checksum", volume->checksum);
	json_bool(json, "checksum_good", volume->checksum_good);
	json_begin_array(json, "block_map");
	for (size_t i = 0; i < volume->map_size; i++) {
		json_begin_object(json, NULL);
		json_u64(json, "count", efi_le32(volume->map + i * 8));
		json_u64(json, "size", efi_le32(volume->map + i * 8 + 4));
		json_end_object(json);
	}
	json_end_array(json);
	json_end_object(json);
}

/* Members of "store", present only if the variables could be read. */
static void usage_json(struct json_writer *json,
		       const struct efi_var_list *list)
{
	json_u64(json, "live", count_live(list));
	json_u64(json, "records", list->count);
	json_u64(json, "used", list->live);
	json_u64(json, "reclaimable", list->reclaimable);
	json_u64(json, "free", list->free);
	json_bool(json, "free_erased", list->free_erased);
	json_u64(json, "damaged", list->damaged);
}

/* Why a store could not be read is the member "problem" of the outer object. */
static void store_json(struct json_writer *json, const struct flash_image *file)
{
	const struct efi_store *store = &file->store;

	if (!store->present)
		return;
	json_begin_object(json, "store");
	json_u64(json, "offset", store->offset);
	guid_json(json, &store->guid);
	json_string(json, "format", store_format(store));
	json_u64(json, "size", store->size);
	json_string(json, "state", store_state(store));
	if (!file->problem)
		usage_json(json, &file->list);
	json_end_object(json);
}

static void ftw_json(struct json_writer *json, const struct efi_ftw *ftw)
{
	if (!ftw->present)
		return;
	json_begin_object(json, "ftw");
	json_u64(json, "offset", ftw->offset);
	json_bool(json, "valid", ftw->valid);
	json_bool(json, "checksum_good", ftw->checksum_good);
	json_u64(json, "queue_size", ftw->queue_size);
	json_u64(json, "writes", ftw->writes);
	json_string(json, "progress", ftw_progress(ftw->progress));
	json_end_object(json);
}

/* The same facts as the text, all of them, with the picture as a string. */
static void print_json(const struct info *info)
{
	const struct flash_image *file = &info->file;
	const char *problem = file->problem ? file->problem
					    : file->list.problem;
	const struct disk_format *format = file->content.format;
	struct json_writer json = { .out = stdout };

	json_begin_object(&json, NULL);
	json_string(&json, "file", file->path);
	json_string(&json, "file_format", format ? format->name : "raw");
	json_u64(&json, "size", file->image.size);
	json_u64(&json, "bank_size", bank_size(info));
	json_u64(&json, "block_size", info->block);
	json_u64(&json, "blocks", strlen(info->map));
	json_string(&json, "map", info->map);
	users_json(&json, &info->lock);
	if (problem)
		json_string(&json, "problem", problem);
	volume_json(&json, &file->volume);
	store_json(&json, file);
	ftw_json(&json, &info->ftw);
	json_end_object(&json);
}

/*
 * Best effort: file systems without locks have no users to show. O_NONBLOCK, as
 * the name may be that of a pipe.
 */
static void find_users(struct info *info)
{
	int fd = open(info->file.path,
		      O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd < 0)
		return;
	file_lock_query(fd, &info->lock);
	close(fd);
}

/* The working block is searched for behind the store, so it needs one. */
static int gather(struct info *info, const struct options *opts)
{
	int ret = flash_image_read(&info->file, opts->path);

	if (ret)
		return ret;
	info->block = opts->block;
	info->map = draw_map(&info->file.image, info->block);
	if (!info->map) {
		pr_fatal("out of memory");
		return -ENOMEM;
	}
	if (info->file.store.present)
		efi_ftw_find(&info->file.image, &info->file.volume,
			     &info->file.store, &info->ftw);
	find_users(info);
	return 0;
}

/* A file without variables is described and no error. */
int cmd_flash_info(int argc, char *const argv[])
{
	struct options opts = { 0 };
	struct info info = { 0 };
	int status = EXIT_STATUS_SETUP;
	int ret = parse(&opts, argc, argv);

	if (ret)
		return flash_options_status(ret);
	if (!gather(&info, &opts)) {
		if (opts.json)
			print_json(&info);
		else
			print_text(&info);
		status = flash_output_status(EXIT_STATUS_POWEROFF,
					     EXIT_STATUS_SETUP);
	}
	free(info.map);
	flash_image_free(&info.file);
	return status;
}
