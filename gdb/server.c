/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The socket of debuggers. All of it runs on the event loop's thread, but for
 * gdb_server_wake(), and nothing waits for a client: what it does not take now
 * stays in the session's buffer, and then it is not listened to, either.
 *
 * Who can connect controls the guest, so a UNIX socket is for its owner, and
 * TCP for this machine unless the user names another address.
 *
 * arm/debugger.c calls it: gdb_server_listen() while the machine is made,
 * gdb_server_start() when there are vCPUs, and gdb_server_wake() from the
 * thread of a vCPU that has stopped. Bytes of the client are not interpreted
 * here but in gdb/session.c.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lkvm/gdb/server.h"
#include "lkvm/util/log.h"
#include "lkvm/util/unix_socket.h"
#include "session.h"

/* Clients that wait until the one that is connected has gone. */
#define BACKLOG 2

/* Bytes that are taken from a client at once. */
#define PIECE SZ_4K

struct gdb_server {
	struct evloop *loop;
	struct unix_socket sock; /* its descriptor is -1 with TCP */
	int tcp_fd;
	bool is_public; /* others than this machine's users can connect */
	struct evloop_source listener, wake;
	struct evloop_source client; /* -1: there is none */
	u32 watched;		     /* events of the client's */
	bool is_watched;
	bool has_session;
	u8 in[PIECE]; /* has come, and the session does not want it yet */
	size_t in_at, in_len;
	struct gdb_session session;
};

/* ---- Addresses ----------------------------------------------------------- */

union address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

/* The configuration's address is a good one. Returns the length. */
static socklen_t fill_address(const struct gdb_config *config,
			      union address *addr)
{
	memset(addr, 0, sizeof(*addr));
	if (inet_pton(AF_INET, config->host, &addr->v4.sin_addr) == 1) {
		addr->v4.sin_family = AF_INET;
		addr->v4.sin_port = htons(config->port);
		return sizeof(addr->v4);
	}
	inet_pton(AF_INET6, config->host, &addr->v6.sin6_addr);
	addr->v6.sin6_family = AF_INET6;
	addr->v6.sin6_port = htons(config->port);
	return sizeof(addr->v6);
}

static bool is_loopback(const union address *addr)
{
	if (addr->any.sa_family == AF_INET)
		return ntohl(addr->v4.sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
	return IN6_IS_ADDR_LOOPBACK(&addr->v6.sin6_addr);
}

static int listen_tcp(struct gdb_server *server,
		      const struct gdb_config *config)
{
	const int on = 1;
	union address addr;
	socklen_t len = fill_address(config, &addr);
	int fd = socket(addr.any.sa_family,
			SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -errno;
	server->tcp_fd = fd;
	server->is_public = !is_loopback(&addr);
	/* The port of a run that has just ended can be had again. */
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, &addr.any, len) < 0 || listen(fd, BACKLOG) < 0)
		return -errno;
	return 0;
}

/*
 * Only makes the socket: a debugger that connects early waits in the backlog
 * until gdb_server_start().
 */
int gdb_server_listen(const struct gdb_config *config, struct gdb_server **out)
{
	struct gdb_server *server = calloc(1, sizeof(*server));
	int ret = -ENOMEM;

	if (server) {
		server->sock.fd = server->tcp_fd = server->client.fd = -1;
		server->wake.fd = -1;
		ret = config->path
			      ? unix_socket_listen(&server->sock, config->path,
						   UNIX_SOCKET_OWNER, BACKLOG)
			      : listen_tcp(server, config);
	}
	if (!ret) {
		*out = server;
		return 0;
	}
	pr_fatal("--gdb: unable to listen at %s: %s",
		 config->path ? config->path : config->host,
		 ret == -EADDRINUSE ? "another process listens there"
				    : strerror(-ret));
	gdb_server_destroy(server);
	return ret;
}

/* What to tell GDB: `target remote` and this. */
static void tell(const struct gdb_server *server)
{
	char host[INET6_ADDRSTRLEN] = "";
	union address addr;
	socklen_t len = sizeof(addr);

	memset(&addr, 0, sizeof(addr));
	if (server->sock.fd >= 0) {
		pr_info("gdb: listening at %s", server->sock.path);
		return;
	}
	if (getsockname(server->tcp_fd, &addr.any, &len) < 0)
		return;
	if (addr.any.sa_family == AF_INET)
		inet_ntop(AF_INET, &addr.v4.sin_addr, host, sizeof(host));
	else
		inet_ntop(AF_INET6, &addr.v6.sin6_addr, host, sizeof(host));
	/* The port is in the same place in both. */
	pr_info(addr.any.sa_family == AF_INET ? "gdb: listening at %s:%u"
					      : "gdb: listening at [%s]:%u",
		host, ntohs(addr.v4.sin_port));
	if (server->is_public)
		pr_warn("gdb: whoever reaches that address controls the guest");
}

/* ---- The client ---------------------------------------------------------- */

/* Not while the last one's traces are still removed. */
static void await_client(struct gdb_server *server)
{
	if (server->session.state != GDB_APART)
		return;
	if (evloop_add(server->loop, &server->listener, EPOLLIN | EPOLLET))
		pr_err("gdb: unable to wait for another client");
}

/*
 * The descriptor leaves the event loop before it is closed. The session may
 * have to wait for threads to stop before breakpoints can be removed, so the
 * next client is not accepted until then.
 */
static void end_client(struct gdb_server *server)
{
	if (server->is_watched)
		evloop_del(server->loop, &server->client);
	server->is_watched = false;
	close(server->client.fd);
	server->client.fd = -1;
	gdb_session_end(&server->session);
	await_client(server);
}

/* False: it is gone. */
static bool flush(struct gdb_server *server)
{
	struct gdb_session *session = &server->session;
	ssize_t n;

	while (session->out_len) {
		n = send(server->client.fd, session->out, session->out_len,
			 MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN;
		gdb_session_sent(session, (size_t)n);
	}
	return true;
}

/* True if the session has taken something. */
static bool feed(struct gdb_server *server)
{
	size_t n = gdb_session_input(&server->session,
				     server->in + server->in_at,
				     server->in_len - server->in_at);

	server->in_at += n;
	return n;
}

/* Only what can be dealt with is waited for; EPOLLHUP comes all the same. */
static int watch(struct gdb_server *server)
{
	u32 events = 0;
	int ret;

	if (server->in_at == server->in_len &&
	    gdb_session_takes_input(&server->session))
		events |= EPOLLIN;
	if (server->session.out_len)
		events |= EPOLLOUT;
	if (server->is_watched && events == server->watched)
		return 0;
	if (server->is_watched)
		evloop_del(server->loop, &server->client);
	ret = evloop_add(server->loop, &server->client, events);
	server->is_watched = !ret;
	server->watched = events;
	return ret;
}

/* Goes on until the client or the target has to do something. */
static void serve(struct gdb_server *server)
{
	bool alive;

	do
		alive = flush(server);
	while (alive && feed(server));
	if (!alive || watch(server))
		end_client(server);
}

/*
 * The end of the connection and errors of it are the same to the session: the
 * debugger has gone.
 */
static void handle_client(struct evloop_source *source, u32 events)
{
	struct gdb_server *server =
		container_of(source, struct gdb_server, client);
	ssize_t n;

	if (events & EPOLLIN) {
		n = recv(source->fd, server->in, sizeof(server->in),
			 MSG_DONTWAIT);
		if (!n || (n < 0 && errno != EAGAIN && errno != EINTR)) {
			end_client(server);
			return;
		}
		server->in_at = 0;
		server->in_len = n > 0 ? (size_t)n : 0;
	} else if (events & (EPOLLHUP | EPOLLERR)) {
		end_client(server);
		return;
	}
	serve(server);
}

/*
 * Edge-triggered, so that one that cannot be accepted, for want of descriptors,
 * does not keep the loop busy: the next one is tried.
 */
static void handle_listener(struct evloop_source *source, u32 events)
{
	struct gdb_server *server =
		container_of(source, struct gdb_server, listener);
	const int on = 1;
	int fd = accept4(source->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	(void)events;
	if (fd < 0)
		return;
	/* Each packet is waited for. A UNIX socket has no such option. */
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	evloop_del(server->loop, &server->listener);
	server->client.fd = fd;
	server->in_at = server->in_len = 0;
	gdb_session_begin(&server->session);
	serve(server);
}

/*
 * gdb_server_wake() has been called, so all threads may have stopped. Without a
 * client, what is waited for is that the last one's breakpoints are removed.
 */
static void handle_wake(struct evloop_source *source, u32 events)
{
	struct gdb_server *server =
		container_of(source, struct gdb_server, wake);
	u64 count;

	(void)events;
	if (read(source->fd, &count, sizeof(count)) < 0)
		return;
	if (server->client.fd >= 0) {
		gdb_session_poll(&server->session);
		serve(server);
	} else if (server->session.state == GDB_LEAVING) {
		gdb_session_poll(&server->session);
		await_client(server);
	}
}

/* ---- The server ---------------------------------------------------------- */

/*
 * The listener is added last: no client can be served before all else has
 * succeeded.
 */
int gdb_server_start(struct gdb_server *server, struct gdb_target *target,
		     struct evloop *loop)
{
	int ret = gdb_session_init(&server->session, target);

	server->has_session = true;
	server->loop = loop;
	server->listener.fd = server->sock.fd >= 0 ? server->sock.fd
						   : server->tcp_fd;
	server->listener.handle = handle_listener;
	server->client.handle = handle_client;
	server->wake.handle = handle_wake;
	server->wake.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (!ret && server->wake.fd < 0)
		ret = -errno;
	if (!ret)
		ret = evloop_add(loop, &server->wake, EPOLLIN);
	if (!ret)
		ret = evloop_add(loop, &server->listener, EPOLLIN | EPOLLET);
	if (ret)
		pr_fatal("--gdb: unable to serve debuggers: %s",
			 strerror(-ret));
	else
		tell(server);
	return ret;
}

/*
 * The only function for other threads. An eventfd counts, so wakes that come
 * together are one.
 */
void gdb_server_wake(struct gdb_server *server)
{
	const u64 one = 1;

	/* Can only fail by being full, and then it is awake. */
	if (write(server->wake.fd, &one, sizeof(one)) < 0)
		return;
}

void gdb_server_exited(struct gdb_server *server, u8 status)
{
	if (server->client.fd < 0)
		return;
	gdb_session_exited(&server->session, status);
	flush(server);
}

/* Closed descriptors are no longer watched: nobody else has them. */
void gdb_server_destroy(struct gdb_server *server)
{
	if (!server)
		return;
	if (server->has_session)
		gdb_session_destroy(&server->session);
	unix_socket_close(&server->sock);
	if (server->tcp_fd >= 0)
		close(server->tcp_fd);
	if (server->client.fd >= 0)
		close(server->client.fd);
	if (server->wake.fd >= 0)
		close(server->wake.fd);
	free(server);
}
