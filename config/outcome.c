/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The one table of how a run can end. A number is never given another meaning:
 * scripts depend on it. Those up to 5, 124 and 130 come without any option; the
 * others need one that has lkvm look at the console or the vCPUs, or that adds
 * a device by which the guest says it. The last one's number is the guest's.
 *
 * 126 to 128 are left to shells, and what is above to signals, as 130 is that
 * of SIGINT.
 */
#include <string.h>

#include "lkvm/config/outcome.h"
#include "lkvm/exit_status.h"

/* Columns of a terminal, and where sentences begin. */
#define LAST_COLUMN 80
#define TEXT_COLUMN 24

static const struct outcome_row rows[NR_OUTCOMES] = {
	[OUTCOME_POWEROFF] = { "power-off", EXIT_STATUS_POWEROFF, true, true,
			       "The guest powered itself off." },
	[OUTCOME_EXPECTED] = { "expected", EXIT_STATUS_POWEROFF, true, true,
			       "The console has shown all that --expect or "
			       "--script wants; the guest was then ended." },
	[OUTCOME_SETUP] = { "setup", EXIT_STATUS_SETUP, false, false,
			    "Something could not be set up: a file, KVM, "
			    "memory; or results could not be written." },
	[OUTCOME_USAGE] = { "usage", EXIT_STATUS_USAGE, false, false,
			    "The command line is wrong." },
	[OUTCOME_RESET] = { "reset", EXIT_STATUS_RESET, false, true,
			    "The guest asked for a reset, and there is "
			    "--no-reboot." },
	[OUTCOME_CRASH] = { "crash", EXIT_STATUS_CRASH, false, true,
			    "The guest told KVM that it has crashed." },
	[OUTCOME_FAILURE] = { "failure", EXIT_STATUS_CRASH, false, false,
			      "KVM or a device failed." },
	[OUTCOME_POWER_CUT] = { "power-cut", EXIT_STATUS_POWER_CUT, false, true,
				"A flash lost power, by its option cut." },
	[OUTCOME_PANIC] = { "panic", EXIT_STATUS_PANIC, false, true,
			    "The guest's kernel has panicked, by what the "
			    "console shows or by --pvpanic." },
	[OUTCOME_FIRMWARE_CRASH] = { "firmware-crash", EXIT_STATUS_FIRMWARE,
				     false, true,
				     "The guest's firmware has stopped at an "
				     "exception or a failed assertion." },
	[OUTCOME_RESET_LOOP] = { "reset-loop", EXIT_STATUS_RESET_LOOP, false,
				 true,
				 "The guest resets itself again and again and "
				 "gets no further." },
	[OUTCOME_HANG] = { "hang", EXIT_STATUS_HANG, false, true,
			   "A vCPU executes a loop that nothing ends, and no "
			   "other makes progress, for the time of --hang." },
	[OUTCOME_BOOT_TIMEOUT] = { "boot-timeout", EXIT_STATUS_BOOT_TIMEOUT,
				   false, true,
				   "The console has shown nothing for the time "
				   "of --timeout-boot." },
	[OUTCOME_UNEXPECTED] = { "unexpected", EXIT_STATUS_UNEXPECTED, false,
				 true,
				 "The guest has ended, or a time limit of "
				 "--script is over, before all that is "
				 "expected was shown." },
	[OUTCOME_FAIL_ON] = { "fail-on", EXIT_STATUS_FAIL_ON, false, true,
			      "The console has shown a line of --fail-on." },
	[OUTCOME_TIMEOUT] = { "timeout", EXIT_STATUS_TIMEOUT, false, true,
			      "The time of --timeout is over." },
	[OUTCOME_KILLED] = { "killed", EXIT_STATUS_KILLED, false, false,
			     "The user ended the guest: Ctrl-a x, SIGINT, "
			     "SIGTERM, SIGHUP, SIGQUIT, lkvm stop." },
	[OUTCOME_GUEST] = { "guest", EXIT_STATUS_GUEST, false, true,
			    "The guest has set this status, 0 to 255, by "
			    "--exit-device." },
};

const struct outcome_row *outcome_row(enum outcome outcome)
{
	return &rows[outcome];
}

/* `guest` only counts for the outcome whose status the guest sets. */
int outcome_status(enum outcome outcome, u8 guest)
{
	int status = rows[outcome].status;

	return status == EXIT_STATUS_GUEST ? guest : status;
}

bool outcome_is_success(enum outcome outcome, u8 guest)
{
	if (rows[outcome].status == EXIT_STATUS_GUEST)
		return !guest;
	return rows[outcome].is_success;
}

/* At spaces, so that no line is longer than a terminal's. */
static void print_wrapped(FILE *out, const char *text)
{
	size_t room = LAST_COLUMN - TEXT_COLUMN;

	while (strlen(text) > room) {
		size_t len = room;

		while (text[len] != ' ')
			len--;
		fprintf(out, "%.*s\n%*s", (int)len, text, TEXT_COLUMN, "");
		text += len + 1;
	}
	fprintf(out, "%s\n", text);
}

/*
 * For `lkvm help exit-status`: the table is printed from the rows, so help and
 * behaviour cannot differ.
 */
void outcome_print_table(FILE *out)
{
	fprintf(out, "Exit status of 'lkvm run', and outcome in --result:\n\n");
	for (size_t i = 0; i < NR_OUTCOMES; i++) {
		char status[12] = "N";

		if (rows[i].status != EXIT_STATUS_GUEST)
			snprintf(status, sizeof(status), "%d", rows[i].status);
		fprintf(out, "  %4s  %-*s", status, TEXT_COLUMN - 8,
			rows[i].name);
		print_wrapped(out, rows[i].what);
	}
}
