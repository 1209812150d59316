/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Messages to the user. All of them go to stderr, one write(2) each, so that
 * stdout carries the guest's bytes and nothing else. None waits for longer than
 * 100 ms for the reader of stderr: one that cannot be written by then is
 * dropped, and how many were is said as soon as one can be written again.
 */
#ifndef LKVM_UTIL_LOG_H
#define LKVM_UTIL_LOG_H

#include <stdatomic.h>

#include "lkvm/util/util.h"

enum log_level {
	LOG_LEVEL_ERROR,
	LOG_LEVEL_WARNING,
	LOG_LEVEL_INFO,
	LOG_LEVEL_DEBUG,
};

/*
 * Messages above `level` are dropped from now on; LOG_LEVEL_INFO is the
 * default. Any thread may call it. The level belongs to the process, as
 * stderr does.
 */
void log_set_level(enum log_level level);

/*
 * Puts the level called `name` ("error", "warning", "info", "debug") into
 * *level. Returns 0, or -EINVAL for another name.
 */
int log_level_parse(const char *name, enum log_level *level);

/* True if a message of this level is shown. */
bool log_enabled(enum log_level level);

/*
 * Prints one line; `fmt` has no newline at its end. Thread safe, not for
 * signal handlers. errno is kept.
 */
void log_print(enum log_level level, const char *fmt, ...) __printf(2, 3);

/*
 * What ends the program before a guest runs: shown at every level, with the
 * prefix " Fatal: " that programs which drive kvmtool look for. It only
 * prints; the caller returns the error.
 */
void pr_fatal(const char *fmt, ...) __printf(1, 2);

/*
 * While it is on, pr_fatal() of this thread prints at LOG_LEVEL_DEBUG: for what
 * is tried, and whose failure the caller reports, or can go on without.
 */
void log_demote_fatal(bool on);

#define pr_err(...)   log_print(LOG_LEVEL_ERROR, __VA_ARGS__)
#define pr_warn(...)  log_print(LOG_LEVEL_WARNING, __VA_ARGS__)
#define pr_info(...)  log_print(LOG_LEVEL_INFO, __VA_ARGS__)
#define pr_debug(...) log_print(LOG_LEVEL_DEBUG, __VA_ARGS__)

/*
 * A budget for messages that a guest can cause: RATELIMIT_BURST of them in
 * RATELIMIT_SECONDS. Zero-initialise it; one per kind of message and device.
 */
struct ratelimit {
	_Atomic(u64) window;  /* when the current one began, in seconds + 1 */
	_Atomic(u32) printed; /* messages let through in this window */
	_Atomic(u32) dropped; /* messages held back since the last shown one */
};

#define RATELIMIT_BURST	  5
#define RATELIMIT_SECONDS 5

/*
 * True if a message may be shown now; *dropped then holds how many were held
 * back before it. Thread safe; threads that race may let one message too many
 * through.
 */
bool ratelimit_allow(struct ratelimit *rl, u32 *dropped);

/* A warning that a guest can cause: rate limited, says how many it dropped. */
void pr_guest(struct ratelimit *rl, const char *fmt, ...) __printf(2, 3);

#endif
