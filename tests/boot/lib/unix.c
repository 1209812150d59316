/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A client of a UNIX socket:
 *
 *	unix PATH     sends its input, and prints what comes up to a line that
 *	              is a dot
 *
 * Exit status: 0, or 1 after a message.
 */
#include <string.h>
#include <sys/un.h>

#include "stream.h"

/* Without the line that ends them. Returns 0, or -1 if there is none. */
static int print_lines(int fd)
{
	FILE *from = fdopen(fd, "r");
	char line[4096];

	while (from && fgets(line, sizeof(line), from)) {
		if (!strcmp(line, ".\n"))
			return 0;
		fputs(line, stdout);
	}
	return -1;
}

int main(int argc, char **argv)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	if (argc != 2 || strlen(argv[1]) >= sizeof(addr.sun_path)) {
		fprintf(stderr, "usage: unix PATH\n");
		return 1;
	}
	strcpy(addr.sun_path, argv[1]);
	if (fd < 0 || connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0)
		return fail(argv[1]);
	/* The other side is to be answered all the same. */
	if (copy(STDIN_FILENO, fd) || shutdown(fd, SHUT_WR) < 0)
		return fail("output");
	return print_lines(fd) ? fail("no end of the answer") : 0;
}
