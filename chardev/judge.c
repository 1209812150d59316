/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Judges a run by its console: see include/lkvm/chardev/judge.h. It knows
 * neither threads nor clocks; whoever feeds it says what time it is.
 *
 * Patterns are matched against lines (util/lines.c), each as a whole when it
 * has ended. A prompt does not end, so what there is of a line is looked at as
 * well once nothing has come for a moment; `$` is not found there.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "detect.h"
#include "dialog.h"
#include "lkvm/chardev/judge.h"
#include "lkvm/util/clock.h"
#include "lkvm/util/lines.h"

/* How long a line is left to grow before its beginning is looked at. */
#define PROMPT (20 * NS_PER_MS)

/* After --fail-on: what else the guest says of it is to be in its log. */
#define GRACE (500 * NS_PER_MS)

struct judge {
	const struct watch_config *config;
	const struct judge_ops *ops;
	void *opaque;
	u64 start, now;
	u64 bytes;
	struct lines lines;
	struct detector detector;
	struct dialog dialog; /* without a script there is none */
	bool talking;	      /* it has begun */
	struct judge_times times;
	u64 *seen; /* when each of --expect was */
	unsigned int nr_seen;

	u64 last_output;
	bool prompt; /* the line's beginning has been looked at */

	bool judged; /* there is a verdict */
	bool told;   /* and it has been said */
	u64 end_at;  /* when that is */
	enum outcome verdict;
	char detail[JUDGE_DETAIL];

	char tail[JUDGE_TAIL + 1];
	size_t nr_tail;
};

/* ---- Verdicts ------------------------------------------------------------ */

/* The first one counts. */
static void decide(struct judge *judge, enum outcome outcome, u64 end_at,
		   const char *detail)
{
	if (judge->judged)
		return;
	judge->judged = true;
	judge->verdict = outcome;
	judge->end_at = end_at;
	snprintf(judge->detail, sizeof(judge->detail), "%s", detail);
}

static void take_from_detector(struct judge *judge)
{
	if (judge->detector.found)
		decide(judge, judge->detector.outcome, judge->now,
		       judge->detector.detail);
}

static bool is_late(const struct judge *judge)
{
	return judge->config->timeout_boot && !judge->times.first_byte;
}

static u64 boot_limit(const struct judge *judge)
{
	return judge->start + judge->config->timeout_boot * NS_PER_SECOND;
}

/* ---- Lines --------------------------------------------------------------- */

/* Newest lines last; half of the oldest ones make room. */
static void keep_tail(struct judge *judge, const char *text, size_t len)
{
	size_t drop;

	len = MIN(len, (size_t)JUDGE_TAIL / 2 - 1);
	if (judge->nr_tail + len + 1 > JUDGE_TAIL) {
		const char *half = judge->tail + JUDGE_TAIL / 2 - 1;
		const char *end =
			memchr(half, '\n', judge->nr_tail - JUDGE_TAIL / 2 + 1);

		drop = end ? (size_t)(end - judge->tail) + 1 : judge->nr_tail;
		judge->nr_tail -= drop;
		memmove(judge->tail, judge->tail + drop, judge->nr_tail);
	}
	memcpy(judge->tail + judge->nr_tail, text, len);
	judge->nr_tail += len;
	judge->tail[judge->nr_tail++] = '\n';
	judge->tail[judge->nr_tail] = '\0';
}

static void look_for_failures(struct judge *judge, const char *text, int flags)
{
	const struct watch_patterns *list = &judge->config->fail_on;

	for (unsigned int i = 0; !judge->judged && i < list->count; i++)
		if (pattern_matches(&list->items[i], text, flags, NULL))
			decide(judge, OUTCOME_FAIL_ON, judge->now + GRACE,
			       text);
}

/* `text` is the last line of all that was expected, if that is so. */
static void look_for_end(struct judge *judge, const char *text)
{
	const struct dialog *dialog = &judge->dialog;

	if (judge->nr_seen < judge->config->expect.count ||
	    (dialog->script && !dialog_is_done(dialog)))
		return;
	decide(judge, OUTCOME_EXPECTED, judge->now, text);
}

/* In any order; each pattern is looked for until it is seen once. */
static void look_for_expected(struct judge *judge, const char *text, int flags)
{
	const struct watch_patterns *list = &judge->config->expect;

	for (unsigned int i = 0; i < list->count; i++) {
		if (judge->seen[i] ||
		    !pattern_matches(&list->items[i], text, flags, NULL))
			continue;
		judge->seen[i] = judge->now;
		judge->times.expected = judge->now;
		judge->nr_seen++;
		look_for_end(judge, text);
	}
}

static void talk(struct judge *judge, const char *text, int flags)
{
	struct dialog *dialog = &judge->dialog;

	if (!dialog->script || dialog_is_done(dialog))
		return;
	dialog_take(dialog, text, flags, judge->now);
	if (!dialog_is_done(dialog))
		return;
	judge->times.expected = judge->now;
	look_for_end(judge, text);
}

/* A line that is both is a failure. Nothing counts after a verdict. */
static void look_at(struct judge *judge, const char *text, int flags)
{
	if (judge->judged)
		return;
	look_for_failures(judge, text, flags);
	if (!judge->judged)
		look_for_expected(judge, text, flags);
	if (!judge->judged)
		talk(judge, text, flags);
}

/* A line is complete: util/lines.c calls this. */
static void end_line(struct lines *lines)
{
	struct judge *judge = container_of(lines, struct judge, lines);
	enum detect_phase phase;

	keep_tail(judge, lines->text, lines->len);
	phase = detect_line(&judge->detector, lines->text);
	if (phase == DETECT_FIRMWARE && !judge->times.firmware)
		judge->times.firmware = judge->now;
	if (phase == DETECT_KERNEL && !judge->times.kernel)
		judge->times.kernel = judge->now;
	look_at(judge, lines->text, 0);
	dialog_end_line(&judge->dialog);
	judge->prompt = false;
}

/* ---- Time ---------------------------------------------------------------- */

/* What there is of a line, when it has not grown for a moment. */
static u64 look_at_prompt(struct judge *judge)
{
	if (!judge->lines.len || judge->prompt)
		return UINT64_MAX;
	if (judge->now < judge->last_output + PROMPT)
		return judge->last_output + PROMPT;
	judge->prompt = true;
	look_at(judge, judge->lines.text, REG_NOTEOL);
	return UINT64_MAX;
}

static u64 look_at_detector(struct judge *judge, bool printed)
{
	u64 next;

	if (!watch_config_detects(judge->config))
		return UINT64_MAX;
	next = detect_time(&judge->detector, judge->now, printed,
			   judge->lines.len);
	take_from_detector(judge);
	return next;
}

/* Its first steps, and the time of the one that it is at. */
static u64 look_at_dialog(struct judge *judge)
{
	struct dialog *dialog = &judge->dialog;
	char text[JUDGE_DETAIL];

	if (!dialog->script || judge->judged)
		return UINT64_MAX;
	if (!judge->talking) {
		judge->talking = true;
		dialog_start(dialog, judge->now);
		if (dialog_is_done(dialog))
			look_for_end(judge, "");
	}
	if (judge->now < dialog_deadline(dialog))
		return dialog_deadline(dialog);
	dialog_explain(dialog, true, text, sizeof(text));
	decide(judge, OUTCOME_UNEXPECTED, judge->now, text);
	return UINT64_MAX;
}

/* `end` may be called from within. Returns when it is to be, if later. */
static u64 tell(struct judge *judge)
{
	if (!judge->judged || judge->told)
		return UINT64_MAX;
	if (judge->now < judge->end_at)
		return judge->end_at;
	judge->told = true;
	judge->ops->end(judge->opaque);
	return UINT64_MAX;
}

/* Each part says when it has to be called again; the earliest time counts. */
u64 judge_output(struct judge *judge, const u8 *buf, size_t len, u64 now)
{
	u64 next = UINT64_MAX;

	judge->now = now;
	if (len) {
		judge->bytes += len;
		judge->last_output = now;
		judge->prompt = false;
		if (!judge->times.first_byte)
			judge->times.first_byte = now;
		lines_add(&judge->lines, buf, len);
	}
	if (is_late(judge) && now >= boot_limit(judge))
		decide(judge, OUTCOME_BOOT_TIMEOUT, now, "");
	else if (is_late(judge))
		next = boot_limit(judge);
	next = MIN(next, look_at_prompt(judge));
	next = MIN(next, look_at_dialog(judge));
	next = MIN(next, look_at_detector(judge, len));
	return MIN(next, tell(judge));
}

void judge_reset(struct judge *judge, u64 now)
{
	judge->now = now;
	lines_flush(&judge->lines);
	judge->lines.escape = LINES_PLAIN;
	detect_reset(&judge->detector);
	if (watch_config_detects(judge->config))
		take_from_detector(judge);
	tell(judge);
}

/* ---- The end ------------------------------------------------------------- */

/* Something was expected, and has not come. */
static bool is_missing(const struct judge *judge)
{
	const struct dialog *dialog = &judge->dialog;

	return judge->nr_seen < judge->config->expect.count ||
	       (dialog->script && !dialog_is_done(dialog) &&
		!dialog_waits(dialog));
}

/* The first pattern that was not seen, or where the script has stopped. */
static void say_missing(const struct judge *judge, char text[JUDGE_DETAIL])
{
	unsigned int i = 0;

	if (judge->nr_seen == judge->config->expect.count) {
		dialog_explain(&judge->dialog, false, text, JUDGE_DETAIL);
		return;
	}
	while (judge->seen[i])
		i++;
	snprintf(text, JUDGE_DETAIL, "not seen: %s",
		 judge->config->expect.items[i].text);
}

/* The console shows a crash that the end comes of. */
static bool explains(const struct judge *judge, enum outcome ended)
{
	const struct detector *detector = &judge->detector;

	if (!watch_config_detects(judge->config) ||
	    !detect_end_by_reset(detector))
		return false;
	return ended == OUTCOME_RESET ||
	       (ended == OUTCOME_PANIC && detector->outcome == OUTCOME_PANIC);
}

/* What the guest did itself has a meaning beyond that. */
static void weigh(struct judge *judge, enum outcome ended)
{
	struct detector *detector = &judge->detector;
	char text[JUDGE_DETAIL];

	if (explains(judge, ended)) {
		decide(judge, detector->outcome, judge->now, detector->detail);
	} else if (ended != OUTCOME_CRASH && ended != OUTCOME_PANIC &&
		   is_missing(judge)) {
		say_missing(judge, text);
		decide(judge, OUTCOME_UNEXPECTED, judge->now, text);
	}
}

/*
 * A verdict that is to be told in a moment, or comes of the last output, comes
 * before what has happened since. The user's wish and failures stay as they
 * are.
 */
enum outcome judge_outcome(struct judge *judge, enum outcome ended, u64 now)
{
	bool by_guest = ended == OUTCOME_POWEROFF || ended == OUTCOME_RESET ||
			ended == OUTCOME_CRASH || ended == OUTCOME_PANIC ||
			ended == OUTCOME_GUEST;

	judge->now = now;
	lines_flush(&judge->lines);
	if (by_guest)
		weigh(judge, ended);
	else if (ended == OUTCOME_TIMEOUT && !judge->judged &&
		 is_missing(judge))
		say_missing(judge, judge->detail);
	if (by_guest || ended == OUTCOME_TIMEOUT)
		return judge->judged ? judge->verdict : ended;
	return ended;
}

enum outcome judge_verdict(const struct judge *judge)
{
	return judge->verdict;
}

const char *judge_detail(const struct judge *judge)
{
	return judge->detail;
}

const struct judge_times *judge_times(const struct judge *judge)
{
	return &judge->times;
}

u64 judge_seen(const struct judge *judge, unsigned int n)
{
	return judge->seen[n];
}

const char *judge_tail(const struct judge *judge)
{
	return judge->tail;
}

u64 judge_bytes(const struct judge *judge)
{
	return judge->bytes;
}

unsigned int judge_panics(const struct judge *judge)
{
	return judge->detector.panics;
}

/* ---- Its life ------------------------------------------------------------ */

static u64 cpu_time(struct detector *detector)
{
	struct judge *judge = container_of(detector, struct judge, detector);

	return judge->ops->cpu_time(judge->opaque);
}

static void send(struct dialog *dialog, const char *text, size_t len)
{
	struct judge *judge = container_of(dialog, struct judge, dialog);

	judge->ops->send(judge->opaque, text, len);
}

static void power(struct dialog *dialog)
{
	struct judge *judge = container_of(dialog, struct judge, dialog);

	judge->ops->power(judge->opaque);
}

struct judge *judge_create(const struct watch_config *config,
			   const struct script *script, u64 start,
			   const struct judge_ops *ops, void *opaque)
{
	struct judge *judge = calloc(1, sizeof(*judge));

	if (!judge)
		return NULL;
	judge->seen = calloc(config->expect.count + 1, sizeof(u64));
	if (!judge->seen) {
		free(judge);
		return NULL;
	}
	judge->config = config;
	judge->start = start;
	judge->ops = ops;
	judge->opaque = opaque;
	judge->lines.end = end_line;
	judge->detector.cpu_time = cpu_time;
	judge->dialog.script = script;
	judge->dialog.send = send;
	judge->dialog.power = power;
	return judge;
}

void judge_destroy(struct judge *judge)
{
	free(judge->seen);
	free(judge);
}
