/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Internal to disk/qcow2/: a disk in a qcow2 image. QEMU, docs/interop/qcow2.
 *
 * Tables are changed in memory, in slices, and written when the guest flushes,
 * when too many are changed, and at the end: commit.c has the order. Between
 * two commits the file's own tables do not change, so a program that is killed
 * leaves the image as the commit before has left it; data of clusters that are
 * new then is in no table and does not count.
 *
 * Locks, in this order:
 *
 *   change  whoever allocates, frees or commits; also over their I/O. All of
 *           the refcounts belong to it.
 *   lock    the table of level 1 and the slices of level 2: for look-ups, never
 *           over I/O but that of reading a slice. They are changed by whoever
 *           has `change` as well.
 *
 * Reads and writes of clusters that exist are in a group from before the look
 * at the tables to the end of the I/O, see group.c. Before clusters that were
 * given up are free for something else, who has `change` waits until all have
 * left that may have found them. Nobody waits for `change` who is in a group,
 * nor does a thread that others rely on to leave one: see disk/uring.c.
 *
 * The lock of the compressed cluster is inside of `change` or of a group, and
 * over no other.
 */
#ifndef DISK_QCOW2_QCOW2_H
#define DISK_QCOW2_QCOW2_H

#include <pthread.h>

#include "disk/qcow2_format.h"
#include "disk/raw.h"

/* A piece of a table, as it is in the file. */
struct qcow2_slice {
	u64 offset; /* in the file; 0: unused */
	u64 used;   /* when, by the cache's clock */
	u8 *data;   /* NULL before the first use */
	bool dirty; /* of `change` */
};

/* Slices of one kind of table. At most half of them are dirty between calls. */
struct qcow2_cache {
	struct qcow2_slice *slices;
	unsigned int nr, nr_dirty;
	u32 size; /* bytes of a slice; a power of two */
	u64 clock;
};

/* Memory of the two caches, where clusters are 4 KiB or larger. */
#define QCOW2_SLICE_MAX	      SZ_4K
#define QCOW2_L2_SLICES	      256
#define QCOW2_REFCOUNT_SLICES 64

/* "Refcounts": QEMU's limit for the table. */
#define QCOW2_REFCOUNT_TABLE_MAX (8 * SZ_1M)
/* QEMU's limit for the table of level 1. */
#define QCOW2_L1_MAX (32 * SZ_1M)

/* A run of clusters, by numbers; each has one reference less. */
struct qcow2_run {
	u64 first;
	u64 count;
};

#define QCOW2_MAX_FREED 2048 /* runs between two commits */
#define QCOW2_MAX_RUN	512  /* clusters that are changed at once */

/* A table in one piece that is in memory as a whole, in the file's order. */
struct qcow2_table {
	u64 *entries;
	u64 offset;   /* in the file */
	u32 size;     /* entries */
	u32 from, to; /* those that are to be written; none: both 0 */
};

/* An entry of level 2, in the host's byte order. */
struct qcow2_entry {
	u64 at;	    /* offset and flags */
	u64 bitmap; /* if extended: allocated, and from bit 32 on zero */
};

struct qcow2 {
	struct disk disk;
	struct disk *file;    /* owned: the image, a raw medium */
	struct disk *backing; /* owned; NULL: there is none */

	/* Not changed after it is open. */
	unsigned int cluster_bits,
		l2_bits;       /* log2: bytes, entries of a table */
	unsigned int sub_bits; /* of a subcluster; without, as cluster_bits */
	unsigned int refcount_order;
	bool has_zero; /* version 3: entries can say that content is zero */
	bool extended; /* entries have a bitmap of subclusters */
	bool zstd;     /* compressed clusters are, else deflate */
	u64 snapshots_offset; /* their table's first cluster; 0: there is none
			       */

	pthread_mutex_t change;
	pthread_mutex_t lock;

	/* Of `lock`: how many are in each group, and which one is entered. */
	unsigned int inside[2], group;
	pthread_cond_t left;

	/* Bytes of the file; grows, with `change`. */
	_Atomic(u64) end;

	/* Of `lock`, to be read, and of both, to be changed. */
	struct qcow2_table l1;
	struct qcow2_cache l2;

	/* Of `change`. */
	struct qcow2_table refcounts; /* offsets of blocks */
	struct qcow2_cache blocks;
	bool refcounts_moved; /* the header does not say where they are */
	u64 hint;	      /* no cluster below this one is free */
	u64 new_bytes;	      /* of clusters allocated since the last commit */
	struct qcow2_run freed[QCOW2_MAX_FREED]; /* at the next commit */
	unsigned int nr_freed;
	struct qcow2_entry old[QCOW2_MAX_RUN], new[QCOW2_MAX_RUN]; /* scratch */

	/* The compressed cluster that was read last. */
	struct {
		pthread_mutex_t lock;
		u64 entry; /* 0: none */
		u8 *cluster, *input;
	} compressed;

	struct ratelimit damage;
	_Atomic(bool) damaged; /* a message has said so */
};

static inline u64 qcow2_cluster_size(const struct qcow2 *q)
{
	return BIT(q->cluster_bits);
}

/* ---- file.c: the image ----------------------------------------------------
 */

/*
 * `len` bytes at `offset`, which need not be inside of the file: -EIO then,
 * after a message. Behind a last cluster that is not whole it reads as zero.
 */
int qcow2_file_read(struct qcow2 *q, void *buf, u64 len, u64 offset);
int qcow2_file_readv(struct qcow2 *q, struct iovec *iov, u32 count, u64 len,
		     u64 offset);

/* The range is inside of the file. */
int qcow2_file_write(struct qcow2 *q, const void *buf, u64 len, u64 offset);
int qcow2_file_zero(struct qcow2 *q, u64 offset, u64 len);

/*
 * True if the file has all of the range. It may be too short for a cluster of
 * the image: QEMU writes no more of a new one than what has content.
 */
bool qcow2_file_has(const struct qcow2 *q, u64 offset, u64 len);
/* With `change`: has `to` bytes in the file. -ENOSPC on a device. */
int qcow2_file_grow(struct qcow2 *q, u64 to);

/*
 * Says once what is wrong with the image, and where in the file; for the
 * caller, returns -EIO.
 */
int qcow2_damaged(struct qcow2 *q, const char *what, u64 offset);

/*
 * True if [offset, offset + len) can be a cluster, or several, that are not the
 * header nor one of the tables whose place is known.
 */
bool qcow2_is_plain(const struct qcow2 *q, u64 offset, u64 len);

/* ---- cache.c --------------------------------------------------------------
 */

int qcow2_cache_init(struct qcow2_cache *cache, unsigned int nr, u32 size);
void qcow2_cache_free(struct qcow2_cache *cache);

/*
 * Ends with the slice at this offset of the file, a multiple of its size. It
 * stays until the next call. 0 or -errno.
 */
int qcow2_cache_get(struct qcow2 *q, struct qcow2_cache *cache, u64 offset,
		    struct qcow2_slice **out);

/* True if that needs no I/O. */
bool qcow2_cache_has(const struct qcow2_cache *cache, u64 offset);

/* With `change`: the next commit writes it. */
void qcow2_cache_dirty(struct qcow2_cache *cache, struct qcow2_slice *slice);

/* What was there is of no use: the clusters are a new table. */
void qcow2_cache_forget(struct qcow2_cache *cache, u64 offset, u64 len);

/* With `change`: writes all that is dirty, and keeps it so until it is clean.
 */
int qcow2_cache_write(struct qcow2 *q, struct qcow2_cache *cache);
void qcow2_cache_clean(struct qcow2_cache *cache);

/* ---- refcount.c: with `change` --------------------------------------------
 */

/*
 * Takes up to `want` clusters in one piece: *first is the first one's number,
 * *got how many there are, 1 at least. *fresh: they read as zero, as the file
 * has grown by them. 0, -ENOSPC or another -errno.
 */
int qcow2_alloc(struct qcow2 *q, u32 want, u64 *first, u32 *got, bool *fresh);

/* Gives back what no table of the file has ever named. */
void qcow2_unalloc(struct qcow2 *q, u64 first, u32 count);

/* One reference less to each, once the next commit has got so far. */
void qcow2_free(struct qcow2 *q, u64 first, u64 count);

/* For commit.c: does it; what no one uses any more becomes a hole. */
int qcow2_release(struct qcow2 *q);

/* ---- group.c: I/O to clusters that exist ----------------------------------
 */

/* Before the look at the tables. Returns what to leave once the I/O is done. */
unsigned int qcow2_enter(struct qcow2 *q);
void qcow2_leave(struct qcow2 *q, unsigned int group);

/* With `change`: waits until all have left that are inside now. */
void qcow2_wait_for_all(struct qcow2 *q);

/* ---- map.c: where content is ----------------------------------------------
 */

enum qcow2_kind {
	QCOW2_ABSENT, /* as in the backing file, else zero */
	QCOW2_READS_ZERO,
	QCOW2_DATA,
	QCOW2_PACKED, /* compressed */
};

/* Content that is in one place. */
struct qcow2_extent {
	enum qcow2_kind kind;
	bool in_place; /* QCOW2_DATA: can be overwritten */
	u64 at;	       /* QCOW2_DATA: in the file; QCOW2_PACKED: the entry */
	u64 len;
};

/* Where the content from `offset` on is; e->len is `want` at most. */
int qcow2_find(struct qcow2 *q, u64 offset, u64 want, struct qcow2_extent *e);

/* The same, but -EAGAIN where it would have to read a slice. */
int qcow2_find_cached(struct qcow2 *q, u64 offset, u64 want,
		      struct qcow2_extent *e);

/* How many clusters from number `index` on have entries in one slice. */
u64 qcow2_slice_left(const struct qcow2 *q, u64 index);

/* With `change`: `count` entries from number `index` on, of one slice. */
int qcow2_get_entries(struct qcow2 *q, u64 index, u32 count,
		      struct qcow2_entry *entries);

/* With `change`: sets as many, after qcow2_own_l2(). */
int qcow2_set_entries(struct qcow2 *q, u64 index, u32 count,
		      const struct qcow2_entry *entries);

/* With `change`: the entry `index` is in a table of level 2 of its own. */
int qcow2_own_l2(struct qcow2 *q, u64 index);

/* True if there is a table of level 2 for the entry. */
bool qcow2_has_l2(struct qcow2 *q, u64 index);

/* True if the cluster of this entry is no one else's and not compressed. */
bool qcow2_is_own(const struct qcow2_entry *entry);

/* True if the entry has content in the file, compressed or not. */
bool qcow2_has_data(const struct qcow2_entry *entry);

/* With `change`: drops what the entry has in the file. */
void qcow2_drop(struct qcow2 *q, const struct qcow2_entry *entry);

/* ---- commit.c: with `change` ----------------------------------------------
 */

/* What was done before is in the file, and durable. 0 or -errno. */
int qcow2_commit(struct qcow2 *q);

/* True if there is nothing for a commit but to make the file durable. */
bool qcow2_is_committed(const struct qcow2 *q);

/* A commit, if another change might find no room in the caches. */
int qcow2_make_room(struct qcow2 *q);

/* ---- compressed.c ---------------------------------------------------------
 */

/* `len` bytes of this entry's compressed cluster, from its byte `skip` on. */
int qcow2_read_compressed(struct qcow2 *q, u64 entry, u64 skip,
			  const struct iovec *iov, u32 count, u64 len);

/* ---- begin.c, read.c, write.c, zero.c: the operations of a disk -----------
 */

enum disk_way qcow2_begin(struct disk *disk, const struct disk_request *rq,
			  struct disk_place *place);
void qcow2_end(struct disk *disk, const struct disk_place *place);

int qcow2_disk_read(struct disk *disk, struct iovec *iov, u32 count,
		    u64 offset);
int qcow2_disk_write(struct disk *disk, struct iovec *iov, u32 count,
		     u64 offset);
int qcow2_disk_discard(struct disk *disk, u64 offset, u64 len);
int qcow2_disk_zero(struct disk *disk, u64 offset, u64 len, bool unmap);

/*
 * Reads `len` bytes of content from `offset` on into `buf`; with `change`, or
 * in a group.
 */
int qcow2_read_content(struct qcow2 *q, void *buf, u64 len, u64 offset);

static inline struct qcow2 *qcow2_from_disk(struct disk *disk)
{
	return container_of(disk, struct qcow2, disk);
}

#endif
