/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * gzip (RFC 1952) by zlib, front to back. A file may have several members, one
 * after the other, that make up one content. Input is not trusted: the caller
 * bounds the output by what it asks for, zlib's window is 32 KiB, and CRC and
 * length of each member are checked by zlib before its end is reported. What a
 * header says of the original name and size is not used. One reader belongs to
 * one thread.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "lkvm/util/gzip.h"

#define BUF_SIZE SZ_64K /* compressed bytes for each read(2) */

/* zlib counts in unsigned int; a larger request takes several calls. */
#define MAX_CHUNK SZ_1G

struct gzip_reader {
	struct byte_source *source;
	struct byte_source file; /* the source if it is `fd` */
	int fd;
	bool done; /* the last member has ended */
	z_stream z;
	u8 buf[BUF_SIZE]; /* z.next_in points into it */
};

/* The source of gzip_open(): the descriptor at its current position. */
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

	/* 16 selects gzip, neither zlib nor raw deflate. */
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

/*
 * Makes `want` bytes of input available, fewer only at the end of the file.
 * What is left moves to the front: next_member() needs two bytes at once.
 */
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

/*
 * A member has ended; two bytes decide whether another follows (RFC 1952,
 * sections 2.2 and 2.3.1). Padding or a signature behind the last one is
 * ignored.
 */
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

/*
 * One call of inflate(). It returns Z_OK only after progress, so no loop over
 * it is endless; Z_BUF_ERROR cannot occur with input and room for output.
 */
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
