/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The medium of a disk: a sequence of bytes that a device reads and writes,
 * whatever the format it is kept in. The device does not know that format, nor
 * the medium what device it is for.
 */
#ifndef LKVM_DISK_DISK_H
#define LKVM_DISK_DISK_H

#include <sys/uio.h>

#include "lkvm/config/disk.h"
#include "lkvm/util/log.h"
#include "lkvm/util/util.h"

#define DISK_SECTOR                                              \
	512U /* bytes: what offsets and lengths are multiples of \
	      */

struct disk;
struct disk_request;

/* How a request can be done by who must not wait. */
enum disk_way {
	DISK_BY_CALLS,	/* only by the functions that wait */
	DISK_BY_KERNEL, /* by the kernel, at a place */
	DISK_IS_DONE,	/* it was a matter of memory */
};

/* Where the kernel does a request. */
struct disk_place {
	int fd;
	bool in_memory;	    /* nothing there waits for a medium */
	bool by_ring;	    /* a ring is quicker than a call: disk/raw.c */
	u64 offset;	    /* in that file; none for a flush */
	struct disk *owner; /* of what `end` is called; NULL: nobody's */
	unsigned int group; /* private to the owner */
};

/*
 * Any thread, several at once. Ranges are inside of the disk, and there are no
 * writes to one that is read-only: the callers below check both. Each returns 0
 * or -errno; after an error a part may have been done.
 */
struct disk_ops {
	int (*read)(struct disk *disk, struct iovec *iov, u32 count,
		    u64 offset);
	int (*write)(struct disk *disk, struct iovec *iov, u32 count,
		     u64 offset);
	/* What was written before is durable. */
	int (*flush)(struct disk *disk);
	/* The content is of no use any more, and undefined. */
	int (*discard)(struct disk *disk, u64 offset, u64 len);
	/* It reads as zero; `unmap`: its place may be given back. */
	int (*write_zeroes)(struct disk *disk, u64 offset, u64 len, bool unmap);
	/*
	 * Finds out how a transfer or a flush can be done, without waiting for
	 * another request. *place is filled in if it is by the kernel, and
	 * stays what it is until `end`, whatever else is done meanwhile. NULL:
	 * always by the functions above.
	 */
	enum disk_way (*begin)(struct disk *disk, const struct disk_request *rq,
			       struct disk_place *place);
	/* The kernel has done with it. For an owner of places only. */
	void (*end)(struct disk *disk, const struct disk_place *place);
	void (*close)(struct disk *disk);
};

/* What the kinds of media embed. */
struct disk {
	const struct disk_ops *ops;
	const char *path; /* for messages; the configuration's */
	u64 size;	  /* bytes, a multiple of DISK_SECTOR */
	u32 block;	  /* that the host writes at once; a power of two */
	u32 cluster;	  /* that is discarded at once; 0: as `block` */
	bool readonly;
	struct ratelimit errors;
	_Atomic(u64) merged; /* requests that were done with another one */
	_Atomic(u32) told;   /* the errno of the message before */
};

/*
 * Opens and locks the file of `config`, which outlives the disk. Returns 0, or
 * -errno after a fatal message.
 */
int disk_open(const struct disk_config *config, struct disk **out);

/*
 * Makes a disk that only can be read of the files in `folder`, for cloud-init,
 * with a program of the host. The name outlives the disk. Returns 0, or -errno
 * after a fatal message.
 */
int disk_open_seed(const char *folder, struct disk **out);

/* Frees it. Nothing of it is under way; NULL is fine. */
void disk_close(struct disk *disk);

/*
 * The operations of above for `len` bytes from `offset` on; the buffers of
 * `iov`, which may be changed, have as many. -EINVAL for a range that is not
 * all on the disk or not of whole sectors, -EROFS for a disk that is read-only;
 * an error of the medium is logged, once.
 */
int disk_read(struct disk *disk, struct iovec *iov, u32 count, u64 offset,
	      u64 len);
int disk_write(struct disk *disk, struct iovec *iov, u32 count, u64 offset,
	       u64 len);
int disk_flush(struct disk *disk);
int disk_discard(struct disk *disk, u64 offset, u64 len);
int disk_write_zeroes(struct disk *disk, u64 offset, u64 len, bool unmap);

#endif
