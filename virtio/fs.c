/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A file system of the host's (virtio 1.4, "File System Device"): requests of
 * FUSE, which a daemon answers by vhost-user. Queue 0 is for those of high
 * priority, the others for requests. There is no window for DAX, and there are
 * no notifications.
 *
 * When the daemon has ended each request gets an error, as from a FUSE file
 * system whose process has ended.
 */
#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/fuse.h>
#include <linux/virtio_fs.h>
#include <linux/virtio_ids.h>

#include "lkvm/util/iov.h"
#include "lkvm/util/json.h"
#include "lkvm/util/log.h"
#include "lkvm/virtio/fs.h"
#include "vhost_user_device.h"

/* Linux makes no longer requests than a queue has entries. virtiofsd's limit.
 */
#define QUEUE_SIZE 1024

/* More than one is for drivers that spread requests over vCPUs. */
#define MAX_REQUEST_QUEUES 16U

/* Without num_request_queues there is nothing behind the tag. */
#define CONFIG_SIZE \
	(offsetof(struct virtio_fs_config, num_request_queues) + sizeof(__le32))

struct virtio_fs {
	struct virtio_device vdev;
	struct vhost_user_device user;
	struct fs_daemon *daemon;
	char name[16];
	struct virtio_fs_config config;
	_Atomic(u64) errors;	      /* requests that were answered so */
	struct iovec iov[QUEUE_SIZE]; /* of the thread */
};

static struct virtio_fs *from_device(struct virtio_device *vdev)
{
	return container_of(vdev, struct virtio_fs, vdev);
}

static void read_config(struct virtio_device *vdev, u32 offset, void *buf,
			u32 len)
{
	memcpy(buf, (const u8 *)&from_device(vdev)->config + offset, len);
}

/* ---- Without a daemon ---------------------------------------------------- */

/*
 * linux/fuse.h: the head of a reply is the request's number and an error. A
 * request without room for it, such as FUSE_FORGET, gets none. Numbers are in
 * the byte order of the guest, which is that of virtio.
 */
static u32 refuse(const struct virtq_chain *chain)
{
	struct fuse_in_header request = { 0 };
	struct fuse_out_header reply = { .len = htole32(sizeof(reply)) };

	iov_read(chain->iov, chain->nr_out, 0, &request, sizeof(request));
	if (chain->in_len < sizeof(reply))
		return 0;
	reply.error = (s32)htole32((u32)-ENOTCONN);
	reply.unique = request.unique;
	return (u32)iov_write(chain->iov + chain->nr_out, chain->nr_in, 0,
			      &reply, sizeof(reply));
}

static int serve(struct virtio_device *vdev, unsigned int n)
{
	struct virtio_fs *fs = from_device(vdev);
	struct virtq_chain chain = { .iov = fs->iov, .max_iov = QUEUE_SIZE };
	int ret = virtq_pop(&vdev->queues[n].q, &chain);

	if (ret <= 0)
		return ret;
	virtq_push(&vdev->queues[n].q, &chain, refuse(&chain));
	atomic_fetch_add(&fs->errors, 1);
	return 1;
}

/* One that does not behave is not left with the guest's memory. */
static void lost(struct vhost_user_device *user, char *text, size_t size)
{
	struct fs_daemon *daemon = from_device(user->vdev)->daemon;

	if (user->vu.closed)
		fs_daemon_explain(daemon, text, size);
	else
		fs_daemon_kill(daemon);
}

/* ---- The device ---------------------------------------------------------- */

static int start(struct virtio_device *vdev)
{
	return vhost_user_device_start(&from_device(vdev)->user);
}

static void stop(struct virtio_device *vdev)
{
	vhost_user_device_stop(&from_device(vdev)->user);
}

/* With the queue's lock. */
static void kick(struct virtio_device *vdev, unsigned int queue)
{
	vhost_user_device_kick(&from_device(vdev)->user, queue);
}

/* Requests are the daemon's, which nobody counts. */
static void stats(struct virtio_device *vdev, struct json_writer *json)
{
	struct virtio_fs *fs = from_device(vdev);

	json_u64(json, "calls", atomic_load(&fs->user.calls));
	json_u64(json, "errors", atomic_load(&fs->errors));
}

static void destroy(struct virtio_device *vdev)
{
	struct virtio_fs *fs = from_device(vdev);

	vhost_user_device_destroy(&fs->user);
	virtio_device_destroy(vdev);
	fs_daemon_close(fs->daemon);
	free(fs);
}

static const struct virtio_model_ops fs_ops = {
	.read_config = read_config,
	.start = start,
	.stop = stop,
	.kick = kick,
	.stats = stats,
	.destroy = destroy,
};

/* Why virtiofsd does not run shows here. */
static int open_session(struct virtio_fs *fs, const char *tag,
			const atomic_bool *stopping)
{
	struct vhost_user *vu = &fs->user.vu;
	int ret = vhost_user_open(vu, fs->daemon->fd, stopping);
	char why[256];

	if (!ret)
		return 0;
	snprintf(why, sizeof(why), "%s", vu->why);
	if (vu->closed)
		fs_daemon_explain(fs->daemon, why, sizeof(why));
	pr_fatal("--fs: %s of \"%s\" %s",
		 fs->daemon->started ? "virtiofsd" : "the daemon", tag, why);
	return ret;
}

/* The queue of high priority is one of those the daemon has. */
static u32 request_queues(const struct vhost_user *vu)
{
	return vu->nr_queues > 1 ? MIN(vu->nr_queues - 1, MAX_REQUEST_QUEUES)
				 : 1;
}

/* The tag has no zero at its end if it fills its place. */
static void fill(struct virtio_fs *fs, const struct virtio_fs_params *params)
{
	u32 requests = request_queues(&fs->user.vu);

	memcpy(fs->config.tag, params->tag,
	       MIN(strlen(params->tag), sizeof(fs->config.tag)));
	fs->config.num_request_queues = htole32(requests);
	fs->vdev.ops = &fs_ops;
	fs->vdev.name = fs->name;
	fs->vdev.id = VIRTIO_ID_FS;
	fs->vdev.config_size = CONFIG_SIZE;
	fs->vdev.offered = fs->user.vu.features & VHOST_USER_RING_FEATURES;
	fs->vdev.nr_queues = 1 + requests;
	fs->vdev.queue_size = QUEUE_SIZE;
	fs->user.vdev = &fs->vdev;
	fs->user.serve = serve;
	fs->user.lost = lost;
}

int virtio_fs_create(const struct virtio_fs_params *params,
		     struct virtio_device **out)
{
	struct virtio_fs *fs = calloc(1, sizeof(*fs));
	int ret = fs ? 0 : -ENOMEM;

	if (!ret) {
		fs->daemon = params->daemon;
		snprintf(fs->name, sizeof(fs->name), "%s", params->name);
		ret = open_session(fs, params->tag, params->stopping);
	}
	if (!ret) {
		fill(fs, params);
		virtio_device_init(&fs->vdev, params->mem);
		ret = vhost_user_device_init(&fs->user);
		if (ret)
			virtio_device_destroy(&fs->vdev);
	}
	if (ret) {
		fs_daemon_close(params->daemon);
		free(fs);
		return ret;
	}
	*out = &fs->vdev;
	return 0;
}
