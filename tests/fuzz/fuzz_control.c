/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: control/server.c control/commands.c control/request.c */
/* SOURCES: control/place.c config/control.c util/unix_socket.c */
/* SOURCES: util/json.c util/json_copy.c util/json_read.c vmm/evloop.c */
/* SOURCES: util/log.c util/output.c tests/unit/control_rig.c */
/* SOURCES: control/console.c chardev/hub.c */
/*
 * What clients send to a control socket, to a guest that is a fake. Two bytes
 * begin each piece of the input: the first says which client, and what it does
 * before: 0x10 reads what it was answered, 0x20 goes and comes back, 0x40 ends
 * its side, 0x80 has an event sent; the second how many bytes it sends.
 * Whatever it is, what comes back are lines of JSON, each with what it is to
 * have; also from the guest's console, which a client may be at.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "lkvm/chardev/chardev.h"
#include "lkvm/control/commands.h"
#include "tests/unit/control_rig.h"

#define CLIENTS	  4
#define MAX_INPUT 16384U

#define READS  0x10
#define LEAVES 0x20
#define ENDS   0x40
#define EVENT  0x80

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

static struct control_rig rig;
static struct control_commands commands;
static struct control_consoles consoles;
static struct chardev *port; /* the first of them */
static unsigned int nr_written;
static struct evloop loop;
static int listener = -1;
static struct sockaddr_un addr;
static socklen_t addr_len;

struct reader {
	int fd;
	size_t len;
	char line[8192];
};

static struct reader readers[CLIENTS];

static void require(bool what)
{
	if (!what)
		abort();
}

/* An address of the kernel's choice: unix(7), "Autobind feature". */
static void listen_somewhere(void)
{
	const struct sockaddr_un any = { .sun_family = AF_UNIX };

	if (listener >= 0)
		return;
	listener =
		socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	require(listener >= 0);
	require(!bind(listener, (const struct sockaddr *)&any,
		      sizeof(any.sun_family)));
	require(!listen(listener, CLIENTS));
	addr_len = sizeof(addr);
	require(!getsockname(listener, (struct sockaddr *)&addr, &addr_len));
	require(!evloop_init(&loop));
}

static void join(struct reader *reader)
{
	reader->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	reader->len = 0;
	require(reader->fd >= 0);
	require(!connect(reader->fd, (struct sockaddr *)&addr, addr_len));
}

/* One member of three, and the id beside it. */
static void check_line(const char *line, size_t len)
{
	const struct json_value *error;
	struct json_value *root;
	struct json_error why;

	require(!json_read(line, len, &root, &why));
	error = json_member(root, "error");
	require(!!error + json_is(json_member(root, "return"), JSON_OBJECT) +
			!!json_string_of(json_member(root, "event")) ==
		1);
	require(!error || (json_string_of(json_member(error, "class")) &&
			   json_string_of(json_member(error, "message"))));
	free(root);
}

static void read_back(struct reader *reader)
{
	char *end;
	ssize_t n;

	for (;;) {
		n = recv(reader->fd, reader->line + reader->len,
			 sizeof(reader->line) - reader->len, MSG_DONTWAIT);
		if (n <= 0)
			return;
		reader->len += (size_t)n;
		while ((end = memchr(reader->line, '\n', reader->len))) {
			check_line(reader->line, (size_t)(end - reader->line));
			reader->len -= (size_t)(end + 1 - reader->line);
			memmove(reader->line, end + 1, reader->len);
		}
		require(reader->len < sizeof(reader->line));
		require(!evloop_poll(&loop));
	}
}

/*
 * What the guest's console gets has it write a line, but not so many that some
 * are missing.
 */
static void take_input(struct chardev *chr, const u8 *buf, size_t len)
{
	static const char line[] = "{\"event\":\"input\"}\n";

	(void)buf;
	require(len);
	if (nr_written++ < 1000)
		chr->ops->write(chr, (const u8 *)line, strlen(line));
	chr->ops->accept(chr, 64);
}

static void take_break(struct chardev *chr)
{
	chr->ops->accept(chr, 64);
}

static void make_consoles(void)
{
	port = NULL;
	require(!control_console_create(&port, &loop, &consoles.serial[0]));
	port->receive = take_input;
	port->line_break = take_break;
	nr_written = 0;
	port->ops->accept(port, 64);
}

/* It may have been disconnected: then nobody takes it. */
static void send_piece(struct reader *reader, const u8 *data, size_t len)
{
	while (len) {
		ssize_t n = send(reader->fd, data, len,
				 MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n <= 0)
			break;
		data += n;
		len -= (size_t)n;
	}
	require(!evloop_poll(&loop));
}

static void act(struct reader *reader, u8 what)
{
	if (what & EVENT)
		control_commands_event(&commands, "reset", NULL);
	if (what & READS)
		read_back(reader);
	if (what & LEAVES) {
		close(reader->fd);
		join(reader);
	}
	if (what & ENDS)
		shutdown(reader->fd, SHUT_WR);
}

static void play(const u8 *data, size_t size)
{
	while (size >= 2) {
		struct reader *reader = &readers[data[0] % CLIENTS];
		u8 what = data[0];
		size_t len = MIN((size_t)data[1], size - 2);

		act(reader, what);
		send_piece(reader, data + 2, len);
		data += 2 + len;
		size -= 2 + len;
	}
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	if (size > MAX_INPUT)
		return -1;
	listen_somewhere();
	control_rig_init(&rig);
	make_consoles();
	control_commands_init(&commands, &rig.guest, &consoles);
	require(!control_server_create(&commands.service, &loop, listener,
				       &commands.server));
	for (size_t i = 0; i < CLIENTS; i++)
		join(&readers[i]);
	require(!evloop_poll(&loop));
	play(data, size);
	for (size_t i = 0; i < CLIENTS; i++) {
		read_back(&readers[i]);
		close(readers[i].fd);
	}
	require(!evloop_poll(&loop));
	control_server_destroy(commands.server);
	control_console_destroy(consoles.serial[0]);
	return 0;
}
