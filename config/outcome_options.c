/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The options of `lkvm run` under "Console and outcome", a table of their own
 * beside those of config/run.c. Called and freed as those are.
 *
 * The parsers are called by the option parser on the main thread, in the order
 * of the command line. What they accept is checked there and then; whether
 * options go together is checked when all of them are known.
 */
#include "lkvm/config/vm_config.h"
#include "outcome_options.h"

/* Patterns add up, in the order in which they are given. */
static int parse_expect(const char *arg, void *opaque)
{
	struct vm_config *config = opaque;

	return watch_pattern_add(&config->watch.expect, "--expect", arg);
}

/* The same for patterns of which each ends the run. */
static int parse_fail_on(const char *arg, void *opaque)
{
	struct vm_config *config = opaque;

	return watch_pattern_add(&config->watch.fail_on, "--fail-on", arg);
}

/* Ports are independent of each other; for one port the last option counts. */
static int parse_serial(const char *arg, void *opaque)
{
	struct vm_config *config = opaque;

	return serial_config_parse(config->console.serial, arg);
}

/* One at most: the last one counts. */
static int parse_console_log(const char *arg, void *opaque)
{
	struct console_log_config *log =
		&((struct vm_config *)opaque)->console.log;

	console_log_config_free(log);
	return console_log_config_parse(log, arg);
}

static const char *const detect_names[] = {
	[WATCH_DETECT_OFF] = "off",
	[WATCH_DETECT_ON] = "on",
};

/* PVPANIC_NONE, the value without --pvpanic, cannot be chosen by name. */
static const char *const pvpanic_names[] = {
	[PVPANIC_PCI] = "pci",
	[PVPANIC_MMIO] = "mmio",
};

/* For tests: how a run is judged, and where that is written. */
const struct option_def outcome_options[] = {
	OPT_CALLBACK(0, "serial", parse_serial,
		     "N=stdio|file:PATH|pty|socket:PATH|none",
		     "Where serial port N leads: stdio (the first one's "
		     "default), a file, a pseudo-terminal or UNIX socket that "
		     "is made, or none (that of others); repeatable"),
	OPT_CALLBACK(0, "console-log", parse_console_log, "FILE[,OPT...]",
		     "Write what the console shows to FILE as well. OPT: "
		     "timestamps (before each line), limit=SIZE (default: 64M; "
		     "0: none)"),
	OPT_CALLBACK(0, "expect", parse_expect, "REGEX",
		     "End the run with status 0 when the console has shown a "
		     "line with REGEX (POSIX extended), 11 if the guest ends "
		     "without; repeatable: all of them"),
	OPT_CALLBACK(0, "fail-on", parse_fail_on, "REGEX",
		     "End the run with status 12 when the console shows a line "
		     "with REGEX; repeatable: any of them"),
	OPT_STRING(0, "script", struct vm_config, watch.script, "FILE",
		   "Type at the console and expect lines of it as FILE says "
		   "(expect REGEX, send TEXT, within SECONDS, power, wait): "
		   "status 0 at its end, 11 if a line does not come in time"),
	OPT_U64(0, "timeout-boot", struct vm_config, watch.timeout_boot, 1,
		WATCH_MAX_SECONDS, "SECONDS",
		"End the run with status 10 if the console has shown nothing "
		"by then"),
	OPT_U64(0, "hang", struct vm_config, watch.hang, 1, WATCH_MAX_SECONDS,
		"SECONDS",
		"End the run with status 9 if for so long a vCPU has looped in "
		"place, and none has got on; an idle guest does not hang"),
	OPT_ENUM(0, "detect", struct vm_config, watch.detect, detect_names,
		 "on|off",
		 "Look for crashes on the console: a kernel's panic (status "
		 "6), firmware's exceptions and assertions (7), resets without "
		 "end (8). Default: on with another option of this group, "
		 "from --expect to --junit"),
	OPT_STRING(0, "result", struct vm_config, watch.result, "FILE",
		   "Write outcome, times and counters to FILE as JSON at the "
		   "end, however the run ends; - is stderr"),
	OPT_STRING(0, "junit", struct vm_config, watch.junit, "FILE",
		   "Write the outcome to FILE as JUnit's XML"),
	OPT_ENUM(0, "pvpanic", struct vm_config, pvpanic, pvpanic_names,
		 "pci|mmio",
		 "A device by which the guest's kernel says that it has "
		 "panicked, which ends the run with status 6"),
	OPT_FLAG(0, "exit-device", struct vm_config, exit_device,
		 "A register that ends the run with the status that the guest "
		 "writes there"),
	OPT_END(),
};
