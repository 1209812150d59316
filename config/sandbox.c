/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The command line of `lkvm sandbox`: options of `lkvm run`, and behind "--"
 * what is to run in the guest.
 */
#include <errno.h>
#include <string.h>

#include "lkvm/config/run.h"
#include "lkvm/util/log.h"

#define SYNOPSIS "lkvm sandbox [OPTION]... [KERNEL] -- COMMAND [ARGUMENT]..."

/* A guest that asks for a reset has crashed: nothing would run again. */
static int complete(struct vm_config *config, char *const *command)
{
	if (!command || !*command) {
		pr_fatal("sandbox: which command? it follows --");
		return -EINVAL;
	}
	if (config->root.init) {
		pr_fatal("--init %s: sandbox runs the command and nothing else",
			 config->root.init);
		return -EINVAL;
	}
	if (!config->root.dir)
		config->root.dir = "/";
	config->root.command = command;
	config->no_reboot = true;
	return root_config_apply(config);
}

int sandbox_config_parse(struct vm_config *config, int argc, char *const argv[])
{
	char *const *command = NULL;
	int n, ret;

	for (n = 0; n < argc && strcmp(argv[n], "--"); n++)
		;
	if (n < argc)
		command = argv + n + 1;
	ret = run_config_parse_as(SYNOPSIS, config, n, argv);
	return ret ? ret : complete(config, command);
}
