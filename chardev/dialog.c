/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Carries out a script (config/script.c) against the lines of a console. What
 * one `expect` has found the next one does not find again, but it may find what
 * follows in the same line.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "dialog.h"
#include "lkvm/util/clock.h"

/* The step, or NULL at the end. */
static struct script_step *current(const struct dialog *dialog)
{
	return dialog->at < dialog->script->count
		       ? &dialog->script->items[dialog->at]
		       : NULL;
}

/* Up to the next step that waits for the guest. */
static void proceed(struct dialog *dialog, u64 now)
{
	const struct script_step *step;

	for (step = current(dialog); step; step = current(dialog)) {
		if (step->kind == SCRIPT_EXPECT || step->kind == SCRIPT_WAIT)
			break;
		if (step->kind == SCRIPT_SEND)
			dialog->send(dialog, step->text, step->len);
		else
			dialog->power(dialog);
		dialog->at++;
	}
	dialog->deadline = step ? now + step->within * NS_PER_SECOND
				: UINT64_MAX;
}

void dialog_start(struct dialog *dialog, u64 now)
{
	proceed(dialog, now);
}

/* One line may have what several steps wait for. */
void dialog_take(struct dialog *dialog, const char *text, int flags, u64 now)
{
	struct script_step *step = current(dialog);
	size_t end;

	while (step && step->kind == SCRIPT_EXPECT) {
		if (!pattern_matches(&step->pattern, text + dialog->from,
				     flags | (dialog->from ? REG_NOTBOL : 0),
				     &end))
			return;
		pattern_drop(&step->pattern);
		dialog->from += end;
		dialog->at++;
		proceed(dialog, now);
		step = current(dialog);
	}
}

void dialog_end_line(struct dialog *dialog)
{
	dialog->from = 0;
}

bool dialog_is_done(const struct dialog *dialog)
{
	return !current(dialog);
}

bool dialog_waits(const struct dialog *dialog)
{
	const struct script_step *step = current(dialog);

	return step && step->kind == SCRIPT_WAIT;
}

u64 dialog_deadline(const struct dialog *dialog)
{
	return dialog->deadline;
}

void dialog_explain(const struct dialog *dialog, bool late, char *text,
		    size_t size)
{
	const struct script_step *step = current(dialog);
	char limit[48] = "";

	if (late)
		snprintf(limit, sizeof(limit), " within %" PRIu64 " s",
			 step->within);
	if (step->kind == SCRIPT_EXPECT)
		snprintf(text, size, "line %u of the script: not seen%s: %s",
			 step->line, limit, step->pattern.text);
	else
		snprintf(text, size,
			 "line %u of the script: the guest has not ended%s",
			 step->line, limit);
}
