/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Internal to share/. All is of the thread that calls p9_server_serve(), but
 * for the counters.
 */
#ifndef SHARE_P9_H
#define SHARE_P9_H

#include <sys/stat.h>

#include "lkvm/share/p9.h"

/* Linux, include/net/9p/9p.h: a reply's type is its request's plus one. */
enum p9_type {
	P9_RLERROR = 7,
	P9_TSTATFS = 8,
	P9_TLOPEN = 12,
	P9_TLCREATE = 14,
	P9_TSYMLINK = 16,
	P9_TMKNOD = 18,
	P9_TRENAME = 20,
	P9_TREADLINK = 22,
	P9_TGETATTR = 24,
	P9_TSETATTR = 26,
	P9_TXATTRWALK = 30,
	P9_TXATTRCREATE = 32,
	P9_TREADDIR = 40,
	P9_TFSYNC = 50,
	P9_TLOCK = 52,
	P9_TGETLOCK = 54,
	P9_TLINK = 70,
	P9_TMKDIR = 72,
	P9_TRENAMEAT = 74,
	P9_TUNLINKAT = 76,
	P9_TVERSION = 100,
	P9_TATTACH = 104,
	P9_TFLUSH = 108,
	P9_TWALK = 110,
	P9_TREAD = 116,
	P9_TWRITE = 118,
	P9_TCLUNK = 120,
	P9_TREMOVE = 122,
	P9_NR_TYPES = 128
};

#define P9_NOFID     UINT32_MAX
#define P9_MAX_WELEM 16 /* names of one walk */

#define P9_HEADER      7U	   /* size, type, tag */
#define P9_READ_HEAD   11U	   /* of Rread and Rreaddir, before the data */
#define P9_WRITE_HEAD  23U	   /* of Twrite */
#define P9_MAX_SMALL   (8 * SZ_1K) /* any message without its data */
#define P9_SCRATCH     SZ_64K	   /* an attribute is not larger */
#define P9_FID_BUCKETS 1024U

/* Bytes of extended attributes that a client may have read or write at once. */
#define P9_MAX_XATTRS (16 * SZ_1M)

enum p9_fid_kind {
	P9_FID_OBJECT,	  /* what a walk has led to, not open */
	P9_FID_OPEN,	  /* a file or directory, by Tlopen or Tlcreate */
	P9_FID_XATTR,	  /* the value of an attribute, or a list of names */
	P9_FID_NEW_XATTR, /* an attribute that is set when the fid is clunked */
};

/* What the client holds. */
struct p9_fid {
	struct p9_fid *next; /* in its bucket */
	u32 id;
	enum p9_fid_kind kind;
	int fd;	 /* of the object, O_PATH unless it is open */
	u32 uid; /* who has attached */
	/* Of attributes. */
	char *name;
	u8 *value;
	u32 size;
	int flags; /* of setxattr(2) */
};

struct p9_server {
	int root;
	struct stat root_stat;
	bool readonly;
	bool mapped;	 /* owners, modes and types are attributes */
	bool gives_away; /* we are root: new objects get the client's owner */
	u32 max_fids, nr_fids;
	u32 msize; /* 0: there is no session */
	u64 xattr_bytes;
	struct p9_fid *fids[P9_FID_BUCKETS];
	dev_t *devices; /* seen so far: see p9_qid() */
	u32 nr_devices;
	struct p9_stats stats;
	/* Of one request: */
	u8 request[P9_MAX_SMALL], reply[P9_MAX_SMALL];
	_Alignas(u64) u8 scratch[P9_SCRATCH];
	struct iovec iov[P9_MAX_BUFFERS];
};

struct p9_qid {
	u8 type;
	u32 version;
	u64 path;
};

/* A request that is being served. */
struct p9_request {
	struct p9_server *server;
	struct p9_io *io;
	u32 size; /* bytes, as its header says */
	u8 type;
	u16 tag;
	/* Fields that were not taken yet, and the first error of others. */
	u8 *at;
	u32 left;
	int error;
	/* The reply: its fields, for which there is `room`, then data. */
	u32 len, room;
	u32 data; /* bytes of it, in the client's buffers already */
};

/* 0 or -errno; the reply's fields are put by then. */
typedef int p9_handler(struct p9_request *rq);

/* ---- p9_message.c: fields of messages ------------------------------------ */

/* Of integers that are missing 0 is returned; see p9_taken(). */
u8 p9_take_u8(struct p9_request *rq);
u16 p9_take_u16(struct p9_request *rq);
u32 p9_take_u32(struct p9_request *rq);
u64 p9_take_u64(struct p9_request *rq);

/* A string without zero bytes, in the request's memory; never NULL. */
const char *p9_take_string(struct p9_request *rq);

/* The same, if it is a name that one object of a directory can have. */
const char *p9_take_name(struct p9_request *rq);

/* The fid of that number; NULL if there is none. */
struct p9_fid *p9_take_fid(struct p9_request *rq);

/*
 * When all fields are taken: 0, or what was wrong with the first bad one, or
 * -EPROTO for bytes behind the last. Nothing that was taken is valid then.
 */
int p9_taken(struct p9_request *rq);

void p9_put_u8(struct p9_request *rq, u8 value);
void p9_put_u16(struct p9_request *rq, u16 value);
void p9_put_u32(struct p9_request *rq, u32 value);
void p9_put_u64(struct p9_request *rq, u64 value);
void p9_put_string(struct p9_request *rq, const char *s, size_t len);
void p9_put_qid(struct p9_request *rq, const struct p9_qid *qid);

/* How many bytes of data fit behind P9_READ_HEAD, if `count` are wanted. */
u32 p9_data_room(const struct p9_request *rq, u32 count);

/* The count of the data and, if `buf` is not NULL, the data. */
void p9_put_data(struct p9_request *rq, const void *buf, u32 len);

/* ---- p9_fid.c: what the client holds ------------------------------------- */

struct p9_fid *p9_fid_find(const struct p9_server *server, u32 id);

/*
 * A new fid for an object of the owner of `like`, or of nobody if that is NULL.
 * It has the descriptor, which is closed after an error: -EINVAL for a number
 * that is in use or none, -EMFILE if there are too many, -ENOMEM.
 */
int p9_fid_add(struct p9_server *server, u32 id, const struct p9_fid *like,
	       int fd, struct p9_fid **out);

/* Closes the object and forgets the number. */
void p9_fid_remove(struct p9_server *server, struct p9_fid *fid);

/* The fid is of this object now; the former is closed. */
void p9_fid_replace(struct p9_fid *fid, int fd, enum p9_fid_kind kind);

/* ---- p9_object.c: objects by their descriptors --------------------------- */

/* "/proc/self/fd/4294967295" */
struct p9_path {
	char text[32];
};

/* A path that names what the descriptor does, for calls that take no less. */
struct p9_path p9_path(int fd);

/* Descriptors or -errno: the object of a name, and a file opened anew. */
int p9_lookup(int dir, const char *name);
int p9_reopen(int fd, int flags);

/* What the client knows an object by. 0 or -ENOMEM. */
int p9_qid(struct p9_server *server, const struct stat *st, struct p9_qid *qid);

/* The path of a qid, for `ino` on `dev`. 0 or -ENOMEM. */
int p9_qid_path(struct p9_server *server, dev_t dev, ino_t ino, u64 *path);

/* Not of a symbolic link. 0 or -errno. */
int p9_set_mode(int fd, u32 mode);

/*
 * Where the object is: a new descriptor of the directory and its name there,
 * which has NAME_MAX bytes and one; or -errno, -EBUSY for the root. It is no
 * more than a guess: others rename as they like.
 */
int p9_locate(const struct p9_server *server, int fd, char *name);

/* ---- p9_owner.c: what the client sees, as itself or as attributes -------- */

/* QEMU, hw/9pfs: names of the attributes that are what the client has set. */
#define P9_MAPPED_PREFIX "user.virtfs."

/* Of a new object. */
struct p9_new {
	u32 mode; /* with its type */
	u32 gid;
	dev_t rdev; /* of a device */
};

/* What the client sees of it. 0 or -errno. */
int p9_stat(const struct p9_server *server, int fd, struct stat *st);

/* Looks an object up and puts its qid. */
int p9_put_qid_of(struct p9_request *rq, int fd);

/*
 * What was just created: it gets the owner of `dir` if we may give it away, and
 * a mode that does not depend on our umask, as far as the file system has
 * these; the client sees what it has become. If these are attributes it fails
 * where those cannot be set, with -errno.
 */
int p9_finish_new(const struct p9_server *server, const struct p9_fid *dir,
		  int fd, const struct p9_new *new);

/* The type and permissions that such an object is created with. */
u32 p9_host_mode(const struct p9_server *server, u32 mode);

/* Where these are attributes: sets them; UINT32_MAX leaves one. 0 or -errno. */
int p9_map_owner(int fd, u32 uid, u32 gid);
int p9_map_mode(int fd, u32 mode);

/* What a file that stands for a link points to: its length, or -errno. */
ssize_t p9_mapped_target(int fd, char *target, size_t size);

/* Attributes that the client does not see; the length of what it sees. */
bool p9_hides(const struct p9_server *server, const char *name);
u32 p9_visible_names(const struct p9_server *server, char *list, u32 len);

/* ---- Handlers, by file --------------------------------------------------- */

/* p9_attr.c */
p9_handler p9_getattr, p9_setattr, p9_statfs, p9_readlink;
/* p9_dir.c */
p9_handler p9_readdir;
/* p9_file.c */
p9_handler p9_lopen, p9_lcreate, p9_read, p9_write, p9_fsync;
/* p9_lock.c */
p9_handler p9_lock, p9_getlock;
/* p9_name.c */
p9_handler p9_mkdir, p9_mknod, p9_symlink, p9_link, p9_unlinkat, p9_renameat,
	p9_rename, p9_remove;
/* p9_walk.c */
p9_handler p9_attach, p9_walk, p9_clunk;
/* p9_xattr.c */
p9_handler p9_xattrwalk, p9_xattrcreate;

/* p9_xattr.c: sets the attribute of a P9_FID_NEW_XATTR. 0 or -errno. */
int p9_xattr_set(const struct p9_fid *fid);

#endif
