/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A daemon of vhost-user for tests, a thread: it notes down what it is told,
 * answers, or at one message of choice does something else.
 */
#ifndef TESTS_VHOST_USER_PEER_H
#define TESTS_VHOST_USER_PEER_H

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "virtio/vhost_user.h"

enum peer_fault {
	PEER_REFUSES = 1,
	PEER_IS_SILENT,
	PEER_ENDS,    /* instead of the answer */
	PEER_STOPS,   /* in the middle of it */
	PEER_OTHER,   /* the answer to another request */
	PEER_REQUEST, /* no answer but a request */
	PEER_VERSION, /* of a version to come */
	PEER_SHORT,   /* 4 bytes fewer than there should be */
	PEER_LONG,    /* and 2 GiB more */
	PEER_QUEUE,   /* about another queue */
	PEER_SLOW,    /* byte by byte: nothing is wrong with that */
};

#define PEER_QUEUES 20
#define PEER_DATA   (VIRTQ_F_VERSION_1 | VIRTQ_F_INDIRECT_DESC)

struct vhost_user_peer {
	/* Set before peer_start(), which has the usual ones. */
	u64 features, protocol, nr_queues;
	u32 fault_at; /* enum vhost_user_request */
	enum peer_fault fault;

	/* What it was told: to be read after an answer. */
	unsigned int count[NR_VHOST_USER_REQUESTS];
	unsigned int unconfirmed, odd;
	u64 set_features, set_protocol;
	struct vhost_user_memory memory;
	unsigned int memory_fds;
	struct {
		u32 num, base, enabled;
		struct vhost_user_addr addr;
		int kick, call, err;
		u16 taken; /* of its own */
	} queues[PEER_QUEUES];

	int fd;
	pthread_t thread;
};

/* Defaults, and then the thread: returns the other end of its socket. */
void peer_init(struct vhost_user_peer *peer);
int peer_start(struct vhost_user_peer *peer);

/* Its end, as of a process. */
void peer_end(struct vhost_user_peer *peer);

/*
 * Waits for a kick of the queue and returns the next chain, whose first
 * descriptor is to be written to: `len` bytes of `with`.
 */
void peer_serve(struct vhost_user_peer *peer, u32 queue, u8 with, u32 len);
void peer_call(struct vhost_user_peer *peer, u32 queue);
void peer_await_kick(struct vhost_user_peer *peer, u32 queue);

/*
 * For tests that have calls of poll() wrapped: no wait is longer than this; the
 * longest that was wanted, and how many are to be interrupted.
 */
#define PEER_HURRY 300
extern int peer_longest_wait;
extern unsigned int peer_interrupts;

#endif
