/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: config/keyvalue.c config/flash.c config/fw_cfg.c */
/* SOURCES: config/network.c config/list.c util/names.c util/parse.c */
/*
 * Arguments of key=value: the first byte chooses the option, a real one or one
 * that has a key of each kind; the rest is its argument. What is taken is
 * within what the tables allow, what is not has one message.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lkvm/config/flash.h"
#include "lkvm/config/fw_cfg.h"
#include "lkvm/config/keyvalue.h"
#include "lkvm/config/network.h"
#include "lkvm/util/log.h"

#define CHECK(condition)          \
	do {                      \
		if (!(condition)) \
			abort();  \
	} while (0)

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

static unsigned int messages, warnings;

/* All of the line that the user would see is there. */
static __printf(1, 0) void format(const char *fmt, va_list args)
{
	char line[1024];
	int len = vsnprintf(line, sizeof(line), fmt, args);

	CHECK(len > 0 && (size_t)len < sizeof(line));
}

void pr_fatal(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	format(fmt, args);
	va_end(args);
	messages++;
}

void log_print(enum log_level level, const char *fmt, ...)
{
	va_list args;

	CHECK(level == LOG_LEVEL_WARNING);
	va_start(args, fmt);
	format(fmt, args);
	va_end(args);
	warnings++;
}

enum mode {
	MODE_NONE,
	MODE_A,
	MODE_HOLE,
	MODE_B
};

static const char *const modes[] = { [MODE_A] = "a", [MODE_B] = "bb" };

struct item {
	const char *dir, *tag, *text;
	u64 size, number;
	u32 small;
	bool flag;
	enum mode mode;
	char first; /* of what the callback had */
};

static bool is_even(u64 value)
{
	return !(value % 2);
}

static int take_char(const char *value, void *opaque)
{
	struct item *item = opaque;

	if (value[1])
		return -EINVAL;
	item->first = value[0];
	return 0;
}

enum {
	DIR,
	TAG,
	FLAG,
	TEXT,
	SIZE,
	NUMBER,
	SMALL,
	MODE,
	CHAR
};

static const struct key_def keys[] = {
	[DIR] = KEY_STRING("DIR", struct item, dir, 0),
	[TAG] = KEY_STRING("TAG", struct item, tag, 31),
	[FLAG] = KEY_FLAG("flag", struct item, flag),
	[TEXT] = KEY_STRING("text", struct item, text, 3),
	[SIZE] = KEY_SIZE("size", struct item, size, 4, SZ_1M, is_even, NULL),
	[NUMBER] = KEY_U64("number", struct item, number, 7, UINT64_MAX, NULL),
	[SMALL] = KEY_U32("small", struct item, small, 1, UINT64_MAX, "it"),
	[MODE] = KEY_ENUM("mode", struct item, mode, modes),
	[CHAR] = KEY_CALLBACK("char", take_char, "one byte"),
};

static const struct key_conflict conflicts[] = {
	{ FLAG, TEXT, "why" },
	{ SIZE, CHAR, "why not" },
};

static const struct key_table table = {
	.option = "--table",
	.form = "DIR,TAG[,OPT...]",
	.keys = keys,
	.nr_keys = ARRAY_SIZE(keys),
	.nr_positional = 2,
	.conflicts = conflicts,
	.nr_conflicts = ARRAY_SIZE(conflicts),
};

/* True if `s` and its end are in the `size` bytes of `strings`. */
static bool inside(const char *strings, size_t size, const char *s)
{
	return s >= strings && s < strings + size &&
	       memchr(s, 0, size - (size_t)(s - strings));
}

static int fuzz_table(const char *arg, size_t size)
{
	struct item item = { 0 };
	char *strings;
	int ret = keyvalue_parse(&table, arg, &item, &strings);

	CHECK(!ret == !!strings);
	if (ret)
		return ret;
	CHECK(inside(strings, size, item.dir) && *item.dir);
	CHECK(inside(strings, size, item.tag) && *item.tag);
	CHECK(strlen(item.tag) <= 31);
	CHECK(!item.text || inside(strings, size, item.text));
	CHECK(!item.text || (strlen(item.text) <= 3 && !item.flag));
	CHECK(item.size <= SZ_1M && !(item.size % 2) && item.size != 2);
	CHECK(!item.size || !item.first);
	CHECK(!item.number || item.number >= 7);
	CHECK(item.mode <= MODE_B && item.mode != MODE_HOLE);
	free(strings);
	return 0;
}

static int fuzz_flash(const char *arg, size_t size)
{
	struct flash_config config;
	int ret = flash_config_parse(&config, arg);

	CHECK(!ret == !!config.strings);
	if (ret)
		return ret;
	CHECK(inside(config.strings, size, config.path) && *config.path);
	CHECK(!config.template ||
	      inside(config.strings, size, config.template));
	CHECK(!config.label || strlen(config.label) <= FLASH_MAX_LABEL);
	CHECK(!config.size || is_power_of_2(config.size));
	CHECK(config.sync <= FLASH_SYNC_NONE);
	CHECK(config.readonly + config.create + config.snapshot +
		      (config.template != NULL) <=
	      1);
	flash_config_free(&config);
	return 0;
}

static int fuzz_fw_cfg(const char *arg, size_t size)
{
	struct fw_cfg_config config;
	int ret = fw_cfg_config_parse(&config, arg);

	CHECK(!ret == !!config.strings);
	if (ret)
		return ret;
	CHECK(inside(config.strings, size, config.name));
	CHECK(!fw_cfg_check_name(config.name));
	CHECK(!config.path != !config.text);
	CHECK(inside(config.strings, size,
		     config.path ? config.path : config.text));
	CHECK(warnings == !!strncmp(config.name, "opt/", 4));
	fw_cfg_config_free(&config);
	return 0;
}

static int fuzz_network(const char *arg, size_t size)
{
	struct network_config config;
	int ret = network_config_parse(&config, arg);

	CHECK(!ret == !!config.strings);
	CHECK(!ret || !config.forwards.items);
	if (ret)
		return ret;
	CHECK(config.mode <= NETWORK_FD);
	CHECK((config.fd != NETWORK_NO_FD) == (config.mode == NETWORK_FD));
	CHECK(!config.tapif || inside(config.strings, size, config.tapif));
	CHECK(!config.has_mac || !(config.mac[0] & 1));
	CHECK(!config.mtu || (config.mtu >= 68 && config.mtu <= 65520));
	for (unsigned int i = 0; i < config.forwards.count; i++) {
		const struct network_forward *to = &config.forwards.items[i];

		CHECK(config.mode == NETWORK_USER);
		CHECK(to->host_port && to->guest_port);
		CHECK(memchr(to->addr, 0, sizeof(to->addr)) && *to->addr);
	}
	network_config_free(&config);
	return 0;
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static int (*const options[])(const char *arg, size_t len) = {
		fuzz_table, fuzz_flash, fuzz_fw_cfg, fuzz_network
	};
	char *arg;
	int ret;

	if (!size)
		return 0;
	arg = malloc(size);
	CHECK(arg);
	memcpy(arg, data + 1, size - 1);
	arg[size - 1] = '\0';
	messages = warnings = 0;
	ret = options[data[0] % ARRAY_SIZE(options)](arg, strlen(arg) + 1);
	CHECK(!ret || ret == -EINVAL);
	CHECK(messages == !!ret);
	free(arg);
	return 0;
}
