/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Input of a UART: a FIFO that the guest reads, and before it the "line", which
 * holds what the backend has sent and the FIFO has no room for. The backend is
 * told how many bytes are accepted, so no input is lost if the guest does not
 * read for a long time, or resets the FIFO. A break condition is in its place
 * between them, with the data that the part has for one.
 *
 * All functions are called with the UART's lock held.
 */
#include <string.h>

#include "lkvm/hw/serial/input.h"

/* Moves bytes from the line to the FIFO, at most `room`. Returns how many. */
static unsigned int fill(struct serial_input *in, unsigned int room)
{
	unsigned int n = MIN(room, in->nr_line);

	for (unsigned int i = 0; i < n; i++)
		in->fifo[in->nr_fifo++] =
			(struct serial_rx) { .data = in->line[i] };
	in->nr_line -= n;
	memmove(in->line, in->line + n, in->nr_line * sizeof(*in->line));
	return n;
}

/* A capacity of 0 stops the flow: the guest does not take input now. */
unsigned int serial_input_update(struct serial_input *in, struct chardev *chr,
				 unsigned int capacity)
{
	unsigned int room = capacity ? capacity - in->nr_fifo : 0;
	unsigned int moved = fill(in, room);

	room -= moved;
	if (chr && room != in->accepted) {
		in->accepted = room;
		chr->ops->accept(chr, room);
	}
	return moved;
}

/* The backend's bytes that the guest has not read. */
static size_t held(const struct serial_input *in)
{
	size_t n = in->nr_line;

	for (unsigned int i = 0; i < in->nr_fifo; i++)
		n += !in->fifo[i].looped;
	return n;
}

/*
 * What it was told to accept lets the backend send no more than `size` bytes
 * ahead of the guest, so that the line has room for all that comes late.
 */
size_t serial_input_receive(struct serial_input *in, const u8 *buf, size_t len)
{
	size_t n = MIN(len, in->size - held(in));

	for (size_t i = 0; i < n; i++)
		in->line[in->nr_line + i] = buf[i];
	in->nr_line += (unsigned int)n;
	return n;
}

bool serial_input_break(struct serial_input *in, u16 data)
{
	if (held(in) >= in->size)
		return false;
	in->line[in->nr_line++] = data;
	return true;
}

/* The caller has made room: overruns are the UART's. */
void serial_input_loop(struct serial_input *in, u16 data)
{
	in->fifo[in->nr_fifo++] =
		(struct serial_rx) { .data = data, .looped = true };
}

bool serial_input_read(struct serial_input *in, struct serial_rx *rx)
{
	*rx = (struct serial_rx) { 0 };
	if (!in->nr_fifo)
		return false;
	*rx = in->fifo[0];
	in->nr_fifo--;
	memmove(in->fifo, in->fifo + 1, in->nr_fifo * sizeof(*rx));
	return true;
}

/*
 * They stay here, not at the backend: it may already be on its way with the
 * bytes that follow them. There is room: see serial_input_receive().
 */
void serial_input_give_back(struct serial_input *in)
{
	while (in->nr_fifo && !in->fifo[in->nr_fifo - 1].looped) {
		memmove(in->line + 1, in->line,
			in->nr_line * sizeof(*in->line));
		in->line[0] = in->fifo[--in->nr_fifo].data;
		in->nr_line++;
	}
}

/* Looped bytes are lost, as on the part; the backend's are not. */
void serial_input_flush(struct serial_input *in)
{
	serial_input_give_back(in);
	in->nr_fifo = 0;
}
