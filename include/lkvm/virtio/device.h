/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A virtio device between its transport and its model: the status, the features
 * that are negotiated, and the queues that the driver sets up (virtio 1.4,
 * "Basic Facilities of a Virtio Device"). The transport (MMIO, PCI) maps its
 * registers to the calls below; it does not know what the device is, nor the
 * device how it is reached.
 */
#ifndef LKVM_VIRTIO_DEVICE_H
#define LKVM_VIRTIO_DEVICE_H

#include <pthread.h>
#include <stdatomic.h>

#include "lkvm/util/log.h"
#include "lkvm/virtio/queue.h"

struct json_writer;
struct virtio_device;

/* virtio 1.4, "Device Status Field" */
#define VIRTIO_S_ACKNOWLEDGE 0x01
#define VIRTIO_S_DRIVER	     0x02
#define VIRTIO_S_DRIVER_OK   0x04
#define VIRTIO_S_FEATURES_OK 0x08
#define VIRTIO_S_NEEDS_RESET 0x40
#define VIRTIO_S_FAILED	     0x80

/* What a transport writes to; of all queues the device has at most so many. */
#define VIRTIO_MAX_QUEUES 64

/* The model. Called with the device's `lock` held, `kick` with its queue's. */
struct virtio_model_ops {
	/*
	 * `len` bytes of the configuration at `offset`: they are inside of
	 * `config_size`.
	 */
	void (*read_config)(struct virtio_device *dev, u32 offset, void *buf,
			    u32 len);
	/* The same; NULL: the driver may not write there. */
	void (*write_config)(struct virtio_device *dev, u32 offset,
			     const void *buf, u32 len);
	/*
	 * The driver is ready, `features` are what was negotiated, its queues
	 * are enabled. 0, or -errno: the driver is told to reset the device.
	 */
	int (*start)(struct virtio_device *dev);
	/*
	 * Ends all that is under way. When it returns nothing of the guest's is
	 * touched any more, and no interrupt raised. Comes once after a `start`
	 * that returned 0, and may take the queues' locks.
	 */
	void (*stop)(struct virtio_device *dev);
	/*
	 * The same for one queue of a device that runs, which the next `kick`
	 * starts again. NULL: only all of them can be stopped, and the device
	 * must not offer VIRTQ_F_RING_RESET.
	 */
	void (*stop_queue)(struct virtio_device *dev, unsigned int queue);
	/*
	 * The driver has reset the device, whether it was started or not: what
	 * can be written of the configuration is as it was at first. NULL:
	 * nothing can.
	 */
	void (*reset)(struct virtio_device *dev);
	/*
	 * The driver has notified an enabled queue of a device that runs. On a
	 * vCPU's thread or the event loop's, with the queue's lock; perhaps
	 * when there is nothing in the queue.
	 */
	void (*kick)(struct virtio_device *dev, unsigned int queue);
	/* Adds members to the JSON object that is open; any thread. */
	void (*stats)(struct virtio_device *dev, struct json_writer *json);
	/* Frees the model, which is reset. NULL: it is part of something. */
	void (*destroy)(struct virtio_device *dev);
};

/* The transport's part. Any thread; the device's lock is not needed. */
struct virtio_transport_ops {
	/* The driver wants an interrupt for the queue. */
	void (*queue_interrupt)(struct virtio_device *dev, unsigned int queue);
	/* The configuration, or NEEDS_RESET of the status, has changed. */
	void (*config_interrupt)(struct virtio_device *dev);
	/* The device is reset: what it had of interrupts is gone. */
	void (*reset)(struct virtio_device *dev);
	/*
	 * From now on, or no more, notifications of the queue are written to
	 * the eventfd `fd`, and do not come as virtio_kick(). 0 or -errno;
	 * NULL: the transport cannot do that.
	 */
	int (*notify)(struct virtio_device *dev, unsigned int queue, int fd,
		      bool on);
	/*
	 * The driver wants an interrupt for the queue whenever the eventfd
	 * `fd`, which nobody reads, is written to; -1: no more. Who waits for
	 * `fd` calls queue_interrupt, for at times, or always, none comes
	 * without that. NULL: always.
	 */
	void (*queue_irqfd)(struct virtio_device *dev, unsigned int queue,
			    int fd);
};

struct virtio_queue {
	/*
	 * Of `q` once the queue is enabled: whoever takes chains from it or
	 * returns some holds it. Comes after the device's lock, and before all
	 * locks of the model.
	 */
	pthread_mutex_t lock;
	struct virtq q;
	bool stopping;		  /* notifications are without effect */
	struct virtq_setup setup; /* of the device's lock */
};

/*
 * Part of a model. The first group is the model's, which fills it in before
 * virtio_device_init(); all else is private to virtio/.
 */
struct virtio_device {
	const struct virtio_model_ops *ops;
	const char *name; /* for messages; not owned */
	u32 id;		  /* virtio 1.4, "Device Types" */
	u32 config_size;  /* bytes */
	u64 offered;	  /* features, VIRTQ_F_VERSION_1 included */
	unsigned int nr_queues;
	u32 queue_size; /* that each offers: a power of two */

	u64 features; /* negotiated; the model may read them from `start` on */
	struct virtio_queue queues[VIRTIO_MAX_QUEUES];

	/* Of what the driver writes. */
	pthread_mutex_t lock;
	const struct virtio_transport_ops *transport;
	void *transport_data;
	_Atomic(u32) status; /* NEEDS_RESET may be set without the lock */
	_Atomic(u32) generation;
	atomic_bool running;
	bool no_master;	   /* see virtio_set_master() */
	u64 wanted;	   /* features that the driver has written so far */
	bool wants_others; /* beyond those 64 */
	struct ratelimit messages;
};

/*
 * A device after power-on, whose queues are in RAM `mem`. The transport is set
 * before the guest runs.
 */
void virtio_device_init(struct virtio_device *dev, const struct gmem *mem);

/* The device has to be reset before. */
void virtio_device_destroy(struct virtio_device *dev);

/* ---- For models ---------------------------------------------------------- */

/*
 * After chains were pushed to the queue: raises an interrupt if the driver
 * wants one. With the queue's lock.
 */
void virtio_queue_done(struct virtio_device *dev, unsigned int queue);

/* The configuration has changed: the driver reads it again. Any thread. */
void virtio_config_changed(struct virtio_device *dev);

/*
 * The driver or the host has made it impossible to go on: the driver is told,
 * and until a reset the queues are left alone. `why` is logged, rate limited.
 * Any thread.
 */
void virtio_needs_reset(struct virtio_device *dev, const char *why);

/* ---- For transports ------------------------------------------------------ */

/* Word `n` of the offered features; 0 for those that there are not. */
u32 virtio_get_offered(const struct virtio_device *dev, u32 n);

/* Word `n` of those the driver accepts, which counts until FEATURES_OK. */
u32 virtio_get_wanted(const struct virtio_device *dev, u32 n);
void virtio_set_wanted(struct virtio_device *dev, u32 n, u32 features);

u32 virtio_get_status(const struct virtio_device *dev);

/*
 * The driver writes the status. 0 resets the device: all I/O has ended when it
 * returns. Bits that are set stay so; FEATURES_OK is not set if the driver has
 * accepted what was not offered, or has not accepted VIRTQ_F_VERSION_1.
 */
void virtio_set_status(struct virtio_device *dev, u32 status);

/*
 * Whether the device may access memory, which it may at first: a bus may have a
 * switch for that. Without it a device that runs stops, and all I/O has ended
 * when the call returns; with it again it goes on with what is in its queues.
 */
void virtio_set_master(struct virtio_device *dev, bool on);

/*
 * What the driver sets up for `queue`, to be written to while it is not
 * enabled: NULL for a queue that there is not, or that is enabled.
 */
struct virtq_setup *virtio_setup(struct virtio_device *dev, unsigned int queue);
/* What it was set up with, enabled or not; NULL for a queue there is not. */
const struct virtq_setup *virtio_queue_setup(const struct virtio_device *dev,
					     unsigned int queue);
u32 virtio_queue_max(const struct virtio_device *dev, unsigned int queue);
bool virtio_queue_is_enabled(const struct virtio_device *dev,
			     unsigned int queue);

/*
 * If it cannot be enabled as it is set up, it stays as it is; so it does once
 * the device runs, unless VIRTQ_F_RING_RESET was negotiated.
 */
void virtio_queue_enable(struct virtio_device *dev, unsigned int queue);

/*
 * Takes that back: the queue's I/O has ended when it returns. In a device that
 * runs, nothing happens if its model cannot stop a queue alone.
 */
void virtio_queue_disable(struct virtio_device *dev, unsigned int queue);

/*
 * The driver resets a queue (virtio 1.4, "Virtqueue Reset"): it is disabled,
 * and set up as at first. Nothing, unless VIRTQ_F_RING_RESET was negotiated.
 */
void virtio_queue_reset(struct virtio_device *dev, unsigned int queue);

/* The driver has notified a queue, if there is one. Without any lock. */
void virtio_kick(struct virtio_device *dev, unsigned int queue);

/* Configuration space; beyond its end it reads as 0. */
void virtio_read_config(struct virtio_device *dev, u64 offset, void *buf,
			u32 len);
void virtio_write_config(struct virtio_device *dev, u64 offset, const void *buf,
			 u32 len);

#endif
