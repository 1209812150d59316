/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>

#include "blk_model.h"

#define SECTOR	    512U
#define HEADER	    16U
#define RANGE	    16U
#define MAX_RANGES  16U
#define MAX_SECTORS 0x400000U
#define NO_STATUS   0xffU /* no request at all */

struct model model;

/* What is expected, and what is known of the request. */
static struct {
	u8 ram[MODEL_RAM], disk[MODEL_DISK];
	u8 out[BLK_QUEUE_SIZE * MODEL_RAM]; /* header and data */
	size_t out_len, in_len;
	const struct iovec *in;
	struct iovec iov[BLK_QUEUE_SIZE];
	u32 nr_in;
	u8 status;
} rq;

/* ---- The disk ------------------------------------------------------------ */

static u8 *checked(struct disk *disk, u64 offset, u64 len)
{
	require(offset <= disk->size && len <= disk->size - offset && len);
	require(offset % SECTOR == 0 && len % SECTOR == 0);
	return model.disk + offset;
}

static int transfer(struct disk *disk, struct iovec *iov, u32 count, u64 offset,
		    bool write)
{
	u64 len = 0;
	u8 *at;

	for (u32 i = 0; i < count; i++)
		len += iov[i].iov_len;
	at = checked(disk, offset, len);
	for (u32 i = 0; i < count; i++) {
		memmove(write ? at : iov[i].iov_base,
			write ? iov[i].iov_base : at, iov[i].iov_len);
		at += iov[i].iov_len;
	}
	return 0;
}

static int disk_op_read(struct disk *disk, struct iovec *iov, u32 count,
			u64 offset)
{
	return transfer(disk, iov, count, offset, false);
}

static int disk_op_write(struct disk *disk, struct iovec *iov, u32 count,
			 u64 offset)
{
	require(!disk->readonly);
	return transfer(disk, iov, count, offset, true);
}

static int disk_op_flush(struct disk *disk)
{
	(void)disk;
	return 0;
}

static int disk_op_discard(struct disk *disk, u64 offset, u64 len)
{
	require(!disk->readonly);
	memset(checked(disk, offset, len), 0xdd, len);
	return 0;
}

static int disk_op_zero(struct disk *disk, u64 offset, u64 len, bool unmap)
{
	(void)unmap;
	require(!disk->readonly);
	memset(checked(disk, offset, len), 0, len);
	return 0;
}

static void disk_op_close(struct disk *disk)
{
	free(disk);
}

static const struct disk_ops disk_ops = {
	.read = disk_op_read,
	.write = disk_op_write,
	.flush = disk_op_flush,
	.discard = disk_op_discard,
	.write_zeroes = disk_op_zero,
	.close = disk_op_close,
};

struct disk *model_create(bool readonly)
{
	struct disk *disk = calloc(1, sizeof(*disk));

	model.ram = aligned_alloc(SZ_4K, MODEL_RAM);
	model.disk = malloc(MODEL_DISK);
	model.readonly = readonly;
	require(disk && model.ram && model.disk);
	memset(model.ram, 0, MODEL_RAM);
	for (u32 i = 0; i < MODEL_DISK; i++)
		model.disk[i] = (u8)(i ^ i / SECTOR * 7);
	*disk = (struct disk) { .ops = &disk_ops,
				.path = "fuzz",
				.size = MODEL_DISK,
				.block = SECTOR,
				.readonly = readonly };
	return disk;
}

void model_destroy(void)
{
	free(model.ram);
	free(model.disk);
}

/* ---- Requests ------------------------------------------------------------ */

/* Writes to the copy of RAM, up to all but the last `keep` bytes. */
static void put_in(const void *from, size_t len, size_t offset)
{
	const u8 *at = from;

	for (u32 i = 0; i < rq.nr_in && len; i++) {
		u8 *to = rq.ram + ((u8 *)rq.in[i].iov_base - model.ram);
		size_t n = rq.in[i].iov_len;

		if (offset >= n) {
			offset -= n;
			continue;
		}
		n = MIN(n - offset, len);
		memcpy(to + offset, at, n);
		at += n;
		len -= n;
		offset = 0;
	}
}

/* In whole sectors, and all on the disk. */
static bool on_disk(u64 sector, u64 len)
{
	return len % SECTOR == 0 && sector <= MODEL_SECTORS &&
	       len / SECTOR <= MODEL_SECTORS - sector;
}

static u8 model_in(u64 sector)
{
	size_t len = rq.in_len - 1;

	if (!on_disk(sector, len))
		return VIRTIO_BLK_S_IOERR;
	put_in(rq.disk + sector * SECTOR, len, 0);
	return VIRTIO_BLK_S_OK;
}

static u8 model_out(u64 sector)
{
	size_t len = rq.out_len - HEADER;

	if (!on_disk(sector, len) || model.readonly)
		return VIRTIO_BLK_S_IOERR;
	memcpy(rq.disk + sector * SECTOR, rq.out + HEADER, len);
	return VIRTIO_BLK_S_OK;
}

static u8 model_id(void)
{
	u8 id[20] = MODEL_SERIAL;

	put_in(id, MIN(sizeof(id), rq.in_len - 1), 0);
	return VIRTIO_BLK_S_OK;
}

static u8 model_range(const u8 *at, bool discard)
{
	u32 words[2];
	u64 sector;

	memcpy(&sector, at, 8);
	memcpy(words, at + 8, 8);
	if (words[1] > (discard ? 0U : 1U))
		return VIRTIO_BLK_S_UNSUPP;
	if (words[0] > MAX_SECTORS || model.readonly ||
	    !on_disk(sector, (u64)words[0] * SECTOR))
		return VIRTIO_BLK_S_IOERR;
	memset(rq.disk + sector * SECTOR, discard ? 0xdd : 0,
	       (size_t)words[0] * SECTOR);
	return VIRTIO_BLK_S_OK;
}

static u8 model_ranges(bool discard)
{
	size_t len = rq.out_len - HEADER;
	u8 status = VIRTIO_BLK_S_OK;

	if (!len || len % RANGE || len / RANGE > MAX_RANGES)
		return VIRTIO_BLK_S_IOERR;
	for (size_t at = 0; at < len && !status; at += RANGE)
		status = model_range(rq.out + HEADER + at, discard);
	return status;
}

static u8 model_status(void)
{
	u32 type;
	u64 sector;

	memcpy(&type, rq.out, 4);
	memcpy(&sector, rq.out + 8, 8);
	switch (type) {
	case 0:
		return model_in(sector);
	case 1:
		return model_out(sector);
	case 4:
		return VIRTIO_BLK_S_OK;
	case 8:
		return model_id();
	case 11:
		return model_ranges(true);
	case 13:
		return model_ranges(false);
	default:
		return VIRTIO_BLK_S_UNSUPP;
	}
}

/* Each buffer is in RAM: ASan would not see one that is in other memory. */
static void check_buffer(const struct iovec *iov)
{
	const u8 *at = iov->iov_base;

	require(at >= model.ram && iov->iov_len &&
		iov->iov_len <= (size_t)(model.ram + MODEL_RAM - at));
}

static void look_at(const struct virtq_chain *chain)
{
	u32 n = chain->nr_out + chain->nr_in;

	require(n && n <= BLK_QUEUE_SIZE);
	memcpy(rq.iov, chain->iov, n * sizeof(*rq.iov));
	rq.in = rq.iov + chain->nr_out;
	rq.nr_in = chain->nr_in;
	rq.out_len = rq.in_len = 0;
	for (u32 i = 0; i < n; i++) {
		check_buffer(&rq.iov[i]);
		if (i >= chain->nr_out) {
			rq.in_len += rq.iov[i].iov_len;
			continue;
		}
		memcpy(rq.out + rq.out_len, rq.iov[i].iov_base,
		       rq.iov[i].iov_len);
		rq.out_len += rq.iov[i].iov_len;
	}
}

void model_begin(const struct virtq_chain *chain)
{
	memcpy(rq.ram, model.ram, MODEL_RAM);
	memcpy(rq.disk, model.disk, MODEL_DISK);
	look_at(chain);
	rq.status = NO_STATUS;
	if (rq.out_len < HEADER || !rq.in_len)
		return;
	rq.status = model_status();
	put_in(&rq.status, 1, rq.in_len - 1);
}

void model_end(s64 ret)
{
	require(rq.status == NO_STATUS ? ret < 0 : ret == (s64)rq.in_len);
	require(!memcmp(rq.ram, model.ram, MODEL_RAM));
	require(!memcmp(rq.disk, model.disk, MODEL_DISK));
}
