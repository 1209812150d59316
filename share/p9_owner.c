/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Owners, modes and types as the guest has set them, kept in extended
 * attributes of files that are ours: as QEMU does it for security_model
 * mapped-xattr, so that a directory can be used by either. A file has mode 0600
 * on the host, a directory 0700; links, FIFOs, sockets and devices are regular
 * files, a link's target is its content.
 */
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "p9.h"

/* QEMU, hw/9pfs/9p-local.c: 32 bits each, the last 64; little-endian. */
#define NAME_UID  P9_MAPPED_PREFIX "uid"
#define NAME_GID  P9_MAPPED_PREFIX "gid"
#define NAME_MODE P9_MAPPED_PREFIX "mode"
#define NAME_RDEV P9_MAPPED_PREFIX "rdev"

/* False if there is none, or something else. */
static bool get(int fd, const char *name, void *value, size_t size)
{
	return getxattr(p9_path(fd).text, name, value, size) == (ssize_t)size;
}

static int set(int fd, const char *name, const void *value, size_t size)
{
	struct p9_path path = p9_path(fd);

	return setxattr(path.text, name, value, size, 0) < 0 ? -errno : 0;
}

static bool get_u32(int fd, const char *name, u32 *value)
{
	bool there = get(fd, name, value, sizeof(*value));

	*value = le32toh(*value);
	return there;
}

static int set_u32(int fd, const char *name, u32 value)
{
	value = htole32(value);
	return set(fd, name, &value, sizeof(value));
}

/* What a regular file stands for; a directory is one, and nothing else is. */
static mode_t mapped_mode(mode_t host, u32 mode)
{
	mode_t type = mode & S_IFMT;

	if (S_ISDIR(host) || S_ISDIR(type) || !type)
		type = host & S_IFMT;
	return type | (mode & 07777);
}

/* What was not set is the host's. */
static void overlay(int fd, struct stat *st)
{
	u32 value;
	u64 rdev;

	if (get_u32(fd, NAME_UID, &value))
		st->st_uid = value;
	if (get_u32(fd, NAME_GID, &value))
		st->st_gid = value;
	if (get_u32(fd, NAME_MODE, &value))
		st->st_mode = mapped_mode(st->st_mode, value);
	if (get(fd, NAME_RDEV, &rdev, sizeof(rdev)))
		st->st_rdev = le64toh(rdev);
}

/* Only what is a file or a directory on the host stands for something else. */
int p9_stat(const struct p9_server *server, int fd, struct stat *st)
{
	if (fstat(fd, st) < 0)
		return -errno;
	if (server->mapped && (S_ISREG(st->st_mode) || S_ISDIR(st->st_mode)))
		overlay(fd, st);
	return 0;
}

int p9_map_owner(int fd, u32 uid, u32 gid)
{
	int ret = uid == UINT32_MAX ? 0 : set_u32(fd, NAME_UID, uid);

	return ret || gid == UINT32_MAX ? ret : set_u32(fd, NAME_GID, gid);
}

int p9_map_mode(int fd, u32 mode)
{
	return set_u32(fd, NAME_MODE, mode);
}

static int map_device(int fd, dev_t rdev)
{
	u64 value = htole64(rdev);

	return set(fd, NAME_RDEV, &value, sizeof(value));
}

/* The file is ours by its attributes, and regular: p9_stat() has looked. */
ssize_t p9_mapped_target(int fd, char *target, size_t size)
{
	int file = p9_reopen(fd, O_RDONLY);
	ssize_t n;

	if (file < 0)
		return file;
	n = pread(file, target, size, 0);
	if (n < 0)
		n = -errno;
	close(file);
	return n;
}

int p9_put_qid_of(struct p9_request *rq, int fd)
{
	struct p9_qid qid;
	struct stat st;
	int ret = p9_stat(rq->server, fd, &st);

	if (!ret)
		ret = p9_qid(rq->server, &st, &qid);
	if (!ret)
		p9_put_qid(rq, &qid);
	return ret;
}

/* ---- New objects --------------------------------------------------------- */

/* All or nothing: the caller removes what could not get its attributes. */
static int map_new(const struct p9_fid *dir, int fd, const struct p9_new *new)
{
	int ret = p9_map_owner(fd, dir->uid, new->gid);

	if (!ret)
		ret = p9_map_mode(fd, new->mode);
	if (!ret && (S_ISCHR(new->mode) || S_ISBLK(new->mode)))
		ret = map_device(fd, new->rdev);
	return ret;
}

/*
 * A new owner takes set-user-ID away, so the mode comes second; and a program
 * of the guest's user is not to run as us because its owner could not be set.
 */
int p9_finish_new(const struct p9_server *server, const struct p9_fid *dir,
		  int fd, const struct p9_new *new)
{
	u32 mode = new->mode;

	if (server->mapped)
		return map_new(dir, fd, new);
	if (server->gives_away &&
	    fchownat(fd, "", dir->uid, new->gid, AT_EMPTY_PATH) < 0)
		mode &= ~(u32)(S_ISUID | S_ISGID);
	if (!S_ISLNK(mode))
		p9_set_mode(fd, mode);
	return 0;
}

/* No more than 0777: special bits are for the owner that it will have. */
u32 p9_host_mode(const struct p9_server *server, u32 mode)
{
	if (!server->mapped)
		return mode & (S_IFMT | 0777);
	return S_ISDIR(mode) ? S_IFDIR | 0700 : S_IFREG | 0600;
}

/* ---- Names that are hidden ----------------------------------------------- */

bool p9_hides(const struct p9_server *server, const char *name)
{
	return server->mapped &&
	       !strncmp(name, P9_MAPPED_PREFIX, strlen(P9_MAPPED_PREFIX));
}

/* Names with a zero behind each; the last may be cut. */
u32 p9_visible_names(const struct p9_server *server, char *list, u32 len)
{
	u32 kept = 0, at = 0;

	while (at < len) {
		u32 n = (u32)strnlen(list + at, len - at) + 1;

		n = MIN(n, len - at);
		if (!p9_hides(server, list + at)) {
			memmove(list + kept, list + at, n);
			kept += n;
		}
		at += n;
	}
	return kept;
}
