/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOURCES: disk/format.c disk/decode.c disk/qcow2_*.c */
/* SOURCES: arm/boot/boot_file.c arm/boot/image_file.c util/file.c */
/* SOURCES: arm/boot/pe.c util/zstd.c util/gzip.c arm/root/release.c */
/* SOURCES: tests/unit/image_fixture.c arm/boot/image.c util/blob.c */
/* SOURCES: arm/root/initramfs.c arm/root/collect.c arm/root/settings.c */
/* SOURCES: arm/root/modules.c util/cpio.c */
/* WRAP: isatty memfd_create */
/* What a guest of --root is started with, from trees of all kinds. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <zlib.h>
#include <zstd.h>

#include "arm/root/root.h"
#include "image_fixture.h"
#include "lkvm/util/file.h"

#define ELF    \
	"\x7f" \
	"ELF of "

/* In place of the program for the guest. */
const u8 root_init[] = "the init";
const u64 root_init_size = sizeof(root_init) - 1;

static struct {
	char root[64], modules[128];
	struct vm_config config;
	struct boot_file initrd;
	char *archive;
	size_t len;
	bool tty, no_memory;
} t;

int __wrap_isatty(int fd);
int __real_memfd_create(const char *name, unsigned int flags);
int __wrap_memfd_create(const char *name, unsigned int flags);

int __wrap_memfd_create(const char *name, unsigned int flags)
{
	if (!t.no_memory)
		return __real_memfd_create(name, flags);
	errno = EMFILE;
	return -1;
}

int __wrap_isatty(int fd)
{
	(void)fd;
	return t.tty;
}

/* A file below the modules' folder, whose folder there is. */
static void put(const char *name, const void *data, size_t len)
{
	char path[256];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", t.modules, name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, len), len);
	close(fd);
}

static void put_text(const char *name, const char *text)
{
	put(name, text, strlen(text));
}

static void make_dir(const char *path)
{
	char full[256];

	snprintf(full, sizeof(full), "%s%s", t.root, path);
	assert_int_equal(mkdir(full, 0700), 0);
}

static int setup_root(void **state)
{
	static const char banner[] = "Linux version 6.1.2-test (x) ";
	int ret = setup(state);
	struct fixture *f = *state;

	memset(&t, 0, sizeof(t));
	strcpy(t.root, "/tmp/test_root.XXXXXX");
	assert_non_null(mkdtemp(t.root));
	make_dir("/lib");
	make_dir("/lib/modules");
	make_dir("/lib/modules/6.1.2-test");
	make_dir("/sub");
	snprintf(t.modules, sizeof(t.modules), "%s/lib/modules/6.1.2-test",
		 t.root);
	set_bytes(f, banner, strlen(banner));
	write_file(f);
	assert_int_equal(open_file(f, f->path, "kernel"), 0);
	t.config.name = "tester";
	t.config.root.dir = t.root;
	t.config.virtio = VIRTIO_TRANSPORT_MMIO;
	return ret;
}

static int teardown_root(void **state)
{
	struct fixture *f = *state;
	char command[100];

	boot_file_close(&f->file);
	boot_file_close(&t.initrd);
	free(t.archive);
	snprintf(command, sizeof(command), "rm -r %s", t.root);
	assert_int_equal(system(command), 0);
	return teardown(state);
}

static int make(struct fixture *f)
{
	void *data;
	int ret;

	boot_file_close(&t.initrd);
	free(t.archive);
	t.archive = NULL;
	nr_fatal = 0;
	ret = root_make_initrd(&t.config, &f->file, &t.initrd);
	if (ret)
		return ret;
	assert_true(t.initrd.copy);
	assert_int_equal(lseek(t.initrd.fd, 0, SEEK_SET), 0);
	assert_int_equal(file_read_fd(t.initrd.fd, SZ_1M, &data, &t.len), 0);
	assert_int_equal(t.len, t.initrd.size);
	t.archive = data;
	return 0;
}

static unsigned long number(const char *at)
{
	char text[9] = "";

	memcpy(text, at, 8);
	return strtoul(text, NULL, 16);
}

/* The data of an object of the archive, or NULL. */
static const char *object(const char *name, size_t *len)
{
	const char *at = t.archive;

	while (at + 110 <= t.archive + t.len) {
		size_t name_len = number(at + 6 + 8 * 11);
		size_t size = number(at + 6 + 8 * 6);
		const char *data = at + ALIGN_UP(110 + name_len, 4);

		*len = size;
		if (!strcmp(at + 110, name))
			return data;
		at = data + ALIGN_UP(size, 4);
	}
	return NULL;
}

static void assert_object(const char *name, const char *want)
{
	size_t len;
	const char *data = object(name, &len);

	if (!data)
		fail_msg("no %s", name);
	assert_int_equal(len, strlen(want));
	assert_memory_equal(data, want, len);
}

/* How many of the settings begin with `text`. */
static unsigned int count_settings(const char *text)
{
	size_t len;
	const char *at = object("settings", &len);
	unsigned int n = 0;

	assert_non_null(at);
	for (const char *s = at; s < at + len; s += strlen(s) + 1)
		n += !strncmp(s, text, strlen(text));
	return n;
}

static void assert_setting(const char *text)
{
	if (count_settings(text) != 1)
		fail_msg("%u of %s", count_settings(text), text);
}

static void put_gzip(const char *name, const char *text)
{
	char path[256];
	gzFile out;

	snprintf(path, sizeof(path), "%s/%s", t.modules, name);
	out = gzopen(path, "wb");
	assert_non_null(out);
	assert_int_equal(gzwrite(out, text, (unsigned int)strlen(text)),
			 strlen(text));
	gzclose(out);
}

static void put_zstd(const char *name, const char *text)
{
	char packed[512];
	size_t n = ZSTD_compress(packed, sizeof(packed), text, strlen(text), 1);

	assert_false(ZSTD_isError(n));
	put(name, packed, n);
}

/* Unpacked where that can be done here, and in the order of loading. */
static void modules(void **state)
{
	(void)state;
	put_text("modules.dep", "virtio_mmio.ko:\n"
				"9pnet.ko.gz:\n"
				"9pnet_virtio.ko: 9pnet.ko.gz\n"
				"9p.ko.zst: 9pnet.ko.gz\n"
				"virtio_pci.ko:\n"
				"virtio_console.ko:\n"
				"overlay.ko.xz:\n");
	put_text("virtio_mmio.ko", ELF "mmio");
	put_gzip("9pnet.ko.gz", ELF "9pnet");
	put_text("9pnet_virtio.ko", ELF "9pnet_virtio");
	put_zstd("9p.ko.zst", ELF "9p");
	put_text("overlay.ko.xz", "\xfd"
				  "7zXZ");
	put_text("virtio_console.ko", ELF "console");
	assert_int_equal(make(*state), 0);
	assert_object("init", "the init");
	assert_object("modules/0", ELF "mmio");
	assert_object("modules/1", ELF "9pnet");
	assert_object("modules/2", ELF "9pnet_virtio");
	assert_object("modules/3", ELF "9p");
	assert_object("modules/4", "\xfd"
				   "7zXZ");
	assert_int_equal(count_settings("module="), 4);
	assert_setting("packed=modules/4");
	assert_setting("release=6.1.2-test");
	assert_int_equal(count_settings("missing="), 0);
	t.config.console.device = CONSOLE_VIRTIO;
	assert_int_equal(make(*state), 0);
	assert_object("modules/5", ELF "console");
}

/* Bytes that no format makes less of, and that no buffer has at once. */
static void large_modules(void **state)
{
	static char data[300001], packed[310000];
	char path[256];
	const char *at;
	u32 x = 1;
	size_t n;
	gzFile out;

	memcpy(data, ELF, sizeof(ELF));
	for (size_t i = sizeof(ELF); i < sizeof(data); i++) {
		x = x * 1664525 + 1013904223;
		data[i] = (char)(x >> 24);
	}
	put_text("modules.dep", "9pnet_virtio.ko.gz:\n9p.ko.zst:\n");
	snprintf(path, sizeof(path), "%s/9pnet_virtio.ko.gz", t.modules);
	out = gzopen(path, "wb");
	assert_non_null(out);
	assert_int_equal(gzwrite(out, data, sizeof(data)), sizeof(data));
	gzclose(out);
	n = ZSTD_compress(packed, sizeof(packed), data, sizeof(data), 1);
	assert_false(ZSTD_isError(n));
	put("9p.ko.zst", packed, n);
	assert_int_equal(make(*state), 0);
	at = object("modules/0", &n);
	assert_non_null(at);
	assert_int_equal(n, sizeof(data));
	assert_memory_equal(at, data, sizeof(data));
	at = object("modules/1", &n);
	assert_non_null(at);
	assert_int_equal(n, sizeof(data));
	assert_memory_equal(at, data, sizeof(data));
	assert_int_equal(count_settings("module="), 2);
}

/* Built in, or nowhere; a kernel that says nothing. */
static void missing(void **state)
{
	struct fixture *f = *state;

	put_text("modules.builtin", "kernel/fs/9p/9p.ko\nk/virtio_pci.ko\n");
	t.config.virtio = VIRTIO_TRANSPORT_PCI;
	assert_int_equal(make(f), 0);
	assert_int_equal(count_settings("missing="), 2);
	assert_setting("missing=9pnet_virtio");
	assert_setting("missing=overlay");
	boot_file_close(&f->file);
	set_bytes(f, "no kernel", 9);
	write_file(f);
	assert_int_equal(open_file(f, f->path, "kernel"), 0);
	assert_int_equal(make(f), 0);
	assert_int_equal(count_settings("release="), 0);
	assert_int_equal(count_settings("missing="), 4);
	assert_int_equal(nr_fatal, 0);
}

/* The drivers of what else the guest has, which nothing else would load. */
static void devices(void **state)
{
	t.config.rng = true;
	t.config.balloon.on = true;
	t.config.vsock = 3;
	t.config.disk.count = 1;
	t.config.network.count = 1;
	t.config.pmem.count = 1;
	t.config.fs.count = 1;
	assert_int_equal(make(*state), 0);
	assert_int_equal(count_settings("missing="), 12);
	assert_setting("missing=virtio_rng");
	assert_setting("missing=virtio_balloon");
	assert_setting("missing=vmw_vsock_virtio_transport");
	assert_setting("missing=virtio_blk");
	assert_setting("missing=virtio_net");
	assert_setting("missing=virtio_pmem");
	assert_setting("missing=nd_pmem");
	assert_setting("missing=virtiofs");
}

static void assert_fails(struct fixture *f, const char *text)
{
	assert_true(make(f) < 0);
	if (nr_fatal != 1 || !strstr(fatal, text))
		fail_msg("%u messages: %s", nr_fatal, fatal);
}

/* Files of somebody else. */
static void hostile(void **state)
{
	char path[256], outside[] = "/tmp/test_root_out.XXXXXX";
	int fd = mkstemp(outside);

	(void)state;
	assert_true(fd >= 0);
	close(fd);
	put_text("modules.dep", "9p.ko: ../../x.ko\n");
	assert_fails(*state, "modules.dep: its content is corrupt");
	put_text("modules.dep", "9p.ko: gone.ko\n");
	assert_fails(*state, "gone.ko: No such file");
	put_text("modules.dep", "9p.ko:\n");
	put("9p.ko", "\x1f\x8b\x08", 3);
	assert_fails(*state, "9p.ko: its content is corrupt");
	snprintf(path, sizeof(path), "%s/9p.ko", t.modules);
	unlink(path);
	assert_int_equal(symlink(outside, path), 0);
	assert_fails(*state, "9p.ko: No such file");
	unlink(path);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_fails(*state, "9p.ko: Invalid argument");
	unlink(outside);
}

/* Neither a kernel that cannot be read nor a lack of memory goes unnoticed. */
static void errors(void **state)
{
	struct fixture *f = *state;

	t.no_memory = true;
	assert_int_equal(make(f), -EMFILE);
	assert_int_equal(nr_fatal, 1);
	assert_non_null(strstr(fatal, "no memory for its initramfs"));
	t.no_memory = false;
	boot_file_close(&f->file);
	set_bytes(f, "\x1f\x8b\x08", 3);
	write_file(f);
	assert_int_equal(open_file(f, f->path, "kernel"), 0);
	assert_true(make(f) < 0);
	assert_int_equal(nr_fatal, 1);
}

/* A link inside of the root is followed as the guest would do it. */
static void links(void **state)
{
	char path[256], target[] = "/sub/9p";

	(void)state;
	put_text("modules.dep", "9p.ko:\n");
	put_text("../../../sub/9p", ELF "9p");
	snprintf(path, sizeof(path), "%s/9p.ko", t.modules);
	assert_int_equal(symlink(target, path), 0);
	assert_int_equal(make(*state), 0);
	assert_object("modules/0", ELF "9p");
	/* Those of another directory. */
	t.config.root.modules = t.root;
	t.config.root.dir = "/";
	assert_int_equal(make(*state), 0);
	assert_object("modules/0", ELF "9p");
	t.config.root.modules = "/none/of/that";
	assert_fails(*state, "--modules /none/of/that: unable to open it");
}

static void settings(void **state)
{
	static char one[] = "one", two[] = "t w=o", none[] = "";
	static char *const command[] = { one, two, none, NULL };
	char here[256], path[256];

	(void)state;
	assert_non_null(getcwd(here, sizeof(here)));
	snprintf(path, sizeof(path), "%s/sub", t.root);
	assert_int_equal(chdir(path), 0);
	t.config.root.command = command;
	assert_int_equal(make(*state), 0);
	assert_setting("dir=/sub");
	assert_setting("name=tester");
	assert_setting("tag=" ROOT_TAG);
	assert_setting("status=" ROOT_STATUS_PORT);
	assert_int_equal(count_settings("stdin="), 0);
	assert_int_equal(count_settings("arg="), 3);
	assert_setting("arg=one");
	assert_setting("arg=t w=o");
	assert_setting("output=plain");
	assert_int_equal(count_settings("term="), 0);
	assert_int_equal(count_settings("hostfs="), 0);
	t.config.root.has_input = true;
	assert_int_equal(make(*state), 0);
	assert_setting("stdin=" ROOT_INPUT_PORT);
	t.config.root.init = "/sbin/init";
	t.config.root.command = NULL;
	t.tty = true;
	setenv("TERM", "vt100", 1);
	snprintf(path, sizeof(path), "%s/lib", t.root);
	t.config.root.dir = path;
	assert_int_equal(make(*state), 0);
	assert_setting("init=/sbin/init");
	assert_setting("term=vt100");
	assert_int_equal(count_settings("dir=/"), 1);
	assert_int_equal(count_settings("dir=/s"), 0);
	assert_int_equal(count_settings("status="), 0);
	assert_int_equal(count_settings("output="), 0);
	assert_int_equal(chdir(here), 0);
}

/* Its folder, or "/" where the guest has none like it. */
static void folders(void **state)
{
	char here[256], path[256], above[256], setting[300];

	assert_non_null(getcwd(here, sizeof(here)));
	make_dir("/su");
	snprintf(path, sizeof(path), "%s/sub", t.root);
	snprintf(above, sizeof(above), "%s/su", t.root);
	assert_int_equal(chdir(path), 0);
	t.config.root.dir = above;
	assert_int_equal(make(*state), 0);
	assert_setting("dir=/");
	assert_int_equal(count_settings("dir=/b"), 0);
	t.config.root.dir = path;
	assert_int_equal(make(*state), 0);
	assert_setting("dir=/");
	t.config.root.dir = "/";
	assert_int_equal(make(*state), 0);
	snprintf(setting, sizeof(setting), "dir=%s", path);
	assert_setting(setting);
	t.config.root.found = above;
	assert_int_equal(make(*state), 0);
	assert_setting("hostfs=" ROOT_HOST_TAG);
	assert_int_equal(chdir(here), 0);
}

static void set_stdin(int fd)
{
	assert_true(fd >= 0);
	assert_int_equal(dup2(fd, STDIN_FILENO), STDIN_FILENO);
	close(fd);
}

static void expect_input(struct fixture *f, const char *text)
{
	assert_int_equal(make(f), 0);
	assert_int_equal(count_settings("input="), text ? 1 : 0);
	if (text)
		assert_setting(text);
}

/* What standard input is, and the size of its terminal. */
static void inputs(void **state)
{
	struct winsize size = { .ws_row = 33, .ws_col = 101 };
	int before = dup(STDIN_FILENO);
	int terminal = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);

	assert_true(before >= 0 && terminal >= 0);
	set_stdin(open("/dev/null", O_RDONLY | O_CLOEXEC));
	expect_input(*state, "input=none");
	set_stdin(open("/dev/zero", O_RDONLY | O_CLOEXEC));
	expect_input(*state, "input=plain");
	set_stdin(open("/proc/self/status", O_RDONLY | O_CLOEXEC));
	expect_input(*state, "input=plain");
	assert_int_equal(count_settings("rows="), 0);
	t.tty = true;
	unsetenv("TERM");
	assert_int_equal(ioctl(terminal, TIOCSWINSZ, &size), 0);
	set_stdin(dup(terminal));
	expect_input(*state, NULL);
	assert_setting("rows=33");
	assert_setting("cols=101");
	assert_int_equal(count_settings("term="), 0);
	size.ws_col = 0;
	assert_int_equal(ioctl(terminal, TIOCSWINSZ, &size), 0);
	expect_input(*state, NULL);
	assert_int_equal(count_settings("rows="), 0);
	close(terminal);
	set_stdin(before);
}

#define ROOT(name) \
	cmocka_unit_test_setup_teardown(name, setup_root, teardown_root)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ROOT(modules),	     ROOT(missing),  ROOT(hostile),
		ROOT(links),	     ROOT(settings), ROOT(devices),
		ROOT(large_modules), ROOT(errors),   ROOT(folders),
		ROOT(inputs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
