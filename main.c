/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Finds the subcommand and returns its exit status; all else is in builtin-*.c.
 * Only here and there does lkvm end the process: everything below returns
 * errors.
 */
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "builtin.h"
#include "lkvm/exit_status.h"
#include "lkvm/util/log.h"
#include "lkvm/util/util.h"

/* Options that other programs of this kind take in place of a subcommand. */
static const char *command_name(const char *arg)
{
	if (!strcmp(arg, "--version") || !strcmp(arg, "-v"))
		return "version";
	if (!strcmp(arg, "--help") || !strcmp(arg, "-h"))
		return "help";
	return arg;
}

/*
 * A parent may start lkvm with a standard descriptor closed. The next file to
 * be opened, a flash file perhaps, would then get its number, and with it the
 * guest's output or our messages. So those are opened on /dev/null.
 */
static void open_standard_fds(void)
{
	struct pollfd fds[] = { { .fd = STDIN_FILENO },
				{ .fd = STDOUT_FILENO },
				{ .fd = STDERR_FILENO } };
	int closed = 0;
	int fd;

	/* POLLNVAL tells a closed descriptor from an open one. */
	poll(fds, ARRAY_SIZE(fds), 0);
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
		closed |= fds[i].revents & POLLNVAL;
	if (!closed)
		return;
	do {
		fd = open("/dev/null", O_RDWR);
	} while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

int main(int argc, char *argv[])
{
	const struct command *command;
	const char *name;

	open_standard_fds();
	if (argc < 2) {
		print_commands();
		return EXIT_STATUS_USAGE;
	}
	name = command_name(argv[1]);
	command = find_command(name);
	if (command)
		return command->run(argc - 2, argv + 2);
	pr_fatal("unknown command \"%s\"; see 'lkvm help'", argv[1]);
	return EXIT_STATUS_USAGE;
}
