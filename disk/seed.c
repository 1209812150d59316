/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The disk by which cloud-init gets its configuration: files of a folder in an
 * ISO 9660 file system whose label is "cidata" (cloud-init, "NoCloud"). It is
 * made by a program of the host, in memory, and only read.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lkvm/util/log.h"
#include "lkvm/util/run_program.h"
#include "raw.h"

/*
 * "NoCloud": the label of the file system is how cloud-init knows the disk; it
 * takes it in capital letters as well.
 */
#define SEED_LABEL "cidata"

/* Each takes the options of mkisofs. */
static const char *const programs[] = { "genisoimage", "xorrisofs", "mkisofs" };

/* cloud-init passes over a disk without both of them; they may be empty. */
static int check(const char *folder)
{
	static const char *const names[] = { "user-data", "meta-data" };
	int dir = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC), ret = 0;

	if (dir < 0) {
		ret = -errno;
		pr_fatal("--cloud-init %s: %s", folder, strerror(-ret));
		return ret;
	}
	for (size_t i = 0; !ret && i < ARRAY_SIZE(names); i++) {
		if (!faccessat(dir, names[i], R_OK, 0))
			continue;
		ret = -errno;
		pr_fatal("--cloud-init %s: %s: %s; cloud-init wants user-data "
			 "and meta-data, which may be empty",
			 folder, names[i], strerror(-ret));
	}
	close(dir);
	return ret;
}

/* The first program that there is; what it says is reported. */
static int make(const char *folder, int fd)
{
	char output[RUN_OUTPUT] = "";
	int ret = -ENOENT;

	for (size_t i = 0; ret == -ENOENT && i < ARRAY_SIZE(programs); i++) {
		const char *const argv[] = { programs[i], "-quiet",    "-V",
					     SEED_LABEL,  "-J",	       "-r",
					     "-o",	  "/dev/fd/3", folder,
					     NULL };

		ret = run_program(argv, fd, output);
		if (ret > 0)
			pr_fatal("--cloud-init %s: %s: %s", folder, programs[i],
				 *output ? output : "has failed");
	}
	if (ret == -ENOENT)
		pr_fatal("--cloud-init: there is no program that makes the "
			 "disk: install genisoimage or xorriso");
	else if (ret < 0)
		pr_fatal("--cloud-init %s: %s", folder, strerror(-ret));
	return ret > 0 ? -EIO : ret;
}

/*
 * A folder whose name begins with "-" gets "./" in front: the program would
 * take it for an option. The image is in memory, so nothing is left on the disk
 * if lkvm is killed.
 */
static int make_image(const char *folder, int *fd)
{
	char path[4096];
	int ret = check(folder), n;

	if (ret)
		return ret;
	n = snprintf(path, sizeof(path), "%s%s", *folder == '-' ? "./" : "",
		     folder);
	if (n < 0 || (size_t)n >= sizeof(path)) {
		pr_fatal("--cloud-init %s: %s", folder, strerror(ENAMETOOLONG));
		return -ENAMETOOLONG;
	}
	*fd = memfd_create(SEED_LABEL, MFD_CLOEXEC);
	if (*fd < 0) {
		ret = -errno;
		pr_fatal("--cloud-init %s: %s", folder, strerror(-ret));
		return ret;
	}
	ret = make(path, *fd);
	if (ret)
		close(*fd);
	return ret;
}

/*
 * The guest sees it as a raw disk that is read only. A size that is no multiple
 * of the sector would be a program that was cut short.
 */
int disk_open_seed(const char *folder, struct disk **out)
{
	struct disk disk = { .path = folder,
			     .block = DISK_SECTOR,
			     .readonly = true };
	struct stat st;
	int fd, ret = make_image(folder, &fd);

	if (ret)
		return ret;
	if (fstat(fd, &st) < 0 || !st.st_size ||
	    !IS_ALIGNED((u64)st.st_size, DISK_SECTOR)) {
		pr_fatal("--cloud-init %s: the image is not one of whole "
			 "sectors",
			 folder);
		close(fd);
		return -EIO;
	}
	disk.size = (u64)st.st_size;
	ret = raw_create(&disk, fd, false, out);
	if (ret)
		pr_fatal("out of memory");
	return ret;
}
