/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a run is judged by, and where that is written: --expect, --fail-on and
 * the other options of "Console and outcome".
 */
#ifndef LKVM_CONFIG_WATCH_H
#define LKVM_CONFIG_WATCH_H

#include "lkvm/config/pattern.h"
#include "lkvm/util/util.h"

/* Seconds for which --timeout-boot and the like can wait. */
#define WATCH_MAX_SECONDS (100ULL * 365 * 24 * 3600)

struct watch_patterns {
	struct pattern *items;
	unsigned int count;
};

/* Whether crashes are looked for on the console. */
enum watch_detect {
	WATCH_DETECT_AUTO, /* if any other option is about the outcome */
	WATCH_DETECT_OFF,
	WATCH_DETECT_ON,
};

struct watch_config {
	struct watch_patterns expect;  /* all of them end the run well */
	struct watch_patterns fail_on; /* any of them ends it */
	u64 timeout_boot;	       /* seconds to the first byte; 0: none */
	u64 hang; /* seconds in which a guest gets on; 0: it need not */
	enum watch_detect detect;
	const char *result; /* file for the outcome, JSON; NULL: none */
	const char *junit;  /* the same as JUnit's XML */
	const char *script; /* file of what is said and expected; NULL: none */
};

/*
 * Appends the pattern `arg`, which is not copied. `option` is for the message.
 * Returns 0, or -EINVAL or -ENOMEM after a fatal message.
 */
int watch_pattern_add(struct watch_patterns *patterns, const char *option,
		      const char *arg);

/* Frees the patterns; all zero is allowed, and what is left. */
void watch_config_free(struct watch_config *config);

/* Whether there are options about the outcome: --detect is none by itself. */
static inline bool watch_config_has_wishes(const struct watch_config *config)
{
	return config->expect.count || config->fail_on.count ||
	       config->timeout_boot || config->result || config->junit ||
	       config->script || config->hang;
}

/* Whether crashes are looked for. */
static inline bool watch_config_detects(const struct watch_config *config)
{
	if (config->detect != WATCH_DETECT_AUTO)
		return config->detect == WATCH_DETECT_ON;
	return watch_config_has_wishes(config);
}

/* Whether anything here needs the console to be looked at. */
static inline bool watch_config_needs_console(const struct watch_config *config)
{
	return watch_config_detects(config) || watch_config_has_wishes(config);
}

#endif
