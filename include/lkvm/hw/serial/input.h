/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Input to a UART: its receive FIFO, and before that the line, where bytes of
 * the backend wait until the guest listens.
 */
#ifndef LKVM_HW_SERIAL_INPUT_H
#define LKVM_HW_SERIAL_INPUT_H

#include "lkvm/chardev/chardev.h"

#define SERIAL_INPUT_MAX 32

struct serial_rx {
	u16 data;    /* the byte, and what the part tells along with it */
	bool looped; /* from the own transmitter, not from the backend */
};

/*
 * The owner sets `size`, may look at the FIFO and serialises all calls; all
 * zeros otherwise. Looped bytes only ever come before the backend's.
 */
struct serial_input {
	unsigned int size; /* of the FIFO, at most SERIAL_INPUT_MAX */
	struct serial_rx fifo[SERIAL_INPUT_MAX];
	unsigned int nr_fifo;
	/* Private from here on. */
	u16 line[SERIAL_INPUT_MAX]; /* arrived, not in the FIFO so far */
	unsigned int nr_line;
	size_t accepted; /* the backend's present limit */
};

/*
 * After any change: moves what waits on the line into the FIFO as far as that
 * has room, and tells `chr`, which may be NULL, how much more it may send.
 * `capacity`: how many bytes the FIFO holds, at most `size`, or 0 if the guest
 * does not listen. Returns how many were moved.
 */
unsigned int serial_input_update(struct serial_input *in, struct chardev *chr,
				 unsigned int capacity);

/*
 * Bytes of the backend arrive on the line. Returns how many: fewer than `len`
 * if it sends more than it was told to; the rest goes back by `unread`, without
 * the owner's lock.
 */
size_t serial_input_receive(struct serial_input *in, const u8 *buf, size_t len);

/*
 * A break condition arrives on the line, as `data` of the FIFO: a NUL, and what
 * the part tells along with it. It takes the place of a byte of the backend's.
 * False, and it is lost, if there is none, as with more than it was told to.
 */
bool serial_input_break(struct serial_input *in, u16 data);

/*
 * A byte of the own transmitter enters the FIFO, which has room and none of the
 * backend's.
 */
void serial_input_loop(struct serial_input *in, u16 data);

/* Takes the first byte out of the FIFO; false, and zeros, if there is none. */
bool serial_input_read(struct serial_input *in, struct serial_rx *rx);

/* The backend's bytes go back from the FIFO to the head of the line. */
void serial_input_give_back(struct serial_input *in);

/* Empties the FIFO. Only looped bytes are lost. */
void serial_input_flush(struct serial_input *in);

#endif
