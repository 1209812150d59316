/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vhost-user (QEMU, docs/interop/vhost-user.rst): another process serves the
 * queues of a virtio device. It is told on a socket where guest memory and
 * rings are, and notified, as lkvm is by it, by eventfds.
 *
 * The daemon is trusted with the guest's memory and with nothing else: what it
 * sends is checked, and waited for during a limited time. With the first
 * failure the connection is closed for good.
 */
#ifndef VIRTIO_VHOST_USER_H
#define VIRTIO_VHOST_USER_H

#include <stdatomic.h>

#include "lkvm/virtio/queue.h"
#include "lkvm/vmm/gmem.h"

/*
 * How long all answers of a start, or of a stop, may take together, and while
 * the run ends or is reset.
 */
#define VHOST_USER_WAIT_MS     10000
#define VHOST_USER_WAIT_END_MS 3000

/* "Front-end message types" */
enum vhost_user_request {
	VHOST_USER_GET_FEATURES = 1,
	VHOST_USER_SET_FEATURES = 2,
	VHOST_USER_SET_OWNER = 3,
	VHOST_USER_SET_MEM_TABLE = 5,
	VHOST_USER_SET_VRING_NUM = 8,
	VHOST_USER_SET_VRING_ADDR = 9,
	VHOST_USER_SET_VRING_BASE = 10,
	VHOST_USER_GET_VRING_BASE = 11,
	VHOST_USER_SET_VRING_KICK = 12,
	VHOST_USER_SET_VRING_CALL = 13,
	VHOST_USER_SET_VRING_ERR = 14,
	VHOST_USER_GET_PROTOCOL_FEATURES = 15,
	VHOST_USER_SET_PROTOCOL_FEATURES = 16,
	VHOST_USER_GET_QUEUE_NUM = 17,
	VHOST_USER_SET_VRING_ENABLE = 18,
	NR_VHOST_USER_REQUESTS
};

/* "Communication", "Protocol features": the ones that are used here. */
#define VHOST_USER_F_PROTOCOL_FEATURES	BIT(30)
#define VHOST_USER_PROTOCOL_F_MQ	BIT(0)
#define VHOST_USER_PROTOCOL_F_REPLY_ACK BIT(3)

/* "Header" */
#define VHOST_USER_VERSION	0x1U
#define VHOST_USER_VERSION_MASK 0x3U
#define VHOST_USER_REPLY	0x4U
#define VHOST_USER_NEED_REPLY	0x8U

struct vhost_user_header {
	u32 request;
	u32 flags;
	u32 size; /* of the payload, in bytes */
};

/* Payloads, in the byte order of the machine. */
struct vhost_user_state {
	u32 index;
	u32 num;
};

struct vhost_user_addr {
	u32 index;
	u32 flags;
	u64 desc, used, avail; /* host addresses */
	u64 log;
};

struct vhost_user_memory {
	u32 nr_regions;
	u32 padding;
	struct {
		u64 gpa;
		u64 size;
		u64 hva;
		u64 offset; /* in the file */
	} regions[GMEM_MAX_REGIONS];
};

/*
 * A connection. No lock: used by one thread at a time, which is for the caller
 * to see to.
 */
struct vhost_user {
	int fd;			     /* does not block; not owned */
	const atomic_bool *stopping; /* the run ends, or is reset; or NULL */
	s64 begin;		     /* ms: since when it is waited for */
	bool acks;		     /* REPLY_ACK is negotiated */
	bool failed;
	bool closed; /* by the daemon: that is why */
	/* Why, as a sentence without its subject. */
	char why[96];
	u64 features;  /* of virtio that the daemon has */
	u32 nr_queues; /* that it has; 0: it does not say */
};

/* ---- vhost_user_message.c ------------------------------------------------ */

/* The time for answers begins anew. */
void vhost_user_begin(struct vhost_user *vu);

/*
 * Requests. They return 0, or -errno of the failure that has ended the
 * connection, now or before: -EPIPE by the daemon, -EPROTO its answer makes no
 * sense, -ETIMEDOUT there is none, -EREMOTEIO it has refused the request.
 */
int vhost_user_get_u64(struct vhost_user *vu, enum vhost_user_request request,
		       u64 *value);

/* *state is the question, and then the answer, which is about the same queue.
 */
int vhost_user_get_state(struct vhost_user *vu, enum vhost_user_request request,
			 struct vhost_user_state *state);

/* With `nr_fds` descriptors, which the daemon gets copies of. */
int vhost_user_set(struct vhost_user *vu, enum vhost_user_request request,
		   const void *payload, u32 size, const int *fds,
		   unsigned int nr_fds);
int vhost_user_set_u64(struct vhost_user *vu, enum vhost_user_request request,
		       u64 value);

/* Ends the connection for a reason, unless it has failed before. */
__printf(2, 3) void vhost_user_fail(struct vhost_user *vu, const char *why,
				    ...);

/* ---- vhost_user.c -------------------------------------------------------- */

/*
 * Begins a session on the connected socket `fd`: which features and queues the
 * daemon has. 0, or -errno as above, or -ENOTSUP if it lacks what is needed;
 * then `why` says which.
 */
int vhost_user_open(struct vhost_user *vu, int fd, const atomic_bool *stopping);

/*
 * Before queues are started: what was negotiated with the driver, and the
 * guest's RAM, all of whose regions are shared.
 */
int vhost_user_setup(struct vhost_user *vu, u64 features,
		     const struct gmem *mem);

/* The eventfds of a queue. */
struct vhost_user_fds {
	int kick, call, err;
};

/*
 * Starts the enabled split ring `q` as queue `n`, which goes on at q->avail;
 * and stops it, and sets q->avail and q->used to where it was. Until the latter
 * has returned 0 the daemon may access guest memory.
 */
int vhost_user_start_queue(struct vhost_user *vu, u32 n, const struct virtq *q,
			   const struct vhost_user_fds *fds);
int vhost_user_stop_queue(struct vhost_user *vu, u32 n, struct virtq *q);

#endif
