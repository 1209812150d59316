/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `lkvm flash`: finds its command, nothing else. */
#include <stdio.h>
#include <string.h>

#include "builtin-flash.h"
#include "builtin.h"
#include "lkvm/exit_status.h"
#include "lkvm/util/log.h"

static const struct {
	const char *name;
	int (*run)(int argc, char *const argv[]);
	const char *help;
} commands[] = {
	{ "create", cmd_flash_create,
	  "Make an erased file, or one from a "
	  "template" },
	{ "info", cmd_flash_info, "Tell what a file holds, and who uses it" },
	{ "vars", cmd_flash_vars, "List the UEFI variables, or print one" },
	{ "diff", cmd_flash_diff, "Compare the UEFI variables of two files" },
};

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
