/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reads /settings: strings "key=value", each with a zero at its end. The lkvm
 * that writes the file has this program in itself, so both know the same keys.
 */
#include "settings.h"

#include "lib.h"

/* As much as arm/root/initramfs.c makes. */
static char text[4 * 1024 * 1024 + 1];
static size_t text_len;

/* A key may occur several times, as "arg" does. */
void settings_each(const char *key,
		   void (*use)(const char *value, void *opaque), void *opaque)
{
	for (const char *s = text; s < text + text_len; s += strlen(s) + 1) {
		const char *value = after(s, key);

		if (value && *value == '=')
			use(value + 1, opaque);
	}
}

static void use_string(const char *value, void *opaque)
{
	*(const char **)opaque = value;
}

static void use_number(const char *value, void *opaque)
{
	*(unsigned int *)opaque = to_number(value);
}

static void use_output(const char *value, void *opaque)
{
	struct settings *settings = opaque;

	settings->plain_output = is_equal(value, "plain");
}

static void use_input(const char *value, void *opaque)
{
	struct settings *settings = opaque;

	settings->plain_input = is_equal(value, "plain");
	settings->no_input = is_equal(value, "none");
}

static void use_arg(const char *value, void *opaque)
{
	struct settings *settings = opaque;

	if (settings->nr_args == MAX_ARGS) {
		say("the command has too many arguments", NULL);
		power_off();
	}
	/* execve(2) does not change it. */
	settings->args[settings->nr_args++] = text + (value - text);
}

/* The values stay in `text`, to which the settings point. */
void settings_read(struct settings *settings)
{
	const struct {
		const char *key;
		const char **to;
	} strings[] = {
		{ "tag", &settings->tag },
		{ "release", &settings->release },
		{ "name", &settings->name },
		{ "dir", &settings->dir },
		{ "hostfs", &settings->hostfs },
		{ "term", &settings->term },
		{ "init", &settings->init },
		{ "status", &settings->status },
		{ "stdin", &settings->input },
	};
	long len = read_file("/settings", text, sizeof(text));

	if (len < 0)
		say("/settings: ", error_name((int)len), NULL);
	text_len = len < 0 ? 0 : (size_t)len;
	for (size_t i = 0; i < sizeof(strings) / sizeof(strings[0]); i++)
		settings_each(strings[i].key, use_string,
			      (void *)strings[i].to);
	settings_each("rows", use_number, &settings->rows);
	settings_each("cols", use_number, &settings->cols);
	settings_each("output", use_output, settings);
	settings_each("input", use_input, settings);
	settings_each("arg", use_arg, settings);
}
