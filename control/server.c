/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The server of a control socket. A client has a buffer for a request and one
 * for what it has not taken yet. It is not listened to while the latter holds
 * something, so one that asks and does not read holds up itself only; one that
 * has subscribed and does not read is disconnected when too much waits.
 *
 * In each turn of the event loop a client gets one request done, so that the
 * terminal, timers and other clients have their turns in between.
 *
 * If there are too many clients, the one that has been silent for longest makes
 * room, so that clients that do nothing keep nobody out.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lkvm/control/place.h"
#include "lkvm/control/request.h"
#include "lkvm/control/server.h"
#include "lkvm/util/log.h"

/* What a client is told whose request does not fit the buffer. */
#define TOO_LONG                                                      \
	"{\"error\":{\"class\":\"malformed\",\"message\":\"a request" \
	" has 4096 bytes at most\"}}\n"

_Static_assert(CONTROL_REQUEST_MAX == 4096, "the message has this limit");

struct control_client {
	struct control_server *server;
	struct evloop_source source;
	u32 watched; /* events of the source, if is_watched */
	bool is_watched;
	bool subscribed;
	bool ended;		       /* it sends no more */
	struct control_stream *stream; /* who takes it over; NULL: nobody */
	bool broken; /* to be disconnected as soon as nothing is under way */
	u64 heard;   /* server->clock when it last said something */
	size_t in_len, out_at, out_len, out_room;
	char *out; /* out_len bytes from out_at on; allocated */
	char in[CONTROL_REQUEST_MAX];
};

struct control_server {
	struct control_service *service;
	struct evloop *loop;
	struct evloop_source listener;
	u64 clock; /* counts what clients have said */
	struct control_client *clients[CONTROL_CLIENTS]; /* NULL: free */
};

/* ---- What goes to a client ----------------------------------------------- */

/* Makes room behind what waits: at the front, or by more memory. */
static bool make_room(struct control_client *client, size_t len)
{
	size_t room = MAX(client->out_room, SZ_4K);
	char *out;

	if (client->out_at) {
		memmove(client->out, client->out + client->out_at,
			client->out_len);
		client->out_at = 0;
	}
	if (len > CONTROL_OUT_MAX - client->out_len)
		return false;
	while (room < client->out_len + len)
		room *= 2;
	if (room == client->out_room)
		return true;
	out = realloc(client->out, room);
	if (!out)
		return false;
	client->out = out;
	client->out_room = room;
	return true;
}

/*
 * Only appends to the buffer: the client's turn of the event loop sends it, or
 * control_server_event() for an event.
 */
void control_client_send(struct control_client *client, const char *line,
			 size_t len)
{
	if (client->broken)
		return;
	if (!make_room(client, len)) {
		client->broken = true;
		return;
	}
	memcpy(client->out + client->out_len, line, len);
	client->out_len += len;
}

void control_client_subscribe(struct control_client *client)
{
	client->subscribed = true;
}

/*
 * Sends what the socket takes now. MSG_NOSIGNAL, as a client may have closed
 * its end; EAGAIN is no error, the event loop waits for room.
 */
static void flush(struct control_client *client)
{
	ssize_t n;

	while (client->out_len && !client->broken) {
		n = send(client->source.fd, client->out + client->out_at,
			 client->out_len, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			client->broken = errno != EAGAIN;
			return;
		}
		client->out_at += (size_t)n;
		client->out_len -= (size_t)n;
	}
}

/* ---- What comes from it -------------------------------------------------- */

static bool has_line(const struct control_client *client)
{
	return memchr(client->in, '\n', client->in_len);
}

/* The line is removed when it has been answered. */
static void take_line(struct control_client *client)
{
	struct control_server *server = client->server;
	const char *end = memchr(client->in, '\n', client->in_len);
	size_t len = (size_t)(end - client->in);

	if (strspn(client->in, " \t\r") < len)
		server->service->line(server->service, client, client->in, len);
	client->in_len -= len + 1;
	memmove(client->in, end + 1, client->in_len);
}

/*
 * Reads once for each event, so a client that sends without a pause gets no
 * more turns than others. A full buffer without a newline can never become a
 * request: the client is told why and disconnected.
 */
static void receive(struct control_client *client)
{
	ssize_t n = recv(client->source.fd, client->in + client->in_len,
			 sizeof(client->in) - client->in_len, MSG_DONTWAIT);

	if (n > 0)
		client->in_len += (size_t)n;
	else if (!n)
		client->ended = true;
	else if (errno != EAGAIN && errno != EINTR)
		client->broken = true;
	client->heard = ++client->server->clock;
	if (client->in_len == sizeof(client->in) && !has_line(client)) {
		control_client_send(client, TOO_LONG, strlen(TOO_LONG));
		flush(client);
		client->broken = true;
	}
}

/* ---- Clients ------------------------------------------------------------- */

/* Nobody is to come across it any more; its descriptor is still open. */
static void forget(struct control_client *client)
{
	struct control_server *server = client->server;

	for (size_t i = 0; i < CONTROL_CLIENTS; i++)
		if (server->clients[i] == client)
			server->clients[i] = NULL;
	if (client->is_watched)
		evloop_del(server->loop, &client->source);
}

static void free_client(struct control_client *client)
{
	free(client->out);
	free(client);
}

/*
 * The source leaves the event loop before its descriptor is closed, as the
 * number may be reused at once. Frees the client.
 */
static void disconnect(struct control_client *client)
{
	forget(client);
	close(client->source.fd);
	free_client(client);
}

void control_client_hand_over(struct control_client *client,
			      struct control_stream *stream)
{
	client->stream = stream;
}

/* With what it has not been sent, and has said. The client is gone then. */
static void hand_over(struct control_client *client)
{
	forget(client);
	client->stream->begin(client->stream, client->source.fd,
			      client->out_len ? client->out + client->out_at
					      : "",
			      client->out_len, client->in, client->in_len);
	free_client(client);
}

/* A line that has come already is waited for by a socket that can be written.
 */
static u32 wanted_events(const struct control_client *client)
{
	if (client->out_len || has_line(client))
		return EPOLLOUT;
	return client->ended ? 0 : EPOLLIN;
}

static int watch(struct control_client *client)
{
	struct evloop *loop = client->server->loop;
	u32 events = wanted_events(client);
	int ret;

	if (client->is_watched && events == client->watched)
		return 0;
	if (client->is_watched)
		evloop_del(loop, &client->source);
	ret = evloop_add(loop, &client->source, events);
	client->is_watched = !ret;
	client->watched = events;
	return ret;
}

/*
 * What was sent goes out, and the client is watched for what it has to do next.
 * One that has said its last, and was answered, is disconnected, unless it
 * waits for events. The client may be gone then.
 */
static void go_on(struct control_client *client)
{
	flush(client);
	if (client->ended && !client->out_len && !has_line(client) &&
	    !client->subscribed)
		client->broken = true;
	if (client->broken || watch(client))
		disconnect(client);
}

/*
 * Reads, then answers one request at most, and that only when the client has
 * taken all answers before it.
 */
static void handle_client(struct evloop_source *source, u32 events)
{
	struct control_client *client =
		container_of(source, struct control_client, source);

	if (events & EPOLLIN)
		receive(client);
	else if (events & (EPOLLHUP | EPOLLERR))
		client->broken = true;
	flush(client);
	if (!client->broken && !client->out_len && has_line(client))
		take_line(client);
	if (client->stream)
		hand_over(client);
	else
		go_on(client);
}

/* Those that wait for events are silent for good reasons, and go last. */
static bool goes_before(const struct control_client *a,
			const struct control_client *b)
{
	if (a->subscribed != b->subscribed)
		return b->subscribed;
	return a->heard < b->heard;
}

/* A free place, which is made if there is none. */
static size_t find_place(struct control_server *server)
{
	size_t best = 0;

	for (size_t i = 0; i < CONTROL_CLIENTS; i++) {
		if (!server->clients[i])
			return i;
		if (goes_before(server->clients[i], server->clients[best]))
			best = i;
	}
	disconnect(server->clients[best]);
	return best;
}

/*
 * A stranger's connection is closed without a word. Others take the place of
 * the client that has been silent for longest if all are taken.
 */
static void add_client(struct control_server *server, int fd)
{
	struct control_client *client = NULL;
	size_t place;

	if (control_peer_is_trusted(fd))
		client = calloc(1, sizeof(*client));
	if (!client) {
		close(fd);
		return;
	}
	place = find_place(server);
	server->clients[place] = client;
	client->server = server;
	client->source.fd = fd;
	client->source.handle = handle_client;
	client->heard = ++server->clock;
	go_on(client);
}

/*
 * Edge-triggered: a connection that cannot be accepted, for want of
 * descriptors, does not keep the loop busy, and has its turn with the next one.
 * Only so many are accepted at once; adding the source again makes an edge of
 * what is left.
 */
static void handle_listener(struct evloop_source *source, u32 events)
{
	struct control_server *server =
		container_of(source, struct control_server, listener);

	(void)events;
	for (int i = 0; i < CONTROL_CLIENTS; i++) {
		int fd = accept4(source->fd, NULL, NULL,
				 SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd >= 0)
			add_client(server, fd);
		else if (errno != ECONNABORTED && errno != EINTR)
			return;
	}
	evloop_del(server->loop, source);
	if (evloop_add(server->loop, source, EPOLLIN | EPOLLET))
		pr_err("control: unable to wait for further clients");
}

/* ---- The server ---------------------------------------------------------- */

/*
 * There are no clients yet, but some may wait already: adding the source makes
 * an edge for these as well.
 */
int control_server_create(struct control_service *service, struct evloop *loop,
			  int fd, struct control_server **out)
{
	struct control_server *server = calloc(1, sizeof(*server));
	int ret;

	if (!server)
		return -ENOMEM;
	server->service = service;
	server->loop = loop;
	server->listener.fd = fd;
	server->listener.handle = handle_listener;
	ret = evloop_add(loop, &server->listener, EPOLLIN | EPOLLET);
	if (ret) {
		free(server);
		return ret;
	}
	*out = server;
	return 0;
}

void control_server_refuse(struct control_server *server)
{
	/* Who waits here waits for the process, whose end closes them. */
	while (server->listener.fd >= 0 &&
	       accept4(server->listener.fd, NULL, NULL,
		       SOCK_NONBLOCK | SOCK_CLOEXEC) >= 0)
		;
	if (server->listener.fd >= 0)
		evloop_del(server->loop, &server->listener);
	server->listener.fd = -1;
}

void control_server_destroy(struct control_server *server)
{
	if (!server)
		return;
	for (size_t i = 0; i < CONTROL_CLIENTS; i++)
		if (server->clients[i])
			disconnect(server->clients[i]);
	control_server_refuse(server);
	free(server);
}

/*
 * May be called while a line of a client is being answered, so none is
 * disconnected here: one that is to be has its output closed, which its own
 * turn of the event loop notices.
 */
void control_server_event(struct control_server *server, const char *line,
			  size_t len)
{
	for (size_t i = 0; i < CONTROL_CLIENTS; i++) {
		struct control_client *client = server->clients[i];

		if (!client || !client->subscribed)
			continue;
		control_client_send(client, line, len);
		flush(client);
		if (client->broken || watch(client))
			shutdown(client->source.fd, SHUT_RDWR);
	}
}
