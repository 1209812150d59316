/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A file with what a console has shown. */
#ifndef LKVM_CHARDEV_TRANSCRIPT_H
#define LKVM_CHARDEV_TRANSCRIPT_H

#include "lkvm/config/console_log.h"

/* Zero-initialise it; of one thread at a time. */
struct transcript {
	const struct console_log_config *config;
	int fd;
	u64 start; /* time of 0 in its stamps, of clock_now() */
	/* Private. */
	u64 written;
	bool inside; /* of a line */
	bool ended;  /* nothing more is written */
};

/*
 * Opens the file, empty, for `config`, which outlives it. Returns 0, or -errno
 * after a fatal message.
 */
int transcript_open(struct transcript *transcript,
		    const struct console_log_config *config);

/*
 * Adds what the console shows at the time `now`. What cannot be written, within
 * a second if the file is a pipe, is the end of it, which a message says; so is
 * the limit of its size.
 */
void transcript_add(struct transcript *transcript, const u8 *buf, size_t len,
		    u64 now);

/* Closes the file, if it was opened. */
void transcript_close(struct transcript *transcript);

#endif
