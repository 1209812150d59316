/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The port, and the frames on it. */
#define _GNU_SOURCE
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/reboot.h>
#include <unistd.h>
#include "init.h"

int port = -1;

/*
 * Nothing can be done about an error here but to leave a trace on the console,
 * of which the other side shows the end.
 */
void say(const char *fmt, ...)
{
	char text[512];
	va_list ap;
	int fd, n;

	va_start(ap, fmt);
	n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	fd = open("/dev/kmsg", O_WRONLY | O_CLOEXEC);
	if (fd >= 0) {
		dprintf(fd, "<1>init: %.*s", n, text);
		close(fd);
	}
}

void power_off(void)
{
	reboot(RB_POWER_OFF);
	for (;;)
		pause();
}

void die(const char *what)
{
	say("%s: %s\n", what, strerror(errno));
	power_off();
}

static void write_all(int fd, const void *data, size_t len)
{
	const char *p = data;

	while (len) {
		ssize_t n = write(fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			die("write to the serial port");
		p += n;
		len -= n;
	}
}

void read_all(int fd, void *data, size_t len)
{
	char *p = data;

	while (len) {
		ssize_t n = read(fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			die("read from the serial port");
		p += n;
		len -= n;
	}
}

void send_frame(char type, const void *data, size_t len)
{
	char buf[sizeof(struct frame) + 4096];
	struct frame head = { .type = type, .len = htole32(len) };

	memcpy(buf, &head, sizeof(head));
	if (len <= sizeof(buf) - sizeof(head)) {
		if (len)
			memcpy(buf + sizeof(head), data, len);
		write_all(port, buf, sizeof(head) + len);
		return;
	}
	write_all(port, &head, sizeof(head));
	write_all(port, data, len);
}

void tell(const char *what, const char *path)
{
	char text[512];
	int n = snprintf(text, sizeof(text), "%s %s: %s", what, path,
			 strerror(errno));

	send_frame('m', text,
		   n < (int)sizeof(text) ? n : (int)sizeof(text) - 1);
}
