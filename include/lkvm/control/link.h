/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The client's side of a control socket: one connection to a guest, whose
 * answers are waited for. For one thread at a time.
 */
#ifndef LKVM_CONTROL_LINK_H
#define LKVM_CONTROL_LINK_H

#include "lkvm/util/json_read.h"
#include "lkvm/util/util.h"

/* Bytes of an answer. */
#define CONTROL_ANSWER_MAX (2 * SZ_1M)

struct control_link {
	int fd;
	u64 id;	  /* of the last request */
	char *in; /* what has come, in_len bytes of it; allocated */
	size_t in_len, in_room;
	char why[160]; /* what the guest says is wrong: after -EREMOTEIO */
};

/* `fd` is that of control_place_connect(), and the link's from now on. */
void control_link_init(struct control_link *link, int fd);
void control_link_close(struct control_link *link);

/*
 * Has the command carried out, with `arguments`, a short object in JSON, or
 * without, for NULL, and waits for the answer for `ms` milliseconds; events,
 * and late answers to others, are dropped. On success *root, which is to be
 * freed, is the answer, and *result, in it, what the command returned. Returns
 * 0; -EREMOTEIO if the guest says that something is wrong; -ETIMEDOUT; -EPIPE
 * if the guest has ended; -EBADMSG if the answer is none; or another -errno.
 */
int control_link_ask(struct control_link *link, const char *command,
		     const char *arguments, unsigned int ms,
		     struct json_value **root,
		     const struct json_value **result);

/* The same for who does not want the result. */
int control_link_tell(struct control_link *link, const char *command,
		      const char *arguments, unsigned int ms);

/* Waits for the guest's process to end. 0, -ETIMEDOUT or another -errno. */
int control_link_wait_end(struct control_link *link, u64 ms);

/* What a -errno of these functions means. */
const char *control_link_explain(const struct control_link *link, int err);

#endif
