/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Files by TCP, for systems with nothing but a kernel: static, and without the
 * C library's look-ups, which want files of their own.
 *
 *	tcp get ADDRESS PORT     asks, and prints what comes until the end
 *	tcp serve PORT FILE      sends FILE to each who connects and asks, in
 *	                         the background once it listens
 *	tcp sink PORT            takes and gives as the next two say, likewise
 *	tcp send ADDRESS PORT MIB
 *	tcp receive ADDRESS PORT MIB
 *	                         so much to a sink, or from one: prints which it
 *	                         was, MIB, and the microseconds until all had
 *	                         arrived
 *
 * Asking is one byte: in connections from the host Debian 12's passt does not
 * pass on what the guest sends before that. An address is IPv4 or IPv6. Exit
 * status: 0, or 1 after a message.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
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

/* On all addresses, of both kinds. */
static int listen_on(unsigned int port)
{
	struct sockaddr_in6 any = { .sin6_family = AF_INET6,
				    .sin6_port = htons(port) };
	int fd = socket(AF_INET6, SOCK_STREAM, 0), on = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	return bind(fd, (void *)&any, sizeof(any)) || listen(fd, 16) ? -1 : fd;
}

static int serve(unsigned int port, const char *file)
{
	int fd = listen_on(port);

	return fd < 0 ? fail("serve") : serve_file(fd, file, true);
}

/* ---- Bytes that are timed ------------------------------------------------ */

#define SEND	'>'
#define RECEIVE '<'

/* What a sink is asked for; both ends are little-endian. */
struct request {
	char what;
	uint64_t bytes;
} __attribute__((packed));

static char zeroes[262144];

static uint64_t least(uint64_t bytes)
{
	return bytes < sizeof(zeroes) ? bytes : sizeof(zeroes);
}

/* Returns 0, or -1: not all of them. */
static int give(int fd, uint64_t bytes)
{
	for (ssize_t n; bytes; bytes -= (uint64_t)n) {
		n = write(fd, zeroes, least(bytes));
		if (n <= 0)
			return -1;
	}
	return 0;
}

static int take(int fd, uint64_t bytes)
{
	static char buf[sizeof(zeroes)];

	for (ssize_t n; bytes; bytes -= (uint64_t)n) {
		n = read(fd, buf, least(bytes));
		if (n <= 0)
			return -1;
	}
	return 0;
}

/* What has arrived is confirmed by a byte. */
static void serve_request(int fd)
{
	struct request request;

	if (read(fd, &request, sizeof(request)) != sizeof(request) ||
	    (request.what == SEND ? take(fd, request.bytes) || give(fd, 1)
				  : give(fd, request.bytes)))
		perror("sink");
}

static int sink(unsigned int port)
{
	int fd = listen_on(port);

	if (fd < 0)
		return fail("sink");
	if (fork())
		return 0;
	setsid();
	fclose(stdin);
	fclose(stdout);
	for (;;) {
		int peer = accept(fd, NULL, NULL);

		if (peer < 0)
			return fail("accept");
		serve_request(peer);
		close(peer);
	}
}

static uint64_t now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static int time_it(int fd, const char *what, uint64_t mib)
{
	struct request request = {
		.what = strcmp(what, "send") ? RECEIVE : SEND,
		.bytes = mib << 20,
	};
	uint64_t start = now_us();

	if (write(fd, &request, sizeof(request)) != sizeof(request) ||
	    (request.what == SEND ? give(fd, request.bytes) || take(fd, 1)
				  : take(fd, request.bytes)))
		return fail(what);
	printf("%s %llu %llu\n", what, (unsigned long long)mib,
	       (unsigned long long)(now_us() - start));
	return 0;
}

/* ---- Which of them ------------------------------------------------------- */

static int usage(void)
{
	fprintf(stderr,
		"usage: tcp get ADDRESS PORT, tcp serve PORT FILE, tcp sink "
		"PORT or tcp send|receive ADDRESS PORT MIB\n");
	return 1;
}

int main(int argc, char *argv[])
{
	bool get = argc == 4 && !strcmp(argv[1], "get");
	int fd;

	if (argc == 4 && !strcmp(argv[1], "serve"))
		return serve((unsigned int)atoi(argv[2]), argv[3]);
	if (argc == 3 && !strcmp(argv[1], "sink"))
		return sink((unsigned int)atoi(argv[2]));
	if (!get && (argc != 5 ||
		     (strcmp(argv[1], "send") && strcmp(argv[1], "receive"))))
		return usage();
	fd = connect_to(argv[2], (unsigned int)atoi(argv[3]));
	if (fd < 0)
		return fail(argv[2]);
	if (!get)
		return time_it(fd, argv[1], strtoull(argv[4], NULL, 10));
	if (write(fd, "?", 1) != 1)
		return fail(argv[2]);
	return copy(fd, STDOUT_FILENO) ? fail("get") : 0;
}
