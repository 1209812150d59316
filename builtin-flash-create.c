/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * `lkvm flash create`: a new flash file, erased or with the content of a
 * template. Sizes are checked by the rules of `lkvm run`, so that the file can
 * be used as a bank. An existing file is replaced in place with --force only,
 * and never while an lkvm holds its lock; nothing is renamed, so links and
 * permissions stay. A template is not read while an lkvm writes to it.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "builtin-flash.h"
#include "lkvm/exit_status.h"
#include "lkvm/util/file.h"
#include "lkvm/util/log.h"
#include "lkvm/util/parse.h"

#define SYNOPSIS "lkvm flash create [OPTION]... FILE"

/* What the command line says. */
struct options {
	const char *path;
	const char *template; /* NULL: none */
	u64 size;	      /* bytes; 0: the template's */
	bool force;
};

/* A bank has a power of two of bytes and whole erase blocks. */
static bool is_good_size(u64 size)
{
	return is_power_of_2(size) && size >= FLASH_MIN_BANK &&
	       size <= FLASH_MAX_BANK;
}

/* Checked here and not when the file is made: a wrong size is wrong usage. */
static int parse_size_option(const char *arg, void *config)
{
	struct options *opts = config;

	if (!parse_size(arg, 0, &opts->size, NULL) && is_good_size(opts->size))
		return 0;
	pr_fatal("--size %s: want a power of two from 64K to %luM", arg,
		 FLASH_MAX_BANK / SZ_1M);
	return -EINVAL;
}

/*
 * Without a template nothing says how large the flash is to be, and there is no
 * size that fits most firmware.
 */
static int parse(struct options *opts, int argc, char *const argv[])
{
	static const struct option_def table[] = {
		OPT_CALLBACK('s', "size", parse_size_option, "SIZE",
			     "Size of the flash, a power of two from 64K to "
			     "64M; in bytes or with a suffix BKMGTP"),
		OPT_STRING('t', "template", struct options, template, "FILE",
			   "Begin with what FILE holds; SIZE is then that of "
			   "FILE unless given"),
		OPT_FLAG(0, "force", struct options, force,
			 "Overwrite an existing file"),
		OPT_END(),
	};
	int ret = flash_options(table, opts, SYNOPSIS, argc, argv, &opts->path,
				1);

	if (!ret && !opts->size && !opts->template) {
		pr_fatal("create needs --size, such as --size 2M, or a "
			 "--template");
		ret = -EINVAL;
	}
	return ret;
}

/*
 * Puts what the file is to hold into *content, `opts->size` bytes, which the
 * caller frees. Behind a template's end the flash is erased.
 */
static int make_content(struct options *opts, u8 **content)
{
	struct flash_content template = { .what = "template",
					  .path = opts->template,
					  .max = FLASH_MAX_BANK,
					  .lock = true };
	size_t len;
	int ret = 0;

	*content = NULL;
	if (opts->template)
		ret = flash_content_read(&template);
	len = template.size;
	if (ret) {
		free(template.buf);
		return ret;
	}
	if (!opts->size && !is_good_size(len)) {
		pr_fatal("template %s: has %zu bytes, no power of two of at "
			 "least 64K: use --size",
			 opts->template, len);
		ret = -EINVAL;
	} else if (opts->size && len > opts->size) {
		pr_fatal("template %s: has %zu bytes, more than --size "
			 "%" PRIu64,
			 opts->template, len, opts->size);
		ret = -EINVAL;
	}
	if (!ret && !opts->size)
		opts->size = len;
	*content = ret ? NULL : malloc(opts->size);
	if (*content) {
		memset(*content, 0xff, opts->size);
		if (len)
			memcpy(*content, template.buf, len);
	} else if (!ret) {
		pr_fatal("out of memory");
		ret = -ENOMEM;
	}
	free(template.buf);
	return ret;
}

/* Attempts to open a file that is replaced before its lock is taken. */
#define MAX_TRIES 20

/*
 * O_EXCL decides whether the file is new, in one step: only a new one is
 * removed again after an error.
 */
static int open_file(const struct options *opts, bool *created)
{
	char target[256];
	int flags = O_RDWR | O_CLOEXEC | O_NOCTTY;
	int fd = open(opts->path, flags | O_CREAT | O_EXCL, 0666);

	*created = fd >= 0;
	if (fd < 0 && errno == EEXIST && opts->force)
		fd = open(opts->path, flags);
	if (fd >= 0)
		return fd;
	fd = -errno;
	if (file_is_dangling(opts->path, target, sizeof(target)))
		pr_fatal("flash %s: is a symbolic link to %s, which does not "
			 "exist: name that instead, or remove the link",
			 opts->path, target);
	else if (fd == -EEXIST)
		pr_fatal("flash %s: exists already; --force overwrites it",
			 opts->path);
	else
		pr_fatal("Unable to create flash %s: %s", opts->path,
			 strerror(-fd));
	return fd;
}

/*
 * Held until the descriptor is closed. A file that an lkvm uses is not
 * overwritten. Returns -ESTALE without a message if another file has the name
 * by now. File systems without locks are accepted.
 */
static int lock_file(int fd, const char *path)
{
	if (file_try_lock(fd, F_WRLCK) != -EBUSY)
		return file_lost_name(fd, path) ? -ESTALE : 0;
	pr_fatal("flash %s: is in use", path);
	return -EBUSY;
}

/*
 * The content before the size: a file that is larger keeps its tail until the
 * new content is there. Devices and pipes are refused.
 */
static int write_file(int fd, const struct options *opts, const u8 *content)
{
	struct stat st;
	int ret = 0;

	if (fstat(fd, &st) < 0)
		ret = -errno;
	else if (!S_ISREG(st.st_mode))
		ret = -EINVAL;
	if (ret == -EINVAL) {
		pr_fatal("flash %s: is no regular file", opts->path);
		return ret;
	}
	if (!ret)
		ret = pwrite_full(fd, content, opts->size, 0);
	if (!ret && ftruncate(fd, (off_t)opts->size) < 0)
		ret = -errno;
	if (!ret)
		ret = file_sync_data(fd);
	if (ret)
		pr_fatal("flash %s: unable to write %" PRIu64 " bytes: %s",
			 opts->path, opts->size, strerror(-ret));
	return ret;
}

/* Best effort: a folder that may be written to need not be readable. */
static void sync_name(const char *path)
{
	int ret = file_sync_folder(path);

	if (ret)
		pr_debug("unable to make the name of %s durable: %s", path,
			 strerror(-ret));
}

/*
 * -ESTALE without a message: the caller tries again. A file that was there
 * before is kept after an error, with what was written to it.
 */
static int create_once(const struct options *opts, const u8 *content)
{
	bool created;
	int fd = open_file(opts, &created);
	int ret;

	if (fd < 0)
		return fd;
	ret = lock_file(fd, opts->path);
	if (!ret)
		ret = write_file(fd, opts, content);
	if (ret && ret != -EBUSY && ret != -ESTALE && created)
		unlink(opts->path);
	close(fd);
	if (!ret && created)
		sync_name(opts->path);
	return ret;
}

/*
 * The bound prevents an endless loop against a program that replaces the file
 * all the time.
 */
static int create(const struct options *opts, const u8 *content)
{
	int ret = -ESTALE;

	for (unsigned int i = 0; ret == -ESTALE && i < MAX_TRIES; i++)
		ret = create_once(opts, content);
	if (ret == -ESTALE)
		pr_fatal("flash %s: is replaced by another file each time it "
			 "is opened",
			 opts->path);
	return ret;
}

int cmd_flash_create(int argc, char *const argv[])
{
	struct options opts = { 0 };
	u8 *content;
	int ret = parse(&opts, argc, argv);

	if (ret)
		return flash_options_status(ret);
	ret = make_content(&opts, &content);
	if (!ret)
		ret = create(&opts, content);
	free(content);
	return ret ? EXIT_STATUS_SETUP : EXIT_STATUS_POWEROFF;
}
