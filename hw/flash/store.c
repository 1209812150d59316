/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Writing to the file of a bank, and making it durable. All functions but
 * flash_store_sync_run() are called with the bank's lock held, on vCPUs'
 * threads or, for an idle bank, on a worker's or the event loop's.
 *
 * Order of a write: the file first, then the array, so that the guest never
 * reads what the file did not take. `persistent` is the part of the bank that
 * the file holds; beyond it only erased content is accepted.
 *
 * `dirty` says that something was written since the last sync began. A sync may
 * be done by the caller, under the bank's lock, or in the background, without:
 * then `dirty` is cleared as it begins, so that what is written meanwhile sets
 * it again, and its result counts when it is taken over, under the lock. A sync
 * that fails is never repeated: the kernel may have dropped the pages, so a
 * later success would mean nothing (fsync(2), NOTES).
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "file.h"
#include "lkvm/hw/flash/store.h"
#include "lkvm/util/file.h"
#include "lkvm/util/log.h"

#define NS_PER_SECOND 1000000000ULL

/* Whether changes go to a file. A store in memory is a snapshot, too. */
static bool has_file(const struct flash_store *store)
{
	return !store->readonly && !store->snapshot;
}

/*
 * Another process may truncate the file. A write behind its new end would
 * extend it again, with zeros for what is gone, so nothing is written from then
 * on.
 */
static int check_length(struct flash_store *store)
{
	struct stat st;

	if (store->cut_short)
		return -EIO;
	if (fstat(store->fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode) || (u64)st.st_size >= store->persistent)
		return 0;
	store->cut_short = true;
	pr_err("flash %s: was truncated to %" PRIu64
	       " bytes by another process; "
	       "it had %" PRIu64 ". No more is written to it",
	       store->path, (u64)st.st_size, store->persistent);
	return -EIO;
}

/*
 * The length is looked at once for all writes of a command, and for each one
 * that reaches the end of the file: that would fill the gap if it was truncated
 * in between.
 */
static int check_before_write(struct flash_store *store, u64 end)
{
	int ret;

	if (store->checked && end < store->persistent)
		return 0;
	ret = check_length(store);
	store->checked = !ret;
	return ret;
}

/*
 * A part of a write that failed may be in the file. It gets its old content
 * back where that is possible: those blocks of the medium are allocated.
 */
static void restore(struct flash_store *store, u64 offset, size_t len)
{
	int ret = pwrite_full(store->fd, store->array + offset, len,
			      (off_t)offset);

	if (ret)
		pr_debug("flash %s: a failed write may have left a part: %s",
			 store->path, strerror(-ret));
}

/*
 * Beyond the end of the file the flash is erased and has to stay so: a change
 * there is -ENOSPC.
 */
static int write_through(struct flash_store *store, u64 offset, const u8 *data,
			 size_t len)
{
	size_t kept = len;
	int ret;

	if (offset + len > store->persistent) {
		kept = offset < store->persistent ? store->persistent - offset
						  : 0;
		if (!is_filled(data + kept, len - kept, 0xff))
			return -ENOSPC;
	}
	if (!kept)
		return 0;
	ret = check_before_write(store, offset + kept);
	if (ret)
		return ret;
	ret = pwrite_full(store->fd, data, kept, (off_t)offset);
	store->writes++;
	store->dirty = true;
	if (ret)
		restore(store, offset, kept);
	return ret;
}

/* A failed write makes the length be checked again before the next one. */
int flash_store_write(struct flash_store *store, u64 offset, const u8 *data,
		      size_t len)
{
	int ret = 0;

	if (store->readonly)
		return -EROFS;
	if (!store->snapshot)
		ret = write_through(store, offset, data, len);
	store->checked &= !ret;
	if (ret)
		store->failures++;
	else
		memcpy(store->array + offset, data, len);
	return ret;
}

static u64 now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (u64)ts.tv_sec * NS_PER_SECOND + (u64)ts.tv_nsec;
}

/*
 * fdatasync(2) also writes what is needed to find the data: the size of a file
 * that was extended.
 */
static int timed_sync(struct flash_store *store)
{
	u64 start = now();
	int ret = file_sync_data(store->fd);

	store->syncs++;
	store->sync_ns += now() - start;
	return ret;
}

static void say_not_durable(const struct flash_store *store, int err)
{
	pr_err("flash %s: unable to make the content durable: %s; it may be "
	       "lost when the host loses power",
	       store->path, strerror(-err));
}

bool flash_store_needs_sync(const struct flash_store *store)
{
	return store->dirty && !store->sync_error &&
	       store->sync != FLASH_SYNC_NONE;
}

/*
 * True if there is something to sync and a file to sync. A truncated file is an
 * error of the sync: the content is not there.
 */
static bool can_sync(struct flash_store *store)
{
	int ret;

	if (!flash_store_needs_sync(store))
		return false;
	ret = check_length(store);
	if (!ret)
		return true;
	store->sync_error = ret;
	if (!store->cut_short)
		say_not_durable(store, ret);
	return false;
}

/* ---- In the background --------------------------------------------------- */

/*
 * Takes over the result of the background sync, after waiting for it if `wait`
 * is set.
 */
static void take_over(struct flash_store *store, bool wait)
{
	struct flash_background *bg = &store->background;
	bool finished;

	if (!bg->under_way)
		return;
	pthread_mutex_lock(&bg->lock);
	while (wait && !bg->finished)
		pthread_cond_wait(&bg->changed, &bg->lock);
	finished = bg->finished;
	pthread_mutex_unlock(&bg->lock);
	if (!finished)
		return;
	bg->under_way = false;
	/* The first error is kept for good: see the head of this file. */
	if (bg->ret)
		store->sync_error = bg->ret;
}

/* One sync at a time: a second one would not see the error of the first. */
bool flash_store_sync_begin(struct flash_store *store)
{
	struct flash_background *bg = &store->background;

	take_over(store, false);
	if (bg->under_way || !can_sync(store))
		return false;
	/* Not before: the structure is copied until the bank owns it. */
	if (!bg->ready) {
		pthread_mutex_init(&bg->lock, NULL);
		pthread_cond_init(&bg->changed, NULL);
		bg->ready = true;
	}
	bg->finished = false;
	bg->under_way = true;
	store->dirty = false;
	return true;
}

/* Without the bank's lock; `background.lock` alone guards the result. */
void flash_store_sync_run(struct flash_store *store)
{
	struct flash_background *bg = &store->background;
	int ret = timed_sync(store);

	if (ret)
		say_not_durable(store, ret);
	pthread_mutex_lock(&bg->lock);
	bg->ret = ret;
	bg->finished = true;
	pthread_cond_signal(&bg->changed);
	pthread_mutex_unlock(&bg->lock);
}

/* -------------------------------------------------------------------------- */

/*
 * A background sync is waited for, rather than another one begun beside it: the
 * kernel reports an error of the medium to one of the two only.
 */
int flash_store_sync(struct flash_store *store)
{
	int ret;

	take_over(store, true);
	if (!can_sync(store))
		return store->sync_error;
	ret = timed_sync(store);
	store->sync_error = ret;
	if (ret)
		say_not_durable(store, ret);
	else
		store->dirty = false;
	return ret;
}

/*
 * The rules are those at the declaration. `head` is the first piece of the
 * block that was programmed last, `erased` an erase after which nothing was
 * programmed yet.
 */
int flash_store_order(struct flash_store *store, u64 offset, size_t len,
		      bool erase)
{
	u64 piece = ALIGN_DOWN(offset, FLASH_STORE_PIECE);
	int ret = 0;

	if (erase || store->erased ||
	    (store->head != FLASH_STORE_NO_HEAD && store->head != piece) ||
	    !is_filled(store->array + offset, len, 0xff)) {
		ret = flash_store_sync(store);
		store->head = FLASH_STORE_NO_HEAD;
	}
	if (ret)
		return ret;
	store->erased = erase;
	if (piece % store->block == 0)
		store->head = piece;
	return 0;
}

/*
 * `checked` covers one command: the next one looks at the length of the file
 * again.
 */
int flash_store_complete(struct flash_store *store)
{
	store->checked = false;
	return store->sync == FLASH_SYNC_STRICT ? flash_store_sync(store) : 0;
}

/*
 * Also reports commands that failed during the run: the guest may have ignored
 * its status register.
 */
int flash_store_finish(struct flash_store *store)
{
	int ret, err = 0;

	if (!has_file(store))
		return 0;
	err = check_length(store);
	ret = flash_store_sync(store);
	if (store->failures) {
		pr_err("flash %s: %" PRIu64 " programs or erases could not be "
		       "written: it does not hold all that the guest wrote",
		       store->path, store->failures);
		err = -EIO;
	}
	return ret ? ret : err;
}

/* Pieces of zeros stay holes of the memfd and take no memory. */
static int copy_to_memory(const struct flash_store *store, int fd)
{
	int ret = ftruncate(fd, (off_t)store->size) < 0 ? -errno : 0;

	for (u64 at = 0; !ret && at < store->size; at += FLASH_STORE_PIECE)
		if (!is_filled(store->array + at, FLASH_STORE_PIECE, 0))
			ret = pwrite_full(fd, store->array + at,
					  FLASH_STORE_PIECE, (off_t)at);
	return ret;
}

/*
 * The array becomes a private mapping of a copy in a memfd: pages that the
 * guest writes to are copied by the kernel, and flash_store_restore() drops
 * them.
 */
int flash_store_keep(struct flash_store *store)
{
	int fd = memfd_create("flash", MFD_CLOEXEC);
	int ret;

	if (fd < 0)
		return -errno;
	ret = copy_to_memory(store, fd);
	if (!ret && mmap(store->array, store->size, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_FIXED, fd, 0) == MAP_FAILED)
		ret = -errno;
	store->kept = !ret;
	close(fd);
	return ret;
}

/*
 * MADV_DONTNEED on a private file mapping brings back the content of the file,
 * at the same address, so the memory slot stays valid.
 */
int flash_store_restore(struct flash_store *store)
{
	int err;

	if (!store->kept || !madvise(store->array, store->size, MADV_DONTNEED))
		return 0;
	err = errno;
	pr_err("flash %s: unable to undo what the guest wrote to memory: %s",
	       store->path, strerror(err));
	return -err;
}

/* A background sync uses the descriptor, so it is waited for first. */
void flash_store_close(struct flash_store *store)
{
	struct flash_background *bg = &store->background;

	take_over(store, true);
	if (bg->ready) {
		pthread_cond_destroy(&bg->changed);
		pthread_mutex_destroy(&bg->lock);
		bg->ready = false;
	}
	if (store->array)
		munmap(store->array, store->size);
	if (store->fd >= 0)
		close(store->fd);
	free(store->path);
	store->array = NULL;
	store->path = NULL;
	store->fd = -1;
}
