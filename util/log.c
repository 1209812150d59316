/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Messages to the user, on stderr. The thread that prints may be the event
 * loop, or a vCPU that holds a device's lock, so it must not be blocked by a
 * reader that has stopped: a message waits WAIT_MS for it, and those after a
 * lost one do not wait until one can be written again, which is preceded by the
 * number of those that were lost.
 *
 * Level and counters belong to the process, as stderr does; they are atomic,
 * and no lock is taken.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lkvm/util/log.h"
#include "lkvm/util/output.h"

#define LINE_SIZE 1024 /* bytes, longer messages are cut; below PIPE_BUF */
#define WAIT_MS	  100

/*
 * Names for --loglevel, and prefixes in the style of kvmtool's messages.
 */
static const struct {
	const char *name;
	const char *prefix;
} levels[] = {
	[LOG_LEVEL_ERROR] = { "error", " Error: " },
	[LOG_LEVEL_WARNING] = { "warning", " Warning: " },
	[LOG_LEVEL_INFO] = { "info", " Info: " },
	[LOG_LEVEL_DEBUG] = { "debug", " Debug: " },
};

/* Levels above this one are not printed. */
static __thread bool fatal_is_demoted; /* see log_demote_fatal() */
static _Atomic(int) max_level = LOG_LEVEL_INFO;

/* Messages that could not be written since the last one that could be. */
static _Atomic(u32) nr_lost;

void log_set_level(enum log_level level)
{
	atomic_store(&max_level, (int)level);
}

bool log_enabled(enum log_level level)
{
	return (int)level <= atomic_load(&max_level);
}

int log_level_parse(const char *name, enum log_level *level)
{
	for (size_t i = 0; i < ARRAY_SIZE(levels); i++) {
		if (!strcmp(name, levels[i].name)) {
			*level = (enum log_level)i;
			return 0;
		}
	}
	return -EINVAL;
}

/* Reports how many messages are missing at this place of the log. */
static int put_lost(u32 lost)
{
	char line[80];
	int len = snprintf(line, sizeof(line),
			   " Warning: %u messages were lost here: stderr could "
			   "not be written\n",
			   lost);

	return output_write(STDERR_FILENO, line, (size_t)len, 0, NULL);
}

/*
 * One write for the whole line: lines of several threads, and of lkvm and its
 * children, then never mix.
 */
static void put_line(const char *line, size_t len)
{
	u32 lost = atomic_exchange(&nr_lost, 0);

	unsigned int ms = lost ? 0 : WAIT_MS;

	/* Those that have been reported are not counted again. */
	if (lost && !put_lost(lost))
		lost = 0;
	if (lost || output_write(STDERR_FILENO, line, len, ms, NULL))
		atomic_fetch_add(&nr_lost, lost + 1);
}

/* errno survives, so that a caller may print first and return -errno after. */
static __printf(2, 0) void write_line(const char *prefix, const char *fmt,
				      va_list args)
{
	char line[LINE_SIZE];
	int saved_errno = errno;
	size_t len = (size_t)snprintf(line, sizeof(line), "%s", prefix);
	int n = vsnprintf(line + len, sizeof(line) - len, fmt, args);

	if (n > 0)
		len = MIN(len + (size_t)n, sizeof(line) - 2);
	line[len++] = '\n';
	put_line(line, len);
	errno = saved_errno;
}

void log_print(enum log_level level, const char *fmt, ...)
{
	va_list args;

	if (!log_enabled(level))
		return;
	va_start(args, fmt);
	write_line(levels[level].prefix, fmt, args);
	va_end(args);
}

void log_demote_fatal(bool on)
{
	fatal_is_demoted = on;
}

void pr_fatal(const char *fmt, ...)
{
	va_list args;

	if (fatal_is_demoted && !log_enabled(LOG_LEVEL_DEBUG))
		return;
	va_start(args, fmt);
	write_line(fatal_is_demoted ? levels[LOG_LEVEL_DEBUG].prefix
				    : " Fatal: ",
		   fmt, args);
	va_end(args);
}

/*
 * Coarse, as it needs no more than seconds and is read for each message a guest
 * causes. Plus 1: a window of 0 means that none has begun.
 */
static u64 now_seconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &ts);
	return (u64)ts.tv_sec + 1;
}

/*
 * Fixed windows, without a lock: two threads that open one at once let a
 * message too many through, which does no harm.
 */
bool ratelimit_allow(struct ratelimit *rl, u32 *dropped)
{
	u64 now = now_seconds();
	u64 window = atomic_load(&rl->window);

	if (now - window >= RATELIMIT_SECONDS || !window) {
		atomic_store(&rl->window, now);
		atomic_store(&rl->printed, 0);
	}
	if (atomic_fetch_add(&rl->printed, 1) >= RATELIMIT_BURST) {
		atomic_fetch_add(&rl->dropped, 1);
		return false;
	}
	*dropped = atomic_exchange(&rl->dropped, 0);
	return true;
}

/* The budget is spent only on messages that the level lets through. */
void pr_guest(struct ratelimit *rl, const char *fmt, ...)
{
	char text[LINE_SIZE / 2];
	u32 dropped;
	va_list args;

	if (!log_enabled(LOG_LEVEL_WARNING) || !ratelimit_allow(rl, &dropped))
		return;
	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	if (dropped)
		pr_warn("%s (%u more like this were not shown)", text, dropped);
	else
		pr_warn("%s", text);
}
