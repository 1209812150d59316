/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: disk/qcow2_*.c disk/format.c util/file.c */
/*
 * An image of anybody's making: what is read of it in one piece is what is
 * read of it in many, and errors are those that the header names.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lkvm/disk/format.h"
#include "lkvm/disk/qcow2_read.h"

/* How much is read of a content that may have 2^63 bytes. */
#define WINDOW SZ_64K

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

static u8 whole[WINDOW], parts[WINDOW];

static void require(bool what)
{
	if (!what)
		abort();
}

static int read_range(struct qcow2_reader *r, u8 *buf, size_t len, u64 offset)
{
	bool zeros;
	int ret = qcow2_read(r, buf, len, offset, &zeros);

	require(!ret || ret == -EBADMSG);
	if (!ret && zeros)
		memset(buf, 0, len);
	return ret;
}

static void compare(struct qcow2_reader *r, u64 offset)
{
	u64 size = qcow2_size(r);
	size_t len = (size_t)MIN(size - offset, WINDOW);
	bool good = !read_range(r, whole, len, offset);
	bool all = true;

	for (size_t at = 0, n; at < len; at += n) {
		n = MIN(1000, len - at);
		all &= !read_range(r, parts + at, n, offset + at);
	}
	require(good == all);
	require(!good || !memcmp(whole, parts, len));
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	const struct disk_format *format;
	const char *problem = NULL;
	struct qcow2_reader *r;
	int fd = memfd_create("qcow2", MFD_CLOEXEC);
	int ret;

	require(fd >= 0 && write(fd, data, size) == (ssize_t)size);
	require(!disk_format_read(fd, &format));
	ret = qcow2_open(fd, &r, &problem);
	require(!ret || (ret == -ENOTSUP && problem));
	if (!ret) {
		compare(r, 0);
		compare(r, qcow2_size(r) / 2);
		compare(r, qcow2_size(r) - MIN(qcow2_size(r), WINDOW));
		qcow2_close(r);
	}
	close(fd);
	return 0;
}
