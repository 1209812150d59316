/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * `lkvm flash`: finds its command, nothing else. The commands work on a file
 * that is not part of a running VM; none of them needs KVM, so they are useful
 * on a build machine of any architecture.
 */
#include <stdio.h>
#include <string.h>

#include "builtin-flash.h"
#include "builtin.h"
#include "lkvm/exit_status.h"
#include "lkvm/util/log.h"

/*
 * In the order in which --help lists them: from making a file to comparing two.
 */
static const struct {
	const char *name;
	int (*run)(int argc, char *const argv[]);
	const char *help;
} commands[] = {
	{ "create", cmd_flash_create,
	  "Make an erased file, or one from a "
	  "template" },
	{ "info", cmd_flash_info,
	  "Show what a file holds, and which processes use it" },
	{ "vars", cmd_flash_vars, "List the UEFI variables, or print one" },
	{ "diff", cmd_flash_diff, "Compare the UEFI variables of two files" },
};

/* To stdout if it was asked for, to stderr if a command is missing. */
static void print_flash_commands(FILE *out)
{
	fprintf(out, "Usage: lkvm flash COMMAND [OPTION]... FILE...\n\n"
		     "Commands:\n");
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		fprintf(out, "  %-9s %s\n", commands[i].name, commands[i].help);
	fprintf(out, "\nSee 'lkvm flash COMMAND --help'.\n");
}

int cmd_flash(int argc, char *const argv[])
{
	if (!argc) {
		print_flash_commands(stderr);
		return EXIT_STATUS_USAGE;
	}
	if (!strcmp(argv[0], "--help") || !strcmp(argv[0], "-h")) {
		print_flash_commands(stdout);
		return EXIT_STATUS_POWEROFF;
	}
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		if (!strcmp(argv[0], commands[i].name))
			return commands[i].run(argc - 1, argv + 1);
	pr_fatal("unknown command \"flash %s\"; see 'lkvm flash --help'",
		 argv[0]);
	return EXIT_STATUS_USAGE;
}
