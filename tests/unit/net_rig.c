/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "lkvm/util/iov.h"
#include "lkvm/util/log.h"
#include "net_rig.h"
#include "vdev_driver.h"

#define RING_GPA 0x40000000ULL
#define DATA_GPA 0x80000000ULL
#define RING_RAM ALIGN_UP(VIRTQ_DRIVER_RAM(NET_RIG_ENTRIES), 64)
#define PATIENCE 60

static struct net_rig rig;
unsigned int mem_nets_closed;

void fill_random(void *buf, size_t len, u64 seed)
{
	u8 *at = buf;

	for (size_t i = 0; i < len; i++) {
		seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
		at[i] = (u8)(seed >> 56);
	}
}

/* ---- The back end -------------------------------------------------------- */

static struct mem_net *from_net(struct net *net)
{
	return container_of(net, struct mem_net, net);
}

static int mem_send(struct net *net, const struct virtio_net_hdr_v1 *header,
		    const struct iovec *iov, u32 count, u32 len)
{
	struct mem_net *mem = from_net(net);
	struct mem_frame *frame;
	int ret;

	pthread_mutex_lock(&mem->lock);
	ret = mem->send_error;
	if (!ret) {
		frame = &mem->out[mem->nr_out++];
		frame->header = *header;
		frame->len = len;
		frame->data = malloc(len);
		if (iov_read(iov, count, 0, frame->data, len) != len ||
		    iov_read(iov, count, len, frame->data, 1))
			abort();
	}
	pthread_mutex_unlock(&mem->lock);
	return ret;
}

/* The one before is not valid any more: ASan sees who uses it. */
static int mem_receive(struct net *net, struct net_frame *frame)
{
	struct mem_net *mem = from_net(net);
	uint64_t one;
	int ret = 0;

	pthread_mutex_lock(&mem->lock);
	free(mem->last);
	mem->last = NULL;
	if (mem->next_in < mem->nr_in) {
		struct mem_frame *in = &mem->in[mem->next_in++];

		frame->header = in->header;
		frame->len = in->len;
		frame->data = mem->last = in->data;
		in->data = NULL;
		ret = 1;
	} else {
		ret = mem->receive_error;
	}
	if (ret && read(net->fd, &one, sizeof(one)) != sizeof(one))
		abort();
	pthread_mutex_unlock(&mem->lock);
	return ret;
}

static int mem_set_offloads(struct net *net, u64 features)
{
	struct mem_net *mem = from_net(net);

	if (mem->nr_offloads < ARRAY_SIZE(mem->offloads))
		mem->offloads[mem->nr_offloads++] = features;
	return features ? mem->offload_error : 0;
}

static void mem_close(struct net *net)
{
	struct mem_net *mem = from_net(net);

	mem_nets_closed++;
	for (u32 i = 0; i < mem->nr_in; i++)
		free(mem->in[i].data);
	for (u32 i = 0; i < mem->nr_out; i++)
		free(mem->out[i].data);
	free(mem->last);
	close(net->fd);
	free(mem);
}

static const struct net_ops mem_ops = {
	.send = mem_send,
	.receive = mem_receive,
	.set_offloads = mem_set_offloads,
	.close = mem_close,
};

struct mem_net *mem_net_create(u64 offloads)
{
	struct mem_net *mem = calloc(1, sizeof(*mem));

	assert_non_null(mem);
	pthread_mutex_init(&mem->lock, NULL);
	mem->net.ops = &mem_ops;
	mem->net.offloads = offloads;
	mem->net.fd = eventfd(0, EFD_CLOEXEC | EFD_SEMAPHORE);
	assert_true(mem->net.fd >= 0);
	return mem;
}

static void readable(struct mem_net *mem)
{
	const uint64_t one = 1;

	assert_int_equal(write(mem->net.fd, &one, sizeof(one)), sizeof(one));
}

void net_arrive_with(struct net_rig *r, u32 len, u64 seed,
		     const struct virtio_net_hdr_v1 *header)
{
	struct mem_net *mem = r->net;
	struct mem_frame *frame;

	pthread_mutex_lock(&mem->lock);
	assert_true(mem->nr_in < NET_RIG_FRAMES);
	frame = &mem->in[mem->nr_in++];
	*frame = (struct mem_frame) { *header, len, malloc(len + 1) };
	fill_random(frame->data, len, seed);
	pthread_mutex_unlock(&mem->lock);
	readable(mem);
}

void net_arrive(struct net_rig *r, u32 len, u64 seed)
{
	net_arrive_with(r, len, seed, &(struct virtio_net_hdr_v1) { 0 });
}

void net_await_received(struct net_rig *r, u32 n)
{
	u32 have = 0;

	while (have < n) {
		sched_yield();
		pthread_mutex_lock(&r->net->lock);
		have = r->net->next_in;
		pthread_mutex_unlock(&r->net->lock);
	}
}

void net_break(struct net_rig *r, int error)
{
	pthread_mutex_lock(&r->net->lock);
	r->net->receive_error = error;
	pthread_mutex_unlock(&r->net->lock);
	readable(r->net);
}

/* ---- The transport ------------------------------------------------------- */

/* With the queue's lock: on any thread, so cmocka's assertions are no use. */
static void queue_interrupt(struct virtio_device *vdev, unsigned int queue)
{
	struct net_rig *r = vdev->transport_data;

	if (pthread_mutex_trylock(&vdev->queues[queue].lock) != EBUSY)
		abort();
	atomic_fetch_add(&r->interrupts, 1);
}

static void config_interrupt(struct virtio_device *vdev)
{
	struct net_rig *r = vdev->transport_data;

	atomic_fetch_add(&r->config_interrupts, 1);
}

static void transport_reset(struct virtio_device *vdev)
{
	(void)vdev;
}

static const struct virtio_transport_ops transport = {
	.queue_interrupt = queue_interrupt,
	.config_interrupt = config_interrupt,
	.reset = transport_reset,
};

/* ---- The device ---------------------------------------------------------- */

struct net_rig *net_create(void **state, u64 offloads, u32 mtu)
{
	const struct net_variant *variant = *state;
	struct net_rig *r = &rig;
	struct virtio_net_params params = {
		.name = "net0",
		.mac = { 2, 1, 2, 3, 4, 5 },
		.mtu = mtu,
		.mem = &r->mem,
	};

	r->features = variant->features;
	r->rings = aligned_alloc(64, NET_RIG_QUEUES * RING_RAM);
	r->data = malloc(NET_RIG_DATA);
	r->shadow = malloc(NET_RIG_DATA);
	assert_true(r->rings && r->data && r->shadow);
	assert_int_equal(gmem_add(&r->mem, RING_GPA, NET_RIG_QUEUES * RING_RAM,
				  r->rings),
			 0);
	assert_int_equal(gmem_add(&r->mem, DATA_GPA, NET_RIG_DATA, r->data), 0);
	r->net = mem_net_create(offloads);
	params.net = &r->net->net;
	assert_int_equal(virtio_net_create(&params, &r->vdev), 0);
	r->vdev->transport = &transport;
	r->vdev->transport_data = r;
	return r;
}

void net_set_status(struct net_rig *r, u32 status)
{
	vdev_set_status(r->vdev, status);
}

static void forget(struct net_rig *r)
{
	for (unsigned int i = 0; i < NET_RIG_QUEUES; i++)
		virtq_driver_destroy(&r->drivers[i]);
	r->nr_buffers = r->nr_taken = 0;
	r->free = NET_RIG_DATA;
	memset(r->data, NET_RIG_NOISE, NET_RIG_DATA);
	memset(r->shadow, NET_RIG_NOISE, NET_RIG_DATA);
}

static void set_up_queue(struct net_rig *r, unsigned int i)
{
	struct virtq_driver *d = &r->drivers[i];

	assert_int_equal(virtq_driver_init(d, r->rings + i * RING_RAM,
					   RING_GPA + i * RING_RAM,
					   NET_RIG_ENTRIES, r->features),
			 0);
	vdev_enable(r->vdev, i, d);
}

void net_start(struct net_rig *r, u64 features)
{
	net_set_status(r, 0);
	forget(r);
	vdev_negotiate(r->vdev, features | r->features | VIRTQ_F_VERSION_1);
	for (unsigned int i = 0; i < NET_RIG_QUEUES; i++)
		set_up_queue(r, i);
	vdev_start(r->vdev);
}

int net_setup(void **state)
{
	(void)state;
	alarm(PATIENCE);
	log_set_level(LOG_LEVEL_ERROR);
	memset(&rig, 0, sizeof(rig));
	mem_nets_closed = 0;
	return 0;
}

int net_teardown(void **state)
{
	struct net_rig *r = &rig;

	(void)state;
	if (r->vdev) {
		net_set_status(r, 0);
		forget(r);
		r->vdev->ops->destroy(r->vdev);
		assert_int_equal(mem_nets_closed, 1);
	}
	free(r->rings);
	free(r->data);
	free(r->shadow);
	alarm(0);
	return 0;
}

/* ---- Buffers ------------------------------------------------------------- */

/* From the end downwards. */
static struct virtq_buf place(struct net_rig *r, u32 len, bool write)
{
	static const u32 gaps[] = { 3, 1, 6, 2, 5 };
	u32 gap = gaps[r->free % ARRAY_SIZE(gaps)];

	assert_true(r->free > len + gap);
	r->free -= len + gap;
	return (struct virtq_buf) { DATA_GPA + r->free, len, write };
}

void net_post(struct net_rig *r, const u32 *lens)
{
	u32 n = r->nr_buffers++;
	struct net_buffer *buffer = &r->buffers[n];

	assert_true(n < NET_RIG_ENTRIES);
	memset(buffer, 0, sizeof(*buffer));
	for (; *lens; lens++)
		buffer->bufs[buffer->nr++] = place(r, *lens, true);
	assert_int_equal(virtq_driver_add(&r->drivers[0], buffer->bufs,
					  buffer->nr, buffer->nr, n),
			 0);
}

void net_post_one(struct net_rig *r, u32 len)
{
	net_post(r, (const u32[]) { len, 0 });
}

void net_kick(struct net_rig *r, unsigned int queue)
{
	if (virtq_driver_needs_kick(&r->drivers[queue]))
		virtio_kick(r->vdev, queue);
}

static void take(struct net_rig *r)
{
	struct virtq_used used;

	while (virtq_driver_take(&r->drivers[0], &used) == 1) {
		struct net_buffer *buffer = &r->buffers[used.cookie];

		assert_false(buffer->used);
		buffer->used = true;
		buffer->len = used.len;
		r->taken[r->nr_taken++] = buffer;
	}
	assert_null(r->drivers[0].error);
}

void net_await_some(struct net_rig *r, u32 n)
{
	for (take(r); r->nr_taken < n; take(r))
		sched_yield();
}

void net_await(struct net_rig *r, u32 n)
{
	net_await_some(r, n);
	assert_int_equal(r->nr_taken, n);
}

/* What the device has written to a chain. */
static void gather(struct net_rig *r, const struct net_buffer *buffer, u8 *to)
{
	u32 left = buffer->len;

	for (u32 i = 0; i < buffer->nr && left; i++) {
		u64 at = buffer->bufs[i].gpa - DATA_GPA;
		u32 n = MIN(left, buffer->bufs[i].len);

		memcpy(to, r->data + at, n);
		memcpy(r->shadow + at, r->data + at, n);
		to += n;
		left -= n;
	}
	assert_int_equal(left, 0);
}

void net_header(struct net_rig *r, u32 first, struct virtio_net_hdr_v1 *header)
{
	u8 *all = malloc(r->taken[first]->len);

	assert_true(r->taken[first]->len >= NET_RIG_HEADER);
	gather(r, r->taken[first], all);
	memcpy(header, all, NET_RIG_HEADER);
	free(all);
}

u32 net_check(struct net_rig *r, u32 first, u32 len, u64 seed)
{
	u8 *want = malloc(len), *got = malloc(NET_RIG_DATA);
	u32 done = 0, n = 0;
	u16 count;

	fill_random(want, len, seed);
	while (done < len + NET_RIG_HEADER) {
		assert_true(first + n < r->nr_taken);
		gather(r, r->taken[first + n], got + done);
		done += r->taken[first + n++]->len;
	}
	assert_int_equal(done, len + NET_RIG_HEADER);
	assert_memory_equal(got + NET_RIG_HEADER, want, len);
	memcpy(&count, got + 10, sizeof(count));
	assert_int_equal(count, n);
	free(want);
	free(got);
	return n;
}

void net_send(struct net_rig *r, const struct virtio_net_hdr_v1 *header,
	      u32 len, u64 seed, const u32 *cuts)
{
	u32 left = len + NET_RIG_HEADER, nr = 0;
	struct virtq_buf bufs[8];
	u8 *all = malloc(left), *at = all;

	memcpy(all, header, NET_RIG_HEADER);
	fill_random(all + NET_RIG_HEADER, len, seed);
	while (left) {
		u32 n = *cuts ? MIN(*cuts++, left) : left;
		u64 to;

		bufs[nr] = place(r, n, false);
		to = bufs[nr++].gpa - DATA_GPA;
		memcpy(r->data + to, at, n);
		memcpy(r->shadow + to, at, n);
		at += n;
		left -= n;
	}
	assert_int_equal(virtq_driver_add(&r->drivers[1], bufs, nr, nr, 0), 0);
	free(all);
}

/* They hold nothing that is written. */
u32 net_sent(struct net_rig *r)
{
	struct virtq_used used;
	u32 n = 0;

	for (; virtq_driver_take(&r->drivers[1], &used) == 1; n++)
		assert_int_equal(used.len, 0);
	assert_null(r->drivers[1].error);
	return n;
}

void net_check_out(struct net_rig *r, u32 n, u32 len, u64 seed,
		   const struct virtio_net_hdr_v1 *header)
{
	struct mem_frame *frame = &r->net->out[n];
	u8 *want = malloc(len);

	fill_random(want, len, seed);
	assert_true(n < r->net->nr_out);
	assert_int_equal(frame->len, len);
	assert_memory_equal(frame->data, want, len);
	assert_memory_equal(&frame->header, header, NET_RIG_HEADER);
	free(want);
}

/* In lock-step where the driver can ask for that, else by a thread. */
void net_await_sent(struct net_rig *r, u32 n)
{
	u32 sent = 0;

	for (; sent < n; sent += net_sent(r))
		sched_yield();
	assert_int_equal(sent, n);
}

void net_check_ram(struct net_rig *r)
{
	assert_memory_equal(r->data, r->shadow, NET_RIG_DATA);
}

/* ---- Statistics ---------------------------------------------------------- */

u64 net_stat(struct net_rig *r, const char *name)
{
	return vdev_stat(r->vdev, name);
}

void net_await_stat(struct net_rig *r, const char *name, u64 value)
{
	while (net_stat(r, name) != value)
		sched_yield();
}
