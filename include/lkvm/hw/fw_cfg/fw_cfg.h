/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * QEMU's firmware configuration device with MMIO registers and DMA: numbered
 * items of bytes, some of which have a name in a directory. Interface: QEMU,
 * docs/specs/fw_cfg.
 */
#ifndef LKVM_HW_FW_CFG_FW_CFG_H
#define LKVM_HW_FW_CFG_FW_CFG_H

#include <pthread.h>

#include "lkvm/config/fw_cfg.h"
#include "lkvm/vmm/device.h"
#include "lkvm/vmm/gmem.h"
#include "lkvm/vmm/mmio.h"

#define FW_CFG_MMIO_SIZE 0x18
#define FW_CFG_MAX_FILES 256

/* Keys of the items that lkvm has for firmware; QEMU's standard-headers/fw_cfg.
 */
enum fw_cfg_key {
	FW_CFG_SIGNATURE = 0x00,
	FW_CFG_FEATURES = 0x01,
	FW_CFG_KERNEL_SIZE = 0x08,
	FW_CFG_INITRD_SIZE = 0x0b,
	FW_CFG_BOOT_MENU = 0x0e,
	FW_CFG_KERNEL_DATA = 0x11,
	FW_CFG_INITRD_DATA = 0x12,
	FW_CFG_CMDLINE_SIZE = 0x14,
	FW_CFG_CMDLINE_DATA = 0x15,
	FW_CFG_DIRECTORY = 0x19,
	FW_CFG_FIRST_FILE = 0x20,
};

/* Bytes that an item shows without a copy, such as a kernel's. */
struct fw_cfg_data {
	const void *bytes; /* unchanged as long as the device lives */
	u64 len;	   /* at most UINT32_MAX */
	/*
	 * Instead of `bytes`: puts those from `offset` on, which are there, at
	 * `to`. 0, or -errno after a message; the guest gets zeros then, and
	 * DMA's error bit. On a vCPU's thread, with the device's lock held.
	 */
	int (*read)(void *opaque, u64 offset, void *to, size_t len);
	/* Called with `opaque` when the device does not need the bytes any
	 * more; may be NULL. */
	void (*release)(void *opaque);
	void *opaque;
};

/* An item; private. */
struct fw_cfg_item {
	u16 key;
	char name[FW_CFG_MAX_NAME + 1]; /* "" if it is no file */
	struct fw_cfg_data data;
};

/* What guests did; guarded by `lock`. */
struct fw_cfg_stats {
	u64 selects;
	u64 bytes_read; /* out of items, by either way */
	u64 transfers;	/* started by the DMA register */
	u64 errors;	/* of those, answered with the error bit */
};

struct fw_cfg_params {
	const char *name; /* for messages and statistics; not copied */
	u64 base;
	const struct gmem *ram; /* where DMA may go; outlives the device */
};

/*
 * For device_add() the owner uses `dev`; all else is private. Items are added
 * while no vCPU runs, which is why they have no lock.
 *
 * A transfer is done when the guest's access is: nothing interrupts it, and it
 * takes a second or two per GiB if the guest has not used that memory before.
 * It goes to one region of RAM; one to anywhere else has the error bit and
 * moves nothing.
 */
struct fw_cfg {
	struct device dev;
	struct mmio_region region;
	const struct gmem *ram;
	/* Items of fixed keys, then files sorted by name, keys ascending. */
	struct fw_cfg_item *items;
	size_t nr_items;
	size_t nr_files; /* the last of the items */
	u8 *directory;

	pthread_mutex_t lock;		    /* of all below */
	const struct fw_cfg_item *selected; /* NULL: none has this key */
	u32 offset;			    /* in it; its length at most */
	u32 dma_high;			    /* upper half of the DMA address */
	struct fw_cfg_stats stats;
};

/*
 * Creates a device with the signature, the feature word and an empty directory
 * and adds its region to `bus`. The caller adds it to a registry, whose
 * `destroy` frees it with all items. Returns 0 with *out, what mmio_bus_add()
 * returns, or -ENOMEM.
 */
int fw_cfg_create(const struct fw_cfg_params *params, struct mmio_bus *bus,
		  struct fw_cfg **out);

/*
 * Each of these adds an item: 0, -EEXIST if there is one with this key or
 * name, -EINVAL for a key that belongs to files or has bit 14 set, -EFBIG
 * beyond UINT32_MAX bytes, -ENOMEM. They print nothing.
 *
 * fw_cfg_add() owns `data` from then on, and releases it if it fails, too;
 * fw_cfg_add_bytes() copies. Numbers are little-endian, strings include the
 * zero at their end.
 */
int fw_cfg_add(struct fw_cfg *fw, u16 key, const struct fw_cfg_data *data);
int fw_cfg_add_bytes(struct fw_cfg *fw, u16 key, const void *bytes, size_t len);
int fw_cfg_add_u16(struct fw_cfg *fw, u16 key, u16 value);
int fw_cfg_add_u32(struct fw_cfg *fw, u16 key, u32 value);
int fw_cfg_add_string(struct fw_cfg *fw, u16 key, const char *s);

/*
 * The same for files, which get their keys in the order of their names: a key
 * is final once all files are added. Further errors are those of
 * fw_cfg_check_name(), and -ENOSPC from FW_CFG_MAX_FILES on.
 */
int fw_cfg_add_file(struct fw_cfg *fw, const char *name,
		    const struct fw_cfg_data *data);
int fw_cfg_add_file_bytes(struct fw_cfg *fw, const char *name,
			  const void *bytes, size_t len);

#endif
