/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Modules of the guest's kernel without which it cannot mount --root, taken
 * from lib/modules there: kernels of distributions have all of virtio and 9p as
 * modules, those that developers build have them built in, mostly.
 *
 * The root is a file system of any origin, whose links must not lead out of it:
 * its files are opened by openat2(2).
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/openat2.h>

#include "lkvm/arm/root/modules.h"
#include "lkvm/util/cpio.h"
#include "lkvm/util/file.h"
#include "lkvm/util/gzip.h"
#include "lkvm/util/log.h"
#include "lkvm/util/zstd.h"
#include "root.h"

#define GZIP_MAGIC "\x1f\x8b" /* RFC 1952, 2.3.1 */

/* Bytes of a module, unpacked; the largest with debug information have 30 MiB.
 */
#define MAX_MODULE (128 * SZ_1M)

struct collection {
	const char *dir, *release;
	int root;
	char *dep, *builtin; /* NULL: there is no such file */
	struct module_list list;
	struct blob *archive, *settings;
};

/* ---- Files of the root --------------------------------------------------- */

/*
 * A kernel older than 5.6 has no openat2(2); there links are followed only
 * where none leads out, in the host's own root.
 */
static int open_inside(const struct collection *c, const char *path)
{
	const struct open_how how = {
		.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY,
		.resolve = RESOLVE_IN_ROOT,
	};
	int fd = (int)syscall(SYS_openat2, c->root, path, &how, sizeof(how));

	if (fd < 0 && errno == ENOSYS && !strcmp(c->dir, "/"))
		fd = openat(c->root, path, (int)how.flags);
	return fd < 0 ? -errno : fd;
}

/* A regular file: others have no end, or have an effect when they are read. */
static int read_inside(const struct collection *c, const char *name, size_t max,
		       void **data, size_t *len)
{
	char path[RELEASE_SIZE + MODULES_MAX_PATH + 16];
	struct stat st;
	int fd, ret;

	snprintf(path, sizeof(path), "lib/modules/%s/%s", c->release, name);
	fd = open_inside(c, path);
	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		ret = -errno;
	else
		ret = S_ISREG(st.st_mode) ? file_read_fd(fd, max, data, len)
					  : -EINVAL;
	close(fd);
	return ret;
}

/* An error names the file as the user has it. */
static int failed(const struct collection *c, const char *name, int err)
{
	pr_fatal("--root: unable to use %s/lib/modules/%s/%s: %s",
		 strcmp(c->dir, "/") ? c->dir : "", c->release, name,
		 err == -EBADMSG ? "its content is corrupt" : strerror(-err));
	return err;
}

/* NULL if there is none: the guest's kernel may have all built in. */
static int read_list(const struct collection *c, const char *name, char **text)
{
	void *data = NULL;
	size_t len = 0;
	int ret = read_inside(c, name, MODULES_MAX_DEP, &data, &len);

	*text = data;
	return ret && ret != -ENOENT && ret != -ENOTDIR ? failed(c, name, ret)
							: 0;
}

/* ---- Modules that are compressed ----------------------------------------- */

struct memory_source {
	struct byte_source source;
	const u8 *at;
	size_t left;
};

static ssize_t memory_read(struct byte_source *source, void *buf, size_t len)
{
	struct memory_source *mem =
		container_of(source, struct memory_source, source);
	size_t n = MIN(len, mem->left);

	memcpy(buf, mem->at, n);
	mem->at += n;
	mem->left -= n;
	return (ssize_t)n;
}

/* What remains of one of the two readers goes to `out`. */
static int read_all(struct gzip_reader *gzip, struct zstd_reader *zstd,
		    struct blob *out)
{
	u8 buf[4096];
	size_t got = sizeof(buf);
	int ret = 0;

	while (!ret && got == sizeof(buf)) {
		ret = gzip ? gzip_read(gzip, buf, sizeof(buf), &got)
			   : zstd_read(zstd, buf, sizeof(buf), &got);
		if (!ret)
			blob_add(out, buf, got);
		if (!ret)
			ret = out->err;
	}
	return ret == -ENODATA ? -EBADMSG : ret;
}

static bool begins(const void *data, size_t len, const char *magic, size_t n)
{
	return len >= n && !memcmp(data, magic, n);
}

/* 1 if it stays as it is: it is not compressed, or in a way for the guest. */
static int unpack(const void *data, size_t len, struct blob *out)
{
	struct memory_source mem = { { memory_read }, data, len };
	struct gzip_reader *gzip = NULL;
	struct zstd_reader *zstd = NULL;
	int ret = 1;

	if (begins(data, len, GZIP_MAGIC, 2))
		ret = gzip_open_source(&mem.source, &gzip);
	else if (begins(data, len, ZSTD_FRAME_MAGIC, 4))
		ret = zstd_open_source(&mem.source, &zstd);
	if (ret == -ENOTSUP)
		return 1;
	if (!ret)
		ret = read_all(gzip, zstd, out);
	gzip_close(gzip);
	zstd_close(zstd);
	return ret;
}

/*
 * In the archive they have numbers for names. "packed" are those that the
 * guest's kernel unpacks: the magic number of the others is that of ELF.
 */
static void put_module(struct collection *c, unsigned int n, const void *data,
		       size_t len)
{
	bool packed = !begins(data, len,
			      "\x7f"
			      "ELF",
			      4);
	char name[16];

	snprintf(name, sizeof(name), "modules/%u", n);
	cpio_add(c->archive, S_IFREG | 0400, name, data, len);
	root_add_setting(c->settings, packed ? "packed" : "module", name);
}

/*
 * A module is unpacked if its format is one that is known, and passed on as it
 * is otherwise: the kernel may unpack it.
 */
static int add_module(struct collection *c, unsigned int n)
{
	struct blob out = { .limit = MAX_MODULE };
	const char *path = c->list.paths[n];
	void *data = NULL;
	size_t len = 0;
	int ret = read_inside(c, path, MAX_MODULE, &data, &len);

	if (!ret)
		ret = unpack(data, len, &out);
	if (!ret)
		put_module(c, n, out.data, out.size);
	else if (ret > 0)
		put_module(c, n, data, len);
	blob_free(&out);
	free(data);
	return ret < 0 ? failed(c, path, ret) : 0;
}

/* ---- Which --------------------------------------------------------------- */

/* A module that is nowhere is named by the guest if it comes to that. */
static int want(struct collection *c, const char *name)
{
	int ret = c->dep ? modules_add(&c->list, c->dep, name) : -ENOENT;

	if (ret != -ENOENT)
		return ret ? failed(c, "modules.dep", ret) : 0;
	if (!c->builtin || !modules_has(c->builtin, name))
		root_add_setting(c->settings, "missing", name);
	return 0;
}

/* Beside the root's those of the user's devices: nothing else would load them.
 */
static int want_all(const struct vm_config *config, struct collection *c)
{
	bool pci = config->virtio == VIRTIO_TRANSPORT_PCI;
	const struct {
		const char *name;
		bool wanted;
	} modules[] = {
		{ pci ? "virtio_pci" : "virtio_mmio", true },
		{ "9pnet_virtio", true },
		{ "9p", true },
		{ "overlay", true },
		{ "virtio_console",
		  console_config_is_virtio(&config->console) },
		{ "virtio_blk", config->disk.count || config->cloud_init },
		{ "virtio_net", config->network.count },
		{ "virtio_rng", config->rng },
		{ "virtio_balloon", config->balloon.on },
		{ "virtio_pmem", config->pmem.count },
		{ "nd_pmem", config->pmem.count },
		{ "vmw_vsock_virtio_transport", config->vsock },
		{ "virtiofs", config->fs.count },
	};
	int ret = 0;

	for (size_t i = 0; !ret && i < ARRAY_SIZE(modules); i++)
		if (modules[i].wanted)
			ret = want(c, modules[i].name);
	return ret;
}

static int collect(const struct vm_config *config, struct collection *c)
{
	int ret = 0;

	if (c->release)
		ret = read_list(c, "modules.dep", &c->dep);
	if (c->release && !ret)
		ret = read_list(c, "modules.builtin", &c->builtin);
	if (!ret)
		ret = want_all(config, c);
	for (unsigned int i = 0; !ret && i < c->list.count; i++)
		ret = add_module(c, i);
	return ret;
}

/* Files are read below this directory only, whatever links are in it. */
int root_collect_modules(const struct vm_config *config, const char *release,
			 struct blob *archive, struct blob *settings)
{
	/* What `lkvm setup` has made has the host's modules. */
	const struct root_config *root = &config->root;
	struct collection c = { .dir = root->found ? "/" : root->dir,
				.release = release,
				.archive = archive,
				.settings = settings };
	int ret;

	if (root->modules)
		c.dir = root->modules;
	c.root = open(c.dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (c.root < 0) {
		ret = -errno;
		pr_fatal("--%s %s: unable to open it: %s",
			 root->modules ? "modules" : "root", c.dir,
			 strerror(-ret));
		return ret;
	}
	cpio_add(archive, S_IFDIR | 0700, "modules", NULL, 0);
	ret = collect(config, &c);
	if (!ret)
		pr_debug("--root: kernel %s, %u modules", release ?: "unknown",
			 c.list.count);
	modules_free(&c.list);
	free(c.dep);
	free(c.builtin);
	close(c.root);
	return ret;
}
