/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The argument of --flash: a file, and how the bank uses it. Whether the file
 * exists and fits the machine is checked when hw/flash/ opens it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lkvm/config/flash.h"
#include "lkvm/config/keyvalue.h"
#include "lkvm/util/parse.h"

/* Indices of the keys, in the order in which messages list them. */
enum {
	FLASH_FILE,
	FLASH_RO,
	FLASH_SNAPSHOT,
	FLASH_CREATE,
	FLASH_TEMPLATE,
	FLASH_SIZE,
	FLASH_SYNC,
	FLASH_FAIL,
	FLASH_CUT,
	FLASH_LABEL,
	FLASH_XIP,
};

static const char *const sync_names[] = {
	[FLASH_SYNC_ORDERED] = "ordered",
	[FLASH_SYNC_STRICT] = "strict",
	[FLASH_SYNC_NONE] = "none",
};

/* erase:N and program:N; each has its own N. */
static int parse_fail(const char *value, void *item)
{
	static const char erase[] = "erase:", program[] = "program:";
	struct flash_config *config = item;

	if (!strncmp(value, erase, sizeof(erase) - 1))
		return parse_u64(value + sizeof(erase) - 1, 1, UINT64_MAX,
				 &config->fail_erase);
	if (!strncmp(value, program, sizeof(program) - 1))
		return parse_u64(value + sizeof(program) - 1, 1, UINT64_MAX,
				 &config->fail_program);
	return -EINVAL;
}

/*
 * All of a key: what it takes, where the value is stored, and what the message
 * about a refused value says.
 */
static const struct key_def keys[] = {
	[FLASH_FILE] = KEY_STRING("FILE", struct flash_config, path, 0),
	[FLASH_RO] = KEY_FLAG("ro", struct flash_config, readonly),
	[FLASH_SNAPSHOT] = KEY_FLAG("snapshot", struct flash_config, snapshot),
	[FLASH_CREATE] = KEY_FLAG("create", struct flash_config, create),
	[FLASH_TEMPLATE] =
		KEY_STRING("template", struct flash_config, template, 0),
	[FLASH_SIZE] = KEY_SIZE("size", struct flash_config, size, 1,
				UINT64_MAX, is_power_of_2,
				"a power of two, such as 2M"),
	[FLASH_SYNC] = KEY_ENUM("sync", struct flash_config, sync, sync_names),
	[FLASH_FAIL] = KEY_CALLBACK("fail", parse_fail,
				    "erase:N or program:N, counted from 1"),
	[FLASH_CUT] = KEY_U64("cut", struct flash_config, cut, 1, UINT64_MAX,
			      "the number of a program or erase, counted from "
			      "1"),
	[FLASH_LABEL] = KEY_STRING("label", struct flash_config, label,
				   FLASH_MAX_LABEL),
	[FLASH_XIP] = KEY_FLAG("xip", struct flash_config, xip),
};

/*
 * What has no meaning together. A pair that would be accepted with one of the
 * two ignored hides a mistake: the user finds out when the data is lost.
 */
static const struct key_conflict conflicts[] = {
	{ FLASH_RO, FLASH_SNAPSHOT, "with ro the guest cannot write" },
	{ FLASH_RO, FLASH_CREATE, "a new file would stay erased" },
	{ FLASH_RO, FLASH_TEMPLATE, "name the template as FILE" },
	{ FLASH_RO, FLASH_SYNC, "nothing is written" },
	{ FLASH_RO, FLASH_FAIL, "each program and erase fails" },
	{ FLASH_RO, FLASH_CUT, "nothing is programmed or erased" },
	{ FLASH_SNAPSHOT, FLASH_CREATE, "no file is written" },
	{ FLASH_SNAPSHOT, FLASH_TEMPLATE, "name the template as FILE" },
	{ FLASH_SNAPSHOT, FLASH_SYNC, "no file is written" },
	{ FLASH_SNAPSHOT, FLASH_CUT, "no file would have what it leaves" },
	{ FLASH_CREATE, FLASH_TEMPLATE, "a new file is erased or a copy" },
};

static const struct key_table table = {
	.option = "--flash",
	.form = "FILE[,OPT...]",
	.keys = keys,
	.nr_keys = ARRAY_SIZE(keys),
	.nr_positional = 1,
	.conflicts = conflicts,
	.nr_conflicts = ARRAY_SIZE(conflicts),
};

/* All defaults are zero: a bank that is written to, as large as its file. */
int flash_config_parse(struct flash_config *config, const char *arg)
{
	memset(config, 0, sizeof(*config));
	return keyvalue_parse(&table, arg, config, &config->strings);
}

void flash_config_free(struct flash_config *config)
{
	free(config->strings);
	config->strings = NULL;
}
