/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a request of a disk has to do to RAM and to the disk, from virtio 1.4
 * alone: one request is carried out in a copy of both before the device does
 * so, and then they are compared.
 */
#ifndef TESTS_BLK_MODEL_H
#define TESTS_BLK_MODEL_H

#include "tests/fuzz/input.h"
#include "virtio/blk.h"

#define MODEL_RAM     (2 * SZ_4K) /* bytes, from address 0 on */
#define MODEL_SECTORS 16U
#define MODEL_DISK    (MODEL_SECTORS * 512U)
#define MODEL_SERIAL  "a serial number"

extern struct model {
	u8 *ram;
	u8 *disk;
	bool readonly;
} model;

/* Both, with a disk that has an own memory; for the device to close. */
struct disk *model_create(bool readonly);
void model_destroy(void);

/* Before blk_request(), and after it with its result. */
void model_begin(const struct virtq_chain *chain);
void model_end(s64 ret);

#endif
