/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: config/keyvalue.c config/list.c util/names.c util/parse.c */
/* SOURCES: tests/unit/flash_fixture.c */
/* WRAP: malloc reallocarray */
/* The parser of key=value, with a table of each kind of key; lists. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flash_fixture.h"
#include "lkvm/config/keyvalue.h"
#include "lkvm/config/list.h"
#include "lkvm/util/parse.h"

enum speed {
	SPEED_DEFAULT,
	SPEED_SLOW,
	SPEED_NONE,
	SPEED_FAST
};

static const char *const speeds[] = {
	[SPEED_SLOW] = "slow", [SPEED_FAST] = "fast"
};

/* What has room around each value would show a store beyond it. */
struct item {
	u64 before;
	const char *dir, *tag, *text;
	u64 size, number;
	bool flag;
	u32 small, after_small;
	enum speed speed;
	unsigned int calls;
	u64 after;
};

static bool no_memory;
static struct item item;
static char *strings;

void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
void *__real_reallocarray(void *p, size_t n, size_t size);
void *__wrap_reallocarray(void *p, size_t n, size_t size);

void *__wrap_malloc(size_t size)
{
	return no_memory ? NULL : __real_malloc(size);
}

void *__wrap_reallocarray(void *p, size_t n, size_t size)
{
	return no_memory ? NULL : __real_reallocarray(p, n, size);
}

static bool is_even(u64 value)
{
	return !(value % 2);
}

static int parse_call(const char *value, void *opaque)
{
	struct item *to = opaque;

	to->calls++;
	return strcmp(value, "good") ? -EINVAL : 0;
}

enum {
	DIR,
	TAG,
	FLAG,
	TEXT,
	SIZE,
	NUMBER,
	SMALL,
	SPEED,
	CALL
};

static const struct key_def keys[] = {
	[DIR] = KEY_STRING("DIR", struct item, dir, 0),
	[TAG] = KEY_STRING("TAG", struct item, tag, 4),
	[FLAG] = KEY_FLAG("flag", struct item, flag),
	[TEXT] = KEY_STRING("text", struct item, text, 3),
	[SIZE] = KEY_SIZE("size", struct item, size, 4, SZ_1M, is_even, NULL),
	[NUMBER] = KEY_U64("number", struct item, number, 7, UINT64_MAX, NULL),
	[SMALL] = KEY_U32("small", struct item, small, 0, UINT64_MAX,
			  "few of them"),
	[SPEED] = KEY_ENUM("speed", struct item, speed, speeds),
	[CALL] = KEY_CALLBACK("call", parse_call, "what is good"),
};

static const struct key_conflict conflicts[] = {
	{ FLAG, TEXT, "one reason" },
};

/* Two items by their places, as --9p has them. */
static const struct key_table two = {
	.option = "--two",
	.form = "DIR,TAG[,OPT...]",
	.keys = keys,
	.nr_keys = ARRAY_SIZE(keys),
	.nr_positional = 2,
	.conflicts = conflicts,
	.nr_conflicts = ARRAY_SIZE(conflicts),
};

/* The first may go without its key. */
static const struct key_table bare = {
	.option = "--bare",
	.form = "[text=]TEXT[,OPT...]",
	.keys = keys + TEXT,
	.nr_keys = ARRAY_SIZE(keys) - TEXT,
	.bare = true,
};

/* All of them have their keys. */
static const struct key_table named = {
	.option = "--named",
	.form = "OPT[,OPT...]",
	.keys = keys + FLAG,
	.nr_keys = 2,
};

static int setup(void **state)
{
	(void)state;
	no_memory = false;
	strings = NULL;
	forget_messages();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	free(strings);
	return 0;
}

static int parse(const struct key_table *table, const char *arg)
{
	free(strings);
	strings = (char *)&item;
	forget_messages();
	memset(&item, 0, sizeof(item));
	item.before = item.after = 0x1234;
	item.after_small = 0x5678;
	return keyvalue_parse(table, arg, &item, &strings);
}

static void good(const struct key_table *table, const char *arg)
{
	if (parse(table, arg))
		fail_msg("%s: refused: %s", arg, messages);
	assert_string_equal(messages, "");
	assert_non_null(strings);
	assert_int_equal(item.before, 0x1234);
	assert_int_equal(item.after, 0x1234);
	assert_int_equal(item.after_small, 0x5678);
}

/* Refused; all that is said is "OPTION ARG: " and `text`. */
static void bad(const struct key_table *table, const char *arg,
		const char *text)
{
	char line[1024];

	assert_int_equal(parse(table, arg), -EINVAL);
	assert_null(strings);
	assert_int_equal(nr_fatal, 1);
	snprintf(line, sizeof(line), "%s %s: %s\n", table->option, arg, text);
	assert_string_equal(messages, line);
}

static void positional(void **state)
{
	static const char want[] =
		"want DIR,TAG[,OPT...]; there are flag, text=, size=, number=, "
		"small=, speed= and call=";

	(void)state;
	good(&two, "a=b,c");
	assert_string_equal(item.dir, "a=b");
	assert_string_equal(item.tag, "c");
	assert_null(item.text);
	good(&two, "a,,b,,,c,flag");
	assert_string_equal(item.dir, "a,b,");
	assert_string_equal(item.tag, "c");
	assert_true(item.flag);
	bad(&two, "", want);
	bad(&two, "a", want);
	bad(&two, ",a", want);
	bad(&two, "a,", want);
	bad(&two, "a,,b", want);
	bad(&two, "a,12345", "TAG=12345: want at most 4 bytes");
	/* They have no key. */
	bad(&two, "a,b,DIR=c",
	    "unknown option \"DIR\"; there are flag, text=, size=, number=, "
	    "small=, speed= and call=");
}

static void first_without_key(void **state)
{
	(void)state;
	good(&bare, "abc,size=8");
	assert_string_equal(item.text, "abc");
	assert_int_equal(item.size, 8);
	good(&bare, "size=8,text=d");
	assert_string_equal(item.text, "d");
	/* No other may. */
	bad(&bare, "size=8,abc",
	    "unknown option \"abc\"; there are text=, size=, number=, small=, "
	    "speed= and call=");
	/* Whatever it is. */
	bad(&bare, "size", "text=size: want at most 3 bytes");
}

static void only_named(void **state)
{
	(void)state;
	good(&named, "flag");
	good(&named, "text=a");
	bad(&named, "", "want OPT[,OPT...]; there are flag and text=");
	bad(&named, "a", "unknown option \"a\"; there are flag and text=");
}

static void items(void **state)
{
	(void)state;
	bad(&two, "a,b,", "an option is empty");
	bad(&two, "a,b,flag,", "an option is empty");
	bad(&two, "a,b,=x", "an option is empty");
	bad(&bare, ",text=a", "an option is empty");
	bad(&two, "a,b,flag=", "\"flag\" takes no value");
	bad(&two, "a,b,flag=1", "\"flag\" takes no value");
	bad(&two, "a,b,text", "\"text\" takes a value");
	bad(&two, "a,b,text=", "\"text\" takes a value");
	bad(&two, "a,b,call", "\"call\" takes a value");
	bad(&named, "flag,text", "\"text\" takes a value");
	bad(&named, "flaG",
	    "unknown option \"flaG\"; there are flag and "
	    "text=");
	bad(&named, "fla", "unknown option \"fla\"; there are flag and text=");
}

static void text(void **state)
{
	(void)state;
	good(&two, "a,b,text=a=,,");
	assert_string_equal(item.text, "a=,");
	good(&two, "a,b,text=x,text=y"); /* the last one counts */
	assert_string_equal(item.text, "y");
	bad(&two, "a,b,text=1234", "text=1234: want at most 3 bytes");
}

static void sizes(void **state)
{
	static const char want[] = "want a size from 4 to 1048576";
	static const char *const wrong[] = { "2",  "5",	 "1048578", "x",
					     "4Q", "-4", "2M" };
	char arg[64], said[128];

	(void)state;
	good(&two, "a,b,size=4");
	assert_int_equal(item.size, 4);
	good(&two, "a,b,size=1M");
	assert_int_equal(item.size, SZ_1M);
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		snprintf(arg, sizeof(arg), "a,b,size=%s", wrong[i]);
		snprintf(said, sizeof(said), "size=%s: %s", wrong[i], want);
		bad(&two, arg, said);
		assert_int_equal(item.size, 0);
	}
}

static void numbers(void **state)
{
	(void)state;
	good(&two, "a,b,number=7");
	assert_int_equal(item.number, 7);
	good(&two, "a,b,number=0xffffffffffffffff,small=4294967295");
	assert_int_equal(item.number, UINT64_MAX);
	assert_int_equal(item.small, UINT32_MAX);
	good(&two, "a,b,small=0");
	bad(&two, "a,b,number=6",
	    "number=6: want a number from 7 to 18446744073709551615");
	bad(&two, "a,b,number=8K",
	    "number=8K: want a number from 7 to 18446744073709551615");
	/* A table that allows more than fits does not make it fit. */
	bad(&two, "a,b,small=4294967296", "small=4294967296: want few of them");
}

static void names(void **state)
{
	(void)state;
	good(&two, "a,b");
	assert_int_equal(item.speed, SPEED_DEFAULT);
	good(&two, "a,b,speed=fast");
	assert_int_equal(item.speed, SPEED_FAST);
	good(&two, "a,b,speed=fast,speed=slow");
	assert_int_equal(item.speed, SPEED_SLOW);
	bad(&two, "a,b,speed=Fast", "speed=Fast: there are slow and fast");
}

static void callback(void **state)
{
	(void)state;
	good(&two, "a,b,call=good");
	assert_int_equal(item.calls, 1);
	bad(&two, "a,b,call=bad", "call=bad: want what is good");
}

static void excluded(void **state)
{
	(void)state;
	good(&two, "a,b,flag,size=8");
	bad(&two, "a,b,flag,text=a",
	    "\"flag\" and \"text\" exclude each other: one reason");
	bad(&two, "a,b,text=a,small=1,flag",
	    "\"flag\" and \"text\" exclude each other: one reason");
}

/* A reason is always seen, and short in all. */
static void long_arguments(void **state)
{
	char arg[5000];

	(void)state;
	memset(arg, 'k', sizeof(arg));
	arg[sizeof(arg) - 1] = '\0';
	assert_int_equal(parse(&named, arg), -EINVAL);
	assert_non_null(strstr(messages, "kkk...: unknown option \"kkk"));
	assert_non_null(strstr(messages, "k\"; there are flag and text="));
	assert_true(strlen(messages) < 512);
	memcpy(arg, "text=", 5);
	assert_int_equal(parse(&named, arg), -EINVAL);
	assert_non_null(strstr(messages, "kkk: want at most 3 bytes"));
	assert_true(strlen(messages) < 512);
}

static void memory(void **state)
{
	(void)state;
	no_memory = true;
	assert_int_equal(parse(&named, "flag"), -ENOMEM);
	assert_null(strings);
	assert_string_equal(messages, "out of memory\n");
}

static void lists(void **state)
{
	struct {
		struct item *items;
		unsigned int count;
	} list = { 0 };
	const struct item none = { 0 };

	(void)state;
	for (u32 i = 0; i < 20; i++) {
		struct item *added = config_list_add(&list);

		assert_ptr_equal(added, &list.items[i]);
		assert_memory_equal(added, &none, sizeof(none));
		added->small = i;
	}
	no_memory = true;
	assert_null(config_list_add(&list));
	no_memory = false;
	assert_int_equal(list.count, 20);
	for (u32 i = 0; i < list.count; i++)
		assert_int_equal(list.items[i].small, i);
	assert_string_equal(messages, "out of memory\n");
	free(list.items);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(positional),     TEST(first_without_key),
		TEST(only_named),     TEST(items),
		TEST(text),	      TEST(sizes),
		TEST(numbers),	      TEST(names),
		TEST(callback),	      TEST(excluded),
		TEST(long_arguments), TEST(memory),
		TEST(lists),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
