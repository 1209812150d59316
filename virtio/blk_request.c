/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Requests of a disk (virtio 1.4, "Block Device", "Device Operation"): a header
 * to be read, data, and a status byte at the end of what is to be written. The
 * buffers may be cut anywhere. Numbers of the guest are checked by disk_read()
 * and its kin; here only what would overflow before.
 */
#include <endian.h>
#include <errno.h>
#include <string.h>

#include "blk.h"
#include "lkvm/util/iov.h"

/* Several queues count at once. */
static void count(_Atomic(u64) *counter, u64 n)
{
	atomic_fetch_add_explicit(counter, n, memory_order_relaxed);
}

/* The byte offset of a sector, or one that is on no disk. */
static u64 offset_of(u64 sector)
{
	return sector > UINT64_MAX / BLK_SECTOR ? UINT64_MAX
						: sector * BLK_SECTOR;
}

/* Data goes straight into the guest's memory. */
static void count_read(struct virtio_blk *blk, const struct blk_request *rq)
{
	count(&blk->reads, 1);
	count(&blk->bytes_read, rq->in_len);
}

static int read_data(struct virtio_blk *blk, struct blk_request *rq)
{
	count_read(blk, rq);
	return disk_read(blk->disk, rq->in, rq->nr_in,
			 offset_of(rq->header.sector), rq->in_len);
}

/*
 * A driver that cannot flush, or has switched the cache off, takes what has
 * ended for durable.
 */
static bool is_cached(const struct virtio_blk *blk)
{
	return blk->vdev.features & BIT(VIRTIO_BLK_F_FLUSH) &&
	       atomic_load(&blk->writeback);
}

static int end_write(struct virtio_blk *blk)
{
	return is_cached(blk) ? 0 : disk_flush(blk->disk);
}

static void count_write(struct virtio_blk *blk, const struct blk_request *rq)
{
	count(&blk->writes, 1);
	count(&blk->bytes_written, rq->out_len);
}

static int write_data(struct virtio_blk *blk, struct blk_request *rq)
{
	int ret;

	count_write(blk, rq);
	ret = disk_write(blk->disk, rq->out, rq->nr_out,
			 offset_of(rq->header.sector), rq->out_len);
	return ret ? ret : end_write(blk);
}

/* What has ended before it is durable then. */
static int flush(struct virtio_blk *blk)
{
	count(&blk->flushes, 1);
	return disk_flush(blk->disk);
}

/* Cut to what the driver has room for; it need not end with a zero. */
static int get_id(struct virtio_blk *blk, struct blk_request *rq)
{
	iov_write(rq->in, rq->nr_in, 0, blk->serial, sizeof(blk->serial));
	return 0;
}

/* Flags that are reserved for the type make it an unknown one. */
static int change_range(struct virtio_blk *blk, bool discard,
			const struct virtio_blk_discard_write_zeroes *range)
{
	u64 offset = offset_of(le64toh(range->sector));
	u32 sectors = le32toh(range->num_sectors);
	u32 flags = le32toh(range->flags);
	u64 len = (u64)sectors * BLK_SECTOR;

	if (flags & ~(discard ? 0U : VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP))
		return -EOPNOTSUPP;
	if (sectors > BLK_MAX_RANGE_SECTORS)
		return -EINVAL;
	return discard ? disk_discard(blk->disk, offset, len)
		       : disk_write_zeroes(blk->disk, offset, len, flags);
}

/* The list is copied range by range: the guest may change it meanwhile. */
static int change_ranges(struct virtio_blk *blk, struct blk_request *rq,
			 bool discard)
{
	struct virtio_blk_discard_write_zeroes range;
	u64 n = rq->out_len / sizeof(range);
	int ret = 0;

	count(&blk->discards, 1);
	if (!n || rq->out_len % sizeof(range) || n > BLK_MAX_RANGES)
		return -EINVAL;
	for (u64 i = 0; !ret && i < n; i++) {
		iov_read(rq->out, rq->nr_out, i * sizeof(range), &range,
			 sizeof(range));
		ret = change_range(blk, discard, &range);
	}
	return ret ? ret : end_write(blk);
}

/* Types without a case are unknown: secure erase, zones, lifetime. */
static int execute(struct virtio_blk *blk, struct blk_request *rq)
{
	switch (rq->header.type) {
	case VIRTIO_BLK_T_IN:
		return read_data(blk, rq);
	case VIRTIO_BLK_T_OUT:
		return write_data(blk, rq);
	case VIRTIO_BLK_T_FLUSH:
		return flush(blk);
	case VIRTIO_BLK_T_GET_ID:
		return get_id(blk, rq);
	case VIRTIO_BLK_T_DISCARD:
		return change_ranges(blk, rq, true);
	case VIRTIO_BLK_T_WRITE_ZEROES:
		return change_ranges(blk, rq, false);
	default:
		return -EOPNOTSUPP;
	}
}

/* Buffers of a chain are never empty, so the last byte is in the last one. */
static u8 *status_of(const struct virtq_chain *chain)
{
	const struct iovec *last =
		&chain->iov[chain->nr_out + chain->nr_in - 1];

	return (u8 *)last->iov_base + last->iov_len - 1;
}

/* Header and status may share buffers with data, so those are cut. */
static void take_apart(const struct virtq_chain *chain, struct blk_request *rq)
{
	struct virtio_blk_outhdr header;

	iov_read(chain->iov, chain->nr_out, 0, &header, sizeof(header));
	rq->header.type = le32toh(header.type);
	rq->header.sector = le64toh(header.sector);
	rq->nr_out = chain->nr_out;
	rq->nr_in = chain->nr_in;
	rq->out_len = chain->out_len - sizeof(header);
	rq->in_len = chain->in_len - 1;
	rq->in = iov_cut(chain->iov + chain->nr_out, &rq->nr_in, 0, rq->in_len);
	rq->out = iov_cut(chain->iov, &rq->nr_out, sizeof(header), rq->out_len);
}

/* The status is at the end of what is written, so all of it counts as written.
 */
static void end(struct virtio_blk *blk, u8 *status, int ret)
{
	if (ret)
		count(&blk->errors, 1);
	if (ret == -EOPNOTSUPP)
		*status = VIRTIO_BLK_S_UNSUPP;
	else
		*status = ret ? VIRTIO_BLK_S_IOERR : VIRTIO_BLK_S_OK;
}

static bool is_request(const struct virtq_chain *chain)
{
	return chain->out_len >= sizeof(struct virtio_blk_outhdr) &&
	       chain->in_len;
}

s64 blk_request(struct virtio_blk *blk, struct virtq_chain *chain)
{
	struct blk_request rq;
	u8 *status;

	if (!is_request(chain))
		return -EINVAL;
	status = status_of(chain);
	take_apart(chain, &rq);
	end(blk, status, execute(blk, &rq));
	return (s64)chain->in_len;
}

static void set_range(struct disk_request *to, enum disk_op op,
		      const struct blk_request *rq)
{
	bool write = op == DISK_WRITE;

	to->op = op;
	to->iov = write ? rq->out : rq->in;
	to->count = write ? rq->nr_out : rq->nr_in;
	to->len = write ? rq->out_len : rq->in_len;
	to->offset = offset_of(rq->header.sector);
}

/*
 * A write that has to be durable waits for the medium. What is counted again
 * later is not counted here.
 */
static bool attempt(struct virtio_blk *blk, struct disk_queue *queue,
		    struct blk_request *parts)
{
	struct disk_request rq = { 0 };
	bool write = parts->header.type == VIRTIO_BLK_T_OUT;

	if (!write && parts->header.type != VIRTIO_BLK_T_IN)
		return false;
	if (write && !is_cached(blk))
		return false;
	set_range(&rq, write ? DISK_WRITE : DISK_READ, parts);
	if (rq.len > BLK_ATTEMPT_BYTES || disk_try(blk->disk, queue, &rq))
		return false;
	write ? count_write(blk, parts) : count_read(blk, parts);
	return true;
}

s64 blk_attempt(struct virtio_blk *blk, unsigned int n,
		struct virtq_chain *chain)
{
	struct blk_request parts;
	u8 *status;

	if (!is_request(chain))
		return -EINVAL;
	status = status_of(chain);
	take_apart(chain, &parts);
	if (!attempt(blk, blk->queues[n].async, &parts))
		return -EAGAIN;
	end(blk, status, 0);
	return (s64)chain->in_len;
}

/* ---- Requests that are under way while others are ------------------------ */

/* A change of ranges may take long, and is nothing that a ring does. */
static int execute_later(struct disk_request *rq)
{
	struct blk_slot *slot = container_of(rq, struct blk_slot, rq);

	return execute(slot->blk, &slot->parts);
}

/*
 * What a ring can do is prepared for it, what may take long is for another
 * thread, and the rest is done here.
 */
int blk_begin(struct virtio_blk *blk, struct blk_slot *slot)
{
	struct blk_request *parts = &slot->parts;

	if (!is_request(&slot->chain))
		return -EINVAL;
	slot->status = status_of(&slot->chain);
	slot->flushes = false;
	take_apart(&slot->chain, parts);
	switch (parts->header.type) {
	case VIRTIO_BLK_T_IN:
		count_read(blk, parts);
		set_range(&slot->rq, DISK_READ, parts);
		return 1;
	case VIRTIO_BLK_T_OUT:
		count_write(blk, parts);
		slot->flushes = !is_cached(blk);
		set_range(&slot->rq, DISK_WRITE, parts);
		return 1;
	case VIRTIO_BLK_T_FLUSH:
		count(&blk->flushes, 1);
		slot->rq.op = DISK_FLUSH;
		return 1;
	case VIRTIO_BLK_T_DISCARD:
	case VIRTIO_BLK_T_WRITE_ZEROES:
		slot->blk = blk;
		slot->rq.op = DISK_CALL;
		slot->rq.call = execute_later;
		return 1;
	default:
		slot->rq.ret = execute(blk, parts);
		return 0;
	}
}

u32 blk_end(struct virtio_blk *blk, const struct blk_slot *slot)
{
	end(blk, slot->status, slot->rq.ret);
	return (u32)MIN(slot->chain.in_len, UINT32_MAX);
}
