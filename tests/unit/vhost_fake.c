/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <linux/vhost.h>

#include "vhost_fake.h"

struct vhost_fake vhost_fakes[VHOST_FAKE_MAX];
struct vhost_fake_settings vhost_fake;

/* Of the fakes: what is broken is ended by a thread of lkvm's. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

int __wrap_open(const char *path, int flags, ...);
int __wrap_ioctl(int fd, unsigned long request, ...);
int __real_close(int fd);
int __wrap_close(int fd);

void vhost_fake_reset(u64 features)
{
	memset(vhost_fakes, 0, sizeof(vhost_fakes));
	memset(&vhost_fake, 0, sizeof(vhost_fake));
	vhost_fake.features = features;
}

/* The fake of a descriptor, or NULL. */
static struct vhost_fake *fake_of(int fd)
{
	unsigned int n = (unsigned int)(fd - VHOST_FAKE_FD);

	return n < VHOST_FAKE_MAX && vhost_fakes[n].open ? &vhost_fakes[n]
							 : NULL;
}

int __wrap_open(const char *path, int flags, ...)
{
	unsigned int n = vhost_fake.nr_open;
	struct vhost_fake *fake = &vhost_fakes[n];

	assert_int_equal(flags, O_RDWR | O_CLOEXEC);
	snprintf(vhost_fake.path, sizeof(vhost_fake.path), "%s", path);
	errno = vhost_fake.open;
	if (errno)
		return -1;
	assert_true(n < VHOST_FAKE_MAX);
	memset(fake, 0, sizeof(*fake));
	fake->open = true;
	for (unsigned int i = 0; i < VHOST_FAKE_RINGS; i++) {
		struct vhost_fake_ring *ring = &fake->rings[i];

		ring->kick = ring->call = ring->err = ring->backend = -1;
	}
	vhost_fake.nr_open++;
	return VHOST_FAKE_FD + (int)n;
}

int __wrap_close(int fd)
{
	struct vhost_fake *fake = fake_of(fd);

	if (!fake)
		return __real_close(fd);
	fake->open = false;
	return 0;
}

static int fails(int error)
{
	errno = error;
	return -1;
}

/* Where that is in the guest, or all ones. */
static u64 gpa_of(const struct vhost_fake *fake, u64 hva)
{
	for (unsigned int i = 0; i < fake->mem.nr_regions; i++) {
		const struct gmem_region *region = &fake->mem.regions[i];

		if (range_within(hva, 1, (uintptr_t)region->hva, region->size))
			return hva - (uintptr_t)region->hva + region->gpa;
	}
	return UINT64_MAX;
}

/* Both indices are what the driver is told the ring goes on from. */
static int run_ring(struct vhost_fake *fake, struct vhost_fake_ring *ring)
{
	const struct virtq_setup setup = {
		.size = ring->num,
		.desc = gpa_of(fake, ring->desc),
		.driver = gpa_of(fake, ring->avail),
		.device = gpa_of(fake, ring->used),
	};

	virtq_init(&ring->q, &fake->mem, ring->num);
	if (virtq_enable(&ring->q, &setup, fake->features))
		return fails(EFAULT);
	ring->q.avail = ring->q.used = (u16)ring->base;
	return 0;
}

static void stop_ring(struct vhost_fake_ring *ring)
{
	if (ring->q.enabled)
		ring->base = ring->q.avail;
	ring->q.enabled = false;
}

static int set_running(struct vhost_fake *fake, bool on)
{
	for (unsigned int i = 0; i < VHOST_FAKE_RINGS; i++)
		if (!on)
			stop_ring(&fake->rings[i]);
		else if (run_ring(fake, &fake->rings[i]))
			return -1;
	fake->running = on;
	return 0;
}

static int set_backend(struct vhost_fake *fake, struct vhost_vring_file *file)
{
	struct vhost_fake_ring *ring = &fake->rings[file->index];

	stop_ring(ring);
	ring->backend = file->fd;
	return file->fd >= 0 ? run_ring(fake, ring) : 0;
}

static int set_memory(struct vhost_fake *fake, const struct vhost_memory *table)
{
	memset(&fake->mem, 0, sizeof(fake->mem));
	for (u32 i = 0; i < table->nregions; i++) {
		const struct vhost_memory_region *region = &table->regions[i];

		assert_int_equal(
			gmem_add(&fake->mem, region->guest_phys_addr,
				 region->memory_size,
				 (void *)(uintptr_t)region->userspace_addr),
			0);
	}
	return 0;
}

static int set_file(struct vhost_fake *fake, unsigned long request,
		    const struct vhost_vring_file *file)
{
	struct vhost_fake_ring *ring = &fake->rings[file->index];

	if (request == VHOST_SET_VRING_KICK)
		ring->kick = file->fd;
	else if (request == VHOST_SET_VRING_CALL)
		ring->call = file->fd;
	else
		ring->err = file->fd;
	return 0;
}

static int set_address(struct vhost_fake *fake,
		       const struct vhost_vring_addr *addr)
{
	struct vhost_fake_ring *ring = &fake->rings[addr->index];

	assert_int_equal(addr->flags, 0);
	ring->desc = addr->desc_user_addr;
	ring->avail = addr->avail_user_addr;
	ring->used = addr->used_user_addr;
	return 0;
}

static int set_cid(struct vhost_fake *fake, u64 cid)
{
	if (cid == vhost_fake.taken)
		return fails(EADDRINUSE);
	fake->cid = cid;
	return 0;
}

/* Size and start of a ring that runs cannot be changed. */
static int ring_request(struct vhost_fake *fake, unsigned long request,
			void *arg)
{
	struct vhost_vring_state *state = arg;
	struct vhost_fake_ring *ring;

	assert_true(state->index < VHOST_FAKE_RINGS);
	ring = &fake->rings[state->index];
	if (request == VHOST_GET_VRING_BASE) {
		state->num = ring->q.enabled ? ring->q.avail : ring->base;
		return 0;
	}
	if (request == VHOST_SET_VRING_ADDR)
		return set_address(fake, arg);
	if (request != VHOST_SET_VRING_NUM && request != VHOST_SET_VRING_BASE)
		return set_file(fake, request, arg);
	if (ring->q.enabled)
		return fails(EBUSY);
	*(request == VHOST_SET_VRING_NUM ? &ring->num : &ring->base) =
		state->num;
	return 0;
}

static int device_request(struct vhost_fake *fake, unsigned long request,
			  void *arg)
{
	switch (request) {
	case VHOST_SET_OWNER:
		assert_false(fake->owned);
		fake->owned = true;
		return 0;
	case VHOST_GET_FEATURES:
		*(u64 *)arg = vhost_fake.features;
		return 0;
	case VHOST_SET_FEATURES:
		fake->features = *(u64 *)arg;
		return fake->features & ~vhost_fake.features ? fails(EOPNOTSUPP)
							     : 0;
	case VHOST_VSOCK_SET_GUEST_CID:
		return set_cid(fake, *(u64 *)arg);
	}
	if (!fake->owned)
		return fails(EPERM);
	switch (request) {
	case VHOST_SET_MEM_TABLE:
		return set_memory(fake, arg);
	case VHOST_VSOCK_SET_RUNNING:
		return set_running(fake, *(int *)arg);
	case VHOST_NET_SET_BACKEND:
		return set_backend(fake, arg);
	default:
		return ring_request(fake, request, arg);
	}
}

int __wrap_ioctl(int fd, unsigned long request, ...)
{
	struct vhost_fake *fake = fake_of(fd);
	va_list args;
	void *arg;

	va_start(args, request);
	arg = va_arg(args, void *);
	va_end(args);
	if (vhost_fake.error && vhost_fake.failing == request)
		return fails(vhost_fake.error);
	if (fake) {
		int ret;

		pthread_mutex_lock(&lock);
		ret = device_request(fake, request, arg);
		pthread_mutex_unlock(&lock);
		return ret;
	}
	return vhost_fake.other ? vhost_fake.other(fd, request, arg)
				: fails(EBADF);
}

/* ---- What the kernel does then ------------------------------------------- */

u64 vhost_fake_kicks(unsigned int fake, unsigned int ring)
{
	u64 kicks = 0;

	return read(vhost_fakes[fake].rings[ring].kick, &kicks,
		    sizeof(kicks)) == sizeof(kicks)
		       ? kicks
		       : 0;
}

static void signal_eventfd(int fd)
{
	const u64 one = 1;

	assert_int_equal(write(fd, &one, sizeof(one)), sizeof(one));
}

static bool serve(struct vhost_fake_ring *ring, u8 fill)
{
	struct iovec iov[64];
	struct virtq_chain chain = { .iov = iov, .max_iov = ARRAY_SIZE(iov) };

	if (!ring->q.enabled || virtq_pop(&ring->q, &chain) <= 0)
		return false;
	for (u32 i = 0; i < chain.nr_in; i++) {
		struct iovec *in = &iov[chain.nr_out + i];

		memset(in->iov_base, fill, in->iov_len);
	}
	virtq_push(&ring->q, &chain, (u32)chain.in_len);
	if (virtq_wants_interrupt(&ring->q))
		signal_eventfd(ring->call);
	return true;
}

bool vhost_fake_serve(unsigned int fake, unsigned int ring, u8 fill)
{
	bool served;

	pthread_mutex_lock(&lock);
	served = serve(&vhost_fakes[fake].rings[ring], fill);
	pthread_mutex_unlock(&lock);
	return served;
}

void vhost_fake_error(unsigned int fake, unsigned int ring)
{
	signal_eventfd(vhost_fakes[fake].rings[ring].err);
}
