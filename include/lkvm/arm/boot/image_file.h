/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The content of a kernel file, whatever it is wrapped in: private to
 * arm/boot/image*.c, others use image.h.
 *
 * A file is read front to back. Bytes that are not compressed are read straight
 * to where they belong, compressed ones are decompressed straight to there.
 */
#ifndef LKVM_ARM_BOOT_IMAGE_FILE_H
#define LKVM_ARM_BOOT_IMAGE_FILE_H

#include "lkvm/arm/boot/boot_file.h"
#include "lkvm/util/gzip.h"
#include "lkvm/util/zstd.h"

/* Enough to tell all formats apart: PE headers lie in the first kilobyte. */
#define IMAGE_HEAD_SIZE SZ_4K
#define IMAGE_BUF_SIZE	SZ_4K

/*
 * A kernel file, taken out of what it is wrapped in: nothing, gzip, zstd, or
 * the EFI zboot format with one of these. For one thread at a time.
 */
struct image_stream {
	const char *path;
	const char *what;
	u64 file_size;
	bool zboot;
	const char *compression;  /* "gzip" or "zstd"; NULL: none */
	size_t head_len;	  /* up to IMAGE_HEAD_SIZE, at least 1 */
	u8 head[IMAGE_HEAD_SIZE]; /* how the content begins */

	/* Private from here on. */
	size_t head_used;
	int fd;			  /* the boot_file's */
	u64 left;		  /* bytes that may still be read from fd */
	bool eof;		  /* nothing more will come from fd */
	struct gzip_reader *gzip; /* one of these two, if it is compressed */
	struct zstd_reader *zstd;
	struct byte_source compressed; /* what they read */
	size_t buf_pos;		       /* bytes read from fd and not used yet */
	size_t buf_len;
	u8 buf[IMAGE_BUF_SIZE];
};

/*
 * Reads what the content of *file begins with, which stays the caller's and
 * outlives the stream, the only one of it at a time.
 *
 * Returns 0 with the stream, which the caller owns, in *out; the error of
 * boot_file_rewind(); the errno of a failed read; -ENODATA for a file without
 * content; -ENOEXEC if the compression is not supported; -EBADMSG if it is
 * truncated or corrupt; -ENOMEM.
 */
int image_stream_open(struct boot_file *file, struct image_stream **out);

/*
 * Reads on, from the start of the content after image_stream_open(). Returns 0
 * with the bytes written to `dst` in *got, fewer than `len` only at the end;
 * -EBADMSG if the file is truncated or corrupt; -ENOMEM; or the errno of a
 * failed read.
 */
int image_stream_read(struct image_stream *s, void *dst, u64 len, u64 *got);

/* Frees the stream; NULL is fine. */
void image_stream_close(struct image_stream *s);

/* Prints why the file cannot be loaded, as a fatal message. Returns `err`. */
int image_error(const char *what, const char *path, int err, const char *fmt,
		...) __printf(4, 5);

/*
 * True if the `len` bytes `magic` are at `offset` of the `size` bytes at
 * `data`.
 */
bool image_has_bytes(const u8 *data, u64 size, u64 offset, const char *magic,
		     size_t len);

/* The same with a string literal, whose terminating NUL does not count. */
#define IMAGE_HAS(data, size, offset, magic) \
	image_has_bytes(data, size, offset, magic, sizeof(magic) - 1)

/* RFC 1952, 2.3.1: ID1, ID2 */
#define GZIP_MAGIC "\x1f\x8b"

/* Linux drivers/firmware/efi/libstub/zboot-header.S: where "zimg" is */
#define ZBOOT_MAGIC 0x04

/* Fields of headers, unaligned. */
static inline u32 image_le32(const u8 *p)
{
	return p[0] | (u32)p[1] << 8 | (u32)p[2] << 16 | (u32)p[3] << 24;
}

static inline u64 image_le64(const u8 *p)
{
	return image_le32(p) | (u64)image_le32(p + 4) << 32;
}

#endif
