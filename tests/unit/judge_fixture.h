/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A judge with a guest's console, and time that passes as a test wants. */
#ifndef TESTS_JUDGE_FIXTURE_H
#define TESTS_JUDGE_FIXTURE_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lkvm/chardev/judge.h"
#include "lkvm/util/log.h"

#define MS     1000000ULL
#define SECOND 1000000000ULL
#define START  (5 * SECOND)

static struct {
	struct watch_config config;
	struct judge *judge;
	u64 now, next, cpu;
	bool busy;
	unsigned int ends, presses;
	struct script script;
	char sent[128];
} t;

void pr_fatal(const char *fmt, ...)
{
	(void)fmt;
}

void log_print(enum log_level level, const char *fmt, ...)
{
	(void)level;
	(void)fmt;
}

static inline void end(void *opaque)
{
	assert_ptr_equal(opaque, &t);
	t.ends++;
}

static inline u64 cpu_time(void *opaque)
{
	assert_ptr_equal(opaque, &t);
	return t.cpu;
}

static inline void send(void *opaque, const char *text, size_t len)
{
	assert_ptr_equal(opaque, &t);
	strncat(t.sent, text, len);
}

static inline void power(void *opaque)
{
	assert_ptr_equal(opaque, &t);
	t.presses++;
}

static inline int setup(void **state)
{
	(void)state;
	memset(&t, 0, sizeof(t));
	t.now = START;
	t.next = UINT64_MAX;
	return 0;
}

static inline int teardown(void **state)
{
	(void)state;
	if (t.judge)
		judge_destroy(t.judge);
	watch_config_free(&t.config);
	script_free(&t.script);
	return 0;
}

static inline void expect_pattern(const char *regex)
{
	assert_int_equal(watch_pattern_add(&t.config.expect, "", regex), 0);
}

static inline void fail_on(const char *regex)
{
	assert_int_equal(watch_pattern_add(&t.config.fail_on, "", regex), 0);
}

static inline void begin(void)
{
	static const struct judge_ops ops = { end, cpu_time, send, power };

	t.judge = judge_create(&t.config, t.script.count ? &t.script : NULL,
			       START, &ops, &t);
	assert_non_null(t.judge);
	t.next = judge_output(t.judge, NULL, 0, t.now);
}

static inline void begin_detecting(void)
{
	t.config.detect = WATCH_DETECT_ON;
	begin();
}

static inline void print(const char *text)
{
	t.next = judge_output(t.judge, (const u8 *)text, strlen(text), t.now);
}

/* As whoever calls the judge does it: at the times that it has asked for. */
static inline void pass(u64 ns)
{
	u64 until = t.now + ns;

	while (t.now < until) {
		u64 step = MIN(t.next, until) - t.now;

		t.now += step;
		t.cpu += t.busy ? step : 0;
		if (t.now >= t.next)
			t.next = judge_output(t.judge, NULL, 0, t.now);
	}
}

static inline void assert_running(void)
{
	assert_int_equal(t.ends, 0);
}

static inline void assert_verdict(enum outcome outcome, const char *detail)
{
	assert_int_equal(t.ends, 1);
	assert_int_equal(judge_verdict(t.judge), outcome);
	assert_string_equal(judge_detail(t.judge), detail);
}

static inline enum outcome ended(enum outcome outcome)
{
	return judge_outcome(t.judge, outcome, t.now);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

#endif
