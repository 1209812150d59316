/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Judges a guest's output, which lib/console.c of the guest formats as lines:
 *
 *	not ok TEXT			a check that failed
 *	note NAME TEXT			a value to be shown
 *	litmus NAME COUNT...		how often each outcome was seen
 *	code TEXT			belongs to the failure before
 *	DONE passed=N failed=N		the end
 *
 * with dots before any of them, which show that the guest still runs. Lines of
 * other kinds are checks that passed. A guest that does not print DONE has
 *failed.
 *
 * Which outcomes the architecture forbids: Arm ARM (DDI 0487), B2.3, and for
 * devices that cause exits what lkvm guarantees: the accesses of a vCPU are
 * executed in its program order, barriers included.
 *
 * Pure text and numbers, no KVM: unit tests build it natively. Main thread.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "judge.h"

/*
 * Outcomes, as indices of their counts: r0 + 2 * r1. Each rule names the one
 * that is forbidden; ALL_ALLOWED is for tests that only show what occurs.
 */
enum {
	R0_ONLY = 1,
	NEITHER = 0,
	BOTH = 3,
	ALL_ALLOWED = 4,
};

static const struct litmus_rule {
	const char *name;
	unsigned int forbidden;
	bool flash; /* it is one of those that need the flash */
} rules[] = {
	{ "MP", ALL_ALLOWED, false },
	{ "MP+dmb", R0_ONLY, false },
	{ "MP+dmb+ctrlisb", R0_ONLY, false },
	{ "MP+rel+acq", R0_ONLY, false },
	{ "SB", ALL_ALLOWED, false },
	{ "SB+dmb", NEITHER, false },
	/* Forbidden, but QEMU's TCG shows it, and lkvm is not involved. */
	{ "SB+rel+acq", ALL_ALLOWED, false },
	{ "LB", ALL_ALLOWED, false },
	{ "LB+dmb", BOTH, false },
	{ "LB+acq", BOTH, false },
	{ "MP+batch", ALL_ALLOWED, false },
	{ "MP+dmb+batch-writes", R0_ONLY, false },
	{ "MP+dmb+batch-reads", R0_ONLY, false },
	{ "MP+dmb+ctrlisb+batch-reads", R0_ONLY, false },
	{ "MP+dmb+batch-both", R0_ONLY, false },
	{ "SB+dmb+batch", NEITHER, false },
	{ "SB+dmb+batch-both", NEITHER, false },
	{ "LB+dmb+batch", BOTH, false },
	{ "MP-device", ALL_ALLOWED, false },
	{ "MP-device+dmb", R0_ONLY, false },
	{ "MP-device+dmb+batch", R0_ONLY, false },
	{ "MP-flash-ram+dmb", R0_ONLY, true },
	{ "MP-flash-device+dmb", R0_ONLY, true },
};

static const struct litmus_rule *find_rule(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(rules); i++)
		if (!strcmp(rules[i].name, name))
			return &rules[i];
	return NULL;
}

void judge_litmus(struct test_result *result, const char *name,
		  const u64 counts[4])
{
	const struct litmus_rule *rule = find_rule(name);

	result_note(result, name,
		    "00: %" PRIu64 ", 10: %" PRIu64 ", 01: %" PRIu64
		    ", 11: %" PRIu64,
		    counts[0], counts[1], counts[2], counts[3]);
	if (!rule)
		result_fail(result, "%s: an unknown litmus test", name);
	else if (!(counts[0] + counts[1] + counts[2] + counts[3]))
		result_fail(result, "%s: no outcome was seen", name);
	else if (rule->forbidden < ALL_ALLOWED && counts[rule->forbidden])
		result_fail(result,
			    "%s: an outcome that is forbidden was seen: %u%u",
			    name, rule->forbidden & 1, rule->forbidden >> 1);
}

/* Each time that a litmus test was seen it has left a note of its name. */
static unsigned int count_notes(const struct test_result *result,
				const char *name)
{
	unsigned int n = 0;

	for (size_t i = 0; i < result->nr_notes; i++)
		n += !strcmp(result->notes[i].name, name);
	return n;
}

void judge_litmus_complete(struct test_result *result, bool flash,
			   unsigned int runs)
{
	for (size_t i = 0; i < ARRAY_SIZE(rules); i++)
		if (rules[i].flash == flash &&
		    count_notes(result, rules[i].name) < runs)
			result_fail(result, "%s: it was not run",
				    rules[i].name);
}

static void judge_litmus_line(struct test_result *result, const char *line)
{
	char name[32];
	u64 counts[4];

	if (sscanf(line,
		   "litmus %31s %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64,
		   name, &counts[0], &counts[1], &counts[2], &counts[3]) == 5)
		judge_litmus(result, name, counts);
	else
		result_fail(result, "a line that makes no sense: %.80s", line);
}

static bool starts_with(const char *line, const char *word)
{
	return !strncmp(line, word, strlen(word));
}

/* "note NAME TEXT": the name has no space in it. */
static void note_line(struct test_result *result, char *line)
{
	char *name = line + strlen("note ");
	char *text = strchr(name, ' ');

	if (text)
		*text++ = '\0';
	result_note(result, name, "%s", text ? text : "");
}

/* True for the DONE line of a program whose checks were all good. */
static bool judge_line(struct test_result *result, char *line)
{
	unsigned int passed, failed;

	if (starts_with(line, "not ok "))
		result_fail(result, "%s", line + strlen("not ok "));
	else if (starts_with(line, "note "))
		note_line(result, line);
	else if (starts_with(line, "litmus "))
		judge_litmus_line(result, line);
	else if (starts_with(line, "code "))
		result_note(result, "code", "%s", line + strlen("code "));
	else if (sscanf(line, "DONE passed=%u failed=%u", &passed, &failed) ==
		 2)
		return passed && !failed;
	return false;
}

/* The last line counts: output after DONE means that the guest went on. */
void judge_console(struct test_result *result, char *console)
{
	bool done = false;
	char *save = NULL;

	for (char *line = strtok_r(console, "\r\n", &save); line;
	     line = strtok_r(NULL, "\r\n", &save)) {
		line += strspn(line, ".");
		if (*line)
			done = judge_line(result, line);
	}
	if (!done && result->verdict != TEST_FAILED)
		result_fail(result, "the guest did not come to its end");
}
