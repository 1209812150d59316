/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One interface to files that may be raw, gzip or qcow2, for callers that read
 * all of the content, or its beginning, and never write: templates and
 * read-only banks of flash, firmware, `lkvm flash`. Content is read in order,
 * since gzip has no index. The format is the caller's to detect (format.c) or
 * to specify.
 *
 * Nothing in a file is trusted: the readers bound their memory, and what is
 * wrong becomes a phrase in `problem` for the caller's message. One thread at a
 * time; calls block for as long as the file does.
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

/* The pointers are cleared, so that closing twice is allowed. */
void disk_decoder_close(struct disk_decoder *d)
{
	gzip_close(d->gzip);
	qcow2_close(d->qcow2);
	d->gzip = NULL;
	d->qcow2 = NULL;
}

/*
 * The first bytes of the content tell whether it is an image in turn, which
 * would not be raw content either and is refused.
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

/* A corrupt table is an error when the first cluster it describes is read. */
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

/*
 * From the file position on, which is at the start when the decoder is opened.
 * A pipe may return less than asked for, so it reads on until the end.
 */
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

/* `at` counts content, not bytes of the file. */
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

/* Errors without a phrase of their own are those of the system. */
const char *disk_decoder_problem(const struct disk_decoder *d, int err)
{
	return d->problem ? d->problem : strerror(-err);
}
