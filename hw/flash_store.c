/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lkvm/file.h"
#include "lkvm/flash_store.h"
#include "lkvm/log.h"

/* *created tells whether the file is new, and to be removed on failure. */
static int open_file(const struct flash_config *config, bool *created)
{
	/* Without O_NONBLOCK opening a FIFO would wait for its other end. */
	int flags = O_CLOEXEC | O_NONBLOCK;
	int fd;

	flags |= config->readonly ? O_RDONLY : O_RDWR;
	fd = open(config->path, flags);
	*created = false;
	if (fd < 0 && errno == ENOENT && config->create) {
		fd = open(config->path, flags | O_CREAT | O_EXCL, 0666);
		*created = fd >= 0;
	}
	return fd < 0 ? -errno : fd;
}

static void explain_open_error(const struct flash_config *config, int err)
{
	const char *path = config->path;

	if ((err == EACCES || err == EROFS || err == EPERM) &&
	    !config->readonly && !access(path, R_OK))
		pr_fatal("flash %s: is read-only: add \",ro\" to use it as it "
			 "is",
			 path);
	else if (err == EISDIR)
		pr_fatal("flash %s: is a directory", path);
	else if (err == ENOENT && !config->create)
		pr_fatal("flash %s: %s: add \",create,size=2M\" to make it",
			 path, strerror(err));
	else
		pr_fatal("Unable to open flash %s: %s", path, strerror(err));
}

/*
 * A lock of the open file description: it goes with the last descriptor, and
 * two banks of one lkvm exclude each other as well.
 */
static int lock_file(struct flash_store *store)
{
	struct flock lock = {
		.l_type = store->readonly ? F_RDLCK : F_WRLCK,
		.l_whence = SEEK_SET,
	};

	if (!fcntl(store->fd, F_OFD_SETLK, &lock))
		return 0;
	if (errno == EAGAIN || errno == EACCES) {
		pr_fatal("flash %s: is in use by another flash bank or lkvm",
			 store->path);
		return -EBUSY;
	}
	pr_warn("flash %s: unable to lock it (%s): make sure that no other "
		"lkvm uses it",
		store->path, strerror(errno));
	return 0;
}

static int unknown_size(const struct flash_store *store)
{
	int err = errno;

	pr_fatal("flash %s: unable to find out its size: %s", store->path,
		 strerror(err));
	return -err;
}

static int file_size(struct flash_store *store, u64 *size)
{
	struct stat st;

	if (fstat(store->fd, &st) < 0)
		return unknown_size(store);
	if (S_ISDIR(st.st_mode)) {
		pr_fatal("flash %s: is a directory", store->path);
		return -EISDIR;
	}
	if (S_ISBLK(st.st_mode))
		return ioctl(store->fd, BLKGETSIZE64, size) < 0
			       ? unknown_size(store)
			       : 0;
	if (!S_ISREG(st.st_mode)) {
		pr_fatal("flash %s: is neither a file nor a block device",
			 store->path);
		return -EINVAL;
	}
	/* root may write it all the same, but whoever set that did not mean it
	 */
	if (!store->readonly && !(st.st_mode & 0222)) {
		pr_fatal("flash %s: is read-only: add \",ro\" to use it as it "
			 "is",
			 store->path);
		return -EACCES;
	}
	*size = (u64)st.st_size;
	return 0;
}

/* The bank's size when `size=` does not say it: the file's, within reason. */
static int size_of_file(struct flash_store *store, u64 bytes, u64 block,
			u64 window)
{
	if (!bytes) {
		pr_fatal("flash %s: is empty; \",create,size=2M\" makes a new "
			 "one",
			 store->path);
		return -EINVAL;
	}
	if (bytes < block) {
		pr_fatal("flash %s: has %" PRIu64 " bytes, less than one "
			 "erase block (%" PRIu64 ")",
			 store->path, bytes, block);
		return -EINVAL;
	}
	store->size = rounddown_pow_of_2(bytes);
	if (store->size > window || (window < bytes && store->size == window)) {
		pr_fatal("flash %s: has %" PRIu64 " bytes, there is room for "
			 "%" PRIu64,
			 store->path, bytes, window);
		return -EFBIG;
	}
	if (store->size != bytes)
		pr_info("flash %s: has %" PRIu64 " bytes, not a power of two: "
			"the first %" PRIu64 " are used (\",size=%" PRIu64
			"\" uses all)",
			store->path, bytes, store->size, store->size * 2);
	return 0;
}

static int check_size(struct flash_store *store, u64 size, u64 block,
		      u64 window)
{
	if (!is_power_of_2(size) || size < block) {
		pr_fatal("flash %s: size=%" PRIu64 ": has to be a power of "
			 "two, at least an erase block (%" PRIu64 ")",
			 store->path, size, block);
		return -EINVAL;
	}
	if (size > window) {
		pr_fatal("flash %s: size=%" PRIu64
			 ": there is room for %" PRIu64,
			 store->path, size, window);
		return -EFBIG;
	}
	store->size = size;
	return 0;
}

/* Gives a new or too short file erased flash up to the bank's size. */
static int extend(struct flash_store *store, u64 from)
{
	u8 erased[SZ_4K];

	memset(erased, 0xff, sizeof(erased));
	store->dirty = true;
	for (u64 at = from; at < store->size;) {
		size_t len = MIN(sizeof(erased), store->size - at);
		int ret = pwrite_full(store->fd, erased, len, (off_t)at);

		if (ret) {
			pr_fatal("flash %s: unable to write %" PRIu64
				 " bytes: %s",
				 store->path, store->size, strerror(-ret));
			return ret;
		}
		at += len;
	}
	return 0;
}

static int choose_size(struct flash_store *store,
		       const struct flash_config *config, u64 block, u64 window)
{
	u64 bytes = 0;
	int ret = file_size(store, &bytes);

	if (ret)
		return ret;
	if (config->create && !config->size && !bytes) {
		pr_fatal("flash %s: create needs a size, such as "
			 "\",create,size=2M\"",
			 store->path);
		return -EINVAL;
	}
	ret = config->size ? check_size(store, config->size, block, window)
			   : size_of_file(store, bytes, block, window);
	if (ret)
		return ret;
	if (!bytes && !config->create)
		return size_of_file(store, bytes, block, window);
	if (config->create && bytes < store->size) {
		ret = extend(store, bytes);
		bytes = store->size;
	} else if (config->size && bytes > store->size) {
		pr_info("flash %s: has %" PRIu64 " bytes, the first %" PRIu64
			" are used",
			store->path, bytes, store->size);
	}
	store->persistent = MIN(bytes, store->size);
	return ret;
}

/* Reads one stretch of data; holes are zero in fresh memory already. */
static int read_data(struct flash_store *store, u64 *at)
{
	off_t data = lseek(store->fd, (off_t)*at, SEEK_DATA);
	off_t hole;

	if (data < 0 && errno == ENXIO) {
		*at = store->persistent;
		return 0;
	}
	hole = data < 0 ? -1 : lseek(store->fd, data, SEEK_HOLE);
	/* No such thing here (a block device, say): all of it is data. */
	if (data < 0 || hole < 0) {
		data = (off_t)*at;
		hole = (off_t)store->persistent;
	}
	*at = MIN((u64)hole, store->persistent);
	if ((u64)data >= *at)
		return 0;
	return pread_full(store->fd, store->array + data, *at - (u64)data,
			  data);
}

static int load(struct flash_store *store)
{
	u64 at = 0;
	int ret = 0;
	void *map = mmap(NULL, store->size, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (map == MAP_FAILED)
		ret = -errno;
	else
		store->array = map;
	while (!ret && at < store->persistent)
		ret = read_data(store, &at);
	if (ret) {
		pr_fatal("flash %s: unable to read it: %s", store->path,
			 strerror(-ret));
		return ret;
	}
	memset(store->array + store->persistent, 0xff,
	       store->size - store->persistent);
	return 0;
}

int flash_store_open(struct flash_store *store,
		     const struct flash_config *config, u64 block, u64 window)
{
	bool created;
	int ret;

	memset(store, 0, sizeof(*store));
	store->readonly = config->readonly;
	store->fd = open_file(config, &created);
	if (store->fd < 0) {
		explain_open_error(config, -store->fd);
		return store->fd;
	}
	store->path = strdup(config->path);
	ret = store->path ? lock_file(store) : -ENOMEM;
	if (!ret)
		ret = choose_size(store, config, block, window);
	if (!ret)
		ret = load(store);
	/* Somebody else may have been quicker to lock it: then it is theirs. */
	if (ret && ret != -EBUSY && created)
		unlink(config->path);
	if (ret)
		flash_store_close(store);
	return ret;
}

static bool is_erased(const u8 *data, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (data[i] != 0xff)
			return false;
	return true;
}

/*
 * A part of a write that failed may be in the file, which then gets back what
 * it held, as far as the medium lets us: its blocks are there already.
 */
static void restore(struct flash_store *store, u64 offset, size_t len)
{
	int ret = pwrite_full(store->fd, store->array + offset, len,
			      (off_t)offset);

	if (ret)
		pr_debug("flash %s: a failed write may have left a part: %s",
			 store->path, strerror(-ret));
}

int flash_store_write(struct flash_store *store, u64 offset, const u8 *data,
		      size_t len)
{
	size_t kept = len;
	int ret = 0;

	if (store->readonly)
		return -EROFS;
	/* Beyond the file's end the flash is erased and has to stay so. */
	if (offset + len > store->persistent) {
		kept = offset < store->persistent ? store->persistent - offset
						  : 0;
		if (!is_erased(data + kept, len - kept))
			return -ENOSPC;
	}
	if (kept) {
		ret = pwrite_full(store->fd, data, kept, (off_t)offset);
		store->writes++;
		store->dirty = true;
	}
	if (!ret)
		memcpy(store->array + offset, data, len);
	else if (kept)
		restore(store, offset, kept);
	return ret;
}

int flash_store_sync(struct flash_store *store)
{
	if (!store->dirty)
		return 0;
	if (fdatasync(store->fd) < 0)
		return -errno;
	store->dirty = false;
	return 0;
}

void flash_store_close(struct flash_store *store)
{
	if (store->array)
		munmap(store->array, store->size);
	if (store->fd >= 0)
		close(store->fd);
	free(store->path);
	store->array = NULL;
	store->path = NULL;
	store->fd = -1;
}
