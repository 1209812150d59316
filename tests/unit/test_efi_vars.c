/* SPDX-License-Identifier: GPL-2.0-or-later */
/* clang-format off */
/* SOURCES: efi/vars.c efi/ftw.c efi/guid.c efi/text.c util/json.c */
/* SOURCES: tests/unit/efi_fixture.c */
/* clang-format on */
/* Variable stores: which records count, and what damage does. */
#include <stdlib.h>
#include <string.h>

#include "efi_fixture.h"
#include "lkvm/efi/text.h"

#define HALF	0x7f
#define ADDED	0x3f
#define LEAVING 0x3e
#define DELETED 0x3d

static struct maker maker;
static struct efi_var_list list;
static struct efi_ftw ftw;

static int teardown(void **state)
{
	(void)state;
	efi_var_list_free(&list);
	return 0;
}

static void read_maker(void)
{
	const char *problem =
		read_image(maker.data, sizeof(maker.data), &list, &ftw);

	if (problem)
		fail_msg("%s", problem);
}

static void add(u8 state, const char *name, const char *data)
{
	make_var(&maker, state, OUR_GUID, name, data, strlen(data));
}

/* The image is not read, for a reason that holds `text`. */
static void assert_refused(const u8 *data, size_t size, const char *text)
{
	const char *problem = read_image(data, size, &list, &ftw);

	if (!problem || !strstr(problem, text))
		fail_msg("want \"%s\", got \"%s\"", text,
			 problem ? problem : "nothing");
}

static bool is_named(const struct efi_var *var, const char *name)
{
	if (!var->has_name || strlen(name) != var->name_units)
		return false;
	for (size_t i = 0; i < var->name_units; i++)
		if (efi_le16(var->name + i * 2) != (u8)name[i])
			return false;
	return true;
}

static void both_formats(void **state)
{
	(void)state;
	for (int auth = 0; auth < 2; auth++) {
		const struct efi_var *var;

		make_store(&maker, auth);
		add(ADDED, "Odd", "12345");
		add(ADDED, "Empty", "");
		read_maker();
		assert_int_equal(list.count, 2);
		var = &list.vars[0];
		assert_int_equal(var->offset, FIRST_VAR);
		assert_true(is_named(var, "Odd"));
		assert_false(is_named(var, "Od"));
		assert_false(is_named(var, "Odds"));
		assert_true(efi_guid_is(&var->guid, OUR_GUID));
		assert_int_equal(var->attributes, 7);
		assert_int_equal(var->data_size, 5);
		assert_memory_equal(var->data, "12345", 5);
		assert_true(is_named(&list.vars[1], "Empty"));
		assert_int_equal(list.vars[1].data_size, 0);
		efi_var_list_free(&list);
	}
}

static void states_of_one_record(void **state)
{
	static const struct {
		u8 byte;
		enum efi_var_state want;
	} cases[] = {
		{ 0xff, EFI_VAR_HALF_WRITTEN }, { 0x7f, EFI_VAR_HALF_WRITTEN },
		{ 0x3f, EFI_VAR_LIVE },		{ 0x3e, EFI_VAR_REPLACING },
		{ 0x3d, EFI_VAR_DELETED },	{ 0x3c, EFI_VAR_DELETED },
		{ 0x7d, EFI_VAR_DELETED },	{ 0x7c, EFI_VAR_DELETED },
		{ 0x00, EFI_VAR_UNKNOWN },	{ 0x1f, EFI_VAR_UNKNOWN },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		make_store(&maker, true);
		add(cases[i].byte, "V", "data");
		read_maker();
		assert_int_equal(list.count, 1);
		assert_int_equal(list.vars[0].state, cases[i].want);
		assert_int_equal(list.vars[0].has_name, cases[i].byte <= ADDED);
		efi_var_list_free(&list);
	}
}

/* Each letter adds a record of V; its number is the one that counts. */
static void which_counts(void **state)
{
	static const struct {
		const char *records;
		int live;
	} cases[] = {
		{ "A", 0 },   { "L", 0 },    { "LA", 1 },    { "AL", 0 },
		{ "LL", 1 },  { "LLA", 2 },  { "LAL", 1 },   { "AA", 0 },
		{ "DDA", 2 }, { "DHU", -1 }, { "LDLHD", 2 }, { "LLAL", 2 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		make_store(&maker, true);
		/* Neighbours in name and in GUID are others. */
		add(ADDED, "U", "x");
		make_var(&maker, LEAVING, EFI_GUID_GLOBAL, "V", "x", 1);
		add(LEAVING, "VV", "x");
		for (const char *c = cases[i].records; *c; c++)
			add(*c == 'A'	? ADDED
			    : *c == 'L' ? LEAVING
			    : *c == 'D' ? DELETED
			    : *c == 'H' ? HALF
					: 0,
			    "V", "y");
		read_maker();
		for (size_t j = 0; j < 3; j++)
			assert_true(efi_var_is_live(&list.vars[j]));
		for (size_t j = 3; j < list.count; j++)
			if (efi_var_is_live(&list.vars[j]) !=
			    ((int)j - 3 == cases[i].live))
				fail_msg("%s: record %zu", cases[i].records,
					 j - 3);
		efi_var_list_free(&list);
	}
}

static void names_of_those_that_lost(void **state)
{
	(void)state;
	make_store(&maker, true);
	add(LEAVING, "V", "1");
	add(ADDED, "V", "2");
	add(ADDED, "V", "3");
	read_maker();
	assert_int_equal(list.vars[0].state, EFI_VAR_REPLACED);
	assert_int_equal(list.vars[1].state, EFI_VAR_LIVE);
	assert_int_equal(list.vars[2].state, EFI_VAR_DUPLICATE);
	assert_string_equal(efi_var_state_name(list.vars[2].state),
			    "duplicate");
}

/* The header alone is passed over, whatever its sizes would say. */
static void half_written_header(void **state)
{
	(void)state;
	for (int auth = 0; auth < 2; auth++) {
		const size_t erased[] = { 4, NAME_SIZE_AT(auth),
					  DATA_SIZE_AT(auth) };

		for (size_t i = 0; i < ARRAY_SIZE(erased); i++) {
			size_t at;

			make_store(&maker, auth);
			at = make_var(&maker, ADDED, OUR_GUID, "", "", 0);
			put_le32(maker.data + at + erased[i], 0xffffffff);
			maker.at = at + RECORD_SIZE(auth);
			add(ADDED, "Next", "n");
			read_maker();
			assert_int_equal(list.count, 2);
			assert_int_equal(list.vars[0].state,
					 EFI_VAR_HALF_WRITTEN);
			assert_false(list.vars[0].has_name);
			assert_true(is_named(&list.vars[1], "Next"));
			efi_var_list_free(&list);
		}
	}
}

static void bytes_add_up(void **state)
{
	(void)state;
	make_store(&maker, true);
	add(ADDED, "A", "1");
	add(DELETED, "A", "22");
	read_maker();
	assert_int_equal(list.live, 60 + 4 + 4);
	assert_int_equal(list.reclaimable, 60 + 4 + 4);
	assert_int_equal(list.damaged, 0);
	assert_true(list.free_erased);
	assert_int_equal(list.live + list.reclaimable + list.free,
			 STORE_END - FIRST_VAR);
	efi_var_list_free(&list);
	maker.data[STORE_END - 1] = 0;
	read_maker();
	assert_false(list.free_erased);
	assert_int_equal(list.count, 2);
}

static void full_store(void **state)
{
	static const u8 rest[STORE_END - FIRST_VAR - 60 - 4];

	(void)state;
	make_store(&maker, true);
	make_var(&maker, ADDED, OUR_GUID, "F", rest, sizeof(rest));
	read_maker();
	assert_int_equal(list.count, 1);
	assert_int_equal(list.free, 0);
	assert_null(list.problem);
}

/* What comes before is still there. */
static void sizes_beyond_the_end(void **state)
{
	static const u32 sizes[] = { STORE_END, 0x7fffffff, 0x80000000,
				     0xfffffffe };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(sizes) * 2; i++) {
		size_t at;

		make_store(&maker, true);
		add(ADDED, "Good", "1");
		at = make_var(&maker, ADDED, OUR_GUID, "Bad", "1", 1);
		put_le32(maker.data + at +
				 (i % 2 ? NAME_SIZE_AT(1) : DATA_SIZE_AT(1)),
			 sizes[i / 2]);
		read_maker();
		assert_int_equal(list.count, 1);
		assert_non_null(list.problem);
		assert_int_equal(list.problem_offset, at);
		assert_int_equal(list.damaged, STORE_END - at);
		efi_var_list_free(&list);
	}
	/* Both at once: their sum passes 32 bits. */
	make_store(&maker, true);
	add(ADDED, "Bad", "1");
	put_le32(maker.data + FIRST_VAR + NAME_SIZE_AT(1), 0xfffffff0);
	put_le32(maker.data + FIRST_VAR + DATA_SIZE_AT(1), 0x20);
	read_maker();
	assert_int_equal(list.count, 0);
	assert_non_null(list.problem);
}

static void name_without_end(void **state)
{
	size_t at;

	(void)state;
	make_store(&maker, true);
	at = make_var(&maker, ADDED, OUR_GUID, "Name", "data", 4);
	put_le32(maker.data + at + NAME_SIZE_AT(1), 5);
	read_maker();
	assert_int_equal(list.count, 1);
	assert_true(is_named(&list.vars[0], "Na"));
	assert_int_equal(list.vars[0].data_size, 4);
}

static void bad_volumes(void **state)
{
	u8 *p = maker.data;

	(void)state;
	assert_refused(p, 0, "empty");
	memset(p, 0xff, sizeof(maker.data));
	assert_refused(p, sizeof(maker.data), "erased");
	memset(p, 0, sizeof(maker.data));
	assert_refused(p, sizeof(maker.data), "no firmware volume");
	make_store(&maker, true);
	p[8]++;
	assert_refused(p, sizeof(maker.data), "checksum");
	make_store(&maker, true);
	put_guid(p + 16, "8c8ce578-8a3d-4f1c-9935-896185c32dd3");
	fix_checksum(p);
	assert_refused(p, sizeof(maker.data), "none that keeps");
	make_store(&maker, true);
	put_le64(p + 32, VOLUME_LENGTH + 1);
	fix_checksum(p);
	assert_refused(p, sizeof(maker.data), "length does not fit");
	make_store(&maker, true);
	put_le64(p + 32, UINT64_MAX);
	fix_checksum(p);
	assert_refused(p, sizeof(maker.data), "length does not fit");
	make_store(&maker, true);
	put_le32(p + 56, VOLUME_LENGTH / 0x1000 - 1);
	fix_checksum(p);
	assert_refused(p, sizeof(maker.data), "block map");
	make_store(&maker, true);
	p[55] = 1;
	fix_checksum(p);
	assert_refused(p, sizeof(maker.data), "revision");
	for (u16 length = 0; length < 80; length++) {
		make_store(&maker, true);
		put_le16(p + 48, length);
		if (length < VOLUME_HEADER || length % 2)
			assert_refused(p, sizeof(maker.data), "wrong length");
	}
}

static void bad_stores(void **state)
{
	u8 *p = maker.data + VOLUME_HEADER;

	(void)state;
	make_store(&maker, true);
	p[0]++;
	assert_refused(maker.data, sizeof(maker.data), "unknown format");
	make_store(&maker, true);
	p[20] = 0xff;
	assert_refused(maker.data, sizeof(maker.data), "not formatted");
	make_store(&maker, true);
	p[21] = 0xfc;
	assert_refused(maker.data, sizeof(maker.data), "healthy");
	make_store(&maker, true);
	put_le32(p + 16, VOLUME_LENGTH - VOLUME_HEADER + 1);
	assert_refused(maker.data, sizeof(maker.data), "size does not fit");
	make_store(&maker, true);
	put_le32(p + 16, EFI_STORE_HEADER_SIZE - 1);
	assert_refused(maker.data, sizeof(maker.data), "size does not fit");
	make_store(&maker, true);
	memset(p, 0xff, EFI_STORE_HEADER_SIZE);
	assert_refused(maker.data, sizeof(maker.data), "no variable store");
}

/* A store of nothing but its header is empty. */
static void smallest_store(void **state)
{
	(void)state;
	make_store(&maker, true);
	put_le32(maker.data + VOLUME_HEADER + 16, EFI_STORE_HEADER_SIZE);
	read_maker();
	assert_int_equal(list.count, 0);
	assert_int_equal(list.free, 0);
}

static void volume_elsewhere(void **state)
{
	static u8 large[0x8000];
	struct efi_image image = { large, sizeof(large) };
	struct efi_volume volume;
	struct efi_store store;

	(void)state;
	make_store(&maker, true);
	add(ADDED, "Far", "away");
	memset(large, 0xff, sizeof(large));
	memcpy(large + 0x5000, maker.data, sizeof(maker.data));
	/* Not one that its first bytes only are there of. */
	memcpy(large + 0x1000, maker.data, VOLUME_HEADER);
	large[0x1000]++;
	assert_null(efi_store_find(&image, &volume, &store));
	assert_int_equal(volume.offset, 0x5000);
	assert_int_equal(store.offset, 0x5000 + VOLUME_HEADER);
	assert_int_equal(efi_var_list_read(&image, &store, &list), 0);
	assert_int_equal(list.count, 1);
	assert_int_equal(list.vars[0].offset, 0x5000 + FIRST_VAR);
	/* It has to end within the file. */
	image.size--;
	assert_string_equal(efi_store_find(&image, &volume, &store),
			    "no firmware volume header");
}

static void working_block(void **state)
{
	u8 *queue = maker.data + STORE_END + 32;

	(void)state;
	make_store(&maker, true);
	read_maker();
	assert_false(ftw.present);
	make_ftw(&maker);
	read_maker();
	assert_true(ftw.present && ftw.valid && ftw.checksum_good);
	assert_int_equal(ftw.offset, STORE_END);
	assert_int_equal(ftw.progress, EFI_FTW_IDLE);
	/* One write of one record, as far as each step goes. */
	put_le64(queue + 24, 1);
	put_le64(queue + 32, 0);
	queue[0] = 0xfe;
	read_maker();
	assert_int_equal(ftw.progress, EFI_FTW_BEGUN);
	queue[0] = 0xfc;
	read_maker();
	assert_int_equal(ftw.progress, EFI_FTW_BEGUN);
	queue[40] = 0xfd;
	read_maker();
	assert_int_equal(ftw.progress, EFI_FTW_SPARE_DONE);
	queue[40] = 0xf9;
	read_maker();
	assert_int_equal(ftw.progress, EFI_FTW_TARGET_DONE);
	assert_int_equal(ftw.writes, 0);
	queue[0] = 0xf8;
	read_maker();
	assert_int_equal(ftw.progress, EFI_FTW_IDLE);
	assert_int_equal(ftw.writes, 1);
	maker.data[STORE_END + 20] = 0xfc;
	read_maker();
	assert_false(ftw.valid);
	maker.data[STORE_END + 16]++;
	read_maker();
	assert_false(ftw.checksum_good);
}

static void damaged_working_block(void **state)
{
	static const u64 numbers[] = { 0x1000, UINT64_MAX, UINT64_MAX / 40,
				       1ULL << 63 };
	u8 *queue = maker.data + STORE_END + 32;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(numbers) * 4; i++) {
		make_store(&maker, true);
		make_ftw(&maker);
		put_le64(queue + 24, 2);
		put_le64(queue + 32, 0);
		put_le64(queue + 24 + (i & 1) * 8, numbers[i / 4]);
		queue[0] = i & 2 ? 0xf8 : 0xfc;
		queue[40] = 0xf9;
		read_maker();
		assert_int_equal(ftw.progress, EFI_FTW_DAMAGED);
		efi_var_list_free(&list);
	}
	make_ftw(&maker);
	put_le64(maker.data + STORE_END + 24, UINT64_MAX);
	read_maker();
	assert_int_equal(ftw.progress, EFI_FTW_DAMAGED);
}

/* Some of all, so that a byte anywhere may be the wrong one. */
static void make_rich(bool authenticated)
{
	make_store(&maker, authenticated);
	add(DELETED, "Old", "gone");
	add(LEAVING, "V", "old");
	add(ADDED, "V", "new");
	add(HALF, "Half", "way");
	add(0xff, "", "");
	maker.at -= 4;
	add(ADDED, "Last", "one");
	make_ftw(&maker);
	memset(maker.data + STORE_END + 32, 0, 40);
	maker.data[STORE_END + 32] = 0xf8;
}

/* ASan watches: the copy has not a byte more. */
static void read_copy(const u8 *data, size_t size)
{
	u8 *copy = malloc(size + !size);

	assert_non_null(copy);
	memcpy(copy, data, size);
	read_image(copy, size, &list, &ftw);
	assert_true(list.count < 100);
	for (size_t i = 0; i < list.count; i++)
		efi_var_compare(&list.vars[i], &list.vars[0]);
	efi_var_list_free(&list);
	free(copy);
}

static void cut_at_every_byte(void **state)
{
	(void)state;
	for (int auth = 0; auth < 2; auth++) {
		make_rich(auth);
		for (size_t size = 0; size <= sizeof(maker.data); size++)
			read_copy(maker.data, size);
	}
}

/* The same with a volume and a store that end where the file does. */
static void cut_with_the_headers(void **state)
{
	(void)state;
	for (int auth = 0; auth < 2; auth++) {
		for (size_t size = VOLUME_HEADER; size < STORE_END; size++) {
			make_rich(auth);
			put_le64(maker.data + 32, size);
			fix_checksum(maker.data);
			put_le32(maker.data + VOLUME_HEADER + 16,
				 (u32)size - VOLUME_HEADER);
			read_copy(maker.data, size);
		}
	}
}

static void every_byte_wrong(void **state)
{
	static const u8 values[] = { 0x00, 0x01, 0x7f, 0x80, 0xfe, 0xff };

	(void)state;
	for (size_t at = 0; at < STORE_END + 128; at++) {
		if (at > 1024 && at < STORE_END)
			continue;
		for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
			make_rich(true);
			maker.data[at] = values[i];
			if (at < VOLUME_HEADER)
				fix_checksum(maker.data);
			read_copy(maker.data, sizeof(maker.data));
		}
	}
}

/* A store that was made to take long: as many records as fit, all alike. */
static void a_million_records(void **state)
{
	enum {
		LENGTH = 64 << 20
	};
	u8 *large = malloc(LENGTH);
	u32 count = (LENGTH - FIRST_VAR) / RECORD_SIZE(0);

	(void)state;
	assert_non_null(large);
	make_store(&maker, false);
	memcpy(large, maker.data, FIRST_VAR);
	put_le64(large + 32, LENGTH);
	put_le32(large + 56, LENGTH / 0x1000);
	fix_checksum(large);
	put_le32(large + VOLUME_HEADER + 16, LENGTH - VOLUME_HEADER);
	for (u32 i = 0; i < count; i++) {
		u8 *p = large + FIRST_VAR + (u64)i * RECORD_SIZE(0);

		memset(p, 0, RECORD_SIZE(0));
		put_le16(p, 0x55aa);
		p[2] = LEAVING;
	}
	assert_null(read_image(large, LENGTH, &list, &ftw));
	assert_int_equal(list.count, count);
	assert_int_equal(list.live, RECORD_SIZE(0));
	assert_int_equal(list.vars[count - 1].state, EFI_VAR_REPLACING);
	efi_var_list_free(&list);
	free(large);
}

static void order(void **state)
{
	(void)state;
	make_store(&maker, true);
	add(ADDED, "B", "");
	add(ADDED, "A", "");
	add(ADDED, "AB", "");
	make_var(&maker, ADDED, EFI_GUID_GLOBAL, "A", "", 0);
	read_maker();
	assert_true(efi_var_compare(&list.vars[0], &list.vars[1]) > 0);
	assert_true(efi_var_compare(&list.vars[1], &list.vars[2]) < 0);
	assert_true(efi_var_compare(&list.vars[2], &list.vars[0]) < 0);
	assert_int_not_equal(efi_var_compare(&list.vars[1], &list.vars[3]), 0);
	assert_int_equal(efi_var_compare(&list.vars[1], &list.vars[1]), 0);
}

static void guids(void **state)
{
	static const char *const bad[] = {
		"",
		"globa",
		"8be4df61-93ca-11d2-aa0d-00e098032b8",
		"8be4df61-93ca-11d2-aa0d-00e098032b8c0",
		"8be4df61 93ca-11d2-aa0d-00e098032b8c",
		"8be4df61-93ca-11d2-aa0d-00e098032b8g",
		"8be4df6193ca11d2aa0d00e098032b8c",
	};
	struct efi_guid guid, other;
	char text[EFI_GUID_TEXT_SIZE];

	(void)state;
	assert_int_equal(efi_guid_parse("8BE4DF61-93ca-11d2-AA0D-00e098032b8c",
					&guid),
			 0);
	efi_guid_format(&guid, text);
	assert_string_equal(text, EFI_GUID_GLOBAL);
	assert_memory_equal(guid.bytes, "\x61\xdf\xe4\x8b\xca\x93\xd2\x11", 8);
	assert_string_equal(efi_guid_name(&guid), "global");
	assert_int_equal(efi_guid_parse("Global", &other), 0);
	assert_memory_equal(&guid, &other, sizeof(guid));
	assert_int_equal(efi_guid_parse(OUR_GUID, &other), 0);
	assert_null(efi_guid_name(&other));
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_not_equal(efi_guid_parse(bad[i], &guid), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_formats),
		cmocka_unit_test(states_of_one_record),
		cmocka_unit_test(which_counts),
		cmocka_unit_test_teardown(names_of_those_that_lost, teardown),
		cmocka_unit_test(half_written_header),
		cmocka_unit_test_teardown(bytes_add_up, teardown),
		cmocka_unit_test_teardown(full_store, teardown),
		cmocka_unit_test_teardown(sizes_beyond_the_end, teardown),
		cmocka_unit_test_teardown(name_without_end, teardown),
		cmocka_unit_test_teardown(bad_volumes, teardown),
		cmocka_unit_test_teardown(bad_stores, teardown),
		cmocka_unit_test_teardown(smallest_store, teardown),
		cmocka_unit_test_teardown(volume_elsewhere, teardown),
		cmocka_unit_test_teardown(working_block, teardown),
		cmocka_unit_test_teardown(damaged_working_block, teardown),
		cmocka_unit_test(cut_at_every_byte),
		cmocka_unit_test(cut_with_the_headers),
		cmocka_unit_test(every_byte_wrong),
		cmocka_unit_test(a_million_records),
		cmocka_unit_test_teardown(order, teardown),
		cmocka_unit_test(guids),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
