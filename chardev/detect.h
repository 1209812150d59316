/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Crashes of a guest, by what its console shows. */
#ifndef CHARDEV_DETECT_H
#define CHARDEV_DETECT_H

#include "lkvm/config/outcome.h"

/* Bytes of the line that says what has happened, cut there. */
#define DETECT_DETAIL 256

/* What has been seen for the first time since the guest was started. */
enum detect_phase {
	DETECT_NOTHING,
	DETECT_FIRMWARE, /* a line of firmware that says what it is */
	DETECT_KERNEL, /* one of Linux, or firmware leaves the machine to it */
};

/*
 * Zero-initialise it and set `cpu_time`. Times are in ns, of a clock that only
 * goes forward. Of one thread.
 */
struct detector {
	/* How long the vCPUs have run so far, all together. */
	u64 (*cpu_time)(struct detector *detector);
	/* The outcome, once there is one, and the line that shows it. */
	bool found;
	enum outcome outcome;
	char detail[DETECT_DETAIL];
	unsigned int panics; /* after which the guest has reset itself */

	/* Private from here on. A crash that the console may have shown: */
	bool suspected;
	bool closed;	      /* nothing more is to come of it */
	unsigned int lines;   /* since then */
	unsigned int idle;    /* how often the vCPUs did not run in a silence */
	u64 quiet, quiet_cpu; /* since when nothing was printed */
	/* Since the last reset. */
	bool kernel;
	u64 hash;
	unsigned int nr_lines;
	/* The same of the time before it, and how often it was like that. */
	u64 last_hash;
	unsigned int same;
};

/* A line is complete. What it is the first line of. */
enum detect_phase detect_line(struct detector *detector, const char *line);

/* The guest has reset itself. */
void detect_reset(struct detector *detector);

/*
 * Time has passed, to be called after each output, with `printed`, and as often
 * as this returns a time, at that time; UINT64_MAX: not before the next output.
 * `prompt`: there is a line that is not complete.
 */
u64 detect_time(struct detector *detector, u64 now, bool printed, bool prompt);

/*
 * Whether the guest, which has asked for a reset that ends the run, did so
 * because of a crash: `outcome` is that.
 */
bool detect_end_by_reset(const struct detector *detector);

#endif
