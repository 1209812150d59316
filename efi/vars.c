/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reader of EDK2's variable store, as ArmVirt firmware keeps it in flash: a
 * firmware volume (Platform Initialization Specification 1.8, volume 3) with
 * the GUID of NV data, in it one store (VariableFormat.h), in it records one
 * behind the other until erased flash. See vars.h for the interface.
 *
 * A record is never changed in place. A new value is appended, then the bits of
 * the old record's state are cleared; a power failure between the two leaves
 * both, which EDK2 resolves by rules that find_live() repeats: the output is to
 * say what the firmware will see. All numbers come from the guest; each size is
 * compared with the room that is left, in 64 bits, before it is used. Nothing
 * is repaired.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lkvm/efi/text.h"
#include "lkvm/efi/vars.h"

#define VOLUME_HEADER_MIN 72	/* with one pair of the map, and its end */
#define VOLUME_HEADER_MAX 4096	/* ours: bounds the block map to sum up */
#define VOLUME_MAP	  56	/* where the block map begins */
#define VOLUME_REVISION	  2	/* EFI_FVH_REVISION */
#define VOLUME_STEP	  SZ_4K /* EDK2's smallest block of a volume */

#define VARIABLE_DATA 0x55aa	  /* StartId of each record */
#define ERASED	      0xffffffffU /* a field not written yet */

/*
 * Values of a record's state. Its bits are cleared one after the other, as NOR
 * flash allows without an erase: header valid, added, in transition, deleted.
 */
#define STATE_BEGUN	   0xff
#define STATE_HEADER_VALID 0x7f
#define STATE_ADDED	   0x3f
#define STATE_LEAVING	   0x3e
#define STATE_NOT_DELETED  0x02
#define STATE_NOT_ADDED	   0xc0 /* the header is not valid, or the data is not */
#define STATE_UNUSED	   0x3c /* never cleared */

/*
 * The record's header without and with authentication: VARIABLE_HEADER and
 * AUTHENTICATED_VARIABLE_HEADER. The latter has a counter, a time stamp and the
 * index of a public key between the attributes and the sizes.
 */
static const struct layout {
	u8 size;		       /* of the header in bytes */
	u8 name_size, data_size, guid; /* offsets of fields */
} layouts[] = {
	[false] = { 32, 8, 12, 16 },
	[true] = { 60, 36, 40, 44 },
};

/* The map ends with a pair of zeros, or where the header or the image does. */
static void read_map(struct efi_volume *volume, const u8 *p, u64 rest)
{
	u64 end = MIN((u64)volume->header_length, rest);

	volume->map = p + VOLUME_MAP;
	for (u64 at = VOLUME_MAP; at + 8 <= end; at += 8) {
		if (!efi_le64(p + at))
			break;
		volume->map_size++;
	}
}

/* The 16-bit words of the header, its checksum included, add up to 0. */
static bool check_sum(const u8 *p, u32 header_length)
{
	u16 sum = 0;

	for (u32 i = 0; i + 2 <= header_length; i += 2)
		sum = (u16)(sum + efi_le16(p + i));
	return !sum;
}

/*
 * Fills *volume from the header at `offset` if a signature is there, whether or
 * not its fields make sense: `lkvm flash info` shows a bad one, too.
 */
static bool read_volume(const struct efi_image *image, u64 offset,
			struct efi_volume *volume)
{
	const u8 *p = image->data + offset;
	u64 rest = image->size - offset;

	memset(volume, 0, sizeof(*volume));
	if (rest < VOLUME_HEADER_MIN || memcmp(p + 40, "_FVH", 4))
		return false;
	volume->present = true;
	volume->offset = offset;
	volume->guid = efi_guid_at(p + 16);
	volume->length = efi_le64(p + 32);
	volume->attributes = efi_le32(p + 44);
	volume->header_length = efi_le16(p + 48);
	volume->checksum = efi_le16(p + 50);
	volume->revision = p[55];
	volume->checksum_good = volume->header_length <= rest &&
				check_sum(p, volume->header_length);
	read_map(volume, p, rest);
	return true;
}

/* Whether the blocks of the map are enough for the volume's length. */
static bool map_covers(const struct efi_volume *volume)
{
	u64 bytes = 0;

	/* Each product is below 2^64; 512 of them, at most, may pass it. */
	for (size_t i = 0; i < volume->map_size; i++) {
		const u8 *pair = volume->map + i * 8;
		u64 part = (u64)efi_le32(pair) * efi_le32(pair + 4);

		if (__builtin_add_overflow(bytes, part, &bytes))
			return true;
	}
	return bytes >= volume->length;
}

/*
 * What is wrong, the most basic first; NULL for a good volume. The phrase
 * follows "FILE: " in a message.
 */
static const char *volume_problem(const struct efi_image *image,
				  const struct efi_volume *volume)
{
	if (!image->size)
		return "it is empty";
	if (!volume->present && is_filled(image->data, image->size, 0xff))
		return "it is erased: no firmware has made a store yet";
	if (!volume->present)
		return "no firmware volume header";
	if (!efi_guid_is(&volume->guid, EFI_GUID_NV_DATA))
		return "the firmware volume is none that keeps variables";
	if (volume->revision != VOLUME_REVISION)
		return "the firmware volume's revision is not 2";
	if (volume->header_length < VOLUME_HEADER_MIN ||
	    volume->header_length > VOLUME_HEADER_MAX ||
	    volume->header_length % 2)
		return "the firmware volume's header has a wrong length";
	if (volume->length < volume->header_length ||
	    volume->length > image->size - volume->offset)
		return "the firmware volume's length does not fit the file";
	if (!volume->checksum_good)
		return "the firmware volume header's checksum is wrong";
	if (!map_covers(volume))
		return "the firmware volume is longer than its block map";
	return NULL;
}

/*
 * A damaged header is of interest only at the image's start, where it must be;
 * elsewhere the signature may be part of anything, so only a good one counts.
 */
static const char *find_volume(const struct efi_image *image,
			       struct efi_volume *volume)
{
	struct efi_volume other;
	const char *problem;

	read_volume(image, 0, volume);
	problem = volume_problem(image, volume);
	if (!problem)
		return NULL;
	for (u64 at = VOLUME_STEP; at < image->size; at += VOLUME_STEP) {
		if (read_volume(image, at, &other) &&
		    !volume_problem(image, &other)) {
			*volume = other;
			return NULL;
		}
	}
	return problem;
}

/*
 * The store begins where the volume's header ends, without a pointer to it.
 */
static const char *read_store(const struct efi_image *image,
			      const struct efi_volume *volume,
			      struct efi_store *store)
{
	u64 offset = volume->offset + volume->header_length;
	const u8 *p = image->data + offset;
	u64 room = volume->length - volume->header_length;

	if (room < EFI_STORE_HEADER_SIZE)
		return "the firmware volume has no room for a store";
	if (is_filled(p, EFI_STORE_HEADER_SIZE, 0xff))
		return "the firmware volume has no variable store";
	store->present = true;
	store->offset = offset;
	store->guid = efi_guid_at(p);
	store->size = efi_le32(p + 16);
	store->format = p[20];
	store->state = p[21];
	store->authenticated = efi_guid_is(&store->guid, EFI_GUID_STORE_AUTH);
	if (!store->authenticated &&
	    !efi_guid_is(&store->guid, EFI_GUID_STORE_PLAIN))
		return "the variable store has an unknown format";
	if (store->format != EFI_STORE_FORMATTED ||
	    store->state != EFI_STORE_HEALTHY)
		return "the variable store is not formatted and healthy";
	if (store->size < EFI_STORE_HEADER_SIZE || store->size > room)
		return "the variable store's size does not fit its volume";
	return NULL;
}

const char *efi_store_find(const struct efi_image *image,
			   struct efi_volume *volume, struct efi_store *store)
{
	const char *problem = find_volume(image, volume);

	memset(store, 0, sizeof(*store));
	return problem ? problem : read_store(image, volume, store);
}

/*
 * The state of a record by its own byte, before others of the same variable are
 * considered.
 */
static enum efi_var_state classify(u8 byte)
{
	if (byte == STATE_BEGUN || byte == STATE_HEADER_VALID)
		return EFI_VAR_HALF_WRITTEN;
	if (byte == STATE_ADDED)
		return EFI_VAR_LIVE;
	if (byte == STATE_LEAVING)
		return EFI_VAR_REPLACING;
	if ((byte & STATE_UNUSED) == STATE_UNUSED &&
	    !(byte & STATE_NOT_DELETED))
		return EFI_VAR_DELETED;
	return EFI_VAR_UNKNOWN;
}

/*
 * Whether power failed before the sizes were there. As in EDK2, an erased size
 * counts as 0, so that the next record is looked for behind the header.
 */
static bool header_half_written(const u8 *p, const struct layout *layout)
{
	return p[2] == STATE_BEGUN || efi_le32(p + 4) == ERASED ||
	       efi_le32(p + layout->name_size) == ERASED ||
	       efi_le32(p + layout->data_size) == ERASED;
}

/*
 * Reads the record at p, which has its header within `room`. Returns NULL or
 * what is wrong.
 */
static const char *read_var(const u8 *p, u64 room, const struct layout *layout,
			    struct efi_var *var)
{
	u64 name_size = efi_le32(p + layout->name_size);
	u64 data_size = efi_le32(p + layout->data_size);

	var->state_byte = p[2];
	var->attributes = efi_le32(p + 4);
	var->guid = efi_guid_at(p + layout->guid);
	var->size = layout->size;
	var->state = EFI_VAR_HALF_WRITTEN;
	if (header_half_written(p, layout))
		return NULL;
	if (name_size + data_size > room - layout->size)
		return "a variable passes the store's end";
	var->size = (u32)MIN(ALIGN_UP(layout->size + name_size + data_size, 4),
			     room);
	var->state = classify(p[2]);
	var->has_name = !(p[2] & STATE_NOT_ADDED);
	if (!var->has_name)
		return NULL;
	var->name = p + layout->size;
	var->name_units = efi_utf16_units(var->name, name_size);
	var->data = var->name + name_size;
	var->data_size = data_size;
	return NULL;
}

/* A store has no count of its records; the array doubles as they are found. */
static struct efi_var *add_var(struct efi_var_list *list, size_t *room)
{
	struct efi_var *vars;

	if (list->count == *room) {
		*room = *room ? *room * 2 : 64;
		vars = reallocarray(list->vars, *room, sizeof(*vars));
		if (!vars)
			return NULL;
		list->vars = vars;
	}
	memset(&list->vars[list->count], 0, sizeof(*list->vars));
	return &list->vars[list->count++];
}

/*
 * Walks the records. Behind one with impossible sizes there is no way to find
 * the next, so all of the rest counts as damaged.
 */
static int read_vars(const struct efi_image *image,
		     const struct efi_store *store, struct efi_var_list *list)
{
	const struct layout *layout = &layouts[store->authenticated];
	u64 at = store->offset + EFI_STORE_HEADER_SIZE;
	u64 end = store->offset + store->size;
	const u8 *data = image->data;
	struct efi_var *var;
	size_t room = 0;

	at = MIN(ALIGN_UP(at, 4), end);
	while (at + layout->size <= end &&
	       efi_le16(data + at) == VARIABLE_DATA) {
		var = add_var(list, &room);
		if (!var)
			return -ENOMEM;
		var->offset = at;
		list->problem = read_var(data + at, end - at, layout, var);
		if (list->problem) {
			list->count--;
			list->problem_offset = at;
			list->damaged = end - at;
			return 0;
		}
		at += var->size;
	}
	list->free = end - at;
	list->free_erased = is_filled(data + at, list->free, 0xff);
	return 0;
}

/*
 * Order by memory, not by characters: it only has to bring equal names
 * together.
 */
static int compare_names(const struct efi_var *a, const struct efi_var *b)
{
	size_t units = MIN(a->name_units, b->name_units);
	int ret = units ? memcmp(a->name, b->name, units * 2) : 0;

	if (ret)
		return ret;
	return (a->name_units > b->name_units) -
	       (a->name_units < b->name_units);
}

static int compare_guids(const struct efi_var *a, const struct efi_var *b)
{
	return memcmp(a->guid.bytes, b->guid.bytes, sizeof(a->guid.bytes));
}

/* By variable, then by position: choose_live() needs the store's order. */
static int compare_candidates(const void *pa, const void *pb)
{
	const struct efi_var *a = *(struct efi_var *const *)pa;
	const struct efi_var *b = *(struct efi_var *const *)pb;
	int ret = compare_guids(a, b);

	if (!ret)
		ret = compare_names(a, b);
	return ret ? ret : (a->offset > b->offset) - (a->offset < b->offset);
}

/*
 * Of `count` records of one variable, in the store's order, the first that is
 * added counts; if there is none, the last that was in transition.
 */
static void choose_live(struct efi_var **vars, size_t count)
{
	struct efi_var *live = NULL;

	for (size_t i = 0; i < count; i++) {
		if (!live || live->state == EFI_VAR_REPLACING)
			live = vars[i];
	}
	for (size_t i = 0; i < count; i++) {
		if (vars[i] == live)
			continue;
		vars[i]->state = vars[i]->state == EFI_VAR_LIVE
					 ? EFI_VAR_DUPLICATE
					 : EFI_VAR_REPLACED;
	}
}

/*
 * Sorting makes this n log n: a store of 64 MiB, written by a hostile guest,
 * can hold a million records.
 */
static int find_live(struct efi_var_list *list)
{
	struct efi_var **sorted = calloc(list->count + 1, sizeof(void *));
	size_t count = 0;
	size_t first = 0;

	if (!sorted)
		return -ENOMEM;
	for (size_t i = 0; i < list->count; i++)
		if (efi_var_is_live(&list->vars[i]))
			sorted[count++] = &list->vars[i];
	qsort(sorted, count, sizeof(void *), compare_candidates);
	for (size_t i = 1; i <= count; i++) {
		if (i < count && !compare_guids(sorted[i], sorted[first]) &&
		    !compare_names(sorted[i], sorted[first]))
			continue;
		choose_live(sorted + first, i - first);
		first = i;
	}
	free(sorted);
	return 0;
}

/* Sums are taken after find_live(), as it changes states. */
int efi_var_list_read(const struct efi_image *image,
		      const struct efi_store *store, struct efi_var_list *list)
{
	int ret;

	memset(list, 0, sizeof(*list));
	ret = read_vars(image, store, list);
	if (!ret)
		ret = find_live(list);
	for (size_t i = 0; i < list->count; i++) {
		if (efi_var_is_live(&list->vars[i]))
			list->live += list->vars[i].size;
		else
			list->reclaimable += list->vars[i].size;
	}
	return ret;
}

void efi_var_list_free(struct efi_var_list *list)
{
	free(list->vars);
	memset(list, 0, sizeof(*list));
}

/*
 * The order of output: names by UTF-16 units, then GUIDs, the same for stores
 * that hold the records in different order, so that `diff` can merge two lists.
 */
int efi_var_compare(const struct efi_var *a, const struct efi_var *b)
{
	size_t units = MIN(a->name_units, b->name_units);

	for (size_t i = 0; i < units; i++) {
		int ret = (int)efi_le16(a->name + i * 2) -
			  (int)efi_le16(b->name + i * 2);

		if (ret)
			return ret;
	}
	if (a->name_units != b->name_units)
		return a->name_units < b->name_units ? -1 : 1;
	return compare_guids(a, b);
}

const char *efi_var_state_name(enum efi_var_state state)
{
	static const char *const names[] = {
		[EFI_VAR_LIVE] = "live",
		[EFI_VAR_REPLACING] = "in-transition",
		[EFI_VAR_REPLACED] = "replaced",
		[EFI_VAR_DUPLICATE] = "duplicate",
		[EFI_VAR_DELETED] = "deleted",
		[EFI_VAR_HALF_WRITTEN] = "half-written",
		[EFI_VAR_UNKNOWN] = "unknown",
	};

	return names[state];
}
