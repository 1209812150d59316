/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: util/options.c util/names.c util/parse.c */
/*
 * The input is a command line, its arguments separated by zero bytes. All of
 * it goes through the option parser, and each argument through every parser
 * of values.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lkvm/util/log.h"
#include "lkvm/util/options.h"
#include "lkvm/util/parse.h"

#define MAX_ARGS 64

#define CHECK(condition)          \
	do {                      \
		if (!(condition)) \
			abort();  \
	} while (0)

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

static unsigned int messages;

/* The line that the user would see: it must have been formatted soundly. */
void pr_fatal(const char *fmt, ...)
{
	char line[1024];
	va_list args;
	int len;

	va_start(args, fmt);
	len = vsnprintf(line, sizeof(line), fmt, args);
	va_end(args);
	CHECK(len > 0 && (size_t)len < sizeof(line));
	messages++;
}

struct command_line {
	char *argv[MAX_ARGS];
	int argc;
};

enum chip {
	CHIP_DEFAULT,
	CHIP_A,
	CHIP_NONE,
	CHIP_B
};

static const char *const chips[] = { [CHIP_A] = "a", [CHIP_B] = "bb" };

struct config {
	bool rng, no_dhcp, disable_mte;
	const char *kernel;
	struct string_list disks;
	u32 cpus;
	enum chip chip;
	u64 seed, mem_size, mem_addr;
	bool has_mem_addr;
};

static int parse_mem_option(const char *arg, void *opaque)
{
	struct config *config = opaque;
	int err = parse_mem(arg, &config->mem_size, &config->mem_addr,
			    &config->has_mem_addr);

	if (err)
		pr_fatal("Option --mem: '%.64s' is not SIZE[@ADDR]", arg);
	return err;
}

static int take_nothing(const char *arg, void *opaque)
{
	CHECK(!arg && opaque);
	return 0;
}

static int parse_config(struct config *config, struct command_line *line,
			struct string_list *positional)
{
	static const struct option_def machine[] = {
		OPT_U32('c', "cpus", struct config, cpus, 1, 512, "N", "CPUs"),
		OPT_U64(0, "kaslr-seed", struct config, seed, 5, 1ULL << 63,
			"SEED", "seed"),
		OPT_CALLBACK('m', "mem", parse_mem_option, "SIZE", "memory"),
		OPT_CALLBACK(0, "force-pci", take_nothing, NULL, NULL),
		OPT_ENUM(0, "chip", struct config, chip, chips, "CHIP", "chip"),
		OPT_FLAG(0, "rng", struct config, rng, "random numbers"),
		OPT_FLAG(0, "disable-mte", struct config, disable_mte,
			 "no MTE"),
		OPT_END(),
	};
	static const struct option_def boot[] = {
		OPT_STRING('k', "kernel", struct config, kernel, "FILE",
			   "kernel"),
		OPT_LIST('d', "disk", struct config, disks, "SPEC", "disk"),
		OPT_FLAG('n', "no-dhcp", struct config, no_dhcp, "no DHCP"),
		OPT_END(),
	};
	const struct option_group groups[] = {
		{ "Machine", machine },
		{ "Boot", boot },
		{ NULL, NULL },
	};

	return options_parse(groups, config, line->argc, line->argv,
			     positional);
}

/* True if `s` is the end of one of the arguments, and not a copy of it. */
static bool points_into(const struct command_line *line, const char *s)
{
	for (int i = 0; i < line->argc; i++) {
		const char *arg = line->argv[i];

		if (s >= arg && s <= arg + strlen(arg))
			return true;
	}
	return false;
}

static void check_list(const struct command_line *line,
		       const struct string_list *list)
{
	CHECK(list->count <= (size_t)line->argc);
	for (size_t i = 0; i < list->count; i++)
		CHECK(points_into(line, list->items[i]));
}

static void fuzz_options(struct command_line *line)
{
	struct config config = { .cpus = 1, .seed = 5 };
	struct string_list positional = { 0 };
	int ret;

	messages = 0;
	ret = parse_config(&config, line, &positional);
	CHECK(ret <= 0 || ret == OPTIONS_HELP);
	CHECK(messages == (ret < 0));
	CHECK(config.cpus >= 1 && config.cpus <= 512);
	CHECK(config.seed >= 5 && config.seed <= 1ULL << 63);
	CHECK(config.chip <= CHIP_B && config.chip != CHIP_NONE);
	CHECK(!config.kernel || points_into(line, config.kernel));
	check_list(line, &config.disks);
	check_list(line, &positional);
	string_list_free(&config.disks);
	string_list_free(&positional);
}

static void fuzz_numbers(const char *s)
{
	u64 value, size;
	const char *end;
	int err;

	err = parse_u64(s, 0, UINT64_MAX, &value);
	CHECK(!err || err == -EINVAL || err == -ERANGE);
	/* What is taken means the same to libc, which takes more. */
	CHECK(err || value == strtoull(s, NULL, 0));
	if (!err) {
		CHECK(!parse_u64(s, value, value, &size) && size == value);
		CHECK(!parse_size(s, 0, &size, NULL) && size == value);
		CHECK(!value || parse_u64(s, 0, value - 1, &size) == -ERANGE);
		err = parse_size(s, 20, &size, NULL);
		CHECK(err == (value >> 44 ? -ERANGE : 0));
		CHECK(err || size == value << 20);
	}
	err = parse_size(s, 20, &size, &end);
	CHECK(!err || err == -EINVAL || err == -ERANGE);
	if (!err) {
		CHECK(end > s && end <= s + strlen(s));
		CHECK(!parse_size(s, 20, &value, NULL) == !*end);
	}
}

static void fuzz_mem(const char *s)
{
	u64 size = 0, addr = 0;
	bool has_addr = false;
	int err = parse_mem(s, &size, &addr, &has_addr);

	CHECK(!err || err == -EINVAL || err == -ERANGE);
	if (err) {
		CHECK(!size && !addr && !has_addr);
		return;
	}
	CHECK(size && addr <= UINT64_MAX - (size - 1));
	CHECK(has_addr == !!strchr(s, '@'));
}

static void fuzz_cpulist(const char *s)
{
	cpu_set_t set;
	int err;

	CPU_ZERO(&set);
	err = parse_cpulist(s, &set);
	CHECK(!err || err == -EINVAL || err == -ERANGE);
	CHECK(!err == !!CPU_COUNT(&set));
}

static void fuzz_subopts(const char *s)
{
	size_t size = strlen(s) + 1, used = 0;
	char *buf = malloc(size);
	const char *key, *value, *file;
	struct subopts opts;
	int ret;

	CHECK(buf);
	CHECK(subopts_init(&opts, s, buf, size - 1) == -ENAMETOOLONG);
	CHECK(!subopts_init(&opts, s, buf, size));
	if (!subopts_file(&opts, &file)) {
		CHECK(*file);
		used += strlen(file) + 1;
	}
	while ((ret = subopts_next(&opts, &key, &value)) > 0) {
		CHECK(*key && !strchr(key, '='));
		used += strlen(key) + 1;
		used += value ? strlen(value) + 1 : 0;
		CHECK(used <= size);
	}
	CHECK(!ret || ret == -EINVAL);
	free(buf);
}

/* Arguments of their own, so that ASan sees a byte read too far. */
static void split(struct command_line *line, const u8 *data, size_t size)
{
	line->argc = 0;
	while (size && line->argc < MAX_ARGS) {
		size_t len = strnlen((const char *)data, size);
		char *arg = malloc(len + 1);

		CHECK(arg);
		memcpy(arg, data, len);
		arg[len] = '\0';
		line->argv[line->argc++] = arg;
		len += len < size;
		data += len;
		size -= len;
	}
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct command_line line;

	split(&line, data, size);
	fuzz_options(&line);
	for (int i = 0; i < line.argc; i++) {
		fuzz_numbers(line.argv[i]);
		fuzz_mem(line.argv[i]);
		fuzz_cpulist(line.argv[i]);
		fuzz_subopts(line.argv[i]);
		free(line.argv[i]);
	}
	return 0;
}
