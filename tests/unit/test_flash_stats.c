/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: vmm/worker.c vmm/thread.c */
/* SOURCES: disk/format.c disk/decode.c disk/qcow2_*.c */
/* SOURCES: hw/flash/operation.c hw/cfi_flash_stats.c */
/* SOURCES: hw/cfi_flash.c hw/cfi_chip.c hw/flash/store.c hw/flash/open.c */
/* SOURCES: hw/flash/file.c hw/flash/template.c hw/flash/fault.c util/file.c */
/* SOURCES: util/gzip.c util/json.c vmm/fdt.c vmm/mmio.c */
/* SOURCES: vmm/mmio_ring.c vmm/evloop.c */
/* SOURCES: tests/unit/bank_fixture.c tests/unit/flash_fixture.c */
/* WRAP: pwrite fdatasync ioctl */
/* What a flash bank counts. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bank_fixture.h"
#include "lkvm/util/json.h"

static u64 stat_of(const char *json, const char *name)
{
	char key[64];
	const char *at;

	snprintf(key, sizeof(key), "\"%s\":", name);
	at = strstr(json, key);
	if (!at)
		fail_msg("no %s in %s", name, json);
	return strtoull(at + strlen(key), NULL, 0);
}

/* What the bank reports, to be freed. */
static char *bank_stats(void)
{
	char *text = NULL;
	size_t len = 0;
	struct json_writer json = { .out = open_memstream(&text, &len) };

	json_begin_object(&json, NULL);
	flash->dev.ops->stats(&flash->dev, &json);
	json_end_object(&json);
	fclose(json.out);
	return text;
}

static void stats(void **state)
{
	char *text;

	(void)state;
	program(0, 0);	/* 2 writes, 1 in the file */
	program(0, 0);	/* nothing to change */
	erase(0x10000); /* 2 writes, 16 in the file */
	erase(0x10000); /* blank already */
	cmd(0, 0xbc);	/* 2 writes, no erase */
	cmd(0x10000, 0xd0);
	buffer_program(0xfc0, 0, 32); /* 35 writes, over two pages */
	wr_len(0, 0, 1);
	rd(0, 8);
	rd(0, 1);
	fake.pwrite = EIO;
	program(0x100, 0);
	text = bank_stats();
	assert_non_null(strstr(text, PATH));
	assert_int_equal(stat_of(text, "size"), SIZE);
	assert_int_equal(stat_of(text, "reads_trapped"), 2);
	assert_int_equal(stat_of(text, "writes_trapped"), 8 + 2 + 35 + 1 + 2);
	assert_int_equal(stat_of(text, "programs"), 4);
	assert_int_equal(stat_of(text, "erases"), 2);
	assert_int_equal(stat_of(text, "failures"), 1);
	assert_int_equal(stat_of(text, "file_writes"), 1 + 16 + 2 + 1);
	/* before each erase, and before what was not erased */
	assert_int_equal(stat_of(text, "syncs"), 3);
	assert_in_range(stat_of(text, "sync_ns"), 1, 1000000000);
	assert_int_equal(stat_of(text, "memslot_updates"), 2);
	assert_int_equal(stat_of(text, "lock_errors"), 0);
	free(text);
}

/* One of both chips, one that failed: each counts, what is refused does not. */
static void erases_per_block(void **state)
{
	char *text;

	(void)state;
	erase(0);
	for (int i = 0; i < 12; i++)
		erase(3 * BLOCK + 0x1234);
	wr(5 * BLOCK, 0x00ff0020);
	wr(5 * BLOCK, 0x00ff00d0);
	program(6 * BLOCK, 0);
	fake.pwrite = EIO;
	erase(15 * BLOCK);
	cmd(7 * BLOCK, 0x20);
	cmd(7 * BLOCK, 0xff);
	text = bank_stats();
	assert_int_equal(stat_of(text, "erases"), 15);
	assert_int_equal(stat_of(text, "block_size"), BLOCK);
	assert_non_null(strstr(text, "\"block_erases\": [\n"
				     "    1, 0, 0, 12, 0, 1, 0, 0, "
				     "0, 0, 0, 0, 0, 0, 0, 1\n"
				     "  ]\n"));
	free(text);
}

/* What the bank says of its blocks, to be freed. */
static char *bank_details(void)
{
	char *text = NULL;
	size_t len = 0;
	struct json_writer json = { .out = open_memstream(&text, &len),
				    .compact = true };

	json_begin_object(&json, NULL);
	flash->dev.ops->details(&flash->dev, &json);
	json_end_object(&json);
	fclose(json.out);
	return text;
}

static void map_of_blocks(void **state)
{
	char *text;

	(void)state;
	for (u64 block = 0; block < SIZE; block += BLOCK)
		erase(block);
	text = bank_details();
	assert_string_equal(text, "{\"content\":\"----------------\","
				  "\"locks\":\"----------------\"}\n");
	free(text);
	program(0, 0);
	program(4 * BLOCK - 4, 0);
	program(9 * BLOCK, 0xffffff7f);
	cmd(2 * BLOCK, 0x60); /* lock */
	cmd(2 * BLOCK, 0x01);
	wr(5 * BLOCK, 0x00600000); /* of one chip */
	wr(5 * BLOCK, 0x00010000);
	cmd(6 * BLOCK, 0x60); /* lock down */
	cmd(6 * BLOCK, 0x2f);
	text = bank_details();
	assert_string_equal(text, "{\"content\":\"#--#-----#------\","
				  "\"locks\":\"--l--ld---------\"}\n");
	free(text);
	erase(0);
	/* Whoever has the lock may be waiting for the medium. */
	pthread_mutex_lock(flash->lock);
	text = bank_details();
	pthread_mutex_unlock(flash->lock);
	assert_string_equal(text, "{\"content\":\"????????????????\","
				  "\"locks\":\"????????????????\"}\n");
	free(text);
}

/* Accesses of batches are told apart, and those that KVM took. */
static void ways_of_access(void **state)
{
	char *text;

	(void)state;
	program(0, 0); /* 2 writes */
	rd(0, 4);
	rd(0, 4);
	flash->stats.absorbed = 7;
	atomic_store(&flash->region.batched_reads, 1);
	atomic_store(&flash->region.batched_writes, 2);
	text = bank_stats();
	assert_int_equal(stat_of(text, "reads_trapped"), 1);
	assert_int_equal(stat_of(text, "reads_batched"), 1);
	assert_int_equal(stat_of(text, "writes_trapped"), 0);
	assert_int_equal(stat_of(text, "writes_batched"), 2);
	assert_int_equal(stat_of(text, "writes_absorbed"), 7);
	free(text);

	/* Those that KVM cannot describe count, too, each once. */
	assert_false(flash->region.ops->no_syndrome(&flash->region, 0, false));
	assert_false(flash->region.ops->no_syndrome(&flash->region, 0, true));
	flash->region.ops->refused(&flash->region, 0, false);
	flash->region.ops->refused(&flash->region, 0, false);
	flash->region.ops->refused(&flash->region, 0, true);
	text = bank_stats();
	assert_int_equal(stat_of(text, "reads_trapped"), 3);
	assert_int_equal(stat_of(text, "writes_trapped"), 1);
	free(text);

	atomic_store(&flash->region.batched_reads, 9);
	text = bank_stats();
	assert_int_equal(stat_of(text, "reads_trapped"), 0);
	free(text);
}

/* Whoever has the lock may be waiting for the medium. */
static void no_lock_is_waited_for(void **state)
{
	char *text;

	(void)state;
	program(0, 0);
	alarm(60);
	pthread_mutex_lock(flash->lock);
	text = bank_stats();
	alarm(0);
	pthread_mutex_unlock(flash->lock);
	assert_int_equal(stat_of(text, "programs"), 1);
	free(text);
}

/* Once for both chips; a lock that is set or tested is none. */
static void lock_errors(void **state)
{
	char *text;

	(void)state;
	cmd(BLOCK, 0x60);
	cmd(BLOCK, 0x01);
	program(BLOCK, 0);
	buffer_program(BLOCK, 0, 4);
	erase(BLOCK);
	wr(BLOCK, 0x00ff0020); /* chip 0 alone */
	wr(BLOCK, 0x00ff00d0);
	cmd(BLOCK, 0xc0); /* a register that is locked for good */
	cmd(BLOCK, 0);
	erase(0);
	cmd(BLOCK, 0xbc); /* a blank check, which changes nothing */
	cmd(BLOCK, 0xd0);
	text = bank_stats();
	assert_int_equal(stat_of(text, "lock_errors"), 5);
	assert_int_equal(stat_of(text, "programs"), 0);
	assert_int_equal(stat_of(text, "erases"), 1);
	assert_int_equal(stat_of(text, "failures"), 0);
	free(text);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		BANK_TEST(stats),
		BANK_TEST(erases_per_block),
		BANK_TEST(lock_errors),
		BANK_TEST(ways_of_access),
		BANK_TEST(no_lock_is_waited_for),
		BANK_TEST(map_of_blocks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
