/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `lkvm help` and `lkvm version`. */
#include <stdio.h>
#include <string.h>

#include "builtin.h"
#include "lkvm/exit_status.h"
#include "lkvm/util/log.h"

int cmd_version(int argc, char *const argv[])
{
	(void)argc;
	(void)argv;
	printf("kvm tool %s\n", LKVM_VERSION);
	return EXIT_STATUS_POWEROFF;
}

/* The command itself knows its options best. */
int cmd_help(int argc, char *const argv[])
{
	char help_option[] = "--help";
	char *const help[] = { help_option, NULL };

	if (!argc) {
		print_commands();
		return EXIT_STATUS_POWEROFF;
	}
	if (!strcmp(argv[0], "run"))
		return cmd_run(1, help);
	if (!strcmp(argv[0], "flash"))
		return cmd_flash(1, help);
	if (!strcmp(argv[0], "version") || !strcmp(argv[0], "help")) {
		print_commands();
		return EXIT_STATUS_POWEROFF;
	}
	pr_fatal("unknown command \"%s\"; see 'lkvm help'", argv[0]);
	return EXIT_STATUS_USAGE;
}
