/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the users of the devices want of them, to see whether they work. */
#include "hostile.h"

#define RNG_BYTES   64
#define FRAME_BYTES 60
#define HEADER_BYTES \
	12	    /* virtio 1.4, "Network Device", struct virtio_net_hdr */
#define ETH_TYPE 12 /* of an Ethernet header */

bool blk_works(struct target *t)
{
	return blk_request(t, BLK_IN, 1, pool(), 512) == BLK_OK;
}

bool rng_works(struct target *t)
{
	const struct piece piece = { pool(), RNG_BYTES, true };
	u8 any = 0;

	memset((void *)pool(), 0, RNG_BYTES);
	if (ring_exchange(&t->rings[0], &piece, 1) != RNG_BYTES)
		return false;
	for (u32 i = 0; i < RNG_BYTES; i++)
		any |= ((u8 *)pool())[i];
	return any;
}

/* A frame to everybody, of an experimental type (IEEE 802, 0x88b5). */
bool net_works(struct target *t)
{
	const struct piece piece = { pool(), HEADER_BYTES + FRAME_BYTES,
				     false };
	u8 *frame = (u8 *)pool() + HEADER_BYTES;

	memset((void *)pool(), 0, HEADER_BYTES + FRAME_BYTES);
	memset(frame, 0xff, 6);
	frame[6] = 2;
	frame[ETH_TYPE] = 0x88;
	frame[ETH_TYPE + 1] = 0xb5;
	return ring_exchange(&t->rings[1], &piece, 1) == 0;
}

/*
 * virtio 1.4, "Console Device", "Multiport Device Operation": the device tells
 * of its port once the driver is ready, queues 2 and 3.
 */
bool console_works(struct target *t)
{
	volatile u32 *message = (u32 *)pool();
	const struct piece out = { pool(), 8, false };
	const struct piece in = { pool() + 64, 64, true };

	message[0] = 0;
	message[1] = 1U << 16; /* DEVICE_READY, 1 */
	message[16] = message[17] = ~0U;
	ring_chain(&t->rings[2], 0, &in, 1);
	ring_post(&t->rings[2], 0);
	vdev_kick(&t->v, 2);
	return ring_exchange(&t->rings[3], &out, 1) == 0 &&
	       ring_wait(&t->rings[2], PATIENCE_MS) == 8 &&
	       (message[17] & 0xffff) == 1; /* PORT_ADD */
}
