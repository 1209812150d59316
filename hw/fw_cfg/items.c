/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The items of a fw_cfg device and their directory (QEMU, docs/specs/fw_cfg,
 * "Firmware Configuration Items").
 *
 * Items are in one array: those of fixed keys first, then files sorted by name.
 * Keys of files are their positions, so they change until the last one is
 * added; all of that happens while the machine is built, before a vCPU runs,
 * and needs no lock. The directory is an item like others, written anew with
 * each file.
 *
 * Each item owns its bytes by `release`, also if adding it fails; kernel and
 * initrd are read from their files when the guest reads them and are never
 * copied here.
 */
#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "items.h"

/*
 * docs/specs/fw_cfg: bit 14 selected an item for writing before QEMU 2.4;
 * firmware may still set it.
 */
#define KEY_WRITE 0x4000
/* Keys of one architecture, a range of its own. */
#define KEY_ARCH_SPECIFIC 0x8000

/* The directory's format, big-endian; ibid., "File Directory". */
struct directory_entry {
	u32 size;
	u16 key;
	u16 reserved;
	char name[FW_CFG_MAX_NAME + 1];
};

_Static_assert(sizeof(struct directory_entry) == 64, "as firmware has it");

/* Data without an owner, such as the directory, has no `release`. */
static void release(const struct fw_cfg_data *data)
{
	if (data->release)
		data->release(data->opaque);
}

struct fw_cfg_item *fw_cfg_find(const struct fw_cfg *fw, u16 key)
{
	for (size_t i = 0; i < fw->nr_items; i++)
		if (fw->items[i].key == (key & ~KEY_WRITE))
			return &fw->items[i];
	return NULL;
}

void fw_cfg_free_items(struct fw_cfg *fw)
{
	for (size_t i = 0; i < fw->nr_items; i++)
		release(&fw->items[i].data);
	free(fw->items);
	free(fw->directory);
}

/*
 * Inserts at `index`. The array may move, so that pointers into it, of which
 * only `selected` is kept, are set anew.
 */
static int insert(struct fw_cfg *fw, size_t index,
		  const struct fw_cfg_item *item)
{
	struct fw_cfg_item *items;

	items = realloc(fw->items, (fw->nr_items + 1) * sizeof(*items));
	if (!items)
		return -ENOMEM;
	memmove(&items[index + 1], &items[index],
		(fw->nr_items - index) * sizeof(*items));
	items[index] = *item;
	fw->items = items;
	fw->nr_items++;
	fw->selected = items; /* the signature, as at power-on: it has moved */
	return 0;
}

/* Keys from FW_CFG_FIRST_FILE on are given to files by fill_directory(). */
static int check_key(const struct fw_cfg *fw, u16 key)
{
	if (key & KEY_WRITE)
		return -EINVAL;
	if (!(key & KEY_ARCH_SPECIFIC) && key >= FW_CFG_FIRST_FILE)
		return -EINVAL;
	return fw_cfg_find(fw, key) ? -EEXIST : 0;
}

int fw_cfg_add(struct fw_cfg *fw, u16 key, const struct fw_cfg_data *data)
{
	const struct fw_cfg_item item = { .key = key, .data = *data };
	int ret = data->len > UINT32_MAX ? -EFBIG : check_key(fw, key);

	if (!ret)
		ret = insert(fw, fw->nr_items - fw->nr_files, &item);
	if (ret)
		release(data);
	return ret;
}

/*
 * A copy for items whose source does not outlive the call; released by free().
 */
static int copy_of(const void *bytes, size_t len, struct fw_cfg_data *data)
{
	void *copy = malloc(MAX(len, (size_t)1));

	if (!copy)
		return -ENOMEM;
	if (len)
		memcpy(copy, bytes, len);
	*data = (struct fw_cfg_data) {
		.bytes = copy, .len = len, .release = free, .opaque = copy
	};
	return 0;
}

int fw_cfg_add_bytes(struct fw_cfg *fw, u16 key, const void *bytes, size_t len)
{
	struct fw_cfg_data data;
	int ret = copy_of(bytes, len, &data);

	return ret ? ret : fw_cfg_add(fw, key, &data);
}

int fw_cfg_add_u16(struct fw_cfg *fw, u16 key, u16 value)
{
	value = htole16(value);
	return fw_cfg_add_bytes(fw, key, &value, sizeof(value));
}

int fw_cfg_add_u32(struct fw_cfg *fw, u16 key, u32 value)
{
	value = htole32(value);
	return fw_cfg_add_bytes(fw, key, &value, sizeof(value));
}

int fw_cfg_add_string(struct fw_cfg *fw, u16 key, const char *s)
{
	return fw_cfg_add_bytes(fw, key, s, strlen(s) + 1);
}

/* Writes the directory anew, which assigns the keys of the files. */
static void fill_directory(struct fw_cfg *fw)
{
	struct fw_cfg_data *data = &fw_cfg_find(fw, FW_CFG_DIRECTORY)->data;
	struct fw_cfg_item *files = &fw->items[fw->nr_items - fw->nr_files];
	u32 count = htobe32((u32)fw->nr_files);
	u8 *out = fw->directory;

	memcpy(out, &count, sizeof(count));
	out += sizeof(count);
	for (size_t i = 0; i < fw->nr_files; i++) {
		struct directory_entry entry = { 0 };

		files[i].key = (u16)(FW_CFG_FIRST_FILE + i);
		entry.size = htobe32((u32)files[i].data.len);
		entry.key = htobe16(files[i].key);
		memcpy(entry.name, files[i].name, sizeof(entry.name));
		memcpy(out, &entry, sizeof(entry));
		out += sizeof(entry);
	}
	data->len = (u64)(out - fw->directory);
}

/*
 * Room for `nr_files` entries. Called before a file is inserted, so that
 * nothing can fail between that and fill_directory().
 */
static int reserve_directory(struct fw_cfg *fw, size_t nr_files)
{
	size_t len = sizeof(u32) + nr_files * sizeof(struct directory_entry);
	u8 *directory = realloc(fw->directory, len);

	if (!directory)
		return -ENOMEM;
	fw->directory = directory;
	fw_cfg_find(fw, FW_CFG_DIRECTORY)->data.bytes = directory;
	return 0;
}

/* An empty directory at first: firmware expects it even without files. */
int fw_cfg_add_directory(struct fw_cfg *fw)
{
	int ret = fw_cfg_add(fw, FW_CFG_DIRECTORY, &(struct fw_cfg_data) { 0 });

	if (!ret)
		ret = reserve_directory(fw, 0);
	if (!ret)
		fill_directory(fw);
	return ret;
}

/*
 * Sorted by name, as firmware may expect from QEMU. *index is where `name`
 * belongs; -EEXIST if it is there.
 */
static int find_place(const struct fw_cfg *fw, const char *name, size_t *index)
{
	size_t i = fw->nr_items - fw->nr_files;

	while (i < fw->nr_items && strcmp(fw->items[i].name, name) < 0)
		i++;
	*index = i;
	return i < fw->nr_items && !strcmp(fw->items[i].name, name) ? -EEXIST
								    : 0;
}

/*
 * `file` is owned by the device only if this succeeds; the callers release it
 * otherwise.
 */
static int insert_file(struct fw_cfg *fw, const char *name,
		       const struct fw_cfg_item *file)
{
	size_t index;
	int ret;

	ret = file->data.len > UINT32_MAX ? -EFBIG : fw_cfg_check_name(name);
	if (!ret)
		ret = find_place(fw, name, &index);
	if (!ret && fw->nr_files == FW_CFG_MAX_FILES)
		ret = -ENOSPC;
	if (ret)
		return ret;
	ret = reserve_directory(fw, fw->nr_files + 1);
	if (!ret)
		ret = insert(fw, index, file);
	if (ret)
		return ret;
	strcpy(fw->items[index].name, name);
	fw->nr_files++;
	fill_directory(fw);
	return 0;
}

int fw_cfg_add_file(struct fw_cfg *fw, const char *name,
		    const struct fw_cfg_data *data)
{
	const struct fw_cfg_item file = { .data = *data };
	int ret = insert_file(fw, name, &file);

	if (ret)
		release(data);
	return ret;
}

int fw_cfg_add_file_bytes(struct fw_cfg *fw, const char *name,
			  const void *bytes, size_t len)
{
	struct fw_cfg_data data;
	int ret = copy_of(bytes, len, &data);

	return ret ? ret : fw_cfg_add_file(fw, name, &data);
}
