/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: share/p9_*.c util/iov.c */
/* WRAP: fsync fdatasync */
/*
 * Messages of a 9p session to a server on a directory. Each record of the input
 * is a type, a byte of flags, a length of two bytes and that many bytes of
 * fields; the head is made of them. Whatever comes: a reply is one, nothing is
 * written beside it, and nothing outside of the directory is seen or changed.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "share/p9.h"

#define SECRET	 "lkvm-secret-of-the-host"
#define MAX_MSG	 10000U
#define MAX_IN	 9000U
#define NOISE	 0xee
#define MAX_FIDS 40U

/* Of a record. */
#define ROOM	 0x0f /* for the reply: a multiple of 600, 15 is all */
#define RAW_SIZE 0x10 /* the size is that of the first four bytes */
#define READONLY 0x20 /* of the first record: the server */
#define NO_START 0x40 /* of the first record: no session is begun */
#define CUT	 0x80 /* buffers of 5 bytes and the rest; of the first: mapped */

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);
int __wrap_fsync(int fd);
int __wrap_fdatasync(int fd);

static struct {
	int share, out;
	char dir[64];
	struct stat secret, outside;
} host;

static u8 message[MAX_MSG], reply[MAX_IN + 64];

static void require(bool what)
{
	if (!what)
		abort();
}

/* Content is not what is looked for, and disks are slow. */
int __wrap_fsync(int fd)
{
	return fcntl(fd, F_GETFD) < 0 ? -1 : 0;
}

int __wrap_fdatasync(int fd)
{
	return __wrap_fsync(fd);
}

/* ---- The directory ------------------------------------------------------- */

/* Empties it; whatever modes the client has set. */
static void clean(int parent, const char *name)
{
	int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
	struct dirent *d;
	DIR *dir;

	require(fd >= 0);
	dir = fdopendir(fd);
	require(dir);
	while ((d = readdir(dir))) {
		struct stat st;

		if (!strcmp(d->d_name, ".") || !strcmp(d->d_name, ".."))
			continue;
		if (!unlinkat(fd, d->d_name, 0))
			continue;
		require(!fstatat(fd, d->d_name, &st, AT_SYMLINK_NOFOLLOW));
		require(S_ISDIR(st.st_mode));
		fchmodat(fd, d->d_name, 0700, 0);
		clean(fd, d->d_name);
		require(!unlinkat(fd, d->d_name, AT_REMOVEDIR));
	}
	closedir(dir);
}

static void put_file(int dir, const char *name, const char *content)
{
	int fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL, 0644);

	require(fd >= 0);
	require(write(fd, content, strlen(content)) ==
		(ssize_t)strlen(content));
	close(fd);
}

static void remove_all(void)
{
	clean(AT_FDCWD, host.dir);
	rmdir(host.dir);
}

static void make_host(void)
{
	const char *tmp = getenv("TMPDIR");
	int fd;

	/* In memory where there is such a place. */
	if (!tmp)
		tmp = access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm";
	snprintf(host.dir, sizeof(host.dir), "%.40s/lkvm-9p-XXXXXX", tmp);
	require(mkdtemp(host.dir) != NULL);
	atexit(remove_all);
	fd = open(host.dir, O_RDONLY | O_DIRECTORY);
	require(!mkdirat(fd, "share", 0700) && !mkdirat(fd, "out", 0755));
	host.share = openat(fd, "share", O_RDONLY | O_DIRECTORY);
	host.out = openat(fd, "out", O_RDONLY | O_DIRECTORY);
	put_file(host.out, "secret", SECRET);
	require(!fstatat(host.out, "secret", &host.secret, 0));
	require(!fstat(host.out, &host.outside));
	close(fd);
}

static bool same(const struct stat *a, const struct stat *b)
{
	return a->st_mode == b->st_mode && a->st_uid == b->st_uid &&
	       a->st_nlink == b->st_nlink && a->st_size == b->st_size &&
	       a->st_ctim.tv_sec == b->st_ctim.tv_sec &&
	       a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

static void check_outside(void)
{
	struct stat st;

	require(!fstatat(host.out, "secret", &st, 0) &&
		same(&st, &host.secret));
	require(!fstat(host.out, &st) && same(&st, &host.outside));
}

/* Ways out that are none, and something to work on. */
static void fill_share(void)
{
	fchmod(host.share, 0700);
	clean(host.share, ".");
	put_file(host.share, "f", "content");
	require(!mkdirat(host.share, "d", 0700));
	put_file(host.share, "d/g", "content of another");
	require(!symlinkat("../out/secret", host.share, "l"));
	require(!symlinkat("../out", host.share, "d/o"));
	require(!mkfifoat(host.share, "p", 0600));
}

/* ---- Messages ------------------------------------------------------------ */

static u32 cut(struct iovec *iov, u8 *at, u32 len, bool small)
{
	if (!small || len <= 5) {
		iov[0] = (struct iovec) { at, len };
		return 1;
	}
	iov[0] = (struct iovec) { at, 5 };
	iov[1] = (struct iovec) { at + 5, len - 5 };
	return 2;
}

static void check_reply(s64 ret, u32 len, u32 in_len)
{
	u32 size;

	if (ret < 0) {
		require(ret == -EINVAL && (len < 7 || in_len < 11));
		ret = 0;
	} else {
		require(ret >= 7 && ret <= in_len);
		memcpy(&size, reply, sizeof(size));
		require(size == ret && reply[5] == message[5] &&
			reply[6] == message[6]);
		require(reply[4] == P9_RLERROR ? ret == 11
					       : reply[4] == message[4] + 1);
		require(!memmem(reply, (size_t)ret, SECRET, strlen(SECRET)));
	}
	require(is_filled(reply + ret, sizeof(reply) - (size_t)ret, NOISE));
}

static void send_message(struct p9_server *server, u32 len, u8 flags)
{
	u32 room = (flags & ROOM) == ROOM ? MAX_IN : (flags & ROOM) * 600U;
	struct iovec out[2], in[2];
	struct p9_io io = { .out = out, .in = in };

	io.nr_out = cut(out, message, len, flags & CUT);
	io.out_len = len;
	io.nr_in = cut(in, reply, room, flags & CUT);
	io.in_len = room;
	memset(reply, NOISE, sizeof(reply));
	check_reply(p9_server_serve(server, &io), len, room);
	require(p9_server_stats(server)->fids <= MAX_FIDS);
}

static void make_head(u8 type, u32 size)
{
	memcpy(message, &size, sizeof(size));
	message[4] = type;
	message[5] = 0x34;
	message[6] = 0x12;
}

static void begin(struct p9_server *server)
{
	static const u8 version[] = "\0\0\1\0\x08\0"
				    "9P2000.L";
	static const u8 attach[] = "\0\0\0\0\xff\xff\xff\xff\0\0\0\0\0\0\0\0";

	make_head(P9_TVERSION, 7 + sizeof(version) - 1);
	memcpy(message + 7, version, sizeof(version) - 1);
	send_message(server, 7 + sizeof(version) - 1, ROOM);
	require(reply[4] == P9_TVERSION + 1);
	make_head(P9_TATTACH, 7 + sizeof(attach) - 1);
	memcpy(message + 7, attach, sizeof(attach) - 1);
	send_message(server, 7 + sizeof(attach) - 1, ROOM);
	require(reply[4] == P9_TATTACH + 1);
}

/* Returns how many bytes of the input the record has. */
static size_t send_record(struct p9_server *server, const u8 *data, size_t size)
{
	u8 type = data[0], flags = data[1];
	size_t len = MIN((size_t)(data[2] | data[3] << 8), size - 4);

	len = MIN(len, (size_t)MAX_MSG - 7);
	make_head(type, (u32)len + 7);
	memcpy(message + 7, data + 4, len);
	if (flags & RAW_SIZE && len >= 4)
		memcpy(message, data + 4, 4);
	send_message(server, (u32)len + 7, flags);
	return len + 4;
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct p9_params params = { .max_fids = MAX_FIDS };
	struct p9_server *server;
	u8 first = size > 1 ? data[1] : 0;

	if (!host.share)
		make_host();
	fill_share();
	params.root = dup(host.share);
	params.readonly = first & READONLY;
	params.mapped = first & CUT;
	require(!p9_server_create(&params, &server));
	if (!(first & NO_START))
		begin(server);
	while (size >= 4) {
		size_t n = send_record(server, data, size);

		data += n;
		size -= n;
	}
	p9_server_destroy(server);
	check_outside();
	return 0;
}
