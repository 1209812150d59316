/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "lkvm/util/gzip.h"

#define BUF_SIZE SZ_64K

/* A single inflate() gets no more than this. */
#define MAX_CHUNK SZ_1G

struct gzip_reader {
	struct byte_source *source;
	struct byte_source file; /* the source if it is `fd` */
	int fd;
	bool done;
	z_stream z;
	u8 buf[BUF_SIZE];
};

static ssize_t read_file(struct byte_source *source, void *buf, size_t len)
{
	const struct gzip_reader *reader =
		container_of(source, struct gzip_reader, file);
	ssize_t n = read(reader->fd, buf, len);

	return n < 0 ? -errno : n;
}

int gzip_open(int fd, struct gzip_reader **out)
{
	int ret = gzip_open_source(NULL, out);

	if (ret)
		return ret;
	(*out)->fd = fd;
	(*out)->file.read = read_file;
	(*out)->source = &(*out)->file;
	return 0;
}

int gzip_open_source(struct byte_source *source, struct gzip_reader **out)
{
	struct gzip_reader *reader = calloc(1, sizeof(*reader));

	/* 16: gzip, neither zlib nor raw deflate */
	if (!reader || inflateInit2(&reader->z, MAX_WBITS + 16) != Z_OK) {
		free(reader);
		return -ENOMEM;
	}
	reader->source = source;
	reader->z.next_in = reader->buf;
	*out = reader;
	return 0;
}

void gzip_close(struct gzip_reader *reader)
{
	if (!reader)
		return;
	inflateEnd(&reader->z);
	free(reader);
}

/* Has `want` bytes of input at hand, unless the file has no more. */
static int fill(struct gzip_reader *reader, unsigned int want)
{
	z_stream *z = &reader->z;

	if (z->avail_in >= want)
		return 0;
	memmove(reader->buf, z->next_in, z->avail_in);
	z->next_in = reader->buf;
	while (z->avail_in < want) {
		ssize_t n = reader->source->read(reader->source,
						 reader->buf + z->avail_in,
						 BUF_SIZE - z->avail_in);

		if (n == -EINTR)
			continue;
		if (n < 0)
			return (int)n;
		if (!n)
			break;
		z->avail_in += (unsigned int)n;
	}
	return 0;
}

/* A member has ended; another may follow. RFC 1952, 2.2 and 2.3.1. */
static int next_member(struct gzip_reader *reader)
{
	const z_stream *z = &reader->z;
	int ret = fill(reader, 2);

	if (ret)
		return ret;
	reader->done = z->avail_in < 2 || z->next_in[0] != 0x1f ||
		       z->next_in[1] != 0x8b;
	return reader->done || inflateReset(&reader->z) == Z_OK ? 0 : -ENOMEM;
}

static int inflate_some(struct gzip_reader *reader)
{
	int ret = fill(reader, 1);

	if (ret)
		return ret;
	if (!reader->z.avail_in)
		return -ENODATA;
	switch (inflate(&reader->z, Z_NO_FLUSH)) {
	case Z_OK:
		return 0;
	case Z_STREAM_END:
		return next_member(reader);
	case Z_MEM_ERROR:
		return -ENOMEM;
	default:
		return -EBADMSG;
	}
}

int gzip_read(struct gzip_reader *reader, void *buf, size_t len, size_t *got)
{
	size_t done = 0;

	while (done < len && !reader->done) {
		unsigned int chunk = (unsigned int)MIN(len - done, MAX_CHUNK);
		int ret;

		reader->z.next_out = (u8 *)buf + done;
		reader->z.avail_out = chunk;
		ret = inflate_some(reader);
		if (ret)
			return ret;
		done += chunk - reader->z.avail_out;
	}
	*got = done;
	return 0;
}
