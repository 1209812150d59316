/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The argument of --smbios: the type of a structure, and strings of it. Which
 * key belongs to which type is checked here; files are read by arm/boot.
 *
 * Called on the main thread for each --smbios, through the parser of key=value
 * (config/keyvalue.c). Of the texts only the length is checked here; whether
 * uuid= is one is for arm/boot.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lkvm/config/keyvalue.h"
#include "lkvm/config/smbios.h"
#include "lkvm/util/log.h"

/*
 * Sets of types: DMTF DSP0134, sections 7.2 (type 1), 7.4 (type 3) and 7.12
 * (type 11).
 */
#define SYSTEM	  BIT(SMBIOS_TYPE_SYSTEM)
#define ENCLOSURE BIT(SMBIOS_TYPE_ENCLOSURE)
#define OEM	  BIT(SMBIOS_TYPE_OEM)

#define TEXT(key, member) \
	KEY_STRING(key, struct smbios_config, member, SMBIOS_MAX_STRING)

enum {
	KEY_TYPE,
	KEY_MANUFACTURER,
	KEY_PRODUCT,
	KEY_VERSION,
	KEY_SERIAL,
	KEY_UUID,
	KEY_SKU,
	KEY_FAMILY,
	KEY_ASSET,
	KEY_VALUE,
	KEY_PATH,
};

static const struct key_def keys[] = {
	[KEY_TYPE] = KEY_U32("type", struct smbios_config, type, 1, 11,
			     "1 (system), 3 (enclosure) or 11 (OEM strings)"),
	[KEY_MANUFACTURER] = TEXT("manufacturer", manufacturer),
	[KEY_PRODUCT] = TEXT("product", product),
	[KEY_VERSION] = TEXT("version", version),
	[KEY_SERIAL] = TEXT("serial", serial),
	[KEY_UUID] = TEXT("uuid", uuid),
	[KEY_SKU] = TEXT("sku", sku),
	[KEY_FAMILY] = TEXT("family", family),
	[KEY_ASSET] = TEXT("asset", asset),
	[KEY_VALUE] = KEY_STRING("value", struct smbios_config, value,
				 SMBIOS_MAX_OEM),
	[KEY_PATH] = KEY_STRING("path", struct smbios_config, path, 0),
};

/* Bits of the types that have the key; all have the type. */
static const u64 types_of[ARRAY_SIZE(keys)] = {
	[KEY_TYPE] = UINT64_MAX,
	[KEY_MANUFACTURER] = SYSTEM | ENCLOSURE,
	[KEY_PRODUCT] = SYSTEM,
	[KEY_VERSION] = SYSTEM | ENCLOSURE,
	[KEY_SERIAL] = SYSTEM | ENCLOSURE,
	[KEY_UUID] = SYSTEM,
	[KEY_SKU] = SYSTEM | ENCLOSURE,
	[KEY_FAMILY] = SYSTEM,
	[KEY_ASSET] = ENCLOSURE,
	[KEY_VALUE] = OEM,
	[KEY_PATH] = OEM,
};

/* Several strings are several options: the table has them in that order. */
static const struct key_conflict conflicts[] = {
	{ KEY_VALUE, KEY_PATH, "the string comes from one of them" },
};

static const struct key_table table = {
	.option = "--smbios",
	.form = "type=1|3|11,KEY=TEXT...",
	.keys = keys,
	.nr_keys = ARRAY_SIZE(keys),
	.conflicts = conflicts,
	.nr_conflicts = ARRAY_SIZE(conflicts),
};

/* `what` and `key` are one sentence. Returns -EINVAL. */
static int bad(const char *arg, const char *what, const char *key)
{
	pr_fatal("--smbios %.256s: %s%s", arg, what, key);
	return -EINVAL;
}

/* The last key that is given and is none of the type's. */
static const char *foreign_key(const struct smbios_config *config)
{
	const char *found = NULL;

	for (size_t i = KEY_MANUFACTURER; i < ARRAY_SIZE(keys); i++) {
		const char *const *text =
			(const void *)((const char *)config + keys[i].offset);

		if (*text && !(types_of[i] & BIT(config->type)))
			found = keys[i].name;
	}
	return found;
}

/* Types that SMBIOS has and lkvm does not make are refused here. */
static int check(const struct smbios_config *config, const char *arg)
{
	u64 known = SYSTEM | ENCLOSURE | OEM;
	const char *key;

	if (!config->type)
		return bad(arg, "no type= is given: ", keys[KEY_TYPE].want);
	if (!(known & BIT(config->type)))
		return bad(arg, "type= has to be ", keys[KEY_TYPE].want);
	key = foreign_key(config);
	if (key)
		return bad(arg, "a structure of this type has no ", key);
	if (config->type == SMBIOS_TYPE_OEM && !config->path && !config->value)
		return bad(arg, "want one of value= and path=", "");
	return 0;
}

/* `strings` holds a copy of the argument, into which all the texts point. */
int smbios_config_parse(struct smbios_config *config, const char *arg)
{
	int ret;

	memset(config, 0, sizeof(*config));
	ret = keyvalue_parse(&table, arg, config, &config->strings);
	if (!ret)
		ret = check(config, arg);
	if (ret)
		smbios_config_free(config);
	return ret;
}

/* The texts are in `strings`; all else is part of the item. */
void smbios_config_free(struct smbios_config *config)
{
	free(config->strings);
	config->strings = NULL;
}
