/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Opening the file of a bank: what may be one, how large, what it holds. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "file.h"
#include "lkvm/hw/flash/store.h"
#include "lkvm/util/file.h"
#include "lkvm/util/log.h"

/* How much is read at once. */
#define CHUNK SZ_64K

/* Huge pages of hosts with pages of 4 KiB; banks are aligned to their size. */
#define ARRAY_ALIGN SZ_2M

/* One attempt to open a bank. */
struct opening {
	struct flash_store *store;
	const struct flash_config *config;
	const struct flash_limits *limits;
	struct flash_file file;
	bool gzip;
	bool created; /* an empty file that is to go on failure */
	bool copied;  /* a copy of the template, without its name so far */
	char *temp;   /* the name that it has instead, or NULL */
	bool taken;   /* the copy's name to be is somebody else's file's now */
};

static bool is_written(const struct opening *o)
{
	return !o->config->readonly && !o->config->snapshot;
}

static void explain_open_error(const struct opening *o, int err)
{
	const char *path = o->config->path;

	if ((err == EACCES || err == EROFS || err == EPERM) && is_written(o) &&
	    !access(path, R_OK))
		pr_fatal("flash %s: is read-only: add \",ro\" to use it as it "
			 "is, or \",snapshot\" for changes that are thrown "
			 "away",
			 path);
	else if (err == EISDIR)
		pr_fatal("flash %s: is a directory", path);
	else if (err == ENOENT && is_written(o) && !o->config->create &&
		 !o->config->template)
		pr_fatal("flash %s: %s: add \",create,size=2M\" to make it",
			 path, strerror(err));
	else
		pr_fatal("Unable to open flash %s: %s", path, strerror(err));
}

/* `copy`: a file that does not exist may be made of the template. */
static int open_file(struct opening *o, bool copy)
{
	int flags = is_written(o) ? O_RDWR : O_RDONLY;
	int ret = flash_file_open(&o->file, flags);

	if (ret == -ENOENT && o->config->template && copy) {
		ret = flash_template_copy(&o->file, o->config, o->limits,
					  &o->temp);
		o->copied = !ret;
		return ret;
	}
	if (ret == -ENOENT && o->config->create) {
		ret = flash_file_open(&o->file, flags | O_CREAT | O_EXCL);
		o->created = !ret;
	}
	if (ret)
		explain_open_error(o, -ret);
	return ret;
}

static int check_file(struct opening *o)
{
	struct flash_file *file = &o->file;
	int ret = flash_file_stat(file);

	if (ret)
		return ret;
	/* root may write it all the same, but whoever set that did not mean it
	 */
	if (S_ISREG(file->mode) && is_written(o) && !(file->mode & 0222)) {
		explain_open_error(o, EACCES);
		return -EACCES;
	}
	o->gzip = flash_file_is_gzip(file, o->limits);
	if (!o->gzip || !is_written(o))
		return 0;
	pr_fatal("flash %s: is compressed with gzip and cannot be written to: "
		 "gunzip it, name it as \"template=\" of a new file, or add "
		 "\",snapshot\" or \",ro\"",
		 file->path);
	return -EINVAL;
}

static int unreadable(const struct opening *o, int err)
{
	pr_fatal("flash %s: unable to read it: %s", o->file.path,
		 strerror(-err));
	return err;
}

/*
 * Aligned, so that huge pages of guest and host fall together: else KVM maps
 * the firmware that is executed in place one small page at a time. The slack on
 * both sides is given back.
 */
static int map_array(struct opening *o, u64 size)
{
	u8 *start, *end;
	u8 *map = mmap(NULL, size + ARRAY_ALIGN, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (map == MAP_FAILED)
		return unreadable(o, -errno);
	start = (u8 *)ALIGN_UP((uintptr_t)map, ARRAY_ALIGN);
	end = map + size + ARRAY_ALIGN;
	if (start > map)
		munmap(map, (size_t)(start - map));
	if (start + size < end)
		munmap(start + size, (size_t)(end - start) - size);
	o->store->array = start;
	o->store->size = size;
	return 0;
}

/* Pages of zeros are there already, and need no memory as long as they are. */
static void fill(u8 *to, const u8 *data, size_t len)
{
	for (size_t i = 0; i < len; i += SZ_4K) {
		size_t n = MIN(SZ_4K, len - i);

		if (!flash_is_zero(data + i, n))
			memcpy(to + i, data + i, n);
	}
}

/* ---- Files as they are --------------------------------------------------- */

static int choose_size(struct opening *o, u64 *size)
{
	const struct flash_config *config = o->config;
	struct flash_file *file = &o->file;
	int ret;

	if (config->create && !config->size && !file->bytes) {
		pr_fatal("flash %s: create needs a size, such as "
			 "\",create,size=2M\"",
			 file->path);
		return -EINVAL;
	}
	ret = flash_file_bank_size(file, file->bytes, false, !is_written(o),
				   config, o->limits, size);
	if (ret || !config->create || file->bytes >= *size)
		return ret;
	o->store->dirty = true;
	ret = flash_file_erase(file, file->bytes, *size);
	file->bytes = *size;
	return ret;
}

static int read_range(struct opening *o, u8 *buf, u64 from, u64 to)
{
	int ret = 0;

	for (u64 at = from; !ret && at < to; at += CHUNK) {
		size_t len = MIN(CHUNK, to - at);

		ret = pread_full(o->file.fd, buf, len, (off_t)at);
		if (!ret)
			fill(o->store->array + at, buf, len);
	}
	return ret;
}

/* Reads one stretch of data; holes are zero in fresh memory already. */
static int read_data(struct opening *o, u8 *buf, u64 *at)
{
	u64 end = o->store->persistent;
	off_t data = lseek(o->file.fd, (off_t)*at, SEEK_DATA);
	off_t hole;

	if (data < 0 && errno == ENXIO) {
		*at = end;
		return 0;
	}
	hole = data < 0 ? -1 : lseek(o->file.fd, data, SEEK_HOLE);
	/* No such thing here (a block device, say): all of it is data. */
	if (data < 0 || hole < 0) {
		data = (off_t)*at;
		hole = (off_t)end;
	}
	*at = MIN((u64)hole, end);
	return read_range(o, buf, (u64)data, *at);
}

static int load_plain(struct opening *o, u8 *buf)
{
	u64 size, at = 0;
	int ret = choose_size(o, &size);

	if (!ret)
		ret = map_array(o, size);
	if (ret)
		return ret;
	o->store->persistent = MIN(o->file.bytes, size);
	while (!ret && at < o->store->persistent)
		ret = read_data(o, buf, &at);
	return ret ? unreadable(o, ret) : 0;
}

/* ---- Compressed ones ----------------------------------------------------- */

/* As much as the array has room for; *more tells whether that is not all. */
static int gunzip(struct opening *o, u8 *buf, u64 *bytes, bool *more)
{
	struct flash_store *store = o->store;
	size_t got = CHUNK;

	*bytes = 0;
	*more = false;
	while (got == CHUNK && !*more) {
		int ret = flash_file_read(&o->file, buf, CHUNK, &got);

		if (ret)
			return ret;
		*more = got > store->size - *bytes;
		got = MIN(got, store->size - *bytes);
		fill(store->array + *bytes, buf, got);
		*bytes += got;
	}
	return 0;
}

static int load_gzip(struct opening *o, u8 *buf)
{
	struct flash_store *store = o->store;
	u64 max, bytes, size;
	bool more;
	int ret = flash_file_max_size(&o->file, o->config, o->limits, &max);

	if (!ret)
		ret = map_array(o, max);
	if (!ret)
		ret = flash_file_begin_gzip(&o->file);
	if (!ret)
		ret = gunzip(o, buf, &bytes, &more);
	if (!ret)
		ret = flash_file_bank_size(&o->file, bytes, more, true,
					   o->config, o->limits, &size);
	if (ret)
		return ret;
	if (size < max)
		munmap(store->array + size, max - size);
	store->size = size;
	store->persistent = MIN(bytes, size);
	return 0;
}

/* -------------------------------------------------------------------------- */

static int load(struct opening *o)
{
	struct flash_store *store = o->store;
	u8 *buf = malloc(CHUNK);
	int ret;

	if (!buf)
		return unreadable(o, -ENOMEM);
	ret = o->gzip ? load_gzip(o, buf) : load_plain(o, buf);
	if (!ret)
		memset(store->array + store->persistent, 0xff,
		       store->size - store->persistent);
	free(buf);
	return ret;
}

/* The file's last step: it is complete, locked and read. */
static int name_copy(struct opening *o)
{
	int ret = flash_template_place(&o->file, o->temp, o->config->path,
				       o->config->sync != FLASH_SYNC_NONE);

	o->taken = ret == -EEXIST;
	if (!ret) {
		free(o->temp);
		o->temp = NULL;
	}
	return ret;
}

static void give_up(struct opening *o, int err)
{
	/* Somebody else may have been quicker to lock it: then it is theirs. */
	if (o->created && err != -EBUSY)
		unlink(o->config->path);
	if (o->temp)
		unlink(o->temp);
	free(o->temp);
	o->temp = NULL;
	flash_file_close(&o->file);
	flash_store_close(o->store);
}

static void init(struct flash_store *store, const struct flash_config *config)
{
	memset(store, 0, sizeof(*store));
	store->fd = -1;
	store->head = FLASH_STORE_NO_HEAD;
	store->readonly = config->readonly;
	store->snapshot = config->snapshot;
	store->sync = config->sync;
	store->fault.fail_program = config->fail_program;
	store->fault.fail_erase = config->fail_erase;
	store->fault.cut = config->cut;
}

static int open_once(struct opening *o, bool copy)
{
	int ret;

	o->copied = false;
	init(o->store, o->config);
	o->store->block = o->limits->block;
	o->store->path = strdup(o->config->path);
	ret = o->store->path ? open_file(o, copy) : unreadable(o, -ENOMEM);
	if (!ret)
		ret = flash_file_lock(&o->file,
				      is_written(o) ? F_WRLCK : F_RDLCK);
	if (!ret)
		ret = check_file(o);
	if (!ret)
		ret = load(o);
	if (!ret && o->copied)
		ret = name_copy(o);
	if (ret) {
		give_up(o, ret);
		return ret;
	}
	o->store->fd = o->file.fd;
	o->file.fd = -1;
	flash_file_close(&o->file);
	return 0;
}

int flash_store_check(const struct flash_config *config)
{
	struct opening o = {
		.config = config,
		.file = { .what = "flash", .path = config->path, .fd = -1 },
	};
	int ret;

	if (config->in_memory)
		return 0;
	ret = flash_file_open(&o.file, is_written(&o) ? O_RDWR : O_RDONLY);
	flash_file_close(&o.file);
	if (ret == -ENOENT && (config->create || config->template))
		return 0;
	if (ret)
		explain_open_error(&o, -ret);
	return ret;
}

int flash_store_open(struct flash_store *store,
		     const struct flash_config *config, u64 block, u64 window)
{
	const struct flash_limits limits = { block, window };
	struct opening o = {
		.store = store,
		.config = config,
		.limits = &limits,
		.file = { .what = "flash", .path = config->path, .fd = -1 },
	};
	int ret = open_once(&o, true);

	/* Made by somebody else while we copied: it is the bank then. */
	if (o.taken)
		ret = open_once(&o, false);
	return ret;
}
