/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Decompression of zstd (RFC 8878) by libzstd, which is optional: the build
 * defines HAVE_ZSTD if it is there, else the functions return -ENOTSUP. The
 * size that a frame claims is not used; the caller bounds the output by the
 * length it asks for, ZSTD_WINDOW_MAX bounds the memory. One reader belongs to
 * one thread.
 */
#include <errno.h>

#include "lkvm/util/zstd.h"

#ifdef HAVE_ZSTD

#include <stdlib.h>
#include <string.h>
#include <zstd.h>
#include <zstd_errors.h>

#define BUF_SIZE SZ_64K /* compressed bytes for each read */

/*
 * RFC 8878, sections 3.1.1 and 3.1.2: frames of data, and those to be skipped
 */
#define MAGIC_SIZE	   4
#define MAGIC_DATA	   0xfd2fb528U
#define MAGIC_SKIPPED	   0x184d2a50U
#define MAGIC_SKIPPED_MASK 0xfffffff0U

struct zstd_reader {
	struct byte_source *source;
	ZSTD_DStream *stream;
	ZSTD_inBuffer in; /* what is in `buf` and not decompressed yet */
	bool eof;	  /* of the source */
	bool done;	  /* the last frame has ended */
	u8 buf[BUF_SIZE]; /* in.src */
};

/* The limit is below libzstd's own maximum, so only memory can be missing. */
int zstd_open_source(struct byte_source *source, struct zstd_reader **out)
{
	struct zstd_reader *reader = calloc(1, sizeof(*reader));

	if (!reader)
		return -ENOMEM;
	reader->source = source;
	reader->in.src = reader->buf;
	reader->stream = ZSTD_createDStream();
	if (!reader->stream || ZSTD_isError(ZSTD_DCtx_setParameter(
				       reader->stream, ZSTD_d_windowLogMax,
				       ZSTD_WINDOW_MAX_LOG))) {
		zstd_close(reader);
		return -ENOMEM;
	}
	*out = reader;
	return 0;
}

void zstd_close(struct zstd_reader *reader)
{
	if (!reader)
		return;
	ZSTD_freeDStream(reader->stream);
	free(reader);
}

/*
 * Makes `want` bytes of input available, fewer only at the end of the source.
 */
static int fill(struct zstd_reader *reader, size_t want)
{
	ZSTD_inBuffer *in = &reader->in;
	size_t left = in->size - in->pos;

	if (left >= want || reader->eof)
		return 0;
	memmove(reader->buf, reader->buf + in->pos, left);
	in->pos = 0;
	in->size = left;
	while (in->size < want && !reader->eof) {
		ssize_t n = reader->source->read(reader->source,
						 reader->buf + in->size,
						 BUF_SIZE - in->size);

		if (n == -EINTR)
			continue;
		if (n < 0)
			return (int)n;
		reader->eof = !n;
		in->size += (size_t)n;
	}
	return 0;
}

/*
 * A frame has ended; four bytes decide whether another follows. What is no
 * frame is ignored.
 */
static int next_frame(struct zstd_reader *reader)
{
	const ZSTD_inBuffer *in = &reader->in;
	int ret = fill(reader, MAGIC_SIZE);
	const u8 *p = reader->buf + in->pos;
	u32 magic = 0;

	if (ret)
		return ret;
	if (in->size - in->pos >= MAGIC_SIZE)
		magic = p[0] | p[1] << 8 | p[2] << 16 | (u32)p[3] << 24;
	reader->done = magic != MAGIC_DATA &&
		       (magic & MAGIC_SKIPPED_MASK) != MAGIC_SKIPPED;
	return 0;
}

/* libzstd's error codes as errno; all that is not listed is bad content. */
static int error_of(size_t result)
{
	switch (ZSTD_getErrorCode(result)) {
	case ZSTD_error_memory_allocation:
		return -ENOMEM;
	case ZSTD_error_frameParameter_windowTooLarge:
		return -EOVERFLOW;
	default:
		return -EBADMSG;
	}
}

/*
 * The library may keep output although it has taken all of the input, so the
 * end of the source is an error only if nothing came out.
 */
static int decompress_some(struct zstd_reader *reader, ZSTD_outBuffer *out)
{
	size_t before = out->pos;
	int ret = fill(reader, 1);
	size_t left;

	if (ret)
		return ret;
	left = ZSTD_decompressStream(reader->stream, out, &reader->in);
	if (ZSTD_isError(left))
		return error_of(left);
	if (!left)
		return next_frame(reader);
	if (reader->eof && reader->in.pos == reader->in.size &&
	    out->pos == before)
		return -ENODATA;
	return 0;
}

int zstd_read(struct zstd_reader *reader, void *buf, size_t len, size_t *got)
{
	ZSTD_outBuffer out = { .dst = buf, .size = len };

	while (out.pos < len && !reader->done) {
		int ret = decompress_some(reader, &out);

		if (ret)
			return ret;
	}
	*got = out.pos;
	return 0;
}

#else

int zstd_open_source(struct byte_source *source, struct zstd_reader **out)
{
	(void)source;
	*out = NULL;
	return -ENOTSUP;
}

int zstd_read(struct zstd_reader *reader, void *buf, size_t len, size_t *got)
{
	(void)reader;
	(void)buf;
	(void)len;
	*got = 0;
	return -ENOTSUP;
}

void zstd_close(struct zstd_reader *reader)
{
	(void)reader;
}

#endif
