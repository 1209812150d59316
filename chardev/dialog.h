/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A script that talks to a guest's console. */
#ifndef CHARDEV_DIALOG_H
#define CHARDEV_DIALOG_H

#include "lkvm/config/script.h"

/*
 * Zero-initialise it and set `script`, `send` and `power`. Times are in ns, of
 * a clock that only goes forward. Of one thread.
 */
struct dialog {
	const struct script *script; /* not owned */
	void (*send)(struct dialog *dialog, const char *text, size_t len);
	void (*power)(struct dialog *dialog);
	/* Private. */
	unsigned int at; /* the step */
	size_t from;	 /* bytes of the line that were looked at before */
	u64 deadline;	 /* of the step */
};

/* Does what comes before the first `expect`. */
void dialog_start(struct dialog *dialog, u64 now);

/*
 * The console shows a line, or its beginning, `flags` being those of regexec().
 * What has been found in it is not looked at again.
 */
void dialog_take(struct dialog *dialog, const char *text, int flags, u64 now);

/* The next text is that of another line. */
void dialog_end_line(struct dialog *dialog);

/* All has been done. */
bool dialog_is_done(const struct dialog *dialog);

/* All but that the guest is to end. */
bool dialog_waits(const struct dialog *dialog);

/* When the step has to be done; UINT64_MAX if there is none. */
u64 dialog_deadline(const struct dialog *dialog);

/* Says what was not done: of a step whose time is over, or which is left. */
void dialog_explain(const struct dialog *dialog, bool late, char *text,
		    size_t size);

#endif
