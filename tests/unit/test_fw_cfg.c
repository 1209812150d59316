/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: hw/fw_cfg/fw_cfg.c hw/fw_cfg/items.c vmm/mmio.c vmm/gmem.c */
/* SOURCES: vmm/fdt.c */
/* SOURCES: util/log.c util/output.c util/json.c tests/unit/fw_cfg_rig.c */
/* fw_cfg as a guest sees it: registers and DMA. */
#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <libfdt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fw_cfg_rig.h"
#include "lkvm/util/json.h"
#include "lkvm/vmm/fdt.h"

#define OPT   0x8000 /* a key that nothing else has */
#define ALONG 0x1000 /* into RAM: out of the structure's way */

static int setup(void **state)
{
	struct rig *r;

	rig_setup(state);
	r = *state;
	return fw_cfg_add_bytes(r->fw, OPT, "0123456789", 10);
}

static void signature(void **state)
{
	struct rig *r = *state;

	/* That of the item is selected at power-on. */
	assert_int_equal(read_data(r, 4), 0x554d4551); /* QEMU */
	assert_string_equal(read_text(r, FW_CFG_SIGNATURE, 4), "QEMU");
	/* The DMA register's, at any width. */
	assert_int_equal(mmio_bus_read(&r->bus, DMA, 8),
			 be64toh(0x51454d5520434647));
	assert_int_equal(mmio_bus_read(&r->bus, DMA, 4), be32toh(0x51454d55));
	assert_int_equal(mmio_bus_read(&r->bus, DMA + 4, 4),
			 be32toh(0x20434647));
	assert_int_equal(mmio_bus_read(&r->bus, DMA + 7, 1), 'G');
}

static void features(void **state)
{
	struct rig *r = *state;

	select_key(r, FW_CFG_FEATURES);
	assert_int_equal(read_data(r, 4), 3);
	assert_int_equal(read_data(r, 4), 0);
}

/* Bytes in the order of the item, whatever the width. */
static void widths(void **state)
{
	struct rig *r = *state;

	select_key(r, OPT);
	assert_int_equal(read_data(r, 1), '0');
	assert_int_equal(read_data(r, 2), 0x3231);
	assert_int_equal(read_data(r, 4), 0x36353433);
	/* Three more, and zeros from then on. */
	assert_int_equal(read_data(r, 8), 0x393837);
	assert_int_equal(read_data(r, 8), 0);
	select_key(r, OPT);
	assert_int_equal(read_data(r, 8), 0x3736353433323130);
	assert_int_equal(mmio_bus_read(&r->bus, DATA + 4, 4), 0x3938);
}

static void selector(void **state)
{
	struct rig *r = *state;

	/* Bit 14 asks for writing, which is no more. */
	assert_string_equal(read_text(r, OPT | 0x4000, 3), "012");
	assert_string_equal(read_text(r, OPT, 3), "012");
	/* Of an item that is not there comes nothing. */
	select_key(r, 0x1234);
	assert_int_equal(read_data(r, 8), 0);
	/* It is written as 16 bits, or not at all, and never read. */
	select_key(r, OPT);
	mmio_bus_write(&r->bus, SELECTOR, 0, 1);
	mmio_bus_write(&r->bus, SELECTOR, 0, 4);
	mmio_bus_write(&r->bus, SELECTOR, 0, 8);
	mmio_bus_write(&r->bus, SELECTOR + 2, 0, 2);
	assert_int_equal(read_data(r, 1), '0');
	assert_int_equal(mmio_bus_read(&r->bus, SELECTOR, 2), 0);
	assert_int_equal(read_data(r, 1), '1');
}

static void writes_to_data_are_ignored(void **state)
{
	struct rig *r = *state;

	select_key(r, OPT | 0x4000);
	mmio_bus_write(&r->bus, DATA, 0x41, 1);
	mmio_bus_write(&r->bus, DATA, 0x41, 8);
	assert_string_equal(read_text(r, OPT, 10), "0123456789");
}

/* Over the border of two registers there is nothing. */
static void straddling(void **state)
{
	struct rig *r = *state;

	select_key(r, OPT);
	assert_int_equal(mmio_bus_read(&r->bus, DATA + 4, 8), 0);
	assert_int_equal(mmio_bus_read(&r->bus, SELECTOR + 4, 8), 0);
	assert_int_equal(read_data(r, 1), '0');
}

static void dma_reads(void **state)
{
	struct rig *r = *state;

	assert_int_equal(dma(r, KEY(OPT) | READ, 4, RAM + ALONG), 0);
	assert_memory_equal(r->ram + ALONG, "0123\xa5", 5);
	/* On from there, into the other region; zeros after the end. */
	assert_int_equal(dma(r, READ, 8, HIGH + 16), 0);
	assert_memory_equal(r->high + 15,
			    "\xa5"
			    "456789\0\0\xa5",
			    10);
	assert_int_equal(dma(r, READ, 1, HIGH), 0);
	assert_int_equal(r->high[0], 0);
	/* Registers and DMA move the same offset. */
	assert_int_equal(dma(r, KEY(OPT) | READ, 1, RAM + ALONG), 0);
	assert_int_equal(read_data(r, 1), '1');
}

static void dma_of_nothing(void **state)
{
	struct rig *r = *state;

	assert_int_equal(dma(r, KEY(0x1234) | READ, 4, RAM + ALONG), 0);
	assert_memory_equal(r->ram + ALONG, "\0\0\0\0\xa5", 5);
	/* No bytes, no address. */
	assert_int_equal(dma(r, KEY(OPT) | READ, 0, 0), 0);
	assert_int_equal(dma(r, WRITE, 0, 0), 0);
	/* No command. */
	assert_int_equal(dma(r, 0xff000000, 4, RAM + ALONG), 0);
	assert_int_equal(read_data(r, 1), '0');
}

static void dma_skips(void **state)
{
	struct rig *r = *state;

	assert_int_equal(dma(r, KEY(OPT) | SKIP, 3, 0), 0);
	assert_int_equal(read_data(r, 1), '3');
	assert_int_equal(dma(r, SKIP, 5, 0), 0);
	assert_int_equal(read_data(r, 1), '9');
	/* Not past the end, nor around. */
	assert_int_equal(dma(r, KEY(OPT) | SKIP, UINT32_MAX, 0), 0);
	assert_int_equal(dma(r, SKIP, UINT32_MAX, 0), 0);
	assert_int_equal(dma(r, SKIP, 1, 0), 0);
	assert_int_equal(read_data(r, 8), 0);
	/* Reading comes before skipping. */
	assert_int_equal(dma(r, KEY(OPT) | READ | SKIP, 2, RAM + ALONG), 0);
	assert_int_equal(read_data(r, 1), '2');
}

static void dma_selects_alone(void **state)
{
	struct rig *r = *state;

	assert_int_equal(dma(r, KEY(OPT), 0, 0), 0);
	assert_int_equal(read_data(r, 1), '0');
	assert_int_equal(dma(r, KEY(OPT | 0x4000), 7, 1), 0);
	assert_int_equal(read_data(r, 1), '0');
}

/* Two halves, the low one starts; the high one is zero again then. */
static void dma_by_halves(void **state)
{
	struct rig *r = *state;

	put_access(r, HIGH, KEY(OPT) | READ, 2, RAM + ALONG);
	mmio_bus_write(&r->bus, DMA, htobe32(HIGH >> 32), 4);
	assert_int_equal(get_control(r, HIGH), KEY(OPT) | READ);
	mmio_bus_write(&r->bus, DMA + 4, htobe32((u32)HIGH), 4);
	assert_int_equal(get_control(r, HIGH), 0);
	assert_memory_equal(r->ram + ALONG, "01\xa5", 3);

	put_access(r, RAM, READ, 2, RAM + ALONG);
	mmio_bus_write(&r->bus, DMA + 4, htobe32(RAM), 4);
	assert_int_equal(get_control(r, RAM), 0);
	assert_memory_equal(r->ram + ALONG, "23\xa5", 3);

	/* Other widths are none of the register's. */
	put_access(r, RAM, READ, 2, RAM + ALONG);
	mmio_bus_write(&r->bus, DMA + 4, htobe16(1), 2);
	mmio_bus_write(&r->bus, DMA + 7, 0, 1);
	mmio_bus_write(&r->bus, DMA + 2, htobe32(RAM), 4);
	mmio_bus_write(&r->bus, DATA, htobe64(RAM), 8);
	mmio_bus_write(&r->bus, SELECTOR, htobe64(RAM), 8);
	assert_int_equal(get_control(r, RAM), READ);
	assert_int_equal(r->fw->stats.transfers, 2);
}

/* What is not RAM, or not all of it, gets the error bit and is left alone. */
static void dma_out_of_ram(void **state)
{
	static const struct {
		u64 addr;
		u32 len;
	} bad[] = {
		{ 0, 4 },
		{ BASE, 4 },
		{ RAM - 1, 4 },
		{ RAM + RAM_SIZE - 3, 4 },
		{ RAM + RAM_SIZE, 1 },
		{ RAM + ALONG, UINT32_MAX },
		{ UINT64_MAX, 1 },
		{ UINT64_MAX - 3, UINT32_MAX },
		{ HIGH + RAM_SIZE - 1, 2 },
	};
	struct rig *r = *state;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_int_equal(dma(r, KEY(OPT) | READ, bad[i].len,
				     bad[i].addr),
				 ERROR);
		/* The selection counts, and nothing was taken. */
		assert_int_equal(read_data(r, 1), '0');
	}
	assert_int_equal(r->fw->stats.errors, ARRAY_SIZE(bad));
	assert_memory_equal(r->ram + RAM_SIZE - 3, "\xa5\xa5\xa5", 3);
	assert_int_equal(r->high[RAM_SIZE - 1], 0xa5);
	/* Up to the last byte is in it. */
	assert_int_equal(dma(r, KEY(OPT) | READ, 3, RAM + RAM_SIZE - 3), 0);
	assert_memory_equal(r->ram + RAM_SIZE - 3, "012", 3);
}

/* A structure that is not in RAM; only its control word can be answered. */
static void access_out_of_ram(void **state)
{
	static const u64 bad[] = { 0,	       BASE,
				   RAM - 8,    RAM + RAM_SIZE,
				   UINT64_MAX, UINT64_MAX - 7 };
	struct rig *r = *state;
	u32 word = htobe32(KEY(OPT) | READ);

	select_key(r, OPT);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		mmio_bus_write(&r->bus, DMA, htobe64(bad[i]), 8);
	assert_int_equal(r->fw->stats.errors, ARRAY_SIZE(bad));
	for (u32 i = 0; i < RAM_SIZE; i++)
		assert_int_equal(r->ram[i], 0xa5);

	memcpy(r->ram + RAM_SIZE - 12, &word, sizeof(word));
	mmio_bus_write(&r->bus, DMA, htobe64(RAM + RAM_SIZE - 12), 8);
	assert_int_equal(get_control(r, RAM + RAM_SIZE - 12), ERROR);
	assert_int_equal(dma_at(r, RAM + RAM_SIZE - 16, READ, 1, RAM), 0);
	assert_int_equal(r->ram[0], '0');
}

/* Data over the structure itself: the answer comes last. */
static void dma_onto_itself(void **state)
{
	struct rig *r = *state;

	assert_int_equal(dma(r, KEY(OPT) | READ, 10, RAM), 0);
	assert_memory_equal(r->ram,
			    "\0\0\0\0"
			    "456789",
			    10);
}

/* No item can be written; one that is not there cannot either. */
static void dma_writes(void **state)
{
	struct rig *r = *state;

	assert_int_equal(dma(r, KEY(OPT) | WRITE, 1, RAM + ALONG), ERROR);
	assert_int_equal(dma(r, WRITE, UINT32_MAX, RAM + ALONG), ERROR);
	assert_int_equal(dma(r, KEY(0x1234) | WRITE, 1, RAM + ALONG), ERROR);
	assert_int_equal(r->fw->stats.errors, 3);
	assert_string_equal(read_text(r, OPT, 10), "0123456789");
	/* Reading comes before writing; of nothing, there is no error. */
	assert_int_equal(dma(r, KEY(OPT) | READ | WRITE, 1, RAM + ALONG), 0);
	assert_int_equal(dma(r, WRITE, 0, RAM + ALONG), 0);
}

static void reset(void **state)
{
	struct rig *r = *state;

	select_key(r, OPT);
	read_data(r, 4);
	mmio_bus_write(&r->bus, DMA, htobe32(HIGH >> 32), 4);
	r->fw->dev.ops->reset(&r->fw->dev);
	assert_int_equal(read_data(r, 4), 0x554d4551);
	put_access(r, RAM, KEY(OPT) | READ, 1, RAM + ALONG);
	mmio_bus_write(&r->bus, DMA + 4, htobe32(RAM), 4);
	assert_int_equal(get_control(r, RAM), 0);
}

static void statistics(void **state)
{
	struct rig *r = *state;
	char *text = NULL;
	size_t size;
	struct json_writer json = { .out = open_memstream(&text, &size) };

	read_text(r, OPT, 3);
	dma(r, KEY(OPT) | READ, 40, RAM + ALONG);
	dma(r, READ, 1, 0);
	json_begin_object(&json, NULL);
	r->fw->dev.ops->stats(&r->fw->dev, &json);
	json_end_object(&json);
	fclose(json.out);
	assert_string_equal(text, "{\n"
				  "  \"selects\": 2,\n"
				  "  \"bytes_read\": 13,\n"
				  "  \"dma_transfers\": 2,\n"
				  "  \"dma_errors\": 1\n"
				  "}\n");
	free(text);
}

static void node(void **state)
{
	static const u8 reg[] = { 0, 0, 0, 0, 9, 2, 0, 0,
				  0, 0, 0, 0, 0, 0, 0, 0x18 };
	struct rig *r = *state;
	struct fdt_writer fdt;
	const void *value;
	void *blob;
	size_t size;
	int at, len;

	assert_int_equal(fdt_writer_init(&fdt), 0);
	r->fw->dev.ops->fdt_node(&r->fw->dev, &fdt);
	assert_int_equal(fdt_writer_finish(&fdt, &blob, &size), 0);
	at = fdt_path_offset(blob, "/fw-cfg@9020000");
	assert_true(at > 0);
	assert_int_equal(
		fdt_node_check_compatible(blob, at, "qemu,fw-cfg-mmio"), 0);
	value = fdt_getprop(blob, at, "reg", &len);
	assert_int_equal(len, sizeof(reg));
	assert_memory_equal(value, reg, sizeof(reg));
	assert_non_null(fdt_getprop(blob, at, "dma-coherent", &len));
	assert_int_equal(len, 0);
	free(blob);
}

/* A bus that has no place leaves nothing behind. */
static void place_taken(void **state)
{
	struct rig *r = *state;
	const struct fw_cfg_params params = { .name = "second",
					      .base = BASE + 0x10,
					      .ram = &r->mem };
	struct fw_cfg *second;

	log_set_level(LOG_LEVEL_ERROR);
	assert_int_equal(fw_cfg_create(&params, &r->bus, &second), -EEXIST);
	log_set_level(LOG_LEVEL_INFO);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, rig_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(signature),
		TEST(features),
		TEST(widths),
		TEST(selector),
		TEST(writes_to_data_are_ignored),
		TEST(straddling),
		TEST(dma_reads),
		TEST(dma_of_nothing),
		TEST(dma_skips),
		TEST(dma_selects_alone),
		TEST(dma_by_halves),
		TEST(dma_out_of_ram),
		TEST(access_out_of_ram),
		TEST(dma_onto_itself),
		TEST(dma_writes),
		TEST(reset),
		TEST(statistics),
		TEST(node),
		TEST(place_taken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
