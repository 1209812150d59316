/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * `lkvm help` and `lkvm version`, and the table of all subcommands. The form of
 * both outputs follows kvmtool, whose version line and usage text test suites
 * look for.
 */
#include <stdio.h>
#include <string.h>

#include "builtin.h"
#include "lkvm/config/outcome.h"
#include "lkvm/exit_status.h"
#include "lkvm/util/log.h"

/* In the order in which `lkvm help` lists them. */
static const struct command commands[] = {
	{ "run", cmd_run, "Start a virtual machine" },
	{ "sandbox", cmd_sandbox,
	  "Run a command on a kernel and the host's programs" },
	{ "setup", cmd_setup, "Make a root directory for --root" },
	{ "list", cmd_list, "List guests that run" },
	{ "stop", cmd_stop, "Have a guest shut down" },
	{ "pause", cmd_pause, "Stop a guest's vCPUs" },
	{ "resume", cmd_resume, "Have them go on" },
	{ "reset", cmd_reset, "Reset a guest" },
	{ "balloon", cmd_balloon, "Have a guest do without some of its RAM" },
	{ "console", cmd_console, "Be at a guest's console" },
	{ "stat", cmd_stat, "Show a guest's state and counters" },
	{ "debug", cmd_debug,
	  "Show where a guest's vCPUs are, or send a sysrq key" },
	{ "flash", cmd_flash, "Make, look into and compare flash files" },
	{ "test", cmd_test, "Run the boot tests of a file" },
	{ "selftest", cmd_selftest,
	  "Check whether lkvm works on this machine" },
	{ "version", cmd_version, "Print the version" },
	{ "help", cmd_help, "Print help about lkvm or a command" },
};

const struct command *find_command(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		if (!strcmp(name, commands[i].name))
			return &commands[i];
	return NULL;
}

/* Test suites look for the line "The most commonly used" on stdout. */
void print_commands(void)
{
	printf("\n usage: lkvm COMMAND [ARGS]\n\n"
	       " The most commonly used lkvm commands are:\n");
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		printf("   %-9s %s\n", commands[i].name, commands[i].help);
	printf("\n See 'lkvm help COMMAND' for more information on a specific "
	       "command,\n and 'lkvm help exit-status' for how a run can end.\n"
	       "\n");
}

/* "kvm tool" and a version, as `kvmtool version` prints them. */
int cmd_version(int argc, char *const argv[])
{
	(void)argc;
	(void)argv;
	printf("kvm tool %s\n", LKVM_VERSION);
	return EXIT_STATUS_POWEROFF;
}

/*
 * Runs the command with --help: its option table is the only description of its
 * options. What is no command is the table of exit statuses.
 */
int cmd_help(int argc, char *const argv[])
{
	char help_option[] = "--help";
	char *const help[] = { help_option, NULL };
	const struct command *command;

	if (argc && !strcmp(argv[0], "exit-status")) {
		outcome_print_table(stdout);
		return EXIT_STATUS_POWEROFF;
	}
	command = argc ? find_command(argv[0]) : find_command("help");
	if (!command) {
		pr_fatal("unknown command \"%s\"; see 'lkvm help'", argv[0]);
		return EXIT_STATUS_USAGE;
	}
	if (command->run != cmd_help && command->run != cmd_version)
		return command->run(1, help);
	print_commands();
	return EXIT_STATUS_POWEROFF;
}
