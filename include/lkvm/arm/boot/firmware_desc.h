/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Firmware that is installed, by the descriptors that come with it: QEMU,
 * docs/interop/firmware.json. Distributions install one file for each use of
 * a firmware; administrators and users add their own, or hide others.
 */
#ifndef LKVM_ARM_BOOT_FIRMWARE_DESC_H
#define LKVM_ARM_BOOT_FIRMWARE_DESC_H

#include "lkvm/util/util.h"

struct json_value;

/* How code and variables lie in flash. */
enum firmware_mode {
	FIRMWARE_SPLIT,	    /* code read-only, variables in a file of its own */
	FIRMWARE_COMBINED,  /* both in one file, which is written to */
	FIRMWARE_STATELESS, /* one file, read-only: nothing is kept */
};

/* What is looked for: UEFI firmware that is mapped as flash, raw or qcow2. */
struct firmware_query {
	const char *architecture; /* as QEMU calls it: "aarch64" */
	/* Without a version: "virt" is what "virt-*" and "virt" stand for. */
	const char *machine;
	unsigned int modes; /* BIT(enum firmware_mode) of those that will do */
	/*
	 * NULL, or the one whose executable is this file, by whatever name.
	 * Then it is no matter for messages if there is none.
	 */
	const char *code;
	/* Features it has to have, or not; lists end in NULL; NULL: none. */
	const char *const *with;
	const char *const *without;
	/*
	 * Where to look, the most specific directory first; the list ends in
	 * NULL. NULL: the user's, /etc/qemu/firmware, /usr/share/qemu/firmware.
	 */
	const char *const *dirs;
};

/* What was found: absolute names. */
struct firmware_files {
	enum firmware_mode mode;
	char descriptor[4096];
	char code[4096]; /* the executable */
	char vars[4096]; /* FIRMWARE_SPLIT: what new variables are a copy of */
	char format[32]; /* after -ENOTSUP: what one of the files has */
};

/*
 * Finds the first descriptor, in the order of their file names, that fits and
 * whose files can be read. One that hides another of its name, be it empty,
 * counts in its place. Descriptors that make no sense, or name files that
 * cannot be read or whose format cannot, get a warning and are passed over.
 *
 * Returns 0 with *out, -ENOENT after a fatal message that says where it
 * looked (without one if query->code is set), or -ENOMEM.
 */
int firmware_desc_find(const struct firmware_query *query,
		       struct firmware_files *out);

/*
 * What one descriptor says. Returns 1 if it fits the query, with all of *out
 * but `descriptor`, 0 if not, -EINVAL with *what if it makes no sense, or
 * -ENOTSUP with *what and out->format if it fits, but for its files' format.
 */
int firmware_desc_match(const struct json_value *root,
			const struct firmware_query *query,
			struct firmware_files *out, const char **what);

#endif
