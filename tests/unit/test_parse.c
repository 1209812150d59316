/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: util/parse.c */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lkvm/util/parse.h"

#define UNTOUCHED 0x5a5a5a5a5a5a5a5aULL

struct number_case {
	const char *text;
	int err;
	u64 value;
};

static void test_u64(void **state)
{
	static const struct number_case cases[] = {
		{ "0", 0, 0 },
		{ "1", 0, 1 },
		{ "00", 0, 0 },
		{ "017", 0, 15 },
		{ "0x1f", 0, 31 },
		{ "0XaBcDeF", 0, 0xabcdef },
		{ "18446744073709551615", 0, UINT64_MAX },
		{ "0xffffffffffffffff", 0, UINT64_MAX },
		{ "01777777777777777777777", 0, UINT64_MAX },
		{ "18446744073709551616", -ERANGE, 0 },
		{ "0x10000000000000000", -ERANGE, 0 },
		{ "02000000000000000000000", -ERANGE, 0 },
		{ "99999999999999999999999", -ERANGE, 0 },
		{ "99999999999999999999999x", -EINVAL, 0 },
		{ "", -EINVAL, 0 },
		{ " 5", -EINVAL, 0 },
		{ "5 ", -EINVAL, 0 },
		{ "\t5", -EINVAL, 0 },
		{ "5\n", -EINVAL, 0 },
		{ "-1", -EINVAL, 0 },
		{ "-0", -EINVAL, 0 },
		{ "+1", -EINVAL, 0 },
		{ "0x", -EINVAL, 0 },
		{ "x1", -EINVAL, 0 },
		{ "0x-1", -EINVAL, 0 },
		{ "0x 1", -EINVAL, 0 },
		{ "0xg", -EINVAL, 0 },
		{ "0b1", -EINVAL, 0 },
		{ "08", -EINVAL, 0 },
		{ "1f", -EINVAL, 0 },
		{ "1.5", -EINVAL, 0 },
		{ "1e3", -EINVAL, 0 },
		{ "1,000", -EINVAL, 0 },
		{ "five", -EINVAL, 0 },
		{ "\xb2", -EINVAL, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct number_case *c = &cases[i];
		u64 value = UNTOUCHED;

		print_message("# case %zu\n", i);
		assert_int_equal(parse_u64(c->text, 0, UINT64_MAX, &value),
				 c->err);
		assert_true(value == (c->err ? UNTOUCHED : c->value));
	}
}

static void test_u64_limits(void **state)
{
	u64 value = UNTOUCHED;

	(void)state;
	assert_int_equal(parse_u64("1", 2, 4, &value), -ERANGE);
	assert_int_equal(parse_u64("5", 2, 4, &value), -ERANGE);
	assert_true(value == UNTOUCHED);
	assert_int_equal(parse_u64("2", 2, 4, &value), 0);
	assert_int_equal(value, 2);
	assert_int_equal(parse_u64("4", 2, 4, &value), 0);
	assert_int_equal(value, 4);
}

/* Sizes in MiB unless they say otherwise, as --mem has them. */
static void test_size(void **state)
{
	static const struct number_case cases[] = {
		{ "0", 0, 0 },
		{ "512", 0, 512 * SZ_1M },
		{ "0x200", 0, 512 * SZ_1M },
		{ "01000", 0, 512 * SZ_1M },
		{ "3b", 0, 3 },
		{ "3B", 0, 3 },
		{ "3k", 0, 3 * SZ_1K },
		{ "3K", 0, 3 * SZ_1K },
		{ "3m", 0, 3 * SZ_1M },
		{ "3M", 0, 3 * SZ_1M },
		{ "3g", 0, 3 * SZ_1G },
		{ "3G", 0, 3 * SZ_1G },
		{ "3t", 0, 3ULL << 40 },
		{ "3T", 0, 3ULL << 40 },
		{ "3p", 0, 3ULL << 50 },
		{ "3P", 0, 3ULL << 50 },
		{ "0x1b", 0, 0x1b * SZ_1M },
		{ "0x1bk", 0, 0x1b * SZ_1K },
		{ "010k", 0, 8 * SZ_1K },
		{ "0B", 0, 0 },
		{ "18446744073709551615b", 0, UINT64_MAX },
		{ "17592186044415", 0, 17592186044415ULL << 20 },
		{ "16383P", 0, 16383ULL << 50 },
		{ "17592186044416", -ERANGE, 0 },
		{ "16384P", -ERANGE, 0 },
		{ "18446744073709551615", -ERANGE, 0 },
		{ "18446744073709551615K", -ERANGE, 0 },
		{ "18446744073709551616B", -ERANGE, 0 },
		{ "99999999999999999999999P", -ERANGE, 0 },
		{ "", -EINVAL, 0 },
		{ "G", -EINVAL, 0 },
		{ "0xG", -EINVAL, 0 },
		{ "-1", -EINVAL, 0 },
		{ "-1G", -EINVAL, 0 },
		{ "+1G", -EINVAL, 0 },
		{ " 5", -EINVAL, 0 },
		{ "5 G", -EINVAL, 0 },
		{ "1.5G", -EINVAL, 0 },
		{ "1GB", -EINVAL, 0 },
		{ "1MiB", -EINVAL, 0 },
		{ "1GG", -EINVAL, 0 },
		{ "1E", -EINVAL, 0 },
		{ "1G ", -EINVAL, 0 },
		{ "1@", -EINVAL, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct number_case *c = &cases[i];
		u64 value = UNTOUCHED;

		print_message("# '%s'\n", c->text);
		assert_int_equal(parse_size(c->text, 20, &value, NULL), c->err);
		assert_true(value == (c->err ? UNTOUCHED : c->value));
	}
}

static void test_size_default_unit(void **state)
{
	u64 value;

	(void)state;
	assert_int_equal(parse_size("7", 0, &value, NULL), 0);
	assert_true(value == 7);
	assert_int_equal(parse_size("7", 10, &value, NULL), 0);
	assert_true(value == 7 * SZ_1K);
	assert_int_equal(parse_size("1", 63, &value, NULL), 0);
	assert_true(value == 1ULL << 63);
	assert_int_equal(parse_size("2", 63, &value, NULL), -ERANGE);
	assert_int_equal(parse_size("2k", 63, &value, NULL), 0);
	assert_true(value == 2 * SZ_1K);
}

static void test_size_end(void **state)
{
	const char *text = "4k,8";
	const char *end = NULL;
	u64 value;

	(void)state;
	assert_int_equal(parse_size(text, 20, &value, &end), 0);
	assert_true(value == 4 * SZ_1K);
	assert_ptr_equal(end, text + 2);

	text = "4";
	assert_int_equal(parse_size(text, 20, &value, &end), 0);
	assert_ptr_equal(end, text + 1);

	/* 0x without digits is not a zero with an x behind it. */
	end = NULL;
	assert_int_equal(parse_size("0x", 20, &value, &end), -EINVAL);
	assert_int_equal(parse_size("", 20, &value, &end), -EINVAL);
	assert_int_equal(parse_size(",", 20, &value, &end), -EINVAL);
	assert_null(end);
}

static void test_mem(void **state)
{
	static const struct {
		const char *text;
		int err;
		u64 size, addr;
		bool has_addr;
	} cases[] = {
		{ "256", 0, 256 * SZ_1M, 0, false },
		{ "1G", 0, SZ_1G, 0, false },
		{ "1b", 0, 1, 0, false },
		{ "1G@2G", 0, SZ_1G, 2 * SZ_1G, true },
		{ "512@2048", 0, 512 * SZ_1M, 2 * SZ_1G, true },
		{ "512@0x80000000k", 0, 512 * SZ_1M, 0x80000000ULL << 10,
		  true },
		{ "1g@0", 0, SZ_1G, 0, true },
		{ "0x10@0x20", 0, 16 * SZ_1M, 32 * SZ_1M, true },
		{ "1B@18446744073709551615B", 0, 1, UINT64_MAX, true },
		{ "2B@18446744073709551615B", -ERANGE, 0, 0, false },
		{ "18446744073709551615B@2B", -ERANGE, 0, 0, false },
		{ "1G@16384P", -ERANGE, 0, 0, false },
		{ "16384P@1G", -ERANGE, 0, 0, false },
		{ "18446744073709551615", -ERANGE, 0, 0, false },
		{ "0", -ERANGE, 0, 0, false },
		{ "0@2G", -ERANGE, 0, 0, false },
		{ "", -EINVAL, 0, 0, false },
		{ "@", -EINVAL, 0, 0, false },
		{ "@2G", -EINVAL, 0, 0, false },
		{ "1G@", -EINVAL, 0, 0, false },
		{ "1G@@2G", -EINVAL, 0, 0, false },
		{ "1G@2G@3G", -EINVAL, 0, 0, false },
		{ "1G 2G", -EINVAL, 0, 0, false },
		{ "1G@ 2G", -EINVAL, 0, 0, false },
		{ "1.5G", -EINVAL, 0, 0, false },
		{ "1G@1.5G", -EINVAL, 0, 0, false },
		{ "-1", -EINVAL, 0, 0, false },
		{ " 5", -EINVAL, 0, 0, false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		u64 size = UNTOUCHED, addr = UNTOUCHED;
		bool has_addr = !cases[i].has_addr;
		bool ok = !cases[i].err;

		print_message("# '%s'\n", cases[i].text);
		assert_int_equal(parse_mem(cases[i].text, &size, &addr,
					   &has_addr),
				 cases[i].err);
		assert_true(size == (ok ? cases[i].size : UNTOUCHED));
		assert_true(has_addr == (ok ? cases[i].has_addr : true));
		assert_true(addr ==
			    (cases[i].has_addr ? cases[i].addr : UNTOUCHED));
	}
}

static void test_cpulist(void **state)
{
	cpu_set_t set;

	(void)state;
	CPU_ZERO(&set);
	CPU_SET(100, &set);
	assert_int_equal(parse_cpulist("0-3,5,7-8", &set), 0);
	for (unsigned int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		bool in = cpu <= 3 || cpu == 5 || cpu == 7 || cpu == 8;

		assert_int_equal(!!CPU_ISSET(cpu, &set), in);
	}

	assert_int_equal(parse_cpulist("8,1,2-3,2-4,2-2", &set), 0);
	assert_int_equal(CPU_COUNT(&set), 5);
	assert_true(CPU_ISSET(8, &set) && CPU_ISSET(4, &set));

	/* Decimal whatever it begins with: lists come from /sys, too. */
	assert_int_equal(parse_cpulist("010", &set), 0);
	assert_int_equal(CPU_COUNT(&set), 1);
	assert_true(CPU_ISSET(10, &set));

	assert_int_equal(parse_cpulist("0-1023", &set), 0);
	assert_int_equal(CPU_COUNT(&set), CPU_SETSIZE);
}

static void test_cpulist_errors(void **state)
{
	static const struct number_case cases[] = {
		{ "", -EINVAL, 0 },
		{ ",", -EINVAL, 0 },
		{ "1,", -EINVAL, 0 },
		{ ",1", -EINVAL, 0 },
		{ "1,,2", -EINVAL, 0 },
		{ "-", -EINVAL, 0 },
		{ "1-", -EINVAL, 0 },
		{ "-1", -EINVAL, 0 },
		{ "3-1", -EINVAL, 0 },
		{ "1-2-3", -EINVAL, 0 },
		{ "1 2", -EINVAL, 0 },
		{ " 1", -EINVAL, 0 },
		{ "1\n", -EINVAL, 0 },
		{ "0x1", -EINVAL, 0 },
		{ "a", -EINVAL, 0 },
		{ "1:2", -EINVAL, 0 },
		{ "1024", -ERANGE, 0 },
		{ "0-1024", -ERANGE, 0 },
		{ "0-18446744073709551616", -ERANGE, 0 },
		{ "18446744073709551615", -ERANGE, 0 },
	};
	cpu_set_t set, before;

	(void)state;
	CPU_ZERO(&before);
	CPU_SET(42, &before);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		print_message("# case %zu\n", i);
		set = before;
		assert_int_equal(parse_cpulist(cases[i].text, &set),
				 cases[i].err);
		assert_true(CPU_EQUAL(&set, &before));
	}
}

static void expect_item(struct subopts *opts, const char *key,
			const char *value)
{
	const char *got_key = NULL, *got_value = NULL;

	assert_int_equal(subopts_next(opts, &got_key, &got_value), 1);
	assert_string_equal(got_key, key);
	if (value)
		assert_string_equal(got_value, value);
	else
		assert_null(got_value);
}

static void expect_end(struct subopts *opts, int ret)
{
	const char *key = "untouched", *value = "untouched";

	assert_int_equal(subopts_next(opts, &key, &value), ret);
	assert_string_equal(key, "untouched");
	assert_string_equal(value, "untouched");
}

static void test_subopts(void **state)
{
	struct subopts opts;
	const char *file;
	char buf[64];

	(void)state;
	assert_int_equal(subopts_init(&opts, "disk.img,ro,serial=a=b,tag=", buf,
				      sizeof(buf)),
			 0);
	assert_int_equal(subopts_file(&opts, &file), 0);
	expect_item(&opts, "ro", NULL);
	expect_item(&opts, "serial", "a=b");
	expect_item(&opts, "tag", "");
	expect_end(&opts, 0);
	expect_end(&opts, 0);
	assert_int_equal(subopts_file(&opts, &file), -EINVAL);
	assert_string_equal(file, "disk.img");
}

static void test_subopts_without_file(void **state)
{
	struct subopts opts;
	char buf[64];

	(void)state;
	assert_int_equal(subopts_init(&opts, "mode=none", buf, sizeof(buf)), 0);
	expect_item(&opts, "mode", "none");
	expect_end(&opts, 0);
}

static void test_subopts_commas(void **state)
{
	static const struct {
		const char *text;
		const char *file;
		const char *flag;
	} cases[] = {
		{ "a,,b", "a,b", NULL },   { "a,,b,ro", "a,b", "ro" },
		{ ",,", ",", NULL },	   { ",,,ro", ",", "ro" },
		{ "a,,,ro", "a,", "ro" },  { "a,,,,b,ro", "a,,b", "ro" },
		{ "a=b,ro", "a=b", "ro" }, { "a,b,,c", "a", "b,c" },
		{ "a", "a", NULL },
	};
	struct subopts opts;
	const char *file;
	char buf[64];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		print_message("# '%s'\n", cases[i].text);
		assert_int_equal(subopts_init(&opts, cases[i].text, buf,
					      sizeof(buf)),
				 0);
		assert_int_equal(subopts_file(&opts, &file), 0);
		assert_string_equal(file, cases[i].file);
		if (cases[i].flag)
			expect_item(&opts, cases[i].flag, NULL);
		expect_end(&opts, 0);
	}
}

static void test_subopts_empty_items(void **state)
{
	static const char *const after_file[] = { "a,", "a,,,", "a,=b",
						  "a,,b," };
	static const char *const no_file[] = { "", ",ro", "," };
	struct subopts opts;
	const char *file;
	char buf[64];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(no_file); i++) {
		file = "untouched";
		assert_int_equal(subopts_init(&opts, no_file[i], buf, 64), 0);
		assert_int_equal(subopts_file(&opts, &file), -EINVAL);
		assert_string_equal(file, "untouched");
		assert_int_equal(subopts_init(&opts, no_file[i], buf, 64), 0);
		expect_end(&opts, -EINVAL);
	}
	for (size_t i = 0; i < ARRAY_SIZE(after_file); i++) {
		assert_int_equal(subopts_init(&opts, after_file[i], buf, 64),
				 0);
		assert_int_equal(subopts_file(&opts, &file), 0);
		expect_end(&opts, -EINVAL);
	}
}

/* The heap makes an overrun of the buffer visible to ASan. */
static void test_subopts_buffer(void **state)
{
	const char *text = "abc,d=e";
	size_t size = strlen(text) + 1;
	char *buf = malloc(size);
	struct subopts opts;
	const char *file;

	(void)state;
	assert_non_null(buf);
	assert_int_equal(subopts_init(&opts, text, buf, size - 1),
			 -ENAMETOOLONG);
	assert_int_equal(subopts_init(&opts, text, buf, 0), -ENAMETOOLONG);
	assert_int_equal(subopts_init(&opts, text, buf, size), 0);
	assert_int_equal(subopts_file(&opts, &file), 0);
	assert_string_equal(file, "abc");
	expect_item(&opts, "d", "e");
	expect_end(&opts, 0);
	free(buf);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_u64),
		cmocka_unit_test(test_u64_limits),
		cmocka_unit_test(test_size),
		cmocka_unit_test(test_size_default_unit),
		cmocka_unit_test(test_size_end),
		cmocka_unit_test(test_mem),
		cmocka_unit_test(test_cpulist),
		cmocka_unit_test(test_cpulist_errors),
		cmocka_unit_test(test_subopts),
		cmocka_unit_test(test_subopts_without_file),
		cmocka_unit_test(test_subopts_commas),
		cmocka_unit_test(test_subopts_empty_items),
		cmocka_unit_test(test_subopts_buffer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
