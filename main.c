/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Finds the subcommand, nothing else. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "builtin.h"
#include "lkvm/exit_status.h"
#include "lkvm/util/log.h"

static const struct {
	const char *name;
	int (*run)(int argc, char *const argv[]);
	const char *help;
} commands[] = {
	{ "run", cmd_run, "Start a virtual machine" },
	{ "flash", cmd_flash, "Make, look into and compare flash files" },
	{ "version", cmd_version, "Print the version" },
	{ "help", cmd_help, "Print help about lkvm or a command" },
};

/* Test suites look for the line "The most commonly used" on stdout. */
void print_commands(void)
{
	printf("\n usage: lkvm COMMAND [ARGS]\n\n"
	       " The most commonly used lkvm commands are:\n");
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		printf("   %-9s %s\n", commands[i].name, commands[i].help);
	printf("\n See 'lkvm help COMMAND' for more information on a specific "
	       "command.\n\n");
}

static const char *command_name(const char *arg)
{
	if (!strcmp(arg, "--version") || !strcmp(arg, "-v"))
		return "version";
	if (!strcmp(arg, "--help") || !strcmp(arg, "-h"))
		return "help";
	return arg;
}

/*
 * The next file to be opened would become a standard descriptor that is
 * closed, and get the guest's output or our messages.
 */
static void open_standard_fds(void)
{
	int fd;

	do {
		fd = open("/dev/null", O_RDWR);
	} while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

int main(int argc, char *argv[])
{
	const char *name;

	open_standard_fds();
	if (argc < 2) {
		print_commands();
		return EXIT_STATUS_USAGE;
	}
	name = command_name(argv[1]);
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		if (!strcmp(name, commands[i].name))
			return commands[i].run(argc - 2, argv + 2);
	pr_fatal("unknown command \"%s\"; see 'lkvm help'", argv[1]);
	return EXIT_STATUS_USAGE;
}
