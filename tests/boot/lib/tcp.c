/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Files by TCP, for systems with nothing but a kernel: static, and without the
 * C library's look-ups, which want files of their own.
 *
 *	tcp get ADDRESS PORT     asks, and prints what comes until the end
 *	tcp serve PORT FILE      sends FILE to each who connects and asks, in
 *	                         the background once it listens
 *
 * Asking is one byte: in connections from the host Debian 12's passt does not
 * pass on what the guest sends before that. An address is IPv4 or IPv6. Exit
 * status: 0, or 1 after a message.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "stream.h"

static int connect_to(const char *address, unsigned int port)
{
	struct sockaddr_in6 six = { .sin6_family = AF_INET6,
				    .sin6_port = htons(port) };
	struct sockaddr_in four = { .sin_family = AF_INET,
				    .sin_port = htons(port) };
	int is_six = inet_pton(AF_INET6, address, &six.sin6_addr) == 1;
	int fd = socket(is_six ? AF_INET6 : AF_INET, SOCK_STREAM, 0);

	if (!is_six && inet_pton(AF_INET, address, &four.sin_addr) != 1)
		return -1;
	if (is_six)
		return connect(fd, (void *)&six, sizeof(six)) ? -1 : fd;
	return connect(fd, (void *)&four, sizeof(four)) ? -1 : fd;
}

static int serve(unsigned int port, const char *file)
{
	struct sockaddr_in6 any = { .sin6_family = AF_INET6,
				    .sin6_port = htons(port) };
	int fd = socket(AF_INET6, SOCK_STREAM, 0), on = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, (void *)&any, sizeof(any)) || listen(fd, 16))
		return fail("serve");
	return serve_file(fd, file, true);
}

int main(int argc, char *argv[])
{
	int fd;

	if (argc == 4 && !strcmp(argv[1], "serve"))
		return serve((unsigned int)atoi(argv[2]), argv[3]);
	if (argc != 4 || strcmp(argv[1], "get")) {
		fprintf(stderr, "usage: tcp get ADDRESS PORT or "
				"tcp serve PORT FILE\n");
		return 1;
	}
	fd = connect_to(argv[2], (unsigned int)atoi(argv[3]));
	if (fd < 0 || write(fd, "?", 1) != 1)
		return fail(argv[2]);
	return copy(fd, STDOUT_FILENO) ? fail("get") : 0;
}
