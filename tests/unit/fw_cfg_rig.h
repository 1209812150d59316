/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A fw_cfg device on a bus, RAM of a guest, and a driver for both. */
#ifndef TESTS_FW_CFG_RIG_H
#define TESTS_FW_CFG_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lkvm/hw/fw_cfg/fw_cfg.h"

#define BASE	 0x09020000
#define DATA	 BASE
#define SELECTOR (BASE + 8)
#define DMA	 (BASE + 16)

/* Two regions of RAM with a hole between. */
#define RAM	 0x40000000
#define RAM_SIZE 0x4000
#define HIGH	 0x140000000

#define ERROR  0x01
#define READ   0x02
#define SKIP   0x04
#define SELECT 0x08
#define WRITE  0x10
#define KEY(k) ((u32)(k) << 16 | SELECT)

struct rig {
	struct mmio_bus bus;
	struct gmem mem;
	struct fw_cfg *fw;
	u8 *ram;
	u8 *high;
};

/* cmocka's: *state is a fresh rig. */
int rig_setup(void **state);
int rig_teardown(void **state);

/* By registers, as a little-endian guest has it. */
void select_key(struct rig *r, u16 key);
u64 read_data(struct rig *r, unsigned int len);
/* The item `key` as text, read bytewise. */
const char *read_text(struct rig *r, u16 key, size_t len);

/*
 * By DMA, the structure at `at`, which one 64-bit write tells; what its
 * control word is afterwards.
 */
u32 dma_at(struct rig *r, u64 at, u32 control, u32 len, u64 addr);
/* The structure at the start of RAM. */
u32 dma(struct rig *r, u32 control, u32 len, u64 addr);
/* Writes the structure at `at` only. */
void put_access(struct rig *r, u64 at, u32 control, u32 len, u64 addr);
u32 get_control(struct rig *r, u64 at);

#endif
