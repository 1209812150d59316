/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One way to read files that may be raw, compressed or images: for those that
 * want all of the content, or its beginning, and never write to it.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "lkvm/disk/decode.h"
#include "lkvm/disk/qcow2_read.h"
#include "lkvm/util/gzip.h"

/* At most one of gzip and qcow2 is set; without both the content is raw. */
int disk_decoder_open(struct disk_decoder *d, int fd,
		      const struct disk_format *format)
{
	memset(d, 0, sizeof(*d));
	d->fd = fd;
	switch (format ? format->id : DISK_FORMAT_OTHER) {
	case DISK_FORMAT_GZIP:
		return gzip_open(fd, &d->gzip);
	case DISK_FORMAT_QCOW2:
		return qcow2_open(fd, &d->qcow2, &d->problem);
	case DISK_FORMAT_OTHER:
		break;
	}
	return 0;
}

void disk_decoder_close(struct disk_decoder *d)
{
	gzip_close(d->gzip);
	qcow2_close(d->qcow2);
	d->gzip = NULL;
	d->qcow2 = NULL;
}

/*
 * gzip has no index, so its content is only read in order. If that is an image
 * in turn, it is not raw content either: known by its first bytes.
 */
static int read_gzip(struct disk_decoder *d, void *buf, size_t len, size_t *got)
{
	const struct disk_format *inner;
	int ret = gzip_read(d->gzip, buf, len, got);

	if (ret == -ENODATA || ret == -EBADMSG) {
		d->problem = ret == -ENODATA ? "its gzip data ends early"
					     : "its gzip data is corrupt";
		return -EBADMSG;
	}
	inner = ret || d->at ? NULL : disk_format_of(buf, *got);
	if (!inner || inner->compressed)
		return ret;
	d->problem = "once decompressed it is an image in another format than "
		     "raw; gunzip it and convert that with \"qemu-img convert "
		     "-O raw\"";
	return -ENOTSUP;
}

/* A corrupt image is an error at the first cluster that is, not before. */
static int read_qcow2(struct disk_decoder *d, void *buf, size_t len,
		      size_t *got, bool *zeros)
{
	int ret;

	*got = MIN(len, qcow2_size(d->qcow2) - d->at);
	ret = qcow2_read(d->qcow2, buf, *got, d->at, zeros);
	if (ret == -EBADMSG)
		d->problem = "the qcow2 image is corrupt, or not all of it is "
			     "there";
	return ret;
}

/* From the file position on, in full: a short read is the end. */
static int read_raw(const struct disk_decoder *d, void *buf, size_t len,
		    size_t *got)
{
	*got = 0;
	while (*got < len) {
		ssize_t n = read(d->fd, (u8 *)buf + *got, len - *got);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (!n)
			break;
		*got += (size_t)n;
	}
	return 0;
}

int disk_decoder_read(struct disk_decoder *d, void *buf, size_t len,
		      size_t *got, bool *zeros)
{
	int ret;

	*zeros = false;
	if (d->gzip)
		ret = read_gzip(d, buf, len, got);
	else if (d->qcow2)
		ret = read_qcow2(d, buf, len, got, zeros);
	else
		ret = read_raw(d, buf, len, got);
	if (!ret)
		d->at += *got;
	return ret;
}

const char *disk_decoder_problem(const struct disk_decoder *d, int err)
{
	return d->problem ? d->problem : strerror(-err);
}
