/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * EDK2's variable store in an image of a flash: the firmware volume, the store
 * in it, its records, and the working block of fault tolerant writes.
 *
 * Nothing in the image is trusted. All pointers point into it; it has to stay
 * and not to change as long as they are used. No function prints.
 *
 * Layouts: UEFI Platform Initialization Specification 1.8, volume 3, "Firmware
 * Volume Header"; EDK2, MdeModulePkg/Include/Guid/VariableFormat.h,
 * SystemNvDataGuid.h and MdePkg/Include/Protocol/FaultTolerantWrite.h.
 */
#ifndef LKVM_EFI_VARS_H
#define LKVM_EFI_VARS_H

#include "lkvm/efi/guid.h"

/* A flash file's content in memory, which belongs to the caller. */
struct efi_image {
	const u8 *data;
	size_t size; /* bytes */
};

/* EFI_FIRMWARE_VOLUME_HEADER: PI 1.8, volume 3. */
struct efi_volume {
	bool present; /* else all of it is zero */
	u64 offset;   /* in the image */
	struct efi_guid guid;
	u64 length; /* bytes, with the header */
	u32 attributes;
	u16 header_length; /* bytes, with the block map */
	u16 checksum;	   /* of the header; right if the words' sum is 0 */
	bool checksum_good;
	u8 revision;
	const u8 *map;	 /* pairs of u32: number of blocks, bytes of each */
	size_t map_size; /* pairs, without the pair of zeros at the end */
};

/* VARIABLE_STORE_HEADER, which follows the volume's header. */
struct efi_store {
	bool present; /* a header is there, good or not; else all is zero */
	bool authenticated;
	u8 format, state;
	u64 offset; /* in the image */
	struct efi_guid guid;
	u32 size; /* with the header, as that says */
};

/* What a record counts for, beside others of the same variable. */
enum efi_var_state {
	EFI_VAR_LIVE,	   /* added, and what EDK2 shows */
	EFI_VAR_REPLACING, /* was to be replaced and was not: EDK2 shows it */
	EFI_VAR_REPLACED,  /* the same, and there is a better one */
	EFI_VAR_DUPLICATE, /* added, but an equal one precedes it */
	EFI_VAR_DELETED,
	EFI_VAR_HALF_WRITTEN,
	EFI_VAR_UNKNOWN, /* state_byte is nothing that EDK2 writes */
};

/* One record; pointers go into the image. */
struct efi_var {
	u64 offset; /* of the record, in the image */
	u32 size;   /* of the record in bytes, with padding */
	u8 state_byte;
	enum efi_var_state state;
	u32 attributes;
	struct efi_guid guid;
	bool has_name;	/* else neither name nor data are sure to be there */
	const u8 *name; /* UTF-16 as long as it goes, without the zero */
	size_t name_units;
	const u8 *data;
	size_t data_size; /* bytes */
};

/* All records in their order, and what the store's bytes are used for. */
struct efi_var_list {
	struct efi_var *vars;
	size_t count;			      /* of `vars` */
	u64 live, reclaimable, free, damaged; /* bytes, with records' headers */
	bool free_erased;		      /* all that is free is erased */
	const char *problem; /* NULL, or why there are damaged bytes */
	u64 problem_offset;
};

/* How far the last write in the queue has come. */
enum efi_ftw_progress {
	EFI_FTW_IDLE,
	EFI_FTW_BEGUN,	     /* the spare blocks are not complete */
	EFI_FTW_SPARE_DONE,  /* they are, what they replace is not */
	EFI_FTW_TARGET_DONE, /* both are, the write is not closed */
	EFI_FTW_DAMAGED,     /* the queue's sizes do not fit */
};

/* EDK2's working block of fault tolerant writes. */
struct efi_ftw {
	bool present; /* else all of it is zero */
	u64 offset;   /* in the image */
	bool checksum_good;
	bool valid;	/* marked valid and not marked invalid */
	u64 queue_size; /* bytes */
	u32 writes;	/* completed ones in the queue */
	enum efi_ftw_progress progress;
};

#define EFI_ATTR_NV 0x01
#define EFI_ATTR_BS 0x02
#define EFI_ATTR_RT 0x04
#define EFI_ATTR_HR 0x08 /* hardware error record */
#define EFI_ATTR_AW 0x10 /* authenticated write, deprecated */
#define EFI_ATTR_AT 0x20 /* time based authenticated write */
#define EFI_ATTR_AP 0x40 /* append write */
#define EFI_ATTR_EA 0x80 /* enhanced authenticated access */

/* VARIABLE_STORE_FORMATTED and VARIABLE_STORE_HEALTHY */
#define EFI_STORE_FORMATTED 0x5a
#define EFI_STORE_HEALTHY   0xfe

#define EFI_STORE_HEADER_SIZE 28

/*
 * Finds the volume that keeps variables, at the start of the image or else at
 * the first multiple of 4 KiB where a good one is, and the store in it.
 * Returns NULL, or a phrase that says what is wrong or missing; *volume and
 * *store then have what was found nevertheless.
 */
const char *efi_store_find(const struct efi_image *image,
			   struct efi_volume *volume, struct efi_store *store);

/*
 * Reads the records of a store that efi_store_find() found good. Returns 0 or
 * -ENOMEM. Damage is no error: records before it are there, see `problem`. The
 * caller calls efi_var_list_free() in each case.
 */
int efi_var_list_read(const struct efi_image *image,
		      const struct efi_store *store, struct efi_var_list *list);

/* Frees the records and empties the list; the image stays. */
void efi_var_list_free(struct efi_var_list *list);

/* True for what EDK2 returns to GetVariable(). */
static inline bool efi_var_is_live(const struct efi_var *var)
{
	return var->state == EFI_VAR_LIVE || var->state == EFI_VAR_REPLACING;
}

/* An order by name, then GUID, for qsort() and the like: <0, 0 or >0. */
int efi_var_compare(const struct efi_var *a, const struct efi_var *b);

/* "live", "deleted" and so on: one word each, part of the JSON output. */
const char *efi_var_state_name(enum efi_var_state state);

/*
 * Looks for the working block behind the store, up to the volume's end. Sets
 * *ftw in each case; `present` says whether there is one.
 */
void efi_ftw_find(const struct efi_image *image,
		  const struct efi_volume *volume,
		  const struct efi_store *store, struct efi_ftw *ftw);

#endif
