/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: util/options.c util/names.c util/parse.c */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lkvm/util/log.h"
#include "lkvm/util/options.h"

#define MAX_ARGS 16

static char message[512];
static unsigned int messages;

void pr_fatal(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(message, sizeof(message), fmt, args);
	va_end(args);
	messages++;
}

/* With a value that has no name. */
enum model {
	MODEL_DEFAULT,
	MODEL_SMALL,
	MODEL_NONE,
	MODEL_LARGE,
	MODEL_HUGE,
	MODEL_SECRET,
};

static const char *const models[] = {
	[MODEL_SMALL] = "small",
	[MODEL_LARGE] = "large",
	[MODEL_HUGE] = "huge",
	[MODEL_SECRET] = NULL,
};

struct config {
	bool rng, no_dhcp, disable_mte, hidden;
	const char *kernel, *params;
	struct string_list disks;
	u32 cpus, beyond;
	u64 seed;
	const char *irqchip, *balloon;
	unsigned int debug, balloons;
	enum model model;
};

struct fixture {
	struct config config;
	struct string_list positional;
	char *argv[MAX_ARGS + 1];
	int argc;
};

static int parse_irqchip(const char *arg, void *opaque)
{
	struct config *config = opaque;

	if (strncmp(arg, "gic", 3)) {
		pr_fatal("No such irqchip: %s", arg);
		return -ENODEV;
	}
	config->irqchip = arg;
	return 0;
}

static int parse_balloon(const char *arg, void *opaque)
{
	struct config *config = opaque;

	config->balloons++;
	config->balloon = arg;
	return 0;
}

static int count_debug(const char *arg, void *opaque)
{
	struct config *config = opaque;

	assert_null(arg);
	config->debug++;
	return 0;
}

/* Copies of their own, so that ASan sees a byte read too far. */
static void split_args(struct fixture *f, const char *line)
{
	while (f->argc)
		free(f->argv[--f->argc]);
	for (; line; line = *line ? line + 1 : NULL) {
		const char *end = strchrnul(line, '|');

		assert_true(f->argc < MAX_ARGS);
		f->argv[f->argc] = strndup(line, (size_t)(end - line));
		assert_non_null(f->argv[f->argc]);
		f->argc++;
		line = end;
	}
	f->argv[f->argc] = NULL;
}

/* Arguments are separated by '|'. Starts from an empty configuration. */
static int parse(struct fixture *f, const char *line)
{
	struct config *config = &f->config;
	static const struct option_def machine[] = {
		OPT_U32('c', "cpus", struct config, cpus, 1, 512, "N", "CPUs"),
		OPT_U64(0, "kaslr-seed", struct config, seed, 0, UINT64_MAX,
			"SEED", "seed"),
		OPT_FLAG(0, "rng", struct config, rng, "random numbers"),
		OPT_FLAG(0, "disable-mte", struct config, disable_mte,
			 "no MTE"),
		OPT_CALLBACK('I', "irqchip", parse_irqchip, "CHIP",
			     "interrupt controller"),
		OPT_CALLBACK(0, "debug", count_debug, NULL, "more messages"),
		OPT_CALLBACK('b', "balloon", parse_balloon, "[OPT...]",
			     "balloon"),
		OPT_ENUM('M', "model", struct config, model, models, "MODEL",
			 "which one"),
		OPT_FLAG(0, "hidden", struct config, hidden, NULL),
		OPT_END(),
	};
	static const struct option_def boot[] = {
		OPT_STRING('k', "kernel", struct config, kernel, "FILE",
			   "kernel"),
		OPT_STRING('p', "params", struct config, params, "STR",
			   "arguments"),
		OPT_LIST('d', "disk", struct config, disks, "SPEC", "disk"),
		OPT_FLAG('D', "no-dhcp", struct config, no_dhcp, "no DHCP"),
		OPT_END(),
	};
	static const struct option_def none[] = { OPT_END() };
	const struct option_group groups[] = {
		{ "Machine", machine },
		{ "Nothing", none },
		{ "Boot", boot },
		{ NULL, NULL },
	};

	string_list_free(&config->disks);
	string_list_free(&f->positional);
	memset(config, 0, sizeof(*config));
	config->cpus = 77;
	config->beyond = 55;
	message[0] = '\0';
	messages = 0;
	print_message("# %.60s\n", line ? line : "(nothing)");
	split_args(f, line);
	return options_parse(groups, config, f->argc, f->argv, &f->positional);
}

static int setup(void **state)
{
	*state = calloc(1, sizeof(struct fixture));
	return *state ? 0 : -1;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	split_args(f, NULL);
	string_list_free(&f->config.disks);
	string_list_free(&f->positional);
	free(f);
	return 0;
}

static void parse_ok(struct fixture *f, const char *line)
{
	assert_int_equal(parse(f, line), 0);
	assert_int_equal(messages, 0);
	assert_int_equal(f->config.beyond, 55);
}

/* One message, and it holds `a` and `b`. */
static void parse_fails(struct fixture *f, const char *line, const char *a,
			const char *b)
{
	assert_int_equal(parse(f, line), -EINVAL);
	print_message("#   %s\n", message);
	assert_int_equal(messages, 1);
	assert_non_null(strstr(message, a));
	assert_non_null(strstr(message, b));
	assert_null(strchr(message, '\n'));
}

static void test_nothing(void **state)
{
	struct fixture *f = *state;

	parse_ok(f, NULL);
	assert_int_equal(f->config.cpus, 77);
	assert_int_equal(f->positional.count, 0);
}

static void test_forms(void **state)
{
	static const char *const forms[] = { "--kernel=Image", "--kernel|Image",
					     "-k|Image", "-kImage" };
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
		parse_ok(f, forms[i]);
		assert_string_equal(f->config.kernel, "Image");
		assert_int_equal(f->positional.count, 0);
	}
}

static void test_strings(void **state)
{
	struct fixture *f = *state;

	parse_ok(f, "--params=a=b c|-k|--params|--params||-k|-");
	assert_string_equal(f->config.params, "");
	assert_string_equal(f->config.kernel, "-");
	parse_ok(f, "--params=a=b c");
	assert_string_equal(f->config.params, "a=b c");
	/* The string is argv's own. */
	assert_ptr_equal(f->config.params, f->argv[0] + strlen("--params="));
	parse_ok(f, "--params=");
	assert_string_equal(f->config.params, "");
	parse_ok(f, "-p|--");
	assert_string_equal(f->config.params, "--");
	parse_ok(f, "-p=x");
	assert_string_equal(f->config.params, "=x");
}

static void test_last_wins(void **state)
{
	struct fixture *f = *state;

	parse_ok(f, "-k|a|--kernel=b|-c1|--cpus|2|--rng|--no-rng");
	assert_string_equal(f->config.kernel, "b");
	assert_int_equal(f->config.cpus, 2);
	assert_false(f->config.rng);
}

static void test_list(void **state)
{
	struct fixture *f = *state;
	struct string_list *disks = &f->config.disks;

	parse_ok(f, "-da|--disk|b,ro|x|--disk=|-d|c|-dd|-de|-df|-dg|-dh|-di");
	assert_int_equal(disks->count, 10);
	assert_string_equal(disks->items[0], "a");
	assert_string_equal(disks->items[1], "b,ro");
	assert_string_equal(disks->items[2], "");
	assert_string_equal(disks->items[3], "c");
	assert_string_equal(disks->items[9], "i");
	assert_int_equal(f->positional.count, 1);
	string_list_free(disks);
	assert_int_equal(disks->count, 0);
	assert_int_equal(string_list_add(disks, "z"), 0);
	assert_string_equal(disks->items[0], "z");
}

static void test_flags(void **state)
{
	struct fixture *f = *state;

	parse_ok(f, "--rng|--no-dhcp|--disable-mte|--hidden");
	assert_true(f->config.rng);
	assert_true(f->config.no_dhcp);
	assert_true(f->config.disable_mte);
	assert_true(f->config.hidden);
	parse_ok(f, "-D");
	assert_true(f->config.no_dhcp);

	parse_ok(f, "--no-dhcp|--dhcp|--disable-mte|--enable-mte");
	assert_false(f->config.no_dhcp);
	assert_false(f->config.disable_mte);
	parse_ok(f, "--disable-mte|--no-disable-mte");
	assert_false(f->config.disable_mte);

	parse_fails(f, "--no-no-dhcp", "--no-no-dhcp", "Unknown");
	parse_fails(f, "--no-enable-mte", "--no-enable-mte", "Unknown");
	parse_fails(f, "--disable-rng", "--disable-rng", "Unknown");
	/* Only flags can be negated. */
	parse_fails(f, "--no-kernel", "--no-kernel", "Unknown");
	parse_fails(f, "--no-debug", "--no-debug", "Unknown");
	parse_fails(f, "--no-", "--no-", "Unknown");
}

/* An argument that may be left out is never the next word. */
static void test_optional_argument(void **state)
{
	struct fixture *f = *state;

	parse_ok(f, "--balloon");
	assert_int_equal(f->config.balloons, 1);
	assert_null(f->config.balloon);
	parse_ok(f, "--balloon=a=b|--rng");
	assert_string_equal(f->config.balloon, "a=b");
	parse_ok(f, "--balloon=|--rng");
	assert_string_equal(f->config.balloon, "");
	parse_ok(f, "-b|Image");
	assert_null(f->config.balloon);
	assert_string_equal(f->positional.items[0], "Image");
	parse_ok(f, "-bx|--balloon|--rng");
	assert_int_equal(f->config.balloons, 2);
	assert_null(f->config.balloon);
	assert_true(f->config.rng);
	parse_fails(f, "--no-balloon", "--no-balloon", "Unknown");
}

static void test_flag_with_value(void **state)
{
	struct fixture *f = *state;

	parse_fails(f, "--rng=yes", "--rng ", "'yes'");
	parse_fails(f, "--rng=", "--rng ", "''");
	parse_fails(f, "--no-rng=1", "--no-rng ", "'1'");
	parse_fails(f, "-Dx", "-D ", "'x'");
	parse_fails(f, "--debug=2", "--debug ", "'2'");
	parse_fails(f, "--help=x", "--help ", "'x'");
	parse_fails(f, "-hx", "-h ", "'x'");
	assert_false(f->config.rng);

	parse_ok(f, "--rng|yes");
	assert_int_equal(f->positional.count, 1);
}

static void test_numbers(void **state)
{
	struct fixture *f = *state;

	parse_ok(f, "--cpus=1");
	assert_int_equal(f->config.cpus, 1);
	parse_ok(f, "-c512");
	assert_int_equal(f->config.cpus, 512);
	parse_ok(f, "-c|0x10");
	assert_int_equal(f->config.cpus, 16);
	parse_ok(f, "-c010");
	assert_int_equal(f->config.cpus, 8);
	parse_ok(f, "--kaslr-seed=0xffffffffffffffff");
	assert_true(f->config.seed == UINT64_MAX);
	assert_int_equal(f->config.cpus, 77);
}

static void test_bad_numbers(void **state)
{
	static const char *const values[] = {
		"",
		"0",
		"513",
		"4294967297",
		"-1",
		"4x",
		"18446744073709551617",
		" 5",
		"5 ",
		"x",
		"1.5",
		"08",
	};
	struct fixture *f = *state;
	char line[64], quoted[64];

	for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
		snprintf(quoted, sizeof(quoted), "'%s'", values[i]);
		snprintf(line, sizeof(line), "--cpus=%s", values[i]);
		parse_fails(f, line, "--cpus: ", quoted);
		snprintf(line, sizeof(line), "-c|%s", values[i]);
		parse_fails(f, line, quoted, "from 1 to 512");
		assert_non_null(strstr(message, "-c: "));
		assert_int_equal(f->config.cpus, 77);
	}
	parse_fails(f, "--kaslr-seed=18446744073709551616", "--kaslr-seed",
		    "from 0 to 18446744073709551615");
}

/* A table that allows more than fits does not make it fit. */
static void test_u32_limit(void **state)
{
	struct config config = { .cpus = 5 };
	static const struct option_def defs[] = {
		OPT_U32('n', NULL, struct config, cpus, 0, UINT64_MAX, "N",
			"number"),
		OPT_END(),
	};
	const struct option_group groups[] = { { "", defs }, { NULL, NULL } };
	struct fixture *f = *state;

	split_args(f, "-n|4294967296");
	assert_int_equal(options_parse(groups, &config, 2, f->argv,
				       &f->positional),
			 -EINVAL);
	assert_int_equal(config.cpus, 5);
	split_args(f, "-n|4294967295");
	assert_int_equal(
		options_parse(groups, &config, 2, f->argv, &f->positional), 0);
	assert_int_equal(config.cpus, UINT32_MAX);
}

static void test_enum(void **state)
{
	struct fixture *f = *state;

	parse_ok(f, "--rng");
	assert_int_equal(f->config.model, MODEL_DEFAULT);
	parse_ok(f, "--model=small");
	assert_int_equal(f->config.model, MODEL_SMALL);
	parse_ok(f, "-Msmall|-M|huge");
	assert_int_equal(f->config.model, MODEL_HUGE);
	parse_fails(f, "--model=Large",
		    "--model Large: ", "there are small, large and huge");
	parse_fails(f, "-Mhug", "-M hug: ", "small, large and huge");
	parse_fails(f, "-M|", "-M : ", "small, large and huge");
	assert_int_equal(f->config.model, MODEL_DEFAULT);
	parse_fails(f, "--no-model", "--no-model", "Unknown");
	parse_fails(f, "--model", "--model ", "MODEL");
}

static void test_missing_value(void **state)
{
	struct fixture *f = *state;

	parse_fails(f, "--kernel", "--kernel ", "FILE");
	parse_fails(f, "x|-k", "-k ", "FILE");
	parse_fails(f, "--cpus", "--cpus ", "N");
	parse_fails(f, "-d|a|-d", "-d ", "SPEC");
	parse_fails(f, "--irqchip", "--irqchip ", "CHIP");
}

static void test_callback(void **state)
{
	struct fixture *f = *state;

	parse_ok(f, "--irqchip=gicv2|--debug|-Igicv3|--debug");
	assert_string_equal(f->config.irqchip, "gicv3");
	assert_int_equal(f->config.debug, 2);

	/* The callback's own error and message are all there is. */
	assert_int_equal(parse(f, "--irqchip=pic|--cpus=0"), -ENODEV);
	assert_int_equal(messages, 1);
	assert_string_equal(message, "No such irqchip: pic");
}

static void test_positional(void **state)
{
	struct fixture *f = *state;

	parse_ok(f, "Image|--rng|-|-c|2||second|--|--rng=1|-c|--|-h");
	assert_true(f->config.rng);
	assert_int_equal(f->config.cpus, 2);
	assert_int_equal(f->positional.count, 8);
	assert_ptr_equal(f->positional.items[0], f->argv[0]);
	assert_string_equal(f->positional.items[1], "-");
	assert_string_equal(f->positional.items[2], "");
	assert_string_equal(f->positional.items[3], "second");
	assert_string_equal(f->positional.items[4], "--rng=1");
	assert_string_equal(f->positional.items[5], "-c");
	assert_string_equal(f->positional.items[6], "--");
	assert_string_equal(f->positional.items[7], "-h");
	parse_ok(f, "--");
	assert_int_equal(f->positional.count, 0);
}

/* The command line of kvm-unit-tests' arm/run. */
static void test_kvm_unit_tests(void **state)
{
	struct fixture *f = *state;

	parse_ok(f, "--kernel|T.flat|--cpus|4|--params|a 'b' c|"
		    "--irqchip=gicv3-its");
	assert_string_equal(f->config.kernel, "T.flat");
	assert_string_equal(f->config.params, "a 'b' c");
	assert_string_equal(f->config.irqchip, "gicv3-its");
	assert_int_equal(f->config.cpus, 4);
}

static void test_help(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(parse(f, "--help"), OPTIONS_HELP);
	assert_int_equal(parse(f, "-h"), OPTIONS_HELP);
	/* What follows is not looked at any more. */
	assert_int_equal(parse(f, "--rng|x|-h|--bogus"), OPTIONS_HELP);
	assert_int_equal(messages, 0);
	parse_ok(f, "-p|--help|-k|-h");
	assert_string_equal(f->config.params, "--help");
	parse_fails(f, "--bogus|--help", "--bogus", "Unknown");
}

static void test_unknown(void **state)
{
	struct fixture *f = *state;
	char line[300];

	parse_fails(f, "--bogus", "Unknown option --bogus", "--help");
	parse_fails(f, "--bogus=value", "Unknown option --bogus,", "--help");
	parse_fails(f, "-x", "Unknown option -x", "--help");
	parse_fails(f, "-xyz", "Unknown option -xyz", "--help");
	parse_fails(f, "--=", "Unknown option --", "--help");
	parse_fails(f, "--=x", "Unknown option --", "--help");
	parse_fails(f, "---", "Unknown option ---", "--help");
	parse_fails(f, "--Kernel=x", "Unknown option --Kernel", "--kernel?");

	/* Around the longest name, and far beyond. */
	for (size_t len = 60; len < 70; len++) {
		memset(line, 'a', sizeof(line));
		memcpy(line, "--", 2);
		line[2 + len] = '\0';
		parse_fails(f, line, "Unknown option --aaaa", "--help");
	}
	memset(line + 2, 'a', sizeof(line) - 3);
	line[sizeof(line) - 1] = '\0';
	parse_fails(f, line, "Unknown option --aaaa", "--help");
	assert_true(strlen(message) < 128);
}

static void test_suggestions(void **state)
{
	struct fixture *f = *state;

	parse_fails(f, "--krenel=x", "--krenel,", "mean --kernel?");
	parse_fails(f, "--kernels", "--kernels,", "mean --kernel?");
	parse_fails(f, "--cpu=1", "--cpu,", "mean --cpus?");
	parse_fails(f, "--CPus", "--CPus,", "mean --cpus?");
	parse_fails(f, "--rgn", "--rgn,", "mean --rng?");
	parse_fails(f, "--nodhcp", "--nodhcp,", "mean --no-dhcp?");
	/* A prefix is no abbreviation, but a hint if it is the only one. */
	parse_fails(f, "--ker|x", "--ker,", "mean --kernel?");
	parse_fails(f, "--disable", "--disable,", "mean --disable-mte?");
	parse_fails(f, "--d=x", "--d,", "see --help");
	/* Three letters are too many, hidden ones are nobody's meaning. */
	parse_fails(f, "--kern3ls5=x", "--kern3ls5,", "see --help");
	parse_fails(f, "--hiden", "--hiden,", "see --help");
	parse_fails(f, "--hidde", "--hidde,", "see --help");
	/* Two wrong letters in a name of two leave nothing to go by. */
	parse_fails(f, "--xg", "--xg,", "see --help");
}

/* However long the value, the rest of the message is not pushed out. */
static void test_long_value(void **state)
{
	struct fixture *f = *state;
	char line[2000];

	memset(line, '7', sizeof(line));
	memcpy(line, "-c", 2);
	line[sizeof(line) - 1] = '\0';
	parse_fails(f, line, "-c: '777", "7' is not a number from 1 to 512");
	memcpy(line, "-D", 2);
	parse_fails(f, line, "-D takes no value", "7'");
}

static char *usage_text(const struct option_group *groups)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	options_usage(out, "lkvm run [<options>] [<kernel>]", groups);
	fclose(out);
	return text;
}

static void test_usage(void **state)
{
	static const struct option_def first[] = {
		OPT_STRING('k', "kernel", struct config, kernel, "FILE",
			   "Kernel to boot"),
		OPT_FLAG(0, "rng", struct config, rng, "Random  numbers"),
		OPT_FLAG(0, "force-pci", struct config, rng, NULL),
		OPT_END(),
	};
	static const struct option_def second[] = {
		OPT_U32('n', NULL, struct config, cpus, 0, 9, "N",
			"Short only"),
		OPT_STRING('m', "mem-is-long", struct config, params,
			   "SIZE[@ADDR]", "Fits not"),
		OPT_STRING(0, "abcdefghi", struct config, params, "JKLMNOPQRS",
			   "Fits"),
		OPT_STRING(0, "abcdefghi", struct config, params, "JKLMNOPQRST",
			   "Fits not"),
		OPT_CALLBACK('b', "may-have", parse_balloon, "[OPT...]",
			     "Optional"),
		OPT_FLAG('w', "wrapped", struct config, rng,
			 "This is wrapped where it reaches the last "
			 "column=: not earlier, not later, and again where "
			 "it does so a second time"),
		OPT_END(),
	};
	const struct option_group groups[] = { { "Boot", first },
					       { "Other", second },
					       { NULL, NULL } };
	char *text = usage_text(groups);

	(void)state;
	assert_string_equal(
		text,
		"Usage: lkvm run [<options>] [<kernel>]\n"
		"\n"
		"Boot:\n"
		"  -k, --kernel FILE           Kernel to boot\n"
		"      --rng                   Random numbers\n"
		"\n"
		"Other:\n"
		"  -n N                        Short only\n"
		"  -m, --mem-is-long SIZE[@ADDR]\n"
		"                              Fits not\n"
		"      --abcdefghi JKLMNOPQRS  Fits\n"
		"      --abcdefghi JKLMNOPQRST\n"
		"                              Fits not\n"
		"  -b, --may-have[=OPT...]     Optional\n"
		"  -w, --wrapped               This is wrapped where it "
		"reaches "
		"the last column=:\n"
		"                              not earlier, not later, and "
		"again where it does so\n"
		"                              a second time\n"
		"\n"
		"General options:\n"
		"  -h, --help                  Print this text\n");
	free(text);
}

/* Words of every length: a line is at most 80 columns unless one word is. */
static void test_usage_width(void **state)
{
	struct option_def defs[] = {
		OPT_FLAG(0, "flag", struct config, rng, NULL),
		OPT_END(),
	};
	const struct option_group groups[] = { { "", defs }, { NULL, NULL } };
	char help[1000];

	(void)state;
	defs[0].help = help;
	for (size_t word = 1; word <= 50; word++) {
		char *text, *line, *rest;

		memset(help, 'x', sizeof(help));
		for (size_t i = word; i < sizeof(help); i += word + 1)
			help[i] = ' ';
		help[sizeof(help) - 1] = '\0';
		text = usage_text(groups);
		rest = text;
		while ((line = strsep(&rest, "\n"))) {
			size_t len = strlen(line);

			assert_true(len <= 80);
			assert_true(!len || line[len - 1] != ' ');
		}
		free(text);
	}
}

#define OPTION_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		OPTION_TEST(test_nothing),
		OPTION_TEST(test_forms),
		OPTION_TEST(test_strings),
		OPTION_TEST(test_last_wins),
		OPTION_TEST(test_list),
		OPTION_TEST(test_flags),
		OPTION_TEST(test_optional_argument),
		OPTION_TEST(test_flag_with_value),
		OPTION_TEST(test_numbers),
		OPTION_TEST(test_bad_numbers),
		OPTION_TEST(test_u32_limit),
		OPTION_TEST(test_enum),
		OPTION_TEST(test_missing_value),
		OPTION_TEST(test_callback),
		OPTION_TEST(test_positional),
		OPTION_TEST(test_kvm_unit_tests),
		OPTION_TEST(test_help),
		OPTION_TEST(test_unknown),
		OPTION_TEST(test_suggestions),
		OPTION_TEST(test_long_value),
		cmocka_unit_test(test_usage),
		cmocka_unit_test(test_usage_width),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
