/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What tcp.c and vsock.c have in common: files that are sent to who connects.
 */
#ifndef TESTS_STREAM_H
#define TESTS_STREAM_H

#include <stdbool.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

static int fail(const char *what)
{
	perror(what);
	return 1;
}

/* Returns 0, or -1 with errno. */
static int copy(int from, int to)
{
	static char buf[65536];
	ssize_t n;

	while ((n = read(from, buf, sizeof(buf))) > 0)
		for (ssize_t done = 0, m; done < n; done += m) {
			m = write(to, buf + done, n - done);
			if (m < 0)
				return -1;
		}
	return (int)n;
}

/*
 * In the background, from the socket `fd`, which listens: sends the file to
 * each who connects, if it `asks` after a byte. Returns the status to exit
 * with.
 */
static inline int serve_file(int fd, const char *file, bool asks)
{
	if (fork())
		return 0;
	setsid();
	fclose(stdin);
	fclose(stdout);
	for (;;) {
		int peer = accept(fd, NULL, NULL);
		FILE *f = fopen(file, "re");
		char ask;

		if (peer < 0 || !f)
			return fail(file);
		if ((asks && read(peer, &ask, 1) != 1) || copy(fileno(f), peer))
			perror(file);
		fclose(f);
		close(peer);
	}
}

#endif
