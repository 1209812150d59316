/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * `lkvm stop`, `pause`, `resume`, `reset` and `balloon`: what is done to a
 * guest that runs in another process, by its control socket. `list` and `stat`,
 * which only look, are in builtin-stat.c.
 *
 * Each of them is a process of its own with one thread: it connects by
 * control/place.c, sends one or two requests by control/link.c and exits.
 * Answers are another process's and may be of another version: control/link.c
 * checks them. Whether the command has succeeded is the exit status; stdout
 * stays empty on success.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "builtin-control.h"
#include "builtin.h"
#include "lkvm/control/place.h"
#include "lkvm/exit_status.h"
#include "lkvm/util/log.h"
#include "lkvm/util/parse.h"

/* Seconds until a guest that does not obey its power key is ended. */
#define GRACE	  30
#define GRACE_MAX (24 * 3600)

/* What a run takes at most to end, once it was told to: it syncs its disks. */
#define END_MS 60000

static const struct option_def no_options[] = { OPT_END() };

static const struct option_def stop_options[] = {
	OPT_FLAG(0, "force", struct control_options, force,
		 "End it at once, as by a power cut; its files are complete"),
	OPT_U64(0, "grace", struct control_options, grace, 0, GRACE_MAX,
		"SECONDS",
		"How long it may take to shut down before it is ended all the "
		"same (default: 30)"),
	OPT_END(),
};

static const struct control_usage stop_usage = {
	.command = "stop",
	.synopsis = "lkvm stop [--force] [--grace SECONDS] NAME",
	.help = "Has the guest NAME shut down, by its power key, and waits for "
		"that; one that does\nnot do so in time, or has no such key, "
		"is ended. A guest has a control socket if it\nwas started "
		"with --name or --control on.\n",
	.wants = 1,
	.options = stop_options,
};

static const struct control_usage pause_usage = {
	.command = "pause",
	.synopsis = "lkvm pause NAME",
	.help = "Stops the vCPUs of the guest NAME. Its clock goes on.\n",
	.wants = 1,
	.options = no_options,
};

static const struct control_usage resume_usage = {
	.command = "resume",
	.synopsis = "lkvm resume NAME",
	.help = "Has a guest that was paused go on.\n",
	.wants = 1,
	.options = no_options,
};

static const struct control_usage balloon_usage = {
	.command = "balloon",
	.synopsis = "lkvm balloon NAME SIZE",
	.help = "Has the guest NAME, which runs with --balloon, do without "
		"SIZE "
		"of its RAM, in MiB or\nwith a suffix BKMGTP: the host gets it "
		"back as the guest's driver gives it.\n",
	.wants = 2,
	.options = no_options,
};

static const struct control_usage reset_usage = {
	.command = "reset",
	.synopsis = "lkvm reset NAME",
	.help = "Resets the guest NAME, as a reset button does. With "
		"--no-reboot that ends it.\n",
	.wants = 1,
	.options = no_options,
};

/* Options may stand between and behind them. */
static int take_arguments(const struct control_usage *usage,
			  struct control_options *options,
			  const struct string_list *positional)
{
	static const char *const wanted[] = {
		"no argument", "one name of a guest",
		"the name of a guest and a size"
	};

	if (positional->count != usage->wants) {
		pr_fatal("%s: want %s: %s", usage->command,
			 wanted[usage->wants], usage->synopsis);
		return -EINVAL;
	}
	if (usage->wants > 0)
		options->name = positional->items[0];
	if (usage->wants > 1)
		options->size = positional->items[1];
	return 0;
}

/*
 * Also for the commands of builtin-stat.c. A command without options has help
 * without that heading.
 */
int control_parse(const struct control_usage *usage,
		  struct control_options *options, int argc, char *const argv[])
{
	const struct option_group groups[] = { { "Options", usage->options },
					       { NULL, NULL } };
	const struct option_group none[] = { { NULL, NULL } };
	struct string_list positional = { 0 };
	bool some = usage->options->type != OPTION_END;
	int ret;

	ret = options_parse(groups, options, argc, argv, &positional);
	if (ret == OPTIONS_HELP) {
		options_usage(stdout, usage->synopsis, some ? groups : none);
		printf("\n%s", usage->help);
	} else if (!ret) {
		ret = take_arguments(usage, options, &positional);
	}
	string_list_free(&positional);
	return ret;
}

/*
 * The folder is closed before anything is sent; the connection does not need
 * it. A guest that is not there is the usual mistake, so it has a message of
 * its own.
 */
int control_connect(const struct control_usage *usage,
		    const struct control_options *options,
		    struct control_link *link)
{
	struct control_place place;
	int ret = control_place_open(&place, false);

	if (!ret)
		ret = control_place_connect(&place, options->name);
	control_place_close(&place);
	if (ret >= 0) {
		control_link_init(link, ret);
		return 0;
	}
	if (ret == -ENOENT)
		pr_fatal("%s: no guest \"%s\" has a control socket in %s",
			 usage->command, options->name, place.dir);
	else
		pr_fatal("%s: unable to reach the guest \"%s\" in %s: %s",
			 usage->command, options->name, place.dir,
			 control_place_explain(ret));
	return ret;
}

/* All messages about a guest that was reached have this form. */
int control_report(const struct control_usage *usage,
		   const struct control_options *options,
		   const struct control_link *link, int err)
{
	pr_fatal("%s: guest \"%s\": %s", usage->command, options->name,
		 control_link_explain(link, err));
	return err;
}

/* Output that could not be written is an error. */
int control_finish_output(const struct control_usage *usage)
{
	if (!fflush(stdout) && !ferror(stdout))
		return 0;
	pr_fatal("%s: unable to write to stdout", usage->command);
	return -EIO;
}

/* A command of the protocol. Returns the exit status. */
static int tell(const struct control_usage *usage,
		const struct control_options *options, const char *arguments)
{
	struct control_link link;
	int ret;

	if (control_connect(usage, options, &link))
		return EXIT_STATUS_SETUP;
	ret = control_link_tell(&link, usage->command, arguments,
				CONTROL_ANSWER_MS);
	if (ret)
		control_report(usage, options, &link, ret);
	control_link_close(&link);
	return ret ? EXIT_STATUS_SETUP : EXIT_STATUS_POWEROFF;
}

/* One that takes a name only. */
static int tell_name(const struct control_usage *usage, int argc,
		     char *const argv[])
{
	struct control_options options = { 0 };
	int ret = control_parse(usage, &options, argc, argv);

	if (ret)
		return ret == OPTIONS_HELP ? EXIT_STATUS_POWEROFF
					   : EXIT_STATUS_USAGE;
	return tell(usage, &options, NULL);
}

int cmd_pause(int argc, char *const argv[])
{
	return tell_name(&pause_usage, argc, argv);
}

int cmd_resume(int argc, char *const argv[])
{
	return tell_name(&resume_usage, argc, argv);
}

int cmd_reset(int argc, char *const argv[])
{
	return tell_name(&reset_usage, argc, argv);
}

/* In MiB without a suffix, as --mem and --balloon have it. */
int cmd_balloon(int argc, char *const argv[])
{
	struct control_options options = { 0 };
	int ret = control_parse(&balloon_usage, &options, argc, argv);
	char arguments[48];
	u64 size;

	if (ret == OPTIONS_HELP)
		return EXIT_STATUS_POWEROFF;
	if (!ret && parse_size(options.size, 20, &size, NULL)) {
		pr_fatal("balloon: %s: want SIZE[BKMGTP], MiB if there is no "
			 "suffix",
			 options.size);
		ret = -EINVAL;
	}
	if (ret)
		return EXIT_STATUS_USAGE;
	snprintf(arguments, sizeof(arguments), "{\"size\":%" PRIu64 "}", size);
	return tell(&balloon_usage, &options, arguments);
}

/*
 * One that ends while it is told to has done what was wanted. The answer to
 * `quit` may be lost with the process, or late: it syncs its disks then.
 */
static int end(struct control_link *link)
{
	int ret = control_link_tell(link, "quit", NULL, CONTROL_ANSWER_MS);

	if (ret == -EPIPE)
		return 0;
	if (ret && ret != -ETIMEDOUT)
		return ret;
	return control_link_wait_end(link, END_MS);
}

/*
 * By the power key: 0, -ETIMEDOUT after the grace period, or another -errno. A
 * guest that syncs its disks may press the key later than it should answer.
 */
static int shut_down(struct control_link *link,
		     const struct control_options *options)
{
	int ret = control_link_tell(link, "powerdown", NULL, CONTROL_ANSWER_MS);

	if (!ret || ret == -ETIMEDOUT)
		ret = control_link_wait_end(link, options->grace * 1000);
	return ret == -EPIPE ? 0 : ret;
}

/*
 * A guest that does not shut down, or has no power key, is ended all the same:
 * after `lkvm stop` it is gone, or the command has failed. Other errors say
 * nothing about the guest and end nothing.
 */
static int stop(struct control_link *link,
		const struct control_options *options)
{
	int ret;

	if (options->force)
		return end(link);
	/* Those that wait for events are the last to make room for others. */
	control_link_tell(link, "subscribe", NULL, CONTROL_ANSWER_MS);
	ret = shut_down(link, options);
	if (ret == -ETIMEDOUT)
		pr_info("guest \"%s\" has not shut down within %" PRIu64
			" seconds: it is ended",
			options->name, options->grace);
	else if (ret == -EREMOTEIO)
		pr_info("guest \"%s\": %s: it is ended", options->name,
			control_link_explain(link, ret));
	else
		return ret;
	return end(link);
}

/*
 * Returns when the process of the guest is gone, so that its files can be used
 * by the next command of a script.
 */
int cmd_stop(int argc, char *const argv[])
{
	struct control_options options = { .grace = GRACE };
	struct control_link link;
	int ret = control_parse(&stop_usage, &options, argc, argv);

	if (ret)
		return ret == OPTIONS_HELP ? EXIT_STATUS_POWEROFF
					   : EXIT_STATUS_USAGE;
	if (control_connect(&stop_usage, &options, &link))
		return EXIT_STATUS_SETUP;
	ret = stop(&link, &options);
	if (ret)
		control_report(&stop_usage, &options, &link, ret);
	control_link_close(&link);
	return ret ? EXIT_STATUS_SETUP : EXIT_STATUS_POWEROFF;
}
