/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: hw/fw_cfg/fw_cfg.c hw/fw_cfg/items.c vmm/mmio.c vmm/gmem.c */
/* SOURCES: vmm/fdt.c */
/* SOURCES: util/log.c util/output.c util/json.c */
/*
 * fw_cfg under random accesses and transfers. What comes out of items is
 * compared with what they hold; RAM has ASan's red zones around.
 */
#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "lkvm/hw/fw_cfg/fw_cfg.h"
#include "tests/fuzz/input.h"

#define BASE	 0x1000
#define SELECTOR (BASE + 8)
#define DMA	 (BASE + 16)
#define RAM	 0x80000000
#define RAM_SIZE 0x400

#define KEY_SMALL 0x8000
#define KEY_LARGE 0x8001
#define KEY_FILE  0x20
#define LARGE	  300

#define DMA_ERROR 0x01
#define DMA_READ  0x02

/* What the first byte of a step does; its low bits are an argument. */
enum action {
	READ = 0x00,	 /* offset 5 bits; next byte: length */
	WRITE = 0x40,	 /* the same, and 8 bytes of value */
	SELECT = 0x80,	 /* one of the keys */
	TRANSFER = 0xc0, /* see step_transfer() */
};

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

struct rig {
	struct mmio_bus bus;
	struct gmem mem;
	struct fw_cfg *fw;
	u8 *ram;
	u8 large[LARGE];
};

static u64 get(struct input *in, unsigned int len)
{
	u64 value = 0;

	for (unsigned int i = 0; i < len; i++)
		value |= (u64)take(in) << (8 * i);
	return value;
}

static void setup(struct rig *r)
{
	const struct fw_cfg_params params = { .name = "fw-cfg",
					      .base = BASE,
					      .ram = &r->mem };
	const struct fw_cfg_data large = { .bytes = r->large, .len = LARGE };

	for (unsigned int i = 0; i < LARGE; i++)
		r->large[i] = (u8)(i * 7 + 1);
	r->ram = calloc(1, RAM_SIZE);
	require(r->ram != NULL);
	require(!gmem_add(&r->mem, RAM, RAM_SIZE, r->ram));
	mmio_bus_init(&r->bus);
	require(!fw_cfg_create(&params, &r->bus, &r->fw));
	require(!fw_cfg_add_bytes(r->fw, KEY_SMALL, "small", 5));
	require(!fw_cfg_add(r->fw, KEY_LARGE, &large));
	require(!fw_cfg_add_file_bytes(r->fw, "etc/f", "the file", 8));
}

static u16 pick_key(unsigned int n)
{
	static const u16 keys[] = { KEY_SMALL, KEY_LARGE, KEY_FILE, 0,
				    1,	       0x19,	  0x1234,   0xffff };

	return keys[n % ARRAY_SIZE(keys)];
}

/* What the selected item has from its offset on; *left bytes of it. */
static const u8 *rest(const struct rig *r, u32 *left)
{
	const struct fw_cfg_item *item = r->fw->selected;

	*left = item ? (u32)item->data.len - r->fw->offset : 0;
	return item ? (const u8 *)item->data.bytes + r->fw->offset : NULL;
}

static void check_bytes(const u8 *got, const u8 *want, u32 left, u32 len)
{
	for (u32 i = 0; i < len; i++)
		require(got[i] == (i < left ? want[i] : 0));
}

static void step_read(struct rig *r, u64 offset, unsigned int len)
{
	u32 left;
	const u8 *want = rest(r, &left);
	u64 value = htole64(mmio_bus_read(&r->bus, BASE + offset, len));
	u8 got[8];

	memcpy(got, &value, sizeof(value));
	if (offset + len <= 8)
		check_bytes(got, want, left, len);
}

/*
 * A structure in or near RAM, with a length and an address that often make
 * sense.
 */
static void step_transfer(struct rig *r, struct input *in, unsigned int how)
{
	u64 at = RAM + get(in, 2) % (RAM_SIZE + 16) - (how & 1 ? 8 : 0);
	u32 control = (u32)get(in, 1) | (u32)pick_key(get(in, 1)) << 16;
	u32 len = (u32)get(in, how & 2 ? 4 : 1);
	u64 addr = how & 4 ? get(in, 8) : RAM + get(in, 2) % RAM_SIZE;
	u32 words[2] = { htobe32(control), htobe32(len) };
	u64 addr_be = htobe64(addr);
	u64 bytes_before = r->fw->stats.bytes_read;
	u8 *p = gmem_ptr(&r->mem, at, 16);
	u32 answer;

	if (p) {
		memcpy(p, words, 8);
		memcpy(p + 8, &addr_be, 8);
	}
	if (how & 8) {
		mmio_bus_write(&r->bus, DMA, 0, 4);
		mmio_bus_write(&r->bus, DMA + 4, htobe32((u32)at), 4);
	} else {
		mmio_bus_write(&r->bus, DMA, htobe64(at), 8);
	}
	if (!p)
		return;
	memcpy(&answer, p, 4);
	answer = be32toh(answer);
	require(!answer || answer == DMA_ERROR);
	if (control & DMA_READ && len)
		require(!answer == !!gmem_ptr(&r->mem, addr, len));
	require(r->fw->stats.bytes_read - bytes_before <= len);
	/* The bytes, if the answer did not go over them. */
	if (!answer && control & DMA_READ &&
	    r->fw->stats.bytes_read != bytes_before &&
	    !range_overlaps(at, 4, addr, len)) {
		u32 n = (u32)(r->fw->stats.bytes_read - bytes_before);
		const u8 *from = r->fw->selected->data.bytes;

		check_bytes(gmem_ptr(&r->mem, addr, len),
			    from + r->fw->offset - n, n, len);
	}
}

static void step(struct rig *r, struct input *in)
{
	unsigned int action = (unsigned int)get(in, 1);
	unsigned int arg = action & 0x3f, len;

	switch (action & 0xc0) {
	case READ:
		len = 1U << (get(in, 1) % 4);
		step_read(r, arg % 0x18, MIN(len, 0x18 - arg % 0x18));
		break;
	case WRITE:
		len = 1U << (get(in, 1) % 4);
		mmio_bus_write(&r->bus, BASE + arg % 0x18, get(in, len), len);
		break;
	case SELECT:
		if (arg == 0x3f)
			r->fw->dev.ops->reset(&r->fw->dev);
		else
			mmio_bus_write(&r->bus, SELECTOR,
				       htobe16(pick_key(arg)), 2);
		break;
	case TRANSFER:
		step_transfer(r, in, arg);
		break;
	}
}

static void check_end(struct rig *r)
{
	r->fw->dev.ops->reset(&r->fw->dev);
	require(mmio_bus_read(&r->bus, BASE, 4) == 0x554d4551);
	mmio_bus_write(&r->bus, SELECTOR, htobe16(KEY_SMALL), 2);
	require(mmio_bus_read(&r->bus, BASE, 4) == 0x6c616d73);
	for (unsigned int i = 0; i < LARGE; i++)
		require(r->large[i] == (u8)(i * 7 + 1));
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct input in = { data, size };
	struct rig r = { 0 };

	log_set_level(LOG_LEVEL_ERROR);
	setup(&r);
	while (in.size)
		step(&r, &in);
	check_end(&r);
	r.fw->dev.ops->destroy(&r.fw->dev);
	mmio_bus_destroy(&r.bus);
	free(r.ram);
	return 0;
}
