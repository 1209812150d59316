/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "virtq_rig.h"

#define PATIENCE 60

u64 next_random(u64 *rng)
{
	*rng ^= *rng << 13;
	*rng ^= *rng >> 7;
	*rng ^= *rng << 17;
	return *rng >> 11;
}

u32 below(struct rig *r, u64 n)
{
	return (u32)(next_random(&r->rng) % n);
}

bool one_in(struct rig *r, u32 n)
{
	return !below(r, n);
}

void enable_queue(struct rig *r)
{
	assert_int_equal(virtq_driver_init(&r->driver, r->ring, RING_GPA,
					   r->size, r->features),
			 0);
	assert_int_equal(
		virtq_enable(&r->q, &r->driver.setup, r->driver.features), 0);
}

/* The RAM is as large as it has to be, for ASan to see what is beyond. */
void create(struct rig *r, u64 features, u32 size)
{
	size_t ring_size = VIRTQ_DRIVER_RAM(size);

	memset(r, 0, sizeof(*r));
	r->features = features;
	r->size = size;
	r->ring = aligned_alloc(64, ALIGN_UP(ring_size, 64));
	r->shadow = malloc(ring_size);
	r->data[0] = malloc(DATA_SIZE);
	r->data[1] = malloc(DATA_SIZE);
	assert_true(r->ring && r->shadow && r->data[0] && r->data[1]);
	assert_int_equal(gmem_add(&r->mem, RING_GPA, ring_size, r->ring), 0);
	for (u32 i = 0; i < 2; i++)
		assert_int_equal(gmem_add(&r->mem, DATA_GPA + i * DATA_SIZE,
					  DATA_SIZE, r->data[i]),
				 0);
	virtq_init(&r->q, &r->mem, MAX_SIZE);
}

void destroy(struct rig *r)
{
	virtq_reset(&r->q);
	free(r->ring);
	free(r->shadow);
	free(r->data[0]);
	free(r->data[1]);
}

int start_watch(void **state)
{
	(void)state;
	alarm(PATIENCE);
	return 0;
}

int end_watch(void **state)
{
	(void)state;
	alarm(0);
	return 0;
}
