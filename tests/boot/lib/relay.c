/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A client of a UNIX socket that passes on bytes as they come, both ways, until
 * one side ends:
 *
 *	relay PATH
 *
 * Exit status: 0, or 1 after a message.
 */
#include <poll.h>
#include <string.h>
#include <sys/un.h>

#include "stream.h"

/* What can be read now. Returns 1, or 0 at its end. */
static int pass(int from, int to)
{
	char buf[4096];
	ssize_t n = read(from, buf, sizeof(buf));

	for (ssize_t done = 0, m; done < n; done += m) {
		m = write(to, buf + done, n - done);
		if (m < 0)
			return 0;
	}
	return n > 0;
}

static void relay(int fd)
{
	struct pollfd pollers[] = {
		{ .fd = STDIN_FILENO, .events = POLLIN },
		{ .fd = fd, .events = POLLIN },
	};

	while (poll(pollers, 2, -1) > 0) {
		if (pollers[0].revents && !pass(STDIN_FILENO, fd))
			return;
		if (pollers[1].revents && !pass(fd, STDOUT_FILENO))
			return;
	}
}

int main(int argc, char **argv)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	if (argc != 2 || strlen(argv[1]) >= sizeof(addr.sun_path)) {
		fprintf(stderr, "usage: relay PATH\n");
		return 1;
	}
	strcpy(addr.sun_path, argv[1]);
	if (fd < 0 || connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0)
		return fail(argv[1]);
	relay(fd);
	return 0;
}
