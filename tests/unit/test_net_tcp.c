/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: net/checksum.c net/tcp.c net/tcp_split.c net/tcp_merge.c */
/* SOURCES: util/iov.c */
/*
 * Checksums and segments that guests leave undone, and segments that are made
 * one for them: against sums and headers that are made here in another way, and
 * one against the other.
 */
#include <endian.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lkvm/util/iov.h"
#include "net/tcp.h"

#define F(name)	 BIT(VIRTIO_NET_F_##name)
#define ALL	 (F(GUEST_CSUM) | F(GUEST_TSO4) | F(GUEST_TSO6))
#define PASST	 65535U
#define MSS	 1448U
#define OPTIONS	 12U /* bytes of TCP options, if there are any */
#define FLAG_ACK 0x10
#define FLAG_PSH 0x08
#define FLAG_FIN 0x01
#define FLAG_CWR 0x80

static u32 seed;

static u32 random_u32(void)
{
	seed = seed * 1664525 + 1013904223;
	return seed >> 8;
}

/* ---- Frames -------------------------------------------------------------- */

struct shape {
	bool six, options;
};

static const struct shape shapes[] = {
	{ false, false }, { false, true }, { true, false }, { true, true }
};

static u32 tcp_at(struct shape shape)
{
	return shape.six ? 54 : 34;
}

static u32 head_size(struct shape shape)
{
	return tcp_at(shape) + 20 + (shape.options ? OPTIONS : 0);
}

/* Byte by byte, big-endian. */
static u32 plain_sum(const u8 *data, u32 len, u32 sum)
{
	for (u32 i = 0; i < len; i++)
		sum += i % 2 ? data[i] : (u32)data[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

static u32 pseudo_sum(const u8 *frame, u32 len, struct shape shape)
{
	u32 n = len - tcp_at(shape);

	return shape.six ? plain_sum(frame + 22, 32, n + 6)
			 : plain_sum(frame + 26, 8, n + 6);
}

/* All headers are complete and true. */
static void check_frame(const u8 *frame, u32 len, struct shape shape)
{
	u32 tcp = tcp_at(shape);

	if (shape.six) {
		assert_int_equal(get_be16(frame + 18), len - 54);
	} else {
		assert_int_equal(get_be16(frame + 16), len - 14);
		assert_int_equal(plain_sum(frame + 14, 20, 0), 0xffff);
	}
	assert_int_equal(plain_sum(frame + tcp, len - tcp,
				   pseudo_sum(frame, len, shape)),
			 0xffff);
}

/* The data is a function of where it is in the stream. */
static void fill(u8 *data, u32 len, u32 seq)
{
	for (u32 i = 0; i < len; i++)
		data[i] = (u8)((seq + i) * 2654435761U >> 21);
}

/* A complete one, as passt would send it; returns its length. */
static u32 make_frame(u8 *frame, struct shape shape, u32 seq, u32 n, u8 flags)
{
	u32 tcp = tcp_at(shape), size = head_size(shape), len = size + n;
	u8 *ip = frame + 14;

	memset(frame, 0x11, size);
	put_be16(frame + 12, shape.six ? 0x86dd : 0x0800);
	ip[0] = shape.six ? 0x60 : 0x45;
	if (shape.six) {
		put_be16(ip + 4, len - 54);
		ip[6] = 6;
	} else {
		put_be16(ip + 2, len - 14);
		put_be16(ip + 4, seq / MSS);
		put_be16(ip + 6, 0x4000);
		ip[9] = 6;
		put_be16(ip + 10, 0);
		put_be16(ip + 10, ~plain_sum(ip, 20, 0));
	}
	put_be32(frame + tcp + 4, seq);
	frame[tcp + 12] = (u8)((size - tcp) * 4);
	frame[tcp + 13] = flags;
	put_be16(frame + tcp + 16, 0);
	fill(frame + size, n, seq);
	put_be16(frame + tcp + 16, ~plain_sum(frame + tcp, len - tcp,
					      pseudo_sum(frame, len, shape)));
	check_frame(frame, len, shape);
	return len;
}

/* As a guest has it: lengths are of no use, and there is half a checksum. */
static struct virtio_net_hdr_v1 undo(u8 *frame, u32 len, struct shape shape)
{
	u32 tcp = tcp_at(shape);

	put_be16(frame + tcp + 16, pseudo_sum(frame, len, shape));
	return (struct virtio_net_hdr_v1) {
		.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
		.csum_start = htole16((u16)tcp),
		.csum_offset = htole16(16),
	};
}

static struct virtio_net_hdr_v1 undo_segments(u8 *frame, u32 len,
					      struct shape shape)
{
	struct virtio_net_hdr_v1 header = undo(frame, len, shape);

	put_be16(frame + (shape.six ? 18 : 16), 0);
	put_be16(frame + tcp_at(shape) + 16, 0xabcd);
	header.gso_type = shape.six ? VIRTIO_NET_HDR_GSO_TCPV6
				    : VIRTIO_NET_HDR_GSO_TCPV4;
	header.gso_size = htole16(MSS);
	return header;
}

/* ---- Splitting ----------------------------------------------------------- */

static struct tcp_split split;
static u8 out[8][70000];
static u32 out_len[8];

static u32 cut(struct iovec *iov, u8 *data, u32 len, u32 each)
{
	u32 count = 0;

	for (u32 done = 0; done < len; done += each)
		iov[count++] =
			(struct iovec) { data + done, MIN(each, len - done) };
	return count;
}

/* Returns how many there are, or -errno. */
static int take_all(const struct virtio_net_hdr_v1 *header, u8 *data, u32 len,
		    u32 each, u32 max)
{
	struct iovec in[NET_MAX_IOV], iov[NET_MAX_IOV + 1];
	u32 count = cut(in, data, len, each), n;
	int ret = tcp_split_begin(&split, header, in, count, len, max);
	int frames = 0;

	if (ret)
		return ret;
	while ((n = tcp_split_next(&split, iov, &len))) {
		assert_true(frames < 8);
		assert_true(n <= NET_MAX_IOV + 1);
		assert_int_equal(iov_length(iov, n), len);
		assert_true(len <= max);
		iov_read(iov, n, 0, out[frames], len);
		out_len[frames++] = len;
	}
	return frames;
}

static u8 frame[70000], copy[70000];

static void as_it_is(void **state)
{
	struct virtio_net_hdr_v1 header = { .csum_start = 3, .gso_size = 9 };

	(void)state;
	fill(frame, PASST + 1, 5);
	for (u32 len = 14; len <= PASST; len += len < 100 ? 1 : 4093) {
		assert_int_equal(take_all(&header, frame, len, 511, PASST), 1);
		assert_int_equal(out_len[0], len);
		assert_memory_equal(out[0], frame, len);
	}
	assert_int_equal(take_all(&header, frame, PASST + 1, 511, PASST),
			 -EMSGSIZE);
}

/* Wherever buffers end, also within the headers and the checksum. */
static void checksums(void **state)
{
	(void)state;
	for (u32 i = 0; i < 4; i++)
		for (u32 n = 0; n < 300; n += 7)
			for (u32 each = 2; each < 70; each++) {
				u32 len = make_frame(frame, shapes[i], n, n,
						     FLAG_ACK);
				struct virtio_net_hdr_v1 header;

				memcpy(copy, frame, len);
				header = undo(frame, len, shapes[i]);
				assert_int_equal(take_all(&header, frame, len,
							  each, PASST),
						 1);
				assert_int_equal(out_len[0], len);
				assert_memory_equal(out[0], copy, len);
			}
}

/* In UDP 0 means that there is none. */
static void checksum_of_zero(void **state)
{
	struct virtio_net_hdr_v1 header = {
		.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
		.csum_start = htole16(34),
		.csum_offset = htole16(6),
	};

	(void)state;
	memset(frame, 0, 60);
	frame[34] = frame[35] = 0xff;
	assert_int_equal(take_all(&header, frame, 60, 60, PASST), 1);
	assert_int_equal(get_be16(out[0] + 40), 0xffff);
}

/* Of no protocol: the same sum, wherever it goes. */
static void checksum_at_an_odd_place(void **state)
{
	struct virtio_net_hdr_v1 header = {
		.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
		.csum_start = htole16(34),
		.csum_offset = htole16(7),
	};

	(void)state;
	fill(frame, 100, 3);
	memcpy(copy, frame, 100);
	put_be16(copy + 41, ~plain_sum(frame + 34, 66, 0));
	assert_int_equal(take_all(&header, frame, 100, 9, PASST), 1);
	assert_memory_equal(out[0], copy, 100);
}

static void segments_in_one(void **state)
{
	(void)state;
	for (u32 i = 0; i < 4; i++)
		for (u32 n = 0; n < 65000; n += 1 + n / 2) {
			const u8 flags = FLAG_ACK | FLAG_PSH | FLAG_CWR;
			u32 len = make_frame(frame, shapes[i], 77, n, flags);
			struct virtio_net_hdr_v1 header;

			memcpy(copy, frame, len);
			header = undo_segments(frame, len, shapes[i]);
			assert_int_equal(
				take_all(&header, frame, len, 1001, PASST), 1);
			assert_int_equal(out_len[0], len);
			assert_memory_equal(out[0], copy, len);
		}
}

/* One that is too long for passt, and one for which little is. */
static void segments_in_several(void **state)
{
	const u32 maxima[] = { PASST, 20000 };

	(void)state;
	for (u32 i = 0; i < 8; i++) {
		const u8 last = FLAG_ACK | FLAG_PSH | FLAG_FIN;
		struct shape shape = shapes[i % 4];
		u32 head = head_size(shape), n = 65500, done = 0;
		u32 len = head + n, max = maxima[i / 4];
		u32 room = (max - head) / MSS * MSS;
		struct virtio_net_hdr_v1 header;
		int frames;

		make_frame(frame, shape, UINT32_MAX - 999, 100,
			   last | FLAG_CWR);
		fill(frame + head, n, UINT32_MAX - 999);
		header = undo_segments(frame, len, shape);
		frames = take_all(&header, frame, len, 4096, max);
		assert_int_equal(frames, (n + room - 1) / room);
		for (int j = 0; j < frames; j++) {
			u32 part = MIN(room, n - done);
			u8 flags = j + 1 == frames ? last : FLAG_ACK;

			if (!j)
				flags |= FLAG_CWR;
			make_frame(copy, shape, done - 1000, part, flags);
			if (!shape.six) {
				put_be16(copy + 18,
					 get_be16(frame + 18) + done / MSS);
				put_be16(copy + 24, 0);
				put_be16(copy + 24,
					 ~plain_sum(copy + 14, 20, 0));
			}
			assert_int_equal(out_len[j], head + part);
			assert_memory_equal(out[j], copy, head + part);
			done += part;
		}
		assert_int_equal(done, n);
	}
}

static void expect_refused(struct virtio_net_hdr_v1 header, u32 len)
{
	assert_int_equal(take_all(&header, frame, len, 1001, PASST), -EINVAL);
}

/* Headers that do not fit what is behind them. */
static void refused(void **state)
{
	const struct shape shape = { false, false };
	u32 len = make_frame(frame, shape, 1, 4000, FLAG_ACK);
	struct virtio_net_hdr_v1 good = undo_segments(frame, len, shape), bad;

	(void)state;
	assert_int_equal(take_all(&good, frame, len, 1001, PASST), 1);
	bad = good, bad.flags = 0;
	expect_refused(bad, len);
	bad = good, bad.gso_size = 0;
	expect_refused(bad, len);
	bad = good, bad.gso_size = htole16(65500);
	expect_refused(bad, len);
	bad = good, bad.gso_type = VIRTIO_NET_HDR_GSO_TCPV6;
	expect_refused(bad, len);
	bad = good, bad.csum_start = htole16(38);
	expect_refused(bad, len);
	bad = good, bad.csum_start = htole16(30);
	expect_refused(bad, len);
	bad = good, bad.csum_offset = htole16(6);
	expect_refused(bad, len);
	bad = good, bad.csum_start = bad.csum_offset = 0xffff;
	expect_refused(bad, len);
	expect_refused(good, 53);
	expect_refused(good, 51);
	expect_refused(good, 14);
	bad = good, bad.gso_type = 0, bad.csum_start = htole16(240);
	expect_refused(bad, len);
	frame[34 + 12] = 0x40;
	expect_refused(good, len);
	frame[34 + 12] = 0xf0;
	expect_refused(good, 90);
	frame[34 + 12] = 0x50;
	frame[14] = 0x46;
	expect_refused(good, len);
	frame[14] = 0x45;
	frame[12] = 0x86;
	expect_refused(good, len);
}

/* Whatever it says: the buffers, which end with memory, are all that is read.
 */
static void hostile_headers(void **state)
{
	(void)state;
	for (u32 i = 0; i < 100000; i++) {
		u32 len = 14 + random_u32() % 300;
		u8 *data = malloc(len);
		struct virtio_net_hdr_v1 header = {
			.flags = (u8)random_u32(),
			.gso_type = (u8)(random_u32() % 6),
			.gso_size = (u16)(random_u32() % 400),
			.csum_start = (u16)(random_u32() % 300),
			.csum_offset = (u16)(random_u32() % 2 ? 16 : i % 300),
		};

		make_frame(frame, shapes[i % 4], i, 300, (u8)i);
		if (random_u32() % 4)
			header.csum_start = htole16((u16)tcp_at(shapes[i % 4]));
		memcpy(data, frame, len);
		data[random_u32() % len] = (u8)random_u32();
		take_all(&header, data, len, 61, 16384);
		free(data);
	}
}

/* ---- Merging ------------------------------------------------------------- */

static struct tcp_merge merge;

/* A burst of `n` segments, with the last of `last` bytes, becomes one. */
static u32 merge_burst(u8 *data, struct shape shape, u32 n, u32 last)
{
	for (u32 i = 0; i < n; i++) {
		u32 len = make_frame(frame, shape, i * MSS,
				     i + 1 < n ? MSS : last, FLAG_ACK);

		if (!i) {
			memcpy(data, frame, len);
			tcp_merge_begin(&merge, data, len, ALL);
		} else {
			assert_true(tcp_merge_add(&merge, frame, len));
		}
	}
	return head_size(shape) + (n - 1) * MSS + last;
}

/* The guest can make of it what it was made of. */
static void burst(void **state)
{
	static u8 data[70000];

	(void)state;
	for (u32 i = 0; i < 16; i++) {
		const u32 last = i < 8 ? MSS : 1 + i;
		struct shape shape = shapes[i % 4];
		u32 head = head_size(shape), n = 2 + i % 8 / 4 * 6;
		u32 len = merge_burst(data, shape, n, last);
		struct virtio_net_hdr_v1 header;

		tcp_merge_end(&merge, &header);
		assert_int_equal(merge.len, len);
		assert_int_equal(header.flags, VIRTIO_NET_HDR_F_NEEDS_CSUM);
		assert_int_equal(header.gso_type,
				 shape.six ? VIRTIO_NET_HDR_GSO_TCPV6
					   : VIRTIO_NET_HDR_GSO_TCPV4);
		assert_int_equal(le16toh(header.hdr_len), head);
		assert_int_equal(le16toh(header.gso_size), MSS);
		assert_int_equal(le16toh(header.csum_start), tcp_at(shape));
		assert_int_equal(le16toh(header.csum_offset), 16);
		assert_int_equal(get_be16(data + tcp_at(shape) + 16),
				 pseudo_sum(data, len, shape));
		assert_int_equal(take_all(&header, data, len, 4096, head + MSS),
				 n);
		for (u32 j = 0; j < n; j++) {
			u32 want = make_frame(frame, shape, j * MSS,
					      j + 1 < n ? MSS : last, FLAG_ACK);

			assert_int_equal(out_len[j], want);
			assert_memory_equal(out[j], frame, want);
		}
	}
}

static void begin(struct shape shape, u64 features)
{
	u32 len = make_frame(copy, shape, 0, MSS, FLAG_ACK);

	tcp_merge_begin(&merge, copy, len, features);
}

static bool add(struct shape shape, u32 seq, u32 n, u8 flags)
{
	u32 len = make_frame(frame, shape, seq, n, flags);

	return tcp_merge_add(&merge, frame, len);
}

static void expect_alone(void)
{
	static const struct virtio_net_hdr_v1 zero;
	struct virtio_net_hdr_v1 header;
	u32 len = merge.len;
	u8 *before = malloc(len);

	memcpy(before, merge.data, len);
	tcp_merge_end(&merge, &header);
	assert_memory_equal(&header, &zero, sizeof(zero));
	assert_int_equal(merge.len, len);
	assert_memory_equal(merge.data, before, len);
	free(before);
}

/* What the guest has not asked for, and what does not follow. */
static void not_merged(void **state)
{
	(void)state;
	for (u32 i = 0; i < 4; i++) {
		struct shape shape = shapes[i];

		begin(shape, 0);
		assert_false(add(shape, MSS, MSS, FLAG_ACK));
		begin(shape, F(GUEST_CSUM));
		assert_false(add(shape, MSS, MSS, FLAG_ACK));
		begin(shape, ALL & ~F(GUEST_CSUM));
		assert_false(add(shape, MSS, MSS, FLAG_ACK));
		begin(shape,
		      ALL & ~(shape.six ? F(GUEST_TSO6) : F(GUEST_TSO4)));
		assert_false(add(shape, MSS, MSS, FLAG_ACK));
		begin(shape, ALL);
		assert_false(add(shape, MSS - 1, MSS, FLAG_ACK));
		assert_false(add(shape, MSS + 1, MSS, FLAG_ACK));
		assert_false(add(shape, MSS, MSS + 1, FLAG_ACK));
		assert_false(add(shape, MSS, 0, FLAG_ACK));
		for (u32 flags = 0; flags < 256; flags++)
			if ((flags & ~FLAG_PSH) != FLAG_ACK)
				assert_false(add(shape, MSS, MSS, (u8)flags));
		assert_false(add(shapes[i ^ 1], MSS, MSS, FLAG_ACK));
		assert_false(add(shapes[i ^ 2], MSS, MSS, FLAG_ACK));
		expect_alone();
		assert_true(add(shape, MSS, MSS - 1, FLAG_ACK));
		assert_false(add(shape, 2 * MSS - 1, 1, FLAG_ACK));
	}
}

/* First frames that are something else. */
static void not_begun(void **state)
{
	(void)state;
	for (u32 i = 0; i < 4; i++) {
		u32 len = make_frame(copy, shapes[i], 0, MSS, FLAG_ACK);

		for (u32 flags = 0; flags < 256; flags++) {
			if ((flags & ~FLAG_PSH) == FLAG_ACK)
				continue;
			copy[tcp_at(shapes[i]) + 13] = (u8)flags;
			tcp_merge_begin(&merge, copy, len, ALL);
			assert_false(add(shapes[i], MSS, MSS, FLAG_ACK));
			expect_alone();
		}
		copy[tcp_at(shapes[i]) + 13] = FLAG_ACK;
		for (u32 n = 14; n < len; n += n < 80 ? 1 : 100) {
			tcp_merge_begin(&merge, copy, n, ALL);
			assert_false(add(shapes[i], MSS, MSS, FLAG_ACK));
			expect_alone();
		}
	}
}

/* Bytes of the second frame's headers that may be others. */
static bool may_differ(u32 at, struct shape shape)
{
	u32 tcp = tcp_at(shape);

	if (!shape.six && ((at >= 18 && at < 20) || (at >= 24 && at < 26)))
		return true;
	return at >= tcp + 14 && at < tcp + 20;
}

static void each_byte(void **state)
{
	(void)state;
	for (u32 i = 0; i < 4; i++)
		for (u32 at = 0; at < head_size(shapes[i]); at++) {
			u32 len = make_frame(frame, shapes[i], MSS, MSS,
					     FLAG_ACK);

			begin(shapes[i], ALL);
			frame[at] ^= 0x40;
			assert_int_equal(tcp_merge_add(&merge, frame, len),
					 may_differ(at, shapes[i]));
		}
}

/* What the last has said is what the guest gets to know. */
static void latest(void **state)
{
	struct virtio_net_hdr_v1 header;

	(void)state;
	begin(shapes[0], ALL);
	make_frame(frame, shapes[0], MSS, 10, FLAG_ACK | FLAG_PSH);
	put_be16(frame + 34 + 14, 0x4321);
	assert_true(tcp_merge_add(&merge, frame, head_size(shapes[0]) + 10));
	tcp_merge_end(&merge, &header);
	assert_int_equal(copy[34 + 13], FLAG_ACK | FLAG_PSH);
	assert_int_equal(get_be16(copy + 34 + 14), 0x4321);
	assert_int_equal(get_be16(copy + 16), 20 + 20 + MSS + 10);
}

/* The length of IP has 16 bits; sequence numbers have 32. */
static void longest(void **state)
{
	static u8 data[70000];

	(void)state;
	for (u32 i = 0; i < 4; i++) {
		u32 seq = UINT32_MAX - 5000, n = 1;
		u32 len = make_frame(data, shapes[i], seq, MSS, FLAG_ACK);

		tcp_merge_begin(&merge, data, len, ALL);
		while (add(shapes[i], seq + n * MSS, MSS, FLAG_ACK))
			n++;
		assert_true(merge.len <= 14 + 65535);
		assert_true(merge.len + MSS > 14 + 65535);
		n = 14 + 65535 - merge.len;
		assert_false(add(shapes[i],
				 seq + merge.len - head_size(shapes[i]), n + 1,
				 FLAG_ACK));
		assert_true(add(shapes[i],
				seq + merge.len - head_size(shapes[i]), n,
				FLAG_ACK));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(as_it_is),
		cmocka_unit_test(checksums),
		cmocka_unit_test(checksum_of_zero),
		cmocka_unit_test(checksum_at_an_odd_place),
		cmocka_unit_test(segments_in_one),
		cmocka_unit_test(segments_in_several),
		cmocka_unit_test(refused),
		cmocka_unit_test(hostile_headers),
		cmocka_unit_test(burst),
		cmocka_unit_test(not_merged),
		cmocka_unit_test(not_begun),
		cmocka_unit_test(each_byte),
		cmocka_unit_test(latest),
		cmocka_unit_test(longest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
