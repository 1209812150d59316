/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Opening the file of a bank: open or create it, lock it, check what it is,
 * choose the size of the bank and read the content into the array. All of it
 * happens once, while the machine is built; afterwards hw/flash/store.c has the
 * file.
 *
 * The order matters: the name is looked at again once the lock is held, since
 * only then nobody replaces the file; and a copy of a template gets its name
 * last. If an attempt loses against another process (`again`), all begins anew
 * with what that has left.
 */
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

/* One attempt to open a bank. */
struct opening {
	struct flash_store *store;
	const struct flash_config *config;
	const struct flash_limits *limits;
	struct flash_file file;
	bool created; /* an empty file that is to go on failure */
	bool copied;  /* a copy of the template, without its name so far */
	char *temp;   /* the name that it has instead, or NULL */
	bool again;   /* the name is another file's than ours by now */
};

/*
 * How often all begins anew before another process is taken to replace the file
 * all the time.
 */
#define MAX_TRIES 20

/*
 * Whether the guest's changes go to the file, which then needs write
 * permission, an exclusive lock and raw format.
 */
static bool is_written(const struct opening *o)
{
	return !o->config->readonly && !o->config->snapshot;
}

/* The message names what the user can do about the usual causes. */
static void explain_open_error(const struct opening *o, int err)
{
	const char *path = o->config->path;
	char target[256];

	if ((err == EACCES || err == EROFS || err == EPERM) && is_written(o) &&
	    !access(path, R_OK))
		pr_fatal("flash %s: is read-only: add \",ro\" to use it as it "
			 "is, or \",snapshot\" for changes that are thrown "
			 "away",
			 path);
	else if (err == EISDIR)
		pr_fatal("flash %s: is a directory", path);
	else if (err == ENOENT &&
		 file_is_dangling(path, target, sizeof(target)))
		pr_fatal("flash %s: is a symbolic link to %s, which does not "
			 "exist: name that instead, or remove the link",
			 path, target);
	else if (err == ENOENT && is_written(o) && !o->config->create &&
		 !o->config->template)
		pr_fatal("flash %s: %s: add \",create,size=2M\" to make it",
			 path, strerror(err));
	else
		pr_fatal("Unable to open flash %s: %s", path, strerror(err));
}

/*
 * A file that another process creates at the same time (-EEXIST) is opened by
 * the next attempt.
 */
static int create_file(struct opening *o)
{
	int ret;

	if (o->config->template) {
		ret = flash_template_copy(&o->file, o->config, o->limits,
					  &o->temp);
		o->copied = !ret;
		return ret;
	}
	ret = flash_file_open(&o->file, O_RDWR | O_CREAT | O_EXCL);
	o->created = !ret;
	o->again = ret == -EEXIST;
	if (ret && !o->again)
		explain_open_error(o, -ret);
	return ret;
}

/*
 * Opens the file if it is there; else *is_new, if it is to be made. O_CREAT
 * follows no dangling symbolic link with O_EXCL, so such a name is an error of
 * its own and not a file to create.
 */
static int open_existing(struct opening *o, bool *is_new)
{
	const struct flash_config *config = o->config;
	char target[256];
	int ret = flash_file_open(&o->file, is_written(o) ? O_RDWR : O_RDONLY);

	*is_new = ret == -ENOENT && (config->template || config->create) &&
		  !file_is_dangling(config->path, target, sizeof(target));
	if (*is_new)
		return 0;
	if (ret)
		explain_open_error(o, -ret);
	return ret;
}

static int open_file(struct opening *o)
{
	bool is_new;
	int ret = open_existing(o, &is_new);

	return is_new ? create_file(o) : ret;
}

/*
 * Between open and lock the name may become that of another file: another
 * process has replaced it, or another lkvm has made it, failed and removed it.
 * A lock on the old file would exclude nobody, and what is written to it would
 * be lost.
 */
static int lock_file(struct opening *o)
{
	int ret = flash_file_lock(&o->file, is_written(o) ? F_WRLCK : F_RDLCK);

	if (ret || o->copied || !file_lost_name(o->file.fd, o->file.path))
		return ret;
	o->again = true;
	return -ESTALE;
}

/* Writing raw content over an image in another format would destroy it. */
static int refuse_writing(const struct flash_file *file)
{
	if (file->format->id == DISK_FORMAT_OTHER)
		return flash_file_refuse_format(file);
	pr_fatal("flash %s: is in %s format and cannot be written to: name it "
		 "as \"template=\" of a new file, add \",snapshot\" or "
		 "\",ro\", or convert it: \"%s %s%s%s.raw\"",
		 file->path, file->format->name,
		 DISK_FORMAT_COMMAND(file->format, file->path));
	return -EINVAL;
}

/*
 * Ends with a file that may be used as it is opened: of a type that has
 * content, and raw if it is written to.
 */
static int check_file(struct opening *o)
{
	struct flash_file *file = &o->file;
	int ret = flash_file_stat(file);

	if (ret)
		return ret;
	/* root can write to it nevertheless, against the mode the user set. */
	if (S_ISREG(file->mode) && is_written(o) && !(file->mode & 0222)) {
		explain_open_error(o, EACCES);
		return -EACCES;
	}
	ret = flash_file_find_format(file, o->limits);
	if (ret || !file->format || !is_written(o))
		return ret;
	return refuse_writing(file);
}

static int unreadable(const struct opening *o, int err)
{
	pr_fatal("flash %s: unable to read it: %s", o->file.path,
		 strerror(-err));
	return err;
}

static int map_array(struct opening *o, u64 size)
{
	o->store->array = flash_map_array(size, PROT_READ | PROT_WRITE);
	if (!o->store->array)
		return unreadable(o, -errno);
	o->store->size = size;
	return 0;
}

/*
 * Fresh anonymous memory reads as zero: pages of zeros are not touched, and
 * take no memory.
 */
static void fill(u8 *to, const u8 *data, size_t len)
{
	for (size_t i = 0; i < len; i += SZ_4K) {
		size_t n = MIN(SZ_4K, len - i);

		if (!is_filled(data + i, n, 0))
			memcpy(to + i, data + i, n);
	}
}

/* ---- Files as they are --------------------------------------------------- */

/*
 * With `create` a file that is shorter than the bank is extended by erased
 * flash, here, so that `persistent` covers the whole bank.
 */
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

/*
 * Reads one extent of data, from *at on, and sets *at behind it. Holes are zero
 * in fresh memory already, and a sparse file of 64 MiB is loaded in no time.
 */
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

/*
 * `persistent` is what the file holds of the bank; load() fills the rest with
 * ones.
 */
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

/* ---- Other formats ------------------------------------------------------- */

/*
 * Decodes as much as the array has room for; *more tells whether there is more
 * content than that.
 */
static int decode(struct opening *o, u8 *buf, u64 *bytes, bool *more)
{
	struct flash_store *store = o->store;
	size_t got = CHUNK;
	bool zeros;

	*bytes = 0;
	*more = false;
	while (got == CHUNK && !*more) {
		int ret = flash_file_read(&o->file, buf, CHUNK, &got, &zeros);

		if (ret)
			return ret;
		*more = got > store->size - *bytes;
		got = MIN(got, store->size - *bytes);
		if (!zeros)
			fill(store->array + *bytes, buf, got);
		*bytes += got;
	}
	return 0;
}

/*
 * The size of the content is known at its end only, so the array is mapped as
 * large as it may be and cut afterwards.
 */
static int load_decoded(struct opening *o, u8 *buf)
{
	struct flash_store *store = o->store;
	u64 max, bytes, size;
	bool more;
	int ret = flash_file_max_size(&o->file, o->config, o->limits, &max);

	if (!ret)
		ret = flash_file_begin(&o->file);
	if (!ret)
		ret = map_array(o, max);
	if (!ret)
		ret = decode(o, buf, &bytes, &more);
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

/* What the file does not hold is erased flash. */
static int load(struct opening *o)
{
	struct flash_store *store = o->store;
	u8 *buf = malloc(CHUNK);
	int ret;

	if (!buf)
		return unreadable(o, -ENOMEM);
	ret = o->file.format ? load_decoded(o, buf) : load_plain(o, buf);
	if (!ret)
		memset(store->array + store->persistent, 0xff,
		       store->size - store->persistent);
	free(buf);
	return ret;
}

/* A copy's last step: it is complete, locked and read. */
static int name_copy(struct opening *o)
{
	int ret = flash_template_place(&o->file, o->temp, o->config->path,
				       o->config->sync != FLASH_SYNC_NONE);

	o->again = ret == -EEXIST;
	if (!ret) {
		free(o->temp);
		o->temp = NULL;
	}
	return ret;
}

/*
 * Leaves no new file behind, unless another lkvm has locked it first: then it
 * is that one's bank.
 */
static void give_up(struct opening *o, int err)
{
	if (o->created && err != -EBUSY && !o->again)
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

/*
 * One attempt. On success the descriptor, and with it the lock, goes over to
 * the store.
 */
static int open_once(struct opening *o)
{
	int ret;

	o->created = o->copied = o->again = false;
	init(o->store, o->config);
	o->store->block = o->limits->block;
	o->store->path = strdup(o->config->path);
	ret = o->store->path ? open_file(o) : unreadable(o, -ENOMEM);
	if (!ret)
		ret = lock_file(o);
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
	if (o->created && o->config->sync != FLASH_SYNC_NONE)
		flash_file_sync_name(o->config->path);
	o->store->fd = o->file.fd;
	o->file.fd = -1;
	flash_file_close(&o->file);
	return 0;
}

/*
 * Before there is a VM, so that a wrong name is reported before anything else
 * is done. It takes no lock and creates nothing.
 */
int flash_store_check(const struct flash_config *config)
{
	struct opening o = {
		.config = config,
		.file = { .what = "flash", .path = config->path, .fd = -1 },
	};
	bool is_new;
	int ret;

	if (config->in_memory)
		return 0;
	ret = open_existing(&o, &is_new);
	flash_file_close(&o.file);
	if (is_new && config->template)
		ret = flash_template_check(config->template);
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
	int ret;

	for (unsigned int i = 0; i < MAX_TRIES; i++) {
		ret = open_once(&o);
		if (!o.again)
			return ret;
	}
	pr_fatal("flash %s: is replaced by another file each time it is opened",
		 config->path);
	return ret;
}
