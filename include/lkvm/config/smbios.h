/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the guest reads about its machine: the argument of --smbios. */
#ifndef LKVM_CONFIG_SMBIOS_H
#define LKVM_CONFIG_SMBIOS_H

#include "lkvm/util/util.h"

/* DSP0134 3.0, section 7: structures whose strings can be chosen. */
#define SMBIOS_TYPE_SYSTEM    1
#define SMBIOS_TYPE_ENCLOSURE 3
#define SMBIOS_TYPE_OEM	      11 /* "OEM Strings" */

#define SMBIOS_MAX_STRING 1024	       /* bytes, but of OEM strings */
#define SMBIOS_MAX_OEM	  (48 * SZ_1K) /* bytes of all OEM strings together */

/* One `--smbios type=N,KEY=TEXT...`. A text that is not named is NULL. */
struct smbios_config {
	u32 type;
	const char *manufacturer, *product, *version, *serial, *sku, *family;
	const char *uuid;  /* in the usual form */
	const char *asset; /* of the enclosure: its asset tag */
	const char *value; /* of type 11: the string, */
	const char *path;  /* or the file that has it */
	char *strings;	   /* what the pointers point into */
};

struct smbios_list {
	struct smbios_config *items;
	unsigned int count;
};

/*
 * Parses the argument, with QEMU's names of types and keys. Returns 0; the
 * caller calls smbios_config_free() then. Else -EINVAL or -ENOMEM after a fatal
 * message.
 */
int smbios_config_parse(struct smbios_config *config, const char *arg);

/* Frees the strings. A copy of *config has the same ones. */
void smbios_config_free(struct smbios_config *config);

#endif
