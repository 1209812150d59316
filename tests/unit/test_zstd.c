/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: util/zstd.c */
/* Reading zstd's frames, wherever they end and however they come. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include <cmocka.h>

#include "lkvm/util/zstd.h"

#define SIZE 400000

/* Compressed bytes, `most` at a time. */
struct memory {
	struct byte_source source;
	u8 *data;
	size_t len, pos, most;
	int fail; /* what the read after the last byte returns */
	unsigned int eintr;
};

static u8 content[SIZE], found[SIZE + 1];

static ssize_t read_memory(struct byte_source *source, void *buf, size_t len)
{
	struct memory *m = container_of(source, struct memory, source);
	size_t left = MIN(m->most, m->len - m->pos);
	size_t n = MIN(len, left);

	if (++m->eintr % 3 == 0)
		return -EINTR;
	if (!n && m->fail)
		return m->fail;
	memcpy(buf, m->data + m->pos, n);
	m->pos += n;
	return (ssize_t)n;
}

static int setup(void **state)
{
	struct memory *m = calloc(1, sizeof(*m));

	for (size_t i = 0; i < SIZE; i++)
		content[i] = (u8)(i * i >> 9);
	m->source.read = read_memory;
	m->most = SIZE_MAX;
	*state = m;
	return 0;
}

static int teardown(void **state)
{
	struct memory *m = *state;

	free(m->data);
	free(m);
	return 0;
}

static void append(struct memory *m, const void *data, size_t len)
{
	m->data = realloc(m->data, m->len + len);
	memcpy(m->data + m->len, data, len);
	m->len += len;
}

/* Adds a frame of the content's bytes [from, to). */
static void append_frame(struct memory *m, size_t from, size_t to, int checksum)
{
	size_t room = ZSTD_compressBound(to - from), n;
	ZSTD_CCtx *c = ZSTD_createCCtx();
	u8 *out = malloc(room);

	ZSTD_CCtx_setParameter(c, ZSTD_c_checksumFlag, checksum);
	n = ZSTD_compress2(c, out, room, content + from, to - from);
	assert_false(ZSTD_isError(n));
	append(m, out, n);
	free(out);
	ZSTD_freeCCtx(c);
}

/* All of the source, `piece` bytes at a time. */
static int read_all(struct memory *m, size_t piece, size_t *total)
{
	struct zstd_reader *reader;
	size_t got = piece;
	int ret;

	m->pos = 0;
	*total = 0;
	assert_int_equal(zstd_open_source(&m->source, &reader), 0);
	do {
		ret = zstd_read(reader, found + *total,
				MIN(piece, sizeof(found) - *total), &got);
		*total += ret ? 0 : got;
	} while (!ret && got == piece);
	zstd_close(reader);
	return ret;
}

static void assert_content(struct memory *m, size_t piece)
{
	size_t total;

	memset(found, 0, sizeof(found));
	assert_int_equal(read_all(m, piece, &total), 0);
	assert_int_equal(total, SIZE);
	assert_memory_equal(found, content, SIZE);
}

static void pieces(void **state)
{
	static const size_t sizes[] = { 1, 3, 1000, SIZE_MAX };
	struct memory *m = *state;

	append_frame(m, 0, SIZE, 0);
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		m->most = sizes[i];
		assert_content(m, 777);
		assert_content(m, SIZE_MAX);
	}
}

/* One frame behind the other, one to be skipped, an empty one, and garbage. */
static void frames(void **state)
{
	static const u8 skipped[] = { 0x5a, 0x2a, 0x4d, 0x18, 3,  0,
				      0,    0,	  'a',	'b',  'c' };
	struct memory *m = *state;

	append_frame(m, 0, 1000, 1);
	append(m, skipped, sizeof(skipped));
	append_frame(m, 0, 0, 0);
	append_frame(m, 1000, SIZE, 0);
	assert_content(m, SIZE + 1);
	/* As Linux's build puts the size behind a payload. */
	append(m, "\x80\x1a\x06\x00", 4);
	append(m, skipped, sizeof(skipped));
	assert_content(m, SIZE + 1);
	m->most = 1;
	assert_content(m, SIZE + 1);
}

/* What has been decompressed is held back by no missing byte. */
static void truncated(void **state)
{
	struct memory *m = *state;
	size_t full, total;

	append_frame(m, 0, SIZE, 1);
	full = m->len;
	for (m->len = 0; m->len < full; m->len += m->len < 40 ? 1 : full / 50) {
		assert_int_equal(read_all(m, SIZE + 1, &total), -ENODATA);
		m->fail = -EIO;
		assert_int_equal(read_all(m, SIZE + 1, &total), -EIO);
		m->fail = 0;
	}
	m->len = full - 1;
	assert_int_equal(read_all(m, SIZE + 1, &total), -ENODATA);
	m->len = full;
	assert_content(m, SIZE + 1);
}

static void corrupt(void **state)
{
	struct memory *m = *state;
	size_t total;

	append_frame(m, 0, SIZE, 1);
	m->data[m->len - 1] ^= 1;
	assert_int_equal(read_all(m, SIZE + 1, &total), -EBADMSG);
	m->data[m->len - 1] ^= 1;
	m->data[0] ^= 1;
	assert_int_equal(read_all(m, SIZE + 1, &total), -EBADMSG);
}

/* RFC 8878, 3.1.1.1.2: a window descriptor that asks for 2^(10 + n) bytes. */
static void assert_window(struct memory *m, unsigned int log, int want)
{
	u8 frame[] = { 0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x00, 0x09, 0, 0, 'x' };
	size_t total;

	frame[5] = (u8)((log - 10) << 3);
	m->len = 0;
	append(m, frame, sizeof(frame));
	assert_int_equal(read_all(m, SIZE, &total), want);
	assert_int_equal(total, !want);
}

static void windows(void **state)
{
	struct memory *m = *state;

	assert_window(m, 10, 0);
	assert_window(m, ZSTD_WINDOW_MAX_LOG, 0);
	assert_window(m, ZSTD_WINDOW_MAX_LOG + 1, -EOVERFLOW);
	assert_window(m, 41, -EOVERFLOW);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(pieces),  TEST(frames),  TEST(truncated),
		TEST(corrupt), TEST(windows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
