/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "runner_rig.h"

#define RING_GPA  0x40000000ULL
#define DATA_GPA  0x80000000ULL
#define RING_RAM  ALIGN_UP(VIRTQ_DRIVER_RAM(ENTRIES), 64)
#define PER_QUEUE (ENTRIES * BUFFER)
#define PATIENCE  60

struct runner_rig rig;
atomic_uint threads_created, threads_joined;
atomic_int create_error, eventfd_error;

int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attr,
			  void *(*start)(void *), void *arg);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attr,
			  void *(*start)(void *), void *arg);
int __real_pthread_join(pthread_t thread, void **result);
int __wrap_pthread_join(pthread_t thread, void **result);
int __real_eventfd(unsigned int value, int flags);
int __wrap_eventfd(unsigned int value, int flags);

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attr,
			  void *(*start)(void *), void *arg)
{
	int error = atomic_load(&create_error);

	if (error)
		return error;
	atomic_fetch_add(&threads_created, 1);
	return __real_pthread_create(thread, attr, start, arg);
}

int __wrap_pthread_join(pthread_t thread, void **result)
{
	atomic_fetch_add(&threads_joined, 1);
	return __real_pthread_join(thread, result);
}

int __wrap_eventfd(unsigned int value, int flags)
{
	errno = atomic_load(&eventfd_error);
	return errno ? -1 : __real_eventfd(value, flags);
}

void vcpu_start(pthread_t *thread, void *(*run)(void *), void *arg)
{
	REQUIRE(!__real_pthread_create(thread, NULL, run, arg));
}

void vcpu_join(pthread_t thread)
{
	REQUIRE(!__real_pthread_join(thread, NULL));
}

void await(sem_t *bell)
{
	while (sem_wait(bell))
		REQUIRE(errno == EINTR);
}

/* ---- The transport ------------------------------------------------------- */

static void queue_interrupt(struct virtio_device *vdev, unsigned int queue)
{
	(void)vdev;
	atomic_fetch_add(&rig.queues[queue].interrupts, 1);
}

static void config_interrupt(struct virtio_device *vdev)
{
	(void)vdev;
	atomic_fetch_add(&rig.config_interrupts, 1);
}

static void transport_reset(struct virtio_device *vdev)
{
	(void)vdev;
}

/* KVM does not write to a descriptor any more that was taken back. */
static pthread_mutex_t kvm_lock = PTHREAD_MUTEX_INITIALIZER;

/* The descriptor is open, also when it is taken back. */
static int notify(struct virtio_device *vdev, unsigned int queue, int fd,
		  bool on)
{
	struct queue_rig *q = &rig.queues[queue];

	(void)vdev;
	pthread_mutex_lock(&kvm_lock);
	REQUIRE(fcntl(fd, F_GETFD) >= 0);
	REQUIRE(on ? q->fd < 0 : q->fd == fd);
	q->fd = on ? fd : -1;
	pthread_mutex_unlock(&kvm_lock);
	atomic_fetch_add(on ? &q->notified : &q->forgotten, 1);
	return 0;
}

static int notify_fails(struct virtio_device *vdev, unsigned int queue, int fd,
			bool on)
{
	(void)vdev;
	(void)fd;
	REQUIRE(on);
	atomic_fetch_add(&rig.queues[queue].notified, 1);
	return -ENOSPC;
}

static const struct virtio_transport_ops transports[] = {
	[NOTIFY] = { .notify = notify,
		     .queue_interrupt = queue_interrupt,
		     .config_interrupt = config_interrupt,
		     .reset = transport_reset },
	[NOTIFY_FAILS] = { .notify = notify_fails,
			   .queue_interrupt = queue_interrupt,
			   .config_interrupt = config_interrupt,
			   .reset = transport_reset },
	[NOTIFY_NULL] = { .queue_interrupt = queue_interrupt,
			  .config_interrupt = config_interrupt,
			  .reset = transport_reset },
};

/* ---- The model ----------------------------------------------------------- */

static int start(struct virtio_device *vdev)
{
	(void)vdev;
	atomic_store(&rig.forbidden, false);
	return 0;
}

static void stop(struct virtio_device *vdev)
{
	(void)vdev;
	for (unsigned int i = 0; i < QUEUES; i++)
		virtio_runner_stop(&rig.queues[i].runner);
	atomic_store(&rig.forbidden, true);
}

static void kick(struct virtio_device *vdev, unsigned int queue)
{
	(void)vdev;
	virtio_runner_kick(&rig.queues[queue].runner);
}

static const struct virtio_model_ops model = {
	.start = start,
	.stop = stop,
	.kick = kick,
};

static int serve_chain(unsigned int n, struct virtq_chain *chain)
{
	struct virtio_queue *queue = &rig.vdev.queues[n];
	int ret;

	atomic_store(&rig.queues[n].tid, gettid());
	pthread_getname_np(pthread_self(), rig.queues[n].thread,
			   sizeof(rig.queues[n].thread));
	pthread_mutex_unlock(&queue->lock);
	ret = rig.work ? rig.work(&rig, n) : 0;
	memset(chain->iov[0].iov_base, STAMP, chain->iov[0].iov_len);
	pthread_mutex_lock(&queue->lock);
	if (ret)
		return MIN(ret, 0);
	virtq_push(&queue->q, chain, (u32)chain->in_len);
	atomic_fetch_add(&rig.queues[n].served, 1);
	sem_post(&rig.queues[n].done);
	return 1;
}

/* By one thread at a time, with the lock. */
static int serve(struct virtio_device *vdev, unsigned int n)
{
	struct queue_rig *q = &rig.queues[n];
	struct iovec iov;
	struct virtq_chain chain = { .iov = &iov, .max_iov = 1 };
	int ret;

	REQUIRE(pthread_mutex_trylock(&vdev->queues[n].lock) == EBUSY);
	REQUIRE(!atomic_exchange(&q->inside, true));
	REQUIRE(!atomic_load(&rig.forbidden));
	atomic_fetch_add(&q->calls, 1);
	ret = virtq_pop(&vdev->queues[n].q, &chain);
	if (ret > 0)
		ret = serve_chain(n, &chain);
	else if (!ret && rig.at_end)
		rig.at_end(&rig, n);
	atomic_store(&q->inside, false);
	return ret;
}

/* Every fifth one would have to wait. */
static int attempt(struct virtio_device *vdev, unsigned int n)
{
	struct virtio_queue *queue = &vdev->queues[n];
	struct queue_rig *q = &rig.queues[n];
	struct iovec iov;
	struct virtq_chain chain = { .iov = &iov, .max_iov = 1 };
	int ret;

	REQUIRE(pthread_mutex_trylock(&queue->lock) == EBUSY);
	REQUIRE(!atomic_exchange(&q->inside, true));
	REQUIRE(!atomic_load(&rig.forbidden));
	ret = virtq_pop(&queue->q, &chain);
	if (ret > 0 && !(atomic_fetch_add(&q->tried, 1) % 5)) {
		pthread_mutex_unlock(&queue->lock);
		sched_yield();
		pthread_mutex_lock(&queue->lock);
		virtq_unpop(&queue->q, &chain);
		ret = -EAGAIN;
	} else if (ret > 0) {
		ret = serve_chain(n, &chain);
	}
	atomic_store(&q->inside, false);
	return ret;
}

void rig_try(struct runner_rig *r)
{
	for (unsigned int i = 0; i < QUEUES; i++) {
		struct virtio_runner *runner = &r->queues[i].runner;

		runner->attempt = attempt;
		runner->here = runner->lone.here = true;
		runner->lone.needed = 1;
		runner->lone.interval = 1000000000;
	}
}

struct runner_rig *rig_create(void **state, enum notify_mode mode)
{
	const struct runner_variant *variant = *state;
	struct runner_rig *r = &rig;

	r->features = variant->features;
	r->rings = aligned_alloc(64, QUEUES * RING_RAM);
	r->data = calloc(QUEUES, PER_QUEUE);
	assert_true(r->rings && r->data);
	assert_int_equal(
		gmem_add(&r->mem, RING_GPA, QUEUES * RING_RAM, r->rings), 0);
	assert_int_equal(
		gmem_add(&r->mem, DATA_GPA, QUEUES * PER_QUEUE, r->data), 0);
	r->vdev.ops = &model;
	r->vdev.name = "a-long-name-of-it";
	r->vdev.offered = ~0ULL;
	r->vdev.nr_queues = QUEUES;
	r->vdev.queue_size = ENTRIES;
	r->vdev.transport = &transports[mode];
	virtio_device_init(&r->vdev, &r->mem);
	for (unsigned int i = 0; i < QUEUES; i++) {
		/* As malloc() may give it. */
		memset(&r->queues[i].runner, 0xa5, sizeof(r->queues[i].runner));
		virtio_runner_init(&r->queues[i].runner, &r->vdev, i, serve);
		sem_init(&r->queues[i].done, 0, 0);
		r->queues[i].fd = -1;
	}
	sem_init(&r->begun, 0, 0);
	sem_init(&r->may_end, 0, 0);
	return r;
}

int rig_setup(void **state)
{
	(void)state;
	alarm(PATIENCE);
	log_set_level(LOG_LEVEL_ERROR);
	memset(&rig, 0, sizeof(rig));
	atomic_store(&threads_created, 0);
	atomic_store(&threads_joined, 0);
	atomic_store(&create_error, 0);
	atomic_store(&eventfd_error, 0);
	return 0;
}

/* All threads of queues have ended by then. */
int rig_teardown(void **state)
{
	(void)state;
	rig_reset(&rig);
	for (unsigned int i = 0; i < QUEUES; i++) {
		virtio_runner_destroy(&rig.queues[i].runner);
		virtq_driver_destroy(&rig.queues[i].driver);
		assert_int_equal(rig.queues[i].fd, -1);
	}
	virtio_device_destroy(&rig.vdev);
	assert_int_equal(threads_created, threads_joined);
	free(rig.rings);
	free(rig.data);
	alarm(0);
	return 0;
}

/* ---- The driver ---------------------------------------------------------- */

static void set_status(struct runner_rig *r, u32 status)
{
	pthread_mutex_lock(&r->vdev.lock);
	virtio_set_status(&r->vdev, status);
	pthread_mutex_unlock(&r->vdev.lock);
}

void rig_reset(struct runner_rig *r)
{
	set_status(r, 0);
}

static void set_up(struct runner_rig *r, unsigned int n)
{
	struct virtq_driver *d = &r->queues[n].driver;
	u64 at = n * RING_RAM;

	virtq_driver_destroy(d);
	r->queues[n].next = 0;
	REQUIRE(!virtq_driver_init(d, r->rings + at, RING_GPA + at, ENTRIES,
				   r->features));
	virtq_driver_disable_irq(d);
	*virtio_setup(&r->vdev, n) = d->setup;
	virtio_queue_enable(&r->vdev, n);
	REQUIRE(virtio_queue_is_enabled(&r->vdev, n));
}

void rig_prepare(struct runner_rig *r)
{
	u64 features = r->features | VIRTQ_F_VERSION_1;

	rig_reset(r);
	virtio_set_wanted(&r->vdev, 0, (u32)features);
	virtio_set_wanted(&r->vdev, 1, (u32)(features >> 32));
	set_status(r, VIRTIO_S_FEATURES_OK);
	for (unsigned int i = 0; i < QUEUES; i++)
		set_up(r, i);
}

void rig_go(struct runner_rig *r)
{
	set_status(r, VIRTIO_S_FEATURES_OK | VIRTIO_S_DRIVER_OK);
}

void rig_start(struct runner_rig *r)
{
	rig_prepare(r);
	rig_go(r);
}

bool rig_needs_reset(struct runner_rig *r)
{
	return virtio_get_status(&r->vdev) & VIRTIO_S_NEEDS_RESET;
}

/* As many as there are entries are in flight at most: cookies are not. */
bool rig_add(struct runner_rig *r, unsigned int queue)
{
	struct queue_rig *q = &r->queues[queue];
	u64 at = queue * PER_QUEUE + q->next % ENTRIES * BUFFER;
	struct virtq_buf buf = { DATA_GPA + at, BUFFER, true };
	int ret = virtq_driver_add(&q->driver, &buf, 1, 1, (u32)at);

	REQUIRE(!ret || ret == -ENOSPC);
	q->next += !ret;
	return !ret;
}

void rig_add_some(struct runner_rig *r, unsigned int queue, u32 n)
{
	for (u32 i = 0; i < n; i++)
		REQUIRE(rig_add(r, queue));
}

bool rig_write_fd(struct runner_rig *r, unsigned int queue)
{
	const u64 one = 1;
	int fd;

	pthread_mutex_lock(&kvm_lock);
	fd = r->queues[queue].fd;
	REQUIRE(fd < 0 || write(fd, &one, sizeof(one)) == sizeof(one));
	pthread_mutex_unlock(&kvm_lock);
	return fd >= 0;
}

void rig_kick(struct runner_rig *r, unsigned int queue)
{
	if (virtq_driver_needs_kick(&r->queues[queue].driver) &&
	    !rig_write_fd(r, queue))
		virtio_kick(&r->vdev, queue);
}

u32 rig_take(struct runner_rig *r, unsigned int queue)
{
	struct virtq_driver *d = &r->queues[queue].driver;
	struct virtq_used used;
	u32 n = 0;

	for (; virtq_driver_take(d, &used) == 1; n++) {
		REQUIRE(used.len == BUFFER);
		for (u32 i = 0; i < BUFFER; i++)
			REQUIRE(r->data[used.cookie + i] == STAMP);
		memset(r->data + used.cookie, 0, BUFFER);
	}
	REQUIRE(!d->error);
	return n;
}

void rig_await(struct runner_rig *r, unsigned int queue, u32 n)
{
	while (atomic_load(&r->queues[queue].served) < n)
		await(&r->queues[queue].done);
}

void rig_want_interrupts(struct runner_rig *r, unsigned int queue)
{
	virtq_driver_enable_irq(&r->queues[queue].driver);
}

void rig_fill(struct runner_rig *r, u8 byte)
{
	memset(r->rings, byte, QUEUES * RING_RAM);
	memset(r->data, byte, QUEUES * PER_QUEUE);
}

bool rig_is_filled(struct runner_rig *r, u8 byte)
{
	for (size_t i = 0; i < QUEUES * RING_RAM; i++)
		if (r->rings[i] != byte)
			return false;
	for (size_t i = 0; i < QUEUES * PER_QUEUE; i++)
		if (r->data[i] != byte)
			return false;
	return true;
}

int rig_block(struct runner_rig *r, unsigned int queue)
{
	(void)queue;
	sem_post(&r->begun);
	await(&r->may_end);
	return 0;
}

void *rig_kick_first(void *arg)
{
	struct runner_rig *r = arg;

	virtio_kick(&r->vdev, 0);
	return NULL;
}
