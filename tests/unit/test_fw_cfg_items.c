/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: hw/fw_cfg/fw_cfg.c hw/fw_cfg/items.c vmm/mmio.c vmm/gmem.c */
/* SOURCES: vmm/fdt.c */
/* SOURCES: util/log.c util/output.c util/json.c tests/unit/fw_cfg_rig.c */
/* WRAP: realloc */
/* fw_cfg as the machine fills it: keys, names, the directory, ownership. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fw_cfg_rig.h"

static unsigned int nr_released;
static unsigned int reallocs_until_failure;

void *__real_realloc(void *p, size_t size);
void *__wrap_realloc(void *p, size_t size);

void *__wrap_realloc(void *p, size_t size)
{
	if (reallocs_until_failure && !--reallocs_until_failure)
		return NULL;
	return __real_realloc(p, size);
}

static int setup(void **state)
{
	nr_released = 0;
	reallocs_until_failure = 0;
	return rig_setup(state);
}

static void count_release(void *opaque)
{
	assert_string_equal(opaque, "owner");
	nr_released++;
}

/* Not a copy: what is seen later is what is there then. */
static char shared[] = "kernel";
static char owner[] = "owner";
static const struct fw_cfg_data borrowed = {
	.bytes = shared, .len = 6, .release = count_release, .opaque = owner
};

static void numbers(void **state)
{
	struct rig *r = *state;

	assert_int_equal(fw_cfg_add_u16(r->fw, FW_CFG_BOOT_MENU, 0x1234), 0);
	assert_int_equal(fw_cfg_add_u32(r->fw, FW_CFG_KERNEL_SIZE, 0x12345678),
			 0);
	select_key(r, FW_CFG_BOOT_MENU);
	assert_int_equal(read_data(r, 8), 0x1234);
	select_key(r, FW_CFG_KERNEL_SIZE);
	assert_int_equal(read_data(r, 8), 0x12345678);
}

static void strings(void **state)
{
	struct rig *r = *state;

	assert_int_equal(fw_cfg_add_string(r->fw, FW_CFG_CMDLINE_DATA, "ro"),
			 0);
	select_key(r, FW_CFG_CMDLINE_DATA);
	assert_int_equal(read_data(r, 2), 'r' | 'o' << 8);
	read_data(r, 8);
	assert_int_equal(r->fw->stats.bytes_read, 3);
}

static void no_copy(void **state)
{
	struct rig *r = *state;

	assert_int_equal(fw_cfg_add(r->fw, FW_CFG_KERNEL_DATA, &borrowed), 0);
	shared[0] = 'K';
	assert_string_equal(read_text(r, FW_CFG_KERNEL_DATA, 6), "Kernel");
	shared[0] = 'k';
	assert_int_equal(nr_released, 0);
}

/* Added and destroyed, each is released once. */
static int teardown_counts(void **state)
{
	rig_teardown(state);
	assert_int_equal(nr_released, 2);
	return 0;
}

static void release(void **state)
{
	struct rig *r = *state;

	assert_int_equal(fw_cfg_add(r->fw, FW_CFG_KERNEL_DATA, &borrowed), 0);
	assert_int_equal(fw_cfg_add_file(r->fw, "a", &borrowed), 0);
	assert_int_equal(nr_released, 0);
}

static void release_after_failure(void **state)
{
	struct rig *r = *state;
	struct fw_cfg_data large = borrowed;

	large.len = 0x100000000;
	assert_int_equal(fw_cfg_add(r->fw, FW_CFG_SIGNATURE, &borrowed),
			 -EEXIST);
	assert_int_equal(fw_cfg_add(r->fw, FW_CFG_KERNEL_DATA, &large), -EFBIG);
	assert_int_equal(fw_cfg_add_file(r->fw, "", &borrowed), -EINVAL);
	assert_int_equal(fw_cfg_add_file(r->fw, "a", &large), -EFBIG);
	assert_int_equal(nr_released, 4);
	large.len--;
	assert_int_equal(fw_cfg_add_file(r->fw, "a", &large), 0);
}

static void keys(void **state)
{
	static const u16 bad[] = {
		FW_CFG_FIRST_FILE, 0x3fff, 0x4000, 0x7fff, 0xc000, 0xffff
	};
	static const u16 taken[] = { FW_CFG_SIGNATURE, FW_CFG_FEATURES,
				     FW_CFG_DIRECTORY, 0xbfff };
	struct rig *r = *state;

	assert_int_equal(fw_cfg_add_u16(r->fw, 0xbfff, 1), 0);
	assert_int_equal(fw_cfg_add_u16(r->fw, FW_CFG_FIRST_FILE - 1, 1), 0);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(fw_cfg_add_u16(r->fw, bad[i], 1), -EINVAL);
	for (size_t i = 0; i < ARRAY_SIZE(taken); i++)
		assert_int_equal(fw_cfg_add_u16(r->fw, taken[i], 1), -EEXIST);
}

static void no_files(void **state)
{
	struct rig *r = *state;

	select_key(r, FW_CFG_DIRECTORY);
	read_data(r, 8);
	assert_int_equal(r->fw->stats.bytes_read, 4);
	assert_int_equal(mmio_bus_read(&r->bus, DATA, 4), 0);
}

static u32 be(const u8 *p, unsigned int len)
{
	u32 value = 0;

	while (len--)
		value = value << 8 | *p++;
	return value;
}

/* The directory's entry `i`; `key` and `len` as it says. */
static const char *entry(struct rig *r, u32 i, u32 *key, u32 *len)
{
	const u8 *at = r->ram + 0x100 + 4 + 64 * i;

	assert_int_equal(
		dma(r, KEY(FW_CFG_DIRECTORY) | READ, 0x3000, RAM + 0x100), 0);
	assert_true(i < be(r->ram + 0x100, 4));
	*len = be(at, 4);
	*key = be(at + 4, 2);
	assert_int_equal(be(at + 6, 2), 0);
	assert_int_equal(at[8 + 55], 0);
	return (const char *)at + 8;
}

/* Sorted by name, whatever came first; the keys follow. */
static void directory(void **state)
{
	static const char *const names[] = { "opt/b", "etc/x", "opt/a", "opt",
					     "opt/ab" };
	static const char *const sorted[] = { "etc/x", "opt", "opt/a", "opt/ab",
					      "opt/b" };
	struct rig *r = *state;
	u32 key, len;

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		assert_int_equal(fw_cfg_add_file_bytes(r->fw, names[i],
						       names[i],
						       strlen(names[i])),
				 0);
		/* Keys of other kinds are not in the way. */
		assert_int_equal(fw_cfg_add_u16(r->fw, 2 + (u16)i, 0), 0);
	}
	for (u32 i = 0; i < ARRAY_SIZE(sorted); i++) {
		assert_string_equal(entry(r, i, &key, &len), sorted[i]);
		assert_int_equal(key, FW_CFG_FIRST_FILE + i);
		assert_int_equal(len, strlen(sorted[i]));
		assert_string_equal(read_text(r, (u16)key, len), sorted[i]);
	}
	select_key(r, FW_CFG_FIRST_FILE + ARRAY_SIZE(sorted));
	assert_int_equal(read_data(r, 8), 0);
	/* The first item is still what a guest starts with. */
	assert_int_equal(fw_cfg_add_u16(r->fw, 10, 0), 0);
	assert_int_equal(read_data(r, 4), 0x554d4551);
}

static void names(void **state)
{
	static const char name55[] =
		"opt/3456789012345678901234567890123456789012345678901/5";
	static const char *const bad[] = { "",	  " ",	      "a b",
					   "a\n", "\xc3\xa4", "a\x7f" };
	char name56[] = "opt/345678901234567890123456789012345678901234567890"
			"1/56";
	struct rig *r = *state;
	u32 key, len;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_int_equal(fw_cfg_check_name(bad[i]), -EINVAL);
		assert_int_equal(fw_cfg_add_file_bytes(r->fw, bad[i], "", 0),
				 -EINVAL);
	}
	assert_int_equal(strlen(name55), 55);
	assert_int_equal(strlen(name56), 56);
	assert_int_equal(fw_cfg_add_file_bytes(r->fw, name56, "", 0),
			 -ENAMETOOLONG);
	assert_int_equal(fw_cfg_add_file_bytes(r->fw, name55, "", 0), 0);
	assert_string_equal(entry(r, 0, &key, &len), name55);
	assert_int_equal(len, 0);
	/* Twice the same is refused. */
	assert_int_equal(fw_cfg_add_file_bytes(r->fw, name55, "x", 1), -EEXIST);
	assert_int_equal(r->fw->nr_files, 1);
}

static void many(void **state)
{
	struct rig *r = *state;
	char name[16];

	for (u32 i = 0; i < FW_CFG_MAX_FILES; i++) {
		snprintf(name, sizeof(name), "%u", i * 7919 % 10007);
		assert_int_equal(fw_cfg_add_file_bytes(r->fw, name, &i, 4), 0);
	}
	assert_int_equal(fw_cfg_add_file_bytes(r->fw, "x", "", 0), -ENOSPC);
	select_key(r, FW_CFG_DIRECTORY);
	assert_int_equal(read_data(r, 4), 0x00010000);
}

/* Without memory nothing is added, and the next attempt works. */
static void no_memory(void **state)
{
	struct rig *r = *state;
	u32 key, len;

	assert_int_equal(fw_cfg_add_file_bytes(r->fw, "b", "b", 1), 0);
	for (unsigned int i = 1; i <= 2; i++) {
		reallocs_until_failure = i;
		assert_int_equal(fw_cfg_add_file_bytes(r->fw, "a", "a", 1),
				 -ENOMEM);
		assert_int_equal(reallocs_until_failure, 0);
		assert_string_equal(entry(r, 0, &key, &len), "b");
		assert_int_equal(be(r->ram + 0x100, 4), 1);
	}
	reallocs_until_failure = 1;
	assert_int_equal(fw_cfg_add_u16(r->fw, 2, 1), -ENOMEM);
	assert_int_equal(fw_cfg_add_file_bytes(r->fw, "a", "a", 1), 0);
	assert_string_equal(entry(r, 0, &key, &len), "a");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, rig_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(numbers),
		TEST(strings),
		TEST(no_copy),
		cmocka_unit_test_setup_teardown(release, setup,
						teardown_counts),
		TEST(release_after_failure),
		TEST(keys),
		TEST(no_files),
		TEST(directory),
		TEST(names),
		TEST(many),
		TEST(no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
