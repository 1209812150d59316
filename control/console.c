/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A client at a port of the guest: its connection, that of a control socket
 * before, now carries bytes to and fro, by the hub (chardev/hub.h) that is
 * between the port and its backend.
 *
 * Nothing waits for the client. Output stays in the hub until the socket takes
 * it, and is missing, which the client is told, when the guest has overtaken
 * it; input stays in the socket while the hub has no room.
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lkvm/chardev/hub.h"
#include "lkvm/control/console.h"
#include "lkvm/control/request.h"
#include "lkvm/util/clock.h"

/* Bytes that are copied at once, and how often in a turn of the loop. */
#define PIECE	    SZ_4K
#define PIECES_MAX  16
#define NOTE	    128 /* of lkvm itself, between the guest's bytes */
#define ENDED_LIMIT (60 * NS_PER_SECOND)

/* Linux's drivers/tty/hvc: what is a break on other consoles. */
#define HVC_BREAK 0x0f /* Ctrl-o */

_Static_assert(CONTROL_LINGER_MAX_MS *NS_PER_MS <= ENDED_LIMIT,
	       "silence is waited for as long as that");

struct control_console {
	struct control_stream stream;
	struct hub_user user;
	struct hub *hub;
	struct evloop *loop;
	struct evloop_source source; /* the client; -1: nobody */
	struct evloop_timer timer;
	u32 watched; /* events of the source, if is_watched */
	bool is_watched, has_timer;
	bool broken;	/* the client is to be disconnected */
	bool blocked;	/* its socket takes nothing now */
	bool ended;	/* it sends no more, since `ended_at` */
	u64 linger;	/* ns */
	u64 ended_at;	/* clock_now() */
	u64 active_at;	/* the same: when the last byte has moved */
	u64 at;		/* in the hub's output: up to there it is copied */
	size_t waiting; /* in the hub's queue, when it was looked at last */
	size_t in_len, out_at, out_len;
	u8 in[PIECE];	      /* in_len bytes that the hub has no room for */
	u8 out[NOTE + PIECE]; /* out_len bytes from out_at on, to be sent */
};

/* ---- Output -------------------------------------------------------------- */

/* Before what is in `out` behind its first NOTE bytes. */
static void put_note(struct control_console *console, const char *note)
{
	size_t len = MIN(strlen(note), (size_t)NOTE);

	console->out_at -= len;
	console->out_len += len;
	memcpy(console->out + console->out_at, note, len);
}

/* The next piece of what the guest has written. */
static void fill(struct control_console *console)
{
	u64 lost = 0;
	char note[NOTE];

	console->out_at = NOTE;
	console->out_len = hub_read(console->hub, &console->at,
				    console->out + NOTE, PIECE, &lost);
	if (!lost)
		return;
	snprintf(note, sizeof(note),
		 "\r\n[lkvm: %" PRIu64 " bytes of output are missing here]\r\n",
		 lost);
	put_note(console, note);
}

/*
 * Once. MSG_NOSIGNAL, as the client may have closed its end; EAGAIN is no
 * error, the event loop waits for room.
 */
static void send_piece(struct control_console *console)
{
	ssize_t n = send(console->source.fd, console->out + console->out_at,
			 console->out_len, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (n > 0) {
		console->out_at += (size_t)n;
		console->out_len -= (size_t)n;
		console->active_at = clock_now();
	} else if (n < 0 && errno == EAGAIN) {
		console->blocked = true;
	} else if (n < 0 && errno != EINTR) {
		console->broken = true;
	}
}

/* What the socket takes now. Then all of it is sent, or it is blocked. */
static void send_output(struct control_console *console, unsigned int pieces)
{
	console->blocked = false;
	for (unsigned int i = 0; !console->broken && !console->blocked; i++) {
		if (!console->out_len)
			fill(console);
		if (!console->out_len)
			return;
		send_piece(console);
		/* The rest is for the next turn: the socket has room. */
		if (i >= pieces)
			console->blocked = true;
	}
}

/* ---- Input --------------------------------------------------------------- */

/*
 * What has come goes to the guest as far as there is room for it. That the
 * guest takes some is no silence, either.
 */
static void pass_input(struct control_console *console)
{
	size_t n = hub_send(console->hub, console->in, console->in_len);
	size_t waiting = hub_waiting(console->hub);

	console->in_len -= n;
	memmove(console->in, console->in + n, console->in_len);
	if (waiting != console->waiting)
		console->active_at = clock_now();
	console->waiting = waiting;
}

static void receive(struct control_console *console)
{
	ssize_t n;

	if (console->in_len || console->ended)
		return;
	n = recv(console->source.fd, console->in, sizeof(console->in),
		 MSG_DONTWAIT);
	if (n > 0) {
		console->in_len = (size_t)n;
	} else if (!n) {
		console->ended = true;
		console->ended_at = console->active_at = clock_now();
	} else if (errno != EAGAIN && errno != EINTR) {
		console->broken = true;
	}
}

/* ---- The client ---------------------------------------------------------- */

/* What the hub has of its input the guest still gets. */
static void leave(struct control_console *console)
{
	hub_leave(console->hub);
	if (console->is_watched)
		evloop_del(console->loop, &console->source);
	if (console->has_timer)
		evloop_timer_destroy(console->loop, &console->timer);
	close(console->source.fd);
	console->source.fd = -1;
	console->is_watched = console->has_timer = false;
}

static void say_what_is_left(struct control_console *console)
{
	console->out_at = NOTE;
	console->out_len = 0;
	put_note(console, "\r\n[lkvm: the guest has not taken all of the input "
			  "so far]\r\n");
	send_piece(console);
}

/*
 * Whether it is time for a client that has ended its side to go; else the timer
 * says when to look again. Without a timer, for want of descriptors, it goes at
 * once.
 */
static bool is_over(struct control_console *console)
{
	u64 now = clock_now(), until = console->ended_at + ENDED_LIMIT;
	bool waits = console->in_len || console->waiting;

	if (!console->ended)
		return false;
	if (now >= until && waits && !console->out_len)
		say_what_is_left(console);
	if (!waits && !console->out_len)
		until = MIN(until, console->active_at + console->linger);
	return now >= until || !console->has_timer ||
	       evloop_timer_set(&console->timer, until - now);
}

static int watch(struct control_console *console)
{
	u32 events = 0;
	int ret;

	if (!console->in_len && !console->ended)
		events |= EPOLLIN;
	if (console->blocked)
		events |= EPOLLOUT;
	if (console->is_watched && events == console->watched)
		return 0;
	if (console->is_watched)
		evloop_del(console->loop, &console->source);
	ret = evloop_add(console->loop, &console->source, events);
	console->is_watched = !ret;
	console->watched = events;
	return ret;
}

/* As far as the hub has room: there is no end to wait for. */
static void take_the_rest(struct control_console *console)
{
	do {
		pass_input(console);
		receive(console);
	} while (console->in_len && hub_waiting(console->hub) < HUB_INPUT);
}

/* After anything that may have changed. The client may be gone then. */
static void go_on(struct control_console *console)
{
	pass_input(console);
	send_output(console, PIECES_MAX);
	if (console->broken)
		take_the_rest(console);
	if (console->broken || is_over(console) || watch(console))
		leave(console);
}

/* What a client has sent before it has gone is the guest's. */
static void handle_client(struct evloop_source *source, u32 events)
{
	struct control_console *console =
		container_of(source, struct control_console, source);

	if (events & EPOLLIN)
		receive(console);
	if (events & (EPOLLHUP | EPOLLERR))
		console->broken = true;
	go_on(console);
}

static void timer_expired(struct evloop_timer *timer)
{
	go_on(container_of(timer, struct control_console, timer));
}

static void hub_changed(struct hub_user *user)
{
	go_on(container_of(user, struct control_console, user));
}

/* control_stream.begin: the answer is the first that is sent. */
static void begin(struct control_stream *stream, int fd, const char *out,
		  size_t out_len, const char *in, size_t in_len)
{
	struct control_console *console =
		container_of(stream, struct control_console, stream);

	console->source.fd = fd;
	/* Better none than half an answer, as to a request with a long "id". */
	console->broken = out_len > PIECE;
	console->ended = false;
	console->active_at = clock_now();
	console->waiting = 0;
	console->out_at = NOTE;
	console->out_len = MIN(out_len, (size_t)PIECE);
	memcpy(console->out + NOTE, out, console->out_len);
	console->in_len = MIN(in_len, sizeof(console->in));
	memcpy(console->in, in, console->in_len);
	console->has_timer = !evloop_timer_init(console->loop, &console->timer,
						timer_expired);
	console->at = hub_enter(console->hub, &console->user);
	go_on(console);
}

/* ---- The port ------------------------------------------------------------ */

_Static_assert(CONTROL_REQUEST_MAX <= PIECE, "what has come fits");

int control_console_create(struct chardev **chr, struct evloop *loop,
			   struct control_console **out)
{
	struct control_console *console = calloc(1, sizeof(*console));
	int ret;

	if (!console)
		return -ENOMEM;
	ret = hub_create(*chr, loop, &console->hub);
	if (ret) {
		free(console);
		return ret;
	}
	*chr = hub_chardev(console->hub);
	console->loop = loop;
	console->stream.begin = begin;
	console->user.changed = hub_changed;
	console->source.fd = -1;
	console->source.handle = handle_client;
	*out = console;
	return 0;
}

void control_console_disconnect(struct control_console *console)
{
	if (!console)
		return;
	if (console->source.fd >= 0)
		leave(console);
	hub_disconnect(console->hub);
}

void control_console_destroy(struct control_console *console)
{
	if (!console)
		return;
	control_console_disconnect(console);
	hub_destroy(console->hub);
	free(console);
}

bool control_console_is_busy(const struct control_console *console)
{
	return hub_user(console->hub);
}

struct control_stream *control_console_stream(struct control_console *console,
					      unsigned int linger_ms)
{
	console->linger = linger_ms * NS_PER_MS;
	return &console->stream;
}

int control_console_sysrq(struct control_console *console, u8 key)
{
	const u8 hvc[] = { HVC_BREAK, key };
	int ret = hub_send_break(console->hub, key);

	if (ret != -ENOTSUP)
		return ret;
	if (hub_waiting(console->hub) + sizeof(hvc) > HUB_INPUT)
		return -EAGAIN;
	hub_send(console->hub, hvc, sizeof(hvc));
	return 0;
}

/*
 * The last words of a guest are what its user wants most, so a client that lags
 * gets them until the deadline.
 */
void control_console_end(struct control_console *console, u64 deadline)
{
	struct pollfd pfd = { .events = POLLOUT };

	if (!console || console->source.fd < 0)
		return;
	pfd.fd = console->source.fd;
	send_output(console, UINT32_MAX);
	while (console->blocked && !console->broken) {
		u64 now = clock_now();

		if (now >= deadline ||
		    poll(&pfd, 1, (int)((deadline - now) / NS_PER_MS) + 1) <= 0)
			return;
		send_output(console, UINT32_MAX);
	}
}
