/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * lkvm's own stdin and stdout as the backend of a serial port. stdin may be a
 * terminal, a pipe or a file; a terminal is made raw while the guest runs and
 * put back however lkvm ends, SIGKILL excepted.
 */
#ifndef LKVM_TERMINAL_H
#define LKVM_TERMINAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "lkvm/chardev.h"
#include "lkvm/evloop.h"

#define TERMINAL_UNREAD_MAX 256

struct terminal {
	struct chardev chr;
	struct evloop *loop;
	const atomic_bool *stopping;	     /* gives up writes that block */
	void (*quit)(struct terminal *term); /* Ctrl-a x */
	int in_fd, out_fd;
	bool is_tty;
	bool always_ready; /* a file: epoll does not take it */
	struct evloop_source input;
	struct evloop_source again; /* an eventfd: more of a file, or unread */
	bool escape;		    /* Ctrl-a has come; event loop's thread */

	pthread_mutex_t lock; /* of what follows; innermost */
	size_t accept;	      /* bytes the front takes now */
	bool input_on;
	bool eof;
	u8 unread[TERMINAL_UNREAD_MAX];
	size_t nr_unread;
};

/*
 * Prepares `term` on `in_fd` and `out_fd` and makes a terminal raw. `quit` is
 * called on the event loop's thread. Returns 0, or -errno after a message.
 */
int terminal_init(struct terminal *term, struct evloop *loop, int in_fd,
		  int out_fd, const atomic_bool *stopping,
		  void (*quit)(struct terminal *term));

/* Restores a terminal's settings and stops using both descriptors. */
void terminal_destroy(struct terminal *term);

#endif
