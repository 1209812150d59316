/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: virtio/queue.c virtio/queue_split.c virtio/queue_packed.c */
/* SOURCES: virtio/queue_chain.c vmm/gmem.c */
/*
 * A virtqueue whose rings are fuzz input, changed between the device's calls. A
 * chain has to be in RAM and consistent; a broken queue stays so.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lkvm/virtio/queue.h"
#include "lkvm/vmm/gmem.h"
#include "tests/fuzz/input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* So small that addresses of one or two bytes are often RAM. */
#define RAM_SIZE SZ_4K
#define MAX_SIZE 16
#define MAX_IOV	 12
#define HELD	 4

#define DRIVER 0x200
#define DEVICE 0x300

/* What one byte of input does; the low four bits are its argument. */
enum action {
	POP = 0x00,
	PUSH = 0x20,
	ASK = 0x40,
	KICKS = 0x60,
	WRITE = 0x80, /* the next bytes, to an address of two bytes */
	RESET = 0xa0,
};

static struct {
	struct gmem mem;
	struct virtq q;
	u8 *ram;
	u64 features;
	struct iovec iov[HELD][MAX_IOV];
	struct virtq_chain held[HELD];
	bool holds[HELD];
} t;

static void check_chain(const struct virtq_chain *chain)
{
	u64 out = 0, in = 0;

	require(chain->nr_out + chain->nr_in >= 1);
	require(chain->nr_out + chain->nr_in <= MIN(t.q.size, (u32)MAX_IOV));
	for (u32 i = 0; i < chain->nr_out + chain->nr_in; i++) {
		const struct iovec *iov = &chain->iov[i];
		const u8 *base = iov->iov_base;

		require(iov->iov_len && base >= t.ram &&
			iov->iov_len <= (size_t)(t.ram + RAM_SIZE - base));
		*(i < chain->nr_out ? &out : &in) += iov->iov_len;
	}
	require(out == chain->out_len && in == chain->in_len);
	require(chain->slots >= 1 && chain->slots <= t.q.size);
}

static void pop(unsigned int n)
{
	bool broken = virtq_is_broken(&t.q);
	int ret;

	if (t.holds[n])
		return;
	t.held[n] =
		(struct virtq_chain) { .iov = t.iov[n], .max_iov = MAX_IOV };
	ret = virtq_pop(&t.q, &t.held[n]);
	t.holds[n] = ret > 0;
	require(!broken || !ret);
	require(virtq_is_broken(&t.q) == (broken || ret < 0));
	if (ret > 0)
		check_chain(&t.held[n]);
	require(t.q.pending <= t.q.size);
}

/* Those that are held are forgotten, as a device does. */
static void reset(u8 size)
{
	struct virtq_setup setup = { size, 0, DRIVER, DEVICE };

	virtq_reset(&t.q);
	memset(t.holds, 0, sizeof(t.holds));
	if (virtq_enable(&t.q, &setup, t.features))
		require(virtq_pop(&t.q, &t.held[0]) == 0);
}

static void write_ram(struct input *in)
{
	u16 at = (u16)(take(in) | take(in) << 8) % RAM_SIZE;
	unsigned int n = take(in) % 32;

	for (unsigned int i = 0; i < n && at + i < RAM_SIZE; i++)
		t.ram[at + i] = take(in);
}

static void act(struct input *in)
{
	u8 byte = take(in);
	unsigned int n = byte % HELD;

	switch (byte & 0xe0) {
	case POP:
		pop(n);
		break;
	case PUSH:
		if (t.holds[n])
			virtq_push(&t.q, &t.held[n], byte);
		t.holds[n] = false;
		break;
	case ASK:
		virtq_wants_interrupt(&t.q);
		break;
	case KICKS:
		if (byte & 1)
			virtq_enable_kicks(&t.q);
		else
			virtq_disable_kicks(&t.q);
		break;
	case WRITE:
		write_ram(in);
		break;
	case RESET:
		reset(byte & 0x1f);
		break;
	default:
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };
	u8 kind = take(&in);

	memset(&t, 0, sizeof(t));
	t.ram = aligned_alloc(SZ_4K, RAM_SIZE);
	require(t.ram && !gmem_add(&t.mem, 0, RAM_SIZE, t.ram));
	memset(t.ram, 0, RAM_SIZE);
	virtq_init(&t.q, &t.mem, MAX_SIZE);
	t.features = (kind & 1 ? VIRTQ_F_RING_PACKED : 0) |
		     (kind & 2 ? VIRTQ_F_INDIRECT_DESC : 0) |
		     (kind & 4 ? VIRTQ_F_EVENT_IDX : 0);
	reset(kind >> 3);
	while (in.size)
		act(&in);
	free(t.ram);
	return 0;
}
