/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: chardev/judge.c chardev/detect.c chardev/dialog.c util/lines.c */
/* SOURCES: config/watch.c config/pattern.c config/list.c */
/* SOURCES: config/console_log.c config/script.c config/keyvalue.c */
/* SOURCES: util/names.c util/parse.c util/file.c */
/*
 * What a guest writes to its console, in pieces, with time that passes and
 * resets in between, before a judge who looks for all there is. The first byte
 * chooses what is expected. Each piece is a byte of its length, or what else
 * happens, and the bytes. There is one verdict at most, lines are whole
 * strings, and what is kept has a limit.
 */
#include <stdlib.h>
#include <string.h>

#include "lkvm/chardev/judge.h"
#include "lkvm/util/clock.h"
#include "lkvm/util/log.h"

#define CHECK(condition)          \
	do {                      \
		if (!(condition)) \
			abort();  \
	} while (0)

/* Lengths from here on are other things that happen. */
#define MAX_PIECE 0xe0

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

static unsigned int ends;
static u64 cpu;

void pr_fatal(const char *fmt, ...)
{
	(void)fmt;
	abort();
}

void log_print(enum log_level level, const char *fmt, ...)
{
	(void)level;
	(void)fmt;
}

static void end(void *opaque)
{
	(void)opaque;
	ends++;
}

static u64 cpu_time(void *opaque)
{
	(void)opaque;
	return cpu;
}

static void send(void *opaque, const char *text, size_t len)
{
	(void)opaque;
	CHECK(len == 4 && !memcmp(text, "sent", len));
}

static void power(void *opaque)
{
	(void)opaque;
}

static const struct judge_ops ops = { end, cpu_time, send, power };

static void configure(struct watch_config *config, struct script *script,
		      u8 what)
{
	static const char text[] = "expect a\nsend sent\nwithin 5\n"
				   "expect ^b*$\npower\nexpect \xff\nwait\n";

	memset(config, 0, sizeof(*config));
	memset(script, 0, sizeof(*script));
	config->detect = what & 1 ? WATCH_DETECT_OFF : WATCH_DETECT_ON;
	config->timeout_boot = what & 2 ? 3 : 0;
	if (what & 4)
		CHECK(!watch_pattern_add(&config->expect, "", "^x[0-9]+y?$"));
	if (what & 8)
		CHECK(!watch_pattern_add(&config->expect, "", "(ab|ba)+ "));
	if (what & 16)
		CHECK(!watch_pattern_add(&config->fail_on, "", "BUG|\t."));
	if (what & 32)
		CHECK(!script_parse(script, "", strdup(text)));
}

/* Time goes on, while vCPUs run or not. */
static u64 pass(struct judge *judge, u64 now, u8 how)
{
	u64 ns = (u64)(how & 15) * 300 * NS_PER_MS + 1;

	cpu += how & 16 ? ns : 0;
	judge_output(judge, NULL, 0, now + ns);
	return now + ns;
}

static void run(struct judge *judge, const u8 *data, size_t size)
{
	u64 now = NS_PER_SECOND;

	judge_output(judge, NULL, 0, now);
	while (size) {
		size_t len = *data++;

		size--;
		if (len == 0xff) {
			judge_reset(judge, now);
		} else if (len >= MAX_PIECE) {
			now = pass(judge, now, (u8)len);
		} else {
			len = MIN(len, size);
			CHECK(judge_output(judge, data, len, now) >= now);
			data += len;
			size -= len;
		}
		CHECK(ends <= 1);
		CHECK(strlen(judge_tail(judge)) <= JUDGE_TAIL);
		CHECK(strlen(judge_detail(judge)) < JUDGE_DETAIL);
	}
	CHECK(judge_outcome(judge, OUTCOME_KILLED, now) == OUTCOME_KILLED);
	CHECK(judge_outcome(judge, OUTCOME_POWEROFF, now) < NR_OUTCOMES);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct watch_config config;
	struct script script;
	struct judge *judge;

	if (!size)
		return 0;
	ends = 0;
	cpu = 0;
	configure(&config, &script, *data);
	judge = judge_create(&config, script.count ? &script : NULL,
			     NS_PER_SECOND, &ops, NULL);
	CHECK(judge);
	run(judge, data + 1, size - 1);
	judge_destroy(judge);
	watch_config_free(&config);
	script_free(&script);
	return 0;
}
