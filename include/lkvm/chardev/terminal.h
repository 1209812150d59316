/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * lkvm's own stdin and stdout as the backend of a serial port. stdin may be a
 * terminal, a pipe or a file; a terminal is made raw while the guest runs, and
 * its settings are restored however lkvm ends, SIGKILL excepted.
 */
#ifndef LKVM_CHARDEV_TERMINAL_H
#define LKVM_CHARDEV_TERMINAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "lkvm/chardev/chardev.h"
#include "lkvm/vmm/evloop.h"

/* Bytes that a front may return, and that may be typed ahead of the guest. */
#define TERMINAL_UNREAD_MAX 256
#define TERMINAL_TYPED_MAX  4096

struct terminal {
	struct chardev chr;
	struct evloop *loop;
	const atomic_bool *stopping;	     /* no write may block any more */
	void (*quit)(struct terminal *term); /* Ctrl-a x */
	/* Ctrl-a p, if not NULL; set by the owner after terminal_init(). */
	void (*power)(struct terminal *term);
	const char *name; /* of a stream, for messages; not owned */
	int in_fd, out_fd;
	bool is_tty;
	bool owns_tty;	   /* the process's terminal: settings are ours */
	bool always_ready; /* a file: epoll does not take it */
	struct evloop_source input;
	struct evloop_source again; /* an eventfd: more of a file, or unread */
	bool escape;		    /* Ctrl-a has come; event loop's thread */
	atomic_bool write_failed;   /* and that was reported */

	pthread_mutex_t lock; /* of what follows; innermost */
	size_t accept;	      /* bytes the front takes now */
	bool input_on;
	bool eof, told_end; /* no more input, and the front knows that */
	u8 unread[TERMINAL_TYPED_MAX + TERMINAL_UNREAD_MAX];
	size_t nr_unread;
};

/*
 * Prepares `term` on `in_fd` and `out_fd`. `quit` is called on the event
 * loop's thread. Returns 0, or -errno after a message.
 */
int terminal_init(struct terminal *term, struct evloop *loop, int in_fd,
		  int out_fd, const atomic_bool *stopping,
		  void (*quit)(struct terminal *term));

/*
 * Makes a terminal raw, now or, for a background job, when it is continued in
 * the foreground. The keyboard's signals are gone from then on, so the event
 * loop has to be about to run. One terminal of a process can be made raw at a
 * time, others stay as they are. Returns 0, or -errno after a message.
 */
int terminal_start(struct terminal *term);

/*
 * For a program that no event loop ends: signals that end it by default restore
 * a terminal before they do so. Those that it ignores stay ignored.
 */
void terminal_restore_at_signals(void);

/*
 * The columns and rows of a terminal. False if stdin is none, or it has no size
 * of its own, as a serial line.
 */
bool terminal_size(const struct terminal *term, u16 *cols, u16 *rows);

/* Restores a terminal's settings. */
void terminal_stop(struct terminal *term);

/* The same, and stops using both descriptors. */
void terminal_destroy(struct terminal *term);

/*
 * A backend with the descriptor `fd`, which is written to and, if `has_input`,
 * read: a file, a pipe, a socket. No byte of it has a meaning for lkvm. Both
 * end with its `destroy`; `fd` is closed after an error as well. `name` is for
 * messages and not copied. Returns 0 or -errno.
 */
int stream_create(const char *name, int fd, bool has_input, struct evloop *loop,
		  const atomic_bool *stopping, struct chardev **out);

#endif
