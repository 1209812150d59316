/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a driver does with a device that has no transport: status, features,
 * queues; and what the device counts. Each rig of a virtio device has these.
 */
#ifndef TESTS_VDEV_DRIVER_H
#define TESTS_VDEV_DRIVER_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "lkvm/util/json.h"
#include "lkvm/virtio/device.h"
#include "virtq_driver.h"

static inline void vdev_set_status(struct virtio_device *vdev, u32 status)
{
	pthread_mutex_lock(&vdev->lock);
	virtio_set_status(vdev, status);
	pthread_mutex_unlock(&vdev->lock);
}

/* From a reset up to FEATURES_OK, which the device has to accept. */
static inline void vdev_negotiate(struct virtio_device *vdev, u64 features)
{
	u32 status = VIRTIO_S_ACKNOWLEDGE | VIRTIO_S_DRIVER;

	vdev_set_status(vdev, status);
	virtio_set_wanted(vdev, 0, (u32)features);
	virtio_set_wanted(vdev, 1, (u32)(features >> 32));
	status |= VIRTIO_S_FEATURES_OK;
	vdev_set_status(vdev, status);
	assert_int_equal(virtio_get_status(vdev), status);
}

/* A queue as `d` was initialised, whose driver asks for no interrupts. */
static inline void vdev_enable(struct virtio_device *vdev, unsigned int queue,
			       struct virtq_driver *d)
{
	virtq_driver_disable_irq(d);
	*virtio_setup(vdev, queue) = d->setup;
	virtio_queue_enable(vdev, queue);
	assert_true(virtio_queue_is_enabled(vdev, queue));
}

static inline void vdev_start(struct virtio_device *vdev)
{
	vdev_set_status(vdev, virtio_get_status(vdev) | VIRTIO_S_DRIVER_OK);
}

/* A member of the statistics, which there has to be; 1 for "true". */
static inline u64 vdev_stat(struct virtio_device *vdev, const char *name)
{
	struct json_writer json = { 0 };
	char *text = NULL, key[40];
	const char *at;
	size_t len = 0;
	u64 value;

	json.out = open_memstream(&text, &len);
	json_begin_object(&json, NULL);
	vdev->ops->stats(vdev, &json);
	json_end_object(&json);
	fclose(json.out);
	snprintf(key, sizeof(key), "\"%s\": ", name);
	at = strstr(text, key);
	assert_non_null(at);
	at += strlen(key);
	value = *at == 't' ? 1 : strtoull(at, NULL, 10);
	free(text);
	return value;
}

#endif
