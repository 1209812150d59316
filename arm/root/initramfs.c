/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The initramfs of --root: a program, modules that it loads, and a file that
 * says what it is to do. Made in memory, once; a reset loads it again.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lkvm/util/cpio.h"
#include "lkvm/util/file.h"
#include "lkvm/util/log.h"
#include "root.h"

#define MAX_ARCHIVE (512 * SZ_1M)

/* Linux, ARG_MAX and what an environment may have beside it: far more than is
 * needed. */
#define MAX_SETTINGS (4 * SZ_1M)

/* Linux Documentation/admin-guide/devices.txt: the console is 5, 1. */
static void add_fixed(struct blob *archive)
{
	cpio_add(archive, S_IFDIR | 0755, "dev", NULL, 0);
	cpio_add_device(archive, S_IFCHR | 0600, "dev/console", 5, 1);
	cpio_add(archive, S_IFREG | 0500, "init", root_init, root_init_size);
}

/* Without the kernel's release no modules can be looked for: no error. */
static int fill(const struct vm_config *config, struct boot_file *kernel,
		struct blob *archive, struct blob *settings)
{
	char release[RELEASE_SIZE];
	int ret = release_find(kernel, release);

	if (ret && ret != -ENOENT)
		return ret;
	add_fixed(archive);
	if (!ret)
		root_add_setting(settings, "release", release);
	ret = root_collect_modules(config, ret ? NULL : release, archive,
				   settings);
	if (ret)
		return ret;
	root_add_settings(config, settings);
	blob_fail(archive, settings->err);
	cpio_add(archive, S_IFREG | 0400, "settings", settings->data,
		 settings->size);
	cpio_end(archive);
	if (archive->err)
		pr_fatal("--root: unable to make its initramfs: %s",
			 strerror(-archive->err));
	return archive->err;
}

/* A file in memory, as one that cannot be read twice. */
static int store(const struct blob *archive, struct boot_file *initrd)
{
	int fd = memfd_create("initramfs", MFD_CLOEXEC);
	int ret = fd < 0 ? -errno
			 : write_full(fd, archive->data, archive->size);

	if (ret) {
		pr_fatal("--root: no memory for its initramfs: %s",
			 strerror(-ret));
		if (fd >= 0)
			close(fd);
		return ret;
	}
	*initrd = (struct boot_file) { .path = "of --root",
				       .what = "initrd",
				       .fd = fd,
				       .size = archive->size,
				       .copy = true };
	return 0;
}

int root_make_initrd(const struct vm_config *config, struct boot_file *kernel,
		     struct boot_file *initrd)
{
	struct blob archive = { .limit = MAX_ARCHIVE };
	struct blob settings = { .limit = MAX_SETTINGS };
	int ret = fill(config, kernel, &archive, &settings);

	if (!ret)
		ret = store(&archive, initrd);
	blob_free(&archive);
	blob_free(&settings);
	return ret;
}
