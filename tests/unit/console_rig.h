/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A console with named ports on backends that keep what is written to them, and
 * the part of its driver that knows control messages.
 */
#ifndef TESTS_CONSOLE_RIG_H
#define TESTS_CONSOLE_RIG_H

#include <linux/virtio_console.h>

#include "lkvm/virtio/console.h"
#include "virtio_rig.h"

#define MULTIPORT BIT(VIRTIO_CONSOLE_F_MULTIPORT)
#define F_SIZE	  BIT(VIRTIO_CONSOLE_F_SIZE)

#define CTL_IN	2U
#define CTL_OUT 3U

/* Buffers of the driver, in `data`: see con_give(). */
#define BUF_SIZE 128U

/* As chardev.h has it: it sends no more than it was told. */
struct backend {
	struct chardev chr;
	char out[4096];
	size_t nr_out;
	u64 written; /* whether it is kept or not */
	size_t accept;
	char back[4096]; /* what came back by `unread` */
	size_t nr_back;
	unsigned int destroyed;
	/* A write waits until that is posted. */
	bool waits;
	sem_t begun, may_end;
};

struct control {
	u32 id;
	u16 event, value;
	char more[BUF_SIZE];
	u32 len; /* of `more` */
};

struct con_rig {
	struct vio_rig *r;
	struct backend backends[VIRTIO_CONSOLE_MAX_PORTS];
	u32 next; /* of the driver's buffers */
};

extern struct con_rig con;

/* Bits of ports that con_create() makes `only_input`; the test's end clears it.
 */
extern u32 con_only_input;
/* The same of `comes_and_goes`. */
extern u32 con_comes_and_goes;

/* With backends for the ports whose bits are set, of `nr` ports. */
struct con_rig *con_create(void **state, unsigned int nr, u32 ports, u16 cols,
			   u16 rows);

/* A driver up to DRIVER_OK that has given `buffers` for control messages. */
void con_start(struct con_rig *c, u64 features, unsigned int buffers);

/* Buffers of BUF_SIZE bytes that the device may write to. */
void con_give(struct con_rig *c, unsigned int queue, unsigned int n);

/* The driver sends a message, and it is used. */
void con_send(struct con_rig *c, u32 id, u16 event, u16 value);

/* The next one to it; false if there is none. */
bool con_next(struct con_rig *c, struct control *msg);
/* It is this one. `more` may be NULL: nothing. */
void con_expect(struct con_rig *c, u32 id, u16 event, u16 value,
		const void *more, u32 len);

/* DEVICE_READY and PORT_READY of each port there is; messages are thrown away.
 * Then the ports are opened. */
void con_open_all(struct con_rig *c);

/* The driver sends bytes by one chain of a port. */
void con_write(struct con_rig *c, unsigned int port, const char *text);
/* What the port's backend has got since this was asked last. */
const char *con_output(struct con_rig *c, unsigned int port);

/* The backend of the port sends, as much as it may. Returns how much. */
size_t con_type(struct con_rig *c, unsigned int port, const char *text);
/* What the driver has received in the next buffer of a port, or NULL. */
const char *con_read(struct con_rig *c, unsigned int port);

unsigned int con_in(unsigned int port);

int con_teardown(void **state);

#define CON_TEST_OF(f, title, bits)                                     \
	{                                                               \
		.name = #f ": " title, .test_func = (f),                \
		.setup_func = vio_setup, .teardown_func = con_teardown, \
		.initial_state = &(struct vio_variant) { (bits) },      \
	}

#define CON_TEST(f)                                                     \
	CON_TEST_OF(f, "split", VIRTQ_F_INDIRECT_DESC),                 \
		CON_TEST_OF(f, "packed",                                \
			    VIRTQ_F_INDIRECT_DESC | VIRTQ_F_EVENT_IDX | \
				    VIRTQ_F_RING_PACKED)

#endif
