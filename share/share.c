/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Opens what --9p names. On the main thread, before there is a guest: what
 * cannot work ends lkvm with advice here, not as an error of the guest's.
 *
 * Directories are held by descriptors of O_PATH and opened again by the links
 * in /proc/self/fd, so the checks below are of what the server depends on: the
 * right to search, /proc, and extended attributes where they hold the owners.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "lkvm/share/share.h"
#include "lkvm/util/log.h"
#include "p9.h"

/* Linux as a guest holds one for each object that it has in its caches. */
#define MAX_FIDS 0x10000U
#define MIN_FIDS 64U

/*
 * Half of the descriptors that the process may have are for shares, evenly: a
 * guest that holds all it can leaves the rest of lkvm enough to open files. A
 * limit that cannot be raised is what there is.
 */
u32 share_descriptors(unsigned int count)
{
	struct rlimit limit;
	u64 each;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return MIN_FIDS;
	if (limit.rlim_cur < limit.rlim_max) {
		struct rlimit raised = { limit.rlim_max, limit.rlim_max };

		if (!setrlimit(RLIMIT_NOFILE, &raised))
			limit = raised;
	}
	each = (u64)limit.rlim_cur / 2 / MAX(count, 1U);
	return (u32)MIN(MAX(each, (u64)MIN_FIDS), (u64)MAX_FIDS);
}

/* How the user has asked for it. */
static const char *option_of(const struct share_config *config)
{
	return config->is_root ? "--root" : "--9p";
}

/* What to do about it, where that is known; returns -err. */
static int explain(const struct share_config *config, int err)
{
	if (err == ENOENT)
		pr_fatal("%s %s: there is no such directory: \"mkdir %s\" "
			 "makes it",
			 option_of(config), config->path, config->path);
	else if (err == ENOTDIR)
		pr_fatal("%s %s: is not a directory", option_of(config),
			 config->path);
	else
		pr_fatal("%s %s: unable to open it: %s", option_of(config),
			 config->path, strerror(err));
	return -err;
}

/* Without /proc a file that is held by its descriptor cannot be opened. */
static int check_proc(const struct share_config *config, int fd)
{
	struct stat st, seen;

	if (!fstat(fd, &st) && !stat(p9_path(fd).text, &seen) &&
	    st.st_dev == seen.st_dev && st.st_ino == seen.st_ino)
		return 0;
	pr_fatal("%s %s: a share needs /proc, which cannot be used here: "
		 "mount it",
		 option_of(config), config->path);
	return -ENOENT;
}

/* Where there are none nothing could be created. */
static int check_xattrs(const struct share_config *config, int fd)
{
	struct p9_path path = p9_path(fd);

	if (getxattr(path.text, P9_MAPPED_PREFIX "mode", NULL, 0) >= 0 ||
	    errno != EOPNOTSUPP)
		return 0;
	pr_fatal("--9p %s: owner=mapped needs extended attributes, which its "
		 "file system has not",
		 config->path);
	return -EOPNOTSUPP;
}

/*
 * The right to search is what all else depends on. Whether files can be read or
 * written is found out one by one, as on any file system.
 */
static int open_root(const struct share_config *config)
{
	int fd = open(config->path, O_PATH | O_DIRECTORY | O_CLOEXEC), ret = 0;

	if (fd < 0)
		return explain(config, errno);
	if (faccessat(AT_FDCWD, config->path, X_OK, AT_EACCESS) < 0)
		ret = explain(config, errno);
	if (!ret)
		ret = check_proc(config, fd);
	if (!ret && config->owner == SHARE_OWNER_MAPPED)
		ret = check_xattrs(config, fd);
	if (!ret)
		return fd;
	close(fd);
	return ret;
}

int share_open(const struct share_config *config, u32 max_fids,
	       struct p9_server **out)
{
	struct p9_params params = { .readonly = config->readonly,
				    .mapped = config->owner ==
					      SHARE_OWNER_MAPPED,
				    .max_fids = max_fids };
	int ret;

	params.root = open_root(config);
	if (params.root < 0)
		return params.root;
	ret = p9_server_create(&params, out);
	if (ret)
		pr_fatal("out of memory");
	return ret;
}
