/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A kernel file as a stream of what is in it. The first bytes tell what it is
 * wrapped in: gzip and zstd are found by their magic, EFI zboot by that of its
 * header, which says what its payload is compressed with. All of it goes front
 * to back: from the file through one buffer, or a decompressor, to where the
 * caller wants it, and never more of it than that has room for.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lkvm/arm/boot/image.h"
#include "lkvm/arm/boot/image_file.h"
#include "lkvm/util/file.h"
#include "lkvm/util/log.h"

/* Linux drivers/firmware/efi/libstub/zboot-header.S */
#define ZBOOT_PAYLOAD_OFFSET 0x08
#define ZBOOT_PAYLOAD_SIZE   0x0c
#define ZBOOT_COMPRESSION    0x18
#define ZBOOT_HEADER_SIZE    0x40

#define MAX_COMPRESSION_NAME 31

/* A single read(2) gets no more than this. */
#define MAX_CHUNK SZ_1G

int image_error(const char *what, const char *path, int err, const char *fmt,
		...)
{
	char reason[256];
	va_list args;

	va_start(args, fmt);
	vsnprintf(reason, sizeof(reason), fmt, args);
	va_end(args);
	pr_fatal("Unable to load %s %s: %s", what, path, reason);
	return err;
}

#define stream_error(s, err, ...) \
	image_error((s)->what, (s)->path, err, __VA_ARGS__)

static int stream_failed(const struct image_stream *s, int err)
{
	return stream_error(s, err, "%s", strerror(-err));
}

bool image_has_bytes(const u8 *data, u64 size, u64 offset, const char *magic,
		     size_t len)
{
	return range_within(offset, len, 0, size) &&
	       !memcmp(data + offset, magic, len);
}

/* Up to `len` bytes; fewer in *got only at the end of the file. */
static int read_full(int fd, u8 *dst, u64 len, u64 *got)
{
	u64 done = 0;

	while (done < len) {
		ssize_t n = read(fd, dst + done, MIN(len - done, MAX_CHUNK));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (!n)
			break;
		done += (u64)n;
	}
	*got = done;
	return 0;
}

/* Gets at least `want` bytes into s->buf, unless the input has no more. */
static int stream_fill(struct image_stream *s, size_t want)
{
	u64 len, got;
	int ret;

	if (s->buf_len >= want || s->eof)
		return 0;
	memmove(s->buf, s->buf + s->buf_pos, s->buf_len);
	s->buf_pos = 0;
	len = MIN(s->left, sizeof(s->buf) - s->buf_len);
	ret = read_full(s->fd, s->buf + s->buf_len, len, &got);
	if (ret)
		return stream_failed(s, ret);
	s->buf_len += got;
	s->left -= got;
	s->eof = got < len || !s->left;
	return 0;
}

static void stream_consume(struct image_stream *s, size_t len)
{
	s->buf_pos += len;
	s->buf_len -= len;
}

static int read_plain(struct image_stream *s, u8 *dst, u64 len, u64 *got)
{
	size_t buffered = MIN(len, s->buf_len);
	u64 direct = 0;
	int ret;

	memcpy(dst, s->buf + s->buf_pos, buffered);
	stream_consume(s, buffered);
	if (!s->eof) {
		ret = read_full(s->fd, dst + buffered,
				MIN(len - buffered, s->left), &direct);
		if (ret)
			return stream_failed(s, ret);
		s->left -= direct;
	}
	*got = buffered + direct;
	return 0;
}

/* What was read to tell formats apart comes first, then the file's rest. */
static ssize_t read_compressed(struct byte_source *source, void *buf,
			       size_t len)
{
	struct image_stream *s =
		container_of(source, struct image_stream, compressed);
	size_t n = MIN(len, s->buf_len);
	ssize_t got;

	if (n) {
		memcpy(buf, s->buf + s->buf_pos, n);
		stream_consume(s, n);
		return (ssize_t)n;
	}
	if (s->eof)
		return 0;
	got = read(s->fd, buf, MIN(len, s->left));
	if (got < 0)
		return -errno;
	s->left -= (u64)got;
	s->eof = !got || !s->left;
	return got;
}

/* What the readers' errors mean for the file. */
static int decompress_failed(const struct image_stream *s, int err)
{
	switch (err) {
	case -ENODATA:
		return stream_error(s, -EBADMSG,
				    "it is truncated: its %s data ends early",
				    s->compression);
	case -EBADMSG:
		return stream_error(s, err, "its %s data is corrupt",
				    s->compression);
	case -EOVERFLOW:
		return stream_error(s, -EBADMSG,
				    "to decompress it takes a window of more "
				    "than %lu MiB; compress it without --long",
				    ZSTD_WINDOW_MAX / SZ_1M);
	default:
		return stream_failed(s, err);
	}
}

static int read_decompressed(struct image_stream *s, u8 *dst, u64 len, u64 *got)
{
	size_t n;
	int ret;

	if (s->zstd)
		ret = zstd_read(s->zstd, dst, len, &n);
	else
		ret = gzip_read(s->gzip, dst, len, &n);
	if (ret)
		return decompress_failed(s, ret);
	*got = n;
	return 0;
}

int image_stream_read(struct image_stream *s, void *dst, u64 len, u64 *got)
{
	size_t buffered = MIN(len, s->head_len - s->head_used);
	u8 *rest = (u8 *)dst + buffered;
	u64 more = 0;
	int ret;

	memcpy(dst, s->head + s->head_used, buffered);
	s->head_used += buffered;
	if (s->compression)
		ret = read_decompressed(s, rest, len - buffered, &more);
	else
		ret = read_plain(s, rest, len - buffered, &more);
	if (!ret)
		*got = buffered + more;
	return ret;
}

static int gzip_begin(struct image_stream *s)
{
	int ret;

	s->compression = "gzip";
	s->compressed.read = read_compressed;
	ret = gzip_open_source(&s->compressed, &s->gzip);
	return ret ? stream_failed(s, ret) : 0;
}

static int zstd_begin(struct image_stream *s)
{
	int ret;

	s->compression = "zstd";
	s->compressed.read = read_compressed;
	ret = zstd_open_source(&s->compressed, &s->zstd);
	if (ret == -ENOTSUP)
		return stream_error(s, -ENOEXEC,
				    "it is compressed with zstd, and this lkvm "
				    "was built without libzstd; %s",
				    s->zboot ? "use arch/arm64/boot/Image"
					     : "decompress it with zstd -d");
	return ret ? stream_failed(s, ret) : 0;
}

/* The name is the file's: only what is harmless on a terminal is kept. */
static void zboot_compression(const u8 *header, char *name)
{
	const u8 *p = header + ZBOOT_COMPRESSION;
	size_t i;

	for (i = 0; i < MAX_COMPRESSION_NAME; i++) {
		if (!(p[i] >= 'a' && p[i] <= 'z') &&
		    !(p[i] >= '0' && p[i] <= '9'))
			break;
		name[i] = (char)p[i];
	}
	name[i] = '\0';
}

/* Discards `len` bytes of the file. */
static int stream_skip(struct image_stream *s, u64 len)
{
	while (len) {
		int ret = stream_fill(s, 1);
		size_t n = MIN(len, s->buf_len);

		if (ret)
			return ret;
		if (!n)
			return stream_error(
				s, -EBADMSG,
				"its payload lies outside the file");
		stream_consume(s, n);
		len -= n;
	}
	return 0;
}

/* Limits the stream to `size` bytes from `offset` on. */
static int stream_narrow(struct image_stream *s, u64 offset, u64 size)
{
	int ret;

	if (s->file_size && !range_within(offset, size, 0, s->file_size))
		return stream_error(s, -EBADMSG,
				    "its payload, %" PRIu64
				    " bytes at offset %" PRIu64
				    ", lies outside the file",
				    size, offset);
	ret = stream_skip(s, offset);
	if (ret)
		return ret;
	s->buf_len = MIN(s->buf_len, size);
	s->left = MIN(s->left, size - s->buf_len);
	s->eof = s->eof || !s->left;
	return 0;
}

static int zboot_begin(struct image_stream *s)
{
	const u8 *header = s->buf + s->buf_pos;
	char compression[MAX_COMPRESSION_NAME + 1];
	bool gzip;
	int ret;

	if (s->buf_len < ZBOOT_HEADER_SIZE)
		return stream_error(s, -EBADMSG,
				    "its EFI zboot header is truncated");
	zboot_compression(header, compression);
	gzip = !strcmp(compression, "gzip");
	if (!gzip && strcmp(compression, "zstd") &&
	    strcmp(compression, "zstd22"))
		return stream_error(s, -ENOEXEC,
				    "it is an EFI zboot image compressed with "
				    "%s, where only gzip and zstd are "
				    "supported; use arch/arm64/boot/Image",
				    *compression ? compression : "?");
	ret = stream_narrow(s, image_le32(header + ZBOOT_PAYLOAD_OFFSET),
			    image_le32(header + ZBOOT_PAYLOAD_SIZE));
	if (ret)
		return ret;
	s->zboot = true;
	return gzip ? gzip_begin(s) : zstd_begin(s);
}

/* Finds out what the content is wrapped in, and reads its first bytes. */
static int stream_begin(struct image_stream *s)
{
	u64 got;
	int ret = stream_fill(s, IMAGE_HEAD_SIZE);

	if (ret)
		return ret;
	if (!s->buf_len)
		return stream_error(s, -ENODATA, "it is empty");
	if (IMAGE_HAS(s->buf, s->buf_len, 0, "MZ") &&
	    IMAGE_HAS(s->buf, s->buf_len, ZBOOT_MAGIC, "zimg"))
		ret = zboot_begin(s);
	else if (IMAGE_HAS(s->buf, s->buf_len, 0, GZIP_MAGIC))
		ret = gzip_begin(s);
	else if (IMAGE_HAS(s->buf, s->buf_len, 0, ZSTD_FRAME_MAGIC))
		ret = zstd_begin(s);
	if (!ret)
		ret = image_stream_read(s, s->head, sizeof(s->head), &got);
	if (ret)
		return ret;
	if (!got)
		return stream_error(s, -ENODATA,
				    "there is nothing in its %s data",
				    s->compression);
	s->head_len = got;
	return 0;
}

int image_stream_open(struct boot_file *file, struct image_stream **out)
{
	struct image_stream *s = calloc(1, sizeof(*s));
	int ret;

	if (!s) {
		image_error(file->what, file->path, -ENOMEM, "%s",
			    strerror(ENOMEM));
		return -ENOMEM;
	}
	s->path = file->path;
	s->what = file->what;
	s->fd = file->fd;
	s->file_size = file->part.size ? file->part.size : file->size;
	s->left = s->file_size;
	ret = boot_file_rewind(file);
	if (!ret)
		ret = stream_begin(s);
	if (ret) {
		image_stream_close(s);
		return ret;
	}
	*out = s;
	return 0;
}

void image_stream_close(struct image_stream *s)
{
	if (!s)
		return;
	gzip_close(s->gzip);
	zstd_close(s->zstd);
	free(s);
}

/* Up to `limit` bytes of the stream go to `fd`. */
static int stream_copy(struct image_stream *s, int fd, u64 limit, u64 *size)
{
	u8 *buf = malloc(SZ_64K);
	u64 got = 1;
	int ret = buf ? 0 : -ENOMEM;

	*size = 0;
	if (ret)
		stream_failed(s, ret);
	while (!ret && got && *size < limit) {
		ret = image_stream_read(s, buf, MIN(limit - *size, SZ_64K),
					&got);
		if (ret)
			break;
		ret = write_full(fd, buf, got);
		if (ret)
			stream_failed(s, ret);
		*size += got;
	}
	free(buf);
	return ret;
}

static int unpack(struct boot_file *file, u64 limit)
{
	struct image_stream *s = NULL;
	int fd = memfd_create(file->what, MFD_CLOEXEC);
	int ret = fd < 0 ? -errno : 0;
	u64 size = 0;

	if (ret)
		return image_error(file->what, file->path, ret, "%s",
				   strerror(-ret));
	ret = image_stream_open(file, &s);
	if (!ret)
		ret = stream_copy(s, fd, MIN(limit, UINT64_MAX - 1) + 1, &size);
	if (!ret)
		ret = boot_file_check(file);
	image_stream_close(s);
	if (ret)
		close(fd);
	else
		boot_file_replace(file, fd, size);
	return ret;
}

int image_unpack(struct boot_file *file, u64 limit)
{
	u8 magic[4];
	int ret;

	if (file->size < sizeof(magic))
		return 0;
	ret = boot_file_read(file, 0, magic, sizeof(magic));
	if (ret || (!IMAGE_HAS(magic, sizeof(magic), 0, GZIP_MAGIC) &&
		    !IMAGE_HAS(magic, sizeof(magic), 0, ZSTD_FRAME_MAGIC)))
		return ret;
	return unpack(file, limit);
}

int file_load(struct boot_file *file, void *dst, u64 capacity, u64 *loaded)
{
	u64 got = 0, more = 0;
	u8 byte;
	int ret = boot_file_rewind(file);

	if (ret)
		return ret;
	if (file->size <= capacity)
		ret = read_full(file->fd, dst, capacity, &got);
	if (!ret && got == capacity)
		ret = read_full(file->fd, &byte, 1, &more);
	if (ret)
		return image_error(file->what, file->path, ret, "%s",
				   strerror(-ret));
	ret = boot_file_check(file);
	if (ret)
		return ret;
	if (more || file->size > capacity)
		return image_error(file->what, file->path, -EFBIG,
				   "it does not fit: it has at least %" PRIu64
				   " bytes, and %" PRIu64
				   " bytes of memory are free",
				   MAX(file->size, got + more), capacity);
	if (!got)
		return image_error(file->what, file->path, -ENODATA,
				   "it is empty");
	*loaded = got;
	return 0;
}
