/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A connection to a guest. The other side is lkvm, but may be of another
 * version, stopped, or about to end: nothing is waited for without a limit, and
 * what comes is checked.
 *
 * Used by `lkvm stop`, `list`, `stat` and the like, which are short-lived
 * processes with one thread. A request is sent, then lines are read until one
 * has its id; others are events or answers that came too late and are dropped.
 * The buffer grows up to CONTROL_ANSWER_MAX, so a wrong peer cannot make the
 * client use all memory.
 */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lkvm/control/link.h"
#include "lkvm/util/clock.h"
#include "lkvm/util/output.h"

void control_link_init(struct control_link *link, int fd)
{
	memset(link, 0, sizeof(*link));
	link->fd = fd;
}

void control_link_close(struct control_link *link)
{
	close(link->fd);
	free(link->in);
	control_link_init(link, -1);
}

/* Until something has come, or the end. 0, -ETIMEDOUT or another -errno. */
static int await_input(const struct control_link *link, u64 deadline)
{
	struct pollfd fd = { .fd = link->fd, .events = POLLIN };
	u64 now, ms;
	int ret;

	do {
		now = clock_now();
		ms = now < deadline ? (deadline - now) / NS_PER_MS + 1 : 0;
		ret = poll(&fd, 1, (int)MIN(ms, (u64)INT_MAX));
		if (ret < 0 && errno != EINTR)
			return -errno;
	} while (ret <= 0 && now < deadline);
	return ret > 0 ? 0 : -ETIMEDOUT;
}

static int make_room(struct control_link *link)
{
	size_t room = MAX(2 * link->in_room, SZ_4K);
	char *in;

	if (link->in_len < link->in_room)
		return 0;
	if (room > CONTROL_ANSWER_MAX)
		return -EBADMSG;
	in = realloc(link->in, room);
	if (!in)
		return -ENOMEM;
	link->in = in;
	link->in_room = room;
	return 0;
}

/* One piece more. -EPIPE at the end, which is also that of a killed process. */
static int receive(struct control_link *link, u64 deadline)
{
	ssize_t n;
	int ret = make_room(link);

	if (!ret)
		ret = await_input(link, deadline);
	if (ret)
		return ret;
	n = recv(link->fd, link->in + link->in_len,
		 link->in_room - link->in_len, MSG_DONTWAIT);
	if (n > 0)
		link->in_len += (size_t)n;
	else if (!n || errno == ECONNRESET)
		return -EPIPE;
	else if (errno != EAGAIN && errno != EINTR)
		return -errno;
	return 0;
}

/* The next line, parsed; *root is to be freed. */
static int take_value(struct control_link *link, u64 deadline,
		      struct json_value **root)
{
	struct json_error error;
	size_t seen = 0, len;
	const char *end;
	int ret = 0;

	while (!(end = link->in_len > seen ? memchr(link->in + seen, '\n',
						    link->in_len - seen)
					   : NULL)) {
		seen = link->in_len;
		ret = receive(link, deadline);
		if (ret)
			return ret;
	}
	len = (size_t)(end - link->in);
	ret = json_read(link->in, len, root, &error);
	link->in_len -= len + 1;
	memmove(link->in, end + 1, link->in_len);
	return ret;
}

/* 0 if it is what the command returned. */
static int judge(struct control_link *link, const struct json_value *root,
		 const struct json_value **result)
{
	const struct json_value *error = json_member(root, "error");
	const char *message = json_string_of(json_member(error, "message"));

	*result = json_member(root, "return");
	if (json_is(*result, JSON_OBJECT))
		return 0;
	if (!error)
		return -EBADMSG;
	snprintf(link->why, sizeof(link->why), "%s",
		 message ? message : "the guest does not say why");
	return -EREMOTEIO;
}

/* Events have no id. */
static bool is_answer(const struct control_link *link,
		      const struct json_value *root)
{
	u64 id;

	return !json_u64_of(json_member(root, "id"), &id) && id == link->id;
}

/*
 * The limit is for the whole exchange, not for each read: a guest that sends
 * events all the time does not extend it. Arguments are literals or numbers of
 * ours, so nothing has to be escaped, and the request fits.
 */
int control_link_ask(struct control_link *link, const char *command,
		     const char *arguments, unsigned int ms,
		     struct json_value **root, const struct json_value **result)
{
	u64 deadline = clock_now() + ms * NS_PER_MS;
	char request[256];
	int len = snprintf(request, sizeof(request),
			   "{\"execute\":\"%s\",\"id\":%" PRIu64 "%s%s}\n",
			   command, ++link->id,
			   arguments ? ",\"arguments\":" : "",
			   arguments ? arguments : "");
	int ret = output_write(link->fd, request, (size_t)len, ms, NULL);

	if (ret)
		return ret == -EAGAIN ? -ETIMEDOUT : ret;
	for (;;) {
		ret = take_value(link, deadline, root);
		if (ret)
			return ret;
		if (is_answer(link, *root))
			break;
		free(*root);
	}
	ret = judge(link, *root, result);
	if (ret)
		free(*root);
	return ret;
}

int control_link_tell(struct control_link *link, const char *command,
		      const char *arguments, unsigned int ms)
{
	const struct json_value *result;
	struct json_value *root;
	int ret =
		control_link_ask(link, command, arguments, ms, &root, &result);

	if (!ret)
		free(root);
	return ret;
}

/*
 * A process that ends closes its descriptors, so the end of the connection is
 * the end of the run, and no PID is needed. Events that come meanwhile are
 * dropped.
 */
int control_link_wait_end(struct control_link *link, u64 ms)
{
	u64 deadline = clock_now() + ms * NS_PER_MS;
	int ret;

	do {
		link->in_len = 0;
		ret = receive(link, deadline);
	} while (!ret);
	return ret == -EPIPE ? 0 : ret;
}

const char *control_link_explain(const struct control_link *link, int err)
{
	switch (err) {
	case -EREMOTEIO:
		return link->why;
	case -ETIMEDOUT:
		return "it does not answer";
	case -EPIPE:
	case -ECONNRESET:
		return "it has just ended";
	case -EBADMSG:
		return "its answer is not understood";
	default:
		return strerror(-err);
	}
}
