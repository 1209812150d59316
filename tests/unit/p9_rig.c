/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "p9_rig.h"

#define PATIENCE 60
#define NOISE	 0xee
#define TAG	 0x1234

struct p9_rig rig;

#define REQUIRE(condition)                                                 \
	do {                                                               \
		if (!(condition)) {                                        \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, \
				#condition);                               \
			abort();                                           \
		}                                                          \
	} while (0)

/* ---- The directory ------------------------------------------------------- */

static int remove_one(const char *path, const struct stat *st, int type,
		      struct FTW *ftw)
{
	(void)st;
	(void)ftw;
	if (type == FTW_DNR || type == FTW_D)
		chmod(path, 0700);
	return remove(path);
}

static void make_dir(struct p9_rig *r)
{
	const char *tmp = getenv("TMPDIR");
	int fd;

	snprintf(r->dir, sizeof(r->dir), "%.40s/lkvm-p9-XXXXXX",
		 tmp ? tmp : "/tmp");
	REQUIRE(mkdtemp(r->dir));
	fd = open(r->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	REQUIRE(fd >= 0);
	REQUIRE(!mkdirat(fd, "share", 0755) && !mkdirat(fd, "out", 0755));
	r->share = openat(fd, "share", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	r->out = openat(fd, "out", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	REQUIRE(r->share >= 0 && r->out >= 0);
	close(fd);
	fd = openat(r->out, "secret", O_WRONLY | O_CREAT, 0644);
	REQUIRE(write(fd, SECRET, sizeof(SECRET)) == sizeof(SECRET));
	close(fd);
}

static void make_server(struct p9_rig *r, bool readonly, u32 max_fids)
{
	struct p9_params params = { .readonly = readonly,
				    .max_fids = max_fids };

	params.root = openat(r->share, ".", O_PATH | O_CLOEXEC);
	REQUIRE(params.root >= 0);
	REQUIRE(!p9_server_create(&params, &r->server));
}

void p9_rig_create(struct p9_rig *r, bool readonly, u32 max_fids)
{
	make_dir(r);
	make_server(r, readonly, max_fids);
	r->in_len = P9_MAX_MSIZE;
	r->cut = 0;
}

void p9_rig_destroy(struct p9_rig *r)
{
	p9_server_destroy(r->server);
	close(r->share);
	close(r->out);
	nftw(r->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

void p9_rig_session(struct p9_rig *r)
{
	REQUIRE(!p9_do(r, P9_TVERSION, "ds", 128 * SZ_1K, "9P2000.L"));
	REQUIRE(!p9_do(r, P9_TATTACH, "ddssd", 0, NOBODY, "root", "",
		       geteuid()));
}

void p9_rig_reopen(struct p9_rig *r, bool readonly, u32 max_fids)
{
	p9_server_destroy(r->server);
	make_server(r, readonly, max_fids);
	p9_rig_session(r);
}

int p9_setup(void **state)
{
	(void)state;
	alarm(PATIENCE);
	umask(027);
	p9_rig_create(&rig, false, 1000);
	p9_rig_session(&rig);
	rig.cut = 5;
	return 0;
}

int p9_teardown(void **state)
{
	(void)state;
	p9_rig_destroy(&rig);
	alarm(0);
	return 0;
}

/* ---- Messages ------------------------------------------------------------ */

static void put(struct p9_rig *r, u32 *len, const void *from, size_t n)
{
	REQUIRE(n <= sizeof(r->request) - *len);
	memcpy(r->request + *len, from, n);
	*len += (u32)n;
}

static void put_int(struct p9_rig *r, u32 *len, u64 value, u32 bytes)
{
	u64 le = htole64(value);

	put(r, len, &le, bytes);
}

static void put_string(struct p9_rig *r, u32 *len, const char *s)
{
	put_int(r, len, strlen(s), 2);
	put(r, len, s, strlen(s));
}

u32 p9_make(struct p9_rig *r, u8 type, const char *format, va_list args)
{
	u32 len = P9_HEADER, size;
	const void *bytes;

	for (; *format; format++) {
		switch (*format) {
		case 'b':
			put_int(r, &len, (u64)va_arg(args, int), 1);
			break;
		case 'w':
			put_int(r, &len, (u64)va_arg(args, int), 2);
			break;
		case 'd':
			put_int(r, &len, va_arg(args, u32), 4);
			break;
		case 'q':
			put_int(r, &len, va_arg(args, u64), 8);
			break;
		case 's':
			put_string(r, &len, va_arg(args, const char *));
			break;
		default:
			REQUIRE(*format == 'V');
			bytes = va_arg(args, const void *);
			put(r, &len, bytes, va_arg(args, u32));
		}
	}
	size = htole32(len);
	memcpy(r->request, &size, sizeof(size));
	r->request[4] = type;
	r->request[5] = TAG & 0xff;
	r->request[6] = TAG >> 8;
	return len;
}

/* At most three buffers each: one that ends in the head, one of one byte. */
static u32 cut(struct iovec *iov, u8 *at, u32 len, u32 first)
{
	u32 n = 0;

	if (first && len > first + 1) {
		iov[n++] = (struct iovec) { at, first };
		iov[n++] = (struct iovec) { at + first, 1 };
		at += first + 1;
		len -= first + 1;
	}
	iov[n++] = (struct iovec) { at, len };
	return n;
}

s64 p9_send(struct p9_rig *r, u32 len)
{
	struct iovec out[3], in[3];
	struct p9_io io = { .out = out, .in = in };
	s64 ret;

	io.nr_out = cut(out, r->request, len, r->cut);
	io.out_len = len;
	io.nr_in = cut(in, r->reply, r->in_len, r->cut);
	io.in_len = r->in_len;
	memset(r->reply, NOISE, sizeof(r->reply));
	ret = p9_server_serve(r->server, &io);
	r->size = ret < 0 ? 0 : (u32)ret;
	r->at = P9_HEADER;
	r->type = ret < 0 ? 0 : r->reply[4];
	REQUIRE(r->size <= r->in_len);
	REQUIRE(is_filled(r->reply + r->size, sizeof(r->reply) - r->size,
			  NOISE));
	return ret;
}

int p9_do(struct p9_rig *r, u8 type, const char *format, ...)
{
	va_list args;
	u32 len, size;
	s64 ret;

	va_start(args, format);
	len = p9_make(r, type, format, args);
	va_end(args);
	ret = p9_send(r, len);
	REQUIRE(ret >= P9_HEADER);
	memcpy(&size, r->reply, sizeof(size));
	REQUIRE(le32toh(size) == ret);
	REQUIRE(r->reply[5] == (TAG & 0xff) && r->reply[6] == TAG >> 8);
	if (r->type == P9_RLERROR) {
		REQUIRE(ret == P9_HEADER + 4);
		return (int)p9_get(r, 4);
	}
	REQUIRE(r->type == type + 1);
	return 0;
}

u64 p9_get(struct p9_rig *r, u32 bytes)
{
	u64 value = 0;

	REQUIRE(bytes <= r->size - r->at);
	memcpy(&value, r->reply + r->at, bytes);
	r->at += bytes;
	return le64toh(value);
}

struct p9_qid p9_get_qid(struct p9_rig *r)
{
	struct p9_qid qid;

	qid.type = (u8)p9_get(r, 1);
	qid.version = (u32)p9_get(r, 4);
	qid.path = p9_get(r, 8);
	return qid;
}

const char *p9_get_string(struct p9_rig *r)
{
	static char text[P9_MAX_SMALL];
	u32 len = (u32)p9_get(r, 2);

	REQUIRE(len <= r->size - r->at && len < sizeof(text));
	memcpy(text, r->reply + r->at, len);
	text[len] = '\0';
	r->at += len;
	return text;
}

/* ---- What tests do often ------------------------------------------------- */

int p9_go(struct p9_rig *r, u32 from, u32 to, const char *path)
{
	u32 len = P9_HEADER, size, n = 0, at;
	char *copy = strdup(path), *save = NULL, *name;
	int error = 0;

	put_int(r, &len, from, 4);
	put_int(r, &len, to, 4);
	at = len;
	put_int(r, &len, 0, 2);
	for (name = strtok_r(copy, "/", &save); name;
	     name = strtok_r(NULL, "/", &save), n++)
		put_string(r, &len, name);
	free(copy);
	put_int(r, &at, n, 2);
	size = htole32(len);
	memcpy(r->request, &size, sizeof(size));
	r->request[4] = P9_TWALK;
	REQUIRE(p9_send(r, len) >= P9_HEADER);
	if (r->type == P9_RLERROR)
		error = (int)p9_get(r, 4);
	else if (p9_get(r, 2) != n)
		error = ENOENT;
	return error;
}

int p9_forget(struct p9_rig *r, u32 fid)
{
	return p9_do(r, P9_TCLUNK, "d", fid);
}

void p9_new_file(struct p9_rig *r, const char *name, const char *content)
{
	int fd = openat(r->share, name, O_WRONLY | O_CREAT | O_EXCL, 0644);
	size_t len = strlen(content);

	REQUIRE(fd >= 0 && write(fd, content, len) == (ssize_t)len);
	close(fd);
}

static void get_time(struct p9_rig *r, struct timespec *ts)
{
	ts->tv_sec = (time_t)p9_get(r, 8);
	ts->tv_nsec = (long)p9_get(r, 8);
}

int p9_look(struct p9_rig *r, u32 fid, struct stat *st)
{
	int error = p9_do(r, P9_TGETATTR, "dq", fid, UINT64_MAX);

	memset(st, 0, sizeof(*st));
	if (error)
		return error;
	REQUIRE(p9_get(r, 8) == 0x7ff);
	st->st_ino = p9_get_qid(r).path;
	st->st_mode = (mode_t)p9_get(r, 4);
	st->st_uid = (uid_t)p9_get(r, 4);
	st->st_gid = (gid_t)p9_get(r, 4);
	st->st_nlink = (nlink_t)p9_get(r, 8);
	st->st_rdev = (dev_t)p9_get(r, 8);
	st->st_size = (off_t)p9_get(r, 8);
	st->st_blksize = (blksize_t)p9_get(r, 8);
	st->st_blocks = (blkcnt_t)p9_get(r, 8);
	get_time(r, &st->st_atim);
	get_time(r, &st->st_mtim);
	get_time(r, &st->st_ctim);
	REQUIRE(r->size - r->at == 32);
	return 0;
}
