/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is said to a guest's console, and expected of it: the file of --script.
 */
#ifndef LKVM_CONFIG_SCRIPT_H
#define LKVM_CONFIG_SCRIPT_H

#include "lkvm/config/pattern.h"

/* Bytes of a script, and of what it sends at once. */
#define SCRIPT_MAX SZ_1M

/* Seconds for which an `expect` waits before the first `within`. */
#define SCRIPT_WITHIN 60

enum script_kind {
	SCRIPT_EXPECT, /* go on when a line shows `pattern` */
	SCRIPT_SEND,   /* type `text` */
	SCRIPT_POWER,  /* press the power key */
	SCRIPT_WAIT,   /* for the guest to end */
};

struct script_step {
	enum script_kind kind;
	unsigned int line;	/* of the file, from 1 on */
	struct pattern pattern; /* of `expect` */
	const char *text;	/* what `send` sends, which may have zeros */
	size_t len;
	u64 within; /* seconds, of `expect` and `wait` */
};

/* Zero-initialise it. */
struct script {
	struct script_step *items;
	unsigned int count;
	char *content; /* what the pointers point into */
};

/*
 * Reads a script. Returns 0; the caller calls script_free(). Else -errno after
 * a fatal message that names the line.
 */
int script_read(struct script *script, const char *path);

/* The same of `content`, which is the script's from here on. */
int script_parse(struct script *script, const char *path, char *content);

void script_free(struct script *script);

#endif
