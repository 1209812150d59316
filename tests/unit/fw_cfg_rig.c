/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "fw_cfg_rig.h"

int rig_setup(void **state)
{
	static struct rig r;
	struct fw_cfg_params params = { .name = "fw-cfg", .base = BASE };

	memset(&r, 0, sizeof(r));
	/* Of their own, so that ASan sees a byte too far. */
	r.ram = malloc(RAM_SIZE);
	r.high = malloc(RAM_SIZE);
	assert_non_null(r.ram);
	assert_non_null(r.high);
	memset(r.ram, 0xa5, RAM_SIZE);
	memset(r.high, 0xa5, RAM_SIZE);
	assert_int_equal(gmem_add(&r.mem, RAM, RAM_SIZE, r.ram), 0);
	assert_int_equal(gmem_add(&r.mem, HIGH, RAM_SIZE, r.high), 0);
	params.ram = &r.mem;
	mmio_bus_init(&r.bus);
	assert_int_equal(fw_cfg_create(&params, &r.bus, &r.fw), 0);
	*state = &r;
	return 0;
}

int rig_teardown(void **state)
{
	struct rig *r = *state;

	r->fw->dev.ops->destroy(&r->fw->dev);
	mmio_bus_destroy(&r->bus);
	free(r->ram);
	free(r->high);
	return 0;
}

void select_key(struct rig *r, u16 key)
{
	mmio_bus_write(&r->bus, SELECTOR, htobe16(key), 2);
}

u64 read_data(struct rig *r, unsigned int len)
{
	return mmio_bus_read(&r->bus, DATA, len);
}

const char *read_text(struct rig *r, u16 key, size_t len)
{
	static char text[128];

	assert_true(len < sizeof(text));
	select_key(r, key);
	for (size_t i = 0; i < len; i++)
		text[i] = (char)read_data(r, 1);
	text[len] = '\0';
	return text;
}

void put_access(struct rig *r, u64 at, u32 control, u32 len, u64 addr)
{
	u32 words[2] = { htobe32(control), htobe32(len) };

	addr = htobe64(addr);
	assert_int_equal(gmem_write(&r->mem, at, words, sizeof(words)), 0);
	assert_int_equal(gmem_write(&r->mem, at + 8, &addr, sizeof(addr)), 0);
}

u32 get_control(struct rig *r, u64 at)
{
	u32 control;

	assert_int_equal(gmem_read(&r->mem, at, &control, sizeof(control)), 0);
	return be32toh(control);
}

u32 dma_at(struct rig *r, u64 at, u32 control, u32 len, u64 addr)
{
	put_access(r, at, control, len, addr);
	mmio_bus_write(&r->bus, DMA, htobe64(at), 8);
	return get_control(r, at);
}

u32 dma(struct rig *r, u32 control, u32 len, u64 addr)
{
	return dma_at(r, RAM, control, len, addr);
}
