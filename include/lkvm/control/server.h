/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Clients of a guest's control socket, and the lines that go to and fro. All of
 * it runs on the event loop's thread. Nothing waits for a client.
 */
#ifndef LKVM_CONTROL_SERVER_H
#define LKVM_CONTROL_SERVER_H

#include "lkvm/util/util.h"
#include "lkvm/vmm/evloop.h"

/* Clients at a time. */
#define CONTROL_CLIENTS 16

/* Bytes that wait for a client to take them. */
#define CONTROL_OUT_MAX (2 * SZ_1M)

struct control_client;
struct control_server;

/* Who answers; embedded in the structure of that. */
struct control_service {
	/*
	 * A line of a client, without its newline, in memory of the server's.
	 * What it answers, by control_client_send(), should be one line.
	 */
	void (*line)(struct control_service *service,
		     struct control_client *client, const char *line,
		     size_t len);
};

/* Who takes over the connection of a client; embedded in its structure. */
struct control_stream {
	/*
	 * `fd`, which does not block, is the stream's from here on. `out` is
	 * what the client is to be sent first, the answer; `in` what it has
	 * sent behind its request, CONTROL_REQUEST_MAX bytes at most. Neither
	 * is valid afterwards.
	 */
	void (*begin)(struct control_stream *stream, int fd, const char *out,
		      size_t out_len, const char *in, size_t in_len);
};

/*
 * Serves who connects to `fd`, a socket that listens and does not block; it
 * stays the caller's. Returns 0 or -errno.
 */
int control_server_create(struct control_service *service, struct evloop *loop,
			  int fd, struct control_server **out);

/* Accepts no further clients: `fd` may be closed. */
void control_server_refuse(struct control_server *server);

/* Disconnects all clients. The event loop does not run. NULL is allowed. */
void control_server_destroy(struct control_server *server);

/*
 * Has a line, with its newline, sent. A client for which too much waits is
 * disconnected later on, as is one for which there is no memory.
 */
void control_client_send(struct control_client *client, const char *line,
			 size_t len);

/* The client is sent events from here on. */
void control_client_subscribe(struct control_client *client);

/*
 * While a line of the client is served: once it is answered the client is none
 * any more, and its connection is handed over.
 */
void control_client_hand_over(struct control_client *client,
			      struct control_stream *stream);

/*
 * Sends a line, with its newline, to all clients that have subscribed. Also
 * when the event loop does not run any more: what clients take at once.
 */
void control_server_event(struct control_server *server, const char *line,
			  size_t len);

#endif
