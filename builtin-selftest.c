/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * `lkvm selftest`: options, signals and streams; arm/selftest has the tests.
 *
 * Signals that ask for the end are blocked from here on and make a descriptor
 * readable, which the event loop of each guest watches: the guest is stopped,
 * the table gets its last line, and nothing is left behind.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "builtin.h"
#include "lkvm/arm/selftest.h"
#include "lkvm/exit_status.h"
#include "lkvm/util/log.h"
#include "lkvm/util/options.h"

#define SYNOPSIS "lkvm selftest [OPTION]..."

/*
 * The exit status besides 0 and that of an interruption, which are as for other
 * commands. A wrong command line has that of "nothing could be tested".
 */
enum {
	STATUS_FAILED = 1,
	STATUS_IMPOSSIBLE = 2,
};

/* What the command line says; `only` owns the array that `config` points to. */
struct options {
	struct selftest_config config;
	struct string_list only;
	const char *json;
	bool list;
};

/* 0, OPTIONS_HELP once help is printed, or -errno after a message. */
static int parse(struct options *opts, int argc, char *const argv[])
{
	static const struct option_def defs[] = {
		OPT_FLAG(0, "quick", struct options, config.quick,
			 "Take some seconds rather than a minute"),
		OPT_LIST(0, "only", struct options, only, "NAME",
			 "Run this test only; repeatable"),
		OPT_FLAG(0, "list", struct options, list,
			 "List the tests and end"),
		OPT_U64(0, "seed", struct options, config.seed, 0, UINT64_MAX,
			"N",
			"Seed of random tests (default: a new one each time, "
			"which is printed)"),
		OPT_STRING(0, "json", struct options, json, "FILE",
			   "Write the results as JSON to FILE, or with - to "
			   "standard output in place of the table"),
		OPT_STRING(0, "dev", struct options, config.kvm_dev, "FILE",
			   "KVM device (default: /dev/kvm)"),
		OPT_END(),
	};
	const struct option_group groups[] = {
		{ "Options", defs },
		{ NULL, NULL },
	};
	struct string_list positional = { 0 };
	int ret = options_parse(groups, opts, argc, argv, &positional);

	if (ret == OPTIONS_HELP) {
		options_usage(stdout, SYNOPSIS, groups);
		printf("\nChecks whether lkvm works with this machine's CPU "
		       "and kernel.\n\nExit status: 0 all is good, 1 a test "
		       "failed, 2 nothing could be tested\n(no KVM, or a wrong "
		       "option), 130 it was interrupted.\n");
	} else if (!ret && positional.count) {
		pr_fatal("selftest takes no argument such as \"%s\"; see "
			 "--only",
			 positional.items[0]);
		ret = -EINVAL;
	}
	string_list_free(&positional);
	return ret;
}

/* A name that is wrong would test nothing, and pass. */
static int check_names(const struct options *opts)
{
	for (size_t i = 0; i < opts->only.count; i++) {
		if (selftest_exists(opts->only.items[i]))
			continue;
		pr_fatal("--only %s: there is no such test; see --list",
			 opts->only.items[i]);
		return -EINVAL;
	}
	return 0;
}

/*
 * From here on signals that would end lkvm only make a descriptor readable.
 * What the parent has set to be ignored stays ignored. Returns -1 if there is
 * no descriptor: the signals then end the process as usual.
 */
static int take_signals(void)
{
	static const int ends[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };
	struct sigaction old;
	sigset_t set;
	int fd;

	sigemptyset(&set);
	for (size_t i = 0; i < ARRAY_SIZE(ends); i++)
		if (!sigaction(ends[i], NULL, &old) &&
		    old.sa_handler != SIG_IGN)
			sigaddset(&set, ends[i]);
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd >= 0)
		sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	return fd;
}

/* README.md and lkvm.1 list them. */
static int exit_status(enum selftest_verdict verdict)
{
	switch (verdict) {
	case SELFTEST_PASSED:
		return EXIT_STATUS_POWEROFF;
	case SELFTEST_FAILED:
		return STATUS_FAILED;
	case SELFTEST_STOPPED:
		return EXIT_STATUS_KILLED;
	case SELFTEST_IMPOSSIBLE:
		break;
	}
	return STATUS_IMPOSSIBLE;
}

/* Results that could not be written are a failure, even if all tests passed. */
static int close_streams(const struct options *opts, int status)
{
	FILE *json = opts->config.json;
	bool lost = fflush(stdout) || ferror(stdout);

	if (json && json != stdout)
		lost |= fclose(json) != 0;
	if (!lost)
		return status;
	pr_err("selftest: unable to write the results");
	return status ? status : STATUS_IMPOSSIBLE;
}

/* The table is not shown where JSON goes to standard output. */
static int run(struct options *opts)
{
	struct selftest_config *config = &opts->config;
	int status;

	if (opts->json) {
		config->json = strcmp(opts->json, "-") ? fopen(opts->json, "we")
						       : stdout;
		if (!config->json) {
			pr_fatal("--json: unable to open %s: %s", opts->json,
				 strerror(errno));
			return STATUS_IMPOSSIBLE;
		}
	}
	config->table = config->json == stdout ? NULL : stdout;
	config->only = opts->only.items;
	config->nr_only = opts->only.count;
	config->stop_fd = take_signals();
	log_set_level(LOG_LEVEL_WARNING);
	status = exit_status(selftest_run(config));
	if (config->stop_fd >= 0)
		close(config->stop_fd);
	return close_streams(opts, status);
}

/* The time is a good enough seed: it is printed, and need not be secret. */
int cmd_selftest(int argc, char *const argv[])
{
	struct options opts = {
		.config = { .kvm_dev = "/dev/kvm", .seed = (u64)time(NULL) },
	};
	int status = EXIT_STATUS_USAGE;
	int ret = parse(&opts, argc, argv);

	if (!ret)
		ret = check_names(&opts);
	if (ret == OPTIONS_HELP) {
		status = EXIT_STATUS_POWEROFF;
	} else if (!ret && opts.list) {
		selftest_list(stdout);
		status = EXIT_STATUS_POWEROFF;
	} else if (!ret) {
		status = run(&opts);
	}
	string_list_free(&opts.only);
	return status;
}
